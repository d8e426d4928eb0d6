/*
 * Copyright (c) 2026 The kbsd authors
 *
 * Permission to use, copy, modify, and distribute this software for any
 * purpose with or without fee is hereby granted, provided that the above
 * copyright notice and this permission notice appear in all copies.
 *
 * THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
 * WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
 * MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
 * ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
 * WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
 * ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
 * OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
 */


/*
 * The first byte picks a record, the rest is one from a hostile sibling.
 * What is read must write the same bytes, and be fit for an answer.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "object.h"
#include "record.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
answer_is_json(struct wbuf *wb)
{
	static const struct json_limits	 any = { SIZE_MAX, SIZE_MAX, 64 };
	json_t				*j;
	char				 why[128];

	if (wb->failed)
		abort();
	j = json_read((const char *)wb->data, wb->len, &any, why,
	    sizeof(why));
	if (j == NULL)
		abort();
	json_decref(j);
	wb_free(wb);
}

static void
key(struct rbuf *rb, struct wbuf *wb)
{
	struct key_record	 k;
	struct wbuf		 text = { 0 };

	rb_key_record(rb, &k);
	if (rb_end(rb) == -1)
		return;
	if (!key_length_valid((enum algorithm)k.algorithm, k.length))
		abort();
	wb_key_record(wb, &k);
	object_key(&text, &k);
	answer_is_json(&text);
}

static void
user(struct rbuf *rb, struct wbuf *wb)
{
	struct user_record	 u;
	struct wbuf		 text = { 0 };

	rb_user_record(rb, &u);
	if (rb_end(rb) == -1)
		return;
	wb_user_record(wb, &u);
	object_user(&text, &u);
	answer_is_json(&text);
}

/* The text is the store's word: only its ends are looked at. */
static void
policy(struct rbuf *rb, struct wbuf *wb)
{
	struct policy_record	 p;
	struct wbuf		 text = { 0 };

	rb_policy_record(rb, &p);
	if (rb_end(rb) == -1)
		return;
	wb_policy_record(wb, &p);
	object_policy(&text, &p);
	wb_free(&text);
}

static void
lockout(struct rbuf *rb, struct wbuf *wb)
{
	struct lockout_record	 l;

	rb_lockout_record(rb, &l);
	if (rb_end(rb) == 0)
		wb_lockout_record(wb, &l);
}

static void
ask(struct rbuf *rb, struct wbuf *wb)
{
	struct ask	 a;

	rb_ask(rb, &a);
	if (rb_end(rb) == -1)
		return;
	if (permission_needed((enum operation)a.op) == 0)
		abort();
	wb_ask(wb, &a);
}

static void
evidence(struct rbuf *rb, struct wbuf *wb)
{
	struct evidence	 e;

	rb_evidence(rb, &e);
	if (rb_end(rb) == 0)
		wb_evidence(wb, &e);
}

static void	 (*const records[])(struct rbuf *, struct wbuf *) = {
	key, user, policy, lockout, ask, evidence,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rbuf	 rb;
	struct wbuf	 wb = { 0 };
	size_t		 which;

	if (size == 0)
		return (0);
	which = data[0] % (sizeof(records) / sizeof(records[0]));
	rb_init(&rb, data + 1, size - 1);
	records[which](&rb, &wb);
	if (rb_end(&rb) == 0 && (wb.failed || wb.len != size - 1 ||
	    memcmp(wb.data, data + 1, wb.len) != 0))
		abort();
	wb_free(&wb);
	return (0);
}

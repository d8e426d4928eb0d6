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
 * Rows that the broker fetches and keeps for us.  It only carries them, and
 * the store only shelves them: nothing in them counts before its seal has
 * been checked, and a row that can't be read is one that is not there.
 */

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "log.h"

struct call {
	TAILQ_ENTRY(call)	 entry;
	uint64_t		 tag;
	void			(*found)(void *, const struct rows_found *);
	void			(*done)(void *, enum row_result);
	void			*arg;
};

static TAILQ_HEAD(, call)	 calls = TAILQ_HEAD_INITIALIZER(calls);
static uint64_t			 tags;

static struct call *
call_new(void *arg)
{
	struct call	*call;

	if ((call = calloc(1, sizeof(*call))) == NULL)
		return (NULL);
	call->tag = ++tags;
	call->arg = arg;
	return (call);
}

static int
call_send(struct call *call, uint32_t type, struct wbuf *w)
{
	if (edge_send(edge_find(PROC_BROKER, 0), type, w) == -1) {
		free(call);
		return (-1);
	}
	TAILQ_INSERT_TAIL(&calls, call, entry);
	return (0);
}

int
rows_want(const struct rows_wanted *wanted,
    void (*fn)(void *, const struct rows_found *), void *arg)
{
	struct call	*call;
	struct wbuf	 w = { 0 };

	if ((call = call_new(arg)) == NULL)
		return (-1);
	call->found = fn;
	wb_u64(&w, call->tag);
	wb_uuid(&w, &wanted->user);
	wb_str(&w, wanted->name);
	wb_uuid(&w, &wanted->policy);
	wb_uuid(&w, &wanted->key);
	return (call_send(call, IMSG_BROKER_ROWS_WANT, &w));
}

int
rows_put(enum row_kind kind, struct wbuf *record,
    void (*fn)(void *, enum row_result), void *arg)
{
	struct call	*call;
	struct wbuf	 w = { 0 };

	if (record->failed || (call = call_new(arg)) == NULL) {
		wb_free(record);
		return (-1);
	}
	call->done = fn;
	wb_u64(&w, call->tag);
	wb_u8(&w, (uint8_t)kind);
	wb_bytes_of(&w, record);
	wb_free(record);
	return (call_send(call, IMSG_BROKER_ROW_PUT, &w));
}

void
rows_cancel(const void *arg)
{
	struct call	*call, *next;

	TAILQ_FOREACH_SAFE(call, &calls, entry, next)
		if (call->arg == arg) {
			TAILQ_REMOVE(&calls, call, entry);
			free(call);
		}
}

void
rows_down(void)
{
	struct call	*call;

	while ((call = TAILQ_FIRST(&calls)) != NULL) {
		TAILQ_REMOVE(&calls, call, entry);
		if (call->found != NULL)
			call->found(call->arg, NULL);
		else
			call->done(call->arg, ROW_FAILED);
		free(call);
	}
}

static struct call *
call_take(uint64_t tag)
{
	struct call	*call;

	TAILQ_FOREACH(call, &calls, entry)
		if (call->tag == tag) {
			TAILQ_REMOVE(&calls, call, entry);
			return (call);
		}
	return (NULL);
}

/* One of the rows of an answer; 1 when it is there and whole. */
static int
row_begin(struct rbuf *r, struct rbuf *row)
{
	const uint8_t	*data;
	size_t		 len;

	data = rb_bytes(r, &len, 0, EDGE_MESSAGE_MAX);
	rb_init(row, data, len);
	return (len > 0);
}

static int
row_whole(const struct rbuf *row, const char *what)
{
	if (rb_end(row) == 0)
		return (1);
	auth_counts.unsealed++;
	log_alert("a %s's row makes no sense: was the database changed?",
	    what);
	return (0);
}

int
rows_found(struct edge *edge, struct rbuf *r)
{
	struct rows_found	 found = { 0 };
	struct user_record	 user;
	struct lockout_record	 lockout;
	struct policy_record	 policy;
	struct key_record	 key;
	struct call		*call;
	struct rbuf		 u, l, p, k;
	uint64_t		 tag;
	uint8_t			 result;
	int			 has_u, has_l, has_p, has_k;

	(void)edge;
	tag = rb_u64(r);
	has_u = row_begin(r, &u);
	has_l = row_begin(r, &l);
	has_p = row_begin(r, &p);
	has_k = row_begin(r, &k);
	result = rb_enum(r, ROW_RESULT_MAX - 1);
	if (rb_end(r) == -1 || tag == 0 || tag > tags ||
	    (result != ROW_OK && result != ROW_FAILED))
		return (-1);
	if ((call = call_take(tag)) == NULL)
		return (0);		/* cancelled */
	if (call->found == NULL) {
		call->done(call->arg, ROW_FAILED);
		free(call);
		return (-1);
	}
	if (result == ROW_FAILED) {
		call->found(call->arg, NULL);
		free(call);
		return (0);
	}
	if (has_u && (rb_user_record(&u, &user), row_whole(&u, "user")))
		found.user = &user;
	if (has_l && (rb_lockout_record(&l, &lockout),
	    row_whole(&l, "lockout")))
		found.lockout = &lockout;
	if (has_p && (rb_policy_record(&p, &policy),
	    row_whole(&p, "policy")))
		found.policy = &policy;
	if (has_k && (rb_key_record(&k, &key), row_whole(&k, "key")))
		found.key = &key;
	call->found(call->arg, &found);
	free(call);
	return (0);
}

int
rows_done(struct edge *edge, struct rbuf *r)
{
	struct call	*call;
	uint64_t	 tag;
	uint8_t		 result;

	(void)edge;
	tag = rb_u64(r);
	result = rb_enum(r, ROW_RESULT_MAX - 1);
	if (rb_end(r) == -1 || tag == 0 || tag > tags)
		return (-1);
	if ((call = call_take(tag)) == NULL)
		return (0);
	if (call->done == NULL) {
		call->found(call->arg, NULL);
		free(call);
		return (-1);
	}
	call->done(call->arg, (enum row_result)result);
	free(call);
	return (0);
}

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
 * The messages of the broker, taken apart.  A request keeps a copy of its
 * body, since it may wait for others or for the database.
 */

#include <stdlib.h>
#include <string.h>

#include "store.h"

static void
read_find(struct request *q, struct rbuf *r)
{
	rb_uuid(r, &q->id);
	rb_str(r, q->name, sizeof(q->name));
	if (q->row == ROW_NONCE || q->row == ROW_PENDING)
		r->failed = 1;
}

static void
read_list(struct request *q, struct rbuf *r)
{
	struct rbuf	 inner;
	const uint8_t	*p;
	size_t		 len;

	p = rb_bytes(r, &len, 0, ASK_BYTES_MAX);
	if (q->row == ROW_NONCE || q->row == ROW_COLLATERAL)
		r->failed = 1;
	if (r->failed || len == 0)
		return;
	rb_init(&inner, p, len);
	rb_ask(&inner, &q->ask);
	if (rb_end(&inner) == -1)
		r->failed = 1;
}

static int64_t
rb_expiry(struct rbuf *r)
{
	uint64_t	 v = rb_u64(r);

	return (v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

static void
read_record(struct request *q, struct rbuf *r)
{
	size_t	 len;

	switch (q->row) {
	case ROW_USER:
		rb_user_record(r, &q->u.user);
		q->id = q->u.user.id;
		break;
	case ROW_POLICY:
		rb_policy_record(r, &q->u.policy);
		q->id = q->u.policy.id;
		break;
	case ROW_KEY:
		rb_key_record(r, &q->u.key);
		q->id = q->u.key.id;
		break;
	case ROW_LOCKOUT:
		rb_lockout_record(r, &q->u.lockout);
		break;
	case ROW_NONCE:
		rb_digest(r, q->u.nonce);
		q->expiry = rb_expiry(r);
		break;
	case ROW_COLLATERAL:
		rb_str(r, q->name, sizeof(q->name));
		q->expiry = rb_expiry(r);
		rb_bytes(r, &len, 0, RECORD_BYTES_MAX);
		break;
	default:
		r->failed = 1;
	}
}

static void
read_put(struct request *q, struct rbuf *r)
{
	struct rbuf	 inner;
	size_t		 most = 0;

	q->expected = rb_u64(r);
	q->record = rb_bytes(r, &q->recordlen, 1, RECORD_BYTES_MAX);
	if (q->row == ROW_KEY)
		most = INTENT_BYTES_MAX;
	q->intent = rb_bytes(r, &q->intentlen, 0, most);
	if (r->failed)
		return;
	rb_init(&inner, q->record, q->recordlen);
	read_record(q, &inner);
	if (rb_end(&inner) == -1)
		r->failed = 1;
	if (q->row <= ROW_KEY && uuid_isnil(&q->id))
		r->failed = 1;
}

static void
read_delete(struct request *q, struct rbuf *r)
{
	rb_uuid(r, &q->id);
	q->expected = rb_u64(r);
	if (q->row > ROW_KEY)		/* they have no id */
		r->failed = 1;
}

static const struct {
	uint32_t	 type;
	void		(*read)(struct request *, struct rbuf *);
} readers[] = {
	{ IMSG_STORE_FIND,	read_find },
	{ IMSG_STORE_LIST,	read_list },
	{ IMSG_STORE_PUT,	read_put },
	{ IMSG_STORE_DELETE,	read_delete },
};

struct request *
request_new(struct edge *edge, uint32_t type, struct rbuf *body)
{
	struct request	*q;
	struct rbuf	 r;
	const uint8_t	*p;
	size_t		 i;

	if ((q = calloc(1, sizeof(*q))) == NULL)
		return (NULL);
	p = rb_rest(body, &q->rawlen);
	if (rb_end(body) == -1 || (q->raw = malloc(q->rawlen + 1)) == NULL)
		goto fail;
	memcpy(q->raw, p, q->rawlen);
	q->edge = edge;
	q->type = type;
	q->since = now_ms();
	rb_init(&r, q->raw, q->rawlen);
	q->tag = rb_u64(&r);
	q->row = rb_enum(&r, ROW_KIND_MAX - 1);
	for (i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (readers[i].type == type)
			break;
	if (i == sizeof(readers) / sizeof(readers[0]))
		goto fail;
	readers[i].read(q, &r);
	if (rb_end(&r) == -1)
		goto fail;
	return (q);
fail:
	request_free(q);
	return (NULL);
}

void
request_free(struct request *q)
{
	if (q == NULL)
		return;
	wb_free(&q->found);
	wb_free(&q->second);
	/* Sealed, but a hash is nothing to leave lying about. */
	freezero(q->raw, q->rawlen);
	freezero(q, sizeof(*q));
}

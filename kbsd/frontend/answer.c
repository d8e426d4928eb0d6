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
 * Answers of the broker, the engines and auth to clients.  An answer to a
 * request that has ended meanwhile is dropped; one that its sender can't
 * have to give is a violation.
 */
#include <string.h>

#include "frontend.h"
#include "kbsd.h"
#include "log.h"
#include "object.h"

#define WRAPPED_MAX	(64 * 1024)

/* What an answer of the broker says before its records. */
struct head {
	int		 status;
	unsigned int	 retry_after;
	char		 error[ERROR_TEXT_MAX];
	uint8_t		 tees;
	uint8_t		 kind;
	uint32_t	 count;
};

static void
put_key(struct wbuf *w, struct rbuf *r)
{
	struct key_record	 key;

	rb_key_record(r, &key);
	object_key(w, &key);
}

static void
put_policy(struct wbuf *w, struct rbuf *r)
{
	struct policy_record	 policy;

	rb_policy_record(r, &policy);
	if (!r->failed)
		object_policy(w, &policy);
}

static void
put_user(struct wbuf *w, struct rbuf *r)
{
	struct user_record	 user;

	rb_user_record(r, &user);
	object_user(w, &user);
}

static void
put_nonce(struct wbuf *w, struct rbuf *r)
{
	const uint8_t	*val, *iat, *sig;
	size_t		 vallen, iatlen, siglen;

	val = rb_bytes(r, &vallen, 1, NONCE_PART_MAX);
	iat = rb_bytes(r, &iatlen, 0, NONCE_PART_MAX);
	sig = rb_bytes(r, &siglen, 0, NONCE_PART_MAX);
	if (!r->failed)
		object_nonce(w, val, vallen, iat, iatlen, sig, siglen);
}

static const struct {
	void	(*put)(struct wbuf *, struct rbuf *);
	int	 list;
} kinds[ANSWER_KIND_MAX] = {
	[ANSWER_NONE] = { NULL, 0 },
	[ANSWER_NONCE] = { put_nonce, 0 },
	[ANSWER_KEY] = { put_key, 0 },
	[ANSWER_KEYS] = { put_key, 1 },
	[ANSWER_POLICY] = { put_policy, 0 },
	[ANSWER_POLICIES] = { put_policy, 1 },
	[ANSWER_USER] = { put_user, 0 },
	[ANSWER_USERS] = { put_user, 1 },
};

/* Records to JSON; as many as were announced, and nothing behind them. */
static int
put_records(struct wbuf *w, struct rbuf *r, const struct head *h)
{
	uint32_t	 i;

	if (kinds[h->kind].put == NULL)
		return (h->count == 0 ? rb_end(r) : -1);
	if (!kinds[h->kind].list && h->count != 1)
		return (-1);
	if (kinds[h->kind].list)
		object_list_begin(w);
	for (i = 0; i < h->count && !r->failed; i++) {
		if (kinds[h->kind].list)
			object_list_next(w);
		kinds[h->kind].put(w, r);
	}
	if (kinds[h->kind].list)
		object_list_end(w);
	return (rb_end(r));
}

static int
read_head(struct rbuf *r, struct head *h)
{
	h->status = rb_u16(r);
	h->retry_after = rb_u16(r);
	rb_str(r, h->error, sizeof(h->error));
	h->tees = rb_u8(r);
	h->kind = rb_enum(r, ANSWER_KIND_MAX - 1);
	h->count = rb_u32(r);
	if (r->failed || h->status < 200 || h->status > 599 ||
	    h->retry_after > RETRY_AFTER_MAX || (h->tees & ~TEE_ALL) != 0)
		return (-1);
	/* errors have a text, the rest may have records */
	if (h->status >= 300)
		return (h->kind == ANSWER_NONE && h->count == 0 ? 0 : -1);
	return (h->status == 204 && h->kind != ANSWER_NONE ? -1 : 0);
}

static void
reply(struct request *req, struct reply *rep, struct wbuf *body)
{
	if (body->failed) {
		request_fail(req, 503, "out of memory");
		return;
	}
	rep->body = body->data;
	rep->bodylen = body->len;
	if (body->len == 0)
		rep->type = NULL;
	request_reply(req, rep);
}

int
answer_broker(struct edge *edge, struct rbuf *r)
{
	struct request	*req;
	struct reply	 rep = { .type = "application/json" };
	struct head	 h;
	struct wbuf	 w = { 0 };
	char		 tees[TEES_TEXT];
	int		 ret = -1;

	(void)edge;
	if ((req = request_find(rb_u64(r))) == NULL)
		return (0);
	if ((req->waits & WAIT_BROKER) == 0 || read_head(r, &h) == -1 ||
	    put_records(&w, r, &h) == -1 ||
	    (req->checking && h.kind != ANSWER_NONE))
		goto done;
	ret = 0;
	if (h.status >= 300) {
		request_fail_retry(req, h.status, h.retry_after, h.error);
		goto done;
	}
	if (req->checking) {
		request_fail_noted(req);
		goto done;
	}
	rep.status = h.status;
	rep.retry_after = h.retry_after;
	if (h.tees != 0)
		rep.tees = tees_format(h.tees, tees);
	reply(req, &rep, &w);
done:
	wb_free(&w);
	return (ret);
}

int
answer_engine(struct edge *edge, struct rbuf *r)
{
	struct request	*req;
	struct reply	 rep = { .status = 200, .type = "application/json" };
	struct wbuf	 w = { 0 };
	const uint8_t	*key, *swk;
	size_t		 keylen, swklen;
	uint8_t		 tees;
	char		 text[TEES_TEXT];

	if ((req = request_find(rb_u64(r))) == NULL)
		return (0);
	tees = rb_u8(r);
	key = rb_bytes(r, &keylen, 1, WRAPPED_MAX);
	swk = rb_bytes(r, &swklen, 0, WRAPPED_MAX);
	if (rb_end(r) == -1 || (req->waits & WAIT_ENGINE) == 0 ||
	    edge->instance != request_engine(req) ||
	    (tees & ~TEE_ALL) != 0 ||
	    (tees != 0) != (req->route->op == OP_TRANSFER))
		return (-1);
	object_wrapped(&w, key, keylen, swk, swklen);
	if (tees != 0)
		rep.tees = tees_format(tees, text);
	reply(req, &rep, &w);
	wb_free(&w);
	return (0);
}

int
answer_auth(struct edge *edge, struct rbuf *r)
{
	struct request	*req;
	struct reply	 rep = { .type = "application/jwt" };
	char		 error[ERROR_TEXT_MAX];
	const uint8_t	*token;
	size_t		 len;

	(void)edge;
	if ((req = request_find(rb_u64(r))) == NULL)
		return (0);
	rep.status = rb_u16(r);
	rep.retry_after = rb_u16(r);
	rb_str(r, error, sizeof(error));
	token = rb_bytes(r, &len, 0, BEARER_TEXT_MAX);
	if (rb_end(r) == -1 || req->waits != WAIT_AUTH ||
	    (rep.status != 200 && (rep.status < 400 || rep.status > 599)) ||
	    rep.retry_after > RETRY_AFTER_MAX ||
	    (rep.status == 200) != (len > 0))
		return (-1);
	if (rep.status != 200) {
		request_fail_retry(req, rep.status, rep.retry_after, error);
		return (0);
	}
	rep.body = token;
	rep.bodylen = len;
	request_reply(req, &rep);
	return (0);
}

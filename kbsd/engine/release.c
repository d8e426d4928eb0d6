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
 * The release of a key: the wrapping key is judged and digested before kms is
 * asked, so that the plaintext is here for the wrapping alone.
 */

#include <errno.h>
#include <string.h>

#include "digest.h"
#include "engine.h"
#include "log.h"

/*
 * Who waits for what is wrapped.  The broker has a front number too, and a
 * gate's clients are no administrators.
 */
static struct edge *
release_front(const struct request *req)
{
	struct edge	*edge = edge_front(req->name.front);

	if (edge == NULL)
		return (NULL);
	if (edge->peer == PROC_CONTROL || (edge->peer == PROC_FRONTEND &&
	    req->order.operation != OP_KEY_BACKUP))
		return (edge);
	if (edge->peer == PROC_GATE && req->order.operation == OP_TRANSFER)
		return (edge);
	return (NULL);
}

/* Which one of a key's versions; without a word, the newest. */
static int
release_version(struct request *req)
{
	struct rbuf	 r;

	if (req->order.argumentlen == 0)
		return (0);
	rb_init(&r, req->order.argument, req->order.argumentlen);
	req->version = rb_u32(&r);
	return (rb_end(&r));
}

static const char *
release_attested(struct request *req)
{
	const struct half_verdict	*v = &req->verdict;
	const char		*why;

	if (release_version(req) == -1)
		return ("the order's version is none");
	/* longer than the least */
	if ((why = pubkey_check(v->e, v->elen, v->n, v->nlen,
	    WRAPPING_LEAST + 1)) != NULL)
		return (why);
	wrapping_key_digest(req->wrapping, v->e, v->elen, v->n, v->nlen);
	req->pkey = pubkey_make(v->e, v->elen, v->n, v->nlen);
	return (NULL);
}

static const char *
release_granted(struct request *req)
{
	const struct half_order	*o = &req->order;
	struct der		 e, n;
	const char		*why;

	if ((why = pubkey_spki(o->argument, o->argumentlen, &e, &n)) != NULL ||
	    (why = pubkey_check(e.p, e.left, n.p, n.left,
	    WRAPPING_LEAST)) != NULL)
		return (why);
	digest(req->wrapping, o->argument, o->argumentlen);
	req->pkey = pubkey_make(e.p, e.left, n.p, n.left);
	return (NULL);
}

void
release_start(struct request *req)
{
	int		 granted = req->order.operation == OP_KEY_RELEASE;
	const char	*why;

	why = granted ? release_granted(req) : release_attested(req);
	if (why == NULL && req->pkey == NULL)
		why = "wrapping key: not usable";
	if (why != NULL)
		request_done(req, granted ? DONE_INVALID : DONE_REFUSED, why,
		    NULL, 0);
	else if (release_front(req) == NULL)
		request_done(req, DONE_UNAVAILABLE, "who asked is gone", NULL,
		    0);
	else
		kms_fetch(req);
}

void
release_backup(struct request *req)
{
	if (release_version(req) == -1 || req->version == 0)
		request_done(req, DONE_REFUSED, "the order's version is none",
		    NULL, 0);
	else if (release_front(req) == NULL)
		request_done(req, DONE_UNAVAILABLE, "who asked is gone", NULL,
		    0);
	else
		kms_fetch(req);
}

static int
release_send(struct request *req, const struct wrapped *wrapped)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, req->name.number);
	wb_u8(&w, req->order.operation == OP_TRANSFER ? req->verdict.tees : 0);
	wb_bytes(&w, wrapped->key, wrapped->keylen);
	wb_bytes(&w, wrapped->swk, wrapped->swklen);
	return (edge_send(release_front(req), IMSG_FRONTEND_WRAPPED, &w));
}

/* What is backed up is sealed already, for its recipient. */
static int
release_wrap(struct request *req, struct wrapped *w, const uint8_t *material,
    size_t len)
{
	if (req->order.operation == OP_KEY_BACKUP) {
		w->key = material;
		w->keylen = len;
		return (0);
	}
	/* No workload is answered without an SWK. */
	if (kms_wraps(&req->order.record))
		return (wrap_ready(w, material, len) == 0 &&
		    (w->swklen > 0 || req->order.operation != OP_TRANSFER) ?
		    0 : -1);
	if (req->order.operation == OP_TRANSFER)
		return (wrap_transfer(w, req->pkey, material, len));
	return (wrap_release(w, req->pkey, material, len));
}

void
release_fetched(struct request *req, const uint8_t *material, size_t len)
{
	struct wrapped	 wrapped = { 0 };
	uint64_t	 began = now_us();

	if (release_wrap(req, &wrapped, material, len) == -1) {
		request_done(req, DONE_REFUSED, "the key can't be wrapped",
		    NULL, 0);
		return;
	}
	histogram_add(&counts.wrapping, now_us() - began);
	if (release_send(req, &wrapped) == -1) {
		request_done(req, errno == EAGAIN ? DONE_BUSY :
		    DONE_UNAVAILABLE, "who asked does not take it", NULL, 0);
		return;
	}
	counts.released++;
	request_done(req, DONE_OK, "", NULL, 0);
}

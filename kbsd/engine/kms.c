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
 * What is said to the kms of a key's keystore, and what it answers.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "engine.h"
#include "log.h"

/* kms has its own clock; its word on what took so long comes first. */
#define KMS_GRACE_MS	1000

/* by instance */
static struct {
	char	 name[NAME_MAX_STORE];
	uint8_t	 makes;			/* 1 << ALG_*: it makes those itself */
	int	 wraps;			/* its keys, itself */
} keystores[KEYSTORES_MAX];
static uint32_t	 nkeystores;

int
kms_config(struct rbuf *r)
{
	uint32_t	 i;

	nkeystores = rb_u32(r);
	if (nkeystores > KEYSTORES_MAX)
		return (-1);
	for (i = 0; i < nkeystores; i++) {
		rb_str(r, keystores[i].name, sizeof(keystores[i].name));
		keystores[i].makes = rb_u8(r);
		keystores[i].wraps = rb_bool(r);
	}
	return (rb_end(r));
}

/* nkeystores: there is none of this name. */
static uint32_t
kms_find(const char *name)
{
	uint32_t	 i;

	for (i = 0; i < nkeystores; i++)
		if (strcmp(keystores[i].name, name) == 0)
			break;
	return (i);
}

int
kms_makes(const struct key_record *record)
{
	uint32_t	 i = kms_find(record->keystore);

	return (i < nkeystores &&
	    (keystores[i].makes & 1 << record->algorithm) != 0);
}

int
kms_wraps(const struct key_record *record)
{
	uint32_t	 i = kms_find(record->keystore);

	return (i < nkeystores && keystores[i].wraps);
}

static uint64_t
deadline_in(const struct request *req, unsigned int ms)
{
	uint64_t	 deadline = now_ms() + ms;

	return (deadline < req->order.deadline ? deadline :
	    req->order.deadline);
}

static uint64_t
kms_deadline(const struct request *req)
{
	return (deadline_in(req, DEADLINE_KEYSTORE_MS));
}

/* The first members are those of all. */
static void
kms_begin(struct wbuf *w, const struct request *req)
{
	struct wbuf	 record = { 0 };

	wb_name(w, &req->name);
	wb_u8(w, req->order.operation);
	wb_u8(w, (uint8_t)agree_half(req->order.operation));
	wb_key_record(&record, &req->order.record);
	wb_bytes_of(w, &record);
	wb_free(&record);
}

static void
kms_ask(struct request *req, uint32_t type, struct wbuf *w, uint64_t deadline)
{
	uint32_t	 i = kms_find(req->order.record.keystore);

	if (i < nkeystores)
		trace_pass(edge_find(PROC_KMS, i), IMSG_KMS_TRACE,
		    &req->name);
	if (i == nkeystores) {
		wb_free(w);
		request_done(req, DONE_UNAVAILABLE, "no such keystore", NULL,
		    0);
	} else if (edge_send(edge_find(PROC_KMS, i), type, w) == 0)
		halves_asking(req, i, type, deadline + KMS_GRACE_MS);
	else if (errno == EPIPE)
		request_done(req, DONE_UNAVAILABLE,
		    "the keystore's process is gone", NULL, 0);
	else
		request_done(req, DONE_BUSY, "the keystore is busy", NULL, 0);
}

/* What the digest is of, for a keystore that wraps by it itself. */
static void
put_wrapping(struct wbuf *w, const struct request *req)
{
	const struct half_verdict	*v = &req->verdict;
	struct wbuf			 key = { 0 };

	if (kms_wraps(&req->order.record) &&
	    req->order.operation == OP_KEY_RELEASE) {
		wb_bytes(w, req->order.argument, req->order.argumentlen);
		return;
	}
	if (kms_wraps(&req->order.record) &&
	    req->order.operation == OP_TRANSFER) {
		wb_bytes(&key, v->e, v->elen);
		wb_bytes(&key, v->n, v->nlen);
	}
	wb_bytes_of(w, &key);
	wb_free(&key);
}

void
kms_fetch(struct request *req)
{
	struct wbuf	 w = { 0 };
	uint64_t	 deadline = kms_deadline(req);

	kms_begin(&w, req);
	wb_digest(&w, req->order.policy_digest);
	wb_digest(&w, req->wrapping);
	wb_u32(&w, req->version);
	wb_u64(&w, deadline);
	put_wrapping(&w, req);
	kms_ask(req, IMSG_KMS_FETCH, &w, deadline);
}

/*
 * Without material the backend has it, the digest is that of its id then, or
 * is to make it.
 */
void
kms_store(struct request *req, const uint8_t *material, size_t len)
{
	struct wbuf	 w = { 0 };
	uint8_t		 d[DIGEST_LEN];
	uint64_t	 deadline;

	/* A pair takes its time, there as here. */
	deadline = deadline_in(req, len == 0 &&
	    req->order.operation != OP_KEY_REGISTER &&
	    req->order.record.algorithm == ALG_RSA ? DEADLINE_REQUEST_MS :
	    DEADLINE_KEYSTORE_MS);
	if (len > 0)
		digest(d, material, len);
	else
		memcpy(d, req->grant.detail, sizeof(d));
	kms_begin(&w, req);
	wb_digest(&w, req->order.policy_digest);
	wb_digest(&w, d);
	wb_u64(&w, deadline);
	wb_u8(&w, (uint8_t)agree_given_as(&req->order));
	wb_bytes(&w, material, len);
	kms_ask(req, IMSG_KMS_STORE, &w, deadline);
}

/*
 * The id of the new policy is the order's argument; without one the record
 * names it already.  What counts is the digest, which has the id in it.
 */
void
kms_reseal(struct request *req)
{
	const struct half_order	*o = &req->order;
	struct wbuf		 w = { 0 };
	struct uuid		 policy = o->record.policy;
	uint64_t		 deadline = kms_deadline(req);

	if (o->argumentlen == sizeof(policy.b))
		memcpy(policy.b, o->argument, sizeof(policy.b));
	else if (o->argumentlen != 0) {
		request_done(req, DONE_REFUSED, "the new policy's id is none",
		    NULL, 0);
		return;
	}
	kms_begin(&w, req);
	wb_digest(&w, o->policy_digest);
	wb_uuid(&w, &policy);
	wb_u64(&w, deadline);
	kms_ask(req, IMSG_KMS_RESEAL, &w, deadline);
}

void
kms_delete(struct request *req)
{
	struct wbuf	 w = { 0 };
	uint64_t	 deadline = kms_deadline(req);

	kms_begin(&w, req);
	wb_u64(&w, deadline);
	kms_ask(req, IMSG_KMS_DELETE, &w, deadline);
}

/* --- its answers ------------------------------------------------------- */

/* The broker gets a record that is one, of this key, or nothing. */
static void
kms_answered(struct request *req, enum done_result result,
    const char *reason, const uint8_t *record, size_t len)
{
	struct key_record	 k;
	struct rbuf		 r;

	if (len > 0) {
		rb_init(&r, record, len);
		rb_key_record(&r, &k);
		if (rb_end(&r) == -1 ||
		    uuid_cmp(&k.id, &req->order.record.id) != 0) {
			request_done(req, DONE_REFUSED, "kms answered with "
			    "another record", NULL, 0);
			return;
		}
	}
	request_done(req, result, reason, record, len);
}

/* With DONE_STALE the newest record takes the place of the material. */
int
kms_fetched(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	const uint8_t		*p;
	char			 reason[REASON_TEXT_MAX];
	enum done_result	 result;
	size_t			 len;

	rb_name(r, &name);
	result = (enum done_result)rb_enum(r, DONE_RESULT_MAX - 1);
	rb_str(r, reason, sizeof(reason));
	p = rb_bytes(r, &len, 0, MATERIAL_WRAPPED_MAX);
	if (rb_end(r) == -1 || (result == DONE_OK && len == 0))
		return (-1);
	if ((req = halves_asked(edge, &name, 1)) == NULL)
		return (0);
	if (result == DONE_OK)
		release_fetched(req, p, len);
	else
		kms_answered(req, result, reason, p,
		    result == DONE_STALE ? len : 0);
	return (0);
}

int
kms_stored(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	const uint8_t		*p;
	char			 reason[REASON_TEXT_MAX];
	enum done_result	 result;
	size_t			 len;

	rb_name(r, &name);
	result = (enum done_result)rb_enum(r, DONE_RESULT_MAX - 1);
	rb_str(r, reason, sizeof(reason));
	p = rb_bytes(r, &len, 0, KEY_RECORD_MAX);
	if (rb_end(r) == -1)
		return (-1);
	if ((req = halves_asked(edge, &name, 0)) == NULL)
		return (0);
	if (result == DONE_OK && req->asked == IMSG_KMS_STORE)
		counts.made++;
	else if (result == DONE_OK)
		counts.changed++;
	kms_answered(req, result, reason, p, len);
	queue_answered();
	return (0);
}

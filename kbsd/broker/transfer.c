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
 * The way of a key to an attested workload: record and policy, a verifier's
 * judgement, the nonce spent, the audit line and, at once, the ORDER.
 */

#include <stdio.h>
#include <string.h>

#include "broker.h"
#include "log.h"

/* A denial that the broker itself has to say. */
static void
transfer_deny(struct request *req, unsigned int status, const char *text,
    const char *reason)
{
	struct line	 line = {
		.event = AUDIT_DECISION,
		.verdict = "deny",
		.reason = reason,
	};

	broker_counts.denials++;
	(void)lines_record(req, &line);
	answer_error(req, status, 0, text);
}

void
transfer_appraise(struct request *req)
{
	struct edge	*verifier = request_verifier();
	struct wbuf	 w = { 0 };
	uint32_t	 type = IMSG_VERIFIER_NONCE;

	wb_name(&w, &req->name);
	wb_u64(&w, req->deadline);
	wb_uuid(&w, &req->key.id);
	wb_uuid(&w, &req->key.policy);
	wb_bytes_of(&w, &req->policy);
	if (req->step != TRANSFER_FIRST) {
		type = req->op == OP_TEST ? IMSG_VERIFIER_TEST :
		    IMSG_VERIFIER_APPRAISE;
		wb_u8(&w, req->step);
		wb_bytes_of(&w, &req->evidence);
	}
	trace_pass(verifier, IMSG_VERIFIER_TRACE, &req->name);
	if (edge_send(verifier, type, &w) == -1) {
		answer_error(req, 503, 1, "the verifier is busy");
		return;
	}
	request_wait(req, verifier);
}

/* The request's key and policy are there. */
static void
transfer_known(struct request *req)
{
	if (req->policy.failed || req->evidence.failed) {
		answer_error(req, 503, 1, "no memory");
		return;
	}
	if (req->key.state != KEY_ACTIVE && req->key.state != KEY_MOVING) {
		answer_error(req, 404, 0, "no such key");
		return;
	}
	if (uuid_isnil(&req->key.policy)) {
		transfer_deny(req, 401, "this key is not released on "
		    "attestation", "the key has no transfer policy");
		return;
	}
	if (req->policy.len == 0) {
		transfer_deny(req, 500, "the key's policy is missing",
		    "the key's policy is not in the store");
		return;
	}
	transfer_appraise(req);
}

int
transfer_policy(struct request *req, struct uuid *id, const uint8_t *record,
    size_t len)
{
	struct policy_record	 policy;
	struct rbuf		 r;

	rb_init(&r, record, len);
	rb_policy_record(&r, &policy);
	if (rb_end(&r) == -1)
		return (-1);
	wb_raw(&req->policy, policy.text, policy.textlen);
	*id = policy.id;
	req->policy_version = policy.row_version;
	policy_digest(req->policy_digest, &policy.id, policy.text,
	    policy.textlen);
	return (0);
}

/* Copy what the store found into the request. */
static int
transfer_take(struct request *req, const struct row_found *found)
{
	struct uuid	 id;
	struct rbuf	 r;

	rb_init(&r, found->record, found->len);
	rb_key_record(&r, &req->key);
	if (rb_end(&r) == -1)
		return (-1);
	wb_free(&req->policy);
	memset(req->policy_digest, 0, DIGEST_LEN);
	if (found->secondlen == 0)
		return (0);
	if (transfer_policy(req, &id, found->second, found->secondlen) == -1)
		return (-1);
	cache_put(req);
	return (0);
}

static void
transfer_found(void *arg, const struct row_found *found)
{
	struct request	*req = arg;

	if (found->result == ROW_NONE)
		answer_error(req, 404, 0, "no such key");
	else if (found->result != ROW_OK || transfer_take(req, found) == -1)
		answer_error(req, 503, 1, "the store failed");
	else
		transfer_known(req);
}

static void
transfer_lookup(struct request *req)
{
	if (cache_get(&req->id, req) == 0)
		transfer_known(req);
	else if (rows_find(ROW_KEY, &req->id, "", transfer_found, req) == -1)
		answer_error(req, 503, 1, "the store is busy");
}

int
transfer_begin(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	struct front		*front = edge->data;
	const uint8_t		*evidence;
	char			 client[ADDRESS_TEXT_MAX];
	struct uuid		 id;
	size_t			 len;
	uint32_t		 version;
	uint8_t			 step;

	name.front = edge->front;
	name.number = rb_u64(r);
	rb_str(r, client, sizeof(client));
	rb_uuid(r, &id);
	step = rb_enum(r, TRANSFER_STEP_MAX - 1);
	version = rb_u32(r);
	evidence = rb_bytes(r, &len, 0, EVIDENCE_MAX + 4096);
	if (rb_end(r) == -1)
		return (-1);
	if (request_admit(edge, len) == -1) {
		answer_busy(edge, name.number);
		return (0);
	}
	broker_counts.transfers++;
	if ((req = request_new(&name, OP_TRANSFER,
	    DEADLINE_REQUEST_MS)) == NULL)
		return (request_none(edge, name.number));
	req->id = id;
	req->step = step;
	req->version = version;
	strlcpy(req->client, client, sizeof(req->client));
	wb_raw(&req->evidence, evidence, len);
	front->bytes += req->bytes = len;
	transfer_lookup(req);
	return (0);
}

int
transfer_nonced(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	struct wbuf		 parts = { 0 };
	const uint8_t		*part;
	char			 text[ERROR_TEXT_MAX], reason[REASON_TEXT_MAX];
	uint16_t		 status;
	uint8_t			 verdict, tees;
	size_t			 len;
	int			 i;

	rb_name(r, &name);
	verdict = rb_enum(r, VERDICT_MAX - 1);
	status = rb_u16(r);
	rb_str(r, text, sizeof(text));
	rb_str(r, reason, sizeof(reason));
	tees = rb_u8(r);
	for (i = 0; i < 3; i++) {
		part = rb_bytes(r, &len, 0, NONCE_PART_MAX);
		wb_bytes(&parts, part, len);
	}
	if (rb_end(r) == -1 || tees > TEE_ALL) {
		wb_free(&parts);
		return (-1);
	}
	if ((req = request_find(&name)) == NULL || req->on != edge ||
	    req->op != OP_TRANSFER || req->step != TRANSFER_FIRST) {
		wb_free(&parts);
		return (0);
	}
	request_wait(req, NULL);
	if (verdict == VERDICT_OK) {
		answer_nonce(req, tees, &parts);
		return (0);
	}
	wb_free(&parts);
	log_info("no nonce for a client: %s", reason);
	answer_error(req, status, verdict == VERDICT_BUSY ? 1 : 0, text);
	return (0);
}

/* Nothing stands in the way: tell audit, and the engine at once. */
static void
transfer_release(struct request *req)
{
	struct line	 line = {
		.event = AUDIT_DECISION,
		.verdict = "release",
		.kms = 1,
	};
	struct wbuf	 version = { 0 };
	char		 reason[32];

	if (req->version != 0) {
		wb_u32(&version, req->version);
		snprintf(reason, sizeof(reason), "version %u", req->version);
		line.reason = reason;
	}
	if (lines_record(req, &line) == -1) {
		wb_free(&version);
		answer_error(req, 503, 5, "the decision can't be recorded");
		return;
	}
	if (keys_order(req, version.data, version.len) == -1)
		answer_error(req, 503, 1, "the engine is busy");
	wb_free(&version);
}

static void
transfer_nonce_spent(void *arg, const struct row_found *found)
{
	struct request	*req = arg;

	if (found->result == ROW_EXISTS)
		transfer_deny(req, 401, "attestation denied: nonce",
		    "the nonce was used before");
	else if (found->result != ROW_OK)
		answer_error(req, 503, 1, "the store failed");
	else
		transfer_release(req);
}

struct appraised {
	uint8_t		 verdict;
	uint16_t	 status;
	char		 text[ERROR_TEXT_MAX];
	char		 reason[REASON_TEXT_MAX];
	char		 claim[CLAIM_TEXT_MAX];
	char		 wanted[CLAIM_TEXT_MAX];
	char		 got[CLAIM_TEXT_MAX];
	uint8_t		 tees;
	uint8_t		 evidence[DIGEST_LEN];
	uint8_t		 wrapping[DIGEST_LEN];
	uint8_t		 nonce[DIGEST_LEN];
	uint64_t	 nonce_expiry;
};

static int
appraised_read(struct rbuf *r, struct request_name *name, struct appraised *a)
{
	rb_name(r, name);
	a->verdict = rb_enum(r, VERDICT_MAX - 1);
	a->status = rb_u16(r);
	rb_str(r, a->text, sizeof(a->text));
	rb_str(r, a->reason, sizeof(a->reason));
	rb_str(r, a->claim, sizeof(a->claim));
	rb_str(r, a->wanted, sizeof(a->wanted));
	rb_str(r, a->got, sizeof(a->got));
	a->tees = rb_u8(r);
	rb_digest(r, a->evidence);
	rb_digest(r, a->wrapping);
	rb_digest(r, a->nonce);
	a->nonce_expiry = rb_u64(r);
	return (a->tees > TEE_ALL ? -1 : rb_end(r));
}

static void
transfer_refused(struct request *req, const struct appraised *a)
{
	struct line	 line = {
		.event = AUDIT_DECISION,
		.verdict = a->verdict == VERDICT_DENIED ? "deny" :
		    "unavailable",
		.reason = a->reason,
		.claim = a->claim,
		.wanted = a->wanted,
		.got = a->got,
	};

	broker_counts.denials++;
	(void)lines_record(req, &line);
	answer_error(req, a->status, a->verdict == VERDICT_BUSY ? 1 : 0,
	    a->text);
}

/* The verdict is good and still about what is stored. */
static void
transfer_agreed(struct request *req, const struct appraised *a)
{
	static const uint8_t	 none[DIGEST_LEN];
	struct wbuf		 w = { 0 };

	if (memcmp(a->nonce, none, DIGEST_LEN) == 0 ||
	    memcmp(a->nonce, req->spent, DIGEST_LEN) == 0) {
		transfer_release(req);
		return;
	}
	memcpy(req->spent, a->nonce, DIGEST_LEN);
	wb_digest(&w, a->nonce);
	wb_u64(&w, a->nonce_expiry);
	if (rows_put(ROW_NONCE, 0, &w, NULL, transfer_nonce_spent, req) == -1)
		answer_error(req, 503, 1, "the store is busy");
	wb_free(&w);
}

/* Judged by rows that have changed meanwhile: once more, from the start. */
static void
transfer_again(struct request *req)
{
	if (req->again++ > 0) {
		answer_error(req, 503, 1, "the key was changed meanwhile");
		return;
	}
	cache_drop(&req->id);
	transfer_lookup(req);
}

/*
 * Without a cache that is known to be true the store is asked again; the
 * nonce waits in req->row meanwhile.
 */
static void
transfer_rechecked(void *arg, const struct row_found *found)
{
	struct request		*req = arg;
	struct appraised	 a = { .verdict = VERDICT_OK };
	struct key_record	 key = req->key;
	uint64_t		 policy_version = req->policy_version;
	struct rbuf		 r;

	rb_init(&r, req->row.data, req->row.len);
	rb_digest(&r, a.nonce);
	a.nonce_expiry = rb_u64(&r);
	if (found->result != ROW_OK || transfer_take(req, found) == -1)
		answer_error(req, 503, 1, "the store failed");
	else if (req->key.row_version != key.row_version ||
	    req->policy_version != policy_version)
		transfer_again(req);
	else
		transfer_agreed(req, &a);
}

int
transfer_appraised(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	struct appraised	 a;
	int			 same;

	if (appraised_read(r, &name, &a) == -1)
		return (-1);
	if ((req = request_find(&name)) == NULL || req->on != edge ||
	    req->op != OP_TRANSFER || req->step == TRANSFER_FIRST)
		return (0);
	request_wait(req, NULL);
	req->tees = a.tees;
	memcpy(req->evidence_digest, a.evidence, DIGEST_LEN);
	memcpy(req->wrapping, a.wrapping, DIGEST_LEN);
	if (a.verdict != VERDICT_OK) {
		transfer_refused(req, &a);
		return (0);
	}
	req->halved = 1;
	same = cache_same(req);
	if (same == 1)
		transfer_agreed(req, &a);
	else if (same == 0)
		transfer_again(req);
	else {
		wb_free(&req->row);
		wb_digest(&req->row, a.nonce);
		wb_u64(&req->row, a.nonce_expiry);
		if (rows_find(ROW_KEY, &req->id, "", transfer_rechecked,
		    req) == -1)
			answer_error(req, 503, 1, "the store is busy");
	}
	return (0);
}

static void
transfer_refreshed(void *arg, const struct row_found *found)
{
	struct request	*req = arg;

	(void)found;		/* the answer to again tells */
	transfer_again(req);
}

/* kms has sealed this key since: put its newest record back, begin again. */
static void
transfer_stale(struct request *req, const struct key_record *newest)
{
	keys_put_newest(req, newest, transfer_refreshed);
}

void
transfer_done(struct request *req, enum done_result result,
    const char *reason, const struct key_record *newest)
{
	struct line	 line = {
		.event = AUDIT_OUTCOME,
		.verdict = result == DONE_OK ? "released" : "failed",
		.reason = reason,
	};

	if (result == DONE_STALE && newest != NULL && !req->again) {
		transfer_stale(req, newest);
		return;
	}
	(void)lines_record(req, &line);
	if (result == DONE_NONE && req->version != 0) {
		answer_error(req, 404, 0, "no such version of the key");
		return;
	}
	if (result != DONE_OK) {
		answer_done(req, result, reason);
		return;
	}
	/* The engine has answered the client itself. */
	broker_counts.releases++;
	monitor_finished(req, 200, "");
	request_free(req);
}

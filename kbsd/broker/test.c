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
 * Tests of a policy: evidence that an operator has is judged as that of a
 * transfer would be.  No engine hears of it, no nonce is spent, nothing is
 * released, and what was looked at is told to the operator alone.
 */

#include <string.h>

#include "broker.h"

static void
test_policy(struct request *req, const uint8_t *record, size_t len)
{
	if (transfer_policy(req, &req->key.policy, record, len) == -1)
		answer_error(req, 503, 1, "the store failed");
	else if (req->policy.failed || req->evidence.failed)
		answer_error(req, 503, 1, "no memory");
	else
		transfer_appraise(req);
}

static void
test_key_found(void *arg, const struct row_found *found)
{
	struct request	*req = arg;

	if (found->result == ROW_NONE)
		answer_error(req, 404, 0, "no such policy or key");
	else if (found->result != ROW_OK)
		answer_error(req, 503, 1, "the store failed");
	else if (found->secondlen == 0)
		answer_error(req, 400, 0, "the key has no policy");
	else
		test_policy(req, found->second, found->secondlen);
}

static void
test_policy_found(void *arg, const struct row_found *found)
{
	struct request	*req = arg;

	if (found->result == ROW_OK)
		test_policy(req, found->record, found->len);
	else if (found->result != ROW_NONE)
		answer_error(req, 503, 1, "the store failed");
	else if (rows_find(ROW_KEY, &req->object, "", test_key_found,
	    req) == -1)
		answer_error(req, 503, 1, "the store is busy");
}

static int
test_read(struct rbuf *r, struct request_name *name, struct uuid *id,
    struct rbuf *evidence, uint8_t *step)
{
	struct evidence	 e;
	struct rbuf	 inner;
	const uint8_t	*p;
	size_t		 len;

	name->number = rb_u64(r);
	rb_uuid(r, id);
	p = rb_bytes(r, &len, 1, EVIDENCE_MAX + 4096);
	if (rb_end(r) == -1)
		return (-1);
	rb_init(evidence, p, len);
	inner = *evidence;
	rb_evidence(&inner, &e);
	*step = e.tokenlen > 0 ? TRANSFER_TOKEN : TRANSFER_EVIDENCE;
	return (rb_end(&inner));
}

int
test_begin(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name = { .front = edge->front };
	struct front		*front = edge->data;
	struct request		*req;
	struct rbuf		 evidence;
	struct uuid		 id;
	uint8_t			 step;

	if (test_read(r, &name, &id, &evidence, &step) == -1)
		return (-1);
	if (request_admit(edge, evidence.left) == -1) {
		answer_busy(edge, name.number);
		return (0);
	}
	if ((req = request_new(&name, OP_TEST, DEADLINE_REQUEST_MS)) == NULL)
		return (request_none(edge, name.number));
	req->object = id;
	req->step = step;
	front->bytes += req->bytes = evidence.left;
	wb_raw(&req->evidence, evidence.p, evidence.left);
	if (rows_find(ROW_POLICY, &id, "", test_policy_found, req) == -1)
		answer_error(req, 503, 1, "the store is busy");
	return (0);
}

int
test_tested(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	struct rbuf		 rows;
	struct check		 check;
	struct wbuf		 w = { 0 };
	uint32_t		 i, n;

	rb_name(r, &name);
	n = rb_u32(r);
	rows = *r;
	for (i = 0; i < n && !r->failed; i++)
		rb_check(r, &check);
	if (rb_end(r) == -1)
		return (-1);
	if ((req = request_find(&name)) == NULL || req->on != edge ||
	    req->op != OP_TEST)
		return (0);
	request_wait(req, NULL);
	wb_raw(&w, rows.p, rows.left);
	answer_records(req, 200, ANSWER_CHECKS, n, &w);
	return (0);
}

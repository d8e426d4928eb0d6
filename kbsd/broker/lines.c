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

/* Audit lines of requests, and what audit says of them. */

#include <string.h>

#include "broker.h"
#include "log.h"

static const uint8_t	zero[DIGEST_LEN];

static void
line_body(struct wbuf *w, const struct request *req, const struct line *line)
{
	char			 id[REQUEST_ID_TEXT];
	const struct uuid	*object = &req->key.id;

	if (uuid_isnil(object))
		object = uuid_isnil(&req->object) ? &req->id : &req->object;
	wb_u8(w, line->event);
	wb_str(w, name_format(&req->name, id));
	wb_str(w, req->client);
	wb_str(w, req->who);
	wb_uuid(w, object);
	wb_uuid(w, &req->key.policy);
	wb_u8(w, req->tees);
	wb_digest(w, req->evidence_digest);
	wb_str(w, line->verdict);
	wb_str(w, line->reason);
	wb_str(w, line->claim);
	wb_str(w, line->wanted);
	wb_str(w, line->got);
}

int
lines_record(const struct request *req, const struct line *line)
{
	struct edge	*audit = edge_find(PROC_AUDIT, 0);
	struct wbuf	 w = { 0 };

	trace_pass(audit, IMSG_AUDIT_TRACE, &req->name);
	wb_name(&w, &req->name);
	wb_u8(&w, req->op);
	wb_str(&w, line->kms ? req->key.keystore : "");
	wb_uuid(&w, &req->key.id);
	wb_digest(&w, line->kms ? req->policy_digest : zero);
	wb_digest(&w, line->kms ? req->wrapping : zero);
	wb_u8(&w, line->reply != 0);
	line_body(&w, req, line);
	return (edge_send(audit, IMSG_AUDIT_RECORD, &w));
}

int
lines_login(const char *client, const char *name, int ok, const char *reason)
{
	struct request	 req;
	struct line	 line = {
		.event = AUDIT_DECISION,
		.verdict = ok ? "login" : "deny",
		.reason = reason,
	};

	memset(&req, 0, sizeof(req));
	request_own_name(&req.name);
	req.op = OP_LOGIN;
	strlcpy(req.client, client, sizeof(req.client));
	strlcpy(req.who, name, sizeof(req.who));
	return (lines_record(&req, &line));
}

int
lines_recorded(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	struct uuid		 key;
	uint8_t			 policy[DIGEST_LEN], wrapping[DIGEST_LEN];

	rb_name(r, &name);
	rb_enum(r, OP_MAX - 1);
	rb_uuid(r, &key);
	rb_digest(r, policy);
	rb_digest(r, wrapping);
	rb_u64(r);
	if (rb_end(r) == -1)
		return (-1);
	if ((req = request_find(&name)) == NULL || req->on != edge)
		return (0);
	request_wait(req, NULL);
	admin_recorded(req);
	return (0);
}

/*
 * No record, no key: kms hears nothing and refuses, the client need not wait
 * for that.
 */
int
lines_not_recorded(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	char			 reason[REASON_TEXT_MAX];

	(void)edge;
	rb_name(r, &name);
	rb_str(r, reason, sizeof(reason));
	if (rb_end(r) == -1)
		return (-1);
	if ((req = request_find(&name)) == NULL)
		return (0);
	log_alert("the audit line of a %s is not written: %s",
	    operation_name(req->op), reason);
	answer_error(req, 503, 5, "the decision can't be recorded");
	return (0);
}

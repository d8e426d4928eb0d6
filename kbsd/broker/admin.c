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
 * Administrators' requests: what is asked goes on to auth as it came; what
 * auth grants is done.  Key writes are in keys.c.
 */

#include <string.h>

#include "broker.h"
#include "digest.h"
#include "log.h"

static void	admin_list(struct request *);
static void	admin_find_row(struct request *);
static void	admin_record_first(struct request *);

/* What a grant leads to. */
static const struct {
	void		(*granted)(struct request *);
	enum row_kind	 row;
	enum answer_kind one, many;
	const char	*none;		/* 404 */
	unsigned int	 status;	/* of a change that was made */
} operations[OP_MAX] = {
	[OP_KEY_RELEASE] = { .granted = keys_granted },
	[OP_KEY_CREATE] = { .granted = keys_granted },
	[OP_KEY_REGISTER] = { .granted = keys_granted },
	[OP_KEY_MOVE] = { .granted = keys_granted },
	[OP_KEY_DELETE] = { .granted = keys_granted },
	[OP_KEY_FORGET] = { .granted = keys_granted },
	[OP_KEY_ROTATE] = { .granted = keys_granted },
	[OP_KEY_BACKUP] = { .granted = keys_granted },
	[OP_KEY_FIND] = { admin_find_row, ROW_KEY, ANSWER_KEY, ANSWER_KEYS,
	    "no such key", 200 },
	[OP_KEY_SEARCH] = { admin_list, ROW_KEY, ANSWER_KEY, ANSWER_KEYS,
	    NULL, 200 },
	[OP_POLICY_CREATE] = { admin_record_first, ROW_POLICY, ANSWER_POLICY,
	    ANSWER_POLICIES, NULL, 201 },
	[OP_POLICY_FIND] = { admin_find_row, ROW_POLICY, ANSWER_POLICY,
	    ANSWER_POLICIES, "no such policy", 200 },
	[OP_POLICY_SEARCH] = { admin_list, ROW_POLICY, ANSWER_POLICY,
	    ANSWER_POLICIES, NULL, 200 },
	[OP_POLICY_DELETE] = { admin_record_first, ROW_POLICY, ANSWER_POLICY,
	    ANSWER_POLICIES, "no such policy", 204 },
	[OP_USER_CREATE] = { admin_record_first, ROW_USER, ANSWER_USER,
	    ANSWER_USERS, NULL, 201 },
	[OP_USER_FIND] = { admin_find_row, ROW_USER, ANSWER_USER,
	    ANSWER_USERS, "no such user", 200 },
	[OP_USER_SEARCH] = { admin_list, ROW_USER, ANSWER_USER, ANSWER_USERS,
	    NULL, 200 },
	[OP_USER_UPDATE] = { admin_record_first, ROW_USER, ANSWER_USER,
	    ANSWER_USERS, "no such user", 200 },
	[OP_USER_DELETE] = { admin_record_first, ROW_USER, ANSWER_USER,
	    ANSWER_USERS, "no such user", 204 },
	[OP_USER_UNLOCK] = { admin_record_first, ROW_LOCKOUT, ANSWER_NONE,
	    ANSWER_NONE, NULL, 204 },
	[OP_USER_BACKUP] = { admin_record_first, ROW_USER, ANSWER_SEALED,
	    ANSWER_NONE, NULL, 200 },
};

static int
admin_read_ask(struct request *req)
{
	struct rbuf	 r;

	rb_init(&r, req->askbytes.data, req->askbytes.len);
	rb_ask(&r, &req->ask);
	if (rb_end(&r) == -1 || operations[req->ask.op].granted == NULL)
		return (-1);
	req->op = req->ask.op;
	req->id = req->ask.id;
	return (0);
}

static uint64_t
admin_deadline(const uint8_t *ask, size_t len)
{
	if (len > 0 && operation_makes(ask[0]))
		return (DEADLINE_MAKE_MS);
	return (DEADLINE_REQUEST_MS);
}

int
admin_ask(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	struct front		*front = edge->data;
	struct edge		*auth;
	struct wbuf		 w = { 0 };
	const uint8_t		*ask;
	char			 client[ADDRESS_TEXT_MAX];
	size_t			 len;

	name.front = edge->front;
	name.number = rb_u64(r);
	rb_str(r, client, sizeof(client));
	ask = rb_bytes(r, &len, 1, EVIDENCE_MAX);
	if (rb_end(r) == -1)
		return (-1);
	if (request_admit(edge, len) == -1) {
		answer_busy(edge, name.number);
		return (0);
	}
	if ((req = request_new(&name, OP_NONE, admin_deadline(ask,
	    len))) == NULL)
		return (request_none(edge, name.number));
	strlcpy(req->client, client, sizeof(req->client));
	wb_raw(&req->askbytes, ask, len);
	front->bytes += req->bytes = len;
	if (req->askbytes.failed) {
		answer_error(req, 503, 1, "no memory");
		return (0);
	}
	if (admin_read_ask(req) == -1) {
		request_free(req);
		return (-1);
	}
	wb_name(&w, &name);
	wb_str(&w, client);
	wb_bytes(&w, ask, len);
	if (edge_send(auth = edge_find(PROC_AUTH, 0), IMSG_AUTH_ASKED,
	    &w) == -1)
		answer_error(req, 503, 1, "auth is busy");
	else
		request_wait(req, auth);
	return (0);
}

int
admin_refused(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	struct line		 line = {
		.event = AUDIT_DECISION, .verdict = "deny",
	};
	char			 error[ERROR_TEXT_MAX], who[NAME_MAX_USER + 16];
	char			 reason[REASON_TEXT_MAX];
	uint16_t		 status, retry;

	rb_name(r, &name);
	status = rb_u16(r);
	retry = rb_u16(r);
	rb_str(r, error, sizeof(error));
	rb_str(r, who, sizeof(who));
	rb_str(r, reason, sizeof(reason));
	if (rb_end(r) == -1 || status < 400 || status > 599)
		return (-1);
	if ((req = request_find(&name)) == NULL || req->on != edge)
		return (0);
	request_wait(req, NULL);
	strlcpy(req->who, who, sizeof(req->who));
	line.reason = reason;
	(void)lines_record(req, &line);
	answer_error(req, status, retry, error);
	return (0);
}

int
admin_granted(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	struct uuid		 user, object;
	const uint8_t		*row, *intent;
	char			 who[NAME_MAX_USER + 16];
	uint8_t			 op, asked[DIGEST_LEN], ours[DIGEST_LEN];
	uint8_t			 policy[DIGEST_LEN], seal[DIGEST_LEN];
	uint64_t		 when;
	size_t			 rowlen, intentlen;

	rb_name(r, &name);
	rb_uuid(r, &user);
	rb_str(r, who, sizeof(who));
	op = rb_enum(r, OP_MAX - 1);
	rb_digest(r, asked);
	rb_uuid(r, &object);
	when = rb_u64(r);
	rb_digest(r, policy);
	row = rb_bytes(r, &rowlen, 0, EVIDENCE_MAX);
	intent = rb_bytes(r, &intentlen, 0, 4096);
	rb_digest(r, seal);
	if (rb_end(r) == -1)
		return (-1);
	if ((req = request_find(&name)) == NULL || req->on != edge)
		return (0);
	digest(ours, req->askbytes.data, req->askbytes.len);
	if (name.front != self.front && (op != req->op ||
	    memcmp(ours, asked, DIGEST_LEN) != 0))
		return (-1);
	request_wait(req, NULL);
	req->user = user;
	req->object = object;
	req->time = (int64_t)when;
	strlcpy(req->who, who, sizeof(req->who));
	memcpy(req->policy_digest, policy, DIGEST_LEN);
	wb_raw(&req->row, row, rowlen);
	wb_raw(&req->intent, intent, intentlen);
	memcpy(req->granted_seal, seal, DIGEST_LEN);
	req->halved = name.front == self.front ||
	    operations[op].granted == keys_granted;
	if (name.front == self.front) {
		req->op = op;
		return (leftover_granted(req));
	}
	if ((req->ask.filter & FILTER_CHECK) != 0)
		answer_records(req, 200, ANSWER_NONE, 0, NULL);
	else
		operations[op].granted(req);
	return (0);
}

/* --- looking ------------------------------------------------------------- */

static void
admin_found(void *arg, const struct row_found *found)
{
	struct request	*req = arg;
	struct wbuf	 w = { 0 };

	if (found->result == ROW_NONE) {
		answer_error(req, 404, 0, operations[req->op].none);
		return;
	}
	if (found->result != ROW_OK) {
		answer_error(req, 503, 1, "the store failed");
		return;
	}
	wb_raw(&w, found->record, found->len);
	answer_records(req, 200, operations[req->op].one, 1, &w);
}

static void
admin_find_row(struct request *req)
{
	if (rows_find(operations[req->op].row, &req->id, "", admin_found,
	    req) == -1)
		answer_error(req, 503, 1, "the store is busy");
}

static void
admin_listed(void *arg, const struct row_found *found)
{
	struct request	*req = arg;
	struct wbuf	 w = { 0 };
	const uint8_t	*record;
	size_t		 len;
	uint32_t	 i;

	if (found->result == ROW_NONE) {
		answer_error(req, 400, 0, "nothing has the id that `after' "
		    "names");
		return;
	}
	if (found->result != ROW_OK) {
		answer_error(req, 503, 1, "the store failed");
		return;
	}
	for (i = 0; i < found->count; i++) {
		record = rb_bytes(found->list, &len, 0, EVIDENCE_MAX);
		wb_raw(&w, record, len);
		(void)rb_bytes(found->list, &len, 0, 4096);	/* intent */
	}
	if (rb_end(found->list) == -1 || w.failed) {
		wb_free(&w);
		answer_error(req, 503, 0, "the list can't be read");
		return;
	}
	answer_records(req, 200, operations[req->op].many, found->count, &w);
}

static void
admin_list(struct request *req)
{
	if (rows_list(operations[req->op].row, &req->askbytes, admin_listed,
	    req) == -1)
		answer_error(req, 503, 1, "the store is busy");
}

/* --- changing users and policies ----------------------------------------- */

static void
admin_changed(void *arg, const struct row_found *found)
{
	struct request	*req = arg;
	struct wbuf	 w = { 0 };

	switch (found->result) {
	case ROW_OK:
		break;
	case ROW_NONE:
		answer_error(req, 404, 0, operations[req->op].none != NULL ?
		    operations[req->op].none : "not found");
		return;
	case ROW_EXISTS:
		answer_error(req, 400, 0, "the name is taken");
		return;
	case ROW_CONFLICT:
		answer_error(req, 503, 1, "it was changed meanwhile");
		return;
	case ROW_IN_USE:
		answer_error(req, 400, 0, "a key uses this policy");
		return;
	default:
		answer_error(req, 503, 1, "the store failed");
		return;
	}
	if (req->op == OP_POLICY_DELETE)
		cache_clear();
	if (operations[req->op].status == 204) {
		answer_records(req, 204, ANSWER_NONE, 0, NULL);
		return;
	}
	wb_raw_of(&w, &req->row);
	answer_records(req, operations[req->op].status,
	    operations[req->op].one, 1, &w);
}

/* The row's version that auth saw: it stands in the new record. */
static uint64_t
admin_expected(const struct request *req)
{
	struct user_record	 user;
	struct rbuf		 r;

	if (req->op != OP_USER_UPDATE)
		return (0);
	rb_init(&r, req->row.data, req->row.len);
	rb_user_record(&r, &user);
	return (rb_end(&r) == -1 ? 0 : user.row_version);
}

/* What auth has sealed for somebody else changes nothing here. */
static void
admin_sealed(struct request *req)
{
	struct wbuf	 w = { 0 };

	wb_bytes(&w, req->row.data, req->row.len);
	answer_records(req, 200, ANSWER_SEALED, 1, &w);
}

/* The line is written: now the change. */
void
admin_recorded(struct request *req)
{
	enum row_kind	 kind = operations[req->op].row;
	int		 error;

	if (operations[req->op].granted != admin_record_first)
		return;
	if (req->op == OP_USER_BACKUP) {
		admin_sealed(req);
		return;
	}
	if (req->row.len == 0)		/* nothing takes its place */
		error = rows_delete(kind, &req->id, 0, admin_changed, req);
	else
		error = rows_put(kind, admin_expected(req), &req->row, NULL,
		    admin_changed, req);
	if (error == -1)
		answer_error(req, 503, 1, "the store is busy");
}

static void
admin_record_first(struct request *req)
{
	struct line	 line = {
		.event = AUDIT_DECISION, .verdict = "grant", .reply = 1,
	};

	/* It has no id that would say whose it is. */
	if (req->op == OP_USER_UNLOCK)
		line.reason = req->ask.name;
	if (lines_record(req, &line) == -1)
		answer_error(req, 503, 5, "the decision can't be recorded");
	else
		request_wait(req, edge_find(PROC_AUDIT, 0));
}

int
admin_logged_in(struct edge *edge, struct rbuf *r)
{
	char	 client[ADDRESS_TEXT_MAX], name[NAME_MAX_USER];
	char	 reason[REASON_TEXT_MAX];
	int	 ok;

	(void)edge;
	rb_str(r, client, sizeof(client));
	rb_str(r, name, sizeof(name));
	ok = rb_bool(r);
	rb_str(r, reason, sizeof(reason));
	if (rb_end(r) == -1)
		return (-1);
	(void)lines_login(client, name, ok, reason);
	monitor_login(client, name, ok, reason);
	return (0);
}

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
 * Key writes and grants of release.  A write has two sides: the record goes
 * into the store as pending (moving, deleting) with auth's intent, the engine
 * and kms do their part, then the record becomes active (or goes).  What a
 * crash leaves between them, leftover.c finishes.
 */

#include <stdio.h>
#include <string.h>

#include "broker.h"
#include "digest.h"
#include "log.h"

static void	key_make(struct request *);
static void	key_change(struct request *);
static void	key_release(struct request *);
static void	key_rotate(struct request *);
static void	key_made(struct request *, const struct key_record *);
static void	key_moved(struct request *, const struct key_record *);
static void	key_deleted(struct request *, const struct key_record *);
static void	key_released(struct request *, const struct key_record *);
static void	key_rotated(struct request *, const struct key_record *);

static const struct {
	void		(*granted)(struct request *);
	void		(*done)(struct request *, const struct key_record *);
	int		 maker;		/* the ORDER goes to the maker */
	int		 row;		/* says that it is under way */
} key_ops[OP_MAX] = {
	[OP_KEY_CREATE] = { key_make, key_made, 1, 1 },
	[OP_KEY_REGISTER] = { key_make, key_made, 1, 1 },
	[OP_KEY_MOVE] = { key_change, key_moved, 0, 1 },
	[OP_KEY_DELETE] = { key_change, key_deleted, 0, 1 },
	[OP_KEY_FORGET] = { key_change, key_deleted, 0, 1 },
	[OP_KEY_RELEASE] = { key_release, key_released, 0, 0 },
	[OP_KEY_ROTATE] = { key_rotate, key_rotated, 1, 0 },
	[OP_KEY_BACKUP] = { key_release, key_released, 0, 0 },
};

/* Which engine acts on it; of no use for what is about no key. */
static enum process_kind
key_engine(const struct request *req, uint32_t *instance)
{
	*instance = key_ops[req->op].maker ? 0 :
	    (uint32_t)(req->name.number % broker_conf.engines);
	return (key_ops[req->op].maker ? PROC_MAKER : PROC_ENGINE);
}

int
keys_halved(const struct request *req, const struct edge *edge)
{
	uint32_t	 instance;

	return (req->halved && edge->peer == key_engine(req, &instance) &&
	    edge->instance == instance);
}

int
keys_order(struct request *req, const void *argument, size_t len)
{
	struct edge	*engine;
	struct wbuf	 w = { 0 }, record = { 0 };
	uint32_t	 instance;
	enum process_kind kind = key_engine(req, &instance);

	engine = edge_find(kind, instance);
	wb_key_record(&record, &req->key);
	wb_name(&w, &req->name);
	wb_u8(&w, req->op);
	wb_bytes_of(&w, &record);
	wb_digest(&w, req->policy_digest);
	wb_u64(&w, req->deadline);
	wb_bytes(&w, argument, len);
	wb_free(&record);
	trace_pass(engine, IMSG_ENGINE_TRACE, &req->name);
	if (edge_send(engine, IMSG_ENGINE_ORDER, &w) == -1)
		return (-1);
	request_wait(req, engine);
	return (0);
}

const char *
keys_default_store(const char *name)
{
	if (name[0] != '\0')
		return (name);
	return (broker_conf.nkeystores > 0 ? broker_conf.keystores[0] : "");
}

/* The line and the ORDER, for what auth has granted. */
static void
key_go(struct request *req, const char *verdict, const void *argument,
    size_t len)
{
	struct line	 line = {
		.event = AUDIT_DECISION, .verdict = verdict, .kms = 1,
	};

	if (lines_record(req, &line) == -1)
		answer_error(req, 503, 5, "the decision can't be recorded");
	else if (keys_order(req, argument, len) == -1)
		answer_error(req, 503, 1, "the engine is busy");
}

static void
key_put(struct request *req, const struct wbuf *intent, row_fn fn)
{
	struct wbuf	 w = { 0 };

	cache_drop(&req->key.id);
	wb_key_record(&w, &req->key);
	if (rows_put(ROW_KEY, req->key.row_version, &w, intent, fn,
	    req) == -1)
		answer_error(req, 503, 1, "the store is busy");
	wb_free(&w);
}

/* --- create and register ------------------------------------------------- */

static void
key_pending(void *arg, const struct row_found *found)
{
	struct request	*req = arg;

	if (found->result == ROW_IN_USE) {
		answer_error(req, 400, 0, "no such transfer policy");
		return;
	}
	if (found->result != ROW_OK) {
		answer_error(req, 503, 1, "the store failed");
		return;
	}
	req->key.row_version = found->version;
	key_go(req, "grant", &req->ask.given, req->ask.given != GIVEN_KEY);
}

static void
key_make(struct request *req)
{
	struct key_record	*key = &req->key;
	const struct ask	*ask = &req->ask;

	key->id = req->object;
	key->version = 1;
	strlcpy(key->keystore, keys_default_store(ask->keystore),
	    sizeof(key->keystore));
	strlcpy(key->backend, ask->backend, sizeof(key->backend));
	key->algorithm = ask->algorithm;
	key->length = ask->length;
	key->curve = ask->curve;
	key->flags = ask->flags;
	key->policy = ask->policy;
	memcpy(key->policy_digest, req->policy_digest, DIGEST_LEN);
	key->state = KEY_PENDING;
	key->created = req->time;
	key_put(req, &req->intent, key_pending);
}

static void
key_answer(void *arg, const struct row_found *found)
{
	struct request	*req = arg;
	struct wbuf	 w = { 0 };

	if (found->result != ROW_OK) {
		/* Pending still: it is undone later. */
		leftover_scan();
		answer_error(req, 503, 1, "the store failed");
		return;
	}
	req->key.row_version = found->version;
	wb_key_record(&w, &req->key);
	answer_records(req, 201, ANSWER_KEY, 1, &w);
}

void
keys_take_sealed(struct request *req, const struct key_record *sealed,
    enum key_state state)
{
	int64_t		 created = req->key.created;
	uint64_t	 row_version = req->key.row_version;

	req->key = *sealed;
	req->key.created = created;
	req->key.row_version = row_version;
	req->key.state = state;
}

static void
key_made(struct request *req, const struct key_record *sealed)
{
	keys_take_sealed(req, sealed, KEY_ACTIVE);
	key_put(req, NULL, key_answer);
}

/* --- move and delete ----------------------------------------------------- */

static void
key_changing(void *arg, const struct row_found *found)
{
	struct request	*req = arg;

	if (found->result == ROW_IN_USE) {
		answer_error(req, 400, 0, "no such transfer policy");
		return;
	}
	if (found->result != ROW_OK) {
		answer_error(req, 503, 1, "the store failed");
		return;
	}
	req->key.row_version = found->version;
	if (req->op == OP_KEY_MOVE)
		key_go(req, "grant", req->ask.policy.b,
		    sizeof(req->ask.policy.b));
	else
		key_go(req, "grant", NULL, 0);
}

/* The request's key as it stands in the store; -1: answered. */
static int
key_current(struct request *req, const struct row_found *found)
{
	struct rbuf	 r;

	if (found->result == ROW_NONE) {
		answer_error(req, 404, 0, "no such key");
		return (-1);
	}
	rb_init(&r, found->record, found->len);
	if (found->result == ROW_OK)
		rb_key_record(&r, &req->key);
	if (found->result != ROW_OK || rb_end(&r) == -1) {
		answer_error(req, 503, 1, "the store failed");
		return (-1);
	}
	if (req->key.state != KEY_ACTIVE) {
		/* Never active: nobody has been told its id. */
		answer_error(req, req->key.state == KEY_PENDING ? 404 : 503,
		    0, req->key.state == KEY_PENDING ? "no such key" :
		    "the key is being changed");
		return (-1);
	}
	/* Else the engine would refuse, and a change would be left over. */
	if (memcmp(req->key.seal, req->granted_seal, DIGEST_LEN) != 0) {
		answer_error(req, 503, 1, "the key was changed meanwhile");
		return (-1);
	}
	return (0);
}

static void
key_change_found(void *arg, const struct row_found *found)
{
	struct request	*req = arg;

	if (key_current(req, found) == -1)
		return;
	/* kms refuses that, and the row would be left as moving for good. */
	if (req->op == OP_KEY_MOVE &&
	    (req->key.flags & KEY_ATTESTED_ONLY) != 0) {
		answer_error(req, 400, 0, "a key that is attested only stays "
		    "under its policy");
		return;
	}
	req->key.state = KEY_DELETING;
	if (req->op == OP_KEY_MOVE) {
		/* The new policy is in use from now on. */
		req->key.state = KEY_MOVING;
		req->key.policy = req->ask.policy;
		memcpy(req->key.policy_digest, req->policy_digest,
		    DIGEST_LEN);
	}
	key_put(req, &req->intent, key_changing);
}

static void
key_change(struct request *req)
{
	if (rows_find(ROW_KEY, &req->id, "", key_change_found, req) == -1)
		answer_error(req, 503, 1, "the store is busy");
}

static void
key_moved(struct request *req, const struct key_record *sealed)
{
	keys_take_sealed(req, sealed, KEY_ACTIVE);
	key_put(req, NULL, key_answer);
}

static void
key_gone(void *arg, const struct row_found *found)
{
	struct request	*req = arg;

	if (found->result != ROW_OK && found->result != ROW_NONE) {
		leftover_scan();
		answer_error(req, 503, 1, "the store failed");
		return;
	}
	answer_records(req, 204, ANSWER_NONE, 0, NULL);
}

static void
key_deleted(struct request *req, const struct key_record *sealed)
{
	(void)sealed;
	cache_drop(&req->key.id);
	if (rows_delete(ROW_KEY, &req->key.id, 0, key_gone, req) == -1)
		answer_error(req, 503, 1, "the store is busy");
}

/* --- release on a grant, and to a backup --------------------------------- */

static void
key_release_found(void *arg, const struct row_found *found)
{
	struct request	*req = arg;

	struct wbuf	 version = { 0 };

	if (key_current(req, found) == -1)
		return;
	memcpy(req->policy_digest, req->key.policy_digest, DIGEST_LEN);
	if (req->op == OP_KEY_BACKUP) {
		wb_u32(&version, req->ask.version);
		key_go(req, "backup", version.data, version.len);
		wb_free(&version);
		return;
	}
	digest(req->wrapping, req->ask.pubkey, req->ask.pubkeylen);
	key_go(req, "release", req->ask.pubkey, req->ask.pubkeylen);
}

static void
key_release(struct request *req)
{
	if (rows_find(ROW_KEY, &req->id, "", key_release_found, req) == -1)
		answer_error(req, 503, 1, "the store is busy");
}

static void
key_released(struct request *req, const struct key_record *sealed)
{
	(void)sealed;
	/* The engine has answered the client itself. */
	broker_counts.releases++;
	monitor_finished(req, 200, "");
	request_free(req);
}

/* --- a new version ------------------------------------------------------- */

/*
 * The row stays as it is until kms has the new version: what is cut short
 * leaves it older than kms's record, which is put right when it is met.
 */
static void
key_rotate_found(void *arg, const struct row_found *found)
{
	struct request		*req = arg;

	if (key_current(req, found) == -1)
		return;
	/* Whoever counts the versions has not seen that of another. */
	if (req->ask.version != 0 &&
	    req->ask.version - 1 != req->key.version) {
		answer_error(req, 503, 1, "the key was changed meanwhile");
		return;
	}
	memcpy(req->policy_digest, req->key.policy_digest, DIGEST_LEN);
	key_go(req, "grant", &req->ask.given, req->ask.has_material ? 1 : 0);
}

static void
key_rotate(struct request *req)
{
	if (rows_find(ROW_KEY, &req->id, "", key_rotate_found, req) == -1)
		answer_error(req, 503, 1, "the store is busy");
}

/* A transfer may have met the new record first, and put it there. */
static void
key_rotate_there(void *arg, const struct row_found *found)
{
	struct request		*req = arg;
	struct key_record	 there;
	struct rbuf		 r;
	struct wbuf		 w = { 0 };

	rb_init(&r, found->record, found->len);
	rb_key_record(&r, &there);
	if (found->result != ROW_OK || rb_end(&r) == -1 ||
	    memcmp(there.seal, req->key.seal, DIGEST_LEN) != 0) {
		answer_error(req, 503, 1, "the key was changed meanwhile");
		return;
	}
	wb_key_record(&w, &there);
	answer_records(req, 200, ANSWER_KEY, 1, &w);
}

static void
key_rotate_put(void *arg, const struct row_found *found)
{
	struct request	*req = arg;

	if (found->result != ROW_CONFLICT)
		key_answer(arg, found);
	else if (rows_find(ROW_KEY, &req->id, "", key_rotate_there,
	    req) == -1)
		answer_error(req, 503, 1, "the store is busy");
}

static void
key_rotated(struct request *req, const struct key_record *sealed)
{
	keys_take_sealed(req, sealed, KEY_ACTIVE);
	key_put(req, NULL, key_rotate_put);
}

/* --- grants and ends ----------------------------------------------------- */

/* A rotation is met so while it goes on; all else should not be. */
void
keys_put_newest(struct request *req, const struct key_record *newest,
    row_fn fn)
{
	if (newest->version > req->key.version)
		log_info("a key has a new version: its record is put right");
	else
		log_alert("key record older than its keystore's: it is put "
		    "right");
	keys_take_sealed(req, newest, KEY_ACTIVE);
	key_put(req, NULL, fn);
}

static void
key_put_right(void *arg, const struct row_found *found)
{
	(void)found;
	answer_done(arg, DONE_STALE, "");
}

void
keys_granted(struct request *req)
{
	key_ops[req->op].granted(req);
}

static void
key_undone(void *arg, const struct row_found *found)
{
	(void)arg;
	(void)found;
}

/* Nothing was stored: the pending row goes too. */
static void
key_failed(struct request *req, enum done_result result, const char *reason)
{
	static int	 owner;

	if (req->op == OP_KEY_CREATE || req->op == OP_KEY_REGISTER) {
		/* Only kms knows whether it has it when it was late. */
		if (result == DONE_TIMEOUT || result == DONE_UNAVAILABLE)
			leftover_scan();
		else
			(void)rows_delete(ROW_KEY, &req->key.id, 0,
			    key_undone, &owner);
	} else if (key_ops[req->op].row)
		leftover_scan();
	if (result == DONE_BUSY && key_ops[req->op].maker)
		answer_error(req, 429, 10, "too many keys are being made");
	else if (result == DONE_REFUSED && req->op == OP_KEY_RELEASE)
		answer_error(req, 401, 0, "the key is not released so");
	else if (result == DONE_NONE && req->op == OP_KEY_BACKUP)
		answer_error(req, 404, 0, "no such version of the key");
	else
		answer_done(req, result, reason);
}

int
keys_done(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	struct key_record	 sealed;
	struct rbuf		 record;
	struct line		 line = { .event = AUDIT_OUTCOME };
	const uint8_t		*data;
	char			 reason[REASON_TEXT_MAX];
	uint8_t			 op, result;
	size_t			 len;

	rb_name(r, &name);
	op = rb_enum(r, OP_MAX - 1);
	result = rb_enum(r, DONE_RESULT_MAX - 1);
	rb_str(r, reason, sizeof(reason));
	data = rb_bytes(r, &len, 0, MAX_IMSGSIZE);
	if (rb_end(r) == -1)
		return (-1);
	if (len > 0) {
		rb_init(&record, data, len);
		rb_key_record(&record, &sealed);
		if (rb_end(&record) == -1)
			return (-1);
	}
	if ((req = request_find(&name)) == NULL || req->on != edge ||
	    op != req->op)
		return (0);
	if (len > 0 && uuid_cmp(&sealed.id, &req->key.id) != 0)
		return (-1);
	request_wait(req, NULL);
	req->halved = 0;
	if (name.front == self.front) {
		leftover_done(req, result, len > 0 ? &sealed : NULL);
		return (0);
	}
	if (op == OP_TRANSFER) {
		transfer_done(req, result, reason, len > 0 ? &sealed : NULL);
		return (0);
	}
	line.verdict = result == DONE_OK ? "done" : "failed";
	if (result == DONE_OK && op == OP_KEY_ROTATE && len > 0)
		snprintf(reason, sizeof(reason), "version %u", sealed.version);
	line.reason = reason;
	(void)lines_record(req, &line);
	if (result == DONE_OK && (len > 0 || !key_ops[op].maker))
		key_ops[op].done(req, len > 0 ? &sealed : &req->key);
	else if (result == DONE_STALE && len > 0 &&
	    !key_ops[op].row)
		keys_put_newest(req, &sealed, key_put_right);
	else
		key_failed(req, result == DONE_OK ? DONE_REFUSED : result,
		    reason);
	return (0);
}

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
 * The two halves of a request: the broker's ORDER and the verifier's VERDICT
 * or auth's GRANT, found by name; either may be first.  They match once:
 * what comes for a request that goes on already is dropped and counted.
 * Everything that waits has an end, a bound, and a peer whose death ends it.
 */

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "log.h"
#include "secret.h"

struct counts			 counts;

static int
request_cmp(const struct request *a, const struct request *b)
{
	return (name_cmp(&a->name, &b->name));
}

RB_HEAD(request_tree, request);
RB_PROTOTYPE(request_tree, request, entry, request_cmp)
RB_GENERATE(request_tree, request, entry, request_cmp)

static struct request_tree	 requests = RB_INITIALIZER(&requests);
static size_t			 nrequests;	/* in the tree */
static size_t			 nlone;		/* of them, without an ORDER */
static size_t			 nmaterials;

/* What each kind of process does, and how an operation begins. */
static const struct action {
	uint8_t			 operation;
	enum process_kind	 kind;
	void			(*start)(struct request *);
} actions[] = {
	{ OP_TRANSFER,		PROC_ENGINE,	release_start },
	{ OP_KEY_RELEASE,	PROC_ENGINE,	release_start },
	{ OP_KEY_BACKUP,	PROC_ENGINE,	release_backup },
	{ OP_KEY_MOVE,		PROC_ENGINE,	kms_reseal },
	{ OP_KEY_DELETE,	PROC_ENGINE,	kms_delete },
	{ OP_KEY_FORGET,	PROC_ENGINE,	kms_delete },
	{ OP_KEY_CREATE,	PROC_MAKER,	queue_add },
	{ OP_KEY_REGISTER,	PROC_MAKER,	queue_add },
	{ OP_KEY_ROTATE,	PROC_MAKER,	queue_add },
};

static const struct action *
action_find(uint8_t operation)
{
	size_t	 i;

	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (actions[i].operation == operation &&
		    actions[i].kind == self.kind)
			return (&actions[i]);
	return (NULL);
}

size_t
halves_count(void)
{
	return (nrequests);
}

static struct request *
request_find(const struct request_name *name)
{
	struct request	 find;

	find.name = *name;
	return (RB_FIND(request_tree, &requests, &find));
}

static void
request_clock(struct request *req, uint64_t until, uint64_t most)
{
	struct timeval	 tv;
	uint64_t	 now = now_ms(), ms;

	ms = until > now ? until - now : 0;
	if (ms > most)
		ms = most;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	event_add(&req->timer, &tv);
}

static uint64_t
request_most(void)
{
	return (self.kind == PROC_MAKER ? DEADLINE_MAKE_MS :
	    DEADLINE_REQUEST_MS);
}

/* No half of it fitted, or none came. */
static void
request_expired(int fd, short what, void *arg)
{
	struct request	*req = arg;

	(void)fd;
	(void)what;
	counts.expired++;
	if (!req->order.here)
		request_free(req);
	else if (req->stage == STAGE_KMS)
		request_done(req, DONE_TIMEOUT, "the keystore took too long",
		    NULL, 0);
	else if (req->stage == STAGE_QUEUED)
		request_done(req, DONE_TIMEOUT, "other keys took too long to "
		    "make", NULL, 0);
	else if (req->why != NULL)
		request_done(req, DONE_REFUSED, req->why, NULL, 0);
	else
		request_done(req, DONE_TIMEOUT, "the other half did not come",
		    NULL, 0);
}

/* The one of this name, or a new one; NULL when there are too many. */
static struct request *
request_get(const struct request_name *name, int order)
{
	struct request	*req;

	if ((req = request_find(name)) != NULL)
		return (req);
	if (nrequests >= HALVES_MAX || (!order && nlone >= HALVES_LONE_MAX)) {
		counts.busy++;
		return (NULL);
	}
	/* The other half would wait its 30 s for one that is lost here. */
	if ((req = calloc(1, sizeof(*req))) == NULL)
		fatal("calloc");
	req->name = *name;
	event_assign(&req->timer, base, -1, 0, request_expired, req);
	RB_INSERT(request_tree, &requests, req);
	nrequests++;
	nlone++;
	return (req);
}

void
request_free(struct request *req)
{
	RB_REMOVE(request_tree, &requests, req);
	nrequests--;
	if (!req->order.here)
		nlone--;
	if (req->stage == STAGE_QUEUED)
		queue_remove(req);
	event_del(&req->timer);
	if (req->material != NULL)
		nmaterials--;
	secret_free(req->material);
	EVP_PKEY_free(req->pkey);
	free(req->order.argument);
	free(req);
}

static void
done_send(const struct request_name *name, uint8_t operation,
    enum done_result result, const char *reason, const void *record,
    size_t len)
{
	struct wbuf	 w = { 0 };
	char		 id[REQUEST_ID_TEXT];

	wb_name(&w, name);
	wb_u8(&w, operation);
	wb_u8(&w, (uint8_t)result);
	wb_str(&w, reason);
	wb_bytes(&w, record, len);
	if (edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_DONE, &w) == -1)
		log_warn("request %s: can't tell the broker",
		    name_format(name, id));
}

void
request_done(struct request *req, enum done_result result, const char *reason,
    const void *record, size_t len)
{
	char	 id[REQUEST_ID_TEXT], key[UUID_TEXT];

	name_format(&req->name, id);
	uuid_format(&req->order.record.id, key);
	if (result == DONE_OK)
		log_debug("request %s: %s of key %s: done", id,
		    operation_name(req->order.operation), key);
	else {
		log_info("request %s: %s of key %s: %s", id,
		    operation_name(req->order.operation), key, reason);
		if (result == DONE_REFUSED)
			counts.refused++;
		else if (result == DONE_BUSY)
			counts.busy++;
		else
			counts.failed++;
	}
	done_send(&req->name, req->order.operation, result, reason, record,
	    len);
	request_free(req);
}

/* Too late or too often: said, but no fault that ends an edge. */
static void
half_late(const struct request_name *name, const char *what)
{
	char	 id[REQUEST_ID_TEXT];

	counts.late++;
	log_debug("request %s: %s came late", name_format(name, id), what);
}

/*
 * A verdict that does not fit may be the one before the broker began again:
 * the newer one is on its way then, and this one is forgotten.
 */
static void
request_mismatch(struct request *req, const char *why)
{
	if (agree_half(req->order.operation) == HALF_GRANT) {
		request_done(req, DONE_REFUSED, why, NULL, 0);
		return;
	}
	req->why = why;
	req->verdict.here = 0;
	if (req->order.deadline > now_ms() + HALVES_GRACE_MS)
		request_clock(req, now_ms() + HALVES_GRACE_MS,
		    HALVES_GRACE_MS);
}

static void
request_match(struct request *req)
{
	const struct action	*action;
	const char		*why;
	uint64_t		 now = now_ms();

	if (!req->order.here)
		return;
	if (req->lost) {
		request_done(req, DONE_UNAVAILABLE, "a process that vouched "
		    "for it is gone", NULL, 0);
		return;
	}
	if (req->order.deadline <= now) {
		request_done(req, DONE_TIMEOUT, "the order came too late",
		    NULL, 0);
		return;
	}
	if (agree_half(req->order.operation) == HALF_VERDICT ?
	    !req->verdict.here : !req->grant.here)
		return;
	if ((why = agree(req, now)) != NULL) {
		request_mismatch(req, why);
		return;
	}
	if (agree_wants_material(&req->order) && req->material == NULL)
		return;
	if ((action = action_find(req->order.operation)) != NULL)
		action->start(req);
}

/* --- what comes ---------------------------------------------------------- */

static int
order_record(struct rbuf *r, struct key_record *record)
{
	struct rbuf	 inner;
	const uint8_t	*p;
	size_t		 len;

	if ((p = rb_bytes(r, &len, 1, KEY_RECORD_MAX)) == NULL)
		return (-1);
	rb_init(&inner, p, len);
	rb_key_record(&inner, record);
	return (rb_end(&inner));
}

static int
order_argument(struct half_order *order, const uint8_t *p, size_t len)
{
	if (len == 0)
		return (0);
	if ((order->argument = malloc(len)) == NULL)
		return (-1);
	memcpy(order->argument, p, len);
	order->argumentlen = len;
	return (0);
}

int
halves_order(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	struct half_order		 order = { .here = 1 };
	const uint8_t		*argument;
	size_t			 len;

	(void)edge;
	rb_name(r, &name);
	order.operation = rb_enum(r, OP_MAX - 1);
	if (order_record(r, &order.record) == -1)
		return (-1);
	rb_digest(r, order.policy_digest);
	order.deadline = rb_u64(r);
	argument = rb_bytes(r, &len, 0, ARGUMENT_MAX);
	if (rb_end(r) == -1 || action_find(order.operation) == NULL)
		return (-1);
	counts.orders++;
	if ((req = request_get(&name, 1)) == NULL) {
		done_send(&name, order.operation, DONE_BUSY,
		    "too many requests wait", NULL, 0);
		return (0);
	}
	if (req->order.here) {
		half_late(&name, "a second order");
		return (0);
	}
	nlone--;
	req->order = order;
	if (order_argument(&req->order, argument, len) == -1) {
		request_done(req, DONE_BUSY, "no memory", NULL, 0);
		return (0);
	}
	request_clock(req, order.deadline, HALVES_WAIT_MS);
	request_match(req);
	return (0);
}

/* A lone half waits to its expiry; with an ORDER that one's clock rules. */
static void
half_here(struct request *req, uint64_t expiry)
{
	if (!req->order.here)
		request_clock(req, expiry, request_most());
	request_match(req);
}

int
halves_verdict(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	struct half_verdict		 v = {
		.here = 1, .verifier = edge->instance
	};
	const uint8_t		*e, *n;
	uint8_t			 evidence[DIGEST_LEN];

	rb_name(r, &name);
	rb_uuid(r, &v.key);
	rb_digest(r, v.policy_digest);
	v.tees = rb_enum(r, TEE_ALL);
	e = rb_bytes(r, &v.elen, 0, sizeof(v.e));
	n = rb_bytes(r, &v.nlen, 0, sizeof(v.n));
	rb_digest(r, evidence);
	v.expiry = rb_u64(r);
	if (rb_end(r) == -1)
		return (-1);
	memcpy(v.e, e, v.elen);
	memcpy(v.n, n, v.nlen);
	if ((req = request_get(&name, 0)) == NULL)
		return (0);
	if (req->stage != STAGE_HALVES) {
		half_late(&name, "a verdict");
		return (0);
	}
	/* the newer one counts */
	req->verdict = v;
	req->lost = 0;
	half_here(req, v.expiry);
	return (0);
}

int
halves_grant(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	struct half_grant		 g = { .here = 1 };
	struct uuid		 user;

	(void)edge;
	rb_name(r, &name);
	g.operation = rb_enum(r, OP_MAX - 1);
	rb_uuid(r, &g.key);
	rb_uuid(r, &user);
	g.algorithm = rb_enum(r, ALG_MAX - 1);
	g.length = rb_u16(r);
	g.curve = rb_enum(r, CURVE_MAX - 1);
	rb_str(r, g.keystore, sizeof(g.keystore));
	g.flags = rb_u8(r);
	rb_digest(r, g.policy_digest);
	rb_digest(r, g.detail);
	rb_digest(r, g.seal);
	g.expiry = rb_u64(r);
	if (rb_end(r) == -1 || action_find(g.operation) == NULL ||
	    agree_half(g.operation) != HALF_GRANT)
		return (-1);
	if ((req = request_get(&name, 0)) == NULL)
		return (0);
	if (req->stage != STAGE_HALVES || req->grant.here) {
		half_late(&name, "a grant");
		return (0);
	}
	req->grant = g;
	half_here(req, g.expiry);
	return (0);
}

static int
material_keep(struct request *req, const uint8_t *p, size_t len)
{
	if (nmaterials >= MATERIALS_MAX ||
	    (req->material = secret_alloc(len)) == NULL)
		return (-1);
	memcpy(req->material, p, len);
	req->materiallen = len;
	nmaterials++;
	return (0);
}

int
halves_material(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	const uint8_t		*p;
	size_t			 len;

	name.front = edge->front;
	name.number = rb_u64(r);
	p = rb_bytes(r, &len, 1, MATERIAL_MAX);
	if (rb_end(r) == -1)
		return (-1);
	if ((req = request_get(&name, 0)) == NULL)
		return (0);
	if (req->stage != STAGE_HALVES || req->material != NULL) {
		half_late(&name, "material");
		return (0);
	}
	if (material_keep(req, p, len) == -1) {
		log_warnx("no room for material of a front");
		if (req->order.here)
			request_done(req, DONE_BUSY,
			    "no room for more material", NULL, 0);
		else if (!req->grant.here)
			request_free(req);
		return (0);
	}
	half_here(req, now_ms() + DEADLINE_REQUEST_MS);
	return (0);
}

/* --- what it waits for then ----------------------------------------------- */

void
halves_queued(struct request *req)
{
	req->stage = STAGE_QUEUED;
	request_clock(req, req->order.deadline, request_most());
}

void
halves_asking(struct request *req, uint32_t kms, uint32_t type,
    uint64_t deadline)
{
	req->stage = STAGE_KMS;
	req->kms = kms;
	req->asked = type;
	request_clock(req, deadline, request_most());
}

struct request *
halves_asked(const struct edge *edge, const struct request_name *name,
    int fetch)
{
	struct request	*req = request_find(name);

	if (req == NULL || req->stage != STAGE_KMS ||
	    req->kms != edge->instance ||
	    (req->asked == IMSG_KMS_FETCH) != (fetch != 0)) {
		half_late(name, "an answer of kms");
		return (NULL);
	}
	return (req);
}

/* --- the death of a peer -------------------------------------------------- */

void
halves_broker_down(struct edge *edge)
{
	struct request	*req, *next;

	(void)edge;
	RB_FOREACH_SAFE(req, request_tree, &requests, next)
		request_free(req);
}

/* What it said goes with it, but for what goes on already. */
void
halves_source_down(struct edge *edge)
{
	struct request	*req, *next;

	RB_FOREACH_SAFE(req, request_tree, &requests, next) {
		if (req->stage != STAGE_HALVES)
			continue;
		if (edge->peer == PROC_AUTH && req->grant.here)
			req->grant.here = 0;
		else if (edge->peer == PROC_VERIFIER && req->verdict.here &&
		    req->verdict.verifier == edge->instance)
			req->verdict.here = 0;
		else
			continue;
		req->lost = 1;
		request_match(req);
	}
}

/* Keys are wrapped for nobody; what is to be written is written. */
void
halves_front_down(struct edge *edge)
{
	struct request	*req, *next;

	RB_FOREACH_SAFE(req, request_tree, &requests, next) {
		if (req->name.front != edge->front)
			continue;
		if (!req->order.here)
			request_free(req);
		else if (req->order.operation == OP_TRANSFER ||
		    req->order.operation == OP_KEY_RELEASE ||
		    req->order.operation == OP_KEY_BACKUP ||
		    (agree_wants_material(&req->order) &&
		    req->material == NULL && req->stage == STAGE_HALVES))
			request_done(req, DONE_UNAVAILABLE,
			    "who asked is gone", NULL, 0);
	}
}

void
halves_kms_down(struct edge *edge)
{
	struct request	*req, *next;

	RB_FOREACH_SAFE(req, request_tree, &requests, next)
		if (req->stage == STAGE_KMS && req->kms == edge->instance)
			request_done(req, DONE_UNAVAILABLE,
			    "the keystore's process is gone", NULL, 0);
}

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
 * Jobs from engines and the maker, and what audit tells.  A job and its
 * RECORDED find each other by name and operation, whichever comes first, and
 * match once; both expire.
 */

#include <openssl/crypto.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "kms.h"
#include "log.h"
#include "timer.h"

#define JOBS_MAX	4096
#define STORES_MAX	16		/* each keeps locked memory */
#define RECORDED_MAX	16384

RB_HEAD(job_tree, job);
RB_HEAD(recorded_tree, recorded);

static struct job_tree		 waiting = RB_INITIALIZER(&waiting);
static struct recorded_tree	 told = RB_INITIALIZER(&told);
static TAILQ_HEAD(, job)	 jobs = TAILQ_HEAD_INITIALIZER(jobs);
static TAILQ_HEAD(, recorded)	 ages = TAILQ_HEAD_INITIALIZER(ages);
static unsigned int		 njobs, nstores, ntold;
static const char		*keystore;
static uint64_t			 count_released, count_written, count_refused,
				 count_failed;

static int
job_cmp(const struct job *a, const struct job *b)
{
	int	 c = name_cmp(&a->name, &b->name);

	return (c != 0 ? c : (int)a->operation - (int)b->operation);
}

static int
recorded_cmp(const struct recorded *a, const struct recorded *b)
{
	int	 c = name_cmp(&a->name, &b->name);

	return (c != 0 ? c : (int)a->operation - (int)b->operation);
}

/* RB_GENERATE_STATIC needs __unused, which not every libbsd has. */
RB_GENERATE_INTERNAL(job_tree, job, entry, job_cmp,
    static __attribute__((unused)))
RB_GENERATE_INTERNAL(recorded_tree, recorded, entry, recorded_cmp,
    static __attribute__((unused)))

static void
job_free(struct job *job)
{
	if (job->waiting)
		RB_REMOVE(job_tree, &waiting, job);
	TAILQ_REMOVE(&jobs, job, all);
	njobs--;
	if (job->type == IMSG_KMS_STORE)
		nstores--;
	if (job->timer != NULL)
		event_free(job->timer);
	OPENSSL_secure_clear_free(job->material, job->materiallen);
	free(job->box);
	free(job->wrapping);
	freezero(job, sizeof(*job));
}

static void
recorded_free(struct recorded *recorded)
{
	RB_REMOVE(recorded_tree, &told, recorded);
	TAILQ_REMOVE(&ages, recorded, age);
	ntold--;
	event_free(recorded->timer);
	free(recorded);
}

static void
put_record(struct wbuf *w, const struct key_record *record)
{
	struct wbuf	 inner = { 0 };

	if (record != NULL)
		wb_key_record(&inner, record);
	wb_bytes_of(w, &inner);
	wb_free(&inner);
}

static void
job_count(const struct job *job, enum done_result result)
{
	if (result == DONE_OK)
		*(job->type == IMSG_KMS_FETCH ? &count_released :
		    &count_written) += 1;
	else if (result == DONE_REFUSED || result == DONE_STALE)
		count_refused++;
	else
		count_failed++;
}

void
job_done(struct job *job, enum done_result result, const char *reason,
    const struct key_record *record, const void *material, size_t len)
{
	struct wbuf	 w = { 0 };
	char		 id[REQUEST_ID_TEXT], key[UUID_TEXT];

	name_format(&job->name, id);
	uuid_format(&job->record.id, key);
	job_count(job, result);
	if (result != DONE_OK)
		log_warnx("request %s: %s of key %s: %s", id,
		    operation_name(job->operation), key, reason);
	else
		log_debug("request %s: %s of key %s: done", id,
		    operation_name(job->operation), key);
	wb_name(&w, &job->name);
	wb_u8(&w, (uint8_t)result);
	wb_str(&w, result == DONE_OK ? "" : reason);
	if (job->type == IMSG_KMS_FETCH && result == DONE_OK)
		wb_bytes(&w, material, len);
	else
		put_record(&w, record);
	if (edge_send(job->edge, job->type == IMSG_KMS_FETCH ?
	    IMSG_ENGINE_FETCHED : IMSG_ENGINE_STORED, &w) == -1)
		log_warn("request %s: can't answer %s %u", id,
		    process_name(job->edge->peer), job->edge->instance);
	job_free(job);
}

static void
job_refuse(struct job *job, enum done_result result, const char *why)
{
	job_done(job, result, why, NULL, NULL, 0);
}

static void
job_cancel(struct job *job)
{
	if (job->started)
		work_cancel(job);
}

static void
job_expired(int fd, short what, void *arg)
{
	struct job	*job = arg;
	const char	*stage = work_stage(job);
	char		 why[REASON_TEXT_MAX];

	(void)fd;
	(void)what;
	if (stage != NULL)
		snprintf(why, sizeof(why), "the keystore took too long%s%s",
		    stage[0] != '\0' ? ": " : "", stage);
	else
		strlcpy(why, job->waiting ? "no audit line was told in time" :
		    "the key database took too long", sizeof(why));
	if (stage != NULL && job->asked_us != 0)
		check_answer(now_us() - job->asked_us, DONE_UNAVAILABLE, why);
	job_cancel(job);
	job_refuse(job, stage != NULL ? DONE_UNAVAILABLE : DONE_TIMEOUT, why);
}

static void
recorded_expired(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	recorded_free(arg);
}

/* Both are here: the last look before the backend. */
static void
job_start(struct job *job, struct recorded *recorded)
{
	const char	*why;
	char		 id[REQUEST_ID_TEXT];

	if (job->waiting)
		RB_REMOVE(job_tree, &waiting, job);
	job->waiting = 0;
	why = rules_recorded(job, recorded);
	if (why == NULL && recorded->line == 0)
		log_warnx("request %s: goes on without an audit line",
		    name_format(&job->name, id));
	recorded_free(recorded);
	if (why != NULL) {
		job_refuse(job, DONE_REFUSED, why);
		return;
	}
	/* A module that made a key may have held all others up. */
	if (job->deadline <= now_ms()) {
		job_refuse(job, DONE_TIMEOUT, "the keystore was busy too "
		    "long");
		return;
	}
	job->started = 1;
	work_begin(job);
}

/* Never longer than a request may last, whatever it says. */
static void
job_clock(struct job *job, uint64_t deadline)
{
	uint64_t	 now = now_ms(), ms;

	ms = deadline > now ? deadline - now : 0;
	if (ms > DEADLINE_REQUEST_MS)
		ms = DEADLINE_REQUEST_MS;
	job->deadline = now + ms;
	job->timer = timer_new(job_expired, job);
	timer_set(job->timer, ms);
}

static void
job_admit(struct job *job)
{
	struct recorded	*recorded, find;
	const char	*why;

	if (njobs > JOBS_MAX || nstores > STORES_MAX) {
		job_refuse(job, DONE_BUSY, "too many requests wait");
		return;
	}
	job->fits = seal_fits(&job->record);
	job->made_there = job->type == IMSG_KMS_STORE &&
	    job->operation != OP_KEY_REGISTER && job->materiallen == 0 &&
	    work_makes(&job->record);
	why = rules_request(job, keystore);
	if (why != NULL) {
		job_refuse(job, DONE_REFUSED, why);
		return;
	}
	find.name = job->name;
	find.operation = job->operation;
	recorded = RB_FIND(recorded_tree, &told, &find);
	if (recorded != NULL) {
		job_start(job, recorded);
		return;
	}
	if (RB_INSERT(job_tree, &waiting, job) != NULL) {
		job_refuse(job, DONE_REFUSED, "the request is here already");
		return;
	}
	job->waiting = 1;
}

static struct job *
job_new(struct edge *edge, uint32_t type, struct rbuf *r)
{
	struct job	*job;
	struct rbuf	 inner;
	const uint8_t	*p;
	size_t		 len;

	if ((job = calloc(1, sizeof(*job))) == NULL)
		fatal("calloc");
	TAILQ_INSERT_TAIL(&jobs, job, all);
	njobs++;
	if (type == IMSG_KMS_STORE)
		nstores++;
	job->edge = edge;
	job->type = type;
	rb_name(r, &job->name);
	job->operation = rb_enum(r, OP_MAX - 1);
	job->half = rb_enum(r, HALF_MAX - 1);
	p = rb_bytes(r, &len, 1, KEY_RECORD_MAX);
	if (!r->failed) {
		rb_init(&inner, p, len);
		rb_key_record(&inner, &job->record);
		r->failed = rb_end(&inner) == -1;
	}
	return (job);
}

/* The body is read: go on with it, or say that it is malformed. */
static int
job_take(struct job *job, const struct rbuf *r, uint64_t deadline)
{
	if (rb_end(r) == -1) {
		job_free(job);
		return (-1);
	}
	job_clock(job, deadline);
	job_admit(job);
	return (0);
}

int
jobs_fetch(struct edge *edge, struct rbuf *r)
{
	struct job	*job = job_new(edge, IMSG_KMS_FETCH, r);
	const uint8_t	*p;
	uint64_t	 deadline;

	rb_digest(r, job->policy_digest);
	rb_digest(r, job->detail);
	job->version = rb_u32(r);
	deadline = rb_u64(r);
	p = rb_bytes(r, &job->wrappinglen, 0, WRAPPING_BYTES_MAX);
	if (rb_end(r) == 0 && job->wrappinglen > 0) {
		if ((job->wrapping = malloc(job->wrappinglen)) == NULL)
			fatal("malloc");
		memcpy(job->wrapping, p, job->wrappinglen);
	}
	return (job_take(job, r, deadline));
}

int
jobs_store(struct edge *edge, struct rbuf *r)
{
	struct job	*job = job_new(edge, IMSG_KMS_STORE, r);
	const uint8_t	*p;
	uint64_t	 deadline;
	size_t		 len;

	rb_digest(r, job->policy_digest);
	rb_digest(r, job->detail);
	deadline = rb_u64(r);
	job->given = (enum given)rb_enum(r, GIVEN_MAX - 1);
	p = rb_bytes(r, &len, 0, MATERIAL_MAX);
	if (rb_end(r) == 0 && len > 0 && nstores <= STORES_MAX) {
		if ((job->material = OPENSSL_secure_malloc(len)) == NULL) {
			job_refuse(job, DONE_BUSY, "no locked memory left");
			return (0);
		}
		memcpy(job->material, p, len);
		job->materiallen = len;
	}
	return (job_take(job, r, deadline));
}

int
jobs_reseal(struct edge *edge, struct rbuf *r)
{
	struct job	*job = job_new(edge, IMSG_KMS_RESEAL, r);

	rb_digest(r, job->policy_digest);
	rb_uuid(r, &job->policy);
	return (job_take(job, r, rb_u64(r)));
}

int
jobs_remove(struct edge *edge, struct rbuf *r)
{
	struct job	*job = job_new(edge, IMSG_KMS_DELETE, r);

	return (job_take(job, r, rb_u64(r)));
}

/* A key may be in the making for as long as that may take. */
static uint64_t
recorded_lifetime(const struct recorded *recorded)
{
	return (operation_makes(recorded->operation) ? DEADLINE_MAKE_MS :
	    DEADLINE_REQUEST_MS);
}

static void
recorded_keep(struct recorded *recorded)
{
	struct recorded	*old;
	char		 id[REQUEST_ID_TEXT];

	recorded->timer = timer_new(recorded_expired, recorded);
	timer_set(recorded->timer, recorded_lifetime(recorded));
	if ((old = RB_FIND(recorded_tree, &told, recorded)) != NULL) {
		log_warnx("request %s: a second audit line takes the place "
		    "of the first", name_format(&old->name, id));
		recorded_free(old);
	}
	if (ntold >= RECORDED_MAX)
		recorded_free(TAILQ_FIRST(&ages));
	RB_INSERT(recorded_tree, &told, recorded);
	TAILQ_INSERT_TAIL(&ages, recorded, age);
	ntold++;
}

int
jobs_recorded(struct edge *edge, struct rbuf *r)
{
	struct recorded	*recorded;
	struct job	*job, find;

	(void)edge;
	if ((recorded = calloc(1, sizeof(*recorded))) == NULL)
		fatal("calloc");
	rb_name(r, &recorded->name);
	recorded->operation = rb_enum(r, OP_MAX - 1);
	rb_uuid(r, &recorded->key);
	rb_digest(r, recorded->policy_digest);
	rb_digest(r, recorded->wrapping_key);
	recorded->line = rb_u64(r);
	if (rb_end(r) == -1) {
		free(recorded);
		return (-1);
	}
	recorded_keep(recorded);
	find.name = recorded->name;
	find.operation = recorded->operation;
	if ((job = RB_FIND(job_tree, &waiting, &find)) != NULL)
		job_start(job, recorded);
	return (0);
}

void
jobs_drop(struct edge *edge)
{
	struct job	*job, *next;

	TAILQ_FOREACH_SAFE(job, &jobs, all, next) {
		if (job->edge != edge)
			continue;
		job_cancel(job);
		job_free(job);
	}
}

void
jobs_unrecorded(struct edge *edge)
{
	struct job	*job, *next;

	(void)edge;
	RB_FOREACH_SAFE(job, job_tree, &waiting, next)
		job_refuse(job, DONE_TIMEOUT, "audit is being replaced");
}

void
jobs_init(const char *name)
{
	keystore = name;
}

int
jobs_changing(const struct job *job)
{
	const struct job	*other;

	TAILQ_FOREACH(other, &jobs, all)
		if (other != job && other->started &&
		    other->type != IMSG_KMS_FETCH && uuid_cmp(
		    &other->record.id, &job->record.id) == 0)
			return (1);
	return (0);
}

void
jobs_counters(struct wbuf *w)
{
	wb_str(w, "released");
	wb_u64(w, count_released);
	wb_str(w, "written");
	wb_u64(w, count_written);
	wb_str(w, "refused");
	wb_u64(w, count_refused);
	wb_str(w, "failed");
	wb_u64(w, count_failed);
	wb_str(w, "waiting");
	wb_u64(w, njobs);
}

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
 * A job that may begin: our own record of the key is looked at, then the
 * keystore is asked for the material, then our record is written.  What a
 * keystore elsewhere takes its time for was decided before: so it is decided
 * once more when the answer is here.  A key that the keystore makes itself is
 * got once, and looked at, before there is a record of it.
 *
 * The record is written behind new material, and goes after old: a key is
 * there as a whole, or it is undone by who finds the broker's record of it.
 *
 * What the steps do is in work_record.c and work_store.c.
 */

#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "kms.h"
#include "log.h"
#include "timer.h"

#define BUSY_RETRY_MS	3
#define CLEAN_MS	1000
#define UNCLEAN_MAX	60	/* so often, and it is said */

static TAILQ_HEAD(, job)	 queue = TAILQ_HEAD_INITIALIZER(queue);
static const struct backend	*backend;
static struct event		*retry, *cleaner;
static unsigned int		 unclean;
static uint64_t			 count_busy;

/* --- stages ------------------------------------------------------------- */

static const struct {
	uint32_t	 type;
	int		(*begin)(struct job *, struct outcome *);
	int		(*write)(struct job *, struct outcome *);
} stages[] = {
	{ IMSG_KMS_FETCH,	work_fetch_begin,	NULL },
	{ IMSG_KMS_STORE,	work_store_begin,	work_store },
	{ IMSG_KMS_RESEAL,	NULL,			work_move },
	{ IMSG_KMS_DELETE,	work_remove_begin,	work_remove },
};

/* A step in a transaction of its own; what it says is true once synced. */
static int
work_write(struct job *job, struct outcome *out,
    int (*fn)(struct job *, struct outcome *))
{
	int	 rc, ret;

	cache_drop(&job->record.id);
	if ((rc = records_begin()) != 0)
		return (work_failed(rc, out));
	ret = fn(job, out);
	if (ret == DONE_OK && (rc = records_commit()) != 0)
		ret = work_failed(rc, out);
	records_end();
	return (ret);
}

static int
work_step(struct job *job, struct outcome *out)
{
	size_t	 i = 0;

	memset(out, 0, sizeof(*out));
	while (stages[i].type != job->type)
		i++;
	if (job->answered || stages[i].begin == NULL)
		return (work_write(job, out, stages[i].write));
	job->asked_us = now_us();
	return (stages[i].begin(job, out));
}

/*
 * No box of a deleted key lives on in the WAL, once nobody reads or writes
 * beside us.
 */
static void
clean(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (records_checkpoint() == 0) {
		unclean = 0;
		return;
	}
	if (++unclean == UNCLEAN_MAX)
		log_warnx("keys.db-wal can't be emptied, and holds what was "
		    "deleted: who reads keys.db?");
	timer_set(cleaner, CLEAN_MS);
}

void
work_clean(void)
{
	if (!backend->elsewhere)
		clean(-1, 0, NULL);
}

static void
work_end(struct job *job, int rc, const struct outcome *out)
{
	int	 removed = job->type == IMSG_KMS_DELETE && rc == DONE_OK;
	int	 unsure = job->operation == OP_KEY_ROTATE && rc != DONE_OK;

	job_done(job, (enum done_result)rc, out->reason,
	    out->has_record ? &out->record : NULL, NULL, 0);
	if (removed)
		work_clean();
	if (unsure)
		sweep_start();
}

/* Work through the queue, until the database is another's for a moment. */
static void
work_run(int fd, short what, void *arg)
{
	static int	 running;
	struct outcome	 out;
	struct job	*job;
	int		 rc;

	(void)fd;
	(void)what;
	(void)arg;
	if (running)
		return;
	running = 1;
	while ((job = TAILQ_FIRST(&queue)) != NULL) {
		TAILQ_REMOVE(&queue, job, queue);
		job->queued = 0;
		if ((rc = work_step(job, &out)) == WORK_BUSY) {
			count_busy++;
			TAILQ_INSERT_HEAD(&queue, job, queue);
			job->queued = 1;
			timer_set(retry, BUSY_RETRY_MS);
			break;
		}
		if (rc != WORK_ASKED)	/* else it may be gone */
			work_end(job, rc, &out);
	}
	running = 0;
}

/* While others wait, the timer is set. */
static void
work_queue(struct job *job)
{
	int	 first = TAILQ_EMPTY(&queue);

	TAILQ_INSERT_TAIL(&queue, job, queue);
	job->queued = 1;
	if (first)
		work_run(-1, 0, NULL);
}

/* --- what the keystore answers ------------------------------------------ */

static void
answered(const struct job *job, enum done_result result, const char *reason)
{
	if (job->asked_us != 0)
		check_answer(now_us() - job->asked_us, result, reason);
}

/*
 * Older versions go with their key: the next of them is asked for, 1; there
 * is none, 0; or RECORDS_*.  What is removed is not removed again, when the
 * time is not enough for all.
 */
static int
remove_older(struct job *job)
{
	char	 name[NAME_MAX_BACKEND];
	int	 rc;

	if (!backend->elsewhere)
		return (0);
	if (job->removed != 0)
		(void)records_remove_version(&job->record, job->removed);
	if ((rc = records_next_version(&job->record.id, &job->removed,
	    name)) == 1)
		backend->remove(job, name);
	return (rc);
}

/* What must be recorded of it comes next. */
static void
stored(struct job *job, enum done_result result, const char *reason)
{
	int	 rotation = job->operation == OP_KEY_ROTATE;

	if (result != DONE_OK) {
		job_done(job, result, reason, NULL, NULL, 0);
		if (rotation)
			sweep_start();
		return;
	}
	job->answered = 1;
	work_queue(job);
}

static enum done_result
keep_box(struct job *job, const uint8_t *box, size_t len, const char **reason)
{
	if ((job->box = malloc(len)) == NULL) {
		*reason = "no memory";
		return (DONE_UNAVAILABLE);
	}
	memcpy(job->box, box, len);
	job->boxlen = len;
	return (DONE_OK);
}

/*
 * It comes back to work_got().  A new key is no other one, as its own name
 * says: what is released on attestation only would lose its mark so.
 */
static void
made(struct job *job)
{
	struct outcome	 out;
	char		 own[NAME_MAX_BACKEND];
	int		 rc;

	key_record_name(&job->record, own);
	if (strcmp(job->record.backend, own) != 0 &&
	    (rc = records_backend(&job->record)) != 0) {
		stored(job, DONE_UNAVAILABLE, rc < 0 ? "the key database "
		    "failed" : "the keystore gave it the id of another key");
		return;
	}
	job->asked_us = now_us();
	(void)work_look_at(job, NULL, 0, &out);
}

void
work_got(struct job *job, enum done_result result, const char *reason,
    const void *material, size_t len)
{
	answered(job, result, reason);
	if (job->ours != NULL) {
		job->ours(job, result, reason, material, len);
		return;
	}
	if (job->type == IMSG_KMS_FETCH) {
		work_fetched(job, result, reason, material, len);
		return;
	}
	/* It was only to be seen what is there. */
	if (result == DONE_OK && !backend->wraps &&
	    (reason = material_wrong(&job->record, material, len)) != NULL)
		result = DONE_INVALID;
	if (result == DONE_OK && job->given == GIVEN_BOX)
		result = keep_box(job, job->material, job->materiallen,
		    &reason);
	/* What is made there and no use is nobody's mistake; it is undone. */
	if (result != DONE_OK && job->made_there)
		result = DONE_UNAVAILABLE;
	stored(job, result == DONE_NONE || result == DONE_REFUSED ?
	    DONE_INVALID : result, reason);
}

void
work_put(struct job *job, enum done_result result, const char *reason,
    const uint8_t *box, size_t len)
{
	answered(job, result, reason);
	if (job->ours != NULL) {
		job->ours(job, result, reason, box, len);
		return;
	}
	if (result == DONE_OK && job->made_there) {
		made(job);
		return;
	}
	if (result == DONE_OK && len > 0)
		result = keep_box(job, box, len, &reason);
	stored(job, result, reason);
}

void
work_removed(struct job *job, enum done_result result, const char *reason)
{
	int	 rc = 0;

	answered(job, result, reason);
	if (job->ours != NULL) {
		job->ours(job, result, reason, NULL, 0);
		return;
	}
	if (result == DONE_OK && (rc = remove_older(job)) == 1)
		return;
	if (rc < 0)
		stored(job, DONE_UNAVAILABLE, "the key database failed");
	else
		stored(job, result, reason);
}

/* --- jobs --------------------------------------------------------------- */

/* Two that change one key would meet at a keystore elsewhere. */
void
work_begin(struct job *job)
{
	if (backend->elsewhere && job->type != IMSG_KMS_FETCH &&
	    jobs_changing(job)) {
		job_done(job, DONE_BUSY, "the key is being changed", NULL,
		    NULL, 0);
		return;
	}
	work_queue(job);
}

const char *
work_stage(const struct job *job)
{
	return (job->queued || !job->started ? NULL : backend->stage(job));
}

void
work_cancel(struct job *job)
{
	if (job->queued)
		TAILQ_REMOVE(&queue, job, queue);
	else
		backend->cancel(job);
}

const struct backend *
work_backend(void)
{
	return (backend);
}

void
work_init(const struct backend *b)
{
	backend = b;
	retry = timer_new(work_run, NULL);
	cleaner = timer_new(clean, NULL);
}

void
work_counters(struct wbuf *w)
{
	wb_str(w, "busy");
	wb_u64(w, count_busy);
	check_counters(w);
	cache_counters(w);
	if (backend->counters != NULL)
		backend->counters(w);
}

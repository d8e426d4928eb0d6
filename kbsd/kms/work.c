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
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "histogram.h"
#include "kms.h"
#include "log.h"
#include "secret.h"
#include "timer.h"

#define BUSY_RETRY_MS	3

/* A key that was made can be undone so long, by who never saw its seal. */
#define UNDO_SECONDS	900

/* What a step answers besides enum done_result. */
#define WORK_BUSY	(-1)		/* the database is another's */
#define WORK_ASKED	(-2)		/* the keystore answers now or later */

/* What a step found out. */
struct outcome {
	const char		*reason;
	struct key_record	 record;
	int			 has_record;
};

static TAILQ_HEAD(, job)	 queue = TAILQ_HEAD_INITIALIZER(queue);
static const struct backend	*backend;
static struct event		*retry;
static uint64_t			 count_busy;

static int
failed(int rc, struct outcome *out)
{
	if (rc == RECORDS_BUSY)
		return (WORK_BUSY);
	out->reason = "the key database failed";
	return (DONE_UNAVAILABLE);
}

/* --- what our own record says ------------------------------------------ */

/*
 * Is what we were shown the newest?  Two seals of one serial can only be when
 * this database was set back; then what it holds now counts.  A higher
 * serial than ours means the same, and is ours by its seal.
 */
static int
newest(const struct job *job, const struct key_record *ours,
    struct outcome *out)
{
	if (job->fits && job->record.serial > ours->serial) {
		log_warnx("keys.db is older than the record of a key: was it "
		    "restored from a copy?");
		return (1);
	}
	/*
	 * A key on its way to another policy may name that one already, so
	 * its seal need not fit; what is changed is our own record then.
	 */
	if ((job->fits || job->type != IMSG_KMS_FETCH) &&
	    job->record.serial == ours->serial &&
	    secret_cmp(job->record.seal, ours->seal, DIGEST_LEN) == 0)
		return (1);
	out->reason = job->fits ? "an older record was shown" :
	    "the seal of the record does not fit";
	out->record = *ours;
	out->has_record = 1;
	return (0);
}

/*
 * The record of a key whose making was cut short has no seal yet.  But so had
 * every key's: who kept that record, and the intent, must not undo one that
 * is long in use.
 */
static int
undoable(const struct key_record *shown, const struct key_record *ours)
{
	int64_t	 now = time(NULL);

	return (shown->serial == 0 && is_unsealed(shown) &&
	    ours->serial == 1 && ours->created <= now &&
	    ours->created > now - UNDO_SECONDS);
}

/* DONE_OK: the key is there, and what we were shown of it is the newest. */
static int
current(const struct job *job, struct row *row, struct outcome *out)
{
	int	 rc;

	out->reason = "there is no such key";
	if ((rc = records_find(&job->record.id, row)) != 1)
		return (rc == 0 ? DONE_NONE : failed(rc, out));
	if (!newest(job, &row->record, out))
		return (DONE_STALE);
	return (row->gone ? DONE_NONE : DONE_OK);
}

/* --- fetch -------------------------------------------------------------- */

/* What is decided is decided by the newest record, for all versions. */
static int
version(const struct job *job, struct row *row, struct outcome *out)
{
	struct uuid	 id = row->record.id;
	int		 rc;

	if (job->version == 0 || job->version == row->record.version)
		return (DONE_OK);
	out->reason = "the key has no such version";
	rc = records_find_version(&id, job->version, row);
	if (rc < 0)
		return (failed(rc, out));
	return (rc == 0 || row->gone ? DONE_NONE : DONE_OK);
}

static int
fetch_begin(struct job *job, struct outcome *out)
{
	static struct row	 row;
	const void		*material;
	size_t			 len;
	int			 rc;

	if ((rc = current(job, &row, out)) != DONE_OK ||
	    (rc = version(job, &row, out)) != DONE_OK)
		return (rc);
	job->version = row.record.version;
	if (job->operation == OP_KEY_BACKUP &&
	    (backend->elsewhere || backend->boxes_travel)) {
		if (backend->elsewhere)
			backup_done(job, GIVEN_ID, row.record.backend,
			    strlen(row.record.backend));
		else
			backup_done(job, GIVEN_BOX, row.box, row.boxlen);
		return (WORK_ASKED);
	}
	if ((material = cache_find(&row.record, &len)) != NULL)
		job_done(job, DONE_OK, "", NULL, material, len);
	else
		backend->get(job, &row);
	return (WORK_ASKED);
}

static void
fetch_got(struct job *job, enum done_result result, const char *reason,
    const void *material, size_t len)
{
	static struct row	 row;
	struct key_record	 got = job->record;
	struct outcome		 out = { .reason = reason };
	int			 rc = (int)result;

	if (result == DONE_OK && backend->elsewhere &&
	    (rc = current(job, &row, &out)) == WORK_BUSY) {
		out.reason = "the key database is busy";
		rc = DONE_BUSY;
	}
	if (rc == DONE_OK && job->operation == OP_KEY_BACKUP) {
		backup_done(job, GIVEN_KEY, material, len);
		return;
	}
	got.version = job->version;
	if (rc == DONE_OK && backend->elsewhere)
		cache_keep(&got, material, len);
	job_done(job, (enum done_result)rc, out.reason,
	    out.has_record ? &out.record : NULL, rc == DONE_OK ? material :
	    NULL, rc == DONE_OK ? len : 0);
}

/* --- store -------------------------------------------------------------- */

int
work_makes(const struct key_record *record)
{
	return (backend->makes != NULL &&
	    backend->makes((enum algorithm)record->algorithm));
}

static void
put(struct job *job)
{
	if (job->made_there)
		backend->create(job);
	else
		backend->put(job);
}

/* Has the keystore a key that may be registered by its id there? */
static int
known_there(const struct job *job, struct outcome *out)
{
	const char	*backend_id = job->record.backend;
	int		 rc;

	out->reason = "this keystore has no keys but those given to it";
	if (!backend->elsewhere || backend_id[0] == '\0')
		return (DONE_INVALID);
	if ((rc = records_backend(backend_id)) < 0)
		return (failed(rc, out));
	/* The mark is the material's: no other record goes around it. */
	out->reason = "that key of the keystore is released on attestation "
	    "only";
	if ((rc & RECORDS_MARKED) != 0)
		return (DONE_REFUSED);
	out->reason = "that key of the keystore is registered without the "
	    "mark";
	if ((rc & RECORDS_UNMARKED) != 0 &&
	    (job->record.flags & KEY_ATTESTED_ONLY) != 0)
		return (DONE_REFUSED);
	return (DONE_OK);
}

/* Material that is given is kept under the key's own id. */
static int
store_named(struct job *job, struct outcome *out)
{
	char	 id[NAME_MAX_BACKEND];
	char	*backend_id = job->record.backend;

	if (job->materiallen == 0)
		return (known_there(job, out));
	key_record_name(&job->record, id);
	out->reason = "the keystore names what is given to it";
	if (backend_id[0] != '\0' && strcmp(backend_id, id) != 0)
		return (DONE_INVALID);
	strlcpy(backend_id, id, sizeof(job->record.backend));
	return (DONE_OK);
}

/*
 * What comes is no material but what stands for it, from a backup: it is got
 * by that, and looked at, before it is believed.
 */
static int
store_looked_at(struct job *job, const uint8_t *box, size_t len,
    struct outcome *out)
{
	static struct row	 row;

	row.record = job->record;
	row.boxlen = len;
	if (len > sizeof(row.box) || (len > 0) == (backend->elsewhere != 0)) {
		out->reason = "this is no box of this kind of keystore";
		return (DONE_INVALID);
	}
	if (len > 0)
		memcpy(row.box, box, len);
	backend->get(job, &row);
	return (WORK_ASKED);
}

/* Under the keystore's own id of it, which is what was given. */
static int
rotate_by_id(struct job *job, struct outcome *out)
{
	char	*id = job->record.backend;
	int	 rc;

	out->reason = "that is no id of a key";
	if (job->materiallen >= sizeof(job->record.backend) ||
	    memchr(job->material, '\0', job->materiallen) != NULL)
		return (DONE_INVALID);
	memcpy(id, job->material, job->materiallen);
	id[job->materiallen] = '\0';
	if ((rc = known_there(job, out)) != DONE_OK)
		return (rc);
	return (store_looked_at(job, NULL, 0, out));
}

/*
 * The next version.  What is shown must be the newest; the job's record keeps
 * its serial and seal, by which that is known once more when it is written.
 * Where the keystore is elsewhere our own database is told before, so that
 * what comes there is never forgotten.
 */
static int
rotate_begin(struct job *job, struct outcome *out)
{
	static struct row	 row;
	struct key_record	*next = &job->record;
	uint32_t		 last;
	int			 rc;

	if ((rc = current(job, &row, out)) != DONE_OK)
		return (rc);
	last = row.record.version;
	out->reason = "it was rotated too often";
	if (last == UINT32_MAX)
		return (DONE_REFUSED);
	next->version = last + 1;
	key_record_name(next, next->backend);
	if (job->given == GIVEN_ID)
		return (rotate_by_id(job, out));
	if (job->given == GIVEN_BOX)
		return (store_looked_at(job, job->material, job->materiallen,
		    out));
	if (!backend->elsewhere) {
		put(job);
		return (WORK_ASKED);
	}
	rc = records_next_version(&next->id, &last, next->backend);
	if (rc == 1) {
		out->reason = "what a rotation left at the keystore is to be "
		    "removed first: try again";
		sweep_start();
		return (DONE_BUSY);
	}
	if (rc < 0 || (rc = records_make_unsure(next)) != 0)
		return (failed(rc, out));
	put(job);
	return (WORK_ASKED);
}

static int
rotate_write(struct job *job, struct outcome *out)
{
	static struct row	 row;
	struct key_record	 record = job->record;
	int			 rc;

	if ((rc = current(job, &row, out)) != DONE_OK)
		return (rc);
	record.policy = row.record.policy;
	record.serial++;
	record.created = row.record.created;
	if (record.serial == 0 || seal_make(&record) == -1)
		return (failed(RECORDS_FAILED, out));
	if ((rc = records_rotate(&record, job->box, job->boxlen)) != 0)
		return (failed(rc, out));
	out->record = record;
	out->has_record = 1;
	return (DONE_OK);
}

static int
store_begin(struct job *job, struct outcome *out)
{
	static struct row	 row;
	int			 rc;

	if (job->operation == OP_KEY_ROTATE)
		return (rotate_begin(job, out));
	if (!job->made_there && (rc = store_named(job, out)) != DONE_OK)
		return (rc);
	if ((rc = records_find(&job->record.id, &row)) != 0) {
		out->reason = "there is, or was, a key of this id";
		return (rc == 1 ? DONE_REFUSED : failed(rc, out));
	}
	if (job->materiallen == 0 && !job->made_there)
		return (store_looked_at(job, NULL, 0, out));
	if (job->given == GIVEN_BOX)
		return (store_looked_at(job, job->material, job->materiallen,
		    out));
	put(job);
	return (WORK_ASKED);
}

static int
store_write(struct job *job, struct outcome *out)
{
	struct key_record	 record = job->record;
	int			 rc;

	if (job->operation == OP_KEY_ROTATE)
		return (rotate_write(job, out));
	record.serial = 1;
	record.created = time(NULL);	/* ours: undoable() asks for it */
	if (seal_make(&record) == -1)
		return (failed(RECORDS_FAILED, out));
	if ((rc = records_insert(&record, job->box, job->boxlen)) != 0)
		return (failed(rc, out));
	out->record = record;
	out->has_record = 1;
	return (DONE_OK);
}

/* --- move --------------------------------------------------------------- */

static int
move_write(struct job *job, struct outcome *out)
{
	static struct row	 row;
	struct key_record	 record;
	int			 rc;

	if ((rc = records_find(&job->record.id, &row)) != 1 || row.gone) {
		out->reason = "there is no such key";
		return (rc >= 0 ? DONE_NONE : failed(rc, out));
	}
	if (!newest(job, &row.record, out))
		return (DONE_STALE);
	if ((row.record.flags & KEY_ATTESTED_ONLY) != 0) {
		out->reason = "a key released on attestation only is never "
		    "moved";
		return (DONE_REFUSED);
	}
	record = job->record.serial > row.record.serial ? job->record :
	    row.record;
	record.policy = job->policy;
	memcpy(record.policy_digest, job->policy_digest, DIGEST_LEN);
	record.serial++;
	if (record.serial == 0 || seal_make(&record) == -1)
		return (failed(RECORDS_FAILED, out));
	if ((rc = records_update(&record)) != 0)
		return (failed(rc, out));
	out->record = record;
	out->has_record = 1;
	return (DONE_OK);
}

/* --- delete ------------------------------------------------------------- */

static int
remove_write(struct job *job, struct outcome *out)
{
	static struct row	 row;
	int			 rc;

	cache_drop(&job->record.id);
	if ((rc = records_find(&job->record.id, &row)) != 1)
		return (rc == 0 ? DONE_OK : failed(rc, out));
	if ((rc = records_remove(&row.record)) != 0)
		return (failed(rc, out));
	return (DONE_OK);
}

/* The keystore is not asked, so it is done at once. */
static int
forget(struct job *job, const struct row *row, int found, struct outcome *out)
{
	if (!found)
		return (DONE_OK);
	if (backend->elsewhere)
		return (remove_write(job, out));
	out->reason = "its material is nowhere else: it can be deleted only";
	out->record = row->record;
	out->has_record = 1;
	return (DONE_INVALID);
}

/*
 * What is not there is as good as deleted: a second try must succeed.  But
 * material may be there without a record of ours, when its making was cut
 * short between the two.
 */
static int
remove_begin(struct job *job, struct outcome *out)
{
	static struct row	 row;
	const char		*name = row.record.backend;
	char			 id[UUID_TEXT];
	int			 rc;

	if ((rc = records_find(&job->record.id, &row)) < 0)
		return (failed(rc, out));
	if (rc == 1 && !undoable(&job->record, &row.record) &&
	    !newest(job, &row.record, out))
		return (DONE_STALE);
	if (rc == 0) {
		if (job->record.serial != 0 || !is_unsealed(&job->record) ||
		    job->record.backend[0] != '\0')
			return (DONE_OK);
		name = uuid_format(&job->record.id, id);
	} else if (undoable(&job->record, &row.record) &&
	    job->record.backend[0] != '\0')
		return (remove_write(job, out));
	if (job->operation == OP_KEY_FORGET)
		return (forget(job, &row, rc, out));
	backend->remove(job, name);
	return (WORK_ASKED);
}

/* --- stages ------------------------------------------------------------- */

static const struct {
	uint32_t	 type;
	int		(*begin)(struct job *, struct outcome *);
	int		(*write)(struct job *, struct outcome *);
} stages[] = {
	{ IMSG_KMS_FETCH,	fetch_begin,	NULL },
	{ IMSG_KMS_STORE,	store_begin,	store_write },
	{ IMSG_KMS_RESEAL,	NULL,		move_write },
	{ IMSG_KMS_DELETE,	remove_begin,	remove_write },
};

/* A step in a transaction of its own; what it says is true once synced. */
static int
work_write(struct job *job, struct outcome *out,
    int (*fn)(struct job *, struct outcome *))
{
	int	 rc, ret;

	cache_drop(&job->record.id);
	if ((rc = records_begin()) != 0)
		return (failed(rc, out));
	ret = fn(job, out);
	if (ret == DONE_OK && (rc = records_commit()) != 0)
		ret = failed(rc, out);
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

/* So that no box of a deleted key lives on in the WAL. */
static void
work_end(struct job *job, int rc, const struct outcome *out)
{
	int	 removed = job->type == IMSG_KMS_DELETE && rc == DONE_OK &&
		    !backend->elsewhere;
	int	 unsure = job->operation == OP_KEY_ROTATE && rc != DONE_OK;

	job_done(job, (enum done_result)rc, out->reason,
	    out->has_record ? &out->record : NULL, NULL, 0);
	if (removed)
		records_checkpoint();
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
 * is none, 0; or RECORDS_*.
 */
static int
remove_older(struct job *job)
{
	char	 name[NAME_MAX_BACKEND];
	int	 rc;

	if (!backend->elsewhere)
		return (0);
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
 * It comes back to work_got().  A new key is no other one: what is released on
 * attestation only would lose its mark so.
 */
static void
made(struct job *job)
{
	struct outcome	 out;
	int		 rc;

	if ((rc = records_backend(job->record.backend)) != 0) {
		stored(job, DONE_UNAVAILABLE, rc < 0 ? "the key database "
		    "failed" : "the keystore gave it the id of another key");
		return;
	}
	job->asked_us = now_us();
	(void)store_looked_at(job, NULL, 0, &out);
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
		fetch_got(job, result, reason, material, len);
		return;
	}
	/* It was only to be seen what is there. */
	if (result == DONE_OK &&
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

void
work_init(const struct backend *b)
{
	backend = b;
	retry = timer_new(work_run, NULL);
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

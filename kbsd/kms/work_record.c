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
 * What our own record of a key says before the keystore is asked, and what is
 * done with a key that is there: it is fetched, gets another policy, or goes.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kms.h"
#include "log.h"
#include "secret.h"

/* A key that was made can be undone so long, by who never saw its seal. */
#define UNDO_SECONDS	900

int
work_failed(int rc, struct outcome *out)
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
int
work_current(const struct job *job, struct row *row, struct outcome *out)
{
	int	 rc;

	out->reason = "there is no such key";
	if ((rc = records_find(&job->record.id, row)) != 1)
		return (rc == 0 ? DONE_NONE : work_failed(rc, out));
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
		return (work_failed(rc, out));
	return (rc == 0 || row->gone ? DONE_NONE : DONE_OK);
}

int
work_fetch_begin(struct job *job, struct outcome *out)
{
	static struct row	 row;
	const void		*material;
	size_t			 len;
	int			 rc;

	if ((rc = work_current(job, &row, out)) != DONE_OK ||
	    (rc = version(job, &row, out)) != DONE_OK)
		return (rc);
	job->version = row.record.version;
	if (job->operation == OP_KEY_BACKUP &&
	    (work_backend()->elsewhere || work_backend()->boxes_travel)) {
		if (work_backend()->elsewhere)
			backup_done(job, GIVEN_ID, row.record.backend,
			    strlen(row.record.backend));
		else
			backup_done(job, GIVEN_BOX, row.box, row.boxlen);
		return (WORK_ASKED);
	}
	if ((material = cache_find(&row.record, &len)) != NULL)
		job_done(job, DONE_OK, "", NULL, material, len);
	else
		work_backend()->get(job, &row);
	return (WORK_ASKED);
}

void
work_fetched(struct job *job, enum done_result result, const char *reason,
    const void *material, size_t len)
{
	static struct row	 row;
	struct key_record	 got = job->record;
	struct outcome		 out = { .reason = reason };
	int			 rc = (int)result;

	if (result == DONE_OK && work_backend()->elsewhere &&
	    (rc = work_current(job, &row, &out)) == WORK_BUSY) {
		out.reason = "the key database is busy";
		rc = DONE_BUSY;
	}
	if (rc == DONE_OK && job->operation == OP_KEY_BACKUP) {
		backup_done(job, GIVEN_KEY, material, len);
		return;
	}
	got.version = job->version;
	if (rc == DONE_OK && work_backend()->elsewhere)
		cache_keep(&got, material, len);
	job_done(job, (enum done_result)rc, out.reason,
	    out.has_record ? &out.record : NULL, rc == DONE_OK ? material :
	    NULL, rc == DONE_OK ? len : 0);
}

/* --- move --------------------------------------------------------------- */

int
work_move(struct job *job, struct outcome *out)
{
	static struct row	 row;
	struct key_record	 record;
	int			 rc;

	if ((rc = records_find(&job->record.id, &row)) != 1 || row.gone) {
		out->reason = "there is no such key";
		return (rc >= 0 ? DONE_NONE : work_failed(rc, out));
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
		return (work_failed(RECORDS_FAILED, out));
	if ((rc = records_update(&record)) != 0)
		return (work_failed(rc, out));
	out->record = record;
	out->has_record = 1;
	return (DONE_OK);
}

/* --- delete ------------------------------------------------------------- */

int
work_remove(struct job *job, struct outcome *out)
{
	static struct row	 row;
	int			 rc;

	cache_drop(&job->record.id);
	if ((rc = records_find(&job->record.id, &row)) != 1)
		return (rc == 0 ? DONE_OK : work_failed(rc, out));
	if ((rc = records_remove(&row.record)) != 0)
		return (work_failed(rc, out));
	return (DONE_OK);
}

/* The keystore is not asked, so it is done at once. */
static int
forget(struct job *job, const struct row *row, int found, struct outcome *out)
{
	if (!found)
		return (DONE_OK);
	if (work_backend()->elsewhere)
		return (work_remove(job, out));
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
int
work_remove_begin(struct job *job, struct outcome *out)
{
	static struct row	 row;
	const char		*name = row.record.backend;
	char			 id[UUID_TEXT];
	int			 rc, pending;

	if ((rc = records_find(&job->record.id, &row)) < 0)
		return (work_failed(rc, out));
	pending = job->record.serial == 0 && is_unsealed(&job->record);
	if (rc == 1 && pending && row.gone)
		rc = 0;			/* it was about to come back */
	if (rc == 1 && !undoable(&job->record, &row.record) &&
	    !newest(job, &row.record, out))
		return (DONE_STALE);
	if (rc == 0) {
		if (!pending || job->record.backend[0] != '\0')
			return (DONE_OK);
		name = uuid_format(&job->record.id, id);
	} else if (undoable(&job->record, &row.record) &&
	    job->record.backend[0] != '\0')
		return (work_remove(job, out));
	if (job->operation == OP_KEY_FORGET)
		return (forget(job, &row, rc, out));
	work_backend()->remove(job, name);
	return (WORK_ASKED);
}

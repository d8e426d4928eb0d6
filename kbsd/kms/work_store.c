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
 * New material: a key that is made, registered or brought from a backup, and
 * the next version of one.  Where the keystore is to have it already it is
 * looked at before it is believed.
 */

#include <string.h>
#include <time.h>

#include "kms.h"
#include "secret.h"

/* --- store -------------------------------------------------------------- */

int
work_makes(const struct key_record *record)
{
	return (work_backend()->makes != NULL &&
	    work_backend()->makes((enum algorithm)record->algorithm));
}

static void
put(struct job *job)
{
	if (job->made_there)
		work_backend()->create(job);
	else
		work_backend()->put(job);
}

/* Has the keystore a key that may be registered by its id there? */
static int
known_there(const struct job *job, struct outcome *out)
{
	int	 rc;

	out->reason = "this keystore has no keys but those given to it";
	if (!work_backend()->elsewhere || job->record.backend[0] == '\0')
		return (DONE_INVALID);
	if ((rc = records_backend(&job->record)) < 0)
		return (work_failed(rc, out));
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

/*
 * No row is of this id; or that of a deleted key, buried, which comes back as
 * what it was: with its mark and under its policy, of the same text: the id of
 * one that was deleted may have been given to another.
 */
static int
room(const struct job *job, int *buried, struct outcome *out)
{
	static struct row	 row;
	int			 rc;

	*buried = 0;
	if ((rc = records_find(&job->record.id, &row)) <= 0)
		return (rc == 0 ? DONE_OK : work_failed(rc, out));
	*buried = row.gone;
	out->reason = "there is, or was, a key of this id";
	return (row.gone && (job->record.flags & KEY_ATTESTED_ONLY) != 0 &&
	    uuid_cmp(&job->record.policy, &row.record.policy) == 0 &&
	    secret_cmp(job->record.policy_digest, row.record.policy_digest,
	    DIGEST_LEN) == 0 ? DONE_OK : DONE_REFUSED);
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
int
work_look_at(struct job *job, const uint8_t *box, size_t len,
    struct outcome *out)
{
	static struct row	 row;

	row.record = job->record;
	row.boxlen = len;
	if (len > sizeof(row.box) ||
	    (len > 0) == (work_backend()->elsewhere != 0)) {
		out->reason = "this is no box of this kind of keystore";
		return (DONE_INVALID);
	}
	if (len > 0)
		memcpy(row.box, box, len);
	work_backend()->get(job, &row);
	return (WORK_ASKED);
}

/* --- rotate ------------------------------------------------------------- */

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
	return (work_look_at(job, NULL, 0, out));
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

	if ((rc = work_current(job, &row, out)) != DONE_OK)
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
		return (work_look_at(job, job->material, job->materiallen,
		    out));
	if (!work_backend()->elsewhere) {
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
		return (work_failed(rc, out));
	put(job);
	return (WORK_ASKED);
}

/*
 * What we put at a keystore elsewhere is there.  If another kms has claimed it
 * since, it may have been removed before it came: then it is unsure anew.
 */
static int
rotate_sure(const struct job *job, struct outcome *out)
{
	const struct key_record	*next = &job->record;
	int			 rc;

	if (!work_backend()->elsewhere || job->given == GIVEN_ID ||
	    job->given == GIVEN_BOX)
		return (DONE_OK);
	rc = records_sure(&next->id, next->version);
	if (rc == 1)
		return (DONE_OK);
	records_end();
	if (rc < 0 || (rc = records_make_unsure(next)) != 0)
		return (work_failed(rc, out));
	out->reason = "what it left at the keystore is being removed: try "
	    "again";
	return (DONE_UNAVAILABLE);
}

static int
rotate_write(struct job *job, struct outcome *out)
{
	static struct row	 row;
	struct key_record	 record = job->record;
	int			 rc;

	if ((rc = work_current(job, &row, out)) != DONE_OK ||
	    (rc = rotate_sure(job, out)) != DONE_OK)
		return (rc);
	record.policy = row.record.policy;
	record.serial++;
	record.created = row.record.created;
	if (record.serial == 0 || seal_make(&record) == -1)
		return (work_failed(RECORDS_FAILED, out));
	if ((rc = records_rotate(&record, job->box, job->boxlen)) != 0)
		return (work_failed(rc, out));
	out->record = record;
	out->has_record = 1;
	return (DONE_OK);
}

/* --- all ---------------------------------------------------------------- */

int
work_store_begin(struct job *job, struct outcome *out)
{
	int	 rc, buried;

	if (job->operation == OP_KEY_ROTATE)
		return (rotate_begin(job, out));
	if ((!job->made_there && (rc = store_named(job, out)) != DONE_OK) ||
	    (rc = room(job, &buried, out)) != DONE_OK)
		return (rc);
	if (job->materiallen == 0 && !job->made_there)
		return (work_look_at(job, NULL, 0, out));
	if (job->given == GIVEN_BOX)
		return (work_look_at(job, job->material, job->materiallen,
		    out));
	put(job);
	return (WORK_ASKED);
}

int
work_store(struct job *job, struct outcome *out)
{
	struct key_record	 record = job->record;
	int			 rc, buried;

	if (job->operation == OP_KEY_ROTATE)
		return (rotate_write(job, out));
	if ((rc = room(job, &buried, out)) != DONE_OK)
		return (rc);
	record.serial = 1;
	record.created = time(NULL);	/* ours: undoable() asks for it */
	if (seal_make(&record) == -1)
		return (work_failed(RECORDS_FAILED, out));
	if ((buried && (rc = records_unbury(&record.id)) != 0) ||
	    (rc = records_insert(&record, job->box, job->boxlen)) != 0)
		return (work_failed(rc, out));
	out->record = record;
	out->has_record = 1;
	return (DONE_OK);
}

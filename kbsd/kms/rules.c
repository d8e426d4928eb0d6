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
 * What a request must keep before this process gives, takes or changes
 * anything: the last word on every key.  Pure functions of the request, the
 * sealed record and audit's word.  The newest serial is the backend's to
 * know.
 */

#include <string.h>

#include "digest.h"
#include "kms.h"
#include "secret.h"

/* Which half must stand behind which operation. */
static const struct pairing {
	uint32_t	 type;
	uint8_t		 operation;
	uint8_t		 half;
} pairings[] = {
	{ IMSG_KMS_FETCH,	OP_TRANSFER,		HALF_VERDICT },
	{ IMSG_KMS_FETCH,	OP_KEY_RELEASE,		HALF_GRANT },
	{ IMSG_KMS_FETCH,	OP_KEY_BACKUP,		HALF_GRANT },
	{ IMSG_KMS_STORE,	OP_KEY_CREATE,		HALF_GRANT },
	{ IMSG_KMS_STORE,	OP_KEY_REGISTER,	HALF_GRANT },
	{ IMSG_KMS_STORE,	OP_KEY_ROTATE,		HALF_GRANT },
	{ IMSG_KMS_RESEAL,	OP_KEY_MOVE,		HALF_GRANT },
	{ IMSG_KMS_DELETE,	OP_KEY_DELETE,		HALF_GRANT },
	{ IMSG_KMS_DELETE,	OP_KEY_FORGET,		HALF_GRANT },
};

static int
equal(const uint8_t a[DIGEST_LEN], const uint8_t b[DIGEST_LEN])
{
	return (secret_cmp(a, b, DIGEST_LEN) == 0);
}

static int
is_zero(const uint8_t d[DIGEST_LEN])
{
	static const uint8_t	 zero[DIGEST_LEN];

	return (equal(d, zero));
}

int
is_unsealed(const struct key_record *record)
{
	return (is_zero(record->seal));
}

static const char *
rule_pairing(const struct job *job)
{
	size_t	 i;

	for (i = 0; i < sizeof(pairings) / sizeof(pairings[0]); i++)
		if (pairings[i].type == job->type &&
		    pairings[i].operation == job->operation &&
		    pairings[i].half == job->half)
			return (NULL);
	return ("this half does not stand for this operation");
}

static const char *
rule_fetch(const struct job *job)
{
	const struct key_record	*record = &job->record;
	const char		*why;

	if (!job->fits)
		return ("the seal of the record does not fit");
	/* Nobody gets it but the recipient that kbsd.conf names. */
	if (job->operation == OP_KEY_BACKUP)
		return (job->version != 0 ? backup_wrong() :
		    "a backup is of one version");
	if ((why = wrapping_wrong(job)) != NULL)
		return (why);
	if (job->half == HALF_GRANT) {
		if ((record->flags & KEY_ATTESTED_ONLY) != 0)
			return ("the key is released on attestation only");
		return (NULL);
	}
	if (uuid_isnil(&record->policy) || is_zero(record->policy_digest))
		return ("the key is under no policy");
	if (!equal(job->policy_digest, record->policy_digest))
		return ("the verdict is by another policy than the key's");
	return (NULL);
}

/* Nothing comes, and nothing of it is anywhere yet. */
static const char *
rule_made_there(const struct job *job)
{
	if (job->given != GIVEN_KEY)
		return ("nothing is given");
	if (!is_zero(job->detail))
		return ("the material that was meant has not come");
	if (job->operation == OP_KEY_CREATE && job->record.backend[0] != '\0')
		return ("a key that is to be made is somewhere already");
	return (NULL);
}

static const char *
rule_store(const struct job *job)
{
	const struct key_record	*record = &job->record;
	uint8_t			 d[DIGEST_LEN];

	if (uuid_isnil(&record->id) || record->version == 0)
		return ("a new key needs an id and a version");
	if (job->operation == OP_KEY_ROTATE) {
		if (!job->fits)
			return ("the seal of the record does not fit");
		if (job->materiallen == 0 && !job->made_there)
			return ("a new version needs material");
	} else if (record->serial != 0 || !is_unsealed(record))
		return ("a new key has a seal already");
	if (!equal(job->policy_digest, record->policy_digest) ||
	    uuid_isnil(&record->policy) != is_zero(record->policy_digest))
		return ("the record names another policy");
	if (job->made_there)
		return (rule_made_there(job));
	if (job->materiallen == 0)	/* a backend's own key */
		return (job->given == GIVEN_KEY ? NULL : "nothing is given");
	if (job->given == GIVEN_ID && job->operation != OP_KEY_ROTATE)
		return ("a new key's id at the keystore is in its record");
	digest(d, job->material, job->materiallen);
	if (!equal(d, job->detail))
		return ("the material has another digest");
	return (NULL);
}

/*
 * With our own record of the key work.c tells who is right, and shows the
 * newest record to who has a wrong one.
 */
static const char *
rule_change(const struct job *job)
{
	const struct key_record	*record = &job->record;

	if (job->type == IMSG_KMS_DELETE)
		return (NULL);
	if ((record->flags & KEY_ATTESTED_ONLY) != 0)
		return ("a key released on attestation only is never moved");
	if (uuid_isnil(&job->policy) != is_zero(job->policy_digest))
		return ("id and digest of the new policy disagree");
	return (NULL);
}

const char *
rules_request(const struct job *job, const char *keystore)
{
	const char	*why;

	if ((why = rule_pairing(job)) != NULL)
		return (why);
	if (strcmp(job->record.keystore, keystore) != 0)
		return ("the key is of another keystore");
	switch (job->type) {
	case IMSG_KMS_FETCH:
		return (rule_fetch(job));
	case IMSG_KMS_STORE:
		return (rule_store(job));
	default:
		return (rule_change(job));
	}
}

const char *
rules_recorded(const struct job *job, const struct recorded *recorded)
{
	if (name_cmp(&job->name, &recorded->name) != 0)
		return ("the audit line is of another request");
	if (job->operation != recorded->operation)
		return ("the audit line is of another operation");
	if (uuid_cmp(&job->record.id, &recorded->key) != 0)
		return ("the audit line is of another key");
	/* Deleting names no policy. */
	if (job->type != IMSG_KMS_DELETE &&
	    !equal(job->policy_digest, recorded->policy_digest))
		return ("the audit line is of another policy");
	/* Only what is released is wrapped. */
	if (job->type == IMSG_KMS_FETCH && job->operation != OP_KEY_BACKUP &&
	    (!equal(job->detail, recorded->wrapping_key) ||
	    is_zero(job->detail)))
		return ("the audit line is of another wrapping key");
	return (NULL);
}

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
 * The keystore whose keys a PKCS#11 token holds itself: it makes them, wraps
 * them for who may have them, and destroys them.  No key is ever here in the
 * clear; but who holds the session, as we do, can have any key wrapped.
 */

#include <string.h>

#include "log.h"
#include "token.h"

static void
keys_open(int sealed)
{
	(void)sealed;
	pkcs11_load(&keys_use);
}

static void
keys_run(void)
{
	pkcs11_attach("held and wrapped by it");
}

/* --- jobs ---------------------------------------------------------------- */

static void
answer(struct job *job, enum done_result result, const void *data, size_t len)
{
	work_got(job, result, result == DONE_OK ? "" : token_why(), data, len);
}

/* The check's own key, which nobody else has: it is opened again. */
static void
get_probe(struct job *job)
{
	const struct wrapping_key	*by = trial_key();
	struct wbuf			 w = { 0 };
	uint8_t				 key[32];
	enum done_result		 result = DONE_UNAVAILABLE;
	const char			*why = "no RSA key could be made";
	size_t				 len = 0;

	if (by != NULL) {
		result = keys_wrap(&job->record, by, 0, &w);
		why = token_why();
	}
	if (result == DONE_OK && (why = trial_open(&w, key, sizeof(key),
	    &len)) != NULL)
		result = DONE_UNAVAILABLE;
	wb_free(&w);
	work_got(job, result, result == DONE_OK ? "" : why, key, len);
	explicit_bzero(key, sizeof(key));
}

static void
get_wrapped(struct job *job, const struct row *row)
{
	static struct wrapping_key	 by;
	struct wbuf			 w = { 0 };
	enum done_result		 result;

	if (wrapping_read(job, &by) == -1) {
		work_got(job, DONE_REFUSED, "no wrapping key came", NULL, 0);
		return;
	}
	result = keys_wrap(&row->record, &by, job->half == HALF_GRANT, &w);
	answer(job, result, w.data, result == DONE_OK ? w.len : 0);
	wb_free(&w);
}

/* Where it is to be stored it is only looked at. */
static void
keys_get(struct job *job, const struct row *row)
{
	if (job->ours != NULL)
		get_probe(job);
	else if (job->type == IMSG_KMS_STORE)
		answer(job, keys_look(&row->record), NULL, 0);
	else
		get_wrapped(job, row);
}

/* It would have been seen on its way. */
static void
keys_put(struct job *job)
{
	work_put(job, DONE_INVALID, "this keystore's keys are made in its "
	    "token, or registered by their labels there: none is given to it",
	    NULL, 0);
}

static int
keys_makes(enum algorithm algorithm)
{
	return (algorithm < ALG_MAX);
}

static void
keys_create(struct job *job)
{
	enum done_result	 result;

	key_record_name(&job->record, job->record.backend);
	result = keys_make(&job->record);
	work_put(job, result, result == DONE_OK ? "" : token_why(), NULL, 0);
}

/* What a rotation left has our own label, and is of a kind not known now. */
static void
keys_remove(struct job *job, const char *backend)
{
	enum done_result	 result;

	result = keys_destroy(&job->record, backend, job->ours != NULL);
	work_removed(job, result, result == DONE_OK ? "" : token_why());
}

const struct backend backend_token = {
	.name = "pkcs11",
	.elsewhere = 1,
	.module = 1,
	.wraps = 1,
	.config = pkcs11_config,
	.descriptor = pkcs11_descriptor,
	.open = keys_open,
	.run = keys_run,
	.get = keys_get,
	.put = keys_put,
	.makes = keys_makes,
	.create = keys_create,
	.remove = keys_remove,
};

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
 * What leaves for a backup: material, or what stands for it, in an envelope
 * that only the recipient in kbsd.conf can open.  So a key that is released on
 * attestation only may be in a backup, and nobody here gets to see it.
 */

#include <string.h>

#include "envelope.h"
#include "kms.h"
#include "log.h"

static EVP_PKEY	*recipient;		/* NULL: there is none */

void
backup_init(int fd)
{
	recipient = envelope_recipient(fd);
}

const char *
backup_wrong(void)
{
	return (recipient != NULL ? NULL :
	    "kbsd.conf names no backup recipient");
}

void
backup_done(struct job *job, enum given given, const void *data, size_t len)
{
	struct key_record	 about = job->record;
	struct wbuf		 w = { 0 }, what = { 0 };

	about.version = job->version;
	envelope_about_key(&what, &about, given);
	/* What it is stands before it, and is bound to it. */
	wb_u8(&w, (uint8_t)given);
	if (len + ENVELOPE_MOST_MORE + 1 > MATERIAL_MAX)
		job_done(job, DONE_INVALID, "the key is too long for a "
		    "backup", NULL, NULL, 0);
	else if (envelope_seal(&w, recipient, &what, data, len) == -1)
		job_done(job, DONE_UNAVAILABLE, "the key can't be sealed for "
		    "the backup", NULL, NULL, 0);
	else
		job_done(job, DONE_OK, "", NULL, w.data, w.len);
	wb_free(&what);
	wb_free(&w);
}

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
 * The keystore that needs nothing installed: material lies in our own
 * database, each key in a box under the master key.
 */

#include <sys/stat.h>

#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "kms.h"
#include "log.h"
#include "secret.h"

static const uint8_t	*master;
static int		 masterfd = -1;
static uint8_t		*plain;		/* MATERIAL_MAX, secret */

static int
local_config(struct rbuf *r)
{
	return (rb_end(r));
}

static int
local_descriptor(uint32_t role, int fd)
{
	if (role != FD_MASTER_KEY || masterfd != -1)
		return (-1);
	masterfd = fd;
	return (0);
}

/*
 * The master key must be the one that the boxes were made with, or each key
 * would fail by itself later.
 */
static void
local_check_master(int sealed)
{
	uint8_t	 check[DIGEST_LEN];

	derive_key(check, master, MASTER_KEY_LEN, "kbsd master key check 1");
	if (records_same("master", check))
		return;
	if (sealed)
		fatalx("the master key is not the one that keys.db was "
		    "sealed with");
	records_remember("master", check);
}

static void
local_open(int sealed)
{
	struct stat	 st;
	int		 made;

	if (masterfd == -1)
		fatalx("no master key file");
	if (fstat(masterfd, &st) == -1)
		fatal("master key file");
	if (sealed && st.st_size == 0)
		fatalx("the master key file is missing or empty, but keys.db "
		    "holds sealed keys: bring back the file, none is made");
	master = secret_read_or_make(masterfd, MASTER_KEY_LEN, &made);
	if (master == NULL)
		fatal("master key file (it must hold %d bytes)",
		    MASTER_KEY_LEN);
	if (made)
		log_info("made a master key");
	close(masterfd);
	masterfd = -1;
	local_check_master(sealed);
	if ((plain = secret_alloc(MATERIAL_MAX)) == NULL)
		fatal("secret memory");
}

static void
local_get(struct job *job, const struct row *row)
{
	size_t	 len = row->boxlen;

	if (len < BOX_MORE || len > MATERIAL_MAX + BOX_MORE ||
	    box_open(plain, master, &row->record, row->box, len) == -1) {
		work_got(job, DONE_REFUSED, "the material in keys.db was "
		    "changed", NULL, 0);
		return;
	}
	len -= BOX_MORE;
	work_got(job, DONE_OK, "", plain, len);
	explicit_bzero(plain, len);
}

static void
local_put(struct job *job)
{
	static uint8_t	 box[MATERIAL_MAX + BOX_MORE];

	if (box_seal(box, master, &job->record, job->material,
	    job->materiallen) == -1)
		work_put(job, DONE_UNAVAILABLE, "the key can't be sealed",
		    NULL, 0);
	else
		work_put(job, DONE_OK, "", box, job->materiallen + BOX_MORE);
}

/* The box goes with its row. */
static void
local_remove(struct job *job, const char *backend)
{
	(void)backend;
	work_removed(job, DONE_OK, "");
}

const struct backend backend_local = {
	.name = "local",
	.config = local_config,
	.descriptor = local_descriptor,
	.open = local_open,
	.get = local_get,
	.put = local_put,
	.remove = local_remove,
};

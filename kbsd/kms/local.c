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

static uint8_t		*master;
static uint8_t		*fresh;		/* is to take its place */
static int		 masterfd = -1, freshfd = -1;
static int		 rekeyed;
static uint8_t		*plain;		/* MATERIAL_MAX, secret */

static int
local_config(struct rbuf *r)
{
	return (rb_end(r));
}

static int
local_descriptor(uint32_t role, int fd)
{
	int	*where;

	if (role == FD_MASTER_KEY)
		where = &masterfd;
	else if (role == FD_MASTER_KEY_NEW)
		where = &freshfd;
	else
		return (-1);
	if (*where != -1)
		return (-1);
	*where = fd;
	return (0);
}

static void
key_check(uint8_t check[DIGEST_LEN], const uint8_t *key)
{
	derive_key(check, key, MASTER_KEY_LEN, "kbsd master key check 1");
}

/*
 * The master key must be the one that the boxes were made with, or each key
 * would fail by itself later.
 */
static void
local_check_master(int sealed)
{
	uint8_t	 check[DIGEST_LEN];

	key_check(check, master);
	if (records_same("master", check))
		return;
	if (sealed)
		fatalx("the master key is not the one that keys.db was "
		    "sealed with");
	if (records_remember("master", check) != 0)
		fatalx("keys.db can't be written");
}

static uint8_t *
local_key(int fd, const char *what, int *made)
{
	uint8_t	*key;

	if ((key = secret_read_or_make(fd, MASTER_KEY_LEN, made)) == NULL)
		fatal("%s file (it must hold %d bytes)", what,
		    MASTER_KEY_LEN);
	if (*made)
		log_info("made a %s", what);
	close(fd);
	return (key);
}

/* --- another master key ------------------------------------------------- */

static int
rebox(const struct key_record *record, uint8_t *box, size_t len)
{
	char	 id[UUID_TEXT];
	int	 rc = -1;

	if (len < BOX_MORE || len > BOX_MOST)
		return (-1);
	if (box_open(plain, master, record, box, len) == 0)
		rc = box_seal(box, fresh, record, plain, len - BOX_MORE);
	else
		log_warnx("version %u of key %s does not open by the master "
		    "key", record->version, uuid_format(&record->id, id));
	explicit_bzero(plain, len);
	return (rc);
}

/* All of them, or none: what was begun and not finished is begun again. */
static int
rekey(void)
{
	uint8_t	 check[DIGEST_LEN];
	int	 rc;

	key_check(check, fresh);
	if ((rc = records_begin()) == 0 && (rc = records_rebox(rebox)) == 0 &&
	    (rc = records_remember("master", check)) == 0)
		rc = records_commit();
	records_end();
	return (rc);
}

/*
 * The old key goes on where it can't be done.  It may have been done already,
 * by a process that ended before it could tell.
 */
static void
local_rekey(void)
{
	uint8_t	 check[DIGEST_LEN];
	int	 made;

	fresh = local_key(freshfd, "new master key", &made);
	key_check(check, fresh);
	if (!records_same("master", check)) {
		local_check_master(1);
		if (rekey() != 0) {
			log_alert("the keys can't be sealed by the new master "
			    "key: they are by the old one; it is tried again "
			    "at the next start, and by `kbsctl keystore "
			    "rekey'");
			return;
		}
	}
	secret_free(master);
	master = fresh;
	rekeyed = 1;
	records_checkpoint();
	log_info("all keys are sealed by the new master key");
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
	master = local_key(masterfd, "master key", &made);
	if ((plain = secret_alloc(MATERIAL_MAX)) == NULL)
		fatal("secret memory");
	if (freshfd != -1)
		local_rekey();
	else
		local_check_master(sealed);
}

/* The new key's file may take the place of the old one's, or may not. */
static void
local_run(void)
{
	struct wbuf	 w = { 0 };

	if (freshfd == -1)
		return;
	wb_u8(&w, rekeyed);
	if (edge_send(edge_parent, IMSG_PARENT_REKEYED, &w) == -1)
		log_warn("the new master key can't be told");
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
	.run = local_run,
	.get = local_get,
	.put = local_put,
	.remove = local_remove,
};

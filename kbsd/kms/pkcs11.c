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
 * The keystore under a key in a PKCS#11 token: material lies in our own
 * database, each key in a box that the token seals and opens by AES-256-GCM.
 * Disks and copies of them are worth nothing without the token.  The one whose
 * keys the token holds itself (pkcs11_keys.c) is configured here too.
 */

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "log.h"
#include "sandbox.h"
#include "secret.h"
#include "token.h"

struct pkcs11		 pkcs11;

static uint8_t		*plain;		/* MATERIAL_MAX + BOX_TAG, secret */
static uint8_t		 pinfile[DIGEST_LEN];
static int		 pinfd = -1;

/* --- configuration ------------------------------------------------------- */

static int
take_read(const char *path)
{
	return (sandbox_path(path, 0));
}

static int
take_write(const char *path)
{
	return (sandbox_path(path, 1));
}

static int
take_variable(const char *text)
{
	char	 name[256];
	size_t	 len = strcspn(text, "=");

	if (text[len] != '=' || len >= sizeof(name)) {
		errno = EINVAL;
		return (-1);
	}
	memcpy(name, text, len);
	name[len] = '\0';
	return (setenv(name, text + len + 1, 1));
}

static int
config_words(struct rbuf *r, int (*take)(const char *))
{
	char		 text[4096];
	uint32_t	 n;

	for (n = rb_u32(r); n > 0 && !r->failed; n--) {
		rb_str(r, text, sizeof(text));
		if (!r->failed && take(text) == -1)
			fatal("%s", text);
	}
	return (r->failed ? -1 : 0);
}

int
pkcs11_config(struct rbuf *r)
{
	rb_str(r, pkcs11.module, sizeof(pkcs11.module));
	rb_str(r, pkcs11.token, sizeof(pkcs11.token));
	rb_str(r, pkcs11.key, sizeof(pkcs11.key));
	if (config_words(r, take_read) == -1 ||
	    config_words(r, take_write) == -1 ||
	    config_words(r, take_variable) == -1)
		return (-1);
	return (rb_end(r));
}

int
pkcs11_descriptor(uint32_t role, int fd)
{
	if (role != FD_KMS_SECRET || pinfd != -1)
		return (-1);
	pinfd = fd;
	return (0);
}

/* --- what keys.db remembers ---------------------------------------------- */

enum same
pkcs11_same(const uint8_t check[DIGEST_LEN])
{
	if (records_same("token key", check))
		return (SAME_YES);
	if (records_any())
		return (SAME_NO);
	return (records_remember("token key", check) == 0 ? SAME_YES :
	    SAME_UNKNOWN);
}

/*
 * A token locks after a few wrong PINs, and a supervisor starts us again and
 * again: so it is the file, as it is, that is not tried twice.
 */
static void
pin_file(void)
{
	struct stat	 st;
	struct wbuf	 w = { 0 };

	if (fstat(pinfd, &st) == -1)
		fatal("pin file");
	wb_u64(&w, (uint64_t)st.st_dev);
	wb_u64(&w, (uint64_t)st.st_ino);
	wb_u64(&w, (uint64_t)st.st_size);
	wb_u64(&w, (uint64_t)st.st_mtim.tv_sec);
	wb_u64(&w, (uint64_t)st.st_mtim.tv_nsec);
	digest(pinfile, w.data, w.len);
	wb_free(&w);
	if (records_same("refused pin", pinfile))
		fatalx("the token has refused the PIN of this file: it is not "
		    "shown again, for the token would lock itself; correct "
		    "the file, or touch it");
}

void
pkcs11_pin_refused(void)
{
	if (records_remember("refused pin", pinfile) != 0)
		log_warnx("keys.db can't be written: after a start the PIN "
		    "will be shown to the token again");
}

/* --- start --------------------------------------------------------------- */

void
pkcs11_load(const struct token_use *use)
{
	if (pinfd == -1)
		fatalx("no pin file");
	pin_file();
	if ((pkcs11.pin = secret_read(pinfd, PIN_MAX, &pkcs11.pinlen)) == NULL)
		fatal("pin file");
	close(pinfd);
	token_load(use);
}

void
pkcs11_attach(const char *what)
{
	switch (token_attach()) {
	case TOKEN_READY:
		log_info("token \"%s\": keys are %s", pkcs11.token, what);
		break;
	case TOKEN_AWAY:
		log_warnx("%s: it is looked for when a key is asked for",
		    token_why());
		break;
	case TOKEN_WRONG:
		fatalx("%s", token_why());
	}
}

static void
pkcs11_open(int sealed)
{
	(void)sealed;
	if ((plain = secret_alloc(MATERIAL_MAX + BOX_TAG)) == NULL)
		fatal("secret memory");
	pkcs11_load(&kek_use);
}

static void
pkcs11_run(void)
{
	char	 what[sizeof("sealed by its key \"\"") + LABEL_MAX];

	snprintf(what, sizeof(what), "sealed by its key \"%s\"", pkcs11.key);
	pkcs11_attach(what);
}

/* --- jobs ---------------------------------------------------------------- */

static void
about(struct wbuf *w, const struct key_record *record)
{
	wb_str(w, "pkcs11");
	wb_str(w, pkcs11.key);
	box_about(w, record);
}

static void
pkcs11_get(struct job *job, const struct row *row)
{
	struct wbuf		 w = { 0 };
	enum done_result	 result = DONE_REFUSED;
	const char		*why = "the material in keys.db was changed";
	size_t			 len = row->boxlen;

	about(&w, &row->record);
	if (!w.failed && len > BOX_MORE && len <= BOX_MOST) {
		result = token_open(plain, &w, row->box, len);
		why = result == DONE_OK ? "" : token_why();
	}
	wb_free(&w);
	work_got(job, result, why, plain, result == DONE_OK ? len - BOX_MORE :
	    0);
	explicit_bzero(plain, MATERIAL_MAX + BOX_TAG);
}

static void
pkcs11_put(struct job *job)
{
	static uint8_t		 box[BOX_MOST];
	struct wbuf		 w = { 0 };
	enum done_result	 result = DONE_UNAVAILABLE;
	const char		*why = "no memory";

	about(&w, &job->record);
	if (!w.failed && job->materiallen <= MATERIAL_MAX) {
		result = token_seal(box, &w, job->material, job->materiallen);
		why = result == DONE_OK ? "" : token_why();
	}
	wb_free(&w);
	work_put(job, result, why, box, result == DONE_OK ?
	    job->materiallen + BOX_MORE : 0);
}

/* The box goes with its row. */
static void
pkcs11_remove(struct job *job, const char *backend)
{
	(void)backend;
	work_removed(job, DONE_OK, "");
}

const struct backend backend_pkcs11 = {
	.name = "pkcs11",
	.boxes_travel = 1,
	.module = 1,
	.config = pkcs11_config,
	.descriptor = pkcs11_descriptor,
	.open = pkcs11_open,
	.run = pkcs11_run,
	.get = pkcs11_get,
	.put = pkcs11_put,
	.remove = pkcs11_remove,
};

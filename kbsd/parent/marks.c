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
 * Files as they were when a set began to start.  Which one it is and when it
 * was written is enough to see that it is another one, and what is in it, which
 * may be a secret, is not read.  Of certificates, which are none, it is said
 * which one it is.
 */

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "parent.h"
#include "passphrase.h"

static char *
describe(const X509 *cert)
{
	BIGNUM		*serial;
	struct tm	 tm;
	char		*hex = NULL, *text = NULL, until[32];

	if ((serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert),
	    NULL)) != NULL)
		hex = BN_bn2hex(serial);
	if (hex != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(cert),
	    &tm) == 1 && strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ",
	    &tm) > 0 && asprintf(&text, "serial %s until %s", hex,
	    until) == -1)
		text = NULL;
	OPENSSL_free(hex);
	BN_free(serial);
	return (text);
}

char *
mark_certificate(const char *path)
{
	X509	*cert = NULL;
	BIO	*bio;
	char	*text = NULL;
	int	 fd;

	if ((fd = files_public(path)) == -1)
		return (NULL);
	if ((bio = BIO_new_fd(fd, BIO_CLOSE)) == NULL)
		fatalx("no memory for a certificate");
	if ((cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL)
		text = describe(cert);
	X509_free(cert);
	BIO_free(bio);
	ERR_clear_error();
	return (text);
}

void
mark_add(struct marks *marks, const char *path, enum mark_kind kind)
{
	struct mark	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL ||
	    (m->path = strdup(path)) == NULL)
		fatal("calloc");
	m->watched = kind != MARK_FILE;
	m->there = stat(path, &m->st) == 0;
	if (m->there && kind == MARK_CERTIFICATE)
		m->said = mark_certificate(path);
	TAILQ_INSERT_TAIL(marks, m, entry);
}

void
marks_free(struct marks *marks)
{
	struct mark	*m;

	while ((m = TAILQ_FIRST(marks)) != NULL) {
		TAILQ_REMOVE(marks, m, entry);
		free(m->path);
		free(m->said);
		free(m);
	}
}

const struct mark *
mark_find(const struct marks *marks, const char *path)
{
	const struct mark	*m;

	TAILQ_FOREACH(m, marks, entry)
		if (strcmp(m->path, path) == 0)
			return (m);
	return (NULL);
}

int
mark_same(const struct mark *a, const struct mark *b)
{
	if (!a->there || !b->there)
		return (a->there == b->there);
	return (a->st.st_dev == b->st.st_dev && a->st.st_ino == b->st.st_ino &&
	    a->st.st_size == b->st.st_size &&
	    a->st.st_mtim.tv_sec == b->st.st_mtim.tv_sec &&
	    a->st.st_mtim.tv_nsec == b->st.st_mtim.tv_nsec);
}

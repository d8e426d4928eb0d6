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
 * Certificates as text.  They are read once, where they are loaded: what is
 * told later takes no parser.
 */

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base64.h"
#include "certificate.h"
#include "digest.h"
#include "passphrase.h"
#include "record.h"

#define NOTES_MAX	64
#define NAME_TEXT	256
#define NAMES_TEXT	1024

struct note {
	enum certificate_use	 use;
	char			 of[NAME_MAX_STORE];
	char			 subject[NAME_TEXT];
	char			 names[NAMES_TEXT];
	char			 serial[64];
	int64_t			 from, until;
	char			 sha256[2 * DIGEST_LEN + 1];
	unsigned int		 others;
};

static struct note	*notes[NOTES_MAX];
static size_t		 nnotes;

static int64_t
time_of(const ASN1_TIME *t)
{
	struct tm	 tm;

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
		return (0);
	return ((int64_t)timegm(&tm));
}

/* What a memory BIO has, cut to what there is room for. */
static void
text_of(BIO *bio, char *text, size_t size)
{
	int	 n = BIO_read(bio, text, (int)size - 1);

	text[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
}

static void
note_subject(struct note *n, X509 *x)
{
	BIO	*bio;

	if ((bio = BIO_new(BIO_s_mem())) == NULL)
		return;
	(void)X509_NAME_print_ex(bio, X509_get_subject_name(x), 0,
	    XN_FLAG_RFC2253);
	text_of(bio, n->subject, sizeof(n->subject));
}

static void
note_names(struct note *n, X509 *x)
{
	GENERAL_NAMES	*names;
	BIO		*bio;
	int		 i;

	names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	if (names == NULL || (bio = BIO_new(BIO_s_mem())) == NULL) {
		GENERAL_NAMES_free(names);
		return;
	}
	for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		if (i > 0)
			(void)BIO_puts(bio, ", ");
		(void)GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(names,
		    i));
	}
	text_of(bio, n->names, sizeof(n->names));
	GENERAL_NAMES_free(names);
}

static void
note_numbers(struct note *n, X509 *x)
{
	uint8_t		 d[DIGEST_LEN];
	unsigned int	 len = sizeof(d);
	BIO		*bio;

	if ((bio = BIO_new(BIO_s_mem())) != NULL) {
		(void)i2a_ASN1_INTEGER(bio, X509_get0_serialNumber(x));
		text_of(bio, n->serial, sizeof(n->serial));
	}
	if (X509_digest(x, EVP_sha256(), d, &len) == 1)
		hex_encode(n->sha256, sizeof(n->sha256), d, len);
	n->from = time_of(X509_get0_notBefore(x));
	n->until = time_of(X509_get0_notAfter(x));
}

/* Of two for others: which ends next?  What has ended is old news. */
static int
sooner(X509 *a, X509 *b)
{
	int64_t	 now = (int64_t)time(NULL);
	int64_t	 ta = time_of(X509_get0_notAfter(a));
	int64_t	 tb = time_of(X509_get0_notAfter(b));

	if ((ta <= now) != (tb <= now))
		return (ta > now);
	return (ta < tb);
}

/* The one that is told of, and how many there are. */
static X509 *
choose(enum certificate_use use, BIO *bio, unsigned int *n)
{
	X509	*x, *found = NULL;

	while ((x = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) !=
	    NULL) {
		(*n)++;
		if (found != NULL && (use == CERTIFICATE_OWN ||
		    !sooner(x, found))) {
			X509_free(x);
			continue;
		}
		X509_free(found);
		found = x;
	}
	ERR_clear_error();
	return (found);
}

void
certificate_note(enum certificate_use use, const char *of, const void *pem,
    size_t len)
{
	struct note	*n;
	unsigned int	 count = 0;
	X509		*x = NULL;
	BIO		*bio;

	if (nnotes == NOTES_MAX || len > INT_MAX ||
	    (bio = BIO_new_mem_buf(pem, (int)len)) == NULL)
		return;
	x = choose(use, bio, &count);
	BIO_free(bio);
	if (x != NULL && (n = calloc(1, sizeof(*n))) != NULL) {
		n->use = use;
		(void)strlcpy(n->of, of, sizeof(n->of));
		n->others = count - 1;
		note_subject(n, x);
		note_names(n, x);
		note_numbers(n, x);
		notes[nnotes++] = n;
	}
	X509_free(x);
}

void
certificate_show(const char *of, struct wbuf *cells, uint32_t *rows)
{
	static const char *const	 uses[CERTIFICATE_USE_MAX] = {
		[CERTIFICATE_OWN] = "own",
		[CERTIFICATE_CA] = "ca",
		[CERTIFICATE_ROOT] = "root",
	};
	const struct note		*n;
	size_t				 i;

	for (i = 0; i < nnotes; i++) {
		n = notes[i];
		wb_str(cells, uses[n->use]);
		wb_str(cells, n->of[0] != '\0' ? n->of : of);
		wb_str(cells, n->subject);
		wb_str(cells, n->names);
		wb_str(cells, n->serial);
		wb_decimal(cells, (uint64_t)n->from);
		wb_decimal(cells, (uint64_t)n->until);
		wb_str(cells, n->sha256);
		wb_decimal(cells, n->others);
	}
	*rows += (uint32_t)nnotes;
}

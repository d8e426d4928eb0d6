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
 * Roots that are taken on first use (`root "file" pin'): the reference
 * server takes whatever root its service shows, at each request; here the
 * first one is kept, and another one is refused until an operator says so.
 */

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "digest.h"
#include "log.h"
#include "parent.h"

int
pin_missing(const struct attestation *a)
{
	return (a->pin && files_empty(a->root));
}

/* The SHA-256 of the first certificate, as other tools print it. */
static int
fingerprint(BIO *bio, char text[2 * DIGEST_LEN + 1])
{
	uint8_t		 d[DIGEST_LEN];
	unsigned char	*der = NULL;
	char		*name = NULL, *header = NULL;
	long		 len;
	int		 rv = -1;

	if (bio != NULL && PEM_read_bio(bio, &name, &header, &der, &len) == 1) {
		digest(d, der, (size_t)len);
		hex_encode(text, 2 * DIGEST_LEN + 1, d, sizeof(d));
		rv = 0;
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(bio);
	return (rv);
}

static const struct attestation *
pin_block(const struct config *conf, uint32_t n)
{
	const struct attestation	*a;

	TAILQ_FOREACH(a, &conf->attestations, entry)
		if (n-- == 0)
			return (a);
	return (NULL);
}

/* A verifier learns of its roots when it starts, and may be starting now. */
static void
pin_changed(struct set *set, enum process_kind kind)
{
	struct child	*c;

	TAILQ_FOREACH(c, &set->children, entry)
		if (c->kind == kind)
			child_renew(c);
}

/* All verifiers tell it, and the first one counts. */
int
pin_take(struct edge *edge, struct rbuf *r)
{
	const struct child		*c = edge->data;
	const struct attestation	*a;
	const uint8_t			*pem;
	char				 hex[2 * DIGEST_LEN + 1];
	size_t				 len;

	a = pin_block(c->set->conf, rb_u32(r));
	pem = rb_bytes(r, &len, 1, 16 * 1024);
	if (rb_end(r) == -1 || a == NULL || !a->pin || fingerprint(
	    BIO_new_mem_buf(pem, (int)len), hex) == -1)
		return (-1);
	if (pin_missing(a)) {
		if (files_write(a->root, pem, len, 0644) == -1) {
			log_warn("%s", a->root);
			return (0);
		}
		log_alert("attestation %s: the root that the service shows "
		    "is taken and from now on the only one: SHA-256 %s; "
		    "compare it with what the service publishes", a->name,
		    hex);
	}
	pin_changed(c->set, PROC_VERIFIER);
	return (0);
}

int
pin_forget(struct set *set, const char *name, char *why, size_t whysize)
{
	const struct attestation	*a;

	TAILQ_FOREACH(a, &set->conf->attestations, entry)
		if (strcmp(a->name, name) == 0)
			break;
	if (a == NULL || !a->pin) {
		snprintf(why, whysize, a == NULL ? "no such attestation block" :
		    a->jwks != NULL ? "it has a file of keys, and no root" :
		    a->root == NULL && a->kind == FETCHER_SNP ?
		    "its roots are AMD's, which are built in" :
		    a->root == NULL ? "its root is Intel's, which is built in" :
		    "its root is a file of the configuration: change that");
		return (-1);
	}
	if (unlink(a->root) == -1 && errno != ENOENT) {
		log_warn("%s", a->root);
		strlcpy(why, "the file can't be removed: see the log",
		    whysize);
		return (-1);
	}
	log_alert("attestation %s: its root is forgotten; the next one that "
	    "the service shows is taken", a->name);
	/* Who fetches remembers what it brought. */
	pin_changed(set, PROC_FETCHER);
	pin_changed(set, PROC_VERIFIER);
	return (0);
}

static const char *
pin_state(const struct attestation *a)
{
	if (a->jwks != NULL)
		return ("key file");
	if (a->root == NULL)
		return ("built in");
	if (!a->pin)
		return ("configured");
	return (pin_missing(a) ? "to be taken" : "taken on first use");
}

void
pin_show(struct set *set, struct wbuf *w)
{
	static const char *const	 names[] = { "attestation", "root",
					    "state", "sha256" };
	const struct attestation	*a;
	struct wbuf			 cells = { 0 };
	char				 hex[2 * DIGEST_LEN + 1];
	uint32_t			 rows = 0;

	TAILQ_FOREACH(a, &set->conf->attestations, entry) {
		if (a->root == NULL)
			strlcpy(hex, "-", sizeof(hex));
		else if (fingerprint(BIO_new_file(a->root, "r"), hex) == -1)
			strlcpy(hex, "-", sizeof(hex));
		wb_str(&cells, a->name);
		wb_str(&cells, a->root == NULL ? "-" : a->root);
		wb_str(&cells, pin_state(a));
		wb_str(&cells, hex);
		rows++;
	}
	command_table(w, names, sizeof(names) / sizeof(names[0]), rows,
	    &cells);
}

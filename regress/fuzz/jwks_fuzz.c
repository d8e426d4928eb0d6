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
 * Key sets, with their certificates, under a root that nobody here knows the
 * key of: none may be taken.
 */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "verifier.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct roots	 roots;

/* Named as the issuer of the certificates in the corpus. */
static void
ready(void)
{
	EVP_PKEY	*key = EVP_EC_gen("P-256");
	X509		*x = X509_new();
	X509_NAME	*name;

	json_init();
	if (key == NULL || x == NULL)
		abort();
	name = X509_get_subject_name(x);
	X509_set_version(x, 2);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)"Fuzz Root", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	if (X509_sign(x, key, EVP_sha256()) <= 0)
		abort();
	EVP_PKEY_free(key);
	roots.v[roots.n++] = x;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jwks	*set;
	struct wbuf	 pem = { 0 };
	struct claim_bytes fmspc;
	struct quote	 quote;
	char		 why[WHY_MAX] = "";

	if (roots.n == 0)
		ready();
	/* the same parsers of certificates lie behind a quote */
	if (quote_read(&quote, data, size, why, sizeof(why)) == 0 &&
	    quote.body + quote.bodylen > data + size)
		abort();
	quote_fmspc(&fmspc, data, size);
	why[0] = '\0';
	set = jwks_read((const char *)data, size, &roots, why, sizeof(why));
	if (set != NULL && set->n > 0)
		abort();
	if (why[0] == '\0')
		abort();
	jwks_free(set);
	why[0] = '\0';
	if (jwks_top((const char *)data, size, &pem, why, sizeof(why)) == -1 &&
	    (why[0] == '\0' || pem.len > 0))
		abort();
	wb_free(&pem);
	return (0);
}

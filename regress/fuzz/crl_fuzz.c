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

/* CRLs of an issuer that has signed none of them. */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "verifier.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static X509	*issuer;

static void
ready(void)
{
	EVP_PKEY	*key = EVP_EC_gen("P-256");
	X509_NAME	*name;

	if (key == NULL || (issuer = X509_new()) == NULL)
		abort();
	name = X509_get_subject_name(issuer);
	X509_set_version(issuer, 2);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)"Fuzz CA", -1, -1, 0);
	X509_set_issuer_name(issuer, name);
	X509_gmtime_adj(X509_getm_notBefore(issuer), 0);
	X509_gmtime_adj(X509_getm_notAfter(issuer), 3600);
	X509_set_pubkey(issuer, key);
	if (X509_sign(issuer, key, EVP_sha256()) <= 0)
		abort();
	EVP_PKEY_free(key);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned char	*p = data;
	struct crl		*c;
	struct crl		 any;
	char			 why[WHY_MAX] = "";

	if (issuer == NULL)
		ready();
	c = crl_read(data, size, "https://localhost/", issuer, why,
	    sizeof(why));
	if (c != NULL || why[0] == '\0')
		abort();
	/* and what would be asked of it, were it authentic */
	memset(&any, 0, sizeof(any));
	if ((any.crl = d2i_X509_CRL(NULL, &p, (long)size)) != NULL)
		(void)crl_revokes(&any, issuer);
	X509_CRL_free(any.crl);
	return (0);
}

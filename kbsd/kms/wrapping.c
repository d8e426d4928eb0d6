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
 * The key that a keystore wraps by itself: RSA, by its numbers as a verdict
 * has them, or as the SubjectPublicKeyInfo of a grant (RFC 5280).  Nothing is
 * wrapped by another one than the line of audit names.
 */

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "digest.h"
#include "kms.h"
#include "secret.h"

/* Without zeros in front, which tokens don't like. */
static int
read_number(struct rbuf *r, uint8_t *out, size_t size, size_t *len)
{
	const uint8_t	*p = rb_bytes(r, len, 1, size);

	if (r->failed)
		return (-1);
	for (; *len > 0 && *p == 0; p++)
		--*len;
	memcpy(out, p, *len);
	return (*len > 0 ? 0 : -1);
}

static int
read_numbers(const struct job *job, struct wrapping_key *key)
{
	struct rbuf	 r;

	rb_init(&r, job->wrapping, job->wrappinglen);
	if (read_number(&r, key->e, sizeof(key->e), &key->elen) == -1 ||
	    read_number(&r, key->n, sizeof(key->n), &key->nlen) == -1)
		return (-1);
	return (rb_end(&r));
}

static int
get_number(const EVP_PKEY *pkey, const char *name, uint8_t *out, size_t size,
    size_t *len)
{
	BIGNUM	*bn = NULL;
	int	 n = -1;

	if (EVP_PKEY_get_bn_param(pkey, name, &bn) == 1 &&
	    BN_num_bytes(bn) > 0 && (size_t)BN_num_bytes(bn) <= size)
		n = BN_bn2bin(bn, out);
	BN_free(bn);
	*len = n > 0 ? (size_t)n : 0;
	return (n > 0 ? 0 : -1);
}

int
wrapping_of(const EVP_PKEY *pkey, struct wrapping_key *key)
{
	if (pkey == NULL || !EVP_PKEY_is_a(pkey, "RSA") ||
	    get_number(pkey, OSSL_PKEY_PARAM_RSA_E, key->e, sizeof(key->e),
	    &key->elen) == -1)
		return (-1);
	return (get_number(pkey, OSSL_PKEY_PARAM_RSA_N, key->n,
	    sizeof(key->n), &key->nlen));
}

static int
read_spki(const struct job *job, struct wrapping_key *key)
{
	const uint8_t	*p = job->wrapping;
	EVP_PKEY	*pkey;
	int		 rv;

	pkey = d2i_PUBKEY(NULL, &p, (long)job->wrappinglen);
	rv = wrapping_of(pkey, key);
	EVP_PKEY_free(pkey);
	return (rv);
}

int
wrapping_read(const struct job *job, struct wrapping_key *key)
{
	if (job->wrapping == NULL)
		return (-1);
	return (job->half == HALF_VERDICT ? read_numbers(job, key) :
	    read_spki(job, key));
}

const char *
wrapping_wrong(const struct job *job)
{
	struct wrapping_key	 key;
	uint8_t			 d[DIGEST_LEN];

	if (job->wrapping == NULL)
		return (NULL);
	if (job->half != HALF_VERDICT)
		digest(d, job->wrapping, job->wrappinglen);
	else if (read_numbers(job, &key) == 0)
		wrapping_key_digest(d, key.e, key.elen, key.n, key.nlen);
	else
		return ("the wrapping key is none");
	return (secret_cmp(d, job->detail, sizeof(d)) == 0 ? NULL :
	    "the wrapping key has another digest");
}

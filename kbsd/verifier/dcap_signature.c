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
 * ECDSA on P-256 with SHA-256, keys and signatures as raw numbers, which is
 * the only kind that quotes and their collateral have.
 */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "dcap.h"
#include "digest.h"

/* Numbers out of range and points off the curve are libcrypto's to refuse. */
int
dcap_signature(EVP_PKEY *key, const uint8_t raw[DCAP_SIG_LEN],
    const void *data, size_t len)
{
	EVP_PKEY_CTX	*ctx;
	uint8_t		 der[ECDSA_DER_MAX], md[DIGEST_LEN];
	int		 derlen, rc = -1;

	if ((derlen = ecdsa_der(der, raw, DCAP_SIG_LEN / 2)) == -1)
		return (-1);
	digest(md, data, len);
	if ((ctx = EVP_PKEY_CTX_new(key, NULL)) != NULL &&
	    EVP_PKEY_verify_init(ctx) == 1 &&
	    EVP_PKEY_verify(ctx, der, (size_t)derlen, md, sizeof(md)) == 1)
		rc = 0;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return (rc);
}

/*
 * The curve as a key without a point: setting the point of a copy takes a
 * third of what making a key from all its parameters does.
 */
static EVP_PKEY *
curve(void)
{
	static EVP_PKEY	*bare;
	EVP_PKEY_CTX	*ctx;

	if (bare != NULL)
		return (bare);
	if ((ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL)) == NULL ||
	    EVP_PKEY_paramgen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx,
	    NID_X9_62_prime256v1) != 1 || EVP_PKEY_paramgen(ctx, &bare) != 1)
		bare = NULL;
	EVP_PKEY_CTX_free(ctx);
	return (bare);
}

EVP_PKEY *
dcap_key(const uint8_t point[DCAP_SIG_LEN])
{
	EVP_PKEY	*bare = curve(), *key;
	uint8_t		 full[1 + DCAP_SIG_LEN] = { 0x04 };

	memcpy(full + 1, point, DCAP_SIG_LEN);
	if (bare == NULL || (key = EVP_PKEY_new()) == NULL)
		return (NULL);
	if (EVP_PKEY_copy_parameters(key, bare) != 1 ||
	    EVP_PKEY_set1_encoded_public_key(key, full,
	    sizeof(full)) != 1) {
		ERR_clear_error();
		EVP_PKEY_free(key);
		return (NULL);
	}
	return (key);
}

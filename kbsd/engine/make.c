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
 * New keys.  Private numbers lie in libcrypto's locked heap; what is given
 * back does too, and is the caller's to wipe.
 */

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "log.h"

static const int	 curve_nids[CURVE_MAX] = {
	[CURVE_P256] = NID_X9_62_prime256v1,
	[CURVE_P384] = NID_secp384r1,
	[CURVE_P521] = NID_secp521r1,
};

int
make_pkcs8(EVP_PKEY *pkey, uint8_t **out, size_t *len)
{
	PKCS8_PRIV_KEY_INFO	*p8;
	uint8_t			*p;
	int			 n, rv = -1;

	*out = NULL;
	*len = 0;
	if ((p8 = EVP_PKEY2PKCS8(pkey)) == NULL)
		return (-1);
	n = i2d_PKCS8_PRIV_KEY_INFO(p8, NULL);
	if (n <= 0 || n > MATERIAL_MAX ||
	    (*out = OPENSSL_secure_malloc((size_t)n)) == NULL)
		goto done;
	p = *out;
	*len = (size_t)n;
	if (i2d_PKCS8_PRIV_KEY_INFO(p8, &p) == n)
		rv = 0;
 done:
	PKCS8_PRIV_KEY_INFO_free(p8);
	if (rv == -1) {
		OPENSSL_secure_clear_free(*out, *len);
		*out = NULL;
	}
	return (rv);
}

static int
make_aes(const struct key_record *k, uint8_t **out, size_t *len)
{
	*len = k->length / 8;
	if ((*out = OPENSSL_secure_malloc(*len)) == NULL)
		return (-1);
	arc4random_buf(*out, *len);
	return (0);
}

/* What the key is to be; 1 or not, as libcrypto has it. */
static int
make_parameters(EVP_PKEY_CTX *ctx, const struct key_record *k)
{
	if (k->algorithm == ALG_RSA)
		return (EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, k->length));
	if (EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx,
	    curve_nids[k->curve]) != 1)
		return (0);
	return (EVP_PKEY_CTX_set_ec_param_enc(ctx, OPENSSL_EC_NAMED_CURVE));
}

static int
make_pair(const struct key_record *k, uint8_t **out, size_t *len)
{
	EVP_PKEY_CTX	*ctx;
	EVP_PKEY	*pkey = NULL;
	int		 rv = -1;

	ctx = EVP_PKEY_CTX_new_id(k->algorithm == ALG_RSA ? EVP_PKEY_RSA :
	    EVP_PKEY_EC, NULL);
	if (ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
	    make_parameters(ctx, k) == 1 && EVP_PKEY_keygen(ctx, &pkey) == 1)
		rv = make_pkcs8(pkey, out, len);
	EVP_PKEY_free(pkey);
	EVP_PKEY_CTX_free(ctx);
	return (rv);
}

/* The record's reader has checked that its kind is one there is. */
int
make_key(const struct key_record *k, uint8_t **out, size_t *len)
{
	*out = NULL;
	*len = 0;
	if (k->algorithm == ALG_AES)
		return (make_aes(k, out, len));
	if (k->algorithm == ALG_RSA || k->algorithm == ALG_EC)
		return (make_pair(k, out, len));
	return (-1);
}

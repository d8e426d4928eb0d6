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
 * Is this the key that its record says it is?  Asked once, when a key that a
 * keystore has already is registered.  New ones were checked by the maker.
 */

#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>

#include "kms.h"

static const int	 curve_nids[CURVE_MAX] = {
	[CURVE_P256] = NID_X9_62_prime256v1,
	[CURVE_P384] = NID_secp384r1,
	[CURVE_P521] = NID_secp521r1,
};

/* The curve stands beside the key, by its name. */
static int
curve_of(const PKCS8_PRIV_KEY_INFO *p8)
{
	const X509_ALGOR	*algorithm;
	const void		*value;
	int			 type;

	if (PKCS8_pkey_get0(NULL, NULL, NULL, &algorithm, p8) != 1)
		return (NID_undef);
	X509_ALGOR_get0(NULL, &type, &value, algorithm);
	return (type == V_ASN1_OBJECT ? OBJ_obj2nid(value) : NID_undef);
}

static const char *
pkey_wrong(const struct key_record *k, const PKCS8_PRIV_KEY_INFO *p8,
    EVP_PKEY *pkey)
{
	EVP_PKEY_CTX	*ctx;
	int		 good;

	if (EVP_PKEY_base_id(pkey) != (k->algorithm == ALG_RSA ?
	    EVP_PKEY_RSA : EVP_PKEY_EC))
		return ("the key there is of another algorithm");
	if (k->algorithm == ALG_RSA ? EVP_PKEY_bits(pkey) != k->length :
	    curve_of(p8) != curve_nids[k->curve])
		return ("the key there is of another length or curve");
	ctx = EVP_PKEY_CTX_new(pkey, NULL);
	good = ctx != NULL && EVP_PKEY_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	return (good ? NULL : "the key there is not valid");
}

const char *
material_wrong(const struct key_record *k, const uint8_t *p, size_t len)
{
	PKCS8_PRIV_KEY_INFO	*p8;
	EVP_PKEY		*pkey = NULL;
	const char		*why = "the key there is no PKCS#8";

	if (k->algorithm == ALG_AES)
		return (len == k->length / 8U ? NULL :
		    "the key there is of another length");
	if ((p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)len)) != NULL &&
	    (pkey = EVP_PKCS82PKEY(p8)) != NULL)
		why = pkey_wrong(k, p8, pkey);
	EVP_PKEY_free(pkey);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return (why);
}

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
 * The keys of an issuer (RFC 7517), from a file of the operator's, and
 * signatures by them (RFC 7515).  Which algorithm a key is for is said by the
 * key; a token's header has no part in it.
 */

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#include "auth.h"
#include "base64.h"
#include "ecdsa.h"
#include "json.h"

#define RSA_BITS_LEAST	2048
#define RSA_BITS_MOST	8192
#define RSA_E_LEAST	65537
#define EC_HALF_MAX	48

static const struct json_limits jwks_limits = { JWKS_MAX, 4096, 8 };

static const struct alg {
	const char	*name;
	const char	*kty;
	const char	*crv;		/* EC */
	const char	*group;
	size_t		 half;		/* bytes of r, and of s */
	const EVP_MD	*(*md)(void);
	int		 pss;
} algs[] = {
	/* The first that fits is that of a key that names none. */
	{ "RS256", "RSA", NULL,	   NULL,	 0,  EVP_sha256, 0 },
	{ "PS256", "RSA", NULL,	   NULL,	 0,  EVP_sha256, 1 },
	{ "ES256", "EC",  "P-256", "prime256v1", 32, EVP_sha256, 0 },
	{ "ES384", "EC",  "P-384", "secp384r1",	 48, EVP_sha384, 0 },
};

static int
refuse(char *why, size_t whysize, const char *text)
{
	(void)strlcpy(why, text, whysize);
	return (-1);
}

static int
same(const char *a, const char *b)
{
	return (a == NULL || b == NULL ? a == b : strcmp(a, b) == 0);
}

/* NULL: it is for something that we don't take. */
static const struct alg *
alg_find(const char *kty, const char *crv, const char *name)
{
	size_t	 i;

	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (same(algs[i].kty, kty) && same(algs[i].crv, crv) &&
		    (name == NULL || same(algs[i].name, name)))
			return (&algs[i]);
	return (NULL);
}

const char *
jwk_alg(const struct jwk *k)
{
	return (k->alg->name);
}

/* --- numbers -------------------------------------------------------------- */

static BIGNUM *
number(const json_t *j, size_t max)
{
	uint8_t		 buf[RSA_BITS_MOST / 8 + 3];
	ssize_t		 n;

	if (!json_is_string(j) || (n = base64url_decode(buf, sizeof(buf),
	    json_string_value(j), json_string_length(j))) <= 0 ||
	    (size_t)n > max)
		return (NULL);
	return (BN_bin2bn(buf, (int)n, NULL));
}

static EVP_PKEY *
key_make(const char *type, OSSL_PARAM_BLD *bld)
{
	EVP_PKEY_CTX	*ctx;
	EVP_PKEY	*key = NULL;
	OSSL_PARAM	*params;

	params = OSSL_PARAM_BLD_to_param(bld);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (params == NULL || ctx == NULL ||
	    EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key,
	    EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return (key);
}

static EVP_PKEY *
rsa_read(json_t *jwk, char *why, size_t whysize)
{
	OSSL_PARAM_BLD	*bld = OSSL_PARAM_BLD_new();
	EVP_PKEY	*key = NULL;
	BIGNUM		*n, *e;
	int		 bits;

	n = number(json_object_get(jwk, "n"), RSA_BITS_MOST / 8);
	e = number(json_object_get(jwk, "e"), 4);
	bits = n == NULL ? 0 : BN_num_bits(n);
	if (n == NULL || e == NULL || bits < RSA_BITS_LEAST ||
	    bits > RSA_BITS_MOST || !BN_is_odd(n) || !BN_is_odd(e) ||
	    BN_get_word(e) < RSA_E_LEAST)
		(void)refuse(why, whysize, "n or e is none of a key of 2048 "
		    "to 8192 bits");
	else if (bld == NULL ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) != 1 ||
	    (key = key_make("RSA", bld)) == NULL)
		(void)refuse(why, whysize, "n and e are no key");
	OSSL_PARAM_BLD_free(bld);
	BN_free(n);
	BN_free(e);
	return (key);
}

static EVP_PKEY *
ec_read(json_t *jwk, const struct alg *alg, char *why, size_t whysize)
{
	static const char *const	 names[] = { "x", "y" };
	OSSL_PARAM_BLD			*bld = NULL;
	EVP_PKEY			*key = NULL;
	const json_t			*j;
	uint8_t				 point[1 + 2 * EC_HALF_MAX];
	size_t				 i;

	point[0] = 0x04;
	for (i = 0; i < 2; i++) {
		j = json_object_get(jwk, names[i]);
		if (!json_is_string(j) || base64url_decode(point + 1 +
		    i * alg->half, alg->half, json_string_value(j),
		    json_string_length(j)) != (ssize_t)alg->half) {
			(void)refuse(why, whysize, "x or y is no number of "
			    "its curve");
			return (NULL);
		}
	}
	if ((bld = OSSL_PARAM_BLD_new()) == NULL ||
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
	    alg->group, 0) != 1 || OSSL_PARAM_BLD_push_octet_string(bld,
	    OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * alg->half) != 1 ||
	    (key = key_make("EC", bld)) == NULL)
		(void)refuse(why, whysize, "x and y are not on its curve");
	OSSL_PARAM_BLD_free(bld);
	return (key);
}

/* --- the set -------------------------------------------------------------- */

/* 1: it is one of ours; 0: it is for something else; -1: it is broken. */
static int
key_read(struct jwk *k, json_t *jwk, char *why, size_t whysize)
{
	json_t			*kty, *kid, *alg, *crv, *use;
	const struct json_member members[] = {
		{ "kty",	JSON_MEMBER_STRING,	1, &kty },
		{ "kid",	JSON_MEMBER_STRING,	0, &kid },
		{ "alg",	JSON_MEMBER_STRING,	0, &alg },
		{ "crv",	JSON_MEMBER_STRING,	0, &crv },
		{ "use",	JSON_MEMBER_STRING,	0, &use },
	};

	if (json_pick(jwk, members, 5, why, whysize) == -1)
		return (-1);
	if (use != NULL && strcmp(json_string_value(use), "sig") != 0)
		return (0);
	k->alg = alg_find(json_string_value(kty), json_string_value(crv),
	    json_string_value(alg));
	if (k->alg == NULL || kid == NULL)
		return (0);
	if (json_string_length(kid) == 0 || strlcpy(k->kid,
	    json_string_value(kid), sizeof(k->kid)) >= sizeof(k->kid))
		return (refuse(why, whysize, "a kid is empty or too long"));
	k->key = k->alg->half == 0 ? rsa_read(jwk, why, whysize) :
	    ec_read(jwk, k->alg, why, whysize);
	return (k->key == NULL ? -1 : 1);
}

int
jwks_read(struct jwks *set, const char *text, size_t len, char *why,
    size_t whysize)
{
	json_t			*json, *keys, *key;
	const struct json_member members[] = {
		{ "keys", JSON_MEMBER_ARRAY, 1, &keys },
	};
	struct jwk		 k;
	size_t			 i;
	int			 ret = -1;

	memset(set, 0, sizeof(*set));
	if ((json = json_read(text, len, &jwks_limits, why, whysize)) == NULL)
		return (-1);
	if (json_pick(json, members, 1, why, whysize) == -1)
		goto done;
	json_array_foreach(keys, i, key) {
		memset(&k, 0, sizeof(k));
		if ((ret = key_read(&k, key, why, whysize)) == -1)
			goto done;
		if (ret == 0)
			continue;
		/* Which of two of one name is meant, nobody can tell. */
		if (set->n == JWKS_KEYS_MAX || jwks_find(set, k.kid) != NULL) {
			EVP_PKEY_free(k.key);
			ret = refuse(why, whysize, "too many keys, or two of "
			    "one kid");
			goto done;
		}
		set->keys[set->n++] = k;
	}
	ret = set->n > 0 ? 0 : refuse(why, whysize, "it has no key with a kid "
	    "that signs by RS256, PS256, ES256 or ES384");
done:
	json_decref(json);
	if (ret == -1)
		jwks_clear(set);
	return (ret);
}

void
jwks_clear(struct jwks *set)
{
	while (set->n > 0)
		EVP_PKEY_free(set->keys[--set->n].key);
}

const struct jwk *
jwks_find(const struct jwks *set, const char *kid)
{
	size_t	 i;

	for (i = 0; i < set->n; i++)
		if (strcmp(set->keys[i].kid, kid) == 0)
			return (&set->keys[i]);
	return (NULL);
}

/* --- signatures ----------------------------------------------------------- */

int
jwk_verify(const struct jwk *k, const void *data, size_t len,
    const uint8_t *sig, size_t siglen)
{
	const struct alg	*alg = k->alg;
	EVP_MD_CTX		*ctx;
	EVP_PKEY_CTX		*pctx;
	uint8_t			 der[ECDSA_DER_MAX];
	int			 n, ok = 0;

	if (alg->half != 0) {
		if (siglen != 2 * alg->half ||
		    (n = ecdsa_der(der, sig, alg->half)) <= 0)
			return (-1);
		sig = der;
		siglen = (size_t)n;
	} else if (siglen != (size_t)EVP_PKEY_get_size(k->key))
		return (-1);
	if ((ctx = EVP_MD_CTX_new()) == NULL)
		return (-1);
	if (EVP_DigestVerifyInit(ctx, &pctx, alg->md(), NULL, k->key) == 1 &&
	    (!alg->pss || (EVP_PKEY_CTX_set_rsa_padding(pctx,
	    RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(pctx,
	    alg->md()) == 1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx,
	    RSA_PSS_SALTLEN_DIGEST) == 1)))
		ok = EVP_DigestVerify(ctx, sig, siglen, data, len) == 1;
	EVP_MD_CTX_free(ctx);
	return (ok ? 0 : -1);
}

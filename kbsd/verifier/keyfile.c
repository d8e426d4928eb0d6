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
 * A key set that the operator vouches for: a file of JSON Web Keys (RFC 7517)
 * without certificates that lead anywhere.  Who may change the file may say
 * who attests, so nothing in it is passed over in silence: a key that is of
 * no use, and one that is not public alone, make it refused as a whole.
 */
#include <openssl/err.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "verifier.h"

#define EXPONENT_LEAST	3

/* SubjectPublicKeyInfo (RFC 5480) up to the point. */
static const uint8_t	 spki_p256[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07,
	0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
	0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 };
static const uint8_t	 spki_p384[] = { 0x30, 0x76, 0x30, 0x10, 0x06, 0x07,
	0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
	0x04, 0x00, 0x22, 0x03, 0x62, 0x00 };

static const struct jwk_curve {
	enum jws_alg	 alg;
	const char	*name;
	size_t		 half;
	const uint8_t	*head;
	size_t		 headlen;
} curves[] = {
	{ JWS_ES256, "P-256", 32, spki_p256, sizeof(spki_p256) },
	{ JWS_ES384, "P-384", 48, spki_p384, sizeof(spki_p384) },
};

#define NCURVES	(sizeof(curves) / sizeof(curves[0]))

static int
refuse(char *why, size_t whysize, const char *text)
{
	(void)strlcpy(why, text, whysize);
	return (-1);
}

static const struct jwk_curve *
curve_of(enum jws_alg alg)
{
	size_t	 i;

	for (i = 0; i < NCURVES; i++)
		if (curves[i].alg == alg)
			return (&curves[i]);
	return (NULL);
}

/* RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1. */
static int
is_secret(const json_t *jwk)
{
	static const char *const	 names[] = { "d", "p", "q", "dp",
					    "dq", "qi", "oth", "k" };
	const char			*kty;
	size_t				 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (json_object_get(jwk, names[i]) != NULL)
			return (1);
	kty = json_string_value(json_object_get(jwk, "kty"));
	return (kty != NULL && strcmp(kty, "oct") == 0);
}

/* --- the key by itself --------------------------------------------- */

/* With e = 1 anybody could sign; the rest is for libcrypto to refuse. */
static int
rsa_sane(json_t *jwk, char *why, size_t whysize)
{
	uint8_t		*n, *eb;
	size_t		 i, nlen, elen;
	uint32_t	 e = 0;
	int		 odd;

	if (jwk_numbers(jwk, &n, &nlen, &eb, &elen, why, whysize) == -1)
		return (-1);
	for (i = 0; i < elen; i++)
		e = e << 8 | eb[i];
	odd = (n[nlen - 1] & 1) != 0 && (e & 1) != 0;
	free(n);
	free(eb);
	if (!odd || e < EXPONENT_LEAST)
		return (refuse(why, whysize, "n or e is even, or e below 3"));
	return (0);
}

static EVP_PKEY *
key_rsa(json_t *jwk, char *why, size_t whysize)
{
	uint8_t			 der[JWK_DER_MAX];
	const unsigned char	*p = der;
	EVP_PKEY		*key;
	ssize_t			 len;

	if (rsa_sane(jwk, why, whysize) == -1 ||
	    (len = jwk_rsa_der(jwk, der, why, whysize)) == -1)
		return (NULL);
	if ((key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)len)) == NULL)
		(void)refuse(why, whysize, "n and e are no RSA key");
	return (key);
}

static EVP_PKEY *
key_ec(json_t *jwk, const struct jwk_curve *c, char *why, size_t whysize)
{
	uint8_t			 der[sizeof(spki_p256) + JWK_POINT_MAX];
	const unsigned char	*p = der;
	EVP_PKEY		*key;

	memcpy(der, c->head, c->headlen);
	if (jwk_point(jwk, c->name, c->half, der + c->headlen, why,
	    whysize) == -1)
		return (NULL);
	key = d2i_PUBKEY(NULL, &p, (long)(c->headlen + 1 + 2 * c->half));
	if (key == NULL)
		(void)refuse(why, whysize, "x and y are no point of the "
		    "curve");
	return (key);
}

/* --- the key of a certificate -------------------------------------- */

/* The first of x5c; what else it says is the file's affair. */
static EVP_PKEY *
key_leaf(const json_t *x5c, char *why, size_t whysize)
{
	struct der	 der;
	uint8_t		*buf;
	X509		*leaf;
	EVP_PKEY	*key = NULL;

	if (json_base64(json_array_get(x5c, 0), JWKS_MAX, &buf, &der.len, why,
	    whysize) == -1)
		return (NULL);
	der.p = buf;
	if ((leaf = cert_read(&der)) != NULL)
		key = X509_get_pubkey(leaf);
	if (key == NULL)
		(void)refuse(why, whysize, "x5c begins with no certificate "
		    "that has a key");
	X509_free(leaf);
	free(buf);
	return (key);
}

/* Of the two where both stand there: the same. */
static EVP_PKEY *
key_both(EVP_PKEY *key, const json_t *x5c, char *why, size_t whysize)
{
	EVP_PKEY	*leaf;
	int		 same;

	if (key == NULL || x5c == NULL)
		return (key);
	if ((leaf = key_leaf(x5c, why, whysize)) == NULL) {
		EVP_PKEY_free(key);
		return (NULL);
	}
	same = EVP_PKEY_eq(key, leaf) == 1;
	EVP_PKEY_free(leaf);
	if (same)
		return (key);
	(void)refuse(why, whysize, "its numbers are not those of its x5c");
	EVP_PKEY_free(key);
	return (NULL);
}

/* A certificate's RSA exponent was of no JWK that rsa_sane() has seen. */
static int
key_fits(EVP_PKEY *key, enum jws_alg alg, char *why, size_t whysize)
{
	const struct jwk_curve	*c = curve_of(alg);
	int			 bits = EVP_PKEY_bits(key);

	if (EVP_PKEY_base_id(key) != (c == NULL ? EVP_PKEY_RSA : EVP_PKEY_EC))
		return (refuse(why, whysize, "alg does not fit the key"));
	if (c != NULL && bits != (int)(8 * c->half))
		return (refuse(why, whysize, "not the curve of its alg"));
	if (c == NULL && (bits < RSA_BITS_LEAST || bits > RSA_BITS_MOST))
		return (refuse(why, whysize, "no such length of a key"));
	return (0);
}

static EVP_PKEY *
key_make(json_t *jwk, enum jws_alg alg, char *why, size_t whysize)
{
	const struct jwk_curve	*c = curve_of(alg);
	const json_t		*x5c = json_object_get(jwk, "x5c");
	EVP_PKEY		*key;

	if (x5c != NULL && json_array_size(x5c) == 0) {
		(void)refuse(why, whysize, "x5c is no list of certificates");
		return (NULL);
	}
	/* Azure Attestation publishes certificates alone. */
	if (x5c != NULL && json_object_get(jwk, "n") == NULL &&
	    json_object_get(jwk, "x") == NULL)
		key = key_leaf(x5c, why, whysize);
	else
		key = key_both(c != NULL ? key_ec(jwk, c, why, whysize) :
		    key_rsa(jwk, why, whysize), x5c, why, whysize);
	if (key != NULL && key_fits(key, alg, why, whysize) == -1) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return (key);
}

/* --- the set ------------------------------------------------------- */

static int
kid_take(struct jwk *k, const json_t *kid, int only, char *why,
    size_t whysize)
{
	if (kid == NULL && only)
		return (0);
	if (!json_is_string(kid) || json_string_length(kid) == 0 ||
	    strlcpy(k->kid, json_string_value(kid), sizeof(k->kid)) >=
	    sizeof(k->kid))
		return (refuse(why, whysize, "it has no kid, or a long one"));
	return (0);
}

/* 1: taken, 0: it is for something else. */
static int
key_take(struct jwk *k, json_t *jwk, int only, enum jws_alg rsa, char *why,
    size_t whysize)
{
	const json_t	*use = json_object_get(jwk, "use");
	const json_t	*ops = json_object_get(jwk, "key_ops");

	if (!json_is_object(jwk))
		return (refuse(why, whysize, "it is no object"));
	if (is_secret(jwk))
		return (refuse(why, whysize, "it is private or symmetric: a "
		    "key set holds public keys alone"));
	if ((use != NULL && !json_is_string(use)) ||
	    (ops != NULL && !json_is_array(ops)))
		return (refuse(why, whysize, "use or key_ops is malformed"));
	if (use != NULL && strcmp(json_string_value(use), "enc") == 0)
		return (0);
	if (!jwk_signs(use, ops))
		return (refuse(why, whysize, "it is not for signatures"));
	if (kid_take(k, json_object_get(jwk, "kid"), only, why,
	    whysize) == -1)
		return (-1);
	if ((k->alg = jwk_alg(jwk, rsa)) == JWS_NONE)
		return (refuse(why, whysize, "alg is none of ours, or is not "
		    "said and `algorithm' neither"));
	if ((k->key = key_make(jwk, k->alg, why, whysize)) == NULL)
		return (-1);
	k->plain = 1;
	k->state = JWK_OK;
	k->until = INT64_MAX;
	return (1);
}

static int
keys_take(struct jwks *set, const json_t *keys, enum jws_alg rsa, char *why,
    size_t whysize)
{
	json_t	*key;
	char	 what[WHY_MAX / 2] = "";
	size_t	 i, n = json_array_size(keys);
	int	 rc;

	if (n > JWKS_KEYS_MAX || jwks_unique(keys) == -1)
		return (refuse(why, whysize, "too many keys, or two of one "
		    "kid"));
	json_array_foreach(keys, i, key) {
		rc = key_take(&set->keys[set->n], key, n == 1, rsa, what,
		    sizeof(what));
		if (rc == -1) {
			(void)snprintf(why, whysize, "key %zu: %s", i + 1,
			    what);
			return (-1);
		}
		set->n += (size_t)rc;
	}
	return (set->n > 0 ? 0 : refuse(why, whysize, "it has no keys for "
	    "signatures"));
}

struct jwks *
keyfile_read(const char *text, size_t len, enum jws_alg rsa, char *why,
    size_t whysize)
{
	struct jwks		*set = NULL;
	json_t			*json, *keys;
	const struct json_member members[] = {
		{ "keys", JSON_MEMBER_ARRAY, 1, &keys },
	};

	if ((json = json_read(text, len, &jwks_limits, why, whysize)) == NULL)
		return (NULL);
	if (json_pick(json, members, 1, why, whysize) == 0 &&
	    (set = calloc(1, sizeof(*set))) == NULL)
		(void)refuse(why, whysize, "no memory");
	if (set != NULL && keys_take(set, keys, rsa, why, whysize) == -1) {
		jwks_free(set);
		set = NULL;
	}
	ERR_clear_error();
	json_decref(json);
	return (set);
}

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
 * The keys that tokens are signed with (RFC 7517).  A JWKS is not signed
 * itself: a key of it is used when its x5c leads to a configured root and
 * its leaf holds the very same key, and it is the leaf's that is used.
 */
#include <openssl/objects.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "verifier.h"

#define CHAIN_MAX	4		/* x5c of more is not looked at */
#define NUMBER_MAX	1024		/* bytes of n */

const struct json_limits jwks_limits = { JWKS_MAX, 4096, 8 };

/* What a leaf says about its key. */
struct spki {
	int			 type;	/* NID */
	int			 curve;	/* NID, EC only */
	const unsigned char	*key;
	size_t			 len;
};

static int
refuse(char *why, size_t whysize, const char *text)
{
	(void)strlcpy(why, text, whysize);
	return (-1);
}

static int
spki_read(struct spki *spki, X509 *leaf)
{
	ASN1_OBJECT		*oid;
	const ASN1_OBJECT	*curve;
	X509_ALGOR		*alg;
	const void		*value;
	int			 len, type;

	if (X509_PUBKEY_get0_param(&oid, &spki->key, &len, &alg,
	    X509_get_X509_PUBKEY(leaf)) != 1 || len <= 0)
		return (-1);
	spki->len = (size_t)len;
	spki->type = OBJ_obj2nid(oid);
	spki->curve = NID_undef;
	X509_ALGOR_get0(NULL, &type, &value, alg);
	if (type == V_ASN1_OBJECT) {
		curve = value;
		spki->curve = OBJ_obj2nid(curve);
	}
	return (0);
}

/* --- numbers of a JWK ---------------------------------------------- */

/* base64url, big-endian, leading zeros cut; malloc'd. */
static uint8_t *
number_read(const json_t *j, size_t max, size_t *len)
{
	const char	*text = json_string_value(j);
	size_t		 size, skip = 0, textlen = json_string_length(j);
	uint8_t		*buf;
	ssize_t		 n;

	if (textlen > max / 3 * 4 + 8)
		return (NULL);
	size = BASE64_BYTES(textlen);
	if ((buf = malloc(size)) == NULL)
		return (NULL);
	n = base64url_decode(buf, size, text, textlen);
	while (n > 0 && skip < (size_t)n && buf[skip] == 0)
		skip++;
	if (n <= 0 || (size_t)n == skip || (size_t)n - skip > max) {
		free(buf);
		return (NULL);
	}
	*len = (size_t)n - skip;
	memmove(buf, buf + skip, *len);
	return (buf);
}

int
jwk_numbers(json_t *jwk, uint8_t **n, size_t *nlen, uint8_t **e, size_t *elen,
    char *why, size_t whysize)
{
	json_t			*kty, *jn, *je;
	const struct json_member members[] = {
		{ "kty",	JSON_MEMBER_STRING,	1, &kty },
		{ "n",		JSON_MEMBER_STRING,	1, &jn },
		{ "e",		JSON_MEMBER_STRING,	1, &je },
	};

	*n = *e = NULL;
	if (json_pick(jwk, members, 3, why, whysize) == -1)
		return (-1);
	if (strcmp(json_string_value(kty), "RSA") != 0)
		return (refuse(why, whysize, "kty is not RSA"));
	*n = number_read(jn, NUMBER_MAX, nlen);
	*e = number_read(je, sizeof(uint32_t), elen);
	if (*n != NULL && *e != NULL)
		return (0);
	free(*n);
	free(*e);
	*n = *e = NULL;
	return (refuse(why, whysize, "n or e is no base64url number"));
}

/* DER of a positive INTEGER; p may be NULL to learn the length. */
static size_t
der_head(uint8_t *p, uint8_t tag, size_t len)
{
	uint8_t	 head[4];
	size_t	 n = 0;

	head[n++] = tag;
	if (len >= 256) {
		head[n++] = 0x82;
		head[n++] = (uint8_t)(len >> 8);
	} else if (len >= 128)
		head[n++] = 0x81;
	head[n++] = (uint8_t)len;
	if (p != NULL)
		memcpy(p, head, n);
	return (n);
}

static size_t
der_integer(uint8_t *p, const uint8_t *v, size_t len)
{
	size_t	 n, pad = v[0] >> 7;

	n = der_head(p, 0x02, len + pad);
	if (p != NULL) {
		if (pad)
			p[n] = 0;
		memcpy(p + n + pad, v, len);
	}
	return (n + pad + len);
}

ssize_t
jwk_rsa_der(json_t *jwk, uint8_t der[JWK_DER_MAX], char *why, size_t whysize)
{
	uint8_t	*n, *e;
	size_t	 at, elen, nlen, inner;

	if (jwk_numbers(jwk, &n, &nlen, &e, &elen, why, whysize) == -1)
		return (-1);
	inner = der_integer(NULL, n, nlen) + der_integer(NULL, e, elen);
	at = der_head(der, 0x30, inner);
	at += der_integer(der + at, n, nlen);
	at += der_integer(der + at, e, elen);
	free(n);
	free(e);
	return ((ssize_t)at);
}

/* Compared as bytes, since DER has but one form. */
static int
rsa_same(json_t *jwk, const struct spki *spki, char *why, size_t whysize)
{
	uint8_t	 der[JWK_DER_MAX];
	ssize_t	 len;

	if ((len = jwk_rsa_der(jwk, der, why, whysize)) == -1)
		return (-1);
	if ((size_t)len == spki->len && memcmp(der, spki->key,
	    spki->len) == 0)
		return (0);
	return (refuse(why, whysize, "n and e are not its leaf's"));
}

int
jwk_point(json_t *jwk, const char *curve, size_t half,
    uint8_t point[JWK_POINT_MAX], char *why, size_t whysize)
{
	json_t			*kty, *crv, *xy[2];
	const struct json_member members[] = {
		{ "kty",	JSON_MEMBER_STRING,	1, &kty },
		{ "crv",	JSON_MEMBER_STRING,	1, &crv },
		{ "x",		JSON_MEMBER_STRING,	1, &xy[0] },
		{ "y",		JSON_MEMBER_STRING,	1, &xy[1] },
	};
	size_t			 i;

	if (json_pick(jwk, members, 4, why, whysize) == -1)
		return (-1);
	if (strcmp(json_string_value(kty), "EC") != 0 ||
	    strcmp(json_string_value(crv), curve) != 0)
		return (refuse(why, whysize, "not the curve of its alg"));
	point[0] = 0x04;
	for (i = 0; i < 2; i++)
		if (base64url_decode(point + 1 + i * half, half,
		    json_string_value(xy[i]), json_string_length(xy[i])) !=
		    (ssize_t)half)
			return (refuse(why, whysize, "x or y is no number"));
	return (0);
}

static int
ec_same(json_t *jwk, const struct spki *spki, const char *curve, size_t half,
    char *why, size_t whysize)
{
	uint8_t	 point[JWK_POINT_MAX];

	if (jwk_point(jwk, curve, half, point, why, whysize) == -1)
		return (-1);
	if (spki->len != 1 + 2 * half || memcmp(point, spki->key,
	    spki->len) != 0)
		return (refuse(why, whysize, "x and y are not its leaf's"));
	return (0);
}

/* --- one key ------------------------------------------------------- */

static int
key_same(const struct jwk *k, json_t *jwk, char *why, size_t whysize)
{
	struct spki	 spki;
	int		 bits = EVP_PKEY_bits(k->key);

	if (spki_read(&spki, k->chain.leaf) == -1)
		return (refuse(why, whysize, "the leaf has no key"));
	if (k->alg == JWS_ES256 && spki.type == NID_X9_62_id_ecPublicKey &&
	    spki.curve == NID_X9_62_prime256v1)
		return (ec_same(jwk, &spki, "P-256", 32, why, whysize));
	if (k->alg == JWS_ES384 && spki.type == NID_X9_62_id_ecPublicKey &&
	    spki.curve == NID_secp384r1)
		return (ec_same(jwk, &spki, "P-384", 48, why, whysize));
	if (k->alg == JWS_ES256 || k->alg == JWS_ES384 ||
	    spki.type != NID_rsaEncryption)
		return (refuse(why, whysize, "alg does not fit the leaf"));
	if (bits < RSA_BITS_LEAST || bits > RSA_BITS_MOST)
		return (refuse(why, whysize, "no such length of a key"));
	return (rsa_same(jwk, &spki, why, whysize));
}

static int
key_chain(struct jwk *k, json_t *x5c, const struct roots *roots, char *why,
    size_t whysize)
{
	struct der	 der[CHAIN_MAX] = { { NULL, 0 } };
	uint8_t		*buf[CHAIN_MAX] = { NULL };
	size_t		 i, n = json_array_size(x5c);
	int		 rc = -1;

	if (n > CHAIN_MAX)
		return (refuse(why, whysize, "x5c is too long"));
	for (i = 0; i < n; i++) {
		if (json_base64(json_array_get(x5c, i), JWKS_MAX, &buf[i],
		    &der[i].len, why, whysize) == -1)
			goto done;
		der[i].p = buf[i];
	}
	rc = chain_read(&k->chain, der, n, roots, why, whysize);
done:
	for (i = 0; i < n; i++)
		free(buf[i]);
	return (rc);
}

/* A JWK may say that it is for something else (RFC 7517 sections 4.2, 4.3). */
int
jwk_signs(const json_t *use, const json_t *ops)
{
	size_t	 i;

	if (use != NULL && strcmp(json_string_value(use), "sig") != 0)
		return (0);
	if (ops == NULL)
		return (1);
	for (i = 0; i < json_array_size(ops); i++)
		if (json_is_string(json_array_get(ops, i)) &&
		    strcmp(json_string_value(json_array_get(ops, i)),
		    "verify") == 0)
			return (1);
	return (0);
}

enum jws_alg
jwk_alg(json_t *jwk, enum jws_alg rsa)
{
	const json_t	*alg = json_object_get(jwk, "alg");
	const char	*kty, *crv;

	if (json_is_string(alg))
		return (jws_alg_parse(json_string_value(alg)));
	kty = json_string_value(json_object_get(jwk, "kty"));
	crv = json_string_value(json_object_get(jwk, "crv"));
	if (alg != NULL || kty == NULL)
		return (JWS_NONE);
	if (strcmp(kty, "RSA") == 0)
		return (rsa);
	if (strcmp(kty, "EC") != 0 || crv == NULL)
		return (JWS_NONE);
	if (strcmp(crv, "P-256") == 0)
		return (JWS_ES256);
	return (strcmp(crv, "P-384") == 0 ? JWS_ES384 : JWS_NONE);
}

/* k->kid is set already. */
static int
key_read(struct jwk *k, json_t *jwk, const struct roots *roots, char *why,
    size_t whysize)
{
	json_t			*alg, *x5c, *use, *ops;
	const struct json_member members[] = {
		{ "alg",	JSON_MEMBER_STRING,	!roots->lax, &alg },
		{ "x5c",	JSON_MEMBER_ARRAY,	1, &x5c },
		{ "use",	JSON_MEMBER_STRING,	0, &use },
		{ "key_ops",	JSON_MEMBER_ARRAY,	0, &ops },
	};

	if (json_pick(jwk, members, 4, why, whysize) == -1)
		return (-1);
	if ((k->alg = jwk_alg(jwk, roots->rsa)) == JWS_NONE ||
	    !jwk_signs(use, ops))
		return (refuse(why, whysize, "alg or use is none of ours"));
	if (key_chain(k, x5c, roots, why, whysize) == -1)
		return (-1);
	if ((k->key = X509_get0_pubkey(k->chain.leaf)) == NULL ||
	    key_same(k, jwk, why, whysize) == -1) {
		chain_clear(&k->chain);
		k->key = NULL;
		return (-1);
	}
	return (0);
}

/* --- the set ------------------------------------------------------- */

/*
 * Of all keys, ours or not: which of two of one name a token means, nobody
 * can tell.
 */
int
jwks_unique(const json_t *keys)
{
	const char	*kid;
	json_t		*seen, *key;
	size_t		 i;
	int		 rc = 0;

	if ((seen = json_object()) == NULL)
		return (-1);
	json_array_foreach(keys, i, key) {
		kid = json_string_value(json_object_get(key, "kid"));
		if (kid == NULL)
			continue;
		if (json_object_get(seen, kid) != NULL ||
		    json_object_set_new_nocheck(seen, kid, json_true()) != 0) {
			rc = -1;
			break;
		}
	}
	json_decref(seen);
	return (rc);
}

static void
set_add(struct jwks *set, json_t *key, const struct roots *roots, char *why,
    size_t whysize)
{
	struct jwk	*k = &set->keys[set->n];
	const json_t	*kid = json_object_get(key, "kid");

	if (!json_is_string(kid) || json_string_length(kid) == 0 ||
	    strlcpy(k->kid, json_string_value(kid), sizeof(k->kid)) >=
	    sizeof(k->kid)) {
		(void)refuse(why, whysize, "a key has no kid, or a long one");
		return;
	}
	if (key_read(k, key, roots, why, whysize) == 0)
		set->n++;
}

struct jwks *
jwks_read(const char *text, size_t len, const struct roots *roots, char *why,
    size_t whysize)
{
	struct jwks		*set = NULL;
	json_t			*json, *keys, *key;
	const struct json_member members[] = {
		{ "keys", JSON_MEMBER_ARRAY, 1, &keys },
	};
	size_t			 i;

	if ((json = json_read(text, len, &jwks_limits, why, whysize)) == NULL)
		return (NULL);
	if (json_pick(json, members, 1, why, whysize) == -1)
		goto done;
	if (json_array_size(keys) > JWKS_KEYS_MAX || jwks_unique(keys) == -1) {
		(void)refuse(why, whysize, "too many keys, or two of one kid");
		goto done;
	}
	if ((set = calloc(1, sizeof(*set))) == NULL) {
		(void)refuse(why, whysize, "no memory");
		goto done;
	}
	(void)refuse(why, whysize, "it has no keys");
	json_array_foreach(keys, i, key)
		set_add(set, key, roots, why, whysize);
done:
	json_decref(json);
	return (set);
}

/* What a chain of three ends in, when it is a chain of what it names. */
static int
key_top(json_t *key, struct wbuf *pem, char *why, size_t whysize)
{
	const json_t	*x5c = json_object_get(key, "x5c");
	struct roots	 root;
	struct jwk	 k;
	uint8_t		*der;
	size_t		 len;
	int		 rc = -1;

	if (json_array_size(x5c) != 3)
		return (refuse(why, whysize, "x5c is not of three"));
	if (json_base64(json_array_get(x5c, 2), JWKS_MAX, &der, &len, why,
	    whysize) == -1)
		return (-1);
	if (root_pem(pem, der, len, &root, why, whysize) == 0) {
		memset(&k, 0, sizeof(k));
		(void)strlcpy(k.kid, "root", sizeof(k.kid));
		rc = key_read(&k, key, &root, why, whysize);
		chain_clear(&k.chain);
		roots_free(&root);
	}
	free(der);
	return (rc);
}

int
jwks_top(const char *text, size_t len, struct wbuf *pem, char *why,
    size_t whysize)
{
	json_t	*json, *key;
	size_t	 i;
	int	 rc = -1;

	if ((json = json_read(text, len, &jwks_limits, why, whysize)) == NULL)
		return (-1);
	(void)refuse(why, whysize, "it has no keys");
	json_array_foreach(json_object_get(json, "keys"), i, key) {
		if ((rc = key_top(key, pem, why, whysize)) == 0)
			break;
		wb_free(pem);
	}
	json_decref(json);
	return (rc);
}

void
jwks_free(struct jwks *set)
{
	if (set == NULL)
		return;
	while (set->n > 0) {
		if (set->keys[--set->n].plain)
			EVP_PKEY_free(set->keys[set->n].key);
		chain_clear(&set->keys[set->n].chain);
	}
	free(set);
}

struct jwk *
jwks_find(struct jwks *set, const char *kid)
{
	size_t	 i;

	for (i = 0; set != NULL && i < set->n; i++)
		if (strcmp(set->keys[i].kid, kid) == 0)
			return (&set->keys[i]);
	return (NULL);
}

/*
 * The leaf by its CA's list, the CA by the root's; none missing, but where a
 * certificate of another issuer names none.
 */
void
jwk_settle(struct jwk *k, const struct crls *crls)
{
	const struct crl	*lists[2];
	X509			*of[2] = { k->chain.leaf, k->chain.ca };
	const char		*urls[2] = { k->chain.leaf_crl,
				    k->chain.ca_crl };
	size_t			 i;

	if (k->plain)
		return;
	lists[0] = crl_find(crls, k->chain.leaf_crl, k->chain.ca);
	lists[1] = crl_find(crls, k->chain.ca_crl, k->chain.root);
	k->from = k->chain.from;
	k->until = k->chain.until;
	k->state = JWK_OK;
	for (i = 0; i < 2; i++) {
		if (urls[i][0] == '\0')
			continue;
		if (lists[i] == NULL) {
			if (k->state == JWK_OK)
				k->state = JWK_NO_CRL;
			continue;
		}
		if (crl_revokes(lists[i], of[i]))
			k->state = JWK_REVOKED;
		if (lists[i]->from > k->from)
			k->from = lists[i]->from;
		if (lists[i]->until < k->until)
			k->until = lists[i]->until;
	}
}

int
jwk_usable(const struct jwk *k, int64_t now)
{
	return (k->state == JWK_OK && k->from <= now && now < k->until);
}

int
jwks_any(const struct jwks *set, int64_t now)
{
	size_t	 i;

	for (i = 0; set != NULL && i < set->n; i++)
		if (jwk_usable(&set->keys[i], now))
			return (1);
	return (0);
}

/* When the first, or the last, usable key ends; 0: there is none. */
int64_t
jwks_end(const struct jwks *set, int64_t now, int last)
{
	const struct jwk	*k;
	int64_t			 end = 0;
	size_t			 i;

	for (i = 0; set != NULL && i < set->n; i++) {
		k = &set->keys[i];
		if (!jwk_usable(k, now))
			continue;
		if (end == 0 || (last ? k->until > end : k->until < end))
			end = k->until;
	}
	return (end);
}

uint64_t
jwks_usable(const struct jwks *set, int64_t now)
{
	uint64_t	 n = 0;
	size_t		 i;

	for (i = 0; set != NULL && i < set->n; i++)
		n += jwk_usable(&set->keys[i], now) != 0;
	return (n);
}

void
jwks_settle(struct jwks *set, const struct crls *crls)
{
	size_t	 i;

	for (i = 0; set != NULL && i < set->n; i++)
		jwk_settle(&set->keys[i], crls);
}

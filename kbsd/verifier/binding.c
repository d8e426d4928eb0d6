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
 * The workload's public key, as evidence vouches for it.  Looked at as bytes
 * before any libcrypto sees it: OpenSSL would encrypt under e = 1, in clear,
 * and a full check of a long key costs seconds.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "verifier.h"

#define EXPONENT_LEAST	65537
#define BITS_LEAST	2048		/* n must be longer */

static const struct json_limits runtime_limits = { 32768, 512, 12 };

static int
refuse(char *why, size_t whysize, const char *text)
{
	(void)strlcpy(why, text, whysize);
	return (-1);
}

static size_t
bits_of(const uint8_t *n, size_t len)
{
	size_t	 bits = len * 8;
	uint8_t	 mask;

	if (len == 0)
		return (0);
	for (mask = 0x80; mask != 0 && (n[0] & mask) == 0; mask >>= 1)
		bits--;
	return (bits);
}

/* n without leading zeros, and e. */
static int
wrapping_set(struct wrapping *w, const uint8_t *n, size_t nlen, uint32_t e,
    char *why, size_t whysize)
{
	size_t	 bits = bits_of(n, nlen);
	int	 shift;

	if (bits <= BITS_LEAST || bits > RSA_BITS_MOST)
		return (refuse(why, whysize,
		    "n must be longer than 2048 bits, and 8192 at most"));
	if ((n[nlen - 1] & 1) == 0)
		return (refuse(why, whysize, "n is even"));
	if (e < EXPONENT_LEAST || (e & 1) == 0)
		return (refuse(why, whysize, "e is even, or below 65537"));
	memcpy(w->n, n, nlen);
	w->nlen = nlen;
	w->elen = 0;
	for (shift = 24; shift >= 0; shift -= 8)
		if (w->elen > 0 || (e >> shift & 0xff) != 0)
			w->e[w->elen++] = (uint8_t)(e >> shift);
	return (0);
}

int
binding_held(struct wrapping *w, const uint8_t *held, size_t len, uint8_t tee,
    char *why, size_t whysize)
{
	uint8_t		 n[RSA_BITS_MOST / 8];
	size_t		 i, nlen, skip = 0;
	uint32_t	 e;

	if (len <= 4 || len - 4 > sizeof(n))
		return (refuse(why, whysize, "no LE32(e) || n"));
	e = held[0] | (uint32_t)held[1] << 8 | (uint32_t)held[2] << 16 |
	    (uint32_t)held[3] << 24;
	nlen = len - 4;
	for (i = 0; i < nlen; i++)
		n[i] = tee == TEE_SGX ? held[len - 1 - i] : held[4 + i];
	while (skip < nlen && n[skip] == 0)
		skip++;
	return (wrapping_set(w, n + skip, nlen - skip, e, why, whysize));
}

static int
binding_jwk(struct wrapping *w, json_t *jwk, char *why, size_t whysize)
{
	uint8_t		*n, *eb;
	size_t		 i, nlen, elen;
	uint32_t	 e = 0;
	int		 rc;

	if (jwk_numbers(jwk, &n, &nlen, &eb, &elen, why, whysize) == -1)
		return (-1);
	for (i = 0; i < elen; i++)
		e = e << 8 | eb[i];
	rc = wrapping_set(w, n, nlen, e, why, whysize);
	free(n);
	free(eb);
	return (rc);
}

/*
 * A JWK that stands in a token may be there for something else (RFC 7517
 * sections 4.2 and 4.3): one that signs shall not be encrypted for.
 */
static int
jwk_wraps(const json_t *jwk)
{
	const json_t	*use = json_object_get(jwk, "use");
	const json_t	*ops = json_object_get(jwk, "key_ops"), *op;
	const char	*name;
	size_t		 i;

	if (use != NULL && (!json_is_string(use) ||
	    strcmp(json_string_value(use), "enc") != 0))
		return (0);
	if (ops == NULL)
		return (1);
	json_array_foreach(ops, i, op) {
		name = json_string_value(op);
		if (name != NULL && (strcmp(name, "encrypt") == 0 ||
		    strcmp(name, "wrapKey") == 0))
			return (1);
	}
	return (0);
}

/* An object, or base64 of the text of one; a new reference. */
static json_t *
runtime_object(json_t *runtime, char *why, size_t whysize)
{
	uint8_t	*text;
	size_t	 len;
	json_t	*object;

	if (!json_is_string(runtime))
		return (json_incref(runtime));
	if (json_base64(runtime, runtime_limits.bytes, &text, &len, why,
	    whysize) == -1)
		return (NULL);
	object = json_read((const char *)text, len, &runtime_limits, why,
	    whysize);
	free(text);
	return (object);
}

int
binding_claims(struct wrapping *w, const struct claims *claims, char *why,
    size_t whysize)
{
	json_t			*object, *jwk;
	const struct json_member members[] = {
		{ "tee-pubkey", JSON_MEMBER_OBJECT, 1, &jwk },
	};
	int			 rc = -1;

	if (claims->held != NULL)
		return (binding_held(w, claims->held, claims->heldlen,
		    claims->tee, why, whysize));
	if (claims->key != NULL)
		return (jwk_wraps(claims->key) ? binding_jwk(w, claims->key,
		    why, whysize) : refuse(why, whysize, "the token's key is "
		    "not for encryption"));
	if (claims->runtime == NULL)
		return (refuse(why, whysize, "the token names no key"));
	object = runtime_object(claims->runtime, why, whysize);
	if (object == NULL)
		return (-1);
	if (json_pick(object, members, 1, why, whysize) == 0)
		rc = binding_jwk(w, jwk, why, whysize);
	json_decref(object);
	return (rc);
}

int
binding_same(const struct wrapping *a, const struct wrapping *b)
{
	return (a->elen == b->elen && a->nlen == b->nlen &&
	    memcmp(a->e, b->e, a->elen) == 0 &&
	    memcmp(a->n, b->n, a->nlen) == 0);
}

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
 * Tokens: JSON Web Signatures in compact form (RFC 7515 section 7.1).  The
 * header is only compared: the algorithm and the key are those of our own
 * list, jku, x5u, x5c and jwk are not looked at, and the payload is not
 * believed before its signature is good.
 */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "json.h"
#include "verifier.h"

#define HEADER_MAX	16384	/* decoded; ITA's is 300 bytes */
#define HEADER_KEPT	1024	/* as it comes */

static const struct json_limits header_limits = { HEADER_MAX, 256, 8 };

static const struct {
	const char	*name;
	const char	*md;
	int		 base;		/* EVP_PKEY_* */
	int		 pss;
	size_t		 half;		/* ECDSA: bytes of r, and of s */
} algs[] = {
	[JWS_PS384] =	{ "PS384", "SHA2-384", EVP_PKEY_RSA, 1, 0 },
	[JWS_RS256] =	{ "RS256", "SHA2-256", EVP_PKEY_RSA, 0, 0 },
	[JWS_PS256] =	{ "PS256", "SHA2-256", EVP_PKEY_RSA, 1, 0 },
	[JWS_ES256] =	{ "ES256", "SHA2-256", EVP_PKEY_EC, 0, 32 },
	[JWS_ES384] =	{ "ES384", "SHA2-384", EVP_PKEY_EC, 0, 48 },
};

_Static_assert(sizeof(algs) / sizeof(algs[0]) == JWS_MAX, "alg without a row");

static int
refuse(char *why, size_t whysize, const char *text)
{
	(void)strlcpy(why, text, whysize);
	return (-1);
}

enum jws_alg
jws_alg_parse(const char *name)
{
	int	 i;

	for (i = JWS_NONE + 1; i < JWS_MAX; i++)
		if (strcmp(algs[i].name, name) == 0)
			return ((enum jws_alg)i);
	return (JWS_NONE);
}

/* RFC 7519 section 5.1 and RFC 9782; "application/" may be left out. */
static int
typ_known(const char *typ)
{
	static const char *const	 names[] = { "JWT", "eat+jwt",
					    "application/eat+jwt" };
	size_t				 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(typ, names[i]) == 0)
			return (1);
	return (0);
}

static int
header_take(struct jws *jws, json_t *header, char *why, size_t whysize)
{
	json_t			*alg, *kid, *typ, *crit, *b64;
	const struct json_member members[] = {
		{ "alg",	JSON_MEMBER_STRING,	1, &alg },
		{ "kid",	JSON_MEMBER_STRING,	0, &kid },
		{ "typ",	JSON_MEMBER_STRING,	0, &typ },
		{ "crit",	JSON_MEMBER_ANY,	0, &crit },
		{ "b64",	JSON_MEMBER_ANY,	0, &b64 },
	};

	if (json_pick(header, members, sizeof(members) / sizeof(members[0]),
	    why, whysize) == -1)
		return (-1);
	/* RFC 7515 section 4.1.11: what we don't understand, we refuse. */
	if (crit != NULL || b64 != NULL)
		return (refuse(why, whysize, "the header has crit or b64"));
	if (typ != NULL && !typ_known(json_string_value(typ)))
		return (refuse(why, whysize, "typ is not JWT"));
	jws->alg = jws_alg_parse(json_string_value(alg));
	if (jws->alg == JWS_NONE)
		return (refuse(why, whysize, "alg is none of ours"));
	jws->kid[0] = '\0';
	if (kid != NULL && (json_string_length(kid) == 0 || strlcpy(jws->kid,
	    json_string_value(kid), sizeof(jws->kid)) >= sizeof(jws->kid)))
		return (refuse(why, whysize, "kid is empty or too long"));
	return (0);
}

static int
header_decode(struct jws *jws, const char *text, size_t len, char *why,
    size_t whysize)
{
	char	 buf[HEADER_MAX];
	json_t	*header;
	ssize_t	 n;
	int	 rc;

	if ((n = base64url_decode(buf, sizeof(buf), text, len)) == -1)
		return (refuse(why, whysize,
		    "the header is not base64url, or too long"));
	header = json_read(buf, (size_t)n, &header_limits, why, whysize);
	if (header == NULL)
		return (-1);
	rc = header_take(jws, header, why, whysize);
	json_decref(header);
	return (rc);
}

/* One service's tokens of one key have one header: it is read once. */
static int
header_read(struct jws *jws, const char *text, size_t len, char *why,
    size_t whysize)
{
	static struct {
		char		 text[HEADER_KEPT];
		size_t		 len;
		enum jws_alg	 alg;
		char		 kid[KID_MAX + 1];
	} last;

	if (len > 0 && len == last.len && memcmp(text, last.text, len) == 0) {
		jws->alg = last.alg;
		memcpy(jws->kid, last.kid, sizeof(jws->kid));
		return (0);
	}
	if (header_decode(jws, text, len, why, whysize) == -1)
		return (-1);
	if (len <= sizeof(last.text)) {
		memcpy(last.text, text, len);
		last.len = len;
		last.alg = jws->alg;
		memcpy(last.kid, jws->kid, sizeof(last.kid));
	}
	return (0);
}

int
jws_read(struct jws *jws, const char *text, size_t len, char *why,
    size_t whysize)
{
	const char	*dot[2], *end = text + len;
	ssize_t		 n;

	jws->text = text;
	if ((dot[0] = memchr(text, '.', len)) == NULL ||
	    (dot[1] = memchr(dot[0] + 1, '.',
	    (size_t)(end - dot[0] - 1))) == NULL ||
	    memchr(dot[1] + 1, '.', (size_t)(end - dot[1] - 1)) != NULL)
		return (refuse(why, whysize, "not three parts"));
	jws->signedlen = (size_t)(dot[1] - text);
	jws->payload = dot[0] + 1;
	jws->payloadlen = (size_t)(dot[1] - jws->payload);
	n = base64url_decode(jws->sig, sizeof(jws->sig), dot[1] + 1,
	    (size_t)(end - dot[1] - 1));
	if (n <= 0)
		return (refuse(why, whysize,
		    "the signature is not base64url, or has no such length"));
	jws->siglen = (size_t)n;
	return (header_read(jws, text, (size_t)(dot[0] - text), why,
	    whysize));
}

/*
 * The key that was last used, ready for the next signature: looking up what
 * is needed takes a tenth of a verification.  The reference keeps the address
 * from becoming that of another key.
 */
static struct {
	EVP_PKEY	*key;
	enum jws_alg	 alg;
	EVP_MD		*md;
	EVP_PKEY_CTX	*ctx;
} ready;

static void
ready_end(void)
{
	EVP_PKEY_CTX_free(ready.ctx);
	EVP_MD_free(ready.md);
	EVP_PKEY_free(ready.key);
	memset(&ready, 0, sizeof(ready));
}

static int
ready_begin(enum jws_alg alg, EVP_PKEY *key)
{
	if (ready.key == key && ready.alg == alg)
		return (0);
	ready_end();
	if (EVP_PKEY_up_ref(key) != 1)
		return (-1);
	ready.key = key;
	ready.alg = alg;
	if ((ready.md = EVP_MD_fetch(NULL, algs[alg].md, NULL)) == NULL ||
	    (ready.ctx = EVP_PKEY_CTX_new(key, NULL)) == NULL ||
	    EVP_PKEY_verify_init(ready.ctx) != 1 ||
	    (algs[alg].base == EVP_PKEY_RSA && EVP_PKEY_CTX_set_rsa_padding(
	    ready.ctx, algs[alg].pss ? RSA_PKCS1_PSS_PADDING :
	    RSA_PKCS1_PADDING) != 1) ||
	    EVP_PKEY_CTX_set_signature_md(ready.ctx, ready.md) != 1)
		goto fail;
	/* MGF1 follows the hash unless told otherwise: tell it. */
	if (algs[alg].pss &&
	    (EVP_PKEY_CTX_set_rsa_mgf1_md(ready.ctx, ready.md) != 1 ||
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ready.ctx,
	    RSA_PSS_SALTLEN_DIGEST) != 1))
		goto fail;
	return (0);
fail:
	ready_end();
	return (-1);
}

int
jws_verify(const struct jws *jws, enum jws_alg alg, EVP_PKEY *key)
{
	uint8_t		 der[ECDSA_DER_MAX], md[EVP_MAX_MD_SIZE];
	const uint8_t	*sig = jws->sig;
	size_t		 siglen = jws->siglen;
	unsigned int	 mdlen;
	int		 len;

	if (alg == JWS_NONE || jws->alg != alg ||
	    EVP_PKEY_base_id(key) != algs[alg].base)
		return (-1);
	if (algs[alg].base == EVP_PKEY_EC) {
		if (siglen != 2 * algs[alg].half ||
		    (len = ecdsa_der(der, sig, algs[alg].half)) <= 0)
			return (-1);
		sig = der;
		siglen = (size_t)len;
	} else if (siglen != (size_t)EVP_PKEY_size(key))
		return (-1);
	if (ready_begin(alg, key) == -1 || EVP_Digest(jws->text,
	    jws->signedlen, md, &mdlen, ready.md, NULL) != 1 ||
	    EVP_PKEY_verify(ready.ctx, sig, siglen, md, mdlen) != 1)
		return (-1);
	return (0);
}

char *
jws_payload(const struct jws *jws, size_t *len)
{
	size_t	 size = BASE64_BYTES(jws->payloadlen);
	char	*text;
	ssize_t	 n;

	if ((text = malloc(size)) == NULL)
		return (NULL);
	n = base64url_decode(text, size, jws->payload, jws->payloadlen);
	if (n == -1) {
		free(text);
		return (NULL);
	}
	*len = (size_t)n;
	return (text);
}

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

/* An issuer of tokens, played by a test: its keys and what it signs. */
#ifndef IDP_H
#define IDP_H

#include <atf-c.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "kbsd.h"

enum kind { RS, PS, P256, P384, STRANGER, KINDS };

static const struct {
	const char	*kid;
	const char	*alg;
	const char	*crv;
	size_t		 half;
} kinds[KINDS] = {
	[RS] = { "r", "RS256", NULL, 0 },
	[PS] = { "p", "PS256", NULL, 0 },
	[P256] = { "e2", "ES256", "P-256", 32 },
	[P384] = { "e3", "ES384", "P-384", 48 },
	[STRANGER] = { "r", "RS256", NULL, 0 },
};

static EVP_PKEY	*keys[KINDS];

/* --- keys ----------------------------------------------------------------- */

static void
put_number(char *out, size_t size, const char *name, EVP_PKEY *key,
    const char *param, int len)
{
	BIGNUM	*bn = NULL;
	uint8_t	 raw[1024];
	char	 text[1500];
	size_t	 n = strlen(out);

	ATF_REQUIRE(EVP_PKEY_get_bn_param(key, param, &bn) == 1);
	if (len == 0)
		len = BN_num_bytes(bn);
	ATF_REQUIRE(BN_bn2binpad(bn, raw, len) == len);
	ATF_REQUIRE(base64url_encode(text, sizeof(text), raw,
	    (size_t)len) > 0);
	snprintf(out + n, size - n, ",\"%s\":\"%s\"", name, text);
	BN_free(bn);
}

/* Static buffer.  more: further members, with a comma before each. */
static const char *
jwk(enum kind k, const char *more)
{
	static char	 text[4096];

	snprintf(text, sizeof(text), "{\"kty\":\"%s\"%s",
	    kinds[k].half == 0 ? "RSA" : "EC", more);
	if (kinds[k].half == 0) {
		put_number(text, sizeof(text), "n", keys[k],
		    OSSL_PKEY_PARAM_RSA_N, 0);
		put_number(text, sizeof(text), "e", keys[k],
		    OSSL_PKEY_PARAM_RSA_E, 0);
	} else {
		snprintf(text + strlen(text), 64, ",\"crv\":\"%s\"",
		    kinds[k].crv);
		put_number(text, sizeof(text), "x", keys[k],
		    OSSL_PKEY_PARAM_EC_PUB_X, (int)kinds[k].half);
		put_number(text, sizeof(text), "y", keys[k],
		    OSSL_PKEY_PARAM_EC_PUB_Y, (int)kinds[k].half);
	}
	strlcat(text, "}", sizeof(text));
	return (text);
}

static void
make_keys(void)
{
	if (keys[RS] != NULL)
		return;
	keys[RS] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	keys[PS] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	keys[STRANGER] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	keys[P256] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	keys[P384] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
}

/* --- tokens --------------------------------------------------------------- */

static size_t
sign(enum kind k, int pss, const char *text, uint8_t *sig, size_t size)
{
	EVP_MD_CTX		*ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX		*pctx;
	ECDSA_SIG		*ecdsa;
	const EVP_MD		*md = k == P384 ? EVP_sha384() : EVP_sha256();
	uint8_t			 der[256];
	const unsigned char	*p = der;
	size_t			 len = size, half = kinds[k].half;

	ATF_REQUIRE(EVP_DigestSignInit(ctx, &pctx, md, NULL, keys[k]) == 1);
	if (pss)
		ATF_REQUIRE(EVP_PKEY_CTX_set_rsa_padding(pctx,
		    RSA_PKCS1_PSS_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx,
		    RSA_PSS_SALTLEN_DIGEST) == 1);
	if (half != 0)
		len = sizeof(der);
	ATF_REQUIRE(EVP_DigestSign(ctx, half == 0 ? sig : der, &len,
	    (const uint8_t *)text, strlen(text)) == 1);
	EVP_MD_CTX_free(ctx);
	if (half == 0)
		return (len);
	ATF_REQUIRE((ecdsa = d2i_ECDSA_SIG(NULL, &p, (long)len)) != NULL);
	BN_bn2binpad(ECDSA_SIG_get0_r(ecdsa), sig, (int)half);
	BN_bn2binpad(ECDSA_SIG_get0_s(ecdsa), sig + half, (int)half);
	ECDSA_SIG_free(ecdsa);
	return (2 * half);
}

static void
append(char *token, size_t size, const void *data, size_t len)
{
	size_t	 n = strlen(token);

	ATF_REQUIRE(base64url_encode(token + n, size - n, data, len) > 0);
}

/* Static buffer. */
static char *
token(const char *header, const char *body, enum kind k, int pss)
{
	static char	 text[BEARER_TEXT_MAX];
	uint8_t		 sig[1024];
	size_t		 len;

	text[0] = '\0';
	append(text, sizeof(text), header, strlen(header));
	strlcat(text, ".", sizeof(text));
	append(text, sizeof(text), body, strlen(body));
	len = sign(k, pss, text, sig, sizeof(sig));
	strlcat(text, ".", sizeof(text));
	append(text, sizeof(text), sig, len);
	return (text);
}

/* Of this key, with its header. */
static char *
plain(const char *body, enum kind k)
{
	char	 header[128];

	snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\","
	    "\"typ\":\"JWT\"}", kinds[k].alg, kinds[k].kid);
	return (token(header, body, k, k == PS));
}

#endif

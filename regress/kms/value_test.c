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

/* Values in Vault and their material, without a process around them. */
#include <sys/cdefs.h>

#include <atf-c.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "vault.h"

static uint8_t	 material[MATERIAL_MAX];

static void
make_record(struct key_record *k, enum algorithm algorithm, int length,
    enum curve curve)
{
	memset(k, 0, sizeof(*k));
	uuid_make(&k->id);
	uuid_format(&k->id, k->backend);
	k->algorithm = algorithm;
	k->length = (uint16_t)length;
	k->curve = curve;
}

static size_t
make_pair(const char *type, int bits, int nid, uint8_t *out)
{
	PKCS8_PRIV_KEY_INFO	*p8;
	EVP_PKEY_CTX		*ctx;
	EVP_PKEY		*pkey = NULL;
	uint8_t			*p = out;
	int			 n;

	ctx = EVP_PKEY_CTX_new_id(strcmp(type, "RSA") == 0 ? EVP_PKEY_RSA :
	    EVP_PKEY_EC, NULL);
	ATF_REQUIRE(ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1);
	if (bits != 0)
		ATF_REQUIRE(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits) == 1);
	else
		ATF_REQUIRE(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx,
		    nid) == 1);
	ATF_REQUIRE(EVP_PKEY_keygen(ctx, &pkey) == 1);
	ATF_REQUIRE((p8 = EVP_PKEY2PKCS8(pkey)) != NULL);
	n = i2d_PKCS8_PRIV_KEY_INFO(p8, &p);
	ATF_REQUIRE(n > 0 && n <= MATERIAL_MAX);
	PKCS8_PRIV_KEY_INFO_free(p8);
	EVP_PKEY_free(pkey);
	EVP_PKEY_CTX_free(ctx);
	return ((size_t)n);
}

/* What is written is what an answer has as its data. */
static char *
as_answer(unsigned int version, const char *body)
{
	static char	 text[VAULT_BODY_MAX];
	const char	*data = version == 1 ? body : strstr(body, "\"data\"");

	/* The body of version 2 brings the brace that closes data. */
	if (version == 1)
		snprintf(text, sizeof(text), "{\"data\":%s,\"auth\":null}",
		    data);
	else
		snprintf(text, sizeof(text), "{\"data\":{%s,\"auth\":null}",
		    data);
	return (text);
}

static void
there_and_back(const struct key_record *k, const uint8_t *p, size_t n)
{
	unsigned int	 version;
	size_t		 len, got;
	char		*body, *answer;
	const char	*why;
	int		 none;

	for (version = 1; version <= 2; version++) {
		ATF_REQUIRE((body = value_write(k, version, p, n, &len)) !=
		    NULL);
		ATF_CHECK_EQ(len, strlen(body));
		answer = as_answer(version, body);
		memset(material, 0, sizeof(material));
		why = value_read(k, version, (uint8_t *)answer,
		    strlen(answer), material, &got, &none);
		ATF_CHECK_MSG(why == NULL, "%s: %s", why, answer);
		ATF_CHECK_EQ(0, none);
		ATF_CHECK_EQ(n, got);
		ATF_CHECK_EQ(0, memcmp(p, material, n));
		free(body);
	}
}

ATF_TC_WITHOUT_HEAD(written);
ATF_TC_BODY(written, tc)
{
	struct key_record	 k;
	uint8_t			 key[MATERIAL_MAX];
	size_t			 n;

	json_init();
	make_record(&k, ALG_AES, 256, CURVE_NONE);
	memset(key, 'k', 32);
	there_and_back(&k, key, 32);
	ATF_CHECK_EQ(NULL, material_wrong(&k, key, 32));
	ATF_CHECK(material_wrong(&k, key, 16) != NULL);
	make_record(&k, ALG_RSA, 2048, CURVE_NONE);
	n = make_pair("RSA", 2048, 0, key);
	there_and_back(&k, key, n);
	ATF_CHECK_EQ(NULL, material_wrong(&k, key, n));
	ATF_CHECK(material_wrong(&k, key, n - 1) != NULL);
	k.length = 3072;
	ATF_CHECK(material_wrong(&k, key, n) != NULL);
	k.algorithm = ALG_EC;
	k.curve = CURVE_P256;
	ATF_CHECK(material_wrong(&k, key, n) != NULL);
	make_record(&k, ALG_EC, 384, CURVE_P384);
	n = make_pair("EC", 0, NID_secp384r1, key);
	there_and_back(&k, key, n);
	ATF_CHECK_EQ(NULL, material_wrong(&k, key, n));
	k.curve = CURVE_P256;
	ATF_CHECK(material_wrong(&k, key, n) != NULL);
	/* A number that fits no other any more. */
	make_record(&k, ALG_RSA, 2048, CURVE_NONE);
	n = make_pair("RSA", 2048, 0, key);
	key[n - 3] ^= 1;
	ATF_CHECK(material_wrong(&k, key, n) != NULL);
}

/* The public half is that of the private one. */
ATF_TC_WITHOUT_HEAD(public);
ATF_TC_BODY(public, tc)
{
	struct key_record	 k;
	PKCS8_PRIV_KEY_INFO	*p8;
	EVP_PKEY		*pkey;
	uint8_t			 key[MATERIAL_MAX], *spki = NULL;
	const uint8_t		*p = key;
	char			*body, text[4096];
	size_t			 n, len;
	int			 spkilen;

	json_init();
	make_record(&k, ALG_EC, 256, CURVE_P256);
	n = make_pair("EC", 0, NID_X9_62_prime256v1, key);
	ATF_REQUIRE((body = value_write(&k, 1, key, n, &len)) != NULL);
	ATF_REQUIRE((p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)n)) !=
	    NULL);
	ATF_REQUIRE((pkey = EVP_PKCS82PKEY(p8)) != NULL);
	ATF_REQUIRE((spkilen = i2d_PUBKEY(pkey, &spki)) > 0);
	base64_encode(text, sizeof(text), spki, (size_t)spkilen);
	ATF_CHECK(strstr(body, text) != NULL);
	ATF_CHECK(strstr(body, "secp256r1") != NULL);
	ATF_CHECK(strstr(body, "created_at") != NULL);
	free(body);
	OPENSSL_free(spki);
	EVP_PKEY_free(pkey);
	PKCS8_PRIV_KEY_INFO_free(p8);
}

/* Each beginning of a good answer, and what no answer should be. */
ATF_TC_WITHOUT_HEAD(hostile);
ATF_TC_BODY(hostile, tc)
{
	static const char *const	 rows[] = {
		"", "[]", "{}", "null", "{\"data\":null}", "{\"data\":{}}",
		"{\"data\":[1]}", "{\"data\":{\"data\":7}}",
		"{\"data\":{\"data\":[]}}", "{\"data\":\"x\"}",
	};
	struct key_record		 k;
	uint8_t				 key[32] = { 1, 2, 3 };
	char				*body, *answer, *deep;
	size_t				 i, len, got;
	unsigned int			 version;
	int				 none;

	json_init();
	make_record(&k, ALG_AES, 256, CURVE_NONE);
	for (version = 1; version <= 2; version++) {
		for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			ATF_CHECK_MSG(value_read(&k, version,
			    (const uint8_t *)rows[i], strlen(rows[i]),
			    material, &got, &none) != NULL, "%s", rows[i]);
		ATF_REQUIRE((body = value_write(&k, version, key, 32, &len))
		    != NULL);
		answer = as_answer(version, body);
		for (i = 0; i < strlen(answer); i++)
			ATF_CHECK(value_read(&k, version, (uint8_t *)answer,
			    i, material, &got, &none) != NULL);
		free(body);
	}
	/* Deleted there: version 2 says so beside its metadata. */
	ATF_CHECK(value_read(&k, 2, (const uint8_t *)"{\"data\":{\"data\":"
	    "null,\"metadata\":{}}}", 36, material, &got, &none) != NULL);
	ATF_CHECK_EQ(1, none);
	ATF_REQUIRE((deep = malloc(VAULT_BODY_MAX * 2)) != NULL);
	memset(deep, '[', VAULT_BODY_MAX * 2);
	ATF_CHECK(value_read(&k, 1, (uint8_t *)deep, 4000, material, &got,
	    &none) != NULL);
	ATF_CHECK(value_read(&k, 1, (uint8_t *)deep, VAULT_BODY_MAX * 2,
	    material, &got, &none) != NULL);
	free(deep);
}

/* A stranger's text becomes one short line. */
ATF_TC_WITHOUT_HEAD(errors);
ATF_TC_BODY(errors, tc)
{
	static const struct {
		const char	*body;
		const char	*text;
	} rows[] = {
		{ "{\"errors\":[]}", "" },
		{ "{\"errors\":[\"Vault is sealed\"]}", "Vault is sealed" },
		{ "{\"errors\":[\"a\",7,\"b\"]}", "a; b" },
		{ "{\"errors\":[\"1 error occurred:\\n\\t* permission "
		    "denied\\n\\n\"]}", "1 error occurred: * permission "
		    "denied " },
		{ "{\"errors\":[\"\\u0000\"]}", "" },
		{ "nonsense", "" },
	};
	char	 text[256], longest[1024];
	size_t	 i;

	json_init();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		value_errors((const uint8_t *)rows[i].body,
		    strlen(rows[i].body), text, sizeof(text));
		ATF_CHECK_STREQ(rows[i].text, text);
	}
	snprintf(longest, sizeof(longest), "{\"errors\":[\"%0900d\"]}", 7);
	value_errors((uint8_t *)longest, strlen(longest), text, sizeof(text));
	ATF_CHECK_EQ(200, strlen(text));
	value_errors((uint8_t *)longest, strlen(longest), text, 20);
	ATF_CHECK_EQ(19, strlen(text));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, written);
	ATF_TP_ADD_TC(tp, public);
	ATF_TP_ADD_TC(tp, hostile);
	ATF_TP_ADD_TC(tp, errors);
	return (atf_no_error());
}

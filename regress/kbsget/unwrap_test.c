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
 * Key pairs and unwrapping, against answers that another implementation
 * made.
 */
#include <sys/stat.h>

#include <atf-c.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answers.h"
#include "base64.h"
#include "kbsget.h"
#include "secret.h"

#define RSA_LEN	384

struct answer {
	uint8_t	*key;
	uint8_t	*swk;
	size_t	 keylen;
	size_t	 swklen;
};

static uint8_t *
bytes_of(const char *text, size_t *len)
{
	uint8_t	*p;
	ssize_t	 n;

	p = malloc(BASE64_BYTES(strlen(text)));
	ATF_REQUIRE(p != NULL);
	n = base64_decode(p, BASE64_BYTES(strlen(text)), text, strlen(text));
	ATF_REQUIRE(n > 0);
	*len = (size_t)n;
	return (p);
}

static EVP_PKEY *
key_read(void)
{
	EVP_PKEY	*key;
	size_t		 len = sizeof(answer_pem) - 1;
	int		 fd;

	fd = open("ka.pem", O_WRONLY | O_CREAT | O_EXCL, 0600);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ((ssize_t)len, write(fd, answer_pem, len));
	close(fd);
	key = keypair_load("ka.pem");
	ATF_REQUIRE(key != NULL);
	return (key);
}

static void
answer_read(struct answer *a)
{
	a->key = bytes_of(answer_wrapped_key, &a->keylen);
	a->swk = bytes_of(answer_wrapped_swk, &a->swklen);
	ATF_REQUIRE_EQ(12 + 12 + 32 + 16, a->keylen);
	ATF_REQUIRE_EQ(RSA_LEN, a->swklen);
}

/* The answer as the server writes it. */
static char *
answer_json(void)
{
	char	*text;

	ATF_REQUIRE(asprintf(&text, "{\"wrapped_key\":\"%s\","
	    "\"wrapped_swk\":\"%s\"}", answer_wrapped_key,
	    answer_wrapped_swk) != -1);
	return (text);
}

static void
answer_free(struct answer *a)
{
	free(a->key);
	free(a->swk);
}

/* 0 when it comes out as the right bytes, -1 when refused. */
static int
answer_try(EVP_PKEY *key, const uint8_t *k, size_t klen, const uint8_t *s,
    size_t slen)
{
	const char	*why = NULL;
	uint8_t		*out = NULL;
	size_t		 i, len;

	if (unwrap(key, k, klen, s, slen, &out, &len, &why) == -1) {
		ATF_CHECK(why != NULL);
		ATF_CHECK(out == NULL);
		return (-1);
	}
	ATF_REQUIRE_EQ(32, len);
	for (i = 0; i < len; i++)
		ATF_REQUIRE_EQ(i, out[i]);
	secret_free(out);
	return (0);
}

ATF_TC_WITHOUT_HEAD(known_answer);
ATF_TC_BODY(known_answer, tc)
{
	struct answer	 a;
	EVP_PKEY	*key, *other;
	const char	*why;
	char		*text;
	uint8_t		*out;
	size_t		 len, outlen;

	secret_openssl(65536);
	key = key_read();
	answer_read(&a);
	ATF_CHECK_EQ(0, answer_try(key, a.key, a.keylen, a.swk, a.swklen));
	text = answer_json();
	len = strlen(text);
	ATF_REQUIRE_EQ(0, unwrap_json(key, text, len, &out, &outlen,
	    &why));
	ATF_CHECK_EQ(32, outlen);
	secret_free(out);
	/* someone else's key */
	other = keypair_make();
	ATF_REQUIRE(other != NULL);
	ATF_CHECK_EQ(-1, answer_try(other, a.key, a.keylen, a.swk,
	    a.swklen));
	EVP_PKEY_free(other);
	EVP_PKEY_free(key);
	free(text);
	answer_free(&a);
}

ATF_TC_WITHOUT_HEAD(tampered);
ATF_TC_BODY(tampered, tc)
{
	struct answer	 a;
	EVP_PKEY	*key;
	uint8_t		*more;
	size_t		 i;

	key = key_read();
	answer_read(&a);
	/* each byte of the wrapped key matters: head, iv, ct, tag */
	for (i = 0; i < a.keylen; i++) {
		a.key[i] ^= 0x10;
		ATF_CHECK_EQ_MSG(-1, answer_try(key, a.key, a.keylen, a.swk,
		    a.swklen), "byte %zu", i);
		a.key[i] ^= 0x10;
	}
	for (i = 0; i < a.swklen; i += 61) {
		a.swk[i] ^= 1;
		ATF_CHECK_EQ(-1, answer_try(key, a.key, a.keylen, a.swk,
		    a.swklen));
		a.swk[i] ^= 1;
	}
	/* cut, and with bytes behind */
	for (i = 0; i < a.keylen; i++)
		ATF_CHECK_EQ(-1, answer_try(key, a.key, i, a.swk,
		    a.swklen));
	for (i = 0; i < a.swklen; i += 61)
		ATF_CHECK_EQ(-1, answer_try(key, a.key, a.keylen, a.swk, i));
	more = calloc(1, a.keylen + a.swklen + 1);
	ATF_REQUIRE(more != NULL);
	memcpy(more, a.key, a.keylen);
	ATF_CHECK_EQ(-1, answer_try(key, more, a.keylen + 1, a.swk,
	    a.swklen));
	memcpy(more, a.swk, a.swklen);
	ATF_CHECK_EQ(-1, answer_try(key, a.key, a.keylen, more,
	    a.swklen + 1));
	/* lengths that lie */
	memset(a.key + 8, 0xff, 4);
	ATF_CHECK_EQ(-1, answer_try(key, a.key, a.keylen, a.swk, a.swklen));
	memset(a.key + 8, 0, 4);
	ATF_CHECK_EQ(-1, answer_try(key, a.key, 24, a.swk, a.swklen));
	a.key[8] = 16;
	ATF_CHECK_EQ(-1, answer_try(key, a.key, 40, a.swk, a.swklen));
	free(more);
	EVP_PKEY_free(key);
	answer_free(&a);
}

ATF_TC_WITHOUT_HEAD(wrong_swk);
ATF_TC_BODY(wrong_swk, tc)
{
	static const char *const swks[] = { answer_short_swk, answer_sha1_swk };
	struct answer	 a;
	EVP_PKEY	*key;
	uint8_t		*swk;
	size_t		 i, len;

	key = key_read();
	answer_read(&a);
	for (i = 0; i < 2; i++) {
		swk = bytes_of(swks[i], &len);
		ATF_REQUIRE_EQ(RSA_LEN, len);
		ATF_CHECK_EQ_MSG(-1, answer_try(key, a.key, a.keylen, swk,
		    len), "%zu", i);
		free(swk);
	}
	EVP_PKEY_free(key);
	answer_free(&a);
}

ATF_TC_WITHOUT_HEAD(json_hostile);
ATF_TC_BODY(json_hostile, tc)
{
	static const char *const bad[] = {
		"", "{", "[]", "null", "{}", "\"x\"",
		"{\"wrapped_key\":\"AAAA\"}", "{\"wrapped_swk\":\"AAAA\"}",
		"{\"wrapped_key\":1,\"wrapped_swk\":\"AAAA\"}",
		"{\"wrapped_key\":null,\"wrapped_swk\":\"AAAA\"}",
		"{\"wrapped_key\":\"AAAA\",\"wrapped_swk\":\"\"}",
		"{\"wrapped_key\":\"AA=A\",\"wrapped_swk\":\"AAAA\"}",
		("{\"wrapped_key\":\"AAAA\",\"wrapped_key\":\"AAAA\","
		    "\"wrapped_swk\":\"AAAA\"}"),
		"{\"Wrapped_Key\":\"AAAA\",\"wrapped_swk\":\"AAAA\"}",
	};
	EVP_PKEY	*key;
	const char	*why;
	char		*text;
	uint8_t		*out = NULL;
	size_t		 i, len, outlen;

	key = key_read();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		ATF_CHECK_EQ_MSG(-1, unwrap_json(key, bad[i], strlen(bad[i]),
		    &out, &outlen, &why), "%s", bad[i]);
		ATF_CHECK(why != NULL);
	}
	text = answer_json();
	len = strlen(text);
	for (i = 0; i < len; i++)
		ATF_CHECK_EQ(-1, unwrap_json(key, text, i, &out,
		    &outlen, &why));
	ATF_CHECK(out == NULL);
	free(text);
	EVP_PKEY_free(key);
}

ATF_TC_WITHOUT_HEAD(held_data);
ATF_TC_BODY(held_data, tc)
{
	EVP_PKEY	*key;
	BIGNUM		*n = NULL;
	uint8_t		 tdx[HELD_MAX], sgx[HELD_MAX], raw[RSA_LEN];
	size_t		 i;

	key = key_read();
	ATF_REQUIRE_EQ(4 + RSA_LEN, keypair_held(key, TEE_TDX, tdx,
	    sizeof(tdx)));
	ATF_REQUIRE_EQ(4 + RSA_LEN, keypair_held(key, TEE_SGX, sgx,
	    sizeof(sgx)));
	ATF_REQUIRE_EQ(1, EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N,
	    &n));
	ATF_REQUIRE_EQ(RSA_LEN, BN_bn2binpad(n, raw, RSA_LEN));
	/* 65537, least byte first, for both */
	ATF_CHECK_EQ(0, memcmp(tdx, "\001\000\001\000", 4));
	ATF_CHECK_EQ(0, memcmp(sgx, "\001\000\001\000", 4));
	for (i = 0; i < RSA_LEN; i++) {
		ATF_REQUIRE_EQ(raw[i], tdx[4 + i]);
		ATF_REQUIRE_EQ(raw[RSA_LEN - 1 - i], sgx[4 + i]);
	}
	ATF_CHECK_EQ(-1, keypair_held(key, TEE_TDX, tdx, 4 + RSA_LEN - 1));
	BN_free(n);
	EVP_PKEY_free(key);
}

static EVP_PKEY *
rsa_make(unsigned int bits, unsigned long exponent)
{
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	EVP_PKEY	*key = NULL;
	BIGNUM		*e = BN_new();

	BN_set_word(e, exponent);
	ATF_REQUIRE_EQ(1, EVP_PKEY_keygen_init(ctx));
	ATF_REQUIRE_EQ(1, EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits));
	ATF_REQUIRE_EQ(1, EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e));
	ATF_REQUIRE_EQ(1, EVP_PKEY_keygen(ctx, &key));
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	return (key);
}

ATF_TC_WITHOUT_HEAD(key_files);
ATF_TC_BODY(key_files, tc)
{
	static const struct {
		unsigned int	 bits;
		unsigned long	 e;
		int		 good;
	} keys[] = {
		{ 2048, 65537, 0 },
		{ 2056, 65537, 1 },
		{ 2056, 3, 0 },
		{ 2056, 0xfffffffb, 1 },
	};
	struct stat	 sb;
	EVP_PKEY	*key, *back;
	char		 text[] = "text";
	size_t		 i;
	int		 fd;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		key = rsa_make(keys[i].bits, keys[i].e);
		ATF_CHECK_EQ_MSG(keys[i].good, keypair_check(key) == NULL,
		    "%u bits, e %lu", keys[i].bits, keys[i].e);
		EVP_PKEY_free(key);
	}
	key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	ATF_REQUIRE(key != NULL);
	ATF_CHECK(keypair_check(key) != NULL);
	EVP_PKEY_free(key);

	key = keypair_make();
	ATF_REQUIRE(key != NULL);
	ATF_CHECK_EQ(KEY_BITS, EVP_PKEY_get_bits(key));
	ATF_REQUIRE_EQ(0, keypair_save(key, "new.pem"));
	ATF_REQUIRE_EQ(0, stat("new.pem", &sb));
	ATF_CHECK_EQ(0600, sb.st_mode & 07777);
	/* never over one that is there */
	ATF_CHECK_EQ(-1, keypair_save(key, "new.pem"));
	back = keypair_load("new.pem");
	ATF_REQUIRE(back != NULL);
	ATF_CHECK_EQ(1, EVP_PKEY_eq(key, back));
	EVP_PKEY_free(back);
	EVP_PKEY_free(key);
	ATF_REQUIRE_EQ(0, chmod("new.pem", 0640));
	ATF_CHECK(keypair_load("new.pem") == NULL);
	ATF_CHECK(keypair_load("none.pem") == NULL);
	ATF_CHECK(keypair_load(".") == NULL);
	fd = open("text.pem", O_WRONLY | O_CREAT, 0600);
	ATF_REQUIRE(fd != -1);
	ATF_CHECK(keypair_load("text.pem") == NULL);	/* empty */
	ATF_REQUIRE_EQ(4, write(fd, text, 4));
	close(fd);
	ATF_CHECK(keypair_load("text.pem") == NULL);
}

ATF_TC_WITHOUT_HEAD(pem);
ATF_TC_BODY(pem, tc)
{
	PKCS8_PRIV_KEY_INFO	*p8;
	EVP_PKEY		*key;
	uint8_t			*der = NULL, *out;
	size_t			 outlen;
	int			 len;

	key = key_read();
	p8 = EVP_PKEY2PKCS8(key);
	ATF_REQUIRE(p8 != NULL);
	len = i2d_PKCS8_PRIV_KEY_INFO(p8, &der);
	ATF_REQUIRE(len > 0);
	ATF_REQUIRE_EQ(0, unwrap_pem(der, (size_t)len, &out, &outlen));
	/* byte for byte what the other implementation wrote */
	ATF_REQUIRE_EQ(sizeof(answer_pem) - 1, outlen);
	ATF_CHECK_EQ(0, memcmp(answer_pem, out, outlen));
	secret_free(out);
	ATF_CHECK_EQ(-1, unwrap_pem(der, (size_t)len - 1, &out, &outlen));
	ATF_CHECK_EQ(-1, unwrap_pem((const uint8_t *)"0123456789abcdef", 16,
	    &out, &outlen));
	ATF_CHECK_EQ(-1, unwrap_pem((const uint8_t *)answer_pem,
	    sizeof(answer_pem) - 1, &out, &outlen));
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(p8);
	EVP_PKEY_free(key);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, known_answer);
	ATF_TP_ADD_TC(tp, tampered);
	ATF_TP_ADD_TC(tp, wrong_swk);
	ATF_TP_ADD_TC(tp, json_hostile);
	ATF_TP_ADD_TC(tp, held_data);
	ATF_TP_ADD_TC(tp, key_files);
	ATF_TP_ADD_TC(tp, pem);
	return (atf_no_error());
}

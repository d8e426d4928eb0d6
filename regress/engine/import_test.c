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

/* Registered key material: what is taken, and all that must not be. */

#include <atf-c.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base64.h"
#include "engine.h"

static struct key_record
record(enum algorithm algorithm, uint16_t length, enum curve curve)
{
	struct key_record	 k;

	memset(&k, 0, sizeof(k));
	k.algorithm = (uint8_t)algorithm;
	k.length = length;
	k.curve = (uint8_t)curve;
	return (k);
}

static void
check_pkcs8(EVP_PKEY *pkey, const uint8_t *der, size_t len)
{
	PKCS8_PRIV_KEY_INFO	*p8;
	EVP_PKEY		*got;
	const uint8_t		*p = der;

	p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)len);
	ATF_REQUIRE(p8 != NULL && p == der + len);
	ATF_REQUIRE((got = EVP_PKCS82PKEY(p8)) != NULL);
	ATF_CHECK_EQ(1, EVP_PKEY_eq(got, pkey));
	EVP_PKEY_free(got);
	PKCS8_PRIV_KEY_INFO_free(p8);
}

/* NULL when it was taken, and is this key; else why not. */
static const char *
try(const struct key_record *k, const char *text, size_t len, EVP_PKEY *pkey)
{
	const char	*why;
	uint8_t		*out = NULL;
	size_t		 n = 0;

	why = import_key(k, (const uint8_t *)text, len, &out, &n);
	if (why != NULL) {
		ATF_CHECK(out == NULL);
		return (why);
	}
	ATF_REQUIRE(out != NULL);
	if (pkey != NULL)
		check_pkcs8(pkey, out, n);
	OPENSSL_secure_clear_free(out, n);
	return (NULL);
}

#define TAKEN(k, text, pkey)						\
	do {								\
		const char	*no = try(k, text, strlen(text), pkey);	\
		ATF_CHECK_MSG(no == NULL, "refused: %s", no);		\
	} while (0)
#define REFUSED(k, text, part)						\
	do {								\
		const char	*no = try(k, text, strlen(text), NULL);	\
		ATF_CHECK_MSG(no != NULL && strstr(no, part) != NULL,	\
		    "line %d: %s", __LINE__, no == NULL ? "taken" : no); \
	} while (0)

static char *
bio_text(BIO *bio)
{
	char	*p, *text;
	long	 len = BIO_get_mem_data(bio, &p);

	ATF_REQUIRE((text = strndup(p, (size_t)len)) != NULL);
	BIO_free(bio);
	return (text);
}

static char *
pkcs8(EVP_PKEY *pkey)
{
	BIO	*bio = BIO_new(BIO_s_mem());

	ATF_REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0,
	    NULL, NULL) == 1);
	return (bio_text(bio));
}

static char *
traditional(EVP_PKEY *pkey, int encrypted)
{
	static unsigned char	 word[] = "secret";
	BIO			*bio = BIO_new(BIO_s_mem());

	ATF_REQUIRE(PEM_write_bio_PrivateKey_traditional(bio, pkey,
	    encrypted ? EVP_aes_128_cbc() : NULL, encrypted ? word : NULL,
	    encrypted ? 6 : 0, NULL, NULL) == 1);
	return (bio_text(bio));
}

static char *
armour(const char *label, const uint8_t *der, size_t len)
{
	char	*body = malloc(BASE64_SIZE(len)), *text;

	ATF_REQUIRE(body != NULL &&
	    base64_encode(body, BASE64_SIZE(len), der, len) != -1);
	ATF_REQUIRE(asprintf(&text, "-----BEGIN %s-----\n%s\n-----END %s-----"
	    "\n", label, body, label) != -1);
	free(body);
	return (text);
}

static char *
replace(const char *text, const char *from, const char *to)
{
	const char	*p;
	char		*out;

	ATF_REQUIRE((p = strstr(text, from)) != NULL);
	ATF_REQUIRE(asprintf(&out, "%.*s%s%s", (int)(p - text), text, to,
	    p + strlen(from)) != -1);
	return (out);
}

ATF_TC_WITHOUT_HEAD(aes);
ATF_TC_BODY(aes, tc)
{
	static const uint16_t	 bits[] = { 128, 192, 256 };
	struct key_record	 k;
	uint8_t			 key[64], *out;
	size_t			 i, len, n;

	memset(key, 0x42, sizeof(key));
	for (i = 0; i < 3; i++) {
		k = record(ALG_AES, bits[i], CURVE_NONE);
		for (len = 0; len <= sizeof(key); len++) {
			if (import_key(&k, key, len, &out, &n) != NULL) {
				ATF_CHECK(len != bits[i] / 8U);
				continue;
			}
			ATF_CHECK_EQ(bits[i] / 8U, len);
			ATF_CHECK_EQ(len, n);
			ATF_CHECK(memcmp(out, key, n) == 0);
			OPENSSL_secure_clear_free(out, n);
		}
	}
}

ATF_TC_WITHOUT_HEAD(rsa);
ATF_TC_BODY(rsa, tc)
{
	struct key_record	 k = record(ALG_RSA, 2048, CURVE_NONE);
	struct key_record	 k3 = record(ALG_RSA, 3072, CURVE_NONE);
	struct key_record	 ec = record(ALG_EC, 256, CURVE_P256);
	EVP_PKEY		*pkey = EVP_RSA_gen(2048);
	EVP_PKEY		*odd = EVP_RSA_gen(2056);
	char			*text;

	text = pkcs8(pkey);
	TAKEN(&k, text, pkey);
	REFUSED(&k3, text, "length");
	REFUSED(&ec, text, "algorithm");
	free(text);
	text = traditional(pkey, 0);
	TAKEN(&k, text, pkey);
	REFUSED(&k3, text, "length");
	REFUSED(&ec, text, "algorithm");
	free(text);
	text = pkcs8(odd);
	REFUSED(&k, text, "length");
	free(text);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(odd);
}

ATF_TC_WITHOUT_HEAD(ec);
ATF_TC_BODY(ec, tc)
{
	static const struct {
		const char	*name;
		enum curve	 curve;
		uint16_t	 bits;
	} all[] = {
		{ "P-256", CURVE_P256, 256 },
		{ "P-384", CURVE_P384, 384 },
		{ "P-521", CURVE_P521, 521 },
		{ "secp256k1", CURVE_NONE, 0 },
		{ "brainpoolP256r1", CURVE_NONE, 0 },
	};
	struct key_record	 k, rsa = record(ALG_RSA, 2048, CURVE_NONE);
	EVP_PKEY		*pkey;
	char			*a, *b;
	size_t			 i, j;

	for (i = 0; i < 5; i++) {
		ATF_REQUIRE((pkey = EVP_EC_gen(all[i].name)) != NULL);
		a = pkcs8(pkey);
		b = traditional(pkey, 0);
		REFUSED(&rsa, a, "algorithm");
		REFUSED(&rsa, b, "algorithm");
		for (j = 0; j < 3; j++) {
			k = record(ALG_EC, all[j].bits, all[j].curve);
			if (i == j) {
				TAKEN(&k, a, pkey);
				TAKEN(&k, b, pkey);
			} else {
				REFUSED(&k, a, "key data");
				REFUSED(&k, b, "key data");
			}
		}
		free(a);
		free(b);
		EVP_PKEY_free(pkey);
	}
}

/* A curve is named; one that is spelled out may be any. */
ATF_TC_WITHOUT_HEAD(ec_explicit);
ATF_TC_BODY(ec_explicit, tc)
{
	struct key_record	 k = record(ALG_EC, 256, CURVE_P256);
	EVP_PKEY		*pkey = EVP_EC_gen("P-256");
	char			*a, *b;

	ATF_REQUIRE(EVP_PKEY_set_utf8_string_param(pkey,
	    OSSL_PKEY_PARAM_EC_ENCODING, "explicit") == 1);
	a = pkcs8(pkey);
	b = traditional(pkey, 0);
	REFUSED(&k, a, "curve");
	REFUSED(&k, b, "curve");
	free(a);
	free(b);
	EVP_PKEY_free(pkey);
}

ATF_TC_WITHOUT_HEAD(other_kinds);
ATF_TC_BODY(other_kinds, tc)
{
	static const int	 ids[] = { EVP_PKEY_ED25519, EVP_PKEY_X25519,
				    EVP_PKEY_RSA_PSS };
	struct key_record	 rsa = record(ALG_RSA, 2048, CURVE_NONE);
	struct key_record	 ec = record(ALG_EC, 256, CURVE_P256);
	EVP_PKEY_CTX		*ctx;
	EVP_PKEY		*pkey;
	BIO			*bio;
	char			*text;
	size_t			 i;

	for (i = 0; i < 3; i++) {
		pkey = NULL;
		ctx = EVP_PKEY_CTX_new_id(ids[i], NULL);
		ATF_REQUIRE(ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
		    EVP_PKEY_keygen(ctx, &pkey) == 1);
		text = pkcs8(pkey);
		REFUSED(&rsa, text, "algorithm");
		REFUSED(&ec, text, "algorithm");
		free(text);
		EVP_PKEY_CTX_free(ctx);
		EVP_PKEY_free(pkey);
	}
	/* a public key */
	pkey = EVP_RSA_gen(2048);
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PUBKEY(bio, pkey);
	text = bio_text(bio);
	REFUSED(&rsa, text, "not a PEM private key");
	free(text);
	EVP_PKEY_free(pkey);
}

ATF_TC_WITHOUT_HEAD(encrypted);
ATF_TC_BODY(encrypted, tc)
{
	struct key_record	 k = record(ALG_RSA, 2048, CURVE_NONE);
	EVP_PKEY		*pkey = EVP_RSA_gen(2048);
	BIO			*bio = BIO_new(BIO_s_mem());
	char			*text, word[] = "secret";

	ATF_REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio, pkey,
	    EVP_aes_128_cbc(), word, 6, NULL, NULL) == 1);
	text = bio_text(bio);
	REFUSED(&k, text, "encrypted");
	free(text);
	text = traditional(pkey, 1);
	REFUSED(&k, text, "encrypted");
	free(text);
	EVP_PKEY_free(pkey);
}

ATF_TC_WITHOUT_HEAD(armour_is_strict);
ATF_TC_BODY(armour_is_strict, tc)
{
	struct key_record	 k = record(ALG_EC, 256, CURVE_P256);
	EVP_PKEY		*pkey = EVP_EC_gen("P-256");
	static const struct {
		const char	*from, *to;
		int		 taken;
	} all[] = {
		{ "KEY-----\n", "KEY-----\r\n", 1 },
		{ "-----END PRIVATE KEY-----\n", "-----END PRIVATE KEY-----",
		    1 },
		{ "-----END PRIVATE KEY-----\n",
		    "-----END PRIVATE KEY-----\n\n\r\n", 1 },
		{ "-----BEGIN", "\n-----BEGIN", 0 },
		{ "-----BEGIN", "key:\n-----BEGIN", 0 },
		{ "-----BEGIN", "----BEGIN", 0 },
		{ "-----BEGIN PRIVATE", "-----BEGIN  PRIVATE", 0 },
		{ "BEGIN PRIVATE", "BEGIN EC PRIVATE", 0 },
		{ "END PRIVATE", "END EC PRIVATE", 0 },
		{ "-----END PRIVATE KEY-----", "", 0 },
		{ "-----END PRIVATE KEY-----\n",
		    "-----END PRIVATE KEY-----\nx", 0 },
		{ "-----END PRIVATE KEY-----\n",
		    "-----END PRIVATE KEY----- \n", 0 },
		{ "KEY-----\n", "KEY-----\n ", 0 },
		{ "KEY-----\n", "KEY-----\n=", 0 },
		{ "KEY-----\n", "KEY-----\nA", 0 },
		{ "KEY-----\n", "KEY-----\nA: b\n\n", 0 },
		{ "KEY-----\nM", "KEY-----\n-", 0 },
	};
	char			*text = pkcs8(pkey), *two, *other;
	size_t			 i, len;

	TAKEN(&k, text, pkey);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		other = replace(text, all[i].from, all[i].to);
		if (all[i].taken)
			TAKEN(&k, other, pkey);
		else
			REFUSED(&k, other, "key data");
		free(other);
	}
	/* the key twice; each length but the whole; nothing; a NUL */
	ATF_REQUIRE(asprintf(&two, "%s%s", text, text) != -1);
	REFUSED(&k, two, "behind");
	free(two);
	len = strlen(text);
	for (i = 0; i < len - 1; i++)
		ATF_CHECK(try(&k, text, i, NULL) != NULL);
	ATF_CHECK(try(&k, text, len + 1, NULL) != NULL);
	free(text);
	EVP_PKEY_free(pkey);
}

/* The DER within, cut and grown at each byte, and each byte changed. */
ATF_TC_WITHOUT_HEAD(der_is_strict);
ATF_TC_BODY(der_is_strict, tc)
{
	static const struct {
		const char	*label;
		int		 rsa;
	} all[] = {
		{ "PRIVATE KEY", 0 }, { "EC PRIVATE KEY", 0 },
		{ "PRIVATE KEY", 1 }, { "RSA PRIVATE KEY", 1 },
	};
	struct key_record	 k;
	EVP_PKEY		*pkey;
	uint8_t			*der, more[2048];
	char			*text;
	int			 len;
	size_t			 i, j, step;

	for (i = 0; i < 4; i++) {
		pkey = all[i].rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
		k = all[i].rsa ? record(ALG_RSA, 2048, CURVE_NONE) :
		    record(ALG_EC, 256, CURVE_P256);
		der = NULL;
		if (all[i].label[0] == 'P') {
			PKCS8_PRIV_KEY_INFO	*p8 = EVP_PKEY2PKCS8(pkey);

			len = i2d_PKCS8_PRIV_KEY_INFO(p8, &der);
			PKCS8_PRIV_KEY_INFO_free(p8);
		} else
			len = i2d_PrivateKey(pkey, &der);
		ATF_REQUIRE(len > 0 && len < 2000);
		text = armour(all[i].label, der, (size_t)len);
		TAKEN(&k, text, pkey);
		free(text);
		memcpy(more, der, (size_t)len);
		more[len] = 0;
		text = armour(all[i].label, more, (size_t)len + 1);
		REFUSED(&k, text, "key data");
		free(text);
		step = all[i].rsa ? 13 : 1;
		for (j = 1; j < (size_t)len; j += step) {
			text = armour(all[i].label, der, j);
			REFUSED(&k, text, "key data");
			free(text);
		}
		/* no number of an RSA key can change and fit the others */
		for (j = 0; j < (size_t)len; j += all[i].rsa ? 61 : 3) {
			more[j] ^= 0x41;
			text = armour(all[i].label, more, (size_t)len);
			if (try(&k, text, strlen(text), NULL) == NULL)
				ATF_CHECK_MSG(0, "changed byte %zu of %s is "
				    "taken", j, all[i].label);
			free(text);
			more[j] ^= 0x41;
		}
		OPENSSL_free(der);
		EVP_PKEY_free(pkey);
	}
}

/* RSAPrivateKey of these numbers. */
static char *
rsa_text(BIGNUM *const v[8], uint8_t version)
{
	static uint8_t	 buf[32768];
	uint8_t		 number[8192];
	struct derout	 o;
	int		 i, len;

	derout_init(&o, buf, sizeof(buf));
	for (i = 7; i >= 0; i--) {
		len = BN_bn2bin(v[i], number);
		derout_number(&o, number, (size_t)len);
	}
	derout_number(&o, &version, version != 0);
	derout_wrap(&o, DER_SEQUENCE, 0);
	ATF_REQUIRE(!o.failed);
	return (armour("RSA PRIVATE KEY", buf + o.left, derout_len(&o)));
}

/* What this process has computed, not what it has waited. */
static uint64_t
cpu_ms(void)
{
	struct timespec	 ts;

	ATF_REQUIRE_EQ(0, clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts));
	return ((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

/* Keys whose numbers do not fit each other, or take for ever to check. */
ATF_TC_WITHOUT_HEAD(rsa_numbers);
ATF_TC_BODY(rsa_numbers, tc)
{
	static const char *const names[8] = { OSSL_PKEY_PARAM_RSA_N,
	    OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
	    OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
	    OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
	    OSSL_PKEY_PARAM_RSA_COEFFICIENT1 };
	struct key_record	 k = record(ALG_RSA, 2048, CURVE_NONE);
	EVP_PKEY		*pkey = EVP_RSA_gen(2048);
	BIGNUM			*v[8] = { NULL }, *keep = BN_new(), *p1, *q1;
	BN_CTX			*ctx = BN_CTX_new();
	char			*text;
	uint64_t		 began;
	int			 i;

	for (i = 0; i < 8; i++)
		ATF_REQUIRE(EVP_PKEY_get_bn_param(pkey, names[i], &v[i]) ==
		    1);
	text = rsa_text(v, 0);
	TAKEN(&k, text, pkey);
	free(text);
	text = rsa_text(v, 1);		/* of more than two primes */
	REFUSED(&k, text, "malformed");
	free(text);
	for (i = 0; i < 8; i++) {
		ATF_REQUIRE(BN_copy(keep, v[i]) != NULL);
		BN_add_word(v[i], 2);
		text = rsa_text(v, 0);
		REFUSED(&k, text, "not valid");
		free(text);
		BN_zero(v[i]);
		text = rsa_text(v, 0);
		REFUSED(&k, text, "key data");
		free(text);
		/* 24000 bits that might be prime */
		began = cpu_ms();
		BN_set_bit(v[i], 24000);
		BN_set_bit(v[i], 0);
		text = rsa_text(v, 0);
		REFUSED(&k, text, "key data");
		ATF_CHECK(cpu_ms() - began < 500);
		free(text);
		BN_copy(v[i], keep);
	}
	/* e of 1, and an even one */
	BN_copy(keep, v[1]);
	BN_set_word(v[1], 1);
	text = rsa_text(v, 0);
	REFUSED(&k, text, "not valid");
	free(text);
	BN_set_word(v[1], 65538);
	text = rsa_text(v, 0);
	REFUSED(&k, text, "not valid");
	free(text);
	BN_copy(v[1], keep);
	/* d by (p - 1)(q - 1), as older libraries made it, is right too */
	p1 = BN_dup(v[3]);
	q1 = BN_dup(v[4]);
	BN_sub_word(p1, 1);
	BN_sub_word(q1, 1);
	BN_mul(keep, p1, q1, ctx);
	ATF_REQUIRE(BN_mod_inverse(v[2], v[1], keep, ctx) != NULL);
	text = rsa_text(v, 0);
	TAKEN(&k, text, NULL);
	free(text);
	for (i = 0; i < 8; i++)
		BN_free(v[i]);
	BN_free(keep);
	BN_free(p1);
	BN_free(q1);
	BN_CTX_free(ctx);
	EVP_PKEY_free(pkey);
}

/* Numbers of private keys on a curve that can't be. */
ATF_TC_WITHOUT_HEAD(ec_numbers);
ATF_TC_BODY(ec_numbers, tc)
{
	static const uint8_t	 oid[] = { 0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86,
				    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
	/* the order of P-256, and one more, one less (FIPS 186-4) */
	static const char *const numbers[] = {
		"00",
		"0000000000000000000000000000000000000000000000000000000000"
		"000000",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc"
		"632551",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc"
		"632552",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc"
		"63255000",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc"
		"632550",
	};
	struct key_record	 k = record(ALG_EC, 256, CURVE_P256);
	uint8_t			 buf[256], d[64], version = 1;
	struct derout		 o;
	ssize_t			 n;
	char			*text;
	size_t			 i, end;

	for (i = 0; i < 6; i++) {
		n = hex_decode(d, sizeof(d), numbers[i], strlen(numbers[i]));
		ATF_REQUIRE(n > 0);
		derout_init(&o, buf, sizeof(buf));
		derout_raw(&o, oid, sizeof(oid));
		end = derout_len(&o);
		derout_raw(&o, d, (size_t)n);
		derout_wrap(&o, DER_OCTETS, end);
		derout_number(&o, &version, 1);
		derout_wrap(&o, DER_SEQUENCE, 0);
		text = armour("EC PRIVATE KEY", buf + o.left, derout_len(&o));
		if (i == 5)
			TAKEN(&k, text, NULL);
		else
			REFUSED(&k, text, "key data");
		free(text);
	}
}

ATF_TC_WITHOUT_HEAD(der);
ATF_TC_BODY(der, tc)
{
	static const struct {
		const char	*hex;
		int		 ok;
		size_t		 len;
	} all[] = {
		{ "020100", 1, 0 }, { "020101", 1, 1 }, { "02017f", 1, 1 },
		{ "020180", 0, 0 }, { "02020080", 1, 1 },
		{ "0202007f", 0, 0 }, { "02020000", 0, 0 }, { "0200", 0, 0 },
		{ "02", 0, 0 }, { "0201", 0, 0 }, { "02810101", 0, 0 },
		{ "0280", 0, 0 }, { "0282000101", 0, 0 }, { "040101", 0, 0 },
		{ "02847fffffff00", 0, 0 }, { "0283ffffff00", 0, 0 },
		{ "02ff", 0, 0 }, { "0203010203", 1, 3 },
	};
	uint8_t		 buf[16], out[400], big[300];
	struct der	 d, number, body;
	struct derout	 o;
	ssize_t		 n;
	size_t		 i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		n = hex_decode(buf, sizeof(buf), all[i].hex,
		    strlen(all[i].hex));
		der_init(&d, buf, (size_t)n);
		ATF_CHECK_EQ_MSG(all[i].ok ? 0 : -1, der_number(&d, &number),
		    "%s", all[i].hex);
		if (all[i].ok) {
			ATF_CHECK_EQ(all[i].len, number.left);
			ATF_CHECK_EQ(0, d.left);
		}
	}
	/* what is written is read, at each length of a length */
	memset(big, 0x81, sizeof(big));
	for (i = 1; i < sizeof(big); i++) {
		derout_init(&o, out, sizeof(out));
		derout_number(&o, big, i);
		derout_wrap(&o, DER_SEQUENCE, 0);
		ATF_REQUIRE(!o.failed);
		der_init(&d, out + o.left, derout_len(&o));
		ATF_REQUIRE_EQ(0, der_get(&d, DER_SEQUENCE, &body));
		ATF_REQUIRE_EQ(0, der_number(&body, &number));
		ATF_CHECK(d.left == 0 && body.left == 0);
		ATF_CHECK(der_equals(&number, big, i));
	}
	/* no room */
	derout_init(&o, out, 10);
	derout_number(&o, big, 20);
	ATF_CHECK(o.failed);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, aes);
	ATF_TP_ADD_TC(tp, rsa);
	ATF_TP_ADD_TC(tp, ec);
	ATF_TP_ADD_TC(tp, ec_explicit);
	ATF_TP_ADD_TC(tp, other_kinds);
	ATF_TP_ADD_TC(tp, encrypted);
	ATF_TP_ADD_TC(tp, armour_is_strict);
	ATF_TP_ADD_TC(tp, der_is_strict);
	ATF_TP_ADD_TC(tp, rsa_numbers);
	ATF_TP_ADD_TC(tp, ec_numbers);
	ATF_TP_ADD_TC(tp, der);
	return (atf_no_error());
}

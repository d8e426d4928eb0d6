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

/* Wrapping keys as bytes, and the quotes that vouch for them. */
#include <fcntl.h>
#include <limits.h>
#include <openssl/ui.h>
#include <unistd.h>

#include "mint.h"

static char	 why[WHY_MAX];

/* LE32(e) || n of this many bits, both ends as wanted. */
static size_t
held_make(uint8_t *held, uint32_t e, size_t bits, int odd, uint8_t tee)
{
	size_t	 i, len = (bits + 7) / 8;
	uint8_t	*n = held + 4, swap;

	for (i = 0; i < 4; i++)
		held[i] = (uint8_t)(e >> (8 * i));
	memset(n, 0x5a, len);
	n[0] = (uint8_t)(1 << ((bits - 1) % 8));
	n[len - 1] = odd ? 0x5b : 0x5a;
	for (i = 0; tee == TEE_SGX && i < len / 2; i++) {
		swap = n[i];
		n[i] = n[len - 1 - i];
		n[len - 1 - i] = swap;
	}
	return (len + 4);
}

ATF_TC_WITHOUT_HEAD(held);
ATF_TC_BODY(held, tc)
{
	static const struct {
		uint32_t	 e;
		size_t		 bits;
		int		 odd, good;
	} cases[] = {
		{ 65537, 3072, 1, 1 }, { 65537, 2049, 1, 1 },
		{ 65537, 4096, 1, 1 }, { 65537, 8192, 1, 1 },
		{ 65539, 3072, 1, 1 }, { 0xffffffff, 3072, 1, 1 },
		{ 0, 3072, 1, 0 }, { 1, 3072, 1, 0 }, { 2, 3072, 1, 0 },
		{ 3, 3072, 1, 0 }, { 17, 3072, 1, 0 }, { 65535, 3072, 1, 0 },
		{ 65536, 3072, 1, 0 }, { 65538, 3072, 1, 0 },
		{ 65537, 3072, 0, 0 },		/* n even */
		{ 65537, 512, 1, 0 }, { 65537, 1024, 1, 0 },
		{ 65537, 2047, 1, 0 }, { 65537, 2048, 1, 0 },
		{ 65537, 8193, 1, 0 }, { 65537, 16384, 1, 0 },
	};
	static const uint8_t tees[] = { TEE_SGX, TEE_TDX };
	struct wrapping	 w;
	uint8_t		 data[4096];
	size_t		 i, len, t;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (t = 0; t < 2; t++) {
			len = held_make(data, cases[i].e, cases[i].bits,
			    cases[i].odd, tees[t]);
			ATF_CHECK_EQ_MSG(binding_held(&w, data, len, tees[t],
			    why, sizeof(why)) == 0, cases[i].good,
			    "e %u, %zu bits", cases[i].e, cases[i].bits);
			if (!cases[i].good)
				continue;
			ATF_CHECK_EQ(w.nlen, (cases[i].bits + 7) / 8);
			ATF_CHECK_EQ(w.n[w.nlen - 1], 0x5b);
			ATF_CHECK(w.n[0] != 0);
			ATF_CHECK(w.e[0] != 0);
		}
	}
	for (i = 0; i <= 4; i++)
		ATF_CHECK(binding_held(&w, data, i, TEE_TDX, why,
		    sizeof(why)) == -1);
}

/* Zeros in front are no bits; the byte order is the TEE's. */
ATF_TC_WITHOUT_HEAD(zeros);
ATF_TC_BODY(zeros, tc)
{
	struct wrapping	 a, b;
	uint8_t		 plain[1024], padded[1024];
	size_t		 len;

	len = held_make(plain, 65537, 3072, 1, TEE_TDX);
	memcpy(padded, plain, 4);
	memset(padded + 4, 0, 8);
	memcpy(padded + 12, plain + 4, len - 4);
	ATF_REQUIRE(binding_held(&a, plain, len, TEE_TDX, why,
	    sizeof(why)) == 0);
	ATF_REQUIRE(binding_held(&b, padded, len + 8, TEE_TDX, why,
	    sizeof(why)) == 0);
	ATF_CHECK(binding_same(&a, &b));
	ATF_CHECK_EQ(a.elen, 3);
	ATF_CHECK(memcmp(a.e, "\x01\x00\x01", 3) == 0);
	len = held_make(plain, 65537, 2048, 1, TEE_TDX);
	memset(padded, 0, sizeof(padded));
	memcpy(padded, plain, 4);
	memcpy(padded + 12, plain + 4, len - 4);
	ATF_CHECK(binding_held(&b, padded, len + 8, TEE_TDX, why,
	    sizeof(why)) == -1);
	memset(padded + 4, 0, sizeof(padded) - 4);
	ATF_CHECK(binding_held(&b, padded, sizeof(padded), TEE_TDX, why,
	    sizeof(why)) == -1);
	len = held_make(plain, 65537, 3072, 1, TEE_SGX);
	ATF_REQUIRE(binding_held(&b, plain, len, TEE_SGX, why,
	    sizeof(why)) == 0);
	ATF_CHECK(binding_same(&a, &b));
}

static int
runtime(const char *json, struct wrapping *w)
{
	struct claims	 c;
	int		 rc;

	memset(&c, 0, sizeof(c));
	c.tee = TEE_TDX;
	c.runtime = json_loads(json, JSON_DECODE_ANY, NULL);
	rc = binding_claims(w, &c, why, sizeof(why));
	json_decref(c.runtime);
	return (rc);
}

ATF_TC_WITHOUT_HEAD(runtime_data);
ATF_TC_BODY(runtime_data, tc)
{
	EVP_PKEY	*key = mint_rsa(3072), *small = mint_rsa(2048);
	json_t		*j = json_object();
	struct wrapping	 a, b;
	char		*text, *b64, *quoted;
	static const char *const bad[] = { "{}", "1", "null", "[]", "\"\"",
	    "\"e30=\"", "\"!!\"", "{\"tee-pubkey\":1}",
	    "{\"tee-pubkey\":{\"kty\":\"EC\",\"n\":\"AQ\",\"e\":\"AQAB\"}}",
	    "{\"tee-pubkey\":{\"kty\":\"RSA\",\"n\":\"AQ\",\"e\":\"AQAB\"}}",
	    "{\"tee-pubkey\":{\"kty\":\"RSA\",\"e\":\"AQAB\"}}" };
	size_t		 i;

	json_object_set_new(j, "tee-pubkey", mint_jwk(key, NULL, NULL, NULL,
	    0));
	text = json_dumps(j, JSON_COMPACT);
	ATF_REQUIRE_MSG(runtime(text, &a) == 0, "%s", why);
	ATF_CHECK_EQ(a.nlen, 384);
	b64 = mint_b64(text, strlen(text), 0);
	ATF_REQUIRE(asprintf(&quoted, "\"%s\"", b64) > 0);
	ATF_REQUIRE_MSG(runtime(quoted, &b) == 0, "%s", why);
	ATF_CHECK(binding_same(&a, &b));
	json_object_set_new(j, "tee-pubkey", mint_jwk(small, NULL, NULL,
	    NULL, 0));
	text = json_dumps(j, JSON_COMPACT);
	ATF_CHECK(runtime(text, &a) == -1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(runtime(bad[i], &a) == -1, "%s", bad[i]);
}

/* --- quotes ------------------------------------------------------------ */

/* A body of zeros with what the tests look at; version 4, or 3 for SGX. */
static size_t
quote_make(uint8_t *q, uint8_t tee, const uint8_t *report)
{
	size_t	 body = tee == TEE_SGX ? 384 : 584;

	mint_quote(q, tee == TEE_SGX ? 3 : 4, tee);
	memset(q + 48, 0, body + 4);
	if (report != NULL)
		memcpy(q + 48 + (tee == TEE_SGX ? 320 : 520), report, 64);
	return (48 + body + 4);
}

/* Whoever would ask for a passphrase opens a terminal first. */
static int	 asked;

static int
terminal(UI *ui UNUSED)
{
	asked++;
	return (0);
}

static const char encrypted[] = "-----BEGIN CERTIFICATE-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
    "AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n";

/* A quote whose author says that its PCK certificate is encrypted. */
ATF_TC_WITHOUT_HEAD(passphrase);
ATF_TC_BODY(passphrase, tc)
{
	UI_METHOD	*method = UI_create_method("terminal");
	struct roots	 roots;
	struct quote	 q;
	struct claim_bytes fmspc;
	uint8_t		 data[2048], *p;
	size_t		 len = sizeof(encrypted) - 1, sig;

	UI_method_set_opener(method, terminal);
	UI_set_default_method(method);
	memset(data, 0, sizeof(data));
	sig = quote_make(data, TEE_TDX, NULL);
	p = data + sig + 128;		/* behind signature and key */
	p[0] = 6;
	p += 6 + 384 + 64 + 2;		/* QE report, its signature, no data */
	p[0] = 5;
	p[2] = (uint8_t)len;
	memcpy(p + 6, encrypted, len);
	data[sig - 4] = (uint8_t)(p + 6 + len - data - sig);
	data[sig - 3] = (uint8_t)((size_t)(p + 6 + len - data - sig) >> 8);
	ATF_REQUIRE(quote_read(&q, data, (size_t)(p + 6 + len - data), why,
	    sizeof(why)) == 0);
	quote_fmspc(&fmspc, data, (size_t)(p + 6 + len - data));
	ATF_CHECK(!fmspc.has);
	ATF_CHECK(roots_read(&roots, encrypted, len, why, sizeof(why)) == -1);
	ATF_CHECK_EQ(0, asked);
	UI_destroy_method(method);
}

ATF_TC_WITHOUT_HEAD(quote);
ATF_TC_BODY(quote, tc)
{
	struct quote	 q;
	struct claim_bytes fmspc;
	uint8_t		 data[1024], *copy;
	size_t		 i, len;

	len = quote_make(data, TEE_TDX, NULL);
	ATF_REQUIRE(quote_read(&q, data, len, why, sizeof(why)) == 0);
	ATF_CHECK(q.tee == TEE_TDX && !q.debug && !q.reserved);
	quote_fmspc(&fmspc, data, len);
	ATF_CHECK(!fmspc.has);
	for (i = 0; i < 8; i++) {
		data[48 + 120] = (uint8_t)(1 << i);
		ATF_REQUIRE(quote_read(&q, data, len, why,
		    sizeof(why)) == 0);
		ATF_CHECK_EQ(q.debug, i == 0);
		ATF_CHECK_EQ(q.reserved, i != 0);
	}
	for (i = 0; i < 48 + 584; i++) {
		ATF_REQUIRE((copy = malloc(i + 1)) != NULL);
		memcpy(copy, data, i);
		ATF_CHECK(quote_read(&q, copy, i, why, sizeof(why)) == -1);
		free(copy);
	}
	len = quote_make(data, TEE_SGX, NULL);
	ATF_REQUIRE(quote_read(&q, data, len, why, sizeof(why)) == 0);
	ATF_CHECK(q.tee == TEE_SGX && !q.debug);
	data[48 + 48] = 0x02;
	ATF_REQUIRE(quote_read(&q, data, len, why, sizeof(why)) == 0);
	ATF_CHECK(q.debug);
	/* versions, key types, TEE types and bodies that there are not */
	for (i = 0; i < 256; i++) {
		(void)quote_make(data, TEE_SGX, NULL);
		data[0] = (uint8_t)i;
		if (i < 3 || i > 5)
			ATF_CHECK(quote_read(&q, data, len, why,
			    sizeof(why)) == -1);
		(void)quote_make(data, TEE_SGX, NULL);
		data[2] = (uint8_t)i;
		ATF_CHECK_EQ(quote_read(&q, data, len, why, sizeof(why)),
		    i == 2 ? 0 : -1);
		(void)quote_make(data, TEE_SGX, NULL);
		data[4] = (uint8_t)i;
		ATF_CHECK_EQ(quote_read(&q, data, len, why, sizeof(why)),
		    i == 0 ? 0 : -1);
	}
}

ATF_TC_WITHOUT_HEAD(report);
ATF_TC_BODY(report, tc)
{
	struct evidence	 e = { .has_nonce = 1,
	    .nonce_val = (const uint8_t *)"val", .nonce_vallen = 3,
	    .nonce_iat = (const uint8_t *)"iat", .nonce_iatlen = 3,
	    .nonce_sig = (const uint8_t *)"sig", .nonce_siglen = 3,
	    .user_data = (const uint8_t *)"data", .user_datalen = 4 };
	struct evidence	 wrong;
	struct quote	 q;
	uint8_t		 data[1024], hash[64] = { 0 };
	size_t		 len;
	int		 i;

	EVP_Digest("valiatdata", 10, hash, NULL, EVP_sha512(), NULL);
	len = quote_make(data, TEE_TDX, hash);
	ATF_REQUIRE(quote_read(&q, data, len, why, sizeof(why)) == 0);
	ATF_CHECK(quote_binds(&q, &e));
	wrong = e;
	wrong.user_datalen = 3;
	ATF_CHECK(!quote_binds(&q, &wrong));
	wrong = e;
	wrong.nonce_vallen = 0;
	ATF_CHECK(!quote_binds(&q, &wrong));
	for (i = 0; i < 64; i++) {
		data[48 + 520 + i] ^= 1;
		ATF_CHECK(!quote_binds(&q, &e));
		data[48 + 520 + i] ^= 1;
	}
	memset(hash, 0, sizeof(hash));
	EVP_Digest("data", 4, hash, NULL, EVP_sha256(), NULL);
	len = quote_make(data, TEE_SGX, hash);
	ATF_REQUIRE(quote_read(&q, data, len, why, sizeof(why)) == 0);
	ATF_CHECK(!quote_binds(&q, &e));
	memset(&wrong, 0, sizeof(wrong));
	wrong.user_data = e.user_data;
	wrong.user_datalen = 4;
	ATF_CHECK(quote_binds(&q, &wrong));
	data[48 + 320 + 31] ^= 0x80;
	ATF_CHECK(!quote_binds(&q, &wrong));
}

/* What a quote says and what is said about it. */
ATF_TC_WITHOUT_HEAD(differs);
ATF_TC_BODY(differs, tc)
{
	struct quote	 q;
	struct claims	 c;
	uint8_t		 data[1024];
	size_t		 len;

	memset(&c, 0, sizeof(c));
	len = quote_make(data, TEE_TDX, NULL);
	data[48] = 7;			/* minor */
	data[49] = 1;			/* major */
	memset(data + 48 + 136, 0xaa, 48);
	ATF_REQUIRE(quote_read(&q, data, len, why, sizeof(why)) == 0);
	ATF_CHECK(quote_differs(&q, &c) == NULL);
	c.svn.has = 1;
	c.svn.v = 263;
	c.mrtd.has = 1;
	memset(c.mrtd.b, 0xaa, 48);
	ATF_CHECK(quote_differs(&q, &c) == NULL);
	c.mrtd.b[47] = 0xab;
	ATF_REQUIRE(quote_differs(&q, &c) != NULL);
	ATF_CHECK_STREQ(quote_differs(&q, &c)->claim, "tdx_mrtd");
	c.mrtd.has = 0;
	c.svn.v = 7;
	ATF_REQUIRE(quote_differs(&q, &c) != NULL);
	ATF_CHECK_STREQ(quote_differs(&q, &c)->claim, "tdx_seamsvn");
}

static void
file_read(const char *name, uint8_t **data, size_t *len)
{
	const char	*shared = getenv("KBSD_SHARED");
	char		 path[PATH_MAX];
	ssize_t		 n;
	int		 fd;

	if (shared == NULL)
		shared = "../shared";
	snprintf(path, sizeof(path), "%s/data/dcap/%s", shared, name);
	if ((fd = open(path, O_RDONLY)) == -1)
		atf_tc_skip("%s is not there: set KBSD_SHARED", path);
	ATF_REQUIRE((*data = malloc(1 << 16)) != NULL);
	ATF_REQUIRE((n = read(fd, *data, 1 << 16)) > 0);
	*len = (size_t)n;
	close(fd);
}

ATF_TC_WITHOUT_HEAD(genuine);
ATF_TC_BODY(genuine, tc)
{
	static const struct {
		const char	*name;
		uint8_t		 tee;
		int		 debug;
		uint8_t		 fmspc[6];
	} cases[] = {
		{ "real/quotes/sgx-v3-00906e-mct.dat", TEE_SGX, -1,
		    { 0x00, 0x90, 0x6e, 0xd5, 0x00, 0x00 } },
		{ "real/quotes/sgx-v3-00a067-qvl.dat", TEE_SGX, 0,
		    { 0x00, 0xa0, 0x67, 0x11, 0x00, 0x00 } },
		{ "real/quotes/sgx-v3-00a067-qvl-sgx-debug.dat", TEE_SGX, 1,
		    { 0x00, 0xa0, 0x67, 0x11, 0x00, 0x00 } },
		{ "real/quotes/tdx-v4-b0c06f-qvl.dat", TEE_TDX, 0,
		    { 0xb0, 0xc0, 0x6f, 0x00, 0x00, 0x00 } },
		{ "real/quotes/tdx-v4-b0c06f-qvl-td-debug.dat", TEE_TDX, 1,
		    { 0xb0, 0xc0, 0x6f, 0x00, 0x00, 0x00 } },
		{ "real/quotes/tdx-v5-90c06f.dat", TEE_TDX, 0,
		    { 0x90, 0xc0, 0x6f, 0x00, 0x00, 0x00 } },
	};
	struct quote	 q;
	struct claim_bytes fmspc;
	uint8_t		*data, *copy;
	size_t		 cut, i, len;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file_read(cases[i].name, &data, &len);
		ATF_REQUIRE_MSG(quote_read(&q, data, len, why,
		    sizeof(why)) == 0, "%s: %s", cases[i].name, why);
		ATF_CHECK_EQ(q.tee, cases[i].tee);
		if (cases[i].debug != -1)
			ATF_CHECK_EQ_MSG(q.debug, cases[i].debug, "%s",
			    cases[i].name);
		quote_fmspc(&fmspc, data, len);
		ATF_CHECK_MSG(fmspc.has && memcmp(fmspc.b, cases[i].fmspc,
		    6) == 0, "%s", cases[i].name);
		for (cut = 0; cut < len; cut += 97) {
			ATF_REQUIRE((copy = malloc(cut + 1)) != NULL);
			memcpy(copy, data, cut);
			(void)quote_read(&q, copy, cut, why, sizeof(why));
			quote_fmspc(&fmspc, copy, cut);
			free(copy);
		}
		free(data);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, held);
	ATF_TP_ADD_TC(tp, zeros);
	ATF_TP_ADD_TC(tp, runtime_data);
	ATF_TP_ADD_TC(tp, quote);
	ATF_TP_ADD_TC(tp, passphrase);
	ATF_TP_ADD_TC(tp, report);
	ATF_TP_ADD_TC(tp, differs);
	ATF_TP_ADD_TC(tp, genuine);
	return (atf_no_error());
}

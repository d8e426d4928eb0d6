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

/* Compact JWS: what is taken, and everything that is not. */
#include "mint.h"

static struct jws	 jws;
static char		 why[WHY_MAX];

static int
take(const char *text)
{
	why[0] = '\0';
	return (jws_read(&jws, text, strlen(text), why, sizeof(why)));
}

static int
take_header(const char *header)
{
	char	*h = mint_b64(header, strlen(header), 1), *text;
	int	 rc;

	ATF_REQUIRE(asprintf(&text, "%s.e30.AAAA", h) > 0);
	rc = take(text);
	free(text);
	free(h);
	return (rc);
}

ATF_TC_WITHOUT_HEAD(good);
ATF_TC_BODY(good, tc)
{
	static const struct {
		const char	*alg, *curve;
	} cases[] = {
		{ "PS384", NULL }, { "RS256", NULL }, { "PS256", NULL },
		{ "ES256", "P-256" }, { "ES384", "P-384" },
	};
	EVP_PKEY	*rsa = mint_rsa(2048), *key;
	char		*token, *payload;
	enum jws_alg	 alg;
	size_t		 i, len;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		key = cases[i].curve != NULL ? mint_ec(cases[i].curve) : rsa;
		alg = jws_alg_parse(cases[i].alg);
		ATF_REQUIRE(alg != JWS_NONE);
		token = mint_token(key, cases[i].alg, "k", "{\"a\":1}");
		ATF_REQUIRE_MSG(take(token) == 0, "%s", why);
		ATF_CHECK(jws.alg == alg);
		ATF_CHECK_STREQ(jws.kid, "k");
		ATF_CHECK_MSG(jws_verify(&jws, alg, key) == 0, "%s",
		    cases[i].alg);
		payload = jws_payload(&jws, &len);
		ATF_REQUIRE(payload != NULL && len == 7);
		ATF_CHECK(memcmp(payload, "{\"a\":1}", 7) == 0);
		free(payload);
		/* one bit of the payload */
		token[strchr(token, '.') - token + 3] ^= 1;
		if (take(token) == 0)
			ATF_CHECK(jws_verify(&jws, alg, key) == -1);
		free(token);
	}
}

ATF_TC_WITHOUT_HEAD(algorithm);
ATF_TC_BODY(algorithm, tc)
{
	static const char *const names[] = { "none", "None", "NONE", "",
	    "HS256", "HS384", "ps384", "RS1", "RS512", "ES512", "EdDSA" };
	EVP_PKEY	*key = mint_rsa(2048), *ec = mint_ec("P-256");
	char		 header[128], *token;
	size_t		 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(header, sizeof(header),
		    "{\"alg\":\"%s\",\"kid\":\"k\"}", names[i]);
		ATF_CHECK_MSG(take_header(header) == -1, "%s", names[i]);
	}
	ATF_CHECK(take_header("{\"kid\":\"k\"}") == -1);
	ATF_CHECK(take_header("{\"alg\":null,\"kid\":\"k\"}") == -1);
	ATF_CHECK(take_header("{\"alg\":[\"PS384\"],\"kid\":\"k\"}") == -1);
	/* the key's alg decides, whatever the header says */
	token = mint_token(key, "RS256", "k", "{}");
	ATF_REQUIRE(take(token) == 0);
	ATF_CHECK(jws_verify(&jws, JWS_PS384, key) == -1);
	ATF_CHECK(jws_verify(&jws, JWS_PS256, key) == -1);
	ATF_CHECK(jws_verify(&jws, JWS_NONE, key) == -1);
	jws.alg = JWS_PS384;
	ATF_CHECK(jws_verify(&jws, JWS_PS384, key) == -1);
	jws.alg = JWS_RS256;
	ATF_CHECK(jws_verify(&jws, JWS_RS256, ec) == -1);
	ATF_CHECK(jws_verify(&jws, JWS_RS256, key) == 0);
	jws.alg = JWS_ES256;
	ATF_CHECK(jws_verify(&jws, JWS_ES256, key) == -1);
	free(token);
}

/* HS256 with the public key as its secret, and no signature at all. */
ATF_TC_WITHOUT_HEAD(confusion);
ATF_TC_BODY(confusion, tc)
{
	EVP_PKEY	*key = mint_rsa(2048);
	BIO		*bio = BIO_new(BIO_s_mem());
	char		*pem, *token, *s;
	unsigned char	 mac[32];
	unsigned int	 maclen;
	long		 n;

	ATF_REQUIRE(PEM_write_bio_PUBKEY(bio, key) == 1);
	n = BIO_get_mem_data(bio, &pem);
	token = mint_jws(NULL, "", "{\"alg\":\"HS256\",\"kid\":\"k\"}", "{}");
	token[strlen(token) - 1] = '\0';
	HMAC(EVP_sha256(), pem, (int)n, (unsigned char *)token,
	    strlen(token), mac, &maclen);
	s = mint_b64(mac, sizeof(mac), 1);
	strlcat(token, ".", strlen(token) + 4000);
	strlcat(token, s, strlen(token) + 4000);
	ATF_CHECK(take(token) == -1);
	free(token);
	token = mint_jws(NULL, "", "{\"alg\":\"PS384\",\"kid\":\"k\"}", "{}");
	ATF_CHECK(take(token) == -1);
	free(token);
	free(s);
	BIO_free(bio);
}

ATF_TC_WITHOUT_HEAD(pss_salt);
ATF_TC_BODY(pss_salt, tc)
{
	EVP_PKEY	*key = mint_rsa(2048);
	static const int salts[] = { 0, 20, 47, 49, RSA_PSS_SALTLEN_MAX };
	char		*token;
	size_t		 i;

	token = mint_token(key, "PS384", "k", "{}");
	for (i = 0; i < sizeof(salts) / sizeof(salts[0]); i++) {
		ATF_REQUIRE(take(token) == 0);
		*strrchr(token, '.') = '\0';
		jws.siglen = mint_sign(key, "PS384", salts[i], token,
		    jws.sig, sizeof(jws.sig));
		token[strlen(token)] = '.';
		ATF_CHECK_MSG(jws_verify(&jws, JWS_PS384, key) == -1,
		    "salt %d", salts[i]);
	}
	free(token);
}

ATF_TC_WITHOUT_HEAD(signature_length);
ATF_TC_BODY(signature_length, tc)
{
	EVP_PKEY	*rsa = mint_rsa(2048), *ec = mint_ec("P-256");
	char		*token;

	token = mint_token(rsa, "PS384", "k", "{}");
	ATF_REQUIRE(take(token) == 0);
	jws.siglen--;
	ATF_CHECK(jws_verify(&jws, JWS_PS384, rsa) == -1);
	jws.siglen += 2;
	ATF_CHECK(jws_verify(&jws, JWS_PS384, rsa) == -1);
	free(token);
	token = mint_token(ec, "ES256", "k", "{}");
	ATF_REQUIRE(take(token) == 0);
	ATF_CHECK(jws_verify(&jws, JWS_ES256, ec) == 0);
	jws.siglen = 63;
	ATF_CHECK(jws_verify(&jws, JWS_ES256, ec) == -1);
	jws.siglen = 96;
	ATF_CHECK(jws_verify(&jws, JWS_ES256, ec) == -1);
	jws.siglen = 64;
	memset(jws.sig, 0, 64);		/* r = s = 0 */
	ATF_CHECK(jws_verify(&jws, JWS_ES256, ec) == -1);
	free(token);
}

ATF_TC_WITHOUT_HEAD(header);
ATF_TC_BODY(header, tc)
{
	static const char *const bad[] = {
		"{\"alg\":\"PS384\",\"kid\":\"k\",\"crit\":[\"x\"],\"x\":1}",
		"{\"alg\":\"PS384\",\"kid\":\"k\",\"crit\":[]}",
		"{\"alg\":\"PS384\",\"kid\":\"k\",\"crit\":null}",
		"{\"alg\":\"PS384\",\"kid\":\"k\",\"b64\":false}",
		"{\"alg\":\"PS384\",\"kid\":\"k\",\"typ\":\"at+jwt\"}",
		"{\"alg\":\"PS384\",\"kid\":\"k\",\"typ\":1}",
		"{\"alg\":\"PS384\",\"kid\":\"k\",\"typ\":\"dpop+jwt\"}",
		"{\"alg\":\"PS384\",\"kid\":\"\"}",
		"{\"alg\":\"PS384\",\"kid\":7}",
		"{\"alg\":\"PS384\",\"kid\":\"k\",\"kid\":\"l\"}",
		"{\"alg\":\"PS384\",\"alg\":\"PS384\",\"kid\":\"k\"}",
		"{\"alg\":\"PS384\",\"kid\":\"k\"} ,",
		"{\"alg\":\"PS384\",\"kid\":\"a\\u0000b\"}",
		"[\"PS384\",\"k\"]", "\"PS384\"", "{", "", "null",
		"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
	};
	size_t	 i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(take_header(bad[i]) == -1, "%s", bad[i]);
	/* not looked at: who follows them is led */
	ATF_CHECK_EQ(take_header("{\"alg\":\"PS384\",\"kid\":\"k\",\"jku\":"
	    "\"https://evil\",\"x5u\":\"file:///\",\"jwk\":{\"kty\":\"oct\"},"
	    "\"x5c\":[\"AA==\"],\"typ\":\"jwt\"}"), 0);
	ATF_CHECK_EQ(take_header("{\"alg\":\"PS384\",\"kid\":"
	    "\"../../../../dev/null\"}"), 0);
	ATF_CHECK_STREQ(jws.kid, "../../../../dev/null");
	/* none: then whose key it is must be clear without */
	ATF_CHECK_EQ(take_header("{\"alg\":\"PS384\",\"typ\":\"eat+jwt\"}"), 0);
	ATF_CHECK_STREQ(jws.kid, "");
}

ATF_TC_WITHOUT_HEAD(kid_length);
ATF_TC_BODY(kid_length, tc)
{
	char	*header, *kid;
	size_t	 n;
	static const size_t good[] = { 1, 255, 256 };
	static const size_t bad[] = { 257, 8000, 1024 * 1024 };

	kid = malloc(1024 * 1024 + 1);
	ATF_REQUIRE(kid != NULL);
	memset(kid, 'k', 1024 * 1024);
	for (n = 0; n < 6; n++) {
		ATF_REQUIRE(asprintf(&header, "{\"alg\":\"PS384\",\"kid\":"
		    "\"%.*s\"}", (int)(n < 3 ? good[n] : bad[n - 3]),
		    kid) > 0);
		ATF_CHECK_EQ(take_header(header), n < 3 ? 0 : -1);
		free(header);
	}
	free(kid);
}

ATF_TC_WITHOUT_HEAD(form);
ATF_TC_BODY(form, tc)
{
	static const char *const h = "eyJhbGciOiJQUzM4NCIsImtpZCI6ImsifQ";
	static const char *const bad[] = {
		"", ".", "..", "...", "a.b", "@", "@.e30", "@.e30.AAAA.",
		"@.e30.AAAA.AAAA", "@.e30.", ".e30.AAAA",
		"@.e30.AAA=",			/* padding */
		"@=.e30.AAAA", "@.e30.AA+A", "@.e30.AA/A",
		"@.e30. AAAA", "@.e30.AAAA\n", " @.e30.AAAA",
		"@.e30.AB",			/* trailing bits */
		"@.e30.A", "@.e30.AAAB\xc3\xa4",
		"{\"payload\":\"e30\",\"signatures\":[]}",
	};
	const char	*at;
	char		 text[256];
	size_t		 i;
	int		 n;

	snprintf(text, sizeof(text), "%s.e30.AAAA", h);
	ATF_REQUIRE_MSG(take(text) == 0, "%s", why);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		at = strchr(bad[i], '@');
		n = at != NULL ? (int)(at - bad[i]) : (int)strlen(bad[i]);
		snprintf(text, sizeof(text), "%.*s%s%s", n, bad[i],
		    at != NULL ? h : "", at != NULL ? at + 1 : "");
		ATF_CHECK_MSG(take(text) == -1, "%s", text);
	}
	/* the same header with other trailing bits */
	snprintf(text, sizeof(text), "%.*sR.e30.AAAA", (int)strlen(h) - 1, h);
	ATF_CHECK(take(text) == -1);
	/* a payload that is no base64url shows when it is decoded */
	snprintf(text, sizeof(text), "%s.e3.AAAA", h);
	ATF_REQUIRE(take(text) == 0);
	ATF_CHECK(jws_payload(&jws, &i) == NULL);
}

ATF_TC_WITHOUT_HEAD(cut);
ATF_TC_BODY(cut, tc)
{
	EVP_PKEY	*key = mint_rsa(2048);
	char		*token = mint_token(key, "PS384", "k", "{\"a\":1}");
	char		*copy;
	size_t		 i, len = strlen(token);

	/* a copy of exactly its size, so that a sanitizer sees over-reads */
	for (i = 0; i < len; i++) {
		ATF_REQUIRE((copy = malloc(i + 1)) != NULL);
		memcpy(copy, token, i);
		if (jws_read(&jws, copy, i, why, sizeof(why)) == 0)
			ATF_CHECK(jws_verify(&jws, JWS_PS384, key) == -1);
		free(copy);
	}
	free(token);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, good);
	ATF_TP_ADD_TC(tp, algorithm);
	ATF_TP_ADD_TC(tp, confusion);
	ATF_TP_ADD_TC(tp, pss_salt);
	ATF_TP_ADD_TC(tp, signature_length);
	ATF_TP_ADD_TC(tp, header);
	ATF_TP_ADD_TC(tp, kid_length);
	ATF_TP_ADD_TC(tp, form);
	ATF_TP_ADD_TC(tp, cut);
	return (atf_no_error());
}

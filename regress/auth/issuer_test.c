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
 * Tokens of issuers: one of each algorithm is good, and whatever is wrong with
 * one is a reason.
 */
#include <atf-c.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "idp.h"

#define NOW	1800000000LL
#define URL	"https://idp.example"
#define OTHER	"https://other.example:8443/realms/x"

#define CLAIMS(more)	"{\"iss\":\"" URL "\",\"sub\":\"alice\","	\
    "\"aud\":\"kbsd\",\"iat\":1800000000,\"exp\":1800000300" more "}"
#define GROUP		",\"groups\":[\"x\",\"readers\"]"
#define GOOD		CLAIMS(GROUP)

/* --- configuration -------------------------------------------------------- */

static int
a_file(const char *name, const char *text)
{
	int	 fd;

	ATF_REQUIRE((fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600)) != -1);
	ATF_REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return (fd);
}

static void
put_issuer(struct wbuf *w, const char *url, const char *claim,
    uint32_t lifetime)
{
	wb_str(w, url);
	wb_str(w, "kbsd");
	wb_str(w, claim);
	wb_u32(w, lifetime);
	wb_u32(w, 2);
	wb_str(w, "readers");
	wb_u32(w, PERM_KEYS_SEARCH | PERM_KEYS_CREATE);
	wb_str(w, "admins");
	wb_u32(w, PERM_ALL);
}

/* The second issuer has a key of the first one's kid. */
static void
begin(const char *claim, uint32_t lifetime)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	char		 set[16384], more[64];
	int		 k;

	make_keys();
	wb_u32(&w, 2);
	put_issuer(&w, URL, claim, lifetime);
	put_issuer(&w, OTHER, claim, lifetime);
	rb_init(&r, w.data, w.len);
	ATF_REQUIRE(issuer_conf(&r) == 0 && rb_end(&r) == 0);
	wb_free(&w);
	strlcpy(set, "{\"keys\":[", sizeof(set));
	for (k = RS; k <= P384; k++) {
		/* RS256 is what an RSA key without alg is for */
		snprintf(more, sizeof(more), ",\"kid\":\"%s\"%s%s%s",
		    kinds[k].kid, k == RS ? "" : ",\"alg\":\"",
		    k == RS ? "" : kinds[k].alg, k == RS ? "" : "\"");
		strlcat(set, jwk((enum kind)k, more), sizeof(set));
		strlcat(set, ",", sizeof(set));
	}
	strlcat(set, jwk(STRANGER, ",\"kid\":\"enc\",\"use\":\"enc\""),
	    sizeof(set));
	strlcat(set, "]}", sizeof(set));
	ATF_REQUIRE(issuer_add_keys(a_file("jwks", set)) == 0);
	snprintf(set, sizeof(set), "{\"keys\":[%s]}", jwk(STRANGER,
	    ",\"kid\":\"r\""));
	ATF_REQUIRE(issuer_add_keys(a_file("other", set)) == 0);
	ATF_CHECK_EQ(-1, issuer_add_keys(-1));
	issuer_load();
	ATF_REQUIRE(issuer_any());
}

static const char *
verify(const char *text, struct foreign *f)
{
	const char	*why = issuer_verify(text, NOW, f);

	return (why == NULL ? "ok" : why);
}

/* --- cases ---------------------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(good);
ATF_TC_BODY(good, tc)
{
	struct foreign	 f, g;
	int		 k;

	begin("groups", 3600);
	for (k = RS; k <= P384; k++) {
		ATF_CHECK_STREQ("ok", verify(plain(GOOD, (enum kind)k), &f));
		ATF_CHECK_EQ(PERM_KEYS_SEARCH | PERM_KEYS_CREATE,
		    f.permissions);
		ATF_CHECK_STREQ("idp.example:alice", f.who);
	}
	/* Roles add up; one may stand without a list. */
	ATF_CHECK_STREQ("ok", verify(plain(CLAIMS(",\"groups\":\"admins\""),
	    P256), &g));
	ATF_CHECK_EQ(PERM_ALL, g.permissions);
	ATF_CHECK(uuid_cmp(&f.id, &g.id) == 0);
	/* An id that is no user's: version 8. */
	ATF_CHECK_EQ(0x80, f.id.b[6] & 0xf0);
	ATF_CHECK_EQ(0x80, f.id.b[8] & 0xc0);
	/* The other one's, with a key of the same name. */
	ATF_CHECK_STREQ("ok", verify(plain("{\"iss\":\"" OTHER "\","
	    "\"sub\":\"alice\",\"aud\":[\"a\",\"kbsd\"],\"iat\":1800000000,"
	    "\"nbf\":1800000000,\"exp\":1800000300" GROUP "}", STRANGER), &g));
	ATF_CHECK_STREQ("other.example:8443/realms/x:alice", g.who);
	ATF_CHECK(uuid_cmp(&f.id, &g.id) != 0);
}

ATF_TC_WITHOUT_HEAD(claims);
ATF_TC_BODY(claims, tc)
{
#define BASE(iss, sub, aud, times)	"{\"iss\":" iss ",\"sub\":" sub	\
    ",\"aud\":" aud "," times GROUP "}"
#define ISS	"\"" URL "\""
#define TIMES	"\"iat\":1800000000,\"exp\":1800000300"
	static const struct {
		const char	*body;
		const char	*why;
	} rows[] = {
		{ BASE(ISS, "\"a\"", "\"kbsd\"", TIMES), "ok" },
		{ BASE("\"https://idp.example/\"", "\"a\"", "\"kbsd\"", TIMES),
		    "token of another issuer" },
		{ BASE("\"" OTHER "\"", "\"a\"", "\"kbsd\"", TIMES),
		    "token of another issuer" },
		{ BASE("[" ISS "]", "\"a\"", "\"kbsd\"", TIMES),
		    "token without iss, sub, aud, exp or iat" },
		{ BASE(ISS, "\"a\"", "\"kbs\"", TIMES),
		    "token for another audience" },
		{ BASE(ISS, "\"a\"", "[\"kbs\",1,\"kbsdd\"]", TIMES),
		    "token for another audience" },
		{ BASE(ISS, "\"a\"", "[]", TIMES),
		    "token for another audience" },
		{ BASE(ISS, "\"a\"", "{\"kbsd\":\"kbsd\"}", TIMES),
		    "token for another audience" },
		{ BASE(ISS, "\"\"", "\"kbsd\"", TIMES), "token of nobody" },
		{ BASE(ISS, "7", "\"kbsd\"", TIMES),
		    "token without iss, sub, aud, exp or iat" },
		{ BASE(ISS, "\"a\"", "\"kbsd\"", "\"iat\":1800000000"),
		    "token without iss, sub, aud, exp or iat" },
		{ BASE(ISS, "\"a\"", "\"kbsd\"", "\"exp\":1800000300"),
		    "token without iss, sub, aud, exp or iat" },
		{ BASE(ISS, "\"a\"", "\"kbsd\"", "\"iat\":1800000000,"
		    "\"exp\":1800000000"), "token expired" },
		{ BASE(ISS, "\"a\"", "\"kbsd\"", "\"iat\":1800000000,"
		    "\"exp\":1800000300.5"),
		    "token without iss, sub, aud, exp or iat" },
		{ BASE(ISS, "\"a\"", "\"kbsd\"", "\"iat\":1800000006,"
		    "\"exp\":1800000300"), "token not yet valid" },
		{ BASE(ISS, "\"a\"", "\"kbsd\"", TIMES ",\"nbf\":1800000006"),
		    "token not yet valid" },
		{ BASE(ISS, "\"a\"", "\"kbsd\"", TIMES ",\"nbf\":null"),
		    "token without iss, sub, aud, exp or iat" },
		/* It may say what it likes: an hour is an hour. */
		{ BASE(ISS, "\"a\"", "\"kbsd\"", "\"iat\":1799996400,"
		    "\"exp\":1900000000"),
		    "token older than its issuer's lifetime here" },
		{ BASE(ISS, "\"a\"", "\"kbsd\"", "\"iat\":1799996401,"
		    "\"exp\":1900000000"), "ok" },
		{ BASE(ISS, "\"a\"", "\"kbsd\"", "\"iat\":-1,"
		    "\"exp\":1900000000"), "token without times" },
		/* Of a member twice, whichever is looked at. */
		{ CLAIMS(GROUP ",\"groups\":[\"admins\"]"),
		    "token with claims that make no sense" },
		{ CLAIMS(GROUP ",\"aud\":\"x\""),
		    "token with claims that make no sense" },
		{ CLAIMS(""), "token without a role that is known here" },
		{ CLAIMS(",\"groups\":[]"),
		    "token without a role that is known here" },
		{ CLAIMS(",\"groups\":[\"Readers\",\"readers \"]"),
		    "token without a role that is known here" },
		{ CLAIMS(",\"groups\":{\"readers\":\"readers\"}"),
		    "token without a role that is known here" },
		{ CLAIMS(",\"roles\":[\"admins\"]"),
		    "token without a role that is known here" },
		/* Those that our own tokens have say nothing here. */
		{ CLAIMS(",\"scope\":[\"keys:create\"],\"gen\":1"),
		    "token without a role that is known here" },
		{ "[]", "token without iss, sub, aud, exp or iat" },
		{ "x", "token with claims that make no sense" },
	};
	struct foreign	 f;
	size_t		 i;

	begin("groups", 3600);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ATF_CHECK_STREQ_MSG(rows[i].why, verify(plain(rows[i].body,
		    P256), &f), "%s", rows[i].body);
}

ATF_TC_WITHOUT_HEAD(nested);
ATF_TC_BODY(nested, tc)
{
	struct foreign	 f;

	begin("realm_access.roles", 60);
	ATF_CHECK_STREQ("ok", verify(plain(CLAIMS(",\"realm_access\":"
	    "{\"roles\":[\"readers\"]}"), P256), &f));
	/* A claim with the whole name is the one that is meant. */
	ATF_CHECK_STREQ("ok", verify(plain(CLAIMS(",\"realm_access\":"
	    "{\"roles\":[\"admins\"]},\"realm_access.roles\":\"readers\""),
	    P256), &f));
	ATF_CHECK_EQ(PERM_KEYS_SEARCH | PERM_KEYS_CREATE, f.permissions);
	ATF_CHECK_STREQ("token without a role that is known here",
	    verify(plain(CLAIMS(",\"realm_access\":[\"roles\",\"admins\"]"),
	    P256), &f));
	ATF_CHECK_STREQ("token without a role that is known here",
	    verify(plain(CLAIMS(",\"realm_access\":{\"roles\":{\"admins\":1}}"),
	    P256), &f));
}

/* What a log line and an audit line show of it. */
ATF_TC_WITHOUT_HEAD(subjects);
ATF_TC_BODY(subjects, tc)
{
	struct foreign	 f, g;
	char		 body[2048], sub[600];

	begin("groups", 3600);
#define SUB(text)	"{\"iss\":\"" URL "\",\"sub\":\"" text "\","	\
    "\"aud\":\"kbsd\",\"iat\":1800000000,\"exp\":1800000300" GROUP "}"
	ATF_CHECK_STREQ("ok", verify(plain(SUB("a b\\n\\u001b[2J"), RS), &f));
	ATF_CHECK_STREQ("idp.example:a\\sb\\n\\^[[2J", f.who);
	/* One that would write another's name does not become it. */
	ATF_CHECK_STREQ("ok", verify(plain(SUB("a\\\\sb\\n\\u001b[2J"), RS),
	    &g));
	ATF_CHECK(strcmp(f.who, g.who) != 0);
	ATF_CHECK(uuid_cmp(&f.id, &g.id) != 0);
	/* It fits whole, or it is refused: two of them would look the same. */
	memset(sub, 'x', sizeof(sub));
	sub[sizeof(f.who) - sizeof("idp.example:")] = '\0';
	snprintf(body, sizeof(body), SUB("%s"), sub);
	ATF_CHECK_STREQ("ok", verify(plain(body, RS), &f));
	ATF_CHECK_EQ(sizeof(f.who) - 1, strlen(f.who));
	sub[strlen(sub)] = 'x';
	sub[sizeof(f.who) - sizeof("idp.example:") + 1] = '\0';
	snprintf(body, sizeof(body), SUB("%s"), sub);
	ATF_CHECK_STREQ("token of a subject that is too long",
	    verify(plain(body, RS), &f));
	memset(sub, 'x', sizeof(sub));
	sub[599] = '\0';
	snprintf(body, sizeof(body), SUB("%s"), sub);
	ATF_CHECK_STREQ("token of a subject that is too long",
	    verify(plain(body, RS), &f));
}

ATF_TC_WITHOUT_HEAD(headers);
ATF_TC_BODY(headers, tc)
{
	static const struct {
		const char	*header;
		enum kind	 k;
		int		 pss;
		const char	*why;
	} rows[] = {
	    { "{\"alg\":\"RS256\",\"kid\":\"r\"}", RS, 0, "ok" },
	    { "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"at+jwt\"}", RS, 0,
		"ok" },
	    { "{\"alg\":\"none\",\"kid\":\"r\"}", RS, 0,
		"token of another algorithm than its key's" },
	    { "{\"alg\":\"HS256\",\"kid\":\"r\"}", RS, 0,
		"token of another algorithm than its key's" },
	    { "{\"alg\":\"rs256\",\"kid\":\"r\"}", RS, 0,
		"token of another algorithm than its key's" },
	    /* good signatures, of another algorithm than the key's */
	    { "{\"alg\":\"PS256\",\"kid\":\"r\"}", RS, 1,
		"token of another algorithm than its key's" },
	    { "{\"alg\":\"RS256\",\"kid\":\"p\"}", PS, 0,
		"token of another algorithm than its key's" },
	    { "{\"alg\":\"PS256\",\"kid\":\"p\"}", PS, 0,
		"token with a wrong signature" },
	    { "{\"alg\":\"RS256\",\"kid\":\"r\"}", RS, 1,
		"token with a wrong signature" },
	    { "{\"alg\":\"ES384\",\"kid\":\"e2\"}", P384, 0,
		"token of another algorithm than its key's" },
	    { "{\"alg\":\"ES256\",\"kid\":\"e2\"}", P384, 0,
		"token with a wrong signature" },
	    /* a key that the set has for something else, or not at all */
	    { "{\"alg\":\"RS256\",\"kid\":\"enc\"}", STRANGER, 0,
		"token of a key that no issuer has" },
	    { "{\"alg\":\"RS256\",\"kid\":\"\"}", RS, 0,
		"token of a key that no issuer has" },
	    { "{\"alg\":\"RS256\",\"kid\":\"../r\"}", RS, 0,
		"token of a key that no issuer has" },
	    /* the other issuer's key, whose issuer this is not */
	    { "{\"alg\":\"RS256\",\"kid\":\"r\"}", STRANGER, 0,
		"token of another issuer" },
	    { "{\"alg\":\"RS256\"}", RS, 0,
		"token with a header without alg or kid" },
	    { "{\"kid\":\"r\"}", RS, 0,
		"token with a header without alg or kid" },
	    { "{\"alg\":\"RS256\",\"kid\":7}", RS, 0,
		"token with a header without alg or kid" },
	    { "{\"alg\":\"RS256\",\"kid\":\"r\",\"kid\":\"p\"}", RS, 0,
		"token with a header that makes no sense" },
	    { "{\"alg\":\"RS256\",\"kid\":\"r\",\"crit\":[\"x\"]}", RS, 0,
		"token with crit, b64 or another typ in its header" },
	    { "{\"alg\":\"RS256\",\"kid\":\"r\",\"b64\":false}", RS, 0,
		"token with crit, b64 or another typ in its header" },
	    { "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"logout+jwt\"}", RS, 0,
		"token with crit, b64 or another typ in its header" },
	    { "{\"alg\":\"RS256RS256\",\"kid\":\"r\"}", RS, 0,
		"token of an unknown algorithm" },
	    /* keys that it brings along are not looked at */
	    { "{\"alg\":\"RS256\",\"kid\":\"z\",\"jku\":\"https://a\","
		"\"jwk\":{},\"x5u\":\"https://a\"}", RS, 0,
		"token of a key that no issuer has" },
	    { "[]", RS, 0, "token with a header without alg or kid" },
	};
	struct foreign	 f;
	char		*text, kid[400];
	size_t		 i;

	begin("groups", 3600);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ATF_CHECK_STREQ_MSG(rows[i].why, verify(token(rows[i].header,
		    GOOD, rows[i].k, rows[i].pss), &f), "%s", rows[i].header);
	/* A kid of any length. */
	snprintf(kid, sizeof(kid), "{\"alg\":\"RS256\",\"kid\":\"%0300d\"}", 1);
	ATF_CHECK_STREQ("token with a kid that is too long",
	    verify(token(kid, GOOD, RS, 0), &f));
	/* Without a signature. */
	text = token(rows[2].header, GOOD, RS, 0);
	strrchr(text, '.')[1] = '\0';
	ATF_CHECK_STREQ("token of the wrong form", verify(text, &f));
}

/* HMAC with the public key as secret. */
ATF_TC_WITHOUT_HEAD(confusion);
ATF_TC_BODY(confusion, tc)
{
	struct foreign	 f;
	BIO		*bio = BIO_new(BIO_s_mem());
	uint8_t		 mac[32];
	unsigned int	 maclen;
	char		*pem, text[BEARER_TEXT_MAX];
	long		 n;

	begin("groups", 3600);
	ATF_REQUIRE(PEM_write_bio_PUBKEY(bio, keys[RS]) == 1 &&
	    (n = BIO_get_mem_data(bio, &pem)) > 0);
	strlcpy(text, token("{\"alg\":\"HS256\",\"kid\":\"r\"}", GOOD, RS, 0),
	    sizeof(text));
	*strrchr(text, '.') = '\0';
	ATF_REQUIRE(HMAC(EVP_sha256(), pem, (int)n, (uint8_t *)text,
	    strlen(text), mac, &maclen) != NULL);
	strlcat(text, ".", sizeof(text));
	append(text, sizeof(text), mac, sizeof(mac));
	ATF_CHECK_STREQ("token of another algorithm than its key's",
	    verify(text, &f));
	BIO_free(bio);
}

/* Each character of it, changed, cut or no base64url. */
ATF_TC_WITHOUT_HEAD(tampered);
ATF_TC_BODY(tampered, tc)
{
	struct foreign	 f;
	char		*text;
	size_t		 i, len;
	char		 c;

	begin("groups", 3600);
	text = plain(GOOD, P256);
	len = strlen(text);
	for (i = 0; i < len; i++) {
		c = text[i];
		text[i] = c == 'A' ? 'B' : 'A';
		ATF_CHECK_MSG(issuer_verify(text, NOW, &f) != NULL, "%zu", i);
		ATF_CHECK_EQ(0, f.permissions);
		text[i] = '=';
		ATF_CHECK_MSG(issuer_verify(text, NOW, &f) != NULL, "%zu", i);
		text[i] = '\0';
		ATF_CHECK_MSG(issuer_verify(text, NOW, &f) != NULL, "%zu", i);
		text[i] = c;
	}
	ATF_CHECK(issuer_verify(text, NOW, &f) == NULL);
	strlcat(text, ".", BEARER_TEXT_MAX);
	ATF_CHECK_STREQ("token of the wrong form", verify(text, &f));
	ATF_CHECK(issuer_verify("", NOW, &f) != NULL);
	ATF_CHECK(issuer_verify("..", NOW, &f) != NULL);
	ATF_CHECK(issuer_verify("e30.e30.AA", NOW, &f) != NULL);
}

static const char *
read_set(const char *text)
{
	static char	 why[256];
	struct jwks	 set;

	if (jwks_read(&set, text, strlen(text), why, sizeof(why)) == 0) {
		snprintf(why, sizeof(why), "%zu", set.n);
		jwks_clear(&set);
	}
	return (why);
}

static const char *
set_of(const char *one, const char *two)
{
	static char	 text[8192];

	snprintf(text, sizeof(text), "{\"keys\":[%s%s%s]}", one,
	    two[0] == '\0' ? "" : ",", two);
	return (text);
}

ATF_TC_WITHOUT_HEAD(sets);
ATF_TC_BODY(sets, tc)
{
#define NONE	"it has no key with a kid that signs by RS256, PS256, ES256 "\
		"or ES384"
	static const struct {
		const char	*key;
		const char	*why;
	} rows[] = {
	    { "", NONE },
	    { "{}", "kty" },
	    { "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"}", NONE },
	    { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\"}", NONE },
	    { "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
		"n or e is none of a key of 2048" },
	    { "{\"kty\":\"RSA\",\"kid\":\"a\",\"e\":\"AQAB\"}",
		"n or e is none of a key of 2048" },
	    { "{\"kty\":\"RSA\",\"kid\":\"\",\"e\":\"AQAB\"}",
		"a kid is empty or too long" },
	    { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"AA\","
		"\"y\":\"AA\"}", "x or y is no number of its curve" },
	    { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":"
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
		"x and y are not on its curve" },
	    { "{\"kty\":\"EC\",\"crv\":\"P-521\",\"kid\":\"a\"}", NONE },
	};
	char		 one[4096];
	const char	*why;
	size_t		 i;

	make_keys();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		why = read_set(set_of(rows[i].key, ""));
		ATF_CHECK_MSG(strstr(why, rows[i].why) != NULL, "%s: %s",
		    rows[i].key, why);
	}
	ATF_CHECK(strstr(read_set("{\"keys\":{}}"), "keys") != NULL);
	ATF_CHECK(strcmp("1", read_set("{")) != 0);
	/* What it is not for is not looked at; what it is for must be good. */
	strlcpy(one, jwk(RS, ",\"kid\":\"a\""), sizeof(one));
	ATF_CHECK_STREQ("1", read_set(set_of(one, rows[2].key)));
	ATF_CHECK(strstr(read_set(set_of(one, rows[4].key)), "n or e"));
	ATF_CHECK_STREQ("too many keys, or two of one kid",
	    read_set(set_of(one, jwk(P256, ",\"kid\":\"a\""))));
	ATF_CHECK_STREQ("2", read_set(set_of(one, jwk(P256,
	    ",\"kid\":\"b\""))));
	ATF_CHECK_STREQ(NONE, read_set(set_of(jwk(P256, ",\"kid\":\"b\","
	    "\"alg\":\"RS256\""), "")));
	ATF_CHECK_STREQ(NONE, read_set(set_of(jwk(RS, ",\"kid\":\"b\","
	    "\"alg\":\"HS256\""), "")));
	ATF_CHECK_STREQ(NONE, read_set(set_of(jwk(RS, ""), "")));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, good);
	ATF_TP_ADD_TC(tp, claims);
	ATF_TP_ADD_TC(tp, nested);
	ATF_TP_ADD_TC(tp, subjects);
	ATF_TP_ADD_TC(tp, headers);
	ATF_TP_ADD_TC(tp, confusion);
	ATF_TP_ADD_TC(tp, tampered);
	ATF_TP_ADD_TC(tp, sets);
	return (atf_no_error());
}

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

/* Bearer tokens: what is not exactly ours is refused. */
#include <atf-c.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "base64.h"

#define NOW	1800000000LL

static struct user_record	 alice;

static int
key_file(const char *name)
{
	int	 fd;

	ATF_REQUIRE((fd = open(name, O_RDWR | O_CREAT, 0600)) != -1);
	return (fd);
}

static char *
a_token(void)
{
	char	*token;
	int	 fd = key_file("token.key");

	token_init(fd);
	close(fd);
	uuid_make(&alice.id);
	strlcpy(alice.name, "alice", sizeof(alice.name));
	alice.permissions = PERM_KEYS_CREATE | PERM_POLICIES_SEARCH;
	alice.generation = 4;
	ATF_REQUIRE((token = token_make(&alice, NOW, 300)) != NULL);
	return (token);
}

/* The payload as JSON. */
static json_t *
payload(const char *token)
{
	char	 text[2048];
	const char *p = strchr(token, '.') + 1;
	ssize_t	 n;

	n = base64url_decode(text, sizeof(text), p, strcspn(p, "."));
	ATF_REQUIRE(n > 0);
	return (json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL));
}

/* Header and payload as text, with a signature made by a key in PEM. */
static char *
forge(const char *header, const char *body, const char *pem)
{
	static char	 token[4096];
	unsigned char	 der[128], raw[64];
	const unsigned char *p = der;
	size_t		 n, len = sizeof(der);
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	EVP_PKEY	*key;
	ECDSA_SIG	*sig;
	BIO		*bio = BIO_new_mem_buf(pem, -1);

	ATF_REQUIRE((key = PEM_read_bio_PrivateKey(bio, NULL, NULL,
	    NULL)) != NULL);
	ATF_REQUIRE(base64url_encode(token, sizeof(token), header,
	    strlen(header)) > 0);
	strlcat(token, ".", sizeof(token));
	n = strlen(token);
	ATF_REQUIRE(base64url_encode(token + n, sizeof(token) - n, body,
	    strlen(body)) > 0);
	ATF_REQUIRE(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL,
	    key) == 1 && EVP_DigestSign(ctx, der, &len,
	    (unsigned char *)token, strlen(token)) == 1);
	ATF_REQUIRE((sig = d2i_ECDSA_SIG(NULL, &p, (long)len)) != NULL);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
	strlcat(token, ".", sizeof(token));
	n = strlen(token);
	ATF_REQUIRE(base64url_encode(token + n, sizeof(token) - n, raw,
	    sizeof(raw)) > 0);
	ECDSA_SIG_free(sig);
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(ctx);
	BIO_free(bio);
	return (token);
}

static const char *
file_text(const char *name)
{
	static char	 text[4096];
	int		 fd = key_file(name);
	ssize_t		 n = pread(fd, text, sizeof(text) - 1, 0);

	ATF_REQUIRE(n > 0);
	text[n] = '\0';
	close(fd);
	return (text);
}

ATF_TC_WITHOUT_HEAD(claims);
ATF_TC_BODY(claims, tc)
{
	struct claims	 claims;
	json_t		*j;
	char		*token = a_token(), id[UUID_TEXT];

	ATF_CHECK(token_verify(token, NOW, &claims) == NULL);
	ATF_CHECK(uuid_cmp(&claims.user, &alice.id) == 0);
	ATF_CHECK_EQ(4, claims.generation);
	ATF_REQUIRE((j = payload(token)) != NULL);
	ATF_CHECK_EQ(7, json_object_size(j));
	ATF_CHECK_STREQ(uuid_format(&alice.id, id),
	    json_string_value(json_object_get(j, "sub")));
	ATF_CHECK_STREQ("kbsd", json_string_value(json_object_get(j, "aud")));
	ATF_CHECK_EQ(NOW, json_integer_value(json_object_get(j, "iat")));
	ATF_CHECK_EQ(NOW, json_integer_value(json_object_get(j, "nbf")));
	ATF_CHECK_EQ(NOW + 300,
	    json_integer_value(json_object_get(j, "exp")));
	ATF_CHECK_EQ(4, json_integer_value(json_object_get(j, "gen")));
	ATF_CHECK_EQ(2, json_array_size(json_object_get(j, "scope")));
	ATF_CHECK_STREQ("keys:create", json_string_value(json_array_get(
	    json_object_get(j, "scope"), 0)));
	ATF_CHECK_STREQ("key_transfer_policies:search", json_string_value(
	    json_array_get(json_object_get(j, "scope"), 1)));
	json_decref(j);
	free(token);
}

ATF_TC_WITHOUT_HEAD(times);
ATF_TC_BODY(times, tc)
{
	struct claims	 claims;
	char		*token = a_token();

	ATF_CHECK(token_verify(token, NOW + 299, &claims) == NULL);
	ATF_CHECK_STREQ("token expired", token_verify(token, NOW + 300,
	    &claims));
	ATF_CHECK_STREQ("token expired", token_verify(token, NOW + 86400,
	    &claims));
	/* a clock that was set back by a second must not log all out */
	ATF_CHECK(token_verify(token, NOW - 5, &claims) == NULL);
	ATF_CHECK_STREQ("token not yet valid", token_verify(token, NOW - 6,
	    &claims));
	free(token);
}

/* Every bit of every character. */
ATF_TC_WITHOUT_HEAD(tampered);
ATF_TC_BODY(tampered, tc)
{
	struct claims	 claims;
	char		*token = a_token();
	size_t		 i, len = strlen(token), refused = 0;
	char		 c;

	for (i = 0; i < len; i++) {
		c = token[i];
		token[i] = c == 'A' ? 'B' : 'A';
		refused += token_verify(token, NOW, &claims) != NULL;
		token[i] = '=';
		ATF_CHECK(token_verify(token, NOW, &claims) != NULL);
		token[i] = c;
	}
	/* the last character has four bits that stand for nothing */
	ATF_CHECK(refused >= len - 1);
	for (i = 0; i < len; i++) {
		c = token[i];
		token[i] = '\0';
		ATF_CHECK(token_verify(token, NOW, &claims) != NULL);
		token[i] = c;
	}
	free(token);
}

ATF_TC_WITHOUT_HEAD(headers);
ATF_TC_BODY(headers, tc)
{
	static const char *const	 others[] = {
		"{\"alg\":\"none\",\"typ\":\"JWT\"}",
		"{\"alg\":\"none\"}",
		"{\"typ\":\"JWT\",\"alg\":\"ES256\"}",
		"{\"alg\": \"ES256\",\"typ\":\"JWT\"}",
		"{\"alg\":\"ES256\"}",
		"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"1\"}",
		"{\"alg\":\"es256\",\"typ\":\"JWT\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
	};
	struct claims	 claims;
	json_t		*j;
	char		*token = a_token(), *body;
	const char	*good, *dot;
	char		 text[4096];
	size_t		 i;

	ATF_REQUIRE((j = payload(token)) != NULL);
	body = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	good = forge("{\"alg\":\"ES256\",\"typ\":\"JWT\"}", body,
	    file_text("token.key"));
	ATF_CHECK_MSG(token_verify(good, NOW, &claims) == NULL,
	    "the forger works with the right key: %s",
	    token_verify(good, NOW, &claims));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ATF_CHECK_STREQ("token with a header that is not ours",
		    token_verify(forge(others[i], body,
		    file_text("token.key")), NOW, &claims));
	/* without a signature */
	strlcpy(text, forge(others[0], body, file_text("token.key")),
	    sizeof(text));
	*strrchr(text, '.') = '\0';
	ATF_CHECK(token_verify(text, NOW, &claims) != NULL);
	strlcat(text, ".", sizeof(text));
	ATF_CHECK(token_verify(text, NOW, &claims) != NULL);
	/* our header, and no signature */
	dot = strrchr(token, '.');
	snprintf(text, sizeof(text), "%.*s.", (int)(dot - token), token);
	ATF_CHECK_STREQ("token of the wrong form", token_verify(text, NOW,
	    &claims));
	snprintf(text, sizeof(text), "%s.%s", token, dot + 1);
	ATF_CHECK_STREQ("token of the wrong form", token_verify(text, NOW,
	    &claims));
	free(body);
	json_decref(j);
	free(token);
}

/* HMAC with the public key in PEM as secret, as libjwt itself takes it. */
ATF_TC_WITHOUT_HEAD(hs256_with_public_key);
ATF_TC_BODY(hs256_with_public_key, tc)
{
	struct claims	 claims;
	EVP_PKEY	*key;
	BIO		*bio, *out = BIO_new(BIO_s_mem());
	unsigned char	 mac[32];
	unsigned int	 maclen;
	char		*token = a_token(), *pem, text[4096];
	const char	*p;
	long		 n;
	size_t		 len;

	bio = BIO_new_mem_buf(file_text("token.key"), -1);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	ATF_REQUIRE(key != NULL && PEM_write_bio_PUBKEY(out, key));
	ATF_REQUIRE((n = BIO_get_mem_data(out, &pem)) > 0);
	p = strchr(token, '.');
	snprintf(text, sizeof(text), "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
	    "%.*s", (int)(strrchr(token, '.') - p), p);
	ATF_REQUIRE(HMAC(EVP_sha256(), pem, (int)n, (unsigned char *)text,
	    strlen(text), mac, &maclen) != NULL);
	strlcat(text, ".", sizeof(text));
	len = strlen(text);
	base64url_encode(text + len, sizeof(text) - len, mac, sizeof(mac));
	ATF_CHECK_STREQ("token with a header that is not ours",
	    token_verify(text, NOW, &claims));
	EVP_PKEY_free(key);
	BIO_free(bio);
	BIO_free(out);
	free(token);
}

ATF_TC_WITHOUT_HEAD(bodies);
ATF_TC_BODY(bodies, tc)
{
#define ID	"\"sub\":\"3f2b8c52-9d3e-4a71-8f5c-2f6d9f6f0a11\""
#define TIMES	"\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800000300"
	static const struct {
		const char	*body;
		const char	*why;
	} rows[] = {
	    { "{\"aud\":\"kbsd\"," ID "," TIMES ",\"gen\":1}", NULL },
	    { "{\"aud\":\"kbsd\"," ID "," TIMES "}",
		"token without a generation" },
	    { "{\"aud\":\"kbsd\"," ID "," TIMES ",\"gen\":-1}",
		"token without a generation" },
	    { "{\"aud\":\"kbsd\"," ID "," TIMES ",\"gen\":4294967296}",
		"token without a generation" },
	    { "{\"aud\":\"kbsd\"," ID "," TIMES ",\"gen\":\"1\"}",
		"token without a generation" },
	    { "{\"aud\":\"other\"," ID "," TIMES ",\"gen\":1}",
		"token for another audience" },
	    { "{\"aud\":[\"kbsd\"]," ID "," TIMES ",\"gen\":1}",
		"token for another audience" },
	    { "{" ID "," TIMES ",\"gen\":1}", "token for another audience" },
	    { "{\"aud\":\"kbsd\"," TIMES ",\"gen\":1}", "token of nobody" },
	    { "{\"aud\":\"kbsd\",\"sub\":\"alice\"," TIMES ",\"gen\":1}",
		"token of nobody" },
	    { "{\"aud\":\"kbsd\"," ID ",\"gen\":1}", "token without times" },
	    { "{\"aud\":\"kbsd\"," ID ",\"iat\":1800000000,"
		"\"nbf\":1800000000,\"gen\":1}", "token without times" },
	    { "{\"aud\":\"kbsd\"," ID ",\"iat\":1800000000,"
		"\"nbf\":1800000100,\"exp\":1800000300,\"gen\":1}",
		"token not yet valid" },
	    { "{\"aud\":\"kbsd\"," ID "," TIMES ",\"gen\":1.5}",
		"token without a generation" },
	    { "{\"aud\":\"kbsd\"," ID ",\"iat\":\"1800000000\","
		"\"nbf\":1800000000,\"exp\":1800000300,\"gen\":1}",
		"token without times" },
	    { "[]", "token for another audience" },
	    { "x", "token with a wrong signature" },
	};
	struct claims	 claims;
	const char	*why;
	size_t		 i;

	free(a_token());
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		why = token_verify(forge("{\"alg\":\"ES256\","
		    "\"typ\":\"JWT\"}", rows[i].body,
		    file_text("token.key")), NOW, &claims);
		ATF_CHECK_STREQ_MSG(rows[i].why == NULL ? "ok" : rows[i].why,
		    why == NULL ? "ok" : why, "%s", rows[i].body);
	}
}

ATF_TC_WITHOUT_HEAD(keys);
ATF_TC_BODY(keys, tc)
{
	struct claims	 claims;
	char		*token = a_token(), *other;
	int		 fd;

	/* the same key for who comes later, from the same descriptor */
	fd = key_file("token.key");
	ATF_REQUIRE(lseek(fd, 0, SEEK_END) > 0);
	token_init(fd);
	close(fd);
	ATF_CHECK(token_verify(token, NOW, &claims) == NULL);
	fd = key_file("other.key");
	token_init(fd);
	close(fd);
	ATF_CHECK_STREQ("token with a wrong signature",
	    token_verify(token, NOW, &claims));
	ATF_REQUIRE((other = token_make(&alice, NOW, 300)) != NULL);
	ATF_CHECK(token_verify(other, NOW, &claims) == NULL);
	free(other);
	free(token);
}

ATF_TC_WITHOUT_HEAD(garbage);
ATF_TC_BODY(garbage, tc)
{
	static const char *const	 bad[] = {
		".", "..", "...", "a.b.c", "Bearer x", "\xff\xfe",
		"eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9",
		"eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.",
		"eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9..",
		"eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.e30.",
		"eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.e30.AA",
		"eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.e30.AA\n",
		"eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.%00.AA",
	};
	struct claims	 claims;
	size_t		 i;

	free(a_token());
	ATF_CHECK_STREQ("no token", token_verify("", NOW, &claims));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK(token_verify(bad[i], NOW, &claims) != NULL);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, claims);
	ATF_TP_ADD_TC(tp, times);
	ATF_TP_ADD_TC(tp, tampered);
	ATF_TP_ADD_TC(tp, headers);
	ATF_TP_ADD_TC(tp, hs256_with_public_key);
	ATF_TP_ADD_TC(tp, bodies);
	ATF_TP_ADD_TC(tp, keys);
	ATF_TP_ADD_TC(tp, garbage);
	return (atf_no_error());
}

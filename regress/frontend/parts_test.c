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


/* Parts of the frontend that need no process: tokens, routes, public keys. */
#include <sys/types.h>

#include <atf-c.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "frontend.h"

#define KEYID	"0c3d9f0e-8f0a-4c6b-9d3e-2f1b5a7c9e10"

/* A parsed head; the parser is given back by http_free(). */
static void
head(struct http_parser *p, const char *text)
{
	size_t	 used;

	http_init(p);
	ATF_REQUIRE_EQ(HTTP_HEAD_DONE, http_feed(p, text, strlen(text),
	    &used));
}

static const struct {
	const char	*value;		/* NULL: no such header */
	const char	*token;		/* NULL: refused */
} tokens[] = {
	{ NULL,			NULL },
	{ "",			NULL },
	{ "Bearer",		NULL },
	{ "Bearer ",		NULL },
	{ "Bearer a",		"a" },
	{ "bEARER a.b-c_d~e+f/g", "a.b-c_d~e+f/g" },
	{ "Bearer   abc",	"abc" },
	{ "Bearer abc==",	"abc==" },
	{ "Bearer =",		NULL },
	{ "Bearer a=b",		NULL },
	{ "Bearer a b",		NULL },
	{ "Bearer a,b",		NULL },
	{ "Bearer \"a\"",	NULL },
	{ "Bearer\ta",		NULL },
	{ "Basic abc",		NULL },
	{ "Bearera",		NULL },
	{ "Bearer a\xc3\xa4",	NULL },
};

ATF_TC_WITHOUT_HEAD(token);
ATF_TC_BODY(token, tc)
{
	struct http_parser	 p;
	struct http_slice	 s;
	char			 text[512];
	size_t			 i;
	int			 ok;

	for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n"
		    "%s%s%s\r\n", tokens[i].value == NULL ? "" :
		    "Authorization: ", tokens[i].value == NULL ? "" :
		    tokens[i].value, tokens[i].value == NULL ? "" : "\r\n");
		head(&p, text);
		ok = request_token(&p.req, &s) == 0;
		ATF_CHECK_MSG(ok == (tokens[i].token != NULL), "%s",
		    tokens[i].value);
		if (ok && tokens[i].token != NULL)
			ATF_CHECK_MSG(http_slice_is(s, tokens[i].token),
			    "%s", tokens[i].value);
		http_free(&p);
	}
}

ATF_TC_WITHOUT_HEAD(token_length);
ATF_TC_BODY(token_length, tc)
{
	struct http_parser	 p;
	struct http_slice	 s;
	static char		 text[BEARER_TEXT_MAX + 200];
	size_t			 n, more;

	for (more = 0; more < 2; more++) {
		n = strlcpy(text, "GET / HTTP/1.1\r\nHost: a\r\n"
		    "Authorization: Bearer ", sizeof(text));
		memset(text + n, 'a', BEARER_TEXT_MAX + more);
		strlcpy(text + n + BEARER_TEXT_MAX + more, "\r\n\r\n", 8);
		head(&p, text);
		ATF_CHECK_EQ(more == 0 ? 0 : -1, request_token(&p.req, &s));
		http_free(&p);
	}
}

static const struct {
	const char	*line;
	enum role	 role;
	int		 status;
	enum operation	 op;
} lines[] = {
	{ "GET /kbs/v1/version", ROLE_ALL, 0, OP_NONE },
	{ "GET /kbs/v1/version?x=1", ROLE_ALL, 0, OP_NONE },
	{ "GET http://a/kbs/v1/version", ROLE_ALL, 0, OP_NONE },
	{ "GET /kbs/v1/version", ROLE_ADMIN, 0, OP_NONE },
	{ "GET /kbs/v1/version", ROLE_TRANSFER, 0, OP_NONE },
	{ "POST /kbs/v1/keys/" KEYID "/transfer", ROLE_ALL, 0, OP_TRANSFER },
	{ "POST /kbs/v1/keys/" KEYID "/transfer", ROLE_TRANSFER, 0,
	    OP_TRANSFER },
	{ "POST /kbs/v1/keys/" KEYID "/transfer", ROLE_ADMIN, 404, OP_NONE },
	{ "POST /kbs/v1/token", ROLE_TRANSFER, 404, OP_NONE },
	{ "GET /kbs/v1/token", ROLE_TRANSFER, 404, OP_NONE },
	{ "POST /kbs/v1/token", ROLE_ADMIN, 0, OP_LOGIN },
	{ "DELETE /kbs/v1/keys/" KEYID, ROLE_ADMIN, 0, OP_KEY_DELETE },
	{ "DELETE /kbs/v1/keys/" KEYID, ROLE_TRANSFER, 404, OP_NONE },
	{ "POST /kbs/v1/keys/" KEYID, ROLE_ALL, 0, OP_KEY_RELEASE },
	{ "get /kbs/v1/version", ROLE_ALL, 405, OP_NONE },
	{ "OPTIONS *", ROLE_ALL, 404, OP_NONE },
	{ "CONNECT a:443", ROLE_ALL, 404, OP_NONE },
	{ "GET /kbs/v1/keys/0C3D9F0E-8F0A-4C6B-9D3E-2F1B5A7C9E10", ROLE_ALL,
	    0, OP_KEY_FIND },
	{ "GET /kbs/v1/keys/../version", ROLE_ALL, 404, OP_NONE },
	{ "GET /kbs/v1/versio", ROLE_ALL, 404, OP_NONE },
	{ "GET /kbs/v1/versions", ROLE_ALL, 404, OP_NONE },
	{ "GET /kbs/v2/version", ROLE_ALL, 404, OP_NONE },
	{ "GET /kbs/v", ROLE_ALL, 404, OP_NONE },
};

ATF_TC_WITHOUT_HEAD(route);
ATF_TC_BODY(route, tc)
{
	struct http_parser	 p;
	const struct route	*found;
	struct uuid		 id;
	char			 text[512], allow[ALLOW_TEXT];
	size_t			 i;
	int			 status;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: a\r\n\r\n",
		    lines[i].line);
		head(&p, text);
		status = route_find(&p.req, lines[i].role, &found, &id,
		    allow, sizeof(allow));
		ATF_CHECK_MSG(status == lines[i].status, "%s: %d",
		    lines[i].line, status);
		ATF_CHECK_EQ(status == 0, found != NULL);
		ATF_CHECK_EQ(status == 405, allow[0] != '\0');
		if (status == 0 && found != NULL)
			ATF_CHECK_MSG(found->op == lines[i].op, "%s",
			    lines[i].line);
		http_free(&p);
	}
}

static char *
pem_of(EVP_PKEY *key)
{
	BIO	*bio = BIO_new(BIO_s_mem());
	char	*data, *text;
	long	 len;

	ATF_REQUIRE(bio != NULL && PEM_write_bio_PUBKEY(bio, key));
	len = BIO_get_mem_data(bio, &data);
	ATF_REQUIRE((text = strndup(data, (size_t)len)) != NULL);
	BIO_free(bio);
	return (text);
}

static int
takes(const char *text, size_t len)
{
	const char	*why = NULL;
	uint8_t		*der;
	size_t		 derlen = 0;

	der = pubkey_read((const uint8_t *)text, len, &derlen, &why);
	ATF_CHECK_EQ(der == NULL, why != NULL);
	free(der);
	return (der != NULL);
}

ATF_TC_WITHOUT_HEAD(pubkey);
ATF_TC_BODY(pubkey, tc)
{
	EVP_PKEY	*rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256");
	EVP_PKEY	*small = EVP_RSA_gen(1024);
	char		*pem, *text, *bare, big[20000];
	size_t		 len, i;

	ATF_REQUIRE(rsa != NULL && ec != NULL && small != NULL);
	pem = pem_of(rsa);
	len = strlen(pem);
	ATF_CHECK(takes(pem, len));
	ATF_CHECK(takes(pem, len - 1));
	/* none of its prefixes */
	for (i = 0; i < len - 1; i++)
		ATF_CHECK_MSG(!takes(pem, i), "%zu", i);
	/* the base64 alone, on many lines or one */
	ATF_REQUIRE((bare = strchr(pem, '\n')) != NULL);
	ATF_REQUIRE((text = strstr(pem, "-----END")) != NULL);
	ATF_CHECK(takes(bare, (size_t)(text - bare)));
	/* something before or behind, twice, another label */
	ATF_REQUIRE((text = malloc(2 * len + 100)) != NULL);
	snprintf(text, 2 * len + 100, "x%s", pem);
	ATF_CHECK(!takes(text, strlen(text)));
	snprintf(text, 2 * len + 100, "%sx", pem);
	ATF_CHECK(!takes(text, strlen(text)));
	snprintf(text, 2 * len + 100, "%s%s", pem, pem);
	ATF_CHECK(!takes(text, strlen(text)));
	snprintf(text, 2 * len + 100, "\r\n %s \r\n", pem);
	ATF_CHECK(takes(text, strlen(text)));
	memset(big, 'A', sizeof(big));
	ATF_CHECK(!takes(big, sizeof(big)));
	ATF_CHECK(!takes(NULL, 0));
	ATF_CHECK(!takes("", 0));
	ATF_CHECK(!takes("-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----",
	    50));
	free(text);
	free(pem);
	pem = pem_of(ec);
	ATF_CHECK(!takes(pem, strlen(pem)));
	free(pem);
	pem = pem_of(small);
	ATF_CHECK(!takes(pem, strlen(pem)));
	free(pem);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(small);
}

/* Every byte of a key changed in turn: refused or another key, no harm. */
ATF_TC_WITHOUT_HEAD(pubkey_mutated);
ATF_TC_BODY(pubkey_mutated, tc)
{
	EVP_PKEY	*rsa = EVP_RSA_gen(2048);
	uint8_t		*der = NULL;
	char		 text[1024];
	int		 len, i;

	ATF_REQUIRE(rsa != NULL && (len = i2d_PUBKEY(rsa, &der)) > 0);
	for (i = 0; i < len; i++) {
		der[i] ^= 0xff;
		ATF_REQUIRE(base64_encode(text, sizeof(text), der,
		    (size_t)len) > 0);
		(void)takes(text, strlen(text));
		der[i] ^= 0xff;
	}
	/* a byte behind it */
	ATF_REQUIRE((der = realloc(der, (size_t)len + 1)) != NULL);
	der[len] = 0;
	ATF_REQUIRE(base64_encode(text, sizeof(text), der,
	    (size_t)len + 1) > 0);
	ATF_CHECK(!takes(text, strlen(text)));
	free(der);
	EVP_PKEY_free(rsa);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, token);
	ATF_TP_ADD_TC(tp, token_length);
	ATF_TP_ADD_TC(tp, route);
	ATF_TP_ADD_TC(tp, pubkey);
	ATF_TP_ADD_TC(tp, pubkey_mutated);
	return (atf_no_error());
}

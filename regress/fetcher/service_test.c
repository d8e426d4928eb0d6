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
 * The fetcher's parts that take strangers' bytes: URLs, what is asked, what
 * is answered.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetcher.h"
#include "json.h"

/* --- URLs --------------------------------------------------------------- */

struct url_row {
	const char	*text;
	const char	*want;		/* normalised */
	const char	*host;
	uint16_t	 port;
	int		 numeric;
};

static const struct url_row urls[] = {
	{ "https://a.example", "https://a.example/", "a.example", 443, 0 },
	{ "https://A.Example:8443/x/y.crl?z=1",
	    "https://A.Example:8443/x/y.crl?z=1", "a.example", 8443, 0 },
	{ "HTTPS://a.example/", "https://a.example/", "a.example", 443, 0 },
	{ "https://a.example:443/", "https://a.example:443/", "a.example",
	    443, 0 },
	{ "https://127.0.0.1/x", "https://127.0.0.1/x", "127.0.0.1", 443, 1 },
	{ "https://0x7f.1/x", "https://127.0.0.1/x", "127.0.0.1", 443, 1 },
	{ "https://[::1]:9/x", "https://[::1]:9/x", "::1", 9, 1 },
	{ "https://a.example/b/../c", "https://a.example/c", "a.example", 443,
	    0 },
};

static const char *const bad_urls[] = {
	"http://a.example/",
	"ftp://a.example/",
	"file:///etc/passwd",
	"a.example",
	"//a.example/",
	"/x",
	"",
	"https://",
	"https:///x",
	"https:/x",
	"https:x",
	"https:/x?://x",
	"https://a.example./",
	"https://.a.example/",
	"https://u@a.example/",
	"https://u:p@a.example/",
	"https://:p@a.example/",
	"https://a.example/#x",
	"https://a.example:0/",
	"https://a.example:65536/",
	"https://a.example:x/",
	"https://a.exam ple/",
	"https://a.example/x y",
	"https://a.example/\n",
	"https://a.example/\x7f",
	"https://a.example\\@b.example/",
	"https://a\xc3\xa4.example/",
	"https://a%00.example/",
	"https://a%2eexample%2f@b/",
	"https://[::1%25eth0]/",
	"https://[::1/",
	"https://a$b/",
};

ATF_TC_WITHOUT_HEAD(url);
ATF_TC_BODY(url, tc)
{
	const struct url_row	*row;
	struct url		 url;
	const char		*why;
	size_t			 i;

	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		row = &urls[i];
		why = url_parse(&url, row->text);
		ATF_REQUIRE_MSG(why == NULL, "%s: %s", row->text, why);
		ATF_CHECK_STREQ(row->want, url.text);
		ATF_CHECK_STREQ(row->host, url.host.name);
		ATF_CHECK_EQ(row->port, url.host.port);
		ATF_CHECK_EQ_MSG(row->numeric, url.numeric, "%s", row->text);
	}
	for (i = 0; i < sizeof(bad_urls) / sizeof(bad_urls[0]); i++)
		ATF_CHECK_MSG(url_parse(&url, bad_urls[i]) != NULL,
		    "taken: %s as %s", bad_urls[i], url.text);
}

ATF_TC_WITHOUT_HEAD(url_long);
ATF_TC_BODY(url_long, tc)
{
	struct url	 url, longer;
	char		 text[2 * URL_MAX];

	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h/", 10);
	text[URL_MAX - 1] = '\0';
	ATF_CHECK(url_parse(&url, text) == NULL);
	ATF_CHECK(url_append(&longer, &url, "/x") != NULL);
	text[URL_MAX - 1] = 'a';
	text[URL_MAX] = '\0';
	ATF_CHECK(url_parse(&url, text) != NULL);
	memset(text, 'a', sizeof(text));
	memcpy(text, "https://", 8);
	text[8 + HOST_MAX] = '\0';
	ATF_CHECK(url_parse(&url, text) != NULL);
}

ATF_TC_WITHOUT_HEAD(url_joined);
ATF_TC_BODY(url_joined, tc)
{
	struct url	 front, url;

	ATF_REQUIRE(url_parse(&front, "https://a.example/ita//") == NULL);
	ATF_REQUIRE(url_append(&url, &front, "/certs") == NULL);
	ATF_CHECK_STREQ("https://a.example/ita/certs", url.text);
	ATF_REQUIRE(url_parse(&front, "https://a.example") == NULL);
	ATF_REQUIRE(url_append(&url, &front, "/certs") == NULL);
	ATF_CHECK_STREQ("https://a.example/certs", url.text);
	ATF_REQUIRE(url_parse(&front, "https://a.example/?a=b") == NULL);
	ATF_CHECK(url_append(&url, &front, "/certs") != NULL);
}

ATF_TC_WITHOUT_HEAD(proxy);
ATF_TC_BODY(proxy, tc)
{
	struct url	 url;

	ATF_REQUIRE(url_parse_proxy(&url, "p.example:3128") == NULL);
	ATF_CHECK_STREQ("http://p.example:3128", url.text);
	ATF_REQUIRE(url_parse_proxy(&url, "http://p.example") == NULL);
	ATF_CHECK_STREQ("http://p.example:80", url.text);
	ATF_REQUIRE(url_parse_proxy(&url, "https://[::1]/") == NULL);
	ATF_CHECK_STREQ("https://[::1]:443", url.text);
	ATF_CHECK(url_parse_proxy(&url, "socks5://p.example:1") != NULL);
	ATF_CHECK(url_parse_proxy(&url, "u:p@p.example:1") != NULL);
}

ATF_TC_WITHOUT_HEAD(crl_hosts);
ATF_TC_BODY(crl_hosts, tc)
{
	struct url	 url;
	struct host	 host;

	memset(&settings, 0, sizeof(settings));
	ATF_REQUIRE(url_parse(&settings.api, "https://api.example") == NULL);
	ATF_REQUIRE(url_parse(&settings.base, "https://[::1]:8443") == NULL);
	ATF_REQUIRE(host_parse(&settings.crl_hosts[0], "Crl.example") ==
	    NULL);
	ATF_REQUIRE(host_parse(&settings.crl_hosts[1], "c2.example:99") ==
	    NULL);
	settings.ncrl_hosts = 2;
	ATF_CHECK(service_crl("https://api.example/x", &url) == NULL);
	ATF_CHECK(service_crl("https://api.example:443/x", &url) == NULL);
	ATF_CHECK(service_crl("https://[::1]:8443/x", &url) == NULL);
	ATF_CHECK(service_crl("https://crl.example/x", &url) == NULL);
	ATF_CHECK(service_crl("https://C2.Example:99/x", &url) == NULL);
	ATF_CHECK(service_crl("https://api.example:444/x", &url) != NULL);
	ATF_CHECK(service_crl("http://api.example/x", &url) != NULL);
	ATF_CHECK(service_crl("https://c2.example/x", &url) != NULL);
	ATF_CHECK(service_crl("https://xapi.example/x", &url) != NULL);
	ATF_CHECK(service_crl("https://api.example.x/x", &url) != NULL);
	ATF_CHECK(service_crl("https://[::1]/x", &url) != NULL);
	ATF_CHECK(host_parse(&host, "a/b") != NULL);
	ATF_CHECK(host_parse(&host, "u@a") != NULL);
	ATF_CHECK(host_parse(&host, "https://a") != NULL);
	ATF_CHECK(host_parse(&host, "") != NULL);
}

/* --- what is asked ------------------------------------------------------ */

static void
settings_fill(unsigned int version)
{
	memset(&settings, 0, sizeof(settings));
	ATF_REQUIRE(url_parse(&settings.api, "https://api.example/") == NULL);
	ATF_REQUIRE(url_parse(&settings.base, "https://b.example/t") == NULL);
	settings.version = version;
}

static void
asked(const struct question *q, const char *url_want, const char *body_want)
{
	struct url	 url;
	const char	*why;
	char		*body;
	size_t		 len;

	why = service_ask(q, &url, &body, &len);
	ATF_REQUIRE_MSG(why == NULL, "%s", why);
	ATF_CHECK_STREQ(url_want, url.text);
	if (body_want == NULL) {
		ATF_CHECK(body == NULL);
		return;
	}
	ATF_REQUIRE(body != NULL);
	ATF_CHECK_EQ(strlen(body_want), len);
	ATF_CHECK_MSG(len == strlen(body_want) &&
	    memcmp(body, body_want, len) == 0, "%.*s", (int)len, body);
	freezero(body, len);
}

static const uint8_t	*
bytes(const char *s)
{
	return ((const uint8_t *)s);
}

ATF_TC_WITHOUT_HEAD(ask);
ATF_TC_BODY(ask, tc)
{
	struct question	 q;
	char		 ids[2][UUID_TEXT] = {
		"e48dabc5-9608-4ff3-aaed-f25909ab9de1",
		"e48dabc5-9608-4ff3-aaed-f25909ab9de2"
	};

	settings_fill(2);
	memset(&q, 0, sizeof(q));
	q.what = FETCH_NONCE;
	asked(&q, "https://api.example/appraisal/v2/nonce", NULL);
	q.what = FETCH_JWKS;
	asked(&q, "https://b.example/t/certs", NULL);
	q.what = FETCH_ATTEST;
	q.tees = TEE_SGX;
	q.evidence.quote = bytes("quote");
	q.evidence.quotelen = 5;
	asked(&q, "https://api.example/appraisal/v2/attest",
	    "{\"quote\":\"cXVvdGU=\"}");
	q.evidence.user_data = bytes("held");
	q.evidence.user_datalen = 4;
	q.evidence.has_nonce = 1;
	q.evidence.nonce_val = bytes("v");
	q.evidence.nonce_vallen = 1;
	q.evidence.nonce_iat = bytes("i");
	q.evidence.nonce_iatlen = 1;
	q.evidence.nonce_sig = bytes("s");
	q.evidence.nonce_siglen = 1;
	q.evidence.event_log = bytes("log");
	q.evidence.event_loglen = 3;
	q.ids = ids;
	q.nids = 2;
#define PART	"\"quote\":\"cXVvdGU=\",\"verifier_nonce\":{\"val\":\"dg==\"," \
		"\"iat\":\"aQ==\",\"signature\":\"cw==\"},\"runtime_data\":" \
		"\"aGVsZA==\",\"event_log\":\"bG9n\""
#define IDS	"\"policy_ids\":[\"e48dabc5-9608-4ff3-aaed-f25909ab9de1\"," \
		"\"e48dabc5-9608-4ff3-aaed-f25909ab9de2\"]," \
		"\"policy_must_match\":false"
	asked(&q, "https://api.example/appraisal/v2/attest",
	    "{" IDS "," PART "}");
	q.tees = TEE_SGX | TEE_NVGPU;
	q.evidence.nvgpu = bytes(" {\"a\": 1.50, \"b\":[]}\n");
	q.evidence.nvgpulen = strlen((const char *)q.evidence.nvgpu);
	asked(&q, "https://api.example/appraisal/v2/attest",
	    "{" IDS ",\"sgx\":{" PART "},\"nvgpu\": {\"a\": 1.50, \"b\":[]}\n"
	    "}");
	settings_fill(1);
	q.tees = TEE_TDX;
	asked(&q, "https://api.example/appraisal/v1/attest",
	    "{" IDS "," PART "}");
}

ATF_TC_WITHOUT_HEAD(ask_bad);
ATF_TC_BODY(ask_bad, tc)
{
	static const char *const nvgpus[] = {
		"", "[]", "1", "{", "{}}", "{},\"x\":{}", "{\"a\":1,\"a\":2}",
		"{}{}", "null", "{\"a\":\"\xff\"}",
	};
	struct question	 q;
	struct url	 url;
	char		*body;
	size_t		 i, len;

	settings_fill(2);
	memset(&q, 0, sizeof(q));
	q.what = FETCH_ATTEST;
	q.evidence.quote = bytes("quote");
	q.evidence.quotelen = 5;
	ATF_CHECK(service_ask(&q, &url, &body, &len) != NULL);
	q.tees = TEE_SNP;
	ATF_CHECK(service_ask(&q, &url, &body, &len) != NULL);
	q.tees = TEE_TDX | TEE_SNP;
	ATF_CHECK(service_ask(&q, &url, &body, &len) != NULL);
	q.tees = TEE_TDX | TEE_SGX;
	ATF_CHECK(service_ask(&q, &url, &body, &len) != NULL);
	q.tees = TEE_TDX | TEE_NVGPU;
	for (i = 0; i < sizeof(nvgpus) / sizeof(nvgpus[0]); i++) {
		q.evidence.nvgpu = bytes(nvgpus[i]);
		q.evidence.nvgpulen = strlen(nvgpus[i]);
		ATF_CHECK_MSG(service_ask(&q, &url, &body, &len) != NULL,
		    "%s", nvgpus[i]);
		ATF_CHECK(body == NULL);
	}
}

/* --- what is answered --------------------------------------------------- */

static int
reads(uint8_t what, const char *text, size_t len, struct wbuf *w)
{
	char	 why[256];
	void	*copy;
	int	 ret;

	why[0] = '\0';
	/* Exactly its length on the heap, for the sanitizers. */
	copy = malloc(len > 0 ? len : 1);
	ATF_REQUIRE(copy != NULL);
	memcpy(copy, text, len);
	ret = service_read(what, copy, len, w, why, sizeof(why));
	free(copy);
	ATF_CHECK_MSG(ret == 0 || strstr(why, "answer is no ") == why, "%s",
	    why);
	ATF_CHECK(ret == 0 || w->len == 0);
	return (ret);
}

#define NONCE	"{\"val\":\"dg==\",\"iat\":\"aQ==\",\"signature\":\"cw==\"}"

ATF_TC_WITHOUT_HEAD(nonce);
ATF_TC_BODY(nonce, tc)
{
	static const char *const bad[] = {
		"", "[]", "null", "x", "{}",
		"{\"val\":\"dg==\",\"iat\":\"aQ==\"}",
		"{\"val\":\"dg==\",\"iat\":\"aQ==\",\"signature\":1}",
		"{\"val\":\"dg==\",\"iat\":\"aQ==\",\"signature\":\"\"}",
		"{\"val\":\"dh==\",\"iat\":\"aQ==\",\"signature\":\"cw==\"}",
		"{\"val\":\"dg\",\"iat\":\"aQ==\",\"signature\":\"cw==\"}",
		"{\"val\":\"dg== \",\"iat\":\"aQ==\",\"signature\":\"cw==\"}",
		"{\"val\":\"dg==\",\"val\":\"dg==\",\"iat\":\"aQ==\","
		    "\"signature\":\"cw==\"}",
		NONCE "x", NONCE NONCE,
	};
	char		 big[NONCE_BODY_MAX], as[2048];
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	const uint8_t	*p;
	size_t		 i, len;

	ATF_REQUIRE(reads(FETCH_NONCE, NONCE, sizeof(NONCE) - 1, &w) == 0);
	rb_init(&r, w.data, w.len);
	p = rb_bytes(&r, &len, 1, 1);
	ATF_CHECK(p != NULL && *p == 'v');
	p = rb_bytes(&r, &len, 1, 1);
	ATF_CHECK(p != NULL && *p == 'i');
	p = rb_bytes(&r, &len, 1, 1);
	ATF_CHECK(p != NULL && *p == 's');
	ATF_CHECK_EQ(0, rb_end(&r));
	wb_free(&w);
	for (i = 0; i < sizeof(NONCE) - 1; i++)
		ATF_CHECK(reads(FETCH_NONCE, NONCE, i, &w) == -1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(reads(FETCH_NONCE, bad[i], strlen(bad[i]), &w)
		    == -1, "%s", bad[i]);
	memset(as, 'A', sizeof(as));
	/* 1024 bytes pass, 1026 don't. */
	len = (size_t)snprintf(big, sizeof(big), "{\"val\":\"%.*sAA==\","
	    "\"iat\":\"aQ==\",\"signature\":\"cw==\"}", 1364, as);
	ATF_CHECK(reads(FETCH_NONCE, big, len, &w) == 0);
	wb_free(&w);
	len = (size_t)snprintf(big, sizeof(big), "{\"val\":\"%.*s\","
	    "\"iat\":\"aQ==\",\"signature\":\"cw==\"}", 1368, as);
	ATF_CHECK(reads(FETCH_NONCE, big, len, &w) == -1);
}

ATF_TC_WITHOUT_HEAD(token);
ATF_TC_BODY(token, tc)
{
	static const char *const bad[] = {
		"{}", "{\"token\":\"\"}", "{\"token\":null}",
		"{\"token\":[\"a\"]}", "{\"token\":\"a\\u0000\"}",
		"{\"Token\":\"a\"}", "{\"token\":\"a\",\"token\":\"b\"}",
		"\"a\"", "a.b.c",
	};
	static char	 big[TOKEN_BODY_MAX + 16];
	static const char front[] = "{\"token\":\"";
	struct wbuf	 w = { 0 };
	size_t		 i, n = sizeof(front) - 1;

	ATF_REQUIRE(reads(FETCH_ATTEST, "{\"token\":\"a.b.c\",\"x\":1}", 23,
	    &w) == 0);
	ATF_CHECK(w.len == 5 && memcmp(w.data, "a.b.c", 5) == 0);
	wb_free(&w);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(reads(FETCH_ATTEST, bad[i], strlen(bad[i]), &w)
		    == -1, "%s", bad[i]);
	memset(big, 'a', sizeof(big));
	memcpy(big, front, n);
	memcpy(big + n + TOKEN_TEXT_MAX, "\"}", 2);
	ATF_CHECK(reads(FETCH_ATTEST, big, n + TOKEN_TEXT_MAX + 2, &w) == 0);
	ATF_CHECK_EQ(TOKEN_TEXT_MAX, w.len);
	wb_free(&w);
	big[n + TOKEN_TEXT_MAX] = 'a';
	memcpy(big + n + TOKEN_TEXT_MAX + 1, "\"}", 2);
	ATF_CHECK(reads(FETCH_ATTEST, big, n + TOKEN_TEXT_MAX + 3, &w) == -1);
}

ATF_TC_WITHOUT_HEAD(jwks);
ATF_TC_BODY(jwks, tc)
{
	static const char *const bad[] = {
		"{}", "[]", "{\"keys\":{}}", "{\"keys\":[]", "<html>",
		"{\"keys\":[],\"keys\":[]}",
	};
	static const char good[] = " {\"keys\": [], \"x\": 1}\n";
	struct wbuf	 w = { 0 };
	size_t		 i;

	ATF_REQUIRE(reads(FETCH_JWKS, good, sizeof(good) - 1, &w) == 0);
	/* As it came. */
	ATF_CHECK(w.len == sizeof(good) - 1 &&
	    memcmp(w.data, good, w.len) == 0);
	wb_free(&w);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(reads(FETCH_JWKS, bad[i], strlen(bad[i]), &w)
		    == -1, "%s", bad[i]);
}

ATF_TC_WITHOUT_HEAD(crl);
ATF_TC_BODY(crl, tc)
{
	static const struct {
		const char	*data;
		size_t		 len;
		int		 good;
	} rows[] = {
		{ "\x30\x00", 2, 1 },
		{ "\x30\x03" "abc", 5, 1 },
		{ "\x30\x81\x03" "abc", 6, 1 },
		{ "\x30\x82\x00\x03" "abc", 7, 1 },
		{ "-----BEGIN X509 CRL-----\n", 25, 1 },
		{ "", 0, 0 },
		{ "\x30", 1, 0 },
		{ "\x30\x03" "ab", 4, 0 },
		{ "\x30\x03" "abcd", 6, 0 },
		{ "\x31\x03" "abc", 5, 0 },
		{ "\x30\x80" "abc", 5, 0 },
		{ "\x30\x81", 2, 0 },
		{ "\x30\x82\x00", 3, 0 },
		{ "\x30\x83\x00\x00", 4, 0 },
		{ "\x30\x84\x00\x00\x00\x03" "abc", 9, 0 },
		{ "\x30\xff" "abc", 5, 0 },
		{ "<html>", 6, 0 },
		{ "-----BEGIN CERTIFICATE-----\n", 28, 0 },
	};
	struct wbuf	 w = { 0 };
	size_t		 i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ATF_CHECK_EQ_MSG(rows[i].good ? 0 : -1,
		    reads(FETCH_CRL, rows[i].data, rows[i].len, &w),
		    "row %zu", i);
		ATF_CHECK(!rows[i].good || w.len == rows[i].len);
		wb_free(&w);
	}
}

ATF_TC_WITHOUT_HEAD(error);
ATF_TC_BODY(error, tc)
{
	char	 why[512], text[1024];
	int	 n;

	strlcpy(why, "x", sizeof(why));
	service_error(bytes("{\"error\":\"a\\nb\\u00e4\"}"), 22, why,
	    sizeof(why));
	ATF_CHECK_STREQ("x: a?b??", why);
	strlcpy(why, "x", sizeof(why));
	service_error(bytes("{\"message\":\"m\",\"n\":1}"), 21, why,
	    sizeof(why));
	ATF_CHECK_STREQ("x: m", why);
	strlcpy(why, "x", sizeof(why));
	service_error(bytes("<html>"), 6, why, sizeof(why));
	service_error(bytes(""), 0, why, sizeof(why));
	service_error(NULL, 0, why, sizeof(why));
	service_error(bytes("{\"error\":{}}"), 12, why, sizeof(why));
	service_error(bytes("{}"), 2, why, sizeof(why));
	ATF_CHECK_STREQ("x", why);
	n = snprintf(text, sizeof(text), "{\"error\":\"%0900d\"}", 0);
	service_error(bytes(text), (size_t)n, why, sizeof(why));
	ATF_CHECK_EQ(1 + 2 + 160, strlen(why));
}

ATF_TP_ADD_TCS(tp)
{
	json_init();
	ATF_TP_ADD_TC(tp, url);
	ATF_TP_ADD_TC(tp, url_long);
	ATF_TP_ADD_TC(tp, url_joined);
	ATF_TP_ADD_TC(tp, proxy);
	ATF_TP_ADD_TC(tp, crl_hosts);
	ATF_TP_ADD_TC(tp, ask);
	ATF_TP_ADD_TC(tp, ask_bad);
	ATF_TP_ADD_TC(tp, nonce);
	ATF_TP_ADD_TC(tp, token);
	ATF_TP_ADD_TC(tp, jwks);
	ATF_TP_ADD_TC(tp, crl);
	ATF_TP_ADD_TC(tp, error);
	return (atf_no_error());
}

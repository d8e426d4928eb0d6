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
 * URLs, names of kernel keys and HTTP responses: what is taken, and all that
 * must be refused.
 */
#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kbsget.h"
#include "keyring.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

ATF_TC_WITHOUT_HEAD(url_good);
ATF_TC_BODY(url_good, tc)
{
	static const struct {
		const char	*text, *host, *port, *path, *authority;
	} good[] = {
		{ "https://kbs", "kbs", "9443", "", "kbs:9443" },
		{ "HTTPS://kbs.example.net/", "kbs.example.net", "9443", "",
		    "kbs.example.net:9443" },
		{ "https://kbs:1", "kbs", "1", "", "kbs:1" },
		{ "https://kbs:65535/a/b-c_d~1.0//", "kbs", "65535",
		    "/a/b-c_d~1.0", "kbs:65535" },
		{ "https://192.0.2.1:443/x", "192.0.2.1", "443", "/x",
		    "192.0.2.1:443" },
		{ "https://[2001:db8::1]", "2001:db8::1", "9443", "",
		    "[2001:db8::1]:9443" },
		{ "https://[::1]:8443/b", "::1", "8443", "/b", "[::1]:8443" },
	};
	struct url	 url;
	const char	*why;
	char		 buf[300];
	size_t		 i;

	for (i = 0; i < nitems(good); i++) {
		ATF_REQUIRE_EQ_MSG(0, url_parse(&url, good[i].text, &why),
		    "%s: %s", good[i].text, why);
		ATF_CHECK_STREQ(good[i].host, url.host);
		ATF_CHECK_STREQ(good[i].port, url.port);
		ATF_CHECK_STREQ(good[i].path, url.path);
		ATF_REQUIRE_EQ(0, url_authority(&url, buf, sizeof(buf)));
		ATF_CHECK_STREQ(good[i].authority, buf);
	}
	ATF_CHECK_EQ(-1, url_authority(&url, buf, 4));
}

ATF_TC_WITHOUT_HEAD(url_bad);
ATF_TC_BODY(url_bad, tc)
{
	static const char *const bad[] = {
		"", "https", "https:/", "https://", "https:///x",
		"http://kbs", "ftp://kbs", "kbs", "kbs:9443", " https://kbs",
		"https://user@kbs", "https://user:1@kbs", "https://kbs ",
		"https://kbs\r\nX: y", "https://kbs:", "https://kbs:0",
		"https://kbs:65536", "https://kbs:+1", "https://kbs:1x",
		"https://kbs:000001", "https://:1", "https://k bs",
		"https://kbs?x", "https://kbs/?x", "https://kbs#x",
		"https://kbs/%2e%2e", "https://kbs/../x", "https://kbs/a/./b",
		"https://kbs/a//b", "https://kbs//a", "https://kbs/a b",
		"https://kbs/a\nb", "https://.kbs", "https://kbs..net",
		"https://-kbs", "https://kbs-", "https://kbs-.net",
		"https://[::1", "https://::1", "https://[]",
		"https://[kbs]", "https://[::1]x", "https://[::1%lo]",
		"https://[::1]:", "https://k\303\266",
	};
	struct url	 url;
	const char	*why;
	char		 text[2000];
	size_t		 i;

	for (i = 0; i < nitems(bad); i++) {
		why = NULL;
		ATF_CHECK_EQ_MSG(-1, url_parse(&url, bad[i], &why), "%s",
		    bad[i]);
		ATF_CHECK(why != NULL);
	}
	/* names, labels and paths that are too long */
	memset(text, 'a', sizeof(text));
	memcpy(text, "https://", 8);
	text[8 + 64] = '\0';
	ATF_CHECK_EQ(-1, url_parse(&url, text, &why));
	text[8 + 63] = '\0';
	ATF_CHECK_EQ(0, url_parse(&url, text, &why));
	memset(text + 8, 'a', sizeof(text) - 8);
	for (i = 8 + 60; i < 8 + 300; i += 60)
		text[i] = '.';
	text[8 + 254] = '\0';
	ATF_CHECK_EQ(-1, url_parse(&url, text, &why));
	text[8 + 253] = '\0';
	ATF_CHECK_EQ(0, url_parse(&url, text, &why));
	snprintf(text, sizeof(text), "https://k/%0512d", 1);
	ATF_CHECK_EQ(-1, url_parse(&url, text, &why));
}

/* Whole and byte by byte must come to the same; -2 when they differ. */
static int
feed(struct response *r, const char *text, size_t len)
{
	size_t	 i;
	int	 rv1, rv2 = 0;

	response_init(r);
	for (i = 0; i < len && rv2 == 0; i++)
		rv2 = response_feed(r, text + i, 1);
	if (rv2 == 1 && i < len)
		rv2 = response_feed(r, text + i, len - i);
	response_free(r);
	response_init(r);
	rv1 = response_feed(r, text, len);
	return (rv1 == rv2 ? rv1 : -2);
}

ATF_TC_WITHOUT_HEAD(response_good);
ATF_TC_BODY(response_good, tc)
{
	static const char	 plain[] =
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json; x=y\r\n"
	    "Attestation-Type:TDX \r\nX-Request-Id: \t a-1\r\n"
	    "content-length: 5\r\n\r\nhello";
	static const char	 chunked[] =
	    "HTTP/1.1 503 \r\nTransfer-Encoding: Chunked\r\n"
	    "Retry-After: 7\r\n\r\n"
	    "3\r\nhel\r\n02;a=b\r\nlo\r\n0\r\nX-Trailer: 1\r\n\r\n";
	static const char	 interim[] =
	    "HTTP/1.1 100 Continue\r\nX-Request-Id: no\r\n\r\n"
	    "HTTP/1.0 404\r\nContent-Length: 0\r\n\r\n";
	static const char	 none[] = "HTTP/1.1 204 x\r\n\r\n";
	struct response		 r;
	size_t			 i;

	ATF_REQUIRE_EQ(1, feed(&r, plain, sizeof(plain) - 1));
	ATF_CHECK_EQ(200, r.status);
	ATF_CHECK_EQ(1, r.json);
	ATF_CHECK_STREQ("TDX", r.attestation_type);
	ATF_CHECK_STREQ("a-1", r.request_id);
	ATF_REQUIRE_EQ(5, r.bodylen);
	ATF_CHECK_EQ(0, memcmp(r.body, "hello", 5));
	response_free(&r);
	ATF_REQUIRE_EQ(1, feed(&r, chunked, sizeof(chunked) - 1));
	ATF_CHECK_EQ(503, r.status);
	ATF_CHECK_EQ(7, r.retry_after);
	ATF_CHECK_EQ(0, r.json);
	ATF_REQUIRE_EQ(5, r.bodylen);
	ATF_CHECK_EQ(0, memcmp(r.body, "hello", 5));
	response_free(&r);
	ATF_REQUIRE_EQ(1, feed(&r, interim, sizeof(interim) - 1));
	ATF_CHECK_EQ(404, r.status);
	ATF_CHECK_STREQ("", r.request_id);
	response_free(&r);
	ATF_CHECK_EQ(1, feed(&r, none, sizeof(none) - 1));
	response_free(&r);
	/* every beginning of a good one is only a beginning */
	for (i = 0; i < sizeof(plain) - 1; i++) {
		ATF_CHECK_EQ(0, feed(&r, plain, i));
		response_free(&r);
	}
	for (i = 0; i < sizeof(chunked) - 1; i++) {
		ATF_CHECK_EQ(0, feed(&r, chunked, i));
		response_free(&r);
	}
}

#define HEAD	"HTTP/1.1 200 OK\r\n"

ATF_TC_WITHOUT_HEAD(response_bad);
ATF_TC_BODY(response_bad, tc)
{
	static const char *const bad[] = {
		"SSH-2.0-x\r\n", "HTTP/2 200 OK\r\n", "HTTP/1.1 20 OK\r\n",
		"HTTP/1.1  200 OK\r\n", "HTTP/1.1 2000 OK\r\n",
		"HTTP/1.1 600 OK\r\n", "HTTP/1.1 099 OK\r\n",
		"http/1.1 200 OK\r\n", "\r\nHTTP/1.1 200 OK\r\n",
		"HTTP/1.1 200 OK\n", "HTTP/1.1 200 OK\rX",
		"HTTP/1.1 101 x\r\n\r\n",
		HEAD "\r\n",				/* no length */
		HEAD " folded: 1\r\n", HEAD "A: 1\r\n b\r\n\r\n",
		HEAD ": 1\r\n", HEAD "A : 1\r\n", HEAD "A\r\n",
		HEAD "A: \001\r\n", HEAD "A: \177\r\n",
		HEAD "Content-Length: \r\n\r\nx",
		HEAD "Content-Length: -1\r\n", HEAD "Content-Length: +1\r\n",
		HEAD "Content-Length: 0x1\r\n",
		HEAD "Content-Length: 1, 1\r\n",
		HEAD "Content-Length: 65537\r\n",
		HEAD "Content-Length: 99999999999999999999999999\r\n",
		HEAD "Content-Length: 1\r\nContent-Length: 1\r\n",
		HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		HEAD "Transfer-Encoding: gzip, chunked\r\n",
		HEAD "Transfer-Encoding: identity\r\n",
		HEAD "Transfer-Encoding: chunked\r\n"
		    "Transfer-Encoding: chunked\r\n",
		HEAD "X-Request-Id: 1\r\nX-Request-Id: 2\r\n",
		HEAD "Attestation-Type: SGX\r\nAttestation-Type: TDX\r\n",
		HEAD "Content-Length: 1\r\n\r\nxy",
		HEAD "Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n",
		"HTTP/1.1 204 x\r\nContent-Length: 1\r\n\r\n",
		HEAD "Transfer-Encoding: chunked\r\n\r\n\r\n",
		HEAD "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
		HEAD "Transfer-Encoding: chunked\r\n\r\n0x1\r\n",
		HEAD "Transfer-Encoding: chunked\r\n\r\n1 \r\n",
		HEAD "Transfer-Encoding: chunked\r\n\r\n10001\r\n",
		HEAD "Transfer-Encoding: chunked\r\n\r\n"
		    "ffffffffffffffffffffffff\r\n",
		HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n",
		HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\nx\n",
		HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\nbad\r\n",
		HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx",
	};
	struct response	 r;
	size_t		 i;

	for (i = 0; i < nitems(bad); i++) {
		ATF_CHECK_EQ_MSG(-1, feed(&r, bad[i], strlen(bad[i])),
		    "%zu: %s", i, bad[i]);
		ATF_CHECK(r.why != NULL);
		/* and it stays refused */
		ATF_CHECK_EQ(-1, response_feed(&r, "x", 1));
		response_free(&r);
	}
	ATF_CHECK_EQ(-1, feed(&r, HEAD "A: \0\r\n", sizeof(HEAD) + 6));
	response_free(&r);
}

/* Feed the same text n times behind a head: the caps must end it. */
static void
check_endless(const char *head, const char *text, size_t n)
{
	struct response	 r;
	size_t		 i;
	int		 rv;

	response_init(&r);
	rv = response_feed(&r, head, strlen(head));
	for (i = 0; i < n && rv == 0; i++)
		rv = response_feed(&r, text, strlen(text));
	ATF_CHECK_EQ_MSG(-1, rv, "%s", text);
	ATF_CHECK(r.bodylen <= RESPONSE_BODY_MAX);
	response_free(&r);
}

ATF_TC_WITHOUT_HEAD(response_endless);
ATF_TC_BODY(response_endless, tc)
{
	static const char	 chunked[] =
	    HEAD "Transfer-Encoding: chunked\r\n\r\n";

	check_endless("", "HTTP/1.1 100 x\r\n\r\n", 10000);
	check_endless(HEAD, "A: b\r\n", 10000);
	check_endless(HEAD "A: ", "b", 10000);
	check_endless("HTTP/1.1 200 ", "b", 10000);
	check_endless(chunked, "1\r\nx\r\n", 100000);
	check_endless(chunked, "1;aaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n",
	    100000);
	check_endless(chunked, "0", 10000);
	check_endless(HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n",
	    "A: b\r\n", 1000000);
	check_endless(HEAD "Content-Length: 65536\r\n\r\n", "0123456789",
	    10000);
}

ATF_TC_WITHOUT_HEAD(keyspec);
ATF_TC_BODY(keyspec, tc)
{
	static const struct {
		const char	*text, *type, *description;
		int32_t		 ring;
	} good[] = {
		{ "disk", "user", "disk", KEYRING_USER },
		{ "disk:one::two", "user", "disk:one::two", KEYRING_USER },
		{ "@u::disk", "user", "disk", KEYRING_USER },
		{ "@s::disk", "user", "disk", KEYRING_SESSION },
		{ "@us::%user:a", "user", "a", KEYRING_USER_SESSION },
		{ "%logon:fs:a", "logon", "fs:a", KEYRING_USER },
		{ "@s::%logon:fs:", "logon", "fs:", KEYRING_SESSION },
	};
	static const char *const bad[] = {
		"", "@", "@u", "@u:disk", "@u::", "@p::disk", "@s::@u::disk",
		"%", "%user", "%user:", "%USER:disk", "%keyring:disk",
		"%user:%user:disk", "@u::%logon:disk", "%logon::disk",
		"a disk", "disk\n", "d\351sk", " disk",
	};
	struct keyspec	 spec;
	const char	*why;
	char		 text[KEYSPEC_MAX + 2];
	size_t		 i;

	for (i = 0; i < nitems(good); i++) {
		ATF_REQUIRE_EQ_MSG(0, keyspec_parse(&spec, good[i].text,
		    &why), "%s: %s", good[i].text, why);
		ATF_CHECK_EQ(good[i].ring, spec.ring);
		ATF_CHECK_STREQ(good[i].type, spec.type);
		ATF_CHECK_STREQ(good[i].description, spec.description);
	}
	for (i = 0; i < nitems(bad); i++) {
		why = NULL;
		ATF_CHECK_EQ_MSG(-1, keyspec_parse(&spec, bad[i], &why), "%s",
		    bad[i]);
		ATF_CHECK(why != NULL);
	}
	memset(text, 'x', sizeof(text));
	text[KEYSPEC_MAX + 1] = '\0';
	ATF_CHECK_EQ(-1, keyspec_parse(&spec, text, &why));
	text[KEYSPEC_MAX] = '\0';
	ATF_CHECK_EQ(0, keyspec_parse(&spec, text, &why));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, url_good);
	ATF_TP_ADD_TC(tp, url_bad);
	ATF_TP_ADD_TC(tp, keyspec);
	ATF_TP_ADD_TC(tp, response_good);
	ATF_TP_ADD_TC(tp, response_bad);
	ATF_TP_ADD_TC(tp, response_endless);
	return (atf_no_error());
}

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
 * The HTTP parser of the frontend: framing and smuggling.  Every row of the
 * tables is fed in one piece, one byte at a time and in pieces of 2, 3, 7
 * and 1000 bytes; the outcome must be the same text.  Rows that are good are
 * also cut at every byte, which must leave the parser waiting.
 */
#include <sys/types.h>

#include <atf-c.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/http.h"

#define LIMIT		64	/* of bodies, in the tables */
#define H		"Host: kbs.example\r\n"
#define POST		"POST /k HTTP/1.1\r\n" H
#define CHUNKED		POST "Transfer-Encoding: chunked\r\n\r\n"

/*
 * want: each request as "METHOD path?query minor keep|close [body]\n", then
 * "!STATUS" when the connection died, or "~" when half a request is left.
 */
struct row {
	const char	*name;
	const char	*in;
	size_t		 len;
	const char	*want;
};
#define ROW(name, in, want)	{ name, in, sizeof(in) - 1, want }
#define OK_A			"GET /a 1.1 keep []\n"

struct outcome {
	char		 text[4096];
	size_t		 len;
	int		 requests;
	int		 continues;
};

static void
say(struct outcome *o, const char *s, size_t len)
{
	ATF_REQUIRE(o->len + len < sizeof(o->text));
	if (len == 0)
		return;
	memcpy(o->text + o->len, s, len);
	o->len += len;
	o->text[o->len] = '\0';
}

static void
say_text(struct outcome *o, const char *s)
{
	say(o, s, strlen(s));
}

static void
say_request(struct outcome *o, const struct http_request *req)
{
	char	 buf[64];

	say(o, req->method.base, req->method.len);
	say_text(o, " ");
	say(o, req->target.path.base, req->target.path.len);
	if (req->target.query.base != NULL) {
		say_text(o, "?");
		say(o, req->target.query.base, req->target.query.len);
	}
	snprintf(buf, sizeof(buf), " 1.%d %s [", req->minor,
	    req->keepalive ? "keep" : "close");
	say_text(o, buf);
	say(o, (const char *)req->body, req->bodylen);
	say_text(o, "]\n");
	o->requests++;
}

/* 0 when the connection ended. */
static int
feed(struct http_parser *p, struct outcome *o, const char *in, size_t len)
{
	char	 buf[16];
	char	*copy;
	size_t	 used, off = 0;
	int	 r;

	/* A block of its own, so that a sanitizer sees reads beyond it. */
	ATF_REQUIRE((copy = malloc(len + 1)) != NULL);
	memcpy(copy, in, len);
	copy[len] = '\0';
	for (;;) {
		r = http_feed(p, copy + off, len - off, &used);
		ATF_REQUIRE(used <= len - off);
		off += used;
		if (r == HTTP_NEED_MORE) {
			ATF_REQUIRE_EQ(off, len);
			break;
		}
		if (r == HTTP_HEAD_DONE &&
		    http_body_limit(p, LIMIT) == HTTP_NEED_MORE) {
			o->continues += http_wants_continue(p);
			ATF_REQUIRE_EQ(http_wants_continue(p), 0);
		}
		if (r == HTTP_ERROR) {
			ATF_REQUIRE(p->why != NULL);
			ATF_REQUIRE_EQ(p->state, HTTP_S_DEAD);
			snprintf(buf, sizeof(buf), "!%d", p->status);
			say_text(o, buf);
			break;
		}
		if (r == HTTP_REQUEST_DONE) {
			say_request(o, &p->req);
			if (http_next(p) == -1) {
				r = HTTP_ERROR;
				break;
			}
		}
	}
	free(copy);
	return (r != HTTP_ERROR);
}

/* Feed in pieces. */
static void
run(struct outcome *o, const char *in, size_t len, size_t piece)
{
	struct http_parser	 p;
	size_t			 off, n;
	int			 alive = 1;

	memset(o, 0, sizeof(*o));
	http_init(&p);
	for (off = 0; alive && off < len; off += n) {
		n = len - off < piece ? len - off : piece;
		alive = feed(&p, o, in + off, n);
	}
	if (alive && !http_is_idle(&p))
		say_text(o, "~");
	if (!alive) {
		/* Dead stays dead, and takes nothing. */
		ATF_REQUIRE_EQ(http_feed(&p, "GET / ", 6, &n), HTTP_ERROR);
		ATF_REQUIRE_EQ(n, 0);
	}
	http_free(&p);
}

static void
check_row(const struct row *row)
{
	static const size_t	 pieces[] = { 1, 2, 3, 7, 1000 };
	struct outcome		 o, whole;
	size_t			 i;

	run(&whole, row->in, row->len, row->len);
	ATF_CHECK_MSG(strcmp(whole.text, row->want) == 0,
	    "%s: got \"%s\", want \"%s\"", row->name, whole.text, row->want);
	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		run(&o, row->in, row->len, pieces[i]);
		ATF_CHECK_MSG(strcmp(whole.text, o.text) == 0,
		    "%s: in pieces of %zu \"%s\", else \"%s\"", row->name,
		    pieces[i], o.text, whole.text);
		ATF_CHECK_EQ(o.continues, whole.continues);
	}
}

/*
 * Good rows end with a whole request; what follows one that closes the
 * connection is never looked at.
 */
static void
check_truncations(const struct row *row)
{
	struct outcome	 o, whole;
	size_t		 i;
	int		 closes;

	run(&whole, row->in, row->len, row->len);
	if (strchr(whole.text, '!') != NULL || whole.requests == 0)
		return;
	closes = strstr(whole.text, " close [") != NULL;
	for (i = 1; i < row->len; i++) {
		run(&o, row->in, i, i);
		ATF_CHECK_MSG(strchr(o.text, '!') == NULL,
		    "%s: cut to %zu bytes dies", row->name, i);
		ATF_CHECK_MSG(o.requests < whole.requests ||
		    strchr(o.text, '~') != NULL || closes,
		    "%s: cut to %zu bytes is whole", row->name, i);
		o.text[o.len - (o.len > 0 && o.text[o.len - 1] == '~')] = '\0';
		ATF_CHECK_MSG(strncmp(o.text, whole.text,
		    strlen(o.text)) == 0, "%s: cut to %zu bytes differs",
		    row->name, i);
	}
}

static void
check_rows(const struct row *rows, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++) {
		check_row(&rows[i]);
		check_truncations(&rows[i]);
	}
}

static const struct row request_line[] = {
	ROW("plain", "GET /a HTTP/1.1\r\n" H "\r\n", OK_A),
	ROW("any token is a method", "M-1!x /a HTTP/1.1\r\n" H "\r\n",
	    "M-1!x /a 1.1 keep []\n"),
	ROW("lower case method is another", "get /a HTTP/1.1\r\n" H "\r\n",
	    "get /a 1.1 keep []\n"),
	ROW("trace is for the caller", "TRACE /a HTTP/1.1\r\n" H "\r\n",
	    "TRACE /a 1.1 keep []\n"),
	ROW("connect", "CONNECT a:1 HTTP/1.1\r\n" H "\r\n",
	    "CONNECT  1.1 close []\n"),
	ROW("connect without port", "CONNECT a HTTP/1.1\r\n" H "\r\n",
	    "!400"),
	ROW("connect with a path", "CONNECT /a HTTP/1.1\r\n" H "\r\n",
	    "!400"),
	ROW("options star", "OPTIONS * HTTP/1.1\r\n" H "\r\n",
	    "OPTIONS * 1.1 keep []\n"),
	ROW("get star", "GET * HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("one empty line before", "\r\nGET /a HTTP/1.1\r\n" H "\r\n",
	    OK_A),
	ROW("two empty lines before",
	    "\r\n\r\nGET /a HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("bare LF before", "\nGET /a HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("space before", " GET /a HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("two spaces", "GET  /a HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("two spaces later", "GET /a  HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("tab", "GET\t/a HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("tab later", "GET /a\tHTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("space at the end", "GET /a HTTP/1.1 \r\n" H "\r\n", "!400"),
	ROW("method is no token", "G@T /a HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("no method", "/a HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("HTTP/0.9", "GET /a\r\n", "!400"),
	ROW("method alone", "GET\r\n", "!400"),
	ROW("bare LF", "GET /a HTTP/1.1\n" H "\r\n", "!400"),
	ROW("bare CR", "GET /a HTTP/1.1\rHost: a\r\n\r\n", "!400"),
	ROW("two CR", "GET /a HTTP/1.1\r\r\n" H "\r\n", "!400"),
	ROW("NUL in the target", "GET /a\0b HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("NUL in the method", "G\0T /a HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("8 bit in the target", "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n",
	    "!400"),
	ROW("version 1.2", "GET /a HTTP/1.2\r\n" H "\r\n", "!505"),
	ROW("version 2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!400"),
	ROW("version 2.0, get", "GET / HTTP/2.0\r\n" H "\r\n", "!505"),
	ROW("version 0.9", "GET / HTTP/0.9\r\n" H "\r\n", "!505"),
	ROW("version in lower case", "GET /a http/1.1\r\n" H "\r\n", "!400"),
	ROW("version 1.10", "GET /a HTTP/1.10\r\n" H "\r\n", "!400"),
	ROW("version 01.1", "GET /a HTTP/01.1\r\n" H "\r\n", "!400"),
	ROW("version 1", "GET /a HTTP/1\r\n" H "\r\n", "!400"),
	ROW("version 1,1", "GET /a HTTP/1,1\r\n" H "\r\n", "!400"),
	ROW("version of another", "GET /a ICAP/1.1\r\n" H "\r\n", "!400"),
	ROW("method of 33",
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456 / HTTP/1.1\r\n" H "\r\n",
	    "!501"),
	ROW("a TLS record", "\x16\x03\x01\x02\x00\x01\x00\x01", "!400"),
};

static const struct row target[] = {
	ROW("query", "GET /a?b=c&d=%20 HTTP/1.1\r\n" H "\r\n",
	    "GET /a?b=c&d=%20 1.1 keep []\n"),
	ROW("empty query", "GET /a? HTTP/1.1\r\n" H "\r\n",
	    "GET /a? 1.1 keep []\n"),
	ROW("second mark", "GET /a?b=?/ HTTP/1.1\r\n" H "\r\n",
	    "GET /a?b=?/ 1.1 keep []\n"),
	ROW("encoded stays encoded", "GET /%6bbs/%2e%2E HTTP/1.1\r\n" H
	    "\r\n", "GET /%6bbs/%2e%2E 1.1 keep []\n"),
	ROW("dots are not followed", "GET /a/../b//c HTTP/1.1\r\n" H "\r\n",
	    "GET /a/../b//c 1.1 keep []\n"),
	ROW("all of pchar", "GET /-._~!$&'()*+,;=:@ HTTP/1.1\r\n" H "\r\n",
	    "GET /-._~!$&'()*+,;=:@ 1.1 keep []\n"),
	ROW("fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("fragment after query", "GET /a?b#c HTTP/1.1\r\n" H "\r\n",
	    "!400"),
	ROW("percent alone", "GET /a% HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("percent and one", "GET /a%4 HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("percent and no hex", "GET /a%4g HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("bad percent in query", "GET /a?%zz HTTP/1.1\r\n" H "\r\n",
	    "!400"),
	ROW("backslash", "GET /a\\b HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("quote", "GET /a\"b HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("brackets in query", "GET /a?b[]=1 HTTP/1.1\r\n" H "\r\n",
	    "!400"),
	ROW("relative", "GET a HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("no slash but a query", "GET ?a HTTP/1.1\r\n" H "\r\n", "!400"),
	ROW("absolute", "GET https://kbs.example:9443/a?b HTTP/1.1\r\n" H
	    "\r\n", "GET /a?b 1.1 keep []\n"),
	ROW("absolute, scheme in any case", "GET HTTP://x/a HTTP/1.1\r\n" H
	    "\r\n", OK_A),
	ROW("absolute without path", "GET http://x HTTP/1.1\r\n" H "\r\n",
	    "GET / 1.1 keep []\n"),
	ROW("absolute, query without path", "GET http://x?y HTTP/1.1\r\n" H
	    "\r\n", "GET /?y 1.1 keep []\n"),
	ROW("absolute, IPv6", "GET http://[::1]:80/a HTTP/1.1\r\n" H "\r\n",
	    OK_A),
	ROW("absolute without host", "GET http:///a HTTP/1.1\r\n" H "\r\n",
	    "!400"),
	ROW("absolute with a user", "GET http://u@x/a HTTP/1.1\r\n" H "\r\n",
	    "!400"),
	ROW("absolute, other scheme", "GET ftp://x/a HTTP/1.1\r\n" H "\r\n",
	    "!400"),
	ROW("absolute, one slash", "GET http:/x/a HTTP/1.1\r\n" H "\r\n",
	    "!400"),
	ROW("absolute without Host line", "GET http://x/a HTTP/1.1\r\n\r\n",
	    "!400"),
	ROW("absolute, fragment", "GET http://x/a#b HTTP/1.1\r\n" H "\r\n",
	    "!400"),
	ROW("authority form without connect", "GET x:80 HTTP/1.1\r\n" H
	    "\r\n", "!400"),
};

#define GET		"GET /a HTTP/1.1\r\n"
static const struct row headers[] = {
	ROW("empty value", GET H "X:\r\n\r\n", OK_A),
	ROW("white space around", GET H "X: \t a b \t\r\n\r\n", OK_A),
	ROW("8 bit in a value", GET H "X: \xff\x80\r\n\r\n", OK_A),
	ROW("name of odd characters", GET H "!#$%&'*+-.^_`|~09: x\r\n\r\n",
	    OK_A),
	ROW("colons in a value", GET H "X: a:b::\r\n\r\n", OK_A),
	ROW("fold", GET H "X: a\r\n b\r\n\r\n", "!400"),
	ROW("fold by tab", GET H "X: a\r\n\tb\r\n\r\n", "!400"),
	ROW("fold at the start", GET " Host: a\r\n\r\n", "!400"),
	ROW("line of a space", GET H " \r\n\r\n", "!400"),
	ROW("space before colon", GET H "X : a\r\n\r\n", "!400"),
	ROW("tab before colon", GET H "X\t: a\r\n\r\n", "!400"),
	ROW("no name", GET H ": a\r\n\r\n", "!400"),
	ROW("no colon", GET H "X\r\n\r\n", "!400"),
	ROW("8 bit in a name", GET H "X\xe4: a\r\n\r\n", "!400"),
	ROW("parenthesis in a name", GET H "X(y): a\r\n\r\n", "!400"),
	ROW("NUL in a value", GET H "X: a\0b\r\n\r\n", "!400"),
	ROW("NUL in a name", GET H "X\0: a\r\n\r\n", "!400"),
	ROW("bell in a value", GET H "X: \a\r\n\r\n", "!400"),
	ROW("vertical tab in a value", GET H "X: \v\r\n\r\n", "!400"),
	ROW("DEL in a value", GET H "X: \x7f\r\n\r\n", "!400"),
	ROW("bare LF", GET H "X: a\nY: b\r\n\r\n", "!400"),
	ROW("bare CR", GET H "X: a\rY: b\r\n\r\n", "!400"),
	ROW("LF CR", GET H "X: a\n\r\n", "!400"),
	ROW("head ends by LF LF", "GET /a HTTP/1.1\nHost: a\n\n", "!400"),
	ROW("head ends by CRLF LF", GET H "\n", "!400"),
	ROW("head ends by CR CR", GET H "\r\r", "!400"),
	ROW("two CR before LF", GET H "X: a\r\r\n\r\n", "!400"),
	ROW("upgrade is ignored", GET H "Upgrade: h2c\r\n"
	    "Connection: Upgrade\r\n\r\n", OK_A),
};

static const struct row host[] = {
	ROW("any case of the name", GET "hOsT: x\r\n\r\n", OK_A),
	ROW("port", GET "Host: x:9443\r\n\r\n", OK_A),
	ROW("empty port", GET "Host: x:\r\n\r\n", OK_A),
	ROW("IPv4", GET "Host: 192.0.2.1\r\n\r\n", OK_A),
	ROW("IPv6", GET "Host: [2001:db8::1]:1\r\n\r\n", OK_A),
	ROW("none", GET "\r\n", "!400"),
	ROW("none in 1.0", "GET /a HTTP/1.0\r\n\r\n",
	    "GET /a 1.0 close []\n"),
	ROW("two", GET H H "\r\n", "!400"),
	ROW("two that differ", GET H "X: y\r\nHOST: other\r\n\r\n", "!400"),
	ROW("two in 1.0", "GET /a HTTP/1.0\r\n" H H "\r\n", "!400"),
	ROW("empty", GET "Host:\r\n\r\n", "!400"),
	ROW("space inside", GET "Host: a b\r\n\r\n", "!400"),
	ROW("a list", GET "Host: a, b\r\n\r\n", "!400"),
	ROW("a list without space", GET "Host: a,b\r\n\r\n", "!400"),
	ROW("a user", GET "Host: u@a\r\n\r\n", "!400"),
	ROW("a path", GET "Host: a/b\r\n\r\n", "!400"),
	ROW("a scheme", GET "Host: http://a\r\n\r\n", "!400"),
	ROW("port of letters", GET "Host: a:b\r\n\r\n", "!400"),
	ROW("port too high", GET "Host: a:65536\r\n\r\n", "!400"),
	ROW("port of six digits", GET "Host: a:000080\r\n\r\n", "!400"),
	ROW("port with sign", GET "Host: a:+80\r\n\r\n", "!400"),
	ROW("only a port", GET "Host: :80\r\n\r\n", "!400"),
	ROW("two ports", GET "Host: a:1:2\r\n\r\n", "!400"),
	ROW("IPv6 without brackets", GET "Host: ::1\r\n\r\n", "!400"),
	ROW("IPv6 not closed", GET "Host: [::1\r\n\r\n", "!400"),
	ROW("IPv6 that is none", GET "Host: [::g]\r\n\r\n", "!400"),
	ROW("IPv6 empty", GET "Host: []\r\n\r\n", "!400"),
	ROW("IPv6 with zone", GET "Host: [fe80::1%25eth0]\r\n\r\n", "!400"),
	ROW("IPv6 and more", GET "Host: [::1]x\r\n\r\n", "!400"),
};

#define CL(v)		POST "Content-Length:" v "\r\n\r\n"
static const struct row length[] = {
	ROW("five", CL(" 5") "hello", "POST /k 1.1 keep [hello]\n"),
	ROW("without a space", CL("5") "hello", "POST /k 1.1 keep [hello]\n"),
	ROW("spaces and tab", CL(" \t5 \t") "hello",
	    "POST /k 1.1 keep [hello]\n"),
	ROW("zero", CL(" 0"), "POST /k 1.1 keep []\n"),
	ROW("none", POST "\r\n", "POST /k 1.1 keep []\n"),
	ROW("of a GET", GET H "Content-Length: 2\r\n\r\nxx",
	    "GET /a 1.1 keep [xx]\n"),
	ROW("body is bytes", CL(" 4") "\r\n\n\x01",
	    "POST /k 1.1 keep [\r\n\n\x01]\n"),
	ROW("at the limit", CL(" 64")
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	    "POST /k 1.1 keep [0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0123456789abcdef]\n"),
	ROW("one over the limit", CL(" 65"), "!413"),
	ROW("largest number", CL(" 18446744073709551615"), "!413"),
	ROW("overflow", CL(" 18446744073709551616"), "!400"),
	ROW("overflow to five", CL(" 18446744073709551621") "hello", "!400"),
	ROW("32 bit overflow to five", CL(" 4294967301") "hello", "!413"),
	ROW("thirty digits", CL(" 999999999999999999999999999999"), "!400"),
	ROW("plus", CL(" +5") "hello", "!400"),
	ROW("minus", CL(" -5") "hello", "!400"),
	ROW("minus zero", CL(" -0"), "!400"),
	ROW("hex", CL(" 0x5") "hello", "!400"),
	ROW("hex digits", CL(" a") "0123456789", "!400"),
	ROW("leading zero", CL(" 05") "hello", "!400"),
	ROW("two zeros", CL(" 00"), "!400"),
	ROW("space inside", CL(" 1 0") "0123456789", "!400"),
	ROW("underscore", CL(" 1_0") "0123456789", "!400"),
	ROW("dot", CL(" 5.0") "hello", "!400"),
	ROW("exponent", CL(" 1e1") "0123456789", "!400"),
	ROW("list of equals", CL(" 5, 5") "hello", "!400"),
	ROW("list", CL(" 5,6") "hello", "!400"),
	ROW("comma", CL(" 5,") "hello", "!400"),
	ROW("empty", CL(""), "!400"),
	ROW("letters", CL(" five") "hello", "!400"),
	ROW("quoted", CL(" \"5\"") "hello", "!400"),
	ROW("digits of another script", CL(" \xd9\xa5") "hello", "!400"),
	ROW("two equal", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"
	    "hello", "!400"),
	ROW("two that differ", POST
	    "Content-Length: 5\r\ncontent-length: 0\r\n\r\nhello", "!400"),
	ROW("name with a space", POST "Content-Length : 5\r\n\r\nhello",
	    "!400"),
	ROW("folded", POST "Content-Length:\r\n 5\r\n\r\nhello", "!400"),
	ROW("short body", CL(" 5") "hell", "~"),
	ROW("body and a request", CL(" 5") "helloGET /a HTTP/1.1\r\n" H
	    "\r\n", "POST /k 1.1 keep [hello]\n" OK_A),
	ROW("hidden request is body", POST "Content-Length: 20\r\n\r\n"
	    "GET /x HTTP/1.1\r\n\r\n" "\n",
	    "POST /k 1.1 keep [GET /x HTTP/1.1\r\n\r\n\n]\n"),
};

#define TE(v)		POST "Transfer-Encoding:" v "\r\n\r\n5\r\nhello\r\n" \
			"0\r\n\r\n"
#define HELLO		"POST /k 1.1 keep [hello]\n"
static const struct row coding[] = {
	ROW("chunked", TE(" chunked"), HELLO),
	ROW("chunked in any case", TE(" ChUnKeD"), HELLO),
	ROW("chunked after a tab", TE("\tchunked "), HELLO),
	ROW("in 1.0", "POST /k HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"
	    "\r\n0\r\n\r\n", "!400"),
	ROW("both, length first", POST "Content-Length: 5\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "!400"),
	ROW("both, coding first", POST "Transfer-Encoding: chunked\r\n"
	    "Content-Length: 5\r\n\r\n0\r\n\r\n", "!400"),
	ROW("both, length 0", POST "Transfer-Encoding: chunked\r\n"
	    "Content-Length: 0\r\n\r\n0\r\n\r\n", "!400"),
	ROW("both, coding identity", POST "Transfer-Encoding: identity\r\n"
	    "Content-Length: 5\r\n\r\nhello", "!400"),
	ROW("identity", TE(" identity"), "!400"),
	ROW("gzip", TE(" gzip"), "!400"),
	ROW("gzip, chunked", TE(" gzip, chunked"), "!400"),
	ROW("chunked, gzip", TE(" chunked, gzip"), "!400"),
	ROW("chunked twice in a list", TE(" chunked, chunked"), "!400"),
	ROW("chunked and a comma", TE(" chunked,"), "!400"),
	ROW("comma and chunked", TE(" ,chunked"), "!400"),
	ROW("chunked twice", POST "Transfer-Encoding: chunked\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "!400"),
	ROW("identity and chunked", POST "Transfer-Encoding: identity\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "!400"),
	ROW("parameter", TE(" chunked;a=b"), "!400"),
	ROW("quoted", TE(" \"chunked\""), "!400"),
	ROW("xchunked", TE(" xchunked"), "!400"),
	ROW("chunkedx", TE(" chunkedx"), "!400"),
	ROW("empty", TE(""), "!400"),
	ROW("vertical tab", TE(" \vchunked"), "!400"),
	ROW("NUL after", POST "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n",
	    "!400"),
	ROW("no-break space", TE(" chunked\xa0"), "!400"),
	ROW("name with a space", POST "Transfer-Encoding : chunked\r\n\r\n"
	    "0\r\n\r\n", "!400"),
	ROW("folded", POST "Transfer-Encoding:\r\n chunked\r\n\r\n"
	    "0\r\n\r\n", "!400"),
	ROW("hidden behind a CR", POST "X: y\rTransfer-Encoding: chunked\r\n"
	    "\r\n0\r\n\r\n", "!400"),
	ROW("hidden behind a LF", POST "X: y\nTransfer-Encoding: chunked\r\n"
	    "\r\n0\r\n\r\n", "!400"),
};

#define EMPTY		"POST /k 1.1 keep []\n"
#define END		"\r\n0\r\n\r\n"
static const struct row chunks[] = {
	ROW("none", CHUNKED "0\r\n\r\n", EMPTY),
	ROW("two", CHUNKED "2\r\nhe\r\n3\r\nllo" END, HELLO),
	ROW("hex in both cases", CHUNKED "a\r\n0123456789\r\nB\r\n"
	    "0123456789a" END,
	    "POST /k 1.1 keep [01234567890123456789a]\n"),
	ROW("leading zeros", CHUNKED "0000000000000005\r\nhello\r\n"
	    "00\r\n\r\n", HELLO),
	ROW("seventeen digits", CHUNKED "00000000000000005\r\nhello" END,
	    "!400"),
	ROW("largest", CHUNKED "ffffffffffffffff\r\nhello", "!413"),
	ROW("overflow to five", CHUNKED "10000000000000005\r\nhello" END,
	    "!400"),
	ROW("32 bit overflow", CHUNKED "100000005\r\nhello" END, "!413"),
	ROW("at the limit", CHUNKED "40\r\n0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0123456789abcdef" END,
	    "POST /k 1.1 keep [0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0123456789abcdef]\n"),
	ROW("over the limit", CHUNKED "41\r\n", "!413"),
	ROW("over the limit by the second", CHUNKED "5\r\nhello\r\n3c\r\n",
	    "!413"),
	ROW("0x", CHUNKED "0x5\r\nhello" END, "!400"),
	ROW("plus", CHUNKED "+5\r\nhello" END, "!400"),
	ROW("minus", CHUNKED "-5\r\nhello" END, "!400"),
	ROW("space before", CHUNKED " 5\r\nhello" END, "!400"),
	ROW("space after", CHUNKED "5 \r\nhello" END, "!400"),
	ROW("tab after", CHUNKED "5\t\r\nhello" END, "!400"),
	ROW("empty size", CHUNKED "\r\nhello" END, "!400"),
	ROW("no hex", CHUNKED "g\r\nhello" END, "!400"),
	ROW("underscore", CHUNKED "0_5\r\nhello" END, "!400"),
	ROW("NUL in the size", CHUNKED "5\0\r\nhello" END, "!400"),
	ROW("size ends by LF", CHUNKED "5\nhello" END, "!400"),
	ROW("size ends by CR", CHUNKED "5\rhello" END, "!400"),
	ROW("data ends by LF", CHUNKED "5\r\nhello\n0\r\n\r\n", "!400"),
	ROW("data ends by CR", CHUNKED "5\r\nhello\r0\r\n\r\n", "!400"),
	ROW("data ends by nothing", CHUNKED "5\r\nhello0\r\n\r\n", "!400"),
	ROW("data too long", CHUNKED "4\r\nhello" END, "!400"),
	ROW("data too short", CHUNKED "6\r\nhello" END, "!400"),
	ROW("two bytes of other ends", CHUNKED "5\r\nhelloXY0\r\n\r\n",
	    "!400"),
	ROW("last ends by LF", CHUNKED "0\n\n", "!400"),
	ROW("end by LF", CHUNKED "0\r\n\n", "!400"),
	ROW("not ended", CHUNKED "5\r\nhello\r\n0\r\n", "~"),
	ROW("and a request", CHUNKED "5\r\nhello" END GET H "\r\n",
	    HELLO OK_A),
	ROW("data that looks like an end", CHUNKED "5\r\n0\r\n\r\n" END,
	    "POST /k 1.1 keep [0\r\n\r\n]\n"),
	ROW("extension", CHUNKED "5;a\r\nhello" END, HELLO),
	ROW("extension with value", CHUNKED "5;a=b;c=\"d;\\\" e\"\r\nhello"
	    END, HELLO),
	ROW("white space in extension", CHUNKED "5 ; a = b ;c\r\nhello" END,
	    HELLO),
	ROW("extension of the last", CHUNKED "5\r\nhello\r\n0;x=y\r\n\r\n",
	    HELLO),
	ROW("extension without name", CHUNKED "5;\r\nhello" END, "!400"),
	ROW("extension without value", CHUNKED "5;a=\r\nhello" END, "!400"),
	ROW("extension, space at the end", CHUNKED "5;a \r\nhello" END,
	    "!400"),
	ROW("extension, space after the value", CHUNKED "5;a=b \r\nhello"
	    END, "!400"),
	ROW("extension, two names", CHUNKED "5;a b\r\nhello" END, "!400"),
	ROW("extension, open quote", CHUNKED "5;a=\"b\r\nhello" END, "!400"),
	ROW("extension, LF in quotes", CHUNKED "5;a=\"\n\"\r\nhello" END,
	    "!400"),
	ROW("extension, CR in quotes", CHUNKED "5;a=\"\r\"\r\nhello" END,
	    "!400"),
	ROW("extension, bare LF", CHUNKED "5;a\nhello" END, "!400"),
	ROW("extension, NUL", CHUNKED "5;a\0\r\nhello" END, "!400"),
	ROW("extension, DEL in quotes", CHUNKED "5;a=\"\x7f\"\r\nhello" END,
	    "!400"),
};

static const struct row trailers[] = {
	ROW("one", CHUNKED "5\r\nhello\r\n0\r\nX: y\r\n\r\n", HELLO),
	ROW("two, and a request", CHUNKED "5\r\nhello\r\n0\r\nX: y\r\nZ:\r\n"
	    "\r\n" GET H "\r\n", HELLO OK_A),
	ROW("framing in it means nothing", CHUNKED "5\r\nhello\r\n0\r\n"
	    "Content-Length: 30\r\nTransfer-Encoding: gzip\r\nHost: b\r\n"
	    "Connection: close\r\n\r\n" GET H "\r\n", HELLO OK_A),
	ROW("no colon", CHUNKED "0\r\nX\r\n\r\n", "!400"),
	ROW("a request is no trailer", CHUNKED "0\r\n" GET H "\r\n", "!400"),
	ROW("fold", CHUNKED "0\r\nX: y\r\n z\r\n\r\n", "!400"),
	ROW("space before colon", CHUNKED "0\r\nX : y\r\n\r\n", "!400"),
	ROW("bare LF", CHUNKED "0\r\nX: y\nZ: z\r\n\r\n", "!400"),
	ROW("bare CR", CHUNKED "0\r\nX: y\rZ: z\r\n\r\n", "!400"),
	ROW("NUL", CHUNKED "0\r\nX: \0\r\n\r\n", "!400"),
	ROW("not ended", CHUNKED "0\r\nX: y\r\n", "~"),
};

#define GET10		"GET /a HTTP/1.0\r\n"
static const struct row connection[] = {
	ROW("close", GET H "Connection: close\r\n\r\n" GET H "\r\n",
	    "GET /a 1.1 close []\n"),
	ROW("close in any case, in a list", GET H
	    "Connection: x, ,CLOSE\r\n\r\n", "GET /a 1.1 close []\n"),
	ROW("close in the second line", GET H
	    "Connection: x\r\nConnection: close\r\n\r\n",
	    "GET /a 1.1 close []\n"),
	ROW("both", GET H "Connection: keep-alive, close\r\n\r\n",
	    "GET /a 1.1 close []\n"),
	ROW("empty", GET H "Connection:\r\n\r\n", OK_A),
	ROW("closed", GET H "Connection: closed\r\n\r\n", OK_A),
	ROW("no token", GET H "Connection: a b\r\n\r\n", "!400"),
	ROW("quoted", GET H "Connection: \"close\"\r\n\r\n", "!400"),
	ROW("open quote", GET H "Connection: \"close\r\n\r\n", "!400"),
	ROW("1.0 closes", GET10 "\r\n" GET10 "\r\n", "GET /a 1.0 close []\n"),
	ROW("1.0 kept", GET10 "Connection: Keep-Alive\r\n\r\n" GET10 "\r\n",
	    "GET /a 1.0 keep []\nGET /a 1.0 close []\n"),
	ROW("1.0 body", "POST /k HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi",
	    "POST /k 1.0 close [hi]\n"),
	ROW("1.0 without length has no body", "POST /k HTTP/1.0\r\n\r\nhi",
	    "POST /k 1.0 close []\n"),
	ROW("three in a row", GET H "\r\n" GET H "\r\n" GET H "\r\n",
	    OK_A OK_A OK_A),
	ROW("a bad one after a good one", GET H "\r\nx\r\n", OK_A "!400"),
	ROW("an empty line between", GET H "\r\n\r\n" GET H "\r\n",
	    OK_A OK_A),
	ROW("two empty lines between", GET H "\r\n\r\n\r\n" GET H "\r\n",
	    OK_A "!400"),
	ROW("error ends it all", GET "\r\n" GET H "\r\n", "!400"),
	ROW("unknown expectation", POST "Expect: magic\r\n\r\n", "!417"),
	ROW("expectation and more", POST "Expect: 100-continue, x\r\n\r\n",
	    "!417"),
	ROW("open quote in expect", POST "Expect: \"\r\n\r\n", "!400"),
};

#define TABLE(table, text)						\
ATF_TC(table);								\
ATF_TC_HEAD(table, tc)							\
{									\
	atf_tc_set_md_var(tc, "descr", text);				\
}									\
ATF_TC_BODY(table, tc)							\
{									\
	check_rows(table, sizeof(table) / sizeof(table[0]));		\
}
TABLE(request_line, "Request lines, versions, line ends")
TABLE(target, "The forms of request targets")
TABLE(headers, "Header lines")
TABLE(host, "Exactly one well-formed Host")
TABLE(length, "Content-Length")
TABLE(coding, "Transfer-Encoding, alone and beside Content-Length")
TABLE(chunks, "Chunks and their extensions")
TABLE(trailers, "Trailers are checked and ignored")
TABLE(connection, "Keep-alive, pipelining, expectations")

/* --- limits -------------------------------------------------------------- */

/* text, then c repeated n times. */
static char *
blow(const char *text, int c, size_t n, const char *tail, size_t *len)
{
	char	*s;

	*len = strlen(text) + n + strlen(tail);
	ATF_REQUIRE((s = malloc(*len + 1)) != NULL);
	memcpy(s, text, strlen(text));
	memset(s + strlen(text), c, n);
	memcpy(s + strlen(text) + n, tail, strlen(tail) + 1);
	return (s);
}

static void
check_blown(const char *text, size_t n, const char *tail, const char *want)
{
	struct outcome	 o;
	char		*s;
	size_t		 len, i;
	const size_t	 pieces[] = { 1, 4096, 1 << 20 };

	s = blow(text, 'a', n, tail, &len);
	for (i = 0; i < 3; i++) {
		run(&o, s, len, pieces[i]);
		if (o.len > 8 && strstr(want, "!") == NULL)
			o.text[8] = '\0';
		ATF_CHECK_MSG(strcmp(o.text, want) == 0,
		    "%s + %zu: got \"%.20s\", want \"%s\"", text, n, o.text,
		    want);
	}
	free(s);
}

ATF_TC(head_limits);
ATF_TC_HEAD(head_limits, tc)
{
	atf_tc_set_md_var(tc, "descr", "Long targets, heads, many lines");
}
ATF_TC_BODY(head_limits, tc)
{
	const size_t	 fixed = strlen(GET H "X: \r\n");
	struct outcome	 o;
	char		*s;
	size_t		 i, len, n;

	/* The target: 8 KiB and one more, with and without its end. */
	check_blown("GET /", HTTP_MAX_TARGET, " HTTP/1.1\r\n" H "\r\n",
	    "!414");
	check_blown("GET /", 20000, "", "!414");
	check_blown("GET /", 100000, " HTTP/1.1\r\n" H "\r\n", "!414");
	check_blown("GET http://a/", HTTP_MAX_TARGET, " HTTP/1.1\r\n",
	    "!414");
	/* The whole head: 64 KiB without the empty line, and one more. */
	check_blown(GET H "X: ", HTTP_MAX_HEAD - fixed, "\r\n\r\n",
	    "GET /a 1");
	check_blown(GET H "X: ", HTTP_MAX_HEAD - fixed + 1, "\r\n\r\n",
	    "!431");
	check_blown(GET H "X: ", HTTP_MAX_HEAD, "", "!431");
	check_blown(GET H, HTTP_MAX_HEAD, "", "!431");
	check_blown(GET H "X: ", 1 << 20, "\r\n\r\n", "!431");
	/* Lines: 100, and one more. */
	for (n = HTTP_MAX_FIELDS - 1; n <= HTTP_MAX_FIELDS; n++) {
		len = strlen(GET H) + n * 6 + 2;
		ATF_REQUIRE((s = malloc(len + 1)) != NULL);
		strcpy(s, GET H);
		for (i = 0; i < n; i++)
			strcat(s, "X: y\r\n");
		strcat(s, "\r\n");
		run(&o, s, len, len);
		ATF_CHECK_STREQ(o.text,
		    n < HTTP_MAX_FIELDS ? OK_A : "!431");
		free(s);
	}
}

ATF_TC(target_limit);
ATF_TC_HEAD(target_limit, tc)
{
	atf_tc_set_md_var(tc, "descr", "A target of exactly 8 KiB is taken");
}
ATF_TC_BODY(target_limit, tc)
{
	struct http_parser	 p;
	char			*s;
	size_t			 len, used;

	s = blow("GET /", 'a', HTTP_MAX_TARGET - 1, " HTTP/1.1\r\n" H "\r\n",
	    &len);
	http_init(&p);
	ATF_REQUIRE_EQ(http_feed(&p, s, len, &used), HTTP_HEAD_DONE);
	ATF_CHECK_EQ(used, len);
	ATF_CHECK_EQ(p.req.target.path.len, HTTP_MAX_TARGET);
	http_free(&p);
	free(s);
	/* So is one behind a method of 32 bytes. */
	s = blow("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 /", 'a',
	    HTTP_MAX_TARGET - 1, " HTTP/1.1\r\n" H "\r\n", &len);
	http_init(&p);
	ATF_REQUIRE_EQ(http_feed(&p, s, len, &used), HTTP_HEAD_DONE);
	http_free(&p);
	free(s);
}

ATF_TC(chunk_limits);
ATF_TC_HEAD(chunk_limits, tc)
{
	atf_tc_set_md_var(tc, "descr", "Long extensions, many, trailers");
}
ATF_TC_BODY(chunk_limits, tc)
{
	struct outcome	 o;
	char		 one[256], *s;
	size_t		 i, len;

	check_blown(CHUNKED "5;", HTTP_MAX_CHUNK_LINE - 4, "\r\nhello" END,
	    "POST /k ");
	check_blown(CHUNKED "5;", HTTP_MAX_CHUNK_LINE - 3, "\r\nhello" END,
	    "!400");
	check_blown(CHUNKED "5;", 100000, "", "!400");
	check_blown(CHUNKED "5;x=\"", 100000, "", "!400");
	check_blown(CHUNKED "0\r\nX:", HTTP_MAX_TRAILER - 4, "\r\n\r\n",
	    "POST /k ");
	check_blown(CHUNKED "0\r\nX:", HTTP_MAX_TRAILER - 3, "\r\n\r\n",
	    "!431");
	check_blown(CHUNKED "0\r\nX:", 100000, "", "!431");
	/* Forty small chunks with an extension of 200 bytes each. */
	memset(one, 'e', sizeof(one));
	memcpy(one, "1;", 2);
	memcpy(one + 202, "\r\nx\r\n", 6);
	len = strlen(CHUNKED) + 40 * 207;
	ATF_REQUIRE((s = malloc(len + 1)) != NULL);
	strcpy(s, CHUNKED);
	for (i = 0; i < 40; i++)
		strcat(s, one);
	run(&o, s, len, len);
	ATF_CHECK_STREQ(o.text, "!400");
	free(s);
}

ATF_TC(body_limit);
ATF_TC_HEAD(body_limit, tc)
{
	atf_tc_set_md_var(tc, "descr", "413 comes before the body, and a "
	    "caller that names no limit gets no body");
}
ATF_TC_BODY(body_limit, tc)
{
	static const char	 in[] = CL(" 5") "hello";
	static const char	 none[] = GET H "\r\n";
	struct http_parser	 p;
	size_t			 used;

	http_init(&p);
	ATF_REQUIRE_EQ(http_feed(&p, in, sizeof(in) - 1, &used),
	    HTTP_HEAD_DONE);
	ATF_CHECK_EQ(used, sizeof(in) - 1 - 5);
	ATF_CHECK_EQ(p.req.length, 5);
	ATF_CHECK_EQ(p.body.base, NULL);
	ATF_CHECK_EQ(http_body_limit(&p, 4), HTTP_ERROR);
	ATF_CHECK_EQ(p.status, 413);
	ATF_CHECK(http_slice_is(p.req.target.path, "/k"));
	ATF_CHECK_EQ(http_next(&p), -1);
	http_free(&p);

	http_init(&p);
	http_feed(&p, in, sizeof(in) - 1, &used);
	ATF_CHECK_EQ(http_feed(&p, "hello", 5, &used), HTTP_ERROR);
	ATF_CHECK_EQ(p.status, 413);
	ATF_CHECK_EQ(used, 0);
	http_free(&p);

	http_init(&p);
	http_feed(&p, none, sizeof(none) - 1, &used);
	ATF_CHECK_EQ(http_feed(&p, NULL, 0, &used), HTTP_REQUEST_DONE);
	ATF_CHECK_EQ(http_feed(&p, "GET", 3, &used), HTTP_REQUEST_DONE);
	ATF_CHECK_EQ(used, 0);
	ATF_CHECK_EQ(http_next(&p), 0);
	ATF_CHECK(http_is_idle(&p));
	http_free(&p);
}

ATF_TC(memory);
ATF_TC_HEAD(memory, tc)
{
	atf_tc_set_md_var(tc, "descr", "Announced bytes cost no memory");
}
ATF_TC_BODY(memory, tc)
{
	static const char	 in[] = CL(" 1048576");
	struct http_parser	 p;
	char			 byte = 'x';
	size_t			 used, i;

	http_init(&p);
	ATF_REQUIRE_EQ(http_feed(&p, in, sizeof(in) - 1, &used),
	    HTTP_HEAD_DONE);
	ATF_REQUIRE_EQ(http_body_limit(&p, 1 << 20), HTTP_NEED_MORE);
	for (i = 0; i < 5000; i++) {
		ATF_REQUIRE_EQ(http_feed(&p, &byte, 1, &used),
		    HTTP_NEED_MORE);
	}
	ATF_CHECK_EQ(p.body.len, 5000);
	ATF_CHECK(p.body.size <= 8192);
	http_free(&p);
	ATF_CHECK_EQ(p.body.base, NULL);
}

ATF_TC(expect);
ATF_TC_HEAD(expect, tc)
{
	atf_tc_set_md_var(tc, "descr", "100-continue is asked for once");
}
ATF_TC_BODY(expect, tc)
{
	static const struct {
		const char	*in;
		int		 continues;
	} cases[] = {
		{ POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
		    1 },
		{ POST "Expect: 100-Continue\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1 },
		{ POST "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n",
		    0 },
		{ POST "Expect: 100-continue\r\n\r\n", 0 },
		{ "POST /k HTTP/1.0\r\nExpect: 100-continue\r\n"
		    "Content-Length: 2\r\n\r\nhi", 0 },
		{ POST "Content-Length: 2\r\n\r\nhi", 0 },
	};
	struct http_parser	 p;
	struct outcome		 o;
	size_t			 i, used;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run(&o, cases[i].in, strlen(cases[i].in), 1);
		ATF_CHECK_EQ_MSG(o.continues, cases[i].continues, "%s",
		    cases[i].in);
		ATF_CHECK_EQ(o.requests, 1);
	}
	/* Not to a body that is refused. */
	http_init(&p);
	http_feed(&p, cases[0].in, strlen(cases[0].in) - 2, &used);
	ATF_CHECK_EQ(http_body_limit(&p, 1), HTTP_ERROR);
	ATF_CHECK_EQ(http_wants_continue(&p), 0);
	http_free(&p);
}

/* --- what is read out of a request --------------------------------------- */

static void
get_request(struct http_parser *p, const char *fields)
{
	static char	 in[4096];
	size_t		 used;
	int		 n;

	n = snprintf(in, sizeof(in), GET H "%s\r\n", fields);
	ATF_REQUIRE(n > 0 && (size_t)n < sizeof(in));
	http_init(p);
	ATF_REQUIRE_EQ_MSG(http_feed(p, in, (size_t)n, &used),
	    HTTP_HEAD_DONE, "%s", fields);
}

ATF_TC(lookup);
ATF_TC_HEAD(lookup, tc)
{
	atf_tc_set_md_var(tc, "descr", "Fields by name, number, repetition");
}
ATF_TC_BODY(lookup, tc)
{
	struct http_parser	 p;
	struct http_slice	 s;
	size_t			 used;

	get_request(&p, "A:  one \r\nb: two\r\na: three\r\nC:\r\n");
	ATF_CHECK(http_slice_is(http_header(&p.req, "a", 0), "one"));
	ATF_CHECK(http_slice_is(http_header(&p.req, "A", 1), "three"));
	ATF_CHECK_EQ(http_header(&p.req, "a", 2).base, NULL);
	ATF_CHECK_EQ(http_header(&p.req, "aa", 0).base, NULL);
	ATF_CHECK(http_slice_is(http_header(&p.req, "c", 0), ""));
	ATF_CHECK_EQ(http_header_one(&p.req, "a", &s), -1);
	ATF_CHECK_EQ(http_header_one(&p.req, "B", &s), 1);
	ATF_CHECK(http_slice_is(s, "two"));
	ATF_CHECK_EQ(http_header_one(&p.req, "d", &s), 0);
	ATF_CHECK(http_slice_is(p.req.authority, "kbs.example"));
	http_free(&p);

	/* The target's authority goes before the Host's. */
	http_init(&p);
	ATF_REQUIRE_EQ(http_feed(&p, "GET http://t:1/ HTTP/1.1\r\n" H "\r\n",
	    27 + strlen(H "\r\n") - 1, &used), HTTP_HEAD_DONE);
	ATF_CHECK(http_slice_is(p.req.authority, "t:1"));
	http_free(&p);

	/* After an error in the head nothing stale is left to see. */
	http_init(&p);
	ATF_REQUIRE_EQ(http_feed(&p, GET "A: b\r\n:\r\n",
	    strlen(GET "A: b\r\n:\r\n"), &used), HTTP_ERROR);
	ATF_CHECK_EQ(http_header(&p.req, "a", 0).base, NULL);
	ATF_CHECK_EQ(p.req.method.base, NULL);
	http_free(&p);
}

ATF_TC(accept);
ATF_TC_HEAD(accept, tc)
{
	atf_tc_set_md_var(tc, "descr", "Accept: ranges, lists, weights");
}
ATF_TC_BODY(accept, tc)
{
	static const struct {
		const char	*fields;
		int		 want;
	} cases[] = {
		{ "Accept: application/json\r\n", 1 },
		{ "Accept: APPLICATION/Json\r\n", 1 },
		{ "Accept: */*\r\n", 1 },
		{ "Accept: application/*\r\n", 1 },
		{ "Accept: text/html, application/json;q=0.1\r\n", 1 },
		{ "Accept: text/html\r\nAccept: application/json\r\n", 1 },
		{ "Accept: ,, application/json ,\r\n", 1 },
		{ "Accept: application/json;charset=utf-8\r\n", 1 },
		{ "Accept: application/json ; charset=\"UTF-8\" ; q=1\r\n",
		    1 },
		{ "Accept: application/json;q=0.001\r\n", 1 },
		{ "Accept: application/json;q=1.000\r\n", 1 },
		{ "Accept: application/json;q=0, application/json\r\n", 1 },
		{ "Accept: application/json, application/json;q=0\r\n", 1 },
		{ "Accept: text/plain;x=\"a,b\", application/json\r\n", 1 },
		{ "", 0 },
		{ "Accept:\r\n", 0 },
		{ "Accept: application/jwt\r\n", 0 },
		{ "Accept: text/*\r\n", 0 },
		{ "Accept: application/jso\r\n", 0 },
		{ "Accept: application/jsonx\r\n", 0 },
		{ "Accept: app/json\r\n", 0 },
		{ "Accept: application/json;q=0\r\n", 0 },
		{ "Accept: application/json;q=0.000\r\n", 0 },
		{ "Accept: application/json;q=0, */*\r\n", 0 },
		{ "Accept: */*, application/*;q=0\r\n", 0 },
		{ "Accept: */*;q=0\r\n", 0 },
		{ "Accept: application/json;q=2\r\n", 0 },
		{ "Accept: application/json;q=1.1\r\n", 0 },
		{ "Accept: application/json;q=0.1234\r\n", 0 },
		{ "Accept: application/json;q=.5\r\n", 0 },
		{ "Accept: application/json;q=\r\n", 0 },
		{ "Accept: application/json;q=-1\r\n", 0 },
		{ "Accept: application/json;charset=latin1\r\n", 0 },
		{ "Accept: */json\r\n", 0 },
		{ "Accept: application\r\n", 0 },
		{ "Accept: application/\r\n", 0 },
		{ "Accept: /json\r\n", 0 },
		{ "Accept: application/json/x\r\n", 0 },
		{ "Accept: application/json text/html\r\n", 0 },
		{ "Accept: application/json, \"\r\n", 0 },
		{ "Accept: application/json, @\r\n", 0 },
	};
	struct http_parser	 p;
	size_t			 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		get_request(&p, cases[i].fields);
		ATF_CHECK_EQ_MSG(http_accepts(&p.req, "application/json"),
		    cases[i].want, "%s", cases[i].fields);
		http_free(&p);
	}
}

ATF_TC(content_type);
ATF_TC_HEAD(content_type, tc)
{
	atf_tc_set_md_var(tc, "descr", "Content-Type and its parameters");
}
ATF_TC_BODY(content_type, tc)
{
	static const struct {
		const char	*fields;
		int		 want;
	} cases[] = {
		{ "Content-Type: application/json\r\n", 1 },
		{ "content-type:\tApplication/JSON \r\n", 1 },
		{ "Content-Type: application/json;charset=utf-8\r\n", 1 },
		{ "Content-Type: application/json; charset=\"utf-8\"\r\n",
		    1 },
		{ "Content-Type: application/json ;\tCharset=UTF-8 ;\r\n",
		    1 },
		{ "Content-Type: application/json; a=\"b;c\\\"\"\r\n", 1 },
		{ "", 0 },
		{ "Content-Type:\r\n", 0 },
		{ "Content-Type: text/json\r\n", 0 },
		{ "Content-Type: */*\r\n", 0 },
		{ "Content-Type: application/*\r\n", 0 },
		{ "Content-Type: application/json, text/html\r\n", 0 },
		{ "Content-Type: application/json; charset=latin1\r\n", 0 },
		{ "Content-Type: application/json; charset=utf-8; "
		    "charset=utf-16\r\n", 0 },
		{ "Content-Type: application/json; charset\r\n", 0 },
		{ "Content-Type: application/json; charset = utf-8\r\n", 0 },
		{ "Content-Type: application/json; charset=\"utf-8\r\n", 0 },
		{ "Content-Type: application/json; =utf-8\r\n", 0 },
		{ "Content-Type: application/json charset=utf-8\r\n", 0 },
		{ "Content-Type: application/json\r\n"
		    "Content-Type: application/json\r\n", 0 },
	};
	struct http_parser	 p;
	size_t			 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		get_request(&p, cases[i].fields);
		ATF_CHECK_EQ_MSG(http_is_type(&p.req, "application/json"),
		    cases[i].want, "%s", cases[i].fields);
		http_free(&p);
	}
}

ATF_TC(query);
ATF_TC_HEAD(query, tc)
{
	atf_tc_set_md_var(tc, "descr", "The query splits into pairs");
}
ATF_TC_BODY(query, tc)
{
	static const struct {
		const char	*in;
		const char	*want;	/* name(value), or ! at an error */
	} cases[] = {
		{ "", "" },
		{ "a=b", "a(b)" },
		{ "a=b&c=d", "a(b)c(d)" },
		{ "a=b&a=c", "a(b)a(c)" },
		{ "a=", "a()" },
		{ "a=b=c", "a(b=c)" },
		{ "a=%41%7a%2f%2B", "a(Az/+)" },
		{ "%61=b+c", "a(b c)" },
		{ "a=%26b=c", "a(&b=c)" },
		{ "a=%c3%a4", "a(\xc3\xa4)" },
		{ "a", "!" },
		{ "=b", "!" },
		{ "&", "!" },
		{ "a=b&", "!" },
		{ "&a=b", "!" },
		{ "a=b&&c=d", "a(b)!" },
		{ "a=b;c=d", "!" },
		{ "a=%00", "!" },
		{ "a=b%0a", "!" },
		{ "a=%7f", "!" },
		{ "%00=a", "!" },
		{ "a=%", "!" },
		{ "a=%4", "!" },
		{ "a=%4g", "!" },
		{ "a=b&c", "a(b)!" },
	};
	static char		 big[1024];
	struct http_slice	 rest;
	struct http_pair	 pair;
	char			 got[256], one[160];
	size_t			 i;
	int			 r;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rest.base = cases[i].in;
		rest.len = strlen(cases[i].in);
		got[0] = '\0';
		while ((r = http_query_next(&rest, &pair)) == 1) {
			snprintf(one, sizeof(one), "%.60s(%.90s)", pair.name,
			    pair.value);
			strcat(got, one);
		}
		if (r == -1)
			strcat(got, "!");
		ATF_CHECK_MSG(strcmp(got, cases[i].want) == 0,
		    "%s: got %s, want %s", cases[i].in, got, cases[i].want);
	}
	/* The longest value, one more, the longest name, one more. */
	memset(big, 'x', sizeof(big));
	memcpy(big, "a=", 2);
	rest.base = big;
	rest.len = 2 + sizeof(pair.value) - 1;
	ATF_CHECK_EQ(http_query_next(&rest, &pair), 1);
	ATF_CHECK_EQ(strlen(pair.value), sizeof(pair.value) - 1);
	rest.base = big;
	rest.len = 2 + sizeof(pair.value);
	ATF_CHECK_EQ(http_query_next(&rest, &pair), -1);
	big[1] = 'x';
	big[63] = '=';
	rest.base = big;
	rest.len = 64;
	ATF_CHECK_EQ(http_query_next(&rest, &pair), 1);
	big[63] = 'x';
	big[64] = '=';
	rest.base = big;
	rest.len = 65;
	ATF_CHECK_EQ(http_query_next(&rest, &pair), -1);
	/* A request without a query has no pairs. */
	memset(&rest, 0, sizeof(rest));
	ATF_CHECK_EQ(http_query_next(&rest, &pair), 0);
}

/* --- answers ------------------------------------------------------------- */

static void
check_answer(const struct http_response *res, const char *want)
{
	uint8_t	*out;
	size_t	 len;

	ATF_REQUIRE_EQ(http_response_write(res, &out, &len), 0);
	ATF_CHECK_MSG(len == strlen(want) && memcmp(out, want, len) == 0,
	    "got %.*s, want %s", (int)len, (char *)out, want);
	free(out);
}

#define ALWAYS	"X-Request-Id: id-1\r\n"				\
		"Strict-Transport-Security: max-age=63072000; "		\
		"includeSubDomains\r\n"					\
		"Cache-Control: no-store\r\n"				\
		"X-Content-Type-Options: nosniff\r\n"

ATF_TC(answer);
ATF_TC_HEAD(answer, tc)
{
	atf_tc_set_md_var(tc, "descr", "Answers, byte by byte");
}
ATF_TC_BODY(answer, tc)
{
	struct http_request	 req;
	struct http_response	 res;

	memset(&req, 0, sizeof(req));
	req.minor = 1;
	req.keepalive = 1;
	http_response_init(&res, &req, 200, "id-1");
	res.type = "application/json";
	res.body = "{}\0";
	res.bodylen = 2;
	ATF_CHECK_EQ(http_response_add(&res, "Attestation-Type", "SGX"), 0);
	check_answer(&res, "HTTP/1.1 200 OK\r\n" ALWAYS
	    "Attestation-Type: SGX\r\nContent-Type: application/json\r\n"
	    "Content-Length: 2\r\n\r\n{}");

	http_response_init(&res, &req, 204, "id-1");
	check_answer(&res, "HTTP/1.1 204 No Content\r\n" ALWAYS "\r\n");

	http_response_init(&res, NULL, 431, "id-1");
	check_answer(&res, "HTTP/1.1 431 Request Header Fields Too Large\r\n"
	    ALWAYS "Content-Length: 0\r\nConnection: close\r\n\r\n");

	req.minor = 0;
	http_response_init(&res, &req, 404, "id-1");
	check_answer(&res, "HTTP/1.1 404 Not Found\r\n" ALWAYS
	    "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n");
	req.keepalive = 0;
	http_response_init(&res, &req, 299, "id-1");
	check_answer(&res, "HTTP/1.1 299 \r\n" ALWAYS
	    "Content-Length: 0\r\nConnection: close\r\n\r\n");
}

ATF_TC(answer_refused);
ATF_TC_HEAD(answer_refused, tc)
{
	atf_tc_set_md_var(tc, "descr", "Answers that could be split");
}
ATF_TC_BODY(answer_refused, tc)
{
	static const struct http_extra	 bad[] = {
		{ "X", "a\r\nY: b" },
		{ "X", "a\nb" },
		{ "X", "a\rb" },
		{ "X", "\x7f" },
		{ "X y", "a" },
		{ "X:", "a" },
		{ "", "a" },
		{ "X", NULL },
		{ NULL, "a" },
	};
	static char			 big[HTTP_MAX_ANSWER_HEAD];
	struct http_response		 res;
	uint8_t				*out;
	size_t				 i, len;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		http_response_init(&res, NULL, 200, "id-1");
		http_response_add(&res, bad[i].name, bad[i].value);
		errno = 0;
		ATF_CHECK_EQ(http_response_write(&res, &out, &len), -1);
		ATF_CHECK_EQ(errno, EINVAL);
		ATF_CHECK_EQ(out, NULL);
	}
	http_response_init(&res, NULL, 200, "a\nb");
	ATF_CHECK_EQ(http_response_write(&res, &out, &len), -1);
	http_response_init(&res, NULL, 200, NULL);
	ATF_CHECK_EQ(http_response_write(&res, &out, &len), -1);
	http_response_init(&res, NULL, 99, "id-1");
	ATF_CHECK_EQ(http_response_write(&res, &out, &len), -1);
	http_response_init(&res, NULL, 204, "id-1");
	res.body = "x";
	res.bodylen = 1;
	ATF_CHECK_EQ(http_response_write(&res, &out, &len), -1);
	memset(big, 'x', sizeof(big) - 1);
	http_response_init(&res, NULL, 200, big);
	ATF_CHECK_EQ(http_response_write(&res, &out, &len), -1);
	ATF_CHECK_EQ(errno, EMSGSIZE);
	for (i = 0; i < HTTP_MAX_EXTRA; i++)
		ATF_CHECK_EQ(http_response_add(&res, "X", "y"), 0);
	ATF_CHECK_EQ(http_response_add(&res, "X", "y"), -1);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, request_line);
	ATF_TP_ADD_TC(tp, target);
	ATF_TP_ADD_TC(tp, headers);
	ATF_TP_ADD_TC(tp, host);
	ATF_TP_ADD_TC(tp, length);
	ATF_TP_ADD_TC(tp, coding);
	ATF_TP_ADD_TC(tp, chunks);
	ATF_TP_ADD_TC(tp, trailers);
	ATF_TP_ADD_TC(tp, connection);
	ATF_TP_ADD_TC(tp, head_limits);
	ATF_TP_ADD_TC(tp, target_limit);
	ATF_TP_ADD_TC(tp, chunk_limits);
	ATF_TP_ADD_TC(tp, body_limit);
	ATF_TP_ADD_TC(tp, memory);
	ATF_TP_ADD_TC(tp, expect);
	ATF_TP_ADD_TC(tp, lookup);
	ATF_TP_ADD_TC(tp, accept);
	ATF_TP_ADD_TC(tp, content_type);
	ATF_TP_ADD_TC(tp, query);
	ATF_TP_ADD_TC(tp, answer);
	ATF_TP_ADD_TC(tp, answer_refused);
	return (atf_no_error());
}

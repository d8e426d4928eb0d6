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
 * An incremental parser of HTTP/1.1 and 1.0 requests.  It takes bytes as they
 * arrive, from one stranger's connection, and gives requests; it does no
 * input or output.  Whatever two readers could frame differently is an error
 * that ends the connection.  Passwords, tokens and keys pass through its
 * buffers, so these are wiped; what it says in p->why never quotes them.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "http.h"

#define STEP_AGAIN	(-1)	/* the state changed, go on */
#define LINE_DONE	(-2)

/* Method, target, version, two spaces, CRLF. */
#define MAX_REQUEST_LINE \
    (HTTP_MAX_METHOD + HTTP_MAX_TARGET + sizeof("HTTP/1.1") - 1 + 4)

static size_t	 head_most = HTTP_MAX_HEAD;

/* --- buffers ------------------------------------------------------------ */

static void
buf_free(struct http_buf *b)
{
	freezero(b->base, b->size);
	memset(b, 0, sizeof(*b));
}

/*
 * Doubles, so memory follows what arrived and never what was announced.
 */
static int
buf_append(struct http_buf *b, const void *data, size_t len)
{
	uint8_t	*base;
	size_t	 size = b->size == 0 ? 1024 : b->size;

	while (size - b->len < len)
		size *= 2;
	if (size != b->size) {
		base = recallocarray(b->base, b->size, size, 1);
		if (base == NULL)
			return (-1);
		b->base = base;
		b->size = size;
	}
	memcpy(b->base + b->len, data, len);
	b->len += len;
	return (0);
}

/*
 * Before the head is whole the request's slices may point to where it was:
 * nobody shall see those.
 */
static int
fail(struct http_parser *p, int status, const char *why)
{
	if (p->req.head == NULL)
		memset(&p->req, 0, sizeof(p->req));
	p->state = HTTP_S_DEAD;
	p->status = status;
	p->why = why;
	p->req.keepalive = 0;
	return (HTTP_ERROR);
}

/* --- lines -------------------------------------------------------------- */

/*
 * May c follow prev in a line?  CRLF ends a line, alone neither CR nor LF
 * may stand anywhere (RFC 9112 section 2.2 lets servers guess; guesses are
 * what smuggling is made of).
 */
static const char *
check_byte(unsigned char prev, unsigned char c)
{
	if (prev == '\r' && c != '\n')
		return ("a CR without LF");
	if (c == '\n' && prev != '\r')
		return ("a LF without CR");
	if (c == '\0')
		return ("a NUL in a line");
	if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
		return ("a control character in a line");
	return (NULL);
}

/*
 * Append to b until the line that begins at p->line_off is whole.  b may
 * hold limit bytes and the empty line that ends it.
 */
static int
get_line(struct http_parser *p, struct http_buf *b, struct http_slice *in,
    size_t limit, int status, const char *why)
{
	const char	*bad;
	unsigned char	 c, prev;
	size_t		 len;

	while (in->len > 0) {
		c = (unsigned char)*in->base;
		len = b->len - p->line_off;
		prev = len > 0 ? b->base[b->len - 1] : 0;
		if ((bad = check_byte(prev, c)) != NULL)
			return (fail(p, 400, bad));
		if (b->len >= limit && !(len == 0 && c == '\r') &&
		    !(len == 1 && c == '\n'))
			return (fail(p, status, why));
		if (buf_append(b, in->base, 1) == -1)
			return (fail(p, 503, "no memory for a line"));
		in->base++;
		in->len--;
		if (c == '\n')
			return (LINE_DONE);
	}
	return (HTTP_NEED_MORE);
}

/* The line that get_line() ended, without CRLF. */
static struct http_slice
this_line(const struct http_parser *p, const struct http_buf *b)
{
	struct http_slice	 line;

	line.base = (const char *)b->base + p->line_off;
	line.len = b->len - p->line_off - 2;
	return (line);
}

/* --- head --------------------------------------------------------------- */

static int
check_version(struct http_parser *p, struct http_slice s)
{
	if (http_slice_is(s, "HTTP/1.1"))
		p->req.minor = 1;
	else if (http_slice_is(s, "HTTP/1.0"))
		p->req.minor = 0;
	else if (s.len == 8 && memcmp(s.base, "HTTP/", 5) == 0 &&
	    s.base[5] >= '0' && s.base[5] <= '9' && s.base[6] == '.' &&
	    s.base[7] >= '0' && s.base[7] <= '9')
		return (fail(p, 505, "an HTTP version other than 1.0 and 1.1"));
	else
		return (fail(p, 400, "no HTTP version in the request line"));
	return (STEP_AGAIN);
}

/*
 * method SP request-target SP HTTP-version, single spaces (RFC 9112 section
 * 3).  Called when the line is whole, to refuse early, and again when the
 * head is and does not move any more, for the slices.
 */
static int
parse_request_line(struct http_parser *p, struct http_slice line)
{
	struct http_request	*req = &p->req;
	struct http_slice	 target;
	const char		*space;

	if (!http_take_token(&line, &req->method) || !http_take(&line, ' '))
		return (fail(p, 400, "the method is no token"));
	if (req->method.len > HTTP_MAX_METHOD)
		return (fail(p, 501, "the method is too long"));
	if ((space = memchr(line.base, ' ', line.len)) == NULL)
		return (fail(p, 400, "no HTTP version in the request line"));
	target.base = line.base;
	target.len = (size_t)(space - line.base);
	line.base = space + 1;
	line.len -= target.len + 1;
	if (target.len > HTTP_MAX_TARGET)
		return (fail(p, 414, "the request target is too long"));
	if (http_split_target(req->method, target, &req->target) == -1)
		return (fail(p, 400, "the request target is malformed"));
	return (check_version(p, line));
}

static int
step_request(struct http_parser *p, struct http_slice *in)
{
	struct http_slice	 line;
	int			 r;

	r = get_line(p, &p->head, in, MAX_REQUEST_LINE, 414,
	    "the request line is too long");
	if (r != LINE_DONE)
		return (r);
	line = this_line(p, &p->head);
	/* RFC 9112 section 2.2: old clients send one after a body. */
	if (line.len == 0) {
		if (p->empty_line++)
			return (fail(p, 400, "empty lines before a request"));
		p->head.len = 0;
		return (STEP_AGAIN);
	}
	if ((r = parse_request_line(p, line)) != STEP_AGAIN)
		return (r);
	p->line_off = p->head.len;
	p->state = HTTP_S_FIELDS;
	return (STEP_AGAIN);
}

static int
check_host(struct http_parser *p)
{
	struct http_request	*req = &p->req;
	struct http_slice	 host;
	int			 n;

	n = http_header_one(req, "host", &host);
	if (n == -1)
		return (fail(p, 400, "more than one Host"));
	if (n == 0 && req->minor == 1)
		return (fail(p, 400, "no Host"));
	if (n == 1 && !http_is_authority(host, 0))
		return (fail(p, 400, "the Host is malformed"));
	/* RFC 9112 section 3.2.2: the target's goes before the Host. */
	req->authority = req->target.authority;
	if (req->authority.base == NULL && n == 1)
		req->authority = host;
	return (STEP_AGAIN);
}

/*
 * RFC 9112 section 6.3, and then only the two ways that all readers agree
 * on: one Content-Length, or one Transfer-Encoding that is chunked.
 */
static int
check_framing(struct http_parser *p)
{
	struct http_request	*req = &p->req;
	struct http_slice	 length, coding;
	int			 nlength, ncoding;

	nlength = http_header_one(req, "content-length", &length);
	ncoding = http_header_one(req, "transfer-encoding", &coding);
	if (nlength == -1)
		return (fail(p, 400, "more than one Content-Length"));
	if (ncoding == -1)
		return (fail(p, 400, "more than one Transfer-Encoding"));
	if (nlength == 1 && ncoding == 1)
		return (fail(p, 400,
		    "both Content-Length and Transfer-Encoding"));
	if (nlength == 1 && http_content_length(length, &req->length) == -1)
		return (fail(p, 400, "the Content-Length is malformed"));
	if (ncoding == 0)
		return (STEP_AGAIN);
	if (req->minor == 0)
		return (fail(p, 400, "Transfer-Encoding in HTTP/1.0"));
	if (!http_slice_is_nocase(coding, "chunked"))
		return (fail(p, 400, "a transfer coding other than chunked"));
	req->chunked = 1;
	return (STEP_AGAIN);
}

/* RFC 9112 section 9.3. */
static int
check_connection(struct http_parser *p)
{
	struct http_request	*req = &p->req;
	struct http_slice	 list, token;
	size_t			 i;
	int			 n, end = 0, keep = req->minor == 1;

	for (i = 0; (list = http_header(req, "connection", i)).base != NULL;
	    i++) {
		while ((n = http_take_element(&list, &token)) == 1) {
			if (!http_is_token(token))
				n = -1;
			if (n == -1)
				break;
			if (http_slice_is_nocase(token, "close"))
				end = 1;
			else if (http_slice_is_nocase(token, "keep-alive"))
				keep = 1;
		}
		if (n == -1)
			return (fail(p, 400, "the Connection is malformed"));
	}
	/* What follows a CONNECT may be no HTTP at all. */
	if (http_slice_is(req->method, "CONNECT"))
		end = 1;
	req->keepalive = keep && !end;
	return (STEP_AGAIN);
}

/* RFC 9110 section 10.1.1; from HTTP/1.0 it means nothing. */
static int
check_expect(struct http_parser *p)
{
	struct http_slice	 list, value;
	size_t			 i;
	int			 n;

	for (i = 0; (list = http_header(&p->req, "expect", i)).base != NULL;
	    i++) {
		while ((n = http_take_element(&list, &value)) == 1) {
			if (!http_slice_is_nocase(value, "100-continue"))
				return (fail(p, 417, "an unknown Expect"));
			p->expect = p->req.minor == 1;
		}
		if (n == -1)
			return (fail(p, 400, "the Expect is malformed"));
	}
	return (STEP_AGAIN);
}

static int
head_done(struct http_parser *p)
{
	static int (*const checks[])(struct http_parser *) = {
		check_framing, check_host, check_connection, check_expect
	};
	struct http_slice	 line;
	const uint8_t		*end;
	size_t			 i;
	int			 r;

	p->req.head = (const char *)p->head.base;
	end = memchr(p->head.base, '\r', p->head.len);
	line.base = p->req.head;
	line.len = (size_t)(end - p->head.base);
	if ((r = parse_request_line(p, line)) != STEP_AGAIN)
		return (r);
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if ((r = checks[i](p)) != STEP_AGAIN)
			return (r);
	}
	p->line_off = 0;
	p->state = HTTP_S_LIMIT;
	return (HTTP_HEAD_DONE);
}

static int
step_fields(struct http_parser *p, struct http_slice *in)
{
	struct http_slice	 line, name, value;
	struct http_field	*f;
	const char		*base;
	int			 r;

	r = get_line(p, &p->head, in, head_most, 431,
	    "the head is too long");
	if (r != LINE_DONE)
		return (r);
	line = this_line(p, &p->head);
	if (line.len == 0)
		return (head_done(p));
	if (http_split_field(line, &name, &value) == -1)
		return (fail(p, 400, "a header line is malformed"));
	if (p->req.nfields == HTTP_MAX_FIELDS)
		return (fail(p, 431, "too many header lines"));
	base = (const char *)p->head.base;
	f = &p->req.fields[p->req.nfields++];
	f->name = (uint32_t)(name.base - base);
	f->namelen = (uint32_t)name.len;
	f->value = (uint32_t)(value.base - base);
	f->valuelen = (uint32_t)value.len;
	p->line_off = p->head.len;
	return (STEP_AGAIN);
}

/* --- body --------------------------------------------------------------- */

static int
request_done(struct http_parser *p)
{
	buf_free(&p->line);
	p->req.body = p->body.base;
	p->req.bodylen = p->body.len;
	p->state = HTTP_S_DONE;
	return (STEP_AGAIN);
}

/* A caller that named no limit wants no body. */
static int
step_limit(struct http_parser *p, struct http_slice *in)
{
	(void)in;
	if (http_body_limit(p, 0) == HTTP_ERROR)
		return (HTTP_ERROR);
	return (STEP_AGAIN);
}

/* Move at most max bytes into the body; -1 when there is no memory. */
static ssize_t
take_body(struct http_parser *p, struct http_slice *in, uint64_t max)
{
	size_t	 n = in->len;

	if (n > max)
		n = (size_t)max;
	if (n > 0 && buf_append(&p->body, in->base, n) == -1)
		return (-1);
	in->base += n;
	in->len -= n;
	return ((ssize_t)n);
}

static int
step_body(struct http_parser *p, struct http_slice *in)
{
	if (take_body(p, in, p->req.length - p->body.len) == -1)
		return (fail(p, 503, "no memory for a body"));
	if (p->body.len == p->req.length)
		return (request_done(p));
	return (HTTP_NEED_MORE);
}

static int
step_chunk_line(struct http_parser *p, struct http_slice *in)
{
	struct http_slice	 line;
	int			 r;

	r = get_line(p, &p->line, in, HTTP_MAX_CHUNK_LINE, 400,
	    "a chunk's first line is too long");
	if (r != LINE_DONE)
		return (r);
	line = this_line(p, &p->line);
	if (http_chunk_line(line, &p->chunk) == -1)
		return (fail(p, 400, "a chunk's first line is malformed"));
	if (memchr(line.base, ';', line.len) != NULL &&
	    (p->extensions += line.len) > HTTP_MAX_CHUNK_EXT)
		return (fail(p, 400, "too many chunk extensions"));
	if (p->chunk > p->limit - p->body.len)
		return (fail(p, 413, "the chunks are longer than allowed"));
	p->line.len = 0;
	p->state = p->chunk == 0 ? HTTP_S_TRAILER : HTTP_S_CHUNK_DATA;
	return (STEP_AGAIN);
}

static int
step_chunk_data(struct http_parser *p, struct http_slice *in)
{
	ssize_t	 n;

	if ((n = take_body(p, in, p->chunk)) == -1)
		return (fail(p, 503, "no memory for a body"));
	p->chunk -= (uint64_t)n;
	if (p->chunk > 0)
		return (HTTP_NEED_MORE);
	p->state = HTTP_S_CHUNK_END;
	return (STEP_AGAIN);
}

static int
step_chunk_end(struct http_parser *p, struct http_slice *in)
{
	int	 r;

	r = get_line(p, &p->line, in, 0, 400,
	    "a chunk's data is longer than its size");
	if (r != LINE_DONE)
		return (r);
	p->line.len = 0;
	p->state = HTTP_S_CHUNK_LINE;
	return (STEP_AGAIN);
}

/* Trailers must be fields, and are forgotten: none may change a request. */
static int
step_trailer(struct http_parser *p, struct http_slice *in)
{
	struct http_slice	 line, name, value;
	int			 r;

	r = get_line(p, &p->line, in, HTTP_MAX_TRAILER, 431,
	    "the trailers are too long");
	if (r != LINE_DONE)
		return (r);
	line = this_line(p, &p->line);
	p->line_off = p->line.len;
	if (line.len == 0)
		return (request_done(p));
	if (http_split_field(line, &name, &value) == -1)
		return (fail(p, 400, "a trailer line is malformed"));
	return (STEP_AGAIN);
}

static int
step_done(struct http_parser *p, struct http_slice *in)
{
	(void)p;
	(void)in;
	return (HTTP_REQUEST_DONE);
}

static int
step_dead(struct http_parser *p, struct http_slice *in)
{
	(void)p;
	(void)in;
	return (HTTP_ERROR);
}

/* --- what the caller sees ----------------------------------------------- */

void
http_limit_head(size_t most)
{
	head_most = most;
}

static int (*const steps[])(struct http_parser *, struct http_slice *) = {
	[HTTP_S_REQUEST] =	step_request,
	[HTTP_S_FIELDS] =	step_fields,
	[HTTP_S_LIMIT] =	step_limit,
	[HTTP_S_BODY] =		step_body,
	[HTTP_S_CHUNK_LINE] =	step_chunk_line,
	[HTTP_S_CHUNK_DATA] =	step_chunk_data,
	[HTTP_S_CHUNK_END] =	step_chunk_end,
	[HTTP_S_TRAILER] =	step_trailer,
	[HTTP_S_DONE] =		step_done,
	[HTTP_S_DEAD] =		step_dead,
};

void
http_init(struct http_parser *p)
{
	memset(p, 0, sizeof(*p));
}

void
http_free(struct http_parser *p)
{
	buf_free(&p->head);
	buf_free(&p->body);
	buf_free(&p->line);
	memset(p, 0, sizeof(*p));
	fail(p, 400, "the parser was freed");
}

enum http_result
http_feed(struct http_parser *p, const void *data, size_t len,
    size_t *consumed)
{
	struct http_slice	 in;
	int			 r;

	in.base = data == NULL ? "" : data;
	in.len = len;
	do {
		r = steps[p->state](p, &in);
	} while (r == STEP_AGAIN);
	*consumed = len - in.len;
	return ((enum http_result)r);
}

enum http_result
http_body_limit(struct http_parser *p, size_t limit)
{
	if (p->state != HTTP_S_LIMIT)
		return (p->state == HTTP_S_DEAD ? HTTP_ERROR : HTTP_NEED_MORE);
	if (p->req.length > limit) {
		fail(p, 413, "the body is longer than allowed");
		return (HTTP_ERROR);
	}
	p->limit = limit;
	p->state = p->req.chunked ? HTTP_S_CHUNK_LINE : HTTP_S_BODY;
	return (HTTP_NEED_MORE);
}

int
http_wants_continue(struct http_parser *p)
{
	int	 waits;

	waits = p->expect && p->body.len == 0 && p->line.len == 0 &&
	    ((p->state == HTTP_S_BODY && p->req.length > 0) ||
	    p->state == HTTP_S_CHUNK_LINE);
	p->expect = 0;
	return (waits);
}

int
http_next(struct http_parser *p)
{
	int	 keep = p->state == HTTP_S_DONE && p->req.keepalive;

	http_free(p);
	if (!keep) {
		fail(p, 400, "the connection was to be closed");
		return (-1);
	}
	http_init(p);
	return (0);
}

int
http_is_idle(const struct http_parser *p)
{
	return (p->state == HTTP_S_REQUEST && p->head.len == 0);
}

struct http_slice
http_header(const struct http_request *req, const char *name, size_t idx)
{
	const struct http_field	*f;
	struct http_slice	 s;
	size_t			 i;

	for (i = 0; i < req->nfields; i++) {
		f = &req->fields[i];
		s.base = req->head + f->name;
		s.len = f->namelen;
		if (!http_slice_is_nocase(s, name) || idx-- > 0)
			continue;
		s.base = req->head + f->value;
		s.len = f->valuelen;
		return (s);
	}
	memset(&s, 0, sizeof(s));
	return (s);
}

int
http_header_one(const struct http_request *req, const char *name,
    struct http_slice *value)
{
	*value = http_header(req, name, 0);
	if (value->base == NULL)
		return (0);
	return (http_header(req, name, 1).base == NULL ? 1 : -1);
}

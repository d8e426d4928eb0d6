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
 * HTTP/1.1 responses (RFC 9112), byte by byte and strictly: what a broker
 * sends fits, what is ambiguous is refused.  A body must tell its length, so
 * that one cut off can't pass for whole.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "kbsget.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

static int
response_fail(struct response *r, const char *why)
{
	if (r->why == NULL)
		r->why = why;
	return (-1);
}

void
response_init(struct response *r)
{
	memset(r, 0, sizeof(*r));
}

void
response_free(struct response *r)
{
	freezero(r->body, RESPONSE_BODY_MAX);
	explicit_bzero(r, sizeof(*r));
}

static int
header_length(struct response *r, const char *value)
{
	const char	*error;

	if (r->has_length)
		return (response_fail(r, "Content-Length twice"));
	if (value[strspn(value, "0123456789")] != '\0')
		return (response_fail(r, "Content-Length is not a number"));
	r->left = (size_t)strtonum(value, 0, RESPONSE_BODY_MAX, &error);
	if (error != NULL)
		return (response_fail(r, "its body is too long"));
	r->has_length = 1;
	return (0);
}

static int
header_coding(struct response *r, const char *value)
{
	if (r->chunked || strcasecmp(value, "chunked") != 0)
		return (response_fail(r, "transfer coding is not chunked"));
	r->chunked = 1;
	return (0);
}

static int
header_text(struct response *r, char *dst, size_t size, const char *value)
{
	if (dst[0] != '\0')
		return (response_fail(r, "a header stands twice"));
	if (strlcpy(dst, value, size) >= size)
		return (response_fail(r, "a header is too long"));
	return (0);
}

static int
header_attestation(struct response *r, const char *value)
{
	return (header_text(r, r->attestation_type,
	    sizeof(r->attestation_type), value));
}

static int
header_id(struct response *r, const char *value)
{
	return (header_text(r, r->request_id, sizeof(r->request_id), value));
}

static int
header_type(struct response *r, const char *value)
{
	static const char	 json[] = "application/json";
	size_t			 len = sizeof(json) - 1;

	r->json = strncasecmp(value, json, len) == 0 &&
	    strchr("; \t", value[len]) != NULL;
	return (0);
}

/* The date form of RFC 9110 section 10.2.3 is passed over: it's a hint. */
static int
header_retry(struct response *r, const char *value)
{
	const char	*error;

	r->retry_after = (unsigned int)strtonum(value, 1, 86400, &error);
	return (0);
}

static const struct {
	const char	*name;
	int		(*read)(struct response *, const char *);
} response_headers[] = {
	{ "content-length",	header_length },
	{ "transfer-encoding",	header_coding },
	{ "content-type",	header_type },
	{ "attestation-type",	header_attestation },
	{ "x-request-id",	header_id },
	{ "retry-after",	header_retry },
};

/* Split a field line; *value has no white space around it. */
static int
line_field(struct response *r, char **value)
{
	char	*p, *end;
	size_t	 n;

	n = strspn(r->line, "!#$%&'*+-.^_`|~0123456789"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
	if (n == 0 || r->line[n] != ':')
		return (response_fail(r, "a header line is malformed"));
	r->line[n] = '\0';
	p = r->line + n + 1;
	p += strspn(p, " \t");
	end = p + strlen(p);
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	*value = p;
	return (0);
}

static int
line_status(struct response *r)
{
	const char	*p = r->line;

	if ((strncmp(p, "HTTP/1.1 ", 9) != 0 &&
	    strncmp(p, "HTTP/1.0 ", 9) != 0) ||
	    p[9] < '1' || p[9] > '5' || !isdigit((unsigned char)p[10]) ||
	    !isdigit((unsigned char)p[11]) || (p[12] != ' ' && p[12] != '\0'))
		return (response_fail(r, "it is not HTTP/1.1"));
	r->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + p[11] - '0';
	r->state = RESPONSE_HEADER;
	return (0);
}

static int
head_end(struct response *r)
{
	size_t	 headlen = r->headlen;

	if (r->chunked && r->has_length)
		return (response_fail(r, "its length is ambiguous"));
	if (r->status == 101)
		return (response_fail(r, "it changes the protocol unasked"));
	if (r->status < 200) {
		/* interim: begin again, but the head's limit goes on */
		response_init(r);
		r->headlen = headlen;
		return (0);
	}
	if (r->status == 204 || r->status == 304) {
		if (r->chunked || r->left > 0)
			return (response_fail(r, "a body where none may be"));
		r->state = RESPONSE_DONE;
		return (0);
	}
	if (r->chunked) {
		r->state = RESPONSE_CHUNK_SIZE;
		return (0);
	}
	if (!r->has_length)
		return (response_fail(r, "its body has no length"));
	r->state = r->left > 0 ? RESPONSE_BODY : RESPONSE_DONE;
	return (0);
}

static int
line_header(struct response *r)
{
	char	*value;
	size_t	 i;

	if (r->linelen == 0)
		return (head_end(r));
	if (line_field(r, &value) == -1)
		return (-1);
	for (i = 0; i < nitems(response_headers); i++)
		if (strcasecmp(r->line, response_headers[i].name) == 0)
			return (response_headers[i].read(r, value));
	return (0);
}

static int
line_chunk_size(struct response *r)
{
	const char	*p;
	size_t		 size = 0;

	for (p = r->line; isxdigit((unsigned char)*p); p++) {
		size = size * 16 + (size_t)(isdigit((unsigned char)*p) ?
		    *p - '0' : tolower((unsigned char)*p) - 'a' + 10);
		if (size > RESPONSE_BODY_MAX - r->bodylen)
			return (response_fail(r, "its body is too long"));
	}
	/* extensions are of no use here, but allowed (section 7.1.1) */
	if (p == r->line || (*p != '\0' && *p != ';'))
		return (response_fail(r, "a chunk size is malformed"));
	r->left = size;
	r->state = size > 0 ? RESPONSE_CHUNK : RESPONSE_TRAILER;
	return (0);
}

static int
line_chunk_end(struct response *r)
{
	if (r->linelen > 0)
		return (response_fail(r, "a chunk is longer than its size"));
	r->state = RESPONSE_CHUNK_SIZE;
	return (0);
}

static int
line_trailer(struct response *r)
{
	char	*value;

	if (r->linelen == 0) {
		r->state = RESPONSE_DONE;
		return (0);
	}
	return (line_field(r, &value));
}

static int (*const response_lines[])(struct response *) = {
	[RESPONSE_STATUS] =	line_status,
	[RESPONSE_HEADER] =	line_header,
	[RESPONSE_CHUNK_SIZE] =	line_chunk_size,
	[RESPONSE_CHUNK_END] =	line_chunk_end,
	[RESPONSE_TRAILER] =	line_trailer,
};

/* One byte of a line; lines end in CR LF and in nothing else. */
static int
response_char(struct response *r, unsigned char c)
{
	int	 rv;

	/* a chunk for each byte of a body costs five bytes of lines each */
	if (++r->headlen > (r->state < RESPONSE_BODY ? RESPONSE_HEAD_MAX :
	    RESPONSE_HEAD_MAX + 8 * RESPONSE_BODY_MAX))
		return (response_fail(r, "its head is too long"));
	if (r->cr) {
		if (c != '\n')
			return (response_fail(r, "CR without LF"));
		r->cr = 0;
		r->line[r->linelen] = '\0';
		rv = response_lines[r->state](r);
		r->linelen = 0;
		return (rv);
	}
	if (c == '\r') {
		r->cr = 1;
		return (0);
	}
	if ((c < 0x20 && c != '\t') || c == 0x7f)
		return (response_fail(r, "a control character in its head"));
	if (r->linelen >= RESPONSE_LINE_MAX)
		return (response_fail(r, "a line of its head is too long"));
	r->line[r->linelen++] = (char)c;
	return (0);
}

/* Body bytes; returns how many were taken, or -1. */
static ssize_t
response_data(struct response *r, const uint8_t *p, size_t len)
{
	if (len > r->left)
		len = r->left;
	/* once and whole: growing would leave copies, unwiped */
	if (r->body == NULL)
		r->body = calloc(1, RESPONSE_BODY_MAX);
	if (r->body == NULL)
		return (response_fail(r, "out of memory"));
	/* the sizes were checked where they were read */
	memcpy(r->body + r->bodylen, p, len);
	r->bodylen += len;
	r->left -= len;
	if (r->left == 0)
		r->state = r->chunked ? RESPONSE_CHUNK_END : RESPONSE_DONE;
	return ((ssize_t)len);
}

int
response_feed(struct response *r, const void *data, size_t len)
{
	const uint8_t	*p = data;
	ssize_t		 n;

	if (r->why != NULL)
		return (-1);
	while (len > 0) {
		if (r->state == RESPONSE_DONE)
			return (response_fail(r, "bytes behind its end"));
		if (r->state == RESPONSE_BODY || r->state == RESPONSE_CHUNK)
			n = response_data(r, p, len);
		else
			n = response_char(r, *p) == -1 ? -1 : 1;
		if (n == -1)
			return (-1);
		p += n;
		len -= (size_t)n;
	}
	return (r->state == RESPONSE_DONE);
}

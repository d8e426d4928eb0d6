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
 * Writes answers.  Values that come from elsewhere can't end a line: an
 * answer that could be split is not written at all.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"

struct head {
	char	 text[HTTP_MAX_ANSWER_HEAD];
	size_t	 len;
	int	 error;
};

static const struct {
	int		 status;
	const char	*reason;
} reasons[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

/* Of every answer; the first is part of the contract, and of TLS alone. */
static const struct http_extra constant[] = {
	{ "Strict-Transport-Security",
	    "max-age=63072000; includeSubDomains" },
	{ "Cache-Control", "no-store" },
	{ "X-Content-Type-Options", "nosniff" },
};

#define NCONSTANT	(sizeof(constant) / sizeof(constant[0]))

const char *
http_reason(int status)
{
	size_t	 i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return (reasons[i].reason);
	}
	return ("");
}

static void put(struct head *, const char *, ...)
    __attribute__((__format__(printf, 2, 3)));

static void
put(struct head *h, const char *fmt, ...)
{
	va_list	 ap;
	int	 n;

	if (h->error)
		return;
	va_start(ap, fmt);
	n = vsnprintf(h->text + h->len, sizeof(h->text) - h->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(h->text) - h->len)
		h->error = EMSGSIZE;
	else
		h->len += (size_t)n;
}

static void
put_field(struct head *h, const char *name, const char *value)
{
	struct http_slice	 s;
	const char		*c;

	s.base = name;
	s.len = name == NULL ? 0 : strlen(name);
	if (s.len == 0 || !http_is_token(s) || value == NULL) {
		h->error = EINVAL;
		return;
	}
	for (c = value; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f) {
			h->error = EINVAL;
			return;
		}
	}
	put(h, "%s: %s\r\n", name, value);
}

static void
put_head(struct head *h, const struct http_response *res)
{
	size_t	 i;

	put(h, "HTTP/1.1 %d %s\r\n", res->status, http_reason(res->status));
	if (!res->plain)
		put_field(h, "X-Request-Id", res->request_id);
	for (i = res->plain ? 1 : 0; i < NCONSTANT; i++)
		put_field(h, constant[i].name, constant[i].value);
	for (i = 0; i < res->nextra; i++)
		put_field(h, res->extra[i].name, res->extra[i].value);
	if (res->type != NULL)
		put_field(h, "Content-Type", res->type);
	/* RFC 9110 section 8.6: a 204 must not have one. */
	if (res->status != 204)
		put(h, "Content-Length: %zu\r\n", res->bodylen);
	if (res->close)
		put_field(h, "Connection", "close");
	else if (res->keepalive)
		put_field(h, "Connection", "keep-alive");
	put(h, "\r\n");
}

void
http_response_init(struct http_response *res, const struct http_request *req,
    int status, const char *request_id)
{
	memset(res, 0, sizeof(*res));
	res->status = status;
	res->request_id = request_id;
	res->close = req == NULL || !req->keepalive;
	res->keepalive = !res->close && req->minor == 0;
}

int
http_response_add(struct http_response *res, const char *name,
    const char *value)
{
	if (res->nextra == HTTP_MAX_EXTRA)
		return (-1);
	res->extra[res->nextra].name = name;
	res->extra[res->nextra].value = value;
	res->nextra++;
	return (0);
}

int
http_response_write(const struct http_response *res, uint8_t **out,
    size_t *outlen)
{
	struct head	 h;

	*out = NULL;
	*outlen = 0;
	h.len = 0;
	h.error = 0;
	if (res->status < 200 || res->status > 599 ||
	    (res->status == 204 && res->bodylen > 0))
		h.error = EINVAL;
	put_head(&h, res);
	if (h.error) {
		errno = h.error;
		return (-1);
	}
	if ((*out = malloc(h.len + res->bodylen)) == NULL)
		return (-1);
	memcpy(*out, h.text, h.len);
	if (res->bodylen > 0)
		memcpy(*out + h.len, res->body, res->bodylen);
	*outlen = h.len + res->bodylen;
	return (0);
}

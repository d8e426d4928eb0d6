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
 * Bytes of a connection through the HTTP parser.  Whatever pieces they come
 * in, the requests and the end must be the same; limits hold; slices hold
 * nothing that could end a line.
 */
#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/http.h"

#define BODY_LIMIT	1000

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A running hash (FNV-1a) of all that the parser said. */
struct seen {
	uint64_t	 hash;
	size_t		 requests;
};

static void
see(struct seen *s, const void *data, size_t len)
{
	const uint8_t	*p = data;
	size_t		 i;

	for (i = 0; i < len; i++)
		s->hash = (s->hash ^ p[i]) * 0x100000001b3ULL;
	s->hash = (s->hash ^ len) * 0x100000001b3ULL;
}

static void
see_slice(struct seen *s, struct http_slice slice)
{
	size_t	 i;

	for (i = 0; i < slice.len; i++) {
		if (slice.base[i] == '\r' || slice.base[i] == '\n' ||
		    slice.base[i] == '\0')
			abort();
	}
	see(s, slice.base, slice.len);
}

static void
see_head(struct seen *s, const struct http_request *req)
{
	static const char	*const names[] = {
		"host", "accept", "content-type", "authorization",
		"attestation-type", "x"
	};
	struct http_slice	 rest = req->target.query, value;
	struct http_pair	 pair;
	size_t			 i;
	int			 r;

	if (req->method.len > HTTP_MAX_METHOD ||
	    req->target.path.len > HTTP_MAX_TARGET ||
	    req->nfields > HTTP_MAX_FIELDS ||
	    (req->chunked && (req->length > 0 || req->minor == 0)))
		abort();
	see_slice(s, req->method);
	see_slice(s, req->authority);
	see_slice(s, req->target.path);
	see_slice(s, req->target.query);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		r = http_header_one(req, names[i], &value);
		see(s, &r, sizeof(r));
		see_slice(s, value);
	}
	r = http_accepts(req, "application/json");
	see(s, &r, sizeof(r));
	r = http_is_type(req, "application/json");
	see(s, &r, sizeof(r));
	while ((r = http_query_next(&rest, &pair)) == 1) {
		if (strlen(pair.name) == 0)
			abort();
		see(s, pair.name, strlen(pair.name));
		see(s, pair.value, strlen(pair.value));
	}
	see(s, &r, sizeof(r));
}

/* 0 when the connection ended. */
static int
feed(struct http_parser *p, struct seen *s, const uint8_t *data, size_t len)
{
	size_t	 used;
	int	 r;

	for (;;) {
		r = http_feed(p, data, len, &used);
		if (used > len)
			abort();
		data += used;
		len -= used;
		if (r == HTTP_NEED_MORE) {
			if (len != 0)
				abort();
			return (1);
		}
		if (r == HTTP_HEAD_DONE) {
			see_head(s, &p->req);
			if (http_body_limit(p, BODY_LIMIT) == HTTP_NEED_MORE)
				(void)http_wants_continue(p);
			continue;
		}
		if (r == HTTP_ERROR) {
			if (p->status < 400 || p->why == NULL)
				abort();
			see(s, &p->status, sizeof(p->status));
			see(s, p->why, strlen(p->why));
			return (0);
		}
		if (p->req.bodylen > BODY_LIMIT || (!p->req.chunked &&
		    p->req.bodylen != p->req.length))
			abort();
		see(s, p->req.body, p->req.bodylen);
		s->requests++;
		if (http_next(p) == -1)
			return (0);
	}
}

/* Pieces of piece bytes, or of changing sizes when it is 0. */
static struct seen
run(const uint8_t *data, size_t size, size_t piece)
{
	struct http_parser	 p;
	struct seen		 s = { 0xcbf29ce484222325ULL, 0 };
	size_t			 n, off;
	int			 alive = 1, idle;

	http_init(&p);
	for (off = 0; alive && off < size; off += n) {
		n = piece != 0 ? piece : 1 + data[off] % 17;
		if (n > size - off)
			n = size - off;
		alive = feed(&p, &s, data + off, n);
	}
	idle = http_is_idle(&p);
	see(&s, &idle, sizeof(idle));
	http_free(&p);
	return (s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen	 whole, bytes, pieces;

	whole = run(data, size, size + 1);
	bytes = run(data, size, 1);
	pieces = run(data, size, 0);
	if (whole.hash != bytes.hash || whole.hash != pieces.hash ||
	    whole.requests != bytes.requests)
		abort();
	return (0);
}

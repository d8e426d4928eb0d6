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
 * The HTTP of the frontend, apart from the rest of it: its parser knows
 * nothing of processes and messages.
 */
#ifndef HTTP_H
#define HTTP_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * http.c, http_grammar.c, http_media.c, http_response.c: HTTP/1.1 and 1.0
 * without any input or output of their own.
 */
#define HTTP_MAX_HEAD		(64 * 1024)	/* line and fields, else 431 */
#define HTTP_MAX_FIELDS		100		/* header lines, else 431 */
#define HTTP_MAX_TARGET		(8 * 1024)	/* else 414 */
#define HTTP_MAX_METHOD		32		/* else 501 */
#define HTTP_MAX_HOST		255
#define HTTP_MAX_CHUNK_LINE	256		/* size, extensions, CRLF */
#define HTTP_MAX_CHUNK_EXT	4096		/* lines with them, in all */
#define HTTP_MAX_TRAILER	(8 * 1024)	/* else 431 */
#define HTTP_MAX_EXTRA		4		/* fields of an answer */
#define HTTP_MAX_ANSWER_HEAD	4096

/* What the caller writes when http_wants_continue() says so. */
#define HTTP_CONTINUE		"HTTP/1.1 100 Continue\r\n\r\n"

/* Bytes that belong to somebody else; base is NULL for "not there". */
struct http_slice {
	const char	*base;
	size_t		 len;
};

/* A header line, as offsets: the head moves while it grows. */
struct http_field {
	uint32_t	 name;
	uint32_t	 namelen;
	uint32_t	 value;
	uint32_t	 valuelen;
};

struct http_target {
	struct http_slice	 authority;	/* absolute-form, CONNECT */
	struct http_slice	 path;		/* as it came, not decoded */
	struct http_slice	 query;		/* NULL without `?' */
};

/* Slices stay valid until http_next() or http_free(). */
struct http_request {
	struct http_slice	 method;
	struct http_target	 target;
	struct http_slice	 authority;	/* target's, else Host */
	int			 minor;		/* 1.1 or 1.0 */
	int			 keepalive;
	int			 chunked;
	uint64_t		 length;	/* Content-Length, or 0 */
	const uint8_t		*body;		/* once REQUEST_DONE */
	size_t			 bodylen;
	const char		*head;
	struct http_field	 fields[HTTP_MAX_FIELDS];
	size_t			 nfields;
};

/* Grows as bytes arrive, wiped when it moves or ends. */
struct http_buf {
	uint8_t		*base;
	size_t		 len;
	size_t		 size;
};

enum http_state {
	HTTP_S_REQUEST,		/* request line */
	HTTP_S_FIELDS,		/* header lines */
	HTTP_S_LIMIT,		/* head is known, body limit is not */
	HTTP_S_BODY,		/* Content-Length bytes */
	HTTP_S_CHUNK_LINE,
	HTTP_S_CHUNK_DATA,
	HTTP_S_CHUNK_END,	/* CRLF after the data */
	HTTP_S_TRAILER,
	HTTP_S_DONE,
	HTTP_S_DEAD
};

struct http_parser {
	enum http_state		 state;
	struct http_request	 req;
	struct http_buf		 head;
	struct http_buf		 body;
	struct http_buf		 line;		/* chunk line, trailers */
	size_t			 line_off;	/* start of the current line */
	int			 empty_line;	/* one was skipped already */
	size_t			 limit;		/* of the body */
	uint64_t		 chunk;		/* left of this chunk */
	size_t			 extensions;	/* bytes of such lines */
	int			 expect;	/* 100-continue, not said yet */
	int			 status;	/* of the error */
	const char		*why;		/* for the log */
};

enum http_result {
	HTTP_NEED_MORE,
	HTTP_HEAD_DONE,
	HTTP_REQUEST_DONE,
	HTTP_ERROR
};

/* Of all parsers: HTTP_MAX_HEAD at most, which it is without this. */
void	 http_limit_head(size_t);
void	 http_init(struct http_parser *);
void	 http_free(struct http_parser *);

/*
 * Give len bytes to the parser.  *consumed says how many it took; the rest is
 * to be given again.  The caller calls until NEED_MORE, with no bytes too:
 * HEAD_DONE	 once a request, p->req is filled but for its body: name the
 *		 limit by http_body_limit(), else it is 0;
 * REQUEST_DONE	 the body is there too; again and again until http_next();
 * ERROR	 p->status is the answer, p->why the reason, and the connection
 *		 must end: nothing more is taken.
 */
enum http_result	 http_feed(struct http_parser *, const void *, size_t,
			    size_t *);
/* NEED_MORE, or ERROR (413) when the announced body is longer already. */
enum http_result	 http_body_limit(struct http_parser *, size_t);
/* 1 once if the client waits for 100 before it sends the body, else 0. */
int	 http_wants_continue(struct http_parser *);
/* Forget the request, wiping it.  -1 when the connection is to be closed. */
int	 http_next(struct http_parser *);
/* 1 when not one byte of a next request came: no answer is owed. */
int	 http_is_idle(const struct http_parser *);

/* The idx-th field of that name, in any case; base NULL when there is none. */
struct http_slice	 http_header(const struct http_request *, const char *,
			    size_t);
/* For fields that may stand once: 1 with *value, 0 absent, -1 repeated. */
int	 http_header_one(const struct http_request *, const char *,
	    struct http_slice *);

/* http_grammar.c: predicates over slices, RFC 9110, 9112 and 3986. */
int	 http_slice_is(struct http_slice, const char *);
int	 http_slice_is_nocase(struct http_slice, const char *);
int	 http_take(struct http_slice *, char);
void	 http_skip_space(struct http_slice *);
int	 http_take_token(struct http_slice *, struct http_slice *);
int	 http_take_value(struct http_slice *, struct http_slice *);
int	 http_take_element(struct http_slice *, struct http_slice *);
int	 http_is_token(struct http_slice);
int	 http_is_authority(struct http_slice, int);
int	 http_hex(unsigned char);
int	 http_split_target(struct http_slice, struct http_slice,
	    struct http_target *);
int	 http_split_field(struct http_slice, struct http_slice *,
	    struct http_slice *);
int	 http_content_length(struct http_slice, uint64_t *);
int	 http_chunk_line(struct http_slice, uint64_t *);

/*
 * http_media.c
 * A pair of the query, decoded; repeated names are the caller's to refuse.
 */
struct http_pair {
	char	 name[64];
	char	 value[512];
};

/* The next pair of *rest: 1, 0 at the end, -1 malformed or too long (400). */
int	 http_query_next(struct http_slice *, struct http_pair *);
/* Does Accept (all its lines) take this type?  Absent and malformed: 0. */
int	 http_accepts(const struct http_request *, const char *);
/* Is Content-Type this type?  Absent, repeated and malformed: 0. */
int	 http_is_type(const struct http_request *, const char *);

/* http_response.c */
struct http_extra {
	const char	*name;
	const char	*value;
};

struct http_response {
	int			 status;
	const char		*request_id;
	const char		*type;		/* Content-Type, or NULL */
	const void		*body;
	size_t			 bodylen;
	int			 close;		/* says so, and then it is so */
	int			 keepalive;	/* said aloud, to HTTP/1.0 */
	int			 plain;		/* without TLS, and no id */
	struct http_extra	 extra[HTTP_MAX_EXTRA];
	size_t			 nextra;
};

/* Strings are borrowed.  Without a request (or after ERROR) it closes. */
void	 http_response_init(struct http_response *, const struct http_request *,
	    int, const char *);
/* -1 when there is no room. */
int	 http_response_add(struct http_response *, const char *, const char *);
/*
 * The whole answer in fresh memory, which the caller ends by freezero; -1
 * and errno when out of memory or when a field could split the answer.
 */
int	 http_response_write(const struct http_response *, uint8_t **,
	    size_t *);
const char	*http_reason(int);

#endif

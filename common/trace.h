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
 * The traces of requests: W3C Trace Context, section 3.2.  A client's trace id
 * is kept beside the request's name and passed on, in a message of its own, to
 * those processes only that write it down or send it upstream.  A process knows
 * those of the last TRACES requests; who has none has none.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "process.h"
#include "record.h"

#define TRACE_ID_LEN	16
#define TRACE_HEX	(2 * TRACE_ID_LEN + 1)
/* "traceparent: 00-", ids, flags and NUL. */
#define TRACE_HEADER	(13 + 3 + 32 + 1 + 16 + 1 + 2 + 1)
#define TRACES		1024

struct trace {
	uint8_t	 id[TRACE_ID_LEN];
	uint8_t	 flags;
};

/*
 * The value of a traceparent header, of version 00, in lower case, with ids
 * that are not zero.  Returns 0, or -1: then there is no trace.
 */
int	 trace_parse(struct trace *, const char *, size_t);
/* The header for a request upstream, with a new parent id. */
char	*trace_header(const struct trace *, char text[TRACE_HEADER]);
char	*trace_format(const struct trace *, char text[TRACE_HEX]);

/* Keep it, in the place of an older one; -1: none is known of this name. */
void	 trace_put(const struct request_name *, const struct trace *);
int	 trace_get(const struct request_name *, struct trace *);

/* A *_TRACE message: NAME, 16 bytes trace id, u8 flags. */
#define TRACE_BODY	(12 + TRACE_ID_LEN + 1)
/* The function of an edge's table. */
int	 trace_take(struct edge *, struct rbuf *);
/*
 * Before a message about this request: what is known of its trace.  It is of
 * so little weight that a failure is none.
 */
void	 trace_pass(struct edge *, uint32_t type, const struct request_name *);
void	 wb_trace(struct wbuf *, const struct trace *);
void	 rb_trace(struct rbuf *, struct trace *);

#endif

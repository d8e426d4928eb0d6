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

/* Trace ids of requests: read, kept for a while, passed on. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "trace.h"

#define PARENT_ID_LEN	8
#define VALUE_LEN	55
#define SAMPLED		0x01	/* the one flag of version 00 */

/* By their numbers: a newer request takes the place of an older one. */
static struct known {
	struct request_name	 name;
	struct trace		 trace;
	int			 there;
}		 known[TRACES];

/* So many digits in lower case, not all of them zero; then this character. */
static int
take_hex(const char **p, uint8_t *out, size_t len, char next)
{
	size_t	 digits = 2 * len, i;
	int	 some = 0;

	for (i = 0; i < digits; i++) {
		if (strchr("0123456789abcdef", (*p)[i]) == NULL ||
		    (*p)[i] == '\0')
			return (-1);
		some |= (*p)[i] != '0';
	}
	if (hex_decode(out, len, *p, digits) == -1 || (*p)[digits] != next)
		return (-1);
	*p += digits + 1;
	return (some);
}

int
trace_parse(struct trace *t, const char *value, size_t len)
{
	char		 text[VALUE_LEN + 1];
	const char	*p = text;
	uint8_t		 version, parent[PARENT_ID_LEN];

	if (len != VALUE_LEN)
		return (-1);
	memcpy(text, value, len);
	text[len] = '\0';
	if (take_hex(&p, &version, 1, '-') != 0 ||
	    take_hex(&p, t->id, TRACE_ID_LEN, '-') != 1 ||
	    take_hex(&p, parent, PARENT_ID_LEN, '-') != 1 ||
	    take_hex(&p, &t->flags, 1, '\0') == -1)
		return (-1);
	t->flags &= SAMPLED;
	return (0);
}

char *
trace_format(const struct trace *t, char text[TRACE_HEX])
{
	hex_encode(text, TRACE_HEX, t->id, TRACE_ID_LEN);
	return (text);
}

char *
trace_header(const struct trace *t, char text[TRACE_HEADER])
{
	uint8_t	 parent[PARENT_ID_LEN];
	char	 id[TRACE_HEX], span[2 * PARENT_ID_LEN + 1];

	arc4random_buf(parent, sizeof(parent));
	parent[0] |= 1;		/* it may not be zero */
	hex_encode(span, sizeof(span), parent, sizeof(parent));
	(void)snprintf(text, TRACE_HEADER, "traceparent: 00-%s-%s-%02x",
	    trace_format(t, id), span, t->flags);
	return (text);
}

static struct known *
known_place(const struct request_name *name)
{
	return (&known[(name->number ^ (uint64_t)name->front << 4) % TRACES]);
}

void
trace_put(const struct request_name *name, const struct trace *t)
{
	struct known	*k = known_place(name);

	k->name = *name;
	k->trace = *t;
	k->there = 1;
}

int
trace_get(const struct request_name *name, struct trace *t)
{
	const struct known	*k = known_place(name);

	if (!k->there || name_cmp(&k->name, name) != 0)
		return (-1);
	*t = k->trace;
	return (0);
}

void
wb_trace(struct wbuf *w, const struct trace *t)
{
	wb_raw(w, t->id, TRACE_ID_LEN);
	wb_u8(w, t->flags);
}

void
rb_trace(struct rbuf *r, struct trace *t)
{
	const uint8_t	*id;

	if ((id = rb_raw(r, TRACE_ID_LEN)) != NULL)
		memcpy(t->id, id, TRACE_ID_LEN);
	t->flags = rb_enum(r, SAMPLED);
}

int
trace_take(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct trace		 t;

	(void)edge;
	rb_name(r, &name);
	rb_trace(r, &t);
	if (rb_end(r) == -1)
		return (-1);
	trace_put(&name, &t);
	return (0);
}

void
trace_pass(struct edge *edge, uint32_t type, const struct request_name *name)
{
	struct trace	 t;
	struct wbuf	 w = { 0 };

	if (trace_get(name, &t) == -1)
		return;
	wb_name(&w, name);
	wb_trace(&w, &t);
	(void)edge_send(edge, type, &w);
}

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
 * What a request says about types (Accept, Content-Type) and asks in its
 * query.  Strict like the parser: a value that is malformed anywhere is not
 * used for its well-formed half.
 */
#include <sys/types.h>

#include <string.h>
#include <strings.h>

#include "http.h"

struct media {
	struct http_slice	 type;
	struct http_slice	 subtype;
	int			 foreign;	/* charset other than UTF-8 */
	int			 q;		/* thousandths */
};

/* How well a media range fits, RFC 9110 section 12.5.1. */
enum fit {
	FIT_NONE,
	FIT_ANY,		/* any type at all */
	FIT_TYPE,		/* any subtype of the type */
	FIT_EXACT
};

/* "0" or "1", and up to three digits after a dot: 12.4.2. */
static int
parse_q(struct http_slice s, int *q)
{
	static const int	 weight[] = { 1000, 0, 100, 10, 1 };
	size_t			 i;

	*q = 0;
	if (s.len == 0 || s.len > 5 || (*s.base != '0' && *s.base != '1') ||
	    (s.len > 1 && s.base[1] != '.'))
		return (-1);
	for (i = 0; i < s.len; i++) {
		if (i == 1)
			continue;
		if (s.base[i] < '0' || s.base[i] > '9')
			return (-1);
		*q += weight[i] * (s.base[i] - '0');
	}
	return (*q > 1000 ? -1 : 0);
}

/* *( OWS ";" OWS [ name "=" value ] ) to the end, RFC 9110 section 5.6.6. */
static int
parse_parameters(struct http_slice s, struct media *m)
{
	struct http_slice	 name, value;

	for (;;) {
		http_skip_space(&s);
		if (s.len == 0)
			return (0);
		if (!http_take(&s, ';'))
			return (-1);
		http_skip_space(&s);
		if (s.len == 0 || *s.base == ';')
			continue;
		if (!http_take_token(&s, &name) || !http_take(&s, '=') ||
		    !http_take_value(&s, &value))
			return (-1);
		if (http_slice_is_nocase(name, "charset") &&
		    !http_slice_is_nocase(value, "utf-8"))
			m->foreign = 1;
		if (http_slice_is_nocase(name, "q") &&
		    parse_q(value, &m->q) == -1)
			return (-1);
	}
}

static int
parse_media(struct http_slice s, struct media *m)
{
	memset(m, 0, sizeof(*m));
	m->q = 1000;
	if (!http_take_token(&s, &m->type) || !http_take(&s, '/') ||
	    !http_take_token(&s, &m->subtype))
		return (-1);
	if (http_slice_is(m->type, "*") && !http_slice_is(m->subtype, "*"))
		return (-1);
	return (parse_parameters(s, m));
}

static enum fit
media_fit(const struct media *m, const char *type)
{
	const char		*slash = strchr(type, '/');
	struct http_slice	 left;

	if (m->foreign || slash == NULL)
		return (FIT_NONE);
	if (http_slice_is(m->type, "*"))
		return (FIT_ANY);
	left.base = type;
	left.len = (size_t)(slash - type);
	if (m->type.len != left.len ||
	    strncasecmp(m->type.base, left.base, left.len) != 0)
		return (FIT_NONE);
	if (http_slice_is(m->subtype, "*"))
		return (FIT_TYPE);
	return (http_slice_is_nocase(m->subtype, slash + 1) ?
	    FIT_EXACT : FIT_NONE);
}

/* The range that fits best decides, so q=0 refuses beside a wider one. */
int
http_accepts(const struct http_request *req, const char *type)
{
	struct http_slice	 list, element;
	struct media		 m;
	enum fit		 fit, best = FIT_NONE;
	size_t			 i;
	int			 n, q = 0;

	for (i = 0; (list = http_header(req, "accept", i)).base != NULL;
	    i++) {
		while ((n = http_take_element(&list, &element)) == 1) {
			if (parse_media(element, &m) == -1)
				return (0);
			fit = media_fit(&m, type);
			if (fit > best || (fit == best && m.q > q))
				q = fit == FIT_NONE ? 0 : m.q;
			if (fit > best)
				best = fit;
		}
		if (n == -1)
			return (0);
	}
	return (q > 0);
}

int
http_is_type(const struct http_request *req, const char *type)
{
	struct http_slice	 value;
	struct media		 m;

	return (http_header_one(req, "content-type", &value) == 1 &&
	    parse_media(value, &m) == 0 && media_fit(&m, type) == FIT_EXACT);
}

/* --- query -------------------------------------------------------------- */

/*
 * Decode s as a form does it (`+' is a space) into a string.  Control
 * characters, encoded or not, are refused, and so is the `;' that some
 * servers take for `&'.
 */
static int
decode(struct http_slice s, char *dst, size_t dstsize)
{
	size_t		 i, n = 0;
	int		 hi, lo;
	unsigned char	 c;

	for (i = 0; i < s.len; i++) {
		c = (unsigned char)s.base[i];
		if (c == ';')
			return (-1);
		if (c == '+')
			c = ' ';
		else if (c == '%') {
			if (s.len - i < 3)
				return (-1);
			hi = http_hex((unsigned char)s.base[i + 1]);
			lo = http_hex((unsigned char)s.base[i + 2]);
			if (hi == -1 || lo == -1)
				return (-1);
			c = (unsigned char)(hi << 4 | lo);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n + 1 >= dstsize)
			return (-1);
		dst[n++] = (char)c;
	}
	dst[n] = '\0';
	return (0);
}

int
http_query_next(struct http_slice *rest, struct http_pair *pair)
{
	struct http_slice	 name, value;
	const char		*mark;

	if (rest->len == 0)
		return (0);
	name = *rest;
	if ((mark = memchr(name.base, '&', name.len)) != NULL) {
		name.len = (size_t)(mark - name.base);
		/* Nothing after the last `&' would be an empty pair. */
		if (name.len + 1 == rest->len)
			return (-1);
		rest->base = mark + 1;
		rest->len -= name.len + 1;
	} else {
		rest->base += rest->len;
		rest->len = 0;
	}
	if ((mark = memchr(name.base, '=', name.len)) == NULL)
		return (-1);
	value.base = mark + 1;
	value.len = name.len - (size_t)(mark - name.base) - 1;
	name.len = (size_t)(mark - name.base);
	if (name.len == 0 ||
	    decode(name, pair->name, sizeof(pair->name)) == -1 ||
	    decode(value, pair->value, sizeof(pair->value)) == -1)
		return (-1);
	return (1);
}

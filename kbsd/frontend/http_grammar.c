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
 * The grammar of HTTP requests (RFC 9110, RFC 9112) and of the targets they
 * name (RFC 3986), as predicates over slices.  They run in the frontend on
 * what strangers send; they keep nothing, allocate nothing, and where two
 * readers could differ they refuse.
 */
#include <sys/types.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "http.h"

/* RFC 9110 section 5.6.2; locale-free, hence not isalnum(3). */
static int
is_digit(unsigned char c)
{
	return (c >= '0' && c <= '9');
}

static int
is_alnum(unsigned char c)
{
	return (is_digit(c) || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z'));
}

static int
is_one_of(unsigned char c, const char *set)
{
	return (c != '\0' && strchr(set, c) != NULL);
}

static int
is_tchar(unsigned char c)
{
	return (is_alnum(c) || is_one_of(c, "!#$%&'*+-.^_`|~"));
}

/* RFC 3986 section 3.3, without the percent-encoded. */
static int
is_pchar(unsigned char c)
{
	return (is_alnum(c) || is_one_of(c, "-._~!$&'()*+,;=:@"));
}

/* The value of a hexadecimal digit, or -1. */
int
http_hex(unsigned char c)
{
	if (is_digit(c))
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	return (-1);
}

int
http_slice_is(struct http_slice s, const char *text)
{
	return (s.base != NULL && s.len == strlen(text) &&
	    memcmp(s.base, text, s.len) == 0);
}

/* A NUL in the slice differs from every text. */
int
http_slice_is_nocase(struct http_slice s, const char *text)
{
	return (s.base != NULL && s.len == strlen(text) &&
	    strncasecmp(s.base, text, s.len) == 0);
}

/* --- a slice as a cursor ------------------------------------------------ */

static void
advance(struct http_slice *s, size_t n)
{
	s->base += n;
	s->len -= n;
}

static struct http_slice
first(struct http_slice s, size_t n)
{
	s.len = n;
	return (s);
}

int
http_take(struct http_slice *s, char c)
{
	if (s->len == 0 || *s->base != c)
		return (0);
	advance(s, 1);
	return (1);
}

/* OWS and BWS, RFC 9110 section 5.6.3. */
void
http_skip_space(struct http_slice *s)
{
	while (s->len > 0 && (*s->base == ' ' || *s->base == '\t'))
		advance(s, 1);
}

static void
trim_end(struct http_slice *s)
{
	while (s->len > 0 && (s->base[s->len - 1] == ' ' ||
	    s->base[s->len - 1] == '\t'))
		s->len--;
}

int
http_take_token(struct http_slice *s, struct http_slice *token)
{
	size_t	 n = 0;

	while (n < s->len && is_tchar((unsigned char)s->base[n]))
		n++;
	*token = first(*s, n);
	advance(s, n);
	return (n > 0);
}

/*
 * The length of the quoted-string that s begins with, both quotes counted,
 * or 0 (RFC 9110 section 5.6.4).
 */
static size_t
quoted_length(struct http_slice s)
{
	unsigned char	 c;
	size_t		 i;

	if (s.len == 0 || *s.base != '"')
		return (0);
	for (i = 1; i < s.len; i++) {
		c = (unsigned char)s.base[i];
		if (c == '"')
			return (i + 1);
		if (c == '\\' && ++i == s.len)
			return (0);
		c = (unsigned char)s.base[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return (0);
	}
	return (0);
}

/*
 * A token or what stands between the quotes, its backslashes left in: such
 * a value then equals nothing we look for, which refuses.
 */
int
http_take_value(struct http_slice *s, struct http_slice *value)
{
	size_t	 n;

	if (s->len == 0 || *s->base != '"')
		return (http_take_token(s, value));
	if ((n = quoted_length(*s)) == 0)
		return (0);
	*value = first(*s, n - 1);
	advance(value, 1);
	advance(s, n);
	return (1);
}

/*
 * The next element of a comma separated list, white space around it cut,
 * empty ones passed over (RFC 9110 section 5.6.1.2).  1, 0 at the end, -1
 * when a quoted string does not end.
 */
int
http_take_element(struct http_slice *list, struct http_slice *element)
{
	struct http_slice	 rest;
	size_t			 n, step;

	do {
		http_skip_space(list);
	} while (http_take(list, ','));
	if (list->len == 0)
		return (0);
	for (n = 0; n < list->len && list->base[n] != ','; n += step) {
		step = 1;
		rest = *list;
		advance(&rest, n);
		if (*rest.base == '"' && (step = quoted_length(rest)) == 0)
			return (-1);
	}
	*element = first(*list, n);
	advance(list, n);
	trim_end(element);
	return (1);
}

int
http_is_token(struct http_slice s)
{
	struct http_slice	 token;

	return (http_take_token(&s, &token) && s.len == 0);
}

/* --- targets ------------------------------------------------------------ */

/* pchar, well-formed percent-encodings, and the characters of more. */
static int
is_uri_text(struct http_slice s, const char *more)
{
	size_t	 i;

	for (i = 0; i < s.len; i++) {
		if (is_pchar((unsigned char)s.base[i]) ||
		    is_one_of((unsigned char)s.base[i], more))
			continue;
		if (s.base[i] != '%' || s.len - i < 3 ||
		    http_hex((unsigned char)s.base[i + 1]) == -1 ||
		    http_hex((unsigned char)s.base[i + 2]) == -1)
			return (0);
		i += 2;
	}
	return (1);
}

static int
is_ipv6(struct http_slice s)
{
	char		 text[INET6_ADDRSTRLEN];
	struct in6_addr	 addr;
	size_t		 i;

	if (s.len >= sizeof(text))
		return (0);
	for (i = 0; i < s.len; i++) {
		if (http_hex((unsigned char)s.base[i]) == -1 &&
		    !is_one_of((unsigned char)s.base[i], ":."))
			return (0);
	}
	memcpy(text, s.base, s.len);
	text[s.len] = '\0';
	return (inet_pton(AF_INET6, text, &addr) == 1);
}

/*
 * Names and addresses only: reg-name of RFC 3986 section 3.2.2 would also
 * allow commas and percent-encodings, which no certificate can name and
 * which others may read as a list.
 */
static size_t
host_length(struct http_slice s)
{
	size_t	 n = 0;

	if (s.len > 0 && *s.base == '[') {
		while (n < s.len && s.base[n] != ']')
			n++;
		if (n == s.len)
			return (0);
		advance(&s, 1);
		return (is_ipv6(first(s, n - 1)) ? n + 1 : 0);
	}
	while (n < s.len && (is_alnum((unsigned char)s.base[n]) ||
	    is_one_of((unsigned char)s.base[n], "-._~")))
		n++;
	return (n);
}

/* host [ ":" port ]; userinfo is an error (RFC 9110 section 4.2.4). */
int
http_is_authority(struct http_slice s, int want_port)
{
	unsigned int	 port = 0;
	size_t		 n;

	n = host_length(s);
	if (n == 0 || n > HTTP_MAX_HOST)
		return (0);
	advance(&s, n);
	if (s.len == 0)
		return (!want_port);
	if (!http_take(&s, ':') || s.len > 5 || (s.len == 0 && want_port))
		return (0);
	for (; s.len > 0; advance(&s, 1)) {
		if (!is_digit((unsigned char)*s.base))
			return (0);
		port = port * 10 + (unsigned int)(*s.base - '0');
	}
	return (port <= 65535);
}

static int
split_path(struct http_slice s, struct http_target *t)
{
	const char	*mark = NULL;

	if (s.len > 0)
		mark = memchr(s.base, '?', s.len);
	t->path = s;
	if (mark != NULL) {
		t->path.len = (size_t)(mark - s.base);
		t->query = s;
		advance(&t->query, t->path.len + 1);
	}
	if (!is_uri_text(t->path, "/") || !is_uri_text(t->query, "/?"))
		return (-1);
	if (t->path.len == 0) {		/* RFC 9110 section 4.2.3 */
		t->path.base = "/";
		t->path.len = 1;
	}
	return (0);
}

static int
split_absolute(struct http_slice s, struct http_target *t)
{
	static const char	*const schemes[] = { "https://", "http://" };
	size_t			 i, n;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		n = strlen(schemes[i]);
		if (s.len < n || !http_slice_is_nocase(first(s, n),
		    schemes[i]))
			continue;
		advance(&s, n);
		for (n = 0; n < s.len && s.base[n] != '/' &&
		    s.base[n] != '?';)
			n++;
		t->authority = first(s, n);
		advance(&s, n);
		if (!http_is_authority(t->authority, 0))
			return (-1);
		return (split_path(s, t));
	}
	return (-1);
}

/*
 * The four forms of RFC 9112 section 3.2.  A fragment is in none of them.
 * Nothing is decoded: paths of the contract are plain ASCII, another
 * spelling is another path.
 */
int
http_split_target(struct http_slice method, struct http_slice target,
    struct http_target *t)
{
	memset(t, 0, sizeof(*t));
	if (http_slice_is(method, "CONNECT")) {
		t->authority = target;
		return (http_is_authority(target, 1) ? 0 : -1);
	}
	if (http_slice_is(target, "*")) {
		t->path = target;
		return (http_slice_is(method, "OPTIONS") ? 0 : -1);
	}
	if (target.len > 0 && *target.base == '/')
		return (split_path(target, t));
	return (split_absolute(target, t));
}

/* --- lines -------------------------------------------------------------- */

/*
 * A header or trailer line without its CRLF (RFC 9112 section 5).  The
 * caller has refused control characters in it.  White space before the name
 * would be a folded line, before the colon a second name: both fail as no
 * token.
 */
int
http_split_field(struct http_slice line, struct http_slice *name,
    struct http_slice *value)
{
	if (!http_take_token(&line, name) || !http_take(&line, ':'))
		return (-1);
	http_skip_space(&line);
	trim_end(&line);
	*value = line;
	return (0);
}

/*
 * 1*DIGIT, but without leading zeros: some read those as octal.  Numbers
 * over 64 bits are no length at all.
 */
int
http_content_length(struct http_slice s, uint64_t *length)
{
	uint64_t	 n = 0, digit;
	size_t		 i;

	if (s.len == 0 || (s.len > 1 && *s.base == '0'))
		return (-1);
	for (i = 0; i < s.len; i++) {
		if (!is_digit((unsigned char)s.base[i]))
			return (-1);
		digit = (uint64_t)(s.base[i] - '0');
		if (n > (UINT64_MAX - digit) / 10)
			return (-1);
		n = n * 10 + digit;
	}
	*length = n;
	return (0);
}

/*
 * BWS ";" BWS name [ BWS "=" BWS value ].  White space that leads to neither
 * is left, and the line then does not end as it must.
 */
static int
take_extension(struct http_slice *line)
{
	struct http_slice	 rest, word;

	http_skip_space(line);
	if (!http_take(line, ';'))
		return (0);
	http_skip_space(line);
	if (!http_take_token(line, &word))
		return (0);
	rest = *line;
	http_skip_space(&rest);
	if (!http_take(&rest, '='))
		return (1);
	http_skip_space(&rest);
	*line = rest;
	return (http_take_value(line, &word));
}

/*
 * chunk-size [ chunk-ext ], RFC 9112 section 7.1.  Sixteen digits fill 64
 * bits, so the size can't overflow; extensions mean nothing to us but must
 * be well-formed.
 */
int
http_chunk_line(struct http_slice line, uint64_t *size)
{
	size_t	 digits = 0;
	int	 h;

	*size = 0;
	while (line.len > 0 &&
	    (h = http_hex((unsigned char)*line.base)) != -1) {
		if (digits++ == 16)
			return (-1);
		*size = *size << 4 | (uint64_t)h;
		advance(&line, 1);
	}
	if (digits == 0)
		return (-1);
	while (line.len > 0) {
		if (!take_extension(&line))
			return (-1);
	}
	return (0);
}

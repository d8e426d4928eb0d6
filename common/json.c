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
 * Strict JSON.  A scan that allocates nothing comes first, because jansson
 * makes up to 79 bytes of heap of a byte of text; what passes it goes to
 * jansson, whose memory is wiped when it is given back, for bodies carry
 * passwords and key material.  jansson's own error texts quote what they
 * stumble over and are therefore never used.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vis.h>

#include "base64.h"
#include "json.h"
#include "json_lift.h"

#define NAME_SHOWN	64	/* bytes of a foreign member's name in why */

const struct json_limits json_small = { 64 * 1024, 2048, 16 };
const struct json_limits json_large = { 1024 * 1024, 16384, 32 };

/*
 * jansson asked for memory in vain.  Where it reads a text it goes on then,
 * and leaves out bytes of it.
 */
static int	no_memory;

/* Lies before each block of jansson's; as wide as malloc aligns. */
union wiped {
	size_t		 size;
	max_align_t	 align;
};

struct scan {
	const char			*p;
	const char			*end;
	const struct json_limits	*limits;
	size_t				 values;
	unsigned int			 depth;
	char				*why;
	size_t				 whysize;
};

static const struct {
	enum json_error_code	 code;
	const char		*text;
} json_errors[] = {
	{ json_error_out_of_memory,		"out of memory" },
	{ json_error_invalid_utf8,		"invalid UTF-8" },
	{ json_error_premature_end_of_input,	"ends too early" },
	{ json_error_end_of_input_expected,	"text behind the value" },
	{ json_error_null_character,		"U+0000 in a string" },
	{ json_error_null_byte_in_key,		"U+0000 in a name" },
	{ json_error_duplicate_key,		"a member is there twice" },
	{ json_error_numeric_overflow,		"number out of range" },
};

#define NERRORS	(sizeof(json_errors) / sizeof(json_errors[0]))

/* Always -1.  A why that is cut is still a why. */
static int __attribute__((format(printf, 3, 4)))
refuse(char *why, size_t whysize, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, whysize, fmt, ap);
	va_end(ap);
	return (-1);
}

static void *
wiped_malloc(size_t size)
{
	union wiped	*w;

	if (size > SIZE_MAX - sizeof(*w))
		return (NULL);
	if ((w = malloc(sizeof(*w) + size)) == NULL) {
		no_memory = 1;
		return (NULL);
	}
	w->size = size;
	return (w + 1);
}

static void
wiped_free(void *p)
{
	union wiped	*w = p;

	if (w == NULL)
		return;
	w--;
	freezero(w, sizeof(*w) + w->size);
}

void
json_init(void)
{
	uint32_t	 seed;

	json_set_alloc_funcs(wiped_malloc, wiped_free);
	/*
	 * With its first object jansson would seek a seed in /dev/urandom,
	 * which a sandbox forbids; 0 would mean just that.
	 */
	while ((seed = arc4random()) == 0)
		;
	json_object_seed(seed);
}

static int
is_space(char c)
{
	return (c == ' ' || c == '\t' || c == '\n' || c == '\r');
}

static void
scan_space(struct scan *s)
{
	while (s->p < s->end && is_space(*s->p))
		s->p++;
}

static int
scan_value(struct scan *s)
{
	if (++s->values > s->limits->values)
		return (refuse(s->why, s->whysize, "more than %zu values",
		    s->limits->values));
	return (0);
}

/* Behind the opening quote; ends behind the closing one. */
static int
scan_string(struct scan *s)
{
	unsigned char	 c;

	for (;;) {
		s->p += json_plain(s->p, s->end);
		if (s->p == s->end)
			return (refuse(s->why, s->whysize, "ends too early"));
		if ((c = (unsigned char)*s->p++) == '"')
			break;
		if (c < 0x20)
			return (refuse(s->why, s->whysize,
			    "control character in a string"));
		if (c != '\\')
			continue;
		if (s->end - s->p >= 5 && memcmp(s->p, "u0000", 5) == 0)
			return (refuse(s->why, s->whysize,
			    "U+0000 in a string"));
		if (s->p < s->end)
			s->p++;
	}
	/* what a colon follows is a name, and no value */
	scan_space(s);
	if (s->p < s->end && *s->p == ':')
		return (0);
	return (scan_value(s));
}

static int
scan_word(struct scan *s)
{
	while (s->p < s->end && (isalnum((unsigned char)*s->p) ||
	    *s->p == '-' || *s->p == '+' || *s->p == '.'))
		s->p++;
	return (scan_value(s));
}

static int
scan_open(struct scan *s)
{
	if (++s->depth > s->limits->depth)
		return (refuse(s->why, s->whysize, "more than %u levels",
		    s->limits->depth));
	return (scan_value(s));
}

/* One token within the outermost value. */
static int
scan_token(struct scan *s)
{
	char	 c = *s->p++;

	switch (c) {
	case '{':
	case '[':
		return (scan_open(s));
	case '}':
	case ']':
		s->depth--;
		return (0);
	case '"':
		return (scan_string(s));
	case ',':
	case ':':
		return (0);
	default:
		if (isalnum((unsigned char)c) || c == '-')
			return (scan_word(s));
		return (refuse(s->why, s->whysize, "not valid JSON"));
	}
}

/*
 * Whether text is small enough for jansson.  Grammar is jansson's business;
 * here it only matters that no value is missed on the way to the first error.
 */
static int
scan(struct scan *s)
{
	if ((size_t)(s->end - s->p) > s->limits->bytes)
		return (refuse(s->why, s->whysize, "more than %zu bytes",
		    s->limits->bytes));
	scan_space(s);
	if (s->p == s->end)
		return (refuse(s->why, s->whysize, "empty"));
	if (*s->p != '{' && *s->p != '[')
		return (refuse(s->why, s->whysize,
		    "neither an object nor an array"));
	do {
		if (scan_token(s) == -1)
			return (-1);
		scan_space(s);
	} while (s->depth > 0 && s->p < s->end);
	if (s->depth > 0)
		return (refuse(s->why, s->whysize, "ends too early"));
	if (s->p < s->end)
		return (refuse(s->why, s->whysize, "text behind the value"));
	return (0);
}

static const char *
error_text(const json_error_t *e)
{
	size_t	 i;

	for (i = 0; i < NERRORS; i++) {
		if (json_errors[i].code == json_error_code(e))
			return (json_errors[i].text);
	}
	return ("not valid JSON");
}

/* Whatever it can't do that way is left to the way without. */
static json_t *
read_lifted(const char *text, size_t len)
{
	struct json_lift	 lift;
	json_error_t		 error;
	json_t			*value;

	if (json_lift(&lift, text, len) == -1)
		return (NULL);
	value = json_loadb(lift.text, lift.len, JSON_REJECT_DUPLICATES,
	    &error);
	if (value != NULL && json_lift_back(&lift, value) == -1) {
		json_decref(value);
		value = NULL;
	}
	json_lift_free(&lift);
	explicit_bzero(&error, sizeof(error));
	return (value);
}

json_t *
json_read(const char *text, size_t len, const struct json_limits *limits,
    char *why, size_t whysize)
{
	struct scan	 s = { 0 };
	json_error_t	 error;
	json_t		*value;
	int		 before = errno;

	if (len == 0) {
		(void)refuse(why, whysize, "empty");
		return (NULL);
	}
	s.p = text;
	s.end = text + len;
	s.limits = limits;
	s.why = why;
	s.whysize = whysize;
	if (scan(&s) == -1)
		return (NULL);
	no_memory = 0;
	if ((value = read_lifted(text, len)) == NULL && !no_memory)
		value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	errno = before;		/* jansson's own is gone by now */
	if (no_memory) {
		json_decref(value);
		value = NULL;
		(void)refuse(why, whysize, "no memory");
		errno = ENOMEM;
	} else if (value == NULL)
		(void)refuse(why, whysize, "%s near byte %d",
		    error_text(&error), error.position);
	explicit_bzero(&error, sizeof(error));
	return (value);
}

int
json_put_string(struct wbuf *w, const char *text, size_t len)
{
	char	*quoted;
	json_t	*j;

	if (json_plain(text, text + len) == len) {
		wb_raw(w, "\"", 1);
		wb_raw(w, text, len);
		wb_raw(w, "\"", 1);
		return (0);
	}
	no_memory = 0;
	if ((j = json_stringn(text, len)) == NULL) {
		w->failed |= no_memory;
		return (no_memory ? 0 : -1);
	}
	if ((quoted = json_write(j, &len)) == NULL)
		w->failed = 1;
	else
		wb_raw(w, quoted, len);
	free(quoted);
	json_decref(j);
	return (0);
}

static int
type_string(const json_t *j)
{
	return (json_is_string(j));
}

static int
type_integer(const json_t *j)
{
	return (json_is_integer(j));
}

static int
type_bool(const json_t *j)
{
	return (json_is_boolean(j));
}

static int
type_object(const json_t *j)
{
	return (json_is_object(j));
}

static int
type_array(const json_t *j)
{
	return (json_is_array(j));
}

static int
type_any(const json_t *j)
{
	return (j != NULL);
}

static const struct {
	const char	*text;
	int		(*is)(const json_t *);
} json_types[] = {
	[JSON_MEMBER_STRING] =	{ "a string", type_string },
	[JSON_MEMBER_INTEGER] =	{ "an integer", type_integer },
	[JSON_MEMBER_BOOL] =	{ "a boolean", type_bool },
	[JSON_MEMBER_OBJECT] =	{ "an object", type_object },
	[JSON_MEMBER_ARRAY] =	{ "an array", type_array },
	[JSON_MEMBER_ANY] =	{ "there", type_any },
};

/* A stranger chose the name: encoded, and not more of it than helps. */
static int
refuse_unknown(const char *name, char *why, size_t whysize)
{
	char	 safe[4 * NAME_SHOWN + 1];
	size_t	 len;

	len = strnlen(name, NAME_SHOWN + 1);
	if (strvisx(safe, name, len > NAME_SHOWN ? NAME_SHOWN : len,
	    VIS_CSTYLE | VIS_NL | VIS_TAB | VIS_DQ) == -1)
		return (refuse(why, whysize, "unknown member"));
	return (refuse(why, whysize, "unknown member \"%s%s\"", safe,
	    len > NAME_SHOWN ? "..." : ""));
}

static int
find_unknown(json_t *object, const struct json_member *members, size_t n,
    char *why, size_t whysize)
{
	const char	*name;
	json_t		*value;
	size_t		 i;

	json_object_foreach(object, name, value) {
		for (i = 0; i < n; i++) {
			if (strcmp(name, members[i].name) == 0)
				break;
		}
		if (i == n)
			return (refuse_unknown(name, why, whysize));
	}
	return (0);
}

static int
take_one(const json_t *object, const struct json_member *m, char *why,
    size_t whysize)
{
	json_t	*value;

	if ((value = json_object_get(object, m->name)) == NULL) {
		if (m->required)
			return (refuse(why, whysize,
			    "member \"%s\" is missing", m->name));
		return (0);
	}
	if (!json_types[m->type].is(value))
		return (refuse(why, whysize, "member \"%s\" must be %s",
		    m->name, json_types[m->type].text));
	*m->out = value;
	return (0);
}

static void
take_none(const struct json_member *members, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		*members[i].out = NULL;
}

static int
take(json_t *object, const struct json_member *members, size_t n, int strict,
    char *why, size_t whysize)
{
	size_t	 i;

	take_none(members, n);
	if (!json_is_object(object))
		return (refuse(why, whysize, "not an object"));
	if (strict && find_unknown(object, members, n, why, whysize) == -1)
		return (-1);
	for (i = 0; i < n; i++) {
		if (take_one(object, &members[i], why, whysize) == -1) {
			take_none(members, n);
			return (-1);
		}
	}
	return (0);
}

int
json_take(json_t *object, const struct json_member *members, size_t n,
    char *why, size_t whysize)
{
	return (take(object, members, n, 1, why, whysize));
}

int
json_pick(json_t *object, const struct json_member *members, size_t n,
    char *why, size_t whysize)
{
	return (take(object, members, n, 0, why, whysize));
}

int
json_base64(const json_t *string, size_t max, uint8_t **out, size_t *outlen,
    char *why, size_t whysize)
{
	const char	*text;
	uint8_t		*buf;
	size_t		 len, size;
	ssize_t		 n;

	*out = NULL;
	*outlen = 0;
	if ((text = json_string_value(string)) == NULL)
		return (refuse(why, whysize, "not a string"));
	len = json_string_length(string);
	/* exact but for padding, which is at most two bytes of a group */
	size = BASE64_BYTES(len);
	if (len / 4 * 3 > max && len / 4 * 3 - max > 2)
		return (refuse(why, whysize, "more than %zu bytes", max));
	if ((buf = malloc(size)) == NULL)
		return (refuse(why, whysize, "out of memory"));
	if ((n = base64_decode(buf, size, text, len)) == -1) {
		free(buf);
		return (refuse(why, whysize, "not canonical base64"));
	}
	if ((size_t)n > max) {
		freezero(buf, size);
		return (refuse(why, whysize, "more than %zu bytes", max));
	}
	*out = buf;
	*outlen = (size_t)n;
	return (0);
}

/*
 * Not json_dumps(): its text comes from jansson's allocator, which the
 * caller's free() does not know.
 */
char *
json_write(const json_t *value, size_t *len)
{
	const size_t	 flags = JSON_COMPACT | JSON_ENCODE_ANY;
	char		*text;
	size_t		 n;

	*len = 0;
	if ((n = json_dumpb(value, NULL, 0, flags)) == 0)
		return (NULL);
	if ((text = malloc(n + 1)) == NULL)
		return (NULL);
	if (json_dumpb(value, text, n, flags) != n) {
		freezero(text, n + 1);
		return (NULL);
	}
	text[n] = '\0';
	*len = n;
	return (text);
}

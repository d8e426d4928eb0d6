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

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json_lift.h"

#define LIFT_LEAST	24	/* bytes of a string worth it */
#define TEXT_LEAST	256

#define EACH(byte)	(UINT64_MAX / 255 * (byte))

/* High bits where w has a zero byte; borrows may set more above such a one. */
static uint64_t
zeros(uint64_t w)
{
	return ((w - EACH(0x01)) & ~w & EACH(0x80));
}

static int
plain(unsigned char c)
{
	return (c >= 0x20 && c < 0x80 && c != '"' && c != '\\');
}

size_t
json_plain(const char *p, const char *end)
{
	const char	*from = p;
	uint64_t	 w;

	for (; (size_t)(end - p) >= sizeof(w); p += sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		if (((w | zeros(w ^ EACH('"')) | zeros(w ^ EACH('\\')) |
		    (w - EACH(0x20))) & EACH(0x80)) != 0)
			break;
	}
	while (p < end && plain((unsigned char)*p))
		p++;
	return ((size_t)(p - from));
}

/* The end of a string, behind its closing quote; NULL: it has none. */
static const char *
string_end(const char *p, const char *end)
{
	for (p++;; p++) {
		p += json_plain(p, end);
		if (p >= end)
			return (NULL);
		if (*p == '"')
			return (p + 1);
		if (*p == '\\')
			p++;
	}
}

static int
is_name(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' ||
	    *p == '\r'))
		p++;
	return (p < end && *p == ':');
}

static void
put(struct json_lift *lift, const char *p, size_t len)
{
	memcpy(lift->text + lift->len, p, len);
	lift->len += len;
}

/* One string, quotes included: as it is, or lifted. */
static void
put_string(struct json_lift *lift, const char *p, const char *end,
    const char *textend)
{
	size_t	 len = (size_t)(end - p) - 2;

	if (is_name(end, textend)) {
		put(lift, p, len + 2);
		return;
	}
	if (len < LIFT_LEAST || lift->n == LIFTS_MAX ||
	    json_plain(p + 1, end) != len)
		put(lift, p, len + 2);
	else {
		put(lift, "\"\"", 2);
		lift->v[lift->n].index = lift->strings;
		lift->v[lift->n].p = p + 1;
		lift->v[lift->n].len = len;
		lift->n++;
	}
	lift->strings++;
}

int
json_lift(struct json_lift *lift, const char *text, size_t len)
{
	const char	*p = text, *end = text + len, *next;

	lift->len = lift->strings = lift->n = 0;
	if (len < TEXT_LEAST || (lift->text = malloc(len)) == NULL)
		return (-1);
	while (p < end) {
		if ((next = memchr(p, '"', (size_t)(end - p))) == NULL)
			next = end;
		put(lift, p, (size_t)(next - p));
		if ((p = next) == end)
			break;
		if ((next = string_end(p, end)) == NULL) {
			lift->n = 0;
			break;
		}
		put_string(lift, p, next, end);
		p = next;
	}
	if (lift->n > 0)
		return (0);
	json_lift_free(lift);
	return (-1);
}

/*
 * Every string of a text is in what it became, in its order: a name that is
 * there twice was refused, and jansson keeps members as they came.
 */
static int
back(const struct json_lift *lift, json_t *j, size_t *strings, size_t *n)
{
	const char	*name;
	json_t		*value;
	size_t		 i;

	if (json_is_object(j)) {
		json_object_foreach(j, name, value)
			if (back(lift, value, strings, n) == -1)
				return (-1);
	} else if (json_is_array(j)) {
		json_array_foreach(j, i, value)
			if (back(lift, value, strings, n) == -1)
				return (-1);
	} else if (json_is_string(j)) {
		i = (*strings)++;
		if (*n == lift->n || lift->v[*n].index != i)
			return (0);
		if (json_string_length(j) != 0 ||
		    json_string_setn_nocheck(j, lift->v[*n].p,
		    lift->v[*n].len) == -1)
			return (-1);
		(*n)++;
	}
	return (0);
}

int
json_lift_back(const struct json_lift *lift, json_t *j)
{
	size_t	 strings = 0, n = 0;

	if (back(lift, j, &strings, &n) == -1 || strings != lift->strings ||
	    n != lift->n)
		return (-1);
	return (0);
}

void
json_lift_free(struct json_lift *lift)
{
	freezero(lift->text, lift->len);
	lift->text = NULL;
}

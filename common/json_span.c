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
 * Where a member stands in the text of an object: for what is signed byte for
 * byte.  It walks over a text that json_read() found good, and still takes
 * its word for nothing: each step looks for the end.
 */
#include <string.h>

#include "json.h"

struct walk {
	const char	*p;
	const char	*end;
};

static int
at(const struct walk *w, char c)
{
	return (w->p < w->end && *w->p == c);
}

static void
skip_space(struct walk *w)
{
	while (at(w, ' ') || at(w, '\t') || at(w, '\n') || at(w, '\r'))
		w->p++;
}

/* From the opening quote to behind the closing one. */
static int
skip_string(struct walk *w)
{
	for (w->p++; w->p < w->end && *w->p != '"'; w->p++)
		if (*w->p == '\\' && w->end - w->p > 1)
			w->p++;
	if (w->p == w->end)
		return (-1);
	w->p++;
	return (0);
}

/* An object or array, to behind the bracket that matches. */
static int
skip_nested(struct walk *w)
{
	size_t	 depth = 0;

	while (w->p < w->end) {
		if (*w->p == '"') {
			if (skip_string(w) == -1)
				return (-1);
			continue;
		}
		if (*w->p == '{' || *w->p == '[')
			depth++;
		else if (*w->p == '}' || *w->p == ']')
			depth--;
		w->p++;
		if (depth == 0)
			return (0);
	}
	return (-1);
}

static int
skip_value(struct walk *w)
{
	if (at(w, '"'))
		return (skip_string(w));
	if (at(w, '{') || at(w, '['))
		return (skip_nested(w));
	while (w->p < w->end && strchr(",]} \t\n\r", *w->p) == NULL)
		w->p++;
	return (0);
}

int
json_span(const char *text, size_t len, const char *name, const char **p,
    size_t *n)
{
	struct walk	 w = { text, text + len };
	const char	*key;
	size_t		 keylen;

	skip_space(&w);
	do {
		w.p += w.p < w.end;	/* the brace, or a comma */
		skip_space(&w);
		key = w.p + 1;
		if (!at(&w, '"') || skip_string(&w) == -1)
			return (-1);
		keylen = (size_t)(w.p - 1 - key);
		skip_space(&w);
		if (!at(&w, ':'))
			return (-1);
		w.p++;
		skip_space(&w);
		*p = w.p;
		if (skip_value(&w) == -1)
			return (-1);
		*n = (size_t)(w.p - *p);
		if (keylen == strlen(name) && memcmp(key, name, keylen) == 0)
			return (0);
		skip_space(&w);
	} while (at(&w, ','));
	return (-1);
}

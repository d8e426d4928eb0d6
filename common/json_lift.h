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
 * Long strings past jansson.  It takes a string byte by byte, ten nanoseconds
 * each, and a request is one long string: a token or a quote.  So strings of
 * plain ASCII are lifted out of a text, which jansson then judges with "" in
 * their place, and are put back into what it made of it.
 */
#ifndef JSON_LIFT_H
#define JSON_LIFT_H

#include <jansson.h>
#include <stddef.h>

#define LIFTS_MAX	32

struct json_lift {
	char		*text;		/* the shorter one; wiped with it */
	size_t		 len;
	size_t		 strings;	/* values, no names */
	size_t		 n;
	struct {
		size_t		 index;	/* which of them */
		const char	*p;	/* borrowed */
		size_t		 len;
	}		 v[LIFTS_MAX];
};

/* How many bytes are neither quote, backslash, control nor non-ASCII. */
size_t	 json_plain(const char *, const char *end);
/* Nothing to lift, or no memory: -1, and nothing to be freed. */
int	 json_lift(struct json_lift *, const char *, size_t len);
/* Into what the shorter text is; -1: out of memory. */
int	 json_lift_back(const struct json_lift *, json_t *);
void	 json_lift_free(struct json_lift *);

#endif

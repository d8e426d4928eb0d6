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
 * Strict JSON in, small JSON out.  jansson parses, but only what a scan
 * before it has found small enough: depth, number of values and size are
 * capped before anything is allocated, duplicate members, text behind the
 * value and U+0000 in strings are refused.
 */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "msg.h"

struct json_limits {
	size_t		 bytes;
	size_t		 values;	/* objects, arrays, scalars, in all */
	unsigned int	 depth;
};

extern const struct json_limits json_small;	/* 64 KiB, 2048, 16 */
extern const struct json_limits json_large;	/* 1 MiB, 16384, 32 */

/* Make jansson wipe what it frees.  Once at start. */
void	 json_init(void);

/*
 * Parse exactly len bytes.  NULL on failure, with a static or formatted
 * sentence in why (never echoing more than a member's name).
 */
json_t	*json_read(const char *, size_t len, const struct json_limits *,
	    char *why, size_t whysize);

/*
 * Take an object apart by a table: each member of the object must be in the
 * table (names compared byte for byte), of its type, and each that is
 * required must be there.  `type' is a JSON_MEMBER_* value.  What is found is
 * stored, borrowed, in *out; what is absent is set to NULL.  null never
 * passes for another type.  Returns 0, or -1 with why naming the member.
 */
enum json_member_type {
	JSON_MEMBER_STRING,
	JSON_MEMBER_INTEGER,
	JSON_MEMBER_BOOL,
	JSON_MEMBER_OBJECT,
	JSON_MEMBER_ARRAY,
	JSON_MEMBER_ANY,		/* null too */
};

struct json_member {
	const char		*name;
	enum json_member_type	 type;
	int			 required;
	json_t			**out;
};

int	 json_take(json_t *object, const struct json_member *, size_t n,
	    char *why, size_t whysize);
/* The same, but members that are not in the table are passed over. */
int	 json_pick(json_t *object, const struct json_member *, size_t n,
	    char *why, size_t whysize);

/*
 * The text of the member of this name, borrowed, in the text of an object
 * that json_read() has read.  The name must be written without escapes.
 * Returns 0, or -1: it is not there.
 */
int	 json_span(const char *, size_t len, const char *name,
	    const char **, size_t *);

/*
 * Decode a string member as canonical base64 into a malloc'd buffer.
 * Returns 0 or -1 (why says so); the caller frees (freezero for secrets).
 */
int	 json_base64(const json_t *string, size_t max, uint8_t **, size_t *,
	    char *why, size_t whysize);

/*
 * Compact text of a value, members in the order they were set.  malloc'd,
 * NUL terminated, *len set; NULL on no memory.
 */
char	*json_write(const json_t *, size_t *len);
/*
 * Append text as a JSON string.  -1: it is not UTF-8, nothing was appended;
 * without memory the buffer has failed.
 */
int	 json_put_string(struct wbuf *, const char *text, size_t len);

#endif

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
 * Tag, type, length, value: the encoding of KMIP (1.4 and 2.0, section 9.1).
 * An item is padded with zeros to eight bytes, which its length leaves out; a
 * structure's length counts all that is in it.
 */
#ifndef TTLV_H
#define TTLV_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"

enum ttlv_type {
	TTLV_STRUCTURE = 1, TTLV_INTEGER, TTLV_LONG, TTLV_BIG,
	TTLV_ENUMERATION, TTLV_BOOLEAN, TTLV_TEXT, TTLV_BYTES, TTLV_DATE,
	TTLV_INTERVAL, TTLV_TYPE_MAX
};

#define TTLV_HEAD	8

struct ttlv {
	uint32_t	 tag;
	uint8_t		 type;		/* enum ttlv_type */
	const uint8_t	*value;		/* borrowed */
	size_t		 len;		/* without padding */
};

/* Begin a structure; what end() takes. */
size_t	 ttlv_begin(struct wbuf *, uint32_t tag);
void	 ttlv_end(struct wbuf *, size_t at);
/* INTEGER, ENUMERATION. */
void	 ttlv_put(struct wbuf *, uint32_t tag, enum ttlv_type, uint32_t);
void	 ttlv_text(struct wbuf *, uint32_t tag, const char *);
void	 ttlv_bytes(struct wbuf *, uint32_t tag, const void *, size_t);

/*
 * The next item: 1; 0 at the end; -1 for what is no item (length beyond the
 * end, length not its type's, padding that is not zero, unknown type).
 */
int	 ttlv_next(struct rbuf *, struct ttlv *);
/* The first of this tag and type within a structure: 1; 0: none; -1. */
int	 ttlv_find(const struct ttlv *, uint32_t tag, enum ttlv_type,
	    struct ttlv *);
/* Of INTEGER, ENUMERATION. */
uint32_t ttlv_number(const struct ttlv *);
/* A text string as a C string; -1: too long, or a character below space. */
int	 ttlv_string(const struct ttlv *, char *, size_t);

#endif

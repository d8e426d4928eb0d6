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

/* Version 4 UUIDs (RFC 9562 section 5.4), kept as their 16 bytes. */
#ifndef UUID_H
#define UUID_H

#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT	37	/* with terminating NUL */

struct uuid {
	uint8_t		b[16];
};

extern const struct uuid uuid_nil;

/*
 * Parse exactly len characters, either case.  Only version 4, variant 10xx
 * is taken.  Returns 0 or -1.
 */
int	uuid_parse(struct uuid *, const char *, size_t len);
/* Write the lower-case text, return it. */
char	*uuid_format(const struct uuid *, char text[UUID_TEXT]);
/* A new random one. */
void	uuid_make(struct uuid *);
int	uuid_cmp(const struct uuid *, const struct uuid *);
int	uuid_isnil(const struct uuid *);

#endif

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
 * Version 4 UUIDs: names of keys, policies and users, never secret.  Other
 * versions are refused so that a name says nothing about who made it when.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "uuid.h"

const struct uuid uuid_nil;

/* Bytes in each of the groups that dashes part. */
static const size_t uuid_groups[] = { 4, 2, 2, 2, 6 };

#define NGROUPS	(sizeof(uuid_groups) / sizeof(uuid_groups[0]))

static int
uuid_isv4(const struct uuid *u)
{
	return ((u->b[6] & 0xf0) == 0x40 && (u->b[8] & 0xc0) == 0x80);
}

int
uuid_parse(struct uuid *u, const char *s, size_t len)
{
	size_t	 i, n, at = 0;

	if (len != UUID_TEXT - 1)
		goto bad;
	for (i = 0; i < NGROUPS; i++) {
		n = uuid_groups[i];
		if (i > 0 && *s++ != '-')
			goto bad;
		if (hex_decode(u->b + at, n, s, 2 * n) == -1)
			goto bad;
		at += n;
		s += 2 * n;
	}
	if (!uuid_isv4(u))
		goto bad;
	return (0);
bad:
	*u = uuid_nil;
	return (-1);
}

char *
uuid_format(const struct uuid *u, char text[UUID_TEXT])
{
	char	*p = text;
	size_t	 i, n, at = 0;

	for (i = 0; i < NGROUPS; i++) {
		n = uuid_groups[i];
		if (i > 0)
			*p++ = '-';
		hex_encode(p, 2 * n + 1, u->b + at, n);
		at += n;
		p += 2 * n;
	}
	return (text);
}

void
uuid_make(struct uuid *u)
{
	arc4random_buf(u->b, sizeof(u->b));
	u->b[6] = (u->b[6] & 0x0f) | 0x40;
	u->b[8] = (u->b[8] & 0x3f) | 0x80;
}

int
uuid_cmp(const struct uuid *a, const struct uuid *b)
{
	return (memcmp(a->b, b->b, sizeof(a->b)));
}

int
uuid_isnil(const struct uuid *u)
{
	return (uuid_cmp(u, &uuid_nil) == 0);
}

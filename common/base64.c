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
 * Canonical base64 and hexadecimal.  Keys and tokens pass through here, so a
 * character is mapped by arithmetic: no table is indexed by, and no branch
 * depends on, what a digit is; only whether the text was good shows.
 */
#include <sys/types.h>

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base64.h"

#define BLOCK	64	/* digits */

/* The characters of values 62 and 63, and whether '=' fills the last group. */
struct alphabet {
	int	c62;
	int	c63;
	int	padded;
};

static const struct alphabet alphabet_std = { '+', '/', 1 };
static const struct alphabet alphabet_url = { '-', '_', 0 };

/* All ones when lo <= c <= hi, else 0. */
static int
within(int c, int lo, int hi)
{
	unsigned int	 outside;

	outside = (unsigned int)(c - lo) | (unsigned int)(hi - c);
	return ((int)(outside >> 31) - 1);
}

static inline int16_t
within_short(int16_t c, int16_t lo, int16_t hi)
{
	int16_t	 outside = (int16_t)((int16_t)(c - lo) | (int16_t)(hi - c));

	return ((int16_t)~(outside >> 15));
}

static char
digit64(int v, const struct alphabet *a)
{
	int	 c;

	c = within(v, 0, 25) & (v + 'A');
	c |= within(v, 26, 51) & (v - 26 + 'a');
	c |= within(v, 52, 61) & (v - 52 + '0');
	c |= within(v, 62, 62) & a->c62;
	c |= within(v, 63, 63) & a->c63;
	return ((char)c);
}

/* -1 for what is no digit. */
static int
value64(char ch, const struct alphabet *a)
{
	int	 c, v;

	c = (unsigned char)ch;
	v = -1;
	v += within(c, 'A', 'Z') & (c - 'A' + 1);
	v += within(c, 'a', 'z') & (c - 'a' + 27);
	v += within(c, '0', '9') & (c - '0' + 53);
	v += within(c, a->c62, a->c62) & 63;
	v += within(c, a->c63, a->c63) & 64;
	return (v);
}

/* The same in 16 bits. */
static inline int16_t
value64_short(char ch, int16_t c62, int16_t c63)
{
	int16_t	 c = (unsigned char)ch;
	int16_t	 v = -1;

	v += within_short(c, 'A', 'Z') & (int16_t)(c - 'A' + 1);
	v += within_short(c, 'a', 'z') & (int16_t)(c - 'a' + 27);
	v += within_short(c, '0', '9') & (int16_t)(c - '0' + 53);
	v += within_short(c, c62, c62) & 63;
	v += within_short(c, c63, c63) & 64;
	return (v);
}

static int
value16(char ch)
{
	int	 c, v;

	c = (unsigned char)ch;
	v = -1;
	v += within(c, '0', '9') & (c - '0' + 1);
	v += within(c, 'a', 'f') & (c - 'a' + 11);
	v += within(c, 'A', 'F') & (c - 'A' + 11);
	return (v);
}

/* A caller that forgets the return value must not find half a secret. */
static ssize_t
refuse(void *dst, size_t dstsize)
{
	if (dstsize > 0)
		explicit_bzero(dst, dstsize);
	return (-1);
}

static ssize_t
encode(char *dst, size_t dstsize, const void *src, size_t len,
    const struct alphabet *a)
{
	const uint8_t	*p = src;
	size_t		 i, n = 0, take;
	uint32_t	 group;

	if (len > SSIZE_MAX / 2 || dstsize < BASE64_SIZE(len))
		return (-1);
	for (i = 0; i < len; i += take) {
		take = len - i < 3 ? len - i : 3;
		group = (uint32_t)p[i] << 16;
		if (take > 1)
			group |= (uint32_t)p[i + 1] << 8;
		if (take > 2)
			group |= p[i + 2];
		dst[n++] = digit64(group >> 18 & 63, a);
		dst[n++] = digit64(group >> 12 & 63, a);
		if (take > 1)
			dst[n++] = digit64(group >> 6 & 63, a);
		else if (a->padded)
			dst[n++] = '=';
		if (take > 2)
			dst[n++] = digit64(group & 63, a);
		else if (a->padded)
			dst[n++] = '=';
	}
	dst[n] = '\0';
	return ((ssize_t)n);
}

/*
 * Many digits at a time, in loops of a known length that a compiler makes
 * vectors of.
 */
static int
decode_block(uint8_t *out, const char *src, const struct alphabet *a)
{
	int16_t		 v[BLOCK];
	uint32_t	 group;
	size_t		 i;
	int16_t		 bad = 0;

	for (i = 0; i < BLOCK; i++)
		v[i] = value64_short(src[i], (int16_t)a->c62,
		    (int16_t)a->c63);
	for (i = 0; i < BLOCK; i++)
		bad |= v[i];
	for (i = 0; i < BLOCK; i += 4) {
		group = ((uint32_t)v[i] & 63) << 18 |
		    ((uint32_t)v[i + 1] & 63) << 12 |
		    ((uint32_t)v[i + 2] & 63) << 6 |
		    ((uint32_t)v[i + 3] & 63);
		*out++ = group >> 16 & 0xff;
		*out++ = group >> 8 & 0xff;
		*out++ = group & 0xff;
	}
	explicit_bzero(v, sizeof(v));
	return (bad);
}

/* The digits without their padding. */
static ssize_t
decode(void *dst, size_t dstsize, const char *src, size_t len,
    const struct alphabet *a)
{
	uint8_t		*out = dst;
	size_t		 i, n = 0, need;
	uint32_t	 acc = 0;
	unsigned int	 bits = 0;
	int		 bad = 0, v;

	if (len > SSIZE_MAX || len % 4 == 1)
		return (refuse(dst, dstsize));
	need = len / 4 * 3 + (len % 4 == 0 ? 0 : len % 4 - 1);
	if (need > dstsize)
		return (refuse(dst, dstsize));
	for (i = 0; len - i >= BLOCK; i += BLOCK) {
		bad |= decode_block(out + n, src + i, a);
		n += BLOCK / 4 * 3;
	}
	for (; i < len; i++) {
		v = value64(src[i], a);
		bad |= v;
		acc = acc << 6 | ((uint32_t)v & 63);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = acc >> bits & 0xff;
		}
	}
	/* bits left over would give the same bytes a second text */
	if (bad < 0 || (acc & ((1U << bits) - 1)) != 0)
		return (refuse(dst, dstsize));
	return ((ssize_t)n);
}

ssize_t
base64_encode(char *dst, size_t dstsize, const void *src, size_t len)
{
	return (encode(dst, dstsize, src, len, &alphabet_std));
}

ssize_t
base64url_encode(char *dst, size_t dstsize, const void *src, size_t len)
{
	return (encode(dst, dstsize, src, len, &alphabet_url));
}

ssize_t
base64_decode(void *dst, size_t dstsize, const char *src, size_t len)
{
	size_t	 pad = 0;

	if (len % 4 != 0)
		return (refuse(dst, dstsize));
	while (pad < 2 && pad < len && src[len - 1 - pad] == '=')
		pad++;
	return (decode(dst, dstsize, src, len - pad, &alphabet_std));
}

ssize_t
base64url_decode(void *dst, size_t dstsize, const char *src, size_t len)
{
	return (decode(dst, dstsize, src, len, &alphabet_url));
}

ssize_t
hex_encode(char *dst, size_t dstsize, const void *src, size_t len)
{
	const uint8_t	*p = src;
	size_t		 i, n = 0;
	int		 j, v;

	if (len > SSIZE_MAX / 2 || dstsize < 2 * len + 1)
		return (-1);
	for (i = 0; i < len; i++) {
		for (j = 4; j >= 0; j -= 4) {
			v = p[i] >> j & 15;
			dst[n++] = (char)(v + '0' +
			    (within(v, 10, 15) & ('a' - '0' - 10)));
		}
	}
	dst[n] = '\0';
	return ((ssize_t)n);
}

ssize_t
hex_decode(void *dst, size_t dstsize, const char *src, size_t len)
{
	uint8_t	*out = dst;
	size_t	 i;
	int	 bad = 0, hi, lo;

	if (len > SSIZE_MAX || len % 2 != 0 || len / 2 > dstsize)
		return (refuse(dst, dstsize));
	for (i = 0; i < len / 2; i++) {
		hi = value16(src[2 * i]);
		lo = value16(src[2 * i + 1]);
		bad |= hi | lo;
		out[i] = (uint8_t)((hi & 15) << 4 | (lo & 15));
	}
	if (bad < 0)
		return (refuse(dst, dstsize));
	return ((ssize_t)(len / 2));
}

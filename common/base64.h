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
 * Strict base64 (RFC 4648): canonical only.  White space, missing or
 * superfluous padding and trailing bits that are not zero are refused, so
 * that a byte string has exactly one text.
 */
#ifndef BASE64_H
#define BASE64_H

#include <sys/types.h>

#include <stddef.h>

/* Room for the text of len bytes, padding and terminating NUL included. */
#define BASE64_SIZE(len)	((((len) + 2) / 3) * 4 + 1)
/* Most bytes that a text of len characters can hold. */
#define BASE64_BYTES(len)	((len) / 4 * 3 + 3)

/*
 * Encode len bytes of src into dst (dstsize >= BASE64_SIZE(len)), with
 * padding (section 4) or, for the url form, without (section 5).
 * Returns the length of the text, which is NUL terminated, or -1 when dst is
 * too small.
 */
ssize_t	base64_encode(char *dst, size_t dstsize, const void *src, size_t len);
ssize_t	base64url_encode(char *dst, size_t dstsize, const void *src,
	    size_t len);

/*
 * Decode exactly len characters of src into dst.  Returns the number of bytes
 * or -1 when the text is not canonical or dst is too small; dst is wiped then.
 * base64_decode wants padding, base64url_decode refuses it.
 */
ssize_t	base64_decode(void *dst, size_t dstsize, const char *src, size_t len);
ssize_t	base64url_decode(void *dst, size_t dstsize, const char *src,
	    size_t len);

/* Lower-case hexadecimal; dstsize >= 2 * len + 1. */
ssize_t	hex_encode(char *dst, size_t dstsize, const void *src, size_t len);
/* Accepts both cases; len must be even. */
ssize_t	hex_decode(void *dst, size_t dstsize, const char *src, size_t len);

#endif

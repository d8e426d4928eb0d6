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

/* What a decoder takes must be what the encoder makes of the result. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

typedef ssize_t	(decoder)(void *, size_t, const char *, size_t);
typedef ssize_t	(encoder)(char *, size_t, const void *, size_t);

static void
try(decoder *dec, encoder *enc, const char *text, size_t len, int anycase)
{
	uint8_t	*bytes;
	char	*back;
	size_t	 i, size;
	ssize_t	 n;

	size = BASE64_BYTES(len);
	if ((bytes = malloc(size)) == NULL)
		abort();
	if ((n = dec(bytes, size, text, len)) >= 0) {
		size = 2 * (size_t)n + 4;
		if ((back = malloc(size)) == NULL)
			abort();
		if (enc(back, size, bytes, (size_t)n) != (ssize_t)len)
			abort();
		for (i = 0; i < len; i++) {
			if (back[i] != (anycase ?
			    tolower((unsigned char)text[i]) : text[i]))
				abort();
		}
		free(back);
		/* no byte less is enough */
		if (n > 0 && dec(bytes, (size_t)n - 1, text, len) != -1)
			abort();
	}
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char	*text = (const char *)data;

	try(base64_decode, base64_encode, text, size, 0);
	try(base64url_decode, base64url_encode, text, size, 0);
	try(hex_decode, hex_encode, text, size, 1);
	return (0);
}

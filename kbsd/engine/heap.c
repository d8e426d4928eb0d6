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
 * The heap of libcrypto.  Decoders and encoders of keys leave copies in
 * buffers that the library frees as they are; here whatever it gives back is
 * wiped first, so that no key outlives its request.
 */

#include <openssl/crypto.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "log.h"

/* In front of each piece: its length, and what malloc(3) aligns to. */
union head {
	size_t		 len;
	max_align_t	 align;
};

static void *
heap_malloc(size_t len, const char *file, int line)
{
	union head	*h;

	(void)file;
	(void)line;
	if (len == 0 || len > SIZE_MAX - sizeof(*h) ||
	    (h = malloc(sizeof(*h) + len)) == NULL)
		return (NULL);
	h->len = len;
	return (h + 1);
}

static void
heap_free(void *p, const char *file, int line)
{
	union head	*h = p;

	(void)file;
	(void)line;
	if (p == NULL)
		return;
	h--;
	freezero(h, sizeof(*h) + h->len);
}

static void *
heap_realloc(void *p, size_t len, const char *file, int line)
{
	union head	*h = p;
	void		*q;

	if (p == NULL)
		return (heap_malloc(len, file, line));
	if (len == 0) {
		heap_free(p, file, line);
		return (NULL);
	}
	if ((q = heap_malloc(len, file, line)) == NULL)
		return (NULL);
	h--;
	memcpy(q, p, h->len < len ? h->len : len);
	heap_free(p, file, line);
	return (q);
}

void
heap_init(void)
{
	if (CRYPTO_set_mem_functions(heap_malloc, heap_realloc,
	    heap_free) != 1)
		fatalx("libcrypto does not take another heap");
}

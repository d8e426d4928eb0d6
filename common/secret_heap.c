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
 * The heap of libcrypto.  Decoders and encoders of keys, and TLS connections,
 * leave copies in buffers that the library frees as they are; here whatever it
 * gives back is wiped first, so that no secret outlives its request.
 */

#include "secret.h"

#ifdef __linux__

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static void *
heap_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return (len == 0 ? NULL : malloc(len));
}

void
secret_heap_free(void *p)
{
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void *
secret_heap_realloc(void *p, size_t len)
{
	void	*q;
	size_t	 old;

	if (p == NULL || len == 0) {
		secret_heap_free(p);
		return (len == 0 ? NULL : malloc(len));
	}
	old = malloc_usable_size(p);
	if ((q = malloc(len)) == NULL)
		return (NULL);
	memcpy(q, p, old < len ? old : len);
	secret_heap_free(p);
	return (q);
}

/* libtls gives some of it back by free(3): so it is malloc's, as it is. */
static void
heap_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	secret_heap_free(p);
}

static void *
heap_realloc(void *p, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return (secret_heap_realloc(p, len));
}

void
secret_heap(void)
{
	if (CRYPTO_set_mem_functions(heap_malloc, heap_realloc,
	    heap_free) != 1)
		fatalx("libcrypto does not take another heap");
}

#else

#include <stdlib.h>

/* LibreSSL has no heap of its own, and frees what is secret by freezero(3). */
void
secret_heap(void)
{
}

void
secret_heap_free(void *p)
{
	free(p);
}

void *
secret_heap_realloc(void *p, size_t len)
{
	return (realloc(p, len));
}

#endif

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
 * Memory for secrets: whole pages with a guard page on either side, locked,
 * left out of core dumps, wiped in a fork (MAP_CONCEAL on OpenBSD), wiped
 * before it is given back.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stddef.h>

/*
 * len bytes of zeroed secret memory, or NULL with errno (ENOMEM also when
 * the limit of locked memory is reached: a secret is never kept in memory
 * that may be swapped).  Costs at least three pages: for long-lived secrets.
 */
void	*secret_alloc(size_t len);
/* Wipe and unmap; NULL is allowed. */
void	 secret_free(void *);

/*
 * Give libcrypto its locked heap, so that RSA and EC private numbers and
 * what OPENSSL_secure_malloc returns lie there.  Call once, before the first
 * key.  size is a power of two.  Dies when memory can't be locked.
 */
void	 secret_openssl(size_t size);

/*
 * Have libcrypto wipe whatever it frees; before anything else of it.  For who
 * has secrets in passing: keys to be wrapped, passwords in TLS records.
 */
void	 secret_heap(void);
/* free(3) and realloc(3) that wipe, for libraries that can be given them. */
void	 secret_heap_free(void *);
void	*secret_heap_realloc(void *, size_t);

/*
 * Read a whole small secret from a descriptor (a file the parent opened)
 * into secret memory: at most max bytes, one trailing newline cut.  *len is
 * set.  NULL with errno: EFBIG when longer, ENODATA when empty.  It is read
 * from its start, wherever the offset is, and a NUL that *len does not count
 * lies behind it.
 */
void	*secret_read(int fd, size_t max, size_t *len);

/*
 * As secret_read for a fixed length key file, and when the file is empty
 * fill it with len random bytes and sync it before returning.  *made tells
 * which.  Any other length is EINVAL.
 */
void	*secret_read_or_make(int fd, size_t len, int *made);

/* Constant time; 0 when equal. */
int	 secret_cmp(const void *, const void *, size_t);

#endif

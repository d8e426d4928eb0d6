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
 * Memory for secrets.  What differs between systems is how pages are kept
 * out of core dumps and out of a fork; this file is where that is hidden.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/queue.h>

#include <openssl/crypto.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "secret.h"

#ifndef MAP_CONCEAL
#define MAP_CONCEAL	0
#endif

#define SECRET_ALIGN	16
#define SECRET_MAX	(64U * 1024 * 1024)
/* Least block of libcrypto's locked heap. */
#define HEAP_MIN	32

/*
 * Kept apart from the pages, so that what runs over a secret's end or start
 * finds the guard page or unused bytes, and never what is unmapped by.
 */
struct secret {
	SLIST_ENTRY(secret)	 entry;
	void			*p;		/* what the caller has */
	uint8_t			*map;		/* guard, body, guard */
	size_t			 guard;
	size_t			 body;
};

static SLIST_HEAD(, secret)	 secrets = SLIST_HEAD_INITIALIZER(secrets);

/* Out of core dumps and forks. */
static int
pages_hide(void *p, size_t len)
{
#ifdef MADV_DONTDUMP
	if (madvise(p, len, MADV_DONTDUMP) == -1)
		return (-1);
#endif
#ifdef MADV_WIPEONFORK
	if (madvise(p, len, MADV_WIPEONFORK) == -1)
		return (-1);
#endif
#ifdef MAP_INHERIT_ZERO
	if (minherit(p, len, MAP_INHERIT_ZERO) == -1)
		return (-1);
#endif
	return (0);
}

/* Into RAM for good. */
static int
pages_lock(void *p, size_t len)
{
	if (mlock(p, len) == 0)
		return (0);
	/* three ways to say that the limit is reached */
	if (errno == EPERM || errno == EAGAIN)
		errno = ENOMEM;
	return (-1);
}

void *
secret_alloc(size_t len)
{
	struct secret	*s;
	size_t		 page = (size_t)sysconf(_SC_PAGESIZE), total;
	int		 saved_errno;

	if (len == 0 || len > SECRET_MAX) {
		errno = EINVAL;
		return (NULL);
	}
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->guard = page;
	s->body = (len + page - 1) / page * page;
	total = s->body + 2 * s->guard;
	s->map = mmap(NULL, total, PROT_NONE,
	    MAP_PRIVATE | MAP_ANON | MAP_CONCEAL, -1, 0);
	if (s->map == MAP_FAILED) {
		free(s);
		return (NULL);
	}
	if (mprotect(s->map + s->guard, s->body, PROT_READ | PROT_WRITE) ==
	    -1 || pages_hide(s->map + s->guard, s->body) == -1 ||
	    pages_lock(s->map + s->guard, s->body) == -1) {
		saved_errno = errno;
		munmap(s->map, total);
		free(s);
		errno = saved_errno;
		return (NULL);
	}
	/* towards the far guard: overruns are commoner than underruns */
	s->p = s->map + s->guard + s->body -
	    (len + SECRET_ALIGN - 1) / SECRET_ALIGN * SECRET_ALIGN;
	SLIST_INSERT_HEAD(&secrets, s, entry);
	return (s->p);
}

void
secret_free(void *p)
{
	struct secret	*s;
	int		 saved_errno = errno;

	if (p == NULL)
		return;
	SLIST_FOREACH(s, &secrets, entry) {
		if (s->p == p)
			break;
	}
	if (s == NULL)
		fatalx("secret_free: not a secret's address");
	SLIST_REMOVE(&secrets, s, secret, entry);
	explicit_bzero(s->map + s->guard, s->body);
	munmap(s->map, s->body + 2 * s->guard);
	free(s);
	errno = saved_errno;
}

void
secret_openssl(size_t size)
{
	/* LibreSSL has no such heap; OpenBSD encrypts its swap instead */
#ifndef LIBRESSL_VERSION_NUMBER
	switch (CRYPTO_secure_malloc_init(size, HEAP_MIN)) {
	case 1:
		return;
	case 2:
		fatalx("can't lock or guard %zu bytes for libcrypto", size);
	default:
		fatalx("can't make libcrypto's locked heap of %zu bytes",
		    size);
	}
#else
	(void)size;
#endif
}

/*
 * From the start, whatever the offset is: the parent keeps the descriptor
 * and gives it to each replacement, so all share one offset.
 */
static ssize_t
read_whole(int fd, uint8_t *buf, size_t size)
{
	size_t	 got = 0;
	ssize_t	 n;
	int	 seeks = 1;

	while (got < size) {
		n = seeks ? pread(fd, buf + got, size - got, (off_t)got) :
		    read(fd, buf + got, size - got);
		if (n == -1 && errno == ESPIPE && seeks) {
			seeks = 0;
			continue;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return ((ssize_t)got);
}

static int
write_whole(int fd, const uint8_t *buf, size_t len)
{
	size_t	 put = 0;
	ssize_t	 n;

	while (put < len) {
		n = pwrite(fd, buf + put, len - put, (off_t)put);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		put += (size_t)n;
	}
	return (fsync(fd));
}

void *
secret_read(int fd, size_t max, size_t *len)
{
	uint8_t	*p;
	ssize_t	 n;

	*len = 0;
	if (max == 0 || max > SECRET_MAX - 2) {
		errno = EINVAL;
		return (NULL);
	}
	/* one for the newline, one to see that there is more, or a NUL */
	if ((p = secret_alloc(max + 2)) == NULL)
		return (NULL);
	if ((n = read_whole(fd, p, max + 2)) == -1)
		goto fail;
	if (n > 0 && p[n - 1] == '\n')
		p[--n] = '\0';
	if (n == 0 || (size_t)n > max) {
		errno = n == 0 ? ENODATA : EFBIG;
		goto fail;
	}
	*len = (size_t)n;
	return (p);
fail:
	secret_free(p);
	return (NULL);
}

void *
secret_read_or_make(int fd, size_t len, int *made)
{
	uint8_t	*p;
	ssize_t	 n;
	int	 saved_errno;

	*made = 0;
	if (len == 0 || len > SECRET_MAX - 1) {
		errno = EINVAL;
		return (NULL);
	}
	if ((p = secret_alloc(len + 1)) == NULL)
		return (NULL);
	if ((n = read_whole(fd, p, len + 1)) == -1)
		goto fail;
	if ((size_t)n == len)
		return (p);
	if (n != 0) {
		errno = EINVAL;
		goto fail;
	}
	arc4random_buf(p, len);
	if (write_whole(fd, p, len) == -1) {
		/* half a key would be refused for ever */
		saved_errno = errno;
		if (ftruncate(fd, 0) == -1)
			log_warn("can't empty a half-written secret");
		errno = saved_errno;
		goto fail;
	}
	*made = 1;
	return (p);
fail:
	secret_free(p);
	return (NULL);
}

int
secret_cmp(const void *a, const void *b, size_t len)
{
	return (CRYPTO_memcmp(a, b, len));
}

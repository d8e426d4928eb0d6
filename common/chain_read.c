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

/* Lines of an audit log one after the other, of a file of any length. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"

int
chain_reader_init(struct chain_reader *r, int fd)
{
	memset(r, 0, sizeof(*r));
	r->fd = fd;
	if ((r->buf = malloc(CHAIN_WINDOW)) != NULL)
		return (0);
	close(fd);
	r->fd = -1;
	return (-1);
}

void
chain_reader_free(struct chain_reader *r)
{
	free(r->buf);
	if (r->fd != -1)
		close(r->fd);
	memset(r, 0, sizeof(*r));
	r->fd = -1;
}

/* More behind what is there; 1, 0 at the end, or -1. */
static int
reader_fill(struct chain_reader *r)
{
	ssize_t	 n;

	if (r->len == CHAIN_WINDOW) {
		errno = EFBIG;
		return (-1);
	}
	memmove(r->buf, r->buf + r->off, r->len);
	r->off = 0;
	while ((n = read(r->fd, r->buf + r->len, CHAIN_WINDOW - r->len)) ==
	    -1 && errno == EINTR)
		continue;
	if (n > 0)
		r->len += (size_t)n;
	return (n > 0 ? 1 : (int)n);
}

int
chain_read(struct chain_reader *r, const char **line, size_t *len)
{
	const char	*end;
	size_t		 seen = 0;
	int		 rv;

	while ((end = r->len == seen ? NULL : memchr(r->buf + r->off + seen,
	    '\n', r->len - seen)) == NULL) {
		seen = r->len;
		if ((rv = reader_fill(r)) < 1) {
			*line = r->buf;
			*len = r->len;
			return (rv);
		}
	}
	*line = r->buf + r->off;
	*len = (size_t)(end - *line);
	r->off += *len + 1;
	r->len -= *len + 1;
	r->lines++;
	return (1);
}

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
 * Files that a kernel answers by: what is read was made for this reader, what
 * is written is taken as one piece and only when the file is closed.  All of
 * it is bounded, since a -S may name any directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsget.h"

ssize_t
attr_read(int dir, const char *name, void *buf, size_t max)
{
	uint8_t	*p = buf, more;
	size_t	 len = 0;
	ssize_t	 n;
	int	 fd, error = 0;

	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return (-1);
	do {
		n = len < max ? read(fd, p + len, max - len) :
		    read(fd, &more, 1);
		if (n == -1)
			error = errno;
		else if (n > 0 && len == max)
			error = EFBIG;
		else
			len += (size_t)n;
	} while (n > 0 && error == 0);
	close(fd);
	errno = error;
	return (error == 0 ? (ssize_t)len : -1);
}

int
attr_word(char *buf, size_t len)
{
	size_t	 i;

	if (len > 0 && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	for (i = 0; i < len; i++)
		if (buf[i] < '!' || buf[i] > '~')
			break;
	if (len > 0 && i == len)
		return (0);
	errno = len == 0 ? ENODATA : EILSEQ;
	return (-1);
}

int
attr_text(int dir, const char *name, char *buf, size_t size)
{
	ssize_t	 len;

	len = attr_read(dir, name, buf, size - 1);
	return (len == -1 ? -1 : attr_word(buf, (size_t)len));
}

int
attr_decimal(const char *text, uint64_t *number)
{
	if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') {
		errno = EILSEQ;
		return (-1);
	}
	errno = 0;
	*number = strtoull(text, NULL, 10);
	return (errno == 0 ? 0 : -1);
}

int
attr_number(int dir, const char *name, uint64_t *number)
{
	char	 text[ATTR_TEXT];

	if (attr_text(dir, name, text, sizeof(text)) == -1)
		return (-1);
	return (attr_decimal(text, number));
}

int
attr_write(int dir, const char *name, const void *p, size_t len)
{
	ssize_t	 n;
	int	 fd, error;

	fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return (-1);
	/* a rest could only be taken for another value */
	n = write(fd, p, len);
	error = n == -1 ? errno : (size_t)n < len ? EIO : 0;
	if (close(fd) == -1 && error == 0)
		error = errno;
	errno = error;
	return (error == 0 ? 0 : -1);
}

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

/* OpenBSD: shared memory whose name is gone before anything is in it. */

#ifdef __OpenBSD__

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "memfile.h"

int
memfile(const void *data, size_t len)
{
	char	 name[] = "/tmp/kbsd.XXXXXXXXXX";
	int	 fd, reader = -1;

	if ((fd = shm_mkstemp(name)) == -1)
		return (-1);
	if ((reader = shm_open(name, O_RDONLY, 0)) != -1 &&
	    shm_unlink(name) == 0 && write(fd, data, len) == (ssize_t)len) {
		close(fd);
		return (reader);
	}
	(void)shm_unlink(name);
	close(fd);
	if (reader != -1)
		close(reader);
	return (-1);
}

#endif

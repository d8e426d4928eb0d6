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

/* kbsd.conf(5): the lexer, the grammar and the checks behind them. */

#include <sys/mman.h>
#include <sys/stat.h>

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
quiet(int level, const char *name, const char *text)
{
	(void)level;
	(void)name;
	(void)text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char	 path[64];
	int	 fd;

	log_setsink(quiet);
	if ((fd = memfd_create("conf", 0)) == -1)
		return (0);
	/* Others may not write a configuration. */
	if (fchmod(fd, 0600) == 0 && write(fd, data, len) == (ssize_t)len) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		config_free(config_parse(path));
	}
	close(fd);
	return (0);
}

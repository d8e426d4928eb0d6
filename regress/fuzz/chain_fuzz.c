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
 * Lines of an audit log as kbsctl reads them and as the audit process looks for
 * the end, and the header that traces a request.
 */
#include <sys/mman.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "trace.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Each byte is in one line or in the rest. */
static void
read_lines(int fd, size_t size)
{
	struct chain_reader	 r;
	struct chain		 chain, named;
	const char		*line;
	size_t			 len = 0, seen = 0;
	int			 rv;

	memset(&chain, 0, sizeof(chain));
	if (lseek(fd, 0, SEEK_SET) == -1 ||
	    chain_reader_init(&r, dup(fd)) == -1)
		return;
	while ((rv = chain_read(&r, &line, &len)) == 1) {
		if (memchr(line, '\n', len) != NULL)
			abort();
		if (chain_verify(&chain, line, len) == CHAIN_OK &&
		    chain_parse(line, len, &named) == -1)
			abort();
		seen += len + 1;
	}
	if (rv == 0 && seen + len != size)
		abort();
	chain_reader_free(&r);
}

static void
read_trace(const char *text, size_t size)
{
	struct trace	 t, back;
	char		 header[TRACE_HEADER];

	if (trace_parse(&t, text, size) == -1)
		return;
	trace_header(&t, header);
	if (trace_parse(&back, header + 13, strlen(header) - 13) == -1 ||
	    memcmp(&t, &back, sizeof(t)) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chain	 chain;
	int		 fd, torn;

	read_trace((const char *)data, size);
	if ((fd = memfd_create("log", 0)) == -1)
		return (0);
	if (write(fd, data, size) == (ssize_t)size) {
		read_lines(fd, size);
		(void)chain_tail(fd, &chain, &torn);
	}
	close(fd);
	return (0);
}

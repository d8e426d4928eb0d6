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
 * Counters as a hostile process may tell them: the metrics process makes text
 * of them, each line of it one that the table knows.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const struct wbuf *w)
{
	const char	*p = (const char *)w->data, *end = p + w->len, *line;

	for (; p < end; p = line + 1) {
		if ((line = memchr(p, '\n', (size_t)(end - p))) == NULL)
			abort();
		if (strncmp(p, "kbsd_", 5) != 0 &&
		    strncmp(p, "# HELP kbsd_", 12) != 0 &&
		    strncmp(p, "# TYPE kbsd_", 12) != 0)
			abort();
	}
}

/* The first byte is the kind of the process. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sampled	 processes[2] = { 0 };
	struct service	 service = { processes, 2 };
	struct wbuf	 w = { 0 };

	if (size == 0 || size > COUNTERS_MAX)
		return (0);
	processes[0].ready = processes[0].answered = 1;
	processes[1] = processes[0];
	processes[1].kind = (enum process_kind)(data[0] % PROC_MAX);
	strlcpy(processes[1].block, "main", sizeof(processes[1].block));
	processes[1].counters = data + 1;
	processes[1].len = size - 1;
	metric_write(&w, &service);
	if (!w.failed)
		check(&w);
	wb_free(&w);
	(void)health_write(&w, &service, PAGE_READY, 1);
	wb_free(&w);
	return (0);
}

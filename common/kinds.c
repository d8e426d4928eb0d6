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

/* What parent and children share besides edges. */

#include <event2/event.h>
#include <time.h>

#include "process.h"

struct event_base	*base;
struct process_self	 self;

static const char *const names[PROC_MAX] = {
	[PROC_PARENT] = "parent",
	[PROC_FRONTEND] = "frontend",
	[PROC_GATE] = "gate",
	[PROC_CONTROL] = "control",
	[PROC_SIGNER] = "signer",
	[PROC_AUTH] = "auth",
	[PROC_HASHER] = "hasher",
	[PROC_BROKER] = "broker",
	[PROC_STORE] = "store",
	[PROC_AUDIT] = "audit",
	[PROC_VERIFIER] = "verifier",
	[PROC_FETCHER] = "fetcher",
	[PROC_ENGINE] = "engine",
	[PROC_MAKER] = "maker",
	[PROC_KMS] = "kms",
};

const char *
process_name(enum process_kind kind)
{
	return ((unsigned int)kind < PROC_MAX ? names[kind] : "unknown");
}

uint64_t
now_ms(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

void
show_limit(struct wbuf *cells, uint32_t *rows, const char *limit,
    uint64_t value, int64_t used, const char *unit)
{
	wb_str(cells, limit);
	wb_decimal(cells, value);
	if (used >= 0)
		wb_decimal(cells, (uint64_t)used);
	else
		wb_str(cells, "");
	wb_str(cells, unit);
	(*rows)++;
}

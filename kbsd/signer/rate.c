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


/* A bucket that fills with time: how often a frontend may ask. */
#include <stdint.h>

#include "signer.h"

#define ONE	1000U
#define FULL	((uint64_t)RATE_BURST * ONE)

void
rate_init(struct allowance *a, uint64_t now)
{
	a->tokens = FULL;
	a->filled = now;
}

int
rate_allows(struct allowance *a, uint64_t now)
{
	uint64_t	 ms = now - a->filled;

	a->filled = now;
	/* a rate in thousandths of a signature per millisecond */
	if (ms >= FULL / RATE_SECOND ||
	    (a->tokens += ms * RATE_SECOND) > FULL)
		a->tokens = FULL;
	if (a->tokens < ONE)
		return (0);
	a->tokens -= ONE;
	return (1);
}

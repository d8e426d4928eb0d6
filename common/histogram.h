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
 * How long things take: counts by fixed bounds in microseconds.  One clock
 * for all of them; who has read it already passes what it has.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#include "msg.h"

#define HISTOGRAM_BOUNDS	17

/* Ascending; what takes longer than the last is counted behind them. */
extern const uint32_t	 histogram_bounds[HISTOGRAM_BOUNDS];

struct histogram {
	uint64_t	 counts[HISTOGRAM_BOUNDS + 1];
	uint64_t	 sum;		/* of microseconds */
};

/* CLOCK_MONOTONIC in microseconds. */
uint64_t	 now_us(void);
void		 histogram_add(struct histogram *, uint64_t us);
/*
 * Append it as counters (str name, u64 value): "NAME us" is the sum, "NAME le
 * BOUND" how many took no longer than BOUND but longer than the bound before,
 * "NAME le more" the rest.
 */
void		 histogram_put(struct wbuf *, const char *name,
		    const struct histogram *);
/*
 * The inverse, for one counter: text is what follows NAME and a space.  0, or
 * -1 when it is none of those.
 */
int		 histogram_take(struct histogram *, const char *text,
		    uint64_t value);

#endif

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
 * How often somebody may ask: buckets that fill with time, one for each key of
 * 16 bytes (an address, a user), in a table of a fixed size.  A flood of keys
 * makes it forget others, who have a full bucket again: it never grows, and
 * refuses nobody for want of room.
 */
#ifndef RATE_H
#define RATE_H

#include <stdint.h>

#define RATE_KEY	16
#define RATE_SETS	1024
#define RATE_WAYS	4
#define RATE_MAX	1000000		/* of either number */

struct rate;

/*
 * per_second is what a bucket gains, burst what it holds at most; each from 1
 * to RATE_MAX.  NULL without memory.
 */
struct rate	*rate_new(uint32_t per_second, uint32_t burst);
void		 rate_free(struct rate *);
/* Milliseconds until the key may ask again; 0: now, and it is counted. */
uint64_t	 rate_take(struct rate *, const uint8_t key[RATE_KEY],
		    uint64_t now_ms);

#endif

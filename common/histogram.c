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

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "histogram.h"

/* From a signature to the longest that a request may wait. */
const uint32_t	 histogram_bounds[HISTOGRAM_BOUNDS] = {
	100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
	500000, 1000000, 2500000, 5000000, 10000000, 30000000
};

uint64_t
now_us(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
}

void
histogram_add(struct histogram *h, uint64_t us)
{
	unsigned int	 i;

	for (i = 0; i < HISTOGRAM_BOUNDS && us > histogram_bounds[i]; i++)
		continue;
	h->counts[i]++;
	h->sum += us;
}

static void
bound_text(char *text, size_t size, unsigned int i)
{
	if (i < HISTOGRAM_BOUNDS)
		(void)snprintf(text, size, "le %u", histogram_bounds[i]);
	else
		(void)snprintf(text, size, "le more");
}

void
histogram_put(struct wbuf *w, const char *name, const struct histogram *h)
{
	char		 text[64], bound[16];
	unsigned int	 i;

	(void)snprintf(text, sizeof(text), "%s us", name);
	wb_str(w, text);
	wb_u64(w, h->sum);
	for (i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		bound_text(bound, sizeof(bound), i);
		(void)snprintf(text, sizeof(text), "%s %s", name, bound);
		wb_str(w, text);
		wb_u64(w, h->counts[i]);
	}
}

int
histogram_take(struct histogram *h, const char *text, uint64_t value)
{
	char		 bound[16];
	unsigned int	 i;

	if (strcmp(text, "us") == 0) {
		h->sum = value;
		return (0);
	}
	for (i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		bound_text(bound, sizeof(bound), i);
		if (strcmp(text, bound) == 0) {
			h->counts[i] = value;
			return (0);
		}
	}
	return (-1);
}

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

/* Durations by bounds, and their way through counters. */
#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "histogram.h"

/* A duration of just a bound is still below it. */
ATF_TC_WITHOUT_HEAD(bounds);
ATF_TC_BODY(bounds, tc)
{
	struct histogram	 h = { 0 };
	unsigned int		 i;
	uint64_t		 sum = 0;

	for (i = 0; i < HISTOGRAM_BOUNDS; i++) {
		if (i > 0)
			ATF_CHECK(histogram_bounds[i] >
			    histogram_bounds[i - 1]);
		histogram_add(&h, histogram_bounds[i]);
		histogram_add(&h, histogram_bounds[i] + 1);
		sum += 2 * (uint64_t)histogram_bounds[i] + 1;
	}
	histogram_add(&h, 0);
	ATF_CHECK_EQ(sum, h.sum);
	ATF_CHECK_EQ(2, h.counts[0]);
	for (i = 1; i < HISTOGRAM_BOUNDS; i++)
		ATF_CHECK_EQ_MSG(2, h.counts[i], "bound %u", i);
	ATF_CHECK_EQ(1, h.counts[HISTOGRAM_BOUNDS]);
}

ATF_TC_WITHOUT_HEAD(there_and_back);
ATF_TC_BODY(there_and_back, tc)
{
	struct histogram	 h = { 0 }, back = { 0 };
	struct wbuf		 w = { 0 };
	struct rbuf		 r;
	char			 name[64];
	uint64_t		 value;
	unsigned int		 n = 0;

	histogram_add(&h, 7);
	histogram_add(&h, 2600);
	histogram_add(&h, 99000000);
	histogram_put(&w, "some work", &h);
	rb_init(&r, w.data, w.len);
	while (r.left > 0) {
		rb_str(&r, name, sizeof(name));
		value = rb_u64(&r);
		ATF_REQUIRE(!r.failed);
		ATF_REQUIRE_EQ(0, strncmp(name, "some work ", 10));
		ATF_CHECK_EQ(0, histogram_take(&back, name + 10, value));
		n++;
	}
	ATF_CHECK_EQ(HISTOGRAM_BOUNDS + 2, n);
	ATF_CHECK_EQ(0, memcmp(&h, &back, sizeof(h)));
	wb_free(&w);
}

ATF_TC_WITHOUT_HEAD(other_names);
ATF_TC_BODY(other_names, tc)
{
	static const char *const	 names[] = { "", "us ", "le", "le ",
					    "le 101", "le +100", "le 0100",
					    "le moref", "le 100 " };
	struct histogram		 h = { 0 }, none = { 0 };
	size_t				 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ATF_CHECK_EQ_MSG(-1, histogram_take(&h, names[i], 5),
		    "\"%s\"", names[i]);
	ATF_CHECK_EQ(0, memcmp(&h, &none, sizeof(h)));
}

ATF_TC_WITHOUT_HEAD(clock_rises);
ATF_TC_BODY(clock_rises, tc)
{
	uint64_t	 a = now_us(), b = now_us();

	ATF_CHECK(a > 0 && b >= a);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, bounds);
	ATF_TP_ADD_TC(tp, there_and_back);
	ATF_TP_ADD_TC(tp, other_names);
	ATF_TP_ADD_TC(tp, clock_rises);
	return (atf_no_error());
}

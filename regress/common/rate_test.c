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

/* Buckets that fill with time, and a table that never grows. */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "rate.h"

static void
key_of(uint8_t key[RATE_KEY], uint32_t n)
{
	memset(key, 0, RATE_KEY);
	memcpy(key + 12, &n, sizeof(n));
}

static unsigned int
takes(struct rate *rate, const uint8_t key[RATE_KEY], uint64_t now,
    unsigned int most)
{
	unsigned int	 n;

	for (n = 0; n < most && rate_take(rate, key, now) == 0; n++)
		continue;
	return (n);
}

ATF_TC_WITHOUT_HEAD(burst);
ATF_TC_BODY(burst, tc)
{
	struct rate	*rate = rate_new(10, 25);
	uint8_t		 key[RATE_KEY], other[RATE_KEY];

	ATF_REQUIRE(rate != NULL);
	key_of(key, 1);
	key_of(other, 2);
	ATF_CHECK_EQ(25, takes(rate, key, 1000, 100));
	/* ten a second: one is there after a tenth */
	ATF_CHECK_EQ(100, rate_take(rate, key, 1000));
	ATF_CHECK_EQ(60, rate_take(rate, key, 1040));
	ATF_CHECK_EQ(0, rate_take(rate, key, 1100));
	ATF_CHECK_EQ(100, rate_take(rate, key, 1100));
	/* and nobody else's business */
	ATF_CHECK_EQ(25, takes(rate, other, 1100, 100));
	rate_free(rate);
}

ATF_TC_WITHOUT_HEAD(over_time);
ATF_TC_BODY(over_time, tc)
{
	struct rate	*rate = rate_new(7, 7);
	uint8_t		 key[RATE_KEY];
	uint64_t	 now;
	unsigned int	 n = 0;

	ATF_REQUIRE(rate != NULL);
	key_of(key, 1);
	for (now = 1; now <= 100000; now += 3)
		n += rate_take(rate, key, now) == 0;
	/* a hundred seconds of seven, and the first burst */
	ATF_CHECK_MSG(n >= 700 && n <= 707, "%u", n);
	/* no longer than until it is full */
	ATF_CHECK_EQ(7, takes(rate, key, now + 3600000, 100));
	rate_free(rate);
}

ATF_TC_WITHOUT_HEAD(extremes);
ATF_TC_BODY(extremes, tc)
{
	struct rate	*rate = rate_new(RATE_MAX, RATE_MAX);
	uint8_t		 key[RATE_KEY];

	ATF_REQUIRE(rate != NULL);
	key_of(key, 1);
	ATF_CHECK_EQ(0, rate_take(rate, key, 0));
	ATF_CHECK_EQ(RATE_MAX, takes(rate, key, UINT64_MAX, RATE_MAX + 5));
	ATF_CHECK_EQ(1, rate_take(rate, key, UINT64_MAX));
	/* a clock that goes back gives nothing */
	ATF_CHECK_EQ(1, rate_take(rate, key, 5));
	rate_free(rate);
	rate = rate_new(1, 1);
	ATF_REQUIRE(rate != NULL);
	ATF_CHECK_EQ(0, rate_take(rate, key, 9));
	ATF_CHECK_EQ(1000, rate_take(rate, key, 9));
	ATF_CHECK_EQ(1, rate_take(rate, key, 1008));
	ATF_CHECK_EQ(0, rate_take(rate, key, 1009));
	rate_free(rate);
}

/*
 * A flood of others: all of them are let in, and who asks all the time keeps
 * its place.
 */
ATF_TC_WITHOUT_HEAD(flood);
ATF_TC_BODY(flood, tc)
{
	struct rate	*rate = rate_new(1, 2);
	uint8_t		 key[RATE_KEY], other[RATE_KEY];
	uint64_t	 now = 1;
	uint32_t	 i;
	unsigned int	 n = 0;

	ATF_REQUIRE(rate != NULL);
	key_of(key, 0);
	for (i = 1; i <= 200000; i++) {
		key_of(other, i);
		ATF_REQUIRE_EQ(0, rate_take(rate, other, now));
		now += i % 100 == 0;
		n += rate_take(rate, key, now) == 0;
	}
	/* two seconds have passed */
	ATF_CHECK_MSG(n >= 3 && n <= 5, "%u", n);
	rate_free(rate);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, burst);
	ATF_TP_ADD_TC(tp, over_time);
	ATF_TP_ADD_TC(tp, extremes);
	ATF_TP_ADD_TC(tp, flood);
	return (atf_no_error());
}

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

/* The lockout of a name, its counts, and clocks that are set. */
#include <atf-c.h>
#include <stdint.h>

#include "auth.h"

#define NOW	1800000000LL

static const struct auth_conf conf = {
	.attempts = 5, .interval = 300, .lockout = 900,
};

static void
fail_times(struct lockout_record *l, int n, int64_t now)
{
	while (n-- > 0) {
		ATF_REQUIRE_EQ(LOCKOUT_OPEN, lockout_look(l, &conf, now));
		lockout_fail(l, &conf, now);
	}
}

ATF_TC_WITHOUT_HEAD(sixth_is_refused);
ATF_TC_BODY(sixth_is_refused, tc)
{
	struct lockout_record	 l = { 0 };

	fail_times(&l, 5, NOW);
	ATF_CHECK_EQ(5, l.failures);
	ATF_CHECK_EQ(NOW + 900, l.until);
	ATF_CHECK_EQ(LOCKOUT_CLOSED, lockout_look(&l, &conf, NOW));
	ATF_CHECK_EQ(LOCKOUT_CLOSED, lockout_look(&l, &conf, NOW + 899));
	ATF_CHECK_EQ(LOCKOUT_OPEN, lockout_look(&l, &conf, NOW + 900));
	ATF_CHECK_EQ(0, l.failures);
	ATF_CHECK_EQ(0, l.until);
}

ATF_TC_WITHOUT_HEAD(interval);
ATF_TC_BODY(interval, tc)
{
	struct lockout_record	 l = { 0 };

	fail_times(&l, 4, NOW);
	ATF_CHECK_EQ(LOCKOUT_OPEN, lockout_look(&l, &conf, NOW + 299));
	ATF_CHECK_EQ(4, l.failures);
	ATF_CHECK_EQ(LOCKOUT_OPEN, lockout_look(&l, &conf, NOW + 300));
	ATF_CHECK_EQ(0, l.failures);
	/* the first of the new interval begins it */
	lockout_fail(&l, &conf, NOW + 301);
	ATF_CHECK_EQ(NOW + 301, l.first);
}

ATF_TC_WITHOUT_HEAD(success_clears);
ATF_TC_BODY(success_clears, tc)
{
	struct lockout_record	 l = { 0 };

	fail_times(&l, 4, NOW);
	lockout_clear(&l);
	fail_times(&l, 4, NOW + 1);
	ATF_CHECK_EQ(LOCKOUT_OPEN, lockout_look(&l, &conf, NOW + 2));
}

ATF_TC_WITHOUT_HEAD(clock_back);
ATF_TC_BODY(clock_back, tc)
{
	struct lockout_record	 l = { 0 };

	/* counting goes on, and its interval from now */
	fail_times(&l, 4, NOW);
	ATF_CHECK_EQ(LOCKOUT_OPEN, lockout_look(&l, &conf, NOW - 86400));
	ATF_CHECK_EQ(4, l.failures);
	ATF_CHECK_EQ(NOW - 86400, l.first);
	lockout_fail(&l, &conf, NOW - 86400);
	ATF_CHECK_EQ(LOCKOUT_CLOSED, lockout_look(&l, &conf, NOW - 86400));

	/* a lockout does not become longer than one */
	ATF_CHECK_EQ(LOCKOUT_CHANGED, lockout_look(&l, &conf,
	    NOW - 2 * 86400));
	ATF_CHECK_EQ(NOW - 2 * 86400 + 900, l.until);
	ATF_CHECK_EQ(LOCKOUT_CLOSED, lockout_look(&l, &conf,
	    NOW - 2 * 86400 + 899));
	ATF_CHECK_EQ(LOCKOUT_OPEN, lockout_look(&l, &conf,
	    NOW - 2 * 86400 + 900));
}

ATF_TC_WITHOUT_HEAD(clock_forward);
ATF_TC_BODY(clock_forward, tc)
{
	struct lockout_record	 l = { 0 };

	fail_times(&l, 5, NOW);
	ATF_CHECK_EQ(LOCKOUT_OPEN, lockout_look(&l, &conf, NOW + 86400));
	ATF_CHECK_EQ(0, l.failures);
}

ATF_TC_WITHOUT_HEAD(stricter_configuration);
ATF_TC_BODY(stricter_configuration, tc)
{
	struct auth_conf	 strict = conf;
	struct lockout_record	 l = { 0 };

	fail_times(&l, 4, NOW);
	strict.attempts = 3;
	ATF_CHECK_EQ(LOCKOUT_CHANGED, lockout_look(&l, &strict, NOW + 1));
	ATF_CHECK_EQ(NOW + 1 + 900, l.until);
	strict.lockout = 60;
	ATF_CHECK_EQ(LOCKOUT_CHANGED, lockout_look(&l, &strict, NOW + 2));
	ATF_CHECK_EQ(NOW + 2 + 60, l.until);
}

ATF_TC_WITHOUT_HEAD(one_attempt);
ATF_TC_BODY(one_attempt, tc)
{
	struct auth_conf	 strict = conf;
	struct lockout_record	 l = { 0 };

	strict.attempts = 1;
	ATF_CHECK_EQ(LOCKOUT_OPEN, lockout_look(&l, &strict, NOW));
	lockout_fail(&l, &strict, NOW);
	ATF_CHECK_EQ(LOCKOUT_CLOSED, lockout_look(&l, &strict, NOW));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, sixth_is_refused);
	ATF_TP_ADD_TC(tp, interval);
	ATF_TP_ADD_TC(tp, success_clears);
	ATF_TP_ADD_TC(tp, clock_back);
	ATF_TP_ADD_TC(tp, clock_forward);
	ATF_TP_ADD_TC(tp, stricter_configuration);
	ATF_TP_ADD_TC(tp, one_attempt);
	return (atf_no_error());
}

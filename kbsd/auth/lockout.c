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
 * When a name is locked.  Names are counted whether or not there is such a
 * user, so that a lockout tells nobody who exists.  The clock may be set:
 * forward ends a lockout early, backward must not make one that never ends,
 * nor forget what was counted.
 */

#include "auth.h"

void
lockout_clear(struct lockout_record *l)
{
	l->failures = 0;
	l->first = 0;
	l->until = 0;
}

static void
lockout_close(struct lockout_record *l, const struct auth_conf *conf,
    int64_t now)
{
	l->until = now + conf->lockout;
}

enum lockout_state
lockout_look(struct lockout_record *l, const struct auth_conf *conf,
    int64_t now)
{
	if (l->until != 0 && l->until <= now)
		lockout_clear(l);
	if (l->until != 0) {
		if (l->until - now <= (int64_t)conf->lockout)
			return (LOCKOUT_CLOSED);
		/* The clock went back, or lockouts are shorter now. */
		lockout_close(l, conf, now);
		return (LOCKOUT_CHANGED);
	}
	if (l->failures > 0 && l->first > now)
		l->first = now;
	if (now - l->first >= (int64_t)conf->interval)
		lockout_clear(l);
	if (l->failures < conf->attempts)
		return (LOCKOUT_OPEN);
	/* The configuration allows fewer than when they were counted. */
	lockout_close(l, conf, now);
	return (LOCKOUT_CHANGED);
}

void
lockout_fail(struct lockout_record *l, const struct auth_conf *conf,
    int64_t now)
{
	if (l->failures == 0)
		l->first = now;
	l->failures++;
	if (l->failures >= conf->attempts)
		lockout_close(l, conf, now);
}

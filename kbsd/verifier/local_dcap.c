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
 * One quote against one policy, without a service: Intel's signatures and its
 * word on the platform.  Nothing waits here: when collateral has to come
 * first, the caller is told so and comes again.
 */
#include <string.h>
#include <time.h>

#include "local.h"

static enum check_result
check_of(enum dcap_result result)
{
	return (result == DCAP_GOOD ? CHECK_OK : result == DCAP_BAD ?
	    CHECK_FAILED : CHECK_NOT_MADE);
}

/* Every step, for a test; the one that failed says why. */
static void
tell_steps(struct checks *checks, const struct dcap_verdict *v)
{
	unsigned int	 i;

	for (i = 0; i < DCAP_STEPS; i++)
		checks_add(checks, check_of(v->steps[i]),
		    dcap_step_name((enum dcap_step)i), "",
		    v->steps[i] == DCAP_BAD ? v->fault.why : "");
}

static int
denied(struct outcome *out, const struct dcap_verdict *v)
{
	return (outcome_set(out, VERDICT_DENIED, 401,
	    "attestation denied: evidence", "%s: %s",
	    dcap_reason_name(v->fault.reason), v->fault.why));
}

/*
 * Once without collateral, for the platform that it is to be of: the path of
 * a quote that was seen lately costs nothing twice.
 */
static const struct dcap_set *
set_of(struct judgement *j, struct dcap_verdict *v, int64_t now, int *coming)
{
	const struct evidence	*e = j->evidence;
	const struct dcap_set	*set;
	char			 why[WHY_MAX];

	*coming = 0;
	(void)dcap_verify(sets_anchor(), NULL, e->quote, e->quotelen, now, 1,
	    v);
	if (v->steps[DCAP_STEP_PCK_CHAIN] != DCAP_GOOD) {
		(void)denied(&j->outcome, v);
		return (NULL);
	}
	set = sets_get(&v->platform, v->quote.tee, now, coming, why,
	    sizeof(why));
	if (set == NULL && !*coming)
		(void)outcome_set(&j->outcome, VERDICT_UNAVAILABLE, 502,
		    "the collateral of the platform is not available",
		    "collateral: %s", why);
	return (set);
}

enum judged
local_dcap(struct judgement *j)
{
	const struct evidence	*e = j->evidence;
	const struct dcap_set	*set;
	struct dcap_verdict	 v;
	int64_t			 now = (int64_t)time(NULL);
	int			 coming, rc;

	if ((set = set_of(j, &v, now, &coming)) == NULL) {
		if (coming)
			return (JUDGE_WAIT);
		if (j->checks != NULL)
			tell_steps(j->checks, &v);
		return (JUDGED);
	}
	/* Debuggable ones are the policy's affair. */
	rc = dcap_verify(sets_anchor(), set, e->quote, e->quotelen, now, 1,
	    &v);
	if (j->checks != NULL)
		tell_steps(j->checks, &v);
	if (rc == -1)
		(void)denied(&j->outcome, &v);
	else
		local_finish(j, v.quote.tee, dcap_claims(&v));
	return (JUDGED);
}

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
 * One quote against one policy, without a service: Intel's signatures, its
 * word on the platform, then the policy and the wrapping key.  Nothing waits
 * here: when collateral has to come first, the caller is told so and comes
 * again.
 */
#include <openssl/err.h>

#include <string.h>
#include <time.h>

#include "local.h"

#define VERDICT_S	60

static int
is_named(const struct policy *p)
{
	return (p->attestation != NULL &&
	    strcmp(p->attestation, sets_name()) == 0);
}

int
local_fits(const struct policy *p)
{
	return (sets_are() && (p->attestation == NULL || is_named(p)) &&
	    (p->tees & ~(TEE_SGX | TEE_TDX)) == 0 &&
	    p->sgx.policy_ids.n == 0 && p->tdx.policy_ids.n == 0);
}

const char *
local_nobody(const struct policy *p)
{
	if (p->attestation == NULL || collateral_find(p->attestation) != -1)
		return (NULL);
	if (!sets_are() || !is_named(p))
		return ("is not configured");
	return (local_fits(p) ? NULL : "judges quotes of SGX and TDX without "
	    "policy_ids alone");
}

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

static int
judge_claims(struct judgement *j, const struct dcap_verdict *v)
{
	struct claims	 claims;
	char		 why[WHY_MAX] = "no memory";
	json_t		*json;
	int		 rc = -1;

	if ((json = dcap_claims(v)) == NULL || claims_own(&claims,
	    v->quote.tee, json, why, sizeof(why)) == -1)
		(void)outcome_set(&j->outcome, VERDICT_BUSY, 503, "no memory",
		    "claims: %s", why);
	else {
		rc = compare(j->policy, &claims, &j->outcome, j->checks);
		claims_free(&claims);
	}
	json_decref(json);
	return (rc);
}

/* What judge_evidence() has seen already; a quote of a test has no key. */
static int
judge_key(struct judgement *j)
{
	char	 why[WHY_MAX];

	if (j->checks != NULL && j->evidence->user_datalen == 0)
		return (0);
	if (binding_held(&j->wrapping, j->evidence->user_data,
	    j->evidence->user_datalen, j->quote->tee, why, sizeof(why)) == 0)
		return (0);
	return (outcome_set(&j->outcome, VERDICT_DENIED, 401,
	    "attestation denied: key", "wrapping key: %s", why));
}

enum judged
local_judge(struct judgement *j)
{
	const struct evidence	*e = j->evidence;
	const struct dcap_set	*set;
	struct dcap_verdict	 v;
	int64_t			 now = (int64_t)time(NULL);
	int			 coming, rc;

	ERR_clear_error();
	memset(&j->outcome, 0, sizeof(j->outcome));
	j->exp = now + VERDICT_S;
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
	else if (judge_claims(j, &v) == 0 && judge_key(j) == 0)
		(void)outcome_set(&j->outcome, VERDICT_OK, 200, "", "%s", "");
	return (JUDGED);
}

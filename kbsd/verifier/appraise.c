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
 * Appraisals: what the broker asks, and what comes of it.  A token whose key
 * is known is judged on the spot, from the message it came in.  Everything
 * else becomes an appraisal of its own, found by name, with a deadline: it
 * waits for collateral, or for the service's word on evidence (attest.c).
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "appraisal.h"
#include "digest.h"
#include "histogram.h"
#include "local.h"
#include "log.h"

#define EVIDENCE_RAW	(EVIDENCE_MAX + 64 * 1024)

static int	 nonce_required;

const struct policy *
appraise_policy(struct appraisal *ap)
{
	const struct policy	*p;
	const char		*nobody;
	char			 why[WHY_MAX], reason[REASON_TEXT_MAX];

	if ((p = policies_get(ap->digest, ap->text, ap->textlen, why,
	    sizeof(why))) == NULL) {
		(void)snprintf(reason, sizeof(reason), "policy: %s", why);
		finish_with(ap, VERDICT_DENIED, 500,
		    "the key's policy can't be read", reason);
		return (NULL);
	}
	if ((nobody = local_nobody(p)) != NULL) {
		(void)snprintf(reason, sizeof(reason),
		    "policy: attestation \"%s\" %s", p->attestation, nobody);
		finish_with(ap, VERDICT_DENIED, 500,
		    "nobody may judge by the key's policy", reason);
		return (NULL);
	}
	if (ap->step != TRANSFER_TOKEN &&
	    (nobody = local_nobody_else(p)) != NULL) {
		(void)snprintf(reason, sizeof(reason), "policy: %s", nobody);
		finish_with(ap, VERDICT_DENIED, 500,
		    "nobody may judge by the key's policy", reason);
		return (NULL);
	}
	ap->tees = p->tees;
	ap->only = p->attestation == NULL ? -1 :
	    collateral_find(p->attestation);
	return (p);
}

/* --- tokens -------------------------------------------------------- */

/*
 * The token of a client, or of the service for the client's evidence.  The
 * quote is read again rather than kept: it points into the message.
 */
void
appraise_token(struct appraisal *ap)
{
	const struct policy	*policy;
	struct judgement	 j;
	struct checks		 checks = { .n = 0 };
	struct quote		 quote;
	char			 why[WHY_MAX];

	if ((policy = appraise_policy(ap)) == NULL)
		return;
	if (policy->attestation != NULL && ap->only == -1) {
		finish_with(ap, VERDICT_DENIED, 401,
		    "attestation denied: token",
		    "the policy trusts quotes alone that are judged here");
		return;
	}
	memset(&j, 0, sizeof(j));
	j.policy = policy;
	j.waited = ap->waited;
	j.checks = ap->test ? &checks : NULL;
	j.block = ap->only;
	j.token = (const char *)ap->e.token;
	j.tokenlen = ap->e.tokenlen;
	if (ap->step == TRANSFER_EVIDENCE) {
		if (quote_any(&quote, ap->tees, ap->e.quote,
		    ap->e.quotelen, why, sizeof(why)) == -1)
			fatalx("a quote changed");
		j.evidence = &ap->e;
		j.quote = &quote;
		j.block = (int)ap->block;
		j.token = ap->token;
		j.tokenlen = ap->tokenlen;
	}
	if (judge(&j) == JUDGE_WAIT)
		appraisal_wait(ap);
	else
		finish_judged(ap, &j);
	wb_free(&checks.rows);
}

/* Evidence without a service; likewise. */
static void
judge_local(struct appraisal *ap)
{
	const struct policy	*policy;
	struct judgement	 j;
	struct checks		 checks = { .n = 0 };
	struct quote		 quote;
	char			 why[WHY_MAX];

	if ((policy = appraise_policy(ap)) == NULL)
		return;
	if (quote_any(&quote, ap->tees, ap->e.quote, ap->e.quotelen, why,
	    sizeof(why)) == -1)
		fatalx("a quote changed");
	memset(&j, 0, sizeof(j));
	j.policy = policy;
	j.evidence = &ap->e;
	j.quote = &quote;
	j.checks = ap->test ? &checks : NULL;
	if (local_judge(&j) == JUDGE_WAIT)
		appraisal_wait(ap);
	else
		finish_judged(ap, &j);
	wb_free(&checks.rows);
}

static void
judge_again(struct appraisal *ap)
{
	if (ap->local)
		judge_local(ap);
	else
		appraise_token(ap);
}

/* Collateral came, or did not: all that waited look again. */
void
appraise_changed(void)
{
	appraisal_waiters(judge_again);
}

/* --- evidence ------------------------------------------------------ */

/* There is nobody to send it to: 1, and the appraisal is over. */
static int
takes_tokens_alone(struct appraisal *ap)
{
	if (ap->only == -1 ||
	    collateral_kind((uint32_t)ap->only) == BLOCK_SERVICE)
		return (0);
	finish_with(ap, VERDICT_DENIED, 401, "attestation denied: evidence",
	    "the attestation that the policy names takes tokens alone");
	return (1);
}

/* Without a service there is no other proof that it is new. */
static enum evidence_need
needs(const struct appraisal *ap)
{
	if (ap->test && ap->e.user_datalen == 0)
		return (EVIDENCE_QUOTE);
	return (nonce_required || ap->local ? EVIDENCE_NONCE : EVIDENCE_BOUND);
}

static void
begin_local(struct appraisal *ap)
{
	const char	*why;

	if (ap->e.has_nonce && (why = nonce_wrong(&ap->e, &ap->key,
	    (int64_t)time(NULL))) != NULL && !ap->test)
		finish_with(ap, VERDICT_DENIED, 401,
		    "attestation denied: nonce", why);
	else
		judge_local(ap);
}

static void
begin_evidence(struct appraisal *borrowed)
{
	const struct policy	*p;
	struct appraisal	*ap;
	struct outcome		 out;
	struct quote		 quote;
	struct wrapping		 wrapping;

	if ((p = appraise_policy(borrowed)) == NULL ||
	    takes_tokens_alone(borrowed))
		return;
	borrowed->local = local_fits(p);
	if (borrowed->test)
		borrowed->e.tees = p->tees;	/* there was no header */
	if (judge_evidence(p, &borrowed->e, needs(borrowed), &quote,
	    &wrapping, &out) == -1) {
		finish(borrowed, &out);
		return;
	}
	if (borrowed->local) {
		begin_local(borrowed);
		return;
	}
	if ((ap = appraisal_keep(borrowed)) == NULL) {
		finish_busy(borrowed);
		return;
	}
	attest_nobody(ap);
	attest_next(ap);
}

/* --- from the broker ----------------------------------------------- */

/* What both messages begin with; a newer one of a name ends the older. */
static void
read_head(struct rbuf *r, struct appraisal *ap)
{
	struct uuid	 policy;

	memset(ap, 0, sizeof(*ap));
	ap->began = now_us();
	rb_name(r, &ap->name);
	ap->deadline = rb_u64(r);
	rb_uuid(r, &ap->key);
	rb_uuid(r, &policy);
	ap->text = (const char *)rb_bytes(r, &ap->textlen, 1,
	    POLICY_TEXT_MAX);
	if (r->failed)
		return;
	policy_digest(ap->digest, &policy, ap->text, ap->textlen);
	appraisal_replace(ap);
}

static int
appraise(struct rbuf *r, int test)
{
	struct appraisal	 ap;
	struct rbuf		 inner;

	read_head(r, &ap);
	ap.test = test;
	ap.step = rb_enum(r, TRANSFER_STEP_MAX - 1);
	ap.raw = rb_bytes(r, &ap.rawlen, 1, EVIDENCE_RAW);
	if (rb_end(r) == -1 || ap.step == TRANSFER_FIRST)
		return (-1);
	rb_init(&inner, ap.raw, ap.rawlen);
	rb_evidence(&inner, &ap.e);
	if (rb_end(&inner) == -1)
		return (-1);
	if (ap.step == TRANSFER_TOKEN) {
		digest(ap.evidence, ap.e.token, ap.e.tokenlen);
		appraise_token(&ap);
	} else {
		digest(ap.evidence, ap.e.quote, ap.e.quotelen);
		begin_evidence(&ap);
	}
	return (0);
}

int
appraise_evidence(struct edge *edge, struct rbuf *r)
{
	(void)edge;
	return (appraise(r, 0));
}

int
appraise_test(struct edge *edge, struct rbuf *r)
{
	(void)edge;
	return (appraise(r, 1));
}

int
appraise_nonce(struct edge *edge, struct rbuf *r)
{
	const struct policy	*p;
	struct appraisal	 borrowed, *ap;

	(void)edge;
	read_head(r, &borrowed);
	borrowed.step = TRANSFER_FIRST;
	if (rb_end(r) == -1)
		return (-1);
	if ((p = appraise_policy(&borrowed)) == NULL ||
	    takes_tokens_alone(&borrowed))
		return (0);
	if (local_fits(p)) {
		attest_nonce_own(&borrowed);
		return (0);
	}
	if ((ap = appraisal_keep(&borrowed)) == NULL) {
		finish_busy(&borrowed);
		return (0);
	}
	attest_nobody(ap);
	attest_nonce(ap);
	return (0);
}

void
appraise_broker_down(struct edge *edge)
{
	(void)edge;
	appraisal_end_all();
}

void
appraise_config(uint32_t engines, int require_nonce)
{
	finish_config(engines);
	nonce_required = require_nonce;
}

void
appraise_counters(struct wbuf *w)
{
	finish_counters(w);
	attest_counters(w);
	wb_str(w, "appraisals");
	wb_u64(w, appraisal_count());
	histogram_put(w, "verify", finish_durations());
}

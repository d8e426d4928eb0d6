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
 * One report of SEV-SNP against one policy, without a service: AMD's
 * signatures and CRL, the certificate of the chip from the table behind the
 * report or from AMD.  Nothing waits here: when something has to come first,
 * the caller is told so and comes again.  Without a CRL there is no verdict.
 */
#include <string.h>
#include <time.h>

#include "local.h"

/* All that has to be there, before anything is verified. */
struct found {
	struct snp_evidence	 e;
	struct snp_report	 report;
	enum snp_product	 product;
	const struct snp_set	*set;		/* borrowed */
	X509			*vek;		/* borrowed; NULL: that of e */
};

static enum check_result
check_of(enum snp_result result)
{
	return (result == SNP_PASSED ? CHECK_OK : result == SNP_FAILED ?
	    CHECK_FAILED : CHECK_NOT_MADE);
}

/* Every step, for a test; the one that failed says why. */
static void
tell_steps(struct checks *checks, const struct snp_verdict *v)
{
	int	 i;

	for (i = 0; checks != NULL && i < SNP_STEPS; i++)
		checks_add(checks, check_of(v->steps[i]),
		    snp_step_name((enum snp_step)i), "",
		    v->steps[i] == SNP_FAILED ? v->text : "");
}

static enum judged
denied(struct judgement *j, enum snp_reason reason, const char *text)
{
	(void)outcome_set(&j->outcome, VERDICT_DENIED, 401,
	    "attestation denied: evidence", "%s: %s", snp_reason_name(reason),
	    text);
	return (JUDGED);
}

/* It comes, or it does not. */
static enum judged
missing(struct judgement *j, int coming, const char *what, const char *why)
{
	if (coming)
		return (JUDGE_WAIT);
	(void)outcome_set(&j->outcome, VERDICT_UNAVAILABLE, 502,
	    "the collateral of the platform is not available", "%s: %s", what,
	    why);
	return (JUDGED);
}

/* A report of version 2 does not say: then its certificate does. */
static enum snp_product
product_of(const struct found *f)
{
	enum snp_product	 product = snp_report_product(&f->report);

	if (product == SNP_PRODUCTS && f->report.version == 2 &&
	    f->e.vek.p != NULL)
		product = snp_vek_product(&f->e.vek, f->report.signer);
	return (product);
}

static enum judged
judge_verify(struct judgement *j, struct found *f, int64_t now)
{
	/* of the guest's own level: any other is somebody else's word */
	const struct snp_rules	 rules = { snp_kept_roots(), 0 };
	struct snp_chain	 c;
	struct snp_verdict	 v;
	char			 why[WHY_MAX];
	int			 rc;

	rc = f->vek != NULL ?
	    snp_chain_of(&c, f->vek, &f->set->cas, why, sizeof(why)) :
	    snp_chain_read_cas(&c, &f->e.vek, &f->e.ask, &f->set->cas, why,
	    sizeof(why));
	if (rc == -1)
		return (denied(j, SNP_CHAIN, why));
	rc = snp_verify(&f->report, f->e.report.p, f->e.report.len, &c,
	    f->set->crl, now, &rules, &v);
	tell_steps(j->checks, &v);
	if (rc == -1)
		(void)denied(j, v.reason, v.text);
	else
		local_finish(j, TEE_SNP, snp_claims(&f->report, &c));
	snp_chain_clear(&c);
	return (JUDGED);
}

/* The signing CA of the table goes with the VEK of the table alone. */
static enum judged
judge_found(struct judgement *j, struct found *f, int64_t now)
{
	char	 why[WHY_MAX];
	int	 coming;

	f->set = snp_kept_set(f->product, f->report.signer, now, &coming, why,
	    sizeof(why));
	if (f->set == NULL)
		return (missing(j, coming, "CAs and CRL", why));
	f->vek = NULL;
	if (f->e.vek.p == NULL && (f->vek = snp_kept_vcek(&f->report,
	    f->product, now, &coming, why, sizeof(why))) == NULL)
		return (missing(j, coming, "VCEK", why));
	return (judge_verify(j, f, now));
}

enum judged
local_snp(struct judgement *j)
{
	const struct evidence	*e = j->evidence;
	struct found		 f;
	enum snp_reason		 reason;
	const char		*text;

	reason = snp_evidence_read(&f.e, e->quote, e->quotelen, &text);
	if (reason == SNP_OK)
		reason = snp_report_read(&f.report, f.e.report.p,
		    f.e.report.len, &text);
	if (reason != SNP_OK)
		return (denied(j, reason, text));
	if ((f.product = product_of(&f)) == SNP_PRODUCTS)
		return (denied(j, SNP_PRODUCT, f.report.version == 2 ?
		    "a report of version 2 does not name its product: its "
		    "certificate must come with it" :
		    "the report is of no product that is known"));
	return (judge_found(j, &f, (int64_t)time(NULL)));
}

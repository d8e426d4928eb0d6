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
 * One SEV-SNP report judged once, by the certificates that are given or that
 * stand behind it.  Without a CRL it is judged all the same, and that is said.
 */
#include <string.h>

#include "log.h"
#include "snp.h"

#define VMPL_ANY	3	/* which one is for a policy to say */

/* -1 with why; rules->roots stays NULL where no root was given. */
static int
roots_take(struct snp_roots *roots, struct snp_rules *rules,
    const struct once_bytes *given, char *why, size_t whysize)
{
	memset(rules, 0, sizeof(*rules));
	rules->vmpl_most = VMPL_ANY;
	if (given->p == NULL)
		return (0);
	rules->roots = roots;
	return (snp_roots_read(roots, (const char *)given->p, given->len,
	    why, whysize));
}

/* The certificates: 0, 1 when there are none, or -1 with why. */
static int
chain_take(struct snp_chain *c, const struct once *o,
    const struct snp_evidence *e, char *why, size_t whysize)
{
	const struct once_bytes	*pem = &o->part[ONCE_CHAIN];
	struct der		 vek = e->vek;

	if (o->part[ONCE_VEK].p != NULL) {
		vek.p = o->part[ONCE_VEK].p;
		vek.len = o->part[ONCE_VEK].len;
	}
	if (vek.p == NULL)
		return (1);
	if (pem->p != NULL)
		return (snp_chain_read_pem(c, &vek, (const char *)pem->p,
		    pem->len, why, whysize));
	if (e->ask.p == NULL || e->ark.p == NULL)
		return (1);
	return (snp_chain_read(c, &vek, &e->ask, &e->ark, why, whysize));
}

static void
tell_steps(struct told *t, const struct snp_verdict *v)
{
	static const char *const	 results[] = {
		[SNP_NOT_MADE] = "not done",
		[SNP_PASSED] = "good",
		[SNP_SKIPPED] = "not asked",
		[SNP_FAILED] = "bad",
	};
	const char			*result;
	int				 i;

	for (i = 0; i < SNP_STEPS; i++) {
		result = results[v->steps[i]];
		if (i == SNP_STEP_CRL && v->steps[i] == SNP_SKIPPED)
			result = "none";
		if (i == SNP_STEP_CRL)
			told_set(t, "crl", json_string(result));
		told_step(t, snp_step_name((enum snp_step)i), result);
	}
	told_set(t, "proven", json_boolean(v->steps[SNP_STEP_SIGNATURE] ==
	    SNP_PASSED));
}

/* Without certificates a product is what the report itself says. */
static void
tell_claims(struct told *t, const struct snp_report *r,
    const struct snp_chain *c)
{
	struct snp_chain	 none = { .product = snp_report_product(r),
				    .signer = r->signer };

	told_set(t, "version", json_integer(r->version));
	told_set(t, "claims", snp_claims(r, c->vek != NULL ? c : &none));
}

/* 0, or -1 with a verdict. */
static int
judge_chain(const struct once *o, const struct snp_evidence *e,
    const struct snp_chain *c, const struct snp_rules *rules,
    struct snp_verdict *v, char *why, size_t whysize)
{
	const struct once_bytes	*list = &o->part[ONCE_CRL];
	struct snp_report	 r;
	struct crl		*crl = NULL;
	int			 rc;

	if (list->p != NULL && (crl = crl_read(list->p, list->len, "",
	    c->ark, why, whysize)) == NULL)
		return (snp_refuse(v, SNP_STEP_CRL, SNP_CRL, why));
	rc = snp_verify(&r, e->report.p, e->report.len, c, crl, o->now,
	    rules, v);
	crl_free(crl);
	return (rc);
}

/* The same, or 1 where there are no certificates; why holds the text. */
static int
judge_report(struct told *t, const struct once *o, const uint8_t *p,
    size_t len, const struct snp_rules *rules, struct snp_verdict *v,
    char *why, size_t whysize)
{
	struct snp_evidence	 e;
	struct snp_report	 r;
	struct snp_chain	 c;
	enum snp_reason		 reason;
	const char		*text;
	int			 rc;

	memset(&c, 0, sizeof(c));
	reason = snp_evidence_read(&e, p, len, &text);
	if (reason == SNP_OK)
		reason = snp_report_read(&r, e.report.p, e.report.len, &text);
	if (reason != SNP_OK)
		return (snp_refuse(v, SNP_STEP_FORMAT, reason, text));
	if ((rc = chain_take(&c, o, &e, why, whysize)) == 0)
		rc = judge_chain(o, &e, &c, rules, v, why, whysize);
	else
		(void)snp_refuse(v, SNP_STEP_CHAIN, SNP_CHAIN, rc == -1 ?
		    why : "there is no certificate of the chip, or none of "
		    "its issuers: vek.der and chain.pem");
	v->steps[SNP_STEP_FORMAT] = SNP_PASSED;
	tell_claims(t, &r, &c);
	snp_chain_clear(&c);
	return (rc);
}

void
once_report(struct told *t, const struct once *o, const uint8_t *p,
    size_t len)
{
	struct snp_roots	 roots;
	struct snp_rules	 rules;
	struct snp_verdict	 v;
	char			 why[WHY_MAX];
	int			 rc;

	told_set(t, "tee", json_string("SNP"));
	if (roots_take(&roots, &rules, &o->part[ONCE_ROOT], why,
	    sizeof(why)) == -1) {
		told_reject(t, "root", why);
		return;
	}
	rc = judge_report(t, o, p, len, &rules, &v, why, sizeof(why));
	if (rc == 0)
		told_accept(t);
	else
		told_reject(t, rc == 1 ? "collateral_missing" :
		    snp_reason_name(v.reason), v.text);
	tell_steps(t, &v);
}

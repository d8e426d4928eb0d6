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
 * The verification of a quote, as a table of steps in the order of
 * dcap-quote.md section 3: the first that fails is the verdict's fault.
 * All signatures come before what a TCB or an attribute says, so a forged
 * quote is never told to be merely out of date.
 */
#include <string.h>

#include "dcap.h"
#include "digest.h"

#define SGX_INIT	0x01
#define SGX_DEBUG	0x02
#define TD_DEBUG	0x01

/* What a TEE_TCB_SVN comes to. */
struct evaluation {
	const struct dcap_level	*platform;
	const struct dcap_level	*module;	/* NULL: none */
	enum dcap_status	 status;
};

struct work {
	struct dcap_anchor	*anchor;
	const struct dcap_set	*set;
	const uint8_t		*data;
	size_t			 len;
	int64_t			 now;
	int			 allow_debug;
	struct dcap_verdict	*verdict;
	const struct dcap_pck	*pck;
	const struct dcap_level	*qe;
	struct evaluation	 launch, current;
};

static int
refuse(struct work *w, enum dcap_reason reason)
{
	return (dcap_refuse(&w->verdict->fault, reason, NULL));
}

/* The fault that a part of the set has, if any. */
static int
sound(struct work *w, const struct dcap_fault *fault)
{
	if (fault->reason == DCAP_OK)
		return (0);
	w->verdict->fault = *fault;
	return (-1);
}

/* Is it in [from, until) now? */
static int
timely(struct work *w, int64_t from, int64_t until, enum dcap_reason early,
    enum dcap_reason late)
{
	if (w->now < from)
		return (refuse(w, early));
	if (w->now >= until)
		return (refuse(w, late));
	return (0);
}

/* --- the quote and its path ---------------------------------------- */

static int
step_layout(struct work *w)
{
	return (dcap_quote_read(&w->verdict->quote, w->data, w->len,
	    &w->verdict->fault));
}

static int
step_pck_chain(struct work *w)
{
	struct dcap_verdict	*v = w->verdict;

	w->pck = dcap_pck_get(w->anchor, v->quote.certs.p,
	    v->quote.certs.len, &v->fault);
	if (w->pck == NULL)
		return (-1);
	v->platform = w->pck->platform;
	return (dcap_pck_timely(w->pck, w->now, &v->fault));
}

/* --- revocation ---------------------------------------------------- */

static int
step_collateral(struct work *w)
{
	return (w->set == NULL ? refuse(w, DCAP_COLLATERAL_MISSING) : 0);
}

static int
step_root_crl(struct work *w)
{
	const struct dcap_set	*s = w->set;
	const struct {
		X509			*cert;	/* NULL: a fault below */
		enum dcap_reason	 reason;
	} certs[] = {
		{ w->pck->path.v[2],	DCAP_ROOT_REVOKED },
		{ w->pck->path.v[1],	DCAP_PCK_CA_REVOKED },
		{ s->crl_path.v[0],	DCAP_PCK_CA_REVOKED },
		{ s->tcb_path.v[0],	DCAP_TCB_SIGNER_REVOKED },
		{ s->qe_path.v[0],	DCAP_TCB_SIGNER_REVOKED },
	};
	size_t			 i;

	if (sound(w, &s->root_crl_fault) == -1 ||
	    timely(w, s->root_crl->from, s->root_crl->until,
	    DCAP_ROOT_CRL_NOT_YET_VALID, DCAP_ROOT_CRL_EXPIRED) == -1)
		return (-1);
	for (i = 0; i < sizeof(certs) / sizeof(certs[0]); i++)
		if (certs[i].cert != NULL &&
		    crl_revokes(s->root_crl, certs[i].cert))
			return (refuse(w, certs[i].reason));
	return (0);
}

static int
step_pck_crl(struct work *w)
{
	const struct dcap_set	*s = w->set;

	if (sound(w, &s->pck_crl_fault) == -1 ||
	    timely(w, s->crl_path.from, s->crl_path.until,
	    DCAP_CRL_CHAIN_NOT_YET_VALID, DCAP_CRL_CHAIN_EXPIRED) == -1 ||
	    timely(w, s->pck_crl->from, s->pck_crl->until,
	    DCAP_PCK_CRL_NOT_YET_VALID, DCAP_PCK_CRL_EXPIRED) == -1)
		return (-1);
	if (!dcap_same_issuer(s->crl_path.v[0], w->pck->path.v[1]))
		return (refuse(w, DCAP_PCK_CRL_ISSUER));
	if (crl_revokes(s->pck_crl, w->pck->path.v[0]))
		return (refuse(w, DCAP_PCK_REVOKED));
	return (0);
}

/* --- TCB info and QE identity -------------------------------------- */

static int
step_tcb_info(struct work *w)
{
	const struct dcap_set		*s = w->set;
	const struct dcap_platform	*p = &w->verdict->platform;

	if (sound(w, &s->tcb_fault) == -1 ||
	    timely(w, s->tcb_path.from, s->tcb_path.until,
	    DCAP_TCB_SIGNER_NOT_YET_VALID, DCAP_TCB_SIGNER_EXPIRED) == -1 ||
	    timely(w, s->tcb.from, s->tcb.until,
	    DCAP_TCB_INFO_NOT_YET_VALID, DCAP_TCB_INFO_EXPIRED) == -1)
		return (-1);
	if (s->tcb.tee != w->verdict->quote.tee)
		return (refuse(w, DCAP_COLLATERAL_TEE));
	if (memcmp(s->tcb.fmspc, p->fmspc, sizeof(p->fmspc)) != 0)
		return (refuse(w, DCAP_FMSPC_MISMATCH));
	if (memcmp(s->tcb.pceid, p->pceid, sizeof(p->pceid)) != 0)
		return (refuse(w, DCAP_PCEID_MISMATCH));
	return (0);
}

static int
step_qe_identity(struct work *w)
{
	const struct dcap_set	*s = w->set;

	if (sound(w, &s->qe_fault) == -1 ||
	    timely(w, s->qe_path.from, s->qe_path.until,
	    DCAP_QE_SIGNER_NOT_YET_VALID, DCAP_QE_SIGNER_EXPIRED) == -1 ||
	    timely(w, s->qe.from, s->qe.until,
	    DCAP_QE_IDENTITY_NOT_YET_VALID, DCAP_QE_IDENTITY_EXPIRED) == -1)
		return (-1);
	if (s->qe.tee != w->verdict->quote.tee)
		return (refuse(w, DCAP_COLLATERAL_TEE));
	return (0);
}

/* --- the quoting enclave and what it signed ------------------------ */

static int
step_qe_signature(struct work *w)
{
	const struct dcap_quote	*q = &w->verdict->quote;

	if (dcap_signature(w->pck->key, q->qe_signature, q->qe_report,
	    DCAP_SGX_LEN) == -1)
		return (refuse(w, DCAP_QE_REPORT_SIGNATURE));
	return (0);
}

/* The report data is the digest of key and authentication data, and 0. */
static int
step_qe_data(struct work *w)
{
	const struct dcap_quote	*q = &w->verdict->quote;
	const struct piece	 pieces[] = {
		{ q->key, DCAP_SIG_LEN },
		{ q->auth.p, q->auth.len },
	};
	uint8_t			 want[2 * DIGEST_LEN] = { 0 };

	digest_pieces(want, pieces, 2);
	if (memcmp(q->qe_report + DCAP_SGX_REPORTDATA, want,
	    sizeof(want)) != 0)
		return (refuse(w, DCAP_QE_REPORT_DATA));
	return (0);
}

static int
step_qe(struct work *w)
{
	return (dcap_identity_match(&w->set->qe, w->verdict->quote.qe_report,
	    &w->qe, &w->verdict->fault));
}

static int
step_signature(struct work *w)
{
	const struct dcap_quote	*q = &w->verdict->quote;
	EVP_PKEY		*key;
	int			 rc;

	if ((key = dcap_key(q->key)) == NULL)
		return (refuse(w, DCAP_ATTESTATION_KEY));
	rc = dcap_signature(key, q->signature, q->signs.p, q->signs.len);
	EVP_PKEY_free(key);
	return (rc == -1 ? refuse(w, DCAP_QUOTE_SIGNATURE) : 0);
}

/* --- TCB ----------------------------------------------------------- */

/* The TEE_TCB_SVN that a TD has besides that of its launch; NULL. */
static const uint8_t *
svn2(const struct dcap_quote *q)
{
	return (q->tee == TEE_TDX && q->bodylen >= DCAP_TD15_LEN ?
	    q->body + DCAP_TD_SVN2 : NULL);
}

static int
step_tcb(struct work *w)
{
	const struct dcap_quote	*q = &w->verdict->quote;
	const uint8_t		*svn, *again = svn2(q);

	svn = q->tee == TEE_TDX ? q->body + DCAP_TD_SVN : NULL;
	w->launch.platform = dcap_level_platform(&w->set->tcb.levels,
	    &w->verdict->platform, svn);
	w->current.platform = again == NULL ? w->launch.platform :
	    dcap_level_platform(&w->set->tcb.levels, &w->verdict->platform,
	    again);
	if (w->launch.platform == NULL || w->current.platform == NULL)
		return (refuse(w, DCAP_TCB_NO_MATCH));
	return (0);
}

static int
step_module(struct work *w)
{
	const struct dcap_quote	*q = &w->verdict->quote;
	const uint8_t		*again = svn2(q);

	if (q->tee != TEE_TDX)
		return (1);
	if (dcap_module_match(&w->set->tcb, q->body, q->body + DCAP_TD_SVN,
	    &w->launch.module, &w->verdict->fault) == -1)
		return (-1);
	w->current.module = w->launch.module;
	return (again == NULL ? 0 : dcap_module_match(&w->set->tcb, q->body,
	    again, &w->current.module, &w->verdict->fault));
}

static int
converge(struct work *w, struct evaluation *e)
{
	e->status = e->platform->status;
	if (e->status == DCAP_UNKNOWN || w->qe->status == DCAP_UNKNOWN ||
	    (e->module != NULL && e->module->status == DCAP_UNKNOWN))
		return (refuse(w, DCAP_TCB_STATUS_UNKNOWN));
	if (e->module != NULL)
		e->status = dcap_converge(e->status, e->module->status);
	e->status = dcap_converge(e->status, w->qe->status);
	if (e->status == DCAP_REVOKED)
		return (refuse(w, DCAP_TCB_REVOKED));
	return (0);
}

static void
advisories_add(struct dcap_verdict *v, const struct dcap_level *level)
{
	const char	*id;
	size_t		 i, j;

	for (i = 0; level != NULL && i < json_array_size(level->advisories);
	    i++) {
		id = json_string_value(json_array_get(level->advisories, i));
		for (j = 0; j < v->nadvisories; j++)
			if (strcmp(v->advisories[j], id) == 0)
				break;
		if (j == v->nadvisories && j < DCAP_ADVISORIES_MAX)
			v->advisories[v->nadvisories++] = id;
	}
}

static int
step_status(struct work *w)
{
	struct dcap_verdict	*v = w->verdict;
	const struct dcap_set	*s = w->set;

	if (converge(w, &w->launch) == -1 || converge(w, &w->current) == -1)
		return (-1);
	v->status = dcap_relaunch(w->launch.status, w->current.status);
	v->number = s->tcb.number < s->qe.number ? s->tcb.number :
	    s->qe.number;
	v->tcb_date = w->launch.platform->date;
	if (w->launch.module != NULL && w->launch.module->date < v->tcb_date)
		v->tcb_date = w->launch.module->date;
	advisories_add(v, w->launch.platform);
	advisories_add(v, w->launch.module);
	advisories_add(v, w->qe);
	return (0);
}

/* Section 8.  The other bits of a TD's first byte are of debugging too. */
static int
step_attributes(struct work *w)
{
	struct dcap_verdict	*v = w->verdict;
	uint8_t			 first;

	if (v->quote.tee == TEE_SGX) {
		first = v->quote.body[DCAP_SGX_ATTRIBUTES];
		v->debug = (first & SGX_DEBUG) != 0;
		if ((first & SGX_INIT) == 0)
			return (refuse(w, DCAP_ATTRIBUTES));
	} else {
		first = v->quote.body[DCAP_TD_ATTRIBUTES];
		v->debug = (first & TD_DEBUG) != 0;
		if ((first & ~TD_DEBUG) != 0)
			return (refuse(w, DCAP_ATTRIBUTES));
	}
	if (v->debug && !w->allow_debug)
		return (refuse(w, DCAP_DEBUG));
	return (0);
}

/* --- the order ----------------------------------------------------- */

/* 0: good, 1: there was nothing to be done, -1: the verdict has a fault. */
static const struct {
	const char	*name;
	int		(*run)(struct work *);
} steps[DCAP_STEPS] = {
	[DCAP_STEP_LAYOUT] =	{ "layout", step_layout },
	[DCAP_STEP_PCK_CHAIN] =	{ "PCK chain", step_pck_chain },
	[DCAP_STEP_COLLATERAL] = { "collateral", step_collateral },
	[DCAP_STEP_ROOT_CRL] =	{ "root CRL", step_root_crl },
	[DCAP_STEP_PCK_CRL] =	{ "PCK CRL", step_pck_crl },
	[DCAP_STEP_TCB_INFO] =	{ "TCB info", step_tcb_info },
	[DCAP_STEP_QE_IDENTITY] = { "QE identity", step_qe_identity },
	[DCAP_STEP_QE_SIGNATURE] = { "QE report signature",
	    step_qe_signature },
	[DCAP_STEP_QE_DATA] =	{ "QE report data", step_qe_data },
	[DCAP_STEP_QE] =	{ "quoting enclave", step_qe },
	[DCAP_STEP_SIGNATURE] =	{ "quote signature", step_signature },
	[DCAP_STEP_TCB] =	{ "TCB level", step_tcb },
	[DCAP_STEP_MODULE] =	{ "TDX module", step_module },
	[DCAP_STEP_STATUS] =	{ "TCB status", step_status },
	[DCAP_STEP_ATTRIBUTES] = { "attributes", step_attributes },
};

const char *
dcap_step_name(enum dcap_step step)
{
	return (steps[step].name);
}

static void
work_init(struct work *w, struct dcap_anchor *anchor, const uint8_t *quote,
    size_t len, int64_t now, struct dcap_verdict *verdict)
{
	memset(verdict, 0, sizeof(*verdict));
	memset(w, 0, sizeof(*w));
	w->anchor = anchor;
	w->data = quote;
	w->len = len;
	w->now = now;
	w->verdict = verdict;
}

static int
step_run(struct work *w, enum dcap_step step)
{
	int	 rc = steps[step].run(w);

	w->verdict->steps[step] = rc == -1 ? DCAP_BAD : rc == 0 ? DCAP_GOOD :
	    DCAP_NOT_ASKED;
	return (rc);
}

int
dcap_verify(struct dcap_anchor *anchor, const struct dcap_set *set,
    const uint8_t *quote, size_t len, int64_t now, int allow_debug,
    struct dcap_verdict *verdict)
{
	struct work	 w;
	int		 i;

	work_init(&w, anchor, quote, len, now, verdict);
	w.set = set;
	w.allow_debug = allow_debug;
	for (i = 0; i < DCAP_STEPS; i++)
		if (step_run(&w, (enum dcap_step)i) == -1)
			return (-1);
	return (0);
}

int
dcap_verify_bare(struct dcap_anchor *anchor, const uint8_t *quote,
    size_t len, int64_t now, struct dcap_verdict *verdict)
{
	static const enum dcap_step	 order[] = { DCAP_STEP_LAYOUT,
					    DCAP_STEP_PCK_CHAIN,
					    DCAP_STEP_QE_SIGNATURE,
					    DCAP_STEP_QE_DATA,
					    DCAP_STEP_SIGNATURE,
					    DCAP_STEP_COLLATERAL };
	struct work			 w;
	size_t				 i;

	work_init(&w, anchor, quote, len, now, verdict);
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (step_run(&w, order[i]) == -1)
			break;
	return (-1);
}

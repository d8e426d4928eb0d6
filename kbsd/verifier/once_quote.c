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

/* One quote judged once, by the collateral that is given. */
#include <stdio.h>
#include <string.h>

#include "dcap.h"
#include "log.h"

static const struct {
	enum once_part	 part;
	size_t		 at;		/* in struct dcap_collateral */
} parts[] = {
	{ ONCE_PCK_CRL, offsetof(struct dcap_collateral, pck_crl) },
	{ ONCE_PCK_CRL_CHAIN,
	    offsetof(struct dcap_collateral, pck_crl_chain) },
	{ ONCE_ROOT_CRL, offsetof(struct dcap_collateral, root_crl) },
	{ ONCE_TCB_INFO, offsetof(struct dcap_collateral, tcb_info) },
	{ ONCE_TCB_INFO_CHAIN,
	    offsetof(struct dcap_collateral, tcb_info_chain) },
	{ ONCE_QE_IDENTITY, offsetof(struct dcap_collateral, qe_identity) },
	{ ONCE_QE_IDENTITY_CHAIN,
	    offsetof(struct dcap_collateral, qe_identity_chain) },
};

#define NPARTS	(sizeof(parts) / sizeof(parts[0]))

/* How many parts there are; and the names of those that are not. */
static size_t
collateral_take(struct dcap_collateral *c, const struct once *o,
    char *missing, size_t size)
{
	const struct once_bytes	*b;
	struct der		*der;
	size_t			 i, n = 0;

	memset(c, 0, sizeof(*c));
	(void)strlcpy(missing, "the collateral lacks", size);
	for (i = 0; i < NPARTS; i++) {
		b = &o->part[parts[i].part];
		der = (struct der *)(void *)((char *)c + parts[i].at);
		der->p = b->p;
		der->len = b->len;
		if (b->p != NULL) {
			n++;
			continue;
		}
		(void)strlcat(missing, " ", size);
		(void)strlcat(missing, once_files[parts[i].part].name, size);
	}
	return (n);
}

/* The status that a level has, also one that nobody may have. */
static void
tell_status(struct told *t, const struct dcap_verdict *v)
{
	json_t	*ids = json_array();
	size_t	 i;

	if (v->fault.reason == DCAP_TCB_REVOKED)
		told_set(t, "status", json_string(dcap_status_name(
		    DCAP_REVOKED)));
	else if (v->steps[DCAP_STEP_STATUS] == DCAP_GOOD)
		told_set(t, "status", json_string(dcap_status_name(
		    v->status)));
	for (i = 0; i < v->nadvisories; i++)
		if (json_array_append_new(ids,
		    json_string(v->advisories[i])) == -1)
			t->failed = 1;
	told_set(t, "advisories", ids);
}

/* Of a quote that did not get that far there is less to say. */
static void
tell_claims(struct told *t, const struct dcap_verdict *v)
{
	static const char *const	 late[] = { "attester_tcb_status",
					    "attester_tcb_date",
					    "attester_tcb_evaluation_number",
					    "attester_advisory_ids" };
	json_t				*claims = dcap_claims(v);
	const char			*fmspc;
	size_t				 i;

	fmspc = v->quote.tee == TEE_SGX ? "sgx_fmspc" : "tdx_fmspc";
	if (v->steps[DCAP_STEP_STATUS] != DCAP_GOOD)
		for (i = 0; i < sizeof(late) / sizeof(late[0]); i++)
			(void)json_object_del(claims, late[i]);
	if (v->steps[DCAP_STEP_PCK_CHAIN] != DCAP_GOOD)
		(void)json_object_del(claims, fmspc);
	told_set(t, "claims", claims);
}

static void
tell(struct told *t, const struct dcap_verdict *v)
{
	static const char *const	 results[] = {
		[DCAP_NOT_DONE] = "not done",
		[DCAP_GOOD] = "good",
		[DCAP_BAD] = "bad",
		[DCAP_NOT_ASKED] = "not asked",
	};
	int				 i;

	for (i = 0; i < DCAP_STEPS; i++)
		told_step(t, dcap_step_name((enum dcap_step)i),
		    results[v->steps[i]]);
	if (v->steps[DCAP_STEP_LAYOUT] != DCAP_GOOD)
		return;
	told_set(t, "tee", json_string(v->quote.tee == TEE_SGX ? "SGX" :
	    "TDX"));
	told_set(t, "version", json_integer(v->quote.version));
	told_set(t, "proven", json_boolean(v->steps[DCAP_STEP_COLLATERAL] ==
	    DCAP_GOOD && v->steps[DCAP_STEP_SIGNATURE] == DCAP_GOOD));
	tell_status(t, v);
	tell_claims(t, v);
}

/* The verdict's texts are the set's: it is told before that goes. */
static void
verify(struct told *t, const struct once *o, const uint8_t *p, size_t len,
    const uint8_t root[DIGEST_LEN])
{
	struct dcap_collateral	 c;
	struct dcap_verdict	 v;
	struct dcap_anchor	*anchor = dcap_anchor_new(root);
	struct dcap_set		*set = NULL;
	char			 missing[256];
	size_t			 n;
	int			 rc;

	n = collateral_take(&c, o, missing, sizeof(missing));
	if (n == NPARTS)
		set = dcap_set_new(&c, root);
	if (anchor == NULL || (n == NPARTS && set == NULL))
		fatalx("out of memory");
	if (set != NULL)
		rc = dcap_verify(anchor, set, p, len, o->now, 0, &v);
	else
		rc = dcap_verify_bare(anchor, p, len, o->now, &v);
	if (rc == 0)
		told_accept(t);
	else
		told_reject(t, dcap_reason_name(v.fault.reason), n > 0 &&
		    v.fault.reason == DCAP_COLLATERAL_MISSING ? missing :
		    v.fault.why);
	tell(t, &v);
	dcap_set_free(set);
	dcap_anchor_free(anchor);
}

void
once_quote(struct told *t, const struct once *o, const uint8_t *p, size_t len)
{
	const struct once_bytes	*given = &o->part[ONCE_ROOT];
	uint8_t			 root[DIGEST_LEN];
	char			 why[WHY_MAX];

	memcpy(root, dcap_intel_root, sizeof(root));
	if (given->p != NULL && dcap_root_read(root, given->p, given->len,
	    why, sizeof(why)) == -1)
		told_reject(t, "root", why);
	else
		verify(t, o, p, len, root);
}

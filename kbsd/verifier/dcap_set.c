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
 * The collateral of one platform, verified once for all its quotes: what
 * depends on neither a quote nor the time.  A part that is no good keeps its
 * fault, so that a verification tells of it in its place.
 */
#include <stdlib.h>
#include <string.h>

#include "dcap.h"
#include "json.h"

#define SIGNER_NAME	"Intel SGX TCB Signing"

static const struct dcap_role signer_role[] = {
	{ SIGNER_NAME, NULL, 0 },
};

static const struct dcap_role ca_role[] = {
	{ "Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA", 1 },
};

/* --- CRLs ---------------------------------------------------------- */

/* Is the list of this issuer, by name? */
static int
crl_is_of(const struct der *der, X509 *issuer)
{
	const unsigned char	*p = der->p;
	X509_CRL		*crl = NULL;
	int			 same = 1;

	if (der->len <= CRL_MAX &&
	    (crl = d2i_X509_CRL(NULL, &p, (long)der->len)) != NULL)
		same = X509_NAME_cmp(X509_CRL_get_issuer(crl),
		    X509_get_subject_name(issuer)) == 0;
	X509_CRL_free(crl);
	return (same);
}

static struct crl *
list_read(const struct der *der, X509 *issuer, enum dcap_reason format,
    enum dcap_reason foreign, struct dcap_fault *fault)
{
	struct crl	*crl;
	char		 why[WHY_MAX];

	crl = crl_read(der->p, der->len, "", issuer, why, sizeof(why));
	if (crl == NULL)
		(void)dcap_refuse(fault, crl_is_of(der, issuer) ? format :
		    foreign, why);
	return (crl);
}

static void
crls_read(struct dcap_set *set, const struct dcap_collateral *c,
    const uint8_t root[DIGEST_LEN])
{
	char	 why[WHY_MAX];

	if (dcap_path_read(&set->crl_path, c->pck_crl_chain.p,
	    c->pck_crl_chain.len, ca_role, 1, root, why,
	    sizeof(why)) == -1) {
		(void)dcap_refuse(&set->root_crl_fault, DCAP_CRL_CHAIN, why);
		set->pck_crl_fault = set->root_crl_fault;
		return;
	}
	set->root_crl = list_read(&c->root_crl, set->crl_path.v[1],
	    DCAP_ROOT_CRL_FORMAT, DCAP_ROOT_CRL_ISSUER,
	    &set->root_crl_fault);
	set->pck_crl = list_read(&c->pck_crl, set->crl_path.v[0],
	    DCAP_PCK_CRL_FORMAT, DCAP_PCK_CRL_ISSUER, &set->pck_crl_fault);
}

/* --- signed documents ---------------------------------------------- */

static void
tcb_read(struct dcap_set *set, const struct dcap_collateral *c,
    const uint8_t root[DIGEST_LEN])
{
	char	 why[WHY_MAX];
	json_t	*j;
	int	 forged;

	if (dcap_path_read(&set->tcb_path, c->tcb_info_chain.p,
	    c->tcb_info_chain.len, signer_role, 1, root, why,
	    sizeof(why)) == -1) {
		(void)dcap_refuse(&set->tcb_fault, DCAP_TCB_SIGNER_CHAIN,
		    why);
		return;
	}
	j = dcap_signed(c->tcb_info.p, c->tcb_info.len, "tcbInfo",
	    X509_get0_pubkey(set->tcb_path.v[0]), &forged, why, sizeof(why));
	if (j == NULL)
		(void)dcap_refuse(&set->tcb_fault, forged ?
		    DCAP_TCB_INFO_SIGNATURE : DCAP_TCB_INFO_FORMAT, why);
	else if (dcap_tcb_read(&set->tcb, j, why, sizeof(why)) == -1)
		(void)dcap_refuse(&set->tcb_fault, DCAP_TCB_INFO_FORMAT, why);
}

static void
qe_read(struct dcap_set *set, const struct dcap_collateral *c,
    const uint8_t root[DIGEST_LEN])
{
	char	 why[WHY_MAX];
	json_t	*j;
	int	 forged;

	if (dcap_path_read(&set->qe_path, c->qe_identity_chain.p,
	    c->qe_identity_chain.len, signer_role, 1, root, why,
	    sizeof(why)) == -1) {
		(void)dcap_refuse(&set->qe_fault, DCAP_QE_SIGNER_CHAIN, why);
		return;
	}
	j = dcap_signed(c->qe_identity.p, c->qe_identity.len,
	    "enclaveIdentity", X509_get0_pubkey(set->qe_path.v[0]), &forged,
	    why, sizeof(why));
	if (j == NULL)
		(void)dcap_refuse(&set->qe_fault, forged ?
		    DCAP_QE_IDENTITY_SIGNATURE : DCAP_QE_IDENTITY_FORMAT,
		    why);
	else if (dcap_identity_read(&set->qe, j, why, sizeof(why)) == -1)
		(void)dcap_refuse(&set->qe_fault, DCAP_QE_IDENTITY_FORMAT,
		    why);
}

/* --- sets ---------------------------------------------------------- */

struct dcap_set *
dcap_set_new(const struct dcap_collateral *c, const uint8_t root[DIGEST_LEN])
{
	struct dcap_set	*set;

	if ((set = calloc(1, sizeof(*set))) == NULL)
		return (NULL);
	crls_read(set, c, root);
	tcb_read(set, c, root);
	qe_read(set, c, root);
	return (set);
}

void
dcap_set_free(struct dcap_set *set)
{
	if (set == NULL)
		return;
	crl_free(set->root_crl);
	crl_free(set->pck_crl);
	dcap_tcb_clear(&set->tcb);
	dcap_identity_clear(&set->qe);
	dcap_path_clear(&set->crl_path);
	dcap_path_clear(&set->tcb_path);
	dcap_path_clear(&set->qe_path);
	free(set);
}

const struct dcap_fault *
dcap_set_fault(const struct dcap_set *set)
{
	const struct dcap_fault	*faults[] = { &set->root_crl_fault,
				    &set->pck_crl_fault, &set->tcb_fault,
				    &set->qe_fault };
	size_t			 i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (faults[i]->reason != DCAP_OK)
			return (faults[i]);
	return (NULL);
}

int64_t
dcap_set_until(const struct dcap_set *set)
{
	const int64_t	 ends[] = { set->root_crl->until,
			    set->pck_crl->until, set->tcb.until,
			    set->qe.until, set->crl_path.until,
			    set->tcb_path.until, set->qe_path.until };
	int64_t		 least = INT64_MAX;
	size_t		 i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ends[i] < least)
			least = ends[i];
	return (least);
}

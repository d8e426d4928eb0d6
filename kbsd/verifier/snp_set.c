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
 * What AMD has published about a product, verified once for all its reports:
 * the CAs and the root's revocation list.
 */
#include <stdlib.h>
#include <string.h>

#include "snp.h"

static int
set_times(struct snp_set *set)
{
	X509	*certs[] = { set->cas.ask, set->cas.ark };
	int64_t	 from, until;

	if (cert_times(certs, 2, &from, &until) == -1)
		return (-1);
	set->until = until < set->crl->until ? until : set->crl->until;
	return (0);
}

static const char *
set_fault(const struct snp_set *set, const struct snp_roots *roots)
{
	if (!snp_rooted(set->cas.ark, set->product, roots))
		return ("the root is not one of AMD's, or of those "
		    "configured");
	return (snp_cas_fault(&set->cas, set->product, set->signer));
}

static int
set_read(struct snp_set *set, const struct der *cas, const struct der *crl,
    const struct snp_roots *roots, char *why, size_t whysize)
{
	const char	*fault;

	if (snp_cas_read(&set->cas, (const char *)cas->p, cas->len, why,
	    whysize) == -1)
		return (-1);
	if ((fault = set_fault(set, roots)) != NULL) {
		(void)strlcpy(why, fault, whysize);
		return (-1);
	}
	set->crl = crl_read(crl->p, crl->len, "", set->cas.ark, why, whysize);
	if (set->crl == NULL)
		return (-1);
	if (set_times(set) == 0)
		return (0);
	(void)strlcpy(why, "a time is no time", whysize);
	return (-1);
}

struct snp_set *
snp_set_new(enum snp_product product, enum snp_signer signer,
    const struct der *cas, const struct der *crl,
    const struct snp_roots *roots, char *why, size_t whysize)
{
	struct snp_set	*set;

	if ((set = calloc(1, sizeof(*set))) == NULL) {
		(void)strlcpy(why, "no memory", whysize);
		return (NULL);
	}
	set->product = product;
	set->signer = signer;
	if (set_read(set, cas, crl, roots, why, whysize) == 0)
		return (set);
	snp_set_free(set);
	return (NULL);
}

void
snp_set_free(struct snp_set *set)
{
	if (set == NULL)
		return;
	crl_free(set->crl);
	snp_cas_clear(&set->cas);
	free(set);
}

int
snp_roots_read(struct snp_roots *roots, const char *pem, size_t len,
    char *why, size_t whysize)
{
	struct roots	 certs;
	size_t		 i;
	int		 rc = 0;

	memset(roots, 0, sizeof(*roots));
	if (roots_read(&certs, pem, len, why, whysize) == -1)
		return (-1);
	for (i = 0; i < certs.n && rc == 0; i++)
		rc = snp_root_digest(roots->digest[roots->n++], certs.v[i]);
	roots_free(&certs);
	if (rc == -1)
		(void)strlcpy(why, "a root has no key", whysize);
	return (rc);
}

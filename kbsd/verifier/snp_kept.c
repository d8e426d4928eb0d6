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
 * What AMD says of products and chips, as collateral that is kept: the CAs of
 * a product with the CRL of their root, renewed; and VCEKs, for as long as
 * they are valid.  A CRL that is older than one seen is refused, and a VCEK
 * that is not of its chip and TCB, or of none of our CAs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "local.h"

#define CHIPS_MAX	1024
#define SET_MAGIC	0x6b736e31	/* of the bytes in the store */
#define VCEK_MAGIC	0x6b766331
#define CHIP_SHOWN	8		/* bytes of its id */

struct vcek {
	X509		*cert;
	int64_t		 until;
};

static struct snp_roots	 own_roots;
static int		 has_roots;

const struct snp_roots *
snp_kept_roots(void)
{
	return (has_roots ? &own_roots : NULL);
}

void
snp_kept_secrets(const char *name, const void *pem, size_t len)
{
	char	 why[WHY_MAX];

	if (pem == NULL)
		return;
	if (snp_roots_read(&own_roots, pem, len, why, sizeof(why)) == -1)
		fatalx("root of %s: %s", name, why);
	has_roots = 1;
	log_warnx("%s: reports are verified by roots that are not AMD's",
	    name);
}

/* --- CAs and CRL of a product -------------------------------------- */

static void
set_name(char name[NAME_MAX_STORE], const struct kept_of *of)
{
	snprintf(name, NAME_MAX_STORE, "snp %s %s", of->about[1] == SNP_VLEK ?
	    "vlek" : "vcek", snp_product_name((enum snp_product)of->about[0]));
}

static int
set_refuse(struct kept *k, struct snp_set *set, const char *why)
{
	snp_set_free(set);
	(void)strlcpy(k->why, why, sizeof(k->why));
	return (-1);
}

static int
set_take(struct kept *k, const struct der *parts, int64_t now)
{
	const struct snp_set	*old = k->object;
	struct snp_set		*set;

	set = snp_set_new((enum snp_product)k->of.about[0],
	    (enum snp_signer)k->of.about[1], &parts[0], &parts[1],
	    snp_kept_roots(), k->why, sizeof(k->why));
	if (set == NULL)
		return (-1);
	if (old != NULL && !crl_newer(set->crl, old->crl))
		return (set_refuse(k, set, "its CRL is older than one that "
		    "was seen before"));
	if (set->until <= now)
		return (set_refuse(k, set, "it has expired"));
	kept_adopt(k, set);
	return (0);
}

static int64_t
set_until(const void *set)
{
	return (((const struct snp_set *)set)->until);
}

static void
set_free(void *set)
{
	snp_set_free(set);
}

static const struct kept_kind	 set_kind = {
	.what = FETCH_SNP, .magic = SET_MAGIC, .parts = 2,
	.most = SNP_PRODUCTS * SNP_SIGNERS, .renewed = 1, .name = set_name,
	.take = set_take, .until = set_until, .free = set_free,
};

const struct snp_set *
snp_kept_set(enum snp_product product, enum snp_signer signer, int64_t now,
    int *coming, char *why, size_t whysize)
{
	struct kept_of	 of = { .fetcher = local_fetcher(FETCHER_SNP),
			    .tee = TEE_SNP, .len = 2 };

	of.about[0] = (uint8_t)product;
	of.about[1] = (uint8_t)signer;
	return (kept_get(&set_kind, &of, now, coming, why, whysize));
}

/* --- VCEKs --------------------------------------------------------- */

/* The first bytes tell chips apart for an operator; the rest is compared. */
static void
vcek_name(char name[NAME_MAX_STORE], const struct kept_of *of)
{
	char	 tcb[2 * SNP_TCB_LEN + 1], chip[2 * CHIP_SHOWN + 1];

	(void)hex_encode(tcb, sizeof(tcb), of->about + 1, SNP_TCB_LEN);
	(void)hex_encode(chip, sizeof(chip), of->about + 1 + SNP_TCB_LEN,
	    CHIP_SHOWN);
	snprintf(name, NAME_MAX_STORE, "vcek %s %s %s", snp_product_name(
	    (enum snp_product)of->about[0]), chip, tcb);
}

static const char *
vcek_fault(const struct kept_of *of, const struct snp_chain *c)
{
	if (c->product != of->about[0] || c->signer != SNP_VCEK ||
	    memcmp(c->tcb, of->about + 1, SNP_TCB_LEN) != 0 ||
	    memcmp(c->hwid, of->about + 1 + SNP_TCB_LEN, c->hwidlen) != 0)
		return ("it is of another chip, or of another TCB");
	return (snp_chain_fault(c));
}

/*
 * Of the chip and its TCB, by the CAs of its product that are known now.  It
 * is kept as it was read: reading costs nearly as much as a signature.
 */
static int
vcek_check(struct kept *k, const struct der *der, int64_t now,
    struct vcek *v)
{
	static const struct der	 none;
	const struct snp_set	*set;
	struct snp_chain	 c;
	const char		*fault;
	int			 coming;

	set = snp_kept_set((enum snp_product)k->of.about[0], SNP_VCEK, now,
	    &coming, k->why, sizeof(k->why));
	if (set == NULL || snp_chain_read_cas(&c, der, &none, &set->cas,
	    k->why, sizeof(k->why)) == -1)
		return (-1);
	v->until = c.until;
	fault = vcek_fault(&k->of, &c);
	if (fault == NULL && c.until <= now)
		fault = "it has expired";
	if (fault == NULL) {
		v->cert = c.vek;
		c.vek = NULL;
	}
	snp_chain_clear(&c);
	if (fault == NULL)
		return (0);
	(void)strlcpy(k->why, fault, sizeof(k->why));
	return (-1);
}

static int
vcek_take(struct kept *k, const struct der *parts, int64_t now)
{
	struct vcek	*v;

	(void)strlcpy(k->why, "no memory", sizeof(k->why));
	if ((v = malloc(sizeof(*v))) == NULL)
		return (-1);
	if (vcek_check(k, &parts[0], now, v) == -1) {
		free(v);
		return (-1);
	}
	kept_adopt(k, v);
	return (0);
}

static int64_t
vcek_until(const void *vcek)
{
	return (((const struct vcek *)vcek)->until);
}

static void
vcek_free(void *p)
{
	struct vcek	*v = p;

	X509_free(v->cert);
	free(v);
}

static const struct kept_kind	 vcek_kind = {
	.what = FETCH_VCEK, .magic = VCEK_MAGIC, .parts = 1,
	.most = CHIPS_MAX, .name = vcek_name, .take = vcek_take,
	.until = vcek_until, .free = vcek_free,
};

X509 *
snp_kept_vcek(const struct snp_report *r, enum snp_product product,
    int64_t now, int *coming, char *why, size_t whysize)
{
	struct kept_of		 of = { .fetcher = local_fetcher(FETCHER_SNP),
				    .tee = TEE_SNP, .len = SNP_ABOUT_LEN };
	const struct vcek	*v;
	const char		*none;

	*coming = 0;
	if ((none = snp_about(of.about, r, product)) != NULL) {
		(void)strlcpy(why, none, whysize);
		return (NULL);
	}
	v = kept_get(&vcek_kind, &of, now, coming, why, whysize);
	return (v != NULL ? v->cert : NULL);
}

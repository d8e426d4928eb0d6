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
 * One SEV-SNP report judged, step by step and in one order: nothing is
 * compared with what a report says before its signature is good.  The first
 * step that fails is the verdict; a policy comes after all of them.
 */
#include <string.h>

#include "snp.h"

#define SIG_R		0x2a0
#define SIG_S		0x2e8
#define SIG_NUMBER	72		/* bytes of a number, little-endian */
#define SIG_USED	48		/* of these, for P-384 */
#define SIG_END		0x330
#define VMPL_LAST	3

struct subject {
	struct snp_report		*report;
	const uint8_t			*data;
	size_t				 len;
	const struct snp_chain		*chain;
	const struct crl		*crl;
	int64_t				 now;
	const struct snp_rules		*rules;
	struct snp_verdict		*verdict;
};

/* What a step returns besides -1. */
#define GOOD		0
#define SKIPPED		1

static int
refuse(struct subject *s, enum snp_reason reason, const char *text)
{
	s->verdict->reason = reason;
	s->verdict->text = text;
	return (-1);
}

static int
zeros(const uint8_t *p, size_t len)
{
	uint8_t	 any = 0;

	while (len-- > 0)
		any |= *p++;
	return (any == 0);
}

/* --- the steps ----------------------------------------------------- */

static int
step_format(struct subject *s)
{
	const char	*text;
	enum snp_reason	 reason;

	reason = snp_report_read(s->report, s->data, s->len, &text);
	return (reason == SNP_OK ? GOOD : refuse(s, reason, text));
}

static int
step_root(struct subject *s)
{
	if (!snp_chain_rooted(s->chain, s->rules->roots))
		return (refuse(s, SNP_ROOT, "the root is not one of AMD's, or "
		    "of those configured"));
	return (GOOD);
}

static int
step_chain(struct subject *s)
{
	const char	*fault = snp_chain_fault(s->chain);

	if (fault != NULL)
		return (refuse(s, SNP_CHAIN, fault));
	if (s->chain->signer != s->report->signer)
		return (refuse(s, SNP_CHAIN,
		    "the report is signed by the other kind of VEK"));
	return (GOOD);
}

static int
step_validity(struct subject *s)
{
	if (s->now < s->chain->from || s->now >= s->chain->until)
		return (refuse(s, SNP_VALIDITY, "a certificate has expired, "
		    "or is not valid yet"));
	return (GOOD);
}

/* The root revokes its signing CAs; of VEKs nobody has a list. */
static int
step_crl(struct subject *s)
{
	if (s->crl == NULL)
		return (SKIPPED);
	if (X509_cmp(s->crl->issuer, s->chain->ark) != 0)
		return (refuse(s, SNP_CRL, "the CRL is of another root"));
	if (s->now < s->crl->from || s->now >= s->crl->until)
		return (refuse(s, SNP_CRL, "the CRL is stale"));
	if (crl_revokes(s->crl, s->chain->ask))
		return (refuse(s, SNP_REVOKED, "the signing CA is revoked"));
	return (GOOD);
}

static void
number_turn(uint8_t *to, const uint8_t *from)
{
	size_t	 i;

	for (i = 0; i < SIG_USED; i++)
		to[i] = from[SIG_USED - 1 - i];
}

/* ECDSA with P-384 and SHA-384 is what a JWS calls ES384. */
static int
step_signature(struct subject *s)
{
	const uint8_t	*p = s->data;
	struct jws	 jws = { .alg = JWS_ES384, .siglen = 2 * SIG_USED };

	if (!zeros(p + SIG_R + SIG_USED, SIG_NUMBER - SIG_USED) ||
	    !zeros(p + SIG_S + SIG_USED, SIG_NUMBER - SIG_USED) ||
	    !zeros(p + SIG_END, SNP_REPORT_LEN - SIG_END))
		return (refuse(s, SNP_SIGNATURE,
		    "there is more than a signature in its place"));
	jws.text = (const char *)p;
	jws.signedlen = SNP_SIGNED_LEN;
	number_turn(jws.sig, p + SIG_R);
	number_turn(jws.sig + SIG_USED, p + SIG_S);
	if (jws_verify(&jws, JWS_ES384, X509_get0_pubkey(s->chain->vek)) ==
	    -1)
		return (refuse(s, SNP_SIGNATURE,
		    "the report is not signed by this VEK"));
	return (GOOD);
}

/* "Milan-B0" is a Milan. */
static int
step_product(struct subject *s)
{
	const char	*name = snp_product_name(s->chain->product);
	const char	*vek = s->chain->product_name;
	size_t		 len = strlen(name);

	if (strncmp(vek, name, len) != 0 ||
	    (vek[len] != '\0' && vek[len] != '-'))
		return (refuse(s, SNP_PRODUCT,
		    "the VEK is of another product than its root"));
	/* version 2 does not tell */
	if (s->report->version > 2 &&
	    snp_report_product(s->report) != s->chain->product)
		return (refuse(s, SNP_PRODUCT,
		    "the report is of another product than its VEK"));
	return (GOOD);
}

static int
step_tcb(struct subject *s)
{
	if (memcmp(s->report->reported, s->chain->tcb, SNP_TCB_LEN) != 0)
		return (refuse(s, SNP_TCB,
		    "the reported TCB is not that of the VEK"));
	return (GOOD);
}

static int
step_chip(struct subject *s)
{
	const uint8_t	*chip = s->report->chip;

	if (s->chain->hwidlen == 0 ||
	    (s->report->masked && zeros(chip, SNP_CHIP_LEN)))
		return (SKIPPED);
	if (memcmp(chip, s->chain->hwid, s->chain->hwidlen) != 0)
		return (refuse(s, SNP_CHIP,
		    "the chip is not that of the VCEK"));
	return (GOOD);
}

static int
step_debug(struct subject *s)
{
	if (snp_debug(s->report))
		return (refuse(s, SNP_DEBUG,
		    "the host may debug the guest"));
	return (GOOD);
}

/* What the host asked for has report data of the host's choice. */
static int
step_vmpl(struct subject *s)
{
	if (s->report->vmpl > VMPL_LAST)
		return (refuse(s, SNP_VMPL,
		    "the host asked for the report, not the guest"));
	if (s->report->vmpl > s->rules->vmpl_most)
		return (refuse(s, SNP_VMPL,
		    "the report is of a lower privilege level"));
	return (GOOD);
}

static int
step_migration(struct subject *s)
{
	if (snp_migrates(s->report))
		return (refuse(s, SNP_MIGRATION,
		    "a migration agent may carry the guest away"));
	return (GOOD);
}

static const struct {
	const char	*name;
	int		(*fn)(struct subject *);
} steps[SNP_STEPS] = {
	[SNP_STEP_FORMAT] =	{ "format",		step_format },
	[SNP_STEP_ROOT] =	{ "root",		step_root },
	[SNP_STEP_CHAIN] =	{ "certificates",	step_chain },
	[SNP_STEP_VALIDITY] =	{ "validity",		step_validity },
	[SNP_STEP_CRL] =	{ "crl",		step_crl },
	[SNP_STEP_SIGNATURE] =	{ "signature",		step_signature },
	[SNP_STEP_PRODUCT] =	{ "product",		step_product },
	[SNP_STEP_TCB] =	{ "tcb",		step_tcb },
	[SNP_STEP_CHIP] =	{ "chip id",		step_chip },
	[SNP_STEP_DEBUG] =	{ "debug",		step_debug },
	[SNP_STEP_VMPL] =	{ "vmpl",		step_vmpl },
	[SNP_STEP_MIGRATION] =	{ "migration",		step_migration },
};

/* --- the whole ----------------------------------------------------- */

int
snp_verify(struct snp_report *report, const uint8_t *data, size_t len,
    const struct snp_chain *chain, const struct crl *crl, int64_t now,
    const struct snp_rules *rules, struct snp_verdict *verdict)
{
	static const struct snp_rules	 strict;
	struct subject			 s = { report, data, len, chain, crl,
					    now, rules, verdict };
	int				 i, ret;

	if (rules == NULL)
		s.rules = &strict;
	memset(verdict, 0, sizeof(*verdict));
	verdict->text = "";
	for (i = 0; i < SNP_STEPS; i++) {
		if ((ret = steps[i].fn(&s)) == -1) {
			verdict->steps[i] = SNP_FAILED;
			return (-1);
		}
		verdict->steps[i] = ret == SKIPPED ? SNP_SKIPPED : SNP_PASSED;
	}
	return (0);
}

int
snp_refuse(struct snp_verdict *verdict, enum snp_step step,
    enum snp_reason reason, const char *text)
{
	memset(verdict, 0, sizeof(*verdict));
	verdict->reason = reason;
	verdict->text = text;
	verdict->steps[step] = SNP_FAILED;
	return (-1);
}

static const char *const reasons[SNP_REASONS] = {
	[SNP_OK] =		"ok",
	[SNP_TRUNCATED] =	"truncated",
	[SNP_FORMAT] =		"format",
	[SNP_VERSION] =		"version",
	[SNP_TABLE] =		"table",
	[SNP_CHAIN] =		"chain",
	[SNP_ROOT] =		"root",
	[SNP_VALIDITY] =	"validity",
	[SNP_CRL] =		"crl",
	[SNP_REVOKED] =		"revoked",
	[SNP_SIGNATURE] =	"signature",
	[SNP_PRODUCT] =		"product_mismatch",
	[SNP_TCB] =		"tcb_mismatch",
	[SNP_CHIP] =		"chip_id_mismatch",
	[SNP_DEBUG] =		"debug",
	[SNP_VMPL] =		"vmpl",
	[SNP_MIGRATION] =	"migration",
};

const char *
snp_reason_name(enum snp_reason reason)
{
	return (reason < SNP_REASONS ? reasons[reason] : "unknown");
}

const char *
snp_step_name(enum snp_step step)
{
	return (step < SNP_STEPS ? steps[step].name : "unknown");
}

const char *
snp_result_name(enum snp_result result)
{
	static const char *const	 names[] = { "not made", "passed",
					    "skipped", "failed" };

	return (result <= SNP_FAILED ? names[result] : "unknown");
}

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
 * The fields of an SEV-SNP report.  The parts that the chip signs are its
 * own: reserved ones are not looked at, since firmware to come may use them.
 */
#include <string.h>

#include "snp.h"

/* Offsets (spec/snp-report.md "Layout"). */
#define VERSION		0x000
#define GUEST_SVN	0x004
#define POLICY		0x008
#define VMPL		0x030
#define SIGNATURE_ALGO	0x034
#define FLAGS		0x048
#define REPORT_DATA	0x050
#define REPORT_ID_MA	0x160
#define REPORTED_TCB	0x180
#define CPUID_FAMILY	0x188
#define CPUID_MODEL	0x189
#define CHIP_ID		0x1a0
#define COMMITTED_TCB	0x1e0

#define VERSION_LEAST	2
#define VERSION_CPUID	3
#define ALGO_P384	1
#define POLICY_ONE	(1ULL << 17)
#define POLICY_DEBUG	(1ULL << 19)
#define FLAG_MASKED	0x02
#define FLAG_SIGNER(f)	((f) >> 2 & 7)
#define REPORT_ID_LEN	32
#define TURIN_CHIP_LEN	8

static uint64_t
le(const uint8_t *p, size_t len)
{
	uint64_t	 v = 0;

	while (len-- > 0)
		v = v << 8 | p[len];
	return (v);
}

static enum snp_reason
refuse(enum snp_reason reason, const char **out, const char *text)
{
	*out = text;
	return (reason);
}

static void
fields_read(struct snp_report *r)
{
	r->guest_svn = (uint32_t)le(r->p + GUEST_SVN, 4);
	r->policy = le(r->p + POLICY, 8);
	r->vmpl = (uint32_t)le(r->p + VMPL, 4);
	r->report_data = r->p + REPORT_DATA;
	r->reported = r->p + REPORTED_TCB;
	r->committed = r->p + COMMITTED_TCB;
	r->chip = r->p + CHIP_ID;
}

enum snp_reason
snp_report_read(struct snp_report *r, const uint8_t *p, size_t len,
    const char **text)
{
	uint32_t	 flags;

	memset(r, 0, sizeof(*r));
	if (len < SNP_REPORT_LEN)
		return (refuse(SNP_TRUNCATED, text,
		    "the report is cut short"));
	if (len > SNP_REPORT_LEN)
		return (refuse(SNP_FORMAT, text,
		    "there is something behind the report"));
	r->p = p;
	if ((r->version = (uint32_t)le(p + VERSION, 4)) < VERSION_LEAST)
		return (refuse(SNP_VERSION, text,
		    "no such version of a report"));
	if (le(p + SIGNATURE_ALGO, 4) != ALGO_P384)
		return (refuse(SNP_FORMAT, text,
		    "not signed by ECDSA P-384 with SHA-384"));
	fields_read(r);
	if ((r->policy & POLICY_ONE) == 0)
		return (refuse(SNP_FORMAT, text,
		    "bit 17 of the guest's policy is not set"));
	flags = (uint32_t)le(p + FLAGS, 4);
	if (FLAG_SIGNER(flags) > SNP_VLEK)
		return (refuse(SNP_FORMAT, text,
		    "signed by neither a VCEK nor a VLEK"));
	r->signer = FLAG_SIGNER(flags) == SNP_VLEK ? SNP_VLEK : SNP_VCEK;
	r->masked = (flags & FLAG_MASKED) != 0;
	return (SNP_OK);
}

int
snp_debug(const struct snp_report *r)
{
	return ((r->policy & POLICY_DEBUG) != 0);
}

int
snp_migrates(const struct snp_report *r)
{
	size_t	 i;

	for (i = 0; i < REPORT_ID_LEN; i++)
		if (r->p[REPORT_ID_MA + i] != 0xff)
			return (1);
	return (0);
}

/* --- products ------------------------------------------------------ */

static const struct {
	uint8_t			 family, first, last;	/* of models */
	enum snp_product	 product;
} cpus[] = {
	{ 0x19, 0x00, 0x0f, SNP_MILAN },
	{ 0x19, 0x10, 0x1f, SNP_GENOA },
	{ 0x19, 0xa0, 0xaf, SNP_GENOA },	/* Bergamo, Siena */
	{ 0x1a, 0x00, 0x11, SNP_TURIN },
};

enum snp_product
snp_report_product(const struct snp_report *r)
{
	size_t	 i;

	if (r->version < VERSION_CPUID)
		return (SNP_PRODUCTS);
	for (i = 0; i < sizeof(cpus) / sizeof(cpus[0]); i++)
		if (cpus[i].family == r->p[CPUID_FAMILY] &&
		    cpus[i].first <= r->p[CPUID_MODEL] &&
		    cpus[i].last >= r->p[CPUID_MODEL])
			return (cpus[i].product);
	return (SNP_PRODUCTS);
}

const char *
snp_product_name(enum snp_product product)
{
	static const char *const	 names[] = { "Milan", "Genoa",
					    "Turin" };

	return (product < SNP_PRODUCTS ? names[product] : "unknown");
}

/* Which byte of a TCB version is which part, in the order of snp_part. */
static const int8_t tcb_parts[SNP_PRODUCTS][SNP_PARTS] = {
	[SNP_MILAN] = { -1, 0, 1, 6, 7 },
	[SNP_GENOA] = { -1, 0, 1, 6, 7 },
	[SNP_TURIN] = { 0, 1, 2, 3, 7 },
};

int
snp_tcb_part(enum snp_product product, const uint8_t tcb[SNP_TCB_LEN],
    enum snp_part part)
{
	int	 at;

	if (product >= SNP_PRODUCTS || part >= SNP_PARTS ||
	    (at = tcb_parts[product][part]) == -1)
		return (-1);
	return (tcb[at]);
}

/* --- report data --------------------------------------------------- */

int
snp_binds(const struct snp_report *r, const struct evidence *e)
{
	struct quote	 q = { .tee = TEE_SNP };

	/* As for a TD: all 64 bytes are the SHA-512. */
	q.report_data = r->report_data;
	return (quote_binds(&q, e));
}

/* --- KDS ----------------------------------------------------------- */

/* Chips whose id is shorter have zeros behind it. */
const char *
snp_about(uint8_t about[SNP_ABOUT_LEN], const struct snp_report *r,
    enum snp_product product)
{
	static const uint8_t	 none[SNP_CHIP_LEN];
	size_t			 len = SNP_CHIP_LEN;

	if (r->signer != SNP_VCEK)
		return ("a VLEK has signed, and the certificate table does "
		    "not bring it");
	if (memcmp(r->chip, none, sizeof(none)) == 0)
		return ("the chip is masked, and the certificate table does "
		    "not bring its VCEK");
	if (product == SNP_TURIN)
		len = TURIN_CHIP_LEN;
	memset(about, 0, SNP_ABOUT_LEN);
	about[0] = (uint8_t)product;
	memcpy(about + 1, r->reported, SNP_TCB_LEN);
	memcpy(about + 1 + SNP_TCB_LEN, r->chip, len);
	return (NULL);
}

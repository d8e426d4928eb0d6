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
 * AMD SEV-SNP: reports, the certificates behind them, and what they prove.
 * All of it is pure: bytes and a time in, a verdict and claims out.  What an
 * author of evidence sends is never longer in memory than the limits here.
 */
#ifndef SNP_H
#define SNP_H

#include "verifier.h"

#define SNP_REPORT_LEN	1184
#define SNP_SIGNED_LEN	672
#define SNP_TCB_LEN	8
#define SNP_CHIP_LEN	64
#define SNP_CERT_MAX	(8 * 1024)	/* DER of one certificate */
#define SNP_PEM_MAX	(32 * 1024)	/* of a chain as KDS answers it */
#define SNP_TABLE_MAX	16		/* entries of a certificate table */
#define SNP_NAME_MAX	64		/* text in a certificate */
#define SNP_VMPL_HOST	0xffffffff	/* the host asked, not the guest */

/* What a TCB version is made of; FMC on Turin alone. */
enum snp_part { SNP_FMC, SNP_BOOTLOADER, SNP_TEE, SNP_FIRMWARE,
	SNP_MICROCODE, SNP_PARTS };

enum snp_reason { SNP_OK, SNP_TRUNCATED, SNP_FORMAT, SNP_VERSION, SNP_TABLE,
	SNP_CHAIN, SNP_ROOT, SNP_VALIDITY, SNP_CRL, SNP_REVOKED,
	SNP_SIGNATURE, SNP_PRODUCT, SNP_TCB, SNP_CHIP, SNP_DEBUG, SNP_VMPL,
	SNP_MIGRATION, SNP_REASONS };

/* In the order in which they are made. */
enum snp_step { SNP_STEP_FORMAT, SNP_STEP_ROOT, SNP_STEP_CHAIN,
	SNP_STEP_VALIDITY, SNP_STEP_CRL, SNP_STEP_SIGNATURE,
	SNP_STEP_PRODUCT, SNP_STEP_TCB, SNP_STEP_CHIP, SNP_STEP_DEBUG,
	SNP_STEP_VMPL, SNP_STEP_MIGRATION, SNP_STEPS };

/* A step that has nothing to look at is skipped: no CRL, no chip id. */
enum snp_result { SNP_NOT_MADE, SNP_PASSED, SNP_SKIPPED, SNP_FAILED };

struct snp_verdict {
	enum snp_reason	 reason;	/* SNP_OK, or the first that failed */
	const char	*text;		/* why, a constant; "" when good */
	enum snp_result	 steps[SNP_STEPS];
};

/* --- snp_report.c: spec/snp-report.md "Layout" --------------------- */

struct snp_report {
	const uint8_t	*p;		/* borrowed, SNP_REPORT_LEN */
	uint32_t	 version;
	uint32_t	 guest_svn;
	uint64_t	 policy;
	uint32_t	 vmpl;
	enum snp_signer	 signer;
	int		 masked;	/* MASK_CHIP_KEY */
	const uint8_t	*report_data;	/* 64 bytes */
	const uint8_t	*reported;	/* TCB, SNP_TCB_LEN */
	const uint8_t	*committed;
	const uint8_t	*chip;		/* SNP_CHIP_LEN */
};

/*
 * Exactly one report, whose signature nobody has looked at yet.  SNP_OK, or
 * why not and, in text, a constant that says it.
 */
enum snp_reason	 snp_report_read(struct snp_report *, const uint8_t *,
		    size_t len, const char **text);
int		 snp_debug(const struct snp_report *);
/* Is this report bound to a migration agent, who may carry the guest off? */
int		 snp_migrates(const struct snp_report *);
/* The product by family and model; SNP_PRODUCTS: it does not say (v2). */
enum snp_product snp_report_product(const struct snp_report *);
const char	*snp_product_name(enum snp_product);
/* One part of a TCB version; -1: this product has none such. */
int		 snp_tcb_part(enum snp_product, const uint8_t [SNP_TCB_LEN],
		    enum snp_part);
/* Is this what the TEE was to report for nonce and user data (SHA-512)? */
int		 snp_binds(const struct snp_report *, const struct evidence *);

/*
 * What a fetcher is asked for: the VCEK of a report, which is derived from its
 * product, chip and reported TCB (FETCH_VCEK in kbsd.h).  NULL, or why there
 * is none to be had.
 */
#define SNP_ABOUT_LEN	(1 + SNP_TCB_LEN + SNP_CHIP_LEN)
const char	*snp_about(uint8_t [SNP_ABOUT_LEN], const struct snp_report *,
		    enum snp_product);

/* --- snp_table.c: the certificate table behind a report ------------ */

struct snp_evidence {
	struct der	 report;	/* all are borrowed; p NULL: none */
	struct der	 vek;
	enum snp_signer	 signer;	/* what the table calls vek */
	struct der	 ask;		/* ASK or ASVK */
	struct der	 ark;
};

/* A report and, behind it, its table when there is one; as snp_report_read. */
enum snp_reason	 snp_evidence_read(struct snp_evidence *, const uint8_t *,
		    size_t len, const char **text);

/* --- snp_certs.c: spec "Certificates" ------------------------------ */

/* SHA-256 of public keys (SubjectPublicKeyInfo, DER). */
struct snp_roots {
	size_t		 n;
	uint8_t		 digest[ROOTS_MAX][DIGEST_LEN];
};

struct snp_chain {
	X509		*vek;		/* VCEK or VLEK */
	X509		*ask;		/* ASK or ASVK */
	X509		*ark;
	enum snp_product product;	/* by the name of ark */
	enum snp_signer	 signer;	/* by the name of vek */
	/* Of the extensions of vek: */
	char		 product_name[SNP_NAME_MAX];
	char		 csp[SNP_NAME_MAX];	/* of a VLEK */
	uint8_t		 tcb[SNP_TCB_LEN];	/* as in a report */
	uint8_t		 hwid[SNP_CHIP_LEN];
	size_t		 hwidlen;	/* 0: none, a VLEK */
	int64_t		 from, until;	/* all three are valid: [from, until) */
};

/*
 * Decode three certificates, and what the first says of its chip; nothing
 * is verified yet.  -1 with why, and nothing to clear.
 */
int		 snp_chain_read(struct snp_chain *, const struct der *vek,
		    const struct der *ask, const struct der *ark, char *why,
		    size_t whysize);
/* The same with ASK and ARK in PEM, in this order, as KDS answers them. */
int		 snp_chain_read_pem(struct snp_chain *, const struct der *vek,
		    const char *pem, size_t len, char *why, size_t whysize);
void		 snp_chain_clear(struct snp_chain *);

/* What stands above a VEK: the same for all chips of a product. */
struct snp_cas {
	X509		*ask;		/* ASK or ASVK */
	X509		*ark;
};

/* In PEM, in this order; -1 with why, and nothing to clear. */
int		 snp_cas_read(struct snp_cas *, const char *pem, size_t len,
		    char *why, size_t whysize);
void		 snp_cas_clear(struct snp_cas *);
/* As snp_chain_read(); an ask whose p is NULL is that of cas. */
int		 snp_chain_read_cas(struct snp_chain *, const struct der *vek,
		    const struct der *ask, const struct snp_cas *, char *why,
		    size_t whysize);
/* The same of a VEK that was read before, and the ask of cas. */
int		 snp_chain_of(struct snp_chain *, X509 *vek,
		    const struct snp_cas *, char *why, size_t whysize);
/* As snp_chain_fault(), but for the VEK. */
const char	*snp_cas_fault(const struct snp_cas *, enum snp_product,
		    enum snp_signer);
/* By the name of a VEK's issuer, unverified; SNP_PRODUCTS: it is no VEK. */
enum snp_product snp_vek_product(const struct der *vek, enum snp_signer);
int		 snp_rooted(X509 *ark, enum snp_product,
		    const struct snp_roots *);
/* Is its root one of these, or of AMD's where roots is NULL? */
int		 snp_chain_rooted(const struct snp_chain *,
		    const struct snp_roots *);
/* NULL when names and signatures are good from vek to root, else why not. */
const char	*snp_chain_fault(const struct snp_chain *);
int		 snp_root_digest(uint8_t [DIGEST_LEN], X509 *);

/* --- snp_set.c ----------------------------------------------------- */

/* What is verified once for all reports of a product. */
struct snp_set {
	enum snp_product product;
	enum snp_signer	 signer;
	struct snp_cas	 cas;
	struct crl	*crl;		/* of cas.ark */
	int64_t		 until;		/* all of it is valid */
};

/*
 * CAs (PEM) and CRL (DER), verified but for the time, under these roots (NULL:
 * AMD's).  A signing CA may be revoked: that is for snp_verify() to say.  NULL
 * with why.
 */
struct snp_set	*snp_set_new(enum snp_product, enum snp_signer,
		    const struct der *cas, const struct der *crl,
		    const struct snp_roots *, char *why, size_t whysize);
void		 snp_set_free(struct snp_set *);
/* Roots out of PEM; -1 with why. */
int		 snp_roots_read(struct snp_roots *, const char *pem,
		    size_t len, char *why, size_t whysize);

/* --- snp.c: spec "Procedure" --------------------------------------- */

struct snp_rules {
	const struct snp_roots	*roots;		/* NULL: AMD's */
	uint32_t		 vmpl_most;	/* 0 to 3 */
};

/*
 * The whole judgement but the policy's.  crl is that of the chain's root, of
 * crl_read(); NULL: its step is skipped, and the caller must know whether
 * that will do.  rules NULL: AMD's roots, VMPL 0.  On 0 report is filled; -1
 * with the verdict.
 */
int		 snp_verify(struct snp_report *, const uint8_t *, size_t len,
		    const struct snp_chain *, const struct crl *, int64_t now,
		    const struct snp_rules *, struct snp_verdict *);
/* A verdict of what failed before there was anything to verify; -1. */
int		 snp_refuse(struct snp_verdict *, enum snp_step,
		    enum snp_reason, const char *text);
const char	*snp_reason_name(enum snp_reason);
const char	*snp_step_name(enum snp_step);
const char	*snp_result_name(enum snp_result);

/* --- snp_claims.c -------------------------------------------------- */

/*
 * What a verified report says, as claims: a new object, NULL on no memory.
 * claims_take() makes them such as compare() wants.
 */
json_t		*snp_claims(const struct snp_report *,
		    const struct snp_chain *);

#endif

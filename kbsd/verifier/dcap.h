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
 * Intel DCAP quotes, verified here: bytes and a time in, a verdict out.  No
 * network, no file; what is allocated grows with signed collateral and never
 * with a quote.  dcap-quote.md is followed, and its words are the reasons.
 */
#ifndef DCAP_H
#define DCAP_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "verifier.h"

#define DCAP_QUOTE_MAX	(64 * 1024)
#define DCAP_PATH_MAX	3		/* certificates of one */
#define DCAP_LEVELS_MAX	128		/* TCB levels of one list */
#define DCAP_MODULES_MAX 32
#define DCAP_LEVEL_ADVISORIES 64
/* Of a platform's level, a module's and the quoting enclave's. */
#define DCAP_ADVISORIES_MAX (3 * DCAP_LEVEL_ADVISORIES)
#define DCAP_ADVISORY_LEN 64
#define DCAP_SVNS	16		/* components of a TCB */
#define DCAP_SIG_LEN	64		/* r || s, and x || y */

/* --- dcap_reason.c: why a quote is refused ------------------------- */

enum dcap_reason {
	DCAP_OK,
	DCAP_TRUNCATED, DCAP_FORMAT, DCAP_CERT_TYPE,
	DCAP_PCK_CHAIN, DCAP_PCK_EXTENSION, DCAP_PCK_NOT_YET_VALID,
	DCAP_PCK_EXPIRED,
	DCAP_COLLATERAL_MISSING, DCAP_CRL_CHAIN, DCAP_CRL_CHAIN_NOT_YET_VALID,
	DCAP_CRL_CHAIN_EXPIRED, DCAP_ROOT_CRL_FORMAT, DCAP_ROOT_CRL_ISSUER,
	DCAP_ROOT_CRL_NOT_YET_VALID, DCAP_ROOT_CRL_EXPIRED,
	DCAP_ROOT_REVOKED, DCAP_PCK_CA_REVOKED, DCAP_TCB_SIGNER_REVOKED,
	DCAP_PCK_CRL_FORMAT, DCAP_PCK_CRL_ISSUER, DCAP_PCK_CRL_NOT_YET_VALID,
	DCAP_PCK_CRL_EXPIRED, DCAP_PCK_REVOKED,
	DCAP_TCB_SIGNER_CHAIN, DCAP_TCB_SIGNER_NOT_YET_VALID,
	DCAP_TCB_SIGNER_EXPIRED, DCAP_TCB_INFO_SIGNATURE,
	DCAP_TCB_INFO_FORMAT, DCAP_TCB_INFO_NOT_YET_VALID,
	DCAP_TCB_INFO_EXPIRED, DCAP_COLLATERAL_TEE, DCAP_FMSPC_MISMATCH,
	DCAP_PCEID_MISMATCH,
	DCAP_QE_SIGNER_CHAIN, DCAP_QE_SIGNER_NOT_YET_VALID,
	DCAP_QE_SIGNER_EXPIRED, DCAP_QE_IDENTITY_SIGNATURE,
	DCAP_QE_IDENTITY_FORMAT, DCAP_QE_IDENTITY_NOT_YET_VALID,
	DCAP_QE_IDENTITY_EXPIRED,
	DCAP_QE_REPORT_SIGNATURE, DCAP_QE_REPORT_DATA, DCAP_QE_IDENTITY,
	DCAP_QE_TCB_NO_MATCH,
	DCAP_ATTESTATION_KEY, DCAP_QUOTE_SIGNATURE,
	DCAP_TCB_NO_MATCH, DCAP_TDX_MODULE_NO_IDENTITY,
	DCAP_TDX_MODULE_MRSIGNER, DCAP_TDX_MODULE_ATTRIBUTES,
	DCAP_TDX_MODULE_NO_MATCH, DCAP_TCB_STATUS_UNKNOWN, DCAP_TCB_REVOKED,
	DCAP_DEBUG, DCAP_ATTRIBUTES, DCAP_NO_MEMORY,
	DCAP_REASONS
};

struct dcap_fault {
	enum dcap_reason	 reason;
	char			 why[WHY_MAX];	/* one sentence, for logs */
};

/* The document's word, e.g. "quote_signature"; "ok". */
const char	*dcap_reason_name(enum dcap_reason);
/* Fill a fault; why NULL: the reason's own sentence.  Returns -1. */
int		 dcap_refuse(struct dcap_fault *, enum dcap_reason,
		    const char *why);

/* --- dcap_quote.c: layout (section 1) ------------------------------ */

/* What is borrowed from the bytes of the quote; nothing is copied. */
struct dcap_quote {
	uint16_t	 version;
	uint8_t		 tee;		/* TEE_SGX, TEE_TDX */
	uint16_t	 type;		/* of the body, as version 5 counts */
	struct der	 signs;		/* what the attestation key signed */
	const uint8_t	*body;
	size_t		 bodylen;
	const uint8_t	*signature;	/* DCAP_SIG_LEN each */
	const uint8_t	*key;
	const uint8_t	*qe_report;	/* an SGX report */
	const uint8_t	*qe_signature;
	struct der	 auth;
	struct der	 certs;		/* PEM, not read yet */
};

/* Offsets in an SGX report and in a TD report. */
#define DCAP_SGX_LEN		384
#define DCAP_SGX_MISCSELECT	16
#define DCAP_SGX_ATTRIBUTES	48
#define DCAP_SGX_MRSIGNER	128
#define DCAP_SGX_ISVPRODID	256
#define DCAP_SGX_ISVSVN		258
#define DCAP_SGX_REPORTDATA	320
#define DCAP_TD_SVN		0
#define DCAP_TD_MRSIGNERSEAM	64
#define DCAP_TD_SEAMATTRIBUTES	112
#define DCAP_TD_ATTRIBUTES	120
#define DCAP_TD_REPORTDATA	520
#define DCAP_TD_SVN2		584	/* since TD report 1.5 */
#define DCAP_TD15_LEN		648

/* Header and body alone; 0, or -1 with a fault. */
int		 dcap_quote_head(struct dcap_quote *, const uint8_t *,
		    size_t len, struct dcap_fault *);
/* The whole; bytes behind the signature data are no part of it. */
int		 dcap_quote_read(struct dcap_quote *, const uint8_t *,
		    size_t len, struct dcap_fault *);
/* Little-endian, at most four bytes. */
uint32_t	 dcap_le(const uint8_t *, size_t len);
/* The 64 bytes that the guest chose. */
const uint8_t	*dcap_report_data(const struct dcap_quote *);

/* --- dcap_path.c: certificates and raw signatures ------------------ */

struct dcap_path {
	X509		*v[DCAP_PATH_MAX];	/* the root last */
	size_t		 n;
	int64_t		 from, until;	/* all are valid: [from, until) */
};

/* What a certificate of a path, but for the root, must be. */
struct dcap_role {
	const char	*name;		/* common name */
	const char	*other;		/* or this one; NULL */
	int		 ca;
};

extern const uint8_t	dcap_intel_root[DIGEST_LEN];

/*
 * SHA-256 of the SubjectPublicKeyInfo of the one certificate in PEM, a
 * self-signed CA: the root of dcap_anchor_new().  0, or -1 with why.
 */
int		 dcap_root_read(uint8_t root[DIGEST_LEN], const uint8_t *pem,
		    size_t len, char *why, size_t whysize);
/*
 * Exactly n roles and the root in PEM, leaf first, each signed by the next,
 * the last by itself with the root's key.  Times are left to who uses from
 * and until.  0, or -1 with why; clear it after both.
 */
int		 dcap_path_read(struct dcap_path *, const uint8_t *pem,
		    size_t len, const struct dcap_role *, size_t n,
		    const uint8_t root[DIGEST_LEN], char *why, size_t whysize);
void		 dcap_path_clear(struct dcap_path *);
/* The first certificate of PEM, unchecked; NULL. */
X509		*dcap_path_leaf(const uint8_t *pem, size_t len);
/* Does the certificate bear this common name and Intel's organisation? */
int		 dcap_named(const X509 *, const char *name);
/* Have two certificates one name and one key? */
int		 dcap_same_issuer(const X509 *, const X509 *);

/* --- dcap_signature.c ---------------------------------------------- */

/* ECDSA P-256 with SHA-256, r || s, over one piece; 0 when it is good. */
int		 dcap_signature(EVP_PKEY *, const uint8_t sig[DCAP_SIG_LEN],
		    const void *, size_t len);
/* x || y as a key; NULL when that is no point of P-256. */
EVP_PKEY	*dcap_key(const uint8_t point[DCAP_SIG_LEN]);

/* --- dcap_pck.c: PCK certificates (section 5.1) -------------------- */

/* What Intel says of a platform. */
struct dcap_platform {
	uint8_t		 ppid[16];
	uint8_t		 fmspc[6];
	uint8_t		 pceid[2];
	uint8_t		 cpusvn[DCAP_SVNS];
	uint8_t		 svn[DCAP_SVNS];
	uint16_t	 pcesvn;
	uint8_t		 type;		/* 0 standard, 1 and 2 scalable */
	uint8_t		 by_platform_ca; /* else by the Processor CA */
};

struct dcap_pck {
	struct dcap_path	 path;
	struct dcap_platform	 platform;
	EVP_PKEY		*key;		/* the leaf's */
};

/* A root, and the PCK paths lately found to end in it. */
struct dcap_anchor;

/* NULL: no memory. */
struct dcap_anchor *dcap_anchor_new(const uint8_t root[DIGEST_LEN]);
void		 dcap_anchor_free(struct dcap_anchor *);
/*
 * The path of a quote, verified but for time and revocation; only then
 * does its FMSPC say what to fetch.  Borrowed until the next call.
 */
const struct dcap_pck *dcap_pck_get(struct dcap_anchor *, const uint8_t *pem,
		    size_t len, struct dcap_fault *);
/* Is the path valid now?  0, or -1 with a fault. */
int		 dcap_pck_timely(const struct dcap_pck *, int64_t now,
		    struct dcap_fault *);
/* The content of the SGX extension; 0, or -1 with why. */
int		 dcap_extension_read(struct dcap_platform *, const uint8_t *,
		    size_t len, char *why, size_t whysize);
/* The same from a certificate. */
int		 dcap_extension_of(struct dcap_platform *, const X509 *,
		    char *why, size_t whysize);

/* --- dcap_level.c: levels and their status (section 5.4) ----------- */

enum dcap_status {
	DCAP_UNKNOWN, DCAP_UP_TO_DATE, DCAP_SW_HARDENING,
	DCAP_CONFIGURATION, DCAP_CONFIGURATION_SW_HARDENING,
	DCAP_OUT_OF_DATE, DCAP_OUT_OF_DATE_CONFIGURATION, DCAP_REVOKED,
	DCAP_RELAUNCH, DCAP_RELAUNCH_CONFIGURATION,
	DCAP_STATUSES
};

/* Whose levels: each may have some of the status only. */
enum dcap_owner { DCAP_SGX_PLATFORM, DCAP_TDX_PLATFORM, DCAP_MODULE,
	DCAP_QE };

struct dcap_level {
	uint8_t		 sgx[DCAP_SVNS];
	uint8_t		 tdx[DCAP_SVNS];
	uint16_t	 svn;		/* PCESVN, or ISVSVN */
	enum dcap_status status;
	int64_t		 date;
	json_t		*advisories;	/* borrowed; NULL: none */
};

struct dcap_levels {
	struct dcap_level *v;		/* highest first */
	size_t		 n;
};

/* As in attester_tcb_status, e.g. "UpToDate". */
const char	*dcap_status_name(enum dcap_status);
/* Sorted; v is malloc'd.  0, or -1 with why. */
int		 dcap_levels_read(struct dcap_levels *, json_t *list,
		    enum dcap_owner, char *why, size_t whysize);
void		 dcap_levels_free(struct dcap_levels *);
/* The first whose SVN is not above this one; NULL. */
const struct dcap_level *dcap_level_isvsvn(const struct dcap_levels *,
		    uint16_t svn);
/* tdx is NULL for SGX. */
const struct dcap_level *dcap_level_platform(const struct dcap_levels *,
		    const struct dcap_platform *, const uint8_t *tdx);
enum dcap_status dcap_converge(enum dcap_status platform,
		    enum dcap_status component);
/* What a TD 1.5 is in: launched in the one, now in the other. */
enum dcap_status dcap_relaunch(enum dcap_status launch,
		    enum dcap_status current);

/* --- dcap_json.c: signed JSON (section 7) -------------------------- */

/*
 * The member of this name, whose bytes the key signed.  A new reference, or
 * NULL with why; *forged says that only the signature was wrong.
 */
json_t		*dcap_signed(const uint8_t *text, size_t len,
		    const char *member, EVP_PKEY *, int *forged, char *why,
		    size_t whysize);
/* Exactly len bytes of hexadecimal, either case. */
int		 dcap_hex(const json_t *, uint8_t *, size_t len);
int		 dcap_number(const json_t *, json_int_t most, json_int_t *);
/* RFC 3339 in UTC, with a Z. */
int		 dcap_date(const json_t *, int64_t *);
/* a & mask == b & mask, over len bytes. */
int		 dcap_masked(const uint8_t *a, const uint8_t *b,
		    const uint8_t *mask, size_t len);

/* --- dcap_tcb.c: TCB info and TDX modules (5.2, 5.3) --------------- */

struct dcap_module {
	uint8_t			 version;
	uint8_t			 mrsigner[48];
	uint8_t			 attributes[8];
	uint8_t			 mask[8];
	struct dcap_levels	 levels;
};

struct dcap_tcb {
	json_t			*json;
	uint8_t			 tee;
	int64_t			 from, until;
	uint8_t			 fmspc[6];
	uint8_t			 pceid[2];
	uint32_t		 number;	/* of the evaluation */
	struct dcap_module	 module;	/* TDX: tdxModule */
	struct dcap_module	*modules;
	size_t			 nmodules;
	struct dcap_levels	 levels;
};

/* Takes the reference; 0, or -1 with why.  Clear it after both. */
int		 dcap_tcb_read(struct dcap_tcb *, json_t *, char *why,
		    size_t whysize);
void		 dcap_tcb_clear(struct dcap_tcb *);
/*
 * The module that a TD report tells of, by this TEE_TCB_SVN, and its level
 * (NULL where it has none).  0, or -1 with a fault.
 */
int		 dcap_module_match(const struct dcap_tcb *,
		    const uint8_t *body, const uint8_t *svn,
		    const struct dcap_level **, struct dcap_fault *);

/* --- dcap_qe.c: QE identity (section 6) ---------------------------- */

struct dcap_identity {
	json_t			*json;
	uint8_t			 tee;
	int64_t			 from, until;
	uint32_t		 number;
	uint8_t			 miscselect[4], miscselect_mask[4];
	uint8_t			 attributes[16], attributes_mask[16];
	uint8_t			 mrsigner[32];
	uint16_t		 isvprodid;
	struct dcap_levels	 levels;
};

int		 dcap_identity_read(struct dcap_identity *, json_t *,
		    char *why, size_t whysize);
void		 dcap_identity_clear(struct dcap_identity *);
/* 0 and the level of this QE report, or -1 with a fault. */
int		 dcap_identity_match(const struct dcap_identity *,
		    const uint8_t *report, const struct dcap_level **,
		    struct dcap_fault *);

/* --- dcap_set.c: collateral, verified once ------------------------- */

/* As PCS answers: bodies, and issuer chains as PEM.  All borrowed. */
struct dcap_collateral {
	struct der	 pck_crl, pck_crl_chain;
	struct der	 root_crl;
	struct der	 tcb_info, tcb_info_chain;
	struct der	 qe_identity, qe_identity_chain;
};

/* What is wrong with a part stays in its fault until a quote asks for it. */
struct dcap_set {
	struct dcap_path	 crl_path;	/* PCK CA, root */
	struct dcap_path	 tcb_path;	/* TCB signer, root */
	struct dcap_path	 qe_path;
	struct crl		*root_crl;
	struct crl		*pck_crl;
	struct dcap_tcb		 tcb;
	struct dcap_identity	 qe;
	struct dcap_fault	 root_crl_fault, pck_crl_fault;
	struct dcap_fault	 tcb_fault, qe_fault;
};

/*
 * All signatures and forms are checked against the root here, times at each
 * verification.  NULL: no memory.
 */
struct dcap_set	*dcap_set_new(const struct dcap_collateral *,
		    const uint8_t root[DIGEST_LEN]);
void		 dcap_set_free(struct dcap_set *);
/* The first fault of a part; NULL: none. */
const struct dcap_fault *dcap_set_fault(const struct dcap_set *);
/* Without a fault: when the first of its parts ends. */
int64_t		 dcap_set_until(const struct dcap_set *);

/* --- dcap.c: the verification -------------------------------------- */

enum dcap_step {
	DCAP_STEP_LAYOUT, DCAP_STEP_PCK_CHAIN, DCAP_STEP_COLLATERAL,
	DCAP_STEP_ROOT_CRL, DCAP_STEP_PCK_CRL, DCAP_STEP_TCB_INFO,
	DCAP_STEP_QE_IDENTITY, DCAP_STEP_QE_SIGNATURE, DCAP_STEP_QE_DATA,
	DCAP_STEP_QE, DCAP_STEP_SIGNATURE, DCAP_STEP_TCB, DCAP_STEP_MODULE,
	DCAP_STEP_STATUS, DCAP_STEP_ATTRIBUTES,
	DCAP_STEPS
};

enum dcap_result { DCAP_NOT_DONE, DCAP_GOOD, DCAP_BAD, DCAP_NOT_ASKED };

struct dcap_verdict {
	struct dcap_fault	 fault;		/* DCAP_OK: accepted */
	enum dcap_result	 steps[DCAP_STEPS];
	struct dcap_quote	 quote;		/* borrows from the quote */
	struct dcap_platform	 platform;	/* after PCK_CHAIN */
	/* After STATUS; the policy of the caller judges these: */
	enum dcap_status	 status;
	int64_t			 tcb_date;	/* platform's or module's */
	uint32_t		 number;	/* the smaller evaluation */
	size_t			 nadvisories;
	const char		*advisories[DCAP_ADVISORIES_MAX]; /* set's */
	int			 debug;
};

const char	*dcap_step_name(enum dcap_step);
/*
 * One `now' for all of it.  The set is NULL where there is none: what needs
 * it is refused.  Debuggable TEEs are accepted if so said.  Returns 0 when
 * the quote is good, else -1 with the verdict's fault; the verdict is filled
 * as far as it went.
 */
int		 dcap_verify(struct dcap_anchor *, const struct dcap_set *,
		    const uint8_t *quote, size_t len, int64_t now,
		    int allow_debug, struct dcap_verdict *);
/*
 * For people: what can be told where there is no set.  Only what needs none is
 * looked at, and at best the fault is DCAP_COLLATERAL_MISSING: always -1.
 */
int		 dcap_verify_bare(struct dcap_anchor *, const uint8_t *quote,
		    size_t len, int64_t now, struct dcap_verdict *);

/* --- dcap_claims.c ------------------------------------------------- */

/*
 * The claims of a verdict that got as far as its status, flat, by the names
 * of a token (kbs-v1-wire.md), for claims_own().  A new reference; NULL: no
 * memory.
 */
json_t		*dcap_claims(const struct dcap_verdict *);

#endif

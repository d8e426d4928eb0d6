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
 * Key transfer policies (KBS v1 wire contract, "Policy").  The processes that
 * take one from outside (frontend, control) parse and normalise it to one
 * canonical text; that text is what is stored, sealed, digested and judged
 * by, so the verifier reads it with the same parser.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"
#include "uuid.h"

/* TEE types, a mask; also the order in which they are printed. */
#define TEE_SGX		0x01
#define TEE_TDX		0x02
#define TEE_NVGPU	0x04
#define TEE_SNP		0x08
#define TEE_ALL		0x0f

#define POLICY_TEXT_MAX	(48 * 1024)
#define POLICY_LIST_MAX	256		/* entries of one list */

/* A set of byte strings of one width, e.g. MRENCLAVE values. */
struct policy_bytes {
	size_t		 n;
	size_t		 width;
	uint8_t		*data;		/* n * width bytes */
};

struct policy_numbers {
	size_t		 n;
	uint16_t	*v;
};

struct policy_strings {
	size_t		 n;
	char		**v;
};

struct policy_number {			/* absent or a value */
	int		 set;
	uint32_t	 v;
};

/* What one attribute of `deny' refuses. */
struct policy_deny {
	char			*attribute;	/* a name of section "Policy" */
	struct policy_strings	 values;	/* hex in lower case, numbers */
};

/* Parts of an SNP platform's TCB that may have a minimum. */
enum policy_tcb { POLICY_BOOTLOADER, POLICY_TEE, POLICY_FIRMWARE,
	POLICY_MICROCODE, POLICY_TCBS };

/* sgx and tdx share what the contract gives both; snp has its own. */
struct policy_tee {
	int			 present;
	int			 has_attributes;
	struct policy_strings	 policy_ids;	/* UUID text, lower case */

	struct policy_bytes	 mrsigner;	/* SGX 32, TDX mrsignerseam */
	struct policy_bytes	 mrenclave;	/* SGX 32; TDX mrseam 48 */
	struct policy_numbers	 isvprodid;	/* SGX */
	struct policy_number	 svn;		/* isvsvn, seamsvn */
	struct policy_number	 svn_minimum;
	struct policy_bytes	 mrtd;		/* TDX */
	struct policy_bytes	 rtmr[4];	/* TDX, at most one value */
	int			 enforce_tcb_upto_date;
	int			 enforce_given;	/* false is shown if said */
	int			 allow_debug;
	struct policy_strings	 tcb_statuses;
	int			 has_advisories_allowed;
	struct policy_strings	 advisories_allowed;
	int64_t			 tcb_date_minimum;	/* 0: absent */
	struct policy_bytes	 platforms;	/* FMSPC, 6 */
	struct policy_bytes	 measurement;	/* SNP, as all below */
	struct policy_bytes	 host_data;
	struct policy_bytes	 id_key;	/* digests */
	struct policy_bytes	 author_key;
	struct policy_number	 guest_svn_minimum;
	struct policy_number	 tcb_minimum[POLICY_TCBS];
	size_t			 ndeny;
	struct policy_deny	*deny;
};

struct policy_nvgpu {
	int			 present;
	struct policy_strings	 policy_ids;
	int			 enforce_overall_result;
	int			 require_secure_boot;
	struct policy_strings	 hwmodel;
};

struct policy {
	uint8_t			 tees;		/* TEE_* mask */
	char			*attestation;	/* the block; NULL: any */
	struct policy_tee	 sgx;
	struct policy_tee	 tdx;
	struct policy_tee	 snp;
	struct policy_nvgpu	 nvgpu;
};

/*
 * Parse JSON text: {"attestation_type", "sgx", "tdx", "nvgpu", "snp"} as the
 * contract takes it at creation, with an "attestation" of ours, the only block
 * of the configuration that is trusted; or our own canonical text.  Unknown
 * members, wrong widths, no policy at all etc. are refused.  Returns a new
 * policy or NULL with why.  Free with policy_free.
 */
struct policy	*policy_parse(const char *, size_t len, char *why,
		    size_t whysize);
void		 policy_free(struct policy *);

/*
 * The canonical text (compact JSON, fixed member order, lower-case hex,
 * normalised types), as it is stored.  malloc'd, NUL terminated; NULL on no
 * memory.  policy_parse(policy_text(p)) gives an equal policy.
 */
char		*policy_text(const struct policy *, size_t *len);

/* SHA-256 over the 16 bytes of the id and the canonical text. */
void		 policy_digest(uint8_t out[DIGEST_LEN], const struct uuid *,
		    const char *text, size_t len);

/* "SGX", "TDX", "TDX,NVGPU": the Attestation-Type header.  Static buffer of
 * the caller. */
#define TEES_TEXT	32
const char	*tees_format(uint8_t tees, char text[TEES_TEXT]);
/* The reverse; order and case as in the contract, -1 for anything else. */
int		 tees_parse(const char *, size_t len, uint8_t *tees);

#endif

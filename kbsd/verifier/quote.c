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
 * As much of an Intel quote as must be known before a service is asked to
 * verify it: of which TEE it is, what it reports, whether it may be
 * debugged.  Signatures are the service's to check here; dcap.c is for who
 * trusts no service.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "dcap.h"
#include "snp.h"

#define REPORTDATA_LEN	64

/* A report, and what may stand behind it is well-formed. */
static int
report_read(struct quote *q, const uint8_t *data, size_t len, char *why,
    size_t whysize)
{
	struct snp_evidence	 e;
	struct snp_report	 r;
	enum snp_reason		 reason;
	const char		*text;

	memset(q, 0, sizeof(*q));
	reason = snp_evidence_read(&e, data, len, &text);
	if (reason == SNP_OK)
		reason = snp_report_read(&r, e.report.p, e.report.len, &text);
	if (reason != SNP_OK) {
		(void)snprintf(why, whysize, "%s: %s",
		    snp_reason_name(reason), text);
		return (-1);
	}
	q->version = (uint16_t)r.version;
	q->tee = TEE_SNP;
	q->body = e.report.p;
	q->bodylen = e.report.len;
	q->report_data = r.report_data;
	q->debug = snp_debug(&r);
	return (0);
}

int
quote_read(struct quote *q, const uint8_t *data, size_t len, char *why,
    size_t whysize)
{
	struct dcap_quote	 head;
	struct dcap_fault	 fault;
	uint8_t			 tud;

	memset(q, 0, sizeof(*q));
	if (dcap_quote_head(&head, data, len, &fault) == -1) {
		(void)strlcpy(why, fault.why, whysize);
		return (-1);
	}
	q->version = head.version;
	q->tee = head.tee;
	q->body = head.body;
	q->bodylen = head.bodylen;
	q->report_data = dcap_report_data(&head);
	if (q->tee == TEE_SGX)
		q->debug = (q->body[DCAP_SGX_ATTRIBUTES] & 0x02) != 0;
	else {
		tud = q->body[DCAP_TD_ATTRIBUTES];
		q->debug = (tud & 0x01) != 0;
		q->reserved = (tud & 0xfe) != 0;
	}
	return (0);
}

int
quote_any(struct quote *q, uint8_t tees, const uint8_t *data, size_t len,
    char *why, size_t whysize)
{
	if ((tees & TEE_SNP) != 0)
		return (report_read(q, data, len, why, whysize));
	return (quote_read(q, data, len, why, whysize));
}

void
quote_fmspc(struct claim_bytes *fmspc, const uint8_t *data, size_t len)
{
	struct dcap_platform	 platform;
	struct dcap_quote	 whole;
	struct dcap_fault	 fault;
	X509			*pck;
	char			 why[WHY_MAX];

	memset(fmspc, 0, sizeof(*fmspc));
	if (dcap_quote_read(&whole, data, len, &fault) == -1 ||
	    (pck = dcap_path_leaf(whole.certs.p, whole.certs.len)) == NULL)
		return;
	if (dcap_extension_of(&platform, pck, why, sizeof(why)) == 0) {
		memcpy(fmspc->b, platform.fmspc, sizeof(platform.fmspc));
		fmspc->has = 1;
	}
	X509_free(pck);
}

static int
report_hash(uint8_t out[EVP_MAX_MD_SIZE], const EVP_MD *md,
    const struct evidence *e)
{
	EVP_MD_CTX	*ctx;
	int		 rc = -1;

	if ((ctx = EVP_MD_CTX_new()) == NULL)
		return (-1);
	if (EVP_DigestInit_ex(ctx, md, NULL) == 1 &&
	    EVP_DigestUpdate(ctx, e->nonce_val, e->nonce_vallen) == 1 &&
	    EVP_DigestUpdate(ctx, e->nonce_iat, e->nonce_iatlen) == 1 &&
	    EVP_DigestUpdate(ctx, e->user_data, e->user_datalen) == 1 &&
	    EVP_DigestFinal_ex(ctx, out, NULL) == 1)
		rc = 0;
	EVP_MD_CTX_free(ctx);
	return (rc);
}

int
quote_binds(const struct quote *q, const struct evidence *e)
{
	uint8_t	 hash[EVP_MAX_MD_SIZE];
	size_t	 len = q->tee == TEE_SGX ? 32 : REPORTDATA_LEN;

	if (report_hash(hash, q->tee == TEE_SGX ? EVP_sha256() : EVP_sha512(),
	    e) == -1)
		return (0);
	return (memcmp(hash, q->report_data, len) == 0);
}

const struct attribute *
quote_differs(const struct quote *q, const struct claims *c)
{
	const struct attribute		*a;
	const struct claim_bytes	*bytes;
	const struct claim_number	*number;
	const void			*field;

	for (a = attributes; a < attributes + nattributes; a++) {
		if (a->tee != q->tee)
			continue;
		field = (const char *)c + a->claims;
		bytes = field;
		number = field;
		if (a->kind == ATTRIBUTE_BYTES) {
			if (bytes->has && memcmp(bytes->b, q->body + a->quote,
			    a->width) != 0)
				return (a);
		} else if (number->has && number->v !=
		    dcap_le(q->body + a->quote, a->width))
			return (a);
	}
	return (NULL);
}

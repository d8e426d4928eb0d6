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
 * The layout of a quote (dcap-quote.md section 1).  Each length is the
 * attacker's, and is compared with what is left before anything of it is
 * read; all parts but the trailing bytes must fill what holds them.
 */
#include <string.h>

#include "dcap.h"

#define HEADER_LEN	48
#define TD10_LEN	584
#define TYPE_SGX	0x00
#define TYPE_TDX	0x81
#define KEY_P256	2
#define CERTS_PEM	5
#define CERTS_QE	6

static const uint8_t vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c,
    0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };

/* Bodies, as version 5 names them. */
static const struct {
	uint16_t	 type;
	uint8_t		 tee;
	uint32_t	 len;
} bodies[] = {
	{ 1, TEE_SGX, DCAP_SGX_LEN },
	{ 2, TEE_TDX, TD10_LEN },
	{ 3, TEE_TDX, DCAP_TD15_LEN },
	{ 4, TEE_TDX, 885 },
};

#define NBODIES	(sizeof(bodies) / sizeof(bodies[0]))

uint32_t
dcap_le(const uint8_t *p, size_t len)
{
	uint32_t	 v = 0;

	while (len-- > 0)
		v = v << 8 | p[len];
	return (v);
}

/* The next len bytes; NULL when there are fewer. */
static const uint8_t *
take(struct der *in, size_t len)
{
	const uint8_t	*p = in->p;

	if (len > in->len)
		return (NULL);
	in->p += len;
	in->len -= len;
	return (p);
}

static int
header_read(struct dcap_quote *q, struct der *in, struct dcap_fault *fault)
{
	const uint8_t	*head;
	uint32_t	 type;

	if ((head = take(in, HEADER_LEN)) == NULL)
		return (dcap_refuse(fault, DCAP_TRUNCATED, NULL));
	q->version = (uint16_t)dcap_le(head, 2);
	if (q->version < 3 || q->version > 5)
		return (dcap_refuse(fault, DCAP_FORMAT,
		    "no such version of a quote"));
	if (dcap_le(head + 2, 2) != KEY_P256)
		return (dcap_refuse(fault, DCAP_FORMAT,
		    "no such type of an attestation key"));
	type = dcap_le(head + 4, 4);
	if (type != TYPE_SGX && (type != TYPE_TDX || q->version == 3))
		return (dcap_refuse(fault, DCAP_FORMAT,
		    "no such type of a TEE"));
	q->tee = type == TYPE_SGX ? TEE_SGX : TEE_TDX;
	if (memcmp(head + 12, vendor, sizeof(vendor)) != 0)
		return (dcap_refuse(fault, DCAP_FORMAT,
		    "the quoting enclave is not of Intel"));
	return (0);
}

/* Type and size, told by version 5 and understood by the others. */
static int
body_kind(struct dcap_quote *q, struct der *in, struct dcap_fault *fault)
{
	const uint8_t	*head;
	uint32_t	 len;
	size_t		 i;

	if (q->version < 5) {
		q->type = q->tee == TEE_SGX ? 1 : 2;
		q->bodylen = q->tee == TEE_SGX ? DCAP_SGX_LEN : TD10_LEN;
		return (0);
	}
	if ((head = take(in, 6)) == NULL)
		return (dcap_refuse(fault, DCAP_TRUNCATED, NULL));
	q->type = (uint16_t)dcap_le(head, 2);
	len = dcap_le(head + 2, 4);
	for (i = 0; i < NBODIES; i++)
		if (bodies[i].type == q->type && bodies[i].len == len &&
		    bodies[i].tee == q->tee) {
			q->bodylen = len;
			return (0);
		}
	return (dcap_refuse(fault, DCAP_FORMAT, "no such body of a quote"));
}

/* Header and body; in is left at the length of the signature data. */
static int
head_read(struct dcap_quote *q, struct der *in, struct dcap_fault *fault)
{
	const uint8_t	*begin = in->p;

	memset(q, 0, sizeof(*q));
	if (in->len > DCAP_QUOTE_MAX)
		return (dcap_refuse(fault, DCAP_FORMAT,
		    "the quote is too large"));
	if (header_read(q, in, fault) == -1 ||
	    body_kind(q, in, fault) == -1)
		return (-1);
	if ((q->body = take(in, q->bodylen)) == NULL)
		return (dcap_refuse(fault, DCAP_TRUNCATED, NULL));
	q->signs.p = begin;
	q->signs.len = (size_t)(in->p - begin);
	return (0);
}

/* A length of so many bytes, and what it counts. */
static int
counted(struct der *in, size_t width, struct der *out,
    struct dcap_fault *fault)
{
	const uint8_t	*p;

	if ((p = take(in, width)) == NULL)
		return (dcap_refuse(fault, DCAP_TRUNCATED, NULL));
	out->len = dcap_le(p, width);
	if ((out->p = take(in, out->len)) == NULL)
		return (dcap_refuse(fault, DCAP_TRUNCATED, NULL));
	return (0);
}

/* Certification data: a type, and what is of it. */
static int
certification(struct der *in, uint16_t type, struct der *out,
    struct dcap_fault *fault)
{
	const uint8_t	*p;

	if ((p = take(in, 2)) == NULL)
		return (dcap_refuse(fault, DCAP_TRUNCATED, NULL));
	if (dcap_le(p, 2) != type)
		return (dcap_refuse(fault, DCAP_CERT_TYPE, NULL));
	if (counted(in, 4, out, fault) == -1)
		return (-1);
	if (in->len != 0)
		return (dcap_refuse(fault, DCAP_FORMAT,
		    "bytes are left over in the signature data"));
	return (0);
}

static int
signature_read(struct dcap_quote *q, struct der *in,
    struct dcap_fault *fault)
{
	struct der	 block, data;

	if (counted(in, 4, &data, fault) == -1)
		return (-1);
	if ((q->signature = take(&data, DCAP_SIG_LEN)) == NULL ||
	    (q->key = take(&data, DCAP_SIG_LEN)) == NULL)
		return (dcap_refuse(fault, DCAP_TRUNCATED, NULL));
	if (q->version > 3) {
		if (certification(&data, CERTS_QE, &block, fault) == -1)
			return (-1);
		data = block;
	}
	if ((q->qe_report = take(&data, DCAP_SGX_LEN)) == NULL ||
	    (q->qe_signature = take(&data, DCAP_SIG_LEN)) == NULL)
		return (dcap_refuse(fault, DCAP_TRUNCATED, NULL));
	if (counted(&data, 2, &q->auth, fault) == -1)
		return (-1);
	return (certification(&data, CERTS_PEM, &q->certs, fault));
}

int
dcap_quote_head(struct dcap_quote *q, const uint8_t *quote, size_t len,
    struct dcap_fault *fault)
{
	struct der	 in = { quote, len };

	return (head_read(q, &in, fault));
}

int
dcap_quote_read(struct dcap_quote *q, const uint8_t *quote, size_t len,
    struct dcap_fault *fault)
{
	struct der	 in = { quote, len };

	if (head_read(q, &in, fault) == -1)
		return (-1);
	return (signature_read(q, &in, fault));
}

const uint8_t *
dcap_report_data(const struct dcap_quote *q)
{
	return (q->body + (q->tee == TEE_SGX ? DCAP_SGX_REPORTDATA :
	    DCAP_TD_REPORTDATA));
}

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
 * debugged.  Signatures are the service's to check; all lengths are the
 * attacker's, and checked.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "verifier.h"

#define HEADER_LEN	48
#define SGX_LEN		384
#define TD10_LEN	584
#define SGX_ATTRIBUTES	48
#define TD_ATTRIBUTES	120
#define SGX_REPORTDATA	320
#define TD_REPORTDATA	520
#define REPORTDATA_LEN	64
#define TYPE_SGX	0x00
#define TYPE_TDX	0x81
#define KEY_P256	2
#define CERTS_QE	6
#define CERTS_PEM	5
#define CERTS_MAX	(32 * 1024)

/* What there is behind each signature of a quote's signature data. */
#define SIGNATURES_LEN	128		/* signature, attestation key */
#define QE_LEN		(SGX_LEN + 64)	/* QE report, its signature */

struct part {
	const uint8_t	*p;
	size_t		 left;
};

static int
refuse(char *why, size_t whysize, const char *text)
{
	(void)strlcpy(why, text, whysize);
	return (-1);
}

static const uint8_t *
part_take(struct part *part, size_t len)
{
	const uint8_t	*p = part->p;

	if (len > part->left) {
		part->left = 0;
		return (NULL);
	}
	part->p += len;
	part->left -= len;
	return (p);
}

static uint32_t
le(const uint8_t *p, size_t len)
{
	uint32_t	 v = 0;

	while (len-- > 0)
		v = v << 8 | p[len];
	return (v);
}

/* Version 5 names its body (dcap-quote.md section 1). */
static const struct {
	uint16_t	 type;
	uint8_t		 tee;
	uint32_t	 len;
} bodies[] = {
	{ 1, TEE_SGX, SGX_LEN },
	{ 2, TEE_TDX, TD10_LEN },
	{ 3, TEE_TDX, 648 },
	{ 4, TEE_TDX, 885 },
};

static size_t
body_len(const struct quote *q, struct part *part)
{
	const uint8_t	*head;
	size_t		 i;

	if (q->version == 3)
		return (q->tee == TEE_SGX ? SGX_LEN : 0);
	if (q->version == 4)
		return (q->tee == TEE_SGX ? SGX_LEN : TD10_LEN);
	if ((head = part_take(part, 6)) == NULL)
		return (0);
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		if (bodies[i].type == le(head, 2) &&
		    bodies[i].len == le(head + 2, 4) &&
		    bodies[i].tee == q->tee)
			return (bodies[i].len);
	return (0);
}

static int
header_read(struct quote *q, struct part *part, char *why, size_t whysize)
{
	const uint8_t	*head;
	uint32_t	 type;

	if ((head = part_take(part, HEADER_LEN)) == NULL)
		return (refuse(why, whysize, "the quote is cut short"));
	q->version = (uint16_t)le(head, 2);
	type = le(head + 4, 4);
	if (q->version < 3 || q->version > 5 || le(head + 2, 2) != KEY_P256)
		return (refuse(why, whysize, "no such version of a quote"));
	if (type != TYPE_SGX && type != TYPE_TDX)
		return (refuse(why, whysize, "no such type of a TEE"));
	q->tee = type == TYPE_SGX ? TEE_SGX : TEE_TDX;
	return (0);
}

/* --- FMSPC --------------------------------------------------------- */

/* 1.2.840.113741.1.13.1, the extension, and .4 of it, the FMSPC. */
#define SGX_OID		"1.2.840.113741.1.13.1"
static const uint8_t fmspc_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d,
    0x01, 0x0d, 0x01, 0x04 };

/* The content of the next DER value, whose tag must be this one. */
static int
der_next(struct part *in, int tag, struct part *out)
{
	const unsigned char	*p = in->p;
	long			 len;
	int			 class, got, ret;

	ret = ASN1_get_object(&p, &len, &got, &class, (long)in->left);
	if ((ret & 0x81) != 0 || got != tag || class != V_ASN1_UNIVERSAL)
		return (-1);
	out->p = p;
	out->left = (size_t)len;
	in->left -= (size_t)(p - in->p) + (size_t)len;
	in->p = p + len;
	return (0);
}

static void
fmspc_find(struct quote *q, struct part ext)
{
	struct part	 list, entry, oid, value;

	if (der_next(&ext, V_ASN1_SEQUENCE, &list) == -1)
		return;
	while (list.left > 0) {
		if (der_next(&list, V_ASN1_SEQUENCE, &entry) == -1 ||
		    der_next(&entry, V_ASN1_OBJECT, &oid) == -1)
			return;
		if (oid.left != sizeof(fmspc_oid) ||
		    memcmp(oid.p, fmspc_oid, oid.left) != 0)
			continue;
		if (der_next(&entry, V_ASN1_OCTET_STRING, &value) == -1 ||
		    value.left != 6)
			return;
		memcpy(q->fmspc.b, value.p, value.left);
		q->fmspc.has = 1;
		return;
	}
}

static void
fmspc_of(struct quote *q, X509 *pck)
{
	const ASN1_STRING	*value;
	ASN1_OBJECT		*oid;
	struct part		 ext;
	int			 at;

	if ((oid = OBJ_txt2obj(SGX_OID, 1)) == NULL)
		return;
	if ((at = X509_get_ext_by_OBJ(pck, oid, -1)) != -1) {
		value = X509_EXTENSION_get_data(X509_get_ext(pck, at));
		ext.p = ASN1_STRING_get0_data(value);
		ext.left = (size_t)ASN1_STRING_length(value);
		fmspc_find(q, ext);
	}
	ASN1_OBJECT_free(oid);
}

/* The certification data of the signature data; none is no error here. */
static const uint8_t *
certs_find(const struct quote *q, struct part *part, size_t *len)
{
	const uint8_t	*p;

	if ((p = part_take(part, 4)) == NULL || le(p, 4) > part->left)
		return (NULL);
	part->left = le(p, 4);
	if (part_take(part, SIGNATURES_LEN) == NULL)
		return (NULL);
	if (q->version > 3 && ((p = part_take(part, 6)) == NULL ||
	    le(p, 2) != CERTS_QE))
		return (NULL);
	if (part_take(part, QE_LEN) == NULL ||
	    (p = part_take(part, 2)) == NULL ||
	    part_take(part, le(p, 2)) == NULL)
		return (NULL);
	if ((p = part_take(part, 6)) == NULL || le(p, 2) != CERTS_PEM)
		return (NULL);
	*len = le(p + 2, 4);
	if (*len > CERTS_MAX)
		return (NULL);
	return (part_take(part, *len));
}

static void
platform_read(struct quote *q, struct part part)
{
	const uint8_t	*certs;
	size_t		 len;
	BIO		*bio;
	X509		*pck;

	if ((certs = certs_find(q, &part, &len)) == NULL ||
	    (bio = BIO_new_mem_buf(certs, (int)len)) == NULL)
		return;
	if ((pck = cert_pem_next(bio)) != NULL)
		fmspc_of(q, pck);
	X509_free(pck);
	BIO_free(bio);
	ERR_clear_error();
}

/* --- the whole ----------------------------------------------------- */

int
quote_read(struct quote *q, const uint8_t *data, size_t len, char *why,
    size_t whysize)
{
	struct part	 part = { data, len };
	uint8_t		 tud;

	memset(q, 0, sizeof(*q));
	if (header_read(q, &part, why, whysize) == -1)
		return (-1);
	if ((q->bodylen = body_len(q, &part)) == 0)
		return (refuse(why, whysize, "no such body of a quote"));
	if ((q->body = part_take(&part, q->bodylen)) == NULL)
		return (refuse(why, whysize, "the quote is cut short"));
	if (q->tee == TEE_SGX) {
		q->report_data = q->body + SGX_REPORTDATA;
		q->debug = (q->body[SGX_ATTRIBUTES] & 0x02) != 0;
	} else {
		q->report_data = q->body + TD_REPORTDATA;
		tud = q->body[TD_ATTRIBUTES];
		q->debug = (tud & 0x01) != 0;
		q->reserved = (tud & 0xfe) != 0;
	}
	platform_read(q, part);
	return (0);
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
		    le(q->body + a->quote, a->width))
			return (a);
	}
	return (NULL);
}

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
 * PCK certificates: the path of one to the root, and what its SGX extension
 * (dcap-quote.md section 5.1) says of the platform.  The paths last found
 * good are kept, since all quotes of a platform carry the same bytes; what
 * is kept says nothing of time or revocation.
 */
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

#include "dcap.h"
#include "digest.h"

#define PCKS_KEPT	64
#define SGX_OID		"1.2.840.113741.1.13.1"
#define PCK_NAME	"Intel SGX PCK Certificate"
#define PLATFORM_CA	"Intel SGX PCK Platform CA"
#define PROCESSOR_CA	"Intel SGX PCK Processor CA"

/* Content of the OID above, to which .n and .2.n are appended. */
static const uint8_t sgx_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01,
    0x0d, 0x01 };

static const struct dcap_role roles[] = {
	{ PCK_NAME, NULL, 0 },
	{ PLATFORM_CA, PROCESSOR_CA, 1 },
};

struct kept {
	uint8_t		 digest[DIGEST_LEN];	/* of the PEM */
	struct dcap_pck	*pck;
};

struct dcap_anchor {
	uint8_t		 root[DIGEST_LEN];
	struct kept	 kept[PCKS_KEPT];
	size_t		 next;		/* the oldest */
};

/* --- DER ----------------------------------------------------------- */

/* The content of the next value, which must have this tag. */
static int
der_next(struct der *in, int tag, struct der *out)
{
	const unsigned char	*p = in->p;
	long			 len;
	int			 class, got, ret;

	if (in->len == 0)
		return (-1);
	ret = ASN1_get_object(&p, &len, &got, &class, (long)in->len);
	if ((ret & 0x81) != 0 || got != tag || class != V_ASN1_UNIVERSAL)
		return (-1);
	out->p = p;
	out->len = (size_t)len;
	in->len -= (size_t)(p - in->p) + (size_t)len;
	in->p = p + len;
	return (0);
}

/* { OID, value }: the last number of an OID one level below; 0: of another. */
static int
entry_next(struct der *list, const uint8_t *above, size_t abovelen,
    unsigned int *n, struct der *value)
{
	struct der	 oid;

	if (der_next(list, V_ASN1_SEQUENCE, value) == -1 ||
	    der_next(value, V_ASN1_OBJECT, &oid) == -1)
		return (-1);
	*n = 0;
	if (oid.len == abovelen + 1 && memcmp(oid.p, above, abovelen) == 0 &&
	    (oid.p[abovelen] & 0x80) == 0)
		*n = oid.p[abovelen];
	return (0);
}

/* An INTEGER or ENUMERATED that is all there is. */
static int
der_number(struct der in, int tag, uint32_t most, uint32_t *out)
{
	struct der	 v;
	size_t		 i;

	if (der_next(&in, tag, &v) == -1 || in.len != 0 || v.len == 0 ||
	    v.len > 3 || (v.p[0] & 0x80) != 0 ||
	    (v.len > 1 && v.p[0] == 0 && (v.p[1] & 0x80) == 0))
		return (-1);
	*out = 0;
	for (i = 0; i < v.len; i++)
		*out = *out << 8 | v.p[i];
	return (*out <= most ? 0 : -1);
}

static int
der_bytes(struct der in, uint8_t *out, size_t len)
{
	struct der	 v;

	if (der_next(&in, V_ASN1_OCTET_STRING, &v) == -1 || in.len != 0 ||
	    v.len != len)
		return (-1);
	memcpy(out, v.p, len);
	return (0);
}

/* --- the extension ------------------------------------------------- */

/* .2: the components are .1 to .16, PCESVN .17, CPUSVN .18. */
static int
tcb_entry(struct dcap_platform *p, unsigned int n, struct der value)
{
	uint32_t	 v;

	if (n == 18)
		return (der_bytes(value, p->cpusvn, sizeof(p->cpusvn)));
	if (der_number(value, V_ASN1_INTEGER, n == 17 ? UINT16_MAX :
	    UINT8_MAX, &v) == -1)
		return (-1);
	if (n == 17)
		p->pcesvn = (uint16_t)v;
	else
		p->svn[n - 1] = (uint8_t)v;
	return (0);
}

static int
tcb_read(struct dcap_platform *p, struct der in)
{
	uint8_t		 tcb_oid[sizeof(sgx_oid) + 1];
	struct der	 list, value;
	uint32_t	 seen = 0;
	unsigned int	 n;

	memcpy(tcb_oid, sgx_oid, sizeof(sgx_oid));
	tcb_oid[sizeof(sgx_oid)] = 2;
	if (der_next(&in, V_ASN1_SEQUENCE, &list) == -1 || in.len != 0)
		return (-1);
	while (list.len > 0) {
		if (entry_next(&list, tcb_oid, sizeof(tcb_oid), &n,
		    &value) == -1)
			return (-1);
		if (n == 0 || n > 18)
			continue;
		if ((seen & 1U << n) != 0 || tcb_entry(p, n, value) == -1)
			return (-1);
		seen |= 1U << n;
	}
	return (seen == 0x7fffe ? 0 : -1);
}

static int
extension_entry(struct dcap_platform *p, unsigned int n, struct der value)
{
	uint32_t	 v;

	switch (n) {
	case 1:
		return (der_bytes(value, p->ppid, sizeof(p->ppid)));
	case 2:
		return (tcb_read(p, value));
	case 3:
		return (der_bytes(value, p->pceid, sizeof(p->pceid)));
	case 4:
		return (der_bytes(value, p->fmspc, sizeof(p->fmspc)));
	default:
		if (der_number(value, V_ASN1_ENUMERATED, 2, &v) == -1)
			return (-1);
		p->type = (uint8_t)v;
		return (0);
	}
}

int
dcap_extension_read(struct dcap_platform *p, const uint8_t *ext, size_t len,
    char *why, size_t whysize)
{
	struct der	 in = { ext, len }, list, value;
	uint32_t	 seen = 0;
	unsigned int	 n;

	memset(p, 0, sizeof(*p));
	if (der_next(&in, V_ASN1_SEQUENCE, &list) == -1 || in.len != 0)
		goto fail;
	while (list.len > 0) {
		if (entry_next(&list, sgx_oid, sizeof(sgx_oid), &n,
		    &value) == -1)
			goto fail;
		/* .6 and .7, of the Platform CA, decide nothing */
		if (n == 0 || n > 5)
			continue;
		if ((seen & 1U << n) != 0 ||
		    extension_entry(p, n, value) == -1)
			goto fail;
		seen |= 1U << n;
	}
	if (seen == 0x3e)
		return (0);
fail:
	ERR_clear_error();
	(void)strlcpy(why, "the SGX extension is malformed", whysize);
	return (-1);
}

int
dcap_extension_of(struct dcap_platform *p, const X509 *pck, char *why,
    size_t whysize)
{
	static ASN1_OBJECT	*oid;
	const ASN1_STRING	*value;
	int			 at;

	if (oid == NULL && (oid = OBJ_txt2obj(SGX_OID, 1)) == NULL) {
		(void)strlcpy(why, "no memory", whysize);
		return (-1);
	}
	at = X509_get_ext_by_OBJ(pck, oid, -1);
	if (at == -1 || X509_get_ext_by_OBJ(pck, oid, at) != -1) {
		(void)strlcpy(why, "there is not one SGX extension", whysize);
		return (-1);
	}
	value = X509_EXTENSION_get_data(X509_get_ext(pck, at));
	return (dcap_extension_read(p, ASN1_STRING_get0_data(value),
	    (size_t)ASN1_STRING_length(value), why, whysize));
}

/* --- paths --------------------------------------------------------- */

static void
pck_free(struct dcap_pck *pck)
{
	if (pck == NULL)
		return;
	dcap_path_clear(&pck->path);
	free(pck);
}

static struct dcap_pck *
pck_read(const uint8_t root[DIGEST_LEN], const uint8_t *pem, size_t len,
    struct dcap_fault *fault)
{
	struct dcap_pck	*pck;
	char		 why[WHY_MAX];

	if ((pck = calloc(1, sizeof(*pck))) == NULL) {
		(void)dcap_refuse(fault, DCAP_NO_MEMORY, NULL);
		return (NULL);
	}
	if (dcap_path_read(&pck->path, pem, len, roles, 2, root, why,
	    sizeof(why)) == -1)
		(void)dcap_refuse(fault, DCAP_PCK_CHAIN, why);
	else if (dcap_extension_of(&pck->platform, pck->path.v[0], why,
	    sizeof(why)) == -1)
		(void)dcap_refuse(fault, DCAP_PCK_EXTENSION, why);
	else {
		pck->key = X509_get0_pubkey(pck->path.v[0]);
		pck->platform.by_platform_ca = (uint8_t)dcap_named(
		    pck->path.v[1], PLATFORM_CA);
		return (pck);
	}
	pck_free(pck);
	return (NULL);
}

const struct dcap_pck *
dcap_pck_get(struct dcap_anchor *anchor, const uint8_t *pem, size_t len,
    struct dcap_fault *fault)
{
	uint8_t		 md[DIGEST_LEN];
	struct kept	*k;
	struct dcap_pck	*pck;

	digest(md, pem, len);
	for (k = anchor->kept; k < anchor->kept + PCKS_KEPT; k++)
		if (k->pck != NULL && memcmp(k->digest, md,
		    sizeof(md)) == 0)
			return (k->pck);
	if ((pck = pck_read(anchor->root, pem, len, fault)) == NULL)
		return (NULL);
	k = &anchor->kept[anchor->next];
	anchor->next = (anchor->next + 1) % PCKS_KEPT;
	pck_free(k->pck);
	memcpy(k->digest, md, sizeof(md));
	k->pck = pck;
	return (pck);
}

int
dcap_pck_timely(const struct dcap_pck *pck, int64_t now,
    struct dcap_fault *fault)
{
	if (now < pck->path.from)
		return (dcap_refuse(fault, DCAP_PCK_NOT_YET_VALID, NULL));
	if (now >= pck->path.until)
		return (dcap_refuse(fault, DCAP_PCK_EXPIRED, NULL));
	return (0);
}

/* --- anchors ------------------------------------------------------- */

struct dcap_anchor *
dcap_anchor_new(const uint8_t root[DIGEST_LEN])
{
	struct dcap_anchor	*anchor;

	if ((anchor = calloc(1, sizeof(*anchor))) != NULL)
		memcpy(anchor->root, root, DIGEST_LEN);
	return (anchor);
}

void
dcap_anchor_free(struct dcap_anchor *anchor)
{
	size_t	 i;

	if (anchor == NULL)
		return;
	for (i = 0; i < PCKS_KEPT; i++)
		pck_free(anchor->kept[i].pck);
	free(anchor);
}

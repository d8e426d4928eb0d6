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
 * The three certificates that vouch for a report: VEK, its CA, and AMD's
 * root for the product, which is one of the keys below or of those that are
 * configured, and never the one that came along just because it did.
 */
#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <string.h>

#include "digest.h"
#include "snp.h"

#define AMD_OID		"1.3.6.1.4.1.3704.1."
#define OID_PRODUCT	AMD_OID "2"
#define OID_HWID	AMD_OID "4"
#define OID_CSP		AMD_OID "5"
#define TURIN_HWID_LEN	8
#define NAME_LEN	32		/* "SEV-VLEK-Milan" */
#define KEY_DER_MAX	2048

static int
refuse(char *why, size_t whysize, const char *text)
{
	ERR_clear_error();
	(void)strlcpy(why, text, whysize);
	return (-1);
}

/* --- roots --------------------------------------------------------- */

/* SHA-256 of ARK-Milan's, ARK-Genoa's and ARK-Turin's public key. */
static const uint8_t amd_roots[SNP_PRODUCTS][DIGEST_LEN] = {
	[SNP_MILAN] = {
	    0x9f, 0x05, 0x6b, 0xee, 0x44, 0x37, 0x7e, 0x29, 0x30, 0x8c, 0xb5,
	    0xff, 0xa8, 0x95, 0xbd, 0xfb, 0x62, 0xd1, 0x88, 0x81, 0xfa, 0x6b,
	    0xed, 0x8d, 0x6f, 0x07, 0x5b, 0x02, 0x04, 0x08, 0x9c, 0xb9 },
	[SNP_GENOA] = {
	    0x42, 0x9a, 0x69, 0xc9, 0x42, 0x2a, 0xa2, 0x58, 0xee, 0x4d, 0x8d,
	    0xb5, 0xfc, 0xda, 0x9c, 0x64, 0x70, 0xef, 0x15, 0xf8, 0xcd, 0x5a,
	    0x9c, 0xeb, 0xd6, 0xcb, 0xc7, 0xd9, 0x0b, 0x86, 0x38, 0x31 },
	[SNP_TURIN] = {
	    0x4f, 0x12, 0x54, 0x10, 0x56, 0x3a, 0x2a, 0xb9, 0xa5, 0x03, 0x56,
	    0xf9, 0x24, 0x3f, 0x6f, 0xe0, 0xb6, 0xf7, 0x3d, 0xe9, 0x86, 0x03,
	    0xf5, 0x3f, 0x90, 0x33, 0x9c, 0x70, 0xe9, 0xd7, 0xad, 0x08 },
};

int
snp_root_digest(uint8_t out[DIGEST_LEN], X509 *x)
{
	unsigned char	 der[KEY_DER_MAX], *p = der;
	X509_PUBKEY	*key = X509_get_X509_PUBKEY(x);
	int		 len;

	if ((len = i2d_X509_PUBKEY(key, NULL)) <= 0 || len > KEY_DER_MAX ||
	    i2d_X509_PUBKEY(key, &p) != len)
		return (-1);
	digest(out, der, (size_t)len);
	return (0);
}

int
snp_rooted(X509 *ark, enum snp_product product, const struct snp_roots *roots)
{
	uint8_t	 got[DIGEST_LEN];
	size_t	 i;

	if (snp_root_digest(got, ark) == -1)
		return (0);
	/* each key of AMD's is good for its own product */
	if (roots == NULL)
		return (memcmp(got, amd_roots[product], DIGEST_LEN) == 0);
	for (i = 0; i < roots->n; i++)
		if (memcmp(got, roots->digest[i], DIGEST_LEN) == 0)
			return (1);
	return (0);
}

int
snp_chain_rooted(const struct snp_chain *c, const struct snp_roots *roots)
{
	return (snp_rooted(c->ark, c->product, roots));
}

/* --- extensions ---------------------------------------------------- */

/* The one extension of this name; -1: there is none, or more than one. */
static int
extension(X509 *x, const char *name, struct der *out)
{
	const ASN1_STRING	*value;
	ASN1_OBJECT		*oid;
	int			 at, rc = -1;

	if ((oid = OBJ_txt2obj(name, 1)) == NULL)
		return (-1);
	if ((at = X509_get_ext_by_OBJ(x, oid, -1)) != -1 &&
	    X509_get_ext_by_OBJ(x, oid, at) == -1) {
		value = X509_EXTENSION_get_data(X509_get_ext(x, at));
		out->p = ASN1_STRING_get0_data(value);
		out->len = (size_t)ASN1_STRING_length(value);
		rc = 0;
	}
	ASN1_OBJECT_free(oid);
	return (rc);
}

/* A DER INTEGER from 0 to 255, in its shortest form. */
static int
octet_read(uint8_t *v, const struct der *d)
{
	if (d->len == 3 && d->p[0] == V_ASN1_INTEGER && d->p[1] == 1 &&
	    d->p[2] < 0x80)
		*v = d->p[2];
	else if (d->len == 4 && d->p[0] == V_ASN1_INTEGER && d->p[1] == 2 &&
	    d->p[2] == 0 && d->p[3] >= 0x80)
		*v = d->p[3];
	else
		return (-1);
	return (0);
}

static int
text_read(char text[SNP_NAME_MAX], const struct der *d)
{
	size_t	 i;

	if (d->len < 2 || d->len - 2 >= SNP_NAME_MAX ||
	    d->p[0] != V_ASN1_IA5STRING || d->p[1] != d->len - 2)
		return (-1);
	for (i = 2; i < d->len; i++)
		if (d->p[i] <= ' ' || d->p[i] > '~')
			return (-1);
	memcpy(text, d->p + 2, d->len - 2);
	text[d->len - 2] = '\0';
	return (0);
}

/* Where each security patch level stands in a TCB version; -1: nowhere. */
static const struct {
	const char	*oid;
	int8_t		 at[SNP_PRODUCTS];
	int		 reserved;	/* and 0 */
} levels[] = {
	{ AMD_OID "3.1", { 0, 0, 1 },	0 },	/* boot loader */
	{ AMD_OID "3.2", { 1, 1, 2 },	0 },	/* TEE */
	{ AMD_OID "3.3", { 6, 6, 3 },	0 },	/* SNP */
	{ AMD_OID "3.4", { 2, 2, -1 },	1 },
	{ AMD_OID "3.5", { 3, 3, 4 },	1 },
	{ AMD_OID "3.6", { 4, 4, 5 },	1 },
	{ AMD_OID "3.7", { 5, 5, 6 },	1 },
	{ AMD_OID "3.8", { 7, 7, 7 },	0 },	/* microcode */
	{ AMD_OID "3.9", { -1, -1, 0 },	0 },	/* FMC */
};

static int
levels_read(struct snp_chain *c)
{
	struct der	 d;
	size_t		 i;
	uint8_t		 v;
	int		 at;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if ((at = levels[i].at[c->product]) == -1)
			continue;
		if (extension(c->vek, levels[i].oid, &d) == -1 ||
		    octet_read(&v, &d) == -1 || (levels[i].reserved && v != 0))
			return (-1);
		c->tcb[at] = v;
	}
	return (0);
}

/* Raw bytes, of the one length that the product has. */
static int
hwid_read(struct snp_chain *c)
{
	struct der	 d;
	size_t		 len = SNP_CHIP_LEN;

	if (c->product == SNP_TURIN)
		len = TURIN_HWID_LEN;
	if (extension(c->vek, OID_HWID, &d) == -1 || d.len != len)
		return (-1);
	memcpy(c->hwid, d.p, len);
	c->hwidlen = len;
	return (0);
}

static int
extensions_read(struct snp_chain *c, char *why, size_t whysize)
{
	struct der	 d;

	if (extension(c->vek, OID_PRODUCT, &d) == -1 ||
	    text_read(c->product_name, &d) == -1)
		return (refuse(why, whysize,
		    "the VEK does not name its product"));
	if (levels_read(c) == -1)
		return (refuse(why, whysize,
		    "the VEK does not name its TCB, part by part"));
	if (c->signer == SNP_VCEK && hwid_read(c) == -1)
		return (refuse(why, whysize,
		    "the VCEK does not name its chip"));
	if (c->signer == SNP_VLEK && (extension(c->vek, OID_CSP, &d) == -1 ||
	    text_read(c->csp, &d) == -1))
		return (refuse(why, whysize,
		    "the VLEK does not name its provider"));
	return (0);
}

/* --- names --------------------------------------------------------- */

/* The one common name; -1: there is none, or more than one. */
static int
name_read(X509_NAME *of, char name[NAME_LEN])
{
	const ASN1_STRING	*s;
	int			 at, len;

	at = X509_NAME_get_index_by_NID(of, NID_commonName, -1);
	if (at == -1 || X509_NAME_get_index_by_NID(of, NID_commonName,
	    at) != -1)
		return (-1);
	s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(of, at));
	len = ASN1_STRING_length(s);
	if (len <= 0 || len >= NAME_LEN ||
	    memchr(ASN1_STRING_get0_data(s), '\0', (size_t)len) != NULL)
		return (-1);
	memcpy(name, ASN1_STRING_get0_data(s), (size_t)len);
	name[len] = '\0';
	return (0);
}

static int
common_name(X509 *x, char name[NAME_LEN])
{
	return (name_read(X509_get_subject_name(x), name));
}

/* Whose name is the prefix and a product; SNP_PRODUCTS: nobody's. */
static enum snp_product
name_product(const char *name, const char *prefix)
{
	char	 want[NAME_LEN];
	int	 p;

	for (p = 0; p < SNP_PRODUCTS; p++) {
		(void)snprintf(want, sizeof(want), "%s%s", prefix,
		    snp_product_name((enum snp_product)p));
		if (strcmp(name, want) == 0)
			break;
	}
	return ((enum snp_product)p);
}

/* What signs VEKs of this kind. */
static const char *
ask_prefix(enum snp_signer signer)
{
	return (signer == SNP_VLEK ? "SEV-VLEK-" : "SEV-");
}

static int
names_read(struct snp_chain *c, char *why, size_t whysize)
{
	char	 name[NAME_LEN];

	if (common_name(c->ark, name) == -1)
		return (refuse(why, whysize, "the root has no name"));
	if ((c->product = name_product(name, "ARK-")) == SNP_PRODUCTS)
		return (refuse(why, whysize,
		    "the root is of no product that is known"));
	if (common_name(c->vek, name) == -1 ||
	    (strcmp(name, "SEV-VCEK") != 0 && strcmp(name, "SEV-VLEK") != 0))
		return (refuse(why, whysize, "neither a VCEK nor a VLEK"));
	c->signer = strcmp(name, "SEV-VLEK") == 0 ? SNP_VLEK : SNP_VCEK;
	return (0);
}

/* --- the whole ----------------------------------------------------- */

static int
times_read(struct snp_chain *c)
{
	X509	*certs[] = { c->vek, c->ask, c->ark };
	int64_t	 from, until;
	size_t	 i;

	c->from = 0;
	c->until = INT64_MAX;
	for (i = 0; i < 3; i++) {
		if (cert_times(&certs[i], 1, &from, &until) == -1)
			return (-1);
		if (from > c->from)
			c->from = from;
		if (until < c->until)
			c->until = until;
	}
	return (0);
}

static int
chain_finish(struct snp_chain *c, char *why, size_t whysize)
{
	int	 rc;

	if (c->vek == NULL || c->ask == NULL || c->ark == NULL)
		rc = refuse(why, whysize, "not three certificates");
	else if (times_read(c) == -1)
		rc = refuse(why, whysize, "a time is no time");
	else if ((rc = names_read(c, why, whysize)) == 0)
		rc = extensions_read(c, why, whysize);
	if (rc == -1)
		snp_chain_clear(c);
	return (rc);
}

static X509 *
certificate(const struct der *der)
{
	return (der->len > SNP_CERT_MAX ? NULL : cert_read(der));
}

int
snp_chain_read(struct snp_chain *c, const struct der *vek,
    const struct der *ask, const struct der *ark, char *why, size_t whysize)
{
	memset(c, 0, sizeof(*c));
	c->vek = certificate(vek);
	c->ask = certificate(ask);
	c->ark = certificate(ark);
	return (chain_finish(c, why, whysize));
}

static X509 *
shared(X509 *x)
{
	return (X509_up_ref(x) == 1 ? x : NULL);
}

int
snp_chain_read_cas(struct snp_chain *c, const struct der *vek,
    const struct der *ask, const struct snp_cas *cas, char *why,
    size_t whysize)
{
	memset(c, 0, sizeof(*c));
	c->vek = certificate(vek);
	c->ask = ask->p != NULL ? certificate(ask) : shared(cas->ask);
	c->ark = shared(cas->ark);
	return (chain_finish(c, why, whysize));
}

int
snp_chain_of(struct snp_chain *c, X509 *vek, const struct snp_cas *cas,
    char *why, size_t whysize)
{
	memset(c, 0, sizeof(*c));
	c->vek = shared(vek);
	c->ask = shared(cas->ask);
	c->ark = shared(cas->ark);
	return (chain_finish(c, why, whysize));
}

int
snp_cas_read(struct snp_cas *cas, const char *pem, size_t len, char *why,
    size_t whysize)
{
	BIO	*bio;
	X509	*more;

	memset(cas, 0, sizeof(*cas));
	if (len > SNP_PEM_MAX)
		return (refuse(why, whysize, "the chain is too long"));
	if ((bio = BIO_new_mem_buf(pem, (int)len)) == NULL)
		return (refuse(why, whysize, "no memory for the chain"));
	cas->ask = cert_pem_next(bio);
	cas->ark = cert_pem_next(bio);
	more = cert_pem_next(bio);
	BIO_free(bio);
	ERR_clear_error();
	if (more == NULL && cas->ask != NULL && cas->ark != NULL)
		return (0);
	X509_free(more);
	snp_cas_clear(cas);
	return (refuse(why, whysize, "the chain is not of two certificates"));
}

void
snp_cas_clear(struct snp_cas *cas)
{
	X509_free(cas->ask);
	X509_free(cas->ark);
	memset(cas, 0, sizeof(*cas));
}

int
snp_chain_read_pem(struct snp_chain *c, const struct der *vek,
    const char *pem, size_t len, char *why, size_t whysize)
{
	static const struct der	 none;
	struct snp_cas		 cas;
	int			 rc;

	memset(c, 0, sizeof(*c));
	if (snp_cas_read(&cas, pem, len, why, whysize) == -1)
		return (-1);
	rc = snp_chain_read_cas(c, vek, &none, &cas, why, whysize);
	snp_cas_clear(&cas);
	return (rc);
}

enum snp_product
snp_vek_product(const struct der *der, enum snp_signer signer)
{
	enum snp_product	 product = SNP_PRODUCTS;
	char			 name[NAME_LEN];
	X509			*vek;

	if ((vek = certificate(der)) == NULL)
		return (SNP_PRODUCTS);
	if (name_read(X509_get_issuer_name(vek), name) == 0)
		product = name_product(name, ask_prefix(signer));
	X509_free(vek);
	return (product);
}

void
snp_chain_clear(struct snp_chain *c)
{
	X509_free(c->vek);
	X509_free(c->ask);
	X509_free(c->ark);
	memset(c, 0, sizeof(*c));
}

/* --- verification -------------------------------------------------- */

/* As AMD signs: RSASSA-PSS with SHA-384. */
static int
signed_by(X509 *x, X509 *issuer)
{
	int	 key, md;

	return (X509_get_signature_info(x, &md, &key, NULL, NULL) == 1 &&
	    md == NID_sha384 && key == NID_rsassaPss &&
	    cert_check_signature(x, issuer) == 0);
}

static int
named(X509 *x, const char *prefix, enum snp_product product)
{
	char	 name[NAME_LEN];

	return (common_name(x, name) == 0 &&
	    name_product(name, prefix) == product);
}

/* By name: what has as many bits is another curve. */
static int
on_p384(X509 *x)
{
	X509_ALGOR		*alg;
	const ASN1_OBJECT	*curve;
	const void		*param;
	int			 type;

	if (X509_get0_pubkey(x) == NULL || X509_PUBKEY_get0_param(NULL, NULL,
	    NULL, &alg, X509_get_X509_PUBKEY(x)) != 1)
		return (0);
	X509_ALGOR_get0(&curve, &type, &param, alg);
	if (OBJ_obj2nid(curve) != NID_X9_62_id_ecPublicKey ||
	    type != V_ASN1_OBJECT)
		return (0);
	curve = param;
	return (OBJ_obj2nid(curve) == NID_secp384r1);
}

const char *
snp_cas_fault(const struct snp_cas *cas, enum snp_product product,
    enum snp_signer signer)
{
	if (!named(cas->ark, "ARK-", product))
		return ("the root is of another product");
	if (cert_check_ca(cas->ark, 1, 1) == -1 ||
	    !signed_by(cas->ark, cas->ark))
		return ("the root is no CA, or not signed by itself");
	if (!named(cas->ask, ask_prefix(signer), product))
		return ("the signing CA is of another product or kind");
	if (cert_check_ca(cas->ask, 0, 0) == -1 ||
	    !signed_by(cas->ask, cas->ark))
		return ("the signing CA is not of the root");
	return (NULL);
}

const char *
snp_chain_fault(const struct snp_chain *c)
{
	const struct snp_cas	 cas = { c->ask, c->ark };
	const char		*fault;

	fault = snp_cas_fault(&cas, c->product, c->signer);
	if (fault != NULL)
		return (fault);
	if (cert_check_leaf(c->vek) == -1 || !signed_by(c->vek, c->ask))
		return ("the VEK is not of the signing CA");
	if (!on_p384(c->vek))
		return ("the VEK's key is not of P-384");
	return (NULL);
}

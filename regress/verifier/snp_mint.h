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
 * A chip of our own for the tests: a root, a signing CA, a VEK and its
 * reports, all named as AMD names them and as wrong as asked.  Keys are made
 * anew in each test program; the CAs' are short, for the sake of time.
 */
#ifndef SNP_MINT_H
#define SNP_MINT_H

#include "mint.h"
#include "snp.h"

#define SNP_OID	"1.3.6.1.4.1.3704.1."

/* What a chain is to be; snp_plan() makes a good one of a product. */
struct snp_plan {
	const char	*ark_name, *ask_name, *vek_name;
	const char	*product;		/* in the VEK */
	enum snp_product layout;
	int		 vlek;
	uint8_t		 tcb[SNP_TCB_LEN];
	uint8_t		 chip[SNP_CHIP_LEN];
	int		 hwidlen;		/* -1: none */
	const char	*leave_out;		/* OID of an extension */
	const char	*twice;
	const char	*replace;		/* OID, */
	const char	*with;			/* by these bytes */
	int		 withlen;
	int		 vek_ca;		/* the VEK claims to be a CA */
	int		 ask_path;		/* plus 1; 0: none */
	const char	*ask_usage;
	time_t		 vek_until, ask_until, ark_until;
	EVP_PKEY	*ask_signer, *vek_signer;
	const EVP_MD	*md;
	int		 pkcs1;			/* not PSS */
	const char	*curve;
};

struct snp_mint {
	EVP_PKEY	*ark_key, *ask_key, *vek_key;
	X509		*ark, *ask, *vek;
	struct snp_roots roots;
	struct snp_rules rules;
};

static UNUSED void
snp_plan(struct snp_plan *p, enum snp_product product, int vlek)
{
	static const char *const names[][6] = {
		{ "ARK-Milan", "SEV-Milan", "SEV-VLEK-Milan", "Milan-B0" },
		{ "ARK-Genoa", "SEV-Genoa", "SEV-VLEK-Genoa", "Genoa" },
		{ "ARK-Turin", "SEV-Turin", "SEV-VLEK-Turin", "Turin-B1" },
	};
	static const uint8_t tcbs[][SNP_TCB_LEN] = {
		{ 4, 1, 0, 0, 0, 0, 24, 219 },
		{ 10, 2, 0, 0, 0, 0, 23, 84 },
		{ 1, 2, 3, 4, 0, 0, 0, 130 },
	};

	memset(p, 0, sizeof(*p));
	p->ark_name = names[product][0];
	p->ask_name = names[product][vlek ? 2 : 1];
	p->vek_name = vlek ? "SEV-VLEK" : "SEV-VCEK";
	p->product = names[product][3];
	p->layout = product;
	p->vlek = vlek;
	memcpy(p->tcb, tcbs[product], SNP_TCB_LEN);
	memset(p->chip, 0x5c, sizeof(p->chip));
	p->hwidlen = vlek ? -1 : product == SNP_TURIN ? 8 : SNP_CHIP_LEN;
}

static UNUSED void
snp_mint_ext(X509 *x, const struct snp_plan *p, const char *oid,
    const uint8_t *data, int len)
{
	ASN1_OCTET_STRING	*os = ASN1_OCTET_STRING_new();
	ASN1_OBJECT		*obj = OBJ_txt2obj(oid, 1);
	X509_EXTENSION		*ext;
	int			 n = 1;

	if (p->leave_out != NULL && strcmp(p->leave_out, oid) == 0)
		n = 0;
	if (p->twice != NULL && strcmp(p->twice, oid) == 0)
		n = 2;
	if (p->replace != NULL && strcmp(p->replace, oid) == 0) {
		data = (const uint8_t *)p->with;
		len = p->withlen;
	}
	ASN1_OCTET_STRING_set(os, data, len);
	while (n-- > 0) {
		ext = X509_EXTENSION_create_by_OBJ(NULL, obj, 0, os);
		X509_add_ext(x, ext, -1);
		X509_EXTENSION_free(ext);
	}
	ASN1_OBJECT_free(obj);
	ASN1_OCTET_STRING_free(os);
}

static UNUSED void
snp_mint_number(X509 *x, const struct snp_plan *p, const char *oid, uint8_t v)
{
	const uint8_t	 small[] = { 2, 1, v }, large[] = { 2, 2, 0, v };

	if (v < 0x80)
		snp_mint_ext(x, p, oid, small, 3);
	else
		snp_mint_ext(x, p, oid, large, 4);
}

static UNUSED void
snp_mint_text(X509 *x, const struct snp_plan *p, const char *oid,
    const char *text)
{
	uint8_t	 der[128];
	size_t	 len = strlen(text);

	ATF_REQUIRE(len <= 126);
	der[0] = 22;
	der[1] = (uint8_t)len;
	memcpy(der + 2, text, len);
	snp_mint_ext(x, p, oid, der, (int)len + 2);
}

/* Where the levels of 3.1 to 3.9 stand in a TCB; -1: no such extension. */
static UNUSED void
snp_mint_levels(X509 *x, const struct snp_plan *p)
{
	static const int8_t	 at[SNP_PRODUCTS][9] = {
		{ 0, 1, 6, 2, 3, 4, 5, 7, -1 },
		{ 0, 1, 6, 2, 3, 4, 5, 7, -1 },
		{ 1, 2, 3, -1, 4, 5, 6, 7, 0 },
	};
	char			 oid[64];
	int			 i;

	for (i = 0; i < 9; i++) {
		if (at[p->layout][i] == -1)
			continue;
		snprintf(oid, sizeof(oid), SNP_OID "3.%d", i + 1);
		snp_mint_number(x, p, oid, p->tcb[at[p->layout][i]]);
	}
}

static UNUSED void
snp_mint_extensions(X509 *x, const struct snp_plan *p)
{
	snp_mint_number(x, p, SNP_OID "1", p->layout == SNP_TURIN);
	snp_mint_text(x, p, SNP_OID "2", p->product);
	snp_mint_levels(x, p);
	if (p->hwidlen >= 0)
		snp_mint_ext(x, p, SNP_OID "4", p->chip, p->hwidlen);
	if (p->vlek)
		snp_mint_text(x, p, SNP_OID "5", "Cloud");
}

static UNUSED void
snp_mint_sign(X509 *x, const struct snp_plan *p, EVP_PKEY *key)
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX	*pctx;
	const EVP_MD	*md = p->md != NULL ? p->md : EVP_sha384();

	ATF_REQUIRE(EVP_DigestSignInit(ctx, &pctx, md, NULL, key) == 1);
	if (!p->pkcs1) {
		EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx,
		    RSA_PSS_SALTLEN_DIGEST);
	}
	ATF_REQUIRE(X509_sign_ctx(x, ctx) > 0);
	EVP_MD_CTX_free(ctx);
}

/* Unsigned; serial 0, as of VCEKs, unless it is a CA. */
static UNUSED X509 *
snp_mint_cert(const char *name, EVP_PKEY *key, X509 *issuer, int ca,
    time_t until)
{
	X509	*x = X509_new();

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ca);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
	    MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ?
	    issuer : x));
	X509_gmtime_adj(X509_getm_notBefore(x), -DAY);
	X509_gmtime_adj(X509_getm_notAfter(x), until ? until : DAY);
	X509_set_pubkey(x, key);
	return (x);
}

static UNUSED void
snp_mint_ask(struct snp_mint *m, const struct snp_plan *p)
{
	char	 text[64] = "critical,CA:TRUE";

	if (p->ask_path > 0)
		snprintf(text, sizeof(text), "critical,CA:TRUE,pathlen:%d",
		    p->ask_path - 1);
	m->ask = snp_mint_cert(p->ask_name, m->ask_key, m->ark, 0x10001,
	    p->ask_until);
	mint_ext(m->ask, m->ark, NID_basic_constraints, text);
	mint_ext(m->ask, m->ark, NID_key_usage, p->ask_usage != NULL ?
	    p->ask_usage : "critical,keyCertSign");
	snp_mint_sign(m->ask, p, p->ask_signer != NULL ? p->ask_signer :
	    m->ark_key);
}

/* Certificates anew under the keys that there are, or under new ones. */
static UNUSED void
snp_mint_chain(struct snp_mint *m, const struct snp_plan *p)
{
	if (m->ark_key == NULL) {
		m->ark_key = mint_rsa(2048);
		m->ask_key = mint_rsa(2048);
	}
	X509_free(m->ark);
	X509_free(m->ask);
	X509_free(m->vek);
	EVP_PKEY_free(m->vek_key);
	m->vek_key = mint_ec(p->curve != NULL ? p->curve : "P-384");
	m->ark = snp_mint_cert(p->ark_name, m->ark_key, NULL, 0x10000,
	    p->ark_until);
	mint_ext(m->ark, m->ark, NID_basic_constraints, "critical,CA:TRUE");
	mint_ext(m->ark, m->ark, NID_key_usage,
	    "critical,keyCertSign,cRLSign");
	snp_mint_sign(m->ark, p, m->ark_key);
	snp_mint_ask(m, p);
	m->vek = snp_mint_cert(p->vek_name, m->vek_key, m->ask, 0,
	    p->vek_until);
	if (p->vek_ca)
		mint_ext(m->vek, m->ask, NID_basic_constraints,
		    "critical,CA:TRUE");
	snp_mint_extensions(m->vek, p);
	snp_mint_sign(m->vek, p, p->vek_signer != NULL ? p->vek_signer :
	    m->ask_key);
	m->roots.n = 1;
	ATF_REQUIRE_EQ(0, snp_root_digest(m->roots.digest[0], m->ark));
	m->rules.roots = &m->roots;
	m->rules.vmpl_most = 0;
}

static UNUSED void
snp_mint_free(struct snp_mint *m)
{
	X509_free(m->ark);
	X509_free(m->ask);
	X509_free(m->vek);
	EVP_PKEY_free(m->ark_key);
	EVP_PKEY_free(m->ask_key);
	EVP_PKEY_free(m->vek_key);
	memset(m, 0, sizeof(*m));
}

static UNUSED struct der
snp_mint_der(X509 *x)
{
	unsigned char	*p = NULL;
	struct der	 der;
	int		 len = i2d_X509(x, &p);

	ATF_REQUIRE(len > 0);
	der.p = p;
	der.len = (size_t)len;
	return (der);
}

static UNUSED int
snp_mint_read(const struct snp_mint *m, struct snp_chain *c, char *why,
    size_t whysize)
{
	struct der	 vek = snp_mint_der(m->vek);
	struct der	 ask = snp_mint_der(m->ask);
	struct der	 ark = snp_mint_der(m->ark);
	int		 rc;

	rc = snp_chain_read(c, &vek, &ask, &ark, why, whysize);
	OPENSSL_free((void *)(uintptr_t)vek.p);
	OPENSSL_free((void *)(uintptr_t)ask.p);
	OPENSSL_free((void *)(uintptr_t)ark.p);
	return (rc);
}

/* --- reports -------------------------------------------------------- */

/* A good report of that plan, not signed yet. */
static UNUSED void
snp_mint_fields(uint8_t r[SNP_REPORT_LEN], const struct snp_plan *p,
    uint8_t version)
{
	static const uint8_t	 cpuids[][3] = { { 0x19, 1, 1 },
				    { 0x19, 0x11, 1 }, { 0x1a, 2, 1 } };
	int			 i;

	memset(r, 0, SNP_REPORT_LEN);
	r[0] = version;
	r[4] = 2;			/* guest SVN */
	r[8 + 2] = 0x03;		/* policy 0x30000 */
	r[0x34] = 1;
	r[0x40] = 1;
	memcpy(r + 0x38, p->tcb, SNP_TCB_LEN);
	r[0x48] = p->vlek ? 1 << 2 : 0;
	for (i = 0; i < 64; i++)
		r[0x50 + i] = (uint8_t)i;
	memset(r + 0x90, 0x3a, 48);	/* measurement */
	memset(r + 0xc0, 0x3b, 32);	/* host data */
	memset(r + 0xe0, 0x3c, 48);	/* digests of id and author key */
	memset(r + 0x110, 0x3d, 48);
	memset(r + 0x140, 0x3e, 32);
	memset(r + 0x160, 0xff, 32);
	memcpy(r + 0x180, p->tcb, SNP_TCB_LEN);
	if (version > 2)
		memcpy(r + 0x188, cpuids[p->layout], 3);
	if (!p->vlek)
		memcpy(r + 0x1a0, p->chip, p->layout == SNP_TURIN ? 8 : 64);
	memcpy(r + 0x1e0, p->tcb, SNP_TCB_LEN);
	memcpy(r + 0x1f0, p->tcb, SNP_TCB_LEN);
}

static UNUSED void
snp_mint_report_sign(uint8_t r[SNP_REPORT_LEN], EVP_PKEY *key)
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	uint8_t		 der[256], raw[96];
	size_t		 len = sizeof(der);
	int		 i;

	ATF_REQUIRE(EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL,
	    key) == 1 && EVP_DigestSign(ctx, der, &len, r,
	    SNP_SIGNED_LEN) == 1);
	EVP_MD_CTX_free(ctx);
	mint_raw(raw, der, len, 48);
	memset(r + SNP_SIGNED_LEN, 0, SNP_REPORT_LEN - SNP_SIGNED_LEN);
	for (i = 0; i < 48; i++) {
		r[0x2a0 + i] = raw[47 - i];
		r[0x2e8 + i] = raw[95 - i];
	}
}

static UNUSED void
snp_mint_report(uint8_t r[SNP_REPORT_LEN], const struct snp_mint *m,
    const struct snp_plan *p, uint8_t version)
{
	snp_mint_fields(r, p, version);
	snp_mint_report_sign(r, m->vek_key);
}

#endif

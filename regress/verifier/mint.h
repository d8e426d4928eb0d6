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
 * A token service of our own for the tests: a root, a signing CA and a leaf,
 * their CRLs, key sets and tokens, and every one of them as wrong as asked.
 * Private keys are made anew in each test program.
 */
#ifndef MINT_H
#define MINT_H

#include <sys/types.h>

#include <atf-c.h>
#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base64.h"
#include "verifier.h"

#define DAY	86400
#define URL_LEAF "https://localhost/crl/signing.crl"
#define URL_CA	"https://localhost/crl/root.crl"
#define UNUSED	__attribute__((unused))

struct mint {
	EVP_PKEY	*root_key, *ca_key, *leaf_key;
	X509		*root, *ca, *leaf;
};

struct mint_cert {
	const char	*name;
	EVP_PKEY	*key;
	X509		*issuer;	/* NULL: itself */
	EVP_PKEY	*signer;
	int		 ca;
	const char	*usage;		/* NULL: as ca says */
	const char	*crl;
	time_t		 from, until;	/* relative to now; 0: a day each */
	const EVP_MD	*md;
	const char	*critical;	/* OID of an unknown extension */
	int		 pathlen;	/* plus 1; 0: none */
};

static UNUSED EVP_PKEY *
mint_rsa(unsigned int bits)
{
	EVP_PKEY	*key = EVP_RSA_gen(bits);

	ATF_REQUIRE(key != NULL);
	return (key);
}

static UNUSED EVP_PKEY *
mint_ec(const char *curve)
{
	EVP_PKEY	*key = EVP_EC_gen(curve);

	ATF_REQUIRE(key != NULL);
	return (key);
}

static UNUSED void
mint_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX	 ctx;
	X509_EXTENSION	*ext;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ATF_REQUIRE_MSG(ext != NULL, "%s", value);
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
}

static UNUSED void
mint_critical(X509 *x, const char *oid)
{
	ASN1_OCTET_STRING	*os = ASN1_OCTET_STRING_new();
	ASN1_OBJECT		*obj = OBJ_txt2obj(oid, 1);
	X509_EXTENSION		*ext;

	ASN1_OCTET_STRING_set(os, (const unsigned char *)"\x05", 2);
	ext = X509_EXTENSION_create_by_OBJ(NULL, obj, 1, os);
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	ASN1_OBJECT_free(obj);
	ASN1_OCTET_STRING_free(os);
}

static UNUSED X509 *
mint_certificate(const struct mint_cert *c)
{
	static long	 serial = 1000;
	X509		*x = X509_new(), *issuer;
	X509_NAME	*name = X509_get_subject_name(x);
	char		 text[512];

	issuer = c->issuer != NULL ? c->issuer : x;
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)c->name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	X509_gmtime_adj(X509_getm_notBefore(x), c->from ? c->from : -DAY);
	X509_gmtime_adj(X509_getm_notAfter(x), c->until ? c->until : DAY);
	X509_set_pubkey(x, c->key);
	if (c->ca && c->pathlen > 0)
		snprintf(text, sizeof(text), "critical,CA:TRUE,pathlen:%d",
		    c->pathlen - 1);
	else
		snprintf(text, sizeof(text), "critical,CA:%s",
		    c->ca ? "TRUE" : "FALSE");
	mint_ext(x, issuer, NID_basic_constraints, text);
	mint_ext(x, issuer, NID_key_usage, c->usage != NULL ? c->usage :
	    c->ca ? "critical,keyCertSign,cRLSign" :
	    "critical,digitalSignature");
	if (c->crl != NULL) {
		snprintf(text, sizeof(text), "URI:%s", c->crl);
		mint_ext(x, issuer, NID_crl_distribution_points, text);
	}
	if (c->critical != NULL)
		mint_critical(x, c->critical);
	ATF_REQUIRE(X509_sign(x, c->signer != NULL ? c->signer : c->key,
	    c->md != NULL ? c->md : EVP_sha256()) > 0);
	return (x);
}

static UNUSED X509 *
mint_root(EVP_PKEY *key)
{
	struct mint_cert	 c = { .name = "Root", .key = key, .ca = 1 };

	return (mint_certificate(&c));
}

static UNUSED X509 *
mint_ca(EVP_PKEY *key, X509 *root, EVP_PKEY *root_key)
{
	struct mint_cert	 c = { .name = "Signing CA", .key = key,
	    .issuer = root, .signer = root_key, .ca = 1, .crl = URL_CA };

	return (mint_certificate(&c));
}

static UNUSED X509 *
mint_leaf(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key)
{
	struct mint_cert	 c = { .name = "Leaf", .key = key,
	    .issuer = ca, .signer = ca_key, .crl = URL_LEAF };

	return (mint_certificate(&c));
}

static UNUSED void
mint_init(struct mint *m)
{
	json_object_seed(1);
	m->root_key = mint_ec("P-384");
	m->ca_key = mint_ec("P-256");
	m->leaf_key = mint_rsa(2048);
	m->root = mint_root(m->root_key);
	m->ca = mint_ca(m->ca_key, m->root, m->root_key);
	m->leaf = mint_leaf(m->leaf_key, m->ca, m->ca_key);
}

static UNUSED void
mint_roots(const struct mint *m, struct roots *roots)
{
	memset(roots, 0, sizeof(*roots));
	X509_up_ref(m->root);
	roots->v[roots->n++] = m->root;
}

/* --- CRLs ----------------------------------------------------------- */

static UNUSED uint8_t *
mint_crl(X509 *issuer, EVP_PKEY *key, X509 *revoked, time_t from,
    time_t until, int *len)
{
	X509_CRL	*crl = X509_CRL_new();
	X509_REVOKED	*entry;
	ASN1_TIME	*t = ASN1_TIME_new();
	unsigned char	*der = NULL;

	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
	X509_gmtime_adj(t, from);
	X509_CRL_set1_lastUpdate(crl, t);
	if (until != 0) {
		X509_gmtime_adj(t, until);
		X509_CRL_set1_nextUpdate(crl, t);
	}
	if (revoked != NULL) {
		entry = X509_REVOKED_new();
		X509_gmtime_adj(t, -60);
		X509_REVOKED_set_revocationDate(entry, t);
		X509_REVOKED_set_serialNumber(entry,
		    X509_get_serialNumber(revoked));
		X509_CRL_add0_revoked(crl, entry);
	}
	ASN1_TIME_free(t);
	X509_CRL_sort(crl);
	ATF_REQUIRE(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
	*len = i2d_X509_CRL(crl, &der);
	X509_CRL_free(crl);
	ATF_REQUIRE(*len > 0);
	return (der);
}

/* --- quotes ---------------------------------------------------------- */

/* The header of a quote by Intel's quoting enclave. */
static UNUSED void
mint_quote(uint8_t *q, uint8_t version, uint8_t tee)
{
	static const uint8_t	 vendor[] = { 0x93, 0x9a, 0x72, 0x33, 0xf7,
				    0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3,
				    0x95, 0x7f, 0x06, 0x07 };

	memset(q, 0, 48);
	q[0] = version;
	q[2] = 2;
	q[4] = tee == TEE_SGX ? 0 : 0x81;
	memcpy(q + 12, vendor, sizeof(vendor));
}

/* --- JOSE ----------------------------------------------------------- */

static UNUSED char *
mint_b64(const void *data, size_t len, int url)
{
	char	*text = malloc(BASE64_SIZE(len));

	ATF_REQUIRE(text != NULL);
	if (url)
		base64url_encode(text, BASE64_SIZE(len), data, len);
	else
		base64_encode(text, BASE64_SIZE(len), data, len);
	return (text);
}

static UNUSED json_t *
mint_json_b64(const void *data, size_t len, int url)
{
	char	*text = mint_b64(data, len, url);
	json_t	*j = json_string(text);

	free(text);
	return (j);
}

static UNUSED json_t *
mint_json_bn(const EVP_PKEY *key, const char *param)
{
	BIGNUM		*bn = NULL;
	uint8_t		 buf[2048];
	json_t		*j;

	ATF_REQUIRE(EVP_PKEY_get_bn_param(key, param, &bn) == 1);
	ATF_REQUIRE(BN_num_bytes(bn) <= (int)sizeof(buf));
	j = mint_json_b64(buf, (size_t)BN_bn2bin(bn, buf), 1);
	BN_free(bn);
	return (j);
}

static UNUSED json_t *
mint_x5c(X509 **certs, size_t n)
{
	json_t		*list = json_array();
	unsigned char	*der;
	size_t		 i;
	int		 len;

	for (i = 0; i < n; i++) {
		der = NULL;
		len = i2d_X509(certs[i], &der);
		json_array_append_new(list, mint_json_b64(der, (size_t)len,
		    0));
		OPENSSL_free(der);
	}
	return (list);
}

static UNUSED json_t *
mint_jwk(const EVP_PKEY *key, const char *kid, const char *alg, X509 **certs,
    size_t n)
{
	json_t	*j = json_object();
	uint8_t	 point[256];
	size_t	 len = 0;

	if (EVP_PKEY_base_id(key) == EVP_PKEY_RSA) {
		json_object_set_new(j, "kty", json_string("RSA"));
		json_object_set_new(j, "n", mint_json_bn(key, "n"));
		json_object_set_new(j, "e", mint_json_bn(key, "e"));
	} else {
		ATF_REQUIRE(EVP_PKEY_get_octet_string_param(key, "pub",
		    point, sizeof(point), &len) == 1);
		len = (len - 1) / 2;
		json_object_set_new(j, "kty", json_string("EC"));
		json_object_set_new(j, "crv", json_string(len == 32 ?
		    "P-256" : "P-384"));
		json_object_set_new(j, "x", mint_json_b64(point + 1, len, 1));
		json_object_set_new(j, "y", mint_json_b64(point + 1 + len,
		    len, 1));
	}
	if (kid != NULL)
		json_object_set_new(j, "kid", json_string(kid));
	if (alg != NULL)
		json_object_set_new(j, "alg", json_string(alg));
	if (certs != NULL)
		json_object_set_new(j, "x5c", mint_x5c(certs, n));
	return (j);
}

/* {"keys": [...]}; takes the key. */
static UNUSED char *
mint_jwks(json_t *key, json_t *other)
{
	json_t	*set = json_object(), *keys = json_array();
	char	*text;

	if (key != NULL)
		json_array_append_new(keys, key);
	if (other != NULL)
		json_array_append_new(keys, other);
	json_object_set_new(set, "keys", keys);
	text = json_dumps(set, JSON_COMPACT);
	json_decref(set);
	return (text);
}

/* The usual one: kid "k", PS384, leaf, CA and root. */
static UNUSED char *
mint_usual_jwks(const struct mint *m)
{
	X509	*certs[] = { m->leaf, m->ca, m->root };

	return (mint_jwks(mint_jwk(m->leaf_key, "k", "PS384", certs, 3),
	    NULL));
}

static UNUSED const EVP_MD *
mint_md(const char *alg)
{
	return (strstr(alg, "384") != NULL ? EVP_sha384() : EVP_sha256());
}

/* Raw r || s of half bytes each. */
static UNUSED size_t
mint_raw(uint8_t *raw, const uint8_t *der, size_t len, int half)
{
	const unsigned char	*p = der;
	ECDSA_SIG		*sig = d2i_ECDSA_SIG(NULL, &p, (long)len);

	ATF_REQUIRE(sig != NULL);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, half);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, half);
	ECDSA_SIG_free(sig);
	return ((size_t)half * 2);
}

static UNUSED size_t
mint_sign(EVP_PKEY *key, const char *alg, int saltlen, const char *text,
    uint8_t *sig, size_t size)
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX	*pctx;
	uint8_t		 der[1024];
	size_t		 len = size;

	ATF_REQUIRE(EVP_DigestSignInit(ctx, &pctx, mint_md(alg), NULL,
	    key) == 1);
	if (alg[0] == 'P') {
		EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, saltlen);
	}
	if (alg[0] != 'E') {
		ATF_REQUIRE(EVP_DigestSign(ctx, sig, &len,
		    (const uint8_t *)text, strlen(text)) == 1);
	} else {
		len = sizeof(der);
		ATF_REQUIRE(EVP_DigestSign(ctx, der, &len,
		    (const uint8_t *)text, strlen(text)) == 1);
		len = mint_raw(sig, der, len, alg[2] == '3' ? 48 : 32);
	}
	EVP_MD_CTX_free(ctx);
	return (len);
}

/* A compact JWS over these two texts; malloc'd. */
static UNUSED char *
mint_jws(EVP_PKEY *key, const char *alg, const char *header,
    const char *payload)
{
	char	*h = mint_b64(header, strlen(header), 1);
	char	*p = mint_b64(payload, strlen(payload), 1), *s, *out;
	size_t	 size = strlen(h) + strlen(p) + 4096, len = 0;
	uint8_t	 sig[2048];

	ATF_REQUIRE((out = malloc(size)) != NULL);
	snprintf(out, size, "%s.%s", h, p);
	if (key != NULL)
		len = mint_sign(key, alg, RSA_PSS_SALTLEN_DIGEST, out, sig,
		    sizeof(sig));
	s = mint_b64(sig, len, 1);
	strlcat(out, ".", size);
	strlcat(out, s, size);
	free(h);
	free(p);
	free(s);
	return (out);
}

static UNUSED char *
mint_token(EVP_PKEY *key, const char *alg, const char *kid,
    const char *payload)
{
	char	 header[512];

	snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\","
	    "\"typ\":\"JWT\",\"jku\":\"https://localhost/certs\"}", alg, kid);
	return (mint_jws(key, alg, header, payload));
}

#endif

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

/* Key sets, certificate paths and CRLs. */
#include "mint.h"

static char	 why[WHY_MAX];

/* How many keys of this set are taken; -1: the set is refused. */
static int
taken(char *text, const struct roots *roots)
{
	struct jwks	*set;
	int		 n;

	why[0] = '\0';
	set = jwks_read(text, strlen(text), roots, why, sizeof(why));
	n = set == NULL ? -1 : (int)set->n;
	jwks_free(set);
	free(text);
	return (n);
}

static int
taken_chain(const struct mint *m, X509 *leaf, X509 *ca, X509 *root)
{
	X509		*certs[3] = { leaf, ca, root };
	struct roots	 roots;
	int		 n;

	mint_roots(m, &roots);
	n = taken(mint_jwks(mint_jwk(m->leaf_key, "k", "PS384", certs,
	    root != NULL ? 3 : 2), NULL), &roots);
	roots_free(&roots);
	return (n);
}

ATF_TC_WITHOUT_HEAD(good);
ATF_TC_BODY(good, tc)
{
	struct mint	 m;
	struct roots	 roots;
	struct jwks	*set;
	struct jwk	*k;
	EVP_PKEY	*ec = mint_ec("P-256");
	X509		*leaf, *certs[2];
	char		*text;

	mint_init(&m);
	mint_roots(&m, &roots);
	leaf = mint_leaf(ec, m.ca, m.ca_key);
	certs[0] = leaf;
	certs[1] = m.ca;
	text = mint_usual_jwks(&m);
	set = jwks_read(text, strlen(text), &roots, why, sizeof(why));
	ATF_REQUIRE_MSG(set != NULL && set->n == 1, "%s", why);
	ATF_REQUIRE((k = jwks_find(set, "k")) != NULL);
	ATF_CHECK(jwks_find(set, "K") == NULL);
	ATF_CHECK(jwks_find(set, "") == NULL);
	ATF_CHECK(k->alg == JWS_PS384);
	ATF_CHECK_STREQ(k->chain.leaf_crl, URL_LEAF);
	ATF_CHECK_STREQ(k->chain.ca_crl, URL_CA);
	ATF_CHECK(k->chain.from <= time(NULL));
	ATF_CHECK(k->chain.until > time(NULL) + DAY - 60);
	jwks_free(set);
	free(text);
	ATF_CHECK_EQ_MSG(taken(mint_jwks(mint_jwk(ec, "e", "ES256", certs, 2),
	    mint_jwk(m.leaf_key, "k", "RS256",
	    (X509 *[]){ m.leaf, m.ca }, 2)), &roots), 2, "%s", why);
	roots_free(&roots);
}

ATF_TC_WITHOUT_HEAD(path);
ATF_TC_BODY(path, tc)
{
	struct mint		 m, other;
	struct mint_cert	 c;
	X509			*x;

	mint_init(&m);
	mint_init(&other);
	ATF_CHECK_EQ(taken_chain(&m, m.leaf, m.ca, m.root), 1);
	ATF_CHECK_EQ(taken_chain(&m, m.leaf, m.ca, NULL), 1);
	/* the root comes from the configuration, not from the set */
	ATF_CHECK_EQ(taken_chain(&m, m.leaf, m.ca, other.root), 0);
	x = mint_leaf(m.leaf_key, other.ca, other.ca_key);
	ATF_CHECK_EQ(taken_chain(&m, x, other.ca, other.root), 0);
	ATF_CHECK_EQ(taken_chain(&m, x, other.ca, m.root), 0);
	ATF_CHECK_EQ(taken_chain(&m, x, m.ca, m.root), 0);
	/* out of order, or something missing */
	ATF_CHECK_EQ(taken_chain(&m, m.ca, m.leaf, m.root), 0);
	ATF_CHECK_EQ(taken_chain(&m, m.leaf, m.root, NULL), 0);
	ATF_CHECK_EQ(taken_chain(&m, m.root, m.root, NULL), 0);
	/* signed by a leaf */
	c = (struct mint_cert){ .name = "Sub", .key = m.leaf_key,
	    .issuer = m.leaf, .signer = m.leaf_key, .crl = URL_LEAF };
	ATF_CHECK_EQ(taken_chain(&m, mint_certificate(&c), m.leaf, m.root), 0);
}

/* One thing wrong with the leaf, or with the signing CA. */
ATF_TC_WITHOUT_HEAD(place);
ATF_TC_BODY(place, tc)
{
	struct mint		 m;
	struct mint_cert	 c;
	X509			*x;
	size_t			 i;
	static const struct {
		const char	*what;
		int		 of_ca, good;
		struct mint_cert cert;
	} cases[] = {
		{ "as it should be", 0, 1, { .crl = URL_LEAF } },
		{ "leaf is a CA", 0, 0, { .ca = 1, .crl = URL_LEAF } },
		{ "leaf may not sign", 0, 0, { .usage =
		    "critical,keyEncipherment", .crl = URL_LEAF } },
		{ "leaf has a surprise", 0, 0, { .critical = "1.2.3.4.5",
		    .crl = URL_LEAF } },
		{ "leaf signed with SHA-1", 0, 0, { .crl = URL_LEAF,
		    .md = NULL, .name = "sha1" } },
		{ "no CRL", 0, 0, { .crl = NULL } },
		{ "CRL by http", 0, 0, { .crl = "http://localhost/crl" } },
		{ "CRL in a file", 0, 0, { .crl = "file:///etc/passwd" } },
		{ "CRL nowhere", 0, 0, { .crl = "https://" } },
		{ "CA as it should be", 1, 1, { .ca = 1, .crl = URL_CA } },
		{ "CA is none", 1, 0, { .crl = URL_CA } },
		{ "CA signs no CRL", 1, 0, { .ca = 1, .usage =
		    "critical,keyCertSign", .crl = URL_CA } },
		{ "CA signs no certificate", 1, 0, { .ca = 1, .usage =
		    "critical,cRLSign", .crl = URL_CA } },
		{ "CA without CRL", 1, 0, { .ca = 1 } },
		{ "CA with a path length of 0", 1, 1, { .ca = 1,
		    .pathlen = 1, .crl = URL_CA } },
		{ "CA has a surprise", 1, 0, { .ca = 1, .crl = URL_CA,
		    .critical = "1.2.3.4.5" } },
	};

	mint_init(&m);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c = cases[i].cert;
		if (c.name != NULL)
			c.md = EVP_sha1();
		c.name = cases[i].of_ca ? "Signing CA" : "Leaf";
		c.key = cases[i].of_ca ? m.ca_key : m.leaf_key;
		c.issuer = cases[i].of_ca ? m.root : m.ca;
		c.signer = cases[i].of_ca ? m.root_key : m.ca_key;
		x = mint_certificate(&c);
		ATF_CHECK_EQ_MSG(taken_chain(&m, cases[i].of_ca ? m.leaf : x,
		    cases[i].of_ca ? x : m.ca, m.root), cases[i].good,
		    "%s: %s", cases[i].what, why);
		X509_free(x);
	}
}

/* alg and key of the JWK against those of its certificate. */
ATF_TC_WITHOUT_HEAD(jwk);
ATF_TC_BODY(jwk, tc)
{
	struct mint	 m;
	struct roots	 roots;
	EVP_PKEY	*stranger = mint_rsa(2048), *weak = mint_rsa(1024);
	EVP_PKEY	*ec = mint_ec("P-384");
	X509		*certs[3], *x;
	json_t		*j;
	size_t		 i;
	static const struct {
		const char	*name, *json;	/* NULL: taken away */
		int		 good;
	} cases[] = {
		{ "use", "\"sig\"", 1 }, { "use", "\"enc\"", 0 },
		{ "key_ops", "[\"verify\"]", 1 },
		{ "key_ops", "[\"sign\"]", 0 }, { "key_ops", "[]", 0 },
		{ "alg", NULL, 0 }, { "alg", "\"none\"", 0 },
		{ "alg", "\"HS256\"", 0 }, { "alg", "\"ES256\"", 0 },
		{ "alg", "\"RSA-OAEP\"", 0 }, { "alg", "7", 0 },
		{ "kty", NULL, 0 }, { "kty", "\"oct\"", 0 },
		{ "kid", NULL, 0 }, { "kid", "\"\"", 0 }, { "kid", "1", 0 },
		{ "n", NULL, 0 }, { "n", "\"\"", 0 }, { "n", "\"AQAB\"", 0 },
		{ "n", "\"!\"", 0 }, { "e", "\"Aw\"", 0 }, { "e", NULL, 0 },
		{ "e", "\"AQAB\"", 1 }, { "e", "\"AAEAAQ\"", 1 },
		{ "e", "\"AQAC\"", 0 }, { "x5c", NULL, 0 },
		{ "x5c", "[]", 0 }, { "x5c", "[\"AA==\",\"AA==\"]", 0 },
		{ "x5c", "[1,2]", 0 }, { "x5c", "\"\"", 0 },
		{ "unknown", "{}", 1 },
	};

	static const struct {
		const char	*name, *value;
	} ec_cases[] = {
		{ "crv", "P-256" }, { "kty", "RSA" }, { "x", "AQAB" },
		{ "y", "!" }, { "x", "" },
		{ "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		    "AAAAAAAAAAAA" },
	};

	mint_init(&m);
	mint_roots(&m, &roots);
	certs[0] = m.leaf;
	certs[1] = m.ca;
	certs[2] = m.root;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		j = mint_jwk(m.leaf_key, "k", "PS384", certs, 3);
		if (cases[i].json == NULL)
			json_object_del(j, cases[i].name);
		else
			json_object_set_new(j, cases[i].name,
			    json_loads(cases[i].json, JSON_DECODE_ANY, NULL));
		ATF_CHECK_EQ_MSG(taken(mint_jwks(j, NULL), &roots),
		    cases[i].good, "%s %s: %s", cases[i].name,
		    cases[i].json != NULL ? cases[i].json : "absent", why);
	}
	/* another key beside somebody's certificate */
	ATF_CHECK_EQ(taken(mint_jwks(mint_jwk(stranger, "k", "PS384", certs,
	    3), NULL), &roots), 0);
	x = mint_leaf(weak, m.ca, m.ca_key);
	certs[0] = x;
	ATF_CHECK_EQ(taken(mint_jwks(mint_jwk(weak, "k", "PS384", certs, 3),
	    NULL), &roots), 0);
	certs[0] = mint_leaf(ec, m.ca, m.ca_key);
	ATF_CHECK_EQ(taken(mint_jwks(mint_jwk(ec, "k", "ES384", certs, 3),
	    NULL), &roots), 1);
	ATF_CHECK_EQ(taken(mint_jwks(mint_jwk(ec, "k", "ES256", certs, 3),
	    NULL), &roots), 0);
	for (i = 0; i < sizeof(ec_cases) / sizeof(ec_cases[0]); i++) {
		j = mint_jwk(ec, "k", "ES384", certs, 3);
		json_object_set_new(j, ec_cases[i].name,
		    json_string(ec_cases[i].value));
		ATF_CHECK_EQ_MSG(taken(mint_jwks(j, NULL), &roots), 0,
		    "%s %s", ec_cases[i].name, ec_cases[i].value);
	}
	ATF_CHECK_EQ(taken(mint_jwks(mint_jwk(mint_ec("P-384"), "k", "ES384",
	    certs, 3), NULL), &roots), 0);
	roots_free(&roots);
}

ATF_TC_WITHOUT_HEAD(set);
ATF_TC_BODY(set, tc)
{
	struct mint	 m;
	struct roots	 roots;
	EVP_PKEY	*stranger = mint_rsa(2048);
	X509		*certs[3];
	char		*text, *copy;
	size_t		 i, len;
	static const char *const bad[] = { "", "{}", "[]", "null", "{", "x",
	    "{\"keys\":{}}", "{\"keys\":null}", "{\"keys\":[],\"keys\":[]}",
	    "{\"keys\":[{\"kid\":\"a\"},{\"kid\":\"a\"}]}" };
	static const char *const empty[] = { "{\"keys\":[]}",
	    "{\"keys\":[1,null,\"x\",[]]}", "{\"keys\":[{}]}",
	    "{\"keys\":[{\"kid\":\"a\"}],\"more\":1}" };

	mint_init(&m);
	mint_roots(&m, &roots);
	certs[0] = m.leaf;
	certs[1] = m.ca;
	certs[2] = m.root;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(taken(strdup(bad[i]), &roots), -1, "%s",
		    bad[i]);
	for (i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
		ATF_CHECK_EQ_MSG(taken(strdup(empty[i]), &roots), 0, "%s",
		    empty[i]);
	/* one kid, two keys: which one, nobody can say */
	ATF_CHECK_EQ(taken(mint_jwks(mint_jwk(stranger, "k", "PS384", certs,
	    3), mint_jwk(m.leaf_key, "k", "PS384", certs, 3)), &roots), -1);
	/* a key that is not used does not spoil its neighbour */
	ATF_CHECK_EQ(taken(mint_jwks(mint_jwk(stranger, "s", "PS384", certs,
	    3), mint_jwk(m.leaf_key, "k", "PS384", certs, 3)), &roots), 1);
	/* cut anywhere */
	text = mint_usual_jwks(&m);
	len = strlen(text);
	for (i = 0; i < len; i += 7) {
		ATF_REQUIRE((copy = malloc(i + 1)) != NULL);
		memcpy(copy, text, i);
		ATF_CHECK(jwks_read(copy, i, &roots, why, sizeof(why)) ==
		    NULL);
		free(copy);
	}
	roots_free(&roots);
}

/* --- CRLs -------------------------------------------------------------- */

static struct crl *
crl_of(X509 *issuer, EVP_PKEY *key, X509 *revoked, time_t from, time_t until,
    const char *url)
{
	struct crl	*c;
	uint8_t		*der;
	int		 len;

	der = mint_crl(issuer, key, revoked, from, until, &len);
	c = crl_read(der, (size_t)len, url, issuer, why, sizeof(why));
	OPENSSL_free(der);
	return (c);
}

/* The same list, signed by RSASSA-PSS. */
static struct crl *
crl_by_pss(X509 *issuer, EVP_PKEY *key, const EVP_MD *md)
{
	EVP_MD_CTX		*ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX		*pctx;
	X509_CRL		*crl;
	struct crl		*c;
	unsigned char		*der, *again = NULL;
	const unsigned char	*p;
	int			 len;

	p = der = mint_crl(issuer, key, NULL, -60, 3600, &len);
	crl = d2i_X509_CRL(NULL, &p, len);
	ATF_REQUIRE(EVP_DigestSignInit(ctx, &pctx, md, NULL, key) == 1);
	ATF_REQUIRE(EVP_PKEY_CTX_set_rsa_padding(pctx,
	    RSA_PKCS1_PSS_PADDING) == 1);
	ATF_REQUIRE(X509_CRL_sign_ctx(crl, ctx) > 0);
	len = i2d_X509_CRL(crl, &again);
	c = crl_read(again, (size_t)len, URL_LEAF, issuer, why, sizeof(why));
	X509_CRL_free(crl);
	OPENSSL_free(der);
	OPENSSL_free(again);
	EVP_MD_CTX_free(ctx);
	return (c);
}

/* A list that tells of a part only: a delta. */
ATF_TC_WITHOUT_HEAD(delta);
ATF_TC_BODY(delta, tc)
{
	struct mint		 m;
	ASN1_INTEGER		*number = ASN1_INTEGER_new();
	X509_CRL		*crl;
	unsigned char		*der, *again = NULL;
	const unsigned char	*p;
	int			 len;

	mint_init(&m);
	ASN1_INTEGER_set(number, 7);
	p = der = mint_crl(m.ca, m.ca_key, NULL, -60, 3600, &len);
	crl = d2i_X509_CRL(NULL, &p, len);
	ATF_REQUIRE(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, number, 1,
	    0) == 1);
	ATF_REQUIRE(X509_CRL_sign(crl, m.ca_key, EVP_sha256()) > 0);
	len = i2d_X509_CRL(crl, &again);
	ATF_CHECK(crl_read(again, (size_t)len, URL_LEAF, m.ca, why,
	    sizeof(why)) == NULL);
	ATF_CHECK_STREQ(why, "the CRL is not a whole one");
	X509_CRL_free(crl);
	ASN1_INTEGER_free(number);
	OPENSSL_free(der);
	OPENSSL_free(again);
}

ATF_TC_WITHOUT_HEAD(pss);
ATF_TC_BODY(pss, tc)
{
	EVP_PKEY	*root_key = mint_rsa(2048), *key = mint_rsa(2048);
	X509		*ca = mint_ca(key, mint_root(root_key), root_key);
	struct crl	*c;

	ATF_CHECK((c = crl_by_pss(ca, key, EVP_sha256())) != NULL);
	crl_free(c);
	ATF_CHECK((c = crl_by_pss(ca, key, EVP_sha384())) != NULL);
	crl_free(c);
	ATF_CHECK(crl_by_pss(ca, key, EVP_sha1()) == NULL);
	ATF_CHECK(crl_by_pss(ca, root_key, EVP_sha256()) == NULL);
}

static void
settle(struct jwks *set, struct crl *leaf, struct crl *ca)
{
	struct crls	 crls = TAILQ_HEAD_INITIALIZER(crls);

	if (leaf != NULL)
		TAILQ_INSERT_TAIL(&crls, leaf, entry);
	if (ca != NULL)
		TAILQ_INSERT_TAIL(&crls, ca, entry);
	jwk_settle(&set->keys[0], &crls);
}

ATF_TC_WITHOUT_HEAD(revocation);
ATF_TC_BODY(revocation, tc)
{
	struct mint	 m;
	struct roots	 roots;
	struct jwks	*set;
	struct crl	*leaf, *ca, *bad;
	struct jwk	*k;
	char		*text;
	int64_t		 now = time(NULL);

	mint_init(&m);
	mint_roots(&m, &roots);
	text = mint_usual_jwks(&m);
	set = jwks_read(text, strlen(text), &roots, why, sizeof(why));
	ATF_REQUIRE(set != NULL && set->n == 1);
	k = &set->keys[0];
	leaf = crl_of(m.ca, m.ca_key, NULL, -60, 3600, URL_LEAF);
	ca = crl_of(m.root, m.root_key, NULL, -60, 1800, URL_CA);
	ATF_REQUIRE_MSG(leaf != NULL && ca != NULL, "%s", why);
	settle(set, leaf, ca);
	ATF_CHECK(k->state == JWK_OK);
	ATF_CHECK(jwk_usable(k, now));
	ATF_CHECK(k->until <= time(NULL) + 1800);
	/* to the second: nextUpdate is not in it any more */
	ATF_CHECK(jwk_usable(k, k->until - 1));
	ATF_CHECK(!jwk_usable(k, k->until));
	ATF_CHECK(!jwk_usable(k, k->from - 1));
	/* missing */
	settle(set, NULL, ca);
	ATF_CHECK(k->state == JWK_NO_CRL && !jwk_usable(k, now));
	settle(set, leaf, NULL);
	ATF_CHECK(k->state == JWK_NO_CRL && !jwk_usable(k, now));
	settle(set, NULL, NULL);
	ATF_CHECK(!jwk_usable(k, now));
	/* revoked: the leaf, the CA; also by a list that has expired */
	bad = crl_of(m.ca, m.ca_key, m.leaf, -60, 3600, URL_LEAF);
	settle(set, bad, ca);
	ATF_CHECK(k->state == JWK_REVOKED && !jwk_usable(k, now));
	bad = crl_of(m.root, m.root_key, m.ca, -60, 3600, URL_CA);
	settle(set, leaf, bad);
	ATF_CHECK(k->state == JWK_REVOKED && !jwk_usable(k, now));
	settle(set, NULL, bad);
	ATF_CHECK(k->state == JWK_REVOKED);
	/* expired, and of the future */
	bad = crl_of(m.ca, m.ca_key, NULL, -7200, -3600, URL_LEAF);
	settle(set, bad, ca);
	ATF_CHECK(!jwk_usable(k, now));
	bad = crl_of(m.ca, m.ca_key, NULL, 3600, 7200, URL_LEAF);
	settle(set, bad, ca);
	ATF_CHECK(!jwk_usable(k, now));
	/* where nobody looks for it, or of the other CA */
	bad = crl_of(m.ca, m.ca_key, NULL, -60, 3600, "https://else/");
	settle(set, bad, ca);
	ATF_CHECK(!jwk_usable(k, now));
	bad = crl_of(m.root, m.root_key, NULL, -60, 3600, URL_LEAF);
	settle(set, bad, ca);
	ATF_CHECK(!jwk_usable(k, now));
	jwks_free(set);
	roots_free(&roots);
	free(text);
}

ATF_TC_WITHOUT_HEAD(crl);
ATF_TC_BODY(crl, tc)
{
	struct mint	 m, other;
	struct crl	*a, *b;
	uint8_t		*der, *copy;
	int		 i, len;

	mint_init(&m);
	mint_init(&other);
	/* right name, wrong key; right key, wrong name; none to end it */
	ATF_CHECK(crl_of(m.ca, other.ca_key, NULL, -60, 60, "u") == NULL);
	der = mint_crl(m.root, m.ca_key, NULL, -60, 60, &len);
	ATF_CHECK(crl_read(der, (size_t)len, "u", m.ca, why,
	    sizeof(why)) == NULL);
	OPENSSL_free(der);
	ATF_CHECK(crl_of(m.ca, m.ca_key, NULL, -60, 0, "u") == NULL);
	a = crl_of(m.ca, m.ca_key, NULL, -120, 60, "u");
	b = crl_of(m.ca, m.ca_key, NULL, -60, 60, "u");
	ATF_REQUIRE(a != NULL && b != NULL);
	ATF_CHECK(crl_newer(b, a) && !crl_newer(a, b) && crl_newer(a, a));
	crl_free(a);
	crl_free(b);
	/* cut, flipped, and with something behind it */
	der = mint_crl(m.ca, m.ca_key, m.leaf, -60, 60, &len);
	ATF_REQUIRE((copy = malloc((size_t)len + 1)) != NULL);
	memcpy(copy, der, (size_t)len);
	copy[len] = 0;
	ATF_CHECK(crl_read(copy, (size_t)len + 1, "u", m.ca, why,
	    sizeof(why)) == NULL);
	for (i = 0; i < len; i++) {
		ATF_CHECK(crl_read(copy, (size_t)i, "u", m.ca, why,
		    sizeof(why)) == NULL);
		copy[i] ^= 0x20;
		ATF_CHECK_MSG((a = crl_read(copy, (size_t)len, "u", m.ca,
		    why, sizeof(why))) == NULL, "byte %d", i);
		copy[i] ^= 0x20;
	}
	free(copy);
	OPENSSL_free(der);
}

ATF_TC_WITHOUT_HEAD(roots);
ATF_TC_BODY(roots, tc)
{
	struct mint	 m;
	struct roots	 roots;
	BIO		*bio = BIO_new(BIO_s_mem());
	char		*pem;
	long		 n;

	mint_init(&m);
	ATF_CHECK(roots_read(&roots, "", 0, why, sizeof(why)) == -1);
	ATF_CHECK(roots_read(&roots, "x", 1, why, sizeof(why)) == -1);
	PEM_write_bio_X509(bio, m.root);
	n = BIO_get_mem_data(bio, &pem);
	ATF_CHECK(roots_read(&roots, pem, (size_t)n, why, sizeof(why)) == 0);
	ATF_CHECK_EQ(roots.n, 1);
	roots_free(&roots);
	ATF_CHECK(roots_read(&roots, pem, (size_t)n / 2, why,
	    sizeof(why)) == -1);
	/* a leaf is no root */
	PEM_write_bio_X509(bio, m.leaf);
	n = BIO_get_mem_data(bio, &pem);
	ATF_CHECK(roots_read(&roots, pem, (size_t)n, why, sizeof(why)) == -1);
	ATF_CHECK_EQ(roots.n, 0);
	BIO_free(bio);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, good);
	ATF_TP_ADD_TC(tp, path);
	ATF_TP_ADD_TC(tp, place);
	ATF_TP_ADD_TC(tp, jwk);
	ATF_TP_ADD_TC(tp, set);
	ATF_TP_ADD_TC(tp, revocation);
	ATF_TP_ADD_TC(tp, delta);
	ATF_TP_ADD_TC(tp, pss);
	ATF_TP_ADD_TC(tp, crl);
	ATF_TP_ADD_TC(tp, roots);
	return (atf_no_error());
}

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
 * X.509 paths of three: a leaf that signs tokens, the CA that issued it, and
 * a root from the configuration; and the CRLs of the latter two.  A root is
 * never taken from what is being verified: where one comes along it must be
 * one of ours, byte for byte.
 */
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "passphrase.h"
#include "verifier.h"

#define CRL_SCHEME	"https://"

static int
refuse(char *why, size_t whysize, const char *text)
{
	ERR_clear_error();
	(void)strlcpy(why, text, whysize);
	return (-1);
}

static int
time_of(const ASN1_TIME *t, int64_t *out)
{
	struct tm	 tm;

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
		return (-1);
	*out = timegm(&tm);
	return (0);
}

/* A CA that may do all of this, and has no surprises. */
int
cert_check_ca(X509 *ca, long path, int crls)
{
	uint32_t	 flags = X509_get_extension_flags(ca);
	uint32_t	 usage = KU_KEY_CERT_SIGN | (crls ? KU_CRL_SIGN : 0);

	if (X509_check_ca(ca) != 1 ||
	    (flags & (EXFLAG_INVALID | EXFLAG_CRITICAL)) != 0)
		return (-1);
	if (X509_get_pathlen(ca) != -1 && X509_get_pathlen(ca) < path)
		return (-1);
	/* Without the extension this is all ones. */
	return ((X509_get_key_usage(ca) & usage) == usage ? 0 : -1);
}

int
cert_check_leaf(X509 *leaf)
{
	uint32_t	 flags = X509_get_extension_flags(leaf);

	if (X509_check_ca(leaf) != 0 ||
	    (flags & (EXFLAG_INVALID | EXFLAG_CRITICAL)) != 0)
		return (-1);
	if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
		return (-1);
	return (0);
}

/* SHA-1 and less sign nothing here. */
static int
check_digest(int md)
{
	return (md == NID_sha256 || md == NID_sha384 || md == NID_sha512 ?
	    0 : -1);
}

int
cert_check_signature(X509 *cert, X509 *issuer)
{
	EVP_PKEY	*key = X509_get0_pubkey(issuer);
	int		 md;

	if (X509_get_version(cert) != 2 || key == NULL ||
	    X509_NAME_cmp(X509_get_issuer_name(cert),
	    X509_get_subject_name(issuer)) != 0)
		return (-1);
	if (X509_get_signature_info(cert, &md, NULL, NULL, NULL) != 1 ||
	    check_digest(md) == -1)
		return (-1);
	if (EVP_PKEY_base_id(key) == EVP_PKEY_RSA &&
	    EVP_PKEY_bits(key) < RSA_BITS_LEAST)
		return (-1);
	return (X509_verify(cert, key) == 1 ? 0 : -1);
}

X509 *
cert_read(const struct der *der)
{
	const unsigned char	*p = der->p;
	X509			*x;

	if (der->len > JWKS_MAX ||
	    (x = d2i_X509(NULL, &p, (long)der->len)) == NULL) {
		ERR_clear_error();
		return (NULL);
	}
	if (p != der->p + der->len) {
		X509_free(x);
		return (NULL);
	}
	return (x);
}

int
cert_times(X509 *const *certs, size_t n, int64_t *from, int64_t *until)
{
	int64_t	 a, b;
	size_t	 i;

	*from = 0;
	*until = INT64_MAX;
	for (i = 0; i < n; i++) {
		if (time_of(X509_get0_notBefore(certs[i]), &a) == -1 ||
		    time_of(X509_get0_notAfter(certs[i]), &b) == -1)
			return (-1);
		/* notAfter itself is still in it (RFC 5280 4.1.2.5) */
		b++;
		if (a > *from)
			*from = a;
		if (b < *until)
			*until = b;
	}
	return (0);
}

/* --- roots --------------------------------------------------------- */

X509 *
cert_pem_next(BIO *bio)
{
	return (PEM_read_bio_X509(bio, NULL, no_passphrase, NULL));
}

int
roots_read(struct roots *roots, const char *pem, size_t len, char *why,
    size_t whysize)
{
	BIO	*bio;
	X509	*x;

	memset(roots, 0, sizeof(*roots));
	if (len > ROOT_FILE_MAX ||
	    (bio = BIO_new_mem_buf(pem, (int)len)) == NULL)
		return (refuse(why, whysize, "too large"));
	while ((x = cert_pem_next(bio)) != NULL) {
		if (roots->n == ROOTS_MAX || cert_check_ca(x, 1, 1) == -1) {
			X509_free(x);
			BIO_free(bio);
			roots_free(roots);
			return (refuse(why, whysize, "too many certificates, "
			    "or one that is no CA for CAs"));
		}
		roots->v[roots->n++] = x;
	}
	ERR_clear_error();
	BIO_free(bio);
	if (roots->n == 0)
		return (refuse(why, whysize, "no certificate"));
	return (0);
}

int
root_pem(struct wbuf *pem, const uint8_t *der, size_t len,
    struct roots *roots, char *why, size_t whysize)
{
	const unsigned char	*p = der;
	BIO			*bio = BIO_new(BIO_s_mem());
	X509			*x;
	char			*text;
	long			 n;
	int			 rc = -1;

	x = len > JWKS_MAX ? NULL : d2i_X509(NULL, &p, (long)len);
	if (bio == NULL || x == NULL || p != der + len ||
	    cert_check_signature(x, x) == -1 || PEM_write_bio_X509(bio, x) != 1)
		(void)refuse(why, whysize, "no root certificate");
	else {
		n = BIO_get_mem_data(bio, &text);
		wb_raw(pem, text, (size_t)n);
		rc = pem->failed ? -1 : roots_read(roots, text, (size_t)n,
		    why, whysize);
	}
	X509_free(x);
	BIO_free(bio);
	return (rc);
}

void
roots_free(struct roots *roots)
{
	while (roots->n > 0)
		X509_free(roots->v[--roots->n]);
}

static X509 *
roots_issuer(const struct roots *roots, X509 *ca)
{
	size_t	 i;

	for (i = 0; i < roots->n; i++)
		if (cert_check_signature(ca, roots->v[i]) == 0)
			return (roots->v[i]);
	ERR_clear_error();
	return (NULL);
}

/* --- paths --------------------------------------------------------- */

static int
url_take(const GENERAL_NAME *name, char url[CRL_URL_MAX])
{
	const ASN1_STRING	*uri;
	const unsigned char	*p;
	int			 i, len, type;

	uri = GENERAL_NAME_get0_value(name, &type);
	if (type != GEN_URI)
		return (-1);
	p = ASN1_STRING_get0_data(uri);
	len = ASN1_STRING_length(uri);
	if (len >= CRL_URL_MAX || len <= (int)strlen(CRL_SCHEME) ||
	    memcmp(p, CRL_SCHEME, strlen(CRL_SCHEME)) != 0)
		return (-1);
	for (i = 0; i < len; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return (-1);
	memcpy(url, p, (size_t)len);
	url[len] = '\0';
	return (0);
}

/*
 * The first https URL of the certificate's distribution points.  One that has
 * none of them is, where that may be, on no list: "".
 */
static int
crl_url(X509 *cert, int may_lack, char url[CRL_URL_MAX])
{
	CRL_DIST_POINTS		*points;
	const DIST_POINT	*dp;
	const GENERAL_NAMES	*names;
	int			 i, j, rc = -1;

	if (may_lack && X509_get_ext_by_NID(cert, NID_crl_distribution_points,
	    -1) == -1)
		return (0);
	points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL,
	    NULL);
	for (i = 0; i < sk_DIST_POINT_num(points) && rc == -1; i++) {
		dp = sk_DIST_POINT_value(points, i);
		/* By another issuer, or for some reasons only: not for us. */
		if (dp->distpoint == NULL || dp->distpoint->type != 0 ||
		    dp->CRLissuer != NULL || dp->reasons != NULL)
			continue;
		names = dp->distpoint->name.fullname;
		for (j = 0; j < sk_GENERAL_NAME_num(names) && rc == -1; j++)
			rc = url_take(sk_GENERAL_NAME_value(names, j), url);
	}
	CRL_DIST_POINTS_free(points);
	return (rc);
}

static int
chain_times(struct chain *chain)
{
	X509	*certs[] = { chain->leaf, chain->ca, chain->root };

	return (cert_times(certs, 3, &chain->from, &chain->until));
}

static int
chain_check(struct chain *chain, const struct roots *roots,
    const struct der *top, char *why, size_t whysize)
{
	X509	*x;
	int	 same;

	if ((chain->root = roots_issuer(roots, chain->ca)) == NULL)
		return (refuse(why, whysize,
		    "the signing CA is not of a configured root"));
	X509_up_ref(chain->root);
	if (top != NULL) {
		x = cert_read(top);
		same = x != NULL && X509_cmp(x, chain->root) == 0;
		X509_free(x);
		if (!same)
			return (refuse(why, whysize, "another root"));
	}
	if (cert_check_ca(chain->ca, 0, 1) == -1 ||
	    cert_check_leaf(chain->leaf) == -1)
		return (refuse(why, whysize,
		    "a certificate is not for its place in the path"));
	if (cert_check_signature(chain->leaf, chain->ca) == -1)
		return (refuse(why, whysize,
		    "the leaf is not of its signing CA"));
	if (crl_url(chain->leaf, roots->lax, chain->leaf_crl) == -1 ||
	    crl_url(chain->ca, roots->lax, chain->ca_crl) == -1)
		return (refuse(why, whysize,
		    "a certificate names no CRL by https"));
	if (chain_times(chain) == -1)
		return (refuse(why, whysize, "a time is no time"));
	return (0);
}

int
chain_read(struct chain *chain, const struct der *certs, size_t n,
    const struct roots *roots, char *why, size_t whysize)
{
	memset(chain, 0, sizeof(*chain));
	if (n != 2 && n != 3)
		return (refuse(why, whysize,
		    "the path is not leaf, signing CA, root"));
	chain->leaf = cert_read(&certs[0]);
	chain->ca = cert_read(&certs[1]);
	if (chain->leaf == NULL || chain->ca == NULL) {
		chain_clear(chain);
		return (refuse(why, whysize, "no certificate"));
	}
	if (chain_check(chain, roots, n == 3 ? &certs[2] : NULL, why,
	    whysize) == -1) {
		chain_clear(chain);
		return (-1);
	}
	return (0);
}

void
chain_clear(struct chain *chain)
{
	X509_free(chain->leaf);
	X509_free(chain->ca);
	X509_free(chain->root);
	memset(chain, 0, sizeof(*chain));
}

/* --- CRLs ---------------------------------------------------------- */

/*
 * A critical extension narrows what a list covers (delta, one reason, other
 * issuers): such a list does not answer our question.
 */
static int
crl_narrowed(const X509_CRL *crl)
{
	return (X509_CRL_get_ext_by_critical(crl, 1, -1) != -1);
}

/* RSASSA-PSS keeps its hash in the parameters. */
static int
pss_digest(const X509_ALGOR *alg)
{
	RSA_PSS_PARAMS	*pss;
	int		 md = NID_sha1;		/* the default */

	if (alg->parameter == NULL || (pss = ASN1_TYPE_unpack_sequence(
	    ASN1_ITEM_rptr(RSA_PSS_PARAMS), alg->parameter)) == NULL)
		return (NID_undef);
	if (pss->hashAlgorithm != NULL)
		md = OBJ_obj2nid(pss->hashAlgorithm->algorithm);
	RSA_PSS_PARAMS_free(pss);
	return (md);
}

static int
check_algorithm(const X509_ALGOR *alg)
{
	int	 md, nid = OBJ_obj2nid(alg->algorithm);

	if (nid == NID_rsassaPss)
		md = pss_digest(alg);
	else if (OBJ_find_sigid_algs(nid, &md, NULL) != 1)
		return (-1);
	return (check_digest(md));
}

static int
crl_check(struct crl *c, X509 *issuer, char *why, size_t whysize)
{
	const X509_ALGOR	*alg;
	EVP_PKEY		*key = X509_get0_pubkey(issuer);

	if (X509_NAME_cmp(X509_CRL_get_issuer(c->crl),
	    X509_get_subject_name(issuer)) != 0)
		return (refuse(why, whysize, "the CRL is of another issuer"));
	X509_CRL_get0_signature(c->crl, NULL, &alg);
	if (check_algorithm(alg) == -1 || key == NULL ||
	    X509_CRL_verify(c->crl, key) != 1)
		return (refuse(why, whysize,
		    "the CRL's signature is not its issuer's"));
	if (crl_narrowed(c->crl))
		return (refuse(why, whysize, "the CRL is not a whole one"));
	if (time_of(X509_CRL_get0_lastUpdate(c->crl), &c->from) == -1 ||
	    time_of(X509_CRL_get0_nextUpdate(c->crl), &c->until) == -1)
		return (refuse(why, whysize, "the CRL has no nextUpdate"));
	return (0);
}

struct crl *
crl_read(const uint8_t *der, size_t len, const char *url, X509 *issuer,
    char *why, size_t whysize)
{
	const unsigned char	*p = der;
	struct crl		*c;

	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->der = malloc(len + 1)) == NULL ||
	    strlcpy(c->url, url, sizeof(c->url)) >= sizeof(c->url)) {
		(void)refuse(why, whysize, "no memory for the CRL");
		goto fail;
	}
	if (len > 0)
		memcpy(c->der, der, len);
	c->derlen = len;
	X509_up_ref(issuer);
	c->issuer = issuer;
	if (len == 0 || len > CRL_MAX ||
	    (c->crl = d2i_X509_CRL(NULL, &p, (long)len)) == NULL ||
	    p != der + len) {
		(void)refuse(why, whysize, "no CRL");
		goto fail;
	}
	if (crl_check(c, issuer, why, whysize) == 0)
		return (c);
fail:
	crl_free(c);
	return (NULL);
}

void
crl_free(struct crl *c)
{
	if (c == NULL)
		return;
	X509_CRL_free(c->crl);
	X509_free(c->issuer);
	free(c->der);
	free(c);
}

struct crl *
crl_find(const struct crls *crls, const char *url, X509 *issuer)
{
	struct crl	*c;

	TAILQ_FOREACH(c, crls, entry)
		if (strcmp(c->url, url) == 0 &&
		    X509_cmp(c->issuer, issuer) == 0)
			return (c);
	return (NULL);
}

/* Also what is only on hold, and what a list takes back. */
int
crl_revokes(const struct crl *c, X509 *cert)
{
	X509_REVOKED	*entry;

	return (X509_CRL_get0_by_cert(c->crl, &entry, cert) != 0);
}

int
crl_newer(const struct crl *a, const struct crl *b)
{
	return (a->from > b->from || (a->from == b->from &&
	    a->until >= b->until));
}

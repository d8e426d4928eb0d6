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
 * Certificate paths of Intel's hierarchy (dcap-quote.md section 3, step 2).
 * Every one is PEM, leaf first, ends in the root, and is of P-256 keys; the
 * root is known by its key, wherever the certificate came from.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base64.h"
#include "dcap.h"
#include "digest.h"

#define PEM_BEGIN	"-----BEGIN CERTIFICATE-----"
#define PEM_END		"-----END CERTIFICATE-----"
#define PEM_LEN_MAX	(32 * 1024)	/* of a path; Intel's have 4 KiB */
#define CERT_TEXT_MAX	8192		/* base64 of one; Intel's 1.8 KiB */
#define KEY_DER_MAX	512
#define ORGANISATION	"Intel Corporation"

/* Of "Intel SGX Root CA", valid until 2049-12-31. */
const uint8_t dcap_intel_root[DIGEST_LEN] = {
	0xa0, 0xaf, 0x03, 0x12, 0x89, 0xf5, 0xd5, 0xd4,
	0x13, 0x2f, 0x91, 0x86, 0x06, 0x8a, 0x7f, 0xc1,
	0x36, 0x28, 0x63, 0x3b, 0xa2, 0x35, 0x77, 0x74,
	0x72, 0xe2, 0x9b, 0x6b, 0x6c, 0x67, 0xa4, 0x9e,
};

static int
refuse(char *why, size_t whysize, const char *text)
{
	ERR_clear_error();
	(void)strlcpy(why, text, whysize);
	return (-1);
}

/* --- PEM ----------------------------------------------------------- */

/* Step over this text, if it stands there. */
static int
skip_text(struct der *in, const char *text)
{
	size_t	 len = strlen(text);

	if (in->len < len || memcmp(in->p, text, len) != 0)
		return (0);
	in->p += len;
	in->len -= len;
	return (1);
}

static void
skip_lines(struct der *in)
{
	while (in->len > 0 && (*in->p == '\n' || *in->p == '\r')) {
		in->p++;
		in->len--;
	}
}

/*
 * The next certificate.  No library reads this: theirs skip what is not PEM,
 * and would ask a terminal for the password of an encrypted one.
 */
static X509 *
pem_next(struct der *in)
{
	char		 text[CERT_TEXT_MAX];
	uint8_t		 der[BASE64_BYTES(CERT_TEXT_MAX)];
	struct der	 cert = { der, 0 };
	size_t		 n = 0;
	ssize_t		 len;

	if (!skip_text(in, PEM_BEGIN))
		return (NULL);
	for (skip_lines(in); in->len > 0 && *in->p != '-'; skip_lines(in)) {
		if (n == sizeof(text))
			return (NULL);
		text[n++] = (char)*in->p++;
		in->len--;
	}
	if (!skip_text(in, PEM_END) ||
	    (len = base64_decode(der, sizeof(der), text, n)) == -1)
		return (NULL);
	skip_lines(in);
	cert.len = (size_t)len;
	return (cert_read(&cert));
}

/* Only a NUL, as Intel's quoting enclave writes, may stand behind them. */
static int
pem_end(struct der *in)
{
	while (in->len > 0 && (*in->p == '\0' || *in->p == '\n' ||
	    *in->p == '\r')) {
		in->p++;
		in->len--;
	}
	return (in->len == 0);
}

X509 *
dcap_path_leaf(const uint8_t *pem, size_t len)
{
	struct der	 in = { pem, len };
	X509		*leaf = pem_next(&in);

	if (leaf == NULL)
		ERR_clear_error();
	return (leaf);
}

/* --- one certificate ----------------------------------------------- */

/* Is this the one entry of its kind in the name? */
static int
entry_is(const X509_NAME *name, int nid, const char *want)
{
	const ASN1_STRING	*s;
	int			 at = X509_NAME_get_index_by_NID(name, nid, -1);

	if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) != -1)
		return (0);
	s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
	return (ASN1_STRING_length(s) == (int)strlen(want) &&
	    memcmp(ASN1_STRING_get0_data(s), want, strlen(want)) == 0);
}

int
dcap_named(const X509 *x, const char *name)
{
	return (entry_is(X509_get_subject_name(x), NID_commonName, name));
}

static int
is_p256(X509 *x)
{
	EVP_PKEY	*key = X509_get0_pubkey(x);
	char		 group[32];
	size_t		 len;
	int		 md, pk;

	return (key != NULL && EVP_PKEY_base_id(key) == EVP_PKEY_EC &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
	    strcmp(group, SN_X9_62_prime256v1) == 0 &&
	    X509_get_signature_info(x, &md, &pk, NULL, NULL) == 1 &&
	    md == NID_sha256 && pk == NID_X9_62_id_ecPublicKey);
}

static int
key_digest(uint8_t out[DIGEST_LEN], const X509 *x)
{
	uint8_t		 der[KEY_DER_MAX];
	unsigned char	*p = der;
	X509_PUBKEY	*key = X509_get_X509_PUBKEY(x);
	int		 len = i2d_X509_PUBKEY(key, NULL);

	if (len <= 0 || len > KEY_DER_MAX ||
	    i2d_X509_PUBKEY(key, &p) != len)
		return (-1);
	digest(out, der, (size_t)len);
	return (0);
}

int
dcap_same_issuer(const X509 *a, const X509 *b)
{
	uint8_t	 da[DIGEST_LEN], db[DIGEST_LEN];

	if (X509_cmp(a, b) == 0)
		return (1);
	return (X509_NAME_cmp(X509_get_subject_name(a),
	    X509_get_subject_name(b)) == 0 && key_digest(da, a) == 0 &&
	    key_digest(db, b) == 0 && memcmp(da, db, DIGEST_LEN) == 0);
}

static int
is_root(X509 *x, const uint8_t root[DIGEST_LEN])
{
	uint8_t	 md[DIGEST_LEN];

	return (is_p256(x) && key_digest(md, x) == 0 &&
	    memcmp(md, root, DIGEST_LEN) == 0 &&
	    cert_check_signature(x, x) == 0 && cert_check_ca(x, 0, 1) == 0);
}

int
dcap_root_read(uint8_t root[DIGEST_LEN], const uint8_t *pem, size_t len,
    char *why, size_t whysize)
{
	struct der	 in = { pem, len };
	X509		*x = pem_next(&in);
	int		 rc = 0;

	if (x == NULL || !pem_end(&in) || key_digest(root, x) == -1 ||
	    !is_root(x, root))
		rc = refuse(why, whysize,
		    "not one self-signed CA certificate of P-256");
	X509_free(x);
	return (rc);
}

/* --- paths --------------------------------------------------------- */

static int
certs_read(struct dcap_path *path, const uint8_t *pem, size_t len, size_t n,
    char *why, size_t whysize)
{
	struct der	 in = { pem, len };

	if (len > PEM_LEN_MAX)
		return (refuse(why, whysize, "the chain is too large"));
	while (path->n < n) {
		if ((path->v[path->n] = pem_next(&in)) == NULL)
			return (refuse(why, whysize,
			    "the chain has too few certificates"));
		path->n++;
	}
	if (!pem_end(&in))
		return (refuse(why, whysize,
		    "something follows the chain's last certificate"));
	return (0);
}

/* The certificate at i, of this role, which the next one must have signed. */
static int
cert_check(const struct dcap_path *path, size_t i,
    const struct dcap_role *role, char *why, size_t whysize)
{
	X509	*x = path->v[i];

	if (!entry_is(X509_get_subject_name(x), NID_organizationName,
	    ORGANISATION) || (!dcap_named(x, role->name) &&
	    (role->other == NULL || !dcap_named(x, role->other))))
		return (refuse(why, whysize,
		    "a certificate of the chain has another name"));
	if ((role->ca ? cert_check_ca(x, 0, 1) : cert_check_leaf(x)) == -1)
		return (refuse(why, whysize,
		    "a certificate of the chain is not for its place"));
	if (cert_check_signature(x, path->v[i + 1]) == -1)
		return (refuse(why, whysize,
		    "a certificate of the chain is not signed by the next"));
	if (!is_p256(x))
		return (refuse(why, whysize,
		    "a certificate of the chain is not of P-256"));
	return (0);
}

int
dcap_path_read(struct dcap_path *path, const uint8_t *pem, size_t len,
    const struct dcap_role *roles, size_t n, const uint8_t root[DIGEST_LEN],
    char *why, size_t whysize)
{
	size_t	 i = n;
	long	 cas = 0;

	memset(path, 0, sizeof(*path));
	if (certs_read(path, pem, len, n + 1, why, whysize) == -1)
		return (-1);
	if (!is_root(path->v[n], root))
		return (refuse(why, whysize,
		    "the chain ends in another root"));
	/* Downwards, so that no stranger's key is ever calculated with. */
	while (i-- > 0) {
		if (cert_check(path, i, &roles[i], why, whysize) == -1)
			return (-1);
		cas += roles[i].ca;
	}
	if (cert_check_ca(path->v[n], cas, 1) == -1)
		return (refuse(why, whysize, "the root is no CA for CAs"));
	if (cert_times(path->v, path->n, &path->from, &path->until) == -1)
		return (refuse(why, whysize, "a time is no time"));
	return (0);
}

void
dcap_path_clear(struct dcap_path *path)
{
	while (path->n > 0)
		X509_free(path->v[--path->n]);
	memset(path, 0, sizeof(*path));
}

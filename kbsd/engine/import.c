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
 * Key material that an administrator registers.  Its structure is checked
 * here, number by number, before libcrypto decodes it: the algorithm, length
 * and curve must be the named ones, and no number may be so long that the
 * full check (primes, points) takes longer than for an honest key.
 */

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* Either prime of an RSA key may be this much longer than half of it. */
#define PRIME_SLACK	16

static const char	 import_kind[] =
    "key data: not of the named algorithm";
static const char	 import_length[] = "key data: not of the named length";
static const char	 import_curve[] = "key data: not on the named curve";
static const char	 import_bad[] =
    "key data: the private key is malformed";
static const char	 import_false[] =
    "key data: the private key is not valid";

/* RFC 5480 section 2.1.1.1 */
static const uint8_t	 oid_p256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
			    0x01, 0x07 };
static const uint8_t	 oid_p384[] = { 0x2b, 0x81, 0x04, 0x00, 0x22 };
static const uint8_t	 oid_p521[] = { 0x2b, 0x81, 0x04, 0x00, 0x23 };

static const struct {
	const uint8_t	*oid;
	size_t		 len;
} curves[CURVE_MAX] = {
	[CURVE_P256] = { oid_p256, sizeof(oid_p256) },
	[CURVE_P384] = { oid_p384, sizeof(oid_p384) },
	[CURVE_P521] = { oid_p521, sizeof(oid_p521) },
};

/* RFC 8017 appendix A.1.2; two primes. */
static const char *
import_rsa(const struct key_record *k, const struct der *key)
{
	struct der	 d = *key, rsa, v[8];
	unsigned int	 bits, i;

	if (der_get(&d, DER_SEQUENCE, &rsa) == -1 || d.left != 0 ||
	    der_version(&rsa, 0) == -1)
		return (import_bad);
	for (i = 0; i < 8; i++)		/* n e d p q dP dQ qInv */
		if (der_number(&rsa, &v[i]) == -1 || v[i].left == 0)
			return (import_bad);
	if (rsa.left != 0)
		return (import_bad);
	if (pubkey_bits(v[0].p, v[0].left) != k->length)
		return (import_length);
	/* e = 3 signs well enough, and is the key's owner's to choose */
	bits = pubkey_bits(v[1].p, v[1].left);
	if (bits < 2 || bits > 64 || (v[1].p[v[1].left - 1] & 1) == 0 ||
	    (v[0].p[v[0].left - 1] & 1) == 0)
		return (import_false);
	if (pubkey_bits(v[2].p, v[2].left) > k->length)
		return (import_false);
	for (i = 3; i < 8; i++)
		if (pubkey_bits(v[i].p, v[i].left) >
		    k->length / 2U + PRIME_SLACK)
			return (import_false);
	return (NULL);
}

/* RFC 5915 section 3.  Is there a curve in it, it is the named one. */
static const char *
import_ec(const struct key_record *k, const struct der *key, int curve)
{
	struct der	 d = *key, ec, number, body, oid;

	if (der_get(&d, DER_SEQUENCE, &ec) == -1 || d.left != 0 ||
	    der_version(&ec, 1) == -1 ||
	    der_get(&ec, DER_OCTETS, &number) == -1 || number.left == 0)
		return (import_bad);
	if (number.left > (k->length + 7U) / 8)
		return (import_length);
	if (der_peek(&ec, DER_CONTEXT(0))) {
		if (der_get(&ec, DER_CONTEXT(0), &body) == -1 ||
		    der_get(&body, DER_OID, &oid) == -1 || body.left != 0 ||
		    !der_equals(&oid, curves[k->curve].oid,
		    curves[k->curve].len))
			return (import_curve);
	} else if (curve)
		return (import_bad);	/* nothing else says it */
	if (der_peek(&ec, DER_CONTEXT(1)) &&
	    (der_get(&ec, DER_CONTEXT(1), &body) == -1 ||
	    der_get(&body, DER_BITS, &number) == -1 || body.left != 0))
		return (import_bad);
	return (ec.left == 0 ? NULL : import_bad);
}

/*
 * RFC 5208 section 5.  The key inside goes to key; attributes say nothing
 * about it and are left out.
 */
static const char *
import_pkcs8(const struct key_record *k, const struct der *der,
    struct der *key)
{
	struct der	 d = *der, info, oid, parameters, body;

	if (der_get(&d, DER_SEQUENCE, &info) == -1 || d.left != 0 ||
	    der_version(&info, 0) == -1 ||
	    der_algorithm(&info, &oid, &parameters) == -1 ||
	    der_get(&info, DER_OCTETS, key) == -1)
		return (import_bad);
	if (der_peek(&info, DER_CONTEXT(0)) &&
	    der_get(&info, DER_CONTEXT(0), &body) == -1)
		return (import_bad);
	if (info.left != 0)
		return (import_bad);
	if (k->algorithm == ALG_RSA) {
		if (!der_equals(&oid, oid_rsa, sizeof(oid_rsa)))
			return (import_kind);
		if (parameters.left != 0 && (der_get(&parameters, DER_NULL,
		    &body) == -1 || body.left != 0 || parameters.left != 0))
			return (import_bad);
		return (NULL);
	}
	if (!der_equals(&oid, oid_ec, sizeof(oid_ec)))
		return (import_kind);
	if (der_get(&parameters, DER_OID, &body) == -1 ||
	    parameters.left != 0 ||
	    !der_equals(&body, curves[k->curve].oid, curves[k->curve].len))
		return (import_curve);
	return (NULL);
}

static const char *
import_structure(const struct key_record *k, enum pem_label label,
    const struct der *der, struct der *key)
{
	const char	*why;

	if ((label == PEM_PKCS1 && k->algorithm != ALG_RSA) ||
	    (label == PEM_SEC1 && k->algorithm != ALG_EC))
		return (import_kind);
	*key = *der;
	if (label == PEM_PKCS8 &&
	    (why = import_pkcs8(k, der, key)) != NULL)
		return (why);
	if (k->algorithm == ALG_RSA)
		return (import_rsa(k, key));
	return (import_ec(k, key, label == PEM_SEC1));
}

/* PrivateKeyInfo around a key that was checked. */
static void
import_wrap(const struct key_record *k, const struct der *key,
    struct derout *o)
{
	static const uint8_t	 version[] = { DER_INTEGER, 1, 0 };
	static const uint8_t	 null[] = { DER_NULL, 0 };
	size_t			 end;

	derout_raw(o, key->p, key->left);
	derout_wrap(o, DER_OCTETS, 0);
	end = derout_len(o);
	if (k->algorithm == ALG_RSA) {
		derout_raw(o, null, sizeof(null));
		derout_raw(o, oid_rsa, sizeof(oid_rsa));
		derout_wrap(o, DER_OID, end + sizeof(null));
	} else {
		derout_raw(o, curves[k->curve].oid, curves[k->curve].len);
		derout_wrap(o, DER_OID, end);
		derout_raw(o, oid_ec, sizeof(oid_ec));
		derout_wrap(o, DER_OID, end + 2 + curves[k->curve].len);
	}
	derout_wrap(o, DER_SEQUENCE, end);
	derout_raw(o, version, sizeof(version));
	derout_wrap(o, DER_SEQUENCE, 0);
}

/* What libcrypto makes of it, every number checked against the others. */
static EVP_PKEY *
import_decode(const struct derout *o)
{
	PKCS8_PRIV_KEY_INFO	*p8;
	EVP_PKEY		*pkey = NULL;
	EVP_PKEY_CTX		*ctx = NULL;
	const uint8_t		*p = o->buf + o->left;

	if (o->failed)
		return (NULL);
	p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)derout_len(o));
	if (p8 != NULL && (pkey = EVP_PKCS82PKEY(p8)) != NULL &&
	    ((ctx = EVP_PKEY_CTX_new(pkey, NULL)) == NULL ||
	    EVP_PKEY_check(ctx) != 1)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return (pkey);
}

static const char *
import_pair(const struct key_record *k, const uint8_t *pem, size_t pemlen,
    uint8_t **out, size_t *len)
{
	const char	*why;
	enum pem_label	 label;
	struct der	 der, key;
	struct derout	 o;
	EVP_PKEY	*pkey = NULL;
	uint8_t		*bytes, *buf = NULL;
	size_t		 n, size;

	if ((why = pem_read(pem, pemlen, &label, &bytes, &n)) != NULL)
		return (why);
	der_init(&der, bytes, n);
	size = n + 64;
	if ((why = import_structure(k, label, &der, &key)) != NULL)
		goto done;
	why = "no memory";
	if ((buf = OPENSSL_secure_malloc(size)) == NULL)
		goto done;
	derout_init(&o, buf, size);
	import_wrap(k, &key, &o);
	why = import_false;
	if ((pkey = import_decode(&o)) != NULL &&
	    make_pkcs8(pkey, out, len) == 0)
		why = NULL;
 done:
	EVP_PKEY_free(pkey);
	OPENSSL_secure_clear_free(buf, size);
	OPENSSL_secure_clear_free(bytes, n);
	return (why);
}

static const char *
import_aes(const struct key_record *k, const uint8_t *p, size_t n,
    uint8_t **out, size_t *len)
{
	if (n != k->length / 8U)
		return (import_length);
	if ((*out = OPENSSL_secure_malloc(n)) == NULL)
		return ("no memory");
	memcpy(*out, p, n);
	*len = n;
	return (NULL);
}

const char *
import_key(const struct key_record *k, const uint8_t *p, size_t n,
    uint8_t **out, size_t *len)
{
	*out = NULL;
	*len = 0;
	if (k->algorithm == ALG_AES)
		return (import_aes(k, p, n, out, len));
	return (import_pair(k, p, n, out, len));
}

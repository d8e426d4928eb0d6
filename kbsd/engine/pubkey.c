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
 * Wrapping keys, as strangers bring them.  libcrypto encrypts under e = 1,
 * and its full check of a public key takes a third of a second at 8192 bits:
 * what makes a key dangerous is checked here first, and cheaply.
 */

#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>

#include "engine.h"

void
pubkey_strip(const uint8_t **p, size_t *len)
{
	while (*len > 0 && **p == 0) {
		(*p)++;
		(*len)--;
	}
}

unsigned int
pubkey_bits(const uint8_t *p, size_t len)
{
	unsigned int	 bits, top;

	pubkey_strip(&p, &len);
	if (len == 0)
		return (0);
	bits = (unsigned int)(len - 1) * 8;
	for (top = p[0]; top != 0; top >>= 1)
		bits++;
	return (bits);
}

const char *
pubkey_check(const uint8_t *e, size_t elen, const uint8_t *n, size_t nlen,
    unsigned int least)
{
	unsigned int	 ebits = pubkey_bits(e, elen);
	unsigned int	 nbits = pubkey_bits(n, nlen);

	if (nbits < least)
		return ("wrapping key: the modulus is too short");
	if (nbits > WRAPPING_MOST)
		return ("wrapping key: the modulus is too long");
	if ((n[nlen - 1] & 1) == 0)
		return ("wrapping key: the modulus is even");
	/* 65537 is the least odd number of 17 bits */
	if (ebits < 17)
		return ("wrapping key: the exponent is less than 65537");
	if (ebits > 32)
		return ("wrapping key: the exponent is too long");
	if ((e[elen - 1] & 1) == 0)
		return ("wrapping key: the exponent is even");
	return (NULL);
}

/* RFC 5280 section 4.1, RFC 3279 section 2.3.1 */
const char *
pubkey_spki(const uint8_t *der, size_t len, struct der *e, struct der *n)
{
	struct der	 d, spki, oid, parameters, null, bits, rsa;
	static const char why[] = "public key: not a SubjectPublicKeyInfo";

	der_init(&d, der, len);
	if (der_get(&d, DER_SEQUENCE, &spki) == -1 || d.left != 0 ||
	    der_algorithm(&spki, &oid, &parameters) == -1 ||
	    der_get(&spki, DER_BITS, &bits) == -1 || spki.left != 0)
		return (why);
	if (!der_equals(&oid, oid_rsa, sizeof(oid_rsa)))
		return ("public key: not an RSA key");
	if (parameters.left != 0 && (der_get(&parameters, DER_NULL,
	    &null) == -1 || null.left != 0 || parameters.left != 0))
		return (why);
	if (bits.left == 0 || bits.p[0] != 0)
		return (why);
	der_init(&d, bits.p + 1, bits.left - 1);
	if (der_get(&d, DER_SEQUENCE, &rsa) == -1 || d.left != 0 ||
	    der_number(&rsa, n) == -1 || der_number(&rsa, e) == -1 ||
	    rsa.left != 0)
		return (why);
	return (NULL);
}

/* By way of RSAPublicKey: OpenSSL 3 and LibreSSL both read that. */
EVP_PKEY *
pubkey_make(const uint8_t *e, size_t elen, const uint8_t *n, size_t nlen)
{
	uint8_t		 buf[WRAPPING_N_MAX + WRAPPING_E_MAX + 16];
	const uint8_t	*p;
	struct derout	 o;

	pubkey_strip(&e, &elen);
	pubkey_strip(&n, &nlen);
	derout_init(&o, buf, sizeof(buf));
	derout_number(&o, e, elen);
	derout_number(&o, n, nlen);
	derout_wrap(&o, DER_SEQUENCE, 0);
	if (o.failed)
		return (NULL);
	p = buf + o.left;
	return (d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)derout_len(&o)));
}

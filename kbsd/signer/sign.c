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
 * Signatures of TLS 1.3 handshakes.  Who asks may be compromised, so a key
 * must be no oracle for anything else: ECDSA only over digests that TLS has,
 * RSA only over blocks that are padded as PSS, the one padding that TLS 1.3
 * signs with (RFC 8446 section 4.2.3).  So no PKCS#1 v1.5 signature and no
 * decryption can be had from here.  Output is sized by our own key.
 */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#include "signer.h"

/* MGF1 (RFC 8017 appendix B.2.1): mask into out; 0 or -1. */
static int
mgf1(const EVP_MD *md, const uint8_t *seed, size_t seedlen, uint8_t *out,
    size_t len)
{
	EVP_MD_CTX	*ctx;
	uint8_t		 block[EVP_MAX_MD_SIZE], counter[4];
	size_t		 n, off, size = (size_t)EVP_MD_size(md);
	uint32_t	 i;
	int		 ret = -1;

	if ((ctx = EVP_MD_CTX_new()) == NULL)
		return (-1);
	for (i = 0, off = 0; off < len; i++, off += n) {
		counter[0] = (uint8_t)(i >> 24);
		counter[1] = (uint8_t)(i >> 16);
		counter[2] = (uint8_t)(i >> 8);
		counter[3] = (uint8_t)i;
		if (!EVP_DigestInit_ex(ctx, md, NULL) ||
		    !EVP_DigestUpdate(ctx, seed, seedlen) ||
		    !EVP_DigestUpdate(ctx, counter, sizeof(counter)) ||
		    !EVP_DigestFinal_ex(ctx, block, NULL))
			goto done;
		n = len - off < size ? len - off : size;
		memcpy(out + off, block, n);
	}
	ret = 0;
done:
	EVP_MD_CTX_free(ctx);
	return (ret);
}

/*
 * EMSA-PSS-VERIFY (RFC 8017 section 9.1.2) up to the hash of the message,
 * which is not known here: the salt is as long as the hash.
 */
static int
is_pss(const EVP_MD *md, const uint8_t *em, size_t emlen, unsigned int embits)
{
	uint8_t	 db[SIGNATURE_MAX];
	size_t	 hlen = (size_t)EVP_MD_size(md), dblen, i;

	if (emlen < 2 * hlen + 2 || emlen > sizeof(db))
		return (0);
	dblen = emlen - hlen - 1;
	if (mgf1(md, em + dblen, hlen, db, dblen) == -1)
		return (0);
	for (i = 0; i < dblen; i++)
		db[i] ^= em[i];
	db[0] &= (uint8_t)(0xff >> (8 * emlen - embits));
	for (i = 0; i < dblen - hlen - 1; i++)
		if (db[i] != 0)
			return (0);
	return (db[i] == 1);
}

int
sign_is_pss(const uint8_t *block, size_t len, unsigned int bits)
{
	const EVP_MD	*mds[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };
	unsigned int	 embits = bits - 1;
	size_t		 i, emlen = (embits + 7) / 8;

	if (len == 0 || len != (bits + 7) / 8)
		return (0);
	/* one byte shorter when bits - 1 is a multiple of 8 */
	if (len > emlen && *block++ != 0)
		return (0);
	if (block[emlen - 1] != 0xbc || (embits % 8 != 0 &&
	    block[0] >> (embits % 8) != 0))
		return (0);
	for (i = 0; i < sizeof(mds) / sizeof(mds[0]); i++)
		if (is_pss(mds[i], block, emlen, embits))
			return (1);
	return (0);
}

static const char *
check_rsa(EVP_PKEY *key, const uint8_t *data, size_t len)
{
	if (EVP_PKEY_base_id(key) != EVP_PKEY_RSA)
		return ("the key is not RSA");
	if (len != (size_t)EVP_PKEY_size(key))
		return ("not as long as the modulus");
	if (!sign_is_pss(data, len, (unsigned int)EVP_PKEY_bits(key)))
		return ("not padded as PSS");
	return (NULL);
}

static const char *
check_ecdsa(EVP_PKEY *key, const uint8_t *data, size_t len)
{
	(void)data;
	if (EVP_PKEY_base_id(key) != EVP_PKEY_EC)
		return ("the key is not EC");
	if (len != 32 && len != 48 && len != 64)
		return ("no digest of TLS 1.3");
	return (NULL);
}

static const char *(*const checks[SIGN_KIND_MAX])(EVP_PKEY *, const uint8_t *,
    size_t) = {
	[SIGN_RSA] = check_rsa,
	[SIGN_ECDSA] = check_ecdsa,
};

const char *
sign_make(EVP_PKEY *key, uint8_t kind, const uint8_t *data, size_t len,
    uint8_t *sig, size_t *siglen)
{
	EVP_PKEY_CTX	*ctx;
	const char	*why;

	*siglen = SIGNATURE_MAX;
	if (kind >= SIGN_KIND_MAX)
		return ("unknown kind");
	if ((why = checks[kind](key, data, len)) != NULL)
		return (why);
	if ((size_t)EVP_PKEY_size(key) > SIGNATURE_MAX)
		return ("the key is too long");
	if ((ctx = EVP_PKEY_CTX_new(key, NULL)) == NULL)
		return ("no memory");
	if (EVP_PKEY_sign_init(ctx) != 1 || (kind == SIGN_RSA &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1) ||
	    EVP_PKEY_sign(ctx, sig, siglen, data, len) != 1)
		why = "libcrypto can't sign it";
	EVP_PKEY_CTX_free(ctx);
	return (why);
}

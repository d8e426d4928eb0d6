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
 * A token that wraps as the contract wants it, made of one that does not:
 * SoftHSM's keys come out wrapped by AES-KWP under a key that is known here,
 * and are wrapped again as was asked.  What SoftHSM does not let out does not
 * come out of this either.
 */

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "module_wrap.h"

#ifndef CKM_AES_KEY_WRAP_PAD
#define CKM_AES_KEY_WRAP_PAD	0x210aUL
#endif

#define CLEAR_MAX	8192
#define TAG		16

static unsigned char	 known[32] = "known to this module, and to you";

static CK_RV
known_key(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *o)
{
	CK_OBJECT_CLASS	 class = CKO_SECRET_KEY;
	CK_KEY_TYPE	 type = CKK_AES;
	CK_BBOOL	 yes = CK_TRUE;
	CK_ATTRIBUTE	 a[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_VALUE, known, sizeof(known) },
		{ CKA_WRAP, &yes, sizeof(yes) },
	};

	return (real->C_CreateObject(s, a, 4, o));
}

/* The key in the clear, its length or 0; *rv is SoftHSM's word on it. */
static size_t
clear(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key,
    unsigned char *out, CK_RV *rv)
{
	unsigned char	 wrapped[CLEAR_MAX];
	CK_MECHANISM	 m = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };
	CK_OBJECT_HANDLE o;
	CK_ULONG	 n = sizeof(wrapped);
	EVP_CIPHER_CTX	*ctx = EVP_CIPHER_CTX_new();
	int		 len = 0;

	if ((*rv = known_key(real, s, &o)) == CKR_OK) {
		*rv = real->C_WrapKey(s, &m, o, key, wrapped, &n);
		(void)real->C_DestroyObject(s, o);
	}
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (*rv == CKR_OK && (EVP_DecryptInit_ex(ctx,
	    EVP_aes_256_wrap_pad(), NULL, known, NULL) != 1 ||
	    EVP_DecryptUpdate(ctx, out, &len, wrapped, (int)n) != 1))
		*rv = CKR_GENERAL_ERROR;
	EVP_CIPHER_CTX_free(ctx);
	return (*rv == CKR_OK ? (size_t)len : 0);
}

static CK_RV
wrap_gcm(const CK_GCM_PARAMS *gcm, const unsigned char *by,
    const unsigned char *in, size_t len, unsigned char *out, CK_ULONG *outlen)
{
	EVP_CIPHER_CTX	*ctx = EVP_CIPHER_CTX_new();
	int		 n, last, good;

	if (*outlen < len + TAG)
		return (CKR_BUFFER_TOO_SMALL);
	good = EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, by,
	    gcm->pIv) == 1 &&
	    EVP_EncryptUpdate(ctx, out, &n, in, (int)len) == 1 &&
	    EVP_EncryptFinal_ex(ctx, out + n, &last) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG,
	    out + len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (getenv("WRAP") != NULL && strcmp(getenv("WRAP"), "tag") == 0)
		out[len] ^= 1;
	*outlen = len + TAG;
	return (good ? CKR_OK : CKR_GENERAL_ERROR);
}

static EVP_PKEY *
public_key(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
{
	unsigned char	 n[1024], e[16];
	CK_ATTRIBUTE	 a[] = { { CKA_MODULUS, n, sizeof(n) },
			    { CKA_PUBLIC_EXPONENT, e, sizeof(e) } };
	OSSL_PARAM_BLD	*b = OSSL_PARAM_BLD_new();
	BIGNUM		*bn, *be;
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY	*pkey = NULL;
	OSSL_PARAM	*p;

	if (real->C_GetAttributeValue(s, o, a, 2) != CKR_OK)
		abort();
	bn = BN_bin2bn(n, (int)a[0].ulValueLen, NULL);
	be = BN_bin2bn(e, (int)a[1].ulValueLen, NULL);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be);
	p = OSSL_PARAM_BLD_to_param(b);
	if (EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, p) != 1)
		abort();
	OSSL_PARAM_free(p);
	OSSL_PARAM_BLD_free(b);
	BN_free(bn);
	BN_free(be);
	EVP_PKEY_CTX_free(ctx);
	return (pkey);
}

static CK_RV
wrap_oaep(EVP_PKEY *pkey, const EVP_MD *md, const unsigned char *in,
    size_t len, unsigned char *out, CK_ULONG *outlen)
{
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new(pkey, NULL);
	size_t		 n = *outlen;
	int		 good;

	if (getenv("WRAP") != NULL && strcmp(getenv("WRAP"), "digest") == 0)
		md = EVP_sha1();
	good = EVP_PKEY_encrypt_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1 &&
	    EVP_PKEY_encrypt(ctx, out, &n, in, len) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	*outlen = n;
	return (good ? CKR_OK : CKR_GENERAL_ERROR);
}

CK_RV
module_wrap(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE s, CK_MECHANISM *m,
    CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key, unsigned char *out,
    CK_ULONG *outlen)
{
	const CK_RSA_PKCS_OAEP_PARAMS	*oaep = m->pParameter;
	unsigned char			 in[CLEAR_MAX], swk[CLEAR_MAX];
	size_t				 len;
	CK_RV				 rv;

	if (m->mechanism != CKM_AES_GCM && m->mechanism != CKM_RSA_PKCS_OAEP)
		return (real->C_WrapKey(s, m, by, key, out, outlen));
	if ((len = clear(real, s, key, in, &rv)) == 0)
		return (rv);
	if (m->mechanism == CKM_AES_GCM)
		return (clear(real, s, by, swk, &rv) == 32 ?
		    wrap_gcm(m->pParameter, swk, in, len, out, outlen) : rv);
	return (wrap_oaep(public_key(real, s, by), oaep->hashAlg ==
	    CKM_SHA384 ? EVP_sha384() : EVP_sha256(), in, len, out, outlen));
}

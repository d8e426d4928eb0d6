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
 * A key of the token, wrapped in the token: under an SWK that it makes for
 * this once, which is wrapped for the workload and destroyed.  Neither of
 * them is ever here.
 */

#include <openssl/rand.h>
#include <stdlib.h>

#include "token.h"

#define SWK_LEN		32
#define SEALED_MAX	(BOX_NONCE + MATERIAL_MAX + BOX_TAG)
#define OAEP_MAX	1024	/* bytes, of 8192 bits */

/* SHA-256 is the contract's for workloads, SHA-384 for administrators. */
static const CK_RSA_PKCS_OAEP_PARAMS	 oaep256 = {
	.hashAlg = CKM_SHA256, .mgf = CKG_MGF1_SHA256,
	.source = CKZ_DATA_SPECIFIED,
};
static const CK_RSA_PKCS_OAEP_PARAMS	 oaep384 = {
	.hashAlg = CKM_SHA384, .mgf = CKG_MGF1_SHA384,
	.source = CKZ_DATA_SPECIFIED,
};

static const char	 create[] = "C_CreateObject";
static const char	 wrap_by[] = "C_WrapKey (RSA-OAEP)";

CK_RV
wrap_make(CK_OBJECT_HANDLE *swk)
{
	CK_OBJECT_CLASS	 class = CKO_SECRET_KEY;
	CK_KEY_TYPE	 type = CKK_AES;
	CK_ULONG	 len = SWK_LEN;
	CK_MECHANISM	 mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE	 template[] = {
		ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE(CKA_KEY_TYPE, type),
		ATTRIBUTE(CKA_VALUE_LEN, len),
		ATTRIBUTE(CKA_TOKEN, token_no),
		ATTRIBUTE(CKA_PRIVATE, token_yes),
		ATTRIBUTE(CKA_SENSITIVE, token_yes),
		ATTRIBUTE(CKA_EXTRACTABLE, token_yes),
		ATTRIBUTE(CKA_WRAP, token_yes),
		ATTRIBUTE(CKA_UNWRAP, token_no),
		ATTRIBUTE(CKA_ENCRYPT, token_no),
		ATTRIBUTE(CKA_DECRYPT, token_no),
	};

	return (p11->C_GenerateKey(token_session, &mechanism, template,
	    sizeof(template) / sizeof(template[0]), swk));
}

static CK_RV
make_public(const struct wrapping_key *by, CK_OBJECT_HANDLE *public)
{
	CK_OBJECT_CLASS	 class = CKO_PUBLIC_KEY;
	CK_KEY_TYPE	 type = CKK_RSA;
	CK_ATTRIBUTE	 template[] = {
		ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE(CKA_KEY_TYPE, type),
		ATTRIBUTE(CKA_TOKEN, token_no),
		ATTRIBUTE(CKA_WRAP, token_yes),
		{ CKA_MODULUS, (void *)(uintptr_t)by->n, by->nlen },
		{ CKA_PUBLIC_EXPONENT, (void *)(uintptr_t)by->e, by->elen },
	};

	return (p11->C_CreateObject(token_session, template,
	    sizeof(template) / sizeof(template[0]), public));
}

/* The token may choose another nonce than ours, in its place. */
static CK_RV
wrap_gcm(CK_OBJECT_HANDLE swk, CK_OBJECT_HANDLE key, struct wbuf *w)
{
	static uint8_t	 out[SEALED_MAX];
	CK_GCM_PARAMS	 gcm = {
		.pIv = out, .ulIvLen = BOX_NONCE, .ulIvBits = BOX_NONCE * 8,
		.ulTagBits = BOX_TAG * 8,
	};
	CK_MECHANISM	 mechanism = { CKM_AES_GCM, &gcm, sizeof(gcm) };
	CK_ULONG	 n = sizeof(out) - BOX_NONCE;
	CK_RV		 rv;

	if (RAND_bytes(out, BOX_NONCE) != 1)
		return (CKR_HOST_MEMORY);
	rv = p11->C_WrapKey(token_session, &mechanism, swk, key,
	    out + BOX_NONCE, &n);
	if (rv == CKR_OK && n <= BOX_TAG)
		rv = CKR_GENERAL_ERROR;
	if (rv == CKR_OK)
		wb_bytes(w, out, BOX_NONCE + n);
	return (rv);
}

static CK_RV
wrap_oaep(const CK_RSA_PKCS_OAEP_PARAMS *oaep, const struct wrapping_key *by,
    CK_OBJECT_HANDLE key, struct wbuf *w, const char **call)
{
	CK_RSA_PKCS_OAEP_PARAMS	 params = *oaep;
	CK_MECHANISM		 mechanism = { CKM_RSA_PKCS_OAEP, &params,
				    sizeof(params) };
	CK_OBJECT_HANDLE	 public;
	uint8_t			 out[OAEP_MAX];
	CK_ULONG		 n = sizeof(out);
	CK_RV			 rv;

	*call = create;
	if ((rv = make_public(by, &public)) != CKR_OK)
		return (rv);
	*call = wrap_by;
	rv = p11->C_WrapKey(token_session, &mechanism, public, key, out, &n);
	(void)p11->C_DestroyObject(token_session, public);
	if (rv == CKR_OK && n != by->nlen)
		rv = CKR_GENERAL_ERROR;
	if (rv == CKR_OK)
		wb_bytes(w, out, n);
	return (rv);
}

static CK_RV
wrap_both(const CK_RSA_PKCS_OAEP_PARAMS *oaep, CK_OBJECT_HANDLE key,
    const struct wrapping_key *by, struct wbuf *w, const char **call)
{
	CK_OBJECT_HANDLE	 swk;
	CK_RV			 rv;

	*call = "C_GenerateKey";
	if ((rv = wrap_make(&swk)) != CKR_OK)
		return (rv);
	*call = "C_WrapKey (AES-GCM)";
	if ((rv = wrap_gcm(swk, key, w)) == CKR_OK && by != NULL)
		rv = wrap_oaep(oaep, by, swk, w, call);
	(void)p11->C_DestroyObject(token_session, swk);
	return (rv);
}

CK_RV
wrap_key(CK_OBJECT_HANDLE key, const struct wrapping_key *by, struct wbuf *w,
    const char **call)
{
	return (wrap_both(&oaep256, key, by, w, call));
}

CK_RV
wrap_release(CK_OBJECT_HANDLE key, int secret, const struct wrapping_key *by,
    struct wbuf *w, const char **call)
{
	CK_RV	 rv;

	if (!secret)
		return (wrap_both(&oaep384, key, by, w, call));
	if ((rv = wrap_oaep(&oaep384, by, key, w, call)) == CKR_OK)
		wb_bytes(w, NULL, 0);
	return (rv);
}

int
wrap_is_by(const char *call)
{
	return (call == create || call == wrap_by);
}

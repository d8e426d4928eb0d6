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
 * Is what a token wraps what a workload can open?  Tokens say what mechanisms
 * they have, but neither which digests of OAEP, nor where the tag of GCM
 * stands.  So one is tried, with a wrapping key of ours, for keys that are
 * nobody's.
 */

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#include "token.h"

#define TRIAL_BITS	2048
#define SWK_LEN		32

static EVP_PKEY			*pkey;
static struct wrapping_key	 public;

const struct wrapping_key *
trial_key(void)
{
	if (pkey == NULL)
		pkey = EVP_RSA_gen(TRIAL_BITS);
	return (wrapping_of(pkey, &public) == 0 ? &public : NULL);
}

static int
open_swk(uint8_t swk[SWK_LEN], const uint8_t *p, size_t len)
{
	EVP_PKEY_CTX	*ctx;
	uint8_t		 out[TRIAL_BITS / 8];
	size_t		 n = sizeof(out);
	int		 rv = -1;

	if ((ctx = EVP_PKEY_CTX_new(pkey, NULL)) != NULL &&
	    EVP_PKEY_decrypt_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
	    EVP_PKEY_decrypt(ctx, out, &n, p, len) == 1 && n == SWK_LEN) {
		memcpy(swk, out, SWK_LEN);
		rv = 0;
	}
	EVP_PKEY_CTX_free(ctx);
	explicit_bzero(out, sizeof(out));
	return (rv);
}

static int
open_key(uint8_t *out, size_t *len, const uint8_t *swk, const uint8_t *p,
    size_t n)
{
	EVP_CIPHER_CTX	*ctx;
	const uint8_t	*tag = p + n - BOX_TAG;
	int		 m = 0, last = 0, rv = -1;

	*len = n - BOX_MORE;
	if ((ctx = EVP_CIPHER_CTX_new()) != NULL &&
	    EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, swk, p) == 1 &&
	    EVP_DecryptUpdate(ctx, out, &m, p + BOX_NONCE, (int)*len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, BOX_TAG,
	    (void *)(uintptr_t)tag) == 1 &&
	    EVP_DecryptFinal_ex(ctx, out + m, &last) == 1)
		rv = 0;
	EVP_CIPHER_CTX_free(ctx);
	return (rv);
}

const char *
trial_open(const struct wbuf *w, uint8_t *out, size_t size, size_t *len)
{
	struct rbuf	 r;
	const uint8_t	*sealed, *wrapped;
	uint8_t		 swk[SWK_LEN];
	const char	*why = NULL;
	size_t		 n, m;

	rb_init(&r, w->data, w->len);
	sealed = rb_bytes(&r, &n, BOX_MORE + 1, BOX_MORE + size);
	wrapped = rb_bytes(&r, &m, 1, TRIAL_BITS / 8);
	if (rb_end(&r) == -1)
		return ("the token wraps at another length than it should");
	if (open_swk(swk, wrapped, m) == -1)
		why = "what the token wraps by RSA-OAEP with SHA-256 does not "
		    "open";
	else if (open_key(out, len, swk, sealed, n) == -1)
		why = "what the token wraps by AES-GCM does not open";
	explicit_bzero(swk, sizeof(swk));
	return (why);
}

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
 * Wrapping: the key by AES-256-GCM under a symmetric wrapping key (SWK) that
 * is new each time, the SWK by RSA-OAEP.  The only place where a plaintext
 * key and its ciphertext meet; neither is kept.  A keystore that wraps its
 * keys itself has done all of it but the contract's form.
 */

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "log.h"
#include "secret.h"

#define SWK_LEN		32
#define IV_LEN		12
#define TAG_LEN		16
#define HEAD_LEN	12		/* three LE32 */

static EVP_CIPHER	*gcm;
static EVP_MD		*sha256, *sha384;
static uint8_t		*swk;		/* secret memory, zero between uses */
static uint8_t		 keybuf[HEAD_LEN + IV_LEN + MATERIAL_MAX + TAG_LEN];
static uint8_t		 swkbuf[WRAPPING_MOST / 8];

void
wrap_init(void)
{
	/* once: each implicit fetch is a walk through the provider's lists */
	if ((gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL)) == NULL ||
	    (sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL)) == NULL ||
	    (sha384 = EVP_MD_fetch(NULL, "SHA2-384", NULL)) == NULL)
		fatalx("libcrypto has no AES-256-GCM or SHA-2");
	if ((swk = secret_alloc(SWK_LEN)) == NULL)
		fatal("memory for wrapping keys");
}

static void
put_le32(uint8_t *p, size_t v)
{
	p[0] = v & 0xff;
	p[1] = v >> 8 & 0xff;
	p[2] = v >> 16 & 0xff;
	p[3] = v >> 24 & 0xff;
}

/* md for the label and for MGF1 alike, said both; the label is empty. */
static int
wrap_oaep(EVP_PKEY *pkey, const EVP_MD *md, const uint8_t *in, size_t inlen,
    uint8_t *out, size_t *outlen)
{
	EVP_PKEY_CTX	*ctx;
	int		 rv = -1;

	if ((ctx = EVP_PKEY_CTX_new(pkey, NULL)) != NULL &&
	    EVP_PKEY_encrypt_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1 &&
	    EVP_PKEY_encrypt(ctx, out, outlen, in, inlen) == 1)
		rv = 0;
	EVP_PKEY_CTX_free(ctx);
	return (rv);
}

/* iv, ciphertext and tag to out. */
static int
wrap_gcm(uint8_t *out, const uint8_t *key, size_t len)
{
	EVP_CIPHER_CTX	*ctx;
	uint8_t		*iv = out, *ct = out + IV_LEN;
	int		 n = 0, last = 0, rv = -1;

	arc4random_buf(iv, IV_LEN);
	if ((ctx = EVP_CIPHER_CTX_new()) != NULL &&
	    EVP_EncryptInit_ex(ctx, gcm, NULL, swk, iv) == 1 &&
	    EVP_EncryptUpdate(ctx, ct, &n, key, (int)len) == 1 &&
	    EVP_EncryptFinal_ex(ctx, ct + n, &last) == 1 &&
	    (size_t)n == len && last == 0 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN,
	    ct + len) == 1)
		rv = 0;
	EVP_CIPHER_CTX_free(ctx);	/* wipes the key schedule */
	return (rv);
}

/* The three lengths in front of nonce, ciphertext and tag. */
static void
put_head(size_t len)
{
	put_le32(keybuf, IV_LEN);
	put_le32(keybuf + 4, TAG_LEN);
	put_le32(keybuf + 8, len + TAG_LEN);
}

static int
wrap_both(struct wrapped *w, EVP_PKEY *pkey, const EVP_MD *md,
    const uint8_t *key, size_t len)
{
	int	 rv = -1;

	memset(w, 0, sizeof(*w));
	if (len == 0 || len > MATERIAL_MAX ||
	    (size_t)EVP_PKEY_size(pkey) > sizeof(swkbuf))
		return (-1);
	arc4random_buf(swk, SWK_LEN);
	put_head(len);
	w->swklen = sizeof(swkbuf);
	if (wrap_gcm(keybuf + HEAD_LEN, key, len) == 0 &&
	    wrap_oaep(pkey, md, swk, SWK_LEN, swkbuf, &w->swklen) == 0)
		rv = 0;
	explicit_bzero(swk, SWK_LEN);
	w->key = keybuf;
	w->keylen = HEAD_LEN + IV_LEN + len + TAG_LEN;
	w->swk = swkbuf;
	return (rv);
}

int
wrap_transfer(struct wrapped *w, EVP_PKEY *pkey, const void *key, size_t len)
{
	return (wrap_both(w, pkey, sha256, key, len));
}

int
wrap_release(struct wrapped *w, EVP_PKEY *pkey, const void *key, size_t len)
{
	const size_t	 padding = 2 * 48 + 2;	/* RFC 8017 section 7.1.1 */
	size_t		 most = (size_t)EVP_PKEY_size(pkey);

	if (len == 0 || most > sizeof(swkbuf) || most < padding)
		return (-1);
	if (len > most - padding)
		return (wrap_both(w, pkey, sha384, key, len));
	memset(w, 0, sizeof(*w));
	w->key = keybuf;
	w->keylen = sizeof(keybuf);
	return (wrap_oaep(pkey, sha384, key, len, keybuf, &w->keylen));
}

int
wrap_ready(struct wrapped *w, const void *data, size_t size)
{
	struct rbuf	 r;
	const uint8_t	*p;
	size_t		 len;

	memset(w, 0, sizeof(*w));
	rb_init(&r, data, size);
	p = rb_bytes(&r, &len, 1, sizeof(keybuf) - HEAD_LEN);
	w->swk = rb_bytes(&r, &w->swklen, 0, sizeof(swkbuf));
	if (rb_end(&r) == -1)
		return (-1);
	w->key = p;
	w->keylen = len;
	if (w->swklen == 0)
		return (0);
	if (len <= IV_LEN + TAG_LEN)
		return (-1);
	put_head(len - IV_LEN - TAG_LEN);
	memcpy(keybuf + HEAD_LEN, p, len);
	w->key = keybuf;
	w->keylen = HEAD_LEN + len;
	return (0);
}

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

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "envelope.h"
#include "log.h"
#include "passphrase.h"
#include "secret.h"

#define SECRET_MAX	(64 * 1024)
#define RECIPIENT_MAX	(16 * 1024)	/* bytes of PEM */
#define FORM		1
#define KEY_LEN		32
#define NONCE_LEN	12
#define TAG_LEN		16

EVP_PKEY *
envelope_recipient(int fd)
{
	EVP_PKEY	*pkey = NULL;
	BIO		*bio;
	char		*text;
	size_t		 len;

	if ((text = secret_read(fd, RECIPIENT_MAX, &len)) == NULL)
		fatal("the file of the backup recipient");
	if ((bio = BIO_new_mem_buf(text, (int)len)) != NULL)
		pkey = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	secret_free(text);
	close(fd);
	if (pkey == NULL)
		fatalx("the backup recipient is no public key in PEM");
	if (EVP_PKEY_base_id(pkey) != EVP_PKEY_RSA ||
	    EVP_PKEY_bits(pkey) < ENVELOPE_LEAST_BITS ||
	    EVP_PKEY_bits(pkey) > ENVELOPE_MOST_BITS)
		fatalx("the backup recipient is no RSA key of %d to %d bits",
		    ENVELOPE_LEAST_BITS, ENVELOPE_MOST_BITS);
	return (pkey);
}

/* --- the key, by RSA ----------------------------------------------------- */

static EVP_PKEY_CTX *
oaep(EVP_PKEY *pkey, int (*init)(EVP_PKEY_CTX *))
{
	EVP_PKEY_CTX	*ctx;

	if ((ctx = EVP_PKEY_CTX_new(pkey, NULL)) == NULL)
		return (NULL);
	if (init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1)
		return (ctx);
	EVP_PKEY_CTX_free(ctx);
	return (NULL);
}

static int
wrap(EVP_PKEY *pkey, const uint8_t *key, uint8_t *out, size_t *len)
{
	EVP_PKEY_CTX	*ctx = oaep(pkey, EVP_PKEY_encrypt_init);
	int		 rc;

	rc = ctx != NULL &&
	    EVP_PKEY_encrypt(ctx, out, len, key, KEY_LEN) == 1;
	EVP_PKEY_CTX_free(ctx);
	return (rc ? 0 : -1);
}

static int
unwrap(EVP_PKEY *pkey, uint8_t key[KEY_LEN], const uint8_t *in, size_t inlen)
{
	EVP_PKEY_CTX	*ctx = oaep(pkey, EVP_PKEY_decrypt_init);
	uint8_t		 out[ENVELOPE_MOST_BITS / 8];
	size_t		 len = sizeof(out);
	int		 rc = -1;

	if (ctx != NULL &&
	    EVP_PKEY_decrypt(ctx, out, &len, in, inlen) == 1 &&
	    len == KEY_LEN) {
		memcpy(key, out, KEY_LEN);
		rc = 0;
	}
	explicit_bzero(out, sizeof(out));
	EVP_PKEY_CTX_free(ctx);
	return (rc);
}

/* --- the secret, by AES-GCM ---------------------------------------------- */

static EVP_CIPHER_CTX *
gcm(const uint8_t *key, const uint8_t *nonce, const struct wbuf *about,
    int seal)
{
	EVP_CIPHER_CTX	*ctx;
	int		 n;

	if (about->failed || about->len > INT_MAX ||
	    (ctx = EVP_CIPHER_CTX_new()) == NULL)
		return (NULL);
	if (EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce,
	    seal) == 1 && EVP_CipherUpdate(ctx, NULL, &n, about->data,
	    (int)about->len) == 1)
		return (ctx);
	EVP_CIPHER_CTX_free(ctx);
	return (NULL);
}

/* len bytes and a tag. */
static int
seal(uint8_t *out, const uint8_t *key, const uint8_t *nonce,
    const struct wbuf *about, const void *plain, size_t len)
{
	EVP_CIPHER_CTX	*ctx = gcm(key, nonce, about, 1);
	int		 n, last, rc;

	rc = ctx != NULL && EVP_CipherUpdate(ctx, out, &n, plain,
	    (int)len) == 1 && EVP_CipherFinal_ex(ctx, out + n, &last) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN,
	    out + len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return (rc ? 0 : -1);
}

int
envelope_seal(struct wbuf *w, EVP_PKEY *pkey, const struct wbuf *about,
    const void *plain, size_t len)
{
	uint8_t	 wrapped[ENVELOPE_MOST_BITS / 8], nonce[NONCE_LEN];
	uint8_t	*key, *box = NULL;
	size_t	 size = sizeof(wrapped);
	int	 rc = -1;

	if (len == 0 || len > SECRET_MAX ||
	    (key = OPENSSL_secure_malloc(KEY_LEN)) == NULL)
		return (-1);
	if ((box = malloc(len + TAG_LEN)) == NULL ||
	    RAND_bytes(key, KEY_LEN) != 1 ||
	    RAND_bytes(nonce, sizeof(nonce)) != 1 ||
	    wrap(pkey, key, wrapped, &size) == -1 ||
	    seal(box, key, nonce, about, plain, len) == -1)
		goto done;
	wb_u8(w, FORM);
	wb_u16(w, (uint16_t)size);
	wb_raw(w, wrapped, size);
	wb_raw(w, nonce, sizeof(nonce));
	wb_raw(w, box, len + TAG_LEN);
	rc = w->failed ? -1 : 0;
done:
	OPENSSL_secure_clear_free(key, KEY_LEN);
	free(box);
	return (rc);
}

static int
open_box(uint8_t *out, const uint8_t *key, const uint8_t *nonce,
    const struct wbuf *about, const uint8_t *box, size_t len)
{
	EVP_CIPHER_CTX	*ctx = gcm(key, nonce, about, 0);
	uint8_t		 tag[TAG_LEN];
	int		 n, last, rc;

	memcpy(tag, box + len, TAG_LEN);
	rc = ctx != NULL && EVP_CipherUpdate(ctx, out, &n, box,
	    (int)len) == 1 && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG,
	    TAG_LEN, tag) == 1 && EVP_CipherFinal_ex(ctx, out + n, &last) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return (rc ? 0 : -1);
}

uint8_t *
envelope_open(EVP_PKEY *pkey, const struct wbuf *about, const void *data,
    size_t size, size_t *len)
{
	struct rbuf	 r;
	const uint8_t	*wrapped, *nonce;
	uint8_t		 key[KEY_LEN], *plain;
	size_t		 wrappedlen;

	rb_init(&r, data, size);
	if (rb_u8(&r) != FORM)
		return (NULL);
	wrappedlen = rb_u16(&r);
	if (r.failed || wrappedlen == 0 || r.left <= wrappedlen + NONCE_LEN +
	    TAG_LEN || r.left > INT_MAX)
		return (NULL);
	wrapped = r.p;
	nonce = wrapped + wrappedlen;
	*len = r.left - wrappedlen - NONCE_LEN - TAG_LEN;
	if ((plain = OPENSSL_secure_malloc(*len)) == NULL)
		return (NULL);
	if (unwrap(pkey, key, wrapped, wrappedlen) == -1 || open_box(plain,
	    key, nonce, about, nonce + NONCE_LEN, *len) == -1) {
		OPENSSL_secure_clear_free(plain, *len);
		plain = NULL;
	}
	explicit_bzero(key, sizeof(key));
	return (plain);
}

/* --- what they are about ------------------------------------------------- */

/*
 * The policy too: who keeps the file can't put a key under another one.  Not
 * the serial and the seal, which are of one instance.
 */
void
envelope_about_key(struct wbuf *w, const struct key_record *k,
    enum given given)
{
	wb_str(w, "kbsd backup key 1");
	wb_uuid(w, &k->id);
	wb_u32(w, k->version);
	wb_str(w, k->keystore);
	wb_u8(w, k->algorithm);
	wb_u16(w, k->length);
	wb_u8(w, k->curve);
	wb_u8(w, k->flags);
	wb_uuid(w, &k->policy);
	wb_digest(w, k->policy_digest);
	wb_u8(w, (uint8_t)given);
}

void
envelope_about_user(struct wbuf *w, const struct user_record *user)
{
	wb_str(w, "kbsd backup user 1");
	wb_uuid(w, &user->id);
	wb_str(w, user->name);
	wb_u32(w, user->permissions);
}

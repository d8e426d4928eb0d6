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
 * Material at rest: AES-256-GCM under a key derived for each record from the
 * master key, with a random nonce.  What never changes about a key is
 * additional data, so a box opens only for the key that it was made for.
 */

#include <openssl/evp.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "kms.h"

/* All that the seal covers but policy and serial, which a move changes. */
void
box_about(struct wbuf *w, const struct key_record *record)
{
	wb_str(w, "kbsd key material 1");
	wb_uuid(w, &record->id);
	wb_u32(w, record->version);
	wb_str(w, record->keystore);
	wb_str(w, record->backend);
	wb_u8(w, record->algorithm);
	wb_u16(w, record->length);
	wb_u8(w, record->curve);
	wb_u8(w, record->flags);
}

static void
box_key(uint8_t key[DIGEST_LEN], const uint8_t *master,
    const struct key_record *record)
{
	char	 label[64 + UUID_TEXT], id[UUID_TEXT];

	snprintf(label, sizeof(label), "kbsd key material 1 %s %u",
	    uuid_format(&record->id, id), record->version);
	derive_key(key, master, MASTER_KEY_LEN, label);
}

/* A context with key, nonce and additional data set; NULL on failure. */
static EVP_CIPHER_CTX *
box_context(const uint8_t *master, const struct key_record *record,
    const uint8_t *nonce, int seal)
{
	EVP_CIPHER_CTX	*ctx;
	struct wbuf	 about = { 0 };
	uint8_t		 key[DIGEST_LEN];
	int		 n;

	box_about(&about, record);
	box_key(key, master, record);
	if ((ctx = EVP_CIPHER_CTX_new()) == NULL)
		goto done;
	if (about.failed || EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL,
	    key, nonce, seal) != 1 || EVP_CipherUpdate(ctx, NULL, &n,
	    about.data, (int)about.len) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
done:
	explicit_bzero(key, sizeof(key));
	wb_free(&about);
	return (ctx);
}

int
box_seal(uint8_t *box, const uint8_t *master, const struct key_record *record,
    const uint8_t *plain, size_t len)
{
	EVP_CIPHER_CTX	*ctx;
	int		 n, last, ret = -1;

	if (len > INT_MAX - BOX_MORE)
		return (-1);
	arc4random_buf(box, BOX_NONCE);
	if ((ctx = box_context(master, record, box, 1)) == NULL)
		return (-1);
	if (EVP_CipherUpdate(ctx, box + BOX_NONCE, &n, plain, (int)len) == 1 &&
	    EVP_CipherFinal_ex(ctx, box + BOX_NONCE + n, &last) == 1 &&
	    (size_t)n + (size_t)last == len &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, BOX_TAG,
	    box + BOX_NONCE + len) == 1)
		ret = 0;
	EVP_CIPHER_CTX_free(ctx);
	return (ret);
}

int
box_open(uint8_t *plain, const uint8_t *master,
    const struct key_record *record, const uint8_t *box, size_t len)
{
	EVP_CIPHER_CTX	*ctx;
	uint8_t		 tag[BOX_TAG];
	int		 n = 0, last, ret = -1;

	if (len < BOX_MORE || len > INT_MAX)
		return (-1);
	len -= BOX_MORE;
	memcpy(tag, box + BOX_NONCE + len, BOX_TAG);
	if ((ctx = box_context(master, record, box, 0)) == NULL)
		return (-1);
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, BOX_TAG,
	    tag) == 1 &&
	    EVP_CipherUpdate(ctx, plain, &n, box + BOX_NONCE, (int)len) == 1 &&
	    EVP_CipherFinal_ex(ctx, plain + n, &last) == 1 &&
	    (size_t)n + (size_t)last == len)
		ret = 0;
	if (ret == -1)
		explicit_bzero(plain, len);
	EVP_CIPHER_CTX_free(ctx);
	return (ret);
}

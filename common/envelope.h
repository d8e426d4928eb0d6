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
 * A secret for who has an RSA private key: how keys and password hashes get
 * into a backup.  AES-256-GCM under a new key, that by RSA-OAEP with SHA-256;
 * what the secret is about is additional data, so that a file of them can't
 * be rearranged.
 */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

#define ENVELOPE_LEAST_BITS	3072
#define ENVELOPE_MOST_BITS	8192
#define ENVELOPE_MOST_MORE	(3 + ENVELOPE_MOST_BITS / 8 + 12 + 16)

/*
 * The public key in an open PEM file, RSA of 3072 to 8192 bits: the recipient
 * of backups.  Closes it, and dies when it is none.
 */
EVP_PKEY	*envelope_recipient(int fd);
/*
 * Append: u8 1, u16 length of the wrapped key, that, nonce (12 bytes),
 * ciphertext, tag (16 bytes).  0; -1 when libcrypto or memory fails.
 */
int		 envelope_seal(struct wbuf *, EVP_PKEY *,
		    const struct wbuf *about, const void *, size_t);
/*
 * The other way, for who has the private key.  OPENSSL_secure_malloc'd, *len
 * bytes; NULL when it is not for this key, not about this, or was changed.
 */
uint8_t		*envelope_open(EVP_PKEY *, const struct wbuf *about,
		    const void *, size_t, size_t *len);

/* What the secrets of a backup are about, appended. */

void		 envelope_about_key(struct wbuf *, const struct key_record *,
		    enum given);
void		 envelope_about_user(struct wbuf *, const struct user_record *);

#endif

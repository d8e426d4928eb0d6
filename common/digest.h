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

/* SHA-256 and HMAC in one call, over one or more pieces. */
#ifndef DIGEST_H
#define DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"

struct piece {
	const void	*data;
	size_t		 len;
};

/* These die only when libcrypto can't do SHA-256 at all. */
void	digest(uint8_t out[DIGEST_LEN], const void *, size_t);
void	digest_pieces(uint8_t out[DIGEST_LEN], const struct piece *, size_t n);
void	hmac_pieces(uint8_t out[DIGEST_LEN], const void *key, size_t keylen,
	    const struct piece *, size_t n);
/* HKDF-Expand like derivation of a 32 byte key: HMAC(key, label). */
void	derive_key(uint8_t out[DIGEST_LEN], const void *key, size_t keylen,
	    const char *label);
/*
 * What a grant says of what a front gives for a key: the digest of the bytes,
 * and what they are where they are no material (enum given).
 */
void	given_digest(uint8_t out[DIGEST_LEN], uint8_t given,
	    const uint8_t bytes[DIGEST_LEN]);
/*
 * By which a wrapping key (RSA, big-endian numbers) goes into audit lines and
 * to kms: SHA-256 over u32 length and bytes of e, then of n.  Zeros in front
 * are left out, so that a key has one digest.
 */
void	wrapping_key_digest(uint8_t out[DIGEST_LEN], const uint8_t *e,
	    size_t elen, const uint8_t *n, size_t nlen);

#endif

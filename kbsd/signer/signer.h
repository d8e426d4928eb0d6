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
 * The signer: owns the private keys of the TLS certificates and makes the
 * signatures of handshakes with them, nothing else.
 */
#ifndef SIGNER_H
#define SIGNER_H

#include <sys/types.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "kbsd.h"

#define KEYS_MAX	CERTIFICATES_MAX
#define NAMES_MAX	64
#define NAME_TEXT_MAX	256		/* a DNS name or an IP address */
#define PEM_MAX		(64 * 1024)
#define SIGNATURE_MAX	1024		/* RSA-8192 */
#define SIGN_BODY_MAX	(4 + 1 + DIGEST_LEN + 4 + SIGNATURE_MAX)

/* Names for a certificate that is made here. */
struct names {
	char	 text[NAMES_MAX][NAME_TEXT_MAX];
	size_t	 n;
};

/*
 * key.c: the pairs of key and certificate.
 * Descriptors of pairs, in turn; they are taken over.
 */
int		 key_add_fd(uint32_t role, int fd);
/* Read, check, make or renew; dies. */
void		 key_load(const struct names *);
/* The key whose certificate holds this SubjectPublicKeyInfo, or NULL. */
EVP_PKEY	*key_find(const uint8_t spki[DIGEST_LEN]);
size_t		 key_count(void);
/* A line for each certificate that ends soon, or has ended. */
void		 key_warn(void);

/* make.c: keys and self-made certificates.  NULL: libcrypto's error. */
EVP_PKEY	*make_key(void);
X509		*make_cert(EVP_PKEY *, const struct names *);
/* Is there more than a month left, and are these its names? */
int		 make_is_current(X509 *, const struct names *);

/*
 * rate.c: what one frontend may ask for; edge->data.
 * Far more than a core can do with any key but P-256, and a bound for who
 * took a frontend and collects signatures.
 */
#define RATE_SECOND	5000
#define RATE_BURST	10000

struct allowance {
	uint64_t	 tokens;	/* thousandths of a signature */
	uint64_t	 filled;	/* when, in ms */
};

void		 rate_init(struct allowance *, uint64_t now);
/* One more? */
int		 rate_allows(struct allowance *, uint64_t now);

/*
 * sign.c: the one operation.
 * Into sig, which holds SIGNATURE_MAX; NULL, or what was wrong with it.
 */
const char	*sign_make(EVP_PKEY *, uint8_t kind, const uint8_t *, size_t,
		    uint8_t *sig, size_t *siglen);
/* Is this block of bits - 1 bits padded as EMSA-PSS by RFC 8446 4.2.3? */
int		 sign_is_pss(const uint8_t *, size_t, unsigned int bits);

#endif

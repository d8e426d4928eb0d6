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


/* The keystore in a PKCS#11 token: the token, and what its answers mean. */
#ifndef TOKEN_H
#define TOKEN_H

#include <p11-kit/pkcs11.h>

#include <stddef.h>
#include <stdint.h>

#include "kms.h"

#define PIN_MAX		256

/* What the configuration says. */
struct pkcs11 {
	char		 module[1024];
	char		 token[LABEL_MAX + 1];
	char		 key[LABEL_MAX + 1];
	uint8_t		*pin;			/* locked */
	size_t		 pinlen;
};
extern struct pkcs11	 pkcs11;

/* pkcs11.c: what keys.db remembers */

/* Is it the key of before?  Any is, where nothing is sealed yet. */
enum same { SAME_YES, SAME_NO, SAME_UNKNOWN };
enum same	 pkcs11_same(const uint8_t check[DIGEST_LEN]);
/* The token has refused the PIN: it is not shown again. */
void		 pkcs11_pin_refused(void);

/* token.c */

enum token_state {
	TOKEN_READY,
	TOKEN_AWAY,		/* may come back */
	TOKEN_WRONG		/* not without its operator */
};

/* Load the module, and what it loads by itself.  Dies on failure. */
void		 token_load(void);
/*
 * Find the token, log in and find the key, or make it where nothing is sealed
 * yet.  When it can't be done token_why() says why.
 */
enum token_state token_attach(void);
const char	*token_why(void);
/*
 * Seal or open a box by the key in the token: nonce, ciphertext, tag.  Lost
 * sessions are replaced.  DONE_OK, DONE_UNAVAILABLE, or DONE_REFUSED for a box
 * that the key does not open; token_why() is the reason.
 */
enum done_result token_seal(uint8_t *box, const struct wbuf *about,
		    const uint8_t *plain, size_t len);
/* plain has place for len - BOX_NONCE bytes. */
enum done_result token_open(uint8_t *plain, const struct wbuf *about,
		    const uint8_t *box, size_t len);

/* token_reason.c */

/* What follows of an answer. */
#define REASON_SESSION	0x1	/* a new session may help */
#define REASON_PIN	0x2	/* the PIN must not be shown again */
#define REASON_USAGE	0x4	/* this module or token can't be used */

int		 reason_is(CK_RV, int flags);
/* Its name, and what it means.  Static buffer. */
const char	*reason_text(CK_RV);

#endif

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
 * Nonces of our own, in the contract's shape: val is random, iat is the time,
 * and the signature an HMAC over both and the key that is asked for.  So none
 * is remembered before it is used, any verifier knows the nonce of another
 * one, also across a reload; the broker has each spent once.
 */
#include <string.h>

#include "digest.h"
#include "local.h"
#include "rfc3339.h"
#include "secret.h"

#define VAL_LEN		32
#define NONCE_LABEL	"kbsd verifier nonce 1"

static uint8_t	*nonce_key;		/* derived */

void
nonce_init(const void *key, size_t len)
{
	if (nonce_key == NULL && (nonce_key = secret_alloc(DIGEST_LEN)) ==
	    NULL)
		fatal("secret memory");
	derive_key(nonce_key, key, len, NONCE_LABEL);
}

/* Lengths go in: val and iat can't lend each other bytes. */
static void
nonce_mac(uint8_t mac[DIGEST_LEN], const struct uuid *key, const void *val,
    size_t vallen, const void *iat, size_t iatlen)
{
	const uint8_t		 lens[2] = { (uint8_t)vallen, (uint8_t)iatlen };
	const struct piece	 p[] = {
		{ key->b, sizeof(key->b) }, { lens, sizeof(lens) },
		{ val, vallen }, { iat, iatlen },
	};

	hmac_pieces(mac, nonce_key, DIGEST_LEN, p, 4);
}

void
nonce_make(struct wbuf *w, const struct uuid *key, int64_t now)
{
	uint8_t	 val[VAL_LEN], mac[DIGEST_LEN];
	char	 iat[RFC3339_TEXT];

	arc4random_buf(val, sizeof(val));
	(void)rfc3339_format(now, iat);
	nonce_mac(mac, key, val, sizeof(val), iat, strlen(iat));
	wb_bytes(w, val, sizeof(val));
	wb_bytes(w, iat, strlen(iat));
	wb_bytes(w, mac, sizeof(mac));
}

const char *
nonce_wrong(const struct evidence *e, const struct uuid *key, int64_t now)
{
	uint8_t	 mac[DIGEST_LEN];
	int64_t	 iat;

	if (e->nonce_vallen != VAL_LEN || e->nonce_iatlen >= RFC3339_TEXT ||
	    e->nonce_siglen != DIGEST_LEN)
		return ("the nonce is none of ours");
	nonce_mac(mac, key, e->nonce_val, e->nonce_vallen, e->nonce_iat,
	    e->nonce_iatlen);
	if (secret_cmp(mac, e->nonce_sig, DIGEST_LEN) != 0)
		return ("the nonce is none of ours, or of another key");
	if (rfc3339_parse((const char *)e->nonce_iat, e->nonce_iatlen,
	    &iat) == -1)
		return ("the nonce has no time");
	if (iat > now + CLOCK_LEEWAY || iat <= now - NONCE_LIFE_S)
		return ("the nonce has expired");
	return (NULL);
}

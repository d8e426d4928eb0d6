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
 * Signatures as JOSE and quotes write them, r || s, for libcrypto, which wants
 * DER.
 */
#include <openssl/bn.h>
#include <openssl/ec.h>

#include "ecdsa.h"

int
ecdsa_der(uint8_t der[ECDSA_DER_MAX], const uint8_t *raw, size_t half)
{
	ECDSA_SIG	*sig;
	BIGNUM		*r, *s;
	uint8_t		*p = der;
	int		 len = -1;

	if ((sig = ECDSA_SIG_new()) == NULL)
		return (-1);
	r = BN_bin2bn(raw, (int)half, NULL);
	s = BN_bin2bn(raw + half, (int)half, NULL);
	if (r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		goto done;
	}
	if ((len = i2d_ECDSA_SIG(sig, NULL)) > 0 && len <= ECDSA_DER_MAX)
		len = i2d_ECDSA_SIG(sig, &p);
	else
		len = -1;
done:
	ECDSA_SIG_free(sig);
	return (len);
}

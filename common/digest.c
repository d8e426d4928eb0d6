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
 * SHA-256 and HMAC.  Whoever seals or compares digests comes through here,
 * so there is one place that decides what a digest covers; a libcrypto that
 * can't do SHA-256 ends the process, for nothing it answers could be right.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "log.h"

/* Fetched once: what EVP_sha256() names is looked for each time. */
static const EVP_MD *
sha256(void)
{
	static EVP_MD	*md;

	if (md == NULL && (md = EVP_MD_fetch(NULL, "SHA2-256", NULL)) == NULL)
		fatalx("digest: no SHA-256");
	return (md);
}

void
digest(uint8_t out[DIGEST_LEN], const void *data, size_t len)
{
	struct piece	 p;

	p.data = data;
	p.len = len;
	digest_pieces(out, &p, 1);
}

void
digest_pieces(uint8_t out[DIGEST_LEN], const struct piece *pieces, size_t n)
{
	EVP_MD_CTX	*ctx;
	size_t		 i;
	unsigned int	 len;

	if ((ctx = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestInit_ex(ctx, sha256(), NULL) != 1)
		fatalx("digest: no SHA-256");
	for (i = 0; i < n; i++) {
		if (pieces[i].len > 0 && EVP_DigestUpdate(ctx, pieces[i].data,
		    pieces[i].len) != 1)
			fatalx("digest: update failed");
	}
	if (EVP_DigestFinal_ex(ctx, out, &len) != 1 || len != DIGEST_LEN)
		fatalx("digest: final failed");
	EVP_MD_CTX_free(ctx);		/* wipes its state */
}

void
hmac_pieces(uint8_t out[DIGEST_LEN], const void *key, size_t keylen,
    const struct piece *pieces, size_t n)
{
	static const uint8_t	 none[1];
	char			 name[] = "SHA256";
	OSSL_PARAM		 params[2];
	static EVP_MAC		*mac;
	EVP_MAC_CTX		*ctx = NULL;
	size_t			 i, len;

	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
	    name, 0);
	params[1] = OSSL_PARAM_construct_end();
	/* without an address init would keep the key of before */
	if (keylen == 0)
		key = none;
	if ((mac == NULL &&
	    (mac = EVP_MAC_fetch(NULL, "HMAC", NULL)) == NULL) ||
	    (ctx = EVP_MAC_CTX_new(mac)) == NULL ||
	    EVP_MAC_init(ctx, key, keylen, params) != 1)
		fatalx("hmac: no HMAC with SHA-256");
	for (i = 0; i < n; i++) {
		if (pieces[i].len > 0 && EVP_MAC_update(ctx, pieces[i].data,
		    pieces[i].len) != 1)
			fatalx("hmac: update failed");
	}
	if (EVP_MAC_final(ctx, out, &len, DIGEST_LEN) != 1 ||
	    len != DIGEST_LEN)
		fatalx("hmac: final failed");
	EVP_MAC_CTX_free(ctx);
}

void
derive_key(uint8_t out[DIGEST_LEN], const void *key, size_t keylen,
    const char *label)
{
	static const uint8_t	 one = 1;
	struct piece		 p[2];

	/* RFC 5869 section 2.3: T(1) with an info of label */
	p[0].data = label;
	p[0].len = strlen(label);
	p[1].data = &one;
	p[1].len = 1;
	hmac_pieces(out, key, keylen, p, 2);
}

static void
number_pieces(struct piece p[2], uint8_t len[4], const uint8_t *v, size_t n)
{
	while (n > 0 && *v == 0) {
		v++;
		n--;
	}
	len[0] = n >> 24 & 0xff;
	len[1] = n >> 16 & 0xff;
	len[2] = n >> 8 & 0xff;
	len[3] = n & 0xff;
	p[0].data = len;
	p[0].len = 4;
	p[1].data = v;
	p[1].len = n;
}

void
wrapping_key_digest(uint8_t out[DIGEST_LEN], const uint8_t *e, size_t elen,
    const uint8_t *n, size_t nlen)
{
	struct piece	 p[4];
	uint8_t		 lengths[2][4];

	number_pieces(p, lengths[0], e, elen);
	number_pieces(p + 2, lengths[1], n, nlen);
	digest_pieces(out, p, 4);
}

void
given_digest(uint8_t out[DIGEST_LEN], uint8_t given,
    const uint8_t bytes[DIGEST_LEN])
{
	const struct piece	 p[] = {
		{ "given", 5 }, { &given, 1 }, { bytes, DIGEST_LEN },
	};

	if (given == 0)
		memcpy(out, bytes, DIGEST_LEN);
	else
		digest_pieces(out, p, 3);
}

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
 * Key material as an administrator may register it, and public keys.  The
 * first byte names what it is said to be.  What is taken must be taken again
 * as it came out, and give the same.
 */
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "engine/engine.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct {
	uint8_t		 algorithm;
	uint16_t	 length;
	uint8_t		 curve;
} kinds[] = {
	{ ALG_AES, 128, CURVE_NONE },
	{ ALG_AES, 256, CURVE_NONE },
	{ ALG_EC, 256, CURVE_P256 },
	{ ALG_EC, 384, CURVE_P384 },
	{ ALG_EC, 521, CURVE_P521 },
	{ ALG_RSA, 2048, CURVE_NONE },
	{ ALG_RSA, 3072, CURVE_NONE },
};

#define NKINDS	(sizeof(kinds) / sizeof(kinds[0]))

static char *
armour(const uint8_t *der, size_t len)
{
	static const char	 begin[] = "-----BEGIN PRIVATE KEY-----\n";
	static const char	 end[] = "\n-----END PRIVATE KEY-----\n";
	size_t			 size = BASE64_SIZE(len) + 128;
	char			*text;

	if ((text = calloc(1, size)) == NULL)
		abort();
	memcpy(text, begin, sizeof(begin) - 1);
	if (base64_encode(text + sizeof(begin) - 1, BASE64_SIZE(len), der,
	    len) == -1)
		abort();
	strlcat(text, end, size);
	return (text);
}

static void
again(const struct key_record *k, const uint8_t *out, size_t len)
{
	uint8_t	*twice;
	char	*text;
	size_t	 n;

	if (k->algorithm == ALG_AES)
		return;
	text = armour(out, len);
	if (import_key(k, (const uint8_t *)text, strlen(text), &twice, &n) !=
	    NULL || n != len || memcmp(twice, out, len) != 0)
		abort();
	OPENSSL_secure_clear_free(twice, n);
	free(text);
}

static void
public_key(const uint8_t *data, size_t size)
{
	struct der	 e, n;
	EVP_PKEY	*pkey;

	if (pubkey_spki(data, size, &e, &n) != NULL ||
	    pubkey_check(e.p, e.left, n.p, n.left, WRAPPING_LEAST) != NULL)
		return;
	if ((pkey = pubkey_make(e.p, e.left, n.p, n.left)) == NULL ||
	    EVP_PKEY_size(pkey) > WRAPPING_MOST / 8)
		abort();
	EVP_PKEY_free(pkey);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct key_record	 k;
	uint8_t			*out, kind;
	size_t			 len;

	if (size == 0 || size > MATERIAL_MAX)
		return (0);
	kind = data[0] % (NKINDS + 1);
	data++;
	size--;
	if (kind == NKINDS) {
		public_key(data, size);
		return (0);
	}
	memset(&k, 0, sizeof(k));
	k.algorithm = kinds[kind].algorithm;
	k.length = kinds[kind].length;
	k.curve = kinds[kind].curve;
	if (import_key(&k, data, size, &out, &len) != NULL)
		return (0);
	if (len == 0 || len > MATERIAL_MAX)
		abort();
	again(&k, out, len);
	OPENSSL_secure_clear_free(out, len);
	return (0);
}

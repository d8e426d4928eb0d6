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
 * The public key of POST /keys/{id}.  It is looked at with cheap checks only,
 * whoever sent it; the engine checks it again before it wraps.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "frontend.h"

#define BEGIN		"-----BEGIN PUBLIC KEY-----"
#define END		"-----END PUBLIC KEY-----"
#define BITS_LEAST	2048
#define BITS_MOST	8192

static int
is_space(uint8_t c)
{
	return (c == ' ' || c == '\t' || c == '\r' || c == '\n');
}

static void
trim(const uint8_t **text, size_t *len)
{
	while (*len > 0 && is_space(**text)) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && is_space((*text)[*len - 1]))
		(*len)--;
}

/* Take the armour off, if it has one: both ends, and nothing around it. */
static int
unarmour(const uint8_t **text, size_t *len)
{
	const size_t	 begin = sizeof(BEGIN) - 1, end = sizeof(END) - 1;

	trim(text, len);
	if (*len < begin || memcmp(*text, BEGIN, begin) != 0)
		return (0);
	if (*len < begin + end ||
	    memcmp(*text + *len - end, END, end) != 0)
		return (-1);
	*text += begin;
	*len -= begin + end;
	return (0);
}

static uint8_t *
decode(const uint8_t *text, size_t len, size_t *derlen)
{
	char	 packed[BASE64_SIZE(PUBKEY_DER_MAX)];
	uint8_t	*der;
	size_t	 i, n = 0;
	ssize_t	 got;

	for (i = 0; i < len; i++) {
		if (is_space(text[i]))
			continue;
		if (n == sizeof(packed))
			return (NULL);
		packed[n++] = (char)text[i];
	}
	if ((der = malloc(PUBKEY_DER_MAX)) == NULL)
		return (NULL);
	got = base64_decode(der, PUBKEY_DER_MAX, packed, n);
	if (got <= 0) {
		free(der);
		return (NULL);
	}
	*derlen = (size_t)got;
	return (der);
}

static const char *
check(const uint8_t *der, size_t len)
{
	const uint8_t	*p = der;
	const char	*why = NULL;
	EVP_PKEY	*key;
	int		 bits;

	key = d2i_PUBKEY(NULL, &p, (long)len);
	if (key == NULL || p != der + len)
		why = "the body is no public key";
	else if (EVP_PKEY_base_id(key) != EVP_PKEY_RSA)
		why = "the public key is not RSA";
	else if ((bits = EVP_PKEY_bits(key)) < BITS_LEAST || bits > BITS_MOST)
		why = "the public key is not of 2048 to 8192 bits";
	EVP_PKEY_free(key);
	return (why);
}

uint8_t *
pubkey_read(const uint8_t *text, size_t len, size_t *derlen,
    const char **why)
{
	uint8_t	*der;

	*why = "the body is neither a PEM PUBLIC KEY nor its base64";
	if (text == NULL || unarmour(&text, &len) == -1 ||
	    (der = decode(text, len, derlen)) == NULL)
		return (NULL);
	if ((*why = check(der, *derlen)) != NULL) {
		free(der);
		return (NULL);
	}
	return (der);
}

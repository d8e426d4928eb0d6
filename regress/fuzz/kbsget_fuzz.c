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
 * What a hostile server sends: a response cut anywhere must come to the same
 * as the whole one, and what an answer unwraps to is never more than it
 * holds.  The first byte says how the rest is cut.  The same bytes are an
 * attribute of a machine's TEE, too, and the name of a kernel key.
 */
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kbsget.h"
#include "secret.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static EVP_PKEY	*fuzz_key;

static int
feed_pieces(struct response *r, const uint8_t *p, size_t len, size_t piece)
{
	size_t	 n;
	int	 rv = 0;

	response_init(r);
	for (; len > 0 && rv != -1; p += n, len -= n) {
		n = len < piece ? len : piece;
		rv = response_feed(r, p, n);
	}
	return (rv);
}

static void
fuzz_answer(const char *text, size_t len)
{
	const char	*why = NULL;
	uint8_t		*key = NULL;
	size_t		 keylen;

	if (fuzz_key == NULL && (fuzz_key = keypair_make()) == NULL)
		abort();
	if (unwrap_json(fuzz_key, text, len, &key, &keylen, &why) == -1) {
		if (key != NULL || why == NULL)
			abort();
		return;
	}
	if (keylen >= len)
		abort();
	secret_free(key);
}

/* A machine's attribute: a word has no white space, a number one text. */
static void
fuzz_attribute(const uint8_t *data, size_t size)
{
	char		 text[ATTR_TEXT], again[ATTR_TEXT];
	uint64_t	 n;

	if (size >= sizeof(text))
		return;
	memcpy(text, data, size);
	if (attr_word(text, size) == -1)
		return;
	if (strlen(text) + 1 < size || text[0] == '\0' ||
	    strpbrk(text, " \t\r\n\v\f") != NULL)
		abort();
	if (attr_decimal(text, &n) == -1)
		return;
	(void)snprintf(again, sizeof(again), "%llu", (unsigned long long)n);
	if (n != 0 && strcmp(text + strspn(text, "0"), again) != 0)
		abort();
}

/* Where a key is to go: what is left is its description. */
static void
fuzz_keyspec(const uint8_t *data, size_t size)
{
	struct keyspec	 spec;
	const char	*why = NULL;
	char		*text;

	if ((text = strndup((const char *)data, size)) == NULL)
		return;
	if (keyspec_parse(&spec, text, &why) == -1) {
		if (why == NULL)
			abort();
	} else if (spec.description[0] == '\0' ||
	    strlen(spec.description) > KEYSPEC_MAX ||
	    spec.description < text ||
	    spec.description > text + strlen(text))
		abort();
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct response	 one, two;
	const char	*why;
	int		 rv1, rv2;

	if (size == 0)
		return (0);
	fuzz_attribute(data + 1, size - 1);
	fuzz_keyspec(data + 1, size - 1);
	rv1 = feed_pieces(&one, data + 1, size - 1, size);
	rv2 = feed_pieces(&two, data + 1, size - 1, (size_t)data[0] % 64 + 1);
	if (rv1 != rv2 || one.status != two.status ||
	    one.bodylen != two.bodylen || one.bodylen > RESPONSE_BODY_MAX ||
	    (one.why == NULL) != (rv1 != -1))
		abort();
	if (one.bodylen > 0 && memcmp(one.body, two.body, one.bodylen) != 0)
		abort();
	(void)tee_header(one.attestation_type, &why);
	if (rv1 == 1 && one.bodylen > 0)
		fuzz_answer((const char *)one.body, one.bodylen);
	response_free(&one);
	response_free(&two);
	return (0);
}

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
 * Bytes as an answer of Vault, for an AES, an RSA and an EC key: what is taken
 * has the record's form; and as the text of its errors, which is one plain
 * line.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "vault.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
value_fuzz(const uint8_t *data, size_t size, uint8_t algorithm,
    unsigned int version)
{
	static uint8_t		 material[MATERIAL_MAX];
	struct key_record	 k;
	size_t			 len = 0;
	int			 none;

	memset(&k, 0, sizeof(k));
	strlcpy(k.backend, "k", sizeof(k.backend));
	k.algorithm = algorithm;
	k.length = algorithm == ALG_AES ? 128 : 3072;
	if (value_read(&k, version, data, size, material, &len, &none) !=
	    NULL)
		return;
	if (none || len == 0 || len > MATERIAL_MAX ||
	    (algorithm == ALG_AES && len != 16) ||
	    (algorithm != ALG_AES && material[0] != 0x30))
		abort();
	(void)material_wrong(&k, material, len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int	 ready;
	char		 text[64];
	size_t		 i;

	if (!ready++)
		json_init();
	value_errors(data, size, text, sizeof(text));
	for (i = 0; text[i] != '\0'; i++)
		if (!isprint((unsigned char)text[i]))
			abort();
	value_fuzz(data, size, ALG_AES, 1);
	value_fuzz(data, size, ALG_RSA, 2);
	value_fuzz(data, size, ALG_EC, 1);
	return (0);
}

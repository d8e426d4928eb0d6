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
 * Bytes as what a KMIP server sends: their length, then each response that
 * they may be, and what is read out of its payload.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kmip.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
key_fuzz(const struct kmip_answer *a, uint8_t algorithm, uint16_t length)
{
	static uint8_t		 material[MATERIAL_MAX];
	struct key_record	 k;
	size_t			 len = 0;

	memset(&k, 0, sizeof(k));
	k.algorithm = algorithm;
	k.length = length;
	if (kmip_read_key(a, &k, material, &len) == NULL &&
	    (len == 0 || len > MATERIAL_MAX ||
	    (algorithm == ALG_AES && len != length / 8U)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum kmip_operation	 operations[] = { KMIP_GET,
						    KMIP_REGISTER,
						    KMIP_CREATE_PAIR,
						    KMIP_QUERY,
						    KMIP_DISCOVER };
	struct kmip_version	 v;
	struct kmip_answer	 a;
	struct kmip_offer	 offer;
	char			 id[64];
	size_t			 i;
	ssize_t			 n = kmip_length(data, size);

	if (n > KMIP_MESSAGE_MAX || (n > 0 && n < TTLV_HEAD))
		abort();
	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (kmip_response(data, size, operations[i], &a) != NULL ||
		    !a.has_payload)
			continue;
		(void)kmip_read_id(&a, id, sizeof(id));
		(void)kmip_read_pair(&a, id, sizeof(id));
		if (kmip_read_offer(&a, &offer) == NULL &&
		    memchr(offer.server, '\0', sizeof(offer.server)) == NULL)
			abort();
		(void)kmip_read_versions(&a, &v);
		key_fuzz(&a, ALG_AES, 256);
		key_fuzz(&a, ALG_RSA, 3072);
		key_fuzz(&a, ALG_EC, 256);
	}
	return (0);
}

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
 * The seal of a key record: HMAC-SHA256 under a key of this keystore's own.
 * What it covers, nobody else can change: not the store, not the broker.
 */

#include "digest.h"
#include "kms.h"
#include "log.h"
#include "secret.h"

#define SEAL_LABEL	"kbsd key record seal 1"

static uint8_t	*seal_key;		/* derived */

void
seal_init(const uint8_t *key)
{
	if (seal_key == NULL && (seal_key = secret_alloc(DIGEST_LEN)) == NULL)
		fatal("secret memory");
	derive_key(seal_key, key, SEAL_KEY_LEN, SEAL_LABEL);
}

static int
seal_compute(uint8_t seal[DIGEST_LEN], const struct key_record *record)
{
	struct wbuf	 w = { 0 };
	struct piece	 piece;
	int		 ret = -1;

	key_record_sealed(&w, record);
	if (!w.failed) {
		piece.data = w.data;
		piece.len = w.len;
		hmac_pieces(seal, seal_key, DIGEST_LEN, &piece, 1);
		ret = 0;
	}
	wb_free(&w);
	return (ret);
}

int
seal_fits(const struct key_record *record)
{
	uint8_t	 seal[DIGEST_LEN];

	if (seal_compute(seal, record) == -1)
		return (0);
	return (secret_cmp(seal, record->seal, sizeof(seal)) == 0);
}

int
seal_make(struct key_record *record)
{
	return (seal_compute(record->seal, record));
}

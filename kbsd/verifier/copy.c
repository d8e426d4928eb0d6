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

/* The copy of a block's collateral in the store: signed bytes, as they came. */

#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "digest.h"

#define COPY_MAGIC	0x6b636f31	/* of the bytes in the store */

static void
copy_write(const struct block *b, struct wbuf *w)
{
	const struct crl	*c;
	uint32_t		 n = 0;

	TAILQ_FOREACH(c, &b->crls, entry)
		n++;
	wb_u32(w, COPY_MAGIC);
	wb_bytes(w, b->raw, b->rawlen);
	wb_u32(w, n);
	TAILQ_FOREACH(c, &b->crls, entry) {
		wb_str(w, c->url);
		wb_bytes(w, c->der, c->derlen);
	}
}

void
copy_put(struct block *b)
{
	struct wbuf	 copy = { 0 }, w = { 0 };
	uint8_t		 sum[DIGEST_LEN];
	int64_t		 now = block_now(), end = jwks_end(b->keys, now, 1);

	if (end == 0 || b->raw == NULL)
		return;
	copy_write(b, &copy);
	if (copy.failed || copy.len > EVIDENCE_MAX) {
		wb_free(&copy);
		return;
	}
	digest(sum, copy.data, copy.len);
	if (memcmp(sum, b->copy, DIGEST_LEN) != 0) {
		wb_str(&w, b->name);
		wb_u64(&w, (uint64_t)end);
		wb_bytes_of(&w, &copy);
		if (edge_send(edge_find(PROC_BROKER, 0),
		    IMSG_BROKER_COLLATERAL_PUT, &w) == 0)
			memcpy(b->copy, sum, DIGEST_LEN);
	}
	wb_free(&copy);
}

static void
copy_crls(struct block *b, struct rbuf *r)
{
	const uint8_t	*der;
	char		 url[CRL_URL_MAX];
	size_t		 i, len;
	uint32_t	 n;

	block_wants(b, b->next);
	for (n = rb_u32(r); n > 0 && !r->failed; n--) {
		rb_str(r, url, sizeof(url));
		der = rb_bytes(r, &len, 1, CRL_MAX);
		for (i = 0; der != NULL && i < b->nwants; i++)
			if (strcmp(b->wants[i].url, url) == 0)
				(void)block_keep_crl(b, &b->wants[i], der, len);
	}
	block_unwant(b);
}

/* The store is a shelf: all of it is verified as if it came from outside. */
static void
copy_read(struct block *b, const uint8_t *data, size_t len)
{
	struct rbuf	 r;
	const uint8_t	*raw;
	char		 why[WHY_MAX];
	size_t		 rawlen;

	rb_init(&r, data, len);
	if (rb_u32(&r) != COPY_MAGIC)
		return;
	raw = rb_bytes(&r, &rawlen, 1, JWKS_MAX);
	if (r.failed)
		return;
	b->next = jwks_read((const char *)raw, rawlen, &b->roots, why,
	    sizeof(why));
	if (b->next == NULL || (b->nextraw = malloc(rawlen)) == NULL) {
		block_forget_next(b);
		return;
	}
	memcpy(b->nextraw, raw, rawlen);
	b->nextlen = rawlen;
	copy_crls(b, &r);
	block_adopt(b);
	if (jwks_any(b->keys, block_now()))
		digest(b->copy, data, len);
}

/* The record is the body of our PUT: name, expiry, bytes. */
void
copy_unwrap(struct block *b, const uint8_t *record, size_t len)
{
	struct rbuf	 r;
	const uint8_t	*data;
	char		 name[NAME_MAX_STORE];

	rb_init(&r, record, len);
	rb_str(&r, name, sizeof(name));
	(void)rb_u64(&r);
	data = rb_bytes(&r, &len, 1, EVIDENCE_MAX);
	if (rb_end(&r) == 0 && strcmp(name, b->name) == 0)
		copy_read(b, data, len);
}

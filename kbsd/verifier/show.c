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

/* What the verifier tells kbsctl: attestation blocks, and their roots. */

#include "certificate.h"
#include "local.h"
#include "verifier.h"

struct page {
	struct wbuf	*cells;
	uint32_t	*rows;
};

static void
put_block(const struct block_told *b, void *arg)
{
	struct page	*page = arg;

	wb_str(page->cells, b->name);
	wb_str(page->cells, b->state);
	wb_decimal(page->cells, (uint64_t)b->good);
	wb_decimal(page->cells, (uint64_t)b->bad);
	wb_str(page->cells, b->trouble);
	wb_decimal(page->cells, b->keys);
	wb_decimal(page->cells, (uint64_t)b->fetched);
	(*page->rows)++;
}

void
verifier_show(uint8_t what, uint8_t page, struct wbuf *cells, uint32_t *rows)
{
	struct page	 arg = { cells, rows };

	(void)page;
	if (what == SHOW_ATTESTATION) {
		collateral_tell(put_block, &arg);
		local_tell(put_block, &arg);
	} else if (what == SHOW_CERTIFICATES)
		certificate_show("", cells, rows);
}

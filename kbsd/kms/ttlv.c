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

#include <string.h>

#include "ttlv.h"

/* --- writing ------------------------------------------------------------ */

static void
put_head(struct wbuf *w, uint32_t tag, enum ttlv_type type, size_t len)
{
	wb_u8(w, (uint8_t)(tag >> 16));
	wb_u8(w, (uint8_t)(tag >> 8));
	wb_u8(w, (uint8_t)tag);
	wb_u8(w, (uint8_t)type);
	wb_u8(w, (uint8_t)(len >> 24));
	wb_u8(w, (uint8_t)(len >> 16));
	wb_u8(w, (uint8_t)(len >> 8));
	wb_u8(w, (uint8_t)len);
}

size_t
ttlv_begin(struct wbuf *w, uint32_t tag)
{
	put_head(w, tag, TTLV_STRUCTURE, 0);
	return (w->len);
}

void
ttlv_end(struct wbuf *w, size_t at)
{
	size_t	 i, len;

	if (w->failed)
		return;
	len = w->len - at;
	for (i = 0; i < 4; i++)
		w->data[at - 4 + i] = (uint8_t)(len >> (24 - 8 * i));
}

static void
ttlv_bytes_of(struct wbuf *w, uint32_t tag, enum ttlv_type type,
    const void *data, size_t len)
{
	static const uint8_t	 zero[8];

	put_head(w, tag, type, len);
	wb_raw(w, data, len);
	wb_raw(w, zero, (8 - len % 8) % 8);
}

void
ttlv_put(struct wbuf *w, uint32_t tag, enum ttlv_type type, uint32_t n)
{
	uint8_t	 b[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16),
		    (uint8_t)(n >> 8), (uint8_t)n };

	ttlv_bytes_of(w, tag, type, b, sizeof(b));
}

void
ttlv_text(struct wbuf *w, uint32_t tag, const char *text)
{
	ttlv_bytes_of(w, tag, TTLV_TEXT, text, strlen(text));
}

void
ttlv_bytes(struct wbuf *w, uint32_t tag, const void *data, size_t len)
{
	ttlv_bytes_of(w, tag, TTLV_BYTES, data, len);
}

/* --- reading ------------------------------------------------------------ */

/* 0: any length. */
static const uint8_t	 lengths[TTLV_TYPE_MAX] = {
	[TTLV_INTEGER] = 4, [TTLV_LONG] = 8, [TTLV_ENUMERATION] = 4,
	[TTLV_BOOLEAN] = 8, [TTLV_DATE] = 8, [TTLV_INTERVAL] = 4,
};

static int
is_length(uint8_t type, size_t len)
{
	if (type == 0 || type >= TTLV_TYPE_MAX)
		return (0);
	if (type == TTLV_STRUCTURE || type == TTLV_BIG)
		return (len % 8 == 0);
	return (lengths[type] == 0 || lengths[type] == len);
}

int
ttlv_next(struct rbuf *r, struct ttlv *item)
{
	const uint8_t	*p = r->p;
	size_t		 i, pad;

	if (r->left == 0)
		return (0);
	if (r->left < TTLV_HEAD)
		return (-1);
	item->tag = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
	item->type = p[3];
	item->len = (size_t)p[4] << 24 | (size_t)p[5] << 16 |
	    (size_t)p[6] << 8 | p[7];
	item->value = p + TTLV_HEAD;
	pad = (8 - item->len % 8) % 8;
	if (!is_length(item->type, item->len) ||
	    item->len > r->left - TTLV_HEAD ||
	    pad > r->left - TTLV_HEAD - item->len)
		return (-1);
	for (i = 0; i < pad; i++)
		if (item->value[item->len + i] != 0)
			return (-1);
	r->p += TTLV_HEAD + item->len + pad;
	r->left -= TTLV_HEAD + item->len + pad;
	return (1);
}

int
ttlv_find(const struct ttlv *in, uint32_t tag, enum ttlv_type type,
    struct ttlv *item)
{
	struct rbuf	 r;
	int		 rc;

	if (in->type != TTLV_STRUCTURE)
		return (-1);
	rb_init(&r, in->value, in->len);
	while ((rc = ttlv_next(&r, item)) == 1)
		if (item->tag == tag)
			return (item->type == (uint8_t)type ? 1 : -1);
	return (rc);
}

uint32_t
ttlv_number(const struct ttlv *item)
{
	const uint8_t	*p = item->value;

	return ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3]);
}

int
ttlv_string(const struct ttlv *item, char *text, size_t size)
{
	size_t	 i;

	if (item->len >= size)
		return (-1);
	for (i = 0; i < item->len; i++) {
		if (item->value[i] < ' ' || item->value[i] == 0x7f)
			return (-1);
		text[i] = (char)item->value[i];
	}
	text[i] = '\0';
	return (0);
}

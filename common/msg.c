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
 * Bodies of messages, written and read field by field.  A body may hold key
 * material on its way between the few processes that may see it: what is
 * outgrown or given back is wiped.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"

#define WBUF_MIN	256
/* Far over the largest message: only a defect gets here. */
#define WBUF_MAX	(64U * 1024 * 1024)

/* Room for len more bytes, counted as written; NULL after a failure. */
static uint8_t *
wb_room(struct wbuf *wb, size_t len)
{
	uint8_t	*data, *room;
	size_t	 size;

	if (wb->failed)
		return (NULL);
	if (len > WBUF_MAX - wb->len)
		goto fail;
	if (len > wb->size - wb->len || wb->data == NULL) {
		size = wb->size < WBUF_MIN ? WBUF_MIN : wb->size;
		while (size - wb->len < len)
			size *= 2;
		/* this one wipes what it leaves behind */
		if ((data = recallocarray(wb->data, wb->size, size, 1)) == NULL)
			goto fail;
		wb->data = data;
		wb->size = size;
	}
	room = wb->data + wb->len;
	wb->len += len;
	return (room);
fail:
	wb->failed = 1;
	return (NULL);
}

/* The low n bytes of v, big-endian. */
static void
wb_int(struct wbuf *wb, uint64_t v, size_t n)
{
	uint8_t	*p;

	if ((p = wb_room(wb, n)) == NULL)
		return;
	while (n-- > 0) {
		p[n] = v & 0xff;
		v >>= 8;
	}
}

void
wb_u8(struct wbuf *wb, uint8_t v)
{
	wb_int(wb, v, 1);
}

void
wb_u16(struct wbuf *wb, uint16_t v)
{
	wb_int(wb, v, 2);
}

void
wb_u32(struct wbuf *wb, uint32_t v)
{
	wb_int(wb, v, 4);
}

void
wb_u64(struct wbuf *wb, uint64_t v)
{
	wb_int(wb, v, 8);
}

void
wb_uuid(struct wbuf *wb, const struct uuid *u)
{
	wb_raw(wb, u->b, sizeof(u->b));
}

void
wb_digest(struct wbuf *wb, const uint8_t d[DIGEST_LEN])
{
	wb_raw(wb, d, DIGEST_LEN);
}

void
wb_str(struct wbuf *wb, const char *s)
{
	if (s == NULL)
		s = "";
	wb_bytes(wb, s, strlen(s));
}

void
wb_bytes(struct wbuf *wb, const void *data, size_t len)
{
	if (len > WBUF_MAX) {
		wb->failed = 1;
		return;
	}
	wb_u32(wb, (uint32_t)len);
	wb_raw(wb, data, len);
}

void
wb_raw(struct wbuf *wb, const void *data, size_t len)
{
	uint8_t	*p;

	if ((p = wb_room(wb, len)) == NULL || len == 0)
		return;
	memcpy(p, data, len);
}

void
wb_bytes_of(struct wbuf *wb, const struct wbuf *inner)
{
	wb_bytes(wb, inner->data, inner->len);
	wb->failed |= inner->failed;
}

void
wb_raw_of(struct wbuf *wb, const struct wbuf *inner)
{
	wb_raw(wb, inner->data, inner->len);
	wb->failed |= inner->failed;
}

void
wb_decimal(struct wbuf *wb, uint64_t n)
{
	char	 text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	wb_str(wb, text);
}

void
wb_free(struct wbuf *wb)
{
	freezero(wb->data, wb->size);
	memset(wb, 0, sizeof(*wb));
}

void
rb_init(struct rbuf *rb, const void *data, size_t len)
{
	static const uint8_t	 none[1];

	/* an empty body may come without an address */
	rb->p = len == 0 ? none : data;
	rb->left = len;
	rb->failed = 0;
}

static void
rb_fail(struct rbuf *rb)
{
	rb->failed = 1;
}

static uint64_t
rb_int(struct rbuf *rb, size_t n)
{
	const uint8_t	*p;
	uint64_t	 v = 0;

	if ((p = rb_raw(rb, n)) == NULL)
		return (0);
	while (n-- > 0)
		v = v << 8 | *p++;
	return (v);
}

uint8_t
rb_u8(struct rbuf *rb)
{
	return ((uint8_t)rb_int(rb, 1));
}

uint16_t
rb_u16(struct rbuf *rb)
{
	return ((uint16_t)rb_int(rb, 2));
}

uint32_t
rb_u32(struct rbuf *rb)
{
	return ((uint32_t)rb_int(rb, 4));
}

uint64_t
rb_u64(struct rbuf *rb)
{
	return (rb_int(rb, 8));
}

uint8_t
rb_enum(struct rbuf *rb, uint8_t max)
{
	uint8_t	 v;

	if ((v = rb_u8(rb)) > max) {
		rb_fail(rb);
		return (0);
	}
	return (v);
}

int
rb_bool(struct rbuf *rb)
{
	return (rb_enum(rb, 1));
}

void
rb_uuid(struct rbuf *rb, struct uuid *u)
{
	const uint8_t	*p;

	if ((p = rb_raw(rb, sizeof(u->b))) == NULL)
		*u = uuid_nil;
	else
		memcpy(u->b, p, sizeof(u->b));
}

void
rb_digest(struct rbuf *rb, uint8_t d[DIGEST_LEN])
{
	const uint8_t	*p;

	if ((p = rb_raw(rb, DIGEST_LEN)) == NULL)
		memset(d, 0, DIGEST_LEN);
	else
		memcpy(d, p, DIGEST_LEN);
}

void
rb_str(struct rbuf *rb, char *s, size_t size)
{
	const uint8_t	*p;
	size_t		 len;

	if (size == 0) {
		rb_fail(rb);
		return;
	}
	/* nothing of what lay there before may be passed on behind the NUL */
	memset(s, 0, size);
	if ((p = rb_bytes(rb, &len, 0, size - 1)) == NULL)
		return;
	if (memchr(p, '\0', len) != NULL) {
		rb_fail(rb);
		return;
	}
	memcpy(s, p, len);
}

const uint8_t *
rb_bytes(struct rbuf *rb, size_t *len, size_t min, size_t max)
{
	const uint8_t	*p;
	uint32_t	 n;

	*len = 0;
	n = rb_u32(rb);
	if (rb->failed)
		return (NULL);
	if (n < min || n > max) {
		rb_fail(rb);
		return (NULL);
	}
	if ((p = rb_raw(rb, n)) != NULL)
		*len = n;
	return (p);
}

const uint8_t *
rb_raw(struct rbuf *rb, size_t len)
{
	const uint8_t	*p = rb->p;

	if (rb->failed || len > rb->left) {
		rb_fail(rb);
		return (NULL);
	}
	rb->p += len;
	rb->left -= len;
	return (p);
}

const uint8_t *
rb_rest(struct rbuf *rb, size_t *len)
{
	*len = rb->failed ? 0 : rb->left;
	return (rb_raw(rb, *len));
}

int
rb_end(const struct rbuf *rb)
{
	return (rb->failed || rb->left != 0 ? -1 : 0);
}

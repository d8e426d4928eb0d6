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
 * Writers and checked readers for message bodies.  Integers are big-endian,
 * strings and byte strings carry a 32-bit length, UUIDs are 16 bytes,
 * digests 32.  Both are sticky: after a failure every further call does
 * nothing (readers return zeros), and the end tells.  A reader must end on
 * the last byte: that is what rb_end() checks.
 */
#ifndef MSG_H
#define MSG_H

#include <stddef.h>
#include <stdint.h>

#include "uuid.h"

#define DIGEST_LEN	32	/* SHA-256 */

struct wbuf {
	uint8_t		*data;
	size_t		 len;
	size_t		 size;
	int		 failed;
};

/* Zeroed struct wbuf is an empty one. */
void	wb_u8(struct wbuf *, uint8_t);
void	wb_u16(struct wbuf *, uint16_t);
void	wb_u32(struct wbuf *, uint32_t);
void	wb_u64(struct wbuf *, uint64_t);
void	wb_uuid(struct wbuf *, const struct uuid *);
void	wb_digest(struct wbuf *, const uint8_t [DIGEST_LEN]);
void	wb_str(struct wbuf *, const char *);	/* NULL as "" */
void	wb_bytes(struct wbuf *, const void *, size_t);
void	wb_raw(struct wbuf *, const void *, size_t);	/* without length */
/* The same of another buffer, whose failure becomes this one's. */
void	wb_bytes_of(struct wbuf *, const struct wbuf *);
/* A str of decimal digits, for people. */
void	wb_decimal(struct wbuf *, uint64_t);
void	wb_raw_of(struct wbuf *, const struct wbuf *);
/* Wipe and free; the struct is empty again. */
void	wb_free(struct wbuf *);

struct rbuf {
	const uint8_t	*p;
	size_t		 left;
	int		 failed;
};

void	rb_init(struct rbuf *, const void *, size_t);
uint8_t	rb_u8(struct rbuf *);
uint16_t rb_u16(struct rbuf *);
uint32_t rb_u32(struct rbuf *);
uint64_t rb_u64(struct rbuf *);
/* A value from 0 to max, one byte; more fails. */
uint8_t	rb_enum(struct rbuf *, uint8_t max);
int	rb_bool(struct rbuf *);
void	rb_uuid(struct rbuf *, struct uuid *);
void	rb_digest(struct rbuf *, uint8_t [DIGEST_LEN]);
/*
 * A string into a buffer of size: longer (with its NUL), or one that holds a
 * NUL itself, fails.
 */
void	rb_str(struct rbuf *, char *, size_t size);
/* A byte string of min to max bytes, pointing into the message. */
const uint8_t *rb_bytes(struct rbuf *, size_t *len, size_t min, size_t max);
/* Exactly len bytes without a length before them. */
const uint8_t *rb_raw(struct rbuf *, size_t len);
/* All that is left. */
const uint8_t *rb_rest(struct rbuf *, size_t *len);
/* 0 when nothing failed and nothing is left, else -1. */
int	rb_end(const struct rbuf *);

#endif

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

/* Message bodies: what was written is read, and nothing else passes. */
#include <atf-c.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"

static const struct uuid uuid = { "0123456789abcde" };

static void
write_all(struct wbuf *wb)
{
	uint8_t	 d[DIGEST_LEN];

	memset(d, 0x5a, sizeof(d));
	wb_u8(wb, 0xfe);
	wb_u16(wb, 0x0102);
	wb_u32(wb, 0x03040506);
	wb_u64(wb, 0x0708090a0b0c0d0e);
	wb_uuid(wb, &uuid);
	wb_digest(wb, d);
	wb_str(wb, "text");
	wb_str(wb, NULL);
	wb_bytes(wb, "\0\1\2", 3);
	wb_raw(wb, "raw", 3);
	wb_u8(wb, 1);
	wb_raw(wb, "rest", 4);
}

/* Returns what rb_end() says; checks what was read when that is 0. */
static int
read_all(const uint8_t *data, size_t len)
{
	struct rbuf	 rb;
	struct uuid	 u;
	const uint8_t	*bytes, *raw, *rest;
	uint8_t		 d[DIGEST_LEN], v8;
	uint16_t	 v16;
	uint32_t	 v32;
	uint64_t	 v64;
	size_t		 nbytes, nrest;
	char		 empty[1], text[5];
	int		 yes;

	rb_init(&rb, data, len);
	v8 = rb_u8(&rb);
	v16 = rb_u16(&rb);
	v32 = rb_u32(&rb);
	v64 = rb_u64(&rb);
	rb_uuid(&rb, &u);
	rb_digest(&rb, d);
	rb_str(&rb, text, sizeof(text));
	rb_str(&rb, empty, sizeof(empty));
	bytes = rb_bytes(&rb, &nbytes, 1, 3);
	raw = rb_raw(&rb, 3);
	yes = rb_bool(&rb);
	rest = rb_rest(&rb, &nrest);
	if (rb_end(&rb) == -1 || nrest != 4)
		return (-1);
	ATF_CHECK_EQ(0xfe, v8);
	ATF_CHECK_EQ(0x0102, v16);
	ATF_CHECK_EQ(0x03040506, v32);
	ATF_CHECK_EQ(0x0708090a0b0c0d0e, v64);
	ATF_CHECK_EQ(0, uuid_cmp(&u, &uuid));
	ATF_CHECK_EQ(0x5a, d[0]);
	ATF_CHECK_EQ(0x5a, d[DIGEST_LEN - 1]);
	ATF_CHECK_STREQ("text", text);
	ATF_CHECK_STREQ("", empty);
	ATF_CHECK_EQ(3, nbytes);
	ATF_CHECK_EQ(0, memcmp(bytes, "\0\1\2", 3));
	ATF_CHECK_EQ(0, memcmp(raw, "raw", 3));
	ATF_CHECK_EQ(1, yes);
	ATF_CHECK_EQ(0, memcmp(rest, "rest", 4));
	return (0);
}

ATF_TC_WITHOUT_HEAD(round_trip);
ATF_TC_BODY(round_trip, tc)
{
	struct wbuf	 wb = { 0 };

	write_all(&wb);
	ATF_REQUIRE_EQ(0, wb.failed);
	ATF_CHECK_EQ(1 + 2 + 4 + 8 + 16 + 32 + 8 + 4 + 7 + 3 + 1 + 4, wb.len);
	/* big-endian */
	ATF_CHECK_EQ(0, memcmp(wb.data, "\xfe\1\2\3\4\5\6\7\x8\x9\xa", 11));
	ATF_CHECK_EQ(0, read_all(wb.data, wb.len));
	wb_free(&wb);
	ATF_CHECK(wb.data == NULL && wb.len == 0 && wb.size == 0);
	wb_free(&wb);
}

/* Each shorter body fails; copies, so that ASan sees a step too far. */
ATF_TC_WITHOUT_HEAD(truncated);
ATF_TC_BODY(truncated, tc)
{
	struct wbuf	 wb = { 0 };
	uint8_t		*copy;
	size_t		 len;

	write_all(&wb);
	for (len = 0; len < wb.len; len++) {
		copy = malloc(len > 0 ? len : 1);
		ATF_REQUIRE(copy != NULL);
		memcpy(copy, wb.data, len);
		ATF_CHECK_EQ_MSG(-1, read_all(copy, len), "%zu", len);
		free(copy);
	}
	wb_free(&wb);
}

ATF_TC_WITHOUT_HEAD(sticky);
ATF_TC_BODY(sticky, tc)
{
	static const uint8_t	 body[64] = { 0xff, 0xff };
	struct rbuf		 rb;
	struct uuid		 u;
	uint8_t			 d[DIGEST_LEN];
	size_t			 i, n = 7;
	char			 s[8] = "secrets";

	rb_init(&rb, body, sizeof(body));
	ATF_CHECK(rb_raw(&rb, sizeof(body) + 1) == NULL);
	ATF_CHECK_EQ(0, rb_u8(&rb));
	ATF_CHECK_EQ(0, rb_u16(&rb));
	ATF_CHECK_EQ(0, rb_u32(&rb));
	ATF_CHECK_EQ(0, rb_u64(&rb));
	ATF_CHECK_EQ(0, rb_bool(&rb));
	memset(&u, 0xaa, sizeof(u));
	rb_uuid(&rb, &u);
	ATF_CHECK(uuid_isnil(&u));
	memset(d, 0xaa, sizeof(d));
	rb_digest(&rb, d);
	for (i = 0; i < sizeof(d); i++)
		ATF_CHECK_EQ(0, d[i]);
	rb_str(&rb, s, sizeof(s));
	for (i = 0; i < sizeof(s); i++)
		ATF_CHECK_EQ(0, s[i]);
	ATF_CHECK(rb_bytes(&rb, &n, 0, 64) == NULL && n == 0);
	n = 7;
	ATF_CHECK(rb_rest(&rb, &n) == NULL && n == 0);
	ATF_CHECK_EQ(-1, rb_end(&rb));
}

static void
check_str(const void *body, size_t len, size_t size, int want)
{
	struct rbuf	 rb;
	char		 s[8] = "xxxxxxx";

	rb_init(&rb, body, len);
	rb_str(&rb, s, size);
	ATF_CHECK_EQ(want, rb_end(&rb));
	/* the reader may have done well and only the end be wrong */
	if (rb.failed && size > 0)
		ATF_CHECK_STREQ("", s);
}

ATF_TC_WITHOUT_HEAD(strings);
ATF_TC_BODY(strings, tc)
{
	check_str("\0\0\0\3abc", 7, 4, 0);
	check_str("\0\0\0\3abc", 7, 8, 0);
	check_str("\0\0\0\3abc", 7, 3, -1);	/* no room for the NUL */
	check_str("\0\0\0\3abc", 7, 0, -1);
	check_str("\0\0\0\3a\0c", 7, 8, -1);	/* holds a NUL */
	check_str("\0\0\0\3ab\0", 7, 8, -1);
	check_str("\0\0\0\4abc", 7, 8, -1);	/* longer than the body */
	check_str("\0\0\0\2abc", 7, 8, -1);	/* shorter */
	check_str("\xff\xff\xff\xff" "abc", 7, 8, -1);
	check_str("\0\0\0", 3, 8, -1);
	check_str("\0\0\0\0", 4, 1, 0);
	check_str(NULL, 0, 8, -1);
}

ATF_TC_WITHOUT_HEAD(ranges);
ATF_TC_BODY(ranges, tc)
{
	struct rbuf	 rb;
	size_t		 n;

	rb_init(&rb, "\3", 1);
	ATF_CHECK_EQ(3, rb_enum(&rb, 3));
	ATF_CHECK_EQ(0, rb_end(&rb));
	rb_init(&rb, "\4", 1);
	ATF_CHECK_EQ(0, rb_enum(&rb, 3));
	ATF_CHECK_EQ(-1, rb_end(&rb));
	rb_init(&rb, "\2", 1);
	ATF_CHECK_EQ(0, rb_bool(&rb));
	ATF_CHECK_EQ(-1, rb_end(&rb));
	rb_init(&rb, "\0\0\0\2ab", 6);
	ATF_CHECK(rb_bytes(&rb, &n, 3, 9) == NULL && n == 0);
	ATF_CHECK_EQ(-1, rb_end(&rb));
	rb_init(&rb, "\0\0\0\2ab", 6);
	ATF_CHECK(rb_bytes(&rb, &n, 0, 1) == NULL && n == 0);
	ATF_CHECK_EQ(-1, rb_end(&rb));
	/* an empty byte string is no failure */
	rb_init(&rb, "\0\0\0\0", 4);
	ATF_CHECK(rb_bytes(&rb, &n, 0, 1) != NULL && n == 0);
	ATF_CHECK_EQ(0, rb_end(&rb));
	/* a byte too many */
	rb_init(&rb, "\1\2", 2);
	ATF_CHECK_EQ(1, rb_u8(&rb));
	ATF_CHECK_EQ(-1, rb_end(&rb));
	/* no body at all */
	rb_init(&rb, NULL, 0);
	ATF_CHECK(rb_rest(&rb, &n) != NULL && n == 0);
	ATF_CHECK_EQ(0, rb_end(&rb));
}

ATF_TC_WITHOUT_HEAD(growth);
ATF_TC_BODY(growth, tc)
{
	static uint8_t	 piece[1024 * 1024];
	struct wbuf	 wb = { 0 };
	size_t		 len;
	int		 i;

	memset(piece, 0x77, sizeof(piece));
	for (i = 0; i < 64; i++)
		wb_raw(&wb, piece, sizeof(piece));
	ATF_CHECK_EQ(0, wb.failed);
	ATF_CHECK_EQ(64 * sizeof(piece), wb.len);
	ATF_CHECK_EQ(0x77, wb.data[wb.len - 1]);
	len = wb.len;
	wb_u8(&wb, 1);
	ATF_CHECK_EQ(1, wb.failed);
	wb_str(&wb, "more");
	ATF_CHECK_EQ(len, wb.len);
	wb_free(&wb);
	wb_bytes(&wb, piece, SIZE_MAX);
	ATF_CHECK_EQ(1, wb.failed);
	wb_free(&wb);
	wb_raw(&wb, NULL, 0);
	ATF_CHECK_EQ(0, wb.failed);
	wb_free(&wb);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, round_trip);
	ATF_TP_ADD_TC(tp, truncated);
	ATF_TP_ADD_TC(tp, sticky);
	ATF_TP_ADD_TC(tp, strings);
	ATF_TP_ADD_TC(tp, ranges);
	ATF_TP_ADD_TC(tp, growth);
	return (atf_no_error());
}

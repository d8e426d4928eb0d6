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
 * The limits that the configuration names: what they are called, and within
 * which bounds they lie.
 */
#include "limit.h"
#include "record.h"

#define HEAD_MOST	(64 * 1024)
#define SIZE_LEAST	1024
#define BODY_LEAST	(64 * 1024)
#define RATE_MOST	1000000
#define TIME_MOST	3600

const struct limit	 limit_table[LIMIT_MAX] = {
	[LIMIT_CONNECTIONS] = { "connections", 1, 1000000, 4096 },
	/* 0: a quarter of all */
	[LIMIT_ADDRESS_CONNECTIONS] = { "connections_per_address", 1,
	    1000000, 0 },
	/* 0: as many as they like */
	[LIMIT_ADDRESS_RATE] = { "requests_per_address", 1, RATE_MOST, 0 },
	[LIMIT_ADDRESS_BURST] = { "requests_per_address_burst", 1, RATE_MOST,
	    0 },
	[LIMIT_USER_RATE] = { "requests_per_user", 1, RATE_MOST, 0 },
	[LIMIT_USER_BURST] = { "requests_per_user_burst", 1, RATE_MOST, 0 },
	[LIMIT_HEADER_SIZE] = { "header_bytes", SIZE_LEAST, HEAD_MOST,
	    HEAD_MOST },
	[LIMIT_BODY_SIZE] = { "body_bytes", BODY_LEAST, EVIDENCE_MAX,
	    EVIDENCE_MAX },
	[LIMIT_HANDSHAKE_TIME] = { "handshake_seconds", 1, TIME_MOST, 10 },
	[LIMIT_HEADER_TIME] = { "header_seconds", 1, TIME_MOST, 10 },
	[LIMIT_BODY_TIME] = { "body_seconds", 1, TIME_MOST, 20 },
	[LIMIT_IDLE_TIME] = { "idle_seconds", 1, TIME_MOST, 60 },
	[LIMIT_WRITE_TIME] = { "write_seconds", 1, TIME_MOST, 30 },
};

void
limits_default(uint32_t limits[LIMIT_MAX])
{
	int	 i;

	for (i = 0; i < LIMIT_MAX; i++)
		limits[i] = limit_table[i].usual;
}

void
wb_limits(struct wbuf *w, const uint32_t limits[LIMIT_MAX])
{
	int	 i;

	for (i = 0; i < LIMIT_MAX; i++)
		wb_u32(w, limits[i]);
}

void
rb_limits(struct rbuf *r, uint32_t limits[LIMIT_MAX])
{
	int	 i;

	for (i = 0; i < LIMIT_MAX; i++) {
		limits[i] = rb_u32(r);
		if (limits[i] != limit_table[i].usual &&
		    (limits[i] < limit_table[i].least ||
		    limits[i] > limit_table[i].most))
			r->failed = 1;
	}
}

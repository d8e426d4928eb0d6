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

/* The limits that the configuration names, those of strangers and users. */
#ifndef LIMIT_H
#define LIMIT_H

#include <stdint.h>

#include "msg.h"

enum limit_kind {
	LIMIT_CONNECTIONS,		/* of one frontend */
	LIMIT_ADDRESS_CONNECTIONS,	/* of these, of one address */
	LIMIT_ADDRESS_RATE,		/* requests per second */
	LIMIT_ADDRESS_BURST,
	LIMIT_USER_RATE,
	LIMIT_USER_BURST,
	LIMIT_HEADER_SIZE,
	LIMIT_BODY_SIZE,
	LIMIT_HANDSHAKE_TIME,
	LIMIT_HEADER_TIME,
	LIMIT_BODY_TIME,
	LIMIT_IDLE_TIME,
	LIMIT_WRITE_TIME,
	LIMIT_MAX
};

struct limit {
	const char	*name;		/* in metrics and tables */
	uint32_t	 least, most;
	uint32_t	 usual;		/* may lie outside: it is off */
};
extern const struct limit	 limit_table[LIMIT_MAX];

void		 limits_default(uint32_t[LIMIT_MAX]);
/* All of them, u32 each; out of bounds they are malformed. */
void		 wb_limits(struct wbuf *, const uint32_t[LIMIT_MAX]);
void		 rb_limits(struct rbuf *, uint32_t[LIMIT_MAX]);

#endif

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

/* What the frontend tells kbsctl: connections, certificates, limits. */

#include "certificate.h"
#include "frontend.h"
#include "kbsd.h"

struct page {
	struct wbuf	*cells;
	uint32_t	*rows;
};

static void
put_conn(const struct conn_told *c, void *arg)
{
	struct page	*page = arg;

	wb_str(page->cells, c->address);
	wb_str(page->cells, c->state);
	wb_decimal(page->cells, c->age / 1000);
	wb_decimal(page->cells, c->requests);
	wb_str(page->cells, c->tls);
	wb_str(page->cells, c->cipher);
	(*page->rows)++;
}

static void
show_limits(struct wbuf *cells, uint32_t *rows)
{
	show_limit(cells, rows, "connections", listen_most(), conn_count(),
	    "");
	show_limit(cells, rows, "requests on their way", FRONT_REQUESTS_MAX,
	    request_outstanding(), "");
	show_limit(cells, rows, "their bodies", FRONT_BYTES_MAX, -1, "bytes");
	show_limit(cells, rows, "large bodies at once", conn_bigs_most(),
	    conn_bigs(), "");
	show_limit(cells, rows, "head of a request", HTTP_MAX_HEAD, -1,
	    "bytes");
	show_limit(cells, rows, "header lines", HTTP_MAX_FIELDS, -1, "");
}

void
frontend_show(uint8_t what, uint8_t page, struct wbuf *cells, uint32_t *rows)
{
	struct page	 arg = { cells, rows };

	if (what == SHOW_SESSIONS)
		conn_tell(page * SHOW_ROWS_MAX, SHOW_ROWS_MAX, put_conn,
		    &arg);
	else if (what == SHOW_CERTIFICATES)
		certificate_show("", cells, rows);
	else if (what == SHOW_LIMITS)
		show_limits(cells, rows);
}

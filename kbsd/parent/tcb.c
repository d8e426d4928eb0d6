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
 * What the verifiers hold of platforms (`kbsctl show tcb'): each tells when it
 * changes, and the last word of each is kept here.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "parent.h"
#include "rfc3339.h"

#define COLUMNS		6

struct held {
	char		 name[NAME_MAX_STORE];
	uint32_t	 number;
	int64_t		 fetched, until;	/* Unix; 0: there is none */
	char		 trouble[REASON_TEXT_MAX];
};

static int
held_read(struct rbuf *r, struct held *h)
{
	rb_str(r, h->name, sizeof(h->name));
	h->number = rb_u32(r);
	h->fetched = (int64_t)rb_u64(r);
	h->until = (int64_t)rb_u64(r);
	rb_str(r, h->trouble, sizeof(h->trouble));
	return (r->failed ? -1 : 0);
}

int
tcb_take(struct edge *edge, struct rbuf *r)
{
	struct child	*c = edge->data;
	struct rbuf	 all = *r;
	struct held	 h;
	uint32_t	 n;

	for (n = rb_u32(r); n > 0 && held_read(r, &h) == 0; n--)
		continue;
	if (rb_end(r) == -1)
		return (-1);
	wb_free(&c->held);
	wb_raw(&c->held, all.p, all.left);
	return (0);
}

static const char *
time_text(int64_t t, char text[RFC3339_TEXT])
{
	return (t > 0 ? rfc3339_format(t, text) : "-");
}

static void
row(struct wbuf *cells, const struct child *c, const struct held *h)
{
	char	 number[32], text[RFC3339_TEXT];

	wb_str(cells, h->name);
	snprintf(number, sizeof(number), "%u", c->instance);
	wb_str(cells, number);
	snprintf(number, sizeof(number), "%u", h->number);
	wb_str(cells, number);
	wb_str(cells, time_text(h->fetched, text));
	wb_str(cells, time_text(h->until, text));
	wb_str(cells, h->trouble);
}

void
tcb_show(struct set *set, struct wbuf *w)
{
	static const char *const	 names[COLUMNS] = { "platform",
					    "verifier", "evaluation",
					    "fetched", "until", "trouble" };
	const struct child		*c;
	struct wbuf			 cells = { 0 };
	struct held			 h;
	struct rbuf			 r;
	uint32_t			 n, rows = 0;

	TAILQ_FOREACH(c, &set->children, entry) {
		if (c->held.len == 0)
			continue;
		rb_init(&r, c->held.data, c->held.len);
		for (n = rb_u32(&r); n > 0 && held_read(&r, &h) == 0; n--) {
			row(&cells, c, &h);
			rows++;
		}
	}
	command_table(w, names, COLUMNS, rows, &cells);
}

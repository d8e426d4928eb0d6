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
 * What is made of several parts, FETCH_DCAP and those of AMD's: the parts of
 * one platform's collateral, each remembered by its URL, so that platforms
 * share what is the same for all of them, and put together when the last one
 * has come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base64.h"
#include "fetcher.h"
#include "log.h"

/* Whose they are, what they are made of, and who knows where that is. */
static const struct made {
	enum fetcher_kind	 kind;
	uint8_t			 first;
	uint8_t			 n;
	int			(*platform)(struct platform *, uint8_t,
				    uint8_t, const uint8_t *, size_t);
	const char		*(*url)(uint8_t, const struct platform *,
				    struct url *);
} all_made[FETCH_MAX] = {
	[FETCH_DCAP] = { FETCHER_DCAP, PART_PCK_CRL, 4, pcs_platform,
	    pcs_url },
	[FETCH_SNP] = { FETCHER_SNP, PART_SNP_CHAIN, 2, kds_platform,
	    kds_url },
	[FETCH_VCEK] = { FETCHER_SNP, PART_VCEK, 1, kds_platform, kds_url },
};

struct part_wait {
	struct collateral *whole;
	uint8_t		 part;
	int		 come;
	struct wait	 wait;
};

struct collateral {
	struct get		*get;
	int			 beginning;	/* not all have been asked */
	unsigned int		 missing;
	/* Of the first one that failed. */
	uint8_t			 result;
	uint16_t		 status;
	char			 why[REASON_TEXT_MAX];
	size_t			 nparts;
	struct part_wait	 parts[PARTS_MOST];
};

enum fetcher_kind
collateral_kind(uint8_t what)
{
	return (all_made[what].kind);
}

/* That each path fits behind the URL of the configuration. */
void
collateral_init(void)
{
	const struct made	*made;
	struct platform		 p;
	struct url		 url;
	const char		*why;
	uint8_t			 part;

	if (settings.directory)
		return;
	memset(&p, 0, sizeof(p));
	memset(p.fmspc, '0', sizeof(p.fmspc) - 1);
	memset(p.chip, '0', sizeof(p.chip) - 1);
	for (made = all_made; made < all_made + FETCH_MAX; made++) {
		if (made->kind != settings.kind)
			continue;
		for (part = 0; part < made->n; part++)
			if ((why = made->url(made->first + part, &p, &url)) !=
			    NULL)
				fatalx("collateral \"%s\": %s",
				    settings.api.text, why);
	}
}

int
collateral_platform(struct platform *p, uint8_t what, uint8_t tees,
    const uint8_t *data, size_t len)
{
	memset(p, 0, sizeof(*p));
	return (all_made[what].platform(p, what, tees, data, len));
}

int
collateral_read(uint8_t part, const struct http_answer *answer,
    struct wbuf *w, char *why, size_t whysize)
{
	if (part >= PART_OF_AMD)
		return (kds_part(part, answer->data, answer->len, w, why,
		    whysize));
	return (pcs_read(part, pcs_chain(part, answer), answer->data,
	    answer->len, w, why, whysize));
}

void
collateral_free(struct collateral *d)
{
	size_t	 i;

	for (i = 0; i < d->nparts; i++)
		memory_leave(&d->parts[i].wait);
	free(d);
}

const char *
collateral_missing(const struct collateral *d)
{
	size_t	 i;

	for (i = 0; i < d->nparts - 1; i++)
		if (!d->parts[i].come)
			break;
	return (service_name(d->parts[i].part));
}

/* All of it, and as old as its oldest part.  Frees d with its get. */
static void
collateral_whole(struct collateral *d)
{
	struct wbuf	 w = { 0 };
	struct held	 h;
	uint64_t	 fetched = UINT64_MAX;
	size_t		 i;

	for (i = 0; i < d->nparts; i++) {
		memory_held(&d->parts[i].wait, &h);
		wb_raw(&w, h.data, h.len);
		if (h.fetched < fetched)
			fetched = h.fetched;
	}
	if (w.failed)
		get_answer(d->get, GOT_BUSY, 0, "no memory for an answer",
		    NULL, 0, 0);
	else
		get_answer(d->get, GOT_OK, 200, "", w.data, w.len, fetched);
	wb_free(&w);
}

static void
collateral_end(struct collateral *d)
{
	if (d->beginning)
		return;
	if (d->result != GOT_OK)
		get_answer(d->get, d->result, d->status, d->why, NULL, 0, 0);
	else if (d->missing == 0)
		collateral_whole(d);
}

static void
part_failed(struct part_wait *p, uint8_t result, uint16_t status,
    const char *why)
{
	struct collateral	*d = p->whole;

	if (d->result != GOT_OK)
		return;
	d->result = result;
	d->status = status;
	snprintf(d->why, sizeof(d->why), "%s: %.*s", service_name(p->part),
	    REASON_TEXT_MAX - 32, why);
}

static void
part_came(void *arg, const struct held *h)
{
	struct part_wait	*p = arg;
	struct collateral	*d = p->whole;

	p->come = 1;
	d->missing--;
	if (h->result != GOT_OK)
		part_failed(p, h->result, h->status, h->why);
	collateral_end(d);
}

static void
part_ask(struct part_wait *p, const struct made *made,
    const struct platform *platform)
{
	struct url	 url;
	const char	*why;

	p->wait.refresh = p->whole->get->refresh;
	p->wait.done = part_came;
	p->wait.arg = p;
	if ((why = made->url(p->part, platform, &url)) != NULL)
		part_failed(p, GOT_REFUSED, 0, why);
	else if (memory_get(&p->wait, p->part, &url) == -1)
		part_failed(p, GOT_BUSY, 0, "too many under way");
}

static void
collateral_outside(struct get *g, const struct made *made,
    const struct platform *platform)
{
	struct collateral	*d;
	uint8_t			 i;

	if ((d = calloc(1, sizeof(*d))) == NULL) {
		get_answer(g, GOT_BUSY, 0, "no memory for a request", NULL, 0,
		    0);
		return;
	}
	g->collateral = d;
	get_timer(g);
	d->get = g;
	d->missing = d->nparts = made->n;
	d->beginning = 1;
	for (i = 0; i < made->n; i++) {
		d->parts[i].whole = d;
		d->parts[i].part = made->first + i;
		part_ask(&d->parts[i], made, platform);
	}
	d->beginning = 0;
	collateral_end(d);
}

void
collateral_get(struct get *g, const struct platform *platform)
{
	const struct made	*made = &all_made[g->what];
	struct wbuf		 w = { 0 };
	char			 why[REASON_TEXT_MAX / 2];

	if (!settings.directory) {
		collateral_outside(g, made, platform);
		return;
	}
	if (directory_read(platform, made->first, made->n, &w, why,
	    sizeof(why)) == -1)
		get_refuse(g, GOT_UNAVAILABLE, "collateral:", why);
	else
		get_answer(g, GOT_OK, 0, "", w.data, w.len,
		    (uint64_t)time(NULL));
	wb_free(&w);
}

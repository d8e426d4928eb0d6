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
 * FETCH_DCAP: the parts of one platform's collateral, each remembered by its
 * URL, so that platforms share what is the same for all of them, and put
 * together when the last one has come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base64.h"
#include "fetcher.h"
#include "log.h"

struct part_wait {
	struct dcap	*dcap;
	uint8_t		 part;
	int		 come;
	struct wait	 wait;
};

struct dcap {
	struct get		*get;
	int			 beginning;	/* not all have been asked */
	unsigned int		 missing;
	/* Of the first one that failed. */
	uint8_t			 result;
	uint16_t		 status;
	char			 why[REASON_TEXT_MAX];
	struct part_wait	 parts[PARTS];
};

/* That a path fits behind the URL of the configuration. */
void
dcap_init(void)
{
	struct platform	 p;
	struct url	 url;
	const char	*why;
	uint8_t		 part;

	if (settings.directory)
		return;
	memset(&p, 0, sizeof(p));
	memset(p.fmspc, '0', sizeof(p.fmspc) - 1);
	for (part = FETCH_MAX; part < ASK_MAX; part++)
		if ((why = pcs_url(part, &p, &url)) != NULL)
			fatalx("collateral \"%s\": %s", settings.api.text,
			    why);
}

int
dcap_platform(struct platform *p, uint8_t tees, const uint8_t *data,
    size_t len)
{
	if ((tees != TEE_SGX && tees != TEE_TDX) || len != FMSPC_LEN + 1 ||
	    data[FMSPC_LEN] > 1)
		return (-1);
	p->tees = tees;
	p->is_platform = data[FMSPC_LEN];
	return (hex_encode(p->fmspc, sizeof(p->fmspc), data, FMSPC_LEN) ==
	    -1 ? -1 : 0);
}

void
dcap_free(struct dcap *d)
{
	size_t	 i;

	for (i = 0; i < PARTS; i++)
		memory_leave(&d->parts[i].wait);
	free(d);
}

const char *
dcap_missing(const struct dcap *d)
{
	size_t	 i;

	for (i = 0; i < PARTS - 1; i++)
		if (!d->parts[i].come)
			break;
	return (service_name(d->parts[i].part));
}

/* All of it, and as old as its oldest part.  Frees d with its get. */
static void
dcap_whole(struct dcap *d)
{
	struct wbuf	 w = { 0 };
	struct held	 h;
	uint64_t	 fetched = UINT64_MAX;
	size_t		 i;

	for (i = 0; i < PARTS; i++) {
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
dcap_end(struct dcap *d)
{
	if (d->beginning)
		return;
	if (d->result != GOT_OK)
		get_answer(d->get, d->result, d->status, d->why, NULL, 0, 0);
	else if (d->missing == 0)
		dcap_whole(d);
}

static void
dcap_failed(struct part_wait *p, uint8_t result, uint16_t status,
    const char *why)
{
	struct dcap	*d = p->dcap;

	if (d->result != GOT_OK)
		return;
	d->result = result;
	d->status = status;
	snprintf(d->why, sizeof(d->why), "%s: %.*s", service_name(p->part),
	    REASON_TEXT_MAX - 32, why);
}

static void
dcap_came(void *arg, const struct held *h)
{
	struct part_wait	*p = arg;
	struct dcap		*d = p->dcap;

	p->come = 1;
	d->missing--;
	if (h->result != GOT_OK)
		dcap_failed(p, h->result, h->status, h->why);
	dcap_end(d);
}

static void
dcap_part(struct part_wait *p, const struct platform *platform)
{
	struct url	 url;
	const char	*why;

	p->wait.refresh = p->dcap->get->refresh;
	p->wait.done = dcap_came;
	p->wait.arg = p;
	if ((why = pcs_url(p->part, platform, &url)) != NULL)
		dcap_failed(p, GOT_REFUSED, 0, why);
	else if (memory_get(&p->wait, p->part, &url) == -1)
		dcap_failed(p, GOT_BUSY, 0, "too many under way");
}

static void
dcap_outside(struct get *g, const struct platform *platform)
{
	struct dcap	*d;
	uint8_t		 i;

	if ((d = calloc(1, sizeof(*d))) == NULL) {
		get_answer(g, GOT_BUSY, 0, "no memory for a request", NULL, 0,
		    0);
		return;
	}
	g->dcap = d;
	get_timer(g);
	d->get = g;
	d->missing = PARTS;
	d->beginning = 1;
	for (i = 0; i < PARTS; i++) {
		d->parts[i].dcap = d;
		d->parts[i].part = FETCH_MAX + i;
		dcap_part(&d->parts[i], platform);
	}
	d->beginning = 0;
	dcap_end(d);
}

void
dcap_get(struct get *g, const struct platform *platform)
{
	struct wbuf	 w = { 0 };
	char		 why[REASON_TEXT_MAX / 2];

	if (!settings.directory) {
		dcap_outside(g, platform);
		return;
	}
	if (directory_read(platform, &w, why, sizeof(why)) == -1)
		get_refuse(g, GOT_UNAVAILABLE, "collateral:", why);
	else
		get_answer(g, GOT_OK, 0, "", w.data, w.len,
		    (uint64_t)time(NULL));
	wb_free(&w);
}

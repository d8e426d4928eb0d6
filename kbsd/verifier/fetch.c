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
 * Requests to the fetchers, by tag.  Each has an end: an answer, its
 * deadline, or the death of its fetcher.
 */
#include <sys/tree.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "verifier.h"

#define FETCHES_MAX	4096
#define FETCHERS_MAX	(BLOCKS_MAX + FETCHER_KIND_MAX - 1)
#define GRACE_MS	500	/* the fetcher's own word comes first */
#define BODY_MAX	(2 * 1024 * 1024)

struct fetch {
	RB_ENTRY(fetch)	 entry;
	uint64_t	 tag;
	uint32_t	 block;
	struct event	*timer;
	void		(*done)(void *, const struct got *);
	void		*arg;
};

static int
fetch_cmp(const struct fetch *a, const struct fetch *b)
{
	return (a->tag < b->tag ? -1 : a->tag > b->tag);
}

RB_HEAD(fetches, fetch);
RB_PROTOTYPE(fetches, fetch, entry, fetch_cmp)
RB_GENERATE(fetches, fetch, entry, fetch_cmp)

static struct fetches	 fetches = RB_INITIALIZER(&fetches);
static unsigned int	 nfetches;
static struct edge	*fetchers[FETCHERS_MAX];	/* those that live */
static uint64_t		 last_tag;

void
fetch_cancel(struct fetch *f)
{
	if (f == NULL)
		return;
	RB_REMOVE(fetches, &fetches, f);
	nfetches--;
	if (f->timer != NULL)
		event_free(f->timer);
	free(f);
}

static void
fetch_end(struct fetch *f, const struct got *got)
{
	void	(*done)(void *, const struct got *) = f->done;
	void	*arg = f->arg;

	fetch_cancel(f);
	done(arg, got);
}

static void
fetch_fail(struct fetch *f, const char *why)
{
	struct got	 got = { .result = GOT_UNAVAILABLE, .why = why };

	fetch_end(f, &got);
}

static void
fetch_timeout(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fetch_fail(arg, "the fetcher did not answer in time");
}

static void
fetch_trace(uint64_t tag, const struct get *get)
{
	struct trace	 t;
	struct wbuf	 w = { 0 };

	if (get->name == NULL || trace_get(get->name, &t) == -1)
		return;
	wb_u64(&w, tag);
	wb_trace(&w, &t);
	(void)edge_send(fetchers[get->block], IMSG_FETCHER_TRACE, &w);
}

static int
fetch_send(uint64_t tag, const struct get *get)
{
	struct wbuf	 w = { 0 };
	uint32_t	 i;

	fetch_trace(tag, get);
	wb_u64(&w, tag);
	wb_u8(&w, (uint8_t)get->what);
	wb_u64(&w, get->deadline);
	wb_u8(&w, get->refresh != 0);
	wb_str(&w, get->url);
	wb_u8(&w, get->tees);
	wb_u32(&w, get->nids);
	for (i = 0; i < get->nids; i++)
		wb_str(&w, get->ids[i]);
	wb_bytes(&w, get->evidence, get->evidencelen);
	return (edge_send(fetchers[get->block], IMSG_FETCHER_GET, &w));
}

static struct event *
fetch_timer(struct fetch *f, uint64_t deadline)
{
	uint64_t	 now = now_ms(), ms = GRACE_MS;
	struct timeval	 tv;
	struct event	*ev;

	if ((ev = event_new(base, -1, 0, fetch_timeout, f)) == NULL)
		return (NULL);
	if (deadline > now)
		ms += deadline - now;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	event_add(ev, &tv);
	return (ev);
}

struct fetch *
fetch_start(const struct get *get, void (*done)(void *, const struct got *),
    void *arg)
{
	struct fetch	*f;

	if (!fetch_possible(get->block) || nfetches >= FETCHES_MAX ||
	    (f = calloc(1, sizeof(*f))) == NULL)
		return (NULL);
	f->tag = ++last_tag;
	f->block = get->block;
	f->done = done;
	f->arg = arg;
	RB_INSERT(fetches, &fetches, f);
	nfetches++;
	if ((f->timer = fetch_timer(f, get->deadline)) == NULL ||
	    fetch_send(f->tag, get) == -1) {
		fetch_cancel(f);
		return (NULL);
	}
	return (f);
}

int
fetch_possible(uint32_t block)
{
	return (block < FETCHERS_MAX && fetchers[block] != NULL);
}

void
fetch_up(struct edge *edge)
{
	if (edge->instance < FETCHERS_MAX)
		fetchers[edge->instance] = edge;
}

/* done() may begin and cancel others: start over after each. */
void
fetch_down(struct edge *edge)
{
	struct fetch	*f;
	uint32_t	 block = edge->instance;

	if (block >= FETCHERS_MAX || fetchers[block] != edge)
		return;
	fetchers[block] = NULL;
	for (;;) {
		RB_FOREACH(f, fetches, &fetches)
			if (f->block == block)
				break;
		if (f == NULL)
			break;
		fetch_fail(f, "the fetcher died");
	}
}

int
fetch_got(struct edge *edge, struct rbuf *r)
{
	struct fetch	 key, *f;
	struct got	 got;
	char		 why[REASON_TEXT_MAX];

	memset(&key, 0, sizeof(key));
	key.tag = rb_u64(r);
	got.result = rb_enum(r, GOT_MAX - 1);
	got.status = rb_u16(r);
	rb_str(r, why, sizeof(why));
	got.why = why;
	got.body = rb_bytes(r, &got.len, 0, BODY_MAX);
	got.fetched = (int64_t)rb_u64(r);
	if (rb_end(r) == -1)
		return (-1);
	if ((f = RB_FIND(fetches, &fetches, &key)) == NULL)
		return (0);		/* late */
	if (f->block != edge->instance)
		return (-1);
	fetch_end(f, &got);
	return (0);
}

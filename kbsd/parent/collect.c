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
 * Counters of all processes, for the metrics process and for kbsctl.  All are
 * asked at once, and who asks meanwhile gets the same answers.  A process that
 * does not answer in time, because it is at long work or hangs, is not asked
 * again until it has; what it told last is kept.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "parent.h"
#include "timer.h"

/* Less than a probe waits for an answer. */
#define ROUND_MS	400
#define WAITERS_MAX	64

struct waiter {
	struct set	*set;
	struct child	*child;
	uint64_t	 tag;
};

static struct waiter	 waiters[WAITERS_MAX];
static size_t		 nwaiters;
static struct event	*timer;
static int		 under_way;
static uint64_t		 count_reloads, count_failed;

/* --- who wants them ----------------------------------------------------- */

/* Sets and their processes come and go meanwhile. */
static int
is_there(const struct waiter *w)
{
	const struct set	*set;
	const struct child	*c;

	TAILQ_FOREACH(set, &sets, entry)
		if (set == w->set)
			TAILQ_FOREACH(c, &set->children, entry)
				if (c == w->child)
					return (c->state == CHILD_READY);
	return (0);
}

/* The one that serves, or the first one, that starts. */
static struct set *
set_told(void)
{
	struct set	*set = set_serving();

	return (set != NULL ? set : TAILQ_FIRST(&sets));
}

static void
put_number(struct wbuf *w, const char *name, uint64_t n)
{
	wb_str(w, name);
	wb_u64(w, n);
}

/* The parent's own. */
static void
put_own(struct wbuf *w, const struct set *set)
{
	const struct set	*s;
	char			 name[64];
	uint64_t		 n = 0;
	int			 i;

	TAILQ_FOREACH(s, &sets, entry)
		n++;
	put_number(w, "configuration", set->number);
	put_number(w, "sets", n);
	put_number(w, "reloads", count_reloads);
	put_number(w, "reloads failed", count_failed);
	put_number(w, "serving", set->serving && !set->draining);
	put_number(w, "stopping", set->draining);
	for (i = 0; i < LIMIT_MAX; i++) {
		(void)snprintf(name, sizeof(name), "limit %s",
		    limit_table[i].name);
		put_number(w, name, config_limit(set->conf, i));
	}
}

static void
put_process(struct wbuf *w, const struct child *c)
{
	const struct keystore		*k = c->object;
	const struct attestation	*a = c->object;
	const char			*block = "";
	uint8_t				 type = KEYSTORE_TYPE_MAX;
	int				 ready = c->state == CHILD_READY;

	if (c->kind == PROC_KMS) {
		block = k->name;
		type = (uint8_t)k->type;
	} else if (c->kind == PROC_FETCHER)
		block = a->name;
	wb_u32(w, c->kind);
	wb_u32(w, c->instance);
	wb_str(w, block);
	wb_u8(w, type);
	wb_u8(w, (uint8_t)ready);
	wb_u8(w, (uint8_t)(ready && !c->asked && c->counters.len > 0));
	wb_u32(w, c->restarts);
	wb_u32(w, ready ? 0 : (uint32_t)((now_ms() - c->left) / 1000));
	wb_u64(w, (uint64_t)c->since);
	wb_bytes_of(w, &c->counters);
}

static void
tell_metrics(const struct waiter *to)
{
	const struct set	*set = set_told();
	const struct child	*c;
	struct wbuf		 w = { 0 }, own = { 0 };
	uint32_t		 n = 1;

	put_own(&own, set);
	TAILQ_FOREACH(c, &set->children, entry)
		n++;
	wb_u64(&w, to->tag);
	wb_u32(&w, n);
	wb_u32(&w, PROC_PARENT);
	wb_u32(&w, 0);
	wb_str(&w, "");
	wb_u8(&w, KEYSTORE_TYPE_MAX);
	wb_u8(&w, 1);
	wb_u8(&w, 1);
	wb_u32(&w, 0);
	wb_u32(&w, 0);
	wb_u64(&w, (uint64_t)parent_since);
	wb_bytes_of(&w, &own);
	TAILQ_FOREACH(c, &set->children, entry)
		put_process(&w, c);
	wb_free(&own);
	(void)child_send(to->child, IMSG_METRICS_SCRAPED, &w);
}

static void
rows_of(struct wbuf *cells, uint32_t *rows, const char *process,
    uint32_t instance, const struct wbuf *counters)
{
	struct rbuf	 r;
	char		 name[128], number[32];
	uint64_t	 n;

	rb_init(&r, counters->data, counters->len);
	while (r.left > 0) {
		rb_str(&r, name, sizeof(name));
		n = rb_u64(&r);
		if (r.failed)
			return;
		wb_str(cells, process);
		(void)snprintf(number, sizeof(number), "%u", instance);
		wb_str(cells, number);
		wb_str(cells, name);
		(void)snprintf(number, sizeof(number), "%llu",
		    (unsigned long long)n);
		wb_str(cells, number);
		(*rows)++;
	}
}

static void
tell_control(const struct waiter *to)
{
	static const char *const	 names[] = { "process", "instance",
					    "counter", "value" };
	const struct set		*set = set_told();
	const struct child		*c;
	struct wbuf			 w = { 0 }, cells = { 0 }, own = { 0 };
	uint32_t			 rows = 0;

	put_own(&own, set);
	rows_of(&cells, &rows, process_name(PROC_PARENT), 0, &own);
	wb_free(&own);
	TAILQ_FOREACH(c, &set->children, entry)
		rows_of(&cells, &rows, process_name(c->kind), c->instance,
		    &c->counters);
	wb_u64(&w, to->tag);
	wb_u8(&w, 1);
	wb_str(&w, "");
	command_table(&w, names, 4, rows, &cells);
	(void)child_send(to->child, IMSG_CONTROL_REPLY, &w);
}

static void
tell(const struct waiter *to)
{
	if (!is_there(to))
		return;
	if (to->child->kind == PROC_METRICS)
		tell_metrics(to);
	else
		tell_control(to);
}

/* --- rounds ------------------------------------------------------------- */

static void
round_end(int fd, short what, void *arg)
{
	size_t	 i;

	(void)fd;
	(void)what;
	(void)arg;
	under_way = 0;
	(void)evtimer_del(timer);
	for (i = 0; i < nwaiters; i++)
		tell(&waiters[i]);
	nwaiters = 0;
}

static int
is_missing(void)
{
	const struct child	*c;

	TAILQ_FOREACH(c, &set_told()->children, entry)
		if (c->asked && c->state == CHILD_READY)
			return (1);
	return (0);
}

static void
round_begin(void)
{
	struct child	*c;
	struct wbuf	 w = { 0 };

	under_way = 1;
	TAILQ_FOREACH(c, &set_told()->children, entry)
		if (c->state == CHILD_READY && !c->asked &&
		    child_send(c, IMSG_PROCESS_COUNT, &w) == 0)
			c->asked = 1;
	if (timer == NULL)
		timer = timer_new(round_end, NULL);
	timer_set(timer, ROUND_MS);
}

int
collect_ask(struct child *child, uint64_t tag)
{
	struct waiter	*w;

	if (nwaiters == WAITERS_MAX)
		return (-1);
	w = &waiters[nwaiters++];
	w->set = child->set;
	w->child = child;
	w->tag = tag;
	if (!under_way)
		round_begin();
	return (0);
}

int
collect_scrape(struct edge *edge, struct rbuf *r)
{
	struct child	*c = edge->data;
	struct waiter	 now = { c->set, c, 0 };
	uint64_t	 tag = rb_u64(r);
	int		 all = rb_bool(r);

	if (rb_end(r) == -1)
		return (-1);
	now.tag = tag;
	/* Too many ask, and who asked this time is not answered. */
	if (all)
		(void)collect_ask(c, tag);
	else
		tell(&now);
	return (0);
}

/* Their names are for metrics and tables: they are looked at there. */
int
collect_take(struct edge *edge, struct rbuf *r)
{
	struct child	*c = edge->data;
	const uint8_t	*p;
	size_t		 len;

	if (!c->asked)
		return (-1);
	p = rb_rest(r, &len);
	wb_free(&c->counters);
	wb_raw(&c->counters, p, len);
	c->asked = 0;
	if (under_way && !is_missing())
		round_end(-1, 0, NULL);
	return (0);
}

void
collect_reloaded(int ok)
{
	if (ok)
		count_reloads++;
	else
		count_failed++;
}

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
 * What several processes know: each is asked for its rows, and the table goes
 * back to control when all have answered, or when their time is over.  Who
 * did not answer has a row of nothing but its name.
 */

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "parent.h"
#include "timer.h"

#define WAIT_MS		3000	/* who verifies takes its time */
#define ASKS_MAX	32
#define CELLS_MAX	9
#define CELL_MAX	4096	/* as control has it */
#define BOTH(a, b)	(1U << (a) | 1U << (b))
#define FRONTS		BOTH(PROC_FRONTEND, PROC_GATE)

/* What is asked of whom, and the names of the cells. */
static const struct subject {
	uint8_t		 what;
	unsigned int	 kinds;		/* all processes of these */
	unsigned int	 firsts;	/* of these one: they have the same */
	uint32_t	 ncells;
	const char	*names[2 + CELLS_MAX];
} subjects[COMMAND_MAX] = {
	[COMMAND_SESSIONS] = { SHOW_SESSIONS, FRONTS, 0, 6, { "process",
	    "instance", "address", "state", "age_seconds", "requests", "tls",
	    "cipher" } },
	[COMMAND_ATTESTATION] = { SHOW_ATTESTATION, BOTH(PROC_VERIFIER,
	    PROC_FETCHER), 0, 7, { "process", "instance", "attestation",
	    "state", "last_success", "last_failure", "trouble", "keys",
	    "keys_fetched" } },
	[COMMAND_LOCKOUTS] = { SHOW_LOCKOUTS, 1U << PROC_STORE, 0, 4,
	    { "process", "instance", "name", "failures", "first",
	    "until" } },
	[COMMAND_CERTIFICATES] = { SHOW_CERTIFICATES, BOTH(PROC_FETCHER,
	    PROC_KMS), FRONTS | 1U << PROC_VERIFIER, 9, { "process",
	    "instance", "use", "of", "subject", "names", "serial",
	    "not_before", "not_after", "sha256", "others" } },
	[COMMAND_LIMITS] = { SHOW_LIMITS, FRONTS | BOTH(PROC_CONTROL,
	    PROC_AUTH) | BOTH(PROC_BROKER, PROC_FETCHER), 0, 4, { "process",
	    "instance", "limit", "value", "used", "unit" } },
};

/* What one process was asked. */
struct part {
	TAILQ_ENTRY(part)	 entry;
	uint64_t		 tag;
	enum process_kind	 kind;
	uint32_t		 instance;
	int			 there;
	uint32_t		 rows;
	struct wbuf		 cells;
};

struct gathering {
	TAILQ_ENTRY(gathering)	 entry;
	uint64_t		 theirs;	/* control's tag */
	struct child		*control;
	struct set		*set;
	const struct subject	*subject;
	struct event		*timer;
	unsigned int		 left;
	TAILQ_HEAD(, part)	 parts;
};

static TAILQ_HEAD(, gathering)	 gatherings =
				    TAILQ_HEAD_INITIALIZER(gatherings);
static unsigned int		 ngatherings;
static uint64_t			 tags;

int
gather_is(uint8_t command)
{
	return (subjects[command].ncells > 0);
}

/* Sets and their processes come and go meanwhile. */
static int
is_there(const struct gathering *g)
{
	const struct set	*set;
	const struct child	*c;

	TAILQ_FOREACH(set, &sets, entry)
		if (set == g->set)
			TAILQ_FOREACH(c, &set->children, entry)
				if (c == g->control)
					return (c->state == CHILD_READY);
	return (0);
}

/* --- the table ----------------------------------------------------------- */

static void
put_who(struct wbuf *w, const char *name, uint32_t instance)
{
	char	 text[32];

	(void)snprintf(text, sizeof(text), "%u", instance);
	wb_str(w, name);
	wb_str(w, text);
}

/* n rows, of which each gets the name of who sent it. */
static void
put_rows(struct wbuf *w, const struct part *p, uint32_t ncells)
{
	char		 cell[CELL_MAX];
	struct rbuf	 r;
	uint32_t	 i, row;

	rb_init(&r, p->cells.data, p->cells.len);
	for (row = 0; row < (p->there ? p->rows : 1); row++) {
		put_who(w, process_name(p->kind), p->instance);
		for (i = 0; i < ncells; i++) {
			cell[0] = '\0';
			if (p->there)
				rb_str(&r, cell, sizeof(cell));
			wb_str(w, cell);
		}
	}
}

static void
gathering_answer(struct gathering *g)
{
	const struct subject	*s = g->subject;
	const struct part	*p;
	struct wbuf		 w = { 0 }, cells = { 0 }, own = { 0 };
	struct part		 parent = { .kind = PROC_PARENT, .there = 1 };
	uint32_t		 rows = 0;

	wb_u64(&w, g->theirs);
	wb_u8(&w, 1);
	wb_str(&w, "");
	if (s->what == SHOW_LIMITS) {
		parent.rows = rows = limits_rows(g->set, &own);
		parent.cells = own;
		put_rows(&cells, &parent, s->ncells);
		wb_free(&own);
	}
	TAILQ_FOREACH(p, &g->parts, entry) {
		put_rows(&cells, p, s->ncells);
		rows += p->there ? p->rows : 1;
	}
	command_table(&w, s->names, 2 + s->ncells, rows, &cells);
	(void)child_send(g->control, IMSG_CONTROL_REPLY, &w);
}

static void
gathering_end(struct gathering *g)
{
	struct part	*p;

	if (is_there(g))
		gathering_answer(g);
	while ((p = TAILQ_FIRST(&g->parts)) != NULL) {
		TAILQ_REMOVE(&g->parts, p, entry);
		wb_free(&p->cells);
		free(p);
	}
	TAILQ_REMOVE(&gatherings, g, entry);
	ngatherings--;
	event_free(g->timer);
	free(g);
}

static void
gathering_timeout(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	gathering_end(arg);
}

/* --- asking -------------------------------------------------------------- */

static int
is_asked(const struct gathering *g, const struct child *c)
{
	const struct part	*p;

	if ((g->subject->kinds & 1U << c->kind) != 0)
		return (1);
	if ((g->subject->firsts & 1U << c->kind) == 0)
		return (0);
	TAILQ_FOREACH(p, &g->parts, entry)
		if (p->kind == c->kind)
			return (0);
	return (1);
}

/* A process that is just being replaced is one that does not answer. */
static void
part_send(struct gathering *g, struct child *c, uint8_t page)
{
	struct part	*p;
	struct wbuf	 w = { 0 };

	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal("calloc");
	p->tag = ++tags;
	p->kind = c->kind;
	p->instance = c->instance;
	TAILQ_INSERT_TAIL(&g->parts, p, entry);
	if (c->state != CHILD_READY)
		return;
	wb_u64(&w, p->tag);
	wb_u8(&w, g->subject->what);
	wb_u8(&w, page);
	if (child_send(c, IMSG_PROCESS_SHOW, &w) == 0)
		g->left++;
}

int
gather_ask(struct child *control, uint64_t tag, uint8_t command, uint8_t page)
{
	struct gathering	*g;
	struct child		*c;

	if (ngatherings == ASKS_MAX || (g = calloc(1, sizeof(*g))) == NULL)
		return (-1);
	g->theirs = tag;
	g->control = control;
	g->set = control->set;
	g->subject = &subjects[command];
	g->timer = timer_new(gathering_timeout, g);
	TAILQ_INIT(&g->parts);
	TAILQ_INSERT_TAIL(&gatherings, g, entry);
	ngatherings++;
	TAILQ_FOREACH(c, &g->set->children, entry)
		if (is_asked(g, c))
			part_send(g, c, page);
	timer_set(g->timer, g->left > 0 ? WAIT_MS : 0);
	return (0);
}

/* --- answers ------------------------------------------------------------- */

/* Exactly so many cells, each of which control will take. */
static int
cells_check(const struct rbuf *cells, uint64_t n)
{
	char		 cell[CELL_MAX];
	struct rbuf	 r = *cells;

	while (n-- > 0 && !r.failed)
		rb_str(&r, cell, sizeof(cell));
	return (rb_end(&r));
}

static struct part *
part_find(uint64_t tag, struct gathering **found)
{
	struct gathering	*g;
	struct part		*p;

	TAILQ_FOREACH(g, &gatherings, entry)
		TAILQ_FOREACH(p, &g->parts, entry)
			if (p->tag == tag) {
				*found = g;
				return (p);
			}
	return (NULL);
}

int
gather_take(struct edge *edge, struct rbuf *r)
{
	const struct child	*c = edge->data;
	struct gathering	*g;
	struct part		*p;
	uint64_t		 tag = rb_u64(r);
	uint32_t		 rows = rb_u32(r);

	if (r->failed || rows > SHOW_ROWS_MAX)
		return (-1);
	/* It took its time, or its place is another one's now. */
	if ((p = part_find(tag, &g)) == NULL)
		return (0);
	if (p->there || p->kind != c->kind || p->instance != c->instance ||
	    g->set != c->set)
		return (-1);
	if (cells_check(r, (uint64_t)rows * g->subject->ncells) == -1)
		return (-1);
	p->there = 1;
	p->rows = rows;
	wb_raw(&p->cells, r->p, r->left);
	if (--g->left == 0)
		gathering_end(g);
	return (0);
}

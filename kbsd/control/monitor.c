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
 * Who watches requests end (`kbsctl monitor').  The broker sends as many lines
 * as it is told that it may; each watcher has room for so many bytes, and what
 * does not fit is counted for it, so that one that stands still holds up
 * nobody else.
 */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "control.h"
#include "policy.h"

#define WATCHERS_MAX	8
#define ROOM_BYTES	(256 * 1024)	/* of one watcher */
#define CREDIT_LOW	(MONITOR_LINES / 2)

static unsigned int	 nwatchers;
static uint32_t		 taken;		/* since the broker was told */

static void
monitor_tell(uint32_t n)
{
	struct wbuf	 w = { 0 };

	wb_u32(&w, n);
	/* It tells anew when there is another broker. */
	(void)edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_WATCH, &w);
	taken = 0;
}

void
monitor_up(struct edge *edge)
{
	(void)edge;
	if (nwatchers > 0)
		monitor_tell(MONITOR_LINES);
}

void
monitor_begin(struct client *c)
{
	if (nwatchers == WATCHERS_MAX) {
		answer_error(c, 503, "too many watch at once");
		return;
	}
	nwatchers++;
	client_watch(c);
	answer_text(c, "{\"watching\":true}\n");
	if (nwatchers == 1)
		monitor_tell(MONITOR_LINES);
}

void
monitor_leave(void)
{
	if (--nwatchers == 0)
		monitor_tell(0);
}

/* --- lines --------------------------------------------------------------- */

struct line {
	uint64_t	 ms;			/* Unix */
	uint32_t	 kind, instance;
	char		 request[REQUEST_ID_TEXT];
	char		 client[ADDRESS_TEXT_MAX];
	uint8_t		 op;
	struct uuid	 object;
	char		 who[NAME_MAX_USER + 16];
	uint8_t		 tees;
	char		 outcome[32];
	uint16_t	 status;
	char		 error[REASON_TEXT_MAX];
	uint64_t	 took;			/* ms */
};

static int
line_read(struct rbuf *r, struct line *l)
{
	l->ms = rb_u64(r);
	l->kind = rb_u32(r);
	l->instance = rb_u32(r);
	rb_str(r, l->request, sizeof(l->request));
	rb_str(r, l->client, sizeof(l->client));
	l->op = rb_enum(r, OP_MAX - 1);
	rb_uuid(r, &l->object);
	rb_str(r, l->who, sizeof(l->who));
	l->tees = rb_u8(r);
	rb_str(r, l->outcome, sizeof(l->outcome));
	l->status = rb_u16(r);
	rb_str(r, l->error, sizeof(l->error));
	l->took = rb_u64(r);
	return (l->kind > PROC_MAX || l->tees > TEE_ALL ? -1 : rb_end(r));
}

/* RFC 3339, UTC, milliseconds, as the audit log has it. */
static void
time_text(uint64_t ms, char *text, size_t size)
{
	struct tm	 tm;
	time_t		 t = (time_t)(ms / 1000);
	char		 day[32];

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		day[0] = '\0';
	(void)snprintf(text, size, "%s.%03uZ", day, (unsigned int)(ms % 1000));
}

static void
line_put(struct wbuf *w, const struct line *l)
{
	char	 when[48], front[64], object[UUID_TEXT] = "";
	char	 tees[TEES_TEXT], rest[96];

	time_text(l->ms, when, sizeof(when));
	(void)snprintf(front, sizeof(front), "%s %u", process_name(l->kind),
	    l->instance);
	if (!uuid_isnil(&l->object))
		(void)uuid_format(&l->object, object);
	answer_member(w, "{\"finished\":{\"time\":", when);
	answer_member(w, ",\"front\":", front);
	answer_member(w, ",\"request\":", l->request);
	answer_member(w, ",\"client\":", l->client);
	answer_member(w, ",\"operation\":", operation_name(l->op));
	answer_member(w, ",\"object\":", object);
	answer_member(w, ",\"who\":", l->who);
	answer_member(w, ",\"tee\":", tees_format(l->tees, tees));
	answer_member(w, ",\"outcome\":", l->outcome);
	answer_member(w, ",\"error\":", l->error);
	(void)snprintf(rest, sizeof(rest),
	    ",\"status\":%u,\"duration_ms\":%llu}}\n", l->status,
	    (unsigned long long)l->took);
	wb_raw(w, rest, strlen(rest));
}

/* What there was no room for, as soon as there is. */
void
monitor_lost(struct client *c)
{
	char	 text[64];

	if (c->lost == 0)
		return;
	(void)snprintf(text, sizeof(text), "{\"lost\":%llu}\n",
	    (unsigned long long)c->lost);
	c->lost = 0;
	answer_text(c, text);
}

struct news {
	const struct wbuf	*line;
	uint64_t		 lost;
};

static void
monitor_give(struct client *c, void *arg)
{
	const struct news	*news = arg;

	c->lost += news->lost;
	if (news->line->failed || c->out.len + news->line->len > ROOM_BYTES) {
		c->lost++;
		return;
	}
	monitor_lost(c);
	wb_raw_of(&c->out, news->line);
	client_more(c);
}

int
monitor_take(struct edge *edge, struct rbuf *r)
{
	struct line	 line;
	struct wbuf	 w = { 0 };
	struct news	 news = { .line = &w, .lost = rb_u64(r) };

	(void)edge;
	if (line_read(r, &line) == -1)
		return (-1);
	/* The last watcher may have left just now. */
	if (nwatchers == 0)
		return (0);
	line_put(&w, &line);
	client_watchers(monitor_give, &news);
	wb_free(&w);
	if (++taken == CREDIT_LOW)
		monitor_tell(CREDIT_LOW);
	return (0);
}

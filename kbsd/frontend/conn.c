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
 * One connection: TLS, requests one after another, answers.  It is a small
 * machine of states (conn_step.c); here it begins, waits and ends.  Nothing in
 * either knows what a request is about.
 *
 * Until its first byte a connection has no TLS object, and no buffers but
 * while a request is being read or answered.  Each wait has its deadline.
 */
#include <sys/queue.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>
#include <unistd.h>

#include "frontend.h"
#include "histogram.h"
#include "kbsd.h"
#include "log.h"

#define BIG_BODY	(64 * 1024)
#define BIG_BODIES	16		/* being read at the same time */
#define BIG_OF_SOURCE	8		/* of these, from one source */

/* Of each enum conn_timer. */
static int	 seconds[TIMERS] = {
	[TIMER_HANDSHAKE] = 10,
	[TIMER_HEAD] = 10,
	[TIMER_BODY] = 20,
	[TIMER_IDLE] = 60,
	[TIMER_ANSWER] = DEADLINE_REQUEST_MS / 1000 + 1,
	[TIMER_MAKE] = DEADLINE_MAKE_MS / 1000 + 1,
	[TIMER_WRITE] = 30,
	[TIMER_LINGER] = 2,
	[TIMER_DRAIN] = 10,
};

TAILQ_HEAD(conns, conn);

static struct conns		 conns = TAILQ_HEAD_INITIALIZER(conns);
static struct conns		 idles = TAILQ_HEAD_INITIALIZER(idles);
static const struct timeval	*timers[TIMERS];
static struct conn		*bigs[BIG_BODIES];
static unsigned int		 nconns;
static int			 draining;

struct conn_counts		 conn_counts;

void
conn_limits(const uint32_t limits[LIMIT_MAX])
{
	seconds[TIMER_HANDSHAKE] = (int)limits[LIMIT_HANDSHAKE_TIME];
	seconds[TIMER_HEAD] = (int)limits[LIMIT_HEADER_TIME];
	seconds[TIMER_BODY] = (int)limits[LIMIT_BODY_TIME];
	seconds[TIMER_IDLE] = (int)limits[LIMIT_IDLE_TIME];
	seconds[TIMER_WRITE] = (int)limits[LIMIT_WRITE_TIME];
}

void
conn_init(void)
{
	struct timeval	 tv = { 0, 0 };
	size_t		 i;

	/* thousands of timers of few lengths: queues, not a heap */
	for (i = 0; i < TIMERS; i++) {
		tv.tv_sec = seconds[i];
		if ((timers[i] = event_base_init_common_timeout(base,
		    &tv)) == NULL)
			fatalx("no memory for timers");
	}
}

unsigned int
conn_count(void)
{
	return (nconns);
}

struct source *
conn_source(const struct conn *c)
{
	return (c->source);
}

const char *
conn_address(const struct conn *c)
{
	return (c->address);
}

/* --- waiting ---------------------------------------------------------- */

void
conn_timer(struct conn *c, enum conn_timer t)
{
	event_add(&c->timer, timers[t]);
}

static int
want(struct event *ev, int *have, int wanted)
{
	if (*have == wanted)
		return (0);
	*have = wanted;
	return (wanted ? event_add(ev, NULL) : event_del(ev));
}

enum step
conn_want(struct conn *c, short what)
{
	if (want(&c->readable, &c->reading, (what & EV_READ) != 0) == -1 ||
	    want(&c->writable, &c->writing, (what & EV_WRITE) != 0) == -1)
		return (STEP_END);
	return (STEP_WAIT);
}

/* What libtls waits for; any other answer of it is the end. */
enum step
conn_want_tls(struct conn *c, ssize_t ret)
{
	if (ret == TLS_WANT_POLLIN)
		return (conn_want(c, EV_READ));
	if (ret == TLS_WANT_POLLOUT)
		return (conn_want(c, EV_WRITE));
	return (STEP_END);
}

void
conn_busy(struct conn *c)
{
	if (c->idle)
		TAILQ_REMOVE(&idles, c, idleentry);
	c->idle = 0;
}

void
conn_idle(struct conn *c)
{
	c->state = CONN_READ;
	c->phase = PHASE_IDLE;
	conn_timer(c, draining ? TIMER_DRAIN : TIMER_IDLE);
	if (!c->idle)
		TAILQ_INSERT_TAIL(&idles, c, idleentry);
	c->idle = 1;
}

/* --- large bodies ----------------------------------------------------- */

/* Large bodies take memory: few at a time, and no source has them all. */
int
conn_take_big(struct conn *c)
{
	struct conn	**room = NULL;
	unsigned int	 n = 0;
	size_t		 i;

	if (c->big || (c->parser.req.length <= BIG_BODY &&
	    c->parser.body.len <= BIG_BODY))
		return (0);
	for (i = 0; i < BIG_BODIES; i++) {
		if (bigs[i] == NULL)
			room = &bigs[i];
		else if (bigs[i]->source == c->source)
			n++;
	}
	if (room == NULL || n >= BIG_OF_SOURCE)
		return (-1);
	*room = c;
	c->big = 1;
	return (0);
}

void
conn_unbig(struct conn *c)
{
	size_t	 i;

	for (i = 0; c->big && i < BIG_BODIES; i++)
		if (bigs[i] == c)
			bigs[i] = NULL;
	c->big = 0;
}

unsigned int
conn_bigs(void)
{
	unsigned int	 n = 0;
	size_t		 i;

	for (i = 0; i < BIG_BODIES; i++)
		n += bigs[i] != NULL;
	return (n);
}

unsigned int
conn_bigs_most(void)
{
	return (BIG_BODIES);
}

/* --- begin and end ---------------------------------------------------- */

void
conn_free(struct conn *c)
{
	struct source	*source = c->source;

	if (c->request != NULL)
		request_gone(c->request);
	event_del(&c->readable);
	event_del(&c->writable);
	event_del(&c->timer);
	conn_busy(c);
	conn_unbig(c);
	if (c->tls != NULL) {
		if (c->state != CONN_HANDSHAKE)
			(void)tls_close(c->tls);
		tls_free(c->tls);
	}
	close(c->fd);
	http_free(&c->parser);
	freezero(c->rest, c->restlen);
	freezero(c->out, c->outlen);
	TAILQ_REMOVE(&conns, c, entry);
	nconns--;
	freezero(c, sizeof(*c));
	if (draining && nconns == 0)
		exit(0);
	listen_left(source);
}

static void
conn_event(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_run(arg);
}

/* Which limit it was, if it was one. */
static void
conn_count_timeout(const struct conn *c)
{
	if (c->state == CONN_NEW || c->state == CONN_HANDSHAKE)
		limited[LIMIT_HANDSHAKE_TIME]++;
	else if (c->state == CONN_WRITE)
		limited[LIMIT_WRITE_TIME]++;
	else if (c->state == CONN_READ && c->phase == PHASE_IDLE)
		limited[LIMIT_IDLE_TIME]++;
	else if (c->state == CONN_READ)
		limited[c->phase == PHASE_HEAD ? LIMIT_HEADER_TIME :
		    LIMIT_BODY_TIME]++;
}

/* Who is slow with a request is told; an answer that is late is a 503. */
static void
conn_timeout(int fd, short what, void *arg)
{
	struct conn	*c = arg;

	(void)fd;
	(void)what;
	conn_counts.timeouts++;
	conn_count_timeout(c);
	if (c->state == CONN_WAIT) {
		request_timeout(c->request);
		return;
	}
	if (c->state != CONN_READ || c->phase == PHASE_IDLE ||
	    (c->request == NULL &&
	    (c->request = request_new(c, NULL)) == NULL)) {
		conn_free(c);
		return;
	}
	c->closing = c->unread = 1;
	c->state = CONN_WAIT;
	request_fail(c->request, 408, "the request took too long");
}

int
conn_new(int fd, const char *address, struct source *source, size_t listener)
{
	struct conn	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (-1);
	if (strlcpy(c->address, address, sizeof(c->address)) >=
	    sizeof(c->address) ||
	    event_assign(&c->readable, base, fd, EV_READ | EV_PERSIST,
	    conn_event, c) == -1 ||
	    event_assign(&c->writable, base, fd, EV_WRITE | EV_PERSIST,
	    conn_event, c) == -1 ||
	    evtimer_assign(&c->timer, base, conn_timeout, c) == -1) {
		free(c);
		return (-1);
	}
	c->fd = fd;
	c->source = source;
	c->listener = listener;
	c->since = now_ms();
	http_init(&c->parser);
	TAILQ_INSERT_TAIL(&conns, c, entry);
	nconns++;
	conn_timer(c, TIMER_HANDSHAKE);
	/* the source and the descriptor are its own by now */
	if (conn_want(c, EV_READ) == STEP_END)
		conn_free(c);
	return (0);
}

int
conn_can_evict(void)
{
	return (!TAILQ_EMPTY(&idles));
}

/* Give up the one that has been idle longest. */
int
conn_evict(void)
{
	struct conn	*c;

	if ((c = TAILQ_FIRST(&idles)) == NULL)
		return (-1);
	conn_counts.evicted++;
	conn_free(c);
	return (0);
}

/* Handshakes are possible again. */
void
conn_resume(void)
{
	struct conn	*c, *next;

	TAILQ_FOREACH_SAFE(c, &conns, entry, next)
		if (c->state == CONN_NEW && conn_want(c, EV_READ) == STEP_END)
			conn_free(c);
}

/* The next answer of each says that it is the last. */
void
conn_drain(void)
{
	struct conn	*c;

	draining = 1;
	TAILQ_FOREACH(c, &idles, idleentry)
		conn_timer(c, TIMER_DRAIN);
	if (nconns == 0)
		exit(0);
}

/* --- for kbsctl ------------------------------------------------------- */

static const char *
conn_state(const struct conn *c)
{
	static const char *const	 states[CONN_STATES] = {
		[CONN_NEW] = "new",
		[CONN_HANDSHAKE] = "handshake",
		[CONN_READ] = "reading",
		[CONN_WAIT] = "waiting",
		[CONN_WRITE] = "writing",
		[CONN_LINGER] = "closing",
	};

	return (c->idle ? "idle" : states[c->state]);
}

void
conn_tell(unsigned int skip, unsigned int n,
    void (*fn)(const struct conn_told *, void *), void *arg)
{
	struct conn_told	 told;
	const struct conn	*c;
	uint64_t		 now = now_ms();
	int			 up;

	TAILQ_FOREACH(c, &conns, entry) {
		if (skip > 0) {
			skip--;
			continue;
		}
		if (n-- == 0)
			break;
		up = c->tls != NULL && c->state != CONN_HANDSHAKE;
		told.address = c->address;
		told.state = conn_state(c);
		told.age = now - c->since;
		told.requests = c->requests;
		told.tls = up ? tls_conn_version(c->tls) : "";
		told.cipher = up ? tls_conn_cipher(c->tls) : "";
		fn(&told, arg);
	}
}

int
conn_closes(struct conn *c)
{
	if (draining)
		c->closing = 1;
	return (c->closing);
}

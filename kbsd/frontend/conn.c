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
 * machine of states that goes on until it would wait; nothing here knows
 * what a request is about.
 *
 * Until its first byte a connection has no TLS object, and no buffers but
 * while a request is being read or answered.  Each wait has its deadline.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>
#include <unistd.h>

#include "frontend.h"
#include "histogram.h"
#include "kbsd.h"
#include "log.h"

/* A TLS record: what tls_read(3) leaves behind is then always nothing. */
#define READ_SIZE	16384
#define BIG_BODY	(64 * 1024)
#define BIG_BODIES	16		/* being read at the same time */
#define BIG_OF_SOURCE	8		/* of these, from one source */
#define LINGER_BYTES	(256 * 1024)

enum conn_state {
	CONN_NEW,		/* not a byte came */
	CONN_HANDSHAKE,
	CONN_READ,
	CONN_WAIT,		/* for the answer to a request */
	CONN_WRITE,
	CONN_LINGER,		/* closing: reads what nobody wants */
	CONN_STATES
};

/* Deadlines, in seconds. */
enum conn_timer {
	TIMER_HANDSHAKE,
	TIMER_HEAD,
	TIMER_BODY,		/* behind the head: 30 for both */
	TIMER_IDLE,
	TIMER_ANSWER,		/* a second for a late 503 of the broker */
	TIMER_MAKE,
	TIMER_WRITE,
	TIMER_LINGER,
	TIMER_DRAIN,
	TIMERS
};

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

/* How much of a request has come. */
enum conn_phase { PHASE_IDLE, PHASE_HEAD, PHASE_BODY };

struct conn {
	TAILQ_ENTRY(conn)	 entry;
	TAILQ_ENTRY(conn)	 idleentry;
	int			 fd;
	enum conn_state		 state;
	enum conn_phase		 phase;
	struct event		 readable;
	struct event		 writable;
	struct event		 timer;
	int			 reading;
	int			 writing;
	int			 idle;		/* in that list */
	int			 running;
	int			 closing;	/* after this answer */
	int			 unread;	/* more may come than we read */
	int			 interim;	/* what is written is 100 */
	int			 big;		/* is one of bigs */
	struct tls		*tls;
	struct http_parser	 parser;
	struct request		*request;
	struct source		*source;
	uint64_t		 began;		/* us: the handshake */
	size_t			 listener;	/* it came to */
	uint8_t			*rest;		/* read, not yet looked at */
	size_t			 restoff;
	size_t			 restlen;
	uint8_t			*out;
	size_t			 outoff;
	size_t			 outlen;
	size_t			 lingered;
	uint64_t		 since;		/* ms */
	uint64_t		 requests;
	char			 address[ADDRESS_TEXT_MAX];
};

TAILQ_HEAD(conns, conn);

/* FEED: the parser may go on with what it was given. */
enum step { STEP_AGAIN, STEP_WAIT, STEP_END, STEP_FEED };

static struct conns		 conns = TAILQ_HEAD_INITIALIZER(conns);
static struct conns		 idles = TAILQ_HEAD_INITIALIZER(idles);
static const struct timeval	*timers[TIMERS];
static struct conn		*bigs[BIG_BODIES];
static unsigned int		 nconns;
static int			 draining;

struct conn_counts		 conn_counts;

static void	conn_run(struct conn *);

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

static void
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

static enum step
conn_want(struct conn *c, short what)
{
	if (want(&c->readable, &c->reading, (what & EV_READ) != 0) == -1 ||
	    want(&c->writable, &c->writing, (what & EV_WRITE) != 0) == -1)
		return (STEP_END);
	return (STEP_WAIT);
}

/* What libtls waits for; any other answer of it is the end. */
static enum step
conn_want_tls(struct conn *c, ssize_t ret)
{
	if (ret == TLS_WANT_POLLIN)
		return (conn_want(c, EV_READ));
	if (ret == TLS_WANT_POLLOUT)
		return (conn_want(c, EV_WRITE));
	return (STEP_END);
}

static void
conn_busy(struct conn *c)
{
	if (c->idle)
		TAILQ_REMOVE(&idles, c, idleentry);
	c->idle = 0;
}

static void
conn_idle(struct conn *c)
{
	c->state = CONN_READ;
	c->phase = PHASE_IDLE;
	conn_timer(c, draining ? TIMER_DRAIN : TIMER_IDLE);
	if (!c->idle)
		TAILQ_INSERT_TAIL(&idles, c, idleentry);
	c->idle = 1;
}

/* --- begin and end ---------------------------------------------------- */

static void
conn_unbig(struct conn *c)
{
	size_t	 i;

	for (i = 0; c->big && i < BIG_BODIES; i++)
		if (bigs[i] == c)
			bigs[i] = NULL;
	c->big = 0;
}

static void
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

/* --- states ----------------------------------------------------------- */

static enum step
step_new(struct conn *c)
{
	/* a signer that is being replaced is back in a moment */
	if (!handshake_ready())
		return (conn_want(c, 0));
	if ((c->tls = handshake_accept(c->fd, c->listener)) == NULL)
		return (STEP_END);
	c->state = CONN_HANDSHAKE;
	c->began = now_us();
	return (STEP_AGAIN);
}

static enum step
step_handshake(struct conn *c)
{
	int	 ret;

	if ((ret = handshake_step(c->tls)) == 0) {
		conn_counts.handshakes++;
		histogram_add(&conn_counts.duration, now_us() - c->began);
		conn_idle(c);
		return (conn_want(c, EV_READ));
	}
	if (ret != TLS_WANT_POLLIN && ret != TLS_WANT_POLLOUT) {
		conn_counts.failed++;
		handshake_failed(c->listener, c->address, tls_error(c->tls));
	}
	return (conn_want_tls(c, ret));
}

/* Large bodies take memory: few at a time, and no source has them all. */
static int
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

/* A request is on its way, or answered already. */
static enum step
conn_asked(struct conn *c)
{
	if (c->state != CONN_WAIT)
		return (STEP_AGAIN);
	conn_timer(c, request_is_long(c->request) ? TIMER_MAKE :
	    TIMER_ANSWER);
	/* reading is given up when there is something to be read */
	return (STEP_WAIT);
}

/* An answer before the request was read to its end. */
static enum step
conn_cut(struct conn *c, int status, const char *why)
{
	if (c->request == NULL &&
	    (c->request = request_new(c, NULL)) == NULL)
		return (STEP_END);
	conn_busy(c);
	c->closing = c->unread = 1;
	c->state = CONN_WAIT;
	/* that a body is too long is told to those whose token is good */
	if (status == 413) {
		request_error(c->request, status, why);
		request_done(c->request, &c->parser.req);
	} else
		request_fail(c->request, status, why);
	return (conn_asked(c));
}

static enum step
conn_continue(struct conn *c)
{
	if ((c->out = (uint8_t *)strdup(HTTP_CONTINUE)) == NULL)
		return (STEP_END);
	c->outlen = sizeof(HTTP_CONTINUE) - 1;
	c->outoff = 0;
	c->interim = 1;
	c->state = CONN_WRITE;
	c->phase = PHASE_BODY;
	conn_timer(c, TIMER_BODY);
	return (STEP_AGAIN);
}

static enum step
conn_head(struct conn *c)
{
	struct http_parser	*p = &c->parser;

	conn_busy(c);
	c->requests++;
	c->closing |= !p->req.keepalive;
	if ((c->request = request_new(c, &p->req)) == NULL)
		return (STEP_END);
	if (http_body_limit(p, request_limit(c->request)) == HTTP_ERROR)
		return (conn_cut(c, p->status, p->why));
	if (!http_wants_continue(p))
		return (STEP_FEED);
	if (request_is_refused(c->request))
		return (conn_cut(c, 413, "the body was not waited for"));
	return (conn_continue(c));
}

static enum step
conn_request(struct conn *c)
{
	c->state = CONN_WAIT;
	request_done(c->request, &c->parser.req);
	/* all that is needed of it was taken: its memory goes now */
	if (http_next(&c->parser) == -1)
		c->closing = 1;
	conn_unbig(c);
	return (conn_asked(c));
}

/* More bytes are wanted: for how long? */
static enum step
conn_more(struct conn *c)
{
	if (conn_take_big(c) == -1)
		return (conn_cut(c, 503, "too many large bodies at once"));
	if (c->request != NULL && c->phase != PHASE_BODY) {
		c->phase = PHASE_BODY;
		conn_timer(c, TIMER_BODY);
	} else if (c->phase == PHASE_IDLE && !http_is_idle(&c->parser)) {
		c->phase = PHASE_HEAD;
		conn_busy(c);
		conn_timer(c, TIMER_HEAD);
	}
	return (STEP_WAIT);
}

static enum step
conn_feed(struct conn *c, const uint8_t *data, size_t len, size_t *used)
{
	struct http_parser	*p = &c->parser;
	enum step		 step;
	size_t			 n;

	for (*used = 0;; *used += n) {
		switch (http_feed(p, data + *used, len - *used, &n)) {
		case HTTP_NEED_MORE:
			*used += n;
			return (conn_more(c));
		case HTTP_HEAD_DONE:
			if ((step = conn_head(c)) == STEP_FEED)
				continue;
			*used += n;
			return (step);
		case HTTP_REQUEST_DONE:
			*used += n;
			return (conn_request(c));
		case HTTP_ERROR:
			*used += n;
			return (conn_cut(c, p->status, p->why));
		}
	}
}

/* What came with the request before. */
static enum step
read_rest(struct conn *c)
{
	enum step	 step;
	size_t		 used;

	step = conn_feed(c, c->rest + c->restoff, c->restlen - c->restoff,
	    &used);
	c->restoff += used;
	if (c->restoff == c->restlen) {
		freezero(c->rest, c->restlen);
		c->rest = NULL;
		c->restoff = c->restlen = 0;
	}
	return (step == STEP_WAIT ? conn_want(c, EV_READ) : step);
}

static int
keep_rest(struct conn *c, const uint8_t *data, size_t len)
{
	if (len == 0)
		return (0);
	if ((c->rest = malloc(len)) == NULL)
		return (-1);
	memcpy(c->rest, data, len);
	c->restlen = len;
	c->restoff = 0;
	return (0);
}

static enum step
step_read(struct conn *c)
{
	static uint8_t	 buf[READ_SIZE];
	enum step	 step;
	ssize_t		 n;
	size_t		 used;

	if (c->rest != NULL)
		return (read_rest(c));
	n = tls_read(c->tls, buf, sizeof(buf));
	if (n == 0)
		return (STEP_END);
	if (n < 0)
		return (conn_want_tls(c, n));
	step = conn_feed(c, buf, (size_t)n, &used);
	if (keep_rest(c, buf + used, (size_t)n - used) == -1)
		step = STEP_END;
	/* passwords and tokens come this way */
	explicit_bzero(buf, (size_t)n);
	return (step == STEP_WAIT ? conn_want(c, EV_READ) : step);
}

/* The client sends on before it has its answer: later. */
static enum step
step_wait(struct conn *c)
{
	return (conn_want(c, 0));
}

/*
 * Closing with bytes unread would reset the connection, and the answer might
 * never be seen.
 */
static enum step
conn_finish(struct conn *c)
{
	if (!c->unread && c->rest == NULL)
		return (STEP_END);
	(void)tls_close(c->tls);
	tls_free(c->tls);
	c->tls = NULL;
	if (shutdown(c->fd, SHUT_WR) == -1)
		return (STEP_END);
	c->state = CONN_LINGER;
	conn_timer(c, TIMER_LINGER);
	return (conn_want(c, EV_READ));
}

static enum step
step_write(struct conn *c)
{
	ssize_t	 n;

	while (c->outoff < c->outlen) {
		n = tls_write(c->tls, c->out + c->outoff,
		    c->outlen - c->outoff);
		if (n < 0) {
			/* once: who takes its time has no more of it */
			if (!c->interim && !c->writing)
				conn_timer(c, TIMER_WRITE);
			return (conn_want_tls(c, n));
		}
		c->outoff += (size_t)n;
	}
	freezero(c->out, c->outlen);
	c->out = NULL;
	c->outoff = c->outlen = 0;
	if (c->interim) {
		c->interim = 0;
		c->state = CONN_READ;
	} else if (c->closing)
		return (conn_finish(c));
	else
		conn_idle(c);
	return (c->rest != NULL ? STEP_AGAIN : conn_want(c, EV_READ));
}

static enum step
step_linger(struct conn *c)
{
	static uint8_t	 sink[READ_SIZE];
	ssize_t		 n;

	n = recv(c->fd, sink, sizeof(sink), 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (STEP_WAIT);
	if (n <= 0 || (c->lingered += (size_t)n) > LINGER_BYTES)
		return (STEP_END);
	return (STEP_WAIT);
}

static enum step (*const steps[CONN_STATES])(struct conn *) = {
	[CONN_NEW] = step_new,
	[CONN_HANDSHAKE] = step_handshake,
	[CONN_READ] = step_read,
	[CONN_WAIT] = step_wait,
	[CONN_WRITE] = step_write,
	[CONN_LINGER] = step_linger,
};

static void
conn_run(struct conn *c)
{
	enum step	 step;

	if (c->running)
		return;
	c->running = 1;
	do {
		step = steps[c->state](c);
	} while (step == STEP_AGAIN);
	c->running = 0;
	if (step == STEP_END)
		conn_free(c);
}

/*
 * The request has its answer, whose memory is taken over; NULL ends the
 * connection.
 */
void
conn_answer(struct conn *c, uint8_t *out, size_t len)
{
	c->request = NULL;
	c->out = out;
	c->outoff = 0;
	c->outlen = len;
	if (out == NULL) {
		c->closing = 1;
		c->outlen = 0;
	}
	c->state = CONN_WRITE;
	conn_run(c);
}

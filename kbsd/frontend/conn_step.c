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
 * What a connection does in each of its states: TLS, reading a request,
 * waiting for its answer, writing it.  It goes on until it would wait.
 */

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>

#include "frontend.h"
#include "histogram.h"
#include "kbsd.h"

/* A TLS record: what tls_read(3) leaves behind is then always nothing. */
#define READ_SIZE	16384
#define LINGER_BYTES	(256 * 1024)

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

/* --- reading ---------------------------------------------------------- */

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

/* --- waiting and writing ---------------------------------------------- */

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

/* --- all -------------------------------------------------------------- */

static enum step (*const steps[CONN_STATES])(struct conn *) = {
	[CONN_NEW] = step_new,
	[CONN_HANDSHAKE] = step_handshake,
	[CONN_READ] = step_read,
	[CONN_WAIT] = step_wait,
	[CONN_WRITE] = step_write,
	[CONN_LINGER] = step_linger,
};

void
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

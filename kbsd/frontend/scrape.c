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
 * Who asks for metrics and health: plain HTTP, one request a connection, by
 * the same parser as that of strangers.  A few clients at a time; one more
 * takes the place of the oldest, so that nobody can shut out a probe.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"
#include "log.h"
#include "metrics.h"
#include "timer.h"

#define SCRAPED_MAX	8
#define CLIENTS_MAX	32
#define CLIENT_MS	10000		/* for all of it */
#define ANSWER_MS	5000		/* the parent's */
#define LINGER_MS	1000
#define REST_MS		200
#define READ_SIZE	4096

enum client_state { CLIENT_READ, CLIENT_WAIT, CLIENT_WRITE, CLIENT_LINGER };

struct client {
	TAILQ_ENTRY(client)	 entry;
	int			 fd;
	enum client_state	 state;
	struct event		*readable;
	struct event		*writable;
	struct event		*timer;
	struct http_parser	 parser;
	uint64_t		 tag;		/* it waits for */
	enum answer_page	 page;
	int			 verbose;
	int			 headonly;
	uint8_t			*out;
	size_t			 outoff, outlen;
};

static TAILQ_HEAD(, client)	 clients = TAILQ_HEAD_INITIALIZER(clients);
static unsigned int		 nclients;
static int			 fds[SCRAPED_MAX];
static struct event		*listeners[SCRAPED_MAX];
static size_t			 nlisteners;
static struct event		*rest;
static uint64_t			 last_tag;
static int			 accepting, draining;

struct scrape_counts		 scrape_counts;

static const struct {
	const char	*path;
	const char	*type;
} pages[] = {
	[PAGE_METRICS] = { "/metrics",
	    "text/plain; version=0.0.4; charset=utf-8" },
	[PAGE_LIVE] = { "/livez", "text/plain; charset=utf-8" },
	[PAGE_READY] = { "/readyz", "text/plain; charset=utf-8" },
};

#define NPAGES	(sizeof(pages) / sizeof(pages[0]))

/* --- clients ------------------------------------------------------------ */

static void
client_free(struct client *c)
{
	TAILQ_REMOVE(&clients, c, entry);
	nclients--;
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	event_free(c->timer);
	http_free(&c->parser);
	free(c->out);
	close(c->fd);
	free(c);
	if (draining && nclients == 0)
		exit(0);
}

static void
client_write(struct client *c)
{
	ssize_t	 n;

	while (c->outoff < c->outlen) {
		n = write(c->fd, c->out + c->outoff, c->outlen - c->outoff);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			event_add(c->writable, NULL);
			return;
		}
		if (n == -1) {
			client_free(c);
			return;
		}
		c->outoff += (size_t)n;
	}
	/* What it still sends would reset the connection: it is read. */
	if (shutdown(c->fd, SHUT_WR) == -1) {
		client_free(c);
		return;
	}
	c->state = CLIENT_LINGER;
	timer_set(c->timer, LINGER_MS);
	event_add(c->readable, NULL);
}

static void
client_answer(struct client *c, int status, const char *type,
    const void *body, size_t len)
{
	struct http_response	 res;

	http_response_init(&res, NULL, status, NULL);
	res.plain = 1;
	res.type = type;
	res.body = body;
	res.bodylen = len;
	event_del(c->readable);
	if ((status == 405 &&
	    http_response_add(&res, "Allow", "GET, HEAD") == -1) ||
	    http_response_write(&res, &c->out, &c->outlen) == -1) {
		log_warn("a metrics page can't be answered");
		client_free(c);
		return;
	}
	if (c->headonly)
		c->outlen -= len;
	c->state = CLIENT_WRITE;
	client_write(c);
}

static void
client_error(struct client *c, int status, const char *why)
{
	char	 text[256];

	scrape_counts.errors++;
	(void)snprintf(text, sizeof(text), "%s\n", why);
	client_answer(c, status, "text/plain; charset=utf-8", text,
	    strlen(text));
}

static void
client_health(struct client *c, const struct service *service)
{
	struct wbuf	 w = { 0 };
	int		 well;

	well = health_write(&w, service, c->page, c->verbose);
	if (w.failed)
		client_error(c, 503, "no memory");
	else
		client_answer(c, well ? 200 : 503, pages[c->page].type,
		    w.data, w.len);
	wb_free(&w);
}

static void
client_metrics(struct client *c, const struct service *service)
{
	struct wbuf	 w = { 0 };

	if (service != NULL)
		metric_write(&w, service);
	if (service == NULL || w.failed)
		client_error(c, 503, "the metrics can't be had");
	else
		client_answer(c, 200, pages[c->page].type, w.data, w.len);
	wb_free(&w);
}

static void
client_page(struct client *c, const struct service *service)
{
	if (c->page == PAGE_METRICS)
		client_metrics(c, service);
	else
		client_health(c, service);
}

void
scrape_answer(uint64_t tag, const struct service *service)
{
	struct client	*c;

	TAILQ_FOREACH(c, &clients, entry)
		if (c->state == CLIENT_WAIT && c->tag == tag)
			break;
	if (c != NULL)
		client_page(c, service);
}

/* --- requests ----------------------------------------------------------- */

/* `?verbose', alone or with a value; other words mean nothing. */
static int
wants_verbose(struct http_slice query)
{
	static const char	 word[] = "verbose";
	struct http_slice	 name;
	const char		*end;

	for (; query.base != NULL; query.base = end) {
		end = memchr(query.base, '&', query.len);
		name.base = query.base;
		name.len = end == NULL ? query.len :
		    (size_t)(end++ - query.base);
		query.len -= name.len + (end != NULL);
		if (http_slice_is(name, word) || (name.len > sizeof(word) - 1 &&
		    strncmp(name.base, "verbose=", sizeof(word)) == 0))
			return (1);
	}
	return (0);
}

static void
client_request(struct client *c)
{
	const struct http_request	*req = &c->parser.req;
	size_t				 i;

	c->headonly = http_slice_is(req->method, "HEAD");
	for (i = 0; i < NPAGES; i++)
		if (req->target.path.base != NULL &&
		    http_slice_is(req->target.path, pages[i].path))
			break;
	if (i == NPAGES) {
		client_error(c, 404, "no such path");
		return;
	}
	if (!c->headonly && !http_slice_is(req->method, "GET")) {
		client_error(c, 405, "method not allowed");
		return;
	}
	c->verbose = wants_verbose(req->target.query);
	c->page = (enum answer_page)i;
	scrape_counts.pages[i]++;
	c->tag = ++last_tag;
	c->state = CLIENT_WAIT;
	timer_set(c->timer, ANSWER_MS);
	event_del(c->readable);
	if (metrics_ask(c->tag, c->page) == -1)
		client_page(c, NULL);
}

static void
client_feed(struct client *c, const uint8_t *data, size_t len)
{
	struct http_parser	*p = &c->parser;
	size_t			 off = 0, n;

	for (;;) {
		switch (http_feed(p, data + off, len - off, &n)) {
		case HTTP_NEED_MORE:
			return;
		case HTTP_HEAD_DONE:
			off += n;
			/* No page wants a body. */
			if (http_body_limit(p, 0) == HTTP_ERROR) {
				client_error(c, p->status, p->why);
				return;
			}
			break;
		case HTTP_REQUEST_DONE:
			client_request(c);
			return;
		case HTTP_ERROR:
			client_error(c, p->status, p->why);
			return;
		}
	}
}

static void
client_readable(int fd, short what, void *arg)
{
	struct client	*c = arg;
	static uint8_t	 buf[READ_SIZE];
	ssize_t		 n;

	(void)what;
	n = read(fd, buf, sizeof(buf));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		client_free(c);
	else if (c->state == CLIENT_READ)
		client_feed(c, buf, (size_t)n);
}

static void
client_writable(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	client_write(arg);
}

static void
client_timeout(int fd, short what, void *arg)
{
	struct client	*c = arg;

	(void)fd;
	(void)what;
	if (c->state == CLIENT_WAIT) {
		timer_set(c->timer, CLIENT_MS);
		client_page(c, NULL);
		return;
	}
	scrape_counts.timeouts += c->state != CLIENT_LINGER;
	client_free(c);
}

/* --- accepting ---------------------------------------------------------- */

static void
client_new(int fd)
{
	struct client	*c;

	if (nclients >= CLIENTS_MAX) {
		scrape_counts.dropped++;
		client_free(TAILQ_FIRST(&clients));
	}
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	c->fd = fd;
	http_init(&c->parser);
	TAILQ_INSERT_TAIL(&clients, c, entry);
	nclients++;
	c->timer = timer_new(client_timeout, c);
	timer_set(c->timer, CLIENT_MS);
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST,
	    client_readable, c);
	c->writable = event_new(base, fd, EV_WRITE, client_writable, c);
	if (c->readable == NULL || c->writable == NULL ||
	    event_add(c->readable, NULL) == -1)
		client_free(c);
}

static void
listeners_want(int want)
{
	size_t	 i;

	for (i = 0; i < nlisteners; i++)
		if (want)
			event_add(listeners[i], NULL);
		else
			event_del(listeners[i]);
}

static void
scrape_rested(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (accepting)
		listeners_want(1);
}

static void
scrape_ready(int fd, short what, void *arg)
{
	int	 s;

	(void)what;
	(void)arg;
	s = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (s != -1)
		client_new(s);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
	    errno == ENOBUFS) {
		listeners_want(0);
		timer_set(rest, REST_MS);
	}
}

int
scrape_listen(int fd)
{
	if (nlisteners == SCRAPED_MAX)
		return (-1);
	fds[nlisteners++] = fd;
	return (0);
}

/* The parent says so twice at a first start: early, and with all others. */
void
scrape_start(void)
{
	size_t	 i;

	if (accepting)
		return;
	rest = timer_new(scrape_rested, NULL);
	for (i = 0; i < nlisteners; i++)
		if ((listeners[i] = event_new(base, fds[i], EV_READ |
		    EV_PERSIST, scrape_ready, NULL)) == NULL)
			fatalx("no memory for events");
	accepting = 1;
	listeners_want(1);
}

/* The next set has the sockets too. */
void
scrape_stop(void)
{
	if (accepting)
		listeners_want(0);
	accepting = 0;
	draining = 1;
	if (nclients == 0)
		exit(0);
}

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
 * The local socket and who is connected to it.  Whoever may open the socket
 * is an operator, but still no more is kept for one than its limits say: a
 * request of so many bytes within so many seconds, one at a time.  Requests
 * hold passwords and key material, so buffers are wiped; libevent's own are
 * not used.
 */

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "log.h"

#define PAUSE_MS	1000		/* when descriptors have run out */

struct control_counts		 control_counts;

static TAILQ_HEAD(, client)	 clients = TAILQ_HEAD_INITIALIZER(clients);
static unsigned int		 nclients;
static struct event		*listener, *pauser;
static int			 draining;

static void	client_readable(int, short, void *);
static void	client_writable(int, short, void *);
static void	client_timeout(int, short, void *);
static void	client_lines(struct client *);

static void
client_timer(struct client *c, uint64_t ms)
{
	struct timeval	 tv;

	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000) * 1000;
	if (evtimer_add(c->timer, &tv) == -1)
		fatalx("no memory for a timer");
}

static void
client_free(struct client *c)
{
	if (c->waits == WAITS_WATCH)
		monitor_leave();
	TAILQ_REMOVE(&clients, c, entry);
	nclients--;
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	if (c->timer != NULL)
		event_free(c->timer);
	freezero(c->in, LINE_BYTES + 1);
	wb_free(&c->out);
	wb_free(&c->held);
	close(c->fd);
	free(c);
	if (draining && nclients == 0)
		exit(0);
}

/* Nobody waits for the answer to this: a line that is written or not. */
static void
client_refuse(int fd, const char *why)
{
	static const char	 fmt[] = "{\"ok\":false,\"status\":503,"
				    "\"error\":\"%s\"}\n";
	char			 line[256];
	int			 n;

	control_counts.refused++;
	log_warnx("local client refused: %s", why);
	n = snprintf(line, sizeof(line), fmt, why);
	if (n > 0 && (size_t)n < sizeof(line))
		(void)send(fd, line, (size_t)n, MSG_DONTWAIT);
	close(fd);
}

static unsigned int
client_count_uid(uid_t uid)
{
	struct client	*c;
	unsigned int	 n = 0;

	TAILQ_FOREACH(c, &clients, entry)
		n += c->uid == uid;
	return (n);
}

static void
client_new(int fd)
{
	struct client	*c;
	uid_t		 uid;
	gid_t		 gid;

	if (getpeereid(fd, &uid, &gid) == -1) {
		log_warn("getpeereid");
		client_refuse(fd, "it can't be told who asks");
		return;
	}
	if (nclients >= CLIENTS_MAX || (uid != 0 &&
	    client_count_uid(uid) >= CLIENTS_UID_MAX)) {
		client_refuse(fd, "too many local clients at once");
		return;
	}
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		client_refuse(fd, "out of memory");
		return;
	}
	c->fd = fd;
	c->uid = uid;
	TAILQ_INSERT_TAIL(&clients, c, entry);
	nclients++;
	control_counts.clients++;
	log_debug("uid %u connected", (unsigned int)uid);
	if ((c->in = malloc(LINE_BYTES + 1)) == NULL ||
	    (c->readable = event_new(base, fd, EV_READ | EV_PERSIST,
	    client_readable, c)) == NULL ||
	    (c->writable = event_new(base, fd, EV_WRITE | EV_PERSIST,
	    client_writable, c)) == NULL ||
	    (c->timer = evtimer_new(base, client_timeout, c)) == NULL ||
	    event_add(c->readable, NULL) == -1) {
		log_warnx("no memory for a local client");
		client_free(c);
		return;
	}
	client_timer(c, IDLE_MS);
}

static void
client_unpause(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (!draining)
		event_add(listener, NULL);
}

static void
client_incoming(int sock, short what, void *arg)
{
	struct timeval	 tv = { PAUSE_MS / 1000, 0 };
	int		 fd;

	(void)what;
	(void)arg;
	fd = accept4(sock, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1) {
		client_new(fd);
		return;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	    errno == ENOMEM) {
		log_warn("accept");
		event_del(listener);
		evtimer_add(pauser, &tv);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		log_warn("accept");
}

void
client_init(int fd)
{
	if ((listener = event_new(base, fd, EV_READ | EV_PERSIST,
	    client_incoming, NULL)) == NULL ||
	    (pauser = evtimer_new(base, client_unpause, NULL)) == NULL)
		fatalx("no memory for events");
}

void
client_accept(void)
{
	if (!draining && event_add(listener, NULL) == -1)
		fatalx("no memory for events");
}

/*
 * The last line: who wants to see more asks the next set.  At once, since this
 * one ends with its frontends; c is gone when there was room for it.
 */
static void
client_unwatch(struct client *c)
{
	monitor_leave();
	event_del(c->readable);
	c->waits = WAITS_NOT;
	answer_done(c, 200);
	client_writable(c->fd, EV_WRITE, c);
}

void
client_drain(void)
{
	struct client	*c, *next;

	if (draining)
		return;
	event_del(listener);
	event_del(pauser);
	TAILQ_FOREACH_SAFE(c, &clients, entry, next)
		if (c->waits == WAITS_NOT && c->out.len == 0 &&
		    c->more == NULL)
			client_free(c);
		else {
			c->ending = 1;
			if (c->waits == WAITS_WATCH)
				client_unwatch(c);
		}
	draining = 1;
	if (nclients == 0)
		exit(0);
}

unsigned int
client_count(void)
{
	return (nclients);
}

struct client *
client_find(enum waits waits, uint64_t number)
{
	struct client	*c;

	TAILQ_FOREACH(c, &clients, entry)
		if (c->waits == waits && c->number == number)
			return (c);
	control_counts.late++;
	return (NULL);
}

size_t
client_held(void)
{
	struct client	*c;
	size_t		 n = 0;

	TAILQ_FOREACH(c, &clients, entry)
		n += c->held.len;
	return (n);
}

void
client_edge_down(int (*fits)(const struct client *))
{
	struct client	*c;

	TAILQ_FOREACH(c, &clients, entry)
		if (c->waits != WAITS_NOT && fits(c))
			answer_error(c, 503, "a part of the service failed");
}

void
client_wait(struct client *c, enum waits waits, uint64_t number, uint64_t ms)
{
	c->waits = waits;
	c->number = number;
	client_timer(c, ms);
}

static void
client_timeout(int fd, short what, void *arg)
{
	struct client	*c = arg;

	(void)fd;
	(void)what;
	if (c->waits != WAITS_NOT) {
		control_counts.timeouts++;
		log_warnx("uid %u: %s: no answer in time",
		    (unsigned int)c->uid, c->what);
		answer_error(c, 503, "not answered in time");
		return;
	}
	log_debug("uid %u: idle, closed", (unsigned int)c->uid);
	client_free(c);
}

/* --- in ------------------------------------------------------------------ */

static void
client_readable(int fd, short what, void *arg)
{
	struct client	*c = arg;
	ssize_t		 n;

	(void)what;
	n = read(fd, c->in + c->inlen, LINE_BYTES - c->inlen);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || c->waits == WAITS_WATCH) {
		client_free(c);
		return;
	}
	c->inlen += (size_t)n;
	client_lines(c);
}

/* Forget what was read of a line, and its newline. */
static void
client_consume(struct client *c, size_t n)
{
	memmove(c->in, c->in + n, c->inlen - n);
	explicit_bzero(c->in + c->inlen - n, n);
	c->inlen -= n;
}

/*
 * The next request, if a whole line is there.  It is looked for only when
 * the one before it is answered, so while one is worked on nothing is read.
 */
static void
client_lines(struct client *c)
{
	uint8_t	*end;
	size_t	 len;

	if ((end = memchr(c->in, '\n', c->inlen)) != NULL) {
		len = (size_t)(end - c->in);
		event_del(c->readable);
		*end = '\0';
		request_line(c, (char *)c->in, len);
		client_consume(c, len + 1);
		return;
	}
	if (c->inlen == LINE_BYTES) {
		event_del(c->readable);
		explicit_bzero(c->in, c->inlen);
		c->inlen = 0;
		c->ending = 1;
		strlcpy(c->what, "request", sizeof(c->what));
		answer_error(c, 413, "the request is too long");
	}
}

/* --- out ----------------------------------------------------------------- */

/* Start to write; the loop does it, so that callers may go on using c. */
void
client_write(struct client *c)
{
	c->waits = WAITS_NOT;
	client_timer(c, IDLE_MS);
	if (event_add(c->writable, NULL) == -1)
		fatalx("no memory for events");
}

void
client_watch(struct client *c)
{
	c->waits = WAITS_WATCH;
	c->lost = 0;
	evtimer_del(c->timer);
	if (event_add(c->readable, NULL) == -1)
		fatalx("no memory for events");
}

void
client_more(struct client *c)
{
	if (event_add(c->writable, NULL) == -1)
		fatalx("no memory for events");
}

void
client_watchers(void (*fn)(struct client *, void *), void *arg)
{
	struct client	*c;

	TAILQ_FOREACH(c, &clients, entry)
		if (c->waits == WAITS_WATCH)
			fn(c, arg);
}

/* The answer is written. */
static void
client_next(struct client *c)
{
	wb_free(&c->out);
	wb_free(&c->held);
	c->outoff = 0;
	event_del(c->writable);
	if (c->waits == WAITS_WATCH) {
		monitor_lost(c);
		return;
	}
	if (c->ending || draining) {
		client_free(c);
		return;
	}
	client_timer(c, IDLE_MS);
	if (event_add(c->readable, NULL) == -1)
		fatalx("no memory for events");
	client_lines(c);
}

static void
client_fill(struct client *c)
{
	if (c->outoff == c->out.len) {
		wb_free(&c->out);
		c->outoff = 0;
	}
	while (c->more != NULL && c->out.len - c->outoff < OUT_LOW &&
	    !c->out.failed)
		if (!c->more(c))
			c->more = NULL;
}

static void
client_writable(int fd, short what, void *arg)
{
	struct client	*c = arg;
	ssize_t		 n;

	(void)what;
	client_fill(c);
	if (c->out.failed) {
		log_warnx("no memory for an answer");
		client_free(c);
		return;
	}
	if (c->outoff < c->out.len) {
		n = send(fd, c->out.data + c->outoff, c->out.len - c->outoff,
		    MSG_NOSIGNAL);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n == -1) {
			client_free(c);
			return;
		}
		c->outoff += (size_t)n;
		if (c->waits != WAITS_WATCH)
			client_timer(c, IDLE_MS);
	}
	if (c->outoff == c->out.len && c->more == NULL)
		client_next(c);
}

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
 * Where lines go besides the log: connected sockets of the parent's making.
 * Nothing waits for them.  A sink that does not take its lines has them kept
 * for a while; what is too much then is dropped and counted, whole lines only,
 * and the numbers of the lines show the gap to whoever reads there.
 */

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "log.h"

#define SINK_BYTES	(1024 * 1024)	/* that are kept for one */
#define SINK_TEXT	128
#define ALARM_MS	60000		/* between two alarms of one */

struct sink {
	char		 name[SINK_TEXT];
	char		 before[SINK_TEXT];	/* of each line, for syslog */
	int		 fd;
	int		 stream;
	struct event	*writable;
	struct wbuf	 queue;		/* lines with their newlines */
	size_t		 off;		/* of it that is sent */
	uint64_t	 dropped;
	uint64_t	 alarm;		/* now_ms() of it */
};

static struct sink	*sinks;
static uint32_t		 nsinks;

static void	sink_run(int, short, void *);

int
sink_config(struct rbuf *r)
{
	uint32_t	 i;

	nsinks = rb_u32(r);
	if (r->failed || nsinks > SINKS_MAX)
		return (-1);
	if ((sinks = calloc(nsinks + 1, sizeof(*sinks))) == NULL)
		return (-1);
	for (i = 0; i < nsinks; i++) {
		rb_str(r, sinks[i].name, sizeof(sinks[i].name));
		rb_str(r, sinks[i].before, sizeof(sinks[i].before));
		sinks[i].fd = -1;
	}
	return (r->failed ? -1 : 0);
}

static void
sink_want(struct sink *s)
{
	struct wbuf	 w = { 0 };

	wb_u32(&w, (uint32_t)(s - sinks));
	if (edge_send(edge_parent, IMSG_PARENT_SINK_WANT, &w) == -1)
		log_warn("%s: can't ask for a socket", s->name);
}

void
sink_begin(void)
{
	uint32_t	 i;

	for (i = 0; i < nsinks; i++)
		sink_want(&sinks[i]);
}

/* The end of the line that begins at off, behind its newline. */
static size_t
line_end(const struct wbuf *queue, size_t off)
{
	const uint8_t	*end;

	end = memchr(queue->data + off, '\n', queue->len - off);
	return (end == NULL ? queue->len : (size_t)(end - queue->data) + 1);
}

static void
sink_alarm(struct sink *s, const char *why)
{
	if (s->alarm != 0 && now_ms() - s->alarm < ALARM_MS)
		return;
	log_alert("%s does not take audit lines (%s): %llu are dropped so "
	    "far; the audit log has them", s->name, why,
	    (unsigned long long)s->dropped);
	s->alarm = now_ms();
}

/* It is gone: a line that went in part goes again, as a whole. */
static void
sink_close(struct sink *s, const char *why)
{
	size_t	 off = s->off;

	while (off > 0 && s->queue.data[off - 1] != '\n')
		off--;
	s->off = off;
	event_free(s->writable);
	s->writable = NULL;
	close(s->fd);
	s->fd = -1;
	sink_alarm(s, why);
	sink_want(s);
}

/*
 * As much as goes at once: of a stream all that there is, else one line, with
 * what stands before it and without its newline.
 */
static ssize_t
sink_send(struct sink *s)
{
	struct iovec	 iov[2];
	struct msghdr	 msg;
	size_t		 end = line_end(&s->queue, s->off);
	ssize_t		 n;

	memset(&msg, 0, sizeof(msg));
	iov[0].iov_base = s->before;
	iov[0].iov_len = s->stream ? 0 : strlen(s->before);
	iov[1].iov_base = s->queue.data + s->off;
	iov[1].iov_len = s->stream ? s->queue.len - s->off :
	    end - s->off - 1;
	msg.msg_iov = iov;
	msg.msg_iovlen = 2;
	n = sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1 && errno == EMSGSIZE && !s->stream)
		s->dropped++;		/* no later try would do better */
	else if (n == -1)
		return (-1);
	return (s->stream ? n : (ssize_t)(end - s->off));
}

static void
sink_run(int fd, short what, void *arg)
{
	struct sink	*s = arg;
	ssize_t		 n;

	(void)fd;
	(void)what;
	while (s->off < s->queue.len) {
		if ((n = sink_send(s)) == -1)
			break;
		s->off += (size_t)n;
	}
	if (s->off == s->queue.len) {
		wb_free(&s->queue);
		s->off = 0;
		return;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
		event_add(s->writable, NULL);
	else
		sink_close(s, strerror(errno));
}

int
sink_socket(struct edge *edge, struct rbuf *r)
{
	uint32_t	 i = rb_u32(r);
	int		 stream = rb_bool(r), fd = edge_take_fd(edge);
	struct sink	*s;

	if (rb_end(r) == -1 || fd == -1 || i >= nsinks)
		return (-1);
	s = &sinks[i];
	if (s->fd != -1) {
		close(fd);
		return (0);
	}
	s->fd = fd;
	s->stream = stream;
	if ((s->writable = event_new(base, fd, EV_WRITE, sink_run, s)) == NULL)
		fatalx("no memory for events");
	if (s->alarm != 0)
		log_info("%s is there again: %llu audit lines were dropped",
		    s->name, (unsigned long long)s->dropped);
	s->alarm = 0;
	sink_run(fd, EV_WRITE, s);
	return (0);
}

/* What was sent is let go when it is the greater part. */
static void
sink_compact(struct sink *s)
{
	struct wbuf	 rest = { 0 };
	size_t		 off = s->off;

	if (off < s->queue.len / 2 || off == 0)
		return;
	while (off > 0 && s->queue.data[off - 1] != '\n')
		off--;
	wb_raw(&rest, s->queue.data + off, s->queue.len - off);
	if (rest.failed) {
		wb_free(&rest);
		return;
	}
	wb_free(&s->queue);
	s->queue = rest;
	s->off -= off;
}

static void
sink_line(struct sink *s, const char *line, size_t len)
{
	if (s->queue.len - s->off + len > SINK_BYTES) {
		s->dropped++;
		sink_alarm(s, s->fd == -1 ? "nobody is there" :
		    "nobody reads");
		return;
	}
	sink_compact(s);
	wb_raw(&s->queue, line, len);
	if (s->queue.failed) {		/* all of it is lost */
		wb_free(&s->queue);
		s->off = 0;
		s->dropped++;
		sink_alarm(s, "out of memory");
	}
}

void
sink_lines(const char *text, size_t len)
{
	const char	*end;
	uint32_t	 i;

	for (; len > 0; len -= (size_t)(end - text), text = end) {
		if ((end = memchr(text, '\n', len)) == NULL)
			return;
		end++;
		for (i = 0; i < nsinks; i++)
			sink_line(&sinks[i], text, (size_t)(end - text));
	}
	for (i = 0; i < nsinks; i++)
		if (sinks[i].fd != -1 && !event_pending(sinks[i].writable,
		    EV_WRITE, NULL))
			sink_run(sinks[i].fd, EV_WRITE, &sinks[i]);
}

void
sink_counters(struct wbuf *w)
{
	uint64_t	 dropped = 0;
	uint32_t	 i;

	for (i = 0; i < nsinks; i++)
		dropped += sinks[i].dropped;
	wb_str(w, "sink_dropped");
	wb_u64(w, dropped);
}

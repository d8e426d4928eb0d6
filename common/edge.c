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
 * Edges: what is sent is queued and written once per turn of the loop, what
 * comes in is checked against the edge's table before a function sees it.
 */

#include <sys/queue.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "process.h"

const char	*imsg_name(uint32_t);

#define PIECE_MAX	(MAX_IMSGSIZE - IMSG_HEADER_SIZE)
/* Pieces of long messages wait until less than this is queued. */
#define PIECE_QUEUE	(4 * MAX_IMSGSIZE)

/* A long message on its way out. */
struct outgoing {
	TAILQ_ENTRY(outgoing)	 entry;
	uint32_t		 type;
	uint32_t		 id;
	uint8_t			*data;
	size_t			 len;
	size_t			 off;
};

/* A long message of which pieces have come. */
struct assembly {
	TAILQ_ENTRY(assembly)	 entry;
	const struct edge_rule	*rule;
	uint32_t		 id;
	struct wbuf		 body;
};

struct edge_io {
	struct edge		 edge;
	TAILQ_ENTRY(edge_io)	 entry;		/* all */
	TAILQ_ENTRY(edge_io)	 dirtyentry;
	const struct edge_table	*table;
	struct imsgbuf		 ibuf;
	struct event		*readable;
	struct event		*writable;
	TAILQ_HEAD(, outgoing)	 longs;
	size_t			 longbytes;
	uint32_t		 longid;
	TAILQ_HEAD(, assembly)	 assemblies;
	size_t			 assemblybytes;
	unsigned int		 nassemblies;
	struct edge_count	 count;
	int			 fd_taken;	/* came with this message */
	int			 dirty;
	int			 dead;
};

static TAILQ_HEAD(, edge_io)	 all = TAILQ_HEAD_INITIALIZER(all);
static TAILQ_HEAD(, edge_io)	 dirty = TAILQ_HEAD_INITIALIZER(dirty);
/* Closed ones; functions of their tables may still stand in them. */
static TAILQ_HEAD(, edge_io)	 graves = TAILQ_HEAD_INITIALIZER(graves);
static struct event		*flusher;

void	(*edge_violated)(struct edge *, uint32_t, const char *);
void	(*edge_worked)(void);

static void	edge_pump(struct edge_io *);
static void	edge_flusher(int, short, void *);

static void
assembly_free(struct edge_io *io, struct assembly *a)
{
	TAILQ_REMOVE(&io->assemblies, a, entry);
	io->assemblybytes -= a->body.len;
	io->nassemblies--;
	wb_free(&a->body);
	free(a);
}

static void
outgoing_free(struct edge_io *io, struct outgoing *out)
{
	TAILQ_REMOVE(&io->longs, out, entry);
	io->longbytes -= out->len;
	freezero(out->data, out->len);
	free(out);
}

static void
edge_release(struct edge_io *io)
{
	struct assembly	*a;
	struct outgoing	*out;

	while ((a = TAILQ_FIRST(&io->assemblies)) != NULL)
		assembly_free(io, a);
	while ((out = TAILQ_FIRST(&io->longs)) != NULL)
		outgoing_free(io, out);
	free(io);
}

/* Have edge_flusher() called once, when the loop is back. */
static void
edge_schedule(void)
{
	if (flusher == NULL && (flusher = event_new(base, -1, 0, edge_flusher,
	    NULL)) == NULL)
		fatalx("no memory for events");
	event_active(flusher, EV_WRITE, 0);
}

/* Out of every list and closed; the memory goes when the loop is back. */
static void
edge_close(struct edge_io *io)
{
	if (io->dead)
		return;
	io->dead = 1;
	TAILQ_REMOVE(&all, io, entry);
	if (io->dirty)
		TAILQ_REMOVE(&dirty, io, dirtyentry);
	if (io->readable != NULL)
		event_free(io->readable);
	if (io->writable != NULL)
		event_free(io->writable);
	if (io->edge.fd != -1)
		close(io->edge.fd);
	else {
		close(io->ibuf.fd);
		imsgbuf_clear(&io->ibuf);
	}
	TAILQ_INSERT_TAIL(&graves, io, entry);
	edge_schedule();
}

/* The peer is gone: tell the process, then forget the edge. */
static void
edge_down(struct edge_io *io)
{
	if (io->dead)
		return;
	if (io->table->down != NULL)
		io->table->down(&io->edge);
	edge_close(io);
}

static void
edge_violation(struct edge_io *io, uint32_t type, const char *why)
{
	log_warnx("violation by %s %u: %s: %s",
	    process_name(io->edge.peer), io->edge.instance, imsg_name(type),
	    why);
	if (edge_violated != NULL)
		edge_violated(&io->edge, type, why);
	edge_down(io);
}

/*
 * Our end does not work although the peer lives: nobody would mend that.  So
 * a child ends, and is replaced with all its edges; the parent has that child
 * replaced.
 */
static void
edge_broken(struct edge_io *io)
{
	if (self.kind != PROC_PARENT)
		fatal("edge to %s %u", process_name(io->edge.peer),
		    io->edge.instance);
	log_warn("edge to %s %u", process_name(io->edge.peer),
	    io->edge.instance);
	edge_down(io);
}

static int
peer_is_gone(int error)
{
	return (error == EPIPE || error == ECONNRESET);
}

static void
edge_write(struct edge_io *io)
{
	int	 blocked = 0;

	edge_pump(io);
	if (imsgbuf_write(&io->ibuf) == -1) {
		/* Of a peer that is gone the reader will see the end. */
		if (peer_is_gone(errno))
			return;
		if (errno != EAGAIN) {
			edge_broken(io);
			return;
		}
		blocked = 1;
	}
	if ((blocked || !TAILQ_EMPTY(&io->longs)) &&
	    event_add(io->writable, NULL) == -1)
		edge_broken(io);
}

static void
edge_flusher(int fd, short what, void *arg)
{
	struct edge_io	*io;

	(void)fd;
	(void)what;
	(void)arg;
	while ((io = TAILQ_FIRST(&dirty)) != NULL) {
		TAILQ_REMOVE(&dirty, io, dirtyentry);
		io->dirty = 0;
		edge_write(io);
	}
	while ((io = TAILQ_FIRST(&graves)) != NULL) {
		TAILQ_REMOVE(&graves, io, entry);
		edge_release(io);
	}
}

static void
edge_writable(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	edge_write(arg);
}

static void
edge_mark(struct edge_io *io)
{
	if (io->dirty)
		return;
	if (TAILQ_EMPTY(&dirty))
		edge_schedule();
	TAILQ_INSERT_TAIL(&dirty, io, dirtyentry);
	io->dirty = 1;
}

/* One piece of each long message in turn, so that none waits for another. */
static void
edge_pump(struct edge_io *io)
{
	struct outgoing	*out;
	uint8_t		*piece;
	size_t		 n;

	while ((out = TAILQ_FIRST(&io->longs)) != NULL &&
	    imsgbuf_queuelen(&io->ibuf) < PIECE_QUEUE) {
		n = out->len - out->off;
		if (n > PIECE_MAX)
			n = PIECE_MAX;
		if ((piece = malloc(n)) == NULL)
			return;
		memcpy(piece, out->data + out->off, n);
		out->off += n;
		if (imsg_compose_take(&io->ibuf, out->type,
		    out->off < out->len ? IMSGF_MORE : 0, out->id, -1, piece,
		    n) == -1) {
			out->off -= n;
			return;
		}
		TAILQ_REMOVE(&io->longs, out, entry);
		TAILQ_INSERT_TAIL(&io->longs, out, entry);
		if (out->off == out->len)
			outgoing_free(io, out);
	}
}

static int
edge_send_long(struct edge_io *io, uint32_t type, struct wbuf *body)
{
	struct outgoing	*out;

	if ((out = calloc(1, sizeof(*out))) == NULL) {
		wb_free(body);
		return (-1);
	}
	if (++io->longid == 0)
		io->longid = 1;
	out->type = type;
	out->id = io->longid;
	out->data = body->data;
	out->len = body->len;
	memset(body, 0, sizeof(*body));
	TAILQ_INSERT_TAIL(&io->longs, out, entry);
	io->longbytes += out->len;
	return (0);
}

int
edge_send_fd(struct edge *edge, uint32_t type, struct wbuf *body, int fd)
{
	struct edge_io	*io;
	int		 error = 0, ret;

	if (edge == NULL || edge->io->dead)
		error = EPIPE;
	else if (body->failed)
		error = ENOMEM;
	else if (body->len > EDGE_MESSAGE_MAX || edge->io->longbytes +
	    imsgbuf_queuelen(&edge->io->ibuf) + body->len > EDGE_QUEUE_MAX)
		error = EAGAIN;
	if (error != 0) {
		if (fd != -1)
			close(fd);
		wb_free(body);
		errno = error;
		return (-1);
	}
	io = edge->io;
	io->count.out++;
	io->count.bytes_out += body->len;
	log_trace("to %s %u: %s, %zu bytes", process_name(edge->peer),
	    edge->instance, imsg_name(type), body->len);
	edge_mark(io);
	if (body->len > PIECE_MAX)
		return (edge_send_long(io, type, body));
	ret = imsg_compose_take(&io->ibuf, type, 0, 0, fd, body->data,
	    body->len);
	memset(body, 0, sizeof(*body));
	return (ret == -1 ? -1 : 0);
}

int
edge_send(struct edge *edge, uint32_t type, struct wbuf *body)
{
	return (edge_send_fd(edge, type, body, -1));
}

static const struct edge_rule *
edge_rule(const struct edge_table *table, uint32_t type)
{
	size_t	 i;

	for (i = 0; i < table->nrules; i++)
		if (table->rules[i].type == type)
			return (&table->rules[i]);
	return (NULL);
}

static const char *
edge_deliver(struct edge_io *io, const struct edge_rule *rule,
    const void *data, size_t len)
{
	struct rbuf	 r;

	if (len < rule->least || len > rule->most)
		return ("length");
	io->count.in++;
	io->count.bytes_in += len;
	log_trace("from %s %u: %s, %zu bytes", process_name(io->edge.peer),
	    io->edge.instance, imsg_name(rule->type), len);
	rb_init(&r, data, len);
	if (rule->fn(&io->edge, &r) == -1)
		return ("body");
	if (edge_worked != NULL && io->edge.peer != PROC_PARENT) {
		edge_worked();
		edge_worked = NULL;
	}
	return (NULL);
}

static struct assembly *
assembly_find(struct edge_io *io, uint32_t id)
{
	struct assembly	*a;

	TAILQ_FOREACH(a, &io->assemblies, entry)
		if (a->id == id)
			return (a);
	return (NULL);
}

/* A piece: kept until the last one has come. */
static const char *
edge_assemble(struct edge_io *io, const struct edge_rule *rule,
    const struct imsg *imsg, size_t len)
{
	const char	*why;
	struct assembly	*a;

	if ((a = assembly_find(io, imsg->hdr.peerid)) == NULL) {
		if (io->nassemblies == EDGE_ASSEMBLIES ||
		    (a = calloc(1, sizeof(*a))) == NULL)
			return ("too many long messages");
		a->id = imsg->hdr.peerid;
		a->rule = rule;
		io->nassemblies++;
		TAILQ_INSERT_TAIL(&io->assemblies, a, entry);
	}
	if (a->rule != rule || len == 0 || len > rule->most - a->body.len ||
	    io->assemblybytes + len > EDGE_ASSEMBLY_MAX)
		return ("piece of a long message");
	wb_raw(&a->body, imsg->data, len);
	if (a->body.failed)
		return ("no memory for a long message");
	io->assemblybytes += len;
	if ((imsg->hdr.flags & IMSGF_MORE) != 0)
		return (NULL);
	why = edge_deliver(io, rule, a->body.data, a->body.len);
	assembly_free(io, a);
	return (why);
}

static const char *
edge_message(struct edge_io *io, struct imsg *imsg)
{
	const struct edge_rule	*rule;
	size_t			 len = imsg->hdr.len - IMSG_HEADER_SIZE;

	if ((rule = edge_rule(io->table, imsg->hdr.type)) == NULL)
		return ("not in the table of this edge");
	if (imsg->hdr.peerid != 0)
		return (edge_assemble(io, rule, imsg, len));
	if ((imsg->hdr.flags & IMSGF_MORE) != 0)
		return ("piece without a number");
	io->fd_taken = imsg->fd;
	imsg->fd = -1;
	return (edge_deliver(io, rule, imsg->data, len));
}

/* Every whole message in the buffer. */
static void
edge_dispatch(struct edge_io *io)
{
	struct imsg	 imsg;
	const char	*why;
	ssize_t		 n;

	while (!io->dead && (n = imsg_get(&io->ibuf, &imsg)) != 0) {
		if (n == -1) {
			edge_violation(io, 0, "framing");
			break;
		}
		why = edge_message(io, &imsg);
		if (io->fd_taken != -1) {
			close(io->fd_taken);
			io->fd_taken = -1;
		}
		if (io->dead)
			break;
		imsg_free(&imsg);
		if (why != NULL)
			edge_violation(io, imsg.hdr.type, why);
	}
}

static void
edge_readable(int fd, short what, void *arg)
{
	struct edge_io	*io = arg;
	int		 n;

	(void)fd;
	(void)what;
	if ((n = imsgbuf_read(&io->ibuf)) == -1 && errno == EAGAIN)
		return;
	if (n == -1 && !peer_is_gone(errno))
		edge_broken(io);
	else if (n <= 0)
		edge_down(io);
	else
		edge_dispatch(io);
}

struct edge *
edge_new(int fd, enum process_kind peer, uint32_t instance, uint32_t front,
    const struct edge_table *table)
{
	struct edge_io	*io;

	if ((io = calloc(1, sizeof(*io))) == NULL)
		return (NULL);
	io->edge.io = io;
	io->edge.peer = peer;
	io->edge.instance = instance;
	io->edge.front = front;
	io->edge.fd = -1;
	io->table = table;
	io->fd_taken = -1;
	TAILQ_INIT(&io->longs);
	TAILQ_INIT(&io->assemblies);
	if (table->raw)
		io->edge.fd = fd;
	else if (imsgbuf_init(&io->ibuf, fd) == -1 ||
	    (io->readable = event_new(base, fd, EV_READ | EV_PERSIST,
	    edge_readable, io)) == NULL ||
	    (io->writable = event_new(base, fd, EV_WRITE, edge_writable,
	    io)) == NULL || event_add(io->readable, NULL) == -1)
		fatalx("no memory for an edge");
	TAILQ_INSERT_TAIL(&all, io, entry);
	if (table->up != NULL)
		table->up(&io->edge);
	return (&io->edge);
}

void
edge_free(struct edge *edge)
{
	edge_close(edge->io);
}

void
edge_allow_fd(struct edge *edge)
{
	imsgbuf_allow_fdpass(&edge->io->ibuf);
}

int
edge_take_fd(struct edge *edge)
{
	int	 fd = edge->io->fd_taken;

	edge->io->fd_taken = -1;
	return (fd);
}

int
edge_flush(struct edge *edge)
{
	do {
		edge_pump(edge->io);
		if (imsgbuf_flush(&edge->io->ibuf) == -1)
			return (-1);
	} while (!TAILQ_EMPTY(&edge->io->longs));
	return (0);
}

void
edge_counts(const struct edge *edge, struct edge_count *count)
{
	*count = edge->io->count;
}

struct edge *
edge_find(enum process_kind peer, uint32_t instance)
{
	struct edge_io	*io;

	TAILQ_FOREACH(io, &all, entry)
		if (io->edge.peer == peer && io->edge.instance == instance)
			return (&io->edge);
	return (NULL);
}

struct edge *
edge_front(uint32_t front)
{
	struct edge_io	*io;

	TAILQ_FOREACH(io, &all, entry)
		if (io->edge.front == front && front != 0)
			return (&io->edge);
	return (NULL);
}

struct edge *
edge_next(enum process_kind peer, struct edge *prev)
{
	struct edge_io	*io;

	io = prev == NULL ? TAILQ_FIRST(&all) : TAILQ_NEXT(prev->io, entry);
	for (; io != NULL; io = TAILQ_NEXT(io, entry))
		if (io->edge.peer == peer)
			return (&io->edge);
	return (NULL);
}

unsigned int
edge_count(enum process_kind peer)
{
	struct edge	*edge = NULL;
	unsigned int	 n = 0;

	while ((edge = edge_next(peer, edge)) != NULL)
		n++;
	return (n);
}

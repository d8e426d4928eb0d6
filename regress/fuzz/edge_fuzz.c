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
 * The end of an edge whose peer is hostile.  An odd first byte: the rest is
 * what comes over the socket.  An even one: the rest is messages of a byte of
 * type, flags and id each, two of length, and the body, which get the header
 * of an imsg.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "process.h"

#define STREAM_MAX	(128 * 1024)
#define HEAD		5

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int	small(struct edge *, struct rbuf *);
static int	large(struct edge *, struct rbuf *);
static int	list(struct edge *, struct rbuf *);
static void	down(struct edge *);

static const struct edge_rule rules[] = {
	{ 64, 0, 4, small },
	{ 65, 1, 40000, large },
	{ 66, 4, 300, list },
};
static const struct edge_table table = {
	.peer = PROC_BROKER, .rules = rules, .nrules = 3, .down = down,
};
static struct edge	*edge;
static size_t		 sent, came;

static void
bounds(const struct rbuf *r, const struct edge_rule *rule)
{
	if (r->left < rule->least || r->left > rule->most)
		abort();
	came += r->left;
	if (came > sent)
		abort();
}

static int
small(struct edge *e, struct rbuf *r)
{
	bounds(r, &rules[0]);
	(void)e;
	while (r->left > 0)
		(void)rb_u8(r);
	return (rb_end(r));
}

static int
large(struct edge *e, struct rbuf *r)
{
	struct wbuf	 w = { 0 };

	bounds(r, &rules[1]);
	wb_u8(&w, rb_u8(r));
	return (edge_send(e, 1, &w));
}

static int
list(struct edge *e, struct rbuf *r)
{
	const uint8_t	*p;
	size_t		 len;

	bounds(r, &rules[2]);
	(void)e;
	if ((p = rb_bytes(r, &len, 0, 64)) != NULL && len > 64)
		abort();
	return (rb_end(r));
}

/* Told once, and never after the edge was let go. */
static void
down(struct edge *e)
{
	if (edge == NULL || e != edge)
		abort();
	edge = NULL;
}

static void
unheard(int level, const char *name, const char *text)
{
	(void)level;
	(void)name;
	(void)text;
}

static void
start(void)
{
	if (base != NULL)
		return;
	if ((base = event_base_new()) == NULL)
		abort();
	log_setsink(unheard);
}

/* Put one message into the stream; what it takes of data. */
static size_t
message(uint8_t *stream, size_t *at, const uint8_t *data, size_t size)
{
	struct imsg_hdr	 hdr = { .type = 62 + data[0] % 6u,
			    .flags = data[1] & 3, .peerid = data[2] % 5u };
	size_t		 len = data[3] << 8 | data[4];

	if (len > size - HEAD)
		len = size - HEAD;
	if (len > MAX_IMSGSIZE - IMSG_HEADER_SIZE)
		len = MAX_IMSGSIZE - IMSG_HEADER_SIZE;
	hdr.len = (uint16_t)(IMSG_HEADER_SIZE + len);
	memcpy(stream + *at, &hdr, sizeof(hdr));
	memcpy(stream + *at + sizeof(hdr), data + HEAD, len);
	*at += sizeof(hdr) + len;
	return (HEAD + len);
}

static size_t
stream_make(uint8_t *stream, const uint8_t *data, size_t size)
{
	size_t	 at = 0, n;

	if ((data[0] & 1) != 0) {
		n = size - 1 < STREAM_MAX ? size - 1 : STREAM_MAX;
		memcpy(stream, data + 1, n);
		return (n);
	}
	for (data++, size--; size >= HEAD && at <= STREAM_MAX - MAX_IMSGSIZE;
	    data += n, size -= n)
		n = message(stream, &at, data, size);
	return (at);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t	 stream[STREAM_MAX];
	int		 sv[2];
	ssize_t		 n;
	size_t		 len, at;

	start();
	if (size == 0)
		return (0);
	len = stream_make(stream, data, size);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == -1)
		abort();
	sent = came = 0;
	if ((edge = edge_new(sv[0], PROC_BROKER, 0, 0, &table)) == NULL)
		abort();
	for (at = 0; at < len && edge != NULL; at += (size_t)n) {
		if ((n = send(sv[1], stream + at, len - at,
		    MSG_NOSIGNAL)) == -1)
			abort();
		sent += (size_t)n;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	close(sv[1]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	/* The end of the stream is the end of the edge. */
	if (edge != NULL)
		abort();
	event_base_loop(base, EVLOOP_NONBLOCK);
	return (0);
}

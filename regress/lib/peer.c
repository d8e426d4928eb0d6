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

#include <sys/socket.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsd.h"
#include "peer.h"

struct peer {
	struct imsgbuf	 ibuf;
	struct wbuf	 body;		/* of the message last received */
	uint32_t	 longid;
	struct imsg	 ahead;		/* read by peer_ready() */
	int		 has_ahead;
};

struct child {
	pid_t		 pid;
	struct peer	*parent;
	int		 logfd;
	char		*log;
	size_t		 loglen;
};

const char *
build_path(const char *name)
{
	static char	 path[PATH_MAX];
	char		 exe[PATH_MAX];
	ssize_t		 n;
	int		 i;

	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	ATF_REQUIRE(n > 0);
	exe[n] = '\0';
	for (i = 0; i < 3; i++)		/* regress/AREA/NAME_test */
		*strrchr(exe, '/') = '\0';
	snprintf(path, sizeof(path), "%.2000s/%.1000s", exe, name);
	return (path);
}

static struct peer *
peer_new(int fd)
{
	struct peer	*peer;

	ATF_REQUIRE((peer = calloc(1, sizeof(*peer))) != NULL);
	ATF_REQUIRE(imsgbuf_init(&peer->ibuf, fd) == 0);
	return (peer);
}

static void
child_exec(const char *program, int parent, int log)
{
	char	 path[PATH_MAX], name[64];

	snprintf(name, sizeof(name), "bin/%s", program);
	strlcpy(path, build_path(name), sizeof(path));
	/* Above what is going to be overwritten. */
	if ((parent = fcntl(parent, F_DUPFD, 10)) == -1 ||
	    (log = fcntl(log, F_DUPFD, 10)) == -1 ||
	    dup2(log, 2) == -1 || dup2(parent, 3) == -1)
		_exit(126);
	execl(path, program, (char *)NULL);
	_exit(127);
}

int	 child_outside, child_module;

/* A fetcher goes outside, or reads what lies in its directory. */
static uint8_t
child_flags(enum process_kind kind, const char *directory)
{
	if (kind == PROC_FETCHER)
		return (directory != NULL ? START_READ : START_OUTSIDE);
	return ((uint8_t)((directory != NULL ? START_FILES : 0) |
	    (child_outside ? START_OUTSIDE : 0) |
	    (child_module ? START_MODULE : 0)));
}

struct child *
child_start(const char *program, enum process_kind kind, uint32_t instance,
    uint32_t front, const char *directory)
{
	struct child	*child;
	struct wbuf	 w = { 0 };
	int		 edge[2], log[2];

	ATF_REQUIRE((child = calloc(1, sizeof(*child))) != NULL);
	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0, edge) == 0);
	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    log) == 0);
	fflush(NULL);
	ATF_REQUIRE((child->pid = fork()) != -1);
	if (child->pid == 0)
		child_exec(program, edge[1], log[1]);
	close(edge[1]);
	close(log[1]);
	child->logfd = log[0];
	child->parent = peer_new(edge[0]);
	wb_u32(&w, kind);
	wb_u32(&w, instance);
	wb_u32(&w, front);
	wb_u32(&w, 1);
	wb_u32(&w, (uint32_t)getuid());
	wb_u32(&w, (uint32_t)getgid());
	wb_u8(&w, child_flags(kind, directory));
	wb_u8(&w, 1);
	wb_str(&w, directory != NULL ? directory : "/");
	wb_str(&w, "kbsd: test");
	peer_send(child->parent, IMSG_PROCESS_START, &w);
	return (child);
}

static void
child_readlog(struct child *child)
{
	char	 line[LINE_MAX];
	ssize_t	 n;

	while ((n = recv(child->logfd, line, sizeof(line) - 1,
	    MSG_DONTWAIT)) > 0) {
		line[n] = '\0';
		fprintf(stderr, "%s\n", line);
		child->log = realloc(child->log, child->loglen + (size_t)n + 2);
		ATF_REQUIRE(child->log != NULL);
		memcpy(child->log + child->loglen, line, (size_t)n);
		child->loglen += (size_t)n;
		child->log[child->loglen++] = '\n';
		child->log[child->loglen] = '\0';
	}
}

int
child_logged(struct child *child, const char *text, int ms)
{
	for (;; ms -= 10) {
		child_readlog(child);
		if (child->log != NULL && strstr(child->log, text) != NULL)
			return (1);
		if (ms <= 0)
			return (0);
		usleep(10000);
	}
}

void
child_config(struct child *child, struct wbuf *w)
{
	peer_send(child->parent, IMSG_PROCESS_CONFIG, w);
}

void
peer_sendfd(struct peer *peer, uint32_t type, struct wbuf *w, int fd)
{
	ATF_REQUIRE(imsg_compose(&peer->ibuf, type, 0, 0, fd, w->data,
	    w->len) == 1);
	ATF_REQUIRE(imsgbuf_flush(&peer->ibuf) == 0);
	wb_free(w);
}

void
child_descriptor(struct child *child, uint32_t role, int fd)
{
	struct wbuf	 w = { 0 };

	wb_u32(&w, role);
	peer_sendfd(child->parent, IMSG_PROCESS_DESCRIPTOR, &w, fd);
}

void
child_go(struct child *child)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;

	peer_send(child->parent, IMSG_PROCESS_GO, &w);
	peer_recv(child->parent, IMSG_PARENT_READY, &r, AGES);
	child_readlog(child);
}

static void
edge_pair(int sv[2])
{
	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0, sv) == 0);
}

static void
child_count(struct child *child)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;

	peer_send(child->parent, IMSG_PROCESS_COUNT, &w);
	peer_recv(child->parent, IMSG_PARENT_COUNTERS, &r, AGES);
}

/*
 * What was sent before the first question is worked on no later than in the
 * turn of the loop in which that is answered; the second is seen in another.
 */
void
child_settled(struct child *child)
{
	child_count(child);
	child_count(child);
}

/* The descriptor is the child's. */
static void
edge_give(struct child *child, int fd, enum process_kind kind,
    uint32_t instance, uint32_t front)
{
	struct wbuf	 w = { 0 };

	wb_u32(&w, kind);
	wb_u32(&w, instance);
	wb_u32(&w, front);
	peer_sendfd(child->parent, IMSG_PROCESS_EDGE, &w, fd);
	/* It is there when what was sent after it is answered. */
	child_count(child);
}

uint64_t
child_counter(struct child *child, const char *want)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	char		 name[64];
	uint64_t	 v, found = UINT64_MAX;

	peer_send(child->parent, IMSG_PROCESS_COUNT, &w);
	/* They come in more than one message. */
	do {
		peer_recv(child->parent, IMSG_PARENT_COUNTERS, &r, AGES);
		while (r.left > 0) {
			rb_str(&r, name, sizeof(name));
			v = rb_u64(&r);
			if (strcmp(name, want) == 0)
				found = v;
		}
		ATF_REQUIRE_EQ(0, rb_end(&r));
	} while (found == UINT64_MAX);
	return (found);
}

struct peer *
child_edge(struct child *child, enum process_kind kind, uint32_t instance,
    uint32_t front)
{
	int	 sv[2];

	edge_pair(sv);
	edge_give(child, sv[1], kind, instance, front);
	return (peer_new(sv[0]));
}

void
child_connect(struct child *a, enum process_kind kind_a, uint32_t instance_a,
    uint32_t front_a, struct child *b, enum process_kind kind_b,
    uint32_t instance_b, uint32_t front_b)
{
	int	 sv[2];

	edge_pair(sv);
	edge_give(a, sv[0], kind_b, instance_b, front_b);
	edge_give(b, sv[1], kind_a, instance_a, front_a);
}

struct peer *
child_parent(struct child *child)
{
	return (child->parent);
}

pid_t
child_pid(const struct child *child)
{
	return (child->pid);
}

void
hold_still(pid_t pid)
{
	int	 status;

	ATF_REQUIRE_EQ(0, kill(pid, SIGSTOP));
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ATF_REQUIRE(WIFSTOPPED(status));
}

int
child_end(struct child *child)
{
	int	 status;

	peer_close(child->parent);
	ATF_REQUIRE(waitpid(child->pid, &status, 0) == child->pid);
	child_readlog(child);
	close(child->logfd);
	free(child->log);
	free(child);
	return (status);
}

void
peer_send(struct peer *peer, uint32_t type, struct wbuf *w)
{
	const size_t	 most = MAX_IMSGSIZE - IMSG_HEADER_SIZE;
	size_t		 n, off = 0;
	uint8_t		*piece;
	uint32_t	 id = 0;

	ATF_REQUIRE(!w->failed);
	if (w->len > most)
		id = ++peer->longid;
	do {
		n = w->len - off > most ? most : w->len - off;
		ATF_REQUIRE((piece = malloc(n + 1)) != NULL);
		if (n > 0)
			memcpy(piece, w->data + off, n);
		off += n;
		ATF_REQUIRE(imsg_compose_take(&peer->ibuf, type,
		    off < w->len ? IMSGF_MORE : 0, id, -1, piece, n) == 1);
		ATF_REQUIRE(imsgbuf_flush(&peer->ibuf) == 0);
	} while (off < w->len);
	wb_free(w);
}

/* 1: readable; 0: not within ms. */
static int
peer_wait(struct peer *peer, int ms)
{
	struct pollfd	 pfd = { .fd = peer->ibuf.fd, .events = POLLIN };
	int		 n;

	while ((n = poll(&pfd, 1, ms)) == -1 && errno == EINTR)
		continue;
	ATF_REQUIRE(n != -1);
	return (n);
}

/* 1: imsg is filled; 0: nothing within ms; -1: closed. */
static int
peer_next(struct peer *peer, struct imsg *imsg, int ms)
{
	ssize_t	 n;
	int	 got;

	if (peer->has_ahead) {
		*imsg = peer->ahead;
		peer->has_ahead = 0;
		return (1);
	}
	while ((n = imsg_get(&peer->ibuf, imsg)) == 0) {
		if (!peer_wait(peer, ms))
			return (0);
		got = imsgbuf_read(&peer->ibuf);
		if (got == 0 || (got == -1 && errno != EAGAIN))
			return (-1);
	}
	ATF_REQUIRE(n > 0);
	return (1);
}

void
peer_recv(struct peer *peer, uint32_t type, struct rbuf *r, int ms)
{
	struct imsg	 imsg;
	int		 n, more;

	wb_free(&peer->body);
	do {
		n = peer_next(peer, &imsg, ms);
		ATF_REQUIRE_MSG(n == 1, "waiting for %s: %s", imsg_name(type),
		    n == 0 ? "nothing came" : "edge closed");
		/* These come whenever the child has done something. */
		more = (imsg.hdr.type == IMSG_PARENT_WORKED ||
		    imsg.hdr.type == IMSG_PARENT_AUDITED) &&
		    type != imsg.hdr.type;
		if (more) {
			imsg_free(&imsg);
			continue;
		}
		ATF_REQUIRE_MSG(imsg.hdr.type == type, "wanted %s, got %s",
		    imsg_name(type), imsg_name(imsg.hdr.type));
		wb_raw(&peer->body, imsg.data, imsg.hdr.len -
		    IMSG_HEADER_SIZE);
		more = (imsg.hdr.flags & IMSGF_MORE) != 0;
		imsg_free(&imsg);
	} while (more);
	rb_init(r, peer->body.data, peer->body.len);
}

int
peer_silent(struct peer *peer, int ms)
{
	struct imsg	 imsg;
	int		 n;

	if ((n = peer_next(peer, &imsg, ms)) == 1)
		fprintf(stderr, "unexpected %s\n", imsg_name(imsg.hdr.type));
	return (n != 1);
}

int
peer_ready(struct peer *peer, int ms)
{
	if (!peer->has_ahead)
		peer->has_ahead = peer_next(peer, &peer->ahead, ms) == 1;
	return (peer->has_ahead);
}

int
peer_closed(struct peer *peer, int ms)
{
	struct imsg	 imsg;
	int		 n;

	while ((n = peer_next(peer, &imsg, ms)) == 1)
		imsg_free(&imsg);
	return (n == -1);
}

void
peer_close(struct peer *peer)
{
	close(peer->ibuf.fd);
	imsgbuf_clear(&peer->ibuf);
	wb_free(&peer->body);
	free(peer);
}

int
peer_fd(const struct peer *peer)
{
	return (peer->ibuf.fd);
}

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
 * A child from exec to its event loop.  Up to GO the parent's edge is read
 * blocking: nothing else exists yet.
 */

#include <sys/resource.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "process.h"
#include "sandbox.h"
#include "timer.h"

#define PARENT_FD	3

struct edge			*edge_parent;

static const struct process	*process;	/* the kind that START named */
static const struct process	*kinds;
static size_t			 nkinds;
static uint8_t			 start_flags;
static int			 started, running;

static int	process_start(struct edge *, struct rbuf *);
static int	process_config(struct edge *, struct rbuf *);
static int	process_descriptor(struct edge *, struct rbuf *);
static int	process_go(struct edge *, struct rbuf *);
static int	process_edge(struct edge *, struct rbuf *);
static int	process_accept(struct edge *, struct rbuf *);
static int	process_drain(struct edge *, struct rbuf *);
static int	process_verbose(struct edge *, struct rbuf *);
static int	process_count(struct edge *, struct rbuf *);
static int	process_show(struct edge *, struct rbuf *);
static void	process_orphan(struct edge *);

static const struct edge_rule runtime_rules[] = {
	{ IMSG_PROCESS_START,	   0, 8192,	process_start },
	{ IMSG_PROCESS_CONFIG,	   0, 1 << 20,	process_config },
	{ IMSG_PROCESS_DESCRIPTOR, 4, 4,	process_descriptor },
	{ IMSG_PROCESS_GO,	   0, 0,	process_go },
	{ IMSG_PROCESS_EDGE,	   12, 12,	process_edge },
	{ IMSG_PROCESS_ACCEPT,	   0, 0,	process_accept },
	{ IMSG_PROCESS_DRAIN,	   0, 0,	process_drain },
	{ IMSG_PROCESS_VERBOSE,	   1, 1,	process_verbose },
	{ IMSG_PROCESS_COUNT,	   0, 0,	process_count },
	{ IMSG_PROCESS_SHOW,	   10, 10,	process_show },
};

#define NRUNTIME	(sizeof(runtime_rules) / sizeof(runtime_rules[0]))

static struct edge_rule		 parent_rules[NRUNTIME + 8];
static struct edge_table	 parent_table = {
	.peer = PROC_PARENT,
	.rules = parent_rules,
	.nrules = NRUNTIME,
	.down = process_orphan,
};

/* Without its parent a child has nothing to do. */
static void
process_orphan(struct edge *edge)
{
	(void)edge;
	exit(running ? 0 : 1);
}

static void
process_limits(void)
{
	struct rlimit	 none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) == -1)
		fatal("setrlimit core");
	/* Does not bind root; seccomp and pledge forbid fork to all. */
	if (setrlimit(RLIMIT_NPROC, &none) == -1)
		fatal("setrlimit nproc");
	errno = 0;
	if (process->nice != 0 && nice(process->nice) == -1 && errno != 0)
		fatal("nice");
}

static void
process_confine(const char *directory, uid_t uid, gid_t gid)
{
	if ((start_flags & START_CHROOT) != 0) {
		if (chroot(directory) == -1)
			fatal("chroot %s", directory);
		directory = "/";
	}
	if (chdir(directory) == -1)
		fatal("chdir %s", directory);
	if ((start_flags & START_DROP) == 0)
		return;
	if (setgroups(1, &gid) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		fatal("can't become uid %u", (unsigned int)uid);
}

static const struct process *
process_find(uint32_t kind)
{
	size_t	 i;

	for (i = 0; i < nkinds; i++)
		if ((uint32_t)kinds[i].kind == kind)
			return (&kinds[i]);
	fatalx("this program is no %s", process_name(kind));
}

static int
process_start(struct edge *edge, struct rbuf *r)
{
	char		 directory[4096], title[128];
	uint32_t	 kind, uid, gid;
	uint8_t		 verbose;
	size_t		 i;

	(void)edge;
	kind = rb_u32(r);
	self.instance = rb_u32(r);
	self.front = rb_u32(r);
	self.set = rb_u32(r);
	uid = rb_u32(r);
	gid = rb_u32(r);
	start_flags = rb_u8(r);
	verbose = rb_u8(r);
	rb_str(r, directory, sizeof(directory));
	rb_str(r, title, sizeof(title));
	if (started || rb_end(r) == -1)
		return (-1);
	started = 1;
	process = process_find(kind);
	self.kind = kind;
	self.outside = (start_flags & START_OUTSIDE) != 0;
	self.module = (start_flags & START_MODULE) != 0;
	log_init(LOG_TO_PARENT, process_name(kind));
	log_setverbose(verbose);
	setproctitle("-kbsd: %s", title);
	if (process->nparent_rules > sizeof(parent_rules) /
	    sizeof(parent_rules[0]) - NRUNTIME)
		fatalx("too many rules for the parent's edge");
	for (i = 0; i < process->nparent_rules; i++)
		parent_rules[parent_table.nrules++] = process->parent_rules[i];
	tzset();
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	if (process->libraries != NULL)
		process->libraries();
	process_confine(directory, uid, gid);
	process_limits();
	sandbox_early();
	return (0);
}

static int
process_config(struct edge *edge, struct rbuf *r)
{
	(void)edge;
	if (!started || running || process->config == NULL)
		return (-1);
	if (process->config(r) == -1)
		fatalx("configuration not understood");
	return (0);
}

static int
process_descriptor(struct edge *edge, struct rbuf *r)
{
	uint32_t	 role = rb_u32(r);
	int		 fd = edge_take_fd(edge);

	if (rb_end(r) == -1 || fd == -1)
		return (-1);
	if (!started || process->descriptor == NULL ||
	    process->descriptor(role, fd) == -1)
		fatalx("descriptor of role %u not taken", role);
	return (0);
}

static int
process_go(struct edge *edge, struct rbuf *r)
{
	struct wbuf	 w = { 0 };
	char		 force[256];

	(void)r;
	if (!started || running)
		return (-1);
	if (process->secrets != NULL)
		process->secrets();
	sandbox_enter(self.kind, start_flags, force, sizeof(force));
	running = 1;
	if (process->run != NULL)
		process->run();
	wb_str(&w, force);
	return (edge_send(edge, IMSG_PARENT_READY, &w));
}

static const struct edge_table *
process_table(uint32_t peer)
{
	size_t	 i;

	for (i = 0; i < process->nedges; i++)
		if ((uint32_t)process->edges[i].peer == peer)
			return (&process->edges[i]);
	return (NULL);
}

/* A new end to a peer; it takes the place of an old one. */
static int
process_edge(struct edge *edge, struct rbuf *r)
{
	const struct edge_table	*table;
	struct edge		*old;
	uint32_t		 peer, instance, front;
	int			 fd = edge_take_fd(edge);

	peer = rb_u32(r);
	instance = rb_u32(r);
	front = rb_u32(r);
	if (rb_end(r) == -1 || fd == -1 || !running)
		return (-1);
	if ((table = process_table(peer)) == NULL)
		fatalx("no edge to %s here", process_name(peer));
	if ((old = edge_find(peer, instance)) != NULL) {
		if (table->down != NULL)
			table->down(old);
		edge_free(old);
	}
	if (edge_new(fd, peer, instance, front, table) == NULL)
		fatal("edge to %s", process_name(peer));
	return (0);
}

static int
process_accept(struct edge *edge, struct rbuf *r)
{
	(void)edge;
	(void)r;
	if (running && process->accept != NULL)
		process->accept();
	return (0);
}

static int
process_drain(struct edge *edge, struct rbuf *r)
{
	(void)edge;
	(void)r;
	if (running && process->drain != NULL)
		process->drain();
	return (0);
}

static int
process_verbose(struct edge *edge, struct rbuf *r)
{
	(void)edge;
	log_setverbose(rb_u8(r));
	return (0);
}

static int
process_count(struct edge *edge, struct rbuf *r)
{
	struct wbuf	 w = { 0 };

	(void)r;
	if (running && process->counters != NULL)
		process->counters(&w);
	return (edge_send(edge, IMSG_PARENT_COUNTERS, &w));
}

static int
process_show(struct edge *edge, struct rbuf *r)
{
	struct wbuf	 w = { 0 }, cells = { 0 };
	uint64_t	 tag = rb_u64(r);
	uint32_t	 rows = 0;
	uint8_t		 what = rb_u8(r), page = rb_u8(r);

	if (rb_end(r) == -1)
		return (-1);
	if (running && process->show != NULL)
		process->show(what, page, &cells, &rows);
	wb_u64(&w, tag);
	wb_u32(&w, rows);
	wb_raw_of(&w, &cells);
	wb_free(&cells);
	/* The parent waits for a while, and then for nobody. */
	if (edge_send(edge, IMSG_PARENT_SHOWN, &w) == -1)
		log_warn("what is known can't be told");
	return (0);
}

static void
process_tell_violation(struct edge *edge, uint32_t type, const char *why)
{
	struct wbuf	 w = { 0 };

	if (edge == edge_parent)
		fatalx("the parent's message makes no sense");
	wb_u32(&w, edge->peer);
	wb_u32(&w, edge->instance);
	wb_u32(&w, type);
	wb_str(&w, why);
	edge_send(edge_parent, IMSG_PARENT_VIOLATION, &w);
}

static void
process_tell_worked(void)
{
	struct wbuf	 w = { 0 };

	edge_send(edge_parent, IMSG_PARENT_WORKED, &w);
}

void
process_main(const struct process *table, size_t n, int argc, char *argv[])
{
	(void)argc;
	log_init(LOG_TO_STDERR, argv[0]);
	if (fcntl(PARENT_FD, F_GETFD) == -1)
		fatalx("this program is started by kbsd, not by hand");
	closefrom(PARENT_FD + 1);
	clearenv();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);	/* ^C is the parent's to decide */
	kinds = table;
	nkinds = n;
	if ((base = loop_new()) == NULL)
		fatalx("no event loop");
	memcpy(parent_rules, runtime_rules, sizeof(runtime_rules));
	edge_violated = process_tell_violation;
	edge_worked = process_tell_worked;
	edge_parent = edge_new(PARENT_FD, PROC_PARENT, 0, 0, &parent_table);
	edge_allow_fd(edge_parent);
	event_base_dispatch(base);
	fatalx("the event loop ended");
}

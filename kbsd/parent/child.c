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
 * One process: its start, its edges, its end.  Start and reload go through
 * child_start() for all, a death for the dead one alone.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

/* Deaths in a row, without work done, that end the service. */
#define DEATHS_MAX	5
#define TITLE_ROOM	128

/* The program of each kind; two kinds may share one. */
static const char *const programs[PROC_MAX] = {
	[PROC_FRONTEND] = "frontend",
	[PROC_GATE] = "frontend",
	[PROC_CONTROL] = "control",
	[PROC_SIGNER] = "signer",
	[PROC_AUTH] = "auth",
	[PROC_HASHER] = "auth",
	[PROC_BROKER] = "broker",
	[PROC_STORE] = "store",
	[PROC_AUDIT] = "audit",
	[PROC_VERIFIER] = "verifier",
	[PROC_FETCHER] = "fetcher",
	[PROC_ENGINE] = "engine",
	[PROC_MAKER] = "engine",
	[PROC_KMS] = "kms",
	[PROC_METRICS] = "frontend",
};

static int	child_on_ready(struct edge *, struct rbuf *);
static int	child_on_violation(struct edge *, struct rbuf *);
static int	child_on_worked(struct edge *, struct rbuf *);
static int	child_on_blame(struct edge *, struct rbuf *);
static void	child_edge_down(struct edge *);

/* What every process may send. */
#define RULES_ALL \
	{ IMSG_PARENT_READY,	 4, 512,	child_on_ready }, \
	{ IMSG_PARENT_VIOLATION, 16, 1024,	child_on_violation }, \
	{ IMSG_PARENT_WORKED,	 0, 0,		child_on_worked }, \
	{ IMSG_PARENT_COUNTERS,	 0, COUNTERS_MAX, collect_take }, \
	{ IMSG_PARENT_SHOWN,	 12, 1 << 20,	gather_take }

static const struct edge_rule rules_all[] = {
	RULES_ALL,
};

static const struct edge_rule rules_control[] = {
	RULES_ALL,
	{ IMSG_PARENT_COMMAND,	 14, 14 + NAME_MAX_STORE,
	    command_dispatch },
};

static const struct edge_rule rules_verifier[] = {
	RULES_ALL,
	{ IMSG_PARENT_PIN,	 8, 16 * 1024 + 8,	pin_take },
	{ IMSG_PARENT_HELD,	 4, 256 * 1024,	tcb_take },
};

static const struct edge_rule rules_broker[] = {
	RULES_ALL,
	{ IMSG_PARENT_BLAME,	 12, 1 << 20,	child_on_blame },
};

#define NRULES(r)	(sizeof(r) / sizeof((r)[0]))

static const struct edge_table table_all = {
	.peer = PROC_MAX, .rules = rules_all, .nrules = NRULES(rules_all),
	.down = child_edge_down,
};
static const struct edge_table table_control = {
	.peer = PROC_CONTROL, .rules = rules_control,
	.nrules = NRULES(rules_control), .down = child_edge_down,
};
static const struct edge_table table_broker = {
	.peer = PROC_BROKER, .rules = rules_broker,
	.nrules = NRULES(rules_broker), .down = child_edge_down,
};

static const struct edge_table table_verifier = {
	.peer = PROC_VERIFIER, .rules = rules_verifier,
	.nrules = NRULES(rules_verifier), .down = child_edge_down,
};

static const struct edge_rule rules_audit[] = {
	RULES_ALL,
	{ IMSG_PARENT_AUDITED,	 13 + DIGEST_LEN, 13 + DIGEST_LEN,
	    audit_told },
	{ IMSG_PARENT_SINK_WANT, 4, 4,		audit_sink_want },
};

static const struct edge_table table_audit = {
	.peer = PROC_AUDIT, .rules = rules_audit, .nrules = NRULES(rules_audit),
	.down = child_edge_down,
};

static const struct edge_rule rules_kms[] = {
	RULES_ALL,
	{ IMSG_PARENT_CHECKED,	 33, 33 + REASON_TEXT_MAX,
	    keystores_answer },
	{ IMSG_PARENT_REKEYED,	 1, 1,		rekey_done },
};

static const struct edge_table table_kms = {
	.peer = PROC_KMS, .rules = rules_kms, .nrules = NRULES(rules_kms),
	.down = child_edge_down,
};

static const struct edge_rule rules_metrics[] = {
	RULES_ALL,
	{ IMSG_PARENT_SCRAPE,	 9, 9,		collect_scrape },
};

static const struct edge_table table_metrics = {
	.peer = PROC_METRICS, .rules = rules_metrics,
	.nrules = NRULES(rules_metrics), .down = child_edge_down,
};

static const struct edge_table *
child_table(enum process_kind kind)
{
	switch (kind) {
	case PROC_CONTROL:
		return (&table_control);
	case PROC_VERIFIER:
		return (&table_verifier);
	case PROC_KMS:
		return (&table_kms);
	case PROC_AUDIT:
		return (&table_audit);
	case PROC_METRICS:
		return (&table_metrics);
	case PROC_BROKER:
	case PROC_FRONTEND:
	case PROC_GATE:
		return (&table_broker);
	default:
		return (&table_all);
	}
}

/*
 * Where the programs are: beside kbsd when it runs from the build tree, else
 * where they were installed.
 */
const char *
child_program_dir(const char *argv0)
{
	static char	 dir[PATH_MAX];
	char		 probe[PATH_MAX + 16], *slash;
	ssize_t		 n;

	if (argv0 == NULL)
		return (dir);
	n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
	if (n == -1 && (strchr(argv0, '/') == NULL ||
	    realpath(argv0, dir) == NULL))
		n = 0;
	if (n > 0)
		dir[n] = '\0';
	if ((slash = strrchr(dir, '/')) != NULL) {
		*slash = '\0';
		snprintf(probe, sizeof(probe), "%s/frontend", dir);
		if (access(probe, X_OK) == 0)
			return (dir);
	}
	strlcpy(dir, LIBEXECDIR, sizeof(dir));
	return (dir);
}

/*
 * Without the parent's signal handlers, which would tell the parent of signals
 * that were meant for the child.  They are held back while it forks.
 */
static pid_t
child_fork(void)
{
	sigset_t	 all, old;
	pid_t		 pid;
	int		 sig;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	if ((pid = fork()) == 0)
		for (sig = 1; sig < NSIG; sig++)
			(void)signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return (pid);
}

static void
child_exec(struct child *c, int edge, int log)
{
	char		 path[PATH_MAX + 32], room[TITLE_ROOM];
	char *const	 environment[] = { room, NULL };
	int		 null;

	/*
	 * Nothing of our environment, which setproctitle(3) would copy: the
	 * one string, no variable, makes the room that a title needs.
	 */
	memset(room, ' ', sizeof(room) - 1);
	room[sizeof(room) - 1] = '\0';

	snprintf(path, sizeof(path), "%s/%s", child_program_dir(NULL),
	    programs[c->kind]);
	/* Above what is going to be overwritten. */
	edge = fcntl(edge, F_DUPFD, 10);
	log = fcntl(log, F_DUPFD, 10);
	null = open("/dev/null", O_RDWR);
	if (edge == -1 || log == -1 || null == -1 || dup2(null, 0) == -1 ||
	    dup2(null, 1) == -1 || dup2(log, 2) == -1 || dup2(edge, 3) == -1)
		_exit(126);
	closefrom(4);
	execle(path, programs[c->kind], (char *)NULL, environment);
	dprintf(2, "3can't execute %s: %s", path, strerror(errno));
	_exit(127);
}

int
child_send(struct child *c, uint32_t type, struct wbuf *w)
{
	if (edge_send(c->edge, type, w) == 0)
		return (0);
	log_warn("message to %s %u", process_name(c->kind), c->instance);
	return (-1);
}

static int
child_logsocket(struct child *c)
{
	if (c->logev != NULL)
		return (0);
	/* Lines; but, as no datagram socket, it can't send to another name. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0, c->log) == -1)
		return (-1);
	if ((c->logev = event_new(base, c->log[0], EV_READ | EV_PERSIST,
	    output_child, c)) == NULL || event_add(c->logev, NULL) == -1)
		return (-1);
	return (0);
}

/*
 * A number that no earlier run has used either: request ids begin with it.
 * It starts as the time in units of which a start makes fewer fronts than
 * pass, and comes round after four years.
 */
static uint32_t
child_front(void)
{
	static uint32_t	 front;
	struct timespec	 ts;

	if (front == 0) {
		clock_gettime(CLOCK_REALTIME, &ts);
		front = (uint32_t)((uint64_t)ts.tv_sec * 32 +
		    (uint64_t)ts.tv_nsec / 31250000);
	}
	if (++front == 0)
		front++;
	return (front);
}

int
child_start(struct child *c)
{
	int		 sv[2];

	if (c->kind == PROC_FRONTEND || c->kind == PROC_GATE ||
	    c->kind == PROC_CONTROL || c->kind == PROC_BROKER)
		c->front = child_front();
	if (child_logsocket(c) == -1 || socketpair(AF_UNIX, SOCK_STREAM |
	    SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) == -1) {
		log_warn("socketpair");
		return (-1);
	}
	if ((c->pid = child_fork()) == -1) {
		log_warn("fork");
		close(sv[0]);
		close(sv[1]);
		return (-1);
	}
	if (c->pid == 0)
		child_exec(c, sv[1], c->log[1]);
	close(sv[1]);
	c->state = CHILD_STARTING;
	c->since = time(NULL);
	c->accused = 0;
	c->sinks = c->absent = 0;
	c->edge = edge_new(sv[0], c->kind, c->instance, c->front,
	    child_table(c->kind));
	if (c->edge == NULL)
		return (-1);
	c->edge->data = c;
	return (give_child(c));
}

void
child_end(struct child *c)
{
	if (c->restart != NULL)
		evtimer_del(c->restart);
	if (c->edge != NULL)
		edge_free(c->edge);
	c->edge = NULL;
	if (c->state == CHILD_DEAD)
		return;
	c->state = CHILD_ENDING;
	/* Its edge is closed; this is for one that stands in a long call. */
	kill(c->pid, SIGTERM);
}

/* --- edges --------------------------------------------------------------- */

static int
child_give_end(struct child *c, const struct child *peer, int fd)
{
	struct wbuf	 w = { 0 };

	wb_u32(&w, peer->kind);
	wb_u32(&w, peer->instance);
	wb_u32(&w, peer->front);
	return (edge_send_fd(c->edge, IMSG_PROCESS_EDGE, &w, fd));
}

static void
child_pair(struct child *a, struct child *b)
{
	int	 sv[2], to_a, to_b;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    sv) == -1)
		fatal("socketpair");
	/* Each takes its end over, or closes it. */
	to_a = child_give_end(a, b, sv[0]);
	to_b = child_give_end(b, a, sv[1]);
	if (to_a == -1 || to_b == -1) {
		/* Its replacement gets all of its edges anew. */
		log_warn("edge between %s and %s", process_name(a->kind),
		    process_name(b->kind));
		kill(b->pid, SIGKILL);
	}
}

static int
child_has_edge(const struct child *a, const struct child *b)
{
	size_t	 i;

	for (i = 0; i < nedge_pairs; i++)
		if ((edge_pairs[i].a == a->kind && edge_pairs[i].b ==
		    b->kind) || (edge_pairs[i].b == a->kind &&
		    edge_pairs[i].a == b->kind))
			return (1);
	return (0);
}

void
child_connect(struct child *c)
{
	struct child	*peer;

	TAILQ_FOREACH(peer, &c->set->children, entry)
		if (peer != c && peer->state == CHILD_READY &&
		    child_has_edge(c, peer))
			child_pair(c, peer);
}

/* --- what a child says --------------------------------------------------- */

static int
child_on_ready(struct edge *edge, struct rbuf *r)
{
	struct child	*c = edge->data;

	rb_str(r, c->force, sizeof(c->force));
	if (rb_end(r) == -1 || c->state != CHILD_STARTING)
		return (-1);
	c->state = CHILD_READY;
	set_child_ready(c);
	return (0);
}

static int
child_on_worked(struct edge *edge, struct rbuf *r)
{
	struct child	*c = edge->data;

	(void)r;
	c->deaths = 0;
	return (0);
}

static struct child *
child_find(struct set *set, uint32_t kind, uint32_t instance)
{
	struct child	*c;

	TAILQ_FOREACH(c, &set->children, entry)
		if ((uint32_t)c->kind == kind && c->instance == instance)
			return (c);
	return (NULL);
}

/* Its death is not counted: it is ours. */
void
child_renew(struct child *c)
{
	if (c->state != CHILD_READY && c->state != CHILD_STARTING)
		return;
	c->accused = 1;
	kill(c->pid, SIGKILL);
}

/*
 * A peer says that another broke the rules.  It is replaced, but that does
 * not count as a death: else a hostile process could end the service by
 * accusing others.
 */
static int
child_on_violation(struct edge *edge, struct rbuf *r)
{
	struct child	*c = edge->data, *accused;
	char		 why[256];
	uint32_t	 kind, instance, type;

	kind = rb_u32(r);
	instance = rb_u32(r);
	type = rb_u32(r);
	rb_str(r, why, sizeof(why));
	if (rb_end(r) == -1)
		return (-1);
	if ((accused = child_find(c->set, kind, instance)) == NULL ||
	    !child_has_edge(c, accused))
		return (-1);
	log_alert("%s %u sent %s %u what it may not: %s: %s; it is replaced",
	    process_name(kind), instance, process_name(c->kind), c->instance,
	    imsg_name(type), why);
	/* One that only starts is the next already. */
	if (accused->state == CHILD_READY)
		child_renew(accused);
	return (0);
}

/*
 * Clients whose requests a dead process had.  One that is named at two deaths
 * running is refused for a while: its request may be what kills.
 */
#define BLAME_MAX	1024
#define REFUSE_MS	90000

static char	blamed[BLAME_MAX][ADDRESS_TEXT_MAX];
static size_t	nblamed;

static void
child_refuse(struct set *set, const char *address)
{
	struct child	*c;
	struct wbuf	 w = { 0 };

	log_alert("requests of %s were there at two deaths running: refused "
	    "for %d s", address, REFUSE_MS / 1000);
	TAILQ_FOREACH(c, &set->children, entry)
		if ((c->kind == PROC_FRONTEND || c->kind == PROC_GATE) &&
		    c->state == CHILD_READY) {
			wb_str(&w, address);
			wb_u32(&w, REFUSE_MS);
			child_send(c, IMSG_FRONTEND_REFUSE, &w);
		}
}

static int
child_on_blame(struct edge *edge, struct rbuf *r)
{
	static char	 fresh[BLAME_MAX][ADDRESS_TEXT_MAX];
	struct child	*c = edge->data;
	size_t		 i, n = 0;
	uint32_t	 count;
	char		 address[ADDRESS_TEXT_MAX];

	rb_u32(r);
	rb_u32(r);
	for (count = rb_u32(r); count > 0 && !r->failed; count--) {
		rb_str(r, address, sizeof(address));
		for (i = 0; i < n; i++)
			if (strcmp(fresh[i], address) == 0)
				break;
		if (i == n && n < BLAME_MAX)
			strlcpy(fresh[n++], address, sizeof(fresh[0]));
	}
	if (rb_end(r) == -1)
		return (-1);
	for (i = 0; i < n * nblamed; i++)
		if (strcmp(fresh[i / nblamed], blamed[i % nblamed]) == 0)
			child_refuse(c->set, fresh[i / nblamed]);
	memcpy(blamed, fresh, n * sizeof(fresh[0]));
	nblamed = n;
	return (0);
}

/* The edge closed: it is dead or about to be; waitpid will say. */
static void
child_edge_down(struct edge *edge)
{
	struct child	*c = edge->data;

	c->edge = NULL;
	if (c->state == CHILD_STARTING || c->state == CHILD_READY)
		kill(c->pid, SIGKILL);
}

/* --- the end of one ------------------------------------------------------ */

static void
child_say_death(const struct child *c, int status)
{
	char	 how[64];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "signal %d%s", WTERMSIG(status),
		    WTERMSIG(status) == SIGSYS ? " (sandbox)" : "");
	else
		snprintf(how, sizeof(how), "status %d",
		    WEXITSTATUS(status));
	log_warnx("%s %u (pid %d) ended: %s", process_name(c->kind),
	    c->instance, (int)c->pid, how);
}

static void
child_restart(int fd, short what, void *arg)
{
	struct child	*c = arg;

	(void)fd;
	(void)what;
	c->restarts++;
	if (child_start(c) == -1)
		parent_stop(1);
}

/* May this kind end the service by dying again and again? */
static int
child_indispensable(enum process_kind kind)
{
	return (kind != PROC_FRONTEND && kind != PROC_GATE &&
	    kind != PROC_CONTROL && kind != PROC_VERIFIER &&
	    kind != PROC_METRICS);
}

static void
child_replace(struct child *c)
{
	struct timeval	 tv = { 0, 0 };
	unsigned int	 delay;

	if (!c->accused && ++c->deaths >= DEATHS_MAX &&
	    child_indispensable(c->kind)) {
		log_alert("%s died %u times running without having done "
		    "anything: kbsd stops", process_name(c->kind), c->deaths);
		parent_stop(1);
		return;
	}
	delay = c->deaths > 1 ? (c->deaths - 1) * 10 : 0;
	if (c->accused && delay < 10)
		delay = 10;
	tv.tv_usec = 1000 * (delay > 100 ? 100 : delay);
	if (c->restart == NULL && (c->restart = evtimer_new(base,
	    child_restart, c)) == NULL)
		fatal("evtimer_new");
	evtimer_add(c->restart, &tv);
}

int
child_reap(pid_t pid, int status)
{
	struct set	*set;
	struct child	*c;
	enum child_state was;

	TAILQ_FOREACH(set, &sets, entry)
		TAILQ_FOREACH(c, &set->children, entry)
			if (c->pid == pid && c->state != CHILD_DEAD)
				goto found;
	return (-1);
found:
	was = c->state;
	c->state = CHILD_DEAD;
	wb_free(&c->held);
	wb_free(&c->counters);
	c->asked = 0;
	if (was == CHILD_READY)
		c->left = now_ms();
	if (c->edge != NULL)
		edge_free(c->edge);
	c->edge = NULL;
	/* Its last words may still be waiting. */
	output_child(c->log[0], EV_READ, c);
	if (was != CHILD_ENDING)
		child_say_death(c, status);
	if (was == CHILD_ENDING || !set->serving || set->draining)
		set_child_died(c);
	else
		child_replace(c);
	return (0);
}

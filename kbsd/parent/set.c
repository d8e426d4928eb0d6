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
 * A set: all processes of one configuration, started in two stages (those
 * that may have to make secret files first), connected, then opened to the
 * world.  A reload starts a second set beside the first.
 */

#include <sys/socket.h>

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

#define DRAIN_SECONDS	30
#define START_SECONDS	60
#define KILL_SECONDS	3

struct sets	sets = TAILQ_HEAD_INITIALIZER(sets);

const struct edge_pair edge_pairs[] = {
	{ PROC_BROKER,	 PROC_FRONTEND },
	{ PROC_BROKER,	 PROC_GATE },
	{ PROC_BROKER,	 PROC_CONTROL },
	{ PROC_BROKER,	 PROC_AUTH },
	{ PROC_BROKER,	 PROC_STORE },
	{ PROC_BROKER,	 PROC_AUDIT },
	{ PROC_BROKER,	 PROC_VERIFIER },
	{ PROC_BROKER,	 PROC_ENGINE },
	{ PROC_BROKER,	 PROC_MAKER },
	{ PROC_FRONTEND, PROC_AUTH },
	{ PROC_CONTROL,	 PROC_AUTH },
	{ PROC_FRONTEND, PROC_ENGINE },
	{ PROC_GATE,	 PROC_ENGINE },
	{ PROC_CONTROL,	 PROC_ENGINE },
	{ PROC_FRONTEND, PROC_MAKER },
	{ PROC_CONTROL,	 PROC_MAKER },
	{ PROC_FRONTEND, PROC_SIGNER },
	{ PROC_GATE,	 PROC_SIGNER },
	{ PROC_AUTH,	 PROC_HASHER },
	{ PROC_AUTH,	 PROC_ENGINE },
	{ PROC_AUTH,	 PROC_MAKER },
	{ PROC_VERIFIER, PROC_ENGINE },
	{ PROC_VERIFIER, PROC_FETCHER },
	{ PROC_ENGINE,	 PROC_KMS },
	{ PROC_MAKER,	 PROC_KMS },
	{ PROC_AUDIT,	 PROC_KMS },
};
const size_t	nedge_pairs = sizeof(edge_pairs) / sizeof(edge_pairs[0]);

static uint32_t	set_numbers;

static void	set_stage(struct set *);

static void
set_add(struct set *set, enum process_kind kind, uint32_t instance,
    enum role role, const void *object)
{
	struct child	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal("calloc");
	c->set = set;
	c->kind = kind;
	c->instance = instance;
	c->role = role;
	c->object = object;
	c->log[0] = c->log[1] = -1;
	c->left = now_ms();
	TAILQ_INSERT_TAIL(&set->children, c, entry);
}

static int
set_has_role(const struct set *set, enum role role)
{
	const struct listener	*l;

	TAILQ_FOREACH(l, &set->conf->listeners, entry)
		if (l->role == role)
			return (1);
	return (0);
}

/* One line for each process that there is. */
static void
set_plan(struct set *set)
{
	const struct attestation *a;
	const struct keystore	 *k;
	uint32_t		  i, n = 0;

	set_add(set, PROC_SIGNER, 0, ROLE_ALL, NULL);
	set_add(set, PROC_AUTH, 0, ROLE_ALL, NULL);
	set_add(set, PROC_HASHER, 0, ROLE_ALL, NULL);
	set_add(set, PROC_BROKER, 0, ROLE_ALL, NULL);
	set_add(set, PROC_STORE, 0, ROLE_ALL, NULL);
	set_add(set, PROC_AUDIT, 0, ROLE_ALL, NULL);
	set_add(set, PROC_CONTROL, 0, ROLE_ALL, NULL);
	set_add(set, PROC_MAKER, 0, ROLE_ALL, NULL);
	TAILQ_FOREACH(k, &set->conf->keystores, entry)
		set_add(set, PROC_KMS, n++, ROLE_ALL, k);
	n = 0;
	TAILQ_FOREACH(a, &set->conf->attestations, entry) {
		if (a->jwks != NULL)
			continue;	/* its keys are here */
		set_add(set, PROC_FETCHER, n++, ROLE_ALL, a);
	}
	for (i = 0; i < set->conf->prefork; i++) {
		set_add(set, PROC_VERIFIER, i, ROLE_ALL, NULL);
		set_add(set, PROC_ENGINE, i, ROLE_ALL, NULL);
	}
	if (set_has_role(set, ROLE_METRICS))
		set_add(set, PROC_METRICS, 0, ROLE_METRICS, NULL);
	n = 0;
	for (i = 0; i < set->conf->prefork; i++) {
		if (set_has_role(set, ROLE_ALL))
			set_add(set, PROC_FRONTEND, n++, ROLE_ALL, NULL);
		if (set_has_role(set, ROLE_ADMIN))
			set_add(set, PROC_FRONTEND, n++, ROLE_ADMIN, NULL);
		if (set_has_role(set, ROLE_TRANSFER))
			set_add(set, PROC_GATE, i, ROLE_TRANSFER, NULL);
	}
}

/*
 * The first instance of those that may have to fill a secret file; and the
 * metrics process, which tells of the start.
 */
static int
child_stage(const struct child *c)
{
	if (c->kind == PROC_SIGNER || c->kind == PROC_AUTH ||
	    c->kind == PROC_KMS || c->kind == PROC_METRICS ||
	    (c->kind == PROC_VERIFIER && c->instance == 0))
		return (1);
	return (2);
}

static void
set_free(struct set *set)
{
	struct child	*c;

	while ((c = TAILQ_FIRST(&set->children)) != NULL) {
		TAILQ_REMOVE(&set->children, c, entry);
		if (c->logev != NULL)
			event_free(c->logev);
		if (c->restart != NULL)
			event_free(c->restart);
		if (c->log[0] != -1) {
			close(c->log[0]);
			close(c->log[1]);
		}
		wb_free(&c->held);
		wb_free(&c->counters);
		free(c);
	}
	TAILQ_REMOVE(&sets, set, entry);
	if (set->timer != NULL)
		event_free(set->timer);
	if (set->control_fd != -1)
		close(set->control_fd);
	marks_free(&set->marks);
	words_free(&set->changes);
	audit_close(set);
	config_free(set->conf);
	free(set);
}

static void
set_alone(struct set *set, int alone)
{
	struct child	*c;
	struct wbuf	 w = { 0 };

	TAILQ_FOREACH(c, &set->children, entry)
		if (c->kind == PROC_BROKER && c->state == CHILD_READY) {
			wb_u8(&w, alone);
			child_send(c, IMSG_BROKER_ALONE, &w);
		}
}

struct set *
set_serving(void)
{
	struct set	*set;

	TAILQ_FOREACH(set, &sets, entry)
		if (set->serving && !set->draining)
			return (set);
	return (NULL);
}

/* The start, or a drain, takes too long. */
static void
set_timeout(int fd, short what, void *arg)
{
	struct set	*set = arg;
	struct child	*c;

	(void)fd;
	(void)what;
	if (set->draining) {
		set_end(set);
		return;
	}
	if (set->serving)
		return;
	TAILQ_FOREACH(c, &set->children, entry)
		if (c->state == CHILD_STARTING)
			log_warnx("%s %u is not ready after %d s",
			    process_name(c->kind), c->instance,
			    START_SECONDS);
	set_end(set);
}

static void
set_timer(struct set *set, int seconds)
{
	struct timeval	 tv = { .tv_sec = seconds };

	if (set->timer == NULL && (set->timer = evtimer_new(base, set_timeout,
	    set)) == NULL)
		fatal("evtimer_new");
	evtimer_add(set->timer, &tv);
}

int
set_start(struct config *conf)
{
	struct set	*set, *old = set_serving();

	if ((set = calloc(1, sizeof(*set))) == NULL)
		fatal("calloc");
	set->conf = conf;
	set->number = ++set_numbers;
	set->control_fd = -1;
	set->log.fd = -1;
	TAILQ_INIT(&set->children);
	TAILQ_INIT(&set->marks);
	TAILQ_INIT(&set->changes);
	TAILQ_INSERT_TAIL(&sets, set, entry);
	if (users_find(conf, &set->users) == -1 ||
	    files_prepare(conf, &set->users) == -1 ||
	    files_listen(conf, old == NULL ? NULL : old->conf) == -1)
		goto fail;
	if (old != NULL && strcmp(old->conf->control_path,
	    conf->control_path) == 0)
		set->control_fd = dup(old->control_fd);
	else
		set->control_fd = files_control(conf, &set->users);
	if (set->control_fd == -1)
		goto fail;
	changes_mark(set);
	if (old != NULL)
		changes_find(&set->changes, old, set);
	set_plan(set);
	set_timer(set, START_SECONDS);
	set_stage(set);
	return (0);
fail:
	set_free(set);
	return (-1);
}

/* Everybody is ready: edges, then the doors. */
static void
set_open(struct set *set)
{
	struct set	*old = set_serving();
	struct child	*c;
	struct listener	*l;
	struct wbuf	 w = { 0 };

	evtimer_del(set->timer);
	TAILQ_FOREACH(c, &set->children, entry)
		c->state = CHILD_STARTING;
	TAILQ_FOREACH(c, &set->children, entry) {
		c->state = CHILD_READY;
		child_connect(c);
	}
	TAILQ_FOREACH(l, &set->conf->listeners, entry)
		if (listen(l->fd, 1024) == -1)
			fatal("listen");
	if (listen(set->control_fd, 64) == -1)
		fatal("listen");
	set->serving = 1;
	TAILQ_FOREACH(c, &set->children, entry)
		child_send(c, IMSG_PROCESS_ACCEPT, &w);
	parent_changed(set);
	if (old != NULL) {
		set_alone(old, 0);
		set_alone(set, 0);
		set_drain(old, DRAIN_SECONDS);
	} else
		set_alone(set, 1);
	TAILQ_FOREACH(c, &set->children, entry)
		log_debug("%s %u: pid %d, %s", process_name(c->kind),
		    c->instance, (int)c->pid, c->force);
	parent_serving(set);
}

/*
 * At the first start it is heard before all is ready.  At a reload the old
 * set's goes on till then.
 */
static void
set_open_metrics(struct set *set, struct child *c)
{
	struct listener	*l;
	struct wbuf	 w = { 0 };

	if (set_serving() != NULL)
		return;
	TAILQ_FOREACH(l, &set->conf->listeners, entry)
		if (l->role == ROLE_METRICS && listen(l->fd, 64) == -1)
			fatal("listen");
	child_send(c, IMSG_PROCESS_ACCEPT, &w);
}

static void
set_stage(struct set *set)
{
	struct child	*c;

	set->stage++;
	TAILQ_FOREACH(c, &set->children, entry)
		if (child_stage(c) == set->stage && child_start(c) == -1) {
			set_end(set);
			return;
		}
}

void
set_child_ready(struct child *c)
{
	struct set	*set = c->set;
	struct child	*other;
	struct wbuf	 w = { 0 };

	if (set->serving) {
		child_connect(c);
		child_send(c, IMSG_PROCESS_ACCEPT, &w);
		if (c->kind == PROC_BROKER)
			set_alone(set, TAILQ_FIRST(&sets) == set &&
			    TAILQ_NEXT(set, entry) == NULL);
		log_info("%s %u is replaced: pid %d", process_name(c->kind),
		    c->instance, (int)c->pid);
		return;
	}
	if (c->kind == PROC_METRICS)
		set_open_metrics(set, c);
	TAILQ_FOREACH(other, &set->children, entry)
		if (child_stage(other) <= set->stage &&
		    other->state != CHILD_READY)
			return;
	if (set->stage == 1)
		set_stage(set);
	else
		set_open(set);
}

void
set_drain(struct set *set, int seconds)
{
	struct child	*c;
	struct wbuf	 w = { 0 };

	set->draining = 1;
	TAILQ_FOREACH(c, &set->children, entry)
		if (c->state == CHILD_READY)
			child_send(c, IMSG_PROCESS_DRAIN, &w);
	set_timer(set, seconds);
}

/* A child that was killed by its parent but does not go. */
static void
set_kill(int fd, short what, void *arg)
{
	struct set	*set = arg;
	struct child	*c;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(c, &set->children, entry)
		if (c->state == CHILD_ENDING)
			kill(c->pid, SIGKILL);
}

static void
set_gone(struct set *set)
{
	struct set	*left;
	int		 served = set->serving;

	set_free(set);
	if (!served)
		parent_set_failed();
	else if ((left = set_serving()) != NULL)
		set_alone(left, 1);
	if (TAILQ_EMPTY(&sets))
		parent_gone();
}

void
set_end(struct set *set)
{
	struct child	*c;
	struct timeval	 tv = { .tv_sec = KILL_SECONDS };
	int		 left = 0;

	set->draining = 1;
	TAILQ_FOREACH(c, &set->children, entry) {
		child_end(c);
		left += c->state == CHILD_ENDING;
	}
	if (set->timer != NULL)
		event_free(set->timer);
	if ((set->timer = evtimer_new(base, set_kill, set)) == NULL)
		fatal("evtimer_new");
	evtimer_add(set->timer, &tv);
	if (left == 0)
		set_gone(set);
}

/* Who may have somebody to answer still; control, who asked for a reload. */
static int
set_has_fronts(const struct set *set)
{
	const struct child	*c;

	TAILQ_FOREACH(c, &set->children, entry)
		if ((c->kind == PROC_FRONTEND || c->kind == PROC_GATE ||
		    c->kind == PROC_CONTROL) && c->state != CHILD_DEAD)
			return (1);
	return (0);
}

/* One of a set that starts, drains or ends: it is not replaced. */
void
set_child_died(struct child *c)
{
	struct set	*set = c->set;
	struct child	*other;

	if (!set->serving && !set->draining) {
		log_warnx("%s %u did not start", process_name(c->kind),
		    c->instance);
		set_end(set);
		return;
	}
	TAILQ_FOREACH(other, &set->children, entry)
		if (other->state != CHILD_DEAD)
			break;
	if (other == NULL)
		set_gone(set);
	else if (other->state != CHILD_ENDING && !set_has_fronts(set))
		set_end(set);
}

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
 * The audit log's files.  The parent opens them, and opens the log anew when
 * it is told to or sees that the file at its path is another one; the audit
 * process goes over to it.  A hard link beside the log is on the file that the
 * chain has come to: so it goes on wherever kbsd was killed, and what somebody
 * removes is still there.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

#define WATCH_SECONDS	1
#define WAITING_MAX	16		/* who wait until it is done */
#define SYSLOG_PATH	"/dev/log"

/* kbsctl log reopen: answered when the new file is the log. */
static struct {
	struct child	*control;
	struct set	*set;
	uint64_t	 tag;
}			 waiting[WAITING_MAX];
static size_t		 nwaiting;
static const char	 cant_open[] = "the audit log can't be opened: see the "
			    "log";
static struct event	*watch;

static int
same_file(const struct stat *a, const struct stat *b)
{
	return (a->st_dev == b->st_dev && a->st_ino == b->st_ino);
}

/* ".NAME.last" beside the log; -1: its path is too long. */
static int
last_path(const char *path, const char *suffix, char *last, size_t size)
{
	const char	*name = strrchr(path, '/');

	name = name == NULL ? path : name + 1;
	return (snprintf(last, size, "%.*s.%s.%s", (int)(name - path), path,
	    name, suffix) < (int)size ? 0 : -1);
}

/* Its name must be on the disk before a line in it is acknowledged. */
static void
sync_directory(const char *path)
{
	const char	*name = strrchr(path, '/');
	char		 dir[PATH_MAX];
	int		 fd;

	snprintf(dir, sizeof(dir), "%.*s", name == NULL ? 1 :
	    (int)(name - path) + 1, name == NULL ? "." : path);
	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return;
	(void)fsync(fd);
	close(fd);
}

/* A file for the log of this set; -1 with log. */
static int
log_open(struct set *set, struct stat *st)
{
	const char	*path = set->conf->audit_path;
	int		 fd;

	if ((fd = files_append(path)) == -1)
		return (-1);
	if (fstat(fd, st) == -1) {
		log_warn("%s", path);
		close(fd);
		return (-1);
	}
	if (st->st_size == 0)
		sync_directory(path);
	return (fd);
}

/* Is it the one that this set has already? */
static int
log_is(const struct set *set, const struct stat *st)
{
	struct stat	 have;

	return (set->log.fd != -1 && fstat(set->log.fd, &have) == 0 &&
	    same_file(&have, st));
}

/* The set's file from now on. */
static void
log_set(struct set *set, int fd)
{
	if (set->log.fd != -1)
		close(set->log.fd);
	set->log.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	set->log.generation++;
}

void
audit_close(struct set *set)
{
	if (set->log.fd != -1)
		close(set->log.fd);
	set->log.fd = -1;
}

static struct child *
audit_of(const struct set *set)
{
	struct child	*c;

	TAILQ_FOREACH(c, &set->children, entry)
		if (c->kind == PROC_AUDIT)
			return (c);
	return (NULL);
}

/* Those of a set that is starting open it anyway. */
static int
set_reopen(struct set *set)
{
	struct child	*c = audit_of(set);
	struct stat	 st;
	struct wbuf	 w = { 0 };
	int		 fd;

	if (c == NULL || c->state != CHILD_READY)
		return (0);
	/* One after the other, so that no file is passed over. */
	if (set->log.confirmed != set->log.generation) {
		set->log.again = 1;
		return (0);
	}
	if ((fd = log_open(set, &st)) == -1)
		return (-1);
	if (log_is(set, &st)) {
		close(fd);
		return (0);
	}
	log_set(set, fd);
	wb_u32(&w, set->log.generation);
	return (edge_send_fd(c->edge, IMSG_AUDIT_REOPEN, &w, fd));
}

int
audit_reopen(void)
{
	struct set	*set;
	int		 rv = 0;

	TAILQ_FOREACH(set, &sets, entry)
		if (set_reopen(set) == -1)
			rv = -1;
	return (rv);
}

/* --- the start of an audit process --------------------------------------- */

/* What the log was in before, where that is another file; else -1. */
static int
last_open(const char *path, const struct stat *st)
{
	struct stat	 last;
	char		 name[PATH_MAX];
	int		 fd;

	if (last_path(path, "last", name, sizeof(name)) == -1 ||
	    lstat(name, &last) == -1 || same_file(&last, st))
		return (-1);
	if ((fd = open(name, O_RDWR | O_APPEND | O_NOFOLLOW |
	    O_CLOEXEC)) == -1)
		log_warn("%s: the audit log does not go on where it ended",
		    name);
	return (fd);
}

/* Of a set that has the same log, the end that is known. */
static void
log_inherit(struct set *set)
{
	const struct set	*o;

	TAILQ_FOREACH(o, &sets, entry)
		if (o != set && o->log.end.n > set->log.end.n &&
		    strcmp(o->conf->audit_path, set->conf->audit_path) == 0)
			set->log.end = o->log.end;
}

int
audit_open(struct child *c, int *last)
{
	struct set	*set = c->set, *other;
	struct stat	 st;
	int		 fd;

	if ((fd = log_open(set, &st)) == -1)
		return (-1);
	*last = last_open(set->conf->audit_path, &st);
	if (!log_is(set, &st))
		log_set(set, fd);
	log_inherit(set);
	/* Another set has the older file: it must follow. */
	TAILQ_FOREACH(other, &sets, entry)
		if (other != set && strcmp(other->conf->audit_path,
		    set->conf->audit_path) == 0)
			(void)set_reopen(other);
	return (fd);
}

/* --- the link ------------------------------------------------------------ */

/* On the file that the audit process has gone over to, if it is there still. */
static void
link_renew(const struct set *set)
{
	const char	*path = set->conf->audit_path;
	char		 last[PATH_MAX], fresh[PATH_MAX];
	struct stat	 st;

	if (last_path(path, "last", last, sizeof(last)) == -1 ||
	    last_path(path, "new", fresh, sizeof(fresh)) == -1)
		return;
	if (lstat(last, &st) == 0 && log_is(set, &st))
		return;
	(void)unlink(fresh);
	if (link(path, fresh) == -1) {
		if (errno != ENOENT)
			log_warn("%s: no link, so that the audit log will not "
			    "go on in another file after a crash", fresh);
		return;
	}
	if (lstat(fresh, &st) == 0 && log_is(set, &st) &&
	    rename(fresh, last) == -1)
		log_warn("rename %s", fresh);
	(void)unlink(fresh);
	sync_directory(path);
}

/* What was removed is kept under another name. */
static void
link_keep(const struct set *set)
{
	const char	*path = set->conf->audit_path;
	char		 last[PATH_MAX], kept[PATH_MAX];
	struct stat	 st;

	if (last_path(path, "last", last, sizeof(last)) == -1 ||
	    lstat(last, &st) == -1 ||
	    snprintf(kept, sizeof(kept), "%s.removed-%lld", path,
	    (long long)time(NULL)) >= (int)sizeof(kept) ||
	    link(last, kept) == -1) {
		log_alert("the audit log %s was removed: it is begun anew",
		    path);
		return;
	}
	log_alert("the audit log %s was removed: what was in it is kept in "
	    "%s, and it goes on in a new file", path, kept);
}

/* --- watching it --------------------------------------------------------- */

/* Is the file gone, and not only under another name? */
static int
log_removed(const struct set *set)
{
	const char	*path = set->conf->audit_path;
	char		 last[PATH_MAX];
	struct stat	 st, link;
	nlink_t		 ours = 0;

	if (last_path(path, "last", last, sizeof(last)) == 0 &&
	    lstat(last, &link) == 0 && log_is(set, &link))
		ours = 1;
	return (fstat(set->log.fd, &st) == 0 && st.st_nlink <= ours);
}

static void
set_watch(struct set *set)
{
	const char	*path = set->conf->audit_path;
	struct stat	 st;
	int		 removed;

	if (set->log.fd == -1 || set->log.confirmed != set->log.generation ||
	    (lstat(path, &st) == 0 && log_is(set, &st)))
		return;
	removed = log_removed(set);
	if (set_reopen(set) == -1)
		return;
	/* The link is on the older file until the other one is the log. */
	if (removed)
		link_keep(set);
	else
		log_warnx("the audit log %s was moved away, and nobody said "
		    "so: it is opened anew", path);
}

static void
sinks_retry(struct child *c)
{
	uint32_t	 i;

	if (c == NULL || c->state != CHILD_READY)
		return;
	for (i = 0; i < SINKS_MAX; i++)
		if ((c->sinks & 1U << i) != 0)
			audit_sink(c, i);
}

static void
watch_run(int fd, short what, void *arg)
{
	struct set	*set;

	(void)fd;
	(void)what;
	(void)arg;
	TAILQ_FOREACH(set, &sets, entry) {
		set_watch(set);
		sinks_retry(audit_of(set));
	}
}

void
audit_watch(void)
{
	struct timeval	 tv = { WATCH_SECONDS, 0 };

	if ((watch = event_new(base, -1, EV_PERSIST, watch_run, NULL)) ==
	    NULL || event_add(watch, &tv) == -1)
		fatalx("no memory for events");
}

/* --- what the audit process tells ---------------------------------------- */

static int
all_confirmed(void)
{
	const struct set	*set;
	const struct child	*c;

	TAILQ_FOREACH(set, &sets, entry)
		if ((c = audit_of(set)) != NULL && c->state == CHILD_READY &&
		    set->log.confirmed != set->log.generation)
			return (0);
	return (1);
}

/* Sets and their processes come and go meanwhile. */
static int
is_there(const struct set *its, const struct child *control)
{
	const struct set	*set;
	const struct child	*c;

	TAILQ_FOREACH(set, &sets, entry)
		if (set == its)
			TAILQ_FOREACH(c, &set->children, entry)
				if (c == control)
					return (c->state == CHILD_READY);
	return (0);
}

static void
answer_waiting(const char *error)
{
	struct wbuf	 w = { 0 };
	size_t		 i, n = nwaiting;

	nwaiting = 0;
	for (i = 0; i < n; i++) {
		if (!is_there(waiting[i].set, waiting[i].control))
			continue;
		wb_u64(&w, waiting[i].tag);
		wb_u8(&w, error[0] == '\0');
		wb_str(&w, error);
		wb_u32(&w, 0);
		wb_u32(&w, 0);
		(void)child_send(waiting[i].control, IMSG_CONTROL_REPLY, &w);
	}
}

int
audit_ask(struct child *control, uint64_t tag, char *why, size_t whysize)
{
	if (audit_reopen() == -1) {
		strlcpy(why, cant_open, whysize);
		return (-1);
	}
	if (nwaiting == WAITING_MAX) {
		strlcpy(why, "too many ask at once", whysize);
		return (-1);
	}
	waiting[nwaiting].control = control;
	waiting[nwaiting].set = control->set;
	waiting[nwaiting++].tag = tag;
	if (all_confirmed())
		answer_waiting("");
	return (0);
}

int
audit_told(struct edge *edge, struct rbuf *r)
{
	struct child	*c = edge->data;
	struct set	*set = c->set;
	struct log_end	 end;
	uint32_t	 generation = rb_u32(r);
	int		 settled = rb_bool(r);

	end.n = rb_u64(r);
	rb_digest(r, end.digest);
	if (rb_end(r) == -1)
		return (-1);
	set->log.end = end;
	if (!settled || generation != set->log.generation)
		return (0);
	if (set->log.confirmed != generation) {
		set->log.confirmed = generation;
		link_renew(set);
	}
	if (set->log.again) {
		set->log.again = 0;
		if (set_reopen(set) == -1)
			answer_waiting(cant_open);
	}
	if (all_confirmed())
		answer_waiting("");
	return (0);
}

/* --- sinks --------------------------------------------------------------- */

/* A connected socket; -1 with errno. */
static int
sink_connect(const char *path, int type)
{
	struct sockaddr_un	 sun;
	int			 fd, saved;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	if ((fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0)) == -1)
		return (-1);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (fd);
	saved = errno;
	close(fd);
	errno = saved;
	return (-1);
}

/* Of datagrams, or where the collector has those of a stream, that. */
void
audit_sink(struct child *c, uint32_t n)
{
	const struct audit_sink	*s;
	const char		*path;
	struct wbuf		 w = { 0 };
	uint32_t		 i = 0;
	int			 fd, stream = 0;

	TAILQ_FOREACH(s, &c->set->conf->sinks, entry)
		if (i++ == n)
			break;
	if (s == NULL)
		return;
	path = s->path != NULL ? s->path : SYSLOG_PATH;
	if ((fd = sink_connect(path, SOCK_DGRAM)) == -1 &&
	    errno == EPROTOTYPE && s->path != NULL) {
		stream = 1;
		fd = sink_connect(path, SOCK_STREAM);
	}
	if (fd == -1) {
		if ((c->absent & 1U << n) == 0)
			log_warn("%s: audit lines for it are kept until it is "
			    "there, and dropped when they are too many",
			    path);
		c->absent |= 1U << n;
		return;
	}
	c->absent &= ~(1U << n);
	c->sinks &= ~(1U << n);
	wb_u32(&w, n);
	wb_u8(&w, (uint8_t)stream);
	(void)edge_send_fd(c->edge, IMSG_AUDIT_SINK, &w, fd);
}

int
audit_sink_want(struct edge *edge, struct rbuf *r)
{
	uint32_t	 n = rb_u32(r);

	if (rb_end(r) == -1 || n >= SINKS_MAX)
		return (-1);
	/* At the next turn, so that one that closes at once is no loop. */
	((struct child *)edge->data)->sinks |= 1U << n;
	return (0);
}

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
 * The audit process: appends to the audit log, and tells kms and broker that
 * a line is written and synced.  It works on descriptors that the parent has
 * opened: the log's, which it may read and append to, and connected sockets.
 * It never sees a secret, a body or a header.
 *
 * All lines that wait are written with one write(2) and one fdatasync(2); those
 * that nobody waits for, soon after or with the next.
 */

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "json.h"
#include "log.h"

#define WAITING_MAX	4096	/* more: NOT_RECORDED */
#define BATCH_MAX	512	/* lines of one write */
#define LOCK_RETRY_MS	3
#define OPEN_RETRY_S	1	/* a full disk, ... */
#define TELL_MS		100	/* until the parent knows the end */
#define LATER_MS	20	/* for lines that nobody waits for */
#define LOCK_PATIENCE_MS 5000	/* the other one syncs with the lock held */

TAILQ_HEAD(entries, entry);

struct keystore {
	char	 name[NAME_MAX_STORE];
};

static int		 optional;
static uint32_t		 generation;	/* of the file, as the parent counts */
static struct keystore	*keystores;	/* by instance of kms */
static uint32_t		 nkeystores;
static struct entries	 waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned int	 nwaiting;
static struct event	*writer, *opener, *teller;
static enum { DUE_NOT, DUE_LATER, DUE_NOW } writer_due;
static int		 writing;
static uint64_t		 count_lines, count_writes, count_failed;

static int	audit_record(struct edge *, struct rbuf *);
static int	audit_reopen(struct edge *, struct rbuf *);

static const struct edge_rule broker_rules[] = {
	{ IMSG_AUDIT_TRACE, TRACE_BODY, TRACE_BODY, trace_take },
	{ IMSG_AUDIT_RECORD, RECORD_LEAST, RECORD_MOST, audit_record },
};

static const struct edge_table edges[] = {
	{ .peer = PROC_BROKER, .rules = broker_rules, .nrules = 2 },
	{ .peer = PROC_KMS },
};

static const struct edge_rule parent_rules[] = {
	{ IMSG_AUDIT_REOPEN, 4, 4, audit_reopen },
	{ IMSG_AUDIT_SINK, 5, 5, sink_socket },
};

static void
put_recorded(struct wbuf *w, const struct entry *e)
{
	wb_name(w, &e->name);
	wb_u8(w, e->operation);
	wb_uuid(w, &e->key);
	wb_digest(w, e->policy_digest);
	wb_digest(w, e->wrapping_key);
	wb_u64(w, e->line);
}

/* The kms of the line's keystore; NULL when none waits for it. */
static struct edge *
kms_of(const struct entry *e)
{
	char		 id[REQUEST_ID_TEXT];
	uint32_t	 i;

	if (e->keystore[0] == '\0')
		return (NULL);
	for (i = 0; i < nkeystores; i++)
		if (strcmp(keystores[i].name, e->keystore) == 0)
			return (edge_find(PROC_KMS, i));
	log_warnx("request %s: no keystore %s", name_format(&e->name, id),
	    e->keystore);
	return (NULL);
}

static void
tell_recorded(const struct entry *e)
{
	struct wbuf	 w = { 0 };
	struct edge	*kms;
	char		 id[REQUEST_ID_TEXT];

	if ((kms = kms_of(e)) != NULL) {
		put_recorded(&w, e);
		if (edge_send(kms, IMSG_KMS_RECORDED, &w) == -1)
			log_warn("request %s: can't tell kms",
			    name_format(&e->name, id));
	}
	if (!e->reply)
		return;
	put_recorded(&w, e);
	if (edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_RECORDED,
	    &w) == -1)
		log_warn("request %s: can't tell the broker",
		    name_format(&e->name, id));
}

static void
tell_not_recorded(const struct entry *e, const char *why)
{
	struct wbuf	 w = { 0 };
	char		 id[REQUEST_ID_TEXT];

	wb_name(&w, &e->name);
	wb_str(&w, why);
	if (edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_NOT_RECORDED,
	    &w) == -1)
		log_warn("request %s: can't tell the broker",
		    name_format(&e->name, id));
}

/* The configuration says what a line is worth that could not be written. */
static void
entry_failed(struct entry *e, const char *why)
{
	char	 id[REQUEST_ID_TEXT];

	count_failed++;
	name_format(&e->name, id);
	e->line = 0;
	if (optional) {
		log_alert("request %s: no audit line (%s), but audit is "
		    "optional", id, why);
		tell_recorded(e);
	} else {
		log_alert("request %s: no audit line: %s", id, why);
		tell_not_recorded(e, why);
	}
}

static void
entries_failed(struct entries *list, const char *why)
{
	struct entry	*e;

	while ((e = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, e, entry);
		entry_failed(e, why);
		free(e);
	}
}

static void
entries_written(struct entries *list)
{
	struct entry	*e;

	while ((e = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, e, entry);
		count_lines++;
		tell_recorded(e);
		free(e);
	}
}

/*
 * Lines for all of the batch in one text; how many bytes of it end what was
 * torn before, or -1.
 */
static int
batch_text(const struct entries *batch, struct wbuf *text, struct chain *end)
{
	struct entry	*e;
	int		 torn;

	if (file_tail(end, &torn) == -1)
		return (-1);
	if (torn) {
		log_warnx("ending a torn line of the audit log");
		wb_raw(text, "\n", 1);
	}
	TAILQ_FOREACH(e, batch, entry) {
		if (line_put(text, e, end) == -1) {
			errno = ENOMEM;
			return (-1);
		}
		e->line = end->n;
	}
	return (torn);
}

/* With the lock held. */
static void
batch_write(struct entries *batch)
{
	struct wbuf	 text = { 0 };
	struct chain	 end;
	const char	*why;
	int		 before;

	if ((before = batch_text(batch, &text, &end)) != -1 &&
	    file_append(&text, &end) == 0) {
		count_writes++;
		entries_written(batch);
		sink_lines((const char *)text.data + before,
		    text.len - (size_t)before);
	} else {
		why = errno == EBADMSG ?
		    "the log ends with something else" : strerror(errno);
		entries_failed(batch, why);
	}
	wb_free(&text);
}

static void
batch_take(struct entries *batch)
{
	struct entry	*e;
	unsigned int	 n;

	for (n = 0; n < BATCH_MAX; n++) {
		if ((e = TAILQ_FIRST(&waiting)) == NULL)
			break;
		TAILQ_REMOVE(&waiting, e, entry);
		nwaiting--;
		TAILQ_INSERT_TAIL(batch, e, entry);
	}
}

/* All but the lock's being held elsewhere is a failure of those that wait. */
static void
writer_locked_out(void)
{
	struct timeval	 tv = { 0, LOCK_RETRY_MS * 1000 };
	struct entry	*first = TAILQ_FIRST(&waiting);
	struct entries	 batch = TAILQ_HEAD_INITIALIZER(batch);
	const char	*why = "the log is locked";

	if (errno == EAGAIN && now_ms() - first->since < LOCK_PATIENCE_MS) {
		event_add(writer, &tv);
		writer_due = DUE_NOW;
		return;
	}
	if (errno != EAGAIN)
		why = strerror(errno);
	while (!TAILQ_EMPTY(&waiting)) {
		batch_take(&batch);
		entries_failed(&batch, why);
	}
}

/*
 * The parent knows the end of the log, for kbsctl and for our successor, and
 * that the older file is not needed any more.
 */
static void
teller_run(int fd, short what, void *arg)
{
	const struct chain	*end = file_end();
	struct wbuf		 w = { 0 };

	(void)fd;
	(void)what;
	(void)arg;
	wb_u32(&w, generation);
	wb_u8(&w, (uint8_t)file_settled());
	wb_u64(&w, end->n);
	wb_digest(&w, end->digest);
	if (edge_send(edge_parent, IMSG_PARENT_AUDITED, &w) == -1)
		log_warn("can't tell the parent of the audit log's end");
}

/* Soon: that is once for many lines. */
static void
teller_wake(void)
{
	struct timeval	 tv = { 0, TELL_MS * 1000 };

	if (!evtimer_pending(teller, NULL))
		evtimer_add(teller, &tv);
}

static void
writer_run(int fd, short what, void *arg)
{
	struct entries	 batch = TAILQ_HEAD_INITIALIZER(batch);

	(void)fd;
	(void)what;
	(void)arg;
	writer_due = DUE_NOT;
	writing = 1;
	while (!TAILQ_EMPTY(&waiting)) {
		if (file_lock() == -1) {
			writer_locked_out();
			break;
		}
		batch_take(&batch);
		batch_write(&batch);
		if (file_unlock() == -1)
			fatal("unlock the audit log");
	}
	writing = 0;
	teller_wake();
}

/* Go over to the file that waits, also when nothing is to be written. */
static void
opener_run(int fd, short what, void *arg)
{
	struct timeval	 tv = { 0, LOCK_RETRY_MS * 1000 };
	struct timeval	 later = { OPEN_RETRY_S, 0 };

	(void)fd;
	(void)what;
	(void)arg;
	if (file_settled() || file_lock() == 0) {
		if (file_unlock() == -1)
			fatal("unlock the audit log");
		teller_run(-1, 0, NULL);
		return;
	}
	if (errno != EAGAIN)
		log_alert("the audit log can't go over to its new file: %s",
		    strerror(errno));
	evtimer_add(opener, errno == EAGAIN ? &tv : &later);
}

/* What is due now is done after the other messages of this turn of the loop. */
static void
writer_wake(const struct entry *e)
{
	struct timeval	 later = { 0, LATER_MS * 1000 };

	if (e->reply || e->keystore[0] != '\0') {
		if (writer_due != DUE_NOW)
			event_active(writer, EV_TIMEOUT, 0);
		writer_due = DUE_NOW;
	} else if (writer_due == DUE_NOT) {
		evtimer_add(writer, &later);
		writer_due = DUE_LATER;
	}
}

/* The parent has gone, or the end has come otherwise: what waits is written. */
static void
audit_exit(void)
{
	if (!writing)
		writer_run(-1, 0, NULL);
}

static int
audit_record(struct edge *edge, struct rbuf *r)
{
	struct entry	*e;

	(void)edge;
	if ((e = calloc(1, sizeof(*e))) == NULL)
		fatal("calloc");
	if (line_read(r, e) == -1) {
		free(e);
		return (-1);
	}
	if (nwaiting >= WAITING_MAX) {
		entry_failed(e, "too many lines wait");
		free(e);
		return (0);
	}
	e->since = now_ms();
	TAILQ_INSERT_TAIL(&waiting, e, entry);
	nwaiting++;
	writer_wake(e);
	return (0);
}

/* The parent has opened the log anew.  It is gone over to at once. */
static int
audit_reopen(struct edge *edge, struct rbuf *r)
{
	uint32_t	 number = rb_u32(r);
	int		 fd = edge_take_fd(edge);

	if (rb_end(r) == -1 || fd == -1)
		return (-1);
	if (file_take(fd) == -1) {
		log_warnx("the audit log's new file is not taken");
		close(fd);
		return (0);
	}
	generation = number;
	opener_run(-1, 0, NULL);
	return (0);
}

static int
audit_config(struct rbuf *r)
{
	struct chain	 end;
	uint32_t	 i;

	generation = rb_u32(r);
	end.n = rb_u64(r);
	rb_digest(r, end.digest);
	file_known(&end);
	if (sink_config(r) == -1)
		return (-1);
	optional = rb_bool(r);
	nkeystores = rb_u32(r);
	if (r->failed || nkeystores > r->left / 4)
		return (-1);
	keystores = calloc(nkeystores + 1, sizeof(*keystores));
	if (keystores == NULL)
		return (-1);
	for (i = 0; i < nkeystores; i++)
		rb_str(r, keystores[i].name, sizeof(keystores[i].name));
	return (rb_end(r));
}

/* Of two the first one is what the log was in before. */
static int
audit_descriptor(uint32_t role, int fd)
{
	if (role != FD_AUDIT_LOG || !file_is_log(fd))
		return (-1);
	return (file_take(fd));
}

static void
audit_run(void)
{
	json_init();
	file_begin();
	if ((writer = event_new(base, -1, 0, writer_run, NULL)) == NULL ||
	    (opener = evtimer_new(base, opener_run, NULL)) == NULL ||
	    (teller = evtimer_new(base, teller_run, NULL)) == NULL)
		fatalx("no memory for events");
	if (atexit(audit_exit) != 0)
		fatalx("no memory for what comes last");
	sink_begin();
	opener_run(-1, 0, NULL);
}

static void
audit_counters(struct wbuf *w)
{
	wb_str(w, "lines");
	wb_u64(w, count_lines);
	wb_str(w, "writes");
	wb_u64(w, count_writes);
	wb_str(w, "failed");
	wb_u64(w, count_failed);
	wb_str(w, "waiting");
	wb_u64(w, nwaiting);
	sink_counters(w);
}

static const struct process processes[] = {
	{
		.kind = PROC_AUDIT,
		.edges = edges,
		.nedges = sizeof(edges) / sizeof(edges[0]),
		.config = audit_config,
		.descriptor = audit_descriptor,
		.run = audit_run,
		.parent_rules = parent_rules,
		.nparent_rules = sizeof(parent_rules) /
		    sizeof(parent_rules[0]),
		.counters = audit_counters,
	},
};

int
main(int argc, char *argv[])
{
	process_main(processes, 1, argc, argv);
}

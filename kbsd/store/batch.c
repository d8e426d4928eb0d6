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
 * Writes that come in one turn of the loop share one transaction, and so one
 * sync; each is answered when that is done, for only then is it durable.
 * Reads are answered at once.  When another process has the database, both
 * wait in the order of their coming and a timer tries again.
 */

#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"
#include "store.h"

#define BATCH_MAX	1024	/* writes of one transaction */
#define BUSY_RETRY_MS	3
#define BUSY_PATIENCE_MS 10000
#define PURGE_EVERY_S	60

TAILQ_HEAD(requests, request);

uint64_t		 batch_commits, batch_writes, batch_failed, batch_busy;

static struct requests	 reads = TAILQ_HEAD_INITIALIZER(reads);
static struct requests	 writes = TAILQ_HEAD_INITIALIZER(writes);
static unsigned int	 nwaiting;
static struct event	*runner;
static int		 runner_due;
static int64_t		 purged;
static void		(*answer)(struct request *);

static void
request_done(struct requests *list, struct request *q)
{
	TAILQ_REMOVE(list, q, entry);
	nwaiting--;
	if (q->result < 0)
		batch_failed++;
	answer(q);
	request_free(q);
}

static void
runner_later(void)
{
	struct timeval	 tv = { 0, BUSY_RETRY_MS * 1000 };

	batch_busy++;
	if (!runner_due)
		event_add(runner, &tv);
	runner_due = 1;
}

/* Is it still to be tried again? */
static int
patient(const struct request *q)
{
	return (now_ms() - q->since < BUSY_PATIENCE_MS);
}

static void
read_forget(struct request *q)
{
	wb_free(&q->found);
	wb_free(&q->second);
	q->count = 0;
}

static void
reads_run(void)
{
	struct request	*q;

	while ((q = TAILQ_FIRST(&reads)) != NULL) {
		if (q->type == IMSG_STORE_FIND)
			q->result = rows_find(q, (int64_t)time(NULL));
		else
			q->result = rows_list(q);
		if (q->result < 0)
			read_forget(q);
		if (q->result == DB_BUSY && patient(q)) {
			runner_later();
			return;
		}
		request_done(&reads, q);
	}
}

/*
 * All writes that wait, up to a bound, each by its own result: one that finds
 * a conflict does not touch the others, but a disk that fails ends them all.
 */
static int
transaction_write(unsigned int *n)
{
	struct request	*q;
	sqlite3_stmt	*stmt;
	uint64_t	 version;
	int64_t		 now = (int64_t)time(NULL);
	int		 rc;

	stmt = db_statement(DB_COUNTER_GET);
	if ((rc = db_step(stmt)) != 1)
		return (rc == 0 ? DB_FAILED : rc);
	version = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	*n = 0;
	TAILQ_FOREACH(q, &writes, entry) {
		if (*n == BATCH_MAX)
			break;
		(*n)++;
		version++;
		if (q->type == IMSG_STORE_PUT)
			q->result = writes_put(q, version);
		else
			q->result = writes_delete(q, version);
		if (q->result < 0)
			return (q->result);
	}
	if (now - purged >= PURGE_EVERY_S || now < purged) {
		purged = now;
		if ((rc = writes_purge(now)) != ROW_OK)
			return (rc);
	}
	stmt = db_statement(DB_COUNTER_SET);
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)version);
	return (db_step(stmt));
}

/* 0 when the first *n are on the disk; else nothing is. */
static int
transaction(unsigned int *n)
{
	int	 rc;

	if ((rc = db_begin()) != 0)
		return (rc);
	if ((rc = transaction_write(n)) == 0)
		rc = db_commit();
	if (rc != 0)
		db_undo();
	return (rc);
}

/* The database failed: all that waited for this sync hear it. */
static void
writes_failed(void)
{
	struct request	*q;
	unsigned int	 n = 0;

	for (; n < BATCH_MAX && (q = TAILQ_FIRST(&writes)) != NULL; n++) {
		q->result = DB_FAILED;
		q->version = 0;
		request_done(&writes, q);
	}
	log_alert("store.db can't be written: %u requests failed", n);
}

static void
writes_run(void)
{
	struct request	*q;
	unsigned int	 n = 0;
	int		 rc;

	while ((q = TAILQ_FIRST(&writes)) != NULL) {
		rc = transaction(&n);
		if (rc == DB_BUSY && patient(q)) {
			runner_later();
			return;
		}
		if (rc != 0) {
			writes_failed();
			continue;
		}
		batch_commits++;
		batch_writes += n;
		while (n-- > 0)
			request_done(&writes, TAILQ_FIRST(&writes));
	}
}

static void
batch_run(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	runner_due = 0;
	reads_run();
	writes_run();
}

void
batch_init(void (*fn)(struct request *))
{
	answer = fn;
	if ((runner = event_new(base, -1, 0, batch_run, NULL)) == NULL)
		fatalx("no memory for events");
}

void
batch_add(struct request *q)
{
	int	 first;

	nwaiting++;
	if (q->type == IMSG_STORE_FIND || q->type == IMSG_STORE_LIST) {
		first = TAILQ_EMPTY(&reads);
		TAILQ_INSERT_TAIL(&reads, q, entry);
		if (first)
			reads_run();
		return;
	}
	TAILQ_INSERT_TAIL(&writes, q, entry);
	if (!runner_due)
		event_active(runner, EV_TIMEOUT, 0);
	runner_due = 1;
}

static void
requests_drop(struct requests *list, struct edge *edge)
{
	struct request	*q, *next;

	TAILQ_FOREACH_SAFE(q, list, entry, next) {
		if (q->edge != edge)
			continue;
		TAILQ_REMOVE(list, q, entry);
		nwaiting--;
		request_free(q);
	}
}

void
batch_drop(struct edge *edge)
{
	requests_drop(&reads, edge);
	requests_drop(&writes, edge);
}

unsigned int
batch_waiting(void)
{
	return (nwaiting);
}

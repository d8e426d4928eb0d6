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
 * Key writes that a crash cut short.  Their rows still hold the intent that
 * auth sealed: shown to auth, it gives a GRANT to finish or undo them.  Done
 * at start, when a dead process has been replaced, and after a reload once
 * the old set has ended.
 */

#include <event2/event.h>
#include <string.h>

#include "broker.h"
#include "log.h"

#define SCAN_SECONDS	1
#define RETRY_SECONDS	10

static struct event	*timer;
static int		 owner;

static void	leftover_later(int);

/* One of them: a request under the broker's own front number. */
static void
leftover_begin(const uint8_t *record, size_t len, const uint8_t *intent,
    size_t intentlen)
{
	struct request_name	 name;
	struct request		*req;
	struct key_record	 key;
	struct edge		*auth;
	struct rbuf		 r;
	struct wbuf		 w = { 0 };

	rb_init(&r, record, len);
	rb_key_record(&r, &key);
	if (rb_end(&r) == -1 || request_on_key(&key.id))
		return;
	request_own_name(&name);
	if ((req = request_new(&name, OP_NONE, DEADLINE_REQUEST_MS)) == NULL)
		return;
	req->key = key;
	wb_name(&w, &name);
	wb_bytes(&w, record, len);
	wb_bytes(&w, intent, intentlen);
	if (edge_send(auth = edge_find(PROC_AUTH, 0), IMSG_AUTH_LEFTOVER,
	    &w) == -1) {
		request_free(req);
		leftover_later(RETRY_SECONDS);
		return;
	}
	request_wait(req, auth);
}

static void
leftover_listed(void *arg, const struct row_found *found)
{
	const uint8_t	*record, *intent;
	size_t		 len, intentlen;
	uint32_t	 i;

	(void)arg;
	if (found->result != ROW_OK) {
		leftover_later(RETRY_SECONDS);
		return;
	}
	for (i = 0; i < found->count && !found->list->failed; i++) {
		record = rb_bytes(found->list, &len, 0, MAX_IMSGSIZE);
		intent = rb_bytes(found->list, &intentlen, 0, 4096);
		if (!found->list->failed)
			leftover_begin(record, len, intent, intentlen);
	}
}

static void
leftover_timer(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (!broker_conf.alone)
		return;
	if (rows_list(ROW_PENDING, NULL, leftover_listed, &owner) == -1)
		leftover_later(RETRY_SECONDS);
}

static void
leftover_later(int seconds)
{
	struct timeval	 tv = { .tv_sec = seconds };

	if (timer == NULL && (timer = evtimer_new(base, leftover_timer,
	    NULL)) == NULL)
		return;
	if (!evtimer_pending(timer, NULL))
		evtimer_add(timer, &tv);
}

void
leftover_scan(void)
{
	leftover_later(SCAN_SECONDS);
}

/* auth says what to do with it; the engine has its GRANT. */
int
leftover_granted(struct request *req)
{
	struct line	 line = {
		.event = AUDIT_DECISION, .kms = 1,
		.verdict = req->op == OP_KEY_DELETE &&
		    req->key.state == KEY_PENDING ? "undo" : "finish",
	};

	if (req->op != OP_KEY_DELETE && req->op != OP_KEY_FORGET &&
	    req->op != OP_KEY_MOVE)
		return (-1);
	log_info("a key write that was cut short: %s", line.verdict);
	/* Where a key moves to, auth read in the intent. */
	if (lines_record(req, &line) == -1 || keys_order(req,
	    req->object.b, req->op == OP_KEY_MOVE ?
	    sizeof(req->object.b) : 0) == -1) {
		request_free(req);
		leftover_later(RETRY_SECONDS);
	}
	return (0);
}

static void
leftover_ended(void *arg, const struct row_found *found)
{
	if (found->result != ROW_OK && found->result != ROW_NONE)
		leftover_later(RETRY_SECONDS);
	request_free(arg);
}

void
leftover_done(struct request *req, enum done_result result,
    const struct key_record *sealed)
{
	struct wbuf	 w = { 0 };
	int		 error = -1;

	cache_drop(&req->key.id);
	if (result == DONE_OK && req->op != OP_KEY_MOVE)
		error = rows_delete(ROW_KEY, &req->key.id, 0, leftover_ended,
		    req);
	else if (sealed != NULL && (result == DONE_OK ||
	    result == DONE_STALE || result == DONE_INVALID)) {
		/*
		 * Stale: kms had done it already; here is what it sealed.
		 * Invalid: it can't be, and is as it was.
		 */
		keys_take_sealed(req, sealed, KEY_ACTIVE);
		wb_key_record(&w, &req->key);
		error = rows_put(ROW_KEY, req->key.row_version, &w, NULL,
		    leftover_ended, req);
		wb_free(&w);
	}
	if (error == -1) {
		request_free(req);
		leftover_later(RETRY_SECONDS);
	}
}

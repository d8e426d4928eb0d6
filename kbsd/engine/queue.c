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
 * The maker's queue.  Making a key may take half a minute, and nothing else
 * is done meanwhile: one at a time, few wait, the others are told so.
 * Between two keys the edges are served, and between the making of a key and
 * its way to kms: if the broker died meanwhile, a new one undoes what it finds,
 * and what would be stored after that nobody would ever know of.  And whoever
 * has his key is told so before the next one takes its time.
 */

#include <event2/event.h>
#include <string.h>

#include "engine.h"
#include "timer.h"

/* For kms to answer, before the next key is made. */
#define STORED_MS	250

static TAILQ_HEAD(, request)	 waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned int		 nwaiting;
static struct event		*runner;

/* One that waits no longer: its key is there. */
static struct {
	struct request	*req;
	uint8_t		*key;
	size_t		 len;
} made;

static void	queue_run(int, short, void *);

/* By the clock, so that what came meanwhile is read before. */
static void
queue_wake(uint64_t ms)
{
	if (runner == NULL)
		runner = timer_new(queue_run, NULL);
	timer_set(runner, ms);
}

static int
queue_runs(void)
{
	return (runner != NULL && event_pending(runner, EV_TIMEOUT, NULL));
}

void
queue_answered(void)
{
	if (!queue_runs())
		return;
	if (made.req != NULL || nwaiting > 0)
		queue_wake(0);
	else
		event_del(runner);
}

void
queue_add(struct request *req)
{
	if (nwaiting >= MAKER_QUEUE_MAX) {
		request_done(req, DONE_BUSY, "too many keys are to be made",
		    NULL, 0);
		return;
	}
	halves_queued(req);
	TAILQ_INSERT_TAIL(&waiting, req, queue);
	nwaiting++;
	if (!queue_runs())
		queue_wake(0);
}

void
queue_remove(struct request *req)
{
	req->stage = STAGE_HALVES;
	if (made.req == req) {
		OPENSSL_secure_clear_free(made.key, made.len);
		memset(&made, 0, sizeof(made));
		return;
	}
	TAILQ_REMOVE(&waiting, req, queue);
	nwaiting--;
}

static int
is_new(const struct half_order *order)
{
	return (order->operation == OP_KEY_CREATE ||
	    (order->operation == OP_KEY_ROTATE &&
	    !agree_wants_material(order)));
}

/* What is no key only kms can look at. */
static int
queue_as_it_is(struct request *req, uint8_t **key, size_t *len)
{
	if ((*key = OPENSSL_secure_malloc(req->materiallen)) == NULL) {
		request_done(req, DONE_BUSY, "no locked memory left", NULL, 0);
		return (-1);
	}
	memcpy(*key, req->material, req->materiallen);
	*len = req->materiallen;
	return (0);
}

/* The key of a request, where one has to be made here, or looked at. */
static int
queue_key(struct request *req, uint8_t **key, size_t *len)
{
	const char	*why;

	if (req->order.deadline <= now_ms()) {
		request_done(req, DONE_TIMEOUT, "other keys took too long to "
		    "make", NULL, 0);
		return (-1);
	}
	if (is_new(&req->order)) {
		if (kms_makes(&req->order.record))
			return (0);
		if (make_key(&req->order.record, key, len) == 0)
			return (0);
		request_done(req, DONE_UNAVAILABLE, "no key could be made",
		    NULL, 0);
		return (-1);
	}
	if (!agree_wants_material(&req->order))
		return (0);
	if (agree_given_as(&req->order) != GIVEN_KEY)
		return (queue_as_it_is(req, key, len));
	if ((why = import_key(&req->order.record, req->material,
	    req->materiallen, key, len)) == NULL)
		return (0);
	request_done(req, DONE_INVALID, why, NULL, 0);
	return (-1);
}

static void
queue_store(void)
{
	struct request	*req = made.req;
	uint8_t		*key = made.key;
	size_t		 len = made.len;

	memset(&made, 0, sizeof(made));
	req->stage = STAGE_HALVES;
	kms_store(req, key, len);
	OPENSSL_secure_clear_free(key, len);
}

static void
queue_run(int fd, short what, void *arg)
{
	struct request	*req;
	uint8_t		*key = NULL;
	size_t		 len = 0;

	(void)fd;
	(void)what;
	(void)arg;
	if (made.req != NULL) {
		queue_store();
		queue_wake(STORED_MS);
		return;
	}
	if ((req = TAILQ_FIRST(&waiting)) == NULL)
		return;
	queue_remove(req);
	if (queue_key(req, &key, &len) == 0) {
		req->stage = STAGE_QUEUED;
		made.req = req;
		made.key = key;
		made.len = len;
	}
	queue_wake(0);
}

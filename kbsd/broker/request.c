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

/* Requests by name, their deadlines, and how many a front may have. */

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "log.h"

/* Clients named to the parent at a death. */
#define BLAME_MAX	1024

struct broker_conf	 broker_conf;
struct broker_counts	 broker_counts;

static int
request_cmp(const struct request *a, const struct request *b)
{
	return (name_cmp(&a->name, &b->name));
}

static RB_HEAD(requests, request)	 requests = RB_INITIALIZER(&requests);
static unsigned int			 nrequests;

TREE_GENERATE(requests, request, entry, request_cmp)

void
request_own_name(struct request_name *name)
{
	static uint64_t	 number;

	name->front = self.front;
	name->number = ++number;
}

unsigned int
request_count(void)
{
	return (nrequests);
}

int
request_admit(struct edge *edge, size_t bytes)
{
	const struct front	*front = edge->data;

	if (nrequests < REQUESTS_MAX && front->requests < FRONT_REQUESTS_MAX &&
	    front->bytes + bytes <= FRONT_BYTES_MAX)
		return (0);
	broker_counts.busy++;
	return (-1);
}

static void
request_timeout(int fd, short what, void *arg)
{
	struct request	*req = arg;

	(void)fd;
	(void)what;
	broker_counts.timeouts++;
	log_warnx("%s: no answer by %s before its deadline",
	    operation_name(req->op), req->on == NULL ? "store" :
	    process_name(req->on->peer));
	if (req->intent.len > 0)
		leftover_scan();
	answer_error(req, 503, 1, "not answered in time");
}

struct request *
request_new(const struct request_name *name, enum operation op,
    uint64_t deadline_ms)
{
	struct request	*req;
	struct edge	*edge = edge_front(name->front);
	struct front	*front;
	struct timeval	 tv;

	if ((req = calloc(1, sizeof(*req))) == NULL)
		return (NULL);
	req->name = *name;
	req->op = op;
	req->begun = now_ms();
	req->deadline = req->begun + deadline_ms;
	if (RB_INSERT(requests, &requests, req) != NULL) {
		free(req);
		errno = EEXIST;
		return (NULL);
	}
	nrequests++;
	if (edge != NULL && (front = edge->data) != NULL)
		front->requests++;
	tv.tv_sec = (time_t)(deadline_ms / 1000);
	tv.tv_usec = 0;
	if ((req->timer = evtimer_new(base, request_timeout, req)) == NULL ||
	    evtimer_add(req->timer, &tv) == -1) {
		request_free(req);
		errno = ENOMEM;
		return (NULL);
	}
	return (req);
}

/* Why there is none: a number used twice is the front's lie. */
int
request_none(struct edge *edge, uint64_t number)
{
	if (errno == EEXIST)
		return (-1);
	answer_busy(edge, number);
	return (0);
}

struct request *
request_find(const struct request_name *name)
{
	struct request	 key, *req;

	key.name = *name;
	if ((req = RB_FIND(requests, &requests, &key)) == NULL)
		broker_counts.late++;
	return (req);
}

int
request_on_key(const struct uuid *id)
{
	struct request	*req;

	RB_FOREACH(req, requests, &requests)
		if (req->op != OP_TRANSFER && uuid_cmp(&req->key.id, id) == 0)
			return (1);
	return (0);
}

/* edge->data of a verifier counts the requests that wait for it. */
void
request_wait(struct request *req, struct edge *edge)
{
	if (req->on != NULL && req->on->peer == PROC_VERIFIER)
		req->on->data = (void *)((uintptr_t)req->on->data - 1);
	req->on = edge;
	if (edge != NULL && edge->peer == PROC_VERIFIER)
		edge->data = (void *)((uintptr_t)edge->data + 1);
}

struct edge *
request_verifier(void)
{
	struct edge	*edge = NULL, *best = NULL;

	while ((edge = edge_next(PROC_VERIFIER, edge)) != NULL)
		if (best == NULL || (uintptr_t)edge->data <
		    (uintptr_t)best->data)
			best = edge;
	return (best);
}

void
request_free(struct request *req)
{
	struct edge	*edge = edge_front(req->name.front);
	struct front	*front;

	rows_cancel(req);
	request_wait(req, NULL);
	RB_REMOVE(requests, &requests, req);
	nrequests--;
	if (edge != NULL && (front = edge->data) != NULL) {
		front->requests--;
		front->bytes -= req->bytes;
	}
	if (req->timer != NULL)
		event_free(req->timer);
	wb_free(&req->evidence);
	wb_free(&req->askbytes);
	wb_free(&req->row);
	wb_free(&req->intent);
	wb_free(&req->policy);
	free(req);
}

void
request_edge_down(struct edge *edge)
{
	struct request	*req, *next;
	struct wbuf	 w = { 0 }, clients = { 0 };
	uint32_t	 n = 0;

	RB_FOREACH_SAFE(req, requests, &requests, next) {
		if (edge_front(req->name.front) == edge) {
			/*
			 * Nobody is left to be answered; but a key write that
			 * has its grant goes on to its end.
			 */
			if (req->intent.len > 0)
				continue;
			monitor_finished(req, 0, "");
			request_free(req);
			continue;
		}
		if (req->on != edge && !keys_halved(req, edge))
			continue;
		if (req->client[0] != '\0' && n < BLAME_MAX) {
			wb_str(&clients, req->client);
			n++;
		}
		if (req->intent.len > 0)
			leftover_scan();
		answer_error(req, 503, 1, "a part of the service failed");
	}
	if (n > 0) {
		wb_u32(&w, edge->peer);
		wb_u32(&w, edge->instance);
		wb_u32(&w, n);
		wb_raw_of(&w, &clients);
		(void)edge_send(edge_parent, IMSG_PARENT_BLAME, &w);
	}
	wb_free(&clients);
}

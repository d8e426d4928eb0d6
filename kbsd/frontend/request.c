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
 * Requests from their head to their answer, and those that wait for other
 * processes.  Nothing is decided here but what can be seen without knowing
 * anything: route, types, form.
 *
 * Errors come in the order of the contract: route, authorization, headers,
 * body.  Whether a token is good only auth can say, so a request that we
 * refuse for its headers or body asks that first (FILTER_CHECK), and who has
 * no good token sees 401 and not what was wrong besides.
 */
#include <sys/tree.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend.h"
#include "kbsd.h"
#include "log.h"
#include "object.h"
#include "tree.h"

RB_HEAD(requests, request);

static struct requests	 requests = RB_INITIALIZER(&requests);
static uint64_t		 last_number;
static unsigned int	 noutstanding;
static size_t		 outstanding_bytes;
static enum role	 role = ROLE_TRANSFER;
static uint32_t		 engines = 1;

struct request_counts	 request_counts;

static int
request_cmp(const struct request *a, const struct request *b)
{
	return (a->number < b->number ? -1 : a->number > b->number);
}

TREE_GENERATE(requests, request, node, request_cmp)

void
request_init(enum role r, uint32_t nengines)
{
	role = r;
	engines = nengines;
}

/* --- the head --------------------------------------------------------- */

static void
copy_text(char *dst, size_t size, struct http_slice s)
{
	if (s.base == NULL) {
		(void)strlcpy(dst, "-", size);
		return;
	}
	if (s.len >= size)
		s.len = size - 1;
	memcpy(dst, s.base, s.len);
	dst[s.len] = '\0';
}

/* RFC 6750 section 2.1. */
int
request_token(const struct http_request *http, struct http_slice *token)
{
	struct http_slice	 value, scheme;
	size_t			 i, end;
	char			 c;

	if (http_header_one(http, "authorization", &value) != 1 ||
	    !http_take_token(&value, &scheme) ||
	    !http_slice_is_nocase(scheme, "bearer") ||
	    !http_take(&value, ' '))
		return (-1);
	while (http_take(&value, ' '))
		continue;
	if (value.len == 0 || value.len > BEARER_TEXT_MAX)
		return (-1);
	for (end = value.len; end > 1 && value.base[end - 1] == '='; end--)
		continue;
	for (i = 0; i < end; i++) {
		c = value.base[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || (c != '\0' &&
		    strchr("-._~+/", c) != NULL)))
			return (-1);
	}
	*token = value;
	return (0);
}

/* Types, where the route wants them. */
static void
check_headers(struct request *req, const struct http_request *http)
{
	const struct route	*route = req->route;
	int			 body = http->chunked || http->length > 0;

	if (route->type != NULL && (body ||
	    (route->flags & ROUTE_BODY) != 0) &&
	    !http_is_type(http, route->type))
		request_error(req, 415, "Content-Type is not the one that "
		    "this path takes");
	else if (route->accept != NULL && !http_accepts(http, route->accept))
		request_error(req, 415, "Accept does not allow the type that "
		    "this path answers with");
}

static void
check_head(struct request *req, const struct http_request *http)
{
	struct http_slice	 token;

	switch (route_find(http, role, &req->route, &req->id, req->allow,
	    sizeof(req->allow))) {
	case 404:
		request_error(req, 404, "no such path");
		return;
	case 405:
		request_error(req, 405, "method not allowed");
		return;
	}
	if ((req->route->flags & ROUTE_AUTH) != 0 &&
	    request_token(http, &token) == -1) {
		request_error(req, 401, "Unauthorized");
		return;
	}
	check_headers(req, http);
}

/* Without a head when there was none that could be read. */
struct request *
request_new(struct conn *conn, const struct http_request *http)
{
	struct http_slice	 none = { NULL, 0 }, trace;
	struct request		*req;

	if ((req = calloc(1, sizeof(*req))) == NULL)
		return (NULL);
	req->conn = conn;
	req->started = now_ms();
	if (http == NULL) {
		copy_text(req->method, sizeof(req->method), none);
		copy_text(req->path, sizeof(req->path), none);
		return (req);
	}
	req->minor = http->minor;
	copy_text(req->method, sizeof(req->method), http->method);
	copy_text(req->path, sizeof(req->path), http->target.path);
	/* What is no trace is passed over: W3C Trace Context section 3.2.4. */
	req->traced = http_header_one(http, "traceparent", &trace) == 1 &&
	    trace_parse(&req->trace, trace.base, trace.len) == 0;
	check_head(req, http);
	return (req);
}

size_t
request_limit(const struct request *req)
{
	/* what is refused anyway gets no more than the least */
	if (req->route == NULL || req->status != 0 ||
	    req->route->limit < REQUEST_BODY_LEAST)
		return (REQUEST_BODY_LEAST);
	return (req->route->limit);
}

int
request_is_refused(const struct request *req)
{
	return (req->status != 0);
}

int
request_is_long(const struct request *req)
{
	return (req->route != NULL && (req->route->flags & ROUTE_LONG) != 0);
}

void
request_error(struct request *req, int status, const char *why)
{
	if (req->status != 0)
		return;
	req->status = status;
	(void)strlcpy(req->error, why, sizeof(req->error));
}

/* --- the end ---------------------------------------------------------- */

static void
request_free(struct request *req)
{
	if (req->waits != 0) {
		RB_REMOVE(requests, &requests, req);
		noutstanding--;
		outstanding_bytes -= req->bytes;
	}
	freezero(req, sizeof(*req));
}

void
request_gone(struct request *req)
{
	request_counts.gone++;
	request_free(req);
}

static void
request_log(const struct request *req, const char *id, int status)
{
	char	 trace[TRACE_HEX] = "";

	if (req->traced)
		trace_format(&req->trace, trace);
	log_info("request %s %s %s %s %d %llu ms%s%s", id,
	    conn_address(req->conn), req->method, req->path, status,
	    (unsigned long long)(now_ms() - req->started),
	    req->traced ? " trace=" : "", trace);
}

static int
add_extras(struct http_response *res, const struct reply *rep,
    const struct request *req, char retry[12])
{
	int	 n = 0;

	if (rep->retry_after > 0) {
		(void)snprintf(retry, 12, "%u", rep->retry_after);
		n |= http_response_add(res, "Retry-After", retry);
	}
	if (rep->tees != NULL)
		n |= http_response_add(res, "Attestation-Type", rep->tees);
	if (rep->status == 405)
		n |= http_response_add(res, "Allow", req->allow);
	if (rep->status == 401 && req->route != NULL &&
	    (req->route->flags & ROUTE_AUTH) != 0)
		n |= http_response_add(res, "WWW-Authenticate", "Bearer");
	return (n);
}

/* The one way out; the body's memory stays the caller's. */
void
request_reply(struct request *req, const struct reply *rep)
{
	struct http_response	 res;
	struct request_name	 name;
	struct conn		*conn = req->conn;
	uint8_t			*out;
	char			 id[REQUEST_ID_TEXT], retry[12];
	size_t			 len;

	if (req->number == 0)
		req->number = ++last_number;
	name.front = self.front;
	name.number = req->number;
	http_response_init(&res, NULL, rep->status, name_format(&name, id));
	res.close = conn_closes(conn);
	res.keepalive = !res.close && req->minor == 0;
	res.type = rep->type;
	res.body = rep->body;
	res.bodylen = rep->bodylen;
	request_counts.answers[rep->status / 100 % 6]++;
	if (add_extras(&res, rep, req, retry) == -1 ||
	    http_response_write(&res, &out, &len) == -1) {
		log_warn("request %s can't be answered", id);
		out = NULL;
		len = 0;
	}
	/* RFC 9110 section 9.3.2: the head of an answer only */
	if (out != NULL && strcmp(req->method, "HEAD") == 0)
		len -= rep->bodylen;
	request_log(req, id, rep->status);
	request_free(req);
	conn_answer(conn, out, len);
}

void
request_fail_retry(struct request *req, int status, unsigned int retry_after,
    const char *text)
{
	struct reply	 rep = { 0 };
	struct wbuf	 w = { 0 };

	object_error(&w, text);
	rep.status = status;
	rep.retry_after = retry_after;
	rep.type = "application/json";
	rep.body = w.data;
	rep.bodylen = w.len;
	if (w.failed)
		rep.bodylen = 0;
	request_reply(req, &rep);
	wb_free(&w);
}

void
request_fail(struct request *req, int status, const char *text)
{
	request_fail_retry(req, status, status == 503 ? 1 : 0, text);
}

/* What request_error() noted. */
void
request_fail_noted(struct request *req)
{
	char	 error[sizeof(req->error)];

	(void)strlcpy(error, req->error, sizeof(error));
	request_fail(req, req->status, error);
}

/* --- on the way ------------------------------------------------------- */

/* May no more be asked of the broker?  That is looked at before a parser is. */
static int
is_busy(void)
{
	if (noutstanding < FRONT_REQUESTS_MAX &&
	    outstanding_bytes < FRONT_BYTES_MAX)
		return (0);
	request_counts.busy++;
	return (1);
}

static void
tell_trace(const struct request *req)
{
	struct wbuf	 w = { 0 };

	if (!req->traced)
		return;
	wb_u64(&w, req->number);
	wb_trace(&w, &req->trace);
	(void)edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_TRACE, &w);
}

/*
 * All of it is there (or as much as will come): answer it or send it on its
 * way.
 */
void
request_done(struct request *req, const struct http_request *http)
{
	const struct route	*route = req->route;

	req->number = ++last_number;
	if (route != NULL && route->op != OP_NONE && req->status != 404 &&
	    req->status != 405 && is_busy()) {
		request_fail(req, 503, "too many requests at once");
		return;
	}
	if (route != NULL && route->op != OP_NONE && req->status == 0)
		tell_trace(req);
	errno = 0;		/* refuse() looks at it */
	if (req->status == 0 && route->ask(req, http) == 0)
		return;
	/* ours: is it one that only a good token is told? */
	if (route != NULL && (route->flags & ROUTE_AUTH) != 0 &&
	    req->status != 401 && req->status != 503 &&
	    ask_check(req, http) == 0)
		return;
	request_fail_noted(req);
}

uint32_t
request_engine(const struct request *req)
{
	return ((uint32_t)(req->number % engines));
}

/* It has been sent: whose answers or deaths end it. */
void
request_wait(struct request *req, unsigned int waits, size_t bytes)
{
	req->waits = waits;
	req->bytes = bytes;
	noutstanding++;
	outstanding_bytes += bytes;
	RB_INSERT(requests, &requests, req);
}

unsigned int
request_outstanding(void)
{
	return (noutstanding);
}

/* NULL when it has been answered: late answers are dropped. */
struct request *
request_find(uint64_t number)
{
	struct request	 find, *req;

	find.number = number;
	if ((req = RB_FIND(requests, &requests, &find)) == NULL)
		request_counts.late++;
	return (req);
}

void
request_timeout(struct request *req)
{
	request_counts.timeouts++;
	request_fail(req, 503, "not answered in time");
}

/* A process that a client's request may have killed. */
static void
blame(const struct edge *edge, struct wbuf *addresses, uint32_t n)
{
	struct wbuf	 w = { 0 };

	if (n == 0)
		return;
	wb_u32(&w, edge->peer);
	wb_u32(&w, edge->instance);
	wb_u32(&w, n);
	wb_raw_of(&w, addresses);
	if (edge_send(edge_parent, IMSG_PARENT_BLAME, &w) == -1)
		log_warn("can't tell the parent whose requests %s had",
		    process_name(edge->peer));
}

static int
is_lost(const struct request *req, const struct edge *edge, unsigned int wait)
{
	return ((req->waits & wait) != 0 && (wait != WAIT_ENGINE ||
	    request_engine(req) == edge->instance));
}

static struct request *
next_lost(const struct edge *edge, unsigned int wait)
{
	struct request	*req;

	RB_FOREACH(req, requests, &requests)
		if (is_lost(req, edge, wait))
			return (req);
	return (NULL);
}

/*
 * An edge has closed: what was outstanding on it has ended.  Answering one
 * may bring in the next of the same connection, which is lost like it; there
 * are no more of these than were read already.
 */
void
request_edge_down(const struct edge *edge, unsigned int wait)
{
	struct request	*req;
	struct wbuf	 addresses = { 0 };
	uint32_t	 n = 0;

	if (wait == WAIT_BROKER) {
		RB_FOREACH(req, requests, &requests)
			if (is_lost(req, edge, wait)) {
				wb_str(&addresses, conn_address(req->conn));
				n++;
			}
		blame(edge, &addresses, n);
		wb_free(&addresses);
	}
	while ((req = next_lost(edge, wait)) != NULL)
		request_fail(req, 503, "the service was interrupted");
}

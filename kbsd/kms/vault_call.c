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
 * One call of Vault's API: the server's name, the exchange, and again, with
 * the next server, when it did not answer or says that it can't now.  A
 * standby's 307 is followed to a server of the configuration, and nowhere
 * else; the path, the body and the token stay ours.
 */

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_client.h"
#include "log.h"
#include "resolve.h"
#include "timer.h"
#include "vault.h"

#define REDIRECTS_MAX	2
/* Before another server is asked, where there is one. */
#define PATIENCE_MS	2000
#define WAIT_LEAST_MS	50
#define WAIT_MOST_MS	1000
/* With less left another try says nothing that the last one did not. */
#define TRY_LEAST_MS	300
/* So that whoever waits hears why before its own time is up. */
#define MARGIN_MS	60

struct call {
	const char		*method;
	const char		*path;
	char			*body;
	size_t			 bodylen;
	uint64_t		 deadline;
	int			 flags;
	unsigned int		 server;
	unsigned int		 tries, redirects;
	struct url		 url;
	char			 resolve[RESOLVE_MAX];
	char			 namespace[sizeof("X-Vault-Namespace: ") +
				    VAULT_NAME_MAX];
	char			 trace[TRACE_HEADER];	/* "": none */
	struct event		*timer;		/* of this try */
	struct event		*pause;		/* till the next */
	struct resolve		*wait;		/* at most one of these two */
	struct http		*http;
	int			 over;		/* last says why */
	char			 last[REASON_TEXT_MAX];
	void			(*done)(void *, const struct reply *);
	void			*arg;
};

/* The one that answered last, for all. */
static unsigned int	 preferred;
static uint64_t		 count_calls, count_again, count_failed;

static void	call_found(void *, const char *, const char *);
static void	call_answered(void *, const struct http_answer *);

static void
call_stop(struct call *c)
{
	if (c->wait != NULL)
		resolve_cancel(c->wait);
	if (c->http != NULL)
		http_cancel(c->http);
	c->wait = NULL;
	c->http = NULL;
	event_del(c->timer);
}

void
call_cancel(struct call *c)
{
	call_stop(c);
	event_free(c->timer);
	event_free(c->pause);
	if (c->body != NULL)
		freezero(c->body, c->bodylen);
	free(c);
}

static void
call_end(struct call *c, const struct reply *reply)
{
	void	(*done)(void *, const struct reply *) = c->done;
	void	*arg = c->arg;

	c->http = NULL;
	done(arg, reply);
	call_cancel(c);
}

static void
call_fail(struct call *c)
{
	struct reply	 reply = { .why = c->last };

	count_failed++;
	call_end(c, &reply);
}

static uint64_t
call_left(const struct call *c)
{
	uint64_t	 now = now_ms() + MARGIN_MS;

	return (c->deadline > now ? c->deadline - now : 0);
}

/* Each server is asked at once; after a round there is a pause. */
static void
call_again(struct call *c)
{
	uint64_t	 ms = 0;
	unsigned int	 round = c->tries / vault.nservers;

	c->server = (c->server + 1) % vault.nservers;
	preferred = c->server;
	if (c->tries % vault.nservers == 0) {
		ms = WAIT_LEAST_MS << (round > 5 ? 5 : round);
		if (ms > WAIT_MOST_MS)
			ms = WAIT_MOST_MS;
		ms += arc4random_uniform((uint32_t)ms);
	}
	if (call_left(c) <= ms + TRY_LEAST_MS) {
		call_fail(c);
		return;
	}
	count_again++;
	log_debug("%s; again in %llu ms", c->last, (unsigned long long)ms);
	timer_set(c->pause, ms);
}

static void
call_timeout(int fd, short what, void *arg)
{
	struct call	*c = arg;

	(void)fd;
	(void)what;
	snprintf(c->last, sizeof(c->last), "%.128s did not answer in time, "
	    "%s", c->url.host.name, c->wait != NULL ?
	    "looking up its address" : http_stage(c->http));
	call_stop(c);
	call_again(c);
}

static void
call_try(int fd, short what, void *arg)
{
	struct call	*c = arg;
	const char	*why;
	uint64_t	 left = call_left(c);

	(void)fd;
	(void)what;
	if (c->over || left == 0) {
		if (c->last[0] == '\0')
			strlcpy(c->last, "its time was over before it began",
			    sizeof(c->last));
		call_fail(c);
		return;
	}
	c->tries++;
	why = url_append(&c->url, &vault.servers[c->server], c->path);
	if (why != NULL) {
		snprintf(c->last, sizeof(c->last), "the URL of the call %s",
		    why);
		c->over = 1;
		timer_set(c->pause, 0);
		return;
	}
	timer_set(c->timer, vault.nservers > 1 && left > PATIENCE_MS ?
	    PATIENCE_MS : left);
	if (c->url.numeric)
		call_found(c, "", NULL);
	else
		c->wait = resolve_find(&c->url.host, call_found, c);
}

static void
call_headers(struct call *c, struct http_ask *ask)
{
	static char	 request[] = "X-Vault-Request: true";
	unsigned int	 n = 0;

	ask->headers[n++] = request;
	if (vault.namespace[0] != '\0')
		ask->headers[n++] = c->namespace;
	if ((c->flags & CALL_BARE) == 0)
		ask->headers[n++] = session_header();
	if (c->trace[0] != '\0')
		ask->headers[n++] = c->trace;
}

static void
call_found(void *arg, const char *resolve, const char *why)
{
	struct http_ask	 ask;
	struct call	*c = arg;

	c->wait = NULL;
	if (resolve != NULL) {
		strlcpy(c->resolve, resolve, sizeof(c->resolve));
		memset(&ask, 0, sizeof(ask));
		ask.url = &c->url;
		ask.resolve = resolve[0] != '\0' ? c->resolve : NULL;
		ask.method = c->method;
		ask.body = c->body;
		ask.bodylen = c->bodylen;
		ask.most = VAULT_BODY_MAX;
		call_headers(c, &ask);
		count_calls++;
		c->http = http_start(&ask, call_answered, c);
		why = "no memory for a request";
	}
	if (c->http != NULL)
		return;
	/* resolve_find() may still be at it: go on from the loop. */
	strlcpy(c->last, why, sizeof(c->last));
	c->server = preferred = (c->server + 1) % vault.nservers;
	event_del(c->timer);
	c->over = call_left(c) <= WAIT_LEAST_MS;
	timer_set(c->pause, c->over ? 0 : WAIT_LEAST_MS);
}

/* Not now, or not this server: any other status is the answer. */
static int
is_ill(long status)
{
	static const long	 ill[] = { 412, 429, 472, 473, 500, 502, 503,
				    504 };
	size_t			 i;

	for (i = 0; i < sizeof(ill) / sizeof(ill[0]); i++)
		if (ill[i] == status)
			return (1);
	return (0);
}

/*
 * To a server that we know, by https unless that one is plain itself.  The
 * active one that died is named so until another one is elected.
 */
static const char *
call_redirect(struct call *c, const char *location)
{
	struct url	 url;
	unsigned int	 i;

	if (c->redirects == REDIRECTS_MAX)
		return ("the active server is not found");
	c->redirects++;
	if (location == NULL || url_parse_plain(&url, location) != NULL)
		return ("it sends nowhere");
	for (i = 0; i < vault.nservers; i++)
		if (host_same(&vault.servers[i].host, &url.host) &&
		    vault.servers[i].plain == url.plain) {
			c->server = preferred = i;
			timer_set(c->pause, 0);
			return (NULL);
		}
	return ("it sends elsewhere than to the configured servers");
}

static void
call_ill(struct call *c, const struct http_answer *answer)
{
	char	 errors[256];

	value_errors(answer->data, answer->len, errors, sizeof(errors));
	snprintf(c->last, sizeof(c->last), "%.128s answered %ld%s%s",
	    c->url.host.name, answer->status, errors[0] != '\0' ? ": " : "",
	    errors);
}

static void
call_answered(void *arg, const struct http_answer *answer)
{
	struct reply	 reply;
	struct call	*c = arg;
	const char	*why;

	c->http = NULL;
	event_del(c->timer);
	if (answer->why[0] != '\0') {
		strlcpy(c->last, answer->why, sizeof(c->last));
		call_again(c);
		return;
	}
	call_ill(c, answer);
	if (answer->status == 307) {
		if ((why = call_redirect(c, answer->location)) == NULL)
			return;
		strlcat(c->last, ": ", sizeof(c->last));
		strlcat(c->last, why, sizeof(c->last));
		call_again(c);
		return;
	}
	if (is_ill(answer->status)) {
		call_again(c);
		return;
	}
	reply.status = answer->status;
	reply.data = answer->data;
	reply.len = answer->len;
	reply.why = c->last;
	call_end(c, &reply);
}

struct call *
call_start(const struct request_name *name, const char *method,
    const char *path, char *body, size_t bodylen, uint64_t deadline,
    int flags, void (*done)(void *, const struct reply *), void *arg)
{
	struct call	*c;
	struct trace	 t;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		if (body != NULL)
			freezero(body, bodylen);
		return (NULL);
	}
	c->method = method;
	c->path = path;
	c->body = body;
	c->bodylen = bodylen;
	c->deadline = deadline;
	c->flags = flags;
	c->server = preferred;
	c->done = done;
	c->arg = arg;
	snprintf(c->namespace, sizeof(c->namespace), "X-Vault-Namespace: %s",
	    vault.namespace);
	if (name != NULL && trace_get(name, &t) == 0)
		trace_header(&t, c->trace);
	c->timer = timer_new(call_timeout, c);
	c->pause = timer_new(call_try, c);
	/* What fails at once is told from the loop, too. */
	if (call_left(c) > 0)
		call_try(-1, 0, c);
	else
		timer_set(c->pause, 0);
	return (c);
}

const char *
call_stage(const struct call *c)
{
	return (c->last);
}

void
call_counters(struct wbuf *w)
{
	wb_str(w, "calls");
	wb_u64(w, count_calls);
	wb_str(w, "connections");
	wb_u64(w, http_connections);
	wb_str(w, "again");
	wb_u64(w, count_again);
	wb_str(w, "unanswered");
	wb_u64(w, count_failed);
}

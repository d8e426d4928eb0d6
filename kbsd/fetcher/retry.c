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
 * One request to the service from its name's address to an outcome: looked
 * up, sent, sent again after a random wait when the service says that it is
 * ill, all of it before one deadline.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fetcher.h"
#include "log.h"

/* A retry must have this much time left when its wait is over. */
#define RETRY_ROOM_MS	250

struct fetch {
	uint8_t			 what;
	struct url		 url;
	char			*body;
	size_t			 bodylen;
	char			 resolve[RESOLVE_MAX];
	uint64_t		 begun;
	uint64_t		 deadline;
	unsigned int		 tries;
	struct event		*timer;		/* the deadline */
	struct event		*pause;		/* till the next try */
	struct resolve		*wait;		/* at most one of these two */
	struct http		*http;
	char			 trace[TRACE_HEADER];	/* "": none */
	char			 request_id[sizeof("request-id: ") +
				    UUID_TEXT];
	char			 last[REASON_TEXT_MAX];	/* of the try before */
	uint16_t		 status;
	int			 failed;	/* why is in last */
	void			(*done)(void *, struct outcome *);
	void			*arg;
};

static const long	 retried[] = { 500, 503, 504 };

static void	fetch_found(void *, const char *, const char *);
static void	fetch_answered(void *, const struct http_answer *);

struct reached	 reached;

void
fetch_cancel(struct fetch *f)
{
	if (f->wait != NULL)
		resolve_cancel(f->wait);
	if (f->http != NULL)
		http_cancel(f->http);
	event_free(f->timer);
	event_free(f->pause);
	if (f->body != NULL)
		freezero(f->body, f->bodylen);
	free(f);
}

static void
fetch_end(struct fetch *f, struct outcome *out)
{
	void	(*done)(void *, struct outcome *) = f->done;
	void	*arg = f->arg;

	if (out->result == GOT_OK)
		reached.good = (int64_t)time(NULL);
	else {
		counts.failed++;
		reached.bad = (int64_t)time(NULL);
		strlcpy(reached.why, out->why, sizeof(reached.why));
		log_warnx("%s: %s: %s", settings.name, service_name(f->what),
		    out->why);
	}
	fetch_cancel(f);
	done(arg, out);
	wb_free(&out->body);
}

static void
fetch_fail(struct fetch *f, uint8_t result, const char *why)
{
	struct outcome	 out;

	memset(&out, 0, sizeof(out));
	out.result = result;
	out.status = f->status;
	strlcpy(out.why, why, sizeof(out.why));
	fetch_end(f, &out);
}

static void
fetch_timeout(int fd, short what, void *arg)
{
	struct fetch	*f = arg;
	char		 why[REASON_TEXT_MAX];
	const char	*stage;

	(void)fd;
	(void)what;
	if (f->wait != NULL)
		stage = "looking up its address";
	else if (f->http != NULL)
		stage = http_stage(f->http);
	else
		stage = f->last;
	snprintf(why, sizeof(why), "%.128s timed out after %.1f s, %.256s",
	    f->url.host.name, (double)(now_ms() - f->begun) / 1000, stage);
	fetch_fail(f, GOT_UNAVAILABLE, why);
}

/* With a proxy it is the proxy that is looked up. */
static void
fetch_try(int fd, short what, void *arg)
{
	struct fetch	*f = arg;
	const struct url *next;

	(void)fd;
	(void)what;
	if (f->failed) {
		fetch_fail(f, GOT_UNAVAILABLE, f->last);
		return;
	}
	next = settings.has_proxy ? &settings.proxy : &f->url;
	if (next->numeric)
		fetch_found(f, "", NULL);
	else
		f->wait = resolve_find(&next->host, fetch_found, f);
}

/* The key goes with what is asked of the API, to its host, and never else. */
static void
fetch_headers(struct fetch *f, struct http_ask *ask)
{
	static char	 json[] = "Accept: application/json";
	static char	 all[] = "Accept: */*";
	struct uuid	 id;
	char		 text[UUID_TEXT];
	int		 api = service_api(f->what);

	ask->headers[0] = api ? json : all;
	if (!api || !host_same(&f->url.host, &settings.api.host))
		return;
	uuid_make(&id);
	snprintf(f->request_id, sizeof(f->request_id), "request-id: %s",
	    uuid_format(&id, text));
	ask->headers[1] = f->request_id;
	ask->headers[2] = settings.api_key;
	if (f->trace[0] != '\0')
		ask->headers[3] = f->trace;
}

static void
fetch_found(void *arg, const char *resolve, const char *why)
{
	struct http_ask	 ask;
	struct fetch	*f = arg;

	f->wait = NULL;
	memset(&ask, 0, sizeof(ask));
	if (resolve != NULL) {
		strlcpy(f->resolve, resolve, sizeof(f->resolve));
		ask.url = &f->url;
		ask.resolve = resolve[0] != '\0' ? f->resolve : NULL;
		ask.body = f->body;
		ask.bodylen = f->bodylen;
		ask.most = service_most(f->what);
		fetch_headers(f, &ask);
		f->http = http_start(&ask, fetch_answered, f);
		why = "no memory for a request";
	}
	if (f->http == NULL) {
		/* resolve_find() may still be at it: end from the loop. */
		f->failed = 1;
		strlcpy(f->last, why, sizeof(f->last));
		timer_set(f->pause, 0);
		return;
	}
	f->tries++;
	counts.requests[f->what]++;
}

/* The service is ill; any other status is its answer. */
static int
fetch_retried(long status)
{
	size_t	 i;

	for (i = 0; i < sizeof(retried) / sizeof(retried[0]); i++)
		if (retried[i] == status)
			return (1);
	return (0);
}

/* 1: there will be another try. */
static int
fetch_again(struct fetch *f)
{
	uint64_t	 left, most, now = now_ms();

	if (f->tries > RETRIES || now >= f->deadline)
		return (0);
	left = f->deadline - now;
	if (left < RETRY_ROOM_MS ||
	    left - RETRY_ROOM_MS < settings.retry_least)
		return (0);
	most = left - RETRY_ROOM_MS;
	if (most > settings.retry_most)
		most = settings.retry_most;
	timer_set(f->pause, settings.retry_least + arc4random_uniform(
	    (uint32_t)(most - settings.retry_least) + 1));
	counts.retries++;
	return (1);
}

static int
fetch_read(struct fetch *f, const struct http_answer *answer,
    struct outcome *out)
{
	if (f->what < FETCH_MAX)
		return (service_read(f->what, answer->data, answer->len,
		    &out->body, out->why, sizeof(out->why)));
	return (collateral_read(f->what, answer, &out->body, out->why,
	    sizeof(out->why)));
}

static void
fetch_answered(void *arg, const struct http_answer *answer)
{
	struct outcome	 out;
	struct fetch	*f = arg;
	int		 ill = fetch_retried(answer->status);

	f->http = NULL;
	f->status = (uint16_t)answer->status;
	if (answer->why[0] != '\0') {
		fetch_fail(f, GOT_UNAVAILABLE, answer->why);
		return;
	}
	memset(&out, 0, sizeof(out));
	if (answer->status == 200) {
		out.status = 200;
		if (fetch_read(f, answer, &out) == -1)
			out.result = GOT_UNAVAILABLE;
		fetch_end(f, &out);
		return;
	}
	snprintf(f->last, sizeof(f->last), "%s answered %ld",
	    f->url.host.name, answer->status);
	if (ill && fetch_again(f))
		return;
	service_error(answer->data, answer->len, f->last, sizeof(f->last));
	fetch_fail(f, ill ? GOT_UNAVAILABLE : GOT_REFUSED, f->last);
}

struct fetch *
fetch_start(uint8_t what, const struct url *url, char *body, size_t bodylen,
    uint64_t deadline, void (*done)(void *, struct outcome *), void *arg)
{
	struct fetch	*f;
	uint64_t	 now = now_ms();

	if ((f = calloc(1, sizeof(*f))) == NULL) {
		if (body != NULL)
			freezero(body, bodylen);
		return (NULL);
	}
	f->what = what;
	f->url = *url;
	f->body = body;
	f->bodylen = bodylen;
	f->begun = now;
	f->deadline = deadline;
	f->done = done;
	f->arg = arg;
	f->timer = timer_new(fetch_timeout, f);
	f->pause = timer_new(fetch_try, f);
	timer_set(f->timer, deadline > now ? deadline - now : 0);
	timer_set(f->pause, 0);
	return (f);
}

void
fetch_trace(struct fetch *f, const struct request_name *name)
{
	struct trace	 t;

	if (trace_get(name, &t) == 0)
		trace_header(&t, f->trace);
}

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
 * The key set and the CRLs, remembered as the bytes that came last, so that
 * many verifiers, new ones too, ask the service once.  When it is asked is
 * decided by time alone: no flood of unknown key ids and no failure makes it
 * more than once an interval, and a failure never pushes out what is good.
 * Whether the bytes still hold is for the verifier to say.
 */
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fetcher.h"
#include "log.h"

struct memory {
	TAILQ_ENTRY(memory)	 entry;
	uint8_t			 what;
	struct url		 url;
	uint8_t			*data;		/* NULL: never came */
	size_t			 len;
	uint64_t		 fetched;	/* Unix seconds */
	uint64_t		 fetched_ms;
	int			 tried;
	uint64_t		 tried_ms;
	uint8_t			 result;	/* of the last try */
	uint16_t		 status;
	char			 why[REASON_TEXT_MAX];
	struct fetch		*fetch;		/* under way */
	TAILQ_HEAD(, get)	 waiting;
};

/* The longest unused first; the key set is one of them, and stays. */
static TAILQ_HEAD(, memory)	 memories = TAILQ_HEAD_INITIALIZER(memories);
static unsigned int		 nmemories;

static struct memory *
memory_new(uint8_t what, const struct url *url)
{
	struct memory	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	m->what = what;
	m->url = *url;
	TAILQ_INIT(&m->waiting);
	TAILQ_INSERT_TAIL(&memories, m, entry);
	nmemories++;
	return (m);
}

/* The key set is there from the start, so a full table can't lock it out. */
void
memory_init(void)
{
	struct question	 q;
	struct url	 url;
	const char	*why;
	char		*body;
	size_t		 len;

	memset(&q, 0, sizeof(q));
	q.what = FETCH_NONCE;
	if ((why = service_ask(&q, &url, &body, &len)) != NULL)
		fatalx("api \"%s\": %s", settings.api.text, why);
	q.what = FETCH_JWKS;
	if ((why = service_ask(&q, &url, &body, &len)) != NULL)
		fatalx("base \"%s\": %s", settings.base.text, why);
	if (memory_new(FETCH_JWKS, &url) == NULL)
		fatal("key set");
}

/* Room for one more: the longest unused goes. */
static int
memory_room(void)
{
	struct memory	*m;

	if (nmemories < 1 + CRLS_MAX)
		return (0);
	TAILQ_FOREACH(m, &memories, entry)
		if (m->what == FETCH_CRL && m->fetch == NULL)
			break;
	if (m == NULL)
		return (-1);
	TAILQ_REMOVE(&memories, m, entry);
	nmemories--;
	free(m->data);
	free(m);
	return (0);
}

struct memory *
memory_find(uint8_t what, const struct url *url)
{
	struct memory	*m;

	TAILQ_FOREACH(m, &memories, entry)
		if (m->what == what &&
		    (what == FETCH_JWKS || strcmp(m->url.text, url->text) == 0))
			break;
	if (m != NULL) {
		TAILQ_REMOVE(&memories, m, entry);
		TAILQ_INSERT_TAIL(&memories, m, entry);
		return (m);
	}
	if (memory_room() == -1)
		return (NULL);
	return (memory_new(what, url));
}

static void
memory_give(struct memory *m, struct get *g)
{
	get_answer(g, GOT_OK, 200, "", m->data, m->len, m->fetched);
}

static void
memory_keep(struct memory *m, struct wbuf *body)
{
	uint8_t	*data;

	if ((data = malloc(body->len)) == NULL) {
		m->result = GOT_UNAVAILABLE;
		strlcpy(m->why, "no memory to keep it", sizeof(m->why));
		return;
	}
	memcpy(data, body->data, body->len);
	free(m->data);
	m->data = data;
	m->len = body->len;
	m->fetched = (uint64_t)time(NULL);
	m->fetched_ms = now_ms();
}

/* Who did not ask for a new one is served with the old one, if need be. */
static void
memory_done(void *arg, struct outcome *out)
{
	struct memory	*m = arg;
	struct get	*g;

	m->fetch = NULL;
	m->result = out->result;
	m->status = out->status;
	strlcpy(m->why, out->why, sizeof(m->why));
	if (out->result == GOT_OK)
		memory_keep(m, &out->body);
	while ((g = TAILQ_FIRST(&m->waiting)) != NULL) {
		memory_leave(m, g);
		if (m->result == GOT_OK || (m->data != NULL && !g->refresh))
			memory_give(m, g);
		else
			get_answer(g, m->result, m->status, m->why, NULL, 0,
			    0);
	}
}

/* The gate is closed, and there is nothing to give. */
static void
memory_deny(struct memory *m, struct get *g, uint64_t since)
{
	char	 why[REASON_TEXT_MAX];

	snprintf(why, sizeof(why), "%.*s (asked %llu s ago, again in %llu s)",
	    REASON_TEXT_MAX - 80, m->why, (unsigned long long)(since / 1000),
	    (unsigned long long)((settings.interval - since) / 1000 + 1));
	get_answer(g, m->result, m->status, why, NULL, 0, 0);
}

/*
 * The fetch has a deadline of its own, for what it brings is of use when all
 * who wait for it have given up.
 */
static int
memory_fetch(struct memory *m)
{
	uint64_t	 now = now_ms();

	m->fetch = fetch_start(m->what, &m->url, NULL, 0,
	    now + DEADLINE_SERVICE_MS, memory_done, m);
	if (m->fetch == NULL)
		return (-1);
	m->tried = 1;
	m->tried_ms = now;
	return (0);
}

void
memory_get(struct memory *m, struct get *g)
{
	uint64_t	 now = now_ms();
	int		 fresh, shut;

	fresh = m->data != NULL && now - m->fetched_ms < settings.interval;
	shut = m->tried && now - m->tried_ms < settings.interval;
	if (m->fetch == NULL && (shut || (fresh && !g->refresh))) {
		if (m->data == NULL) {
			memory_deny(m, g, now - m->tried_ms);
			return;
		}
		counts.remembered++;
		memory_give(m, g);
		return;
	}
	if (m->fetch == NULL && memory_fetch(m) == -1) {
		get_answer(g, GOT_BUSY, 0, "no memory for a request", NULL, 0,
		    0);
		return;
	}
	g->memory = m;
	TAILQ_INSERT_TAIL(&m->waiting, g, waitentry);
}

void
memory_leave(struct memory *m, struct get *g)
{
	TAILQ_REMOVE(&m->waiting, g, waitentry);
	g->memory = NULL;
}

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
 * The key set, the CRLs and the parts of collateral, remembered as the bytes
 * that came last, so that many verifiers, new ones too, ask the service once.
 * When it is asked is decided by time alone: no flood of unknown key ids and
 * no failure makes it more than once an interval, and a failure never pushes
 * out what is good.  Whether the bytes still hold is for the verifier to say.
 * VCEKs are for good, and AMD counts who asks for them: whose chips a stranger
 * names is looked up at a pace, and at none for a while once it is too many.
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
	unsigned int		 wanted;	/* waits that name it */
	TAILQ_HEAD(, wait)	 waiting;
};

/* The longest unused first; the key set is one of them, and stays. */
static TAILQ_HEAD(, memory)	 memories = TAILQ_HEAD_INITIALIZER(memories);
static unsigned int		 nmemories;	/* without the key set */

/* How often a VCEK may be asked for: so many at once, and then one each. */
#define BUDGET_MOST	60
#define BUDGET_EACH_MS	1000

static unsigned int		 budget = BUDGET_MOST;
static uint64_t			 budget_ms;	/* may lie ahead: none till */

static int
budget_take(void)
{
	uint64_t	 now = now_ms(), more;

	if (now > budget_ms + BUDGET_EACH_MS) {
		more = (now - budget_ms) / BUDGET_EACH_MS;
		budget_ms += more * BUDGET_EACH_MS;
		budget = more > BUDGET_MOST - budget ? BUDGET_MOST :
		    budget + (unsigned int)more;
	}
	if (budget == 0)
		return (-1);
	budget--;
	return (0);
}

static void
budget_spent(void)
{
	budget = 0;
	budget_ms = now_ms() + settings.interval;
}

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
	nmemories += what != FETCH_JWKS;
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
	if (settings.kind == FETCHER_SERVICE &&
	    (why = service_ask(&q, &url, &body, &len)) != NULL)
		fatalx("api \"%s\": %s", settings.api.text, why);
	q.what = FETCH_JWKS;
	if ((why = service_ask(&q, &url, &body, &len)) != NULL)
		fatalx("base \"%s\": %s", settings.base.text, why);
	if (memory_new(FETCH_JWKS, &url) == NULL)
		fatal("key set");
}

/* The longest unused of those that nobody wants now. */
static struct memory *
memory_unused(int empty)
{
	struct memory	*m;

	TAILQ_FOREACH(m, &memories, entry)
		if (m->what != FETCH_JWKS && m->fetch == NULL &&
		    m->wanted == 0 && (!empty || (m->what == PART_VCEK &&
		    m->data == NULL)))
			break;
	return (m);
}

/*
 * Room for one more: the longest unused goes, and of chips first one that
 * nobody has a VCEK of.
 */
static int
memory_room(void)
{
	struct memory	*m;

	if (nmemories < MEMORIES_MAX + (settings.kind == FETCHER_SNP ?
	    VCEKS_MAX : 0))
		return (0);
	if ((m = memory_unused(1)) == NULL && (m = memory_unused(0)) == NULL)
		return (-1);
	TAILQ_REMOVE(&memories, m, entry);
	nmemories--;
	free(m->data);
	free(m);
	return (0);
}

static struct memory *
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

void
memory_held(const struct wait *w, struct held *h)
{
	const struct memory	*m = w->memory;

	memset(h, 0, sizeof(*h));
	h->result = GOT_OK;
	h->status = 200;
	h->why = "";
	h->data = m->data;
	h->len = m->len;
	h->fetched = m->fetched;
}

static void
memory_give(struct wait *w)
{
	struct held	 h;

	memory_held(w, &h);
	w->done(w->arg, &h);
}

/* Nothing is there to give, or not what was asked for. */
static void
memory_fail(struct wait *w, const char *why)
{
	struct held	 h;

	memset(&h, 0, sizeof(h));
	h.result = w->memory->result;
	h.status = w->memory->status;
	h.why = why;
	w->done(w->arg, &h);
}

/*
 * Who did not ask for a new one is served with the old one, if need be; with
 * collateral everybody is, for each part of it says until when it holds.
 */
static int
memory_serves(const struct memory *m, const struct wait *w)
{
	return (m->result == GOT_OK || (m->data != NULL &&
	    (!w->refresh || m->what >= FETCH_MAX)));
}

/* Wanted once more till the end: a done() may free what else is known. */
static void
memory_done(void *arg, struct outcome *out)
{
	struct memory	*m = arg;
	struct wait	*w;

	m->fetch = NULL;
	m->result = out->result;
	m->status = out->status;
	strlcpy(m->why, out->why, sizeof(m->why));
	if (out->result == GOT_OK)
		memory_keep(m, &out->body);
	if (m->what == PART_VCEK && out->status == 429)
		budget_spent();
	m->wanted++;
	while ((w = TAILQ_FIRST(&m->waiting)) != NULL) {
		TAILQ_REMOVE(&m->waiting, w, entry);
		w->queued = 0;
		if (memory_serves(m, w))
			memory_give(w);
		else
			memory_fail(w, m->why);
	}
	m->wanted--;
}

/* The gate is closed, and there is nothing to give. */
static void
memory_deny(struct wait *w, uint64_t since)
{
	char	 why[REASON_TEXT_MAX];

	snprintf(why, sizeof(why), "%.*s (asked %llu s ago, again in %llu s)",
	    REASON_TEXT_MAX - 80, w->memory->why,
	    (unsigned long long)(since / 1000), (unsigned long long)
	    ((settings.interval - since) / 1000 + 1));
	memory_fail(w, why);
}

/*
 * The fetch has a deadline of its own, for what it brings is of use when all
 * who wait for it have given up.
 */
static int
memory_fetch(struct memory *m)
{
	uint64_t	 now = now_ms();

	if (m->what == PART_VCEK && budget_take() == -1) {
		log_warnx("%s: more VCEKs are wanted than may be asked for",
		    settings.name);
		return (-1);
	}
	m->fetch = fetch_start(m->what, &m->url, NULL, 0,
	    now + DEADLINE_SERVICE_MS, memory_done, m);
	if (m->fetch == NULL)
		return (-1);
	m->tried = 1;
	m->tried_ms = now;
	return (0);
}

/* How long it is given out without another look. */
static uint64_t
memory_fresh_ms(const struct memory *m)
{
	if (m->what == PART_VCEK)
		return (UINT64_MAX);
	if (m->what < FETCH_MAX || settings.interval > KEEP_MS)
		return (settings.interval);
	return (KEEP_MS);
}

int
memory_get(struct wait *w, uint8_t what, const struct url *url)
{
	struct memory	*m;
	uint64_t	 now = now_ms();
	int		 fresh, shut;

	if ((m = memory_find(what, url)) == NULL)
		return (-1);
	w->memory = m;
	m->wanted++;
	fresh = m->data != NULL && now - m->fetched_ms < memory_fresh_ms(m);
	shut = m->tried && now - m->tried_ms < settings.interval;
	if (m->fetch == NULL && (shut || (fresh && !w->refresh))) {
		if (m->data == NULL) {
			memory_deny(w, now - m->tried_ms);
			return (0);
		}
		counts.remembered++;
		memory_give(w);
		return (0);
	}
	if (m->fetch == NULL && memory_fetch(m) == -1) {
		memory_leave(w);
		return (-1);
	}
	w->queued = 1;
	TAILQ_INSERT_TAIL(&m->waiting, w, entry);
	return (0);
}

void
memory_leave(struct wait *w)
{
	if (w->memory == NULL)
		return;
	if (w->queued)
		TAILQ_REMOVE(&w->memory->waiting, w, entry);
	w->queued = 0;
	w->memory->wanted--;
	w->memory = NULL;
}

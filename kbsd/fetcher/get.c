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
 * What the verifiers ask, from the message to its answer: one struct get for
 * each GET, its time and its place in the limits.
 */
#include <sys/queue.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fetcher.h"
#include "log.h"

struct counts			 counts;

static TAILQ_HEAD(, get)	 gets = TAILQ_HEAD_INITIALIZER(gets);
static unsigned int		 ngets;
static size_t			 gets_bytes;

unsigned int
get_count(void)
{
	return (ngets);
}

static void
get_free(struct get *g)
{
	memory_leave(&g->wait);
	if (g->collateral != NULL)
		collateral_free(g->collateral);
	if (g->fetch != NULL)
		fetch_cancel(g->fetch);
	if (g->timer != NULL)
		event_free(g->timer);
	TAILQ_REMOVE(&gets, g, entry);
	ngets--;
	gets_bytes -= g->bytes;
	free(g);
}

void
get_answer(struct get *g, uint8_t result, uint16_t status, const char *why,
    const void *data, size_t len, uint64_t fetched)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, g->tag);
	wb_u8(&w, result);
	wb_u16(&w, status);
	wb_str(&w, why);
	wb_bytes(&w, data, len);
	wb_u64(&w, fetched);
	if (result == GOT_BUSY)
		counts.busy++;
	if (edge_send(g->edge, IMSG_VERIFIER_GOT, &w) == -1)
		log_warn("can't answer verifier %u", g->edge->instance);
	get_free(g);
}

void
get_refuse(struct get *g, uint8_t result, const char *what, const char *why)
{
	char	 text[REASON_TEXT_MAX];

	strlcpy(text, what, sizeof(text));
	strlcat(text, " ", sizeof(text));
	strlcat(text, why, sizeof(text));
	log_warnx("%s: %s", settings.name, text);
	counts.failed++;
	get_answer(g, result, 0, text, NULL, 0, 0);
}

/* Whoever waits for a shared fetch has a time of his own. */
static void
get_timeout(int fd, short what, void *arg)
{
	struct get	*g = arg;
	char		 why[64];

	(void)fd;
	(void)what;
	snprintf(why, sizeof(why), "%s did not come in time",
	    g->collateral != NULL ? collateral_missing(g->collateral) : "it");
	get_answer(g, GOT_UNAVAILABLE, 0, why, NULL, 0, 0);
}

void
get_timer(struct get *g)
{
	uint64_t	 now = now_ms();

	g->timer = timer_new(get_timeout, g);
	timer_set(g->timer, g->deadline > now ? g->deadline - now : 0);
}

static void
get_done(void *arg, struct outcome *out)
{
	struct get	*g = arg;

	g->fetch = NULL;
	get_answer(g, out->result, out->status, out->why, out->body.data,
	    out->body.len, out->result == GOT_OK ? (uint64_t)time(NULL) : 0);
}

static void
get_own(struct get *g, const struct question *q)
{
	struct request_name	 name;
	struct url		 url;
	const char		*why;
	char			*body;
	size_t			 len;

	if ((why = service_ask(q, &url, &body, &len)) != NULL) {
		get_refuse(g, GOT_REFUSED, service_name(q->what), why);
		return;
	}
	if (gets_bytes + len > GETS_BYTES_MAX) {
		freezero(body, len);
		get_answer(g, GOT_BUSY, 0, "too much evidence under way",
		    NULL, 0, 0);
		return;
	}
	g->bytes = len;
	gets_bytes += len;
	name.front = g->edge->instance;
	name.number = g->tag;
	g->fetch = fetch_start(q->what, &url, body, len, g->deadline,
	    get_done, g);
	if (g->fetch == NULL)
		get_answer(g, GOT_BUSY, 0, "no memory for a request", NULL,
		    0, 0);
	else
		fetch_trace(g->fetch, &name);
}

static void
get_came(void *arg, const struct held *h)
{
	struct get	*g = arg;

	get_answer(g, h->result, h->status, h->why, h->data, h->len,
	    h->fetched);
}

static void
get_shared(struct get *g, const char *text)
{
	struct url	 url;
	const char	*why;

	memset(&url, 0, sizeof(url));
	if (g->what == FETCH_CRL &&
	    (why = service_crl(text, &url)) != NULL) {
		get_refuse(g, GOT_REFUSED, "URL of a revocation list", why);
		return;
	}
	get_timer(g);
	g->wait.refresh = g->refresh;
	g->wait.done = get_came;
	g->wait.arg = g;
	if (memory_get(&g->wait, g->what, &url) == -1)
		get_answer(g, GOT_BUSY, 0, "too many revocation lists under "
		    "way", NULL, 0, 0);
}

/*
 * What stands where it has no business is a violation.  The ids hold until
 * the next GET, that is, while it is asked.
 */
static int
get_read(struct rbuf *r, struct get *g, struct question *q, char *url,
    size_t urlsize)
{
	static const size_t	 evidence_most[FETCH_MAX] = {
		[FETCH_ATTEST] = EVIDENCE_MAX + 64 * 1024,
		[FETCH_DCAP] = ABOUT_MAX, [FETCH_SNP] = ABOUT_MAX,
		[FETCH_VCEK] = ABOUT_MAX,
	};
	static char	 ids[POLICY_IDS_MAX][UUID_TEXT];
	struct rbuf	 inner;
	const uint8_t	*evidence;
	uint32_t	 i;
	size_t		 len;

	g->tag = rb_u64(r);
	g->what = q->what = rb_enum(r, FETCH_MAX - 1);
	g->deadline = rb_u64(r);
	g->refresh = (uint8_t)rb_bool(r);
	rb_str(r, url, urlsize);
	q->tees = rb_u8(r);
	q->nids = rb_u32(r);
	if (r->failed || q->nids > POLICY_IDS_MAX ||
	    collateral_kind(q->what) != (settings.kind == FETCHER_JWKS ?
	    FETCHER_SERVICE : settings.kind) ||
	    (settings.kind == FETCHER_JWKS && q->what != FETCH_JWKS &&
	    q->what != FETCH_CRL) ||
	    (q->tees & ~TEE_ALL) != 0 ||
	    (q->what == FETCH_CRL) != (url[0] != '\0') ||
	    (q->what != FETCH_ATTEST && q->nids != 0))
		return (-1);
	q->ids = ids;
	for (i = 0; i < q->nids; i++)
		rb_str(r, q->ids[i], sizeof(q->ids[i]));
	evidence = rb_bytes(r, &len, 0, evidence_most[q->what]);
	if (rb_end(r) == -1)
		return (-1);
	if (collateral_kind(q->what) != FETCHER_SERVICE)
		return (collateral_platform(&q->platform, q->what, q->tees,
		    evidence, len));
	if (q->what != FETCH_ATTEST)
		return (0);
	rb_init(&inner, evidence, len);
	rb_evidence(&inner, &q->evidence);
	return (rb_end(&inner));
}

static void
get_begin(struct get *g, const struct question *q, const char *url)
{
	uint64_t	 now = now_ms();

	if (g->deadline > now + DEADLINE_SERVICE_MS)
		g->deadline = now + DEADLINE_SERVICE_MS;
	if (ngets > GETS_MAX)
		get_answer(g, GOT_BUSY, 0, "too many requests under way",
		    NULL, 0, 0);
	else if (g->deadline <= now)
		get_answer(g, GOT_UNAVAILABLE, 0, "its time was over before "
		    "it began", NULL, 0, 0);
	else if (collateral_kind(q->what) != FETCHER_SERVICE)
		collateral_get(g, &q->platform);
	else if (q->what == FETCH_JWKS || q->what == FETCH_CRL)
		get_shared(g, url);
	else
		get_own(g, q);
}

int
get_take(struct edge *edge, struct rbuf *r)
{
	struct question	 q;
	struct get	*g;
	char		 url[URL_MAX];
	int		 ret;

	memset(&q, 0, sizeof(q));
	if ((g = calloc(1, sizeof(*g))) == NULL)
		fatal("no memory for a request");
	g->edge = edge;
	TAILQ_INSERT_TAIL(&gets, g, entry);
	ngets++;
	if ((ret = get_read(r, g, &q, url, sizeof(url))) == -1)
		get_free(g);
	else
		get_begin(g, &q, url);
	return (ret);
}

void
get_down(struct edge *edge)
{
	struct get	*g, *next;

	TAILQ_FOREACH_SAFE(g, &gets, entry, next)
		if (g->edge == edge)
			get_free(g);
}

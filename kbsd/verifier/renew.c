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
 * How the collateral of a block is renewed: first the store is asked for its
 * copy, then the fetcher, for the key set and then for the CRLs that it needs.
 * Renewal is gated by time alone, a failure never takes away what is still
 * valid, and all who need it wait for one fetch.
 */

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block.h"
#include "log.h"

#define ASK_MS		5000		/* for the store to answer */
#define REFRESH_MOST_S	3600
#define REFRESH_LEAST_S	10
#define RETRY_LEAST_S	5
#define RETRY_MOST_S	900
#define ALARM_S		(6 * 3600)	/* before the end of what we have */

static void		(*block_changed)(void);
static struct event	*changed_event;
static uint64_t		 count_fetches, count_failures;

static void	renew_schedule(struct block *);

/* --- the store's copy ---------------------------------------------- */

void
renew_ask(struct block *b)
{
	struct timeval	 tv = { ASK_MS / 1000, 0 };
	struct wbuf	 w = { 0 };

	b->asked = 1;
	wb_u64(&w, b->number);
	wb_str(&w, b->name);
	if (edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_COLLATERAL_WANT,
	    &w) == -1)
		return;
	b->state = BLOCK_ASKING;
	event_add(b->timer, &tv);
}

/* It answered, or never will. */
void
renew_asked(struct block *b)
{
	b->state = BLOCK_IDLE;
	event_del(b->timer);
	if (jwks_any(b->keys, block_now())) {
		log_debug("%s: collateral from the store", b->name);
		renew_schedule(b);
		event_active(changed_event, EV_TIMEOUT, 0);
		return;
	}
	b->refresh = 0;
	renew_fetch(b);
	if (b->state == BLOCK_IDLE)
		event_active(changed_event, EV_TIMEOUT, 0);
}

/* --- when ---------------------------------------------------------- */

static void
renew_timer(struct block *b, int64_t seconds)
{
	struct timeval	 tv;

	/* Several verifiers ask one fetcher: not all at once. */
	seconds += arc4random_uniform((uint32_t)seconds / 5 + 1);
	tv.tv_sec = (time_t)seconds;
	tv.tv_usec = (suseconds_t)arc4random_uniform(1000000);
	event_add(b->timer, &tv);
}

/* At half of what is left; after a failure sooner, and ever slower. */
static void
renew_schedule(struct block *b)
{
	int64_t	 now = block_now(), end = jwks_end(b->keys, now, 0), delay;

	if (b->failures > 0 || end == 0) {
		delay = RETRY_LEAST_S;
		delay <<= b->failures < 8 ? b->failures : 8;
		if (delay > RETRY_MOST_S)
			delay = RETRY_MOST_S;
	} else {
		delay = (end - now) / 2;
		if (delay > REFRESH_MOST_S)
			delay = REFRESH_MOST_S;
		if (delay < REFRESH_LEAST_S)
			delay = REFRESH_LEAST_S;
	}
	if (delay < (int64_t)b->interval)
		delay = b->interval;
	renew_timer(b, delay);
}

static void
renew_alarm(const struct block *b)
{
	int64_t	 now = block_now(), end = jwks_end(b->keys, now, 1);

	if (end == 0)
		log_alert("%s: no valid collateral: tokens can't be verified",
		    b->name);
	else if (end - now < ALARM_S)
		log_alert("%s: collateral can't be renewed and ends in %lld "
		    "minutes", b->name, (long long)(end - now) / 60);
}

int
renew_shut(const struct block *b)
{
	return (b->tried && now_ms() - b->tried_ms <
	    (uint64_t)b->interval * 1000);
}

/* --- what comes ---------------------------------------------------- */

/* All that was asked for came, or did not. */
static void
renew_done(struct block *b)
{
	block_unwant(b);
	block_adopt(b);
	b->state = BLOCK_IDLE;
	if (b->wrong || !jwks_any(b->keys, block_now())) {
		b->failures++;
		count_failures++;
		b->bad = block_now();
		renew_alarm(b);
	} else {
		b->failures = 0;
		b->good = block_now();
	}
	copy_put(b);
	renew_schedule(b);
	event_active(changed_event, EV_TIMEOUT, 0);
}

static void
renew_wrong(struct block *b, const char *what, const char *why)
{
	log_warnx("%s: %s: %s", b->name, what, why);
	(void)snprintf(b->trouble, sizeof(b->trouble), "%.60s: %.120s", what,
	    why);
	b->wrong = 1;
}

static void
crl_got(void *arg, const struct got *got)
{
	struct want	*w = arg;
	struct block	*b = w->block;

	w->fetch = NULL;
	if (got->result != GOT_OK)
		renew_wrong(b, w->url, got->why);
	else if (block_keep_crl(b, w, got->body, got->len) == -1)
		b->wrong = 1;
	if (--b->pending == 0)
		renew_done(b);
}

static void
renew_get(struct block *b, struct get *get)
{
	memset(get, 0, sizeof(*get));
	get->block = b->number;
	get->deadline = now_ms() + DEADLINE_SERVICE_MS;
	get->refresh = b->refresh;
	get->url = "";
}

/* The CRLs of the new keys and of the old, which may have to stay. */
static void
renew_crls(struct block *b)
{
	struct get	 get;
	size_t		 i;

	b->state = BLOCK_CRLS;
	block_wants(b, b->next);
	block_wants(b, b->keys);
	renew_get(b, &get);
	get.what = FETCH_CRL;
	for (i = 0; i < b->nwants; i++) {
		get.url = b->wants[i].url;
		b->wants[i].fetch = fetch_start(&get, crl_got, &b->wants[i]);
		if (b->wants[i].fetch != NULL)
			b->pending++;
		else
			b->wrong = 1;
	}
	if (b->pending == 0)
		renew_done(b);
}

/* Nothing is believed by it here: the parent starts us anew with the root. */
static void
root_tell(struct block *b, const char *body, size_t len)
{
	struct wbuf	 w = { 0 }, pem = { 0 };
	char		 why[WHY_MAX];

	if (jwks_top(body, len, &pem, why, sizeof(why)) == -1) {
		log_warnx("%s: no root in its keys: %s", b->name, why);
		return;
	}
	wb_u32(&w, b->number);
	wb_bytes_of(&w, &pem);
	wb_free(&pem);
	if (edge_send(edge_parent, IMSG_PARENT_PIN, &w) == -1)
		log_warn("%s: its root can't be told", b->name);
}

static void
jwks_got(void *arg, const struct got *got)
{
	struct block	*b = arg;
	const char	*body = (const char *)got->body;
	char		 why[WHY_MAX];

	b->fetch = NULL;
	if (got->result != GOT_OK)
		renew_wrong(b, "keys", got->why);
	else if (b->rootless) {
		root_tell(b, body, got->len);
		b->wrong = 1;
	} else if ((b->next = jwks_read(body, got->len, &b->roots, why,
	    sizeof(why))) == NULL || b->next->n == 0) {
		renew_wrong(b, "keys", why);
		block_forget_next(b);
	} else if ((b->nextraw = malloc(got->len)) == NULL) {
		b->wrong = 1;
		block_forget_next(b);
	} else {
		memcpy(b->nextraw, got->body, got->len);
		b->nextlen = got->len;
	}
	renew_crls(b);
}

/* Leaves the state alone when it can't be begun. */
void
renew_fetch(struct block *b)
{
	struct get	 get;

	renew_get(b, &get);
	get.what = FETCH_JWKS;
	if ((b->fetch = fetch_start(&get, jwks_got, b)) == NULL) {
		b->failures++;
		renew_schedule(b);
		return;
	}
	event_del(b->timer);
	count_fetches++;
	b->wrong = 0;
	b->tried = 1;
	b->tried_ms = now_ms();
	b->state = BLOCK_JWKS;
}

/* --- all ----------------------------------------------------------- */

static void
renew_timeout(int fd, short what, void *arg)
{
	struct block	*b = arg;

	(void)fd;
	(void)what;
	if (b->state == BLOCK_ASKING) {
		log_warnx("%s: the store did not answer", b->name);
		renew_asked(b);
		return;
	}
	if (b->state != BLOCK_IDLE)
		return;
	if (renew_shut(b)) {
		renew_schedule(b);
		return;
	}
	b->refresh = 1;
	renew_fetch(b);
}

static void
changed_run(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	block_changed();
}

void
renew_init(void (*changed)(void))
{
	block_changed = changed;
	changed_event = event_new(base, -1, 0, changed_run, NULL);
	if (changed_event == NULL)
		fatalx("no memory for events");
}

void
renew_start(struct block *b)
{
	b->timer = event_new(base, -1, 0, renew_timeout, b);
	if (b->timer == NULL)
		fatalx("no memory for events");
}

void
renew_counters(struct wbuf *w)
{
	wb_str(w, "collateral fetches");
	wb_u64(w, count_fetches);
	wb_str(w, "collateral failures");
	wb_u64(w, count_failures);
}

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
 * Collateral by whom it is of, platforms, products and chips: which of it is
 * in use, how it is renewed, and its copy in the store.  A failure never takes
 * away what is still valid, and all who need it wait for one fetch.  What
 * comes, from the fetcher or the store, is verified before it is used, by who
 * knows its kind.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "digest.h"
#include "local.h"
#include "timer.h"

#define ASK_MS		5000		/* for the store to answer */
#define COPY_S		(400 * 86400)	/* the number outlives what it is of */
#define REFRESH_MOST_S	86400
#define REFRESH_LEAST_S	60
#define RETRY_LEAST_S	5
#define RETRY_MOST_S	900
#define ALARM_S		(2 * 86400)	/* before the end of what we have */
#define TOLD_MOST	256		/* the parent, of the last used */

TAILQ_HEAD(kept_list, kept);

static struct kept_list		 all = TAILQ_HEAD_INITIALIZER(all);
static void			(*all_changed)(void);
static struct event		*changed_event;
static uint64_t			 last_tag = KEPT_TAG;
static uint64_t			 count_fetches, count_failures;

static void	kept_fetch(struct kept *, int refresh);

/* --- one of them --------------------------------------------------- */

static void
kept_free(struct kept *k)
{
	TAILQ_REMOVE(&all, k, entry);
	fetch_cancel(k->fetch);
	event_free(k->timer);
	if (k->object != NULL)
		k->kind->free(k->object);
	free(k);
}

static int64_t
kept_until(const struct kept *k)
{
	return (k->object != NULL ? k->kind->until(k->object) : 0);
}

/* For kbsctl. */
static void
tell_parent(void)
{
	const struct kept	*k;
	struct wbuf		 rows = { 0 }, w = { 0 };
	uint32_t		 n = 0;

	TAILQ_FOREACH(k, &all, entry) {
		if (n == TOLD_MOST)
			break;
		wb_str(&rows, k->name);
		wb_u32(&rows, k->number);
		wb_u64(&rows, (uint64_t)k->fetched);
		wb_u64(&rows, (uint64_t)kept_until(k));
		wb_str(&rows, k->why);
		n++;
	}
	wb_u32(&w, n);
	wb_raw_of(&w, &rows);
	wb_free(&rows);
	if (edge_send(edge_parent, IMSG_PARENT_HELD, &w) == -1)
		log_warn("the parent can't be told of collateral");
}

/* Who waits for it looks again, from the loop. */
static void
tell_changed(void)
{
	tell_parent();
	event_active(changed_event, EV_TIMEOUT, 0);
}

void
kept_adopt(struct kept *k, void *object)
{
	if (k->object != NULL)
		k->kind->free(k->object);
	k->object = object;
	k->why[0] = '\0';
}

/* From wherever it comes. */
static int
kept_take(struct kept *k, const uint8_t *data, size_t len)
{
	struct der	 parts[KEPT_PARTS];
	struct rbuf	 r;
	size_t		 i;

	rb_init(&r, data, len);
	for (i = 0; i < k->kind->parts; i++)
		parts[i].p = rb_bytes(&r, &parts[i].len, 1, EVIDENCE_MAX);
	(void)strlcpy(k->why, "it is not whole", sizeof(k->why));
	if (rb_end(&r) == -1)
		return (-1);
	(void)strlcpy(k->why, "no memory", sizeof(k->why));
	return (k->kind->take(k, parts, (int64_t)time(NULL)));
}

/* --- the copy in the store ----------------------------------------- */

static void
copy_put(struct kept *k, const uint8_t *data, size_t len)
{
	struct wbuf	 copy = { 0 }, w = { 0 };
	uint8_t		 sum[DIGEST_LEN];

	wb_u32(&copy, k->kind->magic);
	wb_u32(&copy, k->number);
	wb_bytes(&copy, data, len);
	digest(sum, copy.data, copy.len);
	if (!copy.failed && copy.len <= EVIDENCE_MAX &&
	    memcmp(sum, k->copy, DIGEST_LEN) != 0) {
		wb_str(&w, k->name);
		wb_u64(&w, k->kind->renewed ? (uint64_t)time(NULL) + COPY_S :
		    (uint64_t)kept_until(k));
		wb_bytes_of(&w, &copy);
		if (edge_send(edge_find(PROC_BROKER, 0),
		    IMSG_BROKER_COLLATERAL_PUT, &w) == 0)
			memcpy(k->copy, sum, DIGEST_LEN);
	}
	wb_free(&copy);
}

/*
 * The record is the body of our PUT.  The number counts also where what it is
 * of has expired; a store that lies can only have us refuse more.
 */
static void
copy_read(struct kept *k, const uint8_t *record, size_t len)
{
	struct rbuf	 r, inner;
	const uint8_t	*data;
	char		 of[NAME_MAX_STORE];
	uint32_t	 number;

	rb_init(&r, record, len);
	rb_str(&r, of, sizeof(of));
	(void)rb_u64(&r);
	data = rb_bytes(&r, &len, 1, EVIDENCE_MAX);
	if (rb_end(&r) == -1 || strcmp(of, k->name) != 0)
		return;
	rb_init(&inner, data, len);
	if (rb_u32(&inner) != k->kind->magic)
		return;
	number = rb_u32(&inner);
	digest(k->copy, data, len);
	data = rb_bytes(&inner, &len, 1, EVIDENCE_MAX);
	if (rb_end(&inner) == -1)
		return;
	/* It vouches for no number by itself: the collateral does. */
	if (kept_take(k, data, len) == -1)
		log_debug("collateral %s in the store: %s", k->name, k->why);
	if (k->number < number)
		log_warnx("collateral %s: the store names evaluation %u, and "
		    "has %u", k->name, number, k->number);
}

static void
kept_ask(struct kept *k)
{
	struct wbuf	 w = { 0 };

	k->asked = 1;
	wb_u64(&w, k->tag);
	wb_str(&w, k->name);
	if (edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_COLLATERAL_WANT,
	    &w) == -1)
		return;
	k->state = KEPT_ASKING;
	timer_set(k->timer, ASK_MS);
}

/* It answered, or never will. */
static void
kept_asked(struct kept *k)
{
	k->state = KEPT_IDLE;
	if (kept_until(k) <= (int64_t)time(NULL))
		kept_fetch(k, 0);
	else if (k->kind->renewed)
		timer_set(k->timer, (uint64_t)REFRESH_LEAST_S * 1000);
	tell_changed();
}

int
kept_stored(uint64_t tag, const uint8_t *data, size_t len)
{
	struct kept	*k;

	TAILQ_FOREACH(k, &all, entry)
		if (k->tag == tag)
			break;
	if (k == NULL || k->state != KEPT_ASKING)
		return (0);		/* late */
	if (len > 0)
		copy_read(k, data, len);
	kept_asked(k);
	return (0);
}

void
kept_broker_down(void)
{
	struct kept	*k;

	TAILQ_FOREACH(k, &all, entry)
		if (k->state == KEPT_ASKING)
			kept_asked(k);
}

/* --- fetching ------------------------------------------------------ */

/*
 * Early, and not all at once: with what we have good for days.  What is of a
 * chip that a stranger names is asked for when it is wanted, and never else.
 */
static void
kept_schedule(struct kept *k)
{
	int64_t	 left = kept_until(k) - (int64_t)time(NULL), s;

	if (!k->kind->renewed)
		return;
	if (k->failures > 0) {
		s = (int64_t)RETRY_LEAST_S << (k->failures > 8 ? 8 :
		    k->failures - 1);
		if (s > RETRY_MOST_S)
			s = RETRY_MOST_S;
	} else {
		s = left / 2;
		if (s > REFRESH_MOST_S)
			s = REFRESH_MOST_S;
		if (s < REFRESH_LEAST_S)
			s = REFRESH_LEAST_S;
	}
	s -= (int64_t)arc4random_uniform((uint32_t)s / 4 + 1);
	timer_set(k->timer, (uint64_t)s * 1000);
}

static void
kept_failed(struct kept *k)
{
	int64_t	 left = kept_until(k) - (int64_t)time(NULL);

	count_failures++;
	k->failures++;
	k->bad = (int64_t)time(NULL);
	if (left > 0 && left < ALARM_S)
		log_alert("collateral %s ends in %lld hours and can't be "
		    "renewed: %s", k->name, (long long)left / 3600, k->why);
	else
		log_warnx("collateral %s: %s", k->name, k->why);
}

static void
kept_got(void *arg, const struct got *got)
{
	struct kept	*k = arg;

	k->fetch = NULL;
	k->state = KEPT_IDLE;
	if (got->result != GOT_OK) {
		snprintf(k->why, sizeof(k->why), "%.200s", got->why);
		kept_failed(k);
	} else if (kept_take(k, got->body, got->len) == -1)
		kept_failed(k);
	else {
		k->failures = 0;
		k->fetched = got->fetched;
		copy_put(k, got->body, got->len);
	}
	kept_schedule(k);
	tell_changed();
}

static void
kept_fetch(struct kept *k, int refresh)
{
	struct get	 get = {
		.block = k->of.fetcher, .what = k->kind->what, .url = "",
		.deadline = now_ms() + DEADLINE_SERVICE_MS,
		.tees = k->of.tee, .evidence = k->of.about,
		.evidencelen = k->of.len, .refresh = refresh,
	};

	k->tried_ms = now_ms();
	count_fetches++;
	if ((k->fetch = fetch_start(&get, kept_got, k)) != NULL) {
		k->state = KEPT_FETCHING;
		return;
	}
	(void)strlcpy(k->why, "there is no fetcher to ask", sizeof(k->why));
	kept_failed(k);
	kept_schedule(k);
}

static void
kept_timeout(int fd, short what, void *arg)
{
	struct kept	*k = arg;

	(void)fd;
	(void)what;
	if (k->state == KEPT_ASKING)
		kept_asked(k);
	else if (k->state == KEPT_IDLE)
		kept_fetch(k, k->object != NULL);
}

/* --- which is meant ------------------------------------------------ */

/* The least used of its kind; of those that have never come first. */
static struct kept *
kept_least(const struct kept_kind *kind)
{
	struct kept	*k;

	TAILQ_FOREACH_REVERSE(k, &all, kept_list, entry)
		if (k->kind == kind && k->object == NULL)
			return (k);
	TAILQ_FOREACH_REVERSE(k, &all, kept_list, entry)
		if (k->kind == kind)
			break;
	return (k);
}

static unsigned int
kept_count(const struct kept_kind *kind)
{
	struct kept	*k;
	unsigned int	 n = 0;

	TAILQ_FOREACH(k, &all, entry)
		n += kind == NULL || k->kind == kind;
	return (n);
}

static struct kept *
kept_new(const struct kept_kind *kind, const struct kept_of *of)
{
	struct kept	*k;

	if (kept_count(kind) >= kind->most && (k = kept_least(kind)) != NULL)
		kept_free(k);
	if ((k = calloc(1, sizeof(*k))) == NULL ||
	    (k->timer = event_new(base, -1, 0, kept_timeout, k)) == NULL) {
		free(k);
		return (NULL);
	}
	k->kind = kind;
	k->of = *of;
	kind->name(k->name, of);
	k->tag = ++last_tag;
	TAILQ_INSERT_HEAD(&all, k, entry);
	kept_ask(k);
	if (k->state == KEPT_IDLE)
		kept_fetch(k, 0);
	return (k);
}

static struct kept *
kept_find(const struct kept_kind *kind, const struct kept_of *of)
{
	struct kept	*k;

	TAILQ_FOREACH(k, &all, entry)
		if (k->kind == kind && k->of.tee == of->tee &&
		    k->of.len == of->len &&
		    memcmp(k->of.about, of->about, of->len) == 0)
			break;
	if (k == NULL || k == TAILQ_FIRST(&all))
		return (k);
	TAILQ_REMOVE(&all, k, entry);
	TAILQ_INSERT_HEAD(&all, k, entry);
	return (k);
}

const void *
kept_get(const struct kept_kind *kind, const struct kept_of *of, int64_t now,
    int *coming, char *why, size_t whysize)
{
	struct kept	*k;

	*coming = 0;
	(void)strlcpy(why, "no memory", whysize);
	if ((k = kept_find(kind, of)) == NULL &&
	    (k = kept_new(kind, of)) == NULL)
		return (NULL);
	if (kept_until(k) > now)
		return (k->object);
	/* What failed a moment ago is not tried again for each request. */
	if (k->state == KEPT_IDLE && (k->tried_ms == 0 ||
	    now_ms() - k->tried_ms > RETRY_LEAST_S * 1000))
		kept_fetch(k, 1);
	*coming = k->state != KEPT_IDLE;
	(void)strlcpy(why, k->why, whysize);
	return (NULL);
}

/* --- start --------------------------------------------------------- */

static void
changed_run(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	all_changed();
}

void
kept_run(void (*changed)(void))
{
	all_changed = changed;
	if ((changed_event = event_new(base, -1, 0, changed_run, NULL)) ==
	    NULL)
		fatalx("no memory for events");
}

void
kept_tell(uint32_t fetcher, struct block_told *told)
{
	const struct kept	*k;

	told->state = "not asked yet";
	told->trouble = "";
	TAILQ_FOREACH(k, &all, entry) {
		if (k->of.fetcher != fetcher)
			continue;
		if (told->trouble[0] == '\0')
			told->state = "good";
		told->keys += k->object != NULL;
		if (k->fetched > told->fetched)
			told->fetched = told->good = k->fetched;
		/* a chip that nobody knows is no trouble of the block */
		if (k->failures == 0 || !k->kind->renewed)
			continue;
		told->state = "not renewed";
		told->trouble = k->why;
		if (k->bad > told->bad)
			told->bad = k->bad;
	}
}

/* The soonest of what can be had anew; 0: there is none. */
static int64_t
kept_end(void)
{
	const struct kept	*k;
	int64_t			 end = 0;

	TAILQ_FOREACH(k, &all, entry)
		if (k->kind->renewed && kept_until(k) > 0 &&
		    (end == 0 || kept_until(k) < end))
			end = kept_until(k);
	return (end);
}

void
kept_counters(struct wbuf *w)
{
	if (kept_end() > 0) {
		wb_str(w, "platforms end");
		wb_u64(w, (uint64_t)kept_end());
	}
	wb_str(w, "platforms");
	wb_u64(w, kept_count(NULL));
	wb_str(w, "platform fetches");
	wb_u64(w, count_fetches);
	wb_str(w, "platform fetches failed");
	wb_u64(w, count_failures);
}

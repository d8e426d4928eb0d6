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
 * What Intel says of each platform that was seen lately: which of it is in
 * use, how it is renewed, and its copy in the store.  A failure never takes
 * away what is still valid, nothing with a lower evaluation number takes the
 * place of a higher one, and all who need it wait for one fetch.  What comes,
 * from the fetcher or the store, is verified before it is used.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certificate.h"
#include "digest.h"
#include "local.h"
#include "secret.h"
#include "timer.h"

#define SETS_MAX	128		/* platforms; the least used goes */
#define ROOT_MAX	(16 * 1024)
#define ASK_MS		2000		/* for the store to answer */
#define COPY_MAGIC	0x6b646331	/* of the bytes in the store */
#define COPY_S		(400 * 86400)	/* the number outlives what it is of */
#define REFRESH_MOST_S	86400
#define REFRESH_LEAST_S	60
#define RETRY_LEAST_S	5
#define RETRY_MOST_S	900
#define ALARM_S		(2 * 86400)	/* before the end of what we have */
#define PARTS		7

enum state { IDLE, ASKING, FETCHING };

/* Of one platform: FMSPC, PCK CA and TEE. */
struct kept {
	TAILQ_ENTRY(kept) entry;	/* the last used first */
	uint64_t	 tag;
	char		 name[NAME_MAX_STORE];
	uint8_t		 tee;
	uint8_t		 fmspc[6];
	uint8_t		 by_platform_ca;
	struct dcap_set	*set;		/* in use; NULL */
	uint32_t	 number;	/* the highest seen */
	enum state	 state;
	int		 asked;		/* the store, once */
	struct fetch	*fetch;
	uint64_t	 tried_ms;	/* 0: never */
	unsigned int	 failures;
	char		 why[WHY_MAX];	/* of the last one; "" */
	int64_t		 fetched;	/* Unix; 0: from the store */
	int64_t		 bad;		/* the last failure, Unix */
	struct event	*timer;
	uint8_t		 copy[DIGEST_LEN];	/* what the store has */
};

TAILQ_HEAD(kept_list, kept);

static struct kept_list		 sets = TAILQ_HEAD_INITIALIZER(sets);
static unsigned int		 nsets;
static int			 here;		/* there is such a block */
static char			 name[NAME_MAX_STORE];
static uint32_t			 fetcher;
static int			 rootfd = -1, has_root;
static uint8_t			 root[DIGEST_LEN];
static struct dcap_anchor	*anchor;
static void			(*all_changed)(void);
static struct event		*changed_event;
static uint64_t			 last_tag = SETS_TAG;
static uint64_t			 count_fetches, count_failures;

static void	kept_fetch(struct kept *, int refresh);

/* --- one of them --------------------------------------------------- */

static void
kept_free(struct kept *k)
{
	TAILQ_REMOVE(&sets, k, entry);
	nsets--;
	fetch_cancel(k->fetch);
	event_free(k->timer);
	dcap_set_free(k->set);
	free(k);
}

static int64_t
kept_until(const struct kept *k)
{
	return (k->set != NULL ? dcap_set_until(k->set) : 0);
}

/* For kbsctl. */
static void
tell_parent(void)
{
	const struct kept	*k;
	struct wbuf		 w = { 0 };

	wb_u32(&w, nsets);
	TAILQ_FOREACH(k, &sets, entry) {
		wb_str(&w, k->name);
		wb_u32(&w, k->number);
		wb_u64(&w, (uint64_t)k->fetched);
		wb_u64(&w, (uint64_t)kept_until(k));
		wb_str(&w, k->why);
	}
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

/*
 * A fault of its own is worse than what was there; and who has shown us a
 * higher number can't be followed by who shows a lower one.
 */
static int
kept_adopt(struct kept *k, struct dcap_set *set, int64_t now)
{
	const struct dcap_fault	*fault = dcap_set_fault(set);
	uint32_t		 number;

	if (fault != NULL) {
		snprintf(k->why, sizeof(k->why), "%s: %.200s",
		    dcap_reason_name(fault->reason), fault->why);
		return (-1);
	}
	number = set->tcb.number < set->qe.number ? set->tcb.number :
	    set->qe.number;
	if (set->tcb.tee != k->tee ||
	    memcmp(set->tcb.fmspc, k->fmspc, sizeof(k->fmspc)) != 0) {
		(void)strlcpy(k->why, "it is of another platform",
		    sizeof(k->why));
		return (-1);
	}
	if (number < k->number) {
		snprintf(k->why, sizeof(k->why), "its evaluation number is "
		    "%u, and %u was seen before", number, k->number);
		return (-1);
	}
	k->number = number;
	if (dcap_set_until(set) <= now) {
		(void)strlcpy(k->why, "it has expired", sizeof(k->why));
		return (-1);
	}
	dcap_set_free(k->set);
	k->set = set;
	k->why[0] = '\0';
	return (0);
}

static int
parts_read(struct dcap_collateral *c, struct rbuf *r)
{
	struct der	*const parts[PARTS] = {
		&c->pck_crl, &c->pck_crl_chain, &c->root_crl, &c->tcb_info,
		&c->tcb_info_chain, &c->qe_identity, &c->qe_identity_chain,
	};
	size_t		 i;

	for (i = 0; i < PARTS; i++)
		parts[i]->p = rb_bytes(r, &parts[i]->len, 1, EVIDENCE_MAX);
	return (rb_end(r));
}

/* From wherever it comes. */
static int
kept_take(struct kept *k, const uint8_t *data, size_t len)
{
	struct dcap_collateral	 c;
	struct dcap_set		*set;
	struct rbuf		 r;

	rb_init(&r, data, len);
	(void)strlcpy(k->why, "it is not whole", sizeof(k->why));
	if (parts_read(&c, &r) == -1)
		return (-1);
	(void)strlcpy(k->why, "no memory", sizeof(k->why));
	if ((set = dcap_set_new(&c, root)) == NULL)
		return (-1);
	if (kept_adopt(k, set, (int64_t)time(NULL)) == 0)
		return (0);
	dcap_set_free(set);
	return (-1);
}

/* --- the copy in the store ----------------------------------------- */

static void
copy_put(struct kept *k, const uint8_t *data, size_t len)
{
	struct wbuf	 copy = { 0 }, w = { 0 };
	uint8_t		 sum[DIGEST_LEN];

	wb_u32(&copy, COPY_MAGIC);
	wb_u32(&copy, k->number);
	wb_bytes(&copy, data, len);
	digest(sum, copy.data, copy.len);
	if (!copy.failed && copy.len <= EVIDENCE_MAX &&
	    memcmp(sum, k->copy, DIGEST_LEN) != 0) {
		wb_str(&w, k->name);
		wb_u64(&w, (uint64_t)time(NULL) + COPY_S);
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
	if (rb_u32(&inner) != COPY_MAGIC)
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
	k->state = ASKING;
	timer_set(k->timer, ASK_MS);
}

/* It answered, or never will. */
static void
kept_asked(struct kept *k)
{
	k->state = IDLE;
	if (kept_until(k) <= (int64_t)time(NULL))
		kept_fetch(k, 0);
	else
		timer_set(k->timer, (uint64_t)REFRESH_LEAST_S * 1000);
	tell_changed();
}

int
sets_kept(uint64_t tag, const uint8_t *data, size_t len)
{
	struct kept	*k;

	TAILQ_FOREACH(k, &sets, entry)
		if (k->tag == tag)
			break;
	if (k == NULL || k->state != ASKING)
		return (0);		/* late */
	if (len > 0)
		copy_read(k, data, len);
	kept_asked(k);
	return (0);
}

void
sets_broker_down(void)
{
	struct kept	*k;

	TAILQ_FOREACH(k, &sets, entry)
		if (k->state == ASKING)
			kept_asked(k);
}

/* --- fetching ------------------------------------------------------ */

/* Early, and not all at once: with what we have good for days. */
static void
kept_schedule(struct kept *k)
{
	int64_t	 left = kept_until(k) - (int64_t)time(NULL), s;

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
	k->state = IDLE;
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
	uint8_t		 about[sizeof(k->fmspc) + 1];
	struct get	 get = {
		.block = fetcher, .what = FETCH_DCAP, .url = "",
		.deadline = now_ms() + DEADLINE_SERVICE_MS,
		.tees = k->tee, .evidence = about,
		.evidencelen = sizeof(about), .refresh = refresh,
	};

	memcpy(about, k->fmspc, sizeof(k->fmspc));
	about[sizeof(k->fmspc)] = k->by_platform_ca;
	k->tried_ms = now_ms();
	count_fetches++;
	if ((k->fetch = fetch_start(&get, kept_got, k)) != NULL) {
		k->state = FETCHING;
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
	if (k->state == ASKING)
		kept_asked(k);
	else if (k->state == IDLE)
		kept_fetch(k, k->set != NULL);
}

/* --- which is meant ------------------------------------------------ */

static struct kept *
kept_new(const struct dcap_platform *p, uint8_t tee)
{
	char		 hex[2 * sizeof(p->fmspc) + 1];
	struct kept	*k;
	size_t		 i;

	if (nsets == SETS_MAX)
		kept_free(TAILQ_LAST(&sets, kept_list));
	if ((k = calloc(1, sizeof(*k))) == NULL ||
	    (k->timer = event_new(base, -1, 0, kept_timeout, k)) == NULL) {
		free(k);
		return (NULL);
	}
	for (i = 0; i < sizeof(p->fmspc); i++)
		snprintf(hex + 2 * i, 3, "%02x", p->fmspc[i]);
	snprintf(k->name, sizeof(k->name), "dcap %s %s %s", tee == TEE_SGX ?
	    "sgx" : "tdx", hex, p->by_platform_ca ? "platform" : "processor");
	memcpy(k->fmspc, p->fmspc, sizeof(k->fmspc));
	k->by_platform_ca = p->by_platform_ca;
	k->tee = tee;
	k->tag = ++last_tag;
	TAILQ_INSERT_HEAD(&sets, k, entry);
	nsets++;
	kept_ask(k);
	if (k->state == IDLE)
		kept_fetch(k, 0);
	return (k);
}

static struct kept *
kept_find(const struct dcap_platform *p, uint8_t tee)
{
	struct kept	*k;

	TAILQ_FOREACH(k, &sets, entry)
		if (k->tee == tee && k->by_platform_ca == p->by_platform_ca &&
		    memcmp(k->fmspc, p->fmspc, sizeof(k->fmspc)) == 0)
			break;
	if (k == NULL || k == TAILQ_FIRST(&sets))
		return (k);
	TAILQ_REMOVE(&sets, k, entry);
	TAILQ_INSERT_HEAD(&sets, k, entry);
	return (k);
}

const struct dcap_set *
sets_get(const struct dcap_platform *p, uint8_t tee, int64_t now, int *coming,
    char *why, size_t whysize)
{
	struct kept	*k;

	*coming = 0;
	(void)strlcpy(why, "no memory", whysize);
	if ((k = kept_find(p, tee)) == NULL && (k = kept_new(p, tee)) == NULL)
		return (NULL);
	if (kept_until(k) > now)
		return (k->set);
	/* What failed a moment ago is not tried again for each request. */
	if (k->state == IDLE && (k->tried_ms == 0 ||
	    now_ms() - k->tried_ms > RETRY_LEAST_S * 1000))
		kept_fetch(k, 1);
	*coming = k->state != IDLE;
	(void)strlcpy(why, k->why, whysize);
	return (NULL);
}

/* --- start --------------------------------------------------------- */

int
sets_config(struct rbuf *r, uint32_t instance)
{
	here = rb_bool(r);
	if (!here || r->failed)
		return (r->failed ? -1 : 0);
	rb_str(r, name, sizeof(name));
	has_root = rb_bool(r);
	fetcher = instance;
	return (r->failed ? -1 : 0);
}

int
sets_root(int fd)
{
	if (!here || !has_root || rootfd != -1)
		return (-1);
	rootfd = fd;
	return (0);
}

void
sets_secrets(void)
{
	char	 why[WHY_MAX];
	uint8_t	*pem;
	size_t	 len;

	if (!here)
		return;
	memcpy(root, dcap_intel_root, sizeof(root));
	if (has_root) {
		if (rootfd == -1)
			fatalx("no root for %s", name);
		if ((pem = secret_read(rootfd, ROOT_MAX, &len)) == NULL)
			fatal("root of %s", name);
		if (dcap_root_read(root, pem, len, why, sizeof(why)) == -1)
			fatalx("root of %s: %s", name, why);
		certificate_note(CERTIFICATE_ROOT, name, pem, len);
		secret_free(pem);
		close(rootfd);
		log_warnx("%s: quotes are verified by a root that is not "
		    "Intel's", name);
	}
	if ((anchor = dcap_anchor_new(root)) == NULL)
		fatal("no memory for quotes");
}

static void
changed_run(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	all_changed();
}

void
sets_run(void (*changed)(void))
{
	all_changed = changed;
	if ((changed_event = event_new(base, -1, 0, changed_run, NULL)) ==
	    NULL)
		fatalx("no memory for events");
}

int
sets_are(void)
{
	return (here);
}

uint32_t
sets_fetcher(void)
{
	return (fetcher);
}

const char *
sets_name(void)
{
	return (name);
}

struct dcap_anchor *
sets_anchor(void)
{
	return (anchor);
}

void
sets_tell(void (*fn)(const struct block_told *, void *), void *arg)
{
	const struct kept	*k;
	struct block_told	 told = { .name = name, .state = "good",
				    .trouble = "" };

	if (!here)
		return;
	TAILQ_FOREACH(k, &sets, entry) {
		told.keys += k->set != NULL;
		if (k->fetched > told.fetched)
			told.fetched = told.good = k->fetched;
		if (k->failures == 0)
			continue;
		told.state = "not renewed";
		told.trouble = k->why;
		if (k->bad > told.bad)
			told.bad = k->bad;
	}
	if (TAILQ_EMPTY(&sets))
		told.state = "not asked yet";
	fn(&told, arg);
}

void
sets_counters(struct wbuf *w)
{
	wb_str(w, "platforms");
	wb_u64(w, nsets);
	wb_str(w, "platform fetches");
	wb_u64(w, count_fetches);
	wb_str(w, "platform fetches failed");
	wb_u64(w, count_failures);
}

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
 * JWKS and CRLs of each attestation block: what is in use, how it is
 * renewed, and its copy in the store.  Renewal is gated by time alone, a
 * failure never takes away what is still valid, and all who need it wait for
 * one fetch.  What comes, from wherever, is verified before it is used; so a
 * copy of signed bytes may lie anywhere.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certificate.h"
#include "digest.h"
#include "log.h"
#include "secret.h"
#include "verifier.h"

#define WANTS_MAX	(4 * JWKS_KEYS_MAX)
#define COPY_MAGIC	0x6b636f31	/* of the bytes in the store */
#define ASK_MS		2000		/* for the store to answer */
#define REFRESH_MOST_S	3600
#define REFRESH_LEAST_S	10
#define RETRY_LEAST_S	5
#define RETRY_MOST_S	900
#define ALARM_S		(6 * 3600)	/* before the end of what we have */

enum block_state {
	BLOCK_IDLE,
	BLOCK_ASKING,			/* the store for its copy */
	BLOCK_JWKS,			/* the fetcher */
	BLOCK_CRLS,
};

/* A CRL that some key needs. */
struct want {
	struct block	*block;
	char		 url[CRL_URL_MAX];
	X509		*issuer;
	struct fetch	*fetch;
};

struct block {
	uint32_t	 number;
	enum block_kind	 kind;
	char		 name[NAME_MAX_STORE];
	struct parties	 parties;
	uint8_t		 version;		/* of the API */
	uint32_t	 interval;		/* seconds */
	int		 rootfd;
	int		 jwksfd;
	enum jws_alg	 rsa;		/* of RSA keys that state no alg */
	int		 rootless;	/* none is known: it is to be told */
	struct roots	 roots;

	struct jwks	*keys;			/* in use */
	uint8_t		*raw;			/* as they came */
	size_t		 rawlen;
	struct crls	 crls;

	enum block_state state;
	struct jwks	*next;			/* until their CRLs came */
	uint8_t		*nextraw;
	size_t		 nextlen;
	struct fetch	*fetch;
	struct want	 wants[WANTS_MAX];
	size_t		 nwants, pending;
	int		 refresh;		/* not from memory */
	int		 wrong;			/* in this round */

	int		 tried;
	uint64_t	 tried_ms;
	unsigned int	 failures;
	int64_t		 good, bad;		/* Unix, of rounds; 0: none */
	int64_t		 fetched;		/* what is in use; 0: a copy */
	char		 trouble[WHY_MAX];	/* of the last bad one */
	int		 asked;			/* the store, once */
	struct event	*timer;
	uint8_t		 copy[DIGEST_LEN];	/* what the store has */
};

static struct block	 blocks[BLOCKS_MAX];
static uint32_t		 nblocks, nservices;
static void		(*block_changed)(void);
static struct event	*changed_event;
static uint64_t		 count_fetches, count_failures;

static void	block_fetch(struct block *);
static void	block_schedule(struct block *);

static int64_t
unix_now(void)
{
	return ((int64_t)time(NULL));
}

/* --- what is in use ------------------------------------------------ */

static int
set_any(const struct jwks *set, int64_t now)
{
	size_t	 i;

	for (i = 0; set != NULL && i < set->n; i++)
		if (jwk_usable(&set->keys[i], now))
			return (1);
	return (0);
}

/* When the first, or the last, usable key ends; 0: there is none. */
static int64_t
set_end(const struct jwks *set, int64_t now, int last)
{
	const struct jwk	*k;
	int64_t			 end = 0;
	size_t			 i;

	for (i = 0; set != NULL && i < set->n; i++) {
		k = &set->keys[i];
		if (!jwk_usable(k, now))
			continue;
		if (end == 0 || (last ? k->until > end : k->until < end))
			end = k->until;
	}
	return (end);
}

static void
set_settle(struct jwks *set, const struct crls *crls)
{
	size_t	 i;

	for (i = 0; set != NULL && i < set->n; i++)
		jwk_settle(&set->keys[i], crls);
}

static int
set_needs(const struct jwks *set, const struct crl *c)
{
	const struct chain	*chain;
	size_t			 i;

	for (i = 0; set != NULL && i < set->n; i++) {
		chain = &set->keys[i].chain;
		if ((strcmp(chain->leaf_crl, c->url) == 0 &&
		    X509_cmp(chain->ca, c->issuer) == 0) ||
		    (strcmp(chain->ca_crl, c->url) == 0 &&
		    X509_cmp(chain->root, c->issuer) == 0))
			return (1);
	}
	return (0);
}

static void
block_forget_next(struct block *b)
{
	jwks_free(b->next);
	free(b->nextraw);
	b->next = NULL;
	b->nextraw = NULL;
	b->nextlen = 0;
}

/*
 * The new set takes the place of the old one, unless it can't be used and
 * the old one can: then its CRLs did not come.  A revocation holds for both.
 */
static void
block_adopt(struct block *b)
{
	struct crl	*c, *next;
	int64_t		 now = unix_now();

	set_settle(b->keys, &b->crls);
	set_settle(b->next, &b->crls);
	if (b->next != NULL && b->next->n > 0 &&
	    (set_any(b->next, now) || !set_any(b->keys, now))) {
		jwks_free(b->keys);
		free(b->raw);
		b->keys = b->next;
		b->raw = b->nextraw;
		b->rawlen = b->nextlen;
		b->fetched = unix_now();
		b->next = NULL;
		b->nextraw = NULL;
	}
	block_forget_next(b);
	TAILQ_FOREACH_SAFE(c, &b->crls, entry, next)
		if (!set_needs(b->keys, c)) {
			TAILQ_REMOVE(&b->crls, c, entry);
			crl_free(c);
		}
}

/* --- CRLs ---------------------------------------------------------- */

static void
want_add(struct block *b, const char *url, X509 *issuer)
{
	struct want	*w;
	size_t		 i;

	if (url[0] == '\0')
		return;
	for (i = 0; i < b->nwants; i++)
		if (strcmp(b->wants[i].url, url) == 0 &&
		    X509_cmp(b->wants[i].issuer, issuer) == 0)
			return;
	if (b->nwants == WANTS_MAX)
		return;
	w = &b->wants[b->nwants++];
	memset(w, 0, sizeof(*w));
	w->block = b;
	(void)strlcpy(w->url, url, sizeof(w->url));	/* same size */
	X509_up_ref(issuer);
	w->issuer = issuer;
}

static void
wants_of(struct block *b, const struct jwks *set)
{
	const struct chain	*chain;
	size_t			 i;

	for (i = 0; set != NULL && i < set->n; i++) {
		chain = &set->keys[i].chain;
		want_add(b, chain->leaf_crl, chain->ca);
		want_add(b, chain->ca_crl, chain->root);
	}
}

static void
wants_clear(struct block *b)
{
	while (b->nwants > 0) {
		b->nwants--;
		fetch_cancel(b->wants[b->nwants].fetch);
		X509_free(b->wants[b->nwants].issuer);
	}
	b->pending = 0;
}

/*
 * Keep a list that is authentic, valid now and no older than the one we have:
 * a list once seen is not taken back by showing its predecessor.
 */
static int
crl_keep(struct block *b, const struct want *w, const uint8_t *der,
    size_t len)
{
	struct crl	*c, *old;
	char		 why[WHY_MAX];
	int64_t		 now = unix_now();

	c = crl_read(der, len, w->url, w->issuer, why, sizeof(why));
	if (c == NULL) {
		log_warnx("%s: CRL %s: %s", b->name, w->url, why);
		return (-1);
	}
	if (c->until <= now || c->from > now + CLOCK_LEEWAY) {
		log_warnx("%s: CRL %s is not valid now", b->name, w->url);
		crl_free(c);
		return (-1);
	}
	old = crl_find(&b->crls, w->url, w->issuer);
	if (old != NULL && !crl_newer(c, old)) {
		crl_free(c);
		return (0);
	}
	/* A list just issued by a clock ahead of ours holds at once. */
	if (c->from > now)
		c->from = now;
	if (old != NULL) {
		TAILQ_REMOVE(&b->crls, old, entry);
		crl_free(old);
	}
	TAILQ_INSERT_TAIL(&b->crls, c, entry);
	return (0);
}

/* --- the copy in the store ----------------------------------------- */

static void
copy_write(const struct block *b, struct wbuf *w)
{
	const struct crl	*c;
	uint32_t		 n = 0;

	TAILQ_FOREACH(c, &b->crls, entry)
		n++;
	wb_u32(w, COPY_MAGIC);
	wb_bytes(w, b->raw, b->rawlen);
	wb_u32(w, n);
	TAILQ_FOREACH(c, &b->crls, entry) {
		wb_str(w, c->url);
		wb_bytes(w, c->der, c->derlen);
	}
}

static void
copy_put(struct block *b)
{
	struct wbuf	 copy = { 0 }, w = { 0 };
	uint8_t		 sum[DIGEST_LEN];
	int64_t		 now = unix_now(), end = set_end(b->keys, now, 1);

	if (end == 0 || b->raw == NULL)
		return;
	copy_write(b, &copy);
	if (copy.failed || copy.len > EVIDENCE_MAX) {
		wb_free(&copy);
		return;
	}
	digest(sum, copy.data, copy.len);
	if (memcmp(sum, b->copy, DIGEST_LEN) != 0) {
		wb_str(&w, b->name);
		wb_u64(&w, (uint64_t)end);
		wb_bytes_of(&w, &copy);
		if (edge_send(edge_find(PROC_BROKER, 0),
		    IMSG_BROKER_COLLATERAL_PUT, &w) == 0)
			memcpy(b->copy, sum, DIGEST_LEN);
	}
	wb_free(&copy);
}

static void
copy_crls(struct block *b, struct rbuf *r)
{
	const uint8_t	*der;
	char		 url[CRL_URL_MAX];
	size_t		 i, len;
	uint32_t	 n;

	wants_of(b, b->next);
	for (n = rb_u32(r); n > 0 && !r->failed; n--) {
		rb_str(r, url, sizeof(url));
		der = rb_bytes(r, &len, 1, CRL_MAX);
		for (i = 0; der != NULL && i < b->nwants; i++)
			if (strcmp(b->wants[i].url, url) == 0)
				(void)crl_keep(b, &b->wants[i], der, len);
	}
	wants_clear(b);
}

/* The store is a shelf: all of it is verified as if it came from outside. */
static void
copy_read(struct block *b, const uint8_t *data, size_t len)
{
	struct rbuf	 r;
	const uint8_t	*raw;
	char		 why[WHY_MAX];
	size_t		 rawlen;

	rb_init(&r, data, len);
	if (rb_u32(&r) != COPY_MAGIC)
		return;
	raw = rb_bytes(&r, &rawlen, 1, JWKS_MAX);
	if (r.failed)
		return;
	b->next = jwks_read((const char *)raw, rawlen, &b->roots, why,
	    sizeof(why));
	if (b->next == NULL || (b->nextraw = malloc(rawlen)) == NULL) {
		block_forget_next(b);
		return;
	}
	memcpy(b->nextraw, raw, rawlen);
	b->nextlen = rawlen;
	copy_crls(b, &r);
	block_adopt(b);
	if (set_any(b->keys, unix_now()))
		digest(b->copy, data, len);
}

/* The record is the body of our PUT: name, expiry, bytes. */
static void
copy_unwrap(struct block *b, const uint8_t *record, size_t len)
{
	struct rbuf	 r;
	const uint8_t	*data;
	char		 name[NAME_MAX_STORE];

	rb_init(&r, record, len);
	rb_str(&r, name, sizeof(name));
	(void)rb_u64(&r);
	data = rb_bytes(&r, &len, 1, EVIDENCE_MAX);
	if (rb_end(&r) == 0 && strcmp(name, b->name) == 0)
		copy_read(b, data, len);
}

static void
block_ask(struct block *b)
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
static void
block_asked(struct block *b)
{
	b->state = BLOCK_IDLE;
	event_del(b->timer);
	if (set_any(b->keys, unix_now())) {
		log_debug("%s: collateral from the store", b->name);
		block_schedule(b);
		event_active(changed_event, EV_TIMEOUT, 0);
		return;
	}
	b->refresh = 0;
	block_fetch(b);
	if (b->state == BLOCK_IDLE)
		event_active(changed_event, EV_TIMEOUT, 0);
}

int
collateral_kept(uint64_t tag, const uint8_t *data, size_t len)
{
	if (tag >= nblocks)
		return (-1);
	if (blocks[tag].state != BLOCK_ASKING)
		return (0);		/* late */
	if (len > 0)
		copy_unwrap(&blocks[tag], data, len);
	block_asked(&blocks[tag]);
	return (0);
}

/* --- renewal ------------------------------------------------------- */

static void
block_timer(struct block *b, int64_t seconds)
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
block_schedule(struct block *b)
{
	int64_t	 now = unix_now(), end = set_end(b->keys, now, 0), delay;

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
	block_timer(b, delay);
}

static void
block_alarm(const struct block *b)
{
	int64_t	 now = unix_now(), end = set_end(b->keys, now, 1);

	if (end == 0)
		log_alert("%s: no valid collateral: tokens can't be verified",
		    b->name);
	else if (end - now < ALARM_S)
		log_alert("%s: collateral can't be renewed and ends in %lld "
		    "minutes", b->name, (long long)(end - now) / 60);
}

/* All that was asked for came, or did not. */
static void
block_done(struct block *b)
{
	wants_clear(b);
	block_adopt(b);
	b->state = BLOCK_IDLE;
	if (b->wrong || !set_any(b->keys, unix_now())) {
		b->failures++;
		count_failures++;
		b->bad = unix_now();
		block_alarm(b);
	} else {
		b->failures = 0;
		b->good = unix_now();
	}
	copy_put(b);
	block_schedule(b);
	event_active(changed_event, EV_TIMEOUT, 0);
}

static void
block_wrong(struct block *b, const char *what, const char *why)
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
		block_wrong(b, w->url, got->why);
	else if (crl_keep(b, w, got->body, got->len) == -1)
		b->wrong = 1;
	if (--b->pending == 0)
		block_done(b);
}

static void
block_get(struct block *b, struct get *get)
{
	memset(get, 0, sizeof(*get));
	get->block = b->number;
	get->deadline = now_ms() + DEADLINE_SERVICE_MS;
	get->refresh = b->refresh;
	get->url = "";
}

/* The CRLs of the new keys and of the old, which may have to stay. */
static void
block_fetch_crls(struct block *b)
{
	struct get	 get;
	size_t		 i;

	b->state = BLOCK_CRLS;
	wants_of(b, b->next);
	wants_of(b, b->keys);
	block_get(b, &get);
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
		block_done(b);
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
		block_wrong(b, "keys", got->why);
	else if (b->rootless) {
		root_tell(b, body, got->len);
		b->wrong = 1;
	} else if ((b->next = jwks_read(body, got->len, &b->roots, why,
	    sizeof(why))) == NULL || b->next->n == 0) {
		block_wrong(b, "keys", why);
		block_forget_next(b);
	} else if ((b->nextraw = malloc(got->len)) == NULL) {
		b->wrong = 1;
		block_forget_next(b);
	} else {
		memcpy(b->nextraw, got->body, got->len);
		b->nextlen = got->len;
	}
	block_fetch_crls(b);
}

/* Leaves the state alone when it can't be begun. */
static void
block_fetch(struct block *b)
{
	struct get	 get;

	block_get(b, &get);
	get.what = FETCH_JWKS;
	if ((b->fetch = fetch_start(&get, jwks_got, b)) == NULL) {
		b->failures++;
		block_schedule(b);
		return;
	}
	event_del(b->timer);
	count_fetches++;
	b->wrong = 0;
	b->tried = 1;
	b->tried_ms = now_ms();
	b->state = BLOCK_JWKS;
}

static int
block_shut(const struct block *b)
{
	return (b->tried && now_ms() - b->tried_ms <
	    (uint64_t)b->interval * 1000);
}

static void
block_timeout(int fd, short what, void *arg)
{
	struct block	*b = arg;

	(void)fd;
	(void)what;
	if (b->state == BLOCK_ASKING) {
		log_warnx("%s: the store did not answer", b->name);
		block_asked(b);
		return;
	}
	if (b->state != BLOCK_IDLE)
		return;
	if (block_shut(b)) {
		block_schedule(b);
		return;
	}
	b->refresh = 1;
	block_fetch(b);
}

int
collateral_coming(uint32_t block)
{
	return (block < nblocks && blocks[block].state != BLOCK_IDLE);
}

int
collateral_refresh(uint32_t block)
{
	struct block	*b = &blocks[block];

	if (block >= nblocks)
		return (0);
	if (b->state != BLOCK_IDLE)
		return (1);
	if (b->kind == BLOCK_FILE || block_shut(b) || !fetch_possible(block))
		return (0);
	b->refresh = 1;
	block_fetch(b);
	return (b->state != BLOCK_IDLE);
}

/* --- for the others ------------------------------------------------ */

const struct jwk *
collateral_key(uint32_t block, const char *kid)
{
	struct block	*b = &blocks[block];

	if (kid[0] == '\0' && b->kind != BLOCK_SERVICE)
		return (b->keys != NULL && b->keys->n == 1 ?
		    &b->keys->keys[0] : NULL);
	return (jwks_find(b->keys, kid));
}

int
collateral_any(uint32_t block, int64_t now)
{
	return (set_any(blocks[block].keys, now));
}

uint32_t
collateral_blocks(void)
{
	return (nblocks);
}

int
collateral_find(const char *name)
{
	uint32_t	 i;

	for (i = 0; i < nblocks; i++)
		if (strcmp(blocks[i].name, name) == 0)
			return ((int)i);
	return (-1);
}

enum block_kind
collateral_kind(uint32_t block)
{
	return (blocks[block].kind);
}

uint32_t
collateral_services(void)
{
	return (nservices);
}

uint32_t
collateral_fetched(void)
{
	uint32_t	 n = 0;

	while (n < nblocks && blocks[n].kind != BLOCK_FILE)
		n++;
	return (n);
}

int
collateral_issuer(const char *issuer)
{
	uint32_t	 i;

	for (i = nservices; i < nblocks; i++)
		if (strcmp(blocks[i].parties.issuer, issuer) == 0)
			return ((int)i);
	return (-1);
}

const struct parties *
collateral_parties(uint32_t block)
{
	return (&blocks[block].parties);
}

unsigned int
collateral_version(uint32_t block)
{
	return (blocks[block].version);
}

/* --- for kbsctl ---------------------------------------------------- */

static uint64_t
set_usable(const struct jwks *set, int64_t now)
{
	uint64_t	 n = 0;
	size_t		 i;

	for (i = 0; set != NULL && i < set->n; i++)
		n += jwk_usable(&set->keys[i], now) != 0;
	return (n);
}

void
collateral_tell(void (*fn)(const struct block_told *, void *), void *arg)
{
	struct block_told	 told;
	const struct block	*b;
	uint32_t		 i;

	for (i = 0; i < nblocks; i++) {
		b = &blocks[i];
		told.name = b->name;
		told.keys = set_usable(b->keys, unix_now());
		told.state = b->rootless ? "no root yet" :
		    told.keys == 0 ? "no keys" : b->failures > 0 ?
		    "not renewed" : "good";
		told.good = b->good;
		told.bad = b->bad;
		told.trouble = b->failures > 0 ? b->trouble : "";
		told.fetched = b->fetched;
		fn(&told, arg);
	}
}

void
collateral_counters(struct wbuf *w)
{
	int64_t		 now = unix_now(), end;
	uint32_t	 i;
	char		 name[NAME_MAX_STORE + 32];

	wb_str(w, "collateral fetches");
	wb_u64(w, count_fetches);
	wb_str(w, "collateral failures");
	wb_u64(w, count_failures);
	for (i = 0; i < nblocks; i++) {
		if (blocks[i].kind == BLOCK_FILE)
			continue;
		end = set_end(blocks[i].keys, now, 1);
		(void)snprintf(name, sizeof(name), "collateral seconds %s",
		    blocks[i].name);
		wb_str(w, name);
		wb_u64(w, end > now ? (uint64_t)(end - now) : 0);
	}
}

/* --- start --------------------------------------------------------- */

int
collateral_config(struct rbuf *r, uint32_t number)
{
	struct block	*b = &blocks[number];

	if (number >= BLOCKS_MAX)
		return (-1);
	b->number = number;
	rb_str(r, b->name, sizeof(b->name));
	rb_str(r, b->parties.issuer, sizeof(b->parties.issuer));
	rb_str(r, b->parties.audience, sizeof(b->parties.audience));
	b->version = rb_u8(r);
	b->interval = rb_u32(r);
	b->rootless = rb_bool(r);
	b->rootfd = b->jwksfd = -1;
	TAILQ_INIT(&b->crls);
	nblocks = nservices = number + 1;
	return (r->failed || b->interval > 7 * 86400 ? -1 : 0);
}

int
collateral_foreign(struct rbuf *r, uint32_t number)
{
	struct block	*b = &blocks[number];
	char		 alg[16];

	if (number >= BLOCKS_MAX)
		return (-1);
	b->number = number;
	b->kind = rb_enum(r, BLOCK_KIND_MAX - 1);
	rb_str(r, b->name, sizeof(b->name));
	rb_str(r, b->parties.issuer, sizeof(b->parties.issuer));
	rb_str(r, b->parties.audience, sizeof(b->parties.audience));
	rb_str(r, alg, sizeof(alg));
	b->interval = rb_u32(r);
	if (rb_bool(r) && (b->parties.map = map_config(r)) == NULL)
		return (-1);
	b->rsa = jws_alg_parse(alg);
	b->rootfd = b->jwksfd = -1;
	/* Nothing of a file is kept by others. */
	b->asked = b->kind == BLOCK_FILE;
	TAILQ_INIT(&b->crls);
	nblocks = number + 1;
	return (r->failed || b->kind == BLOCK_SERVICE ||
	    b->parties.issuer[0] == '\0' || b->interval > 7 * 86400 ||
	    (alg[0] != '\0' && b->rsa == JWS_NONE) ? -1 : 0);
}

int
collateral_root(int fd)
{
	uint32_t	 i;

	for (i = 0; i < nblocks; i++)
		if (!blocks[i].rootless && blocks[i].rootfd == -1 &&
		    blocks[i].kind != BLOCK_FILE) {
			blocks[i].rootfd = fd;
			return (0);
		}
	return (-1);
}

int
collateral_jwks(int fd)
{
	uint32_t	 i;

	for (i = nservices; i < nblocks; i++)
		if (blocks[i].kind == BLOCK_FILE && blocks[i].jwksfd == -1) {
			blocks[i].jwksfd = fd;
			return (0);
		}
	return (-1);
}

/* The descriptor's offset is shared with other processes: pread. */
static char *
file_load(const struct block *b, int fd, const char *what, size_t most,
    size_t *len)
{
	char	*text;
	ssize_t	 n;

	*len = 0;
	if ((text = malloc(most)) == NULL)
		fatal("%s of %s", what, b->name);
	do {
		n = pread(fd, text + *len, most - *len, (off_t)*len);
		if (n == -1)
			fatal("%s of %s", what, b->name);
		*len += (size_t)n;
	} while (n > 0 && *len < most);
	return (text);
}

/* One byte more is room for a file that is too long. */
static void
keys_load(struct block *b)
{
	char	*text, why[WHY_MAX];
	size_t	 len;

	text = file_load(b, b->jwksfd, "key set", JWKS_MAX + 1, &len);
	b->keys = keyfile_read(text, len, b->rsa, why, sizeof(why));
	if (b->keys == NULL)
		fatalx("key set of %s: %s", b->name, why);
	log_info("%s: %zu keys of \"%s\"", b->name, b->keys->n,
	    b->parties.issuer);
	free(text);
	close(b->jwksfd);
}

static void
root_load(struct block *b)
{
	char	*pem, why[WHY_MAX];
	size_t	 len;

	pem = file_load(b, b->rootfd, "root", ROOT_FILE_MAX, &len);
	if (roots_read(&b->roots, pem, len, why, sizeof(why)) == -1)
		fatalx("root of %s: %s", b->name, why);
	certificate_note(CERTIFICATE_ROOT, b->name, pem, len);
	b->roots.lax = b->kind == BLOCK_URL;
	b->roots.rsa = b->rsa;
	free(pem);
	close(b->rootfd);
}

void
collateral_secrets(void)
{
	uint32_t	 i;

	for (i = 0; i < nblocks; i++) {
		if (blocks[i].rootless)
			continue;
		if (blocks[i].kind == BLOCK_FILE) {
			if (blocks[i].jwksfd == -1)
				fatalx("no key set for %s", blocks[i].name);
			keys_load(&blocks[i]);
			continue;
		}
		if (blocks[i].rootfd == -1)
			fatalx("no root for %s", blocks[i].name);
		root_load(&blocks[i]);
	}
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
collateral_run(void (*changed)(void))
{
	uint32_t	 i;

	block_changed = changed;
	changed_event = event_new(base, -1, 0, changed_run, NULL);
	if (changed_event == NULL)
		fatalx("no memory for events");
	for (i = 0; i < nblocks; i++) {
		blocks[i].timer = event_new(base, -1, 0, block_timeout,
		    &blocks[i]);
		if (blocks[i].timer == NULL)
			fatalx("no memory for events");
	}
}

void
collateral_broker_up(struct edge *edge)
{
	uint32_t	 i;

	(void)edge;
	for (i = 0; i < nblocks; i++)
		if (!blocks[i].asked && blocks[i].state == BLOCK_IDLE)
			block_ask(&blocks[i]);
}

void
collateral_broker_down(struct edge *edge)
{
	uint32_t	 i;

	(void)edge;
	for (i = 0; i < nblocks; i++)
		if (blocks[i].state == BLOCK_ASKING)
			block_asked(&blocks[i]);
}

/* Nothing valid yet: the first transfer shall not have to wait for it. */
void
collateral_fetcher_up(uint32_t block)
{
	struct block	*b = &blocks[block];

	if (block >= nblocks || b->kind == BLOCK_FILE ||
	    b->state != BLOCK_IDLE || !b->asked ||
	    set_any(b->keys, unix_now()) || block_shut(b))
		return;
	b->refresh = 0;
	block_fetch(b);
}

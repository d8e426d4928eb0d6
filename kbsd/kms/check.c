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
 * Is the keystore usable?  A key that nobody has seen is put there (or made,
 * where the keystore makes them), got, compared and removed, by the same
 * functions as all others.  No record is made of it: at a keystore elsewhere it
 * is noted for sweep.c to remove, until it is known to be gone.
 */

#include <event2/event.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "histogram.h"
#include "kms.h"
#include "log.h"
#include "secret.h"
#include "timer.h"

#define PROBE_LEN	32

/*
 * It is held to be down when it failed so often running, for so long, and no
 * longer than until the next good answer.  What fails at one time counts once.
 * From the first failure on it is asked again and again, whether or not
 * anybody wants a key.
 */
#define DOWN_FAILURES	2
#define DOWN_MS		3000
#define ONE_TIME_MS	1000
#define AGAIN_MS	2000
#define AGAIN_DOWN_MS	3000

static const struct backend	*backend;
static struct job		*probe;		/* NULL: none is made */
static uint64_t			 probe_tag;	/* 0: nobody waits for it */
static struct event		*again;

/* --- what is known ----------------------------------------------------- */

static struct {
	uint64_t	 mean_us;		/* of answers */
	uint64_t	 failed;
	int		 ok;
	unsigned int	 running;		/* failures */
	uint64_t	 since;			/* ms: the first of these */
	uint64_t	 last;			/* that was counted */
	char		 state[REASON_TEXT_MAX];
} health = { .ok = 1 };
static struct histogram		 durations;

static int
is_down(void)
{
	return (health.running >= DOWN_FAILURES &&
	    now_ms() - health.since >= DOWN_MS);
}

static void
health_note(int ok, const char *state)
{
	health.ok = ok;
	(void)strlcpy(health.state, ok ? "answers" : state,
	    sizeof(health.state));
	if (ok) {
		if (is_down())
			log_info("the keystore answers again");
		health.running = 0;
		(void)evtimer_del(again);
		return;
	}
	health.failed++;
	if (health.running == 0)
		health.since = now_ms();
	if (health.running == 0 || now_ms() - health.last >= ONE_TIME_MS) {
		health.running++;
		health.last = now_ms();
	}
	if (probe == NULL && !evtimer_pending(again, NULL))
		timer_set(again, is_down() ? AGAIN_DOWN_MS : AGAIN_MS);
}

/* The newest answer has an eighth of the weight. */
void
check_answer(uint64_t us, enum done_result result, const char *reason)
{
	health.mean_us = health.mean_us == 0 ? us :
	    (health.mean_us * 7 + us) / 8;
	histogram_add(&durations, us);
	health_note(result != DONE_UNAVAILABLE, reason);
}

void
check_counters(struct wbuf *w)
{
	wb_str(w, "usable");
	wb_u64(w, !is_down());
	if (backend->credential != NULL && backend->credential() != 0) {
		wb_str(w, "credential ends");
		wb_u64(w, (uint64_t)time(NULL) + backend->credential());
	}
	histogram_put(w, "keystore", &durations);
}

static void
check_tell(uint64_t tag, int ok, const char *state)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, tag);
	wb_u8(&w, (uint8_t)ok);
	wb_str(&w, state);
	wb_u32(&w, (uint32_t)(health.mean_us > UINT32_MAX ? UINT32_MAX :
	    health.mean_us));
	wb_u64(&w, health.failed);
	wb_u64(&w, backend->credential != NULL ? backend->credential() : 0);
	if (edge_send(edge_parent, IMSG_PARENT_CHECKED, &w) == -1)
		log_warn("a check can't be told");
}

/* --- the probe --------------------------------------------------------- */

/*
 * What the last one may have left there.  It is removed before anything else
 * is put, so that what is down does not gather keys.
 */
static struct uuid	 left;
static int		 is_left;

/* What went wrong first is told in the end, when its key is gone again. */
static int	 probe_failed;
static char	 probe_why[REASON_TEXT_MAX];
static int	 probe_clears;		/* it removes what is left */

static void
probe_wrong(const char *why)
{
	if (probe_failed)
		return;
	probe_failed = 1;
	(void)strlcpy(probe_why, why, sizeof(probe_why));
}

static void
probe_over(int ok, int usable, const char *state)
{
	uint64_t	 tag = probe_tag;

	event_free(probe->timer);
	OPENSSL_secure_clear_free(probe->material, probe->materiallen);
	free(probe->box);
	freezero(probe, sizeof(*probe));
	probe = NULL;
	health_note(usable, state);
	if (tag != 0)
		check_tell(tag, ok, state);
}

static void
probe_end(int ok, const char *state)
{
	probe_over(ok, ok, state);
}

static void
probe_timeout(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	backend->cancel(probe);
	probe_wrong("it takes too long");
	probe_end(0, probe_why);
}

static void
probe_get(void)
{
	static struct row	 row;

	row.record = probe->record;
	row.boxlen = probe->boxlen;
	if (probe->boxlen > 0)
		memcpy(row.box, probe->box, probe->boxlen);
	probe->type = IMSG_KMS_FETCH;
	backend->get(probe, &row);
}

/* An id that the keystore gave is not to be that of a key in use. */
static void
probe_remove(void)
{
	char	 own[NAME_MAX_BACKEND];
	int	 rc;

	key_record_name(&probe->record, own);
	if (strcmp(probe->record.backend, own) != 0 &&
	    (rc = records_backend(&probe->record)) != 0) {
		probe_wrong(rc < 0 ? "the key database failed" :
		    "the keystore gave it the id of another key");
		probe_end(0, probe_why);
		return;
	}
	probe->type = IMSG_KMS_DELETE;
	backend->remove(probe, probe->record.backend);
}

/* What was made there only has to be of its kind. */
static int
probe_same(const void *data, size_t len)
{
	if (probe->made_there)
		return (material_wrong(&probe->record, data, len) == NULL);
	return (len == probe->materiallen &&
	    secret_cmp(data, probe->material, len) == 0);
}

/*
 * What the probe does not need may be missing all the same: the configuration
 * is wrong then, and the keys that are there can be had.
 */
static void
probe_good(void)
{
	const char	*missing = backend->missing != NULL ?
			    backend->missing() : "";

	if (missing[0] != '\0')
		probe_over(0, 1, missing);
	else
		probe_end(1, probe->made_there ? "a key was made, got and "
		    "removed" : "a key was put, got and removed");
}

/* A box of ours, or nothing, where it lies elsewhere. */
static void
probe_there(const void *box, size_t len)
{
	if (len > 0 && (probe->box = malloc(len)) == NULL) {
		probe_end(0, "no memory");
		return;
	}
	if (len > 0)
		memcpy(probe->box, box, len);
	probe->boxlen = len;
	probe_get();
}

static void
probe_name(const struct uuid *id)
{
	probe->record.id = *id;
	(void)uuid_format(id, probe->record.backend);
}

static void
probe_put(void)
{
	struct uuid	 id;

	uuid_make(&id);
	probe_name(&id);
	if (backend->elsewhere) {
		left = id;
		is_left = 1;
		if (records_make_unsure(&probe->record) != 0)
			log_warnx("the key of a check can't be noted: it stays "
			    "there when the check is cut short");
	}
	probe->type = IMSG_KMS_STORE;
	if (probe->made_there)
		backend->create(probe);
	else
		backend->put(probe);
}

static void
probe_clear(void)
{
	probe_name(&left);
	probe->type = IMSG_KMS_DELETE;
	backend->remove(probe, probe->record.backend);
}

/* What the last one left is gone, or what this one has put. */
static void
probe_removed(enum done_result result)
{
	int	 was_left = probe_clears;

	probe_clears = 0;
	if (result == DONE_OK && is_left) {
		is_left = 0;
		(void)records_sure(&probe->record.id, probe->record.version);
	}
	if (probe_failed)
		probe_end(0, probe_why);
	else if (was_left)
		probe_put();
	else
		probe_good();
}

/* put, get, remove: each answer leads to the next; what was put is removed. */
static void
probe_step(struct job *job, enum done_result result, const char *reason,
    const void *data, size_t len)
{
	if (result != DONE_OK)
		probe_wrong(reason);
	if (job->type == IMSG_KMS_STORE && result == DONE_OK)
		probe_there(data, len);
	else if (job->type == IMSG_KMS_FETCH) {
		if (result == DONE_OK && !probe_same(data, len))
			probe_wrong("another key came back");
		probe_remove();
	} else if (job->type == IMSG_KMS_DELETE)
		probe_removed(result);
	else
		probe_end(0, probe_why);
}

/* What it puts, where it is not made there. */
static int
probe_material(void)
{
	if (probe->made_there)
		return (0);
	if ((probe->material = OPENSSL_secure_malloc(PROBE_LEN)) == NULL)
		return (-1);
	probe->materiallen = PROBE_LEN;
	arc4random_buf(probe->material, PROBE_LEN);
	return (0);
}

static void
probe_begin(const char *keystore)
{
	struct key_record	*k;

	if ((probe = calloc(1, sizeof(*probe))) == NULL)
		fatal("calloc");
	probe_failed = 0;
	probe->ours = probe_step;
	probe->deadline = now_ms() + DEADLINE_KEYSTORE_MS;
	probe->timer = timer_new(probe_timeout, NULL);
	timer_set(probe->timer, DEADLINE_KEYSTORE_MS);
	k = &probe->record;
	k->version = 1;
	(void)strlcpy(k->keystore, keystore, sizeof(k->keystore));
	k->algorithm = ALG_AES;
	k->length = PROBE_LEN * 8;
	probe->made_there = work_makes(k);
	probe_clears = is_left;
	if (probe_material() == -1)
		probe_end(0, "no locked memory left");
	else if (is_left)
		probe_clear();
	else
		probe_put();
}

int
check_puts(const struct uuid *id)
{
	return (probe != NULL && uuid_cmp(&probe->record.id, id) == 0);
}

/* --- from the parent --------------------------------------------------- */

static const char	*keystore;

int
check_take(struct edge *edge, struct rbuf *r)
{
	uint64_t	 tag = rb_u64(r);
	int		 active = rb_bool(r);

	(void)edge;
	if (rb_end(r) == -1)
		return (-1);
	if (!active)
		check_tell(tag, health.ok, health.state[0] != '\0' ?
		    health.state : "not asked yet");
	else if (probe != NULL && probe_tag == 0)
		probe_tag = tag;
	else if (probe != NULL)
		check_tell(tag, 0, "a check is under way");
	else {
		probe_tag = tag;
		sweep_start();
		probe_begin(keystore);
	}
	return (0);
}

/* It may answer by now. */
static void
check_again(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (probe != NULL)
		return;
	probe_tag = 0;
	probe_begin(keystore);
}

void
check_init(const char *name, const struct backend *b)
{
	keystore = name;
	backend = b;
	again = timer_new(check_again, NULL);
}

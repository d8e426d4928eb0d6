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
 * Material that was got from a keystore elsewhere, in locked memory for as
 * long as the configuration says; for none without it.  It is found after all
 * has been decided that is decided without it, and goes with any change of its
 * key.
 */

#include <openssl/crypto.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "kms.h"
#include "log.h"
#include "timer.h"

#define ENTRIES_MAX	1024
#define BYTES_MAX	(256 * 1024)	/* of the locked heap */

struct entry {
	RB_ENTRY(entry)		 node;
	TAILQ_ENTRY(entry)	 age;
	struct uuid		 id;
	uint32_t		 version;
	uint64_t		 until;		/* ms */
	uint8_t			*material;
	size_t			 len;
};

RB_HEAD(entries, entry);

static struct entries		 entries = RB_INITIALIZER(&entries);
static TAILQ_HEAD(, entry)	 ages = TAILQ_HEAD_INITIALIZER(ages);
static unsigned int		 nentries;
static size_t			 bytes;
static uint64_t			 lifetime;	/* ms; 0: nothing is kept */
static struct event		*timer;
static uint64_t			 count_hits;

static int
entry_cmp(const struct entry *a, const struct entry *b)
{
	return (uuid_cmp(&a->id, &b->id));
}

/* RB_GENERATE_STATIC needs __unused, which not every libbsd has. */
RB_GENERATE_INTERNAL(entries, entry, node, entry_cmp,
    static __attribute__((unused)))

static void
entry_free(struct entry *e)
{
	RB_REMOVE(entries, &entries, e);
	TAILQ_REMOVE(&ages, e, age);
	nentries--;
	bytes -= e->len;
	OPENSSL_secure_clear_free(e->material, e->len);
	free(e);
}

static struct entry *
entry_find(const struct uuid *id)
{
	struct entry	 find;

	find.id = *id;
	return (RB_FIND(entries, &entries, &find));
}

/* All live equally long, so the oldest ends first. */
static void
cache_expire(int fd, short what, void *arg)
{
	struct entry	*e;
	uint64_t	 now = now_ms();

	(void)fd;
	(void)what;
	(void)arg;
	while ((e = TAILQ_FIRST(&ages)) != NULL && e->until <= now)
		entry_free(e);
	if (e != NULL)
		timer_set(timer, e->until - now);
}

const void *
cache_find(const struct key_record *k, size_t *len)
{
	struct entry	*e = entry_find(&k->id);

	if (e == NULL || e->version != k->version || e->until <= now_ms())
		return (NULL);
	count_hits++;
	*len = e->len;
	return (e->material);
}

/* Without room the oldest goes; without memory nothing is kept. */
void
cache_keep(const struct key_record *k, const void *material, size_t len)
{
	struct entry	*e;

	if (lifetime == 0 || len == 0 || len > BYTES_MAX)
		return;
	cache_drop(&k->id);
	while (nentries == ENTRIES_MAX || bytes + len > BYTES_MAX)
		entry_free(TAILQ_FIRST(&ages));
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return;
	if ((e->material = OPENSSL_secure_malloc(len)) == NULL) {
		free(e);
		return;
	}
	memcpy(e->material, material, len);
	e->len = len;
	e->id = k->id;
	e->version = k->version;
	e->until = now_ms() + lifetime;
	RB_INSERT(entries, &entries, e);
	if (TAILQ_EMPTY(&ages))
		timer_set(timer, lifetime);
	TAILQ_INSERT_TAIL(&ages, e, age);
	nentries++;
	bytes += len;
}

void
cache_drop(const struct uuid *id)
{
	struct entry	*e;

	if ((e = entry_find(id)) != NULL)
		entry_free(e);
}

void
cache_init(uint32_t seconds)
{
	lifetime = (uint64_t)seconds * 1000;
	timer = timer_new(cache_expire, NULL);
}

void
cache_counters(struct wbuf *w)
{
	wb_str(w, "kept");
	wb_u64(w, nentries);
	wb_str(w, "from memory");
	wb_u64(w, count_hits);
}

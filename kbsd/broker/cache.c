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
 * Keys with their policies, as the store last said.  Everything here is what
 * the store could have answered anyway: kms and verifier judge by seals and
 * digests, so a stale row can only make a request fail, or go on as it would
 * have a moment earlier.
 */

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "broker.h"

#define CACHE_MAX	4096

struct cached {
	RB_ENTRY(cached)	 entry;
	TAILQ_ENTRY(cached)	 used;		/* last used first */
	struct key_record	 key;
	uint8_t			 policy_digest[DIGEST_LEN];
	struct wbuf		 policy;
	uint64_t		 policy_version;
};

static int
cached_cmp(const struct cached *a, const struct cached *b)
{
	return (uuid_cmp(&a->key.id, &b->key.id));
}

static RB_HEAD(cache, cached)		 cache = RB_INITIALIZER(&cache);
static TAILQ_HEAD(cached_list, cached)	 used = TAILQ_HEAD_INITIALIZER(used);
static unsigned int			 ncached;
static int				 allowed;

TREE_GENERATE(cache, cached, entry, cached_cmp)

static struct cached *
cache_find(const struct uuid *id)
{
	struct cached	 key;

	key.key.id = *id;
	return (RB_FIND(cache, &cache, &key));
}

static void
cached_free(struct cached *c)
{
	RB_REMOVE(cache, &cache, c);
	TAILQ_REMOVE(&used, c, used);
	ncached--;
	wb_free(&c->policy);
	free(c);
}

void
cache_drop(const struct uuid *id)
{
	struct cached	*c;

	if ((c = cache_find(id)) != NULL)
		cached_free(c);
}

void
cache_clear(void)
{
	struct cached	*c;

	while ((c = TAILQ_FIRST(&used)) != NULL)
		cached_free(c);
}

void
cache_allow(int allow)
{
	allowed = allow && broker_conf.cached;
	if (!allowed)
		cache_clear();
}

int
cache_get(const struct uuid *id, struct request *req)
{
	struct cached	*c;

	if (!allowed || (c = cache_find(id)) == NULL)
		return (-1);
	TAILQ_REMOVE(&used, c, used);
	TAILQ_INSERT_HEAD(&used, c, used);
	req->key = c->key;
	memcpy(req->policy_digest, c->policy_digest, DIGEST_LEN);
	req->policy_version = c->policy_version;
	wb_free(&req->policy);
	wb_raw_of(&req->policy, &c->policy);
	return (0);
}

void
cache_put(const struct request *req)
{
	struct cached	*c;

	if (!allowed || req->key.state != KEY_ACTIVE)
		return;
	cache_drop(&req->key.id);
	if (ncached == CACHE_MAX)
		cached_free(TAILQ_LAST(&used, cached_list));
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return;
	c->key = req->key;
	memcpy(c->policy_digest, req->policy_digest, DIGEST_LEN);
	c->policy_version = req->policy_version;
	wb_raw_of(&c->policy, &req->policy);
	if (c->policy.failed) {
		wb_free(&c->policy);
		free(c);
		return;
	}
	RB_INSERT(cache, &cache, c);
	TAILQ_INSERT_HEAD(&used, c, used);
	ncached++;
}

int
cache_same(const struct request *req)
{
	const struct cached	*c;

	if (!allowed || (c = cache_find(&req->key.id)) == NULL)
		return (-1);
	return (c->key.row_version == req->key.row_version &&
	    c->policy_version == req->policy_version);
}

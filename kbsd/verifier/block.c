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
 * What is kept of an attestation block: the key set in use, the one that shall
 * take its place, and the CRLs that either needs.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block.h"
#include "log.h"

int64_t
block_now(void)
{
	return ((int64_t)time(NULL));
}

/* --- what is in use ------------------------------------------------ */

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

void
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
void
block_adopt(struct block *b)
{
	struct crl	*c, *next;
	int64_t		 now = block_now();

	jwks_settle(b->keys, &b->crls);
	jwks_settle(b->next, &b->crls);
	if (b->next != NULL && b->next->n > 0 &&
	    (jwks_any(b->next, now) || !jwks_any(b->keys, now))) {
		jwks_free(b->keys);
		free(b->raw);
		b->keys = b->next;
		b->raw = b->nextraw;
		b->rawlen = b->nextlen;
		b->fetched = block_now();
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

void
block_wants(struct block *b, const struct jwks *set)
{
	const struct chain	*chain;
	size_t			 i;

	for (i = 0; set != NULL && i < set->n; i++) {
		chain = &set->keys[i].chain;
		want_add(b, chain->leaf_crl, chain->ca);
		want_add(b, chain->ca_crl, chain->root);
	}
}

void
block_unwant(struct block *b)
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
int
block_keep_crl(struct block *b, const struct want *w, const uint8_t *der,
    size_t len)
{
	struct crl	*c, *old;
	char		 why[WHY_MAX];
	int64_t		 now = block_now();

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

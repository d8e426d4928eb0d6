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
 * Parsed policies by their digest, the least used of them given up.  A digest
 * is over id and text, so what is found here is what was asked for.
 */
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verifier.h"

#define POLICIES_MAX	128

struct entry {
	TAILQ_ENTRY(entry)	 entry;
	uint8_t			 digest[DIGEST_LEN];
	struct policy		*policy;
};

TAILQ_HEAD(entry_list, entry);
static struct entry_list	 entries = TAILQ_HEAD_INITIALIZER(entries);
static unsigned int		 nentries;

static void
entry_drop(void)
{
	struct entry	*e = TAILQ_LAST(&entries, entry_list);

	TAILQ_REMOVE(&entries, e, entry);
	nentries--;
	policy_free(e->policy);
	free(e);
}

/* Borrowed: until the next call. */
const struct policy *
policies_get(const uint8_t digest[DIGEST_LEN], const char *text, size_t len,
    char *why, size_t whysize)
{
	struct entry	*e;

	TAILQ_FOREACH(e, &entries, entry)
		if (memcmp(e->digest, digest, DIGEST_LEN) == 0)
			break;
	if (e != NULL) {
		if (e != TAILQ_FIRST(&entries)) {
			TAILQ_REMOVE(&entries, e, entry);
			TAILQ_INSERT_HEAD(&entries, e, entry);
		}
		return (e->policy);
	}
	if ((e = calloc(1, sizeof(*e))) == NULL) {
		(void)snprintf(why, whysize, "no memory");
		return (NULL);
	}
	if ((e->policy = policy_parse(text, len, why, whysize)) == NULL) {
		free(e);
		return (NULL);
	}
	memcpy(e->digest, digest, DIGEST_LEN);
	if (nentries == POLICIES_MAX)
		entry_drop();
	TAILQ_INSERT_HEAD(&entries, e, entry);
	nentries++;
	return (e->policy);
}

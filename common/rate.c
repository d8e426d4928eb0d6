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

#include <stdlib.h>
#include <string.h>

#include "rate.h"

/* A bucket holds thousandths: a rate of 1/s is one of them per ms. */
#define WHOLE	1000

struct bucket {
	uint8_t		 key[RATE_KEY];
	uint64_t	 level;
	uint64_t	 filled;	/* when; 0: nobody's */
};

struct rate {
	uint64_t	 per_ms;
	uint64_t	 most;
	uint64_t	 seed[2];	/* nobody knows who meets whom */
	struct bucket	 buckets[RATE_SETS][RATE_WAYS];
};

struct rate *
rate_new(uint32_t per_second, uint32_t burst)
{
	struct rate	*rate;

	if ((rate = calloc(1, sizeof(*rate))) == NULL)
		return (NULL);
	rate->per_ms = per_second;
	rate->most = (uint64_t)burst * WHOLE;
	arc4random_buf(rate->seed, sizeof(rate->seed));
	return (rate);
}

void
rate_free(struct rate *rate)
{
	free(rate);
}

/* The finalizer of a 64 bit hash, over both halves of the key. */
static size_t
rate_set(const struct rate *rate, const uint8_t key[RATE_KEY])
{
	uint64_t	 half[2], h;
	unsigned int	 i;

	memcpy(half, key, sizeof(half));
	h = rate->seed[0];
	for (i = 0; i < 2; i++) {
		h ^= half[i] ^ rate->seed[1];
		h ^= h >> 33;
		h *= 0xff51afd7ed558ccdULL;
		h ^= h >> 33;
		h *= 0xc4ceb9fe1a85ec53ULL;
		h ^= h >> 33;
	}
	return ((size_t)(h % RATE_SETS));
}

static void
bucket_fill(const struct rate *rate, struct bucket *b, uint64_t now)
{
	uint64_t	 ms = now > b->filled ? now - b->filled : 0;

	/* What fills it in any case; larger ones might overflow. */
	if (ms > rate->most)
		ms = rate->most;
	b->level += ms * rate->per_ms;
	if (b->level > rate->most)
		b->level = rate->most;
	b->filled = now;
}

/* Its own, or the place of the one that has not asked for longest. */
static struct bucket *
rate_find(struct rate *rate, const uint8_t key[RATE_KEY], uint64_t now)
{
	struct bucket	*set = rate->buckets[rate_set(rate, key)], *oldest;
	unsigned int	 i;

	oldest = &set[0];
	for (i = 0; i < RATE_WAYS; i++) {
		if (set[i].filled != 0 &&
		    memcmp(set[i].key, key, RATE_KEY) == 0)
			return (&set[i]);
		if (set[i].filled < oldest->filled)
			oldest = &set[i];
	}
	memcpy(oldest->key, key, RATE_KEY);
	oldest->level = rate->most;
	oldest->filled = now;
	return (oldest);
}

uint64_t
rate_take(struct rate *rate, const uint8_t key[RATE_KEY], uint64_t now_ms)
{
	struct bucket	*b;

	if (now_ms == 0)
		now_ms = 1;
	b = rate_find(rate, key, now_ms);
	bucket_fill(rate, b, now_ms);
	if (b->level >= WHOLE) {
		b->level -= WHOLE;
		return (0);
	}
	return ((WHOLE - b->level + rate->per_ms - 1) / rate->per_ms);
}

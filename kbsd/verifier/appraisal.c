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
 * Appraisals that outlive the message they came in: found by name, each with a
 * deadline, and those among them that wait for collateral.
 */

#include <sys/queue.h>
#include <sys/tree.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "appraisal.h"

#define APPRAISALS_MAX	1024
#define APPRAISALS_BYTES (64u * 1024 * 1024)

static int
appraisal_cmp(const struct appraisal *a, const struct appraisal *b)
{
	return (name_cmp(&a->name, &b->name));
}

RB_HEAD(appraisals, appraisal);
RB_PROTOTYPE(appraisals, appraisal, entry, appraisal_cmp)
RB_GENERATE(appraisals, appraisal, entry, appraisal_cmp)

static struct appraisals	 appraisals = RB_INITIALIZER(&appraisals);
static TAILQ_HEAD(, appraisal)	 waiters = TAILQ_HEAD_INITIALIZER(waiters);
static size_t			 nappraisals, appraisal_bytes;

void
appraisal_end(struct appraisal *ap)
{
	if (ap->memory == NULL)
		return;			/* on the stack of its message */
	RB_REMOVE(appraisals, &appraisals, ap);
	nappraisals--;
	appraisal_bytes -= ap->size;
	if (ap->waiting)
		TAILQ_REMOVE(&waiters, ap, waitentry);
	fetch_cancel(ap->fetch);
	if (ap->timer != NULL)
		event_free(ap->timer);
	free(ap->token);
	free(ap->memory);
	free(ap);
}

static void
appraisal_timer(struct appraisal *ap)
{
	uint64_t	 now = now_ms(), ms;
	struct timeval	 tv;

	ms = ap->deadline > now ? ap->deadline - now : 0;
	if (ms > DEADLINE_REQUEST_MS)
		ms = DEADLINE_REQUEST_MS;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	event_add(ap->timer, &tv);
}

/* Both read all of it once already. */
static void
appraisal_point(struct appraisal *ap)
{
	struct rbuf	 r;

	ap->text = (const char *)ap->memory;
	ap->raw = ap->memory + ap->textlen;
	if (ap->rawlen == 0)
		return;
	rb_init(&r, ap->raw, ap->rawlen);
	rb_evidence(&r, &ap->e);
}

static void
appraisal_timeout(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish_with(arg, VERDICT_UNAVAILABLE, 502, UNAVAILABLE,
	    "it took too long");
}

/* A copy that outlives the message; NULL when there are too many. */
struct appraisal *
appraisal_keep(const struct appraisal *borrowed)
{
	struct appraisal	*ap;
	size_t			 size = borrowed->textlen + borrowed->rawlen;

	if (borrowed->memory != NULL || nappraisals >= APPRAISALS_MAX ||
	    appraisal_bytes + size > APPRAISALS_BYTES ||
	    (ap = malloc(sizeof(*ap))) == NULL)
		return (NULL);
	*ap = *borrowed;
	ap->memory = malloc(size + 1);
	ap->timer = event_new(base, -1, 0, appraisal_timeout, ap);
	if (ap->memory == NULL || ap->timer == NULL) {
		free(ap->memory);
		if (ap->timer != NULL)
			event_free(ap->timer);
		free(ap);
		return (NULL);
	}
	memcpy(ap->memory, borrowed->text, borrowed->textlen);
	if (borrowed->rawlen > 0)
		memcpy(ap->memory + ap->textlen, borrowed->raw,
		    borrowed->rawlen);
	ap->size = size;
	appraisal_point(ap);
	RB_INSERT(appraisals, &appraisals, ap);
	nappraisals++;
	appraisal_bytes += size;
	appraisal_timer(ap);
	return (ap);
}

void
appraisal_wait(struct appraisal *ap)
{
	struct appraisal	*kept = ap;

	if (ap->memory == NULL && (kept = appraisal_keep(ap)) == NULL) {
		finish_busy(ap);
		return;
	}
	if (!kept->waiting)
		TAILQ_INSERT_TAIL(&waiters, kept, waitentry);
	kept->waiting = 1;
	kept->waited = 1;
}

void
appraisal_waiters(void (*fn)(struct appraisal *))
{
	struct appraisal	*ap, *next;

	TAILQ_FOREACH_SAFE(ap, &waiters, waitentry, next)
		fn(ap);
}

void
appraisal_replace(struct appraisal *ap)
{
	struct appraisal	*old;

	if ((old = RB_FIND(appraisals, &appraisals, ap)) != NULL)
		appraisal_end(old);
}

void
appraisal_end_all(void)
{
	struct appraisal	*ap, *next;

	RB_FOREACH_SAFE(ap, appraisals, &appraisals, next)
		appraisal_end(ap);
}

size_t
appraisal_count(void)
{
	return (nappraisals);
}

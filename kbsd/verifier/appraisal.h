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
 * What the files behind appraise.c share.  An appraisal on the stack of the
 * message it came in is borrowed; one that is kept has memory of its own.
 */
#ifndef APPRAISAL_H
#define APPRAISAL_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stddef.h>
#include <stdint.h>

#include "histogram.h"
#include "verifier.h"

#define UNAVAILABLE	"the attestation service is not available"

struct appraisal {
	RB_ENTRY(appraisal)	 entry;
	TAILQ_ENTRY(appraisal)	 waitentry;
	struct request_name	 name;
	uint64_t		 began;			/* us */
	uint64_t		 deadline;
	struct uuid		 key;
	uint8_t			 digest[DIGEST_LEN];	/* of the policy */
	const char		*text;			/* of the policy */
	size_t			 textlen;
	uint8_t			 tees;			/* of the policy */
	uint8_t			 step;			/* TRANSFER_* */
	int			 test;			/* no verdict */
	const uint8_t		*raw;			/* evidence */
	size_t			 rawlen;
	struct evidence		 e;
	uint8_t			 evidence[DIGEST_LEN];	/* token or quote */

	uint8_t			*memory;		/* of text and raw */
	size_t			 size;
	struct event		*timer;
	struct fetch		*fetch;
	int			 only;			/* the block; -1: any */
	uint32_t		 block;			/* asked, background */
	int			 waiting, waited;	/* for collateral */
	int			 local;			/* no service */
	char			*token;			/* background */
	size_t			 tokenlen;
	struct outcome		 last;			/* of a service */
};

/* --- appraisal.c: those that are kept ------------------------------ */

/* A copy that outlives the message; NULL when there are too many. */
struct appraisal *appraisal_keep(const struct appraisal *);
/* Nobody hears of it; of a borrowed one nothing. */
void		 appraisal_end(struct appraisal *);
/* The one that is kept under this name, if there is one. */
void		 appraisal_replace(struct appraisal *);
void		 appraisal_end_all(void);
/* Until collateral comes; a borrowed one is kept, or ends as busy. */
void		 appraisal_wait(struct appraisal *);
/* Each that waits; fn may end it. */
void		 appraisal_waiters(void (*fn)(struct appraisal *));
size_t		 appraisal_count(void);

/* --- finish.c: how one ends ---------------------------------------- */

void		 finish_config(uint32_t engines);
/* The appraisal is over, and nobody gets a key by it. */
void		 finish(struct appraisal *, const struct outcome *);
void		 finish_with(struct appraisal *, enum verdict,
		    uint16_t status, const char *text, const char *reason);
/* There are too many. */
void		 finish_busy(struct appraisal *);
/* As it was judged: with OK the engine gets its half first. */
void		 finish_judged(struct appraisal *, const struct judgement *);
/* Only says it: the three parts of a nonce, or NULL. */
void		 finish_nonced(const struct appraisal *,
		    const struct outcome *, struct rbuf *parts);
void		 finish_counters(struct wbuf *);
const struct histogram *finish_durations(void);

/* --- attest.c: what a service is asked ----------------------------- */

/* What it comes to when no block can be asked. */
void		 attest_nobody(struct appraisal *);
/* Of kept ones: from the block of ap->block on; each ends it. */
void		 attest_next(struct appraisal *);
void		 attest_nonce(struct appraisal *);
/* A nonce of our own, for a borrowed one. */
void		 attest_nonce_own(struct appraisal *);
void		 attest_counters(struct wbuf *);

/* --- appraise.c: for attest.c -------------------------------------- */

/* Its policy; NULL: it is over, nobody may judge by it. */
const struct policy *appraise_policy(struct appraisal *);
/* Judge its token, which a client sent or a service; ends it, or it waits. */
void		 appraise_token(struct appraisal *);

#endif

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

/* The audit process: its lines and their chain. */
#ifndef AUDIT_H
#define AUDIT_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "kbsd.h"

/* Longest line that is looked for at the end of a log. */
#define CHAIN_WINDOW	(256 * 1024)

#define VERDICT_TEXT_MAX	64
#define REQUEST_TEXT_MAX	64
#define WHO_TEXT_MAX		(NAME_MAX_USER + 16)	/* "uid N", name */

/* One RECORD, and what becomes of it. */
struct entry {
	TAILQ_ENTRY(entry)	 entry;
	struct request_name	 name;
	uint8_t			 operation;
	char			 keystore[NAME_MAX_STORE];
	struct uuid		 key;
	uint8_t			 policy_digest[DIGEST_LEN];
	uint8_t			 wrapping_key[DIGEST_LEN];
	int			 reply;
	uint8_t			 event;
	char			 request[REQUEST_TEXT_MAX];
	char			 client[ADDRESS_TEXT_MAX];
	char			 who[WHO_TEXT_MAX];
	struct uuid		 object;
	struct uuid		 policy;
	uint8_t			 tees;
	uint8_t			 evidence[DIGEST_LEN];
	char			 verdict[VERDICT_TEXT_MAX];
	char			 reason[REASON_TEXT_MAX];
	char			 claim[CLAIM_TEXT_MAX];
	char			 wanted[CLAIM_TEXT_MAX];
	char			 got[CLAIM_TEXT_MAX];
	uint64_t		 line;		/* 0: not written */
	uint64_t		 since;		/* now_ms() of its coming */
};

/*
 * Where a log ends: the number and the digest of its last line.  A log that
 * is empty has number 0 and a digest of zeros.
 */
struct chain {
	uint64_t	 n;
	uint8_t		 digest[DIGEST_LEN];
};

enum chain_result {
	CHAIN_OK,
	CHAIN_TORN,		/* no whole line, e.g. after a power cut */
	CHAIN_NUMBER,		/* lines are missing, doubled or moved */
	CHAIN_BROKEN		/* the line before is not what it was */
};

/* chain.c */

/*
 * Check the next line (without its newline) and move the chain behind it
 * whatever comes out, so that a reader can go on.  A torn line is not a
 * fault by itself: when it was torn and not tampered with, the next line
 * knows its digest.
 */
enum chain_result	 chain_verify(struct chain *, const char *, size_t);
const char		*chain_result_text(enum chain_result);
/* Move the chain behind a line just made. */
void			 chain_append(struct chain *, const char *, size_t);
/*
 * Read the end of the log.  *torn tells that it does not end with a newline.
 * Returns -1 with errno; EBADMSG when no line with a number is there.
 */
int			 chain_tail(int fd, struct chain *, int *torn);

/* line.c */

/* Returns 0, or -1 when the body is malformed. */
int	 line_read(struct rbuf *, struct entry *);
/*
 * Append the line that comes behind the chain, with its newline, and move the
 * chain behind it.  -1: out of memory, the buffer has failed.
 */
int	 line_put(struct wbuf *, const struct entry *, struct chain *);

/* Least and most bytes of a RECORD. */
#define RECORD_LEAST	(12 + 1 + 4 + 16 + 2 * DIGEST_LEN + 1 + 1 + 3 * 4 + \
			16 + 16 + 1 + DIGEST_LEN + 5 * 4)
#define RECORD_MOST	(RECORD_LEAST + NAME_MAX_STORE + REQUEST_TEXT_MAX + \
			ADDRESS_TEXT_MAX + WHO_TEXT_MAX + \
			VERDICT_TEXT_MAX + REASON_TEXT_MAX + \
			3 * CLAIM_TEXT_MAX)

#endif

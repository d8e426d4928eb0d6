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

#include "chain.h"
#include "kbsd.h"
#include "trace.h"

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

/* --- file.c: the file, and the one that it goes over to ------------------ */

/* May it be read, and written at its end only? */
int			 file_is_log(int fd);
/*
 * The log; once there is one, the file that it goes over to.  -1: one waits
 * already.
 */
int			 file_take(int fd);
/* The end of the log as it was last written, by us or those before us. */
void			 file_known(const struct chain *);
const struct chain	*file_end(void);
/* No file waits that it is to go over to. */
int			 file_settled(void);
/* Before the first line; dies when the log is none. */
void			 file_begin(void);
/*
 * Lock the log, having gone over to the file that waits.  0; -1 with errno,
 * EAGAIN when another process has it.
 */
int			 file_lock(void);
int			 file_unlock(void);
/*
 * With the lock held.  What the next line goes behind; append, sync, and know
 * the new end.  -1 with errno.
 */
int			 file_tail(struct chain *, int *torn);
int			 file_append(const struct wbuf *, const struct chain *);

/* --- sink.c: where lines go besides the log ------------------------------- */

/* The body of CONFIG; -1: malformed. */
int			 sink_config(struct rbuf *);
/* Before the first line: ask for their sockets. */
void			 sink_begin(void);
/* The function of the parent's table: a socket. */
int			 sink_socket(struct edge *, struct rbuf *);
/* Lines that are in the log, each with its newline. */
void			 sink_lines(const char *, size_t);
void			 sink_counters(struct wbuf *);

/* --- line.c --------------------------------------------------------------- */

/* Returns 0, or -1 when the body is malformed. */
int	 line_read(struct rbuf *, struct entry *);
/*
 * Append the line that comes behind the chain, with its newline, and move the
 * chain behind it.  -1: out of memory, the buffer has failed.
 */
int	 line_put(struct wbuf *, const struct entry *, struct chain *);
/* The first line of a file that goes on with the chain of another. */
int	 line_put_continued(struct wbuf *, struct chain *);

/* Least and most bytes of a RECORD. */
#define RECORD_LEAST	(12 + 1 + 4 + 16 + 2 * DIGEST_LEN + 1 + 1 + 3 * 4 + \
			16 + 16 + 1 + DIGEST_LEN + 5 * 4)
#define RECORD_MOST	(RECORD_LEAST + NAME_MAX_STORE + REQUEST_TEXT_MAX + \
			ADDRESS_TEXT_MAX + WHO_TEXT_MAX + \
			VERDICT_TEXT_MAX + REASON_TEXT_MAX + \
			3 * CLAIM_TEXT_MAX)

#endif

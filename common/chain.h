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
 * The chain of the audit log, for who writes it and who checks it: each line
 * is a JSON object that names its number and the SHA-256 of the whole line
 * before it, without the newline.  A new file goes on where the old one ended:
 * its first line names the old one's last.
 */
#ifndef CHAIN_H
#define CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"

/* The longest line. */
#define CHAIN_WINDOW	(256 * 1024)

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

/* --- chain.c ------------------------------------------------------------- */

/*
 * The number and the digest that a line (without its newline) names.  Returns
 * 0, or -1 when it is no whole line.
 */
int			 chain_parse(const char *, size_t, struct chain *);
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
 * Returns how many lines from the end on were read until one told its number,
 * 0 when none has one (then n counts them from 0), or -1 with errno; EBADMSG
 * when it ends with something else.
 */
int			 chain_tail(int fd, struct chain *, int *torn);

/* --- chain_read.c -------------------------------------------------------- */

/* Reads lines of a descriptor, whatever their number, in bounded memory. */
struct chain_reader {
	int		 fd;
	char		*buf;		/* CHAIN_WINDOW */
	size_t		 off, len;	/* what is not given out yet */
	uint64_t	 lines;		/* that were given out */
};

/* Returns 0, or -1 with errno.  The descriptor is taken. */
int	 chain_reader_init(struct chain_reader *, int fd);
void	 chain_reader_free(struct chain_reader *);
/*
 * The next line without its newline, which is good until the next call.
 * Returns 1; 0 at the end, where *len is what stands there without a newline
 * (and is given again when more has come); or -1 with errno, EFBIG for a line
 * that is too long.
 */
int	 chain_read(struct chain_reader *, const char **line, size_t *len);

#endif

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
 * One piece of evidence, judged once and without a daemon: what kbsctl asks
 * of a verifier that it has started, over one socket, and how the two are
 * framed.  The answer is a JSON object.
 */
#ifndef ONCE_H
#define ONCE_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"

#define ONCE_OPTION	"-a"		/* `verifier -a' does this */
#define ONCE_FD		3
#define ONCE_REQUEST_MAX (8 * 1024 * 1024)
#define ONCE_ANSWER_MAX	(2 * 1024 * 1024)

/* What is given; the evidence must be, all else may be missing. */
enum once_part {
	ONCE_EVIDENCE, ONCE_ROOT,
	/* Intel's collateral */
	ONCE_PCK_CRL, ONCE_PCK_CRL_CHAIN, ONCE_ROOT_CRL, ONCE_TCB_INFO,
	ONCE_TCB_INFO_CHAIN, ONCE_QE_IDENTITY, ONCE_QE_IDENTITY_CHAIN,
	/* AMD's */
	ONCE_VEK, ONCE_CHAIN, ONCE_CRL,
	/* of an attestation service */
	ONCE_JWKS,
	ONCE_PARTS
};

struct once_file {
	const char	*name;	/* in a directory of collateral; NULL: none */
	size_t		 max;
};
extern const struct once_file	 once_files[ONCE_PARTS];

struct once_bytes {
	const uint8_t	*p;	/* NULL: it was not given */
	size_t		 len;
};

struct once {
	int64_t			 now;	/* Unix seconds, of all that expires */
	struct once_bytes	 part[ONCE_PARTS];	/* borrowed */
};

/* Append a request; wb->failed when there is no memory. */
void	 once_put(struct wbuf *, const struct once *);
/* Take one apart; it borrows.  0, or -1 when it makes no sense. */
int	 once_get(struct once *, const uint8_t *, size_t len);

/* A length, then as many bytes.  0, or -1 with errno; EPIPE: it has ended. */
int	 once_send(int fd, const void *, size_t len);
/* The same back: malloc'd, with a NUL behind it; NULL with errno. */
uint8_t	*once_receive(int fd, size_t max, size_t *len);

#endif

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
 * What the files behind collateral.c share: one attestation block and what it
 * holds.  Blocks that judge here are others (local.h).
 */
#ifndef BLOCK_H
#define BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "verifier.h"

/* --- block.c: what is kept of an attestation block ----------------- */

#define WANTS_MAX	(4 * JWKS_KEYS_MAX)

enum block_state {
	BLOCK_IDLE,
	BLOCK_ASKING,			/* the store for its copy */
	BLOCK_JWKS,			/* the fetcher */
	BLOCK_CRLS,
};

/* A CRL that some key needs. */
struct want {
	struct block	*block;
	char		 url[CRL_URL_MAX];
	X509		*issuer;
	struct fetch	*fetch;
};

struct block {
	uint32_t	 number;
	enum block_kind	 kind;
	char		 name[NAME_MAX_STORE];
	struct parties	 parties;
	uint8_t		 version;		/* of the API */
	uint32_t	 interval;		/* seconds */
	int		 rootfd;
	int		 jwksfd;
	enum jws_alg	 rsa;		/* of RSA keys that state no alg */
	int		 rootless;	/* none is known: it is to be told */
	struct roots	 roots;

	struct jwks	*keys;			/* in use */
	uint8_t		*raw;			/* as they came */
	size_t		 rawlen;
	struct crls	 crls;

	enum block_state state;
	struct jwks	*next;			/* until their CRLs came */
	uint8_t		*nextraw;
	size_t		 nextlen;
	struct fetch	*fetch;
	struct want	 wants[WANTS_MAX];
	size_t		 nwants, pending;
	int		 refresh;		/* not from memory */
	int		 wrong;			/* in this round */

	int		 tried;
	uint64_t	 tried_ms;
	unsigned int	 failures;
	int64_t		 good, bad;		/* Unix, of rounds; 0: none */
	int64_t		 fetched;		/* what is in use; 0: a copy */
	char		 trouble[WHY_MAX];	/* of the last bad one */
	int		 asked;			/* the store, once */
	struct event	*timer;
	uint8_t		 copy[DIGEST_LEN];	/* what the store has */
};

/* Unix, in seconds. */
int64_t		 block_now(void);
/*
 * The new set takes the place of the old one where it can; CRLs that no key
 * needs any more are forgotten, and the new set in any case.
 */
void		 block_adopt(struct block *);
void		 block_forget_next(struct block *);
/* The CRLs that this set, or NULL, needs are wanted too. */
void		 block_wants(struct block *, const struct jwks *);
/* Nothing is wanted; what is on its way is not waited for. */
void		 block_unwant(struct block *);
/* Keep the CRL that was wanted, if it is good; -1 with log. */
int		 block_keep_crl(struct block *, const struct want *,
		    const uint8_t *der, size_t len);

/* --- copy.c: a block's collateral in the store --------------------- */

/* Store what is in use, if it is not what lies there. */
void		 copy_put(struct block *);
/* The record that the store has; what of it is good is in use then. */
void		 copy_unwrap(struct block *, const uint8_t *, size_t);

/* --- renew.c: how collateral comes --------------------------------- */

/* changed() as collateral_run(); dies without memory. */
void		 renew_init(void (*changed)(void));
/* The block's timer; likewise. */
void		 renew_start(struct block *);
/* Ask the store for its copy; once. */
void		 renew_ask(struct block *);
/* It answered, or never will. */
void		 renew_asked(struct block *);
/* Is it too soon to ask again? */
int		 renew_shut(const struct block *);
/* Begin a fetch; BLOCK_IDLE stays its state where that can't be. */
void		 renew_fetch(struct block *);
void		 renew_counters(struct wbuf *);

#endif

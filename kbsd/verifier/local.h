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
 * Evidence that is judged here, without a service: our own nonces, what Intel
 * says of platforms, and the verdict.
 */
#ifndef LOCAL_H
#define LOCAL_H

#include "dcap.h"
#include "log.h"
#include "verifier.h"

/* --- nonce.c ------------------------------------------------------- */

#define NONCE_LIFE_S	300

/* Of the nonce key file; it may be wiped then. */
void		 nonce_init(const void *key, size_t len);
/* bytes val, bytes iat, bytes signature, appended. */
void		 nonce_make(struct wbuf *, const struct uuid *key,
		    int64_t now);
/* NULL when it is ours, for this key, and not too old; else what is wrong. */
const char	*nonce_wrong(const struct evidence *, const struct uuid *key,
		    int64_t now);

/* --- sets.c: collateral of platforms ------------------------------- */

/* The block's part of CONFIG. */
int		 sets_config(struct rbuf *, uint32_t fetcher);
int		 sets_root(int fd);
void		 sets_secrets(void);
/* changed() is called, never from within a call here, when a fetch ended. */
void		 sets_run(void (*changed)(void));
/* Is evidence judged here? */
int		 sets_are(void);
uint32_t	 sets_fetcher(void);
const char	*sets_name(void);
struct dcap_anchor *sets_anchor(void);
/*
 * What is known of a platform, valid now.  NULL: nothing is, with why; or, and
 * *coming says so, it is on its way and changed() will be called.
 */
const struct dcap_set *sets_get(const struct dcap_platform *, uint8_t tee,
		    int64_t now, int *coming, char *why, size_t whysize);
#define SETS_TAG	(1ULL << 32)	/* of copies in the store, and more */
int		 sets_kept(uint64_t tag, const uint8_t *, size_t len);
void		 sets_broker_down(void);
/* As collateral_tell(): of this block. */
void		 sets_tell(void (*)(const struct block_told *, void *), void *);
void		 sets_counters(struct wbuf *);

/* --- local.c ------------------------------------------------------- */

/* Does a policy trust us, and ask for nothing that only a service has? */
int		 local_fits(const struct policy *);
/* NULL; or why nobody of the configuration may judge by it. */
const char	*local_nobody(const struct policy *);
/* As judge(), of the quote itself. */
enum judged	 local_judge(struct judgement *);

#endif

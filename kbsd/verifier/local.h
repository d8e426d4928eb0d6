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
 * and AMD say of platforms, and the verdict.
 */
#ifndef LOCAL_H
#define LOCAL_H

#include "dcap.h"
#include "log.h"
#include "snp.h"
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

/* --- kept.c: collateral by whom it is of --------------------------- */

#define KEPT_ABOUT_MAX	80
#define KEPT_PARTS	7		/* of an answer, at most */
#define KEPT_TAG	(1ULL << 32)	/* of copies in the store, and more */

/* Whose it is: what the fetcher is asked about. */
struct kept_of {
	uint32_t	 fetcher;
	uint8_t		 tee;
	uint8_t		 about[KEPT_ABOUT_MAX];
	size_t		 len;
};

struct kept;

struct kept_kind {
	enum fetch_what	 what;
	uint32_t	 magic;		/* of the bytes in the store */
	size_t		 parts;		/* an answer is so many bytes fields */
	unsigned int	 most;		/* the least used goes */
	int		 renewed;	/* early, and tried again by itself */
	/* In the store and for an operator; no two have the same. */
	void		(*name)(char [NAME_MAX_STORE], const struct kept_of *);
	/*
	 * Verify what came and kept_adopt() it: 0, or -1, and why is filled
	 * and what was there stays.
	 */
	int		(*take)(struct kept *, const struct der *, int64_t);
	/* When it ends, Unix seconds. */
	int64_t		(*until)(const void *);
	void		(*free)(void *);
};

enum kept_state { KEPT_IDLE, KEPT_ASKING, KEPT_FETCHING };

struct kept {
	TAILQ_ENTRY(kept) entry;	/* the last used first */
	const struct kept_kind *kind;
	struct kept_of	 of;
	uint64_t	 tag;
	char		 name[NAME_MAX_STORE];
	void		*object;	/* in use; NULL */
	uint32_t	 number;	/* the highest seen, of evaluations */
	enum kept_state	 state;
	int		 asked;		/* the store, once */
	struct fetch	*fetch;
	uint64_t	 tried_ms;	/* 0: never */
	unsigned int	 failures;
	char		 why[WHY_MAX];	/* of the last one; "" */
	int64_t		 fetched;	/* Unix; 0: from the store */
	int64_t		 bad;		/* the last failure, Unix */
	struct event	*timer;
	uint8_t		 copy[DIGEST_LEN];	/* what the store has */
};

/* changed() is called, never from within a call here, when a fetch ended. */
void		 kept_run(void (*changed)(void));
/*
 * What is known, valid now; it is borrowed.  NULL: nothing is, with why; or,
 * and *coming says so, it is on its way and changed() will be called.
 */
const void	*kept_get(const struct kept_kind *, const struct kept_of *,
		    int64_t now, int *coming, char *why, size_t whysize);
/* For take(): this one from now on; takes it over. */
void		 kept_adopt(struct kept *, void *);
int		 kept_stored(uint64_t tag, const uint8_t *, size_t len);
void		 kept_broker_down(void);
/* What is kept by way of a fetcher, all together. */
void		 kept_tell(uint32_t fetcher, struct block_told *);
void		 kept_counters(struct wbuf *);

/* --- sets.c: what Intel says of platforms -------------------------- */

/* A root in the place of Intel's; NULL: none. */
void		 sets_secrets(const char *name, const void *pem, size_t len);
struct dcap_anchor *sets_anchor(void);
/* As kept_get(). */
const struct dcap_set *sets_get(const struct dcap_platform *, uint8_t tee,
		    int64_t now, int *coming, char *why, size_t whysize);

/* --- snp_kept.c: what AMD says of products and chips --------------- */

/* Roots in the place of AMD's; NULL: none. */
void		 snp_kept_secrets(const char *name, const void *pem,
		    size_t len);
/* NULL: AMD's. */
const struct snp_roots *snp_kept_roots(void);
/* As kept_get(): the CAs of a product and their root's CRL, */
const struct snp_set *snp_kept_set(enum snp_product, enum snp_signer,
		    int64_t now, int *coming, char *why, size_t whysize);
/* and the VCEK that is to have signed a report of that product. */
X509		*snp_kept_vcek(const struct snp_report *, enum snp_product,
		    int64_t now, int *coming, char *why, size_t whysize);

/* --- local.c ------------------------------------------------------- */

/* The blocks' part of CONFIG; the first one's fetcher is of this instance. */
int		 local_config(struct rbuf *, uint32_t fetcher);
int		 local_root(int fd);
void		 local_secrets(void);
uint32_t	 local_fetcher(enum fetcher_kind);
/* As collateral_tell(): of these blocks. */
void		 local_tell(void (*)(const struct block_told *, void *),
		    void *);
/* Does a policy trust us, and ask for nothing that only a service has? */
int		 local_fits(const struct policy *);
/* NULL; or why nobody of the configuration may judge by it. */
const char	*local_nobody(const struct policy *);
/* The same of evidence, which no service takes of some TEEs. */
const char	*local_nobody_else(const struct policy *);
/* As judge(), of the evidence itself. */
enum judged	 local_judge(struct judgement *);
/*
 * The rest, when it has been verified: by the policy, and the wrapping key.
 * Takes the claims over.
 */
void		 local_finish(struct judgement *, uint8_t tee, json_t *);

/* --- local_dcap.c, local_snp.c: by whom it is ---------------------- */

enum judged	 local_dcap(struct judgement *);
enum judged	 local_snp(struct judgement *);

#endif

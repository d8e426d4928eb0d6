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

/* The kms process: jobs, the rules they must keep, seals and backends. */
#ifndef KMS_H
#define KMS_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include <stddef.h>
#include <stdint.h>

#include "kbsd.h"

struct event;

#define SEAL_KEY_LEN	32
#define MASTER_KEY_LEN	32
#define KEY_RECORD_MAX	1024		/* bytes of wb_key_record() */

/* What an engine or the maker wants done. */
struct job {
	RB_ENTRY(job)		 entry;		/* waits for RECORDED */
	TAILQ_ENTRY(job)	 queue;		/* a backend's */
	struct edge		*edge;		/* who asked */
	TAILQ_ENTRY(job)	 all;
	uint32_t		 type;		/* IMSG_KMS_FETCH ... */
	struct request_name	 name;
	uint8_t			 operation;
	uint8_t			 half;
	struct key_record	 record;
	int			 fits;		/* its seal does */
	uint8_t			 policy_digest[DIGEST_LEN];
	struct uuid		 policy;	/* RESEAL: the new one */
	uint8_t			 detail[DIGEST_LEN]; /* of wrapping key, */
					/* of material (STORE) */
	uint8_t			*material;	/* STORE: locked heap */
	size_t			 materiallen;
	struct event		*timer;		/* its deadline */
	int			 waiting;	/* in the tree */
	int			 started;	/* with the backend */
};

/* What audit has told. */
struct recorded {
	RB_ENTRY(recorded)	 entry;
	TAILQ_ENTRY(recorded)	 age;
	struct request_name	 name;
	uint8_t			 operation;
	struct uuid		 key;
	uint8_t			 policy_digest[DIGEST_LEN];
	uint8_t			 wrapping_key[DIGEST_LEN];
	uint64_t		 line;
	struct event		*timer;
};

/*
 * A kind of keystore.  Each of fetch, store, reseal and remove ends in one
 * call of job_done(), at once or later; the job is not to be touched after
 * it.  cancel() ends a job without that.
 */
struct backend {
	const char	*name;
	/* It has a record of its own of each key and knows the newest. */
	int		 keeps_serials;
	/* The type's own part of CONFIG; -1 if it is not understood. */
	int		(*config)(struct rbuf *);
	int		(*descriptor)(uint32_t role, int fd);
	/*
	 * Open what it has, dying on failure; answers whether any key is
	 * sealed there.  Then, when the seal key is known, ready().
	 */
	int		(*open)(void);
	void		(*ready)(void);
	void		(*fetch)(struct job *);
	void		(*store)(struct job *);
	void		(*reseal)(struct job *);
	void		(*remove)(struct job *);
	void		(*cancel)(struct job *);
	void		(*counters)(struct wbuf *);
};

/* jobs.c */

/* All requests are for keys of this keystore. */
void	 jobs_init(const char *keystore, const struct backend *);
/* The functions of the edges' tables. */
int	 jobs_fetch(struct edge *, struct rbuf *);
int	 jobs_store(struct edge *, struct rbuf *);
int	 jobs_reseal(struct edge *, struct rbuf *);
int	 jobs_remove(struct edge *, struct rbuf *);
int	 jobs_recorded(struct edge *, struct rbuf *);
/* Who asked is gone. */
void	 jobs_drop(struct edge *);
/* Audit is gone: what waits for its word will not get it. */
void	 jobs_unrecorded(struct edge *);
/*
 * Answer a job and free it.  The record is the newly sealed one of STORE and
 * RESEAL, and the newest of DONE_STALE; material is that of FETCH.
 */
void	 job_done(struct job *, enum done_result, const char *reason,
	    const struct key_record *, const void *material, size_t len);
void	 jobs_counters(struct wbuf *);

/* rules.c: NULL, or what does not fit */

/* What the request must keep by itself. */
const char	*rules_request(const struct job *, const char *keystore,
		    int keeps_serials);
/* The line that is written is about this and nothing else. */
const char	*rules_recorded(const struct job *, const struct recorded *);

/* seal.c */

/* What is needed of the seal key is derived; it can go after this. */
void	 seal_init(const uint8_t *key);
int	 seal_fits(const struct key_record *);
/* 0; -1 without memory. */
int	 seal_make(struct key_record *);

/* box.c: material under the master key */

#define BOX_NONCE	12
#define BOX_TAG		16
#define BOX_MORE	(BOX_NONCE + BOX_TAG)
/* Nonce, ciphertext, tag: len + BOX_MORE bytes.  0 or -1. */
int	 box_seal(uint8_t *box, const uint8_t *master,
	    const struct key_record *, const uint8_t *plain, size_t len);
/* len - BOX_MORE bytes; -1 when anything was changed. */
int	 box_open(uint8_t *plain, const uint8_t *master,
	    const struct key_record *, const uint8_t *box, size_t len);

/* local.c */
extern const struct backend	 backend_local;
/* In tests, where no process ends to do it. */
void				 local_close(void);

/* Of what comes in. */
#define FETCH_LEAST	(12 + 1 + 1 + 4 + 2 * DIGEST_LEN + 8)
#define STORE_LEAST	(12 + 1 + 1 + 4 + 2 * DIGEST_LEN + 8 + 4)
#define RESEAL_LEAST	(12 + 1 + 1 + 4 + DIGEST_LEN + 16 + 8)
#define DELETE_LEAST	(12 + 1 + 1 + 4 + 8)
#define RECORDED_LEN	(12 + 1 + 16 + 2 * DIGEST_LEN + 8)

#endif

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
#include "trace.h"

struct event;
struct evp_pkey_st;

#define SEAL_KEY_LEN	32
#define MASTER_KEY_LEN	32
#define KEY_RECORD_MAX	1024		/* bytes of wb_key_record() */

#define WRAPPING_BYTES_MAX	4096	/* SubjectPublicKeyInfo at most */

#define BOX_NONCE	12
#define BOX_TAG		16
#define BOX_MORE	(BOX_NONCE + BOX_TAG)
#define BOX_MOST	(MATERIAL_MAX + BOX_MORE)

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
	uint32_t		 version;	/* FETCH: wanted; 0: newest */
	uint8_t			 detail[DIGEST_LEN]; /* of wrapping key, */
					/* of material (STORE) */
	uint8_t			*wrapping;	/* FETCH: that key, or NULL */
	size_t			 wrappinglen;
	enum given		 given;		/* STORE: what comes */
	int			 made_there;	/* STORE: nothing comes */
	uint8_t			*material;	/* STORE: locked heap */
	size_t			 materiallen;
	uint64_t		 deadline;
	struct event		*timer;		/* fires then */
	int			 waiting;	/* in the tree */
	int			 started;	/* work.c has it */
	int			 queued;	/* for the database */
	int			 answered;	/* by the keystore */
	uint8_t			*box;		/* of new material, or NULL */
	size_t			 boxlen;
	void			*asked;		/* the backend's */
	uint64_t		 asked_us;	/* since when */
	uint32_t		 removed;	/* older versions up to this */
	/* Ours, and nobody's request: its answer goes there. */
	void			(*ours)(struct job *, enum done_result,
				    const char *reason, const void *, size_t);
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

/* Our own record of a key, as records.c keeps it. */
struct row {
	struct key_record	 record;
	int			 gone;		/* deleted, for attested only */
	size_t			 boxlen;	/* 0: material is elsewhere */
	uint8_t			 box[BOX_MOST];
};

/*
 * A kind of keystore, which gives, takes and deletes material; who may have
 * it was decided before.  Each of get, put and remove ends in one call of
 * work_got(), work_put() or work_removed(), at once or later; the job is not
 * to be touched after it.  cancel() ends a job without that.
 */
struct backend {
	const char	*name;
	/* It is asked over the network, and answers later. */
	int		 elsewhere;
	/* Its boxes open wherever its keystore is: they go into backups. */
	int		 boxes_travel;
	/* It is a library, loaded as the configuration says. */
	int		 module;
	/*
	 * It wraps its keys itself: get() answers with what is for the
	 * workload, or, where nobody is to have it, with nothing, once it has
	 * looked at the key.
	 */
	int		 wraps;
	/* Before the chroot; may be NULL, as all that follow but three. */
	void		(*libraries)(void);
	/* The type's own part of CONFIG; -1 if it is not understood. */
	int		(*config)(struct rbuf *);
	int		(*descriptor)(uint32_t role, int fd);
	/*
	 * Take what it was given, dying on failure; sealed: there are keys
	 * already.  Then run(), when the sandbox is closed.
	 */
	void		(*open)(int sealed);
	void		(*run)(void);
	/* The material of row->record. */
	void		(*get)(struct job *, const struct row *);
	/* Keep the job's material under record.backend. */
	void		(*put)(struct job *);
	/*
	 * Does it make keys of this kind itself?  Then make the job's, as
	 * put does: it is got and looked at before it is believed.
	 */
	int		(*makes)(enum algorithm);
	void		(*create)(struct job *);
	/* What is not there is removed. */
	void		(*remove)(struct job *, const char *backend);
	void		(*cancel)(struct job *);
	/* What keeps it, "" where nothing is known. */
	const char	*(*stage)(const struct job *);
	/* What the configuration needs and it has not; "": nothing. */
	const char	*(*missing)(void);
	void		(*counters)(struct wbuf *);
	/* Seconds until its credential ends; 0: nobody knows. */
	uint64_t	(*credential)(void);
};

/* jobs.c */

/* All requests are for keys of this keystore. */
void	 jobs_init(const char *keystore);
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
/* Is another one, that has been started, changing its key? */
int	 jobs_changing(const struct job *);

/* work.c */

void	 work_init(const struct backend *);
/* What was deleted before the process was started. */
void	 work_clean(void);
/* All that must come first has come. */
void	 work_begin(struct job *);
/* What keeps it; NULL: not the keystore. */
const char	*work_stage(const struct job *);
/* End it, but for job_done(). */
void	 work_cancel(struct job *);
/* The backend's answers; material and box are borrowed. */
void	 work_got(struct job *, enum done_result, const char *reason,
	    const void *material, size_t len);
void	 work_put(struct job *, enum done_result, const char *reason,
	    const uint8_t *box, size_t len);
void	 work_removed(struct job *, enum done_result, const char *reason);
void	 work_counters(struct wbuf *);
/* For the files below: what was given to work_init(). */
const struct backend	*work_backend(void);

/* What a step of a job answers besides enum done_result. */
#define WORK_BUSY	(-1)		/* the database is another's */
#define WORK_ASKED	(-2)		/* the keystore answers now or later */

/* What a step found out. */
struct outcome {
	const char		*reason;
	struct key_record	 record;
	int			 has_record;
};

/* work_record.c: steps for a key that there is */

/* What RECORDS_* comes to. */
int	 work_failed(int rc, struct outcome *);
/* DONE_OK: the key is there, and what we were shown of it is the newest. */
int	 work_current(const struct job *, struct row *, struct outcome *);
/* Steps: before the keystore is asked, and, in a transaction, behind. */
int	 work_fetch_begin(struct job *, struct outcome *);
int	 work_move(struct job *, struct outcome *);
int	 work_remove_begin(struct job *, struct outcome *);
int	 work_remove(struct job *, struct outcome *);
/* The keystore's answer to work_fetch_begin(); ends in job_done(). */
void	 work_fetched(struct job *, enum done_result, const char *reason,
	    const void *material, size_t len);

/* work_store.c: steps for new material */

/* Does the keystore itself make a key like this? */
int	 work_makes(const struct key_record *);
int	 work_store_begin(struct job *, struct outcome *);
int	 work_store(struct job *, struct outcome *);
/*
 * Have the keystore show what stands for the material: a box of ours, or, len
 * 0, the id of record.backend.  WORK_ASKED, and it comes to work_got().
 */
int	 work_look_at(struct job *, const uint8_t *box, size_t len,
	    struct outcome *);

/* check.c */

void	 check_init(const char *keystore, const struct backend *);
/* The function of the parent's table. */
int	 check_take(struct edge *, struct rbuf *);
/* What the keystore answered to any job, and how soon. */
void	 check_answer(uint64_t us, enum done_result, const char *reason);
void	 check_counters(struct wbuf *);
/* Is this the key of a check that goes on? */
int	 check_puts(const struct uuid *);

/* sweep.c: what was cut short left at the keystore */

void	 sweep_init(const struct backend *);
/* Look for it, and remove it. */
void	 sweep_start(void);

/* backup.c */

/* Who it is for, if anybody is. */
void	 backup_init(int fd);
/* NULL, or why nothing is backed up. */
const char	*backup_wrong(void);
/* Answer a job with what only the recipient can open. */
void	 backup_done(struct job *, enum given, const void *, size_t);

/* cache.c */

/* 0: nothing is kept. */
void	 cache_init(uint32_t seconds);
/* Borrowed until the next call; NULL: it is not there. */
const void	*cache_find(const struct key_record *, size_t *len);
void	 cache_keep(const struct key_record *, const void *, size_t len);
void	 cache_drop(const struct uuid *);
void	 cache_counters(struct wbuf *);

/* material.c */

/* PKCS#8 DER or the bytes of an AES key; NULL, or what does not fit. */
const char	*material_wrong(const struct key_record *, const uint8_t *,
		    size_t);

/* records.c: rows of keys.db */

#define RECORDS_BUSY	(-1)	/* another process writes: try again */
#define RECORDS_FAILED	(-2)	/* logged */

/* Dies on failure; answers whether there are any keys. */
int	 records_open(void);
/* Are there any now?  Dies on failure too. */
int	 records_any(void);
/* The seal key is known: is it theirs?  From now on nothing waits. */
void	 records_ready(void);
/* 1: found; 0: none; RECORDS_*. */
int	 records_find(const struct uuid *, struct row *);
/*
 * Which records there are of the backend id of this one, a mask: one that is,
 * or was, for attestation only; one that is there without that mark.  What is
 * buried of the same key does not count.  RECORDS_*.
 */
#define RECORDS_MARKED		0x1
#define RECORDS_UNMARKED	0x2
int	 records_backend(const struct key_record *);
/* 0 or RECORDS_*.  remove() keeps the row of one for attestation only. */
int	 records_insert(const struct key_record *, const uint8_t *box, size_t);
int	 records_update(const struct key_record *);
int	 records_remove(const struct key_record *);
/* An older version of it that is no longer at the keystore. */
int	 records_remove_version(const struct key_record *, uint32_t version);
/* The rows that remove() kept make room for the key itself. */
int	 records_unbury(const struct uuid *);
/* An older version: 1: found; 0: none; RECORDS_*. */
int	 records_find_version(const struct uuid *, uint32_t version,
	    struct row *);
/* What is the newest becomes an older version, and this the newest. */
int	 records_rotate(const struct key_record *, const uint8_t *box, size_t);
/* The one behind *version that is there, the keystore's id of it; as find. */
int	 records_next_version(const struct uuid *, uint32_t *version,
	    char name[NAME_MAX_BACKEND]);
/*
 * Material that may or may not be in a keystore elsewhere: any of it, as find;
 * that it is about to be put there.  0 or RECORDS_*.
 */
int	 records_unsure(struct uuid *, uint32_t *version,
	    char name[NAME_MAX_BACKEND]);
int	 records_make_unsure(const struct key_record *);
/*
 * It is to be removed, by whoever it was put there; it is there, and gets its
 * record; it is removed.  As find: none is what somebody else was faster with.
 */
int	 records_claim(const struct uuid *, uint32_t version);
int	 records_sure(const struct uuid *, uint32_t version);
int	 records_swept(const struct uuid *, uint32_t version);
/* Nothing that was deleted stays in the file.  0 or RECORDS_BUSY. */
int	 records_checkpoint(void);
/* A transaction; end() undoes what was not committed. */
int	 records_begin(void);
int	 records_commit(void);
void	 records_end(void);
/*
 * Have fn seal each box anew, in its place; -1 ends it.  Within a transaction.
 */
int	 records_rebox(int (*fn)(const struct key_record *, uint8_t *box,
	    size_t len));
/* A value by a name; dies when the database can't be read. */
int	 records_same(const char *name, const uint8_t value[DIGEST_LEN]);
int	 records_remember(const char *name, const uint8_t value[DIGEST_LEN]);

/* rules.c: NULL, or what does not fit */

/* What the request must keep by itself. */
const char	*rules_request(const struct job *, const char *keystore);
/* The line that is written is about this and nothing else. */
const char	*rules_recorded(const struct job *, const struct recorded *);

int		 is_unsealed(const struct key_record *);

/* seal.c */

/* What is needed of the seal key is derived; it can go after this. */
void	 seal_init(const uint8_t *key);
int	 seal_fits(const struct key_record *);
/* 0; -1 without memory. */
int	 seal_make(struct key_record *);

/* box.c: material under the master key */

/* What never changes of a key: it is in no box but its own. */
void	 box_about(struct wbuf *, const struct key_record *);

/* Nonce, ciphertext, tag: len + BOX_MORE bytes.  0 or -1. */
int	 box_seal(uint8_t *box, const uint8_t *master,
	    const struct key_record *, const uint8_t *plain, size_t len);
/* len - BOX_MORE bytes; -1 when anything was changed. */
int	 box_open(uint8_t *plain, const uint8_t *master,
	    const struct key_record *, const uint8_t *box, size_t len);

/* local.c */
extern const struct backend	 backend_local;

/* vault.c */
extern const struct backend	 backend_vault;

/* kmip.c */
extern const struct backend	 backend_kmip;

/* pkcs11.c */
extern const struct backend	 backend_pkcs11;
extern const struct backend	 backend_token;

/* wrapping.c: the key that a keystore wraps by itself */

struct wrapping_key {
	uint8_t	 e[16];
	size_t	 elen;
	uint8_t	 n[1152];
	size_t	 nlen;
};
/* NULL: none came, or the one that the digest is of.  Else what not fits. */
const char	*wrapping_wrong(const struct job *);
/* Its numbers; -1: there is none, or it is no RSA key. */
int		 wrapping_read(const struct job *, struct wrapping_key *);
/* Of a key of libcrypto's; -1: it is none, or no RSA key. */
int		 wrapping_of(const struct evp_pkey_st *, struct wrapping_key *);

/* Of what comes in. */
#define FETCH_LEAST	(12 + 1 + 1 + 4 + 2 * DIGEST_LEN + 4 + 8 + 4)
#define STORE_LEAST	(12 + 1 + 1 + 4 + 2 * DIGEST_LEN + 8 + 1 + 4)
#define RESEAL_LEAST	(12 + 1 + 1 + 4 + DIGEST_LEN + 16 + 8)
#define DELETE_LEAST	(12 + 1 + 1 + 4 + 8)
#define RECORDED_LEN	(12 + 1 + 16 + 2 * DIGEST_LEN + 8)

#endif

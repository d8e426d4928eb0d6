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

#ifndef BROKER_H
#define BROKER_H

#include <stdint.h>

#include "kbsd.h"
#include "trace.h"
#include "tree.h"

/* Of all fronts; each has its own limit too. */
#define REQUESTS_MAX	16384

/* --- request.c ----------------------------------------------------------- */

/*
 * One request on its way.  It waits for one peer at a time (on), or for the
 * store (a row_call that names it).
 */
struct request {
	RB_ENTRY(request)	 entry;
	struct request_name	 name;
	enum operation		 op;
	uint64_t		 begun;
	uint64_t		 deadline;
	struct event		*timer;
	struct edge		*on;		/* set by request_wait() */
	size_t			 bytes;		/* counted on its front */
	char			 client[ADDRESS_TEXT_MAX];
	char			 who[NAME_MAX_USER + 16];

	/* transfers */
	struct uuid		 id;		/* the key asked for */
	uint8_t			 step;
	uint32_t		 version;
	int			 again;		/* has begun again once */
	uint8_t			 spent[DIGEST_LEN];	/* the nonce; zero */
	struct wbuf		 evidence;
	uint8_t			 tees;
	uint8_t			 evidence_digest[DIGEST_LEN];
	uint8_t			 wrapping[DIGEST_LEN];

	/* administrators */
	struct wbuf		 askbytes;
	struct ask		 ask;		/* points into askbytes */
	struct uuid		 user;
	struct uuid		 object;
	int64_t			 time;
	struct wbuf		 row;		/* sealed user or policy */
	struct wbuf		 intent;
	uint8_t			 granted_seal[DIGEST_LEN];

	/* what they are about */
	struct key_record	 key;
	uint8_t			 policy_digest[DIGEST_LEN];
	struct wbuf		 policy;	/* text */
	uint64_t		 policy_version;
	int			 halved;	/* its engine has a half */
};

struct request	*request_new(const struct request_name *, enum operation,
		    uint64_t deadline_ms);
/* After request_new() gave none: what the rule function returns. */
int		 request_none(struct edge *, uint64_t number);
struct request	*request_find(const struct request_name *);
/* Is a key write of this id on its way? */
int		 request_on_key(const struct uuid *);
void		 request_free(struct request *);
/* It waits for this edge's answer (NULL: no longer). */
void		 request_wait(struct request *, struct edge *);
/* The verifier that fewest requests wait for, or NULL. */
struct edge	*request_verifier(void);
/* All that wait for this edge: 503, and the parent hears of their clients. */
void		 request_edge_down(struct edge *);
/* May this front have one more, of this size? 0 or -1 (BUSY). */
int		 request_admit(struct edge *, size_t bytes);
/* The broker's own names, under its own front number. */
void		 request_own_name(struct request_name *);
unsigned int	 request_count(void);

/* --- answer.c: to the front; each ends the request ----------------------- */

void	 answer_error(struct request *, unsigned int status,
	    unsigned int retry_after, const char *text);
void	 answer_records(struct request *, unsigned int status,
	    enum answer_kind, uint32_t count, struct wbuf *records);
void	 answer_nonce(struct request *, uint8_t tees, struct wbuf *parts);
/* By what the engine said; DONE_OK is not for it. */
void	 answer_done(struct request *, enum done_result, const char *reason);
/* A front's request that is refused before it is one. */
void	 answer_busy(struct edge *, uint64_t number);

/* --- rows.c: the store --------------------------------------------------- */

struct row_found {
	enum row_result	 result;
	const uint8_t	*record;	/* first */
	size_t		 len;
	const uint8_t	*second;
	size_t		 secondlen;
	uint64_t	 version;	/* of PUT */
	uint32_t	 count;		/* of LIST */
	struct rbuf	*list;
};

/* Called once, also when the store dies (ROW_FAILED). */
typedef void	 (*row_fn)(void *, const struct row_found *);

/*
 * Each returns 0 or -1 (nothing was sent, fn is not called).  owner: when it
 * is freed, rows_cancel() keeps fn from being called.
 */
int	 rows_find(enum row_kind, const struct uuid *, const char *name,
	    row_fn, void *owner);
int	 rows_list(enum row_kind, const struct wbuf *ask, row_fn, void *owner);
int	 rows_put(enum row_kind, uint64_t version, const struct wbuf *record,
	    const struct wbuf *intent, row_fn, void *owner);
int	 rows_delete(enum row_kind, const struct uuid *, uint64_t version,
	    row_fn, void *owner);
void	 rows_cancel(void *owner);
void	 rows_down(void);
int	 rows_found(struct edge *, struct rbuf *);
int	 rows_listed(struct edge *, struct rbuf *);
int	 rows_put_done(struct edge *, struct rbuf *);

/* --- shelf.c: rows that auth and the verifiers want ---------------------- */

int	 shelf_rows_want(struct edge *, struct rbuf *);
int	 shelf_row_put(struct edge *, struct rbuf *);
int	 shelf_collateral_want(struct edge *, struct rbuf *);
int	 shelf_collateral_put(struct edge *, struct rbuf *);
void	 shelf_edge_down(struct edge *);

/* --- cache.c: keys with their policies ----------------------------------- */

/* 0 and the request's key and policy are filled in, or -1. */
int	 cache_get(const struct uuid *, struct request *);
void	 cache_put(const struct request *);
void	 cache_drop(const struct uuid *key);
void	 cache_clear(void);
/* Only while no other set may write. */
void	 cache_allow(int);
/* Is what the request began with still so? -1: not known. */
int	 cache_same(const struct request *);

/* --- lines.c: what goes to audit ----------------------------------------- */

struct line {
	uint8_t		 event;		/* AUDIT_* */
	const char	*verdict;	/* "release", "deny", "done", ... */
	const char	*reason;
	const char	*claim, *wanted, *got;
	int		 reply;		/* the broker waits for RECORDED */
	int		 kms;		/* a kms waits for it */
};

/* Queue the line of a request; -1: audit is not there. */
int	 lines_record(const struct request *, const struct line *);
int	 lines_login(const char *client, const char *name, int ok,
	    const char *reason);
int	 lines_recorded(struct edge *, struct rbuf *);
int	 lines_not_recorded(struct edge *, struct rbuf *);

/* --- monitor.c: who watches ---------------------------------------------- */

int	 monitor_watch(struct edge *, struct rbuf *);
void	 monitor_stop(void);
/* A request ends with what its client is told; status 0: nothing. */
void	 monitor_finished(const struct request *, unsigned int status,
	    const char *error);
void	 monitor_login(const char *client, const char *name, int ok,
	    const char *reason);

/* --- transfer.c, test.c, admin.c, keys.c --------------------------------- */

int	 transfer_begin(struct edge *, struct rbuf *);
int	 transfer_appraised(struct edge *, struct rbuf *);
int	 transfer_nonced(struct edge *, struct rbuf *);
void	 transfer_done(struct request *, enum done_result, const char *reason,
	    const struct key_record *);

/* The request's policy by its record, and its id; -1: it is none. */
int	 transfer_policy(struct request *, struct uuid *, const uint8_t *,
	    size_t);
/* Have a verifier look at the request's evidence by its policy. */
void	 transfer_appraise(struct request *);

int	 test_begin(struct edge *, struct rbuf *);
int	 test_tested(struct edge *, struct rbuf *);

int	 admin_ask(struct edge *, struct rbuf *);
int	 admin_granted(struct edge *, struct rbuf *);
int	 admin_refused(struct edge *, struct rbuf *);
void	 admin_recorded(struct request *);
int	 admin_logged_in(struct edge *, struct rbuf *);

void	 keys_granted(struct request *);
int	 keys_done(struct edge *, struct rbuf *);
/* The keystore that is meant by a name, which may be "". */
const char *keys_default_store(const char *name);
/* What kms sealed becomes the request's record, as the store keeps it. */
void	 keys_take_sealed(struct request *, const struct key_record *,
	    enum key_state);
/* kms has sealed a newer record: it becomes the request's, and the store's. */
void	 keys_put_newest(struct request *, const struct key_record *, row_fn);
/* Is a half of the request at this engine or maker? */
int	 keys_halved(const struct request *, const struct edge *);
/* Send the ORDER to the engine of the request, or the maker. */
int	 keys_order(struct request *, const void *argument, size_t len);

/* --- leftover.c: key writes that a crash cut short ----------------------- */

/* Look for them, soon; only while this set is alone. */
void	 leftover_scan(void);
int	 leftover_granted(struct request *);
void	 leftover_done(struct request *, enum done_result,
	    const struct key_record *);

/* --- of the whole process ---------------------------------------------- */

struct broker_conf {
	uint32_t	 engines;
	uint8_t		 cached;
	uint8_t		 require_nonce;
	uint8_t		 audit_optional;
	uint32_t	 nkeystores;
	char		(*keystores)[NAME_MAX_STORE];
	int		 alone;
};
extern struct broker_conf	 broker_conf;

/* What a front's edge->data points to. */
struct front {
	unsigned int	 requests;
	size_t		 bytes;
};

struct broker_counts {
	uint64_t	 transfers, releases, denials, busy, timeouts, late;
};
extern struct broker_counts	 broker_counts;

#endif

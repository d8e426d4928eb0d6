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

/* The store process: requests, the database, the rows. */
#ifndef STORE_H
#define STORE_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "db.h"
#include "kbsd.h"

#define NAME_MAX_COLLATERAL	1025	/* a CRL's URL and the like */
#define RECORD_BYTES_MAX	(2u * 1024 * 1024)
#define INTENT_BYTES_MAX	4096
#define ASK_BYTES_MAX		(64u * 1024)
#define LIST_BYTES_MAX		(40u * 1024 * 1024)
#define LOCKOUTS_MAX		10000
#define COLLATERAL_MAX		1024

/* One message of the broker; what is borrowed points into raw. */
struct request {
	TAILQ_ENTRY(request)	 entry;
	struct edge		*edge;
	uint32_t		 type;
	uint8_t			*raw;
	size_t			 rawlen;
	uint64_t		 since;		/* now_ms() of its coming */

	uint64_t		 tag;
	enum row_kind		 row;
	struct uuid		 id;
	char			 name[NAME_MAX_COLLATERAL];
	uint64_t		 expected;
	const uint8_t		*record;
	size_t			 recordlen;
	const uint8_t		*intent;
	size_t			 intentlen;
	struct ask		 ask;

	/* PUT: the record in its decoded form, by row. */
	union {
		struct user_record	 user;
		struct policy_record	 policy;
		struct key_record	 key;
		struct lockout_record	 lockout;
		uint8_t			 nonce[DIGEST_LEN];
	} u;
	int64_t			 expiry;	/* nonces, collateral */

	/* The answer. */
	int			 result;	/* ROW_* or DB_* */
	uint64_t		 version;	/* of a row written */
	struct wbuf		 found;		/* a record, or items */
	struct wbuf		 second;
	uint32_t		 count;		/* of items */
};

/* request.c */

/* NULL when the body is malformed. */
struct request	*request_new(struct edge *, uint32_t type, struct rbuf *);
void		 request_free(struct request *);

/* schema.c: the statements, for db_statement() */
enum db_statement {
	DB_COUNTER_GET, DB_COUNTER_SET,
	DB_USER_BY_ID, DB_USER_BY_NAME, DB_USER_PUT, DB_USER_DELETE,
	DB_USER_LIST,
	DB_POLICY_BY_ID, DB_POLICY_PUT, DB_POLICY_DELETE, DB_POLICY_LIST,
	DB_POLICY_USED,
	DB_KEY_BY_ID, DB_KEY_PUT, DB_KEY_DELETE, DB_KEY_LIST,
	DB_KEY_LIST_ALGORITHM, DB_KEY_LIST_POLICY,
	DB_USER_MADE, DB_POLICY_MADE, DB_KEY_MADE,
	DB_KEY_PENDING,
	DB_LOCKOUT_BY_NAME, DB_LOCKOUT_PUT, DB_LOCKOUT_DELETE,
	DB_LOCKOUT_TRIM, DB_LOCKOUT_LIST, DB_LOCKOUT_SHOW,
	DB_NONCE_FIND, DB_NONCE_PUT, DB_NONCE_PURGE,
	DB_COLLATERAL_BY_NAME, DB_COLLATERAL_PUT, DB_COLLATERAL_TRIM,
	DB_COLLATERAL_PURGE,
	DB_STATEMENT_MAX
};
/* Make or migrate the database; dies on failure.  May wait, at start. */
void	 schema_open(void);

/* rows.c: answer ROW_* or DB_* and fill the answer */
int	 rows_find(struct request *, int64_t now);
int	 rows_list(struct request *);
/* Cells of SHOW_LOCKOUTS; how many rows. */
uint32_t rows_lockouts(unsigned int skip, unsigned int most, struct wbuf *);

/* writes.c: inside a transaction; the version is the row's if it succeeds */
int	 writes_put(struct request *, uint64_t version);
int	 writes_delete(struct request *, uint64_t version);
int	 writes_purge(int64_t now);

/* batch.c: requests that wait, and the transactions that serve them */
void	 batch_init(void (*answer)(struct request *));
/* Takes the request over; answer() is called for it, now or later. */
void	 batch_add(struct request *);
/* The broker is gone: forget what it wants. */
void	 batch_drop(struct edge *);
unsigned int batch_waiting(void);
extern uint64_t	 batch_commits, batch_writes, batch_failed, batch_busy;

#endif

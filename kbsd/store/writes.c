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
 * Changing rows, each function inside the transaction of a batch.  A row is
 * replaced only if its version is the one that the writer has seen; versions
 * come from one counter, so that no row ever has one a second time.
 */

#include <string.h>

#include "store.h"

/* Behind its expiry a nonce is refused by its time; a margin for clocks. */
#define NONCE_KEEP_S	300

/* What stands in the column of the only row; none is ROW_NONE. */
static int
current_version(sqlite3_stmt *stmt, int column, uint64_t *version)
{
	int	 rc = db_step(stmt);

	if (rc != 1)
		return (rc == 0 ? ROW_NONE : rc);
	*version = (uint64_t)sqlite3_column_int64(stmt, column);
	sqlite3_reset(stmt);
	return (ROW_OK);
}

static const enum db_statement	 by_id[] = {
	[ROW_USER] = DB_USER_BY_ID,
	[ROW_POLICY] = DB_POLICY_BY_ID,
	[ROW_KEY] = DB_KEY_BY_ID,
};

/* May an object be inserted (expected 0) or replaced? */
static int
check_version(const struct request *q)
{
	sqlite3_stmt	*stmt = db_statement(by_id[q->row]);
	uint64_t	 version;
	int		 rc;

	bind_uuid(stmt, 1, &q->id);
	rc = current_version(stmt, 1, &version);
	if (rc == ROW_NONE && q->expected == 0)
		return (ROW_OK);
	if (rc != ROW_OK)
		return (rc);
	if (q->expected == 0)
		return (ROW_EXISTS);
	return (version == q->expected ? ROW_OK : ROW_CONFLICT);
}

/* Of a statement that answers no rows. */
static int
done(int rc)
{
	return (rc == 0 ? ROW_OK : rc == 1 ? DB_FAILED : rc);
}

/* Has another user this name? */
static int
name_taken(const struct user_record *user)
{
	struct user_record	 other;
	struct rbuf		 r;
	sqlite3_stmt		*stmt = db_statement(DB_USER_BY_NAME);
	int			 rc;

	sqlite3_bind_text(stmt, 1, user->name, -1, SQLITE_STATIC);
	if ((rc = db_step(stmt)) != 1)
		return (rc == 0 ? ROW_OK : rc);
	rb_init(&r, sqlite3_column_blob(stmt, 0),
	    (size_t)sqlite3_column_bytes(stmt, 0));
	rb_user_record(&r, &other);
	sqlite3_reset(stmt);
	return (rb_end(&r) == 0 && uuid_cmp(&other.id, &user->id) == 0 ?
	    ROW_OK : ROW_EXISTS);
}

static int
put_user(struct request *q, uint64_t version)
{
	sqlite3_stmt	*stmt;
	int		 rc;

	if ((rc = check_version(q)) != ROW_OK ||
	    (rc = name_taken(&q->u.user)) != ROW_OK)
		return (rc);
	stmt = db_statement(DB_USER_PUT);
	bind_uuid(stmt, 1, &q->id);
	sqlite3_bind_text(stmt, 2, q->u.user.name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, q->u.user.created);
	sqlite3_bind_int64(stmt, 4, (sqlite3_int64)version);
	sqlite3_bind_blob(stmt, 5, q->record, (int)q->recordlen,
	    SQLITE_STATIC);
	return (done(db_step(stmt)));
}

static int
put_policy(struct request *q, uint64_t version)
{
	sqlite3_stmt	*stmt;
	int		 rc;

	if ((rc = check_version(q)) != ROW_OK)
		return (rc);
	stmt = db_statement(DB_POLICY_PUT);
	bind_uuid(stmt, 1, &q->id);
	sqlite3_bind_int64(stmt, 2, q->u.policy.created);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)version);
	sqlite3_bind_blob(stmt, 4, q->record, (int)q->recordlen,
	    SQLITE_STATIC);
	return (done(db_step(stmt)));
}

/* A key that is to be used must be under a policy that there is. */
static int
policy_known(const struct key_record *key)
{
	sqlite3_stmt	*stmt;
	uint64_t	 version;
	int		 rc;

	if (uuid_isnil(&key->policy) || key->state == KEY_DELETING)
		return (ROW_OK);
	stmt = db_statement(DB_POLICY_BY_ID);
	bind_uuid(stmt, 1, &key->policy);
	rc = current_version(stmt, 1, &version);
	return (rc == ROW_NONE ? ROW_IN_USE : rc);
}

static int
put_key(struct request *q, uint64_t version)
{
	const struct key_record	*key = &q->u.key;
	sqlite3_stmt		*stmt;
	int			 rc;

	if ((rc = check_version(q)) != ROW_OK ||
	    (rc = policy_known(key)) != ROW_OK)
		return (rc);
	stmt = db_statement(DB_KEY_PUT);
	bind_uuid(stmt, 1, &q->id);
	sqlite3_bind_int64(stmt, 2, key->created);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)version);
	sqlite3_bind_int(stmt, 4, key->algorithm);
	sqlite3_bind_int(stmt, 5, key->length);
	sqlite3_bind_int(stmt, 6, key->curve);
	if (!uuid_isnil(&key->policy))
		bind_uuid(stmt, 7, &key->policy);
	sqlite3_bind_int(stmt, 8, key->state);
	if (q->intentlen > 0)
		sqlite3_bind_blob(stmt, 9, q->intent, (int)q->intentlen,
		    SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 10, q->record, (int)q->recordlen,
	    SQLITE_STATIC);
	return (done(db_step(stmt)));
}

static int
trim(enum db_statement n, int most)
{
	sqlite3_stmt	*stmt = db_statement(n);

	sqlite3_bind_int(stmt, 1, most);
	return (done(db_step(stmt)));
}

/*
 * Names come from strangers, so only so many are kept.  One that was dropped
 * may be written again whatever version its writer has seen; one without
 * failures need not be kept.
 */
static int
put_lockout(struct request *q, uint64_t version)
{
	const struct lockout_record	*lockout = &q->u.lockout;
	sqlite3_stmt			*stmt;
	uint64_t			 old = 0;
	int				 rc, fresh;

	stmt = db_statement(DB_LOCKOUT_BY_NAME);
	sqlite3_bind_text(stmt, 1, lockout->name, -1, SQLITE_STATIC);
	if ((rc = current_version(stmt, 1, &old)) < 0)
		return (rc);
	fresh = rc == ROW_NONE;
	if (!fresh && q->expected != 0 && old != q->expected)
		return (ROW_CONFLICT);
	if (lockout->failures == 0 && lockout->until == 0) {
		stmt = db_statement(DB_LOCKOUT_DELETE);
		sqlite3_bind_text(stmt, 1, lockout->name, -1, SQLITE_STATIC);
		return (done(db_step(stmt)));
	}
	stmt = db_statement(DB_LOCKOUT_PUT);
	sqlite3_bind_text(stmt, 1, lockout->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, (sqlite3_int64)version);
	sqlite3_bind_blob(stmt, 3, q->record, (int)q->recordlen,
	    SQLITE_STATIC);
	rc = done(db_step(stmt));
	if (rc == ROW_OK && fresh)
		rc = trim(DB_LOCKOUT_TRIM, LOCKOUTS_MAX);
	return (rc);
}

/* Spent once: the second time it is there. */
static int
put_nonce(struct request *q, uint64_t version)
{
	sqlite3_stmt	*stmt = db_statement(DB_NONCE_FIND);
	int		 rc;

	(void)version;
	sqlite3_bind_blob(stmt, 1, q->u.nonce, DIGEST_LEN, SQLITE_STATIC);
	if ((rc = db_step(stmt)) != 0) {
		sqlite3_reset(stmt);
		return (rc == 1 ? ROW_EXISTS : rc);
	}
	stmt = db_statement(DB_NONCE_PUT);
	sqlite3_bind_blob(stmt, 1, q->u.nonce, DIGEST_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, q->expiry);
	return (done(db_step(stmt)));
}

static int
put_collateral(struct request *q, uint64_t version)
{
	sqlite3_stmt	*stmt = db_statement(DB_COLLATERAL_PUT);
	int		 rc;

	sqlite3_bind_text(stmt, 1, q->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, q->expiry);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)version);
	sqlite3_bind_blob(stmt, 4, q->record, (int)q->recordlen,
	    SQLITE_STATIC);
	if ((rc = done(db_step(stmt))) == ROW_OK)
		rc = trim(DB_COLLATERAL_TRIM, COLLATERAL_MAX);
	return (rc);
}

int
writes_put(struct request *q, uint64_t version)
{
	static int	(*const puts[ROW_KIND_MAX])(struct request *,
			    uint64_t) = {
		[ROW_USER] = put_user,
		[ROW_POLICY] = put_policy,
		[ROW_KEY] = put_key,
		[ROW_LOCKOUT] = put_lockout,
		[ROW_NONCE] = put_nonce,
		[ROW_COLLATERAL] = put_collateral,
	};
	int	 rc;

	rc = puts[q->row](q, version);
	q->version = rc == ROW_OK ? version : 0;
	return (rc);
}

static int
policy_used(const struct uuid *id)
{
	sqlite3_stmt	*stmt = db_statement(DB_POLICY_USED);
	int		 rc;

	bind_uuid(stmt, 1, id);
	rc = db_step(stmt);
	sqlite3_reset(stmt);
	return (rc == 1 ? ROW_IN_USE : rc == 0 ? ROW_OK : rc);
}

int
writes_delete(struct request *q, uint64_t version)
{
	static const enum db_statement	 deletes[] = {
		[ROW_USER] = DB_USER_DELETE,
		[ROW_POLICY] = DB_POLICY_DELETE,
		[ROW_KEY] = DB_KEY_DELETE,
	};
	sqlite3_stmt	*stmt = db_statement(by_id[q->row]);
	uint64_t	 old;
	int		 rc;

	(void)version;
	bind_uuid(stmt, 1, &q->id);
	if ((rc = current_version(stmt, 1, &old)) != ROW_OK)
		return (rc);
	if (q->expected != 0 && old != q->expected)
		return (ROW_CONFLICT);
	if (q->row == ROW_POLICY && (rc = policy_used(&q->id)) != ROW_OK)
		return (rc);
	stmt = db_statement(deletes[q->row]);
	bind_uuid(stmt, 1, &q->id);
	return (done(db_step(stmt)));
}

int
writes_purge(int64_t now)
{
	sqlite3_stmt	*stmt = db_statement(DB_NONCE_PURGE);
	int		 rc;

	sqlite3_bind_int64(stmt, 1, now - NONCE_KEEP_S);
	if ((rc = done(db_step(stmt))) != ROW_OK)
		return (rc);
	stmt = db_statement(DB_COLLATERAL_PURGE);
	sqlite3_bind_int64(stmt, 1, now);
	return (done(db_step(stmt)));
}

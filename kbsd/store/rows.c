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
 * Reading rows.  The version that a record leaves with is the row's own, not
 * what its writer put there.
 */

#include <string.h>

#include "log.h"
#include "store.h"

/* Records, decoded and written again with their row's version. */

static int
copy_user(struct rbuf *r, struct wbuf *w, uint64_t version, int listed)
{
	struct user_record	 user;

	rb_user_record(r, &user);
	user.row_version = version;
	if (listed) {
		explicit_bzero(user.hash, sizeof(user.hash));
		user.hashlen = 0;
	}
	wb_user_record(w, &user);
	return (rb_end(r));
}

static int
copy_policy(struct rbuf *r, struct wbuf *w, uint64_t version, int listed)
{
	struct policy_record	 policy;

	(void)listed;
	rb_policy_record(r, &policy);
	if (rb_end(r) == -1)
		return (-1);
	policy.row_version = version;
	wb_policy_record(w, &policy);
	return (0);
}

static int
copy_key(struct rbuf *r, struct wbuf *w, uint64_t version, int listed)
{
	struct key_record	 key;

	(void)listed;
	rb_key_record(r, &key);
	key.row_version = version;
	wb_key_record(w, &key);
	return (rb_end(r));
}

static int
copy_lockout(struct rbuf *r, struct wbuf *w, uint64_t version, int listed)
{
	struct lockout_record	 lockout;

	(void)listed;
	rb_lockout_record(r, &lockout);
	lockout.row_version = version;
	wb_lockout_record(w, &lockout);
	return (rb_end(r));
}

/* Signed bytes of others: as PUT had them. */
static int
copy_plain(struct rbuf *r, struct wbuf *w, uint64_t version, int listed)
{
	const uint8_t	*p;
	size_t		 len;

	(void)version;
	(void)listed;
	p = rb_rest(r, &len);
	wb_raw(w, p, len);
	return (rb_end(r));
}

static int	(*const copiers[ROW_KIND_MAX])(struct rbuf *, struct wbuf *,
		    uint64_t, int) = {
	[ROW_USER] = copy_user,
	[ROW_POLICY] = copy_policy,
	[ROW_KEY] = copy_key,
	[ROW_LOCKOUT] = copy_lockout,
	[ROW_COLLATERAL] = copy_plain,
	[ROW_PENDING] = copy_key,
};

/* Body and version from two columns. */
static int
copy_record(sqlite3_stmt *stmt, int column, enum row_kind row, int listed,
    struct wbuf *w)
{
	struct rbuf	 r;

	rb_init(&r, sqlite3_column_blob(stmt, column),
	    (size_t)sqlite3_column_bytes(stmt, column));
	if (copiers[row](&r, w, (uint64_t)sqlite3_column_int64(stmt,
	    column + 1), listed) == -1 || w->failed) {
		log_warnx("store.db: a row can't be read");
		return (DB_FAILED);
	}
	return (ROW_OK);
}

/* The one row of a statement that has its values. */
static int
find_one(sqlite3_stmt *stmt, enum row_kind row, struct wbuf *w)
{
	int	 rc = db_step(stmt);

	if (rc == 1) {
		rc = copy_record(stmt, 0, row, 0, w);
		sqlite3_reset(stmt);
		return (rc);
	}
	return (rc == 0 ? ROW_NONE : rc);
}

static int
find_name(enum db_statement n, enum row_kind row, const char *name,
    struct wbuf *w)
{
	sqlite3_stmt	*stmt = db_statement(n);

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	return (find_one(stmt, row, w));
}

/* By name it brings the lockout too, also of a user that there is not. */
static int
find_user(struct request *q)
{
	sqlite3_stmt	*stmt;
	int		 rc;

	if (!uuid_isnil(&q->id)) {
		stmt = db_statement(DB_USER_BY_ID);
		bind_uuid(stmt, 1, &q->id);
		return (find_one(stmt, ROW_USER, &q->found));
	}
	rc = find_name(DB_LOCKOUT_BY_NAME, ROW_LOCKOUT, q->name, &q->second);
	if (rc < 0)
		return (rc);
	return (find_name(DB_USER_BY_NAME, ROW_USER, q->name,
	    &q->found));
}

/* With the policy it is under. */
static int
find_key(struct request *q)
{
	sqlite3_stmt	*stmt = db_statement(DB_KEY_BY_ID);
	int		 rc;

	bind_uuid(stmt, 1, &q->id);
	if ((rc = db_step(stmt)) != 1)
		return (rc == 0 ? ROW_NONE : rc);
	rc = copy_record(stmt, 0, ROW_KEY, 0, &q->found);
	if (rc == ROW_OK && sqlite3_column_type(stmt, 2) != SQLITE_NULL)
		rc = copy_record(stmt, 2, ROW_POLICY, 0, &q->second);
	sqlite3_reset(stmt);
	return (rc);
}

int
rows_find(struct request *q, int64_t now)
{
	sqlite3_stmt	*stmt;

	switch (q->row) {
	case ROW_USER:
		return (find_user(q));
	case ROW_KEY:
		return (find_key(q));
	case ROW_POLICY:
		stmt = db_statement(DB_POLICY_BY_ID);
		bind_uuid(stmt, 1, &q->id);
		return (find_one(stmt, ROW_POLICY, &q->found));
	case ROW_LOCKOUT:
		return (find_name(DB_LOCKOUT_BY_NAME, ROW_LOCKOUT, q->name,
		    &q->found));
	case ROW_COLLATERAL:
		stmt = db_statement(DB_COLLATERAL_BY_NAME);
		sqlite3_bind_text(stmt, 1, q->name, -1, SQLITE_STATIC);
		sqlite3_bind_int64(stmt, 2, now);
		return (find_one(stmt, ROW_COLLATERAL, &q->found));
	default:
		return (DB_FAILED);
	}
}

static void
bind_filters(sqlite3_stmt *stmt, const struct request *q)
{
	const struct ask	*ask = &q->ask;

	if (q->row == ROW_USER || q->row == ROW_LOCKOUT) {
		if ((ask->filter & FILTER_NAME) != 0)
			sqlite3_bind_text(stmt, 3, ask->name, -1,
			    SQLITE_STATIC);
		return;
	}
	if (q->row != ROW_KEY)
		return;
	if ((ask->filter & FILTER_ALGORITHM) != 0)
		sqlite3_bind_int(stmt, 3, ask->algorithm);
	if ((ask->filter & FILTER_LENGTH) != 0)
		sqlite3_bind_int(stmt, 4, ask->length);
	if ((ask->filter & FILTER_CURVE) != 0)
		sqlite3_bind_int(stmt, 5, ask->curve);
	if ((ask->filter & FILTER_POLICY) != 0)
		bind_uuid(stmt, 6, &ask->policy);
}

/* One item: bytes record, bytes intent. */
static int
list_item(sqlite3_stmt *stmt, enum row_kind row, struct wbuf *items)
{
	struct wbuf	 record = { 0 };
	int		 rc;

	if ((rc = copy_record(stmt, 0, row, 1, &record)) == ROW_OK) {
		wb_bytes_of(items, &record);
		wb_bytes(items, sqlite3_column_blob(stmt, 2),
		    (size_t)sqlite3_column_bytes(stmt, 2));
		if (items->failed || items->len > LIST_BYTES_MAX) {
			log_warnx("a list is longer than %u bytes: it must "
			    "be asked for in parts", LIST_BYTES_MAX);
			rc = DB_FAILED;
		}
	}
	wb_free(&record);
	return (rc);
}

/* The place of the row, behind which a page begins. */
static int
bind_after(sqlite3_stmt *list, const struct request *q)
{
	static const enum db_statement	 made[ROW_KIND_MAX] = {
		[ROW_USER] = DB_USER_MADE,
		[ROW_POLICY] = DB_POLICY_MADE,
		[ROW_KEY] = DB_KEY_MADE,
		[ROW_PENDING] = DB_KEY_MADE,
	};
	sqlite3_stmt	*stmt;
	int		 rc;

	if (uuid_isnil(&q->ask.after)) {
		sqlite3_bind_int64(list, 7, INT64_MIN);
		return (ROW_OK);
	}
	if (q->row == ROW_LOCKOUT)
		return (ROW_NONE);
	stmt = db_statement(made[q->row]);
	bind_uuid(stmt, 1, &q->ask.after);
	if ((rc = db_step(stmt)) == 1) {
		bind_uuid(list, 1, &q->ask.after);
		sqlite3_bind_int64(list, 7, sqlite3_column_int64(stmt, 0));
	}
	sqlite3_reset(stmt);
	return (rc == 1 ? ROW_OK : rc == 0 ? ROW_NONE : rc);
}

static enum db_statement
list_statement(const struct request *q)
{
	static const enum db_statement	 lists[ROW_KIND_MAX] = {
		[ROW_USER] = DB_USER_LIST,
		[ROW_POLICY] = DB_POLICY_LIST,
		[ROW_KEY] = DB_KEY_LIST,
		[ROW_LOCKOUT] = DB_LOCKOUT_LIST,
		[ROW_PENDING] = DB_KEY_PENDING,
	};

	if (q->row == ROW_KEY && (q->ask.filter & FILTER_POLICY) != 0)
		return (DB_KEY_LIST_POLICY);
	if (q->row == ROW_KEY && (q->ask.filter & FILTER_ALGORITHM) != 0)
		return (DB_KEY_LIST_ALGORITHM);
	return (lists[q->row]);
}

/*
 * Ordered by time of making, then id.  A page behind a row that has gone
 * meanwhile is ROW_NONE, lest it look like the end of the list.
 */
int
rows_list(struct request *q)
{
	sqlite3_stmt	*stmt = db_statement(list_statement(q));
	int		 rc, item;

	if ((rc = bind_after(stmt, q)) != ROW_OK)
		return (rc);
	sqlite3_bind_int64(stmt, 2, q->ask.limit == 0 ? -1 :
	    (sqlite3_int64)q->ask.limit);
	bind_filters(stmt, q);
	while ((rc = db_step(stmt)) == 1) {
		if ((item = list_item(stmt, q->row,
		    &q->found)) != ROW_OK) {
			sqlite3_reset(stmt);
			return (item);
		}
		q->count++;
	}
	return (rc == 0 ? ROW_OK : rc);
}

uint32_t
rows_lockouts(unsigned int skip, unsigned int most, struct wbuf *cells)
{
	struct lockout_record	 lockout;
	sqlite3_stmt		*stmt = db_statement(DB_LOCKOUT_SHOW);
	struct rbuf		 r;
	uint32_t		 n = 0;

	sqlite3_bind_int64(stmt, 1, most);
	sqlite3_bind_int64(stmt, 2, skip);
	while (db_step(stmt) == 1) {
		rb_init(&r, sqlite3_column_blob(stmt, 0),
		    (size_t)sqlite3_column_bytes(stmt, 0));
		rb_lockout_record(&r, &lockout);
		if (rb_end(&r) == -1)
			continue;
		wb_str(cells, lockout.name);
		wb_decimal(cells, lockout.failures);
		wb_decimal(cells, (uint64_t)lockout.first);
		wb_decimal(cells, (uint64_t)lockout.until);
		n++;
	}
	return (n);
}

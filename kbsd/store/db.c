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
 * The database file: opening, schema, statements.  A row keeps the record as
 * the broker sent it, with columns beside it for what is searched by; a
 * change of a record's form is therefore a migration here.
 *
 * Nothing waits inside SQLite once the process runs: a busy database is an
 * answer, and the request is tried again by a timer.
 */

#include <sys/stat.h>

#include <stdio.h>
#include <string.h>

#include "log.h"
#include "store.h"

/* At start another process may be migrating or checkpointing. */
#define OPEN_PATIENCE_MS	20000

static sqlite3		*db;
static sqlite3_stmt	*statements[DB_STATEMENT_MAX];

/* migrations[n] makes version n + 1 out of version n. */
static const char *const migrations[] = {
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
	    " WITHOUT ROWID;"
	"INSERT INTO meta VALUES ('row_version', 0);"

	"CREATE TABLE users (id BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	    " created INTEGER NOT NULL, version INTEGER NOT NULL,"
	    " body BLOB NOT NULL) WITHOUT ROWID;"

	"CREATE TABLE policies (id BLOB NOT NULL UNIQUE,"
	    " created INTEGER NOT NULL, version INTEGER NOT NULL,"
	    " body BLOB NOT NULL);"
	"CREATE INDEX policies_order ON policies (created, id);"

	"CREATE TABLE keys (id BLOB PRIMARY KEY, created INTEGER NOT NULL,"
	    " version INTEGER NOT NULL, algorithm INTEGER NOT NULL,"
	    " length INTEGER NOT NULL, curve INTEGER NOT NULL, policy BLOB,"
	    " state INTEGER NOT NULL, intent BLOB, body BLOB NOT NULL)"
	    " WITHOUT ROWID;"
	"CREATE INDEX keys_order ON keys (created, id);"
	"CREATE INDEX keys_policy ON keys (policy) WHERE policy IS NOT NULL;"
	"CREATE INDEX keys_intent ON keys (created, id)"
	    " WHERE intent IS NOT NULL;"

	"CREATE TABLE lockouts (name TEXT PRIMARY KEY,"
	    " version INTEGER NOT NULL UNIQUE, body BLOB NOT NULL)"
	    " WITHOUT ROWID;"

	"CREATE TABLE nonces (digest BLOB PRIMARY KEY,"
	    " expiry INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX nonces_expiry ON nonces (expiry);"

	"CREATE TABLE collateral (name TEXT NOT NULL UNIQUE,"
	    " expiry INTEGER NOT NULL, version INTEGER NOT NULL UNIQUE,"
	    " body BLOB NOT NULL);",

	/* Searches step along an index that is in their order. */
	"CREATE INDEX keys_algorithm ON keys (algorithm, created, id);"
	"DROP INDEX keys_policy;"
	"CREATE INDEX keys_policy ON keys (policy, created, id)"
	    " WHERE policy IS NOT NULL;"
	"CREATE INDEX users_order ON users (created, id);",
};

#define SCHEMA_VERSION	(sizeof(migrations) / sizeof(migrations[0]))

/* Behind the row that was made at ?7 and has id ?1: a step in an index. */
#define PAGE								\
	" AND (created, id) > (?7, ?1) ORDER BY created, id LIMIT ?2"

/* After each new row: the oldest goes where there are more than so many. */
#define TRIM(table)							\
	"DELETE FROM " table " WHERE version = (SELECT min(version) FROM " \
	table ") AND (SELECT count(*) FROM " table ") > ?1"

static const char *const texts[DB_STATEMENT_MAX] = {
	[DB_BEGIN] = "BEGIN IMMEDIATE",
	[DB_COMMIT] = "COMMIT",
	[DB_ROLLBACK] = "ROLLBACK",
	[DB_COUNTER_GET] = "SELECT value FROM meta WHERE name ="
	    " 'row_version'",
	[DB_COUNTER_SET] = "UPDATE meta SET value = ?1 WHERE name ="
	    " 'row_version'",

	[DB_USER_BY_ID] = "SELECT body, version FROM users WHERE id = ?1",
	[DB_USER_BY_NAME] = "SELECT body, version FROM users WHERE name = ?1",
	[DB_USER_PUT] = "INSERT INTO users (id, name, created, version, body)"
	    " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET"
	    " name = ?2, created = ?3, version = ?4, body = ?5",
	[DB_USER_DELETE] = "DELETE FROM users WHERE id = ?1",
	[DB_USER_LIST] = "SELECT body, version, NULL FROM users"
	    " WHERE (?3 IS NULL OR name = ?3)" PAGE,

	[DB_POLICY_BY_ID] = "SELECT body, version FROM policies"
	    " WHERE id = ?1",
	[DB_POLICY_PUT] = "INSERT INTO policies (id, created, version, body)"
	    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET"
	    " created = ?2, version = ?3, body = ?4",
	[DB_POLICY_DELETE] = "DELETE FROM policies WHERE id = ?1",
	[DB_POLICY_LIST] = "SELECT body, version, NULL FROM policies"
	    " WHERE 1" PAGE,
	[DB_POLICY_USED] = "SELECT 1 FROM keys WHERE policy = ?1 LIMIT 1",

	/* One statement, so that both are of one moment. */
	[DB_KEY_BY_ID] = "SELECT k.body, k.version, p.body, p.version"
	    " FROM keys k LEFT JOIN policies p ON p.id = k.policy"
	    " WHERE k.id = ?1",
	[DB_KEY_PUT] = "INSERT INTO keys (id, created, version, algorithm,"
	    " length, curve, policy, state, intent, body)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
	    " ON CONFLICT (id) DO UPDATE SET created = ?2, version = ?3,"
	    " algorithm = ?4, length = ?5, curve = ?6, policy = ?7,"
	    " state = ?8, intent = ?9, body = ?10",
	[DB_KEY_DELETE] = "DELETE FROM keys WHERE id = ?1",
	[DB_KEY_LIST] = "SELECT body, version, NULL FROM keys"
	    " WHERE (?3 IS NULL OR algorithm = ?3)"
	    " AND (?4 IS NULL OR length = ?4)"
	    " AND (?5 IS NULL OR curve = ?5)" PAGE,
	[DB_KEY_LIST_ALGORITHM] = "SELECT body, version, NULL FROM keys"
	    " WHERE algorithm = ?3 AND (?4 IS NULL OR length = ?4)"
	    " AND (?5 IS NULL OR curve = ?5)" PAGE,
	[DB_KEY_LIST_POLICY] = "SELECT body, version, NULL FROM keys"
	    " WHERE policy = ?6 AND (?3 IS NULL OR algorithm = ?3)"
	    " AND (?4 IS NULL OR length = ?4)"
	    " AND (?5 IS NULL OR curve = ?5)" PAGE,
	[DB_KEY_PENDING] = "SELECT body, version, intent FROM keys"
	    " WHERE intent IS NOT NULL" PAGE,

	[DB_USER_MADE] = "SELECT created FROM users WHERE id = ?1",
	[DB_POLICY_MADE] = "SELECT created FROM policies WHERE id = ?1",
	[DB_KEY_MADE] = "SELECT created FROM keys WHERE id = ?1",

	[DB_LOCKOUT_BY_NAME] = "SELECT body, version FROM lockouts"
	    " WHERE name = ?1",
	[DB_LOCKOUT_PUT] = "INSERT INTO lockouts (name, version, body)"
	    " VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET"
	    " version = ?2, body = ?3",
	[DB_LOCKOUT_DELETE] = "DELETE FROM lockouts WHERE name = ?1",
	[DB_LOCKOUT_TRIM] = TRIM("lockouts"),
	[DB_LOCKOUT_LIST] = "SELECT body, version, NULL FROM lockouts"
	    " WHERE ?1 IS NULL AND (?3 IS NULL OR name = ?3)"
	    " ORDER BY version DESC LIMIT ?2",

	[DB_LOCKOUT_SHOW] = "SELECT body FROM lockouts"
	    " ORDER BY version DESC, name LIMIT ?1 OFFSET ?2",

	[DB_NONCE_FIND] = "SELECT 1 FROM nonces WHERE digest = ?1",
	[DB_NONCE_PUT] = "INSERT INTO nonces (digest, expiry)"
	    " VALUES (?1, ?2)",
	[DB_NONCE_PURGE] = "DELETE FROM nonces WHERE expiry < ?1",

	[DB_COLLATERAL_BY_NAME] = "SELECT body, version FROM collateral"
	    " WHERE name = ?1 AND expiry >= ?2",
	[DB_COLLATERAL_PUT] = "INSERT INTO collateral (name, expiry, version,"
	    " body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO UPDATE SET"
	    " expiry = ?2, version = ?3, body = ?4",
	[DB_COLLATERAL_TRIM] = TRIM("collateral"),
	[DB_COLLATERAL_PURGE] = "DELETE FROM collateral WHERE expiry < ?1",
};

static void
db_must(const char *what)
{
	char	*why = NULL;

	if (sqlite3_exec(db, what, NULL, NULL, &why) != SQLITE_OK)
		fatalx("store.db: %s", why != NULL ? why : "no memory");
}

static int
db_schema(void)
{
	sqlite3_stmt	*stmt;
	int		 version = -1;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt,
	    NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	if (version < 0)
		fatalx("store.db: %s", sqlite3_errmsg(db));
	return (version);
}

static void
db_migrate(void)
{
	char	 text[64];
	int	 version;

	/* The lock is taken in any case: it opens all files of the WAL. */
	db_must("BEGIN IMMEDIATE");
	version = db_schema();
	if ((size_t)version > SCHEMA_VERSION)
		fatalx("store.db is of a newer kbsd (schema %d, known is "
		    "%zu)", version, SCHEMA_VERSION);
	for (; (size_t)version < SCHEMA_VERSION; version++) {
		log_info("store.db: schema %d", version + 1);
		db_must(migrations[version]);
		snprintf(text, sizeof(text), "PRAGMA user_version = %d",
		    version + 1);
		db_must(text);
	}
	db_must("COMMIT");
}

void
db_open(const char *path)
{
	int	 i;

	/* Answers an error when it has been told already: tests do that. */
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	umask(077);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
		fatalx("%s: %s", path, db == NULL ? "no memory" :
		    sqlite3_errmsg(db));
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, OPEN_PATIENCE_MS);
	db_must("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
	    "PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON;");
	db_migrate();
	for (i = 0; i < DB_STATEMENT_MAX; i++)
		if (sqlite3_prepare_v3(db, texts[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &statements[i], NULL) !=
		    SQLITE_OK)
			fatalx("store.db: %s", sqlite3_errmsg(db));
	sqlite3_busy_timeout(db, 0);
}

void
db_close(void)
{
	int	 i;

	for (i = 0; i < DB_STATEMENT_MAX; i++) {
		sqlite3_finalize(statements[i]);
		statements[i] = NULL;
	}
	if (sqlite3_close(db) != SQLITE_OK)
		log_warnx("store.db: %s", sqlite3_errmsg(db));
	db = NULL;
}

sqlite3_stmt *
db_statement(enum db_statement n)
{
	sqlite3_reset(statements[n]);
	sqlite3_clear_bindings(statements[n]);
	return (statements[n]);
}

int
db_step(sqlite3_stmt *stmt)
{
	int	 rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return (1);
	if (rc != SQLITE_DONE && (rc & 0xff) != SQLITE_BUSY)
		log_warnx("store.db: %s (%d)", sqlite3_errmsg(db), rc);
	sqlite3_reset(stmt);
	if (rc == SQLITE_DONE)
		return (0);
	return ((rc & 0xff) == SQLITE_BUSY ? DB_BUSY : DB_FAILED);
}

int
db_run(enum db_statement n)
{
	return (db_step(db_statement(n)));
}

int
db_in_transaction(void)
{
	return (sqlite3_get_autocommit(db) == 0);
}

void
bind_uuid(sqlite3_stmt *stmt, int n, const struct uuid *u)
{
	sqlite3_bind_blob(stmt, n, u->b, sizeof(u->b), SQLITE_STATIC);
}

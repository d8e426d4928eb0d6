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
 * The database file: schema and statements.  A row keeps the record as the
 * broker sent it, with columns beside it for what is searched by; a change of
 * a record's form is therefore a migration here.
 */

#include "log.h"
#include "store.h"

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

#define SCHEMA_VERSION	((int)(sizeof(migrations) / sizeof(migrations[0])))

/* Behind the row that was made at ?7 and has id ?1: a step in an index. */
#define PAGE								\
	" AND (created, id) > (?7, ?1) ORDER BY created, id LIMIT ?2"

/* After each new row: the oldest goes where there are more than so many. */
#define TRIM(table)							\
	"DELETE FROM " table " WHERE version = (SELECT min(version) FROM " \
	table ") AND (SELECT count(*) FROM " table ") > ?1"

static const char *const texts[DB_STATEMENT_MAX] = {
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

static const struct db_form form = {
	.name = "store.db",
	.migrations = migrations,
	.schema = SCHEMA_VERSION,
	.texts = texts,
	.ntexts = DB_STATEMENT_MAX,
};

void
schema_open(void)
{
	int	 version;

	for (version = db_open(&form); version < SCHEMA_VERSION; version++)
		log_info("store.db: schema %d", version + 1);
	db_ready();
}

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
 * The database of a kms: the newest sealed record of each key, which is how an
 * older one, shown again by who keeps the records, is known; and, where the
 * keystore is our own, the material in a box (box.c).
 *
 * The row of a deleted key that was for attestation only stays, buried, so
 * that neither its id nor the keystore's id of it comes back without the mark.
 * When the key itself comes back, from a backup, the keystore's ids of it go
 * into a table of their own.
 *
 * What was the newest version of a key before it was rotated is a row of
 * versions.  One without a record there is material that was about to be put
 * into a keystore elsewhere, and may or may not have come there.  An empty box
 * claims it: it is being removed, by us or by the kms beside us at a reload,
 * and no longer about to be put there.
 */

#include <string.h>

#include "db.h"
#include "kms.h"
#include "log.h"
#include "secret.h"

/* What db_step() answers is handed on as it is. */
_Static_assert(RECORDS_BUSY == DB_BUSY && RECORDS_FAILED == DB_FAILED,
    "RECORDS_* are not DB_*");

static const char *const migrations[] = {
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)"
	    " WITHOUT ROWID;"
	"CREATE TABLE keys (id BLOB PRIMARY KEY, serial INTEGER NOT NULL,"
	    " record BLOB NOT NULL, box BLOB) WITHOUT ROWID;",
	"ALTER TABLE keys ADD COLUMN backend TEXT;"
	"CREATE INDEX keys_backend ON keys (backend)"
	    " WHERE backend IS NOT NULL;",
	"CREATE TABLE versions (id BLOB, version INTEGER, record BLOB,"
	    " box BLOB, backend TEXT, PRIMARY KEY (id, version))"
	    " WITHOUT ROWID;"
	"CREATE INDEX versions_backend ON versions (backend)"
	    " WHERE backend IS NOT NULL;",
	("CREATE TABLE buried (backend TEXT, record BLOB,"
	    " PRIMARY KEY (backend, record)) WITHOUT ROWID;"),
};

#define SCHEMA_VERSION	((int)(sizeof(migrations) / sizeof(migrations[0])))

enum statement {
	ST_FIND, ST_INSERT, ST_RESEAL, ST_DELETE, ST_BURY, ST_ANY, ST_BACKEND,
	ST_NEXT, ST_BOX, ST_OLD_FIND, ST_OLD_KEEP, ST_REPLACE, ST_OLD_DELETE,
	ST_OLD_BURY, ST_OLD_DELETE_ONE, ST_OLD_BURY_ONE, ST_OLD_AFTER,
	ST_OLD_NEXT, ST_OLD_BOX, ST_UNSURE,
	ST_UNSURE_PUT, ST_UNSURE_CLAIM, ST_UNSURE_SURE, ST_UNSURE_SWEPT,
	ST_BURIED_KEEP, ST_OLD_UNBURY, ST_META_GET, ST_META_PUT,
	ST_MAX
};

static const char *const texts[ST_MAX] = {
	[ST_FIND] = "SELECT record, box FROM keys WHERE id = ?1",
	[ST_INSERT] = "INSERT INTO keys (id, serial, record, box, backend)"
	    " VALUES (?1, ?2, ?3, ?4, ?5)",
	[ST_RESEAL] = "UPDATE keys SET serial = ?2, record = ?3"
	    " WHERE id = ?1",
	[ST_DELETE] = "DELETE FROM keys WHERE id = ?1",
	[ST_BURY] = "UPDATE keys SET box = NULL WHERE id = ?1",
	[ST_ANY] = "SELECT record FROM keys LIMIT 1",
	[ST_BACKEND] = "SELECT record, box FROM keys WHERE backend = ?1"
	    " UNION ALL SELECT record, box FROM versions WHERE backend = ?1"
	    " UNION ALL SELECT record, NULL FROM buried WHERE backend = ?1",
	[ST_NEXT] = "SELECT id, record, box FROM keys WHERE id > ?1 AND"
	    " length(box) > 0 ORDER BY id LIMIT 1",
	[ST_BOX] = "UPDATE keys SET box = ?2 WHERE id = ?1",
	[ST_OLD_FIND] = "SELECT record, box FROM versions WHERE id = ?1"
	    " AND version = ?2 AND record IS NOT NULL",
	[ST_OLD_KEEP] = "INSERT INTO versions (id, version, record, box,"
	    " backend) SELECT id, ?2, record, box, backend FROM keys"
	    " WHERE id = ?1",
	[ST_REPLACE] = "UPDATE keys SET serial = ?2, record = ?3, box = ?4,"
	    " backend = ?5 WHERE id = ?1",
	[ST_OLD_DELETE] = "DELETE FROM versions WHERE id = ?1",
	[ST_OLD_BURY] = "UPDATE versions SET box = NULL WHERE id = ?1",
	[ST_OLD_DELETE_ONE] = "DELETE FROM versions WHERE id = ?1"
	    " AND version = ?2",
	[ST_OLD_BURY_ONE] = "UPDATE versions SET box = NULL WHERE id = ?1"
	    " AND version = ?2",
	[ST_OLD_AFTER] = "SELECT version, backend FROM versions"
	    " WHERE id = ?1 AND version > ?2 AND (record IS NULL OR"
	    " box IS NOT NULL) ORDER BY version LIMIT 1",
	[ST_OLD_NEXT] = "SELECT id, record, box FROM versions"
	    " WHERE (id, version) > (?1, ?3) AND length(box) > 0"
	    " ORDER BY id, version LIMIT 1",
	[ST_OLD_BOX] = "UPDATE versions SET box = ?2 WHERE id = ?1"
	    " AND version = ?3",
	[ST_UNSURE] = "SELECT id, version, backend FROM versions"
	    " WHERE record IS NULL LIMIT 1",
	[ST_UNSURE_PUT] = "INSERT INTO versions (id, version, backend)"
	    " VALUES (?1, ?2, ?3) ON CONFLICT (id, version) DO UPDATE"
	    " SET box = NULL WHERE record IS NULL",
	[ST_UNSURE_CLAIM] = "UPDATE versions SET box = x'' WHERE id = ?1"
	    " AND version = ?2 AND record IS NULL",
	[ST_UNSURE_SURE] = "DELETE FROM versions WHERE id = ?1"
	    " AND version = ?2 AND record IS NULL AND box IS NULL",
	[ST_UNSURE_SWEPT] = "DELETE FROM versions WHERE id = ?1"
	    " AND version = ?2 AND record IS NULL AND box IS NOT NULL",
	[ST_BURIED_KEEP] = "INSERT OR IGNORE INTO buried (backend, record)"
	    " SELECT backend, record FROM keys WHERE id = ?1 AND"
	    " backend IS NOT NULL UNION ALL SELECT backend, record"
	    " FROM versions WHERE id = ?1 AND backend IS NOT NULL AND"
	    " record IS NOT NULL",
	[ST_OLD_UNBURY] = "DELETE FROM versions WHERE id = ?1 AND"
	    " record IS NOT NULL",
	[ST_META_GET] = "SELECT value FROM meta WHERE name = ?1",
	[ST_META_PUT] = "INSERT OR REPLACE INTO meta (name, value)"
	    " VALUES (?1, ?2)",
};

static const struct db_form form = {
	.name = "keys.db",
	.migrations = migrations,
	.schema = SCHEMA_VERSION,
	.texts = texts,
	.ntexts = ST_MAX,
};

/* --- opening ----------------------------------------------------------- */

int
records_any(void)
{
	sqlite3_stmt	*stmt = db_statement(ST_ANY);
	int		 rc;

	if ((rc = db_step(stmt)) < 0)
		fatalx("keys.db can't be read");
	sqlite3_reset(stmt);
	return (rc == 1);
}

int
records_open(void)
{
	(void)db_open(&form);
	return (records_any());
}

static int
read_record(sqlite3_stmt *stmt, struct key_record *record)
{
	struct rbuf	 r;

	rb_init(&r, sqlite3_column_blob(stmt, 0),
	    (size_t)sqlite3_column_bytes(stmt, 0));
	rb_key_record(&r, record);
	return (rb_end(&r) == 0 && seal_fits(record) ? 0 : -1);
}

/* One record tells whether the seal key is theirs. */
void
records_ready(void)
{
	sqlite3_stmt		*stmt = db_statement(ST_ANY);
	struct key_record	 record;

	if (db_step(stmt) == 1 && read_record(stmt, &record) == -1)
		fatalx("the seal key is not the one that the records of "
		    "keys.db were sealed with");
	sqlite3_reset(stmt);
	db_ready();
}

/* --- rows -------------------------------------------------------------- */

static int
find(sqlite3_stmt *stmt, struct row *row)
{
	int	 rc, len;

	if ((rc = db_step(stmt)) != 1)
		return (rc);
	row->gone = sqlite3_column_type(stmt, 1) == SQLITE_NULL;
	len = sqlite3_column_bytes(stmt, 1);
	row->boxlen = (size_t)len;
	rc = read_record(stmt, &row->record) == -1 ||
	    row->boxlen > sizeof(row->box) ? RECORDS_FAILED : 1;
	if (rc == 1 && len > 0)
		memcpy(row->box, sqlite3_column_blob(stmt, 1), row->boxlen);
	sqlite3_reset(stmt);
	if (rc != 1)
		log_warnx("keys.db: a record was changed");
	return (rc);
}

int
records_find(const struct uuid *id, struct row *row)
{
	sqlite3_stmt	*stmt = db_statement(ST_FIND);

	bind_uuid(stmt, 1, id);
	return (find(stmt, row));
}

int
records_backend(const struct key_record *of)
{
	struct key_record	 record;
	sqlite3_stmt		*stmt = db_statement(ST_BACKEND);
	int			 rc, which = 0;

	sqlite3_bind_text(stmt, 1, of->backend, -1, SQLITE_STATIC);
	while ((rc = db_step(stmt)) == 1)
		if (read_record(stmt, &record) == -1)
			which |= RECORDS_MARKED;
		else if (sqlite3_column_type(stmt, 1) != SQLITE_NULL ||
		    uuid_cmp(&record.id, &of->id) != 0)
			which |= (record.flags & KEY_ATTESTED_ONLY) != 0 ?
			    RECORDS_MARKED : RECORDS_UNMARKED;
	return (rc == 0 ? which : rc);
}

/* A box without a byte: the material is elsewhere. */
static int
records_put(enum statement n, const struct key_record *record,
    const uint8_t *box, size_t len)
{
	struct wbuf	 w = { 0 };
	sqlite3_stmt	*stmt = db_statement(n);
	int		 rc = RECORDS_FAILED;

	wb_key_record(&w, record);
	if (!w.failed) {
		bind_uuid(stmt, 1, &record->id);
		sqlite3_bind_int64(stmt, 2, (sqlite3_int64)record->serial);
		sqlite3_bind_blob(stmt, 3, w.data, (int)w.len, SQLITE_STATIC);
		if (n != ST_RESEAL && len > 0)
			sqlite3_bind_blob(stmt, 4, box, (int)len,
			    SQLITE_STATIC);
		else if (n != ST_RESEAL) {
			sqlite3_bind_zeroblob(stmt, 4, 0);
			sqlite3_bind_text(stmt, 5, record->backend, -1,
			    SQLITE_STATIC);
		}
		rc = db_step(stmt);
	}
	wb_free(&w);
	return (rc);
}

int
records_insert(const struct key_record *record, const uint8_t *box, size_t len)
{
	return (records_put(ST_INSERT, record, box, len));
}

int
records_update(const struct key_record *record)
{
	return (records_put(ST_RESEAL, record, NULL, 0));
}

static int
change(enum statement n, const struct uuid *id)
{
	sqlite3_stmt	*stmt = db_statement(n);

	bind_uuid(stmt, 1, id);
	return (db_step(stmt));
}

int
records_remove(const struct key_record *record)
{
	int	 bury = (record->flags & KEY_ATTESTED_ONLY) != 0;
	int	 rc;

	if ((rc = change(bury ? ST_OLD_BURY : ST_OLD_DELETE,
	    &record->id)) != 0)
		return (rc);
	return (change(bury ? ST_BURY : ST_DELETE, &record->id));
}

int
records_remove_version(const struct key_record *record, uint32_t version)
{
	int		 bury = (record->flags & KEY_ATTESTED_ONLY) != 0;
	sqlite3_stmt	*stmt = db_statement(bury ? ST_OLD_BURY_ONE :
			    ST_OLD_DELETE_ONE);

	bind_uuid(stmt, 1, &record->id);
	sqlite3_bind_int64(stmt, 2, version);
	return (db_step(stmt));
}

/* What a rotation has left at the keystore stays, to be swept. */
int
records_unbury(const struct uuid *id)
{
	int	 rc;

	if ((rc = change(ST_BURIED_KEEP, id)) != 0 ||
	    (rc = change(ST_OLD_UNBURY, id)) != 0)
		return (rc);
	return (change(ST_DELETE, id));
}

/* --- versions ----------------------------------------------------------- */

static sqlite3_stmt *
version_statement(enum statement n, const struct uuid *id, uint32_t version)
{
	sqlite3_stmt	*stmt = db_statement(n);

	bind_uuid(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, version);
	return (stmt);
}

int
records_find_version(const struct uuid *id, uint32_t version,
    struct row *row)
{
	return (find(version_statement(ST_OLD_FIND, id, version), row));
}

int
records_rotate(const struct key_record *record, const uint8_t *box,
    size_t len)
{
	int	 rc;

	if ((rc = db_step(version_statement(ST_OLD_KEEP, &record->id,
	    record->version - 1))) != 0)
		return (rc);
	return (records_put(ST_REPLACE, record, box, len));
}

static void
read_backend(sqlite3_stmt *stmt, int column, char name[NAME_MAX_BACKEND])
{
	const unsigned char	*text = sqlite3_column_text(stmt, column);

	(void)strlcpy(name, text != NULL ? (const char *)text : "",
	    NAME_MAX_BACKEND);
}

int
records_next_version(const struct uuid *id, uint32_t *version,
    char name[NAME_MAX_BACKEND])
{
	sqlite3_stmt	*stmt = version_statement(ST_OLD_AFTER, id, *version);
	int		 rc;

	if ((rc = db_step(stmt)) != 1)
		return (rc);
	*version = (uint32_t)sqlite3_column_int64(stmt, 0);
	read_backend(stmt, 1, name);
	sqlite3_reset(stmt);
	return (1);
}

int
records_unsure(struct uuid *id, uint32_t *version,
    char name[NAME_MAX_BACKEND])
{
	sqlite3_stmt	*stmt = db_statement(ST_UNSURE);
	int		 rc;

	if ((rc = db_step(stmt)) != 1)
		return (rc);
	if (sqlite3_column_bytes(stmt, 0) != sizeof(id->b)) {
		sqlite3_reset(stmt);
		return (RECORDS_FAILED);
	}
	memcpy(id->b, sqlite3_column_blob(stmt, 0), sizeof(id->b));
	*version = (uint32_t)sqlite3_column_int64(stmt, 1);
	read_backend(stmt, 2, name);
	sqlite3_reset(stmt);
	return (1);
}

int
records_make_unsure(const struct key_record *record)
{
	sqlite3_stmt	*stmt = version_statement(ST_UNSURE_PUT, &record->id,
			    record->version);

	sqlite3_bind_text(stmt, 3, record->backend, -1, SQLITE_STATIC);
	return (db_step(stmt));
}

/* 1: there was one, and it is changed; 0: none; RECORDS_*. */
static int
change_unsure(enum statement n, const struct uuid *id, uint32_t version)
{
	int	 rc = db_step(version_statement(n, id, version));

	return (rc == 0 ? db_changes() : rc);
}

int
records_claim(const struct uuid *id, uint32_t version)
{
	return (change_unsure(ST_UNSURE_CLAIM, id, version));
}

int
records_sure(const struct uuid *id, uint32_t version)
{
	return (change_unsure(ST_UNSURE_SURE, id, version));
}

int
records_swept(const struct uuid *id, uint32_t version)
{
	return (change_unsure(ST_UNSURE_SWEPT, id, version));
}

/* --- boxes -------------------------------------------------------------- */

/* 1: there was one behind last, and it is another box now; 0: none. */
static int
next_box(enum statement next, enum statement put, struct key_record *last,
    int (*fn)(const struct key_record *, uint8_t *, size_t))
{
	static struct row	 row;
	sqlite3_stmt		*stmt = db_statement(next);
	struct rbuf		 r;
	int			 rc;

	bind_uuid(stmt, 1, &last->id);
	(void)sqlite3_bind_int64(stmt, 3, last->version);
	if ((rc = db_step(stmt)) != 1)
		return (rc);
	rb_init(&r, sqlite3_column_blob(stmt, 1),
	    (size_t)sqlite3_column_bytes(stmt, 1));
	rb_key_record(&r, &row.record);
	row.boxlen = (size_t)sqlite3_column_bytes(stmt, 2);
	if (rb_end(&r) == -1 || row.boxlen > sizeof(row.box)) {
		sqlite3_reset(stmt);
		return (RECORDS_FAILED);
	}
	memcpy(row.box, sqlite3_column_blob(stmt, 2), row.boxlen);
	sqlite3_reset(stmt);
	*last = row.record;
	if (fn(&row.record, row.box, row.boxlen) == -1)
		return (RECORDS_FAILED);
	stmt = db_statement(put);
	bind_uuid(stmt, 1, &last->id);
	sqlite3_bind_blob(stmt, 2, row.box, (int)row.boxlen, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 3, last->version);
	return ((rc = db_step(stmt)) == 0 ? 1 : rc);
}

int
records_rebox(int (*fn)(const struct key_record *, uint8_t *, size_t))
{
	struct key_record	 last = { .version = 0 };
	int			 rc;

	while ((rc = next_box(ST_NEXT, ST_BOX, &last, fn)) == 1)
		continue;
	if (rc != 0)
		return (rc);
	last.id = uuid_nil;
	last.version = 0;
	while ((rc = next_box(ST_OLD_NEXT, ST_OLD_BOX, &last, fn)) == 1)
		continue;
	return (rc);
}

int
records_checkpoint(void)
{
	return (db_checkpoint());
}

/* --- transactions ------------------------------------------------------ */

int
records_begin(void)
{
	return (db_begin());
}

int
records_commit(void)
{
	return (db_commit());
}

void
records_end(void)
{
	db_undo();
}

/* --- what else is remembered -------------------------------------------- */

int
records_same(const char *name, const uint8_t value[DIGEST_LEN])
{
	sqlite3_stmt	*stmt = db_statement(ST_META_GET);
	int		 same, rc;

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if ((rc = db_step(stmt)) < 0)
		fatalx("keys.db can't be read");
	same = rc == 1 && sqlite3_column_bytes(stmt, 0) == DIGEST_LEN &&
	    secret_cmp(sqlite3_column_blob(stmt, 0), value, DIGEST_LEN) == 0;
	sqlite3_reset(stmt);
	return (same);
}

int
records_remember(const char *name, const uint8_t value[DIGEST_LEN])
{
	sqlite3_stmt	*stmt = db_statement(ST_META_PUT);

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 2, value, DIGEST_LEN, SQLITE_STATIC);
	return (db_step(stmt));
}

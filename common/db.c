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

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>

#include "db.h"
#include "log.h"
#include "process.h"

/* At start another process may be migrating or checkpointing. */
#define OPEN_PATIENCE_MS	20000

enum own { OWN_BEGIN, OWN_COMMIT, OWN_ROLLBACK, OWN_MAX };

static const char *const own_texts[OWN_MAX] = {
	[OWN_BEGIN] = "BEGIN IMMEDIATE",
	[OWN_COMMIT] = "COMMIT",
	[OWN_ROLLBACK] = "ROLLBACK",
};

static const struct db_form	*form;
static sqlite3			*db;
static sqlite3_stmt		*own[OWN_MAX];
static sqlite3_stmt		**statements;

/* --- opening ----------------------------------------------------------- */

static void
db_must(const char *what)
{
	char	*why = NULL;

	if (sqlite3_exec(db, what, NULL, NULL, &why) != SQLITE_OK)
		fatalx("%s: %s", form->name, why != NULL ? why : "no memory");
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
		fatalx("%s: %s", form->name, sqlite3_errmsg(db));
	return (version);
}

static int
db_migrate(void)
{
	char	 text[64];
	int	 came, version;

	/* The lock is taken in any case: it opens all files of the WAL. */
	db_must("BEGIN IMMEDIATE");
	if ((came = db_schema()) > form->schema)
		fatalx("%s is of a newer kbsd (schema %d, known is %d)",
		    form->name, came, form->schema);
	for (version = came; version < form->schema; version++) {
		db_must(form->migrations[version]);
		snprintf(text, sizeof(text), "PRAGMA user_version = %d",
		    version + 1);
		db_must(text);
	}
	db_must("COMMIT");
	return (came);
}

static void
db_prepare(sqlite3_stmt **stmt, const char *const *texts, int n)
{
	int	 i;

	for (i = 0; i < n; i++)
		if (sqlite3_prepare_v3(db, texts[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &stmt[i], NULL) != SQLITE_OK)
			fatalx("%s: %s", form->name, sqlite3_errmsg(db));
}

int
db_open(const struct db_form *f)
{
	int	 came;

	form = f;
	/*
	 * Answers an error when it has been told already: tests do that.  A
	 * module may use the library too, and want its locks.
	 */
	if (!self.module)
		(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	umask(077);
	if (sqlite3_open_v2(form->name, &db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
		fatalx("%s: %s", form->name, db == NULL ? "no memory" :
		    sqlite3_errmsg(db));
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, OPEN_PATIENCE_MS);
	db_must("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
	    "PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON;");
	came = db_migrate();
	if ((statements = calloc((size_t)form->ntexts,
	    sizeof(statements[0]))) == NULL)
		fatal("%s", form->name);
	db_prepare(statements, form->texts, form->ntexts);
	db_prepare(own, own_texts, OWN_MAX);
	return (came);
}

void
db_ready(void)
{
	sqlite3_busy_timeout(db, 0);
}

/* --- statements --------------------------------------------------------- */

sqlite3_stmt *
db_statement(int n)
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
		log_warnx("%s: %s (%d)", form->name, sqlite3_errmsg(db), rc);
	sqlite3_reset(stmt);
	if (rc == SQLITE_DONE)
		return (0);
	return ((rc & 0xff) == SQLITE_BUSY ? DB_BUSY : DB_FAILED);
}

void
bind_uuid(sqlite3_stmt *stmt, int n, const struct uuid *u)
{
	sqlite3_bind_blob(stmt, n, u->b, sizeof(u->b), SQLITE_STATIC);
}

/* --- transactions ------------------------------------------------------- */

int
db_changes(void)
{
	return (sqlite3_changes(db));
}

int
db_begin(void)
{
	return (db_step(own[OWN_BEGIN]));
}

int
db_commit(void)
{
	return (db_step(own[OWN_COMMIT]));
}

/* A full disk may have ended it already. */
void
db_undo(void)
{
	if (sqlite3_get_autocommit(db) == 0 && db_step(own[OWN_ROLLBACK]) != 0)
		fatalx("%s: a transaction can't be undone", form->name);
}

int
db_checkpoint(void)
{
	return (sqlite3_wal_checkpoint_v2(db, NULL,
	    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK ? 0 :
	    DB_BUSY);
}

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
 * The one SQLite database of a process: opening, schema, statements.  Nothing
 * waits inside SQLite once the process runs: a busy database is an answer,
 * and who asked tries again.
 */
#ifndef DB_H
#define DB_H

#include <sqlite3.h>

#include "uuid.h"

/* What is there for as long as the process is. */
struct db_form {
	const char		*name;		/* of the file */
	const char *const	*migrations;	/* [n]: schema n to n + 1 */
	int			 schema;	/* how many these are */
	const char *const	*texts;		/* of the statements */
	int			 ntexts;
};

#define DB_BUSY		(-1)	/* another process writes: try again */
#define DB_FAILED	(-2)	/* disk full, I/O error: logged */

/*
 * Make or migrate the file; dies on failure.  Waits up to 20 s for what
 * another process does with it.  Returns the schema that it came with.
 */
int		 db_open(const struct db_form *);
/* From now on nothing waits. */
void		 db_ready(void);

/* The n-th of the texts, reset and without values. */
sqlite3_stmt	*db_statement(int n);
/*
 * SQLITE_ROW is 1, SQLITE_DONE 0, else DB_*.  After all but 1 the statement
 * is reset.
 */
int		 db_step(sqlite3_stmt *);
/* How many rows the last change was of. */
int		 db_changes(void);
/* What is bound must stay until the statement was stepped. */
void		 bind_uuid(sqlite3_stmt *, int n, const struct uuid *);

/* 0 or DB_*. */
int		 db_begin(void);
int		 db_commit(void);
/* Undo what was begun and not committed, if anything; dies on failure. */
void		 db_undo(void);

/*
 * Write all of the log (WAL) into the file and empty it.  0, or DB_BUSY: while
 * another process reads or writes.
 */
int		 db_checkpoint(void);

#endif

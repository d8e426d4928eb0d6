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
 * The keystore that needs nothing installed: an SQLite file whose rows hold
 * the material in a box (box.c) and the newest sealed record of each key,
 * which is how an older one, shown again by who keeps the records, is known.
 *
 * The row of a deleted key that was for attestation only stays, without
 * material, so that its id never comes back without the mark.
 */

#include <sys/stat.h>

#include <errno.h>
#include <event2/event.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "digest.h"
#include "kms.h"
#include "log.h"
#include "secret.h"

#define OPEN_PATIENCE_MS	20000
#define BUSY_RETRY_MS		3

/* A key that was made can be undone so long, by who never saw its seal. */
#define UNDO_SECONDS		900

/* What a step answers besides enum done_result. */
#define LOCAL_BUSY		(-1)

static const char *const migrations[] = {
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)"
	    " WITHOUT ROWID;"
	"CREATE TABLE keys (id BLOB PRIMARY KEY, serial INTEGER NOT NULL,"
	    " record BLOB NOT NULL, box BLOB) WITHOUT ROWID;",
};

#define SCHEMA_VERSION	((int)(sizeof(migrations) / sizeof(migrations[0])))

enum statement {
	ST_BEGIN, ST_COMMIT, ST_ROLLBACK, ST_FIND, ST_INSERT, ST_RESEAL,
	ST_DELETE, ST_BURY, ST_COUNT, ST_ANY, ST_META_GET, ST_META_PUT,
	ST_MAX
};

static const char *const texts[ST_MAX] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_FIND] = "SELECT record, box FROM keys WHERE id = ?1",
	[ST_INSERT] = "INSERT INTO keys (id, serial, record, box)"
	    " VALUES (?1, ?2, ?3, ?4)",
	[ST_RESEAL] = "UPDATE keys SET serial = ?2, record = ?3"
	    " WHERE id = ?1",
	[ST_DELETE] = "DELETE FROM keys WHERE id = ?1",
	[ST_BURY] = "UPDATE keys SET box = NULL WHERE id = ?1",
	[ST_COUNT] = "SELECT count(*) FROM keys",
	[ST_ANY] = "SELECT record FROM keys LIMIT 1",
	[ST_META_GET] = "SELECT value FROM meta WHERE name = ?1",
	[ST_META_PUT] = "INSERT OR REPLACE INTO meta (name, value)"
	    " VALUES (?1, ?2)",
};

/* What a step found out. */
struct outcome {
	const char		*reason;
	struct key_record	 record;
	int			 has_record;
	size_t			 len;		/* of material in plain */
};

static sqlite3			*db;
static sqlite3_stmt		*statements[ST_MAX];
static const uint8_t		*master;
static int			 masterfd = -1;
static uint8_t			*plain;		/* MATERIAL_MAX, secret */
static TAILQ_HEAD(, job)	 queue = TAILQ_HEAD_INITIALIZER(queue);
static struct event		*retry;
static uint64_t			 count_busy;

static sqlite3_stmt *
statement(enum statement n)
{
	sqlite3_reset(statements[n]);
	sqlite3_clear_bindings(statements[n]);
	return (statements[n]);
}

/* 1: a row; 0: done; LOCAL_BUSY; else -2, logged. */
static int
step(sqlite3_stmt *stmt)
{
	int	 rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return (1);
	if (rc != SQLITE_DONE && (rc & 0xff) != SQLITE_BUSY)
		log_warnx("keys.db: %s (%d)", sqlite3_errmsg(db), rc);
	sqlite3_reset(stmt);
	if (rc == SQLITE_DONE)
		return (0);
	return ((rc & 0xff) == SQLITE_BUSY ? LOCAL_BUSY : -2);
}

static int
failed(int rc, struct outcome *out)
{
	if (rc == LOCAL_BUSY)
		return (LOCAL_BUSY);
	out->reason = "the key database failed";
	return (DONE_UNAVAILABLE);
}

static void
bind_id(sqlite3_stmt *stmt, const struct uuid *id)
{
	sqlite3_bind_blob(stmt, 1, id->b, sizeof(id->b), SQLITE_STATIC);
}

/* --- opening ----------------------------------------------------------- */

static void
local_must(const char *what)
{
	char	*why = NULL;

	if (sqlite3_exec(db, what, NULL, NULL, &why) != SQLITE_OK)
		fatalx("keys.db: %s", why != NULL ? why : "no memory");
}

static int
local_schema(void)
{
	sqlite3_stmt	*stmt;
	int		 version = -1;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt,
	    NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	if (version < 0)
		fatalx("keys.db: %s", sqlite3_errmsg(db));
	return (version);
}

static void
local_migrate(void)
{
	char	 text[64];
	int	 version;

	/* The lock is taken in any case: it opens all files of the WAL. */
	local_must("BEGIN IMMEDIATE");
	if ((version = local_schema()) > SCHEMA_VERSION)
		fatalx("keys.db is of a newer kbsd (schema %d, known is %d)",
		    version, SCHEMA_VERSION);
	for (; version < SCHEMA_VERSION; version++) {
		local_must(migrations[version]);
		snprintf(text, sizeof(text), "PRAGMA user_version = %d",
		    version + 1);
		local_must(text);
	}
	local_must("COMMIT");
}

static int
local_count(void)
{
	int	 n;

	if (step(statement(ST_COUNT)) != 1)
		fatalx("keys.db can't be read");
	n = sqlite3_column_int(statements[ST_COUNT], 0);
	sqlite3_reset(statements[ST_COUNT]);
	return (n);
}

/* Is anything sealed there? */
static int
local_open(void)
{
	int	 i;

	/* Answers an error when it has been told already: tests do that. */
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	umask(077);
	if (sqlite3_open_v2("keys.db", &db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
		fatalx("keys.db: %s", db == NULL ? "no memory" :
		    sqlite3_errmsg(db));
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, OPEN_PATIENCE_MS);
	local_must("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
	    "PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON;");
	local_migrate();
	for (i = 0; i < ST_MAX; i++)
		if (sqlite3_prepare_v3(db, texts[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &statements[i], NULL) !=
		    SQLITE_OK)
			fatalx("keys.db: %s", sqlite3_errmsg(db));
	if ((plain = secret_alloc(MATERIAL_MAX)) == NULL)
		fatal("secret memory");
	return (local_count() > 0);
}

/* Likewise the seal key; one record tells. */
static void
local_check_seal(void)
{
	struct key_record	 record;
	struct rbuf		 r;
	sqlite3_stmt		*stmt = statement(ST_ANY);

	if (step(stmt) != 1)
		return;
	rb_init(&r, sqlite3_column_blob(stmt, 0),
	    (size_t)sqlite3_column_bytes(stmt, 0));
	rb_key_record(&r, &record);
	if (rb_end(&r) == -1 || !seal_fits(&record))
		fatalx("the seal key is not the one that the records of "
		    "keys.db were sealed with");
	sqlite3_reset(stmt);
}

/*
 * The master key must be the one that the boxes were made with, or each key
 * would fail by itself later.
 */
static void
local_check_master(int sealed)
{
	uint8_t		 check[DIGEST_LEN];
	sqlite3_stmt	*stmt;
	int		 same, rc;

	derive_key(check, master, MASTER_KEY_LEN, "kbsd master key check 1");
	stmt = statement(ST_META_GET);
	sqlite3_bind_text(stmt, 1, "master", -1, SQLITE_STATIC);
	if ((rc = step(stmt)) < 0)
		fatalx("keys.db can't be read");
	same = rc == 1 && sqlite3_column_bytes(stmt, 0) == DIGEST_LEN &&
	    secret_cmp(sqlite3_column_blob(stmt, 0), check, DIGEST_LEN) == 0;
	sqlite3_reset(stmt);
	if (same)
		return;
	if (sealed)
		fatalx("the master key is not the one that keys.db was "
		    "sealed with");
	stmt = statement(ST_META_PUT);
	sqlite3_bind_text(stmt, 1, "master", -1, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 2, check, DIGEST_LEN, SQLITE_STATIC);
	if (step(stmt) != 0)
		fatalx("keys.db can't be written");
}

static void
local_master(void)
{
	struct stat	 st;
	int		 made, sealed;

	sealed = local_count() > 0;
	if (masterfd == -1)
		fatalx("no master key file");
	if (fstat(masterfd, &st) == -1)
		fatal("master key file");
	if (sealed && st.st_size == 0)
		fatalx("the master key file is missing or empty, but keys.db "
		    "holds sealed keys: bring back the file, none is made");
	master = secret_read_or_make(masterfd, MASTER_KEY_LEN, &made);
	if (master == NULL)
		fatal("master key file (it must hold %d bytes)",
		    MASTER_KEY_LEN);
	if (made)
		log_info("made a master key");
	close(masterfd);
	masterfd = -1;
	local_check_master(sealed);
	local_check_seal();
}

/* --- steps: each answers DONE_* or LOCAL_BUSY -------------------------- */

/*
 * Our own record of the job's key.  1: there it is (and the statement stays
 * at its row, with the box); 0: none.
 */
static int
local_find(const struct job *job, sqlite3_stmt **stmt,
    struct key_record *newest)
{
	struct rbuf	 r;
	int		 rc;

	*stmt = statement(ST_FIND);
	bind_id(*stmt, &job->record.id);
	if ((rc = step(*stmt)) != 1)
		return (rc);
	rb_init(&r, sqlite3_column_blob(*stmt, 0),
	    (size_t)sqlite3_column_bytes(*stmt, 0));
	rb_key_record(&r, newest);
	if (rb_end(&r) == 0 && seal_fits(newest))
		return (1);
	log_warnx("keys.db: a record was changed");
	sqlite3_reset(*stmt);
	return (-2);
}

/*
 * Is what we were shown the newest?  Two seals of one serial can only be when
 * this database was set back; then what it holds now counts.  A higher
 * serial than ours means the same, and is ours by its seal.
 */
static int
local_newest(const struct job *job, const struct key_record *newest,
    struct outcome *out)
{
	if (job->fits && job->record.serial > newest->serial) {
		log_warnx("keys.db is older than the record of a key: was it "
		    "restored from a copy?");
		return (1);
	}
	/*
	 * A key on its way to another policy may name that one already, so
	 * its seal need not fit; what is changed is our own record then.
	 */
	if ((job->fits || job->type != IMSG_KMS_FETCH) &&
	    job->record.serial == newest->serial &&
	    secret_cmp(job->record.seal, newest->seal, DIGEST_LEN) == 0)
		return (1);
	out->reason = job->fits ? "an older record was shown" :
	    "the seal of the record does not fit";
	out->record = *newest;
	out->has_record = 1;
	return (0);
}

static int
local_fetch(struct job *job, struct outcome *out)
{
	struct key_record	 newest;
	sqlite3_stmt		*stmt;
	const uint8_t		*box;
	size_t			 len;
	int			 rc, ret = DONE_REFUSED;

	out->reason = "there is no such key";
	if ((rc = local_find(job, &stmt, &newest)) != 1)
		return (rc == 0 ? DONE_NONE : failed(rc, out));
	box = sqlite3_column_blob(stmt, 1);
	len = (size_t)sqlite3_column_bytes(stmt, 1);
	if (!local_newest(job, &newest, out))
		ret = DONE_STALE;
	else if (box == NULL)
		ret = DONE_NONE;
	else if (len < BOX_MORE || len > MATERIAL_MAX + BOX_MORE ||
	    box_open(plain, master, &job->record, box, len) == -1)
		out->reason = "the material in keys.db was changed";
	else {
		out->len = len - BOX_MORE;
		ret = DONE_OK;
	}
	sqlite3_reset(stmt);
	return (ret);
}

static int
local_put(enum statement n, const struct key_record *record,
    const uint8_t *box, size_t len)
{
	struct wbuf	 w = { 0 };
	sqlite3_stmt	*stmt = statement(n);
	int		 rc = -2;

	wb_key_record(&w, record);
	if (!w.failed) {
		bind_id(stmt, &record->id);
		sqlite3_bind_int64(stmt, 2, (sqlite3_int64)record->serial);
		sqlite3_bind_blob(stmt, 3, w.data, (int)w.len, SQLITE_STATIC);
		if (box != NULL)
			sqlite3_bind_blob(stmt, 4, box, (int)len,
			    SQLITE_STATIC);
		rc = step(stmt);
	}
	wb_free(&w);
	return (rc);
}

static int
local_store(struct job *job, struct outcome *out)
{
	static uint8_t		 box[MATERIAL_MAX + BOX_MORE];
	struct key_record	 record = job->record, newest;
	char			 id[UUID_TEXT];
	sqlite3_stmt		*stmt;
	int			 rc;

	uuid_format(&record.id, id);
	out->reason = "this keystore has no keys but those given to it";
	if (job->materiallen == 0 ||
	    (record.backend[0] != '\0' && strcmp(record.backend, id) != 0))
		return (DONE_INVALID);
	if ((rc = local_find(job, &stmt, &newest)) != 0) {
		sqlite3_reset(stmt);
		out->reason = "there is, or was, a key of this id";
		return (rc == 1 ? DONE_REFUSED : failed(rc, out));
	}
	strlcpy(record.backend, id, sizeof(record.backend));
	record.serial = 1;
	record.created = time(NULL);	/* ours: undoable() asks for it */
	if (seal_make(&record) == -1 || box_seal(box, master, &record,
	    job->material, job->materiallen) == -1)
		return (failed(-2, out));
	rc = local_put(ST_INSERT, &record, box, job->materiallen + BOX_MORE);
	if (rc != 0)
		return (failed(rc, out));
	out->record = record;
	out->has_record = 1;
	return (DONE_OK);
}

static int
local_reseal(struct job *job, struct outcome *out)
{
	struct key_record	 newest, record;
	sqlite3_stmt		*stmt;
	int			 rc, box;

	out->reason = "there is no such key";
	if ((rc = local_find(job, &stmt, &newest)) != 1)
		return (rc == 0 ? DONE_NONE : failed(rc, out));
	box = sqlite3_column_type(stmt, 1) != SQLITE_NULL;
	sqlite3_reset(stmt);
	if (!box)
		return (DONE_NONE);
	if (!local_newest(job, &newest, out))
		return (DONE_STALE);
	if ((newest.flags & KEY_ATTESTED_ONLY) != 0) {
		out->reason = "a key released on attestation only is never "
		    "moved";
		return (DONE_REFUSED);
	}
	record = job->record.serial > newest.serial ? job->record : newest;
	record.policy = job->policy;
	memcpy(record.policy_digest, job->policy_digest, DIGEST_LEN);
	record.serial++;
	if (record.serial == 0 || seal_make(&record) == -1)
		return (failed(-2, out));
	if ((rc = local_put(ST_RESEAL, &record, NULL, 0)) != 0)
		return (failed(rc, out));
	out->record = record;
	out->has_record = 1;
	return (DONE_OK);
}

/*
 * The record of a key whose making was cut short has no seal yet.  But so had
 * every key's: who kept that record, and the intent, must not undo one that
 * is long in use.
 */
static int
undoable(const struct key_record *record, const struct key_record *newest)
{
	static const uint8_t	 zero[DIGEST_LEN];
	int64_t			 now = time(NULL);

	return (record->serial == 0 &&
	    secret_cmp(record->seal, zero, DIGEST_LEN) == 0 &&
	    newest->serial == 1 && newest->created <= now &&
	    newest->created > now - UNDO_SECONDS);
}

/* What is not there is as good as deleted: a second try must succeed. */
static int
local_remove(struct job *job, struct outcome *out)
{
	struct key_record	 newest;
	sqlite3_stmt		*stmt;
	int			 rc;

	if ((rc = local_find(job, &stmt, &newest)) != 1)
		return (rc == 0 ? DONE_OK : failed(rc, out));
	sqlite3_reset(stmt);
	if (!undoable(&job->record, &newest) &&
	    !local_newest(job, &newest, out))
		return (DONE_STALE);
	stmt = statement((newest.flags & KEY_ATTESTED_ONLY) != 0 ? ST_BURY :
	    ST_DELETE);
	bind_id(stmt, &job->record.id);
	if ((rc = step(stmt)) != 0)
		return (failed(rc, out));
	return (DONE_OK);
}

/* A step in a transaction of its own; what it says is true once synced. */
static int
local_write(struct job *job, struct outcome *out,
    int (*fn)(struct job *, struct outcome *))
{
	int	 rc, ret;

	if ((rc = step(statement(ST_BEGIN))) != 0)
		return (failed(rc, out));
	ret = fn(job, out);
	if (ret == DONE_OK && (rc = step(statement(ST_COMMIT))) != 0)
		ret = failed(rc, out);
	/* A full disk may have ended it already. */
	if (sqlite3_get_autocommit(db) == 0 &&
	    step(statement(ST_ROLLBACK)) != 0)
		fatalx("keys.db: a transaction can't be undone");
	return (ret);
}

/* --- jobs -------------------------------------------------------------- */

static int
local_work(struct job *job, struct outcome *out)
{
	memset(out, 0, sizeof(*out));
	switch (job->type) {
	case IMSG_KMS_FETCH:
		return (local_fetch(job, out));
	case IMSG_KMS_STORE:
		return (local_write(job, out, local_store));
	case IMSG_KMS_RESEAL:
		return (local_write(job, out, local_reseal));
	default:
		return (local_write(job, out, local_remove));
	}
}

/* Work through the queue, until the database is another's for a moment. */
static void
local_run(int fd, short what, void *arg)
{
	struct timeval	 tv = { 0, BUSY_RETRY_MS * 1000 };
	struct outcome	 out;
	struct job	*job;
	int		 rc, removed;

	(void)fd;
	(void)what;
	(void)arg;
	while ((job = TAILQ_FIRST(&queue)) != NULL) {
		if ((rc = local_work(job, &out)) == LOCAL_BUSY) {
			count_busy++;
			event_add(retry, &tv);
			return;
		}
		removed = job->type == IMSG_KMS_DELETE && rc == DONE_OK;
		TAILQ_REMOVE(&queue, job, queue);
		job_done(job, (enum done_result)rc, out.reason,
		    out.has_record ? &out.record : NULL, plain, out.len);
		explicit_bzero(plain, out.len);
		/* So that its box does not live on in the WAL. */
		if (removed)
			sqlite3_wal_checkpoint_v2(db, NULL,
			    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	}
}

static void
local_take(struct job *job)
{
	int	 first = TAILQ_EMPTY(&queue);

	TAILQ_INSERT_TAIL(&queue, job, queue);
	if (first)
		local_run(-1, 0, NULL);
}

static void
local_cancel(struct job *job)
{
	TAILQ_REMOVE(&queue, job, queue);
}

static int
local_config(struct rbuf *r)
{
	return (rb_end(r));
}

static int
local_descriptor(uint32_t role, int fd)
{
	if (role != FD_MASTER_KEY || masterfd != -1)
		return (-1);
	masterfd = fd;
	return (0);
}

static void
local_ready(void)
{
	local_master();
	sqlite3_busy_timeout(db, 0);
	if ((retry = event_new(base, -1, 0, local_run, NULL)) == NULL)
		fatalx("no memory for events");
}

void
local_close(void)
{
	int	 i;

	for (i = 0; i < ST_MAX; i++)
		sqlite3_finalize(statements[i]);
	sqlite3_close(db);
	secret_free(plain);
	event_free(retry);
}

static void
local_counters(struct wbuf *w)
{
	wb_str(w, "busy");
	wb_u64(w, count_busy);
}

const struct backend backend_local = {
	.name = "local",
	.keeps_serials = 1,
	.config = local_config,
	.descriptor = local_descriptor,
	.open = local_open,
	.ready = local_ready,
	.fetch = local_take,
	.store = local_take,
	.reseal = local_take,
	.remove = local_take,
	.cancel = local_cancel,
	.counters = local_counters,
};

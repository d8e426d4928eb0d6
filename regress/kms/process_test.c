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

/* The kms program itself; the test is its parent, engine, maker and audit. */
#include <sys/stat.h>

#include <atf-c.h>
#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "play.h"
#include "envelope.h"
#include "standin.h"

/* A new master key, for the next start; who backups are for. */
static const char	*second, *recipient;

static void
kms_begin(void)
{
	struct wbuf	 w = { 0 };

	mkdir("d", 0700);
	ATF_REQUIRE(getcwd(dir, sizeof(dir) - 2) != NULL);
	strlcat(dir, "/d", sizeof(dir));
	kms = child_start("kms", PROC_KMS, 0, 0, dir);
	wb_str(&w, "main");
	wb_u8(&w, KEYSTORE_LOCAL);
	wb_u32(&w, 0);
	child_config(kms, &w);
	child_descriptor(kms, FD_SEAL_KEY, key_file("seal"));
	child_descriptor(kms, FD_MASTER_KEY, key_file("master"));
	if (second != NULL)
		child_descriptor(kms, FD_MASTER_KEY_NEW, key_file(second));
	if (recipient != NULL)
		child_descriptor(kms, FD_BACKUP_RECIPIENT,
		    key_file(recipient));
	memset(wrapping, 'w', sizeof(wrapping));
}

ATF_TC_WITHOUT_HEAD(store_fetch);
ATF_TC_BODY(store_fetch, tc)
{
	struct key_record	 k;
	char			 id[UUID_TEXT];

	kms_start();
	new_record(&k, 0);
	number++;
	ask_store(OP_KEY_CREATE, &k);
	ATF_CHECK(peer_silent(maker, 300));
	tell(OP_KEY_CREATE, &k, k.policy_digest, zero);
	ATF_REQUIRE_EQ(DONE_OK, answer(maker, IMSG_ENGINE_STORED, &k));
	ATF_CHECK_EQ(1, k.serial);
	ATF_CHECK_STREQ(uuid_format(&k.id, id), k.backend);
	/* Either may come first. */
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, patience);
	ATF_CHECK(peer_silent(engine, 300));
	tell(OP_TRANSFER, &k, k.policy_digest, wrapping);
	ATF_CHECK_EQ(DONE_OK, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	number++;
	tell(OP_TRANSFER, &k, k.policy_digest, wrapping);
	usleep(50000);
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, patience);
	ATF_CHECK_EQ(DONE_OK, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	/* On a grant, whatever policy it names. */
	number++;
	ask_fetch(OP_KEY_RELEASE, HALF_GRANT, &k, zero, patience);
	tell(OP_KEY_RELEASE, &k, zero, wrapping);
	ATF_CHECK_EQ(DONE_OK, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	/* The same key twice. */
	new_record(&k, 0);
	ATF_CHECK_EQ(DONE_OK, do_store(&k));
	k.serial = 0;
	memset(k.seal, 0, DIGEST_LEN);
	ATF_CHECK_EQ(DONE_REFUSED, do_store(&k));
	kms_end();
}

ATF_TC_WITHOUT_HEAD(checked);
ATF_TC_BODY(checked, tc)
{
	struct key_record	 k;
	char			 state[REASON_TEXT_MAX];

	kms_start();
	ATF_CHECK_EQ(1, check(0, state, sizeof(state)));
	ATF_CHECK_STREQ("not asked yet", state);
	ATF_CHECK_EQ(1, check(1, state, sizeof(state)));
	ATF_CHECK_STREQ("a key was put, got and removed", state);
	/* Nothing is left of it. */
	made(&k, 0);
	run("test \"$(sqlite3 d/keys.db 'SELECT count(*) FROM keys')\" = 1");
	ATF_CHECK_EQ(1, check(0, state, sizeof(state)));
	ATF_CHECK_STREQ("answers", state);
	kms_end();
}

ATF_TC_WITHOUT_HEAD(no_line_no_key);
ATF_TC_BODY(no_line_no_key, tc)
{
	struct key_record	 k;

	kms_start();
	made(&k, 0);
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, 4000);
	ATF_CHECK(peer_silent(engine, 200));
	ATF_CHECK_EQ(DONE_TIMEOUT, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	/* It comes too late. */
	tell(OP_TRANSFER, &k, k.policy_digest, wrapping);
	ATF_CHECK(peer_silent(engine, 200));
	/* A line serves once. */
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, 300);
	ATF_CHECK_EQ(DONE_TIMEOUT, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	/* A second request of the same name while the first waits. */
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, patience);
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, patience);
	ATF_CHECK_EQ(DONE_REFUSED, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	/* Audit ends: nobody will tell. */
	peer_close(audit);
	ATF_CHECK_EQ(DONE_TIMEOUT, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	audit = child_edge(kms, PROC_AUDIT, 0, 0);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
}

/* Whoever reads keys.db keeps its WAL; that goes when he ends. */
ATF_TC_WITHOUT_HEAD(read_beside);
ATF_TC_BODY(read_beside, tc)
{
	struct key_record	 k;
	struct stat		 st;
	sqlite3			*db;
	int			 i;

	kms_start();
	made(&k, 0);
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_open("d/keys.db", &db));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "BEGIN; SELECT count(*) "
	    "FROM keys", NULL, NULL, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_REQUIRE_EQ(0, stat("d/keys.db-wal", &st));
	ATF_CHECK(st.st_size > 0);
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "COMMIT", NULL, NULL,
	    NULL));
	for (i = 0; i < AGES / 100 && stat("d/keys.db-wal", &st) == 0 &&
	    st.st_size > 0; i++)
		usleep(100000);
	ATF_CHECK_EQ(0, st.st_size);
	sqlite3_close(db);
	kms_end();
}

/* What piled up while kms was held up is not done for nobody. */
ATF_TC_WITHOUT_HEAD(held_up);
ATF_TC_BODY(held_up, tc)
{
	struct key_record	 k;

	kms_start();
	made(&k, 0);
	hold_still(child_pid(kms));
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, 100);
	tell(OP_TRANSFER, &k, k.policy_digest, wrapping);
	usleep(200000);
	ATF_REQUIRE_EQ(0, kill(child_pid(kms), SIGCONT));
	ATF_CHECK_EQ(DONE_TIMEOUT, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
}

ATF_TC_WITHOUT_HEAD(other_line);
ATF_TC_BODY(other_line, tc)
{
	struct key_record	 k, other;
	uint8_t			 d[DIGEST_LEN];

	kms_start();
	made(&k, 0);
	made(&other, 0);
	memset(d, 'x', sizeof(d));
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, patience);
	tell(OP_TRANSFER, &k, k.policy_digest, d);
	ATF_CHECK_EQ(DONE_REFUSED, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	ATF_CHECK(child_logged(kms, "another wrapping key", AGES));
	number++;
	tell(OP_TRANSFER, &k, d, wrapping);
	usleep(50000);
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, patience);
	ATF_CHECK_EQ(DONE_REFUSED, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, patience);
	tell(OP_TRANSFER, &other, k.policy_digest, wrapping);
	ATF_CHECK_EQ(DONE_REFUSED, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	/* Of another operation: it finds nobody. */
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, 300);
	tell(OP_KEY_RELEASE, &k, k.policy_digest, wrapping);
	ATF_CHECK_EQ(DONE_TIMEOUT, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	/* The verdict is by another policy. */
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, d, patience);
	tell(OP_TRANSFER, &k, d, wrapping);
	ATF_CHECK_EQ(DONE_REFUSED, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	ATF_CHECK(child_logged(kms, "by another policy", AGES));
	kms_end();
}

ATF_TC_WITHOUT_HEAD(changed_record);
ATF_TC_BODY(changed_record, tc)
{
	struct key_record	 k, bad, other;
	size_t			 i;

	kms_start();
	made(&k, KEY_ATTESTED_ONLY);
	made(&other, 0);
	for (i = 0; i < 11; i++) {
		bad = k;
		switch (i) {
		case 0: bad.version++; break;
		case 1: strlcpy(bad.keystore, "other", NAME_MAX_STORE); break;
		case 2: bad.backend[0] ^= 1; break;
		case 3: bad.length = 256; break;
		case 4: bad.flags = 0; break;
		case 5: bad.serial++; break;
		case 6: bad.policy.b[0] ^= 1; break;
		case 7: bad.policy_digest[0] ^= 1; break;
		case 8: bad.seal[0] ^= 1; break;
		case 9: bad.id = other.id; break;
		case 10: memcpy(bad.seal, other.seal, DIGEST_LEN); break;
		}
		ATF_CHECK_EQ_MSG(DONE_REFUSED, do_fetch(&bad, NULL),
		    "change %zu", i);
	}
	ATF_CHECK(child_logged(kms, "seal of the record does not fit", AGES));
	/* What the seal does not cover does not matter. */
	bad = k;
	bad.created++;
	bad.row_version = 77;
	bad.state = KEY_MOVING;
	ATF_CHECK_EQ(DONE_OK, do_fetch(&bad, NULL));
	kms_end();
}

ATF_TC_WITHOUT_HEAD(attested_only);
ATF_TC_BODY(attested_only, tc)
{
	struct key_record	 k, bad;
	struct uuid		 policy;

	kms_start();
	made(&k, KEY_ATTESTED_ONLY);
	uuid_make(&policy);
	number++;
	ask_fetch(OP_KEY_RELEASE, HALF_GRANT, &k, k.policy_digest, patience);
	tell(OP_KEY_RELEASE, &k, k.policy_digest, wrapping);
	ATF_CHECK_EQ(DONE_REFUSED, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	bad = k;
	ATF_CHECK_EQ(DONE_REFUSED, do_move(&bad, &policy, 'n'));
	/* Moved without the mark: our own record has it. */
	bad = k;
	bad.flags = 0;
	ATF_CHECK_EQ(DONE_REFUSED, do_move(&bad, &policy, 'n'));
	bad.seal[0] ^= 1;
	ATF_CHECK_EQ(DONE_STALE, do_move(&bad, &policy, 'n'));
	ATF_CHECK_EQ(KEY_ATTESTED_ONLY, bad.flags);
	ATF_CHECK_EQ(1, bad.serial);
	/* Registered once more without it, alive or deleted. */
	bad = k;
	bad.flags = 0;
	bad.serial = 0;
	memset(bad.seal, 0, DIGEST_LEN);
	ATF_CHECK_EQ(DONE_REFUSED, do_store(&bad));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(DONE_REFUSED, do_store(&bad));
	bad.backend[0] = '\0';
	ATF_CHECK_EQ(DONE_REFUSED, do_store(&bad));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	kms_end();
}

ATF_TC_WITHOUT_HEAD(move);
ATF_TC_BODY(move, tc)
{
	struct key_record	 k, old, newest;
	struct uuid		 policy;

	kms_start();
	made(&k, 0);
	old = k;
	uuid_make(&policy);
	ATF_REQUIRE_EQ(DONE_OK, do_move(&k, &policy, 'n'));
	ATF_CHECK_EQ(2, k.serial);
	ATF_CHECK_EQ(0, uuid_cmp(&policy, &k.policy));
	ATF_CHECK_EQ('n', k.policy_digest[0]);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	/* The old record is not good any more, and says where the new is. */
	memset(&newest, 0, sizeof(newest));
	ATF_CHECK_EQ(DONE_STALE, do_fetch(&old, &newest));
	ATF_CHECK_EQ(0, memcmp(newest.seal, k.seal, DIGEST_LEN));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&newest, NULL));
	newest = old;
	ATF_CHECK_EQ(DONE_STALE, do_move(&newest, &policy, 'n'));
	ATF_CHECK_EQ(2, newest.serial);
	memset(&newest, 0, sizeof(newest));
	ATF_CHECK_EQ(DONE_STALE, do_remove(&old, &newest));
	ATF_CHECK_EQ(2, newest.serial);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	/* On its way it may name the new policy; the rest is our own. */
	old = k;
	uuid_make(&policy);
	k.policy = policy;
	memset(k.policy_digest, 'm', DIGEST_LEN);
	k.length = 256;
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&k, NULL));
	ATF_REQUIRE_EQ(DONE_OK, do_move(&k, &policy, 'm'));
	ATF_CHECK_EQ(3, k.serial);
	ATF_CHECK_EQ(128, k.length);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	/* A key there is not. */
	new_record(&old, 0);
	ATF_CHECK_EQ(DONE_NONE, do_move(&old, &policy, 'n'));
	kms_end();
}

ATF_TC_WITHOUT_HEAD(versions);
ATF_TC_BODY(versions, tc)
{
	kms_start();
	life_of_versions();
	/* Of the marked one the rows stay, without a byte of material. */
	run("test \"$(sqlite3 d/keys.db 'SELECT count(*) || \":\" || "
	    "total(length(box)) FROM versions')\" = 1:0.0");
	kms_end();
}

/* What comes of it in an envelope; NULL: it is refused. */
static const uint8_t *
do_backup(const struct key_record *k, uint32_t which, size_t *len)
{
	struct request_name	 name;
	static struct rbuf	 r;
	const uint8_t		*p;
	char			 reason[REASON_TEXT_MAX];
	int			 result;

	number++;
	wanted = which;
	ask_fetch(OP_KEY_BACKUP, HALF_GRANT, k, k->policy_digest, patience);
	wanted = 0;
	tell(OP_KEY_BACKUP, k, k->policy_digest, zero);
	peer_recv(engine, IMSG_ENGINE_FETCHED, &r, AGES);
	rb_name(&r, &name);
	result = rb_enum(&r, DONE_RESULT_MAX - 1);
	rb_str(&r, reason, sizeof(reason));
	p = rb_bytes(&r, len, 0, MATERIAL_MAX);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	return (result == DONE_OK ? p : NULL);
}

/* Also a marked key, for the recipient alone; each version by itself. */
ATF_TC_WITHOUT_HEAD(backup);
ATF_TC_BODY(backup, tc)
{
	static const char *const versions[] = { SECRET, SECOND, THIRD };
	struct key_record	 k, about;
	struct wbuf		 what = { 0 };
	EVP_PKEY		*pkey = EVP_RSA_gen(3072);
	BIO			*bio = BIO_new_file("recipient.pem", "w");
	const uint8_t		*p;
	uint8_t			*plain;
	size_t			 len, plainlen;
	uint32_t		 i;

	ATF_REQUIRE(PEM_write_bio_PUBKEY(bio, pkey) == 1);
	BIO_free(bio);
	kms_start();
	rotated(&k, KEY_ATTESTED_ONLY);
	ATF_CHECK(do_backup(&k, 1, &len) == NULL);
	ATF_CHECK(child_logged(kms, "names no backup recipient", AGES));
	kms_end();
	recipient = "recipient.pem";
	kms_start();
	for (i = 1; i <= 3; i++) {
		ATF_REQUIRE((p = do_backup(&k, i, &len)) != NULL);
		ATF_CHECK_EQ(GIVEN_KEY, p[0]);
		ATF_CHECK(memmem(p, len, versions[i - 1], 16) == NULL);
		about = k;
		about.version = i;
		wb_free(&what);
		envelope_about_key(&what, &about, GIVEN_KEY);
		plain = envelope_open(pkey, &what, p + 1, len - 1, &plainlen);
		ATF_REQUIRE(plain != NULL && plainlen == 16);
		ATF_CHECK(memcmp(plain, versions[i - 1], 16) == 0);
	}
	ATF_CHECK(do_backup(&k, 4, &len) == NULL);
	ATF_CHECK(do_backup(&k, 0, &len) == NULL);
	k.policy_digest[0] ^= 1;
	ATF_CHECK(do_backup(&k, 1, &len) == NULL);
	ATF_CHECK(child_logged(kms, "seal of the record does not fit", AGES));
	wb_free(&what);
	EVP_PKEY_free(pkey);
	kms_end();
}

/* What a backup has of another kind of keystore is nothing for this one. */
ATF_TC_WITHOUT_HEAD(given);
ATF_TC_BODY(given, tc)
{
	struct key_record	 k, bare;
	uint8_t			 box[64] = { 0 };

	kms_start();
	new_record(&bare, 0);
	ATF_CHECK_EQ(DONE_INVALID, do_give(OP_KEY_REGISTER, &bare, GIVEN_BOX,
	    box, sizeof(box)));
	ATF_CHECK_EQ(DONE_INVALID, do_give(OP_KEY_REGISTER, &bare, GIVEN_BOX,
	    box, 1));
	new_record(&bare, 0);
	ATF_CHECK_EQ(DONE_REFUSED, do_give(OP_KEY_REGISTER, &bare, GIVEN_ID,
	    "some-id", 7));
	made(&k, 0);
	bare = k;
	ATF_CHECK_EQ(DONE_INVALID, do_give(OP_KEY_ROTATE, &bare, GIVEN_ID,
	    "some-id", 7));
	ATF_CHECK_EQ(DONE_INVALID, do_give(OP_KEY_ROTATE, &bare, GIVEN_ID,
	    "a\0b", 3));
	ATF_CHECK_EQ(DONE_INVALID, do_give(OP_KEY_ROTATE, &bare, GIVEN_BOX,
	    box, sizeof(box)));
	ATF_CHECK_EQ(DONE_REFUSED, do_give(OP_KEY_ROTATE, &bare, GIVEN_ID,
	    "", 0));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	run("test \"$(sqlite3 d/keys.db 'SELECT count(*) FROM keys')\" = 1");
	kms_end();
}

ATF_TC_WITHOUT_HEAD(remove);
ATF_TC_BODY(remove, tc)
{
	struct key_record	 k, bare;

	kms_start();
	made(&k, 0);
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	/* One that was never finished has no seal to show. */
	new_record(&bare, 0);
	k = bare;
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	ATF_CHECK_EQ(DONE_OK, do_remove(&bare, NULL));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&bare, NULL));
	/* What is nowhere else can't be forgotten. */
	made(&k, 0);
	ATF_CHECK_EQ(DONE_INVALID, do_take_away(OP_KEY_FORGET, &k, &bare));
	ATF_CHECK_EQ(0, memcmp(k.seal, bare.seal, DIGEST_LEN));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	/* A seal that does not fit deletes nothing. */
	made(&k, 0);
	bare = k;
	bare.seal[3] ^= 1;
	ATF_CHECK_EQ(DONE_STALE, do_remove(&bare, &bare));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
}

/* A day passes for the one key that there is. */
static void
age_the_key(void)
{
	struct key_record	 k;
	sqlite3_stmt		*stmt;
	sqlite3			*db;
	struct wbuf		 w = { 0 };
	struct rbuf		 r;

	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_open("d/keys.db", &db));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_prepare_v2(db,
	    "SELECT record FROM keys", -1, &stmt, NULL));
	ATF_REQUIRE_EQ(SQLITE_ROW, sqlite3_step(stmt));
	rb_init(&r, sqlite3_column_blob(stmt, 0),
	    (size_t)sqlite3_column_bytes(stmt, 0));
	rb_key_record(&r, &k);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	sqlite3_finalize(stmt);
	k.created -= 24 * 60 * 60;
	wb_key_record(&w, &k);
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_prepare_v2(db,
	    "UPDATE keys SET record = ?1", -1, &stmt, NULL));
	sqlite3_bind_blob(stmt, 1, w.data, (int)w.len, SQLITE_STATIC);
	ATF_REQUIRE_EQ(SQLITE_DONE, sqlite3_step(stmt));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	wb_free(&w);
}

/* The record that each key began with is good for an undo only for a while. */
ATF_TC_WITHOUT_HEAD(undo_in_time);
ATF_TC_BODY(undo_in_time, tc)
{
	struct key_record	 k, bare, newest;
	struct uuid		 policy;

	kms_start();
	uuid_make(&policy);
	/* changed since */
	new_record(&bare, 0);
	k = bare;
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	ATF_REQUIRE_EQ(DONE_OK, do_move(&k, &policy, 'n'));
	memset(&newest, 0, sizeof(newest));
	ATF_CHECK_EQ(DONE_STALE, do_remove(&bare, &newest));
	ATF_CHECK_EQ(2, newest.serial);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&newest, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&newest, NULL));
	/* long in use: its record is what comes back */
	new_record(&bare, 0);
	bare.created = 4102444800;	/* whatever the broker says */
	k = bare;
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	kms_end();
	age_the_key();
	kms_start();
	memset(&newest, 0, sizeof(newest));
	ATF_CHECK_EQ(DONE_STALE, do_remove(&bare, &newest));
	ATF_CHECK_EQ(0, memcmp(newest.seal, k.seal, DIGEST_LEN));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&newest, NULL));
	kms_end();
}

/* What was answered is there after kill -9, and not in the clear. */
ATF_TC_WITHOUT_HEAD(kill);
ATF_TC_BODY(kill, tc)
{
	struct key_record	 k[20];
	struct dirent		*d;
	struct uuid		 policy;
	DIR			*dp;
	char			 path[512], buf[65536];
	size_t			 n;
	FILE			*fp;
	int			 i;

	kms_start();
	uuid_make(&policy);
	for (i = 0; i < 20; i++)
		made(&k[i], 0);
	ATF_CHECK_EQ(DONE_OK, do_move(&k[3], &policy, 'n'));
	ATF_REQUIRE_EQ(0, kill(child_pid(kms), SIGKILL));
	kms_end();
	kms_start();
	for (i = 0; i < 20; i++)
		ATF_CHECK_EQ(DONE_OK, do_fetch(&k[i], NULL));
	ATF_REQUIRE((dp = opendir("d")) != NULL);
	while ((d = readdir(dp)) != NULL) {
		snprintf(path, sizeof(path), "d/%s", d->d_name);
		if (d->d_name[0] == '.')
			continue;
		ATF_REQUIRE((fp = fopen(path, "r")) != NULL);
		while ((n = fread(buf, 1, sizeof(buf), fp)) > 0)
			ATF_CHECK(memmem(buf, n, SECRET, 16) == NULL);
		fclose(fp);
	}
	closedir(dp);
	ATF_CHECK(!child_logged(kms, SECRET, 0));
	kms_end();
}

static void
refused_start(const char *text)
{
	struct wbuf	 w = { 0 };

	kms_begin();
	peer_send(child_parent(kms), IMSG_PROCESS_GO, &w);
	ATF_CHECK(peer_closed(child_parent(kms), AGES));
	ATF_CHECK_MSG(child_logged(kms, text, AGES), "%s", text);
	child_end(kms);
}

/* Keys are made once, and another file in their place is noticed. */
ATF_TC_WITHOUT_HEAD(key_files);
ATF_TC_BODY(key_files, tc)
{
	static const char	 other[] = "another 32 bytes of a secret key";
	struct key_record	 k;
	struct stat		 st;
	int			 fd;

	kms_start();
	made(&k, 0);
	kms_end();
	ATF_REQUIRE_EQ(0, stat("master", &st));
	ATF_CHECK_EQ(32, st.st_size);
	ATF_REQUIRE_EQ(0, stat("seal", &st));
	ATF_CHECK_EQ(32, st.st_size);
	ATF_REQUIRE_EQ(0, rename("master", "master.old"));
	refused_start("master key file is missing or empty");
	ATF_REQUIRE_EQ(0, stat("master", &st));
	ATF_CHECK_EQ(0, st.st_size);
	fd = key_file("master");
	ATF_REQUIRE_EQ(32, write(fd, other, 32));
	refused_start("master key is not the one");
	ATF_REQUIRE_EQ(0, ftruncate(fd, 31));
	close(fd);
	refused_start("it must hold 32 bytes");
	ATF_REQUIRE_EQ(0, rename("master.old", "master"));
	ATF_REQUIRE_EQ(0, rename("seal", "seal.old"));
	refused_start("seal key file is missing or empty");
	fd = key_file("seal");
	ATF_REQUIRE_EQ(32, write(fd, other, 32));
	close(fd);
	refused_start("seal key is not the one");
	ATF_REQUIRE_EQ(0, rename("seal.old", "seal"));
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
}

/* A start with a second key: all boxes are sealed by it, or none. */
static void
rekey_start(int done)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;

	second = "master.new";
	kms_begin();
	second = NULL;
	peer_send(child_parent(kms), IMSG_PROCESS_GO, &w);
	peer_recv(child_parent(kms), IMSG_PARENT_REKEYED, &r, AGES);
	ATF_CHECK_EQ(done, rb_bool(&r));
	ATF_CHECK_EQ(0, rb_end(&r));
	peer_recv(child_parent(kms), IMSG_PARENT_READY, &r, AGES);
	kms_edges();
}

ATF_TC_WITHOUT_HEAD(rekeyed);
ATF_TC_BODY(rekeyed, tc)
{
	struct key_record	 k[300], many, late;
	int			 i, n = sizeof(k) / sizeof(k[0]);

	kms_start();
	for (i = 0; i < n; i++)
		made(&k[i], i == 7 ? KEY_ATTESTED_ONLY : 0);
	rotated(&many, 0);
	ATF_CHECK_EQ(DONE_OK, do_remove(&k[7], NULL));
	kms_end();
	run("cp master master.old");
	/* Killed wherever it is, it is done in the end. */
	for (i = 0; i < 12; i++) {
		second = "master.new";
		kms_begin();
		second = NULL;
		{
			struct wbuf	 w = { 0 };

			peer_send(child_parent(kms), IMSG_PROCESS_GO, &w);
		}
		usleep((useconds_t)(i * 900));
		kill(child_pid(kms), SIGKILL);
		child_end(kms);
	}
	rekey_start(1);
	for (i = 0; i < n; i++)
		ATF_CHECK_EQ(i == 7 ? DONE_NONE : DONE_OK,
		    do_fetch(&k[i], NULL));
	all_versions(&many);
	made(&late, 0);
	kms_end();
	/* Told once more, by who did not do it. */
	rekey_start(1);
	kms_end();
	refused_start("the master key is not the one");
	run("mv master.new master");
	kms_start();
	for (i = 0; i < n; i++)
		ATF_CHECK_EQ(i == 7 ? DONE_NONE : DONE_OK,
		    do_fetch(&k[i], NULL));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&late, NULL));
	kms_end();
}

/* A box that was changed can't be sealed anew: nothing is. */
ATF_TC_WITHOUT_HEAD(not_rekeyed);
ATF_TC_BODY(not_rekeyed, tc)
{
	struct key_record	 good, bad;

	kms_start();
	made(&good, 0);
	made(&bad, 0);
	kms_end();
	run("sqlite3 d/keys.db \"UPDATE keys SET box = zeroblob(44) WHERE id ="
	    " (SELECT max(id) FROM keys)\"");
	rekey_start(0);
	ATF_CHECK(child_logged(kms, "does not open by the master key", AGES));
	ATF_CHECK(child_logged(kms, "they are by the old one", AGES));
	ATF_CHECK_EQ(1, (do_fetch(&good, NULL) == DONE_OK) +
	    (do_fetch(&bad, NULL) == DONE_OK));
	kms_end();
	kms_start();
	ATF_CHECK_EQ(1, (do_fetch(&good, NULL) == DONE_OK) +
	    (do_fetch(&bad, NULL) == DONE_OK));
	kms_end();
}

/* Another process writes for a while. */
ATF_TC_WITHOUT_HEAD(busy);
ATF_TC_BODY(busy, tc)
{
	struct key_record	 k, k2;
	sqlite3			*db;

	kms_start();
	made(&k, 0);
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_open("d/keys.db", &db));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "BEGIN IMMEDIATE", NULL,
	    NULL, NULL));
	new_record(&k2, 0);
	number++;
	ask_store(OP_KEY_REGISTER, &k2);
	tell(OP_KEY_REGISTER, &k2, k2.policy_digest, zero);
	ATF_CHECK(peer_silent(maker, 300));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "COMMIT", NULL, NULL,
	    NULL));
	ATF_CHECK_EQ(DONE_OK, answer(maker, IMSG_ENGINE_STORED, &k2));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k2, NULL));
	/* It holds on until the request is over. */
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "BEGIN IMMEDIATE", NULL,
	    NULL, NULL));
	new_record(&k2, 0);
	patience = 5000;
	ATF_CHECK_EQ(DONE_TIMEOUT, do_store(&k2));
	patience = PATIENCE;
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "COMMIT", NULL, NULL,
	    NULL));
	sqlite3_close(db);
	ATF_CHECK_EQ(DONE_OK, do_store(&k2));
	kms_end();
}

/* A box put under another key, a record set back, by who has the file. */
ATF_TC_WITHOUT_HEAD(changed_file);
ATF_TC_BODY(changed_file, tc)
{
	struct key_record	 a, b;
	sqlite3			*db;
	sqlite3_stmt		*stmt;

	kms_start();
	made(&a, KEY_ATTESTED_ONLY);
	made(&b, 0);
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_open("d/keys.db", &db));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_prepare_v2(db, "UPDATE keys SET "
	    "box = (SELECT box FROM keys WHERE id = ?1)", -1, &stmt, NULL));
	sqlite3_bind_blob(stmt, 1, b.id.b, 16, SQLITE_STATIC);
	ATF_REQUIRE_EQ(SQLITE_DONE, sqlite3_step(stmt));
	sqlite3_finalize(stmt);
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&a, NULL));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&b, NULL));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "UPDATE keys SET record ="
	    " zeroblob(length(record))", NULL, NULL, NULL));
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&b, NULL));
	sqlite3_close(db);
	kms_end();
}

/* A copy of the database is brought back, older than the records are. */
ATF_TC_WITHOUT_HEAD(restored);
ATF_TC_BODY(restored, tc)
{
	struct key_record	 k, old, newest;
	struct uuid		 policy;
	sqlite3			*db;

	kms_start();
	made(&k, 0);
	old = k;
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_open("d/keys.db", &db));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "CREATE TEMP TABLE copy AS"
	    " SELECT * FROM keys", NULL, NULL, NULL));
	uuid_make(&policy);
	ATF_REQUIRE_EQ(DONE_OK, do_move(&k, &policy, 'n'));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "UPDATE keys SET serial ="
	    " (SELECT serial FROM copy), record = (SELECT record FROM copy)",
	    NULL, NULL, NULL));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "was it restored", AGES));
	/* The next seal is newer than both. */
	ATF_REQUIRE_EQ(DONE_OK, do_move(&k, &policy, 'm'));
	ATF_CHECK_EQ(3, k.serial);
	ATF_CHECK_EQ(DONE_STALE, do_fetch(&old, &newest));
	sqlite3_close(db);
	kms_end();
}

/* Only the maker may store, and only that. */
ATF_TC_WITHOUT_HEAD(edges);
ATF_TC_BODY(edges, tc)
{
	struct key_record	 k;
	struct wbuf		 w = { 0 };
	struct peer		*p;

	kms_start();
	new_record(&k, 0);
	number++;
	p = maker;
	maker = engine;
	ask_store(OP_KEY_CREATE, &k);
	ATF_CHECK(peer_closed(engine, AGES));
	maker = p;
	peer_close(engine);
	engine = maker;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, 500);
	ATF_CHECK(peer_closed(maker, AGES));
	put_head(&w, OP_KEY_DELETE, HALF_GRANT, &k);
	peer_send(audit, IMSG_KMS_DELETE, &w);
	ATF_CHECK(peer_closed(audit, AGES));
	peer_close(maker);
	peer_close(audit);
	child_end(kms);
}

/* Its edge is closed and the parent told; the engine gets a new one. */
static void
hostile(struct wbuf *w, size_t n)
{
	struct rbuf	 r;

	peer_send(engine, IMSG_KMS_FETCH, w);
	ATF_CHECK_MSG(peer_closed(engine, AGES), "%zu", n);
	peer_recv(child_parent(kms), IMSG_PARENT_VIOLATION, &r, AGES);
	peer_close(engine);
	engine = child_edge(kms, PROC_ENGINE, 0, 0);
}

/* Every length but the right one, and every byte of the head changed. */
ATF_TC_WITHOUT_HEAD(malformed);
ATF_TC_BODY(malformed, tc)
{
	struct key_record	 k;
	struct wbuf		 good = { 0 }, w = { 0 };
	size_t			 i;

	kms_start();
	made(&k, 0);
	put_head(&good, OP_TRANSFER, HALF_VERDICT, &k);
	wb_digest(&good, k.policy_digest);
	wb_digest(&good, wrapping);
	wb_u32(&good, 0);
	wb_u64(&good, now_ms() + 1000);
	wb_bytes(&good, NULL, 0);
	for (i = 0; i <= good.len + 1; i++) {
		if (i == good.len)
			continue;
		wb_raw(&w, good.data, i < good.len ? i : good.len);
		if (i > good.len)
			wb_u8(&w, 0);
		hostile(&w, i);
	}
	/* No operation, no half of this number. */
	for (i = 12; i < 14; i++) {
		wb_raw(&w, good.data, good.len);
		w.data[i] = 0xff;
		hostile(&w, i);
	}
	/* Longer than anything there is. */
	for (i = 0; i < 15000; i += 1000) {
		wb_raw(&w, good.data, good.len);
		w.len = good.len;
		while (w.len < good.len + KEY_RECORD_MAX + i)
			wb_u64(&w, i);
		hostile(&w, i);
	}
	wb_free(&good);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
}

/* Material of the greatest length, and of one byte more. */
ATF_TC_WITHOUT_HEAD(sizes);
ATF_TC_BODY(sizes, tc)
{
	static uint8_t		 big[MATERIAL_MAX + 1];
	struct key_record	 k;
	struct wbuf		 w = { 0 };
	struct rbuf		 r;
	uint8_t			 d[DIGEST_LEN];
	size_t			 len;

	kms_start();
	for (len = MATERIAL_MAX; len <= MATERIAL_MAX + 1; len++) {
		new_record(&k, 0);
		number++;
		digest(d, big, len);
		put_head(&w, OP_KEY_CREATE, HALF_GRANT, &k);
		wb_digest(&w, k.policy_digest);
		wb_digest(&w, d);
		wb_u64(&w, now_ms() + patience);
		wb_u8(&w, GIVEN_KEY);
		wb_bytes(&w, big, len);
		peer_send(maker, IMSG_KMS_STORE, &w);
		tell(OP_KEY_CREATE, &k, k.policy_digest, zero);
		if (len == MATERIAL_MAX)
			ATF_CHECK_EQ(DONE_OK, answer(maker,
			    IMSG_ENGINE_STORED, &k));
		else
			ATF_CHECK(peer_closed(maker, AGES));
		if (len > MATERIAL_MAX)
			continue;
		number++;
		ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest,
		    patience);
		tell(OP_TRANSFER, &k, k.policy_digest, wrapping);
		peer_recv(engine, IMSG_ENGINE_FETCHED, &r, AGES);
		ATF_REQUIRE(r.left > 12 + 1 + 4 + 4);
		ATF_CHECK_EQ(DONE_OK, r.p[12]);
		ATF_CHECK_EQ(MATERIAL_MAX, r.left - 12 - 1 - 4 - 4);
	}
	kms_end();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, store_fetch);
	ATF_TP_ADD_TC(tp, checked);
	ATF_TP_ADD_TC(tp, no_line_no_key);
	ATF_TP_ADD_TC(tp, read_beside);
	ATF_TP_ADD_TC(tp, held_up);
	ATF_TP_ADD_TC(tp, other_line);
	ATF_TP_ADD_TC(tp, changed_record);
	ATF_TP_ADD_TC(tp, attested_only);
	ATF_TP_ADD_TC(tp, move);
	ATF_TP_ADD_TC(tp, versions);
	ATF_TP_ADD_TC(tp, backup);
	ATF_TP_ADD_TC(tp, given);
	ATF_TP_ADD_TC(tp, remove);
	ATF_TP_ADD_TC(tp, undo_in_time);
	ATF_TP_ADD_TC(tp, kill);
	ATF_TP_ADD_TC(tp, key_files);
	ATF_TP_ADD_TC(tp, rekeyed);
	ATF_TP_ADD_TC(tp, not_rekeyed);
	ATF_TP_ADD_TC(tp, busy);
	ATF_TP_ADD_TC(tp, changed_file);
	ATF_TP_ADD_TC(tp, restored);
	ATF_TP_ADD_TC(tp, edges);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, sizes);
	return (atf_no_error());
}

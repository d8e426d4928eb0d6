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

/* The store program when things go wrong around it. */
#include <sys/resource.h>

#include <atf-c.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>

#include "store.h"
#include "shelf.h"

static void
nonce_record(struct wbuf *w, uint64_t n)
{
	uint8_t	 d[DIGEST_LEN];

	memset(d, 0, sizeof(d));
	memcpy(d, &n, sizeof(n));
	wb_digest(w, d);
	wb_u64(w, 4000000000ULL);
}

static int
put_nonce(uint64_t n)
{
	struct wbuf	 w = { 0 };

	nonce_record(&w, n);
	return (shelf_put(ROW_NONCE, 0, &w, NULL));
}

static void
big_policy(struct wbuf *w, struct uuid *id)
{
	static char		 text[40000];
	struct policy_record	 p;

	memset(text, 't', sizeof(text));
	memset(&p, 0, sizeof(p));
	uuid_make(&p.id);
	p.created = 1700000000;
	p.text = text;
	p.textlen = sizeof(text);
	*id = p.id;
	wb_policy_record(w, &p);
}

/* What was answered is there after kill -9. */
ATF_TC_WITHOUT_HEAD(kill);
ATF_TC_BODY(kill, tc)
{
	uint64_t	 i, done;
	int		 round;

	for (round = 0; round < 3; round++) {
		shelf_start();
		for (i = 0; i < 200; i++) {
			struct wbuf	 w = { 0 };

			nonce_record(&w, (uint64_t)round * 1000 + i);
			shelf_put_send(ROW_NONCE, 0, &w, NULL);
		}
		for (done = 0; done < 50; done++)
			ATF_REQUIRE_EQ(ROW_OK, shelf_put_result());
		ATF_REQUIRE_EQ(0, kill(child_pid(shelf), SIGKILL));
		shelf_end();
		shelf_start();
		for (i = 0; i < done; i++)
			ATF_CHECK_EQ(ROW_EXISTS, put_nonce((uint64_t)round *
			    1000 + i));
		shelf_end();
	}
}

/* One sync for all that wait; each has its own result. */
ATF_TC_WITHOUT_HEAD(batch);
ATF_TC_BODY(batch, tc)
{
	struct imsgbuf	 ibuf;
	struct wbuf	 w = { 0 }, record = { 0 };
	uint64_t	 i, version, last = 0;

	shelf_start();
	ATF_REQUIRE_EQ(ROW_OK, put_nonce(7));
	ATF_REQUIRE_EQ(0, imsgbuf_init(&ibuf, peer_fd(broker)));
	for (i = 0; i < 300; i++) {
		wb_u64(&w, i);
		wb_u8(&w, ROW_NONCE);
		wb_u64(&w, 0);
		nonce_record(&record, i);
		wb_bytes(&w, record.data, record.len);
		wb_free(&record);
		wb_str(&w, "");
		ATF_REQUIRE_EQ(1, imsg_compose(&ibuf, IMSG_STORE_PUT, 0, 0, -1,
		    w.data, w.len));
		wb_free(&w);
	}
	ATF_REQUIRE_EQ(0, imsgbuf_flush(&ibuf));
	for (i = 0; i < 300; i++) {
		ATF_CHECK_EQ(i == 7 ? ROW_EXISTS : ROW_OK,
		    shelf_put_result());
		ATF_CHECK_EQ(i, shelf_heard);
		version = shelf_version;
		ATF_CHECK(i == 7 ? version == 0 : version > last);
		if (i != 7)
			last = version;
	}
	ATF_CHECK_EQ(301, child_counter(shelf, "writes"));
	ATF_CHECK(child_counter(shelf, "commits") < 60);
	imsgbuf_clear(&ibuf);
	shelf_end();
}

/* Another process has the database for a while. */
ATF_TC_WITHOUT_HEAD(busy);
ATF_TC_BODY(busy, tc)
{
	struct wbuf	 w = { 0 };
	struct uuid	 id;
	struct rbuf	 first, second;
	sqlite3		*db;
	uint64_t	 tag;
	int		 i;

	shelf_start();
	big_policy(&w, &id);
	ATF_REQUIRE_EQ(ROW_OK, shelf_put(ROW_POLICY, 0, &w, NULL));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_open("d/store.db", &db));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "BEGIN IMMEDIATE", NULL,
	    NULL, NULL));
	tag = shelf_tag;
	for (i = 0; i < 5; i++) {
		nonce_record(&w, 5);	/* the first one wins */
		shelf_put_send(ROW_NONCE, 0, &w, NULL);
	}
	ATF_CHECK(peer_silent(broker, 300));
	/* Who reads need not wait. */
	ATF_CHECK_EQ(ROW_OK, shelf_find(ROW_POLICY, &id, "", &first,
	    &second));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "COMMIT", NULL, NULL,
	    NULL));
	for (i = 0; i < 5; i++) {
		ATF_CHECK_EQ(i == 0 ? ROW_OK : ROW_EXISTS,
		    shelf_put_result());
		ATF_CHECK_EQ(tag + 1 + (uint64_t)i, shelf_heard);
	}
	ATF_CHECK(child_counter(shelf, "busy") > 0);
	sqlite3_close(db);
	shelf_end();
}

/* Two sets write; no version is given twice. */
ATF_TC_WITHOUT_HEAD(two);
ATF_TC_BODY(two, tc)
{
	struct child	*a, *b;
	struct peer	*pa, *pb;
	struct wbuf	 w = { 0 };
	uint64_t	 i, seen[400];
	int		 j;

	shelf_start();
	a = shelf;
	pa = broker;
	shelf_start();
	b = shelf;
	pb = broker;
	for (i = 0; i < 200; i++)
		for (j = 0; j < 2; j++) {
			broker = j ? pb : pa;
			nonce_record(&w, 2 * i + (uint64_t)j);
			shelf_put_send(ROW_NONCE, 0, &w, NULL);
		}
	for (i = 0; i < 400; i++) {
		broker = i < 200 ? pa : pb;
		ATF_CHECK_EQ(ROW_OK, shelf_put_result());
		seen[i] = shelf_version;
		for (j = 0; j < (int)i; j++)
			ATF_CHECK(seen[j] != shelf_version);
	}
	/* What one has spent, the other knows. */
	broker = pa;
	ATF_CHECK_EQ(ROW_EXISTS, put_nonce(399));
	peer_close(pa);
	peer_close(pb);
	child_end(a);
	child_end(b);
}

/* Files must not grow over a size: as good as a full disk. */
ATF_TC_WITHOUT_HEAD(full);
ATF_TC_BODY(full, tc)
{
	struct rlimit	 old, limit;
	struct wbuf	 w = { 0 };
	struct rbuf	 first, second;
	struct uuid	 ids[200];
	int		 results[200], i, failed = 0;

	signal(SIGXFSZ, SIG_IGN);
	ATF_REQUIRE_EQ(0, getrlimit(RLIMIT_FSIZE, &old));
	limit = old;
	limit.rlim_cur = 1500000;
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	shelf_start();
	for (i = 0; i < 100; i++) {
		big_policy(&w, &ids[i]);
		results[i] = shelf_put(ROW_POLICY, 0, &w, NULL);
		failed += results[i] == ROW_FAILED;
		ATF_CHECK(results[i] == ROW_OK || results[i] == ROW_FAILED);
	}
	ATF_CHECK(failed > 0 && failed < 100);
	for (i = 0; i < 100; i++)
		ATF_CHECK_EQ(results[i] == ROW_OK ? ROW_OK : ROW_NONE,
		    shelf_find(ROW_POLICY, &ids[i], "", &first, &second));
	ATF_CHECK(child_logged(shelf, "can't be written", AGES));
	shelf_end();
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_FSIZE, &old));
	/* Room again. */
	shelf_start();
	for (i = 0; i < 100; i++)
		ATF_CHECK_EQ(results[i] == ROW_OK ? ROW_OK : ROW_NONE,
		    shelf_find(ROW_POLICY, &ids[i], "", &first, &second));
	ATF_CHECK_EQ(ROW_OK, put_nonce(1));
	shelf_end();
}

ATF_TC_WITHOUT_HEAD(newer);
ATF_TC_BODY(newer, tc)
{
	struct wbuf	 w = { 0 };
	sqlite3		*db;

	shelf_start();
	shelf_end();
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_open("d/store.db", &db));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "PRAGMA user_version = 99",
	    NULL, NULL, NULL));
	sqlite3_close(db);
	shelf = shelf_begin();
	peer_send(child_parent(shelf), IMSG_PROCESS_GO, &w);
	ATF_CHECK(peer_closed(child_parent(shelf), AGES));
	ATF_CHECK(child_logged(shelf, "of a newer kbsd", AGES));
	child_end(shelf);
}

/* A database as the first version made it: what is in it stays. */
ATF_TC_WITHOUT_HEAD(older);
ATF_TC_BODY(older, tc)
{
	struct wbuf	 w = { 0 };
	struct uuid	 id;
	struct rbuf	 first, second;
	sqlite3		*db;

	shelf_start();
	big_policy(&w, &id);
	ATF_REQUIRE_EQ(ROW_OK, shelf_put(ROW_POLICY, 0, &w, NULL));
	shelf_end();
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_open("d/store.db", &db));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db,
	    "DROP INDEX keys_algorithm; DROP INDEX keys_policy;"
	    "DROP INDEX users_order;"
	    "CREATE INDEX keys_policy ON keys (policy)"
	    " WHERE policy IS NOT NULL; PRAGMA user_version = 1",
	    NULL, NULL, NULL));
	sqlite3_close(db);
	shelf_start();
	ATF_CHECK(child_logged(shelf, "schema 2", AGES));
	ATF_CHECK_EQ(ROW_OK, shelf_find(ROW_POLICY, &id, "", &first,
	    &second));
	shelf_end();
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_open("d/store.db", &db));
	ATF_CHECK_EQ(SQLITE_OK, sqlite3_exec(db, "SELECT 1 FROM keys INDEXED"
	    " BY keys_algorithm WHERE algorithm = 1", NULL, NULL, NULL));
	sqlite3_close(db);
}

/* A row that makes no sense is no answer, and no end. */
ATF_TC_WITHOUT_HEAD(damaged);
ATF_TC_BODY(damaged, tc)
{
	struct wbuf	 w = { 0 };
	struct uuid	 id;
	struct rbuf	 first, second;
	sqlite3		*db;
	uint32_t	 n;

	shelf_start();
	big_policy(&w, &id);
	ATF_REQUIRE_EQ(ROW_OK, shelf_put(ROW_POLICY, 0, &w, NULL));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_open("d/store.db", &db));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db,
	    "UPDATE policies SET body = x'00'", NULL, NULL, NULL));
	sqlite3_close(db);
	ATF_CHECK_EQ(ROW_FAILED, shelf_find(ROW_POLICY, &id, "", &first,
	    &second));
	ATF_CHECK_EQ(ROW_FAILED, shelf_list(ROW_POLICY, NULL, &n));
	ATF_CHECK_EQ(0, n);
	ATF_CHECK_EQ(ROW_OK, put_nonce(1));
	shelf_end();
}

static void
hostile(uint32_t type, struct wbuf *w, const char *what)
{
	struct rbuf	 r;

	peer_send(broker, type, w);
	ATF_CHECK_MSG(peer_closed(broker, AGES), "%s", what);
	peer_recv(child_parent(shelf), IMSG_PARENT_VIOLATION, &r, AGES);
	peer_close(broker);
	broker = child_edge(shelf, PROC_BROKER, 0, 9);
}

ATF_TC_WITHOUT_HEAD(malformed);
ATF_TC_BODY(malformed, tc)
{
	struct wbuf	 good = { 0 }, w = { 0 }, record = { 0 };
	struct uuid	 id;
	size_t		 i;
	int		 row;

	shelf_start();
	wb_u64(&good, 1);
	wb_u8(&good, ROW_NONCE);
	wb_u64(&good, 0);
	nonce_record(&record, 1);
	wb_bytes(&good, record.data, record.len);
	wb_free(&record);
	wb_str(&good, "");
	for (i = 0; i <= good.len + 1; i++) {
		if (i == good.len)
			continue;
		wb_raw(&w, good.data, i < good.len ? i : good.len);
		if (i > good.len)
			wb_u8(&w, 0);
		hostile(IMSG_STORE_PUT, &w, "length");
	}
	/* The record of a nonce is none of any other kind. */
	for (row = 0; row < 256; row++) {
		if (row == ROW_NONCE)
			continue;
		if (row == ROW_KIND_MAX + 1)
			row = 255;
		wb_raw(&w, good.data, good.len);
		w.data[8] = (uint8_t)row;
		hostile(IMSG_STORE_PUT, &w, "row kind");
	}
	wb_free(&good);
	/* Kinds that can't be found, listed or deleted. */
	wb_u64(&w, 1);
	wb_u8(&w, ROW_NONCE);
	wb_uuid(&w, &uuid_nil);
	wb_str(&w, "");
	hostile(IMSG_STORE_FIND, &w, "find nonce");
	wb_u64(&w, 1);
	wb_u8(&w, ROW_NONCE);
	wb_str(&w, "");
	hostile(IMSG_STORE_LIST, &w, "list nonces");
	wb_u64(&w, 1);
	wb_u8(&w, ROW_KEY);
	wb_str(&w, "not an ask");
	hostile(IMSG_STORE_LIST, &w, "ask");
	wb_u64(&w, 1);
	wb_u8(&w, ROW_NONCE);
	wb_uuid(&w, &uuid_nil);
	wb_u64(&w, 0);
	hostile(IMSG_STORE_DELETE, &w, "delete nonce");
	/* An intent with what is no key. */
	wb_u64(&w, 1);
	wb_u8(&w, ROW_POLICY);
	wb_u64(&w, 0);
	big_policy(&record, &id);
	wb_bytes(&w, record.data, record.len);
	wb_free(&record);
	wb_str(&w, "intent");
	hostile(IMSG_STORE_PUT, &w, "intent");
	wb_u8(&w, 0);
	hostile(IMSG_BROKER_FOUND, &w, "type");
	ATF_CHECK_EQ(ROW_OK, put_nonce(1));
	shelf_end();
}

/* The edge ends with requests in it: they are forgotten. */
ATF_TC_WITHOUT_HEAD(dropped);
ATF_TC_BODY(dropped, tc)
{
	struct wbuf	 w = { 0 };
	sqlite3		*db;

	shelf_start();
	ATF_REQUIRE_EQ(ROW_OK, put_nonce(1));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_open("d/store.db", &db));
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "BEGIN IMMEDIATE", NULL,
	    NULL, NULL));
	nonce_record(&w, 2);
	shelf_put_send(ROW_NONCE, 0, &w, NULL);
	ATF_CHECK(peer_silent(broker, 100));
	peer_close(broker);
	usleep(100000);
	broker = child_edge(shelf, PROC_BROKER, 0, 9);
	ATF_REQUIRE_EQ(SQLITE_OK, sqlite3_exec(db, "COMMIT", NULL, NULL,
	    NULL));
	sqlite3_close(db);
	ATF_CHECK(peer_silent(broker, 100));
	ATF_CHECK_EQ(ROW_OK, put_nonce(2));
	shelf_end();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, kill);
	ATF_TP_ADD_TC(tp, batch);
	ATF_TP_ADD_TC(tp, busy);
	ATF_TP_ADD_TC(tp, two);
	ATF_TP_ADD_TC(tp, full);
	ATF_TP_ADD_TC(tp, newer);
	ATF_TP_ADD_TC(tp, older);
	ATF_TP_ADD_TC(tp, damaged);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, dropped);
	return (atf_no_error());
}

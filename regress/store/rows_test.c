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

/* What the store program keeps, and how; the test is its broker. */
#include <atf-c.h>
#include <string.h>

#include "store.h"
#include "shelf.h"

static void
make_user(struct user_record *u, const char *name)
{
	memset(u, 0, sizeof(*u));
	uuid_make(&u->id);
	strlcpy(u->name, name, sizeof(u->name));
	u->permissions = PERM_ALL;
	u->generation = 1;
	u->created = 1700000000;
	u->updated = 1700000001;
	memset(u->hash, 'h', 100);
	u->hashlen = 100;
}

static int
put_user(const struct user_record *u, uint64_t expected)
{
	struct wbuf	 w = { 0 };

	wb_user_record(&w, u);
	return (shelf_put(ROW_USER, expected, &w, NULL));
}

static int
find_user(const struct uuid *id, const char *name, struct user_record *u,
    struct lockout_record *l)
{
	struct rbuf	 first, second;
	int		 result;

	result = shelf_find(ROW_USER, id, name, &first, &second);
	if (result == ROW_OK) {
		rb_user_record(&first, u);
		ATF_REQUIRE_EQ(0, rb_end(&first));
	} else
		ATF_CHECK_EQ(0, first.left);
	if (l != NULL) {
		memset(l, 0, sizeof(*l));
		if (second.left > 0) {
			rb_lockout_record(&second, l);
			ATF_REQUIRE_EQ(0, rb_end(&second));
		}
	} else
		ATF_CHECK_EQ(0, second.left);
	return (result);
}

static int
put_lockout(const char *name, uint32_t failures, int64_t until,
    uint64_t expected)
{
	struct lockout_record	 l;
	struct wbuf		 w = { 0 };

	memset(&l, 0, sizeof(l));
	strlcpy(l.name, name, sizeof(l.name));
	l.failures = failures;
	l.first = 1700000000;
	l.until = until;
	wb_lockout_record(&w, &l);
	return (shelf_put(ROW_LOCKOUT, expected, &w, NULL));
}

static int
put_policy(struct policy_record *p, const char *text, int64_t created)
{
	struct wbuf	 w = { 0 };

	memset(p, 0, sizeof(*p));
	uuid_make(&p->id);
	p->created = created;
	p->text = text;
	p->textlen = strlen(text);
	memset(p->seal, 's', DIGEST_LEN);
	wb_policy_record(&w, p);
	return (shelf_put(ROW_POLICY, 0, &w, NULL));
}

static void
make_key(struct key_record *k, const struct uuid *policy, int alg, int length,
    int curve, int64_t created)
{
	memset(k, 0, sizeof(*k));
	uuid_make(&k->id);
	k->version = 1;
	strlcpy(k->keystore, "main", sizeof(k->keystore));
	strlcpy(k->backend, "there", sizeof(k->backend));
	k->algorithm = (uint8_t)alg;
	k->length = (uint16_t)length;
	k->curve = (uint8_t)curve;
	k->policy = *policy;
	k->state = KEY_ACTIVE;
	k->created = created;
}

static int
put_key(const struct key_record *k, uint64_t expected, const char *intent)
{
	struct wbuf	 w = { 0 };

	wb_key_record(&w, k);
	return (shelf_put(ROW_KEY, expected, &w, intent));
}

ATF_TC_WITHOUT_HEAD(users);
ATF_TC_BODY(users, tc)
{
	struct user_record	 a, b, got;
	struct lockout_record	 l;
	uint64_t		 version;

	shelf_start();
	make_user(&a, "alice");
	make_user(&b, "Alice");
	ATF_REQUIRE_EQ(ROW_OK, put_user(&a, 0));
	version = shelf_version;
	ATF_CHECK(version > 0);
	/* Bytes, not letters: another name. */
	ATF_CHECK_EQ(ROW_OK, put_user(&b, 0));
	ATF_CHECK(shelf_version > version);
	ATF_CHECK_EQ(ROW_EXISTS, put_user(&a, 0));
	ATF_CHECK_EQ(0, shelf_version);
	make_user(&got, "alice");
	ATF_CHECK_EQ(ROW_EXISTS, put_user(&got, 0));
	ATF_REQUIRE_EQ(ROW_OK, find_user(&a.id, "", &got, NULL));
	ATF_CHECK_STREQ("alice", got.name);
	ATF_CHECK_EQ(version, got.row_version);
	ATF_CHECK_EQ(100, got.hashlen);
	ATF_CHECK_EQ(0, memcmp(got.hash, a.hash, 100));
	/* By name it brings the lockout, if there is one. */
	ATF_REQUIRE_EQ(ROW_OK, find_user(&uuid_nil, "alice", &got, &l));
	ATF_CHECK_EQ(0, uuid_cmp(&got.id, &a.id));
	ATF_CHECK_STREQ("", l.name);
	ATF_REQUIRE_EQ(ROW_OK, put_lockout("alice", 3, 0, 0));
	ATF_REQUIRE_EQ(ROW_OK, put_lockout("nobody", 4, 1800000000, 0));
	ATF_REQUIRE_EQ(ROW_OK, find_user(&uuid_nil, "alice", &got, &l));
	ATF_CHECK_EQ(3, l.failures);
	ATF_CHECK_EQ(ROW_NONE, find_user(&uuid_nil, "nobody", &got, &l));
	ATF_CHECK_EQ(4, l.failures);
	ATF_CHECK_EQ(1800000000, l.until);
	/* Updates. */
	a.permissions = PERM_KEYS_SEARCH;
	ATF_CHECK_EQ(ROW_CONFLICT, put_user(&a, version + 99));
	ATF_CHECK_EQ(ROW_OK, put_user(&a, version));
	ATF_CHECK(shelf_version > version);
	ATF_CHECK_EQ(ROW_CONFLICT, put_user(&a, version));
	version = shelf_version;
	ATF_REQUIRE_EQ(ROW_OK, find_user(&a.id, "", &got, NULL));
	ATF_CHECK_EQ(PERM_KEYS_SEARCH, got.permissions);
	version = got.row_version;
	strlcpy(a.name, "Alice", sizeof(a.name));
	ATF_CHECK_EQ(ROW_EXISTS, put_user(&a, version));
	strlcpy(a.name, "carol", sizeof(a.name));
	ATF_CHECK_EQ(ROW_OK, put_user(&a, version));
	ATF_CHECK_EQ(ROW_NONE, find_user(&uuid_nil, "alice", &got, &l));
	/* A version never comes again, not over a deletion either. */
	version = shelf_version;
	ATF_CHECK_EQ(ROW_CONFLICT, shelf_delete(ROW_USER, &a.id, 1));
	ATF_CHECK_EQ(ROW_OK, shelf_delete(ROW_USER, &a.id, version));
	ATF_CHECK_EQ(ROW_NONE, shelf_delete(ROW_USER, &a.id, 0));
	ATF_CHECK_EQ(ROW_NONE, put_user(&a, version));
	ATF_CHECK_EQ(ROW_OK, put_user(&a, 0));
	ATF_CHECK(shelf_version > version);
	version = shelf_version;
	ATF_CHECK_EQ(ROW_OK, shelf_delete(ROW_USER, &a.id, 0));
	shelf_end();
	shelf_start();
	ATF_CHECK_EQ(ROW_OK, put_user(&a, 0));
	ATF_CHECK(shelf_version > version);
	shelf_end();
}

ATF_TC_WITHOUT_HEAD(user_list);
ATF_TC_BODY(user_list, tc)
{
	struct user_record	 u;
	struct ask		 ask;
	struct rbuf		 r;
	uint32_t		 n;
	int			 i;

	shelf_start();
	for (i = 0; i < 3; i++) {
		make_user(&u, i == 0 ? "u0" : i == 1 ? "u1" : "u2");
		u.created += i;
		ATF_REQUIRE_EQ(ROW_OK, put_user(&u, 0));
	}
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_USER, NULL, &n));
	ATF_REQUIRE_EQ(3, n);
	for (i = 0; i < 3; i++) {
		shelf_item(&r, NULL);
		rb_user_record(&r, &u);
		ATF_REQUIRE_EQ(0, rb_end(&r));
		ATF_CHECK_EQ('0' + i, u.name[1]);
		ATF_CHECK_EQ(0, u.hashlen);
		ATF_CHECK(u.row_version > 0);
	}
	memset(&ask, 0, sizeof(ask));
	ask.op = OP_USER_SEARCH;
	ask.filter = FILTER_NAME;
	strlcpy(ask.name, "u1", sizeof(ask.name));
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_USER, &ask, &n));
	ATF_REQUIRE_EQ(1, n);
	strlcpy(ask.name, "u", sizeof(ask.name));
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_USER, &ask, &n));
	ATF_CHECK_EQ(0, n);
	shelf_end();
}

ATF_TC_WITHOUT_HEAD(policies);
ATF_TC_BODY(policies, tc)
{
	struct policy_record	 p, q, got;
	struct key_record	 k;
	struct rbuf		 first, second;
	uint64_t		 version;

	shelf_start();
	ATF_REQUIRE_EQ(ROW_OK, put_policy(&p, "{\"a\":1}", 1700000000));
	version = shelf_version;
	ATF_REQUIRE_EQ(ROW_OK, put_policy(&q, "{\"b\":1}", 1700000000));
	make_key(&k, &p.id, ALG_AES, 256, 0, 1700000000);
	ATF_REQUIRE_EQ(ROW_OK, put_key(&k, 0, NULL));
	ATF_REQUIRE_EQ(ROW_OK, shelf_find(ROW_KEY, &k.id, "", &first,
	    &second));
	rb_policy_record(&second, &got);
	ATF_REQUIRE_EQ(0, rb_end(&second));
	ATF_CHECK_EQ(0, uuid_cmp(&got.id, &p.id));
	ATF_CHECK_EQ(version, got.row_version);
	ATF_CHECK_EQ(7, got.textlen);
	ATF_CHECK_EQ(0, memcmp(got.text, "{\"a\":1}", 7));
	ATF_CHECK_EQ('s', got.seal[31]);
	ATF_CHECK_EQ(ROW_IN_USE, shelf_delete(ROW_POLICY, &p.id, 0));
	ATF_CHECK_EQ(ROW_OK, shelf_delete(ROW_POLICY, &q.id, 0));
	/* Under the one that is gone nothing can be put. */
	version = shelf_find_version(ROW_KEY, &k.id);
	k.policy = q.id;
	k.state = KEY_MOVING;
	ATF_CHECK_EQ(ROW_IN_USE, put_key(&k, version, NULL));
	make_key(&k, &q.id, ALG_AES, 256, 0, 1700000000);
	ATF_CHECK_EQ(ROW_IN_USE, put_key(&k, 0, NULL));
	k.state = KEY_PENDING;
	ATF_CHECK_EQ(ROW_IN_USE, put_key(&k, 0, NULL));
	k.policy = uuid_nil;
	ATF_CHECK_EQ(ROW_OK, put_key(&k, 0, NULL));
	ATF_REQUIRE_EQ(ROW_OK, shelf_find(ROW_KEY, &k.id, "", &first,
	    &second));
	ATF_CHECK_EQ(0, second.left);
	ATF_CHECK_EQ(ROW_NONE, shelf_find(ROW_POLICY, &q.id, "", &first,
	    &second));
	ATF_CHECK_EQ(ROW_OK, shelf_find(ROW_POLICY, &p.id, "", &first,
	    &second));
	ATF_CHECK_EQ(ROW_NONE, shelf_delete(ROW_POLICY, &q.id, 0));
	shelf_end();
}

ATF_TC_WITHOUT_HEAD(key_list);
ATF_TC_BODY(key_list, tc)
{
	static const struct {
		int	 alg, length, curve;
	} kinds[] = {
		{ ALG_AES, 128, 0 }, { ALG_AES, 256, 0 },
		{ ALG_RSA, 3072, 0 }, { ALG_EC, 384, CURVE_P384 },
		{ ALG_EC, 256, CURVE_P256 },
	};
	struct policy_record	 p;
	struct key_record	 k, last;
	struct ask		 ask;
	struct rbuf		 r;
	struct uuid		 ids[10];
	uint32_t		 n, i, got = 0;

	shelf_start();
	ATF_REQUIRE_EQ(ROW_OK, put_policy(&p, "{}", 1700000000));
	for (i = 0; i < 10; i++) {
		/* Pairs of one second: then the id decides. */
		make_key(&k, i < 4 ? &p.id : &uuid_nil, kinds[i % 5].alg,
		    kinds[i % 5].length, kinds[i % 5].curve,
		    1700000000 - i / 2);
		ids[i] = k.id;
		ATF_REQUIRE_EQ(ROW_OK, put_key(&k, 0, NULL));
	}
	memset(&ask, 0, sizeof(ask));
	ask.op = OP_KEY_SEARCH;
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_KEY, &ask, &n));
	ATF_CHECK_EQ(10, n);
	ask.filter = FILTER_ALGORITHM;
	ask.algorithm = ALG_EC;
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_KEY, &ask, &n));
	ATF_CHECK_EQ(4, n);
	ask.filter |= FILTER_CURVE;
	ask.curve = CURVE_P384;
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_KEY, &ask, &n));
	ATF_CHECK_EQ(2, n);
	ask.filter = FILTER_LENGTH;
	ask.length = 256;
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_KEY, &ask, &n));
	ATF_CHECK_EQ(4, n);
	ask.filter = FILTER_POLICY;
	ask.policy = p.id;
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_KEY, &ask, &n));
	ATF_CHECK_EQ(4, n);
	ask.filter = FILTER_POLICY | FILTER_ALGORITHM;
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_KEY, &ask, &n));
	ATF_CHECK_EQ(1, n);
	/* In pages of three: each once, in order. */
	memset(&ask, 0, sizeof(ask));
	memset(&last, 0, sizeof(last));
	ask.op = OP_KEY_SEARCH;
	ask.limit = 3;
	do {
		ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_KEY, &ask, &n));
		ATF_CHECK(n <= 3);
		for (i = 0; i < n; i++) {
			shelf_item(&r, NULL);
			rb_key_record(&r, &k);
			ATF_REQUIRE_EQ(0, rb_end(&r));
			ATF_CHECK(k.created > last.created ||
			    (k.created == last.created &&
			    uuid_cmp(&k.id, &last.id) > 0));
			last = k;
			got++;
		}
		ask.after = last.id;
	} while (n == 3);
	ATF_CHECK_EQ(10, got);
	/* Behind a key that has gone is not the end of the list. */
	ask.after = ids[4];
	ATF_REQUIRE_EQ(ROW_OK, shelf_delete(ROW_KEY, &ids[4], 0));
	ATF_CHECK_EQ(ROW_NONE, shelf_list(ROW_KEY, &ask, &n));
	ATF_CHECK_EQ(0, n);
	shelf_end();
}

ATF_TC_WITHOUT_HEAD(pending);
ATF_TC_BODY(pending, tc)
{
	struct key_record	 k, got;
	struct rbuf		 r;
	char			 intent[64];
	uint32_t		 n;

	shelf_start();
	make_key(&k, &uuid_nil, ALG_AES, 128, 0, 1700000000);
	k.state = KEY_PENDING;
	ATF_REQUIRE_EQ(ROW_OK, put_key(&k, 0, "make it"));
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_PENDING, NULL, &n));
	ATF_REQUIRE_EQ(1, n);
	shelf_item(&r, intent);
	rb_key_record(&r, &got);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	ATF_CHECK_EQ(0, uuid_cmp(&k.id, &got.id));
	ATF_CHECK_STREQ("make it", intent);
	/* In other lists it has none. */
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_KEY, NULL, &n));
	ATF_REQUIRE_EQ(1, n);
	shelf_item(&r, intent);
	ATF_CHECK_STREQ("", intent);
	/* An empty one clears it. */
	k.state = KEY_ACTIVE;
	ATF_CHECK_EQ(ROW_OK, put_key(&k, got.row_version, NULL));
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_PENDING, NULL, &n));
	ATF_CHECK_EQ(0, n);
	shelf_end();
}

#define MILLION		1000000
#define AT_ONCE		500

static unsigned long
store_rss_kb(void)
{
	char		 path[64], line[256];
	unsigned long	 kb = 0;
	FILE		*f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)child_pid(shelf));
	ATF_REQUIRE((f = fopen(path, "r")) != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "VmRSS: %lu", &kb);
	fclose(f);
	return (kb);
}

/* A million names that there are not cost no more room than the first ones. */
ATF_TC(million);
ATF_TC_HEAD(million, tc)
{
	atf_tc_set_md_var(tc, "timeout", "600");
}
ATF_TC_BODY(million, tc)
{
	struct lockout_record	 l = { .failures = 1 };
	struct wbuf		 w = { 0 };
	struct stat		 st;
	unsigned long		 kb = 0;
	off_t			 size = 0;
	uint32_t		 n;
	int			 i, j;

	shelf_start();
	for (i = 0; i < MILLION; i += AT_ONCE) {
		for (j = i; j < i + AT_ONCE; j++) {
			snprintf(l.name, sizeof(l.name), "n%d", j);
			wb_lockout_record(&w, &l);
			shelf_put_send(ROW_LOCKOUT, 0, &w, NULL);
		}
		for (j = i; j < i + AT_ONCE; j++)
			ATF_REQUIRE_EQ(ROW_OK, shelf_put_result());
		if (i == 4 * LOCKOUTS_MAX) {
			ATF_REQUIRE(stat("d/store.db", &st) == 0);
			kb = store_rss_kb();
			size = st.st_size;
		}
	}
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_LOCKOUT, NULL, &n));
	ATF_CHECK_EQ(LOCKOUTS_MAX, n);
	ATF_REQUIRE(stat("d/store.db", &st) == 0);
	printf("memory %lu then %lu KB, file %lld then %lld bytes\n", kb,
	    store_rss_kb(), (long long)size, (long long)st.st_size);
	ATF_CHECK(store_rss_kb() < kb + 8192);
	ATF_CHECK(st.st_size < size + size / 4);
	shelf_end();
}

ATF_TC_WITHOUT_HEAD(lockouts);
ATF_TC_BODY(lockouts, tc)
{
	struct lockout_record	 l;
	struct wbuf		 w = { 0 };
	struct rbuf		 first, second;
	char			 name[32];
	uint64_t		 version;
	uint32_t		 n;
	int			 i;

	shelf_start();
	ATF_REQUIRE_EQ(ROW_OK, put_lockout("a", 1, 0, 0));
	version = shelf_version;
	ATF_CHECK_EQ(ROW_OK, put_lockout("a", 2, 0, version));
	ATF_CHECK_EQ(ROW_CONFLICT, put_lockout("a", 2, 0, version));
	/* Replace or insert. */
	ATF_CHECK_EQ(ROW_OK, put_lockout("a", 3, 0, 0));
	ATF_REQUIRE_EQ(ROW_OK, shelf_find(ROW_LOCKOUT, &uuid_nil, "a",
	    &first, &second));
	rb_lockout_record(&first, &l);
	ATF_CHECK_EQ(3, l.failures);
	/* Forgiven is forgotten, and may be written again. */
	ATF_CHECK_EQ(ROW_OK, put_lockout("a", 0, 0, l.row_version));
	ATF_CHECK_EQ(ROW_NONE, shelf_find(ROW_LOCKOUT, &uuid_nil, "a",
	    &first, &second));
	ATF_CHECK_EQ(ROW_OK, put_lockout("a", 1, 0, shelf_version));
	/* Strangers fill the table: it keeps the newest. */
	for (i = 0; i < LOCKOUTS_MAX + 5; i++) {
		memset(&l, 0, sizeof(l));
		snprintf(l.name, sizeof(l.name), "n%d", i);
		l.failures = 1;
		wb_lockout_record(&w, &l);
		shelf_put_send(ROW_LOCKOUT, 0, &w, NULL);
	}
	for (i = 0; i < LOCKOUTS_MAX + 5; i++)
		ATF_REQUIRE_EQ(ROW_OK, shelf_put_result());
	ATF_REQUIRE_EQ(ROW_OK, shelf_list(ROW_LOCKOUT, NULL, &n));
	ATF_CHECK_EQ(LOCKOUTS_MAX, n);
	ATF_CHECK_EQ(ROW_NONE, shelf_find(ROW_LOCKOUT, &uuid_nil, "a",
	    &first, &second));
	ATF_CHECK_EQ(ROW_NONE, shelf_find(ROW_LOCKOUT, &uuid_nil, "n4",
	    &first, &second));
	ATF_CHECK_EQ(ROW_OK, shelf_find(ROW_LOCKOUT, &uuid_nil, "n5",
	    &first, &second));
	snprintf(name, sizeof(name), "n%d", LOCKOUTS_MAX + 4);
	ATF_CHECK_EQ(ROW_OK, shelf_find(ROW_LOCKOUT, &uuid_nil, name,
	    &first, &second));
	shelf_end();
}

static int
put_nonce(int c, uint64_t expiry)
{
	uint8_t		 d[DIGEST_LEN];
	struct wbuf	 w = { 0 };

	memset(d, c, sizeof(d));
	wb_digest(&w, d);
	wb_u64(&w, expiry);
	return (shelf_put(ROW_NONCE, 0, &w, NULL));
}

ATF_TC_WITHOUT_HEAD(nonces);
ATF_TC_BODY(nonces, tc)
{
	shelf_start();
	ATF_CHECK_EQ(ROW_OK, put_nonce('a', 4000000000ULL));
	ATF_CHECK_EQ(ROW_EXISTS, put_nonce('a', 4000000000ULL));
	ATF_CHECK_EQ(ROW_EXISTS, put_nonce('a', 5000000000ULL));
	ATF_CHECK_EQ(ROW_OK, put_nonce('b', UINT64_MAX));
	ATF_CHECK_EQ(ROW_OK, put_nonce('c', 1));
	ATF_CHECK_EQ(ROW_EXISTS, put_nonce('c', 1));
	shelf_end();
	/* The first write of a process clears what has expired. */
	shelf_start();
	ATF_CHECK_EQ(ROW_EXISTS, put_nonce('a', 4000000000ULL));
	ATF_CHECK_EQ(ROW_EXISTS, put_nonce('b', 1));
	ATF_CHECK_EQ(ROW_OK, put_nonce('c', 1));
	shelf_end();
}

static int
put_collateral(const char *name, uint64_t expiry, const char *data,
    size_t len)
{
	struct wbuf	 w = { 0 };

	wb_str(&w, name);
	wb_u64(&w, expiry);
	wb_bytes(&w, data, len);
	return (shelf_put(ROW_COLLATERAL, 0, &w, NULL));
}

ATF_TC_WITHOUT_HEAD(collateral);
ATF_TC_BODY(collateral, tc)
{
	static char	 big[1024 * 1024];
	struct rbuf	 first, second;
	const uint8_t	*p;
	char		 name[NAME_MAX_COLLATERAL];
	size_t		 len;

	shelf_start();
	memset(big, 'c', sizeof(big));
	ATF_CHECK_EQ(ROW_OK, put_collateral("http://a/crl", 4000000000ULL,
	    "old", 3));
	ATF_CHECK_EQ(ROW_OK, put_collateral("http://a/crl", 4000000000ULL,
	    big, sizeof(big)));
	ATF_REQUIRE_EQ(ROW_OK, shelf_find(ROW_COLLATERAL, &uuid_nil,
	    "http://a/crl", &first, &second));
	rb_str(&first, name, sizeof(name));
	ATF_CHECK_STREQ("http://a/crl", name);
	ATF_CHECK_EQ(4000000000ULL, rb_u64(&first));
	p = rb_bytes(&first, &len, 0, sizeof(big));
	ATF_REQUIRE_EQ(0, rb_end(&first));
	ATF_REQUIRE_EQ(sizeof(big), len);
	ATF_CHECK_EQ(0, memcmp(p, big, len));
	ATF_CHECK_EQ(ROW_OK, put_collateral("late", 1, "x", 1));
	ATF_CHECK_EQ(ROW_NONE, shelf_find(ROW_COLLATERAL, &uuid_nil, "late",
	    &first, &second));
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ATF_CHECK_EQ(ROW_OK, put_collateral(name, UINT64_MAX, "x", 1));
	ATF_CHECK_EQ(ROW_OK, shelf_find(ROW_COLLATERAL, &uuid_nil, name,
	    &first, &second));
	shelf_end();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, users);
	ATF_TP_ADD_TC(tp, user_list);
	ATF_TP_ADD_TC(tp, policies);
	ATF_TP_ADD_TC(tp, key_list);
	ATF_TP_ADD_TC(tp, pending);
	ATF_TP_ADD_TC(tp, lockouts);
	ATF_TP_ADD_TC(tp, million);
	ATF_TP_ADD_TC(tp, nonces);
	ATF_TP_ADD_TC(tp, collateral);
	return (atf_no_error());
}

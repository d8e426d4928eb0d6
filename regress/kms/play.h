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
 * The kms program itself, and what its engine, its maker and its audit say to
 * it: included by tests, which write kms_begin().
 */
#ifndef PLAY_H
#define PLAY_H

#include <atf-c.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"
#include "kms.h"
#include "peer.h"

#define SECRET	"SIXTEEN-SECRET-B"	/* 16 bytes: an AES-128 key */

static struct child	*kms;
static struct peer	*engine, *maker, *audit;
static uint8_t		 wrapping[DIGEST_LEN];
static uint64_t		 number;
static char		 dir[4096];
/*
 * What is stored, and what must come back.  NULL: it is made by the keystore,
 * so nothing is given, and what came back is kept.
 */
static const char	*secret = SECRET;
static uint8_t		 came[MATERIAL_WRAPPED_MAX];
static size_t		 camelen;
static uint32_t		 wanted;	/* version; 0: the newest */
/* ms: how long a request may take, where its deadline is not to pass. */
#define PATIENCE	20000
static unsigned int	 patience = PATIENCE;
/* Of a keystore that wraps by it itself. */
static uint8_t		 wrapping_key[WRAPPING_BYTES_MAX];
static size_t		 wrapping_keylen;

static int
key_file(const char *name)
{
	int	 fd;

	ATF_REQUIRE((fd = open(name, O_RDWR | O_CREAT, 0600)) != -1);
	return (fd);
}

/* Of the test: start the program, configure it. */
static void	kms_begin(void);

static void
kms_edges(void)
{
	engine = child_edge(kms, PROC_ENGINE, 0, 0);
	maker = child_edge(kms, PROC_MAKER, 0, 0);
	audit = child_edge(kms, PROC_AUDIT, 0, 0);
}

static void
kms_start(void)
{
	kms_begin();
	child_go(kms);
	kms_edges();
}

static void
kms_end(void)
{
	peer_close(engine);
	peer_close(maker);
	peer_close(audit);
	child_end(kms);
}

static void
new_record(struct key_record *k, int flags)
{
	memset(k, 0, sizeof(*k));
	uuid_make(&k->id);
	k->version = 1;
	strlcpy(k->keystore, "main", sizeof(k->keystore));
	k->algorithm = ALG_AES;
	k->length = 128;
	k->flags = (uint8_t)flags;
	uuid_make(&k->policy);
	memset(k->policy_digest, 'p', DIGEST_LEN);
	k->created = 1700000000;
}

static void
put_head(struct wbuf *w, enum operation op, enum half half,
    const struct key_record *k)
{
	struct request_name	 name = { 7, number };
	struct wbuf		 inner = { 0 };

	wb_name(w, &name);
	wb_u8(w, (uint8_t)op);
	wb_u8(w, (uint8_t)half);
	wb_key_record(&inner, k);
	wb_bytes(w, inner.data, inner.len);
	wb_free(&inner);
}

static void
tell(enum operation op, const struct key_record *k,
    const uint8_t policy[DIGEST_LEN], const uint8_t wk[DIGEST_LEN])
{
	struct request_name	 name = { 7, number };
	struct wbuf		 w = { 0 };

	wb_name(&w, &name);
	wb_u8(&w, (uint8_t)op);
	wb_uuid(&w, &k->id);
	wb_digest(&w, policy);
	wb_digest(&w, wk);
	wb_u64(&w, 12);
	peer_send(audit, IMSG_KMS_RECORDED, &w);
}

static void
ask_fetch(enum operation op, enum half half, const struct key_record *k,
    const uint8_t policy[DIGEST_LEN], unsigned int ms)
{
	struct wbuf	 w = { 0 };

	put_head(&w, op, half, k);
	wb_digest(&w, policy);
	wb_digest(&w, wrapping);
	wb_u32(&w, wanted);
	wb_u64(&w, now_ms() + ms);
	wb_bytes(&w, wrapping_key, wrapping_keylen);
	peer_send(engine, IMSG_KMS_FETCH, &w);
}

static void
ask_store(enum operation op, const struct key_record *k)
{
	uint8_t		 d[DIGEST_LEN] = { 0 };
	struct wbuf	 w = { 0 };

	if (secret != NULL)
		digest(d, secret, 16);
	put_head(&w, op, HALF_GRANT, k);
	wb_digest(&w, k->policy_digest);
	wb_digest(&w, d);
	wb_u64(&w, now_ms() + patience);
	wb_u8(&w, GIVEN_KEY);
	wb_bytes(&w, secret, secret != NULL ? 16 : 0);
	peer_send(maker, IMSG_KMS_STORE, &w);
}

/*
 * The result, and the record or material that came with it.  Who is not
 * answered by the request's own deadline is not left to DEADLINE_REQUEST_MS.
 */
static int
answer(struct peer *peer, uint32_t type, struct key_record *k)
{
	struct request_name	 name;
	struct rbuf		 r, inner;
	const uint8_t		*p;
	char			 reason[REASON_TEXT_MAX];
	size_t			 len;
	int			 result;

	peer_recv(peer, type, &r, 28000);
	rb_name(&r, &name);
	ATF_CHECK_EQ(7, name.front);
	ATF_CHECK_EQ(number, name.number);
	result = rb_enum(&r, DONE_RESULT_MAX - 1);
	rb_str(&r, reason, sizeof(reason));
	p = rb_bytes(&r, &len, 0, MATERIAL_WRAPPED_MAX);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	ATF_CHECK_EQ(result == DONE_OK, reason[0] == '\0');
	if (type == IMSG_ENGINE_FETCHED && result == DONE_OK) {
		memcpy(came, p, len);
		camelen = len;
		if (secret == NULL)
			return (result);
		ATF_REQUIRE_EQ(16, len);
		ATF_CHECK_EQ(0, memcmp(p, secret, 16));
		return (result);
	}
	ATF_CHECK(secret == NULL || memmem(p, len, secret, 16) == NULL);
	if (k != NULL && len > 0) {
		rb_init(&inner, p, len);
		rb_key_record(&inner, k);
		ATF_REQUIRE_EQ(0, rb_end(&inner));
	} else
		ATF_CHECK_EQ(0, len);
	return (result);
}

static const uint8_t	 zero[DIGEST_LEN];

static int
do_store(struct key_record *k)
{
	number++;
	ask_store(OP_KEY_CREATE, k);
	tell(OP_KEY_CREATE, k, k->policy_digest, zero);
	return (answer(maker, IMSG_ENGINE_STORED, k));
}

static void
made(struct key_record *k, int flags)
{
	new_record(k, flags);
	ATF_REQUIRE_EQ(DONE_OK, do_store(k));
}

static int
do_fetch(const struct key_record *k, struct key_record *newest)
{
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, k, k->policy_digest, patience);
	tell(OP_TRANSFER, k, k->policy_digest, wrapping);
	return (answer(engine, IMSG_ENGINE_FETCHED, newest));
}

static int
do_move(struct key_record *k, const struct uuid *policy, int c)
{
	uint8_t		 d[DIGEST_LEN];
	struct wbuf	 w = { 0 };

	number++;
	memset(d, c, sizeof(d));
	put_head(&w, OP_KEY_MOVE, HALF_GRANT, k);
	wb_digest(&w, d);
	wb_uuid(&w, policy);
	wb_u64(&w, now_ms() + patience);
	peer_send(engine, IMSG_KMS_RESEAL, &w);
	tell(OP_KEY_MOVE, k, d, zero);
	return (answer(engine, IMSG_ENGINE_STORED, k));
}

static int
do_take_away(enum operation op, const struct key_record *k,
    struct key_record *newest)
{
	struct wbuf	 w = { 0 };

	number++;
	put_head(&w, op, HALF_GRANT, k);
	wb_u64(&w, now_ms() + patience);
	peer_send(engine, IMSG_KMS_DELETE, &w);
	tell(op, k, zero, zero);
	return (answer(engine, IMSG_ENGINE_STORED, newest));
}

static int
do_remove(const struct key_record *k, struct key_record *newest)
{
	return (do_take_away(OP_KEY_DELETE, k, newest));
}

static __attribute__((unused)) int
fetch_within(const struct key_record *k, unsigned int ms)
{
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, k, k->policy_digest, ms);
	tell(OP_TRANSFER, k, k->policy_digest, wrapping);
	return (answer(engine, IMSG_ENGINE_FETCHED, NULL));
}

/* A key that the keystore has already, by its id there. */
static __attribute__((unused)) int
do_register(struct key_record *k, const char *id)
{
	struct wbuf	 w = { 0 };
	uint8_t		 d[DIGEST_LEN];

	strlcpy(k->backend, id, sizeof(k->backend));
	k->backend[strcspn(k->backend, "\n")] = '\0';
	number++;
	digest(d, k->backend, strlen(k->backend));
	put_head(&w, OP_KEY_REGISTER, HALF_GRANT, k);
	wb_digest(&w, k->policy_digest);
	wb_digest(&w, d);
	wb_u64(&w, now_ms() + patience);
	wb_u8(&w, GIVEN_KEY);
	wb_bytes(&w, NULL, 0);
	peer_send(maker, IMSG_KMS_STORE, &w);
	tell(OP_KEY_REGISTER, k, k->policy_digest, zero);
	return (answer(maker, IMSG_ENGINE_STORED, k));
}

/* What stands for material: an id at the keystore, or a box. */
static __attribute__((unused)) int
do_give(enum operation op, struct key_record *k, enum given given,
    const void *data, size_t len)
{
	struct wbuf	 w = { 0 };
	uint8_t		 d[DIGEST_LEN];

	number++;
	digest(d, data, len);
	put_head(&w, op, HALF_GRANT, k);
	wb_digest(&w, k->policy_digest);
	wb_digest(&w, d);
	wb_u64(&w, now_ms() + patience);
	wb_u8(&w, (uint8_t)given);
	wb_bytes(&w, data, len);
	peer_send(maker, IMSG_KMS_STORE, &w);
	tell(op, k, k->policy_digest, zero);
	return (answer(maker, IMSG_ENGINE_STORED, k));
}

static __attribute__((unused)) int
do_rotate(struct key_record *k)
{
	number++;
	ask_store(OP_KEY_ROTATE, k);
	tell(OP_KEY_ROTATE, k, k->policy_digest, zero);
	return (answer(maker, IMSG_ENGINE_STORED, k));
}

static __attribute__((unused)) int
fetch_version(const struct key_record *k, uint32_t version,
    const char *material)
{
	int	 result;

	wanted = version;
	secret = material;
	result = do_fetch(k, NULL);
	wanted = 0;
	secret = SECRET;
	return (result);
}

static __attribute__((unused)) int
rotate_to(struct key_record *k, const char *material)
{
	int	 result;

	secret = material;
	result = do_rotate(k);
	secret = SECRET;
	return (result);
}

#define SECOND	"SIXTEEN-SECRET-2"
#define THIRD	"SIXTEEN-SECRET-3"

/* A key with three versions, all of which can be had. */
static __attribute__((unused)) void
rotated(struct key_record *k, int flags)
{
	struct key_record	 old, newest;

	made(k, flags);
	old = *k;
	ATF_REQUIRE_EQ(DONE_OK, rotate_to(k, SECOND));
	ATF_CHECK_EQ(2, k->version);
	ATF_CHECK_EQ(2, k->serial);
	ATF_CHECK_EQ(flags, k->flags);
	ATF_CHECK_EQ(DONE_OK, fetch_version(k, 0, SECOND));
	/* Who shows the record from before is told of the new one. */
	memset(&newest, 0, sizeof(newest));
	ATF_CHECK_EQ(DONE_STALE, do_fetch(&old, &newest));
	ATF_CHECK_EQ(0, memcmp(newest.seal, k->seal, DIGEST_LEN));
	newest = old;
	ATF_CHECK_EQ(DONE_STALE, rotate_to(&newest, THIRD));
	ATF_CHECK_EQ(2, newest.version);
	ATF_REQUIRE_EQ(DONE_OK, rotate_to(k, THIRD));
	ATF_CHECK_EQ(3, k->version);
}

static __attribute__((unused)) void
all_versions(const struct key_record *k)
{
	ATF_CHECK_EQ(DONE_OK, fetch_version(k, 1, SECRET));
	ATF_CHECK_EQ(DONE_OK, fetch_version(k, 2, SECOND));
	ATF_CHECK_EQ(DONE_OK, fetch_version(k, 3, THIRD));
	ATF_CHECK_EQ(DONE_OK, fetch_version(k, 0, THIRD));
	ATF_CHECK_EQ(DONE_NONE, fetch_version(k, 4, THIRD));
	ATF_CHECK_EQ(DONE_NONE, fetch_version(k, UINT32_MAX, THIRD));
}

/* As a backup has it: of no seal, in its first version. */
static __attribute__((unused)) void
unsealed(struct key_record *k)
{
	k->version = 1;
	k->serial = 0;
	k->backend[0] = '\0';
	memset(k->seal, 0, DIGEST_LEN);
}

/* A marked key that was deleted comes back as what it was, or not at all. */
static __attribute__((unused)) void
comes_back(struct key_record *k)
{
	struct key_record	 bad;

	unsealed(k);
	bad = *k;
	bad.flags = 0;
	ATF_CHECK_EQ(DONE_REFUSED, do_store(&bad));
	bad = *k;
	uuid_make(&bad.policy);
	ATF_CHECK_EQ(DONE_REFUSED, do_store(&bad));
	bad = *k;
	bad.policy_digest[0] ^= 1;
	ATF_CHECK_EQ(DONE_REFUSED, do_store(&bad));
	/* It was cut short: what was never there is undone. */
	ATF_CHECK_EQ(DONE_OK, do_remove(k, NULL));
	bad = *k;
	ATF_REQUIRE_EQ(DONE_OK, do_store(k));
	ATF_CHECK_EQ(DONE_REFUSED, do_store(&bad));
	ATF_CHECK_EQ(DONE_NONE, fetch_version(k, 2, SECOND));
	ATF_REQUIRE_EQ(DONE_OK, rotate_to(k, THIRD));
	ATF_CHECK_EQ(DONE_OK, fetch_version(k, 1, SECRET));
	ATF_CHECK_EQ(DONE_OK, fetch_version(k, 0, THIRD));
	ATF_CHECK_EQ(DONE_NONE, fetch_version(k, 3, THIRD));
	ATF_CHECK_EQ(DONE_OK, do_remove(k, NULL));
	ATF_CHECK_EQ(DONE_NONE, fetch_version(k, 1, SECRET));
}

/* The life of a key with versions, the same in every kind of keystore. */
static __attribute__((unused)) void
life_of_versions(void)
{
	struct key_record	 k, marked, bad;
	struct uuid		 policy;

	rotated(&k, 0);
	all_versions(&k);
	rotated(&marked, KEY_ATTESTED_ONLY);
	/* A move is one of them all. */
	bad = k;
	uuid_make(&policy);
	ATF_CHECK_EQ(DONE_OK, do_move(&k, &policy, 'n'));
	wanted = 1;
	ATF_CHECK_EQ(DONE_STALE, do_fetch(&bad, &bad));
	wanted = 0;
	all_versions(&k);
	/* Nobody's seal; a grant for the mark. */
	bad = k;
	bad.seal[1] ^= 1;
	ATF_CHECK_EQ(DONE_REFUSED, rotate_to(&bad, SECOND));
	wanted = 1;
	number++;
	ask_fetch(OP_KEY_RELEASE, HALF_GRANT, &marked, zero, patience);
	tell(OP_KEY_RELEASE, &marked, zero, wrapping);
	ATF_CHECK_EQ(DONE_REFUSED, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	wanted = 0;
	kms_end();
	kms_start();
	all_versions(&k);
	all_versions(&marked);
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(DONE_NONE, fetch_version(&k, 1, SECRET));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_NONE, rotate_to(&k, SECOND));
	ATF_CHECK_EQ(DONE_OK, do_remove(&marked, NULL));
	ATF_CHECK_EQ(DONE_NONE, fetch_version(&marked, 2, SECOND));
	comes_back(&marked);
}

static __attribute__((unused)) void
ask_check(int active)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, 4711);
	wb_u8(&w, (uint8_t)active);
	peer_send(child_parent(kms), IMSG_KMS_CHECK, &w);
}

/* Is the keystore usable?  What kms says of it is in state. */
static __attribute__((unused)) int
hear_check(char *state, size_t size)
{
	struct rbuf	 r;
	int		 ok;

	peer_recv(child_parent(kms), IMSG_PARENT_CHECKED, &r, AGES);
	ATF_CHECK_EQ(4711, rb_u64(&r));
	ok = rb_bool(&r);
	rb_str(&r, state, size);
	(void)rb_u32(&r);
	(void)rb_u64(&r);
	(void)rb_u64(&r);
	ATF_CHECK_EQ(0, rb_end(&r));
	return (ok);
}

static __attribute__((unused)) int
check(int active, char *state, size_t size)
{
	ask_check(active);
	return (hear_check(state, size));
}

#endif

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

/* The real broker program, with the test in the place of all its peers. */

#include <atf-c.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "kbsd.h"
#include "peer.h"

#define WAIT		20000
#define SCAN		8000	/* before it would be tried again */
#define FRONT		7u
#define CONTROL_FRONT	8u
#define OWN_FRONT	9u

static struct child	*broker;
static struct peer	*front, *auth, *store, *audit, *verifier, *engine;
static struct peer	*maker, *control;

static const struct uuid key_id = { { 0xa, 1, 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10,
			    11, 12, 13, 14, 15 } };
static const struct uuid policy_id = { { 0xb, 1, 2, 3, 4, 5, 0x46, 7, 0x88, 9,
			    10, 11, 12, 13, 14, 15 } };
static const char	 judged_by[] = "{\"attestation_type\":\"TDX\"}";
static const uint8_t	 zero[DIGEST_LEN];

static void
start(void)
{
	struct wbuf	 w = { 0 };

	broker = child_start("broker", PROC_BROKER, 0, OWN_FRONT, NULL);
	wb_u32(&w, 1);			/* engines */
	wb_u8(&w, 1);
	wb_u8(&w, 0);
	wb_u8(&w, 0);
	wb_u32(&w, 1);
	wb_str(&w, "local");
	child_config(broker, &w);
	child_go(broker);
	front = child_edge(broker, PROC_FRONTEND, 0, FRONT);
	control = child_edge(broker, PROC_CONTROL, 0, CONTROL_FRONT);
	auth = child_edge(broker, PROC_AUTH, 0, 0);
	store = child_edge(broker, PROC_STORE, 0, 0);
	audit = child_edge(broker, PROC_AUDIT, 0, 0);
	verifier = child_edge(broker, PROC_VERIFIER, 0, 0);
	engine = child_edge(broker, PROC_ENGINE, 0, 0);
	maker = child_edge(broker, PROC_MAKER, 0, 0);
}

/* Tell the broker whether it is alone; drops the LIST that follows. */
static void
alone(int yes)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	uint64_t	 tag;

	wb_u8(&w, yes);
	peer_send(child_parent(broker), IMSG_BROKER_ALONE, &w);
	if (!yes)
		return;
	peer_recv(store, IMSG_STORE_LIST, &r, SCAN);
	tag = rb_u64(&r);
	ATF_REQUIRE_EQ(rb_u8(&r), ROW_PENDING);
	wb_u64(&w, tag);
	wb_u8(&w, ROW_OK);
	wb_u32(&w, 0);
	peer_send(store, IMSG_BROKER_LISTED, &w);
}

static void
a_key(struct key_record *key)
{
	memset(key, 0, sizeof(*key));
	key->id = key_id;
	key->version = 1;
	strlcpy(key->keystore, "local", sizeof(key->keystore));
	strlcpy(key->backend, "x", sizeof(key->backend));
	key->algorithm = ALG_AES;
	key->length = 256;
	key->serial = 1;
	key->policy = policy_id;
	policy_digest(key->policy_digest, &policy_id, judged_by,
	    strlen(judged_by));
	key->state = KEY_ACTIVE;
	key->created = 1700000000;
	key->row_version = 5;
}

static uint32_t	key_version;		/* that transfers ask for */

static void
send_transfer(uint64_t number, uint8_t step)
{
	struct wbuf		 w = { 0 }, e = { 0 };
	struct evidence		 evidence;

	memset(&evidence, 0, sizeof(evidence));
	evidence.token = (const uint8_t *)"a.b.c";
	evidence.tokenlen = 5;
	if (step != TRANSFER_FIRST)
		wb_evidence(&e, &evidence);
	wb_u64(&w, number);
	wb_str(&w, "192.0.2.1");
	wb_uuid(&w, &key_id);
	wb_u8(&w, step);
	wb_u32(&w, key_version);
	wb_bytes(&w, e.data, e.len);
	wb_free(&e);
	peer_send(front, IMSG_BROKER_TRANSFER, &w);
}

/* Answer the FIND of a key that must come now. */
static void
answer_find(const struct key_record *key, uint64_t policy_version)
{
	struct policy_record	 policy;
	struct rbuf		 r;
	struct wbuf		 w = { 0 }, first = { 0 }, second = { 0 };
	struct uuid		 id;
	uint64_t		 tag;

	peer_recv(store, IMSG_STORE_FIND, &r, WAIT);
	tag = rb_u64(&r);
	ATF_REQUIRE_EQ(rb_u8(&r), ROW_KEY);
	rb_uuid(&r, &id);
	ATF_REQUIRE(uuid_cmp(&id, &key_id) == 0);
	if (key != NULL)
		wb_key_record(&first, key);
	if (key != NULL && !uuid_isnil(&key->policy)) {
		memset(&policy, 0, sizeof(policy));
		policy.id = policy_id;
		policy.text = judged_by;
		policy.textlen = strlen(judged_by);
		policy.row_version = policy_version;
		wb_policy_record(&second, &policy);
	}
	wb_u64(&w, tag);
	wb_u8(&w, key == NULL ? ROW_NONE : ROW_OK);
	wb_bytes(&w, first.data, first.len);
	wb_bytes(&w, second.data, second.len);
	wb_free(&first);
	wb_free(&second);
	peer_send(store, IMSG_BROKER_FOUND, &w);
}

static void
want_name(struct rbuf *r, uint64_t number)
{
	struct request_name	 name;

	rb_name(r, &name);
	ATF_REQUIRE_EQ(name.front, FRONT);
	ATF_REQUIRE_EQ(name.number, number);
}

static void
put_name(struct wbuf *w, uint64_t number)
{
	struct request_name	 name = { FRONT, number };

	wb_name(w, &name);
}

static void
want_appraise(uint64_t number)
{
	struct rbuf	 r;
	struct uuid	 id;
	const uint8_t	*text;
	size_t		 len;

	peer_recv(verifier, IMSG_VERIFIER_APPRAISE, &r, WAIT);
	want_name(&r, number);
	ATF_REQUIRE(rb_u64(&r) > now_ms());
	rb_uuid(&r, &id);
	ATF_REQUIRE(uuid_cmp(&id, &key_id) == 0);
	rb_uuid(&r, &id);
	ATF_REQUIRE(uuid_cmp(&id, &policy_id) == 0);
	text = rb_bytes(&r, &len, 1, 1000);
	ATF_REQUIRE(len == strlen(judged_by));
	ATF_REQUIRE(memcmp(text, judged_by, len) == 0);
	ATF_REQUIRE_EQ(rb_u8(&r), TRANSFER_TOKEN);
	ATF_REQUIRE(rb_bytes(&r, &len, 1, 1000) != NULL);
	ATF_REQUIRE(rb_end(&r) == 0);
}

static void
send_appraised(uint64_t number, uint8_t verdict, uint8_t nonce)
{
	struct wbuf	 w = { 0 };
	uint8_t		 d[DIGEST_LEN];

	put_name(&w, number);
	wb_u8(&w, verdict);
	wb_u16(&w, verdict == VERDICT_OK ? 200 : 401);
	wb_str(&w, verdict == VERDICT_OK ? "" : "attestation denied: policy");
	wb_str(&w, verdict == VERDICT_OK ? "" : "claim does not match");
	wb_str(&w, "tdx_mrtd");
	wb_str(&w, "aa");
	wb_str(&w, "bb");
	wb_u8(&w, TEE_TDX);
	memset(d, 1, sizeof(d));
	wb_digest(&w, d);
	memset(d, 2, sizeof(d));
	wb_digest(&w, d);
	memset(d, nonce, sizeof(d));
	wb_digest(&w, d);
	wb_u64(&w, 2000000000);
	peer_send(verifier, IMSG_BROKER_APPRAISED, &w);
}

struct recorded {
	uint8_t		 op;
	char		 keystore[NAME_MAX_STORE];
	uint8_t		 policy[DIGEST_LEN];
	uint8_t		 wrapping[DIGEST_LEN];
	int		 reply;
	char		 verdict[64];
	char		 claim[64];
};

static void
want_record(uint64_t number, struct recorded *rec)
{
	struct rbuf	 r;
	struct uuid	 id;
	uint8_t		 d[DIGEST_LEN];
	char		 text[512];

	peer_recv(audit, IMSG_AUDIT_RECORD, &r, WAIT);
	want_name(&r, number);
	rec->op = rb_u8(&r);
	rb_str(&r, rec->keystore, sizeof(rec->keystore));
	rb_uuid(&r, &id);
	rb_digest(&r, rec->policy);
	rb_digest(&r, rec->wrapping);
	rec->reply = rb_bool(&r);
	rb_u8(&r);
	rb_str(&r, text, sizeof(text));
	ATF_REQUIRE_EQ(strlen(text), REQUEST_ID_TEXT - 1);
	rb_str(&r, text, sizeof(text));
	ATF_REQUIRE_STREQ(text, "192.0.2.1");
	rb_str(&r, text, sizeof(text));
	rb_uuid(&r, &id);
	rb_uuid(&r, &id);
	rb_u8(&r);
	rb_digest(&r, d);
	rb_str(&r, rec->verdict, sizeof(rec->verdict));
	rb_str(&r, text, sizeof(text));
	rb_str(&r, rec->claim, sizeof(rec->claim));
	rb_str(&r, text, sizeof(text));
	rb_str(&r, text, sizeof(text));
	ATF_REQUIRE(rb_end(&r) == 0);
}

static size_t	argumentlen;		/* of the last ORDER */

static void
want_order(struct peer *peer, uint64_t number, uint8_t op,
    struct key_record *key)
{
	struct rbuf	 r, record;
	const uint8_t	*data;
	uint8_t		 policy[DIGEST_LEN];
	size_t		 len;

	peer_recv(peer, IMSG_ENGINE_ORDER, &r, WAIT);
	want_name(&r, number);
	ATF_REQUIRE_EQ(rb_u8(&r), op);
	data = rb_bytes(&r, &len, 1, 4096);
	rb_init(&record, data, len);
	rb_key_record(&record, key);
	ATF_REQUIRE(rb_end(&record) == 0);
	rb_digest(&r, policy);
	ATF_REQUIRE(memcmp(policy, key->policy_digest, DIGEST_LEN) == 0);
	rb_u64(&r);
	rb_bytes(&r, &argumentlen, 0, 4096);
	ATF_REQUIRE(rb_end(&r) == 0);
}

static void
send_done(struct peer *peer, uint64_t number, uint8_t op, uint8_t result,
    const struct key_record *key)
{
	struct wbuf	 w = { 0 }, record = { 0 };

	if (key != NULL)
		wb_key_record(&record, key);
	put_name(&w, number);
	wb_u8(&w, op);
	wb_u8(&w, result);
	wb_str(&w, result == DONE_OK ? "" : "why not");
	wb_bytes(&w, record.data, record.len);
	wb_free(&record);
	peer_send(peer, IMSG_BROKER_DONE, &w);
}

static void
want_answer(uint64_t number, unsigned int status, struct rbuf *rest,
    uint8_t *kind)
{
	static char	 error[512];
	struct rbuf	 r;
	unsigned int	 got;

	peer_recv(front, IMSG_FRONTEND_ANSWER, &r, WAIT);
	ATF_REQUIRE_EQ(rb_u64(&r), number);
	got = rb_u16(&r);
	rb_u16(&r);
	rb_str(&r, error, sizeof(error));
	ATF_REQUIRE_MSG(got == status, "status %u %s, wanted %u", got, error,
	    status);
	rb_u8(&r);
	if (kind != NULL)
		*kind = rb_u8(&r);
	if (rest != NULL)
		*rest = r;
}

/* A passport transfer up to the verifier. */
static void
begin_transfer(uint64_t number, const struct key_record *key)
{
	send_transfer(number, TRANSFER_TOKEN);
	answer_find(key, 3);
	want_appraise(number);
}

/* A passport transfer up to its ORDER. */
static void
transfer_to_order(uint64_t number, int cached)
{
	struct key_record	 key, ordered;
	struct recorded		 rec;

	a_key(&key);
	send_transfer(number, TRANSFER_TOKEN);
	if (!cached)
		answer_find(&key, 3);
	want_appraise(number);
	send_appraised(number, VERDICT_OK, 0);
	if (!cached)
		answer_find(&key, 3);
	want_record(number, &rec);
	ATF_CHECK_STREQ(rec.verdict, "release");
	ATF_CHECK_STREQ(rec.keystore, "local");
	ATF_CHECK(memcmp(rec.policy, key.policy_digest, DIGEST_LEN) == 0);
	ATF_CHECK_EQ(rec.wrapping[0], 2);
	want_order(engine, number, OP_TRANSFER, &ordered);
	ATF_CHECK_EQ(ordered.row_version, 5);
}

ATF_TC_WITHOUT_HEAD(passport);
ATF_TC_BODY(passport, tc)
{
	struct recorded	 rec;

	start();
	transfer_to_order(1, 0);
	send_done(engine, 1, OP_TRANSFER, DONE_OK, NULL);
	want_record(1, &rec);
	ATF_CHECK_STREQ(rec.verdict, "released");
	ATF_CHECK_STREQ(rec.keystore, "");
	/* The engine has answered the front itself. */
	ATF_CHECK(peer_silent(front, 100));
}

static void
send_test(uint64_t number, const struct uuid *id)
{
	struct wbuf	 w = { 0 }, e = { 0 };
	struct evidence	 evidence = { .token = (const uint8_t *)"a.b.c",
	    .tokenlen = 5 };

	wb_evidence(&e, &evidence);
	wb_u64(&w, number);
	wb_uuid(&w, id);
	wb_bytes(&w, e.data, e.len);
	wb_free(&e);
	peer_send(control, IMSG_BROKER_TEST, &w);
}

/* The policy of this id is not there. */
static void
answer_no_policy(const struct uuid *wanted)
{
	struct rbuf	 r;
	struct wbuf	 w = { 0 };
	struct uuid	 id;
	uint64_t	 tag;

	peer_recv(store, IMSG_STORE_FIND, &r, WAIT);
	tag = rb_u64(&r);
	ATF_REQUIRE_EQ(rb_u8(&r), ROW_POLICY);
	rb_uuid(&r, &id);
	ATF_REQUIRE(uuid_cmp(&id, wanted) == 0);
	wb_u64(&w, tag);
	wb_u8(&w, ROW_NONE);
	wb_bytes(&w, NULL, 0);
	wb_bytes(&w, NULL, 0);
	peer_send(store, IMSG_BROKER_FOUND, &w);
}

static void
send_checks(uint32_t front_of, uint64_t number, uint32_t n)
{
	struct request_name	 name = { front_of, number };
	struct wbuf		 w = { 0 };
	uint32_t		 i;

	wb_name(&w, &name);
	wb_u32(&w, n);
	for (i = 0; i < n; i++)
		wb_check(&w, CHECK_OK, "claim", "wanted", "got");
	peer_send(verifier, IMSG_BROKER_TESTED, &w);
}

/* Nothing that a verifier says of a test releases, records or spends. */
ATF_TC_WITHOUT_HEAD(tested);
ATF_TC_BODY(tested, tc)
{
	struct key_record	 key;
	struct rbuf		 r;
	char			 error[512];

	start();
	a_key(&key);
	send_test(1, &key_id);
	answer_no_policy(&key_id);
	answer_find(&key, 3);
	peer_recv(verifier, IMSG_VERIFIER_TEST, &r, WAIT);
	/* an answer to something else, and for a test that is none */
	send_appraised(1, VERDICT_OK, 1);
	send_checks(CONTROL_FRONT, 2, 1);
	ATF_CHECK(peer_silent(control, 100));
	send_checks(CONTROL_FRONT, 1, 3);
	peer_recv(control, IMSG_FRONTEND_ANSWER, &r, WAIT);
	ATF_CHECK_EQ(rb_u64(&r), 1);
	ATF_CHECK_EQ(rb_u16(&r), 200);
	rb_u16(&r);
	rb_str(&r, error, sizeof(error));
	rb_u8(&r);
	ATF_CHECK_EQ(rb_u8(&r), ANSWER_CHECKS);
	ATF_CHECK_EQ(rb_u32(&r), 3);
	/* nor does an answer to a test end a transfer */
	begin_transfer(3, &key);
	send_checks(FRONT, 3, 1);
	ATF_CHECK(peer_silent(front, 100));
	ATF_CHECK(peer_silent(audit, 0));
	ATF_CHECK(peer_silent(engine, 0));
	ATF_CHECK(peer_silent(store, 0));
}

ATF_TC_WITHOUT_HEAD(cached);
ATF_TC_BODY(cached, tc)
{
	struct key_record	 key, ordered;
	struct recorded		 rec;

	start();
	alone(1);
	a_key(&key);
	/* The first one asks the store once and fills the cache. */
	begin_transfer(1, &key);
	send_appraised(1, VERDICT_OK, 0);
	want_record(1, &rec);
	want_order(engine, 1, OP_TRANSFER, &ordered);
	send_done(engine, 1, OP_TRANSFER, DONE_OK, NULL);
	want_record(1, &rec);
	transfer_to_order(2, 1);
	ATF_CHECK(peer_silent(store, 100));
	/* While another set lives the store is asked each time. */
	alone(0);
	transfer_to_order(3, 0);
}

ATF_TC_WITHOUT_HEAD(denied);
ATF_TC_BODY(denied, tc)
{
	struct key_record	 key;
	struct recorded		 rec;

	start();
	a_key(&key);
	begin_transfer(1, &key);
	send_appraised(1, VERDICT_DENIED, 0);
	want_record(1, &rec);
	ATF_CHECK_STREQ(rec.verdict, "deny");
	ATF_CHECK_STREQ(rec.claim, "tdx_mrtd");
	ATF_CHECK_STREQ(rec.keystore, "");
	want_answer(1, 401, NULL, NULL);
	ATF_CHECK(peer_silent(engine, 100));
}

ATF_TC_WITHOUT_HEAD(no_key_no_policy);
ATF_TC_BODY(no_key_no_policy, tc)
{
	struct key_record	 key;
	struct recorded		 rec;

	start();
	send_transfer(1, TRANSFER_TOKEN);
	answer_find(NULL, 0);
	want_answer(1, 404, NULL, NULL);
	a_key(&key);
	key.policy = uuid_nil;
	memset(key.policy_digest, 0, DIGEST_LEN);
	send_transfer(2, TRANSFER_TOKEN);
	answer_find(&key, 0);
	want_record(2, &rec);
	want_answer(2, 401, NULL, NULL);
	a_key(&key);
	key.state = KEY_PENDING;
	send_transfer(3, TRANSFER_TOKEN);
	answer_find(&key, 3);
	want_answer(3, 404, NULL, NULL);
	ATF_CHECK(peer_silent(verifier, 100));
}

ATF_TC_WITHOUT_HEAD(changed_meanwhile);
ATF_TC_BODY(changed_meanwhile, tc)
{
	struct key_record	 key, ordered;
	struct recorded		 rec;

	start();
	a_key(&key);
	begin_transfer(1, &key);
	send_appraised(1, VERDICT_OK, 0);
	key.row_version = 6;
	answer_find(&key, 3);
	/* From the start, once. */
	answer_find(&key, 3);
	want_appraise(1);
	send_appraised(1, VERDICT_OK, 0);
	answer_find(&key, 3);
	want_record(1, &rec);
	want_order(engine, 1, OP_TRANSFER, &ordered);
	ATF_CHECK_EQ(ordered.row_version, 6);
	/* Not a second time. */
	begin_transfer(2, &key);
	send_appraised(2, VERDICT_OK, 0);
	answer_find(&key, 4);
	answer_find(&key, 4);
	want_appraise(2);
	send_appraised(2, VERDICT_OK, 0);
	answer_find(&key, 5);
	want_answer(2, 503, NULL, NULL);
}

static void
answer_nonce_put(uint8_t result)
{
	struct rbuf	 r;
	struct wbuf	 w = { 0 };
	uint64_t	 tag;

	peer_recv(store, IMSG_STORE_PUT, &r, WAIT);
	tag = rb_u64(&r);
	ATF_REQUIRE_EQ(rb_u8(&r), ROW_NONCE);
	wb_u64(&w, tag);
	wb_u8(&w, result);
	wb_u64(&w, 1);
	peer_send(store, IMSG_BROKER_PUT_DONE, &w);
}

ATF_TC_WITHOUT_HEAD(nonce_once);
ATF_TC_BODY(nonce_once, tc)
{
	struct key_record	 key, ordered;
	struct recorded		 rec;
	uint64_t		 n;

	start();
	a_key(&key);
	for (n = 1; n <= 2; n++) {
		begin_transfer(n, &key);
		send_appraised(n, VERDICT_OK, 0x77);
		answer_find(&key, 3);
		answer_nonce_put(n == 1 ? ROW_OK : ROW_EXISTS);
		want_record(n, &rec);
		if (n == 1)
			want_order(engine, n, OP_TRANSFER, &ordered);
	}
	ATF_CHECK_STREQ(rec.verdict, "deny");
	want_answer(2, 401, NULL, NULL);
	ATF_CHECK(peer_silent(engine, 100));
}

ATF_TC_WITHOUT_HEAD(first_step);
ATF_TC_BODY(first_step, tc)
{
	struct key_record	 key;
	struct rbuf		 r;
	struct wbuf		 w = { 0 };
	uint8_t			 kind;
	size_t			 len;

	start();
	a_key(&key);
	send_transfer(1, TRANSFER_FIRST);
	answer_find(&key, 3);
	peer_recv(verifier, IMSG_VERIFIER_NONCE, &r, WAIT);
	put_name(&w, 1);
	wb_u8(&w, VERDICT_OK);
	wb_u16(&w, 200);
	wb_str(&w, "");
	wb_str(&w, "");
	wb_u8(&w, TEE_TDX);
	wb_bytes(&w, "val", 3);
	wb_bytes(&w, "iat", 3);
	wb_bytes(&w, "sig", 3);
	peer_send(verifier, IMSG_BROKER_NONCED, &w);
	want_answer(1, 200, &r, &kind);
	ATF_CHECK_EQ(kind, ANSWER_NONCE);
	ATF_CHECK_EQ(rb_u32(&r), 1);
	ATF_CHECK(memcmp(rb_bytes(&r, &len, 3, 3), "val", 3) == 0);
	ATF_CHECK(memcmp(rb_bytes(&r, &len, 3, 3), "iat", 3) == 0);
	ATF_CHECK(memcmp(rb_bytes(&r, &len, 3, 3), "sig", 3) == 0);
	ATF_CHECK(rb_end(&r) == 0);
}

ATF_TC_WITHOUT_HEAD(verifier_dies);
ATF_TC_BODY(verifier_dies, tc)
{
	struct key_record	 key;
	struct rbuf		 r;
	char			 client[64];

	start();
	a_key(&key);
	begin_transfer(1, &key);
	peer_close(verifier);
	want_answer(1, 503, NULL, NULL);
	/* The parent hears whose request it had. */
	peer_recv(child_parent(broker), IMSG_PARENT_BLAME, &r, WAIT);
	ATF_CHECK_EQ(rb_u32(&r), PROC_VERIFIER);
	ATF_CHECK_EQ(rb_u32(&r), 0);
	ATF_CHECK_EQ(rb_u32(&r), 1);
	rb_str(&r, client, sizeof(client));
	ATF_CHECK_STREQ(client, "192.0.2.1");
	/* The next one goes to its replacement. */
	verifier = child_edge(broker, PROC_VERIFIER, 0, 0);
	begin_transfer(2, &key);
}

ATF_TC_WITHOUT_HEAD(not_recorded);
ATF_TC_BODY(not_recorded, tc)
{
	struct wbuf	 w = { 0 };

	start();
	transfer_to_order(1, 0);
	put_name(&w, 1);
	wb_str(&w, "disk full");
	peer_send(audit, IMSG_BROKER_NOT_RECORDED, &w);
	want_answer(1, 503, NULL, NULL);
	/* What the engine says later is late. */
	send_done(engine, 1, OP_TRANSFER, DONE_TIMEOUT, NULL);
	ATF_CHECK(peer_silent(front, 100));
}

/* --- administrators ------------------------------------------------------ */

static uint8_t	asked[DIGEST_LEN];

static void
send_ask(uint64_t number, const struct ask *ask)
{
	struct wbuf	 w = { 0 }, bytes = { 0 };

	wb_ask(&bytes, ask);
	digest(asked, bytes.data, bytes.len);
	wb_u64(&w, number);
	wb_str(&w, "192.0.2.1");
	wb_bytes(&w, bytes.data, bytes.len);
	wb_free(&bytes);
	peer_send(front, IMSG_BROKER_ASK, &w);
}

static void
want_asked(uint64_t number)
{
	struct rbuf	 r;
	const uint8_t	*bytes;
	uint8_t		 d[DIGEST_LEN];
	char		 client[64];
	size_t		 len;

	peer_recv(auth, IMSG_AUTH_ASKED, &r, WAIT);
	want_name(&r, number);
	rb_str(&r, client, sizeof(client));
	bytes = rb_bytes(&r, &len, 1, 65536);
	ATF_REQUIRE(rb_end(&r) == 0);
	digest(d, bytes, len);
	ATF_REQUIRE(memcmp(d, asked, DIGEST_LEN) == 0);
}

static void
send_granted(uint64_t number, uint8_t op, const struct uuid *object,
    const struct wbuf *row, const char *intent)
{
	struct key_record	 key;
	struct wbuf		 w = { 0 };

	a_key(&key);
	put_name(&w, number);
	wb_uuid(&w, &key_id);
	wb_str(&w, "admin");
	wb_u8(&w, op);
	wb_digest(&w, asked);
	wb_uuid(&w, object);
	wb_u64(&w, 1700000000);
	wb_digest(&w, op == OP_KEY_CREATE || op == OP_KEY_ROTATE ?
	    key.policy_digest : zero);
	wb_bytes(&w, row == NULL ? NULL : row->data,
	    row == NULL ? 0 : row->len);
	wb_bytes(&w, intent, strlen(intent));
	wb_digest(&w, zero);
	peer_send(auth, IMSG_BROKER_GRANTED, &w);
}

static void
send_recorded(uint64_t number, uint8_t op)
{
	struct wbuf	 w = { 0 };

	put_name(&w, number);
	wb_u8(&w, op);
	wb_uuid(&w, &uuid_nil);
	wb_digest(&w, zero);
	wb_digest(&w, zero);
	wb_u64(&w, 12);
	peer_send(audit, IMSG_BROKER_RECORDED, &w);
}

/* The PUT or DELETE that must come now. */
static void
answer_put(uint32_t type, uint8_t kind, uint8_t result, uint64_t version,
    struct key_record *key, char *intent)
{
	struct rbuf	 r, record;
	struct wbuf	 w = { 0 };
	const uint8_t	*data;
	uint64_t	 tag;
	size_t		 len;

	peer_recv(store, type, &r, WAIT);
	tag = rb_u64(&r);
	ATF_REQUIRE_EQ(rb_u8(&r), kind);
	if (type == IMSG_STORE_PUT) {
		rb_u64(&r);
		data = rb_bytes(&r, &len, 1, 65536);
		if (key != NULL) {
			rb_init(&record, data, len);
			rb_key_record(&record, key);
			ATF_REQUIRE(rb_end(&record) == 0);
		}
		data = rb_bytes(&r, &len, 0, 4096);
		if (intent != NULL) {
			memcpy(intent, data, len);
			intent[len] = '\0';
		}
	}
	wb_u64(&w, tag);
	wb_u8(&w, result);
	wb_u64(&w, version);
	peer_send(store, IMSG_BROKER_PUT_DONE, &w);
}

ATF_TC_WITHOUT_HEAD(policy_create);
ATF_TC_BODY(policy_create, tc)
{
	struct policy_record	 policy;
	struct recorded		 rec;
	struct ask		 ask;
	struct wbuf		 row = { 0 };
	struct rbuf		 r;
	uint8_t			 kind;

	start();
	memset(&ask, 0, sizeof(ask));
	ask.op = OP_POLICY_CREATE;
	ask.text = judged_by;
	ask.textlen = strlen(judged_by);
	send_ask(1, &ask);
	want_asked(1);
	memset(&policy, 0, sizeof(policy));
	policy.id = policy_id;
	policy.created = 1700000000;
	policy.text = judged_by;
	policy.textlen = strlen(judged_by);
	wb_policy_record(&row, &policy);
	send_granted(1, OP_POLICY_CREATE, &policy_id, &row, "");
	want_record(1, &rec);
	ATF_CHECK_STREQ(rec.verdict, "grant");
	ATF_CHECK(rec.reply);
	/* Nothing is written before the line is. */
	ATF_CHECK(peer_silent(store, 100));
	/* No engine has a part in it. */
	peer_close(engine);
	ATF_CHECK(peer_silent(front, 50));
	send_recorded(1, OP_POLICY_CREATE);
	answer_put(IMSG_STORE_PUT, ROW_POLICY, ROW_OK, 1, NULL, NULL);
	want_answer(1, 201, &r, &kind);
	ATF_CHECK_EQ(kind, ANSWER_POLICY);
	ATF_CHECK_EQ(rb_u32(&r), 1);
	rb_policy_record(&r, &policy);
	ATF_CHECK(rb_end(&r) == 0);
	wb_free(&row);
}

ATF_TC_WITHOUT_HEAD(refused);
ATF_TC_BODY(refused, tc)
{
	struct recorded	 rec;
	struct ask	 ask;
	struct wbuf	 w = { 0 };

	start();
	memset(&ask, 0, sizeof(ask));
	ask.op = OP_KEY_SEARCH;
	send_ask(1, &ask);
	want_asked(1);
	put_name(&w, 1);
	wb_u16(&w, 401);
	wb_u16(&w, 0);
	wb_str(&w, "unauthorized");
	wb_str(&w, "mallory");
	wb_str(&w, "token expired");
	peer_send(auth, IMSG_BROKER_REFUSED, &w);
	want_record(1, &rec);
	ATF_CHECK_STREQ(rec.verdict, "deny");
	want_answer(1, 401, NULL, NULL);
	ATF_CHECK(peer_silent(store, 100));
}

/* A grant for something else than what was asked breaks the rules. */
ATF_TC_WITHOUT_HEAD(other_grant);
ATF_TC_BODY(other_grant, tc)
{
	struct ask	 ask;
	struct rbuf	 r;

	start();
	memset(&ask, 0, sizeof(ask));
	ask.op = OP_KEY_SEARCH;
	send_ask(1, &ask);
	want_asked(1);
	asked[3] ^= 1;
	send_granted(1, OP_KEY_SEARCH, &uuid_nil, NULL, "");
	ATF_CHECK(peer_closed(auth, WAIT));
	want_answer(1, 503, NULL, NULL);
	peer_recv(child_parent(broker), IMSG_PARENT_VIOLATION, &r, WAIT);
	ATF_CHECK_EQ(rb_u32(&r), PROC_AUTH);
}

static void
key_create_to_order(uint64_t number)
{
	struct key_record	 key;
	struct recorded		 rec;
	struct ask		 ask;
	char			 intent[256];

	memset(&ask, 0, sizeof(ask));
	ask.op = OP_KEY_CREATE;
	ask.algorithm = ALG_AES;
	ask.length = 256;
	ask.policy = policy_id;
	send_ask(number, &ask);
	want_asked(number);
	send_granted(number, OP_KEY_CREATE, &key_id, NULL, "sealed intent");
	answer_put(IMSG_STORE_PUT, ROW_KEY, ROW_OK, 8, &key, intent);
	ATF_CHECK_STREQ(intent, "sealed intent");
	ATF_CHECK_EQ(key.state, KEY_PENDING);
	ATF_CHECK_STREQ(key.keystore, "local");
	want_record(number, &rec);
	ATF_CHECK_STREQ(rec.keystore, "local");
	want_order(maker, number, OP_KEY_CREATE, &key);
}

ATF_TC_WITHOUT_HEAD(key_create);
ATF_TC_BODY(key_create, tc)
{
	struct key_record	 key;
	struct recorded		 rec;
	struct rbuf		 r;
	uint8_t			 kind;
	char			 intent[256];

	start();
	key_create_to_order(1);
	a_key(&key);
	send_done(maker, 1, OP_KEY_CREATE, DONE_OK, &key);
	want_record(1, &rec);
	answer_put(IMSG_STORE_PUT, ROW_KEY, ROW_OK, 9, &key, intent);
	ATF_CHECK_EQ(key.state, KEY_ACTIVE);
	ATF_CHECK_EQ(key.serial, 1);
	ATF_CHECK_STREQ(intent, "");
	want_answer(1, 201, &r, &kind);
	ATF_CHECK_EQ(kind, ANSWER_KEY);
	ATF_CHECK_EQ(rb_u32(&r), 1);
	rb_key_record(&r, &key);
	ATF_CHECK(rb_end(&r) == 0);
	ATF_CHECK_EQ(key.row_version, 9);
}

ATF_TC_WITHOUT_HEAD(key_create_fails);
ATF_TC_BODY(key_create_fails, tc)
{
	struct recorded	 rec;

	start();
	key_create_to_order(1);
	send_done(maker, 1, OP_KEY_CREATE, DONE_INVALID, NULL);
	want_record(1, &rec);
	answer_put(IMSG_STORE_DELETE, ROW_KEY, ROW_OK, 0, NULL, NULL);
	want_answer(1, 400, NULL, NULL);
	/* Of another key than the one asked for: a lie. */
	key_create_to_order(2);
}

/* What it was told is lost with it; its replacement would wait for that. */
ATF_TC_WITHOUT_HEAD(engines_die);
ATF_TC_BODY(engines_die, tc)
{
	struct key_record	 key;
	struct ask		 ask = {
		.op = OP_KEY_CREATE, .algorithm = ALG_AES, .length = 256,
		.policy = policy_id
	};

	start();
	a_key(&key);
	begin_transfer(1, &key);
	send_appraised(1, VERDICT_OK, 0x77);
	send_transfer(2, TRANSFER_TOKEN);
	peer_close(engine);		/* before the last look at the key */
	want_answer(1, 503, NULL, NULL);
	/* Nobody has vouched for that one yet. */
	ATF_CHECK(peer_silent(front, 50));
	send_ask(3, &ask);
	want_asked(3);
	send_granted(3, OP_KEY_CREATE, &key_id, NULL, "sealed intent");
	send_ask(4, &ask);
	want_asked(4);
	peer_close(maker);
	want_answer(3, 503, NULL, NULL);
	ATF_CHECK(peer_silent(front, 50));
}

/* Then it is not missed. */
ATF_TC_WITHOUT_HEAD(engine_dies_after);
ATF_TC_BODY(engine_dies_after, tc)
{
	struct key_record	 key;
	struct recorded		 rec;
	char			 intent[256];

	start();
	key_create_to_order(1);
	a_key(&key);
	send_done(maker, 1, OP_KEY_CREATE, DONE_OK, &key);
	want_record(1, &rec);
	peer_close(maker);
	ATF_CHECK(peer_silent(front, 50));
	answer_put(IMSG_STORE_PUT, ROW_KEY, ROW_OK, 9, &key, intent);
	want_answer(1, 201, NULL, NULL);
}

/* What a crash left: shown to auth, undone by the engine, then gone. */
ATF_TC_WITHOUT_HEAD(leftover);
ATF_TC_BODY(leftover, tc)
{
	struct request_name	 name;
	struct key_record	 key;
	struct rbuf		 r;
	struct wbuf		 w = { 0 }, record = { 0 };
	const uint8_t		*data;
	uint64_t		 tag;
	size_t			 len;

	start();
	wb_u8(&w, 1);
	peer_send(child_parent(broker), IMSG_BROKER_ALONE, &w);
	peer_recv(store, IMSG_STORE_LIST, &r, SCAN);
	tag = rb_u64(&r);
	a_key(&key);
	key.state = KEY_PENDING;
	wb_key_record(&record, &key);
	wb_u64(&w, tag);
	wb_u8(&w, ROW_OK);
	wb_u32(&w, 1);
	wb_bytes(&w, record.data, record.len);
	wb_bytes(&w, "sealed", 6);
	peer_send(store, IMSG_BROKER_LISTED, &w);
	peer_recv(auth, IMSG_AUTH_LEFTOVER, &r, WAIT);
	rb_name(&r, &name);
	ATF_REQUIRE_EQ(name.front, OWN_FRONT);
	rb_bytes(&r, &len, 1, 4096);
	data = rb_bytes(&r, &len, 1, 4096);
	ATF_REQUIRE(len == 6 && memcmp(data, "sealed", 6) == 0);
	wb_name(&w, &name);
	wb_uuid(&w, &uuid_nil);
	wb_str(&w, "kbsd");
	wb_u8(&w, OP_KEY_DELETE);
	wb_digest(&w, zero);
	wb_uuid(&w, &key_id);
	wb_u64(&w, 1700000000);
	wb_digest(&w, zero);
	wb_bytes(&w, NULL, 0);
	wb_bytes(&w, NULL, 0);
	wb_digest(&w, zero);
	peer_send(auth, IMSG_BROKER_GRANTED, &w);
	peer_recv(audit, IMSG_AUDIT_RECORD, &r, WAIT);
	peer_recv(engine, IMSG_ENGINE_ORDER, &r, WAIT);
	wb_name(&w, &name);
	wb_u8(&w, OP_KEY_DELETE);
	wb_u8(&w, DONE_OK);
	wb_str(&w, "");
	wb_bytes(&w, NULL, 0);
	peer_send(engine, IMSG_BROKER_DONE, &w);
	answer_put(IMSG_STORE_DELETE, ROW_KEY, ROW_OK, 0, NULL, NULL);
	wb_free(&record);
}

/* One FIND of the broker, answered. */
static void
tell_row(enum row_result result, const struct key_record *key)
{
	struct wbuf	 w = { 0 }, record = { 0 };
	struct rbuf	 r;

	peer_recv(store, IMSG_STORE_FIND, &r, WAIT);
	wb_u64(&w, rb_u64(&r));
	wb_u8(&w, (uint8_t)result);
	if (key != NULL)
		wb_key_record(&record, key);
	wb_bytes(&w, record.data, record.len);
	wb_bytes(&w, NULL, 0);
	wb_free(&record);
	peer_send(store, IMSG_BROKER_FOUND, &w);
}

/* A grant is for the record that auth was shown, or nothing is begun. */
ATF_TC_WITHOUT_HEAD(changed_since_granted);
ATF_TC_BODY(changed_since_granted, tc)
{
	struct key_record	 key;
	struct recorded		 rec;
	struct ask		 ask;
	uint64_t		 n;

	start();
	memset(&ask, 0, sizeof(ask));
	ask.op = OP_KEY_DELETE;
	ask.id = key_id;
	for (n = 1; n <= 2; n++) {
		a_key(&key);
		key.seal[0] = n == 1 ? 7 : 0;
		send_ask(n, &ask);
		want_asked(n);
		send_granted(n, OP_KEY_DELETE, &key_id, NULL, "sealed");
		tell_row(ROW_OK, &key);
		if (n == 1)
			want_answer(n, 503, NULL, NULL);
	}
	answer_put(IMSG_STORE_PUT, ROW_KEY, ROW_OK, 6, &key, NULL);
	ATF_CHECK_EQ(KEY_DELETING, key.state);
	want_record(2, &rec);
	ATF_CHECK(peer_silent(front, 50));
}

/* --- versions ------------------------------------------------------------ */

static void
rotate_to_order(uint64_t number, const struct key_record *key, int material)
{
	struct key_record	 ordered;
	struct recorded		 rec;
	struct ask		 ask = { .op = OP_KEY_ROTATE, .id = key_id };

	ask.has_material = (uint8_t)material;
	send_ask(number, &ask);
	want_asked(number);
	send_granted(number, OP_KEY_ROTATE, &key_id, NULL, "");
	tell_row(ROW_OK, key);
	want_record(number, &rec);
	ATF_CHECK_EQ(OP_KEY_ROTATE, rec.op);
	ATF_CHECK_STREQ("local", rec.keystore);
	ATF_CHECK(memcmp(rec.policy, key->policy_digest, DIGEST_LEN) == 0);
	want_order(maker, number, OP_KEY_ROTATE, &ordered);
	ATF_CHECK_EQ(material, (int)argumentlen);
	ATF_CHECK_EQ(KEY_ACTIVE, ordered.state);
}

/* Who counts the versions has it as that one, or not at all. */
ATF_TC_WITHOUT_HEAD(rotated_as);
ATF_TC_BODY(rotated_as, tc)
{
	struct key_record	 key, ordered;
	struct ask		 ask = { .op = OP_KEY_ROTATE, .id = key_id };
	struct recorded		 rec;
	uint64_t		 n;

	start();
	a_key(&key);
	key.version = 3;
	for (n = 1; n <= 4; n++) {
		ask.version = (uint32_t)(n == 4 ? UINT32_MAX : n + 2);
		send_ask(n, &ask);
		want_asked(n);
		send_granted(n, OP_KEY_ROTATE, &key_id, NULL, "");
		tell_row(ROW_OK, &key);
		if (n != 2) {
			want_answer(n, 503, NULL, NULL);
			continue;
		}
		want_record(n, &rec);
		want_order(maker, n, OP_KEY_ROTATE, &ordered);
	}
}

/* No row says that it goes on; whoever meets the new record first puts it. */
ATF_TC_WITHOUT_HEAD(rotated);
ATF_TC_BODY(rotated, tc)
{
	struct key_record	 key, newest, put;
	struct recorded		 rec;
	uint64_t		 n;
	int			 result;

	start();
	a_key(&key);
	newest = key;
	newest.version = 2;
	newest.serial = 2;
	memset(newest.seal, 9, DIGEST_LEN);
	for (n = 1; n <= 5; n++) {
		rotate_to_order(n, &key, n == 1);
		result = n == 4 ? DONE_STALE : n == 5 ? DONE_UNAVAILABLE :
		    DONE_OK;
		send_done(maker, n, OP_KEY_ROTATE, (uint8_t)result, n == 5 ?
		    NULL : &newest);
		want_record(n, &rec);
		if (n == 5) {
			want_answer(n, 502, NULL, NULL);
			break;
		}
		answer_put(IMSG_STORE_PUT, ROW_KEY, n == 2 || n == 3 ?
		    ROW_CONFLICT : ROW_OK, 6, &put, NULL);
		ATF_CHECK_EQ(2, put.version);
		ATF_CHECK_EQ(KEY_ACTIVE, put.state);
		ATF_CHECK_EQ(key.created, put.created);
		if (n == 2 || n == 3) {
			if (n == 3)
				put.seal[0] ^= 1;
			tell_row(ROW_OK, &put);
		}
		want_answer(n, n == 1 ? 201 : n == 2 ? 200 : 503, NULL, NULL);
	}
	/* Never left to be undone. */
	ATF_CHECK(peer_silent(store, 50));
}

/* Only kms knows which versions there are. */
ATF_TC_WITHOUT_HEAD(versions);
ATF_TC_BODY(versions, tc)
{
	struct recorded	 rec;

	start();
	key_version = 7;
	transfer_to_order(1, 0);
	ATF_CHECK_EQ(4, argumentlen);
	send_done(engine, 1, OP_TRANSFER, DONE_NONE, NULL);
	want_record(1, &rec);
	want_answer(1, 404, NULL, NULL);
	key_version = 0;
	transfer_to_order(2, 0);
	ATF_CHECK_EQ(0, argumentlen);
	send_done(engine, 2, OP_TRANSFER, DONE_NONE, NULL);
	want_record(2, &rec);
	want_answer(2, 500, NULL, NULL);
}

/* Rotated between verdict and release: begun again, with the same nonce. */
ATF_TC_WITHOUT_HEAD(rotated_meanwhile);
ATF_TC_BODY(rotated_meanwhile, tc)
{
	struct key_record	 key, newest, put;
	struct recorded		 rec;
	int			 i;

	start();
	a_key(&key);
	newest = key;
	newest.version = newest.serial = 2;
	send_transfer(1, TRANSFER_TOKEN);
	for (i = 0; i < 2; i++) {
		answer_find(i == 0 ? &key : &newest, 3);
		want_appraise(1);
		send_appraised(1, VERDICT_OK, 0x77);
		answer_find(i == 0 ? &key : &newest, 3);
		if (i == 0)
			answer_nonce_put(ROW_OK);
		want_record(1, &rec);
		ATF_CHECK_STREQ("release", rec.verdict);
		want_order(engine, 1, OP_TRANSFER, &put);
		ATF_CHECK_EQ(i + 1, (int)put.version);
		send_done(engine, 1, OP_TRANSFER, i == 0 ? DONE_STALE :
		    DONE_OK, i == 0 ? &newest : NULL);
		if (i == 0)
			answer_put(IMSG_STORE_PUT, ROW_KEY, ROW_OK, 6, &put,
			    NULL);
	}
	want_record(1, &rec);
	ATF_CHECK_STREQ("released", rec.verdict);
}

/* "There is none" and "nobody knows" are not the same to auth. */
ATF_TC_WITHOUT_HEAD(rows_that_fail);
ATF_TC_BODY(rows_that_fail, tc)
{
	static const enum row_result	 results[] = { ROW_OK, ROW_NONE,
					    ROW_FAILED };
	struct key_record	 key;
	struct wbuf		 w = { 0 };
	struct rbuf		 r;
	size_t			 i, j, len;

	start();
	a_key(&key);
	for (i = 0; i < 3; i++) {
		wb_u64(&w, i + 1);
		wb_uuid(&w, &uuid_nil);
		wb_str(&w, "");
		wb_uuid(&w, &uuid_nil);
		wb_uuid(&w, &key_id);
		peer_send(auth, IMSG_BROKER_ROWS_WANT, &w);
		tell_row(results[i], i == 0 ? &key : NULL);
		peer_recv(auth, IMSG_AUTH_ROWS, &r, WAIT);
		ATF_CHECK_EQ(i + 1, rb_u64(&r));
		for (j = 0; j < 4; j++)
			(void)rb_bytes(&r, &len, 0, 4096);
		ATF_CHECK_EQ(i == 0, len > 0);
		ATF_CHECK_EQ(i == 2 ? ROW_FAILED : ROW_OK, rb_u8(&r));
		ATF_CHECK(rb_end(&r) == 0);
	}
	/* no store at all */
	peer_close(store);
	child_settled(broker);
	wb_u64(&w, 9);
	wb_uuid(&w, &key_id);
	wb_str(&w, "");
	wb_uuid(&w, &uuid_nil);
	wb_uuid(&w, &uuid_nil);
	peer_send(auth, IMSG_BROKER_ROWS_WANT, &w);
	peer_recv(auth, IMSG_AUTH_ROWS, &r, WAIT);
	ATF_CHECK_EQ(9, rb_u64(&r));
	for (j = 0; j < 4; j++)
		(void)rb_bytes(&r, &len, 0, 4096);
	ATF_CHECK_EQ(ROW_FAILED, rb_u8(&r));
}

ATF_TC_WITHOUT_HEAD(bounded);
ATF_TC_BODY(bounded, tc)
{
	uint64_t	 n;

	start();
	for (n = 1; n <= FRONT_REQUESTS_MAX + 3; n++)
		send_transfer(n, TRANSFER_TOKEN);
	for (n = 1; n <= 3; n++)
		want_answer(FRONT_REQUESTS_MAX + n, 503, NULL, NULL);
	ATF_CHECK(peer_silent(front, 100));
}

/* A number that is in use, and types that are not in an edge's table. */
ATF_TC_WITHOUT_HEAD(violations);
ATF_TC_BODY(violations, tc)
{
	struct wbuf	 w = { 0 };
	struct peer	*gate;

	start();
	gate = child_edge(broker, PROC_GATE, 0, FRONT + 1);
	send_transfer(1, TRANSFER_TOKEN);
	send_transfer(1, TRANSFER_TOKEN);
	ATF_CHECK(peer_closed(front, WAIT));
	wb_u64(&w, 1);
	peer_send(gate, IMSG_BROKER_ASK, &w);
	ATF_CHECK(peer_closed(gate, WAIT));
	peer_send(verifier, IMSG_BROKER_GRANTED, &w);
	ATF_CHECK(peer_closed(verifier, WAIT));
	send_done(store, 1, OP_TRANSFER, DONE_OK, NULL);
	ATF_CHECK(peer_closed(store, WAIT));
	peer_send(engine, IMSG_BROKER_DONE, &w);
	ATF_CHECK(peer_closed(engine, WAIT));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, passport);
	ATF_TP_ADD_TC(tp, tested);
	ATF_TP_ADD_TC(tp, cached);
	ATF_TP_ADD_TC(tp, denied);
	ATF_TP_ADD_TC(tp, no_key_no_policy);
	ATF_TP_ADD_TC(tp, changed_meanwhile);
	ATF_TP_ADD_TC(tp, nonce_once);
	ATF_TP_ADD_TC(tp, first_step);
	ATF_TP_ADD_TC(tp, verifier_dies);
	ATF_TP_ADD_TC(tp, not_recorded);
	ATF_TP_ADD_TC(tp, policy_create);
	ATF_TP_ADD_TC(tp, refused);
	ATF_TP_ADD_TC(tp, other_grant);
	ATF_TP_ADD_TC(tp, key_create);
	ATF_TP_ADD_TC(tp, key_create_fails);
	ATF_TP_ADD_TC(tp, engines_die);
	ATF_TP_ADD_TC(tp, engine_dies_after);
	ATF_TP_ADD_TC(tp, leftover);
	ATF_TP_ADD_TC(tp, changed_since_granted);
	ATF_TP_ADD_TC(tp, rotated_as);
	ATF_TP_ADD_TC(tp, rotated);
	ATF_TP_ADD_TC(tp, versions);
	ATF_TP_ADD_TC(tp, rotated_meanwhile);
	ATF_TP_ADD_TC(tp, rows_that_fail);
	ATF_TP_ADD_TC(tp, bounded);
	ATF_TP_ADD_TC(tp, violations);
	return (atf_no_error());
}

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
 * An engine, a verifier, audit or auth that is taken over, one at a time.
 * The others are real: broker, store and kms, and whom it does not play.
 */
#include "rig.h"

#define SOON	400	/* ms, for what is to end for want of something */

static struct rig	 g;
static struct uuid	 weak;
static struct key_record key, other;
static uint8_t		 wrapping[DIGEST_LEN];
static const uint8_t	 zero[DIGEST_LEN];

static void
begin(unsigned int played)
{
	rig_start(&g, played);
	if ((played & BIT(W_VERIFIER)) == 0)
		serve_collateral(&g);
	wrapping_of(g.pkey, wrapping);
}

static void
fill(void)
{
	weak = add_policy(&g, POLICY_WEAK);
	key = add_key(&g, g.secret, &weak, 0);
	other = add_key(&g, g.other, &weak, 0);
}

/* --- an engine ----------------------------------------------------------- */

/* A client's request comes here in its two halves: the name it has. */
static struct request_name
ordered(void)
{
	struct request_name	 name, verdict;
	struct rbuf		 r;
	char			*token = make_token(&g, g.pkey, NULL);

	send_transfer(g.edge[W_FRONT][W_BROKER], ++g.number, &key.id, token);
	free(token);
	peer_recv(g.edge[W_ENGINE][W_VERIFIER], IMSG_ENGINE_VERDICT, &r,
	    WAIT);
	rb_name(&r, &verdict);
	peer_recv(g.edge[W_ENGINE][W_BROKER], IMSG_ENGINE_ORDER, &r, WAIT);
	rb_name(&r, &name);
	ATF_CHECK_EQ(0, name_cmp(&name, &verdict));
	return (name);
}

static void
ask_head(struct wbuf *w, const struct request_name *name, uint8_t op,
    uint8_t half, const struct key_record *k)
{
	wb_name(w, name);
	wb_u8(w, op);
	wb_u8(w, half);
	put_record(w, k);
}

static void
fetch(const struct request_name *name, uint8_t op, uint8_t half,
    const struct key_record *k, const uint8_t *policy, const uint8_t *wrap,
    unsigned int ms)
{
	struct wbuf	 w = { 0 };

	ask_head(&w, name, op, half, k);
	wb_digest(&w, policy);
	wb_digest(&w, wrap);
	wb_u32(&w, 0);
	wb_u64(&w, now_ms() + ms);
	wb_bytes(&w, NULL, 0);
	peer_send(g.edge[W_ENGINE][W_KMS], IMSG_KMS_FETCH, &w);
}

/* What came is this; no material but on success. */
static void
answered(uint32_t type, enum done_result result, const uint8_t *secret)
{
	struct request_name	 name;
	struct rbuf		 r;
	const uint8_t		*p;
	char			 reason[REASON_TEXT_MAX];
	size_t			 len;

	peer_recv(g.edge[W_ENGINE][W_KMS], type, &r, WAIT);
	rb_name(&r, &name);
	ATF_CHECK_EQ(result, rb_u8(&r));
	rb_str(&r, reason, sizeof(reason));
	p = rb_bytes(&r, &len, 0, MATERIAL_MAX);
	ATF_REQUIRE(rb_end(&r) == 0);
	if (secret != NULL) {
		ATF_REQUIRE_EQ(SECRET_LEN, len);
		ATF_CHECK(memcmp(p, secret, SECRET_LEN) == 0);
	} else {
		ATF_CHECK(memmem(p, len, g.secret, SECRET_LEN) == NULL);
		ATF_CHECK(memmem(p, len, g.other, SECRET_LEN) == NULL);
	}
}

static void
fetch_rightly(void)
{
	struct request_name	 name = ordered();

	fetch(&name, OP_TRANSFER, HALF_VERDICT, &key, key.policy_digest,
	    wrapping, WAIT);
	answered(IMSG_ENGINE_FETCHED, DONE_OK, g.secret);
}

ATF_TC_WITHOUT_HEAD(engine_without_order);
ATF_TC_BODY(engine_without_order, tc)
{
	struct request_name	 name = { FRONT, 4711 };

	begin(BIT(W_ENGINE));
	fill();
	fetch(&name, OP_TRANSFER, HALF_VERDICT, &key, key.policy_digest,
	    wrapping, SOON);
	answered(IMSG_ENGINE_FETCHED, DONE_TIMEOUT, NULL);
	name.number++;
	fetch(&name, OP_KEY_RELEASE, HALF_GRANT, &key, key.policy_digest,
	    wrapping, SOON);
	answered(IMSG_ENGINE_FETCHED, DONE_TIMEOUT, NULL);
	fetch_rightly();
	rig_end(&g);
}

/* Ordered to release one key, it asks for another, or for other eyes. */
ATF_TC_WITHOUT_HEAD(engine_other_than_ordered);
ATF_TC_BODY(engine_other_than_ordered, tc)
{
	struct key_record	 bad;
	struct request_name	 name;
	uint8_t			 thief[DIGEST_LEN];

	begin(BIT(W_ENGINE));
	fill();
	wrapping_of(g.thief, thief);
	name = ordered();
	fetch(&name, OP_TRANSFER, HALF_VERDICT, &other, other.policy_digest,
	    wrapping, WAIT);
	answered(IMSG_ENGINE_FETCHED, DONE_REFUSED, NULL);
	name = ordered();
	fetch(&name, OP_TRANSFER, HALF_VERDICT, &key, key.policy_digest,
	    thief, WAIT);
	answered(IMSG_ENGINE_FETCHED, DONE_REFUSED, NULL);
	name = ordered();
	fetch(&name, OP_KEY_RELEASE, HALF_GRANT, &key, key.policy_digest,
	    wrapping, SOON);
	answered(IMSG_ENGINE_FETCHED, DONE_TIMEOUT, NULL);
	name = ordered();
	fetch(&name, OP_TRANSFER, HALF_GRANT, &key, key.policy_digest,
	    wrapping, WAIT);
	answered(IMSG_ENGINE_FETCHED, DONE_REFUSED, NULL);
	/* the other key's record under the id that is in the line */
	bad = other;
	bad.id = key.id;
	name = ordered();
	fetch(&name, OP_TRANSFER, HALF_VERDICT, &bad, key.policy_digest,
	    wrapping, WAIT);
	answered(IMSG_ENGINE_FETCHED, DONE_REFUSED, NULL);
	fetch_rightly();
	rig_end(&g);
}

ATF_TC_WITHOUT_HEAD(engine_again);
ATF_TC_BODY(engine_again, tc)
{
	struct request_name	 name;
	int			 i;

	begin(BIT(W_ENGINE));
	fill();
	name = ordered();
	for (i = 0; i < 3; i++) {
		fetch(&name, OP_TRANSFER, HALF_VERDICT, &key,
		    key.policy_digest, wrapping, i == 0 ? WAIT : SOON);
		answered(IMSG_ENGINE_FETCHED, i == 0 ? DONE_OK :
		    DONE_TIMEOUT, i == 0 ? g.secret : NULL);
	}
	fetch_rightly();
	rig_end(&g);
}

/* It moves and deletes nothing by itself, and stores never. */
ATF_TC_WITHOUT_HEAD(engine_writes);
ATF_TC_BODY(engine_writes, tc)
{
	struct request_name	 name;
	struct wbuf		 w = { 0 };

	begin(BIT(W_ENGINE));
	fill();
	name = ordered();
	ask_head(&w, &name, OP_KEY_MOVE, HALF_GRANT, &key);
	wb_digest(&w, zero);
	wb_uuid(&w, &uuid_nil);
	wb_u64(&w, now_ms() + SOON);
	peer_send(g.edge[W_ENGINE][W_KMS], IMSG_KMS_RESEAL, &w);
	answered(IMSG_ENGINE_STORED, DONE_TIMEOUT, NULL);
	ask_head(&w, &name, OP_KEY_DELETE, HALF_GRANT, &key);
	wb_u64(&w, now_ms() + SOON);
	peer_send(g.edge[W_ENGINE][W_KMS], IMSG_KMS_DELETE, &w);
	answered(IMSG_ENGINE_STORED, DONE_TIMEOUT, NULL);
	fetch_rightly();
	name.number++;
	ask_head(&w, &name, OP_KEY_REGISTER, HALF_GRANT, &key);
	wb_digest(&w, key.policy_digest);
	wb_digest(&w, zero);
	wb_u64(&w, now_ms() + SOON);
	wb_u8(&w, GIVEN_KEY);
	wb_bytes(&w, g.other, SECRET_LEN);
	peer_send(g.edge[W_ENGINE][W_KMS], IMSG_KMS_STORE, &w);
	ATF_CHECK(peer_closed(g.edge[W_ENGINE][W_KMS], WAIT));
	rig_end(&g);
}

/* --- a verifier ---------------------------------------------------------- */

static void
verdict(uint64_t number, const struct key_record *k, EVP_PKEY *pkey)
{
	struct halves	 h;

	halves_init(&h, OP_TRANSFER, number, pkey);
	h.vkey = k->id;
	memcpy(h.vpolicy, k->policy_digest, DIGEST_LEN);
	send_verdict_to(g.edge[W_VERIFIER][W_ENGINE], &h);
}

static void
appraised(uint64_t number, enum verdict v, const uint8_t *wrap)
{
	struct request_name	 name = { FRONT, number };
	struct wbuf		 w = { 0 };
	int			 i;

	wb_name(&w, &name);
	wb_u8(&w, (uint8_t)v);
	wb_u16(&w, v == VERDICT_OK ? 200 : 401);
	for (i = 0; i < 5; i++)
		wb_str(&w, "");
	wb_u8(&w, TEE_TDX);
	wb_digest(&w, zero);
	wb_digest(&w, wrap);
	wb_digest(&w, zero);
	wb_u64(&w, 0);
	peer_send(g.edge[W_VERIFIER][W_BROKER], IMSG_BROKER_APPRAISED, &w);
}

static void
appraise(const struct uuid *id)
{
	struct rbuf	 r;

	send_transfer(g.edge[W_FRONT][W_BROKER], ++g.number, id, "a.b.c");
	peer_recv(g.edge[W_VERIFIER][W_BROKER], IMSG_VERIFIER_APPRAISE, &r,
	    WAIT);
}

static void
verifier_begin(void)
{
	begin(BIT(W_VERIFIER));
	fill();
}

/* What it says of nobody's request, and of keys that nobody asked for. */
ATF_TC_WITHOUT_HEAD(verifier_without_order);
ATF_TC_BODY(verifier_without_order, tc)
{
	struct key_record	 bare;
	uint64_t		 i;

	verifier_begin();
	for (i = 0; i < 200; i++)
		verdict(10000 + i, &key, g.thief);
	no_key(&g, 200);
	/* a key that is under no policy is nothing to a verifier */
	bare = add_key(&g, g.other, NULL, 0);
	verdict(g.number + 1, &bare, g.thief);
	send_transfer(g.edge[W_FRONT][W_BROKER], ++g.number, &bare.id,
	    "a.b.c");
	want_status(g.edge[W_FRONT][W_BROKER], g.number, 401);
	/* another key than the client's */
	appraise(&key.id);
	verdict(g.number, &other, g.pkey);
	appraised(g.number, VERDICT_OK, wrapping);
	want_status(g.edge[W_FRONT][W_BROKER], g.number, 500);
	/* another wrapping key than the one that goes into the line */
	appraise(&key.id);
	verdict(g.number, &key, g.thief);
	appraised(g.number, VERDICT_OK, wrapping);
	ATF_CHECK(peer_ready(g.edge[W_FRONT][W_BROKER], WAIT));
	no_key(&g, 20);
	ATF_CHECK(!peer_silent(g.edge[W_FRONT][W_BROKER], 0));
	/* what it may: say that evidence is good */
	appraise(&key.id);
	verdict(g.number, &key, g.pkey);
	appraised(g.number, VERDICT_OK, wrapping);
	want_wrapped(g.edge[W_FRONT][W_ENGINE], g.number, g.pkey, g.secret);
	rig_end(&g);
}

ATF_TC_WITHOUT_HEAD(verifier_denies);
ATF_TC_BODY(verifier_denies, tc)
{
	verifier_begin();
	appraise(&key.id);
	verdict(g.number, &key, g.thief);
	appraised(g.number, VERDICT_DENIED, wrapping);
	want_status(g.edge[W_FRONT][W_BROKER], g.number, 401);
	no_key(&g, 300);
	appraise(&key.id);
	verdict(g.number, &key, g.pkey);
	appraised(g.number, VERDICT_OK, wrapping);
	want_wrapped(g.edge[W_FRONT][W_ENGINE], g.number, g.pkey, g.secret);
	rig_end(&g);
}

/* --- audit --------------------------------------------------------------- */

static void
recorded(const struct request_name *name, uint8_t op,
    const struct key_record *k, const uint8_t *policy, const uint8_t *wrap)
{
	struct wbuf	 w = { 0 };

	wb_name(&w, name);
	wb_u8(&w, op);
	wb_uuid(&w, &k->id);
	wb_digest(&w, policy);
	wb_digest(&w, wrap);
	wb_u64(&w, 1);
	peer_send(g.edge[W_AUDIT][W_KMS], IMSG_KMS_RECORDED, &w);
}

/* Write what the broker has it write, for kms or the broker. */
static void
audit_serve(void)
{
	struct request_name	 name;
	struct wbuf		 w = { 0 };
	struct rbuf		 r;
	struct uuid		 id;
	char			 keystore[NAME_MAX_STORE];
	uint8_t			 op, policy[DIGEST_LEN], wrap[DIGEST_LEN];

	peer_recv(g.edge[W_AUDIT][W_BROKER], IMSG_AUDIT_RECORD, &r, WAIT);
	rb_name(&r, &name);
	op = rb_u8(&r);
	rb_str(&r, keystore, sizeof(keystore));
	rb_uuid(&r, &id);
	rb_digest(&r, policy);
	rb_digest(&r, wrap);
	wb_name(&w, &name);
	wb_u8(&w, op);
	wb_uuid(&w, &id);
	wb_digest(&w, policy);
	wb_digest(&w, wrap);
	wb_u64(&w, 1);
	if (rb_bool(&r))
		peer_send(g.edge[W_AUDIT][W_BROKER], IMSG_BROKER_RECORDED,
		    &w);
	else if (keystore[0] != '\0')
		peer_send(g.edge[W_AUDIT][W_KMS], IMSG_KMS_RECORDED, &w);
	wb_free(&w);
}

/* It may lie in its log; lines that nobody ordered bring no key. */
ATF_TC_WITHOUT_HEAD(audit_without_order);
ATF_TC_BODY(audit_without_order, tc)
{
	struct request_name	 name = { FRONT, 4711 };
	struct policy_record	 policy;
	struct answered		 a;
	struct ask		 ask = { .op = OP_POLICY_CREATE };
	uint8_t			 d[DIGEST_LEN];
	char			*token;

	begin(BIT(W_AUDIT));
	ask.text = POLICY_WEAK;
	ask.textlen = strlen(ask.text);
	send_ask(g.edge[W_CONTROL][W_BROKER], ++g.number, &ask, d);
	send_local(g.edge[W_CONTROL][W_AUTH], g.number, d, "");
	audit_serve();
	recv_answer(g.edge[W_CONTROL][W_BROKER], &a);
	ATF_REQUIRE_EQ(201, a.status);
	rb_policy_record(&a.records, &policy);
	key_ask(&ask, g.secret, &policy.id, 0);
	send_material(g.edge[W_CONTROL][W_MAKER], ++g.number, g.secret,
	    SECRET_LEN);
	send_ask(g.edge[W_CONTROL][W_BROKER], g.number, &ask, d);
	send_local(g.edge[W_CONTROL][W_AUTH], g.number, d, "");
	audit_serve();
	audit_serve();		/* how it ended */
	recv_answer(g.edge[W_CONTROL][W_BROKER], &a);
	ATF_REQUIRE_EQ(201, a.status);
	rb_key_record(&a.records, &key);
	for (; name.number < 4800; name.number++)
		recorded(&name, OP_TRANSFER, &key, key.policy_digest,
		    wrapping);
	no_key(&g, 200);
	/* a line for another wrapping key than that of the verdict */
	token = make_token(&g, g.pkey, NULL);
	name.number = ++g.number;
	wrapping_of(g.thief, d);
	recorded(&name, OP_TRANSFER, &key, key.policy_digest, d);
	send_transfer(g.edge[W_FRONT][W_BROKER], g.number, &key.id, token);
	ATF_CHECK(peer_ready(g.edge[W_FRONT][W_BROKER], WAIT));
	ATF_CHECK(!peer_silent(g.edge[W_FRONT][W_BROKER], 0));
	no_key(&g, 20);
	peer_recv(g.edge[W_AUDIT][W_BROKER], IMSG_AUDIT_RECORD,
	    &a.records, WAIT);
	peer_recv(g.edge[W_AUDIT][W_BROKER], IMSG_AUDIT_RECORD,
	    &a.records, WAIT);
	send_transfer(g.edge[W_FRONT][W_BROKER], ++g.number, &key.id, token);
	audit_serve();
	want_wrapped(g.edge[W_FRONT][W_ENGINE], g.number, g.pkey, g.secret);
	free(token);
	rig_end(&g);
}

/* --- auth ---------------------------------------------------------------- */

static void
grant(struct peer *engine, uint32_t front, uint64_t number, uint8_t op,
    const struct key_record *k, const uint8_t *detail)
{
	struct request_name	 name = { front, number };
	struct wbuf		 w = { 0 };

	wb_name(&w, &name);
	wb_u8(&w, op);
	wb_uuid(&w, &k->id);
	wb_uuid(&w, &uuid_nil);
	wb_u8(&w, k->algorithm);
	wb_u16(&w, k->length);
	wb_u8(&w, k->curve);
	wb_str(&w, k->keystore);
	wb_u8(&w, k->flags);
	wb_digest(&w, k->policy_digest);
	wb_digest(&w, detail);
	wb_digest(&w, k->seal);
	wb_u64(&w, now_ms() + WAIT);
	peer_send(engine, IMSG_ENGINE_GRANT, &w);
}

static void
granted(uint64_t number, uint8_t op, const uint8_t *asked,
    const struct key_record *k)
{
	struct request_name	 name = { CONTROL, number };
	struct wbuf		 w = { 0 };

	wb_name(&w, &name);
	wb_uuid(&w, &uuid_nil);
	wb_str(&w, "anybody");
	wb_u8(&w, op);
	wb_digest(&w, asked);
	wb_uuid(&w, &k->id);
	wb_u64(&w, (uint64_t)time(NULL));
	wb_digest(&w, k->policy_digest);
	wb_bytes(&w, NULL, 0);
	wb_bytes(&w, "an intent", 9);
	wb_digest(&w, k->seal);
	peer_send(g.edge[W_AUTH][W_BROKER], IMSG_BROKER_GRANTED, &w);
}

/* A key by its grace, as any administrator could have it made. */
static struct key_record
auth_makes(const uint8_t *material, int flags)
{
	struct key_record	 k = { 0 };
	struct answered		 a;
	struct ask		 ask;
	struct rbuf		 r;
	uint8_t			 d[DIGEST_LEN];

	key_ask(&ask, material, NULL, flags);
	uuid_make(&k.id);
	k.algorithm = ask.algorithm;
	k.length = ask.length;
	k.flags = ask.flags;
	strlcpy(k.keystore, "main", sizeof(k.keystore));
	/* Alone it is kept for long; who has an order waits less. */
	send_material(g.edge[W_CONTROL][W_MAKER], ++g.number, material,
	    SECRET_LEN);
	send_ask(g.edge[W_CONTROL][W_BROKER], g.number, &ask, d);
	peer_recv(g.edge[W_AUTH][W_BROKER], IMSG_AUTH_ASKED, &r, WAIT);
	grant(g.edge[W_AUTH][W_MAKER], CONTROL, g.number, OP_KEY_REGISTER,
	    &k, ask.material);
	granted(g.number, OP_KEY_REGISTER, d, &k);
	recv_answer(g.edge[W_CONTROL][W_BROKER], &a);
	ATF_REQUIRE_EQ(201, a.status);
	rb_key_record(&a.records, &k);
	return (k);
}

static uint8_t	*thief_der;
static size_t	 thief_len;

/* All that an administrator could do, to have it released to the thief. */
static void
auth_releases(const struct key_record *k)
{
	struct ask	 ask = { .op = OP_KEY_RELEASE };
	struct rbuf	 r;
	uint8_t		 d[DIGEST_LEN], sum[DIGEST_LEN];

	ask.id = k->id;
	ask.pubkey = thief_der;
	ask.pubkeylen = thief_len;
	digest(sum, thief_der, thief_len);
	send_ask(g.edge[W_CONTROL][W_BROKER], ++g.number, &ask, d);
	peer_recv(g.edge[W_AUTH][W_BROKER], IMSG_AUTH_ASKED, &r, WAIT);
	grant(g.edge[W_AUTH][W_ENGINE], CONTROL, g.number, OP_KEY_RELEASE, k,
	    sum);
	granted(g.number, OP_KEY_RELEASE, d, k);
}

/* Any administrator's rights, but no key that is at rest, or marked. */
ATF_TC_WITHOUT_HEAD(auth_attested_only);
ATF_TC_BODY(auth_attested_only, tc)
{
	struct key_record	 marked, lie;
	uint8_t			 sum[DIGEST_LEN];
	int			 len;

	begin(BIT(W_AUTH) | BIT(W_HASHER));
	ATF_REQUIRE((len = i2d_PUBKEY(g.thief, &thief_der)) > 0);
	thief_len = (size_t)len;
	key = auth_makes(g.secret, 0);
	marked = auth_makes(g.other, KEY_ATTESTED_ONLY);
	auth_releases(&marked);
	want_status(g.edge[W_CONTROL][W_BROKER], g.number, 401);
	lie = marked;
	lie.flags = 0;
	auth_releases(&lie);
	want_status(g.edge[W_CONTROL][W_BROKER], g.number, 401);
	no_key(&g, 50);
	/* grants without anybody's asking */
	digest(sum, thief_der, thief_len);
	for (len = 0; len < 100; len++)
		grant(g.edge[W_AUTH][W_ENGINE], CONTROL, 100000 +
		    (uint64_t)len, OP_KEY_RELEASE, &key, sum);
	no_key(&g, 200);
	/* what it gains: as an administrator who asks for it */
	auth_releases(&key);
	ATF_CHECK(peer_ready(g.edge[W_CONTROL][W_ENGINE], WAIT));
	OPENSSL_free(thief_der);
	rig_end(&g);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, engine_without_order);
	ATF_TP_ADD_TC(tp, engine_other_than_ordered);
	ATF_TP_ADD_TC(tp, engine_again);
	ATF_TP_ADD_TC(tp, engine_writes);
	ATF_TP_ADD_TC(tp, verifier_without_order);
	ATF_TP_ADD_TC(tp, verifier_denies);
	ATF_TP_ADD_TC(tp, audit_without_order);
	ATF_TP_ADD_TC(tp, auth_attested_only);
	return (atf_no_error());
}

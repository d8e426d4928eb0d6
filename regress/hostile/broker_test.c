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
 * The broker and the store are taken over: rows are changed, swapped and set
 * back, orders go out for what nobody judged or granted, lines are skipped.
 * auth, hasher, audit, verifier, engine, maker and kms are real.
 */
#include "rig.h"

#define POLICIES	3
#define SOON		400	/* ms: what does not come is late then */

static struct rig		 g;
static struct policy_record	 policies[POLICIES];	/* as auth made them */
static uint8_t			 sums[POLICIES][DIGEST_LEN];
static struct policy_record	*shown_policy;	/* NULL: the right one */
static struct key_record	*shown_key;
static struct user_record	*shown_user;
static uint8_t			 wrapping[DIGEST_LEN];
static const uint8_t		 zero[DIGEST_LEN];

/* --- what the broker does ------------------------------------------------ */

static struct request_name
name_of(uint64_t number)
{
	struct request_name	 name = { FRONT, number };

	return (name);
}

static void
tell_audit(uint64_t number, uint8_t op, const struct uuid *key,
    const uint8_t *policy, const uint8_t *wrap)
{
	struct request_name	 name = name_of(number);
	struct wbuf		 w = { 0 };
	int			 i;

	wb_name(&w, &name);
	wb_u8(&w, op);
	wb_str(&w, "main");
	wb_uuid(&w, key);
	wb_digest(&w, policy);
	wb_digest(&w, wrap);
	wb_u8(&w, 0);
	wb_u8(&w, AUDIT_DECISION);
	wb_str(&w, "00000007-0000000000000001");
	wb_str(&w, "192.0.2.1");
	wb_str(&w, "");
	wb_uuid(&w, key);
	wb_uuid(&w, &uuid_nil);
	wb_u8(&w, TEE_TDX);
	wb_digest(&w, zero);
	for (i = 0; i < 5; i++)
		wb_str(&w, i == 0 ? "release" : "");
	peer_send(g.edge[W_BROKER][W_AUDIT], IMSG_AUDIT_RECORD, &w);
}

static void
order_to(enum who who, uint64_t number, uint8_t op,
    const struct key_record *key, const uint8_t *policy, const void *argument,
    size_t len, unsigned int ms)
{
	struct request_name	 name = name_of(number);
	struct wbuf		 w = { 0 };

	wb_name(&w, &name);
	wb_u8(&w, op);
	put_record(&w, key);
	wb_digest(&w, policy);
	wb_u64(&w, now_ms() + ms);
	wb_bytes(&w, argument, len);
	peer_send(g.edge[W_BROKER][who], IMSG_ENGINE_ORDER, &w);
}

/* How an order ended; newest is filled when a record came. */
static int
ended(enum who who, uint64_t number, struct key_record *newest)
{
	struct request_name	 name, want = name_of(number);
	struct rbuf		 r, inner;
	const uint8_t		*p;
	char			 reason[REASON_TEXT_MAX];
	int			 result;
	size_t			 len;

	peer_recv(g.edge[W_BROKER][who], IMSG_BROKER_DONE, &r, 2 * WAIT);
	rb_name(&r, &name);
	ATF_CHECK_EQ(0, name_cmp(&want, &name));
	(void)rb_u8(&r);
	result = rb_u8(&r);
	rb_str(&r, reason, sizeof(reason));
	p = rb_bytes(&r, &len, 0, 1024);
	ATF_REQUIRE(rb_end(&r) == 0);
	if (len > 0 && newest != NULL) {
		rb_init(&inner, p, len);
		rb_key_record(&inner, newest);
		ATF_REQUIRE(rb_end(&inner) == 0);
	}
	return (result);
}

/*
 * An order that is not followed.  Only what is to end for want of something has
 * little time: the rest ends by itself, on a busy machine as well.
 */
static void
refused_with(uint8_t op, const struct key_record *key, const uint8_t *policy,
    const void *argument, size_t len, int result)
{
	order_to(W_ENGINE, g.number, op, key, policy, argument, len,
	    result == DONE_TIMEOUT ? SOON : WAIT);
	ATF_CHECK_EQ(result, ended(W_ENGINE, g.number, NULL));
	no_key(&g, 20);
}

static void
refused(uint8_t op, const struct key_record *key, const uint8_t *policy,
    int result)
{
	refused_with(op, key, policy, NULL, 0, result);
}

/* The verifier's word; 1: it is a good one. */
static int
appraise(uint64_t number, const struct uuid *key, const struct uuid *policy,
    const char *text, EVP_PKEY *pkey)
{
	struct request_name	 name = name_of(number);
	struct wbuf		 w = { 0 };
	struct rbuf		 r;
	char			*token = make_token(&g, pkey, NULL);

	wb_name(&w, &name);
	wb_u64(&w, now_ms() + WAIT);
	wb_uuid(&w, key);
	wb_uuid(&w, policy);
	wb_bytes(&w, text, strlen(text));
	wb_u8(&w, TRANSFER_TOKEN);
	token_evidence(&w, token);
	free(token);
	peer_send(g.edge[W_BROKER][W_VERIFIER], IMSG_VERIFIER_APPRAISE, &w);
	peer_recv(g.edge[W_BROKER][W_VERIFIER], IMSG_BROKER_APPRAISED, &r,
	    WAIT);
	rb_name(&r, &name);
	ATF_CHECK_EQ(number, name.number);
	return (rb_u8(&r) == VERDICT_OK);
}

/* By the policy that the key is under. */
static void
judged(uint64_t number, const struct key_record *key, size_t policy)
{
	ATF_REQUIRE(appraise(number, &key->id, &policies[policy].id,
	    policies[policy].text, g.pkey));
}

/* --- auth's rows --------------------------------------------------------- */

static void
serve_rows(void)
{
	struct wbuf		 w = { 0 }, u = { 0 }, p = { 0 }, k = { 0 };
	struct policy_record	*policy = NULL;
	struct uuid		 uid, pid, kid;
	struct rbuf		 r;
	char			 name[NAME_MAX_USER];
	size_t			 i;

	peer_recv(g.edge[W_BROKER][W_AUTH], IMSG_BROKER_ROWS_WANT, &r, WAIT);
	wb_u64(&w, rb_u64(&r));
	rb_uuid(&r, &uid);
	rb_str(&r, name, sizeof(name));
	rb_uuid(&r, &pid);
	rb_uuid(&r, &kid);
	ATF_REQUIRE(rb_end(&r) == 0);
	for (i = 0; i < POLICIES; i++)
		if (uuid_cmp(&pid, &policies[i].id) == 0)
			policy = &policies[i];
	if (shown_policy != NULL)
		policy = shown_policy;
	if (shown_user != NULL && (name[0] != '\0' || !uuid_isnil(&uid)))
		wb_user_record(&u, shown_user);
	if (policy != NULL && !uuid_isnil(&pid))
		wb_policy_record(&p, policy);
	if (shown_key != NULL && !uuid_isnil(&kid))
		wb_key_record(&k, shown_key);
	wb_bytes(&w, u.data, u.len);
	wb_bytes(&w, NULL, 0);
	wb_bytes(&w, p.data, p.len);
	wb_bytes(&w, k.data, k.len);
	wb_u8(&w, ROW_OK);
	wb_free(&u);
	wb_free(&p);
	wb_free(&k);
	peer_send(g.edge[W_BROKER][W_AUTH], IMSG_AUTH_ROWS, &w);
}

struct granted {
	struct uuid	 object;
	uint8_t		 record[4096], intent[512];
	size_t		 len, intentlen;
};

static void
recv_granted(struct granted *a)
{
	struct request_name	 name;
	struct uuid		 user;
	struct rbuf		 r;
	const uint8_t		*p;
	char			 who[NAME_MAX_USER + 16];
	uint8_t			 d[DIGEST_LEN];

	memset(a, 0, sizeof(*a));
	peer_recv(g.edge[W_BROKER][W_AUTH], IMSG_BROKER_GRANTED, &r, WAIT);
	rb_name(&r, &name);
	rb_uuid(&r, &user);
	rb_str(&r, who, sizeof(who));
	(void)rb_u8(&r);
	rb_digest(&r, d);
	rb_uuid(&r, &a->object);
	(void)rb_u64(&r);
	rb_digest(&r, d);
	p = rb_bytes(&r, &a->len, 0, sizeof(a->record));
	memcpy(a->record, p, a->len);
	p = rb_bytes(&r, &a->intentlen, 0, sizeof(a->intent));
	memcpy(a->intent, p, a->intentlen);
	rb_digest(&r, d);
	ATF_REQUIRE(rb_end(&r) == 0);
}

static unsigned int
recv_refused(void)
{
	struct request_name	 name;
	struct rbuf		 r;

	peer_recv(g.edge[W_BROKER][W_AUTH], IMSG_BROKER_REFUSED, &r, WAIT);
	rb_name(&r, &name);
	return (rb_u16(&r));
}

static void
send_asked(uint32_t front, uint64_t number, const struct ask *ask,
    uint8_t d[DIGEST_LEN])
{
	struct request_name	 name = { front, number };
	struct wbuf		 w = { 0 }, bytes = { 0 };

	wb_ask(&bytes, ask);
	digest(d, bytes.data, bytes.len);
	wb_name(&w, &name);
	wb_str(&w, "192.0.2.7");
	wb_bytes(&w, bytes.data, bytes.len);
	wb_free(&bytes);
	peer_send(g.edge[W_BROKER][W_AUTH], IMSG_AUTH_ASKED, &w);
}

/*
 * An operator asks, rightly; a taken over broker carries it.  The front of
 * the name is that of control, so orders for it have other names here.
 */
static void
operator_asks(uint64_t number, const struct ask *ask, const char *password)
{
	uint8_t	 d[DIGEST_LEN];

	send_asked(CONTROL, number, ask, d);
	send_local(g.edge[W_CONTROL][W_AUTH], number, d, password);
}

/* An administrator's token at the frontend, for all that follows. */
static char	*token;

static void
admin_asks(uint64_t number, const struct ask *ask)
{
	uint8_t	 d[DIGEST_LEN];

	send_asked(FRONT, number, ask, d);
	send_claim(g.edge[W_FRONT][W_AUTH], number, token, d);
	serve_rows();
}

static struct user_record	 admin;

static void
make_user(const char *name, uint32_t permissions, struct user_record *user)
{
	struct ask	 ask = { .op = OP_USER_CREATE, .has_password = 1,
			    .permissions = permissions };
	struct granted	 a;
	struct rbuf	 r;

	strlcpy(ask.name, name, sizeof(ask.name));
	operator_asks(++g.number, &ask, "a good password");
	recv_granted(&a);
	rb_init(&r, a.record, a.len);
	rb_user_record(&r, user);
	ATF_REQUIRE(rb_end(&r) == 0);
}

static void
send_login(const char *name)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, ++g.number);
	wb_str(&w, "192.0.2.7");
	wb_str(&w, name);
	wb_str(&w, "a good password");
	peer_send(g.edge[W_FRONT][W_AUTH], IMSG_AUTH_LOGIN, &w);
	serve_rows();
}

/* With the right password and row: a token, malloc'd. */
static char *
login(const char *name)
{
	struct rbuf	 r;
	const uint8_t	*p;
	char		 error[ERROR_TEXT_MAX], *text;
	size_t		 len;

	send_login(name);
	peer_recv(g.edge[W_FRONT][W_AUTH], IMSG_FRONTEND_TOKEN, &r, WAIT);
	ATF_CHECK_EQ(g.number, rb_u64(&r));
	ATF_REQUIRE_EQ(200, rb_u16(&r));
	(void)rb_u16(&r);
	rb_str(&r, error, sizeof(error));
	p = rb_bytes(&r, &len, 1, BEARER_TEXT_MAX);
	ATF_REQUIRE(rb_end(&r) == 0);
	ATF_REQUIRE((text = strndup((const char *)p, len)) != NULL);
	peer_recv(g.edge[W_BROKER][W_AUTH], IMSG_BROKER_LOGGED_IN, &r, WAIT);
	return (text);
}

/* With the right password, but a row that is not: as a wrong one, counted. */
static void
no_login(const char *name)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;

	send_login(name);
	peer_recv(g.edge[W_BROKER][W_AUTH], IMSG_BROKER_ROW_PUT, &r, WAIT);
	wb_u64(&w, rb_u64(&r));
	wb_u8(&w, ROW_OK);
	peer_send(g.edge[W_BROKER][W_AUTH], IMSG_AUTH_ROW_DONE, &w);
	peer_recv(g.edge[W_FRONT][W_AUTH], IMSG_FRONTEND_TOKEN, &r, WAIT);
	ATF_CHECK_EQ(g.number, rb_u64(&r));
	ATF_CHECK_EQ(401, rb_u16(&r));
	peer_recv(g.edge[W_BROKER][W_AUTH], IMSG_BROKER_LOGGED_IN, &r, WAIT);
}

/* --- what there is ------------------------------------------------------- */

static void
make_policy(size_t i, const char *text)
{
	struct ask	 ask = { .op = OP_POLICY_CREATE };
	struct granted	 a;
	struct rbuf	 r;

	ask.text = text;
	ask.textlen = strlen(text);
	operator_asks(++g.number, &ask, "");
	recv_granted(&a);
	rb_init(&r, a.record, a.len);
	rb_policy_record(&r, &policies[i]);
	ATF_REQUIRE(rb_end(&r) == 0);
	policies[i].text = text;
	policy_digest(sums[i], &policies[i].id, text, strlen(text));
}

static void
pending(struct key_record *key, const struct ask *ask, const struct uuid *id,
    size_t policy)
{
	memset(key, 0, sizeof(*key));
	key->id = *id;
	key->version = 1;
	strlcpy(key->keystore, "main", sizeof(key->keystore));
	key->algorithm = ask->algorithm;
	key->length = ask->length;
	key->flags = ask->flags;
	key->policy = policies[policy].id;
	memcpy(key->policy_digest, sums[policy], DIGEST_LEN);
	key->state = KEY_PENDING;
	key->created = time(NULL);
}

/* Registered in the rightful way; the grant is kept, with its intent. */
static struct key_record
make_key(const uint8_t *material, size_t policy, int flags,
    struct granted *a)
{
	struct key_record	 key, sealed;
	struct ask		 ask;

	key_ask(&ask, material, &policies[policy].id, flags);
	admin_asks(++g.number, &ask);
	recv_granted(a);
	pending(&key, &ask, &a->object, policy);
	send_material(g.edge[W_FRONT][W_MAKER], g.number, material,
	    SECRET_LEN);
	tell_audit(g.number, OP_KEY_REGISTER, &key.id, sums[policy], zero);
	order_to(W_MAKER, g.number, OP_KEY_REGISTER, &key, sums[policy],
	    NULL, 0, WAIT);
	ATF_REQUIRE_EQ(DONE_OK, ended(W_MAKER, g.number, &sealed));
	sealed.state = KEY_ACTIVE;
	return (sealed);
}

/* Moved in the rightful way. */
static void
move_key(struct key_record *key, size_t policy, struct granted *a)
{
	struct ask	 ask = { .op = OP_KEY_MOVE };

	ask.id = key->id;
	ask.policy = policies[policy].id;
	shown_key = key;
	admin_asks(++g.number, &ask);
	recv_granted(a);
	shown_key = NULL;
	tell_audit(g.number, OP_KEY_MOVE, &key->id, sums[policy], zero);
	order_to(W_ENGINE, g.number, OP_KEY_MOVE, key, sums[policy],
	    policies[policy].id.b, 16, WAIT);
	ATF_REQUIRE_EQ(DONE_OK, ended(W_ENGINE, g.number, key));
}

/* Released on a verdict, in the rightful way. */
static void
transfer(const struct key_record *key, size_t policy, const uint8_t *secret)
{
	judged(++g.number, key, policy);
	tell_audit(g.number, OP_TRANSFER, &key->id, sums[policy], wrapping);
	order_to(W_ENGINE, g.number, OP_TRANSFER, key, sums[policy], NULL, 0,
	    WAIT);
	want_wrapped(g.edge[W_FRONT][W_ENGINE], g.number, g.pkey, secret);
	ATF_CHECK_EQ(DONE_OK, ended(W_ENGINE, g.number, NULL));
}

static struct key_record	 key;	/* g.secret, under policy 0 */
static struct granted		 made;	/* how it came to be */

static void
begin(void)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;

	rig_start(&g, BIT(W_BROKER) | BIT(W_STORE));
	wrapping_of(g.pkey, wrapping);
	peer_recv(g.edge[W_BROKER][W_VERIFIER], IMSG_BROKER_COLLATERAL_WANT,
	    &r, WAIT);
	wb_u64(&w, rb_u64(&r));
	wb_u8(&w, 0);
	wb_bytes(&w, NULL, 0);
	peer_send(g.edge[W_BROKER][W_VERIFIER], IMSG_VERIFIER_COLLATERAL,
	    &w);
	serve_collateral(&g);
	peer_recv(g.edge[W_BROKER][W_VERIFIER], IMSG_BROKER_COLLATERAL_PUT,
	    &r, WAIT);
	make_user("admin", PERM_ALL, &admin);
	shown_user = &admin;
	token = login("admin");
	make_policy(0, POLICY_WEAK);
	make_policy(1, POLICY_STRONG);
	make_policy(2, POLICY_THIRD);
	key = make_key(g.secret, 0, 0, &made);
}

/* With the same processes, what is right still works. */
static void
end(const struct key_record *k, size_t policy, const uint8_t *secret)
{
	no_key(&g, 20);
	transfer(k, policy, secret);
	free(token);
	rig_end(&g);
}

/* --- a key without verdict ----------------------------------------------- */

ATF_TC_WITHOUT_HEAD(order_without_verdict);
ATF_TC_BODY(order_without_verdict, tc)
{
	begin();
	tell_audit(++g.number, OP_TRANSFER, &key.id, sums[0], wrapping);
	refused(OP_TRANSFER, &key, sums[0], DONE_TIMEOUT);
	end(&key, 0, g.secret);
}

ATF_TC_WITHOUT_HEAD(verdict_of_another_key);
ATF_TC_BODY(verdict_of_another_key, tc)
{
	struct key_record	 other;
	struct granted		 a;

	begin();
	other = make_key(g.other, 1, 0, &a);
	judged(++g.number, &key, 0);
	tell_audit(g.number, OP_TRANSFER, &other.id, sums[1], wrapping);
	refused(OP_TRANSFER, &other, sums[1], DONE_REFUSED);
	/* under the policy that was judged by */
	judged(++g.number, &key, 0);
	tell_audit(g.number, OP_TRANSFER, &other.id, sums[0], wrapping);
	refused(OP_TRANSFER, &other, sums[0], DONE_REFUSED);
	/* its record under the judged key's id */
	judged(++g.number, &key, 0);
	other.id = key.id;
	tell_audit(g.number, OP_TRANSFER, &key.id, sums[0], wrapping);
	refused(OP_TRANSFER, &other, sums[0], DONE_REFUSED);
	end(&key, 0, g.secret);
}

ATF_TC_WITHOUT_HEAD(verdict_of_another_number);
ATF_TC_BODY(verdict_of_another_number, tc)
{
	begin();
	judged(++g.number, &key, 0);
	tell_audit(++g.number, OP_TRANSFER, &key.id, sums[0], wrapping);
	refused(OP_TRANSFER, &key, sums[0], DONE_TIMEOUT);
	end(&key, 0, g.secret);
}

/* One verdict is good for one release. */
ATF_TC_WITHOUT_HEAD(order_again);
ATF_TC_BODY(order_again, tc)
{
	begin();
	transfer(&key, 0, g.secret);
	tell_audit(g.number, OP_TRANSFER, &key.id, sums[0], wrapping);
	refused(OP_TRANSFER, &key, sums[0], DONE_TIMEOUT);
	end(&key, 0, g.secret);
}

/* --- a weaker policy ----------------------------------------------------- */

/* The verifier judges by the text that it gets; kms knows the right one. */
ATF_TC_WITHOUT_HEAD(weaker_policy);
ATF_TC_BODY(weaker_policy, tc)
{
	struct key_record	 strong, shown;
	struct granted		 a;
	uint8_t			 d[DIGEST_LEN];

	begin();
	strong = make_key(g.other, 1, 0, &a);
	/* as it should be: denied */
	ATF_CHECK(!appraise(++g.number, &strong.id, &policies[1].id,
	    POLICY_STRONG, g.pkey));
	/* another text under the policy's id */
	policy_digest(d, &policies[1].id, POLICY_WEAK, strlen(POLICY_WEAK));
	ATF_REQUIRE(appraise(++g.number, &strong.id, &policies[1].id,
	    POLICY_WEAK, g.pkey));
	tell_audit(g.number, OP_TRANSFER, &strong.id, d, wrapping);
	refused(OP_TRANSFER, &strong, d, DONE_REFUSED);
	/* the same, with the right digest in the order */
	ATF_REQUIRE(appraise(++g.number, &strong.id, &policies[1].id,
	    POLICY_WEAK, g.pkey));
	tell_audit(g.number, OP_TRANSFER, &strong.id, sums[1], wrapping);
	refused(OP_TRANSFER, &strong, sums[1], DONE_REFUSED);
	/* another policy, and the record too says that it is under that */
	shown = strong;
	shown.policy = policies[0].id;
	memcpy(shown.policy_digest, sums[0], DIGEST_LEN);
	ATF_REQUIRE(appraise(++g.number, &strong.id, &policies[0].id,
	    POLICY_WEAK, g.pkey));
	tell_audit(g.number, OP_TRANSFER, &strong.id, sums[0], wrapping);
	refused(OP_TRANSFER, &shown, sums[0], DONE_REFUSED);
	end(&key, 0, g.secret);
}

/* auth seals no key under a policy that it has not written so. */
ATF_TC_WITHOUT_HEAD(changed_policy_row);
ATF_TC_BODY(changed_policy_row, tc)
{
	struct policy_record	 bad = { 0 };
	struct ask		 ask;
	int			 i;

	begin();
	key_ask(&ask, g.other, &policies[1].id, 0);
	for (i = 0; i < 4; i++) {
		bad = policies[1];
		switch (i) {
		case 0:
			bad.text = POLICY_WEAK;
			bad.textlen = strlen(bad.text);
			break;
		case 1:
			bad = policies[0];	/* under this id */
			bad.id = policies[1].id;
			break;
		case 2:
			bad.seal[5] ^= 1;
			break;
		case 3:
			bad = policies[0];	/* as it is */
			break;
		}
		shown_policy = &bad;
		admin_asks(++g.number, &ask);
		ATF_CHECK_EQ(400, recv_refused());
	}
	shown_policy = NULL;
	end(&key, 0, g.secret);
}

/* --- the record ---------------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(changed_record);
ATF_TC_BODY(changed_record, tc)
{
	struct key_record	 bad;
	int			 i;

	begin();
	for (i = 0; i < 7; i++) {
		bad = key;
		switch (i) {
		case 0: bad.flags ^= KEY_ATTESTED_ONLY; break;
		case 1: bad.serial++; break;
		case 2: bad.version++; break;
		case 3: bad.backend[0] ^= 1; break;
		case 4: bad.length = 128; break;
		case 5: bad.seal[0] ^= 1; break;
		case 6: bad.algorithm = ALG_RSA; bad.length = 3072; break;
		}
		judged(++g.number, &bad, 0);
		tell_audit(g.number, OP_TRANSFER, &bad.id, sums[0],
		    wrapping);
		refused(OP_TRANSFER, &bad, sums[0], DONE_REFUSED);
	}
	end(&key, 0, g.secret);
}

/* Set back to the time before it was moved under another policy. */
ATF_TC_WITHOUT_HEAD(old_record);
ATF_TC_BODY(old_record, tc)
{
	struct key_record	 old;
	struct granted		 a;

	begin();
	old = key;
	move_key(&key, 1, &a);
	judged(++g.number, &old, 0);
	tell_audit(g.number, OP_TRANSFER, &old.id, sums[0], wrapping);
	refused(OP_TRANSFER, &old, sums[0], DONE_STALE);
	move_key(&key, 0, &a);
	end(&key, 0, g.secret);
}

/* --- the audit line ------------------------------------------------------ */

ATF_TC_WITHOUT_HEAD(no_line);
ATF_TC_BODY(no_line, tc)
{
	begin();
	judged(++g.number, &key, 0);
	refused(OP_TRANSFER, &key, sums[0], DONE_TIMEOUT);
	end(&key, 0, g.secret);
}

ATF_TC_WITHOUT_HEAD(line_of_another);
ATF_TC_BODY(line_of_another, tc)
{
	struct key_record	 other;
	struct granted		 a;
	uint8_t			 thief[DIGEST_LEN];
	int			 i, result;

	begin();
	wrapping_of(g.thief, thief);
	other = make_key(g.other, 0, 0, &a);
	for (i = 0; i < 5; i++) {
		judged(++g.number, &key, 0);
		result = i < 3 ? DONE_REFUSED : DONE_TIMEOUT;
		tell_audit(i == 3 ? g.number + 1000 : g.number, i == 4 ?
		    OP_KEY_RELEASE : OP_TRANSFER, i == 0 ? &other.id :
		    &key.id, i == 1 ? sums[1] : sums[0], i == 2 ? thief :
		    wrapping);
		refused(OP_TRANSFER, &key, sums[0], result);
	}
	end(&key, 0, g.secret);
}

/* --- grants -------------------------------------------------------------- */

static uint8_t	*thief_der;
static size_t	 thief_len;

static void
release_ask(struct ask *ask, const struct key_record *k)
{
	int	 len;

	memset(ask, 0, sizeof(*ask));
	thief_der = NULL;
	ATF_REQUIRE((len = i2d_PUBKEY(g.thief, &thief_der)) > 0);
	thief_len = (size_t)len;
	ask->op = OP_KEY_RELEASE;
	ask->id = k->id;
	ask->pubkey = thief_der;
	ask->pubkeylen = thief_len;
}

static void
release(const struct key_record *k, int result)
{
	uint8_t	 d[DIGEST_LEN];

	digest(d, thief_der, thief_len);
	tell_audit(g.number, OP_KEY_RELEASE, &k->id, k->policy_digest, d);
	refused_with(OP_KEY_RELEASE, k, k->policy_digest, thief_der,
	    thief_len, result);
}

ATF_TC_WITHOUT_HEAD(release_without_grant);
ATF_TC_BODY(release_without_grant, tc)
{
	struct key_record	 other;
	struct granted		 a;
	struct ask		 ask;
	EVP_PKEY		*mine;

	begin();
	other = make_key(g.other, 0, 0, &a);
	release_ask(&ask, &other);
	g.number++;
	release(&key, DONE_TIMEOUT);
	/* on a verdict */
	judged(++g.number, &key, 0);
	release(&key, DONE_TIMEOUT);
	/* on the grant of another key */
	shown_key = &other;
	admin_asks(++g.number, &ask);
	recv_granted(&a);
	release(&key, DONE_REFUSED);
	/* with another public key than the administrator's */
	admin_asks(++g.number, &ask);
	recv_granted(&a);
	OPENSSL_free(thief_der);
	mine = g.thief;
	g.thief = g.pkey;
	release_ask(&ask, &other);
	release(&other, DONE_REFUSED);
	g.thief = mine;
	OPENSSL_free(thief_der);
	end(&key, 0, g.secret);
}

/* Asked for by an administrator, and all rows say that it may be. */
ATF_TC_WITHOUT_HEAD(release_attested_only);
ATF_TC_BODY(release_attested_only, tc)
{
	struct key_record	 marked, bad;
	struct granted		 a;
	struct ask		 ask;

	begin();
	marked = make_key(g.other, 0, KEY_ATTESTED_ONLY, &a);
	release_ask(&ask, &marked);
	shown_key = &marked;
	admin_asks(++g.number, &ask);
	recv_granted(&a);
	release(&marked, DONE_REFUSED);
	bad = marked;
	bad.flags = 0;
	shown_key = &bad;
	admin_asks(++g.number, &ask);
	recv_granted(&a);
	release(&bad, DONE_REFUSED);
	OPENSSL_free(thief_der);
	/* the same way, for a key that may */
	release_ask(&ask, &key);
	shown_key = &key;
	admin_asks(++g.number, &ask);
	recv_granted(&a);
	digest(wrapping, thief_der, thief_len);
	tell_audit(g.number, OP_KEY_RELEASE, &key.id, key.policy_digest,
	    wrapping);
	order_to(W_ENGINE, g.number, OP_KEY_RELEASE, &key, key.policy_digest,
	    thief_der, thief_len, WAIT);
	ATF_CHECK_EQ(DONE_OK, ended(W_ENGINE, g.number, NULL));
	ATF_CHECK(!peer_silent(g.edge[W_FRONT][W_ENGINE], 100));
	OPENSSL_free(thief_der);
	wrapping_of(g.pkey, wrapping);
	end(&marked, 0, g.other);
}

/* Neither moved, nor freed of the mark, nor registered again without. */
ATF_TC_WITHOUT_HEAD(move_attested_only);
ATF_TC_BODY(move_attested_only, tc)
{
	struct key_record	 marked, bad;
	struct granted		 a;
	struct ask		 ask = { .op = OP_KEY_MOVE };
	int			 i;

	begin();
	marked = make_key(g.other, 1, KEY_ATTESTED_ONLY, &a);
	ask.id = marked.id;
	ask.policy = policies[0].id;
	for (i = 0; i < 2; i++) {
		bad = marked;
		if (i == 1)
			bad.flags = 0;
		shown_key = &bad;
		admin_asks(++g.number, &ask);
		recv_granted(&a);
		tell_audit(g.number, OP_KEY_MOVE, &bad.id, sums[0], zero);
		refused_with(OP_KEY_MOVE, &bad, sums[0], policies[0].id.b,
		    16, DONE_REFUSED);
	}
	end(&key, 0, g.secret);
}

ATF_TC_WITHOUT_HEAD(move_without_grant);
ATF_TC_BODY(move_without_grant, tc)
{
	struct granted	 a;
	struct ask	 ask = { .op = OP_KEY_MOVE };

	begin();
	move_key(&key, 1, &a);
	tell_audit(++g.number, OP_KEY_MOVE, &key.id, sums[0], zero);
	refused_with(OP_KEY_MOVE, &key, sums[0], policies[0].id.b, 16,
	    DONE_TIMEOUT);
	/* to another policy than what was granted */
	ask.id = key.id;
	ask.policy = policies[2].id;
	shown_key = &key;
	admin_asks(++g.number, &ask);
	recv_granted(&a);
	tell_audit(g.number, OP_KEY_MOVE, &key.id, sums[0], zero);
	refused_with(OP_KEY_MOVE, &key, sums[0], policies[0].id.b, 16,
	    DONE_REFUSED);
	ATF_CHECK(!appraise(++g.number, &key.id, &policies[1].id,
	    POLICY_STRONG, g.pkey));
	move_key(&key, 0, &a);
	end(&key, 0, g.secret);
}

ATF_TC_WITHOUT_HEAD(delete_without_grant);
ATF_TC_BODY(delete_without_grant, tc)
{
	struct key_record	 other, bare;
	struct granted		 a;
	struct ask		 ask = { .op = OP_KEY_DELETE };

	begin();
	other = make_key(g.other, 0, 0, &a);
	bare = key;
	bare.serial = 0;
	memset(bare.seal, 0, DIGEST_LEN);
	tell_audit(++g.number, OP_KEY_DELETE, &key.id, zero, zero);
	refused(OP_KEY_DELETE, &key, zero, DONE_TIMEOUT);
	/* the grant is for another key, or for the sealed record */
	ask.id = other.id;
	shown_key = &other;
	admin_asks(++g.number, &ask);
	recv_granted(&a);
	tell_audit(g.number, OP_KEY_DELETE, &key.id, zero, zero);
	refused(OP_KEY_DELETE, &key, zero, DONE_REFUSED);
	ask.id = key.id;
	shown_key = &key;
	admin_asks(++g.number, &ask);
	recv_granted(&a);
	tell_audit(g.number, OP_KEY_DELETE, &key.id, zero, zero);
	refused(OP_KEY_DELETE, &bare, zero, DONE_REFUSED);
	end(&key, 0, g.secret);
}

/* What is made takes no place that is taken. */
ATF_TC_WITHOUT_HEAD(store_over_another);
ATF_TC_BODY(store_over_another, tc)
{
	struct key_record	 bad;
	struct granted		 a;
	struct ask		 ask;
	int			 i;

	begin();
	key_ask(&ask, g.other, &policies[0].id, 0);
	for (i = 0; i < 3; i++) {
		admin_asks(++g.number, &ask);
		recv_granted(&a);
		pending(&bad, &ask, i == 0 ? &key.id : &a.object, 0);
		if (i == 1)		/* the place of its material */
			strlcpy(bad.backend, key.backend,
			    sizeof(bad.backend));
		if (i == 2)		/* and without what was asked for */
			bad.policy = policies[1].id;
		send_material(g.edge[W_FRONT][W_MAKER], g.number, g.other,
		    SECRET_LEN);
		tell_audit(g.number, OP_KEY_REGISTER, &bad.id, i == 2 ?
		    sums[1] : sums[0], zero);
		order_to(W_MAKER, g.number, OP_KEY_REGISTER, &bad, i == 2 ?
		    sums[1] : sums[0], NULL, 0, WAIT);
		ATF_CHECK_MSG(ended(W_MAKER, g.number, NULL) != DONE_OK,
		    "try %d", i);
	}
	end(&key, 0, g.secret);
}

/* --- intents ------------------------------------------------------------- */

/* Show auth what a crash would leave: it grants to finish that. */
static void
leftover(const struct key_record *k, const uint8_t *intent, size_t len)
{
	struct request_name	 name = name_of(++g.number);
	struct wbuf		 w = { 0 };
	struct granted		 a;

	wb_name(&w, &name);
	put_record(&w, k);
	wb_bytes(&w, intent, len);
	peer_send(g.edge[W_BROKER][W_AUTH], IMSG_AUTH_LEFTOVER, &w);
	recv_granted(&a);
}

static void
move_back(const struct key_record *k, int result)
{
	tell_audit(g.number, OP_KEY_MOVE, &k->id, sums[0], zero);
	refused_with(OP_KEY_MOVE, k, sums[0], policies[0].id.b, 16, result);
}

/* A move that was undone by a later one is not done again. */
ATF_TC_WITHOUT_HEAD(old_intent_moves);
ATF_TC_BODY(old_intent_moves, tc)
{
	struct key_record	 old, bad;
	struct granted		 a, b;

	begin();
	move_key(&key, 1, &a);
	old = key;
	move_key(&key, 0, &a);		/* a: from strong to weak */
	move_key(&key, 1, &b);
	leftover(&key, a.intent, a.intentlen);
	move_back(&key, DONE_REFUSED);
	/* as it was then: kms has a newer record, and says so */
	leftover(&old, a.intent, a.intentlen);
	move_back(&old, DONE_STALE);
	/* today's record under the seal of then */
	bad = key;
	memcpy(bad.seal, old.seal, DIGEST_LEN);
	leftover(&bad, a.intent, a.intentlen);
	move_back(&bad, DONE_STALE);
	/* the key is still where it was put last */
	move_key(&key, 0, &a);
	end(&key, 0, g.secret);
}

/* A key that is in use is not undone by what it was made with. */
ATF_TC_WITHOUT_HEAD(old_intent_deletes);
ATF_TC_BODY(old_intent_deletes, tc)
{
	struct key_record	 bare;
	struct granted		 a;

	begin();
	move_key(&key, 1, &a);
	leftover(&key, made.intent, made.intentlen);
	tell_audit(g.number, OP_KEY_DELETE, &key.id, zero, zero);
	refused(OP_KEY_DELETE, &key, zero, DONE_REFUSED);
	bare = key;
	bare.serial = 0;
	memset(bare.seal, 0, DIGEST_LEN);
	leftover(&bare, made.intent, made.intentlen);
	tell_audit(g.number, OP_KEY_DELETE, &key.id, zero, zero);
	refused(OP_KEY_DELETE, &bare, zero, DONE_STALE);
	move_key(&key, 0, &a);
	end(&key, 0, g.secret);
}

/* Nobody can say to auth what the next record will be. */
ATF_TC_WITHOUT_HEAD(foretold_record);
ATF_TC_BODY(foretold_record, tc)
{
	struct key_record	 next;
	struct granted		 a, b;
	struct ask		 ask = { .op = OP_KEY_MOVE };

	begin();
	next = key;
	next.serial++;
	ask.id = key.id;
	ask.policy = policies[0].id;
	shown_key = &next;
	admin_asks(++g.number, &ask);
	recv_granted(&a);		/* its intent is kept */
	move_key(&key, 1, &b);
	ATF_CHECK_EQ(next.serial, key.serial);
	leftover(&key, a.intent, a.intentlen);
	move_back(&key, DONE_REFUSED);
	move_key(&key, 0, &b);
	end(&key, 0, g.secret);
}

ATF_TC_WITHOUT_HEAD(forged_intent);
ATF_TC_BODY(forged_intent, tc)
{
	uint8_t			 bad[512];
	struct key_record	 other;
	struct granted		 a;
	struct wbuf		 w = { 0 };
	struct request_name	 name;
	size_t			 i;

	begin();
	other = make_key(g.other, 0, 0, &a);
	move_key(&other, 1, &a);
	for (i = 0; i <= a.intentlen; i++) {
		memcpy(bad, a.intent, a.intentlen);
		if (i < a.intentlen)
			bad[i] ^= 1;
		/* the last: a right one, of another key */
		name = name_of(++g.number);
		wb_name(&w, &name);
		put_record(&w, i < a.intentlen ? &other : &key);
		wb_bytes(&w, bad, a.intentlen);
		peer_send(g.edge[W_BROKER][W_AUTH], IMSG_AUTH_LEFTOVER, &w);
		ATF_CHECK_EQ(401, recv_refused());
	}
	end(&key, 0, g.secret);
}

/* --- administrators ------------------------------------------------------ */

static void
no_grant(const struct ask *ask)
{
	admin_asks(++g.number, ask);
	ATF_CHECK_EQ(401, recv_refused());
}

/* No row makes an administrator of somebody else. */
ATF_TC_WITHOUT_HEAD(forged_user);
ATF_TC_BODY(forged_user, tc)
{
	struct user_record	 reader, bad;
	struct granted		 a;
	struct ask		 ask = { .op = OP_KEY_DELETE };
	char			*first;
	int			 i;

	begin();
	first = token;
	make_user("reader", PERM_KEYS_SEARCH, &reader);
	shown_user = &reader;
	token = login("reader");
	shown_key = &key;
	ask.id = key.id;
	no_grant(&ask);
	for (i = 0; i < 7; i++) {
		bad = reader;
		switch (i) {
		case 0:
			bad.permissions = PERM_ALL;
			break;
		case 1:
			bad = admin;
			break;
		case 2:			/* the administrator under its id */
			bad = admin;
			bad.id = reader.id;
			break;
		case 3:
			bad = admin;
			bad.id = reader.id;
			strlcpy(bad.name, "reader", sizeof(bad.name));
			break;
		case 4:			/* its own name, another's rest */
			memcpy(bad.hash, admin.hash, sizeof(bad.hash));
			bad.hashlen = admin.hashlen;
			bad.permissions = admin.permissions;
			break;
		case 5:
			bad.generation++;
			break;
		case 6:
			bad.hashlen = 0;
			bad.permissions = PERM_ALL;
			break;
		}
		shown_user = &bad;
		no_grant(&ask);
	}
	/* nor does one log in by another's hash */
	bad = admin;
	memcpy(bad.hash, reader.hash, sizeof(bad.hash));
	bad.hashlen = reader.hashlen;
	shown_user = &bad;
	no_login("admin");
	shown_user = &reader;
	no_login("admin");
	free(token);
	token = first;
	shown_user = &admin;
	admin_asks(++g.number, &ask);
	recv_granted(&a);
	end(&key, 0, g.secret);
}

/* Set back, a row brings back what it said, but no newer token. */
ATF_TC_WITHOUT_HEAD(old_user);
ATF_TC_BODY(old_user, tc)
{
	struct user_record	 before, after;
	struct granted		 a;
	struct ask		 ask = { .op = OP_USER_UPDATE };
	struct rbuf		 r;
	char			*old = NULL;

	begin();
	before = admin;
	ask.id = admin.id;
	ask.permissions = PERM_ALL & ~(uint32_t)PERM_KEYS_DELETE;
	operator_asks(++g.number, &ask, "");
	serve_rows();
	recv_granted(&a);
	rb_init(&r, a.record, a.len);
	rb_user_record(&r, &after);
	ATF_REQUIRE(rb_end(&r) == 0);
	memset(&ask, 0, sizeof(ask));
	ask.op = OP_KEY_DELETE;
	ask.id = key.id;
	shown_key = &key;
	/* the old token by the new row */
	shown_user = &after;
	no_grant(&ask);
	old = token;
	token = login("admin");
	no_grant(&ask);
	/* the new token by the old row */
	shown_user = &before;
	no_grant(&ask);
	ask.op = OP_KEY_FIND;
	no_grant(&ask);
	shown_user = &after;
	admin_asks(++g.number, &ask);
	recv_granted(&a);
	free(old);
	end(&key, 0, g.secret);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, order_without_verdict);
	ATF_TP_ADD_TC(tp, verdict_of_another_key);
	ATF_TP_ADD_TC(tp, verdict_of_another_number);
	ATF_TP_ADD_TC(tp, order_again);
	ATF_TP_ADD_TC(tp, weaker_policy);
	ATF_TP_ADD_TC(tp, changed_policy_row);
	ATF_TP_ADD_TC(tp, changed_record);
	ATF_TP_ADD_TC(tp, old_record);
	ATF_TP_ADD_TC(tp, no_line);
	ATF_TP_ADD_TC(tp, line_of_another);
	ATF_TP_ADD_TC(tp, release_without_grant);
	ATF_TP_ADD_TC(tp, release_attested_only);
	ATF_TP_ADD_TC(tp, move_attested_only);
	ATF_TP_ADD_TC(tp, move_without_grant);
	ATF_TP_ADD_TC(tp, delete_without_grant);
	ATF_TP_ADD_TC(tp, store_over_another);
	ATF_TP_ADD_TC(tp, old_intent_moves);
	ATF_TP_ADD_TC(tp, old_intent_deletes);
	ATF_TP_ADD_TC(tp, foretold_record);
	ATF_TP_ADD_TC(tp, forged_intent);
	ATF_TP_ADD_TC(tp, forged_user);
	ATF_TP_ADD_TC(tp, old_user);
	return (atf_no_error());
}

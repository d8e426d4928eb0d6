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
 * A frontend, a gate or control that is wholly taken over: it sends anything
 * in any order on its real sockets, under numbers of its own and of others.
 * The rest is real.
 */
#include "rig.h"

static struct rig	 g;
static struct uuid	 weak;
static struct key_record key;

static void
begin(void)
{
	rig_start(&g, 0);
	serve_collateral(&g);
	weak = add_policy(&g, POLICY_WEAK);
	key = add_key(&g, g.secret, &weak, 0);
}

static void
end(void)
{
	no_key(&g, 50);
	rightful(&g, &key.id, g.secret);
	rig_end(&g);
}

static void
add_user(const char *name, uint32_t permissions)
{
	struct ask	 ask = { .op = OP_USER_CREATE, .has_password = 1,
			    .permissions = permissions };
	struct answered	 a;

	strlcpy(ask.name, name, sizeof(ask.name));
	ATF_REQUIRE_EQ_MSG(201, by_control(&g, &ask, "a good password", NULL,
	    &a), "%s", a.error);
}

/* A bearer token, malloc'd. */
static char *
login(enum who front, const char *name)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	const uint8_t	*p;
	char		 error[ERROR_TEXT_MAX], *token;
	size_t		 len;

	wb_u64(&w, ++g.number);
	wb_str(&w, "192.0.2.7");
	wb_str(&w, name);
	wb_str(&w, "a good password");
	peer_send(g.edge[front][W_AUTH], IMSG_AUTH_LOGIN, &w);
	peer_recv(g.edge[front][W_AUTH], IMSG_FRONTEND_TOKEN, &r, WAIT);
	ATF_CHECK_EQ(g.number, rb_u64(&r));
	ATF_REQUIRE_EQ(200, rb_u16(&r));
	(void)rb_u16(&r);
	rb_str(&r, error, sizeof(error));
	p = rb_bytes(&r, &len, 1, BEARER_TEXT_MAX);
	ATF_REQUIRE(rb_end(&r) == 0);
	ATF_REQUIRE((token = strndup((const char *)p, len)) != NULL);
	return (token);
}

/* The way of a frontend that does what is right. */
static unsigned int
by_front(enum who front, const struct ask *ask, const char *token)
{
	struct answered	 a;
	uint8_t		 d[DIGEST_LEN];

	send_ask(g.edge[front][W_BROKER], ++g.number, ask, d);
	send_claim(g.edge[front][W_AUTH], g.number, token, d);
	recv_answer(g.edge[front][W_BROKER], &a);
	ATF_CHECK_EQ(g.number, a.number);
	return (a.status);
}

static void
delete_ask(struct ask *ask)
{
	memset(ask, 0, sizeof(*ask));
	ask->op = OP_KEY_DELETE;
	ask->id = key.id;
}

static int
key_is_there(void)
{
	struct ask	 ask = { .op = OP_KEY_FIND };
	struct answered	 a;

	ask.id = key.id;
	return (by_control(&g, &ask, "", NULL, &a) == 200);
}

static void
silent(enum who front)
{
	ATF_CHECK(peer_silent(g.edge[front][W_BROKER], 200));
}

/* --- asks and claims ----------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(ask_without_claim);
ATF_TC_BODY(ask_without_claim, tc)
{
	struct ask	 ask;
	uint8_t		 d[DIGEST_LEN];
	char		*token;

	begin();
	add_user("admin", PERM_ALL);
	token = login(W_FRONT, "admin");
	delete_ask(&ask);
	send_ask(g.edge[W_OTHER][W_BROKER], ++g.number, &ask, d);
	silent(W_OTHER);
	ATF_CHECK(key_is_there());
	/* an administrator's claim at the other front is not for it */
	send_claim(g.edge[W_FRONT][W_AUTH], g.number, token, d);
	silent(W_OTHER);
	silent(W_FRONT);
	ATF_CHECK(key_is_there());
	rightful(&g, &key.id, g.secret);
	ATF_CHECK_EQ(204, by_front(W_FRONT, &ask, token));
	ATF_CHECK(!key_is_there());
	free(token);
	rig_end(&g);
}

ATF_TC_WITHOUT_HEAD(claim_without_ask);
ATF_TC_BODY(claim_without_ask, tc)
{
	struct ask	 ask;
	struct wbuf	 bytes = { 0 };
	uint8_t		 d[DIGEST_LEN];
	char		*token;

	begin();
	add_user("admin", PERM_ALL);
	token = login(W_OTHER, "admin");
	delete_ask(&ask);
	wb_ask(&bytes, &ask);
	digest(d, bytes.data, bytes.len);
	wb_free(&bytes);
	send_claim(g.edge[W_OTHER][W_AUTH], ++g.number, token, d);
	silent(W_OTHER);
	ATF_CHECK(key_is_there());
	free(token);
	end();
}

ATF_TC_WITHOUT_HEAD(other_digest);
ATF_TC_BODY(other_digest, tc)
{
	struct ask	 ask, claimed = { .op = OP_KEY_FIND };
	struct wbuf	 bytes = { 0 };
	uint8_t		 d[DIGEST_LEN], seen[DIGEST_LEN];
	char		*token;

	begin();
	add_user("admin", PERM_ALL);
	token = login(W_OTHER, "admin");
	claimed.id = key.id;
	wb_ask(&bytes, &claimed);
	digest(seen, bytes.data, bytes.len);
	wb_free(&bytes);
	delete_ask(&ask);
	send_ask(g.edge[W_OTHER][W_BROKER], ++g.number, &ask, d);
	send_claim(g.edge[W_OTHER][W_AUTH], g.number, token, seen);
	want_status(g.edge[W_OTHER][W_BROKER], g.number, 401);
	ATF_CHECK(key_is_there());
	free(token);
	end();
}

/* No token, none of ours, one of who may not. */
ATF_TC_WITHOUT_HEAD(no_right_token);
ATF_TC_BODY(no_right_token, tc)
{
	struct ask	 ask;
	char		*token, *none;

	begin();
	add_user("reader", PERM_KEYS_SEARCH);
	token = login(W_OTHER, "reader");
	delete_ask(&ask);
	ATF_CHECK_EQ(401, by_front(W_OTHER, &ask, token));
	ATF_CHECK_EQ(401, by_front(W_OTHER, &ask, ""));
	ATF_CHECK_EQ(401, by_front(W_OTHER, &ask, "eyJhbGciOiJub25lIn0.e30."));
	none = make_token(&g, g.pkey, NULL);	/* of another service */
	ATF_CHECK_EQ(401, by_front(W_OTHER, &ask, none));
	token[strlen(token) - 3] ^= 1;
	ATF_CHECK_EQ(401, by_front(W_OTHER, &ask, token));
	token[strlen(token) - 3] ^= 1;
	ATF_CHECK(key_is_there());
	ask.op = OP_KEY_FIND;
	ATF_CHECK_EQ(200, by_front(W_OTHER, &ask, token));
	free(token);
	free(none);
	end();
}

/* The numbers of one front are nothing to another's requests. */
ATF_TC_WITHOUT_HEAD(foreign_numbers);
ATF_TC_BODY(foreign_numbers, tc)
{
	struct ask	 ask, evil;
	uint8_t		 d[DIGEST_LEN], e[DIGEST_LEN];
	char		*token;
	uint64_t	 n;

	begin();
	add_user("admin", PERM_ALL);
	token = login(W_FRONT, "admin");
	memset(&ask, 0, sizeof(ask));
	ask.op = OP_KEY_FIND;
	ask.id = key.id;
	n = ++g.number;
	delete_ask(&evil);
	/* all that could be taken for a part of the administrator's */
	send_ask(g.edge[W_OTHER][W_BROKER], n, &evil, e);
	send_claim(g.edge[W_OTHER][W_AUTH], n, "", e);
	want_status(g.edge[W_OTHER][W_BROKER], n, 401);
	send_ask(g.edge[W_FRONT][W_BROKER], n, &ask, d);
	send_claim(g.edge[W_OTHER][W_AUTH], n, "", d);
	silent(W_FRONT);
	send_claim(g.edge[W_FRONT][W_AUTH], n, token, d);
	want_status(g.edge[W_FRONT][W_BROKER], n, 200);
	ATF_CHECK(peer_silent(g.edge[W_OTHER][W_BROKER], 50));
	ATF_CHECK(key_is_there());
	free(token);
	end();
}

/* A name is used once, at the broker and at auth. */
ATF_TC_WITHOUT_HEAD(replayed_number);
ATF_TC_BODY(replayed_number, tc)
{
	struct ask	 ask;
	uint8_t		 d[DIGEST_LEN];
	struct rbuf	 r;

	begin();
	delete_ask(&ask);
	send_ask(g.edge[W_OTHER][W_BROKER], ++g.number, &ask, d);
	send_ask(g.edge[W_OTHER][W_BROKER], g.number, &ask, d);
	ATF_CHECK(peer_closed(g.edge[W_OTHER][W_BROKER], WAIT));
	peer_recv(child_parent(g.child[W_BROKER]), IMSG_PARENT_VIOLATION, &r,
	    WAIT);
	send_claim(g.edge[W_OTHER][W_AUTH], ++g.number, "", d);
	send_claim(g.edge[W_OTHER][W_AUTH], g.number, "", d);
	ATF_CHECK(peer_closed(g.edge[W_OTHER][W_AUTH], WAIT));
	ATF_CHECK(key_is_there());
	end();
}

/* --- material ------------------------------------------------------------ */

/* A front's material for somebody else's request. */
ATF_TC_WITHOUT_HEAD(foreign_material);
ATF_TC_BODY(foreign_material, tc)
{
	struct ask		 ask;
	struct answered		 a;
	struct key_record	 made;
	uint8_t			 d[DIGEST_LEN];
	uint64_t		 n;

	begin();
	key_ask(&ask, g.other, &weak, 0);
	n = ++g.number;
	send_material(g.edge[W_OTHER][W_MAKER], n, g.other, SECRET_LEN);
	send_material(g.edge[W_FRONT][W_MAKER], n, g.secret, SECRET_LEN);
	send_ask(g.edge[W_CONTROL][W_BROKER], n, &ask, d);
	send_local(g.edge[W_CONTROL][W_AUTH], n, d, "");
	ATF_CHECK(peer_silent(g.edge[W_CONTROL][W_BROKER], 50));
	send_material(g.edge[W_CONTROL][W_MAKER], n, g.other, SECRET_LEN);
	recv_answer(g.edge[W_CONTROL][W_BROKER], &a);
	ATF_REQUIRE_EQ(201, a.status);
	rb_key_record(&a.records, &made);
	rightful(&g, &made.id, g.other);
	end();
}

/* Material that is not what was asked for and granted. */
ATF_TC_WITHOUT_HEAD(swapped_material);
ATF_TC_BODY(swapped_material, tc)
{
	struct answered	 a;
	struct ask	 ask;

	begin();
	key_ask(&ask, g.other, &weak, 0);
	ATF_CHECK(by_control(&g, &ask, "", g.secret, &a) >= 400);
	ATF_CHECK_EQ(201, by_control(&g, &ask, "", g.other, &a));
	end();
}

/* Material without a request: it fills nothing up, and makes nothing. */
ATF_TC_WITHOUT_HEAD(material_alone);
ATF_TC_BODY(material_alone, tc)
{
	struct answered	 a;
	struct ask	 ask = { .op = OP_KEY_SEARCH };
	int		 i;

	begin();
	for (i = 0; i < 100; i++)
		send_material(g.edge[W_OTHER][W_MAKER], 100000 + (uint64_t)i,
		    g.other, SECRET_LEN);
	wait_waiting(g.child[W_MAKER], 64);
	ATF_CHECK_EQ(200, by_control(&g, &ask, "", NULL, &a));
	ATF_CHECK_EQ(1, a.count);
	/* it goes when its front does */
	peer_close(g.edge[W_OTHER][W_MAKER]);
	wait_waiting(g.child[W_MAKER], 0);
	(void)add_key(&g, g.other, &weak, 0);
	end();
}

/* --- transfers ----------------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(no_evidence);
ATF_TC_BODY(no_evidence, tc)
{
	struct peer	*broker;
	EVP_PKEY	*forger = mint_rsa(2048);
	char		*token;

	begin();
	broker = g.edge[W_GATE][W_BROKER];
	send_transfer(broker, ++g.number, &key.id, "");
	want_status(broker, g.number, 401);
	send_transfer(broker, ++g.number, &key.id, "a.b.c");
	want_status(broker, g.number, 401);
	token = make_token(&g, g.thief, forger);
	send_transfer(broker, ++g.number, &key.id, token);
	want_status(broker, g.number, 401);
	free(token);
	token = make_token(&g, g.thief, NULL);
	token[strlen(token) / 2] ^= 1;
	send_transfer(broker, ++g.number, &key.id, token);
	want_status(broker, g.number, 401);
	free(token);
	EVP_PKEY_free(forger);
	end();
}

/* Somebody's token shown again: the key comes wrapped for that one. */
ATF_TC_WITHOUT_HEAD(token_of_another);
ATF_TC_BODY(token_of_another, tc)
{
	static struct wrapped_got	 got;
	uint8_t				 swk[1024];
	char				*token;

	begin();
	token = make_token(&g, g.pkey, NULL);
	send_transfer(g.edge[W_GATE][W_BROKER], ++g.number, &key.id, token);
	recv_wrapped(g.edge[W_GATE][W_ENGINE], &got);
	ATF_CHECK_EQ(g.number, got.number);
	ATF_CHECK_EQ(-1, unwrap_oaep(g.thief, EVP_sha256(), EVP_sha256(),
	    got.swk, got.swklen, swk, sizeof(swk)));
	ATF_CHECK(memmem(got.key, got.keylen, g.secret, SECRET_LEN) == NULL);
	ATF_CHECK_EQ(32, unwrap_oaep(g.pkey, EVP_sha256(), EVP_sha256(),
	    got.swk, got.swklen, swk, sizeof(swk)));
	free(token);
	end();
}

/* What an operator may not have: a key that is released on attestation. */
ATF_TC_WITHOUT_HEAD(control_attested_only);
ATF_TC_BODY(control_attested_only, tc)
{
	struct key_record	 marked;
	struct answered		 a;
	struct uuid		 strong;
	struct ask		 ask = { .op = OP_KEY_RELEASE };
	uint8_t			*der = NULL;
	int			 len;

	begin();
	marked = add_key(&g, g.other, &weak, KEY_ATTESTED_ONLY);
	strong = add_policy(&g, POLICY_STRONG);
	ATF_REQUIRE((len = i2d_PUBKEY(g.thief, &der)) > 0);
	ask.id = marked.id;
	ask.pubkey = der;
	ask.pubkeylen = (size_t)len;
	ATF_CHECK_EQ(401, by_control(&g, &ask, "", NULL, &a));
	no_key(&g, 100);
	ask.op = OP_KEY_MOVE;
	ask.policy = strong;
	ask.pubkeylen = 0;
	ATF_CHECK(by_control(&g, &ask, "", NULL, &a) >= 400);
	OPENSSL_free(der);
	rightful(&g, &marked.id, g.other);
	end();
}

/* --- sockets ------------------------------------------------------------- */

static int
in(uint32_t type, const uint32_t *types)
{
	for (; *types != 0; types++)
		if (*types == type)
			return (1);
	return (0);
}

/* Every message there is that this edge does not take ends it. */
static void
all_types(enum who who, enum who real, const uint32_t *may)
{
	const struct cast	*c = &cast[who];
	struct peer		*peer;
	struct wbuf		 w = { 0 };
	struct rbuf		 r;
	uint8_t			 body[200];
	uint32_t		 type;

	memset(body, 0, sizeof(body));
	for (type = 1; type < IMSG_MAX; type++) {
		if (in(type, may))
			continue;
		peer = child_edge(g.child[real], c->kind, 5, c->front + 100);
		wb_raw(&w, body, sizeof(body));
		peer_send(peer, type, &w);
		ATF_CHECK_MSG(peer_closed(peer, WAIT), "%s takes %s from %s",
		    process_name(cast[real].kind), imsg_name(type),
		    process_name(c->kind));
		peer_recv(child_parent(g.child[real]), IMSG_PARENT_VIOLATION,
		    &r, WAIT);
		peer_close(peer);
	}
}

ATF_TC_WITHOUT_HEAD(frontend_sends_anything);
ATF_TC_BODY(frontend_sends_anything, tc)
{
	static const uint32_t	 broker[] = { IMSG_BROKER_TRANSFER,
				    IMSG_BROKER_ASK, 0 };
	static const uint32_t	 auth[] = { IMSG_AUTH_LOGIN, IMSG_AUTH_CLAIM,
				    0 };
	static const uint32_t	 maker[] = { IMSG_MAKER_MATERIAL, 0 };
	static const uint32_t	 none[] = { 0 };

	begin();
	all_types(W_OTHER, W_BROKER, broker);
	all_types(W_OTHER, W_AUTH, auth);
	all_types(W_OTHER, W_MAKER, maker);
	all_types(W_OTHER, W_ENGINE, none);
	end();
}

ATF_TC_WITHOUT_HEAD(gate_sends_anything);
ATF_TC_BODY(gate_sends_anything, tc)
{
	static const uint32_t	 broker[] = { IMSG_BROKER_TRANSFER, 0 };
	static const uint32_t	 none[] = { 0 };

	begin();
	all_types(W_GATE, W_BROKER, broker);
	all_types(W_GATE, W_ENGINE, none);
	end();
}

ATF_TC_WITHOUT_HEAD(control_sends_anything);
ATF_TC_BODY(control_sends_anything, tc)
{
	static const uint32_t	 broker[] = { IMSG_BROKER_ASK, 0 };
	static const uint32_t	 auth[] = { IMSG_AUTH_LOCAL, 0 };
	static const uint32_t	 maker[] = { IMSG_MAKER_MATERIAL, 0 };
	static const uint32_t	 none[] = { 0 };

	begin();
	all_types(W_CONTROL, W_BROKER, broker);
	all_types(W_CONTROL, W_AUTH, auth);
	all_types(W_CONTROL, W_MAKER, maker);
	all_types(W_CONTROL, W_ENGINE, none);
	end();
}

/* What a gate carries is no administrator's. */
ATF_TC_WITHOUT_HEAD(gate_asks);
ATF_TC_BODY(gate_asks, tc)
{
	struct ask	 ask;
	uint8_t		 d[DIGEST_LEN];

	begin();
	delete_ask(&ask);
	send_ask(g.edge[W_GATE][W_BROKER], ++g.number, &ask, d);
	ATF_CHECK(peer_closed(g.edge[W_GATE][W_BROKER], WAIT));
	ATF_CHECK(key_is_there());
	end();
}

/* One that floods is told that it is too much; the others are served. */
ATF_TC_WITHOUT_HEAD(flood);
ATF_TC_BODY(flood, tc)
{
	struct ask	 ask;
	uint8_t		 d[DIGEST_LEN];
	int		 i;

	begin();
	delete_ask(&ask);
	for (i = 0; i < 1000; i++)
		send_ask(g.edge[W_OTHER][W_BROKER], ++g.number, &ask, d);
	for (i = 0; i < 1000; i++)
		send_claim(g.edge[W_OTHER][W_AUTH], 500000 + (uint64_t)i, "",
		    d);
	for (i = 0; i < 1000 - FRONT_REQUESTS_MAX; i++)
		want_status(g.edge[W_OTHER][W_BROKER], g.number - 1000 +
		    FRONT_REQUESTS_MAX + 1 + (uint64_t)i, 503);
	ATF_CHECK(key_is_there());
	end();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, ask_without_claim);
	ATF_TP_ADD_TC(tp, claim_without_ask);
	ATF_TP_ADD_TC(tp, other_digest);
	ATF_TP_ADD_TC(tp, no_right_token);
	ATF_TP_ADD_TC(tp, foreign_numbers);
	ATF_TP_ADD_TC(tp, replayed_number);
	ATF_TP_ADD_TC(tp, foreign_material);
	ATF_TP_ADD_TC(tp, swapped_material);
	ATF_TP_ADD_TC(tp, material_alone);
	ATF_TP_ADD_TC(tp, no_evidence);
	ATF_TP_ADD_TC(tp, token_of_another);
	ATF_TP_ADD_TC(tp, control_attested_only);
	ATF_TP_ADD_TC(tp, frontend_sends_anything);
	ATF_TP_ADD_TC(tp, gate_sends_anything);
	ATF_TP_ADD_TC(tp, control_sends_anything);
	ATF_TP_ADD_TC(tp, gate_asks);
	ATF_TP_ADD_TC(tp, flood);
	return (atf_no_error());
}

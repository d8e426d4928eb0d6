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
 * All of kbsd's processes that hold or decide something, wired together as
 * the parent wires them, but for those that a test plays: these are taken
 * over.  Frontends, gate, control and fetcher are always played; when they
 * are not the ones taken over they do what is right.
 */
#ifndef RIG_H
#define RIG_H

#include <sys/stat.h>

#include "mint.h"
#include "play.h"

#define OTHER_FRONT	11
#define SECRET_LEN	32
#define POLICY_WEAK	"{\"attestation_type\":\"TDX\",\"tdx\":{" \
			"\"attributes\":{\"seamsvn\":0}}}"
#define POLICY_STRONG	"{\"attestation_type\":\"TDX\",\"tdx\":{" \
			"\"attributes\":{\"seamsvn\":7}}}"
#define POLICY_THIRD	"{\"attestation_type\":\"TDX\",\"tdx\":{" \
			"\"attributes\":{\"seamsvn\":9}}}"

enum who { W_FRONT, W_OTHER, W_GATE, W_CONTROL, W_AUTH, W_HASHER, W_BROKER,
	W_STORE, W_AUDIT, W_VERIFIER, W_FETCHER, W_ENGINE, W_MAKER, W_KMS,
	W_MAX };

#define BIT(who)	(1u << (who))
#define PLAYED_ALWAYS	(BIT(W_FRONT) | BIT(W_OTHER) | BIT(W_GATE) | \
			BIT(W_CONTROL) | BIT(W_FETCHER))

static const struct cast {
	enum process_kind	 kind;
	uint32_t		 instance, front;
	const char		*program;
} cast[W_MAX] = {
	[W_FRONT] = { PROC_FRONTEND, 0, FRONT, "frontend" },
	[W_OTHER] = { PROC_FRONTEND, 1, OTHER_FRONT, "frontend" },
	[W_GATE] = { PROC_GATE, 0, GATE, "frontend" },
	[W_CONTROL] = { PROC_CONTROL, 0, CONTROL, "control" },
	[W_AUTH] = { PROC_AUTH, 0, 0, "auth" },
	[W_HASHER] = { PROC_HASHER, 0, 0, "auth" },
	[W_BROKER] = { PROC_BROKER, 0, BROKER, "broker" },
	[W_STORE] = { PROC_STORE, 0, 0, "store" },
	[W_AUDIT] = { PROC_AUDIT, 0, 0, "audit" },
	[W_VERIFIER] = { PROC_VERIFIER, 0, 0, "verifier" },
	[W_FETCHER] = { PROC_FETCHER, 0, 0, "fetcher" },
	[W_ENGINE] = { PROC_ENGINE, 0, 0, "engine" },
	[W_MAKER] = { PROC_MAKER, 0, 0, "engine" },
	[W_KMS] = { PROC_KMS, 0, 0, "kms" },
};

static const enum who	 pairs[][2] = {
	{ W_BROKER, W_STORE }, { W_BROKER, W_AUDIT }, { W_AUDIT, W_KMS },
	{ W_AUTH, W_HASHER }, { W_AUTH, W_ENGINE }, { W_AUTH, W_MAKER },
	{ W_ENGINE, W_KMS }, { W_MAKER, W_KMS }, { W_VERIFIER, W_ENGINE },
	{ W_VERIFIER, W_FETCHER }, { W_BROKER, W_AUTH },
	{ W_BROKER, W_ENGINE }, { W_BROKER, W_MAKER },
	{ W_BROKER, W_VERIFIER },
	{ W_FRONT, W_BROKER }, { W_FRONT, W_AUTH }, { W_FRONT, W_ENGINE },
	{ W_FRONT, W_MAKER }, { W_OTHER, W_BROKER }, { W_OTHER, W_AUTH },
	{ W_OTHER, W_ENGINE }, { W_OTHER, W_MAKER }, { W_GATE, W_BROKER },
	{ W_GATE, W_ENGINE }, { W_CONTROL, W_BROKER }, { W_CONTROL, W_AUTH },
	{ W_CONTROL, W_ENGINE }, { W_CONTROL, W_MAKER },
};

struct rig {
	struct mint	 mint;
	unsigned int	 played;
	struct child	*child[W_MAX];
	/* The played one's end of its edge to the real one. */
	struct peer	*edge[W_MAX][W_MAX];
	uint64_t	 number;	/* the last used, of any front */
	EVP_PKEY	*pkey;		/* the workload's */
	EVP_PKEY	*thief;		/* the attacker's */
	uint8_t		 secret[SECRET_LEN];	/* a registered key */
	uint8_t		 other[SECRET_LEN];	/* another */
};

/* --- starting ------------------------------------------------------------ */

static UNUSED int
rig_file(const char *name, const void *data, size_t len)
{
	int	 fd = open(name, O_RDWR | O_CREAT | O_APPEND, 0600);

	ATF_REQUIRE(fd != -1);
	if (len > 0)
		ATF_REQUIRE(write(fd, data, len) == (ssize_t)len);
	return (fd);
}

static UNUSED void
rig_keystores(struct wbuf *w)
{
	wb_u32(w, 1);
	wb_str(w, "main");
}

static UNUSED void
rig_config(struct rig *g, enum who who, struct wbuf *w)
{
	static const uint8_t	 none[DIGEST_LEN];

	switch (who) {
	case W_AUTH:
		wb_u32(w, 300);
		wb_u32(w, 5);
		wb_u32(w, 300);
		wb_u32(w, 900);
		wb_str(w, "");
		wb_u32(w, 1);
		wb_u32(w, 0);
		wb_u32(w, 0);
		rig_keystores(w);
		wb_u32(w, 0);
		break;
	case W_HASHER:
		wb_u32(w, 4);
		break;
	case W_BROKER:
		wb_u32(w, 1);
		wb_u8(w, 1);
		wb_u8(w, 0);
		wb_u8(w, 0);
		rig_keystores(w);
		break;
	case W_AUDIT:
		wb_u32(w, 1);
		wb_u64(w, 0);
		wb_digest(w, none);
		wb_u32(w, 0);
		wb_u8(w, 0);
		rig_keystores(w);
		break;
	case W_VERIFIER:
		wb_u32(w, 1);
		wb_u8(w, 0);
		wb_u32(w, 1);
		wb_str(w, "ita");
		wb_str(w, "Tester");
		wb_str(w, "");
		wb_u8(w, 2);
		wb_u32(w, 1);
		wb_u8(w, 0);
		wb_u32(w, 0);
		wb_u8(w, 0);
		break;
	case W_ENGINE:
	case W_MAKER:
		rig_keystores(w);
		wb_u8(w, 0);
		wb_u8(w, 0);
		break;
	case W_KMS:
		wb_str(w, "main");
		wb_u8(w, KEYSTORE_LOCAL);
		wb_u32(w, 0);
		break;
	default:
		break;
	}
	(void)g;
}

static UNUSED void
rig_descriptors(struct rig *g, enum who who)
{
	struct child	*c = g->child[who];
	BIO		*bio;
	char		*pem;
	long		 n;

	switch (who) {
	case W_AUTH:
		child_descriptor(c, FD_TOKEN_KEY, rig_file("token", "", 0));
		child_descriptor(c, FD_SEAL_KEY, rig_file("seal", "", 0));
		break;
	case W_AUDIT:
		child_descriptor(c, FD_AUDIT_LOG, rig_file("log", "", 0));
		break;
	case W_KMS:
		child_descriptor(c, FD_SEAL_KEY, rig_file("kseal", "", 0));
		child_descriptor(c, FD_MASTER_KEY, rig_file("master", "",
		    0));
		break;
	case W_VERIFIER:
		bio = BIO_new(BIO_s_mem());
		PEM_write_bio_X509(bio, g->mint.root);
		n = BIO_get_mem_data(bio, &pem);
		child_descriptor(c, FD_ROOT, rig_file("root", pem,
		    (size_t)n));
		child_descriptor(c, FD_NONCE_KEY, rig_file("nonce", "", 0));
		BIO_free(bio);
		break;
	default:
		break;
	}
}

static UNUSED void
rig_child(struct rig *g, enum who who)
{
	const struct cast	*c = &cast[who];
	struct wbuf		 w = { 0 };
	char			 dir[4096];
	int			 files = who == W_STORE || who == W_KMS;

	if (files) {
		ATF_REQUIRE(getcwd(dir, sizeof(dir) - 16) != NULL);
		strlcat(dir, who == W_STORE ? "/rows" : "/keys", sizeof(dir));
		ATF_REQUIRE(mkdir(dir, 0700) == 0);
	}
	g->child[who] = child_start(c->program, c->kind, c->instance,
	    c->front, files ? dir : NULL);
	rig_config(g, who, &w);
	child_config(g->child[who], &w);
	rig_descriptors(g, who);
	child_go(g->child[who]);
}

static UNUSED void
rig_edge(struct rig *g, enum who a, enum who b)
{
	const struct cast	*ca = &cast[a], *cb = &cast[b];

	if (g->child[a] != NULL && g->child[b] != NULL)
		child_connect(g->child[a], ca->kind, ca->instance, ca->front,
		    g->child[b], cb->kind, cb->instance, cb->front);
	else if (g->child[a] != NULL)
		g->edge[b][a] = child_edge(g->child[a], cb->kind,
		    cb->instance, cb->front);
	else if (g->child[b] != NULL)
		g->edge[a][b] = child_edge(g->child[b], ca->kind,
		    ca->instance, ca->front);
}

/* who: those that are taken over, or not needed. */
static UNUSED void
rig_start(struct rig *g, unsigned int played)
{
	size_t	 i;
	int	 who;

	memset(g, 0, sizeof(*g));
	g->played = played | PLAYED_ALWAYS;
	mint_init(&g->mint);
	g->pkey = play_rsa(3072);
	g->thief = play_rsa(3072);
	arc4random_buf(g->secret, sizeof(g->secret));
	arc4random_buf(g->other, sizeof(g->other));
	for (who = 0; who < W_MAX; who++)
		if ((g->played & BIT(who)) == 0)
			rig_child(g, (enum who)who);
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		rig_edge(g, pairs[i][0], pairs[i][1]);
}

/* No process has died of what it was sent. */
static UNUSED void
rig_end(struct rig *g)
{
	int	 who, status;

	for (who = 0; who < W_MAX; who++) {
		if (g->child[who] == NULL)
			continue;
		status = child_end(g->child[who]);
		ATF_CHECK_EQ_MSG(0, status, "%s ended with %#x",
		    process_name(cast[who].kind), (unsigned int)status);
	}
	EVP_PKEY_free(g->pkey);
	EVP_PKEY_free(g->thief);
}

/* --- the fetcher, as it should be ---------------------------------------- */

struct fetching {
	uint64_t	 tag;
	uint8_t		 what;
	char		 url[1024];
};

static UNUSED void
recv_get(struct rig *g, struct fetching *f)
{
	struct rbuf	 r;

	peer_recv(g->edge[W_FETCHER][W_VERIFIER], IMSG_FETCHER_GET, &r, WAIT);
	f->tag = rb_u64(&r);
	f->what = rb_u8(&r);
	(void)rb_u64(&r);
	(void)rb_bool(&r);
	rb_str(&r, f->url, sizeof(f->url));
	ATF_REQUIRE(!r.failed);
}

static UNUSED void
send_got(struct rig *g, uint64_t tag, enum got_result result,
    unsigned int status, const void *data, size_t len)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, tag);
	wb_u8(&w, (uint8_t)result);
	wb_u16(&w, (uint16_t)status);
	wb_str(&w, result == GOT_OK ? "" : "as the test wants it");
	wb_bytes(&w, data, len);
	wb_u64(&w, (uint64_t)time(NULL));
	peer_send(g->edge[W_FETCHER][W_VERIFIER], IMSG_VERIFIER_GOT, &w);
}

static UNUSED void
send_crl(struct rig *g, const struct fetching *f)
{
	const struct mint	*m = &g->mint;
	int			 ca = strcmp(f->url, URL_CA) == 0, len;
	uint8_t			*der;

	ATF_REQUIRE_EQ(FETCH_CRL, f->what);
	der = mint_crl(ca ? m->root : m->ca, ca ? m->root_key : m->ca_key,
	    NULL, -60, 3600, &len);
	send_got(g, f->tag, GOT_OK, 200, der, (size_t)len);
	OPENSSL_free(der);
}

/* Key set and CRLs, all of them good. */
static UNUSED void
serve_collateral(struct rig *g)
{
	char		*jwks = mint_usual_jwks(&g->mint);
	struct fetching	 f;
	int		 i;

	recv_get(g, &f);
	ATF_REQUIRE_EQ(FETCH_JWKS, f.what);
	send_got(g, f.tag, GOT_OK, 200, jwks, strlen(jwks));
	free(jwks);
	for (i = 0; i < 2; i++) {
		recv_get(g, &f);
		send_crl(g, &f);
	}
}

/* --- tokens -------------------------------------------------------------- */

/* A token that vouches for this key, signed by signer (NULL: the service). */
static UNUSED char *
make_token(struct rig *g, EVP_PKEY *pkey, EVP_PKEY *signer)
{
	uint8_t	 held[4 + 384] = { 1, 0, 1, 0 };
	char	*text, *data, *token;

	ATF_REQUIRE_EQ(384, play_number(pkey, OSSL_PKEY_PARAM_RSA_N, held + 4,
	    384));
	data = mint_b64(held, sizeof(held), 0);
	ATF_REQUIRE(asprintf(&text, "{\"ver\":\"2.0.0\",\"iss\":\"Tester\","
	    "\"exp\":%lld,\"tdx\":{\"attester_type\":\"TDX\","
	    "\"dbgstat\":\"disabled\",\"tdx_seamsvn\":0,"
	    "\"attester_held_data\":\"%s\"}}", (long long)time(NULL) + 100,
	    data) > 0);
	token = mint_token(signer != NULL ? signer : g->mint.leaf_key,
	    "PS384", "k", text);
	free(data);
	free(text);
	return (token);
}

static UNUSED void
token_evidence(struct wbuf *w, const char *token)
{
	struct evidence	 e = { .token = (const uint8_t *)token,
	    .tokenlen = strlen(token) };
	struct wbuf	 inner = { 0 };

	wb_evidence(&inner, &e);
	wb_bytes(w, inner.data, inner.len);
	wb_free(&inner);
}

/* The digest by which audit and kms name a wrapping key. */
static UNUSED void
wrapping_of(EVP_PKEY *pkey, uint8_t d[DIGEST_LEN])
{
	uint8_t	 e[16], n[1200];
	size_t	 elen, nlen;

	elen = play_number(pkey, OSSL_PKEY_PARAM_RSA_E, e, sizeof(e));
	nlen = play_number(pkey, OSSL_PKEY_PARAM_RSA_N, n, sizeof(n));
	wrapping_key_digest(d, e, elen, n, nlen);
}

/* --- what a client gets -------------------------------------------------- */

/* WRAPPED came for this number, and opens to this. */
static UNUSED void
want_wrapped(struct peer *front, uint64_t number, EVP_PKEY *pkey,
    const uint8_t *secret)
{
	static struct wrapped_got	 got;
	uint8_t				 swk[1024], plain[20000];

	recv_wrapped(front, &got);
	ATF_CHECK_EQ(number, got.number);
	ATF_REQUIRE_EQ(32, unwrap_oaep(pkey, EVP_sha256(), EVP_sha256(),
	    got.swk, got.swklen, swk, sizeof(swk)));
	ATF_REQUIRE_EQ(SECRET_LEN, unwrap_gcm(swk, got.key, got.keylen,
	    plain));
	ATF_CHECK(memcmp(plain, secret, SECRET_LEN) == 0);
}

/* No key has come to any front, whoever asked. */
static UNUSED void
no_key(struct rig *g, int ms)
{
	static const enum who	 fronts[] = { W_FRONT, W_OTHER, W_GATE,
				    W_CONTROL };
	size_t			 i;

	for (i = 0; i < 4; i++) {
		if (g->edge[fronts[i]][W_ENGINE] == NULL)
			continue;
		ATF_CHECK(peer_silent(g->edge[fronts[i]][W_ENGINE], ms));
		ms = 1;
	}
}

struct answered {
	uint64_t	 number;
	unsigned int	 status;
	char		 error[ERROR_TEXT_MAX];
	uint8_t		 kind;
	uint32_t	 count;
	struct rbuf	 records;
};

static UNUSED void
recv_answer(struct peer *broker, struct answered *a)
{
	struct rbuf	 r;

	peer_recv(broker, IMSG_FRONTEND_ANSWER, &r, 2 * WAIT);
	a->number = rb_u64(&r);
	a->status = rb_u16(&r);
	(void)rb_u16(&r);
	rb_str(&r, a->error, sizeof(a->error));
	(void)rb_u8(&r);
	a->kind = rb_u8(&r);
	a->count = rb_u32(&r);
	ATF_REQUIRE(!r.failed);
	a->records = r;
}

static UNUSED void
want_status(struct peer *broker, uint64_t number, unsigned int status)
{
	struct answered	 a;

	recv_answer(broker, &a);
	ATF_CHECK_EQ(number, a.number);
	ATF_CHECK_EQ_MSG(status, a.status, "%u (%s), not %u", a.status,
	    a.error, status);
}

/* --- requests of fronts, where the broker is real ------------------------ */

static UNUSED void
send_ask(struct peer *broker, uint64_t number, const struct ask *ask,
    uint8_t d[DIGEST_LEN])
{
	struct wbuf	 w = { 0 }, bytes = { 0 };

	wb_ask(&bytes, ask);
	digest(d, bytes.data, bytes.len);
	wb_u64(&w, number);
	wb_str(&w, "192.0.2.7");
	wb_bytes(&w, bytes.data, bytes.len);
	wb_free(&bytes);
	peer_send(broker, IMSG_BROKER_ASK, &w);
}

static UNUSED void
send_local(struct peer *auth, uint64_t number, const uint8_t d[DIGEST_LEN],
    const char *password)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, number);
	wb_u32(&w, 1000);
	wb_digest(&w, d);
	wb_str(&w, password);
	peer_send(auth, IMSG_AUTH_LOCAL, &w);
}

static UNUSED void
send_claim(struct peer *auth, uint64_t number, const char *token,
    const uint8_t d[DIGEST_LEN])
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, number);
	wb_str(&w, token);
	wb_digest(&w, d);
	wb_str(&w, "");
	peer_send(auth, IMSG_AUTH_CLAIM, &w);
}

/* An operator's request over control; the answer's status. */
static UNUSED unsigned int
by_control(struct rig *g, const struct ask *ask, const char *password,
    const uint8_t *material, struct answered *a)
{
	uint8_t	 d[DIGEST_LEN];

	g->number++;
	/* Alone it is kept for long; who has an order waits less. */
	if (material != NULL)
		send_material(g->edge[W_CONTROL][W_MAKER], g->number,
		    material, SECRET_LEN);
	send_ask(g->edge[W_CONTROL][W_BROKER], g->number, ask, d);
	send_local(g->edge[W_CONTROL][W_AUTH], g->number, d, password);
	recv_answer(g->edge[W_CONTROL][W_BROKER], a);
	ATF_CHECK_EQ(g->number, a->number);
	return (a->status);
}

static UNUSED struct uuid
add_policy(struct rig *g, const char *text)
{
	struct ask		 ask = { .op = OP_POLICY_CREATE };
	struct policy_record	 policy;
	struct answered		 a;

	ask.text = text;
	ask.textlen = strlen(text);
	ATF_REQUIRE_EQ(201, by_control(g, &ask, "", NULL, &a));
	rb_policy_record(&a.records, &policy);
	ATF_REQUIRE(rb_end(&a.records) == 0);
	return (policy.id);
}

static UNUSED void
key_ask(struct ask *ask, const uint8_t *material, const struct uuid *policy,
    int flags)
{
	memset(ask, 0, sizeof(*ask));
	ask->op = OP_KEY_REGISTER;
	ask->algorithm = ALG_AES;
	ask->length = SECRET_LEN * 8;
	ask->flags = (uint8_t)flags;
	if (policy != NULL)
		ask->policy = *policy;
	ask->has_material = 1;
	digest(ask->material, material, SECRET_LEN);
}

static UNUSED struct key_record
add_key(struct rig *g, const uint8_t *material, const struct uuid *policy,
    int flags)
{
	struct key_record	 key;
	struct answered		 a;
	struct ask		 ask;

	key_ask(&ask, material, policy, flags);
	ATF_REQUIRE_EQ(201, by_control(g, &ask, "", material, &a));
	rb_key_record(&a.records, &key);
	ATF_REQUIRE(rb_end(&a.records) == 0);
	return (key);
}

static UNUSED void
send_transfer(struct peer *broker, uint64_t number, const struct uuid *key,
    const char *token)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, number);
	wb_str(&w, "192.0.2.9");
	wb_uuid(&w, key);
	wb_u8(&w, token == NULL ? TRANSFER_FIRST : TRANSFER_TOKEN);
	wb_u32(&w, 0);
	if (token != NULL)
		token_evidence(&w, token);
	else
		wb_bytes(&w, NULL, 0);
	peer_send(broker, IMSG_BROKER_TRANSFER, &w);
}

/* The rightful way still leads to the key. */
static UNUSED void
rightful(struct rig *g, const struct uuid *key, const uint8_t *secret)
{
	char	*token = make_token(g, g->pkey, NULL);

	send_transfer(g->edge[W_FRONT][W_BROKER], ++g->number, key, token);
	want_wrapped(g->edge[W_FRONT][W_ENGINE], g->number, g->pkey, secret);
	free(token);
}

#endif

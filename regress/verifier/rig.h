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
 * The verifier program, its broker, fetcher and engines: included by tests.
 */
#ifndef VERIFIER_RIG_H
#define VERIFIER_RIG_H

#include <fcntl.h>
#include <unistd.h>

#include "digest.h"
#include "mint.h"
#include "peer.h"

/*
 * For what a timer of the verifier would bring as well: a fetch of keys, which
 * it tries again 10 s after one that failed, and an answer, which it gives when
 * a fetch has taken 20 s.
 */
#define FETCH_MS	8000
#define ANSWER_MS	15000

struct rig {
	struct mint	 m;
	struct child	*child;
	int		 two;		/* services, "ita" and "two" */
	int		 none;		/* no service */
	/* Blocks of other issuers, and the files that they come with. */
	void		(*foreign)(struct rig *, struct wbuf *);
	void		(*files)(struct rig *);
	struct peer	*broker, *fetcher, *second, *engine[2];
	char		*jwks;
	X509		*revoked_leaf, *revoked_ca;
	time_t		 crl_until;
};

struct asked {
	uint64_t	 tag;
	uint8_t		 what, tees;
	int		 refresh;
	char		 url[CRL_URL_MAX];
	uint32_t	 nids;
	struct evidence	 e;
	uint8_t		 bytes[80];	/* the first of them */
	size_t		 len;
};

struct answer {
	struct request_name name;
	uint8_t		 verdict, tees;
	uint16_t	 status;
	char		 text[ERROR_TEXT_MAX], reason[REASON_TEXT_MAX],
			 claim[CLAIM_TEXT_MAX], wanted[CLAIM_TEXT_MAX],
			 got[CLAIM_TEXT_MAX];
	uint8_t		 evidence[DIGEST_LEN], key[DIGEST_LEN],
			 nonce[DIGEST_LEN];
	uint64_t	 expiry;
};

static const uint8_t	 zero[DIGEST_LEN];
static const char	 policy[] = "{\"attestation_type\":\"TDX\",\"tdx\":"
    "{\"attributes\":{\"seamsvn\":0}}}";
static struct uuid	 key_id, policy_id;
static uint8_t		 held[4 + 384];

static __attribute__((unused)) int
temp_file(const void *data, size_t len)
{
	char	 path[] = "verifier.XXXXXX";
	int	 fd = mkstemp(path);

	ATF_REQUIRE(fd != -1);
	unlink(path);
	ATF_REQUIRE(write(fd, data, len) == (ssize_t)len);
	return (fd);
}

static __attribute__((unused)) void
rig_child(struct rig *rig, uint32_t interval, int require_nonce)
{
	struct wbuf	 w = { 0 };
	BIO		*bio = BIO_new(BIO_s_mem());
	char		*pem;
	long		 n;
	size_t		 i, services;

	services = rig->none ? 0 : rig->two ? 2 : 1;
	rig->child = child_start("verifier", PROC_VERIFIER, 0, 0, NULL);
	wb_u32(&w, 2);
	wb_u8(&w, (uint8_t)require_nonce);
	wb_u32(&w, (uint32_t)services);
	for (i = 0; i < services; i++) {
		wb_str(&w, i == 0 ? "ita" : "two");
		wb_str(&w, "Tester");
		wb_str(&w, "");
		wb_u8(&w, 2);
		wb_u32(&w, interval);
		wb_u8(&w, 0);
	}
	if (rig->foreign != NULL)
		rig->foreign(rig, &w);
	else
		wb_u32(&w, 0);
	wb_u8(&w, 0);
	child_config(rig->child, &w);
	PEM_write_bio_X509(bio, rig->m.root);
	n = BIO_get_mem_data(bio, &pem);
	for (i = 0; i < services; i++)
		child_descriptor(rig->child, FD_ROOT, temp_file(pem,
		    (size_t)n));
	if (rig->files != NULL)
		rig->files(rig);
	child_descriptor(rig->child, FD_NONCE_KEY, temp_file("", 0));
	child_go(rig->child);
	BIO_free(bio);
	if (services > 0)
		rig->fetcher = child_edge(rig->child, PROC_FETCHER, 0, 0);
	if (rig->two)
		rig->second = child_edge(rig->child, PROC_FETCHER, 1, 0);
	for (i = 0; i < 2; i++)
		rig->engine[i] = child_edge(rig->child, PROC_ENGINE,
		    (uint32_t)i, 0);
	/* The last one: from now on it waits for the store to answer. */
	rig->broker = child_edge(rig->child, PROC_BROKER, 0, 0);
}

/* A key, its policy, and what the requester's evidence holds. */
static __attribute__((unused)) void
rig_ids(void)
{
	uuid_make(&key_id);
	uuid_make(&policy_id);
	memset(held, 0xa5, sizeof(held));
	memcpy(held, "\x01\x00\x01\x00", 4);
}

static __attribute__((unused)) void
rig_prepare(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	mint_init(&rig->m);
	rig->crl_until = 3600;
	rig->jwks = mint_usual_jwks(&rig->m);
	rig_ids();
}

static __attribute__((unused)) void
rig_start(struct rig *rig, uint32_t interval, int require_nonce)
{
	rig_prepare(rig);
	rig_child(rig, interval, require_nonce);
}

static __attribute__((unused)) void
kept(struct rig *rig, const void *data, size_t len)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	char		 name[64];
	uint64_t	 tag;

	peer_recv(rig->broker, IMSG_BROKER_COLLATERAL_WANT, &r, AGES);
	tag = rb_u64(&r);
	rb_str(&r, name, sizeof(name));
	ATF_REQUIRE(rb_end(&r) == 0);
	ATF_CHECK(strcmp(name, "ita") == 0 || strcmp(name, "two") == 0);
	wb_u64(&w, tag);
	wb_u8(&w, len > 0);
	wb_bytes(&w, data, len);
	peer_send(rig->broker, IMSG_VERIFIER_COLLATERAL, &w);
}

/* The next request to the fetcher. */
static __attribute__((unused)) void
asked(struct rig *rig, struct asked *a)
{
	struct rbuf	 r, inner;
	const uint8_t	*data;
	char		 id[64];
	uint32_t	 i;
	size_t		 len;

	memset(a, 0, sizeof(*a));
	peer_recv(rig->fetcher, IMSG_FETCHER_GET, &r, FETCH_MS);
	a->tag = rb_u64(&r);
	a->what = rb_u8(&r);
	ATF_CHECK(rb_u64(&r) <= now_ms() + DEADLINE_SERVICE_MS);
	a->refresh = rb_bool(&r);
	rb_str(&r, a->url, sizeof(a->url));
	a->tees = rb_u8(&r);
	a->nids = rb_u32(&r);
	for (i = 0; i < a->nids; i++)
		rb_str(&r, id, sizeof(id));
	data = rb_bytes(&r, &len, 0, EVIDENCE_MAX);
	ATF_REQUIRE(rb_end(&r) == 0);
	a->len = len < sizeof(a->bytes) ? len : sizeof(a->bytes);
	memcpy(a->bytes, data, a->len);
	ATF_CHECK_EQ(len > 0, a->what == FETCH_ATTEST ||
	    a->what >= FETCH_DCAP);
	if (a->what == FETCH_ATTEST) {
		rb_init(&inner, data, len);
		rb_evidence(&inner, &a->e);
		ATF_REQUIRE(rb_end(&inner) == 0);
	}
}

static __attribute__((unused)) void
give(struct rig *rig, const struct asked *a, uint8_t result, uint16_t status,
    const void *data, size_t len)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, a->tag);
	wb_u8(&w, result);
	wb_u16(&w, status);
	wb_str(&w, result == GOT_OK ? "" : "as the test wants it");
	wb_bytes(&w, data, len);
	wb_u64(&w, (uint64_t)time(NULL));
	peer_send(rig->fetcher, IMSG_VERIFIER_GOT, &w);
}

static __attribute__((unused)) void
give_crl(struct rig *rig, const struct asked *a)
{
	uint8_t	*der;
	int	 len;

	ATF_REQUIRE_EQ(a->what, FETCH_CRL);
	if (strcmp(a->url, URL_CA) == 0)
		der = mint_crl(rig->m.root, rig->m.root_key, rig->revoked_ca,
		    -60, rig->crl_until, &len);
	else {
		ATF_REQUIRE_STREQ(a->url, URL_LEAF);
		der = mint_crl(rig->m.ca, rig->m.ca_key, rig->revoked_leaf,
		    -60, rig->crl_until, &len);
	}
	give(rig, a, GOT_OK, 200, der, (size_t)len);
	OPENSSL_free(der);
}

/* One whole round of collateral. */
static __attribute__((unused)) void
serve(struct rig *rig)
{
	struct asked	 a;
	int		 i;

	asked(rig, &a);
	ATF_REQUIRE_EQ(a.what, FETCH_JWKS);
	give(rig, &a, GOT_OK, 200, rig->jwks, strlen(rig->jwks));
	for (i = 0; i < 2; i++) {
		asked(rig, &a);
		give_crl(rig, &a);
	}
}

/* The verifier's copy, as the store would keep it: malloc'd. */
static __attribute__((unused)) uint8_t *
put(struct rig *rig, size_t *len)
{
	struct rbuf	 r;
	uint8_t		*copy;

	peer_recv(rig->broker, IMSG_BROKER_COLLATERAL_PUT, &r, AGES);
	*len = r.left;
	ATF_REQUIRE((copy = malloc(r.left)) != NULL);
	memcpy(copy, r.p, r.left);
	return (copy);
}

static __attribute__((unused)) void
rig_ready(struct rig *rig)
{
	size_t	 len;

	kept(rig, NULL, 0);
	serve(rig);
	free(put(rig, &len));
}

static __attribute__((unused)) void
ask(struct rig *rig, uint32_t type, uint64_t number, uint8_t step,
    const struct evidence *e, const char *text)
{
	struct request_name	 name = { 7, number };
	struct wbuf		 w = { 0 }, inner = { 0 };

	wb_name(&w, &name);
	wb_u64(&w, now_ms() + AGES);	/* it gives 30 s at the most */
	wb_uuid(&w, &key_id);
	wb_uuid(&w, &policy_id);
	wb_bytes(&w, text, strlen(text));
	if (step != TRANSFER_FIRST) {
		wb_evidence(&inner, e);
		wb_u8(&w, step);
		wb_bytes(&w, inner.data, inner.len);
		wb_free(&inner);
	}
	peer_send(rig->broker, type, &w);
}

static __attribute__((unused)) void
appraise(struct rig *rig, uint64_t number, uint8_t step,
    const struct evidence *e, const char *text)
{
	ask(rig, step == TRANSFER_FIRST ? IMSG_VERIFIER_NONCE :
	    IMSG_VERIFIER_APPRAISE, number, step, e, text);
}

static __attribute__((unused)) void
passport(struct rig *rig, uint64_t number, const char *token)
{
	struct evidence	 e = { .token = (const uint8_t *)token,
	    .tokenlen = strlen(token) };

	appraise(rig, number, TRANSFER_TOKEN, &e, policy);
}

static __attribute__((unused)) void
appraised(struct rig *rig, uint64_t number, struct answer *a)
{
	struct rbuf	 r;

	peer_recv(rig->broker, IMSG_BROKER_APPRAISED, &r, ANSWER_MS);
	rb_name(&r, &a->name);
	a->verdict = rb_u8(&r);
	a->status = rb_u16(&r);
	rb_str(&r, a->text, sizeof(a->text));
	rb_str(&r, a->reason, sizeof(a->reason));
	rb_str(&r, a->claim, sizeof(a->claim));
	rb_str(&r, a->wanted, sizeof(a->wanted));
	rb_str(&r, a->got, sizeof(a->got));
	a->tees = rb_u8(&r);
	rb_digest(&r, a->evidence);
	rb_digest(&r, a->key);
	rb_digest(&r, a->nonce);
	a->expiry = rb_u64(&r);
	ATF_REQUIRE(rb_end(&r) == 0);
	if (number != 0)
		ATF_CHECK_EQ(a->name.number, number);
	ATF_CHECK_EQ(a->name.front, 7);
}

static __attribute__((unused)) void
expect(struct rig *rig, uint64_t number, uint8_t verdict, uint16_t status,
    const char *text)
{
	struct answer	 a;

	appraised(rig, number, &a);
	ATF_CHECK_EQ_MSG(a.verdict, verdict, "%u %s", a.verdict, a.reason);
	ATF_CHECK_EQ_MSG(a.status, status, "%u %s", a.status, a.reason);
	ATF_CHECK_STREQ(a.text, text);
	if (verdict != VERDICT_OK) {
		ATF_CHECK(a.reason[0] != '\0');
		ATF_CHECK(memcmp(a.key, zero, DIGEST_LEN) == 0);
		ATF_CHECK(peer_silent(rig->engine[0], 0));
		ATF_CHECK(peer_silent(rig->engine[1], 0));
	}
}

/* A TDX token; more is appended to its TEE's part. */
static __attribute__((unused)) char *
payload_make(const char *more, int exp)
{
	char	*text, *data = mint_b64(held, sizeof(held), 0);

	ATF_REQUIRE(asprintf(&text, "{\"ver\":\"2.0.0\",\"iss\":\"Tester\","
	    "\"exp\":%lld,\"tdx\":{\"attester_type\":\"TDX\","
	    "\"dbgstat\":\"disabled\",\"tdx_seamsvn\":0,"
	    "\"attester_held_data\":\"%s\"%s}}", (long long)time(NULL) + exp,
	    data, more) > 0);
	free(data);
	return (text);
}

static __attribute__((unused)) char *
token_make(struct rig *rig, const char *kid, const char *more, int exp)
{
	char	*payload = payload_make(more, exp), *token;

	token = mint_token(rig->m.leaf_key, "PS384", kid, payload);
	free(payload);
	return (token);
}

static __attribute__((unused)) void
verdict(struct rig *rig, unsigned int engine, uint64_t number,
    const uint8_t *evidence, size_t evidencelen, const struct answer *a)
{
	struct request_name	 name;
	struct rbuf		 r;
	struct uuid		 id;
	const uint8_t		*e, *n;
	uint8_t			 sum[DIGEST_LEN], want[DIGEST_LEN];
	size_t			 elen, nlen;
	uint64_t		 expiry, now;

	peer_recv(rig->engine[engine], IMSG_ENGINE_VERDICT, &r, AGES);
	rb_name(&r, &name);
	ATF_CHECK(name.front == 7 && name.number == number);
	rb_uuid(&r, &id);
	ATF_CHECK(uuid_cmp(&id, &key_id) == 0);
	rb_digest(&r, sum);
	policy_digest(want, &policy_id, policy, strlen(policy));
	ATF_CHECK(memcmp(sum, want, DIGEST_LEN) == 0);
	ATF_CHECK_EQ(rb_u8(&r), TEE_TDX);
	e = rb_bytes(&r, &elen, 1, 4);
	n = rb_bytes(&r, &nlen, 256, 1024);
	ATF_REQUIRE(!r.failed);
	ATF_CHECK(elen == 3 && memcmp(e, "\x01\x00\x01", 3) == 0);
	ATF_CHECK(nlen == 384 && memcmp(n, held + 4, 384) == 0);
	rb_digest(&r, sum);
	digest(want, evidence, evidencelen);
	ATF_CHECK(memcmp(sum, want, DIGEST_LEN) == 0);
	ATF_CHECK(memcmp(sum, a->evidence, DIGEST_LEN) == 0);
	wrapping_key_digest(want, e, elen, n, nlen);
	ATF_CHECK(memcmp(want, a->key, DIGEST_LEN) == 0);
	expiry = rb_u64(&r);
	ATF_CHECK(rb_end(&r) == 0);
	now = now_ms();
	ATF_CHECK(expiry > now && expiry <= now + 30000);
}

#endif

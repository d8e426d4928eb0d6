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

/* The engine: halves that agree, halves that don't, and what is released. */

#include <sys/types.h>

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "play.h"

/* --- what is released --- */

static void
transfer(struct play *p, struct halves *h, EVP_PKEY *pkey, struct peer *front,
    const uint8_t *key, size_t len, uint8_t *swk)
{
	struct fetch		 f;
	struct wrapped_got	 g;
	uint8_t			 got[20000], want[DIGEST_LEN];

	recv_fetch(p->kms[0], &f);
	ATF_CHECK_EQ(0, name_cmp(&f.name, &h->name));
	ATF_CHECK_EQ(OP_TRANSFER, f.op);
	ATF_CHECK_EQ(HALF_VERDICT, f.half);
	ATF_CHECK_EQ(0, uuid_cmp(&f.record.id, &h->record.id));
	ATF_CHECK_EQ(h->record.serial, f.record.serial);
	ATF_CHECK(memcmp(f.record.seal, h->record.seal, DIGEST_LEN) == 0);
	ATF_CHECK(memcmp(f.policy, h->vpolicy, DIGEST_LEN) == 0);
	wrapping_key_digest(want, h->e, h->elen, h->n, h->nlen);
	ATF_CHECK(memcmp(f.wrapping, want, DIGEST_LEN) == 0);
	ATF_CHECK(f.deadline <= now_ms() + DEADLINE_KEYSTORE_MS);
	send_fetched(p->kms[0], &h->name, DONE_OK, "", key, len);
	recv_wrapped(front, &g);
	ATF_CHECK_EQ(h->name.number, g.number);
	ATF_CHECK_EQ(h->tees, g.tees);
	ATF_REQUIRE_EQ(32, unwrap_oaep(pkey, EVP_sha256(), EVP_sha256(), g.swk,
	    g.swklen, swk, 1024));
	ATF_REQUIRE_EQ((ssize_t)len, unwrap_gcm(swk, g.key, g.keylen, got));
	ATF_CHECK(memcmp(got, key, len) == 0);
	/* another hash for MGF1 is another scheme */
	ATF_CHECK_EQ(-1, unwrap_oaep(pkey, EVP_sha256(), EVP_sha1(), g.swk,
	    g.swklen, got, 1024));
	want_done(p, h, DONE_OK);
}

ATF_TC_WITHOUT_HEAD(transfer_either_first);
ATF_TC_BODY(transfer_either_first, tc)
{
	struct play	 p;
	struct halves	 h;
	EVP_PKEY	*pkey = play_rsa(3072);
	uint8_t		 key[32], swk[2][1024];

	arc4random_buf(key, sizeof(key));
	play_start(&p, PROC_ENGINE);
	halves_init(&h, OP_TRANSFER, 1, pkey);
	send_order(&p, &h);
	ATF_CHECK(peer_silent(p.kms[0], 50));
	send_verdict(&p, &h);
	transfer(&p, &h, pkey, p.front, key, sizeof(key), swk[0]);

	halves_init(&h, OP_TRANSFER, 2, pkey);
	h.tees = TEE_SGX;
	send_verdict(&p, &h);
	ATF_CHECK(peer_silent(p.kms[0], 50));
	send_order(&p, &h);
	transfer(&p, &h, pkey, p.front, key, sizeof(key), swk[1]);
	/* the SWK is new for every transfer */
	ATF_CHECK(memcmp(swk[0], swk[1], 32) != 0);

	/* a gate's client, and control's */
	halves_init(&h, OP_TRANSFER, 3, pkey);
	h.name.front = GATE;
	send_order(&p, &h);
	send_verdict(&p, &h);
	transfer(&p, &h, pkey, p.gate, key, sizeof(key), swk[1]);
	halves_init(&h, OP_TRANSFER, 4, pkey);
	h.name.front = CONTROL;
	send_order(&p, &h);
	send_verdict(&p, &h);
	transfer(&p, &h, pkey, p.control, key, sizeof(key), swk[1]);
	ATF_CHECK(peer_silent(p.front, 20));
	play_end(&p);
	EVP_PKEY_free(pkey);
}

ATF_TC_WITHOUT_HEAD(transfer_sizes);
ATF_TC_BODY(transfer_sizes, tc)
{
	static const size_t	 sizes[] = { 1, 16, 138, 1218, 4400, 16000,
				    MATERIAL_MAX };
	struct play		 p;
	struct halves		 h;
	EVP_PKEY		*pkey = play_rsa(3072);
	uint8_t			 key[MATERIAL_MAX], swk[1024];
	size_t			 i;

	play_start(&p, PROC_ENGINE);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		arc4random_buf(key, sizes[i]);
		halves_init(&h, OP_TRANSFER, i + 1, pkey);
		send_order(&p, &h);
		send_verdict(&p, &h);
		transfer(&p, &h, pkey, p.front, key, sizes[i], swk);
	}
	play_end(&p);
	EVP_PKEY_free(pkey);
}

/* Leading zeros are no part of a number. */
ATF_TC_WITHOUT_HEAD(transfer_leading_zeros);
ATF_TC_BODY(transfer_leading_zeros, tc)
{
	struct play	 p;
	struct halves	 h;
	EVP_PKEY	*pkey = play_rsa(3072);
	uint8_t		 key[32], swk[1024], plain[DIGEST_LEN];
	uint8_t		 zeros[DIGEST_LEN];

	arc4random_buf(key, sizeof(key));
	play_start(&p, PROC_ENGINE);
	halves_init(&h, OP_TRANSFER, 1, pkey);
	wrapping_key_digest(plain, h.e, h.elen, h.n, h.nlen);
	memmove(h.n + 2, h.n, h.nlen);
	memset(h.n, 0, 2);
	h.nlen += 2;
	memmove(h.e + 1, h.e, h.elen++);
	h.e[0] = 0;
	wrapping_key_digest(zeros, h.e, h.elen, h.n, h.nlen);
	ATF_CHECK(memcmp(plain, zeros, DIGEST_LEN) == 0);
	send_order(&p, &h);
	send_verdict(&p, &h);
	transfer(&p, &h, pkey, p.front, key, sizeof(key), swk);
	play_end(&p);
	EVP_PKEY_free(pkey);
}

static void
release(struct play *p, uint64_t number, EVP_PKEY *pkey, const uint8_t *key,
    size_t len, int direct)
{
	struct halves		 h;
	struct fetch		 f;
	struct wrapped_got	 g;
	uint8_t			 swk[1024], got[20000];

	halves_init(&h, OP_KEY_RELEASE, number, NULL);
	halves_spki(&h, pkey);
	if (number & 1) {
		send_order(p, &h);
		send_grant(p, &h);
	} else {
		send_grant(p, &h);
		send_order(p, &h);
	}
	recv_fetch(p->kms[0], &f);
	ATF_CHECK_EQ(0, f.keylen);
	ATF_CHECK_EQ(OP_KEY_RELEASE, f.op);
	ATF_CHECK_EQ(HALF_GRANT, f.half);
	ATF_CHECK(memcmp(f.wrapping, h.detail, DIGEST_LEN) == 0);
	ATF_CHECK(memcmp(f.policy, h.policy, DIGEST_LEN) == 0);
	send_fetched(p->kms[0], &h.name, DONE_OK, "", key, len);
	recv_wrapped(p->front, &g);
	ATF_CHECK_EQ(0, g.tees);
	if (direct) {
		ATF_CHECK_EQ(0, g.swklen);
		ATF_REQUIRE_EQ((ssize_t)len, unwrap_oaep(pkey, EVP_sha384(),
		    EVP_sha384(), g.key, g.keylen, got, sizeof(got)));
	} else {
		ATF_REQUIRE_EQ(32, unwrap_oaep(pkey, EVP_sha384(),
		    EVP_sha384(), g.swk, g.swklen, swk, sizeof(swk)));
		ATF_REQUIRE_EQ((ssize_t)len, unwrap_gcm(swk, g.key, g.keylen,
		    got));
	}
	ATF_CHECK(memcmp(got, key, len) == 0);
	want_done(p, &h, DONE_OK);
	free((void *)(uintptr_t)h.argument);
}

ATF_TC_WITHOUT_HEAD(release_on_grant);
ATF_TC_BODY(release_on_grant, tc)
{
	struct play	 p;
	EVP_PKEY	*pkey = play_rsa(2048);
	uint8_t		 key[2000];

	arc4random_buf(key, sizeof(key));
	play_start(&p, PROC_ENGINE);
	release(&p, 1, pkey, key, 32, 1);
	release(&p, 2, pkey, key, 158, 1);	/* 256 - 2 * 48 - 2 */
	release(&p, 3, pkey, key, 159, 0);
	release(&p, 4, pkey, key, sizeof(key), 0);
	play_end(&p);
	EVP_PKEY_free(pkey);
}

/* --- wrapped by the keystore itself --- */

/* What its kms answers: nonce, ciphertext and tag; the SWK. */
static void
send_ready(struct play *p, const struct request_name *name, const void *sealed,
    size_t len, const void *swk, size_t swklen)
{
	struct wbuf	 w = { 0 };

	wb_bytes(&w, sealed, len);
	wb_bytes(&w, swk, swklen);
	send_fetched(p->kms[2], name, DONE_OK, "", w.data, w.len);
	wb_free(&w);
}

static void
ask_ready(struct play *p, struct halves *h, uint64_t number, EVP_PKEY *pkey,
    struct fetch *f)
{
	halves_init(h, OP_TRANSFER, number, pkey);
	(void)strlcpy(h->record.keystore, KEYSTORE2,
	    sizeof(h->record.keystore));
	send_verdict(p, h);
	send_order(p, h);
	recv_fetch(p->kms[2], f);
}

/* It has the numbers that the digest is of; the contract's form is ours. */
ATF_TC_WITHOUT_HEAD(wrapped_there);
ATF_TC_BODY(wrapped_there, tc)
{
	static const uint8_t	 head[] = { 12, 0, 0, 0, 16, 0, 0, 0, 48, 0, 0,
				    0 };
	struct play		 p;
	struct halves		 h;
	struct fetch		 f;
	struct wrapped_got	 g;
	struct rbuf		 r;
	EVP_PKEY		*pkey = play_rsa(3072);
	const uint8_t		*e, *n;
	uint8_t			 sealed[60], swk[384], d[DIGEST_LEN];
	size_t			 elen, nlen;

	arc4random_buf(sealed, sizeof(sealed));
	arc4random_buf(swk, sizeof(swk));
	play_start(&p, PROC_ENGINE);
	ask_ready(&p, &h, 1, pkey, &f);
	rb_init(&r, f.key, f.keylen);
	e = rb_bytes(&r, &elen, 1, 16);
	n = rb_bytes(&r, &nlen, 1, 1200);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	wrapping_key_digest(d, e, elen, n, nlen);
	ATF_CHECK_EQ(0, memcmp(d, f.wrapping, sizeof(d)));
	send_ready(&p, &h.name, sealed, sizeof(sealed), swk, sizeof(swk));
	recv_wrapped(p.front, &g);
	ATF_REQUIRE_EQ(sizeof(head) + sizeof(sealed), g.keylen);
	ATF_CHECK_EQ(0, memcmp(head, g.key, sizeof(head)));
	ATF_CHECK_EQ(0, memcmp(sealed, g.key + sizeof(head), sizeof(sealed)));
	ATF_REQUIRE_EQ(sizeof(swk), g.swklen);
	ATF_CHECK_EQ(0, memcmp(swk, g.swk, sizeof(swk)));
	want_done(&p, &h, DONE_OK);
	/* For an administrator: the key that the grant is of. */
	halves_init(&h, OP_KEY_RELEASE, 2, NULL);
	halves_spki(&h, pkey);
	(void)strlcpy(h.record.keystore, KEYSTORE2,
	    sizeof(h.record.keystore));
	(void)strlcpy(h.gkeystore, KEYSTORE2, sizeof(h.gkeystore));
	send_order(&p, &h);
	send_grant(&p, &h);
	recv_fetch(p.kms[2], &f);
	digest(d, f.key, f.keylen);
	ATF_CHECK_EQ(0, memcmp(d, f.wrapping, sizeof(d)));
	send_ready(&p, &h.name, swk, sizeof(swk), NULL, 0);
	recv_wrapped(p.front, &g);
	ATF_CHECK_EQ(0, g.swklen);
	ATF_REQUIRE_EQ(sizeof(swk), g.keylen);
	ATF_CHECK_EQ(0, memcmp(swk, g.key, sizeof(swk)));
	want_done(&p, &h, DONE_OK);
	free((void *)(uintptr_t)h.argument);
	play_end(&p);
	EVP_PKEY_free(pkey);
}

/* Nothing that came in another form is handed on. */
ATF_TC_WITHOUT_HEAD(wrapped_badly);
ATF_TC_BODY(wrapped_badly, tc)
{
	struct play	 p;
	struct halves	 h;
	struct fetch	 f;
	EVP_PKEY	*pkey = play_rsa(3072);
	uint8_t		 bytes[1200] = { 0 };
	size_t		 i;
	const struct {
		size_t	 len, swklen;
	} rows[] = { { 0, 384 }, { 28, 384 }, { 60, 1025 }, { 0, 0 },
	    { 60, 0 } };

	play_start(&p, PROC_ENGINE);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask_ready(&p, &h, i + 1, pkey, &f);
		send_ready(&p, &h.name, bytes, rows[i].len, bytes,
		    rows[i].swklen);
		want_done(&p, &h, DONE_REFUSED);
	}
	/* Material as other keystores give it. */
	ask_ready(&p, &h, 9, pkey, &f);
	memset(bytes, 'k', 32);
	send_fetched(p.kms[2], &h.name, DONE_OK, "", bytes, 32);
	want_done(&p, &h, DONE_REFUSED);
	ATF_CHECK(peer_silent(p.front, 20));
	play_end(&p);
	EVP_PKEY_free(pkey);
}

/* --- halves that do not agree --- */

/* Each ends so; kms hears of none. */
static void
all_end(struct play *p, uint64_t first, uint64_t n, enum done_result result)
{
	struct done	 d;
	uint64_t	 seen = 0;
	uint64_t	 i;

	for (i = 0; i < n; i++) {
		recv_done(p, &d, WAIT);
		ATF_CHECK_EQ_MSG(result, d.result, "number %llu: %u (%s)",
		    (unsigned long long)d.name.number, d.result, d.reason);
		ATF_REQUIRE(d.name.number >= first &&
		    d.name.number < first + n);
		ATF_CHECK((seen & 1ULL << (d.name.number - first)) == 0);
		seen |= 1ULL << (d.name.number - first);
		ATF_CHECK_EQ(0, d.len);
	}
	ATF_CHECK(peer_silent(p->kms[0], 20));
	ATF_CHECK(peer_silent(p->kms[1], 1));
	ATF_CHECK(peer_silent(p->front, 1));
}

static void	bad_key(struct halves *h) { uuid_make(&h->vkey); }
static void	bad_policy(struct halves *h) { h->vpolicy[31] ^= 1; }
static void	bad_order(struct halves *h) { h->policy[0] ^= 1; }
static void	bad_expiry(struct halves *h) { h->vexpiry = now_ms() - 1; }

static void
bad_zero(struct halves *h)
{
	memset(h->policy, 0, DIGEST_LEN);
	memset(h->vpolicy, 0, DIGEST_LEN);
}

ATF_TC_WITHOUT_HEAD(verdict_mismatch);
ATF_TC_BODY(verdict_mismatch, tc)
{
	static void	(*const bad[])(struct halves *) = { bad_key,
			    bad_policy, bad_order, bad_zero };
	const uint64_t	 n = sizeof(bad) / sizeof(bad[0]);
	struct play	 p;
	struct halves	 h;
	EVP_PKEY	*pkey = play_rsa(3072);
	uint64_t	 i;

	play_start(&p, PROC_ENGINE);
	for (i = 0; i < 2 * n; i++) {
		halves_init(&h, OP_TRANSFER, 1 + i, pkey);
		bad[i / 2](&h);
		if (i & 1) {
			send_verdict(&p, &h);
			send_order(&p, &h);
		} else {
			send_order(&p, &h);
			send_verdict(&p, &h);
		}
	}
	all_end(&p, 1, 2 * n, DONE_REFUSED);
	/* an expired verdict behind its order; before it, it is forgotten */
	halves_init(&h, OP_TRANSFER, 50, pkey);
	bad_expiry(&h);
	send_order(&p, &h);
	send_verdict(&p, &h);
	all_end(&p, 50, 1, DONE_REFUSED);
	play_end(&p);
	EVP_PKEY_free(pkey);
}

static void	gbad_op(struct halves *h) { h->gop = OP_KEY_DELETE; }
static void	gbad_key(struct halves *h) { uuid_make(&h->gkey); }
static void	gbad_detail(struct halves *h) { h->detail[5] ^= 1; }
static void	gbad_expiry(struct halves *h) { h->gexpiry = now_ms() - 1; }
static void	gbad_mark(struct halves *h)
		    { h->record.flags = h->gflags = KEY_ATTESTED_ONLY; }
static void	gbad_seal(struct halves *h) { h->gseal[31] ^= 1; }
static void	gbad_none(struct halves *h) { h->argumentlen = 0; }
static void	gbad_alg(struct halves *h) { h->galgorithm = ALG_RSA; }
static void	gbad_length(struct halves *h) { h->glength = 128; }
static void	gbad_curve(struct halves *h) { h->gcurve = CURVE_P256; }
static void	gbad_store(struct halves *h)
		    { strlcpy(h->gkeystore, KEYSTORE1, NAME_MAX_STORE); }
static void	gbad_flags(struct halves *h) { h->gflags ^= 1; }
static void	gbad_policy(struct halves *h) { h->gpolicy[9] ^= 1; }
static void	gbad_argument(struct halves *h) { h->argumentlen--; }

struct mismatch {
	uint8_t	 op;
	void	(*bad)(struct halves *);
};

ATF_TC_WITHOUT_HEAD(grant_mismatch);
ATF_TC_BODY(grant_mismatch, tc)
{
	static const struct mismatch	 all[] = {
		{ OP_KEY_RELEASE, gbad_op }, { OP_KEY_RELEASE, gbad_key },
		{ OP_KEY_RELEASE, gbad_detail },
		{ OP_KEY_RELEASE, gbad_expiry },
		{ OP_KEY_RELEASE, gbad_mark }, { OP_KEY_RELEASE, gbad_none },
		{ OP_KEY_RELEASE, gbad_argument },
		{ OP_KEY_RELEASE, gbad_seal }, { OP_KEY_MOVE, gbad_seal },
		{ OP_KEY_DELETE, gbad_seal },
		{ OP_KEY_MOVE, gbad_op }, { OP_KEY_MOVE, gbad_key },
		{ OP_KEY_MOVE, gbad_alg }, { OP_KEY_MOVE, gbad_length },
		{ OP_KEY_MOVE, gbad_curve }, { OP_KEY_MOVE, gbad_store },
		{ OP_KEY_MOVE, gbad_flags }, { OP_KEY_MOVE, gbad_policy },
		{ OP_KEY_MOVE, gbad_mark }, { OP_KEY_MOVE, gbad_expiry },
		{ OP_KEY_DELETE, gbad_key }, { OP_KEY_DELETE, gbad_expiry },
	};
	const uint64_t	 n = sizeof(all) / sizeof(all[0]);
	struct play	 p;
	struct halves	 h;
	EVP_PKEY	*pkey = play_rsa(2048);
	uint64_t	 i;

	play_start(&p, PROC_ENGINE);
	for (i = 0; i < n; i++) {
		halves_init(&h, all[i].op, 1 + i, NULL);
		if (all[i].op == OP_KEY_RELEASE)
			halves_spki(&h, pkey);
		all[i].bad(&h);
		/* one that is expired when it comes alone is forgotten */
		send_order(&p, &h);
		send_grant(&p, &h);
	}
	all_end(&p, 1, n, DONE_REFUSED);
	play_end(&p);
	EVP_PKEY_free(pkey);
}

/* One half is nothing, whichever it is and however often it comes. */
ATF_TC_WITHOUT_HEAD(one_half);
ATF_TC_BODY(one_half, tc)
{
	struct play	 p;
	struct halves	 h;
	EVP_PKEY	*pkey = play_rsa(3072);
	int		 i;

	play_start(&p, PROC_ENGINE);
	/* orders alone, and orders with the half of another operation */
	halves_init(&h, OP_TRANSFER, 1, pkey);
	send_order(&p, &h);
	h.gop = OP_KEY_RELEASE;
	send_grant(&p, &h);
	halves_init(&h, OP_KEY_RELEASE, 2, pkey);
	halves_spki(&h, pkey);
	send_order(&p, &h);
	send_verdict(&p, &h);
	halves_init(&h, OP_TRANSFER, 3, pkey);
	for (i = 0; i < 5; i++)
		send_order(&p, &h);
	/* the same number of another front is another request */
	h.name.front = CONTROL;
	send_verdict(&p, &h);
	all_end(&p, 1, 3, DONE_TIMEOUT);
	/* verdicts and grants alone */
	for (i = 0; i < 20; i++) {
		halves_init(&h, OP_TRANSFER, 100, pkey);
		send_verdict(&p, &h);
		h.gop = OP_KEY_RELEASE;
		send_grant(&p, &h);
	}
	ATF_CHECK(peer_silent(p.broker, 100));
	ATF_CHECK(peer_silent(p.kms[0], 1));
	/* an order that comes too late */
	halves_init(&h, OP_TRANSFER, 100, pkey);
	h.deadline = now_ms() - 5;
	send_order(&p, &h);
	want_done(&p, &h, DONE_TIMEOUT);
	/* However long it may last: what is not here by now is lost. */
	halves_init(&h, OP_TRANSFER, 101, pkey);
	h.deadline = now_ms() + DEADLINE_REQUEST_MS;
	send_order(&p, &h);
	want_done(&p, &h, DONE_TIMEOUT);
	play_end(&p);
	EVP_PKEY_free(pkey);
}

/* The newer verdict counts, also when the older is here with the order. */
ATF_TC_WITHOUT_HEAD(newer_verdict);
ATF_TC_BODY(newer_verdict, tc)
{
	struct play	 p;
	struct halves	 h;
	EVP_PKEY	*old = play_rsa(3072), *new = play_rsa(3072);
	uint8_t		 key[32] = { 7 }, swk[1024];
	struct halves	 first;

	play_start(&p, PROC_ENGINE);
	halves_init(&h, OP_TRANSFER, 1, new);
	halves_init(&first, OP_TRANSFER, 1, old);
	first.vkey = h.vkey;
	send_verdict(&p, &first);
	send_verdict(&p, &h);
	send_order(&p, &h);
	transfer(&p, &h, new, p.front, key, sizeof(key), swk);

	/* by another version of the policy */
	halves_init(&h, OP_TRANSFER, 2, new);
	halves_init(&first, OP_TRANSFER, 2, old);
	first.vkey = h.vkey;
	memset(first.vpolicy, 0x22, DIGEST_LEN);
	hold_still(child_pid(p.c));
	send_order(&p, &h);
	send_verdict(&p, &first);
	send_verdict(&p, &h);
	kill(child_pid(p.c), SIGCONT);
	transfer(&p, &h, new, p.front, key, sizeof(key), swk);
	play_end(&p);
	EVP_PKEY_free(old);
	EVP_PKEY_free(new);
}

ATF_TC_WITHOUT_HEAD(match_once);
ATF_TC_BODY(match_once, tc)
{
	struct play	 p;
	struct halves	 h, other;
	EVP_PKEY	*pkey = play_rsa(3072), *thief = play_rsa(3072);
	struct fetch	 f;
	struct wrapped_got g;
	uint8_t		 key[32] = { 9 }, swk[1024];

	play_start(&p, PROC_ENGINE);
	halves_init(&h, OP_TRANSFER, 1, pkey);
	send_order(&p, &h);
	send_verdict(&p, &h);
	recv_fetch(p.kms[0], &f);
	/* kms has been asked: nothing changes the wrapping key now */
	halves_init(&other, OP_TRANSFER, 1, thief);
	other.record = h.record;
	other.vkey = h.vkey;
	send_verdict(&p, &other);
	send_order(&p, &other);
	send_order(&p, &h);
	ATF_CHECK(peer_silent(p.kms[0], 50));
	send_fetched(p.kms[0], &h.name, DONE_OK, "", key, sizeof(key));
	recv_wrapped(p.front, &g);
	ATF_CHECK_EQ(32, unwrap_oaep(pkey, EVP_sha256(), EVP_sha256(), g.swk,
	    g.swklen, swk, sizeof(swk)));
	want_done(&p, &h, DONE_OK);
	/* the order again: no verdict is left for it */
	h.deadline = now_ms() + 300;
	send_order(&p, &h);
	want_done(&p, &h, DONE_TIMEOUT);
	/* an answer of kms again, or to what was never asked */
	send_fetched(p.kms[0], &h.name, DONE_OK, "", key, sizeof(key));
	h.name.number = 77;
	send_fetched(p.kms[0], &h.name, DONE_OK, "", key, sizeof(key));
	ATF_CHECK(peer_silent(p.front, 100));
	ATF_CHECK(peer_silent(p.broker, 1));
	play_end(&p);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(thief);
}

/* --- wrapping keys --- */

static void
spki_of(struct halves *h, const uint8_t *e, size_t elen, const uint8_t *n,
    size_t nlen)
{
	EVP_PKEY	*pkey = NULL;
	BIGNUM		*be = BN_bin2bn(e, (int)elen, NULL);
	BIGNUM		*bn = BN_bin2bn(n, (int)nlen, NULL);
	RSA		*rsa;
	uint8_t		*der = NULL;
	int		 len;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	rsa = RSA_new();
	ATF_REQUIRE(rsa != NULL && RSA_set0_key(rsa, bn, be, NULL) == 1);
	pkey = EVP_PKEY_new();
	ATF_REQUIRE(EVP_PKEY_assign_RSA(pkey, rsa) == 1);
#pragma GCC diagnostic pop
	ATF_REQUIRE((len = i2d_PUBKEY(pkey, &der)) > 0);
	EVP_PKEY_free(pkey);
	h->argument = der;
	h->argumentlen = (size_t)len;
	digest(h->detail, der, (size_t)len);
}

struct bad_number {
	unsigned int	 bits;		/* of n */
	uint32_t	 e;
	int		 even;		/* n */
	int		 verdict;	/* taken in a verdict */
	int		 release;	/* taken in a release */
};

static const struct bad_number numbers[] = {
	{ 3072, 65537,		0, 1, 1 },
	{ 3072, 0xffffffff,	0, 1, 1 },
	{ 3072, 0x80000001,	0, 1, 1 },
	{ 2049, 65537,		0, 1, 1 },
	{ 8192, 65537,		0, 1, 1 },
	{ 2048, 65537,		0, 0, 1 },
	{ 3072, 0,		0, 0, 0 },
	{ 3072, 1,		0, 0, 0 },
	{ 3072, 2,		0, 0, 0 },
	{ 3072, 3,		0, 0, 0 },
	{ 3072, 17,		0, 0, 0 },
	{ 3072, 65535,		0, 0, 0 },
	{ 3072, 65536,		0, 0, 0 },
	{ 3072, 65538,		0, 0, 0 },
	{ 3072, 65537,		1, 0, 0 },
	{ 2047, 65537,		0, 0, 0 },
	{ 1024, 65537,		0, 0, 0 },
	{ 512, 65537,		0, 0, 0 },
	{ 8, 65537,		0, 0, 0 },
	{ 8193, 65537,		0, 0, 0 },
	{ 9000, 65537,		0, 0, 0 },
};

/* n of so many bits; no key, but that is not what is looked at. */
static void
number_make(struct halves *h, const struct bad_number *b)
{
	size_t	 i;

	h->nlen = (b->bits + 7) / 8;
	arc4random_buf(h->n, h->nlen);
	h->n[0] &= (uint8_t)(0xff >> (h->nlen * 8 - b->bits));
	h->n[0] |= (uint8_t)(0x80 >> (h->nlen * 8 - b->bits));
	h->n[h->nlen - 1] |= 1;
	if (b->even)
		h->n[h->nlen - 1] &= 0xfe;
	h->elen = 4;
	for (i = 0; i < 4; i++)
		h->e[i] = (uint8_t)(b->e >> (24 - 8 * i));
}

static void
try_number(struct play *p, const struct bad_number *b, uint64_t number,
    int taken, int granted)
{
	struct halves	 h;
	struct fetch	 f;

	halves_init(&h, granted ? OP_KEY_RELEASE : OP_TRANSFER, number, NULL);
	number_make(&h, b);
	if (granted)
		spki_of(&h, h.e, h.elen, h.n, h.nlen);
	send_order(p, &h);
	if (granted)
		send_grant(p, &h);
	else
		send_verdict(p, &h);
	if (taken) {
		recv_fetch(p->kms[0], &f);
		send_fetched(p->kms[0], &h.name, DONE_NONE, "none", NULL, 0);
		want_done(p, &h, DONE_NONE);
	} else {
		want_done(p, &h, granted ? DONE_INVALID : DONE_REFUSED);
		ATF_CHECK(peer_silent(p->kms[0], 1));
	}
	free((void *)(uintptr_t)h.argument);
}

ATF_TC_WITHOUT_HEAD(wrapping_keys);
ATF_TC_BODY(wrapping_keys, tc)
{
	struct play	 p;
	struct halves	 h;
	uint64_t	 i;

	play_start(&p, PROC_ENGINE);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		fprintf(stderr, "n of %u bits, e %u\n", numbers[i].bits,
		    numbers[i].e);
		try_number(&p, &numbers[i], 2 * i + 1, numbers[i].verdict, 0);
		try_number(&p, &numbers[i], 2 * i + 2, numbers[i].release, 1);
	}
	/* no numbers at all; an e of 33 bits */
	halves_init(&h, OP_TRANSFER, 1000, NULL);
	send_order(&p, &h);
	send_verdict(&p, &h);
	want_done(&p, &h, DONE_REFUSED);
	halves_init(&h, OP_TRANSFER, 1001, NULL);
	number_make(&h, &numbers[0]);
	memcpy(h.e, "\1\0\0\0\1", 5);
	h.elen = 5;
	send_order(&p, &h);
	send_verdict(&p, &h);
	want_done(&p, &h, DONE_REFUSED);
	play_end(&p);
}

/* Public keys that are none, cut at each byte, or of another kind. */
ATF_TC_WITHOUT_HEAD(release_spki);
ATF_TC_BODY(release_spki, tc)
{
	struct play	 p;
	struct halves	 h;
	EVP_PKEY	*pkey = play_rsa(2048);
	EVP_PKEY	*ec = EVP_EC_gen("P-256");
	uint8_t		 der[1024];
	size_t		 len, i;

	play_start(&p, PROC_ENGINE);
	halves_init(&h, OP_KEY_RELEASE, 1, NULL);
	halves_spki(&h, ec);
	send_order(&p, &h);
	send_grant(&p, &h);
	want_done(&p, &h, DONE_INVALID);
	halves_spki(&h, pkey);
	len = h.argumentlen;
	memcpy(der, h.argument, len);
	der[len] = 0;
	for (i = 1; i <= len + 1; i += i < 40 ? 1 : 7) {
		if (i == len)
			continue;
		halves_init(&h, OP_KEY_RELEASE, 10 + i, NULL);
		h.argument = der;
		h.argumentlen = i;
		digest(h.detail, der, i);
		send_order(&p, &h);
		send_grant(&p, &h);
		want_done(&p, &h, DONE_INVALID);
	}
	/* one byte behind it */
	halves_init(&h, OP_KEY_RELEASE, 5000, NULL);
	h.argument = der;
	h.argumentlen = len + 1;
	digest(h.detail, der, len + 1);
	send_order(&p, &h);
	send_grant(&p, &h);
	want_done(&p, &h, DONE_INVALID);
	ATF_CHECK(peer_silent(p.kms[0], 20));
	play_end(&p);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(ec);
}

/* --- kms --- */

/* The order says which of a key's versions; without a word, the newest. */
ATF_TC_WITHOUT_HEAD(version);
ATF_TC_BODY(version, tc)
{
	static const uint8_t	 words[] = { 0, 0, 0, 7, 9 };
	struct play		 p;
	struct halves		 h;
	struct fetch		 f;
	EVP_PKEY		*pkey = play_rsa(3072);
	size_t			 len;

	play_start(&p, PROC_ENGINE);
	for (len = 0; len <= sizeof(words); len++) {
		halves_init(&h, OP_TRANSFER, len + 1, pkey);
		h.argument = (uint8_t *)(uintptr_t)words;
		h.argumentlen = len;
		send_order(&p, &h);
		send_verdict(&p, &h);
		if (len != 0 && len != 4) {
			want_done(&p, &h, DONE_REFUSED);
			continue;
		}
		recv_fetch(p.kms[0], &f);
		ATF_CHECK_EQ(len == 4 ? 7 : 0, f.version);
		send_fetched(p.kms[0], &h.name, DONE_NONE, "no such version",
		    NULL, 0);
		want_done(&p, &h, DONE_NONE);
	}
	play_end(&p);
	EVP_PKEY_free(pkey);
}

/* For a backup: what kms has sealed goes to control as it is. */
ATF_TC_WITHOUT_HEAD(backup);
ATF_TC_BODY(backup, tc)
{
	static uint8_t		 words[] = { 0, 0, 0, 2 };
	struct play		 p;
	struct halves		 h;
	struct fetch		 f;
	struct wrapped_got	 g;

	play_start(&p, PROC_ENGINE);
	halves_init(&h, OP_KEY_BACKUP, 1, NULL);
	h.name.front = CONTROL;
	h.record.flags = KEY_ATTESTED_ONLY;
	h.argument = words;
	h.argumentlen = sizeof(words);
	send_order(&p, &h);
	ATF_CHECK(peer_silent(p.kms[0], 30));
	send_grant(&p, &h);
	recv_fetch(p.kms[0], &f);
	ATF_CHECK_EQ(OP_KEY_BACKUP, f.op);
	ATF_CHECK_EQ(2, f.version);
	send_fetched(p.kms[0], &h.name, DONE_OK, "", "an envelope", 11);
	recv_wrapped(p.control, &g);
	ATF_CHECK_EQ(11, g.keylen);
	ATF_CHECK(memcmp(g.key, "an envelope", 11) == 0);
	ATF_CHECK_EQ(0, g.swklen);
	want_done(&p, &h, DONE_OK);
	/* No administrator of the interface gets one. */
	halves_init(&h, OP_KEY_BACKUP, 2, NULL);
	h.argument = words;
	h.argumentlen = sizeof(words);
	send_order(&p, &h);
	send_grant(&p, &h);
	want_done(&p, &h, DONE_UNAVAILABLE);
	/* Of a version, which is named. */
	halves_init(&h, OP_KEY_BACKUP, 3, NULL);
	h.name.front = CONTROL;
	send_order(&p, &h);
	send_grant(&p, &h);
	want_done(&p, &h, DONE_REFUSED);
	play_end(&p);
}

ATF_TC_WITHOUT_HEAD(kms_says_no);
ATF_TC_BODY(kms_says_no, tc)
{
	struct play		 p;
	struct halves		 h;
	struct done		 d;
	struct fetch		 f;
	struct key_record	 newer;
	struct wbuf		 w = { 0 };
	EVP_PKEY		*pkey = play_rsa(3072);
	enum done_result	 result;

	play_start(&p, PROC_ENGINE);
	for (result = DONE_REFUSED; result < DONE_RESULT_MAX; result++) {
		halves_init(&h, OP_TRANSFER, (uint64_t)result + 1, pkey);
		send_order(&p, &h);
		send_verdict(&p, &h);
		recv_fetch(p.kms[0], &f);
		newer = h.record;
		newer.serial = 99;
		wb_key_record(&w, &newer);
		send_fetched(p.kms[0], &h.name, result, "a reason", w.data,
		    w.len);
		recv_done(&p, &d, WAIT);
		ATF_CHECK_EQ(result, d.result);
		ATF_CHECK_STREQ("a reason", d.reason);
		/* only what is stale comes with a record */
		ATF_CHECK_EQ(result == DONE_STALE ? w.len : 0, d.len);
		if (result == DONE_STALE)
			ATF_CHECK(memcmp(w.data, d.record, w.len) == 0);
		wb_free(&w);
	}
	/* a record of another key, and what is none, are not passed on */
	halves_init(&h, OP_TRANSFER, 100, pkey);
	send_order(&p, &h);
	send_verdict(&p, &h);
	recv_fetch(p.kms[0], &f);
	newer = h.record;
	uuid_make(&newer.id);
	wb_key_record(&w, &newer);
	send_fetched(p.kms[0], &h.name, DONE_STALE, "stale", w.data, w.len);
	wb_free(&w);
	want_done(&p, &h, DONE_REFUSED);
	halves_init(&h, OP_TRANSFER, 101, pkey);
	send_order(&p, &h);
	send_verdict(&p, &h);
	recv_fetch(p.kms[0], &f);
	send_fetched(p.kms[0], &h.name, DONE_STALE, "stale", "key", 3);
	want_done(&p, &h, DONE_REFUSED);
	ATF_CHECK(peer_silent(p.front, 20));
	play_end(&p);
	EVP_PKEY_free(pkey);
}

/* Each keystore's kms is asked for its keys alone, and answers for them. */
ATF_TC_WITHOUT_HEAD(kms_by_name);
ATF_TC_BODY(kms_by_name, tc)
{
	struct play	 p;
	struct halves	 h;
	struct fetch	 f;
	EVP_PKEY	*pkey = play_rsa(3072);
	uint8_t		 key[32] = { 1 };

	play_start(&p, PROC_ENGINE);
	halves_init(&h, OP_TRANSFER, 1, pkey);
	strlcpy(h.record.keystore, KEYSTORE1, sizeof(h.record.keystore));
	send_order(&p, &h);
	send_verdict(&p, &h);
	recv_fetch(p.kms[1], &f);
	ATF_CHECK(peer_silent(p.kms[0], 20));
	send_fetched(p.kms[0], &h.name, DONE_OK, "", key, sizeof(key));
	ATF_CHECK(peer_silent(p.front, 50));
	send_stored(p.kms[1], &h.name, DONE_OK, "", &h.record);
	ATF_CHECK(peer_silent(p.broker, 50));
	send_fetched(p.kms[1], &h.name, DONE_NONE, "none", NULL, 0);
	want_done(&p, &h, DONE_NONE);
	halves_init(&h, OP_TRANSFER, 2, pkey);
	strlcpy(h.record.keystore, "third", sizeof(h.record.keystore));
	send_order(&p, &h);
	send_verdict(&p, &h);
	want_done(&p, &h, DONE_UNAVAILABLE);
	play_end(&p);
	EVP_PKEY_free(pkey);
}

ATF_TC_WITHOUT_HEAD(kms_dies);
ATF_TC_BODY(kms_dies, tc)
{
	struct play	 p;
	struct halves	 h, other;
	struct fetch	 f;
	EVP_PKEY	*pkey = play_rsa(3072);
	uint8_t		 key[32] = { 1 }, swk[1024];

	play_start(&p, PROC_ENGINE);
	halves_init(&h, OP_TRANSFER, 1, pkey);
	send_order(&p, &h);
	send_verdict(&p, &h);
	recv_fetch(p.kms[0], &f);
	halves_init(&other, OP_TRANSFER, 2, pkey);
	strlcpy(other.record.keystore, KEYSTORE1,
	    sizeof(other.record.keystore));
	send_order(&p, &other);
	send_verdict(&p, &other);
	recv_fetch(p.kms[1], &f);
	peer_close(p.kms[0]);
	want_done(&p, &h, DONE_UNAVAILABLE);
	/* without it */
	halves_init(&h, OP_TRANSFER, 3, pkey);
	send_order(&p, &h);
	send_verdict(&p, &h);
	want_done(&p, &h, DONE_UNAVAILABLE);
	/* its replacement, and who waited for the other */
	p.kms[0] = child_edge(p.c, PROC_KMS, 0, 0);
	halves_init(&h, OP_TRANSFER, 4, pkey);
	send_order(&p, &h);
	send_verdict(&p, &h);
	transfer(&p, &h, pkey, p.front, key, sizeof(key), swk);
	send_fetched(p.kms[1], &other.name, DONE_NONE, "none", NULL, 0);
	want_done(&p, &other, DONE_NONE);
	play_end(&p);
	EVP_PKEY_free(pkey);
}

ATF_TC_WITHOUT_HEAD(front_dies);
ATF_TC_BODY(front_dies, tc)
{
	struct play	 p;
	struct halves	 h, move;
	struct fetch	 f;
	struct rbuf	 r;
	EVP_PKEY	*pkey = play_rsa(3072);
	uint8_t		 key[32] = { 1 };

	play_start(&p, PROC_ENGINE);
	halves_init(&h, OP_TRANSFER, 1, pkey);
	send_order(&p, &h);
	send_verdict(&p, &h);
	recv_fetch(p.kms[0], &f);
	halves_init(&move, OP_KEY_MOVE, 2, NULL);
	send_order(&p, &move);
	send_grant(&p, &move);
	peer_recv(p.kms[0], IMSG_KMS_RESEAL, &r, WAIT);
	peer_close(p.front);
	want_done(&p, &h, DONE_UNAVAILABLE);
	/* what is to be written is written */
	send_stored(p.kms[0], &move.name, DONE_OK, "", &move.record);
	want_done(&p, &move, DONE_OK);
	send_fetched(p.kms[0], &h.name, DONE_OK, "", key, sizeof(key));
	/* for a front that is gone, or was never one, kms is not asked */
	halves_init(&h, OP_TRANSFER, 3, pkey);
	send_order(&p, &h);
	send_verdict(&p, &h);
	want_done(&p, &h, DONE_UNAVAILABLE);
	halves_init(&h, OP_TRANSFER, 4, pkey);
	h.name.front = BROKER;
	send_order(&p, &h);
	send_verdict(&p, &h);
	want_done(&p, &h, DONE_UNAVAILABLE);
	/* a gate has no administrators */
	halves_init(&h, OP_KEY_RELEASE, 5, NULL);
	halves_spki(&h, pkey);
	h.name.front = GATE;
	send_order(&p, &h);
	send_grant(&p, &h);
	want_done(&p, &h, DONE_UNAVAILABLE);
	ATF_CHECK(peer_silent(p.kms[0], 20));
	ATF_CHECK(peer_silent(p.gate, 1));
	play_end(&p);
	EVP_PKEY_free(pkey);
}

/* What a process said that is gone does not count any more. */
ATF_TC_WITHOUT_HEAD(source_dies);
ATF_TC_BODY(source_dies, tc)
{
	struct play	 p;
	struct halves	 h, other;
	struct peer	*second;
	struct fetch	 f;
	EVP_PKEY	*pkey = play_rsa(3072);

	play_start(&p, PROC_ENGINE);
	second = child_edge(p.c, PROC_VERIFIER, 1, 0);
	halves_init(&h, OP_TRANSFER, 1, pkey);
	send_verdict(&p, &h);
	halves_init(&other, OP_TRANSFER, 2, pkey);
	send_verdict_to(second, &other);
	wait_waiting(p.c, 2);
	peer_close(p.verifier);
	ATF_CHECK(peer_silent(p.broker, 100));
	send_order(&p, &h);
	want_done(&p, &h, DONE_UNAVAILABLE);
	send_order(&p, &other);
	recv_fetch(p.kms[0], &f);
	send_fetched(p.kms[0], &other.name, DONE_NONE, "none", NULL, 0);
	want_done(&p, &other, DONE_NONE);
	halves_init(&h, OP_KEY_DELETE, 3, pkey);
	send_grant(&p, &h);
	wait_waiting(p.c, 1);
	peer_close(p.auth);
	ATF_CHECK(peer_silent(p.broker, 100));
	send_order(&p, &h);
	want_done(&p, &h, DONE_UNAVAILABLE);
	ATF_CHECK(peer_silent(p.kms[0], 20));
	play_end(&p);
	EVP_PKEY_free(pkey);
}

ATF_TC_WITHOUT_HEAD(broker_dies);
ATF_TC_BODY(broker_dies, tc)
{
	struct play	 p;
	struct halves	 h;
	struct fetch	 f;
	EVP_PKEY	*pkey = play_rsa(3072);
	uint8_t		 key[32] = { 1 };

	play_start(&p, PROC_ENGINE);
	halves_init(&h, OP_TRANSFER, 1, pkey);
	send_order(&p, &h);
	send_verdict(&p, &h);
	recv_fetch(p.kms[0], &f);
	peer_close(p.broker);
	p.broker = child_edge(p.c, PROC_BROKER, 0, BROKER + 10);
	ATF_CHECK(peer_silent(p.broker, 100));
	send_fetched(p.kms[0], &h.name, DONE_OK, "", key, sizeof(key));
	ATF_CHECK(peer_silent(p.front, 100));
	ATF_CHECK(peer_silent(p.broker, 1));
	play_end(&p);
	EVP_PKEY_free(pkey);
}

/* --- keys that change --- */

ATF_TC_WITHOUT_HEAD(move_and_delete);
ATF_TC_BODY(move_and_delete, tc)
{
	struct play		 p;
	struct halves		 h;
	struct done		 d;
	struct fetch		 f;
	struct rbuf		 r;
	struct wbuf		 w = { 0 };
	struct uuid		 policy, got;
	struct key_record	 sealed;
	uint8_t			 pd[DIGEST_LEN];

	play_start(&p, PROC_ENGINE);
	halves_init(&h, OP_KEY_MOVE, 1, NULL);
	uuid_make(&policy);
	h.argument = policy.b;
	h.argumentlen = sizeof(policy.b);
	memset(h.policy, 0x77, DIGEST_LEN);
	memset(h.gpolicy, 0x77, DIGEST_LEN);
	send_grant(&p, &h);
	send_order(&p, &h);
	peer_recv(p.kms[0], IMSG_KMS_RESEAL, &r, WAIT);
	recv_head(&r, &f);
	rb_digest(&r, pd);
	rb_uuid(&r, &got);
	(void)rb_u64(&r);
	ATF_REQUIRE(rb_end(&r) == 0);
	ATF_CHECK_EQ(HALF_GRANT, f.half);
	ATF_CHECK(memcmp(pd, h.policy, DIGEST_LEN) == 0);
	ATF_CHECK_EQ(0, uuid_cmp(&policy, &got));
	sealed = h.record;
	sealed.serial++;
	sealed.policy = policy;
	send_stored(p.kms[0], &h.name, DONE_OK, "", &sealed);
	recv_done(&p, &d, WAIT);
	ATF_CHECK_EQ(DONE_OK, d.result);
	wb_key_record(&w, &sealed);
	ATF_REQUIRE_EQ(w.len, d.len);
	ATF_CHECK(memcmp(w.data, d.record, w.len) == 0);
	wb_free(&w);

	/* an argument that is no id */
	halves_init(&h, OP_KEY_MOVE, 2, NULL);
	h.argument = policy.b;
	h.argumentlen = 15;
	send_grant(&p, &h);
	send_order(&p, &h);
	want_done(&p, &h, DONE_REFUSED);

	/* also of a request of the broker's own: what a crash left over */
	halves_init(&h, OP_KEY_DELETE, 3, NULL);
	h.name.front = BROKER;
	send_order(&p, &h);
	send_grant(&p, &h);
	peer_recv(p.kms[0], IMSG_KMS_DELETE, &r, WAIT);
	recv_head(&r, &f);
	(void)rb_u64(&r);
	ATF_REQUIRE(rb_end(&r) == 0);
	ATF_CHECK_EQ(0, uuid_cmp(&f.record.id, &h.record.id));
	/* with nothing to be stored this is no answer */
	send_fetched(p.kms[0], &h.name, DONE_OK, "", "key", 3);
	ATF_CHECK(peer_silent(p.broker, 50));
	send_stored(p.kms[0], &h.name, DONE_OK, "", NULL);
	want_done(&p, &h, DONE_OK);
	play_end(&p);
}

/* --- bounds --- */

/* More than fit: orders are told so, and lone halves leave room for them. */
ATF_TC_WITHOUT_HEAD(flood);
ATF_TC_BODY(flood, tc)
{
	struct play	 p;
	struct halves	 h;
	EVP_PKEY	*pkey = play_rsa(3072);
	uint8_t		 key[32] = { 1 }, swk[1024];
	struct done	 d;
	uint64_t	 i, busy = 0;

	play_start(&p, PROC_ENGINE);
	halves_init(&h, OP_TRANSFER, 0, pkey);
	for (i = 0; i < 5000; i++) {
		h.name.number = 10000 + i;
		send_verdict(&p, &h);
	}
	/* there is room for it, but not for one more verdict */
	halves_init(&h, OP_TRANSFER, 1, pkey);
	send_order(&p, &h);
	ATF_CHECK(peer_silent(p.broker, 100));
	for (i = 0; i < 2000; i++) {
		h.name.number = 20000 + i;
		send_order(&p, &h);
	}
	for (i = 0; i < 1 + 2000; i++) {
		recv_done(&p, &d, WAIT);
		if (d.result == DONE_BUSY && d.name.number != 1)
			busy++;
		else
			ATF_CHECK_EQ(DONE_TIMEOUT, d.result);
	}
	ATF_CHECK_EQ(2000 - (4096 - 3072 - 1), busy);
	halves_init(&h, OP_TRANSFER, 3, pkey);
	send_order(&p, &h);
	send_verdict(&p, &h);
	transfer(&p, &h, pkey, p.front, key, sizeof(key), swk);
	play_end(&p);
	EVP_PKEY_free(pkey);
}

/* --- violations --- */

static void
violates(enum process_kind kind, uint32_t type, const void *body, size_t len)
{
	struct play	 p;
	struct peer	*peer;
	struct wbuf	 w = { 0 };
	struct rbuf	 r;

	play_start(&p, PROC_ENGINE);
	peer = kind == PROC_BROKER ? p.broker : kind == PROC_VERIFIER ?
	    p.verifier : kind == PROC_AUTH ? p.auth : kind == PROC_KMS ?
	    p.kms[0] : kind == PROC_GATE ? p.gate : p.front;
	wb_raw(&w, body, len);
	peer_send(peer, type, &w);
	ATF_CHECK(peer_closed(peer, AGES));
	peer_recv(child_parent(p.c), IMSG_PARENT_VIOLATION, &r, AGES);
	ATF_CHECK_EQ(kind, rb_u32(&r));
	play_end(&p);
}

/* Each edge takes its own messages and no others. */
ATF_TC_WITHOUT_HEAD(wrong_edge);
ATF_TC_BODY(wrong_edge, tc)
{
	static const struct {
		enum process_kind	 kind;
		uint32_t		 type;
	} wrong[] = {
		{ PROC_BROKER, IMSG_ENGINE_VERDICT },
		{ PROC_BROKER, IMSG_ENGINE_GRANT },
		{ PROC_BROKER, IMSG_ENGINE_FETCHED },
		{ PROC_VERIFIER, IMSG_ENGINE_ORDER },
		{ PROC_VERIFIER, IMSG_ENGINE_GRANT },
		{ PROC_AUTH, IMSG_ENGINE_VERDICT },
		{ PROC_KMS, IMSG_ENGINE_ORDER },
		{ PROC_FRONTEND, IMSG_ENGINE_ORDER },
		{ PROC_FRONTEND, IMSG_ENGINE_VERDICT },
		{ PROC_FRONTEND, IMSG_MAKER_MATERIAL },
		{ PROC_GATE, IMSG_ENGINE_GRANT },
	};
	uint8_t	 body[200] = { 0 };
	size_t	 i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		violates(wrong[i].kind, wrong[i].type, body, sizeof(body));
}

/* Every body cut at its end, or longer by one byte, is a violation. */
ATF_TC_WITHOUT_HEAD(malformed);
ATF_TC_BODY(malformed, tc)
{
	struct wbuf		 w = { 0 };
	struct key_record	 k;
	struct halves		 h;
	size_t			 cut;

	halves_init(&h, OP_TRANSFER, 1, NULL);
	k = h.record;
	wb_name(&w, &h.name);
	wb_u8(&w, OP_TRANSFER);
	put_record(&w, &k);
	wb_digest(&w, h.policy);
	wb_u64(&w, h.deadline);
	wb_u32(&w, 0);
	for (cut = 1; cut < w.len; cut += 23)
		violates(PROC_BROKER, IMSG_ENGINE_ORDER, w.data, w.len - cut);
	wb_u8(&w, 0);
	violates(PROC_BROKER, IMSG_ENGINE_ORDER, w.data, w.len);
	/* what only the maker does, and what no engine does */
	w.data[12] = OP_KEY_CREATE;
	violates(PROC_BROKER, IMSG_ENGINE_ORDER, w.data, w.len - 1);
	w.data[12] = OP_POLICY_CREATE;
	violates(PROC_BROKER, IMSG_ENGINE_ORDER, w.data, w.len - 1);
	w.data[12] = 0xff;
	violates(PROC_BROKER, IMSG_ENGINE_ORDER, w.data, w.len - 1);
	wb_free(&w);
	/* kms that releases nothing */
	wb_name(&w, &h.name);
	wb_u8(&w, DONE_OK);
	wb_str(&w, "");
	wb_u32(&w, 0);
	violates(PROC_KMS, IMSG_ENGINE_FETCHED, w.data, w.len);
	w.data[12] = DONE_RESULT_MAX;
	violates(PROC_KMS, IMSG_ENGINE_FETCHED, w.data, w.len);
	violates(PROC_KMS, IMSG_ENGINE_STORED, w.data, w.len);
	wb_free(&w);
	/* a grant for what a verdict must say */
	wb_name(&w, &h.name);
	wb_u8(&w, OP_TRANSFER);
	wb_raw(&w, h.n, 16 + 16 + 1 + 2 + 1);
	wb_str(&w, "");
	wb_raw(&w, h.n, 1 + 2 * DIGEST_LEN + 8);
	violates(PROC_AUTH, IMSG_ENGINE_GRANT, w.data, w.len);
	wb_free(&w);
}

/* --- what is left in memory --- */

ATF_TC_WITHOUT_HEAD(memory_is_wiped);
ATF_TC_BODY(memory_is_wiped, tc)
{
	struct play	 p;
	struct halves	 h;
	EVP_PKEY	*pkey = play_rsa(3072), *small = play_rsa(2048);
	uint8_t		 key[16], swk[1024], material[MATERIAL_MAX];
	size_t		 i;
	pid_t		 pid;

	play_start(&p, PROC_ENGINE);
	pid = child_pid(p.c);
	if (memory_count(pid, (const uint8_t *)KEYSTORE0, 24) <= 0)
		atf_tc_skip("the memory of a process that is not dumpable "
		    "can't be read here");
	for (i = 0; i < 40; i++) {
		arc4random_buf(key, sizeof(key));
		halves_init(&h, OP_TRANSFER, i + 1, pkey);
		send_order(&p, &h);
		send_verdict(&p, &h);
		transfer(&p, &h, pkey, p.front, key, sizeof(key), swk);
		ATF_CHECK_EQ_MSG(0, memory_count(pid, key, 16), "the key is "
		    "still there");
		ATF_CHECK_EQ_MSG(0, memory_count(pid, swk, 16), "the SWK is "
		    "still there");
	}
	arc4random_buf(material, sizeof(material));
	halves_init(&h, OP_TRANSFER, 100, pkey);
	send_order(&p, &h);
	send_verdict(&p, &h);
	transfer(&p, &h, pkey, p.front, material, sizeof(material), swk);
	for (i = 0; i + 16 <= sizeof(material); i += 511)
		ATF_CHECK_EQ(0, memory_count(pid, material + i, 16));
	arc4random_buf(key, sizeof(key));
	release(&p, 101, small, key, sizeof(key), 1);
	ATF_CHECK_EQ(0, memory_count(pid, key, sizeof(key)));
	/* one that comes for nobody */
	arc4random_buf(key, sizeof(key));
	h.name.number = 999;
	send_fetched(p.kms[0], &h.name, DONE_OK, "", key, sizeof(key));
	ATF_CHECK(peer_silent(p.front, 100));
	ATF_CHECK_EQ(0, memory_count(pid, key, sizeof(key)));
	play_end(&p);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(small);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, transfer_either_first);
	ATF_TP_ADD_TC(tp, transfer_sizes);
	ATF_TP_ADD_TC(tp, transfer_leading_zeros);
	ATF_TP_ADD_TC(tp, release_on_grant);
	ATF_TP_ADD_TC(tp, wrapped_there);
	ATF_TP_ADD_TC(tp, wrapped_badly);
	ATF_TP_ADD_TC(tp, verdict_mismatch);
	ATF_TP_ADD_TC(tp, grant_mismatch);
	ATF_TP_ADD_TC(tp, one_half);
	ATF_TP_ADD_TC(tp, newer_verdict);
	ATF_TP_ADD_TC(tp, match_once);
	ATF_TP_ADD_TC(tp, wrapping_keys);
	ATF_TP_ADD_TC(tp, release_spki);
	ATF_TP_ADD_TC(tp, version);
	ATF_TP_ADD_TC(tp, backup);
	ATF_TP_ADD_TC(tp, kms_says_no);
	ATF_TP_ADD_TC(tp, kms_by_name);
	ATF_TP_ADD_TC(tp, kms_dies);
	ATF_TP_ADD_TC(tp, front_dies);
	ATF_TP_ADD_TC(tp, source_dies);
	ATF_TP_ADD_TC(tp, broker_dies);
	ATF_TP_ADD_TC(tp, move_and_delete);
	ATF_TP_ADD_TC(tp, flood);
	ATF_TP_ADD_TC(tp, wrong_edge);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, memory_is_wiped);
	return (atf_no_error());
}

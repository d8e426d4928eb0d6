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

/* The maker: new keys, registered ones, its queue and its material. */

#include <sys/types.h>

#include <limits.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "play.h"

struct store {
	struct fetch	 head;
	uint8_t		 policy[DIGEST_LEN];
	uint8_t		 digest[DIGEST_LEN];
	uint64_t	 deadline;
	uint8_t			 given;
	uint8_t		 material[MATERIAL_MAX];
	size_t		 len;
};

static void
recv_store_at(struct peer *kms, struct store *s, int ms)
{
	const uint8_t	*material;
	uint8_t		 d[DIGEST_LEN];
	struct rbuf	 r;

	memset(s, 0, sizeof(*s));
	peer_recv(kms, IMSG_KMS_STORE, &r, ms);
	recv_head(&r, &s->head);
	rb_digest(&r, s->policy);
	rb_digest(&r, s->digest);
	s->deadline = rb_u64(&r);
	s->given = rb_u8(&r);
	material = rb_bytes(&r, &s->len, 0, sizeof(s->material));
	ATF_REQUIRE(rb_end(&r) == 0);
	memcpy(s->material, material, s->len);
	ATF_CHECK_EQ(HALF_GRANT, s->head.half);
	if (s->len > 0) {
		digest(d, s->material, s->len);
		ATF_CHECK(memcmp(d, s->digest, DIGEST_LEN) == 0);
	}
}

static void
recv_store(struct play *p, struct store *s, int ms)
{
	recv_store_at(p->kms[0], s, ms);
}

static void
kind(struct halves *h, enum algorithm algorithm, uint16_t bits,
    enum curve curve)
{
	h->record.algorithm = h->galgorithm = (uint8_t)algorithm;
	h->record.length = h->glength = bits;
	h->record.curve = h->gcurve = (uint8_t)curve;
}

static EVP_PKEY *
pkcs8(const uint8_t *der, size_t len)
{
	PKCS8_PRIV_KEY_INFO	*p8;
	EVP_PKEY		*pkey;
	const uint8_t		*p = der;

	p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)len);
	ATF_REQUIRE(p8 != NULL && p == der + len);
	ATF_REQUIRE((pkey = EVP_PKCS82PKEY(p8)) != NULL);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return (pkey);
}

static void
check_key(const struct halves *h, const struct store *s)
{
	EVP_PKEY_CTX	*ctx;
	EVP_PKEY	*pkey;

	if (h->record.algorithm == ALG_AES) {
		ATF_CHECK_EQ(h->record.length / 8U, s->len);
		return;
	}
	pkey = pkcs8(s->material, s->len);
	ATF_CHECK_EQ(h->record.algorithm == ALG_RSA ? EVP_PKEY_RSA :
	    EVP_PKEY_EC, EVP_PKEY_get_base_id(pkey));
	ATF_CHECK_EQ(h->record.length, EVP_PKEY_get_bits(pkey));
	ATF_REQUIRE((ctx = EVP_PKEY_CTX_new(pkey, NULL)) != NULL);
	ATF_CHECK_EQ(1, EVP_PKEY_check(ctx));
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pkey);
}

/* Behind another key, if one is being made. */
static void
stored(struct play *p, struct halves *h)
{
	struct key_record	 sealed = h->record;
	struct done		 d;
	struct wbuf		 w = { 0 };

	sealed.serial = 1;
	memset(sealed.seal, 0x66, DIGEST_LEN);
	send_stored(p->kms[0], &h->name, DONE_OK, "", &sealed);
	recv_done(p, &d, AGES);
	ATF_CHECK_EQ(DONE_OK, d.result);
	ATF_CHECK_EQ(0, name_cmp(&d.name, &h->name));
	wb_key_record(&w, &sealed);
	ATF_REQUIRE_EQ(w.len, d.len);
	ATF_CHECK(memcmp(w.data, d.record, w.len) == 0);
	wb_free(&w);
}

ATF_TC(create);
ATF_TC_HEAD(create, tc)
{
	atf_tc_set_md_var(tc, "timeout", "300");
}
ATF_TC_BODY(create, tc)
{
	static const struct {
		enum algorithm	 algorithm;
		uint16_t	 bits;
		enum curve	 curve;
	} all[] = {
		{ ALG_AES, 128, CURVE_NONE }, { ALG_AES, 192, CURVE_NONE },
		{ ALG_AES, 256, CURVE_NONE }, { ALG_AES, 256, CURVE_NONE },
		{ ALG_EC, 256, CURVE_P256 }, { ALG_EC, 384, CURVE_P384 },
		{ ALG_EC, 521, CURVE_P521 }, { ALG_RSA, 2048, CURVE_NONE },
		{ ALG_RSA, 3072, CURVE_NONE }, { ALG_RSA, 4096, CURVE_NONE },
	};
	struct play	 p;
	struct halves	 h;
	struct store	 s;
	uint8_t		 before[32] = { 0 };
	size_t		 i;

	play_start(&p, PROC_MAKER);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		halves_init(&h, OP_KEY_CREATE, i + 1, NULL);
		kind(&h, all[i].algorithm, all[i].bits, all[i].curve);
		h.deadline = h.gexpiry = now_ms() + DEADLINE_MAKE_MS;
		if (i & 1) {
			send_grant(&p, &h);
			send_order(&p, &h);
		} else {
			send_order(&p, &h);
			send_grant(&p, &h);
		}
		recv_store(&p, &s, AGES);
		ATF_CHECK_EQ(OP_KEY_CREATE, s.head.op);
		ATF_CHECK_EQ(0, uuid_cmp(&s.head.record.id, &h.record.id));
		ATF_CHECK(memcmp(s.policy, h.policy, DIGEST_LEN) == 0);
		check_key(&h, &s);
		ATF_CHECK(memcmp(before, s.material, 16) != 0);
		memcpy(before, s.material, 16);
		if (all[i].algorithm != ALG_AES)
			memset(before, 0, sizeof(before));
		stored(&p, &h);
	}
	play_end(&p);
}

/* A keystore that makes keys itself is only told to. */
ATF_TC_WITHOUT_HEAD(made_there);
ATF_TC_BODY(made_there, tc)
{
	static const struct {
		uint8_t		 op;
		enum algorithm	 algorithm;
		uint16_t	 bits;
		enum curve	 curve;
		int		 there;
		int		 ms;		/* kms has so long */
	} all[] = {
		{ OP_KEY_CREATE, ALG_AES, 256, CURVE_NONE, 1, 5000 },
		{ OP_KEY_CREATE, ALG_RSA, 7680, CURVE_NONE, 1, 30000 },
		{ OP_KEY_CREATE, ALG_EC, 256, CURVE_P256, 0, 5000 },
		{ OP_KEY_ROTATE, ALG_AES, 128, CURVE_NONE, 1, 5000 },
		{ OP_KEY_ROTATE, ALG_EC, 384, CURVE_P384, 0, 5000 },
	};
	static const uint8_t	 zero[DIGEST_LEN];
	struct play		 p;
	struct halves		 h;
	struct store		 s;
	uint64_t		 now;
	size_t			 i;

	play_start(&p, PROC_MAKER);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		halves_init(&h, all[i].op, i + 1, NULL);
		kind(&h, all[i].algorithm, all[i].bits, all[i].curve);
		strlcpy(h.record.keystore, KEYSTORE1,
		    sizeof(h.record.keystore));
		strlcpy(h.gkeystore, KEYSTORE1, sizeof(h.gkeystore));
		now = now_ms();
		h.deadline = h.gexpiry = now + DEADLINE_MAKE_MS;
		send_order(&p, &h);
		send_grant(&p, &h);
		recv_store_at(p.kms[1], &s, WAIT);
		ATF_CHECK_EQ(all[i].op, s.head.op);
		ATF_CHECK_EQ_MSG(all[i].there, s.len == 0, "%zu", i);
		ATF_CHECK_EQ(GIVEN_KEY, s.given);
		if (all[i].there)
			ATF_CHECK_EQ(0, memcmp(s.digest, zero, DIGEST_LEN));
		else
			check_key(&h, &s);
		ATF_CHECK(s.deadline >= now + (uint64_t)all[i].ms &&
		    s.deadline <= now_ms() + (uint64_t)all[i].ms);
		send_stored(p.kms[1], &h.name, DONE_UNAVAILABLE, "not now",
		    NULL);
		want_done(&p, &h, DONE_UNAVAILABLE);
	}
	play_end(&p);
}

/* RSA of 7680 bits may take minutes: only when asked for (-v slow=1). */
ATF_TC(create_long);
ATF_TC_HEAD(create_long, tc)
{
	atf_tc_set_md_var(tc, "require.config", "slow");
	atf_tc_set_md_var(tc, "timeout", "600");
}
ATF_TC_BODY(create_long, tc)
{
	struct play	 p;
	struct halves	 h;
	struct store	 s;

	play_start(&p, PROC_MAKER);
	halves_init(&h, OP_KEY_CREATE, 1, NULL);
	kind(&h, ALG_RSA, 7680, CURVE_NONE);
	h.deadline = h.gexpiry = now_ms() + DEADLINE_MAKE_MS;
	send_order(&p, &h);
	send_grant(&p, &h);
	recv_store(&p, &s, 500000);
	check_key(&h, &s);
	stored(&p, &h);
	play_end(&p);
}

/* --- registered keys --- */

static size_t
pem_text(EVP_PKEY *pkey, char *text, size_t size)
{
	BIO	*bio = BIO_new(BIO_s_mem());
	char	*p;
	long	 len;

	ATF_REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0,
	    NULL, NULL) == 1);
	len = BIO_get_mem_data(bio, &p);
	ATF_REQUIRE(len > 0 && (size_t)len < size);
	memcpy(text, p, (size_t)len);
	BIO_free(bio);
	return ((size_t)len);
}

ATF_TC_WITHOUT_HEAD(registered);
ATF_TC_BODY(registered, tc)
{
	struct play	 p;
	struct halves	 h;
	struct store	 s;
	EVP_PKEY	*pkey = play_rsa(4096), *got;
	char		 text[8192];
	uint8_t		 key[32];
	size_t		 len;
	int		 order;

	play_start(&p, PROC_MAKER);
	/* raw AES; each of the three may be first */
	for (order = 0; order < 3; order++) {
		arc4random_buf(key, sizeof(key));
		halves_init(&h, OP_KEY_REGISTER, 1 + (uint64_t)order, NULL);
		digest(h.detail, key, sizeof(key));
		if (order == 0)
			send_material(p.front, h.name.number, key,
			    sizeof(key));
		if (order != 1)
			send_order(&p, &h);
		send_grant(&p, &h);
		if (order == 1) {
			send_material(p.front, h.name.number, key,
			    sizeof(key));
			ATF_CHECK(peer_silent(p.kms[0], 20));
			send_order(&p, &h);
		}
		if (order == 2) {
			ATF_CHECK(peer_silent(p.kms[0], 20));
			send_material(p.front, h.name.number, key,
			    sizeof(key));
		}
		recv_store(&p, &s, WAIT);
		ATF_CHECK_EQ(OP_KEY_REGISTER, s.head.op);
		ATF_REQUIRE_EQ(sizeof(key), s.len);
		ATF_CHECK(memcmp(s.material, key, sizeof(key)) == 0);
		stored(&p, &h);
	}
	/* PEM of a large RSA key, from control */
	len = pem_text(pkey, text, sizeof(text));
	halves_init(&h, OP_KEY_REGISTER, 10, NULL);
	h.name.front = CONTROL;
	kind(&h, ALG_RSA, 4096, CURVE_NONE);
	digest(h.detail, text, len);
	send_order(&p, &h);
	send_material(p.control, h.name.number, text, len);
	send_grant(&p, &h);
	recv_store(&p, &s, AGES);
	got = pkcs8(s.material, s.len);
	ATF_CHECK_EQ(1, EVP_PKEY_eq(got, pkey));
	stored(&p, &h);
	/* a key that the backend has: kms decides */
	halves_init(&h, OP_KEY_REGISTER, 11, NULL);
	strlcpy(h.record.backend, "kmip-77", sizeof(h.record.backend));
	digest(h.detail, "kmip-77", 7);
	send_order(&p, &h);
	send_grant(&p, &h);
	recv_store(&p, &s, WAIT);
	ATF_CHECK_EQ(0, s.len);
	ATF_CHECK(memcmp(s.digest, h.detail, DIGEST_LEN) == 0);
	ATF_CHECK_STREQ("kmip-77", s.head.record.backend);
	send_stored(p.kms[0], &h.name, DONE_INVALID, "no foreign keys", NULL);
	want_done(&p, &h, DONE_INVALID);
	play_end(&p);
	EVP_PKEY_free(got);
	EVP_PKEY_free(pkey);
}

/* A new version: made here, or from a front; of the record's kind. */
ATF_TC_WITHOUT_HEAD(rotated);
ATF_TC_BODY(rotated, tc)
{
	static uint8_t	 given = GIVEN_KEY;
	struct play	 p;
	struct halves	 h;
	struct store	 s;
	uint8_t		 as, key[32] = { 5 };
	int		 i;

	play_start(&p, PROC_MAKER);
	halves_init(&h, OP_KEY_ROTATE, 1, NULL);
	send_grant(&p, &h);
	send_order(&p, &h);
	recv_store(&p, &s, WAIT);
	ATF_CHECK_EQ(OP_KEY_ROTATE, s.head.op);
	ATF_CHECK_EQ(32, s.len);
	ATF_CHECK_EQ(3, s.head.record.serial);
	ATF_CHECK(memcmp(s.head.record.seal, h.record.seal, DIGEST_LEN) == 0);
	stored(&p, &h);
	halves_init(&h, OP_KEY_ROTATE, 2, NULL);
	h.argument = &given;
	h.argumentlen = 1;
	digest(h.detail, key, sizeof(key));
	send_grant(&p, &h);
	send_order(&p, &h);
	ATF_CHECK(peer_silent(p.kms[0], 30));
	send_material(p.front, 2, key, sizeof(key));
	recv_store(&p, &s, WAIT);
	ATF_REQUIRE_EQ(sizeof(key), s.len);
	ATF_CHECK(memcmp(s.material, key, sizeof(key)) == 0);
	stored(&p, &h);
	/* From a backup: no material, but what stands for it, as it is. */
	for (i = GIVEN_ID; i <= GIVEN_MAX; i++) {
		halves_init(&h, OP_KEY_ROTATE, 3 + (uint64_t)i, NULL);
		as = (uint8_t)i;
		h.argument = &as;
		h.argumentlen = 1;
		digest(h.detail, "uuid.2", 6);
		given_digest(h.detail, as, h.detail);
		send_material(p.front, h.name.number, "uuid.2", 6);
		send_grant(&p, &h);
		send_order(&p, &h);
		if (i == GIVEN_MAX) {
			want_done(&p, &h, DONE_REFUSED);
			continue;
		}
		recv_store(&p, &s, WAIT);
		ATF_CHECK_EQ(i, s.given);
		ATF_CHECK(s.len == 6 && memcmp(s.material, "uuid.2", 6) == 0);
		stored(&p, &h);
		/* Granted as one of these, ordered as a key. */
		halves_init(&h, OP_KEY_ROTATE, 30 + (uint64_t)i, NULL);
		h.argument = &given;
		h.argumentlen = 1;
		digest(h.detail, key, sizeof(key));
		given_digest(h.detail, as, h.detail);
		send_material(p.front, h.name.number, key, sizeof(key));
		send_grant(&p, &h);
		send_order(&p, &h);
		want_done(&p, &h, DONE_REFUSED);
	}
	/* Order and grant differ in whether it is given, or by what. */
	for (i = 0; i < 3; i++) {
		halves_init(&h, OP_KEY_ROTATE, 10 + (uint64_t)i, NULL);
		if (i != 0) {
			h.argument = &given;
			h.argumentlen = 1;
			send_material(p.front, h.name.number, key,
			    sizeof(key));
		}
		if (i != 1)
			digest(h.detail, "other", 5);
		send_grant(&p, &h);
		send_order(&p, &h);
		want_done(&p, &h, DONE_REFUSED);
	}
	/* Another record of the key, another policy. */
	halves_init(&h, OP_KEY_ROTATE, 20, NULL);
	h.gseal[0] ^= 1;
	send_grant(&p, &h);
	send_order(&p, &h);
	want_done(&p, &h, DONE_REFUSED);
	halves_init(&h, OP_KEY_ROTATE, 21, NULL);
	h.gpolicy[0] ^= 1;
	send_grant(&p, &h);
	send_order(&p, &h);
	want_done(&p, &h, DONE_REFUSED);
	/* Not of the record's kind. */
	halves_init(&h, OP_KEY_ROTATE, 22, NULL);
	h.argument = &given;
	h.argumentlen = 1;
	digest(h.detail, key, 16);
	send_material(p.front, 22, key, 16);
	send_grant(&p, &h);
	send_order(&p, &h);
	want_done(&p, &h, DONE_INVALID);
	play_end(&p);
}

/* Material that is not what was granted, or not of the named kind. */
ATF_TC_WITHOUT_HEAD(register_refused);
ATF_TC_BODY(register_refused, tc)
{
	struct play	 p;
	struct halves	 h;
	uint8_t		 key[32] = { 3 }, other[32] = { 4 };

	play_start(&p, PROC_MAKER);
	halves_init(&h, OP_KEY_REGISTER, 1, NULL);
	digest(h.detail, key, sizeof(key));
	send_order(&p, &h);
	send_grant(&p, &h);
	send_material(p.front, 1, other, sizeof(other));
	want_done(&p, &h, DONE_REFUSED);

	halves_init(&h, OP_KEY_REGISTER, 2, NULL);
	digest(h.detail, key, sizeof(key));
	send_material(p.front, 2, other, sizeof(other));
	/* the first counts */
	send_material(p.front, 2, key, sizeof(key));
	ATF_CHECK(peer_silent(p.broker, 50));
	send_order(&p, &h);
	send_grant(&p, &h);
	want_done(&p, &h, DONE_REFUSED);

	/* of another front */
	halves_init(&h, OP_KEY_REGISTER, 3, NULL);
	digest(h.detail, key, sizeof(key));
	h.deadline = now_ms() + 400;
	send_material(p.control, 3, key, sizeof(key));
	send_order(&p, &h);
	send_grant(&p, &h);
	want_done(&p, &h, DONE_TIMEOUT);

	/* granted, but no AES key of 256 bits */
	halves_init(&h, OP_KEY_REGISTER, 4, NULL);
	digest(h.detail, key, 31);
	send_material(p.front, 4, key, 31);
	send_order(&p, &h);
	send_grant(&p, &h);
	want_done(&p, &h, DONE_INVALID);
	halves_init(&h, OP_KEY_REGISTER, 5, NULL);
	kind(&h, ALG_RSA, 2048, CURVE_NONE);
	digest(h.detail, key, 32);
	send_material(p.front, 5, key, 32);
	send_order(&p, &h);
	send_grant(&p, &h);
	want_done(&p, &h, DONE_INVALID);

	/* another key of the backend than was granted */
	halves_init(&h, OP_KEY_REGISTER, 6, NULL);
	strlcpy(h.record.backend, "kmip-77", sizeof(h.record.backend));
	digest(h.detail, "kmip-78", 7);
	send_order(&p, &h);
	send_grant(&p, &h);
	want_done(&p, &h, DONE_REFUSED);

	/* who was to bring the material is gone */
	halves_init(&h, OP_KEY_REGISTER, 7, NULL);
	digest(h.detail, key, 32);
	send_order(&p, &h);
	send_grant(&p, &h);
	ATF_CHECK(peer_silent(p.broker, 20));
	peer_close(p.front);
	want_done(&p, &h, DONE_UNAVAILABLE);
	ATF_CHECK(peer_silent(p.kms[0], 20));
	play_end(&p);
}

/* --- what does not agree --- */

static void	bad_op(struct halves *h) { h->gop = OP_KEY_REGISTER; }
static void	bad_key(struct halves *h) { uuid_make(&h->gkey); }
static void	bad_alg(struct halves *h) { h->galgorithm = ALG_EC; }
static void	bad_length(struct halves *h) { h->glength = 128; }
static void	bad_curve(struct halves *h) { h->gcurve = CURVE_P521; }
static void	bad_flags(struct halves *h) { h->gflags = KEY_ATTESTED_ONLY; }
static void	bad_policy(struct halves *h) { h->gpolicy[0] ^= 0x80; }
static void	bad_expiry(struct halves *h) { h->gexpiry = now_ms() - 1; }
static void	bad_detail(struct halves *h) { h->detail[0] = 1; }
static void	bad_store(struct halves *h)
		    { strlcpy(h->gkeystore, KEYSTORE1, NAME_MAX_STORE); }
static void	bad_backend(struct halves *h)
		    { strlcpy(h->record.backend, "x", NAME_MAX_BACKEND); }

ATF_TC_WITHOUT_HEAD(create_mismatch);
ATF_TC_BODY(create_mismatch, tc)
{
	static void	(*const bad[])(struct halves *) = { bad_op, bad_key,
			    bad_alg, bad_length, bad_curve, bad_flags,
			    bad_policy, bad_expiry, bad_detail, bad_store,
			    bad_backend };
	struct play	 p;
	struct halves	 h;
	size_t		 i;

	play_start(&p, PROC_MAKER);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		halves_init(&h, OP_KEY_CREATE, i + 1, NULL);
		bad[i](&h);
		send_order(&p, &h);
		send_grant(&p, &h);
		want_done(&p, &h, DONE_REFUSED);
	}
	ATF_CHECK(peer_silent(p.kms[0], 20));
	ATF_CHECK(peer_silent(p.kms[1], 1));
	play_end(&p);
}

/* --- its queue --- */

/* Its time on the processor, in ticks. */
static unsigned long
ticks(pid_t pid)
{
	FILE		*fp;
	char		 path[64];
	unsigned long	 user = 0, system = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	ATF_REQUIRE((fp = fopen(path, "r")) != NULL);
	ATF_CHECK_EQ(2, fscanf(fp, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u "
	    "%*u %*u %*u %*u %lu %lu", &user, &system));
	fclose(fp);
	return (user + system);
}

/* It has read what it was sent, and makes the key: nothing else takes long. */
static void
wait_making(pid_t pid, unsigned long then)
{
	int	 ms;

	for (ms = 0; ticks(pid) < then + 2; ms++) {
		ATF_REQUIRE(ms < AGES);
		usleep(1000);
	}
}

/* Of a burst behind a slow key four wait, and the rest is told so. */
ATF_TC_WITHOUT_HEAD(queue);
ATF_TC_BODY(queue, tc)
{
	struct play	 p;
	struct halves	 slow, h[16];
	struct store	 s;
	struct done	 d;
	unsigned long	 then;
	size_t		 i;

	play_start(&p, PROC_MAKER);
	then = ticks(child_pid(p.c));
	halves_init(&slow, OP_KEY_CREATE, 100, NULL);
	kind(&slow, ALG_RSA, 4096, CURVE_NONE);
	slow.deadline = slow.gexpiry = now_ms() + 120000;
	send_order(&p, &slow);
	send_grant(&p, &slow);
	wait_making(child_pid(p.c), then);
	/* They come before the key is made, however long they take. */
	hold_still(child_pid(p.c));
	for (i = 0; i < 16; i++) {
		halves_init(&h[i], OP_KEY_CREATE, i + 1, NULL);
		h[i].deadline = h[i].gexpiry = now_ms() + 120000;
		send_order(&p, &h[i]);
	}
	for (i = 0; i < 16; i++)
		send_grant(&p, &h[i]);
	kill(child_pid(p.c), SIGCONT);
	recv_store(&p, &s, AGES);
	ATF_CHECK_EQ(100, s.head.name.number);
	for (i = 0; i < 16 - MAKER_QUEUE_MAX; i++) {
		recv_done(&p, &d, AGES);
		ATF_CHECK_EQ(DONE_BUSY, d.result);
		ATF_CHECK_EQ(MAKER_QUEUE_MAX + i + 1, d.name.number);
	}
	for (i = 0; i < MAKER_QUEUE_MAX; i++) {
		recv_store(&p, &s, WAIT);
		ATF_CHECK_EQ(i + 1, s.head.name.number);
	}
	stored(&p, &slow);
	for (i = 0; i < MAKER_QUEUE_MAX; i++)
		stored(&p, &h[i]);
	ATF_CHECK(peer_silent(p.broker, 20));
	play_end(&p);
}

/* As many keys as it takes, each of which is long in the making. */
static void
queue_long(struct play *p, struct halves h[MAKER_QUEUE_MAX])
{
	size_t	 i;

	for (i = 0; i < MAKER_QUEUE_MAX; i++) {
		halves_init(&h[i], OP_KEY_CREATE, i + 1, NULL);
		kind(&h[i], ALG_RSA, 4096, CURVE_NONE);
		h[i].deadline = h[i].gexpiry = now_ms() + DEADLINE_MAKE_MS;
		send_grant(p, &h[i]);
		send_order(p, &h[i]);
	}
}

/* In the queue only the order's own deadline counts. */
ATF_TC_WITHOUT_HEAD(queued_long);
ATF_TC_BODY(queued_long, tc)
{
	struct play	 p;
	struct halves	 h[MAKER_QUEUE_MAX];
	struct store	 s;
	size_t		 i;

	play_start(&p, PROC_MAKER);
	queue_long(&p, h);
	/* They are in it by the time of the first key. */
	recv_store(&p, &s, AGES);
	stored(&p, &h[0]);
	hold_still(child_pid(p.c));
	usleep(2200000);		/* longer than for a half */
	kill(child_pid(p.c), SIGCONT);
	for (i = 1; i < MAKER_QUEUE_MAX; i++) {
		recv_store(&p, &s, AGES);
		ATF_CHECK_EQ(i + 1, s.head.name.number);
		stored(&p, &h[i]);
	}
	play_end(&p);
}

/* Whoever has his key does not wait for the next one to be made. */
ATF_TC_WITHOUT_HEAD(answered_first);
ATF_TC_BODY(answered_first, tc)
{
	struct play	 p;
	struct halves	 h[MAKER_QUEUE_MAX];
	struct store	 s;
	unsigned long	 then, took, before = ULONG_MAX, after = 0;
	size_t		 i;

	play_start(&p, PROC_MAKER);
	queue_long(&p, h);
	/* One may be answered too late: the next key is made before it then. */
	for (i = 0; i < MAKER_QUEUE_MAX; i++) {
		then = ticks(child_pid(p.c));
		recv_store(&p, &s, AGES);
		took = ticks(child_pid(p.c)) - then;
		if (i > 0 && took > after)
			after = took;
		then = ticks(child_pid(p.c));
		usleep(20000);		/* a keystore is not that fast */
		stored(&p, &h[i]);
		took = ticks(child_pid(p.c)) - then;
		if (i + 1 < MAKER_QUEUE_MAX && took < before)
			before = took;
	}
	ATF_CHECK_MSG(before < after, "%lu ticks, then %lu", before, after);
	play_end(&p);
}

/* More material than is held: it is not kept, and others go on. */
ATF_TC_WITHOUT_HEAD(material_flood);
ATF_TC_BODY(material_flood, tc)
{
	struct play	 p;
	struct halves	 h;
	struct store	 s;
	uint8_t		 key[MATERIAL_MAX] = { 1 };
	uint64_t	 i;

	play_start(&p, PROC_MAKER);
	for (i = 0; i < 200; i++)
		send_material(p.front, 1000 + i, key, sizeof(key));
	halves_init(&h, OP_KEY_CREATE, 1, NULL);
	send_order(&p, &h);
	send_grant(&p, &h);
	recv_store(&p, &s, WAIT);
	stored(&p, &h);
	/* one that has its order is told */
	halves_init(&h, OP_KEY_REGISTER, 2, NULL);
	digest(h.detail, key, 32);
	send_order(&p, &h);
	ATF_CHECK(peer_silent(p.kms[0], 20));
	send_material(p.front, 2, key, 32);
	want_done(&p, &h, DONE_BUSY);
	/* it goes with who sent it */
	peer_close(p.front);
	halves_init(&h, OP_KEY_REGISTER, 3, NULL);
	h.name.front = CONTROL;
	digest(h.detail, key, 32);
	send_order(&p, &h);
	send_grant(&p, &h);
	ATF_CHECK(peer_silent(p.kms[0], 20));
	send_material(p.control, 3, key, 32);
	recv_store(&p, &s, WAIT);
	stored(&p, &h);
	play_end(&p);
}

/* --- violations --- */

ATF_TC_WITHOUT_HEAD(violations);
ATF_TC_BODY(violations, tc)
{
	static const struct {
		enum process_kind	 kind;
		uint32_t		 type;
		uint8_t			 op;
	} all[] = {
		/* the maker releases nothing, and moves nothing */
		{ PROC_BROKER, IMSG_ENGINE_ORDER, OP_TRANSFER },
		{ PROC_BROKER, IMSG_ENGINE_ORDER, OP_KEY_RELEASE },
		{ PROC_BROKER, IMSG_ENGINE_ORDER, OP_KEY_MOVE },
		{ PROC_BROKER, IMSG_ENGINE_VERDICT, 0 },
		{ PROC_AUTH, IMSG_ENGINE_ORDER, OP_KEY_CREATE },
		{ PROC_KMS, IMSG_ENGINE_FETCHED, 0 },
		{ PROC_FRONTEND, IMSG_ENGINE_ORDER, OP_KEY_CREATE },
		{ PROC_FRONTEND, IMSG_ENGINE_GRANT, OP_KEY_CREATE },
	};
	struct play	 p;
	struct peer	*peer;
	struct halves	 h;
	struct wbuf	 w = { 0 };
	size_t		 i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		play_start(&p, PROC_MAKER);
		peer = all[i].kind == PROC_BROKER ? p.broker :
		    all[i].kind == PROC_AUTH ? p.auth :
		    all[i].kind == PROC_KMS ? p.kms[0] : p.front;
		halves_init(&h, all[i].op, 1, NULL);
		wb_name(&w, &h.name);
		wb_u8(&w, all[i].op);
		put_record(&w, &h.record);
		wb_digest(&w, h.policy);
		wb_u64(&w, h.deadline);
		wb_u32(&w, 0);
		peer_send(peer, all[i].type, &w);
		ATF_CHECK(peer_closed(peer, AGES));
		play_end(&p);
	}
	/* material of no length, and of more than there may be */
	for (i = 0; i < 2; i++) {
		play_start(&p, PROC_MAKER);
		wb_u64(&w, 1);
		wb_u32(&w, i == 0 ? 0 : MATERIAL_MAX + 1);
		wb_raw(&w, &h, i == 0 ? 0 : 1000);
		peer_send(p.front, IMSG_MAKER_MATERIAL, &w);
		ATF_CHECK(peer_closed(p.front, AGES));
		play_end(&p);
	}
}

/* --- what is left in memory --- */

ATF_TC_WITHOUT_HEAD(memory_is_wiped);
ATF_TC_BODY(memory_is_wiped, tc)
{
	struct play	 p;
	struct halves	 h;
	struct store	 s;
	EVP_PKEY	*pkey = play_rsa(2048);
	char		 text[8192];
	uint8_t		 key[32], number[512];
	size_t		 i, len;
	pid_t		 pid;

	play_start(&p, PROC_MAKER);
	pid = child_pid(p.c);
	if (memory_count(pid, (const uint8_t *)KEYSTORE0, 24) <= 0)
		atf_tc_skip("the memory of a process that is not dumpable "
		    "can't be read here");
	arc4random_buf(key, sizeof(key));
	halves_init(&h, OP_KEY_REGISTER, 1, NULL);
	digest(h.detail, key, sizeof(key));
	send_material(p.front, 1, key, sizeof(key));
	wait_waiting(p.c, 1);
	send_grant(&p, &h);
	/* while it waits it is there: the search finds what there is */
	ATF_CHECK(peer_silent(p.kms[0], 20));
	ATF_CHECK(memory_count(pid, key, 16) == 1);
	send_order(&p, &h);
	recv_store(&p, &s, WAIT);
	stored(&p, &h);
	ATF_CHECK_EQ(0, memory_count(pid, key, 16));
	ATF_CHECK_EQ(0, memory_count(pid, key + 16, 16));
	/* made */
	halves_init(&h, OP_KEY_CREATE, 2, NULL);
	send_order(&p, &h);
	send_grant(&p, &h);
	recv_store(&p, &s, WAIT);
	stored(&p, &h);
	ATF_CHECK_EQ(0, memory_count(pid, s.material, 16));
	halves_init(&h, OP_KEY_CREATE, 3, NULL);
	kind(&h, ALG_RSA, 2048, CURVE_NONE);
	send_order(&p, &h);
	send_grant(&p, &h);
	recv_store(&p, &s, AGES);
	stored(&p, &h);
	for (i = 300; i + 16 <= s.len; i += 16)
		ATF_CHECK_EQ_MSG(0, memory_count(pid, s.material + i, 16),
		    "byte %zu of a new key is still there", i);
	/* PEM */
	len = pem_text(pkey, text, sizeof(text));
	halves_init(&h, OP_KEY_REGISTER, 4, NULL);
	kind(&h, ALG_RSA, 2048, CURVE_NONE);
	digest(h.detail, text, len);
	send_order(&p, &h);
	send_material(p.front, 4, text, len);
	send_grant(&p, &h);
	recv_store(&p, &s, WAIT);
	stored(&p, &h);
	for (i = 600; i + 64 < len; i += 64)
		ATF_CHECK_EQ(0, memory_count(pid, (uint8_t *)text + i, 16));
	for (i = 300; i + 16 <= s.len; i += 16)
		ATF_CHECK_EQ_MSG(0, memory_count(pid, s.material + i, 16),
		    "byte %zu of a registered key is still there", i);
	/* and as libcrypto has its numbers */
	len = play_number(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, number,
	    sizeof(number));
	for (i = 0; i < len / 2; i++) {
		uint8_t	 v = number[i];

		number[i] = number[len - 1 - i];
		number[len - 1 - i] = v;
	}
	for (i = 0; i + 16 <= len; i += 16)
		ATF_CHECK_EQ(0, memory_count(pid, number + i, 16));
	play_end(&p);
	EVP_PKEY_free(pkey);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, create);
	ATF_TP_ADD_TC(tp, registered);
	ATF_TP_ADD_TC(tp, rotated);
	ATF_TP_ADD_TC(tp, register_refused);
	ATF_TP_ADD_TC(tp, create_mismatch);
	ATF_TP_ADD_TC(tp, create_long);
	ATF_TP_ADD_TC(tp, made_there);
	ATF_TP_ADD_TC(tp, queue);
	ATF_TP_ADD_TC(tp, queued_long);
	ATF_TP_ADD_TC(tp, answered_first);
	ATF_TP_ADD_TC(tp, material_flood);
	ATF_TP_ADD_TC(tp, violations);
	ATF_TP_ADD_TC(tp, memory_is_wiped);
	return (atf_no_error());
}

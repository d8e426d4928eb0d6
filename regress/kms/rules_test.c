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

/* Seals, boxes and rules of kms, without a process around them. */
#include <sys/cdefs.h>

#include <atf-c.h>
#include <string.h>

#include "digest.h"
#include "kms.h"

static const uint8_t	 seal_key[SEAL_KEY_LEN] = { 1, 2, 3 };
static const uint8_t	 master[MASTER_KEY_LEN] = { 4, 5, 6 };

static void
fill(uint8_t d[DIGEST_LEN], int c)
{
	memset(d, c, DIGEST_LEN);
}

static void
make_record(struct key_record *k)
{
	memset(k, 0, sizeof(*k));
	uuid_make(&k->id);
	k->version = 1;
	strlcpy(k->keystore, "main", sizeof(k->keystore));
	strlcpy(k->backend, "there", sizeof(k->backend));
	k->algorithm = ALG_AES;
	k->length = 256;
	k->serial = 1;
	uuid_make(&k->policy);
	fill(k->policy_digest, 'p');
	k->state = KEY_ACTIVE;
	k->created = 1700000000;
	k->row_version = 7;
}

/* Each field that the seal covers, changed in turn. */
static void	c_id(struct key_record *k) { k->id.b[0] ^= 1; }
static void	c_version(struct key_record *k) { k->version++; }
static void	c_keystore(struct key_record *k) { k->keystore[0] = 'M'; }
static void	c_backend(struct key_record *k) { k->backend[0] = 'T'; }
static void	c_algorithm(struct key_record *k) { k->algorithm = ALG_RSA; }
static void	c_length(struct key_record *k) { k->length = 128; }
static void	c_curve(struct key_record *k) { k->curve = CURVE_P256; }
static void	c_flags(struct key_record *k) { k->flags ^= 1; }
static void	c_serial(struct key_record *k) { k->serial++; }
static void	c_policy(struct key_record *k) { k->policy.b[15] ^= 1; }
static void	c_digest(struct key_record *k) { k->policy_digest[9] ^= 1; }

static void	(*const changes[])(struct key_record *) = {
	c_id, c_version, c_keystore, c_backend, c_algorithm, c_length,
	c_curve, c_flags, c_serial, c_policy, c_digest,
};

#define NCHANGES	(sizeof(changes) / sizeof(changes[0]))
/* The first eight never change in a key's life: the box is bound to them. */
#define NFIXED		8

ATF_TC_WITHOUT_HEAD(seal);
ATF_TC_BODY(seal, tc)
{
	static const uint8_t	 other[SEAL_KEY_LEN] = { 1, 2, 4 };
	struct key_record	 k, bad;
	size_t			 i;

	seal_init(seal_key);
	make_record(&k);
	ATF_CHECK(!seal_fits(&k));
	ATF_REQUIRE_EQ(0, seal_make(&k));
	ATF_CHECK(seal_fits(&k));
	for (i = 0; i < NCHANGES; i++) {
		bad = k;
		changes[i](&bad);
		ATF_CHECK_MSG(!seal_fits(&bad), "change %zu", i);
	}
	for (i = 0; i < DIGEST_LEN; i++) {
		bad = k;
		bad.seal[i] ^= 0x80;
		ATF_CHECK(!seal_fits(&bad));
	}
	/* What the store keeps for itself is not covered. */
	bad = k;
	bad.state = KEY_MOVING;
	bad.created = 1;
	bad.row_version = 1;
	ATF_CHECK(seal_fits(&bad));
	/* No boundary between two strings can be moved. */
	bad = k;
	strlcpy(bad.keystore, "mainthere", sizeof(bad.keystore));
	bad.backend[0] = '\0';
	ATF_CHECK(!seal_fits(&bad));
	seal_init(other);
	ATF_CHECK(!seal_fits(&k));
}

ATF_TC_WITHOUT_HEAD(box);
ATF_TC_BODY(box, tc)
{
	static const uint8_t	 other[MASTER_KEY_LEN] = { 4, 5, 7 };
	const char		 text[] = "thirty-two bytes of a secret key";
	struct key_record	 k, bad;
	uint8_t			 b[64 + BOX_MORE], b2[64 + BOX_MORE], out[64];
	size_t			 i, len = sizeof(text);

	make_record(&k);
	ATF_REQUIRE_EQ(0, box_seal(b, master, &k, (const uint8_t *)text,
	    len));
	ATF_REQUIRE_EQ(0, box_seal(b2, master, &k, (const uint8_t *)text,
	    len));
	ATF_CHECK(memcmp(b, b2, BOX_NONCE) != 0);
	ATF_CHECK(memcmp(b + BOX_NONCE, b2 + BOX_NONCE, len) != 0);
	ATF_CHECK(memmem(b, sizeof(b), "secret", 6) == NULL);
	ATF_REQUIRE_EQ(0, box_open(out, master, &k, b, len + BOX_MORE));
	ATF_CHECK_EQ(0, memcmp(out, text, len));
	for (i = 0; i < len + BOX_MORE; i++) {
		b[i] ^= 1;
		memset(out, 'x', sizeof(out));
		ATF_CHECK_EQ(-1, box_open(out, master, &k, b,
		    len + BOX_MORE));
		ATF_CHECK(memmem(out, sizeof(out), "secret", 6) == NULL);
		b[i] ^= 1;
	}
	for (i = 0; i < len + BOX_MORE; i++)
		ATF_CHECK_EQ(-1, box_open(out, master, &k, b, i));
	ATF_CHECK_EQ(-1, box_open(out, other, &k, b, len + BOX_MORE));
	for (i = 0; i < NCHANGES; i++) {
		bad = k;
		changes[i](&bad);
		ATF_CHECK_EQ_MSG(i < NFIXED ? -1 : 0, box_open(out, master,
		    &bad, b, len + BOX_MORE), "change %zu", i);
	}
}

static void
make_fetch(struct job *j, struct recorded *r)
{
	memset(j, 0, sizeof(*j));
	memset(r, 0, sizeof(*r));
	j->type = IMSG_KMS_FETCH;
	j->operation = OP_TRANSFER;
	j->half = HALF_VERDICT;
	j->name.front = 3;
	j->name.number = 99;
	make_record(&j->record);
	fill(j->policy_digest, 'p');
	fill(j->detail, 'w');
	j->fits = 1;
	r->name = j->name;
	r->operation = j->operation;
	r->key = j->record.id;
	fill(r->policy_digest, 'p');
	fill(r->wrapping_key, 'w');
	r->line = 1;
}

ATF_TC_WITHOUT_HEAD(fetch);
ATF_TC_BODY(fetch, tc)
{
	struct recorded	 r;
	struct job	 j;

	make_fetch(&j, &r);
	ATF_CHECK_EQ(NULL, rules_request(&j, "main"));
	ATF_CHECK(rules_request(&j, "other") != NULL);
	j.fits = 0;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j.fits = 1;
	j.policy_digest[31] ^= 1;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	/* A key under no policy, and a verdict that names none. */
	make_fetch(&j, &r);
	j.record.policy = uuid_nil;
	memset(j.record.policy_digest, 0, DIGEST_LEN);
	memset(j.policy_digest, 0, DIGEST_LEN);
	ATF_CHECK(rules_request(&j, "main") != NULL);
	/* A grant stands for it, but not for a marked key. */
	j.operation = OP_KEY_RELEASE;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j.half = HALF_GRANT;
	ATF_CHECK_EQ(NULL, rules_request(&j, "main"));
	j.record.flags = KEY_ATTESTED_ONLY;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j.operation = OP_TRANSFER;
	ATF_CHECK(rules_request(&j, "main") != NULL);
}

/* Every pair of message, operation and half but the six. */
ATF_TC_WITHOUT_HEAD(pairings);
ATF_TC_BODY(pairings, tc)
{
	static const uint32_t	 types[] = { IMSG_KMS_FETCH, IMSG_KMS_STORE,
		IMSG_KMS_RESEAL, IMSG_KMS_DELETE };
	struct recorded		 r;
	struct job		 j;
	size_t			 i;
	int			 op, half, good = 0;

	for (i = 0; i < 4; i++)
		for (op = 0; op < OP_MAX; op++)
			for (half = 0; half < HALF_MAX; half++) {
				make_fetch(&j, &r);
				j.type = types[i];
				j.operation = (uint8_t)op;
				j.half = (uint8_t)half;
				j.policy = j.record.policy;
				if (j.type == IMSG_KMS_STORE)
					j.record.serial = 0;
				good += rules_request(&j, "main") == NULL;
			}
	ATF_CHECK_EQ(7, good);
}

ATF_TC_WITHOUT_HEAD(line);
ATF_TC_BODY(line, tc)
{
	struct recorded	 r;
	struct job	 j;

	make_fetch(&j, &r);
	ATF_CHECK_EQ(NULL, rules_recorded(&j, &r));
	r.name.front++;
	ATF_CHECK(rules_recorded(&j, &r) != NULL);
	make_fetch(&j, &r);
	r.name.number++;
	ATF_CHECK(rules_recorded(&j, &r) != NULL);
	make_fetch(&j, &r);
	r.operation = OP_KEY_RELEASE;
	ATF_CHECK(rules_recorded(&j, &r) != NULL);
	make_fetch(&j, &r);
	r.key.b[3] ^= 4;
	ATF_CHECK(rules_recorded(&j, &r) != NULL);
	make_fetch(&j, &r);
	r.policy_digest[0] ^= 1;
	ATF_CHECK(rules_recorded(&j, &r) != NULL);
	make_fetch(&j, &r);
	r.wrapping_key[0] ^= 1;
	ATF_CHECK(rules_recorded(&j, &r) != NULL);
	/* No wrapping key at all is not the same as the same one. */
	make_fetch(&j, &r);
	memset(j.detail, 0, DIGEST_LEN);
	memset(r.wrapping_key, 0, DIGEST_LEN);
	ATF_CHECK(rules_recorded(&j, &r) != NULL);
}

ATF_TC_WITHOUT_HEAD(store);
ATF_TC_BODY(store, tc)
{
	uint8_t		 material[] = "0123456789abcdef";
	struct recorded	 r;
	struct job	 j, good;

	make_fetch(&good, &r);
	good.type = IMSG_KMS_STORE;
	good.operation = OP_KEY_CREATE;
	good.half = HALF_GRANT;
	good.record.serial = 0;
	good.material = material;
	good.materiallen = 16;
	digest(good.detail, material, 16);
	ATF_REQUIRE_EQ(NULL, rules_request(&good, "main"));
	j = good;
	j.detail[0] ^= 1;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j = good;
	j.record.serial = 1;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j = good;
	j.record.seal[0] = 1;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j = good;
	j.record.version = 0;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j = good;
	j.record.id = uuid_nil;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j = good;
	j.policy_digest[0] ^= 1;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j = good;
	j.record.policy = uuid_nil;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j = good;
	j.operation = OP_KEY_MOVE;
	ATF_CHECK(rules_request(&j, "main") != NULL);
}

/* Nothing comes: only from who makes it, and nothing of it is anywhere. */
ATF_TC_WITHOUT_HEAD(made_there);
ATF_TC_BODY(made_there, tc)
{
	struct recorded	 r;
	struct job	 j, good;

	make_fetch(&good, &r);
	good.type = IMSG_KMS_STORE;
	good.operation = OP_KEY_CREATE;
	good.half = HALF_GRANT;
	good.record.serial = 0;
	good.record.backend[0] = '\0';
	good.made_there = 1;
	memset(good.detail, 0, DIGEST_LEN);
	ATF_REQUIRE_EQ(NULL, rules_request(&good, "main"));
	j = good;
	j.detail[0] = 1;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j = good;
	strlcpy(j.record.backend, "7", sizeof(j.record.backend));
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j = good;
	j.given = GIVEN_ID;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j = good;
	j.record.serial = 1;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	/* The next version of a key, which is somewhere already. */
	j = good;
	j.operation = OP_KEY_ROTATE;
	j.fits = 1;
	j.record.serial = 1;
	strlcpy(j.record.backend, "7", sizeof(j.record.backend));
	ATF_CHECK_EQ(NULL, rules_request(&j, "main"));
	j.fits = 0;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j.fits = 1;
	j.made_there = 0;
	ATF_CHECK(rules_request(&j, "main") != NULL);
}

ATF_TC_WITHOUT_HEAD(move);
ATF_TC_BODY(move, tc)
{
	struct recorded	 r;
	struct job	 j;

	make_fetch(&j, &r);
	j.type = IMSG_KMS_RESEAL;
	j.operation = OP_KEY_MOVE;
	j.half = HALF_GRANT;
	uuid_make(&j.policy);
	ATF_REQUIRE_EQ(NULL, rules_request(&j, "main"));
	/* It may name the new policy already: our own record judges. */
	j.fits = 0;
	ATF_CHECK_EQ(NULL, rules_request(&j, "main"));
	j.fits = 1;
	j.record.flags = KEY_ATTESTED_ONLY;
	ATF_CHECK(rules_request(&j, "main") != NULL);
	j.record.flags = 0;
	j.policy = uuid_nil;
	ATF_CHECK(rules_request(&j, "main") != NULL);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, seal);
	ATF_TP_ADD_TC(tp, box);
	ATF_TP_ADD_TC(tp, fetch);
	ATF_TP_ADD_TC(tp, pairings);
	ATF_TP_ADD_TC(tp, line);
	ATF_TP_ADD_TC(tp, store);
	ATF_TP_ADD_TC(tp, made_there);
	ATF_TP_ADD_TC(tp, move);
	return (atf_no_error());
}

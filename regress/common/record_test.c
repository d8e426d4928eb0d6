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
 * Records: what is written is read, each shorter body is refused, and so is
 * every value that its column can't have.
 */
#include <atf-c.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kbsd.h"
#include "record.h"

static const uint8_t	 digest_a[DIGEST_LEN] = "digest of the first kind";
static const uint8_t	 digest_b[DIGEST_LEN] = "digest of the other kind";

static struct key_record
key(void)
{
	struct key_record	 k = { 0 };

	uuid_make(&k.id);
	uuid_make(&k.policy);
	k.version = 3;
	strlcpy(k.keystore, "main", sizeof(k.keystore));
	strlcpy(k.backend, "id-at-the-backend", sizeof(k.backend));
	k.algorithm = ALG_EC;
	k.length = 384;
	k.curve = CURVE_P384;
	k.flags = KEY_ATTESTED_ONLY;
	k.serial = 0x0102030405060708;
	memcpy(k.policy_digest, digest_a, DIGEST_LEN);
	memcpy(k.seal, digest_b, DIGEST_LEN);
	k.state = KEY_MOVING;
	k.created = 1700000000;
	k.row_version = 9;
	return (k);
}

static struct user_record
user(void)
{
	struct user_record	 u = { 0 };

	uuid_make(&u.id);
	strlcpy(u.name, "some.one@example", sizeof(u.name));
	u.permissions = PERM_ALL;
	u.generation = 4;
	u.created = 1;
	u.updated = 253402300799;
	memset(u.hash, 0xaa, sizeof(u.hash));
	u.hashlen = USER_HASH_MAX;
	u.row_version = 5;
	return (u);
}

static struct policy_record
policy(void)
{
	struct policy_record	 p = { 0 };

	uuid_make(&p.id);
	p.created = 1700000001;
	p.text = "{\"attestation_type\":\"SGX\"}";
	p.textlen = strlen(p.text);
	memcpy(p.seal, digest_a, DIGEST_LEN);
	p.row_version = 1;
	return (p);
}

static struct lockout_record
lockout(void)
{
	struct lockout_record	 l = { 0 };

	strlcpy(l.name, "no such, \xff name", sizeof(l.name));
	l.failures = 6;
	l.first = 1700000000;
	l.until = 1700000900;
	l.row_version = 2;
	return (l);
}

static struct ask
ask(void)
{
	struct ask	 a = { 0 };

	a.op = OP_KEY_REGISTER;
	uuid_make(&a.id);
	strlcpy(a.name, "a_user", sizeof(a.name));
	a.permissions = PERM_KEYS_CREATE;
	a.has_password = 1;
	a.algorithm = ALG_RSA;
	a.length = 3072;
	a.curve = CURVE_NONE;
	a.flags = KEY_ATTESTED_ONLY;
	uuid_make(&a.policy);
	strlcpy(a.keystore, "other", sizeof(a.keystore));
	strlcpy(a.backend, "17", sizeof(a.backend));
	a.has_material = 1;
	memcpy(a.material, digest_b, DIGEST_LEN);
	a.filter = FILTER_NAME | FILTER_POLICY;
	a.limit = 100;
	uuid_make(&a.after);
	a.text = "{}";
	a.textlen = 2;
	a.pubkey = (const uint8_t *)"\x30\x00";
	a.pubkeylen = 2;
	return (a);
}

static struct evidence
evidence(void)
{
	struct evidence	 e = { 0 };

#define PART(name, text)	do {					\
	e.name = (const uint8_t *)(text);				\
	e.name ## len = strlen(text);					\
} while (0)
	PART(token, "a.b.c");
	PART(quote, "quote");
	PART(user_data, "held");
	PART(event_log, "log");
	PART(nvgpu, "{\"arch\":\"HOPPER\"}");
	PART(nonce_val, "value");
	PART(nonce_iat, "time");
	PART(nonce_sig, "signature");
#undef PART
	e.tees = TEE_TDX | TEE_NVGPU;
	e.has_nonce = 1;
	return (e);
}

/* One of each kind, behind a common signature. */
static void
write_record(int kind, struct wbuf *wb)
{
	struct key_record	 k = key();
	struct user_record	 u = user();
	struct policy_record	 p = policy();
	struct lockout_record	 l = lockout();
	struct request_name	 n = { 7, 8 };
	struct ask		 a = ask();
	struct evidence		 e = evidence();

	switch (kind) {
	case 0:
		wb_key_record(wb, &k);
		break;
	case 1:
		wb_user_record(wb, &u);
		break;
	case 2:
		wb_policy_record(wb, &p);
		break;
	case 3:
		wb_lockout_record(wb, &l);
		break;
	case 4:
		wb_name(wb, &n);
		break;
	case 5:
		wb_ask(wb, &a);
		break;
	case 6:
		wb_evidence(wb, &e);
		break;
	}
	ATF_REQUIRE_EQ(0, wb->failed);
}

/* Reads, writes what was read into again (may be NULL), tells rb_end(). */
static int
read_record(int kind, const void *data, size_t len, struct wbuf *again)
{
	struct key_record	 k;
	struct user_record	 u;
	struct policy_record	 p;
	struct lockout_record	 l;
	struct request_name	 n;
	struct ask		 a;
	struct evidence		 e;
	struct wbuf		 none = { 0 };
	struct rbuf		 rb;

	if (again == NULL)
		again = &none;
	rb_init(&rb, data, len);
	switch (kind) {
	case 0:
		rb_key_record(&rb, &k);
		wb_key_record(again, &k);
		break;
	case 1:
		rb_user_record(&rb, &u);
		wb_user_record(again, &u);
		break;
	case 2:
		rb_policy_record(&rb, &p);
		wb_policy_record(again, &p);
		break;
	case 3:
		rb_lockout_record(&rb, &l);
		wb_lockout_record(again, &l);
		break;
	case 4:
		rb_name(&rb, &n);
		wb_name(again, &n);
		break;
	case 5:
		rb_ask(&rb, &a);
		wb_ask(again, &a);
		break;
	case 6:
		rb_evidence(&rb, &e);
		wb_evidence(again, &e);
		break;
	}
	wb_free(&none);
	return (rb_end(&rb));
}

#define NKINDS	7

ATF_TC_WITHOUT_HEAD(round_trip);
ATF_TC_BODY(round_trip, tc)
{
	struct wbuf	 again, wb;
	int		 i;

	for (i = 0; i < NKINDS; i++) {
		memset(&wb, 0, sizeof(wb));
		memset(&again, 0, sizeof(again));
		write_record(i, &wb);
		ATF_CHECK_EQ_MSG(0, read_record(i, wb.data, wb.len, &again),
		    "kind %d", i);
		ATF_REQUIRE_EQ(wb.len, again.len);
		ATF_CHECK_EQ(0, memcmp(wb.data, again.data, wb.len));
		wb_free(&wb);
		wb_free(&again);
	}
}

/* Copies of the exact size, so that ASan sees a step too far. */
ATF_TC_WITHOUT_HEAD(truncated);
ATF_TC_BODY(truncated, tc)
{
	struct wbuf	 wb;
	uint8_t		*copy;
	size_t		 len;
	int		 i;

	for (i = 0; i < NKINDS; i++) {
		memset(&wb, 0, sizeof(wb));
		write_record(i, &wb);
		for (len = 0; len <= wb.len + 1; len++) {
			if (len == wb.len)
				continue;
			ATF_REQUIRE((copy = calloc(1, len + 1)) != NULL);
			memcpy(copy, wb.data, len < wb.len ? len : wb.len);
			ATF_CHECK_EQ_MSG(-1, read_record(i, copy, len, NULL),
			    "kind %d, %zu of %zu bytes", i, len, wb.len);
			free(copy);
		}
		wb_free(&wb);
	}
}

/* Any byte may be wrong; what is read then must be what is written. */
ATF_TC_WITHOUT_HEAD(flipped);
ATF_TC_BODY(flipped, tc)
{
	struct wbuf	 again, wb;
	size_t		 at;
	int		 bit, i;

	for (i = 0; i < NKINDS; i++) {
		memset(&wb, 0, sizeof(wb));
		write_record(i, &wb);
		for (at = 0; at < wb.len; at++) {
			for (bit = 1; bit < 256; bit <<= 1) {
				memset(&again, 0, sizeof(again));
				wb.data[at] ^= bit;
				if (read_record(i, wb.data, wb.len,
				    &again) == 0) {
					ATF_REQUIRE_EQ(wb.len, again.len);
					ATF_REQUIRE_EQ(0, memcmp(wb.data,
					    again.data, wb.len));
				}
				wb.data[at] ^= bit;
				wb_free(&again);
			}
		}
		wb_free(&wb);
	}
}

static int
key_taken(const struct key_record *k)
{
	struct key_record	 got;
	struct wbuf		 wb = { 0 };
	struct rbuf		 rb;
	int			 rc;

	wb_key_record(&wb, k);
	rb_init(&rb, wb.data, wb.len);
	rb_key_record(&rb, &got);
	rc = rb_end(&rb);
	wb_free(&wb);
	return (rc == 0);
}

ATF_TC_WITHOUT_HEAD(key_ranges);
ATF_TC_BODY(key_ranges, tc)
{
	struct key_record	 k = key();

	ATF_CHECK(key_taken(&k));
	k.curve = CURVE_P256;
	ATF_CHECK(!key_taken(&k));
	k.length = 256;
	ATF_CHECK(key_taken(&k));
	k.curve = CURVE_NONE;
	ATF_CHECK(!key_taken(&k));
	k.algorithm = ALG_AES;
	ATF_CHECK(key_taken(&k));
	k.curve = CURVE_P256;
	ATF_CHECK(!key_taken(&k));
	k.curve = CURVE_NONE;
	k.length = 512;
	ATF_CHECK(!key_taken(&k));
	k.length = 2048;
	ATF_CHECK(!key_taken(&k));
	k.algorithm = ALG_RSA;
	ATF_CHECK(key_taken(&k));
	k.algorithm = ALG_NONE;
	ATF_CHECK(!key_taken(&k));
	k.algorithm = ALG_MAX;
	ATF_CHECK(!key_taken(&k));
	k = key();
	k.flags = 0x02;
	ATF_CHECK(!key_taken(&k));
	k = key();
	k.state = KEY_STATE_MAX;
	ATF_CHECK(!key_taken(&k));
	k = key();
	k.created = -1;
	ATF_CHECK(!key_taken(&k));
	k.created = 253402300800;
	ATF_CHECK(!key_taken(&k));
}

/* Which bytes the seals cover is a promise to databases that exist. */
ATF_TC_WITHOUT_HEAD(sealed);
ATF_TC_BODY(sealed, tc)
{
	struct key_record	 k = key();
	struct user_record	 u = user();
	struct wbuf		 a = { 0 }, b = { 0 };

	key_record_sealed(&a, &k);
	ATF_CHECK_EQ(16 + 4 + 4 + 4 + 4 + 17 + 1 + 2 + 1 + 1 + 8 + 16 + 32,
	    a.len);
	k.state = KEY_ACTIVE;
	k.created++;
	k.row_version++;
	memset(k.seal, 0, sizeof(k.seal));
	key_record_sealed(&b, &k);
	ATF_CHECK(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	wb_free(&b);
	k.flags = 0;
	key_record_sealed(&b, &k);
	ATF_CHECK(memcmp(a.data, b.data, a.len) != 0);
	wb_free(&a);
	wb_free(&b);
	user_record_sealed(&a, &u);
	u.hashlen = 0;
	u.row_version++;
	user_record_sealed(&b, &u);
	ATF_CHECK(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	ATF_CHECK_EQ(16 + 4 + 16 + 4 + 4 + 8 + 8, a.len);
	wb_free(&a);
	wb_free(&b);
}

static int
ask_taken(const struct ask *a)
{
	struct ask	 got;
	struct wbuf	 wb = { 0 };
	struct rbuf	 rb;
	int		 rc;

	wb_ask(&wb, a);
	rb_init(&rb, wb.data, wb.len);
	rb_ask(&rb, &got);
	rc = rb_end(&rb);
	wb_free(&wb);
	return (rc == 0);
}

ATF_TC_WITHOUT_HEAD(ask_ranges);
ATF_TC_BODY(ask_ranges, tc)
{
	static char	 big[POLICY_TEXT_MAX + 1];
	struct ask	 a = ask();
	unsigned int	 op;

	/* what needs no permission is no request */
	for (op = 0; op <= OP_MAX; op++) {
		a.op = (uint8_t)op;
		ATF_CHECK_EQ_MSG(op != OP_NONE && op != OP_TRANSFER &&
		    op != OP_LOGIN && op != OP_TEST && op != OP_MAX,
		    ask_taken(&a), "%u", op);
	}
	a = ask();
	a.permissions = PERM_ALL + 1;
	ATF_CHECK(!ask_taken(&a));
	a = ask();
	a.has_password = 2;
	ATF_CHECK(!ask_taken(&a));
	a = ask();
	a.flags = 0x80;
	ATF_CHECK(!ask_taken(&a));
	a = ask();
	a.name[0] = '\0';
	ATF_CHECK(ask_taken(&a));
	strlcpy(a.name, "a name", sizeof(a.name));
	ATF_CHECK(!ask_taken(&a));
	a = ask();
	a.textlen = 0;
	a.pubkeylen = 0;
	ATF_CHECK(ask_taken(&a));
	memset(big, ' ', sizeof(big));
	a.text = big;
	a.textlen = sizeof(big) - 1;
	ATF_CHECK(ask_taken(&a));
	a.textlen++;
	ATF_CHECK(!ask_taken(&a));
	a.text = "a\0b";
	a.textlen = 3;
	ATF_CHECK(!ask_taken(&a));
}

static int
evidence_taken(const struct evidence *e)
{
	struct evidence	 got;
	struct wbuf	 wb = { 0 };
	struct rbuf	 rb;
	int		 rc;

	wb_evidence(&wb, e);
	rb_init(&rb, wb.data, wb.len);
	rb_evidence(&rb, &got);
	rc = rb_end(&rb);
	wb_free(&wb);
	return (rc == 0);
}

ATF_TC_WITHOUT_HEAD(evidence_ranges);
ATF_TC_BODY(evidence_ranges, tc)
{
	static uint8_t	 big[EVIDENCE_MAX + 1];
	struct evidence	 e = evidence(), none = { 0 };

	ATF_CHECK(evidence_taken(&e));
	ATF_CHECK(evidence_taken(&none));
	e.has_nonce = 0;
	ATF_CHECK(!evidence_taken(&e));
	none.has_nonce = 1;
	ATF_CHECK(!evidence_taken(&none));
	none.nonce_val = big;
	none.nonce_vallen = NONCE_PART_MAX;
	ATF_CHECK(evidence_taken(&none));
	none.nonce_vallen++;
	ATF_CHECK(!evidence_taken(&none));
	e = evidence();
	e.tees = TEE_ALL + 1;
	ATF_CHECK(!evidence_taken(&e));
	e = evidence();
	e.quote = big;
	e.quotelen = EVIDENCE_MAX;
	ATF_CHECK(evidence_taken(&e));
	e.quotelen++;
	ATF_CHECK(!evidence_taken(&e));
	e = evidence();
	e.token = big;
	e.tokenlen = TOKEN_TEXT_MAX + 1;
	ATF_CHECK(!evidence_taken(&e));
}

ATF_TC_WITHOUT_HEAD(user_ranges);
ATF_TC_BODY(user_ranges, tc)
{
	struct user_record	 got, u = user();
	struct wbuf		 wb = { 0 };
	struct rbuf		 rb;

	u.permissions = PERM_ALL + 1;
	wb_user_record(&wb, &u);
	rb_init(&rb, wb.data, wb.len);
	rb_user_record(&rb, &got);
	ATF_CHECK_EQ(-1, rb_end(&rb));
	wb_free(&wb);
	u = user();
	u.name[0] = '\0';
	wb_user_record(&wb, &u);
	rb_init(&rb, wb.data, wb.len);
	rb_user_record(&rb, &got);
	ATF_CHECK_EQ(-1, rb_end(&rb));
	wb_free(&wb);
}

ATF_TC_WITHOUT_HEAD(words);
ATF_TC_BODY(words, tc)
{
	struct request_name	 a = { 1, 2 }, b = { 1, 3 }, c = { 2, 0 };
	char			 long_name[NAME_MAX_USER + 1];
	char			 text[REQUEST_ID_TEXT];
	unsigned int		 i;

	ATF_CHECK_STREQ("00000001-0000000000000002", name_format(&a, text));
	a.front = UINT32_MAX;
	a.number = UINT64_MAX;
	ATF_CHECK_STREQ("ffffffff-ffffffffffffffff", name_format(&a, text));
	a.front = 1;
	a.number = 2;
	ATF_CHECK(name_cmp(&a, &b) < 0 && name_cmp(&b, &a) > 0);
	ATF_CHECK(name_cmp(&b, &c) < 0 && name_cmp(&c, &b) > 0);
	ATF_CHECK_EQ(0, name_cmp(&a, &a));
	for (i = 0; permission_name(i) != NULL; i++)
		ATF_CHECK_EQ(1u << i, permission_parse(permission_name(i)));
	ATF_CHECK_EQ(12, i);
	ATF_CHECK_EQ(PERM_POLICIES_DELETE,
	    permission_parse("key-transfer-policies:delete"));
	ATF_CHECK_EQ(PERM_POLICIES_CREATE,
	    permission_parse("key_transfer_policies:create"));
	ATF_CHECK_EQ(0, permission_parse(""));
	ATF_CHECK_EQ(0, permission_parse("keys:Create"));
	ATF_CHECK_EQ(0, permission_parse("key-transfer_policies:create"));
	ATF_CHECK_STREQ("key create", operation_name(OP_KEY_CREATE));
	ATF_CHECK_STREQ("user delete", operation_name(OP_USER_DELETE));
	ATF_CHECK_STREQ("login", operation_name(OP_LOGIN));
	ATF_CHECK_STREQ("unknown", operation_name(OP_MAX));
	ATF_CHECK_EQ(PERM_KEYS_UPDATE, permission_needed(OP_KEY_MOVE));
	ATF_CHECK_EQ(PERM_KEYS_TRANSFER, permission_needed(OP_KEY_RELEASE));
	ATF_CHECK_EQ(PERM_USERS_DELETE, permission_needed(OP_USER_DELETE));
	ATF_CHECK_EQ(0, permission_needed(OP_MAX));
	ATF_CHECK_EQ(ALG_AES, algorithm_parse("aes"));
	ATF_CHECK_EQ(ALG_EC, algorithm_parse("Ec"));
	ATF_CHECK_EQ(ALG_NONE, algorithm_parse(""));
	ATF_CHECK_EQ(ALG_NONE, algorithm_parse("DES"));
	ATF_CHECK_EQ(CURVE_P256, curve_parse("prime256v1"));
	ATF_CHECK_STREQ("secp256r1", curve_name(CURVE_P256));
	ATF_CHECK_EQ(CURVE_P521, curve_parse("secp521r1"));
	ATF_CHECK_EQ(CURVE_NONE, curve_parse(""));
	ATF_CHECK(key_length_valid(ALG_RSA, 7680));
	ATF_CHECK(!key_length_valid(ALG_RSA, 1024));
	ATF_CHECK(!key_length_valid(ALG_NONE, 0));
	ATF_CHECK(user_name_valid("a.b_c-D9@x", 10));
	ATF_CHECK(!user_name_valid("", 0));
	ATF_CHECK(!user_name_valid("a@b@c", 5));
	ATF_CHECK(!user_name_valid("admin ", 6));
	ATF_CHECK(!user_name_valid("adm\0in", 6));
	ATF_CHECK(!user_name_valid("\xc3\xa4", 2));
	memset(long_name, 'x', sizeof(long_name));
	ATF_CHECK(user_name_valid(long_name, NAME_MAX_USER - 1));
	ATF_CHECK(!user_name_valid(long_name, NAME_MAX_USER));
}

/* A message without a name would be a hole in every trace. */
ATF_TC_WITHOUT_HEAD(message_names);
ATF_TC_BODY(message_names, tc)
{
	uint32_t	 i, j;

	for (i = 1; i < IMSG_MAX; i++) {
		if (i > IMSG_PARENT_WORKED && i < IMSG_KBSD_FIRST)
			continue;
		ATF_CHECK_MSG(strcmp(imsg_name(i), "unknown") != 0,
		    "type %u has no name", i);
		for (j = 1; j < i; j++)
			ATF_CHECK_MSG(strcmp(imsg_name(j), "unknown") == 0 ||
			    strcmp(imsg_name(i), imsg_name(j)) != 0,
			    "%u and %u", i, j);
	}
	ATF_CHECK_STREQ("BROKER_TRANSFER", imsg_name(IMSG_BROKER_TRANSFER));
	ATF_CHECK_STREQ("PROCESS_START", imsg_name(IMSG_PROCESS_START));
	ATF_CHECK_STREQ("unknown", imsg_name(0));
	ATF_CHECK_STREQ("unknown", imsg_name(IMSG_KBSD_FIRST - 1));
	ATF_CHECK_STREQ("unknown", imsg_name(IMSG_MAX));
	ATF_CHECK_STREQ("unknown", imsg_name(UINT32_MAX));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, round_trip);
	ATF_TP_ADD_TC(tp, truncated);
	ATF_TP_ADD_TC(tp, flipped);
	ATF_TP_ADD_TC(tp, key_ranges);
	ATF_TP_ADD_TC(tp, sealed);
	ATF_TP_ADD_TC(tp, ask_ranges);
	ATF_TP_ADD_TC(tp, evidence_ranges);
	ATF_TP_ADD_TC(tp, user_ranges);
	ATF_TP_ADD_TC(tp, words);
	ATF_TP_ADD_TC(tp, message_names);
	return (atf_no_error());
}

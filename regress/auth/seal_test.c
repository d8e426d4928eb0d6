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

/* Seals: each field that is changed is noticed. */
#include <atf-c.h>
#include <stdint.h>
#include <string.h>

#include "auth.h"

#define HASH	"$2a$10$abcdefghijklmnopqrstuuVyDCNjF6nGGzuxSSpYiuAeDbgxBbQNq"

static struct user_record
a_user(void)
{
	struct user_record	 user = { 0 };
	static const uint8_t	 key[DIGEST_LEN] = "a key of 32 bytes";

	seal_init(key, sizeof(key));
	uuid_make(&user.id);
	strlcpy(user.name, "alice", sizeof(user.name));
	user.permissions = PERM_KEYS_SEARCH;
	user.generation = 7;
	user.created = 1700000000;
	user.updated = 1700000001;
	user.row_version = 3;
	ATF_REQUIRE(seal_user(&user, HASH) == 0);
	return (user);
}

ATF_TC_WITHOUT_HEAD(user_opens);
ATF_TC_BODY(user_opens, tc)
{
	struct user_record	 user = a_user(), again;
	char			 hash[HASH_TEXT];

	ATF_REQUIRE(seal_user_open(&user, hash) == 0);
	ATF_CHECK_STREQ(HASH, hash);
	ATF_CHECK(memmem(user.hash, user.hashlen, HASH, 8) == NULL);
	/* the version is the store's */
	user.row_version = 99;
	ATF_CHECK(seal_user_check(&user) == 0);
	/* no nonce twice */
	again = user;
	ATF_REQUIRE(seal_user(&again, HASH) == 0);
	ATF_CHECK(memcmp(again.hash, user.hash, HASH_NONCE) != 0);
	ATF_CHECK(seal_user(&again, "") == -1);
}

ATF_TC_WITHOUT_HEAD(user_changed);
ATF_TC_BODY(user_changed, tc)
{
	const struct user_record	 good = a_user();
	struct user_record		 bad;
	char				 hash[HASH_TEXT];
	int				 i;

#define CHANGED(what) do {						\
	bad = good;							\
	what;								\
	ATF_CHECK_MSG(seal_user_open(&bad, hash) == -1, "%s", #what);	\
} while (0)
	CHANGED(bad.id.b[0] ^= 1);
	CHANGED(bad.id.b[15] ^= 1);
	CHANGED(bad.name[0] = 'A');
	CHANGED(strlcpy(bad.name, "alicf", sizeof(bad.name)));
	CHANGED(strlcpy(bad.name, "alice2", sizeof(bad.name)));
	CHANGED(bad.permissions = PERM_ALL);
	CHANGED(bad.generation--);
	CHANGED(bad.created++);
	CHANGED(bad.updated++);
	CHANGED(bad.hashlen--);
	CHANGED(bad.hashlen++);
	CHANGED(bad.hashlen = 0);
	CHANGED(bad.hashlen = HASH_NONCE + HASH_TAG);
	CHANGED(bad.hashlen = USER_HASH_MAX);
	for (i = 0; i < good.hashlen; i++)
		CHANGED(bad.hash[i] ^= 0x80);
}

ATF_TC_WITHOUT_HEAD(user_other_key);
ATF_TC_BODY(user_other_key, tc)
{
	struct user_record	 user = a_user();
	static const uint8_t	 key[DIGEST_LEN] = "another key";

	seal_init(key, sizeof(key));
	ATF_CHECK(seal_user_check(&user) == -1);
}

ATF_TC_WITHOUT_HEAD(policy);
ATF_TC_BODY(policy, tc)
{
	static const char	 text[] = "{\"attestation_type\":\"SGX\"}";
	struct policy_record	 good = { .created = 1700000000 }, bad;

	(void)a_user();
	uuid_make(&good.id);
	good.text = text;
	good.textlen = strlen(text);
	seal_policy(&good);
	ATF_CHECK(seal_policy_check(&good) == 0);
	good.row_version = 5;
	ATF_CHECK(seal_policy_check(&good) == 0);
#define BAD(what) do {							\
	bad = good;							\
	what;								\
	ATF_CHECK_MSG(seal_policy_check(&bad) == -1, "%s", #what);	\
} while (0)
	BAD(bad.id.b[3] ^= 1);
	BAD(bad.created++);
	BAD(bad.textlen--);
	BAD(bad.text = "{\"attestation_type\":\"TDX\"}");
	BAD(bad.seal[0] ^= 1);
	BAD(bad.seal[31] ^= 1);
	BAD(memset(bad.seal, 0, sizeof(bad.seal)));
}

ATF_TC_WITHOUT_HEAD(intent);
ATF_TC_BODY(intent, tc)
{
	struct intent	 in = { .op = OP_KEY_MOVE }, out;
	struct wbuf	 w = { 0 };
	size_t		 i;

	(void)a_user();
	uuid_make(&in.key);
	uuid_make(&in.policy);
	memset(in.policy_digest, 0x5a, DIGEST_LEN);
	memset(in.seal, 0xa5, DIGEST_LEN);
	/* whatever stands before it is not sealed */
	wb_u8(&w, 1);
	seal_intent(&w, &in);
	ATF_REQUIRE(!w.failed);
	ATF_REQUIRE(seal_intent_open(&out, w.data + 1, w.len - 1) == 0);
	ATF_CHECK_EQ(OP_KEY_MOVE, out.op);
	ATF_CHECK(uuid_cmp(&in.key, &out.key) == 0);
	ATF_CHECK(uuid_cmp(&in.policy, &out.policy) == 0);
	ATF_CHECK(memcmp(in.policy_digest, out.policy_digest,
	    DIGEST_LEN) == 0);
	ATF_CHECK(memcmp(in.seal, out.seal, DIGEST_LEN) == 0);
	for (i = 1; i < w.len; i++) {
		w.data[i] ^= 1;
		ATF_CHECK(seal_intent_open(&out, w.data + 1,
		    w.len - 1) == -1);
		w.data[i] ^= 1;
	}
	for (i = 0; i < w.len - 1; i++)
		ATF_CHECK(seal_intent_open(&out, w.data + 1, i) == -1);
	wb_u8(&w, 0);
	ATF_CHECK(seal_intent_open(&out, w.data + 1, w.len - 1) == -1);
	wb_free(&w);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, user_opens);
	ATF_TP_ADD_TC(tp, user_changed);
	ATF_TP_ADD_TC(tp, user_other_key);
	ATF_TP_ADD_TC(tp, policy);
	ATF_TP_ADD_TC(tp, intent);
	return (atf_no_error());
}

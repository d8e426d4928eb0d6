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

/* What is asked for, checked; and which permission each operation needs. */
#include <atf-c.h>
#include <stdint.h>
#include <string.h>

#include "auth.h"

ATF_TC_WITHOUT_HEAD(permissions);
ATF_TC_BODY(permissions, tc)
{
	static const uint32_t	 want[OP_MAX] = {
		[OP_KEY_RELEASE] = PERM_KEYS_TRANSFER,
		[OP_KEY_CREATE] = PERM_KEYS_CREATE,
		[OP_KEY_REGISTER] = PERM_KEYS_CREATE,
		[OP_KEY_FIND] = PERM_KEYS_SEARCH,
		[OP_KEY_SEARCH] = PERM_KEYS_SEARCH,
		[OP_KEY_MOVE] = PERM_KEYS_UPDATE,
		[OP_KEY_DELETE] = PERM_KEYS_DELETE,
		[OP_KEY_FORGET] = PERM_KEYS_DELETE,
		[OP_KEY_ROTATE] = PERM_LOCAL,
		[OP_KEY_BACKUP] = PERM_LOCAL,
		[OP_USER_BACKUP] = PERM_LOCAL,
		[OP_POLICY_CREATE] = PERM_POLICIES_CREATE,
		[OP_POLICY_FIND] = PERM_POLICIES_SEARCH,
		[OP_POLICY_SEARCH] = PERM_POLICIES_SEARCH,
		[OP_POLICY_DELETE] = PERM_POLICIES_DELETE,
		[OP_USER_CREATE] = PERM_USERS_CREATE,
		[OP_USER_FIND] = PERM_USERS_SEARCH,
		[OP_USER_SEARCH] = PERM_USERS_SEARCH,
		[OP_USER_UPDATE] = PERM_USERS_UPDATE,
		[OP_USER_DELETE] = PERM_USERS_DELETE,
		[OP_USER_UNLOCK] = PERM_USERS_UPDATE,
	};
	unsigned int	 op;

	for (op = 0; op < OP_MAX; op++)
		ATF_CHECK_EQ_MSG(want[op], permission_needed(op), "%s",
		    operation_name(op));
}

ATF_TC_WITHOUT_HEAD(keys);
ATF_TC_BODY(keys, tc)
{
	static const struct {
		int		 op, algorithm, length, curve;
		const char	*backend;
		int		 material, ok;
	} rows[] = {
		{ OP_KEY_CREATE, ALG_AES, 256, 0, "", 0, 1 },
		{ OP_KEY_CREATE, ALG_AES, 512, 0, "", 0, 0 },
		{ OP_KEY_CREATE, ALG_AES, 256, CURVE_P256, "", 0, 0 },
		{ OP_KEY_CREATE, ALG_NONE, 256, 0, "", 0, 0 },
		{ OP_KEY_CREATE, ALG_MAX, 256, 0, "", 0, 0 },
		{ OP_KEY_CREATE, ALG_RSA, 3072, 0, "", 0, 1 },
		{ OP_KEY_CREATE, ALG_RSA, 1024, 0, "", 0, 0 },
		{ OP_KEY_CREATE, ALG_EC, 256, CURVE_P256, "", 0, 1 },
		{ OP_KEY_CREATE, ALG_EC, 384, CURVE_P256, "", 0, 0 },
		{ OP_KEY_CREATE, ALG_EC, 384, CURVE_P384, "", 0, 1 },
		{ OP_KEY_CREATE, ALG_EC, 521, CURVE_P521, "", 0, 1 },
		{ OP_KEY_CREATE, ALG_EC, 256, CURVE_NONE, "", 0, 0 },
		{ OP_KEY_CREATE, ALG_EC, 256, CURVE_MAX, "", 0, 0 },
		{ OP_KEY_CREATE, ALG_AES, 256, 0, "17", 0, 0 },
		{ OP_KEY_CREATE, ALG_AES, 256, 0, "", 1, 0 },
		{ OP_KEY_REGISTER, ALG_AES, 256, 0, "", 1, 1 },
		{ OP_KEY_REGISTER, ALG_AES, 256, 0, "17", 0, 1 },
		{ OP_KEY_REGISTER, ALG_AES, 256, 0, "17", 1, 0 },
		{ OP_KEY_REGISTER, ALG_AES, 256, 0, "", 0, 0 },
	};
	struct ask	 ask;
	size_t		 i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&ask, 0, sizeof(ask));
		ask.op = (uint8_t)rows[i].op;
		ask.algorithm = (uint8_t)rows[i].algorithm;
		ask.length = (uint16_t)rows[i].length;
		ask.curve = (uint8_t)rows[i].curve;
		strlcpy(ask.backend, rows[i].backend, sizeof(ask.backend));
		ask.has_material = (uint8_t)rows[i].material;
		ATF_CHECK_EQ_MSG(rows[i].ok, make_key_wrong(&ask) == NULL,
		    "row %zu", i);
	}
}

ATF_TC_WITHOUT_HEAD(user_change);
ATF_TC_BODY(user_change, tc)
{
	struct user_record	 user = { .name = "alice", .permissions = 1 };
	struct ask		 ask = { 0 };

	ATF_CHECK_EQ(0, make_user_change(&user, &ask, 0));
	ask.permissions = 1;
	strlcpy(ask.name, "alice", sizeof(ask.name));
	ATF_CHECK_EQ(0, make_user_change(&user, &ask, 0));
	ATF_CHECK_EQ(1, make_user_change(&user, &ask, 1));
	strlcpy(ask.name, "bob", sizeof(ask.name));
	ATF_CHECK_EQ(1, make_user_change(&user, &ask, 0));
	ATF_CHECK_STREQ("bob", user.name);
	ask.permissions = PERM_ALL;
	ATF_CHECK_EQ(1, make_user_change(&user, &ask, 0));
	ATF_CHECK_EQ(PERM_ALL, user.permissions);
}

ATF_TC_WITHOUT_HEAD(passwords);
ATF_TC_BODY(passwords, tc)
{
	char	 text[100];

	memset(text, 'x', sizeof(text));
	ATF_CHECK(!password_valid(text, 0));
	ATF_CHECK(!password_valid(text, 8));
	ATF_CHECK(password_valid(text, 9));
	ATF_CHECK(password_valid(text, 71));
	ATF_CHECK(!password_valid(text, 72));
	text[20] = '\0';
	ATF_CHECK(!password_valid(text, 30));
}

static uint32_t	 rate, burst;	/* of a user */

static int
conf_with(const char *administrator, uint32_t attempts, uint32_t stores,
    int extra)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	uint32_t	 i;
	int		 ret;

	wb_u32(&w, 300);
	wb_u32(&w, attempts);
	wb_u32(&w, 300);
	wb_u32(&w, 900);
	wb_str(&w, administrator);
	wb_u32(&w, 2);
	wb_u32(&w, rate);
	wb_u32(&w, burst);
	wb_u32(&w, stores);
	for (i = 0; i < stores; i++)
		wb_str(&w, i == 0 ? "main" : "other");
	wb_u32(&w, 0);
	if (extra)
		wb_u8(&w, 0);
	rb_init(&r, w.data, w.len);
	ret = conf_read(&r);
	wb_free(&w);
	return (ret);
}

ATF_TC_WITHOUT_HEAD(configuration);
ATF_TC_BODY(configuration, tc)
{
	ATF_CHECK_EQ(-1, conf_with("ad min", 5, 1, 0));
	ATF_CHECK_EQ(-1, conf_with("admin", 0, 1, 0));
	ATF_CHECK_EQ(-1, conf_with("admin", 5, 0, 0));
	ATF_CHECK_EQ(-1, conf_with("admin", 5, 1, 1));
	ATF_CHECK_EQ(0, conf_with("", 5, 1, 0));
	/* one without the other makes no sense */
	rate = 5;
	ATF_CHECK_EQ(-1, conf_with("admin", 5, 1, 0));
	burst = 1000001;
	ATF_CHECK_EQ(-1, conf_with("admin", 5, 1, 0));
	burst = 10;
	ATF_REQUIRE_EQ(0, conf_with("admin", 5, 2, 0));
	ATF_CHECK_STREQ("main", conf_keystore(""));
	ATF_CHECK_STREQ("main", conf_keystore("main"));
	ATF_CHECK_STREQ("other", conf_keystore("other"));
	ATF_CHECK(conf_keystore("third") == NULL);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, permissions);
	ATF_TP_ADD_TC(tp, keys);
	ATF_TP_ADD_TC(tp, user_change);
	ATF_TP_ADD_TC(tp, passwords);
	ATF_TP_ADD_TC(tp, configuration);
	return (atf_no_error());
}

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

/* bcrypt as crypt(3) does it, and how the hasher uses it. */
#include <atf-c.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "auth.h"

/* Of crypt_blowfish's published test vectors, and of a long password. */
static const struct {
	const char	*password;
	const char	*hash;
} vectors[] = {
	{ "U*U",
	  "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" },
	{ "U*U*",
	  "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK" },
	{ "U*U*U",
	  "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a" },
	{ "",
	  "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy" },
	{ "U*U",
	  "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" },
	{ "0123456789abcdefghijklmnopqrstuvwxyz"
	  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
	  "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui" },
};

ATF_TC_WITHOUT_HEAD(known);
ATF_TC_BODY(known, tc)
{
	char	 hash[BCRYPT_LEN + 1];
	size_t	 i;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		ATF_REQUIRE(hasher_bcrypt(vectors[i].password,
		    vectors[i].hash, hash) == 0);
		ATF_CHECK_STREQ(vectors[i].hash, hash);
		ATF_CHECK_EQ(1, hasher_compare(vectors[i].password,
		    vectors[i].hash, 4));
		ATF_CHECK_EQ(0, hasher_compare("U*V", vectors[i].hash, 4));
	}
}

ATF_TC_WITHOUT_HEAD(settings);
ATF_TC_BODY(settings, tc)
{
	char	 a[BCRYPT_LEN + 1], b[BCRYPT_LEN + 1], hash[BCRYPT_LEN + 1];

	ATF_REQUIRE(hasher_setting(a, 10) == 0);
	ATF_CHECK(strncmp(a, "$2a$10$", 7) == 0);
	ATF_CHECK_EQ(29, strlen(a));
	/* only two bits are left for the last */
	ATF_CHECK(strchr(".Oeu", a[28]) != NULL);
	ATF_REQUIRE(hasher_setting(a, 4) == 0 && hasher_setting(b, 4) == 0);
	ATF_CHECK(strcmp(a, b) != 0);
	ATF_REQUIRE(hasher_bcrypt("correct horse", a, hash) == 0);
	ATF_CHECK(strncmp(hash, a, 28) == 0);
	ATF_CHECK_EQ(1, hasher_compare("correct horse", hash, 4));
	ATF_CHECK_EQ(0, hasher_compare("correct horsf", hash, 4));
	ATF_CHECK_EQ(0, hasher_compare("correct hors", hash, 4));
}

/* What is no bcrypt hash of ours is nobody's password. */
ATF_TC_WITHOUT_HEAD(broken);
ATF_TC_BODY(broken, tc)
{
	static const char *const	 bad[] = {
		"", "*0", "*1", "x", "$2a$05$", "$1$salt$hash",
		"$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$a5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWW",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC:E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
	};
	char	 hash[BCRYPT_LEN + 1];
	size_t	 i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ(0, hasher_compare("U*U", bad[i], 4));
	ATF_CHECK_EQ(-1, hasher_bcrypt("U*U", "*0", hash));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, known);
	ATF_TP_ADD_TC(tp, settings);
	ATF_TP_ADD_TC(tp, broken);
	return (atf_no_error());
}

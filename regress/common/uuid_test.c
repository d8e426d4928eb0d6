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

/* Version 4 UUIDs. */
#include <atf-c.h>
#include <string.h>

#include "uuid.h"

#define GOOD	"01234567-89ab-4def-8123-456789abcdef"

ATF_TC_WITHOUT_HEAD(parse);
ATF_TC_BODY(parse, tc)
{
	static const struct uuid	 want = { {
		0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x4d, 0xef,
		0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef
	} };
	struct uuid			 u;
	char				 text[UUID_TEXT];

	ATF_REQUIRE_EQ(0, uuid_parse(&u, GOOD, 36));
	ATF_CHECK_EQ(0, uuid_cmp(&u, &want));
	ATF_CHECK(uuid_format(&u, text) == text);
	ATF_CHECK_STREQ(GOOD, text);
	ATF_CHECK_EQ(0, uuid_parse(&u,
	    "01234567-89AB-4DEF-8123-456789abcDEF", 36));
	ATF_CHECK_EQ(0, uuid_cmp(&u, &want));
	/* only len characters are looked at */
	ATF_CHECK_EQ(0, uuid_parse(&u, GOOD "/transfer", 36));
}

static const char *bad[] = {
	"",
	"01234567-89ab-4def-8123-456789abcde",
	"01234567-89ab-4def-8123-456789abcdeff",
	"0123456789ab4def8123456789abcdef",
	"{1234567-89ab-4def-8123-456789abcde}",
	"01234567-89ab-1def-8123-456789abcdef",	/* version 1 */
	"01234567-89ab-7def-8123-456789abcdef",
	"01234567-89ab-4def-0123-456789abcdef",	/* NCS variant */
	"01234567-89ab-4def-c123-456789abcdef",	/* Microsoft's */
	"01234567-89ab-4def-8123-456789abcdeg",
	"01234567_89ab-4def-8123-456789abcdef",
	"0123456-789ab-4def-8123-456789abcdef",
	"01234567-89ab-4def-8123-456789abcd\nf",
	"00000000-0000-0000-0000-000000000000",
	"ffffffff-ffff-ffff-ffff-ffffffffffff",
	"../../../../../../../../../etc/passwd",
	" 1234567-89ab-4def-8123-456789abcdef",
	"0x234567-89ab-4def-8123-456789abcdef",
};

ATF_TC_WITHOUT_HEAD(refuse);
ATF_TC_BODY(refuse, tc)
{
	struct uuid	 u;
	size_t		 i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&u, 0xaa, sizeof(u));
		ATF_CHECK_EQ_MSG(-1, uuid_parse(&u, bad[i], strlen(bad[i])),
		    "%s", bad[i]);
		ATF_CHECK(uuid_isnil(&u));
	}
	ATF_CHECK_EQ(-1, uuid_parse(&u, GOOD, 35));
	ATF_CHECK_EQ(-1, uuid_parse(&u, GOOD, 37));
	ATF_CHECK_EQ(-1, uuid_parse(&u,
	    "01234567-89ab-4def-8123-456789ab\0def", 36));
}

ATF_TC_WITHOUT_HEAD(make);
ATF_TC_BODY(make, tc)
{
	struct uuid	 a, b, c;
	char		 text[UUID_TEXT];
	int		 i;

	memset(&b, 0, sizeof(b));
	for (i = 0; i < 200; i++) {
		uuid_make(&a);
		uuid_format(&a, text);
		ATF_REQUIRE_EQ(36, strlen(text));
		ATF_REQUIRE_EQ(0, uuid_parse(&c, text, 36));
		ATF_REQUIRE_EQ(0, uuid_cmp(&a, &c));
		ATF_REQUIRE(!uuid_isnil(&a));
		ATF_REQUIRE(uuid_cmp(&a, &b) != 0);
		b = a;
	}
}

ATF_TC_WITHOUT_HEAD(order);
ATF_TC_BODY(order, tc)
{
	struct uuid	 a = { { 1 } }, b = { { 1, 0xff } };

	ATF_CHECK(uuid_cmp(&a, &b) < 0);
	ATF_CHECK(uuid_cmp(&b, &a) > 0);
	ATF_CHECK(uuid_isnil(&uuid_nil));
	ATF_CHECK(!uuid_isnil(&a));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, parse);
	ATF_TP_ADD_TC(tp, refuse);
	ATF_TP_ADD_TC(tp, make);
	ATF_TP_ADD_TC(tp, order);
	return (atf_no_error());
}

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

/* Base64 and hexadecimal: one byte string has exactly one text. */
#include <atf-c.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base64.h"

struct pair {
	const char	*bytes;
	const char	*std;
	const char	*url;
};

/* RFC 4648 section 10, and one with the two characters that differ. */
static const struct pair pairs[] = {
	{ "", "", "" },
	{ "f", "Zg==", "Zg" },
	{ "fo", "Zm8=", "Zm8" },
	{ "foo", "Zm9v", "Zm9v" },
	{ "foob", "Zm9vYg==", "Zm9vYg" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
	{ "\xfb\xef\xbe\xff\xff\xff", "++++////", "----____" },
};

#define NPAIRS	(sizeof(pairs) / sizeof(pairs[0]))

ATF_TC_WITHOUT_HEAD(vectors);
ATF_TC_BODY(vectors, tc)
{
	char	 text[64];
	uint8_t	 bytes[64];
	size_t	 i, n;

	for (i = 0; i < NPAIRS; i++) {
		const struct pair	*p = &pairs[i];

		n = strlen(p->bytes);
		ATF_CHECK_EQ((ssize_t)strlen(p->std),
		    base64_encode(text, sizeof(text), p->bytes, n));
		ATF_CHECK_STREQ(p->std, text);
		ATF_CHECK_EQ((ssize_t)strlen(p->url),
		    base64url_encode(text, sizeof(text), p->bytes, n));
		ATF_CHECK_STREQ(p->url, text);
		ATF_CHECK_EQ((ssize_t)n, base64_decode(bytes, sizeof(bytes),
		    p->std, strlen(p->std)));
		ATF_CHECK_EQ(0, memcmp(bytes, p->bytes, n));
		ATF_CHECK_EQ((ssize_t)n, base64url_decode(bytes,
		    sizeof(bytes), p->url, strlen(p->url)));
		ATF_CHECK_EQ(0, memcmp(bytes, p->bytes, n));
	}
}

ATF_TC_WITHOUT_HEAD(round_trip);
ATF_TC_BODY(round_trip, tc)
{
	char	 text[BASE64_SIZE(256)];
	uint8_t	 in[256], out[BASE64_BYTES(BASE64_SIZE(256))];
	size_t	 i, len;
	ssize_t	 n;

	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7 + 3);
	for (len = 0; len <= sizeof(in); len++) {
		n = base64_encode(text, BASE64_SIZE(len), in, len);
		ATF_REQUIRE_EQ((ssize_t)BASE64_SIZE(len) - 1, n);
		ATF_REQUIRE_EQ((ssize_t)len,
		    base64_decode(out, len, text, (size_t)n));
		ATF_REQUIRE_EQ(0, memcmp(in, out, len));
		n = base64url_encode(text, BASE64_SIZE(len), in, len);
		ATF_REQUIRE(n >= 0);
		ATF_REQUIRE_EQ((ssize_t)len,
		    base64url_decode(out, len, text, (size_t)n));
		ATF_REQUIRE_EQ(0, memcmp(in, out, len));
	}
}

static const char *bad_std[] = {
	"Z", "Zg", "Zg=", "Zg===", "Zm9vZg", "=", "==", "===", "====",
	"Z===", "Zh==", "Zm9=", "Zg==Zg==", "Zm=v", "Z=9v", " Zm9v", "Zm9v ",
	"Zm9v\n", "Zm9\n", "Zm9v\r\n", "-_-_", "Zm9v====", "Zm!v", "Zm\x80v",
	"\xffm9v", "Zm9vZg=\n",
};

static const char *bad_url[] = {
	"Z", "Zg==", "Zm8=", "Zh", "Zm9", "++++", "////", "Zm9v\n", "Zm 9v",
	"Zm9vZ", "Zm9v=", "=", "====", "Zm9\xc3", "Zm.v",
};

ATF_TC_WITHOUT_HEAD(not_canonical);
ATF_TC_BODY(not_canonical, tc)
{
	uint8_t	 out[16];
	size_t	 i, j;

	for (i = 0; i < sizeof(bad_std) / sizeof(bad_std[0]); i++) {
		memset(out, 0xaa, sizeof(out));
		ATF_CHECK_EQ_MSG(-1, base64_decode(out, sizeof(out),
		    bad_std[i], strlen(bad_std[i])), "%s", bad_std[i]);
		for (j = 0; j < sizeof(out); j++)
			ATF_CHECK_EQ(0, out[j]);
	}
	for (i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++) {
		memset(out, 0xaa, sizeof(out));
		ATF_CHECK_EQ_MSG(-1, base64url_decode(out, sizeof(out),
		    bad_url[i], strlen(bad_url[i])), "%s", bad_url[i]);
		for (j = 0; j < sizeof(out); j++)
			ATF_CHECK_EQ(0, out[j]);
	}
	/* a NUL is a character like others */
	ATF_CHECK_EQ(-1, base64_decode(out, sizeof(out), "Zm9\0", 4));
	ATF_CHECK_EQ(-1, base64url_decode(out, sizeof(out), "Zm\0", 3));
}

/* Of all 256 characters exactly the 64 of the alphabet pass. */
ATF_TC_WITHOUT_HEAD(alphabet);
ATF_TC_BODY(alphabet, tc)
{
	char	 text[4] = "AAAA";
	uint8_t	 out[3];
	int	 c, hex = 0, std = 0, url = 0;

	for (c = 0; c < 256; c++) {
		text[1] = (char)c;
		std += base64_decode(out, sizeof(out), text, 4) == 3;
		url += base64url_decode(out, sizeof(out), text, 4) == 3;
		hex += hex_decode(out, sizeof(out), text, 2) == 1;
	}
	ATF_CHECK_EQ(64, std);
	ATF_CHECK_EQ(64, url);
	ATF_CHECK_EQ(22, hex);
}

ATF_TC_WITHOUT_HEAD(too_small);
ATF_TC_BODY(too_small, tc)
{
	char	 text[16];
	uint8_t	 out[4] = { 1, 2, 3, 4 };

	ATF_CHECK_EQ(-1, base64_encode(text, 8, "foobar", 6));
	ATF_CHECK_EQ(8, base64_encode(text, 9, "foobar", 6));
	ATF_CHECK_EQ(-1, base64_encode(text, sizeof(text), "x", SIZE_MAX));
	ATF_CHECK_EQ(-1, hex_encode(text, 4, "fo", 2));
	ATF_CHECK_EQ(-1, hex_encode(text, sizeof(text), "x", SIZE_MAX));
	ATF_CHECK_EQ(-1, base64_decode(out, 2, "Zm9v", 4));
	/* wiped as far as it was said to reach, and no further */
	ATF_CHECK_EQ(0, out[0]);
	ATF_CHECK_EQ(0, out[1]);
	ATF_CHECK_EQ(3, out[2]);
	ATF_CHECK_EQ(-1, hex_decode(out, 1, "0011", 4));
	ATF_CHECK_EQ(-1, base64_decode(NULL, 0, "Zm9v", 4));
	ATF_CHECK_EQ(0, base64_decode(NULL, 0, "", 0));
}

ATF_TC_WITHOUT_HEAD(hex);
ATF_TC_BODY(hex, tc)
{
	char	 text[16];
	uint8_t	 out[8];

	ATF_CHECK_EQ(8, hex_encode(text, 9, "\x00\x9f\xa0\xff", 4));
	ATF_CHECK_STREQ("009fa0ff", text);
	ATF_CHECK_EQ(4, hex_decode(out, 4, "009FaAff", 8));
	ATF_CHECK_EQ(0, memcmp(out, "\x00\x9f\xaa\xff", 4));
	ATF_CHECK_EQ(-1, hex_decode(out, sizeof(out), "0", 1));
	ATF_CHECK_EQ(-1, hex_decode(out, sizeof(out), "0g", 2));
	ATF_CHECK_EQ(-1, hex_decode(out, sizeof(out), "0x", 2));
	ATF_CHECK_EQ(-1, hex_decode(out, sizeof(out), " 0", 2));
	ATF_CHECK_EQ(0, hex_decode(out, sizeof(out), "", 0));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, vectors);
	ATF_TP_ADD_TC(tp, round_trip);
	ATF_TP_ADD_TC(tp, not_canonical);
	ATF_TP_ADD_TC(tp, alphabet);
	ATF_TP_ADD_TC(tp, too_small);
	ATF_TP_ADD_TC(tp, hex);
	return (atf_no_error());
}

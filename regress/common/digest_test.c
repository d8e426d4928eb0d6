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


/* SHA-256 and HMAC against published vectors, in pieces of every size. */
#include <atf-c.h>
#include <stdint.h>
#include <string.h>

#include "base64.h"
#include "digest.h"

static char	 text[2 * DIGEST_LEN + 1];

static const char *
hex(const uint8_t d[DIGEST_LEN])
{
	ATF_REQUIRE(hex_encode(text, sizeof(text), d, DIGEST_LEN) != -1);
	return (text);
}

/* FIPS 180-4 examples */
ATF_TC_WITHOUT_HEAD(sha256);
ATF_TC_BODY(sha256, tc)
{
	static const char	 two[] = "abcdbcdecdefdefgefghfghighijhijk"
				    "ijkljklmklmnlmnomnopnopq";
	struct piece		 p[3];
	uint8_t			 d[DIGEST_LEN], e[DIGEST_LEN];
	size_t			 i, j, len = sizeof(two) - 1;

	digest(d, "", 0);
	ATF_CHECK_STREQ("e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855", hex(d));
	digest(d, NULL, 0);
	ATF_CHECK_STREQ("e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855", hex(d));
	digest(d, "abc", 3);
	ATF_CHECK_STREQ("ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad", hex(d));
	digest(d, two, len);
	ATF_CHECK_STREQ("248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1", hex(d));
	for (i = 0; i <= len; i++) {
		for (j = i; j <= len; j++) {
			p[0].data = two;
			p[0].len = i;
			p[1].data = two + i;
			p[1].len = j - i;
			p[2].data = two + j;
			p[2].len = len - j;
			digest_pieces(e, p, 3);
			ATF_REQUIRE_EQ(0, memcmp(d, e, DIGEST_LEN));
		}
	}
	digest_pieces(e, NULL, 0);
	ATF_CHECK_STREQ("e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855", hex(e));
}

/* RFC 4231 test cases 1, 2, 6 */
ATF_TC_WITHOUT_HEAD(hmac);
ATF_TC_BODY(hmac, tc)
{
	static const char	 six[] = "Test Using Larger Than Block-Size "
				    "Key - Hash Key First";
	uint8_t			 d[DIGEST_LEN], key[131];
	struct piece		 p[2];

	memset(key, 0x0b, 20);
	p[0].data = "Hi ";
	p[0].len = 3;
	p[1].data = "There";
	p[1].len = 5;
	hmac_pieces(d, key, 20, p, 2);
	ATF_CHECK_STREQ("b0344c61d8db38535ca8afceaf0bf12b"
	    "881dc200c9833da726e9376c2e32cff7", hex(d));
	p[0].data = "what do ya want ";
	p[0].len = 16;
	p[1].data = "for nothing?";
	p[1].len = 12;
	hmac_pieces(d, "Jefe", 4, p, 2);
	ATF_CHECK_STREQ("5bdcc146bf60754e6a042426089575c7"
	    "5a003f089d2739839dec58b964ec3843", hex(d));
	memset(key, 0xaa, sizeof(key));
	p[0].data = six;
	p[0].len = sizeof(six) - 1;
	hmac_pieces(d, key, sizeof(key), p, 1);
	ATF_CHECK_STREQ("60e431591ee0b67f0d8a26aacbf5b77f"
	    "8e0bc6213728c5140546040f0ee37f54", hex(d));
	/* no key is no failure, and no other key's */
	hmac_pieces(d, NULL, 0, NULL, 0);
	ATF_CHECK_STREQ("b613679a0814d9ec772f95d778c35fc5"
	    "ff1697c493715653c6c712144292c5ad", hex(d));
}

ATF_TC_WITHOUT_HEAD(derived);
ATF_TC_BODY(derived, tc)
{
	uint8_t		 a[DIGEST_LEN], b[DIGEST_LEN], prk[32];

	/* the first block of RFC 5869, computed by another implementation */
	memset(prk, 0x42, sizeof(prk));
	derive_key(a, prk, sizeof(prk), "kms seal");
	ATF_CHECK_STREQ("ec790f189fbe6cbe7f5a7306ae264296"
	    "11c094c775d0e8e92d30db3049b9219b", hex(a));
	derive_key(b, prk, sizeof(prk), "kms seal");
	ATF_CHECK_EQ(0, memcmp(a, b, DIGEST_LEN));
	derive_key(b, prk, sizeof(prk), "kms sealed");
	ATF_CHECK(memcmp(a, b, DIGEST_LEN) != 0);
	prk[0] ^= 1;
	derive_key(b, prk, sizeof(prk), "kms seal");
	ATF_CHECK(memcmp(a, b, DIGEST_LEN) != 0);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, sha256);
	ATF_TP_ADD_TC(tp, hmac);
	ATF_TP_ADD_TC(tp, derived);
	return (atf_no_error());
}

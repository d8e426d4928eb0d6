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

/* TTLV and KMIP messages, against what a real client and server sent. */
#include <sys/cdefs.h>

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "kmip.h"

/* A client's Get of key "7", 1.4, with user name and password. */
static const char	 get_request[] =
    "42007801000000c04200770100000088420069010000002042006a02000000040000"
    "00010000000042006b0200000004000000040000000042000c010000004842002301"
    "0000004042002405000000040000000100000000420025010000002842009907000000"
    "046b627364000000004200a1070000000e77726f6e672d70617373776f7264000042"
    "000d0200000004000000010000000042000f010000002842005c0500000004000000"
    "0a00000000420079010000001042009407000000013700000000000000";
/* The server's answer to a Get of key "1". */
static const char	 get_response[] =
    "42007b010000011042007a0100000048420069010000002042006a02000000040000"
    "00010000000042006b020000000400000004000000004200920900000008000000006b"
    "044d3e42000d0200000004000000010000000042000f01000000b842005c0500000004"
    "0000000a0000000042007f0500000004000000000000000042007c0100000090420057"
    "050000000400000002000000004200940700000001310000000000000042008f010000"
    "006842004001000000604200420500000004000000010000000042004501000000284200"
    "430800000020b6a8d805e7667c71ed20f37dd3af3c0bdf80335efe6c5d74366043be0a"
    "5202a74200280500000004000000030000000042002a02000000040000010000000000";

static uint8_t	 bytes[1024], material[MATERIAL_MAX];

static size_t
unhex(const char *hex)
{
	ssize_t	 n;

	ATF_REQUIRE((n = hex_decode(bytes, sizeof(bytes), hex,
	    strlen(hex))) > 0);
	return ((size_t)n);
}

ATF_TC_WITHOUT_HEAD(request);
ATF_TC_BODY(request, tc)
{
	static const struct kmip_version	 v = { 1, 4 };
	const struct kmip_ask	 ask = { .operation = KMIP_GET, .id = "7" };
	struct wbuf		 w = { 0 };
	size_t			 n = unhex(get_request);

	kmip_request(&w, &v, "kbsd", "wrong-password", &ask);
	ATF_REQUIRE_EQ(n, w.len);
	ATF_CHECK_EQ(0, memcmp(bytes, w.data, n));
	wb_free(&w);
}

static void
aes_record(struct key_record *k)
{
	memset(k, 0, sizeof(*k));
	k->algorithm = ALG_AES;
	k->length = 256;
}

ATF_TC_WITHOUT_HEAD(response);
ATF_TC_BODY(response, tc)
{
	struct kmip_answer	 a;
	struct key_record	 k;
	size_t			 i, len, n = unhex(get_response);

	aes_record(&k);
	ATF_REQUIRE_EQ((ssize_t)n, kmip_length(bytes, n));
	ATF_REQUIRE_EQ(NULL, kmip_response(bytes, n, KMIP_GET, &a));
	ATF_CHECK_EQ(0, a.status);
	ATF_REQUIRE_EQ(NULL, kmip_read_key(&a, &k, material, &len));
	ATF_CHECK_EQ(32, len);
	ATF_CHECK_EQ(0xb6, material[0]);
	ATF_CHECK_EQ(0xa7, material[31]);
	/* What it is not. */
	ATF_CHECK(kmip_response(bytes, n, KMIP_DESTROY, &a) != NULL);
	ATF_REQUIRE_EQ(NULL, kmip_response(bytes, n, KMIP_GET, &a));
	k.length = 128;
	ATF_CHECK(kmip_read_key(&a, &k, material, &len) != NULL);
	k.length = 3072;
	k.algorithm = ALG_RSA;
	ATF_CHECK(kmip_read_key(&a, &k, material, &len) != NULL);
	/* Each beginning of it, and each byte changed: no harm is done. */
	aes_record(&k);
	for (i = 0; i < n; i++) {
		ATF_CHECK(kmip_response(bytes, i, KMIP_GET, &a) != NULL);
		bytes[i] ^= 0x81;
		if (kmip_response(bytes, n, KMIP_GET, &a) == NULL)
			(void)kmip_read_key(&a, &k, material, &len);
		bytes[i] ^= 0x81;
	}
}

ATF_TC_WITHOUT_HEAD(lengths);
ATF_TC_BODY(lengths, tc)
{
	static const struct {
		const char	*hex;
		ssize_t		 length;
	} rows[] = {
		{ "42007b01000000", 0 },
		{ "42007b0100000008", 16 },
		{ "42007b0100000000", 8 },
		{ "42007b0100000009", -1 },
		{ "42007b010000fff8", 65536 },
		{ "42007b0100010000", -1 },
		{ "42007b01fffffff8", -1 },
		{ "4200780100000008", -1 },
		{ "42007b0200000008", -1 },
		{ "00007b0100000008", -1 },
	};
	size_t	 i, n;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		n = unhex(rows[i].hex);
		ATF_CHECK_EQ_MSG(rows[i].length, kmip_length(bytes, n), "%s",
		    rows[i].hex);
	}
}

ATF_TC_WITHOUT_HEAD(items);
ATF_TC_BODY(items, tc)
{
	static const struct {
		const char	*hex;
		int		 good;
	} rows[] = {
		{ "4200940700000001" "3700000000000000", 1 },
		{ "4200940700000000", 1 },
		{ "420094070000000837373737" "37373737", 1 },
		/* padding that is something; none; too little */
		{ "4200940700000001" "3700000000000001", 0 },
		{ "420094070000000137", 0 },
		{ "4200940700000009" "3737373737373737", 0 },
		/* a number of five bytes, a structure of four */
		{ "42007f0500000005" "0000000000000000", 0 },
		{ "42007f0100000004" "0000000000000000", 0 },
		{ "42007f0500000004" "0000000100000000", 1 },
		{ "42007f0600000008" "0000000000000001", 1 },
		{ "42007f0600000004" "0000000100000000", 0 },
		/* no type of ours */
		{ "42007f0000000004" "0000000100000000", 0 },
		{ "42007f0b00000004" "0000000100000000", 0 },
		{ "42007f05ffffffff" "0000000100000000", 0 },
	};
	struct ttlv	 item;
	struct rbuf	 r;
	size_t		 i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rb_init(&r, bytes, unhex(rows[i].hex));
		ATF_CHECK_EQ_MSG(rows[i].good ? 1 : -1, ttlv_next(&r, &item),
		    "%s", rows[i].hex);
		if (rows[i].good)
			ATF_CHECK_EQ(0, ttlv_next(&r, &item));
	}
}

/* Registered in either version, it is found again as what it was. */
ATF_TC_WITHOUT_HEAD(registered);
ATF_TC_BODY(registered, tc)
{
	static const struct kmip_version	 versions[] = { { 1, 4 },
						    { 2, 0 } };
	struct kmip_ask		 ask = { .operation = KMIP_REGISTER,
				    .name = "kbsd:x" };
	struct key_record	 k;
	struct kmip_answer	 a;
	struct ttlv		 message, item;
	struct rbuf		 r;
	struct wbuf		 w = { 0 };
	uint8_t			 key[32] = { 9, 8, 7 };
	size_t			 i, len;

	aes_record(&k);
	ask.record = &k;
	ask.material = key;
	ask.materiallen = sizeof(key);
	for (i = 0; i < 2; i++) {
		kmip_request(&w, &versions[i], "", NULL, &ask);
		rb_init(&r, w.data, w.len);
		ATF_REQUIRE_EQ(1, ttlv_next(&r, &message));
		ATF_REQUIRE_EQ(1, ttlv_find(&message, 0x42000f,
		    TTLV_STRUCTURE, &item));
		memset(&a, 0, sizeof(a));
		ATF_REQUIRE_EQ(1, ttlv_find(&item, 0x420079, TTLV_STRUCTURE,
		    &a.payload));
		ATF_REQUIRE_EQ(NULL, kmip_read_key(&a, &k, material, &len));
		ATF_CHECK_EQ(32, len);
		ATF_CHECK_EQ(0, memcmp(material, key, 32));
		wb_free(&w);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, request);
	ATF_TP_ADD_TC(tp, response);
	ATF_TP_ADD_TC(tp, lengths);
	ATF_TP_ADD_TC(tp, items);
	ATF_TP_ADD_TC(tp, registered);
	return (atf_no_error());
}

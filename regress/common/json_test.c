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

/* Strict JSON: what is refused, in which words, and that memory is wiped. */
#include <atf-c.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static const struct json_limits tiny = { 64, 4, 3 };

static char	 why[160];

static json_t *
reads(const char *text, const struct json_limits *limits)
{
	char	*copy;
	json_t	*j;
	size_t	 len = strlen(text);

	/* without the NUL, so that ASan sees a step too far */
	copy = malloc(len > 0 ? len : 1);
	ATF_REQUIRE(copy != NULL);
	memcpy(copy, text, len);
	why[0] = '\0';
	j = json_read(copy, len, limits, why, sizeof(why));
	free(copy);
	return (j);
}

static void
good(const char *text, const struct json_limits *limits)
{
	json_t	*j;

	j = reads(text, limits);
	ATF_CHECK_MSG(j != NULL, "%s: %s", text, why);
	json_decref(j);
}

static void
bad(const char *text, const struct json_limits *limits, const char *want)
{
	json_t	*j;

	j = reads(text, limits);
	ATF_CHECK_MSG(j == NULL, "%s", text);
	ATF_CHECK_MSG(strncmp(why, want, strlen(want)) == 0,
	    "%s: \"%s\", not \"%s\"", text, why, want);
	json_decref(j);
}

ATF_TC_WITHOUT_HEAD(accept);
ATF_TC_BODY(accept, tc)
{
	json_init();
	good("{}", &json_small);
	good(" \t\r\n[ ] \n", &json_small);
	good("{\"a\":[1,-2.5e3,true,false,null,\"x\"]}", &json_small);
	good("{\"\":0}", &json_small);
	good("[\"\\u00e9\\ud83d\\ude00\\n\\\\u0000\\\"{[\"]", &json_small);
	good("[9223372036854775807,-9223372036854775808]", &json_small);
	good("[\"\xf0\x9f\x98\x80\"]", &json_small);
}

struct refusal {
	const char	*text;
	const char	*why;
};

static const struct refusal refusals[] = {
	{ "", "empty" },
	{ " \n", "empty" },
	{ "1", "neither an object nor an array" },
	{ "\"text\"", "neither an object nor an array" },
	{ "null", "neither an object nor an array" },
	{ "\xef\xbb\xbf{}", "neither an object nor an array" },
	{ "}", "neither an object nor an array" },
	{ "{", "ends too early" },
	{ "[\"", "ends too early" },
	{ "[\"\\", "ends too early" },
	{ "[\"\\\"]", "ends too early" },
	{ "[\"\\u00", "ends too early" },
	{ "{\"a\":{}", "ends too early" },
	{ "{} {}", "text behind the value" },
	{ "[]]", "text behind the value" },
	{ "{}x", "text behind the value" },
	{ "{\"a\":1,\"a\":1}", "a member is there twice" },
	{ "{\"a\":1,\"\\u0061\":1}", "a member is there twice" },
	{ "[\"\\u0000\"]", "U+0000 in a string" },
	{ "{\"\\u0000\":1}", "U+0000 in a string" },
	{ "{\"a\\\\\\u0000b\":1}", "U+0000 in a string" },
	{ "[\"a\nb\"]", "control character in a string" },
	{ "[\"\x1f\"]", "control character in a string" },
	{ "[\x01]", "not valid JSON" },
	{ "[1,]", "not valid JSON" },
	{ "{\"a\":1,}", "not valid JSON" },
	{ "{a:1}", "not valid JSON" },
	{ "{'a':1}", "not valid JSON" },
	{ "[1}", "not valid JSON" },
	{ "[01]", "not valid JSON" },
	{ "[+1]", "not valid JSON" },
	{ "[.5]", "not valid JSON" },
	{ "[0x10]", "not valid JSON" },
	{ "[NaN]", "not valid JSON" },
	{ "[Infinity]", "not valid JSON" },
	{ "[TRUE]", "not valid JSON" },
	{ "[\"\\x41\"]", "not valid JSON" },
	{ "[\"\\ud800\"]", "not valid JSON" },
	{ "[\"\\udc00\\ud800\"]", "not valid JSON" },
	{ "[1] // no", "text behind the value" },
	{ "[/**/1]", "not valid JSON" },
	{ "[1e400]", "number out of range" },
	{ "[9223372036854775808]", "number out of range" },
	{ "[\"\xc0\x80\"]", "invalid UTF-8" },
	{ "[\"\xed\xa0\x80\"]", "invalid UTF-8" },
	{ "[\"\xff\"]", "invalid UTF-8" },
	{ "[\"\xe2\x82\"]", "invalid UTF-8" },
	{ "{::::::}", "not valid JSON" },
};

ATF_TC_WITHOUT_HEAD(refuse);
ATF_TC_BODY(refuse, tc)
{
	size_t	 i;

	json_init();
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		bad(refusals[i].text, &json_small, refusals[i].why);
	ATF_CHECK(json_read("[\0]", 3, &json_small, why, sizeof(why)) == NULL);
	ATF_CHECK(json_read("[\"\0\"]", 5, &json_small, why, sizeof(why)) ==
	    NULL);
	ATF_CHECK(json_read("[]\0", 3, &json_small, why, sizeof(why)) == NULL);
	/* what was read is never told again */
	bad("{\"password\":\"sesame\" sesame}", &json_small,
	    "not valid JSON");
	ATF_CHECK(strstr(why, "sesame") == NULL);
	bad("{\"sesame\":1,\"sesame\":1}", &json_small,
	    "a member is there twice");
	/* no room for the reason is no reason to crash */
	ATF_CHECK(json_read("x", 1, &json_small, NULL, 0) == NULL);
	ATF_CHECK(json_read("xx", 2, &json_small, why, 5) == NULL);
	ATF_CHECK_STREQ("neit", why);
}

ATF_TC_WITHOUT_HEAD(limits);
ATF_TC_BODY(limits, tc)
{
	char	*big;
	size_t	 i, n;

	json_init();
	good("[[[]]]", &tiny);
	bad("[[[[]]]]", &tiny, "more than 3 levels");
	bad("[[[{", &tiny, "more than 3 levels");
	good("[1,2,3]", &tiny);
	bad("[1,2,3,4]", &tiny, "more than 4 values");
	good("{\"a\":1,\"b\" : \"x\",\"c\"\n:{}}", &tiny);
	bad("{\"a\":1,\"b\":2,\"c\":[4]}", &tiny, "more than 4 values");
	bad("[\"a\",\"b\",\"c\",\"d\"]", &tiny, "more than 4 values");
	good("{\"a\":\"----------------------------------------------"
	    "----------\"}", &tiny);
	bad("{\"a\":\"----------------------------------------------"
	    "-----------\"}", &tiny, "more than 64 bytes");
	/* brackets within strings nest nothing */
	good("[\"[[[[[[[[[{{{{{{{{{\\\"[[[[[[[[[,,,,,,\"]", &tiny);

	n = json_large.bytes;
	big = malloc(n + 1);
	ATF_REQUIRE(big != NULL);
	for (i = 0; i < n; i++)
		big[i] = "{},"[i % 3];
	big[0] = '[';
	ATF_CHECK(json_read(big, n, &json_large, why, sizeof(why)) == NULL);
	memset(big, '[', n);
	ATF_CHECK(json_read(big, n, &json_large, why, sizeof(why)) == NULL);
	ATF_CHECK_STREQ("more than 32 levels", why);
	/* white space between strings is walked over but once */
	for (i = 0; i < n; i++)
		big[i] = "\"\" "[i % 3];
	big[0] = '[';
	ATF_CHECK(json_read(big, n, &json_large, why, sizeof(why)) == NULL);
	memset(big, ' ', n + 1);
	ATF_CHECK(json_read(big, n + 1, &json_large, why, sizeof(why)) ==
	    NULL);
	ATF_CHECK_STREQ("more than 1048576 bytes", why);
	free(big);
}

/* Every beginning of a good text is a bad text. */
ATF_TC_WITHOUT_HEAD(truncated);
ATF_TC_BODY(truncated, tc)
{
	static const char	 text[] = "{\"a\":[1,{\"b\":\"\\u00e9\"},"
	    "true,null,-1.5e+10],\"c\":{\"d\":\"x\"}}";
	char			*copy;
	size_t			 len;

	json_init();
	good(text, &json_small);
	for (len = 0; len < sizeof(text) - 1; len++) {
		copy = strndup(text, len);
		ATF_REQUIRE(copy != NULL);
		bad(copy, &json_small, "");
		free(copy);
	}
}

static json_t	*alg, *any, *arr, *flag, *key_length, *obj;

static const struct json_member members[] = {
	{ "algorithm",	JSON_MEMBER_STRING,	1,	&alg },
	{ "key_length",	JSON_MEMBER_INTEGER,	0,	&key_length },
	{ "flag",	JSON_MEMBER_BOOL,	0,	&flag },
	{ "obj",	JSON_MEMBER_OBJECT,	0,	&obj },
	{ "arr",	JSON_MEMBER_ARRAY,	0,	&arr },
	{ "any",	JSON_MEMBER_ANY,	0,	&any },
};

#define NMEMBERS	(sizeof(members) / sizeof(members[0]))

static void
check_take(const char *text, int strict, const char *want)
{
	json_t	*j;
	int	 r;

	alg = any = arr = flag = key_length = obj = json_null();
	ATF_REQUIRE((j = reads(text, &json_small)) != NULL);
	r = (strict ? json_take : json_pick)(j, members, NMEMBERS, why,
	    sizeof(why));
	ATF_CHECK_EQ_MSG(want == NULL ? 0 : -1, r, "%s", text);
	if (want != NULL) {
		ATF_CHECK_STREQ(want, why);
		ATF_CHECK(alg == NULL && any == NULL && arr == NULL &&
		    flag == NULL && key_length == NULL && obj == NULL);
	}
	json_decref(j);
}

ATF_TC_WITHOUT_HEAD(take);
ATF_TC_BODY(take, tc)
{
	json_t	*j;

	json_init();
	j = reads("{\"algorithm\":\"AES\",\"key_length\":256,\"flag\":false,"
	    "\"obj\":{},\"arr\":[],\"any\":null}", &json_small);
	ATF_REQUIRE(j != NULL);
	ATF_REQUIRE_EQ(0, json_take(j, members, NMEMBERS, why, sizeof(why)));
	ATF_CHECK_STREQ("AES", json_string_value(alg));
	ATF_CHECK_EQ(256, json_integer_value(key_length));
	ATF_CHECK(json_is_false(flag));
	ATF_CHECK(json_is_object(obj));
	ATF_CHECK(json_is_array(arr));
	ATF_CHECK(json_is_null(any));
	json_decref(j);

	check_take("{\"algorithm\":\"x\"}", 1, NULL);
	ATF_CHECK(any == NULL && key_length == NULL);
	check_take("{}", 1, "member \"algorithm\" is missing");
	check_take("[]", 1, "not an object");
	check_take("{\"algorithm\":null}", 1,
	    "member \"algorithm\" must be a string");
	check_take("{\"algorithm\":\"x\",\"key_length\":\"256\"}", 1,
	    "member \"key_length\" must be an integer");
	check_take("{\"algorithm\":\"x\",\"key_length\":256.0}", 1,
	    "member \"key_length\" must be an integer");
	check_take("{\"algorithm\":\"x\",\"key_length\":null}", 1,
	    "member \"key_length\" must be an integer");
	check_take("{\"algorithm\":\"x\",\"flag\":0}", 1,
	    "member \"flag\" must be a boolean");
	check_take("{\"algorithm\":\"x\",\"obj\":[]}", 1,
	    "member \"obj\" must be an object");
	check_take("{\"algorithm\":\"x\",\"arr\":{}}", 1,
	    "member \"arr\" must be an array");
	check_take("{\"algorithm\":\"x\",\"foo\":1}", 1,
	    "unknown member \"foo\"");
	check_take("{\"algorithm\":\"x\",\"Flag\":true}", 1,
	    "unknown member \"Flag\"");
	check_take("{\"algorithm\":\"x\",\"flag \":true}", 1,
	    "unknown member \"flag \"");
	check_take("{\"algorithm\":\"x\",\"foo\":1}", 0, NULL);
	check_take("{\"algorithm\":1,\"foo\":1}", 0,
	    "member \"algorithm\" must be a string");
	ATF_CHECK_EQ(-1, json_take(NULL, members, NMEMBERS, why,
	    sizeof(why)));
}

/* A stranger's name can neither steer a terminal nor fill the log. */
ATF_TC_WITHOUT_HEAD(hostile_name);
ATF_TC_BODY(hostile_name, tc)
{
	char	 text[256], want[256], x[101];

	json_init();
	check_take("{\"a\\u001b[1m\\n\\\"\\u00e9\":1}", 1,
	    "unknown member \"a\\^[[1m\\n\\\"\\M-C\\M-)\"");
	memset(x, 'x', sizeof(x) - 1);
	x[100] = '\0';
	snprintf(text, sizeof(text), "{\"%.64s\":1}", x);
	snprintf(want, sizeof(want), "unknown member \"%.64s\"", x);
	check_take(text, 1, want);
	snprintf(text, sizeof(text), "{\"%s\":1}", x);
	snprintf(want, sizeof(want), "unknown member \"%.64s...\"", x);
	check_take(text, 1, want);
}

static void
check_base64(const char *text, size_t max, ssize_t want)
{
	json_t	*j;
	uint8_t	*p = (uint8_t *)why;
	size_t	 n = 77;
	int	 r;

	j = json_string(text);
	ATF_REQUIRE(j != NULL);
	r = json_base64(j, max, &p, &n, why, sizeof(why));
	ATF_CHECK_EQ_MSG(want == -1 ? -1 : 0, r, "%s", text);
	ATF_CHECK_EQ(want == -1 ? 0 : (size_t)want, n);
	ATF_CHECK((p == NULL) == (want == -1));
	free(p);
	json_decref(j);
}

ATF_TC_WITHOUT_HEAD(base64);
ATF_TC_BODY(base64, tc)
{
	json_t	*j;
	uint8_t	*p;
	size_t	 n;

	json_init();
	check_base64("", 0, 0);
	check_base64("Zm9vYmE=", 5, 5);
	check_base64("Zm9vYmE=", 4, -1);
	check_base64("Zm9vYmFy", 6, 6);
	check_base64("Zm9vYmFy", 5, -1);
	check_base64("Zm9vYmFy", 1, -1);
	ATF_CHECK_STREQ("more than 1 bytes", why);
	check_base64("Zm9vYmFy", SIZE_MAX, 6);
	check_base64("Zm9vYmF", 64, -1);
	ATF_CHECK_STREQ("not canonical base64", why);
	check_base64("Zm9v\nYmFy", 64, -1);
	check_base64("Zh==", 64, -1);
	j = json_integer(1);
	ATF_CHECK_EQ(-1, json_base64(j, 9, &p, &n, why, sizeof(why)));
	ATF_CHECK_STREQ("not a string", why);
	json_decref(j);
	ATF_CHECK_EQ(-1, json_base64(NULL, 9, &p, &n, why, sizeof(why)));
}

ATF_TC_WITHOUT_HEAD(write_order);
ATF_TC_BODY(write_order, tc)
{
	json_t	*j;
	char	*text;
	size_t	 len;

	json_init();
	j = json_object();
	ATF_REQUIRE(j != NULL);
	ATF_REQUIRE_EQ(0, json_object_set_new(j, "z", json_integer(1)));
	ATF_REQUIRE_EQ(0, json_object_set_new(j, "a", json_string("x/\n\"")));
	ATF_REQUIRE_EQ(0, json_object_set_new(j, "m", json_array()));
	text = json_write(j, &len);
	ATF_REQUIRE(text != NULL);
	ATF_CHECK_STREQ("{\"z\":1,\"a\":\"x/\\n\\\"\",\"m\":[]}", text);
	ATF_CHECK_EQ(strlen(text), len);
	free(text);		/* libc's, whatever allocator jansson has */
	json_decref(j);
	j = json_string("alone");
	text = json_write(j, &len);
	ATF_REQUIRE(text != NULL);
	ATF_CHECK_STREQ("\"alone\"", text);
	free(text);
	json_decref(j);
	ATF_CHECK(json_write(NULL, &len) == NULL && len == 0);
}

ATF_TC_WITHOUT_HEAD(allocator);
ATF_TC_BODY(allocator, tc)
{
	json_malloc_t	 m;
	json_free_t	 f;
	void		*p;
	size_t		 n;

	json_init();
	json_get_alloc_funcs(&m, &f);
	for (n = 0; n < 200; n++) {
		p = m(n);
		ATF_REQUIRE(p != NULL);
		ATF_REQUIRE_EQ(0, (uintptr_t)p % 16);
		memset(p, 0x55, n);
		f(p);
	}
	f(NULL);
	ATF_CHECK(m(SIZE_MAX) == NULL);
	ATF_CHECK(m(SIZE_MAX - 8) == NULL);
}

/* How often the heap holds a string. */
static int
memory_holds(const char *needle, size_t len)
{
	FILE		*maps;
	char		 line[512], perms[8], path[256];
	const char	*p, *from, *to;
	unsigned long	 a, b;
	int		 n, found = 0;

	ATF_REQUIRE((maps = fopen("/proc/self/maps", "r")) != NULL);
	while (fgets(line, sizeof(line), maps) != NULL) {
		path[0] = '\0';
		n = sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &a, &b,
		    perms, path);
		if (n < 3 || strcmp(path, "[heap]") != 0)
			continue;
		from = (const char *)a;
		to = (const char *)b;
		for (p = from; (p = memmem(p, (size_t)(to - p), needle,
		    len)) != NULL; p++)
			found++;
	}
	fclose(maps);
	return (found);
}

/* The long strings go past jansson: what comes out must be the same. */
static void
same(const char *text, size_t len)
{
	json_t	*plain, *j;

	plain = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	j = json_read(text, len, &json_small, why, sizeof(why));
	ATF_CHECK_MSG((plain == NULL) == (j == NULL), "%.*s: %s", (int)len,
	    text, why);
	ATF_CHECK_MSG(plain == NULL || json_equal(plain, j), "%.*s",
	    (int)len, text);
	json_decref(plain);
	json_decref(j);
}

/* Each @ of a form stands for so many letters. */
static void
same_filled(const char *form, size_t fill)
{
	static char	 text[2048];
	size_t		 len = 0;

	for (; *form != '\0'; form++) {
		if (*form != '@') {
			text[len++] = *form;
			continue;
		}
		memset(text + len, 'x', fill);
		len += fill;
	}
	same(text, len);
}

ATF_TC_WITHOUT_HEAD(long_strings);
ATF_TC_BODY(long_strings, tc)
{
	static const char *const	 forms[] = {
		"{\"a\":\"@\"}", "[\"@\",\"@\"]", "{\"@\":1,\"b\":\"@\"}",
		"{\"@\" \t\n: \"@\",\"@\":2}", "[\"@\\n\",\"\",\"@\"]",
		"[\"\xc3\xa9@\",\"@\"]", "[{\"a\":[\"@\",{\"b\":\"@\"}]}]",
		"[\"@\",\"\\\"@\",\"@\"]", "[\"\\u00e9@\",\"@\"]",
		"[\"@\"", "[\"@]", "[\"@\\\"]", "[\"@\\x\",\"@\"]",
		"[\"@\x01\",\"@\"]", "\"@\"", "[\"@\" \"@\"]",
		"{\"a\":\"@\",\"a\":\"@\"}", "[\"@\x80\"]",
	};
	size_t		 fill, i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		for (fill = 0; fill <= 300; fill++)
			same_filled(forms[i], fill);
}

/* More of them than are lifted. */
ATF_TC_WITHOUT_HEAD(many_long_strings);
ATF_TC_BODY(many_long_strings, tc)
{
	static char	 text[8192];
	size_t		 len = 0;
	int		 i;

	for (i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s\"%d %s\"", i == 0 ? "[" : ",", i,
		    "a string that is worth to be lifted");
	text[len++] = ']';
	same(text, len);
}

/* After a secret has been parsed and let go, the heap must not hold it. */
ATF_TC_WITHOUT_HEAD(wiped);
ATF_TC_BODY(wiped, tc)
{
	static char	 text[] = "[\"################################"
	    "################################\"]";
	char		 secret[64];
	const char	*tail = secret + 32;
	json_t		*j;
	size_t		 i;

#if defined(__SANITIZE_ADDRESS__)
	atf_tc_skip("the sanitizer keeps the heap elsewhere");
#endif
	json_init();
	for (i = 0; i < sizeof(secret); i++)
		secret[i] = (char)('a' + i * 7 % 26);
	memcpy(text + 2, secret, sizeof(secret));
	j = json_read(text, sizeof(text) - 1, &json_small, why, sizeof(why));
	ATF_REQUIRE(j != NULL);
	/* the tail, because free() itself overwrites a block's head */
	ATF_CHECK(memory_holds(tail, 32) > 0);
	json_decref(j);
	ATF_CHECK_EQ(0, memory_holds(tail, 32));
}

/* The text of a member, from a copy without the NUL. */
static void
span(const char *text, const char *name, const char *want)
{
	const char	*p;
	size_t		 len = strlen(text), n;
	char		*copy = malloc(len > 0 ? len : 1);
	int		 rc;

	ATF_REQUIRE(copy != NULL);
	memcpy(copy, text, len);
	rc = json_span(copy, len, name, &p, &n);
	ATF_CHECK_EQ_MSG(rc, want == NULL ? -1 : 0, "%s", text);
	if (rc == 0 && want != NULL)
		ATF_CHECK_MSG(n == strlen(want) && memcmp(p, want, n) == 0,
		    "%s: %.*s", text, (int)n, p);
	free(copy);
}

ATF_TC_WITHOUT_HEAD(spans);
ATF_TC_BODY(spans, tc)
{
	static const char	*broken[] = { "", "{", "{\"", "{\"a", "{\"a\"",
				    "{\"a\":", "{\"a\":{", "{\"a\":\"",
				    "{\"a\":\"\\", "{\"a\":[\"\\", "{,", "}",
				    "[1]", "{\"b\":1 2,\"a\":3}", "{1:2}" };
	size_t			 i;

	span("{\"a\":1}", "a", "1");
	span(" {\n\"a\" : {\"b\" : 1} }", "a", "{\"b\" : 1}");
	span("{\"b\":{\"a\":1},\"a\":[2]}", "a", "[2]");
	span("{\"b\":\"}\\\"{\",\"a\":\"\\\\\"}", "a", "\"\\\\\"");
	span("{\"b\":[\"]\",{\"c\":\"\\\"]\"}],\"a\":true ,\"c\":1}", "a",
	    "true");
	span("{\"b\":-1.5e3,\"a\":null}", "a", "null");
	span("{\"aa\":1,\"A\":2,\"\":3}", "a", NULL);
	span("{\"aa\":1,\"A\":2,\"\":3}", "", "3");
	span("{\"\\u0061\":1}", "a", NULL);
	span("{}", "a", NULL);
	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		span(broken[i], "b\"", NULL);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, accept);
	ATF_TP_ADD_TC(tp, refuse);
	ATF_TP_ADD_TC(tp, limits);
	ATF_TP_ADD_TC(tp, truncated);
	ATF_TP_ADD_TC(tp, take);
	ATF_TP_ADD_TC(tp, hostile_name);
	ATF_TP_ADD_TC(tp, base64);
	ATF_TP_ADD_TC(tp, write_order);
	ATF_TP_ADD_TC(tp, allocator);
	ATF_TP_ADD_TC(tp, spans);
	ATF_TP_ADD_TC(tp, long_strings);
	ATF_TP_ADD_TC(tp, many_long_strings);
	ATF_TP_ADD_TC(tp, wiped);
	return (atf_no_error());
}

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


/* Claims of other issuers under our names: paths, values, and hostile ones. */
#include "mint.h"

#define NOW	1900000000

static char	 why[WHY_MAX];

struct row {
	uint8_t		 kind;
	const char	*name, *value;
};

static struct map *
map_of(const struct row *rows, size_t n)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	struct map	*m;
	size_t		 i;

	wb_u32(&w, (uint32_t)n);
	for (i = 0; i < n; i++) {
		wb_u8(&w, rows[i].kind);
		wb_str(&w, rows[i].name);
		wb_str(&w, rows[i].value);
	}
	rb_init(&r, w.data, w.len);
	m = map_config(&r);
	ATF_REQUIRE(m == NULL || rb_end(&r) == 0);
	wb_free(&w);
	return (m);
}

static json_t *
mapped(const struct row *rows, size_t n, const char *text)
{
	json_t		*token = json_loads(text, JSON_DECODE_ANY, NULL);
	struct map	*m = map_of(rows, n);
	json_t		*out;

	ATF_REQUIRE(token != NULL && m != NULL);
	why[0] = '\0';
	out = map_claims(m, token, why, sizeof(why));
	json_decref(token);
	map_free(m);
	return (out);
}

/* What stands at a path, as JSON; NULL: nothing. */
static void
found(const char *text, const char *path, const char *want)
{
	struct row	 row = { CLAIM_FROM, "tdx_mrtd", path };
	json_t		*out = mapped(&row, 1, text), *j;
	char		*got = NULL;

	ATF_REQUIRE_MSG(out != NULL, "%s", why);
	if ((j = json_object_get(out, "tdx_mrtd")) != NULL)
		got = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT);
	if (want == NULL)
		ATF_CHECK_MSG(got == NULL, "%s: %s", path, got);
	else
		ATF_CHECK_MSG(got != NULL && strcmp(got, want) == 0,
		    "%s: %s", path, got);
	free(got);
	json_decref(out);
}

ATF_TC_WITHOUT_HEAD(paths);
ATF_TC_BODY(paths, tc)
{
	static const char	 t[] = "{\"a\":{\"b\":[{\"c\":\"x\"},7]},"
	    "\"a/b\":1,\"m~n\":2,\"x.y\":3,\"\":{\"\":4},\"none\":null,"
	    "\"a.b\":false}";

	found(t, "a.b", "false");
	found(t, "x.y", "3");
	found(t, "/x.y", "3");
	found(t, "/a/b/0/c", "\"x\"");
	found(t, "/a/b/1", "7");
	found(t, "/a~1b", "1");
	found(t, "a/b", "1");
	found(t, "/m~0n", "2");
	found(t, "/", "{\"\":4}");
	found(t, "//", "4");
	/* not there, or of another kind */
	found(t, "none", NULL);
	found(t, "/none/x", NULL);
	found(t, "b", NULL);
	found(t, "/a/b/2", NULL);
	found(t, "/a/b/00", NULL);
	found(t, "/a/b/-1", NULL);
	found(t, "/a/b/-", NULL);
	found(t, "/a/b/", NULL);
	found(t, "/a/b/99999999999999999999", NULL);
	found(t, "/a/b/1/c", NULL);
	found(t, "/a~2b", NULL);
	found(t, "/a/", NULL);
	found("[1]", "a", NULL);
	found("[1]", "/0", "1");
	found("7", "/0", NULL);
	found("\"a\"", "a", NULL);
}

ATF_TC_WITHOUT_HEAD(values);
ATF_TC_BODY(values, tc)
{
	static const struct row	 rows[] = {
		{ CLAIM_FROM, "attester_type", "type" },
		{ CLAIM_FROM, "attester_held_data", "ehd" },
		{ CLAIM_IS, "attester_key", "x" },
	};
	static const struct {
		const char	*text, *type, *held;
	} cases[] = {
		{ "{\"type\":\"sgx\"}", "SGX", NULL },
		{ "{\"type\":\"tdxvm\"}", "TDX", NULL },
		{ "{\"type\":\"Tdx\"}", "TDX", NULL },
		{ "{\"type\":\"sevsnpvm\"}", "sevsnpvm", NULL },
		{ "{\"ehd\":\"_-8\"}", NULL, "/+8=" },
		{ "{\"ehd\":\"/+8=\"}", NULL, "/+8=" },
		{ "{\"ehd\":\"AAAA\"}", NULL, "AAAA" },
		/* what is neither stays, and is refused behind */
		{ "{\"ehd\":\"_+8=\"}", NULL, "_+8=" },
		{ "{\"ehd\":\"\"}", NULL, "" },
	};
	json_t			*out;
	const char		*got;
	size_t			 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		out = mapped(rows, 3, cases[i].text);
		ATF_REQUIRE(out != NULL);
		got = json_string_value(json_object_get(out,
		    "attester_type"));
		ATF_CHECK_MSG((got == NULL) == (cases[i].type == NULL) &&
		    (got == NULL || strcmp(got, cases[i].type) == 0), "%s",
		    cases[i].text);
		got = json_string_value(json_object_get(out,
		    "attester_held_data"));
		ATF_CHECK_MSG((got == NULL) == (cases[i].held == NULL) &&
		    (got == NULL || strcmp(got, cases[i].held) == 0), "%s",
		    cases[i].text);
		json_decref(out);
	}
}

ATF_TC_WITHOUT_HEAD(required);
ATF_TC_BODY(required, tc)
{
	static const struct {
		const char	*text, *want;
		int		 good;
	} cases[] = {
		{ "{\"s\":\"affirming\"}", "affirming", 1 },
		{ "{\"s\":\"Affirming\"}", "affirming", 0 },
		{ "{\"s\":\"affirming \"}", "affirming", 0 },
		{ "{\"s\":2}", "2", 1 }, { "{\"s\":\"2\"}", "2", 1 },
		{ "{\"s\":2.0}", "2", 0 }, { "{\"s\":-2}", "2", 0 },
		{ "{\"s\":true}", "true", 1 },
		{ "{\"s\":false}", "true", 0 },
		{ "{\"s\":null}", "null", 0 }, { "{}", "", 0 },
		{ "{\"s\":[\"affirming\"]}", "affirming", 0 },
		{ "{\"s\":{}}", "", 0 }, { "{\"s\":\"\"}", "", 1 },
	};
	struct row	 row = { CLAIM_REQUIRE, "/s", NULL };
	json_t		*out;
	size_t		 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		row.value = cases[i].want;
		out = mapped(&row, 1, cases[i].text);
		ATF_CHECK_EQ_MSG(out != NULL, cases[i].good, "%s",
		    cases[i].text);
		if (out == NULL)
			ATF_CHECK_MSG(strstr(why, "claim /s is not") == why,
			    "%s", why);
		json_decref(out);
	}
}

/* What the parent would not send. */
ATF_TC_WITHOUT_HEAD(config);
ATF_TC_BODY(config, tc)
{
	struct row	 rows[CLAIM_ROWS_MAX + 1];
	char		 text[CLAIM_PATH_MAX + 1];
	size_t		 i;

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		rows[i] = (struct row){ CLAIM_FROM, "tdx_mrtd", "x" };
	ATF_CHECK(map_of(rows, CLAIM_ROWS_MAX) != NULL);
	ATF_CHECK(map_of(rows, CLAIM_ROWS_MAX + 1) == NULL);
	rows[0].kind = CLAIM_ROW_MAX;
	ATF_CHECK(map_of(rows, 1) == NULL);
	rows[0].kind = CLAIM_FROM;
	rows[0].value = text;
	ATF_CHECK(map_of(rows, 1) == NULL);
	text[CLAIM_PATH_MAX - 1] = '\0';
	ATF_CHECK(map_of(rows, 1) != NULL);
}

/* Times, issuer and claims of a mapped token go the way of all others. */
ATF_TC_WITHOUT_HEAD(claims);
ATF_TC_BODY(claims, tc)
{
	static const struct row	 rows[] = {
		{ CLAIM_IS, "attester_type", "TDX" },
		{ CLAIM_FROM, "tdx_is_debuggable", "/s/debug" },
		{ CLAIM_FROM, "attester_key", "/s/key" },
		{ CLAIM_FROM, "tdx_seamsvn", "/s/svn" },
	};
#define TIMES	"\"exp\":1900000100,\"iss\":\"us\""
	static const struct {
		const char	*text;
		int		 good, debug;
		const char	*why;
	} cases[] = {
		{ "{" TIMES ",\"s\":{\"debug\":false}}", 1, 0, "" },
		{ "{" TIMES ",\"s\":{\"debug\":true}}", 1, 1, "" },
		{ "{" TIMES ",\"s\":{}}", 1, 1, "" },
		{ "{" TIMES ",\"s\":{\"debug\":null}}", 1, 1, "" },
		/* our names are not looked at where they are not mapped */
		{ "{" TIMES ",\"tdx_is_debuggable\":false}", 1, 1, "" },
		{ "{" TIMES ",\"dbgstat\":\"disabled\"}", 1, 1, "" },
		{ "{" TIMES ",\"ver\":\"2.0.0\",\"tdx\":{\"attester_type\":"
		    "\"TDX\",\"dbgstat\":\"disabled\"}}", 1, 1, "" },
		{ "{" TIMES ",\"s\":{\"debug\":\"false\"}}", 0, 0,
		    "tdx_is_debuggable" },
		{ "{" TIMES ",\"s\":{\"debug\":false,\"svn\":70000}}", 0, 0,
		    "tdx_seamsvn" },
		{ "{" TIMES ",\"s\":{\"debug\":false,\"svn\":\"3\"}}", 0, 0,
		    "tdx_seamsvn" },
		{ "{" TIMES ",\"s\":{\"debug\":false,\"key\":\"k\"}}", 0, 0,
		    "attester_key" },
		{ "{\"exp\":1900000000,\"iss\":\"us\"}", 0, 0, "expired" },
		{ "{\"iss\":\"us\"}", 0, 0, "exp" },
		{ "{\"exp\":1900000100.5,\"iss\":\"us\"}", 0, 0, "exp" },
		{ "{" TIMES ",\"nbf\":1900000061}", 0, 0, "not valid yet" },
		{ "{" TIMES ",\"iat\":1900000061}", 0, 0, "future" },
		{ "{\"exp\":1900000100,\"iss\":\"them\"}", 0, 0, "issuer" },
		{ "{\"exp\":1900000100,\"iss\":[\"us\"]}", 0, 0, "iss" },
		{ "{\"exp\":1900000100}", 0, 0, "issuer" },
		{ "[]", 0, 0, "" },
	};
	struct parties		 parties = { .issuer = "us" };
	struct claims		 c;
	size_t			 i;
	int			 rc;

	parties.map = map_of(rows, 4);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		why[0] = '\0';
		rc = claims_read(&c, cases[i].text, strlen(cases[i].text),
		    &parties, NOW, why, sizeof(why));
		ATF_CHECK_EQ_MSG(rc == 0, cases[i].good, "%s: %s",
		    cases[i].text, why);
		if (rc == -1) {
			ATF_CHECK_MSG(strstr(why, cases[i].why) != NULL,
			    "%s: %s", cases[i].text, why);
			continue;
		}
		ATF_CHECK_EQ(c.tee, TEE_TDX);
		ATF_CHECK_EQ_MSG(c.debug, cases[i].debug, "%s",
		    cases[i].text);
		claims_free(&c);
	}
	map_free(parties.map);
}

/* A key that signs is none to wrap for, wherever it is taken from. */
ATF_TC_WITHOUT_HEAD(keys);
ATF_TC_BODY(keys, tc)
{
	static const struct {
		const char	*more;
		int		 good;
	} cases[] = {
		{ "", 1 }, { ",\"use\":\"enc\"", 1 },
		{ ",\"use\":\"sig\"", 0 }, { ",\"use\":1", 0 },
		{ ",\"key_ops\":[\"encrypt\"]", 1 },
		{ ",\"key_ops\":[\"wrapKey\",\"unwrapKey\"]", 1 },
		{ ",\"key_ops\":[\"verify\"]", 0 },
		{ ",\"key_ops\":[\"sign\"]", 0 }, { ",\"key_ops\":[]", 0 },
		{ ",\"key_ops\":\"encrypt\"", 0 },
		{ ",\"use\":\"sig\",\"key_ops\":[\"encrypt\"]", 0 },
	};
	json_t			*jwk = mint_jwk(mint_rsa(3072), NULL, NULL,
				    NULL, 0);
	struct wrapping		 w;
	struct claims		 c = { .tee = TEE_TDX };
	char			*text, *plain;
	size_t			 i;

	plain = json_dumps(jwk, JSON_COMPACT);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ATF_REQUIRE(asprintf(&text, "%.*s%s}", (int)strlen(plain) - 1,
		    plain, cases[i].more) > 0);
		c.key = json_loads(text, 0, NULL);
		ATF_REQUIRE(c.key != NULL);
		ATF_CHECK_EQ_MSG(binding_claims(&w, &c, why, sizeof(why)) ==
		    0, cases[i].good, "%s", cases[i].more);
		json_decref(c.key);
		free(text);
	}
	c.key = mint_jwk(mint_ec("P-256"), NULL, NULL, NULL, 0);
	ATF_CHECK_EQ(binding_claims(&w, &c, why, sizeof(why)), -1);
	/* 2048 bits are too few, as everywhere */
	c.key = mint_jwk(mint_rsa(2048), NULL, NULL, NULL, 0);
	ATF_CHECK_EQ(binding_claims(&w, &c, why, sizeof(why)), -1);
	free(plain);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, paths);
	ATF_TP_ADD_TC(tp, values);
	ATF_TP_ADD_TC(tp, required);
	ATF_TP_ADD_TC(tp, config);
	ATF_TP_ADD_TC(tp, claims);
	ATF_TP_ADD_TC(tp, keys);
	return (atf_no_error());
}

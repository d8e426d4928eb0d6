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


/* The contract's bodies: what clients send, and what they are answered. */
#include <atf-c.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "digest.h"
#include "json.h"
#include "kbsd.h"
#include "object.h"

#define ID	"6f1c2d3e-4a5b-4c6d-8e7f-0a1b2c3d4e5f"
#define KEY16	"AAECAwQFBgcICQoLDA0ODw=="

static char	 why[OBJECT_WHY];

/* --- keys -------------------------------------------------------------- */

static int
key(struct ask *ask, const char *text)
{
	uint8_t	*material;
	size_t	 len;
	int	 rc;

	memset(ask, 0, sizeof(*ask));
	why[0] = '\0';
	rc = object_read_key(ask, &material, &len, text, strlen(text), why,
	    sizeof(why));
	if (rc == -1) {
		ATF_CHECK(material == NULL && len == 0);
		ATF_CHECK_EQ(0, ask->op);
	}
	freezero(material, len);
	return (rc);
}

static void
key_refused(const char *info, const char *say)
{
	struct ask	 ask;
	char		 text[1024];

	snprintf(text, sizeof(text), "{\"key_information\":{%s}}", info);
	ATF_CHECK_EQ_MSG(-1, key(&ask, text), "taken: %s", text);
	ATF_CHECK_MSG(strstr(why, say) != NULL, "%s: \"%s\" lacks \"%s\"",
	    text, why, say);
}

ATF_TC_WITHOUT_HEAD(keys);
ATF_TC_BODY(keys, tc)
{
	struct ask	 ask;
	uint8_t		 want[16], d[DIGEST_LEN], *material;
	size_t		 i, len;
	const char	*text;

	json_init();
	ATF_REQUIRE_EQ_MSG(0, key(&ask, "{\"key_information\":{\"algorithm\":"
	    "\"aes\",\"key_length\":256},\"transfer_policy_id\":\"" ID "\"}"),
	    "%s", why);
	ATF_CHECK_EQ(OP_KEY_CREATE, ask.op);
	ATF_CHECK(ask.algorithm == ALG_AES && ask.length == 256);
	ATF_CHECK(!uuid_isnil(&ask.policy) && !ask.has_material);
	ATF_REQUIRE_EQ_MSG(0, key(&ask, "{\"key_information\":{\"algorithm\":"
	    "\"EC\",\"key_length\":1,\"curve_type\":\"prime256v1\"}}"), "%s",
	    why);
	ATF_CHECK(ask.algorithm == ALG_EC && ask.length == 256 &&
	    ask.curve == CURVE_P256 && uuid_isnil(&ask.policy));
	/* empty is absent */
	ATF_REQUIRE_EQ_MSG(0, key(&ask, "{\"key_information\":{\"algorithm\":"
	    "\"RSA\",\"key_length\":7680,\"curve_type\":\"\",\"key_data\":\"\""
	    ",\"kmip_key_id\":\"\",\"keystore\":\"\"}}"), "%s", why);
	ATF_CHECK(ask.algorithm == ALG_RSA && ask.length == 7680);
	ATF_CHECK_EQ(OP_KEY_CREATE, ask.op);
	ATF_REQUIRE_EQ_MSG(0, key(&ask, "{\"key_information\":{\"algorithm\":"
	    "\"AES\",\"key_length\":128,\"kmip_key_id\":\"17\",\"keystore\":"
	    "\"main\",\"attested_only\":true},\"transfer_policy_id\":\"" ID
	    "\"}"), "%s", why);
	ATF_CHECK_EQ(OP_KEY_REGISTER, ask.op);
	ATF_CHECK_STREQ("17", ask.backend);
	ATF_CHECK_STREQ("main", ask.keystore);
	ATF_CHECK_EQ(KEY_ATTESTED_ONLY, ask.flags);
	text = "{\"key_information\":{\"algorithm\":\"AES\",\"key_length\":128,"
	    "\"key_data\":\"" KEY16 "\"}}";
	memset(&ask, 0, sizeof(ask));
	ATF_REQUIRE_EQ_MSG(0, object_read_key(&ask, &material, &len, text,
	    strlen(text), why, sizeof(why)), "%s", why);
	for (i = 0; i < sizeof(want); i++)
		want[i] = (uint8_t)i;
	ATF_CHECK(len == 16 && memcmp(material, want, 16) == 0);
	digest(d, want, 16);
	ATF_CHECK(ask.has_material && memcmp(ask.material, d, 32) == 0);
	freezero(material, len);
}

ATF_TC_WITHOUT_HEAD(keys_refused);
ATF_TC_BODY(keys_refused, tc)
{
	static const char *const bodies[] = { "", "[]", "{}", "null",
		"{\"key_information\":null}", "{\"key_information\":{}}",
		"{\"key_information\":{\"algorithm\":\"AES\",\"key_length\":"
		"128},\"transfer_policy_id\":\"\"}",
		"{\"key_information\":{\"algorithm\":\"AES\",\"key_length\":"
		"128},\"transfer_policy_id\":null}",
		"{\"key_information\":{\"algorithm\":\"AES\",\"key_length\":"
		"128},\"transfer_policy_id\":"
		"\"00000000-0000-0000-0000-000000000000\"}",
		"{\"key_information\":{\"algorithm\":\"AES\",\"key_length\":"
		"128},\"x\":1}" };
	struct ask	 ask;
	size_t		 i;

	json_init();
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		ATF_CHECK_EQ_MSG(-1, key(&ask, bodies[i]), "%s", bodies[i]);
	key_refused("\"key_length\":128", "algorithm");
	key_refused("\"algorithm\":\"DES\",\"key_length\":128", "algorithm");
	key_refused("\"algorithm\":\"AES\"", "key_length");
	key_refused("\"algorithm\":\"RSA\",\"key_length\":192",
	    "member \"key_length\": 192 bits is no RSA key length");
	key_refused("\"algorithm\":\"RSA\",\"key_length\":1024", "1024");
	key_refused("\"algorithm\":\"AES\",\"key_length\":-128", "-128");
	key_refused("\"algorithm\":\"AES\",\"key_length\":65664", "65664");
	key_refused("\"algorithm\":\"AES\",\"key_length\":4294967424",
	    "4294967424");
	key_refused("\"algorithm\":\"AES\",\"key_length\":\"128\"",
	    "key_length");
	key_refused("\"algorithm\":\"AES\",\"key_length\":128.0",
	    "key_length");
	key_refused("\"algorithm\":\"EC\"", "curve_type");
	key_refused("\"algorithm\":\"EC\",\"curve_type\":\"secp256k1\"",
	    "curve_type");
	key_refused("\"algorithm\":\"AES\",\"key_length\":256,\"key_data\":\""
	    KEY16 "\"", "256 bits");
	key_refused("\"algorithm\":\"AES\",\"key_length\":128,\"key_data\":"
	    "\"AAECAwQFBgcICQoLDA0ODx==\"", "base64");
	key_refused("\"algorithm\":\"AES\",\"key_length\":128,\"key_data\":"
	    "\"AAECAwQFBgcICQoLDA0ODw\"", "base64");
	key_refused("\"algorithm\":\"AES\",\"key_length\":128,\"key_data\":"
	    "null", "key_data");
	key_refused("\"algorithm\":\"AES\",\"key_length\":128,\"key_data\":\""
	    KEY16 "\",\"kmip_key_id\":\"1\"", "exclude");
	key_refused("\"algorithm\":\"AES\",\"key_length\":128,"
	    "\"kmip_key_id\":\"../../x\"", "kmip_key_id");
	key_refused("\"algorithm\":\"AES\",\"key_length\":128,"
	    "\"kmip_key_id\":\"a/b\"", "kmip_key_id");
	key_refused("\"algorithm\":\"AES\",\"key_length\":128,"
	    "\"kmip_key_id\":\"a\\nb\"", "kmip_key_id");
	key_refused("\"algorithm\":\"AES\",\"key_length\":128,"
	    "\"keystore\":\"0123456789012345678901234567890123456789"
	    "0123456789012345678901234\"", "keystore");
	key_refused("\"algorithm\":\"AES\",\"key_length\":128,"
	    "\"attested_only\":true", "attested_only");
	key_refused("\"algorithm\":\"AES\",\"key_length\":128,"
	    "\"attested_only\":1", "attested_only");
	key_refused("\"algorithm\":\"AES\",\"Algorithm\":\"AES\","
	    "\"key_length\":128", "Algorithm");
	/* why never says what the material was */
	ATF_CHECK(strstr(why, "AAEC") == NULL);
}

ATF_TC_WITHOUT_HEAD(big_material);
ATF_TC_BODY(big_material, tc)
{
	static uint8_t	 raw[MATERIAL_MAX + 1];
	static char	 text[BASE64_SIZE(MATERIAL_MAX + 1) + 256];
	static char	 b64[BASE64_SIZE(MATERIAL_MAX + 1)];
	struct ask	 ask;
	size_t		 n;

	json_init();
	for (n = MATERIAL_MAX; n <= MATERIAL_MAX + 1; n++) {
		ATF_REQUIRE(base64_encode(b64, sizeof(b64), raw, n) != -1);
		snprintf(text, sizeof(text), "{\"key_information\":"
		    "{\"algorithm\":\"RSA\",\"key_length\":2048,"
		    "\"key_data\":\"%s\"}}", b64);
		ATF_CHECK_EQ(n > MATERIAL_MAX ? -1 : 0, key(&ask, text));
	}
}

static int
move(struct ask *ask, const char *text)
{
	memset(ask, 0, sizeof(*ask));
	return (object_read_move(ask, text, strlen(text), why, sizeof(why)));
}

ATF_TC_WITHOUT_HEAD(moves);
ATF_TC_BODY(moves, tc)
{
	struct ask	 ask;
	char		 text[UUID_TEXT];

	ATF_CHECK_EQ(0, move(&ask, "{\"transfer_policy_id\":\"" ID "\"}"));
	ATF_CHECK_EQ(OP_KEY_MOVE, ask.op);
	ATF_CHECK_STREQ(ID, uuid_format(&ask.policy, text));
	ATF_CHECK_EQ(-1, move(&ask, "{}"));
	ATF_CHECK_EQ(-1, move(&ask, "{\"transfer_policy_id\":\"\"}"));
	ATF_CHECK_EQ(-1, move(&ask, "{\"transfer_policy_id\":null}"));
	ATF_CHECK_EQ(-1, move(&ask, "{\"transfer_policy_id\":\"" ID
	    "\",\"key_information\":{}}"));
	ATF_CHECK_EQ(0, ask.op);
}

/* --- users ------------------------------------------------------------- */

static char	 password[PASSWORD_MAX + 2];

static int
user(struct ask *ask, uint8_t op, const char *text)
{
	memset(ask, 0, sizeof(*ask));
	why[0] = '\0';
	return (object_read_user(ask, op, password, text, strlen(text), why,
	    sizeof(why)));
}

static void
user_refused(uint8_t op, const char *text, const char *say)
{
	struct ask	 ask;

	ATF_CHECK_EQ_MSG(-1, user(&ask, op, text), "taken: %s", text);
	ATF_CHECK_MSG(strstr(why, say) != NULL, "%s: \"%s\" lacks \"%s\"",
	    text, why, say);
	ATF_CHECK_STREQ("", password);
	ATF_CHECK_EQ(0, ask.op);
}

#define P10	"0123456789"
#define PERMS	"\"permissions\":[\"keys:create\"]"

ATF_TC_WITHOUT_HEAD(users);
ATF_TC_BODY(users, tc)
{
	struct ask	 ask;

	json_init();
	ATF_REQUIRE_EQ_MSG(0, user(&ask, OP_USER_CREATE, "{\"username\":"
	    "\"some@one\",\"password\":\"" P10 "\",\"permissions\":"
	    "[\"keys:create\",\"key-transfer-policies:search\","
	    "\"key_transfer_policies:search\",\"keys:create\"]}"), "%s", why);
	ATF_CHECK_EQ(OP_USER_CREATE, ask.op);
	ATF_CHECK_STREQ("some@one", ask.name);
	ATF_CHECK_STREQ(P10, password);
	ATF_CHECK_EQ(1, ask.has_password);
	ATF_CHECK_EQ(PERM_KEYS_CREATE | PERM_POLICIES_SEARCH,
	    ask.permissions);
	/* what is absent or empty stays */
	ATF_REQUIRE_EQ(0, user(&ask, OP_USER_UPDATE, "{}"));
	ATF_CHECK(ask.name[0] == '\0' && !ask.has_password &&
	    ask.permissions == 0 && password[0] == '\0');
	ATF_REQUIRE_EQ(0, user(&ask, OP_USER_UPDATE, "{\"username\":\"\","
	    "\"password\":\"\",\"permissions\":[]}"));
	ATF_CHECK(!ask.has_password);
	ATF_REQUIRE_EQ(0, user(&ask, OP_USER_UPDATE, "{\"password\":\"" P10
	    P10 P10 P10 P10 P10 P10 "x\"}"));
	ATF_CHECK_EQ(PASSWORD_MAX, strlen(password));
	user_refused(OP_USER_UPDATE, "{\"password\":\"" P10 P10 P10 P10 P10
	    P10 P10 "xy\"}", "password");
	user_refused(OP_USER_UPDATE, "{\"password\":\"12345678\"}",
	    "password");
	user_refused(OP_USER_UPDATE, "{\"password\":null}", "password");
	user_refused(OP_USER_UPDATE, "{\"username\":\"a b\"}", "username");
	user_refused(OP_USER_UPDATE, "{\"permissions\":[\"all\"]}",
	    "value 1");
	user_refused(OP_USER_UPDATE, "{\"permissions\":[1]}", "permissions");
	user_refused(OP_USER_UPDATE, "{\"permissions\":\"keys:create\"}",
	    "permissions");
	user_refused(OP_USER_UPDATE, "{\"id\":\"" ID "\"}", "id");
	user_refused(OP_USER_CREATE, "{}", "username");
	user_refused(OP_USER_CREATE, "{\"password\":\"" P10 "\"," PERMS "}",
	    "username");
	user_refused(OP_USER_CREATE, "{\"username\":\"a\"," PERMS "}",
	    "password");
	user_refused(OP_USER_CREATE, "{\"username\":\"a\",\"password\":\"" P10
	    "\"}", "permissions");
	user_refused(OP_USER_CREATE, "{\"username\":\"a\",\"password\":\"" P10
	    "\",\"permissions\":[]}", "permissions");
	user_refused(OP_USER_CREATE, "{\"username\":\"a\\u0000b\","
	    "\"password\":\"" P10 "\"," PERMS "}", "");
	user_refused(OP_USER_CREATE, "[]", "");
}

static int
login(char name[NAME_MAX_USER], const char *text)
{
	why[0] = '\0';
	return (object_read_login(name, password, text, strlen(text), why,
	    sizeof(why)));
}

ATF_TC_WITHOUT_HEAD(logins);
ATF_TC_BODY(logins, tc)
{
	static char	 text[1024];
	char		 name[NAME_MAX_USER];

	json_init();
	ATF_CHECK_EQ(0, login(name, "{\"username\":\"admin \",\"password\":"
	    "\"x\"}"));
	ATF_CHECK_STREQ("admin ", name);
	ATF_CHECK_STREQ("x", password);
	/* nobody's: one byte too long, whatever its length was */
	snprintf(text, sizeof(text), "{\"username\":\"a\",\"password\":"
	    "\"%0500d\"}", 0);
	ATF_CHECK_EQ(0, login(name, text));
	ATF_CHECK_EQ(PASSWORD_MAX + 1, strlen(password));
	snprintf(text, sizeof(text), "{\"username\":\"%0255d\",\"password\":"
	    "\"p\"}", 0);
	ATF_CHECK_EQ(0, login(name, text));
	snprintf(text, sizeof(text), "{\"username\":\"%0256d\",\"password\":"
	    "\"p\"}", 0);
	ATF_CHECK_EQ(-1, login(name, text));
	ATF_CHECK_STREQ("", name);
	ATF_CHECK_EQ(-1, login(name, "{\"username\":\"\",\"password\":"
	    "\"p\"}"));
	ATF_CHECK_EQ(-1, login(name, "{\"username\":\"a\",\"password\":"
	    "\"\"}"));
	ATF_CHECK_EQ(-1, login(name, "{\"username\":\"a\"}"));
	ATF_CHECK_EQ(-1, login(name, "{\"username\":\"a\",\"password\":"
	    "\"p\",\"otp\":\"1\"}"));
	ATF_CHECK_EQ(-1, login(name, "{\"username\":\"a\",\"username\":"
	    "\"b\",\"password\":\"p\"}"));
	ATF_CHECK_EQ(-1, login(name, "{\"username\":\"a\",\"password\":"
	    "\"p\"}{}"));
	ATF_CHECK_EQ(-1, login(name, ""));
}

/* --- policies ---------------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(policies);
ATF_TC_BODY(policies, tc)
{
	static const char	 body[] = "{\"sgx\":{\"attributes\":"
				    "{\"isvsvn\":\"2\"}},\"attestation_type\":"
				    "[\"SGX\"]}";
	struct policy_record	 p = { 0 };
	struct wbuf		 wb = { 0 };
	struct ask		 ask = { 0 };
	char			*text;

	json_init();
	ATF_REQUIRE_EQ_MSG(0, object_read_policy(&ask, &text, body,
	    strlen(body), why, sizeof(why)), "%s", why);
	ATF_CHECK_EQ(OP_POLICY_CREATE, ask.op);
	ATF_CHECK(ask.text == text && ask.textlen == strlen(text));
	ATF_CHECK_EQ(0, uuid_parse(&p.id, ID, strlen(ID)));
	p.created = 1700000000;
	p.text = ask.text;
	p.textlen = ask.textlen;
	object_policy(&wb, &p);
	wb_u8(&wb, 0);
	ATF_REQUIRE_EQ(0, wb.failed);
	ATF_CHECK_STREQ("{\"id\":\"" ID "\",\"created_at\":"
	    "\"2023-11-14T22:13:20Z\",\"attestation_type\":\"SGX\",\"sgx\":"
	    "{\"attributes\":{\"isvsvn\":2}}}", (char *)wb.data);
	wb_free(&wb);
	free(text);
	ATF_CHECK_EQ(-1, object_read_policy(&ask, &text, "{}", 2, why,
	    sizeof(why)));
	ATF_CHECK(text == NULL);
	/* a row that is no policy makes no answer */
	p.text = "{}";
	p.textlen = 2;
	object_policy(&wb, &p);
	ATF_CHECK_EQ(1, wb.failed);
	wb_free(&wb);
}

/* --- evidence ---------------------------------------------------------- */

static struct object_evidence	 ev;

static int
evidence(uint8_t tees, const char *text)
{
	object_evidence_free(&ev);
	why[0] = '\0';
	return (object_read_evidence(&ev, tees, text, strlen(text), why,
	    sizeof(why)));
}

static int
is(const uint8_t *data, size_t len, const char *text)
{
	return (len == strlen(text) && memcmp(data, text, len) == 0);
}

static void
evidence_refused(uint8_t tees, const char *text, const char *say)
{
	ATF_CHECK_EQ_MSG(-1, evidence(tees, text), "taken: %s", text);
	ATF_CHECK_MSG(strstr(why, say) != NULL, "%s: \"%s\" lacks \"%s\"",
	    text, why, say);
	ATF_CHECK(ev.part[0] == NULL && ev.part[1] == NULL);
}

#define QUOTE	"\"quote\":\"cXVvdGU=\",\"user_data\":\"aGVsZA==\""
#define NONCE	"\"nonce\":{\"val\":\"dmFs\",\"iat\":\"aWF0\"," \
		    "\"signature\":\"c2ln\"}"

ATF_TC_WITHOUT_HEAD(transfers);
ATF_TC_BODY(transfers, tc)
{
	json_init();
	ATF_REQUIRE_EQ_MSG(0, evidence(TEE_TDX, "{" QUOTE "," NONCE
	    ",\"event_log\":\"bG9n\",\"nvgpu\":{\"arch\" : \"HOPPER\","
	    "\"evidence_list\":[ ]}}"), "%s", why);
	ATF_CHECK_EQ(TEE_TDX, ev.e.tees);
	ATF_CHECK(is(ev.e.quote, ev.e.quotelen, "quote"));
	ATF_CHECK(is(ev.e.user_data, ev.e.user_datalen, "held"));
	ATF_CHECK(is(ev.e.event_log, ev.e.event_loglen, "log"));
	ATF_CHECK(is(ev.e.nvgpu, ev.e.nvgpulen,
	    "{\"arch\":\"HOPPER\",\"evidence_list\":[]}"));
	ATF_CHECK_EQ(1, ev.e.has_nonce);
	ATF_CHECK(is(ev.e.nonce_val, ev.e.nonce_vallen, "val"));
	ATF_CHECK(is(ev.e.nonce_iat, ev.e.nonce_iatlen, "iat"));
	ATF_CHECK(is(ev.e.nonce_sig, ev.e.nonce_siglen, "sig"));
	ATF_CHECK(ev.e.token == NULL && ev.e.tokenlen == 0);
	/* no nonce, and what clients write for nothing */
	ATF_REQUIRE_EQ_MSG(0, evidence(TEE_SGX, "{" QUOTE
	    ",\"event_log\":null,\"attestation_token\":\"\"}"), "%s", why);
	ATF_CHECK(!ev.e.has_nonce && ev.e.event_log == NULL);
	ATF_REQUIRE_EQ_MSG(0, evidence(0, "{\"attestation_token\":"
	    "\"a.b.c\",\"quote\":null}"), "%s", why);
	ATF_CHECK(is(ev.e.token, ev.e.tokenlen, "a.b.c"));
	object_evidence_free(&ev);
	object_evidence_free(&ev);
}

ATF_TC_WITHOUT_HEAD(transfers_refused);
ATF_TC_BODY(transfers_refused, tc)
{
	static char	 text[TOKEN_TEXT_MAX + 128];
	int		 n;

	json_init();
	evidence_refused(0, "{}", "attestation_token");
	evidence_refused(0, "{\"attestation_token\":\"\"}",
	    "attestation_token");
	evidence_refused(0, "{\"attestation_token\":null}",
	    "attestation_token");
	evidence_refused(0, "{\"attestation_token\":1}", "must be a string");
	evidence_refused(0, "{\"attestation_token\":\"x\",\"quote\":[]}",
	    "quote");
	evidence_refused(0, "{\"attestation_token\":\"x\",\"extra\":1}",
	    "extra");
	evidence_refused(0, "", "");
	evidence_refused(0, "null", "");
	evidence_refused(TEE_TDX, "{}", "quote");
	evidence_refused(TEE_TDX, "{\"attestation_token\":\"x\"}", "quote");
	evidence_refused(TEE_TDX, "{\"quote\":\"\",\"user_data\":\"aA==\"}",
	    "quote");
	evidence_refused(TEE_TDX, "{\"quote\":\"aA==\"}", "user_data");
	evidence_refused(TEE_TDX, "{\"quote\":\"a\",\"user_data\":\"aA==\"}",
	    "\"quote\": not canonical base64");
	evidence_refused(TEE_TDX, "{\"quote\":\"aA==\\n\",\"user_data\":"
	    "\"aA==\"}", "quote");
	evidence_refused(TEE_TDX, "{" QUOTE ",\"runtime_data\":\"aA==\"}",
	    "runtime_data");
	evidence_refused(TEE_TDX, "{" QUOTE ",\"nonce\":null}", "nonce");
	evidence_refused(TEE_TDX, "{" QUOTE ",\"nonce\":{}}", "val");
	evidence_refused(TEE_TDX, "{" QUOTE ",\"nonce\":{\"val\":\"\","
	    "\"iat\":\"\",\"signature\":\"\"}}", "val");
	evidence_refused(TEE_TDX, "{" QUOTE ",\"nonce\":{\"val\":\"dmFs\","
	    "\"iat\":\"aWF0\"}}", "signature");
	evidence_refused(TEE_TDX, "{" QUOTE ",\"nonce\":{\"val\":\"dmFs\","
	    "\"iat\":\"aWF0\",\"signature\":\"c2ln\",\"x\":1}}", "x");
	evidence_refused(TEE_TDX, "{" QUOTE ",\"nvgpu\":null}", "nvgpu");
	evidence_refused(TEE_TDX, "{" QUOTE ",\"nvgpu\":\"x\"}", "nvgpu");
	n = snprintf(text, sizeof(text), "{\"attestation_token\":\"");
	memset(text + n, 'a', TOKEN_TEXT_MAX + 1);
	snprintf(text + n + TOKEN_TEXT_MAX + 1, 16, "\"}");
	evidence_refused(0, text, "bytes");
	memmove(text + n, text + n + 1, strlen(text + n));
	ATF_CHECK_EQ(0, evidence(0, text));
	ATF_CHECK_EQ(TOKEN_TEXT_MAX, ev.e.tokenlen);
	object_evidence_free(&ev);
	n = snprintf(text, sizeof(text), "{" QUOTE ",\"nonce\":{\"iat\":"
	    "\"aWF0\",\"signature\":\"c2ln\",\"val\":\"");
	memset(text + n, 'A', NONCE_PART_MAX * 2);
	snprintf(text + n + NONCE_PART_MAX * 2, 16, "\"}}");
	evidence_refused(TEE_TDX, text, "val");
}

/* Every body that is cut short is refused, and nothing is left behind. */
ATF_TC_WITHOUT_HEAD(truncated);
ATF_TC_BODY(truncated, tc)
{
	static const char	 k[] = "{\"key_information\":{\"algorithm\":"
				    "\"AES\",\"key_length\":128,\"key_data\":\""
				    KEY16 "\"},\"transfer_policy_id\":\"" ID
				    "\"}";
	static const char	 e[] = "{" QUOTE "," NONCE "}";
	static const char	 u[] = "{\"username\":\"a\",\"password\":\""
				    P10 "\"," PERMS "}";
	struct ask		 ask;
	char			*copy, name[NAME_MAX_USER];
	uint8_t			*material;
	size_t			 i, len;

	json_init();
	for (i = 0; i < sizeof(k) - 1; i++) {
		ATF_REQUIRE((copy = malloc(i + 1)) != NULL);
		memcpy(copy, k, i);
		ATF_CHECK_EQ(-1, object_read_key(&ask, &material, &len, copy,
		    i, why, sizeof(why)));
		free(copy);
	}
	for (i = 0; i < sizeof(e) - 1; i++) {
		ATF_REQUIRE((copy = malloc(i + 1)) != NULL);
		memcpy(copy, e, i);
		ATF_CHECK_EQ(-1, object_read_evidence(&ev, TEE_SGX, copy, i,
		    why, sizeof(why)));
		free(copy);
	}
	for (i = 0; i < sizeof(u) - 1; i++) {
		ATF_REQUIRE((copy = malloc(i + 1)) != NULL);
		memcpy(copy, u, i);
		ATF_CHECK_EQ(-1, object_read_user(&ask, OP_USER_CREATE,
		    password, copy, i, why, sizeof(why)));
		ATF_CHECK_EQ(-1, object_read_login(name, password, copy, i,
		    why, sizeof(why)));
		free(copy);
	}
}

/* --- searches ---------------------------------------------------------- */

static int
filter(struct ask *ask, const char *name, const char *value)
{
	return (object_read_filter(ask, name, value, why, sizeof(why)));
}

ATF_TC_WITHOUT_HEAD(filters);
ATF_TC_BODY(filters, tc)
{
	struct ask	 ask = { 0 };

	ask.op = OP_KEY_SEARCH;
	ATF_CHECK_EQ(0, filter(&ask, "algorithm", "rsa"));
	ATF_CHECK_EQ(0, filter(&ask, "keyLength", "3072"));
	ATF_CHECK_EQ(0, filter(&ask, "curveType", "prime256v1"));
	ATF_CHECK_EQ(0, filter(&ask, "transferPolicyId", ID));
	ATF_CHECK_EQ(FILTER_ALGORITHM | FILTER_LENGTH | FILTER_CURVE |
	    FILTER_POLICY, ask.filter);
	ATF_CHECK(ask.algorithm == ALG_RSA && ask.length == 3072 &&
	    ask.curve == CURVE_P256 && !uuid_isnil(&ask.policy));
	ATF_CHECK_EQ(-1, filter(&ask, "algorithm", "rsa"));
	memset(&ask, 0, sizeof(ask));
	ask.op = OP_KEY_SEARCH;
	ATF_CHECK_EQ(-1, filter(&ask, "algorithm", ""));
	ATF_CHECK_EQ(-1, filter(&ask, "keyLength", "1024"));
	ATF_CHECK_EQ(-1, filter(&ask, "keyLength", "256 "));
	ATF_CHECK_EQ(-1, filter(&ask, "keyLength", "+256"));
	ATF_CHECK_EQ(-1, filter(&ask, "keyLength", "65792"));
	ATF_CHECK_EQ(-1, filter(&ask, "transferPolicyId", "x"));
	ATF_CHECK_EQ(-1, filter(&ask, "curveType", "x"));
	ATF_CHECK_EQ(-1, filter(&ask, "username", "a"));
	ATF_CHECK_EQ(-1, filter(&ask, "keylength", "256"));
	ATF_CHECK_EQ(0, ask.filter);
	ask.op = OP_USER_SEARCH;
	ATF_CHECK_EQ(-1, filter(&ask, "algorithm", "AES"));
	ATF_CHECK_EQ(-1, filter(&ask, "username", "a b"));
	ATF_CHECK_EQ(-1, filter(&ask, "username", ""));
	ATF_CHECK_EQ(0, filter(&ask, "username", "a"));
	ATF_CHECK_STREQ("a", ask.name);
	ask.op = OP_POLICY_SEARCH;
	ATF_CHECK_EQ(-1, filter(&ask, "limit", "0"));
	ATF_CHECK_EQ(-1, filter(&ask, "limit", "100001"));
	ATF_CHECK_EQ(-1, filter(&ask, "limit", "+1"));
	ATF_CHECK_EQ(-1, filter(&ask, "after", "x"));
	ATF_CHECK_EQ(0, filter(&ask, "limit", "100000"));
	ATF_CHECK_EQ(-1, filter(&ask, "limit", "1"));
	ATF_CHECK_EQ(0, filter(&ask, "after", ID));
	ATF_CHECK(ask.limit == 100000 && !uuid_isnil(&ask.after));
	ATF_CHECK_EQ(-1, filter(&ask, "username", "a"));
}

/* --- answers ----------------------------------------------------------- */

static struct key_record
record(void)
{
	struct key_record	 k = { 0 };

	ATF_REQUIRE_EQ(0, uuid_parse(&k.id, ID, strlen(ID)));
	k.algorithm = ALG_AES;
	k.length = 256;
	k.created = 1700000000;
	memset(k.seal, 0x41, sizeof(k.seal));
	return (k);
}

#define TAIL	"\"transfer_link\":\"/kbs/v1/keys/" ID "/transfer\"," \
		    "\"created_at\":\"2023-11-14T22:13:20Z\"}"

static void
says(struct wbuf *wb, const char *want)
{
	wb_u8(wb, 0);
	ATF_REQUIRE_EQ(0, wb->failed);
	ATF_CHECK_STREQ(want, (char *)wb->data);
	wb_free(wb);
}

ATF_TC_WITHOUT_HEAD(answers);
ATF_TC_BODY(answers, tc)
{
	struct key_record	 k = record();
	struct user_record	 u = { 0 };
	struct wbuf		 wb = { 0 };

	json_init();
	object_key(&wb, &k);
	says(&wb, "{\"id\":\"" ID "\",\"key_info\":{\"algorithm\":\"AES\","
	    "\"key_length\":256}," TAIL);
	k.algorithm = ALG_EC;
	k.curve = CURVE_P521;
	k.length = 521;
	k.policy = k.id;
	k.flags = KEY_ATTESTED_ONLY;
	strlcpy(k.backend, "a\"b\xff", sizeof(k.backend));
	object_key(&wb, &k);
	says(&wb, "{\"id\":\"" ID "\",\"key_info\":{\"algorithm\":\"EC\","
	    "\"key_length\":521,\"curve_type\":\"secp521r1\","
	    "\"kmip_key_id\":\"a\\\"b?\",\"attested_only\":true},"
	    "\"transfer_policy_id\":\"" ID "\"," TAIL);
	u.id = k.id;
	strlcpy(u.name, "admin", sizeof(u.name));
	u.permissions = PERM_POLICIES_CREATE | PERM_USERS_UPDATE;
	u.created = 0;
	u.updated = 1700000000;
	memset(u.hash, 0x41, sizeof(u.hash));
	u.hashlen = USER_HASH_MAX;
	object_user(&wb, &u);
	says(&wb, "{\"id\":\"" ID "\",\"created_at\":"
	    "\"1970-01-01T00:00:00Z\",\"updated_at\":"
	    "\"2023-11-14T22:13:20Z\",\"username\":\"admin\","
	    "\"permissions\":[\"key_transfer_policies:create\","
	    "\"users:update\"]}");
	object_error(&wb, "member \"x\" is\n\x80 bad");
	says(&wb, "{\"error\":\"member \\\"x\\\" is?? bad\"}");
	object_version(&wb, "kbsd", "0.1", "abc", "now");
	says(&wb, "{\"name\":\"kbsd\",\"version\":\"0.1\",\"gitHash\":"
	    "\"abc\",\"buildDate\":\"now\"}");
	object_wrapped(&wb, "\0\1", 2, NULL, 0);
	says(&wb, "{\"wrapped_key\":\"AAE=\"}");
	object_wrapped(&wb, "\0\1", 2, "abc", 3);
	says(&wb, "{\"wrapped_key\":\"AAE=\",\"wrapped_swk\":\"YWJj\"}");
	object_nonce(&wb, "a", 1, "b", 1, "", 0);
	says(&wb, "{\"val\":\"YQ==\",\"iat\":\"Yg==\",\"signature\":\"\"}");
}

ATF_TC_WITHOUT_HEAD(lists);
ATF_TC_BODY(lists, tc)
{
	struct key_record	 k = record();
	struct wbuf		 wb = { 0 };

	object_list_begin(&wb);
	object_list_end(&wb);
	says(&wb, "[]");
	object_list_begin(&wb);
	object_list_next(&wb);
	object_key(&wb, &k);
	object_list_next(&wb);
	object_key(&wb, &k);
	object_list_end(&wb);
#define ONE	"{\"id\":\"" ID "\",\"key_info\":{\"algorithm\":\"AES\"," \
		    "\"key_length\":256}," TAIL
	says(&wb, "[" ONE "," ONE "]");
#undef ONE
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, keys);
	ATF_TP_ADD_TC(tp, keys_refused);
	ATF_TP_ADD_TC(tp, big_material);
	ATF_TP_ADD_TC(tp, moves);
	ATF_TP_ADD_TC(tp, users);
	ATF_TP_ADD_TC(tp, logins);
	ATF_TP_ADD_TC(tp, policies);
	ATF_TP_ADD_TC(tp, transfers);
	ATF_TP_ADD_TC(tp, transfers_refused);
	ATF_TP_ADD_TC(tp, truncated);
	ATF_TP_ADD_TC(tp, filters);
	ATF_TP_ADD_TC(tp, answers);
	ATF_TP_ADD_TC(tp, lists);
	return (atf_no_error());
}

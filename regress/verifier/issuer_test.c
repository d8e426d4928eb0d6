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


/*
 * The verifier with blocks of other issuers: whose token it is, by which key
 * it is good, and what its claims become.
 */
#include "rig.h"

#define NKEYS	5

static const struct {
	const char	*alg, *curve;
} algs[NKEYS] = {
	{ "ES256", "P-256" }, { "ES384", "P-384" }, { "PS256", NULL },
	{ "PS384", NULL }, { "RS256", NULL },
};

static EVP_PKEY	*keys[NKEYS], *ear_key;
static char	*azure_set, *ear_set;
static uint64_t	 number;
/* Of the policy of rig.h, and one that names a block. */
static const char	 azure_policy[] = "{\"attestation_type\":\"TDX\","
    "\"attestation\":\"azure\",\"tdx\":{\"attributes\":{\"seamsvn\":0}}}";

static void
row(struct wbuf *w, uint8_t kind, const char *name, const char *value)
{
	wb_u8(w, kind);
	wb_str(w, name);
	wb_str(w, value);
}

static void
block(struct wbuf *w, uint8_t kind, const char *name, const char *audience,
    const char *alg)
{
	wb_u8(w, kind);
	wb_str(w, name);
	wb_str(w, name);		/* the issuer */
	wb_str(w, audience);
	wb_str(w, alg);
	wb_u32(w, 60);
}

/* "azure" says all at the top, "ear" in a submodule. */
static void
files_config(struct rig *rig, struct wbuf *w)
{
	(void)rig;
	wb_u32(w, 2);
	block(w, BLOCK_FILE, "azure", "", "");
	wb_u8(w, 1);
	wb_u32(w, 4);
	row(w, CLAIM_FROM, "attester_type", "x-ms-attestation-type");
	row(w, CLAIM_FROM, "attester_held_data", "x-ms-ehd");
	row(w, CLAIM_FROM, "tdx_is_debuggable", "x-ms-debug");
	row(w, CLAIM_FROM, "tdx_seamsvn", "x-ms-svn");
	block(w, BLOCK_FILE, "ear", "us", "");
	wb_u8(w, 1);
	wb_u32(w, 5);
	row(w, CLAIM_IS, "attester_type", "TDX");
	row(w, CLAIM_FROM, "attester_held_data", "/submods/cpu0/held");
	row(w, CLAIM_FROM, "tdx_is_debuggable", "/submods/cpu0/debug");
	row(w, CLAIM_FROM, "tdx_seamsvn", "/submods/cpu0/svn");
	row(w, CLAIM_REQUIRE, "/submods/cpu0/ear.status", "affirming");
}

static void
files_send(struct rig *rig)
{
	child_descriptor(rig->child, FD_JWKS, temp_file(azure_set,
	    strlen(azure_set)));
	child_descriptor(rig->child, FD_JWKS, temp_file(ear_set,
	    strlen(ear_set)));
}

static void
sets_make(void)
{
	json_t	*set = json_object(), *list = json_array();
	size_t	 i;

	for (i = 0; i < NKEYS; i++) {
		keys[i] = algs[i].curve != NULL ? mint_ec(algs[i].curve) :
		    mint_rsa(2048);
		json_array_append_new(list, mint_jwk(keys[i], algs[i].alg,
		    algs[i].alg, NULL, 0));
	}
	json_object_set_new(set, "keys", list);
	azure_set = json_dumps(set, JSON_COMPACT);
	ear_key = mint_ec("P-384");
	ear_set = mint_jwks(mint_jwk(ear_key, NULL, NULL, NULL, 0), NULL);
}

static void
files_start(struct rig *rig, int none)
{
	rig_prepare(rig);
	sets_make();
	rig->none = none;
	rig->foreign = files_config;
	rig->files = files_send;
	rig_child(rig, 60, 0);
	number = 0;
}

static char *
azure_payload(const char *issuer, int exp, const char *more)
{
	char	*text, *data = mint_b64(held, sizeof(held), 1);

	ATF_REQUIRE(asprintf(&text, "{\"iss\":\"%s\",\"exp\":%lld,"
	    "\"x-ms-attestation-type\":\"tdxvm\",\"x-ms-ehd\":\"%s\"%s}",
	    issuer, (long long)time(NULL) + exp, data, more) > 0);
	free(data);
	return (text);
}

#define SOUND	",\"x-ms-debug\":false,\"x-ms-svn\":0"

static char *
ear_payload(const char *status, const char *more)
{
	char	*text, *data = mint_b64(held, sizeof(held), 0);

	ATF_REQUIRE(asprintf(&text, "{\"iss\":\"ear\",\"exp\":%lld,"
	    "\"submods\":{\"cpu0\":{\"ear.status\":\"%s\",\"held\":\"%s\","
	    "\"debug\":false,\"svn\":0}}%s}", (long long)time(NULL) + 100,
	    status, data, more) > 0);
	free(data);
	return (text);
}

/* Refused with 401, for a reason in which part stands. */
static void
denied_by(struct rig *rig, const char *token, const char *text,
    const char *part)
{
	struct evidence	 e = { .token = (const uint8_t *)token,
	    .tokenlen = strlen(token) };
	struct answer	 a;

	appraise(rig, ++number, TRANSFER_TOKEN, &e, text);
	appraised(rig, number, &a);
	ATF_CHECK_EQ_MSG(a.verdict, VERDICT_DENIED, "%s: %u %s", part,
	    a.verdict, a.reason);
	ATF_CHECK_EQ_MSG(a.status, 401, "%s: %u", part, a.status);
	ATF_CHECK_MSG(strstr(a.reason, part) != NULL, "%s: %s", part,
	    a.reason);
	ATF_CHECK(peer_silent(rig->engine[0], 0));
	ATF_CHECK(peer_silent(rig->engine[1], 0));
}

static void
denied(struct rig *rig, const char *token, const char *part)
{
	denied_by(rig, token, policy, part);
}

static void
released(struct rig *rig, const char *token)
{
	struct answer	 a;

	passport(rig, ++number, token);
	appraised(rig, number, &a);
	ATF_CHECK_EQ_MSG(a.verdict, VERDICT_OK, "%s", a.reason);
	if (a.verdict == VERDICT_OK)
		verdict(rig, (unsigned int)(number % 2), number,
		    (const uint8_t *)token, strlen(token), &a);
}

/* HS256, the secret being the public key as PEM. */
static char *
hs256(EVP_PKEY *key, const char *payload)
{
	BIO		*bio = BIO_new(BIO_s_mem());
	char		*pem, *token, *sum;
	unsigned char	 mac[32];
	unsigned int	 maclen;
	long		 n;

	PEM_write_bio_PUBKEY(bio, key);
	n = BIO_get_mem_data(bio, &pem);
	token = mint_jws(NULL, "", "{\"alg\":\"HS256\",\"kid\":\"RS256\"}",
	    payload);
	ATF_REQUIRE(HMAC(EVP_sha256(), pem, (int)n, (unsigned char *)token,
	    strlen(token) - 1, mac, &maclen) != NULL);
	sum = mint_b64(mac, maclen, 1);
	ATF_REQUIRE(asprintf(&pem, "%s%s", token, sum) > 0);
	BIO_free(bio);
	free(token);
	free(sum);
	return (pem);
}

/* Every alg by its key, and by no other; the header chooses nothing. */
ATF_TC_WITHOUT_HEAD(algorithms);
ATF_TC_BODY(algorithms, tc)
{
	struct rig	 rig;
	char		*p, header[128];
	size_t		 i, j;

	files_start(&rig, 1);
	p = azure_payload("azure", 100, SOUND);
	for (i = 0; i < NKEYS; i++) {
		released(&rig, mint_token(keys[i], algs[i].alg, algs[i].alg,
		    p));
		for (j = 0; j < NKEYS; j++) {
			if (i == j || algs[i].curve != NULL ||
			    algs[j].curve != NULL)
				continue;
			/* the right key, by another alg than its own */
			denied(&rig, mint_token(keys[i], algs[j].alg,
			    algs[i].alg, p), "alg or signature");
		}
		/* a key that is another one's kid */
		denied(&rig, mint_token(keys[i], algs[i].alg,
		    algs[(i + 1) % NKEYS].alg, p), "alg or signature");
	}
	(void)snprintf(header, sizeof(header),
	    "{\"alg\":\"ES256\",\"kid\":\"RS256\"}");
	denied(&rig, mint_jws(keys[0], "ES256", header, p),
	    "alg or signature");
	denied(&rig, mint_jws(NULL, "", "{\"alg\":\"none\",\"kid\":"
	    "\"RS256\"}", p), "");
	denied(&rig, hs256(keys[4], p), "alg is none of ours");
	denied(&rig, mint_jws(keys[0], "ES256", "{\"alg\":\"ES256\",\"kid\":"
	    "\"ES256\",\"crit\":[\"exp\"]}", p), "crit");
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* Whose it is, and for whom, and since when. */
ATF_TC_WITHOUT_HEAD(parties);
ATF_TC_BODY(parties, tc)
{
	struct rig	 rig;
	char		*token;

	files_start(&rig, 1);
	released(&rig, mint_token(keys[0], "ES256", "ES256",
	    azure_payload("azure", 100, SOUND)));
	denied(&rig, mint_token(keys[0], "ES256", "ES256",
	    azure_payload("nobody", 100, SOUND)),
	    "no attestation block takes tokens of issuer \"nobody\"");
	denied(&rig, mint_token(keys[0], "ES256", "ES256", "{}"),
	    "no attestation block takes tokens of issuer \"\"");
	/* who only says that he is somebody */
	denied(&rig, mint_token(mint_ec("P-256"), "ES256", "ES256",
	    azure_payload("azure", 100, SOUND)), "alg or signature");
	denied(&rig, mint_token(keys[0], "ES256", "other",
	    azure_payload("azure", 100, SOUND)), "kid other is not known");
	denied(&rig, mint_jws(keys[0], "ES256", "{\"alg\":\"ES256\"}",
	    azure_payload("azure", 100, SOUND)), "not known");
	denied(&rig, mint_token(keys[0], "ES256", "ES256",
	    azure_payload("azure", -1, SOUND)), "expired");
	denied(&rig, mint_token(keys[0], "ES256", "ES256",
	    azure_payload("azure", 100, SOUND ",\"nbf\":9999999999")),
	    "not valid yet");
	denied(&rig, mint_token(keys[0], "ES256", "ES256", "{\"iss\":"
	    "\"azure\"}"), "exp");
	/* one key of one issuer is none of another's */
	denied(&rig, mint_token(keys[1], "ES384", "ES384",
	    ear_payload("affirming", ",\"aud\":\"us\"")), "kid");
	denied(&rig, mint_jws(keys[1], "ES384", "{\"alg\":\"ES384\"}",
	    ear_payload("affirming", ",\"aud\":\"us\"")),
	    "alg or signature");
	denied(&rig, mint_jws(ear_key, "ES384", "{\"alg\":\"ES384\"}",
	    ear_payload("affirming", "")), "audience");
	denied(&rig, mint_jws(ear_key, "ES384", "{\"alg\":\"ES384\"}",
	    ear_payload("affirming", ",\"aud\":\"them\"")), "audience");
	token = mint_jws(ear_key, "ES384", "{\"alg\":\"ES384\"}",
	    ear_payload("affirming", ",\"aud\":[\"them\",\"us\"]"));
	released(&rig, token);
	/* a policy trusts whom it names alone */
	denied_by(&rig, token, azure_policy, "not of the one that the policy");
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* What the map makes of claims, and what is not there. */
ATF_TC_WITHOUT_HEAD(claims);
ATF_TC_BODY(claims, tc)
{
	static const struct {
		const char	*more, *reason;
	} cases[] = {
		{ ",\"x-ms-debug\":true,\"x-ms-svn\":0",
		    "claim tdx_is_debuggable" },
		{ ",\"x-ms-svn\":0", "claim tdx_is_debuggable" },
		{ ",\"x-ms-debug\":false", "claim tdx_seamsvn" },
		{ ",\"x-ms-debug\":false,\"tdx_seamsvn\":0",
		    "claim tdx_seamsvn" },
		{ ",\"x-ms-debug\":false,\"x-ms-svn\":1",
		    "claim tdx_seamsvn" },
		{ ",\"x-ms-debug\":false,\"x-ms-svn\":\"0\"",
		    "tdx_seamsvn" },
		{ ",\"x-ms-debug\":\"false\",\"x-ms-svn\":0",
		    "tdx_is_debuggable" },
		{ ",\"x-ms-debug\":false,\"x-ms-debug\":false", "" },
	};
	struct rig	 rig;
	char		*p;
	size_t		 i;

	files_start(&rig, 1);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		denied(&rig, mint_token(keys[0], "ES256", "ES256",
		    azure_payload("azure", 100, cases[i].more)),
		    cases[i].reason);
	ATF_REQUIRE(asprintf(&p, "{\"iss\":\"azure\",\"exp\":%lld,"
	    "\"x-ms-attestation-type\":\"tdxvm\"" SOUND "}",
	    (long long)time(NULL) + 100) > 0);
	denied(&rig, mint_token(keys[0], "ES256", "ES256", p),
	    "wrapping key: the token names no key");
	ATF_REQUIRE(asprintf(&p, "{\"iss\":\"azure\",\"exp\":%lld,"
	    "\"x-ms-attestation-type\":\"sevsnpvm\"" SOUND "}",
	    (long long)time(NULL) + 100) > 0);
	denied(&rig, mint_token(keys[0], "ES256", "ES256", p),
	    "attester_type is neither");
	denied(&rig, mint_jws(ear_key, "ES384", "{\"alg\":\"ES384\"}",
	    ear_payload("contraindicated", ",\"aud\":\"us\"")),
	    "claim /submods/cpu0/ear.status is not affirming");
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* Beside a service: each has its own, and evidence goes to the service. */
ATF_TC_WITHOUT_HEAD(beside);
ATF_TC_BODY(beside, tc)
{
	struct rig	 rig;
	struct asked	 a;

	files_start(&rig, 0);
	rig_ready(&rig);
	released(&rig, token_make(&rig, "k", "", 100));
	released(&rig, mint_token(keys[3], "PS384", "PS384",
	    azure_payload("azure", 100, SOUND)));
	ATF_CHECK(peer_silent(rig.fetcher, 50));
	/* the service's key and a stranger's issuer, and the reverse */
	denied(&rig, mint_token(rig.m.leaf_key, "PS384", "k",
	    azure_payload("azure", 100, SOUND)), "kid k is not known");
	denied_by(&rig, token_make(&rig, "k", "", 100), azure_policy,
	    "issuer \"Tester\", not of the one");
	/* nothing of a file is asked of anybody, nor is evidence sent */
	appraise(&rig, ++number, TRANSFER_FIRST, NULL, policy);
	asked(&rig, &a);
	ATF_CHECK_EQ(a.what, FETCH_NONCE);
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* A policy that names who takes tokens alone has no first step. */
ATF_TC_WITHOUT_HEAD(evidence);
ATF_TC_BODY(evidence, tc)
{
	struct rig	 rig;
	struct rbuf	 r;
	struct request_name name;
	struct evidence	 e = { .quote = (const uint8_t *)"q", .quotelen = 1,
	    .tees = TEE_TDX };
	struct answer	 a;

	files_start(&rig, 0);
	rig_ready(&rig);
	appraise(&rig, ++number, TRANSFER_FIRST, NULL, azure_policy);
	peer_recv(rig.broker, IMSG_BROKER_NONCED, &r, ANSWER_MS);
	rb_name(&r, &name);
	ATF_CHECK_EQ(rb_u8(&r), VERDICT_DENIED);
	ATF_CHECK_EQ(rb_u16(&r), 401);
	appraise(&rig, ++number, TRANSFER_EVIDENCE, &e, azure_policy);
	appraised(&rig, number, &a);
	ATF_CHECK_EQ(a.verdict, VERDICT_DENIED);
	ATF_CHECK_MSG(strstr(a.reason, "takes tokens alone") != NULL, "%s",
	    a.reason);
	ATF_CHECK(peer_silent(rig.fetcher, 50));
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* --- a key set from elsewhere --------------------------------------- */

static void
url_config(struct rig *rig, struct wbuf *w)
{
	(void)rig;
	wb_u32(w, 1);
	block(w, BLOCK_URL, "ita", "", "RS256");
	wb_u8(w, 0);
}

static void
url_files(struct rig *rig)
{
	BIO	*bio = BIO_new(BIO_s_mem());
	char	*pem;
	long	 n;

	PEM_write_bio_X509(bio, rig->m.root);
	n = BIO_get_mem_data(bio, &pem);
	child_descriptor(rig->child, FD_ROOT, temp_file(pem, (size_t)n));
	BIO_free(bio);
}

static void
url_start(struct rig *rig)
{
	rig_prepare(rig);
	rig->none = 1;
	rig->foreign = url_config;
	rig->files = url_files;
	rig_child(rig, 60, 0);
	rig->fetcher = child_edge(rig->child, PROC_FETCHER, 0, 0);
	number = 0;
	kept(rig, NULL, 0);
}

/* A token of the block "ita", whose claims have our names already. */
static char *
url_token(EVP_PKEY *key, const char *alg)
{
	char	*text, *data = mint_b64(held, sizeof(held), 0);

	ATF_REQUIRE(asprintf(&text, "{\"iss\":\"ita\",\"exp\":%lld,"
	    "\"attester_type\":\"TDX\",\"tdx_is_debuggable\":false,"
	    "\"tdx_seamsvn\":0,\"attester_held_data\":\"%s\"}",
	    (long long)time(NULL) + 100, data) > 0);
	free(data);
	return (mint_token(key, alg, "k", text));
}

/* What comes of one answer with these keys, and no CRL asked for. */
static void
url_serve(struct rig *rig, char *set)
{
	struct asked	 a;

	asked(rig, &a);
	ATF_REQUIRE_EQ(a.what, FETCH_JWKS);
	give(rig, &a, GOT_OK, 200, set, strlen(set));
	free(set);
}

ATF_TC_WITHOUT_HEAD(url);
ATF_TC_BODY(url, tc)
{
	struct rig		 rig;
	struct mint_cert	 c = { .name = "Signing CA", .ca = 1 };
	X509			*certs[2];
	size_t			 len;

	url_start(&rig);
	/* whose certificates name no CRL: there is none to ask for */
	c.key = rig.m.ca_key;
	c.issuer = rig.m.root;
	c.signer = rig.m.root_key;
	certs[1] = mint_certificate(&c);
	c = (struct mint_cert){ .name = "Leaf", .key = rig.m.leaf_key,
	    .issuer = certs[1], .signer = rig.m.ca_key };
	certs[0] = mint_certificate(&c);
	url_serve(&rig, mint_jwks(mint_jwk(rig.m.leaf_key, "k", NULL, certs,
	    2), NULL));
	free(put(&rig, &len));
	released(&rig, url_token(rig.m.leaf_key, "RS256"));
	denied(&rig, url_token(rig.m.leaf_key, "PS256"), "alg or signature");
	ATF_CHECK_EQ(child_end(rig.child), 0);
	/* and whose name some: nothing without them */
	url_start(&rig);
	serve(&rig);
	free(put(&rig, &len));
	released(&rig, url_token(rig.m.leaf_key, "PS384"));
	ATF_CHECK_EQ(child_end(rig.child), 0);
	url_start(&rig);
	rig.revoked_leaf = rig.m.leaf;
	serve(&rig);
	denied(&rig, url_token(rig.m.leaf_key, "PS384"), "revoked");
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

ATF_TC_WITHOUT_HEAD(url_refused);
ATF_TC_BODY(url_refused, tc)
{
	struct rig	 rig;
	struct mint	 other;
	X509		*certs[3];
	int		 i;

	for (i = 0; i < 3; i++) {
		url_start(&rig);
		mint_init(&other);
		certs[0] = other.leaf;
		certs[1] = other.ca;
		certs[2] = i == 1 ? other.root : rig.m.root;
		/* without x5c, or with one that leads to another root */
		url_serve(&rig, mint_jwks(mint_jwk(other.leaf_key, "k",
		    "PS384", i == 0 ? NULL : certs, 3), NULL));
		passport(&rig, ++number, url_token(other.leaf_key, "PS384"));
		expect(&rig, number, VERDICT_UNAVAILABLE, 502,
		    "the attestation service is not available");
		ATF_CHECK_EQ(child_end(rig.child), 0);
	}
}

/* A file that is not as it should be: nothing starts with it. */
ATF_TC_WITHOUT_HEAD(broken);
ATF_TC_BODY(broken, tc)
{
	static const char *const said[] = { "key set of azure: ",
	    "private or symmetric", "no key set for azure" };
	struct rig	 rig;
	struct wbuf	 w = { 0 };
	json_t		*jwk;
	int		 i;

	for (i = 0; i < 3; i++) {
		rig_prepare(&rig);
		jwk = mint_jwk(mint_ec("P-256"), "k", NULL, NULL, 0);
		if (i == 1)
			json_object_set_new(jwk, "d", json_string("AQAB"));
		rig.child = child_start("verifier", PROC_VERIFIER, 0, 0, NULL);
		wb_u32(&w, 1);
		wb_u8(&w, 0);
		wb_u32(&w, 0);
		wb_u32(&w, 1);
		block(&w, BLOCK_FILE, "azure", "", "");
		wb_u8(&w, 0);
		wb_u8(&w, 0);
		child_config(rig.child, &w);
		azure_set = i == 0 ? strdup("") : mint_jwks(jwk, NULL);
		if (i < 2)
			child_descriptor(rig.child, FD_JWKS,
			    temp_file(azure_set, strlen(azure_set)));
		child_descriptor(rig.child, FD_NONCE_KEY, temp_file("", 0));
		peer_send(child_parent(rig.child), IMSG_PROCESS_GO, &w);
		ATF_CHECK_MSG(child_logged(rig.child, said[i], AGES), "%s",
		    said[i]);
		ATF_CHECK(child_end(rig.child) != 0);
		free(azure_set);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, algorithms);
	ATF_TP_ADD_TC(tp, parties);
	ATF_TP_ADD_TC(tp, claims);
	ATF_TP_ADD_TC(tp, beside);
	ATF_TP_ADD_TC(tp, evidence);
	ATF_TP_ADD_TC(tp, url);
	ATF_TP_ADD_TC(tp, url_refused);
	ATF_TP_ADD_TC(tp, broken);
	return (atf_no_error());
}

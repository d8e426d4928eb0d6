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
 * The verifier as a whole, among a broker, a fetcher and two engines that
 * are played here.
 */
#include "rig.h"

/* --- passport ------------------------------------------------------ */

ATF_TC_WITHOUT_HEAD(token);
ATF_TC_BODY(token, tc)
{
	struct rig	 rig;
	struct answer	 a;
	char		*token;
	uint64_t	 i;

	rig_start(&rig, 60, 0);
	rig_ready(&rig);
	token = token_make(&rig, "k", "", 100);
	for (i = 10; i < 14; i++) {
		passport(&rig, i, token);
		appraised(&rig, i, &a);
		ATF_CHECK_EQ_MSG(a.verdict, VERDICT_OK, "%s", a.reason);
		ATF_CHECK_EQ(a.status, 200);
		ATF_CHECK_EQ(a.tees, TEE_TDX);
		ATF_CHECK(memcmp(a.nonce, zero, DIGEST_LEN) == 0);
		verdict(&rig, (unsigned int)(i % 2), i,
		    (const uint8_t *)token, strlen(token), &a);
	}
	ATF_CHECK(peer_silent(rig.fetcher, 100));
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

ATF_TC_WITHOUT_HEAD(token_refused);
ATF_TC_BODY(token_refused, tc)
{
	struct rig	 rig;
	EVP_PKEY	*stranger = mint_rsa(2048);
	char		*text, *p;
	struct answer	 a;
	struct evidence	 e = { .token = (const uint8_t *)"x", .tokenlen = 1 };

	rig_start(&rig, 60, 0);
	rig_ready(&rig);
	p = payload_make("", 100);
	passport(&rig, 1, "x");
	expect(&rig, 1, VERDICT_DENIED, 401, "attestation denied: token");
	passport(&rig, 2, mint_token(stranger, "PS384", "k", p));
	expect(&rig, 2, VERDICT_DENIED, 401, "attestation denied: token");
	passport(&rig, 3, mint_token(rig.m.leaf_key, "RS256", "k", p));
	expect(&rig, 3, VERDICT_DENIED, 401, "attestation denied: token");
	passport(&rig, 4, token_make(&rig, "k", "", -1));
	expect(&rig, 4, VERDICT_DENIED, 401, "attestation denied: token");
	text = token_make(&rig, "k", "", 100);
	text[strlen(text) - 20] ^= 1;
	passport(&rig, 5, text);
	expect(&rig, 5, VERDICT_DENIED, 401, "attestation denied: token");
	/* claims: the audit log learns which, the client does not */
	passport(&rig, 6, token_make(&rig, "k", ",\"tdx_is_debuggable\":true",
	    100));
	appraised(&rig, 6, &a);
	ATF_CHECK_EQ(a.status, 401);
	ATF_CHECK_STREQ(a.text, "attestation denied: claims");
	ATF_CHECK_STREQ(a.claim, "tdx_is_debuggable");
	/* another key than the workload's would be e = 1 */
	held[0] = 1;
	held[2] = 0;
	passport(&rig, 7, token_make(&rig, "k", "", 100));
	expect(&rig, 7, VERDICT_DENIED, 401, "attestation denied: key");
	/* a policy that can't be read is no policy */
	appraise(&rig, 8, TRANSFER_TOKEN, &e, "{}");
	appraised(&rig, 8, &a);
	ATF_CHECK_EQ(a.verdict, VERDICT_DENIED);
	ATF_CHECK_EQ(a.status, 500);
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

ATF_TC_WITHOUT_HEAD(revoked);
ATF_TC_BODY(revoked, tc)
{
	struct rig	 rig;
	struct asked	 a;
	int		 i, ca;

	for (ca = 0; ca < 2; ca++) {
		rig_start(&rig, 60, 0);
		if (ca)
			rig.revoked_ca = rig.m.ca;
		else
			rig.revoked_leaf = rig.m.leaf;
		kept(&rig, NULL, 0);
		serve(&rig);
		passport(&rig, 1, token_make(&rig, "k", "", 100));
		expect(&rig, 1, VERDICT_DENIED, 401,
		    "attestation denied: token");
		ATF_CHECK_EQ(child_end(rig.child), 0);
	}
	/* a CRL that does not come, one that is expired, one of a stranger */
	for (i = 0; i < 3; i++) {
		rig_start(&rig, 60, 0);
		if (i == 1)
			rig.crl_until = -30;
		kept(&rig, NULL, 0);
		asked(&rig, &a);
		give(&rig, &a, GOT_OK, 200, rig.jwks, strlen(rig.jwks));
		asked(&rig, &a);
		if (i == 0)
			give(&rig, &a, GOT_UNAVAILABLE, 0, NULL, 0);
		else {
			if (i == 2) {
				rig.m.ca_key = mint_ec("P-256");
				rig.m.root_key = mint_ec("P-256");
			}
			give_crl(&rig, &a);
		}
		asked(&rig, &a);
		give_crl(&rig, &a);
		passport(&rig, 1, token_make(&rig, "k", "", 100));
		expect(&rig, 1, VERDICT_UNAVAILABLE, 502,
		    "the attestation service is not available");
		ATF_CHECK_EQ(child_end(rig.child), 0);
	}
}

/* --- collateral ---------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(flood);
ATF_TC_BODY(flood, tc)
{
	struct rig	 rig;
	struct answer	 a;
	char		 kid[32], *good;
	size_t		 len;
	uint64_t	 i;

	rig_start(&rig, 1, 0);
	rig_ready(&rig);
	good = token_make(&rig, "k", "", 100);
	/* the interval of the first fetch has passed: one more, for all */
	usleep(1100000);
	for (i = 1; i <= 300; i++) {
		snprintf(kid, sizeof(kid), "unknown-%llu",
		    (unsigned long long)i);
		passport(&rig, i, mint_token(rig.m.leaf_key, "RS256", kid,
		    "{}"));
	}
	serve(&rig);
	free(put(&rig, &len));
	for (i = 1; i <= 300; i++) {
		appraised(&rig, 0, &a);
		ATF_CHECK_EQ(a.status, 401);
		ATF_CHECK(strstr(a.reason, "is not known") != NULL);
	}
	passport(&rig, 1000, good);
	expect(&rig, 1000, VERDICT_OK, 200, "");
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* Shut by time, also when there is nothing and when it failed. */
ATF_TC_WITHOUT_HEAD(gate);
ATF_TC_BODY(gate, tc)
{
	struct rig	 rig;
	struct asked	 a;
	uint64_t	 i;

	rig_start(&rig, 3600, 0);
	kept(&rig, NULL, 0);
	asked(&rig, &a);
	give(&rig, &a, GOT_UNAVAILABLE, 503, NULL, 0);
	for (i = 1; i < 20; i++) {
		passport(&rig, i, token_make(&rig, "k", "", 100));
		expect(&rig, i, VERDICT_UNAVAILABLE, 502,
		    "the attestation service is not available");
	}
	ATF_CHECK(peer_silent(rig.fetcher, 200));
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* Who comes while it is on its way waits for it. */
ATF_TC_WITHOUT_HEAD(merge);
ATF_TC_BODY(merge, tc)
{
	struct rig	 rig;
	uint64_t	 i;

	rig_start(&rig, 60, 0);
	for (i = 1; i <= 20; i++)
		passport(&rig, i, token_make(&rig, "k", "", 100));
	kept(&rig, NULL, 0);
	serve(&rig);
	free(put(&rig, &(size_t){ 0 }));
	for (i = 1; i <= 20; i++)
		expect(&rig, 0, VERDICT_OK, 200, "");
	ATF_CHECK(peer_silent(rig.fetcher, 100));
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* A failed renewal takes nothing away; a revocation does. */
ATF_TC_WITHOUT_HEAD(renewal);
ATF_TC_BODY(renewal, tc)
{
	struct rig	 rig;
	struct asked	 a;
	char		*good;
	int		 i;
	static const char *const bad[] = { "", "{}", "{\"keys\":[]}" };

	rig_start(&rig, 1, 0);
	rig_ready(&rig);
	good = token_make(&rig, "k", "", 100);
	for (i = 0; i < 3; i++) {
		usleep(1100000);
		passport(&rig, 1, token_make(&rig, "other", "", 100));
		asked(&rig, &a);
		ATF_CHECK_EQ(a.what, FETCH_JWKS);
		ATF_CHECK(a.refresh);
		give(&rig, &a, i == 0 ? GOT_UNAVAILABLE : GOT_OK, 0, bad[i],
		    strlen(bad[i]));
		asked(&rig, &a);
		give(&rig, &a, GOT_UNAVAILABLE, 0, NULL, 0);
		asked(&rig, &a);
		give(&rig, &a, GOT_OK, 200, "garbage", 7);
		expect(&rig, 1, VERDICT_DENIED, 401,
		    "attestation denied: token");
		passport(&rig, 2, good);
		expect(&rig, 2, VERDICT_OK, 200, "");
		while (!peer_silent(rig.engine[0], 50))
			continue;
	}
	usleep(1100000);
	rig.revoked_leaf = rig.m.leaf;
	passport(&rig, 3, token_make(&rig, "other", "", 100));
	serve(&rig);
	appraised(&rig, 3, &(struct answer){ 0 });
	passport(&rig, 4, good);
	appraised(&rig, 4, &(struct answer){ 0 });
	ATF_CHECK(peer_silent(rig.engine[0], 50));
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* What the store has spares the question, if it still holds. */
ATF_TC_WITHOUT_HEAD(copy);
ATF_TC_BODY(copy, tc)
{
	struct rig	 rig, other;
	struct asked	 a;
	uint8_t		*data;
	char		*token;
	size_t		 len;

	rig_start(&rig, 60, 0);
	kept(&rig, NULL, 0);
	serve(&rig);
	data = put(&rig, &len);
	token = token_make(&rig, "k", "", 100);
	ATF_CHECK_EQ(child_end(rig.child), 0);

	rig_child(&rig, 60, 0);
	kept(&rig, data, len);
	passport(&rig, 2, token);
	expect(&rig, 2, VERDICT_OK, 200, "");
	ATF_CHECK(peer_silent(rig.fetcher, 100));
	/* and an unknown kid still asks */
	passport(&rig, 3, token_make(&rig, "other", "", 100));
	asked(&rig, &a);
	ATF_CHECK_EQ(a.what, FETCH_JWKS);
	ATF_CHECK_EQ(child_end(rig.child), 0);

	/* authentic once, but not under this root */
	rig_start(&other, 60, 0);
	kept(&other, data, len);
	asked(&other, &a);
	ATF_CHECK_EQ(a.what, FETCH_JWKS);
	ATF_CHECK_EQ(child_end(other.child), 0);

	/* a shelf that lies: cut, and turned over */
	rig_child(&rig, 60, 0);
	kept(&rig, data, len / 2);
	asked(&rig, &a);
	ATF_CHECK_EQ(a.what, FETCH_JWKS);
	ATF_CHECK_EQ(child_end(rig.child), 0);
	data[len - 5] ^= 1;		/* the signature of a CRL */
	rig_child(&rig, 60, 0);
	kept(&rig, data, len);
	asked(&rig, &a);
	ATF_CHECK_EQ(a.what, FETCH_JWKS);
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* --- background ---------------------------------------------------- */

static uint8_t	 td_quote[48 + 584 + 4];

static void
evidence_make(struct evidence *e, int nonce)
{
	memset(e, 0, sizeof(*e));
	memset(td_quote, 0, sizeof(td_quote));
	mint_quote(td_quote, 4, TEE_TDX);
	e->tees = TEE_TDX;
	e->quote = td_quote;
	e->quotelen = sizeof(td_quote);
	e->user_data = held;
	e->user_datalen = sizeof(held);
	if (nonce) {
		e->has_nonce = 1;
		e->nonce_val = (const uint8_t *)"val";
		e->nonce_iat = (const uint8_t *)"iat";
		e->nonce_sig = (const uint8_t *)"sig";
		e->nonce_vallen = e->nonce_iatlen = e->nonce_siglen = 3;
	}
}

static void
evidence_sign(const struct evidence *e)
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();

	EVP_DigestInit_ex(ctx, EVP_sha512(), NULL);
	EVP_DigestUpdate(ctx, e->nonce_val, e->nonce_vallen);
	EVP_DigestUpdate(ctx, e->nonce_iat, e->nonce_iatlen);
	EVP_DigestUpdate(ctx, e->user_data, e->user_datalen);
	EVP_DigestFinal_ex(ctx, td_quote + 48 + 520, NULL);
	EVP_MD_CTX_free(ctx);
}

#define NONCE_CLAIM	",\"verifier_nonce\":{\"val\":\"dmFs\",\"iat\":" \
			    "\"aWF0\",\"signature\":\"c2ln\"}"

ATF_TC_WITHOUT_HEAD(evidence);
ATF_TC_BODY(evidence, tc)
{
	struct rig	 rig;
	struct evidence	 e;
	struct asked	 a;
	struct answer	 out;
	uint8_t		 sum[DIGEST_LEN];
	char		*token;

	rig_start(&rig, 60, 0);
	rig_ready(&rig);
	evidence_make(&e, 1);
	evidence_sign(&e);
	appraise(&rig, 5, TRANSFER_EVIDENCE, &e, policy);
	asked(&rig, &a);
	ATF_CHECK_EQ(a.what, FETCH_ATTEST);
	ATF_CHECK_EQ(a.tees, TEE_TDX);
	ATF_CHECK_EQ(a.e.quotelen, sizeof(td_quote));
	ATF_CHECK(a.e.has_nonce);
	token = token_make(&rig, "k", NONCE_CLAIM, 100);
	give(&rig, &a, GOT_OK, 200, token, strlen(token));
	appraised(&rig, 5, &out);
	ATF_CHECK_EQ_MSG(out.verdict, VERDICT_OK, "%s", out.reason);
	digest(sum, "valiatsig", 9);
	ATF_CHECK(memcmp(out.nonce, sum, DIGEST_LEN) == 0);
	ATF_CHECK(out.expiry > (uint64_t)time(NULL) + 290);
	verdict(&rig, 1, 5, td_quote, sizeof(td_quote), &out);
	/* without a nonce, where none is required */
	evidence_make(&e, 0);
	evidence_sign(&e);
	appraise(&rig, 6, TRANSFER_EVIDENCE, &e, policy);
	asked(&rig, &a);
	token = token_make(&rig, "k", "", 100);
	give(&rig, &a, GOT_OK, 200, token, strlen(token));
	appraised(&rig, 6, &out);
	ATF_CHECK_EQ_MSG(out.verdict, VERDICT_OK, "%s", out.reason);
	ATF_CHECK(memcmp(out.nonce, zero, DIGEST_LEN) == 0);
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/*
 * Of a platform that the token does not name the quote's certificate tells;
 * the rest of this one is not its TEE's, but that the service judges.
 */
ATF_TC_WITHOUT_HEAD(platform);
ATF_TC_BODY(platform, tc)
{
	static const struct {
		const char	*platform;
		enum verdict	 verdict;
	} cases[] = {
		{ "b0c06f000000", VERDICT_OK },
		{ "b0c06f000001", VERDICT_DENIED },
	};
	const char	*shared = getenv("KBSD_SHARED");
	char		 path[PATH_MAX], text[256], *token;
	static uint8_t	 whole[16384];
	struct rig	 rig;
	struct evidence	 e;
	struct asked	 a;
	struct answer	 out;
	uint64_t	 i;
	size_t		 len;
	FILE		*f;

	snprintf(path, sizeof(path), "%s/data/dcap/real/quotes/"
	    "tdx-v4-b0c06f-qvl.dat", shared != NULL ? shared : "../shared");
	if ((f = fopen(path, "r")) == NULL)
		atf_tc_skip("%s is not there: set KBSD_SHARED", path);
	len = fread(whole, 1, sizeof(whole), f);
	fclose(f);
	rig_start(&rig, 60, 0);
	rig_ready(&rig);
	evidence_make(&e, 0);
	evidence_sign(&e);
	memcpy(whole + 48, td_quote + 48, 584);
	e.quote = whole;
	e.quotelen = len;
	for (i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "{\"attestation_type\":\"TDX\","
		    "\"tdx\":{\"attributes\":{\"seamsvn\":0,"
		    "\"platforms\":[\"%s\"]}}}", cases[i].platform);
		appraise(&rig, i + 1, TRANSFER_EVIDENCE, &e, text);
		asked(&rig, &a);
		token = token_make(&rig, "k", "", 100);
		give(&rig, &a, GOT_OK, 200, token, strlen(token));
		appraised(&rig, i + 1, &out);
		ATF_CHECK_EQ_MSG(out.verdict, cases[i].verdict, "%s",
		    out.reason);
	}
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* Refused before anybody is asked. */
ATF_TC_WITHOUT_HEAD(evidence_refused);
ATF_TC_BODY(evidence_refused, tc)
{
	struct rig	 rig;
	struct evidence	 e;

	rig_start(&rig, 60, 1);
	rig_ready(&rig);
	evidence_make(&e, 0);
	evidence_sign(&e);
	appraise(&rig, 1, TRANSFER_EVIDENCE, &e, policy);
	expect(&rig, 1, VERDICT_DENIED, 401, "attestation denied: nonce");
	evidence_make(&e, 1);
	appraise(&rig, 2, TRANSFER_EVIDENCE, &e, policy);
	expect(&rig, 2, VERDICT_DENIED, 401, "attestation denied: evidence");
	evidence_sign(&e);
	e.tees = TEE_SGX;
	appraise(&rig, 3, TRANSFER_EVIDENCE, &e, policy);
	expect(&rig, 3, VERDICT_DENIED, 401, "attestation denied: type");
	e.tees = 0;
	appraise(&rig, 4, TRANSFER_EVIDENCE, &e, policy);
	expect(&rig, 4, VERDICT_DENIED, 401, "attestation denied: type");
	e.tees = TEE_TDX;
	e.quotelen = 100;
	appraise(&rig, 5, TRANSFER_EVIDENCE, &e, policy);
	expect(&rig, 5, VERDICT_DENIED, 401, "attestation denied: evidence");
	e.quotelen = sizeof(td_quote);
	td_quote[48 + 120] = 1;
	appraise(&rig, 6, TRANSFER_EVIDENCE, &e, policy);
	expect(&rig, 6, VERDICT_DENIED, 401, "attestation denied: claims");
	td_quote[48 + 120] = 0;
	held[0] = 3;
	held[2] = 0;
	evidence_sign(&e);
	appraise(&rig, 7, TRANSFER_EVIDENCE, &e, policy);
	expect(&rig, 7, VERDICT_DENIED, 401, "attestation denied: key");
	ATF_CHECK(peer_silent(rig.fetcher, 100));
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* The last check of a test: its verdict. */
static uint8_t
tested(struct rig *rig, uint64_t number)
{
	struct request_name	 name;
	struct check		 check;
	struct rbuf		 r;
	uint32_t		 n;

	peer_recv(rig->broker, IMSG_BROKER_TESTED, &r, ANSWER_MS);
	rb_name(&r, &name);
	ATF_CHECK(name.front == 7 && name.number == number);
	for (n = rb_u32(&r); n > 0; n--)
		rb_check(&r, &check);
	ATF_REQUIRE(rb_end(&r) == 0);
	ATF_CHECK_STREQ(check.claim, "verdict");
	return (check.result);
}

/* Whatever comes of a test, no engine hears a verdict. */
ATF_TC_WITHOUT_HEAD(test);
ATF_TC_BODY(test, tc)
{
	struct rig	 rig;
	struct evidence	 e = { .has_nonce = 0 };
	struct asked	 a;
	char		*token;

	rig_start(&rig, 60, 1);
	rig_ready(&rig);
	token = token_make(&rig, "k", "", 100);
	e.token = (const uint8_t *)token;
	e.tokenlen = strlen(token);
	ask(&rig, IMSG_VERIFIER_TEST, 1, TRANSFER_TOKEN, &e, policy);
	ATF_CHECK_EQ(tested(&rig, 1), CHECK_OK);
	e.tokenlen -= 8;
	ask(&rig, IMSG_VERIFIER_TEST, 2, TRANSFER_TOKEN, &e, policy);
	ATF_CHECK_EQ(tested(&rig, 2), CHECK_FAILED);
	ask(&rig, IMSG_VERIFIER_TEST, 3, TRANSFER_TOKEN, &e, "{}");
	ATF_CHECK_EQ(tested(&rig, 3), CHECK_FAILED);
	evidence_make(&e, 1);
	evidence_sign(&e);
	e.tees = 0;
	ask(&rig, IMSG_VERIFIER_TEST, 4, TRANSFER_EVIDENCE, &e, policy);
	asked(&rig, &a);
	give(&rig, &a, GOT_OK, 200, token, strlen(token));
	ATF_CHECK_EQ(tested(&rig, 4), CHECK_FAILED);	/* no nonce in it */
	/* A quote alone needs no nonce, though one is required. */
	evidence_make(&e, 0);
	e.user_datalen = 0;
	ask(&rig, IMSG_VERIFIER_TEST, 5, TRANSFER_EVIDENCE, &e, policy);
	asked(&rig, &a);
	give(&rig, &a, GOT_OK, 200, token, strlen(token));
	ATF_CHECK_EQ(tested(&rig, 5), CHECK_OK);
	/* As evidence for a key it is worth nothing. */
	e.tees = TEE_TDX;
	appraise(&rig, 6, TRANSFER_EVIDENCE, &e, policy);
	expect(&rig, 6, VERDICT_DENIED, 401, "attestation denied: nonce");
	ATF_CHECK(peer_silent(rig.engine[0], 100));
	ATF_CHECK(peer_silent(rig.engine[1], 0));
	ATF_CHECK(peer_silent(rig.broker, 0));
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* A token about something else than what was sent. */
ATF_TC_WITHOUT_HEAD(substituted);
ATF_TC_BODY(substituted, tc)
{
	struct rig	 rig;
	struct evidence	 e;
	struct asked	 a;
	char		*token;
	uint64_t	 i;
	static const struct { const char *more, *text; } cases[] = {
		{ "", "attestation denied: nonce" },
		{ ",\"verifier_nonce\":{\"val\":\"dmFs\",\"iat\":\"aWF0\","
		    "\"signature\":\"c2lo\"}", "attestation denied: nonce" },
		{ NONCE_CLAIM ",\"tdx_rtmr0\":\"01000000000000000000000000000"
		    "0000000000000000000000000000000000000000000000000000000"
		    "000000000000\"", "attestation denied: token" },
	};
	uint8_t		 saved;

	rig_start(&rig, 60, 0);
	rig_ready(&rig);
	evidence_make(&e, 1);
	evidence_sign(&e);
	for (i = 0; i < 3; i++) {
		appraise(&rig, i, TRANSFER_EVIDENCE, &e, policy);
		asked(&rig, &a);
		token = token_make(&rig, "k", cases[i].more, 100);
		give(&rig, &a, GOT_OK, 200, token, strlen(token));
		expect(&rig, i, VERDICT_DENIED, 401, cases[i].text);
	}
	/* of another TEE */
	appraise(&rig, 8, TRANSFER_EVIDENCE, &e, policy);
	asked(&rig, &a);
	ATF_REQUIRE(asprintf(&token, "{\"ver\":\"2.0.0\",\"iss\":\"Tester\","
	    "\"exp\":%lld,\"sgx\":{\"attester_type\":\"SGX\"" NONCE_CLAIM
	    "}}", (long long)time(NULL) + 100) > 0);
	token = mint_token(rig.m.leaf_key, "PS384", "k", token);
	give(&rig, &a, GOT_OK, 200, token, strlen(token));
	expect(&rig, 8, VERDICT_DENIED, 401, "attestation denied: token");
	appraise(&rig, 9, TRANSFER_EVIDENCE, &e, policy);
	asked(&rig, &a);
	saved = held[100];
	held[100] ^= 1;
	token = token_make(&rig, "k", NONCE_CLAIM, 100);
	held[100] = saved;
	give(&rig, &a, GOT_OK, 200, token, strlen(token));
	expect(&rig, 9, VERDICT_DENIED, 401, "attestation denied: key");
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

ATF_TC_WITHOUT_HEAD(service);
ATF_TC_BODY(service, tc)
{
	struct rig	 rig;
	struct evidence	 e;
	struct asked	 a;
	struct answer	 out;

	rig_start(&rig, 60, 0);
	rig_ready(&rig);
	evidence_make(&e, 1);
	evidence_sign(&e);
	appraise(&rig, 1, TRANSFER_EVIDENCE, &e, policy);
	asked(&rig, &a);
	give(&rig, &a, GOT_REFUSED, 400, NULL, 0);
	expect(&rig, 1, VERDICT_DENIED, 502,
	    "the attestation service refused");
	appraise(&rig, 2, TRANSFER_EVIDENCE, &e, policy);
	asked(&rig, &a);
	give(&rig, &a, GOT_UNAVAILABLE, 503, NULL, 0);
	expect(&rig, 2, VERDICT_UNAVAILABLE, 502,
	    "the attestation service is not available");
	appraise(&rig, 3, TRANSFER_EVIDENCE, &e, policy);
	asked(&rig, &a);
	give(&rig, &a, GOT_BUSY, 0, NULL, 0);
	appraised(&rig, 3, &out);
	ATF_CHECK_EQ(out.verdict, VERDICT_BUSY);
	ATF_CHECK_EQ(out.status, 503);
	/* the fetcher dies with a question */
	appraise(&rig, 4, TRANSFER_EVIDENCE, &e, policy);
	asked(&rig, &a);
	peer_close(rig.fetcher);
	expect(&rig, 4, VERDICT_UNAVAILABLE, 502,
	    "the attestation service is not available");
	appraise(&rig, 5, TRANSFER_EVIDENCE, &e, policy);
	expect(&rig, 5, VERDICT_UNAVAILABLE, 502,
	    "the attestation service is not available");
	rig.fetcher = child_edge(rig.child, PROC_FETCHER, 0, 0);
	appraise(&rig, 6, TRANSFER_EVIDENCE, &e, policy);
	asked(&rig, &a);
	ATF_CHECK_EQ(a.what, FETCH_ATTEST);
	/* an answer to no question is dropped, a message of no sense is not */
	a.tag += 1000;
	give(&rig, &a, GOT_OK, 200, "x", 1);
	ATF_CHECK(peer_silent(rig.broker, 100));
	a.tag -= 1000;
	give(&rig, &a, GOT_MAX, 200, "x", 1);
	expect(&rig, 6, VERDICT_UNAVAILABLE, 502,
	    "the attestation service is not available");
	ATF_CHECK(peer_closed(rig.fetcher, AGES));
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

ATF_TC_WITHOUT_HEAD(nonce);
ATF_TC_BODY(nonce, tc)
{
	struct rig		 rig;
	struct asked		 a;
	struct request_name	 name;
	struct wbuf		 w = { 0 };
	struct rbuf		 r;
	const uint8_t		*p;
	char			 text[512];
	size_t			 len;
	int			 round;

	rig_start(&rig, 60, 0);
	rig_ready(&rig);
	for (round = 0; round < 3; round++) {
		appraise(&rig, 20, TRANSFER_FIRST, NULL, policy);
		asked(&rig, &a);
		ATF_CHECK_EQ(a.what, FETCH_NONCE);
		wb_bytes(&w, "val", 3);
		wb_bytes(&w, "iat", 3);
		if (round != 1)
			wb_bytes(&w, "sig", 3);
		give(&rig, &a, round == 2 ? GOT_UNAVAILABLE : GOT_OK, 200,
		    w.data, w.len);
		wb_free(&w);
		peer_recv(rig.broker, IMSG_BROKER_NONCED, &r, ANSWER_MS);
		rb_name(&r, &name);
		ATF_CHECK_EQ(name.number, 20);
		ATF_CHECK_EQ(rb_u8(&r), round == 0 ? VERDICT_OK :
		    VERDICT_UNAVAILABLE);
		ATF_CHECK_EQ(rb_u16(&r), round == 0 ? 200 : 502);
		rb_str(&r, text, sizeof(text));
		rb_str(&r, text, sizeof(text));
		ATF_CHECK_EQ(rb_u8(&r), TEE_TDX);
		p = rb_bytes(&r, &len, 0, 64);
		ATF_CHECK_EQ(len, round == 0 ? 3 : 0);
		if (len == 3)
			ATF_CHECK(memcmp(p, "val", 3) == 0);
		(void)rb_bytes(&r, &len, 0, 64);
		(void)rb_bytes(&r, &len, 0, 64);
		ATF_CHECK(rb_end(&r) == 0);
	}
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* Garbage from the broker ends its edge, not the process. */
ATF_TC_WITHOUT_HEAD(violation);
ATF_TC_BODY(violation, tc)
{
	static const uint32_t types[] = { IMSG_VERIFIER_APPRAISE,
	    IMSG_VERIFIER_NONCE, IMSG_VERIFIER_COLLATERAL,
	    IMSG_VERIFIER_GOT, IMSG_ENGINE_ORDER };
	struct rig	 rig;
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	size_t		 i, j;

	rig_start(&rig, 60, 0);
	kept(&rig, NULL, 0);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (j = 0; j < 120; j++)
			wb_u8(&w, 0xff);
		peer_send(rig.broker, types[i], &w);
		ATF_CHECK(peer_closed(rig.broker, AGES));
		peer_recv(child_parent(rig.child), IMSG_PARENT_VIOLATION, &r,
		    AGES);
		peer_close(rig.broker);
		rig.broker = child_edge(rig.child, PROC_BROKER, 0, 0);
	}
	serve(&rig);
	free(put(&rig, &(size_t){ 0 }));
	passport(&rig, 1, token_make(&rig, "k", "", 100));
	expect(&rig, 1, VERDICT_OK, 200, "");
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

/* Of two services only the one that a policy names; and none besides them. */
ATF_TC_WITHOUT_HEAD(named);
ATF_TC_BODY(named, tc)
{
	static const char	 form[] = "{\"attestation_type\":\"TDX\","
	    "\"attestation\":\"%s\",\"tdx\":{\"attributes\":"
	    "{\"seamsvn\":0}}}";
	struct rig		 rig;
	struct asked		 a;
	struct answer		 answer;
	struct evidence		 e = { 0 };
	struct peer		*ita;
	struct rbuf		 r;
	char			 text[256];
	size_t			 len;

	rig_prepare(&rig);
	rig.two = 1;
	rig_child(&rig, 60, 0);
	kept(&rig, NULL, 0);
	kept(&rig, NULL, 0);
	asked(&rig, &a);
	give(&rig, &a, GOT_UNAVAILABLE, 503, NULL, 0);
	ita = rig.fetcher;
	rig.fetcher = rig.second;
	serve(&rig);
	free(put(&rig, &len));
	e.token = (const uint8_t *)token_make(&rig, "k", "", 100);
	e.tokenlen = strlen((const char *)e.token);
	appraise(&rig, 1, TRANSFER_TOKEN, &e, policy);
	appraised(&rig, 1, &answer);
	verdict(&rig, 1, 1, e.token, e.tokenlen, &answer);
	(void)snprintf(text, sizeof(text), form, "two");
	appraise(&rig, 2, TRANSFER_TOKEN, &e, text);
	appraised(&rig, 2, &answer);
	ATF_CHECK_EQ(VERDICT_OK, answer.verdict);
	peer_recv(rig.engine[0], IMSG_ENGINE_VERDICT, &r, AGES);
	appraise(&rig, 3, TRANSFER_FIRST, NULL, text);
	asked(&rig, &a);
	ATF_CHECK_EQ(FETCH_NONCE, a.what);
	ATF_CHECK(peer_silent(ita, 50));
	(void)snprintf(text, sizeof(text), form, "ita");
	appraise(&rig, 4, TRANSFER_TOKEN, &e, text);
	expect(&rig, 4, VERDICT_UNAVAILABLE, 502,
	    "the attestation service is not available");
	(void)snprintf(text, sizeof(text), form, "other");
	appraise(&rig, 5, TRANSFER_TOKEN, &e, text);
	appraised(&rig, 5, &answer);
	ATF_CHECK_EQ(VERDICT_DENIED, answer.verdict);
	ATF_CHECK_EQ(500, answer.status);
	ATF_CHECK_STREQ("policy: attestation \"other\" is not configured",
	    answer.reason);
	ATF_CHECK_EQ(child_end(rig.child), 0);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, token);
	ATF_TP_ADD_TC(tp, test);
	ATF_TP_ADD_TC(tp, token_refused);
	ATF_TP_ADD_TC(tp, revoked);
	ATF_TP_ADD_TC(tp, flood);
	ATF_TP_ADD_TC(tp, gate);
	ATF_TP_ADD_TC(tp, merge);
	ATF_TP_ADD_TC(tp, renewal);
	ATF_TP_ADD_TC(tp, copy);
	ATF_TP_ADD_TC(tp, evidence);
	ATF_TP_ADD_TC(tp, platform);
	ATF_TP_ADD_TC(tp, evidence_refused);
	ATF_TP_ADD_TC(tp, substituted);
	ATF_TP_ADD_TC(tp, service);
	ATF_TP_ADD_TC(tp, nonce);
	ATF_TP_ADD_TC(tp, named);
	ATF_TP_ADD_TC(tp, violation);
	return (atf_no_error());
}

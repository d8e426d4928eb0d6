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
 * The verifier program judging quotes by itself: its own nonces, collateral by
 * way of a fetcher and the store, and what it says of the simulated TEE.
 */
#include "local_rig.h"

#include "local.h"
#include "standin.h"

#define SET_NAME	"dcap tdx 30807f000000 platform"

static const char	*standin;
static uint8_t		 quote[16384];

static void
begin_child(void)
{
	const char	*pem;
	size_t		 len;

	pem = slurp("pki/tee-root.pem", &len);
	local_child(FETCHER_DCAP, "local", pem, len);
}

static void
begin(const atf_tc_t *tc)
{
	standin = standin_find(tc);
	terms_tee = TEE_TDX;
	mkdir("pki", 0700);
	run("%s/tee -d pki -t tdx -r $(printf %%0128d 0) -o quote.any",
	    standin);
	run("%s/tee -d pki -t tdx --collateral c", standin);
	run("%s/tee --show quote.any | tr -d '\\n ' | "
	    "sed 's/.*\"mrtd\":\"\\([0-9a-f]*\\)\".*/\\1/' >mrtd",
	    standin);
	snprintf(terms, sizeof(terms), "{\"attestation_type\":\"TDX\",\"tdx\":"
	    "{\"attributes\":{\"mrtd\":[\"%.96s\"],"
	    "\"enforce_tcb_upto_date\":true}}}", slurp("mrtd", NULL));
	rig_ids();
	begin_child();
}

/* By the simulated TEE, over what the nonce asks for. */
static void
make_quote(const char *more)
{
	uint8_t		 hash[64];
	char		 hex[129], line[512];
	const char	*data;
	size_t		 i;

	report_data(hash);
	for (i = 0; i < sizeof(hash); i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	snprintf(line, sizeof(line), "%s/tee -d pki -t tdx %s -r %s -o quote",
	    standin, more, hex);
	run("%s", line);
	data = slurp("quote", &sent.quotelen);
	ATF_REQUIRE(sent.quotelen <= sizeof(quote));
	memcpy(quote, data, sent.quotelen);
	sent.quote = quote;
}

static void
add(struct wbuf *w, const char *dir, const char *name)
{
	char		 path[128];
	const char	*data;
	size_t		 len;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	data = slurp(path, &len);
	wb_bytes(w, data, len);
}

static void
parts_of(struct wbuf *w, const char *dir)
{
	static const char *const	 names[] = {
		"pck_crl.der", "pck_crl_issuer_chain.pem", "root_ca_crl.der",
		"tcb_info.json", "tcb_info_issuer_chain.pem",
		"qe_identity.json", "qe_identity_issuer_chain.pem",
	};
	size_t				 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add(w, dir, names[i]);
}

static void
give_collateral(const struct asked *a, const char *dir)
{
	struct wbuf	 w = { 0 };

	ATF_REQUIRE_EQ(FETCH_DCAP, a->what);
	ATF_CHECK_EQ(TEE_TDX, a->tees);
	ATF_CHECK_EQ(7, a->len);
	ATF_CHECK(memcmp(a->bytes, "\x30\x80\x7f\0\0\0\1", 7) == 0);
	parts_of(&w, dir);
	give(&rig, a, GOT_OK, 200, w.data, w.len);
	wb_free(&w);
}

/* A first quote, whose collateral has to come; what is put into the store. */
static uint8_t		*copy;
static size_t		 copylen;

static void
first(const char *dir, int good)
{
	struct asked	 a;

	nonce(&key_id);
	make_quote("");
	send();
	store(SET_NAME, NULL, 0);
	asked(&rig, &a);
	give_collateral(&a, dir);
	free(copy);
	copy = good ? put(&rig, &copylen) : NULL;
}

#define TEST(name, text)						\
ATF_TC(name);								\
ATF_TC_HEAD(name, tc)							\
{									\
	atf_tc_set_md_var(tc, "descr", text);				\
	atf_tc_set_md_var(tc, "require.progs", "python3");		\
}									\
ATF_TC_BODY(name, tc)

TEST(whole, "a nonce, a quote, collateral once; the copy serves the next one")
{
	struct answer	 a;

	begin(tc);
	first("c", 1);
	appraised(&rig, number, &a);
	ATF_CHECK_EQ_MSG(VERDICT_OK, a.verdict, "%s", a.reason);
	ATF_CHECK(memcmp(a.nonce, zero, DIGEST_LEN) != 0);
	ATF_CHECK(a.expiry >= (uint64_t)time(NULL) + NONCE_LIFE_S - 10);
	took();
	/* Known now. */
	nonce(&key_id);
	make_quote("");
	send();
	judged(VERDICT_OK, 200, "");
	ATF_CHECK(peer_silent(rig.fetcher, 50));
	end();
	/* What the store gives is verified like what comes from outside. */
	begin_child();
	nonce(&key_id);
	make_quote("");
	send();
	store(SET_NAME, copy, copylen);
	judged(VERDICT_OK, 200, "");
	ATF_CHECK(peer_silent(rig.fetcher, 50));
	end();
}

TEST(nonces, "another key's, another verifier's, changed, none at all")
{
	struct uuid	 other;
	size_t		 i;

	begin(tc);
	uuid_make(&other);
	nonce(&other);
	make_quote("");
	send();
	judged(VERDICT_DENIED, 401, "none of ours, or of another key");
	for (i = 0; i < 3; i++) {
		nonce(&key_id);
		parts[i][0] ^= 1;
		make_quote("");
		send();
		judged(VERDICT_DENIED, 401, "none of ours");
	}
	nonce(&key_id);
	forget_nonce();
	make_quote("");
	send();
	judged(VERDICT_DENIED, 401, "there is no nonce");
	/* Of the quote before. */
	nonce(&key_id);
	send();
	judged(VERDICT_DENIED, 401, "there is no quote");
	nonce(&key_id);
	make_quote("");
	parts[0][0] ^= 1;
	send();
	judged(VERDICT_DENIED, 401, "report data is not that");
	end();
}

/* By the clock, and whatever stands in it. */
ATF_TC_WITHOUT_HEAD(nonce_time);
ATF_TC_BODY(nonce_time, tc)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	struct evidence	 e = { .has_nonce = 1 };
	struct uuid	 key;
	int64_t		 t = 1780000000;

	uuid_make(&key);
	nonce_init("a key", 5);
	nonce_make(&w, &key, t);
	rb_init(&r, w.data, w.len);
	e.nonce_val = rb_bytes(&r, &e.nonce_vallen, 1, 64);
	e.nonce_iat = rb_bytes(&r, &e.nonce_iatlen, 1, 64);
	e.nonce_sig = rb_bytes(&r, &e.nonce_siglen, 1, 64);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	ATF_CHECK_EQ(NULL, nonce_wrong(&e, &key, t));
	ATF_CHECK_EQ(NULL, nonce_wrong(&e, &key, t + NONCE_LIFE_S - 1));
	ATF_CHECK_STREQ("the nonce has expired", nonce_wrong(&e, &key,
	    t + NONCE_LIFE_S));
	ATF_CHECK_EQ(NULL, nonce_wrong(&e, &key, t - CLOCK_LEEWAY));
	ATF_CHECK(nonce_wrong(&e, &key, t - CLOCK_LEEWAY - 1) != NULL);
	e.nonce_iatlen--;
	ATF_CHECK(nonce_wrong(&e, &key, t) != NULL);
	e.nonce_iatlen++;
	nonce_init("another", 7);
	ATF_CHECK(nonce_wrong(&e, &key, t) != NULL);
	wb_free(&w);
}

TEST(refused, "quotes of a debuggable TD, of other measurements, not signed")
{
	static const struct {
		const char	*how, *why;
	} rows[] = {
		{ "--debug", "debuggable" },
		{ "--mrtd $(printf %096d 7)", "mrtd" },
		{ "--break quote-signature", "quote_signature" },
		{ "--break qe-signature", "qe_report_signature" },
		{ "--break qe-hash", "qe_report_data" },
	};
	size_t	 i;

	begin(tc);
	first("c", 1);
	judged(VERDICT_OK, 200, "");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		nonce(&key_id);
		make_quote(rows[i].how);
		send();
		judged(VERDICT_DENIED, 401, rows[i].why);
	}
	end();
}

TEST(status, "a platform that is out of date, or revoked, by its collateral")
{
	begin(tc);
	run("%s/tee -d pki -t tdx -r $(printf %%0128d 0) -o quote.any "
	    "--tcb-status OutOfDate --advisory INTEL-SA-1 --eval 30 "
	    "--collateral old", standin);
	first("old", 1);
	judged(VERDICT_DENIED, 401, "");
	end();
	begin_child();
	run("%s/tee -d pki -t tdx --revoke pck --collateral revoked", standin);
	first("revoked", 1);
	judged(VERDICT_DENIED, 401, "pck_revoked");
	end();
}

TEST(named, "a policy that trusts this block, or another, or asks too much")
{
	static const char	 form[] = "{\"attestation_type\":\"TDX\","
	    "\"attestation\":\"%s\",\"tdx\":{%s\"attributes\":"
	    "{\"mrtd\":[\"%.96s\"]}}}";
	struct evidence		 token = { .token = (const uint8_t *)"x",
				    .tokenlen = 1 };

	begin(tc);
	snprintf(terms, sizeof(terms), form, "local", "", slurp("mrtd", NULL));
	first("c", 1);
	judged(VERDICT_OK, 200, "");
	appraise(&rig, ++number, TRANSFER_TOKEN, &token, terms);
	judged(VERDICT_DENIED, 401, "trusts quotes alone");
	snprintf(terms, sizeof(terms), form, "local", "\"policy_ids\":"
	    "[\"00000000-0000-4000-8000-000000000000\"],",
	    slurp("mrtd", NULL));
	send();
	judged(VERDICT_DENIED, 500, "without policy_ids alone");
	snprintf(terms, sizeof(terms), form, "ita", "", slurp("mrtd", NULL));
	send();
	judged(VERDICT_DENIED, 500, "\"ita\" is not configured");
	end();
}

TEST(missing, "no collateral: not available, and not asked for each quote")
{
	struct asked	 a;

	begin(tc);
	nonce(&key_id);
	make_quote("");
	send();
	store(SET_NAME, NULL, 0);
	asked(&rig, &a);
	give(&rig, &a, GOT_UNAVAILABLE, 404, NULL, 0);
	judged(VERDICT_UNAVAILABLE, 502, "as the test wants it");
	/* The same quote, for it does ask once more by itself, in 4 s. */
	send();
	judged(VERDICT_UNAVAILABLE, 502, "as the test wants it");
	ATF_CHECK(peer_silent(rig.fetcher, 50));
	/* Expired is as good as none. */
	run("%s/tee -d pki -t tdx --expired tcb-info "
	    "--collateral expired", standin);
	end();
	begin_child();
	first("expired", 0);
	judged(VERDICT_UNAVAILABLE, 502, "expired");
	end();
}

/* A number of a copy that has expired counts, too. */
TEST(number, "the evaluation number never goes back")
{
	struct wbuf	 w = { 0 }, kept = { 0 }, inner = { 0 };
	struct asked	 a;

	begin(tc);
	run("%s/tee -d pki -t tdx --eval 99 --collateral new", standin);
	run("%s/tee -d pki -t tdx --eval 99 --expired pck-crl "
	    "--collateral past", standin);
	parts_of(&inner, "past");
	wb_u32(&kept, 0x6b646331);
	wb_u32(&kept, 99);
	wb_bytes_of(&kept, &inner);
	wb_str(&w, SET_NAME);
	wb_u64(&w, 0);
	wb_bytes_of(&w, &kept);
	nonce(&key_id);
	make_quote("");
	send();
	store(SET_NAME, w.data, w.len);
	asked(&rig, &a);
	give_collateral(&a, "c");
	judged(VERDICT_UNAVAILABLE, 502, "and 99 was seen before");
	end();
	begin_child();
	nonce(&key_id);
	make_quote("");
	send();
	store(SET_NAME, w.data, w.len);
	asked(&rig, &a);
	give_collateral(&a, "new");
	free(put(&rig, &copylen));
	judged(VERDICT_OK, 200, "");
	end();
	wb_free(&w);
	wb_free(&kept);
	wb_free(&inner);
}

TEST(tested, "a test of a policy tells each step of a quote alone")
{
	struct evidence	 e = { .tees = 0 };
	struct asked	 a;
	const char	*data;

	begin(tc);
	data = slurp("quote.any", &e.quotelen);
	memcpy(quote, data, e.quotelen);
	e.quote = quote;
	ask(&rig, IMSG_VERIFIER_TEST, ++number, TRANSFER_EVIDENCE, &e, terms);
	store(SET_NAME, NULL, 0);
	asked(&rig, &a);
	give_collateral(&a, "c");
	free(put(&rig, &copylen));
	passed(DCAP_STEPS, "verdict", dcap_step_name(DCAP_STEP_SIGNATURE));
	end();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, whole);
	ATF_TP_ADD_TC(tp, nonces);
	ATF_TP_ADD_TC(tp, nonce_time);
	ATF_TP_ADD_TC(tp, refused);
	ATF_TP_ADD_TC(tp, status);
	ATF_TP_ADD_TC(tp, named);
	ATF_TP_ADD_TC(tp, missing);
	ATF_TP_ADD_TC(tp, number);
	ATF_TP_ADD_TC(tp, tested);
	return (atf_no_error());
}

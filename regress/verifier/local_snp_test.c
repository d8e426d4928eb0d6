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
 * The verifier program judging reports of SEV-SNP by itself: what it wants of
 * the store and a fetcher, in which order, and what it does not believe.
 */
#include "rig.h"

#include "local.h"
#include "snp_mint.h"

#define MEASURED	"3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a"
#define SET_NAME	"snp vcek Milan"
#define VCEK_NAME	"vcek Milan 5c5c5c5c5c5c5c5c 04010000000018db"

static const char	 text[] = "{\"attestation_type\":\"SNP\",\"snp\":"
    "{\"attributes\":{\"measurement\":[\"" MEASURED MEASURED MEASURED
    "\"]}}}";
static struct rig	 rig;
static struct snp_mint	 amd;
static struct snp_plan	 plan;
static uint64_t		 number;

static void
begin_child(void)
{
	struct wbuf	 w = { 0 };
	BIO		*bio = BIO_new(BIO_s_mem());
	char		*pem;
	long		 len;

	rig.child = child_start("verifier", PROC_VERIFIER, 0, 0, NULL);
	wb_u32(&w, 1);
	wb_u8(&w, 0);
	wb_u32(&w, 0);
	wb_u32(&w, 0);
	wb_u8(&w, 1);
	wb_u8(&w, FETCHER_SNP);
	wb_str(&w, "amd");
	wb_u8(&w, 1);
	child_config(rig.child, &w);
	PEM_write_bio_X509(bio, amd.ark);
	len = BIO_get_mem_data(bio, &pem);
	child_descriptor(rig.child, FD_ROOT, temp_file(pem, (size_t)len));
	child_descriptor(rig.child, FD_NONCE_KEY,
	    temp_file("01234567890123456789012345678901", 32));
	child_go(rig.child);
	BIO_free(bio);
	rig.broker = child_edge(rig.child, PROC_BROKER, 0, 0);
	rig.fetcher = child_edge(rig.child, PROC_FETCHER, 0, 0);
	rig.engine[0] = child_edge(rig.child, PROC_ENGINE, 0, 0);
}

static void
begin(void)
{
	snp_plan(&plan, SNP_MILAN, 0);
	snp_mint_chain(&amd, &plan);
	uuid_make(&key_id);
	uuid_make(&policy_id);
	memset(held, 0xa5, sizeof(held));
	memcpy(held, "\x01\x00\x01\x00", 4);
	begin_child();
}

static void
end(void)
{
	ATF_CHECK_EQ(0, child_end(rig.child));
}

/* --- evidence ------------------------------------------------------- */

static struct evidence	 sent;
static uint8_t		 parts[3][64], report[SNP_REPORT_LEN + 16384];

static void
nonce(void)
{
	struct request_name	 name;
	struct rbuf		 r;
	const uint8_t		*p;
	char			 why[REASON_TEXT_MAX];
	size_t			 len[3];
	int			 i;

	appraise(&rig, ++number, TRANSFER_FIRST, NULL, text);
	peer_recv(rig.broker, IMSG_BROKER_NONCED, &r, MS);
	rb_name(&r, &name);
	ATF_CHECK_EQ(VERDICT_OK, rb_u8(&r));
	ATF_CHECK_EQ(200, rb_u16(&r));
	rb_str(&r, why, sizeof(why));
	rb_str(&r, why, sizeof(why));
	ATF_CHECK_EQ(TEE_SNP, rb_u8(&r));
	for (i = 0; i < 3; i++) {
		p = rb_bytes(&r, &len[i], 1, sizeof(parts[i]));
		ATF_REQUIRE(p != NULL);
		memcpy(parts[i], p, len[i]);
	}
	ATF_REQUIRE_EQ(0, rb_end(&r));
	memset(&sent, 0, sizeof(sent));
	sent.tees = TEE_SNP;
	sent.has_nonce = 1;
	sent.nonce_val = parts[0];
	sent.nonce_vallen = len[0];
	sent.nonce_iat = parts[1];
	sent.nonce_iatlen = len[1];
	sent.nonce_sig = parts[2];
	sent.nonce_siglen = len[2];
	sent.user_data = held;
	sent.user_datalen = sizeof(held);
}

/* Over what the nonce asks for. */
static void
make_report(void)
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();

	nonce();
	snp_mint_fields(report, &plan, 3);
	ATF_REQUIRE(EVP_DigestInit_ex(ctx, EVP_sha512(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, sent.nonce_val, sent.nonce_vallen) == 1 &&
	    EVP_DigestUpdate(ctx, sent.nonce_iat, sent.nonce_iatlen) == 1 &&
	    EVP_DigestUpdate(ctx, held, sizeof(held)) == 1 &&
	    EVP_DigestFinal_ex(ctx, report + 0x50, NULL) == 1);
	EVP_MD_CTX_free(ctx);
	snp_mint_report_sign(report, amd.vek_key);
	sent.quote = report;
	sent.quotelen = SNP_REPORT_LEN;
}

static void
entry(const char *guid, X509 *cert, size_t row, size_t *at)
{
	struct der	 der = snp_mint_der(cert);
	uint8_t		*table = report + SNP_REPORT_LEN;
	uint8_t		*p = table + 24 * row;

	memcpy(p, guid, 16);
	p[16] = (uint8_t)*at;
	p[17] = (uint8_t)(*at >> 8);
	p[20] = (uint8_t)der.len;
	p[21] = (uint8_t)(der.len >> 8);
	memcpy(table + *at, der.p, der.len);
	*at += der.len;
	OPENSSL_free((void *)(uintptr_t)der.p);
}

/* VCEK and ASK behind it, as a host does. */
static void
add_table(void)
{
	size_t	 at = 3 * 24;

	memset(report + SNP_REPORT_LEN, 0, at);
	entry("\x63\xda\x75\x8d\xe6\x64\x45\x64"
	    "\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd", amd.vek, 0, &at);
	entry("\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4"
	    "\xa0\x2f\x05\xae\xf3\x27\xc7\x82", amd.ask, 1, &at);
	sent.quotelen = SNP_REPORT_LEN + at;
}

static void
send(void)
{
	appraise(&rig, ++number, TRANSFER_EVIDENCE, &sent, text);
}

/* --- what it asks for ------------------------------------------------ */

/* The store has nothing of this name, or this. */
static void
store(const char *want, const void *data, size_t len)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	char		 name[64];
	uint64_t	 tag;

	peer_recv(rig.broker, IMSG_BROKER_COLLATERAL_WANT, &r, MS);
	tag = rb_u64(&r);
	rb_str(&r, name, sizeof(name));
	ATF_REQUIRE(rb_end(&r) == 0);
	ATF_CHECK_STREQ(want, name);
	wb_u64(&w, tag);
	wb_u8(&w, len > 0);
	wb_bytes(&w, data, len);
	peer_send(rig.broker, IMSG_VERIFIER_COLLATERAL, &w);
}

/* Of these CAs, and a CRL of this time; revoked may be NULL. */
static void
give_set(const struct snp_mint *of, X509 *revoked, time_t from, time_t until)
{
	struct asked	 a;
	struct wbuf	 w = { 0 };
	BIO		*bio = BIO_new(BIO_s_mem());
	char		*pem;
	uint8_t		*der;
	long		 len;
	int		 n;

	asked(&rig, &a);
	ATF_REQUIRE_EQ(FETCH_SNP, a.what);
	ATF_CHECK_EQ(TEE_SNP, a.tees);
	ATF_CHECK(a.len == 2 && a.bytes[0] == SNP_MILAN &&
	    a.bytes[1] == SNP_VCEK);
	PEM_write_bio_X509(bio, of->ask);
	PEM_write_bio_X509(bio, of->ark);
	len = BIO_get_mem_data(bio, &pem);
	wb_bytes(&w, pem, (size_t)len);
	der = mint_crl(of->ark, of->ark_key, revoked, from, until, &n);
	wb_bytes(&w, der, (size_t)n);
	give(&rig, &a, GOT_OK, 200, w.data, w.len);
	OPENSSL_free(der);
	BIO_free(bio);
	wb_free(&w);
}

static void
give_vcek(X509 *vek)
{
	struct asked	 a;
	struct wbuf	 w = { 0 };
	struct der	 der = snp_mint_der(vek);

	asked(&rig, &a);
	ATF_REQUIRE_EQ(FETCH_VCEK, a.what);
	ATF_CHECK_EQ(SNP_ABOUT_LEN, a.len);
	ATF_CHECK_EQ(SNP_MILAN, a.bytes[0]);
	ATF_CHECK(memcmp(a.bytes + 1, plan.tcb, SNP_TCB_LEN) == 0);
	ATF_CHECK(memcmp(a.bytes + 9, plan.chip, SNP_CHIP_LEN) == 0);
	wb_bytes(&w, der.p, der.len);
	give(&rig, &a, GOT_OK, 200, w.data, w.len);
	OPENSSL_free((void *)(uintptr_t)der.p);
	wb_free(&w);
}

static void
judged(uint8_t verdict, uint16_t status, const char *why)
{
	struct request_name	 name;
	struct answer		 a;
	struct rbuf		 r;

	appraised(&rig, number, &a);
	ATF_CHECK_EQ_MSG(verdict, a.verdict, "%u: %s", a.verdict, a.reason);
	ATF_CHECK_EQ_MSG(status, a.status, "%u: %s", a.status, a.reason);
	ATF_CHECK_MSG(strstr(a.reason, why) != NULL, "%s", a.reason);
	ATF_CHECK_EQ(TEE_SNP, a.tees);
	if (verdict != VERDICT_OK) {
		ATF_CHECK(peer_silent(rig.engine[0], 20));
		return;
	}
	peer_recv(rig.engine[0], IMSG_ENGINE_VERDICT, &r, MS);
	rb_name(&r, &name);
	ATF_CHECK_EQ(number, name.number);
}

/* A first report with its table, when the set is what comes. */
static void
first(const struct snp_mint *of, X509 *revoked, time_t from, time_t until)
{
	make_report();
	add_table();
	send();
	store(SET_NAME, NULL, 0);
	give_set(of, revoked, from, until);
}

/* --- tests ----------------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(whole);
ATF_TC_BODY(whole, tc)
{
	uint8_t	*set, *vcek;
	size_t	 setlen, vceklen;

	begin();
	make_report();
	send();
	store(SET_NAME, NULL, 0);
	give_set(&amd, NULL, -60, 3600);
	set = put(&rig, &setlen);
	store(VCEK_NAME, NULL, 0);
	give_vcek(amd.vek);
	vcek = put(&rig, &vceklen);
	judged(VERDICT_OK, 200, "");
	/* Known now. */
	make_report();
	send();
	judged(VERDICT_OK, 200, "");
	ATF_CHECK(peer_silent(rig.fetcher, 50));
	end();
	/* What the store gives is verified like what comes from outside. */
	begin_child();
	make_report();
	send();
	store(SET_NAME, set, setlen);
	store(VCEK_NAME, vcek, vceklen);
	judged(VERDICT_OK, 200, "");
	ATF_CHECK(peer_silent(rig.fetcher, 50));
	end();
	begin_child();
	make_report();
	send();
	store(SET_NAME, set, setlen);
	vcek[vceklen - 1] ^= 1;
	store(VCEK_NAME, vcek, vceklen);
	give_vcek(amd.vek);
	free(vcek);
	vcek = put(&rig, &vceklen);
	judged(VERDICT_OK, 200, "");
	end();
	free(set);
	free(vcek);
}

ATF_TC_WITHOUT_HEAD(table);
ATF_TC_BODY(table, tc)
{
	size_t	 len;

	begin();
	first(&amd, NULL, -60, 3600);
	free(put(&rig, &len));
	judged(VERDICT_OK, 200, "");
	make_report();
	add_table();
	/* one byte of the VCEK */
	report[SNP_REPORT_LEN + 3 * 24 + 400] ^= 1;
	send();
	judged(VERDICT_DENIED, 401, "chain: ");
	make_report();
	add_table();
	sent.quotelen--;
	send();
	judged(VERDICT_DENIED, 401, "lies outside of its table");
	ATF_CHECK(peer_silent(rig.fetcher, 50));
	end();
}

ATF_TC_WITHOUT_HEAD(crls);
ATF_TC_BODY(crls, tc)
{
	struct snp_mint	 other = { 0 };
	struct asked	 a;
	size_t		 len;

	begin();
	first(&amd, amd.ask, -60, 3600);
	free(put(&rig, &len));
	judged(VERDICT_DENIED, 401, "revoked: ");
	end();
	begin_child();
	first(&amd, NULL, -3600, -60);
	judged(VERDICT_UNAVAILABLE, 502, "CAs and CRL: it has expired");
	end();
	begin_child();
	make_report();
	add_table();
	send();
	store(SET_NAME, NULL, 0);
	asked(&rig, &a);
	give(&rig, &a, GOT_UNAVAILABLE, 503, NULL, 0);
	judged(VERDICT_UNAVAILABLE, 502, "as the test wants it");
	/* and it is not asked for again for each report */
	make_report();
	send();
	judged(VERDICT_UNAVAILABLE, 502, "as the test wants it");
	ATF_CHECK(peer_silent(rig.fetcher, 50));
	end();
	begin_child();
	snp_mint_chain(&other, &plan);
	first(&other, NULL, -60, 3600);
	judged(VERDICT_UNAVAILABLE, 502, "not one of AMD's");
	end();
	snp_mint_free(&other);
}

/* What was seen once is not taken back, even when it has expired. */
ATF_TC_WITHOUT_HEAD(older);
ATF_TC_BODY(older, tc)
{
	uint8_t	*copy;
	size_t	 len;

	begin();
	first(&amd, NULL, -60, 3);
	copy = put(&rig, &len);
	judged(VERDICT_OK, 200, "");
	end();
	begin_child();
	make_report();
	add_table();
	send();
	store(SET_NAME, copy, len);
	judged(VERDICT_OK, 200, "");
	do {
		make_report();
		add_table();
		send();
		if (peer_ready(rig.fetcher, 200))
			break;
		judged(VERDICT_OK, 200, "");
	} while (1);
	give_set(&amd, NULL, -600, 3600);
	judged(VERDICT_UNAVAILABLE, 502, "its CRL is older than one");
	end();
	free(copy);
}

/* From AMD's own service, and yet not what was asked for. */
ATF_TC_WITHOUT_HEAD(vceks);
ATF_TC_BODY(vceks, tc)
{
	struct snp_mint	 other = { 0 };
	struct snp_plan	 another;
	size_t		 len;

	begin();
	snp_plan(&another, SNP_MILAN, 0);
	another.chip[63] ^= 1;
	snp_mint_chain(&other, &another);
	make_report();
	send();
	store(SET_NAME, NULL, 0);
	give_set(&amd, NULL, -60, 3600);
	free(put(&rig, &len));
	store(VCEK_NAME, NULL, 0);
	give_vcek(other.vek);
	judged(VERDICT_UNAVAILABLE, 502, "it is of another chip");
	end();
	/* of this chip, by somebody else's key */
	begin_child();
	snp_mint_chain(&other, &plan);
	make_report();
	send();
	store(SET_NAME, NULL, 0);
	give_set(&amd, NULL, -60, 3600);
	free(put(&rig, &len));
	store(VCEK_NAME, NULL, 0);
	give_vcek(other.vek);
	judged(VERDICT_UNAVAILABLE, 502, "the VEK is not of the signing CA");
	end();
	snp_mint_free(&other);
}

/* Bound to another nonce, to another key; and no report. */
ATF_TC_WITHOUT_HEAD(bound);
ATF_TC_BODY(bound, tc)
{
	begin();
	make_report();
	parts[0][0] ^= 1;
	send();
	judged(VERDICT_DENIED, 401, "report data is not that");
	make_report();
	held[100] ^= 1;
	send();
	judged(VERDICT_DENIED, 401, "report data is not that");
	make_report();
	sent.has_nonce = 0;
	sent.nonce_vallen = sent.nonce_iatlen = sent.nonce_siglen = 0;
	send();
	judged(VERDICT_DENIED, 401, "there is no nonce");
	make_report();
	sent.tees = TEE_TDX;
	send();
	judged(VERDICT_DENIED, 401, "Attestation-Type");
	make_report();
	report[0x34] = 2;
	send();
	judged(VERDICT_DENIED, 401, "not signed by ECDSA");
	make_report();
	sent.quotelen--;
	send();
	judged(VERDICT_DENIED, 401, "cut short");
	/* nothing of it is worth a question */
	ATF_CHECK(peer_silent(rig.fetcher, 50));
	end();
}

ATF_TC_WITHOUT_HEAD(tested);
ATF_TC_BODY(tested, tc)
{
	struct request_name	 name;
	struct rbuf		 r;
	struct check		 check;
	size_t			 len;
	uint32_t		 i, n, failed = 0, seen = 0;

	begin();
	make_report();
	add_table();
	sent.has_nonce = 0;
	sent.nonce_vallen = sent.nonce_iatlen = sent.nonce_siglen = 0;
	sent.user_datalen = 0;
	ask(&rig, IMSG_VERIFIER_TEST, ++number, TRANSFER_EVIDENCE, &sent,
	    text);
	store(SET_NAME, NULL, 0);
	give_set(&amd, NULL, -60, 3600);
	free(put(&rig, &len));
	peer_recv(rig.broker, IMSG_BROKER_TESTED, &r, MS);
	rb_name(&r, &name);
	n = rb_u32(&r);
	ATF_CHECK(n > SNP_STEPS);
	for (i = 0; i < n; i++) {
		rb_check(&r, &check);
		failed += check.result == CHECK_FAILED;
		seen += strcmp(check.claim, "crl") == 0 ||
		    strcmp(check.claim, "snp_measurement") == 0;
	}
	ATF_CHECK_EQ(0, rb_end(&r));
	ATF_CHECK_EQ(0, failed);
	ATF_CHECK_EQ(2, seen);
	end();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, whole);
	ATF_TP_ADD_TC(tp, table);
	ATF_TP_ADD_TC(tp, crls);
	ATF_TP_ADD_TC(tp, older);
	ATF_TP_ADD_TC(tp, vceks);
	ATF_TP_ADD_TC(tp, bound);
	ATF_TP_ADD_TC(tp, tested);
	return (atf_no_error());
}

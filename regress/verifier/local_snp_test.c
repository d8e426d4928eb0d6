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
#include "local_rig.h"

#include "local.h"
#include "snp_mint.h"

#define MEASURED	"3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a"
#define SET_NAME	"snp vcek Milan"
#define VCEK_NAME	"vcek Milan 5c5c5c5c5c5c5c5c 04010000000018db"

static const char	 measured[] = "{\"attestation_type\":\"SNP\",\"snp\":"
    "{\"attributes\":{\"measurement\":[\"" MEASURED MEASURED MEASURED
    "\"]}}}";
static struct snp_mint	 amd;
static struct snp_plan	 plan;
static uint8_t		 report[SNP_REPORT_LEN + 16384];

static void
begin_child(void)
{
	BIO		*bio = BIO_new(BIO_s_mem());
	char		*pem;
	long		 len;

	PEM_write_bio_X509(bio, amd.ark);
	len = BIO_get_mem_data(bio, &pem);
	local_child(FETCHER_SNP, "amd", pem, (size_t)len);
	BIO_free(bio);
}

static void
begin(void)
{
	terms_tee = TEE_SNP;
	(void)strlcpy(terms, measured, sizeof(terms));
	snp_plan(&plan, SNP_MILAN, 0);
	snp_mint_chain(&amd, &plan);
	rig_ids();
	begin_child();
}

/* --- evidence ------------------------------------------------------- */

/* Over what the nonce asks for. */
static void
make_report(void)
{
	nonce(&key_id);
	snp_mint_fields(report, &plan, 3);
	report_data(report + 0x50);
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

/* --- what it asks for ------------------------------------------------ */

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
	first(&amd, NULL, -60, 12);
	copy = put(&rig, &len);
	judged(VERDICT_OK, 200, "");
	end();
	begin_child();
	make_report();
	add_table();
	send();
	store(SET_NAME, copy, len);
	judged(VERDICT_OK, 200, "");
	for (;;) {
		make_report();
		add_table();
		send();
		while (!peer_ready(rig.fetcher, 50) &&
		    !peer_ready(rig.broker, 50))
			continue;
		if (peer_ready(rig.fetcher, 0))
			break;
		judged(VERDICT_OK, 200, "");
	}
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
	forget_nonce();
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
	size_t	 len;

	begin();
	make_report();
	add_table();
	forget_nonce();
	sent.user_datalen = 0;
	ask(&rig, IMSG_VERIFIER_TEST, ++number, TRANSFER_EVIDENCE, &sent,
	    terms);
	store(SET_NAME, NULL, 0);
	give_set(&amd, NULL, -60, 3600);
	free(put(&rig, &len));
	passed(SNP_STEPS, "crl", "snp_measurement");
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

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
 * Quotes verified: genuine ones, those that others have minted, and those of
 * our own simulated TEE, each with its verdict, status, advisories and
 * reason.
 */
#include <openssl/pem.h>
#include <openssl/ui.h>
#include <time.h>

#include "base64.h"
#include "digest.h"
#include "evidence.h"
#include "rfc3339.h"
#include "standin.h"

/* A time outside of several windows has several reasons. */
static int
reason_is(const char *want, const char *got)
{
	if (strcmp(want, "collateral_expired") == 0)
		return (strstr(got, "_expired") != NULL);
	if (strcmp(want, "collateral_not_yet_valid") == 0)
		return (strstr(got, "_not_yet_valid") != NULL);
	return (strcmp(want, got) == 0);
}

static int
advisories_are(const json_t *want, const struct dcap_verdict *v)
{
	const json_t	*id;
	size_t		 i, j;

	if (json_array_size(want) != v->nadvisories)
		return (0);
	json_array_foreach(want, i, id) {
		for (j = 0; j < v->nadvisories; j++)
			if (strcmp(v->advisories[j],
			    json_string_value(id)) == 0)
				break;
		if (j == v->nadvisories)
			return (0);
	}
	return (1);
}

/* All steps before the bad one are good, none behind it was done. */
static void
steps_check(const char *id, const struct dcap_verdict *v)
{
	size_t	 i, bad = DCAP_STEPS;

	for (i = 0; i < DCAP_STEPS; i++) {
		if (v->steps[i] == DCAP_BAD && bad == DCAP_STEPS)
			bad = i;
		else
			ATF_CHECK_MSG((v->steps[i] == DCAP_NOT_DONE) ==
			    (i > bad), "%s: step %s", id,
			    dcap_step_name((enum dcap_step)i));
	}
	ATF_CHECK_MSG((bad == DCAP_STEPS) == (v->fault.reason == DCAP_OK),
	    "%s", id);
	ATF_CHECK_MSG((v->fault.why[0] == '\0') ==
	    (v->fault.reason == DCAP_OK), "%s", id);
}

/* What a case may say besides. */
static int
details_are(const json_t *j, const struct dcap_verdict *v)
{
	const json_t	*date = json_object_get(j, "tcb_date");
	const json_t	*number = json_object_get(j, "number");
	char		 text[RFC3339_TEXT];

	return ((date == NULL || strcmp(json_string_value(date),
	    rfc3339_format(v->tcb_date, text)) == 0) &&
	    (number == NULL || json_integer_value(number) == v->number));
}

/* Is the verdict the expected one?  A row of the table where not. */
static int
verdict_check(const json_t *j, const struct dcap_verdict *v)
{
	const json_t	*expect = json_object_get(j, "expect");
	const char	*id, *kind, *word, *got;
	int		 ok;

	id = json_string_value(json_object_get(j, "id"));
	kind = json_string_value(json_array_get(expect, 0));
	word = json_string_value(json_array_get(expect, 1));
	if (v->fault.reason == DCAP_OK) {
		got = dcap_status_name(v->status);
		ok = strcmp(kind, "ok") == 0 && strcmp(word, got) == 0 &&
		    advisories_are(json_array_get(expect, 2), v) &&
		    details_are(j, v);
	} else {
		got = dcap_reason_name(v->fault.reason);
		ok = strcmp(kind, "reject") == 0 && reason_is(word, got);
	}
	steps_check(id, v);
	if (!ok)
		printf("%-28s wants %s %s, got %s (%s), %zu advisories, "
		    "date %lld, number %u\n", id, kind, word, got,
		    v->fault.why, v->nadvisories, (long long)v->tcb_date,
		    v->number);
	return (ok);
}

static void
cases_run(const char *dir, const uint8_t *root, size_t least)
{
	struct evidence_case	 c;
	struct dcap_verdict	 v;
	json_t			*cases = evidence_cases(dir), *j;
	size_t			 bad = 0, i;

	ATF_REQUIRE_MSG(json_array_size(cases) >= least, "%s: %zu cases", dir,
	    json_array_size(cases));
	json_array_foreach(cases, i, j) {
		evidence_open(&c, dir, j, root);
		(void)evidence_verify(&c, &v);
		bad += !verdict_check(j, &v);
		/* and the same again, with what is kept by now */
		(void)evidence_verify(&c, &v);
		bad += !verdict_check(j, &v);
		evidence_close(&c);
	}
	json_decref(cases);
	ATF_CHECK_EQ_MSG(bad, 0, "%s: %zu verdicts are wrong", dir, bad);
}

ATF_TC_WITHOUT_HEAD(genuine);
ATF_TC_BODY(genuine, tc)
{
	cases_run(evidence_shared("real"), dcap_intel_root, 19);
}

ATF_TC_WITHOUT_HEAD(minted);
ATF_TC_BODY(minted, tc)
{
	cases_run(evidence_shared("test-pki"), NULL, 66);
}

/* Minted anew: the simulated TEE, right and wrong in all ways it can. */
ATF_TC_WITHOUT_HEAD(simulated);
ATF_TC_BODY(simulated, tc)
{
	run("%s/dcap simulated", standin_find(tc));
	cases_run("simulated", NULL, 400);
}

/* --- what policies see --------------------------------------------- */

/* With debugging allowed the status shows. */
static void
debug_run(const char *dir, const char *member, size_t least)
{
	struct evidence_case	 c;
	struct dcap_verdict	 v;
	json_t			*cases = evidence_cases(dir), *j, *want;
	const char		*status;
	size_t			 i, n = 0;
	int			 rc;

	json_array_foreach(cases, i, j) {
		want = json_object_get(j, member);
		status = json_is_object(want) ? json_string_value(
		    json_object_get(want, "status")) :
		    json_string_value(want);
		if (status == NULL)
			continue;
		evidence_open(&c, dir, j, NULL);
		rc = dcap_verify(c.anchor, c.set, c.quote.p, c.quote.len,
		    c.now, 1, &v);
		ATF_CHECK_EQ_MSG(rc, 0, "%s: %s", c.id, v.fault.why);
		ATF_CHECK_STREQ(dcap_status_name(v.status), status);
		if (json_is_object(want))
			ATF_CHECK_MSG(advisories_are(json_object_get(want,
			    "advisory_ids"), &v), "%s", c.id);
		evidence_close(&c);
		n++;
	}
	json_decref(cases);
	ATF_CHECK_MSG(n >= least, "%zu cases", n);
}

ATF_TC_WITHOUT_HEAD(debug);
ATF_TC_BODY(debug, tc)
{
	debug_run(evidence_shared("real"), "dcap_qvl_no_attribute_policy", 4);
	debug_run(evidence_shared("test-pki"), "dcap_qvl_debug_allowed", 2);
}

/* The fields that two other programs read from the same quotes. */
static const struct {
	uint8_t		 tee;
	const char	*field;
	const char	*claim;
} fields[] = {
	{ TEE_SGX, "mrenclave", "sgx_mrenclave" },
	{ TEE_SGX, "mrsigner", "sgx_mrsigner" },
	{ TEE_SGX, "isvprodid", "sgx_isvprodid" },
	{ TEE_SGX, "isvsvn", "sgx_isvsvn" },
	{ TEE_SGX, "fmspc", "sgx_fmspc" },
	{ TEE_SGX, "report_data", "sgx_report_data" },
	{ TEE_TDX, "mrseam", "tdx_mrseam" },
	{ TEE_TDX, "mrtd", "tdx_mrtd" },
	{ TEE_TDX, "rtmr0", "tdx_rtmr0" },
	{ TEE_TDX, "rtmr1", "tdx_rtmr1" },
	{ TEE_TDX, "rtmr2", "tdx_rtmr2" },
	{ TEE_TDX, "rtmr3", "tdx_rtmr3" },
	{ TEE_TDX, "tdattributes", "tdx_td_attributes" },
	{ TEE_TDX, "xfam", "tdx_xfam" },
	{ TEE_TDX, "mrconfigid", "tdx_mrconfigid" },
	{ TEE_TDX, "mrowner", "tdx_mrowner" },
	{ TEE_TDX, "mrownerconfig", "tdx_mrownerconfig" },
	{ TEE_TDX, "tee_tcb_svn", "tdx_tee_tcb_svn" },
	{ TEE_TDX, "fmspc", "tdx_fmspc" },
	{ TEE_TDX, "report_data", "tdx_report_data" },
};

static void
platform_check(const json_t *want, const struct dcap_platform *p)
{
	char	 hex[2 * DCAP_SVNS + 1];

	hex_encode(hex, sizeof(hex), p->fmspc, sizeof(p->fmspc));
	ATF_CHECK_STREQ(hex, json_string_value(json_object_get(want,
	    "fmspc")));
	hex_encode(hex, sizeof(hex), p->pceid, sizeof(p->pceid));
	ATF_CHECK_STREQ(hex, json_string_value(json_object_get(want,
	    "pceid")));
	hex_encode(hex, sizeof(hex), p->cpusvn, sizeof(p->cpusvn));
	ATF_CHECK_STREQ(hex, json_string_value(json_object_get(want,
	    "pck_cpusvn")));
	ATF_CHECK(memcmp(p->cpusvn, p->svn, sizeof(p->svn)) == 0);
	ATF_CHECK_EQ(p->pcesvn, json_integer_value(json_object_get(want,
	    "pck_pcesvn")));
}

ATF_TC_WITHOUT_HEAD(claims);
ATF_TC_BODY(claims, tc)
{
	struct evidence_case	 c;
	struct dcap_verdict	 v;
	struct claims		 claims;
	const char		*dir = evidence_shared("real");
	json_t			*cases = evidence_cases(dir), *j, *got, *want;
	size_t			 i, k, n = 0;
	char			 why[WHY_MAX];

	json_array_foreach(cases, i, j) {
		want = json_object_get(j, "fields");
		evidence_open(&c, dir, j, dcap_intel_root);
		if (want == NULL || dcap_verify(c.anchor, c.set, c.quote.p,
		    c.quote.len, c.now, 1, &v) == -1) {
			evidence_close(&c);
			continue;
		}
		ATF_REQUIRE((got = dcap_claims(&v)) != NULL);
		for (k = 0; k < sizeof(fields) / sizeof(fields[0]); k++)
			if (fields[k].tee == v.quote.tee)
				ATF_CHECK_MSG(json_equal(json_object_get(got,
				    fields[k].claim), json_object_get(want,
				    fields[k].field)), "%s: %s", c.id,
				    fields[k].claim);
		platform_check(want, &v.platform);
		ATF_REQUIRE_MSG(claims_own(&claims, v.quote.tee, got, why,
		    sizeof(why)) == 0, "%s", why);
		json_decref(got);
		ATF_CHECK_EQ(claims.tee, v.quote.tee);
		ATF_CHECK_STREQ(claims.tcb_status, dcap_status_name(v.status));
		ATF_CHECK_EQ(claims.tcb_date, v.tcb_date);
		ATF_CHECK_EQ(claims.debug, v.debug);
		ATF_CHECK(claims.fmspc.has && memcmp(claims.fmspc.b,
		    v.platform.fmspc, 6) == 0);
		ATF_CHECK_EQ(json_array_size(claims.advisories),
		    v.nadvisories);
		claims_free(&claims);
		evidence_close(&c);
		n++;
	}
	json_decref(cases);
	ATF_CHECK_MSG(n >= 6, "%zu cases", n);
}

/* Does a policy that asks for this TD, up to date, like the case's quote? */
static int
policy_likes(json_t *cases, const char *id, const char *mrtd,
    struct outcome *out)
{
	struct evidence_case	 c;
	struct dcap_verdict	 v;
	struct policy		*policy;
	json_t			*got;
	struct claims		 claims;
	char			 text[512], why[WHY_MAX] = "";
	int			 rc;

	snprintf(text, sizeof(text), "{\"attestation_type\": \"TDX\", \"tdx\": "
	    "{\"attributes\": {\"mrtd\": [\"%s\"], "
	    "\"enforce_tcb_upto_date\": true}}}", mrtd);
	policy = policy_parse(text, strlen(text), why, sizeof(why));
	ATF_REQUIRE_MSG(policy != NULL, "%s", why);
	evidence_open(&c, "simulated", evidence_find(cases, id), NULL);
	ATF_REQUIRE_MSG(dcap_verify(c.anchor, c.set, c.quote.p, c.quote.len,
	    c.now, 1, &v) == 0, "%s", v.fault.why);
	got = dcap_claims(&v);
	ATF_REQUIRE(claims_own(&claims, v.quote.tee, got, why,
	    sizeof(why)) == 0);
	json_decref(got);
	rc = compare(policy, &claims, out, NULL);
	claims_free(&claims);
	evidence_close(&c);
	policy_free(policy);
	return (rc == 0);
}

ATF_TC_WITHOUT_HEAD(policy);
ATF_TC_BODY(policy, tc)
{
	struct outcome	 out;
	struct quote	 q;
	struct evidence_file f;
	json_t		*cases;
	char		 mrtd[97], why[WHY_MAX];

	run("%s/dcap simulated", standin_find(tc));
	cases = evidence_cases("simulated");
	evidence_read(&f, "simulated/quotes/good-v4.dat");
	ATF_REQUIRE(quote_read(&q, f.p, f.len, why, sizeof(why)) == 0);
	hex_encode(mrtd, sizeof(mrtd), q.body + 136, 48);
	free(f.p);
	ATF_CHECK(policy_likes(cases, "good-v4", mrtd, &out));
	ATF_CHECK(policy_likes(cases, "good-v5-2", mrtd, &out));
	ATF_CHECK(policy_likes(cases, "good-v5-4", mrtd, &out));
	ATF_CHECK(!policy_likes(cases, "status-tdx-4", mrtd, &out));
	ATF_CHECK_STREQ(out.claim, "attester_tcb_status");
	ATF_CHECK_STREQ(out.got, "OutOfDate");
	ATF_CHECK(!policy_likes(cases, "relaunch-3-4-0", mrtd, &out));
	ATF_CHECK_STREQ(out.got, "TDRelaunchAdvised");
	ATF_CHECK(!policy_likes(cases, "td-bit-0", mrtd, &out));
	ATF_CHECK_STREQ(out.claim, "tdx_is_debuggable");
	mrtd[95] ^= 1;
	ATF_CHECK(!policy_likes(cases, "good-v4", mrtd, &out));
	ATF_CHECK_STREQ(out.claim, "tdx_mrtd");
	json_decref(cases);
}

/* What the stand-in answers to kbsget, with collateral of its own. */
ATF_TC_WITHOUT_HEAD(tee);
ATF_TC_BODY(tee, tc)
{
	static const char	*kinds[] = { "sgx -v 3", "sgx -v 4",
				    "sgx -v 5", "tdx -v 4",
				    "tdx -v 5 --body 2", "tdx -v 5 --body 3",
				    "tdx -v 5 --body 4" };
	struct evidence_case	 c;
	struct dcap_verdict	 v;
	const char		*standin = standin_find(tc);
	json_t			*j;
	size_t			 i;

	run("mkdir quotes");
	run("%s/tee -d pki -t sgx --tcb-status OutOfDate --advisory "
	    "INTEL-SA-00001 --collateral collateral/sgx", standin);
	run("%s/tee -d pki -t tdx --collateral collateral/tdx", standin);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		run("%s/tee -d pki -t %s -r 616263 -o quotes/q", standin,
		    kinds[i]);
		j = json_pack("{s:s,s:s,s:s#,s:I}", "id", kinds[i], "quote",
		    "q", "collateral", kinds[i], 3, "time",
		    (json_int_t)time(NULL));
		evidence_open(&c, ".", j, NULL);
		ATF_CHECK_EQ_MSG(evidence_verify(&c, &v), 0, "%s: %s",
		    kinds[i], v.fault.why);
		ATF_CHECK_STREQ(dcap_status_name(v.status), i < 3 ?
		    "OutOfDate" : "UpToDate");
		ATF_CHECK_EQ(v.nadvisories, i < 3);
		ATF_CHECK(memcmp(dcap_report_data(&v.quote), "abc\0", 4) ==
		    0);
		evidence_close(&c);
		json_decref(j);
	}
}

/* --- passwords ----------------------------------------------------- */

static int	 asked;

static int
ask(UI *ui)
{
	(void)ui;
	asked++;
	return (0);
}

/* A certificate that says it is encrypted makes nobody ask a terminal. */
ATF_TC_WITHOUT_HEAD(password);
ATF_TC_BODY(password, tc)
{
	UI_METHOD		*method = UI_create_method("test");
	struct evidence_file	 f;
	struct dcap_quote	 q;
	struct dcap_fault	 fault;
	struct claim_bytes	 fmspc;
	BIO			*bio;

	UI_method_set_opener(method, ask);
	UI_set_default_method(method);
	run("%s/dcap simulated", standin_find(tc));
	evidence_read(&f, "simulated/quotes/path-encrypted.dat");
	quote_fmspc(&fmspc, f.p, f.len);
	ATF_CHECK(!fmspc.has);
	ATF_REQUIRE(dcap_quote_read(&q, f.p, f.len, &fault) == 0);
	ATF_CHECK(dcap_path_leaf(q.certs.p, q.certs.len) == NULL);
	ATF_CHECK_EQ(asked, 0);
	/* as libcrypto would */
	bio = BIO_new_mem_buf(q.certs.p, (int)q.certs.len);
	ATF_CHECK(PEM_read_bio_X509(bio, NULL, NULL, NULL) == NULL);
	ATF_CHECK(asked > 0);
	BIO_free(bio);
	free(f.p);
	UI_destroy_method(method);
}

/* --- roots --------------------------------------------------------- */

/* Names are Intel's, the root is not: under the built-in root all is lost. */
ATF_TC_WITHOUT_HEAD(root);
ATF_TC_BODY(root, tc)
{
	struct evidence_case	 c;
	struct dcap_verdict	 v;
	const char		*dir = evidence_shared("test-pki");
	json_t			*cases = evidence_cases(dir), *j;
	size_t			 i;

	json_array_foreach(cases, i, j) {
		evidence_open(&c, dir, j, dcap_intel_root);
		ATF_CHECK_EQ(evidence_verify(&c, &v), -1);
		ATF_CHECK_MSG(v.steps[DCAP_STEP_LAYOUT] == DCAP_BAD ||
		    v.fault.reason == DCAP_PCK_CHAIN, "%s: %s", c.id,
		    v.fault.why);
		ATF_REQUIRE(dcap_set_fault(c.set) != NULL);
		ATF_CHECK_EQ(dcap_set_fault(c.set)->reason, DCAP_CRL_CHAIN);
		ATF_CHECK_EQ(c.set->tcb_fault.reason, DCAP_TCB_SIGNER_CHAIN);
		ATF_CHECK_EQ(c.set->qe_fault.reason, DCAP_QE_SIGNER_CHAIN);
		evidence_close(&c);
	}
	json_decref(cases);
}

/* What may be configured as one. */
ATF_TC_WITHOUT_HEAD(root_file);
ATF_TC_BODY(root_file, tc)
{
	struct evidence_file	 root, ca, chain;
	uint8_t			 digest[DIGEST_LEN];
	const char		*dir = evidence_shared("real");
	char			 why[WHY_MAX];

	evidence_read(&root, "%s/collateral/sgx-00a067110000-2025-06/"
	    "root_ca.pem", dir);
	ATF_REQUIRE_MSG(dcap_root_read(digest, root.p, root.len, why,
	    sizeof(why)) == 0, "%s", why);
	ATF_CHECK(memcmp(digest, dcap_intel_root, sizeof(digest)) == 0);
	evidence_read(&chain, "%s/collateral/sgx-00a067110000-2025-06/"
	    "pck_crl_issuer_chain.pem", dir);
	ATF_CHECK(dcap_root_read(digest, chain.p, chain.len, why,
	    sizeof(why)) == -1);
	/* the CA of that chain alone */
	ca = chain;
	ca.len = (size_t)((uint8_t *)memmem(chain.p, chain.len, "-----END",
	    8) - chain.p) + strlen("-----END CERTIFICATE-----");
	ATF_CHECK(dcap_root_read(digest, ca.p, ca.len, why,
	    sizeof(why)) == -1);
	ATF_CHECK(dcap_root_read(digest, ca.p, 0, why, sizeof(why)) == -1);
	free(root.p);
	free(chain.p);
}

ATF_TP_ADD_TCS(tp)
{
	json_object_seed(1);
	ATF_TP_ADD_TC(tp, genuine);
	ATF_TP_ADD_TC(tp, minted);
	ATF_TP_ADD_TC(tp, simulated);
	ATF_TP_ADD_TC(tp, debug);
	ATF_TP_ADD_TC(tp, claims);
	ATF_TP_ADD_TC(tp, policy);
	ATF_TP_ADD_TC(tp, tee);
	ATF_TP_ADD_TC(tp, password);
	ATF_TP_ADD_TC(tp, root);
	ATF_TP_ADD_TC(tp, root_file);
	return (atf_no_error());
}

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
 * Claims in both forms, and each attribute of a policy against claims that
 * match and that don't.
 */
#include "mint.h"

#define NOW	1900000000
#define A32	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"	\
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B32	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"	\
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define A48	A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B48	B32 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_A	"ee37c360-7eae-4250-a677-6ee12adce8e2"
#define ID_B	"f1a2b3c4-7eae-4250-a677-6ee12adce8e2"
#define TIMES	"\"exp\":1900000100,\"nbf\":1899999000,\"iat\":1899999000"

static char		 why[WHY_MAX];
static struct outcome	 out;
static const struct parties any;

static const char sgx_claims[] = "{" TIMES ",\"ver\":\"1.0.0\","
    "\"attester_type\":\"SGX\",\"sgx_mrsigner\":\"" A32 "\","
    "\"sgx_mrenclave\":\"" A32 "\",\"sgx_isvprodid\":1,\"sgx_isvsvn\":3,"
    "\"sgx_is_debuggable\":false,\"attester_tcb_status\":\"OK\"}";

static const char tdx_claims[] = "{" TIMES ",\"ver\":\"2.0.0\",\"tdx\":{"
    "\"attester_type\":\"TDX\",\"tdx_mrseam\":\"" A48 "\","
    "\"tdx_mrsignerseam\":\"" A48 "\",\"tdx_seamsvn\":3,"
    "\"tdx_mrtd\":\"" A48 "\",\"tdx_rtmr0\":\"" A48 "\","
    "\"tdx_rtmr1\":\"" A48 "\",\"tdx_rtmr2\":\"" A48 "\","
    "\"tdx_rtmr3\":\"" A48 "\",\"dbgstat\":\"disabled\","
    "\"attester_tcb_date\":\"2026-01-14T00:00:00Z\","
    "\"attester_tcb_status\":\"UpToDate\"}}";

/* A claim of the TEE's part set to JSON, or taken away. */
static char *
with(const char *claims, const char *name, const char *json)
{
	json_t	*j = json_loads(claims, 0, NULL), *part;
	char	*text;

	ATF_REQUIRE(j != NULL);
	part = json_object_get(j, "tdx");
	if (part == NULL || name[0] == '/')
		part = j;
	if (name[0] == '/')
		name++;
	if (json == NULL)
		json_object_del(part, name);
	else
		json_object_set_new(part, name,
		    json_loads(json, JSON_DECODE_ANY, NULL));
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	return (text);
}

/* Who is told of every check hears the same verdict, and of its reason. */
static void
told_same(const struct policy *p, const struct claims *c, int good)
{
	struct checks	 checks = { .n = 0 };
	struct outcome	 again;
	struct check	 check;
	struct rbuf	 r;
	uint32_t	 i;
	int		 failed = 0;

	memset(&again, 0, sizeof(again));
	ATF_CHECK_EQ(compare(p, c, &again, &checks) == 0, good);
	ATF_CHECK(memcmp(&again, &out, sizeof(out)) == 0);
	ATF_CHECK(checks.n > 0);
	rb_init(&r, checks.rows.data, checks.rows.len);
	for (i = 0; i < checks.n; i++) {
		rb_check(&r, &check);
		ATF_CHECK(check.claim[0] != '\0' && check.wanted[0] != '\0' &&
		    check.got[0] != '\0');
		if (check.result != CHECK_FAILED || failed++ > 0)
			continue;
		ATF_CHECK_STREQ(check.claim, out.claim);
		ATF_CHECK_STREQ(check.wanted, out.wanted);
		ATF_CHECK_STREQ(check.got, out.got);
	}
	ATF_CHECK(rb_end(&r) == 0);
	ATF_CHECK_EQ(failed == 0, good);
	wb_free(&checks.rows);
}

/* 1: the policy takes it; 0: not; -1: the token itself is refused. */
static int
judged(const char *policy, const char *text)
{
	struct policy	*p;
	struct claims	 c;
	int		 rc;

	memset(&out, 0, sizeof(out));
	p = policy_parse(policy, strlen(policy), why, sizeof(why));
	ATF_REQUIRE_MSG(p != NULL, "%s: %s", policy, why);
	if (claims_read(&c, text, strlen(text), &any, NOW, why,
	    sizeof(why)) == -1)
		rc = -1;
	else {
		rc = compare(p, &c, &out, NULL) == 0;
		told_same(p, &c, rc);
		if (rc == 0) {
			ATF_CHECK(out.verdict == VERDICT_DENIED);
			ATF_CHECK_EQ(out.status, 401);
			ATF_CHECK(out.claim[0] != '\0');
			ATF_CHECK(out.wanted[0] != '\0');
			ATF_CHECK(out.got[0] != '\0');
		}
		claims_free(&c);
	}
	policy_free(p);
	return (rc);
}

static char *
policy_of(const char *type, const char *list)
{
	char	*text;
	int	 sgx = strcmp(type, "SGX") == 0;

	ATF_REQUIRE(asprintf(&text, "{\"attestation_type\":\"%s\",\"%s\":"
	    "{\"attributes\":{%s}}}", type, sgx ? "sgx" : "tdx",
	    list) > 0);
	return (text);
}

struct attribute_case {
	const char	*type, *list, *claim, *json;
	int		 want;
};

static void
run_cases(const struct attribute_case *c, size_t n)
{
	char	*policy, *text;

	for (; n > 0; n--, c++) {
		policy = policy_of(c->type, c->list);
		text = with(strcmp(c->type, "SGX") == 0 ? sgx_claims :
		    tdx_claims, c->claim, c->json);
		ATF_CHECK_EQ_MSG(judged(policy, text), c->want,
		    "%s: %s = %s (%s)", c->list, c->claim,
		    c->json != NULL ? c->json : "absent", why);
		free(policy);
		free(text);
	}
}

#define RUN(cases)	run_cases(cases, sizeof(cases) / sizeof(cases[0]))

/* Good, of another value, absent; then what no token may say. */
#define BYTES(type, name, claim, a, b)					\
	{ type, "\"" name "\":[\"" a "\"]", claim, "\"" a "\"", 1 },	\
	{ type, "\"" name "\":[\"" b "\",\"" a "\"]", claim,		\
	    "\"" a "\"", 1 },						\
	{ type, "\"" name "\":[\"" a "\"]", claim, "\"" b "\"", 0 },	\
	{ type, "\"" name "\":[\"" a "\"]", claim, NULL, 0 },		\
	{ type, "\"" name "\":[\"" a "\"]", claim, "\"\"", -1 },	\
	{ type, "\"" name "\":[\"" a "\"]", claim, "\"aa\"", -1 },	\
	{ type, "\"" name "\":[\"" a "\"]", claim, "\"" a "00\"", -1 },	\
	{ type, "\"" name "\":[\"" a "\"]", claim, "[\"" a "\"]", -1 },	\
	{ type, "\"" name "\":[\"" a "\"]", claim, "null", -1 },	\
	{ type, "\"" name "\":[\"" a "\"]", claim, "1", -1 }
#define ONE(name)							\
	{ "TDX", "\"" name "\":\"" A48 "\"", "tdx_" name,		\
	    "\"" A48 "\"", 1 },						\
	{ "TDX", "\"" name "\":\"" A48 "\"", "tdx_" name,		\
	    "\"" B48 "\"", 0 },						\
	{ "TDX", "\"" name "\":\"" A48 "\"", "tdx_" name, NULL, 0 },	\
	{ "TDX", "\"" name "\":\"" A48 "\"", "tdx_" name,		\
	    "\"" A32 "\"", -1 }

ATF_TC_WITHOUT_HEAD(measurements);
ATF_TC_BODY(measurements, tc)
{
	static const struct attribute_case cases[] = {
		BYTES("SGX", "mrsigner", "sgx_mrsigner", A32, B32),
		BYTES("SGX", "mrenclave", "sgx_mrenclave", A32, B32),
		BYTES("TDX", "mrsignerseam", "tdx_mrsignerseam", A48, B48),
		BYTES("TDX", "mrseam", "tdx_mrseam", A48, B48),
		BYTES("TDX", "mrtd", "tdx_mrtd", A48, B48),
		ONE("rtmr0"), ONE("rtmr1"), ONE("rtmr2"), ONE("rtmr3"),
	};
	char	*upper;

	RUN(cases);
	upper = with(sgx_claims, "sgx_mrsigner", "\"AAAAAAAAAAAAAAAAAAAAAAAAAA"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"");
	ATF_CHECK_EQ(judged("{\"attestation_type\":\"SGX\",\"sgx\":"
	    "{\"attributes\":{\"mrsigner\":[\"" A32 "\"]}}}", upper), 1);
	free(upper);
}

ATF_TC_WITHOUT_HEAD(numbers);
ATF_TC_BODY(numbers, tc)
{
	static const struct attribute_case cases[] = {
		{ "SGX", "\"isvprodid\":[1]", "sgx_isvprodid", "1", 1 },
		{ "SGX", "\"isvprodid\":[2,1]", "sgx_isvprodid", "1", 1 },
		{ "SGX", "\"isvprodid\":[0]", "sgx_isvprodid", "0", 1 },
		{ "SGX", "\"isvprodid\":[0]", "sgx_isvprodid", "1", 0 },
		{ "SGX", "\"isvprodid\":[0]", "sgx_isvprodid", NULL, 0 },
		{ "SGX", "\"isvprodid\":[1]", "sgx_isvprodid", "\"1\"", -1 },
		{ "SGX", "\"isvprodid\":[1]", "sgx_isvprodid", "1.0", -1 },
		{ "SGX", "\"isvprodid\":[1]", "sgx_isvprodid", "65537", -1 },
		{ "SGX", "\"isvprodid\":[1]", "sgx_isvprodid", "-1", -1 },
		{ "SGX", "\"isvsvn\":3", "sgx_isvsvn", "3", 1 },
		{ "SGX", "\"isvsvn\":3", "sgx_isvsvn", "4", 0 },
		{ "SGX", "\"isvsvn\":0", "sgx_isvsvn", "1", 0 },
		{ "SGX", "\"isvsvn\":0", "sgx_isvsvn", NULL, 0 },
		{ "SGX", "\"isvsvn\":3", "sgx_isvsvn", "true", -1 },
		{ "SGX", "\"isvsvn_minimum\":3", "sgx_isvsvn", "3", 1 },
		{ "SGX", "\"isvsvn_minimum\":3", "sgx_isvsvn", "9", 1 },
		{ "SGX", "\"isvsvn_minimum\":3", "sgx_isvsvn", "2", 0 },
		{ "SGX", "\"isvsvn_minimum\":3", "sgx_isvsvn", NULL, 0 },
		{ "TDX", "\"seamsvn\":3", "tdx_seamsvn", "3", 1 },
		{ "TDX", "\"seamsvn\":3", "tdx_seamsvn", "2", 0 },
		{ "TDX", "\"seamsvn\":3", "tdx_seamsvn", NULL, 0 },
		{ "TDX", "\"seamsvn\":3", "tdx_seamsvn", "\"3\"", -1 },
		{ "TDX", "\"seamsvn_minimum\":3", "tdx_seamsvn", "261", 1 },
		{ "TDX", "\"seamsvn_minimum\":3", "tdx_seamsvn", "2", 0 },
	};

	RUN(cases);
}

ATF_TC_WITHOUT_HEAD(debug);
ATF_TC_BODY(debug, tc)
{
	static const struct attribute_case cases[] = {
		{ "SGX", "\"isvsvn\":3", "sgx_is_debuggable", "false", 1 },
		{ "SGX", "\"isvsvn\":3", "sgx_is_debuggable", "true", 0 },
		{ "SGX", "\"isvsvn\":3", "sgx_is_debuggable", NULL, 0 },
		{ "SGX", "\"isvsvn\":3", "sgx_is_debuggable", "0", -1 },
		{ "SGX", "\"isvsvn\":3", "sgx_is_debuggable", "null", -1 },
		{ "SGX", "\"isvsvn\":3,\"allow_debug\":true",
		    "sgx_is_debuggable", "true", 1 },
		{ "SGX", "\"isvsvn\":3", "dbgstat", "\"enabled\"", 0 },
		{ "SGX", "\"isvsvn\":3", "dbgstat", "\"disabled\"", 1 },
		{ "TDX", "\"seamsvn\":3", "dbgstat", "\"disabled\"", 1 },
		{ "TDX", "\"seamsvn\":3", "dbgstat", "\"enabled\"", 0 },
		{ "TDX", "\"seamsvn\":3", "dbgstat", "\"Disabled\"", 0 },
		{ "TDX", "\"seamsvn\":3", "dbgstat", "\"\"", 0 },
		{ "TDX", "\"seamsvn\":3", "dbgstat", NULL, 0 },
		{ "TDX", "\"seamsvn\":3", "dbgstat", "false", -1 },
		{ "TDX", "\"seamsvn\":3,\"allow_debug\":true", "dbgstat",
		    NULL, 1 },
		/* where they differ */
		{ "TDX", "\"seamsvn\":3", "tdx_is_debuggable", "true", 0 },
		{ "TDX", "\"seamsvn\":3", "tdx_is_debuggable", "false", 1 },
		/* the flag of the other TEE says nothing */
		{ "SGX", "\"isvsvn\":3", "tdx_is_debuggable", "true", 1 },
		{ "TDX", "\"seamsvn\":3", "tdx_td_attributes",
		    "\"0000001000000000\"", 1 },
		{ "TDX", "\"seamsvn\":3", "tdx_td_attributes",
		    "\"0100001000000000\"", 0 },
		{ "TDX", "\"seamsvn\":3,\"allow_debug\":true",
		    "tdx_td_attributes", "\"0100001000000000\"", 1 },
		/* reserved bits, whatever the policy allows */
		{ "TDX", "\"seamsvn\":3,\"allow_debug\":true",
		    "tdx_td_attributes", "\"0200001000000000\"", -1 },
		{ "TDX", "\"seamsvn\":3,\"allow_debug\":true",
		    "tdx_td_attributes", "\"8000001000000000\"", -1 },
		{ "TDX", "\"seamsvn\":3", "tdx_td_attributes", "\"01\"", -1 },
		{ "TDX", "\"seamsvn\":3", "tdx_td_attributes", "0", -1 },
		{ "TDX", "\"seamsvn\":3", "tdx_td_attributes_debug", "true",
		    0 },
		{ "TDX", "\"seamsvn\":3", "tdx_td_attributes_debug", "0",
		    -1 },
	};

	RUN(cases);
}

ATF_TC_WITHOUT_HEAD(tcb);
ATF_TC_BODY(tcb, tc)
{
#define ENFORCE	"\"enforce_tcb_upto_date\":true,\"isvsvn\":3"
#define STATUS	"\"tcb_statuses\":[\"UpToDate\",\"SWHardeningNeeded\"]"
#define DATE	"\"tcb_date_minimum\":\"2026-01-14T00:00:00Z\""
#define ADVICE	"\"advisories_allowed\":[\"INTEL-SA-00001\"]"
	static const struct attribute_case cases[] = {
		{ "SGX", ENFORCE, "attester_tcb_status", "\"OK\"", 1 },
		{ "SGX", ENFORCE, "attester_tcb_status", "\"UpToDate\"", 1 },
		{ "SGX", ENFORCE, "attester_tcb_status", "\"uptodate\"", 1 },
		{ "SGX", ENFORCE, "attester_tcb_status", "\"OutOfDate\"", 0 },
		{ "SGX", ENFORCE, "attester_tcb_status", "\"Revoked\"", 0 },
		{ "SGX", ENFORCE, "attester_tcb_status", "\"\"", 0 },
		{ "SGX", ENFORCE, "attester_tcb_status", NULL, 0 },
		{ "SGX", ENFORCE, "attester_tcb_status", "true", -1 },
		{ "SGX", "\"enforce_tcb_upto_date\":false,\"isvsvn\":3",
		    "attester_tcb_status", "\"OutOfDate\"", 1 },
		{ "TDX", STATUS, "attester_tcb_status", "\"UpToDate\"", 1 },
		{ "TDX", STATUS, "attester_tcb_status", "\"ok\"", 1 },
		{ "TDX", STATUS, "attester_tcb_status",
		    "\"swhardeningneeded\"", 1 },
		{ "TDX", STATUS, "attester_tcb_status", "\"OutOfDate\"", 0 },
		{ "TDX", STATUS, "attester_tcb_status", NULL, 0 },
		{ "TDX", "\"tcb_statuses\":[\"OK\"]", "attester_tcb_status",
		    "\"UpToDate\"", 1 },
		{ "TDX", DATE, "attester_tcb_date",
		    "\"2026-01-14T00:00:00Z\"", 1 },
		{ "TDX", DATE, "attester_tcb_date",
		    "\"2026-01-13T23:59:59Z\"", 0 },
		{ "TDX", DATE, "attester_tcb_date", NULL, 0 },
		{ "TDX", DATE, "attester_tcb_date", "\"soon\"", -1 },
		{ "TDX", DATE, "attester_tcb_date", "1768348800", -1 },
		{ "TDX", ADVICE, "attester_advisory_ids", "[]", 1 },
		{ "TDX", ADVICE, "attester_advisory_ids", NULL, 1 },
		{ "TDX", ADVICE, "attester_advisory_ids", "null", 1 },
		{ "TDX", ADVICE, "attester_advisory_ids",
		    "[\"INTEL-SA-00001\"]", 1 },
		{ "TDX", ADVICE, "attester_advisory_ids",
		    "[\"INTEL-SA-00001\",\"INTEL-SA-00002\"]", 0 },
		{ "TDX", ADVICE, "attester_advisory_ids",
		    "\"INTEL-SA-00001\"", -1 },
		{ "TDX", ADVICE, "attester_advisory_ids", "[1]", -1 },
		/* silence beside a status that has advisories */
		{ "TDX", ADVICE, "attester_tcb_status", "\"OutOfDate\"", 0 },
		{ "TDX", "\"platforms\":[\"00906ed50000\"]", "tdx_fmspc",
		    "\"00906ED50000\"", 1 },
		{ "TDX", "\"platforms\":[\"00906ed50000\"]", "tdx_fmspc",
		    "\"00906ed50001\"", 0 },
		{ "TDX", "\"platforms\":[\"00906ed50000\"]", "tdx_fmspc",
		    NULL, 0 },
		{ "TDX", "\"platforms\":[\"00906ed50000\"]", "tdx_fmspc",
		    "\"\"", -1 },
	};

	RUN(cases);
}

ATF_TC_WITHOUT_HEAD(deny);
ATF_TC_BODY(deny, tc)
{
#define DENY(list)	"\"deny\":{" list "},\"tcb_statuses\":[\"OK\"," \
			    "\"UpToDate\",\"OutOfDate\"]"
	static const struct attribute_case cases[] = {
		{ "SGX", DENY("\"mrenclave\":[\"" A32 "\"]"),
		    "sgx_mrenclave", "\"" A32 "\"", 0 },
		{ "SGX", DENY("\"mrenclave\":[\"" A32 "\"]"),
		    "sgx_mrenclave", "\"" B32 "\"", 1 },
		{ "SGX", DENY("\"mrenclave\":[\"" A32 "\"]"),
		    "sgx_mrenclave", NULL, 0 },
		{ "SGX", DENY("\"isvsvn\":[1,2]"), "sgx_isvsvn", "2", 0 },
		{ "SGX", DENY("\"isvsvn\":[1,2]"), "sgx_isvsvn", "3", 1 },
		{ "SGX", DENY("\"isvprodid\":[1]"), "sgx_isvprodid", "1", 0 },
		{ "TDX", DENY("\"mrtd\":[\"" A48 "\"]"), "tdx_mrtd",
		    "\"" A48 "\"", 0 },
		{ "TDX", DENY("\"rtmr2\":[\"" A48 "\"]"), "tdx_rtmr2",
		    "\"" B48 "\"", 1 },
		{ "TDX", DENY("\"seamsvn\":[3]"), "tdx_seamsvn", "3", 0 },
		{ "TDX", DENY("\"tcb_statuses\":[\"OutOfDate\"]"),
		    "attester_tcb_status", "\"OUTOFDATE\"", 0 },
		{ "TDX", DENY("\"tcb_statuses\":[\"OutOfDate\"]"),
		    "attester_tcb_status", "\"UpToDate\"", 1 },
		{ "TDX", DENY("\"platforms\":[\"00906ed50000\"]"),
		    "tdx_fmspc", "\"00906ed50000\"", 0 },
		{ "TDX", DENY("\"platforms\":[\"00906ed50000\"]"),
		    "tdx_fmspc", "\"00906ed50009\"", 1 },
		{ "TDX", DENY("\"platforms\":[\"00906ed50000\"]"),
		    "tdx_fmspc", NULL, 0 },
	};

	RUN(cases);
}

ATF_TC_WITHOUT_HEAD(policy_ids);
ATF_TC_BODY(policy_ids, tc)
{
	static const char policy[] = "{\"attestation_type\":\"SGX\","
	    "\"sgx\":{\"policy_ids\":[\"" ID_A "\"],\"attributes\":"
	    "{\"isvsvn\":3}}}";
	static const char only[] = "{\"attestation_type\":\"SGX\","
	    "\"sgx\":{\"policy_ids\":[\"" ID_A "\"]}}";
	static const struct { const char *json; int want; } cases[] = {
		{ "[{\"id\":\"" ID_A "\",\"version\":\"v1\"}]", 1 },
		{ "[{\"id\":\"" ID_B "\"},{\"id\":\"" ID_A "\"}]", 1 },
		{ "[{\"id\":\"EE37C360-7EAE-4250-A677-6EE12ADCE8E2\"}]", 1 },
		{ "[{\"id\":\"" ID_B "\"}]", 0 }, { "[]", 0 }, { NULL, 0 },
		{ "null", 0 }, { "[{}]", -1 }, { "[\"" ID_A "\"]", -1 },
		{ "{\"id\":\"" ID_A "\"}", -1 }, { "[{\"id\":1}]", -1 },
	};
	char	*text, *both;
	size_t	 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text = with(sgx_claims, "policy_ids_matched", cases[i].json);
		ATF_CHECK_EQ_MSG(judged(policy, text), cases[i].want, "%s",
		    cases[i].json != NULL ? cases[i].json : "absent");
		ATF_CHECK_EQ(judged(only, text), cases[i].want);
		free(text);
	}
	/* ids and attributes, not one of them */
	text = with(sgx_claims, "policy_ids_matched", cases[0].json);
	both = with(text, "sgx_isvsvn", "4");
	ATF_CHECK_EQ(judged(policy, both), 0);
	ATF_CHECK_STREQ(out.claim, "sgx_isvsvn");
	ATF_CHECK_STREQ(out.wanted, "3");
	ATF_CHECK_STREQ(out.got, "4");
	free(both);
	free(text);
	/* in a nested token they stand on top, and count only there */
	text = with(tdx_claims, "policy_ids_matched", cases[0].json);
	ATF_CHECK_EQ(judged("{\"attestation_type\":\"TDX\",\"tdx\":"
	    "{\"policy_ids\":[\"" ID_A "\"]}}", text), 0);
	free(text);
	text = with(tdx_claims, "/policy_ids_matched", cases[0].json);
	ATF_CHECK_EQ(judged("{\"attestation_type\":\"TDX\",\"tdx\":"
	    "{\"policy_ids\":[\"" ID_A "\"]}}", text), 1);
	free(text);
}

ATF_TC_WITHOUT_HEAD(form);
ATF_TC_BODY(form, tc)
{
	static const char sgx[] = "{\"attestation_type\":\"SGX\",\"sgx\":"
	    "{\"attributes\":{\"isvsvn\":3}}}";
	static const char tdx[] = "{\"attestation_type\":\"TDX\",\"tdx\":"
	    "{\"attributes\":{\"seamsvn\":3}}}";
	static const struct {
		const char	*claim, *json;
		int		 want;		/* tdx, tdx_claims */
	} cases[] = {
		{ "attester_type", "\"SGX\"", -1 },
		{ "attester_type", NULL, 1 },
		{ "attester_type", "null", -1 },
		{ "/sgx", "{}", -1 },		/* of two TEEs */
		{ "/tdx", NULL, -1 },
		{ "/tdx", "[]", -1 },
		{ "/ver", "\"3.0.0\"", -1 },
		{ "/ver", "2", -1 },
		{ "/ver", "\"1.0.0\"", -1 },	/* then flat, and it is not */
		/* flat claims of a nested token are not looked at */
		{ "/tdx_seamsvn", "9", 1 },
		{ "/tdx_is_debuggable", "true", 1 },
		{ "/attester_type", "\"SGX\"", 1 },
	};
	char	*text;
	size_t	 i;

	ATF_CHECK_EQ(judged(sgx, sgx_claims), 1);
	ATF_CHECK_EQ(judged(tdx, tdx_claims), 1);
	ATF_CHECK_EQ(judged(sgx, tdx_claims), 0);
	ATF_CHECK_STREQ(out.claim, "attester_type");
	ATF_CHECK_EQ(judged(tdx, sgx_claims), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text = with(tdx_claims, cases[i].claim, cases[i].json);
		ATF_CHECK_EQ_MSG(judged(tdx, text), cases[i].want,
		    "%s = %s: %s", cases[i].claim, cases[i].json != NULL ?
		    cases[i].json : "absent", why);
		free(text);
	}
	for (i = 0; i < 4; i++) {
		text = with(sgx_claims, "attester_type", (const char *[]){
		    NULL, "\"sgx\"", "\"SNP\"", "1" }[i]);
		ATF_CHECK_EQ(judged(sgx, text), -1);
		free(text);
	}
	ATF_CHECK_EQ(judged(sgx, "{\"exp\":1900000100,\"exp\":1900000100,"
	    "\"attester_type\":\"SGX\"}"), -1);
	ATF_CHECK_EQ(judged(sgx, "[]"), -1);
	ATF_CHECK_EQ(judged(sgx, ""), -1);
	ATF_CHECK_EQ(judged(sgx, "{} {}"), -1);
}

ATF_TC_WITHOUT_HEAD(times);
ATF_TC_BODY(times, tc)
{
	static const char sgx[] = "{\"attestation_type\":\"SGX\",\"sgx\":"
	    "{\"attributes\":{\"isvsvn\":3}}}";
	static const struct {
		const char	*claim, *json;
		int		 want;
	} cases[] = {
		{ "exp", "1900000001", 1 }, { "exp", "1900000000", -1 },
		{ "exp", "1899999999", -1 }, { "exp", NULL, -1 },
		{ "exp", "\"1900000100\"", -1 }, { "exp", "null", -1 },
		{ "exp", "1900000100.5", -1 }, { "exp", "-1", -1 },
		{ "exp", "9223372036854775807", -1 },
		{ "nbf", NULL, 1 }, { "nbf", "1900000060", 1 },
		{ "nbf", "1900000061", -1 }, { "nbf", "\"0\"", -1 },
		{ "nbf", "-5", -1 },
		{ "iat", NULL, 1 }, { "iat", "1900000060", 1 },
		{ "iat", "1900000061", -1 }, { "iat", "[]", -1 },
	};
	char		*text;
	size_t		 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text = with(sgx_claims, cases[i].claim, cases[i].json);
		ATF_CHECK_EQ_MSG(judged(sgx, text), cases[i].want, "%s = %s",
		    cases[i].claim, cases[i].json != NULL ? cases[i].json :
		    "absent");
		free(text);
	}
}

/* Issuer and audience, where they are configured. */
ATF_TC_WITHOUT_HEAD(parties);
ATF_TC_BODY(parties, tc)
{
	static const struct {
		const char	*claim;
		const char	*json;		/* NULL: absent */
		struct parties	 want;
		int		 good;
	} cases[] = {
		{ "iss", "\"us\"",		{ "us", "", NULL },	1 },
		{ "iss", "\"us\"",		{ "", "", NULL },	1 },
		{ "iss", "\"us2\"",		{ "us", "", NULL },	0 },
		{ "iss", "\"\"",		{ "us", "", NULL },	0 },
		{ "iss", NULL,			{ "us", "", NULL },	0 },
		{ "iss", "[\"us\"]",		{ "us", "", NULL },	0 },
		{ "aud", "\"us\"",		{ "", "us", NULL },	1 },
		{ "aud", "[\"us\"]",		{ "", "us", NULL },	1 },
		{ "aud", "[\"a\",\"us\"]",	{ "", "us", NULL },	1 },
		{ "aud", "[7,\"us\"]",		{ "", "us", NULL },	1 },
		{ "aud", "[\"a\",7]",		{ "", "us", NULL },	0 },
		{ "aud", "\"US\"",		{ "", "us", NULL },	0 },
		{ "aud", "[]",			{ "", "us", NULL },	0 },
		{ "aud", "{\"us\":\"us\"}",	{ "", "us", NULL },	0 },
		{ "aud", "true",		{ "", "us", NULL },	0 },
		{ "aud", NULL,			{ "", "us", NULL },	0 },
		{ "aud", "{}",			{ "", "", NULL },	1 },
	};
	struct claims	 c;
	char		*text;
	size_t		 i;
	int		 rc;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text = with(sgx_claims, cases[i].claim, cases[i].json);
		rc = claims_read(&c, text, strlen(text), &cases[i].want, NOW,
		    why, sizeof(why));
		ATF_CHECK_MSG((rc == 0) == cases[i].good, "%s %s: %s",
		    cases[i].claim, cases[i].json, rc == 0 ? "taken" : why);
		if (rc == 0)
			claims_free(&c);
		free(text);
	}
}

ATF_TC_WITHOUT_HEAD(nvgpu);
ATF_TC_BODY(nvgpu, tc)
{
#define COMPOSITE(nv)	"{\"attestation_type\":[\"TDX\",\"NVGPU\"],\"tdx\":" \
	"{\"attributes\":{\"seamsvn\":3}},\"nvgpu\":{" nv "}}"
#define GPU(result, secboot, model) "{\"x-nvidia-overall-att-result\":" \
	result ",\"claim_details\":{\"GPU-0\":{\"hwmodel\":" model \
	",\"secboot\":" secboot "}}}"
	static const struct { const char *policy, *json; int want; } cases[] = {
		{ COMPOSITE(""), GPU("true", "true", "\"m\""), 1 },
		{ COMPOSITE(""), GPU("false", "true", "\"m\""), 1 },
		{ COMPOSITE(""), "{}", 0 }, { COMPOSITE(""), NULL, 0 },
		{ COMPOSITE(""), "[]", -1 },
		{ COMPOSITE(""), GPU("\"true\"", "true", "\"m\""), 0 },
		{ COMPOSITE("\"attributes\":{"
		    "\"enforce_overall_attestation_result\":true}"),
		    GPU("true", "true", "\"m\""), 1 },
		{ COMPOSITE("\"attributes\":{"
		    "\"enforce_overall_attestation_result\":true}"),
		    GPU("false", "true", "\"m\""), 0 },
		{ COMPOSITE("\"attributes\":{\"require_secure_boot\":true}"),
		    GPU("true", "true", "\"m\""), 1 },
		{ COMPOSITE("\"attributes\":{\"require_secure_boot\":true}"),
		    GPU("true", "false", "\"m\""), 0 },
		{ COMPOSITE("\"attributes\":{\"require_secure_boot\":true}"),
		    GPU("true", "\"true\"", "\"m\""), 0 },
		{ COMPOSITE("\"attributes\":{\"require_secure_boot\":true}"),
		    "{\"x-nvidia-overall-att-result\":true}", 0 },
		{ COMPOSITE("\"attributes\":{\"require_secure_boot\":true}"),
		    "{\"x-nvidia-overall-att-result\":true,"
		    "\"claim_details\":{}}", 0 },
		{ COMPOSITE("\"attributes\":{\"hwmodel\":[\"m\",\"n\"]}"),
		    GPU("true", "true", "\"n\""), 1 },
		{ COMPOSITE("\"attributes\":{\"hwmodel\":[\"m\"]}"),
		    GPU("true", "true", "\"M\""), 0 },
		{ COMPOSITE("\"attributes\":{\"hwmodel\":[\"m\"]}"),
		    GPU("true", "true", "null"), 0 },
		/* every entry must do */
		{ COMPOSITE("\"attributes\":{\"require_secure_boot\":true}"),
		    "{\"x-nvidia-overall-att-result\":true,"
		    "\"claim_details\":{\"a\":{\"secboot\":true},"
		    "\"b\":{\"secboot\":false}}}", 0 },
		{ COMPOSITE("\"policy_ids\":[\"" ID_A "\"]"),
		    GPU("true", "true", "\"m\""), 0 },
		/* GPU claims that nobody asked about */
		{ "{\"attestation_type\":\"TDX\",\"tdx\":{\"attributes\":"
		    "{\"seamsvn\":3}}}", GPU("false", "false", "\"m\""), 1 },
	};
	char	*text;
	size_t	 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text = with(tdx_claims, "/nvgpu", cases[i].json);
		ATF_CHECK_EQ_MSG(judged(cases[i].policy, text),
		    cases[i].want, "%zu: %s", i, cases[i].policy);
		free(text);
	}
	/* inside the TEE's part they are not where they belong */
	text = with(tdx_claims, "nvgpu", GPU("true", "true", "\"m\""));
	ATF_CHECK_EQ(judged(COMPOSITE(""), text), 0);
	free(text);
}

ATF_TC_WITHOUT_HEAD(nonce);
ATF_TC_BODY(nonce, tc)
{
	struct evidence	 e = { .has_nonce = 1,
	    .nonce_val = (const uint8_t *)"abc", .nonce_vallen = 3,
	    .nonce_iat = (const uint8_t *)"def", .nonce_iatlen = 3,
	    .nonce_sig = (const uint8_t *)"ghi", .nonce_siglen = 3 };
	static const struct { const char *json; int want; } cases[] = {
		{ "{\"val\":\"YWJj\",\"iat\":\"ZGVm\",\"signature\":\"Z2hp\"}",
		    1 },
		{ "{\"val\":\"YWJk\",\"iat\":\"ZGVm\",\"signature\":\"Z2hp\"}",
		    0 },
		{ "{\"val\":\"YWJj\",\"iat\":\"ZGVn\",\"signature\":\"Z2hp\"}",
		    0 },
		{ "{\"val\":\"YWJj\",\"iat\":\"ZGVm\",\"signature\":\"Z2hq\"}",
		    0 },
		{ "{\"val\":\"YWJj\",\"iat\":\"ZGVm\"}", 0 },
		{ "{\"val\":\"YWJjZGVm\",\"iat\":\"\",\"signature\":\"Z2hp\"}",
		    0 },
		{ "{\"val\":\"YWJj\\n\",\"iat\":\"ZGVm\","
		    "\"signature\":\"Z2hp\"}", 0 },
		{ "{}", 0 }, { "null", 0 }, { "\"YWJj\"", 0 }, { NULL, 0 },
	};
	struct claims	 c;
	char		*text;
	size_t		 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text = with(tdx_claims, "verifier_nonce", cases[i].json);
		ATF_REQUIRE(claims_read(&c, text, strlen(text), &any, NOW, why,
		    sizeof(why)) == 0);
		ATF_CHECK_EQ_MSG(claims_nonce(&c, &e), cases[i].want, "%s",
		    cases[i].json != NULL ? cases[i].json : "absent");
		claims_free(&c);
		free(text);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, measurements);
	ATF_TP_ADD_TC(tp, numbers);
	ATF_TP_ADD_TC(tp, debug);
	ATF_TP_ADD_TC(tp, tcb);
	ATF_TP_ADD_TC(tp, deny);
	ATF_TP_ADD_TC(tp, policy_ids);
	ATF_TP_ADD_TC(tp, form);
	ATF_TP_ADD_TC(tp, times);
	ATF_TP_ADD_TC(tp, parties);
	ATF_TP_ADD_TC(tp, nvgpu);
	ATF_TP_ADD_TC(tp, nonce);
	return (atf_no_error());
}

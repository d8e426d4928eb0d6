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
 * What a good SEV-SNP report claims, and each attribute of a policy against
 * claims that match and that don't.
 */
#include "snp_mint.h"

#define A32	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"	\
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A48	A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
/* Those of snp_mint_fields(). */
#define HOST	"3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b"	\
		"3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b"
#define MEASURE	"3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a"	\
		"3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a"
#define IDKEY	"3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c"	\
		"3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c"
#define AUTHOR	"3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d"	\
		"3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d"

static char		 why[WHY_MAX];
static struct snp_plan	 plan;
static uint8_t		 report[SNP_REPORT_LEN];

/* As after snp_verify(), which is tried elsewhere. */
static json_t *
claims_of(enum snp_product product, int vlek)
{
	struct snp_chain	 chain = { .product = product };
	struct snp_report	 r;
	const char		*text;
	json_t			*j;

	chain.signer = vlek ? SNP_VLEK : SNP_VCEK;
	(void)strlcpy(chain.csp, "Cloud", sizeof(chain.csp));
	ATF_REQUIRE_EQ(SNP_OK, snp_report_read(&r, report, sizeof(report),
	    &text));
	ATF_REQUIRE((j = snp_claims(&r, &chain)) != NULL);
	return (j);
}

static const char *
text_of(const json_t *j, const char *name)
{
	const char	*text = json_string_value(json_object_get(j, name));

	return (text != NULL ? text : "(absent)");
}

static json_int_t
number_of(const json_t *j, const char *name)
{
	const json_t	*n = json_object_get(j, name);

	return (json_is_integer(n) ? json_integer_value(n) : -1);
}

ATF_TC_WITHOUT_HEAD(claims);
ATF_TC_BODY(claims, tc)
{
	json_t	*j;

	snp_plan(&plan, SNP_MILAN, 0);
	snp_mint_fields(report, &plan, 3);
	report[7] = 0x80;		/* guest SVN, the highest bit */
	report[0x0a] = 0x17;		/* one socket, migration, SMT */
	report[0x10] = 1;
	report[0x2f] = 2;
	report[0x30] = 3;
	report[0x1e6] = 25;
	j = claims_of(SNP_MILAN, 0);
	ATF_CHECK_STREQ("SNP", text_of(j, "attester_type"));
	ATF_CHECK_STREQ("Milan", text_of(j, "snp_product"));
	ATF_CHECK_STREQ("VCEK", text_of(j, "snp_signing_key"));
	ATF_CHECK_STREQ("(absent)", text_of(j, "snp_csp_id"));
	ATF_CHECK_STREQ(MEASURE, text_of(j, "snp_measurement"));
	ATF_CHECK_STREQ(HOST, text_of(j, "snp_host_data"));
	ATF_CHECK_STREQ(IDKEY, text_of(j, "snp_id_key_digest"));
	ATF_CHECK_STREQ(AUTHOR, text_of(j, "snp_author_key_digest"));
	ATF_CHECK_STREQ("01000000000000000000000000000000",
	    text_of(j, "snp_family_id"));
	ATF_CHECK_STREQ("00000000000000000000000000000002",
	    text_of(j, "snp_image_id"));
	ATF_CHECK_EQ(128, strlen(text_of(j, "snp_report_data")));
	ATF_CHECK_EQ(128, strlen(text_of(j, "snp_chip_id")));
	ATF_CHECK_STREQ("0x170000", text_of(j, "snp_policy"));
	ATF_CHECK_EQ(0x80000002LL, number_of(j, "snp_guest_svn"));
	ATF_CHECK_EQ(3, number_of(j, "snp_vmpl"));
	ATF_CHECK_EQ(3, number_of(j, "snp_report_version"));
	ATF_CHECK_EQ(4, number_of(j, "snp_bootloader_svn"));
	ATF_CHECK_EQ(1, number_of(j, "snp_tee_svn"));
	ATF_CHECK_EQ(24, number_of(j, "snp_snp_svn"));
	ATF_CHECK_EQ(219, number_of(j, "snp_microcode_svn"));
	ATF_CHECK_EQ(25, number_of(j, "snp_committed_snp_svn"));
	ATF_CHECK_EQ(-1, number_of(j, "snp_fmc_svn"));
	ATF_CHECK(json_is_false(json_object_get(j, "snp_is_debuggable")));
	ATF_CHECK(json_is_true(json_object_get(j, "snp_smt_allowed")));
	ATF_CHECK(json_is_true(json_object_get(j, "snp_migration_allowed")));
	ATF_CHECK(json_is_true(json_object_get(j, "snp_single_socket")));
	json_decref(j);
	snp_plan(&plan, SNP_TURIN, 1);
	snp_mint_fields(report, &plan, 3);
	j = claims_of(SNP_TURIN, 1);
	ATF_CHECK_STREQ("VLEK", text_of(j, "snp_signing_key"));
	ATF_CHECK_STREQ("Cloud", text_of(j, "snp_csp_id"));
	ATF_CHECK_EQ(1, number_of(j, "snp_fmc_svn"));
	ATF_CHECK_EQ(2, number_of(j, "snp_bootloader_svn"));
	ATF_CHECK_EQ(3, number_of(j, "snp_tee_svn"));
	ATF_CHECK_EQ(4, number_of(j, "snp_snp_svn"));
	ATF_CHECK_EQ(130, number_of(j, "snp_microcode_svn"));
	json_decref(j);
}

/* --- policies -------------------------------------------------------- */

/* 1: the policy takes it; 0: not; -1: these are no claims. */
static int
judged(const char *policy, json_t *j, struct outcome *out)
{
	struct policy	*p;
	struct claims	 c;
	int		 rc = -1;

	memset(out, 0, sizeof(*out));
	p = policy_parse(policy, strlen(policy), why, sizeof(why));
	ATF_REQUIRE_MSG(p != NULL, "%s: %s", policy, why);
	if (claims_own(&c, TEE_SNP, j, why, sizeof(why)) == 0) {
		rc = compare(p, &c, out, NULL) == 0;
		claims_free(&c);
	}
	policy_free(p);
	return (rc);
}

/* An attribute of a policy; a claim to be set to JSON or taken away. */
static const struct {
	const char	*list, *claim, *json;
	int		 want;
} cases[] = {
	{ "\"measurement\":[\"" MEASURE "\"]", "snp_vmpl", "1", 1 },
	{ "\"measurement\":[\"" A48 "\",\"" MEASURE "\"]", "snp_vmpl", "1",
	    1 },
	{ "\"measurement\":[\"" A48 "\"]", "snp_measurement",
	    "\"" MEASURE "\"", 0 },
	{ "\"measurement\":[\"" A48 "\"]", "snp_measurement", "\"" A48 "\"",
	    1 },
	{ "\"measurement\":[\"" A48 "\"]", "snp_measurement", NULL, 0 },
	{ "\"measurement\":[\"" A48 "\"]", "snp_measurement", "\"aa\"", -1 },
	{ "\"host_data\":[\"" HOST "\"]", "snp_vmpl", "1", 1 },
	{ "\"host_data\":[\"" A32 "\"]", "snp_host_data", "\"" HOST "\"", 0 },
	{ "\"host_data\":[\"" HOST "\"]", "snp_host_data", NULL, 0 },
	{ "\"id_key_digest\":[\"" IDKEY "\"]", "snp_vmpl", "1", 1 },
	{ "\"id_key_digest\":[\"" AUTHOR "\"]", "snp_id_key_digest",
	    "\"" IDKEY "\"", 0 },
	{ "\"author_key_digest\":[\"" AUTHOR "\"]", "snp_vmpl", "1", 1 },
	{ "\"author_key_digest\":[\"" IDKEY "\"]", "snp_author_key_digest",
	    "\"" AUTHOR "\"", 0 },
	{ "\"guest_svn_minimum\":2", "snp_vmpl", "1", 1 },
	{ "\"guest_svn_minimum\":3", "snp_guest_svn", "2", 0 },
	{ "\"guest_svn_minimum\":70000", "snp_guest_svn", "70000", 1 },
	{ "\"guest_svn_minimum\":70000", "snp_guest_svn", "69999", 0 },
	{ "\"guest_svn_minimum\":2", "snp_guest_svn", NULL, 0 },
	{ "\"guest_svn_minimum\":2", "snp_guest_svn", "4294967295", 1 },
	{ "\"guest_svn_minimum\":2", "snp_guest_svn", "4294967296", -1 },
	{ "\"bootloader_svn_minimum\":4", "snp_vmpl", "1", 1 },
	{ "\"bootloader_svn_minimum\":4", "snp_bootloader_svn", "3", 0 },
	{ "\"bootloader_svn_minimum\":4", "snp_committed_bootloader_svn",
	    "3", 0 },
	{ "\"bootloader_svn_minimum\":4", "snp_bootloader_svn", "256", -1 },
	{ "\"tee_svn_minimum\":1", "snp_vmpl", "1", 1 },
	{ "\"tee_svn_minimum\":1", "snp_tee_svn", "0", 0 },
	{ "\"tee_svn_minimum\":1", "snp_committed_tee_svn", "0", 0 },
	{ "\"snp_svn_minimum\":24", "snp_vmpl", "1", 1 },
	{ "\"snp_svn_minimum\":24", "snp_snp_svn", "25", 1 },
	{ "\"snp_svn_minimum\":24", "snp_snp_svn", "23", 0 },
	{ "\"snp_svn_minimum\":24", "snp_committed_snp_svn", "23", 0 },
	{ "\"snp_svn_minimum\":24", "snp_committed_snp_svn", NULL, 0 },
	{ "\"microcode_svn_minimum\":219", "snp_vmpl", "1", 1 },
	{ "\"microcode_svn_minimum\":219", "snp_microcode_svn", "218", 0 },
	{ "\"microcode_svn_minimum\":219", "snp_committed_microcode_svn",
	    "218", 0 },
	{ "\"microcode_svn_minimum\":219", "snp_is_debuggable", "true", 0 },
	{ "\"microcode_svn_minimum\":219", "snp_is_debuggable", NULL, 0 },
	{ "\"microcode_svn_minimum\":219", "snp_is_debuggable", "0", -1 },
};

ATF_TC_WITHOUT_HEAD(policies);
ATF_TC_BODY(policies, tc)
{
	struct outcome	 out;
	json_t		*j;
	char		 policy[512];
	size_t		 i;
	int		 got;

	snp_plan(&plan, SNP_MILAN, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snp_mint_fields(report, &plan, 3);
		j = claims_of(SNP_MILAN, 0);
		if (cases[i].json == NULL)
			json_object_del(j, cases[i].claim);
		else
			json_object_set_new(j, cases[i].claim, json_loads(
			    cases[i].json, JSON_DECODE_ANY, NULL));
		snprintf(policy, sizeof(policy), "{\"attestation_type\":"
		    "\"SNP\",\"snp\":{\"attributes\":{%s}}}", cases[i].list);
		got = judged(policy, j, &out);
		ATF_CHECK_EQ_MSG(cases[i].want, got, "%zu: %s, %s", i,
		    cases[i].list, cases[i].claim);
		/* the first that failed, and no other, is named */
		if (got == 0) {
			ATF_CHECK_STREQ(cases[i].claim, out.claim);
			ATF_CHECK(out.wanted[0] != '\0' && out.got[0] != '\0');
		}
		json_decref(j);
	}
}

/* Of one TEE, for a policy of another. */
ATF_TC_WITHOUT_HEAD(others);
ATF_TC_BODY(others, tc)
{
	struct outcome	 out;
	json_t		*j;

	snp_plan(&plan, SNP_MILAN, 0);
	snp_mint_fields(report, &plan, 3);
	j = claims_of(SNP_MILAN, 0);
	ATF_CHECK_EQ(0, judged("{\"attestation_type\":\"TDX\",\"tdx\":"
	    "{\"attributes\":{\"enforce_tcb_upto_date\":true}}}", j, &out));
	ATF_CHECK_STREQ("attester_type", out.claim);
	ATF_CHECK_STREQ("TDX", out.wanted);
	ATF_CHECK_STREQ("SNP", out.got);
	json_decref(j);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, claims);
	ATF_TP_ADD_TC(tp, policies);
	ATF_TP_ADD_TC(tp, others);
	return (atf_no_error());
}

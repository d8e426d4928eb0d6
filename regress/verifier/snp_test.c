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
 * SEV-SNP reports: all cases of the shared data where it is there, and a
 * chip of our own whose chains and reports are wrong in one way each.
 */
#include "snp_mint.h"

static char		 why[WHY_MAX];
static struct snp_verdict verdict;

/* --- the shared data ------------------------------------------------ */

struct file {
	uint8_t	*p;
	size_t	 len;
};

static int
data_path(char *path, size_t size, const char *name)
{
	const char	*shared = getenv("KBSD_SHARED");

	snprintf(path, size, "%s/data/snp/%s", shared != NULL ? shared : ".",
	    name);
	return (access(path, R_OK));
}

static struct file
data_read(const char *name)
{
	struct file	 f = { malloc(65536), 0 };
	char		 path[1024];
	FILE		*fp;

	ATF_REQUIRE_EQ(0, data_path(path, sizeof(path), name));
	ATF_REQUIRE((fp = fopen(path, "rb")) != NULL);
	f.len = fread(f.p, 1, 65536, fp);
	fclose(fp);
	return (f);
}

/* A file whose name stands in a case. */
static struct file
case_file(const json_t *c, const char *member)
{
	const char	*name = json_string_value(json_object_get(c, member));

	ATF_REQUIRE(name != NULL);
	return (data_read(name));
}

static int
case_chain(const json_t *c, struct snp_chain *chain)
{
	struct file	 vek = case_file(c, "vek");
	struct file	 pem = case_file(c, "chain");
	struct der	 der = { vek.p, vek.len };
	int		 rc;

	rc = snp_chain_read_pem(chain, &der, (const char *)pem.p, pem.len,
	    why, sizeof(why));
	free(vek.p);
	free(pem.p);
	return (rc);
}

/* Our reasons, as the data words them. */
static int
case_reason(const char *expect, const char *got)
{
	return (strcmp(expect, got) == 0 ||
	    (strcmp(expect, "version_or_signature") == 0 &&
	    (strcmp(got, "version") == 0 || strcmp(got, "signature") == 0)));
}

static void
case_fields(const json_t *c, const struct snp_report *r,
    const struct snp_chain *chain)
{
	static const char *const same[][2] = {
		{ "measurement", "snp_measurement" },
		{ "host_data", "snp_host_data" },
		{ "report_data", "snp_report_data" },
		{ "chip_id", "snp_chip_id" },
		{ "id_key_digest", "snp_id_key_digest" },
	};
	const json_t	*fields = json_object_get(c, "fields");
	json_t		*claims = snp_claims(r, chain);
	size_t		 i;

	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		ATF_CHECK_STREQ(json_string_value(json_object_get(fields,
		    same[i][0])), json_string_value(json_object_get(claims,
		    same[i][1])));
	ATF_CHECK_EQ(json_integer_value(json_object_get(fields, "version")),
	    json_integer_value(json_object_get(claims,
	    "snp_report_version")));
	json_decref(claims);
}

static void
case_run(const json_t *c)
{
	const char	*id = json_string_value(json_object_get(c, "id"));
	json_t		*expect = json_object_get(c, "expect");
	const char	*got, *want = "ok";
	struct file	 report = case_file(c, "report");
	struct snp_report r;
	struct snp_chain chain = { .vek = NULL };
	struct snp_roots roots = { .n = 1 };
	struct snp_rules rules = { &roots, 0 };
	int		 test = strncmp(id, "test-", 5) == 0;

	if (json_array_size(expect) == 2)
		want = json_string_value(json_array_get(expect, 1));
	if (case_chain(c, &chain) == -1) {
		ATF_CHECK_STREQ_MSG(want, "chain", "%s: %s", id, why);
		free(report.p);
		return;
	}
	ATF_REQUIRE_EQ(0, snp_root_digest(roots.digest[0], chain.ark));
	(void)snp_verify(&r, report.p, report.len, &chain, NULL,
	    json_integer_value(json_object_get(c, "time")),
	    test ? &rules : NULL, &verdict);
	got = snp_reason_name(verdict.reason);
	printf("%s: %s %s\n", id, got, verdict.text);
	ATF_CHECK_MSG(case_reason(want, got), "%s: %s, not %s: %s", id, got,
	    want, verdict.text);
	if (verdict.reason == SNP_OK)
		case_fields(c, &r, &chain);
	if (verdict.reason == SNP_OK && test) {
		ATF_CHECK_EQ(-1, snp_verify(&r, report.p, report.len, &chain,
		    NULL, json_integer_value(json_object_get(c, "time")),
		    NULL, &verdict));
		ATF_CHECK_EQ_MSG(SNP_ROOT, verdict.reason, "%s", id);
	}
	snp_chain_clear(&chain);
	free(report.p);
}

ATF_TC_WITHOUT_HEAD(cases);
ATF_TC_BODY(cases, tc)
{
	char	 path[1024];
	json_t	*cases;
	size_t	 i;

	if (data_path(path, sizeof(path), "cases.json") == -1)
		atf_tc_skip("%s is not there: set KBSD_SHARED", path);
	ATF_REQUIRE((cases = json_load_file(path, 0, NULL)) != NULL);
	ATF_REQUIRE(json_array_size(cases) > 0);
	for (i = 0; i < json_array_size(cases); i++)
		case_run(json_array_get(cases, i));
	json_decref(cases);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, cases);
	return (atf_no_error());
}

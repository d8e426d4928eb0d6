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
case_chain(const json_t *c, struct snp_chain *of)
{
	struct file	 vek = case_file(c, "vek");
	struct file	 pem = case_file(c, "chain");
	struct der	 der = { vek.p, vek.len };
	int		 rc;

	rc = snp_chain_read_pem(of, &der, (const char *)pem.p, pem.len,
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
    const struct snp_chain *of)
{
	static const char *const same[][2] = {
		{ "measurement", "snp_measurement" },
		{ "host_data", "snp_host_data" },
		{ "report_data", "snp_report_data" },
		{ "chip_id", "snp_chip_id" },
		{ "id_key_digest", "snp_id_key_digest" },
	};
	const json_t	*fields = json_object_get(c, "fields");
	json_t		*claims = snp_claims(r, of);
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
	struct file	 f = case_file(c, "report");
	struct snp_report r;
	struct snp_chain of = { .vek = NULL };
	struct snp_roots roots = { .n = 1 };
	struct snp_rules rules = { &roots, 0 };
	int		 test = strncmp(id, "test-", 5) == 0;

	if (json_array_size(expect) == 2)
		want = json_string_value(json_array_get(expect, 1));
	if (case_chain(c, &of) == -1) {
		ATF_CHECK_STREQ_MSG(want, "chain", "%s: %s", id, why);
		free(f.p);
		return;
	}
	ATF_REQUIRE_EQ(0, snp_root_digest(roots.digest[0], of.ark));
	(void)snp_verify(&r, f.p, f.len, &of, NULL,
	    json_integer_value(json_object_get(c, "time")),
	    test ? &rules : NULL, &verdict);
	got = snp_reason_name(verdict.reason);
	printf("%s: %s %s\n", id, got, verdict.text);
	ATF_CHECK_MSG(case_reason(want, got), "%s: %s, not %s: %s", id, got,
	    want, verdict.text);
	if (verdict.reason == SNP_OK)
		case_fields(c, &r, &of);
	if (verdict.reason == SNP_OK && test) {
		ATF_CHECK_EQ(-1, snp_verify(&r, f.p, f.len, &of,
		    NULL, json_integer_value(json_object_get(c, "time")),
		    NULL, &verdict));
		ATF_CHECK_EQ_MSG(SNP_ROOT, verdict.reason, "%s", id);
	}
	snp_chain_clear(&of);
	free(f.p);
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

/* AMD's own signature, one byte of the report another at a time. */
ATF_TC_WITHOUT_HEAD(genuine);
ATF_TC_BODY(genuine, tc)
{
	struct snp_chain	 of;
	struct snp_report	 r;
	struct file		 f, vek, pem;
	struct der		 der;
	char			 path[1024];
	size_t			 i;

	if (data_path(path, sizeof(path), "milan-coco.report") == -1)
		atf_tc_skip("%s is not there: set KBSD_SHARED", path);
	f = data_read("milan-coco.report");
	vek = data_read("milan-coco.vcek.der");
	pem = data_read("milan.chain.pem");
	der.p = vek.p;
	der.len = vek.len;
	ATF_REQUIRE_EQ(0, snp_chain_read_pem(&of, &der, (char *)pem.p,
	    pem.len, why, sizeof(why)));
	for (i = 0; i <= f.len; i++) {
		if (i < f.len)
			f.p[i] ^= 1;
		ATF_CHECK_EQ_MSG(i < f.len ? -1 : 0, snp_verify(&r, f.p,
		    f.len, &of, NULL, 1677175106, NULL, &verdict),
		    "byte 0x%zx", i);
		if (i < f.len)
			f.p[i] ^= 1;
	}
	snp_chain_clear(&of);
	free(f.p);
	free(vek.p);
	free(pem.p);
}

/* --- a chip of our own ---------------------------------------------- */

static struct snp_mint	 mint;
static struct snp_plan	 plan;
static struct snp_chain	 chain;
static uint8_t		 report[SNP_REPORT_LEN];

static void
begin(enum snp_product product, int vlek)
{
	snp_chain_clear(&chain);
	snp_plan(&plan, product, vlek);
	snp_mint_chain(&mint, &plan);
	ATF_REQUIRE_EQ_MSG(0, snp_mint_read(&mint, &chain, why, sizeof(why)),
	    "%s", why);
	snp_mint_report(report, &mint, &plan, 3);
}

static int
judged(const uint8_t *p, size_t len)
{
	struct snp_report	 r;

	return (snp_verify(&r, p, len, &chain, NULL, (int64_t)time(NULL),
	    &mint.rules, &verdict));
}

static void
refused(enum snp_reason reason, enum snp_step step, const char *what)
{
	int	 i;

	ATF_CHECK_EQ_MSG(-1, judged(report, sizeof(report)), "%s", what);
	ATF_CHECK_STREQ_MSG(snp_reason_name(reason),
	    snp_reason_name(verdict.reason), "%s: %s", what, verdict.text);
	ATF_CHECK_MSG(verdict.text[0] != '\0', "%s", what);
	/* one step failed, and nothing came after it */
	for (i = 0; i < SNP_STEPS; i++)
		ATF_CHECK_MSG(i < (int)step ? verdict.steps[i] ==
		    SNP_PASSED || verdict.steps[i] == SNP_SKIPPED :
		    verdict.steps[i] == (i == (int)step ? SNP_FAILED :
		    SNP_NOT_MADE), "%s: %s is %s", what,
		    snp_step_name((enum snp_step)i),
		    snp_result_name(verdict.steps[i]));
}

ATF_TC_WITHOUT_HEAD(good);
ATF_TC_BODY(good, tc)
{
	static const uint8_t	 versions[] = { 2, 3, 5 };
	int			 i, p, vlek;
	size_t			 v;

	for (p = 0; p < SNP_PRODUCTS; p++)
		for (vlek = 0; vlek < 2; vlek++) {
			begin((enum snp_product)p, vlek);
			for (v = 0; v < sizeof(versions); v++) {
				snp_mint_report(report, &mint, &plan,
				    versions[v]);
				ATF_CHECK_EQ_MSG(0, judged(report,
				    sizeof(report)), "%s: %s", plan.product,
				    verdict.text);
			}
			for (i = 0; i < SNP_STEPS; i++)
				ATF_CHECK_EQ_MSG(i == SNP_STEP_CRL ||
				    (vlek && i == SNP_STEP_CHIP) ?
				    SNP_SKIPPED : SNP_PASSED,
				    verdict.steps[i], "%s", snp_step_name(
				    (enum snp_step)i));
			ATF_CHECK_STREQ("", verdict.text);
		}
	/* from our own root to AMD's there is no way */
	mint.rules.roots = NULL;
	refused(SNP_ROOT, SNP_STEP_ROOT, "a root with AMD's name");
}

/* What a chip would sign, but no guest of ours should show. */
static const struct wrong {
	const char	*what;
	size_t		 at;
	uint8_t		 v;
	enum snp_reason	 reason;
	enum snp_step	 step;
} wrongs[] = {
	{ "version 1", 0x000, 1, SNP_VERSION, SNP_STEP_FORMAT },
	{ "version 0", 0x000, 0, SNP_VERSION, SNP_STEP_FORMAT },
	{ "policy bit 17", 0x00a, 0x01, SNP_FORMAT, SNP_STEP_FORMAT },
	{ "debug", 0x00a, 0x0b, SNP_DEBUG, SNP_STEP_DEBUG },
	{ "VMPL 1", 0x030, 1, SNP_VMPL, SNP_STEP_VMPL },
	{ "VMPL 256", 0x031, 1, SNP_VMPL, SNP_STEP_VMPL },
	{ "algorithm 0", 0x034, 0, SNP_FORMAT, SNP_STEP_FORMAT },
	{ "algorithm 2", 0x034, 2, SNP_FORMAT, SNP_STEP_FORMAT },
	{ "algorithm 0x01000001", 0x037, 1, SNP_FORMAT, SNP_STEP_FORMAT },
	{ "signed by a VLEK", 0x048, 1 << 2, SNP_CHAIN, SNP_STEP_CHAIN },
	{ "signing key 2", 0x048, 2 << 2, SNP_FORMAT, SNP_STEP_FORMAT },
	{ "not signed", 0x048, 7 << 2, SNP_FORMAT, SNP_STEP_FORMAT },
	{ "masked, yet a chip id", 0x048, 2, SNP_OK, SNP_STEPS },
	{ "migration agent", 0x160, 0xfe, SNP_MIGRATION, SNP_STEP_MIGRATION },
	{ "migration agent", 0x17f, 0, SNP_MIGRATION, SNP_STEP_MIGRATION },
	{ "boot loader, lower", 0x180, 3, SNP_TCB, SNP_STEP_TCB },
	{ "TEE, higher", 0x181, 2, SNP_TCB, SNP_STEP_TCB },
	{ "TCB, reserved", 0x182, 1, SNP_TCB, SNP_STEP_TCB },
	{ "SNP, lower", 0x186, 23, SNP_TCB, SNP_STEP_TCB },
	{ "microcode, 0", 0x187, 0, SNP_TCB, SNP_STEP_TCB },
	{ "current TCB", 0x038, 9, SNP_OK, SNP_STEPS },
	{ "family of Turin", 0x188, 0x1a, SNP_PRODUCT, SNP_STEP_PRODUCT },
	{ "model of Genoa", 0x189, 0x11, SNP_PRODUCT, SNP_STEP_PRODUCT },
	{ "family 0", 0x188, 0, SNP_PRODUCT, SNP_STEP_PRODUCT },
	{ "chip", 0x1a0, 0, SNP_CHIP, SNP_STEP_CHIP },
	{ "end of chip", 0x1df, 0, SNP_CHIP, SNP_STEP_CHIP },
};

ATF_TC_WITHOUT_HEAD(reports);
ATF_TC_BODY(reports, tc)
{
	const struct wrong	*w;
	size_t			 i;

	begin(SNP_MILAN, 0);
	for (i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		w = &wrongs[i];
		snp_mint_fields(report, &plan, 3);
		report[w->at] = w->v;
		snp_mint_report_sign(report, mint.vek_key);
		if (w->reason == SNP_OK)
			ATF_CHECK_EQ_MSG(0, judged(report, sizeof(report)),
			    "%s: %s", w->what, verdict.text);
		else
			refused(w->reason, w->step, w->what);
	}
	/* a masked chip has no id, and only then may there be none */
	snp_mint_fields(report, &plan, 3);
	memset(report + 0x1a0, 0, 64);
	snp_mint_report_sign(report, mint.vek_key);
	refused(SNP_CHIP, SNP_STEP_CHIP, "no chip id");
	report[0x48] = 2;
	snp_mint_report_sign(report, mint.vek_key);
	ATF_CHECK_EQ(0, judged(report, sizeof(report)));
	ATF_CHECK_EQ(SNP_SKIPPED, verdict.steps[SNP_STEP_CHIP]);
	/* one that is shown all the same has to be right */
	report[0x1a0] = plan.chip[0] ^ 1;
	snp_mint_report_sign(report, mint.vek_key);
	refused(SNP_CHIP, SNP_STEP_CHIP, "masked, yet another chip's id");
	begin(SNP_MILAN, 1);
	report[0x48] = 0;
	snp_mint_report_sign(report, mint.vek_key);
	refused(SNP_CHAIN, SNP_STEP_CHAIN, "by a VCEK, says a VLEK");
	begin(SNP_TURIN, 0);
	report[0x1a0] ^= 1;
	snp_mint_report_sign(report, mint.vek_key);
	refused(SNP_CHIP, SNP_STEP_CHIP, "chip of a Turin");
}

ATF_TC_WITHOUT_HEAD(levels);
ATF_TC_BODY(levels, tc)
{
	uint32_t	 most, vmpl;

	begin(SNP_GENOA, 0);
	for (vmpl = 0; vmpl < 5; vmpl++) {
		report[0x30] = (uint8_t)vmpl;
		snp_mint_report_sign(report, mint.vek_key);
		for (most = 0; most < 4; most++) {
			mint.rules.vmpl_most = most;
			ATF_CHECK_EQ(vmpl <= most ? 0 : -1, judged(report,
			    sizeof(report)));
		}
	}
	memset(report + 0x30, 0xff, 4);
	snp_mint_report_sign(report, mint.vek_key);
	/* whatever is allowed, a host is no guest */
	mint.rules.vmpl_most = SNP_VMPL_HOST;
	refused(SNP_VMPL, SNP_STEP_VMPL, "asked for by the host");
}

/* --- every byte ----------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(mutations);
ATF_TC_BODY(mutations, tc)
{
	static const uint8_t	 flips[] = { 0x01, 0x80, 0xff };
	uint8_t			*p;
	size_t			 i, k;

	begin(SNP_MILAN, 0);
	ATF_REQUIRE_EQ(0, judged(report, sizeof(report)));
	ATF_REQUIRE((p = malloc(SNP_REPORT_LEN)) != NULL);
	for (i = 0; i < SNP_REPORT_LEN; i++)
		for (k = 0; k < sizeof(flips); k++) {
			memcpy(p, report, SNP_REPORT_LEN);
			p[i] ^= flips[k];
			ATF_CHECK_EQ_MSG(-1, judged(p, SNP_REPORT_LEN),
			    "byte 0x%zx ^ 0x%x", i, flips[k]);
			/* the few that are looked at before the signature */
			ATF_CHECK_MSG(verdict.reason == SNP_SIGNATURE ||
			    i < 4 || i == 0x0a || (i >= 0x34 && i < 0x38) ||
			    i == 0x48, "byte 0x%zx: %s", i,
			    snp_reason_name(verdict.reason));
		}
	free(p);
}

/* In memory of exactly that length, so that a sanitizer sees a step too far. */
ATF_TC_WITHOUT_HEAD(truncations);
ATF_TC_BODY(truncations, tc)
{
	struct snp_evidence	 e;
	const char		*text;
	uint8_t			*p;
	size_t			 len;

	begin(SNP_MILAN, 0);
	for (len = 0; len < SNP_REPORT_LEN; len++) {
		ATF_REQUIRE((p = malloc(len + 1)) != NULL);
		memcpy(p + 1, report, len);
		ATF_CHECK_EQ(-1, judged(p + 1, len));
		ATF_CHECK_EQ_MSG(SNP_TRUNCATED, verdict.reason, "%zu", len);
		ATF_CHECK_EQ(SNP_TRUNCATED, snp_evidence_read(&e, p + 1, len,
		    &text));
		free(p);
	}
	ATF_REQUIRE((p = calloc(1, SNP_REPORT_LEN + 1)) != NULL);
	memcpy(p, report, SNP_REPORT_LEN);
	ATF_CHECK_EQ(-1, judged(p, SNP_REPORT_LEN + 1));
	ATF_CHECK_EQ(SNP_FORMAT, verdict.reason);
	free(p);
}

/* Numbers that are none of a signature. */
ATF_TC_WITHOUT_HEAD(signatures);
ATF_TC_BODY(signatures, tc)
{
	static const uint8_t	 order[48] = { 0x73, 0x29, 0xc5, 0xcc, 0x6a,
				    0x19, 0xec, 0xec, 0x7a, 0xa7, 0xb0, 0x48,
				    0xb2, 0x0d, 0x1a, 0x58, 0xdf, 0x2d, 0x37,
				    0xf4, 0x81, 0x4d, 0x63, 0xc7 };
	uint8_t			 r[48], s[48], turned[48];
	EVP_PKEY		*other;
	int			 i;

	begin(SNP_MILAN, 0);
	memcpy(r, report + 0x2a0, 48);
	memcpy(s, report + 0x2e8, 48);
	memset(report + 0x2a0, 0, 48);
	refused(SNP_SIGNATURE, SNP_STEP_SIGNATURE, "r is 0");
	memset(report + 0x2e8, 0, 48);
	refused(SNP_SIGNATURE, SNP_STEP_SIGNATURE, "r and s are 0");
	memcpy(report + 0x2a0, s, 48);
	memcpy(report + 0x2e8, r, 48);
	refused(SNP_SIGNATURE, SNP_STEP_SIGNATURE, "s, r");
	for (i = 0; i < 48; i++)
		turned[i] = r[47 - i];
	memcpy(report + 0x2a0, turned, 48);
	memcpy(report + 0x2e8, s, 48);
	refused(SNP_SIGNATURE, SNP_STEP_SIGNATURE, "r, big-endian");
	memcpy(report + 0x2a0, order, 24);
	memset(report + 0x2a0 + 24, 0xff, 24);
	refused(SNP_SIGNATURE, SNP_STEP_SIGNATURE, "r is the order");
	memset(report + 0x2a0, 0xff, 48);
	refused(SNP_SIGNATURE, SNP_STEP_SIGNATURE, "r is too large");
	memcpy(report + 0x2a0, r, 48);
	ATF_CHECK_EQ(0, judged(report, sizeof(report)));
	/* signed well, by another one */
	other = mint_ec("P-384");
	snp_mint_report_sign(report, other);
	refused(SNP_SIGNATURE, SNP_STEP_SIGNATURE, "another key");
	EVP_PKEY_free(other);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, cases);
	ATF_TP_ADD_TC(tp, genuine);
	ATF_TP_ADD_TC(tp, good);
	ATF_TP_ADD_TC(tp, reports);
	ATF_TP_ADD_TC(tp, levels);
	ATF_TP_ADD_TC(tp, mutations);
	ATF_TP_ADD_TC(tp, truncations);
	ATF_TP_ADD_TC(tp, signatures);
	return (atf_no_error());
}

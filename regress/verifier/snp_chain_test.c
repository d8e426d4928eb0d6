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
 * What stands around an SEV-SNP report: certificates that are wrong in one
 * way each, CRLs, hostile certificate tables, and what AMD's KDS is asked.
 */
#include <openssl/ui.h>

#include "snp_mint.h"

static char		 why[WHY_MAX];
static struct snp_mint	 mint;
static struct snp_plan	 plan;
static uint8_t		 report[SNP_REPORT_LEN];

/* --- chains --------------------------------------------------------- */

#define PLAN(field)	offsetof(struct snp_plan, field)

/* One text of a good plan replaced. */
static const struct {
	const char	*what;
	size_t		 field;
	const char	*text;
	const char	*reason;
} renamed[] = {
	{ "a root of Naples", PLAN(ark_name), "ARK-Naples", "read" },
	{ "a root with more to its name", PLAN(ark_name), "ARK-Milan2",
	    "read" },
	{ "a CA of Genoa", PLAN(ask_name), "SEV-Genoa", "chain" },
	{ "a CA of VLEKs", PLAN(ask_name), "SEV-VLEK-Milan", "chain" },
	{ "a VEK that is none", PLAN(vek_name), "SEV-ASK", "read" },
	{ "a VLEK of a CA of VCEKs", PLAN(vek_name), "SEV-VLEK", "read" },
	{ "a VCEK of Genoa", PLAN(product), "Genoa", "product_mismatch" },
	{ "a VCEK of Milano", PLAN(product), "Milano", "product_mismatch" },
	{ "a VCEK of Mila", PLAN(product), "Mila", "product_mismatch" },
	{ "a CA without keyCertSign", PLAN(ask_usage),
	    "critical,digitalSignature", "chain" },
	{ "a key of P-256", PLAN(curve), "P-256", "chain" },
	{ "a key of another curve of 384 bits", PLAN(curve),
	    "brainpoolP384r1", "chain" },
	{ "no product", PLAN(leave_out), SNP_OID "2", "read" },
	{ "no boot loader", PLAN(leave_out), SNP_OID "3.1", "read" },
	{ "no SNP", PLAN(leave_out), SNP_OID "3.3", "read" },
	{ "no reserved level", PLAN(leave_out), SNP_OID "3.7", "read" },
	{ "no microcode", PLAN(leave_out), SNP_OID "3.8", "read" },
	{ "no chip", PLAN(leave_out), SNP_OID "4", "read" },
	{ "no version, which nobody needs", PLAN(leave_out), SNP_OID "1",
	    "ok" },
	{ "two products", PLAN(twice), SNP_OID "2", "read" },
	{ "two boot loaders", PLAN(twice), SNP_OID "3.1", "read" },
	{ "two chips", PLAN(twice), SNP_OID "4", "read" },
};

/* The bytes of one extension replaced. */
static const struct {
	const char	*oid;
	const char	*with;
	int		 len;
	const char	*reason;
} replaced[] = {
	{ SNP_OID "3.1", "\x02\x01\x04", 3, "ok" },
	{ SNP_OID "3.1", "\x02\x01\x05", 3, "tcb_mismatch" },
	{ SNP_OID "3.8", "\x02\x02\x00\xdb", 4, "ok" },
	{ SNP_OID "3.8", "\x02\x01\xdb", 3, "read" },	/* negative */
	{ SNP_OID "3.1", "\x02\x02\x00\x04", 4, "read" },	/* longer */
	{ SNP_OID "3.1", "\x02\x02\x01\x04", 4, "read" },	/* 260 */
	{ SNP_OID "3.1", "\x02\x01", 2, "read" },
	{ SNP_OID "3.1", "\x02\x01\x04\x00", 4, "read" },
	{ SNP_OID "3.1", "\x0a\x01\x04", 3, "read" },	/* ENUMERATED */
	{ SNP_OID "3.1", "\x02\x00", 2, "read" },
	{ SNP_OID "3.1", "", 0, "read" },
	{ SNP_OID "3.4", "\x02\x01\x01", 3, "read" },
	{ SNP_OID "2", "\x16\x08Milan-B0", 10, "ok" },
	{ SNP_OID "2", "\x0c\x08Milan-B0", 10, "read" },	/* UTF-8 */
	{ SNP_OID "2", "\x16\x09Milan-B0", 10, "read" },
	{ SNP_OID "2", "\x16\x07Milan-B0", 10, "read" },
	{ SNP_OID "2", "\x16\x81\x08Milan-B0", 11, "read" },
	{ SNP_OID "2", "\x16\x08Milan\0B0", 10, "read" },
	{ SNP_OID "2", "\x16", 1, "read" },
	{ SNP_OID "4", "12345678", 8, "read" },
	{ SNP_OID "4", "", 0, "read" },
};

/* The reason, or "read" when there was no chain. */
static const char *
outcome(int64_t now, const struct crl *crl)
{
	struct snp_chain	 chain;
	struct snp_report	 r;
	struct snp_verdict	 verdict;

	if (snp_mint_read(&mint, &chain, why, sizeof(why)) == -1) {
		ATF_CHECK(chain.vek == NULL && chain.ark == NULL);
		return ("read");
	}
	(void)snp_verify(&r, report, sizeof(report), &chain, crl, now,
	    &mint.rules, &verdict);
	(void)strlcpy(why, verdict.text, sizeof(why));
	snp_chain_clear(&chain);
	return (snp_reason_name(verdict.reason));
}

static void
planned(const char *what, const char *reason)
{
	why[0] = '\0';
	snp_mint_chain(&mint, &plan);
	snp_mint_report(report, &mint, &plan, 3);
	ATF_CHECK_STREQ_MSG(reason, outcome((int64_t)time(NULL), NULL),
	    "%s: %s", what, why);
	ATF_CHECK_MSG((why[0] == '\0') == (strcmp(reason, "ok") == 0), "%s",
	    what);
}

ATF_TC_WITHOUT_HEAD(certificates);
ATF_TC_BODY(certificates, tc)
{
	size_t	 i;

	for (i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++) {
		snp_plan(&plan, SNP_MILAN, 0);
		*(const char **)(void *)((char *)&plan + renamed[i].field) =
		    renamed[i].text;
		planned(renamed[i].what, renamed[i].reason);
	}
	for (i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++) {
		snp_plan(&plan, SNP_MILAN, 0);
		plan.replace = replaced[i].oid;
		plan.with = replaced[i].with;
		plan.withlen = replaced[i].len;
		planned(replaced[i].oid, replaced[i].reason);
	}
}

ATF_TC_WITHOUT_HEAD(turin_and_vlek);
ATF_TC_BODY(turin_and_vlek, tc)
{
	snp_plan(&plan, SNP_TURIN, 0);
	plan.leave_out = SNP_OID "3.9";
	planned("a Turin without FMC", "read");
	snp_plan(&plan, SNP_TURIN, 0);
	plan.hwidlen = 64;
	planned("a Turin with a long chip id", "read");
	snp_plan(&plan, SNP_MILAN, 0);
	plan.hwidlen = 8;
	planned("a Milan with a short chip id", "read");
	snp_plan(&plan, SNP_MILAN, 1);
	plan.leave_out = SNP_OID "5";
	planned("a VLEK of no provider", "read");
	snp_plan(&plan, SNP_MILAN, 1);
	plan.ask_name = "SEV-Milan";
	planned("a VLEK of a CA of VCEKs", "chain");
	/* a VLEK needs no chip id, and what it says of one is not looked at */
	snp_plan(&plan, SNP_GENOA, 1);
	plan.hwidlen = 64;
	planned("a VLEK with a chip id", "ok");
}

ATF_TC_WITHOUT_HEAD(signatures);
ATF_TC_BODY(signatures, tc)
{
	EVP_PKEY	*other = mint_rsa(2048);

	snp_plan(&plan, SNP_MILAN, 0);
	plan.ask_signer = other;
	planned("a CA of another root", "chain");
	snp_plan(&plan, SNP_MILAN, 0);
	plan.vek_signer = other;
	planned("a VEK of another CA", "chain");
	snp_plan(&plan, SNP_MILAN, 0);
	plan.vek_signer = mint.ark_key;
	planned("a VEK of the root", "chain");
	snp_plan(&plan, SNP_MILAN, 0);
	plan.vek_ca = 1;
	planned("a VEK that is a CA", "chain");
	snp_plan(&plan, SNP_MILAN, 0);
	plan.ask_path = 1;
	planned("a CA that may have no CA below", "ok");
	snp_plan(&plan, SNP_MILAN, 0);
	plan.md = EVP_sha256();
	planned("SHA-256", "chain");
	snp_plan(&plan, SNP_MILAN, 0);
	plan.pkcs1 = 1;
	planned("PKCS #1 v1.5", "chain");
	EVP_PKEY_free(other);
}

ATF_TC_WITHOUT_HEAD(roots);
ATF_TC_BODY(roots, tc)
{
	int64_t	 now = (int64_t)time(NULL);
	uint8_t	 real[DIGEST_LEN];

	snp_plan(&plan, SNP_MILAN, 0);
	planned("a good one", "ok");
	memcpy(real, mint.roots.digest[0], DIGEST_LEN);
	mint.roots.digest[0][31] ^= 1;
	ATF_CHECK_STREQ("root", outcome(now, NULL));
	memcpy(mint.roots.digest[1], real, DIGEST_LEN);
	mint.roots.n = 2;
	ATF_CHECK_STREQ("ok", outcome(now, NULL));
	mint.roots.n = 0;
	ATF_CHECK_STREQ("root", outcome(now, NULL));
	mint.rules.roots = NULL;
	ATF_CHECK_STREQ("root", outcome(now, NULL));
}

ATF_TC_WITHOUT_HEAD(validity);
ATF_TC_BODY(validity, tc)
{
	int64_t	 now = (int64_t)time(NULL);

	snp_plan(&plan, SNP_MILAN, 0);
	plan.vek_until = 7200;
	plan.ask_until = 2 * 7200;
	plan.ark_until = 3 * 7200;
	planned("a good one", "ok");
	ATF_CHECK_STREQ("ok", outcome(now + 7100, NULL));
	ATF_CHECK_STREQ("validity", outcome(now + 7300, NULL));
	ATF_CHECK_STREQ("validity", outcome(now - DAY - 100, NULL));
	ATF_CHECK_STREQ("validity", outcome(0, NULL));
	plan.vek_until = 4 * 7200;
	planned("a CA that ends first", "ok");
	ATF_CHECK_STREQ("validity", outcome(now + 2 * 7200 + 100, NULL));
	plan.ask_until = 4 * 7200;
	planned("a root that ends first", "ok");
	ATF_CHECK_STREQ("validity", outcome(now + 3 * 7200 + 100, NULL));
	plan.ark_until = -3600;
	planned("a root that has ended", "validity");
}

/* --- CRLs ------------------------------------------------------------ */

static struct crl *
crl_of(X509 *issuer, EVP_PKEY *key, X509 *revoked, time_t from, time_t until)
{
	struct crl	*crl;
	uint8_t		*der;
	int		 len;

	der = mint_crl(issuer, key, revoked, from, until, &len);
	crl = crl_read(der, (size_t)len, "https://localhost/", issuer, why,
	    sizeof(why));
	ATF_REQUIRE_MSG(crl != NULL, "%s", why);
	free(der);
	return (crl);
}

static void
crl_gives(const char *reason, X509 *revoked, time_t from, time_t until)
{
	struct crl	*crl;

	crl = crl_of(mint.ark, mint.ark_key, revoked, from, until);
	ATF_CHECK_STREQ(reason, outcome((int64_t)time(NULL), crl));
	crl_free(crl);
}

ATF_TC_WITHOUT_HEAD(crls);
ATF_TC_BODY(crls, tc)
{
	struct snp_mint	 other = { .ark = NULL };
	struct crl	*crl;

	snp_plan(&plan, SNP_MILAN, 0);
	planned("none", "ok");
	crl_gives("ok", NULL, -DAY, DAY);
	crl_gives("ok", mint.ark, -DAY, DAY);	/* of another serial */
	crl_gives("revoked", mint.ask, -DAY, DAY);
	crl_gives("crl", NULL, -2 * DAY, -DAY);
	crl_gives("crl", NULL, 3600, DAY);
	/* stale, and what it says is bad news: stale all the same */
	crl_gives("crl", mint.ask, -2 * DAY, -DAY);
	snp_mint_chain(&other, &plan);
	crl = crl_of(other.ark, other.ark_key, NULL, -DAY, DAY);
	ATF_CHECK_STREQ("crl", outcome((int64_t)time(NULL), crl));
	crl_free(crl);
	snp_mint_free(&other);
}

/* --- chains in PEM --------------------------------------------------- */

static const char *
pem_read(X509 **certs, size_t n, const char *end)
{
	struct snp_chain	 chain;
	struct der		 vek = snp_mint_der(mint.vek);
	BIO			*bio = BIO_new(BIO_s_mem());
	char			*text;
	size_t			 i;
	long			 len;
	int			 rc;

	for (i = 0; i < n; i++)
		PEM_write_bio_X509(bio, certs[i]);
	BIO_puts(bio, end);
	len = BIO_get_mem_data(bio, &text);
	rc = snp_chain_read_pem(&chain, &vek, text, (size_t)len, why,
	    sizeof(why));
	if (rc == 0)
		(void)strlcpy(why, snp_chain_rooted(&chain, &mint.roots) &&
		    snp_chain_fault(&chain) == NULL ? "good" : "bad",
		    sizeof(why));
	snp_chain_clear(&chain);
	BIO_free(bio);
	OPENSSL_free((void *)(uintptr_t)vek.p);
	return (why);
}

static int	 asked;

static int
terminal(UI *ui UNUSED)
{
	asked++;
	return (0);
}

ATF_TC_WITHOUT_HEAD(pem);
ATF_TC_BODY(pem, tc)
{
	UI_METHOD	*method = UI_create_method("terminal");
	X509		*certs[3];
	char		*more;

	snp_plan(&plan, SNP_MILAN, 0);
	snp_mint_chain(&mint, &plan);
	certs[0] = mint.ask;
	certs[1] = certs[2] = mint.ark;
	ATF_CHECK_STREQ("good", pem_read(certs, 2, ""));
	ATF_CHECK_STREQ("the chain is not of two certificates",
	    pem_read(certs, 1, ""));
	ATF_CHECK_STREQ("the chain is not of two certificates",
	    pem_read(certs, 0, "x"));
	ATF_CHECK_STREQ("the chain is not of two certificates",
	    pem_read(certs, 3, ""));
	certs[0] = mint.ark;
	certs[1] = mint.ask;
	ATF_CHECK_STREQ("the root is of no product that is known",
	    pem_read(certs, 2, ""));
	/* nobody is asked for a passphrase */
	UI_method_set_opener(method, terminal);
	UI_set_default_method(method);
	ATF_CHECK_STREQ("the chain is not of two certificates",
	    pem_read(certs, 0,
	    "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
	    "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
	    "AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n"));
	ATF_CHECK_EQ(0, asked);
	UI_destroy_method(method);
	ATF_REQUIRE((more = calloc(1, SNP_PEM_MAX + 1)) != NULL);
	memset(more, '\n', SNP_PEM_MAX);
	ATF_CHECK_STREQ("the chain is too long", pem_read(certs, 2, more));
	free(more);
}

/* --- certificate tables ---------------------------------------------- */

#define VCEK	"\x63\xda\x75\x8d\xe6\x64\x45\x64"	\
		"\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd"
#define VLEK	"\xa8\x07\x4b\xc2\xa2\x5a\x48\x3e"	\
		"\xaa\xe6\x39\xc0\x45\xa0\xb8\xa1"
#define ASK	"\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4"	\
		"\xa0\x2f\x05\xae\xf3\x27\xc7\x82"
#define ARK	"\xc0\xb4\x06\xa4\xa8\x03\x49\x52"	\
		"\x97\x43\x3f\xb6\x01\x4c\xd0\xae"
#define OTHER	"\x92\xf8\x1b\xc3\x58\x11\x4d\x3d"	\
		"\x97\xff\xd1\x9f\x88\xdc\x67\xea"

struct row {
	const char	*guid;
	uint32_t	 at, len;
};

/* Tables of 9000 bytes behind a report; rows end at a NULL. */
static const struct {
	const char	*what;
	struct row	 rows[4];
	enum snp_reason	 reason;
} tables[] = {
	{ "none", { { NULL, 0, 0 } }, SNP_OK },
	{ "a VCEK", { { VCEK, 48, 5 } }, SNP_OK },
	{ "a VLEK", { { VLEK, 48, 5 } }, SNP_OK },
	{ "all three", { { VCEK, 96, 5 }, { ASK, 101, 5 }, { ARK, 106, 5 } },
	    SNP_OK },
	{ "in another order", { { ARK, 106, 5 }, { VCEK, 96, 5 },
	    { ASK, 101, 5 } }, SNP_OK },
	{ "a gap", { { VCEK, 8000, 5 }, { OTHER, 100, 7000 } }, SNP_OK },
	{ "up to the end", { { VCEK, 8995, 5 } }, SNP_OK },
	{ "one too far", { { VCEK, 8996, 5 } }, SNP_TABLE },
	{ "behind the end", { { VCEK, 9001, 1 } }, SNP_TABLE },
	{ "at the end, empty", { { VCEK, 9000, 0 } }, SNP_TABLE },
	{ "a large offset", { { VCEK, 0xffffffff, 1 } }, SNP_TABLE },
	{ "a large length", { { VCEK, 48, 0xffffffff } }, SNP_TABLE },
	{ "both around zero", { { VCEK, 0xffffffd0, 0x60 } }, SNP_TABLE },
	{ "in the entries", { { VCEK, 47, 5 } }, SNP_TABLE },
	{ "offset 0", { { VCEK, 0, 5 } }, SNP_TABLE },
	{ "an other outside", { { OTHER, 8999, 2 } }, SNP_TABLE },
	{ "empty", { { VCEK, 48, 0 } }, SNP_TABLE },
	{ "too long", { { VCEK, 48, SNP_CERT_MAX + 1 } }, SNP_TABLE },
	{ "as long as may be", { { VCEK, 48, SNP_CERT_MAX } }, SNP_OK },
	{ "the same bytes", { { VCEK, 96, 5 }, { ASK, 96, 5 } }, SNP_TABLE },
	{ "one byte of another", { { VCEK, 100, 5 }, { ASK, 96, 5 } },
	    SNP_TABLE },
	{ "around another", { { VCEK, 100, 5 }, { OTHER, 96, 50 } },
	    SNP_TABLE },
	{ "two VCEKs", { { VCEK, 96, 5 }, { VCEK, 101, 5 } }, SNP_TABLE },
	{ "a VCEK and a VLEK", { { VCEK, 96, 5 }, { VLEK, 101, 5 } },
	    SNP_TABLE },
};

static size_t
table_write(uint8_t *p, const struct row *rows)
{
	size_t	 n;

	for (n = 0; n < 3 && rows[n].guid != NULL; n++, p += 24) {
		memcpy(p, rows[n].guid, 16);
		p[16] = (uint8_t)rows[n].at;
		p[17] = (uint8_t)(rows[n].at >> 8);
		p[18] = (uint8_t)(rows[n].at >> 16);
		p[19] = (uint8_t)(rows[n].at >> 24);
		p[20] = (uint8_t)rows[n].len;
		p[21] = (uint8_t)(rows[n].len >> 8);
		p[22] = (uint8_t)(rows[n].len >> 16);
		p[23] = (uint8_t)(rows[n].len >> 24);
	}
	return (n);
}

ATF_TC_WITHOUT_HEAD(table);
ATF_TC_BODY(table, tc)
{
	struct snp_evidence	 e;
	const char		*text;
	uint8_t			*p;
	size_t			 i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		ATF_REQUIRE((p = calloc(1, SNP_REPORT_LEN + 9000)) != NULL);
		(void)table_write(p + SNP_REPORT_LEN, tables[i].rows);
		ATF_CHECK_EQ_MSG(tables[i].reason, snp_evidence_read(&e, p,
		    SNP_REPORT_LEN + 9000, &text), "%s: %s", tables[i].what,
		    text);
		ATF_CHECK((tables[i].reason == SNP_OK) == (text[0] == '\0'));
		/* nothing is left to be used by mistake */
		if (tables[i].reason != SNP_OK)
			ATF_CHECK(e.report.p == NULL && e.vek.p == NULL &&
			    e.ask.p == NULL && e.ark.p == NULL);
		else if (tables[i].rows[0].guid != NULL)
			ATF_CHECK(e.vek.p != NULL && e.report.p == p);
		free(p);
	}
}

/* No end, or none within so many entries, and every length of a good one. */
ATF_TC_WITHOUT_HEAD(table_ends);
ATF_TC_BODY(table_ends, tc)
{
	static const struct row	 rows[] = { { VLEK, 96, 5 }, { ASK, 101, 5 },
				    { ARK, 106, 5 } };
	struct row		 many[] = { { OTHER, 0, 1 }, { NULL, 0, 0 } };
	struct snp_evidence	 e;
	const char		*text;
	uint8_t			*p;
	size_t			 i, k, len;
	enum snp_reason		 reason;

	for (len = 0; len <= 120; len++) {
		ATF_REQUIRE((p = calloc(1, SNP_REPORT_LEN + len)) != NULL);
		if (len >= 72)
			(void)table_write(p + SNP_REPORT_LEN, rows);
		else
			memset(p + SNP_REPORT_LEN, 1, len);
		reason = snp_evidence_read(&e, p, SNP_REPORT_LEN + len,
		    &text);
		ATF_CHECK_EQ_MSG(len == 0 || len >= 111 ? SNP_OK : SNP_TABLE,
		    reason, "%zu", len);
		if (len >= 111)
			ATF_CHECK(e.signer == SNP_VLEK && e.vek.len == 5 &&
			    e.vek.p == p + SNP_REPORT_LEN + 96 &&
			    e.ask.p == p + SNP_REPORT_LEN + 101 &&
			    e.ark.p == p + SNP_REPORT_LEN + 106);
		free(p);
	}
	len = SNP_REPORT_LEN + 9000;
	for (i = 15; i < 300; i++) {
		ATF_REQUIRE((p = calloc(1, len)) != NULL);
		for (k = 0; k < i; k++) {
			many[0].at = 8000 + (uint32_t)k;
			(void)table_write(p + SNP_REPORT_LEN + 24 * k, many);
		}
		ATF_CHECK_EQ_MSG(i <= SNP_TABLE_MAX ? SNP_OK : SNP_TABLE,
		    snp_evidence_read(&e, p, len, &text), "%zu", i);
		free(p);
	}
}

/* --- what else it is for --------------------------------------------- */

/* What a fetcher is asked for; the paths are its own affair. */
ATF_TC_WITHOUT_HEAD(about);
ATF_TC_BODY(about, tc)
{
	struct snp_report	 r;
	const char		*text;
	uint8_t			 about[SNP_ABOUT_LEN];
	int			 i;

	snp_plan(&plan, SNP_GENOA, 0);
	snp_mint_fields(report, &plan, 2);
	ATF_REQUIRE_EQ(SNP_OK, snp_report_read(&r, report, sizeof(report),
	    &text));
	ATF_CHECK_EQ(NULL, snp_about(about, &r, SNP_GENOA));
	ATF_CHECK_EQ(SNP_GENOA, about[0]);
	ATF_CHECK(memcmp(about + 1, plan.tcb, SNP_TCB_LEN) == 0);
	ATF_CHECK(memcmp(about + 9, report + 0x1a0, SNP_CHIP_LEN) == 0);
	/* a short id: what stands behind it is not asked for */
	memset(report + 0x1a0, 0x5c, SNP_CHIP_LEN);
	ATF_CHECK_EQ(NULL, snp_about(about, &r, SNP_TURIN));
	for (i = 0; i < SNP_CHIP_LEN; i++)
		ATF_CHECK_EQ(i < 8 ? 0x5c : 0, about[9 + i]);
	memset(report + 0x1a0, 0, SNP_CHIP_LEN);
	ATF_CHECK(strstr(snp_about(about, &r, SNP_GENOA), "masked") != NULL);
	snp_plan(&plan, SNP_MILAN, 1);
	snp_mint_fields(report, &plan, 3);
	memset(report + 0x1a0, 1, SNP_CHIP_LEN);
	ATF_REQUIRE_EQ(SNP_OK, snp_report_read(&r, report, sizeof(report),
	    &text));
	ATF_CHECK(strstr(snp_about(about, &r, SNP_MILAN), "VLEK") != NULL);
}

ATF_TC_WITHOUT_HEAD(binds);
ATF_TC_BODY(binds, tc)
{
	struct evidence		 e = { .nonce_val = (const uint8_t *)"val",
	    .nonce_vallen = 3, .nonce_iat = (const uint8_t *)"iat",
	    .nonce_iatlen = 3, .user_data = (const uint8_t *)"key",
	    .user_datalen = 3 };
	struct snp_report	 r;
	const char		*text;
	unsigned int		 len;
	int			 i;

	snp_plan(&plan, SNP_MILAN, 0);
	snp_mint_fields(report, &plan, 3);
	ATF_REQUIRE(EVP_Digest("valiatkey", 9, report + 0x50, &len,
	    EVP_sha512(), NULL) == 1);
	ATF_REQUIRE_EQ(SNP_OK, snp_report_read(&r, report, sizeof(report),
	    &text));
	ATF_CHECK(snp_binds(&r, &e));
	for (i = 0; i < 64; i++) {
		report[0x50 + i] ^= 1;
		ATF_CHECK(!snp_binds(&r, &e));
		report[0x50 + i] ^= 1;
	}
	e.user_data = (const uint8_t *)"kez";
	ATF_CHECK(!snp_binds(&r, &e));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, certificates);
	ATF_TP_ADD_TC(tp, turin_and_vlek);
	ATF_TP_ADD_TC(tp, signatures);
	ATF_TP_ADD_TC(tp, roots);
	ATF_TP_ADD_TC(tp, validity);
	ATF_TP_ADD_TC(tp, crls);
	ATF_TP_ADD_TC(tp, pem);
	ATF_TP_ADD_TC(tp, table);
	ATF_TP_ADD_TC(tp, table_ends);
	ATF_TP_ADD_TC(tp, about);
	ATF_TP_ADD_TC(tp, binds);
	return (atf_no_error());
}

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
 * What `verifier -a' says of evidence, for kbsctl appraise: how it finds out
 * what a file holds, reports and tokens that are minted here, and that its
 * sandbox is closed when it reads.  Most quotes are in kbsctl's tests.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <unistd.h>

#include "evidence.h"
#include "peer.h"
#include "snp_mint.h"
#include "standin.h"

/* --- what is given --------------------------------------------------- */

static void
give(struct once *o, enum once_part part, const void *p, size_t len)
{
	o->part[part].p = p;
	o->part[part].len = len;
}

static void
give_pem(struct once *o, enum once_part part, X509 *a, X509 *b)
{
	BIO	*bio = BIO_new(BIO_s_mem());
	char	*text;
	long	 len;

	ATF_REQUIRE(PEM_write_bio_X509(bio, a) == 1);
	ATF_REQUIRE(b == NULL || PEM_write_bio_X509(bio, b) == 1);
	len = BIO_get_mem_data(bio, &text);
	give(o, part, memcpy(malloc((size_t)len), text, (size_t)len),
	    (size_t)len);
	BIO_free(bio);
}

static const char *
text_of(const json_t *j, const char *name)
{
	const char	*text = json_string_value(json_object_get(j, name));

	return (text != NULL ? text : "none");
}

static const char *
step_of(const json_t *j, const char *name)
{
	const json_t	*step;
	size_t		 i;

	json_array_foreach(json_object_get(j, "steps"), i, step)
		if (strcmp(text_of(step, "step"), name) == 0)
			return (text_of(step, "result"));
	return ("none such");
}

/* The reason, or "ok"; the answer is kept until the next. */
static json_t	*told;

static const char *
judged(const struct once *o)
{
	json_decref(told);
	told = once_judge(o);
	if (strcmp(text_of(told, "verdict"), "ok") == 0) {
		ATF_CHECK(json_is_null(json_object_get(told, "reason")));
		return ("ok");
	}
	ATF_CHECK_STREQ("reject", text_of(told, "verdict"));
	ATF_CHECK(strlen(text_of(told, "text")) > 4);
	return (text_of(told, "reason"));
}

/* --- what a file holds ----------------------------------------------- */

static const struct {
	enum form_kind	 kind;
	size_t		 len;		/* of what stands in it */
	const char	*text;
} texts[] = {
	{ FORM_NONE, 0, "" },
	{ FORM_NONE, 0, "root:x:0:0:root:/root:/bin/bash\n" },
	{ FORM_NONE, 0, "{}" },
	{ FORM_NONE, 0, "{\"quote\":7}" },
	{ FORM_NONE, 0, "{\"quote\":\"AAAA\"}" },
	{ FORM_NONE, 0, "[\"quote\"]" },
	{ FORM_NONE, 0, "a.b.c" },
	{ FORM_NONE, 0, "e30.W10.AA" },
	{ FORM_NONE, 0, "e30.e30" },
	{ FORM_NONE, 0, "e30.e30.AA.AA" },
	{ FORM_NONE, 0, "00000000000000000000000000000000000000000000" },
	{ FORM_NONE, 0, "030002000000000000" },
	{ FORM_TOKEN, 10, "e30.e30.AA\r\n" },
	{ FORM_TOKEN, 10, "{\"attestation_token\":\"e30.e30.AA\",\"x\":1}" },
	{ FORM_QUOTE, 36, "03000200" "00000000000000000000000000000000\n"
	    "000000000000000000000000000000\n" "00\n" },
	{ FORM_QUOTE, 33, "AwACAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"
	    "AAAAAAAAAAAA" },
	{ FORM_REPORT, 33, "{\"quote\":\"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	    "AAAAAAAA\"}" },
};

ATF_TC_WITHOUT_HEAD(forms);
ATF_TC_BODY(forms, tc)
{
	struct form	 f;
	uint8_t		 raw[40] = { 0 };
	size_t		 i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		form_read(&f, (const uint8_t *)texts[i].text,
		    strlen(texts[i].text));
		ATF_CHECK_EQ_MSG(f.kind, texts[i].kind, "%s: a %s",
		    texts[i].text, form_name(f.kind));
		ATF_CHECK_EQ_MSG(f.len, texts[i].len, "%s: %zu bytes",
		    texts[i].text, f.len);
		free(f.p);
	}
	/* each version with each type of key */
	for (i = 0; i < 16 * 8; i++) {
		raw[0] = (uint8_t)(i / 8);
		raw[2] = (uint8_t)(i % 8);
		form_read(&f, raw, sizeof(raw));
		ATF_CHECK_EQ(f.kind, raw[0] == 0 ? FORM_NONE : raw[2] == 0 ?
		    FORM_REPORT : raw[2] == 2 || raw[2] == 3 ? FORM_QUOTE :
		    FORM_NONE);
		free(f.p);
	}
}

/* --- quotes ------------------------------------------------------------ */

/* The request for a case, which keeps its files. */
static void
give_case(struct once *o, struct evidence_case *c)
{
	static const enum once_part	 parts[] = { ONCE_PCK_CRL,
					    ONCE_PCK_CRL_CHAIN, ONCE_ROOT_CRL,
					    ONCE_TCB_INFO, ONCE_TCB_INFO_CHAIN,
					    ONCE_QE_IDENTITY,
					    ONCE_QE_IDENTITY_CHAIN,
					    ONCE_ROOT };
	size_t				 i;

	memset(o, 0, sizeof(*o));
	o->now = c->now;
	give(o, ONCE_EVIDENCE, c->quote.p, c->quote.len);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		give(o, parts[i], c->files[i].p, c->files[i].len);
}

ATF_TC_WITHOUT_HEAD(quote);
ATF_TC_BODY(quote, tc)
{
	static const struct {
		const char	*id, *reason, *status;
	}			 cases[] = {
		{ "good-v3", "ok", "UpToDate" },
		{ "good-v5-4", "ok", "UpToDate" },
		{ "status-tdx-4", "ok", "OutOfDate" },
		{ "status-tdx-6", "tcb_revoked", "Revoked" },
		{ "td-bit-0", "debug", "UpToDate" },
		{ "td-bit-1", "attributes", "UpToDate" },
	};
	struct evidence_case	 c;
	struct once		 o;
	json_t			*all, *claims;
	size_t			 i;

	run("%s/dcap simulated", standin_find(tc));
	all = evidence_cases("simulated");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		evidence_open(&c, "simulated", evidence_find(all,
		    cases[i].id), NULL);
		give_case(&o, &c);
		ATF_CHECK_STREQ(cases[i].reason, judged(&o));
		ATF_CHECK_STREQ(cases[i].status, text_of(told, "status"));
		ATF_CHECK_STREQ("quote", text_of(told, "kind"));
		claims = json_object_get(told, "claims");
		ATF_CHECK_EQ(strcmp(cases[i].status, "Revoked") != 0,
		    json_object_get(claims, "attester_tcb_status") != NULL);
		/* the signatures count without any collateral */
		give(&o, ONCE_TCB_INFO, NULL, 0);
		ATF_CHECK_STREQ("collateral_missing", judged(&o));
		ATF_CHECK_STREQ("the collateral lacks tcb_info.json",
		    text_of(told, "text"));
		ATF_CHECK_STREQ("good", step_of(told, "quote signature"));
		ATF_CHECK_STREQ("not done", step_of(told, "TCB level"));
		ATF_CHECK(json_is_false(json_object_get(told, "proven")));
		give(&o, ONCE_ROOT, NULL, 0);
		ATF_CHECK_STREQ("pck_chain", judged(&o));
		claims = json_object_get(told, "claims");
		ATF_CHECK(json_object_get(claims, "sgx_fmspc") == NULL &&
		    json_object_get(claims, "tdx_fmspc") == NULL);
		evidence_close(&c);
	}
	json_decref(all);
}

/* --- reports ----------------------------------------------------------- */

/* A good one, its certificates and its root; all of it is changed below. */
struct chip {
	struct snp_mint	 m;
	struct snp_plan	 plan;
	uint8_t		 report[SNP_REPORT_LEN];
	struct once	 once;
};

static void
chip_open(struct chip *c)
{
	struct der	 vek;

	memset(c, 0, sizeof(*c));
	snp_plan(&c->plan, SNP_GENOA, 0);
	snp_mint_chain(&c->m, &c->plan);
	snp_mint_report(c->report, &c->m, &c->plan, 3);
	c->once.now = (int64_t)time(NULL);
	give(&c->once, ONCE_EVIDENCE, c->report, sizeof(c->report));
	vek = snp_mint_der(c->m.vek);
	give(&c->once, ONCE_VEK, vek.p, vek.len);
	give_pem(&c->once, ONCE_CHAIN, c->m.ask, c->m.ark);
	give_pem(&c->once, ONCE_ROOT, c->m.ark, NULL);
}

/* What is said of one with another byte in it, rightly signed. */
static const char *
chip_changed(struct chip *c, size_t at, uint8_t value)
{
	const char	*said;
	uint8_t		 was = c->report[at];

	c->report[at] = value;
	snp_mint_report_sign(c->report, c->m.vek_key);
	said = judged(&c->once);
	c->report[at] = was;
	snp_mint_report_sign(c->report, c->m.vek_key);
	return (said);
}

ATF_TC_WITHOUT_HEAD(report);
ATF_TC_BODY(report, tc)
{
	struct chip	 c;
	const json_t	*claims;

	chip_open(&c);
	ATF_CHECK_STREQ("ok", judged(&c.once));
	ATF_CHECK_STREQ("report", text_of(told, "kind"));
	ATF_CHECK_STREQ("SNP", text_of(told, "tee"));
	ATF_CHECK_STREQ("none", text_of(told, "crl"));
	ATF_CHECK_STREQ("none", step_of(told, "crl"));
	ATF_CHECK_STREQ("good", step_of(told, "signature"));
	ATF_CHECK(json_is_null(json_object_get(told, "status")));
	ATF_CHECK(json_is_true(json_object_get(told, "proven")));
	claims = json_object_get(told, "claims");
	ATF_CHECK_STREQ("Genoa", text_of(claims, "snp_product"));
	ATF_CHECK_EQ(2, json_integer_value(json_object_get(claims,
	    "snp_guest_svn")));
	/* VMPL is the policy's, but the host is nobody's guest */
	ATF_CHECK_STREQ("ok", chip_changed(&c, 0x30, 3));
	ATF_CHECK_STREQ("vmpl", chip_changed(&c, 0x30, 4));
	ATF_CHECK_STREQ("debug", chip_changed(&c, 8 + 2, 0x0b));
	ATF_CHECK(json_is_true(json_object_get(json_object_get(told,
	    "claims"), "snp_is_debuggable")));
	ATF_CHECK_STREQ("good", step_of(told, "chip id"));
	ATF_CHECK_STREQ("not done", step_of(told, "migration"));
	c.report[0x90] ^= 1;
	ATF_CHECK_STREQ("signature", judged(&c.once));
	ATF_CHECK(json_is_false(json_object_get(told, "proven")));
	c.report[0x90] ^= 1;
	c.once.part[ONCE_EVIDENCE].len--;
	ATF_CHECK_STREQ("truncated", judged(&c.once));
	ATF_CHECK_EQ(0, json_object_size(json_object_get(told, "claims")));
	c.once.part[ONCE_EVIDENCE].len++;
	ATF_CHECK_STREQ("ok", judged(&c.once));
}

ATF_TC_WITHOUT_HEAD(report_given);
ATF_TC_BODY(report_given, tc)
{
	struct chip	 c, other;
	struct once	 o;
	uint8_t		*crl;
	int		 len;

	chip_open(&c);
	chip_open(&other);
	o = c.once;
	give(&o, ONCE_ROOT, NULL, 0);
	ATF_CHECK_STREQ("root", judged(&o));
	ATF_CHECK_STREQ("bad", step_of(told, "root"));
	o.part[ONCE_ROOT] = other.once.part[ONCE_ROOT];
	ATF_CHECK_STREQ("root", judged(&o));
	give(&o, ONCE_ROOT, "x", 1);
	ATF_CHECK_STREQ("root", judged(&o));
	o = c.once;
	o.part[ONCE_VEK] = other.once.part[ONCE_VEK];
	ATF_CHECK_STREQ("chain", judged(&o));
	o = c.once;
	give(&o, ONCE_CHAIN, NULL, 0);
	ATF_CHECK_STREQ("collateral_missing", judged(&o));
	ATF_CHECK_STREQ("good", step_of(told, "format"));
	ATF_CHECK(json_is_false(json_object_get(told, "proven")));
	ATF_CHECK_STREQ("Genoa", text_of(json_object_get(told, "claims"),
	    "snp_product"));
	give(&o, ONCE_CHAIN, "", 0);
	ATF_CHECK_STREQ("chain", judged(&o));
	o = c.once;
	o.now += 3650 * (int64_t)DAY;
	ATF_CHECK_STREQ("validity", judged(&o));
	o.now = 0;
	ATF_CHECK_STREQ("validity", judged(&o));
	/* with a list it counts */
	o = c.once;
	crl = mint_crl(c.m.ark, c.m.ark_key, NULL, -60, DAY, &len);
	give(&o, ONCE_CRL, crl, (size_t)len);
	ATF_CHECK_STREQ("ok", judged(&o));
	ATF_CHECK_STREQ("good", text_of(told, "crl"));
	o.now += 2 * (int64_t)DAY;
	ATF_CHECK_STREQ("validity", judged(&o));
	o.now = c.once.now;
	crl = mint_crl(c.m.ark, c.m.ark_key, c.m.ask, -60, DAY, &len);
	give(&o, ONCE_CRL, crl, (size_t)len);
	ATF_CHECK_STREQ("revoked", judged(&o));
	crl = mint_crl(c.m.ark, other.m.ark_key, NULL, -60, DAY, &len);
	give(&o, ONCE_CRL, crl, (size_t)len);
	ATF_CHECK_STREQ("crl", judged(&o));
	give(&o, ONCE_CRL, "", 0);
	ATF_CHECK_STREQ("crl", judged(&o));
}

/* --- tokens ------------------------------------------------------------ */

static const char *
token_judged(struct once *o, EVP_PKEY *key, const char *kid, int exp)
{
	char		 payload[512];
	static char	*token;

	snprintf(payload, sizeof(payload), "{\"ver\":\"2.0.0\",\"exp\":%lld,"
	    "\"tdx\":{\"attester_type\":\"TDX\",\"dbgstat\":\"disabled\","
	    "\"tdx_seamsvn\":3,\"attester_tcb_status\":\"OutOfDate\","
	    "\"attester_advisory_ids\":[\"INTEL-SA-00001\"]}}",
	    (long long)o->now + exp);
	free(token);
	token = mint_token(key, "PS384", kid, payload);
	give(o, ONCE_EVIDENCE, token, strlen(token));
	return (judged(o));
}

ATF_TC_WITHOUT_HEAD(token);
ATF_TC_BODY(token, tc)
{
	struct once	 o = { .now = (int64_t)time(NULL) };
	struct mint	 m, other;
	char		*jwks;

	mint_init(&m);
	mint_init(&other);
	jwks = mint_usual_jwks(&m);
	ATF_CHECK_STREQ("not_verified", token_judged(&o, m.leaf_key, "k",
	    60));
	ATF_CHECK(strncmp(text_of(told, "text"), "not verified: ", 14) == 0);
	ATF_CHECK_STREQ("TDX", text_of(told, "tee"));
	ATF_CHECK_EQ(3, json_integer_value(json_object_get(json_object_get(
	    json_object_get(told, "claims"), "tdx"), "tdx_seamsvn")));
	give_pem(&o, ONCE_ROOT, m.root, NULL);
	ATF_CHECK_STREQ("not_verified", token_judged(&o, m.leaf_key, "k",
	    60));
	ATF_CHECK(json_is_null(json_object_get(told, "status")));
	give(&o, ONCE_JWKS, jwks, strlen(jwks));
	ATF_CHECK_STREQ("ok", token_judged(&o, m.leaf_key, "k", 60));
	ATF_CHECK_STREQ("token", text_of(told, "kind"));
	ATF_CHECK_STREQ("none", text_of(told, "crl"));
	ATF_CHECK_STREQ("OutOfDate", text_of(told, "status"));
	ATF_CHECK_EQ(1, json_array_size(json_object_get(told,
	    "advisories")));
	ATF_CHECK(json_is_true(json_object_get(told, "proven")));
	ATF_CHECK_STREQ("expired", token_judged(&o, m.leaf_key, "k", -1));
	ATF_CHECK_STREQ("key_unknown", token_judged(&o, m.leaf_key, "x",
	    60));
	ATF_CHECK_STREQ("signature", token_judged(&o, other.leaf_key, "k",
	    60));
	ATF_CHECK(json_is_false(json_object_get(told, "proven")));
	o.now += 3650 * (int64_t)DAY;
	ATF_CHECK_STREQ("validity", token_judged(&o, m.leaf_key, "k", 60));
	o.now -= 3650 * (int64_t)DAY;
	give_pem(&o, ONCE_ROOT, other.root, NULL);
	ATF_CHECK_STREQ("keys", token_judged(&o, m.leaf_key, "k", 60));
	give(&o, ONCE_EVIDENCE, "eyJhbGciOiJub25lIn0.e30.", 24);
	ATF_CHECK_STREQ("format", judged(&o));
	ATF_CHECK_STREQ("not done", step_of(told, "signature"));
}

/* --- the process ------------------------------------------------------- */

static pid_t
verifier_start(int *fd)
{
	const char	*path = build_path("bin/verifier");
	pid_t		 pid;
	int		 sv[2];

	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	fflush(NULL);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		if (dup2(sv[1], 10) == -1 || dup2(10, ONCE_FD) == -1)
			_exit(126);
		closefrom(ONCE_FD + 1);
		execl(path, "verifier", ONCE_OPTION, (char *)NULL);
		_exit(127);
	}
	close(sv[1]);
	*fd = sv[0];
	return (pid);
}

/* A number of /proc/PID/status. */
static int
status_of(pid_t pid, const char *name)
{
	char	 path[64], text[8192], *at;
	ssize_t	 n;
	int	 fd;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	ATF_REQUIRE((fd = open(path, O_RDONLY)) != -1);
	ATF_REQUIRE((n = read(fd, text, sizeof(text) - 1)) > 0);
	close(fd);
	text[n] = '\0';
	ATF_REQUIRE((at = strstr(text, name)) != NULL);
	return (atoi(at + strlen(name)));
}

static int
ended(pid_t pid)
{
	int	 status;

	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

/*
 * The first byte waits for it from the beginning, and is looked for without
 * rest: the moment it is gone the sandbox is there.
 */
ATF_TC_WITHOUT_HEAD(sandbox);
ATF_TC_BODY(sandbox, tc)
{
	pid_t	 pid;
	int	 fd, left = 1, seen;

	pid = verifier_start(&fd);
	ATF_REQUIRE_EQ(1, write(fd, "", 1));
	while (left > 0)
		ATF_REQUIRE(ioctl(fd, SIOCOUTQ, &left) == 0);
	seen = status_of(pid, "Seccomp:");
#ifdef WITHOUT_SANDBOX
	ATF_CHECK_EQ(0, seen);
#else
	ATF_CHECK_EQ(2, seen);
#endif
	ATF_CHECK_EQ(1, status_of(pid, "NoNewPrivs:"));
	ATF_CHECK_EQ(1, status_of(pid, "Threads:"));
	ATF_CHECK(status_of(pid, "Uid:") != 0);
	/* Nobody asks: it is no reason to stay. */
	close(fd);
	ATF_CHECK_EQ(1, ended(pid));
}

/* What is no request, and one that is longer than any may be. */
ATF_TC_WITHOUT_HEAD(hostile);
ATF_TC_BODY(hostile, tc)
{
	static const uint8_t	 bad[][12] = { { 0, 0, 0, 0 },
				    { 0, 0, 0, 1, 9 },
				    { 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0 },
				    { 0x7f, 0xff, 0xff, 0xff } };
	uint8_t			 back;
	size_t			 i;
	pid_t			 pid;
	int			 fd;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pid = verifier_start(&fd);
		ATF_REQUIRE_EQ((ssize_t)sizeof(bad[0]), send(fd, bad[i],
		    sizeof(bad[0]), MSG_NOSIGNAL));
		ATF_CHECK(read(fd, &back, 1) <= 0);
		ATF_CHECK_EQ(1, ended(pid));
		close(fd);
	}
}

ATF_TP_ADD_TCS(tp)
{
	json_object_seed(1);
	ATF_TP_ADD_TC(tp, forms);
	ATF_TP_ADD_TC(tp, quote);
	ATF_TP_ADD_TC(tp, report);
	ATF_TP_ADD_TC(tp, report_given);
	ATF_TP_ADD_TC(tp, token);
	ATF_TP_ADD_TC(tp, sandbox);
	ATF_TP_ADD_TC(tp, hostile);
	return (atf_no_error());
}

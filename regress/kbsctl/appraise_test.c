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
 * `kbsctl appraise' as people run it: evidence of others and of the stand-ins
 * with what is expected of it, files that are none, and verifiers that do not
 * answer as they should.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsctl.h"
#include "peer.h"
#include "standin.h"

static json_t	*told;			/* by the last -j */
static const char *as = "";		/* whom to run it as */

/* The exit status of a command; what it writes is in out and err. */
static int
command(const char *program, const char *args)
{
	char	 line[4096];
	int	 status;

	snprintf(line, sizeof(line), "exec %s '%s' %s >out 2>err", as,
	    program, args);
	fflush(NULL);
	status = system(line);
	ATF_REQUIRE_MSG(WIFEXITED(status), "%s", line);
	json_decref(told);
	told = json_load_file("out", JSON_REJECT_DUPLICATES, NULL);
	return (WEXITSTATUS(status));
}

static int __attribute__((format(printf, 1, 2)))
kbsctl(const char *fmt, ...)
{
	char	 args[3072];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(args, sizeof(args), fmt, ap);
	va_end(ap);
	return (command(build_path("bin/kbsctl"), args));
}

static const char *
member(const char *name)
{
	const char	*text = json_string_value(json_object_get(told, name));

	return (text != NULL ? text : "none");
}

static void
check_text(const char *path, const char *part)
{
	ATF_CHECK_MSG(strstr(slurp(path, NULL), part) != NULL,
	    "\"%s\" is not in %s: %s", part, path, slurp(path, NULL));
}

/* A rejection that is not the evidence's: object, exit status, words. */
static void
check_rejected(int code, int want, const char *reason, const char *words)
{
	ATF_CHECK_EQ_MSG(code, want, "exit %d: %s", code, slurp("err",
	    NULL));
	ATF_CHECK_STREQ("reject", member("verdict"));
	ATF_CHECK_STREQ(reason, member("reason"));
	ATF_CHECK_MSG(strstr(member("text"), words) != NULL, "%s",
	    member("text"));
	ATF_CHECK(json_is_null(json_object_get(told, "status")));
	ATF_CHECK(json_is_array(json_object_get(told, "advisories")));
	ATF_CHECK(json_is_object(json_object_get(told, "claims")));
}

/* --- cases ------------------------------------------------------------- */

/* A time outside of several windows has several reasons. */
static int
reason_is(const char *want, const char *got)
{
	if (strcmp(want, "collateral_expired") == 0)
		return (strstr(got, "_expired") != NULL);
	if (strcmp(want, "collateral_not_yet_valid") == 0)
		return (strstr(got, "_not_yet_valid") != NULL);
	if (strcmp(want, "version_or_signature") == 0)
		return (strcmp(got, "version") == 0);
	return (strcmp(want, got) == 0);
}

/* As sets. */
static int
advisories_are(const json_t *want)
{
	const json_t	*got = json_object_get(told, "advisories"), *id, *other;
	size_t		 i, j, n = 0;

	json_array_foreach(want, i, id)
		json_array_foreach(got, j, other)
			n += (size_t)json_equal(id, other);
	return (n == json_array_size(want) && n == json_array_size(got));
}

/* 1 and a line where the answer is not the expected one. */
static size_t
case_wrong(const json_t *c, int code)
{
	const json_t	*expect = json_object_get(c, "expect");
	const char	*kind, *word;
	int		 ok;

	kind = json_string_value(json_array_get(expect, 0));
	word = json_string_value(json_array_get(expect, 1));
	if (strcmp(kind, "ok") == 0)
		ok = code == KBSCTL_DONE && strcmp(member("verdict"),
		    "ok") == 0 && json_is_null(json_object_get(told,
		    "reason")) && (word == NULL || (strcmp(word,
		    member("status")) == 0 && advisories_are(json_array_get(
		    expect, 2))));
	else if (code == KBSCTL_UNREADABLE)	/* less than a header */
		ok = strcmp(word, "truncated") == 0 && strcmp("unreadable",
		    member("reason")) == 0;
	else
		ok = code == KBSCTL_FAILED && strcmp(member("verdict"),
		    "reject") == 0 && reason_is(word, member("reason"));
	if (!ok)
		printf("%s wants %s %s, got exit %d, %s %s, %s\n",
		    json_string_value(json_object_get(c, "id")), kind,
		    word != NULL ? word : "", code, member("verdict"),
		    member("reason"), member("status"));
	return (!ok);
}

static const char *
shared(const char *name)
{
	static char	 dir[PATH_MAX];
	const char	*top = getenv("KBSD_SHARED");

	snprintf(dir, sizeof(dir), "%s/data/%s", top != NULL ? top :
	    "../shared", name);
	if (access(dir, R_OK) == -1)
		atf_tc_skip("%s is not there: set KBSD_SHARED", dir);
	return (dir);
}

/* Each nth case of a directory; root: words for -r, if any. */
static void
cases_run(const char *dir, const char *root, size_t nth, size_t least)
{
	char	 path[PATH_MAX];
	json_t	*cases, *c;
	size_t	 i, n = 0, wrong = 0;
	int	 code;

	snprintf(path, sizeof(path), "%s/cases.json", dir);
	ATF_REQUIRE((cases = json_load_file(path, 0, NULL)) != NULL);
	json_array_foreach(cases, i, c) {
		if (i % nth != 0)
			continue;
		code = kbsctl("-j appraise -t %lld -c '%s/collateral/%s' %s "
		    "'%s/quotes/%s'", (long long)json_integer_value(
		    json_object_get(c, "time")), dir, json_string_value(
		    json_object_get(c, "collateral")), root, dir,
		    json_string_value(json_object_get(c, "quote")));
		wrong += case_wrong(c, code);
		n++;
	}
	json_decref(cases);
	ATF_CHECK_MSG(n >= least, "%zu cases", n);
	ATF_CHECK_EQ_MSG(wrong, 0, "%zu answers are wrong", wrong);
}

ATF_TC_WITHOUT_HEAD(genuine);
ATF_TC_BODY(genuine, tc)
{
	cases_run(shared("dcap/real"), "", 1, 19);
}

ATF_TC_WITHOUT_HEAD(others);
ATF_TC_BODY(others, tc)
{
	const char	*dir = shared("dcap/test-pki");
	char		 root[PATH_MAX + 16];

	snprintf(root, sizeof(root), "-r '%s/root_ca.pem'", dir);
	cases_run(dir, root, 1, 66);
}

/* Quotes are minted by the minute: where they lie counts. */
ATF_TC_WITHOUT_HEAD(simulated);
ATF_TC_BODY(simulated, tc)
{
	run("%s/dcap simulated", standin_find(tc));
	cases_run("simulated", "-r simulated/pki/tee-root.pem", 7, 50);
}

/* The files of a case, by the names that appraise looks for. */
ATF_TC_WITHOUT_HEAD(reports);
ATF_TC_BODY(reports, tc)
{
	const char	*dir = shared("snp"), *chain;
	char		 path[PATH_MAX], root[PATH_MAX + 16];
	json_t		*cases, *c;
	size_t		 i, wrong = 0;
	int		 code;

	snprintf(path, sizeof(path), "%s/cases.json", dir);
	ATF_REQUIRE((cases = json_load_file(path, 0, NULL)) != NULL);
	json_array_foreach(cases, i, c) {
		chain = json_string_value(json_object_get(c, "chain"));
		run("rm -rf c; mkdir c; cp '%s/%s' c/vek.der; "
		    "cp '%s/%s' c/chain.pem", dir, json_string_value(
		    json_object_get(c, "vek")), dir, chain);
		root[0] = '\0';
		if (strncmp(chain, "test-", 5) == 0)
			strlcpy(root, "-r c/chain.pem", sizeof(root));
		code = kbsctl("appraise -j %s -c c -t %lld '%s/%s'", root,
		    (long long)json_integer_value(json_object_get(c,
		    "time")), dir, json_string_value(json_object_get(c,
		    "report")));
		wrong += case_wrong(c, code);
		if (code == KBSCTL_DONE)
			ATF_CHECK_STREQ("none", member("crl"));
	}
	ATF_CHECK_MSG(i >= 18, "%zu cases", i);
	json_decref(cases);
	ATF_CHECK_EQ_MSG(wrong, 0, "%zu answers are wrong", wrong);
}

/* --- what people see --------------------------------------------------- */

/* A quote with collateral, and one of a debuggable TD. */
static void
quotes_make(const atf_tc_t *tc)
{
	const char	*standin = standin_find(tc);

	run("%s/tee -d pki -t tdx --tcb-status OutOfDate --advisory "
	    "INTEL-SA-00001 --collateral c", standin);
	run("%s/tee -d pki -t tdx -r 616263 -o quote", standin);
	run("%s/tee -d pki -t tdx --debug -o debug", standin);
}

ATF_TC_WITHOUT_HEAD(output);
ATF_TC_BODY(output, tc)
{
	quotes_make(tc);
	ATF_CHECK_EQ(KBSCTL_DONE, kbsctl("appraise -r pki/tee-root.pem -c c "
	    "quote"));
	ATF_CHECK_STREQ("", slurp("err", NULL));
	check_text("out", "kind        quote\ntee         TDX\n"
	    "version     4\n");
	check_text("out", "\nverdict     ok\nstatus      OutOfDate\n"
	    "advisories  INTEL-SA-00001\n\n");
	check_text("out", "\nSTEP                 RESULT\n"
	    "layout               good\n");
	check_text("out", "\nCLAIM                           VALUE\n"
	    "attester_type                   TDX\n");
	check_text("out", "\ntdx_report_data                 6162630000");
	ATF_CHECK_EQ(KBSCTL_DONE, kbsctl("-q appr quote -c c -r "
	    "pki/tee-root.pem"));
	ATF_CHECK(strstr(slurp("out", NULL), "RESULT") == NULL);
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -r pki/tee-root.pem "
	    "-c c debug"));
	check_text("out", "\nverdict     reject\nreason      debug\n"
	    "text        the TEE may be debugged\nstatus      OutOfDate\n");
	check_text("out", "\nattributes           bad\n");
	check_text("out", "\ntdx_is_debuggable               true\n");
	/* Intel did not make it */
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -c c quote"));
	check_text("out", "\nreason   pck_chain\n");
	check_text("out", "\nCLAIM (NOT PROVEN) ");
	ATF_CHECK(strstr(slurp("out", NULL), "tcb_status") == NULL);
}

ATF_TC_WITHOUT_HEAD(collateral);
ATF_TC_BODY(collateral, tc)
{
	quotes_make(tc);
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -j -r pki/tee-root.pem "
	    "quote"));
	ATF_CHECK_STREQ("collateral_missing", member("reason"));
	ATF_CHECK(json_is_false(json_object_get(told, "proven")));
	/* what needs none is looked at nevertheless */
	run("cp quote forged; printf x | dd of=forged bs=1 seek=100 "
	    "conv=notrunc 2>/dev/null");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -j -r pki/tee-root.pem "
	    "forged"));
	ATF_CHECK_STREQ("quote_signature", member("reason"));
	run("mv c/tcb_info.json c/root_ca_crl.der .");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -j -r pki/tee-root.pem "
	    "-c c quote"));
	ATF_CHECK_STREQ("collateral_missing", member("reason"));
	ATF_CHECK_STREQ("the collateral lacks root_ca_crl.der tcb_info.json",
	    member("text"));
	run("mv tcb_info.json c; : >c/root_ca_crl.der");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -j -r pki/tee-root.pem "
	    "-c c quote"));
	ATF_CHECK_STREQ("root_crl_format", member("reason"));
	run("rm c/root_ca_crl.der; mkfifo c/root_ca_crl.der");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -r pki/tee-root.pem "
	    "-c c quote"));
	ATF_CHECK_STREQ("", slurp("err", NULL));
	run("rm c/root_ca_crl.der; ln -s /dev/zero c/root_ca_crl.der");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -r pki/tee-root.pem "
	    "-c c quote"));
	check_text("err", "c/root_ca_crl.der: neither a file nor a pipe\n");
	run("rm c/root_ca_crl.der; truncate -s 1G c/root_ca_crl.der");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -c c quote"));
	check_text("err", "c/root_ca_crl.der: more than 1048576 bytes\n");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -c none quote"));
	check_text("err", "kbsctl: none: No such file or directory\n");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -c quote quote"));
	check_text("err", "kbsctl: quote: not a directory\n");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -r none quote"));
	check_text("err", "kbsctl: none: No such file or directory\n");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -j -r quote quote"));
	ATF_CHECK_STREQ("root", member("reason"));
}

/* The time is what is said; without it, it is now. */
ATF_TC_WITHOUT_HEAD(times);
ATF_TC_BODY(times, tc)
{
	static const char *const	 bad[] = { "x", "-1", "1.5",
					    "253402300800", "''", "0x10" };
	size_t				 i;

	quotes_make(tc);
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -j -r pki/tee-root.pem "
	    "-c c -t 253402300799 quote"));
	ATF_CHECK_STREQ("9999-12-31T23:59:59Z", member("time"));
	ATF_CHECK_STREQ("pck_expired", member("reason"));
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -j -r pki/tee-root.pem "
	    "-c c -t 0 quote"));
	ATF_CHECK_STREQ("pck_not_yet_valid", member("reason"));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ATF_CHECK_EQ(KBSCTL_USAGE, kbsctl("appraise -t %s quote",
		    bad[i]));
		check_text("err", "it is in Unix seconds\nusage:\n"
		    "       kbsctl appraise [-j] [-t time] [-c directory] "
		    "[-r root] file\n");
		ATF_CHECK_STREQ("", slurp("out", NULL));
	}
}

/* --- files --------------------------------------------------------------- */

/* The same quote in all its forms. */
ATF_TC_WITHOUT_HEAD(forms);
ATF_TC_BODY(forms, tc)
{
	static const char *const	 forms[] = {
		"base64 quote >form",
		"base64 -w0 quote | tr +/ -_ | tr -d = >form",
		"od -An -v -tx1 quote >form",
		"printf '{\"quote\":\"%s\"}' $(base64 -w0 quote) >form",
	};
	size_t				 i;

	quotes_make(tc);
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		run("%s", forms[i]);
		ATF_CHECK_EQ_MSG(KBSCTL_DONE, kbsctl("appraise -c c -r "
		    "pki/tee-root.pem form"), "%s", forms[i]);
	}
	ATF_CHECK_EQ(KBSCTL_DONE, kbsctl("appraise -c c -r "
	    "pki/tee-root.pem - <quote"));
	ATF_CHECK_EQ(KBSCTL_DONE, kbsctl("appraise -c c -r "
	    "pki/tee-root.pem /dev/fd/0 < quote"));
}

static const struct {
	const char	*make;		/* a command that makes "f" */
	const char	*words;
} unreadable[] = {
	{ ":", "No such file or directory" },
	{ ": >f", "no quote, report or token" },
	{ "echo hello >f", "no quote, report or token" },
	{ "head -c 5000 /dev/zero >f", "no quote, report or token" },
	{ "head -c 20 quote >f", "no quote, report or token" },
	{ "echo '{\"quote\":\"\"}' >f", "no quote, report or token" },
	{ "cp /bin/sh f; truncate -s 100000 f", "no quote, report or token" },
	{ "truncate -s 1G f", "more than 1048576 bytes" },
	{ "truncate -s 1048577 f", "more than 1048576 bytes" },
	{ "mkfifo f", "no quote, report or token" },
	{ "mkdir f", "Is a directory" },
	{ "ln -s /dev/zero f", "neither a file nor a pipe" },
	{ "ln -s f f", "Too many levels of symbolic links" },
};

ATF_TC_WITHOUT_HEAD(unreadables);
ATF_TC_BODY(unreadables, tc)
{
	size_t	 i;

	quotes_make(tc);
	for (i = 0; i < sizeof(unreadable) / sizeof(unreadable[0]); i++) {
		run("rm -rf f; %s", unreadable[i].make);
		check_rejected(kbsctl("appraise -j -c c f"), 2, "unreadable",
		    unreadable[i].words);
		ATF_CHECK(json_is_null(json_object_get(told, "kind")));
	}
	/* a name that JSON can't have */
	ATF_CHECK_EQ(KBSCTL_UNREADABLE, kbsctl("appraise -j \"$(printf "
	    "'\\377')\""));
	ATF_CHECK_STREQ("the file can't be read", member("text"));
	/* what is one, but cut or longer, is judged */
	run("rm f; head -c 1000 quote >f");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -j f"));
	ATF_CHECK_STREQ("truncated", member("reason"));
	run("cp quote f; truncate -s 1048576 f");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -j f"));
	ATF_CHECK_STREQ("quote", member("kind"));
}

#define NOBODY	"setpriv --reuid 65534 --regid 65534 --clear-groups"

/* Nobody's files are nobody's business, and the verifier stays who it is. */
ATF_TC_WITHOUT_HEAD(plain);
ATF_TC_BODY(plain, tc)
{
	char	 line[PATH_MAX + 128];

	quotes_make(tc);
	if (geteuid() == 0) {
		as = NOBODY;
		run("chmod 755 .; chmod -R a+rX .");
		snprintf(line, sizeof(line), NOBODY " test -x '%s'",
		    build_path("bin/kbsctl"));
		if (system(line) != 0)
			atf_tc_skip("nobody may not run %s",
			    build_path("bin/kbsctl"));
	}
	ATF_CHECK_EQ(KBSCTL_DONE, kbsctl("appraise -r pki/tee-root.pem -c c "
	    "quote"));
	run("chmod 0 quote");
	check_rejected(kbsctl("appraise -j quote"), 2, "unreadable",
	    "quote: Permission denied");
	ATF_CHECK_EQ(KBSCTL_FAILED, kbsctl("appraise -r quote debug"));
	check_text("err", "kbsctl: quote: Permission denied\n");
}

/* --- verifiers that fail ------------------------------------------------- */

static const struct {
	const char	*does;
	const char	*words;
} fakes[] = {
	{ "kill -SYS $$", "the verifier was killed by signal 31: it tried "
	    "what its sandbox forbids" },
	{ "kill -SEGV $$", "the verifier was killed by signal 11" },
	{ "exit 0", "the verifier's answer makes no sense" },
	{ "exit 9", "the verifier failed: it did not say why" },
	{ "echo no luck >&2; exit 1", "the verifier failed: no luck" },
	{ "yes | head -c 50000 >&2; exit 1", "the verifier failed: y" },
	{ "printf '\\0\\0\\0\\2{}' >&3", "makes no sense" },
	{ "printf '\\0\\0\\0\\020{\"verdict\":\"no\"}' >&3",
	    "makes no sense" },
	{ "printf '\\0\\0\\0\\1{' >&3", "makes no sense" },
	{ "printf '\\0\\0\\0\\9{}' >&3", "makes no sense" },
	{ "printf '\\177\\377\\377\\377' >&3", "makes no sense" },
	/* it said yes, and then */
	{ "printf '\\0\\0\\0\\020{\"verdict\":\"ok\"}' >&3; kill -SYS $$",
	    "killed by signal 31" },
	{ "printf '\\0\\0\\0\\020{\"verdict\":\"ok\"}' >&3; exit 1",
	    "the verifier failed" },
	{ "sleep 12 & exec sleep 60", "it took more than 10 seconds" },
};

ATF_TC(failures);
ATF_TC_HEAD(failures, tc)
{
	atf_tc_set_md_var(tc, "timeout", "60");
}
ATF_TC_BODY(failures, tc)
{
	size_t	 i;

	quotes_make(tc);
	run("mkdir bin; cp %s bin", build_path("bin/kbsctl"));
	for (i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
		run("cat >bin/verifier <<'X'\n#!/bin/sh\n%s\nX\n"
		    "chmod 755 bin/verifier", fakes[i].does);
		check_rejected(command("bin/kbsctl", "appraise -j quote"),
		    KBSCTL_FAILED, "not_judged", fakes[i].words);
		check_text("err", fakes[i].words);
	}
	run("rm bin/verifier");
	if (access(LIBEXECDIR "/verifier", F_OK) == -1)
		check_rejected(command("bin/kbsctl", "appraise -j quote"),
		    KBSCTL_FAILED, "not_judged", "can't execute "
		    LIBEXECDIR "/verifier: No such file");
}

ATF_TP_ADD_TCS(tp)
{
	json_object_seed(1);
	ATF_TP_ADD_TC(tp, genuine);
	ATF_TP_ADD_TC(tp, others);
	ATF_TP_ADD_TC(tp, simulated);
	ATF_TP_ADD_TC(tp, reports);
	ATF_TP_ADD_TC(tp, output);
	ATF_TP_ADD_TC(tp, collateral);
	ATF_TP_ADD_TC(tp, times);
	ATF_TP_ADD_TC(tp, forms);
	ATF_TP_ADD_TC(tp, unreadables);
	ATF_TP_ADD_TC(tp, plain);
	ATF_TP_ADD_TC(tp, failures);
	return (atf_no_error());
}

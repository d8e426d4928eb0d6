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
 * Evidence of the kernel and of Gramine, over a simulated tree (configfs.c),
 * which is that of a good machine until a case says otherwise.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsget.h"

#define REPORTS		"/sys/kernel/config/tsm/report"
#define GRAMINE		"/dev/attestation"

static uint8_t	 data[REPORT_DATA_LEN];
static char	 root[PATH_MAX], reports[2 * PATH_MAX];

static void
tree(const char *provider)
{
	char	 path[2 * PATH_MAX], *p;
	int	 i;

	for (i = 0; i < REPORT_DATA_LEN; i++)
		data[i] = (uint8_t)(i + 1);
	ATF_REQUIRE(getcwd(root, sizeof(root) - 8) != NULL);
	strlcat(root, "/tree", sizeof(root));
	snprintf(reports, sizeof(reports), "%s" REPORTS, root);
	strlcpy(path, reports, sizeof(path));
	for (p = path + strlen(root); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(path, 0755);
		*p = '/';
	}
	(void)mkdir(path, 0755);
	setenv("TEE_TREE", root, 1);
	if (provider != NULL)
		setenv("TEE_PROVIDER", provider, 1);
}

static void
put(const char *path, const char *text)
{
	FILE	*f = fopen(path, "w");

	ATF_REQUIRE_MSG(f != NULL, "%s: %s", path, strerror(errno));
	ATF_REQUIRE(fputs(text, f) >= 0);
	ATF_REQUIRE_EQ(0, fclose(f));
}

static void
gramine(const char *type)
{
	char	 path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/dev", root);
	(void)mkdir(path, 0755);
	strlcat(path, "/attestation", sizeof(path));
	(void)mkdir(path, 0755);
	ATF_REQUIRE_EQ(0, chdir(path));
	put("attestation_type", type);
	put("user_report_data", "");
	put("quote", "");
	ATF_REQUIRE_EQ(0, chdir("../../.."));
}

/* No report is left, whatever happened. */
static void
check_left(void)
{
	struct dirent	*d;
	DIR		*dir = opendir(reports);

	ATF_REQUIRE(dir != NULL);
	while ((d = readdir(dir)) != NULL)
		ATF_CHECK_MSG(d->d_name[0] == '.', "left: %s", d->d_name);
	closedir(dir);
}

/* Find the machine's TEE and have a quote made; its length, or -1. */
static ssize_t
quote(enum tee want, uint8_t **buf)
{
	struct source	 s;
	size_t		 len = 0;
	int		 rv;

	ATF_REQUIRE_EQ(0, source_find(&s, NULL, root));
	ATF_REQUIRE_EQ(want, s.tee);
	rv = source_quote(&s, data, buf, &len);
	check_left();
	return (rv == -1 ? -1 : (ssize_t)len);
}

static void
check_quote(enum tee want)
{
	uint8_t	*buf;

	ATF_REQUIRE_EQ(1 + REPORT_DATA_LEN, quote(want, &buf));
	ATF_CHECK_EQ('Q', buf[0]);
	ATF_CHECK_EQ(0, memcmp(buf + 1, data, sizeof(data)));
	free(buf);
}

static void
check_none(enum tee want)
{
	uint8_t	*buf = NULL;

	ATF_CHECK_EQ(-1, quote(want, &buf));
	ATF_CHECK(buf == NULL);
}

ATF_TC_WITHOUT_HEAD(tdx);
ATF_TC_BODY(tdx, tc)
{
	tree("tdx_guest\n");
	check_quote(TEE_TDX);
	/* a TDX guest's certificates stand in its quote */
	put("table", "certificates");
	setenv("TEE_AUXBLOB", "table", 1);
	check_quote(TEE_TDX);
}

ATF_TC_WITHOUT_HEAD(snp);
ATF_TC_BODY(snp, tc)
{
	uint8_t	*buf;

	tree("sev_guest\n");
	check_quote(TEE_SNP);
	put("table", "");
	setenv("TEE_AUXBLOB", "table", 1);
	check_quote(TEE_SNP);
	put("table", "certificates");
	ATF_REQUIRE_EQ(1 + REPORT_DATA_LEN + 12, quote(TEE_SNP, &buf));
	ATF_CHECK_EQ(0, memcmp(buf + 1, data, sizeof(data)));
	ATF_CHECK_EQ(0, memcmp(buf + 1 + sizeof(data), "certificates", 12));
	free(buf);
}

/* The level is written where it must be, and that write counted. */
ATF_TC_WITHOUT_HEAD(privlevel);
ATF_TC_BODY(privlevel, tc)
{
	uint8_t	*buf;

	tree("sev_guest\n");
	setenv("TEE_FLOOR", "0\n", 1);
	check_quote(TEE_SNP);
	setenv("TEE_FLOOR", "2\n", 1);
	setenv("TEE_COMMAND", "cat tree" REPORTS "/*/privlevel; cat", 1);
	ATF_REQUIRE_EQ(1 + REPORT_DATA_LEN, quote(TEE_SNP, &buf));
	ATF_CHECK_EQ('2', buf[0]);
	free(buf);
	setenv("TEE_FLOOR", "two\n", 1);
	check_none(TEE_SNP);
}

/* Sizes: as much as there may be, one more, nothing. */
ATF_TC_WITHOUT_HEAD(sizes);
ATF_TC_BODY(sizes, tc)
{
	uint8_t	*buf;

	tree("sev_guest\n");
	setenv("TEE_COMMAND", "cat; head -c 65472 /dev/zero", 1);
	ATF_REQUIRE_EQ(QUOTE_MAX, quote(TEE_SNP, &buf));
	free(buf);
	ATF_REQUIRE_EQ(0, system("head -c 65536 /dev/zero >table"));
	setenv("TEE_AUXBLOB", "table", 1);
	ATF_REQUIRE_EQ(QUOTE_MAX + CERTIFICATES_MAX, quote(TEE_SNP, &buf));
	free(buf);
	ATF_REQUIRE_EQ(0, system("head -c 65537 /dev/zero >table"));
	check_none(TEE_SNP);
	unsetenv("TEE_AUXBLOB");
	setenv("TEE_COMMAND", "cat; head -c 65473 /dev/zero", 1);
	check_none(TEE_SNP);
	setenv("TEE_COMMAND", "true", 1);
	check_none(TEE_SNP);
}

/*
 * What passes (EBUSY, EAGAIN, EINTR) is waited for, and not for ever; what
 * does not (EIO, ENXIO, ETIMEDOUT) is not.
 */
ATF_TC_WITHOUT_HEAD(faults);
ATF_TC_BODY(faults, tc)
{
	static const char *const passing[] = {
		"outblob,16,4", "outblob,11,4", "outblob,4,2",
		"generation,16,1",
	};
	static const char *const final[] = {
		"outblob,16,5", "outblob,11,99", "outblob,5,1",
		"outblob,6,1", "outblob,110,1", "generation,5,1",
	};
	size_t	 i;

	tree("tdx_guest\n");
	for (i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		setenv("TEE_FAULT", passing[i], 1);
		check_quote(TEE_TDX);
	}
	for (i = 0; i < sizeof(final) / sizeof(final[0]); i++) {
		setenv("TEE_FAULT", final[i], 1);
		check_none(TEE_TDX);
	}
}

/* Another writer, seen by the generation alone: its report is not used. */
ATF_TC_WITHOUT_HEAD(writer);
ATF_TC_BODY(writer, tc)
{
	tree("tdx_guest\n");
	setenv("TEE_WRITER", "2", 1);
	check_quote(TEE_TDX);
	ATF_CHECK_STREQ("0", getenv("TEE_WRITER"));
	setenv("TEE_WRITER", "99", 1);
	check_none(TEE_TDX);
	ATF_CHECK_STREQ("94", getenv("TEE_WRITER"));
}

/* A quote over anything else is not sent. */
ATF_TC_WITHOUT_HEAD(foreign);
ATF_TC_BODY(foreign, tc)
{
	tree("tdx_guest\n");
	setenv("TEE_COMMAND", "head -c 4096 /dev/zero", 1);
	check_none(TEE_TDX);
	setenv("TEE_COMMAND", "head -c 63", 1);
	check_none(TEE_TDX);
}

static void
check_unknown(void)
{
	struct source	 s;

	ATF_CHECK_EQ(-1, source_find(&s, NULL, root));
	ATF_CHECK_EQ(TEE_NONE, s.tee);
	check_left();
}

ATF_TC_WITHOUT_HEAD(providers);
ATF_TC_BODY(providers, tc)
{
	static const char *const bad[] = {
		"arm_cca_guest\n", "", "\n", "tdx_guest \n", "tdx_guest\n\n",
		"tdx_guest\nsev_guest\n", "tdx\1guest\n", "TDX_GUEST\n",
		("a-name-that-is-longer-than-any-that-a-driver-in-the-kernel-"
		"has-or-will-have\n"),
	};
	size_t	 i;

	tree(NULL);
	/* no driver: mkdir fails */
	check_unknown();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("TEE_PROVIDER", bad[i], 1);
		check_unknown();
	}
	/* a line end is no part of the name, there or not */
	setenv("TEE_PROVIDER", "sev_guest", 1);
	check_quote(TEE_SNP);
	/* and no tree at all */
	strlcat(root, "/nowhere", sizeof(root));
	check_unknown();
}

ATF_TC_WITHOUT_HEAD(enclave);
ATF_TC_BODY(enclave, tc)
{
	static const char *const bad[] = { "none", "epid", "", "dcap dcap" };
	size_t	 i;

	/* before the kernel's, which is its host's */
	tree("tdx_guest\n");
	gramine("dcap");
	check_quote(TEE_SGX);
	setenv("TEE_FAULT", "quote,5,1", 1);
	check_none(TEE_SGX);
	setenv("TEE_COMMAND", "head -c 65537 /dev/zero", 1);
	check_none(TEE_SGX);
	setenv("TEE_COMMAND", "true", 1);
	check_none(TEE_SGX);
	setenv("TEE_COMMAND", "head -c 432 /dev/zero", 1);
	check_none(TEE_SGX);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		gramine(bad[i]);
		check_unknown();
	}
}

/* Numbers are decimal, whole, and of 64 bits. */
ATF_TC_WITHOUT_HEAD(numbers);
ATF_TC_BODY(numbers, tc)
{
	static const char *const bad[] = {
		"", "\n", "-1\n", "+1\n", "0x1\n", "1 \n", " 1\n", "1\n\n",
		"18446744073709551616\n",
	};
	uint64_t	 n;
	size_t		 i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("number", bad[i]);
		ATF_CHECK_EQ_MSG(-1, attr_number(AT_FDCWD, "number", &n),
		    "%s", bad[i]);
	}
	put("number", "18446744073709551615\n");
	ATF_REQUIRE_EQ(0, attr_number(AT_FDCWD, "number", &n));
	ATF_CHECK_EQ(UINT64_MAX, n);
	/* neither links nor pipes stand there */
	ATF_REQUIRE_EQ(0, symlink("number", "link"));
	ATF_CHECK_EQ(-1, attr_number(AT_FDCWD, "link", &n));
	ATF_REQUIRE_EQ(0, mkfifo("pipe", 0600));
	ATF_CHECK_EQ(-1, attr_number(AT_FDCWD, "pipe", &n));
	ATF_CHECK_EQ(-1, attr_write(AT_FDCWD, "pipe", "1", 1));
	ATF_CHECK_EQ(-1, attr_write(AT_FDCWD, "none", "1", 1));
}

static void
interrupt(int sig)
{
	tsm_unlink();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* The handler's part: no report is left of a process that is ended. */
ATF_TC_WITHOUT_HEAD(interrupted);
ATF_TC_BODY(interrupted, tc)
{
	uint8_t	*buf;
	pid_t	 pid;
	int	 i, status;

	tree("tdx_guest\n");
	setenv("TEE_STALL", "stalled", 1);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		signal(SIGTERM, interrupt);
		(void)quote(TEE_TDX, &buf);
		_exit(0);
	}
	for (i = 0; access("stalled", F_OK) == -1 && i < 2000; i++)
		usleep(50000);
	ATF_REQUIRE_EQ(0, kill(pid, SIGTERM));
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	check_left();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, tdx);
	ATF_TP_ADD_TC(tp, snp);
	ATF_TP_ADD_TC(tp, privlevel);
	ATF_TP_ADD_TC(tp, sizes);
	ATF_TP_ADD_TC(tp, faults);
	ATF_TP_ADD_TC(tp, writer);
	ATF_TP_ADD_TC(tp, foreign);
	ATF_TP_ADD_TC(tp, providers);
	ATF_TP_ADD_TC(tp, enclave);
	ATF_TP_ADD_TC(tp, numbers);
	ATF_TP_ADD_TC(tp, interrupted);
	return (atf_no_error());
}

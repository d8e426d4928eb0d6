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

/* Report data, the quote command, and files in and out. */
#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"
#include "kbsget.h"

static void
check_report(enum tee tee, const char *hex)
{
	uint8_t	 data[REPORT_DATA_LEN], want[REPORT_DATA_LEN];

	memset(data, 0xa5, sizeof(data));
	ATF_REQUIRE_EQ(0, report_data(tee, (const uint8_t *)"a", 1,
	    (const uint8_t *)"b", 1, (const uint8_t *)"c", 1, data));
	memset(want, 0, sizeof(want));
	ATF_REQUIRE(hex_decode(want, sizeof(want), hex, strlen(hex)) > 0);
	ATF_CHECK_EQ(0, memcmp(want, data, sizeof(want)));
}

/* The digests of "abc" as FIPS 180-4's examples have them. */
ATF_TC_WITHOUT_HEAD(report);
ATF_TC_BODY(report, tc)
{
	check_report(TEE_TDX,
	    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	/* SNP as TDX */
	check_report(TEE_SNP,
	    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	check_report(TEE_SGX,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

ATF_TC_WITHOUT_HEAD(types);
ATF_TC_BODY(types, tc)
{
	static const char *const bad[] = {
		"", " ", "SGX ", "TD", "TDXX", "NVGPU", "SGX,TDX",
		"TDX,NVGPU", ",", "SEV-SNP",
	};
	const char	*why;
	size_t		 i;

	ATF_CHECK_EQ(TEE_TDX, tee_header("TDX", &why));
	ATF_CHECK_EQ(TEE_SGX, tee_header("SGX", &why));
	ATF_CHECK_EQ(TEE_SNP, tee_header("SNP", &why));
	ATF_CHECK_EQ(TEE_TDX, tee_parse("tdx", 3));
	ATF_CHECK_EQ(TEE_NONE, tee_parse("tdx", 2));
	ATF_CHECK_STREQ("SGX", tee_name(TEE_SGX));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		ATF_CHECK_EQ_MSG(TEE_NONE, tee_header(bad[i], &why), "%s",
		    bad[i]);
		ATF_CHECK(why != NULL);
	}
}

/* Seconds for a command that is right, however busy the machine is. */
#define GOOD	60

static int
run(const char *command, unsigned int seconds, uint8_t **quote, size_t *len)
{
	uint8_t	 data[REPORT_DATA_LEN];
	int	 i;

	for (i = 0; i < REPORT_DATA_LEN; i++)
		data[i] = (uint8_t)i;
	return (quote_run(command, data, seconds, quote, len));
}

ATF_TC_WITHOUT_HEAD(quote_good);
ATF_TC_BODY(quote_good, tc)
{
	uint8_t	*quote;
	size_t	 i, len;

	signal(SIGPIPE, SIG_IGN);
	ATF_REQUIRE_EQ(0, run("printf Q; cat", GOOD, &quote, &len));
	ATF_REQUIRE_EQ(65, len);
	ATF_CHECK_EQ('Q', quote[0]);
	for (i = 0; i < REPORT_DATA_LEN; i++)
		ATF_CHECK_EQ(i, quote[1 + i]);
	free(quote);
	ATF_REQUIRE_EQ(0, run("printf %s \"$KBSGET_REPORT_DATA\"", GOOD,
	    &quote, &len));
	ATF_REQUIRE_EQ(128, len);
	ATF_CHECK_EQ(0, memcmp(quote, "000102030405060708090a0b0c0d0e0f", 32));
	free(quote);
	/* exactly as much as there may be */
	ATF_REQUIRE_EQ(0, run("head -c 65536 /dev/zero", GOOD, &quote, &len));
	ATF_CHECK_EQ(QUOTE_MAX, len);
	free(quote);
}

ATF_TC_WITHOUT_HEAD(quote_bad);
ATF_TC_BODY(quote_bad, tc)
{
	static const char *const bad[] = {
		"", "exit 0", "echo x; exit 3", "no-such-command-here",
		"head -c 65537 /dev/zero", "cat /dev/zero",
		"echo x; kill -9 $$", "echo x; sleep 100",
		"exec 1>&-; kill -9 $$",
		"(sleep 100; echo y) & echo x",
	};
	struct timespec	 before, after;
	uint8_t		*quote = NULL;
	size_t		 i, len;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		clock_gettime(CLOCK_MONOTONIC, &before);
		ATF_CHECK_EQ_MSG(-1, run(bad[i], 2, &quote, &len), "%s",
		    bad[i]);
		clock_gettime(CLOCK_MONOTONIC, &after);
		ATF_CHECK_MSG(after.tv_sec - before.tv_sec < 10, "%s",
		    bad[i]);
	}
	ATF_CHECK(quote == NULL);
}

/* Nothing of ours is open in the command but what it needs. */
ATF_TC_WITHOUT_HEAD(quote_descriptors);
ATF_TC_BODY(quote_descriptors, tc)
{
	uint8_t	*quote;
	size_t	 len;
	int	 fd;

	fd = open("/dev/null", O_RDONLY);
	ATF_REQUIRE(fd > STDERR_FILENO && dup2(fd, 9) == 9);
	ATF_REQUIRE_EQ(0, run("[ -e /proc/self/fd/9 ] || printf none", GOOD,
	    &quote, &len));
	ATF_CHECK_EQ(4, len);
	free(quote);
}

static size_t
count_files(void)
{
	uint8_t	*list;
	size_t	 len, i, n = 0;

	ATF_REQUIRE_EQ(0, run("ls -A", GOOD, &list, &len));
	for (i = 0; i < len; i++)
		n += list[i] == '\n';
	free(list);
	return (n);
}

ATF_TC_WITHOUT_HEAD(output);
ATF_TC_BODY(output, tc)
{
	struct output	 out;
	struct stat	 sb;
	uint8_t		*text;
	size_t		 len;
	int		 fd;

	fd = open("there", O_WRONLY | O_CREAT, 0644);
	ATF_REQUIRE(fd != -1 && write(fd, "old", 3) == 3);
	close(fd);
	ATF_REQUIRE_EQ(0, output_open(&out, "there"));
	text = file_read("there", 100, &len);
	ATF_REQUIRE(text != NULL);
	ATF_CHECK_STREQ("old", (char *)text);
	free(text);
	ATF_REQUIRE_EQ(0, output_commit(&out, "new!", 4));
	text = file_read("there", 4, &len);
	ATF_REQUIRE(text != NULL);
	ATF_CHECK_STREQ("new!", (char *)text);
	free(text);
	ATF_REQUIRE_EQ(0, stat("there", &sb));
	ATF_CHECK_EQ(0600, sb.st_mode & 07777);
	/* given up: the old one stays, nothing beside it */
	ATF_REQUIRE_EQ(0, output_open(&out, "there"));
	output_abort(&out);
	ATF_REQUIRE_EQ(0, output_open(&out, "there"));
	output_unlink();
	output_abort(&out);
	ATF_CHECK_EQ(1, count_files());
	/* what must not be replaced or can't be made */
	ATF_REQUIRE_EQ(0, symlink("there", "link"));
	ATF_CHECK_EQ(-1, output_open(&out, "link"));
	ATF_CHECK_EQ(-1, output_open(&out, "."));
	ATF_CHECK_EQ(-1, output_open(&out, "/dev/null"));
	ATF_CHECK_EQ(-1, output_open(&out, "none/there"));
	/* too long, empty, missing */
	ATF_CHECK(file_read("there", 3, &len) == NULL);
	ATF_CHECK(file_read("/dev/null", 3, &len) == NULL);
	ATF_CHECK(file_read("none", 3, &len) == NULL);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, report);
	ATF_TP_ADD_TC(tp, types);
	ATF_TP_ADD_TC(tp, quote_good);
	ATF_TP_ADD_TC(tp, quote_bad);
	ATF_TP_ADD_TC(tp, quote_descriptors);
	ATF_TP_ADD_TC(tp, output);
	return (atf_no_error());
}

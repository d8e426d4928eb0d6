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
 * kbsctl: what processes tell, requests as they end, words for shells, and
 * tables on a terminal.
 */

#include "run.h"

#include <sys/ioctl.h>

#include <locale.h>
#include <time.h>

static char	 numbers[8][32];

/* A Unix time this far from now; static, of the last eight. */
static const char *
from_now(long long s)
{
	static int	 i;
	char		*p = numbers[i++ % 8];

	snprintf(p, sizeof(numbers[0]), "%lld", (long long)time(NULL) + s);
	return (p);
}

static const char *
member(const json_t *j, const char *name)
{
	const char	*s = json_string_value(json_object_get(j, name));

	return (s != NULL ? s : "(none)");
}

static long long
count(const json_t *j, const char *name)
{
	const json_t	*n = json_object_get(j, name);

	return (json_is_integer(n) ? json_integer_value(n) : -1);
}

/* --- sessions ------------------------------------------------------------ */

#define SESSION_COLUMNS	"process", "instance", "address", "state",	\
	"age_seconds", "requests", "tls", "cipher"

static const char *const	 none[] = { SESSION_COLUMNS };
static const char *const	 page0[] = { SESSION_COLUMNS,
	"frontend", "0", "192.0.2.1", "idle", "100", "3", "TLSv1.3", "AES",
	"frontend", "0", "192.0.2.2", "new", "5", "0", "", "",
	"frontend", "1", "192.0.2.1", "waiting", "3725", "9", "TLSv1.3",
	    "AES",
};
static const char *const	 page1[] = { SESSION_COLUMNS,
	"frontend", "1", "2001:db8::\x1b[2J", "reading", "1", "1", "TLSv1.3",
	    "AES",
};

static void
sessions_answer(struct fixture *f)
{
	reply(f, commanded(f, COMMAND_SESSIONS, 0), "", 8, 3, page0);
	reply(f, commanded(f, COMMAND_SESSIONS, 1), "", 8, 1, page1);
	reply(f, commanded(f, COMMAND_SESSIONS, 2), "", 8, 0, none);
}

ATF_TC_WITHOUT_HEAD(sessions);
ATF_TC_BODY(sessions, tc)
{
	struct fixture	 f;
	json_t		*j;
	pid_t		 pid;

	fixture_start(&f);
	pid = line(NULL, "show sessions");
	sessions_answer(&f);
	finish(pid, KBSCTL_DONE);
	/* The oldest first, and nothing that moves the cursor. */
	ATF_CHECK_STREQ(
	    "ADDRESS            STATE    AGE    REQUESTS  TLS      CIPHER  "
	    "PROCESS\n"
	    "192.0.2.1          waiting  1h2m   9         TLSv1.3  AES     "
	    "frontend 1\n"
	    "192.0.2.1          idle     1m40s  3         TLSv1.3  AES     "
	    "frontend 0\n"
	    "192.0.2.2          new      5s     0         -        -       "
	    "frontend 0\n"
	    "2001:db8::\\033[2J  reading  1s     1         TLSv1.3  AES     "
	    "frontend 1\n", text("out"));
	pid = line(NULL, "-j show sessions -n 1");
	reply(&f, commanded(&f, COMMAND_SESSIONS, 0), "", 8, 3, page0);
	finish(pid, KBSCTL_DONE);
	j = json();
	ATF_CHECK_EQ(1, json_array_size(j));
	ATF_CHECK_EQ(3725, count(json_array_get(j, 0), "age_seconds"));
	json_decref(j);
	pid = line(NULL, "-q show sessions -a -n 1");
	sessions_answer(&f);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("192.0.2.1  2            12        1h2m\n",
	    text("out"));
	pid = line(NULL, "-j show sessions -a");
	sessions_answer(&f);
	finish(pid, KBSCTL_DONE);
	j = json();
	ATF_CHECK_EQ(3, json_array_size(j));
	ATF_CHECK_STREQ("192.0.2.1", member(json_array_get(j, 0), "address"));
	ATF_CHECK_EQ(2, count(json_array_get(j, 0), "connections"));
	ATF_CHECK_EQ(12, count(json_array_get(j, 0), "requests"));
	ATF_CHECK_EQ(3725, count(json_array_get(j, 0), "oldest_seconds"));
	json_decref(j);
	fixture_end(&f);
}

/* A process that says nothing is named, and the table is not whole. */
ATF_TC_WITHOUT_HEAD(silent);
ATF_TC_BODY(silent, tc)
{
	static const char *const	 rows[] = { SESSION_COLUMNS,
		"frontend", "0", "192.0.2.2", "new", "5", "0", "", "",
		"frontend", "1", "", "", "", "", "", "",
	};
	struct fixture			 f;
	pid_t				 pid;

	fixture_start(&f);
	pid = line(NULL, "-q show sessions");
	reply(&f, commanded(&f, COMMAND_SESSIONS, 0), "", 8, 2, rows);
	finish(pid, KBSCTL_FAILED);
	check_err("kbsctl: frontend 1 does not answer\n");
	ATF_CHECK_STREQ("192.0.2.2  new    5s   0         -    -       "
	    "frontend 0\n", text("out"));
	pid = line(NULL, "-j show sessions");
	reply(&f, commanded(&f, COMMAND_SESSIONS, 0), "too many ask at once",
	    0, 0, NULL);
	finish(pid, KBSCTL_FAILED);
	ATF_CHECK_STREQ("{\"error\":\"too many ask at once\","
	    "\"status\":500}\n", text("out"));
	fixture_end(&f);
}

/* --- attestation, certificates ------------------------------------------- */

static const char *const	 roots[] = { "attestation", "root", "state",
	"sha256",
	"ita", "/etc/root.pem", "configured", "0123456789abcdef0123",
};
static const char *const	 blocks[] = { "process", "instance",
	"attestation", "state", "last_success", "last_failure", "trouble",
	"keys", "keys_fetched",
	"fetcher", "0", "ita", "failing", "1796083200", "1796083260",
	    "no answer", "", "",
	"verifier", "0", "ita", "good", "1796083200", "0", "", "2",
	    "1796083200",
};

ATF_TC_WITHOUT_HEAD(attestation);
ATF_TC_BODY(attestation, tc)
{
	struct fixture	 f;
	const json_t	*b, *v;
	json_t		*j;
	pid_t		 pid;

	fixture_start(&f);
	pid = line(NULL, "-q show attestation");
	reply(&f, commanded(&f, COMMAND_ROOTS, 0), "", 4, 1, roots);
	reply(&f, commanded(&f, COMMAND_ATTESTATION, 0), "", 9, 2, blocks);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK(strstr(text("out"), "ita          fetcher 0   failing  "
	    "2026-12-01T00:00:00Z  2026-12-01T00:01:00Z  ") != NULL);
	ATF_CHECK(strstr(text("out"), "configured 0123456789abcdef  -\n") !=
	    NULL);
	pid = line(NULL, "-j show attestation");
	reply(&f, commanded(&f, COMMAND_ROOTS, 0), "", 4, 1, roots);
	reply(&f, commanded(&f, COMMAND_ATTESTATION, 0), "", 9, 2, blocks);
	finish(pid, KBSCTL_DONE);
	j = json();
	ATF_CHECK_EQ(1, json_array_size(j));
	b = json_array_get(j, 0);
	ATF_CHECK_STREQ("ita", member(b, "attestation"));
	ATF_CHECK_STREQ("/etc/root.pem", member(json_object_get(b, "root"),
	    "file"));
	ATF_CHECK_STREQ("no answer", member(json_object_get(b, "service"),
	    "trouble"));
	v = json_array_get(json_object_get(b, "verifiers"), 0);
	ATF_CHECK_EQ(2, count(v, "keys"));
	ATF_CHECK(json_is_null(json_object_get(v, "last_failure")));
	json_decref(j);
	fixture_end(&f);
}

ATF_TC_WITHOUT_HEAD(certificates);
ATF_TC_BODY(certificates, tc)
{
	const char *const	 rows[] = { "process", "instance", "use",
		"of", "subject", "names", "serial", "not_before",
		"not_after", "sha256", "others",
		"frontend", "0", "own", "", "CN=kbs", "DNS:a, DNS:b", "01",
		    "1796083200", from_now(29 * 86400 + 3600), "abcd", "1",
		"fetcher", "0", "ca", "ita", "CN=old", "", "02", "1",
		    from_now(-3600), "ef01", "0",
		"kms", "0", "ca", "vault", "CN=new", "", "03", "1",
		    from_now(30 * 86400 + 3600), "2345", "0",
	};
	struct fixture		 f;
	const char		*out;
	json_t			*j;
	pid_t			 pid;

	fixture_start(&f);
	pid = line(NULL, "show certificates");
	reply(&f, commanded(&f, COMMAND_CERTIFICATES, 0), "", 11, 3, rows);
	finish(pid, KBSCTL_DONE);
	out = text("out");
	ATF_CHECK(strstr(out, "  29 ENDS  ") != NULL);
	ATF_CHECK(strstr(out, "  -1 ENDED  ") != NULL);
	ATF_CHECK(strstr(out, "  30        ") != NULL);
	pid = line(NULL, "-j show certificates");
	reply(&f, commanded(&f, COMMAND_CERTIFICATES, 0), "", 11, 3, rows);
	finish(pid, KBSCTL_DONE);
	j = json();
	ATF_CHECK_EQ(3, json_array_size(j));
	ATF_CHECK_EQ(2, json_array_size(json_object_get(json_array_get(j, 0),
	    "names")));
	ATF_CHECK_EQ(29, count(json_array_get(j, 0), "days_left"));
	ATF_CHECK(json_is_true(json_object_get(json_array_get(j, 0),
	    "ending")));
	ATF_CHECK_EQ(-1, count(json_array_get(j, 1), "days_left"));
	ATF_CHECK(json_is_false(json_object_get(json_array_get(j, 2),
	    "ending")));
	json_decref(j);
	fixture_end(&f);
}

/* --- lockouts, limits ---------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(lockouts);
ATF_TC_BODY(lockouts, tc)
{
	const char *const	 rows[] = { "process", "instance", "name",
		"failures", "first", "until",
		"store", "0", "ann", "5", "1796083200", from_now(600),
		"store", "0", "bob", "2", "1796083200", "0",
		"store", "0", "eve", "5", "1796083200", from_now(-1),
	};
	struct fixture		 f;
	struct asked		 a;
	json_t			*j;
	pid_t			 pid;

	fixture_start(&f);
	pid = line(NULL, "-j show lockouts");
	reply(&f, commanded(&f, COMMAND_LOCKOUTS, 0), "", 6, 3, rows);
	reply(&f, commanded(&f, COMMAND_LOCKOUTS, 1), "", 6, 0, rows);
	finish(pid, KBSCTL_DONE);
	j = json();
	/* Eve's has ended. */
	ATF_CHECK_EQ(2, json_array_size(j));
	ATF_CHECK_STREQ("ann", member(json_array_get(j, 0), "name"));
	ATF_CHECK(json_is_true(json_object_get(json_array_get(j, 0),
	    "locked")));
	ATF_CHECK(json_is_false(json_object_get(json_array_get(j, 1),
	    "locked")));
	ATF_CHECK(json_is_null(json_object_get(json_array_get(j, 1),
	    "until")));
	json_decref(j);
	pid = line(NULL, "-q show lockouts");
	reply(&f, commanded(&f, COMMAND_LOCKOUTS, 0), "", 6, 3, rows);
	reply(&f, commanded(&f, COMMAND_LOCKOUTS, 1), "", 6, 0, rows);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK(strncmp("ann   locked   5         2026-12-01T00:00:00Z  ",
	    text("out"), 47) == 0);
	pid = line(NULL, "unlock ann");
	asked(&f, OP_USER_UNLOCK, &a);
	ATF_CHECK_STREQ("ann", a.ask.name);
	answer(&f, a.number, 204, "", ANSWER_NONE, 0, NULL);
	finish(pid, KBSCTL_DONE);
	fixture_end(&f);
}

ATF_TC_WITHOUT_HEAD(limits);
ATF_TC_BODY(limits, tc)
{
	static const char *const	 rows[] = { "process", "instance",
		"limit", "value", "used", "unit",
		"parent", "0", "prefork", "2", "", "",
		"frontend", "0", "connections", "4096", "17", "",
	};
	struct fixture			 f;
	json_t				*j;
	pid_t				 pid;

	fixture_start(&f);
	pid = line(NULL, "show limits");
	reply(&f, commanded(&f, COMMAND_LIMITS, 0), "", 6, 2, rows);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ(
	    "PROCESS     LIMIT        VALUE  USED  UNIT\n"
	    "parent      prefork      2      -     -\n"
	    "frontend 0  connections  4096   17    -\n", text("out"));
	pid = line(NULL, "-j show limits");
	reply(&f, commanded(&f, COMMAND_LIMITS, 0), "", 6, 2, rows);
	finish(pid, KBSCTL_DONE);
	j = json();
	ATF_CHECK(json_is_null(json_object_get(json_array_get(j, 0),
	    "used")));
	ATF_CHECK_EQ(17, count(json_array_get(j, 1), "used"));
	json_decref(j);
	fixture_end(&f);
}

/* --- monitor ------------------------------------------------------------- */

static uint32_t
watched(struct fixture *f)
{
	struct rbuf	 r;
	uint32_t	 n;

	peer_recv(f->broker, IMSG_BROKER_WATCH, &r, AGES);
	n = rb_u32(&r);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	return (n);
}

static void
finished(struct fixture *f, uint64_t lost, const char *who)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, lost);
	wb_u64(&w, 1796083200123);
	wb_u32(&w, PROC_FRONTEND);
	wb_u32(&w, 1);
	wb_str(&w, "615e4f51-0000000000000002");
	wb_str(&w, "192.0.2.1");
	wb_u8(&w, OP_TRANSFER);
	wb_uuid(&w, &id_a);
	wb_str(&w, who);
	wb_u8(&w, TEE_TDX);
	wb_str(&w, "released");
	wb_u16(&w, 200);
	wb_str(&w, "");
	wb_u64(&w, 12);
	peer_send(f->broker, IMSG_CONTROL_FINISHED, &w);
}

/* It has written this many lines. */
static void
wait_lines(int n)
{
	const char	*p;
	int		 i, seen;

	for (i = 0; i < 1000; i++) {
		for (seen = 0, p = text("out"); *p != '\0'; p++)
			seen += *p == '\n';
		if (seen >= n)
			return;
		usleep(10000);
	}
	atf_tc_fail("no %d lines: %s", n, text("out"));
}

ATF_TC_WITHOUT_HEAD(monitor);
ATF_TC_BODY(monitor, tc)
{
	struct fixture	 f;
	const char	*out;
	pid_t		 pid;

	fixture_start(&f);
	pid = line(NULL, "monitor");
	ATF_CHECK_EQ(MONITOR_LINES, watched(&f));
	finished(&f, 0, "");
	finished(&f, 3, "ann\x1b[31m");
	wait_lines(4);
	out = text("out");
	ATF_CHECK(strstr(out, "00:00:00.123Z  frontend 1  "
	    "615e4f51-0000000000000002  192.0.2.1        transfer       " ID_A
	    "  TDX         released  200      12 ms\n") != NULL);
	ATF_CHECK(strstr(out, "(3 lines were lost: too slow)\n") != NULL);
	ATF_CHECK(strstr(out, "ann\\033[31m") != NULL);
	/* ^C */
	kill(pid, SIGINT);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_EQ(0, watched(&f));
	/* For programs, a line each; and kbsd ends. */
	pid = line(NULL, "-j monitor");
	ATF_CHECK_EQ(MONITOR_LINES, watched(&f));
	finished(&f, 0, "ann");
	wait_lines(1);
	ATF_CHECK_STREQ("{\"time\":\"2026-12-01T00:00:00.123Z\",\"front\":"
	    "\"frontend 1\",\"request\":\"615e4f51-0000000000000002\","
	    "\"client\":\"192.0.2.1\",\"operation\":\"transfer\",\"object\":"
	    "\"" ID_A "\",\"who\":\"ann\",\"tee\":\"TDX\",\"outcome\":"
	    "\"released\",\"error\":\"\",\"status\":200,\"duration_ms\":12}"
	    "\n", text("out"));
	unlink(SOCK);
	fixture_end(&f);
	finish(pid, KBSCTL_FAILED);
	check_err("kbsd closed the connection");
}

/* --- words --------------------------------------------------------------- */

static const struct {
	const char	*words;
	const char	*out;
} completions[] = {
	{ "complete -- s", "show\n" },
	{ "complete -- un", "unlock\nunpin\n" },
	{ "complete -- show se", "sessions\n" },
	{ "complete -- sh se", "sessions\n" },
	{ "complete -- show x", "" },
	{ "complete -- x y", "" },
	{ "complete -- k c", "" },
	{ "complete -- key create -a R", "RSA\n" },
	{ "complete -- key create -a RSA -c secp2", "secp256r1\n" },
	{ "complete -- key create -", "-a\n-l\n-c\n-p\n-k\n-A\n" },
	{ "complete -- -", "-j\n-q\n-s\n" },
	{ "complete -- policy add x", ":files\n" },
	{ "complete -- policy add x y", "" },
	{ "complete -- import --state x", ":files\n" },
	{ "complete -- -j -s x", ":files\n" },
	{ "complete -- user add ann keys:c", "keys:create\n" },
	{ "complete -- user add ann keys:create a", "all\n" },
	{ "complete -- log b", "brief\n" },
	{ "complete -- help mon", "monitor\n" },
	{ "help unpin", "usage:\n       kbsctl unpin attestation\n" },
	{ "help sh sess", "usage:\n       kbsctl show sessions [-a] "
	    "[-n most]\n" },
};

ATF_TC_WITHOUT_HEAD(words);
ATF_TC_BODY(words, tc)
{
	struct fixture	 f;
	struct asked	 a;
	struct wbuf	 w = { 0 };
	size_t		 i;
	pid_t		 pid;

	/* Without a daemon: the table knows. */
	for (i = 0; i < sizeof(completions) / sizeof(completions[0]); i++) {
		finish(line(NULL, completions[i].words), KBSCTL_DONE);
		ATF_CHECK_STREQ(completions[i].out, text("out"));
	}
	finish(line(NULL, "help"), KBSCTL_DONE);
	ATF_CHECK(strstr(text("out"), "       kbsctl monitor\n") != NULL);
	ATF_CHECK_STREQ("", text("err"));
	finish(line(NULL, "complete -- key show x"), KBSCTL_ABSENT);
	finish(line(NULL, "complete --"), KBSCTL_USAGE);
	/* With one: names, and ids. */
	fixture_start(&f);
	pid = line(NULL, "complete -- unlock b");
	asked(&f, OP_USER_SEARCH, &a);
	user_record(&w, "ann", PERM_ALL);
	user_record(&w, "bob@example.org", PERM_ALL);
	answer(&f, a.number, 200, "", ANSWER_USERS, 2, &w);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("bob@example.org\n", text("out"));
	pid = line(NULL, "complete -- key move " ID_A " b");
	asked(&f, OP_POLICY_SEARCH, &a);
	policy_record(&w, POLICY);
	answer(&f, a.number, 200, "", ANSWER_POLICIES, 1, &w);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ(ID_B "\n", text("out"));
	pid = line(NULL, "complete -- unpin i");
	reply(&f, commanded(&f, COMMAND_ROOTS, 0), "", 4, 1, roots);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("ita\n", text("out"));
	fixture_end(&f);
}

/* --- tables -------------------------------------------------------------- */

/* What a table of two columns looks like on a terminal of this width. */
static const char *
on_terminal(unsigned short columns, const char *first, const char *last)
{
	static char	 out[4096];
	struct winsize	 ws = { .ws_row = 24, .ws_col = columns };
	const char	*cells[] = { first, last };
	struct table	*t;
	ssize_t		 n, len = 0;
	int		 master, slave, old;

	ATF_REQUIRE((master = posix_openpt(O_RDWR | O_NOCTTY)) != -1);
	ATF_REQUIRE(grantpt(master) == 0 && unlockpt(master) == 0);
	ATF_REQUIRE((slave = open(ptsname(master), O_RDWR | O_NOCTTY)) != -1);
	ATF_REQUIRE(ioctl(slave, TIOCSWINSZ, &ws) == 0);
	fflush(stdout);
	ATF_REQUIRE((old = dup(1)) != -1 && dup2(slave, 1) == 1);
	t = table_new("ID|CHECKS", 2);
	table_row(t, cells);
	table_print(t, 1);
	table_free(t);
	fflush(stdout);
	dup2(old, 1);
	close(old);
	fcntl(master, F_SETFL, O_NONBLOCK);
	while ((n = read(master, out + len, sizeof(out) - 1 -
	    (size_t)len)) > 0)
		len += n;
	out[len] = '\0';
	close(slave);
	close(master);
	return (out);
}

ATF_TC_WITHOUT_HEAD(tables);
ATF_TC_BODY(tables, tc)
{
	char	*safe;

	ATF_CHECK_STREQ("ID  CHECKS\r\nx   sgx.mrenclave,sgx.isvsvn,tdx.mrtd"
	    "\r\n", on_terminal(80, "x", "sgx.mrenclave,sgx.isvsvn,tdx.mrtd"));
	ATF_CHECK_STREQ("ID  CHECKS\r\nx   sgx.mrenclave,\r\n    sgx.isvsvn,"
	    "\r\n    tdx.mrtd\r\n", on_terminal(21, "x",
	    "sgx.mrenclave,sgx.isvsvn,tdx.mrtd"));
	ATF_CHECK_STREQ("ID  CHECKS\r\nx   0123456789012345\r\n    6789\r\n",
	    on_terminal(20, "x", "01234567890123456789"));
	/* No room: the terminal breaks the line. */
	ATF_CHECK_STREQ("ID  CHECKS\r\nx   01234567890123456789\r\n",
	    on_terminal(10, "x", "01234567890123456789"));
	/* Nothing but text gets there. */
	ATF_REQUIRE((safe = table_encode("a\tb\n\x1b[2J\x7f\xff")) != NULL);
	ATF_CHECK_STREQ("a\\tb\\n\\033[2J\\177\\377", safe);
	free(safe);
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		atf_tc_skip("no UTF-8 here");
	/* As wide as it looks; U+202E would turn what follows around. */
	ATF_CHECK_STREQ("ID    CHECKS\r\n\xe9\x8d\xb5\xe9\x8d\xb5  x\r\n",
	    on_terminal(80, "\xe9\x8d\xb5\xe9\x8d\xb5", "x"));
	ATF_REQUIRE((safe = table_encode("sch\xc3\xb6n \xe2\x80\xae x"
	    "\xc2\x9b" "31m \xe9\x8d")) != NULL);
	ATF_CHECK_STREQ("sch\xc3\xb6n \\342\\200\\256 x\\302\\23331m "
	    "\\351\\215", safe);
	free(safe);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, sessions);
	ATF_TP_ADD_TC(tp, silent);
	ATF_TP_ADD_TC(tp, attestation);
	ATF_TP_ADD_TC(tp, certificates);
	ATF_TP_ADD_TC(tp, lockouts);
	ATF_TP_ADD_TC(tp, limits);
	ATF_TP_ADD_TC(tp, monitor);
	ATF_TP_ADD_TC(tp, words);
	ATF_TP_ADD_TC(tp, tables);
	return (atf_no_error());
}

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
 * kbsctl, run as operators run it, against a real control process whose
 * siblings the test plays.
 */

#include "run.h"

/* --- without a daemon ---------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(absent);
ATF_TC_BODY(absent, tc)
{
	const char		*long_name[] = { "-s", NULL, "reload", NULL };
	const char		*plain[] = { "reload", NULL };
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	char			 name[200];
	int			 fd;

	finish(line(NULL, "show status"), KBSCTL_ABSENT);
	check_err("kbsd is not running: no " SOCK " (start it, or name its "
	    "socket with -s)");
	ATF_CHECK_STREQ("", text("out"));
	/* What a kill leaves behind. */
	ATF_REQUIRE((fd = socket(AF_UNIX, SOCK_STREAM, 0)) != -1);
	strlcpy(sun.sun_path, SOCK, sizeof(sun.sun_path));
	ATF_REQUIRE(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	finish(line(NULL, "show status"), KBSCTL_ABSENT);
	check_err("nobody answers at " SOCK);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	long_name[1] = name;
	finish(start(NULL, long_name), KBSCTL_FAILED);
	check_err("too long for a socket");
	/* Where it looks by itself. */
	setenv("XDG_STATE_HOME", "/nonexistent", 1);
	if (access("/run/kbsd/kbsd.sock", F_OK) == -1) {
		finish(start(NULL, plain), KBSCTL_ABSENT);
		check_err(getuid() == 0 ? "no /run/kbsd/kbsd.sock" :
		    "no /nonexistent/kbsd/kbsd.sock");
	}
	close(fd);
}

static const struct {
	const char	*words;
	const char	*err;
} misuses[] = {
	{ "", "usage: kbsctl [-jq] [-s socket] command" },
	{ "-x", "usage:" },
	{ "-s", "usage:" },
	{ "shwo status", "did you mean \"show\"?" },
	{ "frobnicate", "no command \"frobnicate\"\n" },
	{ "show", "show what?\nusage: kbsctl [-jq] [-s socket] show status | "
	    "processes | edges | roots | tcb | keystores | keys | policies | "
	    "exposures | users | sessions | attestation | lockouts | "
	    "certificates | limits\n" },
	{ "show statsu", "no command \"show statsu\": did you mean "
	    "\"status\"?" },
	{ "show p", "\"p\" may be several words\n"
	    "usage: kbsctl [-jq] [-s socket] show processes | policies\n" },
	{ "show status more", "\"more\" is too much" },
	{ "show status -v", "there is no option -v" },
	{ "key create", "-a is missing" },
	{ "key create -a DES", "-a DES: not AES, RSA or EC" },
	{ "key create -a AES -l 100", "100 bits is no length of AES" },
	{ "key create -a RSA -l 1024", "1024 bits is no length of RSA" },
	{ "key create -a AES -l x", "-l x: invalid" },
	{ "key create -a EC -l 256", "-l is for AES and RSA" },
	{ "key create -a EC -c secp112r1", "-c secp112r1: not" },
	{ "key create -a AES -c secp256r1", "-c is for EC" },
	{ "key create -a AES -A", "-A wants -p" },
	{ "key create -a AES -p 1", "\"1\" is not the id of a policy" },
	{ "key create -a", "-a wants something behind it" },
	{ "key create -a AES -aRSA", "-a is there twice" },
	{ "key create -a AES -- -l", "\"-l\" is too much" },
	{ "key register -a AES", "one of -f and -b" },
	{ "key register -a AES -f x -b y", "one of -f and -b" },
	{ "key register -a RSA -b x", "-l is missing" },
	{ "key register -a EC -b x", "-c is missing" },
	{ "key delete x", "\"x\" is not the id of a key" },
	{ "key move " ID_A, "something is missing" },
	{ "key show", "something is missing" },
	{ "user add", "something is missing" },
	{ "user add ann", "which permissions?" },
	{ "user add ann key:create", "did you mean \"keys:create\"?" },
	{ "user add ann frobnicate", "no permission \"frobnicate\"\n" },
	{ "user add a/b all", "\"a/b\" is no user name" },
	{ "user change ann", "nothing is to be changed" },
	{ "user change ann -n a/b", "\"a/b\" is no user name" },
	{ "policy add", "something is missing" },
	{ "policy show x", "\"x\" is not the id of a policy" },
	{ "appraise", "something is missing" },
	{ "appraise a b", "\"b\" is too much" },
	{ "appraise -t soon quote", "-t soon: invalid" },
	{ "apraise quote", "did you mean \"appraise\"?" },
	{ "log", "log what?" },
	{ "log verbos", "kbsd is not running" },
	{ "show sessions -n 0", "-n 0: too small" },
	{ "show sessions -x", "there is no option -x" },
	{ "monitor now", "\"now\" is too much" },
	{ "unlock", "something is missing" },
	{ "unlock a/b", "\"a/b\" is no user name" },
	{ "unlok ann", "did you mean \"unlock\"?" },
	{ "un ann", "\"un\" may be several words" },
	{ "mon", "kbsd is not running" },
	{ "help frob", "no command \"frob\"\n" },
	{ "help montior", "did you mean \"monitor\"?" },
	{ "help show sesions", "did you mean \"sessions\"?" },
	{ "log loud", "no command \"log loud\"" },
};

#define NMISUSES	(sizeof(misuses) / sizeof(misuses[0]))

ATF_TC_WITHOUT_HEAD(usage);
ATF_TC_BODY(usage, tc)
{
	size_t	 i;

	for (i = 0; i < NMISUSES; i++) {
		finish(line(NULL, misuses[i].words),
		    strstr(misuses[i].err, "running") != NULL ?
		    KBSCTL_ABSENT : KBSCTL_USAGE);
		check_err(misuses[i].err);
		ATF_CHECK_STREQ("", text("out"));
	}
}

static const char *
word_nth(size_t i)
{
	static const char *const	 words[] = { "status", "processes",
					    "edges", NULL };

	return (words[i]);
}

ATF_TC_WITHOUT_HEAD(parts);
ATF_TC_BODY(parts, tc)
{
	char	 buf[32];

	ATF_CHECK_STREQ("status", parse_nearest("statsu", word_nth));
	ATF_CHECK_STREQ("status", parse_nearest("tatus", word_nth));
	ATF_CHECK_STREQ("edges", parse_nearest("edgse", word_nth));
	ATF_CHECK_STREQ("processes", parse_nearest("proceses", word_nth));
	ATF_CHECK(parse_nearest("x", word_nth) == NULL);
	ATF_CHECK(parse_nearest("", word_nth) == NULL);
	ATF_CHECK(parse_nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    word_nth) == NULL);
	ATF_CHECK_STREQ("59s", duration(59, buf, sizeof(buf)));
	ATF_CHECK_STREQ("1m0s", duration(60, buf, sizeof(buf)));
	ATF_CHECK_STREQ("1h2m", duration(3720, buf, sizeof(buf)));
	ATF_CHECK_STREQ("2d23h", duration(3 * 86400 - 1, buf, sizeof(buf)));
	ATF_CHECK_STREQ("0s", duration(-5, buf, sizeof(buf)));
}

/* --- tables of the parent ------------------------------------------------ */

static const char *const processes[] = {
	"process", "instance", "pid", "uid", "uptime_seconds", "restarts",
	"sandbox",
	"frontend", "0", "101", "0", "3725", "0", "seccomp landlock:7",
	"frontend", "1", "102", "4294967000", "59", "12", "seccomp",
	"broker", "0", "100", "0", "90061", "0", "\x1b[31mred",
};

static const char *const changes[] = {
	"changed",
	"prefork 3, was 2",
	"keystore \"\033[2J\" added",
};
static const char *const statuses[] = {
	"what", "value",
	"version", "0.1",
	"uptime_seconds", "61",
	"listen", "127.0.0.1 port 9443",
	"listen", "::1 port 9443",
};

static const char *const edge_rows[] = {
	"from", "instance", "to", "to_instance",
	"broker", "0", "frontend", "0",
	"broker", "0", "frontend", "1",
	"broker", "0", "control", "0",
};

ATF_TC_WITHOUT_HEAD(show);
ATF_TC_BODY(show, tc)
{
	struct fixture	 f;
	json_t		*j;
	pid_t		 pid;

	fixture_start(&f);
	pid = line(NULL, "show processes");
	reply(&f, commanded(&f, COMMAND_PROCESSES, 0), "", 7, 3, processes);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ(
	    "PROCESS     PID  USER        UPTIME  RESTARTS  SANDBOX\n"
	    "frontend 0  101  root        1h2m    0         "
	    "seccomp landlock:7\n"
	    "frontend 1  102  4294967000  59s     12        seccomp\n"
	    "broker      100  root        1d1h    0         \\033[31mred\n",
	    text("out"));
	/* Cut words, no headings. */
	pid = line(NULL, "-q sh st");
	reply(&f, commanded(&f, COMMAND_STATUS, 0), "", 2, 4, statuses);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("version  0.1\nuptime   1m1s\n"
	    "listen   127.0.0.1 port 9443\nlisten   ::1 port 9443\n",
	    text("out"));
	pid = line(NULL, "-q s ed");
	reply(&f, commanded(&f, COMMAND_EDGES, 0), "", 4, 3, edge_rows);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("broker  frontend 0\nbroker  frontend 1\n"
	    "broker  control\n", text("out"));
	/* For programs. */
	pid = line(NULL, "-j show processes");
	reply(&f, commanded(&f, COMMAND_PROCESSES, 0), "", 7, 3, processes);
	finish(pid, KBSCTL_DONE);
	j = json();
	ATF_CHECK_EQ(3, json_array_size(j));
	ATF_CHECK_EQ(102, json_integer_value(json_object_get(json_array_get(j,
	    1), "pid")));
	ATF_CHECK_STREQ("\x1b[31mred", json_string_value(json_object_get(
	    json_array_get(j, 2), "sandbox")));
	json_decref(j);
	pid = line(NULL, "-j show status");
	reply(&f, commanded(&f, COMMAND_STATUS, 0), "", 2, 4, statuses);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("{\"version\":\"0.1\",\"uptime_seconds\":61,"
	    "\"listen\":[\"127.0.0.1 port 9443\",\"::1 port 9443\"]}\n",
	    text("out"));
	pid = line(NULL, "-j show edges");
	reply(&f, commanded(&f, COMMAND_EDGES, 0), "", 4, 3, edge_rows);
	finish(pid, KBSCTL_DONE);
	j = json();
	ATF_CHECK_EQ(3, json_array_size(j));
	json_decref(j);
	fixture_end(&f);
}

ATF_TC_WITHOUT_HEAD(daemon);
ATF_TC_BODY(daemon, tc)
{
	static const char *const	 words[] = { "brief", "v", "trace" };
	struct fixture			 f;
	char				 buf[32];
	pid_t				 pid;
	uint8_t				 i;

	fixture_start(&f);
	for (i = 0; i < 3; i++) {
		snprintf(buf, sizeof(buf), "l %s", words[i]);
		pid = line(NULL, buf);
		reply(&f, commanded(&f, COMMAND_VERBOSE, i), "", 0, 0, NULL);
		finish(pid, KBSCTL_DONE);
		ATF_CHECK_STREQ("", text("out"));
	}
	pid = line(NULL, "reload");
	reply(&f, commanded(&f, COMMAND_RELOAD, 0), "", 1, 2, changes);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("prefork 3, was 2\nkeystore \"\\033[2J\" added\n",
	    text("out"));
	pid = line(NULL, "-q rel");
	reply(&f, commanded(&f, COMMAND_RELOAD, 0), "", 1, 2, changes);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("", text("out"));
	pid = line(NULL, "-j reload");
	reply(&f, commanded(&f, COMMAND_RELOAD, 0), "", 1, 1, changes);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("[{\"changed\":\"prefork 3, was 2\"}]\n",
	    text("out"));
	pid = line(NULL, "-j reload");
	reply(&f, commanded(&f, COMMAND_RELOAD, 0), "the configuration has "
	    "errors", 0, 0, NULL);
	finish(pid, KBSCTL_FAILED);
	ATF_CHECK_STREQ("{\"error\":\"the configuration has errors\","
	    "\"status\":500}\n", text("out"));
	ATF_CHECK_STREQ("kbsctl: the configuration has errors\n",
	    text("err"));
	fixture_end(&f);
}

/* --- users --------------------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(users);
ATF_TC_BODY(users, tc)
{
	struct fixture	 f;
	struct asked	 a;
	struct wbuf	 w = { 0 };
	pid_t		 pid;

	fixture_start(&f);
	pid = line(NULL, "show users");
	asked(&f, OP_USER_SEARCH, &a);
	user_record(&w, "ann", PERM_ALL);
	user_record(&w, "bob@example.org", PERM_KEYS_CREATE |
	    PERM_POLICIES_SEARCH);
	answer(&f, a.number, 200, "", ANSWER_USERS, 2, &w);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ(
	    "ID                                    NAME             "
	    "CREATED               PERMISSIONS\n"
	    ID_A "  ann              2026-12-01T00:00:00Z  all\n"
	    ID_A "  bob@example.org  2026-12-01T00:00:00Z  "
	    "keys:create,key_transfer_policies:search\n", text("out"));
	/* The password from standard input, and only there. */
	pid = line("correct horse\nmore", "user add ann all");
	asked(&f, OP_USER_CREATE, &a);
	ATF_CHECK_STREQ("correct horse", a.password);
	ATF_CHECK_STREQ("ann", a.ask.name);
	ATF_CHECK_EQ(PERM_ALL, a.ask.permissions);
	user_record(&w, "ann", PERM_ALL);
	answer(&f, a.number, 201, "", ANSWER_USER, 1, &w);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ(ID_A "\n", text("out"));
	/* From a file, options behind. */
	file("pw", "battery staple", 14);
	pid = line(NULL, "-j user add bob keys:create "
	    "key-transfer-policies:search -p pw");
	asked(&f, OP_USER_CREATE, &a);
	ATF_CHECK_STREQ("battery staple", a.password);
	ATF_CHECK_EQ(PERM_KEYS_CREATE | PERM_POLICIES_SEARCH,
	    a.ask.permissions);
	answer(&f, a.number, 400, "the name is taken", ANSWER_NONE, 0, NULL);
	finish(pid, KBSCTL_FAILED);
	ATF_CHECK_STREQ("{\"error\":\"the name is taken\",\"status\":400}\n",
	    text("out"));
	ATF_CHECK_STREQ("kbsctl: the name is taken\n", text("err"));
	fixture_end(&f);
}

/* People name users, kbsd wants ids. */
ATF_TC_WITHOUT_HEAD(user_by_name);
ATF_TC_BODY(user_by_name, tc)
{
	struct fixture	 f;
	struct asked	 a;
	struct wbuf	 w = { 0 };
	pid_t		 pid;

	fixture_start(&f);
	pid = line(NULL, "user delete ann");
	asked(&f, OP_USER_SEARCH, &a);
	ATF_CHECK_EQ(FILTER_NAME, a.ask.filter);
	ATF_CHECK_STREQ("ann", a.ask.name);
	user_record(&w, "ann", PERM_ALL);
	answer(&f, a.number, 200, "", ANSWER_USERS, 1, &w);
	asked(&f, OP_USER_DELETE, &a);
	ATF_CHECK(uuid_cmp(&id_a, &a.ask.id) == 0);
	answer(&f, a.number, 204, "", ANSWER_NONE, 0, NULL);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("", text("out"));
	pid = line(NULL, "user delete eve");
	asked(&f, OP_USER_SEARCH, &a);
	answer(&f, a.number, 200, "", ANSWER_USERS, 0, NULL);
	finish(pid, KBSCTL_FAILED);
	ATF_CHECK_STREQ("kbsctl: no such user\n", text("err"));
	pid = line("another password\n", "user change -p - " ID_A
	    " -n eve keys:search");
	asked(&f, OP_USER_UPDATE, &a);
	ATF_CHECK_STREQ("another password", a.password);
	ATF_CHECK_STREQ("eve", a.ask.name);
	ATF_CHECK_EQ(PERM_KEYS_SEARCH, a.ask.permissions);
	user_record(&w, "eve", PERM_KEYS_SEARCH);
	answer(&f, a.number, 200, "", ANSWER_USER, 1, &w);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("", text("out"));
	pid = line(NULL, "-q user show " ID_A);
	asked(&f, OP_USER_FIND, &a);
	user_record(&w, "eve", PERM_KEYS_SEARCH);
	answer(&f, a.number, 200, "", ANSWER_USER, 1, &w);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ(ID_A "  eve   2026-12-01T00:00:00Z  keys:search\n",
	    text("out"));
	fixture_end(&f);
}

ATF_TC_WITHOUT_HEAD(passwords);
ATF_TC_BODY(passwords, tc)
{
	char	 pw[PASSWORD_MAX + 3];

	finish(line("short\n", "user add ann all"), KBSCTL_FAILED);
	check_err("shorter than 9 bytes");
	finish(line("", "user add ann all"), KBSCTL_FAILED);
	check_err("shorter than 9 bytes");
	memset(pw, 'a', sizeof(pw));
	pw[PASSWORD_MAX + 1] = '\0';
	finish(line(pw, "user add ann all"), KBSCTL_FAILED);
	check_err("not a password");
	pw[PASSWORD_MAX] = '\n';
	finish(line(pw, "user add ann all"), KBSCTL_ABSENT);
	finish(line("correct\xffhorse\n", "user add ann all"),
	    KBSCTL_FAILED);
	check_err("not UTF-8");
	file("pw", "correct\0horse", 13);
	finish(line(NULL, "user add ann all -p pw"), KBSCTL_FAILED);
	check_err("pw: not a password");
	finish(line(NULL, "user add ann all -p nothing"), KBSCTL_FAILED);
	check_err("nothing: No such file");
}

/* --- policies ------------------------------------------------------------ */

ATF_TC_WITHOUT_HEAD(policies);
ATF_TC_BODY(policies, tc)
{
	struct fixture	 f;
	struct asked	 a;
	struct wbuf	 w = { 0 };
	char		*shown;
	pid_t		 pid;

	fixture_start(&f);
	file("policy", POLICY, strlen(POLICY));
	pid = line(NULL, "policy add policy");
	asked(&f, OP_POLICY_CREATE, &a);
	ATF_CHECK(strstr(a.text, "\"isvsvn\":1") != NULL);
	policy_record(&w, POLICY);
	answer(&f, a.number, 201, "", ANSWER_POLICY, 1, &w);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ(ID_B "\n", text("out"));
	pid = line(NULL, "show policies");
	asked(&f, OP_POLICY_SEARCH, &a);
	policy_record(&w, POLICY);
	answer(&f, a.number, 200, "", ANSWER_POLICIES, 1, &w);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ(
	    "ID                                    TYPES  "
	    "CREATED               CHECKS\n"
	    ID_B "  SGX    2026-12-01T00:00:00Z  sgx.mrenclave,sgx.isvsvn\n",
	    text("out"));
	/* What is shown can be added again. */
	pid = line(NULL, "policy show " ID_B);
	asked(&f, OP_POLICY_FIND, &a);
	policy_record(&w, POLICY);
	answer(&f, a.number, 200, "", ANSWER_POLICY, 1, &w);
	finish(pid, KBSCTL_DONE);
	ATF_REQUIRE((shown = strdup(text("out"))) != NULL);
	ATF_CHECK(strstr(shown, "\n  \"id\": \"" ID_B "\"") != NULL);
	pid = line(shown, "policy add -");
	asked(&f, OP_POLICY_CREATE, &a);
	ATF_CHECK_STREQ(POLICY, a.text);
	answer(&f, a.number, 503, "no", ANSWER_NONE, 0, NULL);
	finish(pid, KBSCTL_FAILED);
	free(shown);
	pid = line(NULL, "-j policy list");
	asked(&f, OP_POLICY_SEARCH, &a);
	answer(&f, a.number, 200, "", ANSWER_POLICIES, 0, NULL);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("[]\n", text("out"));
	pid = line(NULL, "policy delete " ID_B);
	asked(&f, OP_POLICY_DELETE, &a);
	answer(&f, a.number, 400, "a key uses this policy", ANSWER_NONE, 0,
	    NULL);
	finish(pid, KBSCTL_FAILED);
	ATF_CHECK_STREQ("kbsctl: a key uses this policy\n", text("err"));
	/* What is wrong is said by whom it can be. */
	finish(line("{\"sgx\":", "policy add -"), KBSCTL_FAILED);
	check_err("-: ");
	finish(line("[]", "policy add -"), KBSCTL_FAILED);
	check_err("not an object");
	finish(line(NULL, "policy add -"), KBSCTL_FAILED);
	check_err("standard input: empty");
	finish(line(NULL, "policy add nothing"), KBSCTL_FAILED);
	check_err("nothing: No such file");
	finish(line("{\"attestation_type\":\"SGX\",\"sgx\":{}}",
	    "policy add -"), KBSCTL_FAILED);
	check_err("it would match every enclave");
	fixture_end(&f);
}

/* --- keys ---------------------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(keys);
ATF_TC_BODY(keys, tc)
{
	struct fixture	 f;
	struct asked	 a;
	struct wbuf	 w = { 0 };
	json_t		*j;
	pid_t		 pid;

	fixture_start(&f);
	pid = line(NULL, "show keys");
	asked(&f, OP_KEY_SEARCH, &a);
	ATF_CHECK_EQ(0, a.ask.filter);
	key_record(&w, &id_a, ALG_AES);
	key_record(&w, &id_b, ALG_EC);
	answer(&f, a.number, 200, "", ANSWER_KEYS, 2, &w);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ(
	    "ID                                    KIND          KEYSTORE  "
	    "POLICY                                NOTES          CREATED\n"
	    ID_A "  AES 256       local     " ID_B "  attested-only  "
	    "2026-12-01T00:00:00Z\n"
	    ID_B "  EC secp256r1  local     -                             "
	    "        deleting       2026-12-01T00:00:00Z\n", text("out"));
	pid = line(NULL, "-j key list -a aes -l 256 -p " ID_B);
	asked(&f, OP_KEY_SEARCH, &a);
	ATF_CHECK_EQ(FILTER_ALGORITHM | FILTER_LENGTH | FILTER_POLICY,
	    a.ask.filter);
	key_record(&w, &id_a, ALG_AES);
	key_record(&w, &id_b, ALG_RSA);
	answer(&f, a.number, 200, "", ANSWER_KEYS, 2, &w);
	finish(pid, KBSCTL_DONE);
	j = json();
	ATF_CHECK_EQ(2, json_array_size(j));
	ATF_CHECK_STREQ("local", json_string_value(json_object_get(
	    json_array_get(j, 1), "keystore")));
	json_decref(j);
	pid = line(NULL, "key create -a aes -A -k vault -p " ID_B);
	asked(&f, OP_KEY_CREATE, &a);
	ATF_CHECK_EQ(256, a.ask.length);
	ATF_CHECK_EQ(KEY_ATTESTED_ONLY, a.ask.flags);
	ATF_CHECK_STREQ("vault", a.ask.keystore);
	ATF_CHECK(uuid_cmp(&id_b, &a.ask.policy) == 0);
	key_record(&w, &id_a, ALG_AES);
	answer(&f, a.number, 201, "", ANSWER_KEY, 1, &w);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ(ID_A "\n", text("out"));
	pid = line(NULL, "key create -aEC");
	asked(&f, OP_KEY_CREATE, &a);
	ATF_CHECK_EQ(CURVE_P256, a.ask.curve);
	answer(&f, a.number, 502, "the keystore can't be used", ANSWER_NONE,
	    0, NULL);
	finish(pid, KBSCTL_FAILED);
	pid = line(NULL, "key move " ID_A " " ID_B);
	asked(&f, OP_KEY_MOVE, &a);
	ATF_CHECK(uuid_cmp(&id_b, &a.ask.policy) == 0);
	key_record(&w, &id_a, ALG_AES);
	answer(&f, a.number, 201, "", ANSWER_KEY, 1, &w);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("", text("out"));
	pid = line(NULL, "-j key delete " ID_A);
	asked(&f, OP_KEY_DELETE, &a);
	answer(&f, a.number, 204, "", ANSWER_NONE, 0, NULL);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ("{\"ok\":true}\n", text("out"));
	pid = line(NULL, "key show " ID_A);
	asked(&f, OP_KEY_FIND, &a);
	answer(&f, a.number, 404, "no \x1b[31msuch key", ANSWER_NONE, 0,
	    NULL);
	finish(pid, KBSCTL_FAILED);
	ATF_CHECK(strchr(text("err"), '\x1b') == NULL);
	fixture_end(&f);
}

static void
expect_material(struct fixture *f, const void *data, size_t len)
{
	struct asked	 a;
	struct rbuf	 r;
	struct wbuf	 w = { 0 };
	const uint8_t	*bytes;
	size_t		 n;

	peer_recv(f->maker, IMSG_MAKER_MATERIAL, &r, AGES);
	(void)rb_u64(&r);
	bytes = rb_bytes(&r, &n, 0, MATERIAL_MAX);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	ATF_REQUIRE_EQ(len, n);
	ATF_CHECK(memcmp(bytes, data, len) == 0);
	asked(f, OP_KEY_REGISTER, &a);
	key_record(&w, &id_a, ALG_AES);
	answer(f, a.number, 201, "", ANSWER_KEY, 1, &w);
}

ATF_TC_WITHOUT_HEAD(registered);
ATF_TC_BODY(registered, tc)
{
	static const char	 pem[] = "-----BEGIN PRIVATE KEY-----\nMAA=\n"
				    "-----END PRIVATE KEY-----\n";
	struct fixture		 f;
	struct asked		 a;
	uint8_t			 raw[32], big[MATERIAL_MAX + 1];
	pid_t			 pid;
	int			 i;

	fixture_start(&f);
	for (i = 0; i < 32; i++)
		raw[i] = (uint8_t)(i * 37);	/* a NUL, newlines, all */
	file("raw", raw, sizeof(raw));
	pid = line(NULL, "key register -a AES -f raw");
	expect_material(&f, raw, sizeof(raw));
	finish(pid, KBSCTL_DONE);
	ATF_CHECK_STREQ(ID_A "\n", text("out"));
	pid = line(pem, "key register -a RSA -l 2048 -f -");
	expect_material(&f, pem, sizeof(pem) - 1);
	finish(pid, KBSCTL_DONE);
	pid = line(pem, "key register -a EC -c prime256v1 -f -");
	expect_material(&f, pem, sizeof(pem) - 1);
	finish(pid, KBSCTL_DONE);
	pid = line(NULL, "key register -a AES -l 128 -b 17");
	asked(&f, OP_KEY_REGISTER, &a);
	ATF_CHECK_STREQ("17", a.ask.backend);
	ATF_CHECK_EQ(0, a.ask.has_material);
	answer(&f, a.number, 400, "no such key there", ANSWER_NONE, 0, NULL);
	finish(pid, KBSCTL_FAILED);
	file("raw", raw, 31);
	finish(line(NULL, "key register -a AES -f raw"), KBSCTL_USAGE);
	check_err("-l is missing");
	finish(line(NULL, "key register -a AES -l 256 -f raw"),
	    KBSCTL_FAILED);
	check_err("is not of 256 bits");
	memset(big, 'a', sizeof(big));
	file("big", big, sizeof(big));
	finish(line(NULL, "key register -a RSA -l 2048 -f big"),
	    KBSCTL_FAILED);
	check_err("big: more than 16384 bytes");
	ATF_CHECK(peer_silent(f.maker, 50));
	fixture_end(&f);
}

/* --- who answers may be anybody ------------------------------------------ */

static const struct {
	const char	*answer;
	const char	*err;
} strangers[] = {
	{ "", "closed the connection" },
	{ "{\"ok\":tru", "closed the connection" },
	{ "garbage\n", "makes no sense" },
	{ "[]\n", "makes no sense" },
	{ "\n", "makes no sense" },
	{ "{\"ok\":1}\n", "closed the connection" },
	{ "{\"ok\":false}\n", "refused" },
	{ "{\"ok\":false,\"error\":7,\"status\":\"x\"}\n", "refused" },
	{ "{\"row\":[1,2]}\n{\"columns\":7}\n{\"row\":{}}\n{\"ok\":false}\n",
	    "refused" },
	{ NULL, "too long" },
};

/* Objects that are not what they should be: no harm, whatever is printed. */
static const struct {
	const char	*words;
	const char	*answer;
	int		 code;
} odd[] = {
	{ "show keys", "{\"key\":{}}\n{\"key\":{\"key_info\":7}}\n"
	    "{\"ok\":true}\n", KBSCTL_DONE },
	{ "show keys", "{\"key\":[]}\n{\"ok\":true}\n", KBSCTL_FAILED },
	{ "show keys", "{\"key\":{}}\n{\"user\":{}}\n{\"ok\":true}\n",
	    KBSCTL_FAILED },
	{ "show policies", "{\"policy\":{\"attestation_type\":[7],"
	    "\"sgx\":[],\"tdx\":{\"attributes\":7,\"policy_ids\":8}}}\n"
	    "{\"ok\":true}\n", KBSCTL_DONE },
	{ "show users", "{\"user\":{\"permissions\":[7]}}\n"
	    "{\"ok\":true}\n", KBSCTL_DONE },
	{ "policy show " ID_A, "{\"policy\":7}\n{\"ok\":true}\n",
	    KBSCTL_FAILED },
	{ "policy show " ID_A, "{\"ok\":true}\n", KBSCTL_FAILED },
	{ "key create -a AES", "{\"ok\":true}\n", KBSCTL_FAILED },
	{ "user delete ann", "{\"user\":{\"id\":7}}\n{\"ok\":true}\n",
	    KBSCTL_FAILED },
	{ "user delete ann", "{\"user\":{\"id\":\"x\"}}\n{\"ok\":true}\n"
	    "{\"ok\":true}\n", KBSCTL_DONE },
};

#define NODD		(sizeof(odd) / sizeof(odd[0]))
#define NSTRANGERS	(sizeof(strangers) / sizeof(strangers[0]))

ATF_TC_WITHOUT_HEAD(stranger);
ATF_TC_BODY(stranger, tc)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	static char		 spaces[65536];
	const char		*p;
	char			 buf[256];
	pid_t			 pid;
	size_t			 i;
	int			 fd, sock;

	ATF_REQUIRE((sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC,
	    0)) != -1);
	strlcpy(sun.sun_path, SOCK, sizeof(sun.sun_path));
	ATF_REQUIRE(bind(sock, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	ATF_REQUIRE(listen(sock, 8) == 0);
	memset(spaces, ' ', sizeof(spaces));
	for (i = 0; i < NSTRANGERS; i++) {
		pid = line(NULL, "show processes");
		ATF_REQUIRE((fd = accept(sock, NULL, NULL)) != -1);
		ATF_REQUIRE(recv(fd, buf, sizeof(buf), 0) > 0);
		if ((p = strangers[i].answer) != NULL)
			(void)send(fd, p, strlen(p), MSG_NOSIGNAL);
		else
			while (send(fd, spaces, sizeof(spaces),
			    MSG_NOSIGNAL) > 0)
				continue;
		close(fd);
		finish(pid, KBSCTL_FAILED);
		check_err(strangers[i].err);
	}
	/* A table that is none prints nothing that could harm. */
	pid = line(NULL, "show processes");
	ATF_REQUIRE((fd = accept(sock, NULL, NULL)) != -1);
	p = "{\"columns\":[\"process\",7,\"pid\"]}\n{\"row\":[]}\n"
	    "{\"row\":[1,2,3,4]}\n{\"row\":\"x\"}\n{\"key\":7}\n"
	    "{\"ok\":true}\n";
	ATF_REQUIRE(recv(fd, buf, sizeof(buf), 0) > 0);
	(void)send(fd, p, strlen(p), MSG_NOSIGNAL);
	finish(pid, KBSCTL_DONE);
	close(fd);
	for (i = 0; i < NODD; i++) {
		pid = line(NULL, odd[i].words);
		ATF_REQUIRE((fd = accept(sock, NULL, NULL)) != -1);
		ATF_REQUIRE(recv(fd, buf, sizeof(buf), 0) > 0);
		p = odd[i].answer;
		(void)send(fd, p, strlen(p), MSG_NOSIGNAL);
		finish(pid, odd[i].code);
		close(fd);
	}
	close(sock);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, absent);
	ATF_TP_ADD_TC(tp, usage);
	ATF_TP_ADD_TC(tp, parts);
	ATF_TP_ADD_TC(tp, show);
	ATF_TP_ADD_TC(tp, daemon);
	ATF_TP_ADD_TC(tp, users);
	ATF_TP_ADD_TC(tp, user_by_name);
	ATF_TP_ADD_TC(tp, passwords);
	ATF_TP_ADD_TC(tp, policies);
	ATF_TP_ADD_TC(tp, keys);
	ATF_TP_ADD_TC(tp, registered);
	ATF_TP_ADD_TC(tp, stranger);
	return (atf_no_error());
}

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
 * kbsctl backup while kbsd is changed under it, and when it ends too early:
 * nothing of it is left then, and the same path can be used again.
 */

#include "run.h"

#define BACKUP	"backup all"

static int
is_there(const char *path)
{
	return (access(path, F_OK) == 0);
}

/* A list, with one or none in it. */
static void
list(struct fixture *f, enum operation op, enum answer_kind kind, int n)
{
	struct asked	 a;
	struct wbuf	 w = { 0 };

	asked(f, op, &a);
	if (n > 0 && kind == ANSWER_USERS)
		user_record(&w, "ann", PERM_ALL);
	else if (n > 0)
		key_record(&w, &id_b, ALG_RSA);
	answer(f, a.number, 200, "", kind, (uint32_t)n, &w);
}

static void
lists(struct fixture *f, int users, int keys)
{
	list(f, OP_POLICY_SEARCH, ANSWER_POLICIES, 0);
	list(f, OP_USER_SEARCH, ANSWER_USERS, users);
	list(f, OP_KEY_SEARCH, ANSWER_KEYS, keys);
}

static void
refuse(struct fixture *f, enum operation op, unsigned int status,
    const char *error)
{
	struct asked	 a;

	asked(f, op, &a);
	ATF_CHECK(is_there("all.part"));
	answer(f, a.number, status, error, ANSWER_NONE, 0, NULL);
}

static void
seal_user(struct fixture *f)
{
	struct asked	 a;
	struct wbuf	 w = { 0 };

	asked(f, OP_USER_BACKUP, &a);
	ATF_CHECK(uuid_cmp(&id_a, &a.ask.id) == 0);
	wb_bytes(&w, "sealed", 6);
	answer(f, a.number, 200, "", ANSWER_SEALED, 1, &w);
}

static void
check_nothing(void)
{
	ATF_CHECK(!is_there("all"));
	ATF_CHECK(!is_there("all.part"));
}

/* --- changed meanwhile --------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(changed);
ATF_TC_BODY(changed, tc)
{
	struct fixture	 f;
	pid_t		 pid;

	fixture_start(&f);
	pid = line(NULL, BACKUP);
	/* A user is deleted, then a key, then the next one is about to be. */
	lists(&f, 1, 1);
	refuse(&f, OP_USER_BACKUP, 404, "no such user");
	lists(&f, 0, 1);
	lists(&f, 0, 1);
	refuse(&f, OP_KEY_BACKUP, 404, "no such key");
	lists(&f, 0, 0);
	lists(&f, 1, 1);
	seal_user(&f);
	refuse(&f, OP_KEY_BACKUP, 503, "the key is being changed");
	lists(&f, 1, 0);
	lists(&f, 1, 0);
	seal_user(&f);
	lists(&f, 1, 0);
	finish(pid, KBSCTL_DONE);
	ATF_CHECK(strstr(text("out"), "0 policies, 1 users, 0 keys in 0 "
	    "versions\n") != NULL);
	ATF_CHECK_STREQ("", text("err"));
	ATF_CHECK(strstr(text("all"), "\"sealed\":\"c2VhbGVk\"") != NULL);
	ATF_CHECK(!is_there("all.part"));
	fixture_end(&f);
}

/* Nothing changed: another try would end as this one. */
ATF_TC_WITHOUT_HEAD(refused);
ATF_TC_BODY(refused, tc)
{
	struct fixture	 f;
	pid_t		 pid;

	fixture_start(&f);
	pid = line(NULL, BACKUP);
	lists(&f, 0, 1);
	refuse(&f, OP_KEY_BACKUP, 404, "no such version of the key");
	lists(&f, 0, 1);
	finish(pid, KBSCTL_FAILED);
	ATF_CHECK_STREQ("kbsctl: key backup " ID_B ": no such version of the "
	    "key\n", text("err"));
	check_nothing();
	fixture_end(&f);
}

/* --- ended too early ----------------------------------------------------- */

/* Up to where the file is begun; it waits for the user. */
static pid_t
begun(struct fixture *f, struct asked *a)
{
	pid_t	 pid;

	pid = line(NULL, BACKUP);
	lists(f, 1, 0);
	asked(f, OP_USER_BACKUP, a);
	ATF_CHECK(is_there("all.part"));
	return (pid);
}

ATF_TC_WITHOUT_HEAD(cut);
ATF_TC_BODY(cut, tc)
{
	struct fixture	 f;
	struct asked	 a;
	pid_t		 pid;

	fixture_start(&f);
	/* What is in the way is not removed: it may be another's. */
	file("all.part", "", 0);
	pid = line(NULL, BACKUP);
	lists(&f, 1, 0);
	finish(pid, KBSCTL_FAILED);
	check_err("all.part: File exists");
	ATF_CHECK(is_there("all.part"));
	ATF_REQUIRE(unlink("all.part") == 0);
	/* A list is refused behind it. */
	pid = line(NULL, BACKUP);
	lists(&f, 1, 0);
	seal_user(&f);
	refuse(&f, OP_POLICY_SEARCH, 503, "busy");
	finish(pid, KBSCTL_FAILED);
	check_nothing();
	pid = begun(&f, &a);
	fixture_end(&f);
	finish(pid, KBSCTL_FAILED);
	check_err("kbsd closed the connection");
	check_nothing();
}

ATF_TC_WITHOUT_HEAD(stopped);
ATF_TC_BODY(stopped, tc)
{
	static const int	 signals[] = { SIGHUP, SIGINT, SIGTERM };
	struct fixture		 f;
	struct asked		 a;
	pid_t			 pid;
	size_t			 i;
	int			 status;

	fixture_start(&f);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		signal(signals[i], SIG_DFL);
		pid = begun(&f, &a);
		ATF_REQUIRE(kill(pid, signals[i]) == 0);
		ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
		ATF_CHECK(WIFSIGNALED(status) &&
		    WTERMSIG(status) == signals[i]);
		check_nothing();
	}
	/* As nohup(1) does it. */
	signal(SIGHUP, SIG_IGN);
	pid = begun(&f, &a);
	ATF_REQUIRE(kill(pid, SIGHUP) == 0);
	answer(&f, a.number, 400, "no", ANSWER_NONE, 0, NULL);
	lists(&f, 1, 0);
	finish(pid, KBSCTL_FAILED);
	check_nothing();
	fixture_end(&f);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, changed);
	ATF_TP_ADD_TC(tp, refused);
	ATF_TP_ADD_TC(tp, cut);
	ATF_TP_ADD_TC(tp, stopped);
	return (atf_no_error());
}

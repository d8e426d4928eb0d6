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

/* Log lines: what goes to the parent, what to stderr, and what is lost. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static int	 saved_stderr = -1;

/* Descriptor 2 becomes one end; the other is returned. */
static int
parent_open(int buffer)
{
	int	 sv[2];

	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
	if (buffer > 0)
		ATF_REQUIRE_EQ(0, setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF,
		    &buffer, sizeof(buffer)));
	saved_stderr = dup(STDERR_FILENO);
	ATF_REQUIRE(dup2(sv[0], STDERR_FILENO) != -1);
	close(sv[0]);
	log_init(LOG_TO_PARENT, "test");
	return (sv[1]);
}

static void
parent_close(int fd)
{
	ATF_REQUIRE(dup2(saved_stderr, STDERR_FILENO) != -1);
	close(saved_stderr);
	close(fd);
}

/* The next datagram, or "" when there is none. */
static const char *
next(int fd)
{
	static char	 line[2 * LOG_LINE_MAX];
	ssize_t		 n;

	n = recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT);
	line[n > 0 ? n : 0] = '\0';
	return (line);
}

ATF_TC_WITHOUT_HEAD(levels);
ATF_TC_BODY(levels, tc)
{
	int	 fd;

	fd = parent_open(0);
	log_info("one %d", 1);
	ATF_CHECK_STREQ("6one 1", next(fd));
	log_warnx("two");
	ATF_CHECK_STREQ("4two", next(fd));
	log_alert("three");
	ATF_CHECK_STREQ("1three", next(fd));
	errno = ENOENT;
	log_warn("%s", "four");
	ATF_CHECK_STREQ("4four: No such file or directory", next(fd));
	ATF_CHECK_EQ(ENOENT, errno);
	/* what is foreign goes as it is: the parent encodes */
	log_info("%s", "\033[1m\n");
	ATF_CHECK_STREQ("6\033[1m\n", next(fd));
	parent_close(fd);
}

ATF_TC_WITHOUT_HEAD(verbose);
ATF_TC_BODY(verbose, tc)
{
	int	 fd, v;

	fd = parent_open(0);
	for (v = 0; v <= 2; v++) {
		log_setverbose(v);
		ATF_CHECK_EQ(v, log_getverbose());
		log_debug("debug");
		ATF_CHECK_STREQ(v >= 1 ? "7debug" : "", next(fd));
		log_trace("trace");
		ATF_CHECK_STREQ(v >= 2 ? "7trace" : "", next(fd));
		log_info("info");
		ATF_CHECK_STREQ("6info", next(fd));
	}
	parent_close(fd);
}

ATF_TC_WITHOUT_HEAD(long_line);
ATF_TC_BODY(long_line, tc)
{
	static char	 text[3 * LOG_LINE_MAX];
	int		 fd;

	fd = parent_open(0);
	memset(text, 'x', sizeof(text) - 1);
	log_warnx("%s", text);
	ATF_CHECK(strlen(next(fd)) >= LOG_LINE_MAX - 2);
	errno = EIO;
	log_warn("%s", text);
	ATF_CHECK(strlen(next(fd)) <= LOG_LINE_MAX);
	ATF_CHECK_STREQ("", next(fd));
	parent_close(fd);
}

/* A parent that does not read costs lines, never time. */
ATF_TC_WITHOUT_HEAD(full);
ATF_TC_BODY(full, tc)
{
	unsigned long	 lost;
	char		 want[64];
	int		 fd, got = 0, i;

	fd = parent_open(4096);
	alarm(20);
	for (i = 0; i < 5000; i++) {
		errno = EBADMSG;
		log_info("line %d", i);
		ATF_REQUIRE_EQ(EBADMSG, errno);
	}
	lost = log_dropped();
	ATF_CHECK(lost > 0 && lost < 5000);
	while (next(fd)[0] != '\0')
		got++;
	ATF_CHECK_EQ(5000, got + (int)lost);
	log_info("again");
	snprintf(want, sizeof(want), "4%lu log lines lost", lost);
	ATF_CHECK_STREQ(want, next(fd));
	ATF_CHECK_STREQ("6again", next(fd));
	log_info("once");
	ATF_CHECK_STREQ("6once", next(fd));
	ATF_CHECK_EQ(lost, log_dropped());
	parent_close(fd);
}

/* Nobody at the other end is no reason to die. */
ATF_TC_WITHOUT_HEAD(gone);
ATF_TC_BODY(gone, tc)
{
	int	 fd;

	fd = parent_open(0);
	close(fd);
	log_info("to nobody");
	ATF_CHECK_EQ(1, log_dropped());
	parent_close(-1);
}

ATF_TC_WITHOUT_HEAD(to_stderr);
ATF_TC_BODY(to_stderr, tc)
{
	char	 line[4096];
	ssize_t	 n;
	int	 p[2];

	ATF_REQUIRE_EQ(0, pipe(p));
	saved_stderr = dup(STDERR_FILENO);
	ATF_REQUIRE(dup2(p[1], STDERR_FILENO) != -1);
	log_init(LOG_TO_STDERR, "kbsctl");
	log_info("a \033[1m\nb \\ \"%s\"", "c\xff");
	log_init(LOG_TO_PARENT, NULL);		/* but there is no socket */
	log_info("plain");
	ATF_REQUIRE(dup2(saved_stderr, STDERR_FILENO) != -1);
	close(p[1]);
	n = read(p[0], line, sizeof(line) - 1);
	ATF_REQUIRE(n > 0);
	line[n] = '\0';
	ATF_CHECK_STREQ("kbsctl: a \\^[[1m\\nb \\\\ \"c\\M^?\"\nplain\n", line);
	close(p[0]);
}

static char	 sunk[128];

static void
sink(int level, const char *name, const char *text)
{
	snprintf(sunk, sizeof(sunk), "%d %s %s", level, name, text);
	/* must not come back here */
	log_debug("from the sink");
}

ATF_TC_WITHOUT_HEAD(own_sink);
ATF_TC_BODY(own_sink, tc)
{
	int	 fd;

	fd = parent_open(0);
	log_setverbose(1);
	log_setsink(sink);
	log_warnx("text");
	ATF_CHECK_STREQ("4 test text", sunk);
	ATF_CHECK_STREQ("7from the sink", next(fd));
	log_setsink(NULL);
	parent_close(fd);
}

ATF_TC_WITHOUT_HEAD(fatal_exit);
ATF_TC_BODY(fatal_exit, tc)
{
	pid_t	 pid;
	int	 fd, i, status;

	for (i = 0; i < 2; i++) {
		fd = parent_open(0);
		ATF_REQUIRE((pid = fork()) != -1);
		if (pid == 0) {
			errno = EIO;
			if (i == 0)
				fatal("disk");
			fatalx("disk");
		}
		ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
		ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
		ATF_CHECK_STREQ(i == 0 ? "2fatal: disk: Input/output error" :
		    "2fatal: disk", next(fd));
		parent_close(fd);
	}
}

/* Behind the time, which is that of now. */
static const char *
fields(int json, const char *name, const char *text)
{
	static char	 out[LOG_FIELDS_MAX];
	const char	*behind;

	log_fields(out, json, 4, name, text);
	ATF_REQUIRE((behind = strstr(out, "level")) != NULL);
	return (behind);
}

#define ID	"00000007-000000000000002a"
#define TRACE	"4bf92f3577b34da6a3ce929d0e0e4736"

ATF_TC_WITHOUT_HEAD(fields);
ATF_TC_BODY(fields, tc)
{
	static char	 longest[LOG_LINE_MAX * 4 + 1];
	char		 out[LOG_FIELDS_MAX];

	ATF_CHECK_STREQ("level=warning process=frontend instance=0 "
	    "msg=\"a b\"", fields(0, "frontend 0", "a b"));
	ATF_CHECK_STREQ("level=warning process=kbsd msg=\"\"",
	    fields(0, NULL, ""));
	ATF_CHECK_STREQ("level\":\"warning\",\"process\":\"kms\","
	    "\"instance\":3,\"request\":\"" ID "\","
	    "\"msg\":\"request " ID ": x\"}",
	    fields(1, "kms 3", "request " ID ": x"));
	ATF_CHECK_STREQ("level=warning process=kms instance=3 request=" ID
	    " trace=" TRACE " msg=\"request " ID " 1 ms trace=" TRACE "\"",
	    fields(0, "kms 3", "request " ID " 1 ms trace=" TRACE));
	/* Only ours, at their places. */
	ATF_CHECK(strstr(fields(0, "kms 3", "a request " ID ": x"),
	    "request=") == NULL);
	ATF_CHECK(strstr(fields(0, "kms 3", "x trace=" TRACE),
	    " trace=" TRACE " msg") == NULL);
	ATF_CHECK(strstr(fields(0, "kms 3", "request 0"), "request=") == NULL);
	ATF_CHECK_STREQ("level\":\"warning\",\"process\":\"kbsd\","
	    "\"msg\":\"\\\\033[0m \\\"\\t\\\",\\\"level\\\":\\\"x\"}",
	    fields(1, NULL, "\\033[0m \"\t\",\"level\":\"x"));
	/* The longest line of the worst characters is still whole. */
	memset(longest, '"', sizeof(longest) - 1);
	log_fields(out, 1, 4, "verifier 31", longest);
	ATF_CHECK_STREQ("\\\"\"}", out + strlen(out) - 4);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, fields);
	ATF_TP_ADD_TC(tp, levels);
	ATF_TP_ADD_TC(tp, verbose);
	ATF_TP_ADD_TC(tp, long_line);
	ATF_TP_ADD_TC(tp, full);
	ATF_TP_ADD_TC(tp, gone);
	ATF_TP_ADD_TC(tp, to_stderr);
	ATF_TP_ADD_TC(tp, own_sink);
	ATF_TP_ADD_TC(tp, fatal_exit);
	return (atf_no_error());
}

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
 * Those who watch requests end: quick and slow ones, more than there may be,
 * and a broker that comes and goes.
 */

#include "fixture.h"

#define WATCHERS_MAX	8

/* How many lines the broker may send. */
static uint32_t
watch(struct fixture *f)
{
	struct rbuf	 r;
	uint32_t	 n;

	peer_recv(f->broker, IMSG_BROKER_WATCH, &r, AGES);
	n = rb_u32(&r);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	return (n);
}

/* how: what is wrong with it; 0: nothing. */
static void
finished_body(struct wbuf *w, uint64_t lost, int how)
{
	wb_u64(w, lost);
	wb_u64(w, 1796083200123);
	wb_u32(w, how == 1 ? PROC_MAX + 1 : PROC_GATE);
	wb_u32(w, 0);
	wb_str(w, "0000000000000001-1");
	wb_str(w, how == 2 ? "an address that is by far longer than any "
	    "address ever was or will be" : "192.0.2.1");
	wb_u8(w, how == 3 ? OP_MAX : OP_TRANSFER);
	wb_uuid(w, &id_a);
	wb_str(w, "\xff\"\n");
	wb_u8(w, how == 4 ? 0xff : TEE_SGX);
	wb_str(w, "denied");
	wb_u16(w, 401);
	wb_str(w, "attestation denied: mrenclave");
	wb_u64(w, 7);
	if (how == 5)
		wb_u8(w, 0);
}

static void
finished(struct fixture *f, uint64_t lost)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;

	finished_body(&w, lost, 0);
	peer_send(f->broker, IMSG_CONTROL_FINISHED, &w);
	/* The parent hears of the first piece of work. */
	if (!f->worked)
		peer_recv(f->parent, IMSG_PARENT_WORKED, &r, AGES);
	f->worked = 1;
}

/* One line, without its newline; static. */
static const char *
hear_line(int fd)
{
	static char	 buf[4096];
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };
	const char	*end = NULL;
	size_t		 len = 0;
	ssize_t		 n;

	while (end == NULL) {
		ATF_REQUIRE_MSG(poll(&pfd, 1, SOON) == 1, "no line");
		n = recv(fd, buf + len, sizeof(buf) - len, MSG_PEEK);
		ATF_REQUIRE(n > 0);
		if ((end = memchr(buf + len, '\n', (size_t)n)) != NULL)
			n = end - (buf + len) + 1;
		ATF_REQUIRE_EQ(n, recv(fd, buf + len, (size_t)n, 0));
		len += (size_t)n;
	}
	buf[len - 1] = '\0';
	return (buf);
}

static int
watcher(void)
{
	int	 fd = client_open();

	client_say(fd, "{\"command\":\"monitor\"}\n");
	ATF_CHECK_STREQ("{\"watching\":true}", hear_line(fd));
	return (fd);
}

ATF_TC_WITHOUT_HEAD(lines);
ATF_TC_BODY(lines, tc)
{
	static const char	 want[] = "{\"finished\":{\"time\":"
	    "\"2026-12-01T00:00:00.123Z\",\"front\":\"gate 0\",\"request\":"
	    "\"0000000000000001-1\",\"client\":\"192.0.2.1\",\"operation\":"
	    "\"transfer\",\"object\":\"" ID_A "\",\"who\":\"?\\\"?\","
	    "\"tee\":\"SGX\",\"outcome\":\"denied\",\"error\":"
	    "\"attestation denied: mrenclave\",\"status\":401,"
	    "\"duration_ms\":7}}";
	struct fixture		 f;
	int			 a, b;

	fixture_start(&f);
	/* Nobody watches: it is not looked at. */
	finished(&f, 0);
	a = watcher();
	ATF_CHECK_EQ(MONITOR_LINES, watch(&f));
	b = watcher();
	finished(&f, 0);
	ATF_CHECK_STREQ(want, hear_line(a));
	ATF_CHECK_STREQ(want, hear_line(b));
	/* What the broker had to drop is told before the next one. */
	finished(&f, 41);
	ATF_CHECK_STREQ("{\"lost\":41}", hear_line(a));
	ATF_CHECK_STREQ(want, hear_line(a));
	/* One goes, the other one stays. */
	close(b);
	ATF_CHECK(peer_silent(f.broker, 100));
	finished(&f, 0);
	ATF_CHECK_STREQ(want, hear_line(a));
	/* Who watches has nothing to say. */
	client_say(a, "{\"command\":\"show status\"}\n");
	ATF_CHECK(client_closed(a, SOON));
	ATF_CHECK_EQ(0, watch(&f));
	close(a);
	fixture_end(&f);
}

/* One that reads nothing costs no memory, holds up nobody, and is told. */
ATF_TC_WITHOUT_HEAD(stopped);
ATF_TC_BODY(stopped, tc)
{
	struct fixture	 f;
	const char	*text;
	uint32_t	 credit = 0;
	uint64_t	 sent = 0, heard = 0, lost = 0;
	int		 quick, slow, i;

	fixture_start(&f);
	slow = watcher();
	credit = watch(&f);
	quick = watcher();
	/* Never more than it says; it says more as it takes them. */
	for (i = 0; i < 3000; i++) {
		if (credit == 0)
			credit += watch(&f);
		ATF_REQUIRE(credit <= MONITOR_LINES);
		finished(&f, 0);
		credit--;
		sent++;
		ATF_REQUIRE(strncmp(hear_line(quick), "{\"finished\":",
		    12) == 0);
	}
	/* It wakes up. */
	while (heard + lost < sent) {
		text = hear_line(slow);
		if (sscanf(text, "{\"lost\":%d}", &i) == 1)
			lost += (uint64_t)i;
		else if (strncmp(text, "{\"finished\":", 12) == 0)
			heard++;
		else
			atf_tc_fail("%s", text);
	}
	ATF_CHECK_EQ(sent, heard + lost);
	ATF_CHECK_MSG(lost > 0, "all of %llu were kept",
	    (unsigned long long)sent);
	/* From here on it sees all again. */
	finished(&f, 0);
	ATF_CHECK(strncmp(hear_line(slow), "{\"finished\":", 12) == 0);
	close(slow);
	close(quick);
	fixture_end(&f);
}

ATF_TC_WITHOUT_HEAD(many);
ATF_TC_BODY(many, tc)
{
	struct fixture	 f;
	int		 fd[WATCHERS_MAX + 1], i;

	fixture_start(&f);
	for (i = 0; i < WATCHERS_MAX; i++)
		fd[i] = watcher();
	ATF_CHECK_EQ(MONITOR_LINES, watch(&f));
	fd[i] = client_open();
	client_say(fd[i], "{\"command\":\"monitor\"}\n");
	client_check(fd[i], "{\"ok\":false,\"status\":503,\"error\":"
	    "\"too many watch at once\"}\n");
	/* It may ask for something else. */
	client_say(fd[i], "{\"command\":\"monitor\",\"level\":1}\n");
	client_check_in(fd[i], "\"status\":400");
	for (i = 0; i <= WATCHERS_MAX; i++)
		close(fd[i]);
	ATF_CHECK_EQ(0, watch(&f));
	fixture_end(&f);
}

/* Another broker is told that somebody watches. */
ATF_TC_WITHOUT_HEAD(broker);
ATF_TC_BODY(broker, tc)
{
	struct fixture	 f;
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	int		 fd, how;

	fixture_start(&f);
	fd = watcher();
	ATF_CHECK_EQ(MONITOR_LINES, watch(&f));
	finished(&f, 0);
	(void)hear_line(fd);
	/* What makes no sense costs a broker its edge, and nobody else. */
	for (how = 1; how <= 5; how++) {
		finished_body(&w, 0, how);
		peer_send(f.broker, IMSG_CONTROL_FINISHED, &w);
		peer_recv(f.parent, IMSG_PARENT_VIOLATION, &r, AGES);
		ATF_CHECK(peer_closed(f.broker, AGES));
		peer_close(f.broker);
		f.broker = child_edge(f.child, PROC_BROKER, 0,
		    (uint32_t)how + 10);
		ATF_CHECK_EQ(MONITOR_LINES, watch(&f));
	}
	finished(&f, 0);
	(void)hear_line(fd);
	/* A set that ends says so, and is not kept by who watches. */
	peer_send(f.parent, IMSG_PROCESS_DRAIN, &w);
	ATF_CHECK_STREQ("{\"ok\":true,\"status\":200}", hear_line(fd));
	ATF_CHECK(client_closed(fd, SOON));
	close(fd);
	fixture_end(&f);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, lines);
	ATF_TP_ADD_TC(tp, stopped);
	ATF_TP_ADD_TC(tp, many);
	ATF_TP_ADD_TC(tp, broker);
	return (atf_no_error());
}

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
 * The audit program's files: it goes over to another one with the chain, and
 * whatever happens no line is lost; and the sinks, which nothing waits for.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "peer.h"
#include "play.h"

/* As logrotate(8) does it; the new file is there, and the process told. */
static void
reopen(struct set *s, uint32_t generation, const char *path)
{
	struct wbuf	 w = { 0 };

	wb_u32(&w, generation);
	peer_sendfd(child_parent(s->audit), IMSG_AUDIT_REOPEN, &w,
	    log_file(path));
}

/* AUDITED of this generation, with no older file needed; the line it names. */
static uint64_t
settled(struct set *s, uint32_t generation)
{
	struct rbuf	 r;
	uint64_t	 n;
	uint32_t	 its;
	uint8_t		 digest[DIGEST_LEN];
	int		 done;

	do {
		peer_recv(child_parent(s->audit), IMSG_PARENT_AUDITED, &r,
		    AGES);
		its = rb_u32(&r);
		done = rb_bool(&r);
		n = rb_u64(&r);
		rb_digest(&r, digest);
		ATF_REQUIRE_EQ(0, rb_end(&r));
	} while (its != generation || !done);
	return (n);
}

/* Lines in two files, which go on from one to the other. */
static unsigned int
verify_both(const char *first, const char *second)
{
	struct chain	 chain;
	unsigned int	 n, torn = 0;

	memset(&chain, 0, sizeof(chain));
	n = verify_file(first, &chain, &torn);
	n += verify_file(second, &chain, &torn);
	ATF_CHECK_EQ(n, chain.n);
	ATF_CHECK_EQ(0, torn);
	return (n);
}

ATF_TC_WITHOUT_HEAD(rotated);
ATF_TC_BODY(rotated, tc)
{
	struct set	 s;
	uint64_t	 i;

	set_start(&s, LOG, 0);
	for (i = 1; i <= 3; i++) {
		record(&s, i, "main", 0);
		ATF_CHECK_EQ(i, recorded(s.kms0, IMSG_KMS_RECORDED, i));
	}
	/* What is written between the two belongs to the old file still. */
	ATF_REQUIRE_EQ(0, rename(LOG, "old"));
	record(&s, 4, "main", 0);
	ATF_CHECK_EQ(4, recorded(s.kms0, IMSG_KMS_RECORDED, 4));
	reopen(&s, 2, LOG);
	ATF_CHECK_EQ(5, settled(&s, 2));
	record(&s, 5, "main", 0);
	ATF_CHECK_EQ(6, recorded(s.kms0, IMSG_KMS_RECORDED, 5));
	ATF_CHECK_EQ(6, verify_both("old", LOG));
	/* The same file again changes nothing. */
	reopen(&s, 3, LOG);
	ATF_CHECK_EQ(6, settled(&s, 3));
	record(&s, 6, "main", 0);
	ATF_CHECK_EQ(7, recorded(s.kms0, IMSG_KMS_RECORDED, 6));
	ATF_CHECK_EQ(7, verify_both("old", LOG));
	set_end(&s);
}

/* Two sets, one of which hears of the new file late. */
ATF_TC_WITHOUT_HEAD(two);
ATF_TC_BODY(two, tc)
{
	struct set	 a, b;
	uint64_t	 i;

	set_start(&a, LOG, 0);
	set_start(&b, LOG, 0);
	for (i = 1; i <= 5; i++) {
		record(&a, i, "main", 0);
		record(&b, i, "main", 0);
	}
	for (i = 1; i <= 5; i++) {
		recorded(a.kms0, IMSG_KMS_RECORDED, i);
		recorded(b.kms0, IMSG_KMS_RECORDED, i);
	}
	ATF_REQUIRE_EQ(0, rename(LOG, "old"));
	reopen(&a, 2, LOG);
	ATF_CHECK_EQ(11, settled(&a, 2));
	/* It may not write where nobody goes on. */
	record(&b, 6, "main", 0);
	ATF_CHECK(peer_silent(b.kms0, 50));
	record(&a, 6, "main", 0);
	ATF_CHECK_EQ(12, recorded(a.kms0, IMSG_KMS_RECORDED, 6));
	reopen(&b, 2, LOG);
	ATF_CHECK_EQ(13, recorded(b.kms0, IMSG_KMS_RECORDED, 6));
	ATF_CHECK_EQ(13, verify_both("old", LOG));
	set_end(&a);
	set_end(&b);
}

/* Killed before, within and behind each step: the chain goes on. */
ATF_TC_WITHOUT_HEAD(killed);
ATF_TC_BODY(killed, tc)
{
	struct set	 s;
	struct chain	 chain;
	struct stat	 st;
	char		 line[512];
	unsigned int	 torn;
	off_t		 cut;
	int		 fd, i;

	set_start(&s, LOG, 0);
	record(&s, 1, "main", 0);
	recorded(s.kms0, IMSG_KMS_RECORDED, 1);
	ATF_REQUIRE_EQ(0, rename(LOG, "old"));
	reopen(&s, 2, LOG);
	ATF_CHECK_EQ(2, settled(&s, 2));
	kill(child_pid(s.audit), SIGKILL);
	set_end(&s);
	/* As much of the first line as may be on the disk. */
	ATF_REQUIRE((fd = open(LOG, O_RDWR)) != -1);
	ATF_REQUIRE_EQ(0, fstat(fd, &st));
	ATF_REQUIRE(st.st_size > 100 && st.st_size < (off_t)sizeof(line));
	ATF_REQUIRE_EQ(st.st_size, read(fd, line, (size_t)st.st_size));
	close(fd);
	last = "old";
	for (i = 0; i < 4; i++) {
		cut = i == 0 ? 0 : i == 1 ? 20 : st.st_size + i - 3;
		ATF_REQUIRE((fd = open(LOG, O_RDWR | O_TRUNC)) != -1);
		ATF_REQUIRE_EQ(cut, write(fd, line, (size_t)cut));
		close(fd);
		set_start(&s, LOG, 0);
		record(&s, 2, "main", 0);
		recorded(s.kms0, IMSG_KMS_RECORDED, 2);
		set_end(&s);
		memset(&chain, 0, sizeof(chain));
		torn = 0;
		ATF_CHECK_EQ(1, verify_file("old", &chain, &torn));
		verify_file(LOG, &chain, &torn);
		ATF_CHECK_EQ(i == 1, torn);
	}
	last = NULL;
}

/* Somebody cuts the file, or puts older lines into it: the numbers go on. */
ATF_TC_WITHOUT_HEAD(cut);
ATF_TC_BODY(cut, tc)
{
	struct set	 s;
	struct chain	 chain;
	char		 line[4096];
	FILE		*fp;

	set_start(&s, LOG, 0);
	record(&s, 1, "main", 0);
	record(&s, 2, "main", 0);
	ATF_CHECK_EQ(1, recorded(s.kms0, IMSG_KMS_RECORDED, 1));
	ATF_CHECK_EQ(2, recorded(s.kms0, IMSG_KMS_RECORDED, 2));
	ATF_REQUIRE_EQ(0, truncate(LOG, 0));
	record(&s, 3, "main", 0);
	ATF_CHECK_EQ(3, recorded(s.kms0, IMSG_KMS_RECORDED, 3));
	ATF_CHECK(child_logged(s.audit, "cut or changed", AGES));
	ATF_REQUIRE((fp = fopen(LOG, "r")) != NULL);
	ATF_REQUIRE(fgets(line, sizeof(line), fp) != NULL);
	memset(&chain, 0, sizeof(chain));
	ATF_CHECK_EQ(CHAIN_NUMBER, chain_verify(&chain, line,
	    strlen(line) - 1));
	ATF_CHECK_EQ(3, chain.n);
	fclose(fp);
	set_end(&s);
	/* The one that takes its place knows of it too. */
	known.n = 7;
	set_start(&s, LOG, 0);
	record(&s, 8, "main", 0);
	ATF_CHECK_EQ(8, recorded(s.kms0, IMSG_KMS_RECORDED, 8));
	ATF_CHECK(child_logged(s.audit, "line 7 had been written", AGES));
	set_end(&s);
	known.n = 0;
}

/* The new file can't be written: no line, no key, and the old one stays. */
ATF_TC_WITHOUT_HEAD(full);
ATF_TC_BODY(full, tc)
{
	struct set	 s;
	unsigned int	 torn;

	set_start(&s, LOG, 0);
	record(&s, 1, "main", 0);
	ATF_CHECK_EQ(1, recorded(s.kms0, IMSG_KMS_RECORDED, 1));
	reopen(&s, 2, "/dev/full");
	record(&s, 2, "main", 0);
	not_recorded(&s, 2);
	ATF_CHECK(peer_silent(s.kms0, 100));
	ATF_CHECK(child_logged(s.audit, "can't go over", AGES));
	ATF_CHECK_EQ(1, verify(&torn));
	set_end(&s);
}

/* --- sinks --------------------------------------------------------------- */

/* One end for the process, as it wants it; the other one is returned. */
static int
collector(struct set *s, int type)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	int		 sv[2];

	peer_recv(child_parent(s->audit), IMSG_PARENT_SINK_WANT, &r, AGES);
	ATF_CHECK_EQ(0, rb_u32(&r));
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv));
	wb_u32(&w, 0);
	wb_u8(&w, type == SOCK_STREAM);
	peer_sendfd(child_parent(s->audit), IMSG_AUDIT_SINK, &w, sv[0]);
	return (sv[1]);
}

/* With a sink: what it wants comes before READY. */
static void
set_start_sink(struct set *s)
{
	struct wbuf	 w = { 0 };

	nsinks = 1;
	set_begin(s, LOG, 0);
	nsinks = 0;
	peer_send(child_parent(s->audit), IMSG_PROCESS_GO, &w);
}

static void
set_start_edges(struct set *s)
{
	struct rbuf	 r;

	peer_recv(child_parent(s->audit), IMSG_PARENT_READY, &r, AGES);
	s->broker = child_edge(s->audit, PROC_BROKER, 0, 9);
	s->kms0 = child_edge(s->audit, PROC_KMS, 0, 0);
	s->kms1 = child_edge(s->audit, PROC_KMS, 1, 0);
}

static size_t
collected(int fd, char *text, size_t size)
{
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };
	ssize_t		 n;

	if (poll(&pfd, 1, AGES) != 1)
		return (0);
	ATF_REQUIRE((n = recv(fd, text, size - 1, 0)) >= 0);
	text[n] = '\0';
	return ((size_t)n);
}

ATF_TC_WITHOUT_HEAD(datagrams);
ATF_TC_BODY(datagrams, tc)
{
	struct set	 s;
	char		 text[4096];
	size_t		 n;
	int		 fd;

	set_start_sink(&s);
	fd = collector(&s, SOCK_DGRAM);
	set_start_edges(&s);
	record(&s, 1, "main", 0);
	recorded(s.kms0, IMSG_KMS_RECORDED, 1);
	n = collected(fd, text, sizeof(text));
	ATF_CHECK_EQ(0, strncmp(text, "<86>{\"n\":1,", 11));
	ATF_CHECK(n > 0 && text[n - 1] == '}');
	/* Who has gone is not waited for; the lines come when it is back. */
	close(fd);
	record(&s, 2, "main", 0);
	recorded(s.kms0, IMSG_KMS_RECORDED, 2);
	record(&s, 3, "main", 0);
	recorded(s.kms0, IMSG_KMS_RECORDED, 3);
	fd = collector(&s, SOCK_DGRAM);
	ATF_CHECK(child_logged(s.audit, "collector does not take", AGES));
	collected(fd, text, sizeof(text));
	ATF_CHECK_EQ(0, strncmp(text, "<86>{\"n\":2,", 11));
	collected(fd, text, sizeof(text));
	ATF_CHECK_EQ(0, strncmp(text, "<86>{\"n\":3,", 11));
	close(fd);
	set_end(&s);
}

/* So many lines of a stream, and no byte more; the last one's n. */
static uint64_t
drained(int fd, uint64_t want)
{
	struct chain	 named = { .n = 0 };
	char		*buf, *p, *end;
	size_t		 len = 0, size = 4 * 1024 * 1024;
	ssize_t		 n;
	uint64_t	 lines = 0;
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };

	ATF_REQUIRE((buf = malloc(size)) != NULL);
	p = buf;
	while (lines < want) {
		ATF_REQUIRE_MSG(poll(&pfd, 1, AGES) == 1, "%" PRIu64 " of %"
		    PRIu64 " lines", lines, want);
		ATF_REQUIRE((n = recv(fd, buf + len, size - len, 0)) > 0);
		len += (size_t)n;
		for (; (end = memchr(p, '\n', len - (size_t)(p - buf))) !=
		    NULL; p = end + 1, lines++)
			ATF_REQUIRE_MSG(chain_parse(p, (size_t)(end - p),
			    &named) == 0, "%.*s", (int)(end - p), p);
	}
	ATF_CHECK_EQ(lines, want);
	ATF_CHECK_EQ(p, buf + len);
	free(buf);
	return (named.n);
}

/* A collector that stops reading stops nobody, and gets whole lines. */
ATF_TC_WITHOUT_HEAD(stalled);
ATF_TC_BODY(stalled, tc)
{
	struct set	 s;
	uint64_t	 i, n, dropped;
	unsigned int	 torn;
	int		 fd;

	set_start_sink(&s);
	fd = collector(&s, SOCK_STREAM);
	set_start_edges(&s);
	/* More than is kept: 4096 lines of some 600 bytes. */
	for (i = 1; i <= 4096; i++) {
		record(&s, i, "main", 0);
		if (i % 256 == 0)
			for (n = i - 255; n <= i; n++)
				ATF_REQUIRE_EQ(n, recorded(s.kms0,
				    IMSG_KMS_RECORDED, n));
	}
	ATF_CHECK(child_logged(s.audit, "collector does not take", AGES));
	dropped = child_counter(s.audit, "sink_dropped");
	ATF_CHECK_MSG(dropped > 0 && dropped < 3096, "%" PRIu64 " dropped",
	    dropped);
	drained(fd, 4096 - dropped);
	/* Those that are kept, and then what comes anew. */
	record(&s, 4097, "main", 0);
	recorded(s.kms0, IMSG_KMS_RECORDED, 4097);
	ATF_CHECK_EQ(4097, drained(fd, 1));
	ATF_CHECK_EQ(4097, verify(&torn));
	close(fd);
	set_end(&s);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, rotated);
	ATF_TP_ADD_TC(tp, two);
	ATF_TP_ADD_TC(tp, killed);
	ATF_TP_ADD_TC(tp, cut);
	ATF_TP_ADD_TC(tp, full);
	ATF_TP_ADD_TC(tp, datagrams);
	ATF_TP_ADD_TC(tp, stalled);
	return (atf_no_error());
}

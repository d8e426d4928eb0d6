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

/* The audit program: lines, and who is told of them. */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "digest.h"
#include "peer.h"
#include "play.h"

ATF_TC_WITHOUT_HEAD(recorded);
ATF_TC_BODY(recorded, tc)
{
	struct set	 s;
	unsigned int	 torn;

	set_start(&s, LOG, 0);
	record(&s, 1, "main", 0);
	ATF_CHECK_EQ(1, recorded(s.kms0, IMSG_KMS_RECORDED, 1));
	ATF_CHECK(peer_silent(s.broker, 200));
	record(&s, 2, "vault", 1);
	ATF_CHECK_EQ(2, recorded(s.kms1, IMSG_KMS_RECORDED, 2));
	ATF_CHECK_EQ(2, recorded(s.broker, IMSG_BROKER_RECORDED, 2));
	record(&s, 3, "", 1);
	ATF_CHECK_EQ(3, recorded(s.broker, IMSG_BROKER_RECORDED, 3));
	/* No kms of this name: the line is written all the same. */
	record(&s, 4, "nowhere", 1);
	ATF_CHECK_EQ(4, recorded(s.broker, IMSG_BROKER_RECORDED, 4));
	ATF_CHECK(peer_silent(s.kms0, 100));
	ATF_CHECK(peer_silent(s.kms1, 100));
	ATF_CHECK_EQ(4, verify(&torn));
	ATF_CHECK_EQ(0, torn);
	/* What was told is there after kill -9, and goes on after it. */
	kill(child_pid(s.audit), SIGKILL);
	set_end(&s);
	set_start(&s, LOG, 0);
	record(&s, 5, "main", 0);
	ATF_CHECK_EQ(5, recorded(s.kms0, IMSG_KMS_RECORDED, 5));
	ATF_CHECK_EQ(5, verify(&torn));
	set_end(&s);
}

/* All that waits is served by one write and one sync. */
ATF_TC_WITHOUT_HEAD(batch);
ATF_TC_BODY(batch, tc)
{
	struct imsgbuf	 ibuf;
	struct wbuf	 w = { 0 };
	struct set	 s;
	uint64_t	 i;
	unsigned int	 torn;

	set_start(&s, LOG, 0);
	record(&s, 0, "main", 0);
	recorded(s.kms0, IMSG_KMS_RECORDED, 0);
	ATF_REQUIRE_EQ(0, imsgbuf_init(&ibuf, peer_fd(s.broker)));
	for (i = 1; i <= 200; i++) {
		put_body(&w, i, "main", 1);
		ATF_REQUIRE_EQ(1, imsg_compose(&ibuf, IMSG_AUDIT_RECORD, 0, 0,
		    -1, w.data, w.len));
		wb_free(&w);
	}
	ATF_REQUIRE_EQ(0, imsgbuf_flush(&ibuf));
	for (i = 1; i <= 200; i++) {
		ATF_CHECK_EQ(i + 1, recorded(s.kms0, IMSG_KMS_RECORDED, i));
		ATF_CHECK_EQ(i + 1, recorded(s.broker, IMSG_BROKER_RECORDED,
		    i));
	}
	ATF_CHECK_EQ(201, child_counter(s.audit, "lines"));
	ATF_CHECK(child_counter(s.audit, "writes") < 50);
	ATF_CHECK_EQ(201, verify(&torn));
	imsgbuf_clear(&ibuf);
	set_end(&s);
}

/* Two sets append to one log. */
ATF_TC_WITHOUT_HEAD(two);
ATF_TC_BODY(two, tc)
{
	struct set	 a, b;
	uint64_t	 i;
	unsigned int	 torn;

	set_start(&a, LOG, 0);
	set_start(&b, LOG, 0);
	for (i = 0; i < 150; i++) {
		record(&a, i, "main", 1);
		record(&b, i, "main", 1);
	}
	for (i = 0; i < 150; i++) {
		ATF_CHECK(recorded(a.broker, IMSG_BROKER_RECORDED, i) > i);
		ATF_CHECK(recorded(b.broker, IMSG_BROKER_RECORDED, i) > i);
	}
	ATF_CHECK_EQ(300, verify(&torn));
	ATF_CHECK_EQ(0, torn);
	set_end(&a);
	set_end(&b);
}

ATF_TC_WITHOUT_HEAD(locked);
ATF_TC_BODY(locked, tc)
{
	struct flock	 fl;
	struct set	 s;
	int		 fd;

	set_start(&s, LOG, 0);
	memset(&fl, 0, sizeof(fl));
	fl.l_whence = SEEK_SET;
	fl.l_type = F_WRLCK;
	ATF_REQUIRE((fd = open(LOG, O_RDWR)) != -1);
	ATF_REQUIRE_EQ(0, fcntl(fd, F_SETLK, &fl));
	record(&s, 1, "main", 0);
	ATF_CHECK(peer_silent(s.kms0, 300));
	fl.l_type = F_UNLCK;
	ATF_REQUIRE_EQ(0, fcntl(fd, F_SETLK, &fl));
	ATF_CHECK_EQ(1, recorded(s.kms0, IMSG_KMS_RECORDED, 1));
	/* Who never gives it back stops nobody for ever. */
	fl.l_type = F_WRLCK;
	ATF_REQUIRE_EQ(0, fcntl(fd, F_SETLK, &fl));
	ATF_CHECK_EQ(1, child_counter(s.audit, "writable"));
	record(&s, 2, "main", 0);
	not_recorded(&s, 2);
	/* It is told until a line is written again. */
	ATF_CHECK_EQ(0, child_counter(s.audit, "writable"));
	close(fd);
	record(&s, 3, "main", 0);
	ATF_CHECK_EQ(2, recorded(s.kms0, IMSG_KMS_RECORDED, 3));
	ATF_CHECK_EQ(1, child_counter(s.audit, "writable"));
	set_end(&s);
}

ATF_TC_WITHOUT_HEAD(full);
ATF_TC_BODY(full, tc)
{
	struct set	 s;

	set_start(&s, "/dev/full", 0);
	record(&s, 1, "main", 1);
	not_recorded(&s, 1);
	ATF_CHECK(peer_silent(s.kms0, 300));
	ATF_CHECK(child_logged(s.audit, "no audit line", AGES));
	set_end(&s);
	/* kbsd.conf says that it may go on. */
	set_start(&s, "/dev/full", 1);
	record(&s, 2, "main", 1);
	ATF_CHECK_EQ(0, recorded(s.kms0, IMSG_KMS_RECORDED, 2));
	ATF_CHECK_EQ(0, recorded(s.broker, IMSG_BROKER_RECORDED, 2));
	ATF_CHECK(child_logged(s.audit, "audit is optional", AGES));
	set_end(&s);
}

/* What a power cut left is ended, not cut. */
ATF_TC_WITHOUT_HEAD(torn);
ATF_TC_BODY(torn, tc)
{
	struct set	 s;
	unsigned int	 torn;
	off_t		 before;
	int		 fd;

	set_start(&s, LOG, 0);
	record(&s, 1, "main", 0);
	recorded(s.kms0, IMSG_KMS_RECORDED, 1);
	ATF_REQUIRE((fd = open(LOG, O_RDWR | O_APPEND)) != -1);
	ATF_REQUIRE_EQ(12, write(fd, "{\"n\":2,\"prev", 12));
	before = lseek(fd, 0, SEEK_END);
	record(&s, 2, "main", 0);
	ATF_CHECK_EQ(3, recorded(s.kms0, IMSG_KMS_RECORDED, 2));
	ATF_CHECK(child_logged(s.audit, "torn line", AGES));
	ATF_CHECK(lseek(fd, 0, SEEK_END) > before);
	ATF_CHECK_EQ(3, verify(&torn));
	ATF_CHECK_EQ(1, torn);
	close(fd);
	set_end(&s);
}

ATF_TC_WITHOUT_HEAD(strange);
ATF_TC_BODY(strange, tc)
{
	struct wbuf	 w = { 0 };
	struct set	 s;
	int		 fd;

	ATF_REQUIRE((fd = open(LOG, O_RDWR | O_CREAT, 0600)) != -1);
	ATF_REQUIRE_EQ(10, write(fd, "some text\n", 10));
	set_begin(&s, LOG, 0);
	peer_send(child_parent(s.audit), IMSG_PROCESS_GO, &w);
	ATF_CHECK(peer_closed(child_parent(s.audit), AGES));
	ATF_CHECK(child_logged(s.audit, "move the file away", AGES));
	child_end(s.audit);
	close(fd);
}

/* Its edge is closed and the parent told; the broker gets a new one. */
static void
hostile(struct set *s, struct wbuf *w, const char *what)
{
	struct rbuf	 r;

	peer_send(s->broker, IMSG_AUDIT_RECORD, w);
	ATF_CHECK_MSG(peer_closed(s->broker, AGES), "%s", what);
	peer_recv(child_parent(s->audit), IMSG_PARENT_VIOLATION, &r, AGES);
	peer_close(s->broker);
	s->broker = child_edge(s->audit, PROC_BROKER, 0, 9);
}

ATF_TC_WITHOUT_HEAD(malformed);
ATF_TC_BODY(malformed, tc)
{
	struct wbuf	 good = { 0 }, w = { 0 };
	struct set	 s;
	size_t		 i;

	set_start(&s, LOG, 0);
	put_body(&good, 1, "main", 0);
	for (i = 0; i <= good.len + 1; i++) {
		if (i == good.len)
			continue;
		wb_raw(&w, good.data, i < good.len ? i : good.len);
		if (i > good.len)
			wb_u8(&w, 0);
		hostile(&s, &w, "length");
	}
	wb_raw(&w, good.data, good.len);
	w.data[12] = OP_MAX;
	hostile(&s, &w, "operation");
	/* kms has nothing to say here. */
	wb_raw(&w, good.data, good.len);
	peer_send(s.kms1, IMSG_AUDIT_RECORD, &w);
	ATF_CHECK(peer_closed(s.kms1, AGES));
	record(&s, 1, "main", 0);
	ATF_CHECK_EQ(1, recorded(s.kms0, IMSG_KMS_RECORDED, 1));
	wb_free(&good);
	set_end(&s);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, recorded);
	ATF_TP_ADD_TC(tp, batch);
	ATF_TP_ADD_TC(tp, two);
	ATF_TP_ADD_TC(tp, locked);
	ATF_TP_ADD_TC(tp, full);
	ATF_TP_ADD_TC(tp, torn);
	ATF_TP_ADD_TC(tp, strange);
	ATF_TP_ADD_TC(tp, malformed);
	return (atf_no_error());
}

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

/* The broker tells who watches of requests that end, and of no more. */

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "kbsd.h"
#include "peer.h"

#define WAIT		20000
#define OWN_FRONT	9u

static struct child	*broker;
static struct peer	*front, *control, *store, *auth;
static uint64_t		 number;
static const struct uuid key_id = { { 0xa, 1, 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10,
			    11, 12, 13, 14, 15 } };

static void
start(void)
{
	struct wbuf	 w = { 0 };

	broker = child_start("broker", PROC_BROKER, 0, OWN_FRONT, NULL);
	wb_u32(&w, 1);			/* engines */
	wb_u8(&w, 0);
	wb_u8(&w, 0);
	wb_u8(&w, 0);
	wb_u32(&w, 1);
	wb_str(&w, "local");
	child_config(broker, &w);
	child_go(broker);
	front = child_edge(broker, PROC_GATE, 2, 7);
	control = child_edge(broker, PROC_CONTROL, 0, 8);
	store = child_edge(broker, PROC_STORE, 0, 0);
	auth = child_edge(broker, PROC_AUTH, 0, 0);
}

/* All that control has sent is read when its question comes to the store. */
static void
settle(void)
{
	struct evidence	 evidence;
	struct wbuf	 w = { 0 }, e = { 0 };
	struct rbuf	 r;

	memset(&evidence, 0, sizeof(evidence));
	evidence.token = (const uint8_t *)"a.b.c";
	evidence.tokenlen = 5;
	wb_evidence(&e, &evidence);
	wb_u64(&w, ++number);
	wb_uuid(&w, &key_id);
	wb_bytes_of(&w, &e);
	wb_free(&e);
	peer_send(control, IMSG_BROKER_TEST, &w);
	peer_recv(store, IMSG_STORE_FIND, &r, WAIT);
}

static void
watch(uint32_t n)
{
	struct wbuf	 w = { 0 };

	wb_u32(&w, n);
	peer_send(control, IMSG_BROKER_WATCH, &w);
	settle();
}

/* A transfer of a key that there is not, to its end. */
static void
transfer(void)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	uint64_t	 tag;

	wb_u64(&w, ++number);
	wb_str(&w, "192.0.2.1");
	wb_uuid(&w, &key_id);
	wb_u8(&w, TRANSFER_FIRST);
	wb_u32(&w, 0);
	wb_bytes(&w, NULL, 0);
	peer_send(front, IMSG_BROKER_TRANSFER, &w);
	peer_recv(store, IMSG_STORE_FIND, &r, WAIT);
	tag = rb_u64(&r);
	wb_u64(&w, tag);
	wb_u8(&w, ROW_NONE);
	wb_bytes(&w, NULL, 0);
	wb_bytes(&w, NULL, 0);
	peer_send(store, IMSG_BROKER_FOUND, &w);
	peer_recv(front, IMSG_FRONTEND_ANSWER, &r, WAIT);
	ATF_CHECK_EQ(number, rb_u64(&r));
	ATF_CHECK_EQ(404, rb_u16(&r));
}

static void
want_str(struct rbuf *r, const char *want)
{
	char	 text[REASON_TEXT_MAX];

	rb_str(r, text, sizeof(text));
	ATF_CHECK_STREQ(want, text);
}

/* The line of transfer(), before which so many were lost. */
static void
want_finished(uint64_t lost)
{
	struct request_name	 name = { .front = 7, .number = number };
	struct rbuf		 r;
	struct uuid		 id;
	char			 text[REQUEST_ID_TEXT];

	peer_recv(control, IMSG_CONTROL_FINISHED, &r, WAIT);
	ATF_CHECK_EQ(lost, rb_u64(&r));
	ATF_CHECK(rb_u64(&r) > 1600000000000);
	ATF_CHECK_EQ(PROC_GATE, rb_u32(&r));
	ATF_CHECK_EQ(2, rb_u32(&r));
	want_str(&r, name_format(&name, text));
	want_str(&r, "192.0.2.1");
	ATF_CHECK_EQ(OP_TRANSFER, rb_u8(&r));
	rb_uuid(&r, &id);
	ATF_CHECK(uuid_cmp(&id, &key_id) == 0);
	want_str(&r, "");
	ATF_CHECK_EQ(0, rb_u8(&r));
	want_str(&r, "refused");
	ATF_CHECK_EQ(404, rb_u16(&r));
	want_str(&r, "no such key");
	(void)rb_u64(&r);
	ATF_CHECK_EQ(0, rb_end(&r));
}

ATF_TC_WITHOUT_HEAD(credit);
ATF_TC_BODY(credit, tc)
{
	struct rbuf	 r;
	int		 i;

	start();
	/* Nobody watches. */
	transfer();
	ATF_CHECK(peer_silent(control, 100));
	watch(2);
	transfer();
	want_finished(0);
	transfer();
	want_finished(0);
	/* As many as it may, and then it counts. */
	for (i = 0; i < 3; i++)
		transfer();
	ATF_CHECK(peer_silent(control, 100));
	watch(MONITOR_LINES);
	transfer();
	want_finished(3);
	transfer();
	want_finished(0);
	/* More than there may be is no more than that, and no violation. */
	watch(MONITOR_LINES);
	watch(UINT32_MAX);
	for (i = 0; i < MONITOR_LINES + 5; i++)
		transfer();
	for (i = 0; peer_ready(control, 100); i++)
		peer_recv(control, IMSG_CONTROL_FINISHED, &r, WAIT);
	ATF_CHECK_EQ(MONITOR_LINES, i);
	watch(1);
	transfer();
	want_finished(5);
	/* Who has left is told nothing, nor what was lost before. */
	watch(0);
	transfer();
	ATF_CHECK(peer_silent(control, 100));
	watch(1);
	transfer();
	want_finished(0);
	/* Another control has not asked for anything. */
	watch(10);
	peer_close(control);
	control = child_edge(broker, PROC_CONTROL, 0, 10);
	settle();
	transfer();
	ATF_CHECK(peer_silent(control, 100));
}

/* Only control may ask. */
ATF_TC_WITHOUT_HEAD(stranger);
ATF_TC_BODY(stranger, tc)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;

	start();
	transfer();
	peer_recv(child_parent(broker), IMSG_PARENT_WORKED, &r, WAIT);
	wb_u32(&w, 1);
	peer_send(front, IMSG_BROKER_WATCH, &w);
	peer_recv(child_parent(broker), IMSG_PARENT_VIOLATION, &r, WAIT);
	ATF_CHECK(peer_closed(front, WAIT));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, credit);
	ATF_TP_ADD_TC(tp, stranger);
	return (atf_no_error());
}

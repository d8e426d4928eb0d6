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
 * The two parts of a request, in one process: order, expiry, limits, and
 * bodies that make no sense.
 */
#include <sys/socket.h>

#include <atf-c.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "digest.h"
#include "secret.h"

#define FRONT	7

static const struct edge_table	 silent = { .peer = PROC_BROKER };

static struct edge	*broker, *control, *frontend;
static struct imsgbuf	 broker_end;

static struct edge *
an_edge(enum process_kind kind, uint32_t front, int *end)
{
	struct edge	*edge;
	int		 sv[2];

	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    sv) == 0);
	edge = edge_new(sv[0], kind, 0, front, &silent);
	ATF_REQUIRE(edge != NULL);
	*end = sv[1];
	return (edge);
}

static void
setup(void)
{
	static char	 stores[1][NAME_MAX_STORE] = { "main" };
	uint8_t		 key[DIGEST_LEN] = { 1 };
	int		 fd;

	ATF_REQUIRE((base = event_base_new()) != NULL);
	secret_openssl(256 * 1024);
	seal_init(key, sizeof(key));
	ATF_REQUIRE((fd = open("token.key", O_RDWR | O_CREAT, 0600)) != -1);
	token_init(fd);
	close(fd);
	auth_conf.lifetime = 300;
	auth_conf.engines = 1;
	auth_conf.nkeystores = 1;
	auth_conf.keystores = stores;
	broker = an_edge(PROC_BROKER, 1, &fd);
	ATF_REQUIRE(imsgbuf_init(&broker_end, fd) == 0);
	control = an_edge(PROC_CONTROL, FRONT, &fd);
	frontend = an_edge(PROC_FRONTEND, FRONT + 1, &fd);
	request_wait_ms = 50;
}

static void
turn(int ms)
{
	struct timeval	 tv = { .tv_usec = ms * 1000 };

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

/* The next message to the broker; 0: none. */
static uint32_t
to_broker(struct rbuf *r)
{
	static struct imsg	 imsg;
	ssize_t			 n;

	turn(1);
	if ((n = imsg_get(&broker_end, &imsg)) == 0) {
		(void)imsgbuf_read(&broker_end);
		n = imsg_get(&broker_end, &imsg);
	}
	if (n <= 0)
		return (0);
	rb_init(r, imsg.data, imsg.hdr.len - IMSG_HEADER_SIZE);
	return (imsg.hdr.type);
}

static void
an_ask(struct wbuf *w)
{
	struct ask	 ask = { .op = OP_USER_SEARCH };

	wb_ask(w, &ask);
}

static int
call(int (*fn)(struct edge *, struct rbuf *), struct edge *edge,
    struct wbuf *w)
{
	struct rbuf	 r;
	int		 ret;

	ATF_REQUIRE(!w->failed);
	rb_init(&r, w->data, w->len);
	ret = fn(edge, &r);
	wb_free(w);
	return (ret);
}

static void
asked_body(struct wbuf *w, uint32_t front, uint64_t number)
{
	struct request_name	 name = { front, number };
	struct wbuf		 ask = { 0 };

	an_ask(&ask);
	wb_name(w, &name);
	wb_str(w, "192.0.2.1");
	wb_bytes(w, ask.data, ask.len);
	wb_free(&ask);
}

static int
asked(uint32_t front, uint64_t number)
{
	struct wbuf	 w = { 0 };

	asked_body(&w, front, number);
	return (call(request_asked, broker, &w));
}

static void
local_body(struct wbuf *w, uint64_t number)
{
	struct wbuf	 ask = { 0 };
	uint8_t		 sum[DIGEST_LEN];

	an_ask(&ask);
	digest(sum, ask.data, ask.len);
	wb_free(&ask);
	wb_u64(w, number);
	wb_u32(w, 1000);
	wb_digest(w, sum);
	wb_bytes(w, NULL, 0);
}

static int
local(uint64_t number)
{
	struct wbuf	 w = { 0 };

	local_body(&w, number);
	return (call(request_local, control, &w));
}

static void
claim_body(struct wbuf *w, uint64_t number, const char *token)
{
	uint8_t	 sum[DIGEST_LEN] = { 0 };

	wb_u64(w, number);
	wb_str(w, token);
	wb_digest(w, sum);
	wb_bytes(w, "a password", 10);
}

static int
claim(uint64_t number)
{
	struct wbuf	 w = { 0 };

	claim_body(&w, number, "token");
	return (call(request_claim, frontend, &w));
}

static unsigned int
refused_status(void)
{
	struct request_name	 name;
	struct rbuf		 r;

	ATF_REQUIRE_EQ(IMSG_BROKER_REFUSED, to_broker(&r));
	rb_name(&r, &name);
	return (rb_u16(&r));
}

ATF_TC_WITHOUT_HEAD(either_order);
ATF_TC_BODY(either_order, tc)
{
	struct request_name	 name;
	struct rbuf		 r;

	setup();
	ATF_CHECK_EQ(0, asked(FRONT, 1));
	ATF_CHECK_EQ(1, request_count());
	ATF_CHECK_EQ(0, local(1));
	ATF_CHECK_EQ(0, request_count());
	ATF_REQUIRE_EQ(IMSG_BROKER_GRANTED, to_broker(&r));
	rb_name(&r, &name);
	ATF_CHECK_EQ(FRONT, name.front);
	ATF_CHECK_EQ(1, name.number);
	ATF_CHECK_EQ(0, local(2));
	ATF_CHECK_EQ(1, request_count());
	ATF_CHECK_EQ(0, asked(FRONT, 2));
	ATF_REQUIRE_EQ(IMSG_BROKER_GRANTED, to_broker(&r));
	ATF_CHECK_EQ(0, to_broker(&r));
}

ATF_TC_WITHOUT_HEAD(expiry);
ATF_TC_BODY(expiry, tc)
{
	struct rbuf	 r;

	setup();
	ATF_CHECK_EQ(0, asked(FRONT, 1));
	ATF_CHECK_EQ(0, local(2));
	ATF_CHECK_EQ(0, claim(3));
	ATF_CHECK_EQ(3, request_count());
	turn(100);
	ATF_CHECK_EQ(0, request_count());
	ATF_CHECK_EQ(503, refused_status());
	ATF_CHECK_EQ(0, to_broker(&r));
	ATF_CHECK_EQ(3, auth_counts.unmatched);
	/* too late for both */
	ATF_CHECK_EQ(0, local(1));
	turn(100);
	ATF_CHECK_EQ(0, request_count());
	ATF_CHECK_EQ(0, to_broker(&r));
}

ATF_TC_WITHOUT_HEAD(rows_never_come);
ATF_TC_BODY(rows_never_come, tc)
{
	struct ask	 ask = { .op = OP_USER_UPDATE };
	struct wbuf	 w = { 0 }, bytes = { 0 };
	struct request_name name = { FRONT, 4 };
	struct rbuf	 r;
	uint8_t		 sum[DIGEST_LEN];

	setup();
	uuid_make(&ask.id);
	wb_ask(&bytes, &ask);
	digest(sum, bytes.data, bytes.len);
	wb_name(&w, &name);
	wb_str(&w, "local");
	wb_bytes(&w, bytes.data, bytes.len);
	wb_free(&bytes);
	ATF_CHECK_EQ(0, call(request_asked, broker, &w));
	wb_u64(&w, 4);
	wb_u32(&w, 1000);
	wb_digest(&w, sum);
	wb_bytes(&w, NULL, 0);
	ATF_CHECK_EQ(0, call(request_local, control, &w));
	ATF_CHECK_EQ(IMSG_BROKER_ROWS_WANT, to_broker(&r));
	turn(100);
	ATF_CHECK_EQ(503, refused_status());
	ATF_CHECK_EQ(0, request_count());
	/* rows that come now are for nobody, but no fault of the broker's */
	wb_u64(&w, 1);
	wb_bytes(&w, NULL, 0);
	wb_bytes(&w, NULL, 0);
	wb_bytes(&w, NULL, 0);
	wb_bytes(&w, NULL, 0);
	wb_u8(&w, ROW_OK);
	ATF_CHECK_EQ(0, call(rows_found, broker, &w));
	/* of a tag that was never given, they are */
	wb_u64(&w, 2);
	wb_bytes(&w, NULL, 0);
	wb_bytes(&w, NULL, 0);
	wb_bytes(&w, NULL, 0);
	wb_bytes(&w, NULL, 0);
	wb_u8(&w, ROW_OK);
	ATF_CHECK_EQ(-1, call(rows_found, broker, &w));
}

ATF_TC_WITHOUT_HEAD(once);
ATF_TC_BODY(once, tc)
{
	struct rbuf	 r;

	setup();
	ATF_CHECK_EQ(0, asked(FRONT, 1));
	ATF_CHECK_EQ(-1, asked(FRONT, 1));
	ATF_CHECK_EQ(0, local(2));
	ATF_CHECK_EQ(-1, local(2));
	ATF_CHECK_EQ(0, claim(3));
	ATF_CHECK_EQ(-1, claim(3));
	ATF_CHECK_EQ(0, local(1));
	ATF_CHECK_EQ(IMSG_BROKER_GRANTED, to_broker(&r));
	/* a claim is spent: the broker can't ask again by it */
	ATF_CHECK_EQ(0, asked(FRONT, 1));
	turn(100);
	ATF_CHECK_EQ(503, refused_status());
	ATF_CHECK_EQ(0, to_broker(&r));
}

ATF_TC_WITHOUT_HEAD(other_front);
ATF_TC_BODY(other_front, tc)
{
	struct rbuf	 r;

	setup();
	request_wait_ms = 10000;
	ATF_CHECK_EQ(0, asked(FRONT + 1, 1));
	ATF_CHECK_EQ(0, local(1));
	ATF_CHECK_EQ(2, request_count());
	ATF_CHECK_EQ(0, to_broker(&r));
	ATF_CHECK_EQ(-1, asked(0, 1));
}

ATF_TC_WITHOUT_HEAD(other_digest);
ATF_TC_BODY(other_digest, tc)
{
	setup();
	ATF_CHECK_EQ(0, asked(FRONT + 1, 1));
	ATF_CHECK_EQ(0, claim(1));
	ATF_CHECK_EQ(401, refused_status());
	ATF_CHECK_EQ(0, request_count());
}

ATF_TC_WITHOUT_HEAD(limits);
ATF_TC_BODY(limits, tc)
{
	struct rbuf	 r;
	uint64_t	 i;

	setup();
	request_wait_ms = 10000;
	for (i = 1; i <= FRONT_REQUESTS_MAX; i++)
		ATF_CHECK_EQ(0, claim(i));
	ATF_CHECK_EQ(FRONT_REQUESTS_MAX, request_count());
	ATF_CHECK_EQ(0, claim(i));
	ATF_CHECK_EQ(FRONT_REQUESTS_MAX, request_count());
	ATF_CHECK_EQ(0, asked(FRONT + 1, i));
	ATF_CHECK_EQ(503, refused_status());
	/* another front has its own */
	ATF_CHECK_EQ(0, asked(FRONT, 1));
	ATF_CHECK_EQ(0, local(1));
	ATF_CHECK_EQ(IMSG_BROKER_GRANTED, to_broker(&r));
	/* and all together */
	for (i = 0; i < 10000; i++)
		(void)asked(100 + (uint32_t)(i / 200), i + 1);
	ATF_CHECK(request_count() <= 2048);
}

ATF_TC_WITHOUT_HEAD(down);
ATF_TC_BODY(down, tc)
{
	struct rbuf	 r;

	setup();
	ATF_CHECK_EQ(0, claim(1));
	ATF_CHECK_EQ(0, claim(UINT64_MAX));
	ATF_CHECK_EQ(0, asked(FRONT + 1, 2));
	ATF_CHECK_EQ(0, asked(FRONT + 2, 3));
	ATF_CHECK_EQ(0, local(1));
	request_front_down(frontend);
	ATF_CHECK_EQ(2, request_count());
	request_broker_down();
	ATF_CHECK_EQ(0, request_count());
	turn(100);
	ATF_CHECK_EQ(0, to_broker(&r));
}

/* Cut at every byte, and one more. */
static void
cuts(int (*fn)(struct edge *, struct rbuf *), struct edge *edge,
    struct wbuf *w)
{
	struct rbuf	 r;
	size_t		 i;

	for (i = 0; i < w->len; i++) {
		rb_init(&r, w->data, i);
		ATF_CHECK_EQ(-1, fn(edge, &r));
	}
	wb_u8(w, 0);
	rb_init(&r, w->data, w->len);
	ATF_CHECK_EQ(-1, fn(edge, &r));
	wb_free(w);
	ATF_CHECK_EQ(0, request_count());
}

ATF_TC_WITHOUT_HEAD(bodies);
ATF_TC_BODY(bodies, tc)
{
	static char	 long_token[BEARER_TEXT_MAX + 2];
	struct wbuf	 w = { 0 };
	struct request_name name = { FRONT, 9 };
	struct rbuf	 r;
	size_t		 i;

	setup();
	asked_body(&w, FRONT, 1);
	cuts(request_asked, broker, &w);
	local_body(&w, 1);
	cuts(request_local, control, &w);
	claim_body(&w, 1, "token");
	cuts(request_claim, frontend, &w);
	memset(long_token, 'a', sizeof(long_token) - 1);
	claim_body(&w, 1, long_token);
	ATF_CHECK_EQ(-1, call(request_claim, frontend, &w));
	wb_u64(&w, 1);
	wb_str(&w, "192.0.2.1");
	wb_str(&w, "alice");
	wb_bytes(&w, "a password", 10);
	cuts(login_ask, frontend, &w);
	ATF_CHECK_EQ(0, to_broker(&r));

	/* an ask that makes no sense is its client's fault alone */
	for (i = 1; i < 40; i++) {
		wb_name(&w, &name);
		wb_str(&w, "192.0.2.1");
		wb_bytes(&w, long_token, i);
		ATF_CHECK_EQ(0, call(request_asked, broker, &w));
		ATF_CHECK_EQ(400, refused_status());
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, either_order);
	ATF_TP_ADD_TC(tp, expiry);
	ATF_TP_ADD_TC(tp, rows_never_come);
	ATF_TP_ADD_TC(tp, once);
	ATF_TP_ADD_TC(tp, other_front);
	ATF_TP_ADD_TC(tp, other_digest);
	ATF_TP_ADD_TC(tp, limits);
	ATF_TP_ADD_TC(tp, down);
	ATF_TP_ADD_TC(tp, bodies);
	return (atf_no_error());
}

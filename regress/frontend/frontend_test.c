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
 * The real frontend with the real signer; broker, auth, engines and maker
 * are played.  The client is one that speaks TLS and sends what it is told.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <tls.h>

#include "base64.h"
#include "digest.h"
#include "frontend.h"
#include "rig.h"

#define WAIT	20000
#define SOON	8000	/* before a handshake or a drain is given up */
#define FRONT	0x1234
#define KEYID	"0c3d9f0e-8f0a-4c6b-9d3e-2f1b5a7c9e10"
#define OTHERID	"1c3d9f0e-8f0a-4c6b-9d3e-2f1b5a7c9e11"
#define BEARER	"Authorization: Bearer abc.def-_~+/==\r\n"
#define ACCEPT	"Accept: application/json\r\n"
#define TYPE	"Content-Type: application/json\r\n"

struct rig {
	struct child	*signer;
	struct child	*front;
	struct peer	*broker;
	struct peer	*auth;
	struct peer	*engine[2];
	struct peer	*maker;
	int		 port;
};

struct client {
	struct tls	*tls;
	int		 fd;
	char		 buf[256 * 1024];
	size_t		 len;
};

struct response {
	int	 status;
	char	 head[8192];
	char	 body[200 * 1024];
	size_t	 bodylen;
};

/* --- the processes ------------------------------------------------------ */

static void
give_edge(struct child *c, enum process_kind kind, uint32_t front, int fd)
{
	struct wbuf	 w = { 0 };

	wb_u32(&w, kind);
	wb_u32(&w, 0);
	wb_u32(&w, front);
	peer_sendfd(child_parent(c), IMSG_PROCESS_EDGE, &w, fd);
}

/* A real edge between two real processes. */
static void
join_signer(struct rig *rig, enum process_kind kind)
{
	int	 sv[2];

	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0, sv) == 0);
	give_edge(rig->signer, kind, FRONT, sv[0]);
	give_edge(rig->front, PROC_SIGNER, 0, sv[1]);
}

static uint32_t	 address_rate;	/* requests per second; 0: any number */

static void
start_front(struct rig *rig, enum process_kind kind, enum role role,
    uint32_t connections)
{
	struct wbuf	 w = { 0 };
	uint32_t	 all[LIMIT_MAX];
	int		 fd;

	memset(rig, 0, sizeof(*rig));
	limits_default(all);
	all[LIMIT_CONNECTIONS] = connections;
	all[LIMIT_IDLE_TIME] = 3600;
	all[LIMIT_ADDRESS_RATE] = all[LIMIT_ADDRESS_BURST] = address_rate;
	rig->signer = signer_start();
	rig->front = child_start("frontend", kind, 0, FRONT, NULL);
	wb_u8(&w, role);
	wb_u32(&w, 2);
	wb_u32(&w, 1);
	wb_limits(&w, all);
	child_config(rig->front, &w);
	child_descriptor(rig->front, FD_LISTEN, listener(&rig->port));
	ATF_REQUIRE((fd = open("tls.crt", O_RDONLY)) != -1);
	child_descriptor(rig->front, FD_TLS_CERT, fd);
	child_go(rig->front);
	join_signer(rig, kind);
	rig->broker = child_edge(rig->front, PROC_BROKER, 0, 0);
	rig->engine[0] = child_edge(rig->front, PROC_ENGINE, 0, 0);
	rig->engine[1] = child_edge(rig->front, PROC_ENGINE, 1, 0);
	if (kind == PROC_FRONTEND) {
		rig->auth = child_edge(rig->front, PROC_AUTH, 0, 0);
		rig->maker = child_edge(rig->front, PROC_MAKER, 0, 0);
	}
	peer_send(child_parent(rig->front), IMSG_PROCESS_ACCEPT, &w);
}

static void
start(struct rig *rig)
{
	start_front(rig, PROC_FRONTEND, ROLE_ALL, 4096);
}

static void
end(struct rig *rig)
{
	ends(rig->front, 0);
	ends(rig->signer, 0);
}

/*
 * A signer of ours, and the end to be given to who is to ask it: the runtime
 * waits for it, so must nobody else.
 */
static int
play_signer(struct imsgbuf *ibuf)
{
	int	 sv[2];

	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0, sv) == 0);
	ATF_REQUIRE(imsgbuf_init(ibuf, sv[0]) == 0);
	return (sv[1]);
}

/* The id of its next question; -1: it was closed. */
static int64_t
signer_asked(struct imsgbuf *ibuf)
{
	struct pollfd	 pfd = { .fd = ibuf->fd, .events = POLLIN };
	struct imsg	 imsg;
	struct rbuf	 r;

	while (imsg_get(ibuf, &imsg) == 0) {
		ATF_REQUIRE(poll(&pfd, 1, WAIT) == 1);
		if (imsgbuf_read(ibuf) == 0)
			return (-1);
	}
	ATF_CHECK_EQ(IMSG_SIGNER_SIGN, imsg.hdr.type);
	rb_init(&r, imsg.data, imsg.hdr.len - IMSG_HEADER_SIZE);
	return (rb_u32(&r));
}

static void
unplay_signer(struct imsgbuf *ibuf)
{
	close(ibuf->fd);
	imsgbuf_clear(ibuf);
}

/* --- the client --------------------------------------------------------- */

static in_addr_t	 source = INADDR_LOOPBACK;

static int
tcp(const struct rig *rig)
{
	return (dial(source, rig->port));
}

static struct tls *
tls_over(int fd, uint32_t protocols)
{
	struct tls_config	*config = tls_config_new();
	struct tls		*tls = tls_client();

	ATF_REQUIRE(config != NULL && tls != NULL);
	ATF_REQUIRE(tls_config_set_ca_file(config, "tls.crt") == 0);
	ATF_REQUIRE(tls_config_set_protocols(config, protocols) == 0);
	ATF_REQUIRE(tls_configure(tls, config) == 0);
	tls_config_free(config);
	ATF_REQUIRE(tls_connect_socket(tls, fd, "localhost") == 0);
	return (tls);
}

static struct client *
client(const struct rig *rig)
{
	struct client	*c = calloc(1, sizeof(*c));

	ATF_REQUIRE(c != NULL);
	c->fd = tcp(rig);
	c->tls = tls_over(c->fd, TLS_PROTOCOLS_ALL);
	ATF_REQUIRE_MSG(tls_handshake(c->tls) == 0, "%s", tls_error(c->tls));
	return (c);
}

static void
client_end(struct client *c)
{
	tls_close(c->tls);
	tls_free(c->tls);
	close(c->fd);
	free(c);
}

static void
put(struct client *c, const void *data, size_t len)
{
	const char	*p = data;
	ssize_t		 n;

	while (len > 0) {
		n = tls_write(c->tls, p, len);
		ATF_REQUIRE_MSG(n > 0, "%s", tls_error(c->tls));
		p += n;
		len -= (size_t)n;
	}
}

static void	send_request(struct client *, const char *, const char *,
		    const char *, const char *);

/* Head lines each end in CRLF. */
static void
send_request(struct client *c, const char *method, const char *path,
    const char *fields, const char *body)
{
	static char	 text[200 * 1024];
	char		 length[64] = "";
	int		 n;

	if (body != NULL)
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n",
		    strlen(body));
	n = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: kbs\r\n"
	    "%s%s\r\n%s", method, path, fields, length,
	    body == NULL ? "" : body);
	ATF_REQUIRE(n > 0 && (size_t)n < sizeof(text));
	put(c, text, (size_t)n);
}

/* 0, or -1 when the connection ends. */
static int
more(struct client *c, int ms)
{
	struct pollfd	 pfd = { .fd = c->fd, .events = POLLIN };
	ssize_t		 n;

	ATF_REQUIRE_MSG(poll(&pfd, 1, ms) == 1, "no answer in time");
	ATF_REQUIRE(c->len < sizeof(c->buf) - 1);
	do {
		n = tls_read(c->tls, c->buf + c->len,
		    sizeof(c->buf) - 1 - c->len);
	} while (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT);
	if (n <= 0)
		return (-1);
	c->len += (size_t)n;
	c->buf[c->len] = '\0';
	return (0);
}

static const char *
field(const struct response *r, const char *name)
{
	static char	 value[1024];
	const char	*p = r->head;
	size_t		 len = strlen(name);

	while ((p = strstr(p, "\r\n")) != NULL) {
		p += 2;
		if (strncasecmp(p, name, len) != 0 || p[len] != ':')
			continue;
		p += len + 1 + strspn(p + len + 1, " ");
		len = strcspn(p, "\r\n");
		memcpy(value, p, len);
		value[len] = '\0';
		return (value);
	}
	return (NULL);
}

static void
response_ms(struct client *c, struct response *r, int ms)
{
	const char	*end, *length;
	size_t		 headlen;

	while ((end = strstr(c->buf, "\r\n\r\n")) == NULL)
		ATF_REQUIRE_MSG(more(c, ms) == 0, "closed, no answer");
	memset(r, 0, sizeof(*r));
	headlen = (size_t)(end - c->buf) + 4;
	ATF_REQUIRE(headlen < sizeof(r->head));
	memcpy(r->head, c->buf, headlen);
	ATF_REQUIRE(sscanf(r->head, "HTTP/1.1 %d ", &r->status) == 1);
	if ((length = field(r, "Content-Length")) != NULL)
		r->bodylen = (size_t)atol(length);
	ATF_REQUIRE(r->bodylen < sizeof(r->body));
	while (c->len < headlen + r->bodylen)
		ATF_REQUIRE(more(c, ms) == 0);
	memcpy(r->body, c->buf + headlen, r->bodylen);
	c->len -= headlen + r->bodylen;
	memmove(c->buf, c->buf + headlen + r->bodylen, c->len);
	c->buf[c->len] = '\0';
}

static void
response(struct client *c, struct response *r)
{
	response_ms(c, r, WAIT);
}

/* Nothing but the end comes. */
static int
closed(struct client *c, int ms)
{
	return (more(c, ms) == -1);
}

/* --- what the played processes say -------------------------------------- */

struct asked {
	uint64_t	 number;
	struct ask	 ask;
	uint8_t		 sum[DIGEST_LEN];
};

static void
recv_ask(struct rig *rig, struct asked *a)
{
	struct rbuf	 r, inner;
	const uint8_t	*bytes;
	char		 address[ADDRESS_TEXT_MAX];
	size_t		 len;

	peer_recv(rig->broker, IMSG_BROKER_ASK, &r, WAIT);
	a->number = rb_u64(&r);
	rb_str(&r, address, sizeof(address));
	ATF_CHECK_STREQ("127.0.0.1", address);
	bytes = rb_bytes(&r, &len, 1, 100000);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	digest(a->sum, bytes, len);
	rb_init(&inner, bytes, len);
	rb_ask(&inner, &a->ask);
	ATF_REQUIRE_EQ(0, rb_end(&inner));
}

/* The other half: the same number and digest; the password it brings. */
static void
recv_claim(struct rig *rig, const struct asked *a, const char *password)
{
	struct rbuf	 r;
	const uint8_t	*p;
	char		 token[BEARER_TEXT_MAX + 1];
	uint8_t		 sum[DIGEST_LEN];
	size_t		 len;

	peer_recv(rig->auth, IMSG_AUTH_CLAIM, &r, WAIT);
	ATF_CHECK_EQ(a->number, rb_u64(&r));
	rb_str(&r, token, sizeof(token));
	ATF_CHECK_STREQ("abc.def-_~+/==", token);
	rb_digest(&r, sum);
	ATF_CHECK_EQ(0, memcmp(sum, a->sum, sizeof(sum)));
	p = rb_bytes(&r, &len, 0, 100);
	ATF_CHECK_EQ(0, rb_end(&r));
	ATF_CHECK(len == strlen(password) && (len == 0 ||
	    memcmp(p, password, len) == 0));
}

static void
put_answer(struct wbuf *w, uint64_t number, int status, const char *error,
    uint8_t tees, uint8_t kind, uint32_t count)
{
	wb_u64(w, number);
	wb_u16(w, (uint16_t)status);
	wb_u16(w, status == 429 ? 60 : 0);
	wb_str(w, error);
	wb_u8(w, tees);
	wb_u8(w, kind);
	wb_u32(w, count);
}

static void
answer(struct rig *rig, uint64_t number, int status, const char *error)
{
	struct wbuf	 w = { 0 };

	put_answer(&w, number, status, error, 0, ANSWER_NONE, 0);
	peer_send(rig->broker, IMSG_FRONTEND_ANSWER, &w);
}

static uint32_t	version;		/* that is asked for next */

static uint64_t
recv_transfer(struct rig *rig, uint8_t step, struct evidence *e)
{
	struct rbuf	 r, inner;
	struct uuid	 id;
	const uint8_t	*bytes;
	char		 text[UUID_TEXT];
	size_t		 len;
	uint64_t	 number;

	peer_recv(rig->broker, IMSG_BROKER_TRANSFER, &r, WAIT);
	number = rb_u64(&r);
	rb_str(&r, text, sizeof(text));
	ATF_CHECK_STREQ("127.0.0.1", text);
	rb_uuid(&r, &id);
	ATF_CHECK_STREQ(KEYID, uuid_format(&id, text));
	ATF_CHECK_EQ(step, rb_u8(&r));
	ATF_CHECK_EQ(version, rb_u32(&r));
	bytes = rb_bytes(&r, &len, 0, EVIDENCE_MAX);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	if (e == NULL) {
		ATF_CHECK_EQ(0, len);
		return (number);
	}
	rb_init(&inner, bytes, len);
	rb_evidence(&inner, e);
	ATF_REQUIRE_EQ(0, rb_end(&inner));
	return (number);
}

static void
wrapped(struct rig *rig, uint64_t number, uint8_t tees, const char *swk)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, number);
	wb_u8(&w, tees);
	wb_str(&w, "wrapped");
	wb_str(&w, swk);
	peer_send(rig->engine[number % 2], IMSG_FRONTEND_WRAPPED, &w);
}

/* --- cases -------------------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(version);
ATF_TC_BODY(version, tc)
{
	struct rig	 rig;
	struct client	*c;
	struct response	 r;

	start(&rig);
	c = client(&rig);
	ATF_CHECK_STREQ("TLSv1.3", tls_conn_version(c->tls));
	send_request(c, "GET", "/kbs/v1/version", "", NULL);
	response(c, &r);
	ATF_CHECK_EQ(200, r.status);
	ATF_CHECK_STREQ("application/json", field(&r, "Content-Type"));
	ATF_CHECK_STREQ("00001234-0000000000000001",
	    field(&r, "X-Request-Id"));
	ATF_CHECK(strstr(r.body, "\"name\":\"Key Broker Service\"") != NULL);
	ATF_CHECK(strstr(r.body, "\"gitHash\":") != NULL);
	ATF_CHECK(strstr(r.body, "\"buildDate\":") != NULL);
	ATF_CHECK_EQ(NULL, field(&r, "Connection"));
	ATF_CHECK(child_logged(rig.front, "request 00001234-0000000000000001 "
	    "127.0.0.1 GET /kbs/v1/version 200", AGES));
	/* the connection goes on, numbers rise */
	send_request(c, "GET", "/kbs/v1/version", "Connection: close\r\n",
	    NULL);
	response(c, &r);
	ATF_CHECK_STREQ("00001234-0000000000000002",
	    field(&r, "X-Request-Id"));
	ATF_CHECK_STREQ("close", field(&r, "Connection"));
	ATF_CHECK(closed(c, WAIT));
	client_end(c);
	end(&rig);
}

static const struct {
	const char	*method;
	const char	*path;
	const char	*fields;
	const char	*body;
	int		 status;
	const char	*allow;
} local[] = {
	{ "GET", "/", "", NULL, 404, NULL },
	{ "GET", "/kbs/v1", "", NULL, 404, NULL },
	{ "GET", "/kbs/v1/", "", NULL, 404, NULL },
	{ "GET", "/kbs/v1/version/", "", NULL, 404, NULL },
	{ "GET", "/kbs/v1/%76ersion", "", NULL, 404, NULL },
	{ "GET", "/kbs/v1//version", "", NULL, 404, NULL },
	{ "GET", "/KBS/v1/version", "", NULL, 404, NULL },
	{ "GET", "/kbs/v1/keys/1", BEARER, NULL, 404, NULL },
	/* version 1, variant, upper case of a prefix, a tail */
	{ "GET", "/kbs/v1/keys/0c3d9f0e-8f0a-1c6b-9d3e-2f1b5a7c9e10", "",
	    NULL, 404, NULL },
	{ "GET", "/kbs/v1/keys/0c3d9f0e-8f0a-4c6b-cd3e-2f1b5a7c9e10", "",
	    NULL, 404, NULL },
	{ "GET", "/kbs/v1/keys/" KEYID "0", "", NULL, 404, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer/x", "", NULL, 404, NULL },
	{ "POST", "/kbs/v1/version", "", "{}", 405, "GET" },
	{ "HEAD", "/kbs/v1/version", "", NULL, 405, "GET" },
	{ "GET", "/kbs/v1/token", "", NULL, 405, "POST" },
	{ "PATCH", "/kbs/v1/users", "", NULL, 405, "POST, GET" },
	{ "OPTIONS", "/kbs/v1/keys/" KEYID, "", NULL, 405,
	    "GET, PUT, DELETE, POST" },
	{ "GET", "/kbs/v1/keys/" KEYID "/transfer", "", NULL, 405, "POST" },
	/* no token, or what is none */
	{ "GET", "/kbs/v1/keys/" KEYID, ACCEPT, NULL, 401, NULL },
	{ "POST", "/kbs/v1/keys", "", "nonsense", 401, NULL },
	{ "GET", "/kbs/v1/users", "Authorization: Basic abc\r\n", NULL, 401,
	    NULL },
	{ "GET", "/kbs/v1/users", "Authorization: Bearer\r\n", NULL, 401,
	    NULL },
	{ "GET", "/kbs/v1/users", "Authorization: Bearer a b\r\n", NULL, 401,
	    NULL },
	{ "GET", "/kbs/v1/users", "Authorization: Bearer a=b\r\n", NULL, 401,
	    NULL },
	{ "GET", "/kbs/v1/users", BEARER BEARER, NULL, 401, NULL },
	/* no token is wanted: types, then bodies */
	{ "POST", "/kbs/v1/token", "", "{}", 415, NULL },
	{ "POST", "/kbs/v1/token", TYPE, "{}", 415, NULL },
	{ "POST", "/kbs/v1/token", TYPE ACCEPT, "{}", 415, NULL },
	{ "POST", "/kbs/v1/token", "Accept: application/jwt\r\n", "{}", 415,
	    NULL },
	{ "POST", "/kbs/v1/token", TYPE "Accept: application/jwt\r\n", "{}",
	    400, NULL },
	{ "POST", "/kbs/v1/token", TYPE "Accept: */*\r\n", "", 400, NULL },
	{ "POST", "/kbs/v1/token", TYPE "Accept: */*\r\n", NULL, 400, NULL },
	{ "POST", "/kbs/v1/token", TYPE "Accept: */*\r\n",
	    "{\"username\":\"\",\"password\":\"x\"}", 400, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer", "", NULL, 415, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer?version=", ACCEPT, NULL,
	    400, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer?version=0", ACCEPT, NULL,
	    400, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer?version=-1", ACCEPT, NULL,
	    400, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer?version=+1", ACCEPT, NULL,
	    400, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer?version=1x", ACCEPT, NULL,
	    400, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer?version=4294967296",
	    ACCEPT, NULL, 400, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer?version=1&version=2",
	    ACCEPT, NULL, 400, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer", ACCEPT, "{}", 415,
	    NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer", ACCEPT TYPE, "{}", 400,
	    NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer", ACCEPT TYPE,
	    "{\"attestation_token\":\"\"}", 400, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer", ACCEPT
	    "Attestation-Type: TDX\r\n", NULL, 400, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer", ACCEPT TYPE
	    "Attestation-Type: XYZ\r\n", "{\"quote\":\"AAAA\"}", 400, NULL },
	{ "POST", "/kbs/v1/keys/" KEYID "/transfer", ACCEPT TYPE
	    "Attestation-Type: TDX\r\nAttestation-Type: TDX\r\n",
	    "{\"quote\":\"AAAA\"}", 400, NULL },
};

ATF_TC_WITHOUT_HEAD(refused_here);
ATF_TC_BODY(refused_here, tc)
{
	struct rig	 rig;
	struct client	*c;
	struct response	 r;
	const char	*value;
	size_t		 i;

	start(&rig);
	c = client(&rig);
	for (i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		send_request(c, local[i].method, local[i].path,
		    local[i].fields, local[i].body);
		if (strcmp(local[i].method, "HEAD") == 0) {
			/* its Content-Length is of what does not come */
			client_end(c);
			c = client(&rig);
			continue;
		}
		response(c, &r);
		ATF_CHECK_MSG(r.status == local[i].status,
		    "%zu: %s %s: %d, not %d: %s", i, local[i].method,
		    local[i].path, r.status, local[i].status, r.body);
		ATF_CHECK_MSG(strncmp(r.body, "{\"error\":\"", 10) == 0,
		    "%s", r.body);
		ATF_CHECK(field(&r, "X-Request-Id") != NULL);
		value = field(&r, "Allow");
		ATF_CHECK_MSG(local[i].allow == NULL ? value == NULL :
		    (value != NULL && strcmp(value, local[i].allow) == 0),
		    "%s %s: %s", local[i].method, local[i].path, value);
	}
	ATF_CHECK(peer_silent(rig.broker, 100));
	ATF_CHECK(peer_silent(rig.auth, 0));
	client_end(c);
	end(&rig);
}

#define USER	"{\"username\":\"ann\",\"password\":\"hunter2hunter2\"," \
		"\"permissions\":[\"keys:create\"]}"
#define POLICY	"{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":{" \
		"\"isvprodid\":[1]}}}"

/* Each request that goes to broker and auth. */
static const struct {
	const char	*method;
	const char	*path;
	const char	*body;
	enum operation	 op;
	int		 hasid;
	const char	*password;
	uint8_t		 filter;
} asks[] = {
	{ "POST", "/users", USER, OP_USER_CREATE, 0, "hunter2hunter2", 0 },
	{ "GET", "/users?username=ann", NULL, OP_USER_SEARCH, 0, "",
	    FILTER_NAME },
	{ "GET", "/users/" KEYID, NULL, OP_USER_FIND, 1, "", 0 },
	{ "PUT", "/users/" KEYID, "{\"password\":\"hunter3hunter3\"}",
	    OP_USER_UPDATE, 1, "hunter3hunter3", 0 },
	{ "DELETE", "/users/" KEYID, NULL, OP_USER_DELETE, 1, "", 0 },
	{ "POST", "/key-transfer-policies", POLICY, OP_POLICY_CREATE, 0, "",
	    0 },
	{ "GET", "/key-transfer-policies", NULL, OP_POLICY_SEARCH, 0, "",
	    0 },
	{ "GET", "/key-transfer-policies/" KEYID, NULL, OP_POLICY_FIND, 1,
	    "", 0 },
	{ "DELETE", "/key-transfer-policies/" KEYID, NULL, OP_POLICY_DELETE,
	    1, "", 0 },
	{ "POST", "/keys", "{\"key_information\":{\"algorithm\":\"AES\","
	    "\"key_length\":256}}", OP_KEY_CREATE, 0, "", 0 },
	{ "GET", "/keys?algorithm=AES&keyLength=256", NULL, OP_KEY_SEARCH, 0,
	    "", FILTER_ALGORITHM | FILTER_LENGTH },
	{ "GET", "/keys/0C3D9F0E-8F0A-4C6B-9D3E-2F1B5A7C9E10", NULL,
	    OP_KEY_FIND, 1, "", 0 },
	{ "PUT", "/keys/" KEYID, "{\"transfer_policy_id\":\"" OTHERID "\"}",
	    OP_KEY_MOVE, 1, "", 0 },
	{ "DELETE", "/keys/" KEYID, NULL, OP_KEY_DELETE, 1, "", 0 },
};

ATF_TC_WITHOUT_HEAD(asked);
ATF_TC_BODY(asked, tc)
{
	struct rig	 rig;
	struct client	*c;
	struct response	 r;
	struct asked	 a;
	char		 path[256], id[UUID_TEXT];
	size_t		 i;

	start(&rig);
	c = client(&rig);
	for (i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		snprintf(path, sizeof(path), "/kbs/v1%s", asks[i].path);
		send_request(c, asks[i].method, path, asks[i].body != NULL ?
		    BEARER ACCEPT TYPE : BEARER ACCEPT, asks[i].body);
		recv_ask(&rig, &a);
		ATF_CHECK_MSG(a.ask.op == asks[i].op, "%s", path);
		ATF_CHECK_STREQ(asks[i].hasid ? KEYID :
		    "00000000-0000-0000-0000-000000000000",
		    uuid_format(&a.ask.id, id));
		ATF_CHECK_EQ(asks[i].filter, a.ask.filter);
		ATF_CHECK_EQ(asks[i].password[0] != '\0', a.ask.has_password);
		recv_claim(&rig, &a, asks[i].password);
		answer(&rig, a.number, i % 2 == 0 ? 404 : 204,
		    i % 2 == 0 ? "not here" : "");
		response(c, &r);
		ATF_CHECK_EQ(i % 2 == 0 ? 404 : 204, r.status);
		if (i % 2 == 0)
			ATF_CHECK_STREQ("{\"error\":\"not here\"}", r.body);
		else
			ATF_CHECK_EQ(0, r.bodylen);
	}
	client_end(c);
	end(&rig);
}

static void
some_key(struct key_record *k)
{
	memset(k, 0, sizeof(*k));
	uuid_parse(&k->id, KEYID, 36);
	uuid_parse(&k->policy, OTHERID, 36);
	k->version = 1;
	strlcpy(k->keystore, "main", sizeof(k->keystore));
	k->algorithm = ALG_AES;
	k->length = 256;
	k->state = KEY_ACTIVE;
	k->created = 1700000000;
	k->row_version = 1;
}

/* Objects in answers, one and many, none and too few. */
ATF_TC_WITHOUT_HEAD(objects);
ATF_TC_BODY(objects, tc)
{
	struct rig		 rig;
	struct client		*c;
	struct response		 r;
	struct asked		 a;
	struct key_record	 key;
	struct user_record	 user = { .name = "ann", .permissions = 3 };
	struct policy_record	 policy = { .text = "{\"x\":1}",
				    .textlen = 7 };
	struct wbuf		 w = { 0 };
	uint8_t			 kind;

	start(&rig);
	c = client(&rig);
	some_key(&key);
	user.id = policy.id = key.id;
	for (kind = ANSWER_KEY; kind <= ANSWER_USERS; kind++) {
		send_request(c, "GET", "/kbs/v1/keys/" KEYID, BEARER ACCEPT,
		    NULL);
		recv_ask(&rig, &a);
		recv_claim(&rig, &a, "");
		put_answer(&w, a.number, 200, "", 0, kind,
		    kind == ANSWER_KEYS ? 2 : kind == ANSWER_POLICIES ? 0 : 1);
		if (kind == ANSWER_KEY || kind == ANSWER_KEYS)
			wb_key_record(&w, &key);
		if (kind == ANSWER_KEYS)
			wb_key_record(&w, &key);
		if (kind == ANSWER_POLICY)
			wb_policy_record(&w, &policy);
		if (kind == ANSWER_USER || kind == ANSWER_USERS)
			wb_user_record(&w, &user);
		peer_send(rig.broker, IMSG_FRONTEND_ANSWER, &w);
		response(c, &r);
		ATF_CHECK_EQ(200, r.status);
		ATF_CHECK_EQ(kind == ANSWER_KEYS || kind == ANSWER_POLICIES ||
		    kind == ANSWER_USERS, r.body[0] == '[');
		if (kind == ANSWER_POLICIES)
			ATF_CHECK_STREQ("[]", r.body);
		else
			ATF_CHECK(strstr(r.body, "\"id\":\"" KEYID "\"") !=
			    NULL);
		if (kind == ANSWER_USER)
			ATF_CHECK(strstr(r.body, "\"username\":\"ann\"") !=
			    NULL);
	}
	ATF_CHECK(strstr(r.body, "keys:create") != NULL);
	client_end(c);
	end(&rig);
}

/* What we refuse ourselves, and only a good token is told. */
static const struct {
	const char	*method;
	const char	*path;
	const char	*fields;
	const char	*body;
	enum operation	 op;
	int		 status;
} checks[] = {
	{ "GET", "/keys/" KEYID, BEARER, NULL, OP_KEY_FIND, 415 },
	{ "GET", "/keys", BEARER ACCEPT, NULL, OP_KEY_SEARCH, 400 },
	{ "GET", "/keys?x=1", BEARER ACCEPT, NULL, OP_KEY_SEARCH, 400 },
	{ "GET", "/keys?keyLength=256&keyLength=128", BEARER ACCEPT, NULL,
	    OP_KEY_SEARCH, 400 },
	{ "GET", "/keys?algorithm=ROT13", BEARER ACCEPT, NULL, OP_KEY_SEARCH,
	    400 },
	{ "GET", "/users?username=a;b", BEARER ACCEPT, NULL, OP_USER_SEARCH,
	    400 },
	{ "GET", "/key-transfer-policies?x=1", BEARER ACCEPT, NULL,
	    OP_POLICY_SEARCH, 400 },
	{ "POST", "/keys", BEARER ACCEPT, "{}", OP_KEY_CREATE, 415 },
	{ "POST", "/keys", BEARER ACCEPT TYPE, "{}", OP_KEY_CREATE, 400 },
	{ "POST", "/keys", BEARER ACCEPT TYPE, "", OP_KEY_CREATE, 400 },
	{ "POST", "/keys", BEARER ACCEPT TYPE, "{\"a\":1,\"a\":1}",
	    OP_KEY_CREATE, 400 },
	{ "POST", "/users", BEARER ACCEPT TYPE, "{\"username\":\"ann\"}",
	    OP_USER_CREATE, 400 },
	{ "PUT", "/keys/" KEYID, BEARER ACCEPT TYPE, "{}", OP_KEY_MOVE, 400 },
	{ "POST", "/keys/" KEYID, BEARER ACCEPT TYPE, "x", OP_KEY_RELEASE,
	    415 },
	{ "POST", "/keys/" KEYID, BEARER ACCEPT
	    "Content-Type: application/x-pem-file\r\n", "x", OP_KEY_RELEASE,
	    400 },
	{ "POST", "/keys", BEARER ACCEPT TYPE "Content-Length: 65537\r\n",
	    NULL, OP_KEY_CREATE, 413 },
};

ATF_TC_WITHOUT_HEAD(order);
ATF_TC_BODY(order, tc)
{
	struct rig	 rig;
	struct client	*c;
	struct response	 r;
	struct asked	 a;
	char		 path[256];
	size_t		 i;
	int		 good;

	start(&rig);
	c = client(&rig);
	for (i = 0; i < 2 * sizeof(checks) / sizeof(checks[0]); i++) {
		good = i % 2;
		snprintf(path, sizeof(path), "/kbs/v1%s", checks[i / 2].path);
		send_request(c, checks[i / 2].method, path,
		    checks[i / 2].fields, checks[i / 2].body);
		recv_ask(&rig, &a);
		ATF_CHECK_EQ(FILTER_CHECK, a.ask.filter);
		ATF_CHECK_EQ(checks[i / 2].op, a.ask.op);
		recv_claim(&rig, &a, "");
		answer(&rig, a.number, good ? 200 : 401,
		    good ? "" : "Unauthorized");
		response(c, &r);
		ATF_CHECK_MSG(r.status == (good ? checks[i / 2].status : 401),
		    "%s %s: %d %s", checks[i / 2].method, path, r.status,
		    r.body);
		ATF_CHECK(r.bodylen > 0);
		if (checks[i / 2].status == 413) {
			ATF_CHECK_STREQ("close", field(&r, "Connection"));
			ATF_CHECK(closed(c, WAIT));
			client_end(c);
			c = client(&rig);
		}
	}
	client_end(c);
	end(&rig);
}

ATF_TC_WITHOUT_HEAD(login);
ATF_TC_BODY(login, tc)
{
	static const int	 statuses[] = { 200, 401, 429 };
	struct rig		 rig;
	struct client		*c;
	struct response		 r;
	struct rbuf		 rb;
	struct wbuf		 w = { 0 };
	const uint8_t		*p;
	char			 text[NAME_MAX_USER];
	size_t			 i, len;
	uint64_t		 number;

	start(&rig);
	c = client(&rig);
	for (i = 0; i < 3; i++) {
		send_request(c, "POST", "/kbs/v1/token", TYPE
		    "Accept: application/jwt\r\n",
		    "{\"username\":\"ann\",\"password\":\"secret words\"}");
		peer_recv(rig.auth, IMSG_AUTH_LOGIN, &rb, WAIT);
		number = rb_u64(&rb);
		rb_str(&rb, text, sizeof(text));
		ATF_CHECK_STREQ("127.0.0.1", text);
		rb_str(&rb, text, sizeof(text));
		ATF_CHECK_STREQ("ann", text);
		p = rb_bytes(&rb, &len, 0, 100);
		ATF_CHECK(len == 12 && memcmp(p, "secret words", 12) == 0);
		ATF_CHECK_EQ(0, rb_end(&rb));
		wb_u64(&w, number);
		wb_u16(&w, (uint16_t)statuses[i]);
		wb_u16(&w, statuses[i] == 429 ? 900 : 0);
		wb_str(&w, statuses[i] == 200 ? "" : "no");
		wb_str(&w, statuses[i] == 200 ? "the.token" : "");
		peer_send(rig.auth, IMSG_FRONTEND_TOKEN, &w);
		response(c, &r);
		ATF_CHECK_EQ(statuses[i], r.status);
		ATF_CHECK_STREQ(i == 0 ? "the.token" : "{\"error\":\"no\"}",
		    r.body);
		if (i == 0)
			ATF_CHECK_STREQ("application/jwt",
			    field(&r, "Content-Type"));
		if (i == 2)
			ATF_CHECK_STREQ("900", field(&r, "Retry-After"));
	}
	ATF_CHECK(field(&r, "Strict-Transport-Security") != NULL);
	ATF_CHECK(peer_silent(rig.broker, 100));
	ATF_CHECK(!child_logged(rig.front, "secret", 0));
	client_end(c);
	end(&rig);
}

#define TRANSFER	"/kbs/v1/keys/" KEYID "/transfer"

ATF_TC_WITHOUT_HEAD(transfer);
ATF_TC_BODY(transfer, tc)
{
	struct rig	 rig;
	struct client	*c;
	struct response	 r;
	struct evidence	 e;
	struct wbuf	 w = { 0 };
	uint64_t	 n;

	start_front(&rig, PROC_GATE, ROLE_TRANSFER, 100);
	c = client(&rig);
	send_request(c, "POST", TRANSFER, ACCEPT, NULL);
	n = recv_transfer(&rig, TRANSFER_FIRST, NULL);
	put_answer(&w, n, 200, "", TEE_TDX, ANSWER_NONCE, 1);
	wb_str(&w, "vvv");
	wb_str(&w, "iii");
	wb_str(&w, "sss");
	peer_send(rig.broker, IMSG_FRONTEND_ANSWER, &w);
	response(c, &r);
	ATF_CHECK_EQ(200, r.status);
	ATF_CHECK_STREQ("TDX", field(&r, "Attestation-Type"));
	ATF_CHECK_STREQ("{\"val\":\"dnZ2\",\"iat\":\"aWlp\","
	    "\"signature\":\"c3Nz\"}", r.body);

	send_request(c, "POST", TRANSFER, ACCEPT TYPE
	    "Attestation-Type: TDX\r\n", "{\"quote\":\"cXVvdGU=\","
	    "\"user_data\":\"dWQ=\",\"nonce\":{\"val\":\"dnZ2\","
	    "\"iat\":\"aWlp\",\"signature\":\"c3Nz\"}}");
	n = recv_transfer(&rig, TRANSFER_EVIDENCE, &e);
	ATF_CHECK_EQ(TEE_TDX, e.tees);
	ATF_CHECK(e.quotelen == 5 && memcmp(e.quote, "quote", 5) == 0);
	ATF_CHECK(e.has_nonce && e.nonce_vallen == 3);
	wrapped(&rig, n, TEE_TDX, "swk");
	response(c, &r);
	ATF_CHECK_EQ(200, r.status);
	ATF_CHECK_STREQ("TDX", field(&r, "Attestation-Type"));
	ATF_CHECK_STREQ("{\"wrapped_key\":\"d3JhcHBlZA==\","
	    "\"wrapped_swk\":\"c3dr\"}", r.body);

	send_request(c, "POST", TRANSFER "?a=b&version=4294967295", ACCEPT
	    TYPE, "{\"attestation_token\":\"a.b.c\"}");
	version = UINT32_MAX;
	n = recv_transfer(&rig, TRANSFER_TOKEN, &e);
	version = 0;
	ATF_CHECK(e.tokenlen == 5 && memcmp(e.token, "a.b.c", 5) == 0);
	answer(&rig, n, 401, "attestation refused");
	response(c, &r);
	ATF_CHECK_EQ(401, r.status);
	ATF_CHECK_STREQ("{\"error\":\"attestation refused\"}", r.body);
	ATF_CHECK_EQ(NULL, field(&r, "WWW-Authenticate"));
	/* late: dropped */
	answer(&rig, n, 200, "");
	wrapped(&rig, n, TEE_TDX, "swk");
	send_request(c, "GET", "/kbs/v1/version", "", NULL);
	response(c, &r);
	ATF_CHECK_EQ(200, r.status);

	/* a gate has nothing else */
	send_request(c, "POST", "/kbs/v1/token", TYPE, "{}");
	response(c, &r);
	ATF_CHECK_EQ(404, r.status);
	send_request(c, "GET", "/kbs/v1/keys/" KEYID, BEARER ACCEPT, NULL);
	response(c, &r);
	ATF_CHECK_EQ(404, r.status);
	client_end(c);
	end(&rig);
}

static void
b64(char *out, size_t size, const void *data, size_t len)
{
	ATF_REQUIRE(base64_encode(out, size, data, len) > 0);
}

ATF_TC_WITHOUT_HEAD(registered);
ATF_TC_BODY(registered, tc)
{
	struct rig	 rig;
	struct client	*c;
	struct response	 r;
	struct asked	 a;
	struct rbuf	 rb;
	const uint8_t	*p;
	uint8_t		 key[32], sum[DIGEST_LEN];
	char		 text[64], body[256];
	size_t		 len;
	uint64_t	 number;

	start(&rig);
	c = client(&rig);
	memset(key, 0x42, sizeof(key));
	b64(text, sizeof(text), key, sizeof(key));
	snprintf(body, sizeof(body), "{\"key_information\":{\"algorithm\":"
	    "\"AES\",\"key_length\":256,\"key_data\":\"%s\"}}", text);
	send_request(c, "POST", "/kbs/v1/keys", BEARER ACCEPT TYPE, body);
	peer_recv(rig.maker, IMSG_MAKER_MATERIAL, &rb, WAIT);
	number = rb_u64(&rb);
	p = rb_bytes(&rb, &len, 0, MATERIAL_MAX);
	ATF_CHECK(rb_end(&rb) == 0 && len == 32 && memcmp(p, key, 32) == 0);
	recv_ask(&rig, &a);
	recv_claim(&rig, &a, "");
	ATF_CHECK_EQ(number, a.number);
	ATF_CHECK_EQ(OP_KEY_REGISTER, a.ask.op);
	digest(sum, key, sizeof(key));
	ATF_CHECK(a.ask.has_material &&
	    memcmp(sum, a.ask.material, DIGEST_LEN) == 0);
	/* the maker dies: nobody will ever answer */
	peer_close(rig.maker);
	response(c, &r);
	ATF_CHECK_EQ(503, r.status);
	ATF_CHECK_STREQ("1", field(&r, "Retry-After"));
	answer(&rig, a.number, 201, "");
	/* and while there is none, none is asked */
	send_request(c, "POST", "/kbs/v1/keys", BEARER ACCEPT TYPE, body);
	response(c, &r);
	ATF_CHECK_EQ(503, r.status);
	ATF_CHECK(peer_silent(rig.broker, 100));
	client_end(c);
	end(&rig);
}

ATF_TC_WITHOUT_HEAD(released);
ATF_TC_BODY(released, tc)
{
	struct rig	 rig;
	struct client	*c;
	struct response	 r;
	struct asked	 a;
	FILE		*fp;
	char		 pem[2048];
	size_t		 n;
	int		 i;

	start(&rig);
	c = client(&rig);
	ATF_REQUIRE(system("openssl genrsa 2048 2>/dev/null | "
	    "openssl rsa -pubout -out pub.pem 2>/dev/null") == 0);
	ATF_REQUIRE((fp = fopen("pub.pem", "r")) != NULL);
	n = fread(pem, 1, sizeof(pem) - 1, fp);
	pem[n] = '\0';
	fclose(fp);
	for (i = 0; i < 2; i++) {
		/* the second time without its armour */
		if (i == 1) {
			memmove(pem, strchr(pem, '\n') + 1,
			    strlen(strchr(pem, '\n')));
			*strstr(pem, "-----END") = '\0';
		}
		send_request(c, "POST", "/kbs/v1/keys/" KEYID, BEARER ACCEPT
		    "Content-Type: application/x-pem-file\r\n", pem);
		recv_ask(&rig, &a);
		recv_claim(&rig, &a, "");
		ATF_CHECK_EQ(OP_KEY_RELEASE, a.ask.op);
		ATF_CHECK(a.ask.pubkeylen == 294);
		wrapped(&rig, a.number, 0, "");
		response(c, &r);
		ATF_CHECK_EQ(200, r.status);
		ATF_CHECK_EQ(NULL, field(&r, "Attestation-Type"));
		ATF_CHECK_STREQ("{\"wrapped_key\":\"d3JhcHBlZA==\"}", r.body);
	}
	client_end(c);
	end(&rig);
}

/* A broker that dies, its requests, and the next one. */
ATF_TC_WITHOUT_HEAD(deaths);
ATF_TC_BODY(deaths, tc)
{
	struct rig	 rig;
	struct client	*c[4];
	struct response	 r;
	struct asked	 a;
	struct rbuf	 rb;
	char		 address[ADDRESS_TEXT_MAX];
	uint64_t	 number;
	int		 i;

	start(&rig);
	for (i = 0; i < 4; i++) {
		c[i] = client(&rig);
		send_request(c[i], "POST", TRANSFER, ACCEPT TYPE,
		    "{\"attestation_token\":\"a.b.c\"}");
		peer_recv(rig.broker, IMSG_BROKER_TRANSFER, &rb, WAIT);
		(void)rb_u64(&rb);
	}
	/* an engine: its own requests only */
	peer_close(rig.engine[1]);
	for (i = 0; i < 4; i += 2) {
		response(c[i], &r);	/* numbers begin with 1 */
		ATF_CHECK_EQ(503, r.status);
	}
	/* the broker: the others, and the parent is told whose they were */
	peer_close(rig.broker);
	for (i = 1; i < 4; i += 2) {
		response(c[i], &r);
		ATF_CHECK_EQ(503, r.status);
		ATF_CHECK_STREQ("1", field(&r, "Retry-After"));
	}
	peer_recv(child_parent(rig.front), IMSG_PARENT_BLAME, &rb, WAIT);
	ATF_CHECK_EQ(PROC_BROKER, rb_u32(&rb));
	ATF_CHECK_EQ(0, rb_u32(&rb));
	ATF_CHECK_EQ(2, rb_u32(&rb));
	for (i = 0; i < 2; i++) {
		rb_str(&rb, address, sizeof(address));
		ATF_CHECK_STREQ("127.0.0.1", address);
	}
	ATF_CHECK_EQ(0, rb_end(&rb));
	send_request(c[0], "POST", TRANSFER, ACCEPT, NULL);
	response(c[0], &r);
	ATF_CHECK_EQ(503, r.status);
	send_request(c[0], "GET", "/kbs/v1/version", "", NULL);
	response(c[0], &r);
	ATF_CHECK_EQ(200, r.status);
	/* a new one: the same connections go on */
	rig.broker = child_edge(rig.front, PROC_BROKER, 0, 0);
	send_request(c[0], "POST", TRANSFER, ACCEPT, NULL);
	number = recv_transfer(&rig, TRANSFER_FIRST, NULL);
	answer(&rig, number, 404, "no such key");
	response(c[0], &r);
	ATF_CHECK_EQ(404, r.status);
	/* auth */
	send_request(c[1], "GET", "/kbs/v1/keys/" KEYID, BEARER ACCEPT, NULL);
	recv_ask(&rig, &a);
	peer_close(rig.auth);
	response(c[1], &r);
	ATF_CHECK_EQ(503, r.status);
	answer(&rig, a.number, 204, "");
	send_request(c[1], "POST", "/kbs/v1/token", TYPE "Accept: */*\r\n",
	    "{\"username\":\"ann\",\"password\":\"secret words\"}");
	response(c[1], &r);
	ATF_CHECK_EQ(503, r.status);
	for (i = 0; i < 4; i++)
		client_end(c[i]);
	end(&rig);
}

/* Answers that the broker can't have to give. */
static void
bad_answer(struct wbuf *w, unsigned int which, uint64_t number)
{
	struct key_record	 key;

	some_key(&key);
	switch (which) {
	case 0:		/* an error with records */
		put_answer(w, number, 404, "x", 0, ANSWER_KEY, 1);
		wb_key_record(w, &key);
		break;
	case 1:		/* no such status */
		put_answer(w, number, 100, "", 0, ANSWER_NONE, 0);
		break;
	case 2:
		put_answer(w, number, 600, "", 0, ANSWER_NONE, 0);
		break;
	case 3:		/* records that are not there */
		put_answer(w, number, 200, "", 0, ANSWER_KEYS, 0xffffffff);
		wb_key_record(w, &key);
		break;
	case 4:		/* one too many */
		put_answer(w, number, 200, "", 0, ANSWER_KEY, 1);
		wb_key_record(w, &key);
		wb_key_record(w, &key);
		break;
	case 5:		/* half a record */
		put_answer(w, number, 200, "", 0, ANSWER_KEY, 1);
		wb_key_record(w, &key);
		w->len -= 20;
		break;
	case 6:		/* no such kind, no such TEE */
		put_answer(w, number, 200, "", 0, ANSWER_KIND_MAX, 0);
		break;
	case 7:
		put_answer(w, number, 200, "", 0x80, ANSWER_NONE, 0);
		break;
	case 8:		/* a body that a 204 can't have */
		put_answer(w, number, 204, "", 0, ANSWER_KEYS, 0);
		break;
	case 9:		/* cut */
		put_answer(w, number, 200, "", 0, ANSWER_NONE, 0);
		w->len -= 1;
		break;
	case 10:	/* a number alone, and not even that */
		wb_u64(w, number);
		break;
	case 11:
		wb_u32(w, 1);
		break;
	case 12:	/* what only operators are told */
		put_answer(w, number, 200, "", 0, ANSWER_CHECKS, 1);
		wb_check(w, CHECK_OK, "a", "b", "c");
		break;
	}
}

ATF_TC_WITHOUT_HEAD(violations);
ATF_TC_BODY(violations, tc)
{
	struct rig	 rig;
	struct client	*c;
	struct response	 r;
	struct asked	 a;
	struct rbuf	 rb;
	struct wbuf	 w = { 0 };
	unsigned int	 i;

	start(&rig);
	c = client(&rig);
	for (i = 0; i < 13; i++) {
		send_request(c, "GET", "/kbs/v1/keys/" KEYID, BEARER ACCEPT,
		    NULL);
		recv_ask(&rig, &a);
		recv_claim(&rig, &a, "");
		bad_answer(&w, i, a.number);
		peer_send(rig.broker, IMSG_FRONTEND_ANSWER, &w);
		response(c, &r);
		ATF_CHECK_MSG(r.status == 503, "%u: %d", i, r.status);
		ATF_CHECK(peer_closed(rig.broker, WAIT));
		peer_close(rig.broker);
		peer_recv(child_parent(rig.front), IMSG_PARENT_VIOLATION,
		    &rb, WAIT);
		peer_recv(child_parent(rig.front), IMSG_PARENT_BLAME, &rb,
		    WAIT);
		rig.broker = child_edge(rig.front, PROC_BROKER, 0, 0);
	}
	/* a key from another engine, or for what wants none */
	send_request(c, "POST", TRANSFER, ACCEPT TYPE,
	    "{\"attestation_token\":\"a.b.c\"}");
	peer_recv(rig.broker, IMSG_BROKER_TRANSFER, &rb, WAIT);
	wb_u64(&w, a.number + 1);
	wb_u8(&w, TEE_SGX);
	wb_str(&w, "wrapped");
	wb_str(&w, "swk");
	peer_send(rig.engine[a.number % 2], IMSG_FRONTEND_WRAPPED, &w);
	ATF_CHECK(peer_closed(rig.engine[a.number % 2], WAIT));
	peer_recv(child_parent(rig.front), IMSG_PARENT_VIOLATION, &rb, WAIT);
	answer(&rig, a.number + 1, 401, "no");
	response(c, &r);
	ATF_CHECK_EQ(401, r.status);
	send_request(c, "POST", TRANSFER, ACCEPT, NULL);
	peer_recv(rig.broker, IMSG_BROKER_TRANSFER, &rb, WAIT);
	peer_close(rig.engine[a.number % 2]);
	rig.engine[a.number % 2] = child_edge(rig.front, PROC_ENGINE,
	    (uint32_t)(a.number % 2), 0);
	wrapped(&rig, a.number + 2, TEE_SGX, "swk");
	ATF_CHECK(peer_closed(rig.engine[a.number % 2], WAIT));
	client_end(c);
	/* a token for who asked for none */
	c = client(&rig);
	send_request(c, "GET", "/kbs/v1/keys/" KEYID, BEARER ACCEPT, NULL);
	recv_ask(&rig, &a);
	wb_u64(&w, a.number);
	wb_u16(&w, 200);
	wb_u16(&w, 0);
	wb_str(&w, "");
	wb_str(&w, "the.token");
	peer_send(rig.auth, IMSG_FRONTEND_TOKEN, &w);
	ATF_CHECK(peer_closed(rig.auth, WAIT));
	response(c, &r);
	ATF_CHECK_EQ(503, r.status);
	client_end(c);
	end(&rig);
}

/* --- HTTP on the wire --------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(wire);
ATF_TC_BODY(wire, tc)
{
	static const char	 get[] = "GET /kbs/v1/version HTTP/1.1\r\n"
				    "Host: a\r\n\r\n";
	static const char	 old[] = "GET /kbs/v1/version HTTP/1.0\r\n"
				    "\r\n";
	struct rig		 rig;
	struct client		*c;
	struct response		 r;
	char			 text[4096] = "";
	size_t			 i;
	uint64_t		 n;

	start(&rig);
	c = client(&rig);
	/* one byte at a time */
	for (i = 0; i < sizeof(get) - 1; i++)
		put(c, get + i, 1);
	response(c, &r);
	ATF_CHECK_EQ(200, r.status);
	/* a pipeline, with one in it that has to wait */
	for (i = 0; i < 10; i++)
		strlcat(text, get, sizeof(text));
	strlcat(text, "POST " TRANSFER " HTTP/1.1\r\nHost: a\r\n" ACCEPT
	    "\r\n", sizeof(text));
	for (i = 0; i < 10; i++)
		strlcat(text, get, sizeof(text));
	put(c, text, strlen(text));
	for (i = 0; i < 10; i++) {
		response(c, &r);
		ATF_CHECK_EQ(200, r.status);
	}
	n = recv_transfer(&rig, TRANSFER_FIRST, NULL);
	put(c, get, sizeof(get) - 1);
	answer(&rig, n, 404, "x");
	response(c, &r);
	ATF_CHECK_EQ(404, r.status);
	for (i = 0; i < 11; i++) {
		response(c, &r);
		ATF_CHECK_EQ(200, r.status);
	}
	/* 100-continue, but not for what is refused */
	put(c, "POST " TRANSFER " HTTP/1.1\r\nHost: a\r\n" ACCEPT TYPE
	    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
	    strlen("POST " TRANSFER " HTTP/1.1\r\nHost: a\r\n" ACCEPT TYPE
	    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
	response(c, &r);
	ATF_CHECK_EQ(100, r.status);
	put(c, "{}", 2);
	response(c, &r);
	ATF_CHECK_EQ(400, r.status);
	put(c, "POST " TRANSFER " HTTP/1.1\r\nHost: a\r\n"
	    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
	    strlen("POST " TRANSFER " HTTP/1.1\r\nHost: a\r\n"
	    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
	response(c, &r);
	ATF_CHECK_EQ(415, r.status);
	ATF_CHECK_STREQ("close", field(&r, "Connection"));
	ATF_CHECK(closed(c, WAIT));
	client_end(c);
	/* what can be read in two ways */
	c = client(&rig);
	put(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    strlen("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
	response(c, &r);
	ATF_CHECK_EQ(400, r.status);
	ATF_CHECK(field(&r, "X-Request-Id") != NULL);
	ATF_CHECK(closed(c, WAIT));
	client_end(c);
	c = client(&rig);
	put(c, old, sizeof(old) - 1);
	response(c, &r);
	ATF_CHECK_EQ(200, r.status);
	ATF_CHECK(closed(c, WAIT));
	client_end(c);
	end(&rig);
}

/* Large evidence, whole and in chunks, and too much of it at once. */
static void
put_large(struct client *c, size_t len, int finish)
{
	static char	 body[1100 * 1024];
	char		 head[512];
	size_t		 n, quote;

	ATF_REQUIRE(len < sizeof(body));
	n = strlcpy(body, "{\"user_data\":\"dWQ=\",\"quote\":\"",
	    sizeof(body));
	quote = (len - n - 2) / 4 * 4;
	memset(body + n, 'A', quote);
	memset(body + n + quote, ' ', len - n - quote);
	body[n + quote] = '"';
	body[len - 1] = '}';
	snprintf(head, sizeof(head), "POST " TRANSFER " HTTP/1.1\r\n"
	    "Host: a\r\n" ACCEPT TYPE "Attestation-Type: SGX\r\n"
	    "Content-Length: %zu\r\n\r\n", len);
	put(c, head, strlen(head));
	put(c, body, finish ? len : len - 1);
}

ATF_TC_WITHOUT_HEAD(large);
ATF_TC_BODY(large, tc)
{
	struct rig	 rig;
	struct client	*c[17];
	struct response	 r;
	struct evidence	 e;
	uint64_t	 n;
	int		 i;

	start(&rig);
	c[0] = client(&rig);
	put_large(c[0], 1024 * 1024, 1);
	n = recv_transfer(&rig, TRANSFER_EVIDENCE, &e);
	ATF_CHECK(e.quotelen > 700 * 1024);
	answer(&rig, n, 401, "no");
	response(c[0], &r);
	ATF_CHECK_EQ(401, r.status);
	/* more than that is not read */
	put(c[0], "POST " TRANSFER " HTTP/1.1\r\nHost: a\r\n" ACCEPT TYPE
	    "Content-Length: 1048577\r\n\r\n",
	    strlen("POST " TRANSFER " HTTP/1.1\r\nHost: a\r\n" ACCEPT TYPE
	    "Content-Length: 1048577\r\n\r\n"));
	response(c[0], &r);
	ATF_CHECK_EQ(413, r.status);
	client_end(c[0]);
	for (i = 0; i < 17; i++) {
		c[i] = client(&rig);
		put_large(c[i], 70 * 1024, 0);
	}
	response(c[16], &r);
	ATF_CHECK_EQ(503, r.status);
	ATF_CHECK_STREQ("1", field(&r, "Retry-After"));
	client_end(c[16]);
	/* one leaves, one has room */
	put(c[0], "}", 1);
	n = recv_transfer(&rig, TRANSFER_EVIDENCE, &e);
	answer(&rig, n, 401, "no");
	response(c[0], &r);
	ATF_CHECK_EQ(401, r.status);
	put_large(c[0], 70 * 1024, 1);
	n = recv_transfer(&rig, TRANSFER_EVIDENCE, &e);
	answer(&rig, n, 401, "no");
	response(c[0], &r);
	ATF_CHECK_EQ(401, r.status);
	for (i = 0; i < 16; i++)
		client_end(c[i]);
	end(&rig);
}

ATF_TC_WITHOUT_HEAD(busy);
ATF_TC_BODY(busy, tc)
{
	static struct client	*c[FRONT_REQUESTS_MAX + 1];
	struct rig		 rig;
	struct response		 r;
	struct rbuf		 rb;
	unsigned int		 i;

	start(&rig);
	for (i = 0; i <= FRONT_REQUESTS_MAX; i++)
		c[i] = client(&rig);
	/* the first is given up after 31 s: nothing else in between */
	for (i = 0; i < FRONT_REQUESTS_MAX; i++) {
		send_request(c[i], "POST", TRANSFER, ACCEPT, NULL);
		peer_recv(rig.broker, IMSG_BROKER_TRANSFER, &rb, WAIT);
	}
	send_request(c[i], "POST", TRANSFER, ACCEPT, NULL);
	response(c[i], &r);
	ATF_CHECK_EQ(503, r.status);
	ATF_CHECK_STREQ("1", field(&r, "Retry-After"));
	send_request(c[i], "GET", "/kbs/v1/version", "", NULL);
	response(c[i], &r);
	ATF_CHECK_EQ(200, r.status);
	answer(&rig, 5, 404, "x");
	response(c[4], &r);
	ATF_CHECK_EQ(404, r.status);
	send_request(c[i], "POST", TRANSFER, ACCEPT, NULL);
	peer_recv(rig.broker, IMSG_BROKER_TRANSFER, &rb, WAIT);
	end(&rig);
}

/* --- connections -------------------------------------------------------- */

/* Is this TCP connection closed by the other side within ms? */
static int
tcp_closed(int fd, int ms)
{
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };
	char		 byte;

	return (poll(&pfd, 1, ms) == 1 && read(fd, &byte, 1) <= 0);
}

ATF_TC_WITHOUT_HEAD(connections);
ATF_TC_BODY(connections, tc)
{
	struct rig	 rig;
	struct client	*c[9];
	struct response	 r;
	struct wbuf	 w = { 0 };
	int		 fd[12], i;

	/* 8 in all: the longest idle makes room */
	start_front(&rig, PROC_GATE, ROLE_TRANSFER, 8);
	for (i = 0; i < 9; i++) {
		source = INADDR_LOOPBACK + (in_addr_t)(i / 3);
		c[i] = client(&rig);
	}
	ATF_CHECK(closed(c[0], WAIT));
	send_request(c[1], "GET", "/kbs/v1/version", "", NULL);
	response(c[1], &r);
	ATF_CHECK_EQ(200, r.status);
	for (i = 0; i < 9; i++)
		client_end(c[i]);
	/* those that are not idle make none: the ninth waits */
	for (i = 0; i < 9; i++) {
		source = INADDR_LOOPBACK + (in_addr_t)(i / 3);
		fd[i] = tcp(&rig);
	}
	source = INADDR_LOOPBACK;
	c[0] = calloc(1, sizeof(*c[0]));
	c[0]->fd = fd[8];
	c[0]->tls = tls_over(fd[8], TLS_PROTOCOLS_ALL);
	close(fd[0]);
	close(fd[1]);
	ATF_CHECK_EQ(0, tls_handshake(c[0]->tls));
	client_end(c[0]);
	for (i = 2; i < 8; i++)
		close(fd[i]);
	end(&rig);

	/* a quarter of them for one source */
	start_front(&rig, PROC_GATE, ROLE_TRANSFER, 40);
	for (i = 0; i < 11; i++)
		fd[i] = tcp(&rig);
	ATF_CHECK(tcp_closed(fd[10], SOON));
	ATF_CHECK(!tcp_closed(fd[9], 100));
	for (i = 0; i < 11; i++)
		close(fd[i]);
	/* refused for a while */
	wb_str(&w, "no address");
	wb_u32(&w, 700);
	peer_send(child_parent(rig.front), IMSG_FRONTEND_REFUSE, &w);
	wb_str(&w, "127.0.0.2");
	wb_u32(&w, 60000);
	peer_send(child_parent(rig.front), IMSG_FRONTEND_REFUSE, &w);
	wb_str(&w, "127.0.0.1");
	wb_u32(&w, 700);
	peer_send(child_parent(rig.front), IMSG_FRONTEND_REFUSE, &w);
	ATF_CHECK(child_logged(rig.front, "refusing connections from "
	    "127.0.0.1", WAIT));
	source = INADDR_LOOPBACK + 1;
	fd[0] = tcp(&rig);
	ATF_CHECK(tcp_closed(fd[0], SOON));
	close(fd[0]);
	/* and then no more */
	source = INADDR_LOOPBACK;
	usleep(800000);
	c[0] = client(&rig);
	client_end(c[0]);
	end(&rig);
}

/* A request more a second; until it is one too many. */
static int
too_many(struct client *c, const char *method, const char *path,
    const char *fields, struct response *r)
{
	int	 i;

	for (i = 0; i < 20; i++) {
		send_request(c, method, path, fields, NULL);
		response(c, r);
		if (r->status == 429)
			return (1);
	}
	return (0);
}

ATF_TC_WITHOUT_HEAD(rates);
ATF_TC_BODY(rates, tc)
{
	struct rig	 rig;
	struct client	*c, *other;
	struct response	 r;

	address_rate = 1;
	start(&rig);
	c = client(&rig);
	ATF_REQUIRE(too_many(c, "GET", "/kbs/v1/version", "", &r));
	ATF_CHECK_STREQ("1", field(&r, "Retry-After"));
	ATF_CHECK_STREQ("application/json", field(&r, "Content-Type"));
	ATF_CHECK(strstr(r.body, "too many requests from this address") !=
	    NULL);
	/* the connection goes on; no token is looked at */
	ATF_CHECK(too_many(c, "GET", "/kbs/v1/users?username=x",
	    "Authorization: Bearer abc\r\nAccept: application/json\r\n",
	    &r) == 1);
	ATF_CHECK(too_many(c, "POST", "/nowhere", "", &r));
	/* it is each for itself */
	source = INADDR_LOOPBACK + 1;
	other = client(&rig);
	send_request(other, "GET", "/kbs/v1/version", "", NULL);
	response(other, &r);
	ATF_CHECK_EQ(200, r.status);
	source = INADDR_LOOPBACK;
	client_end(other);
	client_end(c);
	address_rate = 0;
	end(&rig);
}

ATF_TC(slow);
ATF_TC_HEAD(slow, tc)
{
	atf_tc_set_md_var(tc, "timeout", "60");
}
ATF_TC_BODY(slow, tc)
{
	struct rig	 rig;
	struct client	*c;
	struct response	 r;
	int		 silent, garbage, i;
	uint64_t	 began, sent;

	start(&rig);
	began = now_ms();
	silent = tcp(&rig);
	garbage = tcp(&rig);
	ATF_REQUIRE(write(garbage, "GET / HTTP/1.1\r\n\r\n", 18) == 18);
	ATF_CHECK(poll(&(struct pollfd){ .fd = garbage, .events = POLLIN }, 1,
	    SOON) == 1);
	c = client(&rig);
	sent = now_ms();
	put(c, "GET /kbs", 8);
	/* a byte now and then buys no time, which would end after 16 s */
	for (i = 0; i < 2; i++) {
		usleep(3000000);
		put(c, "/", 1);
	}
	response_ms(c, &r, 12000);
	ATF_CHECK_EQ(408, r.status);
	ATF_CHECK(now_ms() - sent < 15500);
	ATF_CHECK(closed(c, WAIT));
	ATF_CHECK(tcp_closed(silent, SOON));
	ATF_CHECK(now_ms() - began > 9000);
	client_end(c);
	end(&rig);
}

ATF_TC_WITHOUT_HEAD(drain);
ATF_TC_BODY(drain, tc)
{
	struct rig	 rig;
	struct client	*idle, *waits;
	struct response	 r;
	struct wbuf	 w = { 0 };
	uint64_t	 n;
	int		 status;

	start(&rig);
	idle = client(&rig);
	waits = client(&rig);
	send_request(waits, "POST", TRANSFER, ACCEPT, NULL);
	n = recv_transfer(&rig, TRANSFER_FIRST, NULL);
	peer_send(child_parent(rig.front), IMSG_PROCESS_DRAIN, &w);
	child_settled(rig.front);
	send_request(idle, "GET", "/kbs/v1/version", "", NULL);
	response(idle, &r);
	ATF_CHECK_EQ(200, r.status);
	ATF_CHECK_STREQ("close", field(&r, "Connection"));
	ATF_CHECK(closed(idle, SOON));
	answer(&rig, n, 404, "x");
	response(waits, &r);
	ATF_CHECK_EQ(404, r.status);
	ATF_CHECK_STREQ("close", field(&r, "Connection"));
	ATF_CHECK(closed(waits, SOON));
	/* the last one has gone, and so has the process */
	ATF_CHECK(peer_closed(rig.broker, WAIT));
	status = child_end(rig.front);
	ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	client_end(idle);
	client_end(waits);
}

/* --- the signer --------------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(signer_dies);
ATF_TC_BODY(signer_dies, tc)
{
	struct rig	 rig;
	struct client	*c, *late;
	struct response	 r;

	start(&rig);
	c = client(&rig);
	ATF_REQUIRE(kill(child_pid(rig.signer), SIGKILL) == 0);
	child_end(rig.signer);
	/* a handshake that meets its death fails, the next waits */
	late = calloc(1, sizeof(*late));
	late->fd = tcp(&rig);
	late->tls = tls_over(late->fd, TLS_PROTOCOLS_ALL);
	ATF_CHECK_EQ(-1, tls_handshake(late->tls));
	client_end(late);
	send_request(c, "GET", "/kbs/v1/version", "", NULL);
	response(c, &r);
	ATF_CHECK_EQ(200, r.status);
	late = calloc(1, sizeof(*late));
	late->fd = tcp(&rig);
	ATF_REQUIRE(fcntl(late->fd, F_SETFL, O_NONBLOCK) == 0);
	late->tls = tls_over(late->fd, TLS_PROTOCOLS_ALL);
	ATF_CHECK_EQ(TLS_WANT_POLLIN, tls_handshake(late->tls));
	usleep(100000);
	ATF_CHECK_EQ(TLS_WANT_POLLIN, tls_handshake(late->tls));
	rig.signer = signer_start();
	join_signer(&rig, PROC_FRONTEND);
	ATF_REQUIRE(fcntl(late->fd, F_SETFL, 0) == 0);
	ATF_CHECK_EQ(0, tls_handshake(late->tls));
	client_end(late);
	client_end(c);
	end(&rig);
}

/* The answer to question id that is there before it is asked. */
static void
lie(struct imsgbuf *ibuf, int which, uint32_t id)
{
	struct wbuf	 w = { 0 };

	wb_u32(&w, which == 0 ? id + 1 : id);
	wb_u8(&w, which != 1);
	wb_bytes(&w, "nonsense", which == 1 ? 0 : 8);
	if (which == 2)
		wb_u8(&w, 0);
	ATF_REQUIRE(imsg_compose(ibuf, which == 3 ? IMSG_SIGNER_SIGN :
	    IMSG_FRONTEND_SIGNED, 0, 0, -1, w.data, w.len) == 1);
	ATF_REQUIRE(imsgbuf_flush(ibuf) == 0);
	wb_free(&w);
}

/*
 * A signer that dies when it is asked, and ones that say something else.  Each
 * is asked once, by the probe, and waited for no longer than two seconds: what
 * they do is done before.
 */
ATF_TC_WITHOUT_HEAD(signer_lies);
ATF_TC_BODY(signer_lies, tc)
{
	struct rig	 rig;
	struct client	*c;
	struct response	 r;
	struct imsgbuf	 ibuf;
	int64_t		 id;
	int		 fd, i;

	start(&rig);
	c = client(&rig);
	fd = play_signer(&ibuf);
	ATF_REQUIRE_EQ(0, shutdown(ibuf.fd, SHUT_WR));
	give_edge(rig.front, PROC_SIGNER, 0, fd);
	ATF_REQUIRE((id = signer_asked(&ibuf)) != -1);
	ATF_CHECK(child_logged(rig.front, "the signer: gone", WAIT));
	unplay_signer(&ibuf);
	for (i = 0; i < 4; i++) {
		fd = play_signer(&ibuf);
		lie(&ibuf, i, (uint32_t)++id);
		give_edge(rig.front, PROC_SIGNER, 0, fd);
		ATF_CHECK_EQ(id, signer_asked(&ibuf));
		/* only a refusal is a signer's right */
		if (i != 1)
			ATF_CHECK(signer_asked(&ibuf) == -1);
		else
			usleep(100000);
		unplay_signer(&ibuf);
	}
	ATF_CHECK(!child_logged(rig.front, "no answer in time", 0));
	/* what is there goes on */
	send_request(c, "GET", "/kbs/v1/version", "", NULL);
	response(c, &r);
	ATF_CHECK_EQ(200, r.status);
	join_signer(&rig, PROC_FRONTEND);
	client_end(c);
	c = client(&rig);
	client_end(c);
	end(&rig);
}

ATF_TC_WITHOUT_HEAD(signer_stalls);
ATF_TC_BODY(signer_stalls, tc)
{
	struct rig	 rig;
	struct client	*c;
	struct response	 r;
	struct imsgbuf	 ibuf;
	struct rbuf	 rb;
	uint64_t	 began, took;
	int		 fd;

	start(&rig);
	c = client(&rig);
	fd = play_signer(&ibuf);
	began = now_ms();
	give_edge(rig.front, PROC_SIGNER, 0, fd);
	ATF_CHECK(signer_asked(&ibuf) != -1);
	peer_recv(child_parent(rig.front), IMSG_PARENT_VIOLATION, &rb, SOON);
	ATF_CHECK_EQ(PROC_SIGNER, rb_u32(&rb));
	took = now_ms() - began;
	ATF_CHECK(took >= 1900 && took < SOON);
	ATF_CHECK(signer_asked(&ibuf) == -1);
	unplay_signer(&ibuf);
	send_request(c, "GET", "/kbs/v1/version", "", NULL);
	response(c, &r);
	ATF_CHECK_EQ(200, r.status);
	join_signer(&rig, PROC_FRONTEND);
	client_end(c);
	c = client(&rig);
	client_end(c);
	end(&rig);
}

ATF_TC_WITHOUT_HEAD(old_tls);
ATF_TC_BODY(old_tls, tc)
{
	struct rig	 rig;
	struct tls	*tls;
	int		 fd;

	start(&rig);
	fd = tcp(&rig);
	tls = tls_over(fd, TLS_PROTOCOL_TLSv1_2);
	ATF_CHECK_EQ(-1, tls_handshake(tls));
	tls_free(tls);
	close(fd);
	end(&rig);
}

/* Keys of an operator: the probe and a client verify what is signed. */
ATF_TC(key_kinds);
ATF_TC_HEAD(key_kinds, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "openssl");
}
ATF_TC_BODY(key_kinds, tc)
{
	static const char *const kinds[] = { "rsa:2048", "rsa:3072",
	    "rsa:2055", "ec -pkeyopt ec_paramgen_curve:P-384",
	    "ec -pkeyopt ec_paramgen_curve:P-521" };
	struct rig		 rig;
	struct client		*c;
	struct response		 r;
	char			 command[512];
	size_t			 i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(command, sizeof(command), "openssl req -x509 "
		    "-newkey %s -nodes -keyout tls.key -out tls.crt -days 99 "
		    "-subj /CN=localhost -addext "
		    "subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null",
		    kinds[i]);
		ATF_REQUIRE_EQ(0, system(command));
		start(&rig);
		c = client(&rig);
		send_request(c, "GET", "/kbs/v1/version", "", NULL);
		response(c, &r);
		ATF_CHECK_EQ(200, r.status);
		client_end(c);
		end(&rig);
	}
}

/* A client that somebody else wrote, and what it is offered. */
ATF_TC(curl);
ATF_TC_HEAD(curl, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "curl openssl");
}
ATF_TC_BODY(curl, tc)
{
	struct rig	 rig;
	char		 command[512];
	int		 i;

	start(&rig);
	snprintf(command, sizeof(command), "curl -sS --max-time 60 --cacert "
	    "tls.crt -D head https://localhost:%d/kbs/v1/version >body",
	    rig.port);
	ATF_CHECK_EQ(0, system(command));
	ATF_CHECK_EQ(0, system("grep -q '^HTTP/1.1 200 OK' head && "
	    "grep -q 'Key Broker Service' body"));
	for (i = 0; i < 2; i++) {
		/* it ends when the server closes */
		snprintf(command, sizeof(command), "printf 'GET "
		    "/kbs/v1/version HTTP/1.0\\r\\n\\r\\n' | "
		    "openssl s_client -ign_eof -connect 127.0.0.1:%d "
		    "-CAfile tls.crt -verify_return_error -verify_ip 127.0.0.1 "
		    "-alpn h2,http/1.1 >out 2>&1", rig.port);
		ATF_CHECK_EQ(0, system(command));
		ATF_CHECK_EQ(0, system("grep -q 'ALPN protocol: http/1.1' "
		    "out && grep -q 'Verify return code: 0' out && "
		    "grep -q 'Key Broker Service' out"));
		/* no session is ever resumed */
		ATF_CHECK(system("grep -q '^New, TLSv1.3' out") == 0);
		ATF_CHECK(system("grep -q '^Reused' out") != 0);
	}
	end(&rig);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, key_kinds);
	ATF_TP_ADD_TC(tp, curl);
	ATF_TP_ADD_TC(tp, version);
	ATF_TP_ADD_TC(tp, refused_here);
	ATF_TP_ADD_TC(tp, asked);
	ATF_TP_ADD_TC(tp, objects);
	ATF_TP_ADD_TC(tp, order);
	ATF_TP_ADD_TC(tp, login);
	ATF_TP_ADD_TC(tp, transfer);
	ATF_TP_ADD_TC(tp, registered);
	ATF_TP_ADD_TC(tp, released);
	ATF_TP_ADD_TC(tp, deaths);
	ATF_TP_ADD_TC(tp, violations);
	ATF_TP_ADD_TC(tp, wire);
	ATF_TP_ADD_TC(tp, large);
	ATF_TP_ADD_TC(tp, busy);
	ATF_TP_ADD_TC(tp, connections);
	ATF_TP_ADD_TC(tp, rates);
	ATF_TP_ADD_TC(tp, slow);
	ATF_TP_ADD_TC(tp, drain);
	ATF_TP_ADD_TC(tp, signer_dies);
	ATF_TP_ADD_TC(tp, signer_lies);
	ATF_TP_ADD_TC(tp, signer_stalls);
	ATF_TP_ADD_TC(tp, old_tls);
	return (atf_no_error());
}

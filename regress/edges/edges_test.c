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
 * Every edge of every process program gets from its peer what no peer of ours
 * sends: each type there is with bodies of all lengths, zeros, ones, noise and
 * flipped bits, pieces that never end, headers that lie, floods.  The process
 * may close that edge, and then has to tell the parent of whom it was; it goes
 * on living, does not grow, and serves a new edge.  Types are found by
 * themselves, edges are compared with the parent's table.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atf-c.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "kbsd.h"
#include "object.h"
#include "peer.h"

#define MS		20000
#define BODY_MAX	(MAX_IMSGSIZE - IMSG_HEADER_SIZE)
#define TYPES		(IMSG_MAX + 8)
#define LEAST_SCAN	320	/* no type asks for more at least */
#define FLOOD		20000
#define PEAK_KB		(400 * 1024)

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN	1
#else
#define WITH_ASAN	0
#endif

/* --- the processes ------------------------------------------------------- */

static struct child	*start_plain(const char *, enum process_kind,
			    struct wbuf *);

static void
words(struct wbuf *w, const char *a, const char *b)
{
	wb_u32(w, b == NULL ? 1 : 2);
	wb_str(w, a);
	if (b != NULL)
		wb_str(w, b);
}

static int
a_file(const char *name, const char *text)
{
	int	 fd;

	ATF_REQUIRE((fd = open(name, O_RDWR | O_APPEND | O_CREAT | O_TRUNC |
	    O_CLOEXEC, 0600)) != -1);
	ATF_REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return (fd);
}

static int
a_socket(int family)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	int			 fd;

	ATF_REQUIRE((fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0)) != -1);
	if (family == AF_UNIX) {
		strlcpy(sun.sun_path, "sock", sizeof(sun.sun_path));
		unlink("sock");
		ATF_REQUIRE(bind(fd, (struct sockaddr *)&sun,
		    sizeof(sun)) == 0);
	} else {
		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		ATF_REQUIRE(bind(fd, (struct sockaddr *)&sin,
		    sizeof(sin)) == 0);
	}
	ATF_REQUIRE(listen(fd, 8) == 0);
	return (fd);
}

static struct child *
start_signer(void)
{
	struct wbuf	 w = { 0 };
	struct child	*c;

	words(&w, "localhost", NULL);
	c = start_plain("signer", PROC_SIGNER, &w);
	child_descriptor(c, FD_TLS_KEY, a_file("tls.key", ""));
	child_descriptor(c, FD_TLS_CERT, a_file("tls.crt", ""));
	return (c);
}

static struct child *
start_front(enum process_kind kind, enum role role)
{
	struct wbuf	 w = { 0 };
	struct child	*c, *signer;
	uint32_t	 limits[LIMIT_MAX];
	int		 fd;

	/* It makes the certificate. */
	signer = start_signer();
	child_go(signer);
	ATF_REQUIRE_EQ(0, child_end(signer));
	wb_u8(&w, (uint8_t)role);
	wb_u32(&w, 2);
	wb_u32(&w, 1);
	limits_default(limits);
	wb_limits(&w, limits);
	c = start_plain("frontend", kind, &w);
	child_descriptor(c, FD_LISTEN, a_socket(AF_INET));
	ATF_REQUIRE((fd = open("tls.crt", O_RDONLY)) != -1);
	child_descriptor(c, FD_TLS_CERT, fd);
	return (c);
}

static struct child *
start_frontend(void)
{
	return (start_front(PROC_FRONTEND, ROLE_ALL));
}

static struct child *
start_gate(void)
{
	return (start_front(PROC_GATE, ROLE_TRANSFER));
}

static struct child *
start_control(void)
{
	struct wbuf	 w = { 0 };
	struct child	*c;

	wb_u32(&w, 2);
	c = start_plain("control", PROC_CONTROL, &w);
	child_descriptor(c, FD_LISTEN, a_socket(AF_UNIX));
	return (c);
}

static struct child *
start_auth(void)
{
	struct wbuf	 w = { 0 };
	struct child	*c;

	wb_u32(&w, 300);
	wb_u32(&w, 5);
	wb_u32(&w, 300);
	wb_u32(&w, 900);
	wb_str(&w, "");
	wb_u32(&w, 2);
	wb_u32(&w, 0);
	wb_u32(&w, 0);
	words(&w, "main", "other");
	wb_u32(&w, 0);
	c = start_plain("auth", PROC_AUTH, &w);
	child_descriptor(c, FD_TOKEN_KEY, a_file("token.key", ""));
	child_descriptor(c, FD_SEAL_KEY, a_file("seal.key", ""));
	return (c);
}

static struct child *
start_hasher(void)
{
	struct wbuf	 w = { 0 };

	wb_u32(&w, 4);
	return (start_plain("auth", PROC_HASHER, &w));
}

static struct child *
start_broker(void)
{
	struct wbuf	 w = { 0 };

	wb_u32(&w, 2);
	wb_u8(&w, 1);
	wb_u8(&w, 0);
	wb_u8(&w, 0);
	words(&w, "main", "other");
	return (start_plain("broker", PROC_BROKER, &w));
}

static struct child *
start_files(const char *program, enum process_kind kind, struct wbuf *w)
{
	struct child	*c;
	char		 dir[PATH_MAX];

	mkdir("d", 0700);
	ATF_REQUIRE(getcwd(dir, sizeof(dir) - 2) != NULL);
	strlcat(dir, "/d", sizeof(dir));
	c = child_start(program, kind, 0, 0, dir);
	child_config(c, w);
	return (c);
}

static struct child *
start_store(void)
{
	struct wbuf	 w = { 0 };

	return (start_files("store", PROC_STORE, &w));
}

static struct child *
start_kms(void)
{
	struct wbuf	 w = { 0 };
	struct child	*c;

	wb_str(&w, "main");
	wb_u8(&w, KEYSTORE_LOCAL);
	wb_u32(&w, 0);
	c = start_files("kms", PROC_KMS, &w);
	child_descriptor(c, FD_SEAL_KEY, a_file("seal.key", ""));
	child_descriptor(c, FD_MASTER_KEY, a_file("master.key", ""));
	return (c);
}

static struct child *
start_audit(void)
{
	static const uint8_t	 none[DIGEST_LEN];
	struct wbuf	 w = { 0 };
	struct child	*c;

	wb_u32(&w, 1);
	wb_u64(&w, 0);
	wb_digest(&w, none);
	wb_u32(&w, 0);
	wb_u8(&w, 0);
	words(&w, "main", "other");
	c = start_plain("audit", PROC_AUDIT, &w);
	child_descriptor(c, FD_AUDIT_LOG, a_file("audit.log", ""));
	return (c);
}

static struct child *
start_verifier(void)
{
	struct wbuf	 w = { 0 };
	struct child	*c;

	wb_u32(&w, 2);
	wb_u8(&w, 0);
	wb_u32(&w, 0);
	wb_u32(&w, 0);
	wb_u8(&w, 0);
	c = start_plain("verifier", PROC_VERIFIER, &w);
	child_descriptor(c, FD_NONCE_KEY, a_file("nonce.key", ""));
	return (c);
}

static struct child *
start_fetcher(void)
{
	struct wbuf	 w = { 0 };
	struct child	*c;
	int		 fd;

	/* Nobody listens there. */
	wb_u8(&w, FETCHER_SERVICE);
	wb_str(&w, "ita");
	wb_str(&w, "https://127.0.0.1:1");
	wb_str(&w, "https://127.0.0.1:1");
	wb_u8(&w, 2);
	wb_u32(&w, 100);
	wb_u32(&w, 100);
	wb_str(&w, "");
	wb_u32(&w, 60);
	wb_u32(&w, 0);
	c = start_plain("fetcher", PROC_FETCHER, &w);
	child_descriptor(c, FD_API_KEY, a_file("api.key", "a2V5a2V5a2V5"));
	ATF_REQUIRE((fd = open("tls.crt", O_RDONLY)) != -1);
	child_descriptor(c, FD_CA, fd);
	return (c);
}

static struct child *
start_fetcher_with_ca(void)
{
	struct child	*signer = start_signer();

	child_go(signer);
	ATF_REQUIRE_EQ(0, child_end(signer));
	return (start_fetcher());
}

static void
engine_words(struct wbuf *w)
{
	wb_u32(w, 2);
	wb_str(w, "main");
	wb_u8(w, 0);
	wb_u8(w, 0);
	wb_str(w, "other");
	wb_u8(w, 1 << ALG_AES);
	wb_u8(w, 1);
}

static struct child *
start_engine(void)
{
	struct wbuf	 w = { 0 };

	engine_words(&w);
	return (start_plain("engine", PROC_ENGINE, &w));
}

static struct child *
start_maker(void)
{
	struct wbuf	 w = { 0 };

	engine_words(&w);
	return (start_plain("engine", PROC_MAKER, &w));
}

static struct child *
start_plain(const char *program, enum process_kind kind, struct wbuf *w)
{
	struct child	*c;

	c = child_start(program, kind, 0, 7, NULL);
	child_config(c, w);
	return (c);
}

static struct child *
start_metrics(void)
{
	struct wbuf	 w = { 0 };
	struct child	*c;

	c = start_plain("frontend", PROC_METRICS, &w);
	child_descriptor(c, FD_LISTEN, a_socket(AF_INET));
	return (c);
}

struct subject {
	enum process_kind	 kind;
	struct child		*(*start)(void);
	/* First words of the types that it may take, and its edges. */
	const char		*receiver[3];
	enum process_kind	 peers[16];
};

static const struct subject subjects[] = {
	{ PROC_FRONTEND, start_frontend, { "FRONTEND" },
	    { PROC_BROKER, PROC_AUTH, PROC_ENGINE, PROC_MAKER,
	    PROC_SIGNER } },
	{ PROC_GATE, start_gate, { "FRONTEND" },
	    { PROC_BROKER, PROC_ENGINE, PROC_SIGNER } },
	{ PROC_CONTROL, start_control, { "FRONTEND", "CONTROL" },
	    { PROC_BROKER, PROC_AUTH, PROC_ENGINE, PROC_MAKER } },
	{ PROC_SIGNER, start_signer, { "SIGNER" },
	    { PROC_FRONTEND, PROC_GATE } },
	{ PROC_AUTH, start_auth, { "AUTH" },
	    { PROC_BROKER, PROC_FRONTEND, PROC_CONTROL, PROC_HASHER,
	    PROC_ENGINE, PROC_MAKER } },
	{ PROC_HASHER, start_hasher, { "HASHER" }, { PROC_AUTH } },
	{ PROC_BROKER, start_broker, { "BROKER" },
	    { PROC_FRONTEND, PROC_GATE, PROC_CONTROL, PROC_AUTH, PROC_STORE,
	    PROC_AUDIT, PROC_VERIFIER, PROC_ENGINE, PROC_MAKER } },
	{ PROC_STORE, start_store, { "STORE" }, { PROC_BROKER } },
	{ PROC_AUDIT, start_audit, { "AUDIT" }, { PROC_BROKER, PROC_KMS } },
	{ PROC_VERIFIER, start_verifier, { "VERIFIER" },
	    { PROC_BROKER, PROC_ENGINE, PROC_FETCHER } },
	{ PROC_FETCHER, start_fetcher_with_ca, { "FETCHER" },
	    { PROC_VERIFIER } },
	{ PROC_ENGINE, start_engine, { "ENGINE" },
	    { PROC_BROKER, PROC_FRONTEND, PROC_GATE, PROC_CONTROL, PROC_AUTH,
	    PROC_VERIFIER, PROC_KMS } },
	{ PROC_MAKER, start_maker, { "ENGINE", "MAKER" },
	    { PROC_BROKER, PROC_FRONTEND, PROC_CONTROL, PROC_AUTH,
	    PROC_KMS } },
	{ PROC_KMS, start_kms, { "KMS" },
	    { PROC_ENGINE, PROC_MAKER, PROC_AUDIT } },
	/* It has none at all. */
	{ PROC_METRICS, start_metrics, { "METRICS" }, { PROC_PARENT } },
};

#define NSUBJECTS	(sizeof(subjects) / sizeof(subjects[0]))

static const struct subject *
subject_find(enum process_kind kind)
{
	size_t	 i;

	for (i = 0; i < NSUBJECTS; i++)
		if (subjects[i].kind == kind)
			return (&subjects[i]);
	atf_tc_fail("no subject %s", process_name(kind));
}

static int
subject_has(const struct subject *s, enum process_kind peer)
{
	size_t	 i;

	for (i = 0; s->peers[i] != PROC_PARENT; i++)
		if (s->peers[i] == peer)
			return (1);
	return (0);
}

/* The frontend itself reads this one, when it wants a signature. */
static int
is_raw(enum process_kind kind, enum process_kind peer)
{
	return ((kind == PROC_FRONTEND || kind == PROC_GATE) &&
	    peer == PROC_SIGNER);
}

/* May this kind take such a type at all? */
static int
subject_takes(const struct subject *s, uint32_t type)
{
	const char	*name = imsg_name(type);
	size_t		 i, len;

	for (i = 0; i < 3 && s->receiver[i] != NULL; i++) {
		len = strlen(s->receiver[i]);
		if (strncmp(name, s->receiver[i], len) == 0 &&
		    name[len] == '_')
			return (1);
	}
	return (0);
}

/* --- the attack ---------------------------------------------------------- */

static struct attack {
	const struct subject	*subject;
	struct child		*child;
	struct imsgbuf		 parent;
	enum process_kind	 peer;
	int			 fd;		/* of the edge under attack */
	int			 told;		/* violations of it, told */
	char			 why[256];
	uint32_t		 type;
	unsigned long		 sent, closed;
	size_t			 least[TYPES + 1];
	int			 taken[TYPES + 1];
} attack;

static uint8_t	 body[BODY_MAX];

static void
attack_open(void)
{
	struct wbuf	 w = { 0 };
	int		 sv[2];

	if (attack.fd != -1)
		close(attack.fd);
	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0, sv) == 0);
	wb_u32(&w, attack.peer);
	wb_u32(&w, 0);
	wb_u32(&w, 9);
	ATF_REQUIRE(imsg_compose(&attack.parent, IMSG_PROCESS_EDGE, 0, 0,
	    sv[1], w.data, w.len) == 1);
	wb_free(&w);
	ATF_REQUIRE(imsgbuf_flush(&attack.parent) == 0);
	attack.fd = sv[0];
}

/* What comes back is of no interest, but must not dam up. */
static int
attack_drain(void)
{
	static char	 sink[65536];
	ssize_t		 n;

	while ((n = recv(attack.fd, sink, sizeof(sink), MSG_DONTWAIT)) > 0)
		continue;
	return (n == -1 && errno == EAGAIN);
}

static void
attack_told(const struct imsg *imsg)
{
	struct rbuf	 r;

	rb_init(&r, imsg->data, imsg->hdr.len - IMSG_HEADER_SIZE);
	ATF_CHECK_EQ((uint32_t)attack.peer, rb_u32(&r));
	ATF_CHECK_EQ(0, rb_u32(&r));
	attack.type = rb_u32(&r);
	rb_str(&r, attack.why, sizeof(attack.why));
	ATF_CHECK_EQ(0, rb_end(&r));
	attack.told++;
}

/* Until n COUNTERS have come; what else comes is looked at. */
static void
attack_wait(int n)
{
	struct pollfd	 pfd[2];
	struct imsg	 imsg;
	int		 got;

	while (n > 0) {
		while ((got = (int)imsg_get(&attack.parent, &imsg)) > 0) {
			if (imsg.hdr.type == IMSG_PARENT_VIOLATION)
				attack_told(&imsg);
			n -= imsg.hdr.type == IMSG_PARENT_COUNTERS;
			imsg_free(&imsg);
		}
		ATF_REQUIRE(got == 0);
		if (n <= 0)
			break;
		memset(pfd, 0, sizeof(pfd));
		pfd[0].fd = attack.parent.fd;
		pfd[0].events = POLLIN;
		pfd[1].fd = attack.fd;
		pfd[1].events = POLLIN;
		got = poll(pfd, attack_drain() ? 2 : 1, MS);
		ATF_REQUIRE_MSG(got > 0, "%s hangs, edge of %s",
		    process_name(attack.subject->kind),
		    process_name(attack.peer));
		if (pfd[0].revents != 0)
			ATF_REQUIRE_MSG(imsgbuf_read(&attack.parent) == 1,
			    "%s died, edge of %s, after %s",
			    process_name(attack.subject->kind),
			    process_name(attack.peer), attack.why);
	}
}

/*
 * All that was sent before has been worked on: in the turn of the loop in
 * which the second of these is seen at the latest.
 */
static void
attack_sync(void)
{
	int	 i;

	for (i = 0; i < 2; i++) {
		ATF_REQUIRE(imsg_compose(&attack.parent, IMSG_PROCESS_COUNT,
		    0, 0, -1, NULL, 0) == 1);
		ATF_REQUIRE(imsgbuf_flush(&attack.parent) == 0);
		attack_wait(1);
	}
}

/* Bytes to the edge: 0, or -1 when it is closed. */
static int
attack_write(const void *p, size_t len)
{
	const uint8_t	*bytes = p;
	struct pollfd	 pfd = { .fd = attack.fd, .events = POLLOUT };
	ssize_t		 n;

	while (len > 0) {
		n = send(attack.fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno != EAGAIN)
			return (-1);
		if (n == -1) {
			attack_drain();
			ATF_REQUIRE_MSG(poll(&pfd, 1, MS) > 0,
			    "%s does not read its edge to %s",
			    process_name(attack.subject->kind),
			    process_name(attack.peer));
			continue;
		}
		bytes += n;
		len -= (size_t)n;
	}
	return (0);
}

static int
attack_send(uint32_t type, uint16_t flags, uint32_t id, const void *p,
    size_t len)
{
	uint8_t		 message[MAX_IMSGSIZE];
	struct imsg_hdr	 hdr = { .type = type, .flags = flags, .peerid = id,
	    .len = (uint16_t)(IMSG_HEADER_SIZE + len), .pid = 1 };

	attack.sent++;
	memcpy(message, &hdr, sizeof(hdr));
	if (len > 0)
		memcpy(message + sizeof(hdr), p, len);
	return (attack_write(message, sizeof(hdr) + len));
}

/*
 * Closed and told, or neither.  Returns whether it was closed, and then there
 * is a new edge.  must: it has to be closed.
 */
static int
attack_judge(uint32_t type, const char *what, int must)
{
	struct pollfd	 pfd = { .fd = attack.fd };
	int		 closed;

	attack_sync();
	closed = !attack_drain() || (poll(&pfd, 1, 0) == 1 &&
	    (pfd.revents & (POLLHUP | POLLERR)) != 0);
	if (closed != attack.told || (must && !closed))
		ATF_CHECK_MSG(0, "%s, edge of %s, %s, %s: %s, told %d times",
		    process_name(attack.subject->kind),
		    process_name(attack.peer), imsg_name(type), what,
		    closed ? "closed" : "open", attack.told);
	if (closed)
		ATF_CHECK_EQ_MSG(type, attack.type, "%s for %s",
		    imsg_name(attack.type), imsg_name(type));
	attack.closed += (unsigned long)closed;
	attack.told = 0;
	if (closed)
		attack_open();
	return (closed);
}

static int
attack_one(uint32_t type, size_t len, const char *what, int must)
{
	attack_send(type, 0, 0, body, len);
	return (attack_judge(type, what, must));
}

/* --- bodies -------------------------------------------------------------- */

static uint32_t	 noise_state = 1;

static uint8_t
noise(void)
{
	noise_state = noise_state * 1664525 + 1013904223;
	return ((uint8_t)(noise_state >> 24));
}

static void
fill(int byte, size_t len)
{
	size_t	 i;

	for (i = 0; i < len; i++)
		body[i] = byte == -1 ? noise() : (uint8_t)byte;
}

/*
 * The least length at which the body is looked at, or BODY_MAX + 1 when the
 * type is not taken at all.
 */
static size_t
find_least(uint32_t type)
{
	size_t	 len;

	fill(0, LEAST_SCAN);
	for (len = 0; len <= LEAST_SCAN; len++) {
		if (!attack_one(type, len, "zeros", 0) ||
		    strcmp(attack.why, "length") != 0) {
			if (strstr(attack.why, "table") != NULL)
				return (BODY_MAX + 1);
			return (len);
		}
		if (strstr(attack.why, "table") != NULL)
			return (BODY_MAX + 1);
	}
	ATF_CHECK_MSG(0, "no least length of %s", imsg_name(type));
	return (0);
}

static void
bodies_of_any(uint32_t type, int must)
{
	static const size_t	 lens[] = { 0, 1, 4, 11, 40, 333, 5000,
	    BODY_MAX };
	size_t			 i;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		fill(0, lens[i]);
		attack_one(type, lens[i], "zeros", must);
		fill(0xff, lens[i]);
		attack_one(type, lens[i], "ones", must);
		fill(-1, lens[i]);
		attack_one(type, lens[i], "noise", must);
	}
}

/* Enumerations, counts and lengths that are wrong at each place. */
static void
bodies_flipped(uint32_t type, size_t least)
{
	static const uint8_t	 values[][4] = { { 0xff }, { 0x80 }, { 1 },
	    { 0xff, 0xff, 0xff, 0xff }, { 0x7f, 0xff, 0xff, 0xff },
	    { 0, 0, 0, 4 }, { 0, 1, 0, 0 } };
	size_t			 i, v, len;

	for (v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
		len = v < 3 ? 1 : 4;
		for (i = 0; i + len <= least; i++) {
			/* {0, 0, 0, 4}: a string of four NULs there */
			fill(0, least + 4);
			memcpy(body + i, values[v], len);
			attack_one(type, v == 5 ? least + 4 : least,
			    "flipped", 0);
		}
	}
	for (i = 0; i < 50; i++) {
		len = least + (size_t)noise() % 64;
		fill(-1, len);
		attack_one(type, len, "noise of about the least", 0);
		/* small values get further */
		for (v = 0; v < len; v++)
			body[v] = noise() < 230 ? 0 : noise() & 7;
		attack_one(type, len, "small noise", 0);
	}
}

/* --- pieces -------------------------------------------------------------- */

static void
pieces_endless(uint32_t type)
{
	size_t	 sent = 0;

	fill(0, BODY_MAX);
	while (sent < EDGE_ASSEMBLY_MAX + (size_t)BODY_MAX &&
	    attack_send(type, IMSGF_MORE, 77, body, BODY_MAX) == 0)
		sent += BODY_MAX;
	attack_judge(type, "endless pieces", 1);
}

static void
pieces(uint32_t type, int taken)
{
	uint32_t	 i;

	fill(0, BODY_MAX);
	attack_send(type, IMSGF_MORE, 0, body, 4);
	attack_judge(type, "piece without a number", 1);
	attack_send(type, IMSGF_MORE, 1, body, 0);
	attack_judge(type, "empty piece", 1);
	for (i = 1; i <= EDGE_ASSEMBLIES + 1 &&
	    attack_send(type, IMSGF_MORE, i, body, 1) == 0; i++)
		continue;
	attack_judge(type, "too many at once", 1);
	attack_send(type, IMSGF_MORE, 5, body, 1);
	if (!attack_judge(type, "first piece", !taken)) {
		attack_send(IMSG_MAX, IMSGF_MORE, 5, body, 1);
		attack_judge(IMSG_MAX, "piece of another type", 1);
	}
	/* left unfinished, closed by us: nothing to tell */
	if (taken) {
		attack_send(type, IMSGF_MORE, 6, body, 1);
		attack_open();
		attack_sync();
		ATF_CHECK_EQ(0, attack.told);
	}
	pieces_endless(type);
}

/* --- framing ------------------------------------------------------------- */

static void
framing(void)
{
	static const uint16_t	 lens[] = { 0, 1, IMSG_HEADER_SIZE - 1,
	    MAX_IMSGSIZE + 1, 0x8000, 0xffff };
	struct imsg_hdr		 hdr;
	size_t			 i;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		memset(&hdr, 0, sizeof(hdr));
		hdr.type = IMSG_KBSD_FIRST;
		hdr.len = lens[i];
		attack_write(&hdr, sizeof(hdr));
		attack_judge(0, "length of a header", 1);
	}
	/* Cut off at each byte: the peer died, nobody is to blame. */
	memset(&hdr, 0, sizeof(hdr));
	hdr.type = IMSG_KBSD_FIRST;
	hdr.len = MAX_IMSGSIZE;
	for (i = 0; i <= sizeof(hdr); i++) {
		attack_write(&hdr, i);
		attack_open();
		attack_sync();
		ATF_CHECK_EQ(0, attack.told);
	}
	for (i = 0; i < 100; i++) {
		fill(-1, 64);
		attack_write(body, 64);
		attack_sync();
		attack.told = 0;
		attack_open();
	}
}

static unsigned int
child_fds(void)
{
	char		 path[64];
	unsigned int	 fd, n = 0;

	for (fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%u",
		    (int)child_pid(attack.child), fd);
		n += readlink(path, (char[16]){ 0 }, 16) > 0;
	}
	return (n);
}

/* Peers send no descriptors; one that comes is dropped. */
static void
descriptors(void)
{
	union {
		struct cmsghdr	 hdr;
		uint8_t		 buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct imsg_hdr	 hdr = { .type = IMSG_MAX, .flags = IMSGF_HASFD,
	    .len = IMSG_HEADER_SIZE };
	struct iovec	 iov = { .iov_base = &hdr, .iov_len = sizeof(hdr) };
	struct msghdr	 msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof(control.buf) };
	struct cmsghdr	*cmsg;
	unsigned int	 before;
	int		 null;

	attack_sync();
	before = child_fds();
	ATF_REQUIRE((null = open("/dev/null", O_RDONLY)) != -1);
	memset(&control, 0, sizeof(control));
	cmsg = CMSG_FIRSTHDR(&msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &null, sizeof(int));
	ATF_REQUIRE(sendmsg(attack.fd, &msg, MSG_NOSIGNAL) ==
	    (ssize_t)sizeof(hdr));
	attack_judge(IMSG_MAX, "descriptor", 1);
	attack_sync();
	ATF_CHECK_EQ_MSG(before, child_fds(), "%s keeps a descriptor of %s",
	    process_name(attack.subject->kind), process_name(attack.peer));
	close(null);
}

/* --- floods -------------------------------------------------------------- */

static void
flood(uint32_t type, size_t len)
{
	unsigned int	 i;

	fill(0, len);
	for (i = 0; i < FLOOD && attack_send(type, 0, 0, body, len) == 0; i++)
		continue;
	attack_judge(type, "flood", 0);
}

static long
peak_kb(void)
{
	char	 path[64], line[128];
	long	 kb = 0;
	FILE	*fp;

	snprintf(path, sizeof(path), "/proc/%d/status",
	    (int)child_pid(attack.child));
	ATF_REQUIRE((fp = fopen(path, "r")) != NULL);
	while (fgets(line, sizeof(line), fp) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			kb = strtol(line + 6, NULL, 10);
	fclose(fp);
	return (kb);
}

/* --- one edge ------------------------------------------------------------ */

static void
attack_type(uint32_t type)
{
	int	 may = subject_takes(attack.subject, type);

	attack.why[0] = '\0';
	attack.least[type] = may ? find_least(type) : BODY_MAX + 1;
	attack.taken[type] = attack.least[type] <= BODY_MAX;
	bodies_of_any(type, !attack.taken[type]);
	if (attack.taken[type]) {
		bodies_flipped(type, attack.least[type]);
		pieces(type, 1);
		flood(type, attack.least[type]);
	}
}

static void
attack_edge(enum process_kind peer)
{
	unsigned int	 n = 0;
	uint32_t	 type;

	attack.peer = peer;
	attack.fd = -1;
	attack.sent = attack.closed = 0;
	attack_open();
	attack_sync();
	framing();
	descriptors();
	pieces(IMSG_MAX, 0);
	flood(IMSG_MAX, 0);
	for (type = 0; type <= TYPES; type++) {
		attack_type(type);
		n += (unsigned int)attack.taken[type];
	}
	printf("%s, edge of %s: %u types taken, %lu messages, %lu closed\n",
	    process_name(attack.subject->kind), process_name(peer), n,
	    attack.sent, attack.closed);
	close(attack.fd);
	attack.fd = -1;
	attack_sync();
}

/* Noise instead of signatures: no handshakes, but no more than that. */
static void
attack_raw(void)
{
	struct wbuf	 w = { 0 };
	int		 sv[2], i;

	for (i = 0; i < 12; i++) {
		ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
		    SOCK_NONBLOCK, 0, sv) == 0);
		fill(i < 6 ? -1 : 0, sizeof(body));
		if (i >= 6)
			body[0] = (uint8_t)IMSG_FRONTEND_SIGNED;
		if (i >= 8)
			body[4] = (uint8_t)(IMSG_HEADER_SIZE + i);
		(void)send(sv[0], body, i == 5 ? 5 : 1000, MSG_NOSIGNAL);
		if (i == 5)
			shutdown(sv[0], SHUT_WR);
		wb_u32(&w, PROC_SIGNER);
		wb_u32(&w, 0);
		wb_u32(&w, 0);
		ATF_REQUIRE(imsg_compose(&attack.parent, IMSG_PROCESS_EDGE,
		    0, 0, sv[1], w.data, w.len) == 1);
		wb_free(&w);
		attack.peer = PROC_SIGNER;
		attack.fd = sv[0];
		attack_sync();
		attack.told = 0;
		close(sv[0]);
	}
	attack.fd = -1;
}

static void
attack_begin(enum process_kind kind)
{
	memset(&attack, 0, sizeof(attack));
	attack.fd = -1;
	attack.subject = subject_find(kind);
	attack.child = attack.subject->start();
	child_go(attack.child);
	/* Nothing has come there that is not read. */
	ATF_REQUIRE(imsgbuf_init(&attack.parent,
	    peer_fd(child_parent(attack.child))) == 0);
}

static void
attack_all(enum process_kind kind)
{
	const enum process_kind	*peer;
	long			 kb;

	attack_begin(kind);
	for (peer = attack.subject->peers; *peer != PROC_PARENT; peer++)
		if (is_raw(kind, *peer))
			attack_raw();
		else
			attack_edge(*peer);
	kb = peak_kb();
	printf("%s: at most %ld KB\n", process_name(kind), kb);
	if (!WITH_ASAN)
		ATF_CHECK_MSG(kb < PEAK_KB, "%s had grown to %ld KB",
		    process_name(kind), kb);
}

static void
attack_end(void)
{
	imsgbuf_clear(&attack.parent);
	ATF_CHECK_EQ(0, child_end(attack.child));
}

/* --- afterwards ---------------------------------------------------------- */

/* An answer of this type comes over a new edge. */
static void
after_answer(enum process_kind peer, uint32_t type, struct wbuf *w,
    uint32_t answer)
{
	struct peer	*p = child_edge(attack.child, peer, 0, 9);
	struct rbuf	 r;

	peer_send(p, type, w);
	peer_recv(p, answer, &r, MS);
	peer_close(p);
}

static void
after_store(void)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, 1);
	wb_u8(&w, ROW_USER);
	wb_uuid(&w, &uuid_nil);
	wb_str(&w, "nobody");
	after_answer(PROC_BROKER, IMSG_STORE_FIND, &w, IMSG_BROKER_FOUND);
}

static void
after_hasher(void)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, 1);
	wb_str(&w, "a password");
	after_answer(PROC_AUTH, IMSG_HASHER_HASH, &w, IMSG_AUTH_HASHED);
}

static void
after_audit(void)
{
	static const uint8_t		 digest[DIGEST_LEN];
	const struct request_name	 name = { 4, 1 };
	struct wbuf			 w = { 0 };
	int				 i;

	wb_name(&w, &name);
	wb_u8(&w, OP_TRANSFER);
	wb_str(&w, "main");
	wb_uuid(&w, &uuid_nil);
	wb_digest(&w, digest);
	wb_digest(&w, digest);
	wb_u8(&w, 1);
	wb_u8(&w, AUDIT_DECISION);
	for (i = 0; i < 3; i++)
		wb_str(&w, "");
	wb_uuid(&w, &uuid_nil);
	wb_uuid(&w, &uuid_nil);
	wb_u8(&w, 0);
	wb_digest(&w, digest);
	wb_str(&w, "ok");
	for (i = 0; i < 4; i++)
		wb_str(&w, "");
	after_answer(PROC_BROKER, IMSG_AUDIT_RECORD, &w,
	    IMSG_BROKER_RECORDED);
}

/* --- the cases ----------------------------------------------------------- */

#define KINDS(X)							\
	X(frontend, PROC_FRONTEND, NULL) X(gate, PROC_GATE, NULL)	\
	X(control, PROC_CONTROL, NULL) X(signer, PROC_SIGNER, NULL)	\
	X(auth, PROC_AUTH, NULL) X(hasher, PROC_HASHER, after_hasher)	\
	X(broker, PROC_BROKER, NULL) X(store, PROC_STORE, after_store)	\
	X(audit, PROC_AUDIT, after_audit)				\
	X(verifier, PROC_VERIFIER, NULL) X(fetcher, PROC_FETCHER, NULL)	\
	X(engine, PROC_ENGINE, NULL) X(maker, PROC_MAKER, NULL)		\
	X(kms, PROC_KMS, NULL) X(metrics, PROC_METRICS, NULL)

#define CASE(name, kind, after)						\
ATF_TC_WITHOUT_HEAD(name);						\
ATF_TC_BODY(name, tc)							\
{									\
	void	(*const fn)(void) = after;				\
									\
	attack_all(kind);						\
	if (fn != NULL)							\
		fn();							\
	attack_end();							\
}
KINDS(CASE)

static enum process_kind
kind_named(const char *name)
{
	const char	*kind;
	int		 i;
	size_t		 n;

	for (i = 0; i < PROC_MAX; i++) {
		kind = process_name((enum process_kind)i);
		for (n = 0; kind[n] != '\0' &&
		    toupper((unsigned char)kind[n]) == name[n]; n++)
			continue;
		if (kind[n] == '\0' && name[n] == '\0')
			return ((enum process_kind)i);
	}
	atf_tc_fail("no process %s", name);
}

/* The subjects have the edges that the parent makes, and no others. */
ATF_TC_WITHOUT_HEAD(topology);
ATF_TC_BODY(topology, tc)
{
	const char		*src = getenv("KBSD_SRC");
	char			 path[PATH_MAX], line[256], a[32], b[32];
	unsigned int		 pairs = 0, ends = 0, i, n;
	FILE			*fp;

	if (src == NULL)
		atf_tc_skip("KBSD_SRC is not set");
	snprintf(path, sizeof(path), "%s/kbsd/parent/set.c", src);
	ATF_REQUIRE((fp = fopen(path, "r")) != NULL);
	while (fgets(line, sizeof(line), fp) != NULL) {
		if (sscanf(line, "%*[\t {]PROC_%31[A-Z],%*[\t ]PROC_%31[A-Z] }",
		    a, b) != 2)
			continue;
		pairs++;
		ATF_CHECK_MSG(subject_has(subject_find(kind_named(a)),
		    kind_named(b)), "%s has no edge to %s", a, b);
		ATF_CHECK_MSG(subject_has(subject_find(kind_named(b)),
		    kind_named(a)), "%s has no edge to %s", b, a);
	}
	fclose(fp);
	for (i = 0; i < NSUBJECTS; i++)
		for (n = 0; subjects[i].peers[n] != PROC_PARENT; n++)
			ends++;
	ATF_CHECK(pairs > 20);
	ATF_CHECK_EQ(2 * pairs, ends);
	ATF_CHECK_EQ(PROC_MAX - 1, NSUBJECTS);
}

/* An end to anybody else is not taken, whoever sends it. */
ATF_TC_WITHOUT_HEAD(others);
ATF_TC_BODY(others, tc)
{
	struct imsg	 imsg;
	size_t		 i;
	int		 peer;

	for (i = 0; i < NSUBJECTS; i++)
		for (peer = 0; peer <= PROC_MAX; peer++) {
			if (subject_has(&subjects[i], peer) ||
			    (peer + i) % 3 != 0)
				continue;
			attack_begin(subjects[i].kind);
			attack.peer = peer;
			attack_open();
			while (imsgbuf_read(&attack.parent) == -1 &&
			    errno == EAGAIN)
				usleep(1000);
			ATF_CHECK_EQ(0, imsg_get(&attack.parent, &imsg));
			imsgbuf_clear(&attack.parent);
			ATF_CHECK_MSG(child_end(attack.child) == 1 << 8,
			    "%s takes an edge to %s",
			    process_name(subjects[i].kind),
			    process_name((enum process_kind)peer));
			close(attack.fd);
		}
}

/* Each type has a name, so that each was tried as what it is. */
ATF_TC_WITHOUT_HEAD(names);
ATF_TC_BODY(names, tc)
{
	uint32_t	 type;

	for (type = IMSG_KBSD_FIRST; type < IMSG_MAX; type++)
		ATF_CHECK_MSG(strcmp(imsg_name(type), "unknown") != 0,
		    "type %u has no name", type);
	ATF_CHECK_STREQ("unknown", imsg_name(IMSG_MAX));
}

#define ADD(name, kind, after)	ATF_TP_ADD_TC(tp, name);

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, topology);
	ATF_TP_ADD_TC(tp, names);
	ATF_TP_ADD_TC(tp, others);
	KINDS(ADD)
	return (atf_no_error());
}

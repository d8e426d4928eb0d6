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
 * One connection to the KMIP server, mutual TLS by libtls.  Requests are
 * written as they come and answered in their order.  A connection that ends
 * is opened again for what waits; one that is idle is closed, so that no
 * buffer of it keeps the last key.
 */

#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>
#include <unistd.h>

#include "certificate.h"
#include "kmip.h"
#include "log.h"
#include "resolve.h"
#include "secret.h"
#include "timer.h"

#define FILE_MAX	(256 * 1024)
#define IDLE_MS		2000
#define OPEN_MS		2000		/* for TCP, and again for TLS */
#define AGAIN_LEAST_MS	50
#define AGAIN_MOST_MS	1000
#define TRIES_MAX	3
/* So that whoever waits hears why before its own time is up. */
#define MARGIN_MS	60
/* Forward secrecy, and no MAC weaker than SHA-256. */
#define CIPHERS		"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES+SHA256:" \
			"ECDHE+AES+SHA384:!aNULL"

enum state { WIRE_CLOSED, WIRE_NAMED, WIRE_CONNECTING, WIRE_SHAKING,
	WIRE_READY };

struct op {
	TAILQ_ENTRY(op)	 entry;
	struct kmip_ask	 ask;
	int		 safe;
	int		 sent;			/* on this connection */
	unsigned int	 tries;
	struct event	*timer;
	void		(*done)(void *, const struct kmip_answer *,
			    const char *, int);
	void		*arg;
};

static TAILQ_HEAD(ops, op)	 ops = TAILQ_HEAD_INITIALIZER(ops);
static enum state		 state;
static struct tls_config	*config;
static struct tls		*tls;
static char			*password;	/* secret; NULL: none */
static int			 fd = -1;
static struct event		*readable, *writable;
static struct event		*idle, *again, *opening;
static struct resolve		*naming;
static char			 addresses[RESOLVE_MAX];
static const char		*next_address;
static struct wbuf		 out;
static size_t			 outdone;
static uint8_t			*in;		/* secret, KMIP_MESSAGE_MAX */
static size_t			 inlen;
static enum kmip_operation	 hello;		/* asked before all else */
static unsigned int		 failures;
static char			 last[REASON_TEXT_MAX];
static uint64_t			 count_asked, count_connections, count_broken;

static void	wire_address(void);

const char *
wire_stage(void)
{
	return (last);
}

/* --- ops ---------------------------------------------------------------- */

static void
op_free(struct op *op)
{
	TAILQ_REMOVE(&ops, op, entry);
	event_free(op->timer);
	free(op);
}

static void
op_end(struct op *op, const struct kmip_answer *a, const char *why)
{
	void	(*done)(void *, const struct kmip_answer *, const char *,
		    int) = op->done;
	void	*arg = op->arg;
	int	 sent = op->sent;

	op_free(op);
	if (done != NULL)
		done(arg, a, why, sent);
}

/* --- the end of a connection -------------------------------------------- */

static void
wire_close(void)
{
	if (naming != NULL)
		resolve_cancel(naming);
	naming = NULL;
	if (readable != NULL) {
		event_free(readable);
		event_free(writable);
	}
	readable = writable = NULL;
	tls_free(tls);
	tls = NULL;
	if (fd != -1)
		close(fd);
	fd = -1;
	wb_free(&out);
	outdone = 0;
	explicit_bzero(in, inlen);
	inlen = 0;
	hello = KMIP_NOTHING;
	state = WIRE_CLOSED;
	event_del(idle);
	event_del(opening);
}

/*
 * What was sent may have been done.  What may be asked twice is, a few times;
 * whose answer nobody waits for any more goes.
 */
static void __attribute__((format(printf, 1, 2)))
wire_broken(const char *fmt, ...)
{
	struct op	*op, *next;
	char		 why[sizeof(last)];
	uint64_t	 ms;
	va_list		 ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	strlcpy(last, why, sizeof(last));
	log_debug("%s", last);
	count_broken++;
	wire_close();
	TAILQ_FOREACH_SAFE(op, &ops, entry, next) {
		if (!op->sent)
			continue;
		if (op->done == NULL || !op->safe || op->tries >= TRIES_MAX)
			op_end(op, NULL, last);
		else
			op->sent = 0;
	}
	if (TAILQ_EMPTY(&ops))
		return;
	ms = failures == 0 ? 0 : AGAIN_LEAST_MS << (failures > 5 ? 5 :
	    failures);
	failures++;
	timer_set(again, ms > AGAIN_MOST_MS ? AGAIN_MOST_MS : ms);
}

/* Who has been sent and is not answered in time stops all behind it. */
static void
op_timeout(int f, short what, void *arg)
{
	struct op	*op = arg;
	int		 sent = op->sent;
	char		 why[REASON_TEXT_MAX];

	(void)f;
	(void)what;
	snprintf(why, sizeof(why), "%.128s did not answer in time%s%.256s",
	    kmip.server.name, last[0] != '\0' ? ": " : "", last);
	op_end(op, NULL, why);
	if (sent || hello != KMIP_NOTHING)
		wire_broken("%s hangs", kmip.server.name);
}

/* --- writing ------------------------------------------------------------ */

static void
wire_wants(int rc)
{
	event_add(readable, NULL);
	if (rc == TLS_WANT_POLLOUT)
		event_add(writable, NULL);
}

/* 0, or -1: the connection is over. */
static int
wire_flush(void)
{
	ssize_t	 n;

	while (outdone < out.len) {
		n = tls_write(tls, out.data + outdone, out.len - outdone);
		if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT) {
			wire_wants((int)n);
			return (0);
		}
		if (n <= 0) {
			wire_broken("TLS with %s: %s", kmip.server.name,
			    tls_error(tls) != NULL ? tls_error(tls) :
			    "closed");
			return (-1);
		}
		outdone += (size_t)n;
	}
	wb_free(&out);
	outdone = 0;
	return (0);
}

/* All that waits, in one go, once the server is known. */
static int
wire_send(void)
{
	const struct kmip_version	*version;
	struct kmip_ask			 ask = { 0 };
	struct op			*op;

	if (hello != KMIP_NOTHING)
		return (wire_flush());
	if ((hello = hello_next(&version)) != KMIP_NOTHING) {
		ask.operation = hello;
		kmip_request(&out, version, kmip.user, password, &ask);
		return (wire_flush());
	}
	TAILQ_FOREACH(op, &ops, entry) {
		if (op->sent)
			continue;
		kmip_request(&out, version, kmip.user, password, &op->ask);
		op->sent = 1;
		op->tries++;
		count_asked++;
	}
	if (out.failed)
		fatalx("no memory for a request");
	return (wire_flush());
}

/* --- reading ------------------------------------------------------------ */

static int
wire_greeted(size_t len)
{
	struct kmip_answer	 a;
	const char		*why;

	if ((why = kmip_response(in, len, hello, &a)) != NULL ||
	    (why = hello_answer(hello, &a)) != NULL) {
		wire_broken("answer of %s: %s", kmip.server.name, why);
		return (-1);
	}
	hello = KMIP_NOTHING;
	return (wire_send());
}

static int
wire_answered(size_t len)
{
	struct kmip_answer	 a;
	struct op		*op = TAILQ_FIRST(&ops);
	const char		*why;

	if (hello != KMIP_NOTHING)
		return (wire_greeted(len));
	if (op == NULL || !op->sent) {
		wire_broken("%s answers what was not asked", kmip.server.name);
		return (-1);
	}
	why = kmip_response(in, len, op->ask.operation, &a);
	if (why != NULL) {
		wire_broken("answer of %s: %s", kmip.server.name, why);
		return (-1);
	}
	failures = 0;
	last[0] = '\0';
	op_end(op, &a, NULL);
	return (state == WIRE_READY ? 0 : -1);
}

/* Whole messages out of what has come; -1: the connection is over. */
static int
wire_take(void)
{
	ssize_t	 n;
	size_t	 len;

	while ((n = kmip_length(in, inlen)) > 0 && (size_t)n <= inlen) {
		len = (size_t)n;
		if (wire_answered(len) == -1)
			return (-1);
		memmove(in, in + len, inlen - len);
		explicit_bzero(in + inlen - len, len);
		inlen -= len;
	}
	if (n == -1) {
		wire_broken("%s sent no KMIP response", kmip.server.name);
		return (-1);
	}
	return (0);
}

static int
wire_read(void)
{
	ssize_t	 n;

	for (;;) {
		n = tls_read(tls, in + inlen, KMIP_MESSAGE_MAX - inlen);
		if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT) {
			wire_wants((int)n);
			return (0);
		}
		if (n <= 0) {
			wire_broken("%s closed the connection",
			    kmip.server.name);
			return (-1);
		}
		inlen += (size_t)n;
		if (wire_take() == -1)
			return (-1);
	}
}

/* --- opening ------------------------------------------------------------ */

static void
wire_shake(void)
{
	int	 rc = tls_handshake(tls);

	if (rc == TLS_WANT_POLLIN || rc == TLS_WANT_POLLOUT) {
		wire_wants(rc);
		return;
	}
	if (rc != 0) {
		wire_broken("TLS with %s: %s", kmip.server.name,
		    tls_error(tls) != NULL ? tls_error(tls) : "failed");
		return;
	}
	state = WIRE_READY;
	event_del(opening);
	timer_set(idle, IDLE_MS);
	count_connections++;
	event_add(readable, NULL);
	(void)wire_send();
}

static void
wire_connected(void)
{
	int		 error = 0, one = 1;
	socklen_t	 len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error != 0) {
		snprintf(last, sizeof(last), "connection to %s: %s",
		    kmip.server.name, strerror(error));
		wire_address();
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if ((tls = tls_client()) == NULL || tls_configure(tls, config) == -1 ||
	    tls_connect_socket(tls, fd, kmip.tls_name[0] != '\0' ?
	    kmip.tls_name : kmip.server.name) == -1) {
		wire_broken("TLS with %s: %s", kmip.server.name, tls != NULL &&
		    tls_error(tls) != NULL ? tls_error(tls) : "no memory");
		return;
	}
	state = WIRE_SHAKING;
	timer_set(opening, OPEN_MS);
	wire_shake();
}

static void
wire_work(int f, short what, void *arg)
{
	(void)f;
	(void)what;
	(void)arg;
	if (state == WIRE_CONNECTING)
		wire_connected();
	else if (state == WIRE_SHAKING)
		wire_shake();
	else if (state == WIRE_READY && wire_send() == 0)
		(void)wire_read();
}

static int
wire_connect(const struct sockaddr *sa, socklen_t len)
{
	if ((fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, IPPROTO_TCP)) == -1)
		return (-1);
	if (connect(fd, sa, len) == -1 && errno != EINPROGRESS) {
		close(fd);
		fd = -1;
		return (-1);
	}
	readable = event_new(base, fd, EV_READ, wire_work, NULL);
	writable = event_new(base, fd, EV_WRITE, wire_work, NULL);
	if (readable == NULL || writable == NULL)
		fatalx("no memory for a socket");
	state = WIRE_CONNECTING;
	event_add(writable, NULL);
	timer_set(opening, OPEN_MS);
	return (0);
}

/* The next address; when there is none left, the reason is that of the last. */
static void
wire_address(void)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len;

	wire_close();
	while ((len = resolve_next(&next_address, kmip.server.port, &ss)) !=
	    0) {
		if (wire_connect((struct sockaddr *)&ss, len) == 0)
			return;
		snprintf(last, sizeof(last), "connection to %s: %s",
		    kmip.server.name, strerror(errno));
	}
	wire_broken("%s", last[0] != '\0' ? last : "no address");
}

/* HOST:PORT:ADDRESS,ADDRESS */
static void
wire_named(void *arg, const char *text, const char *why)
{
	char	 head[HOST_MAX + 8];

	(void)arg;
	naming = NULL;
	addresses[0] = '\0';
	if (text == NULL)
		strlcpy(last, why, sizeof(last));
	else {
		snprintf(head, sizeof(head), "%s:%u:", kmip.server.name,
		    kmip.server.port);
		strlcpy(addresses, text + strlen(head), sizeof(addresses));
	}
	next_address = addresses;
	/* resolve_find() may still be at it: go on from the loop. */
	state = WIRE_NAMED;
	timer_set(again, 0);
}

static void
wire_start(void)
{
	struct in6_addr	 a;

	last[0] = '\0';
	if (inet_pton(AF_INET, kmip.server.name, &a) == 1 ||
	    inet_pton(AF_INET6, kmip.server.name, &a) == 1) {
		strlcpy(addresses, kmip.server.name, sizeof(addresses));
		next_address = addresses;
		wire_address();
		return;
	}
	naming = resolve_find(&kmip.server, wire_named, NULL);
}

static void
wire_again(int f, short what, void *arg)
{
	(void)f;
	(void)what;
	(void)arg;
	if (state == WIRE_NAMED)
		wire_address();
	else if (state == WIRE_CLOSED && naming == NULL &&
	    !TAILQ_EMPTY(&ops))
		wire_start();
}

/* Requests that come all the time must not keep what never opens. */
static void
wire_late(int f, short what, void *arg)
{
	(void)f;
	(void)what;
	(void)arg;
	if (state == WIRE_CONNECTING) {
		snprintf(last, sizeof(last), "connection to %s: no answer",
		    kmip.server.name);
		wire_address();
	} else if (state == WIRE_SHAKING)
		wire_broken("TLS with %s: no answer", kmip.server.name);
}

static void
wire_idle(int f, short what, void *arg)
{
	(void)f;
	(void)what;
	(void)arg;
	if (TAILQ_EMPTY(&ops))
		wire_close();
	else
		timer_set(idle, IDLE_MS);
}

/* --- from outside ------------------------------------------------------- */

struct op *
wire_ask(const struct kmip_ask *ask, uint64_t deadline, int safe,
    void (*done)(void *, const struct kmip_answer *, const char *, int),
    void *arg)
{
	struct op	*op;
	uint64_t	 now = now_ms() + MARGIN_MS;

	if ((op = calloc(1, sizeof(*op))) == NULL)
		fatal("calloc");
	op->ask = *ask;
	op->safe = safe;
	op->done = done;
	op->arg = arg;
	op->timer = timer_new(op_timeout, op);
	timer_set(op->timer, deadline > now ? deadline - now : 0);
	TAILQ_INSERT_TAIL(&ops, op, entry);
	timer_set(idle, IDLE_MS);
	/* From the loop, so that what comes together goes together. */
	if (state == WIRE_READY)
		event_active(writable, EV_WRITE, 0);
	else if (state == WIRE_CLOSED && naming == NULL)
		timer_set(again, 0);
	return (op);
}

/* What was sent will be answered, and is waited for by nobody. */
void
wire_cancel(struct op *op)
{
	if (!op->sent) {
		op_free(op);
		return;
	}
	op->done = NULL;
}

/* --- start -------------------------------------------------------------- */

static uint8_t *
file_load(int f, size_t *len, const char *what)
{
	struct stat	 st;
	uint8_t		*data;
	ssize_t		 n;

	if (f == -1)
		fatalx("%s has not come", what);
	if (fstat(f, &st) == -1)
		fatal("%s", what);
	if (st.st_size <= 0 || st.st_size > FILE_MAX)
		fatalx("%s: empty, or more than %d bytes", what, FILE_MAX);
	*len = (size_t)st.st_size;
	if ((data = malloc(*len)) == NULL)
		fatal("%s", what);
	n = pread(f, data, *len, 0);
	if (n != (ssize_t)*len)
		fatal("%s", what);
	close(f);
	return (data);
}

static void
wire_password(int f)
{
	char	*text;
	size_t	 len;

	if (f == -1)
		return;
	if ((text = secret_read(f, KMIP_WORD_MAX, &len)) == NULL)
		fatal("password");
	close(f);
	password = text;
}

void
wire_open(int cert, int key, int ca, int secret)
{
	struct tls	*try;
	uint8_t		*text[3];
	size_t		 len[3];
	uint32_t	 protocols;

	text[0] = file_load(cert, &len[0], "certificate");
	text[1] = file_load(key, &len[1], "key");
	text[2] = file_load(ca, &len[2], "ca");
	if (tls_init() == -1 || (config = tls_config_new()) == NULL)
		fatalx("no memory for TLS");
	if (tls_config_parse_protocols(&protocols, kmip.protocols) == -1)
		fatalx("tls \"%s\": no protocols of TLS", kmip.protocols);
	if (tls_config_set_protocols(config, protocols) == -1 ||
	    tls_config_set_ciphers(config, CIPHERS) == -1 ||
	    tls_config_set_ca_mem(config, text[2], len[2]) == -1 ||
	    tls_config_set_keypair_mem(config, text[0], len[0], text[1],
	    len[1]) == -1)
		fatalx("TLS: %s", tls_config_error(config));
	/* What does not fit together is found out now. */
	if ((try = tls_client()) == NULL || tls_configure(try, config) == -1)
		fatalx("certificate, key or ca: %s", try != NULL ?
		    tls_error(try) : "no memory");
	tls_free(try);
	certificate_note(CERTIFICATE_OWN, "", text[0], len[0]);
	certificate_note(CERTIFICATE_CA, "", text[2], len[2]);
	freezero(text[1], len[1]);
	free(text[0]);
	free(text[2]);
	wire_password(secret);
	if ((in = secret_alloc(KMIP_MESSAGE_MAX)) == NULL)
		fatal("secret memory");
	hello_init();
	idle = timer_new(wire_idle, NULL);
	opening = timer_new(wire_late, NULL);
	again = timer_new(wire_again, NULL);
}

void
wire_counters(struct wbuf *w)
{
	wb_str(w, "asked");
	wb_u64(w, count_asked);
	wb_str(w, "connections");
	wb_u64(w, count_connections);
	wb_str(w, "broken");
	wb_u64(w, count_broken);
}

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
 * What the files of the frontend offer each other.  The frontend meets
 * strangers: it turns TLS, HTTP and JSON into typed messages and back.  It
 * owns no secret and no file.
 */
#ifndef FRONTEND_H
#define FRONTEND_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"
#include "http.h"
#include "kbsd.h"
#include "trace.h"

/*
 * conn.c: connections.
 */
struct conn;
struct request;
struct source;

struct conn_counts {
	uint64_t	 handshakes;
	uint64_t	 failed;	/* of them */
	uint64_t	 timeouts;
	uint64_t	 evicted;
	struct histogram duration;	/* of handshakes */
};
extern struct conn_counts	 conn_counts;

/* Before conn_init(). */
void		 conn_limits(const uint32_t[LIMIT_MAX]);
/* What is told of one. */
struct conn_told {
	const char	*address;
	const char	*state;
	uint64_t	 age;			/* ms */
	uint64_t	 requests;
	const char	*tls, *cipher;		/* "": not yet */
};

void		 conn_init(void);
int		 conn_new(int, const char *, struct source *, size_t);
unsigned int	 conn_count(void);
/* Bodies over 64 KiB that are being read; how many there may be. */
unsigned int	 conn_bigs(void);
unsigned int	 conn_bigs_most(void);
/* Tell of so many, the oldest first, after the first skip of them. */
void		 conn_tell(unsigned int skip, unsigned int n,
		    void (*fn)(const struct conn_told *, void *), void *);
int		 conn_can_evict(void);
int		 conn_evict(void);
void		 conn_resume(void);
void		 conn_drain(void);
const char	*conn_address(const struct conn *);
struct source	*conn_source(const struct conn *);
int		 conn_closes(struct conn *);

/* For conn_step.c. */
enum conn_state {
	CONN_NEW,		/* not a byte came */
	CONN_HANDSHAKE,
	CONN_READ,
	CONN_WAIT,		/* for the answer to a request */
	CONN_WRITE,
	CONN_LINGER,		/* closing: reads what nobody wants */
	CONN_STATES
};

/* What it waits for, and so how long. */
enum conn_timer {
	TIMER_HANDSHAKE,
	TIMER_HEAD,
	TIMER_BODY,		/* behind the head: 30 for both */
	TIMER_IDLE,
	TIMER_ANSWER,		/* a second for a late 503 of the broker */
	TIMER_MAKE,
	TIMER_WRITE,
	TIMER_LINGER,
	TIMER_DRAIN,
	TIMERS
};

/* How much of a request has come. */
enum conn_phase { PHASE_IDLE, PHASE_HEAD, PHASE_BODY };

struct conn {
	TAILQ_ENTRY(conn)	 entry;
	TAILQ_ENTRY(conn)	 idleentry;
	int			 fd;
	enum conn_state		 state;
	enum conn_phase		 phase;
	struct event		 readable;
	struct event		 writable;
	struct event		 timer;
	int			 reading;
	int			 writing;
	int			 idle;		/* in that list */
	int			 running;
	int			 closing;	/* after this answer */
	int			 unread;	/* more may come than we read */
	int			 interim;	/* what is written is 100 */
	int			 big;		/* is one of bigs */
	struct tls		*tls;
	struct http_parser	 parser;
	struct request		*request;
	struct source		*source;
	uint64_t		 began;		/* us: the handshake */
	size_t			 listener;	/* it came to */
	uint8_t			*rest;		/* read, not yet looked at */
	size_t			 restoff;
	size_t			 restlen;
	uint8_t			*out;
	size_t			 outoff;
	size_t			 outlen;
	size_t			 lingered;
	uint64_t		 since;		/* ms */
	uint64_t		 requests;
	char			 address[ADDRESS_TEXT_MAX];
};

/* FEED: the parser may go on with what it was given. */
enum step { STEP_AGAIN, STEP_WAIT, STEP_END, STEP_FEED };

/* Its deadline is from now on this one. */
void		 conn_timer(struct conn *, enum conn_timer);
/* Wait for these of EV_READ and EV_WRITE; STEP_END: it can't. */
enum step	 conn_want(struct conn *, short);
/* What libtls waits for by this answer of it; else STEP_END. */
enum step	 conn_want_tls(struct conn *, ssize_t);
/* A request has begun; there is none any more. */
void		 conn_busy(struct conn *);
void		 conn_idle(struct conn *);
/* Take, if need be, one of the places for large bodies, -1; give it back. */
int		 conn_take_big(struct conn *);
void		 conn_unbig(struct conn *);
/* The end: it is not to be touched after it. */
void		 conn_free(struct conn *);

/* conn_step.c: what a connection does in its states. */

/* Something that it waits for has come; it may be gone afterwards. */
void		 conn_run(struct conn *);
/*
 * The request has its answer, whose memory is taken over; NULL ends the
 * connection.
 */
void		 conn_answer(struct conn *, uint8_t *, size_t);

/* listen.c: sockets that connections come from. */
/* How often each limit held somebody off. */
extern uint64_t			 limited[LIMIT_MAX];

struct listen_counts {
	uint64_t	 accepted;
	uint64_t	 refused;
	uint64_t	 pauses;
};
extern struct listen_counts	 listen_counts;

int		 listen_add(int);
void		 listen_limit(unsigned int);
/*
 * What one source may have: connections (0: a quarter of all), and requests
 * per second (0: any number) with so many at once.
 */
void		 listen_limit_source(unsigned int, uint32_t, uint32_t);
/* A source asks: 0, or the milliseconds that it has to wait. */
uint64_t	 listen_asked(const struct source *);
unsigned int	 listen_most(void);
void		 listen_start(void);
void		 listen_stop(void);
void		 listen_refuse(const char *, uint32_t);
void		 listen_left(struct source *);

/* handshake.c: the server's side of TLS. */
struct edge;
struct tls;

#define LISTENERS_MAX	64

/* Descriptors, which are taken over; of a listener behind the listener. */
int		 handshake_add_cert(int);
int		 handshake_add_listener(void);
int		 handshake_add_ca(int);
int		 handshake_add_crl(int);
void		 handshake_init(void);
void		 handshake_up(struct edge *);
void		 handshake_down(struct edge *);
int		 handshake_ready(void);
/* When the first of the certificates ends, Unix seconds; 0: unknown. */
int64_t		 handshake_ends(void);
/* Of the listener with this number, which they have from 0. */
struct tls	*handshake_accept(int, size_t);
/* Go on with it, as tls_handshake(3). */
int		 handshake_step(struct tls *);
/* Say it, if it is to be said. */
void		 handshake_failed(size_t, const char *, const char *);

/* verify.c: what was wrong with a client's certificate. */
void		 verify_init(void);
void		 verify_begin(void);
/* With one that was looked at since then; NULL: none, or nothing. */
const char	*verify_why(void);
/* Is this PEM of at least one, and all of it whole? */
int		 verify_is_certs(const void *, size_t);
int		 verify_is_crls(const void *, size_t);

/* sign.c: the private key that is elsewhere. */
struct sign_counts {
	uint64_t	 made;
	uint64_t	 failed;
};
extern struct sign_counts	 sign_counts;

void		 sign_init(void);
int		 sign_up(struct edge *);
void		 sign_down(void);
int		 sign_is_up(void);

/* route.c: what there is to be asked. */
#define ROUTE_AUTH	0x01	/* wants a bearer token */
#define ROUTE_BODY	0x02	/* wants a body */
#define ROUTE_LONG	0x04	/* may take as long as making a key */

struct route {
	const char	*method;
	const char	*pattern;
	enum operation	 op;
	uint8_t		 roles;		/* bits of enum role */
	uint8_t		 flags;
	const char	*type;		/* Content-Type of a body */
	const char	*accept;	/* NULL: not looked at */
	size_t		 limit;		/* of the body */
	/*
	 * 0: answered or sent; -1: request_error() has what is wrong.
	 */
	int		(*ask)(struct request *, const struct http_request *);
};

#define ALLOW_TEXT	32

int		 route_find(const struct http_request *, enum role,
		    const struct route **, struct uuid *, char *, size_t);

/* request.c: from head to answer. */
#define REQUEST_BODY_LEAST	(64 * 1024)	/* read even if refused */

/* Whose answer or death a request waits for. */
#define WAIT_BROKER	0x01
#define WAIT_AUTH	0x02
#define WAIT_ENGINE	0x04
#define WAIT_MAKER	0x08

struct request {
	RB_ENTRY(request)	 node;		/* when it waits */
	uint64_t		 number;	/* 0: none yet */
	struct conn		*conn;
	const struct route	*route;		/* NULL: none */
	struct uuid		 id;		/* of the path */
	uint64_t		 started;	/* us */
	unsigned int		 waits;
	size_t			 bytes;		/* with the broker */
	uint8_t			 step;		/* of a transfer */
	struct trace		 trace;		/* where it is traced */
	int			 traced;
	int			 checking;	/* only the token is judged */
	int			 minor;
	int			 status;	/* our own error, or 0 */
	unsigned int		 retry;		/* s, with it */
	char			 error[ERROR_TEXT_MAX];
	char			 allow[ALLOW_TEXT];
	char			 method[HTTP_MAX_METHOD + 1];
	char			 path[160];
};

struct reply {
	int		 status;
	unsigned int	 retry_after;
	const char	*type;
	const char	*tees;		/* Attestation-Type */
	const void	*body;
	size_t		 bodylen;
};

struct request_counts {
	uint64_t	 answers[6];	/* by the first digit of the status */
	uint64_t	 busy;
	uint64_t	 late;
	uint64_t	 gone;
	uint64_t	 timeouts;
	struct histogram duration;	/* from head to answer */
};
extern struct request_counts	 request_counts;

void		 request_init(enum role, uint32_t engines);
/* No body is longer, whatever its route allows. */
void		 request_limit_body(size_t);
struct request	*request_new(struct conn *, const struct http_request *);
size_t		 request_limit(const struct request *);
int		 request_is_refused(const struct request *);
int		 request_is_long(const struct request *);
/* Note what is wrong; the first such error stays. */
void		 request_error(struct request *, int, const char *);
void		 request_done(struct request *, const struct http_request *);
void		 request_gone(struct request *);
void		 request_timeout(struct request *);
/* These four end the request. */
void		 request_reply(struct request *, const struct reply *);
void		 request_fail(struct request *, int, const char *);
void		 request_fail_retry(struct request *, int, unsigned int,
		    const char *);
void		 request_fail_noted(struct request *);
void		 request_wait(struct request *, unsigned int, size_t);
struct request	*request_find(uint64_t);
uint32_t	 request_engine(const struct request *);
unsigned int	 request_outstanding(void);
void		 request_edge_down(const struct edge *, unsigned int);
int		 request_token(const struct http_request *,
		    struct http_slice *);

/* ask.c: a request's body and query as messages. */
int		 ask_version(struct request *, const struct http_request *);
int		 ask_login(struct request *, const struct http_request *);
int		 ask_plain(struct request *, const struct http_request *);
int		 ask_search(struct request *, const struct http_request *);
int		 ask_user(struct request *, const struct http_request *);
int		 ask_policy(struct request *, const struct http_request *);
int		 ask_key(struct request *, const struct http_request *);
int		 ask_move(struct request *, const struct http_request *);
int		 ask_release(struct request *, const struct http_request *);
int		 ask_transfer(struct request *, const struct http_request *);
int		 ask_check(struct request *, const struct http_request *);

/*
 * pubkey.c: the public key that a key is to be wrapped for, as PEM or as the
 * base64 in it.  Its DER, malloc'd, or NULL with why.
 */
#define PUBKEY_DER_MAX	4096

uint8_t		*pubkey_read(const uint8_t *, size_t, size_t *,
		    const char **);

/* show.c: what kbsctl is told. */
void		 frontend_show(uint8_t, uint8_t, struct wbuf *, uint32_t *);

/* answer.c: messages as answers. */
int		 answer_broker(struct edge *, struct rbuf *);
int		 answer_engine(struct edge *, struct rbuf *);
int		 answer_auth(struct edge *, struct rbuf *);

#endif

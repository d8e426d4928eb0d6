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
 * The frontend process: strangers' TLS, HTTP and JSON, turned into typed
 * messages and back.  It may accept connections on sockets that it is given
 * and talk to its peers.  It never sees a stored secret, nor the TLS key;
 * what passes through are the tokens, passwords and key material that its
 * clients send, and keys that are wrapped for them.
 *
 * As `gate' it serves transfers only and has no edge to auth or the maker, as
 * `metrics' it has no edge at all: metrics.c.
 */
#include <sys/resource.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend.h"
#include "json.h"
#include "kbsd.h"
#include "log.h"
#include "metrics.h"
#include "secret.h"

#define MESSAGE_LEAST	(8 + 1)
#define WRAPPED_MOST	(128 * 1024 + 32)
#define TOKEN_MOST	(BEARER_TEXT_MAX + ERROR_TEXT_MAX + 32)
#define SPARE_FDS	64	/* edges, sockets and what libraries open */

static uint8_t		 role;
static uint32_t		 connections;

static void	frontend_broker_down(struct edge *);
static void	frontend_auth_down(struct edge *);
static void	frontend_engine_down(struct edge *);
static void	frontend_maker_down(struct edge *);
static int	frontend_refuse(struct edge *, struct rbuf *);

static const struct edge_rule broker_rules[] = {
	{ IMSG_FRONTEND_ANSWER, MESSAGE_LEAST, EDGE_MESSAGE_MAX,
	    answer_broker },
};

static const struct edge_rule engine_rules[] = {
	{ IMSG_FRONTEND_WRAPPED, MESSAGE_LEAST, WRAPPED_MOST, answer_engine },
};

static const struct edge_rule auth_rules[] = {
	{ IMSG_FRONTEND_TOKEN, MESSAGE_LEAST, TOKEN_MOST, answer_auth },
};

static const struct edge_rule parent_rules[] = {
	{ IMSG_FRONTEND_REFUSE, 8, ADDRESS_TEXT_MAX + 8, frontend_refuse },
};

#define EDGE_BROKER {							\
	.peer = PROC_BROKER, .rules = broker_rules, .nrules = 1,	\
	.down = frontend_broker_down }
#define EDGE_ENGINE {							\
	.peer = PROC_ENGINE, .rules = engine_rules, .nrules = 1,	\
	.down = frontend_engine_down }
#define EDGE_SIGNER {							\
	.peer = PROC_SIGNER, .raw = 1, .up = handshake_up,		\
	.down = handshake_down }

static const struct edge_table frontend_edges[] = {
	EDGE_BROKER,
	EDGE_ENGINE,
	EDGE_SIGNER,
	{ .peer = PROC_AUTH, .rules = auth_rules, .nrules = 1,
	    .down = frontend_auth_down },
	{ .peer = PROC_MAKER, .down = frontend_maker_down },
};

static const struct edge_table gate_edges[] = {
	EDGE_BROKER,
	EDGE_ENGINE,
	EDGE_SIGNER,
};

static void
frontend_broker_down(struct edge *edge)
{
	request_edge_down(edge, WAIT_BROKER);
}

static void
frontend_auth_down(struct edge *edge)
{
	request_edge_down(edge, WAIT_AUTH);
}

static void
frontend_engine_down(struct edge *edge)
{
	request_edge_down(edge, WAIT_ENGINE);
}

static void
frontend_maker_down(struct edge *edge)
{
	request_edge_down(edge, WAIT_MAKER);
}

static int
frontend_refuse(struct edge *edge, struct rbuf *r)
{
	char		 address[ADDRESS_TEXT_MAX];
	uint32_t	 ms;

	(void)edge;
	rb_str(r, address, sizeof(address));
	ms = rb_u32(r);
	if (rb_end(r) == -1)
		return (-1);
	listen_refuse(address, ms);
	return (0);
}

/* Each frontend has its share of what an address may ask, rounded up. */
static uint32_t
share(uint32_t n, uint32_t shares)
{
	return (n / shares + (n % shares != 0));
}

static int
frontend_config(struct rbuf *r)
{
	uint32_t	 limits[LIMIT_MAX], engines, shares;

	role = rb_enum(r, ROLE_TRANSFER);
	engines = rb_u32(r);
	shares = rb_u32(r);
	rb_limits(r, limits);
	if (rb_end(r) == -1 || engines == 0 || shares == 0)
		return (-1);
	connections = limits[LIMIT_CONNECTIONS];
	/* no edge to auth: nobody can be granted anything */
	if (self.kind == PROC_GATE && role != ROLE_TRANSFER)
		return (-1);
	listen_limit(connections);
	listen_limit_source(limits[LIMIT_ADDRESS_CONNECTIONS],
	    share(limits[LIMIT_ADDRESS_RATE], shares),
	    share(limits[LIMIT_ADDRESS_BURST], shares));
	conn_limits(limits);
	http_limit_head(limits[LIMIT_HEADER_SIZE]);
	request_limit_body(limits[LIMIT_BODY_SIZE]);
	request_init((enum role)role, engines);
	return (0);
}

static int
frontend_descriptor(uint32_t kind, int fd)
{
	switch (kind) {
	case FD_LISTEN:
		return (listen_add(fd) == -1 ? -1 : handshake_add_listener());
	case FD_CLIENT_CA:
		return (handshake_add_ca(fd));
	case FD_CLIENT_CRL:
		return (handshake_add_crl(fd));
	case FD_TLS_CERT:
		return (handshake_add_cert(fd));
	default:
		return (-1);
	}
}

/* As many descriptors as connections want, or as there may be. */
static void
raise_limit(void)
{
	struct rlimit	 rl;
	rlim_t		 need = (rlim_t)connections + SPARE_FDS;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("getrlimit");
	if (rl.rlim_cur >= need)
		return;
	rl.rlim_cur = rl.rlim_max < need ? rl.rlim_max : need;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("setrlimit");
	if (rl.rlim_cur < need) {
		log_warnx("only %llu descriptors for %u connections",
		    (unsigned long long)rl.rlim_cur, connections);
		if (rl.rlim_cur > 2 * SPARE_FDS)
			listen_limit((unsigned int)rl.rlim_cur - SPARE_FDS);
	}
}

static void
frontend_secrets(void)
{
	json_init();
	raise_limit();
	handshake_init();
	conn_init();
}

static void
frontend_drain(void)
{
	listen_stop();
	conn_drain();
}

/* But for those of users, which auth knows. */
static void
frontend_limited(struct wbuf *w)
{
	char	 name[64];
	int	 i;

	for (i = 0; i < LIMIT_MAX; i++) {
		if (i == LIMIT_ADDRESS_BURST || i == LIMIT_USER_RATE ||
		    i == LIMIT_USER_BURST)
			continue;
		(void)snprintf(name, sizeof(name), "limited %s",
		    limit_table[i].name);
		wb_str(w, name);
		wb_u64(w, limited[i]);
	}
}

static void
frontend_counters(struct wbuf *w)
{
	static const char *const names[6] = { NULL, NULL, "answers 2xx",
	    NULL, "answers 4xx", "answers 5xx" };
	const struct {
		const char	*name;
		uint64_t	 value;
	} counts[] = {
		{ "connections", conn_count() },
		{ "accepted", listen_counts.accepted },
		{ "refused", listen_counts.refused },
		{ "pauses", listen_counts.pauses },
		{ "evicted", conn_counts.evicted },
		{ "handshakes", conn_counts.handshakes },
		{ "handshakes failed", conn_counts.failed },
		{ "signatures", sign_counts.made },
		{ "signatures failed", sign_counts.failed },
		{ "timeouts", conn_counts.timeouts },
		{ "outstanding", request_outstanding() },
		{ "busy", request_counts.busy },
		{ "late", request_counts.late },
		{ "gone", request_counts.gone },
		{ "unanswered", request_counts.timeouts },
		{ "tls ready", (uint64_t)handshake_ready() },
		{ "certificate ends", (uint64_t)handshake_ends() },
	};
	size_t			 i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		wb_str(w, counts[i].name);
		wb_u64(w, counts[i].value);
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i] != NULL) {
			wb_str(w, names[i]);
			wb_u64(w, request_counts.answers[i]);
		}
	frontend_limited(w);
	histogram_put(w, "handshake", &conn_counts.duration);
	histogram_put(w, "request", &request_counts.duration);
}

#define PROCESS(k, e) {							\
	.kind = k,							\
	.edges = e,							\
	.nedges = sizeof(e) / sizeof(e[0]),				\
	.config = frontend_config,					\
	.descriptor = frontend_descriptor,				\
	.secrets = frontend_secrets,					\
	.accept = listen_start,						\
	.drain = frontend_drain,					\
	.parent_rules = parent_rules,					\
	.nparent_rules = 1,						\
	.counters = frontend_counters,					\
	.show = frontend_show }

int
main(int argc, char *argv[])
{
	const struct process	 processes[] = {
		PROCESS(PROC_FRONTEND, frontend_edges),
		PROCESS(PROC_GATE, gate_edges),
		metrics_process,
	};

	secret_heap();
	process_main(processes, 3, argc, argv);
}

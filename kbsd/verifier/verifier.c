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
 * The verifier process: its start, and which message goes where.  It holds
 * the nonce key, roots of trust and public collateral; the network is the
 * fetcher's, and keys that are released never come near it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "secret.h"
#include "local.h"
#include "verifier.h"

#define NONCE_KEY_LEN	32
#define APPRAISE_LEAST	(4 + 8 + 8 + 16 + 16 + 4 + 1 + 1 + 4)
#define APPRAISE_MOST	(APPRAISE_LEAST + POLICY_TEXT_MAX + EVIDENCE_MAX + \
			    128 * 1024)
#define NONCE_LEAST	(4 + 8 + 8 + 16 + 16 + 4 + 1)
#define GOT_LEAST	(8 + 1 + 2 + 4 + 4 + 8)
#define GOT_MOST	(3 * 1024 * 1024)

static int	 nonce_fd = -1;

static void	verifier_broker_down(struct edge *);
static void	verifier_fetcher_up(struct edge *);
static int	verifier_kept(struct edge *, struct rbuf *);

static const struct edge_rule broker_rules[] = {
	{ IMSG_VERIFIER_TRACE, TRACE_BODY, TRACE_BODY, trace_take },
	{ IMSG_VERIFIER_APPRAISE, APPRAISE_LEAST, APPRAISE_MOST,
	    appraise_evidence },
	{ IMSG_VERIFIER_TEST, APPRAISE_LEAST, APPRAISE_MOST, appraise_test },
	{ IMSG_VERIFIER_NONCE, NONCE_LEAST, NONCE_LEAST + POLICY_TEXT_MAX,
	    appraise_nonce },
	{ IMSG_VERIFIER_COLLATERAL, 8 + 1 + 4, EVIDENCE_MAX + 8192,
	    verifier_kept },
};

static const struct edge_rule fetcher_rules[] = {
	{ IMSG_VERIFIER_GOT, GOT_LEAST, GOT_MOST, fetch_got },
};

static const struct edge_table edges[] = {
	{ .peer = PROC_BROKER, .rules = broker_rules,
	    .nrules = sizeof(broker_rules) / sizeof(broker_rules[0]),
	    .up = collateral_broker_up, .down = verifier_broker_down },
	{ .peer = PROC_FETCHER, .rules = fetcher_rules,
	    .nrules = sizeof(fetcher_rules) / sizeof(fetcher_rules[0]),
	    .up = verifier_fetcher_up, .down = fetch_down },
	{ .peer = PROC_ENGINE },
};

static void
verifier_broker_down(struct edge *edge)
{
	appraise_broker_down(edge);
	collateral_broker_down(edge);
	kept_broker_down();
}

/* A copy from the store, for who asked for it. */
static int
verifier_kept(struct edge *edge, struct rbuf *r)
{
	const uint8_t	*data;
	uint64_t	 tag;
	size_t		 len;
	int		 found;

	(void)edge;
	tag = rb_u64(r);
	found = rb_bool(r);
	data = rb_bytes(r, &len, 0, EVIDENCE_MAX + 4096);
	if (rb_end(r) == -1)
		return (-1);
	if (!found)
		len = 0;
	return (tag < KEPT_TAG ? collateral_kept(tag, data, len) :
	    kept_stored(tag, data, len));
}

static void
verifier_fetcher_up(struct edge *edge)
{
	fetch_up(edge);
	collateral_fetcher_up(edge->instance);
}

static int
verifier_config(struct rbuf *r)
{
	uint32_t	 engines, i, more, n;
	int		 require_nonce;

	engines = rb_u32(r);
	require_nonce = rb_bool(r);
	n = rb_u32(r);
	if (r->failed || n > BLOCKS_MAX)
		return (-1);
	for (i = 0; i < n; i++)
		if (collateral_config(r, i) == -1)
			return (-1);
	more = rb_u32(r);
	if (r->failed || more > BLOCKS_MAX - n)
		return (-1);
	for (i = 0; i < more; i++) {
		if (collateral_foreign(r, n) == -1)
			return (-1);
		n++;
	}
	if (local_config(r, collateral_fetched()) == -1)
		return (-1);
	appraise_config(engines, require_nonce);
	return (rb_end(r));
}

static int
verifier_descriptor(uint32_t role, int fd)
{
	if (role == FD_ROOT)
		return (collateral_root(fd) == 0 ? 0 : local_root(fd));
	if (role == FD_JWKS)
		return (collateral_jwks(fd));
	if (role != FD_NONCE_KEY || nonce_fd != -1)
		return (-1);
	nonce_fd = fd;
	return (0);
}

static void
verifier_secrets(void)
{
	void	*key;
	int	 made;

	json_init();
	collateral_secrets();
	local_secrets();
	if (nonce_fd == -1)
		fatalx("no nonce key");
	key = secret_read_or_make(nonce_fd, NONCE_KEY_LEN, &made);
	if (key == NULL)
		fatal("nonce key");
	close(nonce_fd);
	nonce_init(key, NONCE_KEY_LEN);
	secret_free(key);
	if (made)
		log_info("made a new nonce key");
}

static void
verifier_run(void)
{
	collateral_run(appraise_changed);
	kept_run(appraise_changed);
}

static void
verifier_counters(struct wbuf *w)
{
	appraise_counters(w);
	collateral_counters(w);
	kept_counters(w);
}

static const struct process processes[] = {
	{
		.kind = PROC_VERIFIER,
		.edges = edges,
		.nedges = sizeof(edges) / sizeof(edges[0]),
		.config = verifier_config,
		.descriptor = verifier_descriptor,
		.secrets = verifier_secrets,
		.run = verifier_run,
		.counters = verifier_counters,
		.show = verifier_show,
	},
};

int
main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], ONCE_OPTION) == 0)
		once_main();
	process_main(processes, 1, argc, argv);
}

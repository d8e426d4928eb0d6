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
 * The engine process.  It may release a key when two others have named the
 * same request and key, and holds the plaintext for as long as wrapping
 * takes; the maker makes and checks keys, and releases nothing.  Neither has
 * a file or a network, and neither ever sees a credential, evidence or a
 * master key.
 */

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "log.h"
#include "secret.h"

/* The locked heap of libcrypto: private numbers, random state, material. */
#define HEAP_ENGINE	(128 * 1024)
#define HEAP_MAKER	(1024 * 1024)

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

static const struct edge_rule broker_rules[] = {
	{ IMSG_ENGINE_TRACE,	TRACE_BODY, TRACE_BODY,		trace_take },
	{ IMSG_ENGINE_ORDER,	ORDER_LEAST, ORDER_MOST,	halves_order },
};

static const struct edge_rule verifier_rules[] = {
	{ IMSG_ENGINE_VERDICT,	VERDICT_LEAST, VERDICT_MOST,
	    halves_verdict },
};

static const struct edge_rule auth_rules[] = {
	{ IMSG_ENGINE_GRANT,	GRANT_LEAST, GRANT_MOST,	halves_grant },
};

static const struct edge_rule material_rules[] = {
	{ IMSG_MAKER_MATERIAL,	MATERIAL_LEAST, MATERIAL_MOST,
	    halves_material },
};

static const struct edge_rule kms_rules[] = {
	{ IMSG_ENGINE_FETCHED,	FETCHED_LEAST, FETCHED_MOST, kms_fetched },
	{ IMSG_ENGINE_STORED,	STORED_LEAST, STORED_MOST,	kms_stored },
};

/* Of what is stored and released the maker hears only the first. */
static const struct edge_rule maker_kms_rules[] = {
	{ IMSG_ENGINE_STORED,	STORED_LEAST, STORED_MOST,	kms_stored },
};

static const struct edge_table engine_edges[] = {
	{ .peer = PROC_BROKER, .rules = broker_rules,
	    .nrules = nitems(broker_rules), .down = halves_broker_down },
	{ .peer = PROC_VERIFIER, .rules = verifier_rules,
	    .nrules = nitems(verifier_rules), .down = halves_source_down },
	{ .peer = PROC_AUTH, .rules = auth_rules,
	    .nrules = nitems(auth_rules), .down = halves_source_down },
	{ .peer = PROC_KMS, .rules = kms_rules,
	    .nrules = nitems(kms_rules), .down = halves_kms_down },
	/* They only get what is wrapped for their clients. */
	{ .peer = PROC_FRONTEND, .down = halves_front_down },
	{ .peer = PROC_GATE, .down = halves_front_down },
	{ .peer = PROC_CONTROL, .down = halves_front_down },
};

static const struct edge_table maker_edges[] = {
	{ .peer = PROC_BROKER, .rules = broker_rules,
	    .nrules = nitems(broker_rules), .down = halves_broker_down },
	{ .peer = PROC_AUTH, .rules = auth_rules,
	    .nrules = nitems(auth_rules), .down = halves_source_down },
	{ .peer = PROC_KMS, .rules = maker_kms_rules,
	    .nrules = nitems(maker_kms_rules), .down = halves_kms_down },
	{ .peer = PROC_FRONTEND, .rules = material_rules,
	    .nrules = nitems(material_rules), .down = halves_front_down },
	{ .peer = PROC_CONTROL, .rules = material_rules,
	    .nrules = nitems(material_rules), .down = halves_front_down },
};

static void
engine_secrets(void)
{
	secret_openssl(self.kind == PROC_MAKER ? HEAP_MAKER : HEAP_ENGINE);
	wrap_init();
}

static void
engine_counters(struct wbuf *w)
{
	const struct {
		const char	*name;
		uint64_t	 n;
	} all[] = {
		{ "orders",	counts.orders },
		{ "released",	counts.released },
		{ "changed",	counts.changed },
		{ "made",	counts.made },
		{ "refused",	counts.refused },
		{ "failed",	counts.failed },
		{ "busy",	counts.busy },
		{ "expired",	counts.expired },
		{ "late",	counts.late },
		{ "waiting",	halves_count() },
	};
	size_t	 i;

	for (i = 0; i < nitems(all); i++) {
		wb_str(w, all[i].name);
		wb_u64(w, all[i].n);
	}
}

static const struct process processes[] = {
	{
		.kind = PROC_ENGINE,
		.edges = engine_edges,
		.nedges = nitems(engine_edges),
		.config = kms_config,
		.secrets = engine_secrets,
		.counters = engine_counters,
	}, {
		.kind = PROC_MAKER,
		.nice = NICE,
		.edges = maker_edges,
		.nedges = nitems(maker_edges),
		.config = kms_config,
		.secrets = engine_secrets,
		.counters = engine_counters,
	},
};

int
main(int argc, char *argv[])
{
	secret_heap();
	process_main(processes, nitems(processes), argc, argv);
}

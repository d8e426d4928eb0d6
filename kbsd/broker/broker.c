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
 * broker: carries every request through its steps and decides nothing.  It
 * sees no password, no key material, no token of an administrator; what it
 * passes on is sealed, signed or wrapped by others.
 */

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "log.h"

static int
broker_config(struct rbuf *r)
{
	uint32_t	 i;

	broker_conf.engines = rb_u32(r);
	broker_conf.cached = rb_u8(r);
	broker_conf.require_nonce = rb_u8(r);
	broker_conf.audit_optional = rb_u8(r);
	broker_conf.nkeystores = rb_u32(r);
	if (r->failed || broker_conf.engines == 0 ||
	    broker_conf.nkeystores > 1024)
		return (-1);
	broker_conf.keystores = calloc(broker_conf.nkeystores + 1,
	    sizeof(broker_conf.keystores[0]));
	if (broker_conf.keystores == NULL)
		return (-1);
	for (i = 0; i < broker_conf.nkeystores; i++)
		rb_str(r, broker_conf.keystores[i], NAME_MAX_STORE);
	return (rb_end(r));
}

static int
broker_alone(struct edge *edge, struct rbuf *r)
{
	(void)edge;
	broker_conf.alone = rb_bool(r);
	if (rb_end(r) == -1)
		return (-1);
	cache_allow(broker_conf.alone);
	if (broker_conf.alone)
		leftover_scan();
	return (0);
}

static void
front_up(struct edge *edge)
{
	if ((edge->data = calloc(1, sizeof(struct front))) == NULL)
		fatal("calloc");
}

static void
front_down(struct edge *edge)
{
	request_edge_down(edge);
	free(edge->data);
	edge->data = NULL;
}

static void
control_down(struct edge *edge)
{
	monitor_stop();
	front_down(edge);
}

/* A replaced process may have left a key write half done. */
static void
worker_up(struct edge *edge)
{
	edge->data = NULL;
	leftover_scan();
}

static void
worker_down(struct edge *edge)
{
	request_edge_down(edge);
}

static void
store_down(struct edge *edge)
{
	rows_down();
	request_edge_down(edge);
}

/* The front is known by its edge. */
static int
front_trace(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct trace		 t;

	name.front = edge->front;
	name.number = rb_u64(r);
	rb_trace(r, &t);
	if (rb_end(r) == -1)
		return (-1);
	trace_put(&name, &t);
	return (0);
}

#define FRONT_TRACE	(TRACE_BODY - 4)

static const struct edge_rule front_rules[] = {
	{ IMSG_BROKER_TRACE, FRONT_TRACE, FRONT_TRACE, front_trace },
	{ IMSG_BROKER_TRANSFER, 40, EVIDENCE_MAX + 8192, transfer_begin },
	{ IMSG_BROKER_ASK, 32, 128 * 1024, admin_ask },
};

/* What the processes that strangers reach may send. */
static const struct edge_rule gate_rules[] = {
	{ IMSG_BROKER_TRACE, FRONT_TRACE, FRONT_TRACE, front_trace },
	{ IMSG_BROKER_TRANSFER, 40, EVIDENCE_MAX + 8192, transfer_begin },
};

static const struct edge_rule control_rules[] = {
	{ IMSG_BROKER_ASK, 32, 128 * 1024, admin_ask },
	{ IMSG_BROKER_TEST, 32, EVIDENCE_MAX + 8192, test_begin },
	{ IMSG_BROKER_WATCH, 4, 4, monitor_watch },
};

static const struct edge_rule auth_rules[] = {
	{ IMSG_BROKER_GRANTED, 162, 256 * 1024, admin_granted },
	{ IMSG_BROKER_REFUSED, 28, 4096, admin_refused },
	{ IMSG_BROKER_ROWS_WANT, 60, 512, shelf_rows_want },
	{ IMSG_BROKER_ROW_PUT, 13, 4096, shelf_row_put },
	{ IMSG_BROKER_LOGGED_IN, 13, 4096, admin_logged_in },
};

static const struct edge_rule store_rules[] = {
	{ IMSG_BROKER_FOUND, 17, 2 * EVIDENCE_MAX, rows_found },
	{ IMSG_BROKER_LISTED, 13, EDGE_MESSAGE_MAX, rows_listed },
	{ IMSG_BROKER_PUT_DONE, 17, 17, rows_put_done },
};

static const struct edge_rule audit_rules[] = {
	{ IMSG_BROKER_RECORDED, 101, 101, lines_recorded },
	{ IMSG_BROKER_NOT_RECORDED, 16, 1024, lines_not_recorded },
};

static const struct edge_rule verifier_rules[] = {
	{ IMSG_BROKER_APPRAISED, 140, 8192, transfer_appraised },
	{ IMSG_BROKER_TESTED, 16, CHECKS_BYTES_MAX + 8192, test_tested },
	{ IMSG_BROKER_NONCED, 36, 8192, transfer_nonced },
	{ IMSG_BROKER_COLLATERAL_WANT, 12, 2048, shelf_collateral_want },
	{ IMSG_BROKER_COLLATERAL_PUT, 16, EVIDENCE_MAX + 4096,
	    shelf_collateral_put },
};

static const struct edge_rule engine_rules[] = {
	{ IMSG_BROKER_DONE, 22, 8192, keys_done },
};

static const struct edge_rule parent_rules[] = {
	{ IMSG_BROKER_ALONE, 1, 1, broker_alone },
};

#define RULES(r)	.rules = r, .nrules = sizeof(r) / sizeof(r[0])

static const struct edge_table edges[] = {
	{ .peer = PROC_FRONTEND, RULES(front_rules), .up = front_up,
	    .down = front_down },
	{ .peer = PROC_GATE, RULES(gate_rules), .up = front_up,
	    .down = front_down },
	{ .peer = PROC_CONTROL, RULES(control_rules), .up = front_up,
	    .down = control_down },
	{ .peer = PROC_AUTH, RULES(auth_rules), .up = worker_up,
	    .down = worker_down },
	{ .peer = PROC_STORE, RULES(store_rules), .up = worker_up,
	    .down = store_down },
	{ .peer = PROC_AUDIT, RULES(audit_rules), .down = worker_down },
	{ .peer = PROC_VERIFIER, RULES(verifier_rules), .up = worker_up,
	    .down = worker_down },
	{ .peer = PROC_ENGINE, RULES(engine_rules), .up = worker_up,
	    .down = worker_down },
	{ .peer = PROC_MAKER, RULES(engine_rules), .up = worker_up,
	    .down = worker_down },
};

static void
broker_counters(struct wbuf *w)
{
	wb_str(w, "transfers");
	wb_u64(w, broker_counts.transfers);
	wb_str(w, "releases");
	wb_u64(w, broker_counts.releases);
	wb_str(w, "denials");
	wb_u64(w, broker_counts.denials);
	wb_str(w, "busy");
	wb_u64(w, broker_counts.busy);
	wb_str(w, "timeouts");
	wb_u64(w, broker_counts.timeouts);
	wb_str(w, "late_answers");
	wb_u64(w, broker_counts.late);
	wb_str(w, "requests_now");
	wb_u64(w, request_count());
}

static void
broker_show(uint8_t what, uint8_t page, struct wbuf *cells, uint32_t *rows)
{
	(void)page;
	if (what == SHOW_LIMITS)
		show_limit(cells, rows, "requests", REQUESTS_MAX,
		    request_count(), "");
}

static const struct process processes[] = {
	{
		.kind = PROC_BROKER,
		.edges = edges,
		.nedges = sizeof(edges) / sizeof(edges[0]),
		.config = broker_config,
		.parent_rules = parent_rules,
		.nparent_rules = 1,
		.counters = broker_counters,
		.show = broker_show,
	},
};

int
main(int argc, char *argv[])
{
	process_main(processes, 1, argc, argv);
}

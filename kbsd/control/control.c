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
 * The control process: operators come in over the local socket, named by the
 * uid that the kernel gives of them, and what they ask is passed on typed and
 * digested.  It decides nothing: whether the uid may is auth's to say.  A
 * client's bad message is the client's problem, a sibling's is a violation.
 * Passwords and key material pass through on their way in; it never sees a
 * stored key, and nothing here could release one.
 */

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "control.h"
#include "json.h"
#include "log.h"

static int		 listen_fd = -1;

static void	control_down(struct edge *);
static void	control_maker_down(struct edge *);
static void	control_engine_down(struct edge *);

/* Number, status, retry, error, types, kind, count. */
#define ANSWER_LEAST	(8 + 2 + 2 + 4 + 1 + 1 + 4)

static const struct edge_rule broker_rules[] = {
	{ IMSG_FRONTEND_ANSWER, ANSWER_LEAST, EDGE_MESSAGE_MAX,
	    answer_broker },
	{ IMSG_CONTROL_FINISHED, 78, 4096, monitor_take },
};

static const struct edge_rule engine_rules[] = {
	{ IMSG_FRONTEND_WRAPPED, 8 + 1 + 4 + 4, 8 + 1 + 4 + 4 + MATERIAL_MAX,
	    answer_sealed },
};

/* Refusals of auth come by way of the broker. */
static const struct edge_table edges[] = {
	{
		.peer = PROC_BROKER,
		.rules = broker_rules,
		.nrules = 2,
		.up = monitor_up,
		.down = control_down,
	},
	{
		.peer = PROC_AUTH,
		.down = control_down,
	},
	{
		.peer = PROC_ENGINE,
		.rules = engine_rules,
		.nrules = 1,
		.down = control_engine_down,
	},
	{
		.peer = PROC_MAKER,
		.down = control_maker_down,
	},
};

static const struct edge_rule parent_rules[] = {
	{ IMSG_CONTROL_REPLY, 8 + 1 + 4 + 4 + 4, 8u << 20, answer_reply },
};

static int
waits_for_broker(const struct client *c)
{
	return (c->waits == WAITS_BROKER);
}

static int
waits_for_maker(const struct client *c)
{
	return (c->waits == WAITS_BROKER && c->material);
}

/* The half that auth had of a request has gone with it. */
static void
control_down(struct edge *edge)
{
	(void)edge;
	client_edge_down(waits_for_broker);
}

static void
control_maker_down(struct edge *edge)
{
	(void)edge;
	client_edge_down(waits_for_maker);
}

static int
waits_for_engine(const struct client *c)
{
	return (c->waits == WAITS_BROKER && c->command->op == OP_KEY_BACKUP);
}

static void
control_engine_down(struct edge *edge)
{
	(void)edge;
	client_edge_down(waits_for_engine);
}

static int
control_config(struct rbuf *r)
{
	(void)rb_u32(r);		/* instances of engine */
	return (rb_end(r));
}

static int
control_descriptor(uint32_t role, int fd)
{
	if (role != FD_LISTEN || listen_fd != -1) {
		close(fd);
		return (-1);
	}
	listen_fd = fd;
	return (0);
}

static void
control_run(void)
{
	if (listen_fd == -1)
		fatalx("no socket to accept on");
	json_init();
	client_init(listen_fd);
}

static void
control_counters(struct wbuf *w)
{
	const struct control_counts	*n = &control_counts;

	wb_str(w, "clients");
	wb_u64(w, n->clients);
	wb_str(w, "clients_now");
	wb_u64(w, client_count());
	wb_str(w, "refused");
	wb_u64(w, n->refused);
	wb_str(w, "requests");
	wb_u64(w, n->requests);
	wb_str(w, "errors");
	wb_u64(w, n->errors);
	wb_str(w, "late");
	wb_u64(w, n->late);
	wb_str(w, "timeouts");
	wb_u64(w, n->timeouts);
}

static void
control_show(uint8_t what, uint8_t page, struct wbuf *cells, uint32_t *rows)
{
	(void)page;
	if (what != SHOW_LIMITS)
		return;
	show_limit(cells, rows, "local clients", CLIENTS_MAX, client_count(),
	    "");
	show_limit(cells, rows, "answers not yet read", HELD_MAX,
	    (int64_t)client_held(), "bytes");
}

static const struct process processes[] = {
	{
		.kind = PROC_CONTROL,
		.edges = edges,
		.nedges = sizeof(edges) / sizeof(edges[0]),
		.config = control_config,
		.descriptor = control_descriptor,
		.run = control_run,
		.accept = client_accept,
		.drain = client_drain,
		.parent_rules = parent_rules,
		.nparent_rules = 1,
		.counters = control_counters,
		.show = control_show,
	},
};

int
main(int argc, char *argv[])
{
	process_main(processes, 1, argc, argv);
}

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
 * The store process: a shelf.  It remembers users, policies, key records,
 * lockouts, used nonces and collateral for the broker, and decides nothing:
 * rows that matter are sealed by who will believe them.  It works on its own
 * directory; it has no network and never sees a password, a key or a seal
 * key.
 */

#include <string.h>
#include <unistd.h>

#include "log.h"
#include "store.h"

#define WAITING_MAX	16384

static int	store_find(struct edge *, struct rbuf *);
static int	store_list(struct edge *, struct rbuf *);
static int	store_put(struct edge *, struct rbuf *);
static int	store_delete(struct edge *, struct rbuf *);

static uint64_t	 count_reads;

static const struct edge_rule broker_rules[] = {
	{ IMSG_STORE_FIND, 8 + 1 + 16 + 4, 8 + 1 + 16 + 4 +
	    NAME_MAX_COLLATERAL, store_find },
	{ IMSG_STORE_LIST, 8 + 1 + 4, 8 + 1 + 4 + ASK_BYTES_MAX, store_list },
	{ IMSG_STORE_PUT, 8 + 1 + 8 + 4 + 4, 8 + 1 + 8 + 4 +
	    RECORD_BYTES_MAX + 4 + INTENT_BYTES_MAX, store_put },
	{ IMSG_STORE_DELETE, 8 + 1 + 16 + 8, 8 + 1 + 16 + 8, store_delete },
};

static const struct edge_table edges[] = {
	{
		.peer = PROC_BROKER,
		.rules = broker_rules,
		.nrules = sizeof(broker_rules) / sizeof(broker_rules[0]),
		.down = batch_drop,
	},
};

static void
store_answer(struct request *q)
{
	struct wbuf	 w = { 0 };
	uint32_t	 type;
	uint8_t		 result;

	result = q->result < 0 ? ROW_FAILED : (uint8_t)q->result;
	wb_u64(&w, q->tag);
	wb_u8(&w, result);
	switch (q->type) {
	case IMSG_STORE_FIND:
		type = IMSG_BROKER_FOUND;
		wb_bytes_of(&w, &q->found);
		wb_bytes_of(&w, &q->second);
		break;
	case IMSG_STORE_LIST:
		type = IMSG_BROKER_LISTED;
		wb_u32(&w, q->count);
		wb_raw_of(&w, &q->found);
		break;
	default:
		type = IMSG_BROKER_PUT_DONE;
		wb_u64(&w, q->version);
		break;
	}
	if (edge_send(q->edge, type, &w) == -1)
		log_warn("can't answer the broker");
}

static int
store_take(struct edge *edge, uint32_t type, struct rbuf *r)
{
	struct request	*q;

	if ((q = request_new(edge, type, r)) == NULL)
		return (-1);
	/* Its own limits keep the broker far below; but nobody is trusted. */
	if (batch_waiting() >= WAITING_MAX) {
		q->result = DB_FAILED;
		store_answer(q);
		request_free(q);
		return (0);
	}
	batch_add(q);
	return (0);
}

static int
store_find(struct edge *edge, struct rbuf *r)
{
	count_reads++;
	return (store_take(edge, IMSG_STORE_FIND, r));
}

static int
store_list(struct edge *edge, struct rbuf *r)
{
	count_reads++;
	return (store_take(edge, IMSG_STORE_LIST, r));
}

static int
store_put(struct edge *edge, struct rbuf *r)
{
	return (store_take(edge, IMSG_STORE_PUT, r));
}

static int
store_delete(struct edge *edge, struct rbuf *r)
{
	return (store_take(edge, IMSG_STORE_DELETE, r));
}

static int
store_config(struct rbuf *r)
{
	return (rb_end(r));
}

/* While the sandbox is open: what SQLite looks up once, it finds. */
static void
store_secrets(void)
{
	schema_open();
}

static void
store_run(void)
{
	batch_init(store_answer);
}

static void
store_counters(struct wbuf *w)
{
	wb_str(w, "reads");
	wb_u64(w, count_reads);
	wb_str(w, "writes");
	wb_u64(w, batch_writes);
	wb_str(w, "commits");
	wb_u64(w, batch_commits);
	wb_str(w, "failed");
	wb_u64(w, batch_failed);
	wb_str(w, "busy");
	wb_u64(w, batch_busy);
	wb_str(w, "waiting");
	wb_u64(w, batch_waiting());
}

/* Names at which logins failed; the newest first. */
static void
store_show(uint8_t what, uint8_t page, struct wbuf *cells, uint32_t *rows)
{
	if (what == SHOW_LOCKOUTS)
		*rows += rows_lockouts(page * SHOW_ROWS_MAX, SHOW_ROWS_MAX,
		    cells);
}

static const struct process processes[] = {
	{
		.kind = PROC_STORE,
		.edges = edges,
		.nedges = sizeof(edges) / sizeof(edges[0]),
		.config = store_config,
		.secrets = store_secrets,
		.run = store_run,
		.counters = store_counters,
		.show = store_show,
	},
};

int
main(int argc, char *argv[])
{
	process_main(processes, 1, argc, argv);
}

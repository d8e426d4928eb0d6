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
 * The metrics process.  It accepts connections on sockets that it is given
 * and asks the parent; there is no edge to any other process, so nothing that
 * comes in here reaches a key, a credential or a request.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics.h"

#define PROCESSES_MAX	1024
#define NAME_LONGEST	128

static int	metrics_scraped(struct edge *, struct rbuf *);

static const struct edge_rule parent_rules[] = {
	{ IMSG_METRICS_SCRAPED, 12, 16 * 1024 * 1024, metrics_scraped },
};

int
metrics_ask(uint64_t tag, enum answer_page page)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, tag);
	wb_u8(&w, page != PAGE_LIVE);
	return (edge_send(edge_parent, IMSG_PARENT_SCRAPE, &w));
}

int
sampled_value(const struct sampled *s, const char *name, uint64_t *value)
{
	struct rbuf	 r;
	char		 told[NAME_LONGEST];

	rb_init(&r, s->counters, s->len);
	while (r.left > 0) {
		rb_str(&r, told, sizeof(told));
		*value = rb_u64(&r);
		if (r.failed)
			return (-1);
		if (strcmp(told, name) == 0)
			return (0);
	}
	return (-1);
}

static void
read_process(struct rbuf *r, struct sampled *s)
{
	uint32_t	 kind = rb_u32(r);

	if (kind >= PROC_MAX)
		r->failed = 1;
	s->kind = (enum process_kind)kind;
	s->instance = rb_u32(r);
	rb_str(r, s->block, sizeof(s->block));
	s->type = rb_enum(r, KEYSTORE_TYPE_MAX);
	s->ready = rb_bool(r);
	s->answered = rb_bool(r);
	s->restarts = rb_u32(r);
	s->down = rb_u32(r);
	s->start = rb_u64(r);
	s->counters = rb_bytes(r, &s->len, 0, COUNTERS_MAX);
}

static int
metrics_scraped(struct edge *edge, struct rbuf *r)
{
	struct service	 service = { NULL, 0 };
	uint64_t	 tag = rb_u64(r);
	uint32_t	 i;
	int		 bad;

	(void)edge;
	service.n = rb_u32(r);
	if (r->failed || service.n == 0 || service.n > PROCESSES_MAX)
		return (-1);
	if ((service.processes = calloc(service.n,
	    sizeof(*service.processes))) == NULL) {
		log_warn("an answer of the parent");
		return (0);
	}
	for (i = 0; i < service.n; i++)
		read_process(r, &service.processes[i]);
	if ((bad = rb_end(r)) == 0)
		scrape_answer(tag, &service);
	free(service.processes);
	return (bad);
}

static int
metrics_config(struct rbuf *r)
{
	return (rb_end(r));
}

static int
metrics_descriptor(uint32_t role, int fd)
{
	return (role == FD_LISTEN ? scrape_listen(fd) : -1);
}

static void
metrics_counters(struct wbuf *w)
{
	const struct {
		const char	*name;
		uint64_t	 value;
	} counts[] = {
		{ "scrapes", scrape_counts.pages[PAGE_METRICS] },
		{ "probes live", scrape_counts.pages[PAGE_LIVE] },
		{ "probes ready", scrape_counts.pages[PAGE_READY] },
		{ "errors", scrape_counts.errors },
		{ "dropped", scrape_counts.dropped },
		{ "timeouts", scrape_counts.timeouts },
	};
	size_t	 i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		wb_str(w, counts[i].name);
		wb_u64(w, counts[i].value);
	}
}

const struct process	 metrics_process = {
	.kind = PROC_METRICS,
	.config = metrics_config,
	.descriptor = metrics_descriptor,
	.accept = scrape_start,
	.drain = scrape_stop,
	.parent_rules = parent_rules,
	.nparent_rules = sizeof(parent_rules) / sizeof(parent_rules[0]),
	.counters = metrics_counters,
};

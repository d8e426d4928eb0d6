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

/* What kbsctl asks of the parent: tables of text, and a few actions. */

#include <sys/utsname.h>

#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"
#include "log.h"
#include "parent.h"
#include "version.h"

static void
row(struct wbuf *w, uint32_t *rows, const char *name, const char *value)
{
	wb_str(w, name);
	wb_str(w, value);
	(*rows)++;
}

static void
columns(struct wbuf *w, const char *const *names, uint32_t n)
{
	uint32_t	 i;

	wb_u32(w, n);
	for (i = 0; i < n; i++)
		wb_str(w, names[i]);
}

/* The names of the columns, how many rows, the rows. */
void
command_table(struct wbuf *w, const char *const *names, uint32_t n,
    uint32_t rows, struct wbuf *cells)
{
	columns(w, names, n);
	wb_u32(w, rows);
	wb_raw_of(w, cells);
	wb_free(cells);
}

/* The end of the audit log, which `kbsctl audit verify' compares. */
static void
row_audit(struct wbuf *cells, uint32_t *rows, const struct set *set)
{
	char	 text[2 * DIGEST_LEN + 1];

	row(cells, rows, "audit_log", set->conf->audit_path);
	snprintf(text, sizeof(text), "%llu",
	    (unsigned long long)set->log.end.n);
	row(cells, rows, "audit_line", text);
	hex_encode(text, sizeof(text), set->log.end.digest, DIGEST_LEN);
	row(cells, rows, "audit_hash", text);
}

static void
show_status(struct set *set, struct wbuf *w)
{
	static const char *const	 names[] = { "what", "value" };
	const struct listener		*l;
	const struct child		*c;
	const struct set		*s;
	struct wbuf			 cells = { 0 };
	char				 text[512];
	uint32_t			 rows = 0;
	unsigned int			 n = 0, restarts = 0, nsets = 0;

	TAILQ_FOREACH(c, &set->children, entry) {
		n++;
		restarts += c->restarts;
	}
	TAILQ_FOREACH(s, &sets, entry)
		nsets++;
	row(&cells, &rows, "version", KBSD_VERSION);
	snprintf(text, sizeof(text), "%lld",
	    (long long)(time(NULL) - parent_since));
	row(&cells, &rows, "uptime_seconds", text);
	snprintf(text, sizeof(text), "%d", (int)getpid());
	row(&cells, &rows, "parent_pid", text);
	snprintf(text, sizeof(text), "%u", set->number);
	row(&cells, &rows, "configuration", text);
	snprintf(text, sizeof(text), "%u", nsets);
	row(&cells, &rows, "sets", text);
	snprintf(text, sizeof(text), "%u", n);
	row(&cells, &rows, "processes", text);
	snprintf(text, sizeof(text), "%u", restarts);
	row(&cells, &rows, "restarts", text);
	row(&cells, &rows, "directory", set->conf->directory);
	row_audit(&cells, &rows, set);
	TAILQ_FOREACH(l, &set->conf->listeners, entry) {
		snprintf(text, sizeof(text), "%s port %s", l->address,
		    l->port);
		row(&cells, &rows, l->role == ROLE_METRICS ? "metrics" :
		    "listen", text);
	}
	snprintf(text, sizeof(text), "%d", log_getverbose());
	row(&cells, &rows, "verbose", text);
	command_table(w, names, 2, rows, &cells);
}

static void
show_processes(struct set *set, struct wbuf *w)
{
	static const char *const names[] = { "process", "instance", "pid",
				    "uid", "uptime_seconds", "restarts",
				    "sandbox" };
	const struct child	*c;
	struct wbuf		 cells = { 0 };
	char			 text[32];
	uint32_t		 rows = 0;

	TAILQ_FOREACH(c, &set->children, entry) {
		wb_str(&cells, process_name(c->kind));
		snprintf(text, sizeof(text), "%u", c->instance);
		wb_str(&cells, text);
		snprintf(text, sizeof(text), "%d", (int)c->pid);
		wb_str(&cells, text);
		snprintf(text, sizeof(text), "%u", (unsigned int)
		    give_uid(c));
		wb_str(&cells, text);
		snprintf(text, sizeof(text), "%lld",
		    (long long)(time(NULL) - c->since));
		wb_str(&cells, text);
		snprintf(text, sizeof(text), "%u", c->restarts);
		wb_str(&cells, text);
		wb_str(&cells, c->state == CHILD_READY ? c->force :
		    "(starting)");
		rows++;
	}
	command_table(w, names, sizeof(names) / sizeof(names[0]), rows, &cells);
}

static void
show_edges(struct set *set, struct wbuf *w)
{
	static const char *const names[] = { "from", "instance", "to",
				    "to_instance" };
	const struct child	*a, *b;
	struct wbuf		 cells = { 0 };
	char			 text[32];
	uint32_t		 rows = 0;
	size_t			 i;

	for (i = 0; i < nedge_pairs; i++)
		TAILQ_FOREACH(a, &set->children, entry)
			TAILQ_FOREACH(b, &set->children, entry) {
				if (a->kind != edge_pairs[i].a ||
				    b->kind != edge_pairs[i].b)
					continue;
				wb_str(&cells, process_name(a->kind));
				snprintf(text, sizeof(text), "%u",
				    a->instance);
				wb_str(&cells, text);
				wb_str(&cells, process_name(b->kind));
				snprintf(text, sizeof(text), "%u",
				    b->instance);
				wb_str(&cells, text);
				rows++;
			}
	command_table(w, names, sizeof(names) / sizeof(names[0]), rows, &cells);
}

static void
no_table(struct wbuf *w)
{
	wb_u32(w, 0);
	wb_u32(w, 0);
}

static void	(*const shows[COMMAND_MAX])(struct set *, struct wbuf *) = {
	[COMMAND_STATUS] = show_status,
	[COMMAND_PROCESSES] = show_processes,
	[COMMAND_EDGES] = show_edges,
	[COMMAND_ROOTS] = pin_show,
	[COMMAND_TCB] = tcb_show,
};

int
command_dispatch(struct edge *edge, struct rbuf *r)
{
	struct child	*c = edge->data;
	struct wbuf	 w = { 0 };
	char		 why[ERROR_TEXT_MAX] = "", name[NAME_MAX_STORE];
	uint64_t	 tag;
	uint8_t		 command, argument;
	int		 ok = 1;

	tag = rb_u64(r);
	command = rb_enum(r, COMMAND_MAX - 1);
	argument = rb_u8(r);
	rb_str(r, name, sizeof(name));
	if (rb_end(r) == -1)
		return (-1);
	if (command == COMMAND_KEYSTORES &&
	    keystores_ask(c, tag, argument) == 0)
		return (0);
	if (command == COMMAND_RELOAD &&
	    parent_reload(c, tag, why, sizeof(why)) == 0)
		return (0);
	if (command == COMMAND_REOPEN &&
	    audit_ask(c, tag, why, sizeof(why)) == 0)
		return (0);
	if (command == COMMAND_COUNTERS && collect_ask(c, tag) == 0)
		return (0);
	if (gather_is(command) && gather_ask(c, tag, command, argument) == 0)
		return (0);
	if (command == COMMAND_REOPEN)
		ok = 0;
	else if (command == COMMAND_KEYSTORES || command == COMMAND_COUNTERS ||
	    gather_is(command)) {
		ok = 0;
		strlcpy(why, "too many ask at once", sizeof(why));
	} else if (command == COMMAND_RELOAD)
		ok = 0;
	else if (command == COMMAND_VERBOSE)
		parent_verbose(argument);
	else if (command == COMMAND_REKEY)
		ok = rekey_begin(c->set, name, why, sizeof(why)) == 0;
	else if (command == COMMAND_UNPIN)
		ok = pin_forget(c->set, name, why, sizeof(why)) == 0;
	wb_u64(&w, tag);
	wb_u8(&w, (uint8_t)ok);
	wb_str(&w, why);
	if (shows[command] != NULL)
		shows[command](c->set, &w);
	else
		no_table(&w);
	return (child_send(c, IMSG_CONTROL_REPLY, &w));
}

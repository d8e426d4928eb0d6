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
 * What the processes of kbsd tell of their work: connections, lockouts and
 * limits.  A process that does not answer
 * is named on standard error, and the exit status says that it is missing.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kbsctl.h"
#include "log.h"

#define PAGES_MAX	256

/* --- asking -------------------------------------------------------------- */

/* Take out the rows of who did not answer, which have nothing here. */
static int
drop_silent(struct reply *reply, size_t from, const char *column)
{
	size_t	 row = from;
	int	 silent = 0;

	while (row < json_array_size(reply->rows)) {
		if (cell(reply, row, column)[0] != '\0') {
			row++;
			continue;
		}
		log_warnx("%s %s does not answer", cell(reply, row,
		    "process"), cell(reply, row, "instance"));
		silent = 1;
		json_array_remove(reply->rows, row);
	}
	return (silent);
}

int
ask_page(const struct command *c, struct reply *reply, int page,
    const char *column)
{
	struct result	 result;
	json_t		*req = request(c->wire);
	size_t		 had = json_array_size(reply->rows);

	if (page >= 0)
		set(req, "level", json_integer(page));
	session_call(req, ANSWER_SECONDS, reply_line, reply, &result);
	if (result.error[0] != '\0')
		exit(refused(&result));
	return (drop_silent(reply, had, column) ? -1 : 0);
}

int
ask_pages(const struct command *c, struct reply *reply, size_t most,
    const char *column)
{
	size_t	 had;
	int	 page, silent;

	for (page = 0; page < PAGES_MAX; page++) {
		had = json_array_size(reply->rows);
		silent = ask_page(c, reply, page, column) == -1;
		if (silent)
			return (KBSCTL_FAILED);
		if (json_array_size(reply->rows) == had ||
		    json_array_size(reply->rows) >= most)
			break;
	}
	return (KBSCTL_DONE);
}

long long
number(const char *text)
{
	return (text == NULL ? 0 : strtonum(text, 0, INT64_MAX, NULL));
}

const char *
moment(const char *text, char out[RFC3339_TEXT])
{
	long long	 t = number(text);

	if (t == 0)
		return ("-");
	return (rfc3339_format((int64_t)t, out));
}

json_t *
moment_json(const char *text)
{
	char	 out[RFC3339_TEXT];

	return (number(text) == 0 ? json_null() : json_string(moment(text,
	    out)));
}

void
array_add(json_t *array, json_t *item)
{
	if (item == NULL || json_array_append_new(array, item) == -1)
		no_memory();
}

json_t *
array(void)
{
	json_t	*j;

	if ((j = json_array()) == NULL)
		no_memory();
	return (j);
}

void
print_free(json_t *j)
{
	json_print(j);
	json_decref(j);
}

/* --- sessions ------------------------------------------------------------ */

/* The connections of one address. */
struct source {
	const char	*address;
	size_t		 connections;
	long long	 requests, oldest;
};

static int
by_age(const void *a, const void *b)
{
	const json_t	*x = *(json_t *const *)a, *y = *(json_t *const *)b;
	long long	 n, m;

	/* The columns of a row: age is the fifth. */
	n = number(json_string_value(json_array_get(x, 4)));
	m = number(json_string_value(json_array_get(y, 4)));
	return (n < m ? 1 : n > m ? -1 : 0);
}

/* The oldest first, over all frontends. */
static void
sort_rows(struct reply *reply)
{
	json_t	**rows, *sorted = array();
	size_t	  i, n = json_array_size(reply->rows);

	if ((rows = calloc(n + 1, sizeof(*rows))) == NULL)
		no_memory();
	for (i = 0; i < n; i++)
		rows[i] = json_array_get(reply->rows, i);
	qsort(rows, n, sizeof(*rows), by_age);
	for (i = 0; i < n; i++)
		array_add(sorted, json_incref(rows[i]));
	free(rows);
	json_decref(reply->rows);
	reply->rows = sorted;
}

static int
by_address(const void *a, const void *b)
{
	const struct source	*x = a, *y = b;

	return (strcmp(x->address, y->address));
}

static int
by_connections(const void *a, const void *b)
{
	const struct source	*x = a, *y = b;

	if (x->connections != y->connections)
		return (x->connections < y->connections ? 1 : -1);
	return (by_address(a, b));
}

/* One for each address, the busiest first; malloc'd. */
static struct source *
sources(const struct reply *reply, size_t *count)
{
	struct source	*s;
	size_t		 i, k = 0, n = json_array_size(reply->rows);

	if ((s = calloc(n + 1, sizeof(*s))) == NULL)
		no_memory();
	for (i = 0; i < n; i++) {
		s[i].address = cell(reply, i, "address");
		s[i].connections = 1;
		s[i].requests = number(cell(reply, i, "requests"));
		s[i].oldest = number(cell(reply, i, "age_seconds"));
	}
	qsort(s, n, sizeof(*s), by_address);
	for (i = 1; i < n; i++) {
		if (strcmp(s[k].address, s[i].address) != 0) {
			s[++k] = s[i];
			continue;
		}
		s[k].connections++;
		s[k].requests += s[i].requests;
		if (s[i].oldest > s[k].oldest)
			s[k].oldest = s[i].oldest;
	}
	*count = n == 0 ? 0 : k + 1;
	qsort(s, *count, sizeof(*s), by_connections);
	return (s);
}

static void
sources_json(const struct source *s, size_t n)
{
	json_t	*all = array(), *j;
	size_t	 i;

	for (i = 0; i < n; i++) {
		j = object();
		set(j, "address", json_string(s[i].address));
		set(j, "connections", json_integer((json_int_t)
		    s[i].connections));
		set(j, "requests", json_integer(s[i].requests));
		set(j, "oldest_seconds", json_integer(s[i].oldest));
		array_add(all, j);
	}
	print_free(all);
}

static void
show_sources(const struct reply *reply, size_t most)
{
	struct source	*s;
	struct table	*t;
	const char	*cells[4];
	char		 count[32], asked[32], age[32];
	size_t		 i, n;

	s = sources(reply, &n);
	if (n > most)
		n = most;
	if (options.json) {
		sources_json(s, n);
		free(s);
		return;
	}
	t = table_new("ADDRESS|CONNECTIONS|REQUESTS|OLDEST", 4);
	for (i = 0; i < n; i++) {
		(void)snprintf(count, sizeof(count), "%zu", s[i].connections);
		(void)snprintf(asked, sizeof(asked), "%lld", s[i].requests);
		cells[0] = s[i].address;
		cells[1] = count;
		cells[2] = asked;
		cells[3] = duration(s[i].oldest, age, sizeof(age));
		table_row(t, cells);
	}
	table_print(t, !options.quiet);
	table_free(t);
	free(s);
}

static void
session_row(struct table *t, const struct reply *reply, size_t row,
    const void *arg)
{
	const char	*cells[7];
	char		 who[80], age[32];

	(void)arg;
	(void)snprintf(who, sizeof(who), "%s %s", cell(reply, row, "process"),
	    cell(reply, row, "instance"));
	cells[0] = cell(reply, row, "address");
	cells[1] = cell(reply, row, "state");
	cells[2] = duration(number(cell(reply, row, "age_seconds")), age,
	    sizeof(age));
	cells[3] = cell(reply, row, "requests");
	cells[4] = cell(reply, row, "tls");
	cells[5] = cell(reply, row, "cipher");
	cells[6] = who;
	table_row(t, cells);
}

int
run_sessions(const struct command *c, const struct args *args)
{
	struct reply	 reply = { 0 };
	const char	*why, *word = args->option['n'];
	size_t		 most = SIZE_MAX;
	int		 by_source = args->option['a'] != NULL, rv;

	if (word != NULL) {
		most = (size_t)strtonum(word, 1, UINT32_MAX, &why);
		if (why != NULL)
			usage_command(c, "-n %s: %s", word, why);
	}
	rv = ask_pages(c, &reply, by_source ? SIZE_MAX : most, "address");
	sort_rows(&reply);
	if (by_source)
		show_sources(&reply, most);
	else {
		while (json_array_size(reply.rows) > most)
			json_array_remove(reply.rows,
			    json_array_size(reply.rows) - 1);
		show_rows(&reply, "ADDRESS|STATE|AGE|REQUESTS|TLS|CIPHER|"
		    "PROCESS", 7, session_row, NULL);
	}
	reply_free(&reply);
	return (rv);
}

/* --- lockouts ------------------------------------------------------------ */

static void
lockouts_json(const struct reply *r, long long now)
{
	json_t	*all = array(), *j;
	size_t	 row;

	for (row = 0; row < json_array_size(r->rows); row++) {
		j = object();
		set(j, "name", json_string(cell(r, row, "name")));
		set(j, "locked", json_boolean(number(cell(r, row, "until")) >
		    now));
		set(j, "failures", value(cell(r, row, "failures")));
		set(j, "first", moment_json(cell(r, row, "first")));
		set(j, "until", moment_json(cell(r, row, "until")));
		array_add(all, j);
	}
	print_free(all);
}

static void
lockout_row(struct table *t, const struct reply *r, size_t row, const void *arg)
{
	const long long	*now = arg;
	const char	*cells[5];
	char		 first[RFC3339_TEXT], until[RFC3339_TEXT];

	cells[0] = cell(r, row, "name");
	cells[1] = number(cell(r, row, "until")) > *now ? "locked" : "counted";
	cells[2] = cell(r, row, "failures");
	cells[3] = moment(cell(r, row, "first"), first);
	cells[4] = moment(cell(r, row, "until"), until);
	table_row(t, cells);
}

int
run_lockouts(const struct command *c, const struct args *args)
{
	struct reply	 reply = { 0 };
	long long	 now = (long long)time(NULL), until;
	size_t		 row = 0;
	int		 rv;

	(void)args;
	rv = ask_pages(c, &reply, SIZE_MAX, "name");
	/* What has ended stays in the store until the next login. */
	while (row < json_array_size(reply.rows)) {
		until = number(cell(&reply, row, "until"));
		if (until != 0 && until <= now)
			json_array_remove(reply.rows, row);
		else
			row++;
	}
	if (options.json)
		lockouts_json(&reply, now);
	else
		show_rows(&reply, "NAME|STATE|FAILURES|FIRST|UNTIL", 5,
		    lockout_row, &now);
	reply_free(&reply);
	return (rv);
}

/* --- limits -------------------------------------------------------------- */

static void
limit_row(struct table *t, const struct reply *r, size_t row, const void *arg)
{
	const char	*cells[5];
	char		 who[80];

	(void)arg;
	(void)snprintf(who, sizeof(who), "%s %s", cell(r, row, "process"),
	    cell(r, row, "instance"));
	cells[0] = strcmp(cell(r, row, "process"), "parent") == 0 ?
	    "parent" : who;
	cells[1] = cell(r, row, "limit");
	cells[2] = cell(r, row, "value");
	cells[3] = cell(r, row, "used");
	cells[4] = cell(r, row, "unit");
	table_row(t, cells);
}

static void
limits_json(const struct reply *r)
{
	json_t		*all = array(), *j;
	const char	*used;
	size_t		 row;

	for (row = 0; row < json_array_size(r->rows); row++) {
		used = cell(r, row, "used");
		j = object();
		set(j, "process", json_string(cell(r, row, "process")));
		set(j, "instance", value(cell(r, row, "instance")));
		set(j, "limit", json_string(cell(r, row, "limit")));
		set(j, "value", value(cell(r, row, "value")));
		set(j, "used", used[0] == '\0' ? json_null() : value(used));
		set(j, "unit", json_string(cell(r, row, "unit")));
		array_add(all, j);
	}
	print_free(all);
}

int
run_limits(const struct command *c, const struct args *args)
{
	struct reply	 reply = { 0 };
	int		 silent;

	(void)args;
	silent = ask_page(c, &reply, -1, "limit") == -1;
	if (options.json)
		limits_json(&reply);
	else
		show_rows(&reply, "PROCESS|LIMIT|VALUE|USED|UNIT", 5,
		    limit_row, NULL);
	reply_free(&reply);
	return (silent ? KBSCTL_FAILED : KBSCTL_DONE);
}

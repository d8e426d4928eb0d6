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

/* What kbsd answers, as tables for people or JSON for programs. */

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kbsctl.h"

#define JSON_FLAGS	(JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY)

void
json_print(const json_t *j)
{
	(void)json_dumpf(j, stdout, JSON_FLAGS);
	printf("\n");
}

/* --- tables of the parent ------------------------------------------------ */

void
reply_line(json_t *line, void *arg)
{
	struct reply	*reply = arg;
	json_t		*j;

	if (reply->rows == NULL && (reply->rows = json_array()) == NULL)
		die("out of memory");
	if (reply->columns == NULL &&
	    (j = json_object_get(line, "columns")) != NULL)
		reply->columns = json_incref(j);
	else if ((j = json_object_get(line, "row")) != NULL &&
	    json_array_append(reply->rows, j) == -1)
		die("out of memory");
}

void
reply_free(struct reply *reply)
{
	json_decref(reply->columns);
	json_decref(reply->rows);
	memset(reply, 0, sizeof(*reply));
}

const char *
cell(const struct reply *reply, size_t row, const char *name)
{
	const char	*text;
	const json_t	*cells = json_array_get(reply->rows, row);
	size_t		 i;

	for (i = 0; i < json_array_size(reply->columns); i++) {
		text = json_string_value(json_array_get(reply->columns, i));
		if (text == NULL || strcmp(text, name) != 0)
			continue;
		text = json_string_value(json_array_get(cells, i));
		return (text == NULL ? "" : text);
	}
	return ("");
}

json_t *
value(const char *text)
{
	const char	*why;
	long long	 n;
	char		 again[32];

	n = strtonum(text, 0, (1LL << 53), &why);
	if (why == NULL) {
		snprintf(again, sizeof(again), "%lld", n);
		if (strcmp(again, text) == 0)
			return (json_integer(n));
	}
	return (json_string(text));
}

void
reply_json(const struct reply *reply)
{
	const char	*name;
	json_t		*array, *object;
	size_t		 i, row;

	if ((array = json_array()) == NULL)
		die("out of memory");
	for (row = 0; row < json_array_size(reply->rows); row++) {
		if ((object = json_object()) == NULL)
			die("out of memory");
		for (i = 0; i < json_array_size(reply->columns); i++) {
			name = json_string_value(json_array_get(
			    reply->columns, i));
			if (name != NULL)
				json_object_set_new(object, name,
				    value(cell(reply, row, name)));
		}
		json_array_append_new(array, object);
	}
	json_print(array);
	json_decref(array);
}

/* What can be there more than once is always an array. */
static void
status_json(const struct reply *reply)
{
	const char	*what;
	json_t		*listen, *object;
	size_t		 row;

	object = json_object();
	listen = json_array();
	if (object == NULL || listen == NULL)
		die("out of memory");
	for (row = 0; row < json_array_size(reply->rows); row++) {
		what = cell(reply, row, "what");
		if (strcmp(what, "listen") == 0)
			json_array_append_new(listen, json_string(cell(reply,
			    row, "value")));
		else
			json_object_set_new(object, what, value(cell(reply,
			    row, "value")));
	}
	json_object_set_new(object, "listen", listen);
	json_print(object);
	json_decref(object);
}

static char *
uptime(const char *seconds, char *text, size_t size)
{
	return (duration(strtonum(seconds, 0, INT64_MAX, NULL), text, size));
}

void
show_status(const struct reply *reply)
{
	struct table	*t;
	const char	*cells[2];
	char		*p, name[64], text[32];
	size_t		 row;

	if (options.json) {
		status_json(reply);
		return;
	}
	t = table_new("", 2);
	for (row = 0; row < json_array_size(reply->rows); row++) {
		(void)strlcpy(name, cell(reply, row, "what"), sizeof(name));
		cells[0] = name;
		cells[1] = cell(reply, row, "value");
		if (strcmp(name, "uptime_seconds") == 0) {
			cells[0] = "uptime";
			cells[1] = uptime(cells[1], text, sizeof(text));
		}
		for (p = name; *p != '\0'; p++)
			if (*p == '_')
				*p = ' ';
		table_row(t, cells);
	}
	table_print(t, 0);
	table_free(t);
}

/* What a reload changed, a line each. */
void
show_changes(const struct reply *reply)
{
	struct table	*t;
	const char	*text;
	size_t		 row;

	if (options.json) {
		reply_json(reply);
		return;
	}
	if (options.quiet)
		return;
	t = table_new("", 1);
	for (row = 0; row < json_array_size(reply->rows); row++) {
		text = cell(reply, row, "changed");
		table_row(t, &text);
	}
	table_print(t, 0);
	table_free(t);
}

/* "frontend 1"; without the number where there is only one. */
static const char *
process_text(const struct reply *reply, size_t row, const char *kind,
    const char *instance, char *text, size_t size)
{
	const char	*name = cell(reply, row, kind);
	const char	*number = cell(reply, row, instance);
	size_t		 i;

	for (i = 0; i < json_array_size(reply->rows); i++)
		if (strcmp(cell(reply, i, kind), name) == 0 &&
		    strcmp(cell(reply, i, instance), number) != 0) {
			snprintf(text, size, "%s %s", name, number);
			return (text);
		}
	return (name);
}

static const char *
user_text(const char *uid)
{
	const struct passwd	*pw;
	const char		*why;
	long long		 n;

	n = strtonum(uid, 0, UINT32_MAX, &why);
	if (why != NULL || (pw = getpwuid((uid_t)n)) == NULL)
		return (uid);
	return (pw->pw_name);
}

void
show_rows(const struct reply *reply, const char *headings, size_t columns,
    row_fn fn, const void *arg)
{
	struct table	*t;
	size_t		 row;

	if (options.json) {
		reply_json(reply);
		return;
	}
	t = table_new(headings, columns);
	for (row = 0; row < json_array_size(reply->rows); row++)
		fn(t, reply, row, arg);
	table_print(t, !options.quiet);
	table_free(t);
}

static void
process_row(struct table *t, const struct reply *reply, size_t row,
    const void *arg)
{
	const char	*cells[6];
	char		 name[80], up[32];

	(void)arg;
	cells[0] = process_text(reply, row, "process", "instance", name,
	    sizeof(name));
	cells[1] = cell(reply, row, "pid");
	cells[2] = user_text(cell(reply, row, "uid"));
	cells[3] = uptime(cell(reply, row, "uptime_seconds"), up, sizeof(up));
	cells[4] = cell(reply, row, "restarts");
	cells[5] = cell(reply, row, "sandbox");
	table_row(t, cells);
}

void
show_processes(const struct reply *reply)
{
	show_rows(reply, "PROCESS|PID|USER|UPTIME|RESTARTS|SANDBOX", 6,
	    process_row, NULL);
}

static void
edge_row(struct table *t, const struct reply *reply, size_t row,
    const void *arg)
{
	const char	*cells[2];
	char		 from[80], to[80];

	(void)arg;
	cells[0] = process_text(reply, row, "from", "instance", from,
	    sizeof(from));
	cells[1] = process_text(reply, row, "to", "to_instance", to,
	    sizeof(to));
	table_row(t, cells);
}

void
show_edges(const struct reply *reply)
{
	show_rows(reply, "FROM|TO", 2, edge_row, NULL);
}

/* Cells of the reply as they are; arg has their names, then NULL. */
static void
plain_row(struct table *t, const struct reply *reply, size_t row,
    const void *arg)
{
	const char *const	*names = arg;
	const char		*cells[8];
	size_t			 i;

	for (i = 0; names[i] != NULL; i++)
		cells[i] = cell(reply, row, names[i]);
	table_row(t, cells);
}

void
show_roots(const struct reply *reply)
{
	static const char *const	 names[] = { "attestation", "root",
					    "state", "sha256", NULL };

	show_rows(reply, "ATTESTATION|ROOT|STATE|SHA-256", 4, plain_row,
	    names);
}

void
show_tcb(const struct reply *reply)
{
	static const char *const	 names[] = { "platform", "verifier",
					    "evaluation", "fetched", "until",
					    "trouble", NULL };

	show_rows(reply, "PLATFORM|VERIFIER|EVALUATION|FETCHED|UNTIL|TROUBLE",
	    6, plain_row, names);
}

static const char *
milliseconds(const char *us, char *text, size_t size)
{
	const char	*why;
	long long	 n = strtonum(us, 0, UINT32_MAX, &why);

	if (why != NULL || n == 0)
		return ("-");
	(void)snprintf(text, size, "%lld.%lld ms", n / 1000, n / 100 % 10);
	return (text);
}

static void
keystore_row(struct table *t, const struct reply *reply, size_t row,
    const void *arg)
{
	const char	*cells[6], *ends;
	char		 ms[32], left[32];

	(void)arg;
	ends = cell(reply, row, "credential_seconds");
	cells[0] = cell(reply, row, "keystore");
	cells[1] = cell(reply, row, "type");
	cells[2] = cell(reply, row, "state");
	cells[3] = milliseconds(cell(reply, row, "latency_us"), ms, sizeof(ms));
	cells[4] = cell(reply, row, "errors");
	cells[5] = strcmp(ends, "0") == 0 ? "-" : uptime(ends, left,
	    sizeof(left));
	table_row(t, cells);
}

/* Are all of them usable? */
int
show_keystores(const struct reply *reply)
{
	size_t	 row;
	int	 good = 1;

	for (row = 0; row < json_array_size(reply->rows); row++)
		good &= strcmp(cell(reply, row, "ok"), "yes") == 0;
	show_rows(reply, "KEYSTORE|TYPE|STATE|LATENCY|ERRORS|CREDENTIAL", 6,
	    keystore_row, NULL);
	return (good);
}

/* --- keys, policies, users ----------------------------------------------- */

static const char *
text_of(const json_t *object, const char *name)
{
	return (json_string_value(json_object_get(object, name)));
}

/* Put a word behind others; what does not fit is left out. */
static void
join(char *text, size_t size, const char *word)
{
	if (text[0] != '\0')
		(void)strlcat(text, ",", size);
	(void)strlcat(text, word, size);
}

static void
key_row(struct table *t, const json_t *line)
{
	const json_t	*key = json_object_get(line, "key");
	const json_t	*info = json_object_get(key, "key_info");
	const char	*cells[6], *curve = text_of(info, "curve_type");
	const char	*state = text_of(line, "state");
	const char	*name = text_of(info, "algorithm");
	char		 kind[64], notes[64] = "";

	if (name == NULL)
		name = "?";
	if (curve != NULL)
		snprintf(kind, sizeof(kind), "%s %s", name, curve);
	else
		snprintf(kind, sizeof(kind), "%s %lld", name,
		    (long long)json_integer_value(json_object_get(info,
		    "key_length")));
	if (json_is_true(json_object_get(info, "attested_only")))
		join(notes, sizeof(notes), "attested-only");
	if (state != NULL && strcmp(state, "active") != 0)
		join(notes, sizeof(notes), state);
	cells[0] = text_of(key, "id");
	cells[1] = kind;
	cells[2] = text_of(line, "keystore");
	cells[3] = text_of(key, "transfer_policy_id");
	cells[4] = notes;
	cells[5] = text_of(key, "created_at");
	table_row(t, cells);
}

/* What a policy checks: names of attributes, and whose they are. */
static void
policy_checks(char *text, size_t size, const char *type, json_t *tee)
{
	const char	*name;
	json_t		*j, *attributes;
	char		 word[128];

	if (tee == NULL)
		return;
	if (json_array_size(json_object_get(tee, "policy_ids")) > 0) {
		snprintf(word, sizeof(word), "%s.policy_ids", type);
		join(text, size, word);
	}
	attributes = json_object_get(tee, "attributes");
	json_object_foreach(attributes, name, j) {
		snprintf(word, sizeof(word), "%s.%.80s", type, name);
		join(text, size, word);
	}
}

static void
policy_row(struct table *t, const json_t *line)
{
	static const char *const	 tees[] = { "sgx", "tdx", "nvgpu",
					    "snp" };
	const json_t			*policy, *type;
	const char			*cells[4], *word;
	char				 types[64] = "", checks[1024] = "";
	size_t				 i;

	policy = json_object_get(line, "policy");
	type = json_object_get(policy, "attestation_type");
	if ((word = json_string_value(type)) != NULL)
		join(types, sizeof(types), word);
	for (i = 0; i < json_array_size(type); i++)
		if ((word = json_string_value(json_array_get(type, i))) !=
		    NULL)
			join(types, sizeof(types), word);
	for (i = 0; i < sizeof(tees) / sizeof(tees[0]); i++)
		policy_checks(checks, sizeof(checks), tees[i],
		    json_object_get(policy, tees[i]));
	cells[0] = text_of(policy, "id");
	cells[1] = types;
	cells[2] = text_of(policy, "created_at");
	cells[3] = checks;
	table_row(t, cells);
}

static void
user_row(struct table *t, const json_t *line)
{
	const json_t	*user = json_object_get(line, "user");
	const json_t	*array = json_object_get(user, "permissions");
	const char	*cells[4], *word;
	char		 text[512] = "";
	uint32_t	 mask = 0;
	size_t		 i;

	for (i = 0; i < json_array_size(array); i++) {
		word = json_string_value(json_array_get(array, i));
		if (word == NULL)
			continue;
		mask |= permission_parse(word);
		join(text, sizeof(text), word);
	}
	cells[0] = text_of(user, "id");
	cells[1] = text_of(user, "username");
	cells[2] = text_of(user, "created_at");
	cells[3] = mask == PERM_ALL ? "all" : text;
	table_row(t, cells);
}

static void
check_row(struct table *t, const json_t *line)
{
	const json_t	*check = json_object_get(line, "check");
	const char	*cells[4];

	cells[0] = text_of(check, "claim");
	cells[1] = text_of(check, "wanted");
	cells[2] = text_of(check, "got");
	cells[3] = text_of(check, "result");
	table_row(t, cells);
}

static const struct kind {
	const char	*name;
	const char	*headings;
	size_t		 columns;
	void		(*row)(struct table *, const json_t *);
} kinds[] = {
	{ "key", "ID|KIND|KEYSTORE|POLICY|NOTES|CREATED", 6, key_row },
	{ "policy", "ID|TYPES|CREATED|CHECKS", 4, policy_row },
	{ "user", "ID|NAME|CREATED|PERMISSIONS", 4, user_row },
	{ "check", "CLAIM|WANTED|GOT|RESULT", 4, check_row },
};

#define NKINDS	(sizeof(kinds) / sizeof(kinds[0]))

/* What control tells of a key beside the contract's object. */
static void
object_merge(json_t *object, const json_t *line)
{
	static const char *const	 names[] = { "keystore", "state",
					    "version" };
	json_t				*j;
	size_t				 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((j = json_object_get(line, names[i])) != NULL)
			json_object_set(object, names[i], j);
}

static void
object_json(struct objects *o, json_t *object, const json_t *line)
{
	object_merge(object, line);
	if (!o->one)
		printf(o->n == 0 ? "[" : ",\n");
	(void)json_dumpf(object, stdout, JSON_FLAGS);
	if (o->one)
		printf("\n");
}

static const struct kind *
kind_find(const char *name)
{
	size_t	 i;

	for (i = 0; i < NKINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return (&kinds[i]);
	die("no table for %s", name);
}

void
object_line(json_t *line, void *arg)
{
	struct objects		*o = arg;
	const struct kind	*kind = kind_find(o->name);
	const char		*id;
	json_t			*object;

	/* Other objects would not fit into the table. */
	if (!json_is_object(object = json_object_get(line, o->name)))
		die("kbsd's answer makes no sense: no %s", o->name);
	id = text_of(object, "id");
	(void)strlcpy(o->id, id == NULL ? "" : id, sizeof(o->id));
	if (options.json)
		object_json(o, object, line);
	else if (!o->ids) {
		if (o->table == NULL)
			o->table = table_new(kind->headings, kind->columns);
		kind->row(o->table, line);
	}
	o->n++;
}

/* Also when nothing came: an empty list, or a table of headings. */
void
objects_end(struct objects *o)
{
	const struct kind	*kind = kind_find(o->name);

	if (options.json && !o->one)
		printf(o->n == 0 ? "[]\n" : "]\n");
	else if (!options.json && o->ids == 1 && o->n > 0)
		printf("%s\n", o->id);
	else if (!options.json && !o->ids) {
		if (o->table == NULL)
			o->table = table_new(kind->headings, kind->columns);
		table_print(o->table, !options.quiet);
	}
	table_free(o->table);
	o->table = NULL;
}

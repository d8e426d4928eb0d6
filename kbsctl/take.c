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
 * What `import' and `restore' bring: policies, users and keys get into kbsd
 * under their ids.  All was read and checked before anything is sent, and what
 * was added is taken back when something is refused.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kbsctl.h"
#include "policy.h"

#define SECONDS		45
#define SECONDS_KEY	195

/* How kbsd is asked which there are, and to take one back. */
static const struct {
	const char	*name;
	const char	*list;
	const char	*undo;
} kinds[TAKE_KINDS] = {
	[TAKE_POLICY] = { "policy", "policy list", "delete" },
	[TAKE_USER] = { "user", "user list", "delete" },
	[TAKE_KEY] = { "key", "key list", "delete" },
};

struct taking *
take_new(struct takings *all, enum take_kind kind, const char *id)
{
	struct taking	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		no_memory();
	t->kind = kind;
	t->undo = kinds[kind].undo;
	(void)strlcpy(t->id, id, sizeof(t->id));
	TAILQ_INSERT_TAIL(all, t, entry);
	return (t);
}

void
take_free(struct takings *all)
{
	struct taking	*t;

	while ((t = TAILQ_FIRST(all)) != NULL) {
		TAILQ_REMOVE(all, t, entry);
		json_decref(t->body);
		json_decref(t->given);
		json_decref(t->later);
		free(t);
	}
}

json_t *
take_key_body(const json_t *line)
{
	const json_t	*one = json_object_get(line, "key");
	json_t		*body = object(), *info, *policy;

	info = json_deep_copy(json_object_get(one, "key_info"));
	json_object_del(info, "kmip_key_id");
	if (strcmp(member_text(info, "algorithm"), "EC") == 0)
		json_object_del(info, "key_length");
	set(info, "keystore", json_string(member_text(line, "keystore")));
	set(body, "key_information", info);
	policy = json_object_get(one, "transfer_policy_id");
	if (policy != NULL)
		set(body, "transfer_policy_id", json_incref(policy));
	return (body);
}

/* --- what kbsd has already ----------------------------------------------- */

/*
 * Of each kind a member for each id, with what kbsd says of it, and for each
 * user's name its id.
 */
struct present {
	json_t	*ids[TAKE_KINDS];
	json_t	*names;
};

/* A key that a crash left half made is undone soon, and is not there then. */
static void
settled(const json_t *line, const char *id)
{
	const char	*state = member_text(line, "state");

	if (state[0] != '\0' && strcmp(state, "active") != 0)
		die("key %s is %s: a change of it goes on, or is being "
		    "undone; try again in a moment, nothing was changed", id,
		    state);
}

static void
present_read(struct present *p)
{
	const json_t	*one;
	const char	*id, *name;
	json_t		*line, *list;
	size_t		 i, k;

	p->names = object();
	for (k = 0; k < TAKE_KINDS; k++) {
		p->ids[k] = object();
		list = collect(kinds[k].list);
		json_array_foreach(list, i, line) {
			one = json_object_get(line, kinds[k].name);
			id = member_text(one, "id");
			name = member_text(one, "username");
			settled(line, id);
			set(p->ids[k], id, json_incref(line));
			if (name[0] != '\0')
				set(p->names, name, json_string(id));
		}
		json_decref(list);
	}
}

static void
present_free(struct present *p)
{
	size_t	 k;

	for (k = 0; k < TAKE_KINDS; k++)
		json_decref(p->ids[k]);
	json_decref(p->names);
}

/* Two of one name, or one that somebody else has: nothing is begun. */
static void
compare_user(struct present *present, struct taking *t)
{
	const char	*owner = member_text(present->names, t->name);

	if (owner[0] == '\0' || strcmp(owner, t->id) == 0)
		set(present->names, t->name, json_string(t->id));
	else if (!t->may_stay)
		die("user %s: the name is taken by a user of another id; "
		    "nothing was changed", t->name);
	else
		t->what = "not taken: there is a user of this name";
}

/* Only keys have one. */
static uint32_t
version_of(const json_t *line)
{
	const json_t	*version = json_object_get(line, "version");

	if (line == NULL)
		return (0);
	return (version == NULL ? 1 : (uint32_t)json_integer_value(version));
}

static void __attribute__((noreturn))
another(const struct taking *t, const char *what)
{
	die("%s %s is there already, but its %s is not that of the file; "
	    "nothing was changed", kinds[t->kind].name, t->id, what);
}

static char *
canonical(const json_t *policy, const char *id)
{
	struct policy	*p = policy_of(policy, id);
	char		*text;
	size_t		 len;

	if ((text = policy_text(p, &len)) == NULL)
		no_memory();
	policy_free(p);
	return (text);
}

/* Keys that are under it would be released to whom another one names. */
static void
compare_policy(const struct taking *t, const json_t *line)
{
	char	*is, *was;

	is = canonical(json_object_get(line, "policy"), t->id);
	was = canonical(t->body, t->id);
	if (strcmp(is, was) != 0)
		another(t, "text");
	free(is);
	free(was);
}

static int
differs(const json_t *a, const json_t *b, const char *name)
{
	const json_t	*x = json_object_get(a, name);
	const json_t	*y = json_object_get(b, name);

	return (x != y && !json_equal(x, y));
}

/* When it was made, its versions and its names elsewhere may be others. */
static void
compare_key(const struct taking *t, const json_t *line)
{
	static const struct {
		const char	*name;
		const char	*what;
	} members[] = {
		{ "algorithm",		"algorithm" },
		{ "key_length",		"length" },
		{ "curve_type",		"curve" },
		{ "attested_only",	"mark \"attested only\"" },
		{ "keystore",		"keystore" },
	};
	json_t		*body = take_key_body(line);
	const json_t	*is, *was;
	size_t		 i;

	is = json_object_get(body, "key_information");
	was = json_object_get(t->body, "key_information");
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (differs(is, was, members[i].name))
			another(t, members[i].what);
	if (differs(body, t->body, "transfer_policy_id"))
		another(t, "transfer policy");
	json_decref(body);
}

/* What is there beside what is brought. */
static void
compare_rest(const struct present *present)
{
	size_t	 k;

	for (k = 0; k < TAKE_KINDS; k++)
		if (k != TAKE_USER && json_object_size(present->ids[k]) > 0)
			die("this kbsd is not empty: it has other %s, so "
			    "nothing is restored into it", k == TAKE_KEY ?
			    "keys" : "policies");
}

/*
 * An import adds nothing to a key that is there, which may have been moved
 * since; further versions must not get into a key that is another one.
 */
static void
compare_one(struct present *present, struct taking *t, int into_empty)
{
	const json_t	*line = json_object_get(present->ids[t->kind], t->id);

	t->have = version_of(line);
	if (t->body == NULL)
		return;
	if (t->have > json_array_size(t->later))
		t->what = "is there already";
	if (t->kind == TAKE_USER)
		compare_user(present, t);
	else if (t->kind == TAKE_POLICY && line != NULL)
		compare_policy(t, line);
	else if (t->kind == TAKE_KEY && line != NULL && into_empty)
		compare_key(t, line);
}

void
take_compare(struct takings *all, int into_empty)
{
	struct present	 present;
	struct taking	*t;

	present_read(&present);
	TAILQ_FOREACH(t, all, entry) {
		compare_one(&present, t, into_empty);
		if (into_empty)
			json_object_del(present.ids[t->kind], t->id);
	}
	if (into_empty)
		compare_rest(&present);
	present_free(&present);
}

/* --- sending ------------------------------------------------------------- */

static json_t *
ask(const struct taking *t, const char *verb)
{
	char	 wire[32];
	json_t	*req;

	(void)snprintf(wire, sizeof(wire), "%s %s", kinds[t->kind].name, verb);
	req = request(wire);
	set(req, "id", json_string(t->id));
	return (req);
}

/* The other way round, since policies may be in use by then: not by us. */
static void
take_back(struct takings *all)
{
	struct result	 result;
	struct taking	*t;

	TAILQ_FOREACH_REVERSE(t, all, takings, entry) {
		if (!t->added)
			continue;
		session_call(ask(t, t->undo), SECONDS, NULL, NULL, &result);
		if (result.error[0] != '\0')
			fprintf(stderr, "kbsctl: %s %s stays: %s\n",
			    kinds[t->kind].name, t->id, result.error);
	}
}

static void
refuse(struct takings *all, const struct taking *t,
    const struct result *result)
{
	char	 error[sizeof(result->error)];

	(void)strlcpy(error, result->error, sizeof(error));
	take_back(all);
	die("%s %s: %s; what was added is taken back", kinds[t->kind].name,
	    t->id, error);
}

/* The first version of a key, and all else. */
static void
send_first(struct takings *all, struct taking *t)
{
	struct result	 result;
	json_t		*req = ask(t, "import");

	set(req, "body", json_incref(t->body));
	if (t->given != NULL)
		set(req, "given", json_incref(t->given));
	if (t->created[0] != '\0')
		set(req, "created", json_string(t->created));
	session_call(req, t->kind == TAKE_KEY ? SECONDS_KEY : SECONDS, NULL,
	    NULL, &result);
	if (result.error[0] != '\0')
		refuse(all, t, &result);
	t->added = 1;
}

/* As that version only: a kbsctl that was killed may have left another. */
static void
send_later(struct takings *all, struct taking *t, size_t version,
    const json_t *members)
{
	struct result	 result;
	json_t		*req = ask(t, "rotate");

	set(req, "version", json_integer((json_int_t)version));
	if (json_object_update(req, (json_t *)(uintptr_t)members) == -1)
		no_memory();
	session_call(req, SECONDS_KEY, NULL, NULL, &result);
	if (result.error[0] != '\0')
		refuse(all, t, &result);
}

void
take_send(struct takings *all)
{
	struct taking	*t;
	size_t		 i;

	TAILQ_FOREACH(t, all, entry) {
		if (t->body == NULL || t->what != NULL)
			continue;
		if (t->have == 0)
			send_first(all, t);
		for (i = t->have > 0 ? t->have - 1 : 0;
		    i < json_array_size(t->later); i++)
			send_later(all, t, i + 2,
			    json_array_get(t->later, i));
		t->what = "taken";
	}
}

void
take_tell(const struct takings *all, const char *otherwise)
{
	const struct taking	*t;
	const char		*cells[4];
	struct table		*table = table_new("KIND|ID|NAME|RESULT", 4);
	json_t			*list = json_array(), *j;

	TAILQ_FOREACH(t, all, entry) {
		cells[0] = kinds[t->kind].name;
		cells[1] = t->id;
		cells[2] = t->name;
		cells[3] = t->what != NULL ? t->what : otherwise;
		table_row(table, cells);
		j = object();
		set(j, "kind", json_string(cells[0]));
		set(j, "id", json_string(t->id));
		set(j, "name", string("a name", t->name));
		set(j, "result", json_string(cells[3]));
		if (json_array_append_new(list, j) == -1)
			no_memory();
	}
	if (options.json)
		json_print(list);
	else
		table_print(table, !options.quiet);
	json_decref(list);
	table_free(table);
}

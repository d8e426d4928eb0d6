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
 * `import': users, policies and key records of the reference server's state
 * directory get into kbsd under their ids.  All is read and checked before
 * anything is sent, and what was added is taken back when something is
 * refused.
 */

#include <sys/queue.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "kbsctl.h"
#include "policy.h"
#include "rfc3339.h"

#define SECONDS		45
#define HASH_BYTES	64		/* more than bcrypt's 60 */

/* One thing that was found, and what became of it. */
struct found {
	TAILQ_ENTRY(found) entry;
	const struct folder *folder;
	char		 id[UUID_TEXT];
	char		 name[NAME_MAX_USER];
	char		 created[RFC3339_TEXT];
	json_t		*body;		/* NULL: it is not taken */
	const char	*what;		/* for the table */
	int		 added;		/* in this run */
};
TAILQ_HEAD(founds, found);

/* Which of kbsd's has the keys' material; NULL: keys are not taken. */
static const char	*keystore;

/* --- what each file has -------------------------------------------------- */

/* base64 of the text of bcrypt, as that server writes it, or the text. */
static void
hash_set(json_t *body, const char *path, const char *text)
{
	uint8_t	 hash[HASH_BYTES + 1];
	ssize_t	 n;

	if (text[0] == '$')
		n = (ssize_t)strlcpy((char *)hash, text, sizeof(hash));
	else
		n = base64_decode(hash, HASH_BYTES, text, strlen(text));
	if (n != 60 || hash[0] != '$' || memchr(hash, '\0', 60) != NULL)
		die("%s: password_hash is not the base64 of a bcrypt hash",
		    path);
	hash[n] = '\0';
	set(body, "password", json_string((const char *)hash));
	explicit_bzero(hash, sizeof(hash));
}

static void
user_read(struct found *f, const char *path, json_t *from)
{
	const json_t	*permissions = json_object_get(from, "permissions");
	const json_t	*word;
	const char	*name = member_text(from, "username"), *text;
	size_t		 i;

	if (!user_name_valid(name, strlen(name)))
		die("%s: \"%s\" is no user name of kbsd: 1 to %d letters, "
		    "digits, ._- and one @; change it there first", path, name,
		    NAME_MAX_USER - 1);
	if (json_array_size(permissions) == 0)
		die("%s: no permissions", path);
	json_array_foreach(permissions, i, word)
		if ((text = json_string_value(word)) == NULL ||
		    permission_parse(text) == 0)
			die("%s: \"%s\" is no permission", path,
			    text != NULL ? text : "");
	(void)strlcpy(f->name, name, sizeof(f->name));
	f->body = object();
	set(f->body, "username", json_string(name));
	set(f->body, "permissions", json_deep_copy(permissions));
	hash_set(f->body, path, member_text(from, "password_hash"));
}

static void
policy_read(struct found *f, const char *path, json_t *from)
{
	struct policy	*p = policy_of(from, path);

	(void)tees_format(p->tees, f->name);
	policy_free(p);
	json_object_del(from, "created_at");
	json_object_del(from, "id");
	f->body = json_incref(from);
}

/* What kbsd is asked: to register a key that a keystore has already. */
static json_t *
key_info(const json_t *from, const char *id)
{
	const json_t	*length = json_object_get(from, "key_length");
	const char	*kmip = member_text(from, "kmip_key_id");
	json_t		*info = object();

	set(info, "algorithm", json_string(member_text(from, "algorithm")));
	if (strcasecmp(member_text(from, "algorithm"), "EC") == 0)
		set(info, "curve_type", json_string(member_text(from,
		    "curve_type")));
	else
		set(info, "key_length", json_integer(
		    json_integer_value(length)));
	set(info, "keystore", json_string(keystore));
	/* Vault has it under its own id. */
	set(info, "kmip_key_id", json_string(kmip[0] != '\0' ? kmip : id));
	return (info);
}

/* The record alone: the material stays where it is. */
static void
key_read(struct found *f, const char *path, json_t *from)
{
	const char	*policy = member_text(from, "transfer_policy_id");

	(void)path;
	(void)strlcpy(f->name, member_text(from, "algorithm"), sizeof(f->name));
	if (keystore == NULL) {
		f->what = "not taken: its material is with that server's "
		    "Vault or KMIP server; --keystore says which that is here";
		return;
	}
	f->body = object();
	set(f->body, "key_information", key_info(from, f->id));
	if (policy[0] != '\0')
		set(f->body, "transfer_policy_id", json_string(policy));
}

/* How kbsd is asked which there are, and to take one back. */
static const struct folder {
	const char	*name;
	const char	*kind;
	void		(*read)(struct found *, const char *, json_t *);
	const char	*list;
	const char	*undo;
} folders[] = {
	{ "keys-transfer-policy", "policy", policy_read, "policy list",
	    "delete" },
	{ "users", "user", user_read, "user list", "delete" },
	{ "keys", "key", key_read, "key list", "forget" },
};

#define NFOLDERS	(sizeof(folders) / sizeof(folders[0]))

/* Without one it is made now. */
static void
created_read(struct found *f, const char *path, const json_t *from)
{
	const char	*text = member_text(from, "created_at");
	int64_t		 created;

	if (text[0] == '\0')
		return;
	if (rfc3339_parse(text, strlen(text), &created) == -1)
		die("%s: created_at is no time", path);
	(void)rfc3339_format(created, f->created);
}

static void
file_read(struct founds *all, const struct folder *folder, const char *path,
    const char *name)
{
	struct found	*f;
	struct uuid	 id;
	json_t		*from = object_file(path);

	if (uuid_parse(&id, name, strlen(name)) == -1 ||
	    strcasecmp(member_text(from, "id"), name) != 0)
		die("%s: its id is not its name", path);
	if ((f = calloc(1, sizeof(*f))) == NULL)
		no_memory();
	f->folder = folder;
	(void)uuid_format(&id, f->id);
	created_read(f, path, from);
	folder->read(f, path, from);
	json_decref(from);
	TAILQ_INSERT_TAIL(all, f, entry);
}

static int
visible(const struct dirent *entry)
{
	return (entry->d_name[0] != '.');
}

static void
folder_read(struct founds *all, const char *state, const struct folder *folder)
{
	struct dirent	**names;
	char		 *path, *directory;
	int		  i, n;

	if (asprintf(&directory, "%s/%s", state, folder->name) == -1)
		no_memory();
	if ((n = scandir(directory, &names, visible, alphasort)) == -1)
		die("%s: %s", directory, strerror(errno));
	for (i = 0; i < n; i++) {
		if (asprintf(&path, "%s/%s", directory, names[i]->d_name) ==
		    -1)
			no_memory();
		file_read(all, folder, path, names[i]->d_name);
		free(path);
		free(names[i]);
	}
	free(names);
	free(directory);
}

/* --- what kbsd has already ----------------------------------------------- */

/* Of each kind a member for each id, and for each user's name with its id. */
struct present {
	json_t	*ids[NFOLDERS];
	json_t	*names;
};

static void
present_read(struct present *p)
{
	const json_t	*line, *one;
	const char	*id, *name;
	json_t		*list;
	size_t		 i, k;

	p->names = object();
	for (k = 0; k < NFOLDERS; k++) {
		p->ids[k] = object();
		list = collect(folders[k].list);
		json_array_foreach(list, i, line) {
			one = json_object_get(line, folders[k].kind);
			id = member_text(one, "id");
			name = member_text(one, "username");
			set(p->ids[k], id, json_true());
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

	for (k = 0; k < NFOLDERS; k++)
		json_decref(p->ids[k]);
	json_decref(p->names);
}

/* Two files of one name, or one that somebody else has: nothing is begun. */
static void
compare_all(struct founds *all)
{
	struct present	 present;
	struct found	*f;
	const char	*owner;

	present_read(&present);
	TAILQ_FOREACH(f, all, entry) {
		if (f->body == NULL)
			continue;
		if (json_object_get(present.ids[f->folder - folders],
		    f->id) != NULL)
			f->what = "is there already";
		if (f->folder->read != user_read)
			continue;
		owner = member_text(present.names, f->name);
		if (owner[0] != '\0' && strcmp(owner, f->id) != 0)
			die("user %s: the name is taken by a user of another "
			    "id; nothing was changed", f->name);
		set(present.names, f->name, json_string(f->id));
	}
	present_free(&present);
}

/* --- sending ------------------------------------------------------------- */

static void
send_one(const struct found *f, const char *verb, json_t *body,
    struct result *result)
{
	char	 wire[32];
	json_t	*req;

	(void)snprintf(wire, sizeof(wire), "%s %s", f->folder->kind, verb);
	req = request(wire);
	set(req, "id", json_string(f->id));
	if (body != NULL)
		set(req, "body", json_incref(body));
	if (body != NULL && f->created[0] != '\0')
		set(req, "created", json_string(f->created));
	session_call(req, SECONDS, NULL, NULL, result);
}

/* The other way round, since policies may be in use by then: not by us. */
static void
take_back(struct founds *all)
{
	struct result	 result;
	struct found	*f;

	TAILQ_FOREACH_REVERSE(f, all, founds, entry) {
		if (!f->added)
			continue;
		send_one(f, f->folder->undo, NULL, &result);
		if (result.error[0] != '\0')
			fprintf(stderr, "kbsctl: %s %s stays: %s\n",
			    f->folder->kind, f->id, result.error);
	}
}

static void
send_all(struct founds *all)
{
	struct result	 result;
	struct found	*f;

	TAILQ_FOREACH(f, all, entry) {
		if (f->body == NULL || f->what != NULL)
			continue;
		send_one(f, "import", f->body, &result);
		if (result.error[0] != '\0') {
			take_back(all);
			die("%s %s: %s; what was added is taken back",
			    f->folder->kind, f->id, result.error);
		}
		f->added = 1;
		f->what = "taken";
	}
}

static void
tell(const struct founds *all)
{
	const struct found	*f;
	const char		*cells[4];
	struct table		*t = table_new("KIND|ID|NAME|RESULT", 4);
	json_t			*list = json_array(), *j;

	TAILQ_FOREACH(f, all, entry) {
		cells[0] = f->folder->kind;
		cells[1] = f->id;
		cells[2] = f->name;
		cells[3] = f->what;
		table_row(t, cells);
		j = object();
		set(j, "kind", json_string(f->folder->kind));
		set(j, "id", json_string(f->id));
		set(j, "name", string("a name", f->name));
		set(j, "result", json_string(f->what));
		if (json_array_append_new(list, j) == -1)
			no_memory();
	}
	if (options.json)
		json_print(list);
	else
		table_print(t, !options.quiet);
	json_decref(list);
	table_free(t);
}

/* All that may fail for what is in the files fails before the first change. */
int
run_import(const struct command *c, const struct args *args)
{
	const char		*state = args->option['s'];
	const char		*env = args->option['e'];
	const char		*out = args->option['o'];
	struct environment	*environment = NULL;
	struct founds		 all = TAILQ_HEAD_INITIALIZER(all);
	struct found		*f;
	size_t			 i;

	if (state == NULL && env == NULL)
		usage_command(c, "one of --state and --env must be there");
	if ((env == NULL) != (out == NULL))
		usage_command(c, "--env and --output belong together");
	if (state == NULL && args->option['k'] != NULL)
		usage_command(c, "--keystore belongs to --state");
	keystore = args->option['k'];
	if (env != NULL)
		environment = environment_read(env, out);
	if (state != NULL) {
		for (i = 0; i < NFOLDERS; i++)
			folder_read(&all, state, &folders[i]);
		compare_all(&all);
		send_all(&all);
		tell(&all);
	}
	if (environment != NULL)
		environment_write(environment, out);
	while ((f = TAILQ_FIRST(&all)) != NULL) {
		TAILQ_REMOVE(&all, f, entry);
		json_decref(f->body);
		free(f);
	}
	return (KBSCTL_DONE);
}

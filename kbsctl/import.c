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
 * directory get into kbsd under their ids.
 */

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

#define HASH_BYTES	64		/* more than bcrypt's 60 */

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
user_read(struct taking *f, const char *path, json_t *from)
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
policy_read(struct taking *f, const char *path, json_t *from)
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
key_read(struct taking *f, const char *path, json_t *from)
{
	const char	*policy = member_text(from, "transfer_policy_id");

	(void)path;
	(void)strlcpy(f->name, member_text(from, "algorithm"), sizeof(f->name));
	if (keystore == NULL) {
		f->what = "not taken: its material is with that server's "
		    "Vault or KMIP server; --keystore says which that is here";
		return;
	}
	f->undo = "forget";
	f->body = object();
	set(f->body, "key_information", key_info(from, f->id));
	if (policy[0] != '\0')
		set(f->body, "transfer_policy_id", json_string(policy));
}

static const struct folder {
	const char	*name;
	enum take_kind	 kind;
	void		(*read)(struct taking *, const char *, json_t *);
} folders[] = {
	{ "keys-transfer-policy", TAKE_POLICY, policy_read },
	{ "users", TAKE_USER, user_read },
	{ "keys", TAKE_KEY, key_read },
};

#define NFOLDERS	(sizeof(folders) / sizeof(folders[0]))

/* Without one it is made now. */
static void
created_read(struct taking *f, const char *path, const json_t *from)
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
file_read(struct takings *all, const struct folder *folder, const char *path,
    const char *name)
{
	struct taking	*f;
	char		 text[UUID_TEXT];
	struct uuid	 id;
	json_t		*from = object_file(path);

	if (uuid_parse(&id, name, strlen(name)) == -1 ||
	    strcasecmp(member_text(from, "id"), name) != 0)
		die("%s: its id is not its name", path);
	f = take_new(all, folder->kind, uuid_format(&id, text));
	created_read(f, path, from);
	folder->read(f, path, from);
	json_decref(from);
}

static int
visible(const struct dirent *entry)
{
	return (entry->d_name[0] != '.');
}

static void
folder_read(struct takings *all, const char *state, const struct folder *folder)
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

/* All that may fail for what is in the files fails before the first change. */
int
run_import(const struct command *c, const struct args *args)
{
	const char		*state = args->option['s'];
	const char		*env = args->option['e'];
	const char		*out = args->option['o'];
	struct environment	*environment = NULL;
	struct takings		 all = TAILQ_HEAD_INITIALIZER(all);
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
		take_compare(&all, 0);
		take_send(&all);
		take_tell(&all, "");
	}
	if (environment != NULL)
		environment_write(environment, out);
	take_free(&all);
	return (KBSCTL_DONE);
}

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

/* Users: made, changed, deleted, and let in again. */

#include <stdlib.h>
#include <string.h>

#include "kbsctl.h"

struct found {
	char		 id[UUID_TEXT];
	unsigned int	 n;
};

static void
found_line(json_t *line, void *arg)
{
	struct found	*found = arg;
	const char	*id;

	id = json_string_value(json_object_get(json_object_get(line, "user"),
	    "id"));
	if (id == NULL)
		return;
	(void)strlcpy(found->id, id, sizeof(found->id));
	found->n++;
}

/* kbsd knows users by id, people know them by name. */
static json_t *
user_id(const char *word)
{
	struct found	 found = { .n = 0 };
	struct result	 result;
	struct uuid	 id;
	json_t		*filter, *req;

	if (uuid_parse(&id, word, strlen(word)) == 0)
		return (json_string(word));
	req = request("user list");
	filter = object();
	set(filter, "username", string("the name", word));
	set(req, "filter", filter);
	session_call(req, ANSWER_SECONDS, found_line, &found, &result);
	if (result.error[0] == '\0' && found.n != 1) {
		result.status = 404;
		(void)strlcpy(result.error, "no such user",
		    sizeof(result.error));
	}
	if (result.error[0] != '\0')
		exit(refused(&result));
	return (json_string(found.id));
}

static const char *
permission_nth(size_t i)
{
	return (permission_name((unsigned int)i));
}

/* Names of permissions, or all. */
static json_t *
permissions(const struct command *c, const char *const *word, int n)
{
	const char	*near;
	uint32_t	 bit, mask = 0;
	unsigned int	 k;
	json_t		*array;
	int		 i;

	for (i = 0; i < n; i++) {
		bit = strcmp(word[i], "all") == 0 ? PERM_ALL :
		    permission_parse(word[i]);
		if (bit == 0 && (near = parse_nearest(word[i],
		    permission_nth)) != NULL)
			usage_command(c, "no permission \"%s\": did you mean "
			    "\"%s\"?", word[i], near);
		if (bit == 0)
			usage_command(c, "no permission \"%s\"", word[i]);
		mask |= bit;
	}
	if ((array = json_array()) == NULL)
		no_memory();
	for (k = 0; permission_name(k) != NULL; k++)
		if ((mask & (1U << k)) != 0 && json_array_append_new(array,
		    json_string(permission_name(k))) == -1)
			no_memory();
	return (array);
}

static void
set_password(json_t *body, const char *file)
{
	char	 password[PASSWORD_MAX + 1];
	json_t	*j;

	input_password(file, password);
	j = json_string(password);
	explicit_bzero(password, sizeof(password));
	if (j == NULL)
		die("the password is not UTF-8");
	set(body, "password", j);
}

static void
user_name_check(const struct command *c, const char *name)
{
	if (!user_name_valid(name, strlen(name)))
		usage_command(c, "\"%s\" is no user name: 1 to %d letters, "
		    "digits, ._- and one @", name, NAME_MAX_USER - 1);
}

int
run_user_add(const struct command *c, const struct args *args)
{
	json_t	*body = object(), *req = request(c->wire);

	user_name_check(c, args->word[0]);
	if (args->nwords < 2)
		usage_command(c, "which permissions? all, or some of those "
		    "in kbsctl(8)");
	set(body, "username", json_string(args->word[0]));
	set(body, "permissions", permissions(c, args->word + 1,
	    args->nwords - 1));
	set_password(body, args->option['p']);
	set(req, "body", body);
	return (run_objects(req, "user", 1, 1, ANSWER_SECONDS));
}

int
run_user_change(const struct command *c, const struct args *args)
{
	json_t	*body = object(), *req = request(c->wire);

	if (args->nwords < 2 && args->option['n'] == NULL &&
	    args->option['p'] == NULL)
		usage_command(c, "nothing is to be changed");
	if (args->option['n'] != NULL) {
		user_name_check(c, args->option['n']);
		set(body, "username", json_string(args->option['n']));
	}
	if (args->nwords > 1)
		set(body, "permissions", permissions(c, args->word + 1,
		    args->nwords - 1));
	set(req, "id", user_id(args->word[0]));
	if (args->option['p'] != NULL)
		set_password(body, args->option['p']);
	set(req, "body", body);
	return (run_objects(req, "user", 1, 2, ANSWER_SECONDS));
}

int
run_user_show(const struct command *c, const struct args *args)
{
	json_t	*req = request(c->wire);

	set(req, "id", user_id(args->word[0]));
	return (run_objects(req, "user", 1, 0, ANSWER_SECONDS));
}

int
run_user_delete(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*req = request(c->wire);

	set(req, "id", user_id(args->word[0]));
	session_call(req, ANSWER_SECONDS, NULL, NULL, &result);
	return (done(&result));
}

int
run_user_unlock(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*body = object(), *req = request(c->wire);

	user_name_check(c, args->word[0]);
	set(body, "username", json_string(args->word[0]));
	set(req, "body", body);
	session_call(req, ANSWER_SECONDS, NULL, NULL, &result);
	return (done(&result));
}

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

/* What is the same in all commands: requests, and how they may end. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "kbsctl.h"
#include "log.h"

#define OBJECT_FILE_MAX	(64 * 1024)

void
no_memory(void)
{
	die("out of memory");
}

void
set(json_t *object, const char *name, json_t *value)
{
	if (value == NULL || json_object_set_new(object, name, value) == -1)
		no_memory();
}

/* Words of a terminal need not be UTF-8, JSON must. */
json_t *
string(const char *what, const char *text)
{
	json_t	*j;

	if ((j = json_string(text)) == NULL)
		die("%s is not UTF-8", what);
	return (j);
}

json_t *
object(void)
{
	json_t	*j;

	if ((j = json_object()) == NULL)
		no_memory();
	return (j);
}

json_t *
request(const char *wire)
{
	json_t	*j = object();

	set(j, "command", json_string(wire));
	return (j);
}

/* The end of a command that is not done. */
int
refused(const struct result *result)
{
	json_t	*j;

	log_warnx("%s", result->error);
	if (options.json) {
		j = object();
		set(j, "error", json_string(result->error));
		set(j, "status", json_integer(result->status));
		json_print(j);
		json_decref(j);
	}
	return (KBSCTL_FAILED);
}

/* Nothing comes back but that it is done. */
int
done(const struct result *result)
{
	if (result->error[0] != '\0')
		return (refused(result));
	if (options.json)
		printf("{\"ok\":true}\n");
	return (KBSCTL_DONE);
}

json_t *
id_word(const struct command *c, const char *what, const char *word)
{
	struct uuid	 id;

	if (uuid_parse(&id, word, strlen(word)) == -1)
		usage_command(c, "\"%s\" is not the id of a %s, which is a "
		    "version 4 UUID", word, what);
	return (json_string(word));
}

static void
collect_line(json_t *line, void *arg)
{
	json_t	*list = arg;

	if (json_array_append(list, line) == -1)
		no_memory();
}

json_t *
collect(const char *wire)
{
	struct result	 result;
	json_t		*list = json_array();

	if (list == NULL)
		no_memory();
	session_call(request(wire), ANSWER_SECONDS, collect_line, list,
	    &result);
	if (result.error[0] != '\0')
		exit(refused(&result));
	return (list);
}

const char *
member_text(const json_t *object, const char *name)
{
	const char	*s = json_string_value(json_object_get(object, name));

	return (s != NULL ? s : "");
}

json_t *
object_file(const char *path)
{
	uint8_t	*text;
	json_t	*j;
	char	 why[256];
	size_t	 len;

	text = input_file(path, OBJECT_FILE_MAX, &len);
	j = json_read((const char *)text, len, &json_small, why, sizeof(why));
	freezero(text, len);
	if (j == NULL || !json_is_object(j))
		die("%s: %s", path, j == NULL ? why : "not an object");
	return (j);
}

int
run_objects(json_t *req, const char *name, int one, int ids, int seconds)
{
	struct objects	 objects = {
		.name = name, .one = one, .ids = ids,
	};
	struct result	 result;

	session_call(req, seconds, object_line, &objects, &result);
	if (result.error[0] != '\0') {
		table_free(objects.table);
		return (refused(&result));
	}
	if (one && objects.n != 1)
		die("kbsd's answer makes no sense: no %s", name);
	objects_end(&objects);
	return (KBSCTL_DONE);
}

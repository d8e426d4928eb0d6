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

/* `policy test': a token, a quote or a body of a transfer, judged by kbsd. */

#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "kbsctl.h"

#define SECONDS		45
/* What control takes in one line, after base64. */
#define EVIDENCE_FILE_MAX (180 * 1024)

static int
is_token(const uint8_t *data, size_t len)
{
	size_t	 i, dots = 0;

	for (i = 0; i < len; i++)
		if (data[i] == '.')
			dots++;
		else if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
		    "stuvwxyz0123456789-_", data[i]) == NULL)
			return (0);
	return (dots == 2);
}

static json_t *
quote_base64(const uint8_t *data, size_t len)
{
	char	*text = malloc(BASE64_SIZE(len));
	json_t	*j;

	if (text == NULL || base64_encode(text, BASE64_SIZE(len), data,
	    len) == -1)
		no_memory();
	j = json_string(text);
	free(text);
	return (j);
}

/* Quotes begin with a version, which is neither '{' nor of base64url. */
static json_t *
evidence(const char *path)
{
	static const struct json_limits	 limits = { EVIDENCE_FILE_MAX, 20000,
					    32 };
	uint8_t				*data;
	json_t				*body;
	char				 why[256];
	size_t				 len;

	data = input_file(path, EVIDENCE_FILE_MAX, &len);
	if (data[0] == '{') {
		if ((body = json_read((const char *)data, len, &limits, why,
		    sizeof(why))) == NULL)
			die("%s: %s", path, why);
		free(data);
		return (body);
	}
	body = object();
	while (len > 0 && strchr("\r\n\t ", data[len - 1]) != NULL &&
	    is_token(data, strcspn((const char *)data, "\r\n\t ")))
		data[--len] = '\0';
	if (is_token(data, len))
		set(body, "attestation_token", json_stringn((const char *)data,
		    len));
	else
		set(body, "quote", quote_base64(data, len));
	free(data);
	return (body);
}

struct told {
	struct objects	 objects;
	int		 failed;
};

static void
told_line(json_t *line, void *arg)
{
	struct told	*told = arg;
	const char	*result;

	result = json_string_value(json_object_get(json_object_get(line,
	    "check"), "result"));
	told->failed = result == NULL || strcmp(result, "ok") != 0;
	object_line(line, &told->objects);
}

/* The verdict is the last line. */
int
run_policy_test(const struct command *c, const struct args *args)
{
	struct told	 told = { .objects.name = "check", .failed = 1 };
	struct result	 result;
	json_t		*req = request(c->wire);

	set(req, "id", id_word(c, "policy or key", args->word[0]));
	set(req, "body", evidence(args->word[1]));
	session_call(req, SECONDS, told_line, &told, &result);
	if (result.error[0] != '\0') {
		table_free(told.objects.table);
		return (refused(&result));
	}
	objects_end(&told.objects);
	return (told.failed ? KBSCTL_FAILED : KBSCTL_DONE);
}

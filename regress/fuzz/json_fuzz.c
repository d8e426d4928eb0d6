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
 * Bytes through the strict JSON reader: what it takes must be within the
 * limits, be what jansson makes of it, come out as text that it takes again,
 * and be the same then.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct json_limits limits = { 4096, 64, 8 };

static size_t
count(const json_t *j)
{
	const char	*name;
	json_t		*value;
	size_t		 i, n = 1;

	if (json_is_object(j)) {
		json_object_foreach((json_t *)(uintptr_t)j, name, value)
			n += count(value);
	} else if (json_is_array(j)) {
		json_array_foreach(j, i, value)
			n += count(value);
	}
	return (n);
}

static void
take(json_t *j, char *why, size_t whysize)
{
	json_t				*alg, *len, *data, *any;
	const struct json_member	 members[] = {
		{ "algorithm",	JSON_MEMBER_STRING,	0, &alg },
		{ "key_length",	JSON_MEMBER_INTEGER,	0, &len },
		{ "data",	JSON_MEMBER_STRING,	0, &data },
		{ "any",	JSON_MEMBER_ANY,	0, &any },
	};
	uint8_t				*bytes;
	size_t				 n;

	(void)json_take(j, members, 4, why, whysize);
	if (json_pick(j, members, 4, why, whysize) == 0 && data != NULL &&
	    json_base64(data, 16, &bytes, &n, why, whysize) == 0) {
		if (n > 16)
			abort();
		free(bytes);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int	 ready;
	json_t		*again, *j, *plain;
	char		*text, why[128];
	size_t		 len;

	if (!ready++)
		json_init();
	memset(why, 0, sizeof(why));
	j = json_read((const char *)data, size, &limits, why, sizeof(why));
	if (j == NULL) {
		if (why[0] == '\0')
			abort();
		return (0);
	}
	if (size > limits.bytes || count(j) > limits.values)
		abort();
	plain = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES,
	    NULL);
	if (!json_equal(j, plain))
		abort();
	json_decref(plain);
	take(j, why, sizeof(why));
	if ((text = json_write(j, &len)) == NULL)
		abort();
	/* numbers may grow when written, so the large limits */
	again = json_read(text, len, &json_large, why, sizeof(why));
	if (again == NULL || !json_equal(j, again))
		abort();
	free(text);
	json_decref(again);
	json_decref(j);
	return (0);
}

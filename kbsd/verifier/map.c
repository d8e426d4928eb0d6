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
 * Claims of other issuers under our names, so that a policy is the same
 * whoever attests.  A row says where in the token (RFC 6901) a claim of ours
 * stands; what comes of it goes the way of every token.  Nothing is made up:
 * a value is copied as it is, and only the type of the TEE and base64url
 * become what our own tokens have.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "verifier.h"

struct row {
	enum claim_row	 kind;
	char		 name[CLAIM_PATH_MAX];
	char		 value[CLAIM_PATH_MAX];
};

struct map {
	size_t		 n;
	struct row	 rows[CLAIM_ROWS_MAX];
};

struct map *
map_config(struct rbuf *r)
{
	struct map	*m;
	struct row	*row;
	uint32_t	 n = rb_u32(r);

	if (r->failed || n > CLAIM_ROWS_MAX ||
	    (m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	for (m->n = 0; m->n < n; m->n++) {
		row = &m->rows[m->n];
		row->kind = rb_enum(r, CLAIM_ROW_MAX - 1);
		rb_str(r, row->name, sizeof(row->name));
		rb_str(r, row->value, sizeof(row->value));
	}
	if (r->failed) {
		free(m);
		return (NULL);
	}
	return (m);
}

void
map_free(struct map *m)
{
	free(m);
}

/* --- paths --------------------------------------------------------- */

/* The next part of a path, "~1" and "~0" undone; NULL: it is no path. */
static const char *
part_next(const char *path, char part[CLAIM_PATH_MAX])
{
	size_t	 n = 0;

	for (path++; *path != '\0' && *path != '/'; path++) {
		if (*path != '~')
			part[n++] = *path;
		else if (path[1] == '0' || path[1] == '1')
			part[n++] = *++path == '0' ? '~' : '/';
		else
			return (NULL);
	}
	part[n] = '\0';
	return (path);
}

/* Without leading zeros (RFC 6901 section 4). */
static json_t *
element(const json_t *array, const char *part)
{
	size_t	 i = 0, len = strlen(part);

	if (len == 0 || len > 4 || strspn(part, "0123456789") != len ||
	    (part[0] == '0' && len > 1))
		return (NULL);
	while (*part != '\0')
		i = i * 10 + (size_t)(*part++ - '0');
	return (json_array_get(array, i));
}

/* Borrowed.  Without a slash in front it is a member of the token itself. */
static json_t *
path_get(json_t *j, const char *path)
{
	char	 part[CLAIM_PATH_MAX];

	if (*path != '/')
		j = json_object_get(j, path);
	else
		while (j != NULL && *path != '\0') {
			if ((path = part_next(path, part)) == NULL)
				return (NULL);
			j = json_is_array(j) ? element(j, part) :
			    json_object_get(j, part);
		}
	return (json_is_null(j) ? NULL : j);
}

/* --- values -------------------------------------------------------- */

/* What others call the TEEs; an unknown name stays, and is refused. */
static json_t *
value_type(json_t *j)
{
	static const struct {
		const char	*theirs, *ours;
	} names[] = {
		{ "sgx", "SGX" }, { "tdx", "TDX" }, { "tdxvm", "TDX" },
	};
	const char	*text = json_string_value(j);
	size_t		 i;

	for (i = 0; text != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(text, names[i].theirs) == 0)
			return (json_string(names[i].ours));
	return (json_incref(j));
}

/* Held data as base64url, without padding, becomes what base64 has. */
static json_t *
value_held(json_t *j)
{
	size_t	 len = json_string_length(j);
	uint8_t	*bytes = malloc(BASE64_BYTES(len));
	char	*text = NULL;
	ssize_t	 n = -1;
	json_t	*made = NULL;

	if (bytes != NULL && json_is_string(j))
		n = base64url_decode(bytes, BASE64_BYTES(len),
		    json_string_value(j), len);
	if (n > 0 && (text = malloc(BASE64_SIZE((size_t)n))) != NULL &&
	    base64_encode(text, BASE64_SIZE((size_t)n), bytes,
	    (size_t)n) != -1)
		made = json_string(text);
	free(text);
	free(bytes);
	return (made != NULL ? made : json_incref(j));
}

static json_t *
value_of(const char *name, json_t *j)
{
	static const struct {
		const char	*name;
		json_t		*(*make)(json_t *);
	} kinds[] = {
		{ "attester_type",	value_type },
		{ "attester_held_data",	value_held },
	};
	size_t	 i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return (kinds[i].make(j));
	return (json_incref(j));
}

/* A string, a whole number or a truth value, written out. */
static int
value_is(const json_t *j, const char *want)
{
	char	 number[24];

	if (json_is_string(j))
		return (strcmp(json_string_value(j), want) == 0);
	if (json_is_boolean(j))
		return (strcmp(json_is_true(j) ? "true" : "false",
		    want) == 0);
	if (!json_is_integer(j))
		return (0);
	(void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
	    json_integer_value(j));
	return (strcmp(number, want) == 0);
}

/* --- all of it ----------------------------------------------------- */

/* 0, or -1 with why. */
static int
row_apply(const struct row *row, json_t *token, json_t *out, char *why,
    size_t whysize)
{
	json_t	*j = NULL;
	int	 rc = 0;

	if (row->kind != CLAIM_IS)
		j = path_get(token, row->kind == CLAIM_FROM ? row->value :
		    row->name);
	if (row->kind == CLAIM_REQUIRE) {
		if (value_is(j, row->value))
			return (0);
		(void)snprintf(why, whysize, "claim %.120s is not %.80s",
		    row->name, row->value);
		return (-1);
	}
	if (row->kind == CLAIM_IS)
		rc = json_object_set_new(out, row->name,
		    json_string(row->value));
	else if (j != NULL)
		rc = json_object_set_new(out, row->name, value_of(row->name,
		    j));
	if (rc == -1)
		(void)snprintf(why, whysize, "no memory, or no text in %.80s",
		    row->name);
	return (rc);
}

json_t *
map_claims(const struct map *m, json_t *token, char *why, size_t whysize)
{
	static const char *const	 kept[] = { "exp", "nbf", "iat", "iss",
					    "aud" };
	json_t				*out, *j;
	size_t				 i;

	if ((out = json_object()) == NULL) {
		(void)strlcpy(why, "no memory", whysize);
		return (NULL);
	}
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if ((j = json_object_get(token, kept[i])) != NULL &&
		    json_object_set(out, kept[i], j) == -1) {
			(void)strlcpy(why, "no memory", whysize);
			json_decref(out);
			return (NULL);
		}
	for (i = 0; i < m->n; i++)
		if (row_apply(&m->rows[i], token, out, why, whysize) == -1) {
			json_decref(out);
			return (NULL);
		}
	return (out);
}

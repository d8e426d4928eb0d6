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
 * Values of policies and lists of them, from JSON and back.  What a client
 * wrote in one of several spellings (hex in either case, a number as text)
 * has one spelling here, because the text of a policy is digested.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "policy_parts.h"

#define WORD_MAX	128	/* most bytes of a string in a list */

static const char	*word_id(char *);
static const char	*word_text(char *);

const struct policy_word policy_word_id = { word_id };
const struct policy_word policy_word_text = { word_text };

int
policy_refuse(char *why, size_t whysize, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, whysize, fmt, ap);
	va_end(ap);
	return (-1);
}

/* A service's ids need not be of version 4: only the form is looked at. */
static const char *
word_id(char *s)
{
	static const char	 form[] =
	    "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
	size_t			 i;

	if (strlen(s) != sizeof(form) - 1)
		return ("a UUID");
	for (i = 0; s[i] != '\0'; i++) {
		if (s[i] >= 'A' && s[i] <= 'F')
			s[i] += 'a' - 'A';
		if (form[i] == '-' ? s[i] != '-' :
		    !((s[i] >= '0' && s[i] <= '9') ||
		    (s[i] >= 'a' && s[i] <= 'f')))
			return ("a UUID");
	}
	return (NULL);
}

static const char *
word_text(char *s)
{
	size_t	 i;

	for (i = 0; s[i] != '\0'; i++) {
		if (s[i] < 0x20 || s[i] > 0x7e)
			return ("printable ASCII");
	}
	if (i == 0 || i > WORD_MAX)
		return ("1 to 128 characters");
	return (NULL);
}

/* An array of at most POLICY_LIST_MAX members. */
static int
list_size(const char *name, const json_t *j, size_t *n, char *why,
    size_t whysize)
{
	if (!json_is_array(j))
		return (policy_refuse(why, whysize,
		    "member \"%s\" must be an array", name));
	if ((*n = json_array_size(j)) > POLICY_LIST_MAX)
		return (policy_refuse(why, whysize,
		    "member \"%s\": more than %d values", name,
		    POLICY_LIST_MAX));
	return (0);
}

static int
no_memory(char *why, size_t whysize)
{
	return (policy_refuse(why, whysize, "out of memory"));
}

/* One value behind the others; there is room. */
static int
bytes_add(struct policy_bytes *b, const char *name, const json_t *j,
    char *why, size_t whysize)
{
	const char	*s;

	if ((s = json_string_value(j)) == NULL ||
	    json_string_length(j) != 2 * b->width ||
	    hex_decode(b->data + b->n * b->width, b->width, s,
	    2 * b->width) == -1)
		return (policy_refuse(why, whysize,
		    "member \"%s\": not %zu hexadecimal digits", name,
		    2 * b->width));
	b->n++;
	return (0);
}

int
policy_bytes_read(struct policy_bytes *b, size_t width, const char *name,
    const json_t *j, char *why, size_t whysize)
{
	size_t	 i, n;

	if (list_size(name, j, &n, why, whysize) == -1)
		return (-1);
	if (n == 0)
		return (0);
	if ((b->data = calloc(n, width)) == NULL)
		return (no_memory(why, whysize));
	b->width = width;
	for (i = 0; i < n; i++) {
		if (bytes_add(b, name, json_array_get(j, i), why,
		    whysize) == -1)
			return (-1);
	}
	return (0);
}

int
policy_bytes_read_one(struct policy_bytes *b, size_t width, const char *name,
    const json_t *j, char *why, size_t whysize)
{
	if (!json_is_string(j))
		return (policy_refuse(why, whysize,
		    "member \"%s\" must be a string", name));
	if (json_string_length(j) == 0)
		return (0);
	if ((b->data = calloc(1, width)) == NULL)
		return (no_memory(why, whysize));
	b->width = width;
	return (bytes_add(b, name, j, why, whysize));
}

static int
uint_read(uint32_t *v, uint32_t most, const char *name, const json_t *j,
    char *why, size_t whysize)
{
	if (!json_is_integer(j) || json_integer_value(j) < 0 ||
	    json_integer_value(j) > (json_int_t)most)
		return (policy_refuse(why, whysize,
		    "member \"%s\": not an integer from 0 to %u", name,
		    most));
	*v = (uint32_t)json_integer_value(j);
	return (0);
}

int
policy_numbers_read(struct policy_numbers *p, const char *name,
    const json_t *j, char *why, size_t whysize)
{
	size_t		 i, n;
	uint32_t	 v;

	if (list_size(name, j, &n, why, whysize) == -1)
		return (-1);
	if (n == 0)
		return (0);
	if ((p->v = calloc(n, sizeof(*p->v))) == NULL)
		return (no_memory(why, whysize));
	for (i = 0; i < n; i++) {
		if (uint_read(&v, UINT16_MAX, name, json_array_get(j, i), why,
		    whysize) == -1)
			return (-1);
		p->v[p->n++] = (uint16_t)v;
	}
	return (0);
}

int
policy_strings_read(struct policy_strings *p, const struct policy_word *word,
    const char *name, const json_t *j, char *why, size_t whysize)
{
	const char	*bad, *s;
	size_t		 i, n;

	if (list_size(name, j, &n, why, whysize) == -1)
		return (-1);
	if (n == 0)
		return (0);
	if ((p->v = calloc(n, sizeof(*p->v))) == NULL)
		return (no_memory(why, whysize));
	for (i = 0; i < n; i++) {
		if ((s = json_string_value(json_array_get(j, i))) == NULL)
			return (policy_refuse(why, whysize,
			    "member \"%s\": not all are strings", name));
		if ((p->v[i] = strdup(s)) == NULL)
			return (no_memory(why, whysize));
		p->n++;
		if ((bad = word->check(p->v[i])) != NULL)
			return (policy_refuse(why, whysize,
			    "member \"%s\": a value is not %s", name, bad));
	}
	return (0);
}

int
policy_number_read(struct policy_number *p, uint32_t most, int text,
    const char *name, const json_t *j, char *why, size_t whysize)
{
	const char	*bad, *s;

	p->set = 1;
	if (!text || (s = json_string_value(j)) == NULL)
		return (uint_read(&p->v, most, name, j, why, whysize));
	/* strtonum would pass over space and take a sign */
	if (s[0] < '0' || s[0] > '9')
		return (policy_refuse(why, whysize,
		    "member \"%s\": not a number", name));
	p->v = (uint32_t)strtonum(s, 0, most, &bad);
	if (bad != NULL)
		return (policy_refuse(why, whysize, "member \"%s\": %s", name,
		    bad));
	return (0);
}

int
policy_bool_read(int *v, int text, const char *name, const json_t *j,
    char *why, size_t whysize)
{
	const char	*s;

	s = text ? json_string_value(j) : NULL;
	if (json_is_true(j) || (s != NULL && strcmp(s, "true") == 0))
		*v = 1;
	else if (json_is_false(j) || (s != NULL && strcmp(s, "false") == 0))
		*v = 0;
	else
		return (policy_refuse(why, whysize,
		    "member \"%s\" must be a boolean", name));
	return (0);
}

void
policy_bytes_free(struct policy_bytes *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void
policy_numbers_free(struct policy_numbers *p)
{
	free(p->v);
	memset(p, 0, sizeof(*p));
}

void
policy_strings_free(struct policy_strings *p)
{
	size_t	 i;

	for (i = 0; i < p->n; i++)
		free(p->v[i]);
	free(p->v);
	memset(p, 0, sizeof(*p));
}

static json_t *
hex_json(const uint8_t *data, size_t width)
{
	char	 text[2 * 64 + 1];

	if (hex_encode(text, sizeof(text), data, width) == -1)
		return (NULL);
	return (json_string(text));
}

/* NULL, and nothing is kept, when one of the two could not be made. */
static json_t *
with_item(json_t *array, json_t *item)
{
	if (json_array_append_new(array, item) == 0)
		return (array);
	json_decref(array);
	return (NULL);
}

json_t *
policy_bytes_json(const struct policy_bytes *b)
{
	json_t	*array = json_array();
	size_t	 i;

	for (i = 0; i < b->n; i++)
		array = with_item(array, hex_json(b->data + i * b->width,
		    b->width));
	return (array);
}

json_t *
policy_bytes_json_one(const struct policy_bytes *b)
{
	return (hex_json(b->data, b->width));
}

json_t *
policy_numbers_json(const struct policy_numbers *p)
{
	json_t	*array = json_array();
	size_t	 i;

	for (i = 0; i < p->n; i++)
		array = with_item(array, json_integer(p->v[i]));
	return (array);
}

json_t *
policy_strings_json(const struct policy_strings *p)
{
	json_t	*array = json_array();
	size_t	 i;

	for (i = 0; i < p->n; i++)
		array = with_item(array, json_string(p->v[i]));
	return (array);
}

int
policy_set(json_t *object, const char *name, json_t *value)
{
	if (object == NULL) {
		json_decref(value);
		return (-1);
	}
	/* refuses, and gives back, a value of NULL by itself */
	return (json_object_set_new(object, name, value));
}

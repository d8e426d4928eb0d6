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

/* Tables for people: columns as wide as what stands in them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vis.h>

#include "kbsctl.h"
#include "log.h"

#define COLUMNS_MAX	12

struct table {
	size_t		 columns;
	size_t		 width[COLUMNS_MAX];
	char		**cell;			/* all rows, headings first */
	size_t		 n;
	size_t		 size;
};

static void
table_add(struct table *t, char *text)
{
	size_t	 column = t->n % t->columns, len = strlen(text);

	if (t->n == t->size) {
		t->cell = recallocarray(t->cell, t->size, t->size * 2 + 64,
		    sizeof(*t->cell));
		if (t->cell == NULL)
			fatal("recallocarray");
		t->size = t->size * 2 + 64;
	}
	t->cell[t->n++] = text;
	if (len > t->width[column])
		t->width[column] = len;
}

struct table *
table_new(const char *headings, size_t columns)
{
	struct table	*t;
	char		*text;
	size_t		 i, len;

	if (columns == 0 || columns > COLUMNS_MAX)
		die("a table of %zu columns", columns);
	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal("calloc");
	t->columns = columns;
	for (i = 0; i < columns; i++) {
		len = strcspn(headings, "|");
		if ((text = strndup(headings, len)) == NULL)
			fatal("strndup");
		table_add(t, text);
		headings += len + (headings[len] == '|');
	}
	return (t);
}

/* It may not write on the terminal but as text. */
char *
encode(const char *text)
{
	char	*safe;
	size_t	 len = strlen(text);

	if ((safe = reallocarray(NULL, len + 1, 4)) == NULL)
		fatal("reallocarray");
	strvisx(safe, text, len, VIS_CSTYLE | VIS_OCTAL | VIS_NL |
	    VIS_TAB);
	return (safe);
}

void
table_row(struct table *t, const char *const *cells)
{
	size_t	 i;

	for (i = 0; i < t->columns; i++)
		table_add(t, encode(cells[i] == NULL || cells[i][0] == '\0' ?
		    "-" : cells[i]));
}

void
table_print(struct table *t, int headings)
{
	size_t	 i, column;

	for (i = headings ? 0 : t->columns; i < t->n; i++) {
		column = i % t->columns;
		if (column + 1 == t->columns)
			printf("%s\n", t->cell[i]);
		else
			printf("%-*s  ", (int)t->width[column], t->cell[i]);
	}
}

void
table_free(struct table *t)
{
	size_t	 i;

	if (t == NULL)
		return;
	for (i = 0; i < t->n; i++)
		free(t->cell[i]);
	free(t->cell);
	free(t);
}

char *
duration(long long s, char *text, size_t size)
{
	if (s < 0)
		s = 0;
	if (s < 60)
		snprintf(text, size, "%llds", s);
	else if (s < 3600)
		snprintf(text, size, "%lldm%llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, size, "%lldh%lldm", s / 3600, s / 60 % 60);
	else
		snprintf(text, size, "%lldd%lldh", s / 86400, s / 3600 % 24);
	return (text);
}

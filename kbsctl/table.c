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
 * Tables for people: columns as wide as what stands in them.  On a terminal
 * that is too narrow the last column goes on below itself.
 */

#include <sys/ioctl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vis.h>
#include <wchar.h>
#include <wctype.h>

#include "kbsctl.h"
#include "log.h"

#define COLUMNS_MAX	12
#define LAST_LEAST	16	/* with less room it is not cut */

struct table {
	size_t		 columns;
	size_t		 width[COLUMNS_MAX];
	char		**cell;			/* all rows, headings first */
	size_t		 n;
	size_t		 size;
};

/* Columns of a terminal that encoded text takes. */
static size_t
text_width(const char *text)
{
	mbstate_t	 state = { 0 };
	wchar_t		 wc;
	size_t		 n, width = 0;
	int		 w;

	for (; *text != '\0'; text += n) {
		n = mbrtowc(&wc, text, MB_CUR_MAX, &state);
		if (n == (size_t)-1 || n == (size_t)-2)
			return (width + strlen(text));
		w = wcwidth(wc);
		width += w > 0 ? (size_t)w : 0;
	}
	return (width);
}

static void
table_add(struct table *t, char *text)
{
	size_t	 column = t->n % t->columns, len = text_width(text);

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

/*
 * What others chose may not write on the terminal but as text.  A character
 * of the locale that takes room stays as it is; all else is written as octal
 * numbers, so that nothing moves the cursor, or the order of what is read.
 */
char *
table_encode(const char *text)
{
	char		*safe, *p;
	mbstate_t	 state = { 0 };
	wchar_t		 wc;
	size_t		 n, left = strlen(text);

	if ((p = safe = reallocarray(NULL, left + 1, 4)) == NULL)
		fatal("reallocarray");
	for (; left > 0; text += n, left -= n) {
		n = mbrtowc(&wc, text, left, &state);
		if (n > 1 && n <= left && iswprint((wint_t)wc) &&
		    wcwidth(wc) > 0) {
			memcpy(p, text, n);
			p += n;
			continue;
		}
		if (n > left)
			memset(&state, 0, sizeof(state));
		n = 1;
		if ((unsigned char)*text >= 0x80) {
			p += snprintf(p, 5, "\\%03o",
			    (unsigned char)*text);
			continue;
		}
		p = vis(p, (unsigned char)*text, VIS_CSTYLE | VIS_OCTAL |
		    VIS_NL | VIS_TAB, left > 1 ? (unsigned char)text[1] : 0);
	}
	*p = '\0';
	return (safe);
}

void
table_row(struct table *t, const char *const *cells)
{
	size_t	 i;

	for (i = 0; i < t->columns; i++)
		table_add(t, table_encode(cells[i] == NULL ||
		    cells[i][0] == '\0' ? "-" : cells[i]));
}

/* 0: standard output is no terminal, or one that does not tell. */
static size_t
terminal_width(void)
{
	struct winsize	 ws;

	if (!isatty(STDOUT_FILENO) ||
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == -1)
		return (0);
	return (ws.ws_col);
}

/* Bytes of the text that fit; a list is cut behind a comma. */
static size_t
text_fits(const char *text, size_t width)
{
	mbstate_t	 state = { 0 };
	wchar_t		 wc;
	size_t		 n, at = 0, comma = 0, used = 0;
	int		 w;

	while (text[at] != '\0') {
		n = mbrtowc(&wc, text + at, MB_CUR_MAX, &state);
		if (n == (size_t)-1 || n == (size_t)-2)
			n = 1;
		w = n == 1 ? 1 : wcwidth(wc);
		if (used + (size_t)w > width)
			return (comma > 0 ? comma : at);
		used += (size_t)w;
		at += n;
		if (text[at - 1] == ',')
			comma = at;
	}
	return (at);
}

/* The last cell of a row, in as many lines as it takes. */
static void
print_last(const char *text, size_t indent, size_t screen)
{
	size_t	 n, room = screen > indent ? screen - indent : 0;

	if (room < LAST_LEAST) {
		printf("%s\n", text);
		return;
	}
	for (;;) {
		n = text_fits(text, room);
		printf("%.*s\n", (int)n, text);
		text += n;
		text += strspn(text, " ");
		if (*text == '\0')
			break;
		printf("%*s", (int)indent, "");
	}
}

void
table_print(struct table *t, int headings)
{
	size_t	 i, column, indent = 0, pad, screen = terminal_width();

	for (i = 0; i + 1 < t->columns; i++)
		indent += t->width[i] + 2;
	for (i = headings ? 0 : t->columns; i < t->n; i++) {
		column = i % t->columns;
		if (column + 1 == t->columns) {
			print_last(t->cell[i], indent, screen);
			continue;
		}
		pad = t->width[column] - text_width(t->cell[i]) + 2;
		printf("%s%*s", t->cell[i], (int)pad, "");
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

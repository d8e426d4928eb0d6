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
 * The words of a command line.  A word may be cut as long as it is the
 * beginning of one command only; a mistyped one gets a suggestion.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kbsctl.h"
#include "log.h"

#define WORD_MAX	32	/* longer ones are no typing mistakes */

struct options	 options;

static size_t
least(size_t a, size_t b)
{
	return (a < b ? a : b);
}

/*
 * Insertions, deletions, replacements and swaps of neighbours between two
 * words (optimal string alignment).
 */
static size_t
distance(const char *a, const char *b)
{
	size_t	 d[WORD_MAX + 1][WORD_MAX + 1];
	size_t	 i, j, la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return (WORD_MAX);
	for (i = 0; i <= la; i++)
		d[i][0] = i;
	for (j = 0; j <= lb; j++)
		d[0][j] = j;
	for (i = 1; i <= la; i++)
		for (j = 1; j <= lb; j++) {
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
			    d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	return (d[la][lb]);
}

const char *
parse_nearest(const char *word, const char *(*nth)(size_t))
{
	const char	*name, *best = NULL;
	size_t		 i, n, nearest = 4;

	for (i = 0; (name = nth(i)) != NULL; i++) {
		n = distance(word, name);
		/* More than half of it mistyped is another word. */
		if (n < nearest && n * 2 <= strlen(name)) {
			nearest = n;
			best = name;
		}
	}
	return (best);
}

/* What the operator can do something about; fatal() is for the rest. */
void
die(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_vlog(LOG_WARNING, fmt, ap);
	va_end(ap);
	exit(KBSCTL_FAILED);
}

/* --- usage --------------------------------------------------------------- */

static void
usage_line(FILE *f, const struct command *c)
{
	fprintf(f, "       kbsctl %s%s%s%s%s\n", c->first,
	    c->second != NULL ? " " : "", c->second != NULL ? c->second : "",
	    c->usage[0] != '\0' ? " " : "", c->usage);
}

void
usage_all(FILE *f, const struct command *table, size_t n)
{
	size_t	 i;

	fprintf(f, "usage: kbsctl [-jq] [-s socket] command ...\n");
	for (i = 0; i < n; i++)
		usage_line(f, &table[i]);
}

void
usage_command(const struct command *c, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_vlog(LOG_WARNING, fmt, ap);
	va_end(ap);
	fprintf(stderr, "usage:\n");
	usage_line(stderr, c);
	exit(KBSCTL_USAGE);
}

/* --- finding the command ------------------------------------------------- */

/* The words that may stand in one place. */
struct place {
	const struct command	*table;
	size_t			 n;
	const char		*first;	/* NULL: the first word is sought */
};
static struct place	 place;

/* The i-th different word of the place. */
static const char *
place_nth(size_t i)
{
	const struct command	*c, *last = NULL;
	const char		*word = NULL;
	size_t			 k, seen = 0;

	for (k = 0; k < place.n; k++) {
		c = &place.table[k];
		if (place.first != NULL && strcmp(c->first, place.first) != 0)
			continue;
		word = place.first == NULL ? c->first : c->second;
		/* Commands with one first word stand together. */
		if (place.first == NULL && last != NULL &&
		    strcmp(last->first, c->first) == 0)
			continue;
		last = c;
		if (seen++ == i)
			return (word);
	}
	return (NULL);
}

static void __attribute__((noreturn))
place_usage(const char *word)
{
	const char	*name, *near;
	size_t		 i, len = 0;
	unsigned int	 fits = 0;

	for (i = 0; (name = place_nth(i)) != NULL; i++)
		if (word != NULL && strncmp(name, word, strlen(word)) == 0)
			fits++;
	if (word == NULL)
		log_warnx("%s what?", place.first);
	else if (fits > 1)
		log_warnx("\"%s\" may be several words", word);
	else if ((near = parse_nearest(word, place_nth)) != NULL)
		log_warnx("no command \"%s%s%s\": did you mean \"%s\"?",
		    place.first == NULL ? "" : place.first,
		    place.first == NULL ? "" : " ", word, near);
	else
		log_warnx("no command \"%s%s%s\"",
		    place.first == NULL ? "" : place.first,
		    place.first == NULL ? "" : " ", word);
	len = word == NULL || fits < 2 ? 0 : strlen(word);
	fprintf(stderr, "usage: kbsctl [-jq] [-s socket] %s%s",
	    place.first == NULL ? "" : place.first,
	    place.first == NULL ? "" : " ");
	for (fits = 0, i = 0; (name = place_nth(i)) != NULL; i++)
		if (word == NULL || strncmp(name, word, len) == 0)
			fprintf(stderr, "%s%s", fits++ > 0 ? " | " : "",
			    name);
	fprintf(stderr, "\n");
	exit(KBSCTL_USAGE);
}

/* The full word that this one is, or is the only beginning of. */
static const char *
place_match(const char *word)
{
	const char	*name, *found = NULL;
	size_t		 i;
	unsigned int	 fits = 0;

	for (i = 0; (name = place_nth(i)) != NULL; i++) {
		if (strcmp(name, word) == 0)
			return (name);
		if (word[0] != '\0' &&
		    strncmp(name, word, strlen(word)) == 0) {
			found = name;
			fits++;
		}
	}
	if (fits != 1)
		place_usage(word);
	return (found);
}

static const struct command *
command_find(const struct command *table, size_t n, const char *first,
    const char *second)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (strcmp(table[i].first, first) == 0 &&
		    (table[i].second == NULL || (second != NULL &&
		    strcmp(table[i].second, second) == 0)))
			return (&table[i]);
	return (NULL);
}

void
usage_of(const struct command *table, size_t n, const char *first,
    const char *second)
{
	const char	*word;
	size_t		 i;

	place.table = table;
	place.n = n;
	place.first = NULL;
	word = place_match(first);
	if (second != NULL && command_find(table, n, word, NULL) == NULL) {
		place.first = word;
		second = place_match(second);
	}
	printf("usage:\n");
	for (i = 0; i < n; i++)
		if (strcmp(table[i].first, word) == 0 && (second == NULL ||
		    table[i].second == NULL ||
		    strcmp(table[i].second, second) == 0))
			usage_line(stdout, &table[i]);
}

/* As place_match(), but nobody is told. */
static const char *
place_guess(const char *word)
{
	const char	*name, *found = NULL;
	size_t		 i;

	for (i = 0; (name = place_nth(i)) != NULL; i++) {
		if (strcmp(name, word) == 0)
			return (name);
		if (word[0] == '\0' || strncmp(name, word, strlen(word)) != 0)
			continue;
		if (found != NULL)
			return (NULL);
		found = name;
	}
	return (found);
}

const struct command *
parse_find(const struct command *table, size_t n, const char *first,
    const char *second)
{
	const struct command	*c;
	size_t			 i;

	place.table = table;
	place.n = n;
	place.first = NULL;
	if ((first = place_guess(first)) == NULL)
		return (NULL);
	if ((c = command_find(table, n, first, NULL)) != NULL)
		return (c);
	if (second == NULL) {
		for (i = 0; strcmp(table[i].first, first) != 0; i++)
			continue;
		return (&table[i]);
	}
	place.first = first;
	if ((second = place_guess(second)) == NULL)
		return (NULL);
	return (command_find(table, n, first, second));
}

/* --- what follows it ----------------------------------------------------- */

/* Long names of options, where there are many or people know them so. */
static const struct {
	const char	*first;		/* of the command */
	const char	*name;
	char		 letter;
} longs[] = {
	{ "import", "state", 's' }, { "import", "keystore", 'k' },
	{ "import", "env", 'e' }, { "import", "output", 'o' },
	{ "audit", "key", 'i' }, { "audit", "user", 'u' },
	{ "audit", "operation", 'p' }, { "audit", "outcome", 'v' },
	{ "audit", "address", 'a' }, { "audit", "request", 'r' },
	{ "audit", "trace", 'T' }, { "audit", "since", 'f' },
	{ "audit", "until", 't' }, { "audit", "number", 'n' },
	{ "audit", "anchor", 'h' },
};

int
args_letter(const char *word)
{
	size_t	 i;

	for (i = 0; i < sizeof(longs) / sizeof(longs[0]); i++)
		if (strncmp(word, "--", 2) == 0 &&
		    strcmp(longs[i].name, word + 2) == 0)
			return (longs[i].letter);
	return (0);
}

/* "--state DIR" is "-s DIR"; returns how many words were used. */
static int
args_long(const struct command *c, struct args *args, int argc, char *argv[])
{
	const char	*name = argv[0] + 2;
	size_t		 i, n = sizeof(longs) / sizeof(longs[0]);

	for (i = 0; i < n && (strcmp(longs[i].first, c->first) != 0 ||
	    strcmp(longs[i].name, name) != 0); i++)
		continue;
	if (i == n || strchr(c->letters, longs[i].letter) == NULL)
		usage_command(c, "there is no option --%s", name);
	if (args->option[(unsigned char)longs[i].letter] != NULL)
		usage_command(c, "--%s is there twice", name);
	if (argc < 2)
		usage_command(c, "--%s wants something behind it", name);
	args->option[(unsigned char)longs[i].letter] = argv[1];
	return (2);
}

/* One word of options; returns how many words were used. */
static int
args_option(const struct command *c, struct args *args, int argc,
    char *argv[])
{
	const char	*p, *letter;

	for (p = argv[0] + 1; *p != '\0'; p++) {
		letter = *p == ':' || (unsigned char)*p >= 128 ? NULL :
		    strchr(c->letters, *p);
		if (letter == NULL)
			usage_command(c, "there is no option -%c", *p);
		if (args->option[(unsigned char)*p] != NULL)
			usage_command(c, "-%c is there twice", *p);
		if (letter[1] != ':') {
			args->option[(unsigned char)*p] = "";
			continue;
		}
		if (p[1] != '\0') {
			args->option[(unsigned char)*p] = p + 1;
			return (1);
		}
		if (argc < 2)
			usage_command(c, "-%c wants something behind it", *p);
		args->option[(unsigned char)*p] = argv[1];
		return (2);
	}
	return (1);
}

/* Options may stand before, between and behind the words. */
static void
args_read(const struct command *c, struct args *args, int argc, char *argv[])
{
	int	 ended = 0, n;

	memset(args, 0, sizeof(*args));
	for (; argc > 0; argc -= n, argv += n) {
		n = 1;
		if (!ended && strcmp(argv[0], "--") == 0)
			ended = 1;
		else if (!ended && strncmp(argv[0], "--", 2) == 0)
			n = args_long(c, args, argc, argv);
		else if (!ended && argv[0][0] == '-' && argv[0][1] != '\0')
			n = args_option(c, args, argc, argv);
		else if (args->nwords == c->most)
			usage_command(c, "\"%s\" is too much", argv[0]);
		else
			args->word[args->nwords++] = argv[0];
	}
	if (args->nwords < c->least)
		usage_command(c, "something is missing");
}

const struct command *
parse(const struct command *table, size_t n, int argc, char *argv[],
    struct args *args)
{
	const struct command	*c;
	const char		*first, *second = NULL;

	if (argc == 0) {
		usage_all(stderr, table, n);
		exit(KBSCTL_USAGE);
	}
	place.table = table;
	place.n = n;
	place.first = NULL;
	first = place_match(argv[0]);
	argc--;
	argv++;
	if ((c = command_find(table, n, first, NULL)) == NULL) {
		place.first = first;
		if (argc == 0)
			place_usage(NULL);
		second = place_match(argv[0]);
		argc--;
		argv++;
		c = command_find(table, n, first, second);
	}
	if (c == NULL)
		fatalx("no such command");
	args_read(c, args, argc, argv);
	return (c);
}

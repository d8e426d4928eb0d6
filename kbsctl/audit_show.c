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
 * `audit show' and `audit follow': lines of the audit log that fit, as a table
 * on a terminal, else as JSON.
 */

#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "json.h"
#include "kbsctl.h"
#include "log.h"

#define POLL_MS		200

/* A text that members must have; of a key one of two. */
static const struct {
	char		 letter;
	const char	*member;
	const char	*other;		/* or NULL */
} texts[] = {
	{ 'i', "key",		"object" },
	{ 'u', "who",		NULL },
	{ 'p', "operation",	NULL },
	{ 'v', "verdict",	NULL },
	{ 'a', "client",	NULL },
	{ 'r', "request",	NULL },
	{ 'T', "trace",		NULL },
};

#define NTEXTS	(sizeof(texts) / sizeof(texts[0]))

struct filter {
	const char	*text[NTEXTS];
	int64_t		 since, until;
	json_int_t	 least, most;
};

struct show {
	struct filter	 filter;
	int		 json;
	int		 headed;	/* the headings stand there */
	uint64_t	 torn;		/* lines that are none */
};

/* --- which lines --------------------------------------------------------- */

static int64_t
filter_time(const struct command *c, const char *word, int64_t otherwise)
{
	int64_t	 t;

	if (word == NULL)
		return (otherwise);
	if (rfc3339_parse(word, strlen(word), &t) == -1)
		usage_command(c, "\"%s\" is no time such as "
		    "2026-01-31T23:59:59Z", word);
	return (t);
}

/* "N", "N-M", "N-" */
static void
filter_number(struct filter *f, const struct command *c, const char *word)
{
	char		*copy, *dash;
	const char	*why = NULL;

	f->least = 1;
	f->most = INT64_MAX;
	if (word == NULL)
		return;
	if ((copy = strdup(word)) == NULL)
		no_memory();
	if ((dash = strchr(copy, '-')) != NULL)
		*dash = '\0';
	f->least = strtonum(copy, 1, INT64_MAX, &why);
	if (dash == NULL)
		f->most = f->least;
	else if (dash[1] != '\0' && why == NULL)
		f->most = strtonum(dash + 1, f->least, INT64_MAX, &why);
	if (why != NULL)
		usage_command(c, "\"%s\" is no number of a line, nor two with "
		    "a dash between them", word);
	free(copy);
}

static void
filter_read(struct filter *f, const struct command *c,
    const struct args *args)
{
	size_t	 i;

	for (i = 0; i < NTEXTS; i++)
		f->text[i] = args->option[(unsigned char)texts[i].letter];
	f->since = filter_time(c, args->option['f'], INT64_MIN);
	f->until = filter_time(c, args->option['t'], INT64_MAX);
	filter_number(f, c, args->option['n']);
}

static int
filter_text(const json_t *line, size_t i, const char *wanted)
{
	if (strcmp(member_text(line, texts[i].member), wanted) == 0)
		return (1);
	return (texts[i].other != NULL &&
	    strcmp(member_text(line, texts[i].other), wanted) == 0);
}

static int
filter_fits(const struct filter *f, const json_t *line)
{
	const char	*time = member_text(line, "time");
	json_int_t	 n = json_integer_value(json_object_get(line, "n"));
	int64_t		 t;
	size_t		 i;

	if (n < f->least || n > f->most)
		return (0);
	if ((f->since != INT64_MIN || f->until != INT64_MAX) &&
	    (rfc3339_parse(time, strlen(time), &t) == -1 || t < f->since ||
	    t > f->until))
		return (0);
	for (i = 0; i < NTEXTS; i++)
		if (f->text[i] != NULL && !filter_text(line, i, f->text[i]))
			return (0);
	return (1);
}

/* --- printing them ------------------------------------------------------- */

static const struct {
	const char	*heading;
	const char	*member;
	const char	*other;		/* where that one is not there */
	int		 width;
} columns[] = {
	{ "TIME",	"time",		"time",		24 },
	{ "REQUEST",	"request",	"request",	25 },
	{ "OPERATION",	"operation",	"event",	12 },
	{ "VERDICT",	"verdict",	"verdict",	8 },
	{ "WHO",	"who",		"client",	15 },
	{ "KEY",	"key",		"object",	36 },
	{ "REASON",	"reason",	"reason",	0 },
};

#define NCOLUMNS	(sizeof(columns) / sizeof(columns[0]))

/* Any number of rows: no column gets wider for a later one. */
static void
show_row(const json_t *line)
{
	const char	*text;
	char		*safe;
	size_t		 i;

	printf("%-7" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(
	    line, "n")));
	for (i = 0; i < NCOLUMNS; i++) {
		text = member_text(line, columns[i].member);
		if (text[0] == '\0')
			text = member_text(line, columns[i].other);
		safe = table_encode(text[0] == '\0' ? "-" : text);
		printf(" %-*s", columns[i].width, safe);
		free(safe);
	}
	printf("\n");
}

static void
show_headings(void)
{
	size_t	 i;

	printf("%-7s", "LINE");
	for (i = 0; i < NCOLUMNS; i++)
		printf(" %-*s", columns[i].width, columns[i].heading);
	printf("\n");
}

static void
show_line(struct show *s, const char *text, size_t len)
{
	char	 why[128];
	json_t	*line;

	if ((line = json_read(text, len, &json_small, why,
	    sizeof(why))) == NULL || !json_is_object(line)) {
		s->torn++;
		json_decref(line);
		return;
	}
	if (filter_fits(&s->filter, line)) {
		if (!s->json && !s->headed && !options.quiet)
			show_headings();
		s->headed = 1;
		if (s->json)
			json_print(line);
		else
			show_row(line);
	}
	json_decref(line);
}

static void
show_begin(struct show *s, const struct command *c, const struct args *args)
{
	memset(s, 0, sizeof(*s));
	s->json = options.json || !isatty(STDOUT_FILENO);
	filter_read(&s->filter, c, args);
}

static int
show_read(struct show *s, struct chain_reader *r)
{
	const char	*line;
	size_t		 len;
	int		 rv;

	while ((rv = chain_read(r, &line, &len)) == 1)
		show_line(s, line, len);
	return (rv);
}

int
run_audit_show(const struct command *c, const struct args *args)
{
	struct audit_files	 files;
	struct chain_reader	 r;
	struct show		 s;
	size_t			 i;

	show_begin(&s, c, args);
	audit_files(&files, c, args);
	for (i = 0; i < files.n; i++) {
		audit_reader(&r, files.file[i].path);
		if (show_read(&s, &r) == -1)
			die("%s: %s", files.file[i].path, strerror(errno));
		chain_reader_free(&r);
	}
	audit_files_free(&files);
	if (s.torn > 0)
		log_warnx("%" PRIu64 " lines are not whole: `audit verify' "
		    "tells of them", s.torn);
	return (KBSCTL_DONE);
}

/* --- following it -------------------------------------------------------- */

/* Is another file at the path than the one that is read? */
static int
follow_moved(const struct chain_reader *r, const char *path)
{
	struct stat	 have, there;

	return (fstat(r->fd, &have) == 0 && stat(path, &there) == 0 &&
	    (have.st_dev != there.st_dev || have.st_ino != there.st_ino));
}

/* Somebody has cut it: it is read from its beginning. */
static void
follow_cut(struct chain_reader *r)
{
	struct stat	 st;

	if (fstat(r->fd, &st) == 0 && lseek(r->fd, 0, SEEK_CUR) > st.st_size) {
		(void)lseek(r->fd, 0, SEEK_SET);
		r->off = r->len = 0;
	}
}

static void
follow_wait(void)
{
	const struct timespec	 ts = { 0, POLL_MS * 1000000L };

	(void)nanosleep(&ts, NULL);
}

int
run_audit_follow(const struct command *c, const struct args *args)
{
	struct audit_files	 files;
	struct chain_reader	 r;
	struct show		 s;
	const char		*path;
	int			 moved = 0;

	show_begin(&s, c, args);
	audit_files(&files, c, args);
	path = files.file[0].path;
	audit_reader(&r, path);
	/* From now on, where it is not said from when. */
	if (args->option['f'] == NULL && args->option['n'] == NULL)
		(void)lseek(r.fd, 0, SEEK_END);
	for (;;) {
		if (show_read(&s, &r) == -1)
			die("%s: %s", path, strerror(errno));
		if (fflush(stdout) == EOF)
			break;
		/* Its last lines came before another one took its place. */
		if (moved) {
			chain_reader_free(&r);
			audit_reader(&r, path);
		}
		moved = !moved && follow_moved(&r, path);
		if (moved)
			continue;
		follow_cut(&r);
		follow_wait();
	}
	chain_reader_free(&r);
	audit_files_free(&files);
	return (KBSCTL_FAILED);
}

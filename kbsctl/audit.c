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
 * The audit log, read without a daemon: `audit verify' finds lines that were
 * changed, removed, inserted or moved, over all files that it is in.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "base64.h"
#include "json.h"
#include "kbsctl.h"
#include "log.h"

#define LOG_SYSTEM	"/var/lib/kbsd/audit.log"
#define SECONDS		45
#define FAULTS_SHOWN	100

/* --- which files --------------------------------------------------------- */

static int
file_open(const char *path)
{
	static const uint8_t	 gzip[2] = { 0x1f, 0x8b };
	uint8_t			 magic[2];
	int			 fd;

	if (strcmp(path, "-") == 0)
		return (dup(STDIN_FILENO));
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		die("%s: %s", path, strerror(errno));
	if (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	    memcmp(magic, gzip, sizeof(gzip)) == 0)
		die("%s is compressed: give what zcat(1) makes of it to "
		    "standard input, as \"-\"", path);
	return (fd);
}

void
audit_reader(struct chain_reader *r, const char *path)
{
	if (chain_reader_init(r, file_open(path)) == -1)
		fatal("malloc");
}

/* The number of a file's first line that has one; 0: there is none. */
static uint64_t
file_first(const char *path)
{
	struct chain_reader	 r;
	struct chain		 named = { .n = 0 };
	const char		*line;
	size_t			 len;

	audit_reader(&r, path);
	while (chain_read(&r, &line, &len) == 1)
		if (chain_parse(line, len, &named) == 0)
			break;
	chain_reader_free(&r);
	return (named.n);
}

static int
file_cmp(const void *a, const void *b)
{
	const struct audit_file	*x = a, *y = b;

	return (x->first < y->first ? -1 : x->first > y->first);
}

/* A file under two names is one file. */
static int
file_is_there(const struct audit_files *files, const struct stat *st)
{
	size_t	 i;

	for (i = 0; i < files->n; i++)
		if (files->file[i].dev == st->st_dev &&
		    files->file[i].ino == st->st_ino)
			return (1);
	return (0);
}

static void
file_add(struct audit_files *files, const char *path)
{
	struct audit_file	*f = &files->file[files->n];
	struct stat		 st = { 0 };

	if (strcmp(path, "-") == 0) {
		if (fstat(STDIN_FILENO, &st) == -1)
			fatal("standard input");
	} else if (stat(path, &st) == -1)
		die("%s: %s", path, strerror(errno));
	if (file_is_there(files, &st))
		return;
	f->path = path;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	files->n++;
}

static const char *
member(const json_t *status, const char *name)
{
	const json_t	*row;
	size_t		 i;

	for (i = 0; i < json_array_size(status); i++) {
		row = json_array_get(status, i);
		if (strcmp(name, json_string_value(json_array_get(row,
		    0)) == NULL ? "" : json_string_value(json_array_get(row,
		    0))) == 0)
			return (json_string_value(json_array_get(row, 1)));
	}
	return (NULL);
}

/* What a running kbsd says: where its log is, and how it ends. */
static void
ask_kbsd(struct audit_files *files)
{
	struct reply	 reply = { 0 };
	struct result	 result;
	const char	*path, *line, *hash;

	if (!session_there())
		return;
	session_call(request("show status"), SECONDS, reply_line, &reply,
	    &result);
	path = member(reply.rows, "audit_log");
	line = member(reply.rows, "audit_line");
	hash = member(reply.rows, "audit_hash");
	if (result.error[0] == '\0' && path != NULL && line != NULL &&
	    hash != NULL && (files->log = strdup(path)) != NULL) {
		files->end.n = (uint64_t)strtonum(line, 0, INT64_MAX, NULL);
		if (hex_decode(files->end.digest, DIGEST_LEN, hash,
		    strlen(hash)) != DIGEST_LEN)
			files->end.n = 0;
	}
	reply_free(&reply);
}

void
audit_files(struct audit_files *files, const struct command *c,
    const struct args *args)
{
	int	 i;

	memset(files, 0, sizeof(*files));
	ask_kbsd(files);
	if (files->log == NULL && (files->log = strdup(LOG_SYSTEM)) == NULL)
		no_memory();
	for (i = 0; i < args->nwords; i++) {
		if (strcmp(args->word[i], "-") == 0 && args->nwords > 1)
			usage_command(c, "\"-\" stands alone");
		file_add(files, args->word[i]);
	}
	if (args->nwords == 0)
		file_add(files, files->log);
	/* In the order in which they were written, whatever their names. */
	for (i = 0; files->n > 1 && (size_t)i < files->n; i++)
		files->file[i].first = file_first(files->file[i].path);
	qsort(files->file, files->n, sizeof(files->file[0]), file_cmp);
}

void
audit_files_free(struct audit_files *files)
{
	free(files->log);
}

/* --- verify -------------------------------------------------------------- */

/* A line that is known to have been there, by its number and digest. */
struct anchor {
	struct chain	 line;
	const char	*who;		/* knows it; NULL: there is none */
	int		 seen;
};

struct verify {
	const char	*path;
	uint64_t	 at;		/* line of the file */
	struct chain	 chain;
	uint64_t	 first;		/* number of the first line; 0: none */
	int		 begun;
	int		 torn;		/* the last line was */
	uint64_t	 lines, faults;
	struct anchor	 anchor[2];
	json_t		*list;		/* -j */
};

static void __attribute__((format(printf, 2, 3)))
fault(struct verify *v, const char *fmt, ...)
{
	char	 why[256];
	va_list	 ap;
	json_t	*j;

	if (v->faults++ >= FAULTS_SHOWN)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (v->list == NULL) {
		printf("%s:%" PRIu64 ": %s\n", v->path, v->at, why);
		return;
	}
	j = object();
	set(j, "file", string("the file's name", v->path));
	set(j, "line", json_integer((json_int_t)v->at));
	set(j, "why", json_string(why));
	if (json_array_append_new(v->list, j) == -1)
		no_memory();
}

static void
anchor_check(struct verify *v, const struct chain *line)
{
	struct anchor	*a;
	size_t		 i;

	for (i = 0; i < 2; i++) {
		a = &v->anchor[i];
		if (a->who == NULL || a->line.n != line->n)
			continue;
		if (memcmp(a->line.digest, line->digest, DIGEST_LEN) != 0)
			fault(v, "line %" PRIu64 " was changed: %s has another "
			    "hash of it", line->n, a->who);
		a->seen = 1;
	}
}

static int
is_continued(const char *line, size_t len)
{
	const char	*event;
	size_t		 n;

	return (json_span(line, len, "event", &event, &n) == 0 &&
	    n == 11 && memcmp(event, "\"continued\"", n) == 0);
}

/*
 * The first line that tells its number tells where the files begin: at the
 * log's beginning, where it went on in another file, or behind the anchor.
 */
static void
verify_begin(struct verify *v, const char *line, size_t len,
    const struct chain *named)
{
	struct chain	 before = *named;

	v->begun = 1;
	v->first = named->n;
	before.n--;
	if (named->n > 1 && !v->torn)
		v->chain = before;
	/* Torn ones before it count, but nobody knows the digest before. */
	v->chain.n = before.n;
	if (named->n > 1)
		anchor_check(v, &before);
	if (named->n > 1 && !v->anchor[0].seen && !is_continued(line, len))
		fault(v, "begins with line %" PRIu64 ": lines before it are "
		    "missing", named->n);
}

static void
verify_number(struct verify *v, uint64_t wanted, uint64_t n)
{
	if (n == wanted + 1)
		fault(v, "line %" PRIu64 " is missing", wanted);
	else if (n > wanted)
		fault(v, "lines %" PRIu64 " to %" PRIu64 " are missing",
		    wanted, n - 1);
	else
		fault(v, "line %" PRIu64 " is here, where line %" PRIu64
		    " was to come: it is there twice, or was moved", n,
		    wanted);
}

static void
verify_line(struct verify *v, const char *line, size_t len)
{
	struct chain	 named;
	uint64_t	 wanted;

	v->at++;
	v->lines++;
	if (!v->begun && chain_parse(line, len, &named) == 0)
		verify_begin(v, line, len, &named);
	wanted = v->chain.n + 1;
	v->torn = 0;
	switch (chain_verify(&v->chain, line, len)) {
	case CHAIN_OK:
		break;
	case CHAIN_TORN:
		v->torn = 1;
		break;
	case CHAIN_NUMBER:
		verify_number(v, wanted, v->chain.n);
		break;
	case CHAIN_BROKEN:
		fault(v, "the line before it, %" PRIu64 ", was changed or "
		    "replaced", wanted - 1);
		break;
	}
	anchor_check(v, &v->chain);
}

static void
verify_file(struct verify *v, const char *path)
{
	struct chain_reader	 r;
	const char		*line;
	size_t			 len;
	int			 rv;

	audit_reader(&r, path);
	v->path = strcmp(path, "-") == 0 ? "standard input" : path;
	v->at = 0;
	while ((rv = chain_read(&r, &line, &len)) == 1)
		verify_line(v, line, len);
	if (rv == 0 && len > 0)
		verify_line(v, line, len);
	if (rv == -1 && errno != EFBIG)
		die("%s: %s", v->path, strerror(errno));
	if (rv == -1) {
		v->at++;
		fault(v, "more than %d bytes without an end of line: no line "
		    "of kbsd is so long", CHAIN_WINDOW);
	}
	chain_reader_free(&r);
}

/* What is not seen from within. */
static void
verify_end(struct verify *v)
{
	const struct anchor	*a;
	size_t			 i;

	if (v->torn)
		fault(v, "the last line is not whole: a crash has torn it, or "
		    "somebody has cut it");
	for (i = 0; i < 2; i++) {
		a = &v->anchor[i];
		if (a->who == NULL || a->seen)
			continue;
		if (a->line.n > v->chain.n)
			fault(v, "cut at its end: it ends with line %" PRIu64
			    ", and %s knows line %" PRIu64, v->chain.n, a->who,
			    a->line.n);
		else if (i == 0)
			fault(v, "line %" PRIu64 ", which %s names, is not in "
			    "these files", a->line.n, a->who);
	}
}

static void
verify_tell(const struct verify *v, size_t files)
{
	char	 hash[2 * DIGEST_LEN + 1];
	json_t	*j;

	hex_encode(hash, sizeof(hash), v->chain.digest, DIGEST_LEN);
	if (v->list == NULL) {
		if (v->faults > FAULTS_SHOWN)
			printf("... and %" PRIu64 " more\n", v->faults -
			    FAULTS_SHOWN);
		if (v->faults == 0 && !options.quiet)
			printf("whole: lines %" PRIu64 " to %" PRIu64 " in %zu "
			    "file%s\nthe last: %" PRIu64 ":%s\n", v->first,
			    v->chain.n, files, files == 1 ? "" : "s",
			    v->chain.n, hash);
		return;
	}
	j = object();
	set(j, "ok", json_boolean(v->faults == 0));
	set(j, "first", json_integer((json_int_t)v->first));
	set(j, "last", json_integer((json_int_t)v->chain.n));
	set(j, "hash", json_string(hash));
	set(j, "lines", json_integer((json_int_t)v->lines));
	set(j, "faults", json_integer((json_int_t)v->faults));
	set(j, "found", json_incref(v->list));
	json_print(j);
	json_decref(j);
}

/* "NUMBER:HASH", as the end of an earlier verify. */
static void
anchor_word(struct anchor *a, const struct command *c, const char *word)
{
	const char	*colon = strchr(word, ':'), *why;
	char		 number[24];

	if (colon == NULL || colon - word >= (ptrdiff_t)sizeof(number))
		usage_command(c, "--anchor is NUMBER:HASH");
	memcpy(number, word, (size_t)(colon - word));
	number[colon - word] = '\0';
	a->line.n = (uint64_t)strtonum(number, 0, INT64_MAX, &why);
	if (why != NULL || strlen(colon + 1) != 2 * DIGEST_LEN ||
	    hex_decode(a->line.digest, DIGEST_LEN, colon + 1,
	    2 * DIGEST_LEN) != DIGEST_LEN)
		usage_command(c, "--anchor is NUMBER:HASH");
	a->who = "the anchor";
}

/* kbsd knows the end of its own log only. */
static void
anchor_kbsd(struct anchor *a, const struct audit_files *files)
{
	struct stat	 st;

	if (files->end.n == 0 || stat(files->log, &st) == -1 ||
	    !file_is_there(files, &st))
		return;
	a->line = files->end;
	a->who = "kbsd";
}

int
run_audit_verify(const struct command *c, const struct args *args)
{
	struct audit_files	 files;
	struct verify		 v;
	size_t			 i;

	memset(&v, 0, sizeof(v));
	if (args->option['h'] != NULL)
		anchor_word(&v.anchor[0], c, args->option['h']);
	audit_files(&files, c, args);
	anchor_kbsd(&v.anchor[1], &files);
	if (options.json && (v.list = json_array()) == NULL)
		no_memory();
	for (i = 0; i < files.n; i++)
		verify_file(&v, files.file[i].path);
	verify_end(&v);
	verify_tell(&v, files.n);
	json_decref(v.list);
	audit_files_free(&files);
	return (v.faults == 0 ? KBSCTL_DONE : KBSCTL_FAILED);
}

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

/* Log lines of the children and of the parent itself, made safe to read. */

#include <sys/socket.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <vis.h>

#include "log.h"
#include "parent.h"

/* Lines a second that one process may write. */
#define LINES_MAX	500

static int	foreground;
static int	journal;	/* stderr is the journal: say the level */
static int	format;		/* LOG_FORMAT_* */

static void
output_write(int level, const char *name, const char *text)
{
	char	 safe[LOG_LINE_MAX * 4 + 1], fields[LOG_FIELDS_MAX];

	/* What is foreign steers no terminal, and begins no line. */
	if (strnvis(safe, text, sizeof(safe), VIS_CSTYLE | VIS_NL) < 0)
		return;
	if (format == LOG_FORMAT_PLAIN)
		snprintf(fields, sizeof(fields), "%s: %s", name, safe);
	else
		log_fields(fields, format == LOG_FORMAT_JSON, level, name,
		    safe);
	if (!foreground)
		syslog(level, "%s", fields);
	else if (journal)
		fprintf(stderr, "<%d>%s\n", level, fields);
	else
		fprintf(stderr, "%s\n", fields);
}

void
output_format(int wanted)
{
	format = wanted;
}

void
output_init(int to_stderr)
{
	foreground = to_stderr;
	journal = getenv("JOURNAL_STREAM") != NULL;
	if (!foreground)
		openlog("kbsd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	log_setsink(output_write);
}

/* 0 if the child may write another line in this second. */
static int
output_limit(struct child *c, const char *name)
{
	time_t	 now = time(NULL);
	char	 text[64];

	if (now != c->logsecond) {
		if (c->logdropped > 0) {
			snprintf(text, sizeof(text), "%u lines were too many",
			    c->logdropped);
			output_write(LOG_WARNING, name, text);
		}
		c->logsecond = now;
		c->loglines = c->logdropped = 0;
	}
	if (c->loglines++ < LINES_MAX)
		return (0);
	c->logdropped++;
	return (-1);
}

void
output_child(int fd, short what, void *arg)
{
	struct child	*c = arg;
	char		 line[LOG_LINE_MAX + 2], name[64];
	ssize_t		 n;
	int		 level;

	(void)what;
	snprintf(name, sizeof(name), "%s %u", process_name(c->kind),
	    c->instance);
	while ((n = recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT)) > 0) {
		line[n] = '\0';
		if (output_limit(c, name) == -1)
			continue;
		/* Libraries and sanitizers write without a level. */
		level = line[0] - '0';
		if (level < LOG_EMERG || level > LOG_DEBUG)
			output_write(LOG_WARNING, name, line);
		else
			output_write(level, name, line + 1);
	}
}

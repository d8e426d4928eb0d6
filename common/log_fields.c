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

/* Log lines for programs: the same text as people get, and fields beside it. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "log.h"

#define ID_BEFORE	"request "
#define ID_LEN		25		/* 8 and 16 digits */
#define TRACE_BEFORE	" trace="
#define TRACE_HEX	32

/* A line that grows; what does not fit is left out. */
struct line {
	char	*text;
	size_t	 len;
	int	 json;
};

static void
put(struct line *l, const char *text, size_t len)
{
	if (len > LOG_FIELDS_MAX - 1 - l->len)
		len = LOG_FIELDS_MAX - 1 - l->len;
	memcpy(l->text + l->len, text, len);
	l->len += len;
	l->text[l->len] = '\0';
}

/* Text is graphic ASCII, blanks and tabs by now. */
static void
put_quoted(struct line *l, const char *text, size_t len)
{
	put(l, "\"", 1);
	for (; len > 0; text++, len--) {
		if (*text == '\t') {
			put(l, "\\t", 2);
			continue;
		}
		if (*text == '"' || *text == '\\')
			put(l, "\\", 1);
		put(l, text, 1);
	}
	put(l, "\"", 1);
}

static void
put_name(struct line *l, const char *name)
{
	if (l->len > 1)
		put(l, l->json ? "," : " ", 1);
	if (l->json)
		put_quoted(l, name, strlen(name));
	else
		put(l, name, strlen(name));
	put(l, l->json ? ":" : "=", 1);
}

/* Texts of ours need no quotes where they are no JSON. */
static void
put_word(struct line *l, const char *name, const char *text, size_t len)
{
	put_name(l, name);
	if (l->json)
		put_quoted(l, text, len);
	else
		put(l, text, len);
}

static void
put_time(struct line *l)
{
	struct timespec	 ts;
	struct tm	 tm;
	char		 day[32], text[64];

	if (clock_gettime(CLOCK_REALTIME, &ts) == -1 ||
	    gmtime_r(&ts.tv_sec, &tm) == NULL ||
	    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return;
	snprintf(text, sizeof(text), "%s.%06ldZ", day, ts.tv_nsec / 1000);
	put_word(l, "time", text, strlen(text));
}

/* "frontend 0", or "kbsd" of the parent itself. */
static void
put_process(struct line *l, const char *name)
{
	size_t	 len = strcspn(name, " ");

	put_word(l, "process", name, len);
	if (name[len] == '\0')
		return;
	put_name(l, "instance");
	put(l, name + len + 1, strlen(name + len + 1));
}

static int
is_hex(const char *text, size_t len)
{
	return (strspn(text, "0123456789abcdef") >= len);
}

static void
put_request(struct line *l, const char *text)
{
	const char	*id = text + sizeof(ID_BEFORE) - 1, *trace;
	size_t		 len = strlen(text);

	if (strncmp(text, ID_BEFORE, sizeof(ID_BEFORE) - 1) != 0 ||
	    !is_hex(id, 8) || id[8] != '-' || !is_hex(id + 9, 16))
		return;
	put_word(l, "request", id, ID_LEN);
	if (len < sizeof(TRACE_BEFORE) - 1 + TRACE_HEX)
		return;
	trace = text + len - TRACE_HEX;
	if (is_hex(trace, TRACE_HEX) && strncmp(trace - sizeof(TRACE_BEFORE) +
	    1, TRACE_BEFORE, sizeof(TRACE_BEFORE) - 1) == 0)
		put_word(l, "trace", trace, TRACE_HEX);
}

void
log_fields(char out[LOG_FIELDS_MAX], int json, int level, const char *name,
    const char *text)
{
	static const char *const	 levels[] = { "emerg", "alert", "crit",
					    "err", "warning", "notice", "info",
					    "debug" };
	struct line			 l = { out, 0, json };
	const char			*word = levels[level & LOG_PRIMASK];

	put(&l, json ? "{" : "", json ? 1 : 0);
	put_time(&l);
	put_word(&l, "level", word, strlen(word));
	put_process(&l, name == NULL ? "kbsd" : name);
	put_request(&l, text);
	put_name(&l, "msg");
	put_quoted(&l, text, strlen(text));
	if (json)
		put(&l, "}", 1);
}

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
 * Log lines.  In a child each line goes as one datagram to descriptor 2: a
 * level character ('0' + syslog level) and the text; the parent adds the
 * process, encodes what is foreign, limits the rate and writes it out.  In
 * the parent, kbsctl and kbsget log_init(LOG_TO_STDERR) prints plain lines.
 *
 * Foreign text (anything a peer sent) is passed with %s as it is: the
 * receiver encodes with vis(3).  Secrets are never passed.
 */
#ifndef LOG_H
#define LOG_H

#include <stdarg.h>
#include <syslog.h>

enum log_to {
	LOG_TO_STDERR,		/* "name: text\n" */
	LOG_TO_PARENT,		/* datagram on descriptor 2 */
};

#define LOG_LINE_MAX	2048	/* longer lines are cut */
#define LOG_FIELDS_MAX	(LOG_LINE_MAX * 8 + 512)

void	log_init(enum log_to, const char *name);
/* 0: info and worse; 1: debug too; 2: every message on an edge. */
void	log_setverbose(int);
int	log_getverbose(void);
/* The parent puts its own writer here: called with level and text. */
void	log_setsink(void (*)(int level, const char *name, const char *text));
/* Lines that this process could not get rid of so far. */
unsigned long log_dropped(void);

/*
 * A line of text, which is vis(3)-encoded already, as fields: JSON or
 * key=value.  What begins with "request ID" has the id as a field of its own,
 * and so the trace that it ends with.
 */
void	log_fields(char out[LOG_FIELDS_MAX], int json, int level,
	    const char *name, const char *text);

void	log_debug(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_trace(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_info(const char *, ...) __attribute__((format(printf, 1, 2)));
/* With ": " and strerror(errno) behind it. */
void	log_warn(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_warnx(const char *, ...) __attribute__((format(printf, 1, 2)));
/* Something that wants a person: LOG_ALERT. */
void	log_alert(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_vlog(int level, const char *, va_list)
	    __attribute__((format(printf, 2, 0)));

/* What cannot happen, start-up and a broken sibling only; exits with 1. */
void	fatal(const char *, ...)
	    __attribute__((format(printf, 1, 2), noreturn));
void	fatalx(const char *, ...)
	    __attribute__((format(printf, 1, 2), noreturn));

#endif

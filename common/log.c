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
 * One line, one datagram or one write.  A child must never wait for whoever
 * reads its log, so what does not fit is dropped and counted, and the next
 * line that gets through is preceded by the count.  errno is kept, so that a
 * line may be put anywhere.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <vis.h>

#include "log.h"

static enum log_to	 log_to = LOG_TO_STDERR;
static const char	*log_name;
static int		 log_verbose;
static unsigned long	 log_lost;	/* not yet told */
static unsigned long	 log_lost_all;
static int		 log_insink;
static void		(*log_sink)(int, const char *, const char *);

void
log_init(enum log_to to, const char *name)
{
	log_to = to;
	log_name = name;
}

void
log_setverbose(int v)
{
	log_verbose = v;
}

int
log_getverbose(void)
{
	return (log_verbose);
}

void
log_setsink(void (*sink)(int, const char *, const char *))
{
	log_sink = sink;
}

unsigned long
log_dropped(void)
{
	return (log_lost_all);
}

static void
log_stderr(const char *text)
{
	char	 line[4 * LOG_LINE_MAX + 128], safe[4 * LOG_LINE_MAX + 1];
	int	 len;

	/* the receiver is a terminal: nothing foreign may steer it */
	if (strvisx(safe, text, strnlen(text, LOG_LINE_MAX), VIS_NL |
	    VIS_CSTYLE) == -1)
		strlcpy(safe, "log line that can't be encoded", sizeof(safe));
	len = snprintf(line, sizeof(line), "%.100s%s%s\n",
	    log_name != NULL ? log_name : "", log_name != NULL ? ": " : "",
	    safe);
	if (len > 0 && (size_t)len < sizeof(line) &&
	    write(STDERR_FILENO, line, (size_t)len) == -1)
		log_lost_all++;
}

/* 0, or -1 when the datagram did not go. */
static int
log_send(int level, const char *text)
{
	char	 line[LOG_LINE_MAX];
	int	 len;
	ssize_t	 n;

	len = snprintf(line, sizeof(line), "%c%s", '0' + (level & LOG_PRIMASK),
	    text);
	if (len < 0)
		return (-1);
	if ((size_t)len >= sizeof(line))
		len = sizeof(line) - 1;
	do {
		n = send(STDERR_FILENO, line, (size_t)len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	/* started by hand, with a file or a terminal for a parent */
	if (n == -1 && errno == ENOTSOCK) {
		log_stderr(text);
		return (0);
	}
	return (n == -1 ? -1 : 0);
}

static void
log_parent(int level, const char *text)
{
	char	 lost[64];

	if (log_lost > 0) {
		snprintf(lost, sizeof(lost), "%lu log lines lost", log_lost);
		if (log_send(LOG_WARNING, lost) == 0)
			log_lost = 0;
	}
	if (log_lost > 0 || log_send(level, text) == -1) {
		log_lost++;
		log_lost_all++;
	}
}

static void
log_emit(int level, const char *text)
{
	/* a sink that logs itself would come back here for ever */
	if (log_sink != NULL && !log_insink) {
		log_insink = 1;
		log_sink(level, log_name, text);
		log_insink = 0;
	} else if (log_to == LOG_TO_PARENT)
		log_parent(level, text);
	else
		log_stderr(text);
}

/* With the text of an error behind it when error is not 0. */
static void __attribute__((format(printf, 4, 0)))
log_line(int level, const char *before, int error, const char *fmt,
    va_list ap)
{
	char	 text[LOG_LINE_MAX];
	size_t	 len;
	int	 saved_errno = errno;

	strlcpy(text, before, sizeof(text));
	len = strlen(text);
	if (vsnprintf(text + len, sizeof(text) - len, fmt, ap) < 0)
		strlcpy(text, "log line that can't be formatted",
		    sizeof(text));
	/* cut lines may lose their tail, so strlcat's result is of no use */
	if (error != 0) {
		(void)strlcat(text, ": ", sizeof(text));
		(void)strlcat(text, strerror(error), sizeof(text));
	}
	log_emit(level, text);
	errno = saved_errno;
}

void
log_vlog(int level, const char *fmt, va_list ap)
{
	if ((level & LOG_PRIMASK) == LOG_DEBUG && log_verbose < 1)
		return;
	log_line(level, "", 0, fmt, ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list	 ap;

	if (log_verbose < 1)
		return;
	va_start(ap, fmt);
	log_line(LOG_DEBUG, "", 0, fmt, ap);
	va_end(ap);
}

void
log_trace(const char *fmt, ...)
{
	va_list	 ap;

	if (log_verbose < 2)
		return;
	va_start(ap, fmt);
	log_line(LOG_DEBUG, "", 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_line(LOG_INFO, "", 0, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_line(LOG_WARNING, "", errno, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_line(LOG_WARNING, "", 0, fmt, ap);
	va_end(ap);
}

void
log_alert(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_line(LOG_ALERT, "", 0, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_line(LOG_CRIT, "fatal: ", errno, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_line(LOG_CRIT, "fatal: ", 0, fmt, ap);
	va_end(ap);
	exit(1);
}

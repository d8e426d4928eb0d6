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


/* RFC 3339 times, without locale or time zone files: works in any sandbox. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "rfc3339.h"

#define TIME_MAX	253402300799LL	/* 9999-12-31T23:59:59Z */

/* Two digits with a character before them, e.g. "-31"; -1 when not so. */
static int
two_digits(const char *s, char before)
{
	if (s[0] != before || s[1] < '0' || s[1] > '9' ||
	    s[2] < '0' || s[2] > '9')
		return (-1);
	return ((s[1] - '0') * 10 + s[2] - '0');
}

/* -1 when it is no year. */
static int
four_digits(const char *s)
{
	int	 i, v = 0;

	for (i = 0; i < 4; i++) {
		if (s[i] < '0' || s[i] > '9')
			return (-1);
		v = v * 10 + s[i] - '0';
	}
	return (v);
}

static int
days_of(int year, int month)
{
	static const int	 days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30,
				    31, 30, 31 };

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return (29);
	return (days[month - 1]);
}

/* "Z" or "+hh:mm" in seconds to subtract; returns -1 when it is neither. */
static int
offset_parse(const char *s, size_t len, int *offset)
{
	int	 hours, minutes;

	*offset = 0;
	if (len == 1 && s[0] == 'Z')
		return (0);
	if (len != 6 || (s[0] != '+' && s[0] != '-'))
		return (-1);
	hours = two_digits(s, s[0]);
	minutes = two_digits(s + 3, ':');
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return (-1);
	*offset = (hours * 60 + minutes) * 60;
	if (s[0] == '-')
		*offset = -*offset;
	return (0);
}

static int
date_parse(const char *s, struct tm *tm)
{
	int	 year;

	year = four_digits(s);
	tm->tm_mon = two_digits(s + 4, '-');
	tm->tm_mday = two_digits(s + 7, '-');
	tm->tm_hour = two_digits(s + 10, 'T');
	tm->tm_min = two_digits(s + 13, ':');
	tm->tm_sec = two_digits(s + 16, ':');
	if (year < 0 || tm->tm_mon < 1 || tm->tm_mon > 12 ||
	    tm->tm_mday < 1 || tm->tm_mday > days_of(year, tm->tm_mon) ||
	    tm->tm_hour < 0 || tm->tm_hour > 23 ||
	    tm->tm_min < 0 || tm->tm_min > 59 ||
	    tm->tm_sec < 0 || tm->tm_sec > 59)
		return (-1);
	tm->tm_year = year - 1900;
	tm->tm_mon--;
	return (0);
}

int
rfc3339_parse(const char *s, size_t len, int64_t *t)
{
	struct tm	 tm = { 0 };
	size_t		 at = 19;
	int		 offset;

	*t = 0;
	if (len < 20 || date_parse(s, &tm) == -1)
		return (-1);
	if (s[at] == '.') {
		for (at++; at < len && s[at] >= '0' && s[at] <= '9'; at++)
			;
		if (at == 20)
			return (-1);
	}
	if (offset_parse(s + at, len - at, &offset) == -1)
		return (-1);
	*t = (int64_t)timegm(&tm) - offset;
	if (*t < 0 || *t > TIME_MAX) {
		*t = 0;
		return (-1);
	}
	return (0);
}

char *
rfc3339_format(int64_t t, char text[RFC3339_TEXT])
{
	struct tm	 tm = { 0 };
	time_t		 clock;

	if (t < 0)
		t = 0;
	if (t > TIME_MAX)
		t = TIME_MAX;
	clock = (time_t)t;
	/* neither can fail on what is left */
	if (gmtime_r(&clock, &tm) == NULL ||
	    strftime(text, RFC3339_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		text[0] = '\0';
	return (text);
}

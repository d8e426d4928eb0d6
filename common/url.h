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
 * URLs, taken apart by libcurl's own parser, so that the host that is compared
 * with the configuration is the one that libcurl would go to.
 */
#ifndef URL_H
#define URL_H

#include <stdint.h>

#define URL_MAX		2048
#define HOST_MAX	256

struct host {
	char		 name[HOST_MAX];	/* lower case, no brackets */
	uint16_t	 port;
};

struct url {
	char		 text[URL_MAX];		/* as libcurl reads it */
	struct host	 host;
	int		 numeric;		/* the host is an address */
	int		 plain;			/* http, not https */
};

/* NULL, or what is wrong with it.  Only https. */
const char	*url_parse(struct url *, const char *text);
/* http too: of a proxy, whose scheme may be left out. */
const char	*url_parse_proxy(struct url *, const char *text);
/* http too: whoever calls it says why that is no harm. */
const char	*url_parse_plain(struct url *, const char *text);
/* HOST or HOST:PORT, 443 where there is none. */
const char	*host_parse(struct host *, const char *text);
int		 host_same(const struct host *, const struct host *);
/* 127.0.0.0/8, ::1 and localhost. */
int		 host_loopback(const struct host *);
/* A path behind one of the configuration's; NULL, or what is wrong. */
const char	*url_append(struct url *, const struct url *, const char *path);

#endif

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
 * HTTP exchanges: libcurl's multi interface on the event loop.  TLS 1.2 or
 * newer, no redirects, cookies, netrc or environment; the certificate is
 * judged by one bundle alone.  HTTP/1.1 over kept connections.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "url.h"

#define HTTP_HEADERS_MAX	8
#define HTTP_WHY_MAX		512

struct http;

struct http_ask {
	const struct url	*url;
	const char		*resolve;	/* NULL: not needed */
	const char		*method;	/* NULL: GET, or POST */
	const char		*body;		/* JSON; NULL: none */
	size_t			 bodylen;
	size_t			 most;		/* bytes of the answer */
	/* Lines of the head; secret ones lie in secret memory. */
	char			*headers[HTTP_HEADERS_MAX];
};

struct http_answer {
	long		 status;		/* 0: none came */
	const uint8_t	*data;
	size_t		 len;
	const char	*location;		/* of 3xx; NULL: none */
	char		 why[HTTP_WHY_MAX];	/* "": all of it came */
	struct http	*http;			/* for its headers */
};

/* Before the chroot.  Dies on failure. */
void		 http_init(void);
/* Whom to trust: PEM, read and checked here.  Dies on failure. */
void		 http_ca(int fd);
/*
 * The line of a secret header, in secret memory.  NULL with errno: EINVAL for
 * a character that no header can have.
 */
char		*http_secret_header(const char *name, const char *value,
		    size_t len);
/* Everything goes through it; the URL stays.  NULL: nothing does. */
void		 http_proxy(const struct url *);
/*
 * One exchange.  What ask points to stays until done(), which is called from
 * the loop, never from here.  NULL on no memory.
 */
struct http	*http_start(const struct http_ask *,
		    void (*done)(void *, const struct http_answer *), void *);
void		 http_cancel(struct http *);
/*
 * In done(): the value of a header, whose name may be in any case; it is gone
 * when done() returns.  NULL: none came, or more than one.
 */
const char	*http_answer_header(const struct http_answer *,
		    const char *name);
/* How far it is, for the reason of a timeout. */
const char	*http_stage(struct http *);
/* New ones, so far. */
extern uint64_t	 http_connections;

#endif

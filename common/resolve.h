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
 * Names become addresses by evdns in the loop: the libraries' own resolvers
 * want files and threads, which the sandbox forbids.  All names are of the
 * configuration, so there are few.
 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include <sys/socket.h>

#include "url.h"

#define RESOLVE_MAX	1024

struct resolve;

/* Reads resolv.conf and hosts: before the chroot.  Dies on failure. */
void		 resolve_init(void);
/*
 * Look a host up.  found() gets the text for CURLOPT_RESOLVE, or NULL and
 * why not; if that is at once, NULL is returned, else what resolve_cancel()
 * takes.
 */
struct resolve	*resolve_find(const struct host *,
		    void (*found)(void *, const char *resolve,
		    const char *why), void *);
void		 resolve_cancel(struct resolve *);
/*
 * The next address of a list as it stands behind HOST:PORT: in that text; its
 * length, 0 when there is none left.
 */
socklen_t	 resolve_next(const char **list, uint16_t port,
		    struct sockaddr_storage *);

#endif

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
 * The reference server's environment variables as a configuration of kbsd:
 * text for kbsd.conf(5), and secrets that become files beside it.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stddef.h>

#include "msg.h"

#define ENVIRONMENT_VALUE_MAX	1024
#define ENVIRONMENT_WHY		256
/* The file that holds no secret. */
#define ENVIRONMENT_CONF	"kbsd.conf"

struct environment;

/* NULL on no memory.  Freed with what it holds, which is wiped. */
struct environment *environment_new(void);
void		 environment_free(struct environment *);
/* NULL, or what is wrong with it. */
const char	*environment_set(struct environment *, const char *name,
		    const char *value);
/* Is any there of those that a server can't be without? */
int		 environment_any(const struct environment *);
/*
 * Make the files, for an absolute directory.  daemon: secrets are credentials
 * and the root of the service is taken on first use; else they are files, and
 * that of the root must be put there.  -1 with why.
 */
int		 environment_convert(struct environment *,
		    const char *directory, int daemon, char *why, size_t);
/*
 * The n-th file: its name and content, which may be empty; NULL behind the
 * last.
 */
const char	*environment_file(const struct environment *, size_t n,
		    const struct wbuf **);
/* Whether there is a service whose root must be known. */
int		 environment_wants_root(const struct environment *);
/* Is the value of the n-th variable a secret? */
int		 environment_secret(size_t n);
/* The n-th variable, whether it is set, why it is not taken (or NULL). */
const char	*environment_name(const struct environment *, size_t n,
		    int *set, const char **less);

#endif

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

/* The servers among the stand-ins, run by a test in its work directory. */
#ifndef STANDIN_H
#define STANDIN_H

#include <sys/types.h>

#include <atf-c.h>
#include <stddef.h>

/* regress/standin; skips the test where it can't be found. */
const char	*standin_find(const atf_tc_t *);
/*
 * Run a program of regress/standin with `-d dir -v' and the words given, the
 * last of which is NULL; it has written dir/port, which *port gets.
 */
pid_t		 standin_start(const char *program, const char *dir,
		    unsigned int *port, const char *const words[]);
void		 standin_stop(pid_t, const char *dir);
/* A whole small file.  Static buffer, NUL terminated; len may be NULL. */
char		*slurp(const char *path, size_t *len);
/* A command that must succeed. */
void		 run(const char *, ...) __attribute__((format(printf, 1, 2)));

#endif

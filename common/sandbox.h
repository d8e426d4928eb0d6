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
 * The sandbox of each process, one file per system.  Entered once, after
 * secrets are loaded and before the first byte from outside is read.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "process.h"

/*
 * Close the sandbox of a process.  Of flags count START_FILES (it may work on
 * files in the current directory), START_READ (it may open those by name, to
 * read), START_OUTSIDE (it may connect to others by TCP and ask for names),
 * START_MODULE (a library that it has loaded works on the files of
 * sandbox_path()) and START_CHROOT (it stands in a chroot; where Landlock is
 * missing that is the least).  What is in force is written into
 * text, e.g. "seccomp landlock:4".  Dies when what is indispensable fails.
 */
void	sandbox_enter(enum process_kind, int flags, char *text,
	    size_t textsize);

/*
 * Before it is closed, of a process with START_MODULE: the file, or all below
 * the directory, may be read; written, made and removed too where that is
 * said.  At most SANDBOX_PATHS of them.  -1 with errno.
 */
#define SANDBOX_PATHS	16
int	sandbox_path(const char *path, int writable);

/* Not dumpable, no core, no new privileges: right after exec. */
void	sandbox_early(void);

/*
 * Of the parent, for all: whoever runs goes on although another one could,
 * so that messages are read and answered many at a time.
 */
void	sandbox_schedule(void);

#endif

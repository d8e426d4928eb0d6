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

/* The audit log, as kbsctl reads it. */
#ifndef KBSCTL_AUDIT_H
#define KBSCTL_AUDIT_H

#include <sys/types.h>

#include "chain.h"
#include "kbsctl.h"

/* --- audit.c: which files, and whether they are whole --------------------- */

struct audit_file {
	const char	*path;		/* "-": standard input */
	uint64_t	 first;		/* number of its first line */
	dev_t		 dev;
	ino_t		 ino;
};

struct audit_files {
	struct audit_file file[WORDS_MAX];
	size_t		  n;
	char		 *log;		/* kbsd's, or where it usually is */
	struct chain	  end;		/* of it, as kbsd says; n 0: it is
					 * not running */
};

/*
 * The files that the words of a command name, or the log; in the order in which
 * they were written.  Dies when one can't be read.
 */
void	 audit_files(struct audit_files *, const struct command *,
	    const struct args *);
void	 audit_files_free(struct audit_files *);
/* Read a file; dies when it can't be opened. */
void	 audit_reader(struct chain_reader *, const char *path);

#endif

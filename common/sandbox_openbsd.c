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

/* OpenBSD: pledge(2) and unveil(2) for each process. */

#ifdef __OpenBSD__

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sandbox.h"

static const char *const promises[PROC_MAX] = {
	[PROC_FRONTEND] = "stdio inet recvfd",
	[PROC_GATE] = "stdio inet recvfd",
	[PROC_METRICS] = "stdio inet recvfd",
	[PROC_CONTROL] = "stdio unix recvfd",
	[PROC_SIGNER] = "stdio recvfd",
	[PROC_AUTH] = "stdio recvfd",
	[PROC_HASHER] = "stdio recvfd",
	[PROC_BROKER] = "stdio recvfd",
	[PROC_STORE] = "stdio rpath wpath cpath flock recvfd",
	[PROC_AUDIT] = "stdio flock recvfd",
	[PROC_VERIFIER] = "stdio recvfd",
	[PROC_FETCHER] = "stdio recvfd",
	[PROC_ENGINE] = "stdio recvfd",
	[PROC_MAKER] = "stdio recvfd",
	[PROC_KMS] = "stdio rpath wpath cpath flock recvfd",
};

/* Processes are not dumpable once their ids have changed. */
void
sandbox_early(void)
{
}

/* The scheduler does not preempt for a wake-up as it is. */
void
sandbox_schedule(void)
{
}

/* unveil(2) would hide all else at once: so it waits. */
static struct {
	const char	*path;
	int		 writable;
}		 paths[SANDBOX_PATHS];
static size_t	 npaths;

int
sandbox_path(const char *path, int writable)
{
	if (npaths == SANDBOX_PATHS) {
		errno = ENOSPC;
		return (-1);
	}
	if (access(path, F_OK) == -1 ||
	    (paths[npaths].path = strdup(path)) == NULL)
		return (-1);
	paths[npaths++].writable = writable;
	return (0);
}

void
sandbox_enter(enum process_kind kind, int flags, char *text, size_t textsize)
{
	char	 all[128];
	size_t	 i;
	int	 reads = (flags & START_READ) != 0;
	int	 files = (flags & (START_FILES | START_READ)) != 0;

	for (i = 0; (flags & START_MODULE) != 0 && i < npaths; i++)
		if (unveil(paths[i].path, paths[i].writable ? "rwc" : "r") ==
		    -1)
			fatal("unveil %s", paths[i].path);
	if (files && unveil(".", reads ? "r" : "rwc") == -1)
		fatal("unveil");
	if (files && unveil(NULL, NULL) == -1)
		fatal("unveil");
	snprintf(all, sizeof(all), "%s%s%s", promises[kind], reads ?
	    " rpath" : "", (flags & START_OUTSIDE) != 0 ? " inet" : "");
	if (pledge(all, NULL) == -1)
		fatal("pledge");
	snprintf(text, textsize, "pledge%s%s", files ? " unveil" : "",
	    (flags & START_CHROOT) != 0 ? " chroot" : "");
}

#endif /* __OpenBSD__ */

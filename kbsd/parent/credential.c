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
 * Secrets that whoever starts kbsd hands over: files in the directory that
 * CREDENTIALS_DIRECTORY names (systemd-creds(1)), and variables of the
 * environment, which become files without a name (env.c).  Where a secret's
 * file stands in struct config, a credential is its name behind a prefix.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "memfile.h"
#include "parent.h"

#define KEPT_MAX	8

static struct {
	char	 name[NAME_MAX_STORE];
	int	 fd;
}		 kept[KEPT_MAX];
static size_t	 nkept;

int
credential_keep(const char *name, const void *data, size_t len)
{
	if (nkept == KEPT_MAX) {
		errno = ENOSPC;
		return (-1);
	}
	(void)strlcpy(kept[nkept].name, name, sizeof(kept[nkept].name));
	if ((kept[nkept].fd = memfile(data, len)) == -1)
		return (-1);
	nkept++;
	return (0);
}

/* Its owner reads it with pread(2): that the offset is shared is no harm. */
static int
credential_kept(const char *name)
{
	size_t	 i;

	for (i = 0; i < nkept; i++)
		if (strcmp(kept[i].name, name) == 0)
			return (fcntl(kept[i].fd, F_DUPFD_CLOEXEC, 0));
	return (-1);
}

int
credential_open(const char *name)
{
	const char	*directory = getenv("CREDENTIALS_DIRECTORY");
	char		 path[PATH_MAX];
	int		 fd;

	if ((fd = credential_kept(name)) != -1)
		return (fd);
	if (directory == NULL || directory[0] != '/') {
		log_warnx("credential \"%s\": none is handed over "
		    "(CREDENTIALS_DIRECTORY is not set)", name);
		return (-1);
	}
	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >=
	    (int)sizeof(path)) {
		log_warnx("credential \"%s\": its path is too long", name);
		return (-1);
	}
	return (files_credential(path));
}

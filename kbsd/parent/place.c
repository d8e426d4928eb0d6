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

/* Where state and the control socket are, when nobody says so. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

#define DEFAULT_DIRECTORY	"/var/lib/kbsd"
#define DEFAULT_CONTROL		"/run/kbsd/kbsd.sock"

/* A service manager gives a list: the first of it. */
static char *
first_of(const char *list, const char *name)
{
	char	*text;

	if (asprintf(&text, "%.*s%s", (int)strcspn(list, ":"), list, name) ==
	    -1)
		fatal("asprintf");
	return (text);
}

/* A plain user's state, by the XDG base directory conventions. */
char *
config_directory(void)
{
	const char	*dir;

	if ((dir = getenv("STATE_DIRECTORY")) != NULL && dir[0] == '/')
		return (first_of(dir, ""));
	if (geteuid() == 0)
		return (conf_join(DEFAULT_DIRECTORY, ""));
	if ((dir = getenv("XDG_STATE_HOME")) != NULL && dir[0] == '/')
		return (conf_join(dir, "/kbsd"));
	if ((dir = getenv("HOME")) == NULL || dir[0] != '/')
		dir = "/tmp";
	return (conf_join(dir, "/.local/state/kbsd"));
}

char *
config_control(const struct config *conf)
{
	const char	*dir = getenv("RUNTIME_DIRECTORY");

	if (dir != NULL && dir[0] == '/')
		return (first_of(dir, "/kbsd.sock"));
	return (geteuid() == 0 ? conf_join(DEFAULT_CONTROL, "") :
	    conf_join(conf->directory, "/kbsd.sock"));
}

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
 * A start from the reference server's environment variables, as in its
 * container image: they become a kbsd.conf and secret files below
 * `directory', written anew at each start.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "log.h"
#include "parent.h"

static struct environment *
env_read(void)
{
	struct environment	*e;
	const char		*name, *less, *value, *why;
	size_t			 i;
	int			 set, bad = 0;

	if ((e = environment_new()) == NULL)
		fatal("environment");
	for (i = 0; (name = environment_name(e, i, &set, &less)) != NULL;
	    i++) {
		if ((value = getenv(name)) == NULL)
			continue;
		if ((why = environment_set(e, name, value)) == NULL)
			continue;
		log_warnx("environment: %s %s", name, why);
		bad = 1;
	}
	if (!bad)
		return (e);
	environment_free(e);
	return (NULL);
}

int
env_present(void)
{
	struct environment	*e = env_read();
	int			 present = e == NULL || environment_any(e);

	environment_free(e);
	return (present);
}

static int
env_write(const struct environment *e, const char *directory)
{
	const struct wbuf	*w;
	const char		*name;
	char			 path[PATH_MAX];
	size_t			 i;

	if (files_private(directory) == -1)
		return (-1);
	for (i = 0; (name = environment_file(e, i, &w)) != NULL; i++) {
		if (w->len == 0)
			continue;
		(void)snprintf(path, sizeof(path), "%.3000s/%s", directory,
		    name);
		if (files_write(path, w->data, w->len, 0600) == -1) {
			log_warn("%s", path);
			return (-1);
		}
	}
	return (0);
}

static void
env_tell(const struct environment *e, const char *path)
{
	const char	*name, *less;
	size_t		 i;
	int		 set;

	log_info("there is no configuration file: the environment is it, as "
	    "%s has it", path);
	for (i = 0; (name = environment_name(e, i, &set, &less)) != NULL; i++)
		if (set && less != NULL)
			log_warnx("%s is not taken: %s", name, less);
}

const char *
env_config(void)
{
	static char		 path[PATH_MAX];
	struct environment	*e;
	char			 directory[PATH_MAX], why[ENVIRONMENT_WHY];
	char			*state = config_directory();

	(void)snprintf(directory, sizeof(directory), "%.3000s/environment",
	    state);
	free(state);
	if ((e = env_read()) == NULL)
		return (NULL);
	if (environment_convert(e, directory, 1, why, sizeof(why)) == -1) {
		log_warnx("environment: %s", why);
		environment_free(e);
		return (NULL);
	}
	(void)snprintf(path, sizeof(path), "%.3000s/kbsd.conf", directory);
	if (env_write(e, directory) == -1) {
		environment_free(e);
		return (NULL);
	}
	env_tell(e, path);
	environment_free(e);
	return (path);
}

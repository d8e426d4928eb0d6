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
 * container image: they become a kbsd.conf below `directory', written anew at
 * each start, and credentials, which are on no disk.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "environment.h"
#include "log.h"
#include "parent.h"

static struct environment	*environment;	/* NULL: used, or wrong */
static int			 bad;

/* The text itself goes, wherever it stands; children get none of it anyway. */
static void
env_scrub(const char *name)
{
	char	*value;

	while ((value = getenv(name)) != NULL) {
		explicit_bzero(value, strlen(value));
		if (unsetenv(name) == -1)
			fatal("unsetenv");
	}
}

void
env_init(void)
{
	const char	*name, *less, *value, *why;
	size_t		 i;
	int		 set;

	if ((environment = environment_new()) == NULL)
		fatal("environment");
	for (i = 0; (name = environment_name(environment, i, &set, &less)) !=
	    NULL; i++) {
		if ((value = getenv(name)) == NULL)
			continue;
		if ((why = environment_set(environment, name, value)) != NULL) {
			log_warnx("environment: %s %s", name, why);
			bad = 1;
		}
		if (environment_secret(i))
			env_scrub(name);
	}
}

int
env_present(void)
{
	return (bad || (environment != NULL && environment_any(environment)));
}

void
env_forget(void)
{
	environment_free(environment);
	environment = NULL;
}

/* Everything but the configuration itself is a secret. */
static int
env_file(const char *directory, const char *name, const struct wbuf *w)
{
	char	 path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.3000s/%s", directory, name);
	if (strcmp(name, ENVIRONMENT_CONF) == 0) {
		if (files_write(path, w->data, w->len, 0600) == 0)
			return (0);
		log_warn("%s", path);
		return (-1);
	}
	/* An earlier version kept them there. */
	if (unlink(path) == -1 && errno != ENOENT) {
		log_warn("%s", path);
		return (-1);
	}
	if (w->len > 0 && credential_keep(name, w->data, w->len) == -1) {
		log_warn("credential %s", name);
		return (-1);
	}
	return (0);
}

static int
env_write(const char *directory)
{
	const struct wbuf	*w;
	const char		*name;
	size_t			 i;

	if (files_private(directory) == -1)
		return (-1);
	for (i = 0; (name = environment_file(environment, i, &w)) != NULL; i++)
		if (env_file(directory, name, w) == -1)
			return (-1);
	return (0);
}

static void
env_tell(const char *path)
{
	const char	*name, *less;
	size_t		 i;
	int		 set;

	log_info("there is no configuration file: the environment is it, as "
	    "%s has it", path);
	for (i = 0; (name = environment_name(environment, i, &set, &less)) !=
	    NULL; i++)
		if (set && less != NULL)
			log_warnx("%s is not taken: %s", name, less);
}

const char *
env_config(void)
{
	static char	 path[PATH_MAX];
	const char	*made = NULL;
	char		 directory[PATH_MAX], why[ENVIRONMENT_WHY];
	char		*state = config_directory();

	(void)snprintf(directory, sizeof(directory), "%.3000s/environment",
	    state);
	free(state);
	if (bad)
		return (NULL);
	if (environment_convert(environment, directory, 1, why,
	    sizeof(why)) == -1)
		log_warnx("environment: %s", why);
	else if (env_write(directory) == 0) {
		(void)snprintf(path, sizeof(path), "%.3000s/%s", directory,
		    ENVIRONMENT_CONF);
		env_tell(path);
		made = path;
	}
	return (made);
}

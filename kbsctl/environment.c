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

/* The environment file of the reference server, and the files made of it. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "environment.h"
#include "kbsctl.h"
#include "log.h"
#include "msg.h"

#define ENV_MAX		(64 * 1024)

/* --- reading ------------------------------------------------------------- */

static void
unquote(char *value)
{
	size_t	 len = strlen(value);

	if (len < 2 || (value[0] != '"' && value[0] != '\'') ||
	    value[len - 1] != value[0])
		return;
	value[len - 1] = '\0';
	memmove(value, value + 1, len - 1);
}

/* NAME=value, as a shell or a container's runtime takes it. */
static void
line_read(struct environment *e, const char *path, unsigned int n, char *line)
{
	const char	*why;
	char		*value;

	line[strcspn(line, "\r")] = '\0';
	line += strspn(line, " \t");
	if (line[0] == '\0' || line[0] == '#')
		return;
	if (strncmp(line, "export ", 7) == 0)
		line += 7;
	if ((value = strchr(line, '=')) == NULL)
		die("%s:%u: no NAME=value", path, n);
	*value++ = '\0';
	unquote(value);
	if ((why = environment_set(e, line, value)) != NULL)
		die("%s:%u: %s %s", path, n, line, why);
}

/* --- files --------------------------------------------------------------- */

static char *
path_of(const char *directory, const char *name)
{
	char	*path;

	if (asprintf(&path, "%s/%s", directory, name) == -1)
		no_memory();
	return (path);
}

/* Only what is the same may be there already. */
static void
file_check(const char *directory, const char *name,
    const struct wbuf *w)
{
	char	*path = path_of(directory, name);
	uint8_t	*have;
	size_t	 len;

	if (w->len > 0 && access(path, F_OK) == 0) {
		have = input_file(path, ENV_MAX, &len);
		if (len != w->len || memcmp(have, w->data, len) != 0)
			die("%s is there, and is something else: nothing was "
			    "changed", path);
		freezero(have, len);
	}
	free(path);
}

/* On the disk as a whole, or not at all. */
static void
file_write(const char *directory, const char *name,
    const struct wbuf *w)
{
	char	*path = path_of(directory, name);
	char	*fresh = path_of(directory, ".kbsctl");
	int	 fd;

	if (w->len > 0) {
		(void)unlink(fresh);
		if ((fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600)) == -1 ||
		    write(fd, w->data, w->len) != (ssize_t)w->len ||
		    fsync(fd) == -1 || close(fd) == -1 ||
		    rename(fresh, path) == -1)
			die("%s: %s", path, strerror(errno));
		if (!options.quiet && !options.json)
			printf("wrote %s\n", path);
	}
	free(fresh);
	free(path);
}

static void
each_file(const struct environment *e, const char *directory,
    void (*fn)(const char *, const char *, const struct wbuf *))
{
	const struct wbuf	*w;
	const char		*name;
	size_t			 i;

	for (i = 0; (name = environment_file(e, i, &w)) != NULL; i++)
		fn(directory, name, w);
}

struct environment *
environment_read(const char *path, const char *directory)
{
	struct environment	*e;
	struct stat		 st;
	uint8_t			*text;
	char			*rest, *line, why[ENVIRONMENT_WHY];
	unsigned int		 n = 0;
	size_t			 len;

	if (directory[0] != '/')
		die("%s: --output wants an absolute path", directory);
	if (stat(directory, &st) == -1)
		die("%s: %s", directory, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		die("%s: not a directory", directory);
	if ((e = environment_new()) == NULL)
		no_memory();
	text = input_file(path, ENV_MAX, &len);
	if (memchr(text, '\0', len) != NULL)
		die("%s: a NUL is in it", path);
	rest = (char *)text;
	while ((line = strsep(&rest, "\n")) != NULL)
		line_read(e, path, ++n, line);
	freezero(text, len);
	if (environment_convert(e, directory, 0, why, sizeof(why)) == -1)
		die("%s", why);
	each_file(e, directory, file_check);
	return (e);
}

/* The configuration last: it names the others. */
void
environment_write(struct environment *e, const char *directory)
{
	const char	*name, *less;
	size_t		 i;
	int		 set;

	each_file(e, directory, file_write);
	for (i = 0; (name = environment_name(e, i, &set, &less)) != NULL; i++)
		if (set && less != NULL)
			log_warnx("%s is not taken: %s", name, less);
	if (environment_wants_root(e))
		log_warnx("%s/ita-root.pem must be put there: the root "
		    "certificate of the service's token signing keys, which "
		    "that server took on trust", directory);
	environment_free(e);
}

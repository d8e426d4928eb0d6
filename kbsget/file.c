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
 * Files in, and the key out: 0600 from its first byte, whole or not at all; or
 * into a kernel keyring.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsget.h"
#include "log.h"

/* For the signal handler; one output is open at a time. */
static char *volatile	 output_temp;

uint8_t *
file_read(const char *path, size_t max, size_t *len)
{
	uint8_t	*buf = NULL;
	ssize_t	 n;
	int	 fd;

	fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) :
	    open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || (buf = malloc(max + 1)) == NULL)
		goto fail;
	for (*len = 0; *len <= max; *len += (size_t)n) {
		n = read(fd, buf + *len, max + 1 - *len);
		if (n == -1 && errno == EINTR) {
			n = 0;
			continue;
		}
		if (n == -1)
			goto fail;
		if (n == 0)
			break;
	}
	close(fd);
	if (*len == 0 || *len > max) {
		log_warnx("%s: %s", path, *len == 0 ? "empty" : "too long");
		freezero(buf, max + 1);
		return (NULL);
	}
	buf[*len] = '\0';
	return (buf);
 fail:
	log_warn("%s", path);
	if (fd != -1)
		close(fd);
	free(buf);
	return (NULL);
}

void
output_unlink(void)
{
	if (output_temp != NULL)
		unlink(output_temp);
}

int
output_open(struct output *out, const char *path)
{
	struct stat	 sb;

	memset(out, 0, sizeof(*out));
	out->fd = -1;
	if (path == NULL || strcmp(path, "-") == 0) {
		out->fd = STDOUT_FILENO;
		return (0);
	}
	/* rename would put a file in the place of what is there */
	if (lstat(path, &sb) == 0 && !S_ISREG(sb.st_mode)) {
		log_warnx("%s: exists and is not a regular file", path);
		return (-1);
	}
	out->path = path;
	if (asprintf(&out->temp, "%s.XXXXXXXXXX", path) == -1) {
		out->temp = NULL;
		log_warn("%s", path);
		return (-1);
	}
	if ((out->fd = mkostemp(out->temp, O_CLOEXEC)) == -1) {
		log_warn("%s: can't make a file beside it", path);
		free(out->temp);
		out->temp = NULL;
		return (-1);
	}
	output_temp = out->temp;
	return (0);
}

int
output_key(struct output *out, const struct keyspec *spec)
{
	memset(out, 0, sizeof(*out));
	out->fd = -1;
	out->key = spec;
	return (keyspec_check(spec));
}

static int
output_write(int fd, const uint8_t *p, size_t len)
{
	ssize_t	 n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		p += n;
		len -= (size_t)n;
	}
	return (0);
}

/* The name is safe only when its directory is. */
static int
output_syncdir(const char *path)
{
	char	*copy;
	int	 fd, rv = -1;

	if ((copy = strdup(path)) == NULL)
		return (-1);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd == -1)
		return (-1);
	/* not every file system can, and then there is no more to do */
	if (fsync(fd) == 0 || errno == EINVAL)
		rv = 0;
	close(fd);
	return (rv);
}

int
output_commit(struct output *out, const void *p, size_t len)
{
	if (out->key != NULL)
		return (keyspec_put(out->key, p, len));
	if (output_write(out->fd, p, len) == -1 ||
	    (out->path != NULL && (fsync(out->fd) == -1 ||
	    rename(out->temp, out->path) == -1))) {
		log_warn("%s", out->path != NULL ? out->path :
		    "standard output");
		output_abort(out);
		return (-1);
	}
	if (out->path == NULL)
		return (0);
	output_temp = NULL;
	close(out->fd);
	out->fd = -1;
	free(out->temp);
	out->temp = NULL;
	if (output_syncdir(out->path) == -1) {
		log_warn("%s: written, but its directory is not synced",
		    out->path);
		return (-1);
	}
	return (0);
}

void
output_abort(struct output *out)
{
	if (out->temp == NULL)
		return;
	output_temp = NULL;
	unlink(out->temp);
	close(out->fd);
	out->fd = -1;
	free(out->temp);
	out->temp = NULL;
}

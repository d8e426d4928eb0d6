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

/* Files, passwords and key material: read, and nothing left behind. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsctl.h"
#include "log.h"

/* No stdio: its buffers would keep what has passed through them. */
static ssize_t
read_some(int fd, const char *path, uint8_t *buf, size_t size)
{
	ssize_t	 n;

	while ((n = read(fd, buf, size)) == -1 && errno == EINTR)
		continue;
	if (n == -1)
		die("%s: %s", path, strerror(errno));
	return (n);
}

static int
input_open(const char **path)
{
	int	 fd;

	if (strcmp(*path, "-") == 0) {
		*path = "standard input";
		return (STDIN_FILENO);
	}
	if ((fd = open(*path, O_RDONLY | O_CLOEXEC)) == -1)
		die("%s: %s", *path, strerror(errno));
	return (fd);
}

uint8_t *
input_file(const char *path, size_t max, size_t *len)
{
	uint8_t	*buf;
	ssize_t	 n;
	int	 fd;

	fd = input_open(&path);
	if ((buf = malloc(max + 1)) == NULL)
		fatal("malloc");
	*len = 0;
	while ((n = read_some(fd, path, buf + *len, max + 1 - *len)) > 0) {
		*len += (size_t)n;
		if (*len > max) {
			freezero(buf, max + 1);
			die("%s: more than %zu bytes", path, max);
		}
	}
	if (fd != STDIN_FILENO)
		close(fd);
	if (*len == 0) {
		free(buf);
		die("%s: empty", path);
	}
	/* What the caller wipes is exactly what it was given. */
	buf[*len] = '\0';
	return (buf);
}

/* A pipe that nobody writes to is empty, and not waited for. */
static int
try_open(const char *path)
{
	struct stat	 st;
	int		 fd, flags;

	if (strcmp(path, "-") == 0)
		return (STDIN_FILENO);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
	    O_NOCTTY)) == -1)
		return (-1);
	if (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) ||
	    S_ISFIFO(st.st_mode)) && (flags = fcntl(fd, F_GETFL)) != -1 &&
	    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != -1)
		return (fd);
	close(fd);
	errno = S_ISDIR(st.st_mode) ? EISDIR : ENOTSUP;
	return (-1);
}

/* All that comes, until it is more than max; -1 with errno. */
static ssize_t
try_read(int fd, uint8_t *buf, size_t max)
{
	size_t	 len = 0;
	ssize_t	 n;

	while ((n = read(fd, buf + len, max + 1 - len)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		if ((len += (size_t)n) > max) {
			errno = EFBIG;
			return (-1);
		}
	}
	return ((ssize_t)len);
}

uint8_t *
input_try(const char *path, size_t max, size_t *len, char *why,
    size_t whysize)
{
	uint8_t	*buf = NULL;
	ssize_t	 n = -1;
	int	 fd, error;

	if ((fd = try_open(path)) != -1) {
		if ((buf = malloc(max + 1)) == NULL)
			fatal("malloc");
		n = try_read(fd, buf, max);
	}
	error = errno;
	if (fd > STDIN_FILENO)
		close(fd);
	if (n != -1) {
		buf[n] = '\0';
		*len = (size_t)n;
		return (buf);
	}
	free(buf);
	if (error == EFBIG)
		(void)snprintf(why, whysize, "%s: more than %zu bytes", path,
		    max);
	else
		(void)snprintf(why, whysize, "%s: %s", path, error == ENOTSUP ?
		    "neither a file nor a pipe" : strerror(error));
	errno = error;
	return (NULL);
}

/* The first line of a descriptor: only as much as a password may have. */
static void
password_line(int fd, const char *path, char *password)
{
	uint8_t	 c = 0;
	size_t	 len = 0;

	while (read_some(fd, path, &c, 1) == 1 && c != '\n') {
		if (c == '\0' || len == PASSWORD_MAX) {
			explicit_bzero(password, PASSWORD_MAX + 1);
			die("%s: not a password: a line of %d to %d bytes",
			    path, PASSWORD_MIN, PASSWORD_MAX);
		}
		password[len++] = (char)c;
	}
	password[len] = '\0';
	explicit_bzero(&c, sizeof(c));
}

static void
password_ask(char *password)
{
	char	 again[PASSWORD_MAX + 2], first[PASSWORD_MAX + 2];
	size_t	 len;
	int	 same;

	if (readpassphrase("Password: ", first, sizeof(first),
	    RPP_ECHO_OFF | RPP_REQUIRE_TTY) == NULL)
		die("no password was given");
	if (readpassphrase("Again: ", again, sizeof(again),
	    RPP_ECHO_OFF | RPP_REQUIRE_TTY) == NULL) {
		explicit_bzero(first, sizeof(first));
		die("no password was given");
	}
	same = strcmp(first, again) == 0;
	explicit_bzero(again, sizeof(again));
	len = strlcpy(password, first, PASSWORD_MAX + 1);
	explicit_bzero(first, sizeof(first));
	if (same && len <= PASSWORD_MAX)
		return;
	explicit_bzero(password, PASSWORD_MAX + 1);
	if (!same)
		die("the two passwords differ");
	die("the password is longer than %d bytes", PASSWORD_MAX);
}

void
input_password(const char *file, char password[PASSWORD_MAX + 1])
{
	size_t	 len;
	int	 fd;

	if (file == NULL)
		file = "-";
	if (strcmp(file, "-") == 0 && isatty(STDIN_FILENO))
		password_ask(password);
	else {
		fd = input_open(&file);
		password_line(fd, file, password);
		if (fd != STDIN_FILENO)
			close(fd);
	}
	len = strlen(password);
	if (len < PASSWORD_MIN) {
		explicit_bzero(password, PASSWORD_MAX + 1);
		die("the password is shorter than %d bytes", PASSWORD_MIN);
	}
}

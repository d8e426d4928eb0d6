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

#include <errno.h>
#include <fcntl.h>
#include <readpassphrase.h>
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

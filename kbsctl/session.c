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
 * The connection to the control process: a line out, lines in.  Lines are
 * read strictly, since whoever answers on a socket may be anybody.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "kbsctl.h"
#include "log.h"

#define SOCKET_SYSTEM	"/run/kbsd/kbsd.sock"
#define LINE_MAX_BYTES	(1024 * 1024)

static const struct json_limits	 limits = { LINE_MAX_BYTES, 65536, 40 };

static int	 sock = -1;
static char	*in;			/* LINE_MAX_BYTES */
static size_t	 inlen;

/* A plain user's kbsd, as it places its socket without being told. */
static int
socket_own(char *path, size_t size)
{
	const char	*dir;
	int		 n;

	if ((dir = getenv("XDG_STATE_HOME")) != NULL && dir[0] == '/')
		n = snprintf(path, size, "%s/kbsd/kbsd.sock", dir);
	else if ((dir = getenv("HOME")) != NULL && dir[0] == '/')
		n = snprintf(path, size, "%s/.local/state/kbsd/kbsd.sock",
		    dir);
	else
		return (-1);
	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

/* -s; else the user's own, and the system's when there is none. */
static const char *
socket_path(void)
{
	static char	 own[sizeof(((struct sockaddr_un *)0)->sun_path)];

	if (options.socket != NULL)
		return (options.socket);
	if (geteuid() == 0 || socket_own(own, sizeof(own)) == -1)
		return (SOCKET_SYSTEM);
	if (access(own, F_OK) == -1 && access(SOCKET_SYSTEM, F_OK) == 0)
		return (SOCKET_SYSTEM);
	return (own);
}

static void __attribute__((noreturn))
session_absent(const char *path, int error)
{
	switch (error) {
	case ENOENT:
		log_warnx("kbsd is not running: no %s (start it, or name its "
		    "socket with -s)", path);
		exit(KBSCTL_ABSENT);
	case ECONNREFUSED:
		log_warnx("kbsd is not running: nobody answers at %s (start "
		    "it, or name its socket with -s)", path);
		exit(KBSCTL_ABSENT);
	case EACCES:
		log_warnx("%s is not for you: be root, or in the group that "
		    "`control socket' of kbsd.conf names", path);
		exit(KBSCTL_FAILED);
	default:
		log_warnx("%s: %s", path, strerror(error));
		exit(KBSCTL_FAILED);
	}
}

/* 0; -1 with errno. */
static int
session_connect(const char *path)
{
	struct sockaddr_un	 sun;

	if (sock != -1)
		return (0);
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		die("%s: too long for a socket", path);
	if ((sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		fatal("socket");
	if (connect(sock, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		return (-1);
	if (in == NULL && (in = malloc(LINE_MAX_BYTES)) == NULL)
		fatal("malloc");
	return (0);
}

static void
session_open(void)
{
	const char	*path = socket_path();

	if (session_connect(path) == -1)
		session_absent(path, errno);
}

int
session_there(void)
{
	if (session_connect(socket_path()) == 0)
		return (1);
	close(sock);
	sock = -1;
	return (0);
}

void
session_close(void)
{
	close(sock);
	sock = -1;
	inlen = 0;
}

/*
 * Who refuses a client may have closed already: then the answer says why,
 * so failures here are left to the reader.
 */
static void
session_send(json_t *request)
{
	char	*text;
	size_t	 len, off = 0;
	ssize_t	 n;

	if ((text = json_write(request, &len)) == NULL)
		die("out of memory");
	json_decref(request);
	text[len] = '\n';		/* in place of the NUL */
	while (off < len + 1) {
		n = send(sock, text + off, len + 1 - off, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			break;
		off += (size_t)n;
	}
	freezero(text, len + 1);
}

static void
session_fill(int seconds)
{
	struct pollfd	 pfd = { .fd = sock, .events = POLLIN };
	ssize_t		 n;
	int		 ready;

	if (inlen == LINE_MAX_BYTES)
		die("kbsd's answer makes no sense: too long");
	while ((ready = poll(&pfd, 1, seconds < 0 ? -1 :
	    seconds * 1000)) == -1 &&
	    errno == EINTR)
		continue;
	if (ready == -1)
		fatal("poll");
	if (ready == 0)
		die("kbsd does not answer");
	if ((n = read(sock, in + inlen, LINE_MAX_BYTES - inlen)) == -1 &&
	    errno == EINTR)
		return;
	if (n <= 0)
		die("kbsd closed the connection");
	inlen += (size_t)n;
}

static json_t *
session_line(int seconds)
{
	char	 why[256] = "not an object";
	char	*end;
	json_t	*line;
	size_t	 len, seen = 0;

	while ((end = memchr(in + seen, '\n', inlen - seen)) == NULL) {
		seen = inlen;
		session_fill(seconds);
	}
	len = (size_t)(end - in);
	if ((line = json_read(in, len, &limits, why, sizeof(why))) == NULL ||
	    !json_is_object(line))
		die("kbsd's answer makes no sense: %s", why);
	memmove(in, end + 1, inlen - len - 1);
	inlen -= len + 1;
	return (line);
}

/* Is it the last line?  Then the result is filled in. */
static int
session_last(json_t *line, struct result *result)
{
	const char	*error;
	const json_t	*ok = json_object_get(line, "ok");

	if (!json_is_boolean(ok))
		return (0);
	result->status = (unsigned int)json_integer_value(json_object_get(
	    line, "status"));
	result->error[0] = '\0';
	if (json_is_true(ok))
		return (1);
	error = json_string_value(json_object_get(line, "error"));
	(void)strlcpy(result->error, error == NULL || error[0] == '\0' ?
	    "refused" : error, sizeof(result->error));
	return (1);
}

void
session_call(json_t *request, int seconds, line_fn fn, void *arg,
    struct result *result)
{
	json_t	*line;

	session_open();
	session_send(request);
	for (;;) {
		line = session_line(seconds);
		if (session_last(line, result))
			break;
		if (fn != NULL)
			fn(line, arg);
		json_decref(line);
	}
	json_decref(line);
}

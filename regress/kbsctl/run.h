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

/* Running kbsctl as operators do; what it wrote is in the files out and err. */
#ifndef RUN_H
#define RUN_H

#include "../control/fixture.h"
#include "kbsctl.h"

#define ARGS_MAX	32

/* Start kbsctl with these words; in: what stands on its standard input. */
static UNUSED pid_t
start(const char *in, const char *const *words)
{
	char		*argv[ARGS_MAX + 1];
	char		 path[PATH_MAX];
	pid_t		 pid;
	int		 fd, i = 0;

	strlcpy(path, build_path("bin/kbsctl"), sizeof(path));
	argv[i++] = path;
	for (; *words != NULL; words++) {
		ATF_REQUIRE(i < ARGS_MAX);
		ATF_REQUIRE((argv[i++] = strdup(*words)) != NULL);
	}
	argv[i] = NULL;
	ATF_REQUIRE((fd = open("in", O_RDWR | O_CREAT | O_TRUNC, 0600)) != -1);
	if (in != NULL)
		ATF_REQUIRE_EQ((ssize_t)strlen(in), write(fd, in, strlen(in)));
	close(fd);
	fflush(NULL);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		if ((fd = open("in", O_RDONLY)) == -1 || dup2(fd, 0) == -1 ||
		    (fd = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600)) ==
		    -1 || dup2(fd, 1) == -1 ||
		    (fd = open("err", O_WRONLY | O_CREAT | O_TRUNC, 0600)) ==
		    -1 || dup2(fd, 2) == -1)
			_exit(126);
		execv(path, argv);
		_exit(127);
	}
	while (i-- > 1)
		free(argv[i]);
	return (pid);
}

/* The words of a line, after those that name the socket. */
static UNUSED pid_t
line(const char *in, const char *text)
{
	const char	*words[ARGS_MAX];
	char		*copy, *rest, *word;
	pid_t		 pid;
	int		 n = 0;

	words[n++] = "-s";
	words[n++] = SOCK;
	ATF_REQUIRE((rest = copy = strdup(text)) != NULL);
	while ((word = strsep(&rest, " ")) != NULL && n < ARGS_MAX - 1)
		if (*word != '\0')
			words[n++] = word;
	words[n] = NULL;
	pid = start(in, words);
	free(copy);
	return (pid);
}

/* A whole small file. */
static UNUSED const char *
text(const char *name)
{
	static char	 buf[4][65536];
	static int	 i;
	char		*p = buf[i++ % 4];
	ssize_t		 n;
	int		 fd;

	ATF_REQUIRE((fd = open(name, O_RDONLY)) != -1);
	ATF_REQUIRE((n = read(fd, p, sizeof(buf[0]) - 1)) != -1);
	p[n] = '\0';
	close(fd);
	return (p);
}

static UNUSED void
finish(pid_t pid, int code)
{
	int	 status;

	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_REQUIRE_MSG(WIFEXITED(status), "signal %d", WTERMSIG(status));
	ATF_CHECK_MSG(WEXITSTATUS(status) == code, "exit %d, not %d: %s%s",
	    WEXITSTATUS(status), code, text("out"), text("err"));
}

static UNUSED void
check_err(const char *part)
{
	const char	*err = text("err");

	ATF_CHECK_MSG(strstr(err, part) != NULL, "\"%s\" is not in: %s",
	    part, err);
}

static UNUSED void
file(const char *name, const void *data, size_t len)
{
	int	 fd;

	ATF_REQUIRE((fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600)) !=
	    -1);
	ATF_REQUIRE_EQ((ssize_t)len, write(fd, data, len));
	close(fd);
}

static UNUSED json_t *
json(void)
{
	json_t	*j;

	j = json_loads(text("out"), JSON_REJECT_DUPLICATES, NULL);
	ATF_REQUIRE_MSG(j != NULL, "no JSON: %s", text("out"));
	return (j);
}

#endif

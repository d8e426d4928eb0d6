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

#include <sys/prctl.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"
#include "standin.h"

#define WORDS_MAX	16

static char	 standin[1024];

const char *
standin_find(const atf_tc_t *tc)
{
	char	*src, dir[512];
	int	 i;

	src = getenv("KBSD_SRC");
	strlcpy(dir, src != NULL ? src : atf_tc_get_config_var(tc, "srcdir"),
	    sizeof(dir));
	for (i = 0; i < 8; i++) {
		snprintf(standin, sizeof(standin), "%s/regress/standin", dir);
		if (access(standin, X_OK) == 0)
			return (standin);
		strlcat(dir, "/..", sizeof(dir));
	}
	atf_tc_skip("the stand-ins are not found: KBSD_SRC is not set");
}

char *
slurp(const char *path, size_t *len)
{
	static char	 data[64 * 1024];
	ssize_t		 n;
	int		 fd;

	ATF_REQUIRE_MSG((fd = open(path, O_RDONLY)) != -1, "%s", path);
	n = read(fd, data, sizeof(data) - 1);
	ATF_REQUIRE(n >= 0);
	close(fd);
	data[n] = '\0';
	if (len != NULL)
		*len = (size_t)n;
	return (data);
}

void
run(const char *fmt, ...)
{
	char	 line[4096];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	ATF_REQUIRE_MSG(system(line) == 0, "%s", line);
}

static void
standin_exec(const char *program, const char *dir, const char *const words[])
{
	char		 path[1100];
	const char	*argv[WORDS_MAX + 5] = { path, "-d", dir, "-v" };
	int		 fd, i;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	snprintf(path, sizeof(path), "%s/%s", standin, program);
	if ((fd = open("standin.log", O_WRONLY | O_CREAT | O_APPEND,
	    0600)) != -1)
		dup2(fd, 2);
	for (i = 0; i < WORDS_MAX && words[i] != NULL; i++)
		argv[4 + i] = words[i];
	execv(path, (char **)(uintptr_t)argv);
	_exit(127);
}

pid_t
standin_start(const char *program, const char *dir, unsigned int *port,
    const char *const words[])
{
	char	 path[256];
	pid_t	 pid;
	int	 i, status;

	snprintf(path, sizeof(path), "%s/port", dir);
	unlink(path);
	fflush(NULL);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0)
		standin_exec(program, dir, words);
	for (i = 0; i < AGES / 20 && access(path, R_OK) == -1; i++) {
		ATF_REQUIRE_MSG(waitpid(pid, &status, WNOHANG) == 0,
		    "%s does not start: %s", program,
		    slurp("standin.log", NULL));
		usleep(20000);
	}
	*port = (unsigned int)atoi(slurp(path, NULL));
	ATF_REQUIRE(*port != 0);
	return (pid);
}

void
standin_stop(pid_t pid, const char *dir)
{
	char	 path[256];

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	snprintf(path, sizeof(path), "%s/port", dir);
	unlink(path);
}

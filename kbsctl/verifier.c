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
 * A verifier started for one question.  It is kbsd's own program in its own
 * sandbox: what a stranger made is taken apart there, and not here.
 */

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsctl.h"
#include "log.h"
#include "once.h"

#define SECONDS		10		/* 20 ms are usual */
#define PROGRAM		"verifier"
#define WORDS_LEN	1024

static volatile sig_atomic_t	 late;
static pid_t			 child;
static int			 question;	/* the socket for it */

/* Also whoever it has left its descriptors to is not waited for. */
static void
too_late(int sig)
{
	(void)sig;
	late = 1;
	(void)kill(child, SIGKILL);
	(void)shutdown(question, SHUT_RDWR);
}

/* Beside kbsctl where it runs from the build tree, as kbsd's are. */
static void
program_path(char *path, size_t size)
{
	char	 dir[PATH_MAX], *slash;
	ssize_t	 n;

	if ((n = readlink("/proc/self/exe", dir, sizeof(dir) - 1)) > 0) {
		dir[n] = '\0';
		if ((slash = strrchr(dir, '/')) != NULL) {
			*slash = '\0';
			(void)snprintf(path, size, "%s/%s", dir, PROGRAM);
			if (access(path, X_OK) == 0)
				return;
		}
	}
	(void)snprintf(path, size, "%s/%s", LIBEXECDIR, PROGRAM);
}

static void __attribute__((noreturn))
child_exec(const char *path, int fd, int words)
{
	char *const	 environment[] = { NULL };
	int		 null;

	/* Above what is going to be overwritten. */
	fd = fcntl(fd, F_DUPFD, 10);
	words = fcntl(words, F_DUPFD, 10);
	null = open("/dev/null", O_RDWR);
	if (fd == -1 || words == -1 || null == -1 ||
	    dup2(null, 0) == -1 || dup2(null, 1) == -1 ||
	    dup2(words, 2) == -1 || dup2(fd, ONCE_FD) == -1)
		_exit(126);
	closefrom(ONCE_FD + 1);
	execle(path, PROGRAM, ONCE_OPTION, (char *)NULL, environment);
	dprintf(2, "can't execute %s: %s", path, strerror(errno));
	_exit(127);
}

/* Returns where it is heard that writes to descriptor 2. */
static int
child_start(void)
{
	int	 sv[2], words[2];
	char	 path[PATH_MAX + 16];

	program_path(path, sizeof(path));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1 ||
	    pipe2(words, O_CLOEXEC) == -1)
		fatal("socketpair");
	if ((child = fork()) == -1)
		fatal("fork");
	if (child == 0)
		child_exec(path, sv[1], words[1]);
	close(sv[1]);
	close(words[1]);
	question = sv[0];
	return (words[0]);
}

/* The beginning of what it said, as one line, until it says no more. */
static void
words_read(int fd, char *text, size_t size)
{
	char	 rest[256];
	size_t	 len = 0;
	ssize_t	 n;

	for (;;) {
		n = len < size - 1 ? read(fd, text + len, size - 1 - len) :
		    read(fd, rest, sizeof(rest));
		if (n == -1 && errno == EINTR && !late)
			continue;
		if (n <= 0 || late)
			break;
		if (len < size - 1)
			len += (size_t)n;
	}
	while (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
}

/* Did it come to its end as it should? */
static int
child_end(const char *words, char *why, size_t whysize)
{
	int	 status = 0;

	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		continue;
	alarm(0);
	close(question);
	if (late)
		(void)snprintf(why, whysize, "the verifier was stopped: it "
		    "took more than %d seconds", SECONDS);
	else if (WIFSIGNALED(status))
		(void)snprintf(why, whysize, "the verifier was killed by "
		    "signal %d%s", WTERMSIG(status), WTERMSIG(status) ==
		    SIGSYS ? ": it tried what its sandbox forbids" : "");
	else if (WEXITSTATUS(status) != 0)
		(void)snprintf(why, whysize, "the verifier failed: %s",
		    words[0] != '\0' ? words : "it did not say why");
	else
		return (0);
	return (-1);
}

char *
verifier_ask(const struct wbuf *what, size_t *len, char *why,
    size_t whysize)
{
	struct sigaction	 sa = { .sa_handler = too_late };
	char			 words[WORDS_LEN];
	uint8_t			*answer = NULL;
	int			 fd;

	fd = child_start();
	(void)sigaction(SIGALRM, &sa, NULL);
	alarm(SECONDS);
	if (once_send(question, what->data, what->len) == 0)
		answer = once_receive(question, ONCE_ANSWER_MAX, len);
	(void)shutdown(question, SHUT_RDWR);
	words_read(fd, words, sizeof(words));
	close(fd);
	if (child_end(words, why, whysize) == 0 && answer != NULL)
		return ((char *)answer);
	if (answer == NULL && why[0] == '\0')
		(void)strlcpy(why, "the verifier's answer makes no sense",
		    whysize);
	free(answer);
	return (NULL);
}

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
 * Evidence: the report data that binds the wrapping key and the verifier's
 * nonce, and the quote over it, which a command of the user makes.  That
 * command runs with the user's rights and learns nothing secret: report data
 * is a digest of public things.
 */
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "kbsget.h"
#include "log.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

static const struct {
	const char	*name;
	enum tee	 tee;
} tees[] = {
	{ "SGX", TEE_SGX },
	{ "SNP", TEE_SNP },
	{ "TDX", TEE_TDX },
};

static volatile sig_atomic_t	 quote_pid;	/* its process group too */

enum tee
tee_parse(const char *name, size_t len)
{
	size_t	 i;

	for (i = 0; i < nitems(tees); i++)
		if (strlen(tees[i].name) == len &&
		    strncasecmp(tees[i].name, name, len) == 0)
			return (tees[i].tee);
	return (TEE_NONE);
}

const char *
tee_name(enum tee tee)
{
	size_t	 i;

	for (i = 0; i < nitems(tees); i++)
		if (tees[i].tee == tee)
			return (tees[i].name);
	return ("none");
}

enum tee
tee_header(const char *value, const char **why)
{
	enum tee	 tee;
	size_t		 len;

	*why = "the server does not say which evidence it wants: is this a "
	    "key broker?";
	len = strlen(value);
	if (len == 0)
		return (TEE_NONE);
	/* a composite policy also wants what no CPU can attest */
	if (strchr(value, ',') != NULL) {
		*why = "this key also wants evidence of a GPU, which kbsget "
		    "can't collect: use a token of your verifier (-t)";
		return (TEE_NONE);
	}
	if ((tee = tee_parse(value, len)) == TEE_NONE)
		*why = "this key wants evidence of a kind that kbsget does "
		    "not know";
	return (tee);
}

int
report_data(enum tee tee, const uint8_t *val, size_t vallen,
    const uint8_t *iat, size_t iatlen, const uint8_t *held, size_t heldlen,
    uint8_t out[REPORT_DATA_LEN])
{
	EVP_MD_CTX	*ctx;
	int		 rv = -1;

	/* SGX: 32 bytes of digest, the rest zero */
	memset(out, 0, REPORT_DATA_LEN);
	if ((ctx = EVP_MD_CTX_new()) == NULL)
		return (-1);
	if (EVP_DigestInit_ex(ctx, tee == TEE_SGX ? EVP_sha256() :
	    EVP_sha512(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, val, vallen) == 1 &&
	    EVP_DigestUpdate(ctx, iat, iatlen) == 1 &&
	    EVP_DigestUpdate(ctx, held, heldlen) == 1 &&
	    EVP_DigestFinal_ex(ctx, out, NULL) == 1)
		rv = 0;
	EVP_MD_CTX_free(ctx);
	return (rv);
}

void
quote_kill(void)
{
	if (quote_pid > 0)
		kill(-(pid_t)quote_pid, SIGKILL);
}

/* The command's side of the fork. */
static void
quote_exec(const char *command, int in, int out,
    const uint8_t data[REPORT_DATA_LEN])
{
	char	 hex[2 * REPORT_DATA_LEN + 1];

	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    hex_encode(hex, sizeof(hex), data, REPORT_DATA_LEN) == -1 ||
	    setenv("KBSGET_REPORT_DATA", hex, 1) == -1)
		_exit(126);
	closefrom(STDERR_FILENO + 1);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* Pipes, fork, report data written.  Returns the end to read from. */
static int
quote_start(const char *command, const uint8_t data[REPORT_DATA_LEN])
{
	int	 in[2], out[2];
	pid_t	 pid;

	if (pipe2(in, O_CLOEXEC) == -1)
		return (-1);
	if (pipe2(out, O_CLOEXEC) == -1) {
		close(in[0]);
		close(in[1]);
		return (-1);
	}
	if ((pid = fork()) == 0)
		quote_exec(command, in[0], out[1], data);
	if (pid > 0) {
		/* by both sides, so that neither sees it undone */
		setpgid(pid, pid);
		quote_pid = pid;
		/* fits any pipe; a command that reads none of it is fine */
		if (write(in[1], data, REPORT_DATA_LEN) == -1 &&
		    errno != EPIPE)
			log_warn("report data");
	}
	close(in[0]);
	close(in[1]);
	close(out[1]);
	if (pid == -1) {
		close(out[0]);
		return (-1);
	}
	return (out[0]);
}

/* Read to the end; -1 with EFBIG or ETIMEDOUT among others. */
static ssize_t
quote_read(int fd, uint8_t *buf, size_t size, unsigned int seconds)
{
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };
	size_t		 len = 0;
	int64_t		 end, left;
	ssize_t		 n;

	end = request_now() + (int64_t)seconds * 1000;
	for (;;) {
		if ((left = end - request_now()) <= 0) {
			errno = ETIMEDOUT;
			return (-1);
		}
		if (poll(&pfd, 1, (int)left) < 1)
			continue;
		if ((n = read(fd, buf + len, size - len)) == 0)
			return ((ssize_t)len);
		if (n == -1 && errno != EINTR)
			return (-1);
		if (n > 0 && (len += (size_t)n) == size) {
			errno = EFBIG;
			return (-1);
		}
	}
}

/* Wait for the command and judge how it ended. */
static int
quote_end(ssize_t len, int error, unsigned int seconds)
{
	int	 status;

	/* done reading: what still runs has nothing to say any more */
	if (len == -1)
		quote_kill();
	while (waitpid((pid_t)quote_pid, &status, 0) == -1)
		if (errno != EINTR)
			break;
	quote_pid = 0;
	if (len == -1 && error == ETIMEDOUT)
		log_warnx("the quote command did not end within %u seconds",
		    seconds);
	else if (len == -1 && error == EFBIG)
		log_warnx("the quote command wrote more than %d bytes: it "
		    "must write the raw quote and nothing else", QUOTE_MAX);
	else if (len == -1)
		log_warnx("the quote command: %s", strerror(error));
	else if (WIFSIGNALED(status))
		log_warnx("the quote command was ended by signal %d",
		    WTERMSIG(status));
	else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		log_warnx("the quote command failed with status %d",
		    WEXITSTATUS(status));
	else if (len == 0)
		log_warnx("the quote command wrote nothing: it must write "
		    "the raw quote to standard output");
	else
		return (0);
	return (-1);
}

int
quote_run(const char *command, const uint8_t data[REPORT_DATA_LEN],
    unsigned int seconds, uint8_t **quote, size_t *quotelen)
{
	uint8_t	*buf;
	ssize_t	 len;
	int	 fd, error;

	if ((buf = malloc(QUOTE_MAX + 1)) == NULL ||
	    (fd = quote_start(command, data)) == -1) {
		log_warn("the quote command");
		free(buf);
		return (-1);
	}
	len = quote_read(fd, buf, QUOTE_MAX + 1, seconds);
	error = errno;
	close(fd);
	if (quote_end(len, error, seconds) == -1) {
		free(buf);
		return (-1);
	}
	/* some TEEs put another digest around it, so this only warns */
	if (memmem(buf, (size_t)len, data, 32) == NULL)
		log_warnx("the quote does not hold the report data: did the "
		    "command use its standard input?");
	*quote = buf;
	*quotelen = (size_t)len;
	return (0);
}

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
 * Evidence of the kernel: configfs-tsm, which Linux has from 6.7 on (its
 * Documentation/ABI/testing/configfs-tsm).  A directory made there is a report
 * of our own, born with its attributes; they go with it.  What is written to
 * inblob comes back signed in outblob.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kbsget.h"
#include "log.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

#define TSM_TRIES	5
#define TSM_PAUSE	100	/* ms, doubled from try to try */

static const struct {
	const char	*name;
	enum tee	 tee;
} tsm_providers[] = {
	{ "sev_guest",	TEE_SNP },
	{ "tdx_guest",	TEE_TDX },
};

/* What the kernel means by an error, and whether it passes. */
static const struct {
	int		 error;
	int		 again;
	const char	*text;
} tsm_errors[] = {
	{ EAGAIN, 1, "somebody else writes to this report" },
	{ EBUSY, 1, "the kernel has another quote made" },
	{ EINTR, 1, "interrupted" },
	{ EACCES, 0, "not allowed: kbsget must be root here" },
	{ EPERM, 0, "not allowed: kbsget must be root here" },
	{ EFBIG, 0, "longer than any evidence" },
	{ EILSEQ, 0, "not what this file should hold" },
	{ EIO, 0, "the host's quote service failed" },
	{ ENODATA, 0, "empty" },
	{ ENOTTY, 0, "the driver of the TEE has gone" },
	{ ENXIO, 0, "the kernel has no driver of a TEE: is this a TDX or "
	    "SEV-SNP guest?" },
	{ ETIMEDOUT, 0, "the host's quote service does not answer" },
};

/* For the signal handler; one report is open at a time. */
static char			 tsm_path[PATH_MAX];
static volatile sig_atomic_t	 tsm_made;

void
tsm_unlink(void)
{
	if (tsm_made)
		rmdir(tsm_path);
}

/* Returns the new report's directory, or -1 with errno. */
static int
tsm_open(const char *dir)
{
	int	 n, fd, error;

	n = snprintf(tsm_path, sizeof(tsm_path), "%s/kbsget-%08x%08x", dir,
	    arc4random(), arc4random());
	if (n < 0 || (size_t)n >= sizeof(tsm_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	/* before it is: so no signal can come between */
	tsm_made = 1;
	if (mkdir(tsm_path, 0700) == -1) {
		tsm_made = 0;
		return (-1);
	}
	fd = open(tsm_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1) {
		error = errno;
		tsm_unlink();
		tsm_made = 0;
		errno = error;
	}
	return (fd);
}

/* Keeps errno. */
static void
tsm_close(int fd)
{
	int	 error = errno;

	close(fd);
	if (rmdir(tsm_path) == -1)
		log_warn("%s: can't remove it", tsm_path);
	tsm_made = 0;
	errno = error;
}

static int
tsm_again(int error)
{
	size_t	 i;

	for (i = 0; i < nitems(tsm_errors); i++)
		if (tsm_errors[i].error == error)
			return (tsm_errors[i].again);
	return (0);
}

static void
tsm_failed(const char *dir, const char *what, int error)
{
	const char	*text = strerror(error);
	size_t		 i;

	for (i = 0; i < nitems(tsm_errors); i++)
		if (tsm_errors[i].error == error)
			text = tsm_errors[i].text;
	log_warnx("%s: %s: %s", dir, what, text);
}

enum tee
tsm_tee(const char *dir)
{
	char	 name[ATTR_TEXT];
	size_t	 i;
	int	 fd, rv;

	if ((fd = tsm_open(dir)) == -1) {
		tsm_failed(dir, "can't make a report", errno);
		return (TEE_NONE);
	}
	rv = attr_text(fd, "provider", name, sizeof(name));
	tsm_close(fd);
	if (rv == -1) {
		tsm_failed(dir, "provider", errno);
		return (TEE_NONE);
	}
	for (i = 0; i < nitems(tsm_providers); i++)
		if (strcmp(tsm_providers[i].name, name) == 0)
			return (tsm_providers[i].tee);
	log_warnx("%s: kbsget does not know evidence of %s", dir, name);
	return (TEE_NONE);
}

/*
 * An SNP guest below another privileged layer must not ask for a report of
 * that one's level, which is the default.  Returns the number of writes.
 */
static int
tsm_privlevel(int fd)
{
	char		 text[ATTR_TEXT];
	uint64_t	 least;
	int		 n;

	if (attr_number(fd, "privlevel_floor", &least) == -1)
		return (errno == ENOENT ? 0 : -1);
	if (least == 0)
		return (0);
	n = snprintf(text, sizeof(text), "%llu", (unsigned long long)least);
	return (attr_write(fd, "privlevel", text, (size_t)n) == -1 ? -1 : 1);
}

/*
 * outblob, and for SNP the certificate table of auxblob behind it, when the
 * host gives one.  Returns the length of both, or -1.
 */
static ssize_t
tsm_blobs(int fd, enum tee tee, uint8_t *buf, const char **what)
{
	ssize_t	 len, more;

	*what = "outblob";
	if ((len = attr_read(fd, "outblob", buf, QUOTE_MAX)) == -1)
		return (-1);
	if (len == 0) {
		errno = ENODATA;
		return (-1);
	}
	if (tee != TEE_SNP)
		return (len);
	*what = "auxblob";
	more = attr_read(fd, "auxblob", buf + len, CERTIFICATES_MAX);
	if (more == -1 && errno == ENOENT)
		more = 0;
	return (more == -1 ? -1 : len + more);
}

/* One report; its generation counts the writes, which are to be ours alone. */
static ssize_t
tsm_report(int fd, enum tee tee, const uint8_t data[REPORT_DATA_LEN],
    uint8_t *buf, const char **what)
{
	uint64_t	 before, after;
	ssize_t		 len;
	int		 writes;

	*what = "generation";
	if (attr_number(fd, "generation", &before) == -1)
		return (-1);
	*what = "privlevel";
	if ((writes = tsm_privlevel(fd)) == -1)
		return (-1);
	*what = "inblob";
	if (attr_write(fd, "inblob", data, REPORT_DATA_LEN) == -1)
		return (-1);
	if ((len = tsm_blobs(fd, tee, buf, what)) == -1)
		return (-1);
	*what = "generation";
	if (attr_number(fd, "generation", &after) == -1)
		return (-1);
	if (after - before != (uint64_t)writes + 1) {
		errno = EAGAIN;
		return (-1);
	}
	return (len);
}

int
tsm_quote(const char *dir, enum tee tee, const uint8_t data[REPORT_DATA_LEN],
    uint8_t *buf, size_t *lenp)
{
	const char	*what;
	struct timespec	 ts;
	ssize_t		 len;
	int		 fd, try;

	for (try = 0; ; try++) {
		what = "can't make a report";
		len = -1;
		if ((fd = tsm_open(dir)) != -1) {
			len = tsm_report(fd, tee, data, buf, &what);
			tsm_close(fd);
		}
		if (len != -1)
			break;
		if (try + 1 == TSM_TRIES || !tsm_again(errno)) {
			tsm_failed(dir, what, errno);
			return (-1);
		}
		ts.tv_sec = (TSM_PAUSE << try) / 1000;
		ts.tv_nsec = (TSM_PAUSE << try) % 1000 * 1000000L;
		nanosleep(&ts, NULL);
	}
	*lenp = (size_t)len;
	return (0);
}

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
 * The file that the audit log is in, and the one that it goes over to.
 *
 * Two processes append to one log during a reload: each holds the fcntl(2)
 * lock of the file while it reads the end and writes.  When the parent has
 * opened the file anew, the first of them that comes by writes the line which
 * goes on with the chain into the new file, and keeps the lock of the old one,
 * so that the other one writes nothing more there before it follows.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "log.h"

static int		 logfd = -1;
static int		 nextfd = -1;	/* to go over to; -1: nothing */
static int		 heldfd = -1;	/* was left: its lock is kept */
static struct chain	 known;		/* the end that we know of */

static int
fd_close(int fd)
{
	if (fd != -1)
		close(fd);
	return (-1);
}

/* 0; -1 with errno EAGAIN when another process has it. */
static int
fd_lock(int fd, short type)
{
	struct flock	 fl;

	memset(&fl, 0, sizeof(fl));
	fl.l_type = type;
	fl.l_whence = SEEK_SET;
	if (fcntl(fd, F_SETLK, &fl) == 0)
		return (0);
	if (errno == EACCES)
		errno = EAGAIN;
	return (-1);
}

static int
fd_append(int fd, const struct wbuf *text)
{
	ssize_t	 n;

	while ((n = write(fd, text->data, text->len)) == -1 &&
	    errno == EINTR)
		continue;
	if (n == -1)
		return (-1);
	if ((size_t)n != text->len) {
		errno = ENOSPC;		/* torn: the next write ends it */
		return (-1);
	}
	return (fdatasync(fd));
}

int
file_is_log(int fd)
{
	int	 flags = fcntl(fd, F_GETFL);

	return (flags != -1 && (flags & O_APPEND) != 0 &&
	    (flags & O_ACCMODE) == O_RDWR);
}

int
file_take(int fd)
{
	if (nextfd != -1)
		return (-1);
	if (logfd == -1)
		logfd = fd;
	else
		nextfd = fd;
	return (0);
}

void
file_known(const struct chain *end)
{
	known = *end;
}

const struct chain *
file_end(void)
{
	return (&known);
}

int
file_settled(void)
{
	return (nextfd == -1);
}

/* --- going over to another file ------------------------------------------ */

/* Where the chain comes from: the old file's end, or what we know of it. */
static void
switch_from(struct chain *chain)
{
	int	 torn;

	if (chain_tail(logfd, chain, &torn) != -1 && chain->n >= known.n)
		return;
	log_alert("the file that the audit log leaves does not end with what "
	    "was written: the new one goes on behind line %" PRIu64, known.n);
	*chain = known;
}

/* The first line of a new file, behind what was torn there. */
static int
switch_write(const struct chain *torn_end, int torn)
{
	struct wbuf	 text = { 0 };
	struct chain	 chain;
	int		 rv = -1;

	switch_from(&chain);
	if (torn)
		wb_raw(&text, "\n", 1);
	if (torn_end->n > 0) {
		chain.n += torn_end->n;
		memcpy(chain.digest, torn_end->digest, DIGEST_LEN);
	}
	if (line_put_continued(&text, &chain) == -1)
		errno = ENOMEM;
	else
		rv = fd_append(nextfd, &text);
	wb_free(&text);
	if (rv == 0)
		known = chain;
	return (rv);
}

/* With the new one's lock held.  1: it has its first line. */
static int
switch_begin(void)
{
	struct chain	 end;
	int		 n, torn;

	if ((n = chain_tail(nextfd, &end, &torn)) == -1)
		return (-1);
	if (n > 0)
		return (1);
	if (fd_lock(logfd, F_WRLCK) == -1)
		return (-1);
	if (switch_write(&end, torn) == -1) {
		(void)fd_lock(logfd, F_UNLCK);
		return (-1);
	}
	return (0);
}

/* 0: the log is the new file, and locked. */
static int
file_switch(void)
{
	int	 rv, saved;

	if (fd_lock(nextfd, F_WRLCK) == -1)
		return (-1);
	if ((rv = switch_begin()) == -1) {
		saved = errno;
		(void)fd_lock(nextfd, F_UNLCK);
		errno = saved;
		return (-1);
	}
	heldfd = fd_close(heldfd);
	if (rv == 0)
		heldfd = logfd;
	else
		close(logfd);
	logfd = nextfd;
	nextfd = -1;
	log_info("the audit log goes on in a new file behind line %" PRIu64,
	    known.n);
	return (0);
}

/* --- the file that it is in ---------------------------------------------- */

int
file_lock(void)
{
	if (nextfd != -1)
		return (file_switch());
	return (fd_lock(logfd, F_WRLCK));
}

int
file_unlock(void)
{
	return (fd_lock(logfd, F_UNLCK));
}

/*
 * What was written is there, or else somebody has cut the file: then the next
 * line goes on behind what was written, so that it shows.
 */
int
file_tail(struct chain *end, int *torn)
{
	if (chain_tail(logfd, end, torn) == -1)
		return (-1);
	if (end->n > known.n || (end->n == known.n &&
	    memcmp(end->digest, known.digest, DIGEST_LEN) == 0))
		return (0);
	log_alert("the audit log was cut or changed by somebody: it ends with "
	    "line %" PRIu64 ", but line %" PRIu64 " had been written",
	    end->n, known.n);
	*end = known;
	return (0);
}

int
file_append(const struct wbuf *text, const struct chain *end)
{
	if (fd_append(logfd, text) == -1)
		return (-1);
	known = *end;
	return (0);
}

void
file_begin(void)
{
	struct chain	 end;
	int		 torn;

	if (logfd == -1)
		fatalx("no audit log");
	/* A file of another kind shows at start, not at the first key. */
	if (chain_tail(nextfd != -1 ? nextfd : logfd, &end, &torn) == -1) {
		if (errno == EBADMSG)
			fatalx("the audit log does not end with a line of "
			    "kbsd: move the file away");
		fatal("audit log");
	}
	if (nextfd == -1 && end.n > known.n)
		known = end;
}

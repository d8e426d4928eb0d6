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
 * imsg: messages over a local stream socket, in OpenBSD's framing and API
 * (imsg_init(3)), for systems whose libutil has none.  Buffers are wiped when
 * they are freed.
 */
#ifndef IMSG_H
#define IMSG_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#define IMSG_HEADER_SIZE	sizeof(struct imsg_hdr)
#define MAX_IMSGSIZE		16384

#define IMSGF_HASFD		0x0001
#define IMSGF_MORE		0x0002	/* ours: another piece follows */

struct imsg_hdr {
	uint32_t	 type;
	uint16_t	 len;		/* header included */
	uint16_t	 flags;
	uint32_t	 peerid;
	uint32_t	 pid;
};

struct imsg {
	struct imsg_hdr	 hdr;
	int		 fd;		/* -1: none; the receiver's to close */
	void		*data;		/* hdr.len - IMSG_HEADER_SIZE bytes */
};

struct imsg_out;

struct imsgbuf {
	int		 fd;
	int		 allow_fd;	/* descriptors are taken */
	uint32_t	 pid;
	uint8_t		*rbuf;		/* received, not yet taken */
	size_t		 rpos;
	size_t		 rlen;
	int		 fds[16];	/* received with it, in order */
	unsigned int	 nfds;
	struct imsg_out	*head;		/* queue of what is to be written */
	struct imsg_out	**tail;
	size_t		 queued;	/* bytes in it */
};

/* Take over fd (non-blocking or not).  Returns 0 or -1. */
int	imsgbuf_init(struct imsgbuf *, int fd);
/* Descriptors are only accepted after this. */
void	imsgbuf_allow_fdpass(struct imsgbuf *);
/* Wipe, free and forget; closes received descriptors, not fd itself. */
void	imsgbuf_clear(struct imsgbuf *);

/* Read once.  1: something came; 0: the peer closed; -1: errno (EAGAIN). */
int	imsgbuf_read(struct imsgbuf *);
/* Write what is queued as far as it goes.  0, or -1 (EAGAIN: not all). */
int	imsgbuf_write(struct imsgbuf *);
/* Until the queue is empty, waiting if need be. */
int	imsgbuf_flush(struct imsgbuf *);
size_t	imsgbuf_queuelen(const struct imsgbuf *);

/*
 * The next whole message: its length, 0 if there is none yet, -1 (errno
 * ERANGE) if the stream makes no sense.  Its data lies in the buffer until
 * the next imsgbuf_read(); imsg_free() wipes it there and closes its fd.
 */
ssize_t	imsg_get(struct imsgbuf *, struct imsg *);
void	imsg_free(struct imsg *);

/* Queue one message; fd (or -1) is taken over.  1, or -1 with errno. */
int	imsg_compose(struct imsgbuf *, uint32_t type, uint32_t peerid,
	    uint32_t pid, int fd, const void *, size_t);
int	imsg_composev(struct imsgbuf *, uint32_t type, uint32_t peerid,
	    uint32_t pid, int fd, const struct iovec *, int n);
/* With flags (IMSGF_MORE), and a malloc'd body that is taken over, or NULL. */
int	imsg_compose_take(struct imsgbuf *, uint32_t type, uint16_t flags,
	    uint32_t peerid, int fd, void *, size_t);

#endif

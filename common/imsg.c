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

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"

#define IMSG_READ_SIZE	65536
#define IMSG_IOVECS	64

struct imsg_out {
	struct imsg_hdr	 hdr;
	struct imsg_out	*next;
	uint8_t		*data;
	size_t		 len;		/* of data */
	size_t		 off;		/* written, header included */
	int		 fd;
};

int
imsgbuf_init(struct imsgbuf *ibuf, int fd)
{
	memset(ibuf, 0, sizeof(*ibuf));
	if ((ibuf->rbuf = malloc(IMSG_READ_SIZE)) == NULL)
		return (-1);
	ibuf->fd = fd;
	ibuf->pid = (uint32_t)getpid();
	ibuf->tail = &ibuf->head;
	return (0);
}

void
imsgbuf_allow_fdpass(struct imsgbuf *ibuf)
{
	ibuf->allow_fd = 1;
}

static void
imsg_out_free(struct imsg_out *out)
{
	if (out->fd != -1)
		close(out->fd);
	freezero(out->data, out->len);
	free(out);
}

void
imsgbuf_clear(struct imsgbuf *ibuf)
{
	struct imsg_out	*out;

	while ((out = ibuf->head) != NULL) {
		ibuf->head = out->next;
		imsg_out_free(out);
	}
	while (ibuf->nfds > 0)
		close(ibuf->fds[--ibuf->nfds]);
	freezero(ibuf->rbuf, IMSG_READ_SIZE);
	ibuf->rbuf = NULL;
	ibuf->tail = &ibuf->head;
	ibuf->queued = ibuf->rlen = ibuf->rpos = 0;
}

static void
imsgbuf_take_fds(struct imsgbuf *ibuf, struct msghdr *msg)
{
	struct cmsghdr	*cmsg;
	size_t		 i, n;
	int		 fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int),
			    sizeof(fd));
			if (ibuf->nfds == sizeof(ibuf->fds) /
			    sizeof(ibuf->fds[0]))
				close(fd);
			else
				ibuf->fds[ibuf->nfds++] = fd;
		}
	}
}

static ssize_t
imsgbuf_recv(struct imsgbuf *ibuf, void *p, size_t len)
{
	union {
		struct cmsghdr	 hdr;
		uint8_t		 buf[CMSG_SPACE(sizeof(int) * 4)];
	} control;
	struct iovec	 iov;
	struct msghdr	 msg;
	ssize_t		 n;

	/* read(2) drops descriptors that nobody may send us. */
	if (!ibuf->allow_fd)
		return (read(ibuf->fd, p, len));
	memset(&msg, 0, sizeof(msg));
	iov.iov_base = p;
	iov.iov_len = len;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = &control.buf;
	msg.msg_controllen = sizeof(control.buf);
	if ((n = recvmsg(ibuf->fd, &msg, MSG_CMSG_CLOEXEC)) > 0)
		imsgbuf_take_fds(ibuf, &msg);
	return (n);
}

int
imsgbuf_read(struct imsgbuf *ibuf)
{
	size_t	 left = ibuf->rlen - ibuf->rpos, from;
	ssize_t	 n;

	if (ibuf->rpos > 0) {
		memmove(ibuf->rbuf, ibuf->rbuf + ibuf->rpos, left);
		/* imsg_free() wipes what was taken, but not where this was */
		from = left > ibuf->rpos ? left : ibuf->rpos;
		explicit_bzero(ibuf->rbuf + from, ibuf->rlen - from);
		ibuf->rlen = left;
		ibuf->rpos = 0;
	}
	do {
		n = imsgbuf_recv(ibuf, ibuf->rbuf + ibuf->rlen,
		    IMSG_READ_SIZE - ibuf->rlen);
	} while (n == -1 && errno == EINTR);
	if (n <= 0)
		return ((int)n);
	ibuf->rlen += (size_t)n;
	return (1);
}

ssize_t
imsg_get(struct imsgbuf *ibuf, struct imsg *imsg)
{
	size_t	 left = ibuf->rlen - ibuf->rpos;

	if (left < IMSG_HEADER_SIZE)
		return (0);
	memcpy(&imsg->hdr, ibuf->rbuf + ibuf->rpos, IMSG_HEADER_SIZE);
	if (imsg->hdr.len < IMSG_HEADER_SIZE ||
	    imsg->hdr.len > MAX_IMSGSIZE) {
		errno = ERANGE;
		return (-1);
	}
	if (left < imsg->hdr.len)
		return (0);
	imsg->data = ibuf->rbuf + ibuf->rpos + IMSG_HEADER_SIZE;
	ibuf->rpos += imsg->hdr.len;
	imsg->fd = -1;
	if ((imsg->hdr.flags & IMSGF_HASFD) != 0 && ibuf->nfds > 0) {
		imsg->fd = ibuf->fds[0];
		memmove(ibuf->fds, ibuf->fds + 1,
		    --ibuf->nfds * sizeof(ibuf->fds[0]));
	}
	return (imsg->hdr.len);
}

void
imsg_free(struct imsg *imsg)
{
	explicit_bzero(imsg->data, imsg->hdr.len - IMSG_HEADER_SIZE);
	if (imsg->fd != -1)
		close(imsg->fd);
	imsg->fd = -1;
}

int
imsg_compose_take(struct imsgbuf *ibuf, uint32_t type, uint16_t flags,
    uint32_t peerid, int fd, void *data, size_t len)
{
	struct imsg_out	*out;

	if (len > MAX_IMSGSIZE - IMSG_HEADER_SIZE) {
		freezero(data, len);
		errno = ERANGE;
		return (-1);
	}
	if ((out = calloc(1, sizeof(*out))) == NULL) {
		freezero(data, len);
		return (-1);
	}
	out->hdr.type = type;
	out->hdr.len = (uint16_t)(IMSG_HEADER_SIZE + len);
	out->hdr.flags = flags | (fd != -1 ? IMSGF_HASFD : 0);
	out->hdr.peerid = peerid;
	out->hdr.pid = ibuf->pid;
	out->data = data;
	out->len = len;
	out->fd = fd;
	*ibuf->tail = out;
	ibuf->tail = &out->next;
	ibuf->queued += out->hdr.len;
	return (1);
}

int
imsg_composev(struct imsgbuf *ibuf, uint32_t type, uint32_t peerid,
    uint32_t pid, int fd, const struct iovec *iov, int n)
{
	uint8_t	*data = NULL;
	size_t	 len = 0, off = 0;
	int	 i;

	(void)pid;		/* the header carries our own */
	for (i = 0; i < n; i++)
		len += iov[i].iov_len;
	if (len > 0 && (data = malloc(len)) == NULL)
		return (-1);
	for (i = 0; i < n; i++) {
		if (iov[i].iov_len > 0)
			memcpy(data + off, iov[i].iov_base, iov[i].iov_len);
		off += iov[i].iov_len;
	}
	return (imsg_compose_take(ibuf, type, 0, peerid, fd, data, len));
}

int
imsg_compose(struct imsgbuf *ibuf, uint32_t type, uint32_t peerid,
    uint32_t pid, int fd, const void *data, size_t len)
{
	struct iovec	 iov;

	iov.iov_base = (void *)(uintptr_t)data;
	iov.iov_len = len;
	return (imsg_composev(ibuf, type, peerid, pid, fd, &iov, 1));
}

/*
 * Describe as many queued messages as one call takes.  A descriptor goes
 * with the first byte of its message, so such a message begins a call.
 */
static int
imsgbuf_gather(struct imsgbuf *ibuf, struct iovec *iov, int *fd)
{
	struct imsg_out	*out;
	size_t		 off;
	int		 n = 0;

	*fd = -1;
	for (out = ibuf->head; out != NULL; out = out->next) {
		if (n > IMSG_IOVECS - 2 || (out->fd != -1 && n > 0))
			break;
		if (out->fd != -1)
			*fd = out->fd;
		off = out->off;
		if (off < IMSG_HEADER_SIZE) {
			iov[n].iov_base = (uint8_t *)&out->hdr + off;
			iov[n++].iov_len = IMSG_HEADER_SIZE - off;
			off = IMSG_HEADER_SIZE;
		}
		if (off < out->hdr.len) {
			iov[n].iov_base = out->data + (off - IMSG_HEADER_SIZE);
			iov[n++].iov_len = out->hdr.len - off;
		}
	}
	return (n);
}

static ssize_t
imsgbuf_send(struct imsgbuf *ibuf, struct iovec *iov, int n, int fd)
{
	union {
		struct cmsghdr	 hdr;
		uint8_t		 buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct cmsghdr	*cmsg;
	struct msghdr	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = iov;
	msg.msg_iovlen = (size_t)n;
	if (fd != -1) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	return (sendmsg(ibuf->fd, &msg, MSG_NOSIGNAL));
}

/* n bytes are gone: drop what is whole. */
static void
imsgbuf_drain(struct imsgbuf *ibuf, size_t n)
{
	struct imsg_out	*out;
	size_t		 left;

	ibuf->queued -= n;
	while ((out = ibuf->head) != NULL && n > 0) {
		if (out->fd != -1) {
			close(out->fd);
			out->fd = -1;
		}
		left = out->hdr.len - out->off;
		if (n < left) {
			out->off += n;
			return;
		}
		n -= left;
		if ((ibuf->head = out->next) == NULL)
			ibuf->tail = &ibuf->head;
		imsg_out_free(out);
	}
}

int
imsgbuf_write(struct imsgbuf *ibuf)
{
	struct iovec	 iov[IMSG_IOVECS];
	ssize_t		 n;
	int		 count, fd;

	while (ibuf->head != NULL) {
		count = imsgbuf_gather(ibuf, iov, &fd);
		if ((n = imsgbuf_send(ibuf, iov, count, fd)) == -1) {
			if (errno == EINTR)
				continue;
			return (-1);
		}
		imsgbuf_drain(ibuf, (size_t)n);
	}
	return (0);
}

int
imsgbuf_flush(struct imsgbuf *ibuf)
{
	struct pollfd	 pfd;

	while (imsgbuf_write(ibuf) == -1) {
		if (errno != EAGAIN)
			return (-1);
		pfd.fd = ibuf->fd;
		pfd.events = POLLOUT;
		if (poll(&pfd, 1, -1) == -1 && errno != EINTR)
			return (-1);
	}
	return (0);
}

size_t
imsgbuf_queuelen(const struct imsgbuf *ibuf)
{
	return (ibuf->queued);
}

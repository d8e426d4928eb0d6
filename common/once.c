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

/* What kbsctl and a verifier that judges once say to each other. */

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "once.h"
#include "record.h"

#define PEM_MAX		(64 * 1024)
#define JSON_MAX	(1024 * 1024)
#define LIST_MAX	(1024 * 1024)
#define HEAD_LEN	4

const struct once_file once_files[ONCE_PARTS] = {
	[ONCE_EVIDENCE] =	{ NULL, EVIDENCE_MAX },
	[ONCE_ROOT] =		{ NULL, PEM_MAX },
	[ONCE_PCK_CRL] =	{ "pck_crl.der", LIST_MAX },
	[ONCE_PCK_CRL_CHAIN] =	{ "pck_crl_issuer_chain.pem", PEM_MAX },
	[ONCE_ROOT_CRL] =	{ "root_ca_crl.der", LIST_MAX },
	[ONCE_TCB_INFO] =	{ "tcb_info.json", JSON_MAX },
	[ONCE_TCB_INFO_CHAIN] =	{ "tcb_info_issuer_chain.pem", PEM_MAX },
	[ONCE_QE_IDENTITY] =	{ "qe_identity.json", JSON_MAX },
	[ONCE_QE_IDENTITY_CHAIN] = { "qe_identity_issuer_chain.pem",
	    PEM_MAX },
	[ONCE_VEK] =		{ "vek.der", PEM_MAX },
	[ONCE_CHAIN] =		{ "chain.pem", PEM_MAX },
	[ONCE_CRL] =		{ "crl.der", LIST_MAX },
	[ONCE_JWKS] =		{ "jwks.json", JSON_MAX },
};

void
once_put(struct wbuf *w, const struct once *o)
{
	size_t	 i;

	wb_u64(w, (uint64_t)o->now);
	for (i = 0; i < ONCE_PARTS; i++) {
		wb_u8(w, o->part[i].p != NULL);
		if (o->part[i].p != NULL)
			wb_bytes(w, o->part[i].p, o->part[i].len);
	}
}

int
once_get(struct once *o, const uint8_t *data, size_t len)
{
	struct rbuf	 r;
	size_t		 i;

	memset(o, 0, sizeof(*o));
	rb_init(&r, data, len);
	o->now = (int64_t)rb_u64(&r);
	for (i = 0; i < ONCE_PARTS; i++)
		if (rb_bool(&r))
			o->part[i].p = rb_bytes(&r, &o->part[i].len, 0,
			    once_files[i].max);
	if (rb_end(&r) == -1 || o->part[ONCE_EVIDENCE].p == NULL)
		return (-1);
	return (0);
}

static int
send_all(int fd, const uint8_t *p, size_t len)
{
	ssize_t	 n;

	while (len > 0) {
		if ((n = send(fd, p, len, MSG_NOSIGNAL)) == -1 &&
		    errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		p += n;
		len -= (size_t)n;
	}
	return (0);
}

static int
receive_all(int fd, uint8_t *p, size_t len)
{
	ssize_t	 n;

	while (len > 0) {
		if ((n = read(fd, p, len)) == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EPIPE;
		if (n <= 0)
			return (-1);
		p += n;
		len -= (size_t)n;
	}
	return (0);
}

int
once_send(int fd, const void *data, size_t len)
{
	const uint8_t	 head[HEAD_LEN] = { (uint8_t)(len >> 24),
			    (uint8_t)(len >> 16), (uint8_t)(len >> 8),
			    (uint8_t)len };

	if (len > UINT32_MAX) {
		errno = EMSGSIZE;
		return (-1);
	}
	if (send_all(fd, head, sizeof(head)) == -1)
		return (-1);
	return (send_all(fd, data, len));
}

uint8_t *
once_receive(int fd, size_t max, size_t *len)
{
	uint8_t	 head[HEAD_LEN], *p;

	if (receive_all(fd, head, sizeof(head)) == -1)
		return (NULL);
	*len = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
	    (size_t)head[2] << 8 | head[3];
	if (*len > max) {
		errno = EMSGSIZE;
		return (NULL);
	}
	if ((p = malloc(*len + 1)) == NULL)
		return (NULL);
	if (receive_all(fd, p, *len) == -1) {
		free(p);
		return (NULL);
	}
	p[*len] = '\0';
	return (p);
}

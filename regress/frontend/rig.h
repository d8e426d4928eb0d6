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

/* What frontends listen at, and the signer beside them: included by tests. */
#ifndef FRONTEND_RIG_H
#define FRONTEND_RIG_H

#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <atf-c.h>
#include <fcntl.h>
#include <unistd.h>

#include "kbsd.h"
#include "peer.h"

/* For a child to accept at; on a port that is free. */
static __attribute__((unused)) int
listener(int *port)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(sin);
	int			 fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ATF_REQUIRE((fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK,
	    0)) != -1);
	ATF_REQUIRE(bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0);
	ATF_REQUIRE(listen(fd, 512) == 0);
	ATF_REQUIRE(getsockname(fd, (struct sockaddr *)&sin, &len) == 0);
	*port = ntohs(sin.sin_port);
	return (fd);
}

/*
 * Connected to a listener, from this address.  What follows a handshake does
 * not wait for the acknowledgement of its last message.
 */
static __attribute__((unused)) int
dial(in_addr_t source, int port)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	int			 fd, on = 1;

	ATF_REQUIRE((fd = socket(AF_INET, SOCK_STREAM, 0)) != -1);
	ATF_REQUIRE(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
	    sizeof(on)) == 0);
	sin.sin_addr.s_addr = htonl(source);
	ATF_REQUIRE(bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)port);
	ATF_REQUIRE(connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0);
	return (fd);
}

/* It makes a key and a certificate, unless they are there. */
static __attribute__((unused)) struct child *
signer_start(void)
{
	struct child	*signer;
	struct wbuf	 w = { 0 };
	int		 fd;

	signer = child_start("signer", PROC_SIGNER, 0, 0, NULL);
	ATF_REQUIRE((fd = open("tls.key", O_RDWR | O_CREAT, 0600)) != -1);
	child_descriptor(signer, FD_TLS_KEY, fd);
	ATF_REQUIRE((fd = open("tls.crt", O_RDWR | O_CREAT, 0644)) != -1);
	child_descriptor(signer, FD_TLS_CERT, fd);
	wb_u32(&w, 2);
	wb_str(&w, "localhost");
	wb_str(&w, "127.0.0.1");
	child_config(signer, &w);
	child_go(signer);
	return (signer);
}

static __attribute__((unused)) void
ends(struct child *child, int code)
{
	int	 status = child_end(child);

	ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
}

#endif

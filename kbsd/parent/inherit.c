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
 * Listening sockets that a service manager hands over, as sd_listen_fds(3) has
 * it: they are used for what is configured with the same address, and outlive
 * kbsd, so that a restart refuses nobody.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

#define FIRST_FD	3
#define INHERITED_MAX	64

static struct inherited {
	int			 fd;
	int			 used;
	union {
		struct sockaddr		 sa;
		struct sockaddr_un	 sun;
		struct sockaddr_storage	 ss;
	} u;
	socklen_t		 len;
}			 inherited[INHERITED_MAX];
static size_t		 ninherited;

static void
inherit_name(const struct inherited *i, char *text, size_t size)
{
	char	 host[NI_MAXHOST], port[NI_MAXSERV];

	if (i->u.sa.sa_family == AF_UNIX)
		(void)strlcpy(text, i->u.sun.sun_path, size);
	else if (getnameinfo(&i->u.sa, i->len, host, sizeof(host), port,
	    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		(void)snprintf(text, size, "%s port %s", host, port);
	else
		(void)snprintf(text, size, "descriptor %d", i->fd);
}

/* A stream socket that listens already. */
static int
inherit_check(struct inherited *i)
{
	int		 type, listens, flags;
	socklen_t	 len = sizeof(type);

	i->len = sizeof(i->u);
	if (getsockopt(i->fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1 ||
	    type != SOCK_STREAM)
		return (-1);
	len = sizeof(listens);
	if (getsockopt(i->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens,
	    &len) == -1 || !listens ||
	    getsockname(i->fd, &i->u.sa, &i->len) == -1)
		return (-1);
	flags = fcntl(i->fd, F_GETFL);
	if (flags == -1 || fcntl(i->fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return (-1);
	return (0);
}

void
inherit_init(void)
{
	const char	*pid = getenv("LISTEN_PID"), *fds, *why;
	int		 fd, n = 0;

	/* Not for us, but for who started us. */
	if (pid != NULL && strtonum(pid, 1, INT32_MAX, &why) == getpid() &&
	    (fds = getenv("LISTEN_FDS")) != NULL)
		n = (int)strtonum(fds, 1, INHERITED_MAX, &why);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	for (fd = FIRST_FD; fd < FIRST_FD + n; fd++) {
		inherited[ninherited].fd = fd;
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
			continue;
		if (inherit_check(&inherited[ninherited]) == -1) {
			log_warnx("descriptor %d, handed over at the start, "
			    "is no listening stream socket", fd);
			close(fd);
			continue;
		}
		ninherited++;
	}
}

int
inherit_find(const struct sockaddr *sa, socklen_t len)
{
	struct inherited		*i;
	const struct sockaddr_un	*sun = (const void *)sa;

	for (i = inherited; i < inherited + ninherited; i++) {
		if (i->u.sa.sa_family != sa->sa_family)
			continue;
		if (sa->sa_family == AF_UNIX ? strcmp(i->u.sun.sun_path,
		    sun->sun_path) != 0 : i->len != len || memcmp(&i->u, sa,
		    len) != 0)
			continue;
		i->used = 1;
		return (fcntl(i->fd, F_DUPFD_CLOEXEC, 0));
	}
	return (-1);
}

int
inherit_any(void)
{
	return (ninherited > 0);
}

void
inherit_tell(void)
{
	struct inherited	*i;
	char			 name[NI_MAXHOST + 64];

	for (i = inherited; i < inherited + ninherited; i++) {
		inherit_name(i, name, sizeof(name));
		if (i->used)
			log_info("%s: the socket was handed over", name);
		else
			log_warnx("%s: a socket was handed over, but nothing "
			    "of the configuration listens there", name);
	}
}

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
 * One HTTPS request: TLS 1.3 with the server's certificate and name checked,
 * and no way to switch that off.  Everything that goes wrong here means that
 * there was no connection worth the name, and is said with what to do.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tls.h>
#include <unistd.h>

#include "kbsget.h"
#include "log.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

/* What libtls says, and what the user can do about it. */
static const struct {
	const char	*text;
	const char	*hint;
} request_hints[] = {
	{ "unable to get local issuer certificate",
	    "give the certificate of the server's CA with -c" },
	{ "unable to get issuer certificate",
	    "give the certificate of the server's CA with -c" },
	{ "self-signed certificate",
	    "give that certificate, or that of its CA, with -c" },
	{ "self signed certificate",
	    "give that certificate, or that of its CA, with -c" },
	{ "not present in server certificate",
	    "use in -u a name that the server's certificate has" },
	{ "has expired",
	    "renew the server's certificate, or set this machine's clock" },
	{ "not yet valid", "set this machine's clock" },
	{ "protocol version", "the server must speak TLS 1.3" },
	{ "unsupported protocol", "the server must speak TLS 1.3" },
	{ "wrong version number", "is that port one of HTTPS?" },
	{ "unexpected eof", "the server closed the connection: try again" },
};

int64_t
request_now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* Returns 0, or -1 with ETIMEDOUT. */
static int
request_wait(int fd, short events, int64_t deadline)
{
	struct pollfd	 pfd = { .fd = fd, .events = events };
	int64_t		 left;
	int		 n;

	for (;;) {
		if ((left = deadline - request_now()) <= 0) {
			errno = ETIMEDOUT;
			return (-1);
		}
		n = poll(&pfd, 1, (int)left);
		if (n > 0)
			return (0);
		if (n == -1 && errno != EINTR)
			return (-1);
	}
}

static int
connect_one(const struct addrinfo *ai, int64_t deadline)
{
	socklen_t	 len = sizeof(int);
	int		 fd, error = 0;

	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, ai->ai_protocol);
	if (fd == -1)
		return (-1);
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return (fd);
	if (errno == EINPROGRESS &&
	    request_wait(fd, POLLOUT, deadline) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0) {
		if (error == 0)
			return (fd);
		errno = error;
	}
	error = errno;
	close(fd);
	errno = error;
	return (-1);
}

/* All addresses share the deadline; one that is silent gets half of it. */
static int
request_connect(const struct url *url, int64_t deadline)
{
	struct addrinfo	 hints, *res, *ai;
	int64_t		 now;
	int		 error, fd = -1;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICSERV;
	if ((error = getaddrinfo(url->host, url->port, &hints, &res)) != 0) {
		log_warnx("%s: %s: check the name in -u and this machine's "
		    "resolver", url->host, gai_strerror(error));
		return (-1);
	}
	for (ai = res; ai != NULL && fd == -1; ai = ai->ai_next) {
		now = request_now();
		fd = connect_one(ai, ai->ai_next == NULL ? deadline :
		    now + (deadline - now) / 2);
	}
	if (fd == -1)
		log_warnx("can't connect to %s port %s: %s: is the server "
		    "running there, and can this machine reach it?",
		    url->host, url->port, strerror(errno));
	freeaddrinfo(res);
	return (fd);
}

static void
request_tlsfail(const struct request *req, const char *what, struct tls *tls)
{
	const char	*text = tls_error(tls);
	size_t		 i;

	if (text == NULL)
		text = "connection closed";
	for (i = 0; i < nitems(request_hints); i++)
		if (strstr(text, request_hints[i].text) != NULL)
			break;
	if (strstr(text, "certificate") != NULL)
		log_warnx("trusted are the CAs of %s", req->ca != NULL ?
		    req->ca_name : "this system");
	log_warnx("%s:%s: %s: %s%s%s", req->url->host, req->url->port, what,
	    text, i < nitems(request_hints) ? ": " : "",
	    i < nitems(request_hints) ? request_hints[i].hint : "");
}

static struct tls *
request_tls(const struct request *req)
{
	struct tls_config	*config;
	struct tls		*tls = NULL;

	if ((config = tls_config_new()) == NULL) {
		log_warnx("TLS: out of memory");
		return (NULL);
	}
	if (tls_config_set_protocols(config, TLS_PROTOCOL_TLSv1_3) == -1 ||
	    (req->ca != NULL &&
	    tls_config_set_ca_mem(config, req->ca, req->calen) == -1))
		log_warnx("TLS: %s", tls_config_error(config));
	else if ((tls = tls_client()) == NULL)
		log_warnx("TLS: out of memory");
	else if (tls_configure(tls, config) == -1) {
		log_warnx("%s: %s: it must hold CA certificates as PEM",
		    req->ca != NULL ? req->ca_name : "TLS", tls_error(tls));
		tls_free(tls);
		tls = NULL;
	}
	tls_config_free(config);
	return (tls);
}

/* What libtls wants to wait for, waited for; else -1. */
static int
request_again(int fd, ssize_t want, int64_t deadline)
{
	if (want == TLS_WANT_POLLIN)
		return (request_wait(fd, POLLIN, deadline));
	if (want == TLS_WANT_POLLOUT)
		return (request_wait(fd, POLLOUT, deadline));
	errno = 0;
	return (-1);
}

static void
request_failed(const struct request *req, const char *what, struct tls *tls)
{
	if (errno == ETIMEDOUT)
		log_warnx("%s:%s: %s: no answer within %u seconds: try "
		    "again later", req->url->host, req->url->port, what,
		    req->seconds);
	else
		request_tlsfail(req, what, tls);
}

static int
request_handshake(const struct request *req, struct tls *tls, int fd,
    int64_t deadline)
{
	int	 rv;

	if (tls_connect_socket(tls, fd, req->url->host) == -1) {
		/* this is where libtls reads the CAs */
		log_warnx("%s: %s: it must hold CA certificates as PEM",
		    req->ca != NULL ? req->ca_name : "the system's CAs",
		    tls_error(tls));
		return (-1);
	}
	while ((rv = tls_handshake(tls)) != 0)
		if (request_again(fd, rv, deadline) == -1) {
			request_failed(req, "TLS", tls);
			return (-1);
		}
	return (0);
}

static int
request_send(const struct request *req, struct tls *tls, int fd,
    const char *p, size_t len, int64_t deadline)
{
	ssize_t	 n;

	while (len > 0) {
		n = tls_write(tls, p, len);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (request_again(fd, n, deadline) == -1) {
			request_failed(req, "sending", tls);
			return (-1);
		}
	}
	return (0);
}

static int
request_receive(const struct request *req, struct tls *tls, int fd,
    struct response *resp, int64_t deadline)
{
	uint8_t	 buf[4096];
	ssize_t	 n;
	int	 rv = 0;

	while (rv == 0) {
		n = tls_read(tls, buf, sizeof(buf));
		if (n > 0)
			rv = response_feed(resp, buf, (size_t)n);
		else if (n == 0) {
			log_warnx("%s:%s: the server closed the connection "
			    "before the answer was whole: try again",
			    req->url->host, req->url->port);
			rv = -1;
		} else if (request_again(fd, n, deadline) == -1) {
			request_failed(req, "receiving", tls);
			rv = -1;
		}
	}
	explicit_bzero(buf, sizeof(buf));
	if (resp->why != NULL)
		log_warnx("%s:%s: bad answer: %s: is this a key broker?",
		    req->url->host, req->url->port, resp->why);
	return (rv == 1 ? 0 : -1);
}

static int
request_head(const struct request *req, char **head)
{
	char	 host[URL_HOST_MAX + 10];

	if (url_authority(req->url, host, sizeof(host)) == -1)
		return (-1);
	return (asprintf(head, "POST %s%s HTTP/1.1\r\n"
	    "Host: %s\r\n"
	    "User-Agent: kbsget\r\n"
	    "Accept: application/json\r\n"
	    "Connection: close\r\n"
	    "%s"
	    "%s%s%s"
	    "Content-Length: %zu\r\n"
	    "\r\n", req->url->path, req->path, host,
	    req->body != NULL ? "Content-Type: application/json\r\n" : "",
	    req->attestation_type != NULL ? "Attestation-Type: " : "",
	    req->attestation_type != NULL ? req->attestation_type : "",
	    req->attestation_type != NULL ? "\r\n" : "", req->bodylen));
}

int
request_post(const struct request *req, struct response *resp)
{
	struct tls	*tls = NULL;
	char		*head = NULL;
	int64_t		 deadline;
	int		 len, fd = -1, rv = -1;

	response_init(resp);
	deadline = request_now() + (int64_t)req->seconds * 1000;
	if ((len = request_head(req, &head)) == -1) {
		head = NULL;
		log_warnx("out of memory");
		goto done;
	}
	if ((tls = request_tls(req)) == NULL)
		goto done;
	if ((fd = request_connect(req->url, deadline)) == -1) {
		rv = REQUEST_UNREACHED;
		goto done;
	}
	if (request_handshake(req, tls, fd, deadline) == -1)
		goto done;
	if (request_send(req, tls, fd, head, (size_t)len, deadline) == -1 ||
	    (req->body != NULL && request_send(req, tls, fd, req->body,
	    req->bodylen, deadline) == -1))
		goto done;
	rv = request_receive(req, tls, fd, resp, deadline);
 done:
	/* no waiting for close_notify: the answer told its length */
	if (tls != NULL && fd != -1)
		(void)tls_close(tls);
	tls_free(tls);
	if (fd != -1)
		close(fd);
	free(head);
	return (rv);
}

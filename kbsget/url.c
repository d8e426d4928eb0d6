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
 * URLs, as far as a user's -u goes (RFC 3986): https only, a host, perhaps a
 * port and a base path.  No user, query or fragment, nothing percent-encoded:
 * what can't be needed here can only be a mistake.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kbsget.h"

#define URL_PORT	"9443"

static int
url_name_valid(const char *host)
{
	const char	*p;
	size_t		 label = 0;

	for (p = host; *p != '\0'; p++) {
		if (*p == '.') {
			if (label == 0 || p[-1] == '-')
				return (0);
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			return (0);
		if ((*p == '-' && label == 0) || ++label > 63)
			return (0);
	}
	return (p != host && p[-1] != '-');
}

static int
url_host(struct url *url, const char *host, size_t len)
{
	struct in6_addr	 in6;

	url->v6 = len > 0 && host[0] == '[';
	if (url->v6) {
		if (len < 2 || host[len - 1] != ']')
			return (-1);
		host++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(url->host))
		return (-1);
	memcpy(url->host, host, len);
	url->host[len] = '\0';
	if (url->v6)
		return (inet_pton(AF_INET6, url->host, &in6) == 1 ? 0 : -1);
	return (url_name_valid(url->host) ? 0 : -1);
}

static int
url_port(struct url *url, const char *port, size_t len)
{
	const char	*error;

	if (len == 0 || len >= sizeof(url->port) ||
	    strspn(port, "0123456789") < len)
		return (-1);
	memcpy(url->port, port, len);
	url->port[len] = '\0';
	strtonum(url->port, 1, 65535, &error);
	return (error == NULL ? 0 : -1);
}

static int
url_path(struct url *url, const char *path)
{
	size_t	 len = strlen(path);

	while (len > 0 && path[len - 1] == '/')
		len--;
	if (len >= sizeof(url->path) ||
	    strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-._~/") < len)
		return (-1);
	memcpy(url->path, path, len);
	url->path[len] = '\0';
	/* a proxy would resolve these, to something else perhaps */
	if (strstr(url->path, "//") != NULL || strstr(url->path, "/.") != NULL)
		return (-1);
	return (0);
}

int
url_parse(struct url *url, const char *text, const char **why)
{
	const char	*host, *end, *port;

	memset(url, 0, sizeof(*url));
	if (strncasecmp(text, "https://", 8) != 0) {
		*why = "it must begin with https://";
		return (-1);
	}
	host = text + 8;
	end = host + strcspn(host, "/?#");
	port = end;
	while (port > host && isdigit((unsigned char)port[-1]))
		port--;
	if (port > host && port[-1] == ':') {
		if (url_port(url, port, (size_t)(end - port)) == -1) {
			*why = "the port must be a number from 1 to 65535";
			return (-1);
		}
		port--;
	} else {
		port = end;
		memcpy(url->port, URL_PORT, sizeof(URL_PORT));
	}
	if (url_host(url, host, (size_t)(port - host)) == -1) {
		*why = "the host must be a name, an IPv4 address or "
		    "an IPv6 address in brackets";
		return (-1);
	}
	if (url_path(url, end) == -1) {
		*why = "the path must be plain: no query, no fragment, no "
		    "percent sign, no empty or dot segment";
		return (-1);
	}
	return (0);
}

int
url_authority(const struct url *url, char *buf, size_t size)
{
	int	 n;

	n = snprintf(buf, size, url->v6 ? "[%s]:%s" : "%s:%s", url->host,
	    url->port);
	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

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
 * URLs, taken apart by libcurl's own parser, so that the host that is
 * compared with the configuration is the one that libcurl would go to.  What
 * two parsers could read in two ways is refused before that.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "url.h"

/* Printable ASCII without what has a meaning in some other parser. */
static int
url_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' ||
		    strchr("\\\"<>^`{|}", *text) != NULL)
			return (0);
	return (1);
}

/* libcurl also takes one slash, and three. */
static int
url_slashes(const char *text)
{
	const char	*p = strchr(text, ':');

	return (p != NULL && strncmp(p, "://", 3) == 0 && p[3] != '/');
}

static int
url_part(CURLU *u, CURLUPart part, unsigned int flags, char *out, size_t size)
{
	char	*text = NULL;
	int	 ret = -1;

	if (curl_url_get(u, part, &text, flags) == CURLUE_OK &&
	    strlcpy(out, text, size) < size)
		ret = 0;
	curl_free(text);
	return (ret);
}

static int
url_has(CURLU *u, CURLUPart part)
{
	char	*text = NULL;
	int	 has;

	has = curl_url_get(u, part, &text, 0) == CURLUE_OK;
	curl_free(text);
	return (has);
}

/* Out of brackets, lower case, and no name that ends in a dot. */
static const char *
host_set(struct host *host, const char *text, int *numeric)
{
	struct in6_addr	 a;
	size_t		 i, len = strlen(text);

	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(host->name))
		return ("has no usable host");
	memcpy(host->name, text, len);
	host->name[len] = '\0';
	*numeric = inet_pton(AF_INET6, host->name, &a) == 1 ||
	    inet_pton(AF_INET, host->name, &a) == 1;
	if (*numeric)
		return (NULL);
	for (i = 0; i < len; i++) {
		host->name[i] = (char)tolower((unsigned char)host->name[i]);
		if (!isalnum((unsigned char)host->name[i]) &&
		    strchr("-._", host->name[i]) == NULL)
			return ("has no usable host");
	}
	if (host->name[0] == '.' || host->name[len - 1] == '.')
		return ("has a host that begins or ends with a dot");
	return (NULL);
}

static const char *
url_fill(struct url *url, CURLU *u)
{
	char		 host[HOST_MAX + 2], port[8];
	const char	*why;

	if (url_has(u, CURLUPART_USER) || url_has(u, CURLUPART_PASSWORD) ||
	    url_has(u, CURLUPART_OPTIONS))
		return ("has a user name");
	if (url_has(u, CURLUPART_FRAGMENT) || url_has(u, CURLUPART_ZONEID))
		return ("has a fragment or zone");
	if (url_part(u, CURLUPART_HOST, 0, host, sizeof(host)) == -1 ||
	    url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, port,
	    sizeof(port)) == -1)
		return ("has no usable host");
	if ((why = host_set(&url->host, host, &url->numeric)) != NULL)
		return (why);
	url->host.port = (uint16_t)strtonum(port, 1, 65535, &why);
	if (why != NULL)
		return ("has no usable port");
	if (url_part(u, CURLUPART_URL, 0, url->text, sizeof(url->text)) == -1)
		return ("is too long");
	return (NULL);
}

static const char *
url_read(struct url *url, const char *text, int plain)
{
	CURLU		*u;
	const char	*why;
	char		 scheme[8] = "";

	memset(url, 0, sizeof(*url));
	if (!url_plain(text) || text[0] == '\0')
		return ("is not plain text");
	if (!url_slashes(text))
		return ("is no URL");
	if ((u = curl_url()) == NULL)
		return ("needs more memory");
	if (curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) !=
	    CURLUE_OK)
		why = "is no URL";
	else if (url_part(u, CURLUPART_SCHEME, 0, scheme,
	    sizeof(scheme)) == -1 || (strcmp(scheme, "https") != 0 &&
	    (!plain || strcmp(scheme, "http") != 0)))
		why = plain ? "is neither http nor https" : "is not https";
	else
		why = url_fill(url, u);
	url->plain = why == NULL && strcmp(scheme, "http") == 0;
	curl_url_cleanup(u);
	return (why);
}

const char *
url_parse(struct url *url, const char *text)
{
	return (url_read(url, text, 0));
}

const char *
url_parse_plain(struct url *url, const char *text)
{
	return (url_read(url, text, 1));
}

/*
 * The scheme may be left out.  The port is written out, for libcurl's default
 * for proxies is nobody else's.
 */
const char *
url_parse_proxy(struct url *url, const char *text)
{
	char		 whole[URL_MAX];
	const char	*why;
	int		 n;

	n = snprintf(whole, sizeof(whole), "%s%s",
	    strstr(text, "://") == NULL ? "http://" : "", text);
	if (n < 0 || (size_t)n >= sizeof(whole))
		return ("is too long");
	if ((why = url_read(url, whole, 1)) != NULL)
		return (why);
	n = snprintf(url->text, sizeof(url->text),
	    strchr(url->host.name, ':') == NULL ? "%s://%s:%u" :
	    "%s://[%s]:%u", strncmp(whole, "https:", 6) == 0 ? "https" :
	    "http", url->host.name, url->host.port);
	return (n < 0 || (size_t)n >= sizeof(url->text) ? "is too long" :
	    NULL);
}

const char *
host_parse(struct host *host, const char *text)
{
	struct url	 url;
	char		 whole[URL_MAX];
	const char	*why;
	int		 n;

	if (strpbrk(text, "/?#@") != NULL)
		return ("is no host");
	n = snprintf(whole, sizeof(whole), "https://%s/", text);
	if (n < 0 || (size_t)n >= sizeof(whole))
		return ("is too long");
	if ((why = url_parse(&url, whole)) == NULL)
		*host = url.host;
	return (why);
}

int
host_same(const struct host *a, const struct host *b)
{
	return (a->port == b->port && strcmp(a->name, b->name) == 0);
}

int
host_loopback(const struct host *host)
{
	struct in_addr	 a;

	return (strcmp(host->name, "localhost") == 0 ||
	    strcmp(host->name, "::1") == 0 ||
	    (inet_pton(AF_INET, host->name, &a) == 1 &&
	    ntohl(a.s_addr) >> 24 == 127));
}

const char *
url_append(struct url *url, const struct url *front, const char *path)
{
	char	 text[URL_MAX];
	size_t	 len = strlen(front->text);
	int	 n;

	if (strchr(front->text, '?') != NULL)
		return ("has a query");
	while (len > 0 && front->text[len - 1] == '/')
		len--;
	n = snprintf(text, sizeof(text), "%.*s%s", (int)len, front->text,
	    path);
	if (n < 0 || (size_t)n >= sizeof(text))
		return ("is too long");
	return (url_read(url, text, front->plain));
}

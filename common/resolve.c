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
 * Names become addresses by evdns in the loop: the libraries' own resolvers
 * want files and threads, which the sandbox forbids.  All names are of the
 * configuration, so there are few.  Addresses need not be true, for the
 * certificate is checked against the name.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "process.h"
#include "resolve.h"

#define KEEP_MS		60000
#define ADDRESSES	8	/* of one name, as many as are kept */
/* In the text of CURLOPT_RESOLVE: with brackets and comma. */
#define ADDRESS_MAX	(INET6_ADDRSTRLEN + 3)

struct name {
	TAILQ_ENTRY(name)	 entry;
	char			 host[HOST_MAX];
	char			 addresses[ADDRESSES * ADDRESS_MAX];
	uint64_t		 found;		/* when, in ms */
	int			 asking;
	TAILQ_HEAD(, resolve)	 waiting;
};

struct resolve {
	TAILQ_ENTRY(resolve)	 entry;
	struct name		*name;
	uint16_t		 port;
	void			(*found)(void *, const char *, const char *);
	void			*arg;
};

static TAILQ_HEAD(, name)	 names = TAILQ_HEAD_INITIALIZER(names);
static struct evdns_base	*dns;

static void
resolve_log(int warning, const char *text)
{
	if (warning)
		log_debug("resolve: %s", text);
	else
		log_trace("resolve: %s", text);
}

void
resolve_init(void)
{
	evdns_set_log_fn(resolve_log);
	if ((dns = evdns_base_new(base,
	    EVDNS_BASE_INITIALIZE_NAMESERVERS)) == NULL)
		fatalx("can't read the resolver's configuration");
}

static struct name *
resolve_get(const char *host)
{
	struct name	*name;

	TAILQ_FOREACH(name, &names, entry)
		if (strcmp(name->host, host) == 0)
			return (name);
	if ((name = calloc(1, sizeof(*name))) == NULL)
		return (NULL);
	strlcpy(name->host, host, sizeof(name->host));
	TAILQ_INIT(&name->waiting);
	TAILQ_INSERT_TAIL(&names, name, entry);
	return (name);
}

static void
resolve_tell(const struct name *name, uint16_t port,
    void (*found)(void *, const char *, const char *), void *arg,
    const char *why)
{
	char	 text[RESOLVE_MAX], reason[512];
	int	 n;

	if (name->addresses[0] == '\0') {
		snprintf(reason, sizeof(reason), "no address for %s: %s",
		    name->host, why);
		found(arg, NULL, reason);
		return;
	}
	n = snprintf(text, sizeof(text), "%s:%u:%s", name->host, port,
	    name->addresses);
	if (n < 0 || (size_t)n >= sizeof(text))
		found(arg, NULL, "too many addresses");
	else
		found(arg, text, NULL);
}

static void
resolve_add(char *text, size_t size, const struct sockaddr *sa)
{
	char		 address[INET6_ADDRSTRLEN];
	const void	*raw;
	size_t		 len = strlen(text);
	int		 v6 = sa->sa_family == AF_INET6;

	if (v6)
		raw = &((const struct sockaddr_in6 *)(const void *)
		    sa)->sin6_addr;
	else if (sa->sa_family == AF_INET)
		raw = &((const struct sockaddr_in *)(const void *)
		    sa)->sin_addr;
	else
		return;
	if (inet_ntop(sa->sa_family, raw, address, sizeof(address)) == NULL ||
	    size - len < ADDRESS_MAX)
		return;
	snprintf(text + len, size - len, "%s%s%s%s", len > 0 ? "," : "",
	    v6 ? "[" : "", address, v6 ? "]" : "");
}

/* When nothing was found the addresses of before are better than none. */
static void
resolve_found(int error, struct evutil_addrinfo *list, void *arg)
{
	struct evutil_addrinfo	*ai;
	struct resolve	*wait;
	struct name		*name = arg;

	name->asking = 0;
	if (error == 0 && list != NULL) {
		name->addresses[0] = '\0';
		for (ai = list; ai != NULL; ai = ai->ai_next)
			resolve_add(name->addresses, sizeof(name->addresses),
			    ai->ai_addr);
		name->found = now_ms();
	}
	if (list != NULL)
		evutil_freeaddrinfo(list);
	if (error != 0)
		log_debug("%s: %s", name->host, evutil_gai_strerror(error));
	while ((wait = TAILQ_FIRST(&name->waiting)) != NULL) {
		TAILQ_REMOVE(&name->waiting, wait, entry);
		resolve_tell(name, wait->port, wait->found, wait->arg,
		    error != 0 ? evutil_gai_strerror(error) : "none");
		free(wait);
	}
}

/*
 * Without AI_ADDRCONFIG: libevent would list the interfaces for it, which the
 * sandbox forbids, and libcurl tries all addresses anyway.
 */
static void
resolve_ask(struct name *name)
{
	struct evutil_addrinfo	 hints;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_protocol = IPPROTO_TCP;
	name->asking = 1;
	evdns_getaddrinfo(dns, name->host, NULL, &hints, resolve_found, name);
}

struct resolve *
resolve_find(const struct host *host,
    void (*found)(void *, const char *, const char *), void *arg)
{
	struct resolve	*wait;
	struct name		*name;

	if ((name = resolve_get(host->name)) == NULL ||
	    (wait = calloc(1, sizeof(*wait))) == NULL) {
		found(arg, NULL, "no memory for a name");
		return (NULL);
	}
	if (name->found != 0 && now_ms() - name->found < KEEP_MS) {
		free(wait);
		resolve_tell(name, host->port, found, arg, "none");
		return (NULL);
	}
	wait->name = name;
	wait->port = host->port;
	wait->found = found;
	wait->arg = arg;
	TAILQ_INSERT_TAIL(&name->waiting, wait, entry);
	if (!name->asking)
		resolve_ask(name);
	/* What stands in the hosts file has been told by now. */
	return (name->asking ? wait : NULL);
}

void
resolve_cancel(struct resolve *wait)
{
	TAILQ_REMOVE(&wait->name->waiting, wait, entry);
	free(wait);
}

static socklen_t
address_set(struct sockaddr_storage *ss, const char *text, uint16_t port)
{
	struct sockaddr_in	*sin = (void *)ss;
	struct sockaddr_in6	*sin6 = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, text, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		return (sizeof(*sin));
	}
	if (inet_pton(AF_INET6, text, &sin6->sin6_addr) == 1) {
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(port);
		return (sizeof(*sin6));
	}
	return (0);
}

socklen_t
resolve_next(const char **list, uint16_t port, struct sockaddr_storage *ss)
{
	char		 text[ADDRESS_MAX];
	size_t		 n;
	socklen_t	 len = 0;

	while (len == 0 && **list != '\0') {
		n = strcspn(*list, ",");
		if (n < sizeof(text)) {
			memcpy(text, *list, n);
			text[n] = '\0';
			if (n > 2 && text[0] == '[') {
				text[n - 1] = '\0';
				len = address_set(ss, text + 1, port);
			} else
				len = address_set(ss, text, port);
		}
		*list += n + ((*list)[n] == ',');
	}
	return (len);
}

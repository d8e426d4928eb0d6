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
 * Takes connections off the inherited sockets, as long as there is room: a
 * limit for this process, one for each source, and none for sources that
 * the parent has refused.  When descriptors or memory run out it rests a
 * while instead of spinning.
 *
 * A source is an IPv4 address or the first half of an IPv6 one: the other
 * half is its owner's to choose.
 */
#include <sys/socket.h>
#include <sys/tree.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend.h"
#include "kbsd.h"
#include "log.h"
#include "rate.h"
#include "tree.h"

#define AT_ONCE		4	/* the other frontends want some too */
#define REST_MS		200
#define SOURCES_MAX	65536	/* refused ones included */
#define SOURCE_LEAST	8	/* connections that any source may have */
#define REFUSE_MAX_MS	3600000

struct source {
	RB_ENTRY(source)	 node;
	uint8_t			 key[16];
	unsigned int		 count;
	uint64_t		 refused;	/* until then */
};

struct listener {
	int		 fd;
	struct event	*event;
};

RB_HEAD(sources, source);

static struct sources	 sources = RB_INITIALIZER(&sources);
static unsigned int	 nsources;
static struct listener	 listeners[LISTENERS_MAX];
static size_t		 nlisteners;
static unsigned int	 most = 1024;
static unsigned int	 most_of_source;	/* 0: a quarter of it */
static struct rate	*rate;			/* NULL: no limit */
static struct event	*rest;		/* ends a pause */
static int		 accepting, paused;

struct listen_counts	 listen_counts;
uint64_t		 limited[LIMIT_MAX];

static int
source_cmp(const struct source *a, const struct source *b)
{
	return (memcmp(a->key, b->key, sizeof(a->key)));
}

TREE_GENERATE(sources, source, node, source_cmp)

/* --- sources ---------------------------------------------------------- */

static void
source_key6(uint8_t key[16], const uint8_t addr[16])
{
	static const uint8_t	 mapped[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(key, addr, 16);
	if (memcmp(addr, mapped, sizeof(mapped)) != 0)
		memset(key + 8, 0, 8);
}

static void
source_key4(uint8_t key[16], const void *addr)
{
	memset(key, 0, 16);
	key[10] = key[11] = 0xff;
	memcpy(key + 12, addr, 4);
}

static struct source *
source_find(const uint8_t key[16])
{
	struct source	 find;

	memcpy(find.key, key, sizeof(find.key));
	return (RB_FIND(sources, &sources, &find));
}

static void
source_drop(struct source *s)
{
	RB_REMOVE(sources, &sources, s);
	nsources--;
	free(s);
}

/* Refusals whose time is over, when they have grown many. */
static void
source_sweep(void)
{
	struct source	*s, *next;
	uint64_t	 now = now_ms();

	RB_FOREACH_SAFE(s, sources, &sources, next)
		if (s->count == 0 && s->refused <= now)
			source_drop(s);
}

static struct source *
source_get(const uint8_t key[16])
{
	struct source	*s;

	if ((s = source_find(key)) != NULL)
		return (s);
	if (nsources >= SOURCES_MAX)
		source_sweep();
	if (nsources >= SOURCES_MAX || (s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	memcpy(s->key, key, sizeof(s->key));
	RB_INSERT(sources, &sources, s);
	nsources++;
	return (s);
}

/*
 * The parent has the address from a process that may be anybody's: one that
 * is none is no reason to end.
 */
void
listen_refuse(const char *address, uint32_t ms)
{
	struct source	*s;
	struct in_addr	 a4;
	struct in6_addr	 a6;
	uint8_t		 key[16];
	uint64_t	 until;

	if (ms > REFUSE_MAX_MS)
		ms = REFUSE_MAX_MS;
	if (inet_pton(AF_INET, address, &a4) == 1)
		source_key4(key, &a4);
	else if (inet_pton(AF_INET6, address, &a6) == 1)
		source_key6(key, a6.s6_addr);
	else {
		log_warnx("\"%s\" is no address to be refused", address);
		return;
	}
	if ((s = source_get(key)) == NULL) {
		log_warnx("no room to refuse %s", address);
		return;
	}
	until = now_ms() + ms;
	if (s->refused < until)
		s->refused = until;
	log_warnx("refusing connections from %s for %u ms", address, ms);
}

/* --- accepting -------------------------------------------------------- */

static void
listen_want(int want)
{
	size_t	 i;

	for (i = 0; i < nlisteners; i++) {
		if (listeners[i].event == NULL)
			continue;
		if (want)
			event_add(listeners[i].event, NULL);
		else
			event_del(listeners[i].event);
	}
}

static void
listen_pause(int ms)
{
	struct timeval	 tv = { 0, ms * 1000 };

	if (!paused) {
		listen_want(0);
		paused = 1;
		listen_counts.pauses++;
	}
	if (ms > 0)
		event_add(rest, &tv);
}

static void
listen_resume(void)
{
	if (!paused || !accepting || event_pending(rest, EV_TIMEOUT, NULL))
		return;
	paused = 0;
	listen_want(1);
}

static void
listen_rested(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	listen_resume();
}

static int
address_of(const struct sockaddr_storage *ss, uint8_t key[16], char *text,
    size_t size)
{
	const struct sockaddr_in	*sin = (const void *)ss;
	const struct sockaddr_in6	*sin6 = (const void *)ss;

	if (ss->ss_family == AF_INET) {
		source_key4(key, &sin->sin_addr);
		return (inet_ntop(AF_INET, &sin->sin_addr, text,
		    (socklen_t)size) == NULL ? -1 : 0);
	}
	if (ss->ss_family != AF_INET6)
		return (-1);
	source_key6(key, sin6->sin6_addr.s6_addr);
	if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr))
		return (inet_ntop(AF_INET, sin6->sin6_addr.s6_addr + 12, text,
		    (socklen_t)size) == NULL ? -1 : 0);
	return (inet_ntop(AF_INET6, &sin6->sin6_addr, text,
	    (socklen_t)size) == NULL ? -1 : 0);
}

static unsigned int
source_most(void)
{
	unsigned int	 n = most / 4;

	if (most_of_source != 0)
		return (most_of_source);
	return (n < SOURCE_LEAST ? SOURCE_LEAST : n);
}

static void
listen_take(int fd, const struct sockaddr_storage *ss, size_t listener)
{
	struct source	*s;
	char		 address[ADDRESS_TEXT_MAX];
	uint8_t		 key[16];

	if (address_of(ss, key, address, sizeof(address)) == -1 ||
	    (s = source_get(key)) == NULL || s->refused > now_ms()) {
		listen_counts.refused++;
		close(fd);
		return;
	}
	if (s->count >= source_most()) {
		limited[LIMIT_ADDRESS_CONNECTIONS]++;
		listen_counts.refused++;
		close(fd);
		return;
	}
	/* at the cost of who has been idle longest */
	if (conn_count() >= most) {
		limited[LIMIT_CONNECTIONS]++;
		(void)conn_evict();
	}
	s->count++;
	if (conn_new(fd, address, s, listener) == -1) {
		s->count--;
		close(fd);
		return;
	}
	listen_counts.accepted++;
}

static void
listen_ready(int fd, short what, void *arg)
{
	const struct listener	*l = arg;
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	int			 i, s;

	(void)what;
	for (i = 0; i < AT_ONCE; i++) {
		if (conn_count() >= most && !conn_can_evict()) {
			limited[LIMIT_CONNECTIONS]++;
			listen_pause(0);
			return;
		}
		len = sizeof(ss);
		s = accept4(fd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (s != -1) {
			listen_take(s, &ss, (size_t)(l - listeners));
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS) {
			log_warn("accept");
			(void)conn_evict();
			listen_pause(REST_MS);
		}
		return;
	}
}

/* A connection of this source has ended. */
void
listen_left(struct source *s)
{
	if (--s->count == 0 && s->refused <= now_ms())
		source_drop(s);
	listen_resume();
}

/* --- start and end ---------------------------------------------------- */

int
listen_add(int fd)
{
	int	 on = 1;

	if (nlisteners == LISTENERS_MAX)
		return (-1);
	/* accepted sockets inherit it: one call instead of one for each */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	listeners[nlisteners++].fd = fd;
	return (0);
}

void
listen_limit(unsigned int n)
{
	most = n;
}

unsigned int
listen_most(void)
{
	return (most);
}

void
listen_limit_source(unsigned int n, uint32_t per_second, uint32_t burst)
{
	most_of_source = n;
	if (per_second != 0 && (rate = rate_new(per_second, burst)) == NULL)
		fatalx("no memory to count requests");
}

uint64_t
listen_asked(const struct source *s)
{
	uint64_t	 ms;

	if (rate == NULL)
		return (0);
	if ((ms = rate_take(rate, s->key, now_ms())) != 0)
		limited[LIMIT_ADDRESS_RATE]++;
	return (ms);
}

void
listen_start(void)
{
	size_t	 i;
	int	 fd, flags;

	if (accepting)
		return;
	if ((rest = evtimer_new(base, listen_rested, NULL)) == NULL)
		fatalx("no memory for events");
	for (i = 0; i < nlisteners; i++) {
		fd = listeners[i].fd;
		if ((flags = fcntl(fd, F_GETFL)) == -1 ||
		    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
			fatal("listener");
		if ((listeners[i].event = event_new(base, fd, EV_READ |
		    EV_PERSIST, listen_ready, &listeners[i])) == NULL)
			fatalx("no memory for events");
	}
	accepting = 1;
	listen_want(1);
}

/* For good: the parent and the next set have the sockets too. */
void
listen_stop(void)
{
	size_t	 i;

	accepting = 0;
	for (i = 0; i < nlisteners; i++) {
		if (listeners[i].event != NULL)
			event_free(listeners[i].event);
		close(listeners[i].fd);
	}
	nlisteners = 0;
	if (rest != NULL)
		event_del(rest);
}

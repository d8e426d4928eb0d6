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
 * What the service manager is told, where there is one: sd_notify(3), and its
 * watchdog, which is fed only while all is well.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <event2/event.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"
#include "timer.h"

#define STATE_MAX	512
/* A process that is being replaced at one of them is there at the next. */
#define FEEDS		4

static struct sockaddr_un	 manager;
static socklen_t		 managerlen;	/* 0: there is none */
static struct timeval		 interval;	/* 0: no watchdog */
static struct event		*watchdog;

static void
watchdog_init(void)
{
	const char	*usec = getenv("WATCHDOG_USEC"), *why;
	const char	*pid = getenv("WATCHDOG_PID");
	int64_t		 us;

	if (usec == NULL || (pid != NULL && strtonum(pid, 1, INT32_MAX,
	    &why) != getpid()))
		return;
	us = strtonum(usec, FEEDS, INT64_MAX, &why) / FEEDS;
	interval.tv_sec = us / 1000000;
	interval.tv_usec = us % 1000000;
}

void
notify_init(void)
{
	const char	*path = getenv("NOTIFY_SOCKET");

	if (path != NULL && strlen(path) < sizeof(manager.sun_path) &&
	    (path[0] == '/' || path[0] == '@')) {
		manager.sun_family = AF_UNIX;
		memcpy(manager.sun_path, path, strlen(path));
		managerlen = (socklen_t)(offsetof(struct sockaddr_un,
		    sun_path) + strlen(path));
		/* A name that is in no file system. */
		if (path[0] == '@')
			manager.sun_path[0] = '\0';
	}
	watchdog_init();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

/* It may have been started anew: a socket for each. */
void
notify(const char *fmt, ...)
{
	char	 state[STATE_MAX];
	va_list	 ap;
	int	 fd;

	if (managerlen == 0)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(state, sizeof(state), fmt, ap);
	va_end(ap);
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
	    (const struct sockaddr *)&manager, managerlen) == -1)
		log_debug("the service manager does not listen");
	close(fd);
}

void
notify_reloading(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	/* From version 253 on it wants to know since when. */
	notify("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading the "
	    "configuration again", (long long)ts.tv_sec * 1000000 +
	    ts.tv_nsec / 1000);
}

/* Who stops has the time that a stop may take. */
static int
all_alive(void)
{
	const struct set	*set = set_serving();
	const struct child	*c;

	if (set == NULL)
		return (parent_stopping());
	TAILQ_FOREACH(c, &set->children, entry)
		if (c->state != CHILD_READY)
			return (0);
	return (1);
}

static void
watchdog_feed(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (all_alive())
		notify("WATCHDOG=1");
	evtimer_add(watchdog, &interval);
}

void
notify_watch(void)
{
	if (managerlen == 0 || (interval.tv_sec == 0 && interval.tv_usec == 0))
		return;
	watchdog = timer_new(watchdog_feed, NULL);
	evtimer_add(watchdog, &interval);
}

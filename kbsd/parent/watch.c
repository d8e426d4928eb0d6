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
 * Files of TLS that somebody renews while kbsd runs: certificates and keys,
 * and what certificates of clients are judged by.  When they have changed a
 * new set is started from the configuration in force, whatever kbsd.conf says
 * by now; its signer reads the keys, which the parent does not, and does not
 * start unless each fits its certificate.  So what is half written, or does
 * not match, costs a line in the log, and is tried again when it has changed
 * once more.
 */

#include <sys/queue.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "parent.h"

#define DAY	(24 * 60 * 60)
/* A self-made certificate is renewed at a start 30 days before its end. */
#define OWN_AGE	((CERTIFICATE_DAYS - CERTIFICATE_LEFT_DAYS + 1) * DAY)

static struct event	*timer;
static struct marks	 tried = TAILQ_HEAD_INITIALIZER(tried);

static void
watch_later(unsigned int seconds)
{
	struct timeval	 tv = { .tv_sec = (time_t)seconds };

	evtimer_add(timer, &tv);
}

/* As they are now. */
static void
watch_mark(struct marks *now, const struct set *set)
{
	const struct mark	*m;

	TAILQ_INIT(now);
	TAILQ_FOREACH(m, &set->marks, entry)
		if (m->watched)
			mark_add(now, m->path, m->said != NULL ?
			    MARK_CERTIFICATE : MARK_WATCHED);
}

static int
watch_differs(const struct marks *now, const struct marks *then)
{
	const struct mark	*m, *old;

	TAILQ_FOREACH(m, now, entry)
		if ((old = mark_find(then, m->path)) == NULL ||
		    !mark_same(m, old))
			return (1);
	return (0);
}

/* What is no certificate, or not there, is being written still. */
static const char *
watch_unfinished(const struct set *set, const struct marks *now)
{
	const struct mark	*m, *old;

	TAILQ_FOREACH(m, now, entry) {
		old = mark_find(&set->marks, m->path);
		if (!m->there || m->st.st_size == 0 ||
		    (old->said != NULL && m->said == NULL))
			return (m->path);
	}
	return (NULL);
}

/* Its own: the signer would renew it, were it started. */
static int
watch_is_old(const struct set *set)
{
	struct stat	 st;
	static time_t	 last;
	time_t		 now = time(NULL);

	if (!TAILQ_EMPTY(&set->conf->certificates) || stat(files_path(
	    set->conf, "tls.crt"), &st) == -1 || now - st.st_mtime < OWN_AGE ||
	    (last != 0 && now - last < DAY))
		return (0);
	last = now;
	return (1);
}

static void
watch_try(const struct set *set, struct marks *now)
{
	const char	*path;

	marks_free(&tried);
	TAILQ_CONCAT(&tried, now, entry);
	if ((path = watch_unfinished(set, &tried)) != NULL) {
		log_warnx("%s has changed and is not complete: what was there "
		    "before is used", path);
		return;
	}
	log_info("files of TLS have changed: starting with them");
	if (parent_again() == -1)
		marks_free(&tried);	/* the next time */
}

static void
watch_look(int fd, short what, void *arg)
{
	const struct set	*set = set_serving();
	struct marks		 now;

	(void)fd;
	(void)what;
	(void)arg;
	if (set == NULL || set->conf->watch == 0)
		return;
	watch_mark(&now, set);
	if (watch_differs(&now, &set->marks)) {
		if (watch_differs(&now, &tried))
			watch_try(set, &now);
	} else if (watch_is_old(set)) {
		log_info("the self-made certificate ends soon: starting with "
		    "a new one");
		(void)parent_again();
	}
	marks_free(&now);
	watch_later(set->conf->watch);
}

void
watch_begin(const struct set *set)
{
	marks_free(&tried);
	if (timer == NULL && (timer = evtimer_new(base, watch_look,
	    NULL)) == NULL)
		fatal("evtimer_new");
	evtimer_del(timer);
	if (set->conf->watch != 0)
		watch_later(set->conf->watch);
}

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
 * What a rotation or a check that was cut short left at a keystore elsewhere:
 * material that our own database knows of, and has no record for.  It is
 * removed at the start, when the keystore is checked, and when the key is
 * rotated again; one at a time, and never one of ours that goes on.  One of the
 * kms beside us, at a reload, fails when what it has put is claimed here.
 */

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "kms.h"
#include "log.h"
#include "timer.h"

#define SOON_MS		50	/* who asked for it ends first */
#define LATER_MS	1000

static const struct backend	*backend;
static struct event		*timer;
static struct job		*sweep;		/* NULL: nothing is removed */

static void
sweep_end(void)
{
	if (sweep->timer != NULL)
		event_free(sweep->timer);
	free(sweep);
	sweep = NULL;
}

static void
sweep_removed(struct job *job, enum done_result result, const char *reason,
    const void *data, size_t len)
{
	char	 id[UUID_TEXT];

	(void)data;
	(void)len;
	uuid_format(&job->record.id, id);
	if (result != DONE_OK)
		log_warnx("version %u of key %s, which was never recorded, "
		    "can't be removed: %s", job->record.version, id, reason);
	else if (records_swept(&job->record.id, job->record.version) >= 0) {
		log_info("version %u of key %s, which was never recorded, is "
		    "removed", job->record.version, id);
		timer_set(timer, SOON_MS);	/* there may be more */
	}
	sweep_end();
}

static void
sweep_timeout(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	backend->cancel(sweep);
	sweep_removed(sweep, DONE_UNAVAILABLE, "the keystore took too long",
	    NULL, 0);
}

static void
sweep_next(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (sweep != NULL)
		return;
	if ((sweep = calloc(1, sizeof(*sweep))) == NULL)
		fatal("calloc");
	sweep->type = IMSG_KMS_DELETE;
	sweep->ours = sweep_removed;
	if (records_unsure(&sweep->record.id, &sweep->record.version,
	    sweep->record.backend) != 1) {
		sweep_end();
		return;
	}
	/* The kms beside us, at a reload, may have recorded it by now. */
	if (jobs_changing(sweep) || check_puts(&sweep->record.id) ||
	    records_claim(&sweep->record.id, sweep->record.version) != 1) {
		sweep_end();
		timer_set(timer, LATER_MS);
		return;
	}
	sweep->deadline = now_ms() + DEADLINE_KEYSTORE_MS;
	sweep->timer = timer_new(sweep_timeout, NULL);
	timer_set(sweep->timer, DEADLINE_KEYSTORE_MS);
	backend->remove(sweep, sweep->record.backend);
}

void
sweep_start(void)
{
	if (backend->elsewhere)
		timer_set(timer, SOON_MS);
}

void
sweep_init(const struct backend *b)
{
	backend = b;
	timer = timer_new(sweep_next, NULL);
}

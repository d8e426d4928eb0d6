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
 * The administrator that the configuration names: made once, with all
 * permissions, when there is no user of that name.  If there is one it stays
 * as it is.  The password is wiped as soon as that is known.
 */

#include <event2/event.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth.h"
#include "log.h"
#include "secret.h"

#define RETRY_SECONDS	1

static char		*password;	/* secret memory; NULL: nothing to do */
static size_t		 passwordlen;
static int		 busy;		/* waiting for broker or hasher */
static struct event	*timer;
static struct user_record user;

void
admin_secret(int fd)
{
	if (auth_conf.administrator[0] == '\0')
		return;
	if (fd == -1)
		fatalx("administrator %s has no password file",
		    auth_conf.administrator);
	if ((password = secret_read(fd, PASSWORD_MAX + 1,
	    &passwordlen)) == NULL)
		fatal("the administrator's password");
	if (!password_valid(password, passwordlen))
		fatalx("the administrator's password must have %d to %d "
		    "bytes", PASSWORD_MIN, PASSWORD_MAX);
}

static void
admin_end(void)
{
	secret_free(password);
	password = NULL;
	busy = 0;
	if (timer != NULL)
		event_free(timer);
	timer = NULL;
	login_resume(auth_conf.administrator);
}

/* Until it is known whether there is one, nobody can be told a password. */
int
admin_is_pending(const char *name)
{
	return (password != NULL &&
	    strcmp(name, auth_conf.administrator) == 0);
}

static void
admin_timer(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	admin_try();
}

static void
admin_later(void)
{
	struct timeval	 tv = { .tv_sec = RETRY_SECONDS };

	busy = 0;
	if (timer == NULL && (timer = evtimer_new(base, admin_timer,
	    NULL)) == NULL)
		fatalx("no memory for a timer");
	evtimer_add(timer, &tv);
}

static void
admin_written(void *arg, enum row_result result)
{
	(void)arg;
	switch (result) {
	case ROW_OK:
		log_info("made user %s, administrator", user.name);
		break;
	case ROW_EXISTS:
	case ROW_CONFLICT:
		break;		/* another set was first */
	default:
		admin_later();
		return;
	}
	admin_end();
}

static void
admin_hashed(void *arg, int ok, const char *hash)
{
	struct wbuf	 w = { 0 };

	(void)arg;
	memset(&user, 0, sizeof(user));
	uuid_make(&user.id);
	/* the sizes are the same */
	(void)strlcpy(user.name, auth_conf.administrator, sizeof(user.name));
	user.permissions = PERM_ALL;
	user.generation = 1;
	user.created = user.updated = time(NULL);
	if (ok != 1 || make_user(&w, &user, hash) == -1) {
		wb_free(&w);
		admin_later();
	} else if (rows_put(ROW_USER, &w, admin_written, &user) == -1)
		admin_later();
}

static void
admin_rows(void *arg, const struct rows_found *found)
{
	char	*copy;

	(void)arg;
	if (found != NULL && found->user != NULL &&
	    strcmp(found->user->name, auth_conf.administrator) == 0) {
		if (seal_user_check(found->user) == -1) {
			auth_counts.unsealed++;
			log_alert("the row of user %s was not written by "
			    "kbsd: not believed", auth_conf.administrator);
		}
		admin_end();
		return;
	}
	if (found == NULL ||
	    (copy = password_copy(password, passwordlen)) == NULL ||
	    hash_make(copy, admin_hashed, &user) == -1)
		admin_later();
}

void
admin_try(void)
{
	struct rows_wanted	 wanted = { .name = auth_conf.administrator };

	if (password == NULL || busy || edge_find(PROC_BROKER, 0) == NULL ||
	    edge_find(PROC_HASHER, 0) == NULL)
		return;
	busy = 1;
	if (rows_want(&wanted, admin_rows, &user) == -1)
		admin_later();
}

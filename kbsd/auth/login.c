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
 * POST /token: from name and password to a bearer token.  A name is looked
 * up, judged and counted in the same way and time whether or not there is
 * such a user.  Tries of one name go one after the other, and the answer
 * leaves only when the count is on disk, so neither many at once nor a
 * crash gives anybody more tries than the configuration says.
 */

#include <sys/queue.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth.h"
#include "log.h"

/* Another set of processes may write the same row: then it is read again. */
#define TRIES_MAX	5
/* Audit lines of logins that were refused without any work, in a second. */
#define CHEAP_LINES	10

#define TEXT_WRONG	"wrong user name or password"
#define TEXT_LOCKED	"too many failed logins: try again later"
#define TEXT_BUSY	"too many logins at once: try again later"
#define TEXT_DOWN	"logins can't be served now: try again later"

struct login {
	TAILQ_ENTRY(login)	 entry;
	struct edge		*edge;
	uint64_t		 number;
	char			 client[ADDRESS_TEXT_MAX];
	char			 name[NAME_MAX_USER];
	char			*password;	/* NULL: nobody's, or checked */
	struct event		*timer;
	struct user_record	 user;		/* the one it was checked by */
	struct lockout_record	 lockout;
	int			 running;
	int			 checked;
	int			 ok;
	int			 tries;
};

static TAILQ_HEAD(, login)	 logins = TAILQ_HEAD_INITIALIZER(logins);
static unsigned int		 nlogins;

static void	login_start(struct login *);

unsigned int
login_count(void)
{
	return (nlogins);
}

static void
login_free(struct login *login)
{
	TAILQ_REMOVE(&logins, login, entry);
	nlogins--;
	rows_cancel(login);
	hash_cancel(login);
	event_free(login->timer);
	password_free(login->password);
	freezero(login, sizeof(*login));
}

/* --- answers ------------------------------------------------------------ */

/* token NULL unless 200 */
static void
reply(struct edge *edge, uint64_t number, unsigned int status, int64_t retry,
    const char *error, const char *token)
{
	struct wbuf	 w = { 0 };

	if (retry > RETRY_AFTER_MAX)
		retry = RETRY_AFTER_MAX;
	wb_u64(&w, number);
	wb_u16(&w, (uint16_t)status);
	wb_u16(&w, (uint16_t)retry);
	wb_str(&w, error);
	wb_bytes(&w, token, token == NULL ? 0 : strlen(token));
	if (edge_send(edge, IMSG_FRONTEND_TOKEN, &w) == -1)
		log_warn("a login can't be answered");
}

/* Lines that cost their cause nothing must not fill the disk. */
static int
cheap_line_allowed(void)
{
	static uint64_t		 second;
	static unsigned int	 n;
	uint64_t		 now = now_ms() / 1000;

	if (now != second) {
		second = now;
		n = 0;
	}
	return (n++ < CHEAP_LINES);
}

static void
audit(const struct login *login, int ok, const char *reason)
{
	struct wbuf	 w = { 0 };

	wb_str(&w, login->client);
	wb_str(&w, login->name);
	wb_u8(&w, (uint8_t)ok);
	wb_str(&w, reason);
	if (edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_LOGGED_IN,
	    &w) == -1)
		log_warn("no audit line of a login");
}

/* The end of one; the next of this name may begin. */
static void
login_end(struct login *login, unsigned int status, int64_t retry,
    const char *error, const char *token, const char *reason)
{
	char	 name[NAME_MAX_USER];

	if (login->checked || cheap_line_allowed())
		audit(login, token != NULL, reason);
	log_info("login of %s from %s: %s", login->name, login->client,
	    reason);
	reply(login->edge, login->number, status, retry, error, token);
	memcpy(name, login->name, sizeof(name));
	login_free(login);
	login_resume(name);
}

static void
login_unavailable(struct login *login, const char *reason)
{
	login_end(login, 503, RETRY_BUSY, TEXT_DOWN, NULL, reason);
}

static void
login_locked(struct login *login, int64_t now)
{
	int64_t	 left = login->lockout.until - now;

	auth_counts.locked++;
	/* It may have ended while it was written. */
	login_end(login, 429, left > 0 ? left : 1, TEXT_LOCKED, NULL,
	    "locked");
}

static void
login_good(struct login *login)
{
	char	*token;

	token = token_make(&login->user, time(NULL), auth_conf.lifetime);
	if (token == NULL) {
		login_unavailable(login, "no token could be made");
		return;
	}
	auth_counts.logins++;
	login_end(login, 200, 0, "", token, "ok");
	freezero(token, strlen(token));
}

static void
login_wrong(struct login *login)
{
	auth_counts.wrong++;
	login_end(login, 401, 0, TEXT_WRONG, NULL, "wrong name or password");
}

/* --- steps -------------------------------------------------------------- */

/* What is written tells what the answer is. */
static void
login_written(void *arg, enum row_result result)
{
	struct login	*login = arg;

	if ((result == ROW_CONFLICT || result == ROW_EXISTS) &&
	    ++login->tries < TRIES_MAX)
		login_start(login);
	else if (result != ROW_OK)
		login_unavailable(login, "its count could not be kept");
	else if (!login->checked)
		login_locked(login, time(NULL));
	else if (login->ok)
		login_good(login);
	else
		login_wrong(login);
}

static void
login_write(struct login *login)
{
	struct wbuf	 w = { 0 };

	wb_lockout_record(&w, &login->lockout);
	if (rows_put(ROW_LOCKOUT, &w, login_written, login) == -1)
		login_unavailable(login, "its count could not be kept");
}

static void
login_decide(struct login *login)
{
	struct lockout_record	*l = &login->lockout;

	login->checked = 1;
	if (!login->ok)
		lockout_fail(l, &auth_conf, time(NULL));
	else if (l->failures == 0 && l->until == 0) {
		login_good(login);
		return;
	} else
		lockout_clear(l);
	login_write(login);
}

static void
login_hashed(void *arg, int ok, const char *hash)
{
	struct login	*login = arg;

	(void)hash;
	if (ok == -1) {
		login_unavailable(login, "the hasher is gone");
		return;
	}
	login->ok = ok && !uuid_isnil(&login->user.id);
	login_decide(login);
}

/* The user's hash, or "", for which the hasher works as long. */
static void
login_check(struct login *login, const struct user_record *user)
{
	char	 hash[HASH_TEXT] = "", *password = login->password;
	int	 error;

	if (password == NULL) {
		login_decide(login);
		return;
	}
	if (user != NULL && strcmp(user->name, login->name) == 0) {
		if (seal_user_open(user, hash) == 0)
			login->user = *user;
		else {
			auth_counts.unsealed++;
			log_alert("the row of user %s was not written by "
			    "kbsd: not believed", login->name);
			hash[0] = '\0';
		}
	}
	login->password = NULL;
	error = hash_check(password, hash, login_hashed, login);
	explicit_bzero(hash, sizeof(hash));
	if (error == -1)
		login_unavailable(login, "the hasher is busy");
}

static void
login_rows(void *arg, const struct rows_found *found)
{
	struct login		*login = arg;
	struct lockout_record	*l = &login->lockout;
	int64_t			 now = time(NULL);

	if (found == NULL) {
		login_unavailable(login, "the rows can't be had");
		return;
	}
	memset(l, 0, sizeof(*l));
	if (found->lockout != NULL &&
	    strcmp(found->lockout->name, login->name) == 0)
		*l = *found->lockout;
	/* the sizes are the same */
	(void)strlcpy(l->name, login->name, sizeof(l->name));
	switch (lockout_look(l, &auth_conf, now)) {
	case LOCKOUT_CLOSED:
		login_locked(login, now);
		return;
	case LOCKOUT_CHANGED:
		/* what was found out meanwhile is not told */
		login->checked = 0;
		login_write(login);
		return;
	case LOCKOUT_OPEN:
		break;
	}
	if (login->checked)
		login_decide(login);
	else
		login_check(login, found->user);
}

static void
login_start(struct login *login)
{
	struct rows_wanted	 wanted = { .name = login->name };

	login->running = 1;
	if (rows_want(&wanted, login_rows, login) == -1)
		login_unavailable(login, "the broker is busy");
}

static void
login_timeout(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	login_unavailable(arg, "not done in time");
}

/* --- beginnings --------------------------------------------------------- */

static struct login *
login_new(struct edge *edge, uint64_t number, const char *client,
    const char *name)
{
	struct timeval	 tv = { .tv_sec = DEADLINE_REQUEST_MS / 1000 };
	struct login	*login;

	if ((login = calloc(1, sizeof(*login))) == NULL)
		return (NULL);
	login->timer = evtimer_new(base, login_timeout, login);
	if (login->timer == NULL || evtimer_add(login->timer, &tv) == -1) {
		if (login->timer != NULL)
			event_free(login->timer);
		free(login);
		return (NULL);
	}
	login->edge = edge;
	login->number = number;
	(void)strlcpy(login->client, client, sizeof(login->client));
	(void)strlcpy(login->name, name, sizeof(login->name));
	TAILQ_INSERT_TAIL(&logins, login, entry);
	nlogins++;
	return (login);
}

static int
name_is_running(const char *name)
{
	const struct login	*login;

	TAILQ_FOREACH(login, &logins, entry)
		if (login->running && strcmp(login->name, name) == 0)
			return (1);
	return (0);
}

static void
login_begin(struct edge *edge, uint64_t number, const char *client,
    const char *name, const uint8_t *password, size_t len)
{
	struct login	*login;

	if (nlogins >= LOGINS_MAX ||
	    (login = login_new(edge, number, client, name)) == NULL) {
		auth_counts.busy++;
		reply(edge, number, 429, RETRY_BUSY, TEXT_BUSY, NULL);
		return;
	}
	/* What can be nobody's password is counted, but not hashed. */
	if (len <= PASSWORD_MAX && memchr(password, '\0', len) == NULL &&
	    (login->password = password_copy(password, len)) == NULL) {
		login_unavailable(login, "no memory for a password");
		return;
	}
	login_resume(name);
}

/* One of them: its end starts the next. */
void
login_resume(const char *name)
{
	struct login	*login;

	if (name_is_running(name) || admin_is_pending(name))
		return;
	TAILQ_FOREACH(login, &logins, entry)
		if (strcmp(login->name, name) == 0) {
			login_start(login);
			return;
		}
}

int
login_ask(struct edge *edge, struct rbuf *r)
{
	const uint8_t	*text, *password;
	char		 client[ADDRESS_TEXT_MAX], name[NAME_MAX_USER];
	uint64_t	 number;
	size_t		 len, passwordlen;

	number = rb_u64(r);
	rb_str(r, client, sizeof(client));
	text = rb_bytes(r, &len, 0, EVIDENCE_MAX);
	password = rb_bytes(r, &passwordlen, 0, EVIDENCE_MAX);
	if (rb_end(r) == -1)
		return (-1);
	if (len == 0 || passwordlen == 0) {
		reply(edge, number, 400, 0, "empty user name or password",
		    NULL);
		return (0);
	}
	/* No user has such a name, and nobody need be told. */
	if (len >= sizeof(name) || memchr(text, '\0', len) != NULL) {
		reply(edge, number, 401, 0, TEXT_WRONG, NULL);
		return (0);
	}
	memcpy(name, text, len);
	name[len] = '\0';
	login_begin(edge, number, client, name, password, passwordlen);
	return (0);
}

/*
 * The client is gone, but a try that was begun is counted: login_end()'s
 * answer has nowhere to go then.
 */
void
login_front_down(const struct edge *edge)
{
	struct login	*login, *next;

	TAILQ_FOREACH_SAFE(login, &logins, entry, next) {
		if (login->edge != edge)
			continue;
		login->edge = NULL;
		if (!login->running)
			login_free(login);
	}
}

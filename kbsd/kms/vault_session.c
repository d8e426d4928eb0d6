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
 * What calls need before them: a token, from a file or by AppRole, and which
 * version of KV the mount is.  A token is renewed at half of its time, and
 * where that is no longer possible another one is got: by logging in again, or
 * by reading the file once more.
 */

#include <sys/stat.h>

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "secret.h"
#include "timer.h"
#include "vault.h"

#define HEADER		"X-Vault-Token: "
#define STEP_MS		DEADLINE_KEYSTORE_MS
#define LATER_MS	5000	/* after a step that failed */
#define LEAST_MS	200
/* A token that is refused so soon lacks rights, not time. */
#define FRESH_MS	1000
#define TTL_MAX		(30u * 24 * 3600)
/* Vault locks a role out for 15 minutes after five secret ids of no use. */
#define REFUSED_MS	(20 * 60 * 1000)

static const struct json_limits	 limits = { VAULT_BODY_MAX, 1024, 16 };

/* What is asked, one after the other; what is known already is left out. */
enum step { STEP_NONE, STEP_LOGIN, STEP_LOOKUP, STEP_MOUNT, STEP_RENEW };

static char		*header;	/* secret: HEADER and token */
static char		*secret;	/* secret: what the file holds */
static int		 file = -1;
static enum step	 doing;
static int		 has_token, looked_up, renewable, doubted;
static int		 mount_known, guessed;
static unsigned int	 told;		/* version of KV; 0: none */
static unsigned int	 token;		/* which one it is */
static uint64_t		 got;		/* when, in ms */
static uint64_t		 granted;	/* when its time began, in ms */
static uint64_t		 expires;	/* 0: never */
static uint64_t		 due;		/* its renewal, in ms; 0: none */
static struct timespec	 written, refused;	/* the secret id's file */
static uint64_t		 refused_at;	/* in ms; 0: it was not */
static char		 failure[REASON_TEXT_MAX];
static struct call	*call;		/* of doing */
static struct event	*later;		/* the next renewal, or try */
static struct event	*soon;		/* the next step, from the loop */
static char		 path[64 + VAULT_NAME_MAX];

static void	session_step(void);
static void	session_answered(void *, const struct reply *);

char *
session_header(void)
{
	return (header);
}

unsigned int
session_token(void)
{
	return (token);
}

int
session_ready(void)
{
	return (has_token && mount_known && !doubted);
}

/* --- the token ---------------------------------------------------------- */

/* No character that would end a header; the value is not NUL terminated. */
static int
token_set(const char *value, size_t len)
{
	size_t	 i;

	if (len == 0 || len > VAULT_TOKEN_MAX)
		return (-1);
	for (i = 0; i < len; i++)
		if (value[i] <= ' ' || value[i] > '~')
			return (-1);
	memcpy(header + sizeof(HEADER) - 1, value, len);
	header[sizeof(HEADER) - 1 + len] = '\0';
	token++;
	has_token = 1;
	looked_up = 0;
	renewable = 0;
	doubted = 0;
	if (guessed)
		mount_known = 0;
	got = now_ms();
	expires = 0;
	due = 0;
	return (0);
}

/* The file as it is now, without its last newline; -1: not usable. */
static ssize_t
secret_load(void)
{
	struct stat	 st;
	ssize_t		 n;

	if (fstat(file, &st) == 0)
		written = st.st_mtim;
	n = pread(file, secret, VAULT_TOKEN_MAX, 0);
	if (n > 0 && secret[n - 1] == '\n')
		n--;
	return (n > 0 ? n : -1);
}

/* 1: it is another one than before. */
static int
token_reload(void)
{
	const char	*old = header + sizeof(HEADER) - 1;
	ssize_t		 n = secret_load();

	if (n == -1 || (has_token && strlen(old) == (size_t)n &&
	    secret_cmp(old, secret, (size_t)n) == 0))
		return (0);
	if (token_set(secret, (size_t)n) == -1) {
		log_warnx("the token file holds no token");
		return (0);
	}
	return (1);
}

/* When its renewal is due, whatever else the timer is set for meanwhile. */
static void
token_due(uint64_t ms)
{
	due = now_ms() + ms;
	timer_set(later, ms);
}

/* What Vault gives it from now, in seconds; less than one is none. */
static void
token_lives(uint64_t seconds, int may_renew)
{
	uint64_t	 ms = seconds > TTL_MAX ? TTL_MAX * 1000ull :
			    seconds > 0 ? seconds * 1000 : 500;

	looked_up = 1;
	renewable = may_renew;
	granted = now_ms();
	expires = granted + ms;
	token_due(ms / 2);
}

/* As that of root, or one of which nothing is known. */
static void
token_stays(void)
{
	looked_up = 1;
	renewable = 0;
	expires = 0;
	due = 0;
}

/*
 * What failed is tried again, and not sooner than the token needs.  Where that
 * was the renewal it is due then; what else failed leaves that as it is.
 */
static void
token_later(void)
{
	uint64_t	 now = now_ms(), ms = LATER_MS;

	if (expires > now && (expires - now) / 2 < ms)
		ms = (expires - now) / 2;
	if (ms < LEAST_MS)
		ms = LEAST_MS;
	timer_set(later, ms);
	if (due != 0 && due < now + ms)
		due = now + ms;
}

/* --- steps -------------------------------------------------------------- */

static char *
login_body(size_t *len)
{
	json_t	*object;
	char	*text = NULL;
	ssize_t	 n;

	if ((n = secret_load()) == -1)
		return (NULL);
	if ((object = json_pack("{s:s,s:s%}", "role_id", vault.role_id,
	    "secret_id", secret, (size_t)n)) != NULL)
		text = json_write(object, len);
	json_decref(object);
	return (text);
}

static void
session_call(enum step step, const char *method, char *body, size_t len,
    int flags)
{
	doing = step;
	call = call_start(NULL, method, path, body, len, now_ms() + STEP_MS,
	    flags, session_answered, NULL);
	if (call == NULL) {
		doing = STEP_NONE;
		token_later();
	}
}

/* The file holds what Vault would not have, and has not been touched. */
static int
login_is_vain(void)
{
	return (refused_at != 0 && now_ms() - refused_at < REFUSED_MS &&
	    refused.tv_sec == written.tv_sec &&
	    refused.tv_nsec == written.tv_nsec);
}

static void
session_login(void)
{
	char	*body;
	size_t	 len = 0;

	if ((body = login_body(&len)) == NULL)
		strlcpy(failure, "the secret id file is empty or no text",
		    sizeof(failure));
	if (body == NULL || login_is_vain()) {
		if (body != NULL)
			freezero(body, len);
		token_later();
		if (!session_ready())
			vault_unready(failure);
		return;
	}
	snprintf(path, sizeof(path), "/v1/auth/%s/login", vault.login);
	session_call(STEP_LOGIN, "POST", body, len, CALL_BARE);
}

static void
session_renew(void)
{
	char	*body;

	if ((body = strdup("{}")) == NULL)
		fatal("strdup");
	snprintf(path, sizeof(path), "/v1/auth/token/renew-self");
	session_call(STEP_RENEW, "POST", body, 2, 0);
}

/* A renewal that hangs is no use to who wants another token. */
static void
session_drop(void)
{
	if (doing != STEP_RENEW || !doubted)
		return;
	call_cancel(call);
	call = NULL;
	doing = STEP_NONE;
}

/* All is there: the timer is the renewal's, and who waits may go. */
static void
session_whole(void)
{
	uint64_t	 now = now_ms();

	if (due != 0)
		timer_set(later, due > now ? due - now : 0);
	else
		event_del(later);
	vault_ready();
}

/*
 * What is missing first.  A token that is doubted is looked up, be it ours by
 * a login: what it may not do is no reason for another one.
 */
static void
session_step(void)
{
	session_drop();
	if (doing != STEP_NONE)
		return;
	if (vault.role_id[0] == '\0' && (!has_token || doubted) &&
	    !token_reload() && !has_token) {
		strlcpy(failure, "there is no token", sizeof(failure));
		timer_set(later, LATER_MS);
		vault_unready(failure);
	} else if (!has_token)
		session_login();
	else if (!looked_up || doubted) {
		snprintf(path, sizeof(path), "/v1/auth/token/lookup-self");
		session_call(STEP_LOOKUP, "GET", NULL, 0, 0);
	} else if (!mount_known) {
		snprintf(path, sizeof(path), "/v1/sys/internal/ui/mounts/%s",
		    vault.mount);
		session_call(STEP_MOUNT, "GET", NULL, 0, 0);
	} else
		session_whole();
}

/* Nothing more can be done for it here. */
static void
token_ends(void)
{
	uint64_t	 now = now_ms(), left = expires > now ? expires - now :
			    0;

	if (left > 0)
		log_warnx("the token ends in %llu s and can't be renewed: "
		    "put another one into its file",
		    (unsigned long long)left / 1000);
	token_due(left > 2 * LATER_MS ? left / 2 : LATER_MS);
}

static void
session_soon(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	session_step();
}

/* Half of its time is over, or what failed is tried again. */
static void
session_later(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (doing != STEP_NONE)
		token_later();
	else if (!session_ready() || !looked_up)
		session_step();
	else if (renewable)
		session_renew();
	else if (vault.role_id[0] != '\0')
		session_login();
	else if (token_reload())
		session_step();
	else if (expires != 0)
		token_ends();
}

/* --- answers ------------------------------------------------------------ */

static const char *
read_login(json_t *whole)
{
	const json_t	*auth = json_object_get(whole, "auth");
	const json_t	*text = json_object_get(auth, "client_token");
	json_int_t	 ttl;

	if (!json_is_string(text) || token_set(json_string_value(text),
	    json_string_length(text)) == -1)
		return ("its answer has no token");
	ttl = json_integer_value(json_object_get(auth, "lease_duration"));
	if (ttl == 0)
		token_stays();
	else
		token_lives((uint64_t)ttl, json_is_true(json_object_get(auth,
		    "renewable")));
	log_info("logged in by AppRole");
	return (NULL);
}

static const char *
read_lookup(json_t *whole)
{
	const json_t	*data = json_object_get(whole, "data");
	json_int_t	 ttl = json_integer_value(json_object_get(data, "ttl"));

	/* The last second is 0, too. */
	if (ttl == 0 && !json_is_string(json_object_get(data, "expire_time")))
		token_stays();
	else
		token_lives((uint64_t)ttl, json_is_true(json_object_get(data,
		    "renewable")));
	doubted = 0;
	return (NULL);
}

/*
 * Null where it never had options: version 1.  With the wrong one keys would
 * be written that no removal finds.
 */
static const char *
read_mount(json_t *whole)
{
	static char	 why[VAULT_NAME_MAX + 192];
	const json_t	*data = json_object_get(whole, "data");
	const char	*text, *at;
	unsigned int	 version;
	size_t		 len = strlen(vault.mount);

	text = json_string_value(json_object_get(json_object_get(data,
	    "options"), "version"));
	at = json_string_value(json_object_get(data, "path"));
	version = text != NULL && strcmp(text, "2") == 0 ? 2 : 1;
	if (told != 0 && told != version) {
		snprintf(why, sizeof(why), "mount %s is KV version %u, and "
		    "the configuration says %u", vault.mount, version, told);
		return (why);
	}
	if (version == 2 && at != NULL && (strncmp(at, vault.mount, len) != 0 ||
	    strcmp(at + len, "/") != 0)) {
		snprintf(why, sizeof(why), "%s is no mount, but lies within "
		    "%.128s", vault.mount, at);
		return (why);
	}
	vault.version = version;
	mount_known = 1;
	guessed = 0;
	log_info("mount %s is KV version %u", vault.mount, vault.version);
	return (NULL);
}

/*
 * As long as each renewal moves its end it may be renewed; what does not is
 * held by its greatest time, and Vault answers the next with an error.
 */
static const char *
read_renew(json_t *whole)
{
	const json_t	*auth = json_object_get(whole, "auth");
	uint64_t	 old = expires, passed = now_ms() - granted;
	uint64_t	 ttl;

	ttl = (uint64_t)json_integer_value(json_object_get(auth,
	    "lease_duration"));
	token_lives(ttl, json_is_true(json_object_get(auth, "renewable")));
	if (expires < old + passed / 2)
		renewable = 0;
	log_debug("the token is renewed for %llu s",
	    (unsigned long long)ttl);
	return (NULL);
}

static const struct {
	const char	*what;
	const char	*(*read)(json_t *);
} steps[] = {
	[STEP_LOGIN] = { "login by AppRole", read_login },
	[STEP_LOOKUP] = { "lookup of the token", read_lookup },
	[STEP_MOUNT] = { "lookup of the mount", read_mount },
	[STEP_RENEW] = { "renewal of the token", read_renew },
};

/*
 * Not everybody may look: then a token is good until a key says otherwise,
 * and a mount is as the reference server has it.  1: go on.
 */
static int
session_refused(enum step step, const struct reply *reply)
{
	if (reply->status != 403 && reply->status != 404)
		return (0);
	if (step == STEP_LOOKUP && !doubted && reply->status == 403 &&
	    strstr(reply->why, "invalid token") == NULL) {
		log_warnx("the token may not look itself up: it won't be "
		    "renewed");
		token_stays();
		return (1);
	}
	/* One that ended, or may not look: a login gives another. */
	if (step == STEP_LOOKUP && doubted && reply->status == 403 &&
	    vault.role_id[0] != '\0') {
		has_token = doubted = 0;
		return (1);
	}
	if (step == STEP_MOUNT) {
		vault.version = told != 0 ? told : 1;
		if (!guessed)
			log_warnx("mount %s can't be looked up: taken for KV "
			    "version %u", vault.mount, vault.version);
		mount_known = guessed = 1;
		return (1);
	}
	return (0);
}

/* A step's answer, where one came, that is not for another time. */
static void
session_denied(enum step step, long status)
{
	if (step == STEP_RENEW)
		renewable = 0;	/* another one is got in time */
	else if (step == STEP_LOOKUP && status == 403)
		has_token = 0;
	else if (step == STEP_LOGIN && status == 400) {
		refused = written;
		refused_at = now_ms();
		log_warnx("the secret id is not tried again until its file is "
		    "written or touched");
	}
}

static void
session_failed(enum step step, const struct reply *reply, const char *why)
{
	char	 text[sizeof(failure)];

	/* What goes on for hours is said once. */
	snprintf(text, sizeof(text), "%s: %s", steps[step].what, why);
	if (strcmp(text, failure) != 0)
		log_warnx("%s", text);
	strlcpy(failure, text, sizeof(failure));
	if (reply->status == 400 || reply->status == 403)
		session_denied(step, reply->status);
	if (doubted && (reply->status == 400 || reply->status == 403)) {
		has_token = 0;
		doubted = 0;
	}
	token_later();
	if (session_ready())
		vault_ready();
	else
		vault_unready(failure);
}

static void
session_answered(void *arg, const struct reply *reply)
{
	enum step	 step = doing;
	const char	*why = reply->why;
	char		 scrap[128];
	json_t		*whole;

	(void)arg;
	doing = STEP_NONE;
	call = NULL;
	if (reply->status == 200) {
		whole = json_read((const char *)reply->data, reply->len,
		    &limits, scrap, sizeof(scrap));
		why = whole == NULL ? scrap : steps[step].read(whole);
		json_decref(whole);
	} else if (session_refused(step, reply))
		why = NULL;
	if (why != NULL)
		session_failed(step, reply, why);
	else {
		failure[0] = '\0';
		timer_set(soon, 0);
	}
}

/* --- from outside ------------------------------------------------------- */

const char *
session_stage(void)
{
	return (call != NULL ? call_stage(call) : failure);
}

void
session_want(void)
{
	timer_set(soon, 0);
}

/* Once for each token; what is younger than its refusal lacks rights. */
void
session_doubt(unsigned int which)
{
	if (which == token && !doubted && now_ms() - got > FRESH_MS)
		doubted = 1;
	timer_set(soon, 0);
}

void
session_doubt_mount(void)
{
	mount_known = 0;
}

void
session_open(int fd)
{
	struct stat	 st;

	if (fd == -1)
		fatalx("no token file");
	if (fstat(fd, &st) == -1)
		fatal("token file");
	if (st.st_size == 0 || st.st_size > VAULT_TOKEN_MAX)
		fatalx("token file: empty, or more than %d bytes",
		    VAULT_TOKEN_MAX);
	file = fd;
	told = vault.version;
	header = secret_alloc(sizeof(HEADER) + VAULT_TOKEN_MAX);
	secret = secret_alloc(VAULT_TOKEN_MAX + 1);
	if (header == NULL || secret == NULL)
		fatal("secret memory");
	memcpy(header, HEADER, sizeof(HEADER));
	if (vault.role_id[0] == '\0' && !token_reload())
		fatalx("the token file holds no token");
}

void
session_run(void)
{
	later = timer_new(session_later, NULL);
	soon = timer_new(session_soon, NULL);
	timer_set(soon, 0);
}

uint64_t
session_ends(void)
{
	uint64_t	 now = now_ms();

	return (expires > now ? (expires - now) / 1000 : 0);
}

void
session_counters(struct wbuf *w)
{
	wb_str(w, "token");
	wb_u64(w, token);
}

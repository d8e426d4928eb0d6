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
 * The keystore in Vault: one call for each key that is got, put or removed.
 */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_client.h"
#include "log.h"
#include "resolve.h"
#include "secret.h"
#include "vault.h"

#define PATH_TEXT_MAX	(VAULT_NAME_MAX + NAME_MAX_BACKEND + 32)

struct vault_settings	 vault;

enum wanted { WANT_GET, WANT_PUT, WANT_REMOVE, WANT_MAX };

/* A job and its call. */
struct asked {
	TAILQ_ENTRY(asked)	 entry;		/* of waiting */
	struct job		*job;
	enum wanted		 wanted;
	struct key_record	 record;
	char			 path[PATH_TEXT_MAX];
	unsigned int		 version;	/* of KV, as it was asked */
	struct call		*call;		/* under way */
	int			 waits;		/* for the session */
	unsigned int		 token;		/* that it was made with */
	int			 again;		/* it was refused once */
	int			 compare;	/* is it what was put? */
};

static TAILQ_HEAD(, asked)	 waiting = TAILQ_HEAD_INITIALIZER(waiting);
static uint8_t			*plain;		/* MATERIAL_MAX, secret */
static int			 tokenfd = -1, cafd = -1;

static const char	 denied[] = "Vault does not permit it to this token";

static void	asked_answered(void *, const struct reply *);

/* --- one job ------------------------------------------------------------- */

static void
asked_free(struct asked *a)
{
	if (a->call != NULL)
		call_cancel(a->call);
	if (a->waits)
		TAILQ_REMOVE(&waiting, a, entry);
	free(a);
}

static void
asked_wait(struct asked *a)
{
	TAILQ_INSERT_TAIL(&waiting, a, entry);
	a->waits = 1;
}

/* The session is settled: all who waited so far. */
static void
asked_each(void (*fn)(struct asked *, const char *), const char *why)
{
	struct asked	*a, *next;

	TAILQ_FOREACH_SAFE(a, &waiting, entry, next) {
		TAILQ_REMOVE(&waiting, a, entry);
		a->waits = 0;
		fn(a, why);
	}
}

/* The job's answer, whatever was wanted. */
static void
asked_end(struct asked *a, enum done_result result, const char *why,
    size_t len)
{
	struct job	*job = a->job;
	enum wanted	 wanted = a->wanted;

	asked_free(a);
	job->asked = NULL;
	if (wanted == WANT_GET)
		work_got(job, result, why, plain, len);
	else if (wanted == WANT_PUT)
		work_put(job, result, why, NULL, 0);
	else
		work_removed(job, result, why);
	explicit_bzero(plain, len);
}

/* --- calls --------------------------------------------------------------- */

/* Where it lies; deleting means all versions of it. */
static void
asked_path(struct asked *a)
{
	const char	*kind = "";

	if (a->version == 2)
		kind = a->wanted == WANT_REMOVE ? "metadata/" : "data/";
	snprintf(a->path, sizeof(a->path), "/v1/%s/%s%s", vault.mount, kind,
	    a->record.backend);
}

static void
asked_go(struct asked *a)
{
	static const char *const	 methods[WANT_MAX] = { "GET", "POST",
					    "DELETE" };
	const struct job		*job = a->job;
	char				*body = NULL;
	size_t				 len = 0;

	a->version = vault.version;
	asked_path(a);
	if (a->wanted == WANT_PUT && !a->compare &&
	    (body = value_write(&a->record, a->version, job->material,
	    job->materiallen, &len)) == NULL) {
		asked_end(a, DONE_UNAVAILABLE, "no memory for a request", 0);
		return;
	}
	a->token = session_token();
	a->call = call_start(&job->name, a->compare ? "GET" :
	    methods[a->wanted], a->path, body, len, job->deadline, 0,
	    asked_answered, a);
	if (a->call == NULL)
		asked_end(a, DONE_UNAVAILABLE, "no memory for a request", 0);
}

/* The call is made from the loop when the session is not ready yet. */
static void
asked_new(struct job *job, enum wanted wanted, const char *backend)
{
	struct asked	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		fatal("calloc");
	a->job = job;
	a->wanted = wanted;
	a->record = job->record;
	(void)strlcpy(a->record.backend, backend, sizeof(a->record.backend));
	job->asked = a;
	if (session_ready()) {
		asked_go(a);
		return;
	}
	asked_wait(a);
	session_want();
}

/*
 * Who may create may not write a second time: what was put, and its answer
 * lost, is refused then, too.
 */
static void
asked_ready(struct asked *a, const char *why)
{
	(void)why;
	if (a->again && a->token == session_token()) {
		if (a->wanted != WANT_PUT || a->compare) {
			asked_end(a, DONE_UNAVAILABLE, denied, 0);
			return;
		}
		a->compare = 1;
	}
	asked_go(a);
}

static void
asked_unready(struct asked *a, const char *why)
{
	asked_end(a, DONE_UNAVAILABLE, why, 0);
}

void
vault_ready(void)
{
	asked_each(asked_ready, NULL);
}

void
vault_unready(const char *why)
{
	asked_each(asked_unready, why);
}

/* --- answers ------------------------------------------------------------- */

/* No key, or no mount: only the text of the errors tells. */
static void
answered_none(struct asked *a, const struct reply *reply)
{
	char	 errors[256];

	value_errors(reply->data, reply->len, errors, sizeof(errors));
	if (errors[0] != '\0') {
		session_doubt_mount();
		asked_end(a, DONE_UNAVAILABLE, reply->why, 0);
	} else if (a->wanted == WANT_REMOVE)
		asked_end(a, DONE_OK, "", 0);
	else if (a->wanted == WANT_PUT)
		asked_end(a, DONE_UNAVAILABLE, a->again ? denied : "Vault "
		    "has a deleted key under this name", 0);
	else
		asked_end(a, DONE_NONE, "there is no such key in Vault", 0);
}

static void
answered_value(struct asked *a, const struct reply *reply)
{
	char		 text[REASON_TEXT_MAX];
	const char	*why;
	size_t		 len = 0;
	int		 none;

	why = value_read(&a->record, a->version, reply->data, reply->len,
	    plain, &len, &none);
	if (why == NULL && a->compare && (len != a->job->materiallen ||
	    secret_cmp(plain, a->job->material, len) != 0))
		why = "it is another key";
	if (why == NULL) {
		asked_end(a, DONE_OK, "", len);
		return;
	}
	explicit_bzero(plain, MATERIAL_MAX);
	snprintf(text, sizeof(text), "in Vault: %s", why);
	asked_end(a, none ? DONE_NONE : DONE_REFUSED, text, 0);
}

/* A write whose answer was lost is refused when it is made again. */
static int
is_there_already(const struct asked *a, const struct reply *reply)
{
	return (a->wanted == WANT_PUT && !a->compare && reply->status == 400 &&
	    strstr(reply->why, "check-and-set parameter did not match") !=
	    NULL);
}

static void
asked_answered(void *arg, const struct reply *reply)
{
	struct asked	*a = arg;

	a->call = NULL;
	if (reply->status == 403 && !a->again) {
		a->again = 1;
		asked_wait(a);
		session_doubt(a->token);
	} else if (is_there_already(a, reply)) {
		a->compare = 1;
		asked_go(a);
	} else if (reply->status == 404)
		answered_none(a, reply);
	else if (reply->status == 200 &&
	    (a->wanted == WANT_GET || a->compare))
		answered_value(a, reply);
	else if ((reply->status == 200 || reply->status == 204) &&
	    a->wanted != WANT_GET && !a->compare)
		asked_end(a, DONE_OK, "", 0);
	else
		asked_end(a, DONE_UNAVAILABLE, reply->why, 0);
}

/* --- the backend --------------------------------------------------------- */

/* It becomes part of a path. */
static int
is_name(const char *name)
{
	if (name[0] == '\0' || name[0] == '.')
		return (0);
	for (; *name != '\0'; name++)
		if (!isalnum((unsigned char)*name) &&
		    strchr("-_.", *name) == NULL)
			return (0);
	return (1);
}

static void
vault_get(struct job *job, const struct row *row)
{
	if (is_name(row->record.backend))
		asked_new(job, WANT_GET, row->record.backend);
	else
		work_got(job, DONE_NONE, "this is no name of a key in Vault",
		    NULL, 0);
}

static void
vault_put(struct job *job)
{
	asked_new(job, WANT_PUT, job->record.backend);
}

static void
vault_remove(struct job *job, const char *backend)
{
	asked_new(job, WANT_REMOVE, backend);
}

static void
vault_cancel(struct job *job)
{
	if (job->asked != NULL)
		asked_free(job->asked);
	job->asked = NULL;
}

static const char *
vault_stage(const struct job *job)
{
	const struct asked	*a = job->asked;

	return (a == NULL ? "" : a->call != NULL ? call_stage(a->call) :
	    session_stage());
}

static void
vault_libraries(void)
{
	http_init();
	resolve_init();
}

static int
config_servers(struct rbuf *r)
{
	char		 text[URL_MAX];
	const char	*why;
	uint32_t	 i, n;

	n = rb_u32(r);
	if (r->failed || n == 0 || n > VAULT_SERVERS_MAX)
		return (-1);
	for (i = 0; i < n; i++) {
		rb_str(r, text, sizeof(text));
		if (r->failed)
			return (-1);
		if ((why = url_parse_plain(&vault.servers[i], text)) != NULL) {
			log_warnx("url \"%s\" %s", text, why);
			return (-1);
		}
	}
	vault.nservers = n;
	return (0);
}

static int
vault_config(struct rbuf *r)
{
	if (config_servers(r) == -1)
		return (-1);
	rb_str(r, vault.mount, sizeof(vault.mount));
	rb_str(r, vault.namespace, sizeof(vault.namespace));
	vault.version = rb_u8(r);
	rb_str(r, vault.role_id, sizeof(vault.role_id));
	rb_str(r, vault.login, sizeof(vault.login));
	return (vault.version > 2 ? -1 : rb_end(r));
}

static int
vault_descriptor(uint32_t role, int fd)
{
	int	*where;

	if (role == FD_KMS_SECRET)
		where = &tokenfd;
	else if (role == FD_CA)
		where = &cafd;
	else
		return (-1);
	if (*where != -1)
		return (-1);
	*where = fd;
	return (0);
}

static void
vault_open(int sealed)
{
	(void)sealed;
	if ((plain = secret_alloc(MATERIAL_MAX)) == NULL)
		fatal("secret memory");
	if (cafd == -1)
		fatalx("ca has not come");
	http_ca(cafd);
	close(cafd);
	session_open(tokenfd);
}

static void
vault_counters(struct wbuf *w)
{
	call_counters(w);
	session_counters(w);
}

const struct backend backend_vault = {
	.name = "vault",
	.elsewhere = 1,
	.libraries = vault_libraries,
	.config = vault_config,
	.descriptor = vault_descriptor,
	.open = vault_open,
	.run = session_run,
	.get = vault_get,
	.put = vault_put,
	.remove = vault_remove,
	.cancel = vault_cancel,
	.stage = vault_stage,
	.counters = vault_counters,
	.credential = session_ends,
};

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
 * The keystore behind a KMIP server.  Each key that is put there has a name
 * made of its id, by which one that was put without being recorded is found;
 * and so has each that the server makes itself.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kmip.h"
#include "log.h"
#include "resolve.h"
#include "secret.h"

#define PUBLIC		":public"
#define NAME_TEXT	(sizeof("kbsd:") + NAME_MAX_BACKEND)
#define PUBLIC_TEXT	(NAME_TEXT + sizeof(PUBLIC))

struct kmip_settings	 kmip;

struct asked;

/* Where a job stands: what was asked last, and what follows its answer. */
struct step {
	enum kmip_operation	 operation;
	int			 safe;
	void			(*answered)(struct asked *,
				    const struct kmip_answer *);
	const struct step	*lost;		/* when no answer came */
};

struct asked {
	struct job		*job;
	const struct step	*step;
	struct key_record	 record;
	char			 id[NAME_MAX_BACKEND];
	char			 name[PUBLIC_TEXT];
	char			 public[PUBLIC_TEXT];	/* of the other half */
	struct op		*op;
	const struct step	*put;		/* how it came there */
	int			 again;		/* put twice */
	int			 other;		/* the public half goes */
};

static uint8_t		*plain;		/* MATERIAL_MAX, secret */
static int		 certfd = -1, keyfd = -1, cafd = -1, secretfd = -1;

static void	got(struct asked *, const struct kmip_answer *);
static void	was_put(struct asked *, const struct kmip_answer *);
static void	found_own(struct asked *, const struct kmip_answer *);
static void	compared(struct asked *, const struct kmip_answer *);
static void	activated(struct asked *, const struct kmip_answer *);
static void	found_left(struct asked *, const struct kmip_answer *);
static void	destroyed(struct asked *, const struct kmip_answer *);
static void	revoked(struct asked *, const struct kmip_answer *);
static void	destroyed_last(struct asked *, const struct kmip_answer *);

static const struct step	 get = { KMIP_GET, 1, got, NULL };
static const struct step	 find_own = { KMIP_LOCATE, 1, found_own,
				    NULL };
static const struct step	 put = { KMIP_REGISTER, 0, was_put,
				    &find_own };
static const struct step	 make = { KMIP_CREATE, 0, was_put,
				    &find_own };
static const struct step	 make_pair = { KMIP_CREATE_PAIR, 0, was_put,
				    &find_own };
static const struct step	 compare = { KMIP_GET, 1, compared, NULL };
static const struct step	 activate = { KMIP_ACTIVATE, 0, activated,
				    NULL };
static const struct step	 find_left = { KMIP_LOCATE, 1, found_left,
				    NULL };
static const struct step	 destroy = { KMIP_DESTROY, 1, destroyed,
				    NULL };
static const struct step	 revoke = { KMIP_REVOKE, 1, revoked, NULL };
static const struct step	 destroy_last = { KMIP_DESTROY, 1,
				    destroyed_last, NULL };

/* --- jobs ---------------------------------------------------------------- */

/* The job's answer, by what was asked for it. */
static void
end(struct asked *a, enum done_result result, const char *why, size_t len)
{
	struct job	*job = a->job;
	int		 fetched = a->step == &get;

	free(a);
	job->asked = NULL;
	if (job->type == IMSG_KMS_DELETE)
		work_removed(job, result, why);
	else if (fetched)
		work_got(job, result, why, plain, len);
	else
		work_put(job, result, why, NULL, 0);
	explicit_bzero(plain, len);
}

static void
end_refused(struct asked *a, const struct kmip_answer *answer)
{
	const char	*lacks = hello_lacks(a->step->operation);
	char		 why[REASON_TEXT_MAX];

	if (lacks != NULL)
		snprintf(why, sizeof(why), "%.128s does not offer %s",
		    kmip.server.name, lacks);
	else
		snprintf(why, sizeof(why), "%.128s refused it (reason %u): "
		    "%.256s", kmip.server.name, answer->reason,
		    answer->message);
	end(a, DONE_UNAVAILABLE, why, 0);
}

static void	step_done(void *, const struct kmip_answer *, const char *,
		    int);

static void
step_to(struct asked *a, const struct step *step)
{
	struct kmip_ask	 ask = {
		.operation = step->operation, .id = a->id, .name = a->name,
		.public = a->public, .record = &a->record,
		.material = a->job->material,
		.materiallen = a->job->materiallen,
	};

	a->step = step;
	a->op = wire_ask(&ask, a->job->deadline, step->safe, step_done, a);
}

/* A key that was sent, and perhaps taken, is looked for by its name. */
static void
step_done(void *arg, const struct kmip_answer *answer, const char *why,
    int sent)
{
	struct asked	*a = arg;

	a->op = NULL;
	if (answer != NULL)
		a->step->answered(a, answer);
	else if (a->step->lost != NULL && sent && !a->again)
		step_to(a, a->step->lost);
	else
		end(a, DONE_UNAVAILABLE, why, 0);
}

static struct asked *
asked_new(struct job *job, const char *id)
{
	struct asked	*a;
	char		 name[NAME_MAX_BACKEND];

	if ((a = calloc(1, sizeof(*a))) == NULL)
		fatal("calloc");
	a->job = job;
	a->record = job->record;
	(void)strlcpy(a->id, id, sizeof(a->id));
	/* of an older version, when that is removed */
	if (job->removed != 0)
		a->record.version = job->removed;
	key_record_name(&a->record, name);
	snprintf(a->name, sizeof(a->name), "kbsd:%s", name);
	snprintf(a->public, sizeof(a->public), "kbsd:%s" PUBLIC, name);
	job->asked = a;
	return (a);
}

/* --- get ----------------------------------------------------------------- */

/* Answers have the order of their requests; whose they are they say, too. */
static const char *
read_plain(struct asked *a, const struct kmip_answer *answer, size_t *len)
{
	char		 id[sizeof(a->id)];
	const char	*why;

	*len = 0;
	why = kmip_read_key(answer, &a->record, plain, len);
	if (why == NULL)
		why = kmip_read_id(answer, id, sizeof(id));
	if (why == NULL && strcmp(id, a->id) != 0)
		why = "it is another key";
	if (why != NULL)
		explicit_bzero(plain, MATERIAL_MAX);
	return (why);
}

/* A key of another owner is as good as none. */
static void
got(struct asked *a, const struct kmip_answer *answer)
{
	char		 text[REASON_TEXT_MAX];
	const char	*why;
	size_t		 len;

	if (answer->status != 0 && (answer->reason == KMIP_NOT_FOUND ||
	    answer->reason == KMIP_DENIED))
		end(a, DONE_NONE, "the KMIP server has no such key for us",
		    0);
	else if (answer->status != 0)
		end_refused(a, answer);
	else if ((why = read_plain(a, answer, &len)) != NULL) {
		snprintf(text, sizeof(text), "at the KMIP server: %s", why);
		end(a, DONE_REFUSED, text, 0);
	} else
		end(a, DONE_OK, "", len);
}

static void
kmip_get(struct job *job, const struct row *row)
{
	step_to(asked_new(job, row->record.backend), &get);
}

/* --- put ----------------------------------------------------------------- */

/* The server's id of it is the one that the record keeps. */
static void
put_done(struct asked *a)
{
	(void)strlcpy(a->job->record.backend, a->id,
	    sizeof(a->job->record.backend));
	end(a, DONE_OK, "", 0);
}

/* It is there, and its id is known. */
static void
put_there(struct asked *a)
{
	if (kmip.activate)
		step_to(a, &activate);
	else
		put_done(a);
}

/* The public half of a pair is used by others, if by anybody. */
static void
activated(struct asked *a, const struct kmip_answer *answer)
{
	if (answer->status != 0)
		end_refused(a, answer);
	else
		put_done(a);
}

/* Registered, or made by the server. */
static void
was_put(struct asked *a, const struct kmip_answer *answer)
{
	const char	*why = NULL;

	if (answer->status != 0) {
		end_refused(a, answer);
		return;
	}
	why = a->put == &make_pair ?
	    kmip_read_pair(answer, a->id, sizeof(a->id)) :
	    kmip_read_id(answer, a->id, sizeof(a->id));
	if (why != NULL || a->id[0] == '\0')
		end(a, DONE_UNAVAILABLE, why != NULL ? why : "no id of the "
		    "key came back", 0);
	else
		put_there(a);
}

/*
 * Its answer was lost.  None of its name: it never came there, but for a pair
 * that may be in the making still, and must not be made twice.
 */
static void
found_own(struct asked *a, const struct kmip_answer *answer)
{
	const char	*why;

	if (answer->status != 0)
		end_refused(a, answer);
	else if ((why = kmip_read_id(answer, a->id, sizeof(a->id))) != NULL)
		end(a, DONE_UNAVAILABLE, why, 0);
	else if (a->id[0] != '\0' && a->put == &put)
		step_to(a, &compare);
	else if (a->id[0] != '\0')
		put_there(a);
	else if (a->put == &make_pair)
		end(a, DONE_UNAVAILABLE, "the connection ended before the "
		    "pair was made", 0);
	else {
		a->again = 1;
		step_to(a, a->put);
	}
}

static void
compared(struct asked *a, const struct kmip_answer *answer)
{
	const struct job	*job = a->job;
	size_t			 len;
	int			 same;

	same = answer->status == 0 && read_plain(a, answer, &len) == NULL &&
	    len == job->materiallen &&
	    secret_cmp(plain, job->material, len) == 0;
	explicit_bzero(plain, MATERIAL_MAX);
	if (same)
		put_there(a);
	else
		end(a, DONE_REFUSED, "another key has its name at the KMIP "
		    "server", 0);
}

static void
put_begin(struct job *job, const struct step *step)
{
	struct asked	*a = asked_new(job, "");

	a->put = step;
	step_to(a, step);
}

static void
kmip_put(struct job *job)
{
	put_begin(job, &put);
}

static void
kmip_create(struct job *job)
{
	put_begin(job, job->record.algorithm == ALG_AES ? &make : &make_pair);
}

/* --- remove -------------------------------------------------------------- */

/*
 * It is gone, or never was there.  The public half of a pair that the server
 * made has a name only; of what is not known here it is looked for as well.
 */
static void
removed(struct asked *a)
{
	uint8_t	 algorithm = a->record.algorithm;

	if (a->other || algorithm == ALG_AES || algorithm == ALG_EC) {
		end(a, DONE_OK, "", 0);
		return;
	}
	a->other = 1;
	(void)strlcpy(a->name, a->public, sizeof(a->name));
	step_to(a, &find_left);
}

/*
 * Made, but never recorded, or the half of a pair: only its name is known.
 * Where the server makes no pairs there is no half, so it may refuse that.
 */
static void
found_left(struct asked *a, const struct kmip_answer *answer)
{
	const char	*why;

	if (answer->status != 0 && a->other && kmip.makes == 0)
		removed(a);
	else if (answer->status != 0)
		end_refused(a, answer);
	else if ((why = kmip_read_id(answer, a->id, sizeof(a->id))) != NULL)
		end(a, DONE_UNAVAILABLE, why, 0);
	else if (a->id[0] == '\0')
		removed(a);
	else
		step_to(a, &destroy);
}

/* A key in use is not destroyed before it is revoked. */
static void
destroyed(struct asked *a, const struct kmip_answer *answer)
{
	if (answer->status != 0 && answer->reason != KMIP_NOT_FOUND)
		step_to(a, &revoke);
	else
		destroyed_last(a, answer);
}

static void
revoked(struct asked *a, const struct kmip_answer *answer)
{
	(void)answer;
	step_to(a, &destroy_last);
}

static void
destroyed_last(struct asked *a, const struct kmip_answer *answer)
{
	if (answer->status == 0 || answer->reason == KMIP_NOT_FOUND)
		removed(a);
	else
		end_refused(a, answer);
}

/* By the server's id of it, or by the name that we gave. */
static void
kmip_remove(struct job *job, const char *backend)
{
	struct asked	*a = asked_new(job, backend);
	char		 id[UUID_TEXT];

	if (strncmp(backend, uuid_format(&job->record.id, id),
	    UUID_TEXT - 1) == 0) {
		snprintf(a->name, sizeof(a->name), "kbsd:%s", backend);
		snprintf(a->public, sizeof(a->public), "kbsd:%s" PUBLIC,
		    backend);
		step_to(a, &find_left);
	} else
		step_to(a, &destroy);
}

/* --- the backend --------------------------------------------------------- */

static void
kmip_cancel(struct job *job)
{
	struct asked	*a = job->asked;

	if (a == NULL)
		return;
	if (a->op != NULL)
		wire_cancel(a->op);
	free(a);
	job->asked = NULL;
}

static const char *
kmip_stage(const struct job *job)
{
	(void)job;
	return (wire_stage());
}

static int
kmip_config(struct rbuf *r)
{
	rb_str(r, kmip.server.name, sizeof(kmip.server.name));
	kmip.server.port = rb_u16(r);
	rb_str(r, kmip.tls_name, sizeof(kmip.tls_name));
	kmip.version.major = rb_u8(r);
	kmip.version.minor = rb_u8(r);
	rb_str(r, kmip.user, sizeof(kmip.user));
	rb_str(r, kmip.protocols, sizeof(kmip.protocols));
	kmip.makes = rb_u8(r);
	kmip.activate = rb_bool(r);
	return (rb_end(r));
}

static int
kmip_makes(enum algorithm algorithm)
{
	return ((kmip.makes & 1 << algorithm) != 0);
}

static int
kmip_descriptor(uint32_t role, int fd)
{
	static const struct {
		uint32_t	 role;
		int		*where;
	} roles[] = {
		{ FD_KMS_CERT, &certfd }, { FD_KMS_KEY, &keyfd },
		{ FD_CA, &cafd }, { FD_KMS_SECRET, &secretfd },
	};
	size_t	 i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (roles[i].role == role && *roles[i].where == -1) {
			*roles[i].where = fd;
			return (0);
		}
	return (-1);
}

static void
kmip_open(int sealed)
{
	(void)sealed;
	if ((plain = secret_alloc(MATERIAL_MAX)) == NULL)
		fatal("secret memory");
	wire_open(certfd, keyfd, cafd, secretfd);
}

const struct backend backend_kmip = {
	.name = "kmip",
	.elsewhere = 1,
	.config = kmip_config,
	.descriptor = kmip_descriptor,
	.open = kmip_open,
	.get = kmip_get,
	.put = kmip_put,
	.makes = kmip_makes,
	.create = kmip_create,
	.remove = kmip_remove,
	.cancel = kmip_cancel,
	.stage = kmip_stage,
	.missing = hello_missing,
	.counters = wire_counters,
};

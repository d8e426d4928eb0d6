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
 * Who may do what.  Both parts of a request are here; the token names a user,
 * whose sealed row says what it may, or roles that the configuration knows.
 * Then the new object is made, or the engine gets its GRANT (grant_key.c,
 * grant_user.c), and the broker hears GRANTED or REFUSED.
 */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth.h"
#include "digest.h"
#include "log.h"
#include "rate.h"
#include "secret.h"

#define WANT_KEY	0x1	/* ask->id is a key's */
#define WANT_POLICY	0x2	/* the one that the ask names, if any */

static void	grant_plain(struct asking *);
static void	grant_policy(struct asking *);

static const struct {
	void		(*fn)(struct asking *);
	int		 wants;
} operations[OP_MAX] = {
	[OP_KEY_RELEASE] = { grant_key, WANT_KEY },
	[OP_KEY_CREATE] = { grant_make_key, WANT_POLICY },
	[OP_KEY_REGISTER] = { grant_make_key, WANT_POLICY },
	[OP_KEY_FIND] = { grant_plain, 0 },
	[OP_KEY_SEARCH] = { grant_plain, 0 },
	[OP_KEY_MOVE] = { grant_key, WANT_KEY | WANT_POLICY },
	[OP_KEY_DELETE] = { grant_key, WANT_KEY },
	[OP_KEY_FORGET] = { grant_key, WANT_KEY },
	[OP_KEY_ROTATE] = { grant_rotate, WANT_KEY },
	[OP_KEY_BACKUP] = { grant_key, WANT_KEY },
	[OP_POLICY_CREATE] = { grant_policy, 0 },
	[OP_POLICY_FIND] = { grant_plain, 0 },
	[OP_POLICY_SEARCH] = { grant_plain, 0 },
	[OP_POLICY_DELETE] = { grant_plain, 0 },
	[OP_USER_CREATE] = { grant_user_create, 0 },
	[OP_USER_FIND] = { grant_plain, 0 },
	[OP_USER_SEARCH] = { grant_plain, 0 },
	[OP_USER_UPDATE] = { grant_user_update, 0 },
	[OP_USER_DELETE] = { grant_plain, 0 },
	[OP_USER_UNLOCK] = { grant_unlock, 0 },
	[OP_USER_BACKUP] = { grant_user_backup, 0 },
};

/* --- answers ------------------------------------------------------------ */

void
grant_refuse_name(const struct request_name *name, unsigned int status,
    unsigned int retry, const char *error, const char *who,
    const char *reason)
{
	struct wbuf	 w = { 0 };

	auth_counts.refused++;
	wb_name(&w, name);
	wb_u16(&w, (uint16_t)status);
	wb_u16(&w, (uint16_t)retry);
	wb_str(&w, error);
	wb_str(&w, who);
	wb_str(&w, reason);
	if (edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_REFUSED,
	    &w) == -1)
		log_warn("a refusal can't be sent");
}

void
grant_refuse(struct asking *a, unsigned int status, unsigned int retry,
    const char *error, const char *reason)
{
	char	 id[REQUEST_ID_TEXT];

	log_info("%s: %s by %s from %s refused: %s",
	    name_format(&a->name, id), operation_name(a->ask.op),
	    a->who[0] != '\0' ? a->who : "nobody", a->client, reason);
	grant_refuse_name(&a->name, status, retry, error, a->who, reason);
	request_free(a->request);
}

/* What the contract calls 401: it does not say why. */
static void
grant_unauthorized(struct asking *a, const char *reason)
{
	grant_refuse(a, 401, 0, TEXT_UNAUTHORIZED, reason);
}

void
grant_busy(struct asking *a, const char *reason)
{
	grant_refuse(a, 503, RETRY_BUSY, "busy: try again later", reason);
}

/* What the client did wrong is told to it, too. */
void
grant_invalid(struct asking *a, unsigned int status, const char *why)
{
	grant_refuse(a, status, 0, why, why);
}

/* record and intent may be NULL; they are emptied. */
void
grant_done(struct asking *a, struct wbuf *record, struct wbuf *intent)
{
	struct wbuf	 none = { 0 }, w = { 0 };
	char		 id[REQUEST_ID_TEXT], object[UUID_TEXT];

	record = record == NULL ? &none : record;
	intent = intent == NULL ? &none : intent;
	wb_name(&w, &a->name);
	wb_uuid(&w, a->local ? &uuid_nil : &a->claims.user);
	wb_str(&w, a->who);
	wb_u8(&w, a->ask.op);
	wb_digest(&w, a->asked);
	wb_uuid(&w, &a->object);
	wb_u64(&w, (uint64_t)a->time);
	wb_digest(&w, a->policy_digest);
	wb_bytes_of(&w, record);
	wb_bytes_of(&w, intent);
	wb_digest(&w, a->key.seal);
	if (record->failed || intent->failed)
		w.failed = 1;
	wb_free(record);
	wb_free(intent);
	if (edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_GRANTED,
	    &w) == -1) {
		grant_busy(a, "the grant can't be sent");
		return;
	}
	auth_counts.granted++;
	log_info("%s: %s by %s from %s granted: %s",
	    name_format(&a->name, id), operation_name(a->ask.op), a->who,
	    a->client, uuid_format(&a->object, object));
	request_free(a->request);
}

/* --- operations --------------------------------------------------------- */

/* The store does it, and needs nothing from us but leave. */
static void
grant_plain(struct asking *a)
{
	grant_done(a, NULL, NULL);
}

/*
 * Id and time of a new object are ours; what an operator brings from another
 * server keeps its own.  0, or -1: refused.
 */
int
grant_new_object(struct asking *a)
{
	if (uuid_isnil(&a->ask.id) && a->ask.created == 0) {
		uuid_make(&a->object);
		return (0);
	}
	if (!a->local || uuid_isnil(&a->ask.id)) {
		grant_invalid(a, 400, "nobody chooses an id");
		return (-1);
	}
	if (a->ask.created > 0 && a->ask.created < a->time)
		a->time = a->ask.created;
	return (0);
}

static void
grant_policy(struct asking *a)
{
	struct wbuf	 record = { 0 };

	if (a->ask.textlen == 0) {
		grant_invalid(a, 400, "no policy");
		return;
	}
	if (grant_new_object(a) == -1)
		return;
	policy_digest(a->policy_digest, &a->object, a->ask.text,
	    a->ask.textlen);
	if (make_policy(&record, a) == -1) {
		wb_free(&record);
		grant_busy(a, "the policy can't be sealed");
		return;
	}
	grant_done(a, &record, NULL);
}

/* --- the decision ------------------------------------------------------- */

/* Is it the token's user, as sealed, and may it? NULL or why not. */
static const char *
user_wrong(struct asking *a, const struct user_record *user)
{
	uint32_t	 needed = permission_needed(a->ask.op);

	if (a->is_foreign)
		return (needed != 0 && (a->permissions & needed) == needed ?
		    NULL : "the roles of the token may not");
	if (user == NULL || uuid_cmp(&user->id, &a->claims.user) != 0)
		return ("token of a user that there is not");
	if (seal_user_check(user) == -1) {
		auth_counts.unsealed++;
		log_alert("the row of user %s was not written by kbsd: not "
		    "believed", user->name);
		return ("the user's row is not sealed by us");
	}
	(void)strlcpy(a->who, user->name, sizeof(a->who));
	if (user->generation != a->claims.generation)
		return ("token from before the user was changed");
	if (needed == 0 || (user->permissions & needed) != needed)
		return ("the user may not");
	return (NULL);
}

/* The policy's digest, when the ask names one; 0, or -1: refused. */
static int
take_policy(struct asking *a, const struct policy_record *policy)
{
	if (uuid_isnil(&a->ask.policy))
		return (0);
	if (policy == NULL || uuid_cmp(&policy->id, &a->ask.policy) != 0) {
		grant_invalid(a, 400, "no such transfer policy");
		return (-1);
	}
	if (seal_policy_check(policy) == -1) {
		auth_counts.unsealed++;
		log_alert("a policy was not written by kbsd: not believed");
		grant_invalid(a, 400, "no such transfer policy");
		return (-1);
	}
	policy_digest(a->policy_digest, &policy->id, policy->text,
	    policy->textlen);
	return (0);
}

static int
take_key(struct asking *a, const struct key_record *key)
{
	if (key == NULL || uuid_cmp(&key->id, &a->ask.id) != 0) {
		grant_invalid(a, 404, "no such key");
		return (-1);
	}
	a->key = *key;
	return (0);
}

/* An operator on this machine may ask as often as needed. */
static int
grant_limited(struct asking *a)
{
	static struct rate	*rate;
	uint64_t		 ms;

	if (a->local || auth_conf.rate == 0)
		return (0);
	if (rate == NULL && (rate = rate_new(auth_conf.rate,
	    auth_conf.burst)) == NULL) {
		grant_busy(a, "no memory to count requests");
		return (1);
	}
	ms = rate_take(rate, a->claims.user.b, now_ms());
	if (ms == 0)
		return (0);
	auth_counts.limited++;
	grant_refuse(a, 429, (unsigned int)((ms + 999) / 1000),
	    "too many requests of this user", "more requests than the limit "
	    "per user");
	return (1);
}

static void
grant_decide(struct asking *a, const struct rows_found *found)
{
	int		 wants = operations[a->ask.op].wants;
	const char	*why;

	if (!a->local && (why = user_wrong(a, found->user)) != NULL) {
		grant_unauthorized(a, why);
		return;
	}
	if (grant_limited(a))
		return;
	if ((a->ask.filter & FILTER_CHECK) != 0) {
		grant_plain(a);
		return;
	}
	if ((wants & WANT_KEY) != 0 && take_key(a, found->key) == -1)
		return;
	if ((wants & WANT_POLICY) != 0 &&
	    take_policy(a, found->policy) == -1)
		return;
	operations[a->ask.op].fn(a);
}

static void
grant_rows(void *arg, const struct rows_found *found)
{
	if (found == NULL)
		grant_busy(arg, "the rows can't be had");
	else
		grant_decide(arg, found);
}

static void
grant_fetch(struct asking *a)
{
	static const struct rows_found	 nothing;
	struct rows_wanted		 wanted = { 0 };
	int				 wants;

	wants = (a->ask.filter & FILTER_CHECK) != 0 ? 0 :
	    operations[a->ask.op].wants;
	if (!a->local && !a->is_foreign)
		wanted.user = a->claims.user;
	if ((wants & WANT_KEY) != 0)
		wanted.key = a->ask.id;
	if ((wants & WANT_POLICY) != 0)
		wanted.policy = a->ask.policy;
	if (uuid_isnil(&wanted.user) && uuid_isnil(&wanted.key) &&
	    uuid_isnil(&wanted.policy))
		grant_decide(a, &nothing);
	else if (rows_want(&wanted, grant_rows, a) == -1)
		grant_busy(a, "the broker is busy");
}

/* By a token of ours, or of an issuer; NULL or why not. */
static const char *
token_wrong(struct asking *a)
{
	struct foreign	 foreign;
	const char	*why;

	if (!issuer_any() || a->token[0] == '\0' || token_is_ours(a->token))
		return (token_verify(a->token, a->time, &a->claims));
	why = issuer_verify(a->token, a->time, &foreign);
	(void)strlcpy(a->who, foreign.who, sizeof(a->who));
	if (why != NULL)
		return (why);
	a->is_foreign = 1;
	a->permissions = foreign.permissions;
	a->claims.user = foreign.id;
	return (NULL);
}

void
grant_begin(struct asking *a)
{
	const char	*why;

	a->time = time(NULL);
	a->object = a->ask.id;
	digest(a->asked, a->askbytes.data, a->askbytes.len);
	if (secret_cmp(a->asked, a->claimed, DIGEST_LEN) != 0) {
		log_alert("broker and front name a different request");
		grant_unauthorized(a, "the parts are not of one request");
		return;
	}
	if (a->local)
		/* fits: ten digits at most */
		(void)snprintf(a->who, sizeof(a->who), "uid %u", a->uid);
	else if ((why = token_wrong(a)) != NULL) {
		grant_unauthorized(a, why);
		return;
	}
	grant_fetch(a);
}

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
 * Then the new object is made, or the engine gets its GRANT, and the broker
 * hears GRANTED or REFUSED.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth.h"
#include "digest.h"
#include "log.h"
#include "rate.h"
#include "secret.h"

#define RETRY_BUSY	5	/* seconds */
#define TEXT_UNAUTHORIZED	"unauthorized"

#define WANT_KEY	0x1	/* ask->id is a key's */
#define WANT_POLICY	0x2	/* the one that the ask names, if any */

static void	grant_plain(struct asking *);
static void	grant_make_key(struct asking *);
static void	grant_key(struct asking *);
static void	grant_rotate(struct asking *);
static void	grant_policy(struct asking *);
static void	grant_user_create(struct asking *);
static void	grant_user_update(struct asking *);
static void	grant_unlock(struct asking *);
static void	grant_user_backup(struct asking *);

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

static void
grant_busy(struct asking *a, const char *reason)
{
	grant_refuse(a, 503, RETRY_BUSY, "busy: try again later", reason);
}

/* What the client did wrong is told to it, too. */
static void
grant_invalid(struct asking *a, unsigned int status, const char *why)
{
	grant_refuse(a, status, 0, why, why);
}

/* record and intent may be NULL; they are emptied. */
static void
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

/* --- the half for the engine -------------------------------------------- */

static struct edge *
engine_of(const struct request_name *name, uint8_t op)
{
	if (operation_makes(op))
		return (edge_find(PROC_MAKER, 0));
	return (edge_find(PROC_ENGINE, (uint32_t)(name->number %
	    auth_conf.engines)));
}

static int
send_half(const struct request_name *name, uint8_t op,
    const struct uuid *user, const struct key_record *key,
    const uint8_t policy_digest[DIGEST_LEN],
    const uint8_t material[DIGEST_LEN])
{
	struct wbuf	 w = { 0 };

	wb_name(&w, name);
	wb_u8(&w, op);
	wb_uuid(&w, &key->id);
	wb_uuid(&w, user);
	wb_u8(&w, key->algorithm);
	wb_u16(&w, key->length);
	wb_u8(&w, key->curve);
	wb_str(&w, key->keystore);
	wb_u8(&w, key->flags);
	wb_digest(&w, policy_digest);
	wb_digest(&w, material);
	wb_digest(&w, key->seal);
	wb_u64(&w, now_ms() + (operation_makes(op) ? DEADLINE_MAKE_MS :
	    DEADLINE_REQUEST_MS));
	return (edge_send(engine_of(name, op), IMSG_ENGINE_GRANT, &w));
}

/* The engine first: the broker's ORDER finds the grant there. */
static void
grant_to_engine(struct asking *a)
{
	struct intent	 intent = { .op = a->ask.op, .key = a->object };
	struct wbuf	 w = { 0 };

	a->key.id = a->object;
	if (send_half(&a->name, a->ask.op, a->local ? &uuid_nil :
	    &a->claims.user, &a->key, a->policy_digest,
	    a->material) == -1) {
		grant_busy(a, "the engine is busy");
		return;
	}
	/* Cut short, these leave nothing that is to be undone. */
	if (a->ask.op == OP_KEY_RELEASE || a->ask.op == OP_KEY_ROTATE ||
	    a->ask.op == OP_KEY_BACKUP) {
		grant_done(a, NULL, NULL);
		return;
	}
	if (a->ask.op == OP_KEY_MOVE)
		intent.policy = a->ask.policy;
	memcpy(intent.policy_digest, a->policy_digest, DIGEST_LEN);
	memcpy(intent.seal, a->key.seal, DIGEST_LEN);
	seal_intent(&w, &intent);
	grant_done(a, NULL, &w);
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
static int
new_object(struct asking *a)
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
grant_make_key(struct asking *a)
{
	const struct ask	*ask = &a->ask;
	const char		*keystore, *wrong;

	if ((wrong = make_key_wrong(ask)) != NULL) {
		grant_invalid(a, 400, wrong);
		return;
	}
	if ((keystore = conf_keystore(ask->keystore)) == NULL) {
		grant_invalid(a, 400, "no such keystore");
		return;
	}
	if (new_object(a) == -1)
		return;
	/* the sizes are the same */
	(void)strlcpy(a->key.keystore, keystore, sizeof(a->key.keystore));
	a->key.algorithm = ask->algorithm;
	a->key.length = ask->length;
	a->key.curve = ask->curve;
	a->key.flags = ask->flags;
	if (ask->has_material)
		given_digest(a->material, ask->given, ask->material);
	else if (ask->backend[0] != '\0')
		digest(a->material, ask->backend, strlen(ask->backend));
	grant_to_engine(a);
}

/* Release, move, delete: of a key that there is. */
static void
grant_key(struct asking *a)
{
	const struct ask	*ask = &a->ask;

	if (ask->op == OP_KEY_MOVE && uuid_isnil(&ask->policy)) {
		grant_invalid(a, 400, "no transfer policy");
		return;
	}
	if (ask->op == OP_KEY_RELEASE) {
		if (ask->pubkeylen == 0) {
			grant_invalid(a, 400, "no public key");
			return;
		}
		digest(a->material, ask->pubkey, ask->pubkeylen);
	}
	if (ask->op != OP_KEY_MOVE)
		memcpy(a->policy_digest, a->key.policy_digest, DIGEST_LEN);
	grant_to_engine(a);
}

/* New material for a key, under its policy. */
static void
grant_rotate(struct asking *a)
{
	if (a->ask.has_material)
		given_digest(a->material, a->ask.given, a->ask.material);
	memcpy(a->policy_digest, a->key.policy_digest, DIGEST_LEN);
	grant_to_engine(a);
}

static void
grant_policy(struct asking *a)
{
	struct wbuf	 record = { 0 };

	if (a->ask.textlen == 0) {
		grant_invalid(a, 400, "no policy");
		return;
	}
	if (new_object(a) == -1)
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

/* --- users -------------------------------------------------------------- */

static void
grant_user(struct asking *a, const char *hash)
{
	struct wbuf	 record = { 0 };

	if (make_user(&record, &a->target, hash) == -1) {
		wb_free(&record);
		grant_busy(a, "the user can't be sealed");
		return;
	}
	grant_done(a, &record, NULL);
}

static void
grant_hashed(void *arg, int ok, const char *hash)
{
	struct asking	*a = arg;

	if (ok != 1)
		grant_busy(a, "the hasher is gone");
	else
		grant_user(a, hash);
}

static void
grant_hash(struct asking *a)
{
	char	*password = a->password;

	a->password = NULL;
	if (hash_make(password, grant_hashed, a) == -1)
		grant_busy(a, "the hasher is busy");
}

/* What stands in the place of a password was hashed by another server. */
static void
grant_imported(struct asking *a)
{
	if (hasher_knows(a->password))
		grant_user(a, a->password);
	else
		grant_invalid(a, 400, "not a bcrypt hash");
}

/* The password came by the other way; both must agree that there is one. */
static int
password_wrong(struct asking *a)
{
	if (a->password_bad || (a->ask.has_password != 0) !=
	    (a->password != NULL)) {
		grant_invalid(a, 400, "a password has 9 to 71 bytes");
		return (1);
	}
	return (0);
}

static void
grant_user_create(struct asking *a)
{
	struct user_record	*user = &a->target;

	if (!user_name_valid(a->ask.name, strlen(a->ask.name)))
		grant_invalid(a, 400, "not a user's name");
	else if (a->ask.permissions == 0)
		grant_invalid(a, 400, "no permissions");
	else if (a->password == NULL)
		grant_invalid(a, 400, "a password has 9 to 71 bytes");
	else if (!password_wrong(a) && new_object(a) == 0) {
		user->id = a->object;
		(void)strlcpy(user->name, a->ask.name, sizeof(user->name));
		user->permissions = a->ask.permissions;
		user->generation = 1;
		user->created = user->updated = a->time;
		if (uuid_isnil(&a->ask.id))
			grant_hash(a);
		else
			grant_imported(a);
	}
}

/* The user's row as it stands; the new one keeps its version. */
static void
grant_user_found(void *arg, const struct rows_found *found)
{
	struct asking		*a = arg;
	struct user_record	*user = &a->target;
	char			 hash[HASH_TEXT];

	if (found == NULL) {
		grant_busy(a, "the rows can't be had");
		return;
	}
	if (found->user == NULL ||
	    uuid_cmp(&found->user->id, &a->ask.id) != 0) {
		grant_invalid(a, 404, "no such user");
		return;
	}
	*user = *found->user;
	if (seal_user_open(user, hash) == -1) {
		auth_counts.unsealed++;
		log_alert("the row of user %s was not written by kbsd: not "
		    "changed", user->name);
		grant_invalid(a, 500, "the user's record is not intact");
		return;
	}
	if (make_user_change(user, &a->ask, a->password != NULL)) {
		/* at the end of the numbers the next is no other one */
		if (user->generation == UINT32_MAX) {
			explicit_bzero(hash, sizeof(hash));
			grant_invalid(a, 500, "changed too often");
			return;
		}
		user->generation++;
		user->updated = a->time;
	}
	if (a->password != NULL)
		grant_hash(a);
	else
		grant_user(a, hash);
	explicit_bzero(hash, sizeof(hash));
}

static void
grant_user_update(struct asking *a)
{
	struct rows_wanted	 wanted = { .user = a->ask.id };

	if (password_wrong(a))
		return;
	if (uuid_isnil(&a->ask.id))
		grant_invalid(a, 404, "no such user");
	else if (rows_want(&wanted, grant_user_found, a) == -1)
		grant_busy(a, "the broker is busy");
}

/* A name without failures, whether there is such a user or not. */
static void
grant_unlock(struct asking *a)
{
	struct lockout_record	 none = { .failures = 0 };
	struct wbuf		 record = { 0 };

	if (!user_name_valid(a->ask.name, strlen(a->ask.name))) {
		grant_invalid(a, 400, "not a user's name");
		return;
	}
	(void)strlcpy(none.name, a->ask.name, sizeof(none.name));
	wb_lockout_record(&record, &none);
	grant_done(a, &record, NULL);
}

/* The password's hash leaves for nobody but the backup's recipient. */
static void
grant_backup_found(void *arg, const struct rows_found *found)
{
	struct asking	*a = arg;
	struct wbuf	 sealed = { 0 };

	if (found == NULL)
		grant_busy(a, "the rows can't be had");
	else if (found->user == NULL ||
	    uuid_cmp(&found->user->id, &a->ask.id) != 0)
		grant_invalid(a, 404, "no such user");
	else if (seal_user_backup(&sealed, found->user) == -1) {
		wb_free(&sealed);
		grant_invalid(a, 500, "the user can't be sealed for a backup");
	} else
		grant_done(a, &sealed, NULL);
}

static void
grant_user_backup(struct asking *a)
{
	struct rows_wanted	 wanted = { .user = a->ask.id };

	if (!seal_can_backup())
		grant_invalid(a, 400, "kbsd.conf names no backup recipient");
	else if (uuid_isnil(&a->ask.id))
		grant_invalid(a, 404, "no such user");
	else if (rows_want(&wanted, grant_backup_found, a) == -1)
		grant_busy(a, "the broker is busy");
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

/* --- what a crash left -------------------------------------------------- */

/* What is to be done for an intent; 0: nothing that we know. */
static uint8_t
leftover_op(const struct intent *intent)
{
	if (intent->op == OP_KEY_CREATE || intent->op == OP_KEY_REGISTER)
		return (OP_KEY_DELETE);
	if (intent->op == OP_KEY_MOVE || intent->op == OP_KEY_DELETE ||
	    intent->op == OP_KEY_FORGET)
		return (intent->op);
	return (OP_NONE);
}

static void
leftover_granted(const struct request_name *name, uint8_t op,
    const struct intent *intent, const uint8_t *sealed, size_t len)
{
	struct wbuf	 w = { 0 };
	uint8_t		 none[DIGEST_LEN] = { 0 };
	char		 id[REQUEST_ID_TEXT], key[UUID_TEXT];

	auth_counts.granted++;
	log_info("%s: %s of %s, cut short, granted by its intent",
	    name_format(name, id), operation_name(op),
	    uuid_format(&intent->key, key));
	wb_name(&w, name);
	wb_uuid(&w, &uuid_nil);
	wb_str(&w, "kbsd");
	wb_u8(&w, op);
	wb_digest(&w, none);
	/* where a key moves to, only the intent says for sure */
	wb_uuid(&w, op == OP_KEY_MOVE ? &intent->policy : &intent->key);
	wb_u64(&w, (uint64_t)time(NULL));
	wb_digest(&w, intent->policy_digest);
	wb_bytes(&w, NULL, 0);
	wb_bytes(&w, sealed, len);
	wb_digest(&w, intent->seal);
	if (edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_GRANTED,
	    &w) == -1)
		log_warn("a grant can't be sent");
}

int
grant_leftover(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct key_record	 key;
	struct intent		 intent;
	struct rbuf		 record;
	const uint8_t		*data, *sealed;
	uint8_t			 op, none[DIGEST_LEN] = { 0 };
	size_t			 len, sealedlen;

	(void)edge;
	rb_name(r, &name);
	data = rb_bytes(r, &len, 1, MAX_IMSGSIZE);
	sealed = rb_bytes(r, &sealedlen, 0, MAX_IMSGSIZE);
	rb_init(&record, data, len);
	rb_key_record(&record, &key);
	if (rb_end(r) == -1 || rb_end(&record) == -1)
		return (-1);
	if (seal_intent_open(&intent, sealed, sealedlen) == -1 ||
	    uuid_cmp(&intent.key, &key.id) != 0 ||
	    (op = leftover_op(&intent)) == OP_NONE) {
		auth_counts.unsealed++;
		log_alert("a pending key write was not written by kbsd: left "
		    "as it is");
		grant_refuse_name(&name, 401, 0, TEXT_UNAUTHORIZED, "",
		    "the intent is not sealed by us");
		return (0);
	}
	/* what the row says of the key since then was not asked for */
	memcpy(key.seal, intent.seal, DIGEST_LEN);
	if (send_half(&name, op, &uuid_nil, &key, intent.policy_digest,
	    none) == -1)
		grant_refuse_name(&name, 503, RETRY_BUSY, "busy", "",
		    "the engine is busy");
	else
		leftover_granted(&name, op, &intent, sealed, sealedlen);
	return (0);
}

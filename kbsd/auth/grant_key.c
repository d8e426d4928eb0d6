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
 * Leave to do something with a key: the half that an engine, or the maker,
 * gets before the broker's ORDER can reach it.  A key write that a crash cut
 * short is granted once more, by the intent that was sealed for it.
 */

#include <string.h>
#include <time.h>

#include "auth.h"
#include "digest.h"
#include "log.h"

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

void
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
	if (grant_new_object(a) == -1)
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
void
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
void
grant_rotate(struct asking *a)
{
	if (a->ask.has_material)
		given_digest(a->material, a->ask.given, a->ask.material);
	memcpy(a->policy_digest, a->key.policy_digest, DIGEST_LEN);
	grant_to_engine(a);
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

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
 * What two halves must agree on before anything is done.  Pure functions:
 * neither half is believed in what only the other may say.
 */

#include <string.h>

#include "digest.h"
#include "engine.h"
#include "secret.h"

#define AGREE_KIND	0x01	/* algorithm, length, curve, keystore, flags */
#define AGREE_POLICY	0x02
#define AGREE_PUBKEY	0x04	/* digest of the public key */
#define AGREE_NEW	0x08	/* nothing of it is anywhere yet */
#define AGREE_MATERIAL	0x10	/* digest of material or backend id */
#define AGREE_MARK	0x20	/* no grant is enough for an attested key */
#define AGREE_GIVEN	0x40	/* digest of material, where it is not made */

static const struct {
	uint8_t		 operation;
	enum half	 half;
	int		 what;
} agreements[] = {
	{ OP_TRANSFER,		HALF_VERDICT,	AGREE_POLICY },
	{ OP_KEY_RELEASE,	HALF_GRANT,	AGREE_PUBKEY | AGREE_MARK },
	{ OP_KEY_CREATE,	HALF_GRANT,	AGREE_KIND | AGREE_POLICY |
	    AGREE_NEW },
	{ OP_KEY_REGISTER,	HALF_GRANT,	AGREE_KIND | AGREE_POLICY |
	    AGREE_MATERIAL },
	{ OP_KEY_MOVE,		HALF_GRANT,	AGREE_KIND | AGREE_POLICY |
	    AGREE_MARK },
	{ OP_KEY_DELETE,	HALF_GRANT,	0 },
	{ OP_KEY_FORGET,	HALF_GRANT,	0 },
	{ OP_KEY_ROTATE,	HALF_GRANT,	AGREE_KIND | AGREE_POLICY |
	    AGREE_GIVEN },
	{ OP_KEY_BACKUP,	HALF_GRANT,	AGREE_POLICY },
};

static const uint8_t	 zero[DIGEST_LEN];

static int
equal(const uint8_t a[DIGEST_LEN], const uint8_t b[DIGEST_LEN])
{
	return (secret_cmp(a, b, DIGEST_LEN) == 0);
}

/* For operations that are in no table a half that no peer can send. */
enum half
agree_half(uint8_t operation)
{
	size_t	 i;

	for (i = 0; i < sizeof(agreements) / sizeof(agreements[0]); i++)
		if (agreements[i].operation == operation)
			return (agreements[i].half);
	return (HALF_MAX);
}

static int
agree_what(uint8_t operation)
{
	size_t	 i;

	for (i = 0; i < sizeof(agreements) / sizeof(agreements[0]); i++)
		if (agreements[i].operation == operation)
			return (agreements[i].what);
	return (0);
}

/* What the front gives, if it does; GIVEN_MAX: no such thing. */
enum given
agree_given_as(const struct half_order *order)
{
	if (order->argumentlen == 0)
		return (GIVEN_KEY);
	if (order->argumentlen != 1 || order->argument[0] >= GIVEN_MAX)
		return (GIVEN_MAX);
	return ((enum given)order->argument[0]);
}

/* A key that the backend has already comes by its id there. */
int
agree_wants_material(const struct half_order *order)
{
	if (order->operation == OP_KEY_ROTATE)
		return (order->argumentlen > 0);
	return (order->operation == OP_KEY_REGISTER &&
	    order->record.backend[0] == '\0');
}

static const char *
agree_verdict(const struct half_order *o, const struct half_verdict *v,
    uint64_t now)
{
	if (v->expiry <= now)
		return ("the verdict has expired");
	if (uuid_cmp(&v->key, &o->record.id) != 0)
		return ("order and verdict name different keys");
	if (equal(v->policy_digest, zero))
		return ("the verdict is by no policy");
	if (!equal(v->policy_digest, o->policy_digest))
		return ("order and verdict name different policies");
	return (NULL);
}

static const char *
agree_kind(const struct key_record *record, const struct half_grant *g)
{
	if (record->algorithm != g->algorithm)
		return ("order and grant name different algorithms");
	if (record->length != g->length)
		return ("order and grant name different lengths");
	if (record->curve != g->curve)
		return ("order and grant name different curves");
	if (strcmp(record->keystore, g->keystore) != 0)
		return ("order and grant name different keystores");
	if (record->flags != g->flags)
		return ("order and grant name different flags");
	return (NULL);
}

static const char *
agree_material(const struct request *req)
{
	const struct half_order	*o = &req->order;
	uint8_t			 d[DIGEST_LEN];

	if (agree_given_as(o) == GIVEN_MAX)
		return ("the order does not say what is given");
	if (!agree_wants_material(o))
		digest(d, o->record.backend, strlen(o->record.backend));
	else if (req->material != NULL) {
		digest(d, req->material, req->materiallen);
		given_digest(d, (uint8_t)agree_given_as(o), d);
	} else
		return (NULL);		/* it is waited for */
	if (!equal(d, req->grant.detail))
		return ("the material is not what was granted");
	return (NULL);
}

static const char *
agree_given(const struct request *req)
{
	if (agree_wants_material(&req->order))
		return (agree_material(req));
	if (!equal(req->grant.detail, zero))
		return ("material was granted that the order does not want");
	return (NULL);
}

static const char *
agree_pubkey(const struct half_order *o, const struct half_grant *g)
{
	uint8_t	 d[DIGEST_LEN];

	if (o->argumentlen == 0)
		return ("the order has no public key");
	digest(d, o->argument, o->argumentlen);
	if (!equal(d, g->detail))
		return ("order and grant name different public keys");
	return (NULL);
}

static const char *
agree_grant(const struct request *req, uint64_t now)
{
	const struct half_order	*o = &req->order;
	const struct half_grant	*g = &req->grant;
	const char		*why = NULL;
	int			 what = agree_what(o->operation);

	if (g->expiry <= now)
		return ("the grant has expired");
	if (g->operation != o->operation)
		return ("order and grant name different operations");
	if (uuid_cmp(&g->key, &o->record.id) != 0)
		return ("order and grant name different keys");
	/* of the same key, but before or after it was changed */
	if (!equal(g->seal, o->record.seal))
		return ("order and grant name different records of the key");
	if ((what & AGREE_KIND) != 0)
		why = agree_kind(&o->record, g);
	if (why == NULL && (what & AGREE_POLICY) != 0 &&
	    !equal(g->policy_digest, o->policy_digest))
		why = "order and grant name different policies";
	if (why == NULL && (what & AGREE_PUBKEY) != 0)
		why = agree_pubkey(o, g);
	if (why == NULL && (what & AGREE_NEW) != 0 &&
	    (o->record.backend[0] != '\0' || !equal(g->detail, zero)))
		why = "a key that is to be made is somewhere already";
	if (why == NULL && (what & AGREE_MATERIAL) != 0)
		why = agree_material(req);
	if (why == NULL && (what & AGREE_GIVEN) != 0)
		why = agree_given(req);
	/* kms says so too, by the record that it has sealed */
	if (why == NULL && (what & AGREE_MARK) != 0 &&
	    (o->record.flags & KEY_ATTESTED_ONLY) != 0)
		why = "this key is released on attestation only";
	return (why);
}

const char *
agree(const struct request *req, uint64_t now)
{
	if (agree_half(req->order.operation) == HALF_VERDICT)
		return (agree_verdict(&req->order, &req->verdict, now));
	return (agree_grant(req, now));
}

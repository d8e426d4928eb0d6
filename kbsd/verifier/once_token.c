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
 * One token of an attestation service judged once, by the service's key list
 * and its root, where they are given.  What can't be verified is rejected, and
 * its claims are told as what they are: words of a stranger.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "log.h"
#include "verifier.h"

struct work {
	struct told		*t;
	const struct once	*o;
	const char		*text;
	size_t			 len;
	struct jws		 jws;
	struct roots		 roots;
	struct jwks		*jwks;
	const struct jwk	*key;
	char			*payload;
	size_t			 payloadlen;
	const char		*reason;	/* of the step that failed */
	char			 why[WHY_MAX];
};

static int
refuse(struct work *w, const char *reason, const char *why)
{
	w->reason = reason;
	if (why != NULL)
		(void)strlcpy(w->why, why, sizeof(w->why));
	return (-1);
}

static int
step_format(struct work *w)
{
	if (jws_read(&w->jws, w->text, w->len, w->why, sizeof(w->why)) == -1)
		return (refuse(w, "format", NULL));
	return (0);
}

static int
step_root(struct work *w)
{
	const struct once_bytes	*root = &w->o->part[ONCE_ROOT];

	if (root->p == NULL)
		return (refuse(w, "not_verified",
		    "not verified: there is no root to verify by"));
	if (roots_read(&w->roots, (const char *)root->p, root->len, w->why,
	    sizeof(w->why)) == -1)
		return (refuse(w, "root", NULL));
	return (0);
}

static int
step_keys(struct work *w)
{
	const struct once_bytes	*list = &w->o->part[ONCE_JWKS];

	if (list->p == NULL)
		return (refuse(w, "not_verified",
		    "not verified: there are no keys (jwks.json) to verify "
		    "by"));
	w->jwks = jwks_read((const char *)list->p, list->len, &w->roots,
	    w->why, sizeof(w->why));
	if (w->jwks == NULL || w->jwks->n == 0)
		return (refuse(w, "keys", NULL));
	if ((w->key = jwks_find(w->jwks, w->jws.kid)) == NULL)
		return (refuse(w, "key_unknown",
		    "the token's kid is not among the keys"));
	return (0);
}

static int
step_validity(struct work *w)
{
	const struct chain	*c = &w->key->chain;

	if (w->o->now < c->from || w->o->now >= c->until)
		return (refuse(w, "validity",
		    "a certificate of the key has expired, or is not valid "
		    "yet"));
	return (0);
}

/* Two lists by two URLs: nobody fetches them here. */
static int
step_crl(struct work *w)
{
	(void)w;
	return (1);
}

static int
step_signature(struct work *w)
{
	if (jws_verify(&w->jws, w->key->alg, w->key->key) == -1)
		return (refuse(w, "signature",
		    "the token's alg or signature is not its key's"));
	told_set(w->t, "proven", json_true());
	return (0);
}

static int
step_claims(struct work *w)
{
	static const struct parties	 anybody;
	struct claims			 c;

	if (claims_read(&c, w->payload, w->payloadlen, &anybody, w->o->now,
	    w->why, sizeof(w->why)) == -1)
		return (refuse(w, claims_expiry(w->payload, w->payloadlen) <=
		    w->o->now ? "expired" : "claims", NULL));
	if (c.tcb_status != NULL)
		told_set(w->t, "status", json_string(c.tcb_status));
	if (json_is_array(c.advisories))
		told_set(w->t, "advisories", json_incref(c.advisories));
	claims_free(&c);
	return (0);
}

/* 0: good, 1: there was nothing to look at, -1: reason and why. */
static const struct {
	const char	*name;
	int		(*run)(struct work *);
} steps[] = {
	{ "format",		step_format },
	{ "root",		step_root },
	{ "keys",		step_keys },
	{ "validity",		step_validity },
	{ "crl",		step_crl },
	{ "signature",		step_signature },
	{ "claims",		step_claims },
};

static int
steps_run(struct work *w)
{
	const char	*result;
	size_t		 i;
	int		 rc = 0;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		result = "not done";
		if (rc != -1) {
			rc = steps[i].run(w);
			result = rc == -1 ? "bad" : rc == 0 ? "good" : "none";
		}
		if (steps[i].run == step_crl)
			told_set(w->t, "crl", json_string(result));
		told_step(w->t, steps[i].name, result);
	}
	return (rc);
}

/* Version 2 has the claims of a TEE in a part of its own. */
static const json_t *
type_of(const json_t *claims)
{
	static const char *const	 parts[] = { "sgx", "tdx" };
	const json_t			*type;
	size_t				 i;

	type = json_object_get(claims, "attester_type");
	for (i = 0; i < 2 && !json_is_string(type); i++)
		type = json_object_get(json_object_get(claims, parts[i]),
		    "attester_type");
	return (type);
}

/* What kind of token it is, by its own words. */
static void
tell_claims(struct work *w)
{
	const json_t	*type, *version;
	json_t		*claims;
	const char	*dot = memchr(w->text, '.', w->len);

	/* jws_payload() asks no more than where it is */
	w->jws.payload = dot + 1;
	w->jws.payloadlen = strcspn(dot + 1, ".");
	w->payload = jws_payload(&w->jws, &w->payloadlen);
	claims = w->payload == NULL ? NULL : json_read(w->payload,
	    w->payloadlen, &json_large, w->why, sizeof(w->why));
	if (claims == NULL)
		return;
	type = type_of(claims);
	version = json_object_get(claims, "ver");
	if (json_is_string(type))
		told_set(w->t, "tee", json_string(json_string_value(type)));
	if (json_is_string(version))
		told_set(w->t, "version", json_string(json_string_value(
		    version)));
	told_set(w->t, "claims", claims);
}

void
once_token(struct told *t, const struct once *o, const uint8_t *p, size_t len)
{
	struct work	*w = calloc(1, sizeof(*w));

	if (w == NULL)
		fatalx("out of memory");
	w->t = t;
	w->o = o;
	w->text = (const char *)p;
	w->len = len;
	tell_claims(w);
	if (steps_run(w) == -1)
		told_reject(t, w->reason, w->why);
	else
		told_accept(t);
	jwks_free(w->jwks);
	roots_free(&w->roots);
	free(w->payload);
	free(w);
}

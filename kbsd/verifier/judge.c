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
 * One token against one policy, from its signature to the wrapping key; and
 * evidence, before a service is asked about it.  Nothing here waits: when a
 * key has to be fetched first, the caller is told so and comes again.
 */
#include <openssl/err.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rfc3339.h"
#include "verifier.h"

#define DENIED(what)	"attestation denied: " what
#define UNAVAILABLE	"the attestation service is not available"

static int
deny(struct outcome *out, const char *text, const char *why)
{
	return (outcome_set(out, VERDICT_DENIED, 401, text, "%s", why));
}

/* --- the key of a token -------------------------------------------- */

struct search {
	uint32_t	 first, end;	/* blocks */
	int		 bad, revoked, stale;
};

static int
search_key(struct search *s, const struct jws *jws, int64_t now)
{
	const struct jwk	*k;
	uint32_t		 b;

	for (b = s->first; b < s->end; b++) {
		if ((k = collateral_key(b, jws->kid)) == NULL)
			continue;
		if (k->state == JWK_REVOKED)
			s->revoked = 1;
		else if (!jwk_usable(k, now))
			s->stale = 1;
		else if (jws_verify(jws, k->alg, k->key) == -1)
			s->bad = 1;
		else
			return ((int)b);
	}
	return (-1);
}

/* No key of ours fits: may another one be on its way? */
static int
search_wait(const struct search *s, int waited)
{
	uint32_t	 b;
	int		 wait = 0;

	for (b = s->first; b < s->end; b++)
		wait |= waited ? collateral_coming(b) : collateral_refresh(b);
	return (wait);
}

static int
search_any(const struct search *s, int64_t now)
{
	uint32_t	 b;

	for (b = s->first; b < s->end; b++)
		if (collateral_any(b, now))
			return (1);
	return (0);
}

/*
 * Who says to have issued it says which block's keys to try.  That is not
 * believed: the block's key decides, and then its issuer.  Where tokens of
 * Intel alone are taken, nothing is read before the signature is good.
 */
static int
search_issuer(struct judgement *j, struct search *s, const struct jws *jws)
{
	char	 issuer[NAME_MAX_BACKEND] = "", *text;
	size_t	 len;
	int	 block;

	if (collateral_services() == collateral_blocks() || j->quote != NULL)
		return (0);
	if ((text = jws_payload(jws, &len)) != NULL)
		claims_issuer(text, len, issuer);
	free(text);
	block = issuer[0] == '\0' ? -1 : collateral_issuer(issuer);
	if (j->block >= 0 && block != j->block && (block != -1 ||
	    collateral_kind((uint32_t)j->block) != BLOCK_SERVICE))
		return (outcome_set(&j->outcome, VERDICT_DENIED, 401,
		    DENIED("token"), "the token is of issuer \"%.100s\", not "
		    "of the one that the policy names", issuer));
	if (j->block < 0 && block == -1 && collateral_services() == 0)
		return (outcome_set(&j->outcome, VERDICT_DENIED, 401,
		    DENIED("token"), "no attestation block takes tokens of "
		    "issuer \"%.100s\"", issuer));
	if (j->block < 0 && block == -1)
		s->end = collateral_services();
	else if (j->block < 0) {
		s->first = (uint32_t)block;
		s->end = s->first + 1;
	}
	return (0);
}

/* Without a kid, only who has but one key knows which is meant. */
static int
search_kid(struct judgement *j, const struct search *s,
    const struct jws *jws)
{
	if (jws->kid[0] != '\0')
		return (0);
	if (s->end == s->first + 1 &&
	    collateral_kind(s->first) != BLOCK_SERVICE)
		return (0);
	return (deny(&j->outcome, DENIED("token"),
	    "the token's header has no kid"));
}

/* The block whose key signed it; -1: outcome, or *wait. */
static int
judge_signature(struct judgement *j, const struct jws *jws, int64_t now,
    int *wait)
{
	struct search	 s = { 0, collateral_blocks(), 0, 0, 0 };
	int		 block;

	*wait = 0;
	if (j->block >= 0) {
		s.first = (uint32_t)j->block;
		s.end = s.first + 1;
	}
	if (search_issuer(j, &s, jws) == -1 || search_kid(j, &s, jws) == -1)
		return (-1);
	if ((block = search_key(&s, jws, now)) >= 0)
		return (block);
	if (s.bad)
		return (deny(&j->outcome, DENIED("token"),
		    "the token's alg or signature is not its key's"));
	if (s.revoked)
		return (deny(&j->outcome, DENIED("token"),
		    "the token's key is revoked"));
	if ((*wait = search_wait(&s, j->waited)))
		return (-1);
	if (s.stale || !search_any(&s, now))
		return (outcome_set(&j->outcome, VERDICT_UNAVAILABLE, 502,
		    UNAVAILABLE, "no valid %s for the token",
		    s.stale ? "certificate or CRL" : "keys"));
	return (outcome_set(&j->outcome, VERDICT_DENIED, 401,
	    DENIED("token"), "the token's kid %.64s is not known", jws->kid));
}

/* --- its claims ---------------------------------------------------- */

/* What was sent must be what the token is about. */
static int
judge_sent(struct judgement *j, struct claims *c)
{
	struct wrapping	 sent;
	char		 why[WHY_MAX];

	if (j->evidence->has_nonce && !claims_nonce(c, j->evidence))
		return (deny(&j->outcome, DENIED("nonce"),
		    "verifier_nonce is not the one that was sent"));
	if (c->held != NULL && (c->heldlen != j->evidence->user_datalen ||
	    memcmp(c->held, j->evidence->user_data, c->heldlen) != 0))
		return (deny(&j->outcome, DENIED("key"),
		    "attester_held_data is not what was sent"));
	if (binding_held(&sent, j->evidence->user_data,
	    j->evidence->user_datalen, c->tee, why, sizeof(why)) == -1 ||
	    !binding_same(&sent, &j->wrapping))
		return (deny(&j->outcome, DENIED("key"),
		    "the token's key is not the one that was sent"));
	return (0);
}

/* And so must be the quote. */
static int
judge_quote(struct judgement *j, struct claims *c)
{
	const struct attribute	*a;

	if (c->tee != j->quote->tee)
		return (deny(&j->outcome, DENIED("token"),
		    "the token is of another TEE than the quote"));
	if ((a = quote_differs(j->quote, c)) != NULL)
		return (outcome_set(&j->outcome, VERDICT_DENIED, 401,
		    DENIED("token"), "claim %s is not that of the quote",
		    a->claim));
	if (j->quote->debug)
		c->debug = 1;
	if (!c->fmspc.has)
		quote_fmspc(&c->fmspc, j->evidence->quote,
		    j->evidence->quotelen);
	return (0);
}

static int
judge_binding(struct judgement *j, struct claims *c)
{
	char	 why[WHY_MAX];

	if (binding_claims(&j->wrapping, c, why, sizeof(why)) == -1)
		return (outcome_set(&j->outcome, VERDICT_DENIED, 401,
		    DENIED("key"), "wrapping key: %s", why));
	return (0);
}

static int
judge_compare(struct judgement *j, struct claims *c)
{
	return (compare(j->policy, c, &j->outcome, j->checks));
}

#define OF_QUOTE	0x01	/* of a quote that was sent */
#define OF_SENT		0x02	/* of what was sent beside it */

static const struct step {
	const char	*name;		/* NULL: tells its checks itself */
	int		(*fn)(struct judgement *, struct claims *);
	int		 of;
} steps[] = {
	{ "quote",		judge_quote,	OF_QUOTE },
	{ "wrapping key",	judge_binding,	0 },
	{ "nonce and user data", judge_sent,	OF_QUOTE | OF_SENT },
	{ NULL,			judge_compare,	0 },
};

#define NSTEPS	(sizeof(steps) / sizeof(steps[0]))

static int
judge_claims(struct judgement *j, struct claims *c)
{
	size_t	 i;

	j->exp = c->exp;
	for (i = 0; i < NSTEPS; i++)
		if ((j->quote != NULL || (steps[i].of & OF_QUOTE) == 0) &&
		    steps[i].fn(j, c) == -1)
			return (-1);
	return (0);
}

/* A quote alone tells of no key and no nonce: that is not held against it. */
static int
test_skips(const struct judgement *j, const struct step *step)
{
	return (j->quote != NULL && j->evidence->user_datalen == 0 &&
	    (step->fn == judge_binding || (step->of & OF_SENT) != 0));
}

/* Every step, whatever came of those before; the first denial counts. */
static int
test_claims(struct judgement *j, struct claims *c)
{
	struct outcome	 first = { .verdict = VERDICT_OK };
	size_t		 i;
	int		 rc;

	for (i = 0; i < NSTEPS; i++) {
		if (j->quote == NULL && (steps[i].of & OF_QUOTE) != 0)
			continue;
		if (test_skips(j, &steps[i])) {
			checks_add(j->checks, CHECK_NOT_MADE, steps[i].name,
			    "", "there is no user data");
			continue;
		}
		if ((rc = steps[i].fn(j, c)) == -1 &&
		    first.verdict == VERDICT_OK)
			first = j->outcome;
		if (steps[i].name != NULL)
			checks_add(j->checks, rc == 0 ? CHECK_OK :
			    CHECK_FAILED, steps[i].name, "",
			    rc == 0 ? "good" : j->outcome.reason);
		memset(&j->outcome, 0, sizeof(j->outcome));
	}
	j->outcome = first;
	return (first.verdict == VERDICT_OK ? 0 : -1);
}

/* A token that a test comes too late for: as of its last second. */
static void
test_expired(struct judgement *j, const char *text, size_t len,
    const struct parties *parties, int64_t now)
{
	struct claims	 claims;
	char		 why[WHY_MAX], then[RFC3339_TEXT];
	int64_t		 exp = claims_expiry(text, len);

	if (exp > now || claims_read(&claims, text, len, parties, exp - 1,
	    why, sizeof(why)) == -1)
		return;
	checks_add(j->checks, CHECK_FAILED, "exp", "later than now",
	    rfc3339_format(exp, then));
	(void)test_claims(j, &claims);
	claims_free(&claims);
}

static int
judge_payload(struct judgement *j, const struct jws *jws,
    const struct parties *parties, int64_t now)
{
	struct claims	 claims;
	char		*text, why[WHY_MAX];
	size_t		 len;
	int		 rc = -1;

	if ((text = jws_payload(jws, &len)) == NULL)
		return (deny(&j->outcome, DENIED("token"),
		    "the payload is not base64url"));
	if (claims_read(&claims, text, len, parties, now, why,
	    sizeof(why)) == 0) {
		rc = j->checks != NULL ? test_claims(j, &claims) :
		    judge_claims(j, &claims);
		claims_free(&claims);
	} else {
		if (j->checks != NULL)
			test_expired(j, text, len, parties, now);
		(void)deny(&j->outcome, DENIED("token"), why);
	}
	free(text);
	return (rc);
}

/*
 * Short of memory, libcrypto and jansson say no more than "no": that is
 * neither a denial nor, should a check have been left out, consent.
 */
static int
judge_short(struct outcome *out)
{
	unsigned long	 error;
	int		 short_of = errno == ENOMEM;

	while ((error = ERR_get_error()) != 0)
		if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
			short_of = 1;
	if (!short_of)
		return (0);
	return (outcome_set(out, VERDICT_BUSY, 503, "no memory",
	    "the verifier had no memory"));
}

static enum judged
judge_all(struct judgement *j)
{
	struct jws	 jws;
	char		 why[WHY_MAX];
	int64_t		 now = (int64_t)time(NULL);
	int		 block, wait;

	memset(&j->outcome, 0, sizeof(j->outcome));
	if (jws_read(&jws, j->token, j->tokenlen, why, sizeof(why)) == -1) {
		(void)deny(&j->outcome, DENIED("token"), why);
		return (JUDGED);
	}
	if ((block = judge_signature(j, &jws, now, &wait)) == -1)
		return (wait ? JUDGE_WAIT : JUDGED);
	if (j->checks != NULL)
		checks_add(j->checks, CHECK_OK, "signature", "", "good");
	if (judge_payload(j, &jws, collateral_parties((uint32_t)block),
	    now) == 0)
		(void)outcome_set(&j->outcome, VERDICT_OK, 200, "", "%s", "");
	return (JUDGED);
}

enum judged
judge(struct judgement *j)
{
	enum judged	 judged;

	ERR_clear_error();
	errno = 0;
	judged = judge_all(j);
	return (judge_short(&j->outcome) == -1 ? JUDGED : judged);
}

/* --- evidence ------------------------------------------------------ */

/* The header names the TEE, or all types as the first step gave them. */
static int
evidence_type(const struct policy *p, const struct evidence *e,
    struct outcome *out)
{
	uint8_t	 tee = p->tees & (TEE_SGX | TEE_TDX);

	if (e->tees != p->tees && e->tees != tee)
		return (deny(out, DENIED("type"),
		    "Attestation-Type is not that of the policy"));
	if ((p->tees & TEE_NVGPU) != 0 && e->nvgpulen == 0)
		return (deny(out, DENIED("evidence"),
		    "there is no evidence of a GPU"));
	return (0);
}

static int
evidence_quote(const struct policy *p, const struct evidence *e,
    struct quote *q, struct outcome *out)
{
	const struct policy_tee	*t;
	char			 why[WHY_MAX];

	if (quote_any(q, p->tees, e->quote, e->quotelen, why,
	    sizeof(why)) == -1)
		return (deny(out, DENIED("evidence"), why));
	if ((q->tee & p->tees) == 0)
		return (deny(out, DENIED("type"),
		    "the quote is of another TEE than the policy"));
	if (q->reserved)
		return (deny(out, DENIED("evidence"),
		    "reserved attributes of a TD are set"));
	t = q->tee == TEE_SGX ? &p->sgx : q->tee == TEE_TDX ? &p->tdx :
	    &p->snp;
	if (q->debug && !t->allow_debug)
		return (deny(out, DENIED("claims"),
		    "the quote is of a debuggable TEE"));
	return (0);
}

static int
evidence_bound(const struct evidence *e, const struct quote *q,
    struct wrapping *w, struct outcome *out)
{
	char	 why[WHY_MAX];

	if (!quote_binds(q, e))
		return (deny(out, DENIED("evidence"),
		    "report data is not that of nonce and user data"));
	if (binding_held(w, e->user_data, e->user_datalen, q->tee, why,
	    sizeof(why)) == -1)
		return (outcome_set(out, VERDICT_DENIED, 401, DENIED("key"),
		    "wrapping key: %s", why));
	return (0);
}

static int
evidence_all(const struct policy *p, const struct evidence *e,
    enum evidence_need need, struct quote *q, struct wrapping *w,
    struct outcome *out)
{

	memset(out, 0, sizeof(*out));
	if (evidence_type(p, e, out) == -1)
		return (-1);
	if (e->quotelen == 0)
		return (deny(out, DENIED("evidence"), "there is no quote"));
	if (need == EVIDENCE_NONCE && !e->has_nonce)
		return (deny(out, DENIED("nonce"), "there is no nonce"));
	if (evidence_quote(p, e, q, out) == -1)
		return (-1);
	return (need == EVIDENCE_QUOTE ? 0 : evidence_bound(e, q, w, out));
}

int
judge_evidence(const struct policy *p, const struct evidence *e,
    enum evidence_need need, struct quote *q, struct wrapping *w,
    struct outcome *out)
{
	int	 ret;

	ERR_clear_error();
	errno = 0;
	ret = evidence_all(p, e, need, q, w, out);
	return (judge_short(out) == -1 ? -1 : ret);
}

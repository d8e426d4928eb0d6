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
 * Administrators by the word of somebody else: a token (RFC 7519) of a
 * configured issuer, signed by a key of its, says in a claim which roles its
 * user has, and the configuration what they may do.  Nothing else in such a
 * token counts: who comes by one has no row, no password, and no rights of a
 * user of ours, whatever it is called.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <vis.h>

#include "auth.h"
#include "base64.h"
#include "digest.h"
#include "json.h"
#include "log.h"
#include "secret.h"

#define HEADER_MAX	2048
#define SIGNATURE_MAX	1024
#define LEEWAY		5		/* between two clocks */
#define CLAIM_DEPTH	8

static const struct json_limits	 header_limits = { HEADER_MAX, 64, 4 };
static const struct json_limits	 claim_limits = { BEARER_TEXT_MAX, 2048, 8 };

struct mapped {
	char		 name[ISSUER_TEXT_MAX];
	uint32_t	 permissions;
};

static struct issuer {
	char		 url[ISSUER_TEXT_MAX];
	char		 audience[ISSUER_TEXT_MAX];
	char		 claim[ISSUER_TEXT_MAX];
	uint32_t	 lifetime;
	struct mapped	*roles;
	uint32_t	 nroles;
	int		 fd;		/* of its keys; -1 */
	struct jwks	 keys;
}			 issuers[ISSUERS_MAX];
static uint32_t		 nissuers, nfds;

/* --- configuration -------------------------------------------------------- */

static int
read_roles(struct issuer *i, struct rbuf *r)
{
	uint32_t	 n;

	if ((i->nroles = rb_u32(r)) == 0 || i->nroles > ISSUER_ROLES_MAX ||
	    (i->roles = calloc(i->nroles, sizeof(*i->roles))) == NULL)
		return (-1);
	for (n = 0; n < i->nroles; n++) {
		rb_str(r, i->roles[n].name, sizeof(i->roles[n].name));
		i->roles[n].permissions = rb_u32(r);
		if (i->roles[n].name[0] == '\0' ||
		    (i->roles[n].permissions & ~(uint32_t)PERM_ALL) != 0)
			return (-1);
	}
	return (0);
}

int
issuer_conf(struct rbuf *r)
{
	struct issuer	*i;
	uint32_t	 n;

	if ((n = rb_u32(r)) > ISSUERS_MAX)
		return (-1);
	for (nissuers = 0; nissuers < n; nissuers++) {
		i = &issuers[nissuers];
		rb_str(r, i->url, sizeof(i->url));
		rb_str(r, i->audience, sizeof(i->audience));
		rb_str(r, i->claim, sizeof(i->claim));
		i->lifetime = rb_u32(r);
		i->fd = -1;
		if (i->url[0] == '\0' || i->audience[0] == '\0' ||
		    i->claim[0] == '\0' || i->lifetime == 0 ||
		    read_roles(i, r) == -1)
			return (-1);
	}
	return (0);
}

int
issuer_add_keys(int fd)
{
	if (nfds == nissuers)
		return (-1);
	issuers[nfds++].fd = fd;
	return (0);
}

void
issuer_load(void)
{
	struct issuer	*i;
	char		*text, why[256];
	size_t		 len;

	for (i = issuers; i < issuers + nissuers; i++) {
		if (i->fd == -1)
			fatalx("issuer %s: no keys", i->url);
		if ((text = secret_read(i->fd, JWKS_MAX, &len)) == NULL)
			fatal("issuer %s: its keys", i->url);
		if (jwks_read(&i->keys, text, len, why, sizeof(why)) == -1)
			fatalx("issuer %s: its keys: %s", i->url, why);
		secret_free(text);
		close(i->fd);
		i->fd = -1;
	}
}

int
issuer_any(void)
{
	return (nissuers > 0);
}

/* --- the form of a token -------------------------------------------------- */

struct parts {
	const char	*payload;
	size_t		 payloadlen;
	size_t		 signedlen;
	uint8_t		 sig[SIGNATURE_MAX];
	size_t		 siglen;
	char		 kid[KID_MAX + 1];
	char		 alg[8];
};

static int
is_jwt(const json_t *typ)
{
	const char	*text = json_string_value(typ);

	return (text == NULL || strcasecmp(text, "JWT") == 0 ||
	    strcasecmp(text, "at+jwt") == 0);	/* RFC 9068 section 2.1 */
}

static const char *
take_header(struct parts *p, json_t *header)
{
	json_t			*alg, *kid, *typ, *crit, *b64;
	const struct json_member members[] = {
		{ "alg",	JSON_MEMBER_STRING,	1, &alg },
		{ "kid",	JSON_MEMBER_STRING,	1, &kid },
		{ "typ",	JSON_MEMBER_STRING,	0, &typ },
		{ "crit",	JSON_MEMBER_ANY,	0, &crit },
		{ "b64",	JSON_MEMBER_ANY,	0, &b64 },
	};
	char			 why[128];

	if (json_pick(header, members, 5, why, sizeof(why)) == -1)
		return ("token with a header without alg or kid");
	/* RFC 7515 section 4.1.11: what we don't understand, we refuse. */
	if (crit != NULL || b64 != NULL || !is_jwt(typ))
		return ("token with crit, b64 or another typ in its header");
	if (strlcpy(p->alg, json_string_value(alg), sizeof(p->alg)) >=
	    sizeof(p->alg))
		return ("token of an unknown algorithm");
	if (strlcpy(p->kid, json_string_value(kid), sizeof(p->kid)) >=
	    sizeof(p->kid))
		return ("token with a kid that is too long");
	return (NULL);
}

static const char *
read_header(struct parts *p, const char *text, size_t len)
{
	char		 buf[HEADER_MAX], ignored[128];
	const char	*why;
	json_t		*header;
	ssize_t		 n;

	if ((n = base64url_decode(buf, sizeof(buf), text, len)) == -1 ||
	    (header = json_read(buf, (size_t)n, &header_limits, ignored,
	    sizeof(ignored))) == NULL)
		return ("token with a header that makes no sense");
	why = take_header(p, header);
	json_decref(header);
	return (why);
}

static const char *
read_parts(struct parts *p, const char *token)
{
	const char	*first, *second;
	ssize_t		 n;

	if ((first = strchr(token, '.')) == NULL ||
	    (second = strchr(first + 1, '.')) == NULL)
		return ("token of the wrong form");
	p->payload = first + 1;
	p->payloadlen = (size_t)(second - p->payload);
	p->signedlen = (size_t)(second - token);
	/* a third dot is no base64url */
	if ((n = base64url_decode(p->sig, sizeof(p->sig), second + 1,
	    strlen(second + 1))) <= 0)
		return ("token of the wrong form");
	p->siglen = (size_t)n;
	return (read_header(p, token, (size_t)(first - token)));
}

/* --- what it says --------------------------------------------------------- */

static int
has_audience(const json_t *aud, const char *wanted)
{
	const json_t	*one;
	size_t		 n;

	if (json_is_string(aud))
		return (strcmp(json_string_value(aud), wanted) == 0);
	json_array_foreach(aud, n, one)
		if (json_is_string(one) &&
		    strcmp(json_string_value(one), wanted) == 0)
			return (1);
	return (0);
}

static const char *
check_times(const struct issuer *i, const json_t *jiat, const json_t *jexp,
    const json_t *jnbf, int64_t now)
{
	int64_t	 iat = json_integer_value(jiat);
	int64_t	 exp = json_integer_value(jexp);

	if (iat < 0 || exp < 0)
		return ("token without times");
	if (now >= exp)
		return ("token expired");
	if (iat - LEEWAY > now || (jnbf != NULL &&
	    json_integer_value(jnbf) - LEEWAY > now))
		return ("token not yet valid");
	/* it lives as long as we allow, whatever it says */
	if (now - iat >= (int64_t)i->lifetime)
		return ("token older than its issuer's lifetime here");
	return (NULL);
}

/*
 * The claim of that name; where there is none, "a.b" is b in the object a, as
 * some issuers nest their roles.
 */
static json_t *
claim_find(json_t *claims, const char *name)
{
	char	 part[ISSUER_TEXT_MAX];
	size_t	 len;
	json_t	*j = json_object_get(claims, name);
	int	 depth;

	if (j != NULL)
		return (j);
	for (j = claims, depth = 0; depth < CLAIM_DEPTH; depth++) {
		len = strcspn(name, ".");
		(void)strlcpy(part, name, len + 1);
		if ((j = json_object_get(j, part)) == NULL ||
		    name[len] == '\0')
			return (j);
		name += len + 1;
	}
	return (NULL);
}

static uint32_t
role_permissions(const struct issuer *i, const json_t *role)
{
	uint32_t	 n;

	for (n = 0; json_is_string(role) && n < i->nroles; n++)
		if (strcmp(i->roles[n].name, json_string_value(role)) == 0)
			return (i->roles[n].permissions);
	return (0);
}

static uint32_t
permissions_of(const struct issuer *i, json_t *claims)
{
	json_t		*found = claim_find(claims, i->claim), *role;
	uint32_t	 permissions = role_permissions(i, found);
	size_t		 n;

	json_array_foreach(found, n, role)
		permissions |= role_permissions(i, role);
	return (permissions);
}

/*
 * The name for logs: that of the issuer and the user's there, which has no
 * form that we know of.  No user of ours has a colon.  Then an id, of version
 * 8 (RFC 9562 section 5.8), which no user of ours has either.
 */
static const char *
take_subject(const struct issuer *i, const json_t *sub, struct foreign *f)
{
	/* room for whatever it becomes: strnvis(3) of libbsd oversteps it */
	char	 safe[4 * sizeof(f->who)];
	char	 both[ISSUER_TEXT_MAX + sizeof(safe)];
	uint8_t	 d[DIGEST_LEN];
	int	 n;

	if (json_string_length(sub) == 0)
		return ("token of nobody");
	if (json_string_length(sub) >= sizeof(f->who))
		return ("token of a subject that is too long");
	(void)strnvis(safe, json_string_value(sub), sizeof(safe), VIS_CSTYLE |
	    VIS_NL | VIS_TAB | VIS_SP);
	n = snprintf(f->who, sizeof(f->who), "%s:%s", i->url +
	    strlen("https://"), safe);
	if (n < 0 || (size_t)n >= sizeof(f->who))
		return ("token of a subject that is too long");
	n = snprintf(both, sizeof(both), "%s %s", i->url, safe);
	digest(d, both, (size_t)n);
	memcpy(f->id.b, d, sizeof(f->id.b));
	f->id.b[6] = (uint8_t)((f->id.b[6] & 0x0f) | 0x80);
	f->id.b[8] = (uint8_t)((f->id.b[8] & 0x3f) | 0x80);
	return (NULL);
}

static const char *
check_claims(const struct issuer *i, json_t *claims, int64_t now,
    struct foreign *f)
{
	json_t			*iss, *sub, *aud, *exp, *iat, *nbf;
	const struct json_member members[] = {
		{ "iss",	JSON_MEMBER_STRING,	1, &iss },
		{ "sub",	JSON_MEMBER_STRING,	1, &sub },
		{ "aud",	JSON_MEMBER_ANY,	1, &aud },
		{ "exp",	JSON_MEMBER_INTEGER,	1, &exp },
		{ "iat",	JSON_MEMBER_INTEGER,	1, &iat },
		{ "nbf",	JSON_MEMBER_INTEGER,	0, &nbf },
	};
	const char		*why;
	char			 ignored[128];

	if (json_pick(claims, members, 6, ignored, sizeof(ignored)) == -1)
		return ("token without iss, sub, aud, exp or iat");
	if (strcmp(json_string_value(iss), i->url) != 0)
		return ("token of another issuer");
	if (!has_audience(aud, i->audience))
		return ("token for another audience");
	if ((why = check_times(i, iat, exp, nbf, now)) != NULL ||
	    (why = take_subject(i, sub, f)) != NULL)
		return (why);
	if ((f->permissions = permissions_of(i, claims)) == 0)
		return ("token without a role that is known here");
	return (NULL);
}

static const char *
read_claims(const struct issuer *i, const struct parts *p, int64_t now,
    struct foreign *f)
{
	char		 buf[BEARER_TEXT_MAX], ignored[128];
	const char	*why;
	json_t		*claims;
	ssize_t		 n;

	if ((n = base64url_decode(buf, sizeof(buf), p->payload,
	    p->payloadlen)) == -1 || (claims = json_read(buf, (size_t)n,
	    &claim_limits, ignored, sizeof(ignored))) == NULL)
		return ("token with claims that make no sense");
	why = check_claims(i, claims, now, f);
	json_decref(claims);
	return (why);
}

const char *
issuer_verify(const char *token, int64_t now, struct foreign *f)
{
	const struct issuer	*i;
	const struct jwk	*k;
	struct parts		 p;
	const char		*why;

	memset(f, 0, sizeof(*f));
	if ((why = read_parts(&p, token)) != NULL)
		return (why);
	why = "token of a key that no issuer has";
	for (i = issuers; i < issuers + nissuers; i++) {
		if ((k = jwks_find(&i->keys, p.kid)) == NULL)
			continue;
		if (strcmp(p.alg, jwk_alg(k)) != 0)
			why = "token of another algorithm than its key's";
		else if (jwk_verify(k, token, p.signedlen, p.sig,
		    p.siglen) == -1)
			why = "token with a wrong signature";
		else
			return (read_claims(i, &p, now, f));
	}
	return (why);
}

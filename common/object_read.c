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
 * Bodies of requests, as hostile as strangers can make them.  Nothing is
 * believed here but form: what the caller gets is in range and belongs
 * together; whether it is allowed, true or known is decided elsewhere.
 * Passwords and material pass through and are left nowhere.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "json.h"
#include "kbsd.h"
#include "object.h"
#include "policy.h"

static int	refuse(char *, size_t, const char *, ...)
		    __attribute__((format(printf, 3, 4)));

/* Always -1. */
static int
refuse(char *why, size_t whysize, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, whysize, fmt, ap);
	va_end(ap);
	return (-1);
}

/* Absent and "" are one, as for the clients' libraries. */
static const char *
text_of(const json_t *j)
{
	if (j == NULL || json_string_length(j) == 0)
		return (NULL);
	return (json_string_value(j));
}

static int
id_read(struct uuid *u, const char *name, const json_t *j, char *why,
    size_t whysize)
{
	if (uuid_parse(u, json_string_value(j), json_string_length(j)) == -1)
		return (refuse(why, whysize, "member \"%s\" is no version 4 "
		    "UUID", name));
	return (0);
}

/*
 * Names that operators give: of keystores, and of keys at a backend.  They
 * may become part of a path or a query there, so none that could climb.
 */
static int
name_read(char *name, size_t size, const char *member, const char *s,
    char *why, size_t whysize)
{
	size_t	 i;
	char	 c;

	if (strlcpy(name, s, size) >= size)
		return (refuse(why, whysize,
		    "member \"%s\": more than %zu bytes", member, size - 1));
	for (i = 0; s[i] != '\0'; i++) {
		c = s[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '_')
			continue;
		if (i > 0 && (c == '-' || c == '.' || c == ':'))
			continue;
		return (refuse(why, whysize, "member \"%s\": only letters, "
		    "digits and ._:- are allowed", member));
	}
	return (0);
}

/* --- keys -------------------------------------------------------------- */

struct key_members {
	json_t	*algorithm;
	json_t	*length;
	json_t	*curve;
	json_t	*data;
	json_t	*kmip;
	json_t	*attested;
	json_t	*keystore;
};

static int
curve_read(struct ask *ask, const json_t *j, char *why, size_t whysize)
{
	static const uint16_t	 bits[CURVE_MAX] = { 0, 256, 384, 521 };
	const char		*s;
	enum curve		 curve = CURVE_NONE;

	s = text_of(j);
	if (s != NULL && (curve = curve_parse(s)) == CURVE_NONE)
		return (refuse(why, whysize, "member \"curve_type\": not "
		    "secp256r1, prime256v1, secp384r1 or secp521r1"));
	/* beside AES and RSA it says nothing */
	if (ask->algorithm != ALG_EC)
		return (0);
	if (curve == CURVE_NONE)
		return (refuse(why, whysize,
		    "member \"curve_type\" is missing"));
	ask->curve = (uint8_t)curve;
	ask->length = bits[curve];
	return (0);
}

static int
length_read(struct ask *ask, const json_t *j, char *why, size_t whysize)
{
	const char	*name = algorithm_name((enum algorithm)ask->algorithm);
	json_int_t	 bits;

	if (ask->algorithm == ALG_EC)
		return (0);
	if (j == NULL)
		return (refuse(why, whysize,
		    "member \"key_length\" is missing"));
	bits = json_integer_value(j);
	if (bits < 0 || bits > UINT16_MAX ||
	    !key_length_valid((enum algorithm)ask->algorithm,
	    (unsigned int)bits))
		return (refuse(why, whysize, "member \"key_length\": "
		    "%lld bits is no %s key length", (long long)bits, name));
	ask->length = (uint16_t)bits;
	return (0);
}

static int
material_read(struct ask *ask, const json_t *j, uint8_t **material,
    size_t *len, char *why, size_t whysize)
{
	char	 inner[64];

	if (json_base64(j, MATERIAL_MAX, material, len, inner,
	    sizeof(inner)) == -1)
		return (refuse(why, whysize, "member \"key_data\": %s",
		    inner));
	if (ask->algorithm == ALG_AES && *len * 8 != ask->length) {
		freezero(*material, *len);
		*material = NULL;
		*len = 0;
		return (refuse(why, whysize, "member \"key_data\" is not of "
		    "%u bits", ask->length));
	}
	ask->has_material = 1;
	digest(ask->material, *material, *len);
	return (0);
}

/* What material it is to have. */
static int
key_source(struct ask *ask, const struct key_members *m, uint8_t **material,
    size_t *len, char *why, size_t whysize)
{
	const char	*kmip;

	kmip = text_of(m->kmip);
	ask->op = OP_KEY_CREATE;
	if (kmip == NULL && text_of(m->data) == NULL)
		return (0);
	ask->op = OP_KEY_REGISTER;
	if (kmip == NULL)
		return (material_read(ask, m->data, material, len, why,
		    whysize));
	if (text_of(m->data) != NULL)
		return (refuse(why, whysize,
		    "members \"key_data\" and \"kmip_key_id\" exclude each "
		    "other"));
	return (name_read(ask->backend, sizeof(ask->backend), "kmip_key_id",
	    kmip, why, whysize));
}

static int
key_kind(struct ask *ask, const struct key_members *m, char *why,
    size_t whysize)
{
	const char	*keystore;

	ask->algorithm = (uint8_t)algorithm_parse(
	    json_string_value(m->algorithm));
	if (ask->algorithm == ALG_NONE)
		return (refuse(why, whysize,
		    "member \"algorithm\": not AES, RSA or EC"));
	if (length_read(ask, m->length, why, whysize) == -1 ||
	    curve_read(ask, m->curve, why, whysize) == -1)
		return (-1);
	if (json_is_true(m->attested))
		ask->flags |= KEY_ATTESTED_ONLY;
	if ((keystore = text_of(m->keystore)) == NULL)
		return (0);
	return (name_read(ask->keystore, sizeof(ask->keystore), "keystore",
	    keystore, why, whysize));
}

static int
key_read(struct ask *ask, json_t *body, uint8_t **material, size_t *len,
    char *why, size_t whysize)
{
	json_t				*info, *policy;
	struct key_members		 m;
	const struct json_member	 top[] = {
		{ "key_information",	JSON_MEMBER_OBJECT,	1, &info },
		{ "transfer_policy_id",	JSON_MEMBER_STRING,	0, &policy },
	};
	const struct json_member	 members[] = {
		{ "algorithm",		JSON_MEMBER_STRING,  1, &m.algorithm },
		{ "key_length",		JSON_MEMBER_INTEGER, 0, &m.length },
		{ "curve_type",		JSON_MEMBER_STRING,  0, &m.curve },
		{ "key_data",		JSON_MEMBER_STRING,  0, &m.data },
		{ "kmip_key_id",	JSON_MEMBER_STRING,  0, &m.kmip },
		{ "attested_only",	JSON_MEMBER_BOOL,    0, &m.attested },
		{ "keystore",		JSON_MEMBER_STRING,  0, &m.keystore },
	};

	if (json_take(body, top, 2, why, whysize) == -1 ||
	    json_take(info, members, 7, why, whysize) == -1 ||
	    key_kind(ask, &m, why, whysize) == -1)
		return (-1);
	if (policy != NULL && id_read(&ask->policy, "transfer_policy_id",
	    policy, why, whysize) == -1)
		return (-1);
	/* nothing could ever release it, nor move it under a policy */
	if ((ask->flags & KEY_ATTESTED_ONLY) != 0 && policy == NULL)
		return (refuse(why, whysize, "member \"attested_only\" wants "
		    "a \"transfer_policy_id\""));
	return (key_source(ask, &m, material, len, why, whysize));
}

int
object_read_key(struct ask *out, uint8_t **material, size_t *len,
    const char *text, size_t textlen, char *why, size_t whysize)
{
	struct ask	 ask = *out;
	json_t		*body;
	int		 rc;

	*material = NULL;
	*len = 0;
	if ((body = json_read(text, textlen, &json_small, why,
	    whysize)) == NULL)
		return (-1);
	rc = key_read(&ask, body, material, len, why, whysize);
	json_decref(body);
	if (rc == 0)
		*out = ask;
	return (rc);
}

int
object_read_material(struct ask *out, uint8_t **material, size_t *len,
    const char *text, size_t textlen, char *why, size_t whysize)
{
	json_t				*body, *data;
	const struct json_member	 members[] = {
		{ "key_data",		JSON_MEMBER_STRING,	1, &data },
	};
	int				 rc = -1;

	*material = NULL;
	*len = 0;
	if ((body = json_read(text, textlen, &json_small, why,
	    whysize)) == NULL)
		return (-1);
	if (json_take(body, members, 1, why, whysize) == 0)
		rc = material_read(out, data, material, len, why, whysize);
	json_decref(body);
	return (rc);
}

int
object_read_move(struct ask *out, const char *text, size_t textlen, char *why,
    size_t whysize)
{
	json_t				*body, *policy;
	const struct json_member	 members[] = {
		{ "transfer_policy_id",	JSON_MEMBER_STRING,	1, &policy },
	};
	struct uuid			 u;
	int				 rc = -1;

	if ((body = json_read(text, textlen, &json_small, why,
	    whysize)) == NULL)
		return (-1);
	if (json_take(body, members, 1, why, whysize) == 0 &&
	    id_read(&u, "transfer_policy_id", policy, why, whysize) == 0) {
		out->op = OP_KEY_MOVE;
		out->policy = u;
		rc = 0;
	}
	json_decref(body);
	return (rc);
}

/* --- users ------------------------------------------------------------- */

static int
permissions_read(struct ask *ask, const json_t *array, char *why,
    size_t whysize)
{
	const char	*s;
	uint32_t	 bit;
	size_t		 i;

	for (i = 0; i < json_array_size(array); i++) {
		s = json_string_value(json_array_get(array, i));
		if (s == NULL || (bit = permission_parse(s)) == 0)
			return (refuse(why, whysize, "member \"permissions\": "
			    "value %zu is no permission", i + 1));
		ask->permissions |= bit;
	}
	return (0);
}

static int
password_read(struct ask *ask, char password[PASSWORD_MAX + 1],
    const json_t *j, char *why, size_t whysize)
{
	size_t	 len;

	if (text_of(j) == NULL)
		return (0);
	len = json_string_length(j);
	if (len < PASSWORD_MIN || len > PASSWORD_MAX)
		return (refuse(why, whysize, "member \"password\": not of %d "
		    "to %d bytes", PASSWORD_MIN, PASSWORD_MAX));
	memcpy(password, json_string_value(j), len + 1);
	ask->has_password = 1;
	return (0);
}

static int
user_name_read(struct ask *ask, const json_t *j, char *why, size_t whysize)
{
	if (text_of(j) == NULL)
		return (0);
	if (!user_name_valid(json_string_value(j), json_string_length(j)))
		return (refuse(why, whysize, "member \"username\": only 1 to "
		    "%d letters, digits, ._- and one @ are allowed",
		    NAME_MAX_USER - 1));
	memcpy(ask->name, json_string_value(j), json_string_length(j) + 1);
	return (0);
}

static int
user_read(struct ask *ask, char password[PASSWORD_MAX + 1], json_t *body,
    char *why, size_t whysize)
{
	json_t				*name, *pass, *perms;
	const struct json_member	 members[] = {
		{ "username",		JSON_MEMBER_STRING,	0, &name },
		{ "password",		JSON_MEMBER_STRING,	0, &pass },
		{ "permissions",	JSON_MEMBER_ARRAY,	0, &perms },
	};

	if (json_take(body, members, 3, why, whysize) == -1 ||
	    user_name_read(ask, name, why, whysize) == -1 ||
	    permissions_read(ask, perms, why, whysize) == -1 ||
	    password_read(ask, password, pass, why, whysize) == -1)
		return (-1);
	/* an update leaves as it is what it does not name */
	if (ask->op == OP_USER_UPDATE)
		return (0);
	if (ask->name[0] == '\0')
		return (refuse(why, whysize, "member \"username\" is missing"));
	if (!ask->has_password)
		return (refuse(why, whysize, "member \"password\" is missing"));
	if (ask->permissions == 0)
		return (refuse(why, whysize,
		    "member \"permissions\" is missing or empty"));
	return (0);
}

int
object_read_user(struct ask *out, uint8_t op, char password[PASSWORD_MAX + 1],
    const char *text, size_t textlen, char *why, size_t whysize)
{
	struct ask	 ask = *out;
	json_t		*body;
	int		 rc;

	explicit_bzero(password, PASSWORD_MAX + 1);
	ask.op = op;
	if ((body = json_read(text, textlen, &json_small, why,
	    whysize)) == NULL)
		return (-1);
	rc = user_read(&ask, password, body, why, whysize);
	json_decref(body);
	if (rc == 0)
		*out = ask;
	else
		explicit_bzero(password, PASSWORD_MAX + 1);
	return (rc);
}

int
object_read_login(char name[NAME_MAX_USER], char password[PASSWORD_MAX + 2],
    const char *text, size_t textlen, char *why, size_t whysize)
{
	json_t				*body, *pass, *user;
	const struct json_member	 members[] = {
		{ "username",	JSON_MEMBER_STRING,	1, &user },
		{ "password",	JSON_MEMBER_STRING,	1, &pass },
	};
	int				 rc = -1;

	explicit_bzero(password, PASSWORD_MAX + 2);
	memset(name, 0, NAME_MAX_USER);
	if ((body = json_read(text, textlen, &json_small, why,
	    whysize)) == NULL)
		return (-1);
	if (json_take(body, members, 2, why, whysize) == -1)
		goto done;
	if (text_of(user) == NULL || text_of(pass) == NULL) {
		(void)refuse(why, whysize,
		    "user name or password is empty");
		goto done;
	}
	if (strlcpy(name, json_string_value(user), NAME_MAX_USER) >=
	    NAME_MAX_USER) {
		memset(name, 0, NAME_MAX_USER);
		(void)refuse(why, whysize, "member \"username\": more than "
		    "%d bytes", NAME_MAX_USER - 1);
		goto done;
	}
	/* cut on purpose */
	(void)strlcpy(password, json_string_value(pass), PASSWORD_MAX + 2);
	rc = 0;
done:
	json_decref(body);
	return (rc);
}

/* --- policies ---------------------------------------------------------- */

int
object_read_policy(struct ask *out, char **text, const char *body, size_t len,
    char *why, size_t whysize)
{
	struct policy	*p;
	size_t		 n;

	*text = NULL;
	if ((p = policy_parse(body, len, why, whysize)) == NULL)
		return (-1);
	*text = policy_text(p, &n);
	policy_free(p);
	if (*text == NULL)
		return (refuse(why, whysize, "out of memory"));
	out->op = OP_POLICY_CREATE;
	out->text = *text;
	out->textlen = n;
	return (0);
}

/* --- evidence ---------------------------------------------------------- */

/* Places in object_evidence. */
enum part { PART_TOKEN, PART_QUOTE, PART_USER_DATA, PART_EVENT_LOG,
	PART_NVGPU, PART_VAL, PART_IAT, PART_SIG, PART_MAX };

_Static_assert(PART_MAX == sizeof(((struct object_evidence *)0)->part) /
    sizeof(uint8_t *), "object_evidence has other parts");

static int
part_read(struct object_evidence *e, enum part part, size_t max,
    const char *name, const json_t *j, char *why, size_t whysize)
{
	char	 inner[64];

	/* clients write null for bytes they have not got */
	if (j == NULL || json_is_null(j))
		return (0);
	if (json_base64(j, max, &e->part[part], &e->len[part], inner,
	    sizeof(inner)) == -1)
		return (refuse(why, whysize, "member \"%s\": %s", name,
		    inner));
	return (0);
}

static int
nonce_read(struct object_evidence *e, json_t *object, char *why,
    size_t whysize)
{
	json_t				*iat, *sig, *val;
	const struct json_member	 members[] = {
		{ "val",	JSON_MEMBER_STRING,	1, &val },
		{ "iat",	JSON_MEMBER_STRING,	1, &iat },
		{ "signature",	JSON_MEMBER_STRING,	1, &sig },
	};

	if (object == NULL)
		return (0);
	if (json_take(object, members, 3, why, whysize) == -1 ||
	    part_read(e, PART_VAL, NONCE_PART_MAX, "val", val, why,
	    whysize) == -1 ||
	    part_read(e, PART_IAT, NONCE_PART_MAX, "iat", iat, why,
	    whysize) == -1 ||
	    part_read(e, PART_SIG, NONCE_PART_MAX, "signature", sig, why,
	    whysize) == -1)
		return (-1);
	if (e->len[PART_VAL] == 0)
		return (refuse(why, whysize, "member \"val\" is empty"));
	e->e.has_nonce = 1;
	return (0);
}

static int
token_read(struct object_evidence *e, const json_t *j, char *why,
    size_t whysize)
{
	const char	*s;
	size_t		 len;

	if (json_is_null(j) || (s = text_of(j)) == NULL)
		return (refuse(why, whysize,
		    "member \"attestation_token\" is missing or empty"));
	if ((len = json_string_length(j)) > TOKEN_TEXT_MAX)
		return (refuse(why, whysize, "member \"attestation_token\": "
		    "more than %d bytes", TOKEN_TEXT_MAX));
	if ((e->part[PART_TOKEN] = malloc(len)) == NULL)
		return (refuse(why, whysize, "out of memory"));
	memcpy(e->part[PART_TOKEN], s, len);
	e->len[PART_TOKEN] = len;
	return (0);
}

static int
nvgpu_read(struct object_evidence *e, const json_t *j, char *why,
    size_t whysize)
{
	char	*text;
	size_t	 len;

	if (j == NULL)
		return (0);
	if ((text = json_write(j, &len)) == NULL)
		return (refuse(why, whysize, "out of memory"));
	e->part[PART_NVGPU] = (uint8_t *)text;
	e->len[PART_NVGPU] = len;
	return (0);
}

struct evidence_members {
	json_t	*token;
	json_t	*quote;
	json_t	*nonce;
	json_t	*user_data;
	json_t	*event_log;
	json_t	*nvgpu;
};

/* The second step in background: what a quote is appraised with. */
static int
quote_read(struct object_evidence *e, const struct evidence_members *m,
    char *why, size_t whysize)
{
	if (part_read(e, PART_QUOTE, EVIDENCE_MAX, "quote", m->quote, why,
	    whysize) == -1 ||
	    part_read(e, PART_USER_DATA, EVIDENCE_MAX, "user_data",
	    m->user_data, why, whysize) == -1 ||
	    part_read(e, PART_EVENT_LOG, EVIDENCE_MAX, "event_log",
	    m->event_log, why, whysize) == -1 ||
	    nonce_read(e, m->nonce, why, whysize) == -1 ||
	    nvgpu_read(e, m->nvgpu, why, whysize) == -1)
		return (-1);
	if (e->len[PART_QUOTE] == 0)
		return (refuse(why, whysize,
		    "member \"quote\" is missing or empty"));
	if (e->len[PART_USER_DATA] == 0 && e->e.tees != EVIDENCE_EITHER)
		return (refuse(why, whysize,
		    "member \"user_data\" is missing or empty"));
	return (0);
}

/* Strings of the contract that may be null: checked here, not by json_take. */
static int
strings_or_null(const struct json_member *members, size_t n, char *why,
    size_t whysize)
{
	const json_t	*j;
	size_t		 i;

	for (i = 0; i < n; i++) {
		j = *members[i].out;
		if (members[i].type == JSON_MEMBER_ANY && j != NULL &&
		    !json_is_null(j) && !json_is_string(j))
			return (refuse(why, whysize,
			    "member \"%s\" must be a string",
			    members[i].name));
	}
	return (0);
}

static int
evidence_read(struct object_evidence *e, json_t *body, char *why,
    size_t whysize)
{
	struct evidence_members		 m;
	const struct json_member	 members[] = {
		{ "attestation_token",	JSON_MEMBER_ANY,    0, &m.token },
		{ "quote",		JSON_MEMBER_ANY,    0, &m.quote },
		{ "user_data",		JSON_MEMBER_ANY,    0, &m.user_data },
		{ "event_log",		JSON_MEMBER_ANY,    0, &m.event_log },
		{ "nonce",		JSON_MEMBER_OBJECT, 0, &m.nonce },
		{ "nvgpu",		JSON_MEMBER_OBJECT, 0, &m.nvgpu },
	};

	if (json_take(body, members, 6, why, whysize) == -1 ||
	    strings_or_null(members, 6, why, whysize) == -1)
		return (-1);
	if (e->e.tees == 0 || (e->e.tees == EVIDENCE_EITHER &&
	    json_string_length(m.token) > 0))
		return (token_read(e, m.token, why, whysize));
	return (quote_read(e, &m, why, whysize));
}

static void
evidence_point(struct object_evidence *e)
{
	const struct {
		const uint8_t	**data;
		size_t		 *len;
	} places[PART_MAX] = {
		[PART_TOKEN] = { &e->e.token, &e->e.tokenlen },
		[PART_QUOTE] = { &e->e.quote, &e->e.quotelen },
		[PART_USER_DATA] = { &e->e.user_data, &e->e.user_datalen },
		[PART_EVENT_LOG] = { &e->e.event_log, &e->e.event_loglen },
		[PART_NVGPU] = { &e->e.nvgpu, &e->e.nvgpulen },
		[PART_VAL] = { &e->e.nonce_val, &e->e.nonce_vallen },
		[PART_IAT] = { &e->e.nonce_iat, &e->e.nonce_iatlen },
		[PART_SIG] = { &e->e.nonce_sig, &e->e.nonce_siglen },
	};
	size_t	 i;

	for (i = 0; i < PART_MAX; i++) {
		*places[i].data = e->part[i];
		*places[i].len = e->len[i];
	}
}

int
object_read_evidence(struct object_evidence *e, uint8_t tees,
    const char *text, size_t textlen, char *why, size_t whysize)
{
	json_t	*body;
	int	 rc;

	memset(e, 0, sizeof(*e));
	e->e.tees = tees;
	if ((body = json_read(text, textlen, &json_large, why,
	    whysize)) == NULL)
		return (-1);
	rc = evidence_read(e, body, why, whysize);
	json_decref(body);
	if (tees == EVIDENCE_EITHER)
		e->e.tees = 0;
	if (rc == 0)
		evidence_point(e);
	else
		object_evidence_free(e);
	return (rc);
}

void
object_evidence_free(struct object_evidence *e)
{
	size_t	 i;

	for (i = 0; i < PART_MAX; i++)
		freezero(e->part[i], e->len[i]);
	memset(e, 0, sizeof(*e));
}

/* --- searches ---------------------------------------------------------- */

static int
filter_algorithm(struct ask *ask, const char *value)
{
	ask->algorithm = (uint8_t)algorithm_parse(value);
	return (ask->algorithm == ALG_NONE ? -1 : 0);
}

static int
filter_length(struct ask *ask, const char *value)
{
	const char	*bad;
	unsigned int	 a;

	if (value[0] < '0' || value[0] > '9')
		return (-1);
	ask->length = (uint16_t)strtonum(value, 1, UINT16_MAX, &bad);
	if (bad != NULL)
		return (-1);
	for (a = ALG_AES; a < ALG_MAX; a++) {
		if (key_length_valid((enum algorithm)a, ask->length))
			return (0);
	}
	return (-1);
}

static int
filter_curve(struct ask *ask, const char *value)
{
	ask->curve = (uint8_t)curve_parse(value);
	return (ask->curve == CURVE_NONE ? -1 : 0);
}

static int
filter_policy(struct ask *ask, const char *value)
{
	return (uuid_parse(&ask->policy, value, strlen(value)));
}

static int
filter_name(struct ask *ask, const char *value)
{
	if (!user_name_valid(value, strlen(value)))
		return (-1);
	/* it fits: that is part of being valid */
	memcpy(ask->name, value, strlen(value) + 1);
	return (0);
}

static int
filter_limit(struct ask *ask, const char *value)
{
	const char	*bad;

	if (value[0] < '1' || value[0] > '9')
		return (-1);
	ask->limit = (uint32_t)strtonum(value, 1, LIMIT_MOST, &bad);
	return (bad != NULL ? -1 : 0);
}

static int
filter_after(struct ask *ask, const char *value)
{
	return (uuid_parse(&ask->after, value, strlen(value)));
}

/* Pages are for every search. */
static const struct {
	uint8_t		 op;		/* OP_NONE: of any */
	const char	*name;
	uint8_t		 bit;
	int		(*fn)(struct ask *, const char *);
} filters[] = {
	{ OP_KEY_SEARCH,  "algorithm",	FILTER_ALGORITHM, filter_algorithm },
	{ OP_KEY_SEARCH,  "keyLength",	FILTER_LENGTH,	  filter_length },
	{ OP_KEY_SEARCH,  "curveType",	FILTER_CURVE,	  filter_curve },
	{ OP_KEY_SEARCH,  "transferPolicyId", FILTER_POLICY, filter_policy },
	{ OP_USER_SEARCH, "username",	FILTER_NAME,	  filter_name },
	{ OP_NONE,	  "limit",	FILTER_LIMIT,	  filter_limit },
	{ OP_NONE,	  "after",	FILTER_AFTER,	  filter_after },
};

#define NFILTERS	(sizeof(filters) / sizeof(filters[0]))

int
object_read_filter(struct ask *ask, const char *name, const char *value,
    char *why, size_t whysize)
{
	size_t	 i;

	for (i = 0; i < NFILTERS; i++) {
		if ((filters[i].op == ask->op || filters[i].op == OP_NONE) &&
		    strcmp(filters[i].name, name) == 0)
			break;
	}
	if (i == NFILTERS)
		return (refuse(why, whysize, "unknown query parameter"));
	if ((ask->filter & filters[i].bit) != 0)
		return (refuse(why, whysize, "parameter \"%s\" is there twice",
		    filters[i].name));
	if (filters[i].fn(ask, value) == -1)
		return (refuse(why, whysize, "parameter \"%s\" has a value "
		    "that none can have", filters[i].name));
	ask->filter |= filters[i].bit;
	return (0);
}

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
 * Objects and requests as bytes: what a process of kbsd may be told about
 * keys, policies, users and evidence.  Every reader takes the sender for
 * compromised: a value that its column can't have is a failure of the rbuf,
 * so that no later code has to doubt an index, a mask or a time.  No secret
 * is in any of these but evidence, and that only to whom it is.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kbsd.h"
#include "record.h"

#define TIME_MAX	253402300799LL	/* 9999-12-31T23:59:59Z */
#define PUBKEY_MAX	4096		/* SPKI DER */
#define FILTER_ALL	(FILTER_ALGORITHM | FILTER_LENGTH | FILTER_CURVE | \
			    FILTER_POLICY | FILTER_NAME | FILTER_LIMIT | \
			    FILTER_AFTER | FILTER_CHECK)

static const struct {
	const char	*name;
	uint32_t	 permission;
} operations[] = {
	{ "none",		0 },
	{ "transfer",		0 },
	{ "key release",	PERM_KEYS_TRANSFER },
	{ "key create",		PERM_KEYS_CREATE },
	{ "key register",	PERM_KEYS_CREATE },
	{ "key find",		PERM_KEYS_SEARCH },
	{ "key search",		PERM_KEYS_SEARCH },
	{ "key move",		PERM_KEYS_UPDATE },
	{ "key delete",		PERM_KEYS_DELETE },
	{ "key forget",		PERM_KEYS_DELETE },
	{ "key rotate",		PERM_LOCAL },
	{ "key backup",		PERM_LOCAL },
	{ "policy create",	PERM_POLICIES_CREATE },
	{ "policy find",	PERM_POLICIES_SEARCH },
	{ "policy search",	PERM_POLICIES_SEARCH },
	{ "policy delete",	PERM_POLICIES_DELETE },
	{ "user create",	PERM_USERS_CREATE },
	{ "user find",		PERM_USERS_SEARCH },
	{ "user search",	PERM_USERS_SEARCH },
	{ "user update",	PERM_USERS_UPDATE },
	{ "user delete",	PERM_USERS_DELETE },
	{ "user unlock",	PERM_USERS_UPDATE },
	{ "user backup",	PERM_LOCAL },
	{ "login",		0 },
	{ "policy test",	0 },
};

_Static_assert(sizeof(operations) / sizeof(operations[0]) == OP_MAX,
    "an operation has no row");

/* In the order of the bits. */
static const struct {
	const char	*name;
	const char	*other;		/* as published documents spell it */
} permissions[] = {
	{ "keys:create",			NULL },
	{ "keys:delete",			NULL },
	{ "keys:search",			NULL },
	{ "keys:transfer",			NULL },
	{ "keys:update",			NULL },
	{ "key_transfer_policies:create",
	    "key-transfer-policies:create" },
	{ "key_transfer_policies:delete",
	    "key-transfer-policies:delete" },
	{ "key_transfer_policies:search",
	    "key-transfer-policies:search" },
	{ "users:create",			NULL },
	{ "users:delete",			NULL },
	{ "users:search",			NULL },
	{ "users:update",			NULL },
};

#define NPERMISSIONS	(sizeof(permissions) / sizeof(permissions[0]))

_Static_assert((1U << NPERMISSIONS) - 1 == PERM_ALL,
    "a permission has no row");

static const char *const algorithms[] = { "", "AES", "RSA", "EC" };

_Static_assert(sizeof(algorithms) / sizeof(algorithms[0]) == ALG_MAX,
    "an algorithm has no row");

static const struct {
	const char	*name;
	const char	*other;
	uint16_t	 bits;
} curves[] = {
	{ "",		NULL,		0 },
	{ "secp256r1",	"prime256v1",	256 },
	{ "secp384r1",	NULL,		384 },
	{ "secp521r1",	NULL,		521 },
};

_Static_assert(sizeof(curves) / sizeof(curves[0]) == CURVE_MAX,
    "a curve has no row");

static const struct {
	enum algorithm	 algorithm;
	unsigned int	 bits;
} key_lengths[] = {
	{ ALG_AES,	128 },
	{ ALG_AES,	192 },
	{ ALG_AES,	256 },
	{ ALG_RSA,	2048 },
	{ ALG_RSA,	3072 },
	{ ALG_RSA,	4096 },
	{ ALG_RSA,	7680 },
	{ ALG_EC,	256 },
	{ ALG_EC,	384 },
	{ ALG_EC,	521 },
};

#define NLENGTHS	(sizeof(key_lengths) / sizeof(key_lengths[0]))

/* --- names and words --------------------------------------------------- */

void
wb_name(struct wbuf *wb, const struct request_name *n)
{
	wb_u32(wb, n->front);
	wb_u64(wb, n->number);
}

void
rb_name(struct rbuf *rb, struct request_name *n)
{
	n->front = rb_u32(rb);
	n->number = rb_u64(rb);
}

int
name_cmp(const struct request_name *a, const struct request_name *b)
{
	if (a->front != b->front)
		return (a->front < b->front ? -1 : 1);
	if (a->number != b->number)
		return (a->number < b->number ? -1 : 1);
	return (0);
}

char *
name_format(const struct request_name *n, char text[REQUEST_ID_TEXT])
{
	/* the width of both is fixed: it always fits */
	(void)snprintf(text, REQUEST_ID_TEXT, "%08x-%016llx",
	    (unsigned int)n->front, (unsigned long long)n->number);
	return (text);
}

const char *
operation_name(enum operation op)
{
	if ((unsigned int)op >= OP_MAX)
		return ("unknown");
	return (operations[op].name);
}

int
operation_makes(enum operation op)
{
	return (op == OP_KEY_CREATE || op == OP_KEY_REGISTER ||
	    op == OP_KEY_ROTATE);
}

uint32_t
permission_needed(enum operation op)
{
	if ((unsigned int)op >= OP_MAX)
		return (0);
	return (operations[op].permission);
}

uint32_t
permission_parse(const char *s)
{
	size_t	 i;

	for (i = 0; i < NPERMISSIONS; i++) {
		if (strcmp(s, permissions[i].name) == 0)
			return (1U << i);
		if (permissions[i].other != NULL &&
		    strcmp(s, permissions[i].other) == 0)
			return (1U << i);
	}
	return (0);
}

const char *
permission_name(unsigned int n)
{
	return (n < NPERMISSIONS ? permissions[n].name : NULL);
}

/* Not isalnum(3): names must not depend on a locale. */
static int
name_char(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-');
}

int
block_name_valid(const char *s, size_t len)
{
	size_t	 i;

	if (len == 0 || len >= NAME_MAX_STORE || s[0] == '.')
		return (0);
	for (i = 0; i < len; i++)
		if (!name_char(s[i]))
			return (0);
	return (1);
}

int
user_name_valid(const char *s, size_t len)
{
	size_t	 i, ats = 0;

	if (len == 0 || len >= NAME_MAX_USER)
		return (0);
	for (i = 0; i < len; i++) {
		if (s[i] == '@')
			ats++;
		else if (!name_char(s[i]))
			return (0);
	}
	return (ats <= 1);
}

const char *
algorithm_name(enum algorithm a)
{
	return ((unsigned int)a < ALG_MAX ? algorithms[a] : "");
}

enum algorithm
algorithm_parse(const char *s)
{
	unsigned int	 i;

	for (i = ALG_AES; i < ALG_MAX; i++) {
		if (strcasecmp(s, algorithms[i]) == 0)
			return ((enum algorithm)i);
	}
	return (ALG_NONE);
}

const char *
curve_name(enum curve c)
{
	return ((unsigned int)c < CURVE_MAX ? curves[c].name : "");
}

enum curve
curve_parse(const char *s)
{
	unsigned int	 i;

	for (i = CURVE_P256; i < CURVE_MAX; i++) {
		if (strcmp(s, curves[i].name) == 0 ||
		    (curves[i].other != NULL &&
		    strcmp(s, curves[i].other) == 0))
			return ((enum curve)i);
	}
	return (CURVE_NONE);
}

int
key_length_valid(enum algorithm a, unsigned int bits)
{
	size_t	 i;

	for (i = 0; i < NLENGTHS; i++) {
		if (key_lengths[i].algorithm == a &&
		    key_lengths[i].bits == bits)
			return (1);
	}
	return (0);
}

/* --- parts of records -------------------------------------------------- */

static void
rb_refuse(struct rbuf *rb)
{
	rb->failed = 1;
}

/* Bits that are not in all fail. */
static uint32_t
rb_mask(struct rbuf *rb, uint32_t v, uint32_t all)
{
	if ((v & ~all) != 0) {
		rb_refuse(rb);
		return (0);
	}
	return (v);
}

static void
wb_time(struct wbuf *wb, int64_t t)
{
	wb_u64(wb, (uint64_t)t);
}

/* One that RFC 3339 can say. */
static int64_t
rb_time(struct rbuf *rb)
{
	uint64_t	 t;

	if ((t = rb_u64(rb)) > TIME_MAX) {
		rb_refuse(rb);
		return (0);
	}
	return ((int64_t)t);
}

/* Text that is not copied: no NUL is in it, none behind it. */
static const char *
rb_text(struct rbuf *rb, size_t *len, size_t min, size_t max)
{
	const uint8_t	*p;

	if ((p = rb_bytes(rb, len, min, max)) == NULL || *len == 0)
		return (NULL);
	if (memchr(p, '\0', *len) != NULL) {
		*len = 0;
		rb_refuse(rb);
		return (NULL);
	}
	return ((const char *)p);
}

/* A byte string that may be absent: NULL then, for who looks at that. */
static const uint8_t *
rb_part(struct rbuf *rb, size_t *len, size_t max)
{
	const uint8_t	*p;

	p = rb_bytes(rb, len, 0, max);
	return (*len > 0 ? p : NULL);
}

static void
rb_user_name(struct rbuf *rb, char name[NAME_MAX_USER], int required)
{
	rb_str(rb, name, NAME_MAX_USER);
	if (name[0] == '\0' && !required)
		return;
	if (!user_name_valid(name, strlen(name)))
		rb_refuse(rb);
}

/* --- objects ----------------------------------------------------------- */

/* The first one's is what the reference server gives. */
void
key_record_name(const struct key_record *k, char name[NAME_MAX_BACKEND])
{
	char	 id[UUID_TEXT];

	uuid_format(&k->id, id);
	if (k->version > 1)
		(void)snprintf(name, NAME_MAX_BACKEND, "%s.%u", id,
		    k->version);
	else
		(void)strlcpy(name, id, NAME_MAX_BACKEND);
}

void
key_record_sealed(struct wbuf *wb, const struct key_record *k)
{
	wb_uuid(wb, &k->id);
	wb_u32(wb, k->version);
	wb_str(wb, k->keystore);
	wb_str(wb, k->backend);
	wb_u8(wb, k->algorithm);
	wb_u16(wb, k->length);
	wb_u8(wb, k->curve);
	wb_u8(wb, k->flags);
	wb_u64(wb, k->serial);
	wb_uuid(wb, &k->policy);
	wb_digest(wb, k->policy_digest);
}

void
wb_key_record(struct wbuf *wb, const struct key_record *k)
{
	key_record_sealed(wb, k);
	wb_digest(wb, k->seal);
	wb_u8(wb, k->state);
	wb_time(wb, k->created);
	wb_u64(wb, k->row_version);
}

/* Algorithm, length and curve say one thing. */
static int
key_kind_valid(const struct key_record *k)
{
	if (!key_length_valid((enum algorithm)k->algorithm, k->length))
		return (0);
	if (k->algorithm != ALG_EC)
		return (k->curve == CURVE_NONE);
	return (k->curve != CURVE_NONE && k->length == curves[k->curve].bits);
}

void
rb_key_record(struct rbuf *rb, struct key_record *k)
{
	memset(k, 0, sizeof(*k));
	rb_uuid(rb, &k->id);
	k->version = rb_u32(rb);
	rb_str(rb, k->keystore, sizeof(k->keystore));
	rb_str(rb, k->backend, sizeof(k->backend));
	k->algorithm = rb_enum(rb, ALG_MAX - 1);
	k->length = rb_u16(rb);
	k->curve = rb_enum(rb, CURVE_MAX - 1);
	k->flags = (uint8_t)rb_mask(rb, rb_u8(rb), KEY_ATTESTED_ONLY);
	k->serial = rb_u64(rb);
	rb_uuid(rb, &k->policy);
	rb_digest(rb, k->policy_digest);
	rb_digest(rb, k->seal);
	k->state = rb_enum(rb, KEY_STATE_MAX - 1);
	k->created = rb_time(rb);
	k->row_version = rb_u64(rb);
	if (!key_kind_valid(k))
		rb_refuse(rb);
}

void
wb_policy_record(struct wbuf *wb, const struct policy_record *p)
{
	wb_uuid(wb, &p->id);
	wb_time(wb, p->created);
	wb_bytes(wb, p->text, p->textlen);
	wb_digest(wb, p->seal);
	wb_u64(wb, p->row_version);
}

void
rb_policy_record(struct rbuf *rb, struct policy_record *p)
{
	memset(p, 0, sizeof(*p));
	rb_uuid(rb, &p->id);
	p->created = rb_time(rb);
	p->text = rb_text(rb, &p->textlen, 1, POLICY_TEXT_MAX);
	rb_digest(rb, p->seal);
	p->row_version = rb_u64(rb);
}

void
user_record_sealed(struct wbuf *wb, const struct user_record *u)
{
	wb_uuid(wb, &u->id);
	wb_str(wb, u->name);
	wb_u32(wb, u->permissions);
	wb_u32(wb, u->generation);
	wb_time(wb, u->created);
	wb_time(wb, u->updated);
}

void
wb_user_record(struct wbuf *wb, const struct user_record *u)
{
	user_record_sealed(wb, u);
	wb_bytes(wb, u->hash, u->hashlen);
	wb_u64(wb, u->row_version);
}

void
rb_user_record(struct rbuf *rb, struct user_record *u)
{
	const uint8_t	*hash;
	size_t		 len;

	memset(u, 0, sizeof(*u));
	rb_uuid(rb, &u->id);
	rb_user_name(rb, u->name, 1);
	u->permissions = rb_mask(rb, rb_u32(rb), PERM_ALL);
	u->generation = rb_u32(rb);
	u->created = rb_time(rb);
	u->updated = rb_time(rb);
	hash = rb_bytes(rb, &len, 0, USER_HASH_MAX);
	if (len > 0)
		memcpy(u->hash, hash, len);
	u->hashlen = (uint8_t)len;
	u->row_version = rb_u64(rb);
}

void
wb_lockout_record(struct wbuf *wb, const struct lockout_record *l)
{
	wb_str(wb, l->name);
	wb_u32(wb, l->failures);
	wb_time(wb, l->first);
	wb_time(wb, l->until);
	wb_u64(wb, l->row_version);
}

/* Any name: who fails to log in need not exist. */
void
rb_lockout_record(struct rbuf *rb, struct lockout_record *l)
{
	memset(l, 0, sizeof(*l));
	rb_str(rb, l->name, sizeof(l->name));
	l->failures = rb_u32(rb);
	l->first = rb_time(rb);
	l->until = rb_time(rb);
	l->row_version = rb_u64(rb);
}

/* --- what is asked ----------------------------------------------------- */

void
wb_ask(struct wbuf *wb, const struct ask *a)
{
	wb_u8(wb, a->op);
	wb_uuid(wb, &a->id);
	wb_u64(wb, (uint64_t)a->created);
	wb_str(wb, a->name);
	wb_u32(wb, a->permissions);
	wb_u8(wb, a->has_password);
	wb_u8(wb, a->algorithm);
	wb_u16(wb, a->length);
	wb_u8(wb, a->curve);
	wb_u8(wb, a->flags);
	wb_uuid(wb, &a->policy);
	wb_str(wb, a->keystore);
	wb_str(wb, a->backend);
	wb_u8(wb, a->has_material);
	wb_u8(wb, a->given);
	wb_digest(wb, a->material);
	wb_u32(wb, a->version);
	wb_u8(wb, a->filter);
	wb_u32(wb, a->limit);
	wb_uuid(wb, &a->after);
	wb_bytes(wb, a->text, a->textlen);
	wb_bytes(wb, a->pubkey, a->pubkeylen);
}

void
rb_ask(struct rbuf *rb, struct ask *a)
{
	memset(a, 0, sizeof(*a));
	a->op = rb_enum(rb, OP_MAX - 1);
	rb_uuid(rb, &a->id);
	a->created = (int64_t)rb_u64(rb);
	rb_user_name(rb, a->name, 0);
	a->permissions = rb_mask(rb, rb_u32(rb), PERM_ALL);
	a->has_password = (uint8_t)rb_bool(rb);
	a->algorithm = rb_enum(rb, ALG_MAX - 1);
	a->length = rb_u16(rb);
	a->curve = rb_enum(rb, CURVE_MAX - 1);
	a->flags = (uint8_t)rb_mask(rb, rb_u8(rb), KEY_ATTESTED_ONLY);
	rb_uuid(rb, &a->policy);
	rb_str(rb, a->keystore, sizeof(a->keystore));
	rb_str(rb, a->backend, sizeof(a->backend));
	a->has_material = (uint8_t)rb_bool(rb);
	a->given = rb_enum(rb, GIVEN_MAX - 1);
	rb_digest(rb, a->material);
	a->version = rb_u32(rb);
	a->filter = (uint8_t)rb_mask(rb, rb_u8(rb), FILTER_ALL);
	a->limit = rb_u32(rb);
	rb_uuid(rb, &a->after);
	a->text = rb_text(rb, &a->textlen, 0, POLICY_TEXT_MAX);
	a->pubkey = rb_part(rb, &a->pubkeylen, PUBKEY_MAX);
	/* what needs no permission is not asked: nobody may compare with 0 */
	if (permission_needed((enum operation)a->op) == 0)
		rb_refuse(rb);
}

/* --- evidence ---------------------------------------------------------- */

void
wb_evidence(struct wbuf *wb, const struct evidence *e)
{
	wb_u8(wb, e->tees);
	wb_bytes(wb, e->token, e->tokenlen);
	wb_bytes(wb, e->quote, e->quotelen);
	wb_bytes(wb, e->user_data, e->user_datalen);
	wb_bytes(wb, e->event_log, e->event_loglen);
	wb_bytes(wb, e->nvgpu, e->nvgpulen);
	wb_u8(wb, e->has_nonce);
	wb_bytes(wb, e->nonce_val, e->nonce_vallen);
	wb_bytes(wb, e->nonce_iat, e->nonce_iatlen);
	wb_bytes(wb, e->nonce_sig, e->nonce_siglen);
}

void
rb_evidence(struct rbuf *rb, struct evidence *e)
{
	size_t	 max;

	memset(e, 0, sizeof(*e));
	e->tees = (uint8_t)rb_mask(rb, rb_u8(rb), TEE_ALL);
	e->token = rb_part(rb, &e->tokenlen, TOKEN_TEXT_MAX);
	e->quote = rb_part(rb, &e->quotelen, EVIDENCE_MAX);
	e->user_data = rb_part(rb, &e->user_datalen, EVIDENCE_MAX);
	e->event_log = rb_part(rb, &e->event_loglen, EVIDENCE_MAX);
	e->nvgpu = rb_part(rb, &e->nvgpulen, EVIDENCE_MAX);
	e->has_nonce = (uint8_t)rb_bool(rb);
	max = e->has_nonce ? NONCE_PART_MAX : 0;
	e->nonce_val = rb_part(rb, &e->nonce_vallen, max);
	e->nonce_iat = rb_part(rb, &e->nonce_iatlen, max);
	e->nonce_sig = rb_part(rb, &e->nonce_siglen, max);
	if (e->has_nonce && e->nonce_vallen == 0)
		rb_refuse(rb);
}

void
wb_check(struct wbuf *w, enum check_result result, const char *claim,
    const char *wanted, const char *got)
{
	wb_u8(w, (uint8_t)result);
	wb_str(w, claim);
	wb_str(w, wanted);
	wb_str(w, got);
}

void
rb_check(struct rbuf *r, struct check *c)
{
	c->result = rb_enum(r, CHECK_RESULT_MAX - 1);
	rb_str(r, c->claim, sizeof(c->claim));
	rb_str(r, c->wanted, sizeof(c->wanted));
	rb_str(r, c->got, sizeof(c->got));
}

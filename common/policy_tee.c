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
 * What a policy asks of one TEE: a table of attributes says for each its
 * name, its kind and where it is kept; the table's order is that of the
 * canonical text.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "policy_parts.h"
#include "rfc3339.h"

#define NUMBER_TEXT	6	/* "65535" */
#define HEX_TEXT	97	/* of the widest measurement, 48 bytes */

struct attribute;

struct kind {
	int	 (*read)(struct policy_tee *, const struct attribute *,
		    const json_t *, char *, size_t);
	/* NULL on no memory */
	json_t	*(*json)(const struct policy_tee *, const struct attribute *);
	int	 (*shown)(const struct policy_tee *, const struct attribute *);
	void	 (*free)(struct policy_tee *, const struct attribute *);
};

/* Whether an attribute may stand in `deny', and how its values look there. */
enum deny { DENY_NOT, DENY_HEX, DENY_NUMBER, DENY_TEXT };

struct attribute {
	const char		*name;
	uint8_t			 tees;
	const struct kind	*kind;
	enum deny		 deny;
	size_t			 field;
	size_t			 width;		/* bytes of one value */
	int			 not_alone;	/* by itself no policy */
};

static const struct kind	 kind_bytes, kind_one, kind_numbers,
				 kind_number, kind_enforce, kind_bool,
				 kind_strings, kind_date, kind_deny;

#define FIELD(name)	offsetof(struct policy_tee, name)
#define BOTH		(TEE_SGX | TEE_TDX)

static const struct attribute attributes[] = {
	{ "mrsigner", TEE_SGX, &kind_bytes, DENY_HEX, FIELD(mrsigner), 32, 0 },
	{ "isvprodid", TEE_SGX, &kind_numbers, DENY_NUMBER, FIELD(isvprodid),
	    0, 0 },
	{ "mrenclave", TEE_SGX, &kind_bytes, DENY_HEX, FIELD(mrenclave), 32,
	    0 },
	{ "isvsvn", TEE_SGX, &kind_number, DENY_NUMBER, FIELD(svn), 2, 0 },
	{ "isvsvn_minimum", TEE_SGX, &kind_number, DENY_NOT,
	    FIELD(svn_minimum), 2, 0 },
	{ "mrsignerseam", TEE_TDX, &kind_bytes, DENY_HEX, FIELD(mrsigner), 48,
	    0 },
	{ "mrseam", TEE_TDX, &kind_bytes, DENY_HEX, FIELD(mrenclave), 48, 0 },
	{ "seamsvn", TEE_TDX, &kind_number, DENY_NUMBER, FIELD(svn), 2, 0 },
	{ "seamsvn_minimum", TEE_TDX, &kind_number, DENY_NOT,
	    FIELD(svn_minimum), 2, 0 },
	{ "mrtd", TEE_TDX, &kind_bytes, DENY_HEX, FIELD(mrtd), 48, 0 },
	{ "rtmr0", TEE_TDX, &kind_one, DENY_HEX, FIELD(rtmr[0]), 48, 0 },
	{ "rtmr1", TEE_TDX, &kind_one, DENY_HEX, FIELD(rtmr[1]), 48, 0 },
	{ "rtmr2", TEE_TDX, &kind_one, DENY_HEX, FIELD(rtmr[2]), 48, 0 },
	{ "rtmr3", TEE_TDX, &kind_one, DENY_HEX, FIELD(rtmr[3]), 48, 0 },
	{ "enforce_tcb_upto_date", BOTH, &kind_enforce, DENY_NOT,
	    FIELD(enforce_tcb_upto_date), 0, 0 },
	{ "allow_debug", BOTH, &kind_bool, DENY_NOT, FIELD(allow_debug), 0,
	    1 },
	{ "tcb_statuses", BOTH, &kind_strings, DENY_TEXT, FIELD(tcb_statuses),
	    0, 0 },
	{ "advisories_allowed", BOTH, &kind_strings, DENY_NOT,
	    FIELD(advisories_allowed), 0, 0 },
	{ "tcb_date_minimum", BOTH, &kind_date, DENY_NOT,
	    FIELD(tcb_date_minimum), 0, 0 },
	{ "platforms", BOTH, &kind_bytes, DENY_HEX, FIELD(platforms), 6, 0 },
	{ "deny", BOTH, &kind_deny, DENY_NOT, FIELD(deny), 0, 1 },
	{ "measurement", TEE_SNP, &kind_bytes, DENY_NOT, FIELD(measurement),
	    48, 0 },
	{ "host_data", TEE_SNP, &kind_bytes, DENY_NOT, FIELD(host_data), 32,
	    0 },
	{ "id_key_digest", TEE_SNP, &kind_bytes, DENY_NOT, FIELD(id_key), 48,
	    0 },
	{ "author_key_digest", TEE_SNP, &kind_bytes, DENY_NOT,
	    FIELD(author_key), 48, 0 },
	{ "guest_svn_minimum", TEE_SNP, &kind_number, DENY_NOT,
	    FIELD(guest_svn_minimum), 4, 0 },
	{ "bootloader_svn_minimum", TEE_SNP, &kind_number, DENY_NOT,
	    FIELD(tcb_minimum[POLICY_BOOTLOADER]), 1, 0 },
	{ "tee_svn_minimum", TEE_SNP, &kind_number, DENY_NOT,
	    FIELD(tcb_minimum[POLICY_TEE]), 1, 0 },
	{ "snp_svn_minimum", TEE_SNP, &kind_number, DENY_NOT,
	    FIELD(tcb_minimum[POLICY_FIRMWARE]), 1, 0 },
	{ "microcode_svn_minimum", TEE_SNP, &kind_number, DENY_NOT,
	    FIELD(tcb_minimum[POLICY_MICROCODE]), 1, 0 },
};

#define NATTRIBUTES	(sizeof(attributes) / sizeof(attributes[0]))

static void *
field(struct policy_tee *t, const struct attribute *a)
{
	return ((char *)t + a->field);
}

static const void *
field_of(const struct policy_tee *t, const struct attribute *a)
{
	return ((const char *)t + a->field);
}

static const struct attribute *
attribute_find(const char *name, uint8_t tee)
{
	size_t	 i;

	for (i = 0; i < NATTRIBUTES; i++) {
		if ((attributes[i].tees & tee) != 0 &&
		    strcmp(attributes[i].name, name) == 0)
			return (&attributes[i]);
	}
	return (NULL);
}

/* --- kinds ------------------------------------------------------------- */

static int
bytes_read(struct policy_tee *t, const struct attribute *a, const json_t *j,
    char *why, size_t whysize)
{
	return (policy_bytes_read(field(t, a), a->width, a->name, j, why,
	    whysize));
}

static int
one_read(struct policy_tee *t, const struct attribute *a, const json_t *j,
    char *why, size_t whysize)
{
	return (policy_bytes_read_one(field(t, a), a->width, a->name, j, why,
	    whysize));
}

static json_t *
bytes_json(const struct policy_tee *t, const struct attribute *a)
{
	return (policy_bytes_json(field_of(t, a)));
}

static json_t *
one_json(const struct policy_tee *t, const struct attribute *a)
{
	return (policy_bytes_json_one(field_of(t, a)));
}

static int
bytes_shown(const struct policy_tee *t, const struct attribute *a)
{
	const struct policy_bytes	*b = field_of(t, a);

	return (b->n > 0);
}

static void
bytes_free(struct policy_tee *t, const struct attribute *a)
{
	policy_bytes_free(field(t, a));
}

static int
numbers_read(struct policy_tee *t, const struct attribute *a, const json_t *j,
    char *why, size_t whysize)
{
	return (policy_numbers_read(field(t, a), a->name, j, why, whysize));
}

static json_t *
numbers_json(const struct policy_tee *t, const struct attribute *a)
{
	return (policy_numbers_json(field_of(t, a)));
}

static int
numbers_shown(const struct policy_tee *t, const struct attribute *a)
{
	const struct policy_numbers	*p = field_of(t, a);

	return (p->n > 0);
}

static void
numbers_free(struct policy_tee *t, const struct attribute *a)
{
	policy_numbers_free(field(t, a));
}

/* The published examples write "3" for the version of a SEAM module. */
static int
number_read(struct policy_tee *t, const struct attribute *a, const json_t *j,
    char *why, size_t whysize)
{
	uint32_t	 most = UINT32_MAX >> (32 - 8 * a->width);

	return (policy_number_read(field(t, a), most, a->deny != DENY_NOT,
	    a->name, j, why, whysize));
}

static json_t *
number_json(const struct policy_tee *t, const struct attribute *a)
{
	const struct policy_number	*p = field_of(t, a);

	return (json_integer(p->v));
}

static int
number_shown(const struct policy_tee *t, const struct attribute *a)
{
	const struct policy_number	*p = field_of(t, a);

	return (p->set);
}

static int
bool_read(struct policy_tee *t, const struct attribute *a, const json_t *j,
    char *why, size_t whysize)
{
	return (policy_bool_read(field(t, a), 0, a->name, j, why, whysize));
}

/* "false" in the published examples */
static int
enforce_read(struct policy_tee *t, const struct attribute *a, const json_t *j,
    char *why, size_t whysize)
{
	t->enforce_given = 1;
	return (policy_bool_read(field(t, a), 1, a->name, j, why, whysize));
}

static json_t *
bool_json(const struct policy_tee *t, const struct attribute *a)
{
	const int	*v = field_of(t, a);

	return (json_boolean(*v));
}

static int
bool_shown(const struct policy_tee *t, const struct attribute *a)
{
	const int	*v = field_of(t, a);

	return (*v);
}

static int
enforce_shown(const struct policy_tee *t,
    const struct attribute *a __attribute__((unused)))
{
	return (t->enforce_given);
}

static int
strings_read(struct policy_tee *t, const struct attribute *a, const json_t *j,
    char *why, size_t whysize)
{
	return (policy_strings_read(field(t, a), &policy_word_text, a->name,
	    j, why, whysize));
}

static json_t *
strings_json(const struct policy_tee *t, const struct attribute *a)
{
	return (policy_strings_json(field_of(t, a)));
}

static int
strings_shown(const struct policy_tee *t, const struct attribute *a)
{
	const struct policy_strings	*p = field_of(t, a);

	return (p->n > 0);
}

static void
strings_free(struct policy_tee *t, const struct attribute *a)
{
	policy_strings_free(field(t, a));
}

static int
date_read(struct policy_tee *t, const struct attribute *a, const json_t *j,
    char *why, size_t whysize)
{
	int64_t	*v = field(t, a);

	if (!json_is_string(j))
		return (policy_refuse(why, whysize,
		    "member \"%s\" must be a string", a->name));
	if (json_string_length(j) == 0)
		return (0);
	/* 0 would read as absent */
	if (rfc3339_parse(json_string_value(j), json_string_length(j),
	    v) == -1 || *v == 0)
		return (policy_refuse(why, whysize,
		    "member \"%s\": not a time as in RFC 3339", a->name));
	return (0);
}

static json_t *
date_json(const struct policy_tee *t, const struct attribute *a)
{
	const int64_t	*v = field_of(t, a);
	char		 text[RFC3339_TEXT];

	return (json_string(rfc3339_format(*v, text)));
}

static int
date_shown(const struct policy_tee *t, const struct attribute *a)
{
	const int64_t	*v = field_of(t, a);

	return (*v != 0);
}

/* --- deny -------------------------------------------------------------- */

static int
strings_room(struct policy_strings *s, size_t n)
{
	if ((s->v = calloc(n, sizeof(*s->v))) == NULL)
		return (-1);
	return (0);
}

static int
deny_hex(struct policy_strings *s, const struct attribute *a, const json_t *j,
    char *why, size_t whysize)
{
	struct policy_bytes	 b = { 0 };
	char			 text[HEX_TEXT];
	size_t			 i;
	int			 rc = -1;

	if (policy_bytes_read(&b, a->width, a->name, j, why, whysize) == -1)
		goto done;
	(void)policy_refuse(why, whysize, "out of memory");
	if (b.n > 0 && strings_room(s, b.n) == -1)
		goto done;
	for (i = 0; i < b.n; i++) {
		if (hex_encode(text, sizeof(text), b.data + i * b.width,
		    b.width) == -1 || (s->v[i] = strdup(text)) == NULL)
			goto done;
		s->n++;
	}
	rc = 0;
done:
	policy_bytes_free(&b);
	return (rc);
}

static int
deny_number(struct policy_strings *s, const struct attribute *a,
    const json_t *j, char *why, size_t whysize)
{
	struct policy_numbers	 p = { 0 };
	char			 text[NUMBER_TEXT];
	size_t			 i;
	int			 rc = -1;

	if (policy_numbers_read(&p, a->name, j, why, whysize) == -1)
		goto done;
	(void)policy_refuse(why, whysize, "out of memory");
	if (p.n > 0 && strings_room(s, p.n) == -1)
		goto done;
	for (i = 0; i < p.n; i++) {
		/* 16 bits always fit */
		(void)snprintf(text, sizeof(text), "%u", p.v[i]);
		if ((s->v[i] = strdup(text)) == NULL)
			goto done;
		s->n++;
	}
	rc = 0;
done:
	policy_numbers_free(&p);
	return (rc);
}

/* An empty list denies nothing and leaves no trace. */
static int
deny_one(struct policy_tee *t, const struct attribute *a, const json_t *j,
    char *why, size_t whysize)
{
	struct policy_deny	*d = &t->deny[t->ndeny];
	int			 rc;

	if (a->deny == DENY_HEX)
		rc = deny_hex(&d->values, a, j, why, whysize);
	else if (a->deny == DENY_NUMBER)
		rc = deny_number(&d->values, a, j, why, whysize);
	else
		rc = policy_strings_read(&d->values, &policy_word_text,
		    a->name, j, why, whysize);
	if (rc == 0 && d->values.n == 0)
		return (0);
	if ((d->attribute = strdup(a->name)) == NULL)
		rc = policy_refuse(why, whysize, "out of memory");
	t->ndeny++;		/* deny_free finds it, complete or not */
	return (rc);
}

/* In the order of the table, whatever the client's. */
static int
deny_read(struct policy_tee *t, const struct attribute *self,
    const json_t *j, char *why, size_t whysize)
{
	const struct attribute	*a;
	const json_t		*value;
	size_t			 i, known = 0;

	if (!json_is_object(j))
		return (policy_refuse(why, whysize,
		    "member \"%s\" must be an object", self->name));
	if ((t->deny = calloc(NATTRIBUTES, sizeof(*t->deny))) == NULL)
		return (policy_refuse(why, whysize, "out of memory"));
	for (i = 0; i < NATTRIBUTES; i++) {
		a = &attributes[i];
		if (a->deny == DENY_NOT || (a->tees & self->tees) == 0 ||
		    (value = json_object_get(j, a->name)) == NULL)
			continue;
		known++;
		if (deny_one(t, a, value, why, whysize) == -1)
			return (-1);
	}
	if (known != json_object_size(j))
		return (policy_refuse(why, whysize, "member \"%s\": "
		    "an attribute that can't be denied", self->name));
	return (0);
}

static json_t *
deny_one_json(const struct policy_deny *d)
{
	const struct attribute	*a;
	json_t			*array;
	size_t			 i;

	a = attribute_find(d->attribute, BOTH);
	if (a == NULL || a->deny != DENY_NUMBER)
		return (policy_strings_json(&d->values));
	if ((array = json_array()) == NULL)
		return (NULL);
	for (i = 0; i < d->values.n; i++) {
		if (json_array_append_new(array, json_integer(strtonum(
		    d->values.v[i], 0, UINT16_MAX, NULL))) == -1) {
			json_decref(array);
			return (NULL);
		}
	}
	return (array);
}

static json_t *
deny_json(const struct policy_tee *t,
    const struct attribute *self __attribute__((unused)))
{
	json_t	*object;
	size_t	 i;

	if ((object = json_object()) == NULL)
		return (NULL);
	for (i = 0; i < t->ndeny; i++) {
		if (policy_set(object, t->deny[i].attribute,
		    deny_one_json(&t->deny[i])) == -1) {
			json_decref(object);
			return (NULL);
		}
	}
	return (object);
}

static int
deny_shown(const struct policy_tee *t,
    const struct attribute *self __attribute__((unused)))
{
	return (t->ndeny > 0);
}

static void
deny_free(struct policy_tee *t,
    const struct attribute *self __attribute__((unused)))
{
	size_t	 i;

	for (i = 0; i < t->ndeny; i++) {
		free(t->deny[i].attribute);
		policy_strings_free(&t->deny[i].values);
	}
	free(t->deny);
	t->deny = NULL;
	t->ndeny = 0;
}

static const struct kind kind_bytes = { bytes_read, bytes_json, bytes_shown,
	bytes_free };
static const struct kind kind_one = { one_read, one_json, bytes_shown,
	bytes_free };
static const struct kind kind_numbers = { numbers_read, numbers_json,
	numbers_shown, numbers_free };
static const struct kind kind_number = { number_read, number_json,
	number_shown, NULL };
static const struct kind kind_bool = { bool_read, bool_json, bool_shown,
	NULL };
static const struct kind kind_enforce = { enforce_read, bool_json,
	enforce_shown, NULL };
static const struct kind kind_strings = { strings_read, strings_json,
	strings_shown, strings_free };
static const struct kind kind_date = { date_read, date_json, date_shown,
	NULL };
static const struct kind kind_deny = { deny_read, deny_json, deny_shown,
	deny_free };

/* --- the object of a TEE ----------------------------------------------- */

static int
attributes_read(struct policy_tee *t, uint8_t tee, json_t *object, char *why,
    size_t whysize)
{
	struct json_member	 members[NATTRIBUTES] = { 0 };
	json_t			*values[NATTRIBUTES] = { 0 };
	struct attribute	 a;
	size_t			 at[NATTRIBUTES], i, n = 0;

	for (i = 0; i < NATTRIBUTES; i++) {
		if ((attributes[i].tees & tee) == 0)
			continue;
		members[n].name = attributes[i].name;
		members[n].type = JSON_MEMBER_ANY;
		members[n].out = &values[n];
		at[n++] = i;
	}
	if (json_take(object, members, n, why, whysize) == -1)
		return (-1);
	for (i = 0; i < n; i++) {
		if (values[i] == NULL)
			continue;
		/* deny must know which of the two it is read for */
		a = attributes[at[i]];
		a.tees = tee;
		if (a.kind->read(t, &a, values[i], why, whysize) == -1)
			return (-1);
	}
	return (0);
}

static int
minimum_of_0(const struct policy_tee *t, const struct attribute *a)
{
	const struct policy_number	*p = field_of(t, a);

	/* of the two kinds of numbers only the exact one may be denied */
	return (a->kind == &kind_number && a->deny == DENY_NOT && p->v == 0);
}

/*
 * Does it keep any enclave out that is not debuggable?  What only allows, a
 * minimum of 0, and what only denies would let the whole world in.
 */
static int
tee_restricts(const struct policy_tee *t, uint8_t tee)
{
	const struct attribute	*a;
	size_t			 i;

	if (t->policy_ids.n > 0)
		return (1);
	for (i = 0; i < NATTRIBUTES; i++) {
		a = &attributes[i];
		if ((a->tees & tee) == 0 || a->not_alone ||
		    !a->kind->shown(t, a))
			continue;
		if (a->kind == &kind_enforce && !t->enforce_tcb_upto_date)
			continue;
		if (minimum_of_0(t, a))
			continue;
		return (1);
	}
	return (0);
}

int
policy_tee_read(struct policy_tee *t, uint8_t tee, json_t *object, char *why,
    size_t whysize)
{
	json_t				*attrs, *ids = NULL;
	const struct json_member	 members[] = {
		{ "attributes",	JSON_MEMBER_OBJECT,	0, &attrs },
		{ "policy_ids",	JSON_MEMBER_ARRAY,	0, &ids },
	};

	t->present = 1;
	/* a service's policies are about quotes of Intel's */
	if (json_take(object, members, tee == TEE_SNP ? 1 : 2, why,
	    whysize) == -1)
		return (-1);
	if (attrs != NULL) {
		t->has_attributes = 1;
		if (attributes_read(t, tee, attrs, why, whysize) == -1)
			return (-1);
	}
	if (ids != NULL && policy_strings_read(&t->policy_ids,
	    &policy_word_id, "policy_ids", ids, why, whysize) == -1)
		return (-1);
	t->has_advisories_allowed = t->advisories_allowed.n > 0;
	if (!tee_restricts(t, tee))
		return (policy_refuse(why, whysize, tee == TEE_SNP ?
		    "no attributes: it would match every guest" : "neither "
		    "attributes nor policy_ids: it would match every "
		    "enclave"));
	return (0);
}

static json_t *
attributes_json(const struct policy_tee *t, uint8_t tee)
{
	const struct attribute	*a;
	json_t			*object;
	size_t			 i;

	if ((object = json_object()) == NULL)
		return (NULL);
	for (i = 0; i < NATTRIBUTES; i++) {
		a = &attributes[i];
		if ((a->tees & tee) == 0 || !a->kind->shown(t, a))
			continue;
		if (policy_set(object, a->name, a->kind->json(t, a)) == -1) {
			json_decref(object);
			return (NULL);
		}
	}
	return (object);
}

json_t *
policy_tee_json(const struct policy_tee *t, uint8_t tee)
{
	json_t	*object;
	int	 bad = 0;

	if ((object = json_object()) == NULL)
		return (NULL);
	if (t->has_attributes)
		bad |= policy_set(object, "attributes",
		    attributes_json(t, tee));
	if (t->policy_ids.n > 0)
		bad |= policy_set(object, "policy_ids",
		    policy_strings_json(&t->policy_ids));
	if (bad) {
		json_decref(object);
		return (NULL);
	}
	return (object);
}

/* Two attributes may share a field: each part's free leaves it empty. */
void
policy_tee_free(struct policy_tee *t)
{
	size_t	 i;

	for (i = 0; i < NATTRIBUTES; i++) {
		if (attributes[i].kind->free != NULL)
			attributes[i].kind->free(t, &attributes[i]);
	}
	policy_strings_free(&t->policy_ids);
	memset(t, 0, sizeof(*t));
}

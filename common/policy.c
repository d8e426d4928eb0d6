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
 * Key transfer policies: from what a client wrote to the one text that is
 * stored, sealed, digested and judged by, and back.  Refuses what would
 * restrict nothing, or what could never be judged as it was meant.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "policy_parts.h"
#include "record.h"

/* Of a sentence about a part; the part's name comes before it. */
#define PART_WHY	192

static int
type_read(struct policy *p, const json_t *j, char *why, size_t whysize)
{
	char	 text[TEES_TEXT];
	uint8_t	 tee;

	/* of one at a time, so the list form of tees_parse is no type */
	if (!json_is_string(j) || strchr(json_string_value(j), ',') != NULL ||
	    tees_parse(json_string_value(j), json_string_length(j),
	    &tee) == -1)
		return (policy_refuse(why, whysize, "member "
		    "\"attestation_type\": not SGX, TDX, NVGPU or SNP"));
	if ((p->tees & tee) != 0)
		return (policy_refuse(why, whysize, "member "
		    "\"attestation_type\": %s twice", tees_format(tee, text)));
	p->tees |= tee;
	return (0);
}

static int
types_read(struct policy *p, const json_t *j, char *why, size_t whysize)
{
	size_t	 i;

	if (!json_is_array(j)) {
		if (type_read(p, j, why, whysize) == -1)
			return (-1);
	}
	for (i = 0; i < json_array_size(j); i++) {
		if (type_read(p, json_array_get(j, i), why, whysize) == -1)
			return (-1);
	}
	if ((p->tees & TEE_SGX) != 0 && p->tees != TEE_SGX)
		return (policy_refuse(why, whysize, "member "
		    "\"attestation_type\": SGX stands alone"));
	if ((p->tees & TEE_SNP) != 0 && p->tees != TEE_SNP)
		return (policy_refuse(why, whysize, "member "
		    "\"attestation_type\": SNP stands alone"));
	/* only these hold a wrapping key */
	if ((p->tees & (TEE_SGX | TEE_TDX | TEE_SNP)) == 0)
		return (policy_refuse(why, whysize, "member "
		    "\"attestation_type\": neither SGX nor TDX nor SNP"));
	return (0);
}

static int
nvgpu_attributes(struct policy_nvgpu *g, json_t *object, char *why,
    size_t whysize)
{
	json_t				*enforce, *model, *secure;
	const struct json_member	 members[] = {
		{ "enforce_overall_attestation_result", JSON_MEMBER_BOOL, 0,
		    &enforce },
		{ "require_secure_boot", JSON_MEMBER_BOOL, 0, &secure },
		{ "hwmodel", JSON_MEMBER_ARRAY, 0, &model },
	};

	if (json_take(object, members, 3, why, whysize) == -1)
		return (-1);
	g->enforce_overall_result = json_is_true(enforce);
	g->require_secure_boot = json_is_true(secure);
	if (model != NULL)
		return (policy_strings_read(&g->hwmodel, &policy_word_text,
		    "hwmodel", model, why, whysize));
	return (0);
}

/* An empty object is one: it wants an overall result to be there. */
static int
nvgpu_read(struct policy_nvgpu *g, json_t *object, char *why, size_t whysize)
{
	json_t				*attributes, *ids;
	const struct json_member	 members[] = {
		{ "attributes",	JSON_MEMBER_OBJECT,	0, &attributes },
		{ "policy_ids",	JSON_MEMBER_ARRAY,	0, &ids },
	};

	g->present = 1;
	if (json_take(object, members, 2, why, whysize) == -1)
		return (-1);
	if (attributes != NULL &&
	    nvgpu_attributes(g, attributes, why, whysize) == -1)
		return (-1);
	if (ids != NULL)
		return (policy_strings_read(&g->policy_ids, &policy_word_id,
		    "policy_ids", ids, why, whysize));
	return (0);
}

/* Each listed type has its object, and no other has one. */
static int
part_due(const struct policy *p, uint8_t tee, const char *name,
    const json_t *object, char *why, size_t whysize)
{
	char	 text[TEES_TEXT];

	if ((p->tees & tee) != 0 && object == NULL)
		return (policy_refuse(why, whysize,
		    "member \"%s\" is missing", name));
	if ((p->tees & tee) == 0 && object != NULL)
		return (policy_refuse(why, whysize, "member \"%s\" without "
		    "attestation_type %s", name, tees_format(tee, text)));
	return (0);
}

/* The objects of TEEs, in the order of the canonical text. */
static const struct {
	const char	*name;
	uint8_t		 tee;
	size_t		 field;
} parts[] = {
	{ "sgx",	TEE_SGX,	offsetof(struct policy, sgx) },
	{ "tdx",	TEE_TDX,	offsetof(struct policy, tdx) },
	{ "snp",	TEE_SNP,	offsetof(struct policy, snp) },
};

#define NPARTS	(sizeof(parts) / sizeof(parts[0]))

static int
parts_read(struct policy *p, json_t *objects[NPARTS], json_t *nvgpu,
    char *why, size_t whysize)
{
	char		 inner[PART_WHY] = "";
	void		*part;
	size_t		 i;

	for (i = 0; i < NPARTS; i++)
		if (part_due(p, parts[i].tee, parts[i].name, objects[i], why,
		    whysize) == -1)
			return (-1);
	if (part_due(p, TEE_NVGPU, "nvgpu", nvgpu, why, whysize) == -1)
		return (-1);
	for (i = 0; i < NPARTS; i++) {
		part = (char *)p + parts[i].field;
		if (objects[i] != NULL && policy_tee_read(part, parts[i].tee,
		    objects[i], inner, sizeof(inner)) == -1)
			return (policy_refuse(why, whysize, "%s: %s",
			    parts[i].name, inner));
	}
	if (nvgpu != NULL && nvgpu_read(&p->nvgpu, nvgpu, inner,
	    sizeof(inner)) == -1)
		return (policy_refuse(why, whysize, "nvgpu: %s", inner));
	return (0);
}

static int
attestation_read(struct policy *p, const json_t *j, char *why, size_t whysize)
{
	if (!block_name_valid(json_string_value(j), json_string_length(j)))
		return (policy_refuse(why, whysize, "member \"attestation\": "
		    "no name of an attestation block"));
	if ((p->attestation = strdup(json_string_value(j))) == NULL)
		return (policy_refuse(why, whysize, "out of memory"));
	return (0);
}

static int
policy_read(struct policy *p, json_t *object, char *why, size_t whysize)
{
	json_t				*block, *nvgpu, *tee[NPARTS], *type;
	const struct json_member	 members[] = {
		{ "attestation_type",	JSON_MEMBER_ANY,	1, &type },
		{ "attestation",	JSON_MEMBER_STRING,	0, &block },
		{ parts[0].name,	JSON_MEMBER_OBJECT,	0, &tee[0] },
		{ parts[1].name,	JSON_MEMBER_OBJECT,	0, &tee[1] },
		{ parts[2].name,	JSON_MEMBER_OBJECT,	0, &tee[2] },
		{ "nvgpu",		JSON_MEMBER_OBJECT,	0, &nvgpu },
	};

	if (json_take(object, members, sizeof(members) / sizeof(members[0]),
	    why, whysize) == -1 || types_read(p, type, why, whysize) == -1)
		return (-1);
	if (block != NULL && attestation_read(p, block, why, whysize) == -1)
		return (-1);
	return (parts_read(p, tee, nvgpu, why, whysize));
}

struct policy *
policy_parse(const char *text, size_t len, char *why, size_t whysize)
{
	struct policy	*p = NULL;
	json_t		*object;
	int		 rc = -1;

	if (len > POLICY_TEXT_MAX) {
		(void)policy_refuse(why, whysize, "more than %d bytes",
		    POLICY_TEXT_MAX);
		return (NULL);
	}
	if ((object = json_read(text, len, &json_small, why, whysize)) == NULL)
		return (NULL);
	if ((p = calloc(1, sizeof(*p))) == NULL)
		(void)policy_refuse(why, whysize, "out of memory");
	else
		rc = policy_read(p, object, why, whysize);
	json_decref(object);
	if (rc == -1) {
		policy_free(p);
		return (NULL);
	}
	return (p);
}

void
policy_free(struct policy *p)
{
	if (p == NULL)
		return;
	free(p->attestation);
	policy_tee_free(&p->sgx);
	policy_tee_free(&p->tdx);
	policy_tee_free(&p->snp);
	policy_strings_free(&p->nvgpu.policy_ids);
	policy_strings_free(&p->nvgpu.hwmodel);
	free(p);
}

/* One type is a plain string, several are an array. */
static json_t *
types_json(uint8_t tees)
{
	json_t	*array;
	char	 text[TEES_TEXT];
	uint8_t	 tee;

	if ((tees & (tees - 1)) == 0)
		return (json_string(tees_format(tees, text)));
	if ((array = json_array()) == NULL)
		return (NULL);
	for (tee = 1; tee <= TEE_NVGPU; tee <<= 1) {
		if ((tees & tee) != 0 && json_array_append_new(array,
		    json_string(tees_format(tee, text))) == -1) {
			json_decref(array);
			return (NULL);
		}
	}
	return (array);
}

static json_t *
nvgpu_json(const struct policy_nvgpu *g)
{
	json_t	*attributes, *object;
	int	 bad = 0;

	object = json_object();
	attributes = json_object();
	if (g->enforce_overall_result)
		bad |= policy_set(attributes,
		    "enforce_overall_attestation_result", json_true());
	if (g->require_secure_boot)
		bad |= policy_set(attributes, "require_secure_boot",
		    json_true());
	if (g->hwmodel.n > 0)
		bad |= policy_set(attributes, "hwmodel",
		    policy_strings_json(&g->hwmodel));
	if (json_object_size(attributes) > 0)
		bad |= policy_set(object, "attributes",
		    json_incref(attributes));
	if (g->policy_ids.n > 0)
		bad |= policy_set(object, "policy_ids",
		    policy_strings_json(&g->policy_ids));
	if (attributes == NULL || bad) {
		json_decref(object);
		object = NULL;
	}
	json_decref(attributes);
	return (object);
}

char *
policy_text(const struct policy *p, size_t *len)
{
	const struct policy_tee	*part;
	const void		*field;
	json_t			*object;
	char			*text = NULL;
	size_t			 i;
	int			 bad;

	*len = 0;
	object = json_object();
	bad = policy_set(object, "attestation_type", types_json(p->tees));
	if (p->attestation != NULL)
		bad |= policy_set(object, "attestation",
		    json_string(p->attestation));
	for (i = 0; i < NPARTS; i++) {
		field = (const char *)p + parts[i].field;
		part = field;
		if (part->present)
			bad |= policy_set(object, parts[i].name,
			    policy_tee_json(part, parts[i].tee));
	}
	if (p->nvgpu.present)
		bad |= policy_set(object, "nvgpu", nvgpu_json(&p->nvgpu));
	if (!bad)
		text = json_write(object, len);
	json_decref(object);
	return (text);
}

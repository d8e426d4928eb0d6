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
 * TCB info, version 3, and the TDX modules that it knows (dcap-quote.md
 * sections 5.2, 5.3 and 7).  What reads it has checked the signature; a
 * member that is missing or of another form makes the whole unusable.
 */
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "dcap.h"
#include "json.h"

#define VERSION		3

static int
refuse(char *why, size_t whysize, const char *text)
{
	(void)strlcpy(why, text, whysize);
	return (-1);
}

/* --- modules ------------------------------------------------------- */

static int
module_bytes(struct dcap_module *m, const json_t *mrsigner,
    const json_t *attrs, const json_t *mask, char *why, size_t whysize)
{
	if (dcap_hex(mrsigner, m->mrsigner, sizeof(m->mrsigner)) == -1 ||
	    dcap_hex(attrs, m->attributes, sizeof(m->attributes)) == -1 ||
	    dcap_hex(mask, m->mask, sizeof(m->mask)) == -1)
		return (refuse(why, whysize,
		    "a TDX module is not told in such hexadecimal"));
	return (0);
}

/* tdxModule, for modules without a version. */
static int
module_read(struct dcap_module *m, json_t *j, char *why, size_t whysize)
{
	json_t				*mrsigner, *attrs, *mask;
	const struct json_member	 members[] = {
		{ "mrsigner",	JSON_MEMBER_STRING,	1, &mrsigner },
		{ "attributes",	JSON_MEMBER_STRING,	1, &attrs },
		{ "attributesMask", JSON_MEMBER_STRING,	1, &mask },
	};

	if (json_pick(j, members, sizeof(members) / sizeof(members[0]), why,
	    whysize) == -1)
		return (-1);
	return (module_bytes(m, mrsigner, attrs, mask, why, whysize));
}

/* "TDX_" and two digits. */
static int
module_version(const json_t *id, uint8_t *version)
{
	const char	*text = json_string_value(id);

	if (json_string_length(id) != 6 || strncasecmp(text, "TDX_", 4) != 0)
		return (-1);
	return (hex_decode(version, 1, text + 4, 2) == 1 ? 0 : -1);
}

static int
identity_read(struct dcap_module *m, json_t *j, char *why, size_t whysize)
{
	json_t				*id, *mrsigner, *attrs, *mask;
	json_t				*levels;
	const struct json_member	 members[] = {
		{ "id",		JSON_MEMBER_STRING,	1, &id },
		{ "mrsigner",	JSON_MEMBER_STRING,	1, &mrsigner },
		{ "attributes",	JSON_MEMBER_STRING,	1, &attrs },
		{ "attributesMask", JSON_MEMBER_STRING,	1, &mask },
		{ "tcbLevels",	JSON_MEMBER_ARRAY,	1, &levels },
	};

	if (!json_is_object(j))
		return (refuse(why, whysize, "a TDX module is no object"));
	if (json_pick(j, members, sizeof(members) / sizeof(members[0]), why,
	    whysize) == -1)
		return (-1);
	if (module_version(id, &m->version) == -1)
		return (refuse(why, whysize, "a TDX module has no such id"));
	if (module_bytes(m, mrsigner, attrs, mask, why, whysize) == -1)
		return (-1);
	return (dcap_levels_read(&m->levels, levels, DCAP_MODULE, why,
	    whysize));
}

static int
modules_read(struct dcap_tcb *tcb, json_t *module, json_t *list, char *why,
    size_t whysize)
{
	size_t	 i, n = json_array_size(list);

	if (module == NULL)
		return (refuse(why, whysize, "tdxModule is missing"));
	if (module_read(&tcb->module, module, why, whysize) == -1)
		return (-1);
	if (n == 0)
		return (0);
	if (n > DCAP_MODULES_MAX)
		return (refuse(why, whysize, "too many TDX modules"));
	if ((tcb->modules = calloc(n, sizeof(*tcb->modules))) == NULL)
		return (refuse(why, whysize, "no memory"));
	tcb->nmodules = n;
	for (i = 0; i < n; i++)
		if (identity_read(&tcb->modules[i], json_array_get(list, i),
		    why, whysize) == -1)
			return (-1);
	return (0);
}

/* --- the whole ----------------------------------------------------- */

static int
head_read(struct dcap_tcb *tcb, const json_t *id, const json_t *version,
    const json_t *type, const json_t *fmspc, const json_t *pceid, char *why,
    size_t whysize)
{
	if (strcmp(json_string_value(id), "TDX") == 0)
		tcb->tee = TEE_TDX;
	else if (strcmp(json_string_value(id), "SGX") == 0)
		tcb->tee = TEE_SGX;
	else
		return (refuse(why, whysize, "id is no TEE"));
	if (json_integer_value(version) != VERSION ||
	    json_integer_value(type) != 0)
		return (refuse(why, whysize,
		    "no such version or type of a TCB info"));
	if (dcap_hex(fmspc, tcb->fmspc, sizeof(tcb->fmspc)) == -1 ||
	    dcap_hex(pceid, tcb->pceid, sizeof(tcb->pceid)) == -1)
		return (refuse(why, whysize, "no FMSPC, or no PCEID"));
	return (0);
}

static int
times_read(struct dcap_tcb *tcb, const json_t *issued, const json_t *next,
    const json_t *number, char *why, size_t whysize)
{
	json_int_t	 n;

	if (dcap_date(issued, &tcb->from) == -1 ||
	    dcap_date(next, &tcb->until) == -1)
		return (refuse(why, whysize, "a time is no time"));
	tcb->until++;		/* nextUpdate itself is still in it */
	if (dcap_number(number, UINT32_MAX, &n) == -1)
		return (refuse(why, whysize, "no such evaluation number"));
	tcb->number = (uint32_t)n;
	return (0);
}

int
dcap_tcb_read(struct dcap_tcb *tcb, json_t *j, char *why, size_t whysize)
{
	json_t				*id, *version, *issued, *next;
	json_t				*fmspc, *pceid, *type, *number;
	json_t				*module, *modules, *levels;
	const struct json_member	 members[] = {
		{ "id",		JSON_MEMBER_STRING,	1, &id },
		{ "version",	JSON_MEMBER_INTEGER,	1, &version },
		{ "issueDate",	JSON_MEMBER_STRING,	1, &issued },
		{ "nextUpdate",	JSON_MEMBER_STRING,	1, &next },
		{ "fmspc",	JSON_MEMBER_STRING,	1, &fmspc },
		{ "pceId",	JSON_MEMBER_STRING,	1, &pceid },
		{ "tcbType",	JSON_MEMBER_INTEGER,	1, &type },
		{ "tcbEvaluationDataNumber", JSON_MEMBER_INTEGER, 1,
		    &number },
		{ "tdxModule",	JSON_MEMBER_OBJECT,	0, &module },
		{ "tdxModuleIdentities", JSON_MEMBER_ARRAY, 0, &modules },
		{ "tcbLevels",	JSON_MEMBER_ARRAY,	1, &levels },
	};

	memset(tcb, 0, sizeof(*tcb));
	tcb->json = j;
	if (json_pick(j, members, sizeof(members) / sizeof(members[0]), why,
	    whysize) == -1 ||
	    head_read(tcb, id, version, type, fmspc, pceid, why,
	    whysize) == -1 ||
	    times_read(tcb, issued, next, number, why, whysize) == -1)
		return (-1);
	if (tcb->tee == TEE_TDX &&
	    modules_read(tcb, module, modules, why, whysize) == -1)
		return (-1);
	return (dcap_levels_read(&tcb->levels, levels, tcb->tee == TEE_TDX ?
	    DCAP_TDX_PLATFORM : DCAP_SGX_PLATFORM, why, whysize));
}

void
dcap_tcb_clear(struct dcap_tcb *tcb)
{
	size_t	 i;

	for (i = 0; i < tcb->nmodules; i++)
		dcap_levels_free(&tcb->modules[i].levels);
	free(tcb->modules);
	dcap_levels_free(&tcb->levels);
	json_decref(tcb->json);
	memset(tcb, 0, sizeof(*tcb));
}

/* --- the module of a TD -------------------------------------------- */

static const struct dcap_module *
module_find(const struct dcap_tcb *tcb, uint8_t version)
{
	size_t	 i;

	if (version == 0)
		return (&tcb->module);
	for (i = 0; i < tcb->nmodules; i++)
		if (tcb->modules[i].version == version)
			return (&tcb->modules[i]);
	return (NULL);
}

/* Bits outside of the mask must be zero. */
static int
attributes_match(const struct dcap_module *m, const uint8_t *have)
{
	size_t	 i;

	for (i = 0; i < sizeof(m->mask); i++)
		if (have[i] != (m->attributes[i] & m->mask[i]))
			return (0);
	return (1);
}

int
dcap_module_match(const struct dcap_tcb *tcb, const uint8_t *body,
    const uint8_t *svn, const struct dcap_level **level,
    struct dcap_fault *fault)
{
	const struct dcap_module	*m;

	*level = NULL;
	if ((m = module_find(tcb, svn[1])) == NULL)
		return (dcap_refuse(fault, DCAP_TDX_MODULE_NO_IDENTITY,
		    NULL));
	if (memcmp(m->mrsigner, body + DCAP_TD_MRSIGNERSEAM,
	    sizeof(m->mrsigner)) != 0)
		return (dcap_refuse(fault, DCAP_TDX_MODULE_MRSIGNER, NULL));
	if (!attributes_match(m, body + DCAP_TD_SEAMATTRIBUTES))
		return (dcap_refuse(fault, DCAP_TDX_MODULE_ATTRIBUTES, NULL));
	if (svn[1] == 0)
		return (0);
	if ((*level = dcap_level_isvsvn(&m->levels, svn[0])) == NULL)
		return (dcap_refuse(fault, DCAP_TDX_MODULE_NO_MATCH, NULL));
	return (0);
}

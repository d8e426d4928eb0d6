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
 * The identity of the quoting enclave, version 2, and its comparison with a
 * QE report (dcap-quote.md sections 6 and 7).
 */
#include <string.h>

#include "dcap.h"
#include "json.h"

#define VERSION	2

static int
refuse(char *why, size_t whysize, const char *text)
{
	(void)strlcpy(why, text, whysize);
	return (-1);
}

static int
head_read(struct dcap_identity *qe, const json_t *id, const json_t *version,
    const json_t *issued, const json_t *next, char *why, size_t whysize)
{
	if (strcmp(json_string_value(id), "TD_QE") == 0)
		qe->tee = TEE_TDX;
	else if (strcmp(json_string_value(id), "QE") == 0)
		qe->tee = TEE_SGX;
	else
		return (refuse(why, whysize, "id is no quoting enclave"));
	if (json_integer_value(version) != VERSION)
		return (refuse(why, whysize,
		    "no such version of a QE identity"));
	if (dcap_date(issued, &qe->from) == -1 ||
	    dcap_date(next, &qe->until) == -1)
		return (refuse(why, whysize, "a time is no time"));
	qe->until++;		/* nextUpdate itself is still in it */
	return (0);
}

static int
numbers_read(struct dcap_identity *qe, const json_t *number,
    const json_t *isvprodid, char *why, size_t whysize)
{
	json_int_t	 n, id;

	if (dcap_number(number, UINT32_MAX, &n) == -1 ||
	    dcap_number(isvprodid, UINT16_MAX, &id) == -1)
		return (refuse(why, whysize, "a number is out of range"));
	qe->number = (uint32_t)n;
	qe->isvprodid = (uint16_t)id;
	return (0);
}

int
dcap_identity_read(struct dcap_identity *qe, json_t *j, char *why,
    size_t whysize)
{
	json_t				*id, *version, *issued, *next, *number;
	json_t				*misc, *miscmask, *attrs, *attrsmask;
	json_t				*mrsigner, *isvprodid, *levels;
	const struct json_member	 members[] = {
		{ "id",		JSON_MEMBER_STRING,	1, &id },
		{ "version",	JSON_MEMBER_INTEGER,	1, &version },
		{ "issueDate",	JSON_MEMBER_STRING,	1, &issued },
		{ "nextUpdate",	JSON_MEMBER_STRING,	1, &next },
		{ "tcbEvaluationDataNumber", JSON_MEMBER_INTEGER, 1,
		    &number },
		{ "miscselect",	JSON_MEMBER_STRING,	1, &misc },
		{ "miscselectMask", JSON_MEMBER_STRING,	1, &miscmask },
		{ "attributes",	JSON_MEMBER_STRING,	1, &attrs },
		{ "attributesMask", JSON_MEMBER_STRING,	1, &attrsmask },
		{ "mrsigner",	JSON_MEMBER_STRING,	1, &mrsigner },
		{ "isvprodid",	JSON_MEMBER_INTEGER,	1, &isvprodid },
		{ "tcbLevels",	JSON_MEMBER_ARRAY,	1, &levels },
	};

	memset(qe, 0, sizeof(*qe));
	qe->json = j;
	if (json_pick(j, members, sizeof(members) / sizeof(members[0]), why,
	    whysize) == -1 ||
	    head_read(qe, id, version, issued, next, why, whysize) == -1 ||
	    numbers_read(qe, number, isvprodid, why, whysize) == -1)
		return (-1);
	if (dcap_hex(misc, qe->miscselect, 4) == -1 ||
	    dcap_hex(miscmask, qe->miscselect_mask, 4) == -1 ||
	    dcap_hex(attrs, qe->attributes, 16) == -1 ||
	    dcap_hex(attrsmask, qe->attributes_mask, 16) == -1 ||
	    dcap_hex(mrsigner, qe->mrsigner, 32) == -1)
		return (refuse(why, whysize,
		    "the enclave is not told in such hexadecimal"));
	return (dcap_levels_read(&qe->levels, levels, DCAP_QE, why, whysize));
}

void
dcap_identity_clear(struct dcap_identity *qe)
{
	dcap_levels_free(&qe->levels);
	json_decref(qe->json);
	memset(qe, 0, sizeof(*qe));
}

int
dcap_identity_match(const struct dcap_identity *qe, const uint8_t *report,
    const struct dcap_level **level, struct dcap_fault *fault)
{
	uint16_t	 svn;

	*level = NULL;
	if (memcmp(report + DCAP_SGX_MRSIGNER, qe->mrsigner,
	    sizeof(qe->mrsigner)) != 0)
		return (dcap_refuse(fault, DCAP_QE_IDENTITY,
		    "the quoting enclave is of another signer"));
	if (dcap_le(report + DCAP_SGX_ISVPRODID, 2) != qe->isvprodid)
		return (dcap_refuse(fault, DCAP_QE_IDENTITY,
		    "the quoting enclave is another product"));
	if (!dcap_masked(report + DCAP_SGX_MISCSELECT, qe->miscselect,
	    qe->miscselect_mask, sizeof(qe->miscselect)))
		return (dcap_refuse(fault, DCAP_QE_IDENTITY,
		    "the quoting enclave has another MISCSELECT"));
	if (!dcap_masked(report + DCAP_SGX_ATTRIBUTES, qe->attributes,
	    qe->attributes_mask, sizeof(qe->attributes)))
		return (dcap_refuse(fault, DCAP_QE_IDENTITY,
		    "the quoting enclave has other attributes"));
	svn = (uint16_t)dcap_le(report + DCAP_SGX_ISVSVN, 2);
	if ((*level = dcap_level_isvsvn(&qe->levels, svn)) == NULL)
		return (dcap_refuse(fault, DCAP_QE_TCB_NO_MATCH, NULL));
	return (0);
}

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
 * What a verified quote says, by the names of a token's claims, so that a
 * policy need not know who verified.
 */
#include <string.h>

#include "base64.h"
#include "dcap.h"
#include "rfc3339.h"

#define BYTES_MAX	64

/* What stands in a token besides the attributes of policies. */
static const struct {
	uint8_t		 tee;
	const char	*claim;
	size_t		 at, len;
} others[] = {
	{ TEE_SGX, "sgx_report_data", DCAP_SGX_REPORTDATA, 64 },
	{ TEE_SGX, "sgx_config_id", 192, 64 },
	{ TEE_TDX, "tdx_tee_tcb_svn", DCAP_TD_SVN, 16 },
	{ TEE_TDX, "tdx_seam_attributes", DCAP_TD_SEAMATTRIBUTES, 8 },
	{ TEE_TDX, "tdx_td_attributes", DCAP_TD_ATTRIBUTES, 8 },
	{ TEE_TDX, "tdx_xfam", 128, 8 },
	{ TEE_TDX, "tdx_mrconfigid", 184, 48 },
	{ TEE_TDX, "tdx_mrowner", 232, 48 },
	{ TEE_TDX, "tdx_mrownerconfig", 280, 48 },
	{ TEE_TDX, "tdx_report_data", DCAP_TD_REPORTDATA, 64 },
};

static int
hex_set(json_t *j, const char *claim, const uint8_t *p, size_t len)
{
	char	 hex[2 * BYTES_MAX + 1];

	if (hex_encode(hex, sizeof(hex), p, len) == -1)
		return (-1);
	return (json_object_set_new(j, claim, json_string(hex)));
}

static int
body_set(json_t *j, const struct dcap_quote *q)
{
	const struct attribute	*a;
	size_t			 i;
	int			 rc = 0;

	for (a = attributes; a < attributes + nattributes; a++) {
		if (a->tee != q->tee)
			continue;
		if (a->kind == ATTRIBUTE_BYTES)
			rc |= hex_set(j, a->claim, q->body + a->quote,
			    a->width);
		else
			rc |= json_object_set_new(j, a->claim, json_integer(
			    dcap_le(q->body + a->quote, a->width)));
	}
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (others[i].tee == q->tee)
			rc |= hex_set(j, others[i].claim,
			    q->body + others[i].at, others[i].len);
	return (rc);
}

static int
tcb_set(json_t *j, const struct dcap_verdict *v)
{
	json_t	*ids = json_array();
	char	 date[RFC3339_TEXT];
	size_t	 i;
	int	 rc = 0;

	for (i = 0; i < v->nadvisories; i++)
		rc |= json_array_append_new(ids,
		    json_string(v->advisories[i]));
	rc |= json_object_set_new(j, "attester_advisory_ids", ids);
	rc |= json_object_set_new(j, "attester_tcb_status",
	    json_string(dcap_status_name(v->status)));
	rc |= json_object_set_new(j, "attester_tcb_date",
	    json_string(rfc3339_format(v->tcb_date, date)));
	rc |= json_object_set_new(j, "attester_tcb_evaluation_number",
	    json_integer(v->number));
	return (rc);
}

json_t *
dcap_claims(const struct dcap_verdict *v)
{
	int	 rc, sgx = v->quote.tee == TEE_SGX;
	json_t	*j;

	if ((j = json_object()) == NULL)
		return (NULL);
	rc = json_object_set_new(j, "attester_type",
	    json_string(sgx ? "SGX" : "TDX"));
	rc |= json_object_set_new(j, sgx ? "sgx_is_debuggable" :
	    "tdx_is_debuggable", json_boolean(v->debug));
	rc |= hex_set(j, sgx ? "sgx_fmspc" : "tdx_fmspc", v->platform.fmspc,
	    sizeof(v->platform.fmspc));
	rc |= tcb_set(j, v);
	rc |= body_set(j, &v->quote);
	if (rc != 0) {
		json_decref(j);
		return (NULL);
	}
	return (j);
}

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
 * What a token says, as one struct for both forms: flat (v1), and nested in
 * an object of the TEE (v2), where flat claims are not looked at.  A claim of
 * the wrong type or width makes the token malformed; an absent one is only
 * marked so, and what asks for it fails.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "json.h"
#include "rfc3339.h"
#include "verifier.h"

#define LIST_MAX	256
#define TIME_MAX	253402300799LL	/* 9999-12-31T23:59:59Z */
#define TD_ATTRIBUTES	8

#define CLAIMS(field)	offsetof(struct claims, field)

const struct attribute attributes[] = {
	{ TEE_SGX, "mrsigner", "sgx_mrsigner", ATTRIBUTE_BYTES, 32,
	    CLAIMS(mrsigner), 128 },
	{ TEE_SGX, "isvprodid", "sgx_isvprodid", ATTRIBUTE_NUMBER, 2,
	    CLAIMS(isvprodid), 256 },
	{ TEE_SGX, "mrenclave", "sgx_mrenclave", ATTRIBUTE_BYTES, 32,
	    CLAIMS(mrenclave), 64 },
	{ TEE_SGX, "isvsvn", "sgx_isvsvn", ATTRIBUTE_NUMBER, 2,
	    CLAIMS(svn), 258 },
	{ TEE_TDX, "mrsignerseam", "tdx_mrsignerseam", ATTRIBUTE_BYTES, 48,
	    CLAIMS(mrsigner), 64 },
	{ TEE_TDX, "mrseam", "tdx_mrseam", ATTRIBUTE_BYTES, 48,
	    CLAIMS(mrenclave), 16 },
	/* TEE_TCB_SVN begins with minor, then major. */
	{ TEE_TDX, "seamsvn", "tdx_seamsvn", ATTRIBUTE_NUMBER, 2,
	    CLAIMS(svn), 0 },
	{ TEE_TDX, "mrtd", "tdx_mrtd", ATTRIBUTE_BYTES, 48, CLAIMS(mrtd),
	    136 },
	{ TEE_TDX, "rtmr0", "tdx_rtmr0", ATTRIBUTE_BYTES, 48,
	    CLAIMS(rtmr[0]), 328 },
	{ TEE_TDX, "rtmr1", "tdx_rtmr1", ATTRIBUTE_BYTES, 48,
	    CLAIMS(rtmr[1]), 376 },
	{ TEE_TDX, "rtmr2", "tdx_rtmr2", ATTRIBUTE_BYTES, 48,
	    CLAIMS(rtmr[2]), 424 },
	{ TEE_TDX, "rtmr3", "tdx_rtmr3", ATTRIBUTE_BYTES, 48,
	    CLAIMS(rtmr[3]), 472 },
	{ TEE_SNP, "measurement", "snp_measurement", ATTRIBUTE_BYTES, 48,
	    CLAIMS(measurement), 0 },
	{ TEE_SNP, "host_data", "snp_host_data", ATTRIBUTE_BYTES, 32,
	    CLAIMS(host_data), 0 },
	{ TEE_SNP, "id_key_digest", "snp_id_key_digest", ATTRIBUTE_BYTES, 48,
	    CLAIMS(id_key), 0 },
	{ TEE_SNP, "author_key_digest", "snp_author_key_digest",
	    ATTRIBUTE_BYTES, 48, CLAIMS(author_key), 0 },
	{ TEE_SNP, "guest_svn", "snp_guest_svn", ATTRIBUTE_NUMBER, 4,
	    CLAIMS(guest_svn), 0 },
	/* The TCB that signed, and the one that the host can't go below. */
	{ TEE_SNP, "bootloader_svn", "snp_bootloader_svn", ATTRIBUTE_NUMBER,
	    1, CLAIMS(tcb[POLICY_BOOTLOADER]), 0 },
	{ TEE_SNP, "bootloader_svn", "snp_committed_bootloader_svn",
	    ATTRIBUTE_NUMBER, 1, CLAIMS(committed[POLICY_BOOTLOADER]), 0 },
	{ TEE_SNP, "tee_svn", "snp_tee_svn", ATTRIBUTE_NUMBER, 1,
	    CLAIMS(tcb[POLICY_TEE]), 0 },
	{ TEE_SNP, "tee_svn", "snp_committed_tee_svn", ATTRIBUTE_NUMBER, 1,
	    CLAIMS(committed[POLICY_TEE]), 0 },
	{ TEE_SNP, "snp_svn", "snp_snp_svn", ATTRIBUTE_NUMBER, 1,
	    CLAIMS(tcb[POLICY_FIRMWARE]), 0 },
	{ TEE_SNP, "snp_svn", "snp_committed_snp_svn", ATTRIBUTE_NUMBER, 1,
	    CLAIMS(committed[POLICY_FIRMWARE]), 0 },
	{ TEE_SNP, "microcode_svn", "snp_microcode_svn", ATTRIBUTE_NUMBER, 1,
	    CLAIMS(tcb[POLICY_MICROCODE]), 0 },
	{ TEE_SNP, "microcode_svn", "snp_committed_microcode_svn",
	    ATTRIBUTE_NUMBER, 1, CLAIMS(committed[POLICY_MICROCODE]), 0 },
};
const size_t nattributes = sizeof(attributes) / sizeof(attributes[0]);

static const struct json_limits claims_limits = { TOKEN_TEXT_MAX, 4096, 16 };

static int
refuse(char *why, size_t whysize, const char *what, const char *name)
{
	(void)snprintf(why, whysize, "%s%s", what, name);
	return (-1);
}

static int
malformed(char *why, size_t whysize, const char *name)
{
	return (refuse(why, whysize, "malformed claim ", name));
}

/* --- attributes ---------------------------------------------------- */

static int
bytes_take(struct claim_bytes *out, size_t width, const json_t *j)
{
	if (json_string_length(j) != 2 * width || hex_decode(out->b, width,
	    json_string_value(j), 2 * width) != (ssize_t)width)
		return (-1);
	out->has = 1;
	return (0);
}

static int
number_take(struct claim_number *out, size_t width, const json_t *j)
{
	json_int_t	 v = json_integer_value(j);

	if (!json_is_integer(j) || v < 0 || v >= (json_int_t)1 << 8 * width)
		return (-1);
	out->v = (uint32_t)v;
	out->has = 1;
	return (0);
}

static int
attributes_take(struct claims *c, char *why, size_t whysize)
{
	const struct attribute	*a;
	const json_t		*j;
	void			*field;
	int			 rc;

	for (a = attributes; a < attributes + nattributes; a++) {
		if (a->tee != c->tee ||
		    (j = json_object_get(c->part, a->claim)) == NULL)
			continue;
		field = (char *)c + a->claims;
		if (a->kind == ATTRIBUTE_BYTES)
			rc = bytes_take(field, a->width, j);
		else
			rc = number_take(field, a->width, j);
		if (rc == -1)
			return (malformed(why, whysize, a->claim));
	}
	return (0);
}

const char *
attribute_text(const struct attribute *a, const struct claims *c,
    char text[ATTRIBUTE_TEXT])
{
	const void			*field = (const char *)c + a->claims;
	const struct claim_bytes	*bytes = field;
	const struct claim_number	*number = field;

	if (a->kind == ATTRIBUTE_BYTES && bytes->has)
		(void)hex_encode(text, ATTRIBUTE_TEXT, bytes->b, a->width);
	else if (a->kind == ATTRIBUTE_NUMBER && number->has)
		(void)snprintf(text, ATTRIBUTE_TEXT, "%u", number->v);
	else
		return (NULL);
	return (text);
}

/* --- debug --------------------------------------------------------- */

const char *
claims_debug_name(uint8_t tee)
{
	if (tee == TEE_SNP)
		return ("snp_is_debuggable");
	return (tee == TEE_SGX ? "sgx_is_debuggable" : "tdx_is_debuggable");
}

/*
 * Bit 0 is DEBUG; the other seven are reserved for more of its kind, and no
 * policy can allow what nobody knows yet.
 */
static int
td_attributes(const json_t *part, int *debug, char *why, size_t whysize)
{
	const json_t		*j, *flag;
	struct claim_bytes	 bytes;

	if ((j = json_object_get(part, "tdx_td_attributes")) != NULL) {
		if (bytes_take(&bytes, TD_ATTRIBUTES, j) == -1)
			return (malformed(why, whysize, "tdx_td_attributes"));
		if ((bytes.b[0] & 0xfe) != 0)
			return (refuse(why, whysize,
			    "reserved bits of tdx_td_attributes", ""));
		if (bytes.b[0] != 0)
			*debug = 1;
	}
	flag = json_object_get(part, "tdx_td_attributes_debug");
	if (flag != NULL && !json_is_boolean(flag))
		return (malformed(why, whysize, "tdx_td_attributes_debug"));
	if (json_is_true(flag))
		*debug = 1;
	return (0);
}

/*
 * Debuggable unless the token says that it is not; two claims that differ say
 * nothing.
 */
static int
debug_take(struct claims *c, const json_t *dbgstat, const json_t *flag,
    char *why, size_t whysize)
{
	int	 by_stat, by_flag;

	by_flag = json_is_true(flag);
	by_stat = dbgstat != NULL &&
	    strcmp(json_string_value(dbgstat), "disabled") != 0;
	if (dbgstat == NULL && flag == NULL)
		c->debug = 1;
	else
		c->debug = by_flag || by_stat;
	if (c->tee == TEE_TDX)
		return (td_attributes(c->part, &c->debug, why, whysize));
	return (0);
}

/* --- the TEE's part ------------------------------------------------ */

static int
strings_check(const json_t *j)
{
	size_t	 i;

	if (!json_is_array(j) || json_array_size(j) > LIST_MAX)
		return (-1);
	for (i = 0; i < json_array_size(j); i++)
		if (!json_is_string(json_array_get(j, i)))
			return (-1);
	return (0);
}

static int
held_take(struct claims *c, const json_t *held, char *why, size_t whysize)
{
	if (held == NULL || json_string_length(held) == 0)
		return (0);
	if (json_base64(held, TOKEN_TEXT_MAX, &c->held, &c->heldlen, why,
	    whysize) == -1)
		return (malformed(why, whysize, "attester_held_data"));
	return (0);
}

static int
tcb_take(struct claims *c, const json_t *status, const json_t *date,
    json_t *advisories, char *why, size_t whysize)
{
	if (status != NULL)
		c->tcb_status = json_string_value(status);
	if (date != NULL && rfc3339_parse(json_string_value(date),
	    json_string_length(date), &c->tcb_date) == -1)
		return (malformed(why, whysize, "attester_tcb_date"));
	/* Go writes an empty list as null. */
	if (json_is_null(advisories))
		advisories = NULL;
	if (advisories != NULL && strings_check(advisories) == -1)
		return (malformed(why, whysize, "attester_advisory_ids"));
	c->advisories = advisories;
	return (0);
}

static int
part_take(struct claims *c, char *why, size_t whysize)
{
	json_t			*held, *status, *date, *advisories, *dbgstat,
				*flag, *fmspc;
	const struct json_member members[] = {
		{ "attester_held_data",	JSON_MEMBER_STRING,	0, &held },
		{ "attester_tcb_status", JSON_MEMBER_STRING,	0, &status },
		{ "attester_tcb_date",	JSON_MEMBER_STRING,	0, &date },
		{ "attester_advisory_ids", JSON_MEMBER_ANY,	0,
		    &advisories },
		{ "attester_runtime_data", JSON_MEMBER_ANY,	0,
		    &c->runtime },
		{ "verifier_nonce",	JSON_MEMBER_ANY,	0, &c->nonce },
		{ "dbgstat",		JSON_MEMBER_STRING,	0, &dbgstat },
		{ claims_debug_name(c->tee), JSON_MEMBER_BOOL,	0, &flag },
		{ c->tee == TEE_SGX ? "sgx_fmspc" : "tdx_fmspc",
		    JSON_MEMBER_STRING,				0, &fmspc },
	};

	if (json_pick(c->part, members, sizeof(members) / sizeof(members[0]),
	    why, whysize) == -1)
		return (-1);
	if (fmspc != NULL && bytes_take(&c->fmspc, 6, fmspc) == -1)
		return (malformed(why, whysize, "fmspc"));
	if (held_take(c, held, why, whysize) == -1 ||
	    tcb_take(c, status, date, advisories, why, whysize) == -1 ||
	    debug_take(c, dbgstat, flag, why, whysize) == -1)
		return (-1);
	return (attributes_take(c, why, whysize));
}

/* --- what stands on top -------------------------------------------- */

static int
matched_check(const json_t *matched)
{
	const json_t	*one;
	size_t		 i;

	if (!json_is_array(matched) || json_array_size(matched) > LIST_MAX)
		return (-1);
	for (i = 0; i < json_array_size(matched); i++) {
		one = json_array_get(matched, i);
		if (!json_is_string(json_object_get(one, "id")))
			return (-1);
	}
	return (0);
}

static int
time_take(const json_t *j, int64_t *out)
{
	json_int_t	 v = json_integer_value(j);

	if (v < 0 || v > TIME_MAX)
		return (-1);
	*out = (int64_t)v;
	return (0);
}

static int
times_check(struct claims *c, const json_t *exp, const json_t *nbf,
    const json_t *iat, int64_t now, char *why, size_t whysize)
{
	int64_t	 t;

	if (time_take(exp, &c->exp) == -1)
		return (malformed(why, whysize, "exp"));
	if (now >= c->exp)
		return (refuse(why, whysize, "the token has expired", ""));
	if (nbf != NULL && (time_take(nbf, &t) == -1 ||
	    t > now + CLOCK_LEEWAY))
		return (refuse(why, whysize, "the token is not valid yet",
		    ""));
	if (iat != NULL && (time_take(iat, &t) == -1 ||
	    t > now + CLOCK_LEEWAY))
		return (refuse(why, whysize, "the token is of the future",
		    ""));
	return (0);
}

static uint8_t
type_of(const json_t *type)
{
	const char	*name = json_string_value(type);

	if (name != NULL && strcmp(name, "SGX") == 0)
		return (TEE_SGX);
	if (name != NULL && strcmp(name, "TDX") == 0)
		return (TEE_TDX);
	return (0);
}

/* Where the claims of the TEE are, and of which TEE. */
static int
part_find(struct claims *c, json_t *type, json_t *sgx, json_t *tdx,
    char *why, size_t whysize)
{
	if (!c->v2) {
		c->part = c->json;
		c->nvgpu = NULL;
	} else {
		if ((sgx == NULL) == (tdx == NULL))
			return (refuse(why, whysize,
			    "the token is not of one TEE", ""));
		c->part = sgx != NULL ? sgx : tdx;
		type = json_object_get(c->part, "attester_type");
		c->tee = sgx != NULL ? TEE_SGX : TEE_TDX;
		if (type == NULL)
			return (0);
		if (type_of(type) != c->tee)
			return (malformed(why, whysize, "attester_type"));
	}
	if ((c->tee = type_of(type)) == 0)
		return (refuse(why, whysize,
		    "attester_type is neither SGX nor TDX", ""));
	return (0);
}

static int
version_take(struct claims *c, const json_t *ver, char *why, size_t whysize)
{
	const char	*text = json_string_value(ver);

	if (text == NULL || strncmp(text, "1.", 2) == 0)
		return (0);
	if (strncmp(text, "2.", 2) != 0)
		return (refuse(why, whysize, "no such version of a token",
		    ""));
	c->v2 = 1;
	return (0);
}

/* One string, or a list of them, among which is what is wanted, if any. */
static int
names(const json_t *claim, const char *want)
{
	const json_t	*name;
	size_t		 i;

	if (want[0] == '\0')
		return (1);
	if (json_is_string(claim))
		return (strcmp(json_string_value(claim), want) == 0);
	json_array_foreach(claim, i, name)
		if (json_is_string(name) &&
		    strcmp(json_string_value(name), want) == 0)
			return (1);
	return (0);
}

static int
top_take(struct claims *c, const struct parties *parties, int64_t now,
    char *why, size_t whysize)
{
	json_t			*exp, *nbf, *iat, *iss, *aud, *ver, *type,
				*sgx, *tdx;
	const struct json_member members[] = {
		{ "exp",		JSON_MEMBER_INTEGER,	1, &exp },
		{ "nbf",		JSON_MEMBER_INTEGER,	0, &nbf },
		{ "iat",		JSON_MEMBER_INTEGER,	0, &iat },
		{ "iss",		JSON_MEMBER_STRING,	0, &iss },
		{ "aud",		JSON_MEMBER_ANY,	0, &aud },
		{ "ver",		JSON_MEMBER_STRING,	0, &ver },
		{ "attester_type",	JSON_MEMBER_ANY,	0, &type },
		{ "sgx",		JSON_MEMBER_OBJECT,	0, &sgx },
		{ "tdx",		JSON_MEMBER_OBJECT,	0, &tdx },
		{ "nvgpu",		JSON_MEMBER_OBJECT,	0, &c->nvgpu },
		{ "policy_ids_matched", JSON_MEMBER_ANY,	0,
		    &c->matched },
	};

	if (json_pick(c->json, members, sizeof(members) / sizeof(members[0]),
	    why, whysize) == -1 ||
	    times_check(c, exp, nbf, iat, now, why, whysize) == -1)
		return (-1);
	if (!names(iss, parties->issuer))
		return (refuse(why, whysize, "the token is of another issuer",
		    ""));
	if (!names(aud, parties->audience))
		return (refuse(why, whysize, "the token is for another "
		    "audience", ""));
	if (json_is_null(c->matched))
		c->matched = NULL;
	if (c->matched != NULL && matched_check(c->matched) == -1)
		return (malformed(why, whysize, "policy_ids_matched"));
	if (version_take(c, ver, why, whysize) == -1)
		return (-1);
	return (part_find(c, type, sgx, tdx, why, whysize));
}

/* A token of another issuer says it all at the top, under our names. */
static int
map_take(struct claims *c, const struct map *map, char *why, size_t whysize)
{
	json_t	*mapped = map_claims(map, c->json, why, whysize);

	if (mapped == NULL)
		return (-1);
	json_decref(c->json);
	c->json = mapped;
	c->key = json_object_get(mapped, "attester_key");
	if (c->key != NULL && !json_is_object(c->key))
		return (malformed(why, whysize, "attester_key"));
	return (0);
}

void
claims_issuer(const char *text, size_t len, char issuer[NAME_MAX_BACKEND])
{
	char	 why[WHY_MAX];
	json_t	*j = json_read(text, len, &claims_limits, why, sizeof(why));
	json_t	*iss = json_object_get(j, "iss");

	if (!json_is_string(iss) || strlcpy(issuer, json_string_value(iss),
	    NAME_MAX_BACKEND) >= NAME_MAX_BACKEND)
		issuer[0] = '\0';
	json_decref(j);
}

int
claims_read(struct claims *c, const char *text, size_t len,
    const struct parties *parties, int64_t now, char *why, size_t whysize)
{
	memset(c, 0, sizeof(*c));
	c->json = json_read(text, len, &claims_limits, why, whysize);
	if (c->json == NULL)
		return (-1);
	if ((parties->map != NULL && map_take(c, parties->map, why,
	    whysize) == -1) ||
	    top_take(c, parties, now, why, whysize) == -1 ||
	    part_take(c, why, whysize) == -1) {
		claims_free(c);
		return (-1);
	}
	return (0);
}

int
claims_own(struct claims *c, uint8_t tee, json_t *object, char *why,
    size_t whysize)
{
	memset(c, 0, sizeof(*c));
	c->json = json_incref(object);
	c->part = c->json;
	c->tee = tee;
	c->exp = INT64_MAX;
	if (part_take(c, why, whysize) == -1) {
		claims_free(c);
		return (-1);
	}
	return (0);
}

int64_t
claims_expiry(const char *text, size_t len)
{
	char	 why[WHY_MAX];
	json_t	*j = json_read(text, len, &claims_limits, why, sizeof(why));
	int64_t	 exp;

	if (time_take(json_object_get(j, "exp"), &exp) == -1)
		exp = INT64_MAX;
	json_decref(j);
	return (exp);
}

void
claims_free(struct claims *c)
{
	json_decref(c->json);
	free(c->held);
	memset(c, 0, sizeof(*c));
}

static int
part_is(const json_t *nonce, const char *name, const uint8_t *want,
    size_t wantlen)
{
	uint8_t	*got;
	char	 why[WHY_MAX];
	size_t	 len;
	int	 same;

	if (json_base64(json_object_get(nonce, name), NONCE_PART_MAX, &got,
	    &len, why, sizeof(why)) == -1)
		return (0);
	same = len == wantlen && (len == 0 || memcmp(got, want, len) == 0);
	free(got);
	return (same);
}

int
claims_nonce(const struct claims *c, const struct evidence *e)
{
	return (json_is_object(c->nonce) &&
	    part_is(c->nonce, "val", e->nonce_val, e->nonce_vallen) &&
	    part_is(c->nonce, "iat", e->nonce_iat, e->nonce_iatlen) &&
	    part_is(c->nonce, "signature", e->nonce_sig, e->nonce_siglen));
}

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
 * Claims against a policy.  One table of checks in the order in which they
 * are made; the first that fails is named in the outcome, with what was
 * wanted and what was there.  What a policy asks for and a token does not say
 * fails.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "rfc3339.h"
#include "verifier.h"

#define DENIED		"attestation denied: claims"

struct subject {
	const struct policy	*policy;
	const struct policy_tee	*tee;		/* the TEE's part of it */
	const struct claims	*claims;
	struct outcome		*out;
	struct checks		*checks;	/* NULL: end at the first */
	int			 failed;
};

int
outcome_set(struct outcome *out, enum verdict verdict, uint16_t status,
    const char *text, const char *fmt, ...)
{
	va_list	 ap;

	out->verdict = verdict;
	out->status = status;
	out->text = text;
	va_start(ap, fmt);
	(void)vsnprintf(out->reason, sizeof(out->reason), fmt, ap);
	va_end(ap);
	return (-1);
}

/* Each text is cut to what a check may hold. */
void
checks_add(struct checks *checks, enum check_result result, const char *claim,
    const char *wanted, const char *got)
{
	struct check	 c;

	if (checks->rows.len > CHECKS_BYTES_MAX - sizeof(c))
		return;
	(void)strlcpy(c.claim, claim, sizeof(c.claim));
	(void)strlcpy(c.wanted, wanted, sizeof(c.wanted));
	(void)strlcpy(c.got, got, sizeof(c.got));
	wb_check(&checks->rows, result, c.claim, c.wanted, c.got);
	checks->n++;
}

/* Nobody asks about this one: its texts need not be made. */
static int
untold(const struct subject *s, int good)
{
	return (good && s->checks == NULL);
}

/*
 * A claim that was looked at: 0 to go on.  The first that fails is the
 * outcome; texts too long for the audit line are cut there.
 */
static int
tell(struct subject *s, int good, const char *claim, const char *wanted,
    const char *got)
{
	if (got == NULL || got[0] == '\0')
		got = got == NULL ? "(absent)" : "(empty)";
	if (s->checks != NULL)
		checks_add(s->checks, good ? CHECK_OK : CHECK_FAILED, claim,
		    wanted, got);
	if (good || s->failed++ > 0)
		return (0);
	(void)strlcpy(s->out->claim, claim, sizeof(s->out->claim));
	(void)strlcpy(s->out->wanted, wanted, sizeof(s->out->wanted));
	(void)strlcpy(s->out->got, got, sizeof(s->out->got));
	(void)outcome_set(s->out, VERDICT_DENIED, 401, DENIED,
	    "claim %s does not match the policy", claim);
	return (s->checks != NULL ? 0 : -1);
}

static void
join(char *text, size_t size, const char *part)
{
	if (text[0] != '\0')
		(void)strlcat(text, " ", size);
	(void)strlcat(text, part, size);
}

static void
join_strings(char *text, size_t size, const struct policy_strings *list)
{
	size_t	 i;

	text[0] = '\0';
	for (i = 0; i < list->n; i++)
		join(text, size, list->v[i]);
}

/* --- attributes in lists ------------------------------------------- */

/* Which member of a policy an attribute is compared with. */
static const struct {
	size_t	 claims;
	size_t	 policy;
} bytes_of[] = {
	{ offsetof(struct claims, mrsigner),
	    offsetof(struct policy_tee, mrsigner) },
	{ offsetof(struct claims, mrenclave),
	    offsetof(struct policy_tee, mrenclave) },
	{ offsetof(struct claims, mrtd), offsetof(struct policy_tee, mrtd) },
	{ offsetof(struct claims, rtmr[0]),
	    offsetof(struct policy_tee, rtmr[0]) },
	{ offsetof(struct claims, rtmr[1]),
	    offsetof(struct policy_tee, rtmr[1]) },
	{ offsetof(struct claims, rtmr[2]),
	    offsetof(struct policy_tee, rtmr[2]) },
	{ offsetof(struct claims, rtmr[3]),
	    offsetof(struct policy_tee, rtmr[3]) },
	{ offsetof(struct claims, measurement),
	    offsetof(struct policy_tee, measurement) },
	{ offsetof(struct claims, host_data),
	    offsetof(struct policy_tee, host_data) },
	{ offsetof(struct claims, id_key),
	    offsetof(struct policy_tee, id_key) },
	{ offsetof(struct claims, author_key),
	    offsetof(struct policy_tee, author_key) },
};

#define NBYTES_OF	(sizeof(bytes_of) / sizeof(bytes_of[0]))

static const struct policy_bytes *
policy_bytes_of(const struct policy_tee *tee, const struct attribute *a)
{
	const void	*field;
	size_t		 i;

	for (i = 0; i < NBYTES_OF; i++)
		if (bytes_of[i].claims == a->claims) {
			field = (const char *)tee + bytes_of[i].policy;
			return (field);
		}
	return (NULL);
}

static int
bytes_in(const struct policy_bytes *list, const uint8_t *v, size_t width)
{
	size_t	 i;

	if (list->width != width)
		return (0);
	for (i = 0; i < list->n; i++)
		if (memcmp(list->data + i * width, v, width) == 0)
			return (1);
	return (0);
}

static void
join_bytes(char *text, size_t size, const struct policy_bytes *list)
{
	char	 hex[ATTRIBUTE_TEXT];
	size_t	 i;

	text[0] = '\0';
	for (i = 0; i < list->n; i++)
		if (hex_encode(hex, sizeof(hex), list->data + i * list->width,
		    list->width) != -1)
			join(text, size, hex);
}

static int
bytes_match(struct subject *s, const struct attribute *a,
    const struct claim_bytes *claim)
{
	const struct policy_bytes	*list = policy_bytes_of(s->tee, a);
	char				 got[ATTRIBUTE_TEXT];
	char				 wanted[CLAIM_TEXT_MAX];
	int				 good;

	if (list == NULL || list->n == 0)
		return (0);
	good = claim->has && bytes_in(list, claim->b, a->width);
	if (untold(s, good))
		return (0);
	join_bytes(wanted, sizeof(wanted), list);
	return (tell(s, good, a->claim, wanted, attribute_text(a, s->claims,
	    got)));
}

static int
prodid_match(struct subject *s, const struct attribute *a)
{
	const struct policy_numbers	*list = &s->tee->isvprodid;
	char				 got[ATTRIBUTE_TEXT], number[8];
	char				 wanted[CLAIM_TEXT_MAX] = "";
	size_t				 i;
	int				 good = 0;

	if (list->n == 0)
		return (0);
	for (i = 0; i < list->n; i++) {
		if (s->claims->isvprodid.has &&
		    list->v[i] == s->claims->isvprodid.v)
			good = 1;
		(void)snprintf(number, sizeof(number), "%u", list->v[i]);
		join(wanted, sizeof(wanted), number);
	}
	return (tell(s, good, a->claim, wanted, attribute_text(a, s->claims,
	    got)));
}

/* What a policy may ask of a number: this one, or this one at least. */
#define NO_NUMBER	SIZE_MAX
#define TCB_OF(part)							\
	{ offsetof(struct claims, tcb[part]), NO_NUMBER,		\
	    offsetof(struct policy_tee, tcb_minimum[part]) },		\
	{ offsetof(struct claims, committed[part]), NO_NUMBER,		\
	    offsetof(struct policy_tee, tcb_minimum[part]) }

static const struct {
	size_t	 claims;
	size_t	 exact;
	size_t	 minimum;
} numbers_of[] = {
	{ offsetof(struct claims, svn), offsetof(struct policy_tee, svn),
	    offsetof(struct policy_tee, svn_minimum) },
	{ offsetof(struct claims, guest_svn), NO_NUMBER,
	    offsetof(struct policy_tee, guest_svn_minimum) },
	TCB_OF(POLICY_BOOTLOADER),
	TCB_OF(POLICY_TEE),
	TCB_OF(POLICY_FIRMWARE),
	TCB_OF(POLICY_MICROCODE),
};

#define NNUMBERS_OF	(sizeof(numbers_of) / sizeof(numbers_of[0]))

/* The number of a policy at this offset; none is one that is not set. */
static const struct policy_number *
policy_number_at(const struct policy_tee *tee, size_t offset)
{
	static const struct policy_number	 none;
	const void				*field;

	if (offset == NO_NUMBER)
		return (&none);
	field = (const char *)tee + offset;
	return (field);
}

static int
number_told(struct subject *s, const struct attribute *a, int good,
    const char *how, unsigned int v)
{
	char	 got[ATTRIBUTE_TEXT], wanted[24];

	if (untold(s, good))
		return (0);
	(void)snprintf(wanted, sizeof(wanted), "%s%u", how, v);
	return (tell(s, good, a->claim, wanted, attribute_text(a, s->claims,
	    got)));
}

static int
number_match(struct subject *s, const struct attribute *a,
    const struct claim_number *claim)
{
	const struct policy_number	*exact, *minimum;
	size_t				 i;

	for (i = 0; i < NNUMBERS_OF; i++)
		if (numbers_of[i].claims == a->claims)
			break;
	if (i == NNUMBERS_OF)
		return (0);
	exact = policy_number_at(s->tee, numbers_of[i].exact);
	minimum = policy_number_at(s->tee, numbers_of[i].minimum);
	if (exact->set && number_told(s, a, claim->has &&
	    claim->v == exact->v, "", exact->v) == -1)
		return (-1);
	if (minimum->set && number_told(s, a, claim->has &&
	    claim->v >= minimum->v, "at least ", minimum->v) == -1)
		return (-1);
	return (0);
}

static int
check_attributes(struct subject *s)
{
	const struct attribute	*a;
	const void		*field;
	int			 rc;

	for (a = attributes; a < attributes + nattributes; a++) {
		if (a->tee != s->claims->tee)
			continue;
		field = (const char *)s->claims + a->claims;
		if (a->kind == ATTRIBUTE_BYTES)
			rc = bytes_match(s, a, field);
		else if (field == &s->claims->isvprodid)
			rc = prodid_match(s, a);
		else
			rc = number_match(s, a, field);
		if (rc == -1)
			return (-1);
	}
	return (0);
}

/* --- debug, TCB, platform ------------------------------------------ */

static int
check_debug(struct subject *s)
{
	return (tell(s, !s->claims->debug || s->tee->allow_debug,
	    claims_debug_name(s->claims->tee),
	    s->tee->allow_debug ? "any" : "false",
	    s->claims->debug ? "true, or not said" : "false"));
}

/* ITA v1 says OK where v2 says UpToDate; one word for both. */
static const char *
status_word(const char *status)
{
	return (strcasecmp(status, "OK") == 0 ? "UpToDate" : status);
}

static int
status_is(const char *a, const char *b)
{
	return (strcasecmp(status_word(a), status_word(b)) == 0);
}

static int
check_tcb_status(struct subject *s)
{
	const struct policy_strings	*list = &s->tee->tcb_statuses;
	const char			*status = s->claims->tcb_status;
	char				 wanted[CLAIM_TEXT_MAX];
	size_t				 i;
	int				 good = 0;

	if (s->tee->enforce_tcb_upto_date && tell(s, status != NULL &&
	    status_is(status, "UpToDate"), "attester_tcb_status", "UpToDate",
	    status) == -1)
		return (-1);
	if (list->n == 0)
		return (0);
	for (i = 0; status != NULL && i < list->n; i++)
		if (status_is(status, list->v[i]))
			good = 1;
	if (untold(s, good))
		return (0);
	join_strings(wanted, sizeof(wanted), list);
	return (tell(s, good, "attester_tcb_status", wanted, status));
}

static int
check_tcb_date(struct subject *s)
{
	char	 got[RFC3339_TEXT], least[RFC3339_TEXT], wanted[48];

	if (s->tee->tcb_date_minimum == 0)
		return (0);
	(void)snprintf(wanted, sizeof(wanted), "at least %s",
	    rfc3339_format(s->tee->tcb_date_minimum, least));
	return (tell(s, s->claims->tcb_date >= s->tee->tcb_date_minimum,
	    "attester_tcb_date", wanted,
	    s->claims->tcb_date == 0 ? NULL :
	    rfc3339_format(s->claims->tcb_date, got)));
}

static int
strings_have(const struct policy_strings *list, const char *v)
{
	size_t	 i;

	for (i = 0; i < list->n; i++)
		if (strcasecmp(list->v[i], v) == 0)
			return (1);
	return (0);
}

/* An up to date TCB has no advisories; silence about another one is none. */
static int
check_advisories(struct subject *s)
{
	const struct policy_strings	*list = &s->tee->advisories_allowed;
	const json_t			*ids = s->claims->advisories;
	const char			*id, *status = s->claims->tcb_status;
	char				 wanted[CLAIM_TEXT_MAX];
	size_t				 i;

	if (!s->tee->has_advisories_allowed && list->n == 0)
		return (0);
	join_strings(wanted, sizeof(wanted), list);
	for (i = 0; i < json_array_size(ids); i++) {
		id = json_string_value(json_array_get(ids, i));
		if (!strings_have(list, id))
			return (tell(s, 0, "attester_advisory_ids", wanted,
			    id));
	}
	return (tell(s, ids != NULL || (status != NULL &&
	    status_is(status, "UpToDate")), "attester_advisory_ids", wanted,
	    ids == NULL ? NULL : i == 0 ? "none" : "none but those"));
}

static const char *
fmspc_text(const struct claims *c, char text[ATTRIBUTE_TEXT])
{
	if (!c->fmspc.has)
		return (NULL);
	(void)hex_encode(text, ATTRIBUTE_TEXT, c->fmspc.b, 6);
	return (text);
}

static int
check_platform(struct subject *s)
{
	char	 got[ATTRIBUTE_TEXT], wanted[CLAIM_TEXT_MAX];

	if (s->tee->platforms.n == 0)
		return (0);
	join_bytes(wanted, sizeof(wanted), &s->tee->platforms);
	return (tell(s, s->claims->fmspc.has && bytes_in(&s->tee->platforms,
	    s->claims->fmspc.b, 6), "fmspc", wanted, fmspc_text(s->claims,
	    got)));
}

/* --- deny ---------------------------------------------------------- */

/* The text of what `deny' names; *known: there is such a name. */
static const char *
denied_text(const struct claims *c, const char *name, int *known,
    char text[ATTRIBUTE_TEXT])
{
	const struct attribute	*a;

	*known = 1;
	if (strcmp(name, "tcb_statuses") == 0)
		return (c->tcb_status != NULL ? status_word(c->tcb_status) :
		    NULL);
	if (strcmp(name, "platforms") == 0)
		return (fmspc_text(c, text));
	for (a = attributes; a < attributes + nattributes; a++)
		if (a->tee == c->tee && strcmp(a->name, name) == 0)
			return (attribute_text(a, c, text));
	*known = 0;
	return (NULL);
}

static int
deny_one(struct subject *s, const struct policy_deny *d)
{
	const char	*got;
	char		 text[ATTRIBUTE_TEXT], wanted[CLAIM_TEXT_MAX];
	size_t		 i;
	int		 good, known;

	if (d->values.n == 0)
		return (0);
	got = denied_text(s->claims, d->attribute, &known, text);
	(void)strlcpy(wanted, "none of", sizeof(wanted));
	for (i = 0; i < d->values.n; i++)
		join(wanted, sizeof(wanted), d->values.v[i]);
	/* What can't be told is not another value. */
	good = known && got != NULL;
	for (i = 0; good && i < d->values.n; i++)
		good = strcasecmp(status_word(d->values.v[i]), got) != 0;
	return (tell(s, good, d->attribute, wanted, known ? got : NULL));
}

static int
check_deny(struct subject *s)
{
	size_t	 i;

	for (i = 0; i < s->tee->ndeny; i++)
		if (deny_one(s, &s->tee->deny[i]) == -1)
			return (-1);
	return (0);
}

/* --- policy ids ---------------------------------------------------- */

static int
ids_match(struct subject *s, const struct policy_strings *ids)
{
	const json_t	*matched = s->claims->matched;
	const char	*id;
	char		 got[CLAIM_TEXT_MAX] = "", wanted[CLAIM_TEXT_MAX];
	size_t		 i;
	int		 good = 0;

	if (ids->n == 0)
		return (0);
	for (i = 0; i < json_array_size(matched); i++) {
		id = json_string_value(json_object_get(json_array_get(matched,
		    i), "id"));
		good |= id != NULL && strings_have(ids, id);
		if (id != NULL)
			join(got, sizeof(got), id);
	}
	join_strings(wanted, sizeof(wanted), ids);
	return (tell(s, good, "policy_ids_matched", wanted,
	    got[0] != '\0' ? got : NULL));
}

static int
check_policy_ids(struct subject *s)
{
	return (ids_match(s, &s->tee->policy_ids));
}

/* --- GPUs ---------------------------------------------------------- */

#define GPU_RESULT	"x-nvidia-overall-att-result"

static int
gpu_secboot(struct subject *s, const char *name, const json_t *gpu)
{
	const json_t	*secboot = json_object_get(gpu, "secboot");
	char		 claim[256];

	if (!s->policy->nvgpu.require_secure_boot)
		return (0);
	(void)snprintf(claim, sizeof(claim), "nvgpu %.128s secboot", name);
	return (tell(s, json_is_true(secboot), claim, "true",
	    json_is_true(secboot) ? "true" : json_is_false(secboot) ?
	    "false" : NULL));
}

static int
gpu_hwmodel(struct subject *s, const char *name, const json_t *gpu)
{
	const struct policy_strings	*list = &s->policy->nvgpu.hwmodel;
	const char			*model;
	char				 claim[256], wanted[CLAIM_TEXT_MAX];
	size_t				 i;
	int				 good = 0;

	if (list->n == 0)
		return (0);
	model = json_string_value(json_object_get(gpu, "hwmodel"));
	for (i = 0; model != NULL && i < list->n; i++)
		good |= strcmp(list->v[i], model) == 0;
	(void)snprintf(claim, sizeof(claim), "nvgpu %.128s hwmodel", name);
	join_strings(wanted, sizeof(wanted), list);
	return (tell(s, good, claim, wanted, model));
}

static int
gpus_match(struct subject *s)
{
	const struct policy_nvgpu	*p = &s->policy->nvgpu;
	json_t				*details, *gpu;
	const char			*name;

	if (!p->require_secure_boot && p->hwmodel.n == 0)
		return (0);
	details = json_object_get(s->claims->nvgpu, "claim_details");
	if (json_object_size(details) == 0)
		return (tell(s, 0, "nvgpu claim_details", "one at least",
		    NULL));
	json_object_foreach(details, name, gpu)
		if (gpu_secboot(s, name, gpu) == -1 ||
		    gpu_hwmodel(s, name, gpu) == -1)
			return (-1);
	return (0);
}

static int
check_nvgpu(struct subject *s)
{
	const json_t	*result;
	int		 enforced = s->policy->nvgpu.enforce_overall_result;

	if ((s->policy->tees & TEE_NVGPU) == 0)
		return (0);
	result = json_object_get(s->claims->nvgpu, GPU_RESULT);
	if (tell(s, json_is_true(result) || (json_is_false(result) &&
	    !enforced), "nvgpu " GPU_RESULT, enforced ? "true" :
	    "true or false", json_is_true(result) ? "true" :
	    json_is_false(result) ? "false" : NULL) == -1)
		return (-1);
	if (gpus_match(s) == -1)
		return (-1);
	return (ids_match(s, &s->policy->nvgpu.policy_ids));
}

/* --- all of it ----------------------------------------------------- */

static int
check_type(struct subject *s)
{
	char	 want[TEES_TEXT], got[TEES_TEXT];

	return (tell(s, (s->policy->tees & s->claims->tee) != 0 &&
	    s->tee->present, "attester_type", tees_format(s->policy->tees,
	    want), tees_format(s->claims->tee, got)));
}

static int	(*const checks[])(struct subject *) = {
	check_type,
	check_debug,
	check_attributes,
	check_tcb_status,
	check_tcb_date,
	check_advisories,
	check_platform,
	check_deny,
	check_policy_ids,
	check_nvgpu,
};

static const struct policy_tee *
policy_part(const struct policy *policy, uint8_t tee)
{
	if (tee == TEE_SNP)
		return (&policy->snp);
	return (tee == TEE_SGX ? &policy->sgx : &policy->tdx);
}

int
compare(const struct policy *policy, const struct claims *claims,
    struct outcome *out, struct checks *told)
{
	struct subject	 s = { policy, NULL, claims, out, told, 0 };
	size_t		 i;

	s.tee = policy_part(policy, claims->tee);
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (checks[i](&s) == -1)
			return (-1);
	return (s.failed > 0 ? -1 : 0);
}

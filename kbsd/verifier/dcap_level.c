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
 * TCB levels and what they mean (dcap-quote.md sections 5.2 and 5.4).  Those
 * of platforms, TDX modules and quoting enclaves are of one form, but for
 * the SVNs that they ask for.
 */
#include <stdlib.h>
#include <string.h>

#include "dcap.h"
#include "json.h"

#define OF(owner)	(1U << (owner))
#define OF_PLATFORM	(OF(DCAP_SGX_PLATFORM) | OF(DCAP_TDX_PLATFORM))
#define OF_ALL		(OF_PLATFORM | OF(DCAP_MODULE) | OF(DCAP_QE))

static const struct {
	const char	*name;
	unsigned int	 owners;	/* whose level may have it */
	int		 configuration;
} statuses[DCAP_STATUSES] = {
	[DCAP_UNKNOWN] = { "Unknown", 0, 0 },
	[DCAP_UP_TO_DATE] = { "UpToDate", OF_ALL, 0 },
	[DCAP_SW_HARDENING] = { "SWHardeningNeeded", OF_PLATFORM, 0 },
	[DCAP_CONFIGURATION] = { "ConfigurationNeeded",
	    OF_PLATFORM | OF(DCAP_QE), 1 },
	[DCAP_CONFIGURATION_SW_HARDENING] = {
	    "ConfigurationAndSWHardeningNeeded", OF_PLATFORM, 1 },
	[DCAP_OUT_OF_DATE] = { "OutOfDate", OF_ALL, 0 },
	[DCAP_OUT_OF_DATE_CONFIGURATION] = { "OutOfDateConfigurationNeeded",
	    OF_PLATFORM | OF(DCAP_QE), 1 },
	[DCAP_REVOKED] = { "Revoked", OF_ALL, 0 },
	/* These two are computed, and stand in no level. */
	[DCAP_RELAUNCH] = { "TDRelaunchAdvised", 0, 0 },
	[DCAP_RELAUNCH_CONFIGURATION] = {
	    "TDRelaunchAdvisedConfigurationNeeded", 0, 0 },
};

const char *
dcap_status_name(enum dcap_status status)
{
	return (statuses[status].name);
}

/* --- reading ------------------------------------------------------- */

static int
refuse(char *why, size_t whysize, const char *text)
{
	(void)strlcpy(why, text, whysize);
	return (-1);
}

/* What is not known is refused only where a level is matched. */
static enum dcap_status
status_read(const json_t *j, enum dcap_owner owner)
{
	const char	*name = json_string_value(j);
	size_t		 i;

	for (i = 0; i < DCAP_STATUSES; i++)
		if ((statuses[i].owners & OF(owner)) != 0 &&
		    strcmp(statuses[i].name, name) == 0)
			return ((enum dcap_status)i);
	return (DCAP_UNKNOWN);
}

static int
svn_read(const json_t *j, uint16_t *svn)
{
	json_int_t	 v;

	if (dcap_number(j, UINT16_MAX, &v) == -1)
		return (-1);
	*svn = (uint16_t)v;
	return (0);
}

/* [{"svn": n, ...}], exactly as many as there are components. */
static int
components_read(uint8_t svns[DCAP_SVNS], json_t *list)
{
	json_int_t	 v;
	size_t		 i;

	if (json_array_size(list) != DCAP_SVNS)
		return (-1);
	for (i = 0; i < DCAP_SVNS; i++) {
		if (dcap_number(json_object_get(json_array_get(list, i),
		    "svn"), UINT8_MAX, &v) == -1)
			return (-1);
		svns[i] = (uint8_t)v;
	}
	return (0);
}

static int
platform_read(struct dcap_level *level, json_t *tcb, enum dcap_owner owner,
    char *why, size_t whysize)
{
	json_t				*sgx, *tdx, *pcesvn;
	const struct json_member	 members[] = {
		{ "sgxtcbcomponents", JSON_MEMBER_ARRAY,	1, &sgx },
		{ "pcesvn",	JSON_MEMBER_INTEGER,		1, &pcesvn },
		{ "tdxtcbcomponents", JSON_MEMBER_ARRAY,
		    owner == DCAP_TDX_PLATFORM,			&tdx },
	};

	if (json_pick(tcb, members, sizeof(members) / sizeof(members[0]),
	    why, whysize) == -1)
		return (-1);
	if (components_read(level->sgx, sgx) == -1 ||
	    svn_read(pcesvn, &level->svn) == -1 ||
	    (owner == DCAP_TDX_PLATFORM &&
	    components_read(level->tdx, tdx) == -1))
		return (refuse(why, whysize,
		    "a TCB level has not 16 components, or other numbers"));
	return (0);
}

static int
advisories_check(const json_t *list)
{
	const json_t	*id;
	size_t		 i;

	if (json_array_size(list) > DCAP_LEVEL_ADVISORIES)
		return (-1);
	for (i = 0; i < json_array_size(list); i++) {
		id = json_array_get(list, i);
		if (!json_is_string(id) ||
		    json_string_length(id) > DCAP_ADVISORY_LEN)
			return (-1);
	}
	return (0);
}

static int
level_read(struct dcap_level *level, json_t *j, enum dcap_owner owner,
    char *why, size_t whysize)
{
	json_t				*tcb, *date, *status;
	const struct json_member	 members[] = {
		{ "tcb",	JSON_MEMBER_OBJECT,	1, &tcb },
		{ "tcbDate",	JSON_MEMBER_STRING,	1, &date },
		{ "tcbStatus",	JSON_MEMBER_STRING,	1, &status },
		{ "advisoryIDs", JSON_MEMBER_ARRAY,	0,
		    &level->advisories },
	};

	if (!json_is_object(j))
		return (refuse(why, whysize, "a TCB level is no object"));
	if (json_pick(j, members, sizeof(members) / sizeof(members[0]), why,
	    whysize) == -1)
		return (-1);
	level->status = status_read(status, owner);
	if (dcap_date(date, &level->date) == -1)
		return (refuse(why, whysize, "tcbDate is no time"));
	if (advisories_check(level->advisories) == -1)
		return (refuse(why, whysize, "advisoryIDs is no such list"));
	if (owner == DCAP_SGX_PLATFORM || owner == DCAP_TDX_PLATFORM)
		return (platform_read(level, tcb, owner, why, whysize));
	if (svn_read(json_object_get(tcb, "isvsvn"), &level->svn) == -1)
		return (refuse(why, whysize, "isvsvn is no SVN"));
	return (0);
}

/* Highest first; by components, then SVN, then those of TDX. */
static int
level_order(const void *va, const void *vb)
{
	const struct dcap_level	*a = va, *b = vb;
	int			 c;

	if ((c = memcmp(b->sgx, a->sgx, DCAP_SVNS)) != 0)
		return (c);
	if (a->svn != b->svn)
		return (a->svn < b->svn ? 1 : -1);
	return (memcmp(b->tdx, a->tdx, DCAP_SVNS));
}

int
dcap_levels_read(struct dcap_levels *levels, json_t *list,
    enum dcap_owner owner, char *why, size_t whysize)
{
	size_t	 i, n = json_array_size(list);

	if (n == 0 || n > DCAP_LEVELS_MAX)
		return (refuse(why, whysize, "no TCB levels, or too many"));
	if ((levels->v = calloc(n, sizeof(*levels->v))) == NULL)
		return (refuse(why, whysize, "no memory"));
	levels->n = n;
	for (i = 0; i < n; i++)
		if (level_read(&levels->v[i], json_array_get(list, i), owner,
		    why, whysize) == -1)
			return (-1);
	qsort(levels->v, n, sizeof(*levels->v), level_order);
	return (0);
}

void
dcap_levels_free(struct dcap_levels *levels)
{
	free(levels->v);
	memset(levels, 0, sizeof(*levels));
}

/* --- matching ------------------------------------------------------ */

const struct dcap_level *
dcap_level_isvsvn(const struct dcap_levels *levels, uint16_t svn)
{
	size_t	 i;

	for (i = 0; i < levels->n; i++)
		if (svn >= levels->v[i].svn)
			return (&levels->v[i]);
	return (NULL);
}

/* Each is as high as what is asked for, from the first on. */
static int
reaches(const uint8_t *have, const uint8_t *want, size_t first)
{
	size_t	 i;

	for (i = first; i < DCAP_SVNS; i++)
		if (have[i] < want[i])
			return (0);
	return (1);
}

const struct dcap_level *
dcap_level_platform(const struct dcap_levels *levels,
    const struct dcap_platform *p, const uint8_t *tdx)
{
	const struct dcap_level	*l;
	size_t			 i;

	for (i = 0; i < levels->n; i++) {
		l = &levels->v[i];
		/* with a major version its module identity judges 0 and 1 */
		if (reaches(p->svn, l->sgx, 0) && p->pcesvn >= l->svn &&
		    (tdx == NULL || reaches(tdx, l->tdx, tdx[1] == 0 ?
		    0 : 2)))
			return (l);
	}
	return (NULL);
}

/* --- convergence --------------------------------------------------- */

enum dcap_status
dcap_converge(enum dcap_status platform, enum dcap_status component)
{
	if (component == DCAP_REVOKED)
		return (DCAP_REVOKED);
	if (component != DCAP_OUT_OF_DATE)
		return (platform);
	if (platform == DCAP_UP_TO_DATE || platform == DCAP_SW_HARDENING)
		return (DCAP_OUT_OF_DATE);
	if (platform == DCAP_CONFIGURATION ||
	    platform == DCAP_CONFIGURATION_SW_HARDENING)
		return (DCAP_OUT_OF_DATE_CONFIGURATION);
	return (platform);
}

static int
is_old(enum dcap_status s)
{
	return (s == DCAP_OUT_OF_DATE || s == DCAP_OUT_OF_DATE_CONFIGURATION);
}

enum dcap_status
dcap_relaunch(enum dcap_status launch, enum dcap_status current)
{
	if (current == DCAP_REVOKED)
		return (DCAP_REVOKED);
	if (!is_old(launch) || is_old(current))
		return (launch);
	return (statuses[launch].configuration ||
	    statuses[current].configuration ? DCAP_RELAUNCH_CONFIGURATION :
	    DCAP_RELAUNCH);
}

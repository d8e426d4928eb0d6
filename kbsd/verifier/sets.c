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
 * What Intel says of each platform that was seen lately, as collateral that is
 * kept.  Nothing with a lower evaluation number takes the place of a higher
 * one.
 */
#include <stdio.h>
#include <string.h>

#include "local.h"

#define PLATFORMS_MAX	128
#define COPY_MAGIC	0x6b646331	/* of the bytes in the store */
#define FMSPC_LEN	6
#define PARTS		7

static uint8_t			 root[DIGEST_LEN];
static struct dcap_anchor	*anchor;

/*
 * A fault of its own is worse than what was there; and who has shown us a
 * higher number can't be followed by who shows a lower one.
 */
static int
set_adopt(struct kept *k, struct dcap_set *set, int64_t now)
{
	const struct dcap_fault	*fault = dcap_set_fault(set);
	uint32_t		 number;

	if (fault != NULL) {
		snprintf(k->why, sizeof(k->why), "%s: %.200s",
		    dcap_reason_name(fault->reason), fault->why);
		return (-1);
	}
	number = set->tcb.number < set->qe.number ? set->tcb.number :
	    set->qe.number;
	if (set->tcb.tee != k->of.tee ||
	    memcmp(set->tcb.fmspc, k->of.about, FMSPC_LEN) != 0) {
		(void)strlcpy(k->why, "it is of another platform",
		    sizeof(k->why));
		return (-1);
	}
	if (number < k->number) {
		snprintf(k->why, sizeof(k->why), "its evaluation number is "
		    "%u, and %u was seen before", number, k->number);
		return (-1);
	}
	k->number = number;
	if (dcap_set_until(set) <= now) {
		(void)strlcpy(k->why, "it has expired", sizeof(k->why));
		return (-1);
	}
	kept_adopt(k, set);
	return (0);
}

static int
set_take(struct kept *k, const struct der parts[PARTS], int64_t now)
{
	const struct dcap_collateral	 c = {
		.pck_crl = parts[0], .pck_crl_chain = parts[1],
		.root_crl = parts[2], .tcb_info = parts[3],
		.tcb_info_chain = parts[4], .qe_identity = parts[5],
		.qe_identity_chain = parts[6],
	};
	struct dcap_set			*set;

	if ((set = dcap_set_new(&c, root)) == NULL)
		return (-1);
	if (set_adopt(k, set, now) == 0)
		return (0);
	dcap_set_free(set);
	return (-1);
}

static int64_t
set_until(const void *set)
{
	return (dcap_set_until(set));
}

static void
set_free(void *set)
{
	dcap_set_free(set);
}

static void
set_name(char name[NAME_MAX_STORE], const struct kept_of *of)
{
	char	 hex[2 * FMSPC_LEN + 1];
	size_t	 i;

	for (i = 0; i < FMSPC_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", of->about[i]);
	snprintf(name, NAME_MAX_STORE, "dcap %s %s %s", of->tee == TEE_SGX ?
	    "sgx" : "tdx", hex, of->about[FMSPC_LEN] ? "platform" :
	    "processor");
}

static const struct kept_kind	 sets_kind = {
	.what = FETCH_DCAP, .magic = COPY_MAGIC, .parts = PARTS,
	.most = PLATFORMS_MAX, .renewed = 1, .name = set_name,
	.take = set_take, .until = set_until, .free = set_free,
};

const struct dcap_set *
sets_get(const struct dcap_platform *p, uint8_t tee, int64_t now, int *coming,
    char *why, size_t whysize)
{
	struct kept_of	 of = { .fetcher = local_fetcher(FETCHER_DCAP),
			    .tee = tee, .len = FMSPC_LEN + 1 };

	memcpy(of.about, p->fmspc, FMSPC_LEN);
	of.about[FMSPC_LEN] = p->by_platform_ca;
	return (kept_get(&sets_kind, &of, now, coming, why, whysize));
}

void
sets_secrets(const char *name, const void *pem, size_t len)
{
	char	 why[WHY_MAX];

	memcpy(root, dcap_intel_root, sizeof(root));
	if (pem != NULL) {
		if (dcap_root_read(root, pem, len, why, sizeof(why)) == -1)
			fatalx("root of %s: %s", name, why);
		log_warnx("%s: quotes are verified by a root that is not "
		    "Intel's", name);
	}
	if ((anchor = dcap_anchor_new(root)) == NULL)
		fatal("no memory for quotes");
}

struct dcap_anchor *
sets_anchor(void)
{
	return (anchor);
}

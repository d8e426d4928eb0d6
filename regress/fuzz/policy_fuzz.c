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
 * Bytes as a policy: what is taken has a canonical text, and that text is
 * taken again and is its own.  A policy that restricts nothing never passes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "policy.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What of a TEE's object could keep an enclave out. */
static int
restricts(const struct policy_tee *t)
{
	size_t	 i, n;

	n = t->policy_ids.n + t->mrsigner.n + t->mrenclave.n +
	    t->isvprodid.n + t->mrtd.n + t->tcb_statuses.n +
	    t->advisories_allowed.n + t->platforms.n + t->measurement.n +
	    t->host_data.n + t->id_key.n + t->author_key.n +
	    t->guest_svn_minimum.v;
	for (i = 0; i < 4; i++)
		n += t->rtmr[i].n + t->tcb_minimum[i].v;
	return (n > 0 || t->svn.set || t->svn_minimum.v > 0 ||
	    t->enforce_tcb_upto_date || t->tcb_date_minimum > 0);
}

static void
check(const struct policy *p)
{
	if (((p->tees & TEE_SGX) != 0) != p->sgx.present ||
	    ((p->tees & TEE_TDX) != 0) != p->tdx.present ||
	    ((p->tees & TEE_NVGPU) != 0) != p->nvgpu.present ||
	    ((p->tees & TEE_SNP) != 0) != p->snp.present)
		abort();
	if (p->sgx.present + p->tdx.present + p->snp.present != 1)
		abort();
	if (p->sgx.present && (!restricts(&p->sgx) || p->nvgpu.present))
		abort();
	if (p->tdx.present && !restricts(&p->tdx))
		abort();
	if (p->snp.present && (!restricts(&p->snp) || p->nvgpu.present))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int	 ready;
	struct policy	*p;
	char		*again, *text, why[160];
	size_t		 len, len2;

	if (!ready++)
		json_init();
	why[0] = '\0';
	p = policy_parse((const char *)data, size, why, sizeof(why));
	if (p == NULL) {
		if (why[0] == '\0')
			abort();
		return (0);
	}
	check(p);
	if ((text = policy_text(p, &len)) == NULL || len > POLICY_TEXT_MAX)
		abort();
	policy_free(p);
	if ((p = policy_parse(text, len, why, sizeof(why))) == NULL)
		abort();
	check(p);
	if ((again = policy_text(p, &len2)) == NULL || len != len2 ||
	    memcmp(text, again, len) != 0)
		abort();
	policy_free(p);
	free(text);
	free(again);
	return (0);
}

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
 * Bytes as an SEV-SNP report with its certificate table, under whatever root
 * comes along, so that all steps are reached; and under AMD's, where nothing
 * of ours may pass.  The seeds are good evidence of throw-away keys.
 */
#include <openssl/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "snp.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A verdict is one reason, and the steps agree with it. */
static void
consistent(int ret, const struct snp_verdict *v)
{
	int	 failed = 0, i, made = 0;

	for (i = 0; i < SNP_STEPS; i++) {
		failed += v->steps[i] == SNP_FAILED;
		made += v->steps[i] != SNP_NOT_MADE;
	}
	if ((ret == 0) != (v->reason == SNP_OK) ||
	    (ret == 0) != (v->text[0] == '\0') || failed != (ret != 0) ||
	    (ret == 0 && made != SNP_STEPS))
		abort();
}

/* What comes of a report that is no longer asked whether it is genuine. */
static void
used(const struct snp_report *r, const struct snp_chain *c)
{
	struct claims	 claims;
	uint8_t		 about[SNP_ABOUT_LEN];
	char		 why[WHY_MAX] = "";
	json_t		*j;
	int		 p;

	for (p = 0; p < SNP_PRODUCTS; p++)
		(void)snp_about(about, r, (enum snp_product)p);
	if ((j = snp_claims(r, c)) == NULL)
		abort();
	if (claims_own(&claims, TEE_SNP, j, why, sizeof(why)) == -1 ||
	    claims.debug != snp_debug(r))
		abort();
	claims_free(&claims);
	json_decref(j);
}

static void
verified(const struct snp_evidence *e, const struct snp_chain *c)
{
	struct snp_roots	 roots = { .n = 1 };
	struct snp_rules	 rules = { &roots, 0 };
	struct snp_report	 r;
	struct snp_verdict	 v;
	int			 ret;

	if (snp_root_digest(roots.digest[0], c->ark) == -1)
		return;
	ret = snp_verify(&r, e->report.p, e->report.len, c, NULL, c->from,
	    &rules, &v);
	consistent(ret, &v);
	if (ret == 0 && (snp_debug(&r) || snp_migrates(&r) || r.vmpl != 0 ||
	    memcmp(r.reported, c->tcb, SNP_TCB_LEN) != 0))
		abort();
	if (v.steps[SNP_STEP_FORMAT] == SNP_PASSED)
		used(&r, c);
	ret = snp_verify(&r, e->report.p, e->report.len, c, NULL, c->from,
	    NULL, &v);
	consistent(ret, &v);
	if (ret == 0)
		abort();
}

static void
evidence(const struct snp_evidence *e)
{
	struct snp_chain	 c;
	char			 why[WHY_MAX] = "";

	if (snp_chain_read(&c, &e->vek, &e->ask, &e->ark, why,
	    sizeof(why)) == -1) {
		if (why[0] == '\0' || c.vek != NULL)
			abort();
		return;
	}
	verified(e, &c);
	snp_chain_clear(&c);
}

/* As the daemon looks at evidence first: table and report, and no more. */
static void
whole(const uint8_t *data, size_t size)
{
	struct snp_evidence	 e;
	struct quote		 q;
	const char		*text;
	char			 why[WHY_MAX] = "";

	if (quote_any(&q, TEE_SNP, data, size, why, sizeof(why)) == -1) {
		if (why[0] == '\0')
			abort();
		return;
	}
	if (q.tee != TEE_SNP || q.bodylen != SNP_REPORT_LEN ||
	    snp_evidence_read(&e, data, size, &text) != SNP_OK)
		abort();
	if (e.vek.p != NULL && (e.vek.p < data + SNP_REPORT_LEN ||
	    e.vek.p + e.vek.len > data + size))
		abort();
	if (e.vek.p != NULL)
		(void)snp_vek_product(&e.vek, SNP_VCEK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int		 ready;
	struct snp_evidence	 e;
	struct snp_chain	 c;
	struct der		 der = { data, size };
	const char		*text = NULL;
	char			 why[WHY_MAX] = "";

	if (!ready++)
		json_init();
	whole(data, size);
	if (snp_evidence_read(&e, data, size, &text) == SNP_OK)
		evidence(&e);
	else if (text == NULL || text[0] == '\0')
		abort();
	/* one certificate alone, or a chain in PEM */
	if (snp_chain_read(&c, &der, &der, &der, why, sizeof(why)) == 0)
		snp_chain_clear(&c);
	if (snp_chain_read_pem(&c, &der, (const char *)data, size, why,
	    sizeof(why)) == 0)
		snp_chain_clear(&c);
	return (0);
}

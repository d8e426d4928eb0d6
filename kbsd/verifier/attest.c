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
 * What an attestation service is asked: to judge evidence, with a token that
 * says so, and for a nonce.  The blocks are asked in their order, until one
 * answers.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "appraisal.h"
#include "local.h"

static uint64_t	 count_nonces;

/* --- evidence ------------------------------------------------------ */

/* Texts for what a service did not do. */
static void
service_failed(struct appraisal *ap, const struct got *got)
{
	struct outcome	*out = &ap->last;

	memset(out, 0, sizeof(*out));
	if (got->result == GOT_BUSY)
		(void)outcome_set(out, VERDICT_BUSY, 503,
		    "the fetcher is busy", "fetcher: %s", got->why);
	else if (got->result == GOT_REFUSED &&
	    (got->status == 400 || got->status == 422))
		(void)outcome_set(out, VERDICT_DENIED, 502,
		    "the attestation service refused",
		    "attestation service: %u %s", got->status, got->why);
	else
		(void)outcome_set(out, VERDICT_UNAVAILABLE, 502, UNAVAILABLE,
		    "attestation service: %u %s", got->status, got->why);
}

static void
attest_got(void *arg, const struct got *got)
{
	struct appraisal	*ap = arg;

	ap->fetch = NULL;
	if (got->result != GOT_OK) {
		service_failed(ap, got);
		ap->block++;
		attest_next(ap);
		return;
	}
	free(ap->token);
	if (got->len == 0 || got->len > TOKEN_TEXT_MAX ||
	    (ap->token = malloc(got->len)) == NULL) {
		ap->token = NULL;
		finish_with(ap, VERDICT_UNAVAILABLE, 502, UNAVAILABLE,
		    "no token came");
		return;
	}
	memcpy(ap->token, got->body, got->len);
	ap->tokenlen = got->len;
	appraise_token(ap);
}

#define IDS_MAX	(3 * POLICY_LIST_MAX)

/* The ids of all types, each once. */
static uint32_t
ids_add(const char *ids[IDS_MAX], uint32_t n, const struct policy_strings *s)
{
	uint32_t	 j;
	size_t		 i;

	for (i = 0; i < s->n; i++) {
		for (j = 0; j < n; j++)
			if (strcmp(ids[j], s->v[i]) == 0)
				break;
		if (j == n && n < IDS_MAX)
			ids[n++] = s->v[i];
	}
	return (n);
}

/* Version 1 of the API knows one TEE at a time. */
static int
block_fits(const struct appraisal *ap)
{
	if ((ap->only != -1 && ap->block != (uint32_t)ap->only) ||
	    collateral_kind(ap->block) != BLOCK_SERVICE ||
	    !fetch_possible(ap->block))
		return (0);
	return ((ap->tees & TEE_NVGPU) == 0 ||
	    collateral_version(ap->block) != 1);
}

static uint64_t
service_deadline(const struct appraisal *ap)
{
	uint64_t	 deadline = now_ms() + DEADLINE_SERVICE_MS;

	return (deadline < ap->deadline ? deadline : ap->deadline);
}

/*
 * The blocks in their order, until one appraises it.  Which of them made a
 * nonce is not remembered; the others refuse it.
 */
void
attest_next(struct appraisal *ap)
{
	const struct policy	*p;
	const char		*ids[IDS_MAX];
	struct get		 get;

	if ((p = appraise_policy(ap)) == NULL)
		return;
	memset(&get, 0, sizeof(get));
	get.what = FETCH_ATTEST;
	get.name = &ap->name;
	get.deadline = service_deadline(ap);
	get.url = "";
	get.tees = p->tees;
	get.nids = ids_add(ids, 0, &p->sgx.policy_ids);
	get.nids = ids_add(ids, get.nids, &p->tdx.policy_ids);
	get.nids = ids_add(ids, get.nids, &p->nvgpu.policy_ids);
	get.ids = ids;
	get.evidence = ap->raw;
	get.evidencelen = ap->rawlen;
	for (; ap->block < collateral_blocks(); ap->block++) {
		get.block = ap->block;
		if (block_fits(ap) && (ap->fetch = fetch_start(&get,
		    attest_got, ap)) != NULL)
			return;
	}
	finish(ap, &ap->last);
}

/* --- nonces -------------------------------------------------------- */

static void
nonce_got(void *arg, const struct got *got)
{
	struct appraisal	*ap = arg;
	struct outcome		 out;
	struct rbuf		 parts, check;
	size_t			 len;
	int			 i;

	ap->fetch = NULL;
	if (got->result != GOT_OK) {
		service_failed(ap, got);
		ap->block++;
		attest_nonce(ap);
		return;
	}
	rb_init(&check, got->body, got->len);
	for (i = 0; i < 3; i++)
		(void)rb_bytes(&check, &len, i == 0, NONCE_PART_MAX);
	if (rb_end(&check) == -1) {
		finish_with(ap, VERDICT_UNAVAILABLE, 502, UNAVAILABLE,
		    "no nonce came");
		return;
	}
	rb_init(&parts, got->body, got->len);
	memset(&out, 0, sizeof(out));
	(void)outcome_set(&out, VERDICT_OK, 200, "", "%s", "");
	count_nonces++;
	finish_nonced(ap, &out, &parts);
	appraisal_end(ap);
}

/* One of ours: nobody need be asked. */
void
attest_nonce_own(struct appraisal *ap)
{
	struct outcome	 out;
	struct wbuf	 w = { 0 };
	struct rbuf	 parts;

	memset(&out, 0, sizeof(out));
	(void)outcome_set(&out, VERDICT_OK, 200, "", "%s", "");
	nonce_make(&w, &ap->key, (int64_t)time(NULL));
	if (w.failed)
		finish_busy(ap);
	else {
		rb_init(&parts, w.data, w.len);
		count_nonces++;
		finish_nonced(ap, &out, &parts);
	}
	wb_free(&w);
}

void
attest_nonce(struct appraisal *ap)
{
	struct get	 get;

	memset(&get, 0, sizeof(get));
	get.what = FETCH_NONCE;
	get.name = &ap->name;
	get.deadline = service_deadline(ap);
	get.url = "";
	for (; ap->block < collateral_blocks(); ap->block++) {
		get.block = ap->block;
		if (block_fits(ap) && (ap->fetch = fetch_start(&get,
		    nonce_got, ap)) != NULL)
			return;
	}
	finish(ap, &ap->last);
}

/* --- both ---------------------------------------------------------- */

void
attest_nobody(struct appraisal *ap)
{
	(void)outcome_set(&ap->last, VERDICT_UNAVAILABLE, 502, UNAVAILABLE,
	    "there is no fetcher to ask");
}

void
attest_counters(struct wbuf *w)
{
	wb_str(w, "nonces");
	wb_u64(w, count_nonces);
}

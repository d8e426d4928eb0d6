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
 * Appraisals: what the broker asks, and what comes of it.  A token whose key
 * is known is judged on the spot, from the message it came in.  Everything
 * else becomes an appraisal of its own, found by name, with a deadline: it
 * waits for collateral, or for the service's word on evidence.
 */
#include <sys/tree.h>

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "digest.h"
#include "local.h"
#include "log.h"
#include "verifier.h"

#define APPRAISALS_MAX	1024
#define APPRAISALS_BYTES (64u * 1024 * 1024)
#define VERDICT_MS	30000
#define NONCE_SPENT_S	300	/* longer than a service takes it for new */
#define EVIDENCE_RAW	(EVIDENCE_MAX + 64 * 1024)
#define UNAVAILABLE	"the attestation service is not available"

struct appraisal {
	RB_ENTRY(appraisal)	 entry;
	TAILQ_ENTRY(appraisal)	 waitentry;
	struct request_name	 name;
	uint64_t		 deadline;
	struct uuid		 key;
	uint8_t			 digest[DIGEST_LEN];	/* of the policy */
	const char		*text;			/* of the policy */
	size_t			 textlen;
	uint8_t			 tees;			/* of the policy */
	uint8_t			 step;			/* TRANSFER_* */
	int			 test;			/* no verdict */
	const uint8_t		*raw;			/* evidence */
	size_t			 rawlen;
	struct evidence		 e;
	uint8_t			 evidence[DIGEST_LEN];	/* token or quote */

	uint8_t			*memory;		/* of text and raw */
	size_t			 size;
	struct event		*timer;
	struct fetch		*fetch;
	int			 only;			/* the block; -1: any */
	uint32_t		 block;			/* asked, background */
	int			 waiting, waited;	/* for collateral */
	int			 local;			/* no service */
	char			*token;			/* background */
	size_t			 tokenlen;
	struct outcome		 last;			/* of a service */
};

static int
appraisal_cmp(const struct appraisal *a, const struct appraisal *b)
{
	return (name_cmp(&a->name, &b->name));
}

RB_HEAD(appraisals, appraisal);
RB_PROTOTYPE(appraisals, appraisal, entry, appraisal_cmp)
RB_GENERATE(appraisals, appraisal, entry, appraisal_cmp)

static struct appraisals	 appraisals = RB_INITIALIZER(&appraisals);
static TAILQ_HEAD(, appraisal)	 waiters = TAILQ_HEAD_INITIALIZER(waiters);
static size_t			 nappraisals, appraisal_bytes;
static uint32_t			 nengines;
static int			 nonce_required;
static uint64_t			 counts[VERDICT_MAX], count_nonces;

static const char *const	 verdict_names[VERDICT_MAX] = {
	[VERDICT_OK] =		"verdicts ok",
	[VERDICT_DENIED] =	"verdicts denied",
	[VERDICT_UNAVAILABLE] =	"verdicts unavailable",
	[VERDICT_BUSY] =	"verdicts busy",
};

static void	attest_next(struct appraisal *);
static void	nonce_next(struct appraisal *);

/* --- life ---------------------------------------------------------- */

static void
appraisal_end(struct appraisal *ap)
{
	if (ap->memory == NULL)
		return;			/* on the stack of its message */
	RB_REMOVE(appraisals, &appraisals, ap);
	nappraisals--;
	appraisal_bytes -= ap->size;
	if (ap->waiting)
		TAILQ_REMOVE(&waiters, ap, waitentry);
	fetch_cancel(ap->fetch);
	if (ap->timer != NULL)
		event_free(ap->timer);
	free(ap->token);
	free(ap->memory);
	free(ap);
}

static void
appraisal_timer(struct appraisal *ap)
{
	uint64_t	 now = now_ms(), ms;
	struct timeval	 tv;

	ms = ap->deadline > now ? ap->deadline - now : 0;
	if (ms > DEADLINE_REQUEST_MS)
		ms = DEADLINE_REQUEST_MS;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	event_add(ap->timer, &tv);
}

/* Both read all of it once already. */
static void
appraisal_point(struct appraisal *ap)
{
	struct rbuf	 r;

	ap->text = (const char *)ap->memory;
	ap->raw = ap->memory + ap->textlen;
	if (ap->rawlen == 0)
		return;
	rb_init(&r, ap->raw, ap->rawlen);
	rb_evidence(&r, &ap->e);
}

/* --- answers ------------------------------------------------------- */

/*
 * A client waits for it: without memory better be replaced at once than have
 * it wait for its deadline.
 */
static void
tell_broker(uint32_t type, struct wbuf *w)
{
	if (edge_send(edge_find(PROC_BROKER, 0), type, w) == 0)
		return;
	if (errno == ENOMEM)
		fatal("can't tell the broker");
	log_warn("can't tell the broker");
}

/* How much text fits at the broker is its own affair: bounded by struct. */
static void
answer_appraised(const struct appraisal *ap, const struct outcome *out,
    const struct wrapping *wrapping)
{
	struct wbuf	 w = { 0 };
	struct piece	 p[3];
	uint8_t		 key[DIGEST_LEN] = { 0 }, nonce[DIGEST_LEN] = { 0 };
	int		 background = ap->step == TRANSFER_EVIDENCE;
	uint64_t	 expiry = 0;

	if (wrapping != NULL)
		wrapping_key_digest(key, wrapping->e, wrapping->elen,
		    wrapping->n, wrapping->nlen);
	if (background && ap->e.has_nonce) {
		p[0] = (struct piece){ ap->e.nonce_val, ap->e.nonce_vallen };
		p[1] = (struct piece){ ap->e.nonce_iat, ap->e.nonce_iatlen };
		p[2] = (struct piece){ ap->e.nonce_sig, ap->e.nonce_siglen };
		digest_pieces(nonce, p, 3);
		expiry = (uint64_t)time(NULL) + NONCE_SPENT_S;
	}
	wb_name(&w, &ap->name);
	wb_u8(&w, (uint8_t)out->verdict);
	wb_u16(&w, out->status);
	wb_str(&w, out->text);
	wb_str(&w, out->reason);
	wb_str(&w, out->claim);
	wb_str(&w, out->wanted);
	wb_str(&w, out->got);
	wb_u8(&w, ap->tees);
	wb_digest(&w, ap->evidence);
	wb_digest(&w, key);
	wb_digest(&w, nonce);
	wb_u64(&w, expiry);
	tell_broker(IMSG_BROKER_APPRAISED, &w);
}

/* The verdict comes last, as one more thing that was looked at. */
static void
answer_tested(const struct appraisal *ap, const struct outcome *out,
    struct checks *checks)
{
	struct checks	 none = { .n = 0 };
	struct wbuf	 w = { 0 };
	int		 good = out->verdict == VERDICT_OK;

	if (checks == NULL)
		checks = &none;
	checks_add(checks, good ? CHECK_OK : CHECK_FAILED, "verdict",
	    "", good ? "released" : out->reason);
	wb_name(&w, &ap->name);
	wb_u32(&w, checks->n);
	wb_raw_of(&w, &checks->rows);
	wb_free(&checks->rows);
	tell_broker(IMSG_BROKER_TESTED, &w);
}

static void
answer_nonced(const struct appraisal *ap, const struct outcome *out,
    struct rbuf *parts)
{
	struct wbuf	 w = { 0 };
	const uint8_t	*part;
	size_t		 len;
	int		 i;

	wb_name(&w, &ap->name);
	wb_u8(&w, (uint8_t)out->verdict);
	wb_u16(&w, out->status);
	wb_str(&w, out->text);
	wb_str(&w, out->reason);
	wb_u8(&w, ap->tees);
	for (i = 0; i < 3; i++) {
		part = NULL;
		len = 0;
		if (parts != NULL)
			part = rb_bytes(parts, &len, 0, NONCE_PART_MAX);
		wb_bytes(&w, part, len);
	}
	tell_broker(IMSG_BROKER_NONCED, &w);
}

/* The appraisal is over, and nobody gets a key by it. */
static void
finish(struct appraisal *ap, const struct outcome *out)
{
	char	 id[REQUEST_ID_TEXT];

	if (!ap->test)
		counts[out->verdict]++;
	log_debug("request %s: %s", name_format(&ap->name, id), out->reason);
	if (ap->step == TRANSFER_FIRST)
		answer_nonced(ap, out, NULL);
	else if (ap->test)
		answer_tested(ap, out, NULL);
	else
		answer_appraised(ap, out, NULL);
	appraisal_end(ap);
}

static void
finish_with(struct appraisal *ap, enum verdict verdict, uint16_t status,
    const char *text, const char *reason)
{
	struct outcome	 out;

	memset(&out, 0, sizeof(out));
	(void)outcome_set(&out, verdict, status, text, "%s", reason);
	finish(ap, &out);
}

/* The half of the engine that wraps for this request. */
static int
send_verdict(const struct appraisal *ap, const struct judgement *j)
{
	struct wbuf	 w = { 0 };
	int64_t		 left = (j->exp - (int64_t)time(NULL)) * 1000;

	if (left > VERDICT_MS)
		left = VERDICT_MS;
	if (left < 0)
		left = 0;
	wb_name(&w, &ap->name);
	wb_uuid(&w, &ap->key);
	wb_digest(&w, ap->digest);
	wb_u8(&w, ap->tees);
	wb_bytes(&w, j->wrapping.e, j->wrapping.elen);
	wb_bytes(&w, j->wrapping.n, j->wrapping.nlen);
	wb_digest(&w, ap->evidence);
	wb_u64(&w, now_ms() + (uint64_t)left);
	if (nengines == 0)
		return (-1);
	return (edge_send(edge_find(PROC_ENGINE,
	    (uint32_t)(ap->name.number % nengines)), IMSG_ENGINE_VERDICT,
	    &w));
}

static void
finish_judged(struct appraisal *ap, const struct judgement *j)
{
	if (ap->test) {
		answer_tested(ap, &j->outcome, j->checks);
		appraisal_end(ap);
		return;
	}
	if (j->outcome.verdict != VERDICT_OK) {
		finish(ap, &j->outcome);
		return;
	}
	if (send_verdict(ap, j) == -1) {
		finish_with(ap, VERDICT_BUSY, 503, "the engine is busy",
		    "the engine takes no verdict");
		return;
	}
	counts[VERDICT_OK]++;
	answer_appraised(ap, &j->outcome, &j->wrapping);
	appraisal_end(ap);
}

/* --- keeping ------------------------------------------------------- */

static void
appraisal_timeout(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish_with(arg, VERDICT_UNAVAILABLE, 502, UNAVAILABLE,
	    "it took too long");
}

/* A copy that outlives the message; NULL when there are too many. */
static struct appraisal *
appraisal_keep(const struct appraisal *borrowed)
{
	struct appraisal	*ap;
	size_t			 size = borrowed->textlen + borrowed->rawlen;

	if (borrowed->memory != NULL || nappraisals >= APPRAISALS_MAX ||
	    appraisal_bytes + size > APPRAISALS_BYTES ||
	    (ap = malloc(sizeof(*ap))) == NULL)
		return (NULL);
	*ap = *borrowed;
	ap->memory = malloc(size + 1);
	ap->timer = event_new(base, -1, 0, appraisal_timeout, ap);
	if (ap->memory == NULL || ap->timer == NULL) {
		free(ap->memory);
		if (ap->timer != NULL)
			event_free(ap->timer);
		free(ap);
		return (NULL);
	}
	memcpy(ap->memory, borrowed->text, borrowed->textlen);
	if (borrowed->rawlen > 0)
		memcpy(ap->memory + ap->textlen, borrowed->raw,
		    borrowed->rawlen);
	ap->size = size;
	appraisal_point(ap);
	RB_INSERT(appraisals, &appraisals, ap);
	nappraisals++;
	appraisal_bytes += size;
	appraisal_timer(ap);
	return (ap);
}

static void
finish_busy(struct appraisal *ap)
{
	finish_with(ap, VERDICT_BUSY, 503, "the verifier is busy",
	    "too many appraisals at once");
}

static const struct policy *
appraisal_policy(struct appraisal *ap)
{
	const struct policy	*p;
	const char		*nobody;
	char			 why[WHY_MAX], reason[REASON_TEXT_MAX];

	if ((p = policies_get(ap->digest, ap->text, ap->textlen, why,
	    sizeof(why))) == NULL) {
		(void)snprintf(reason, sizeof(reason), "policy: %s", why);
		finish_with(ap, VERDICT_DENIED, 500,
		    "the key's policy can't be read", reason);
		return (NULL);
	}
	if ((nobody = local_nobody(p)) != NULL) {
		(void)snprintf(reason, sizeof(reason),
		    "policy: attestation \"%s\" %s", p->attestation, nobody);
		finish_with(ap, VERDICT_DENIED, 500,
		    "nobody may judge by the key's policy", reason);
		return (NULL);
	}
	if (ap->step != TRANSFER_TOKEN &&
	    (nobody = local_nobody_else(p)) != NULL) {
		(void)snprintf(reason, sizeof(reason), "policy: %s", nobody);
		finish_with(ap, VERDICT_DENIED, 500,
		    "nobody may judge by the key's policy", reason);
		return (NULL);
	}
	ap->tees = p->tees;
	ap->only = p->attestation == NULL ? -1 :
	    collateral_find(p->attestation);
	return (p);
}

/* --- tokens -------------------------------------------------------- */

static void
wait_for_keys(struct appraisal *ap)
{
	struct appraisal	*kept = ap;

	if (ap->memory == NULL && (kept = appraisal_keep(ap)) == NULL) {
		finish_busy(ap);
		return;
	}
	if (!kept->waiting)
		TAILQ_INSERT_TAIL(&waiters, kept, waitentry);
	kept->waiting = 1;
	kept->waited = 1;
}

/*
 * The token of a client, or of the service for the client's evidence.  The
 * quote is read again rather than kept: it points into the message.
 */
static void
judge_token(struct appraisal *ap)
{
	const struct policy	*policy;
	struct judgement	 j;
	struct checks		 checks = { .n = 0 };
	struct quote		 quote;
	char			 why[WHY_MAX];

	if ((policy = appraisal_policy(ap)) == NULL)
		return;
	if (policy->attestation != NULL && ap->only == -1) {
		finish_with(ap, VERDICT_DENIED, 401,
		    "attestation denied: token",
		    "the policy trusts quotes alone that are judged here");
		return;
	}
	memset(&j, 0, sizeof(j));
	j.policy = policy;
	j.waited = ap->waited;
	j.checks = ap->test ? &checks : NULL;
	j.block = ap->only;
	j.token = (const char *)ap->e.token;
	j.tokenlen = ap->e.tokenlen;
	if (ap->step == TRANSFER_EVIDENCE) {
		if (quote_any(&quote, ap->tees, ap->e.quote,
		    ap->e.quotelen, why, sizeof(why)) == -1)
			fatalx("a quote changed");
		j.evidence = &ap->e;
		j.quote = &quote;
		j.block = (int)ap->block;
		j.token = ap->token;
		j.tokenlen = ap->tokenlen;
	}
	if (judge(&j) == JUDGE_WAIT)
		wait_for_keys(ap);
	else
		finish_judged(ap, &j);
	wb_free(&checks.rows);
}

/* Evidence without a service; likewise. */
static void
judge_local(struct appraisal *ap)
{
	const struct policy	*policy;
	struct judgement	 j;
	struct checks		 checks = { .n = 0 };
	struct quote		 quote;
	char			 why[WHY_MAX];

	if ((policy = appraisal_policy(ap)) == NULL)
		return;
	if (quote_any(&quote, ap->tees, ap->e.quote, ap->e.quotelen, why,
	    sizeof(why)) == -1)
		fatalx("a quote changed");
	memset(&j, 0, sizeof(j));
	j.policy = policy;
	j.evidence = &ap->e;
	j.quote = &quote;
	j.checks = ap->test ? &checks : NULL;
	if (local_judge(&j) == JUDGE_WAIT)
		wait_for_keys(ap);
	else
		finish_judged(ap, &j);
	wb_free(&checks.rows);
}

/* Collateral came, or did not: all that waited look again. */
void
appraise_changed(void)
{
	struct appraisal	*ap, *next;

	TAILQ_FOREACH_SAFE(ap, &waiters, waitentry, next)
		if (ap->local)
			judge_local(ap);
		else
			judge_token(ap);
}

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
	judge_token(ap);
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

/* There is nobody to send it to: 1, and the appraisal is over. */
static int
takes_tokens_alone(struct appraisal *ap)
{
	if (ap->only == -1 ||
	    collateral_kind((uint32_t)ap->only) == BLOCK_SERVICE)
		return (0);
	finish_with(ap, VERDICT_DENIED, 401, "attestation denied: evidence",
	    "the attestation that the policy names takes tokens alone");
	return (1);
}

/*
 * The blocks in their order, until one appraises it.  Which of them made a
 * nonce is not remembered; the others refuse it.
 */
static void
attest_next(struct appraisal *ap)
{
	const struct policy	*p;
	const char		*ids[IDS_MAX];
	struct get		 get;

	if ((p = appraisal_policy(ap)) == NULL)
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

static void
nobody_yet(struct appraisal *ap)
{
	(void)outcome_set(&ap->last, VERDICT_UNAVAILABLE, 502, UNAVAILABLE,
	    "there is no fetcher to ask");
}

/* Without a service there is no other proof that it is new. */
static enum evidence_need
needs(const struct appraisal *ap)
{
	if (ap->test && ap->e.user_datalen == 0)
		return (EVIDENCE_QUOTE);
	return (nonce_required || ap->local ? EVIDENCE_NONCE : EVIDENCE_BOUND);
}

static void
begin_local(struct appraisal *ap)
{
	const char	*why;

	if (ap->e.has_nonce && (why = nonce_wrong(&ap->e, &ap->key,
	    (int64_t)time(NULL))) != NULL && !ap->test)
		finish_with(ap, VERDICT_DENIED, 401,
		    "attestation denied: nonce", why);
	else
		judge_local(ap);
}

static void
begin_evidence(struct appraisal *borrowed)
{
	const struct policy	*p;
	struct appraisal	*ap;
	struct outcome		 out;
	struct quote		 quote;
	struct wrapping		 wrapping;

	if ((p = appraisal_policy(borrowed)) == NULL ||
	    takes_tokens_alone(borrowed))
		return;
	borrowed->local = local_fits(p);
	if (borrowed->test)
		borrowed->e.tees = p->tees;	/* there was no header */
	if (judge_evidence(p, &borrowed->e, needs(borrowed), &quote,
	    &wrapping, &out) == -1) {
		finish(borrowed, &out);
		return;
	}
	if (borrowed->local) {
		begin_local(borrowed);
		return;
	}
	if ((ap = appraisal_keep(borrowed)) == NULL) {
		finish_busy(borrowed);
		return;
	}
	nobody_yet(ap);
	attest_next(ap);
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
		nonce_next(ap);
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
	answer_nonced(ap, &out, &parts);
	appraisal_end(ap);
}

/* One of ours: nobody need be asked. */
static void
nonce_own(struct appraisal *ap)
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
		answer_nonced(ap, &out, &parts);
	}
	wb_free(&w);
}

static void
nonce_next(struct appraisal *ap)
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

/* --- from the broker ----------------------------------------------- */

/* What both messages begin with; a newer one of a name ends the older. */
static void
read_head(struct rbuf *r, struct appraisal *ap)
{
	struct appraisal	*old;
	struct uuid		 policy;

	memset(ap, 0, sizeof(*ap));
	rb_name(r, &ap->name);
	ap->deadline = rb_u64(r);
	rb_uuid(r, &ap->key);
	rb_uuid(r, &policy);
	ap->text = (const char *)rb_bytes(r, &ap->textlen, 1,
	    POLICY_TEXT_MAX);
	if (r->failed)
		return;
	policy_digest(ap->digest, &policy, ap->text, ap->textlen);
	if ((old = RB_FIND(appraisals, &appraisals, ap)) != NULL)
		appraisal_end(old);
}

static int
appraise(struct rbuf *r, int test)
{
	struct appraisal	 ap;
	struct rbuf		 inner;

	read_head(r, &ap);
	ap.test = test;
	ap.step = rb_enum(r, TRANSFER_STEP_MAX - 1);
	ap.raw = rb_bytes(r, &ap.rawlen, 1, EVIDENCE_RAW);
	if (rb_end(r) == -1 || ap.step == TRANSFER_FIRST)
		return (-1);
	rb_init(&inner, ap.raw, ap.rawlen);
	rb_evidence(&inner, &ap.e);
	if (rb_end(&inner) == -1)
		return (-1);
	if (ap.step == TRANSFER_TOKEN) {
		digest(ap.evidence, ap.e.token, ap.e.tokenlen);
		judge_token(&ap);
	} else {
		digest(ap.evidence, ap.e.quote, ap.e.quotelen);
		begin_evidence(&ap);
	}
	return (0);
}

int
appraise_evidence(struct edge *edge, struct rbuf *r)
{
	(void)edge;
	return (appraise(r, 0));
}

int
appraise_test(struct edge *edge, struct rbuf *r)
{
	(void)edge;
	return (appraise(r, 1));
}

int
appraise_nonce(struct edge *edge, struct rbuf *r)
{
	const struct policy	*p;
	struct appraisal	 borrowed, *ap;

	(void)edge;
	read_head(r, &borrowed);
	borrowed.step = TRANSFER_FIRST;
	if (rb_end(r) == -1)
		return (-1);
	if ((p = appraisal_policy(&borrowed)) == NULL ||
	    takes_tokens_alone(&borrowed))
		return (0);
	if (local_fits(p)) {
		nonce_own(&borrowed);
		return (0);
	}
	if ((ap = appraisal_keep(&borrowed)) == NULL) {
		finish_busy(&borrowed);
		return (0);
	}
	nobody_yet(ap);
	nonce_next(ap);
	return (0);
}

void
appraise_broker_down(struct edge *edge)
{
	struct appraisal	*ap, *next;

	(void)edge;
	RB_FOREACH_SAFE(ap, appraisals, &appraisals, next)
		appraisal_end(ap);
}

void
appraise_config(uint32_t engines, int require_nonce)
{
	nengines = engines;
	nonce_required = require_nonce;
}

void
appraise_counters(struct wbuf *w)
{
	int	 i;

	for (i = 0; i < VERDICT_MAX; i++) {
		wb_str(w, verdict_names[i]);
		wb_u64(w, counts[i]);
	}
	wb_str(w, "nonces");
	wb_u64(w, count_nonces);
	wb_str(w, "appraisals");
	wb_u64(w, nappraisals);
}

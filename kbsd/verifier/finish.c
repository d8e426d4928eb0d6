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
 * How an appraisal ends: the broker hears of it, and the engine too when a key
 * is to be released.
 */

#include <errno.h>
#include <string.h>
#include <time.h>

#include "appraisal.h"
#include "digest.h"
#include "histogram.h"
#include "log.h"

#define VERDICT_MS	30000
#define NONCE_SPENT_S	300	/* longer than a service takes it for new */

static uint32_t			 nengines;
static uint64_t			 counts[VERDICT_MAX];
static struct histogram		 durations;

static const char *const	 verdict_names[VERDICT_MAX] = {
	[VERDICT_OK] =		"verdicts ok",
	[VERDICT_DENIED] =	"verdicts denied",
	[VERDICT_UNAVAILABLE] =	"verdicts unavailable",
	[VERDICT_BUSY] =	"verdicts busy",
};

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

void
finish_nonced(const struct appraisal *ap, const struct outcome *out,
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

static void
count_verdict(const struct appraisal *ap, enum verdict verdict)
{
	counts[verdict]++;
	if (ap->step != TRANSFER_FIRST)
		histogram_add(&durations, now_us() - ap->began);
}

/* The appraisal is over, and nobody gets a key by it. */
void
finish(struct appraisal *ap, const struct outcome *out)
{
	char	 id[REQUEST_ID_TEXT];

	if (!ap->test)
		count_verdict(ap, out->verdict);
	log_debug("request %s: %s", name_format(&ap->name, id), out->reason);
	if (ap->step == TRANSFER_FIRST)
		finish_nonced(ap, out, NULL);
	else if (ap->test)
		answer_tested(ap, out, NULL);
	else
		answer_appraised(ap, out, NULL);
	appraisal_end(ap);
}

void
finish_with(struct appraisal *ap, enum verdict verdict, uint16_t status,
    const char *text, const char *reason)
{
	struct outcome	 out;

	memset(&out, 0, sizeof(out));
	(void)outcome_set(&out, verdict, status, text, "%s", reason);
	finish(ap, &out);
}

void
finish_busy(struct appraisal *ap)
{
	finish_with(ap, VERDICT_BUSY, 503, "the verifier is busy",
	    "too many appraisals at once");
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

void
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
	count_verdict(ap, VERDICT_OK);
	answer_appraised(ap, &j->outcome, &j->wrapping);
	appraisal_end(ap);
}

void
finish_config(uint32_t engines)
{
	nengines = engines;
}

void
finish_counters(struct wbuf *w)
{
	int	 i;

	for (i = 0; i < VERDICT_MAX; i++) {
		wb_str(w, verdict_names[i]);
		wb_u64(w, counts[i]);
	}
}

const struct histogram *
finish_durations(void)
{
	return (&durations);
}

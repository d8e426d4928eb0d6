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
 * Quotes bent by strangers: every byte changed, every length cut, every
 * length field a lie.
 */
#include <openssl/crypto.h>

#include "evidence.h"
#include "standin.h"

static const char	*bodies[] = { "good-v3", "good-v4-sgx", "good-v4",
			    "good-v5-1", "good-v5-2", "good-v5-3",
			    "good-v5-4" };

#define NBODIES	(sizeof(bodies) / sizeof(bodies[0]))

static json_t *
mint(const atf_tc_t *tc)
{
	json_t	*cases;

	run("%s/dcap simulated", standin_find(tc));
	ATF_REQUIRE((cases = evidence_cases("simulated")) != NULL);
	return (cases);
}

/* Of these bytes the reason is a fixed one; of all others it is any. */
struct region {
	const uint8_t		*p;
	size_t			 len;
	enum dcap_reason	 reason;
};

static enum dcap_reason
reason_of(const struct dcap_quote *q, const uint8_t *at)
{
	const struct region	 regions[] = {
		{ q->body, q->bodylen, DCAP_QUOTE_SIGNATURE },
		{ q->signature, DCAP_SIG_LEN, DCAP_QUOTE_SIGNATURE },
		{ q->key, DCAP_SIG_LEN, DCAP_QE_REPORT_DATA },
		{ q->qe_report, DCAP_SGX_LEN, DCAP_QE_REPORT_SIGNATURE },
		{ q->qe_signature, DCAP_SIG_LEN, DCAP_QE_REPORT_SIGNATURE },
		{ q->auth.p, q->auth.len, DCAP_QE_REPORT_DATA },
		{ q->certs.p, q->certs.len, DCAP_PCK_CHAIN },
	};
	size_t			 i;

	for (i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
		if (at >= regions[i].p && at < regions[i].p + regions[i].len)
			return (regions[i].reason);
	return (DCAP_OK);
}

/*
 * Whatever byte is changed, the quote is refused; but for those that no
 * quote has: what follows the certification data.
 */
static void
flip_all(struct evidence_case *c)
{
	static const uint8_t	 masks[] = { 0x01, 0x20 };
	struct dcap_verdict	 good, v;
	enum dcap_reason	 want;
	size_t			 end, i, m;

	ATF_REQUIRE_MSG(evidence_verify(c, &good) == 0, "%s: %s", c->id,
	    good.fault.why);
	end = (size_t)(good.quote.certs.p + good.quote.certs.len -
	    c->quote.p);
	for (i = 0; i < c->quote.len; i++) {
		want = reason_of(&good.quote, c->quote.p + i);
		for (m = 0; m < sizeof(masks); m++) {
			c->quote.p[i] ^= masks[m];
			(void)evidence_verify(c, &v);
			c->quote.p[i] ^= masks[m];
			ATF_CHECK_EQ_MSG(v.fault.reason == DCAP_OK, i >= end,
			    "%s: byte %zu, %#x: %s", c->id, i, masks[m],
			    dcap_reason_name(v.fault.reason));
			if (want != DCAP_OK)
				ATF_CHECK_EQ_MSG(v.fault.reason, want,
				    "%s: byte %zu, %#x: %s", c->id, i,
				    masks[m],
				    dcap_reason_name(v.fault.reason));
		}
	}
	ATF_CHECK_EQ(evidence_verify(c, &v), 0);
}

ATF_TC_WITHOUT_HEAD(flipped);
ATF_TC_BODY(flipped, tc)
{
	static const char	*ids[] = { "trailing-v3", "good-v4",
				    "trailing-v5-3", "good-v5-4" };
	struct evidence_case	 c;
	json_t			*cases = mint(tc);
	size_t			 i;

	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		evidence_open(&c, "simulated", evidence_find(cases, ids[i]),
		    NULL);
		flip_all(&c);
		evidence_close(&c);
	}
	json_decref(cases);
}

ATF_TC_WITHOUT_HEAD(flipped_genuine);
ATF_TC_BODY(flipped_genuine, tc)
{
	static const char	*ids[] = { "sgx-v3-00a067-qvl",
				    "tdx-v4-b0c06f-qvl", "tdx-v5-90c06f" };
	struct evidence_case	 c;
	const char		*dir = evidence_shared("real");
	json_t			*cases = evidence_cases(dir);
	size_t			 i;

	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		evidence_open(&c, dir, evidence_find(cases, ids[i]),
		    dcap_intel_root);
		flip_all(&c);
		evidence_close(&c);
	}
	json_decref(cases);
}

/* Each shorter one is truncated, and nothing behind its end is read. */
ATF_TC_WITHOUT_HEAD(cut);
ATF_TC_BODY(cut, tc)
{
	struct evidence_case	 c;
	struct dcap_verdict	 v;
	json_t			*cases = mint(tc);
	uint8_t			*copy;
	size_t			 i, len;

	for (i = 0; i < NBODIES; i++) {
		evidence_open(&c, "simulated", evidence_find(cases,
		    bodies[i]), NULL);
		for (len = 0; len < c.quote.len; len++) {
			ATF_REQUIRE((copy = malloc(len + (len == 0))) !=
			    NULL);
			memcpy(copy, c.quote.p, len);
			ATF_CHECK_EQ(dcap_verify(c.anchor, c.set, copy, len,
			    c.now, 0, &v), -1);
			ATF_CHECK_EQ_MSG(v.fault.reason, DCAP_TRUNCATED,
			    "%s: %zu: %s", c.id, len, v.fault.why);
			free(copy);
		}
		evidence_close(&c);
	}
	json_decref(cases);
}

/* --- collateral ------------------------------------------------------ */

/* A third of the bytes of each file of a set; all that they say is signed. */
ATF_TC_WITHOUT_HEAD(collateral);
ATF_TC_BODY(collateral, tc)
{
	struct evidence_case	 c;
	struct dcap_verdict	 v;
	json_t			*cases = mint(tc);
	uint8_t			 root[DIGEST_LEN];
	char			 why[WHY_MAX];
	size_t			 f, i;

	evidence_open(&c, "simulated", evidence_find(cases, "good-v5-3"),
	    NULL);
	ATF_REQUIRE(dcap_root_read(root, c.files[7].p, c.files[7].len, why,
	    sizeof(why)) == 0);
	for (f = 0; f < 7; f++)
		for (i = f % 3; i < c.files[f].len; i += 3) {
			dcap_set_free(c.set);
			c.files[f].p[i] ^= 0x01;
			c.set = dcap_set_new(&c.collateral, root);
			c.files[f].p[i] ^= 0x01;
			ATF_REQUIRE(c.set != NULL);
			ATF_CHECK_MSG(evidence_verify(&c, &v) == -1,
			    "file %zu, byte %zu", f, i);
			ATF_CHECK_MSG(dcap_set_fault(c.set) != NULL,
			    "file %zu, byte %zu", f, i);
		}
	evidence_close(&c);
	json_decref(cases);
}

/* --- lengths --------------------------------------------------------- */

/* Put each of many numbers into a length field of so many bytes. */
static void
lie(struct evidence_case *c, size_t at, size_t width)
{
	static const uint64_t	 numbers[] = { 0, 1, 2, 127, 128, 255, 256,
				    383, 384, 447, 448, 511, 584, 4096, 65535,
				    65536, 0x7fffffff, 0x80000000,
				    0xfffffffe, 0xffffffff };
	struct dcap_verdict	 v;
	uint32_t		 true_one = dcap_le(c->quote.p + at, width);
	uint32_t		 n;
	size_t			 i, k;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]) + 8; i++) {
		n = i < 8 ? true_one + (uint32_t)i - 4 :
		    (uint32_t)numbers[i - 8];
		if (width == 2)
			n &= 0xffff;
		if (n == true_one)
			continue;
		for (k = 0; k < width; k++)
			c->quote.p[at + k] = (uint8_t)(n >> (8 * k));
		ATF_CHECK_EQ_MSG(evidence_verify(c, &v), -1,
		    "%s: %u at %zu", c->id, n, at);
		/* Only a shift of what follows gets beyond the layout. */
		ATF_CHECK_MSG(v.fault.reason == DCAP_TRUNCATED ||
		    v.fault.reason == DCAP_FORMAT ||
		    v.fault.reason == DCAP_CERT_TYPE, "%s: %u at %zu: %s",
		    c->id, n, at, v.fault.why);
	}
	for (k = 0; k < width; k++)
		c->quote.p[at + k] = (uint8_t)(true_one >> (8 * k));
	ATF_CHECK_EQ(evidence_verify(c, &v), 0);
}

ATF_TC_WITHOUT_HEAD(lengths);
ATF_TC_BODY(lengths, tc)
{
	struct evidence_case	 c;
	struct dcap_verdict	 v;
	json_t			*cases = mint(tc);
	const uint8_t		*p;
	size_t			 i;

	for (i = 0; i < NBODIES; i++) {
		evidence_open(&c, "simulated", evidence_find(cases,
		    bodies[i]), NULL);
		ATF_REQUIRE_EQ(evidence_verify(&c, &v), 0);
		p = c.quote.p;
		if (v.quote.version == 5)
			lie(&c, 50, 4);
		lie(&c, v.quote.signs.len, 4);
		if (v.quote.version > 3)
			lie(&c, (size_t)(v.quote.qe_report - p) - 4, 4);
		lie(&c, (size_t)(v.quote.auth.p - p) - 2, 2);
		lie(&c, (size_t)(v.quote.certs.p - p) - 4, 4);
		evidence_close(&c);
	}
	json_decref(cases);
}

/* --- memory ---------------------------------------------------------- */

static size_t	 taken, most;

/* Each block lies behind its size. */
static void *
count_malloc(size_t len, const char *file, int line)
{
	size_t	*p;

	(void)file;
	(void)line;
	if ((p = malloc(len + 16)) == NULL)
		return (NULL);
	*p = len;
	if ((taken += len) > most)
		most = taken;
	return ((char *)p + 16);
}

static void
count_free(void *v, const char *file, int line)
{
	size_t	*p;

	(void)file;
	(void)line;
	if (v == NULL)
		return;
	p = (size_t *)((char *)v - 16);
	taken -= *p;
	free(p);
}

static void *
count_realloc(void *v, size_t len, const char *file, int line)
{
	size_t	 old = v == NULL ? 0 : *(size_t *)((char *)v - 16);
	void	*to;

	if ((to = count_malloc(len, file, line)) == NULL)
		return (NULL);
	if (v != NULL)
		memcpy(to, v, old < len ? old : len);
	count_free(v, file, line);
	return (to);
}

/*
 * Nothing but libcrypto takes memory for a quote, and no quote makes it take
 * much, whatever stands in it.
 */
ATF_TC_WITHOUT_HEAD(memory);
ATF_TC_BODY(memory, tc)
{
	struct evidence_case	 c;
	struct dcap_verdict	 v;
	json_t			*cases, *j;
	size_t			 i, before;

	ATF_REQUIRE(CRYPTO_set_mem_functions(count_malloc, count_realloc,
	    count_free) == 1);
	cases = mint(tc);
	json_array_foreach(cases, i, j) {
		evidence_open(&c, "simulated", j, NULL);
		before = taken;
		most = taken;
		(void)evidence_verify(&c, &v);
		ATF_CHECK_MSG(most - before < 512 * 1024, "%s: %zu bytes",
		    c.id, most - before);
		evidence_close(&c);
	}
	json_decref(cases);
}

/* --- what is kept ---------------------------------------------------- */

/* More paths than are kept; each is one of its own, for its line ends. */
ATF_TC_WITHOUT_HEAD(paths);
ATF_TC_BODY(paths, tc)
{
	struct evidence_case	 c;
	struct dcap_fault	 fault;
	struct dcap_verdict	 v;
	json_t			*cases = mint(tc);
	uint8_t			*pem;
	size_t			 i, len, round;

	evidence_open(&c, "simulated", evidence_find(cases, "good-v3"), NULL);
	ATF_REQUIRE_EQ(evidence_verify(&c, &v), 0);
	len = v.quote.certs.len;
	ATF_REQUIRE((pem = malloc(len + 200)) != NULL);
	memcpy(pem, v.quote.certs.p, len);
	memset(pem + len, '\n', 200);
	for (round = 0; round < 2; round++)
		for (i = 0; i < 200; i++)
			ATF_CHECK(dcap_pck_get(c.anchor, pem, len + i,
			    &fault) != NULL);
	/* and bad ones displace none */
	pem[100] ^= 1;
	for (i = 0; i < 200; i++) {
		ATF_CHECK(dcap_pck_get(c.anchor, pem, len + i, &fault) ==
		    NULL);
		ATF_CHECK_EQ(fault.reason, DCAP_PCK_CHAIN);
	}
	ATF_CHECK_EQ(evidence_verify(&c, &v), 0);
	free(pem);
	evidence_close(&c);
	json_decref(cases);
}

/* A kept path is as old, and as revoked, as any. */
ATF_TC_WITHOUT_HEAD(kept);
ATF_TC_BODY(kept, tc)
{
	struct evidence_case	 c, revoked;
	struct dcap_verdict	 v;
	json_t			*cases = mint(tc);
	int64_t			 now;

	evidence_open(&c, "simulated", evidence_find(cases, "good-v3"), NULL);
	evidence_open(&revoked, "simulated", evidence_find(cases,
	    "crl-pck-revoked"), NULL);
	ATF_REQUIRE_EQ(evidence_verify(&c, &v), 0);
	now = c.now;
	c.now = now + 4000LL * 86400;
	ATF_CHECK_EQ(evidence_verify(&c, &v), -1);
	ATF_CHECK_EQ(v.fault.reason, DCAP_PCK_EXPIRED);
	c.now = now - 4000LL * 86400;
	ATF_CHECK_EQ(evidence_verify(&c, &v), -1);
	ATF_CHECK_EQ(v.fault.reason, DCAP_PCK_NOT_YET_VALID);
	ATF_CHECK_EQ(dcap_verify(c.anchor, revoked.set, c.quote.p,
	    c.quote.len, now, 0, &v), -1);
	ATF_CHECK_EQ(v.fault.reason, DCAP_PCK_REVOKED);
	/* what is to be fetched is known before there is any collateral */
	ATF_CHECK_EQ(dcap_verify(c.anchor, NULL, c.quote.p, c.quote.len, now,
	    0, &v), -1);
	ATF_CHECK_EQ(v.fault.reason, DCAP_COLLATERAL_MISSING);
	ATF_CHECK_EQ(v.steps[DCAP_STEP_PCK_CHAIN], DCAP_GOOD);
	ATF_CHECK(memcmp(v.platform.fmspc, "\x30\x80\x7f\0\0\0", 6) == 0);
	ATF_CHECK_EQ(v.platform.by_platform_ca, 1);
	ATF_CHECK(dcap_set_fault(c.set) == NULL);
	ATF_CHECK(dcap_set_until(c.set) > now &&
	    dcap_set_until(c.set) <= now + 31 * 86400);
	evidence_close(&revoked);
	evidence_close(&c);
	json_decref(cases);
}

/* --- convergence, by the document's tables ---------------------------- */

ATF_TC_WITHOUT_HEAD(converge);
ATF_TC_BODY(converge, tc)
{
	enum dcap_status	 p, c, want;

	for (p = DCAP_UP_TO_DATE; p <= DCAP_REVOKED; p++)
		for (c = DCAP_UP_TO_DATE; c <= DCAP_REVOKED; c++) {
			want = p;
			if (c == DCAP_REVOKED)
				want = DCAP_REVOKED;
			else if (c == DCAP_OUT_OF_DATE &&
			    (p == DCAP_UP_TO_DATE || p == DCAP_SW_HARDENING))
				want = DCAP_OUT_OF_DATE;
			else if (c == DCAP_OUT_OF_DATE &&
			    (p == DCAP_CONFIGURATION ||
			    p == DCAP_CONFIGURATION_SW_HARDENING))
				want = DCAP_OUT_OF_DATE_CONFIGURATION;
			ATF_CHECK_EQ_MSG(dcap_converge(p, c), want, "%s, %s",
			    dcap_status_name(p), dcap_status_name(c));
		}
	for (p = DCAP_UP_TO_DATE; p < DCAP_REVOKED; p++)
		ATF_CHECK_EQ(dcap_relaunch(p, DCAP_REVOKED), DCAP_REVOKED);
	ATF_CHECK_STREQ(dcap_status_name(DCAP_RELAUNCH_CONFIGURATION),
	    "TDRelaunchAdvisedConfigurationNeeded");
	for (p = 0; p < DCAP_STATUSES; p++)
		ATF_CHECK(dcap_status_name(p) != NULL);
}

/* Each reason has a word of its own, each step a name. */
ATF_TC_WITHOUT_HEAD(words);
ATF_TC_BODY(words, tc)
{
	struct dcap_fault	 fault;
	enum dcap_reason	 a, b;
	size_t			 i;

	for (a = 0; a < DCAP_REASONS; a++) {
		ATF_REQUIRE(dcap_reason_name(a) != NULL);
		ATF_CHECK_EQ(dcap_refuse(&fault, a, NULL), -1);
		ATF_CHECK_EQ(fault.why[0] == '\0', a == DCAP_OK);
		for (b = 0; b < a; b++)
			ATF_CHECK(strcmp(dcap_reason_name(a),
			    dcap_reason_name(b)) != 0);
	}
	for (i = 0; i < DCAP_STEPS; i++)
		ATF_CHECK(dcap_step_name((enum dcap_step)i) != NULL);
}

ATF_TP_ADD_TCS(tp)
{
	json_object_seed(1);
	ATF_TP_ADD_TC(tp, flipped);
	ATF_TP_ADD_TC(tp, flipped_genuine);
	ATF_TP_ADD_TC(tp, cut);
	ATF_TP_ADD_TC(tp, collateral);
	ATF_TP_ADD_TC(tp, lengths);
	ATF_TP_ADD_TC(tp, memory);
	ATF_TP_ADD_TC(tp, paths);
	ATF_TP_ADD_TC(tp, kept);
	ATF_TP_ADD_TC(tp, converge);
	ATF_TP_ADD_TC(tp, words);
	return (atf_no_error());
}

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
 * A verifier that judges by itself, with one block and nothing else: included
 * once by each of its tests.
 */
#ifndef VERIFIER_LOCAL_RIG_H
#define VERIFIER_LOCAL_RIG_H

#include "rig.h"

static struct rig	 rig;
static char		 terms[512];	/* the policy */
static uint8_t		 terms_tee;
static uint64_t		 number;	/* of the request */
/* A nonce, and evidence for it; both stay. */
static struct evidence	 sent;
static uint8_t		 parts[3][64];

static void
local_child(uint8_t fetcher, const char *block, const char *root, size_t len)
{
	struct wbuf	 w = { 0 };

	rig.child = child_start("verifier", PROC_VERIFIER, 0, 0, NULL);
	wb_u32(&w, 1);
	wb_u8(&w, 0);
	wb_u32(&w, 0);
	wb_u32(&w, 0);
	wb_u8(&w, 1);
	wb_u8(&w, fetcher);
	wb_str(&w, block);
	wb_u8(&w, 1);
	child_config(rig.child, &w);
	child_descriptor(rig.child, FD_ROOT, temp_file(root, len));
	child_descriptor(rig.child, FD_NONCE_KEY,
	    temp_file("01234567890123456789012345678901", 32));
	child_go(rig.child);
	rig.broker = child_edge(rig.child, PROC_BROKER, 0, 0);
	rig.fetcher = child_edge(rig.child, PROC_FETCHER, 0, 0);
	rig.engine[0] = child_edge(rig.child, PROC_ENGINE, 0, 0);
}

static void
end(void)
{
	ATF_CHECK_EQ(0, child_end(rig.child));
}

/* --- evidence ---------------------------------------------------------- */

static void
nonce(const struct uuid *key)
{
	struct request_name	 name;
	struct uuid		 was = key_id;
	struct rbuf		 r;
	const uint8_t		*p;
	char			 why[REASON_TEXT_MAX];
	size_t			 len[3];
	int			 i;

	key_id = *key;
	appraise(&rig, ++number, TRANSFER_FIRST, NULL, terms);
	key_id = was;
	peer_recv(rig.broker, IMSG_BROKER_NONCED, &r, ANSWER_MS);
	rb_name(&r, &name);
	ATF_CHECK_EQ(VERDICT_OK, rb_u8(&r));
	ATF_CHECK_EQ(200, rb_u16(&r));
	rb_str(&r, why, sizeof(why));
	rb_str(&r, why, sizeof(why));
	ATF_CHECK_EQ(terms_tee, rb_u8(&r));
	for (i = 0; i < 3; i++) {
		p = rb_bytes(&r, &len[i], 1, sizeof(parts[i]));
		ATF_REQUIRE(p != NULL);
		memcpy(parts[i], p, len[i]);
	}
	ATF_REQUIRE_EQ(0, rb_end(&r));
	memset(&sent, 0, sizeof(sent));
	sent.tees = terms_tee;
	sent.has_nonce = 1;
	sent.nonce_val = parts[0];
	sent.nonce_vallen = len[0];
	sent.nonce_iat = parts[1];
	sent.nonce_iatlen = len[1];
	sent.nonce_sig = parts[2];
	sent.nonce_siglen = len[2];
	sent.user_data = held;
	sent.user_datalen = sizeof(held);
}

static void
forget_nonce(void)
{
	sent.has_nonce = 0;
	sent.nonce_vallen = sent.nonce_iatlen = sent.nonce_siglen = 0;
}

/* What the nonce asks for. */
static void
report_data(uint8_t data[64])
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();

	ATF_REQUIRE(EVP_DigestInit_ex(ctx, EVP_sha512(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, sent.nonce_val, sent.nonce_vallen) == 1 &&
	    EVP_DigestUpdate(ctx, sent.nonce_iat, sent.nonce_iatlen) == 1 &&
	    EVP_DigestUpdate(ctx, held, sizeof(held)) == 1 &&
	    EVP_DigestFinal_ex(ctx, data, NULL) == 1);
	EVP_MD_CTX_free(ctx);
}

static void
send(void)
{
	appraise(&rig, ++number, TRANSFER_EVIDENCE, &sent, terms);
}

/* --- what it asks for, and says ---------------------------------------- */

/* The store has nothing of this name, or this. */
static void
store(const char *want, const void *data, size_t len)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	char		 name[64];
	uint64_t	 tag;

	peer_recv(rig.broker, IMSG_BROKER_COLLATERAL_WANT, &r, AGES);
	tag = rb_u64(&r);
	rb_str(&r, name, sizeof(name));
	ATF_REQUIRE(rb_end(&r) == 0);
	ATF_CHECK_STREQ(want, name);
	wb_u64(&w, tag);
	wb_u8(&w, len > 0);
	wb_bytes(&w, data, len);
	peer_send(rig.broker, IMSG_VERIFIER_COLLATERAL, &w);
}

static void
took(void)
{
	struct rbuf		 r;
	struct request_name	 name;

	peer_recv(rig.engine[0], IMSG_ENGINE_VERDICT, &r, AGES);
	rb_name(&r, &name);
	ATF_CHECK_EQ(number, name.number);
}

static void
judged(uint8_t verdict, uint16_t status, const char *why)
{
	struct answer	 a;

	appraised(&rig, number, &a);
	ATF_CHECK_EQ_MSG(verdict, a.verdict, "%u: %s", a.verdict, a.reason);
	ATF_CHECK_EQ_MSG(status, a.status, "%u: %s", a.status, a.reason);
	ATF_CHECK_MSG(strstr(a.reason, why) != NULL, "%s", a.reason);
	if (status != 500)	/* a policy that can't be applied */
		ATF_CHECK_EQ(terms_tee, a.tees);
	if (verdict == VERDICT_OK)
		took();
	else
		ATF_CHECK(peer_silent(rig.engine[0], 20));
}

/* A test of a policy: more than so many steps passed, these among them. */
static void
passed(uint32_t steps, const char *one, const char *other)
{
	struct request_name	 name;
	struct rbuf		 r;
	struct check		 check;
	uint32_t		 i, n, failed = 0, seen = 0;

	peer_recv(rig.broker, IMSG_BROKER_TESTED, &r, ANSWER_MS);
	rb_name(&r, &name);
	n = rb_u32(&r);
	ATF_CHECK(n > steps);
	for (i = 0; i < n; i++) {
		rb_check(&r, &check);
		failed += check.result == CHECK_FAILED;
		seen += strcmp(check.claim, one) == 0 ||
		    strcmp(check.claim, other) == 0;
	}
	ATF_CHECK_EQ(0, rb_end(&r));
	ATF_CHECK_EQ(0, failed);
	ATF_CHECK_EQ(2, seen);
}

#endif

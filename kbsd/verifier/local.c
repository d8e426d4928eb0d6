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
 * Evidence that is judged without a service: which block of the configuration
 * judges whose, their roots, and what is the same for all of them: the policy
 * and the wrapping key.
 */
#include <openssl/err.h>

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certificate.h"
#include "local.h"
#include "secret.h"

#define VERDICT_S	60
#define ROOT_MAX	(16 * 1024)

/* Of one kind there is one block at most. */
struct block {
	int		 here;
	char		 name[NAME_MAX_STORE];
	uint32_t	 fetcher;
	int		 has_root;
	int		 rootfd;
};

static struct block	 blocks[FETCHER_KIND_MAX];

/* Those that judge here, by what their fetchers bring. */
static const struct judges {
	enum fetcher_kind	 kind;
	uint8_t			 tees;
	void			(*secrets)(const char *, const void *, size_t);
	enum judged		(*judge)(struct judgement *);
	const char		*only;
} judges[] = {
	{ FETCHER_DCAP, TEE_SGX | TEE_TDX, sets_secrets, local_dcap,
	    "judges quotes of SGX and TDX without policy_ids alone" },
	{ FETCHER_SNP, TEE_SNP, snp_kept_secrets, local_snp,
	    "judges reports of SEV-SNP alone" },
};

#define NJUDGES	(sizeof(judges) / sizeof(judges[0]))

/* --- which of them ------------------------------------------------- */

static int
is_named(const struct policy *p, const struct judges *judge)
{
	return (blocks[judge->kind].here && p->attestation != NULL &&
	    strcmp(p->attestation, blocks[judge->kind].name) == 0);
}

static const struct judges *
judge_of(const struct policy *p)
{
	const struct judges	*judge;

	if (p->sgx.policy_ids.n != 0 || p->tdx.policy_ids.n != 0)
		return (NULL);
	for (judge = judges; judge < judges + NJUDGES; judge++)
		if (blocks[judge->kind].here &&
		    (p->tees & ~judge->tees) == 0 &&
		    (p->attestation == NULL || is_named(p, judge)))
			return (judge);
	return (NULL);
}

int
local_fits(const struct policy *p)
{
	return (judge_of(p) != NULL);
}

const char *
local_nobody(const struct policy *p)
{
	const struct judges	*judge;

	if (p->attestation == NULL || collateral_find(p->attestation) != -1)
		return (NULL);
	for (judge = judges; judge < judges + NJUDGES; judge++)
		if (is_named(p, judge))
			return (local_fits(p) ? NULL : judge->only);
	return ("is not configured");
}

const char *
local_nobody_else(const struct policy *p)
{
	if ((p->tees & TEE_SNP) == 0 || local_fits(p))
		return (NULL);
	return ("evidence of SEV-SNP is for an attestation block with snp, "
	    "and there is none that the policy trusts");
}

uint32_t
local_fetcher(enum fetcher_kind kind)
{
	return (blocks[kind].fetcher);
}

void
local_tell(void (*fn)(const struct block_told *, void *), void *arg)
{
	const struct judges	*judge;
	struct block_told	 told;

	for (judge = judges; judge < judges + NJUDGES; judge++) {
		if (!blocks[judge->kind].here)
			continue;
		memset(&told, 0, sizeof(told));
		told.name = blocks[judge->kind].name;
		kept_tell(blocks[judge->kind].fetcher, &told);
		fn(&told, arg);
	}
}

/* --- judging ------------------------------------------------------- */

/* What judge_evidence() has seen already; a quote of a test has no key. */
static int
judge_key(struct judgement *j)
{
	char	 why[WHY_MAX];

	if (j->checks != NULL && j->evidence->user_datalen == 0)
		return (0);
	if (binding_held(&j->wrapping, j->evidence->user_data,
	    j->evidence->user_datalen, j->quote->tee, why, sizeof(why)) == 0)
		return (0);
	return (outcome_set(&j->outcome, VERDICT_DENIED, 401,
	    "attestation denied: key", "wrapping key: %s", why));
}

static int
judge_claims(struct judgement *j, uint8_t tee, json_t *json)
{
	struct claims	 claims;
	char		 why[WHY_MAX] = "no memory";
	int		 rc;

	if (json == NULL || claims_own(&claims, tee, json, why,
	    sizeof(why)) == -1)
		return (outcome_set(&j->outcome, VERDICT_BUSY, 503,
		    "no memory", "claims: %s", why));
	rc = compare(j->policy, &claims, &j->outcome, j->checks);
	claims_free(&claims);
	return (rc);
}

void
local_finish(struct judgement *j, uint8_t tee, json_t *json)
{
	if (judge_claims(j, tee, json) == 0 && judge_key(j) == 0)
		(void)outcome_set(&j->outcome, VERDICT_OK, 200, "", "%s", "");
	json_decref(json);
}

enum judged
local_judge(struct judgement *j)
{
	const struct judges	*judge = judge_of(j->policy);

	ERR_clear_error();
	memset(&j->outcome, 0, sizeof(j->outcome));
	j->exp = (int64_t)time(NULL) + VERDICT_S;
	if (judge != NULL)
		return (judge->judge(j));
	/* local_fits() has been asked, so this is never seen. */
	(void)outcome_set(&j->outcome, VERDICT_DENIED, 401,
	    "attestation denied: type", "nobody judges this here");
	return (JUDGED);
}

/* --- start --------------------------------------------------------- */

static int
judged_by(uint8_t kind)
{
	size_t	 i;

	for (i = 0; i < NJUDGES; i++)
		if (judges[i].kind == kind)
			return (1);
	return (0);
}

int
local_config(struct rbuf *r, uint32_t fetcher)
{
	struct block	*b;
	uint8_t		 kind, n;

	for (n = rb_u8(r); n > 0; n--) {
		kind = rb_enum(r, FETCHER_KIND_MAX - 1);
		b = &blocks[kind];
		if (r->failed || !judged_by(kind) || b->here)
			return (-1);
		b->here = 1;
		b->fetcher = fetcher++;
		rb_str(r, b->name, sizeof(b->name));
		b->has_root = rb_bool(r);
		b->rootfd = -1;
	}
	return (r->failed ? -1 : 0);
}

/* In the order of the configuration, which is that of the fetchers. */
int
local_root(int fd)
{
	struct block	*b, *next = NULL;

	for (b = blocks; b < blocks + FETCHER_KIND_MAX; b++)
		if (b->here && b->has_root && b->rootfd == -1 &&
		    (next == NULL || b->fetcher < next->fetcher))
			next = b;
	if (next == NULL)
		return (-1);
	next->rootfd = fd;
	return (0);
}

static void
block_secrets(struct block *b, const struct judges *judge)
{
	uint8_t	*pem = NULL;
	size_t	 len = 0;

	if (b->has_root && b->rootfd == -1)
		fatalx("no root for %s", b->name);
	if (b->has_root && (pem = secret_read(b->rootfd, ROOT_MAX, &len)) ==
	    NULL)
		fatal("root of %s", b->name);
	judge->secrets(b->name, pem, len);
	if (pem == NULL)
		return;
	certificate_note(CERTIFICATE_ROOT, b->name, pem, len);
	secret_free(pem);
	close(b->rootfd);
}

void
local_secrets(void)
{
	const struct judges	*judge;

	for (judge = judges; judge < judges + NJUDGES; judge++)
		if (blocks[judge->kind].here)
			block_secrets(&blocks[judge->kind], judge);
}

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
 * Attestation blocks that take tokens of other issuers by a key set: what
 * they must say, and how it is printed and told.  Who writes such a block
 * says by which claim a token vouches for the workload's key, so what makes
 * no sense there is refused before anything starts.
 */

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "parent.h"

/* What a row is about. */
enum use { USE_TYPE, USE_KEY, USE_DEBUG, USE_OTHER, USE_MAX };

/* The claims of ours that a row may name, as the verifier knows them. */
static const struct {
	const char	*name;
	enum use	 use;
} names[] = {
	{ "attester_type",		USE_TYPE },
	{ "attester_held_data",		USE_KEY },
	{ "attester_key",		USE_KEY },
	{ "attester_runtime_data",	USE_KEY },
	{ "dbgstat",			USE_DEBUG },
	{ "sgx_is_debuggable",		USE_DEBUG },
	{ "tdx_is_debuggable",		USE_DEBUG },
	{ "attester_advisory_ids",	USE_OTHER },
	{ "attester_tcb_date",		USE_OTHER },
	{ "attester_tcb_status",	USE_OTHER },
	{ "sgx_fmspc",			USE_OTHER },
	{ "sgx_isvprodid",		USE_OTHER },
	{ "sgx_isvsvn",			USE_OTHER },
	{ "sgx_mrenclave",		USE_OTHER },
	{ "sgx_mrsigner",		USE_OTHER },
	{ "tdx_fmspc",			USE_OTHER },
	{ "tdx_mrseam",			USE_OTHER },
	{ "tdx_mrsignerseam",		USE_OTHER },
	{ "tdx_mrtd",			USE_OTHER },
	{ "tdx_rtmr0",			USE_OTHER },
	{ "tdx_rtmr1",			USE_OTHER },
	{ "tdx_rtmr2",			USE_OTHER },
	{ "tdx_rtmr3",			USE_OTHER },
	{ "tdx_seamsvn",		USE_OTHER },
	{ "tdx_td_attributes",		USE_OTHER },
	{ "tdx_td_attributes_debug",	USE_OTHER },
};

#define NNAMES	(sizeof(names) / sizeof(names[0]))

static const char *const algorithms[] = { "RS256", "PS256", "PS384" };

#define NALGORITHMS	(sizeof(algorithms) / sizeof(algorithms[0]))

int
issuer_is(const struct attestation *a)
{
	return (a->jwks != NULL || a->jwks_url != NULL);
}

int
issuer_claim(struct attestation *a, enum claim_row kind, char *name,
    char *value)
{
	struct claim	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (-1);
	c->kind = kind;
	c->name = name;
	c->value = value;
	TAILQ_INSERT_TAIL(&a->claims, c, entry);
	return (0);
}

void
issuer_free(struct attestation *a)
{
	struct claim	*c;

	while ((c = TAILQ_FIRST(&a->claims)) != NULL) {
		TAILQ_REMOVE(&a->claims, c, entry);
		free(c->name);
		free(c->value);
		free(c);
	}
	free(a->jwks);
	free(a->jwks_url);
	free(a->algorithm);
}

/* --- checks -------------------------------------------------------------- */

static int
wrong(const struct attestation *a, const char *what, const char *why)
{
	log_warnx("attestation \"%s\": %s %s", a->name, what, why);
	return (-1);
}

/* RFC 6901: a tilde is never alone. */
static int
path_valid(const char *path)
{
	if (*path == '\0' || strlen(path) >= CLAIM_PATH_MAX)
		return (0);
	if (*path != '/')
		return (1);
	for (; *path != '\0'; path++)
		if (*path == '~' && path[1] != '0' && path[1] != '1')
			return (0);
	return (1);
}

static enum use
use_of(const char *name)
{
	size_t	 i;

	for (i = 0; i < NNAMES; i++)
		if (strcmp(names[i].name, name) == 0)
			return (names[i].use);
	return (USE_MAX);
}

/* Only the type may be said here: anything else the token has to say. */
static int
check_value(const struct attestation *a, const struct claim *c)
{
	if (use_of(c->name) != USE_TYPE)
		return (wrong(a, c->name, "can't be said here: only the "
		    "token may say it"));
	if (strcmp(c->value, "SGX") != 0 && strcmp(c->value, "TDX") != 0)
		return (wrong(a, c->name, "must be SGX or TDX"));
	return (0);
}

static int
check_row(const struct attestation *a, const struct claim *c)
{
	const char	*path = c->kind == CLAIM_FROM ? c->value : c->name;

	if (c->kind != CLAIM_REQUIRE && use_of(c->name) == USE_MAX)
		return (wrong(a, c->name, "is no claim that a policy or the "
		    "transfer of a key knows"));
	if (c->kind == CLAIM_IS)
		return (check_value(a, c));
	if (!path_valid(path))
		return (wrong(a, path, "is no path in a token"));
	if (strlen(c->value) >= CLAIM_PATH_MAX)
		return (wrong(a, c->name, "has too long a value"));
	return (0);
}

static int
check_twice(const struct attestation *a, const struct claim *c)
{
	const struct claim	*d;

	for (d = TAILQ_NEXT(c, entry); d != NULL; d = TAILQ_NEXT(d, entry))
		if ((c->kind == CLAIM_REQUIRE) == (d->kind == CLAIM_REQUIRE) &&
		    strcmp(c->name, d->name) == 0)
			return (wrong(a, c->name, "is set twice"));
	return (0);
}

/*
 * Without its type a token is of no TEE, without a key it releases none, by
 * two it would not be clear which is meant, and what can't say that it is not
 * debuggable counts as if it were.
 */
static int
check_claims(const struct attestation *a)
{
	const struct claim	*c;
	unsigned int		 uses[USE_MAX + 1] = { 0 }, n = 0;
	int			 bad = 0;

	TAILQ_FOREACH(c, &a->claims, entry) {
		bad |= check_row(a, c) | check_twice(a, c);
		if (c->kind != CLAIM_REQUIRE)
			uses[use_of(c->name)]++;
		n++;
	}
	if (n > CLAIM_ROWS_MAX)
		bad |= wrong(a, "claims:", "there are too many");
	if (uses[USE_TYPE] == 0)
		bad |= wrong(a, "claims:", "attester_type is missing");
	if (uses[USE_KEY] != 1)
		bad |= wrong(a, "claims:", "one of attester_held_data, "
		    "attester_runtime_data and attester_key must say where "
		    "the workload's key stands");
	if (uses[USE_DEBUG] == 0)
		bad |= wrong(a, "claims:", "none says where the token tells "
		    "of debugging (sgx_is_debuggable, tdx_is_debuggable or "
		    "dbgstat), so it would always count as allowed");
	return (bad);
}

static int
check_algorithm(const struct attestation *a)
{
	size_t	 i;

	if (a->algorithm == NULL)
		return (0);
	for (i = 0; i < NALGORITHMS; i++)
		if (strcmp(a->algorithm, algorithms[i]) == 0)
			return (0);
	return (wrong(a, "algorithm", "is not RS256, PS256 or PS384"));
}

int
issuer_check(const struct attestation *a)
{
	int	 bad = 0;

	if (a->jwks != NULL && a->jwks_url != NULL)
		bad |= wrong(a, "jwks", "is a file, or from a URL, not both");
	if (a->issuer == NULL || a->issuer[0] == '\0')
		bad |= wrong(a, "issuer", "is missing: whose tokens it takes");
	if (a->jwks != NULL && a->root != NULL)
		bad |= wrong(a, "root", "is of no use beside a jwks file: who "
		    "writes the file vouches for its keys");
	if (a->jwks_url != NULL) {
		bad |= check_url(a->name, "jwks from", a->jwks_url) |
		    check_retry(a);
		if (a->root == NULL)
			bad |= wrong(a, "root", "is missing: the certificate "
			    "that may sign those of the keys");
	}
	bad |= check_algorithm(a);
	return (a->renames ? bad | check_claims(a) : bad);
}

/* Both must be tokens by one issuer, and one of them by a key set. */
static int
same_issuer(const struct attestation *a, const struct attestation *b)
{
	return ((issuer_is(a) || issuer_is(b)) && a->issuer != NULL &&
	    b->issuer != NULL && strcmp(a->issuer, b->issuer) == 0);
}

int
issuer_unique(const struct config *conf)
{
	const struct attestation	*a, *b;
	int				 bad = 0;

	TAILQ_FOREACH(a, &conf->attestations, entry)
		for (b = TAILQ_NEXT(a, entry); b != NULL;
		    b = TAILQ_NEXT(b, entry))
			if (same_issuer(a, b)) {
				log_warnx("attestation \"%s\" and \"%s\" take "
				    "tokens of one issuer", a->name, b->name);
				bad = -1;
			}
	return (bad);
}

/* --- printing and telling ------------------------------------------------ */

static void
print_claim(const struct claim *c)
{
	printf("\t\t%s", c->kind == CLAIM_REQUIRE ? "require " : "");
	print_quoted(c->name);
	print_word(c->kind == CLAIM_FROM ? " from " : " is ", c->value);
}

void
issuer_print(const struct attestation *a)
{
	const struct claim	*c;

	printf("attestation \"%s\" {\n", a->name);
	print_word("\tjwks file ", a->jwks);
	print_word("\tjwks from ", a->jwks_url);
	print_word("\troot ", a->root);
	print_word("\tca ", a->ca);
	print_word("\tissuer ", a->issuer);
	print_word("\taudience ", a->audience);
	print_word("\talgorithm ", a->algorithm);
	print_word("\tproxy ", a->proxy);
	print_list("\tcrl host ", &a->crl_hosts);
	if (a->jwks_url != NULL)
		printf("\tretry wait %us to %us\n\trefetch %us\n",
		    a->retry_least / 1000, a->retry_most / 1000, a->refetch);
	if (a->renames) {
		printf("\tclaims {\n");
		TAILQ_FOREACH(c, &a->claims, entry)
			print_claim(c);
		printf("\t}\n");
	}
	printf("}\n");
}

void
issuer_give(struct wbuf *w, const struct attestation *a)
{
	const struct claim	*c;
	uint32_t		 n = 0;

	wb_u8(w, a->jwks != NULL ? BLOCK_FILE : BLOCK_URL);
	wb_str(w, a->name);
	wb_str(w, a->issuer);
	wb_str(w, a->audience);
	wb_str(w, a->algorithm);
	wb_u32(w, a->refetch);
	wb_u8(w, (uint8_t)a->renames);
	if (!a->renames)
		return;
	TAILQ_FOREACH(c, &a->claims, entry)
		n++;
	wb_u32(w, n);
	TAILQ_FOREACH(c, &a->claims, entry) {
		wb_u8(w, (uint8_t)c->kind);
		wb_str(w, c->name);
		wb_str(w, c->value);
	}
}

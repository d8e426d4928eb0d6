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
 * What those who have to do with evidence are told and given at their start:
 * a fetcher of its own attestation block, the verifiers of all.
 */

#include <sys/queue.h>

#include <stdint.h>

#include "log.h"
#include "parent.h"

static int
give_service(struct wbuf *w, const struct attestation *a)
{
	wb_str(w, a->name);
	wb_str(w, a->issuer);
	wb_str(w, a->audience);
	wb_u8(w, (uint8_t)a->version);
	wb_u32(w, a->refetch);
	wb_u8(w, (uint8_t)pin_missing(a));
	if (pin_missing(a))
		return (0);
	return (give_fd(FD_ROOT, files_public(a->root)));
}

static int
give_issuer(struct wbuf *w, const struct attestation *a)
{
	issuer_give(w, a);
	if (a->jwks != NULL)
		return (give_fd(FD_JWKS, files_public(a->jwks)));
	return (give_fd(FD_ROOT, files_public(a->root)));
}

/* A block that judges here, behind the others. */
static int
give_judge(struct wbuf *w, const struct attestation *a)
{
	wb_u8(w, (uint8_t)a->kind);
	wb_str(w, a->name);
	wb_u8(w, a->root != NULL);
	if (a->root == NULL)
		return (0);
	return (give_fd(FD_ROOT, files_public(a->root)));
}

/* Those of others, or those of the services. */
static int
give_blocks(struct wbuf *w, const struct config *conf, int others)
{
	const struct attestation	*a;
	uint32_t			 n = 0;

	TAILQ_FOREACH(a, &conf->attestations, entry)
		n += a->kind == FETCHER_SERVICE && issuer_is(a) == others;
	wb_u32(w, n);
	TAILQ_FOREACH(a, &conf->attestations, entry)
		if (a->kind == FETCHER_SERVICE && issuer_is(a) == others &&
		    (others ? give_issuer(w, a) : give_service(w, a)) == -1)
			return (-1);
	return (0);
}

int
give_verifier(struct child *c, struct wbuf *w)
{
	const struct config		*conf = c->set->conf;
	const struct attestation	*a;
	uint8_t				 judges = 0;

	TAILQ_FOREACH(a, &conf->attestations, entry)
		judges += a->kind != FETCHER_SERVICE;
	wb_u32(w, conf->prefork);
	wb_u8(w, (uint8_t)conf->require_nonce);
	if (give_blocks(w, conf, 0) == -1 || give_blocks(w, conf, 1) == -1)
		return (-1);
	wb_u8(w, judges);
	TAILQ_FOREACH(a, &conf->attestations, entry)
		if (a->kind != FETCHER_SERVICE && give_judge(w, a) == -1)
			return (-1);
	return (give_fd(FD_NONCE_KEY, files_secret(files_path(conf,
	    "keys/nonce.key"), 1)));
}

static int
give_collateral(struct wbuf *w, const struct attestation *a)
{
	wb_u8(w, (uint8_t)a->kind);
	wb_str(w, a->name);
	wb_str(w, a->collateral);
	wb_u32(w, a->retry_least);
	wb_u32(w, a->retry_most);
	wb_str(w, a->proxy);
	wb_u32(w, a->refetch);
	if (a->collateral == NULL)
		return (0);
	return (give_fd(FD_CA, files_public(a->ca)));
}

static int
give_key_set(struct wbuf *w, const struct attestation *a)
{
	wb_u8(w, FETCHER_JWKS);
	wb_str(w, a->name);
	wb_str(w, a->jwks_url);
	wb_u32(w, a->retry_least);
	wb_u32(w, a->retry_most);
	wb_str(w, a->proxy);
	wb_u32(w, a->refetch);
	give_words(w, &a->crl_hosts);
	return (give_fd(FD_CA, files_public(a->ca)));
}

int
give_fetcher(struct child *c, struct wbuf *w)
{
	const struct attestation	*a = c->object;

	if (a->kind != FETCHER_SERVICE)
		return (give_collateral(w, a));
	if (a->jwks_url != NULL)
		return (give_key_set(w, a));
	wb_u8(w, FETCHER_SERVICE);
	wb_str(w, a->name);
	wb_str(w, a->api);
	wb_str(w, a->base);
	wb_u8(w, (uint8_t)a->version);
	wb_u32(w, a->retry_least);
	wb_u32(w, a->retry_most);
	wb_str(w, a->proxy);
	wb_u32(w, a->refetch);
	give_words(w, &a->crl_hosts);
	if (give_fd(FD_API_KEY, files_secret(a->api_key, 0)) == -1)
		return (-1);
	return (give_fd(FD_CA, files_public(a->ca)));
}

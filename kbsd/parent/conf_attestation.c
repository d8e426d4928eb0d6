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
 * The attestation blocks of the configuration: defaults, checks, and the order
 * in which they are numbered.  What only a block for tokens of others has is
 * in issuer.c.
 */

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "parent.h"

/* Who judges here: the word for it, and who has the collateral. */
static const struct {
	const char	*word;
	const char	*from;
} local_kinds[FETCHER_KIND_MAX] = {
	[FETCHER_DCAP] = { "dcap", "https://api.trustedservices.intel.com" },
	[FETCHER_SNP] = { "snp", "https://kdsintf.amd.com" },
};

const char *
kind_word(enum fetcher_kind kind)
{
	return (local_kinds[kind].word);
}

void
attestation_free(struct attestation *a)
{
	free(a->name);
	free(a->api);
	free(a->base);
	free(a->api_key);
	free(a->root);
	free(a->ca);
	free(a->issuer);
	free(a->audience);
	free(a->proxy);
	free(a->collateral);
	free(a->collateral_dir);
	words_free(&a->crl_hosts);
	issuer_free(a);
	free(a);
}

/* --- checks ------------------------------------------------------------ */

int
check_url(const char *block, const char *what, const char *url)
{
	if (url == NULL) {
		log_warnx("attestation \"%s\": %s is missing", block, what);
		return (-1);
	}
	if (strncmp(url, "https://", 8) != 0 || url[8] == '\0' ||
	    strpbrk(url, " \t\"#@?") != NULL) {
		log_warnx("attestation \"%s\": %s \"%s\" is no plain https "
		    "URL", block, what, url);
		return (-1);
	}
	return (0);
}

int
check_retry(const struct attestation *a)
{
	if (a->retry_least <= a->retry_most)
		return (0);
	log_warnx("attestation \"%s\": retry wait: the least is more than "
	    "the most", a->name);
	return (-1);
}

static int
check_service(const struct attestation *a)
{
	int	 bad = 0;

	bad |= check_url(a->name, "trust authority api", a->api);
	bad |= check_url(a->name, "base", a->base);
	if (a->api_key == NULL) {
		log_warnx("attestation \"%s\": api key file is missing",
		    a->name);
		bad = -1;
	}
	if (a->root == NULL) {
		log_warnx("attestation \"%s\": root is missing: the "
		    "certificate that may sign token certificates", a->name);
		bad = -1;
	}
	return (bad | check_retry(a));
}

/* The fetcher is told where it is, and that it stands in it. */
static int
check_local(const struct attestation *a)
{
	if (a->collateral_dir == NULL)
		return (check_url(a->name, "collateral from",
		    a->collateral) | check_retry(a));
	if (a->collateral_dir[0] == '/')
		return (0);
	log_warnx("attestation \"%s\": collateral directory \"%s\" must "
	    "begin with /", a->name, a->collateral_dir);
	return (-1);
}

static int
check_attestation(const struct attestation *a)
{
	if (issuer_is(a))
		return (issuer_check(a));
	return (a->kind == FETCHER_SERVICE ? check_service(a) :
	    check_local(a));
}

/* --- the proxy --------------------------------------------------------- */

/* Is a host, or a domain that it is in, in a list as no_proxy has it? */
static int
listed(const char *list, const char *host, size_t len)
{
	size_t	 n;

	for (; *list != '\0'; list += n) {
		list += strspn(list, ", .");
		n = strcspn(list, ", ");
		if ((n == 1 && list[0] == '*') || (n > 0 && n <= len &&
		    strncasecmp(host + len - n, list, n) == 0 &&
		    (n == len || host[len - n - 1] == '.')))
			return (1);
	}
	return (0);
}

/*
 * The environment's proxy, as other clients of the service take it: never for
 * this machine, nor for what no_proxy lists.
 */
static void
default_proxy(struct attestation *a)
{
	const char	*proxy = getenv("https_proxy");
	const char	*none = getenv("no_proxy");
	const char	*host = a->kind != FETCHER_SERVICE ? a->collateral :
			    a->jwks_url != NULL ? a->jwks_url : a->api;
	size_t		 len;

	if (a->proxy != NULL || proxy == NULL || proxy[0] == '\0' ||
	    host == NULL || strncmp(host, "https://", 8) != 0)
		return;
	host += 8;
	len = strcspn(host, ":/");
	if (host[0] == '[' || listed("localhost,127.0.0.1", host, len) ||
	    (none != NULL && listed(none, host, len)))
		return;
	a->proxy = conf_join(strstr(proxy, "://") == NULL ? "http://" : "",
	    proxy);
}

/* --- order ------------------------------------------------------------- */

/* Services, key sets from elsewhere, key files, and what judges here. */
static int
rank_of(const struct attestation *a)
{
	if (a->kind != FETCHER_SERVICE)
		return (2 + (int)a->kind);
	if (a->jwks != NULL)
		return (2);
	return (a->jwks_url != NULL ? 1 : 0);
}

/* Blocks and fetchers are numbered by their place, and files have none. */
static void
order_attestations(struct config *conf)
{
	struct attestations	 all = TAILQ_HEAD_INITIALIZER(all);
	struct attestation	*a, *next;
	int			 rank;

	TAILQ_CONCAT(&all, &conf->attestations, entry);
	for (rank = 0; rank < 3 + FETCHER_KIND_MAX; rank++)
		TAILQ_FOREACH_SAFE(a, &all, entry, next)
			if (rank_of(a) == rank) {
				TAILQ_REMOVE(&all, a, entry);
				TAILQ_INSERT_TAIL(&conf->attestations, a,
				    entry);
			}
}

/* --- all --------------------------------------------------------------- */

int
attestations_finish(struct config *conf)
{
	struct attestation	*a;
	int			 bad = 0;

	TAILQ_FOREACH(a, &conf->attestations, entry) {
		if (local_kinds[a->kind].from != NULL &&
		    a->collateral_dir == NULL)
			conf_default(&a->collateral,
			    local_kinds[a->kind].from);
		if (a->collateral_dir == NULL && a->jwks == NULL)
			conf_default(&a->ca, conf_ca());
		default_proxy(a);
		bad |= check_attestation(a);
	}
	order_attestations(conf);
	return (bad | issuer_unique(conf));
}

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
 * The fetcher process: nonces, appraisals, key sets and revocation lists of
 * one attestation service, the key set alone of another issuer of tokens, or
 * the collateral of Intel's quotes or of AMD's reports, for the verifiers.  It
 * owns the service's API key; it may connect to the outside and do nothing
 * else, opens no file (or may read those of one directory, and connects to
 * nobody), and never sees a key of the broker or decides anything about
 * evidence.
 */
#include <string.h>
#include <unistd.h>

#include "certificate.h"
#include "fetcher.h"
#include "json.h"
#include "log.h"
#include "secret.h"

#define LOCKED_HEAP	(256 * 1024)
/* The fixed part of GET, a URL, policy ids, and evidence. */
#define GET_LEAST	(8 + 1 + 8 + 1 + 4 + 1 + 4 + 4)
#define GET_MOST	(GET_LEAST + URL_MAX + POLICY_IDS_MAX * \
			(4 + UUID_TEXT) + EVIDENCE_MAX + 64 * 1024)

static int		 api_key_fd = -1, ca_fd = -1;

/* Its tag stands for the request's name. */
static int
verifier_trace(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct trace		 t;

	name.front = edge->instance;
	name.number = rb_u64(r);
	rb_trace(r, &t);
	if (rb_end(r) == -1)
		return (-1);
	trace_put(&name, &t);
	return (0);
}

#define TRACE_LEN	(TRACE_BODY - 4)

static const struct edge_rule verifier_rules[] = {
	{ IMSG_FETCHER_TRACE, TRACE_LEN, TRACE_LEN, verifier_trace },
	{ IMSG_FETCHER_GET, GET_LEAST, GET_MOST, get_take },
};

static const struct edge_table edges[] = {
	{
		.peer = PROC_VERIFIER,
		.rules = verifier_rules,
		.nrules = 2,
		.down = get_down,
	},
};

static int
fetcher_descriptor(uint32_t role, int fd)
{
	int	*where;

	if (role == FD_API_KEY)
		where = &api_key_fd;
	else if (role == FD_CA)
		where = &ca_fd;
	else
		return (-1);
	if (*where != -1)
		return (-1);
	*where = fd;
	return (0);
}

static void
fetcher_libraries(void)
{
	if (!self.outside)
		return;
	http_init();
	resolve_init();
}

static void
fetcher_api_key(void)
{
	char	*key;
	size_t	 len;

	if ((key = secret_read(api_key_fd, API_KEY_MAX, &len)) == NULL)
		fatal("API key");
	settings.api_key = http_secret_header("x-api-key", key, len);
	if (settings.api_key == NULL)
		fatal("API key");
	secret_free(key);
}

static void
fetcher_secrets(void)
{
	int	 service = settings.kind == FETCHER_SERVICE;

	if (settings.name[0] == '\0')
		fatalx("no configuration has come");
	secret_openssl(LOCKED_HEAP);
	json_init();
	if ((api_key_fd == -1) == service ||
	    (ca_fd == -1) == !settings.directory)
		fatalx("API key or ca has not come, or should not");
	if (service) {
		fetcher_api_key();
		close(api_key_fd);
	}
	if (settings.kind == FETCHER_DCAP || settings.kind == FETCHER_SNP)
		collateral_init();
	else
		memory_init();
	if (settings.directory)
		return;
	http_ca(ca_fd);
	close(ca_fd);
	http_proxy(settings.has_proxy ? &settings.proxy : NULL);
}

static void
fetcher_count(struct wbuf *w, const char *name, uint64_t n)
{
	wb_str(w, name);
	wb_u64(w, n);
}

static void
fetcher_counters(struct wbuf *w)
{
	uint64_t	 collateral = 0;
	int		 part;

	for (part = FETCH_MAX; part < ASK_MAX; part++)
		collateral += counts.requests[part];
	fetcher_count(w, "nonces", counts.requests[FETCH_NONCE]);
	fetcher_count(w, "appraisals", counts.requests[FETCH_ATTEST]);
	fetcher_count(w, "key sets", counts.requests[FETCH_JWKS]);
	fetcher_count(w, "revocation lists", counts.requests[FETCH_CRL]);
	fetcher_count(w, "collateral", collateral);
	fetcher_count(w, "connections", http_connections);
	fetcher_count(w, "retries", counts.retries);
	fetcher_count(w, "failed", counts.failed);
	fetcher_count(w, "busy", counts.busy);
	fetcher_count(w, "from memory", counts.remembered);
	fetcher_count(w, "under way", get_count());
}

static void
show_attestation(struct wbuf *cells, uint32_t *rows)
{
	const char	*state = "not asked yet";

	if (settings.directory)
		state = "directory";
	else if (reached.bad > reached.good)
		state = "failing";
	else if (reached.good > 0)
		state = "answers";
	wb_str(cells, settings.name);
	wb_str(cells, state);
	wb_decimal(cells, (uint64_t)reached.good);
	wb_decimal(cells, (uint64_t)reached.bad);
	wb_str(cells, reached.why);
	wb_str(cells, "");
	wb_str(cells, "");
	(*rows)++;
}

static void
fetcher_show(uint8_t what, uint8_t page, struct wbuf *cells, uint32_t *rows)
{
	(void)page;
	if (what == SHOW_ATTESTATION)
		show_attestation(cells, rows);
	else if (what == SHOW_CERTIFICATES)
		certificate_show(settings.name, cells, rows);
	else if (what == SHOW_LIMITS)
		show_limit(cells, rows, "questions under way", GETS_MAX,
		    get_count(), "");
}

static const struct process processes[] = {
	{
		.kind = PROC_FETCHER,
		.edges = edges,
		.nedges = sizeof(edges) / sizeof(edges[0]),
		.libraries = fetcher_libraries,
		.config = conf_read,
		.descriptor = fetcher_descriptor,
		.secrets = fetcher_secrets,
		.counters = fetcher_counters,
		.show = fetcher_show,
	},
};

int
main(int argc, char *argv[])
{
	process_main(processes, 1, argc, argv);
}

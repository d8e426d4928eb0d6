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
 * The signer process.  It holds the private keys of the TLS certificates in
 * locked memory and signs handshakes for the frontends; it may do nothing
 * else, and never sees a request, a password or a key that the broker keeps.
 * Frontends wait for its answer while all their clients wait for them, so
 * nothing here takes long.
 */
#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "secret.h"
#include "signer.h"

#define LOCKED_HEAP	(256 * 1024)
#define DAY		(24 * 60 * 60)
#define COMPLAIN_MS	1000		/* between two lines of refusals */

static struct names	 names;
static uint64_t		 count_signed, count_refused;
static uint64_t		 complained, unsaid;

static int	signer_sign(struct edge *, struct rbuf *);
static void	signer_up(struct edge *);
static void	signer_down(struct edge *);

static const struct edge_rule frontend_rules[] = {
	{ IMSG_SIGNER_SIGN, 4 + 1 + DIGEST_LEN + 4 + 1, SIGN_BODY_MAX,
	    signer_sign },
};

static const struct edge_table edges[] = {
	{
		.peer = PROC_FRONTEND,
		.rules = frontend_rules,
		.nrules = 1,
		.up = signer_up,
		.down = signer_down,
	},
	{
		.peer = PROC_GATE,
		.rules = frontend_rules,
		.nrules = 1,
		.up = signer_up,
		.down = signer_down,
	},
};

static void
signer_up(struct edge *edge)
{
	struct allowance	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		fatalx("no memory for an edge");
	rate_init(a, now_ms());
	edge->data = a;
}

static void
signer_down(struct edge *edge)
{
	free(edge->data);
	edge->data = NULL;
}

/* Each refusal counts, but the log is not for floods. */
static void
complain(const struct edge *edge, const char *why)
{
	uint64_t	 now = now_ms();

	count_refused++;
	if (complained != 0 && now - complained < COMPLAIN_MS) {
		unsaid++;
		return;
	}
	log_warnx("refused to sign for %s %u: %s (%llu more refused)",
	    process_name(edge->peer), edge->instance, why,
	    (unsigned long long)unsaid);
	complained = now;
	unsaid = 0;
}

static int
signer_sign(struct edge *edge, struct rbuf *r)
{
	struct wbuf	 w = { 0 };
	EVP_PKEY	*key;
	const uint8_t	*data;
	const char	*why;
	uint8_t		 spki[DIGEST_LEN], sig[SIGNATURE_MAX], kind;
	size_t		 len, siglen = 0;
	uint32_t	 id;

	id = rb_u32(r);
	kind = rb_enum(r, SIGN_KIND_MAX - 1);
	rb_digest(r, spki);
	data = rb_bytes(r, &len, 1, SIGNATURE_MAX);
	if (rb_end(r) == -1)
		return (-1);
	if (!rate_allows(edge->data, now_ms()))
		why = "too many in a second";
	else if ((key = key_find(spki)) == NULL)
		why = "no such key";
	else
		why = sign_make(key, kind, data, len, sig, &siglen);
	if (why != NULL) {
		complain(edge, why);
		siglen = 0;
	} else
		count_signed++;
	wb_u32(&w, id);
	wb_u8(&w, why == NULL);
	wb_bytes(&w, sig, siglen);
	/* It waits, with all its clients: better to be replaced at once. */
	if (edge_send(edge, IMSG_FRONTEND_SIGNED, &w) == -1)
		fatal("can't answer %s %u", process_name(edge->peer),
		    edge->instance);
	return (0);
}

static int
signer_config(struct rbuf *r)
{
	uint32_t	 i, n;

	if ((n = rb_u32(r)) > NAMES_MAX)
		return (-1);
	for (i = 0; i < n; i++) {
		rb_str(r, names.text[i], sizeof(names.text[i]));
		if (names.text[i][0] == '\0')
			return (-1);
	}
	names.n = n;
	return (rb_end(r));
}

static void
signer_secrets(void)
{
	secret_openssl(LOCKED_HEAP);
	key_load(&names);
}

static void
signer_day(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	key_warn();
}

/* Certificates are looked at now and each day from now on. */
static void
signer_run(void)
{
	struct timeval	 tv = { .tv_sec = DAY };
	struct event	*ev;

	key_warn();
	if ((ev = event_new(base, -1, EV_PERSIST, signer_day, NULL)) == NULL ||
	    event_add(ev, &tv) == -1)
		fatalx("no memory for events");
}

static void
signer_counters(struct wbuf *w)
{
	wb_str(w, "keys");
	wb_u64(w, key_count());
	wb_str(w, "signed");
	wb_u64(w, count_signed);
	wb_str(w, "refused");
	wb_u64(w, count_refused);
}

static const struct process processes[] = {
	{
		.kind = PROC_SIGNER,
		.edges = edges,
		.nedges = sizeof(edges) / sizeof(edges[0]),
		.config = signer_config,
		.descriptor = key_add_fd,
		.secrets = signer_secrets,
		.run = signer_run,
		.counters = signer_counters,
	},
};

int
main(int argc, char *argv[])
{
	process_main(processes, 1, argc, argv);
}

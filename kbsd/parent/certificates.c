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
 * What the configuration says of TLS: several certificates, of which a client
 * gets the one for the name that it asks for, and listeners that want one of
 * the client, too.
 */

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "parent.h"

void
certificate_add(struct config *conf, char *cert, char *key)
{
	struct certificate	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal("calloc");
	c->cert = cert;
	c->key = key;
	TAILQ_INSERT_TAIL(&conf->certificates, c, entry);
}

void
certificates_free(struct config *conf)
{
	struct certificate	*c;

	while ((c = TAILQ_FIRST(&conf->certificates)) != NULL) {
		TAILQ_REMOVE(&conf->certificates, c, entry);
		free(c->cert);
		free(c->key);
		free(c);
	}
}

static int
is_repeated(const struct config *conf, const struct certificate *last)
{
	const struct certificate	*c;

	TAILQ_FOREACH(c, &conf->certificates, entry) {
		if (c == last)
			break;
		if (strcmp(c->cert, last->cert) == 0)
			return (1);
	}
	return (0);
}

int
certificates_check(const struct config *conf)
{
	const struct certificate	*c;
	const struct listener		*l;
	unsigned int			 n = 0;
	int				 bad = 0;

	TAILQ_FOREACH(c, &conf->certificates, entry) {
		if (is_repeated(conf, c)) {
			log_warnx("tls certificate \"%s\" is set twice",
			    c->cert);
			bad = -1;
		}
		if (n++ == CERTIFICATES_MAX) {
			log_warnx("tls certificate \"%s\": there are more "
			    "than %d", c->cert, CERTIFICATES_MAX);
			bad = -1;
		}
	}
	TAILQ_FOREACH(l, &conf->listeners, entry)
		if (l->client_crl != NULL && l->client_ca == NULL) {
			log_warnx("listen on %s port %s: client crl without "
			    "client ca", l->address, l->port);
			bad = -1;
		}
	return (bad);
}

void
certificates_print(const struct config *conf)
{
	const struct certificate	*c;

	TAILQ_FOREACH(c, &conf->certificates, entry) {
		printf("tls certificate ");
		print_quoted(c->cert);
		print_key(" key ", c->key);
	}
	if (conf->watch == 0)
		printf("tls watch off\n");
	else
		printf("tls watch %us\n", conf->watch);
}

void
listener_print(const struct listener *l)
{
	static const char *const	 roles[] = { "all", "admin",
					    "transfer" };

	if (l->role == ROLE_METRICS) {
		printf("metrics on ");
		print_quoted(l->address);
		printf(" port %s%s\n", l->port, l->insecure ? " insecure" :
		    "");
		return;
	}
	printf("listen on ");
	print_quoted(l->address);
	printf(" port %s role %s", l->port, roles[l->role]);
	if (l->client_ca != NULL) {
		printf(" client ca ");
		print_quoted(l->client_ca);
	}
	if (l->client_crl != NULL) {
		printf(" client crl ");
		print_quoted(l->client_crl);
	}
	putchar('\n');
}

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
 * The configuration as a whole: defaults and checks.  Blocks that have more to
 * them than a line are in files of their own, named for them.
 */

#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

struct config *
config_new(void)
{
	struct config	*conf;

	if ((conf = calloc(1, sizeof(*conf))) == NULL)
		fatal("calloc");
	TAILQ_INIT(&conf->listeners);
	TAILQ_INIT(&conf->certificates);
	TAILQ_INIT(&conf->tls_names);
	TAILQ_INIT(&conf->idps);
	TAILQ_INIT(&conf->attestations);
	TAILQ_INIT(&conf->keystores);
	TAILQ_INIT(&conf->sinks);
	conf->prefork = 2;
	conf->attempts = 5;
	conf->interval = 300;
	conf->lockout = 900;
	conf->lifetime = 300;
	limits_default(conf->limits);
	conf->watch = 60;
	conf->refs = 1;
	return (conf);
}

struct config *
config_ref(struct config *conf)
{
	conf->refs++;
	return (conf);
}

static const struct {
	const char	*name;
	int		 number;
} facilities[] = {
	{ "auth", LOG_AUTH }, { "authpriv", LOG_AUTHPRIV },
	{ "daemon", LOG_DAEMON }, { "user", LOG_USER },
	{ "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 }, { "local3", LOG_LOCAL3 },
	{ "local4", LOG_LOCAL4 }, { "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 }, { "local7", LOG_LOCAL7 },
};

#define NFACILITIES	(sizeof(facilities) / sizeof(facilities[0]))

static const char *const formats[LOG_FORMAT_MAX] = {
	[LOG_FORMAT_PLAIN] = "plain",
	[LOG_FORMAT_KEYS] = "key=value",
	[LOG_FORMAT_JSON] = "json",
};

int
facility_number(const char *name)
{
	size_t	 i;

	for (i = 0; i < NFACILITIES; i++)
		if (strcmp(facilities[i].name, name) == 0)
			return (facilities[i].number);
	return (-1);
}

const char *
facility_name(int number)
{
	size_t	 i = 0;

	while (i < NFACILITIES - 1 && facilities[i].number != number)
		i++;
	return (facilities[i].name);
}

int
format_number(const char *name)
{
	int	 i;

	for (i = 0; i < LOG_FORMAT_MAX; i++)
		if (strcmp(formats[i], name) == 0)
			return (i);
	return (-1);
}

const char *
format_name(int format)
{
	return (formats[format]);
}

int
words_add(struct words *words, const char *text)
{
	struct word	*w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return (-1);
	if ((w->text = strdup(text)) == NULL) {
		free(w);
		return (-1);
	}
	TAILQ_INSERT_TAIL(words, w, entry);
	return (0);
}

const char *
credential_name(const char *path)
{
	size_t	 len = strlen(CREDENTIAL_PREFIX);

	return (path != NULL && strncmp(path, CREDENTIAL_PREFIX, len) == 0 ?
	    path + len : NULL);
}

void
words_free(struct words *words)
{
	struct word	*w;

	while ((w = TAILQ_FIRST(words)) != NULL) {
		TAILQ_REMOVE(words, w, entry);
		free(w->text);
		free(w);
	}
}

void
config_free(struct config *conf)
{
	struct listener		*l;
	struct attestation	*a;
	struct audit_sink	*s;
	struct keystore		*k;

	if (conf == NULL || --conf->refs > 0)
		return;
	while ((l = TAILQ_FIRST(&conf->listeners)) != NULL) {
		TAILQ_REMOVE(&conf->listeners, l, entry);
		if (l->fd != -1)
			close(l->fd);
		free(l->address);
		free(l->client_ca);
		free(l->client_crl);
		free(l);
	}
	while ((a = TAILQ_FIRST(&conf->attestations)) != NULL) {
		TAILQ_REMOVE(&conf->attestations, a, entry);
		attestation_free(a);
	}
	while ((k = TAILQ_FIRST(&conf->keystores)) != NULL) {
		TAILQ_REMOVE(&conf->keystores, k, entry);
		keystore_free(k);
	}
	certificates_free(conf);
	idps_free(conf);
	words_free(&conf->tls_names);
	free(conf->directory);
	free(conf->control_path);
	free(conf->control_group);
	free(conf->administrator);
	free(conf->admin_password);
	free(conf->recipient);
	free(conf->audit_path);
	free(conf->user);
	free(conf->keyuser);
	while ((s = TAILQ_FIRST(&conf->sinks)) != NULL) {
		TAILQ_REMOVE(&conf->sinks, s, entry);
		free(s->path);
		free(s);
	}
	free(conf);
}

char *
conf_join(const char *a, const char *b)
{
	char	*text;

	if (asprintf(&text, "%s%s", a, b) == -1)
		fatal("asprintf");
	return (text);
}

void
conf_default(char **where, const char *value)
{
	if (*where == NULL && (*where = strdup(value)) == NULL)
		fatal("strdup");
}

/* The variable is what other programs go by, too. */
const char *
conf_ca(void)
{
	const char	*file = getenv("SSL_CERT_FILE");

	return (file != NULL && file[0] == '/' ? file :
	    "/etc/ssl/certs/ca-certificates.crt");
}

static void
default_listener(struct config *conf)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &conf->listeners, entry)
		if (l->role != ROLE_METRICS)
			return;
	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("calloc");
	conf_default(&l->address, "127.0.0.1");
	strlcpy(l->port, "9443", sizeof(l->port));
	l->role = ROLE_ALL;
	l->fd = -1;
	TAILQ_INSERT_TAIL(&conf->listeners, l, entry);
}

static void
default_tls_names(struct config *conf)
{
	static const char *const	 here[] = { "localhost", "127.0.0.1",
					    "::1" };
	char				 host[256];
	size_t				 i;

	if (!TAILQ_EMPTY(&conf->tls_names))
		return;
	if (gethostname(host, sizeof(host)) == 0) {
		host[sizeof(host) - 1] = '\0';
		if (words_add(&conf->tls_names, host) == -1)
			fatal("tls names");
	}
	for (i = 0; i < sizeof(here) / sizeof(here[0]); i++)
		if (words_add(&conf->tls_names, here[i]) == -1)
			fatal("tls names");
}

int
conf_loopback(const char *host)
{
	size_t	 len = strcspn(host, ":/");

	return (strncmp(host, "[::1]", 5) == 0 || (len == 9 &&
	    strncmp(host, "localhost", len) == 0) ||
	    (strncmp(host, "127.", 4) == 0 &&
	    strspn(host, "0123456789.") == len));
}

/* What it tells is no secret, but nobody's business. */
static int
check_metrics(const struct listener *l)
{
	if (l->role != ROLE_METRICS || l->insecure ||
	    strcmp(l->address, "::1") == 0 || conf_loopback(l->address))
		return (0);
	log_warnx("metrics on %s: this is no loopback address, and there is "
	    "no TLS nor password: the word `insecure' takes it all the same",
	    l->address);
	return (-1);
}

static int
check_limits(const struct config *conf)
{
	const uint32_t	*l = conf->limits;

	if (l[LIMIT_ADDRESS_CONNECTIONS] <= l[LIMIT_CONNECTIONS])
		return (0);
	log_warnx("limits: one address may have more connections than there "
	    "are");
	return (-1);
}

uint32_t
config_limit(const struct config *conf, int limit)
{
	if (limit == LIMIT_ADDRESS_CONNECTIONS && conf->limits[limit] == 0)
		return (conf->limits[LIMIT_CONNECTIONS] < 32 ? 8 :
		    conf->limits[LIMIT_CONNECTIONS] / 4);
	return (conf->limits[limit]);
}

int
config_finish(struct config *conf)
{
	const struct listener	*l;
	int			 bad = 0;

	if (conf->directory == NULL)
		conf->directory = config_directory();
	if (conf->directory[0] != '/') {
		log_warnx("directory \"%s\" must begin with /",
		    conf->directory);
		bad = -1;
	}
	if (conf->control_path == NULL)
		conf->control_path = config_control(conf);
	if (conf->audit_path == NULL)
		conf->audit_path = conf_join(conf->directory, "/audit.log");
	conf_default(&conf->user, "_kbsd");
	conf_default(&conf->keyuser, "_kbsdkey");
	TAILQ_FOREACH(l, &conf->listeners, entry)
		bad |= check_metrics(l);
	bad |= check_limits(conf);
	default_listener(conf);
	keystore_default(conf);
	default_tls_names(conf);
	bad |= certificates_check(conf);
	bad |= idps_check(conf);
	bad |= attestations_finish(conf);
	return (bad | keystores_check(conf));
}

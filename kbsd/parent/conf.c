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

/* The configuration as a whole: defaults and checks. */

#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"
#include "sandbox.h"

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

static void
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

void
keystore_init(struct keystore *k)
{
	TAILQ_INIT(&k->urls);
	TAILQ_INIT(&k->reads);
	TAILQ_INIT(&k->writes);
	TAILQ_INIT(&k->environment);
}

static void
keystore_free(struct keystore *k)
{
	free(k->name);
	free(k->master_key);
	words_free(&k->urls);
	free(k->mount);
	free(k->namespace);
	free(k->role_id);
	free(k->login);
	free(k->secret);
	free(k->ca);
	free(k->server);
	free(k->tls_name);
	free(k->username);
	free(k->protocols);
	free(k->cert);
	free(k->key);
	free(k->module);
	free(k->token);
	free(k->kek);
	words_free(&k->reads);
	words_free(&k->writes);
	words_free(&k->environment);
	free(k);
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

static char *
join(const char *a, const char *b)
{
	char	*text;

	if (asprintf(&text, "%s%s", a, b) == -1)
		fatal("asprintf");
	return (text);
}

static void
set_default(char **where, const char *value)
{
	if (*where == NULL && (*where = strdup(value)) == NULL)
		fatal("strdup");
}

/* The variable is what other programs go by, too. */
static const char *
default_ca(void)
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
	set_default(&l->address, "127.0.0.1");
	strlcpy(l->port, "9443", sizeof(l->port));
	l->role = ROLE_ALL;
	l->fd = -1;
	TAILQ_INSERT_TAIL(&conf->listeners, l, entry);
}

static void
default_keystore(struct config *conf)
{
	struct keystore	*k;

	if (!TAILQ_EMPTY(&conf->keystores))
		return;
	if ((k = calloc(1, sizeof(*k))) == NULL)
		fatal("calloc");
	set_default(&k->name, "local");
	k->type = KEYSTORE_LOCAL;
	keystore_init(k);
	TAILQ_INSERT_TAIL(&conf->keystores, k, entry);
}

static void
default_tls_names(struct config *conf)
{
	char	 host[256];

	if (!TAILQ_EMPTY(&conf->tls_names))
		return;
	if (gethostname(host, sizeof(host)) == 0) {
		host[sizeof(host) - 1] = '\0';
		words_add(&conf->tls_names, host);
	}
	words_add(&conf->tls_names, "localhost");
	words_add(&conf->tls_names, "127.0.0.1");
	words_add(&conf->tls_names, "::1");
}

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

/* They become part of paths and of a header. */
static int
check_path(const struct keystore *k, const char *what, const char *text)
{
	size_t	 len = text == NULL ? 1 : strlen(text);

	if (text == NULL || (len > 0 && len < 256 && text[0] != '/' &&
	    text[len - 1] != '/' && strstr(text, "..") == NULL &&
	    strstr(text, "//") == NULL && strspn(text, "abcdefghijklmnopqrst"
	    "uvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") == len))
		return (0);
	log_warnx("keystore \"%s\": %s \"%s\": only letters, digits, '-', "
	    "'_', '.', and '/' between them", k->name, what, text);
	return (-1);
}

static int
is_loopback(const char *host)
{
	size_t	 len = strcspn(host, ":/");

	return (strncmp(host, "[::1]", 5) == 0 || (len == 9 &&
	    strncmp(host, "localhost", len) == 0) ||
	    (strncmp(host, "127.", 4) == 0 &&
	    strspn(host, "0123456789.") == len));
}

/* Tokens and keys go in the clear only where the operator says so. */
static int
check_server(const struct keystore *k, const char *url)
{
	int	 plain = strncmp(url, "http://", 7) == 0;

	if ((!plain && strncmp(url, "https://", 8) != 0) ||
	    strpbrk(url, " \t\"#@?") != NULL) {
		log_warnx("keystore \"%s\": url \"%s\" is no plain https "
		    "URL", k->name, url);
		return (-1);
	}
	if (!plain || is_loopback(url + 7))
		return (0);
	if (!k->insecure) {
		log_warnx("keystore \"%s\": url \"%s\" is not https: token "
		    "and keys could be read on the way; the word `insecure' "
		    "takes it all the same", k->name, url);
		return (-1);
	}
	log_warnx("keystore \"%s\": token and keys go to %s in the clear",
	    k->name, url);
	return (0);
}

static int
check_vault(struct keystore *k)
{
	const struct word	*w;
	int			 bad = 0;

	set_default(&k->mount, "keybroker");
	set_default(&k->login, "approle");
	set_default(&k->ca, default_ca());
	if (TAILQ_EMPTY(&k->urls)) {
		log_warnx("keystore \"%s\": url is missing", k->name);
		bad = -1;
	}
	TAILQ_FOREACH(w, &k->urls, entry)
		bad |= check_server(k, w->text);
	bad |= check_path(k, "mount", k->mount);
	bad |= check_path(k, "namespace", k->namespace);
	bad |= check_path(k, "approle mount", k->login);
	bad |= check_path(k, "approle", k->role_id);
	if (k->secret == NULL) {
		log_warnx("keystore \"%s\": token file or approle is missing",
		    k->name);
		bad = -1;
	}
	return (bad);
}

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
	a->proxy = join(strstr(proxy, "://") == NULL ? "http://" : "", proxy);
}

static int
check_kmip(struct keystore *k)
{
	const struct {
		const char	*what;
		const char	*value;
	} required[] = {
		{ "server", k->server }, { "certificate", k->cert },
		{ "ca", k->ca },
	};
	size_t	 i;
	int	 bad = 0;

	set_default(&k->protocols, "tlsv1.2,tlsv1.3");
	for (i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		if (required[i].value == NULL) {
			log_warnx("keystore \"%s\": %s is missing", k->name,
			    required[i].what);
			bad = -1;
		}
	if (strcmp(k->protocols, "tlsv1.2,tlsv1.3") != 0 &&
	    strcmp(k->protocols, "tlsv1.3") != 0 &&
	    strcmp(k->protocols, "tlsv1.2") != 0) {
		log_warnx("keystore \"%s\": tls \"%s\": not tlsv1.2, tlsv1.3 "
		    "or tlsv1.2,tlsv1.3", k->name, k->protocols);
		bad = -1;
	}
	if (k->version != 0 && k->version != 14 && k->version != 20) {
		log_warnx("keystore \"%s\": version is not 1.4 or 2.0",
		    k->name);
		bad = -1;
	}
	return (bad);
}

/* The kms opens them by these names. */
static int
check_absolute(const struct keystore *k, const char *what, const char *path)
{
	if (path == NULL)
		log_warnx("keystore \"%s\": %s is missing", k->name, what);
	else if (path[0] != '/')
		log_warnx("keystore \"%s\": %s \"%s\" must begin with /",
		    k->name, what, path);
	else
		return (0);
	return (-1);
}

/* A token's label has 32 characters in PKCS#11. */
static int
check_label(const struct keystore *k, const char *what, const char *label)
{
	if (label != NULL && label[0] != '\0' && strlen(label) <= LABEL_MAX)
		return (0);
	log_warnx("keystore \"%s\": %s must be a label of 1 to %d characters",
	    k->name, what, LABEL_MAX);
	return (-1);
}

static int
check_variable(const struct keystore *k, const char *text)
{
	size_t	 len = strspn(text, "abcdefghijklmnopqrstuvwxyz"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	if (len > 0 && text[len] == '=' && strspn(text, "0123456789") == 0)
		return (0);
	log_warnx("keystore \"%s\": environment \"%s\" is not NAME=value",
	    k->name, text);
	return (-1);
}

static int
check_pkcs11(struct keystore *k)
{
	const struct word	*w;
	int			 n = 0, bad = 0;

	set_default(&k->kek, "kbsd");
	bad |= check_absolute(k, "module", k->module);
	bad |= check_label(k, "token", k->token);
	bad |= check_label(k, "key", k->kek);
	if (k->secret == NULL) {
		log_warnx("keystore \"%s\": pin file is missing", k->name);
		bad = -1;
	}
	TAILQ_FOREACH(w, &k->reads, entry) {
		bad |= check_absolute(k, "read", w->text);
		n++;
	}
	TAILQ_FOREACH(w, &k->writes, entry) {
		bad |= check_absolute(k, "write", w->text);
		n++;
	}
	if (n > SANDBOX_PATHS) {
		log_warnx("keystore \"%s\": read and write: there are more "
		    "than %d", k->name, SANDBOX_PATHS);
		bad = -1;
	}
	TAILQ_FOREACH(w, &k->environment, entry)
		bad |= check_variable(k, w->text);
	return (bad);
}

/* What it tells is no secret, but nobody's business. */
static int
check_metrics(const struct listener *l)
{
	if (l->role != ROLE_METRICS || l->insecure ||
	    strcmp(l->address, "::1") == 0 || is_loopback(l->address))
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

static int
check_attestation(const struct attestation *a)
{
	if (issuer_is(a))
		return (issuer_check(a));
	return (a->kind == FETCHER_SERVICE ? check_service(a) :
	    check_local(a));
}

static int
finish_attestations(struct config *conf)
{
	struct attestation	*a;
	int			 bad = 0;

	TAILQ_FOREACH(a, &conf->attestations, entry) {
		if (local_kinds[a->kind].from != NULL &&
		    a->collateral_dir == NULL)
			set_default(&a->collateral,
			    local_kinds[a->kind].from);
		if (a->collateral_dir == NULL && a->jwks == NULL)
			set_default(&a->ca, default_ca());
		default_proxy(a);
		bad |= check_attestation(a);
	}
	order_attestations(conf);
	return (bad | issuer_unique(conf));
}

int
config_finish(struct config *conf)
{
	const struct listener	*l;
	struct keystore		*k;
	unsigned int		 n = 0;
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
		conf->audit_path = join(conf->directory,
		    "/audit.log");
	set_default(&conf->user, "_kbsd");
	set_default(&conf->keyuser, "_kbsdkey");
	TAILQ_FOREACH(l, &conf->listeners, entry)
		bad |= check_metrics(l);
	bad |= check_limits(conf);
	default_listener(conf);
	default_keystore(conf);
	default_tls_names(conf);
	bad |= certificates_check(conf);
	bad |= idps_check(conf);
	bad |= finish_attestations(conf);
	TAILQ_FOREACH(k, &conf->keystores, entry) {
		if (k->type == KEYSTORE_VAULT)
			bad |= check_vault(k);
		if (k->type == KEYSTORE_KMIP)
			bad |= check_kmip(k);
		if (k->type == KEYSTORE_PKCS11)
			bad |= check_pkcs11(k);
		if (n++ == KEYSTORES_MAX) {
			log_warnx("keystore \"%s\": there are more than %d",
			    k->name, KEYSTORES_MAX);
			bad = -1;
		}
	}
	return (bad);
}

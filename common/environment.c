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

/* One table says what becomes of each variable. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "environment.h"

/* What is taken; the table goes on with what is not. */
enum name {
	LOG_LEVEL, SERVICE_PORT, SAN_LIST,
	ADMIN_USERNAME, ADMIN_PASSWORD,
	TOKEN_MINUTES, ATTEMPTS, INTERVAL, LOCKOUT,
	ITA_API_URL, ITA_BASE_URL, ITA_API_KEY, PROXY_HTTPS, PROXY_HTTP,
	KEY_MANAGER, VAULT_SERVER, VAULT_PORT, VAULT_TOKEN,
	KMIP_SERVER, KMIP_PORT, KMIP_NAME, KMIP_VERSION, KMIP_USER,
	KMIP_PASSWORD, KMIP_CERT, KMIP_KEY, KMIP_CA
};

static const struct {
	const char	*text;
	const char	*less;		/* NULL, or why it is not taken */
} names[] = {
	[LOG_LEVEL] = { "LOG_LEVEL", NULL },
	[SERVICE_PORT] = { "SERVICE_PORT", NULL },
	[SAN_LIST] = { "SAN_LIST", NULL },
	[ADMIN_USERNAME] = { "ADMIN_USERNAME", NULL },
	[ADMIN_PASSWORD] = { "ADMIN_PASSWORD", NULL },
	[TOKEN_MINUTES] = { "BEARER_TOKEN_VALIDITY_IN_MINUTES", NULL },
	[ATTEMPTS] = { "AUTHENTICATION_DEFEND_MAX_ATTEMPTS", NULL },
	[INTERVAL] = { "AUTHENTICATION_DEFEND_INTERVAL_MINUTES", NULL },
	[LOCKOUT] = { "AUTHENTICATION_DEFEND_LOCKOUT_MINUTES", NULL },
	[ITA_API_URL] = { "TRUSTAUTHORITY_API_URL", NULL },
	[ITA_BASE_URL] = { "TRUSTAUTHORITY_BASE_URL", NULL },
	[ITA_API_KEY] = { "TRUSTAUTHORITY_API_KEY", NULL },
	[PROXY_HTTPS] = { "https_proxy", NULL },
	[PROXY_HTTP] = { "http_proxy", NULL },
	[KEY_MANAGER] = { "KEY_MANAGER", NULL },
	[VAULT_SERVER] = { "VAULT_SERVER_IP", NULL },
	[VAULT_PORT] = { "VAULT_SERVER_PORT", NULL },
	[VAULT_TOKEN] = { "VAULT_CLIENT_TOKEN", NULL },
	[KMIP_SERVER] = { "KMIP_SERVER_IP", NULL },
	[KMIP_PORT] = { "KMIP_SERVER_PORT", NULL },
	[KMIP_NAME] = { "KMIP_HOSTNAME", NULL },
	[KMIP_VERSION] = { "KMIP_VERSION", NULL },
	[KMIP_USER] = { "KMIP_USERNAME", NULL },
	[KMIP_PASSWORD] = { "KMIP_PASSWORD", NULL },
	[KMIP_CERT] = { "KMIP_CLIENT_CERT_PATH", NULL },
	[KMIP_KEY] = { "KMIP_CLIENT_KEY_PATH", NULL },
	[KMIP_CA] = { "KMIP_ROOT_CERT_PATH", NULL },
	{ "HTTP_READ_HEADER_TIMEOUT", "a head has 10 seconds, always" },
};

#define NNAMES	(sizeof(names) / sizeof(names[0]))

static const enum name	 secrets[] = { ADMIN_PASSWORD, ITA_API_KEY,
			    VAULT_TOKEN, KMIP_PASSWORD };

enum file { FILE_PASSWORD, FILE_API_KEY, FILE_VAULT, FILE_KMIP, FILE_CONF,
	FILE_MAX };

static const char *const	 files[FILE_MAX] = {
	[FILE_PASSWORD] = "admin.password",
	[FILE_API_KEY] = "ita.key",
	[FILE_VAULT] = "vault.token",
	[FILE_KMIP] = "kmip.password",
	[FILE_CONF] = ENVIRONMENT_CONF,
};

struct environment {
	const char	*directory;
	int		 daemon;	/* it starts with this now */
	char		 values[NNAMES][ENVIRONMENT_VALUE_MAX];	/* "": none */
	struct wbuf	 w[FILE_MAX];
	char		 why[ENVIRONMENT_WHY];	/* "": nothing is wrong */
};

struct environment *
environment_new(void)
{
	return (calloc(1, sizeof(struct environment)));
}

void
environment_free(struct environment *e)
{
	size_t	 i;

	if (e == NULL)
		return;
	for (i = 0; i < FILE_MAX; i++)
		wb_free(&e->w[i]);
	freezero(e, sizeof(*e));
}

/* Only the first thing that is wrong. */
static void __attribute__((format(printf, 2, 3)))
wrong(struct environment *e, const char *fmt, ...)
{
	va_list	 ap;

	if (e->why[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(e->why, sizeof(e->why), fmt, ap);
	va_end(ap);
}

const char *
environment_set(struct environment *e, const char *name, const char *value)
{
	size_t	 i;

	for (i = 0; i < NNAMES && strcmp(names[i].text, name) != 0; i++)
		continue;
	if (i == NNAMES)
		return ("is not known");
	if (strlcpy(e->values[i], value, ENVIRONMENT_VALUE_MAX) >=
	    ENVIRONMENT_VALUE_MAX)
		return ("is too long");
	if (strpbrk(e->values[i], "\"\\\n\r") != NULL)
		return ("has a quote or a backslash in it");
	return (NULL);
}

int
environment_any(const struct environment *e)
{
	return (e->values[ITA_API_URL][0] != '\0' ||
	    e->values[ADMIN_USERNAME][0] != '\0' ||
	    e->values[KEY_MANAGER][0] != '\0');
}

/* --- the configuration --------------------------------------------------- */

static void
put(struct environment *e, const char *text)
{
	wb_raw(&e->w[FILE_CONF], text, strlen(text));
}

/* A line with the value in its middle, when there is one. */
static void
put_value(struct environment *e, const char *before, enum name name,
    const char *after)
{
	if (e->values[name][0] == '\0')
		return;
	put(e, before);
	put(e, e->values[name]);
	put(e, after);
}

static void
put_path(struct environment *e, const char *before, const char *name,
    const char *after)
{
	put(e, before);
	put(e, e->directory);
	put(e, "/");
	put(e, name);
	put(e, after);
}

/* The value alone, as a file or a credential that the configuration names. */
static void
put_secret(struct environment *e, const char *before, enum name name,
    enum file file)
{
	put(e, before);
	if (e->daemon) {
		put(e, "credential \"");
		put(e, files[file]);
		put(e, "\"\n");
	} else
		put_path(e, "file \"", files[file], "\"\n");
	wb_raw(&e->w[file], e->values[name], strlen(e->values[name]));
	wb_raw(&e->w[file], "\n", 1);
}

static unsigned int
number(struct environment *e, enum name name, unsigned int least,
    unsigned int most, unsigned int otherwise)
{
	const char	*why, *value = e->values[name];
	unsigned int	 n;

	if (value[0] == '\0')
		return (otherwise);
	n = (unsigned int)strtonum(value, least, most, &why);
	if (why != NULL)
		wrong(e, "%s=%s: %s: it must be %u to %u", names[name].text,
		    value, why, least, most);
	return (n);
}

static void
put_names(struct environment *e)
{
	char	*rest = e->values[SAN_LIST], *name;

	if (rest[0] == '\0')
		return;
	put(e, "tls names");
	while ((name = strsep(&rest, ", ")) != NULL)
		if (name[0] != '\0') {
			put(e, " \"");
			put(e, name);
			put(e, "\"");
		}
	put(e, "\n");
}

static void
put_login(struct environment *e)
{
	char	 text[160];

	(void)snprintf(text, sizeof(text), "login { attempts %u within %um "
	    "lockout %um token lifetime %um }\n",
	    number(e, ATTEMPTS, 1, 1000, 5),
	    number(e, INTERVAL, 1, 1440, 5),
	    number(e, LOCKOUT, 1, 1440, 15),
	    number(e, TOKEN_MINUTES, 1, 30, 5));
	put(e, text);
}

static void
put_administrator(struct environment *e)
{
	if (e->values[ADMIN_USERNAME][0] == '\0')
		return;
	if (e->values[ADMIN_PASSWORD][0] == '\0')
		wrong(e, "ADMIN_USERNAME is there, but no ADMIN_PASSWORD");
	put_value(e, "administrator \"", ADMIN_USERNAME, "\"");
	put_secret(e, " password ", ADMIN_PASSWORD, FILE_PASSWORD);
}

static void
put_attestation(struct environment *e)
{
	if (e->values[ITA_API_URL][0] == '\0')
		return;
	if (e->values[ITA_BASE_URL][0] == '\0' ||
	    e->values[ITA_API_KEY][0] == '\0')
		wrong(e, "TRUSTAUTHORITY_API_URL is there, but no "
		    "TRUSTAUTHORITY_BASE_URL or TRUSTAUTHORITY_API_KEY");
	put(e, "attestation \"ita\" {\n");
	put_value(e, "\ttrust authority api \"", ITA_API_URL, "\"\n");
	put_value(e, "\tbase \"", ITA_BASE_URL, "\"\n");
	put_secret(e, "\tapi key ", ITA_API_KEY, FILE_API_KEY);
	put_path(e, "\troot \"", "ita-root.pem", e->daemon ? "\" pin\n" :
	    "\"\n");
	/* With the environment itself kbsd looks at it, and at no_proxy. */
	if (!e->daemon)
		put_value(e, "\tproxy \"", e->values[PROXY_HTTPS][0] !=
		    '\0' ? PROXY_HTTPS : PROXY_HTTP, "\"\n");
	put(e, "}\n");
}

/* That server speaks plain http with its Vault. */
static void
put_vault(struct environment *e)
{
	const char	*host = e->values[VAULT_SERVER];
	char		 text[ENVIRONMENT_VALUE_MAX + 64];
	int		 whole = strstr(host, "://") != NULL;

	if (host[0] == '\0' || e->values[VAULT_TOKEN][0] == '\0')
		wrong(e, "KEY_MANAGER is Vault, but there is no "
		    "VAULT_SERVER_IP or VAULT_CLIENT_TOKEN");
	(void)snprintf(text, sizeof(text), "keystore \"vault\" vault {\n"
	    "\turl \"%s%s:%u\"\n%s", whole ? "" : "http://", host,
	    number(e, VAULT_PORT, 1, 65535, 8200),
	    strncmp(host, "https://", 8) == 0 ? "" : "\tinsecure\n");
	put(e, text);
	put_secret(e, "\ttoken ", VAULT_TOKEN, FILE_VAULT);
	put(e, "}\n");
}

static void
put_kmip(struct environment *e)
{
	static const enum name	 required[] = { KMIP_SERVER, KMIP_CERT,
				    KMIP_KEY, KMIP_CA };
	char			 text[32];
	size_t			 i;

	for (i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		if (e->values[required[i]][0] == '\0')
			wrong(e, "KEY_MANAGER is KMIP, but there is no %s",
			    names[required[i]].text);
	put_value(e, "keystore \"kmip\" kmip {\n\tserver \"", KMIP_SERVER,
	    "\"");
	(void)snprintf(text, sizeof(text), " port %u\n",
	    number(e, KMIP_PORT, 1, 65535, 5696));
	put(e, text);
	put_value(e, "\tserver name \"", KMIP_NAME, "\"\n");
	put_value(e, "\tversion \"", KMIP_VERSION, "\"\n");
	put_value(e, "\tcertificate \"", KMIP_CERT, "\"");
	put_value(e, " key \"", KMIP_KEY, "\"\n");
	put_value(e, "\tca \"", KMIP_CA, "\"\n");
	/* That server sends none without both. */
	if (e->values[KMIP_USER][0] != '\0' &&
	    e->values[KMIP_PASSWORD][0] != '\0') {
		put_value(e, "\tuser \"", KMIP_USER, "\"");
		put_secret(e, " password ", KMIP_PASSWORD, FILE_KMIP);
	}
	put(e, "}\n");
}

static void
put_keystore(struct environment *e)
{
	const char	*manager = e->values[KEY_MANAGER];

	if (manager[0] == '\0')
		manager = e->values[VAULT_SERVER][0] != '\0' ? "vault" :
		    e->values[KMIP_SERVER][0] != '\0' ? "kmip" : "";
	if (strcasecmp(manager, "vault") == 0)
		put_vault(e);
	else if (strcasecmp(manager, "kmip") == 0)
		put_kmip(e);
	else if (manager[0] != '\0')
		wrong(e, "KEY_MANAGER=%s: it must be Vault or KMIP", manager);
}

int
environment_convert(struct environment *e, const char *directory, int daemon,
    char *why, size_t whysize)
{
	char	 text[64];
	size_t	 i;

	e->directory = directory;
	e->daemon = daemon;
	if (directory[0] != '/' || strpbrk(directory, "\"\\\n") != NULL)
		wrong(e, "%s: an absolute path is wanted", directory);
	put(e, "# Made of the environment of the reference server.\n");
	if (strcasecmp(e->values[LOG_LEVEL], "debug") == 0)
		put(e, "verbose 1\n");
	if (strcasecmp(e->values[LOG_LEVEL], "trace") == 0)
		put(e, "verbose 2\n");
	(void)snprintf(text, sizeof(text), "listen on * port %u\n",
	    number(e, SERVICE_PORT, 1, 65535, 9443));
	put(e, text);
	put_names(e);
	put_administrator(e);
	put_login(e);
	put_attestation(e);
	put_keystore(e);
	for (i = 0; i < FILE_MAX; i++)
		if (e->w[i].failed)
			wrong(e, "no memory");
	(void)strlcpy(why, e->why, whysize);
	return (e->why[0] == '\0' ? 0 : -1);
}

const char *
environment_file(const struct environment *e, size_t n,
    const struct wbuf **w)
{
	if (n >= FILE_MAX)
		return (NULL);
	*w = &e->w[n];
	return (files[n]);
}

int
environment_wants_root(const struct environment *e)
{
	return (e->w[FILE_API_KEY].len > 0);
}

int
environment_secret(size_t n)
{
	size_t	 i;

	for (i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		if (secrets[i] == n)
			return (1);
	return (0);
}

const char *
environment_name(const struct environment *e, size_t n, int *set,
    const char **less)
{
	if (n >= NNAMES)
		return (NULL);
	*set = e->values[n][0] != '\0';
	*less = names[n].less;
	return (names[n].text);
}

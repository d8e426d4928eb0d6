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
 * The keystores of the configuration: what each type must have, what it has
 * by default, and what is no use in it.
 */

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "parent.h"
#include "sandbox.h"

void
keystore_init(struct keystore *k)
{
	TAILQ_INIT(&k->urls);
	TAILQ_INIT(&k->reads);
	TAILQ_INIT(&k->writes);
	TAILQ_INIT(&k->environment);
}

void
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
keystore_default(struct config *conf)
{
	struct keystore	*k;

	if (!TAILQ_EMPTY(&conf->keystores))
		return;
	if ((k = calloc(1, sizeof(*k))) == NULL)
		fatal("calloc");
	conf_default(&k->name, "local");
	k->type = KEYSTORE_LOCAL;
	keystore_init(k);
	TAILQ_INSERT_TAIL(&conf->keystores, k, entry);
}

/* --- vault ------------------------------------------------------------- */

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
	if (!plain || conf_loopback(url + 7))
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

	conf_default(&k->mount, "keybroker");
	conf_default(&k->login, "approle");
	conf_default(&k->ca, conf_ca());
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

/* --- kmip -------------------------------------------------------------- */

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

	conf_default(&k->protocols, "tlsv1.2,tlsv1.3");
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

/* --- pkcs11 ------------------------------------------------------------ */

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

int
keystore_is_module(const struct keystore *k)
{
	return (k->type == KEYSTORE_PKCS11 || k->type == KEYSTORE_TOKEN);
}

static int
check_pkcs11(struct keystore *k)
{
	const struct word	*w;
	int			 n = 0, bad = 0;

	bad |= check_absolute(k, "module", k->module);
	bad |= check_label(k, "token", k->token);
	if (k->type == KEYSTORE_PKCS11) {
		conf_default(&k->kek, "kbsd");
		bad |= check_label(k, "key", k->kek);
	} else if (k->kek != NULL) {
		log_warnx("keystore \"%s\": key is of keys outside the token: "
		    "not with `keys by token'", k->name);
		bad = -1;
	}
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

/* Tokens pad their labels with blanks: "t" and "t " are the same. */
static size_t
label_len(const char *label)
{
	size_t	 len = label == NULL ? 0 : strlen(label);

	while (len > 0 && label[len - 1] == ' ')
		len--;
	return (len);
}

/*
 * Each kms knows what is marked in its own database: a key that is released
 * on attestation only could be registered without the mark at another one that
 * has its token, by whatever module.
 */
static int
check_shared(const struct config *conf, const struct keystore *k)
{
	const struct keystore	*o;
	size_t			 len = label_len(k->token);

	TAILQ_FOREACH(o, &conf->keystores, entry) {
		if (o == k)
			return (0);
		if (o->type == KEYSTORE_TOKEN && len > 0 &&
		    label_len(o->token) == len &&
		    strncmp(o->token, k->token, len) == 0)
			break;
	}
	if (o == NULL)
		return (0);
	log_warnx("keystore \"%s\": keys by token: keystore \"%s\" has the "
	    "token \"%s\" already, and one alone may hold keys in it",
	    k->name, o->name, o->token);
	return (-1);
}

/* --- all --------------------------------------------------------------- */

int
keystores_check(struct config *conf)
{
	struct keystore	*k;
	unsigned int	 n = 0;
	int		 bad = 0;

	TAILQ_FOREACH(k, &conf->keystores, entry) {
		if (k->type == KEYSTORE_VAULT)
			bad |= check_vault(k);
		if (k->type == KEYSTORE_KMIP)
			bad |= check_kmip(k);
		if (keystore_is_module(k))
			bad |= check_pkcs11(k);
		if (k->type == KEYSTORE_TOKEN)
			bad |= check_shared(conf, k);
		if (n++ == KEYSTORES_MAX) {
			log_warnx("keystore \"%s\": there are more than %d",
			    k->name, KEYSTORES_MAX);
			bad = -1;
		}
	}
	return (bad);
}

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

/* The configuration as it was understood, in the language of its file. */

#include <sys/queue.h>

#include <stdio.h>

#include "parent.h"

/* In quotes, as the lexer takes them apart. */
void
print_quoted(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

void
print_word(const char *before, const char *value)
{
	if (value == NULL)
		return;
	printf("%s", before);
	print_quoted(value);
	putchar('\n');
}

/* `file "name"' or `credential "name"'. */
static void
print_secret(const char *before, const char *path)
{
	const char	*name = credential_name(path);

	if (path == NULL)
		return;
	printf("%s%s ", before, name == NULL ? "file" : "credential");
	print_quoted(name == NULL ? path : name);
	putchar('\n');
}

/* The same, where no word is needed before a file's name. */
void
print_key(const char *before, const char *path)
{
	const char	*name = credential_name(path);

	if (name == NULL)
		print_word(before, path);
	else
		print_secret(before, path);
}

/* Two words of one line, the second one of which may be missing. */
static void
print_words(const char *before, const char *value, const char *between,
    const char *second)
{
	printf("%s", before);
	print_quoted(value);
	if (second != NULL) {
		printf("%s", between);
		print_quoted(second);
	}
	putchar('\n');
}

void
print_list(const char *before, const struct words *words)
{
	const struct word	*w;

	TAILQ_FOREACH(w, words, entry)
		print_word(before, w->text);
}

static void
print_judge(const struct attestation *a)
{
	printf("attestation \"%s\" {\n\t%s\n", a->name, kind_word(a->kind));
	print_word("\tcollateral from ", a->collateral);
	print_word("\tcollateral directory ", a->collateral_dir);
	print_word("\troot ", a->root);
	print_word("\tca ", a->ca);
	print_word("\tproxy ", a->proxy);
	if (a->collateral != NULL)
		printf("\tretry wait %us to %us\n\trefetch %us\n",
		    a->retry_least / 1000, a->retry_most / 1000, a->refetch);
	printf("}\n");
}

static void
print_service(const struct attestation *a)
{
	printf("attestation \"%s\" {\n", a->name);
	print_word("\ttrust authority api ", a->api);
	print_word("\tbase ", a->base);
	print_secret("\tapi key ", a->api_key);
	printf("\tapi version %u\n", a->version);
	printf("\troot ");
	print_quoted(a->root);
	printf("%s\n", a->pin ? " pin" : "");
	print_word("\tca ", a->ca);
	print_word("\tissuer ", a->issuer);
	print_word("\taudience ", a->audience);
	print_word("\tproxy ", a->proxy);
	print_list("\tcrl host ", &a->crl_hosts);
	printf("\tretry wait %us to %us\n", a->retry_least / 1000,
	    a->retry_most / 1000);
	printf("\trefetch %us\n}\n", a->refetch);
}

static void
print_local(const struct keystore *k)
{
	printf("keystore \"%s\" local", k->name);
	if (k->master_key != NULL) {
		print_secret(" {\n\tmaster key ", k->master_key);
		putchar('}');
	}
	putchar('\n');
}

static void
print_cache(const struct keystore *k)
{
	if (k->cache != 0)
		printf("\tcache %us\n", k->cache);
}

static void
print_vault(const struct keystore *k)
{
	printf("keystore \"%s\" vault {\n", k->name);
	print_list("\turl ", &k->urls);
	print_word("\tmount ", k->mount);
	print_word("\tnamespace ", k->namespace);
	if (k->version != 0)
		printf("\tversion %u\n", k->version);
	if (k->role_id != NULL) {
		printf("\tapprole ");
		print_quoted(k->role_id);
		print_secret(" secret ", k->secret);
	} else
		print_secret("\ttoken ", k->secret);
	print_word("\tapprole mount ", k->login);
	print_word("\tca ", k->ca);
	print_cache(k);
	printf("%s}\n", k->insecure ? "\tinsecure\n" : "");
}

static void
print_kmip(const struct keystore *k)
{
	printf("keystore \"%s\" kmip {\n\tserver ", k->name);
	print_quoted(k->server);
	printf(" port %u\n", k->port);
	print_word("\tserver name ", k->tls_name);
	if (k->version != 0)
		printf("\tversion \"%u.%u\"\n", k->version / 10,
		    k->version % 10);
	printf("\tcertificate ");
	print_quoted(k->cert);
	print_key(" key ", k->key);
	print_word("\tca ", k->ca);
	if (k->username != NULL) {
		printf("\tuser ");
		print_quoted(k->username);
		print_secret(" password ", k->secret);
	}
	print_word("\ttls ", k->protocols);
	print_cache(k);
	printf("%s%s}\n", k->by_server ? "\tkeys by server\n" : "",
	    k->activate ? "\tactivate\n" : "");
}

static void
print_pkcs11(const struct keystore *k)
{
	printf("keystore \"%s\" pkcs11 {\n", k->name);
	print_word("\tmodule ", k->module);
	print_word("\ttoken ", k->token);
	print_secret("\tpin ", k->secret);
	print_word("\tkey ", k->kek);
	print_list("\tread ", &k->reads);
	print_list("\twrite ", &k->writes);
	print_list("\tenvironment ", &k->environment);
	printf("%s%s}\n", k->network ? "\tnetwork\n" : "",
	    k->type == KEYSTORE_TOKEN ? "\tkeys by token\n" : "");
}

static void
print_sinks(const struct config *conf)
{
	const struct audit_sink	*s;

	TAILQ_FOREACH(s, &conf->sinks, entry) {
		if (s->path != NULL)
			print_word("audit socket ", s->path);
		else
			print_word("audit syslog ",
			    facility_name(s->facility));
	}
}

static void
print_rate(const char *of, uint32_t rate, uint32_t burst)
{
	if (rate != 0)
		printf("\trequests per %s %u burst %u\n", of, rate, burst);
}

static void
print_limits(const uint32_t *l)
{
	printf("limits {\n\tconnections %u\n", l[LIMIT_CONNECTIONS]);
	if (l[LIMIT_ADDRESS_CONNECTIONS] != 0)
		printf("\tconnections per address %u\n",
		    l[LIMIT_ADDRESS_CONNECTIONS]);
	print_rate("address", l[LIMIT_ADDRESS_RATE], l[LIMIT_ADDRESS_BURST]);
	print_rate("user", l[LIMIT_USER_RATE], l[LIMIT_USER_BURST]);
	printf("\theader %u\n\tbody %u\n\ttimeout handshake %us\n"
	    "\ttimeout header %us\n\ttimeout body %us\n"
	    "\ttimeout idle %us\n\ttimeout write %us\n}\n",
	    l[LIMIT_HEADER_SIZE], l[LIMIT_BODY_SIZE],
	    l[LIMIT_HANDSHAKE_TIME], l[LIMIT_HEADER_TIME],
	    l[LIMIT_BODY_TIME], l[LIMIT_IDLE_TIME], l[LIMIT_WRITE_TIME]);
}

void
config_print(const struct config *conf)
{
	static void			(*const prints[])(
					    const struct keystore *) = {
		[KEYSTORE_LOCAL] = print_local,
		[KEYSTORE_VAULT] = print_vault,
		[KEYSTORE_KMIP] = print_kmip,
		[KEYSTORE_PKCS11] = print_pkcs11,
		[KEYSTORE_TOKEN] = print_pkcs11,
	};
	const struct listener		*l;
	const struct attestation	*a;
	const struct keystore		*k;
	const struct word		*w;

	print_word("directory ", conf->directory);
	print_words("control socket ", conf->control_path, " group ",
	    conf->control_group);
	print_word("user ", conf->user);
	print_word("keyuser ", conf->keyuser);
	TAILQ_FOREACH(l, &conf->listeners, entry)
		listener_print(l);
	certificates_print(conf);
	printf("tls names");
	TAILQ_FOREACH(w, &conf->tls_names, entry) {
		putchar(' ');
		print_quoted(w->text);
	}
	putchar('\n');
	if (conf->administrator != NULL) {
		printf("administrator ");
		print_quoted(conf->administrator);
		print_secret(" password ", conf->admin_password);
	}
	idps_print(conf);
	if (conf->recipient != NULL)
		print_word("backup recipient ", conf->recipient);
	printf("prefork %u\n", conf->prefork);
	print_limits(conf->limits);
	printf("login {\n\tattempts %u within %us\n\tlockout %us\n"
	    "\ttoken lifetime %us\n}\n", conf->attempts, conf->interval,
	    conf->lockout, conf->lifetime);
	print_word("audit log ", conf->audit_path);
	print_sinks(conf);
	if (conf->audit_optional)
		printf("audit optional\n");
	if (conf->require_nonce)
		printf("require nonce\n");
	printf("log format \"%s\"\nverbose %d\n",
	    format_name(conf->log_format), conf->verbose);
	TAILQ_FOREACH(a, &conf->attestations, entry) {
		if (issuer_is(a))
			issuer_print(a);
		else if (a->kind == FETCHER_SERVICE)
			print_service(a);
		else
			print_judge(a);
	}
	TAILQ_FOREACH(k, &conf->keystores, entry)
		prints[k->type](k);
}

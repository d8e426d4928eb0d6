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
 * kbsget: options, and the order of things.  All that can fail on this side
 * is tried before the server is asked, since each release stands in its audit
 * log.
 */
#include <sys/resource.h>

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "kbsget.h"
#include "log.h"
#include "secret.h"
#include "uuid.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

#define SECURE_HEAP	(64 * 1024)

struct options {
	const char	*ca;
	const char	*eventlog;
	const char	*held;
	const char	*keyfile;
	const char	*keyid;
	const char	*keyring;
	const char	*output;
	const char	*command;
	const char	*root;
	const char	*type;
	const char	*token;
	const char	*url;
	const char	*version;	/* of the key; NULL: the newest */
	const char	*wait;
	int		 generate;
	int		 pem;
};

/* Options with an argument, by their letters. */
static const struct {
	char	 letter;
	size_t	 offset;
} option_words[] = {
	{ 'c', offsetof(struct options, ca) },
	{ 'e', offsetof(struct options, eventlog) },
	{ 'H', offsetof(struct options, held) },
	{ 'K', offsetof(struct options, keyfile) },
	{ 'k', offsetof(struct options, keyid) },
	{ 'o', offsetof(struct options, output) },
	{ 'q', offsetof(struct options, command) },
	{ 'R', offsetof(struct options, keyring) },
	{ 'S', offsetof(struct options, root) },
	{ 'T', offsetof(struct options, type) },
	{ 't', offsetof(struct options, token) },
	{ 'u', offsetof(struct options, url) },
	{ 'V', offsetof(struct options, version) },
	{ 'w', offsetof(struct options, wait) },
};

static void
usage(void)
{
	fprintf(stderr,
	    "usage: kbsget [-p] [-c CA] [-e EVENTLOG] [-K KEYFILE] "
	    "[-o FILE | -R KEYSPEC]\n"
	    "              [-q COMMAND | -S ROOT] [-T sgx | snp | tdx] "
	    "[-V VERSION]\n"
	    "              [-w SECONDS] -k KEYID -u URL\n"
	    "       kbsget [-p] [-c CA] [-o FILE | -R KEYSPEC] [-V VERSION] "
	    "[-w SECONDS]\n"
	    "              -K KEYFILE -k KEYID -t TOKEN -u URL\n"
	    "       kbsget [-g] [-T sgx | snp | tdx] -H FILE -K KEYFILE\n");
	exit(KBSGET_USAGE);
}

static void __attribute__((noreturn))
usagex(const char *what)
{
	log_warnx("%s", what);
	usage();
	exit(KBSGET_USAGE);
}

static void
kbsget_signal(int sig)
{
	quote_kill();
	tsm_unlink();
	output_unlink();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Before the first secret: no core, locked memory, nothing left behind. */
static void
kbsget_prepare(void)
{
	static const int	 sigs[] = { SIGHUP, SIGINT, SIGQUIT,
				    SIGTERM };
	const struct rlimit	 nocore = { 0, 0 };
	struct sigaction	 sa, old;
	size_t			 i;

	if (setrlimit(RLIMIT_CORE, &nocore) == -1)
		fatal("setrlimit");
	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	sa.sa_handler = kbsget_signal;
	for (i = 0; i < nitems(sigs); i++)
		if (sigaction(sigs[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &sa, NULL);
	json_init();
	secret_openssl(SECURE_HEAP);
}

static void
options_read(struct options *o, int argc, char *argv[])
{
	size_t	 i;
	int	 ch;

	memset(o, 0, sizeof(*o));
	while ((ch = getopt(argc, argv, "c:e:gH:K:k:o:pq:R:S:T:t:u:V:w:")) !=
	    -1) {
		if (ch == '?')
			usage();
		if (ch == 'g')
			o->generate = 1;
		if (ch == 'p')
			o->pem = 1;
		for (i = 0; i < nitems(option_words); i++)
			if (option_words[i].letter == ch)
				*(const char **)((char *)o +
				    option_words[i].offset) = optarg;
	}
	if (optind != argc)
		usagex("there is an argument without an option");
}

/* 0 where the option is not given. */
static uint32_t
option_number(const char *text, uint32_t max, const char *what)
{
	const char	*why;
	uint32_t	 n;

	if (text == NULL)
		return (0);
	n = (uint32_t)strtonum(text, 1, max, &why);
	if (why != NULL)
		usagex(what);
	return (n);
}

/* Which options go with which; each failure says what to do. */
static void
options_check(const struct options *o)
{
	if (o->type != NULL && tee_parse(o->type, strlen(o->type)) ==
	    TEE_NONE)
		usagex("-T takes sgx, snp or tdx");
	if (o->held != NULL) {
		if (o->keyfile == NULL)
			usagex("-H needs -K, the file of the private key");
		if (o->url != NULL || o->keyid != NULL || o->ca != NULL ||
		    o->token != NULL || o->command != NULL || o->pem ||
		    o->eventlog != NULL || o->output != NULL ||
		    o->keyring != NULL || o->root != NULL ||
		    o->version != NULL || o->wait != NULL)
			usagex("-H goes with -g, -K and -T only: get the "
			    "key in a second run");
		return;
	}
	if (o->generate)
		usagex("-g needs -H, the file for the held data");
	if (o->url == NULL)
		usagex("-u is missing: the address of the key broker, as "
		    "https://kbs.example.net:9443");
	if (o->keyid == NULL)
		usagex("-k is missing: the id of the key");
	if (o->keyring != NULL && o->output != NULL)
		usagex("-o and -R are two places for one key");
	if (o->command != NULL && o->root != NULL)
		usagex("-q and -S are two ways to a quote");
	if (o->token == NULL)
		return;
	if (o->command != NULL || o->eventlog != NULL || o->type != NULL ||
	    o->root != NULL)
		usagex("-t is for a token: -e, -q, -S and -T go with a "
		    "quote");
	if (o->keyfile == NULL)
		usagex("-t needs -K, the private key that the token was "
		    "made for (-g and -H make one)");
}

/* Keys and held data are bytes: no terminal may get them. */
static void
output_check(const char *path, const char *what)
{
	if ((path == NULL || strcmp(path, "-") == 0) && isatty(STDOUT_FILENO))
		usagex(what);
}

/* -H: a key pair and what a verifier is to put into a token. */
static int
held_main(const struct options *o)
{
	struct output	 out;
	uint8_t		 held[HELD_MAX];
	EVP_PKEY	*key;
	enum tee	 tee = TEE_TDX;
	ssize_t		 len;
	int		 rv = KBSGET_DENIED;

	output_check(o->held, "standard output is a terminal, and held data "
	    "is bytes: give -H a file");
	if (o->type != NULL)
		tee = tee_parse(o->type, strlen(o->type));
	key = o->generate ? keypair_make() : keypair_load(o->keyfile);
	if (key == NULL)
		return (KBSGET_DENIED);
	if (o->generate && keypair_save(key, o->keyfile) == -1)
		goto done;
	if ((len = keypair_held(key, tee, held, sizeof(held))) == -1)
		log_warnx("can't make held data of this key");
	else if (output_open(&out, o->held) == 0 &&
	    output_commit(&out, held, (size_t)len) == 0)
		rv = KBSGET_DONE;
 done:
	EVP_PKEY_free(key);
	return (rv);
}

/* The token as a JWT is: three base64url words, no line end. */
static char *
token_read(const char *path)
{
	static const char	 chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789-_.";
	char			*token, *p;
	size_t			 len, dots = 0;

	if ((token = (char *)file_read(path, TOKEN_MAX, &len)) == NULL)
		return (NULL);
	while (len > 0 && strchr("\r\n \t", token[len - 1]) != NULL)
		token[--len] = '\0';
	for (p = token; *p != '\0'; p++)
		dots += *p == '.';
	if (dots == 2 && strspn(token, chars) == len)
		return (token);
	log_warnx("%s: not a token: it must be the JWT that the verifier "
	    "gave, and nothing else", path);
	freezero(token, len);
	return (NULL);
}

/* The files and the key pair that a transfer needs. */
static int
transfer_prepare(struct transfer *t, const struct options *o)
{
	if (o->ca != NULL && (t->req.ca = file_read(o->ca, CA_MAX,
	    &t->req.calen)) == NULL)
		return (-1);
	t->req.ca_name = o->ca;
	if (o->token != NULL && (t->token = token_read(o->token)) == NULL)
		return (-1);
	if (o->eventlog != NULL && (t->eventlog = file_read(o->eventlog,
	    EVENTLOG_MAX, &t->eventloglen)) == NULL)
		return (-1);
	if (o->type != NULL)
		t->type = tee_parse(o->type, strlen(o->type));
	if (o->token == NULL && source_find(&t->source, o->command,
	    o->root != NULL ? o->root : "") == -1)
		return (-1);
	if (t->type != TEE_NONE && t->source.tee != TEE_NONE &&
	    t->type != t->source.tee) {
		log_warnx("-T says %s, and %s gives evidence of %s",
		    tee_name(t->type), t->source.dir,
		    tee_name(t->source.tee));
		return (-1);
	}
	t->key = o->keyfile != NULL ? keypair_load(o->keyfile) :
	    keypair_make();
	return (t->key == NULL ? -1 : 0);
}

static void
transfer_free(struct transfer *t)
{
	if (t->token != NULL)
		freezero(t->token, strlen(t->token));
	free(t->eventlog);
	free(t->req.ca);
	EVP_PKEY_free(t->key);
}

static int
key_write(struct output *out, const struct options *o, const uint8_t *key,
    size_t len)
{
	uint8_t	*pem;
	size_t	 pemlen;
	int	 rv;

	if (!o->pem)
		return (output_commit(out, key, len));
	if (unwrap_pem(key, len, &pem, &pemlen) == -1) {
		log_warnx("not an RSA or EC key, so it can't be PEM: try "
		    "without -p");
		output_abort(out);
		return (-1);
	}
	rv = output_commit(out, pem, pemlen);
	secret_free(pem);
	return (rv);
}

static int
transfer_main(const struct options *o, const struct url *url,
    const struct keyspec *spec, const char *path)
{
	struct transfer	 t;
	struct output	 out;
	uint8_t		*key = NULL;
	size_t		 len;
	int		 rv = KBSGET_DENIED;

	memset(&t, 0, sizeof(t));
	t.req.url = url;
	t.req.path = path;
	t.req.seconds = REQUEST_SECONDS;
	t.wait = option_number(o->wait, WAIT_MAX, "-w takes a number of "
	    "seconds, a day at most");
	if ((spec != NULL ? output_key(&out, spec) :
	    output_open(&out, o->output)) == -1)
		return (KBSGET_DENIED);
	if (transfer_prepare(&t, o) == 0)
		rv = transfer(&t, &key, &len);
	if (rv != KBSGET_DONE)
		output_abort(&out);
	else if (key_write(&out, o, key, len) == -1)
		rv = KBSGET_DENIED;
	secret_free(key);
	transfer_free(&t);
	return (rv);
}

/* The path of the request, malloc'd. */
static char *
transfer_path(const struct options *o)
{
	struct uuid	 id;
	char		 text[UUID_TEXT], *path;
	uint32_t	 version;

	if (uuid_parse(&id, o->keyid, strlen(o->keyid)) == -1) {
		log_warnx("-k %s: not a key id, which is a version 4 UUID",
		    o->keyid);
		usage();
	}
	version = option_number(o->version, UINT32_MAX,
	    "-V takes a number, from 1");
	if ((version == 0 ? asprintf(&path, "/kbs/v1/keys/%s/transfer",
	    uuid_format(&id, text)) :
	    asprintf(&path, "/kbs/v1/keys/%s/transfer?version=%u",
	    uuid_format(&id, text), version)) == -1)
		fatal("asprintf");
	return (path);
}

int
main(int argc, char *argv[])
{
	struct options	 o;
	struct url	 url;
	struct keyspec	 spec;
	const char	*why;
	char		*path;
	int		 rv;

	log_init(LOG_TO_STDERR, "kbsget");
	options_read(&o, argc, argv);
	options_check(&o);
	if (o.held != NULL) {
		kbsget_prepare();
		return (held_main(&o));
	}
	if (url_parse(&url, o.url, &why) == -1) {
		log_warnx("-u %s: %s", o.url, why);
		usage();
	}
	if (o.keyring != NULL && keyspec_parse(&spec, o.keyring, &why) == -1) {
		log_warnx("-R %s: %s", o.keyring, why);
		usage();
	}
	if (o.keyring == NULL)
		output_check(o.output, "standard output is a terminal, and "
		    "the key would be shown: give -o FILE, or use a pipe");
	path = transfer_path(&o);
	kbsget_prepare();
	rv = transfer_main(&o, &url, o.keyring != NULL ? &spec : NULL, path);
	free(path);
	return (rv);
}

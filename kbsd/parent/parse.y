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

/* kbsd.conf(5). */

%{
#include <sys/queue.h>
#include <sys/stat.h>

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

#define INCLUDE_DEPTH	8
#define LINE_LONGEST	4096

/* A file that is being read, or one that includes it. */
static struct file {
	TAILQ_ENTRY(file)	 entry;
	FILE			*stream;
	char			*name;
	int			 line;
	int			 depth;
	int			 ended;		/* its last line has been */
} *file;
static TAILQ_HEAD(files, file)	 files = TAILQ_HEAD_INITIALIZER(files);

struct macro {
	TAILQ_ENTRY(macro)	 entry;
	char			*name;
	char			*value;
	int			 fixed;		/* of the command line */
};
static TAILQ_HEAD(, macro)	 macros = TAILQ_HEAD_INITIALIZER(macros);

static struct config		*conf;
static struct attestation	*attestation;
static struct keystore		*keystore;
static struct listener		*listener;
static struct idp		*idp;

/* What a word of an attestation block belongs to, and the first of each. */
enum word_kind { OF_SERVICE, OF_TOKENS, OF_JWKS, OF_LOCAL, OF_NETWORK,
	OF_LISTS, WORD_KIND_MAX };
static struct {
	const char	*text;
	int		 line;
}		 words_of[WORD_KIND_MAX];
static int			 errors;
static int			 token_line;	/* where the last one began */
static char			 last_word[64];	/* for syntax errors */

static int		 yylex(void);
static void		 yyerror(const char *, ...)
			    __attribute__((format(printf, 1, 2)));
static int		 file_push(const char *);
static void		 file_pop(void);
static const char	*macro_get(const char *);
static int		 macro_set(const char *, const char *, int);
static struct listener	*listener_add(char *, int64_t, enum role);
static uint32_t		 permission(char *);
static void		 sink_add(char *, const char *);
static void		 log_format(const char *);
static void		 limit_set(enum limit_kind, int64_t);
static void		 attestation_begin(char *);
static void		 attestation_local(enum fetcher_kind);
static void		 attestation_end(void);
static void		 word_of(enum word_kind, const char *);
static void		 claims_begin(void);
static void		 claim_add(enum claim_row, char *, char *);
static void		 keystore_begin(char *, enum keystore_type);
static void		 check_name(const char *, const char *);
static void		 set_once(char **, char *, const char *);
static void		 add_word(struct words *, char *);
static char		*secret_file(char *);
static char		*secret_credential(char *);
static int64_t		 time_parse(const char *);
static unsigned int	 range(int64_t, int64_t, int64_t, const char *);

typedef union {
	int64_t		 number;
	char		*string;
} YYSTYPE;
#define YYSTYPE_IS_DECLARED 1
%}

%token	ADDRESS BODY BURST HANDSHAKE HEADER IDLE LIMITS METRICS PER REQUESTS
%token	TIMEOUT
%token	ACTIVATE ADMINISTRATOR ADMINISTRATORS API APPROLE ATTEMPTS ATTESTATION
%token	AUDIENCE AUDIT CLAIM CLIENT OFF WATCH
%token	AUTHORITY BACKUP BASE BY CA CACHE CERTIFICATE COLLATERAL CONNECTIONS
%token	CONTROL CREDENTIAL CRL DCAP DIRECTORY ENVIRONMENT ERROR FILETOKEN FORMAT
%token	FROM GROUP HOST INCLUDE INSECURE ISSUER KEY KEYS KEYSTORE KEYUSER KMIP
%token	LIFETIME LISTEN LOCAL LOCKOUT LOGIN
%token	LOGTOKEN MASTER MODULE MOUNT NAMES NAMESPACE NAMETOKEN NETWORK NONCE ON
%token	OPTIONAL PASSWORD PIN PKCS11 PORT PREFORK PROXY READTOKEN RECIPIENT
%token	REFETCH REQUIRE RETRY ROLE ROLEADMIN ROLEALL ROLETRANSFER ROOT SECRET
%token	SERVER SNP SOCKET SYSLOG TLS TO TOKEN TRUST URL USER VAULT VERBOSE
%token	VERSIONTOKEN WAIT WITHIN WRITETOKEN
%token	ALGORITHM CLAIMS IS JWKS
%token	<string> STRING
%token	<number> NUMBER
%type	<number> seconds role port pin metrics_port insecure limit_time
%type	<number> permissions
%type	<string> key name secret
%destructor	{ free($$); } <string>

%%

grammar		: /* empty */
		| grammar '\n'
		| grammar include '\n'
		| grammar macro '\n'
		| grammar main '\n'
		| grammar error '\n'	{ yyerrok; }
		;

include		: INCLUDE STRING {
			if (file_push($2) == -1)
				yyerror("include \"%s\": %s", $2,
				    strerror(errno));
			free($2);
		}
		;

macro		: STRING '=' STRING {
			if (macro_set($1, $3, 0) == -1)
				yyerror("macro \"%s\"", $1);
			free($1);
			free($3);
		}
		;

main		: DIRECTORY STRING {
			set_once(&conf->directory, $2, "directory");
		}
		| CONTROL SOCKET STRING control_opt {
			set_once(&conf->control_path, $3, "control socket");
		}
		| LISTEN ON name port role {
			(void)listener_add($3, $4, $5);
			$3 = NULL;	/* it is the listener's now */
		} client_opts
		| METRICS {
			char	*address;

			if ((address = strdup("127.0.0.1")) == NULL)
				fatal("strdup");
			(void)listener_add(address, METRICS_PORT,
			    ROLE_METRICS);
		}
		| METRICS ON name metrics_port insecure {
			listener_add($3, $4, ROLE_METRICS)->insecure = (int)$5;
		}
		| TLS CERTIFICATE STRING KEY key {
			certificate_add(conf, $3, $5);
		}
		| TLS NAMES namelist
		| TLS WATCH OFF		{ conf->watch = 0; }
		| TLS WATCH seconds {
			conf->watch = range($3, 1, 86400, "tls watch");
		}
		| ADMINISTRATORS ISSUER STRING {
			idp = idp_add(conf, $3);
			$3 = NULL;
		} '{' optnl issuer_opts '}'
		| ADMINISTRATOR STRING PASSWORD secret {
			set_once(&conf->administrator, $2, "administrator");
			set_once(&conf->admin_password, $4,
			    "administrator password");
		}
		| BACKUP RECIPIENT STRING {
			set_once(&conf->recipient, $3, "backup recipient");
		}
		| PREFORK NUMBER {
			conf->prefork = range($2, 1, PREFORK_MAX, "prefork");
		}
		| CONNECTIONS NUMBER {
			limit_set(LIMIT_CONNECTIONS, $2);
		}
		| LIMITS '{' optnl limit_opts '}'
		| LOGIN '{' optnl login_opts '}'
		| AUDIT LOGTOKEN STRING	{
			set_once(&conf->audit_path, $3, "audit log");
		}
		| AUDIT OPTIONAL	{ conf->audit_optional = 1; }
		| AUDIT SOCKET STRING	{ sink_add($3, NULL); }
		| AUDIT SYSLOG		{ sink_add(NULL, "authpriv"); }
		| AUDIT SYSLOG STRING {
			sink_add(NULL, $3);
			free($3);
		}
		| LOGTOKEN FORMAT STRING {
			log_format($3);
			free($3);
		}
		| REQUIRE NONCE		{ conf->require_nonce = 1; }
		| USER STRING		{ set_once(&conf->user, $2, "user"); }
		| KEYUSER STRING {
			set_once(&conf->keyuser, $2, "keyuser");
		}
		| VERBOSE NUMBER {
			conf->verbose = range($2, 0, 2, "verbose");
		}
		| ATTESTATION STRING { attestation_begin($2); $2 = NULL; }
		    '{' optnl attestation_opts '}' {
			attestation_end();
		}
		| KEYSTORE STRING LOCAL {
			keystore_begin($2, KEYSTORE_LOCAL);
			$2 = NULL;
		} local_block
		| KEYSTORE STRING VAULT {
			keystore_begin($2, KEYSTORE_VAULT);
			$2 = NULL;
		} '{' optnl vault_opts '}'
		| KEYSTORE STRING KMIP {
			keystore_begin($2, KEYSTORE_KMIP);
			keystore->port = 5696;
			$2 = NULL;
		} '{' optnl kmip_opts '}'
		| KEYSTORE STRING PKCS11 {
			keystore_begin($2, KEYSTORE_PKCS11);
			$2 = NULL;
		} '{' optnl pkcs11_opts '}'
		;

/* Where a secret is. */
secret		: FILETOKEN STRING	{ $$ = secret_file($2); }
		| CREDENTIAL STRING	{ $$ = secret_credential($2); }
		;

key		: secret		{ $$ = $1; }
		| STRING		{ $$ = secret_file($1); }
		;

control_opt	: /* empty */
		| GROUP STRING {
			set_once(&conf->control_group, $2, "control group");
		}
		;

name		: STRING		{ $$ = $1; }
		| '*' {
			if (($$ = strdup("*")) == NULL)
				fatal("strdup");
		}
		;

port		: /* empty */		{ $$ = 9443; }
		| PORT NUMBER {
			if ($2 < 0 || $2 > 65535) {
				yyerror("port %lld is not between 0 and 65535",
				    (long long)$2);
				$2 = 9443;
			}
			$$ = $2;
		}
		;

metrics_port	: /* empty */		{ $$ = METRICS_PORT; }
		| PORT NUMBER		{ $$ = range($2, 0, 65535, "port"); }
		;

insecure	: /* empty */		{ $$ = 0; }
		| INSECURE		{ $$ = 1; }
		;

role		: /* empty */		{ $$ = ROLE_ALL; }
		| ROLE ROLEALL		{ $$ = ROLE_ALL; }
		| ROLE ROLEADMIN	{ $$ = ROLE_ADMIN; }
		| ROLE ROLETRANSFER	{ $$ = ROLE_TRANSFER; }
		;

client_opts	: /* empty */
		| client_opts CLIENT CA STRING {
			set_once(&listener->client_ca, $4, "client ca");
		}
		| client_opts CLIENT CRL STRING {
			set_once(&listener->client_crl, $4, "client crl");
		}
		;

issuer_opts	: /* empty */
		| issuer_opts issuer_opt sep
		;

issuer_opt	: JWKS FILETOKEN STRING {
			set_once(&idp->jwks, $3, "jwks file");
		}
		| AUDIENCE STRING {
			set_once(&idp->audience, $2, "audience");
		}
		| CLAIM STRING {
			set_once(&idp->claim, $2, "claim");
		}
		| LIFETIME seconds {
			idp->lifetime = range($2, 60, 86400, "lifetime");
		}
		| ROLE STRING ROLEALL {
			idp_role_add(idp, $2, PERM_ALL);
		}
		| ROLE STRING permissions {
			idp_role_add(idp, $2, (uint32_t)$3);
		}
		;

permissions	: STRING		{ $$ = permission($1); }
		| permissions comma STRING {
			$$ = $1 | permission($3);
		}
		;

namelist	: STRING {
			add_word(&conf->tls_names, $1);
		}
		| namelist comma STRING {
			add_word(&conf->tls_names, $3);
		}
		;

comma		: /* empty */
		| ','
		;

optnl		: /* empty */
		| optnl '\n'
		;

/* Options in braces stand on one line or on several. */
sep		: optnl
		| ';' optnl
		;

seconds		: NUMBER		{ $$ = $1; }
		| STRING {
			if (($$ = time_parse($1)) == -1) {
				yyerror("\"%s\" is no time: write 30s, 5m, 2h "
				    "or 1d", $1);
				$$ = 1;
			}
			free($1);
		}
		;

login_opts	: /* empty */
		| login_opts login_opt sep
		;

login_opt	: ATTEMPTS NUMBER WITHIN seconds {
			conf->attempts = range($2, 1, 1000, "attempts");
			conf->interval = range($4, 1, 86400, "within");
		}
		| LOCKOUT seconds {
			conf->lockout = range($2, 1, 7 * 86400, "lockout");
		}
		| TOKEN LIFETIME seconds {
			conf->lifetime = range($3, 60, 1800, "token lifetime");
		}
		;

limit_opts	: /* empty */
		| limit_opts limit_opt sep
		;

limit_opt	: CONNECTIONS NUMBER {
			limit_set(LIMIT_CONNECTIONS, $2);
		}
		| CONNECTIONS PER ADDRESS NUMBER {
			limit_set(LIMIT_ADDRESS_CONNECTIONS, $4);
		}
		| REQUESTS PER ADDRESS NUMBER {
			limit_set(LIMIT_ADDRESS_RATE, $4);
			limit_set(LIMIT_ADDRESS_BURST, $4);
		}
		| REQUESTS PER ADDRESS NUMBER BURST NUMBER {
			limit_set(LIMIT_ADDRESS_RATE, $4);
			limit_set(LIMIT_ADDRESS_BURST, $6);
		}
		| REQUESTS PER USER NUMBER {
			limit_set(LIMIT_USER_RATE, $4);
			limit_set(LIMIT_USER_BURST, $4);
		}
		| REQUESTS PER USER NUMBER BURST NUMBER {
			limit_set(LIMIT_USER_RATE, $4);
			limit_set(LIMIT_USER_BURST, $6);
		}
		| HEADER NUMBER		{ limit_set(LIMIT_HEADER_SIZE, $2); }
		| BODY NUMBER		{ limit_set(LIMIT_BODY_SIZE, $2); }
		| TIMEOUT limit_time seconds {
			limit_set((enum limit_kind)$2, $3);
		}
		;

limit_time	: HANDSHAKE		{ $$ = LIMIT_HANDSHAKE_TIME; }
		| HEADER		{ $$ = LIMIT_HEADER_TIME; }
		| BODY			{ $$ = LIMIT_BODY_TIME; }
		| IDLE			{ $$ = LIMIT_IDLE_TIME; }
		| WRITETOKEN		{ $$ = LIMIT_WRITE_TIME; }
		;

attestation_opts : /* empty */
		| attestation_opts attestation_opt sep
		;

attestation_opt	: TRUST AUTHORITY API STRING {
			word_of(OF_SERVICE, "trust authority api");
			set_once(&attestation->api, $4, "api");
		}
		| BASE STRING {
			word_of(OF_SERVICE, "base");
			set_once(&attestation->base, $2, "base");
		}
		| API KEY secret {
			word_of(OF_SERVICE, "api key file");
			set_once(&attestation->api_key, $3, "api key file");
		}
		| API VERSIONTOKEN NUMBER {
			word_of(OF_SERVICE, "api version");
			attestation->version = range($3, 1, 2, "api version");
		}
		| ROOT STRING pin {
			set_once(&attestation->root, $2, "root");
			attestation->pin = (int)$3;
			if (attestation->pin)
				word_of(OF_SERVICE, "pin");
		}
		| CA STRING {
			word_of(OF_NETWORK, "ca");
			set_once(&attestation->ca, $2, "ca");
		}
		| ISSUER STRING {
			word_of(OF_TOKENS, "issuer");
			set_once(&attestation->issuer, $2, "issuer");
		}
		| AUDIENCE STRING {
			word_of(OF_TOKENS, "audience");
			set_once(&attestation->audience, $2, "audience");
		}
		| PROXY STRING {
			word_of(OF_NETWORK, "proxy");
			set_once(&attestation->proxy, $2, "proxy");
		}
		| CRL HOST STRING {
			word_of(OF_LISTS, "crl host");
			add_word(&attestation->crl_hosts, $3);
		}
		| RETRY WAIT seconds TO seconds {
			word_of(OF_NETWORK, "retry wait");
			attestation->retry_least = 1000 *
			    range($3, 0, 60, "retry wait");
			attestation->retry_most = 1000 *
			    range($5, 0, 60, "retry wait");
		}
		| REFETCH seconds {
			word_of(OF_NETWORK, "refetch");
			attestation->refetch = range($2, 1, 86400, "refetch");
		}
		| DCAP			{ attestation_local(FETCHER_DCAP); }
		| SNP			{ attestation_local(FETCHER_SNP); }
		| COLLATERAL FROM STRING {
			word_of(OF_LOCAL, "collateral");
			word_of(OF_NETWORK, "collateral from");
			set_once(&attestation->collateral, $3,
			    "collateral from");
		}
		| COLLATERAL DIRECTORY STRING {
			word_of(OF_LOCAL, "collateral");
			set_once(&attestation->collateral_dir, $3,
			    "collateral directory");
		}
		;

		| JWKS FILETOKEN STRING {
			set_once(&attestation->jwks, $3, "jwks file");
		}
		| JWKS FROM STRING {
			set_once(&attestation->jwks_url, $3, "jwks from");
		}
		| ALGORITHM STRING {
			word_of(OF_JWKS, "algorithm");
			set_once(&attestation->algorithm, $2, "algorithm");
		}
		| CLAIMS		{ claims_begin(); }
		    '{' optnl claims_opts '}'
		;

claims_opts	: /* empty */
		| claims_opts claims_opt sep
		;

claims_opt	: STRING FROM STRING	{ claim_add(CLAIM_FROM, $1, $3); }
		| STRING IS STRING	{ claim_add(CLAIM_IS, $1, $3); }
		| REQUIRE STRING IS STRING {
			claim_add(CLAIM_REQUIRE, $2, $4);
		}
		;

pin		: /* empty */		{ $$ = 0; }
		| PIN			{ $$ = 1; }
		;

local_block	: /* empty */
		| '{' optnl local_opts '}'
		;

local_opts	: /* empty */
		| local_opts local_opt sep
		;

local_opt	: MASTER KEY secret {
			set_once(&keystore->master_key, $3, "master key file");
		}
		;

vault_opts	: /* empty */
		| vault_opts vault_opt sep
		;

vault_opt	: URL STRING {
			add_word(&keystore->urls, $2);
		}
		| MOUNT STRING {
			set_once(&keystore->mount, $2, "mount");
		}
		| NAMESPACE STRING {
			set_once(&keystore->namespace, $2, "namespace");
		}
		| VERSIONTOKEN NUMBER {
			keystore->version = range($2, 1, 2, "version");
		}
		| TOKEN secret {
			set_once(&keystore->secret, $2, "token or secret file");
		}
		| APPROLE STRING SECRET secret {
			set_once(&keystore->role_id, $2, "approle");
			set_once(&keystore->secret, $4, "token or secret file");
		}
		| APPROLE MOUNT STRING {
			set_once(&keystore->login, $3, "approle mount");
		}
		| CA STRING {
			set_once(&keystore->ca, $2, "ca");
		}
		| CACHE seconds {
			keystore->cache = range($2, 1, 3600, "cache");
		}
		| INSECURE		{ keystore->insecure = 1; }
		;

kmip_opts	: /* empty */
		| kmip_opts kmip_opt sep
		;

kmip_opt	: SERVER STRING {
			set_once(&keystore->server, $2, "server");
		}
		| SERVER STRING PORT NUMBER {
			set_once(&keystore->server, $2, "server");
			keystore->port = range($4, 1, 65535, "port");
		}
		| SERVER NAMETOKEN STRING {
			set_once(&keystore->tls_name, $3, "server name");
		}
		| VERSIONTOKEN STRING {
			keystore->version = strcmp($2, "1.4") == 0 ? 14 :
			    strcmp($2, "2.0") == 0 ? 20 : 1;
			free($2);
		}
		| CERTIFICATE STRING KEY key {
			set_once(&keystore->cert, $2, "certificate");
			set_once(&keystore->key, $4, "key");
		}
		| CA STRING {
			set_once(&keystore->ca, $2, "ca");
		}
		| CACHE seconds {
			keystore->cache = range($2, 1, 3600, "cache");
		}
		| USER STRING PASSWORD secret {
			set_once(&keystore->username, $2, "user");
			set_once(&keystore->secret, $4, "password file");
		}
		| TLS STRING {
			set_once(&keystore->protocols, $2, "tls");
		}
		| KEYS BY SERVER	{ keystore->by_server = 1; }
		| ACTIVATE		{ keystore->activate = 1; }
		;

pkcs11_opts	: /* empty */
		| pkcs11_opts pkcs11_opt sep
		;

pkcs11_opt	: MODULE STRING {
			set_once(&keystore->module, $2, "module");
		}
		| TOKEN STRING {
			set_once(&keystore->token, $2, "token");
		}
		| PIN secret {
			set_once(&keystore->secret, $2, "pin file");
		}
		| KEY STRING {
			set_once(&keystore->kek, $2, "key");
		}
		| READTOKEN STRING	{ add_word(&keystore->reads, $2); }
		| WRITETOKEN STRING	{ add_word(&keystore->writes, $2); }
		| ENVIRONMENT STRING {
			add_word(&keystore->environment, $2);
		}
		| NETWORK		{ keystore->network = 1; }
		| KEYS BY TOKEN		{ keystore->type = KEYSTORE_TOKEN; }
		;

%%

static void
yyerror(const char *fmt, ...)
{
	char	 text[512];
	va_list	 ap;

	errors++;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* bison itself says no more than this. */
	if (strcmp(text, "syntax error") == 0)
		snprintf(text, sizeof(text), "syntax error near \"%s\"",
		    last_word);
	log_warnx("%s:%d: %s", file->name, token_line, text);
}

static void
set_once(char **where, char *value, const char *what)
{
	if (*where != NULL)
		yyerror("%s is set twice", what);
	free(*where);
	*where = value;
}

static void
add_word(struct words *words, char *value)
{
	if (words_add(words, value) == -1)
		fatal("words_add");
	free(value);
}

/* What struct config takes for a credential is no file's name. */
static char *
secret_file(char *path)
{
	if (credential_name(path) != NULL)
		yyerror("file \"%s\": write `credential' instead", path);
	return (path);
}

static char *
secret_credential(char *name)
{
	char	*path;

	check_name(name, "credential");
	if (asprintf(&path, CREDENTIAL_PREFIX "%s", name) == -1)
		fatal("asprintf");
	free(name);
	return (path);
}

/* Seconds, or -1; what is far too long is left to range(). */
static int64_t
time_parse(const char *text)
{
	static const struct {
		char	 unit;
		int	 seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char		 digits[12];
	const char	*error;
	size_t		 i, len = strlen(text);
	int64_t		 n;

	if (len < 2 || len > sizeof(digits) ||
	    strspn(text, "0123456789") != len - 1)
		return (-1);
	strlcpy(digits, text, len);
	n = strtonum(digits, 0, INT32_MAX, &error);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (text[len - 1] == units[i].unit)
			return (error == NULL ? n * units[i].seconds : -1);
	return (-1);
}

static unsigned int
range(int64_t value, int64_t least, int64_t most, const char *what)
{
	if (value >= least && value <= most)
		return ((unsigned int)value);
	yyerror("%s %lld is not between %lld and %lld", what,
	    (long long)value, (long long)least, (long long)most);
	return ((unsigned int)least);
}

static void
limit_set(enum limit_kind kind, int64_t value)
{
	const struct limit	*limit = &limit_table[kind];

	conf->limits[kind] = range(value, limit->least, limit->most,
	    limit->name);
}

static struct listener *
listener_add(char *address, int64_t port, enum role role)
{
	struct listener	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("calloc");
	l->address = address;
	snprintf(l->port, sizeof(l->port), "%u", (unsigned int)port & 0xffff);
	l->role = role;
	l->fd = -1;
	TAILQ_INSERT_TAIL(&conf->listeners, l, entry);
	listener = l;
	return (l);
}

static uint32_t
permission(char *name)
{
	uint32_t	 bit = permission_parse(name);

	if (bit == 0)
		yyerror("\"%s\" is no permission", name);
	free(name);
	return (bit);
}

/* The path of a socket; or syslog(3), with its facility. */
static void
sink_add(char *path, const char *facility)
{
	struct audit_sink	*s;
	int			 n = 0;

	TAILQ_FOREACH(s, &conf->sinks, entry)
		n++;
	if (n == SINKS_MAX)
		yyerror("audit socket and audit syslog: there are more than "
		    "%d", SINKS_MAX);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal("calloc");
	s->path = path;
	if (path != NULL && path[0] != '/')
		yyerror("audit socket \"%s\" must begin with /", path);
	else if (path == NULL &&
	    (s->facility = facility_number(facility)) == -1)
		yyerror("\"%s\" is no facility of syslog", facility);
	TAILQ_INSERT_TAIL(&conf->sinks, s, entry);
}

static void
log_format(const char *name)
{
	if ((conf->log_format = format_number(name)) != -1)
		return;
	yyerror("log format \"%s\" is not plain, \"key=value\" or json",
	    name);
	conf->log_format = 0;
}

/* A name becomes part of file names. */
static void
check_name(const char *name, const char *what)
{
	if (!block_name_valid(name, strlen(name)))
		yyerror("%s name \"%s\" must have 1 to %d letters, digits, "
		    "'-', '_' and '.', and not begin with a dot", what, name,
		    NAME_MAX_STORE - 1);
}

static void
attestation_begin(char *name)
{
	struct attestation	*a;

	check_name(name, "attestation");
	TAILQ_FOREACH(a, &conf->attestations, entry)
		if (strcmp(a->name, name) == 0)
			yyerror("attestation \"%s\" is set twice", name);
	if ((a = calloc(1, sizeof(*a))) == NULL)
		fatal("calloc");
	a->name = name;
	a->version = 2;
	a->retry_least = 2000;
	a->retry_most = 10000;
	a->refetch = 60;
	TAILQ_INIT(&a->crl_hosts);
	TAILQ_INIT(&a->claims);
	TAILQ_INSERT_TAIL(&conf->attestations, a, entry);
	attestation = a;
	memset(words_of, 0, sizeof(words_of));
}

static void
word_of(enum word_kind kind, const char *text)
{
	if (words_of[kind].text != NULL)
		return;
	words_of[kind].text = text;
	words_of[kind].line = token_line;
}

/* One fetcher brings the collateral of all evidence of its kind. */
static void
attestation_local(enum fetcher_kind kind)
{
	const struct attestation	*a;

	TAILQ_FOREACH(a, &conf->attestations, entry)
		if (a->kind == kind && a != attestation)
			yyerror("%s is set in attestation \"%s\" already",
			    kind_word(kind), a->name);
	if (attestation->kind != FETCHER_SERVICE && attestation->kind != kind)
		yyerror("attestation \"%s\": dcap and snp are blocks of their "
		    "own", attestation->name);
	attestation->kind = kind;
}

/* With the line of the word that is out of place. */
static void
word_misplaced(enum word_kind kind, const char *why)
{
	int	 line = token_line;

	if (words_of[kind].text == NULL)
		return;
	token_line = words_of[kind].line;
	yyerror("attestation \"%s\": %s %s", attestation->name,
	    words_of[kind].text, why);
	token_line = line;
}

static void
attestation_jwks(void)
{
	if (attestation->kind != FETCHER_SERVICE)
		yyerror("attestation \"%s\": jwks can't stand beside dcap "
		    "or snp",
		    attestation->name);
	word_misplaced(OF_SERVICE, "is of a service, and can't stand beside "
	    "jwks");
	if (attestation->jwks == NULL)
		return;
	word_misplaced(OF_NETWORK, "is of no use beside a jwks file: nothing "
	    "is fetched");
	word_misplaced(OF_LISTS, "is of no use beside a jwks file: nothing is "
	    "fetched");
}

static void
attestation_end(void)
{
	const char	*why = attestation->kind == FETCHER_DCAP ?
			    "is of a service, and can't stand beside dcap" :
			    "is of a service, and can't stand beside snp";

	if (attestation->kind == FETCHER_SERVICE)
		word_misplaced(OF_LOCAL, "stands only beside dcap or snp");
	if (issuer_is(attestation)) {
		attestation_jwks();
		return;
	}
	word_misplaced(OF_JWKS, "stands only beside jwks");
	if (attestation->kind == FETCHER_SERVICE)
		return;
	word_misplaced(OF_SERVICE, why);
	word_misplaced(OF_TOKENS, why);
	word_misplaced(OF_LISTS, why);
	if (attestation->collateral_dir != NULL)
		word_misplaced(OF_NETWORK, "is of no use beside a collateral "
		    "directory: nothing is fetched");
}

static void
claims_begin(void)
{
	word_of(OF_JWKS, "claims");
	if (attestation->renames)
		yyerror("claims is set twice");
	attestation->renames = 1;
}

static void
claim_add(enum claim_row kind, char *name, char *value)
{
	if (issuer_claim(attestation, kind, name, value) == -1)
		fatal("issuer_claim");
}

static void
keystore_begin(char *name, enum keystore_type type)
{
	struct keystore	*k;

	check_name(name, "keystore");
	TAILQ_FOREACH(k, &conf->keystores, entry)
		if (strcmp(k->name, name) == 0)
			yyerror("keystore \"%s\" is set twice", name);
	if ((k = calloc(1, sizeof(*k))) == NULL)
		fatal("calloc");
	k->name = name;
	k->type = type;
	keystore_init(k);
	TAILQ_INSERT_TAIL(&conf->keystores, k, entry);
	keystore = k;
}

static const struct keyword {
	const char	*name;
	int		 token;
} keywords[] = {	/* sorted */
	{ "activate",		ACTIVATE },
	{ "address",		ADDRESS },
	{ "admin",		ROLEADMIN },
	{ "administrator",	ADMINISTRATOR },
	{ "administrators",	ADMINISTRATORS },
	{ "algorithm",		ALGORITHM },
	{ "all",		ROLEALL },
	{ "api",		API },
	{ "approle",	APPROLE },
	{ "attempts",		ATTEMPTS },
	{ "attestation",	ATTESTATION },
	{ "audience",		AUDIENCE },
	{ "audit",		AUDIT },
	{ "authority",		AUTHORITY },
	{ "backup",		BACKUP },
	{ "base",		BASE },
	{ "body",		BODY },
	{ "burst",		BURST },
	{ "by",			BY },
	{ "ca",			CA },
	{ "cache",		CACHE },
	{ "certificate",	CERTIFICATE },
	{ "claim",		CLAIM },
	{ "claims",		CLAIMS },
	{ "client",		CLIENT },
	{ "collateral",		COLLATERAL },
	{ "connections",	CONNECTIONS },
	{ "control",		CONTROL },
	{ "credential",		CREDENTIAL },
	{ "crl",		CRL },
	{ "dcap",		DCAP },
	{ "directory",		DIRECTORY },
	{ "environment",	ENVIRONMENT },
	{ "file",		FILETOKEN },
	{ "format",		FORMAT },
	{ "from",		FROM },
	{ "group",		GROUP },
	{ "handshake",		HANDSHAKE },
	{ "header",		HEADER },
	{ "host",		HOST },
	{ "idle",		IDLE },
	{ "include",		INCLUDE },
	{ "insecure",	INSECURE },
	{ "is",			IS },
	{ "issuer",		ISSUER },
	{ "jwks",		JWKS },
	{ "key",		KEY },
	{ "keys",		KEYS },
	{ "keystore",		KEYSTORE },
	{ "keyuser",		KEYUSER },
	{ "kmip",	KMIP },
	{ "lifetime",		LIFETIME },
	{ "limits",		LIMITS },
	{ "listen",		LISTEN },
	{ "local",		LOCAL },
	{ "lockout",		LOCKOUT },
	{ "log",		LOGTOKEN },
	{ "login",		LOGIN },
	{ "master",		MASTER },
	{ "metrics",		METRICS },
	{ "module",		MODULE },
	{ "mount",	MOUNT },
	{ "name",	NAMETOKEN },
	{ "names",		NAMES },
	{ "namespace",	NAMESPACE },
	{ "network",		NETWORK },
	{ "nonce",		NONCE },
	{ "off",		OFF },
	{ "on",			ON },
	{ "optional",		OPTIONAL },
	{ "password",		PASSWORD },
	{ "per",		PER },
	{ "pin",		PIN },
	{ "pkcs11",		PKCS11 },
	{ "port",		PORT },
	{ "prefork",		PREFORK },
	{ "proxy",		PROXY },
	{ "read",		READTOKEN },
	{ "recipient",		RECIPIENT },
	{ "refetch",		REFETCH },
	{ "requests",		REQUESTS },
	{ "require",		REQUIRE },
	{ "retry",		RETRY },
	{ "role",		ROLE },
	{ "root",		ROOT },
	{ "secret",	SECRET },
	{ "server",	SERVER },
	{ "snp",		SNP },
	{ "socket",		SOCKET },
	{ "syslog",		SYSLOG },
	{ "timeout",		TIMEOUT },
	{ "tls",		TLS },
	{ "to",			TO },
	{ "token",		TOKEN },
	{ "transfer",		ROLETRANSFER },
	{ "trust",		TRUST },
	{ "url",	URL },
	{ "user",		USER },
	{ "vault",	VAULT },
	{ "verbose",		VERBOSE },
	{ "version",		VERSIONTOKEN },
	{ "wait",		WAIT },
	{ "watch",		WATCH },
	{ "within",		WITHIN },
	{ "write",		WRITETOKEN },
};

static int
keyword_cmp(const void *key, const void *row)
{
	return (strcmp(key, ((const struct keyword *)row)->name));
}

static int
keyword_find(const char *word)
{
	const struct keyword	*k;

	k = bsearch(word, keywords, sizeof(keywords) / sizeof(keywords[0]),
	    sizeof(keywords[0]), keyword_cmp);
	return (k == NULL ? STRING : k->token);
}

/* --- the lexer ----------------------------------------------------------- */

static int
lex_get(void)
{
	int	 c, next;

	for (;;) {
		if ((c = getc(file->stream)) == '\\') {
			if ((next = getc(file->stream)) == '\n') {
				file->line++;
				continue;
			}
			if (next != EOF)
				ungetc(next, file->stream);
		}
		return (c);
	}
}

static void
lex_unget(int c)
{
	if (c != EOF)
		ungetc(c, file->stream);
}

static int
lex_string(const char *text)
{
	strlcpy(last_word, text, sizeof(last_word));
	if ((yylval.string = strdup(text)) == NULL)
		fatal("strdup");
	return (STRING);
}

static int
lex_quoted(int quote)
{
	char	 text[LINE_LONGEST];
	size_t	 n = 0;
	int	 c;

	while ((c = getc(file->stream)) != quote) {
		if (c == EOF || c == '\n') {
			yyerror("a string is not ended");
			lex_unget(c);
			return (ERROR);
		}
		if (c == '\\') {
			c = getc(file->stream);
			if (c != quote && c != '\\') {
				lex_unget(c);
				c = '\\';
			}
		}
		if (n == sizeof(text) - 1) {
			yyerror("a string is too long");
			return (ERROR);
		}
		text[n++] = (char)c;
	}
	text[n] = '\0';
	return (lex_string(text));
}

static int
lex_isword(int c)
{
	return (c > '\0' && (isalnum(c) || strchr("-_./:@[]", c) != NULL));
}

static int
lex_word(int c, char *text, size_t size)
{
	size_t	 n = 0;

	for (; lex_isword(c); c = lex_get()) {
		if (n == size - 1) {
			yyerror("a word is too long");
			return (-1);
		}
		text[n++] = (char)c;
	}
	text[n] = '\0';
	lex_unget(c);
	return (0);
}

static int
lex_isnumber(const char *text)
{
	return (*text != '\0' && text[strspn(text, "0123456789")] == '\0');
}

static int
lex_number(const char *text)
{
	const char	*why;

	strlcpy(last_word, text, sizeof(last_word));
	yylval.number = strtonum(text, 0, INT64_MAX, &why);
	if (why != NULL) {
		yyerror("number %s is %s", text, why);
		return (ERROR);
	}
	return (NUMBER);
}

/* Its value stands in quotes where it is defined, numbers too. */
static int
lex_macro(void)
{
	char		 name[LINE_LONGEST];
	const char	*value;

	if (lex_word(lex_get(), name, sizeof(name)) == -1)
		return (ERROR);
	if ((value = macro_get(name)) == NULL) {
		yyerror("macro \"%s\" is not defined", name);
		return (ERROR);
	}
	return (lex_isnumber(value) ? lex_number(value) : lex_string(value));
}

static int
lex_plain(int c)
{
	char	 text[LINE_LONGEST];
	int	 token;

	if (lex_word(c, text, sizeof(text)) == -1)
		return (ERROR);
	if (lex_isnumber(text))
		return (lex_number(text));
	lex_string(text);
	if ((token = keyword_find(text)) != STRING)
		free(yylval.string);
	return (token);
}

static int
yylex(void)
{
	int	 c;

	for (;;) {
		while ((c = lex_get()) == ' ' || c == '\t' || c == '\r')
			continue;
		if (c == '#')
			while ((c = getc(file->stream)) != '\n' && c != EOF)
				continue;
		if (c != EOF)
			break;
		if (!file->ended) {	/* the newline that may be missing */
			file->ended = 1;
			token_line = file->line;
			return ('\n');
		}
		if (TAILQ_NEXT(file, entry) == NULL)
			return (0);
		file_pop();
	}
	token_line = file->line;
	if (c == '\n') {
		file->line++;
		return ('\n');
	}
	if (c == '"' || c == '\'')
		return (lex_quoted(c));
	if (c == '$')
		return (lex_macro());
	if (lex_isword(c))
		return (lex_plain(c));
	if (isgraph(c))
		return (c);
	/* A NUL would even pass for the end of the file. */
	yyerror("a byte 0x%02x that is no text", (unsigned int)c);
	return (ERROR);
}

/* --- files and macros ---------------------------------------------------- */

static int
file_push(const char *name)
{
	struct file	*f;
	struct stat	 st;

	if (file != NULL && file->depth == INCLUDE_DEPTH) {
		errno = ELOOP;
		return (-1);
	}
	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    (f->name = strdup(name)) == NULL)
		fatal("calloc");
	f->depth = file == NULL ? 1 : file->depth + 1;
	if ((f->stream = fopen(name, "re")) == NULL)
		goto fail;
	if (fstat(fileno(f->stream), &st) == -1)
		goto fail;
	if (S_ISREG(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		log_warnx("%s: others may write it", name);
		errno = EPERM;
		goto fail;
	}
	/* The newline behind an include is read from what is included. */
	f->line = file == NULL ? 1 : 0;
	if (file != NULL)
		ungetc('\n', f->stream);
	TAILQ_INSERT_HEAD(&files, f, entry);
	file = f;
	return (0);
fail:
	if (f->stream != NULL)
		fclose(f->stream);
	free(f->name);
	free(f);
	return (-1);
}

static void
file_pop(void)
{
	struct file	*f = file;

	TAILQ_REMOVE(&files, f, entry);
	file = TAILQ_FIRST(&files);
	fclose(f->stream);
	free(f->name);
	free(f);
}

static const char *
macro_get(const char *name)
{
	struct macro	*m;

	TAILQ_FOREACH(m, &macros, entry)
		if (strcmp(m->name, name) == 0)
			return (m->value);
	return (NULL);
}

static int
macro_set(const char *name, const char *value, int fixed)
{
	struct macro	*m;

	TAILQ_FOREACH(m, &macros, entry)
		if (strcmp(m->name, name) == 0)
			break;
	if (m != NULL && m->fixed && !fixed)
		return (0);
	if (m == NULL) {
		if ((m = calloc(1, sizeof(*m))) == NULL ||
		    (m->name = strdup(name)) == NULL)
			return (-1);
		TAILQ_INSERT_TAIL(&macros, m, entry);
	}
	free(m->value);
	m->fixed = fixed;
	return ((m->value = strdup(value)) == NULL ? -1 : 0);
}

int
config_macro(const char *text)
{
	const char	*value;
	char		 name[256];

	if ((value = strchr(text, '=')) == NULL || value == text ||
	    (size_t)(value - text) >= sizeof(name))
		return (-1);
	strlcpy(name, text, (size_t)(value - text) + 1);
	return (macro_set(name, value + 1, 1));
}

/* Macros of the file itself do not outlive it: a reload begins afresh. */
static void
macros_forget(void)
{
	struct macro	*m, *next;

	TAILQ_FOREACH_SAFE(m, &macros, entry, next) {
		if (m->fixed)
			continue;
		TAILQ_REMOVE(&macros, m, entry);
		free(m->name);
		free(m->value);
		free(m);
	}
}

struct config *
config_parse(const char *path)
{
	errors = 0;
	file = NULL;
	token_line = 1;
	if (file_push(path) == -1) {
		log_warn("%s", path);
		return (NULL);
	}
	conf = config_new();
	yyparse();
	while (file != NULL)
		file_pop();
	macros_forget();
	if (config_finish(conf) == -1)
		errors++;
	if (errors > 0) {
		config_free(conf);
		return (NULL);
	}
	return (conf);
}

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
 * The environment file of the reference server as a configuration of kbsd.
 * One table says what becomes of each variable; secrets become files beside
 * kbsd.conf.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsctl.h"
#include "log.h"
#include "msg.h"

#define ENV_MAX		(64 * 1024)
#define VALUE_MAX	1024

/* What is taken; the table goes on with what is not. */
enum name {
	LOG_LEVEL, SERVICE_PORT, SAN_LIST,
	ADMIN_USERNAME, ADMIN_PASSWORD,
	TOKEN_MINUTES, ATTEMPTS, INTERVAL, LOCKOUT,
	ITA_API_URL, ITA_BASE_URL, ITA_API_KEY, PROXY_HTTPS, PROXY_HTTP,
	NAME_MAX_KNOWN
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
	{ "HTTP_READ_HEADER_TIMEOUT", "a head has 10 seconds, always" },
	{ "KEY_MANAGER", "keys are kept in the local sealed store" },
	{ "VAULT_SERVER_IP", "kbsd has no Vault keystore yet" },
	{ "VAULT_SERVER_PORT", "kbsd has no Vault keystore yet" },
	{ "VAULT_CLIENT_TOKEN", "kbsd has no Vault keystore yet" },
	{ "KMIP_CLIENT_KEY_PATH", "kbsd has no KMIP keystore yet" },
	{ "KMIP_CLIENT_CERT_PATH", "kbsd has no KMIP keystore yet" },
	{ "KMIP_ROOT_CERT_PATH", "kbsd has no KMIP keystore yet" },
	{ "KMIP_SERVER_IP", "kbsd has no KMIP keystore yet" },
	{ "KMIP_SERVER_PORT", "kbsd has no KMIP keystore yet" },
	{ "KMIP_HOSTNAME", "kbsd has no KMIP keystore yet" },
	{ "KMIP_USERNAME", "kbsd has no KMIP keystore yet" },
	{ "KMIP_PASSWORD", "kbsd has no KMIP keystore yet" },
	{ "KMIP_VERSION", "kbsd has no KMIP keystore yet" },
};

#define NNAMES	(sizeof(names) / sizeof(names[0]))

struct environment {
	const char	*directory;
	char		 values[NNAMES][VALUE_MAX];	/* "": not there */
	struct wbuf	 conf, password, api_key;
};

/* --- reading ------------------------------------------------------------- */

static void
unquote(char *value)
{
	size_t	 len = strlen(value);

	if (len < 2 || (value[0] != '"' && value[0] != '\'') ||
	    value[len - 1] != value[0])
		return;
	value[len - 1] = '\0';
	memmove(value, value + 1, len - 1);
}

/* NAME=value, as a shell or a container's runtime takes it. */
static void
line_read(struct environment *e, const char *path, unsigned int n, char *line)
{
	char	*value;
	size_t	 i;

	line[strcspn(line, "\r")] = '\0';
	line += strspn(line, " \t");
	if (line[0] == '\0' || line[0] == '#')
		return;
	if (strncmp(line, "export ", 7) == 0)
		line += 7;
	if ((value = strchr(line, '=')) == NULL)
		die("%s:%u: no NAME=value", path, n);
	*value++ = '\0';
	for (i = 0; i < NNAMES && strcmp(names[i].text, line) != 0; i++)
		continue;
	if (i == NNAMES)
		die("%s:%u: %s is not known", path, n, line);
	if (strlcpy(e->values[i], value, VALUE_MAX) >= VALUE_MAX)
		die("%s:%u: %s is too long", path, n, line);
	unquote(e->values[i]);
	if (strpbrk(e->values[i], "\"\\\n\r") != NULL)
		die("%s:%u: %s has a quote or a backslash in it", path, n,
		    line);
}

/* --- the configuration --------------------------------------------------- */

static void
put(struct wbuf *w, const char *text)
{
	wb_raw(w, text, strlen(text));
}

/* A line with the value in its middle, when there is one. */
static void
put_value(struct environment *e, const char *before, enum name name,
    const char *after)
{
	if (e->values[name][0] == '\0')
		return;
	put(&e->conf, before);
	put(&e->conf, e->values[name]);
	put(&e->conf, after);
}

static void
put_file(struct environment *e, const char *before, const char *name)
{
	put(&e->conf, before);
	put(&e->conf, e->directory);
	put(&e->conf, name);
	put(&e->conf, "\"\n");
}

static unsigned int
minutes(const struct environment *e, enum name name, unsigned int least,
    unsigned int most, unsigned int otherwise)
{
	const char	*why, *value = e->values[name];
	unsigned int	 n;

	if (value[0] == '\0')
		return (otherwise);
	n = (unsigned int)strtonum(value, least, most, &why);
	if (why != NULL)
		die("%s=%s: %s: it must be %u to %u", names[name].text, value,
		    why, least, most);
	return (n);
}

static void
put_names(struct environment *e)
{
	char	*rest = e->values[SAN_LIST], *name;

	if (rest[0] == '\0')
		return;
	put(&e->conf, "tls names");
	while ((name = strsep(&rest, ", ")) != NULL)
		if (name[0] != '\0') {
			put(&e->conf, " \"");
			put(&e->conf, name);
			put(&e->conf, "\"");
		}
	put(&e->conf, "\n");
}

static void
put_login(struct environment *e)
{
	char	 text[160];

	(void)snprintf(text, sizeof(text), "login { attempts %u within %um "
	    "lockout %um token lifetime %um }\n",
	    minutes(e, ATTEMPTS, 1, 1000, 5),
	    minutes(e, INTERVAL, 1, 1440, 5),
	    minutes(e, LOCKOUT, 1, 1440, 15),
	    minutes(e, TOKEN_MINUTES, 1, 30, 5));
	put(&e->conf, text);
}

static void
put_administrator(struct environment *e)
{
	if (e->values[ADMIN_USERNAME][0] == '\0')
		return;
	if (e->values[ADMIN_PASSWORD][0] == '\0')
		die("ADMIN_USERNAME is there, but no ADMIN_PASSWORD");
	put_value(e, "administrator \"", ADMIN_USERNAME, "\"");
	put_file(e, " password file \"", "/admin.password");
	put(&e->password, e->values[ADMIN_PASSWORD]);
	put(&e->password, "\n");
}

static void
put_attestation(struct environment *e)
{
	if (e->values[ITA_API_URL][0] == '\0')
		return;
	if (e->values[ITA_BASE_URL][0] == '\0' ||
	    e->values[ITA_API_KEY][0] == '\0')
		die("TRUSTAUTHORITY_API_URL is there, but no "
		    "TRUSTAUTHORITY_BASE_URL or TRUSTAUTHORITY_API_KEY");
	put(&e->conf, "attestation \"ita\" {\n");
	put_value(e, "\ttrust authority api \"", ITA_API_URL, "\"\n");
	put_value(e, "\tbase \"", ITA_BASE_URL, "\"\n");
	put_file(e, "\tapi key file \"", "/ita.key");
	put_file(e, "\troot \"", "/ita-root.pem");
	put_value(e, "\tproxy \"", e->values[PROXY_HTTPS][0] != '\0' ?
	    PROXY_HTTPS : PROXY_HTTP, "\"\n");
	put(&e->conf, "}\n");
	put(&e->api_key, e->values[ITA_API_KEY]);
	put(&e->api_key, "\n");
}

static void
convert(struct environment *e)
{
	char	 text[64];

	put(&e->conf, "# Made by `kbsctl import'.\n");
	if (strcasecmp(e->values[LOG_LEVEL], "debug") == 0)
		put(&e->conf, "verbose 1\n");
	if (strcasecmp(e->values[LOG_LEVEL], "trace") == 0)
		put(&e->conf, "verbose 2\n");
	(void)snprintf(text, sizeof(text), "listen on * port %u\n",
	    minutes(e, SERVICE_PORT, 1, 65535, 9443));
	put(&e->conf, text);
	put_names(e);
	put_administrator(e);
	put_login(e);
	put_attestation(e);
	if (e->conf.failed || e->password.failed || e->api_key.failed)
		no_memory();
}

/* --- files --------------------------------------------------------------- */

static char *
path_of(const struct environment *e, const char *name)
{
	char	*path;

	if (asprintf(&path, "%s/%s", e->directory, name) == -1)
		no_memory();
	return (path);
}

/* Only what is the same may be there already. */
static void
file_check(const struct environment *e, const char *name,
    const struct wbuf *w)
{
	char	*path = path_of(e, name);
	uint8_t	*have;
	size_t	 len;

	if (w->len > 0 && access(path, F_OK) == 0) {
		have = input_file(path, ENV_MAX, &len);
		if (len != w->len || memcmp(have, w->data, len) != 0)
			die("%s is there, and is something else: nothing was "
			    "changed", path);
		freezero(have, len);
	}
	free(path);
}

/* On the disk as a whole, or not at all. */
static void
file_write(const struct environment *e, const char *name,
    const struct wbuf *w)
{
	char	*path = path_of(e, name), *fresh = path_of(e, ".kbsctl");
	int	 fd;

	if (w->len > 0) {
		(void)unlink(fresh);
		if ((fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600)) == -1 ||
		    write(fd, w->data, w->len) != (ssize_t)w->len ||
		    fsync(fd) == -1 || close(fd) == -1 ||
		    rename(fresh, path) == -1)
			die("%s: %s", path, strerror(errno));
		if (!options.quiet && !options.json)
			printf("wrote %s\n", path);
	}
	free(fresh);
	free(path);
}

struct environment *
environment_read(const char *path, const char *directory)
{
	struct environment	*e;
	struct stat		 st;
	uint8_t			*text;
	char			*rest, *line;
	unsigned int		 n = 0;
	size_t			 len;

	if (directory[0] != '/' || strpbrk(directory, "\"\\\n") != NULL)
		die("%s: --output wants an absolute path", directory);
	if (stat(directory, &st) == -1)
		die("%s: %s", directory, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		die("%s: not a directory", directory);
	if ((e = calloc(1, sizeof(*e))) == NULL)
		no_memory();
	e->directory = directory;
	text = input_file(path, ENV_MAX, &len);
	if (memchr(text, '\0', len) != NULL)
		die("%s: a NUL is in it", path);
	rest = (char *)text;
	while ((line = strsep(&rest, "\n")) != NULL)
		line_read(e, path, ++n, line);
	freezero(text, len);
	convert(e);
	file_check(e, "kbsd.conf", &e->conf);
	file_check(e, "admin.password", &e->password);
	file_check(e, "ita.key", &e->api_key);
	return (e);
}

void
environment_write(struct environment *e)
{
	size_t	 i;

	file_write(e, "admin.password", &e->password);
	file_write(e, "ita.key", &e->api_key);
	file_write(e, "kbsd.conf", &e->conf);
	for (i = 0; i < NNAMES; i++)
		if (e->values[i][0] != '\0' && names[i].less != NULL)
			log_warnx("%s is not taken: %s", names[i].text,
			    names[i].less);
	if (e->api_key.len > 0)
		log_warnx("%s/ita-root.pem must be put there: the root "
		    "certificate of the service's token signing keys, which "
		    "that server took on trust", e->directory);
	wb_free(&e->conf);
	wb_free(&e->password);
	wb_free(&e->api_key);
	freezero(e, sizeof(*e));
}

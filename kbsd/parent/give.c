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
 * What each kind of process is told and given at its start: the bodies of
 * CONFIG and the roles of descriptors as kbsd.h lists them.
 */

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

#define BCRYPT_COST	10

/* Who runs as the user that may touch keys. */
static const uint8_t keyuser[PROC_MAX] = {
	[PROC_SIGNER] = 1, [PROC_AUTH] = 1, [PROC_HASHER] = 1,
	[PROC_STORE] = 1, [PROC_AUDIT] = 1, [PROC_ENGINE] = 1,
	[PROC_MAKER] = 1, [PROC_KMS] = 1,
};

uid_t
give_uid(const struct child *c)
{
	return (keyuser[c->kind] ? c->set->users.keyuid : c->set->users.uid);
}

/*
 * A module's files are anywhere: so Landlock's rules take the place of the
 * chroot.
 */
static uint8_t
give_keystore(uint8_t flags, const struct keystore *k)
{
	if (k->type == KEYSTORE_VAULT || k->type == KEYSTORE_KMIP ||
	    k->network)
		flags |= START_OUTSIDE;
	if (keystore_is_module(k))
		flags = (flags & ~START_CHROOT) | START_MODULE;
	return (flags);
}

/* Collateral comes from outside, or lies where the fetcher stands. */
static uint8_t
give_attestation(uint8_t flags, const struct attestation *a)
{
	return (flags | (a->collateral_dir != NULL ? START_READ :
	    START_OUTSIDE));
}

/* Where it stands. */
static const char *
give_directory(const struct child *c)
{
	const struct config		*conf = c->set->conf;
	const struct attestation	*a = c->object;
	const struct keystore		*k = c->object;

	if (c->kind == PROC_STORE)
		return (files_path(conf, "store"));
	if (c->kind == PROC_KMS)
		return (files_path(conf, "kms-%s", k->name));
	if (c->kind == PROC_FETCHER && a->collateral_dir != NULL)
		return (a->collateral_dir);
	return (files_path(conf, "empty"));
}

static int
give_start(struct child *c)
{
	const struct users	*users = &c->set->users;
	struct wbuf		 w = { 0 };
	char			 title[128];
	uint8_t			 flags = 0;

	if (users->drop)
		flags |= START_CHROOT | START_DROP;
	if (c->kind == PROC_STORE || c->kind == PROC_KMS)
		flags |= START_FILES;
	if (c->kind == PROC_FETCHER)
		flags = give_attestation(flags, c->object);
	if (c->kind == PROC_KMS)
		flags = give_keystore(flags, c->object);
	wb_u32(&w, c->kind);
	wb_u32(&w, c->instance);
	wb_u32(&w, c->front);
	wb_u32(&w, c->set->number);
	wb_u32(&w, give_uid(c));
	wb_u32(&w, keyuser[c->kind] ? users->keygid : users->gid);
	wb_u8(&w, flags);
	wb_u8(&w, (uint8_t)log_getverbose());
	wb_str(&w, give_directory(c));
	snprintf(title, sizeof(title), "%s %u", process_name(c->kind),
	    c->instance);
	wb_str(&w, title);
	return (child_send(c, IMSG_PROCESS_START, &w));
}

/* What is to follow CONFIG, which says what the descriptors are for. */
static struct {
	enum descriptor_role	 role;
	int			 fd;
}		 given[SECRET_FILES_MAX];
static size_t	 ngiven;

/* fd is taken over; -1 (already logged) is passed on. */
int
give_fd(enum descriptor_role role, int fd)
{
	if (fd == -1)
		return (-1);
	if (ngiven == SECRET_FILES_MAX) {
		log_warnx("too many files for one process");
		close(fd);
		return (-1);
	}
	given[ngiven].role = role;
	given[ngiven++].fd = fd;
	return (0);
}

static int
give_fds(struct child *c)
{
	struct wbuf	 w = { 0 };
	size_t		 i;
	int		 error = 0;

	for (i = 0; i < ngiven; i++) {
		wb_u32(&w, given[i].role);
		if (edge_send_fd(c->edge, IMSG_PROCESS_DESCRIPTOR, &w,
		    given[i].fd) == -1)
			error = -1;
	}
	ngiven = 0;
	return (error);
}

void
give_words(struct wbuf *w, const struct words *words)
{
	const struct word	*word;
	uint32_t		 n = 0;

	TAILQ_FOREACH(word, words, entry)
		n++;
	wb_u32(w, n);
	TAILQ_FOREACH(word, words, entry)
		wb_str(w, word->text);
}

static void
give_keystores(struct wbuf *w, const struct config *conf)
{
	const struct keystore	*k;
	uint32_t		 n = 0;

	TAILQ_FOREACH(k, &conf->keystores, entry)
		n++;
	wb_u32(w, n);
	TAILQ_FOREACH(k, &conf->keystores, entry)
		wb_str(w, k->name);
}

/* A self-made certificate, which clients are given. */
static int
give_own_certificate(const struct config *conf)
{
	int	 fd;

	fd = open(files_path(conf, "tls.crt"), O_RDWR | O_CREAT | O_CLOEXEC |
	    O_NOFOLLOW, 0644);
	if (fd == -1 || fchmod(fd, 0644) == -1)
		log_warn("%s", files_path(conf, "tls.crt"));
	return (give_fd(FD_TLS_CERT, fd));
}

static int
give_certificates(const struct config *conf)
{
	const struct certificate	*c;

	if (TAILQ_EMPTY(&conf->certificates))
		return (give_own_certificate(conf));
	TAILQ_FOREACH(c, &conf->certificates, entry)
		if (give_fd(FD_TLS_CERT, files_public(c->cert)) == -1)
			return (-1);
	return (0);
}

static int
give_listener(const struct listener *l)
{
	if (give_fd(FD_LISTEN, fcntl(l->fd, F_DUPFD_CLOEXEC, 0)) == -1)
		return (-1);
	if (l->client_ca != NULL && give_fd(FD_CLIENT_CA,
	    files_public(l->client_ca)) == -1)
		return (-1);
	if (l->client_crl != NULL && give_fd(FD_CLIENT_CRL,
	    files_public(l->client_crl)) == -1)
		return (-1);
	return (0);
}

/* Those of its role. */
static int
give_listeners(struct child *c)
{
	const struct listener	*l;

	TAILQ_FOREACH(l, &c->set->conf->listeners, entry)
		if (l->role == c->role && give_listener(l) == -1)
			return (-1);
	return (0);
}

static int
give_metrics(struct child *c, struct wbuf *w)
{
	(void)w;
	return (give_listeners(c));
}

static int
give_frontend(struct child *c, struct wbuf *w)
{
	const struct config	*conf = c->set->conf;

	wb_u8(w, c->role);
	wb_u32(w, conf->prefork);
	wb_u32(w, conf->prefork);
	wb_limits(w, conf->limits);
	if (give_listeners(c) == -1)
		return (-1);
	return (give_certificates(conf));
}

static int
give_control(struct child *c, struct wbuf *w)
{
	wb_u32(w, c->set->conf->prefork);
	return (give_fd(FD_LISTEN, fcntl(c->set->control_fd,
	    F_DUPFD_CLOEXEC, 0)));
}

static int
give_signer(struct child *c, struct wbuf *w)
{
	const struct config		*conf = c->set->conf;
	const struct certificate	*pair;

	give_words(w, &conf->tls_names);
	if (TAILQ_EMPTY(&conf->certificates)) {
		if (give_fd(FD_TLS_KEY, files_secret(files_path(conf,
		    "keys/tls.key"), 1)) == -1)
			return (-1);
		return (give_own_certificate(conf));
	}
	TAILQ_FOREACH(pair, &conf->certificates, entry)
		if (give_fd(FD_TLS_KEY, files_secret(pair->key, 0)) == -1 ||
		    give_fd(FD_TLS_CERT, files_public(pair->cert)) == -1)
			return (-1);
	return (0);
}

/* Whoever keeps a secret seals it for backups by itself. */
int
give_recipient(const struct config *conf)
{
	if (conf->recipient == NULL)
		return (0);
	return (give_fd(FD_BACKUP_RECIPIENT, files_public(conf->recipient)));
}

/* Whose tokens count besides our own. */
static int
give_idps(struct wbuf *w, const struct config *conf)
{
	const struct idp		*i;
	const struct idp_role		*role;
	uint32_t			 n = 0;

	TAILQ_FOREACH(i, &conf->idps, entry)
		n++;
	wb_u32(w, n);
	TAILQ_FOREACH(i, &conf->idps, entry) {
		wb_str(w, i->url);
		wb_str(w, i->audience);
		wb_str(w, i->claim);
		wb_u32(w, i->lifetime);
		n = 0;
		TAILQ_FOREACH(role, &i->roles, entry)
			n++;
		wb_u32(w, n);
		TAILQ_FOREACH(role, &i->roles, entry) {
			wb_str(w, role->name);
			wb_u32(w, role->permissions);
		}
		if (give_fd(FD_IDP_JWKS, files_public(i->jwks)) == -1)
			return (-1);
	}
	return (0);
}

/*
 * auth would make a new seal key, and then believe none of the rows.  It can't
 * see whether there are any; its key is older than the database.
 */
static int
give_seal_key(const struct config *conf)
{
	if (files_empty(files_path(conf, "keys/seal.key")) &&
	    !files_empty(files_path(conf, "store/store.db"))) {
		log_warnx("%s is missing or empty, but store/store.db holds "
		    "what was sealed with it: bring back the file, none is "
		    "made", files_path(conf, "keys/seal.key"));
		return (-1);
	}
	return (give_fd(FD_SEAL_KEY, files_secret(files_path(conf,
	    "keys/seal.key"), 1)));
}

static int
give_auth(struct child *c, struct wbuf *w)
{
	const struct config	*conf = c->set->conf;

	wb_u32(w, conf->lifetime);
	wb_u32(w, conf->attempts);
	wb_u32(w, conf->interval);
	wb_u32(w, conf->lockout);
	wb_str(w, conf->administrator);
	wb_u32(w, conf->prefork);
	wb_u32(w, conf->limits[LIMIT_USER_RATE]);
	wb_u32(w, conf->limits[LIMIT_USER_BURST]);
	give_keystores(w, conf);
	if (give_idps(w, conf) == -1)
		return (-1);
	if (conf->admin_password != NULL && give_fd(FD_ADMIN_PASSWORD,
	    files_secret(conf->admin_password, 0)) == -1)
		return (-1);
	if (give_fd(FD_TOKEN_KEY, files_secret(files_path(conf,
	    "keys/token.key"), 1)) == -1 || give_recipient(conf) == -1)
		return (-1);
	return (give_seal_key(conf));
}

static int
give_hasher(struct child *c, struct wbuf *w)
{
	(void)c;
	wb_u32(w, BCRYPT_COST);
	return (0);
}

static int
give_broker(struct child *c, struct wbuf *w)
{
	const struct config	*conf = c->set->conf;

	wb_u32(w, conf->prefork);
	wb_u8(w, 1);
	wb_u8(w, (uint8_t)conf->require_nonce);
	wb_u8(w, (uint8_t)conf->audit_optional);
	give_keystores(w, conf);
	return (0);
}

static int
give_store(struct child *c, struct wbuf *w)
{
	(void)c;
	(void)w;
	return (0);
}

static void
give_sinks(struct wbuf *w, const struct config *conf)
{
	const struct audit_sink	*s;
	char			 before[32];
	uint32_t		 n = 0;

	TAILQ_FOREACH(s, &conf->sinks, entry)
		n++;
	wb_u32(w, n);
	TAILQ_FOREACH(s, &conf->sinks, entry) {
		snprintf(before, sizeof(before), "<%d>kbsd: audit: ",
		    s->facility | LOG_INFO);
		wb_str(w, s->path == NULL ? "syslog" : s->path);
		wb_str(w, s->path == NULL ? before : "");
	}
}

static int
give_audit(struct child *c, struct wbuf *w)
{
	const struct config	*conf = c->set->conf;
	const struct audit_log	*log = &c->set->log;
	int			 fd, last;

	if ((fd = audit_open(c, &last)) == -1)
		return (-1);
	if (last != -1 && give_fd(FD_AUDIT_LOG, last) == -1) {
		close(fd);
		return (-1);
	}
	wb_u32(w, log->generation);
	wb_u64(w, log->end.n);
	wb_digest(w, log->end.digest);
	give_sinks(w, conf);
	wb_u8(w, (uint8_t)conf->audit_optional);
	give_keystores(w, conf);
	return (give_fd(FD_AUDIT_LOG, fd));
}

static int	(*const give[PROC_MAX])(struct child *, struct wbuf *) = {
	[PROC_FRONTEND] = give_frontend,
	[PROC_GATE] = give_frontend,
	[PROC_CONTROL] = give_control,
	[PROC_SIGNER] = give_signer,
	[PROC_AUTH] = give_auth,
	[PROC_HASHER] = give_hasher,
	[PROC_BROKER] = give_broker,
	[PROC_STORE] = give_store,
	[PROC_AUDIT] = give_audit,
	[PROC_VERIFIER] = give_verifier,
	[PROC_FETCHER] = give_fetcher,
	[PROC_ENGINE] = give_engine,
	[PROC_MAKER] = give_engine,
	[PROC_KMS] = give_kms,
	[PROC_METRICS] = give_metrics,
};

int
give_child(struct child *c)
{
	struct wbuf	 w = { 0 };

	if (give_start(c) == -1)
		return (-1);
	if (give[c->kind](c, &w) == -1) {
		wb_free(&w);
		while (ngiven > 0)
			close(given[--ngiven].fd);
		return (-1);
	}
	if (child_send(c, IMSG_PROCESS_CONFIG, &w) == -1 ||
	    give_fds(c) == -1)
		return (-1);
	return (child_send(c, IMSG_PROCESS_GO, &w));
}

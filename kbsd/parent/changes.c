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
 * What differs between two configurations, as lines for who asked for a reload
 * and for the log.  The tables here name what there is: a member that stands
 * in none of them changes in silence.
 */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "parent.h"

enum member_kind {
	MEMBER_TEXT,
	MEMBER_NUMBER,
	MEMBER_WORDS,
	MEMBER_ROLES,		/* of an issuer */
	MEMBER_CLAIMS,		/* of a block that takes tokens */
	MEMBER_FILE,		/* its path; and it is looked at */
	MEMBER_WATCHED,		/* the same, also while nobody reloads */
	MEMBER_CERTIFICATE	/* the same, and it may be told which it is */
};

struct member {
	const char		*what;
	enum member_kind	 kind;
	size_t			 at;
};

#define M(s, m, kind, what)	{ what, MEMBER_##kind, offsetof(struct s, m) }
#define L(limit, what)	{ what, MEMBER_NUMBER,				\
			    offsetof(struct config, limits) +		\
			    LIMIT_##limit * sizeof(uint32_t) }
#define NMEMBERS(a)		(sizeof(a) / sizeof((a)[0]))

static const struct member of_config[] = {
	M(config, directory,	  TEXT,   "directory"),
	M(config, control_path,	  TEXT,   "control socket"),
	M(config, control_group,  TEXT,   "control socket group"),
	M(config, tls_names,	  WORDS,  "tls names"),
	M(config, watch,	  NUMBER, "tls watch"),
	M(config, administrator,  TEXT,   "administrator"),
	M(config, admin_password, FILE,   "administrator password file"),
	M(config, recipient,	  FILE,   "backup recipient"),
	M(config, prefork,	  NUMBER, "prefork"),
	M(config, attempts,	  NUMBER, "login attempts"),
	M(config, interval,	  NUMBER, "login attempts within"),
	M(config, lockout,	  NUMBER, "login lockout"),
	M(config, lifetime,	  NUMBER, "login token lifetime"),
	L(CONNECTIONS,		  "limit of connections"),
	L(ADDRESS_CONNECTIONS,	  "limit of connections per address"),
	L(ADDRESS_RATE,		  "limit of requests per address"),
	L(ADDRESS_BURST,	  "burst per address"),
	L(USER_RATE,		  "limit of requests per user"),
	L(USER_BURST,		  "burst per user"),
	L(HEADER_SIZE,		  "limit of header"),
	L(BODY_SIZE,		  "limit of body"),
	L(HANDSHAKE_TIME,	  "timeout handshake"),
	L(HEADER_TIME,		  "timeout header"),
	L(BODY_TIME,		  "timeout body"),
	L(IDLE_TIME,		  "timeout idle"),
	L(WRITE_TIME,		  "timeout write"),
	M(config, audit_path,	  TEXT,   "audit log"),
	M(config, audit_optional, NUMBER, "audit optional"),
	M(config, require_nonce,  NUMBER, "require nonce"),
	M(config, user,		  TEXT,   "user"),
	M(config, keyuser,	  TEXT,   "keyuser"),
	M(config, log_format,	  NUMBER, "log format"),
	M(config, verbose,	  NUMBER, "verbose"),
};

static const struct member of_listener[] = {
	M(listener, role,	  NUMBER,  "role"),
	M(listener, insecure,	  NUMBER,  "insecure"),
	M(listener, client_ca,	  WATCHED, "client ca"),
	M(listener, client_crl,	  WATCHED, "client crl"),
};

static const struct member of_certificate[] = {
	M(certificate, cert,	  CERTIFICATE, "certificate"),
	M(certificate, key,	  WATCHED, "key"),
};

static const struct member of_idp[] = {
	M(idp, jwks,		  FILE,   "jwks file"),
	M(idp, audience,	  TEXT,   "audience"),
	M(idp, claim,	  TEXT,   "claim"),
	M(idp, lifetime,	  NUMBER, "lifetime"),
	M(idp, roles,	  ROLES,  "role"),
};

static const struct member of_attestation[] = {
	M(attestation, api,	    TEXT,   "trust authority api"),
	M(attestation, base,	    TEXT,   "base"),
	M(attestation, api_key,	    FILE,   "api key file"),
	M(attestation, root,	    FILE,   "root"),
	M(attestation, pin,	    NUMBER, "pin"),
	M(attestation, ca,	    FILE,   "ca"),
	M(attestation, issuer,	    TEXT,   "issuer"),
	M(attestation, audience,    TEXT,   "audience"),
	M(attestation, proxy,	    TEXT,   "proxy"),
	M(attestation, jwks,	    FILE,   "jwks file"),
	M(attestation, jwks_url,    TEXT,   "jwks"),
	M(attestation, algorithm,   TEXT,   "algorithm"),
	M(attestation, renames,	    NUMBER, "claims"),
	M(attestation, claims,	    CLAIMS, "rows of claims"),
	M(attestation, kind,	    NUMBER, "kind"),
	M(attestation, collateral,  TEXT,   "collateral from"),
	M(attestation, collateral_dir, TEXT, "collateral directory"),
	M(attestation, version,	    NUMBER, "api version"),
	M(attestation, retry_least, NUMBER, "retry wait"),
	M(attestation, retry_most,  NUMBER, "retry wait to"),
	M(attestation, refetch,	    NUMBER, "refetch"),
	M(attestation, crl_hosts,   WORDS,  "crl host"),
};

static const struct member of_keystore[] = {
	M(keystore, type,	 NUMBER, "type"),
	M(keystore, cache,	 NUMBER, "cache"),
	M(keystore, master_key,	 FILE,   "master key file"),
	M(keystore, urls,	 WORDS,  "url"),
	M(keystore, mount,	 TEXT,   "mount"),
	M(keystore, namespace,	 TEXT,   "namespace"),
	M(keystore, version,	 NUMBER, "version"),
	M(keystore, role_id,	 TEXT,   "approle"),
	M(keystore, login,	 TEXT,   "approle mount"),
	M(keystore, secret,	 FILE,   "credential"),
	M(keystore, ca,		 FILE,   "ca"),
	M(keystore, insecure,	 NUMBER, "insecure"),
	M(keystore, server,	 TEXT,   "server"),
	M(keystore, port,	 NUMBER, "port"),
	M(keystore, tls_name,	 TEXT,   "server name"),
	M(keystore, username,	 TEXT,   "user"),
	M(keystore, protocols,	 TEXT,   "tls"),
	M(keystore, by_server,	 NUMBER, "keys by server"),
	M(keystore, activate,	 NUMBER, "activate"),
	M(keystore, cert,	 FILE,   "certificate"),
	M(keystore, key,	 FILE,   "key"),
	M(keystore, module,	 FILE,   "module"),
	M(keystore, token,	 TEXT,   "token"),
	M(keystore, kek,	 TEXT,   "key"),
	M(keystore, reads,	 WORDS,  "read"),
	M(keystore, writes,	 WORDS,  "write"),
	M(keystore, environment, WORDS,  "environment"),
	M(keystore, network,	 NUMBER, "network"),
};

/* --- blocks, of which there may be several ------------------------------- */

/* The one behind prev, or the first. */
#define WALK(name, list)						\
static const void *							\
walk_##list(const struct config *conf, const void *prev)		\
{									\
	const struct name	*p = prev;				\
									\
	return (p == NULL ? TAILQ_FIRST(&conf->list) :			\
	    TAILQ_NEXT(p, entry));					\
}

WALK(listener, listeners)
WALK(certificate, certificates)
WALK(idp, idps)
WALK(attestation, attestations)
WALK(keystore, keystores)
WALK(audit_sink, sinks)

static void
name_listener(const void *block, char *text, size_t size)
{
	const struct listener	*l = block;

	snprintf(text, size, "listener %s port %s", l->address, l->port);
}

static void
name_certificate(const void *block, char *text, size_t size)
{
	const struct certificate	*c = block;

	snprintf(text, size, "tls certificate \"%s\"", c->cert);
}

static void
name_idp(const void *block, char *text, size_t size)
{
	const struct idp	*i = block;

	snprintf(text, size, "administrators issuer \"%s\"", i->url);
}

static void
name_attestation(const void *block, char *text, size_t size)
{
	const struct attestation	*a = block;

	snprintf(text, size, "attestation \"%s\"", a->name);
}

static void
name_keystore(const void *block, char *text, size_t size)
{
	const struct keystore	*k = block;

	snprintf(text, size, "keystore \"%s\"", k->name);
}

static void
name_sink(const void *block, char *text, size_t size)
{
	const struct audit_sink	*s = block;

	if (s->path == NULL)
		snprintf(text, size, "audit to syslog facility %d",
		    s->facility);
	else
		snprintf(text, size, "audit to socket %s", s->path);
}

static const struct kind {
	const void	*(*walk)(const struct config *, const void *);
	/* What it is called; two of one name are the same. */
	void		 (*name)(const void *, char *, size_t);
	const struct member *members;
	size_t		 n;
} kinds[] = {
	{ walk_listeners, name_listener, of_listener,
	    NMEMBERS(of_listener) },
	{ walk_certificates, name_certificate, of_certificate,
	    NMEMBERS(of_certificate) },
	{ walk_idps, name_idp, of_idp, NMEMBERS(of_idp) },
	{ walk_attestations, name_attestation, of_attestation,
	    NMEMBERS(of_attestation) },
	{ walk_keystores, name_keystore, of_keystore, NMEMBERS(of_keystore) },
	{ walk_sinks, name_sink, NULL, 0 },
};

#define BLOCK_NAME_MAX	(PATH_MAX + 32)

static const void *
block_find(const struct kind *kind, const struct config *conf,
    const char *name)
{
	const void	*b = NULL;
	char		 text[BLOCK_NAME_MAX];

	while ((b = kind->walk(conf, b)) != NULL) {
		kind->name(b, text, sizeof(text));
		if (strcmp(text, name) == 0)
			return (b);
	}
	return (NULL);
}

/* --- members ------------------------------------------------------------- */

static const void *
member_at(const void *block, const struct member *m)
{
	return ((const char *)block + m->at);
}

static const char *
member_text(const void *block, const struct member *m)
{
	return (*(char *const *)member_at(block, m));
}

static unsigned int
member_number(const void *block, const struct member *m)
{
	return (*(const unsigned int *)member_at(block, m));
}

static int
same_text(const char *a, const char *b)
{
	return (a == NULL || b == NULL ? a == b : strcmp(a, b) == 0);
}

static int
same_words(const struct words *a, const struct words *b)
{
	const struct word	*v = TAILQ_FIRST(a), *w = TAILQ_FIRST(b);

	for (; v != NULL && w != NULL; v = TAILQ_NEXT(v, entry)) {
		if (strcmp(v->text, w->text) != 0)
			return (0);
		w = TAILQ_NEXT(w, entry);
	}
	return (v == NULL && w == NULL);
}

static int
same_roles(const struct idp *a, const struct idp *b)
{
	const struct idp_role	*v = TAILQ_FIRST(&a->roles);
	const struct idp_role	*w = TAILQ_FIRST(&b->roles);

	for (; v != NULL && w != NULL; v = TAILQ_NEXT(v, entry)) {
		if (strcmp(v->name, w->name) != 0 ||
		    v->permissions != w->permissions)
			return (0);
		w = TAILQ_NEXT(w, entry);
	}
	return (v == NULL && w == NULL);
}

static int
same_claims(const struct claims *a, const struct claims *b)
{
	const struct claim	*v = TAILQ_FIRST(a), *w = TAILQ_FIRST(b);

	for (; v != NULL && w != NULL; v = TAILQ_NEXT(v, entry)) {
		if (v->kind != w->kind || !same_text(v->name, w->name) ||
		    !same_text(v->value, w->value))
			return (0);
		w = TAILQ_NEXT(w, entry);
	}
	return (v == NULL && w == NULL);
}

/* The same path, and what is there is the same file. */
static int
same_file(const struct set *a, const char *old, const struct set *b,
    const char *fresh)
{
	const struct mark	*m, *n;

	if (!same_text(old, fresh))
		return (0);
	if (old == NULL || (m = mark_find(&a->marks, old)) == NULL ||
	    (n = mark_find(&b->marks, fresh)) == NULL)
		return (1);
	return (mark_same(m, n));
}

static int
member_same(const struct member *m, const struct set *a, const void *old,
    const struct set *b, const void *fresh)
{
	switch (m->kind) {
	case MEMBER_NUMBER:
		return (member_number(old, m) == member_number(fresh, m));
	case MEMBER_WORDS:
		return (same_words(member_at(old, m), member_at(fresh, m)));
	case MEMBER_CLAIMS:
		return (same_claims(member_at(old, m), member_at(fresh, m)));
	case MEMBER_ROLES:
		return (same_roles(old, fresh));
	case MEMBER_TEXT:
		return (same_text(member_text(old, m), member_text(fresh, m)));
	default:
		return (same_file(a, member_text(old, m), b,
		    member_text(fresh, m)));
	}
}

/* --- marks ---------------------------------------------------------------- */

static void
mark_members(struct marks *marks, const void *block,
    const struct member *members, size_t n)
{
	static const enum mark_kind	 as[] = {
		[MEMBER_FILE] = MARK_FILE,
		[MEMBER_WATCHED] = MARK_WATCHED,
		[MEMBER_CERTIFICATE] = MARK_CERTIFICATE,
	};
	size_t				 i;

	for (i = 0; i < n; i++)
		if (members[i].kind >= MEMBER_FILE &&
		    member_text(block, &members[i]) != NULL &&
		    credential_name(member_text(block, &members[i])) == NULL)
			mark_add(marks, member_text(block, &members[i]),
			    as[members[i].kind]);
}

void
changes_mark(struct set *set)
{
	const void	*b;
	size_t		 i;

	mark_members(&set->marks, set->conf, of_config, NMEMBERS(of_config));
	for (i = 0; i < NMEMBERS(kinds); i++)
		for (b = kinds[i].walk(set->conf, NULL); b != NULL;
		    b = kinds[i].walk(set->conf, b))
			mark_members(&set->marks, b, kinds[i].members,
			    kinds[i].n);
}

/* --- lines ---------------------------------------------------------------- */

static void	add_line(struct words *, const char *, ...)
		    __attribute__((format(printf, 2, 3)));

static void
add_line(struct words *lines, const char *fmt, ...)
{
	va_list	 ap;
	char	*text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		fatal("vasprintf");
	va_end(ap);
	if (words_add(lines, text) == -1)
		fatal("words_add");
	free(text);
}

static void
add_global(struct words *lines, const struct member *m, const void *old,
    const void *fresh)
{
	const char	*a, *b;

	if (m->kind == MEMBER_NUMBER)
		add_line(lines, "%s %u, was %u", m->what,
		    member_number(fresh, m), member_number(old, m));
	else if (m->kind == MEMBER_TEXT) {
		a = member_text(old, m);
		b = member_text(fresh, m);
		add_line(lines, "%s %s, was %s", m->what,
		    b == NULL ? "none" : b, a == NULL ? "none" : a);
	} else
		add_line(lines, "%s changed", m->what);
}

/* Which certificate it is, where that is known. */
static const char *
said(const struct set *set, const void *block, const struct member *m)
{
	const struct mark	*mark;

	if (m->kind != MEMBER_CERTIFICATE || (mark = mark_find(&set->marks,
	    member_text(block, m))) == NULL)
		return (NULL);
	return (mark->said);
}

/* "what, what", and for a certificate which one it is and was. */
static void
add_changed(struct words *lines, const struct kind *kind, const char *name,
    const struct set *a, const void *old, const struct set *b,
    const void *fresh)
{
	const struct member	*m;
	const char		*is, *was;
	struct wbuf		 w = { 0 };
	size_t			 i;

	for (i = 0; i < kind->n; i++) {
		m = &kind->members[i];
		if (member_same(m, a, old, b, fresh))
			continue;
		if (w.len > 0)
			wb_raw(&w, ", ", 2);
		wb_raw(&w, m->what, strlen(m->what));
		if ((is = said(b, fresh, m)) == NULL)
			continue;
		wb_raw(&w, " ", 1);
		wb_raw(&w, is, strlen(is));
		if ((was = said(a, old, m)) == NULL)
			continue;
		wb_raw(&w, ", was ", 6);
		wb_raw(&w, was, strlen(was));
	}
	if (w.failed)
		fatalx("no memory for what changed");
	if (w.len > 0)
		add_line(lines, "%s changed: %.*s", name, (int)w.len,
		    (const char *)w.data);
	wb_free(&w);
}

static void
add_added(struct words *lines, const struct kind *kind, const char *name,
    const struct set *set, const void *block)
{
	const char	*text = kind->n == 0 ? NULL :
			    said(set, block, &kind->members[0]);

	add_line(lines, "%s added%s%s", name, text == NULL ? "" : ": ",
	    text == NULL ? "" : text);
}

static void
find_blocks(struct words *lines, const struct kind *kind,
    const struct set *old, const struct set *fresh)
{
	const void	*b = NULL, *was;
	char		 name[BLOCK_NAME_MAX];

	while ((b = kind->walk(fresh->conf, b)) != NULL) {
		kind->name(b, name, sizeof(name));
		if ((was = block_find(kind, old->conf, name)) == NULL)
			add_added(lines, kind, name, fresh, b);
		else
			add_changed(lines, kind, name, old, was, fresh, b);
	}
	while ((b = kind->walk(old->conf, b)) != NULL) {
		kind->name(b, name, sizeof(name));
		if (block_find(kind, fresh->conf, name) == NULL)
			add_line(lines, "%s removed", name);
	}
}

/* What is first stands for what is not named. */
static void
find_first(struct words *lines, const struct kind *kind,
    const struct set *old, const struct set *fresh)
{
	const void	*a = kind->walk(old->conf, NULL);
	const void	*b = kind->walk(fresh->conf, NULL);
	char		 was[BLOCK_NAME_MAX], is[BLOCK_NAME_MAX];

	if (a == NULL || b == NULL)
		return;
	kind->name(a, was, sizeof(was));
	kind->name(b, is, sizeof(is));
	if (strcmp(was, is) != 0)
		add_line(lines, "%s is the first, was %s", is, was);
}

void
changes_find(struct words *lines, const struct set *old,
    const struct set *fresh)
{
	const struct member	*m;
	size_t			 i;

	for (i = 0; i < NMEMBERS(of_config); i++) {
		m = &of_config[i];
		if (!member_same(m, old, old->conf, fresh, fresh->conf))
			add_global(lines, m, old->conf, fresh->conf);
	}
	for (i = 0; i < NMEMBERS(kinds); i++) {
		find_blocks(lines, &kinds[i], old, fresh);
		if (kinds[i].walk != walk_listeners &&
		    kinds[i].walk != walk_idps && kinds[i].n > 0)
			find_first(lines, &kinds[i], old, fresh);
	}
	if (TAILQ_EMPTY(lines))
		add_line(lines, "nothing changed");
}

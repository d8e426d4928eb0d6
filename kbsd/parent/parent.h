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

#ifndef PARENT_H
#define PARENT_H

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <limits.h>
#include <netdb.h>
#include <stdint.h>
#include <time.h>

#include "kbsd.h"

#define PREFORK_MAX		32
#define SECRET_FILES_MAX	256
#define METRICS_PORT		9464

/* --- conf.c, parse.y: what kbsd.conf(5) says ---------------------------- */

struct listener {
	TAILQ_ENTRY(listener)	 entry;
	char			*address;	/* numeric or a name */
	char			 port[6];
	enum role		 role;
	int			 insecure;	/* role metrics: known to be */
	char			*client_ca;	/* file; NULL: none is asked */
	char			*client_crl;	/* file */
	int			 fd;		/* bound; -1 before */
};

/* A word that may stand several times. */
struct word {
	TAILQ_ENTRY(word)	 entry;
	char			*text;
};
TAILQ_HEAD(words, word);

/* A chain and its key.  The first is for names that no other one has. */
struct certificate {
	TAILQ_ENTRY(certificate) entry;
	char			*cert;		/* file */
	char			*key;		/* file */
};
TAILQ_HEAD(certificates, certificate);

/* What who has this role at an issuer may do here. */
struct idp_role {
	TAILQ_ENTRY(idp_role) entry;
	char			*name;
	uint32_t		 permissions;
};

/* By whose word others than our own users are administrators. */
struct idp {
	TAILQ_ENTRY(idp)	 entry;
	char			*url;
	char			*jwks;		/* file */
	char			*audience;
	char			*claim;		/* where the roles are */
	unsigned int		 lifetime;	/* s, at most */
	TAILQ_HEAD(, idp_role) roles;
};
TAILQ_HEAD(idps, idp);

/* A row of `claims': CLAIM_*, and two texts. */
struct claim {
	TAILQ_ENTRY(claim)	 entry;
	enum claim_row		 kind;
	char			*name;
	char			*value;
};
TAILQ_HEAD(claims, claim);

struct attestation {
	TAILQ_ENTRY(attestation) entry;
	char			*name;
	char			*api;
	char			*base;
	char			*api_key;	/* secret file */
	char			*root;		/* file */
	int			 pin;		/* taken at first use */
	char			*ca;		/* file */
	char			*issuer;
	char			*audience;
	char			*proxy;
	/* of tokens of another issuer; behind the services, files last */
	char			*jwks;		/* file, or */
	char			*jwks_url;	/* https */
	char			*algorithm;	/* of RSA keys; NULL */
	int			 renames;	/* there is a block `claims' */
	struct claims		 claims;
	/* of evidence that is judged here, behind all others; else SERVICE */
	enum fetcher_kind	 kind;
	char			*collateral;	/* URL of who has it, or */
	char			*collateral_dir;	/* where it lies */
	unsigned int		 version;	/* of the API: 1 or 2 */
	unsigned int		 retry_least;	/* ms */
	unsigned int		 retry_most;
	unsigned int		 refetch;	/* s */
	struct words		 crl_hosts;
};

struct keystore {
	TAILQ_ENTRY(keystore)	 entry;
	char			*name;
	enum keystore_type	 type;
	unsigned int		 cache;		/* s; 0: nothing is kept */
	char			*master_key;	/* local: file; NULL: our own */
	/* vault */
	struct words		 urls;
	char			*mount;
	char			*namespace;
	unsigned int		 version;	/* of KV, 10 times of KMIP; */
						/* 0: to be asked */
	char			*role_id;	/* NULL: a token */
	char			*login;		/* where AppRole is mounted */
	char			*secret;	/* file: token, secret id, */
						/* password */
	char			*ca;
	int			 insecure;
	/* kmip */
	char			*server;
	unsigned int		 port;
	char			*tls_name;	/* NULL: server */
	char			*username;	/* NULL: no credential */
	char			*protocols;
	int			 by_server;	/* it makes the keys */
	int			 activate;
	char			*cert;
	char			*key;
	/* pkcs11; secret is its PIN */
	char			*module;
	char			*token;		/* label */
	char			*kek;		/* label of the key in it */
	struct words		 reads;		/* what the module works on */
	struct words		 writes;
	struct words		 environment;	/* NAME=value */
	int			 network;	/* it makes connections */
};

/* Where audit lines go besides the log. */
struct audit_sink {
	TAILQ_ENTRY(audit_sink)	 entry;
	char			*path;		/* of a socket; NULL: syslog */
	int			 facility;	/* of syslog(3) */
};

struct config {
	char			*directory;
	char			*control_path;
	char			*control_group;	/* NULL: only the owner */
	TAILQ_HEAD(, listener)	 listeners;
	struct certificates	 certificates;	/* none: our own */
	unsigned int		 watch;		/* s; 0: files are not */
	struct words		 tls_names;	/* of a self-made certificate */
	char			*administrator;
	char			*admin_password;	/* file */
	struct idps		 idps;
	char			*recipient;	/* of backups; NULL: none */
	unsigned int		 prefork;
	TAILQ_HEAD(attestations, attestation) attestations;
	TAILQ_HEAD(, keystore)	 keystores;
	unsigned int		 attempts;
	unsigned int		 interval;	/* s */
	unsigned int		 lockout;	/* s */
	unsigned int		 lifetime;	/* s */
	uint32_t		 limits[LIMIT_MAX];
	char			*audit_path;
	int			 audit_optional;
	TAILQ_HEAD(, audit_sink) sinks;
	int			 require_nonce;
	char			*user;		/* _kbsd */
	char			*keyuser;	/* _kbsdkey */
	int			 log_format;	/* LOG_FORMAT_* */
	int			 verbose;
	unsigned int		 refs;		/* sets that run by it */
};

enum log_format { LOG_FORMAT_PLAIN, LOG_FORMAT_KEYS, LOG_FORMAT_JSON,
	LOG_FORMAT_MAX };

/* Defaults, before the file is read. */
struct config	*config_new(void);
/* One more that will free it. */
struct config	*config_ref(struct config *);
void		 config_free(struct config *);
/*
 * Fill in what the file left out and check what only makes sense as a whole;
 * -1 with a line in the log for each thing that is wrong.
 */
int		 config_finish(struct config *);
int		 words_add(struct words *, const char *);
void		 words_free(struct words *);
/* Of syslog(3), and of log lines, by their names; -1: there is none. */
int		 facility_number(const char *);
const char	*facility_name(int);
int		 format_number(const char *);
const char	*format_name(int);
/* What is in force, where the file says nothing of it, too. */
uint32_t	 config_limit(const struct config *, int limit);
/* In the place of a secret file's path: the name of a credential follows. */
#define CREDENTIAL_PREFIX	"credential:"

/* That name; NULL: it is a path. */
const char	*credential_name(const char *path);
/* Give a text that the file left out this value; dies without memory. */
void		 conf_default(char **, const char *value);
/* Both texts as one, malloc'd; dies without memory. */
char		*conf_join(const char *, const char *);
/* The file of whom clients trust where the configuration names none. */
const char	*conf_ca(void);
/* Is this, before a port or path, an address of this machine alone? */
int		 conf_loopback(const char *);

/* --- conf_keystore.c: what its types must have --------------------------- */

/* Its lists, empty. */
void		 keystore_init(struct keystore *);
void		 keystore_free(struct keystore *);
/* "local", where the file has none. */
void		 keystore_default(struct config *);
/* Does a PKCS#11 module stand behind it? */
int		 keystore_is_module(const struct keystore *);
/* Defaults and checks of each; as config_finish(). */
int		 keystores_check(struct config *);

/* --- conf_attestation.c: who judges evidence ------------------------------ */

/* Of a block that judges here, in the configuration: "dcap". */
const char	*kind_word(enum fetcher_kind);
void		 attestation_free(struct attestation *);
/* Defaults and checks of each, and their order; as config_finish(). */
int		 attestations_finish(struct config *);
/* -1 with log: it is no plain https URL. */
int		 check_url(const char *block, const char *what,
		    const char *url);
/* -1 with log: the least of its waits is more than the most. */
int		 check_retry(const struct attestation *);

/* --- place.c: what the configuration leaves open; malloc'd ---------------- */

char		*config_directory(void);
char		*config_control(const struct config *);

/* --- print.c ------------------------------------------------------------- */

/* `kbsd -nv': print it back in the language of the file. */
void		 config_print(const struct config *);
void		 print_quoted(const char *);
/* Nothing where value is NULL. */
void		 print_word(const char *before, const char *value);
void		 print_list(const char *before, const struct words *);
/* A file that is a key, or a credential. */
void		 print_key(const char *before, const char *path);

/* --- certificates.c ------------------------------------------------------ */

/* Both words are taken over. */
void		 certificate_add(struct config *, char *cert, char *key);
/* Of certificates and listeners, as config_finish(). */
int		 certificates_check(const struct config *);
void		 certificates_free(struct config *);
void		 certificates_print(const struct config *);
void		 listener_print(const struct listener *);

/* --- idps.c: issuers of administrators ------------------------------------ */

/* The word is taken over. */
struct idp	*idp_add(struct config *, char *url);
void		 idp_role_add(struct idp *, char *name,
		    uint32_t permissions);
/* As config_finish(). */
int		 idps_check(const struct config *);
void		 idps_free(struct config *);
void		 idps_print(const struct config *);

/* --- issuer.c: blocks that take tokens of other issuers ------------------ */

/* Does it take tokens by a key set? */
int		 issuer_is(const struct attestation *);
/* Takes over both texts; -1 without memory. */
int		 issuer_claim(struct attestation *, enum claim_row, char *,
		    char *);
void		 issuer_free(struct attestation *);
/* -1 with a line in the log for each thing that is wrong with one. */
int		 issuer_check(const struct attestation *);
/* That no two take tokens of one issuer; likewise. */
int		 issuer_unique(const struct config *);
void		 issuer_print(const struct attestation *);
/* Its part of a verifier's CONFIG. */
void		 issuer_give(struct wbuf *, const struct attestation *);

/* --- env.c: the reference server's environment --------------------------- */

/* Take its variables; the secret ones stand nowhere else from then on. */
void		 env_init(void);
/* Are there any of its variables, without which it does not start? */
int		 env_present(void);
/*
 * The path of the configuration that is made of them; their secrets become
 * credentials.  NULL with log.
 */
const char	*env_config(void);
void		 env_forget(void);

/* parse.y.  NULL after one line in the log for every error in it. */
struct config	*config_parse(const char *path);
/* `-D macro=value'. */
int		 config_macro(const char *);

/* --- credential.c: secrets that kbsd is handed at its start -------------- */

/* In the place of a file below CREDENTIALS_DIRECTORY; -1 with errno. */
int	 credential_keep(const char *name, const void *, size_t);
/* A descriptor to be read with pread(2); -1 with log. */
int	 credential_open(const char *name);

/* --- inherit.c: listening sockets of a service manager ------------------- */

/* Before anything is opened or forked. */
void	 inherit_init(void);
int	 inherit_any(void);
/* One that is bound to this address, duplicated; -1: there is none. */
int	 inherit_find(const struct sockaddr *, socklen_t);
/* Log which are used, and which are not. */
void	 inherit_tell(void);

/* --- notify.c: sd_notify(3) ---------------------------------------------- */

/* Nothing of this does anything where no service manager listens. */
void	 notify_init(void);
void	 notify(const char *, ...) __attribute__((format(printf, 1, 2)));
void	 notify_reloading(void);
/* Feed the watchdog from now on. */
void	 notify_watch(void);

/* --- files.c: directories, secret files, sockets ------------------------ */

/* The uids that processes run as. */
struct users {
	int		 drop;		/* started as root */
	uid_t		 uid, keyuid;
	gid_t		 gid, keygid;
};

int	 users_find(const struct config *, struct users *);
/* Make what is missing below `directory'; -1 with log. */
int	 files_prepare(const struct config *, const struct users *);
/* Missing or without a byte. */
int	 files_empty(const char *path);
/*
 * Open a secret file, or a credential: made when it is missing (make), refused
 * when others may read or write it.  -1 with log.
 */
int	 files_secret(const char *path, int make);
/* One that a service manager made: its user may be in an access list. */
int	 files_credential(const char *path);
/* Open a file that anyone may read. */
int	 files_public(const char *path);
int	 files_append(const char *path);
/* A directory for us alone, with those above it; -1 with log. */
int	 files_private(const char *path);
/* A whole file, synced, in the place of an older one; -1 with errno. */
int	 files_write(const char *path, const void *, size_t, mode_t);
/* A path below `directory'.  Static buffer. */
const char *files_path(const struct config *, const char *, ...)
	    __attribute__((format(printf, 2, 3)));
/* Bind, without listening yet.  old: a set whose sockets are taken over. */
int	 files_listen(struct config *, const struct config *old);
int	 files_control(const struct config *, const struct users *);

/* --- marks.c: files as they were ------------------------------------------ */

/* A file as it was when a set began to start. */
struct mark {
	TAILQ_ENTRY(mark)	 entry;
	char			*path;
	int			 watched;
	int			 there;
	struct stat		 st;
	char			*said;		/* certificate; else NULL */
};
TAILQ_HEAD(marks, mark);

enum mark_kind { MARK_FILE, MARK_WATCHED, MARK_CERTIFICATE };

void		 mark_add(struct marks *, const char *path, enum mark_kind);
void		 marks_free(struct marks *);
const struct mark *mark_find(const struct marks *, const char *path);
/* Is it the same file, not written since? */
int		 mark_same(const struct mark *, const struct mark *);
/*
 * The first certificate of a file as "serial N until TIME", malloc'd; NULL:
 * there is none in it.
 */
char		*mark_certificate(const char *path);

/* --- changes.c: one configuration and the next --------------------------- */

struct set;

/* Mark the files that a set is going to be given. */
void		 changes_mark(struct set *);
/*
 * A line for each thing that differs.  Of a file only that it is another one,
 * since some hold secrets.
 */
void		 changes_find(struct words *, const struct set *old,
		    const struct set *fresh);

/* --- watch.c: files that are renewed ------------------------------------- */

/* From now on, as the serving set's configuration says. */
void		 watch_begin(const struct set *);

/* --- set.c: all processes of one configuration ------------------------- */

enum child_state { CHILD_DEAD, CHILD_STARTING, CHILD_READY, CHILD_ENDING };

struct child {
	TAILQ_ENTRY(child)	 entry;
	struct set		*set;
	enum process_kind	 kind;
	uint32_t		 instance;
	uint32_t		 front;
	enum role		 role;		/* frontend, gate */
	const void		*object;	/* attestation, keystore */
	enum child_state	 state;
	pid_t			 pid;
	struct edge		*edge;
	int			 log[2];	/* datagram socketpair */
	struct event		*logev;
	struct event		*restart;
	time_t			 since;
	unsigned int		 deaths;	/* running, without work */
	unsigned int		 restarts;
	int			 accused;	/* killed for a violation */
	int			 rekeying;	/* has a new master key too */
	uint32_t		 sinks;		/* audit: that it wants, bits */
	uint32_t		 absent;	/* and that were not there */
	unsigned int		 loglines;	/* in this second */
	unsigned int		 logdropped;
	time_t			 logsecond;
	char			 force[128];	/* what is in force */
	struct wbuf		 held;		/* verifier: tcb.c */
	struct wbuf		 counters;	/* collect.c: the last ones */
	int			 asked;		/* for counters */
	uint64_t		 left;		/* ms: when it was ready last */
};

/* The file that the audit log of a set is in. */
struct audit_log {
	int			 fd;		/* -1: none yet */
	uint32_t		 generation;	/* counts the files */
	uint32_t		 confirmed;	/* that the audit process has */
	int			 again;		/* open it once more */
	struct log_end {
		uint64_t	 n;
		uint8_t		 digest[DIGEST_LEN];
	}			 end;		/* the last line, as told */
};

struct set {
	TAILQ_ENTRY(set)	 entry;
	uint32_t		 number;
	struct config		*conf;
	struct marks		 marks;		/* its files at its start */
	struct words		 changes;	/* since the one before it */
	struct users		 users;
	TAILQ_HEAD(, child)	 children;
	int			 control_fd;
	struct audit_log	 log;
	int			 stage;		/* of the start */
	int			 serving;	/* all were ready once */
	int			 draining;
	struct event		*timer;
};
TAILQ_HEAD(sets, set);
extern struct sets	 sets;

/*
 * A set from a configuration, which it owns from then on; begins to start.
 * -1 with log: it is gone again; later failures go to parent_set_failed().
 */
int		 set_start(struct config *);
struct set	*set_serving(void);
/* Finish what it has begun, and end after these seconds at most. */
void		 set_drain(struct set *, int seconds);
void		 set_end(struct set *);
/* Called by child.c. */
void		 set_child_ready(struct child *);
void		 set_child_died(struct child *);

/* Who has an edge to whom. */
struct edge_pair {
	enum process_kind	 a, b;
};
extern const struct edge_pair	 edge_pairs[];
extern const size_t		 nedge_pairs;

/* --- child.c: one process ---------------------------------------------- */

/* THE function that starts one process.  -1 with log. */
int		 child_start(struct child *);
/* End it; it is not replaced. */
void		 child_end(struct child *);
/* End it, and start another one in its place at once. */
void		 child_renew(struct child *);
/* Connect it with those of its set that are ready. */
void		 child_connect(struct child *);
/* A child of a pid has ended; 0 if it is one of ours. */
int		 child_reap(pid_t, int status);
int		 child_send(struct child *, uint32_t type, struct wbuf *);
const char	*child_program_dir(const char *argv0);

/* --- give.c: configuration and descriptors of each kind ----------------- */

/* What START, CONFIG and DESCRIPTORs say to this child.  -1 with log. */
int		 give_child(struct child *);
/* The uid that it runs as. */
uid_t		 give_uid(const struct child *);
/*
 * For the files below: a descriptor that goes behind CONFIG.  It is taken over;
 * -1, which was logged, is passed on.
 */
int		 give_fd(enum descriptor_role, int fd);
/* Their count, and each of them. */
void		 give_words(struct wbuf *, const struct words *);
/* Whom backups are for, where there is one; as give_fd(). */
int		 give_recipient(const struct config *);

/* --- give_attestation.c, give_keystore.c: bodies of CONFIG ---------------- */

/* Write it, and give what belongs to it; -1 with log. */
int		 give_verifier(struct child *, struct wbuf *);
int		 give_fetcher(struct child *, struct wbuf *);
int		 give_engine(struct child *, struct wbuf *);
int		 give_kms(struct child *, struct wbuf *);

/* --- keystores.c: what each kms tells of its keystore -------------------- */

/* Answer control's command with a table, later; -1: too many are asked. */
int		 keystores_ask(struct child *control, uint64_t tag,
		    int active);
/* The function of the table of a kms. */
int		 keystores_answer(struct edge *, struct rbuf *);

/* --- gather.c: what several processes tell -------------------------------- */

/* Is this command answered by processes that the parent asks? */
int		 gather_is(uint8_t command);
/* Answer it with a table, later; -1: too many are asked. */
int		 gather_ask(struct child *control, uint64_t tag,
		    uint8_t command, uint8_t page);
/* The function of the tables of all children. */
int		 gather_take(struct edge *, struct rbuf *);

/* --- limits.c: what the configuration allows ------------------------------ */

/* Cells of rows of SHOW_LIMITS; how many. */
uint32_t	 limits_rows(const struct set *, struct wbuf *cells);

/* --- rekey.c: a new master key -------------------------------------------- */

/* Where the key of a local keystore lies. */
const char	*rekey_path(const struct config *, const struct keystore *);
/* The file of a new one, that was begun with; -1: there is none. */
int		 rekey_open(struct child *);
/* -1 with why. */
/* kms has not said yet what came of it: no other set may be started. */
int		 rekey_goes_on(void);
int		 rekey_begin(struct set *, const char *keystore, char *why,
		    size_t whysize);
/* The function of the table of a kms. */
int		 rekey_done(struct edge *, struct rbuf *);

/* --- pin.c: roots that are taken on first use ---------------------------- */

/* There is none yet. */
int		 pin_missing(const struct attestation *);
/* A verifier tells what the service shows. */
int		 pin_take(struct edge *, struct rbuf *);
/* Take another one the next time; -1 with why. */
int		 pin_forget(struct set *, const char *name, char *why,
		    size_t whysize);
void		 pin_show(struct set *, struct wbuf *);

/* --- tcb.c --------------------------------------------------------------- */

/* What a verifier holds of platforms; then all of it as a table. */
int		 tcb_take(struct edge *, struct rbuf *);
void		 tcb_show(struct set *, struct wbuf *);

/* --- audit.c: the audit log's files --------------------------------------- */

/*
 * The log for an audit process that starts, and in last what it was in before,
 * or -1.  -1 with log.
 */
int		 audit_open(struct child *, int *last);
void		 audit_close(struct set *);
/* Look every second whether the log is still at its place. */
void		 audit_watch(void);
/* Open it anew, for all sets; -1 with log, or it is being done. */
int		 audit_reopen(void);
/* The same for control, which is answered when it is done; -1 with why. */
int		 audit_ask(struct child *control, uint64_t tag, char *why,
		    size_t whysize);
/* Connect the n-th sink, now or later. */
void		 audit_sink(struct child *, uint32_t n);
/* Functions of the table of an audit process. */
int		 audit_told(struct edge *, struct rbuf *);
int		 audit_sink_want(struct edge *, struct rbuf *);
/* --- collect.c: counters of all processes --------------------------------- */

/* Answer a metrics process or control, later; -1: too many ask. */
int		 collect_ask(struct child *, uint64_t tag);
/* The functions of the tables: of metrics, and of all. */
int		 collect_scrape(struct edge *, struct rbuf *);
int		 collect_take(struct edge *, struct rbuf *);
void		 collect_reloaded(int ok);

/* --- output.c: log lines ------------------------------------------------ */

void		 output_init(int foreground);
/* LOG_FORMAT_*, from now on. */
void		 output_format(int);
/* A readable event on a child's log socket. */
void		 output_child(int, short, void *);

/* --- command.c: what kbsctl asks ---------------------------------------- */

int		 command_dispatch(struct edge *, struct rbuf *);
/* The names of the columns, how many rows, the rows, which are emptied. */
void		 command_table(struct wbuf *, const char *const *names,
		    uint32_t n, uint32_t rows, struct wbuf *cells);

/* --- parent.c ------------------------------------------------------------ */

/*
 * Read the configuration again and start a new set.  0: control (NULL: nobody)
 * is answered with what changed when that serves or fails; -1: why is set.
 */
int		 parent_reload(struct child *control, uint64_t tag, char *why,
		    size_t whysize);
/* A new set from the configuration in force; -1: not now. */
int		 parent_again(void);
void		 parent_verbose(int);
/* The whole service ends. */
void		 parent_stop(int status);
int		 parent_stopping(void);
/*
 * set.c: this set accepts, and the one before it, if any, still answers; it is
 * serving; one did not come up; the last one is gone.
 */
void		 parent_changed(struct set *);
void		 parent_serving(const struct set *);
void		 parent_set_failed(void);
void		 parent_gone(void);
extern time_t	 parent_since;

#endif

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

#ifndef AUTH_H
#define AUTH_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "kbsd.h"

/* A password hash in clear: what is left of the sealed field. */
#define HASH_NONCE	12
#define HASH_TAG	16
#define HASH_TEXT	(USER_HASH_MAX - HASH_NONCE - HASH_TAG + 1)

/* --- conf.c ------------------------------------------------------------- */

struct auth_conf {
	uint32_t	 lifetime;	/* of tokens, seconds */
	uint32_t	 attempts;	/* failed logins until a lockout */
	uint32_t	 interval;	/* in which they count, seconds */
	uint32_t	 lockout;	/* seconds */
	char		 administrator[NAME_MAX_USER];	/* "": none */
	uint32_t	 engines;
	uint32_t	 rate, burst;	/* of a user; 0: any number */
	uint32_t	 nkeystores;
	char		(*keystores)[NAME_MAX_STORE];
};
extern struct auth_conf	 auth_conf;

struct auth_counts {
	uint64_t	 logins, wrong, locked, busy;
	uint64_t	 granted, refused, unmatched, unsealed, limited;
};
extern struct auth_counts auth_counts;

int	 conf_read(struct rbuf *);
/* The first for ""; NULL: there is none of this name. */
const char *conf_keystore(const char *name);

/* --- seal.c ------------------------------------------------------------- */

/* What auth wants done, should a crash cut a key write short. */
struct intent {
	uint8_t		 op;
	struct uuid	 key;
	struct uuid	 policy;	/* the new one of OP_KEY_MOVE */
	uint8_t		 policy_digest[DIGEST_LEN];
	uint8_t		 seal[DIGEST_LEN];	/* of the record, by kms */
};

/* The keys of all seals come from this one; it may be wiped then. */
void	 seal_init(const void *key, size_t len);
/* Fills hash and hashlen; the other members are under the seal too. */
int	 seal_user(struct user_record *, const char *hash);
/* -1: this row is not as auth wrote it.  Wipe what came out. */
int	 seal_user_open(const struct user_record *, char hash[HASH_TEXT]);
int	 seal_user_check(const struct user_record *);
/* Who backups are for, if anybody is; then the hash, sealed for that. */
void	 seal_backup_init(int fd);
int	 seal_can_backup(void);
int	 seal_user_backup(struct wbuf *, const struct user_record *);
void	 seal_policy(struct policy_record *);
int	 seal_policy_check(const struct policy_record *);
void	 seal_intent(struct wbuf *, const struct intent *);
int	 seal_intent_open(struct intent *, const void *, size_t);

/* --- token.c ------------------------------------------------------------ */

struct claims {
	struct uuid	 user;
	uint32_t	 generation;
};

/* From a PEM file, which gets a new key when it is empty. */
void	 token_init(int fd);
/* malloc'd text, to be wiped; NULL when it can't be made. */
char	*token_make(const struct user_record *, int64_t now,
	    uint32_t lifetime);
/* NULL when it is ours and in force, else why not. */
const char *token_verify(const char *, int64_t now, struct claims *);

/* Does it have the header of ours?  Then no one else is asked about it. */
int	 token_is_ours(const char *);

/* --- jwk.c: an issuer's keys -------------------------------------------- */

#define KID_MAX		256
#define JWKS_MAX	(64 * 1024)
#define JWKS_KEYS_MAX	32

struct alg;

struct jwk {
	char			 kid[KID_MAX + 1];
	const struct alg	*alg;
	EVP_PKEY		*key;
};

struct jwks {
	struct jwk	 keys[JWKS_KEYS_MAX];
	size_t		 n;
};

/* From a JWK set's text; keys for something else are left out.  -1: why. */
int	 jwks_read(struct jwks *, const char *, size_t, char *why, size_t);
void	 jwks_clear(struct jwks *);
const struct jwk *jwks_find(const struct jwks *, const char *kid);
/* As JOSE writes it. */
const char *jwk_alg(const struct jwk *);
/* 0: it is a signature of this data by this key and its algorithm. */
int	 jwk_verify(const struct jwk *, const void *, size_t,
	    const uint8_t *sig, size_t siglen);

/* --- issuer.c: tokens of others ------------------------------------------ */

#define WHO_MAX	(NAME_MAX_USER + 16)

/* Who comes with one. */
struct foreign {
	char		 who[WHO_MAX];	/* "issuer:subject" */
	struct uuid	 id;		/* made of both; no user's */
	uint32_t	 permissions;
};

int	 issuer_conf(struct rbuf *);
/* A descriptor of the next one's keys, which is taken over. */
int	 issuer_add_keys(int fd);
/* Before the sandbox; dies. */
void	 issuer_load(void);
/* Are there any? */
int	 issuer_any(void);
/* NULL when it is of one of them and in force, else why not. */
const char *issuer_verify(const char *, int64_t now, struct foreign *);

/* --- lockout.c ---------------------------------------------------------- */

enum lockout_state {
	LOCKOUT_OPEN,
	LOCKOUT_CLOSED,
	LOCKOUT_CHANGED		/* closed, and the row must be written */
};

/* What the row says now; it is brought up to date. */
enum lockout_state lockout_look(struct lockout_record *,
	    const struct auth_conf *, int64_t now);
void	 lockout_fail(struct lockout_record *, const struct auth_conf *,
	    int64_t now);
void	 lockout_clear(struct lockout_record *);

/* --- rows.c: what the broker fetches for us ----------------------------- */

struct rows_wanted {
	struct uuid	 user;		/* nil: none */
	const char	*name;		/* of a user; NULL: none */
	struct uuid	 policy;
	struct uuid	 key;
};

/* NULL where a row is not there or can't be read. */
struct rows_found {
	const struct user_record	*user;
	const struct lockout_record	*lockout;
	const struct policy_record	*policy;
	const struct key_record		*key;
};

/*
 * fn is called once, with NULL (ROW_FAILED) when the store fails or the
 * broker goes; not after rows_cancel() of its arg.  -1: nothing was sent, fn
 * is not called.
 */
int	 rows_want(const struct rows_wanted *,
	    void (*fn)(void *, const struct rows_found *), void *arg);
int	 rows_put(enum row_kind, struct wbuf *,
	    void (*fn)(void *, enum row_result), void *arg);
void	 rows_cancel(const void *arg);
void	 rows_down(void);
int	 rows_found(struct edge *, struct rbuf *);
int	 rows_done(struct edge *, struct rbuf *);

/* --- hash.c: what the hasher does for us -------------------------------- */

/* A copy in locked memory with a NUL behind it; NULL: no room. */
char	*password_copy(const void *, size_t len);
void	 password_free(char *);
/* May it be one of a user? */
int	 password_valid(const char *, size_t len);

/*
 * Both take the password over, whatever they return.  hash "": no user has
 * it, but the hasher works as long.  fn is called once, with ok -1 when the
 * hasher goes; not after hash_cancel() of its arg.  -1: the queue is full,
 * or there is no hasher; fn is not called.
 */
int	 hash_make(char *password, void (*fn)(void *, int ok, const char *hash),
	    void *arg);
int	 hash_check(char *password, const char *hash,
	    void (*fn)(void *, int ok, const char *hash), void *arg);
void	 hash_cancel(const void *arg);
void	 hash_down(void);
int	 hash_hashed(struct edge *, struct rbuf *);

/* --- login.c ------------------------------------------------------------ */

#define LOGINS_MAX	32

int	 login_ask(struct edge *, struct rbuf *);
/* All that came over this edge are forgotten. */
void	 login_front_down(const struct edge *);
/* Start the next of this name, unless one runs or it must wait. */
void	 login_resume(const char *name);
unsigned int login_count(void);

/* --- request.c: two parts of one request -------------------------------- */

struct request;

/* How long one part waits for the other, and both for what they need. */
extern uint32_t	 request_wait_ms;

int	 request_asked(struct edge *, struct rbuf *);
int	 request_claim(struct edge *, struct rbuf *);
int	 request_local(struct edge *, struct rbuf *);
void	 request_front_down(const struct edge *);
void	 request_broker_down(void);
void	 request_free(struct request *);
unsigned int request_count(void);

/* --- grant.c ------------------------------------------------------------ */

/* Both parts of a request, and what is found out about it. */
struct asking {
	struct request		*request;	/* whose part this is */
	struct request_name	 name;
	char			 client[ADDRESS_TEXT_MAX];
	struct wbuf		 askbytes;
	struct ask		 ask;		/* points into askbytes */
	/* from frontend or control */
	int			 local;		/* of control: no token */
	uint32_t		 uid;
	char			*token;
	uint8_t			 claimed[DIGEST_LEN];
	char			*password;	/* new; NULL: none */
	int			 password_bad;	/* one came that can't be */
	/* found out */
	uint8_t			 asked[DIGEST_LEN];
	struct claims		 claims;
	int			 is_foreign;	/* an issuer's: no row */
	uint32_t		 permissions;	/* of one */
	char			 who[WHO_MAX];
	struct uuid		 object;
	int64_t			 time;
	struct key_record	 key;
	struct user_record	 target;	/* to be changed */
	uint8_t			 policy_digest[DIGEST_LEN];
	uint8_t			 material[DIGEST_LEN];
};

/* Both parts are there; ends in request_free(). */
void	 grant_begin(struct asking *);
/* REFUSED to the broker, and the end of the request. */
void	 grant_refuse(struct asking *, unsigned int status,
	    unsigned int retry, const char *error, const char *reason);
/* The same for one that is no request here. */
void	 grant_refuse_name(const struct request_name *, unsigned int status,
	    unsigned int retry, const char *error, const char *who,
	    const char *reason);
/*
 * For the files below.  The first three end in request_free(): 503; an error
 * that the client is told as it is logged; GRANTED, with a sealed record and a
 * sealed intent, which may be NULL and are emptied.
 */
void	 grant_busy(struct asking *, const char *reason);
void	 grant_invalid(struct asking *, unsigned int status, const char *why);
void	 grant_done(struct asking *, struct wbuf *record,
	    struct wbuf *intent);
/* Id and time of a new object are set; -1: it was refused. */
int	 grant_new_object(struct asking *);

#define RETRY_BUSY		5	/* seconds, with a 503 */
#define TEXT_UNAUTHORIZED	"unauthorized"

/* --- grant_key.c, grant_user.c: operations ------------------------------- */

/* Each ends in request_free(), at once or later. */
void	 grant_make_key(struct asking *);
void	 grant_key(struct asking *);
void	 grant_rotate(struct asking *);
void	 grant_user_create(struct asking *);
void	 grant_user_update(struct asking *);
void	 grant_unlock(struct asking *);
void	 grant_user_backup(struct asking *);
/* The function of the broker's table: a key write that was cut short. */
int	 grant_leftover(struct edge *, struct rbuf *);

/* --- make.c: new objects ------------------------------------------------ */

/* NULL, or what is wrong with what is asked for. */
const char *make_key_wrong(const struct ask *);
/* A sealed record into w; -1: it can't be sealed. */
int	 make_policy(struct wbuf *, const struct asking *);
int	 make_user(struct wbuf *, const struct user_record *,
	    const char *hash);
/* What is asked for into a user; 1: its tokens end. */
int	 make_user_change(struct user_record *, const struct ask *,
	    int password);

/* --- admin.c ------------------------------------------------------------ */

/* The administrator that the configuration names. */
void	 admin_secret(int fd);
/* An edge has come up: make the user, if there is none of that name. */
void	 admin_try(void);
/* Is it not known yet whether this name is there? */
int	 admin_is_pending(const char *name);

/* --- hasher.c ----------------------------------------------------------- */

int	 hasher_config(struct rbuf *);
void	 hasher_secrets(void);
int	 hasher_hash(struct edge *, struct rbuf *);
int	 hasher_check(struct edge *, struct rbuf *);
void	 hasher_counters(struct wbuf *);
/* bcrypt of a password into hash; -1: setting is none.  For tests too. */
#define BCRYPT_LEN	60
int	 hasher_bcrypt(const char *password, const char *setting,
	    char hash[BCRYPT_LEN + 1]);
/* "$2a$" or "$2b$", a cost that we work at, salt and hash? */
int	 hasher_knows(const char *hash);
int	 hasher_setting(char setting[BCRYPT_LEN + 1], unsigned int cost);
int	 hasher_compare(const char *password, const char *hash,
	    unsigned int cost);

#endif

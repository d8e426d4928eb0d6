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


/* The keystore in a PKCS#11 token: the token, and what its answers mean. */
#ifndef TOKEN_H
#define TOKEN_H

#include <p11-kit/pkcs11.h>

#include <stddef.h>
#include <stdint.h>

#include "kms.h"

#define PIN_MAX		256

/* What the configuration says. */
struct pkcs11 {
	char		 module[1024];
	char		 token[LABEL_MAX + 1];
	char		 key[LABEL_MAX + 1];	/* that seals boxes */
	uint8_t		*pin;			/* locked */
	size_t		 pinlen;
};
extern struct pkcs11	 pkcs11;

struct token_use;

/* pkcs11.c: its configuration, and what keys.db remembers */

/* Is it the key of before?  Any is, where nothing is sealed yet. */
enum same { SAME_YES, SAME_NO, SAME_UNKNOWN };
enum same	 pkcs11_same(const uint8_t check[DIGEST_LEN]);
/* The token has refused the PIN: it is not shown again. */
void		 pkcs11_pin_refused(void);
/* What both kinds of keystore that a token makes have of a struct backend. */
int		 pkcs11_config(struct rbuf *);
int		 pkcs11_descriptor(uint32_t role, int fd);
void		 pkcs11_load(const struct token_use *);
/* What happens there is done by what; dies where it can't be. */
void		 pkcs11_attach(const char *what);

/* token.c */

enum token_state {
	TOKEN_READY,
	TOKEN_AWAY,		/* may come back */
	TOKEN_WRONG		/* not without its operator */
};

/* What the token is used for. */
struct token_use {
	/* Somebody is logged in: is what it needs there? */
	enum token_state	 (*ready)(void);
	/* A call failed: is it no fault of the session's? */
	int			 (*good)(CK_RV);
};

extern CK_FUNCTION_LIST		*p11;
/* While work is done. */
extern CK_SLOT_ID		 token_slot;
extern CK_SESSION_HANDLE	 token_session;	/* it reads only */

/* Load the module, and what it loads by itself.  Dies on failure. */
void		 token_load(const struct token_use *);
/*
 * Find the token, log in and see whether it is of use.  When it can't be done
 * token_why() says why.
 */
enum token_state token_attach(void);
/*
 * Have work done, once more in a new session where that may help.
 * TOKEN_READY: *rv is what it came to.  Else there is no token, token_why().
 */
enum token_state token_work(CK_RV (*)(void *), void *, CK_RV *rv);
const char	*token_why(void);
/* Set it; they return the state, and token_fail_call() finds out which. */
enum token_state token_fail(enum token_state, const char *, ...)
		    __attribute__((format(printf, 2, 3)));
enum token_state token_fail_call(const char *call, CK_RV);

/* token_object.c: what lies in the token */

#define ATTRIBUTE(type, value)	{ type, &(value), sizeof(value) }

/* For templates, which must be able to point to them. */
extern CK_BBOOL	 token_yes, token_no;

/* One of a class and label that is kept there; *n: of how many, at most 2. */
CK_RV		 object_find(CK_OBJECT_CLASS, const char *label,
		    CK_OBJECT_HANDLE *, CK_ULONG *n);
/* A session that may write, which is needed for little else; to be closed. */
CK_RV		 object_writer(CK_SESSION_HANDLE *);
/* What a key must be, and what is said of another one. */
struct must_be {
	CK_ATTRIBUTE_TYPE	 type;
	CK_BBOOL		 value;
	const char		*otherwise;
};
/* *otherwise: NULL where it is all of that. */
CK_RV		 object_is(CK_OBJECT_HANDLE, const struct must_be *, size_t n,
		    const char **otherwise);

/* token_kek.c: a key in the token seals boxes */

/* The key is found, or made where nothing is sealed yet. */
extern const struct token_use	 kek_use;
/*
 * Seal or open a box by the key in the token: nonce, ciphertext, tag.
 * DONE_OK, DONE_UNAVAILABLE, or DONE_REFUSED for a box that the key does not
 * open; token_why() is the reason.
 */
enum done_result token_seal(uint8_t *box, const struct wbuf *about,
		    const uint8_t *plain, size_t len);
/* plain has place for len - BOX_NONCE bytes. */
enum done_result token_open(uint8_t *plain, const struct wbuf *about,
		    const uint8_t *box, size_t len);

/* token_keys.c: keys that the token itself holds and wraps */

extern const struct token_use	 keys_use;
/*
 * The key of a record, by its label, is made; is looked at: that it is of the
 * record's kind and can be wrapped, and no other way is out; or is destroyed,
 * where it is there, of the record's kind or (any) of every kind.
 * token_why() is the reason of what is not DONE_OK.
 */
enum done_result keys_make(const struct key_record *);
enum done_result keys_look(const struct key_record *);
enum done_result keys_destroy(const struct key_record *, const char *label,
		    int any);
/*
 * Wrap it for one who has been let in: for a workload, or (release) as an
 * administrator is answered.  Appends what FETCHED holds.
 */
enum done_result keys_wrap(const struct key_record *,
		    const struct wrapping_key *, int release, struct wbuf *);

/* token_wrap.c */

/*
 * A key by AES-256-GCM under an SWK that the token makes for it, and that by
 * RSA-OAEP under by, or (NULL) by nobody; a secret key by OAEP alone, as
 * release wants.  Appends nonce, ciphertext and tag, and the wrapped SWK.
 * *call names the one that failed.
 */
CK_RV		 wrap_key(CK_OBJECT_HANDLE, const struct wrapping_key *by,
		    struct wbuf *, const char **call);
CK_RV		 wrap_release(CK_OBJECT_HANDLE, int secret,
		    const struct wrapping_key *by, struct wbuf *,
		    const char **call);
/* Was this one done with by?  Then it need not be the token's fault. */
int		 wrap_is_by(const char *call);
/* Such an SWK. */
CK_RV		 wrap_make(CK_OBJECT_HANDLE *);

/* token_trial.c: is what a token wraps what a workload can open? */

/* The key that it is tried with; NULL: none could be made. */
const struct wrapping_key	*trial_key(void);
/*
 * Open what wrap_key() made by it, into size bytes; that is for keys that are
 * nobody's.  NULL, or what is wrong.
 */
const char	*trial_open(const struct wbuf *, uint8_t *, size_t, size_t *);

/* token_reason.c */

/* What follows of an answer. */
#define REASON_SESSION	0x1	/* a new session may help */
#define REASON_PIN	0x2	/* the PIN must not be shown again */
#define REASON_USAGE	0x4	/* this module or token can't be used */

int		 reason_is(CK_RV, int flags);
/* Its name, and what it means.  Static buffer. */
const char	*reason_text(CK_RV);

#endif

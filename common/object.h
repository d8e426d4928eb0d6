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
 * The contract's JSON (KBS v1 wire contract, "Objects" and "Key transfer"),
 * for the two processes that speak it to clients: bodies into records, and
 * records into answers.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"
#include "record.h"

#define OBJECT_WHY	256	/* room that why should have */

/* --- object_read.c: bodies of requests --------------------------------- */

/*
 * Each returns 0, or -1 with why: a short sentence for the client that names
 * the member and never repeats a value.  What is filled in otherwise stays as
 * the caller had it.  json_init() must have been called, so that jansson
 * wipes the secrets that it saw.
 */

/*
 * POST /keys: op becomes OP_KEY_CREATE, or OP_KEY_REGISTER with material or a
 * backend's id.  Material is malloc'd for the caller, who must freezero it;
 * NULL when there is none.  It is only decoded: the maker checks it.
 */
int	object_read_key(struct ask *, uint8_t **material, size_t *len,
	    const char *, size_t, char *why, size_t whysize);
/* New material of a key, as above: a body of `key_data' alone. */
int	object_read_material(struct ask *, uint8_t **material, size_t *len,
	    const char *, size_t, char *why, size_t whysize);
/* PUT /keys/{id}: op becomes OP_KEY_MOVE. */
int	object_read_move(struct ask *, const char *, size_t, char *why,
	    size_t whysize);

/*
 * POST /users and PUT /users/{id}, as op (OP_USER_CREATE, OP_USER_UPDATE)
 * says.  The password, if has_password, is a secret of the caller's.
 */
int	object_read_user(struct ask *, uint8_t op,
	    char password[PASSWORD_MAX + 1], const char *, size_t, char *why,
	    size_t whysize);
/*
 * POST /token.  Any name and password of a byte or more pass.  A password
 * that is too long for anybody's is cut to PASSWORD_MAX + 1 bytes: it stays
 * too long, and is refused where the others are, as slowly.
 */
int	object_read_login(char name[NAME_MAX_USER],
	    char password[PASSWORD_MAX + 2], const char *, size_t, char *why,
	    size_t whysize);

/*
 * POST /key-transfer-policies: op becomes OP_POLICY_CREATE, ask->text the
 * canonical text, which *text owns (free).
 */
int	object_read_policy(struct ask *, char **text, const char *, size_t,
	    char *why, size_t whysize);

/*
 * POST /keys/{id}/transfer.  tees are those of the Attestation-Type header:
 * then a quote and user data are wanted and a token is dropped; 0 wants a
 * token, and drops the rest.  EVIDENCE_EITHER, which no header says, takes
 * what is there, and a quote without user data too; tees are 0 then.  All
 * that e points to belongs to the struct.
 */
#define EVIDENCE_EITHER	0xff
struct object_evidence {
	struct evidence	 e;
	uint8_t		*part[8];
	size_t		 len[8];
};

int	object_read_evidence(struct object_evidence *, uint8_t tees,
	    const char *, size_t, char *why, size_t whysize);
/* Wipe and free; a zeroed struct is allowed. */
void	object_evidence_free(struct object_evidence *);

/*
 * One query parameter of GET /keys or GET /users, decoded, as ask->op says
 * (OP_KEY_SEARCH, OP_USER_SEARCH, OP_POLICY_SEARCH).  That there is one at all
 * the caller sees by ask->filter.  `limit' and `after' (an object's id) are
 * for pages.
 */
#define LIMIT_MOST	100000
int	object_read_filter(struct ask *, const char *name, const char *value,
	    char *why, size_t whysize);

/* --- object.c: bodies of answers --------------------------------------- */

/* Each appends compact JSON text; failure is that of the wbuf. */
void	object_key(struct wbuf *, const struct key_record *);
void	object_policy(struct wbuf *, const struct policy_record *);
void	object_user(struct wbuf *, const struct user_record *);
/* {"error": text} */
void	object_error(struct wbuf *, const char *);
void	object_version(struct wbuf *, const char *name, const char *version,
	    const char *githash, const char *builddate);
/* {"wrapped_key", "wrapped_swk"}; no SWK when swklen is 0. */
void	object_wrapped(struct wbuf *, const void *key, size_t keylen,
	    const void *swk, size_t swklen);
/* {"val", "iat", "signature"} */
void	object_nonce(struct wbuf *, const void *val, size_t vallen,
	    const void *iat, size_t iatlen, const void *sig, size_t siglen);

/* An array: begin, before each object next, end. */
void	object_list_begin(struct wbuf *);
void	object_list_next(struct wbuf *);
void	object_list_end(struct wbuf *);

#endif

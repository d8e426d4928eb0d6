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
 * What travels whole between several processes: objects of the store, what a
 * client asks, evidence.  For each a struct, a writer (wb_*) and a reader
 * (rb_*) as in msg.h; the readers check every range and leave failures in the
 * rbuf.  Strings are bounded by the structs.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdint.h>

#include "msg.h"
#include "policy.h"
#include "uuid.h"

#define NAME_MAX_USER	256	/* user names: 255 bytes and NUL */
#define NAME_MAX_STORE	64	/* keystores, attestation blocks */
#define NAME_MAX_BACKEND 256	/* a backend's id of a key */
#define PASSWORD_MIN	9
#define PASSWORD_MAX	71

/*
 * The name of a request: the front it came in at, and that front's own
 * number for it, which only rises.
 */
struct request_name {
	uint32_t	 front;
	uint64_t	 number;
};

void		 wb_name(struct wbuf *, const struct request_name *);
void		 rb_name(struct rbuf *, struct request_name *);
int		 name_cmp(const struct request_name *,
		    const struct request_name *);
/* The X-Request-Id: 8 hex digits of front, '-', 16 of number. */
#define REQUEST_ID_TEXT	26
char		*name_format(const struct request_name *,
		    char text[REQUEST_ID_TEXT]);

/* What a request is about.  The order is that of the table in record.c. */
enum operation {
	OP_NONE,
	OP_TRANSFER,		/* release on attestation */
	OP_KEY_RELEASE,		/* POST /keys/{id}: release on a grant */
	OP_KEY_CREATE,
	OP_KEY_REGISTER,
	OP_KEY_FIND,
	OP_KEY_SEARCH,
	OP_KEY_MOVE,		/* PUT: under another policy */
	OP_KEY_DELETE,
	OP_KEY_FORGET,		/* its material stays with the keystore */
	OP_KEY_ROTATE,		/* new material, a new version */
	OP_KEY_BACKUP,		/* one version, for the backup's recipient */
	OP_POLICY_CREATE,
	OP_POLICY_FIND,
	OP_POLICY_SEARCH,
	OP_POLICY_DELETE,
	OP_USER_CREATE,
	OP_USER_FIND,
	OP_USER_SEARCH,
	OP_USER_UPDATE,
	OP_USER_DELETE,
	OP_USER_UNLOCK,		/* forgive failed logins of a name */
	OP_USER_BACKUP,		/* the hash, for the backup's recipient */
	OP_LOGIN,		/* audit lines only */
	OP_TEST,		/* of a policy, by control */
	OP_MAX
};

const char	*operation_name(enum operation);	/* "key create" */
/* Is it the maker's, and may take as long as making a key does? */
int		 operation_makes(enum operation);

/* Permissions, a mask; names as in the contract. */
#define PERM_KEYS_CREATE	0x0001
#define PERM_KEYS_DELETE	0x0002
#define PERM_KEYS_SEARCH	0x0004
#define PERM_KEYS_TRANSFER	0x0008
#define PERM_KEYS_UPDATE	0x0010
#define PERM_POLICIES_CREATE	0x0020
#define PERM_POLICIES_DELETE	0x0040
#define PERM_POLICIES_SEARCH	0x0080
#define PERM_USERS_CREATE	0x0100
#define PERM_USERS_DELETE	0x0200
#define PERM_USERS_SEARCH	0x0400
#define PERM_USERS_UPDATE	0x0800
#define PERM_ALL		0x0fff
/* No user has it: what a local operator alone may do. */
#define PERM_LOCAL		0x1000

/* One bit by its text, both spellings of policies; 0 when unknown. */
uint32_t	 permission_parse(const char *);
/* The text of the n-th bit (0..11), NULL behind the last. */
const char	*permission_name(unsigned int n);
/* The bit an operation needs; 0 for those that nobody asks auth. */
uint32_t	 permission_needed(enum operation);
/* Of a keystore or attestation block, and part of file names. */
int		 block_name_valid(const char *, size_t len);
/* Letters, digits, '.', '_', '-', at most one '@', 1 to 255 bytes. */
int		 user_name_valid(const char *, size_t len);

/* What a front gives for a key: material, the keystore's id of it, a box. */
enum given { GIVEN_KEY, GIVEN_ID, GIVEN_BOX, GIVEN_MAX };

enum algorithm { ALG_NONE, ALG_AES, ALG_RSA, ALG_EC, ALG_MAX };
enum curve { CURVE_NONE, CURVE_P256, CURVE_P384, CURVE_P521, CURVE_MAX };

const char	*algorithm_name(enum algorithm);	/* "AES" */
enum algorithm	 algorithm_parse(const char *);		/* any case */
const char	*curve_name(enum curve);	/* "secp256r1" ... */
enum curve	 curve_parse(const char *);	/* prime256v1 too */
/* Is this length (bits) one that the contract has for the algorithm? */
int		 key_length_valid(enum algorithm, unsigned int bits);

/* --- objects ---------------------------------------------------------- */

enum key_state { KEY_PENDING, KEY_ACTIVE, KEY_MOVING, KEY_DELETING,
	KEY_STATE_MAX };

#define KEY_ATTESTED_ONLY	0x01

/*
 * A key's record.  kms seals all but state, created and row_version: id,
 * version, keystore, backend, algorithm, length, curve, flags, serial,
 * policy and policy_digest (key_record_sealed() writes them in that order).
 */
struct key_record {
	struct uuid	 id;
	uint32_t	 version;		/* of the material, from 1 */
	char		 keystore[NAME_MAX_STORE];
	char		 backend[NAME_MAX_BACKEND];
	uint8_t		 algorithm;
	uint16_t	 length;		/* bits; EC: of the curve */
	uint8_t		 curve;
	uint8_t		 flags;			/* KEY_* */
	uint64_t	 serial;		/* rises with each seal */
	struct uuid	 policy;		/* nil: none */
	uint8_t		 policy_digest[DIGEST_LEN];
	uint8_t		 seal[DIGEST_LEN];
	uint8_t		 state;
	int64_t		 created;		/* Unix seconds */
	uint64_t	 row_version;		/* store's; 0: not stored */
};

void	wb_key_record(struct wbuf *, const struct key_record *);
void	rb_key_record(struct rbuf *, struct key_record *);
/* The name that we give to its material: the id, and a later version. */
void	key_record_name(const struct key_record *,
	    char name[NAME_MAX_BACKEND]);
/* Only what the seal covers, for its owner. */
void	key_record_sealed(struct wbuf *, const struct key_record *);

/* auth seals id, created and text. */
struct policy_record {
	struct uuid	 id;
	int64_t		 created;
	const char	*text;		/* canonical; borrowed */
	size_t		 textlen;
	uint8_t		 seal[DIGEST_LEN];
	uint64_t	 row_version;
};

void	wb_policy_record(struct wbuf *, const struct policy_record *);
void	rb_policy_record(struct rbuf *, struct policy_record *);

#define USER_HASH_MAX	160	/* nonce 12, ciphertext of bcrypt, tag 16 */

/* auth seals all of it: the rest is additional data of the sealed hash. */
struct user_record {
	struct uuid	 id;
	char		 name[NAME_MAX_USER];
	uint32_t	 permissions;
	uint32_t	 generation;	/* rises when its tokens must end */
	int64_t		 created;
	int64_t		 updated;
	uint8_t		 hash[USER_HASH_MAX];	/* sealed password hash */
	uint8_t		 hashlen;	/* 0 in listings */
	uint64_t	 row_version;
};

void	wb_user_record(struct wbuf *, const struct user_record *);
void	rb_user_record(struct rbuf *, struct user_record *);
/* Without hash, row_version: additional data of the seal. */
void	user_record_sealed(struct wbuf *, const struct user_record *);

/* Failed logins of a name, known or not. */
struct lockout_record {
	char		 name[NAME_MAX_USER];
	uint32_t	 failures;
	int64_t		 first;		/* Unix seconds of the first of them */
	int64_t		 until;		/* locked until; 0: not */
	uint64_t	 row_version;
};

void	wb_lockout_record(struct wbuf *, const struct lockout_record *);
void	rb_lockout_record(struct rbuf *, struct lockout_record *);

/* --- what is asked ----------------------------------------------------- */

/* Members of a search that are given. */
#define FILTER_ALGORITHM	0x01
#define FILTER_LENGTH		0x02
#define FILTER_CURVE		0x04
#define FILTER_POLICY		0x08
#define FILTER_NAME		0x10
#define FILTER_LIMIT		0x20	/* at most so many */
#define FILTER_AFTER		0x40	/* behind this one */
/*
 * The front refuses the request itself, but a bad token comes first: only
 * token and permission are judged, nothing is done, and the answer is 200
 * without a record.  The rest of the ask is empty.
 */
#define FILTER_CHECK		0x80

/*
 * An administrator's request, written once by frontend or control.  The bytes
 * are passed on as they are: auth compares their SHA-256 with the one that
 * came to it directly.  No password, no material: only their presence and
 * digest.
 */
struct ask {
	uint8_t		 op;			/* enum operation */
	struct uuid	 id;			/* nil at creation */
	int64_t		 created;		/* of an import; 0: now */
	char		 name[NAME_MAX_USER];	/* user; FILTER_NAME */
	uint32_t	 permissions;		/* 0: unchanged in updates */
	uint8_t		 has_password;
	uint8_t		 algorithm;
	uint16_t	 length;
	uint8_t		 curve;
	uint8_t		 flags;
	struct uuid	 policy;		/* nil: none */
	char		 keystore[NAME_MAX_STORE];	/* "": the default */
	char		 backend[NAME_MAX_BACKEND];	/* kmip_key_id */
	uint8_t		 has_material;
	uint8_t		 given;			/* enum given: what it is */
	uint8_t		 material[DIGEST_LEN];	/* digest of key or pubkey */
	uint32_t	 version;		/* BACKUP: which; ROTATE: to */
	uint8_t		 filter;		/* FILTER_* */
	uint32_t	 limit;			/* FILTER_LIMIT; 0: all */
	struct uuid	 after;			/* paging; nil: the start */
	const char	*text;			/* canonical policy; borrowed */
	size_t		 textlen;
	const uint8_t	*pubkey;		/* SPKI DER (OP_KEY_RELEASE) */
	size_t		 pubkeylen;
};

void	wb_ask(struct wbuf *, const struct ask *);
void	rb_ask(struct rbuf *, struct ask *);

/* --- evidence ---------------------------------------------------------- */

#define EVIDENCE_MAX	(1024 * 1024)

/*
 * What a workload sent, decoded from base64; lengths 0 where absent.  All
 * pointers are borrowed from the message.
 */
struct evidence {
	uint8_t		 tees;		/* Attestation-Type header; 0: none */
	const uint8_t	*token;		/* compact JWS */
	size_t		 tokenlen;
	const uint8_t	*quote;
	size_t		 quotelen;
	const uint8_t	*user_data;	/* held data */
	size_t		 user_datalen;
	const uint8_t	*event_log;
	size_t		 event_loglen;
	const uint8_t	*nvgpu;		/* JSON text as it came */
	size_t		 nvgpulen;
	uint8_t		 has_nonce;
	const uint8_t	*nonce_val;
	size_t		 nonce_vallen;
	const uint8_t	*nonce_iat;
	size_t		 nonce_iatlen;
	const uint8_t	*nonce_sig;
	size_t		 nonce_siglen;
};

void	wb_evidence(struct wbuf *, const struct evidence *);
void	rb_evidence(struct rbuf *, struct evidence *);

/* --- what a test of a policy tells ------------------------------------- */

enum check_result { CHECK_OK, CHECK_FAILED, CHECK_NOT_MADE, CHECK_RESULT_MAX };

#define CLAIM_TEXT_MAX	1024

struct check {
	uint8_t		 result;
	char		 claim[CLAIM_TEXT_MAX];
	char		 wanted[CLAIM_TEXT_MAX];
	char		 got[CLAIM_TEXT_MAX];
};

void	wb_check(struct wbuf *, enum check_result, const char *claim,
	    const char *wanted, const char *got);
void	rb_check(struct rbuf *, struct check *);

#endif

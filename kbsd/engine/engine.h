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
 * The engine: it wraps keys for workloads and administrators, and as the
 * maker it makes and checks them.  One program, two kinds of process.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include <event2/event_struct.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"
#include "kbsd.h"
#include "trace.h"

#define KEY_RECORD_MAX	1024		/* bytes of wb_key_record() */
#define ARGUMENT_MAX	4096		/* of ORDER: SPKI DER is the longest */
#define WRAPPING_E_MAX	16		/* bytes, as they may come */
#define WRAPPING_N_MAX	1152

/* Sizes of wrapping keys in bits; n of a verdict is longer than the least. */
#define WRAPPING_LEAST	2048
#define WRAPPING_MOST	8192

#define HALVES_MAX	4096		/* requests that are here */
#define HALVES_LONE_MAX	3072		/* of them, without an ORDER */
#define HALVES_GRACE_MS	300		/* for the verdict that fits better */
/* The other half is sent before the order: it is late by scheduling alone. */
#define HALVES_WAIT_MS	2000
#define MATERIALS_MAX	64		/* held by the maker */

/* What broker, verifier and auth say; each is there once. */
struct half_order {
	int			 here;
	uint8_t			 operation;
	struct key_record	 record;
	uint8_t			 policy_digest[DIGEST_LEN];
	uint64_t		 deadline;
	uint8_t			*argument;	/* malloc'd; NULL: none */
	size_t			 argumentlen;
};

struct half_verdict {
	int			 here;
	uint32_t		 verifier;	/* whose */
	struct uuid		 key;
	uint8_t			 policy_digest[DIGEST_LEN];
	uint8_t			 tees;
	uint8_t			 e[WRAPPING_E_MAX];
	size_t			 elen;
	uint8_t			 n[WRAPPING_N_MAX];
	size_t			 nlen;
	uint64_t		 expiry;
};

struct half_grant {
	int			 here;
	uint8_t			 operation;
	struct uuid		 key;
	uint8_t			 algorithm;
	uint16_t		 length;
	uint8_t			 curve;
	char			 keystore[NAME_MAX_STORE];
	uint8_t			 flags;
	uint8_t			 policy_digest[DIGEST_LEN];
	uint8_t			 detail[DIGEST_LEN];	/* material, backend */
					/* id or public key; zero: none */
	uint8_t			 seal[DIGEST_LEN];	/* of the record */
	uint64_t		 expiry;
};

enum stage {
	STAGE_HALVES,		/* not all of it has come */
	STAGE_QUEUED,		/* in the maker's queue */
	STAGE_KMS		/* kms was asked */
};

/* All that is here of one request, from its first half to its answer. */
struct request {
	RB_ENTRY(request)	 entry;
	TAILQ_ENTRY(request)	 queue;
	struct request_name	 name;
	enum stage		 stage;
	struct event		 timer;
	struct half_order		 order;
	struct half_verdict		 verdict;
	struct half_grant		 grant;
	uint8_t			*material;	/* secret memory; NULL: none */
	size_t			 materiallen;
	int			 lost;		/* who sent a half is gone */
	const char		*why;		/* a verdict did not fit */
	uint8_t			 wrapping[DIGEST_LEN];
	uint32_t		 version;	/* 0: the newest */
	EVP_PKEY		*pkey;		/* wrapping key, checked */
	uint32_t		 kms;		/* who was asked */
	uint32_t		 asked;		/* what: IMSG_KMS_* */
};

struct counts {
	uint64_t	 orders, released, changed, made, refused, failed;
	uint64_t	 busy, expired, late;
	struct histogram wrapping;
};
/* halves.c */

extern struct counts	 counts;

int	 halves_order(struct edge *, struct rbuf *);
int	 halves_verdict(struct edge *, struct rbuf *);
int	 halves_grant(struct edge *, struct rbuf *);
int	 halves_material(struct edge *, struct rbuf *);
void	 halves_broker_down(struct edge *);
void	 halves_source_down(struct edge *);	/* verifier, auth */
void	 halves_front_down(struct edge *);
void	 halves_kms_down(struct edge *);
/* The one that waits for this answer of kms; NULL: it came too late. */
struct request	*halves_asked(const struct edge *,
		    const struct request_name *, int fetch);
/* It is in the maker's queue, to its order's deadline. */
void	 halves_queued(struct request *);
/* kms has been asked: nothing more is taken for it but the answer. */
void	 halves_asking(struct request *, uint32_t kms, uint32_t type,
	    uint64_t deadline);
/* Tell the broker how it ended, and forget it. */
void	 request_done(struct request *, enum done_result, const char *reason,
	    const void *record, size_t len);
void	 request_free(struct request *);
size_t	 halves_count(void);

/* agree.c */

/* Which half an operation needs. */
enum half	 agree_half(uint8_t operation);
/* What comes from a front, if anything does; GIVEN_MAX: it does not say. */
enum given	 agree_given_as(const struct half_order *);
/* Does it wait for material from a front? */
int		 agree_wants_material(const struct half_order *);
/* NULL when both halves (and the material) say one thing, else what not. */
const char	*agree(const struct request *, uint64_t now);

/* release.c */

/* Check the wrapping key and ask kms for the key. */
void	 release_start(struct request *);
/* Ask kms for what only the backup's recipient can open. */
void	 release_backup(struct request *);
/* Here it is: wrap, if that is not done; send, forget. */
void	 release_fetched(struct request *, const uint8_t *, size_t len);

/* kms.c */

int	 kms_config(struct rbuf *);
/* Does the key's keystore make such keys itself? */
int	 kms_makes(const struct key_record *);
/* Does it wrap its keys itself?  Then no material comes from there. */
int	 kms_wraps(const struct key_record *);
/* Each asks, or ends the request. */
void	 kms_fetch(struct request *);
void	 kms_store(struct request *, const uint8_t *material, size_t len);
void	 kms_reseal(struct request *);
void	 kms_delete(struct request *);
int	 kms_fetched(struct edge *, struct rbuf *);
int	 kms_stored(struct edge *, struct rbuf *);

/* der.c: a strict reader, and a writer that begins at the end */

struct der {
	const uint8_t	*p;
	size_t		 left;
};

#define DER_INTEGER	0x02
#define DER_BITS	0x03
#define DER_OCTETS	0x04
#define DER_NULL	0x05
#define DER_OID		0x06
#define DER_SEQUENCE	0x30
#define DER_CONTEXT(n)	(0xa0 | (n))

void	 der_init(struct der *, const void *, size_t);
/* The contents of the next element, which must have this tag. 0 or -1. */
int	 der_get(struct der *, uint8_t tag, struct der *body);
/* Is the next element one of this tag? */
int	 der_peek(const struct der *, uint8_t tag);
/* An INTEGER of 0 or more, without zeros in front (0: no bytes). */
int	 der_number(struct der *, struct der *number);
/* An INTEGER of one value. */
int	 der_version(struct der *, uint8_t value);
/* rsaEncryption, ecPublicKey: what is behind the OID goes to parameters. */
int	 der_algorithm(struct der *, struct der *oid, struct der *parameters);
int	 der_equals(const struct der *, const void *, size_t);

struct derout {
	uint8_t	*buf;
	size_t	 left;		/* free bytes before what is written */
	size_t	 size;
	int	 failed;
};

void	 derout_init(struct derout *, void *, size_t);
void	 derout_raw(struct derout *, const void *, size_t);
/* The header of all that was written since end bytes were there. */
void	 derout_wrap(struct derout *, uint8_t tag, size_t end);
void	 derout_number(struct derout *, const uint8_t *, size_t);
size_t	 derout_len(const struct derout *);

extern const uint8_t	 oid_rsa[9], oid_ec[7];

/* pubkey.c */

/* Leave out zeros in front. */
void	 pubkey_strip(const uint8_t **, size_t *);
unsigned int pubkey_bits(const uint8_t *, size_t);
/* Cheap checks, before libcrypto sees it: NULL, or what is wrong. */
const char	*pubkey_check(const uint8_t *e, size_t elen, const uint8_t *n,
		    size_t nlen, unsigned int least);
/* e and n of a SubjectPublicKeyInfo (RSA); NULL, or what is wrong. */
const char	*pubkey_spki(const uint8_t *, size_t, struct der *e,
		    struct der *n);
/* NULL when libcrypto does not take it. */
EVP_PKEY	*pubkey_make(const uint8_t *e, size_t elen, const uint8_t *n,
		    size_t nlen);

/* wrap.c */

/* In static memory until the next call. */
struct wrapped {
	const uint8_t	*key;
	size_t		 keylen;
	const uint8_t	*swk;
	size_t		 swklen;	/* 0: none */
};

void	 wrap_init(void);
/* AES-256-GCM under a new SWK, that by OAEP with SHA-256.  0 or -1. */
int	 wrap_transfer(struct wrapped *, EVP_PKEY *, const void *, size_t);
/* OAEP with SHA-384 of the key itself, or where it is too long as above. */
int	 wrap_release(struct wrapped *, EVP_PKEY *, const void *, size_t);
/*
 * What a keystore has wrapped itself, as it comes from kms: nonce, ciphertext
 * and tag get their lengths in front.  0 or -1.
 */
int	 wrap_ready(struct wrapped *, const void *, size_t);

/* The rest is the maker's. */

/* queue.c */

/* Its turn will come, or it is refused as BUSY. */
void	 queue_add(struct request *);
/* It is freed before its turn. */
void	 queue_remove(struct request *);
/* kms has stored a key, or has not: the next may be made. */
void	 queue_answered(void);

/* make.c */

/* A new key: raw AES or PKCS#8 DER, OPENSSL_secure_malloc'd.  0 or -1. */
int	 make_key(const struct key_record *, uint8_t **, size_t *);
/* PKCS#8 DER (PrivateKeyInfo) of a private key, likewise. */
int	 make_pkcs8(EVP_PKEY *, uint8_t **, size_t *);

/* import.c */

/* Check registered material.  NULL and as make_key, or what is wrong. */
const char	*import_key(const struct key_record *, const uint8_t *,
		    size_t, uint8_t **, size_t *);

/* pem.c */

enum pem_label { PEM_PKCS8, PEM_PKCS1, PEM_SEC1 };

/*
 * DER of a PEM text that is one private key and nothing else, in
 * OPENSSL_secure_malloc'd memory.  NULL, or what is wrong.
 */
const char	*pem_read(const uint8_t *, size_t, enum pem_label *,
		    uint8_t **, size_t *);


/* Least and most bytes of what comes in. */
#define ORDER_LEAST	(12 + 1 + 4 + DIGEST_LEN + 8 + 4)
#define ORDER_MOST	(ORDER_LEAST + KEY_RECORD_MAX + ARGUMENT_MAX)
#define VERDICT_LEAST	(12 + 16 + DIGEST_LEN + 1 + 4 + 4 + DIGEST_LEN + 8)
#define VERDICT_MOST	(VERDICT_LEAST + WRAPPING_E_MAX + WRAPPING_N_MAX)
#define GRANT_LEAST	(12 + 1 + 16 + 16 + 1 + 2 + 1 + 4 + 1 + \
			3 * DIGEST_LEN + 8)
#define GRANT_MOST	(GRANT_LEAST + NAME_MAX_STORE)
#define MATERIAL_LEAST	(8 + 4)
#define MATERIAL_MOST	(MATERIAL_LEAST + MATERIAL_MAX)
#define FETCHED_LEAST	(12 + 1 + 4 + 4)
#define FETCHED_MOST	(FETCHED_LEAST + REASON_TEXT_MAX + \
			MATERIAL_WRAPPED_MAX)
#define STORED_LEAST	(12 + 1 + 4 + 4)
#define STORED_MOST	(STORED_LEAST + REASON_TEXT_MAX + KEY_RECORD_MAX)

#endif

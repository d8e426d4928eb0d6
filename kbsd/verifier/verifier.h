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
 * The verifier judges evidence: it has no network and no files, sees public
 * keys, certificates, tokens and quotes, and never a key that is released.
 * What is pure (jws to binding) takes the time as an argument and returns
 * why it refused; what talks (collateral, fetch, appraise) is event driven.
 * Quotes that are verified without a service are in dcap.h.
 */
#ifndef VERIFIER_H
#define VERIFIER_H

#include <sys/queue.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "ecdsa.h"
#include "kbsd.h"
#include "once.h"
#include "trace.h"

#define BLOCKS_MAX	16		/* attestation blocks */
#define ROOTS_MAX	4		/* certificates of one root file */
#define ROOT_FILE_MAX	(64 * 1024)
#define KID_MAX		256
#define CRL_URL_MAX	512
#define JWKS_MAX	(256 * 1024)
#define JWKS_KEYS_MAX	32
#define CRL_MAX		(1024 * 1024)
#define WHY_MAX		256
/* Of nbf and iat: clocks differ.  exp, and all of X.509, get none. */
#define CLOCK_LEEWAY	60
/* Signing keys of tokens, and wrapping keys. */
#define RSA_BITS_LEAST	2048
#define RSA_BITS_MOST	8192

/* --- jws.c: RFC 7515, compact form only ---------------------------- */

enum jws_alg { JWS_NONE, JWS_PS384, JWS_RS256, JWS_PS256, JWS_ES256,
	JWS_ES384, JWS_MAX };

struct jws {
	const char	*text;		/* borrowed */
	size_t		 signedlen;	/* header '.' payload */
	const char	*payload;	/* base64url */
	size_t		 payloadlen;
	enum jws_alg	 alg;		/* of the header: a claim, no choice */
	char		 kid[KID_MAX + 1];	/* "": none */
	uint8_t		 sig[RSA_BITS_MOST / 8];
	size_t		 siglen;
};

int		 jws_read(struct jws *, const char *, size_t, char *why,
		    size_t whysize);
/* By the key's own alg; 0 when the signature is good. */
int		 jws_verify(const struct jws *, enum jws_alg, EVP_PKEY *);
/* The decoded payload, malloc'd; for use after jws_verify(). */
char		*jws_payload(const struct jws *, size_t *len);
enum jws_alg	 jws_alg_parse(const char *);

/* --- certs.c: X.509 paths and CRLs --------------------------------- */

struct roots {
	X509		*v[ROOTS_MAX];
	size_t		 n;
	/*
	 * Of another issuer than Intel: certificates may name no CRL, and a
	 * JWK no alg; rsa is then that of RSA keys, JWS_NONE: none.
	 */
	int		 lax;
	enum jws_alg	 rsa;
};

/* leaf <- signing CA <- configured root */
struct chain {
	X509		*leaf;
	X509		*ca;
	X509		*root;
	char		 leaf_crl[CRL_URL_MAX];
	char		 ca_crl[CRL_URL_MAX];
	int64_t		 from, until;	/* all three are valid: [from, until) */
};

struct crl {
	TAILQ_ENTRY(crl) entry;
	char		 url[CRL_URL_MAX];
	X509		*issuer;
	X509_CRL	*crl;
	uint8_t		*der;
	size_t		 derlen;
	int64_t		 from, until;
};
TAILQ_HEAD(crls, crl);

int		 roots_read(struct roots *, const char *pem, size_t len,
		    char *why, size_t whysize);
/*
 * A self-signed certificate as PEM (appended) and as roots; -1 with why.
 */
int		 root_pem(struct wbuf *pem, const uint8_t *der, size_t len,
		    struct roots *, char *why, size_t whysize);
void		 roots_free(struct roots *);
/* A certificate, and nothing behind it; NULL. */
struct der {
	const uint8_t	*p;
	size_t		 len;
};
X509		*cert_read(const struct der *);
/*
 * A CA that may sign certificates, with so many CAs below it, and perhaps
 * CRLs, and has no surprises.
 */
int		 cert_check_ca(X509 *, long path, int crls);
int		 cert_check_leaf(X509 *);
/* Is the issuer its issuer, and the signature good? */
int		 cert_check_signature(X509 *, X509 *issuer);
/* All n are valid: [from, until). */
int		 cert_times(X509 *const *, size_t n, int64_t *from,
		    int64_t *until);
/*
 * Decode and check a path; certs are the DER of leaf, signing CA and perhaps
 * the root.  Validity in time is left to who uses from and until.
 */
int		 chain_read(struct chain *, const struct der *, size_t n,
		    const struct roots *, char *why, size_t whysize);
void		 chain_clear(struct chain *);
/* A CRL that this issuer signed; NULL with why. */
struct crl	*crl_read(const uint8_t *, size_t len, const char *url,
		    X509 *issuer, char *why, size_t whysize);
void		 crl_free(struct crl *);
struct crl	*crl_find(const struct crls *, const char *url, X509 *issuer);
int		 crl_revokes(const struct crl *, X509 *);
/* Is a the younger of two of one issuer? */
int		 crl_newer(const struct crl *a, const struct crl *b);

/*
 * The next certificate in PEM, NULL at the end.  Who wrote it may say that it
 * is encrypted; nobody is asked for a passphrase then.
 */
X509		*cert_pem_next(BIO *);

/* --- jwks.c: RFC 7517 ---------------------------------------------- */

enum jwk_state { JWK_OK, JWK_NO_CRL, JWK_REVOKED };

struct jwk {
	char		 kid[KID_MAX + 1];
	enum jws_alg	 alg;
	struct chain	 chain;
	EVP_PKEY	*key;		/* the leaf's, or */
	int		 plain;		/* our own: of a file, without chain */
	/* By jwk_settle(): */
	enum jwk_state	 state;
	int64_t		 from, until;
};

struct jwks {
	size_t		 n;
	struct jwk	 keys[JWKS_KEYS_MAX];
};

/*
 * The keys with a path to a root.  NULL: it is no JWKS, or a kid stands in
 * it twice.  None may be left: n is 0, and why says what ailed the last one.
 */
struct jwks	*jwks_read(const char *, size_t len, const struct roots *,
		    char *why, size_t whysize);
/*
 * The root that a key's own chain ends in, as PEM, when that key would be used
 * if it were configured; -1 with why.  Nothing makes it trustworthy.
 */
int		 jwks_top(const char *, size_t len, struct wbuf *pem,
		    char *why, size_t whysize);
void		 jwks_free(struct jwks *);
struct jwk	*jwks_find(struct jwks *, const char *kid);
/* State and validity of a key by these CRLs. */
void		 jwk_settle(struct jwk *, const struct crls *);
int		 jwk_usable(const struct jwk *, int64_t now);
/* Of a set, or NULL: is any of its keys usable, and how many are? */
int		 jwks_any(const struct jwks *, int64_t now);
uint64_t	 jwks_usable(const struct jwks *, int64_t now);
/* When the first, or the last, usable key ends, Unix; 0: there is none. */
int64_t		 jwks_end(const struct jwks *, int64_t now, int last);
/* All of its keys, as jwk_settle(). */
void		 jwks_settle(struct jwks *, const struct crls *);
/* One kid stands in it once, whosever key it is; -1. */
int		 jwks_unique(const json_t *keys);
extern const struct json_limits jwks_limits;
/* Its alg, or what follows from kty and crv; rsa for RSA.  JWS_NONE: none. */
enum jws_alg	 jwk_alg(json_t *, enum jws_alg rsa);
/* Do "use" and "key_ops", where they are there, say that it verifies? */
int		 jwk_signs(const json_t *use, const json_t *ops);
#define JWK_DER_MAX	1088
#define JWK_POINT_MAX	97
/* RSAPublicKey (RFC 8017 A.1.1) of a JWK: its length, or -1. */
ssize_t		 jwk_rsa_der(json_t *, uint8_t [JWK_DER_MAX], char *why,
		    size_t whysize);
/* The uncompressed point of an EC key of this curve. */
int		 jwk_point(json_t *, const char *curve, size_t half,
		    uint8_t [JWK_POINT_MAX], char *why, size_t whysize);
/* RSA public numbers of a JWK, malloc'd, leading zeros cut. */
int		 jwk_numbers(json_t *, uint8_t **n, size_t *nlen, uint8_t **e,
		    size_t *elen, char *why, size_t whysize);

/* --- keyfile.c: a key set that the operator vouches for ------------ */

/*
 * All keys of it, by their own numbers or their x5c's leaf; those for
 * encryption are left out.  A file is good as a whole: NULL with why, which
 * names the key, where one is of no use or is not public alone.  rsa: of RSA
 * keys that state no alg.
 */
struct jwks	*keyfile_read(const char *, size_t len, enum jws_alg rsa,
		    char *why, size_t whysize);

/* --- map.c: claims of other issuers under our names ---------------- */

struct map;

/* The block's part of CONFIG; NULL: it is not of its form. */
struct map	*map_config(struct rbuf *);
void		 map_free(struct map *);
/*
 * A flat token of ours out of that of another issuer: a new reference.  What
 * is not there stays absent.  NULL with why: what the block requires of all
 * its tokens does not stand there.
 */
json_t		*map_claims(const struct map *, json_t *token, char *why,
		    size_t whysize);

/* --- claims.c ------------------------------------------------------ */

struct claim_bytes {
	uint8_t		 has;
	uint8_t		 b[48];
};

struct claim_number {
	uint8_t		 has;
	uint32_t	 v;
};

struct claims {
	json_t			*json;		/* owns all that is borrowed */
	json_t			*part;		/* where the TEE's claims are */
	uint8_t			 tee;
	int			 v2;
	struct claim_bytes	 mrsigner;	/* mrsignerseam */
	struct claim_bytes	 mrenclave;	/* mrseam */
	struct claim_bytes	 mrtd;
	struct claim_bytes	 rtmr[4];
	struct claim_bytes	 fmspc;		/* of the token or the quote */
	struct claim_number	 isvprodid;
	struct claim_number	 svn;
	struct claim_bytes	 measurement;	/* SNP, as all below */
	struct claim_bytes	 host_data;
	struct claim_bytes	 id_key;
	struct claim_bytes	 author_key;
	struct claim_number	 guest_svn;
	struct claim_number	 tcb[POLICY_TCBS];
	struct claim_number	 committed[POLICY_TCBS];
	int			 debug;
	const char		*tcb_status;
	int64_t			 tcb_date;	/* 0: absent */
	json_t			*advisories;
	json_t			*matched;
	json_t			*nonce;
	json_t			*nvgpu;
	uint8_t			*held;
	size_t			 heldlen;
	json_t			*runtime;	/* own reference */
	json_t			*key;		/* a JWK, of a map alone */
	int64_t			 exp;
};

enum attribute_kind { ATTRIBUTE_BYTES, ATTRIBUTE_NUMBER };

/* What stands in a policy, a token and a quote alike. */
struct attribute {
	uint8_t			 tee;
	const char		*name;		/* in a policy */
	const char		*claim;
	enum attribute_kind	 kind;
	uint8_t			 width;
	size_t			 claims;	/* offset in struct claims */
	size_t			 quote;		/* offset in the quote's body;
						 * SNP: none is compared */
};

extern const struct attribute	attributes[];
extern const size_t		nattributes;

/* Whom a token must name, RFC 7519 section 4.1; "": whoever it likes. */
struct parties {
	char	 issuer[NAME_MAX_BACKEND];
	char	 audience[NAME_MAX_BACKEND];	/* among others, perhaps */
	struct map *map;		/* NULL: the claims have our names */
};

/* Of a token whose signature is good, or to choose who verifies it. */
void		 claims_issuer(const char *, size_t len,
		    char issuer[NAME_MAX_BACKEND]);
int		 claims_read(struct claims *, const char *, size_t len,
		    const struct parties *, int64_t now, char *why,
		    size_t whysize);
/*
 * Claims that we made ourselves of verified evidence (dcap_claims(),
 * snp_claims()): flat, without issuer and times.  The reference is the
 * caller's.
 */
int		 claims_own(struct claims *, uint8_t tee, json_t *, char *why,
		    size_t whysize);
void		 claims_free(struct claims *);
/* What the claim that tells of debugging is called. */
const char	*claims_debug_name(uint8_t tee);
/* Of the claims in text; INT64_MAX: it does not say. */
int64_t		 claims_expiry(const char *text, size_t len);
/* Is the nonce of the token the one that was sent? */
int		 claims_nonce(const struct claims *, const struct evidence *);
/* The text of an attribute, for compare and the audit log. */
#define ATTRIBUTE_TEXT	97
const char	*attribute_text(const struct attribute *,
		    const struct claims *, char text[ATTRIBUTE_TEXT]);

/* --- quote.c ------------------------------------------------------- */

struct quote {
	uint8_t		 tee;
	uint16_t	 version;
	const uint8_t	*body;		/* borrowed */
	size_t		 bodylen;
	const uint8_t	*report_data;	/* 64 bytes */
	int		 debug;
	int		 reserved;	/* TUD bits that no TD may have */
	struct claim_bytes fmspc;	/* of its PCK certificate */
};

/* A quote of SGX or TDX; nothing is verified. */
int		 quote_read(struct quote *, const uint8_t *, size_t len,
		    char *why, size_t whysize);
/* The same of evidence of one of these TEEs, SEV-SNP too. */
int		 quote_any(struct quote *, uint8_t tees, const uint8_t *,
		    size_t len, char *why, size_t whysize);
/* Is this what the TEE was to report for nonce and user data? */
int		 quote_binds(const struct quote *, const struct evidence *);
/* The first attribute in which claims and quote differ; NULL: none. */
const struct attribute *quote_differs(const struct quote *,
		    const struct claims *);

/* --- binding.c: the wrapping key ----------------------------------- */

struct wrapping {
	uint8_t		 e[4];		/* big-endian, no leading zeros */
	size_t		 elen;
	uint8_t		 n[RSA_BITS_MOST / 8];
	size_t		 nlen;
};

/* LE32(e) || n */
int		 binding_held(struct wrapping *, const uint8_t *, size_t len,
		    uint8_t tee, char *why, size_t whysize);
/* From the token, by held data or by the runtime data's tee-pubkey. */
int		 binding_claims(struct wrapping *, const struct claims *,
		    char *why, size_t whysize);
int		 binding_same(const struct wrapping *,
		    const struct wrapping *);

/* --- compare.c ----------------------------------------------------- */

struct outcome {
	enum verdict	 verdict;
	uint16_t	 status;
	const char	*text;		/* for the client */
	char		 reason[REASON_TEXT_MAX];
	char		 claim[CLAIM_TEXT_MAX];
	char		 wanted[CLAIM_TEXT_MAX];
	char		 got[CLAIM_TEXT_MAX];
};

/* All that a test of a policy looked at, as wb_check() writes it. */
struct checks {
	struct wbuf	 rows;
	uint32_t	 n;
};

void		 checks_add(struct checks *, enum check_result,
		    const char *claim, const char *wanted, const char *got);

/*
 * -1: outcome names the first claim that failed.  With checks the rest is
 * looked at too, and all is told.
 */
int		 compare(const struct policy *, const struct claims *,
		    struct outcome *, struct checks *);

/* --- policies.c: a few parsed policies by digest ------------------- */

const struct policy *policies_get(const uint8_t [DIGEST_LEN],
		    const char *text, size_t len, char *why, size_t whysize);

/* --- fetch.c: requests to the fetchers ----------------------------- */

struct fetch;

struct got {
	enum got_result	 result;
	uint16_t	 status;
	const char	*why;
	const uint8_t	*body;
	size_t		 len;
	int64_t		 fetched;
};

struct get {
	uint32_t	 block;
	enum fetch_what	 what;
	const struct request_name *name;	/* for whom; NULL: for many */
	uint64_t	 deadline;
	int		 refresh;
	const char	*url;		/* FETCH_CRL */
	uint8_t		 tees;
	const char	**ids;		/* FETCH_ATTEST */
	uint32_t	 nids;
	const uint8_t	*evidence;
	size_t		 evidencelen;
};

/*
 * done() is called once, later, unless it is cancelled; at the deadline at
 * the latest.  NULL: it could not be asked.
 */
struct fetch	*fetch_start(const struct get *,
		    void (*done)(void *, const struct got *), void *);
void		 fetch_cancel(struct fetch *);
int		 fetch_possible(uint32_t block);
void		 fetch_up(struct edge *);
void		 fetch_down(struct edge *);
int		 fetch_got(struct edge *, struct rbuf *);

/* --- collateral.c: JWKS and CRLs of the attestation blocks --------- */

int		 collateral_config(struct rbuf *, uint32_t block);
/* One that takes tokens of others; the services come first. */
int		 collateral_foreign(struct rbuf *, uint32_t block);
int		 collateral_root(int fd);
int		 collateral_jwks(int fd);
void		 collateral_secrets(void);
/* changed() is called, never from within a call here, when a fetch ended. */
void		 collateral_run(void (*changed)(void));
void		 collateral_broker_up(struct edge *);
void		 collateral_broker_down(struct edge *);
void		 collateral_fetcher_up(uint32_t block);
/* What the store has; len 0: nothing.  -1: nobody asked so. */
int		 collateral_kept(uint64_t tag, const uint8_t *, size_t len);
uint32_t	 collateral_blocks(void);
/* The block of this name; -1. */
int		 collateral_find(const char *name);
enum block_kind	 collateral_kind(uint32_t block);
/* How many of the blocks are services: these come first. */
uint32_t	 collateral_services(void);
/* And how many have a fetcher: these come before those that have none. */
uint32_t	 collateral_fetched(void);
/* The block that takes this issuer's tokens and is no service; -1. */
int		 collateral_issuer(const char *);
const struct parties *collateral_parties(uint32_t block);
unsigned int	 collateral_version(uint32_t block);
/*
 * The key of this name; NULL.  It may be unusable.  "": the only key of a
 * block that is no service.
 */
const struct jwk *collateral_key(uint32_t block, const char *kid);
/* Has it any key that is usable now? */
int		 collateral_any(uint32_t block, int64_t now);
/*
 * New collateral is wanted: 1 when it is on its way and changed() will be
 * called, 0 when it is too soon to ask again or there is nobody to ask.
 */
int		 collateral_refresh(uint32_t block);
/* Is it on its way? */
int		 collateral_coming(uint32_t block);
/* Of one attestation block, for kbsctl; Unix seconds, 0: never. */
struct block_told {
	const char	*name;
	const char	*state;
	int64_t		 good, bad;
	const char	*trouble;	/* "" */
	uint64_t	 keys;		/* usable; or platforms */
	int64_t		 fetched;	/* 0: a copy of the store */
};
void		 collateral_tell(void (*)(const struct block_told *, void *),
		    void *);
void		 collateral_counters(struct wbuf *);

/* --- show.c --------------------------------------------------------- */

void		 verifier_show(uint8_t, uint8_t, struct wbuf *, uint32_t *);

/* --- appraise.c ---------------------------------------------------- */

void		 appraise_config(uint32_t engines, int require_nonce);
int		 appraise_evidence(struct edge *, struct rbuf *);
int		 appraise_test(struct edge *, struct rbuf *);
int		 appraise_nonce(struct edge *, struct rbuf *);
void		 appraise_changed(void);
void		 appraise_broker_down(struct edge *);
void		 appraise_counters(struct wbuf *);

/* --- judge.c: one token against one policy ------------------------- */

enum judged { JUDGED, JUDGE_WAIT };

struct judgement {
	const struct policy	*policy;
	const struct evidence	*evidence;	/* background: what was sent */
	const struct quote	*quote;		/* background; else NULL */
	const char		*token;
	size_t			 tokenlen;
	int			 block;		/* -1: any */
	int			 waited;	/* asks for nothing any more */
	struct checks		*checks;	/* of a test; else NULL */
	/* out: */
	struct outcome		 outcome;
	struct wrapping		 wrapping;
	int64_t			 exp;
};

/* JUDGE_WAIT: collateral is on its way. */
enum judged	 judge(struct judgement *);
/* What must be there; EVIDENCE_QUOTE, of a test, is bound to nothing. */
enum evidence_need { EVIDENCE_BOUND, EVIDENCE_NONCE, EVIDENCE_QUOTE };

/* The evidence before the service sees it; 0 or -1 with outcome. */
int		 judge_evidence(const struct policy *, const struct evidence *,
		    enum evidence_need, struct quote *, struct wrapping *,
		    struct outcome *);
/* Fill an outcome; returns -1. */
int		 outcome_set(struct outcome *, enum verdict, uint16_t status,
		    const char *text, const char *, ...)
		    __attribute__((format(printf, 5, 6)));

/* --- once_form.c: what a file of evidence holds -------------------- */

enum form_kind { FORM_NONE, FORM_QUOTE, FORM_REPORT, FORM_TOKEN };

struct form {
	enum form_kind	 kind;
	uint8_t		*p;		/* malloc'd, NUL behind it */
	size_t		 len;
};

/* FORM_NONE, and p is NULL, where it is no evidence of any kind. */
void		 form_read(struct form *, const uint8_t *, size_t len);
const char	*form_name(enum form_kind);

/* --- once.c: `verifier -a', for kbsctl appraise -------------------- */

/* The answer as it grows; begun as a rejection of the unreadable. */
struct told {
	json_t		*j;
	json_t		*steps;		/* j's */
	int		 failed;	/* there was no memory */
};

/* Each takes the value; NULL is no memory. */
void		 told_set(struct told *, const char *name, json_t *value);
void		 told_step(struct told *, const char *name,
		    const char *result);
void		 told_accept(struct told *);
void		 told_reject(struct told *, const char *reason,
		    const char *text);
/* The whole answer, also to what is no evidence; dies without memory. */
json_t		*once_judge(const struct once *);
void		 once_main(void) __attribute__((noreturn));

/* --- once_quote.c, once_report.c, once_token.c --------------------- */

/* Judge one, and tell all of it. */
void		 once_quote(struct told *, const struct once *,
		    const uint8_t *, size_t len);
void		 once_report(struct told *, const struct once *,
		    const uint8_t *, size_t len);
void		 once_token(struct told *, const struct once *,
		    const uint8_t *, size_t len);

#endif

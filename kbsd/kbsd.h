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
 * The messages between the processes.  The first word of a type is its
 * receiver.  For each type the comment gives the body in the terms of
 * common/msg.h: N is a u64 number (the front is known by the edge), NAME is
 * u32 front, u64 number.  Digests are SHA-256.  Deadlines and expiries are
 * milliseconds of CLOCK_MONOTONIC unless said otherwise.
 */
#ifndef KBSD_H
#define KBSD_H

#include <stdint.h>

#include "limit.h"
#include "process.h"
#include "record.h"

enum imsg_type {
	/*
	 * frontend, gate, control -> broker.
	 * TRANSFER: N, str client address, uuid key, u8 step (TRANSFER_*),
	 *   u32 key version (0: newest), bytes evidence (wb_evidence; empty
	 *   in the first step).
	 * ASK: N, str client address, bytes ask (wb_ask).
	 */
	IMSG_BROKER_TRANSFER = IMSG_KBSD_FIRST,
	IMSG_BROKER_ASK,
	/*
	 * control -> broker.  TEST: N, uuid (a policy or a key), bytes
	 * evidence (wb_evidence): how would it be judged?
	 */
	IMSG_BROKER_TEST,
	/*
	 * control -> broker.  WATCH: u32 so many lines more may be sent, in
	 *   all MONITOR_LINES at most; 0: nobody watches any longer.
	 * broker -> control.  FINISHED: u64 lines that were not sent before
	 *   this one, u64 Unix time (ms), u32 kind and u32 instance of the
	 *   front, str request id, str client address, u8 operation, uuid
	 *   object, str who, u8 tees, str outcome, u16 HTTP status (0: nobody
	 *   was there to be answered), str error, u64 ms that it took.
	 */
	IMSG_BROKER_WATCH,
	IMSG_CONTROL_FINISHED,
	/*
	 * broker -> frontend, gate, control.
	 * ANSWER: N, u16 HTTP status, u16 Retry-After (0: none), str error
	 *   ("" if none), u8 tees (Attestation-Type; 0: none), u8 kind
	 *   (ANSWER_*), u32 count, then count records (wb_key_record,
	 *   wb_policy_record, wb_user_record, wb_check) or, for
	 *   ANSWER_NONCE, bytes val, bytes iat, bytes signature; for
	 *   ANSWER_SEALED, count 1, bytes of an envelope.
	 */
	IMSG_FRONTEND_ANSWER,
	/*
	 * engine -> frontend, gate, control.
	 * WRAPPED: N, u8 tees (0 when a grant released it), bytes wrapped key,
	 *   bytes wrapped SWK (empty: none).  To control the bytes of an
	 *   envelope (KEY_BACKUP), no SWK.
	 */
	IMSG_FRONTEND_WRAPPED,
	/* frontend, control -> maker.  MATERIAL: N, bytes. */
	IMSG_MAKER_MATERIAL,
	/*
	 * frontend -> auth.
	 * LOGIN: N, str client address, str user name, bytes password.
	 * CLAIM: N, str token, digest of the ask's bytes, bytes password
	 *   (the new one of OP_USER_CREATE and OP_USER_UPDATE; else empty).
	 * control -> auth.
	 * LOCAL: N, u32 uid, digest of the ask's bytes, bytes password (of
	 *   OP_USER_CREATE with an id, which is an import: a bcrypt hash).
	 */
	IMSG_AUTH_LOGIN,
	IMSG_AUTH_CLAIM,
	IMSG_AUTH_LOCAL,
	/*
	 * auth -> frontend.  TOKEN: N, u16 status, u16 Retry-After, str error,
	 *   bytes token (empty unless 200).
	 */
	IMSG_FRONTEND_TOKEN,
	/*
	 * frontend -> signer, on a blocking socket of its own (the edge that
	 * arrives as PROC_SIGNER), and back.
	 * SIGN: u32 id, u8 kind (SIGN_*), digest of the SubjectPublicKeyInfo,
	 *   bytes to be signed.
	 * SIGNED: u32 id, u8 ok, bytes signature.
	 */
	IMSG_SIGNER_SIGN,
	IMSG_FRONTEND_SIGNED,
	/* parent -> frontend, gate.  REFUSE: str address, u32 ms. */
	IMSG_FRONTEND_REFUSE,

	/*
	 * broker -> auth.
	 * ASKED: NAME, str client address, bytes ask, as it came.
	 * LEFTOVER: NAME, bytes key record, bytes intent: finish or undo it.
	 * ROWS: u64 tag, bytes user, bytes lockout, bytes policy, bytes key
	 *   (records; empty: not there), u8 result (ROW_OK, or ROW_FAILED:
	 *   the store could not tell what is there).
	 * ROW_DONE: u64 tag, u8 result (ROW_*).
	 */
	IMSG_AUTH_ASKED,
	IMSG_AUTH_LEFTOVER,
	IMSG_AUTH_ROWS,
	IMSG_AUTH_ROW_DONE,
	/*
	 * auth -> broker.
	 * GRANTED: NAME, uuid user (nil: local), str who (name or "uid N"),
	 *   u8 operation, digest of the ask's bytes, uuid object, u64 Unix
	 *   time, digest of the policy, bytes record (the new or changed user
	 *   or policy with its seal; USER_BACKUP: its hash in an envelope;
	 *   empty), bytes intent (key writes; else
	 *   empty), the seal of the key record that auth was shown (zero: of
	 *   none).  To LEFTOVER: OP_KEY_DELETE of a making is undo; the object
	 *   of OP_KEY_MOVE is the new policy.
	 * REFUSED: NAME, u16 status, u16 Retry-After, str error, str who, str
	 *   reason (for the audit line).
	 * ROWS_WANT: u64 tag, uuid user (nil: none), str user name ("": none;
	 *   brings its lockout too), uuid policy (nil: none), uuid key.
	 * ROW_PUT: u64 tag, u8 row (ROW_USER: insert; ROW_LOCKOUT: replace
	 *   or insert), bytes record.
	 * LOGGED_IN: str client address, str user name, u8 ok, str reason:
	 *   for an audit line.
	 */
	IMSG_BROKER_GRANTED,
	IMSG_BROKER_REFUSED,
	IMSG_BROKER_ROWS_WANT,
	IMSG_BROKER_ROW_PUT,
	IMSG_BROKER_LOGGED_IN,
	/*
	 * auth -> hasher and back.
	 * HASH: u64 tag, bytes password.  CHECK: u64 tag, bytes password, str
	 *   hash.  HASHED: u64 tag, u8 ok, str hash (of HASH; else "").
	 */
	IMSG_HASHER_HASH,
	IMSG_HASHER_CHECK,
	IMSG_AUTH_HASHED,

	/*
	 * broker -> store; tags are the broker's.
	 * FIND: u64 tag, u8 row, uuid, str name (users, lockouts,
	 *   collateral).  ROW_KEY brings its policy as second; ROW_USER by
	 *   name (uuid nil) its lockout.
	 * LIST: u64 tag, u8 row, bytes ask (its filters; empty: all).
	 *   ROW_PENDING lists keys with intents.
	 * PUT: u64 tag, u8 row, u64 row version expected (0: insert), bytes
	 *   record, bytes intent (keys; empty clears it).  ROW_NONCE: record
	 *   is digest, u64 expiry (Unix seconds).  ROW_COLLATERAL: record is
	 *   str name, u64 expiry (Unix), bytes.
	 * DELETE: u64 tag, u8 row, uuid, u64 row version expected (0: any).
	 */
	IMSG_STORE_FIND,
	IMSG_STORE_LIST,
	IMSG_STORE_PUT,
	IMSG_STORE_DELETE,
	/*
	 * store -> broker.
	 * FOUND: u64 tag, u8 result (ROW_OK, ROW_NONE, ROW_FAILED), bytes
	 *   record, bytes second (empty: none).
	 * LISTED: u64 tag, u8 result, u32 count, then count times bytes
	 *   record, bytes intent (empty but for ROW_PENDING).
	 * PUT_DONE: u64 tag, u8 result, u64 new row version.
	 */
	IMSG_BROKER_FOUND,
	IMSG_BROKER_LISTED,
	IMSG_BROKER_PUT_DONE,

	/*
	 * broker -> verifier.
	 * APPRAISE: NAME, u64 deadline, uuid key, uuid policy, bytes policy
	 *   text, u8 step (TRANSFER_EVIDENCE, TRANSFER_TOKEN), bytes evidence.
	 * TEST: the same; no VERDICT comes of it.
	 * NONCE: NAME, u64 deadline, uuid key, uuid policy, bytes policy text.
	 * COLLATERAL: u64 tag, u8 found, bytes (as PUT had it).
	 */
	IMSG_VERIFIER_APPRAISE,
	IMSG_VERIFIER_TEST,
	IMSG_VERIFIER_NONCE,
	IMSG_VERIFIER_COLLATERAL,
	/*
	 * verifier -> broker.
	 * APPRAISED: NAME, u8 verdict (VERDICT_*), u16 status for the client,
	 *   str text for the client, str reason, str claim (the first that
	 *   failed; ""), str wanted, str got, u8 tees of the policy, digest of
	 *   the evidence, digest of the wrapping key, digest of the nonce
	 *   (zero: none was used), u64 nonce expiry (Unix seconds).
	 * TESTED: NAME, u32 count, count checks (wb_check): each thing that
	 *   was looked at, the verdict last.
	 * NONCED: NAME, u8 verdict, u16 status, str text, str reason, u8 tees
	 *   of the policy, bytes val, bytes iat, bytes signature.
	 * COLLATERAL_WANT: u64 tag, str name.
	 * COLLATERAL_PUT: str name, u64 expiry (Unix seconds), bytes.
	 */
	IMSG_BROKER_APPRAISED,
	IMSG_BROKER_TESTED,
	IMSG_BROKER_NONCED,
	IMSG_BROKER_COLLATERAL_WANT,
	IMSG_BROKER_COLLATERAL_PUT,
	/*
	 * verifier -> fetcher.
	 * GET: u64 tag, u8 what (FETCH_*), u64 deadline, u8 refresh (do not
	 *   answer from memory; the rate limit holds all the same), str URL
	 *   (FETCH_CRL only), u8 tees, u32 count and count strs: policy ids,
	 *   bytes evidence (FETCH_ATTEST; FETCH_DCAP: 6 bytes FMSPC, u8 0 for
	 *   the Processor CA, 1 for the Platform CA, and tees is SGX or TDX;
	 *   FETCH_SNP: u8 product (SNP_MILAN, ...), u8 signer (SNP_VCEK, ...);
	 *   FETCH_VCEK: u8 product, 8 bytes TCB and 64 bytes chip id as a
	 *   report has them; else empty).
	 * fetcher -> verifier.
	 * GOT: u64 tag, u8 result (GOT_*), u16 HTTP status (0: none), str why,
	 *   bytes body: raw bytes of JWKS or CRL; the token; for FETCH_NONCE
	 *   bytes val, bytes iat, bytes signature inside; for FETCH_DCAP
	 *   inside bytes PCK CRL (DER), bytes its issuer chain (PEM), bytes
	 *   root CRL (DER), bytes TCB info, bytes its issuer chain, bytes QE
	 *   identity, bytes its issuer chain; for FETCH_SNP bytes ASK (or
	 *   ASVK) and ARK (PEM), bytes CRL (DER); for FETCH_VCEK bytes VCEK
	 *   (DER).  u64 fetched (Unix seconds, may be older when it comes from
	 *   memory).
	 */
	IMSG_FETCHER_GET,
	IMSG_VERIFIER_GOT,

	/*
	 * The halves.
	 * ORDER, broker -> engine, maker: NAME, u8 operation, bytes key record
	 *   with its seal (KEY_CREATE, KEY_REGISTER: without), digest of the
	 *   policy, u64 deadline, bytes argument: SPKI (KEY_RELEASE), the 16
	 *   bytes of the new policy's id (KEY_MOVE), u32 version (TRANSFER of
	 *   another than the newest), one byte (KEY_ROTATE: material comes from
	 *   a front: enum given), one byte (KEY_REGISTER of a box: likewise),
	 *   else empty.  KEY_BACKUP: u32 version.
	 * VERDICT, verifier -> engine: NAME, uuid key, digest of the policy,
	 *   u8 tees, bytes e, bytes n (wrapping key, big-endian), digest of
	 *   the evidence, u64 expiry.
	 * GRANT, auth -> engine, maker: NAME, u8 operation, uuid key, uuid
	 *   user, u8 algorithm, u16 length, u8 curve, str keystore, u8 flags,
	 *   digest of the policy, digest of the material, backend id or
	 *   public key (zero: none), the seal of the key record that it is
	 *   for (zero: one without), u64 expiry.  A grant is for that record
	 *   only: serials may be foretold, seals may not, so what was granted
	 *   once is nothing for a key that was changed since.
	 */
	IMSG_ENGINE_ORDER,
	IMSG_ENGINE_VERDICT,
	IMSG_ENGINE_GRANT,
	/*
	 * engine, maker -> broker.
	 * DONE: NAME, u8 operation, u8 result (DONE_*), str reason, bytes key
	 *   record (newly sealed; empty: unchanged).
	 */
	IMSG_BROKER_DONE,
	/*
	 * engine, maker -> kms.
	 * FETCH: NAME, u8 operation, u8 half (HALF_*), bytes key record, digest
	 *   of the policy, digest of the wrapping key, u32 version of the
	 *   material (0: the record's), u64 deadline, bytes wrapping key
	 *   (empty, but where the keystore wraps by it itself: of a verdict
	 *   bytes e, bytes n; of a grant the SubjectPublicKeyInfo).
	 * STORE (maker only): NAME, u8 operation, u8 half, bytes key record
	 *   (without seal; KEY_ROTATE: the newest), digest of the policy,
	 *   digest of the material, u64 deadline, u8 what it is (enum given),
	 *   bytes material (empty: of KEY_REGISTER it is there already; of the
	 *   others it is to be made there, and the digest is zero).
	 * RESEAL: NAME, u8 operation, u8 half, bytes key record, digest of the
	 *   new policy, uuid new policy, u64 deadline.
	 * DELETE: NAME, u8 operation, u8 half, bytes key record, u64 deadline.
	 */
	IMSG_KMS_FETCH,
	IMSG_KMS_STORE,
	IMSG_KMS_RESEAL,
	IMSG_KMS_DELETE,
	/*
	 * kms -> engine, maker.
	 * FETCHED: NAME, u8 result (DONE_*), str reason, bytes material; where
	 *   the keystore has wrapped it: bytes IV, ciphertext and tag, bytes
	 *   wrapped SWK (empty: the first is the key, wrapped without one).
	 * STORED (STORE, RESEAL, DELETE): NAME, u8 result, str reason, bytes
	 *   key record (sealed; empty on failure and after DELETE).
	 */
	IMSG_ENGINE_FETCHED,
	IMSG_ENGINE_STORED,
	/*
	 * broker -> audit.
	 * RECORD: NAME, u8 operation, str keystore ("": no kms waits for it),
	 *   uuid key, digest of the policy, digest of the wrapping key, u8
	 *   reply (send BROKER_RECORDED), then what the line says: u8 event
	 *   (AUDIT_*), str request id, str client address, str who, uuid
	 *   object, uuid policy, u8 tees, digest of the evidence, str verdict,
	 *   str reason, str claim, str wanted, str got.
	 * audit -> broker, kms.
	 * RECORDED: NAME, u8 operation, uuid key, digest of the policy,
	 *   digest of the wrapping key, u64 line (0: not written, and `audit
	 *   optional').
	 * NOT_RECORDED (broker only): NAME, str reason.
	 */
	IMSG_AUDIT_RECORD,
	IMSG_KMS_RECORDED,
	IMSG_BROKER_RECORDED,
	IMSG_BROKER_NOT_RECORDED,

	/*
	 * control -> parent, and back.
	 * COMMAND: u64 tag, u8 command (COMMAND_*), u8 argument, str name.
	 * REPLY: u64 tag, u8 ok, str error, u32 columns, that many strs: their
	 *   names, u32 rows, rows * columns strs.
	 */
	IMSG_PARENT_COMMAND,
	IMSG_CONTROL_REPLY,
	/*
	 * broker, frontend -> parent.  BLAME: u32 kind of the process whose
	 * edge closed, u32 instance, u32 count, count strs: the client
	 * addresses of the requests that it had.
	 */
	IMSG_PARENT_BLAME,
	/*
	 * verifier -> parent.  PIN: u32 attestation block, bytes PEM: the root
	 * that the service shows, where none is known yet.
	 */
	IMSG_PARENT_PIN,
	/*
	 * verifier -> parent.  HELD: u32 count, then for each platform whose
	 * collateral it knows (of AMD's, products and chips) str name, u32
	 * evaluation number (0: of AMD's there is none), u64 fetched,
	 * u64 until (Unix seconds; 0: it has none), str what went wrong last.
	 */
	IMSG_PARENT_HELD,
	/*
	 * parent -> kms.  CHECK: u64 tag, u8 active: put a key there, get it
	 * and remove it; else tell what is known.
	 * kms -> parent.  CHECKED: u64 tag, u8 ok, str state, u32 mean time of
	 *   an answer (us), u64 answers that were failures, u64 seconds until
	 *   its credential ends (0: it does not, or nobody knows).
	 */
	IMSG_KMS_CHECK,
	IMSG_PARENT_CHECKED,
	/*
	 * The trace of a request, before a message about it, where a client
	 * has sent one (common/trace.h).
	 * front -> broker: u64 number, 16 bytes trace id, u8 flags.
	 * verifier -> fetcher: u64 tag, and the same.
	 * broker -> verifier, audit, engine; engine -> kms: NAME, and the same.
	 */
	IMSG_BROKER_TRACE,
	IMSG_VERIFIER_TRACE,
	IMSG_FETCHER_TRACE,
	IMSG_ENGINE_TRACE,
	IMSG_KMS_TRACE,
	IMSG_AUDIT_TRACE,
	/*
	 * parent -> audit.  REOPEN: u32 generation; the log's new file.
	 * SINK: u32 sink, u8 stream (else datagrams); a connected socket.
	 * audit -> parent.  AUDITED: u32 generation, u8 no older file is
	 *   needed any more, u64 number and digest of the log's last line.
	 * SINK_WANT: u32 sink, which has no socket (any more).
	 */
	IMSG_AUDIT_REOPEN,
	IMSG_AUDIT_SINK,
	IMSG_PARENT_AUDITED,
	IMSG_PARENT_SINK_WANT,
	/*
	 * kms -> parent.  REKEYED: u8: what it has is sealed by the new key
	 *   that it was given; else by the old one.
	 */
	IMSG_PARENT_REKEYED,
	/*
	 * metrics -> parent.  SCRAPE: u64 tag, u8: the others are asked for
	 *   their counters first.
	 * parent -> metrics.  SCRAPED: u64 tag, u32 count, then for the parent
	 *   itself and each process: u32 kind, u32 instance, str name of its
	 *   block (""), u8 type of its keystore (KEYSTORE_TYPE_MAX: it is no
	 *   kms), u8 is it ready, u8 has it answered, u32 restarts, u32 seconds
	 *   for which it has not been ready, u64 start (Unix seconds), bytes
	 *   its last counters (str name, u64 value).
	 */
	IMSG_PARENT_SCRAPE,
	IMSG_METRICS_SCRAPED,
	/*
	 * parent -> broker.  ALONE: u8; 1: no other set lives, so rows may be
	 * cached and what is left over may be finished.
	 */
	IMSG_BROKER_ALONE,
	IMSG_MAX
};

const char	*imsg_name(uint32_t);	/* for traces; kbsd's own in common */

enum transfer_step { TRANSFER_FIRST, TRANSFER_EVIDENCE, TRANSFER_TOKEN,
	TRANSFER_STEP_MAX };

enum answer_kind { ANSWER_NONE, ANSWER_NONCE, ANSWER_KEY, ANSWER_KEYS,
	ANSWER_POLICY, ANSWER_POLICIES, ANSWER_USER, ANSWER_USERS,
	ANSWER_CHECKS, ANSWER_SEALED, ANSWER_KIND_MAX };

enum sign_kind { SIGN_RSA, SIGN_ECDSA, SIGN_KIND_MAX };

enum row_kind { ROW_USER, ROW_POLICY, ROW_KEY, ROW_LOCKOUT, ROW_NONCE,
	ROW_COLLATERAL, ROW_PENDING, ROW_KIND_MAX };

enum row_result {
	ROW_OK,
	ROW_NONE,		/* no such row */
	ROW_EXISTS,		/* name taken, nonce used */
	ROW_CONFLICT,		/* another version is there */
	ROW_IN_USE,		/* a key uses this policy; unknown policy */
	ROW_FAILED,		/* full disk, ...: 503 */
	ROW_RESULT_MAX
};

enum verdict { VERDICT_OK, VERDICT_DENIED, VERDICT_UNAVAILABLE, VERDICT_BUSY,
	VERDICT_MAX };

enum fetch_what { FETCH_NONCE, FETCH_ATTEST, FETCH_JWKS, FETCH_CRL,
	FETCH_DCAP, FETCH_SNP, FETCH_VCEK, FETCH_MAX };

/* Of AMD's processors, and what has signed a report of theirs. */
enum snp_product { SNP_MILAN, SNP_GENOA, SNP_TURIN, SNP_PRODUCTS };
enum snp_signer { SNP_VCEK, SNP_VLEK, SNP_SIGNERS };

enum got_result { GOT_OK, GOT_REFUSED, GOT_UNAVAILABLE, GOT_BUSY, GOT_MAX };

enum half { HALF_VERDICT, HALF_GRANT, HALF_MAX };

enum done_result {
	DONE_OK,
	DONE_REFUSED,		/* halves, seal, policy or mark: 401/500 */
	DONE_INVALID,		/* what came is of no use: 400 */
	DONE_NONE,		/* the backend does not have it */
	DONE_STALE,		/* older serial: a newer record comes with it */
	DONE_UNAVAILABLE,	/* backend down: 502 */
	DONE_TIMEOUT,
	DONE_BUSY,		/* 503, Retry-After */
	DONE_RESULT_MAX
};

enum audit_event { AUDIT_DECISION, AUDIT_OUTCOME, AUDIT_EVENT_MAX };

enum parent_command { COMMAND_STATUS, COMMAND_PROCESSES, COMMAND_EDGES,
	COMMAND_ROOTS, COMMAND_KEYSTORES, COMMAND_REKEY, COMMAND_RELOAD,
	COMMAND_VERBOSE, COMMAND_UNPIN, COMMAND_TCB, COMMAND_SESSIONS,
	COMMAND_ATTESTATION, COMMAND_LOCKOUTS, COMMAND_CERTIFICATES,
	COMMAND_LIMITS, COMMAND_REOPEN, COMMAND_COUNTERS, COMMAND_MAX };

/*
 * What the parent has processes show, and the cells of a row.  Times are Unix
 * seconds, "0" when there is none; all is text.
 * SESSIONS (frontend, gate): address, state, age (s), requests, TLS version,
 *   cipher.  The oldest connections first.
 * ATTESTATION (verifier, fetcher): block, state, last success, last failure,
 *   what went wrong last, keys held, when these came.
 * LOCKOUTS (store): name, failures, the first of them, locked until.
 * CERTIFICATES (frontend, gate, verifier, fetcher, kms): what for, of what,
 *   subject, names, serial, from, until, SHA-256, how many others the file
 *   has.
 * LIMITS (all): limit, its value, in use (""), unit.
 */
enum show { SHOW_SESSIONS, SHOW_ATTESTATION, SHOW_LOCKOUTS,
	SHOW_CERTIFICATES, SHOW_LIMITS, SHOW_MAX };

/* Roles of descriptors (IMSG_PROCESS_DESCRIPTOR). */
enum descriptor_role {
	FD_LISTEN,		/* frontend, gate, control, metrics: bound */
	FD_TLS_KEY,		/* signer; may be empty: it makes one */
	FD_TLS_CERT,		/* signer (made with the key), frontend, gate */
	FD_TOKEN_KEY,		/* auth: ES256 key, PEM; may be empty */
	FD_SEAL_KEY,		/* auth, kms: 32 bytes; may be empty */
	FD_ADMIN_PASSWORD,	/* auth */
	FD_AUDIT_LOG,		/* audit: read, append; the older file first */
	FD_NONCE_KEY,		/* verifier: 32 bytes; may be empty */
	FD_ROOT,		/* verifier: PEM, one per attestation block */
	FD_JWKS,		/* verifier: one per block with a key file */
	FD_API_KEY,		/* fetcher */
	FD_CA,			/* fetcher, kms elsewhere: PEM bundle */
	FD_MASTER_KEY,		/* kms local: 32 bytes; may be empty */
	FD_MASTER_KEY_NEW,	/* kms local: to take its place */
	FD_KMS_SECRET,		/* kms: token, secret id, password or PIN */
	FD_KMS_CERT,		/* kms kmip: certificate, PEM */
	FD_KMS_KEY,		/* kms kmip: its key, PEM */
	FD_BACKUP_RECIPIENT,	/* auth, kms: public key, PEM; may not come */
	FD_CLIENT_CA,		/* frontend, gate: of the listener before */
	FD_CLIENT_CRL,		/* frontend, gate: of the CA before */
	FD_IDP_JWKS,		/* auth: keys of an issuer, in their order */
	FD_ROLE_MAX
};

/*
 * CONFIG bodies.
 * An FD_CLIENT_CA behind an FD_LISTEN: its clients must show a certificate
 * that is signed below that CA, and, with an FD_CLIENT_CRL, is not revoked.
 * frontend, gate: u8 role (ROLE_*), u32 instances of engine, u32 how many
 *   frontends share what the limits allow an address, limits (wb_limits).
 * metrics: empty.
 * control: u32 instances of engine.
 * signer: u8 count of listeners' certificates is the number of FD pairs that
 *   come: FD_TLS_KEY, FD_TLS_CERT in turn; u32 count, strs: names for a
 *   self-made certificate (DNS names or IP addresses).
 * auth: u32 lifetime (s), u32 attempts, u32 interval (s), u32 lockout (s),
 *   str administrator ("": none), u32 engines, u32 requests per second of one
 *   user (0: any number) and u32 how many at once, u32 count, strs: keystores
 *   (the first is the default).  u32 count of issuers of administrators, each
 *   of which gets an FD_IDP_JWKS in turn: str URL, str audience, str claim, u32
 *   longest lifetime (s), u32 count, then str role, u32 permissions.
 * hasher: u32 bcrypt cost.
 * broker: u32 engines, u8 rows may be cached, u8 require nonce, u8 audit
 *   optional, u32 count, strs: keystores.
 * store: empty.
 * audit: u32 generation of the log's file, u64 number and digest of its last
 *   line as far as the parent knows, u32 count, then per sink str name, str
 *   what stands before each line; u8 optional, u32 count, strs: keystores
 *   (instance order of kms).
 * verifier: u32 engines, u8 require nonce, u32 count, then per attestation
 *   block (instance order of fetcher): str name, str issuer ("": any), u8
 *   api version, u32 least seconds between two JWKS fetches, u8 no root is
 *   known yet (then none comes for it, and what the service shows is told).
 *   Then u32 count of the blocks that take tokens of others, those with a
 *   fetcher first, whose instances are behind the services': u8 kind
 *   (BLOCK_*), str name, str issuer, str audience ("": any), str algorithm of
 *   RSA keys that state none (""), u32 least seconds between two fetches, u8
 *   claims are renamed; if so, u32 count, then u8 CLAIM_*, str, str for each.
 *   For BLOCK_FILE an FD_JWKS comes, for BLOCK_URL an FD_ROOT, in their order.
 *   Then u8 count of the blocks whose evidence is judged here, whose fetchers
 *   are the instances behind those, and for each u8 kind (FETCHER_DCAP,
 *   FETCHER_SNP; each once), str name, and u8: an FD_ROOT comes for it, behind
 *   the others, in the place of Intel's or AMD's roots.
 * fetcher: u8 kind (FETCHER_*), str name, then the kind's own.
 *   service: str api URL, str base URL, u8 api version, u32 retry least (ms),
 *   u32 retry most (ms), str proxy (""), u32 least seconds between two JWKS
 *   fetches, u32 count, strs: further hosts for CRLs.
 *   jwks: str URL of the key set, u32 retry least (ms), u32 retry most (ms),
 *   str proxy (""), u32 least seconds between two fetches, u32 count, strs:
 *   further hosts for CRLs.
 *   dcap, snp: str URL of a PCS or PCCS, or of AMD's KDS ("": collateral lies
 *   in the directory where it stands), u32 retry least (ms), u32 retry most
 *   (ms), str proxy (""), u32 least seconds between two fetches of the same.
 * engine, maker: u32 count, then per keystore (instance order of kms): str
 *   name, u8 which keys it makes itself (a mask of 1 << ALG_*), u8 it wraps
 *   its keys itself.
 * kms: str name, u8 type (KEYSTORE_*), u32 seconds that material from
 *   elsewhere is kept (0: not), then the type's own.
 *   local: nothing.
 *   vault: u32 count, strs: URLs of the servers, str mount, str namespace
 *   (""), u8 version of KV (0: to be asked), str role id ("": a token), str
 *   where AppRole is mounted.
 *   kmip: str server, u16 port, str its name in TLS ("": server), u8 major
 *   and u8 minor version (0: to be asked), str user name (""), str protocols
 *   of TLS, u8 which keys the server makes itself (a mask of 1 << ALG_*), u8
 *   what is put there is activated.
 *   pkcs11: str path of the module, str label of the token, str label of the
 *   key in it; then, each as u32 count, strs: paths that the module reads,
 *   paths that it writes below, NAME=value of its environment.
 *   token: as pkcs11; the label of a key is that for keys of KEYSTORE_PKCS11
 *   alone.
 */
enum fetcher_kind { FETCHER_SERVICE, FETCHER_DCAP, FETCHER_SNP, FETCHER_JWKS,
	FETCHER_KIND_MAX };
enum block_kind { BLOCK_SERVICE, BLOCK_FILE, BLOCK_URL, BLOCK_KIND_MAX };
/*
 * How claims of other issuers become ours: name and path; name and value;
 * path and what must stand there.
 */
enum claim_row { CLAIM_FROM, CLAIM_IS, CLAIM_REQUIRE, CLAIM_ROW_MAX };
/* ROLE_METRICS is that of the metrics process alone. */
enum role { ROLE_ALL, ROLE_ADMIN, ROLE_TRANSFER, ROLE_METRICS, ROLE_MAX };
enum keystore_type { KEYSTORE_LOCAL, KEYSTORE_VAULT, KEYSTORE_KMIP,
	KEYSTORE_PKCS11, KEYSTORE_TOKEN, KEYSTORE_TYPE_MAX };

/* Limits, in one place. */
#define RETRY_AFTER_MAX		3600	/* seconds that a client is told */
#define DEADLINE_REQUEST_MS	30000
#define DEADLINE_SERVICE_MS	20000
#define DEADLINE_KEYSTORE_MS	5000
#define DEADLINE_MAKE_MS	180000
#define MONITOR_LINES		1024		/* on their way to control */
#define FRONT_REQUESTS_MAX	256		/* of one front */
#define FRONT_BYTES_MAX		(16u * 1024 * 1024)
#define MAKER_QUEUE_MAX		4
#define KEYSTORES_MAX		64
#define CERTIFICATES_MAX	16
#define CERTIFICATE_DAYS	825		/* some take no more */
#define CERTIFICATE_LEFT_DAYS	30		/* then it ends soon */
#define ISSUERS_MAX		16
#define ISSUER_ROLES_MAX	64
#define ISSUER_TEXT_MAX		128		/* with its NUL */
#define SINKS_MAX		4		/* of the audit log */
#define LABEL_MAX		32		/* of a token and of its key */
#define ERROR_TEXT_MAX		256
#define ADDRESS_TEXT_MAX	64
#define REASON_TEXT_MAX		512
#define CHECKS_BYTES_MAX	(256 * 1024)	/* of one TESTED */
#define TOKEN_TEXT_MAX		(64 * 1024)	/* attestation tokens */
#define BEARER_TEXT_MAX		4096
#define MATERIAL_MAX		(16 * 1024)	/* one key, PKCS#8 DER */
#define MATERIAL_WRAPPED_MAX	(MATERIAL_MAX + 2048)	/* and its SWK */
#define NONCE_PART_MAX		1024
#define COUNTERS_MAX		(32 * 1024)	/* bytes, of one process */
#define CLAIM_ROWS_MAX		64		/* of one block */
#define CLAIM_PATH_MAX		256

#endif

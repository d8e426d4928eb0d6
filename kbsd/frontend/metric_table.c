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
 * The table of all metrics: which counter of which process is which.  A
 * metric's rows stand together; the first has its name.  METRICS in kbsd(8)
 * has the same names.
 */
#include "metric.h"

#define KIND(kind)	(1U << (kind))
#define PARENT		KIND(PROC_PARENT)
#define FRONTS		(KIND(PROC_FRONTEND) | KIND(PROC_GATE))
#define ENGINES		(KIND(PROC_ENGINE) | KIND(PROC_MAKER))
#define AUTH		KIND(PROC_AUTH)
#define BROKER		KIND(PROC_BROKER)
#define STORE		KIND(PROC_STORE)
#define AUDIT		KIND(PROC_AUDIT)
#define VERIFIER	KIND(PROC_VERIFIER)
#define FETCHER		KIND(PROC_FETCHER)
#define KMS		KIND(PROC_KMS)
#define METRICS		KIND(PROC_METRICS)
#define CHILDREN	(~PARENT)

/* One more row of the metric above. */
#define ALSO		NULL, METRIC_GAUGE, NULL
#define GAUGE(name)	"kbsd_" name, METRIC_GAUGE
#define COUNTER(name)	"kbsd_" name, METRIC_COUNTER
#define HISTOGRAM(name)	"kbsd_" name, METRIC_HISTOGRAM

const struct metric	 metric_table[] = {
	/* the service */
	{ GAUGE("start_time_seconds"), "Since when kbsd runs, Unix time.",
	    PARENT, "(start)", NULL },
	{ GAUGE("configuration_number"), "Which configuration is in force: "
	    "each reload makes the next.", PARENT, "configuration", NULL },
	{ GAUGE("configuration_sets"), "Sets of processes that live; two "
	    "while a reload is under way.", PARENT, "sets", NULL },
	{ COUNTER("reloads_total"), "Reloads of the configuration.", PARENT,
	    "reloads", "result=\"ok\"" },
	{ ALSO, PARENT, "reloads failed", "result=\"failed\"" },
	{ GAUGE("limit"), "The limits in force, as named; 0: there is none.",
	    PARENT, "limit *", "limit" },
	{ COUNTER("limited_total"), "How often a limit held somebody off.",
	    FRONTS | AUTH, "limited *", "limit" },
	{ GAUGE("process_up"), "Is the process ready, and did it answer?",
	    CHILDREN, "(up)", NULL },
	{ COUNTER("process_restarts_total"), "How often the process was "
	    "replaced.", CHILDREN, "(restarts)", NULL },
	{ GAUGE("process_start_time_seconds"), "Since when it runs, Unix "
	    "time.", CHILDREN, "(start)", NULL },

	/* strangers */
	{ GAUGE("connections"), "Connections that are open.", FRONTS,
	    "connections", NULL },
	{ COUNTER("connections_accepted_total"), "Connections that were "
	    "taken.", FRONTS, "accepted", NULL },
	{ COUNTER("connections_closed_total"), "Connections that were closed "
	    "on clients, by reason.", FRONTS, "refused",
	    "reason=\"refused\"" },
	{ ALSO, FRONTS, "evicted", "reason=\"evicted\"" },
	{ ALSO, FRONTS, "timeouts", "reason=\"timeout\"" },
	{ COUNTER("accept_pauses_total"), "How often a frontend stopped to "
	    "accept for a while.", FRONTS, "pauses", NULL },
	{ COUNTER("tls_handshakes_total"), "TLS handshakes.", FRONTS,
	    "handshakes", "result=\"ok\"" },
	{ ALSO, FRONTS, "handshakes failed", "result=\"failed\"" },
	{ HISTOGRAM("tls_handshake_duration_seconds"), "From the first byte "
	    "of a connection to the end of its handshake.", FRONTS,
	    "handshake", NULL },
	{ GAUGE("tls_ready"), "Can it shake hands now?", FRONTS, "tls ready",
	    NULL },
	{ GAUGE("tls_certificate_expiry_timestamp_seconds"), "When the first "
	    "certificate ends, Unix time.", FRONTS, "certificate ends",
	    NULL },
	{ COUNTER("tls_signatures_asked_total"), "Signatures that frontends "
	    "asked the signer for.", FRONTS, "signatures", "result=\"ok\"" },
	{ ALSO, FRONTS, "signatures failed", "result=\"failed\"" },
	{ COUNTER("tls_signatures_total"), "Signatures of the signer.",
	    KIND(PROC_SIGNER), "signed", "result=\"ok\"" },
	{ ALSO, KIND(PROC_SIGNER), "refused", "result=\"refused\"" },
	{ HISTOGRAM("request_duration_seconds"), "From the head of a request "
	    "to its answer.", FRONTS, "request", NULL },
	{ COUNTER("answers_total"), "Answers to clients by class of status.",
	    FRONTS, "answers 2xx", "code=\"2xx\"" },
	{ ALSO, FRONTS, "answers 4xx", "code=\"4xx\"" },
	{ ALSO, FRONTS, "answers 5xx", "code=\"5xx\"" },
	{ GAUGE("requests_outstanding"), "Requests that wait for an answer.",
	    FRONTS, "outstanding", NULL },
	{ COUNTER("request_errors_total"), "Requests that went wrong here, by "
	    "kind.", FRONTS, "busy", "kind=\"busy\"" },
	{ ALSO, FRONTS, "unanswered", "kind=\"timeout\"" },
	{ ALSO, FRONTS, "late", "kind=\"late\"" },
	{ ALSO, FRONTS, "gone", "kind=\"gone\"" },

	/* operators */
	{ GAUGE("control_clients"), "Clients of the local socket.",
	    KIND(PROC_CONTROL), "clients_now", NULL },
	{ COUNTER("control_requests_total"), "Requests of operators.",
	    KIND(PROC_CONTROL), "requests", NULL },
	{ COUNTER("control_errors_total"), "Requests of operators that went "
	    "wrong, by kind.", KIND(PROC_CONTROL), "errors",
	    "kind=\"error\"" },
	{ ALSO, KIND(PROC_CONTROL), "refused", "kind=\"refused\"" },
	{ ALSO, KIND(PROC_CONTROL), "late", "kind=\"late\"" },
	{ ALSO, KIND(PROC_CONTROL), "timeouts", "kind=\"timeout\"" },

	/* users */
	{ COUNTER("logins_total"), "Logins, by result.", AUTH, "logins",
	    "result=\"ok\"" },
	{ ALSO, AUTH, "logins wrong", "result=\"wrong\"" },
	{ ALSO, AUTH, "logins locked", "result=\"locked\"" },
	{ COUNTER("grants_total"), "Requests of users that were judged.", AUTH,
	    "granted", "result=\"granted\"" },
	{ ALSO, AUTH, "refused", "result=\"refused\"" },
	{ COUNTER("auth_errors_total"), "What went wrong with requests of "
	    "users, by kind.", AUTH, "busy", "kind=\"busy\"" },
	{ ALSO, AUTH, "unmatched", "kind=\"unmatched\"" },
	{ ALSO, AUTH, "not sealed", "kind=\"unsealed\"" },
	{ COUNTER("password_hashes_total"), "Passwords that were hashed.",
	    KIND(PROC_HASHER), "hashes made", "operation=\"make\"" },
	{ ALSO, KIND(PROC_HASHER), "passwords checked",
	    "operation=\"check\"" },

	/* the way of a key */
	{ COUNTER("transfers_total"), "Transfers that were asked for.", BROKER,
	    "transfers", NULL },
	{ COUNTER("releases_total"), "Keys that went out.", BROKER,
	    "releases", NULL },
	{ COUNTER("denials_total"), "Transfers that were denied.", BROKER,
	    "denials", NULL },
	{ COUNTER("broker_errors_total"), "What went wrong on the way, by "
	    "kind.", BROKER, "busy", "kind=\"busy\"" },
	{ ALSO, BROKER, "timeouts", "kind=\"timeout\"" },
	{ ALSO, BROKER, "late_answers", "kind=\"late\"" },
	{ COUNTER("verdicts_total"), "What the verifiers judged.", VERIFIER,
	    "verdicts ok", "verdict=\"ok\"" },
	{ ALSO, VERIFIER, "verdicts denied", "verdict=\"denied\"" },
	{ ALSO, VERIFIER, "verdicts unavailable",
	    "verdict=\"unavailable\"" },
	{ ALSO, VERIFIER, "verdicts busy", "verdict=\"busy\"" },
	{ HISTOGRAM("verify_duration_seconds"), "From evidence to verdict, "
	    "services that were asked included.", VERIFIER, "verify", NULL },
	{ COUNTER("nonces_total"), "Nonces that were given.", VERIFIER,
	    "nonces", NULL },
	{ COUNTER("engine_results_total"), "What became of orders.", ENGINES,
	    "released", "result=\"released\"" },
	{ ALSO, ENGINES, "changed", "result=\"changed\"" },
	{ ALSO, ENGINES, "made", "result=\"made\"" },
	{ ALSO, ENGINES, "refused", "result=\"refused\"" },
	{ ALSO, ENGINES, "failed", "result=\"failed\"" },
	{ ALSO, ENGINES, "busy", "result=\"busy\"" },
	{ ALSO, ENGINES, "expired", "result=\"expired\"" },
	{ ALSO, ENGINES, "late", "result=\"late\"" },
	{ COUNTER("engine_orders_total"), "Orders of the broker.", ENGINES,
	    "orders", NULL },
	{ HISTOGRAM("wrap_duration_seconds"), "To wrap one key.", ENGINES,
	    "wrap", NULL },
	{ GAUGE("queue_length"), "What waits, by queue.", AUTH,
	    "logins waiting", "queue=\"logins\"" },
	{ ALSO, AUTH, "requests waiting", "queue=\"grants\"" },
	{ ALSO, BROKER, "requests_now", "queue=\"requests\"" },
	{ ALSO, STORE, "waiting", "queue=\"writes\"" },
	{ ALSO, AUDIT, "waiting", "queue=\"lines\"" },
	{ ALSO, VERIFIER, "appraisals", "queue=\"appraisals\"" },
	{ ALSO, FETCHER, "under way", "queue=\"fetches\"" },
	{ ALSO, ENGINES, "waiting", "queue=\"halves\"" },
	{ ALSO, KMS, "waiting", "queue=\"keystore\"" },

	/* what is kept */
	{ COUNTER("store_operations_total"), "Reads and writes of the "
	    "database of records.", STORE, "reads", "operation=\"read\"" },
	{ ALSO, STORE, "writes", "operation=\"write\"" },
	{ ALSO, STORE, "commits", "operation=\"commit\"" },
	{ COUNTER("store_errors_total"), "What the database did not do, by "
	    "kind.", STORE, "failed", "kind=\"failed\"" },
	{ ALSO, STORE, "busy", "kind=\"busy\"" },
	{ COUNTER("audit_lines_total"), "Lines of the audit log.", AUDIT,
	    "lines", NULL },
	{ COUNTER("audit_writes_total"), "Writes of one or more lines, each "
	    "synced.", AUDIT, "writes", NULL },
	{ COUNTER("audit_failures_total"), "Lines that could not be written.",
	    AUDIT, "failed", NULL },
	{ GAUGE("audit_writable"), "0 for 30 s after a line could not be "
	    "written.", AUDIT, "writable", NULL },

	/* attestation services */
	{ GAUGE("collateral_expiry_timestamp_seconds"), "When the last key of "
	    "an attestation service ends that we have; 0: we have none.",
	    VERIFIER, "collateral ends *", "attestation" },
	{ GAUGE("collateral_usable"), "0 when there is none and it could not "
	    "be had three times running.", VERIFIER, "collateral usable *",
	    "attestation" },
	{ GAUGE("platform_collateral_expiry_timestamp_seconds"), "When the "
	    "first collateral of a platform ends.", VERIFIER,
	    "platforms end", NULL },
	{ GAUGE("platform_collateral"), "Platforms whose collateral we have.",
	    VERIFIER, "platforms", NULL },
	{ COUNTER("collateral_fetches_total"), "Fetches of collateral.",
	    VERIFIER, "collateral fetches", "of=\"service\"" },
	{ ALSO, VERIFIER, "platform fetches", "of=\"platform\"" },
	{ COUNTER("collateral_failures_total"), "Fetches of collateral that "
	    "brought none.", VERIFIER, "collateral failures",
	    "of=\"service\"" },
	{ ALSO, VERIFIER, "platform fetches failed", "of=\"platform\"" },
	{ COUNTER("upstream_requests_total"), "Requests to attestation "
	    "services.", FETCHER, "nonces", "what=\"nonce\"" },
	{ ALSO, FETCHER, "appraisals", "what=\"appraisal\"" },
	{ ALSO, FETCHER, "key sets", "what=\"key_set\"" },
	{ ALSO, FETCHER, "revocation lists", "what=\"crl\"" },
	{ ALSO, FETCHER, "collateral", "what=\"collateral\"" },
	{ COUNTER("upstream_errors_total"), "Requests to attestation services "
	    "that went wrong, by kind.", FETCHER, "failed",
	    "kind=\"failed\"" },
	{ ALSO, FETCHER, "busy", "kind=\"busy\"" },
	{ ALSO, FETCHER, "retries", "kind=\"retried\"" },
	{ COUNTER("upstream_connections_total"), "Connections that were "
	    "made.", FETCHER | KMS, "connections", NULL },

	/* keystores */
	{ GAUGE("keystore_usable"), "0 from the second failure running, 3 s "
	    "after the first, to the next good answer.", KMS, "usable",
	    NULL },
	{ GAUGE("keystore_credential_expiry_timestamp_seconds"), "When the "
	    "credential ends, if it does.", KMS, "credential ends", NULL },
	{ HISTOGRAM("keystore_duration_seconds"), "To have the keystore do "
	    "one thing.", KMS, "keystore", NULL },
	{ COUNTER("keystore_jobs_total"), "What engines wanted of a keystore, "
	    "by result.", KMS, "released", "result=\"released\"" },
	{ ALSO, KMS, "written", "result=\"written\"" },
	{ ALSO, KMS, "refused", "result=\"refused\"" },
	{ ALSO, KMS, "failed", "result=\"failed\"" },
	{ COUNTER("keystore_errors_total"), "What went wrong below that, by "
	    "kind.", KMS, "busy", "kind=\"busy\"" },
	{ ALSO, KMS, "unanswered", "kind=\"unanswered\"" },
	{ ALSO, KMS, "again", "kind=\"retried\"" },
	{ ALSO, KMS, "broken", "kind=\"broken\"" },
	{ COUNTER("keystore_calls_total"), "Requests to a keystore "
	    "elsewhere.", KMS, "calls", NULL },
	{ ALSO, KMS, "asked", NULL },

	/* memories */
	{ GAUGE("cache_entries"), "Entries of a cache.", KMS, "kept",
	    "cache=\"material\"" },
	{ COUNTER("cache_hits_total"), "What was answered from a cache.", KMS,
	    "from memory", "cache=\"material\"" },
	{ ALSO, FETCHER, "from memory", "cache=\"collateral\"" },

	/* this listener */
	{ COUNTER("metrics_pages_total"), "Pages that were given.", METRICS,
	    "scrapes", "page=\"metrics\"" },
	{ ALSO, METRICS, "probes live", "page=\"livez\"" },
	{ ALSO, METRICS, "probes ready", "page=\"readyz\"" },
	{ COUNTER("metrics_errors_total"), "Requests here that got none, by "
	    "kind.", METRICS, "errors", "kind=\"error\"" },
	{ ALSO, METRICS, "dropped", "kind=\"dropped\"" },
	{ ALSO, METRICS, "timeouts", "kind=\"timeout\"" },
};

const size_t	 nmetrics = sizeof(metric_table) / sizeof(metric_table[0]);

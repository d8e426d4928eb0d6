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

/* The commands: the table of all, and what runs the short ones. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kbsctl.h"

/* --- show ---------------------------------------------------------------- */

static int
run_table(const struct command *c, void (*show)(const struct reply *))
{
	struct reply	 reply = { 0 };
	struct result	 result;

	session_call(request(c->wire), ANSWER_SECONDS, reply_line, &reply,
	    &result);
	if (result.error[0] == '\0')
		show(&reply);
	reply_free(&reply);
	return (result.error[0] == '\0' ? KBSCTL_DONE : refused(&result));
}

static int
run_status(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_table(c, show_status));
}

static int
run_processes(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_table(c, show_processes));
}

static int
run_edges(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_table(c, show_edges));
}

static int
run_keystores(const struct command *c, const struct args *args)
{
	struct reply	 reply = { 0 };
	struct result	 result;
	json_t		*req = request(c->wire);
	int		 check = strcmp(c->first, "keystore") == 0, good = 1;

	(void)args;
	set(req, "level", json_integer(check));
	session_call(req, ANSWER_SECONDS, reply_line, &reply, &result);
	if (result.error[0] == '\0')
		good = show_keystores(&reply);
	reply_free(&reply);
	if (result.error[0] != '\0')
		return (refused(&result));
	return (check && !good ? KBSCTL_FAILED : KBSCTL_DONE);
}

static int
run_roots(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_table(c, show_roots));
}

static int
run_tcb(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_table(c, show_tcb));
}

static int
run_list(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_objects(request(c->wire), c->wire[0] == 'p' ? "policy" :
	    "user", 0, 0, ANSWER_SECONDS));
}

/* --- the daemon ---------------------------------------------------------- */

static int
run_log(const struct command *c, const struct args *args)
{
	static const char *const	 levels[] = { "brief", "verbose",
					    "trace" };
	struct result			 result;
	json_t				*req = request("log");
	json_int_t			 i = 0;

	(void)args;
	while (strcmp(levels[i], c->second) != 0)
		i++;
	set(req, "level", json_integer(i));
	session_call(req, ANSWER_SECONDS, NULL, NULL, &result);
	return (done(&result));
}

static int
run_reopen(const struct command *c, const struct args *args)
{
	struct result	 result;

	(void)args;
	session_call(request(c->wire), ANSWER_SECONDS, NULL, NULL, &result);
	return (done(&result));
}

static int
run_reload(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_table(c, show_changes));
}

static int
run_rekey(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*req = request(c->wire);

	set(req, "name", string("the name", args->word[0]));
	session_call(req, ANSWER_SECONDS, NULL, NULL, &result);
	if (result.error[0] == '\0' && !options.json && !options.quiet)
		printf("the keys are being sealed by a new master key: the "
		    "log tells when it has taken the place of the old one\n");
	return (done(&result));
}

static int
run_unpin(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*req = request(c->wire);

	set(req, "name", string("the name", args->word[0]));
	session_call(req, ANSWER_SECONDS, NULL, NULL, &result);
	return (done(&result));
}

#define AUDIT_LETTERS	"i:u:p:v:a:r:f:t:n:T:"
#define AUDIT_USAGE	"[--key id] [--user name] [--operation name] " \
			"[--outcome verdict] [--address address] " \
			"[--request id] [--trace id] [--since time] " \
			"[--until time] [--number n[-m]]"

/* Commands with one first word stand together. */
const struct command	 commands[] = {
	{ "show", "status", "", 0, 0, "", "show status", run_status },
	{ "show", "processes", "", 0, 0, "", "show processes",
	    run_processes },
	{ "show", "edges", "", 0, 0, "", "show edges", run_edges },
	{ "show", "roots", "", 0, 0, "", "show roots", run_roots },
	{ "show", "tcb", "", 0, 0, "", "show tcb", run_tcb },
	{ "show", "keystores", "", 0, 0, "", "show keystores",
	    run_keystores },
	{ "show", "keys", "a:l:c:p:", 0, 0,
	    "[-a algorithm] [-l length] [-c curve] [-p policyid]", "key list",
	    run_keys },
	{ "show", "policies", "", 0, 0, "", "policy list", run_list },
	{ "show", "exposures", "", 0, 0, "", "key list", run_exposures },
	{ "show", "users", "", 0, 0, "", "user list", run_list },
	{ "show", "sessions", "an:", 0, 0, "[-a] [-n most]", "show sessions",
	    run_sessions },
	{ "show", "attestation", "", 0, 0, "", "show attestation",
	    run_attestation },
	{ "show", "lockouts", "", 0, 0, "", "show lockouts", run_lockouts },
	{ "show", "certificates", "", 0, 0, "", "show certificates",
	    run_certificates },
	{ "show", "limits", "", 0, 0, "", "show limits", run_limits },
	{ "user", "add", "p:", 1, WORDS_MAX,
	    "name [-p passwordfile] all | permission ...", "user add",
	    run_user_add },
	{ "user", "change", "n:p:", 1, WORDS_MAX,
	    "name | id [-n newname] [-p passwordfile] "
	    "[all | permission ...]", "user change", run_user_change },
	{ "user", "delete", "", 1, 1, "name | id", "user delete",
	    run_user_delete },
	{ "user", "list", "", 0, 0, "", "user list", run_list },
	{ "user", "show", "", 1, 1, "name | id", "user show",
	    run_user_show },
	{ "user", "unlock", "", 1, 1, "name", "user unlock",
	    run_user_unlock },
	{ "unlock", NULL, "", 1, 1, "name", "user unlock", run_user_unlock },
	{ "policy", "add", "", 1, 1, "file", "policy add", run_policy_add },
	{ "policy", "delete", "", 1, 1, "policyid", "policy delete",
	    run_policy_delete },
	{ "policy", "list", "", 0, 0, "", "policy list", run_list },
	{ "policy", "lint", "", 0, WORDS_MAX, "[policyid | file ...]",
	    "policy list", run_policy_lint },
	{ "policy", "show", "", 1, 1, "policyid", "policy show",
	    run_policy_show },
	{ "policy", "test", "", 2, 2, "policyid | keyid file", "policy test",
	    run_policy_test },
	{ "key", "create", "a:l:c:p:k:A", 0, 0,
	    "-a algorithm [-A] [-l length] [-c curve] [-k keystore] "
	    "[-p policyid]", "key create", run_key_create },
	{ "key", "register", "a:l:c:p:k:Af:b:", 0, 0,
	    "-a algorithm [-A] [-l length] [-c curve] [-k keystore] "
	    "[-p policyid] -f file | -b backendid", "key register",
	    run_key_register },
	{ "key", "move", "", 2, 2, "keyid policyid", "key move",
	    run_key_move },
	{ "key", "delete", "", 1, 1, "keyid", "key delete",
	    run_key_delete },
	{ "key", "forget", "", 1, 1, "keyid", "key forget",
	    run_key_delete },
	{ "key", "rotate", "f:", 1, 1, "keyid [-f file]", "key rotate",
	    run_key_rotate },
	{ "key", "list", "a:l:c:p:", 0, 0,
	    "[-a algorithm] [-l length] [-c curve] [-p policyid]", "key list",
	    run_keys },
	{ "key", "show", "", 1, 1, "keyid", "key show", run_key_show },
	{ "keystore", "check", "", 0, 0, "", "show keystores",
	    run_keystores },
	{ "keystore", "rekey", "", 1, 1, "keystore", "keystore rekey",
	    run_rekey },
	{ "appraise", NULL, "jt:c:r:", 1, 1,
	    "[-j] [-t time] [-c directory] [-r root] file", "",
	    run_appraise },
	{ "audit", "verify", "h:", 0, WORDS_MAX,
	    "[--anchor number:hash] [file ...]", "", run_audit_verify },
	{ "audit", "show", AUDIT_LETTERS, 0, WORDS_MAX,
	    AUDIT_USAGE " [file ...]", "", run_audit_show },
	{ "audit", "follow", AUDIT_LETTERS, 0, 1, AUDIT_USAGE " [file]", "",
	    run_audit_follow },
	{ "import", NULL, "s:k:e:o:", 0, 0,
	    "[--state directory [--keystore keystore]] "
	    "[--env file --output directory]", "", run_import },
	{ "backup", NULL, "", 1, 1, "file", "", run_backup },
	{ "restore", NULL, "nK:d:", 1, 1,
	    "[-n] [-d sha256] -K privatekey file", "", run_restore },
	{ "monitor", NULL, "", 0, 0, "", "monitor", run_monitor },
	{ "log", "brief", "", 0, 0, "", "log", run_log },
	{ "log", "reopen", "", 0, 0, "", "log reopen", run_reopen },
	{ "log", "verbose", "", 0, 0, "", "log", run_log },
	{ "log", "trace", "", 0, 0, "", "log", run_log },
	{ "reload", NULL, "", 0, 0, "", "reload", run_reload },
	{ "help", NULL, "", 0, 2, "[command]", "", run_help },
	{ "unpin", NULL, "", 1, 1, "attestation", "unpin", run_unpin },
};

const size_t	 ncommands = sizeof(commands) / sizeof(commands[0]);

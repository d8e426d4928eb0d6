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
 * `verifier -a': evidence judged once, for `kbsctl appraise', by the code that
 * judges for kbsd and in the same sandbox, which closes before the first byte
 * is read.  It has one socket, and one question on it; no daemon is near.
 */
#include <sys/resource.h>

#include <fcntl.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "rfc3339.h"
#include "sandbox.h"
#include "verifier.h"

#define SECONDS		10		/* of CPU; 20 ms are usual */

/* --- what is told -------------------------------------------------- */

void
told_set(struct told *t, const char *name, json_t *value)
{
	if (json_object_set_new(t->j, name, value) == -1)
		t->failed = 1;
}

void
told_step(struct told *t, const char *name, const char *result)
{
	json_t	*step = json_object();

	if (json_object_set_new(step, "step", json_string(name)) == -1 ||
	    json_object_set_new(step, "result", json_string(result)) == -1)
		t->failed = 1;
	if (json_array_append_new(t->steps, step) == -1)
		t->failed = 1;
}

void
told_reject(struct told *t, const char *reason, const char *text)
{
	told_set(t, "verdict", json_string("reject"));
	told_set(t, "reason", json_string(reason));
	told_set(t, "text", json_string(text));
}

void
told_accept(struct told *t)
{
	told_set(t, "verdict", json_string("ok"));
}

/* All members, in their order, as they are of what nobody can read. */
static void
told_begin(struct told *t, int64_t now)
{
	char	 text[RFC3339_TEXT];

	memset(t, 0, sizeof(*t));
	t->j = json_object();
	t->steps = json_array();
	told_reject(t, "unreadable", "no quote, report or token");
	told_set(t, "status", json_null());
	told_set(t, "advisories", json_array());
	told_set(t, "kind", json_null());
	told_set(t, "tee", json_null());
	told_set(t, "version", json_null());
	told_set(t, "time", json_string(rfc3339_format(now, text)));
	told_set(t, "crl", json_null());
	told_set(t, "steps", t->steps);
	told_set(t, "proven", json_false());
	told_set(t, "claims", json_object());
}

/* --- judging ------------------------------------------------------- */

json_t *
once_judge(const struct once *o)
{
	static void (*const	 judges[])(struct told *, const struct once *,
				    const uint8_t *, size_t) = {
		[FORM_QUOTE] = once_quote,
		[FORM_REPORT] = once_report,
		[FORM_TOKEN] = once_token,
	};
	struct form		 form;
	struct told		 told, *t = &told;

	told_begin(t, o->now);
	form_read(&form, o->part[ONCE_EVIDENCE].p,
	    o->part[ONCE_EVIDENCE].len);
	if (form.kind != FORM_NONE) {
		told_set(t, "kind", json_string(form_name(form.kind)));
		told_set(t, "reason", json_null());
		told_set(t, "text", json_null());
		judges[form.kind](t, o, form.p, form.len);
	}
	free(form.p);
	if (t->failed)
		fatalx("out of memory");
	return (t->j);
}

/* --- the process --------------------------------------------------- */

/* Who started it as root must have somebody to become. */
static void
drop_root(void)
{
	const struct passwd	*pw;

	if (geteuid() != 0)
		return;
	if ((pw = getpwnam("_kbsd")) == NULL &&
	    (pw = getpwnam("nobody")) == NULL)
		fatalx("there is no user _kbsd or nobody to become");
	if (setgroups(1, &pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		fatal("can't become uid %u", (unsigned int)pw->pw_uid);
}

static void
confine(void)
{
	static const struct {
		int		 what;
		struct rlimit	 limit;
	}		 limits[] = {
		{ RLIMIT_CORE,	{ 0, 0 } },
		{ RLIMIT_NPROC,	{ 0, 0 } },
		{ RLIMIT_CPU,	{ SECONDS, SECONDS } },
	};
	char		 force[256];
	size_t		 i;

	if (chdir("/") == -1)
		fatal("chdir");
	drop_root();
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (setrlimit(limits[i].what, &limits[i].limit) == -1)
			fatal("setrlimit");
	sandbox_early();
	sandbox_enter(PROC_VERIFIER, 0, force, sizeof(force));
}

static void
answer(const struct once *o)
{
	json_t	*told = once_judge(o);
	char	*text;
	size_t	 len;

	if ((text = json_write(told, &len)) == NULL)
		fatalx("out of memory");
	if (once_send(ONCE_FD, text, len) == -1)
		fatal("answer");
	free(text);
	json_decref(told);
}

void
once_main(void)
{
	struct once	 o;
	uint8_t		*request;
	size_t		 len;

	log_init(LOG_TO_STDERR, "verifier");
	if (fcntl(ONCE_FD, F_GETFD) == -1)
		fatalx("this program is started by kbsctl, not by hand");
	closefrom(ONCE_FD + 1);
	clearenv();
	signal(SIGPIPE, SIG_IGN);
	json_init();
	tzset();
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	confine();
	if ((request = once_receive(ONCE_FD, ONCE_REQUEST_MAX, &len)) == NULL)
		fatal("request");
	if (once_get(&o, request, len) == -1)
		fatalx("the request makes no sense");
	answer(&o);
	free(request);
	/* All is said; what libraries do at an exit(3) is no use to anybody. */
	_exit(0);
}

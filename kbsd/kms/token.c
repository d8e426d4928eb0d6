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
 * A PKCS#11 module and its token, found by its label, never by a number.  The
 * token may go away and come back; a PIN that it has refused is not shown to
 * it again.
 */

#include <dlfcn.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "log.h"
#include "process.h"
#include "secret.h"
#include "token.h"

#define SLOTS_MOST	1024
/* So long the reason of the last failure is as good as another one. */
#define PATIENCE_MS	1000

CK_FUNCTION_LIST		*p11;
CK_SLOT_ID			 token_slot;
CK_SESSION_HANDLE		 token_session;

static const struct token_use	*use;
static int			 initialized, attached, pin_refused;
static int			 worked;	/* before the sandbox closed */
static uint64_t			 patience;	/* now_ms() */
static char			 why[REASON_TEXT_MAX];

const char *
token_why(void)
{
	return (why);
}

enum token_state
token_fail(enum token_state state, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return (state);
}

enum token_state
token_fail_call(const char *call, CK_RV rv)
{
	return (token_fail(reason_is(rv, REASON_USAGE) ? TOKEN_WRONG :
	    TOKEN_AWAY, "token \"%s\": %s: %s", pkcs11.token, call,
	    reason_text(rv)));
}

/* --- the module ---------------------------------------------------------- */

/* Alone with it, as it is with us: no locks, and no threads of its own. */
static CK_RV
initialize(void)
{
	CK_C_INITIALIZE_ARGS	 args = {
		.flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS,
	};
	CK_RV			 rv;

	if (initialized)
		return (CKR_OK);
	if ((rv = p11->C_Initialize(&args)) == CKR_OK)
		initialized = 1;
	return (rv);
}

static void
finalize(void)
{
	if (initialized)
		(void)p11->C_Finalize(NULL);
	initialized = attached = 0;
}

/*
 * It is initialized twice: now, so that it finds what it loads itself, and
 * once the sandbox is closed, so that what it lacks there is known at start.
 */
void
token_load(const struct token_use *u)
{
	void	*module;
	CK_RV	 (*list)(CK_FUNCTION_LIST **);
	CK_RV	 rv;

	use = u;
	if ((module = dlopen(pkcs11.module, RTLD_NOW | RTLD_LOCAL)) == NULL)
		fatalx("module: %s", dlerror());
	*(void **)&list = dlsym(module, "C_GetFunctionList");
	if (list == NULL || list(&p11) != CKR_OK || p11 == NULL)
		fatalx("%s is no PKCS#11 module", pkcs11.module);
	/* The functions of 2 stand first in the list of 3. */
	if (p11->version.major != 2 && p11->version.major != 3)
		fatalx("%s is of PKCS#11 %u.%u, not 2 or 3", pkcs11.module,
		    p11->version.major, p11->version.minor);
	if ((rv = initialize()) != CKR_OK) {
		if (reason_is(rv, REASON_USAGE))
			fatalx("%s: %s", pkcs11.module, reason_text(rv));
		log_warnx("%s: C_Initialize: %s", pkcs11.module,
		    reason_text(rv));
	}
	worked = initialized;
	finalize();
}

/* --- the token ----------------------------------------------------------- */

/* Padded with blanks, without an end. */
static int
is_labelled(const CK_TOKEN_INFO *info)
{
	char	 label[LABEL_MAX];

	memset(label, ' ', sizeof(label));
	memcpy(label, pkcs11.token, strlen(pkcs11.token));
	return (secret_cmp(info->label, label, sizeof(label)) == 0);
}

static enum token_state
token_among(const CK_SLOT_ID *slots, CK_ULONG n)
{
	CK_TOKEN_INFO	 info;
	CK_FLAGS	 flags = 0;
	CK_ULONG	 i;
	int		 found = 0;

	for (i = 0; i < n; i++)
		if (p11->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
		    (info.flags & CKF_TOKEN_INITIALIZED) != 0 &&
		    is_labelled(&info)) {
			token_slot = slots[i];
			flags = info.flags;
			found++;
		}
	if (found == 0)
		return (token_fail(TOKEN_AWAY, "token \"%s\" is not there",
		    pkcs11.token));
	if (found > 1)
		return (token_fail(TOKEN_WRONG, "%d tokens are labelled "
		    "\"%s\"", found, pkcs11.token));
	if ((flags & CKF_USER_PIN_LOCKED) != 0)
		return (token_fail(TOKEN_WRONG, "token \"%s\": its PIN is "
		    "locked", pkcs11.token));
	if ((flags & CKF_USER_PIN_FINAL_TRY) != 0)
		log_warnx("token \"%s\": one more wrong PIN locks it",
		    pkcs11.token);
	return (TOKEN_READY);
}

static enum token_state
token_find(void)
{
	CK_SLOT_ID		*slots;
	CK_ULONG		 n = 0;
	CK_RV			 rv;
	enum token_state	 state;

	rv = p11->C_GetSlotList(CK_TRUE, NULL, &n);
	if (rv != CKR_OK)
		return (token_fail_call("C_GetSlotList", rv));
	if (n > SLOTS_MOST || (slots = calloc(n + 1, sizeof(*slots))) == NULL)
		return (token_fail(TOKEN_AWAY, "there are %lu tokens",
		    (unsigned long)n));
	if (n > 0)
		rv = p11->C_GetSlotList(CK_TRUE, slots, &n);
	state = rv == CKR_OK ? token_among(slots, n) :
	    token_fail_call("C_GetSlotList", rv);
	free(slots);
	return (state);
}

static enum token_state
token_login(void)
{
	CK_RV	 rv;

	rv = p11->C_OpenSession(token_slot, CKF_SERIAL_SESSION, NULL, NULL,
	    &token_session);
	if (rv != CKR_OK)
		return (token_fail_call("C_OpenSession", rv));
	rv = p11->C_Login(token_session, CKU_USER, pkcs11.pin, pkcs11.pinlen);
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return (TOKEN_READY);
	(void)token_fail_call("C_Login", rv);
	if (!reason_is(rv, REASON_PIN))
		return (TOKEN_AWAY);
	pin_refused = 1;
	pkcs11_pin_refused();
	return (TOKEN_WRONG);
}

/* --- coming and going ---------------------------------------------------- */

static enum token_state
attach(void)
{
	enum token_state	 state;
	CK_RV			 rv;

	if ((rv = initialize()) != CKR_OK) {
		if (worked)
			log_warnx("%s works outside the sandbox only: each "
			    "file that it reads or writes must be named",
			    pkcs11.module);
		worked = 0;
		return (token_fail_call("C_Initialize", rv));
	}
	worked = 0;
	if ((state = token_find()) == TOKEN_READY &&
	    (state = token_login()) == TOKEN_READY)
		state = use->ready();
	return (state);
}

/* Modules look for tokens, old and new, when they are initialized. */
enum token_state
token_attach(void)
{
	enum token_state	 state;

	if (pin_refused)
		return (TOKEN_WRONG);
	if (now_ms() < patience)
		return (TOKEN_AWAY);
	finalize();
	if ((state = attach()) == TOKEN_READY) {
		attached = 1;
		return (state);
	}
	patience = now_ms() + PATIENCE_MS;
	finalize();
	return (state);
}

enum token_state
token_work(CK_RV (*work)(void *), void *arg, CK_RV *rv)
{
	enum token_state	 state;

	if (!attached && (state = token_attach()) != TOKEN_READY)
		return (state);
	if ((*rv = work(arg)) == CKR_OK)
		return (TOKEN_READY);
	if (!use->good(*rv)) {
		log_warnx("token \"%s\": %s: a new session", pkcs11.token,
		    reason_text(*rv));
		if ((state = token_attach()) != TOKEN_READY)
			return (state);
	}
	*rv = work(arg);
	return (TOKEN_READY);
}

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
 * A PKCS#11 module, its token, and the key in it that seals boxes: found by
 * their labels, never by a number.  The token may go away and come back; a PIN
 * that it has refused is not shown to it again.
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

#define KEK_LEN		32
#define CHECK_LEN	32
#define SLOTS_MOST	1024
/* So long the reason of the last failure is as good as another one. */
#define PATIENCE_MS	1000

static CK_FUNCTION_LIST		*p11;
static int			 initialized, attached, pin_refused;
static int			 worked;	/* before the sandbox closed */
static CK_SLOT_ID		 slot;
static CK_SESSION_HANDLE	 session;
static CK_OBJECT_HANDLE		 kek;
static uint64_t			 patience;	/* now_ms() */
static char			 why[REASON_TEXT_MAX];

const char *
token_why(void)
{
	return (why);
}

static enum token_state	fail(enum token_state, const char *, ...)
			    __attribute__((format(printf, 2, 3)));

static enum token_state
fail(enum token_state state, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return (state);
}

static enum token_state
fail_call(const char *call, CK_RV rv)
{
	return (fail(reason_is(rv, REASON_USAGE) ? TOKEN_WRONG : TOKEN_AWAY,
	    "token \"%s\": %s: %s", pkcs11.token, call, reason_text(rv)));
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
token_load(void)
{
	void	*module;
	CK_RV	 (*list)(CK_FUNCTION_LIST **);
	CK_RV	 rv;

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
			slot = slots[i];
			flags = info.flags;
			found++;
		}
	if (found == 0)
		return (fail(TOKEN_AWAY, "token \"%s\" is not there",
		    pkcs11.token));
	if (found > 1)
		return (fail(TOKEN_WRONG, "%d tokens are labelled \"%s\"",
		    found, pkcs11.token));
	if ((flags & CKF_USER_PIN_LOCKED) != 0)
		return (fail(TOKEN_WRONG, "token \"%s\": its PIN is locked",
		    pkcs11.token));
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
		return (fail_call("C_GetSlotList", rv));
	if (n > SLOTS_MOST || (slots = calloc(n + 1, sizeof(*slots))) == NULL)
		return (fail(TOKEN_AWAY, "there are %lu tokens",
		    (unsigned long)n));
	if (n > 0)
		rv = p11->C_GetSlotList(CK_TRUE, slots, &n);
	state = rv == CKR_OK ? token_among(slots, n) :
	    fail_call("C_GetSlotList", rv);
	free(slots);
	return (state);
}

static enum token_state
token_login(void)
{
	CK_RV	 rv;

	rv = p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL,
	    &session);
	if (rv != CKR_OK)
		return (fail_call("C_OpenSession", rv));
	rv = p11->C_Login(session, CKU_USER, pkcs11.pin, pkcs11.pinlen);
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return (TOKEN_READY);
	(void)fail_call("C_Login", rv);
	if (!reason_is(rv, REASON_PIN))
		return (TOKEN_AWAY);
	pin_refused = 1;
	pkcs11_pin_refused();
	return (TOKEN_WRONG);
}

/* --- the key in it ------------------------------------------------------- */

#define ATTRIBUTE(type, value)	{ type, &(value), sizeof(value) }

static CK_OBJECT_CLASS	 secret_key = CKO_SECRET_KEY;
static CK_KEY_TYPE	 aes = CKK_AES;
static CK_BBOOL		 yes = CK_TRUE, no = CK_FALSE;

/* How many there are of its label, at most two; kek is one of them. */
static CK_RV
kek_find(CK_ULONG *n)
{
	CK_ATTRIBUTE		 template[] = {
		ATTRIBUTE(CKA_CLASS, secret_key),
		ATTRIBUTE(CKA_TOKEN, yes),
		{ CKA_LABEL, pkcs11.key, strlen(pkcs11.key) },
	};
	CK_OBJECT_HANDLE	 found[2] = { CK_INVALID_HANDLE };
	CK_RV			 rv;

	*n = 0;
	rv = p11->C_FindObjectsInit(session, template, 3);
	if (rv != CKR_OK)
		return (rv);
	rv = p11->C_FindObjects(session, found, 2, n);
	(void)p11->C_FindObjectsFinal(session);
	kek = found[0];
	return (rv);
}

/* Only in a session that may write, which is needed for nothing else. */
static enum token_state
kek_make(void)
{
	CK_ULONG		 len = KEK_LEN;
	CK_MECHANISM		 mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE		 template[] = {
		ATTRIBUTE(CKA_CLASS, secret_key),
		ATTRIBUTE(CKA_KEY_TYPE, aes),
		ATTRIBUTE(CKA_VALUE_LEN, len),
		{ CKA_LABEL, pkcs11.key, strlen(pkcs11.key) },
		ATTRIBUTE(CKA_TOKEN, yes), ATTRIBUTE(CKA_PRIVATE, yes),
		ATTRIBUTE(CKA_SENSITIVE, yes), ATTRIBUTE(CKA_EXTRACTABLE, no),
		ATTRIBUTE(CKA_ENCRYPT, yes), ATTRIBUTE(CKA_DECRYPT, yes),
		ATTRIBUTE(CKA_WRAP, no), ATTRIBUTE(CKA_UNWRAP, no),
	};
	CK_OBJECT_HANDLE	 made;
	CK_SESSION_HANDLE	 writer;
	CK_RV			 rv;

	rv = p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
	    NULL, NULL, &writer);
	if (rv != CKR_OK)
		return (fail_call("C_OpenSession", rv));
	rv = p11->C_GenerateKey(writer, &mechanism, template,
	    sizeof(template) / sizeof(template[0]), &made);
	(void)p11->C_CloseSession(writer);
	if (rv != CKR_OK)
		return (fail_call("C_GenerateKey", rv));
	log_info("token \"%s\": made the key \"%s\"", pkcs11.token,
	    pkcs11.key);
	return (TOKEN_READY);
}

/* A key that somebody else made must be as good as ours. */
static enum token_state
kek_look(void)
{
	static const struct {
		CK_ATTRIBUTE_TYPE	 type;
		CK_BBOOL		 wanted;
		const char		*otherwise;
	} flags[] = {
		{ CKA_EXTRACTABLE, CK_FALSE, "may be taken out of it" },
		{ CKA_SENSITIVE, CK_TRUE, "may be read" },
		{ CKA_PRIVATE, CK_TRUE, "is there without a PIN" },
		{ CKA_ENCRYPT, CK_TRUE, "may not encrypt" },
		{ CKA_DECRYPT, CK_TRUE, "may not decrypt" },
	};
	CK_KEY_TYPE	 kind = 0;
	CK_ULONG	 len = 0;
	CK_BBOOL	 flag;
	CK_ATTRIBUTE	 size[] = { ATTRIBUTE(CKA_KEY_TYPE, kind),
			    ATTRIBUTE(CKA_VALUE_LEN, len) };
	CK_ATTRIBUTE	 one = ATTRIBUTE(0, flag);
	CK_RV		 rv;
	size_t		 i;

	rv = p11->C_GetAttributeValue(session, kek, size, 2);
	if (rv != CKR_OK)
		return (fail_call("C_GetAttributeValue", rv));
	if (kind != CKK_AES || len != KEK_LEN)
		return (fail(TOKEN_WRONG, "token \"%s\": the key \"%s\" is "
		    "not AES-256", pkcs11.token, pkcs11.key));
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		one.type = flags[i].type;
		rv = p11->C_GetAttributeValue(session, kek, &one, 1);
		if (rv != CKR_OK)
			return (fail_call("C_GetAttributeValue", rv));
		if (flag != flags[i].wanted)
			return (fail(TOKEN_WRONG, "token \"%s\": the key "
			    "\"%s\" %s: it is not used", pkcs11.token,
			    pkcs11.key, flags[i].otherwise));
	}
	return (TOKEN_READY);
}

static enum token_state
kek_get(void)
{
	CK_ULONG		 n;
	CK_RV			 rv;
	enum token_state	 state;

	rv = kek_find(&n);
	if (rv == CKR_OK && n == 0) {
		if (records_any())
			return (fail(TOKEN_WRONG, "token \"%s\" has no key "
			    "\"%s\", but keys.db holds keys sealed by it: "
			    "bring it back, none is made", pkcs11.token,
			    pkcs11.key));
		if ((state = kek_make()) != TOKEN_READY)
			return (state);
		rv = kek_find(&n);
	}
	if (rv != CKR_OK)
		return (fail_call("C_FindObjects", rv));
	if (n != 1)
		return (fail(TOKEN_WRONG, "token \"%s\" has %s \"%s\"",
		    pkcs11.token, n == 0 ? "no key" : "several keys",
		    pkcs11.key));
	return (kek_look());
}

/* --- sealing ------------------------------------------------------------- */

struct gcm {
	int		 seal;
	uint8_t		*nonce;
	uint8_t		*about;
	size_t		 aboutlen;
	uint8_t		*in;
	size_t		 inlen;
	uint8_t		*out;
	size_t		 outlen;	/* what must come out */
};

static CK_RV
gcm_once(const struct gcm *g)
{
	CK_GCM_PARAMS	 gcm = {
		.pIv = g->nonce, .ulIvLen = BOX_NONCE,
		.ulIvBits = BOX_NONCE * 8,
		.pAAD = g->about, .ulAADLen = g->aboutlen,
		.ulTagBits = BOX_TAG * 8,
	};
	CK_MECHANISM	 mechanism = { CKM_AES_GCM, &gcm, sizeof(gcm) };
	CK_ULONG	 n = g->inlen + (g->seal ? BOX_TAG : 0);
	CK_RV		 rv;

	rv = g->seal ? p11->C_EncryptInit(session, &mechanism, kek) :
	    p11->C_DecryptInit(session, &mechanism, kek);
	if (rv != CKR_OK)
		return (rv);
	rv = g->seal ? p11->C_Encrypt(session, g->in, g->inlen, g->out, &n) :
	    p11->C_Decrypt(session, g->in, g->inlen, g->out, &n);
	return (rv == CKR_OK && n != g->outlen ? CKR_GENERAL_ERROR : rv);
}

/*
 * Which key it is, without telling anything of it: what it makes of zeroes,
 * with a nonce and additional data that no box has.
 */
static CK_RV
kek_check(uint8_t check[DIGEST_LEN])
{
	uint8_t		 nonce[BOX_NONCE] = { 0 }, zero[CHECK_LEN] = { 0 };
	uint8_t		 about[] = "kbsd token key check 1";
	uint8_t		 out[CHECK_LEN + BOX_TAG];
	struct gcm	 g = { 1, nonce, about, sizeof(about), zero,
			    sizeof(zero), out, sizeof(out) };
	CK_RV		 rv;

	rv = gcm_once(&g);
	digest(check, out, rv == CKR_OK ? sizeof(out) : 0);
	return (rv);
}

static enum token_state
kek_compare(void)
{
	uint8_t	 check[DIGEST_LEN];
	CK_RV	 rv;

	if ((rv = kek_check(check)) != CKR_OK)
		return (fail_call("C_Encrypt", rv));
	switch (pkcs11_same(check)) {
	case SAME_YES:
		return (TOKEN_READY);
	case SAME_NO:
		return (fail(TOKEN_WRONG, "token \"%s\": the key \"%s\" is "
		    "not the one that keys.db was sealed with", pkcs11.token,
		    pkcs11.key));
	default:
		return (fail(TOKEN_AWAY, "keys.db can't be written"));
	}
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
		return (fail_call("C_Initialize", rv));
	}
	worked = 0;
	if ((state = token_find()) == TOKEN_READY &&
	    (state = token_login()) == TOKEN_READY &&
	    (state = kek_get()) == TOKEN_READY)
		state = kek_compare();
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

/* In a session that is good it is the data's own fault. */
static int
session_good(CK_RV rv)
{
	uint8_t	 check[DIGEST_LEN];

	return (!reason_is(rv, REASON_SESSION) && kek_check(check) == CKR_OK);
}

static enum done_result
gcm(const struct gcm *g)
{
	CK_RV	 rv;

	if (!attached && token_attach() != TOKEN_READY)
		return (DONE_UNAVAILABLE);
	if ((rv = gcm_once(g)) == CKR_OK)
		return (DONE_OK);
	if (!session_good(rv)) {
		log_warnx("token \"%s\": %s: a new session", pkcs11.token,
		    reason_text(rv));
		if (token_attach() != TOKEN_READY)
			return (DONE_UNAVAILABLE);
	}
	if ((rv = gcm_once(g)) == CKR_OK)
		return (DONE_OK);
	if (g->seal || !session_good(rv)) {
		(void)fail_call(g->seal ? "C_Encrypt" : "C_Decrypt", rv);
		return (DONE_UNAVAILABLE);
	}
	(void)fail(TOKEN_READY, "the material in keys.db was changed: %s",
	    reason_text(rv));
	return (DONE_REFUSED);
}

enum done_result
token_seal(uint8_t *box, const struct wbuf *about, const uint8_t *plain,
    size_t len)
{
	struct gcm	 g = { 1, box, about->data, about->len,
			    (uint8_t *)(uintptr_t)plain, len, box + BOX_NONCE,
			    len + BOX_TAG };

	if (RAND_bytes(box, BOX_NONCE) != 1) {
		(void)fail(TOKEN_READY, "no random numbers");
		return (DONE_UNAVAILABLE);
	}
	return (gcm(&g));
}

enum done_result
token_open(uint8_t *plain, const struct wbuf *about, const uint8_t *box,
    size_t len)
{
	uint8_t		*bytes = (uint8_t *)(uintptr_t)box;
	struct gcm	 g = { 0, bytes, about->data, about->len,
			    bytes + BOX_NONCE, len - BOX_NONCE, plain,
			    len - BOX_MORE };

	return (gcm(&g));
}

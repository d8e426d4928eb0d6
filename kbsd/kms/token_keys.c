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
 * Keys that a token holds itself, by their labels.  They may leave it wrapped,
 * and no other way; a key that somebody else made there must be such a one.
 */

#include <stdio.h>
#include <string.h>

#include "digest.h"
#include "secret.h"
#include "token.h"

#define MODULUS_MAX	1024	/* bytes, of 8192 bits */

/* Something to be done with a key, and what it came to. */
struct task {
	const struct key_record		*record;
	const char			*label;
	int				 any;		/* kind of key */
	const struct wrapping_key	*by;
	int				 release;
	struct wbuf			*w;
	const char			*call;		/* that failed, or */
	enum done_result		 result;
	const char			*why;		/* it is refused */
	int				 tried;		/* to make it */
};

static const struct {
	CK_OBJECT_CLASS		 class;
	CK_KEY_TYPE		 type;
	CK_MECHANISM_TYPE	 make;
} kinds[ALG_MAX] = {
	[ALG_AES] = { CKO_SECRET_KEY, CKK_AES, CKM_AES_KEY_GEN },
	[ALG_RSA] = { CKO_PRIVATE_KEY, CKK_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN },
	[ALG_EC] = { CKO_PRIVATE_KEY, CKK_EC, CKM_EC_KEY_PAIR_GEN },
};

/* RFC 5480 section 2.1.1.1, as CKA_EC_PARAMS has them */
static const struct {
	size_t	 len;
	uint8_t	 der[10];
} curves[CURVE_MAX] = {
	[CURVE_P256] = { 10, { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
	    0x01, 0x07 } },
	[CURVE_P384] = { 7, { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 } },
	[CURVE_P521] = { 7, { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23 } },
};

/* --- finding ------------------------------------------------------------- */

/* The token did all that it was asked. */
static CK_RV
refuse(struct task *t, enum done_result result, const char *why)
{
	t->result = result;
	t->why = why;
	return (CKR_FUNCTION_REJECTED);
}

/* None where one should be may mean that the token is gone. */
static CK_RV
find(struct task *t, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *key)
{
	CK_ULONG	 n;
	CK_RV		 rv;

	t->call = "C_FindObjects";
	t->why = NULL;
	if ((rv = object_find(class, t->label, key, &n)) != CKR_OK)
		return (rv);
	if (n > 1)
		return (refuse(t, DONE_REFUSED, "has several keys of that "
		    "label"));
	if (n == 1)
		return (CKR_OK);
	(void)refuse(t, DONE_NONE, "has no such key");
	return (CKR_OBJECT_HANDLE_INVALID);
}

/* --- looking ------------------------------------------------------------- */

static CK_RV
look_at_length(struct task *t, CK_OBJECT_HANDLE key)
{
	const struct key_record	*k = t->record;
	uint8_t			 text[MODULUS_MAX] = { 0 };
	CK_ULONG		 len = 0;
	CK_ATTRIBUTE		 a[ALG_MAX] = {
		[ALG_AES] = ATTRIBUTE(CKA_VALUE_LEN, len),
		[ALG_RSA] = ATTRIBUTE(CKA_MODULUS, text),
		[ALG_EC] = ATTRIBUTE(CKA_EC_PARAMS, text),
	};
	CK_ATTRIBUTE		*one = &a[k->algorithm];
	int			 same;
	CK_RV			 rv;

	rv = p11->C_GetAttributeValue(token_session, key, one, 1);
	if (rv != CKR_OK)
		return (rv);
	if (k->algorithm == ALG_AES)
		same = len * 8 == k->length;
	else if (k->algorithm == ALG_RSA)
		same = one->ulValueLen * 8 == k->length && text[0] >= 0x80;
	else
		same = one->ulValueLen == curves[k->curve].len &&
		    secret_cmp(text, curves[k->curve].der,
		    one->ulValueLen) == 0;
	return (same ? CKR_OK : refuse(t, DONE_REFUSED, "has that key with "
	    "another length or curve"));
}

static CK_RV
look_at(struct task *t, CK_OBJECT_HANDLE key)
{
	static const struct must_be	 flags[] = {
		{ CKA_EXTRACTABLE, CK_TRUE, "lets that key out in no way" },
		{ CKA_SENSITIVE, CK_TRUE, "lets that key be read" },
		{ CKA_PRIVATE, CK_TRUE, "shows that key without a PIN" },
	};
	CK_KEY_TYPE	 type = 0;
	CK_ATTRIBUTE	 one = ATTRIBUTE(CKA_KEY_TYPE, type);
	const char	*otherwise;
	CK_RV		 rv;

	t->call = "C_GetAttributeValue";
	rv = p11->C_GetAttributeValue(token_session, key, &one, 1);
	if (rv == CKR_OK && type != kinds[t->record->algorithm].type)
		return (refuse(t, DONE_REFUSED, "has that key of another "
		    "algorithm"));
	if (rv == CKR_OK)
		rv = object_is(key, flags, sizeof(flags) / sizeof(flags[0]),
		    &otherwise);
	if (rv == CKR_OK && otherwise != NULL)
		return (refuse(t, DONE_REFUSED, otherwise));
	return (rv == CKR_OK ? look_at_length(t, key) : rv);
}

/* A token may have its own reasons not to wrap a key: for nobody, then. */
static CK_RV
look(void *arg)
{
	struct task		*t = arg;
	struct wbuf		 w = { 0 };
	CK_OBJECT_HANDLE	 key;
	CK_RV			 rv;

	rv = find(t, kinds[t->record->algorithm].class, &key);
	if (rv == CKR_OK)
		rv = look_at(t, key);
	if (rv == CKR_OK)
		rv = wrap_key(key, NULL, &w, &t->call);
	wb_free(&w);
	return (rv);
}

/* --- wrapping ------------------------------------------------------------ */

/* A session object, as nobody's key: can it be wrapped, and opened? */
static enum token_state
keys_try(void)
{
	const struct wrapping_key	*by = trial_key();
	struct wbuf			 w = { 0 };
	CK_OBJECT_HANDLE		 key;
	uint8_t				 opened[32];
	const char			*call = "C_GenerateKey", *why = NULL;
	size_t				 len;
	CK_RV				 rv;

	if (by == NULL)
		return (token_fail(TOKEN_AWAY, "no RSA key could be made"));
	if ((rv = wrap_make(&key)) == CKR_OK) {
		rv = wrap_key(key, by, &w, &call);
		(void)p11->C_DestroyObject(token_session, key);
	}
	if (rv == CKR_OK)
		why = trial_open(&w, opened, sizeof(opened), &len);
	explicit_bzero(opened, sizeof(opened));
	wb_free(&w);
	if (why != NULL)
		return (token_fail(TOKEN_WRONG, "token \"%s\": %s",
		    pkcs11.token, why));
	return (rv == CKR_OK ? TOKEN_READY : token_fail_call(call, rv));
}

/*
 * A token need not take every wrapping key that a workload has.  What is only
 * that one's fault costs nobody else the session: ours is still taken.
 */
static CK_RV
by_refused(struct task *t, CK_RV rv)
{
	static char	 text[REASON_TEXT_MAX];

	if (!wrap_is_by(t->call) || reason_is(rv, REASON_SESSION) ||
	    keys_try() != TOKEN_READY)
		return (rv);
	snprintf(text, sizeof(text), "takes no such wrapping key: %s: %s",
	    t->call, reason_text(rv));
	return (refuse(t, DONE_INVALID, text));
}

/* Its bytes are not for us; their number is. */
static CK_RV
wrapped(struct task *t)
{
	struct rbuf	 r;
	size_t		 len;

	if (t->w->failed)
		return (CKR_HOST_MEMORY);
	rb_init(&r, t->w->data, t->w->len);
	(void)rb_bytes(&r, &len, 1, t->w->len);
	if (t->record->algorithm == ALG_AES && !t->release &&
	    len != BOX_MORE + t->record->length / 8U)
		return (refuse(t, DONE_REFUSED, "has that key with another "
		    "length"));
	return (CKR_OK);
}

static CK_RV
wrap(void *arg)
{
	struct task		*t = arg;
	CK_OBJECT_CLASS		 class = kinds[t->record->algorithm].class;
	CK_OBJECT_HANDLE	 key;
	CK_RV			 rv;

	wb_free(t->w);
	if ((rv = find(t, class, &key)) != CKR_OK)
		return (rv);
	rv = t->release ? wrap_release(key, class == CKO_SECRET_KEY, t->by,
	    t->w, &t->call) : wrap_key(key, t->by, t->w, &t->call);
	return (rv == CKR_OK ? wrapped(t) : by_refused(t, rv));
}

/* --- making -------------------------------------------------------------- */

#define KEPT								\
	{ CKA_LABEL, (void *)(uintptr_t)t->label, strlen(t->label) },	\
	ATTRIBUTE(CKA_TOKEN, token_yes), ATTRIBUTE(CKA_PRIVATE, token_yes), \
	ATTRIBUTE(CKA_SENSITIVE, token_yes),				\
	ATTRIBUTE(CKA_EXTRACTABLE, token_yes)

static CK_RV
make_secret(struct task *t, CK_SESSION_HANDLE writer)
{
	CK_OBJECT_CLASS		 class = CKO_SECRET_KEY;
	CK_KEY_TYPE		 type = CKK_AES;
	CK_ULONG		 len = t->record->length / 8U;
	CK_MECHANISM		 mechanism = { kinds[ALG_AES].make, NULL, 0 };
	CK_ATTRIBUTE		 template[] = {
		KEPT, ATTRIBUTE(CKA_CLASS, class),
		ATTRIBUTE(CKA_KEY_TYPE, type), ATTRIBUTE(CKA_VALUE_LEN, len),
		ATTRIBUTE(CKA_ENCRYPT, token_no),
		ATTRIBUTE(CKA_DECRYPT, token_no),
		ATTRIBUTE(CKA_WRAP, token_no), ATTRIBUTE(CKA_UNWRAP, token_no),
	};
	CK_OBJECT_HANDLE	 made;

	return (p11->C_GenerateKey(writer, &mechanism, template,
	    sizeof(template) / sizeof(template[0]), &made));
}

/* The public half is the workload's to find out; it goes with the session. */
static CK_RV
make_pair(struct task *t, CK_SESSION_HANDLE writer)
{
	uint8_t			 e[] = { 1, 0, 1 };
	CK_ULONG		 bits = t->record->length;
	CK_MECHANISM		 mechanism = {
				    kinds[t->record->algorithm].make, NULL, 0 };
	const void		*curve = curves[t->record->curve].der;
	CK_ATTRIBUTE		 rsa[] = {
		ATTRIBUTE(CKA_TOKEN, token_no), ATTRIBUTE(CKA_MODULUS_BITS,
		bits), { CKA_PUBLIC_EXPONENT, e, sizeof(e) },
	};
	CK_ATTRIBUTE		 ec[] = {
		ATTRIBUTE(CKA_TOKEN, token_no), { CKA_EC_PARAMS,
		(void *)(uintptr_t)curve, curves[t->record->curve].len },
	};
	CK_ATTRIBUTE		 private[] = { KEPT };
	CK_OBJECT_HANDLE	 made, public;

	return (p11->C_GenerateKeyPair(writer, &mechanism,
	    t->record->algorithm == ALG_RSA ? rsa : ec,
	    t->record->algorithm == ALG_RSA ? 3 : 2, private,
	    sizeof(private) / sizeof(private[0]), &public, &made));
}

/* Its label is nobody else's: what is there was made, and the word lost. */
static CK_RV
make(void *arg)
{
	struct task		*t = arg;
	CK_OBJECT_HANDLE	 made;
	CK_SESSION_HANDLE	 writer;
	CK_RV			 rv;

	if (t->tried++ && (rv = find(t, kinds[t->record->algorithm].class,
	    &made)) != CKR_OBJECT_HANDLE_INVALID)
		return (rv);
	t->why = NULL;
	t->call = "C_OpenSession";
	if ((rv = object_writer(&writer)) != CKR_OK)
		return (rv);
	t->call = "C_GenerateKey";
	rv = t->record->algorithm == ALG_AES ? make_secret(t, writer) :
	    make_pair(t, writer);
	(void)p11->C_CloseSession(writer);
	return (rv);
}

/* --- destroying ---------------------------------------------------------- */

static CK_RV
destroy_one(struct task *t, CK_OBJECT_CLASS class)
{
	CK_OBJECT_HANDLE	 key;
	CK_SESSION_HANDLE	 writer;
	CK_RV			 rv;

	if ((rv = find(t, class, &key)) != CKR_OK)
		return (rv);
	t->call = "C_OpenSession";
	if ((rv = object_writer(&writer)) != CKR_OK)
		return (rv);
	t->call = "C_DestroyObject";
	rv = p11->C_DestroyObject(writer, key);
	(void)p11->C_CloseSession(writer);
	return (rv);
}

static CK_RV
destroy(void *arg)
{
	struct task	*t = arg;
	CK_RV		 rv;

	if (!t->any)
		return (destroy_one(t, kinds[t->record->algorithm].class));
	rv = destroy_one(t, CKO_SECRET_KEY);
	return (rv == CKR_OBJECT_HANDLE_INVALID && t->why != NULL ?
	    destroy_one(t, CKO_PRIVATE_KEY) : rv);
}

/* --- all ----------------------------------------------------------------- */

static enum done_result
keys_do(CK_RV (*work)(void *), struct task *t)
{
	CK_RV	 rv;

	t->result = DONE_UNAVAILABLE;
	if (token_work(work, t, &rv) != TOKEN_READY)
		return (DONE_UNAVAILABLE);
	if (rv == CKR_OK)
		return (DONE_OK);
	if (t->why == NULL || (rv != CKR_FUNCTION_REJECTED &&
	    rv != CKR_OBJECT_HANDLE_INVALID)) {
		(void)token_fail_call(t->call, rv);
		return (DONE_UNAVAILABLE);
	}
	/* What is the client's fault it is told, and not our token's name. */
	if (t->result == DONE_INVALID)
		(void)token_fail(TOKEN_READY, "the token %s", t->why);
	else
		(void)token_fail(TOKEN_READY, "token \"%s\" %s",
		    pkcs11.token, t->why);
	return (t->result);
}

enum done_result
keys_make(const struct key_record *record)
{
	struct task	 t = { .record = record, .label = record->backend };

	return (keys_do(make, &t));
}

enum done_result
keys_look(const struct key_record *record)
{
	struct task	 t = { .record = record, .label = record->backend };

	return (keys_do(look, &t));
}

enum done_result
keys_destroy(const struct key_record *record, const char *label, int any)
{
	struct task		 t = { .record = record, .label = label,
				    .any = any };
	enum done_result	 result = keys_do(destroy, &t);

	return (result == DONE_NONE ? DONE_OK : result);
}

enum done_result
keys_wrap(const struct key_record *record, const struct wrapping_key *by,
    int release, struct wbuf *w)
{
	struct task	 t = { .record = record, .label = record->backend,
			    .by = by, .release = release, .w = w };

	return (keys_do(wrap, &t));
}

/* Boxes of before would be looked for in the token in vain. */
static enum token_state
keys_ready(void)
{
	static const char	 kind[] = "keys by token";
	uint8_t			 mark[DIGEST_LEN];

	digest(mark, kind, sizeof(kind));
	switch (pkcs11_same(mark)) {
	case SAME_YES:
		return (keys_try());
	case SAME_NO:
		return (token_fail(TOKEN_WRONG, "keys.db holds keys that are "
		    "not in the token: they are of this keystore without "
		    "`keys by token'"));
	default:
		return (token_fail(TOKEN_AWAY, "keys.db can't be written"));
	}
}

/*
 * Whatever fails, a new session finds out whether the token is there: a trial
 * in the old one may be done without anything that the token keeps.
 */
static int
keys_good(CK_RV rv)
{
	return (rv == CKR_FUNCTION_REJECTED);
}

const struct token_use	 keys_use = { keys_ready, keys_good };

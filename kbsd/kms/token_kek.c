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
 * The key in a token that seals boxes, and never leaves it: found by its
 * label, or made where nothing is sealed yet.
 */

#include <openssl/rand.h>
#include <string.h>

#include "digest.h"
#include "log.h"
#include "token.h"

#define KEK_LEN		32
#define CHECK_LEN	32

static CK_OBJECT_HANDLE	 kek;

/* --- the key ------------------------------------------------------------- */

static enum token_state
kek_make(void)
{
	CK_OBJECT_CLASS		 class = CKO_SECRET_KEY;
	CK_KEY_TYPE		 type = CKK_AES;
	CK_ULONG		 len = KEK_LEN;
	CK_MECHANISM		 mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE		 template[] = {
		ATTRIBUTE(CKA_CLASS, class),
		ATTRIBUTE(CKA_KEY_TYPE, type),
		ATTRIBUTE(CKA_VALUE_LEN, len),
		{ CKA_LABEL, pkcs11.key, strlen(pkcs11.key) },
		ATTRIBUTE(CKA_TOKEN, token_yes),
		ATTRIBUTE(CKA_PRIVATE, token_yes),
		ATTRIBUTE(CKA_SENSITIVE, token_yes),
		ATTRIBUTE(CKA_EXTRACTABLE, token_no),
		ATTRIBUTE(CKA_ENCRYPT, token_yes),
		ATTRIBUTE(CKA_DECRYPT, token_yes),
		ATTRIBUTE(CKA_WRAP, token_no), ATTRIBUTE(CKA_UNWRAP, token_no),
	};
	CK_OBJECT_HANDLE	 made;
	CK_SESSION_HANDLE	 writer;
	CK_RV			 rv;

	if ((rv = object_writer(&writer)) != CKR_OK)
		return (token_fail_call("C_OpenSession", rv));
	rv = p11->C_GenerateKey(writer, &mechanism, template,
	    sizeof(template) / sizeof(template[0]), &made);
	(void)p11->C_CloseSession(writer);
	if (rv != CKR_OK)
		return (token_fail_call("C_GenerateKey", rv));
	log_info("token \"%s\": made the key \"%s\"", pkcs11.token,
	    pkcs11.key);
	return (TOKEN_READY);
}

/* A key that somebody else made must be as good as ours. */
static enum token_state
kek_look(void)
{
	static const struct must_be	 flags[] = {
		{ CKA_EXTRACTABLE, CK_FALSE, "may be taken out of it" },
		{ CKA_SENSITIVE, CK_TRUE, "may be read" },
		{ CKA_PRIVATE, CK_TRUE, "is there without a PIN" },
		{ CKA_ENCRYPT, CK_TRUE, "may not encrypt" },
		{ CKA_DECRYPT, CK_TRUE, "may not decrypt" },
	};
	CK_KEY_TYPE	 kind = 0;
	CK_ULONG	 len = 0;
	CK_ATTRIBUTE	 size[] = { ATTRIBUTE(CKA_KEY_TYPE, kind),
			    ATTRIBUTE(CKA_VALUE_LEN, len) };
	const char	*otherwise = NULL;
	CK_RV		 rv;

	rv = p11->C_GetAttributeValue(token_session, kek, size, 2);
	if (rv == CKR_OK && (kind != CKK_AES || len != KEK_LEN))
		otherwise = "is not AES-256";
	else if (rv == CKR_OK)
		rv = object_is(kek, flags, sizeof(flags) / sizeof(flags[0]),
		    &otherwise);
	if (rv != CKR_OK)
		return (token_fail_call("C_GetAttributeValue", rv));
	if (otherwise != NULL)
		return (token_fail(TOKEN_WRONG, "token \"%s\": the key \"%s\" "
		    "%s: it is not used", pkcs11.token, pkcs11.key,
		    otherwise));
	return (TOKEN_READY);
}

static enum token_state
kek_get(void)
{
	CK_ULONG		 n;
	CK_RV			 rv;
	enum token_state	 state;

	rv = object_find(CKO_SECRET_KEY, pkcs11.key, &kek, &n);
	if (rv == CKR_OK && n == 0) {
		if (records_any())
			return (token_fail(TOKEN_WRONG, "token \"%s\" has no "
			    "key \"%s\", but keys.db holds keys sealed by "
			    "it: bring it back, none is made", pkcs11.token,
			    pkcs11.key));
		if ((state = kek_make()) != TOKEN_READY)
			return (state);
		rv = object_find(CKO_SECRET_KEY, pkcs11.key, &kek, &n);
	}
	if (rv != CKR_OK)
		return (token_fail_call("C_FindObjects", rv));
	if (n != 1)
		return (token_fail(TOKEN_WRONG, "token \"%s\" has %s \"%s\"",
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
gcm_once(void *arg)
{
	const struct gcm	*g = arg;
	CK_GCM_PARAMS	 gcm = {
		.pIv = g->nonce, .ulIvLen = BOX_NONCE,
		.ulIvBits = BOX_NONCE * 8,
		.pAAD = g->about, .ulAADLen = g->aboutlen,
		.ulTagBits = BOX_TAG * 8,
	};
	CK_MECHANISM	 mechanism = { CKM_AES_GCM, &gcm, sizeof(gcm) };
	CK_ULONG	 n = g->inlen + (g->seal ? BOX_TAG : 0);
	CK_RV		 rv;

	rv = g->seal ? p11->C_EncryptInit(token_session, &mechanism, kek) :
	    p11->C_DecryptInit(token_session, &mechanism, kek);
	if (rv != CKR_OK)
		return (rv);
	rv = g->seal ?
	    p11->C_Encrypt(token_session, g->in, g->inlen, g->out, &n) :
	    p11->C_Decrypt(token_session, g->in, g->inlen, g->out, &n);
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
		return (token_fail_call("C_Encrypt", rv));
	switch (pkcs11_same(check)) {
	case SAME_YES:
		return (TOKEN_READY);
	case SAME_NO:
		return (token_fail(TOKEN_WRONG, "token \"%s\": the key \"%s\" "
		    "is not the one that keys.db was sealed with",
		    pkcs11.token, pkcs11.key));
	default:
		return (token_fail(TOKEN_AWAY, "keys.db can't be written"));
	}
}

/* In a session that is good it is the data's own fault. */
static int
kek_good(CK_RV rv)
{
	uint8_t	 check[DIGEST_LEN];

	return (!reason_is(rv, REASON_SESSION) && kek_check(check) == CKR_OK);
}

static enum token_state
kek_ready(void)
{
	enum token_state	 state;

	if ((state = kek_get()) != TOKEN_READY)
		return (state);
	return (kek_compare());
}

const struct token_use	 kek_use = { kek_ready, kek_good };

static enum done_result
gcm(struct gcm *g)
{
	CK_RV	 rv;

	if (token_work(gcm_once, g, &rv) != TOKEN_READY)
		return (DONE_UNAVAILABLE);
	if (rv == CKR_OK)
		return (DONE_OK);
	if (g->seal || !kek_good(rv)) {
		(void)token_fail_call(g->seal ? "C_Encrypt" : "C_Decrypt", rv);
		return (DONE_UNAVAILABLE);
	}
	(void)token_fail(TOKEN_READY, "the material in keys.db was changed: "
	    "%s", reason_text(rv));
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
		(void)token_fail(TOKEN_READY, "no random numbers");
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

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
 * The server's answer to the key: RSA-OAEP gives the SWK, AES-256-GCM under
 * it the key.  Every length is checked before a byte is used; key and SWK are
 * never in memory that is not locked and wiped.
 */
#include <sys/types.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "kbsget.h"
#include "secret.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

#define WRAP_IV		12
#define WRAP_TAG	16
#define WRAP_HEAD	12
#define SWK_LEN		32
#define PEM_LINE	64	/* RFC 7468 section 2 */

static const char	 unwrap_ours[] =
    "the answer is not for this private key";
static const char	 unwrap_bad[] = "the wrapped key is malformed";

static uint32_t
le32(const uint8_t *p)
{
	return ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24);
}

/* out is SWK_LEN bytes. */
static int
unwrap_swk(EVP_PKEY *key, const uint8_t *p, size_t len, uint8_t *out)
{
	EVP_PKEY_CTX	*ctx;
	uint8_t		*buf = NULL;
	size_t		 n = (size_t)EVP_PKEY_get_size(key);
	int		 rv = -1;

	if (len != n)
		return (-1);
	if ((ctx = EVP_PKEY_CTX_new(key, NULL)) != NULL &&
	    (buf = secret_alloc(n)) != NULL &&
	    EVP_PKEY_decrypt_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
	    EVP_PKEY_decrypt(ctx, buf, &n, p, len) == 1 && n == SWK_LEN) {
		memcpy(out, buf, SWK_LEN);
		rv = 0;
	}
	EVP_PKEY_CTX_free(ctx);
	secret_free(buf);
	return (rv);
}

/* ct ends in its tag; out has room for the rest. */
static int
unwrap_gcm(const uint8_t *swk, const uint8_t *iv, const uint8_t *ct,
    size_t ctlen, uint8_t *out)
{
	EVP_CIPHER_CTX	*ctx;
	uint8_t		 tag[WRAP_TAG], last[16];
	size_t		 len = ctlen - WRAP_TAG;
	int		 n = 0, rv = -1;

	memcpy(tag, ct + len, WRAP_TAG);
	if ((ctx = EVP_CIPHER_CTX_new()) == NULL)
		return (-1);
	if (EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, swk, iv) == 1 &&
	    EVP_DecryptUpdate(ctx, out, &n, ct, (int)len) == 1 &&
	    n == (int)len &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, WRAP_TAG,
	    tag) == 1 &&
	    EVP_DecryptFinal_ex(ctx, last, &n) == 1 && n == 0)
		rv = 0;
	EVP_CIPHER_CTX_free(ctx);
	return (rv);
}

int
unwrap(EVP_PKEY *key, const uint8_t *wrapped, size_t wrappedlen,
    const uint8_t *swkp, size_t swklen, uint8_t **out, size_t *outlen,
    const char **why)
{
	uint8_t	*swk = NULL, *plain = NULL;
	size_t	 ctlen;
	int	 rv = -1;

	*why = unwrap_bad;
	if (wrappedlen < WRAP_HEAD + WRAP_IV || le32(wrapped) != WRAP_IV ||
	    le32(wrapped + 4) != WRAP_TAG)
		return (-1);
	ctlen = le32(wrapped + 8);
	if (ctlen <= WRAP_TAG || ctlen > RELEASED_MAX + WRAP_TAG ||
	    wrappedlen != WRAP_HEAD + WRAP_IV + ctlen)
		return (-1);
	if ((swk = secret_alloc(SWK_LEN)) == NULL ||
	    (plain = secret_alloc(ctlen - WRAP_TAG)) == NULL) {
		*why = "no memory can be locked: raise the limit (ulimit -l)";
		goto done;
	}
	*why = unwrap_ours;
	if (unwrap_swk(key, swkp, swklen, swk) == -1)
		goto done;
	*why = "the wrapped key does not fit its wrapping key";
	if (unwrap_gcm(swk, wrapped + WRAP_HEAD, wrapped + WRAP_HEAD +
	    WRAP_IV, ctlen, plain) == -1)
		goto done;
	*out = plain;
	*outlen = ctlen - WRAP_TAG;
	plain = NULL;
	rv = 0;
 done:
	secret_free(swk);
	secret_free(plain);
	return (rv);
}

int
unwrap_json(EVP_PKEY *key, const char *text, size_t len, uint8_t **out,
    size_t *outlen, const char **why)
{
	char		 reason[256];
	json_t		*root, *jkey, *jswk;
	uint8_t		*wrapped = NULL, *swk = NULL;
	size_t		 wrappedlen = 0, swklen = 0;
	int		 rv = -1;
	const struct json_member members[] = {
		{ "wrapped_key", JSON_MEMBER_STRING, 1, &jkey },
		{ "wrapped_swk", JSON_MEMBER_STRING, 1, &jswk },
	};

	*why = unwrap_bad;
	/* a later server may say more */
	if ((root = json_read(text, len, &json_small, reason,
	    sizeof(reason))) == NULL ||
	    json_pick(root, members, nitems(members), reason,
	    sizeof(reason)) == -1 ||
	    json_base64(jkey, RESPONSE_BODY_MAX, &wrapped, &wrappedlen,
	    reason, sizeof(reason)) == -1 ||
	    json_base64(jswk, KEY_BITS_MAX / 8, &swk, &swklen, reason,
	    sizeof(reason)) == -1)
		goto done;
	rv = unwrap(key, wrapped, wrappedlen, swk, swklen, out, outlen, why);
 done:
	free(wrapped);
	free(swk);
	json_decref(root);
	return (rv);
}

static int
unwrap_ispkcs8(const uint8_t *der, size_t len)
{
	PKCS8_PRIV_KEY_INFO	*p8;
	const uint8_t		*p = der;
	int			 rv;

	if (len > RELEASED_MAX)
		return (0);
	p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)len);
	rv = p8 != NULL && p == der + len;
	PKCS8_PRIV_KEY_INFO_free(p8);
	return (rv);
}

/* By hand: libcrypto's PEM writer has buffers outside the locked heap. */
int
unwrap_pem(const uint8_t *der, size_t len, uint8_t **pem, size_t *pemlen)
{
	static const char	 begin[] = "-----BEGIN PRIVATE KEY-----\n";
	static const char	 end[] = "-----END PRIVATE KEY-----\n";
	char			*text = NULL, *p, *q;
	size_t			 n, textlen;
	ssize_t			 left;

	if (!unwrap_ispkcs8(der, len))
		return (-1);
	textlen = BASE64_SIZE(len);
	if ((text = secret_alloc(textlen)) == NULL ||
	    (left = base64_encode(text, textlen, der, len)) == -1 ||
	    (p = secret_alloc(sizeof(begin) + sizeof(end) + textlen +
	    textlen / PEM_LINE + 1)) == NULL) {
		secret_free(text);
		return (-1);
	}
	*pem = (uint8_t *)p;
	memcpy(p, begin, sizeof(begin) - 1);
	p += sizeof(begin) - 1;
	for (q = text; left > 0; q += n, left -= (ssize_t)n) {
		n = left > PEM_LINE ? PEM_LINE : (size_t)left;
		memcpy(p, q, n);
		p += n;
		*p++ = '\n';
	}
	memcpy(p, end, sizeof(end) - 1);
	p += sizeof(end) - 1;
	*pemlen = (size_t)(p - (char *)*pem);
	secret_free(text);
	return (0);
}

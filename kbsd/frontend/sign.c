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
 * The private key of the TLS certificate is not here.  libtls is told that
 * there is one (its fake private key) and libcrypto, through its process-wide
 * RSA and EC methods, to ask the signer whenever it would use it.  All that
 * needs these deprecated methods is in this file.
 *
 * Methods can't give control back to the event loop, so the frontend waits
 * here, for two seconds at most: a signer that takes longer is given up.
 */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "digest.h"
#include "frontend.h"
#include "imsg.h"
#include "kbsd.h"
#include "log.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define SIGN_WAIT_MS		2000
#define SIGNATURE_MAX		1024
#define NAMED_MAX		256	/* keys of certificates */

static struct edge	*signer;
static struct imsgbuf	 sign_ibuf;
static uint32_t		 sign_id;

struct sign_counts	 sign_counts;

/* --- the edge, which is ours to read and write -------------------------- */

int
sign_up(struct edge *edge)
{
	int	 flags;

	sign_down();
	/* waits are poll(2)'s, so that two seconds are two seconds */
	if ((flags = fcntl(edge->fd, F_GETFL)) == -1 ||
	    fcntl(edge->fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    imsgbuf_init(&sign_ibuf, edge->fd) == -1) {
		log_warn("edge to the signer");
		return (-1);
	}
	signer = edge;
	return (0);
}

void
sign_down(void)
{
	if (signer == NULL)
		return;
	signer = NULL;
	imsgbuf_clear(&sign_ibuf);
}

int
sign_is_up(void)
{
	return (signer != NULL);
}

/* Nothing is asked there again until the parent gives another edge. */
static int
sign_give_up(uint32_t type, const char *why)
{
	struct edge	*edge = signer;

	log_warnx("the signer: %s", why);
	if (type != 0 && edge_violated != NULL)
		edge_violated(edge, type, why);
	sign_down();
	edge_free(edge);
	return (-1);
}

/*
 * What goes wrong at our own end the parent would not see, and give no other
 * edge: then this process must be replaced.
 */
static void
sign_local(int error)
{
	if (error != EAGAIN && error != EPIPE && error != ECONNRESET)
		fatal("edge to the signer");
}

static int
sign_send(struct wbuf *w)
{
	int	 ret;

	ret = w->failed ? -1 : imsg_compose(&sign_ibuf, IMSG_SIGNER_SIGN, 0,
	    0, -1, w->data, w->len);
	wb_free(w);
	if (ret == -1)
		return (-1);
	/* one question at a time: there is room for it */
	if (imsgbuf_write(&sign_ibuf) == -1) {
		sign_local(errno);
		return (sign_give_up(errno == EAGAIN ? IMSG_SIGNER_SIGN : 0,
		    "takes no question"));
	}
	return (0);
}

static int
sign_wait(struct imsg *imsg)
{
	struct pollfd	 pfd = { .fd = signer->fd, .events = POLLIN };
	uint64_t	 now = now_ms(), end = now + SIGN_WAIT_MS;
	ssize_t		 n;
	int		 got;

	while ((n = imsg_get(&sign_ibuf, imsg)) == 0) {
		got = now < end ? poll(&pfd, 1, (int)(end - now)) : 0;
		now = now_ms();
		if (got == -1 && errno == EINTR)
			continue;
		if (got == 0)
			return (sign_give_up(IMSG_FRONTEND_SIGNED,
			    "no answer in time"));
		got = got == -1 ? -1 : imsgbuf_read(&sign_ibuf);
		if (got == -1)
			sign_local(errno);
		if (got == 0 || (got == -1 && errno != EAGAIN))
			return (sign_give_up(0, "gone"));
	}
	if (n == -1)
		return (sign_give_up(IMSG_FRONTEND_SIGNED, "framing"));
	return (0);
}

/* The signature into out, its length or -1. */
static int
sign_read(const struct imsg *imsg, uint8_t *out, size_t outsize)
{
	struct rbuf	 r;
	const uint8_t	*sig;
	size_t		 len;
	uint32_t	 id;
	int		 ok;

	rb_init(&r, imsg->data, imsg->hdr.len - IMSG_HEADER_SIZE);
	id = rb_u32(&r);
	ok = rb_bool(&r);
	sig = rb_bytes(&r, &len, 0, SIGNATURE_MAX);
	if (rb_end(&r) == -1 || imsg->hdr.type != IMSG_FRONTEND_SIGNED ||
	    imsg->hdr.peerid != 0 || id != sign_id || ok != (len > 0))
		return (sign_give_up(imsg->hdr.type, "answer malformed"));
	if (!ok)
		return (-1);
	if (len > outsize)
		return (sign_give_up(imsg->hdr.type, "signature too long"));
	memcpy(out, sig, len);
	return ((int)len);
}

static int
sign_ask(uint8_t kind, const uint8_t spki[DIGEST_LEN], const void *data,
    size_t len, uint8_t *out, size_t outsize)
{
	struct wbuf	 w = { 0 };
	struct imsg	 imsg;
	int		 n;

	if (signer == NULL)
		return (-1);
	wb_u32(&w, ++sign_id);
	wb_u8(&w, kind);
	wb_digest(&w, spki);
	wb_bytes(&w, data, len);
	if (sign_send(&w) == -1 || sign_wait(&imsg) == -1)
		return (-1);
	n = sign_read(&imsg, out, outsize);
	if (signer != NULL)
		imsg_free(&imsg);
	if (n == -1)
		sign_counts.failed++;
	else
		sign_counts.made++;
	return (n);
}

/* --- libcrypto's methods ------------------------------------------------ */

/*
 * A key is named by its SubjectPublicKeyInfo: what libtls hangs on the key
 * is not there in these functions.  Names are remembered by address, which
 * the table's reference keeps.
 */
static struct {
	const void	*key;
	uint8_t		 spki[DIGEST_LEN];
} named[NAMED_MAX];
static size_t	 nnamed;

static const uint8_t *
named_find(const void *key)
{
	size_t	 i;

	for (i = 0; i < nnamed; i++)
		if (named[i].key == key)
			return (named[i].spki);
	return (NULL);
}

/* der is given up; the reference is the caller's to take. */
static const uint8_t *
named_add(const void *key, uint8_t **der, int len)
{
	if (len <= 0)
		return (NULL);
	if (nnamed == NAMED_MAX)
		nnamed = 0;
	named[nnamed].key = key;
	digest(named[nnamed].spki, *der, (size_t)len);
	OPENSSL_free(*der);
	return (named[nnamed++].spki);
}

static const uint8_t *
named_rsa(RSA *key)
{
	const uint8_t	*spki;
	uint8_t		*der = NULL;

	if ((spki = named_find(key)) == NULL && RSA_up_ref(key) == 1)
		spki = named_add(key, &der, i2d_RSA_PUBKEY(key, &der));
	return (spki);
}

static const uint8_t *
named_ec(EC_KEY *key)
{
	const uint8_t	*spki;
	uint8_t		*der = NULL;

	if ((spki = named_find(key)) == NULL && EC_KEY_up_ref(key) == 1)
		spki = named_add(key, &der, i2d_EC_PUBKEY(key, &der));
	return (spki);
}

static int
hook_rsa_sign(int flen, const unsigned char *from, unsigned char *to,
    RSA *rsa, int padding)
{
	const uint8_t	*spki;

	/* of TLS 1.3 comes only a block that is padded already */
	if (padding != RSA_NO_PADDING || flen != RSA_size(rsa))
		return (-1);
	if ((spki = named_rsa(rsa)) == NULL)
		return (-1);
	return (sign_ask(SIGN_RSA, spki, from, (size_t)flen, to,
	    (size_t)flen));
}

static int
hook_rsa_decrypt(int flen, const unsigned char *from, unsigned char *to,
    RSA *rsa, int padding)
{
	(void)flen;
	(void)from;
	(void)to;
	(void)rsa;
	(void)padding;
	return (-1);
}

static int
hook_ec_sign(int type, const unsigned char *dgst, int dlen,
    unsigned char *sig, unsigned int *siglen, const BIGNUM *kinv,
    const BIGNUM *r, EC_KEY *key)
{
	const uint8_t	*spki;
	int		 len, size;

	(void)type;
	(void)kinv;
	(void)r;
	if (dlen <= 0)
		return (0);
	if ((spki = named_ec(key)) == NULL || (size = ECDSA_size(key)) <= 0)
		return (0);
	len = sign_ask(SIGN_ECDSA, spki, dgst, (size_t)dlen, sig,
	    (size_t)size);
	if (len == -1)
		return (0);
	*siglen = (unsigned int)len;
	return (1);
}

void
sign_init(void)
{
	RSA_METHOD	*rsa;
	EC_KEY_METHOD	*ec;

	if ((rsa = RSA_meth_dup(RSA_PKCS1_OpenSSL())) == NULL ||
	    !RSA_meth_set_priv_enc(rsa, hook_rsa_sign) ||
	    !RSA_meth_set_priv_dec(rsa, hook_rsa_decrypt) ||
	    (ec = EC_KEY_METHOD_new(EC_KEY_OpenSSL())) == NULL)
		fatalx("libcrypto takes no methods");
	EC_KEY_METHOD_set_sign(ec, hook_ec_sign, NULL, NULL);
	RSA_set_default_method(rsa);
	EC_KEY_set_default_method(ec);
}

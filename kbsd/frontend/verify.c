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
 * Why a client's certificate was refused.  libtls says no more than that it
 * was, and does not show what libcrypto verified it with.  But libcrypto tells
 * who has an index for data of such a thing when one goes, and that is at the
 * end of each verification.  Our own chain is looked at in this way, too, when
 * it is sent; it is told from a client's by coming alone.
 *
 * Neither does libtls mind a file of CAs or CRLs that holds none.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "frontend.h"
#include "log.h"
#include "passphrase.h"

static int	 last = X509_V_OK;

static void
verified(void *ctx, void *ptr, CRYPTO_EX_DATA *data, int index, long number,
    void *arg)
{
	(void)ptr;
	(void)data;
	(void)index;
	(void)number;
	(void)arg;
	if (X509_STORE_CTX_get0_untrusted(ctx) != NULL)
		last = X509_STORE_CTX_get_error(ctx);
}

void
verify_init(void)
{
	if (X509_STORE_CTX_get_ex_new_index(0, NULL, NULL, NULL,
	    verified) == -1)
		fatalx("libcrypto takes no index");
}

void
verify_begin(void)
{
	last = X509_V_OK;
}

const char *
verify_why(void)
{
	return (last == X509_V_OK ? NULL :
	    X509_verify_cert_error_string(last));
}

/* At the end of what is there, and not in the midst of it? */
static int
at_end(void)
{
	unsigned long	 error = ERR_peek_last_error();
	int		 end;

	end = ERR_GET_LIB(error) == ERR_LIB_PEM &&
	    ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	return (end);
}

int
verify_is_certs(const void *text, size_t len)
{
	BIO	*bio = BIO_new_mem_buf(text, (int)len);
	X509	*cert;
	int	 n = 0;

	while (bio != NULL && (cert = PEM_read_bio_X509(bio, NULL,
	    no_passphrase, NULL)) != NULL) {
		X509_free(cert);
		n++;
	}
	BIO_free(bio);
	return (at_end() && n > 0);
}

int
verify_is_crls(const void *text, size_t len)
{
	BIO		*bio = BIO_new_mem_buf(text, (int)len);
	X509_CRL	*crl;
	int		 n = 0;

	while (bio != NULL && (crl = PEM_read_bio_X509_CRL(bio, NULL,
	    no_passphrase, NULL)) != NULL) {
		X509_CRL_free(crl);
		n++;
	}
	BIO_free(bio);
	return (at_end() && n > 0);
}

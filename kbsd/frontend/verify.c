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
 * end of each verification: our own chain's, too, which comes before it.
 */
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "frontend.h"
#include "log.h"

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
	last = X509_STORE_CTX_get_error(ctx);
}

void
verify_init(void)
{
	if (X509_STORE_CTX_get_ex_new_index(0, NULL, NULL, NULL,
	    verified) == -1)
		fatalx("libcrypto takes no index");
}

const char *
verify_why(void)
{
	return (X509_verify_cert_error_string(last));
}

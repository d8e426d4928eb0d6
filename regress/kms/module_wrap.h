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

#ifndef MODULE_WRAP_H
#define MODULE_WRAP_H

#include <p11-kit/pkcs11.h>

/*
 * C_WrapKey, with AES-GCM and with RSA-OAEP of SHA-256 and SHA-384 too.
 * Changed, so that a test sees it found out: WRAP=tag or WRAP=digest in the
 * environment.
 */
CK_RV	 module_wrap(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE, CK_MECHANISM *,
	    CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key, unsigned char *out,
	    CK_ULONG *outlen);

#endif

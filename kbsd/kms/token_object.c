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

/* Objects that a token keeps: found by class and label, and looked at. */

#include <string.h>

#include "token.h"

CK_BBOOL	 token_yes = CK_TRUE, token_no = CK_FALSE;

CK_RV
object_find(CK_OBJECT_CLASS class, const char *label, CK_OBJECT_HANDLE *o,
    CK_ULONG *n)
{
	CK_ATTRIBUTE		 template[] = {
		ATTRIBUTE(CKA_CLASS, class),
		ATTRIBUTE(CKA_TOKEN, token_yes),
		{ CKA_LABEL, (void *)(uintptr_t)label, strlen(label) },
	};
	CK_OBJECT_HANDLE	 found[2] = { CK_INVALID_HANDLE };
	CK_RV			 rv;

	*n = 0;
	rv = p11->C_FindObjectsInit(token_session, template, 3);
	if (rv != CKR_OK)
		return (rv);
	rv = p11->C_FindObjects(token_session, found, 2, n);
	(void)p11->C_FindObjectsFinal(token_session);
	*o = found[0];
	return (rv);
}

CK_RV
object_writer(CK_SESSION_HANDLE *writer)
{
	return (p11->C_OpenSession(token_slot, CKF_SERIAL_SESSION |
	    CKF_RW_SESSION, NULL, NULL, writer));
}

CK_RV
object_is(CK_OBJECT_HANDLE o, const struct must_be *must, size_t n,
    const char **otherwise)
{
	CK_BBOOL	 value;
	CK_ATTRIBUTE	 one = ATTRIBUTE(0, value);
	CK_RV		 rv;
	size_t		 i;

	*otherwise = NULL;
	for (i = 0; i < n && *otherwise == NULL; i++) {
		one.type = must[i].type;
		rv = p11->C_GetAttributeValue(token_session, o, &one, 1);
		if (rv != CKR_OK)
			return (rv);
		if (value != must[i].value)
			*otherwise = must[i].otherwise;
	}
	return (CKR_OK);
}

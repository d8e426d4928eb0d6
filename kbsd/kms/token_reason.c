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


/* What a module answers (PKCS#11 2.40, section 5.1), for operators. */

#include <stdio.h>

#include "token.h"

static const struct reason {
	CK_RV		 rv;
	const char	*name;
	const char	*meaning;
	int		 flags;
} reasons[] = {
	{ CKR_HOST_MEMORY, "HOST_MEMORY", "no memory", 0 },
	{ CKR_SLOT_ID_INVALID, "SLOT_ID_INVALID", "the slot is gone",
	    REASON_SESSION },
	{ CKR_GENERAL_ERROR, "GENERAL_ERROR", "the module failed", 0 },
	{ CKR_FUNCTION_FAILED, "FUNCTION_FAILED", "the module failed", 0 },
	{ CKR_ARGUMENTS_BAD, "ARGUMENTS_BAD", "the module can't do this", 0 },
	{ CKR_ATTRIBUTE_VALUE_INVALID, "ATTRIBUTE_VALUE_INVALID",
	    "the token takes no such value", 0 },
	{ CKR_NEED_TO_CREATE_THREADS, "NEED_TO_CREATE_THREADS",
	    "the module wants threads, and may have none", REASON_USAGE },
	{ CKR_CANT_LOCK, "CANT_LOCK", "the module wants other locks",
	    REASON_USAGE },
	{ CKR_DEVICE_ERROR, "DEVICE_ERROR", "the device failed",
	    REASON_SESSION },
	{ CKR_DEVICE_MEMORY, "DEVICE_MEMORY", "the device is full", 0 },
	{ CKR_DEVICE_REMOVED, "DEVICE_REMOVED", "the device is gone",
	    REASON_SESSION },
	{ CKR_FUNCTION_NOT_SUPPORTED, "FUNCTION_NOT_SUPPORTED",
	    "the module can't do this", REASON_USAGE },
	{ CKR_KEY_HANDLE_INVALID, "KEY_HANDLE_INVALID", "the key is gone",
	    REASON_SESSION },
	{ CKR_KEY_SIZE_RANGE, "KEY_SIZE_RANGE",
	    "the token takes no key of this length", 0 },
	{ CKR_KEY_TYPE_INCONSISTENT, "KEY_TYPE_INCONSISTENT",
	    "the key is of another kind", REASON_USAGE },
	{ CKR_KEY_FUNCTION_NOT_PERMITTED, "KEY_FUNCTION_NOT_PERMITTED",
	    "the key may not do this", REASON_USAGE },
	{ CKR_MECHANISM_INVALID, "MECHANISM_INVALID",
	    "the token has no such mechanism", REASON_USAGE },
	{ CKR_MECHANISM_PARAM_INVALID, "MECHANISM_PARAM_INVALID",
	    "the token takes no nonce of ours", REASON_USAGE },
	{ CKR_OBJECT_HANDLE_INVALID, "OBJECT_HANDLE_INVALID",
	    "the key is gone", REASON_SESSION },
	{ CKR_OPERATION_ACTIVE, "OPERATION_ACTIVE",
	    "another operation is not finished", REASON_SESSION },
	{ CKR_OPERATION_NOT_INITIALIZED, "OPERATION_NOT_INITIALIZED",
	    "the operation was forgotten", REASON_SESSION },
	{ CKR_PIN_INCORRECT, "PIN_INCORRECT", "the PIN is wrong",
	    REASON_PIN },
	{ CKR_PIN_INVALID, "PIN_INVALID", "the PIN is none", REASON_PIN },
	{ CKR_PIN_LEN_RANGE, "PIN_LEN_RANGE",
	    "the PIN is too short or too long", REASON_PIN },
	{ CKR_PIN_EXPIRED, "PIN_EXPIRED", "the PIN has expired", REASON_PIN },
	{ CKR_PIN_LOCKED, "PIN_LOCKED", "the PIN is locked", REASON_PIN },
	{ CKR_SESSION_CLOSED, "SESSION_CLOSED", "the session has ended",
	    REASON_SESSION },
	{ CKR_SESSION_COUNT, "SESSION_COUNT",
	    "the token has no session left", 0 },
	{ CKR_SESSION_HANDLE_INVALID, "SESSION_HANDLE_INVALID",
	    "the session is gone", REASON_SESSION },
	{ CKR_TOKEN_NOT_PRESENT, "TOKEN_NOT_PRESENT",
	    "the token is not there", REASON_SESSION },
	{ CKR_TOKEN_NOT_RECOGNIZED, "TOKEN_NOT_RECOGNIZED",
	    "the module does not know this token", REASON_SESSION },
	{ CKR_TOKEN_WRITE_PROTECTED, "TOKEN_WRITE_PROTECTED",
	    "the token can't be written", 0 },
	{ CKR_USER_NOT_LOGGED_IN, "USER_NOT_LOGGED_IN",
	    "the login has ended", REASON_SESSION },
	{ CKR_USER_PIN_NOT_INITIALIZED, "USER_PIN_NOT_INITIALIZED",
	    "the token has no PIN of a user yet", 0 },
	{ CKR_USER_TOO_MANY_TYPES, "USER_TOO_MANY_TYPES",
	    "somebody else is logged in", 0 },
	{ CKR_WRAPPING_KEY_SIZE_RANGE, "WRAPPING_KEY_SIZE_RANGE",
	    "the token wraps by no key of this length", 0 },
	{ CKR_CRYPTOKI_NOT_INITIALIZED, "CRYPTOKI_NOT_INITIALIZED",
	    "the module was not initialized", REASON_SESSION },
};

static const struct reason *
reason_find(CK_RV rv)
{
	size_t	 i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].rv == rv)
			return (&reasons[i]);
	return (NULL);
}

int
reason_is(CK_RV rv, int flags)
{
	const struct reason	*reason = reason_find(rv);

	return (reason != NULL && (reason->flags & flags) != 0);
}

const char *
reason_text(CK_RV rv)
{
	static char		 text[128];
	const struct reason	*reason = reason_find(rv);

	if (reason == NULL)
		snprintf(text, sizeof(text), "the module answers 0x%lx",
		    (unsigned long)rv);
	else
		snprintf(text, sizeof(text), "%s (CKR_%s)", reason->meaning,
		    reason->name);
	return (text);
}

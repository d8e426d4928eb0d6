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
 * A PKCS#11 module for tests: SoftHSM's, of which some calls fail.  FAULTS in
 * its environment says which: NAME:N:RV, or NAME:N+:RV for all from the Nth
 * on, or NAME:N!:RV for one that is done all the same, with commas between.
 * Logins are counted in the log.  It wraps by AES-GCM and by RSA-OAEP with
 * SHA-2, which SoftHSM does not (module_wrap.c).
 */

#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module_wrap.h"

#define REAL	"/usr/lib/softhsm/libsofthsm2.so"

static CK_FUNCTION_LIST	*real, list;

/* What the nth call of this name is to answer before or after, or CKR_OK. */
static CK_RV
fault_at(const char *name, unsigned long n, int after)
{
	const char	*p = getenv("FAULTS");
	unsigned long	 at;
	size_t		 len = strlen(name);
	char		*end;
	int		 on, done;

	for (; p != NULL && *p != '\0'; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, name, len) != 0 || p[len] != ':')
			continue;
		at = strtoul(p + len + 1, &end, 10);
		on = *end == '+';
		done = *end == '!';
		if (done == after && (n == at || (on && n > at)))
			return (strtoul(end + (on || done) + 1, NULL, 0));
	}
	return (CKR_OK);
}

static CK_RV
fault(const char *name, unsigned long n)
{
	return (fault_at(name, n, 0));
}

#define CALL(name, types, arguments)					\
CK_RV									\
name types								\
{									\
	static unsigned long	 calls;					\
	CK_RV			 rv;					\
									\
	rv = fault(#name, ++calls);					\
	if (rv == CKR_OK)						\
		rv = real->name arguments;				\
	return (rv == CKR_OK ? fault_at(#name, calls, 1) : rv);		\
}

CALL(C_Initialize, (void *args), (args))
CALL(C_GetSlotList, (unsigned char present, CK_SLOT_ID *slots, CK_ULONG *n),
    (present, slots, n))
CALL(C_OpenSession, (CK_SLOT_ID slot, CK_FLAGS flags, void *application,
    CK_NOTIFY notify, CK_SESSION_HANDLE *s), (slot, flags, application, notify,
    s))
CALL(C_FindObjects, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *o, CK_ULONG most,
    CK_ULONG *n), (s, o, most, n))
CALL(C_GetAttributeValue, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o,
    CK_ATTRIBUTE *a, CK_ULONG n), (s, o, a, n))
CALL(C_GenerateKey, (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *a,
    CK_ULONG n, CK_OBJECT_HANDLE *o), (s, m, a, n, o))
CALL(C_CreateObject, (CK_SESSION_HANDLE s, CK_ATTRIBUTE *a, CK_ULONG n,
    CK_OBJECT_HANDLE *o), (s, a, n, o))
CALL(C_DestroyObject, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o), (s, o))
CALL(C_GenerateKeyPair, (CK_SESSION_HANDLE s, CK_MECHANISM *m,
    CK_ATTRIBUTE *a, CK_ULONG n, CK_ATTRIBUTE *b, CK_ULONG k,
    CK_OBJECT_HANDLE *o, CK_OBJECT_HANDLE *p), (s, m, a, n, b, k, o, p))
CALL(C_EncryptInit, (CK_SESSION_HANDLE s, CK_MECHANISM *m,
    CK_OBJECT_HANDLE o), (s, m, o))
CALL(C_Encrypt, (CK_SESSION_HANDLE s, unsigned char *in, CK_ULONG inlen,
    unsigned char *out, CK_ULONG *outlen), (s, in, inlen, out, outlen))
CALL(C_DecryptInit, (CK_SESSION_HANDLE s, CK_MECHANISM *m,
    CK_OBJECT_HANDLE o), (s, m, o))
CALL(C_Decrypt, (CK_SESSION_HANDLE s, unsigned char *in, CK_ULONG inlen,
    unsigned char *out, CK_ULONG *outlen), (s, in, inlen, out, outlen))

CK_RV
C_WrapKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE by,
    CK_OBJECT_HANDLE key, unsigned char *out, CK_ULONG *outlen)
{
	static unsigned long	 calls;
	CK_RV			 rv = fault("C_WrapKey", ++calls);

	return (rv != CKR_OK ? rv : module_wrap(real, s, m, by, key, out,
	    outlen));
}

CK_RV
C_Login(CK_SESSION_HANDLE s, CK_USER_TYPE user, unsigned char *pin,
    CK_ULONG len)
{
	static unsigned long	 n;
	CK_RV			 rv;

	dprintf(2, "6login %lu", ++n);
	rv = fault("C_Login", n);
	return (rv != CKR_OK ? rv : real->C_Login(s, user, pin, len));
}

/* A bit of CK_TOKEN_INFO.flags more. */
CK_RV
C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	const char	*more = getenv("TOKEN_FLAGS");
	CK_RV		 rv = real->C_GetTokenInfo(slot, info);

	if (more != NULL)
		info->flags |= strtoul(more, NULL, 0);
	return (rv);
}

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **p)
{
	CK_RV	 (*get)(CK_FUNCTION_LIST **);
	void	*module = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
	char	*version;

	if (module == NULL)
		return (CKR_GENERAL_ERROR);
	*(void **)&get = dlsym(module, "C_GetFunctionList");
	if (get == NULL || get(&real) != CKR_OK)
		return (CKR_GENERAL_ERROR);
	list = *real;
	list.C_Initialize = C_Initialize;
	list.C_GetSlotList = C_GetSlotList;
	list.C_GetTokenInfo = C_GetTokenInfo;
	list.C_OpenSession = C_OpenSession;
	list.C_Login = C_Login;
	list.C_FindObjects = C_FindObjects;
	list.C_GetAttributeValue = C_GetAttributeValue;
	list.C_GenerateKey = C_GenerateKey;
	list.C_GenerateKeyPair = C_GenerateKeyPair;
	list.C_CreateObject = C_CreateObject;
	list.C_DestroyObject = C_DestroyObject;
	list.C_WrapKey = C_WrapKey;
	list.C_EncryptInit = C_EncryptInit;
	list.C_Encrypt = C_Encrypt;
	list.C_DecryptInit = C_DecryptInit;
	list.C_Decrypt = C_Decrypt;
	if ((version = getenv("MODULE_VERSION")) != NULL)
		list.version.major = (unsigned char)atoi(version);
	*p = &list;
	return (CKR_OK);
}

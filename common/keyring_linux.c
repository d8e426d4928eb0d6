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

/* Linux: add_key(2) and keyctl(2), which libc has no names for. */

#ifdef __linux__

#include <sys/syscall.h>

#include <linux/keyctl.h>
#include <unistd.h>

#include "keyring.h"

/*
 * The serial number of a keyring, or -1.  A process without a session has its
 * user's.  Asked to make what is missing, as add_key(2) does by itself, the
 * kernel would give it a session of its own, that ends with it.
 */
static long
keyring_serial(int32_t ring)
{
	return (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, ring, 0));
}

int
keyring_check(int32_t ring)
{
	return (keyring_serial(ring) == -1 ? -1 : 0);
}

int
keyring_add(int32_t ring, const char *type, const char *description,
    const void *p, size_t len)
{
	long	 serial;

	if ((serial = keyring_serial(ring)) == -1)
		return (-1);
	return (syscall(SYS_add_key, type, description, p, len, serial) ==
	    -1 ? -1 : 0);
}

#endif

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
 * Kernel keyrings, where the system has them: a key that is handed to the
 * kernel for another program is on no disk and in no pipe.
 */
#ifndef KEYRING_H
#define KEYRING_H

#include <stddef.h>
#include <stdint.h>

/* What add_key(2) calls them. */
#define KEYRING_SESSION		(-3)
#define KEYRING_USER		(-4)
#define KEYRING_USER_SESSION	(-5)

/*
 * Is there such a keyring, and may it be used?  0, or -1 with errno (ENOSYS
 * where the system knows none).
 */
int	 keyring_check(int32_t ring);
/*
 * Put a key of that type ("user", "logon") there; one of the same description
 * gets the new value.  0, or -1 with errno.
 */
int	 keyring_add(int32_t ring, const char *type, const char *description,
	    const void *, size_t);

#endif

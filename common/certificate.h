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

#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"

/*
 * Certificates that a process works with, noted where they are loaded, so that
 * kbsctl can tell when they end.  Nothing is decided by it.
 */

enum certificate_use {
	CERTIFICATE_OWN,	/* we show it: of the file the first is told */
	CERTIFICATE_CA,		/* others are believed by it: the next to end */
	CERTIFICATE_ROOT,	/* likewise, of evidence */
	CERTIFICATE_USE_MAX
};

/* of: whose it is ("" is filled in later); what is no PEM is passed over. */
void	 certificate_note(enum certificate_use, const char *of,
	    const void *pem, size_t len);
/* Rows of SHOW_CERTIFICATES; of: where the note named nobody. */
void	 certificate_show(const char *of, struct wbuf *cells, uint32_t *rows);

#endif

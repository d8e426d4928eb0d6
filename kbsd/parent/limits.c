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

/* What the configuration allows, for `kbsctl show limits'. */

#include "parent.h"

/* How many processes of a kind the set has. */
static int64_t
processes(const struct set *set, enum process_kind kind)
{
	const struct child	*c;
	int64_t			 n = 0;

	TAILQ_FOREACH(c, &set->children, entry)
		n += c->kind == kind;
	return (n);
}

uint32_t
limits_rows(const struct set *set, struct wbuf *cells)
{
	uint32_t	 rows = 0;

	show_limit(cells, &rows, "prefork", set->conf->prefork, -1, "");
	show_limit(cells, &rows, "keystores", KEYSTORES_MAX,
	    processes(set, PROC_KMS), "");
	show_limit(cells, &rows, "deadline of a request",
	    DEADLINE_REQUEST_MS / 1000, -1, "seconds");
	show_limit(cells, &rows, "deadline of a service",
	    DEADLINE_SERVICE_MS / 1000, -1, "seconds");
	show_limit(cells, &rows, "deadline of a keystore",
	    DEADLINE_KEYSTORE_MS / 1000, -1, "seconds");
	show_limit(cells, &rows, "deadline of making a key",
	    DEADLINE_MAKE_MS / 1000, -1, "seconds");
	show_limit(cells, &rows, "evidence", EVIDENCE_MAX, -1, "bytes");
	show_limit(cells, &rows, "key material", MATERIAL_MAX, -1, "bytes");
	return (rows);
}

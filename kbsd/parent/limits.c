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

#include <stdio.h>
#include <string.h>

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

/* Those that it names, by its words; 0 is none. */
static void
named_rows(const struct config *conf, struct wbuf *cells, uint32_t *rows)
{
	static const struct {
		const char	*end, *unit, *before;
	} units[] = {
		{ "_bytes", "bytes", "" },
		{ "_seconds", "seconds", "timeout " },
		{ "", "", "" },		/* any other */
	};
	const char	*end;
	char		 name[64];
	char		*p;
	size_t		 u;
	int		 i;

	for (i = 0; i < LIMIT_MAX; i++) {
		u = 0;
		while ((end = strstr(limit_table[i].name, units[u].end)) ==
		    NULL)
			u++;
		if (units[u].end[0] == '\0')
			end += strlen(end);
		(void)snprintf(name, sizeof(name), "%s%.*s", units[u].before,
		    (int)(end - limit_table[i].name), limit_table[i].name);
		for (p = name; *p != '\0'; p++)
			if (*p == '_')
				*p = ' ';
		show_limit(cells, rows, name, config_limit(conf, i), -1,
		    units[u].unit);
	}
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
	named_rows(set->conf, cells, &rows);
	show_limit(cells, &rows, "key material", MATERIAL_MAX, -1, "bytes");
	return (rows);
}

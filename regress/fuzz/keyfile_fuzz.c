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
 * Key sets that an operator vouches for, with the tokens of other issuers: no
 * set has a key that can't be used, and what a map makes of claims is judged
 * like all others.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "verifier.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct map	*map;

static void
ready(void)
{
	static const char *const rows[][2] = {
		{ "attester_type", "type" },
		{ "attester_held_data", "/a/0" },
		{ "attester_key", "/a/b~1/key" },
		{ "tdx_is_debuggable", "/debug" },
		{ "tdx_mrtd", "/keys/0/kid" },
	};
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	size_t		 i, n = sizeof(rows) / sizeof(rows[0]);

	json_init();
	wb_u32(&w, (uint32_t)n);
	for (i = 0; i < n; i++) {
		wb_u8(&w, CLAIM_FROM);
		wb_str(&w, rows[i][0]);
		wb_str(&w, rows[i][1]);
	}
	rb_init(&r, w.data, w.len);
	if ((map = map_config(&r)) == NULL)
		abort();
	wb_free(&w);
}

static void
set_look(const uint8_t *data, size_t size)
{
	struct jwks	*set;
	char		 why[WHY_MAX] = "";
	size_t		 i;

	set = keyfile_read((const char *)data, size, JWS_RS256, why,
	    sizeof(why));
	if (set == NULL && why[0] == '\0')
		abort();
	for (i = 0; set != NULL && i < set->n; i++)
		if (set->keys[i].key == NULL || !set->keys[i].plain ||
		    set->keys[i].alg == JWS_NONE ||
		    !jwk_usable(&set->keys[i], 1))
			abort();
	jwks_free(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parties	 parties = { .issuer = "us" };
	struct claims	 c;
	struct wrapping	 wrapping;
	char		 why[WHY_MAX] = "", issuer[NAME_MAX_BACKEND];

	if (map == NULL)
		ready();
	set_look(data, size);
	claims_issuer((const char *)data, size, issuer);
	parties.map = map;
	if (claims_read(&c, (const char *)data, size, &parties, 1000, why,
	    sizeof(why)) == -1) {
		if (why[0] == '\0')
			abort();
		return (0);
	}
	if (strcmp(issuer, "us") != 0)
		abort();
	(void)binding_claims(&wrapping, &c, why, sizeof(why));
	claims_free(&c);
	return (0);
}

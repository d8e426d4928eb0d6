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
 * What processes without a JSON parser need of policies too: the digest that
 * a policy is known by, and the text of its types.
 */
#include <stdint.h>
#include <string.h>

#include "digest.h"
#include "policy.h"

static const struct {
	uint8_t		 tee;
	const char	*name;
} tees_names[] = {
	{ TEE_SGX,	"SGX" },
	{ TEE_TDX,	"TDX" },
	{ TEE_NVGPU,	"NVGPU" },
	{ TEE_SNP,	"SNP" },
};

#define NTEES	(sizeof(tees_names) / sizeof(tees_names[0]))

_Static_assert(sizeof("SGX,TDX,NVGPU,SNP") <= TEES_TEXT, "no room for all");

void
policy_digest(uint8_t out[DIGEST_LEN], const struct uuid *id, const char *text,
    size_t len)
{
	struct piece	 p[2];

	p[0].data = id->b;
	p[0].len = sizeof(id->b);
	p[1].data = text;
	p[1].len = len;
	digest_pieces(out, p, 2);
}

const char *
tees_format(uint8_t tees, char text[TEES_TEXT])
{
	size_t	 i;

	text[0] = '\0';
	for (i = 0; i < NTEES; i++) {
		if ((tees & tees_names[i].tee) == 0)
			continue;
		/* all of them fit: asserted above */
		if (text[0] != '\0')
			(void)strlcat(text, ",", TEES_TEXT);
		(void)strlcat(text, tees_names[i].name, TEES_TEXT);
	}
	return (text);
}

/* The bit of one name, which is not NUL terminated; 0 when unknown. */
static uint8_t
tee_parse(const char *s, size_t len)
{
	size_t	 i;

	for (i = 0; i < NTEES; i++) {
		if (strlen(tees_names[i].name) == len &&
		    memcmp(tees_names[i].name, s, len) == 0)
			return (tees_names[i].tee);
	}
	return (0);
}

int
tees_parse(const char *s, size_t len, uint8_t *tees)
{
	const char	*end = s + len, *comma;
	uint8_t		 all = 0, one;

	*tees = 0;
	for (;;) {
		if ((comma = memchr(s, ',', (size_t)(end - s))) == NULL)
			comma = end;
		one = tee_parse(s, (size_t)(comma - s));
		/* in rising order, so that each set has one text */
		if (one == 0 || one <= all)
			return (-1);
		all |= one;
		if (comma == end)
			break;
		s = comma + 1;
	}
	*tees = all;
	return (0);
}

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
 * AMD's Key Distribution Service: where each part of collateral is, and what
 * an answer must look like to take the place of an older one.  Chips are named
 * by who wants a key, and none of it is verified here: so what makes up a path
 * comes as numbers and bytes.
 */
#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "fetcher.h"

#define TURIN_CHIP_LEN	8

static const struct {
	const char	*name;
	size_t		 chip;			/* bytes of it that count */
} products[SNP_PRODUCTS] = {
	[SNP_MILAN] = { "Milan", SNP_CHIP_LEN },
	[SNP_GENOA] = { "Genoa", SNP_CHIP_LEN },
	[SNP_TURIN] = { "Turin", TURIN_CHIP_LEN },
};

/* Which byte of a TCB version is asked for by which name; -1: none. */
static const struct {
	const char	*name;
	int8_t		 at[SNP_PRODUCTS];
} levels[] = {
	{ "fmcSPL",	{ -1, -1, 0 } },
	{ "blSPL",	{ 0, 0, 1 } },
	{ "teeSPL",	{ 1, 1, 2 } },
	{ "snpSPL",	{ 6, 6, 3 } },
	{ "ucodeSPL",	{ 7, 7, 7 } },
};

#define NLEVELS		(sizeof(levels) / sizeof(levels[0]))

const char *
kds_product(uint8_t product)
{
	return (products[product].name);
}

const char *
kds_signer(uint8_t signer)
{
	return (signer == SNP_VLEK ? "vlek" : "vcek");
}

int
kds_platform(struct platform *p, uint8_t what, uint8_t tees,
    const uint8_t *data, size_t len)
{
	size_t	 want = what == FETCH_VCEK ? ABOUT_MAX : 2;

	if (tees != TEE_SNP || len != want || data[0] >= SNP_PRODUCTS)
		return (-1);
	p->tees = tees;
	p->product = data[0];
	p->signer = SNP_VCEK;
	if (what != FETCH_VCEK) {
		p->signer = data[1];
		return (p->signer < SNP_SIGNERS ? 0 : -1);
	}
	memcpy(p->tcb, data + 1, SNP_TCB_LEN);
	return (hex_encode(p->chip, sizeof(p->chip), data + 1 + SNP_TCB_LEN,
	    products[p->product].chip) == -1 ? -1 : 0);
}

/* "?blSPL=4&teeSPL=0&..."; it fits. */
static void
levels_write(char *path, size_t size, const struct platform *p)
{
	char	 one[24];
	size_t	 i;
	int	 at, first = 1;

	for (i = 0; i < NLEVELS; i++) {
		if ((at = levels[i].at[p->product]) == -1)
			continue;
		snprintf(one, sizeof(one), "%s%s=%u", first ? "?" : "&",
		    levels[i].name, p->tcb[at]);
		strlcat(path, one, size);
		first = 0;
	}
}

const char *
kds_url(uint8_t part, const struct platform *p, struct url *url)
{
	char	 path[256];

	snprintf(path, sizeof(path), "/%s/v1/%s/%s", kds_signer(p->signer),
	    products[p->product].name, part == PART_VCEK ? p->chip :
	    part == PART_SNP_CRL ? "crl" : "cert_chain");
	if (part == PART_VCEK)
		levels_write(path, sizeof(path), p);
	return (url_append(url, &settings.api, path));
}

int
kds_part(uint8_t part, const uint8_t *data, size_t len, struct wbuf *w,
    char *why, size_t whysize)
{
	const char	*wrong = "it is no DER";

	if (part == PART_SNP_CHAIN)
		wrong = pcs_pem_wrong((const char *)data, len);
	else if (service_der(data, len))
		wrong = NULL;
	if (wrong != NULL) {
		snprintf(why, whysize, "it is no %s: %s", service_name(part),
		    wrong);
		return (-1);
	}
	wb_bytes(w, data, len);
	if (!w->failed)
		return (0);
	wb_free(w);
	strlcpy(why, "no memory to keep it", whysize);
	return (-1);
}

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
 * The certificate table that a host puts behind a report (GHCB, extended
 * guest request): entries of GUID, offset and length up to one of zeros,
 * offsets from the table's start.  All of it is the sender's, and only where
 * to look; nothing in it is believed.
 */
#include <string.h>

#include "snp.h"

#define ENTRY_LEN	24
#define GUID_LEN	16

/* As uuid_parse(3) makes them: in the order in which they are written. */
static const struct {
	uint8_t		 guid[GUID_LEN];
	size_t		 field;
	enum snp_signer	 signer;
} kinds[] = {
	/* 63da758d-e664-4564-adc5-f4b93be8accd, VCEK */
	{ { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4,
	    0xb9, 0x3b, 0xe8, 0xac, 0xcd },
	    offsetof(struct snp_evidence, vek), SNP_VCEK },
	/* a8074bc2-a25a-483e-aae6-39c045a0b8a1, VLEK */
	{ { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39,
	    0xc0, 0x45, 0xa0, 0xb8, 0xa1 },
	    offsetof(struct snp_evidence, vek), SNP_VLEK },
	/* 4ab7b379-bbac-4fe4-a02f-05aef327c782, ASK */
	{ { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05,
	    0xae, 0xf3, 0x27, 0xc7, 0x82 },
	    offsetof(struct snp_evidence, ask), SNP_VCEK },
	/* c0b406a4-a803-4952-9743-3fb6014cd0ae, ARK */
	{ { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f,
	    0xb6, 0x01, 0x4c, 0xd0, 0xae },
	    offsetof(struct snp_evidence, ark), SNP_VCEK },
};

struct span {
	size_t	 at, len;
};

static size_t
le32(const uint8_t *p)
{
	return ((size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 |
	    (size_t)p[3] << 24);
}

/* How many entries stand before the one of zeros; -1: it is not there. */
static int
entries_count(const struct der *table)
{
	static const uint8_t	 zeros[GUID_LEN];
	size_t			 i;

	for (i = 0; i <= SNP_TABLE_MAX; i++) {
		if (table->len < (i + 1) * ENTRY_LEN)
			return (-1);
		if (memcmp(table->p + i * ENTRY_LEN, zeros, GUID_LEN) == 0)
			return ((int)i);
	}
	return (-1);
}

/* Behind the entries, inside the table, and nobody else's bytes. */
static const char *
span_fault(const struct span *spans, size_t n, size_t head, size_t total)
{
	const struct span	*s = &spans[n];
	size_t			 i;

	if (s->at < head || s->at > total || s->len > total - s->at)
		return ("a certificate lies outside of its table");
	if (s->len == 0)
		return ("a certificate in the table is empty");
	for (i = 0; i < n; i++)
		if (s->at < spans[i].at + spans[i].len &&
		    spans[i].at < s->at + s->len)
			return ("certificates in the table overlap");
	return (NULL);
}

/* What we have no use for, such as a host's own CRL, is passed over. */
static const char *
entry_keep(struct snp_evidence *e, const uint8_t *guid, const uint8_t *p,
    size_t len)
{
	struct der	*field;
	size_t		 i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (memcmp(kinds[i].guid, guid, GUID_LEN) != 0)
			continue;
		field = (struct der *)(void *)((char *)e + kinds[i].field);
		if (field->p != NULL)
			return ("a certificate is in the table twice");
		if (len > SNP_CERT_MAX)
			return ("a certificate in the table is too long");
		field->p = p;
		field->len = len;
		if (field == &e->vek)
			e->signer = kinds[i].signer;
		return (NULL);
	}
	return (NULL);
}

static const char *
table_fault(struct snp_evidence *e, const struct der *table)
{
	struct span	 spans[SNP_TABLE_MAX];
	const uint8_t	*entry;
	const char	*fault;
	int		 i, n;

	if ((n = entries_count(table)) == -1)
		return ("the certificate table does not end");
	for (i = 0; i < n; i++) {
		entry = table->p + (size_t)i * ENTRY_LEN;
		spans[i].at = le32(entry + GUID_LEN);
		spans[i].len = le32(entry + GUID_LEN + 4);
		if ((fault = span_fault(spans, (size_t)i,
		    ((size_t)n + 1) * ENTRY_LEN, table->len)) != NULL ||
		    (fault = entry_keep(e, entry, table->p + spans[i].at,
		    spans[i].len)) != NULL)
			return (fault);
	}
	return (NULL);
}

enum snp_reason
snp_evidence_read(struct snp_evidence *e, const uint8_t *p, size_t len,
    const char **text)
{
	struct der	 table;

	memset(e, 0, sizeof(*e));
	if (len < SNP_REPORT_LEN) {
		*text = "the report is cut short";
		return (SNP_TRUNCATED);
	}
	e->report.p = p;
	e->report.len = SNP_REPORT_LEN;
	table.p = p + SNP_REPORT_LEN;
	table.len = len - SNP_REPORT_LEN;
	if (table.len > 0 && (*text = table_fault(e, &table)) != NULL) {
		memset(e, 0, sizeof(*e));
		return (SNP_TABLE);
	}
	*text = "";
	return (SNP_OK);
}

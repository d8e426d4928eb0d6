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
 * What a verified report says, in the names that the claims of the other
 * TEEs have, for policies, for people and for the audit log.
 */
#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "snp.h"

#define HEX_MAX		SNP_CHIP_LEN
#define POLICY_SMT	(1ULL << 16)
#define POLICY_MIGRATE	(1ULL << 18)
#define POLICY_SOCKET	(1ULL << 20)
#define PLATFORM_INFO	0x40

/* Sets nothing more once something could not be set. */
struct maker {
	json_t	*object;
	int	 failed;
};

static void
put(struct maker *m, const char *name, json_t *value)
{
	if (json_object_set_new(m->object, name, value) == -1)
		m->failed = 1;
}

static void
put_hex(struct maker *m, const char *name, const uint8_t *p, size_t len)
{
	char	 text[2 * HEX_MAX + 1];

	if (hex_encode(text, sizeof(text), p, len) == -1)
		m->failed = 1;
	else
		put(m, name, json_string(text));
}

static const struct {
	const char	*name;
	size_t		 at, len;
} fields[] = {
	{ "snp_measurement",		0x090,	48 },
	{ "snp_host_data",		0x0c0,	32 },
	{ "snp_id_key_digest",		0x0e0,	48 },
	{ "snp_author_key_digest",	0x110,	48 },
	{ "snp_family_id",		0x010,	16 },
	{ "snp_image_id",		0x020,	16 },
	{ "snp_report_data",		0x050,	64 },
	{ "snp_report_id",		0x140,	32 },
	{ "snp_chip_id",		0x1a0,	64 },
};

/* In the order of snp_part; with the names that policies have for them. */
static const struct {
	const char	*reported, *committed;
} parts[SNP_PARTS] = {
	{ "snp_fmc_svn",	"snp_committed_fmc_svn" },
	{ "snp_bootloader_svn",	"snp_committed_bootloader_svn" },
	{ "snp_tee_svn",	"snp_committed_tee_svn" },
	{ "snp_snp_svn",	"snp_committed_snp_svn" },
	{ "snp_microcode_svn",	"snp_committed_microcode_svn" },
};

static void
put_tcb(struct maker *m, const struct snp_report *r, enum snp_product product)
{
	int	 i, v;

	for (i = 0; i < SNP_PARTS; i++) {
		v = snp_tcb_part(product, r->reported, (enum snp_part)i);
		if (v == -1)
			continue;
		put(m, parts[i].reported, json_integer(v));
		put(m, parts[i].committed, json_integer(snp_tcb_part(product,
		    r->committed, (enum snp_part)i)));
	}
}

static void
put_policy(struct maker *m, const struct snp_report *r)
{
	char	 text[24];

	put(m, "snp_is_debuggable", json_boolean(snp_debug(r)));
	put(m, "snp_smt_allowed", json_boolean((r->policy & POLICY_SMT) != 0));
	put(m, "snp_migration_allowed", json_boolean((r->policy &
	    POLICY_MIGRATE) != 0));
	put(m, "snp_single_socket", json_boolean((r->policy &
	    POLICY_SOCKET) != 0));
	(void)snprintf(text, sizeof(text), "0x%llx",
	    (unsigned long long)r->policy);
	put(m, "snp_policy", json_string(text));
}

json_t *
snp_claims(const struct snp_report *r, const struct snp_chain *c)
{
	struct maker	 m = { json_object(), 0 };
	size_t		 i;

	put(&m, "attester_type", json_string("SNP"));
	put(&m, "snp_report_version", json_integer(r->version));
	put(&m, "snp_product", json_string(snp_product_name(c->product)));
	put(&m, "snp_signing_key", json_string(c->signer == SNP_VLEK ?
	    "VLEK" : "VCEK"));
	if (c->signer == SNP_VLEK)
		put(&m, "snp_csp_id", json_string(c->csp));
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		put_hex(&m, fields[i].name, r->p + fields[i].at,
		    fields[i].len);
	put(&m, "snp_guest_svn", json_integer(r->guest_svn));
	put(&m, "snp_vmpl", json_integer(r->vmpl));
	put_hex(&m, "snp_platform_info", r->p + PLATFORM_INFO, 8);
	put_policy(&m, r);
	put_tcb(&m, r, c->product);
	if (m.failed) {
		json_decref(m.object);
		return (NULL);
	}
	return (m.object);
}

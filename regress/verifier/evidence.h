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
 * Quotes with their collateral and what is expected of them, as they lie in
 * a directory: cases.json, quotes/, collateral/NAME/.
 */
#ifndef EVIDENCE_H
#define EVIDENCE_H

#include <sys/types.h>

#include <atf-c.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dcap.h"

#define FILE_MAX	(1 << 20)
#define UNUSED		__attribute__((unused))

struct evidence_file {
	uint8_t		*p;
	size_t		 len;
};

/* One case, with all that it needs. */
struct evidence_case {
	const char		*id;
	int64_t			 now;
	struct evidence_file	 quote;
	struct evidence_file	 files[8];
	struct dcap_collateral	 collateral;
	struct dcap_anchor	*anchor;
	struct dcap_set		*set;
};

/* Malloc'd, exactly as long as the file; p is NULL where there is none. */
static UNUSED __attribute__((format(printf, 2, 3))) void
evidence_read(struct evidence_file *f, const char *fmt, ...)
{
	char	 path[PATH_MAX];
	uint8_t	*all;
	va_list	 ap;
	ssize_t	 n;
	int	 fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	memset(f, 0, sizeof(*f));
	if ((fd = open(path, O_RDONLY)) == -1)
		return;
	ATF_REQUIRE((all = malloc(FILE_MAX)) != NULL);
	ATF_REQUIRE((n = read(fd, all, FILE_MAX)) >= 0);
	close(fd);
	/* of its own length, so that a sanitizer sees what is read behind */
	f->len = (size_t)n;
	ATF_REQUIRE((f->p = malloc(f->len + (f->len == 0))) != NULL);
	memcpy(f->p, all, f->len);
	free(all);
}

/* cases.json; NULL where it is not there. */
static UNUSED json_t *
evidence_cases(const char *dir)
{
	char	 path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/cases.json", dir);
	return (json_load_file(path, 0, NULL));
}

/* Where others' evidence lies. */
static UNUSED const char *
evidence_shared(const char *name)
{
	static char	 dir[PATH_MAX];
	const char	*shared = getenv("KBSD_SHARED");

	snprintf(dir, sizeof(dir), "%s/data/dcap/%s", shared != NULL ?
	    shared : "../shared", name);
	if (access(dir, R_OK) == -1)
		atf_tc_skip("%s is not there: set KBSD_SHARED", dir);
	return (dir);
}

static UNUSED void
evidence_collateral(struct evidence_case *c, const char *dir,
    const char *name)
{
	const struct {
		const char	*file;
		struct der	*part;
	} parts[] = {
		{ "pck_crl.der", &c->collateral.pck_crl },
		{ "pck_crl_issuer_chain.pem", &c->collateral.pck_crl_chain },
		{ "root_ca_crl.der", &c->collateral.root_crl },
		{ "tcb_info.json", &c->collateral.tcb_info },
		{ "tcb_info_issuer_chain.pem",
		    &c->collateral.tcb_info_chain },
		{ "qe_identity.json", &c->collateral.qe_identity },
		{ "qe_identity_issuer_chain.pem",
		    &c->collateral.qe_identity_chain },
	};
	size_t	 i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		evidence_read(&c->files[i], "%s/collateral/%s/%s", dir, name,
		    parts[i].file);
		parts[i].part->p = c->files[i].p;
		parts[i].part->len = c->files[i].len;
	}
	evidence_read(&c->files[7], "%s/collateral/%s/root_ca.pem", dir,
	    name);
}

/* The root is that of the directory; NULL: the file beside the rest. */
static UNUSED void
evidence_open(struct evidence_case *c, const char *dir, const json_t *j,
    const uint8_t *root)
{
	const char	*quote, *name;
	uint8_t		 own[DIGEST_LEN];
	char		 why[WHY_MAX];

	memset(c, 0, sizeof(*c));
	c->id = json_string_value(json_object_get(j, "id"));
	quote = json_string_value(json_object_get(j, "quote"));
	name = json_string_value(json_object_get(j, "collateral"));
	c->now = json_integer_value(json_object_get(j, "time"));
	evidence_read(&c->quote, "%s/quotes/%s", dir, quote);
	ATF_REQUIRE_MSG(c->quote.p != NULL, "%s", quote);
	evidence_collateral(c, dir, name);
	if (root == NULL) {
		ATF_REQUIRE_MSG(dcap_root_read(own, c->files[7].p,
		    c->files[7].len, why, sizeof(why)) == 0, "%s: %s", name,
		    why);
		root = own;
	}
	ATF_REQUIRE((c->anchor = dcap_anchor_new(root)) != NULL);
	ATF_REQUIRE((c->set = dcap_set_new(&c->collateral, root)) != NULL);
}

static UNUSED void
evidence_close(struct evidence_case *c)
{
	size_t	 i;

	dcap_set_free(c->set);
	dcap_anchor_free(c->anchor);
	for (i = 0; i < sizeof(c->files) / sizeof(c->files[0]); i++)
		free(c->files[i].p);
	free(c->quote.p);
}

static UNUSED int
evidence_verify(struct evidence_case *c, struct dcap_verdict *v)
{
	return (dcap_verify(c->anchor, c->set, c->quote.p, c->quote.len,
	    c->now, 0, v));
}

/* The case of this id. */
static UNUSED const json_t *
evidence_find(const json_t *cases, const char *id)
{
	const json_t	*j;
	size_t		 i;

	json_array_foreach(cases, i, j)
		if (strcmp(json_string_value(json_object_get(j, "id")),
		    id) == 0)
			return (j);
	atf_tc_fail("no case %s", id);
	return (NULL);
}

#endif

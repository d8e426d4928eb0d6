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
 * TCB info and QE identity: signed by nobody, and what would be read of them
 * and matched if they were.
 */
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dcap.h"
#include "json.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct json_limits	 limits = { 64 * 1024, 16384, 16 };

/* What the span holds is what jansson found. */
static void
span(const char *text, size_t len, json_t *outer, const char *name)
{
	const char	*p;
	size_t		 n;
	json_t		*j;

	if (json_span(text, len, name, &p, &n) == -1)
		return;
	if (p < text || n > len || (size_t)(p - text) > len - n)
		abort();
	j = json_loadb(p, n, JSON_DECODE_ANY, NULL);
	if (j == NULL || !json_equal(j, json_object_get(outer, name)))
		abort();
	json_decref(j);
}

static void
tcb(json_t *j)
{
	static const uint8_t	 body[1024] = { 8, 1, 17 };
	static const struct dcap_platform platform = { .pcesvn = 13,
				    .svn = { 7, 7, 7, 7, 7, 7, 7, 7 } };
	const struct dcap_level	*level;
	struct dcap_fault	 fault;
	struct dcap_tcb		 t;
	char			 why[WHY_MAX] = "";

	if (dcap_tcb_read(&t, json_incref(j), why, sizeof(why)) == -1) {
		if (why[0] == '\0')
			abort();
	} else {
		(void)dcap_level_platform(&t.levels, &platform,
		    t.tee == TEE_TDX ? body : NULL);
		if (t.tee == TEE_TDX)
			(void)dcap_module_match(&t, body, body, &level,
			    &fault);
	}
	dcap_tcb_clear(&t);
}

static void
qe(json_t *j)
{
	static const uint8_t	 report[DCAP_SGX_LEN];
	const struct dcap_level	*level;
	struct dcap_identity	 id;
	struct dcap_fault	 fault;
	char			 why[WHY_MAX] = "";

	if (dcap_identity_read(&id, json_incref(j), why,
	    sizeof(why)) == -1) {
		if (why[0] == '\0')
			abort();
	} else
		(void)dcap_identity_match(&id, report, &level, &fault);
	dcap_identity_clear(&id);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static EVP_PKEY	*key;
	const char	*text = (const char *)data;
	json_t		*outer, *inner;
	char		 why[WHY_MAX];
	int		 forged;

	if (key == NULL && (key = EVP_EC_gen("P-256")) == NULL)
		abort();
	why[0] = '\0';
	if (dcap_signed(data, size, "tcbInfo", key, &forged, why,
	    sizeof(why)) != NULL || why[0] == '\0')
		abort();
	if ((outer = json_read(text, size, &limits, why,
	    sizeof(why))) == NULL)
		return (0);
	if (json_is_object(outer)) {
		span(text, size, outer, "tcbInfo");
		span(text, size, outer, "enclaveIdentity");
		span(text, size, outer, "signature");
	}
	if ((inner = json_object_get(outer, "tcbInfo")) != NULL)
		tcb(inner);
	if ((inner = json_object_get(outer, "enclaveIdentity")) != NULL)
		qe(inner);
	json_decref(outer);
	return (0);
}

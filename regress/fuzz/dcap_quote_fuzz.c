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
 * Quotes: their layout, and as much of a verification as needs no collateral,
 * under a root that has signed none of them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dcap.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
within(const uint8_t *p, size_t len, const uint8_t *data, size_t size)
{
	if (p < data || len > size || (size_t)(p - data) > size - len)
		abort();
}

static void
spans(const struct dcap_quote *q, const uint8_t *data, size_t size)
{
	within(q->signs.p, q->signs.len, data, size);
	within(q->body, q->bodylen, data, size);
	within(dcap_report_data(q), 64, q->body, q->bodylen);
	within(q->signature, DCAP_SIG_LEN, data, size);
	within(q->key, DCAP_SIG_LEN, data, size);
	within(q->qe_report, DCAP_SGX_LEN, data, size);
	within(q->qe_signature, DCAP_SIG_LEN, data, size);
	within(q->auth.p, q->auth.len, data, size);
	within(q->certs.p, q->certs.len, data, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t		 root[DIGEST_LEN];
	static struct dcap_anchor	*anchor;
	struct dcap_verdict		 v;
	struct dcap_quote		 q;
	struct dcap_fault		 fault;
	struct claim_bytes		 fmspc;
	struct quote			 seen;
	char				 why[WHY_MAX] = "";

	if (anchor == NULL && (anchor = dcap_anchor_new(root)) == NULL)
		abort();
	if (dcap_quote_read(&q, data, size, &fault) == 0)
		spans(&q, data, size);
	else if (fault.reason == DCAP_OK || fault.why[0] == '\0')
		abort();
	if (dcap_verify(anchor, NULL, data, size, 1800000000, 1, &v) == 0 ||
	    v.fault.reason == DCAP_OK)
		abort();
	if (quote_read(&seen, data, size, why, sizeof(why)) == -1) {
		if (why[0] == '\0')
			abort();
	} else
		within(seen.body, seen.bodylen, data, size);
	quote_fmspc(&fmspc, data, size);
	if (fmspc.has && dcap_quote_read(&q, data, size, &fault) == -1)
		abort();
	return (0);
}

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
 * Bytes as an answer of the attestation service, as the text of its error, as
 * the URL of a revocation list, and as a piece of collateral, Intel's behind
 * the text of its header.  A URL that is taken must be https to a host that the
 * configuration names, and read again must be the same.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fetcher/fetcher.h"
#include "json.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
url_fuzz(const uint8_t *data, size_t size)
{
	struct url	 url, again;
	char		 text[URL_MAX + 16];

	if (size >= sizeof(text))
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	if (service_crl(text, &url) != NULL)
		return;
	if (strncmp(url.text, "https://", 8) != 0 ||
	    (!host_same(&url.host, &settings.api.host) &&
	    !host_same(&url.host, &settings.base.host)))
		abort();
	if (url_parse(&again, url.text) != NULL ||
	    !host_same(&url.host, &again.host) ||
	    strcmp(url.text, again.text) != 0)
		abort();
}

/* What is taken is as the verifier gets it, and taken once more. */
static void
part_check(uint8_t part, const struct wbuf *w)
{
	struct wbuf	 again = { 0 };
	struct rbuf	 r;
	const uint8_t	*body;
	const char	*pem = NULL;
	char		 why[REASON_TEXT_MAX];
	size_t		 len, pemlen = 0;

	rb_init(&r, w->data, w->len);
	body = rb_bytes(&r, &len, 1, BODY_MAX);
	if (part != PART_ROOT_CRL)
		pem = (const char *)rb_bytes(&r, &pemlen, 1, CHAIN_MAX);
	if (rb_end(&r) == -1 || pcs_part(part, body, len, pem, pemlen,
	    &again, why, sizeof(why)) == -1 || again.len != w->len ||
	    memcmp(again.data, w->data, w->len) != 0)
		abort();
	wb_free(&again);
}

/* A header up to a NUL, then the body. */
static void
part_fuzz(uint8_t part, const uint8_t *data, size_t size)
{
	struct wbuf	 w = { 0 };
	const uint8_t	*end = memchr(data, '\0', size);
	const char	*chain = (const char *)data;
	char		 why[REASON_TEXT_MAX];

	if (end == NULL)
		return;
	end++;
	why[0] = '\0';
	if (pcs_read(part, chain, end, size - (size_t)(end - data), &w, why,
	    sizeof(why)) == -1) {
		if (why[0] == '\0' || w.len != 0)
			abort();
		return;
	}
	part_check(part, &w);
	wb_free(&w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int	 ready;
	struct wbuf	 w = { 0 };
	char		 why[REASON_TEXT_MAX];
	uint8_t		 what;
	int		 ret;

	if (!ready++) {
		json_init();
		settings.version = 2;
		if (url_parse(&settings.api, "https://a.b") != NULL ||
		    url_parse(&settings.base, "https://[::1]:9") != NULL)
			abort();
	}
	if (size == 0)
		return (0);
	what = data[0] % ASK_MAX;
	data++;
	size--;
	why[0] = '\0';
	if (what >= PART_OF_AMD) {
		if (kds_part(what, data, size, &w, why, sizeof(why)) == -1 &&
		    (why[0] == '\0' || w.len != 0))
			abort();
		wb_free(&w);
		return (0);
	}
	if (what >= FETCH_DCAP) {
		if (what < FETCH_MAX)
			url_fuzz(data, size);
		else
			part_fuzz(what, data, size);
		return (0);
	}
	ret = service_read(what, data, size, &w, why, sizeof(why));
	if ((ret == -1) != (why[0] != '\0') || (ret == -1 && w.len != 0) ||
	    w.len > service_most(what))
		abort();
	wb_free(&w);
	service_error(data, size, why, sizeof(why));
	return (0);
}

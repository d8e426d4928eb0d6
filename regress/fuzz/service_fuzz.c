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
 * Bytes as an answer of the attestation service, as the text of its error
 * and as the URL of a revocation list.  A URL that is taken must be https to
 * a host that the configuration names, and read again must be the same.
 */
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
	what = data[0] % (FETCH_MAX + 1);
	data++;
	size--;
	if (what == FETCH_MAX) {
		url_fuzz(data, size);
		return (0);
	}
	why[0] = '\0';
	ret = service_read(what, data, size, &w, why, sizeof(why));
	if ((ret == -1) != (why[0] != '\0') || (ret == -1 && w.len != 0) ||
	    w.len > service_most(what))
		abort();
	wb_free(&w);
	service_error(data, size, why, sizeof(why));
	return (0);
}

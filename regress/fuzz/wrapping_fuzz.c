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
 * The first byte picks: the wrapping key that an engine sends, as of a verdict
 * or of a grant; or what a token has wrapped, by whom nobody knows.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "token.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
key_fuzz(struct job *job)
{
	struct wrapping_key	 key;

	digest(job->detail, job->wrapping, job->wrappinglen);
	(void)wrapping_wrong(job);
	if (wrapping_read(job, &key) == -1)
		return;
	if (key.elen == 0 || key.elen > sizeof(key.e) || key.nlen == 0 ||
	    key.nlen > sizeof(key.n) || key.e[0] == 0 || key.n[0] == 0)
		abort();
	if (job->half != HALF_VERDICT)
		return;
	/* The same key, and no other one, has its digest. */
	wrapping_key_digest(job->detail, key.e, key.elen, key.n, key.nlen);
	if (wrapping_wrong(job) != NULL)
		abort();
	job->detail[0] ^= 1;
	if (wrapping_wrong(job) == NULL)
		abort();
}

/* It was sealed by no SWK of ours. */
static void
wrapped_fuzz(const uint8_t *data, size_t size)
{
	struct wbuf	 w = { 0 };
	uint8_t		 out[32];
	size_t		 len;

	wb_raw(&w, data, size);
	if (trial_key() == NULL || trial_open(&w, out, sizeof(out),
	    &len) == NULL)
		abort();
	wb_free(&w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job	 job;

	if (size < 2)
		return (0);
	if (data[0] % 3 == 2) {
		wrapped_fuzz(data + 1, size - 1);
		return (0);
	}
	memset(&job, 0, sizeof(job));
	job.half = data[0] % 3 == 0 ? HALF_VERDICT : HALF_GRANT;
	if ((job.wrapping = malloc(size - 1)) == NULL)
		abort();
	memcpy(job.wrapping, data + 1, size - 1);
	job.wrappinglen = size - 1;
	key_fuzz(&job);
	free(job.wrapping);
	return (0);
}

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
 * Bytes as the request of `kbsctl appraise', and as a file of evidence alone:
 * whatever it holds gets one whole answer, and under the built-in roots none
 * of it is good.  The seeds are good evidence of throw-away keys.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "verifier.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What people and programs rely on. */
static void
judged(const struct once *o)
{
	json_t		*told = once_judge(o);
	const char	*verdict, *reason, *text;
	char		*out;
	size_t		 len;

	verdict = json_string_value(json_object_get(told, "verdict"));
	reason = json_string_value(json_object_get(told, "reason"));
	text = json_string_value(json_object_get(told, "text"));
	if (strcmp(verdict, "ok") == 0) {
		if (reason != NULL || text != NULL ||
		    o->part[ONCE_ROOT].p == NULL ||
		    !json_is_true(json_object_get(told, "proven")))
			abort();
	} else if (strcmp(verdict, "reject") != 0 || reason == NULL ||
	    reason[0] == '\0' || text == NULL || text[0] == '\0')
		abort();
	if (!json_is_array(json_object_get(told, "advisories")) ||
	    !json_is_object(json_object_get(told, "claims")))
		abort();
	if ((out = json_write(told, &len)) == NULL || len > ONCE_ANSWER_MAX)
		abort();
	free(out);
	json_decref(told);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int	 ready;
	struct once	 o;
	uint8_t		*file;

	if (!ready++)
		json_init();
	if (once_get(&o, data, size) == 0)
		judged(&o);
	if (size > EVIDENCE_MAX)
		return (0);
	/* as kbsctl gives it, of its own length */
	if ((file = malloc(size + 1)) == NULL)
		abort();
	memcpy(file, data, size);
	memset(&o, 0, sizeof(o));
	o.part[ONCE_EVIDENCE].p = file;
	o.part[ONCE_EVIDENCE].len = size;
	o.now = 1780315200;
	judged(&o);
	free(file);
	return (0);
}

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
 * Signed JSON (dcap-quote.md section 7): an object with two members, the
 * signed one and "signature".  What was signed are the bytes of the former
 * as they stand in the text, so these are found, hashed, and then read.
 */
#include <string.h>

#include "base64.h"
#include "dcap.h"
#include "json.h"
#include "rfc3339.h"

/* Intel's have up to 20 KiB and 4000 values. */
static const struct json_limits limits = { 256 * 1024, 16384, 16 };

static json_t *
refuse(char *why, size_t whysize, const char *text)
{
	(void)strlcpy(why, text, whysize);
	return (NULL);
}

json_t *
dcap_signed(const uint8_t *text, size_t len, const char *member,
    EVP_PKEY *key, int *forged, char *why, size_t whysize)
{
	json_t			*outer, *inner, *sig;
	const struct json_member members[] = {
		{ member,	JSON_MEMBER_OBJECT,	1, &inner },
		{ "signature",	JSON_MEMBER_STRING,	1, &sig },
	};
	uint8_t			 raw[DCAP_SIG_LEN];
	const char		*body;
	size_t			 bodylen;
	int			 rc;

	*forged = 0;
	if ((outer = json_read((const char *)text, len, &limits, why,
	    whysize)) == NULL)
		return (NULL);
	rc = json_take(outer, members, 2, why, whysize);
	if (rc == 0 && dcap_hex(sig, raw, sizeof(raw)) == -1)
		*forged = 1;
	json_decref(outer);
	if (rc == -1)
		return (NULL);
	if (json_span((const char *)text, len, member, &body, &bodylen) == -1)
		return (refuse(why, whysize, "the signed member is not "
		    "there"));
	if (*forged || dcap_signature(key, raw, body, bodylen) == -1) {
		*forged = 1;
		return (refuse(why, whysize,
		    "the signature is not the signer's"));
	}
	return (json_read(body, bodylen, &limits, why, whysize));
}

int
dcap_hex(const json_t *j, uint8_t *out, size_t len)
{
	if (!json_is_string(j) || json_string_length(j) != 2 * len ||
	    hex_decode(out, len, json_string_value(j), 2 * len) == -1)
		return (-1);
	return (0);
}

int
dcap_number(const json_t *j, json_int_t most, json_int_t *out)
{
	if (!json_is_integer(j) || json_integer_value(j) < 0 ||
	    json_integer_value(j) > most)
		return (-1);
	*out = json_integer_value(j);
	return (0);
}

int
dcap_date(const json_t *j, int64_t *out)
{
	const char	*text = json_string_value(j);
	size_t		 len = json_string_length(j);

	if (len == 0 || text[len - 1] != 'Z')
		return (-1);
	return (rfc3339_parse(text, len, out));
}

int
dcap_masked(const uint8_t *a, const uint8_t *b, const uint8_t *mask,
    size_t len)
{
	size_t	 i;

	for (i = 0; i < len; i++)
		if ((a[i] & mask[i]) != (b[i] & mask[i]))
			return (0);
	return (1);
}

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
 * What a file of evidence holds: a quote, a report or a token, as bytes, as
 * text, or as the body of a transfer.  What only looks like one of them is one
 * here: who judges it says what is wrong with it.
 */
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "verifier.h"

#define BYTES_LEAST	32
#define VERSION_MOST	15
#define SPACE		" \t\r\n"
#define BASE64URL	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
			"0123456789-_"

static const struct json_limits	 body_limits = { EVIDENCE_MAX, 20000, 32 };

const char *
form_name(enum form_kind kind)
{
	static const char *const	 names[] = { "none", "quote",
					    "report", "token" };

	return (names[kind]);
}

/*
 * Both begin with a version.  Behind it a quote has the type of its key, 2 or
 * 3, where the version of a report, which is wider, has nothing.
 */
static enum form_kind
bytes_kind(const uint8_t *p, size_t len)
{
	unsigned int	 version, next;

	if (len < BYTES_LEAST)
		return (FORM_NONE);
	version = p[0] | (unsigned int)p[1] << 8;
	next = p[2] | (unsigned int)p[3] << 8;
	if (version == 0 || version > VERSION_MOST)
		return (FORM_NONE);
	if (next == 2 || next == 3)
		return (FORM_QUOTE);
	return (next == 0 ? FORM_REPORT : FORM_NONE);
}

/* Three parts of base64url, the second of which is an object. */
static int
is_token(const char *text, size_t len)
{
	const char	*part[3];
	size_t		 n[3], i, at = 0;
	json_t		*payload;
	char		*data, why[WHY_MAX];
	ssize_t		 datalen;

	for (i = 0; i < 3; i++) {
		part[i] = text + at;
		for (n[i] = 0; at < len && text[at] != '.'; at++)
			n[i]++;
		if (i < 2 && at++ == len)
			return (0);
	}
	if (at != len || n[0] == 0 || n[1] == 0 ||
	    (data = malloc(BASE64_BYTES(n[1]))) == NULL)
		return (0);
	datalen = base64url_decode(data, BASE64_BYTES(n[1]), part[1], n[1]);
	payload = datalen <= 0 ? NULL : json_read(data, (size_t)datalen,
	    &body_limits, why, sizeof(why));
	free(data);
	at = json_is_object(payload);
	json_decref(payload);
	return (at != 0);
}

static int
form_take(struct form *f, enum form_kind kind, const void *p, size_t len)
{
	if (kind == FORM_NONE || (f->p = malloc(len + 1)) == NULL)
		return (-1);
	memcpy(f->p, p, len);
	f->p[len] = '\0';
	f->len = len;
	f->kind = kind;
	return (0);
}

/* Text with lines, as base64(1) and xxd(1) write it. */
static int
form_encoded(struct form *f, const char *text, size_t len)
{
	static ssize_t (*const	 decoders[])(void *, size_t, const char *,
				    size_t) = { hex_decode, base64_decode,
				    base64url_decode };
	char			*plain = malloc(len + 1);
	uint8_t			*data = malloc(len + 1);
	size_t			 i, n = 0;
	ssize_t			 datalen;
	int			 rc = -1;

	if (plain != NULL && data != NULL) {
		for (i = 0; i < len; i++)
			if (strchr(SPACE, text[i]) == NULL)
				plain[n++] = text[i];
		for (i = 0; i < sizeof(decoders) / sizeof(decoders[0]) &&
		    rc == -1; i++)
			if ((datalen = decoders[i](data, len + 1, plain,
			    n)) > 0)
				rc = form_take(f, bytes_kind(data,
				    (size_t)datalen), data, (size_t)datalen);
	}
	free(plain);
	free(data);
	return (rc);
}

static int
form_text(struct form *f, const char *text, size_t len)
{
	if (memchr(text, '\0', len) != NULL)
		return (-1);
	while (len > 0 && strchr(SPACE, text[len - 1]) != NULL)
		len--;
	while (len > 0 && strchr(SPACE, *text) != NULL) {
		text++;
		len--;
	}
	if (is_token(text, len))
		return (form_take(f, FORM_TOKEN, text, len));
	return (form_encoded(f, text, len));
}

/* The body of a transfer: what else it has is not looked at. */
static int
form_body(struct form *f, const char *text, size_t len)
{
	static const char *const	 names[] = { "quote",
					    "attestation_token" };
	json_t				*body, *j;
	char				 why[WHY_MAX];
	size_t				 i;
	int				 rc = -1;

	body = json_read(text, len, &body_limits, why, sizeof(why));
	for (i = 0; i < sizeof(names) / sizeof(names[0]) && rc == -1; i++)
		if (json_is_string(j = json_object_get(body, names[i])))
			rc = form_text(f, json_string_value(j),
			    json_string_length(j));
	json_decref(body);
	return (rc);
}

void
form_read(struct form *f, const uint8_t *p, size_t len)
{
	const char	*text = (const char *)p;

	memset(f, 0, sizeof(*f));
	if (form_take(f, bytes_kind(p, len), p, len) == 0 ||
	    form_body(f, text, len) == 0)
		return;
	(void)form_text(f, text, len);
}

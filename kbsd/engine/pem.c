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
 * PEM (RFC 7468) of one private key, strictly: a text has one meaning or is
 * refused.  Nothing before BEGIN, no headers (so no encryption), nothing but
 * line ends behind END.
 */

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "engine.h"

static const char	 pem_none[] = "key data: not a PEM private key";
static const char	 pem_bad[] = "key data: the PEM text is malformed";
static const char	 pem_locked[] =
    "key data: the private key is encrypted";
static const char	 pem_memory[] = "no memory";

static const struct {
	const char	*text;
	enum pem_label	 label;
} labels[] = {
	{ "PRIVATE KEY",	PEM_PKCS8 },
	{ "RSA PRIVATE KEY",	PEM_PKCS1 },
	{ "EC PRIVATE KEY",	PEM_SEC1 },
};

struct line {
	const uint8_t	*p;
	size_t		 len;
};

/* The next line without its end; 0, or -1 when nothing is left. */
static int
pem_line(const uint8_t **p, size_t *left, struct line *line)
{
	const uint8_t	*nl;

	line->p = *p;
	line->len = *left;
	if (*left == 0)
		return (-1);
	if ((nl = memchr(*p, '\n', *left)) != NULL)
		line->len = (size_t)(nl - *p);
	*p += line->len + (nl != NULL);
	*left -= line->len + (nl != NULL);
	if (line->len > 0 && line->p[line->len - 1] == '\r')
		line->len--;
	return (0);
}

/* A line "-----BEGIN LABEL-----". */
static int
pem_boundary(const struct line *line, const char *word, const char *label)
{
	const char	*const parts[] = { "-----", word, " ", label, "-----" };
	const uint8_t	*p = line->p;
	size_t		 i, n, left = line->len;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		n = strlen(parts[i]);
		if (n > left || memcmp(p, parts[i], n) != 0)
			return (0);
		p += n;
		left -= n;
	}
	return (left == 0);
}

static const char *
pem_begin(const struct line *line, size_t *which)
{
	for (*which = 0; *which < sizeof(labels) / sizeof(labels[0]);
	    (*which)++)
		if (pem_boundary(line, "BEGIN", labels[*which].text))
			return (NULL);
	if (pem_boundary(line, "BEGIN", "ENCRYPTED PRIVATE KEY"))
		return (pem_locked);
	return (pem_none);
}

/* The base64 of all lines up to END, in one piece. */
static const char *
pem_body(const uint8_t *p, size_t left, size_t which, char *text, size_t *len)
{
	struct line	 line;

	*len = 0;
	for (;;) {
		if (pem_line(&p, &left, &line) == -1)
			return (pem_bad);
		if (pem_boundary(&line, "END", labels[which].text))
			break;
		/* Proc-Type: 4,ENCRYPTED and the like */
		if (memchr(line.p, ':', line.len) != NULL)
			return (pem_locked);
		memcpy(text + *len, line.p, line.len);
		*len += line.len;
	}
	while (pem_line(&p, &left, &line) == 0)
		if (line.len != 0)
			return ("key data: something is behind the key");
	return (NULL);
}

const char *
pem_read(const uint8_t *p, size_t len, enum pem_label *label, uint8_t **out,
    size_t *outlen)
{
	const char	*why;
	struct line	 line;
	char		*text;
	size_t		 textlen, which, size = len + 1;
	ssize_t		 n;

	*out = NULL;
	*outlen = 0;
	if (pem_line(&p, &len, &line) == -1)
		return (pem_none);
	if ((why = pem_begin(&line, &which)) != NULL)
		return (why);
	if ((text = OPENSSL_secure_malloc(size)) == NULL)
		return (pem_memory);
	if ((why = pem_body(p, len, which, text, &textlen)) != NULL)
		goto done;
	why = pem_memory;
	if ((*out = OPENSSL_secure_malloc(size)) == NULL)
		goto done;
	why = pem_bad;
	n = base64_decode(*out, size, text, textlen);
	if (n <= 0) {
		OPENSSL_secure_clear_free(*out, size);
		*out = NULL;
		goto done;
	}
	*outlen = (size_t)n;
	*label = labels[which].label;
	why = NULL;
 done:
	OPENSSL_secure_clear_free(text, size);
	return (why);
}

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
 * As much DER (X.690) as keys need.  What comes in is hostile: definite and
 * shortest lengths only, each element inside the one around it.  The writer
 * goes from the end to the start, since a header wants the length of what it
 * is the header of.
 */

#include <string.h>

#include "engine.h"

/* RFC 8017 appendix A.1, RFC 5480 section 2.1.1 */
const uint8_t	 oid_rsa[9] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
		    0x01, 0x01 };
const uint8_t	 oid_ec[7] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };

void
der_init(struct der *d, const void *p, size_t len)
{
	d->p = p;
	d->left = len;
}

int
der_peek(const struct der *d, uint8_t tag)
{
	return (d->left > 0 && d->p[0] == tag);
}

int
der_get(struct der *d, uint8_t tag, struct der *body)
{
	size_t	 len, head = 2, i, n;

	der_init(body, d->p, 0);
	if (d->left < 2 || d->p[0] != tag)
		return (-1);
	len = d->p[1];
	if (len >= 0x80) {
		n = len & 0x7f;
		if (n == 0 || n > 3 || d->left < 2 + n || d->p[2] == 0)
			return (-1);
		for (i = 0, len = 0; i < n; i++)
			len = len << 8 | d->p[2 + i];
		if (len < 0x80)
			return (-1);
		head += n;
	}
	if (len > d->left - head)
		return (-1);
	der_init(body, d->p + head, len);
	d->p += head + len;
	d->left -= head + len;
	return (0);
}

int
der_number(struct der *d, struct der *number)
{
	if (der_get(d, DER_INTEGER, number) == -1 || number->left == 0 ||
	    (number->p[0] & 0x80) != 0)
		return (-1);
	if (number->p[0] != 0)
		return (0);
	/* the zero is there for the sign alone, or is the number */
	if (number->left > 1 && (number->p[1] & 0x80) == 0)
		return (-1);
	number->p++;
	number->left--;
	return (0);
}

int
der_version(struct der *d, uint8_t value)
{
	struct der	 body;

	if (der_get(d, DER_INTEGER, &body) == -1)
		return (-1);
	return (der_equals(&body, &value, 1) ? 0 : -1);
}

int
der_algorithm(struct der *d, struct der *oid, struct der *parameters)
{
	struct der	 body;

	der_init(parameters, NULL, 0);
	if (der_get(d, DER_SEQUENCE, &body) == -1 ||
	    der_get(&body, DER_OID, oid) == -1)
		return (-1);
	*parameters = body;
	return (0);
}

int
der_equals(const struct der *d, const void *p, size_t len)
{
	return (d->left == len && memcmp(d->p, p, len) == 0);
}

/* --- writing ------------------------------------------------------------ */

void
derout_init(struct derout *o, void *buf, size_t size)
{
	o->buf = buf;
	o->left = o->size = size;
	o->failed = 0;
}

size_t
derout_len(const struct derout *o)
{
	return (o->size - o->left);
}

void
derout_raw(struct derout *o, const void *p, size_t len)
{
	if (o->failed || len > o->left) {
		o->failed = 1;
		return;
	}
	o->left -= len;
	if (len > 0)
		memcpy(o->buf + o->left, p, len);
}

static void
derout_byte(struct derout *o, uint8_t v)
{
	derout_raw(o, &v, 1);
}

void
derout_wrap(struct derout *o, uint8_t tag, size_t end)
{
	size_t	 len = derout_len(o) - end, left;
	uint8_t	 n = 0;

	if (len < 0x80)
		derout_byte(o, (uint8_t)len);
	else {
		for (left = len; left > 0; left >>= 8, n++)
			derout_byte(o, left & 0xff);
		derout_byte(o, 0x80 | n);
	}
	derout_byte(o, tag);
}

void
derout_number(struct derout *o, const uint8_t *p, size_t len)
{
	size_t	 end = derout_len(o);

	derout_raw(o, p, len);
	if (len == 0 || (p[0] & 0x80) != 0)
		derout_byte(o, 0);
	derout_wrap(o, DER_INTEGER, end);
}

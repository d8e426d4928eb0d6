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
 * What an audit line says.  Only what RECORD brings gets in, field by field:
 * there is no member that could carry a secret, a body or a header.
 */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "base64.h"
#include "json.h"

int
line_read(struct rbuf *r, struct entry *e)
{
	rb_name(r, &e->name);
	e->operation = rb_enum(r, OP_MAX - 1);
	rb_str(r, e->keystore, sizeof(e->keystore));
	rb_uuid(r, &e->key);
	rb_digest(r, e->policy_digest);
	rb_digest(r, e->wrapping_key);
	e->reply = rb_bool(r);
	e->event = rb_enum(r, AUDIT_EVENT_MAX - 1);
	rb_str(r, e->request, sizeof(e->request));
	rb_str(r, e->client, sizeof(e->client));
	rb_str(r, e->who, sizeof(e->who));
	rb_uuid(r, &e->object);
	rb_uuid(r, &e->policy);
	e->tees = rb_enum(r, TEE_ALL);
	rb_digest(r, e->evidence);
	rb_str(r, e->verdict, sizeof(e->verdict));
	rb_str(r, e->reason, sizeof(e->reason));
	rb_str(r, e->claim, sizeof(e->claim));
	rb_str(r, e->wanted, sizeof(e->wanted));
	rb_str(r, e->got, sizeof(e->got));
	return (rb_end(r));
}

/* Text that is no UTF-8 is kept readable: its bytes as \xNN. */
static json_t *
text_escaped(const char *s)
{
	static const char	 hex[] = "0123456789abcdef";
	json_t			*value;
	char			*out, *p;

	if ((out = malloc(4 * strlen(s) + 1)) == NULL)
		return (NULL);
	for (p = out; *s != '\0'; s++) {
		if (((unsigned char)*s & 0x80) == 0) {
			*p++ = *s;
			continue;
		}
		*p++ = '\\';
		*p++ = 'x';
		*p++ = hex[(unsigned char)*s >> 4];
		*p++ = hex[(unsigned char)*s & 0x0f];
	}
	*p = '\0';
	value = json_string(out);
	free(out);
	return (value);
}

static int
put_text(json_t *o, const char *name, const char *s)
{
	json_t	*value;

	if (*s == '\0')
		return (0);
	if ((value = json_string(s)) == NULL)
		value = text_escaped(s);
	return (json_object_set_new(o, name, value));
}

static int
put_uuid(json_t *o, const char *name, const struct uuid *u)
{
	char	 text[UUID_TEXT];

	if (uuid_isnil(u))
		return (0);
	return (put_text(o, name, uuid_format(u, text)));
}

static int
put_digest(json_t *o, const char *name, const uint8_t d[DIGEST_LEN])
{
	static const uint8_t	 none[DIGEST_LEN];
	char			 text[2 * DIGEST_LEN + 1];

	if (memcmp(d, none, DIGEST_LEN) == 0)
		return (0);
	hex_encode(text, sizeof(text), d, DIGEST_LEN);
	return (put_text(o, name, text));
}

/* The two members of the chain; the first line names a digest of zeros. */
static int
put_chain(json_t *o, const struct chain *chain)
{
	char	 text[2 * DIGEST_LEN + 1];

	hex_encode(text, sizeof(text), chain->digest, DIGEST_LEN);
	if (json_object_set_new(o, "n",
	    json_integer((json_int_t)(chain->n + 1))) == -1)
		return (-1);
	return (put_text(o, "prev", text));
}

/* RFC 3339, UTC, milliseconds. */
static int
put_time(json_t *o)
{
	struct timespec	 ts;
	struct tm	 tm;
	char		 day[32], text[48];

	if (clock_gettime(CLOCK_REALTIME, &ts) == -1 ||
	    gmtime_r(&ts.tv_sec, &tm) == NULL ||
	    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return (-1);
	snprintf(text, sizeof(text), "%s.%03ldZ", day, ts.tv_nsec / 1000000);
	return (put_text(o, "time", text));
}

static int
put_said(json_t *o, const struct entry *e)
{
	static const char *const events[AUDIT_EVENT_MAX] = {
		[AUDIT_DECISION] = "decision",
		[AUDIT_OUTCOME] = "outcome",
	};
	char	 tees[TEES_TEXT];

	if (put_text(o, "request", e->request) == -1 ||
	    put_text(o, "event", events[e->event]) == -1 ||
	    put_text(o, "operation", operation_name(e->operation)) == -1 ||
	    put_text(o, "client", e->client) == -1 ||
	    put_text(o, "who", e->who) == -1 ||
	    put_uuid(o, "key", &e->key) == -1)
		return (-1);
	if (uuid_cmp(&e->object, &e->key) != 0 &&
	    put_uuid(o, "object", &e->object) == -1)
		return (-1);
	if (put_uuid(o, "policy", &e->policy) == -1 ||
	    put_digest(o, "policy_digest", e->policy_digest) == -1)
		return (-1);
	if (e->tees != 0 &&
	    put_text(o, "tee", tees_format(e->tees, tees)) == -1)
		return (-1);
	if (put_text(o, "verdict", e->verdict) == -1 ||
	    put_text(o, "reason", e->reason) == -1 ||
	    put_text(o, "claim", e->claim) == -1 ||
	    put_text(o, "wanted", e->wanted) == -1 ||
	    put_text(o, "got", e->got) == -1 ||
	    put_digest(o, "evidence", e->evidence) == -1 ||
	    put_digest(o, "wrapping_key", e->wrapping_key) == -1)
		return (-1);
	return (put_text(o, "keystore", e->keystore));
}

char *
line_text(const struct entry *e, struct chain *chain, size_t *len)
{
	json_t	*o;
	char	*text = NULL, *line;

	if ((o = json_object()) == NULL)
		return (NULL);
	if (put_chain(o, chain) == -1 || put_time(o) == -1 ||
	    put_said(o, e) == -1 || (text = json_write(o, len)) == NULL)
		goto done;
	if ((line = realloc(text, *len + 2)) == NULL) {
		free(text);
		text = NULL;
		goto done;
	}
	text = line;
	chain_append(chain, text, *len);
	text[(*len)++] = '\n';
	text[*len] = '\0';
done:
	json_decref(o);
	return (text);
}

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

#include <inttypes.h>
#include <stdio.h>
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
static void
put_escaped(struct wbuf *w, const char *s)
{
	static const char	 hex[] = "0123456789abcdef";
	char			 out[4 * CLAIM_TEXT_MAX], *p = out;

	for (; *s != '\0' && p < out + sizeof(out) - 4; s++) {
		if (((unsigned char)*s & 0x80) == 0) {
			*p++ = *s;
			continue;
		}
		*p++ = '\\';
		*p++ = 'x';
		*p++ = hex[(unsigned char)*s >> 4];
		*p++ = hex[(unsigned char)*s & 0x0f];
	}
	if (json_put_string(w, out, (size_t)(p - out)) == -1)
		w->failed = 1;
}

static void
put_name(struct wbuf *w, const char *name)
{
	wb_raw(w, ",\"", 2);
	wb_raw(w, name, strlen(name));
	wb_raw(w, "\":", 2);
}

static void
put_text(struct wbuf *w, const char *name, const char *s)
{
	if (*s == '\0')
		return;
	put_name(w, name);
	if (json_put_string(w, s, strlen(s)) == -1)
		put_escaped(w, s);
}

static void
put_uuid(struct wbuf *w, const char *name, const struct uuid *u)
{
	char	 text[UUID_TEXT];

	if (!uuid_isnil(u))
		put_text(w, name, uuid_format(u, text));
}

static void
put_digest(struct wbuf *w, const char *name, const uint8_t d[DIGEST_LEN])
{
	static const uint8_t	 none[DIGEST_LEN];
	char			 text[2 * DIGEST_LEN + 1];

	if (memcmp(d, none, DIGEST_LEN) == 0)
		return;
	hex_encode(text, sizeof(text), d, DIGEST_LEN);
	put_text(w, name, text);
}

/* The two members of the chain; the first line names a digest of zeros. */
static void
put_chain(struct wbuf *w, const struct chain *chain)
{
	char	 text[2 * DIGEST_LEN + 1], n[32];

	(void)snprintf(n, sizeof(n), "{\"n\":%" PRIu64, chain->n + 1);
	wb_raw(w, n, strlen(n));
	hex_encode(text, sizeof(text), chain->digest, DIGEST_LEN);
	put_text(w, "prev", text);
}

/* RFC 3339, UTC, milliseconds. */
static void
put_time(struct wbuf *w)
{
	struct timespec	 ts;
	struct tm	 tm;
	char		 day[32], text[48];

	if (clock_gettime(CLOCK_REALTIME, &ts) == -1 ||
	    gmtime_r(&ts.tv_sec, &tm) == NULL ||
	    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
		w->failed = 1;
		return;
	}
	snprintf(text, sizeof(text), "%s.%03ldZ", day, ts.tv_nsec / 1000000);
	put_text(w, "time", text);
}

static void
put_said(struct wbuf *w, const struct entry *e)
{
	static const char *const events[AUDIT_EVENT_MAX] = {
		[AUDIT_DECISION] = "decision",
		[AUDIT_OUTCOME] = "outcome",
	};
	struct trace	 t;
	char		 tees[TEES_TEXT], trace[TRACE_HEX] = "";

	if (trace_get(&e->name, &t) == 0)
		trace_format(&t, trace);
	put_text(w, "request", e->request);
	put_text(w, "trace", trace);
	put_text(w, "event", events[e->event]);
	put_text(w, "operation", operation_name(e->operation));
	put_text(w, "client", e->client);
	put_text(w, "who", e->who);
	put_uuid(w, "key", &e->key);
	if (uuid_cmp(&e->object, &e->key) != 0)
		put_uuid(w, "object", &e->object);
	put_uuid(w, "policy", &e->policy);
	put_digest(w, "policy_digest", e->policy_digest);
	if (e->tees != 0)
		put_text(w, "tee", tees_format(e->tees, tees));
	put_text(w, "verdict", e->verdict);
	put_text(w, "reason", e->reason);
	put_text(w, "claim", e->claim);
	put_text(w, "wanted", e->wanted);
	put_text(w, "got", e->got);
	put_digest(w, "evidence", e->evidence);
	put_digest(w, "wrapping_key", e->wrapping_key);
	put_text(w, "keystore", e->keystore);
}

/* Ends the line that begins at from. */
static int
put_end(struct wbuf *w, size_t from, struct chain *chain)
{
	wb_raw(w, "}", 1);
	if (w->failed)
		return (-1);
	chain_append(chain, (const char *)w->data + from, w->len - from);
	wb_raw(w, "\n", 1);
	return (w->failed ? -1 : 0);
}

int
line_put(struct wbuf *w, const struct entry *e, struct chain *chain)
{
	size_t	 from = w->len;

	put_chain(w, chain);
	put_time(w);
	put_said(w, e);
	return (put_end(w, from, chain));
}

int
line_put_continued(struct wbuf *w, struct chain *chain)
{
	size_t	 from = w->len;

	put_chain(w, chain);
	put_time(w);
	put_text(w, "event", "continued");
	return (put_end(w, from, chain));
}

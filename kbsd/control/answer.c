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
 * Answers: what the siblings say, checked as a whole, then made into lines
 * of JSON as fast as the client reads them.
 */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "control.h"
#include "json.h"
#include "log.h"
#include "object.h"

#define COLUMNS_MAX	16
#define CELL_MAX	4096

static void
put(struct wbuf *w, const char *text)
{
	wb_raw(w, text, strlen(text));
}

/* Foreign text as a JSON string; what is not UTF-8 is not passed on. */
static void
put_text(struct wbuf *w, const char *s)
{
	json_t		*j;
	char		*copy, *p, *text = NULL;
	size_t		 len;

	if ((j = json_string(s)) == NULL && (copy = strdup(s)) != NULL) {
		for (p = copy; *p != '\0'; p++)
			if (*p < 0x20 || *p > 0x7e)
				*p = '?';
		j = json_string(copy);
		free(copy);
	}
	if (j == NULL || (text = json_write(j, &len)) == NULL)
		w->failed = 1;
	else
		wb_raw(w, text, len);
	free(text);
	json_decref(j);
}

void
answer_member(struct wbuf *w, const char *before, const char *value)
{
	put(w, before);
	put_text(w, value);
}

void
answer_text(struct client *c, const char *text)
{
	put(&c->out, text);
	client_more(c);
}

static void
put_end(struct client *c, unsigned int status)
{
	char	 line[64];

	(void)snprintf(line, sizeof(line), "{\"ok\":true,\"status\":%u}\n",
	    status);
	put(&c->out, line);
}

/* What only looks is told to who wants to know much. */
static void
answer_log(const struct client *c, unsigned int status, const char *error)
{
	if (status >= 400)
		log_info("uid %u: %s: refused, %u: %s", (unsigned int)c->uid,
		    c->what, status, error);
	else if (strncmp(c->what, "show ", 5) == 0)
		log_debug("uid %u: %s", (unsigned int)c->uid, c->what);
	else
		log_info("uid %u: %s: done", (unsigned int)c->uid, c->what);
}

void
answer_done(struct client *c, unsigned int status)
{
	answer_log(c, status, "");
	put_end(c, status);
	client_write(c);
}

void
answer_error(struct client *c, unsigned int status, const char *text)
{
	char	 head[64];

	control_counts.errors++;
	answer_log(c, status, text);
	(void)snprintf(head, sizeof(head), "{\"ok\":false,\"status\":%u,"
	    "\"error\":", status);
	put(&c->out, head);
	put_text(&c->out, text);
	put(&c->out, "}\n");
	client_write(c);
}

/* --- tables of the parent ------------------------------------------------ */

static void
put_row(struct wbuf *w, struct rbuf *r, uint32_t n)
{
	char		 cell[CELL_MAX];
	uint32_t	 i;

	for (i = 0; i < n; i++) {
		rb_str(r, cell, sizeof(cell));
		put(w, i == 0 ? "[" : ",");
		put_text(w, cell);
	}
	put(w, "]");
}

static int
more_rows(struct client *c)
{
	if (c->left == 0) {
		put_end(c, 200);
		return (0);
	}
	put(&c->out, "{\"row\":");
	put_row(&c->out, &c->cursor, c->columns);
	put(&c->out, "}\n");
	c->left--;
	return (1);
}

/* Past n strings. */
static void
skip(struct rbuf *r, uint64_t n)
{
	char	 cell[CELL_MAX];

	while (n-- > 0 && !r->failed)
		rb_str(r, cell, sizeof(cell));
}

/* Names of columns, then rows; checked to the last byte. */
static int
table_check(const struct rbuf *table)
{
	struct rbuf	 r = *table;
	uint32_t	 columns, rows;

	if ((columns = rb_u32(&r)) > COLUMNS_MAX)
		return (-1);
	skip(&r, columns);
	rows = rb_u32(&r);
	if (columns == 0 && rows != 0)
		return (-1);
	skip(&r, (uint64_t)rows * columns);
	return (rb_end(&r));
}

/* A copy: the message goes when the function returns. */
static void
hold(struct client *c, const struct rbuf *r)
{
	wb_raw(&c->held, r->p, r->left);
	rb_init(&c->cursor, c->held.data, c->held.len);
}

int
answer_reply(struct edge *edge, struct rbuf *r)
{
	struct client	*c;
	char		 error[ERROR_TEXT_MAX];
	uint64_t	 tag;
	int		 ok;

	(void)edge;
	tag = rb_u64(r);
	ok = rb_bool(r);
	rb_str(r, error, sizeof(error));
	if (r->failed || table_check(r) == -1)
		return (-1);
	if ((c = client_find(WAITS_PARENT, tag)) == NULL)
		return (0);
	if (!ok) {
		answer_error(c, 500, error);
		return (0);
	}
	hold(c, r);
	if (c->held.failed) {
		wb_free(&c->held);
		answer_error(c, 503, "out of memory");
		return (0);
	}
	if ((c->columns = rb_u32(&c->cursor)) == 0) {
		answer_done(c, 200);
		return (0);
	}
	put(&c->out, "{\"columns\":");
	put_row(&c->out, &c->cursor, c->columns);
	put(&c->out, "}\n");
	c->left = rb_u32(&c->cursor);
	c->more = more_rows;
	answer_log(c, 200, "");
	client_write(c);
	return (0);
}

/* --- objects by way of the broker ---------------------------------------- */

/* Each reads one record; w NULL: it is only checked. */

static void
put_key(struct wbuf *w, struct rbuf *r)
{
	static const char *const	 states[KEY_STATE_MAX] = {
		[KEY_PENDING] = "pending",
		[KEY_ACTIVE] = "active",
		[KEY_MOVING] = "moving",
		[KEY_DELETING] = "deleting",
	};
	struct key_record		 key;
	char				 rest[96];

	rb_key_record(r, &key);
	if (r->failed || w == NULL)
		return;
	put(w, "{\"key\":");
	object_key(w, &key);
	put(w, ",\"keystore\":");
	put_text(w, key.keystore);
	(void)snprintf(rest, sizeof(rest),
	    ",\"state\":\"%s\",\"version\":%u}\n",
	    states[key.state], key.version);
	put(w, rest);
}

static void
put_policy(struct wbuf *w, struct rbuf *r)
{
	struct policy_record	 policy;

	rb_policy_record(r, &policy);
	/* Its text goes out as it is, and must not end the line. */
	if (r->failed || memchr(policy.text, '\n', policy.textlen) != NULL) {
		r->failed = 1;
		return;
	}
	if (w == NULL)
		return;
	put(w, "{\"policy\":");
	object_policy(w, &policy);
	put(w, "}\n");
}

static void
put_user(struct wbuf *w, struct rbuf *r)
{
	struct user_record	 user;

	rb_user_record(r, &user);
	if (r->failed || w == NULL)
		return;
	put(w, "{\"user\":");
	object_user(w, &user);
	put(w, "}\n");
}

static void
put_check(struct wbuf *w, struct rbuf *r)
{
	static const char *const	 results[CHECK_RESULT_MAX] = {
		[CHECK_OK] = "ok",
		[CHECK_FAILED] = "failed",
		[CHECK_NOT_MADE] = "not checked",
	};
	struct check			 check;

	rb_check(r, &check);
	if (r->failed || w == NULL)
		return;
	put(w, "{\"check\":{\"claim\":");
	put_text(w, check.claim);
	put(w, ",\"wanted\":");
	put_text(w, check.wanted);
	put(w, ",\"got\":");
	put_text(w, check.got);
	put(w, ",\"result\":");
	put_text(w, results[check.result]);
	put(w, "}}\n");
}

/* What is sealed for somebody else. */
static void
put_sealed(struct wbuf *w, struct rbuf *r)
{
	const uint8_t	*data;
	char		 text[BASE64_SIZE(MATERIAL_MAX)];
	size_t		 len;

	data = rb_bytes(r, &len, 1, MATERIAL_MAX);
	if (r->failed || w == NULL)
		return;
	(void)base64_encode(text, sizeof(text), data, len);
	put(w, "{\"sealed\":\"");
	put(w, text);
	put(w, "\"}\n");
}

static const struct {
	void	(*put)(struct wbuf *, struct rbuf *);
	int	 one;
} kinds[ANSWER_KIND_MAX] = {
	[ANSWER_KEY] = { put_key, 1 },
	[ANSWER_KEYS] = { put_key, 0 },
	[ANSWER_POLICY] = { put_policy, 1 },
	[ANSWER_POLICIES] = { put_policy, 0 },
	[ANSWER_USER] = { put_user, 1 },
	[ANSWER_USERS] = { put_user, 0 },
	[ANSWER_CHECKS] = { put_check, 0 },
	[ANSWER_SEALED] = { put_sealed, 1 },
};

static int
more_records(struct client *c)
{
	if (c->left == 0) {
		put_end(c, c->status);
		return (0);
	}
	kinds[c->kind].put(&c->out, &c->cursor);
	if (c->cursor.failed)
		c->out.failed = 1;
	c->left--;
	return (1);
}

/* Records that can't all be read are worth nothing: -1 before any goes out. */
static int
records_check(const struct rbuf *records, uint8_t kind, uint32_t count)
{
	struct rbuf	 r = *records;

	if (kind == ANSWER_NONE)
		return (count == 0 ? rb_end(&r) : -1);
	if (kinds[kind].put == NULL || (kinds[kind].one && count != 1))
		return (-1);
	for (; count > 0 && !r.failed; count--)
		kinds[kind].put(NULL, &r);
	return (rb_end(&r));
}

static void
answer_records(struct client *c, const struct rbuf *r, unsigned int status,
    uint8_t kind, uint32_t count)
{
	if (client_held() + r->left > HELD_MAX) {
		answer_error(c, 503, "too much is being listed at once");
		return;
	}
	hold(c, r);
	if (c->held.failed) {
		wb_free(&c->held);
		answer_error(c, 503, "out of memory");
		return;
	}
	c->status = status;
	c->kind = kind;
	c->left = count;
	c->more = more_records;
	answer_log(c, status, "");
	client_write(c);
}

/* The engine answers by itself what kms has sealed. */
int
answer_sealed(struct edge *edge, struct rbuf *r)
{
	struct client	*c;
	struct rbuf	 bytes;
	uint64_t	 number;
	size_t		 len;

	(void)edge;
	number = rb_u64(r);
	(void)rb_u8(r);			/* types, of transfers */
	bytes = *r;
	bytes.left = bytes.left > 4 ? bytes.left - 4 : 0;	/* the SWK */
	(void)rb_bytes(r, &len, 1, MATERIAL_MAX);
	if (rb_u32(r) != 0 || rb_end(r) == -1)
		return (-1);
	if ((c = client_find(WAITS_BROKER, number)) == NULL)
		return (0);
	if (c->command->op != OP_KEY_BACKUP)
		return (-1);
	answer_records(c, &bytes, 200, ANSWER_SEALED, 1);
	return (0);
}

int
answer_broker(struct edge *edge, struct rbuf *r)
{
	struct client	*c;
	char		 error[ERROR_TEXT_MAX];
	uint64_t	 number;
	uint32_t	 count;
	uint16_t	 status;
	uint8_t		 kind;

	(void)edge;
	number = rb_u64(r);
	status = rb_u16(r);
	(void)rb_u16(r);		/* Retry-After: people decide */
	rb_str(r, error, sizeof(error));
	(void)rb_u8(r);			/* types, of transfers */
	kind = rb_enum(r, ANSWER_KIND_MAX - 1);
	count = rb_u32(r);
	if (r->failed || status < 200 || status > 599 ||
	    records_check(r, kind, count) == -1)
		return (-1);
	if ((c = client_find(WAITS_BROKER, number)) == NULL)
		return (0);
	if (status >= 400) {
		answer_error(c, status, error);
		return (0);
	}
	if (kind != c->command->kind)
		return (-1);
	if (kind == ANSWER_NONE)
		answer_done(c, status);
	else
		answer_records(c, r, status, kind, count);
	return (0);
}

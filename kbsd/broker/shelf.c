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
 * Rows that auth and the verifiers want.  The broker carries them and decides
 * nothing: what counts in them is sealed or signed.
 */

#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "log.h"

/* One ROWS_WANT of auth: up to three finds, one answer. */
struct want {
	uint32_t	 instance;	/* of auth */
	uint64_t	 tag;
	int		 left;
	int		 failed;	/* the store could not tell */
	struct wbuf	 user, lockout, policy, key;
};

static void
want_answer(struct want *want)
{
	struct wbuf	 w = { 0 };

	if (--want->left > 0)
		return;
	wb_u64(&w, want->tag);
	wb_bytes_of(&w, &want->user);
	wb_bytes_of(&w, &want->lockout);
	wb_bytes_of(&w, &want->policy);
	wb_bytes_of(&w, &want->key);
	wb_u8(&w, want->failed ? ROW_FAILED : ROW_OK);
	(void)edge_send(edge_find(PROC_AUTH, want->instance), IMSG_AUTH_ROWS,
	    &w);
	wb_free(&want->user);
	wb_free(&want->lockout);
	wb_free(&want->policy);
	wb_free(&want->key);
	free(want);
}

/* What is not there is an answer; that nobody can say is none. */
static void
want_result(struct want *want, const struct row_found *found)
{
	if (found->result != ROW_OK && found->result != ROW_NONE)
		want->failed = 1;
	want_answer(want);
}

/* 1: it is wanted, and the store was asked. */
static int
want_find(struct want *want, enum row_kind kind, const struct uuid *id,
    const char *name, row_fn fn)
{
	if (uuid_isnil(id) && name[0] == '\0')
		return (0);
	if (rows_find(kind, id, name, fn, want) == 0)
		return (1);
	want->failed = 1;
	return (0);
}

static void
want_user(void *arg, const struct row_found *found)
{
	struct want	*want = arg;

	wb_raw(&want->user, found->record, found->len);
	wb_raw(&want->lockout, found->second, found->secondlen);
	want_result(want, found);
}

static void
want_policy(void *arg, const struct row_found *found)
{
	struct want	*want = arg;

	wb_raw(&want->policy, found->record, found->len);
	want_result(want, found);
}

static void
want_key(void *arg, const struct row_found *found)
{
	struct want	*want = arg;

	wb_raw(&want->key, found->record, found->len);
	want_result(want, found);
}

int
shelf_rows_want(struct edge *edge, struct rbuf *r)
{
	struct want	*want;
	struct uuid	 user, policy, key;
	char		 name[NAME_MAX_USER];
	uint64_t	 tag;

	tag = rb_u64(r);
	rb_uuid(r, &user);
	rb_str(r, name, sizeof(name));
	rb_uuid(r, &policy);
	rb_uuid(r, &key);
	if (rb_end(r) == -1)
		return (-1);
	if ((want = calloc(1, sizeof(*want))) == NULL)
		return (0);
	want->instance = edge->instance;
	want->tag = tag;
	want->left = 1;
	want->left += want_find(want, ROW_USER, &user, name, want_user);
	want->left += want_find(want, ROW_POLICY, &policy, "", want_policy);
	want->left += want_find(want, ROW_KEY, &key, "", want_key);
	want_answer(want);
	return (0);
}

/* Tags of auth and the verifiers, kept beside the call to the store. */
struct carried {
	enum process_kind	 kind;
	uint32_t		 instance;
	uint64_t		 tag;
};

static struct carried *
carried_new(const struct edge *edge, uint64_t tag)
{
	struct carried	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->kind = edge->peer;
	c->instance = edge->instance;
	c->tag = tag;
	return (c);
}

static void
row_put_done(void *arg, const struct row_found *found)
{
	struct carried	*c = arg;
	struct wbuf	 w = { 0 };

	wb_u64(&w, c->tag);
	wb_u8(&w, found->result);
	(void)edge_send(edge_find(c->kind, c->instance), IMSG_AUTH_ROW_DONE,
	    &w);
	free(c);
}

int
shelf_row_put(struct edge *edge, struct rbuf *r)
{
	struct row_found	 failed = { .result = ROW_FAILED };
	struct lockout_record	 lockout;
	struct carried		*c;
	struct rbuf		 record;
	struct wbuf		 w = { 0 };
	const uint8_t		*data;
	size_t			 len;
	uint64_t		 tag, version = 0;
	uint8_t			 kind;

	tag = rb_u64(r);
	kind = rb_enum(r, ROW_KIND_MAX - 1);
	data = rb_bytes(r, &len, 1, MAX_IMSGSIZE);
	if (rb_end(r) == -1 || (kind != ROW_USER && kind != ROW_LOCKOUT))
		return (-1);
	if (kind == ROW_LOCKOUT) {
		rb_init(&record, data, len);
		rb_lockout_record(&record, &lockout);
		if (rb_end(&record) == -1)
			return (-1);
		version = lockout.row_version;
	}
	if ((c = carried_new(edge, tag)) == NULL)
		return (0);
	wb_raw(&w, data, len);
	if (rows_put(kind, version, &w, NULL, row_put_done, c) == -1)
		row_put_done(c, &failed);
	wb_free(&w);
	return (0);
}

static void
collateral_found(void *arg, const struct row_found *found)
{
	struct carried	*c = arg;
	struct wbuf	 w = { 0 };

	wb_u64(&w, c->tag);
	wb_u8(&w, found->result == ROW_OK);
	wb_bytes(&w, found->record, found->len);
	(void)edge_send(edge_find(c->kind, c->instance),
	    IMSG_VERIFIER_COLLATERAL, &w);
	free(c);
}

int
shelf_collateral_want(struct edge *edge, struct rbuf *r)
{
	struct row_found	 none = { .result = ROW_NONE };
	struct carried		*c;
	char			 name[CLAIM_TEXT_MAX];
	uint64_t		 tag;

	tag = rb_u64(r);
	rb_str(r, name, sizeof(name));
	if (rb_end(r) == -1)
		return (-1);
	if ((c = carried_new(edge, tag)) == NULL)
		return (0);
	if (rows_find(ROW_COLLATERAL, NULL, name, collateral_found, c) == -1)
		collateral_found(c, &none);
	return (0);
}

static void
collateral_kept(void *arg, const struct row_found *found)
{
	(void)arg;
	if (found->result != ROW_OK)
		log_warnx("collateral is not kept: store says %d",
		    (int)found->result);
}

int
shelf_collateral_put(struct edge *edge, struct rbuf *r)
{
	static int	 owner;
	struct wbuf	 w = { 0 };
	const uint8_t	*data;
	char		 name[CLAIM_TEXT_MAX];
	uint64_t	 expiry;
	size_t		 len;

	(void)edge;
	rb_str(r, name, sizeof(name));
	expiry = rb_u64(r);
	data = rb_bytes(r, &len, 1, EVIDENCE_MAX);
	if (rb_end(r) == -1)
		return (-1);
	wb_str(&w, name);
	wb_u64(&w, expiry);
	wb_bytes(&w, data, len);
	(void)rows_put(ROW_COLLATERAL, 0, &w, NULL, collateral_kept, &owner);
	wb_free(&w);
	return (0);
}

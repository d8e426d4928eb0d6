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

/* Calls to the store: each has a tag, and a function that gets the answer. */

#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "log.h"

struct row_call {
	RB_ENTRY(row_call)	 entry;
	uint64_t		 tag;
	row_fn			 fn;
	void			*owner;		/* NULL: cancelled */
};

static int
row_call_cmp(const struct row_call *a, const struct row_call *b)
{
	return (a->tag < b->tag ? -1 : a->tag > b->tag);
}

static RB_HEAD(row_calls, row_call)	 calls = RB_INITIALIZER(&calls);

TREE_GENERATE(row_calls, row_call, entry, row_call_cmp)

static int
rows_call(uint32_t type, struct wbuf *body, row_fn fn, void *owner)
{
	static uint64_t	 tags;
	struct row_call	*call;
	struct wbuf	 w = { 0 };

	if ((call = calloc(1, sizeof(*call))) == NULL) {
		wb_free(body);
		return (-1);
	}
	call->tag = ++tags;
	call->fn = fn;
	call->owner = owner;
	wb_u64(&w, call->tag);
	wb_raw_of(&w, body);
	wb_free(body);
	if (edge_send(edge_find(PROC_STORE, 0), type, &w) == -1) {
		free(call);
		return (-1);
	}
	RB_INSERT(row_calls, &calls, call);
	return (0);
}

int
rows_find(enum row_kind kind, const struct uuid *id, const char *name,
    row_fn fn, void *owner)
{
	struct wbuf	 w = { 0 };

	wb_u8(&w, kind);
	wb_uuid(&w, id == NULL ? &uuid_nil : id);
	wb_str(&w, name);
	return (rows_call(IMSG_STORE_FIND, &w, fn, owner));
}

int
rows_list(enum row_kind kind, const struct wbuf *ask, row_fn fn, void *owner)
{
	struct wbuf	 w = { 0 };

	wb_u8(&w, kind);
	if (ask != NULL)
		wb_bytes_of(&w, ask);
	else
		wb_bytes(&w, NULL, 0);
	return (rows_call(IMSG_STORE_LIST, &w, fn, owner));
}

int
rows_put(enum row_kind kind, uint64_t version, const struct wbuf *record,
    const struct wbuf *intent, row_fn fn, void *owner)
{
	struct wbuf	 w = { 0 };

	wb_u8(&w, kind);
	wb_u64(&w, version);
	wb_bytes_of(&w, record);
	if (intent != NULL)
		wb_bytes_of(&w, intent);
	else
		wb_bytes(&w, NULL, 0);
	return (rows_call(IMSG_STORE_PUT, &w, fn, owner));
}

int
rows_delete(enum row_kind kind, const struct uuid *id, uint64_t version,
    row_fn fn, void *owner)
{
	struct wbuf	 w = { 0 };

	wb_u8(&w, kind);
	wb_uuid(&w, id);
	wb_u64(&w, version);
	return (rows_call(IMSG_STORE_DELETE, &w, fn, owner));
}

void
rows_cancel(void *owner)
{
	struct row_call	*call;

	RB_FOREACH(call, row_calls, &calls)
		if (call->owner == owner)
			call->owner = NULL;
}

static struct row_call *
rows_take(uint64_t tag)
{
	struct row_call	 key, *call;

	key.tag = tag;
	if ((call = RB_FIND(row_calls, &calls, &key)) != NULL)
		RB_REMOVE(row_calls, &calls, call);
	return (call);
}

static void
rows_answer(struct row_call *call, const struct row_found *found)
{
	if (call->owner != NULL)
		call->fn(call->owner, found);
	free(call);
}

void
rows_down(void)
{
	struct row_found	 found = { .result = ROW_FAILED };
	struct row_call		*call;

	while ((call = RB_MIN(row_calls, &calls)) != NULL) {
		RB_REMOVE(row_calls, &calls, call);
		rows_answer(call, &found);
	}
}

int
rows_found(struct edge *edge, struct rbuf *r)
{
	struct row_found	 found = { 0 };
	struct row_call		*call;
	uint64_t		 tag;

	(void)edge;
	tag = rb_u64(r);
	found.result = rb_enum(r, ROW_RESULT_MAX - 1);
	found.record = rb_bytes(r, &found.len, 0, EDGE_MESSAGE_MAX);
	found.second = rb_bytes(r, &found.secondlen, 0, EDGE_MESSAGE_MAX);
	if (rb_end(r) == -1 || (call = rows_take(tag)) == NULL)
		return (-1);
	rows_answer(call, &found);
	return (0);
}

int
rows_listed(struct edge *edge, struct rbuf *r)
{
	struct row_found	 found = { 0 };
	struct row_call		*call;
	uint64_t		 tag;

	(void)edge;
	tag = rb_u64(r);
	found.result = rb_enum(r, ROW_RESULT_MAX - 1);
	found.count = rb_u32(r);
	found.list = r;
	if (r->failed || (call = rows_take(tag)) == NULL)
		return (-1);
	rows_answer(call, &found);
	return (r->failed ? -1 : 0);
}

int
rows_put_done(struct edge *edge, struct rbuf *r)
{
	struct row_found	 found = { 0 };
	struct row_call		*call;
	uint64_t		 tag;

	(void)edge;
	tag = rb_u64(r);
	found.result = rb_enum(r, ROW_RESULT_MAX - 1);
	found.version = rb_u64(r);
	if (rb_end(r) == -1 || (call = rows_take(tag)) == NULL)
		return (-1);
	rows_answer(call, &found);
	return (0);
}

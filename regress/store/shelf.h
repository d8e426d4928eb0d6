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
 * The broker's side of the store program, for the tests of this folder; each
 * includes it once.
 */
#ifndef SHELF_H
#define SHELF_H

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "peer.h"

static struct child	*shelf;
static struct peer	*broker;
static uint64_t		 shelf_tag;	/* of the last request sent */
static uint64_t		 shelf_heard;	/* of the last PUT answered */
static uint64_t		 shelf_version;	/* what PUT_DONE said */
static struct rbuf	 shelf_items;	/* of the last list */

static struct child *
shelf_begin(void)
{
	struct wbuf	 w = { 0 };
	struct child	*c;
	char		 dir[4096];

	mkdir("d", 0700);
	ATF_REQUIRE(getcwd(dir, sizeof(dir) - 2) != NULL);
	strlcat(dir, "/d", sizeof(dir));
	c = child_start("store", PROC_STORE, 0, 0, dir);
	child_config(c, &w);
	return (c);
}

static void
shelf_start(void)
{
	shelf = shelf_begin();
	child_go(shelf);
	broker = child_edge(shelf, PROC_BROKER, 0, 9);
}

static void
shelf_end(void)
{
	peer_close(broker);
	child_end(shelf);
}

static void
shelf_put_send(enum row_kind row, uint64_t expected, struct wbuf *record,
    const char *intent)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, ++shelf_tag);
	wb_u8(&w, (uint8_t)row);
	wb_u64(&w, expected);
	wb_bytes(&w, record->data, record->len);
	wb_str(&w, intent);
	wb_free(record);
	peer_send(broker, IMSG_STORE_PUT, &w);
}

static int
shelf_put_result(void)
{
	struct rbuf	 r;
	int		 result;

	peer_recv(broker, IMSG_BROKER_PUT_DONE, &r, 20000);
	shelf_heard = rb_u64(&r);
	result = rb_enum(&r, ROW_RESULT_MAX - 1);
	shelf_version = rb_u64(&r);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	return (result);
}

static inline int
shelf_put(enum row_kind row, uint64_t expected, struct wbuf *record,
    const char *intent)
{
	shelf_put_send(row, expected, record, intent);
	return (shelf_put_result());
}

static inline int
shelf_delete(enum row_kind row, const struct uuid *id, uint64_t expected)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, ++shelf_tag);
	wb_u8(&w, (uint8_t)row);
	wb_uuid(&w, id);
	wb_u64(&w, expected);
	peer_send(broker, IMSG_STORE_DELETE, &w);
	return (shelf_put_result());
}

static inline int
shelf_find(enum row_kind row, const struct uuid *id, const char *name,
    struct rbuf *first, struct rbuf *second)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	const uint8_t	*p;
	size_t		 len;
	int		 result;

	wb_u64(&w, ++shelf_tag);
	wb_u8(&w, (uint8_t)row);
	wb_uuid(&w, id);
	wb_str(&w, name);
	peer_send(broker, IMSG_STORE_FIND, &w);
	peer_recv(broker, IMSG_BROKER_FOUND, &r, AGES);
	ATF_CHECK_EQ(shelf_tag, rb_u64(&r));
	result = rb_enum(&r, ROW_RESULT_MAX - 1);
	p = rb_bytes(&r, &len, 0, RECORD_BYTES_MAX);
	rb_init(first, p, len);
	p = rb_bytes(&r, &len, 0, RECORD_BYTES_MAX);
	rb_init(second, p, len);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	return (result);
}

/* The version of a key's row. */
static inline uint64_t
shelf_find_version(enum row_kind row, const struct uuid *id)
{
	struct key_record	 k;
	struct rbuf		 first, second;

	ATF_REQUIRE_EQ(ROW_OK, shelf_find(row, id, "", &first, &second));
	rb_key_record(&first, &k);
	ATF_REQUIRE_EQ(0, rb_end(&first));
	return (k.row_version);
}

static inline int
shelf_list(enum row_kind row, const struct ask *ask, uint32_t *n)
{
	struct wbuf	 w = { 0 }, inner = { 0 };
	int		 result;

	wb_u64(&w, ++shelf_tag);
	wb_u8(&w, (uint8_t)row);
	if (ask != NULL)
		wb_ask(&inner, ask);
	wb_bytes(&w, inner.data, inner.len);
	wb_free(&inner);
	peer_send(broker, IMSG_STORE_LIST, &w);
	peer_recv(broker, IMSG_BROKER_LISTED, &shelf_items, AGES);
	ATF_CHECK_EQ(shelf_tag, rb_u64(&shelf_items));
	result = rb_enum(&shelf_items, ROW_RESULT_MAX - 1);
	*n = rb_u32(&shelf_items);
	return (result);
}

/* The next item of the last list. */
static inline void
shelf_item(struct rbuf *record, char intent[64])
{
	const uint8_t	*p;
	char		 text[64];
	size_t		 len;

	p = rb_bytes(&shelf_items, &len, 1, RECORD_BYTES_MAX);
	rb_init(record, p, len);
	rb_str(&shelf_items, intent != NULL ? intent : text, 64);
	ATF_REQUIRE(!shelf_items.failed);
}

#endif

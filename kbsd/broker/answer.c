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

/* Answers to frontends, gates and control. */

#include <string.h>

#include "broker.h"
#include "log.h"

static void
answer_head(struct wbuf *w, uint64_t number, unsigned int status,
    unsigned int retry_after, const char *error, uint8_t tees,
    enum answer_kind kind, uint32_t count)
{
	wb_u64(w, number);
	wb_u16(w, (uint16_t)status);
	wb_u16(w, (uint16_t)retry_after);
	wb_str(w, error);
	wb_u8(w, tees);
	wb_u8(w, kind);
	wb_u32(w, count);
}

static void
answer_send(struct request *req, struct wbuf *w)
{
	struct edge	*edge = edge_front(req->name.front);

	/*
	 * A request of the broker's own has nobody to be answered.  What there
	 * was no memory for becomes a shorter answer.
	 */
	if (edge != NULL && req->name.front != self.front &&
	    edge_send(edge, IMSG_FRONTEND_ANSWER, w) == -1)
		answer_busy(edge, req->name.number);
	wb_free(w);
	request_free(req);
}

void
answer_busy(struct edge *edge, uint64_t number)
{
	struct wbuf	 w = { 0 };

	answer_head(&w, number, 503, 1, "too many requests at once", 0,
	    ANSWER_NONE, 0);
	(void)edge_send(edge, IMSG_FRONTEND_ANSWER, &w);
}

void
answer_error(struct request *req, unsigned int status,
    unsigned int retry_after, const char *text)
{
	struct wbuf	 w = { 0 };

	monitor_finished(req, status, text);
	answer_head(&w, req->name.number, status, retry_after, text, 0,
	    ANSWER_NONE, 0);
	answer_send(req, &w);
}

void
answer_records(struct request *req, unsigned int status,
    enum answer_kind kind, uint32_t count, struct wbuf *records)
{
	struct wbuf	 w = { 0 };

	monitor_finished(req, status, "");
	answer_head(&w, req->name.number, status, 0, "", 0, kind, count);
	if (records != NULL) {
		wb_raw_of(&w, records);
		wb_free(records);
	}
	answer_send(req, &w);
}

void
answer_nonce(struct request *req, uint8_t tees, struct wbuf *parts)
{
	struct wbuf	 w = { 0 };

	monitor_finished(req, 200, "");
	answer_head(&w, req->name.number, 200, 0, "", tees, ANSWER_NONCE, 1);
	wb_raw_of(&w, parts);
	wb_free(parts);
	answer_send(req, &w);
}

void
answer_done(struct request *req, enum done_result result, const char *reason)
{
	static const struct {
		unsigned int	 status;
		unsigned int	 retry;
		const char	*text;	/* NULL: the reason may be told */
	} table[DONE_RESULT_MAX] = {
		[DONE_OK] = { 500, 0, "internal error" },
		[DONE_REFUSED] = { 500, 0, "the key is refused" },
		[DONE_INVALID] = { 400, 0, NULL },
		[DONE_NONE] = { 500, 0, "the key's material is missing" },
		[DONE_STALE] = { 503, 1, "the key was changed meanwhile" },
		[DONE_UNAVAILABLE] = { 502, 0, "the keystore can't be used" },
		[DONE_TIMEOUT] = { 503, 1, "not answered in time" },
		[DONE_BUSY] = { 503, 1, "too many requests at once" },
	};

	answer_error(req, table[result].status, table[result].retry,
	    table[result].text != NULL ? table[result].text : reason);
}

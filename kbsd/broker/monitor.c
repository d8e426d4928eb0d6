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
 * What `kbsctl monitor' sees: a line for each request that ends, sent to
 * control while somebody watches.  Control says how many it will take, so that
 * one that stands still costs a count and no memory.
 */

#include <string.h>
#include <time.h>

#include "broker.h"

static uint32_t	 credit;
static uint64_t	 lost;		/* since the last line that went */
static int	 watched;

/* Nobody watches any longer, or nobody knows. */
void
monitor_stop(void)
{
	credit = 0;
	lost = 0;
	watched = 0;
}

int
monitor_watch(struct edge *edge, struct rbuf *r)
{
	uint32_t	 n = rb_u32(r);

	(void)edge;
	if (rb_end(r) == -1)
		return (-1);
	if (n == 0) {
		monitor_stop();
		return (0);
	}
	watched = 1;
	/* Control counts lines that it was sent before it said 0, too. */
	credit = n > MONITOR_LINES - credit ? MONITOR_LINES : credit + n;
	return (0);
}

static uint64_t
unix_ms(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

static void
monitor_send(struct wbuf *line)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, lost);
	wb_u64(&w, unix_ms());
	wb_raw_of(&w, line);
	wb_free(line);
	if (edge_send(edge_find(PROC_CONTROL, 0), IMSG_CONTROL_FINISHED,
	    &w) == -1) {
		lost++;
		return;
	}
	credit--;
	lost = 0;
}

static int
monitor_wants(void)
{
	if (!watched)
		return (0);
	if (credit > 0)
		return (1);
	lost++;
	return (0);
}

/* In one word; the client's status and text say the rest. */
static const char *
outcome(const struct request *req, unsigned int status)
{
	if (status == 0)
		return ("gone");
	if (status >= 500)
		return ("failed");
	if (status == 401 || status == 403)
		return ("denied");
	if (status >= 400)
		return ("refused");
	if (req->op != OP_TRANSFER)
		return ("done");
	return (req->step == TRANSFER_FIRST ? "nonce" : "released");
}

static const struct uuid *
object_of(const struct request *req)
{
	if (!uuid_isnil(&req->key.id))
		return (&req->key.id);
	return (uuid_isnil(&req->object) ? &req->id : &req->object);
}

void
monitor_finished(const struct request *req, unsigned int status,
    const char *error)
{
	const struct edge	*front = edge_front(req->name.front);
	struct wbuf		 w = { 0 };
	char			 id[REQUEST_ID_TEXT];

	if (req->name.front == self.front || !monitor_wants())
		return;
	wb_u32(&w, front != NULL ? front->peer : PROC_MAX);
	wb_u32(&w, front != NULL ? front->instance : 0);
	wb_str(&w, name_format(&req->name, id));
	wb_str(&w, req->client);
	wb_u8(&w, req->op);
	wb_uuid(&w, object_of(req));
	wb_str(&w, req->who);
	wb_u8(&w, req->tees);
	wb_str(&w, outcome(req, status));
	wb_u16(&w, (uint16_t)status);
	wb_str(&w, error);
	wb_u64(&w, now_ms() - req->begun);
	monitor_send(&w);
}

/* Auth tells of it when it is over: how long it took is not known here. */
void
monitor_login(const char *client, const char *name, int ok,
    const char *reason)
{
	static const struct uuid	 none;
	struct wbuf			 w = { 0 };

	if (!monitor_wants())
		return;
	wb_u32(&w, PROC_AUTH);
	wb_u32(&w, 0);
	wb_str(&w, "");
	wb_str(&w, client);
	wb_u8(&w, OP_LOGIN);
	wb_uuid(&w, &none);
	wb_str(&w, name);
	wb_u8(&w, 0);
	wb_str(&w, ok ? "done" : "denied");
	wb_u16(&w, ok ? 200 : 401);
	wb_str(&w, reason);
	wb_u64(&w, 0);
	monitor_send(&w);
}

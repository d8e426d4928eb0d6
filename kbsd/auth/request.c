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
 * An administrator's request comes in two parts: what is asked, through the
 * broker, and who asks it, from frontend or control itself.  The first that
 * comes waits for the other.  Both are taken out together, so a part is good
 * for one request.
 */

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "log.h"
#include "tree.h"

/* Of all fronts; each has its own limit too. */
#define REQUESTS_MAX	2048

#define PART_ASKED	0x1
#define PART_CLAIMED	0x2
#define PART_BOTH	(PART_ASKED | PART_CLAIMED)

struct request {
	RB_ENTRY(request)	 entry;
	struct request_name	 name;
	struct event		*timer;
	int			 parts;
	struct asking		 asking;
};

uint32_t	 request_wait_ms = DEADLINE_REQUEST_MS;

static int
request_cmp(const struct request *a, const struct request *b)
{
	return (name_cmp(&a->name, &b->name));
}

static RB_HEAD(requests, request)	 requests = RB_INITIALIZER(&requests);
static unsigned int			 nrequests;

TREE_GENERATE(requests, request, entry, request_cmp)

unsigned int
request_count(void)
{
	return (nrequests);
}

void
request_free(struct request *req)
{
	struct asking	*a = &req->asking;

	RB_REMOVE(requests, &requests, req);
	nrequests--;
	rows_cancel(a);
	hash_cancel(a);
	event_free(req->timer);
	wb_free(&a->askbytes);
	if (a->token != NULL)
		freezero(a->token, strlen(a->token));
	password_free(a->password);
	freezero(req, sizeof(*req));
}

static void
request_timeout(int fd, short what, void *arg)
{
	struct request	*req = arg;

	(void)fd;
	(void)what;
	if (req->parts == PART_BOTH) {
		grant_refuse(&req->asking, 503, 1, "not granted in time",
		    "not granted in time");
		return;
	}
	auth_counts.unmatched++;
	if (req->parts == PART_ASKED)
		grant_refuse(&req->asking, 503, 1, "not granted in time",
		    "nobody claimed it");
	else
		request_free(req);
}

static int
request_rearm(struct request *req)
{
	struct timeval	 tv;

	tv.tv_sec = request_wait_ms / 1000;
	tv.tv_usec = request_wait_ms % 1000 * 1000;
	return (evtimer_add(req->timer, &tv));
}

static struct request *
request_find(const struct request_name *name)
{
	struct request	 key;

	key.name = *name;
	return (RB_FIND(requests, &requests, &key));
}

/* The first of a front, or behind it; who asks looks at the front. */
static struct request *
request_first(uint32_t front)
{
	struct request	 key;

	key.name.front = front;
	key.name.number = 0;
	return (RB_NFIND(requests, &requests, &key));
}

static int
front_is_full(uint32_t front)
{
	struct request	*req;
	unsigned int	 n = 0;

	for (req = request_first(front); req != NULL &&
	    req->name.front == front; req = RB_NEXT(requests, &requests, req))
		n++;
	return (n >= FRONT_REQUESTS_MAX);
}

static struct request *
request_new(const struct request_name *name)
{
	struct request	*req;

	if (nrequests >= REQUESTS_MAX || front_is_full(name->front) ||
	    (req = calloc(1, sizeof(*req))) == NULL)
		return (NULL);
	req->timer = evtimer_new(base, request_timeout, req);
	if (req->timer == NULL || request_rearm(req) == -1) {
		if (req->timer != NULL)
			event_free(req->timer);
		free(req);
		return (NULL);
	}
	req->name = *name;
	req->asking.request = req;
	req->asking.name = *name;
	RB_INSERT(requests, &requests, req);
	nrequests++;
	return (req);
}

/* A part has come: with the other it is a request. */
static void
request_part(struct request *req, int part)
{
	req->parts |= part;
	if (req->parts != PART_BOTH)
		return;
	(void)request_rearm(req);
	grant_begin(&req->asking);
}

/* --- from the broker ---------------------------------------------------- */

static int
read_ask(struct asking *a)
{
	struct rbuf	 r;

	if (a->askbytes.failed)
		return (-1);
	rb_init(&r, a->askbytes.data, a->askbytes.len);
	rb_ask(&r, &a->ask);
	return (rb_end(&r));
}

int
request_asked(struct edge *edge, struct rbuf *r)
{
	struct request_name	 name;
	struct request		*req;
	const uint8_t		*ask;
	char			 client[ADDRESS_TEXT_MAX];
	size_t			 len;

	(void)edge;
	rb_name(r, &name);
	rb_str(r, client, sizeof(client));
	ask = rb_bytes(r, &len, 1, EVIDENCE_MAX);
	if (rb_end(r) == -1 || name.front == 0)
		return (-1);
	if ((req = request_find(&name)) != NULL &&
	    (req->parts & PART_ASKED) != 0)
		return (-1);		/* names are never used again */
	if (req == NULL && (req = request_new(&name)) == NULL) {
		auth_counts.busy++;
		grant_refuse_name(&name, 503, 1, "too many requests", "",
		    "too many requests");
		return (0);
	}
	(void)strlcpy(req->asking.client, client, sizeof(req->asking.client));
	wb_raw(&req->asking.askbytes, ask, len);
	if (read_ask(&req->asking) == -1) {
		grant_refuse(&req->asking, 400, 0, "malformed request",
		    "what is asked makes no sense");
		return (0);
	}
	request_part(req, PART_ASKED);
	return (0);
}

/* --- from frontend and control ------------------------------------------ */

/* NULL with *bad 0: the front is known, but has too many. */
static struct request *
request_claimed(uint32_t front, uint64_t number, int *bad)
{
	struct request_name	 name = { .front = front, .number = number };
	struct request		*req;

	*bad = 0;
	if ((req = request_find(&name)) == NULL) {
		if ((req = request_new(&name)) == NULL)
			auth_counts.busy++;
		return (req);
	}
	if ((req->parts & PART_CLAIMED) == 0)
		return (req);
	*bad = 1;
	return (NULL);
}

/* A new password, if there is one. */
static void
claim_password(struct asking *a, const uint8_t *password, size_t len)
{
	if (len == 0)
		return;
	if (!password_valid((const char *)password, len) ||
	    (a->password = password_copy(password, len)) == NULL)
		a->password_bad = 1;
}

int
request_claim(struct edge *edge, struct rbuf *r)
{
	struct request	*req;
	const uint8_t	*password;
	char		 token[BEARER_TEXT_MAX + 1];
	uint8_t		 claimed[DIGEST_LEN];
	uint64_t	 number;
	size_t		 len;
	int		 bad = 1;

	number = rb_u64(r);
	rb_str(r, token, sizeof(token));
	rb_digest(r, claimed);
	password = rb_bytes(r, &len, 0, EVIDENCE_MAX);
	if (rb_end(r) == -1 ||
	    (req = request_claimed(edge->front, number, &bad)) == NULL)
		goto done;
	if ((req->asking.token = strdup(token)) == NULL) {
		request_free(req);
		goto done;
	}
	memcpy(req->asking.claimed, claimed, sizeof(claimed));
	claim_password(&req->asking, password, len);
	request_part(req, PART_CLAIMED);
done:
	explicit_bzero(token, sizeof(token));
	return (bad ? -1 : 0);
}

int
request_local(struct edge *edge, struct rbuf *r)
{
	struct request	*req;
	const uint8_t	*password;
	uint8_t		 claimed[DIGEST_LEN];
	uint64_t	 number;
	uint32_t	 uid;
	size_t		 len;
	int		 bad;

	number = rb_u64(r);
	uid = rb_u32(r);
	rb_digest(r, claimed);
	password = rb_bytes(r, &len, 0, EVIDENCE_MAX);
	if (rb_end(r) == -1)
		return (-1);
	if ((req = request_claimed(edge->front, number, &bad)) == NULL)
		return (bad ? -1 : 0);
	req->asking.local = 1;
	req->asking.uid = uid;
	memcpy(req->asking.claimed, claimed, sizeof(claimed));
	claim_password(&req->asking, password, len);
	request_part(req, PART_CLAIMED);
	return (0);
}

/* --- ends --------------------------------------------------------------- */

/* Its client is gone; the broker knows that by itself. */
void
request_front_down(const struct edge *edge)
{
	struct request	*req, *next;

	for (req = request_first(edge->front); req != NULL &&
	    req->name.front == edge->front; req = next) {
		next = RB_NEXT(requests, &requests, req);
		request_free(req);
	}
}

/* What it was asked is forgotten there, so a claim waits for nothing. */
void
request_broker_down(void)
{
	struct request	*req;

	while ((req = RB_MIN(requests, &requests)) != NULL)
		request_free(req);
}

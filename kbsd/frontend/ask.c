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
 * What clients ask, as messages.  A request of an administrator goes in two
 * parts: what is asked to the broker, without any secret, and the token with
 * the digest of what is asked, and a new password, to auth alone.  Key
 * material goes to the maker alone.  What is wrong with a body is found here
 * before anything is sent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "frontend.h"
#include "kbsd.h"
#include "object.h"
#include "version.h"

static int
refuse(struct request *req, int status, const char *why)
{
	/* What could not be read for want of memory is not the client's. */
	if (status == 400 && errno == ENOMEM) {
		status = 503;
		why = "no memory";
	}
	request_error(req, status, why);
	return (-1);
}

static int
interrupted(struct request *req)
{
	return (refuse(req, 503, "the service is not available"));
}

/* A body of no bytes has no address either. */
static const char *
text_of(const struct http_request *http)
{
	return (http->bodylen == 0 ? "" : (const char *)http->body);
}

static void
ask_begin(struct ask *ask, const struct request *req)
{
	memset(ask, 0, sizeof(*ask));
	ask->op = (uint8_t)req->route->op;
	ask->id = req->id;
}

static unsigned int
ask_waits(const struct ask *ask)
{
	unsigned int	 waits = WAIT_BROKER | WAIT_AUTH;

	if ((ask->filter & FILTER_CHECK) != 0)
		return (waits);
	if (ask->op == OP_KEY_RELEASE)
		waits |= WAIT_ENGINE;
	if (ask->op == OP_KEY_REGISTER && ask->has_material)
		waits |= WAIT_MAKER;
	return (waits);
}

/* Both halves of it. */
static int
ask_send(struct request *req, const struct http_request *http,
    const struct ask *ask, const char *password)
{
	struct edge		*broker = edge_find(PROC_BROKER, 0);
	struct edge		*auth = edge_find(PROC_AUTH, 0);
	struct http_slice	 token;
	struct wbuf		 bytes = { 0 }, w = { 0 }, claim = { 0 };
	uint8_t			 sum[DIGEST_LEN];
	size_t			 len;

	if (broker == NULL || auth == NULL ||
	    request_token(http, &token) == -1)
		return (interrupted(req));
	wb_ask(&bytes, ask);
	if (bytes.failed) {
		wb_free(&bytes);
		return (interrupted(req));
	}
	digest(sum, bytes.data, bytes.len);
	wb_u64(&w, req->number);
	wb_str(&w, conn_address(req->conn));
	wb_bytes_of(&w, &bytes);
	wb_free(&bytes);
	wb_u64(&claim, req->number);
	wb_bytes(&claim, token.base, token.len);
	wb_digest(&claim, sum);
	wb_str(&claim, password);
	len = w.len;
	if (edge_send(broker, IMSG_BROKER_ASK, &w) == -1) {
		wb_free(&claim);
		return (interrupted(req));
	}
	if (edge_send(auth, IMSG_AUTH_CLAIM, &claim) == -1)
		return (interrupted(req));
	request_wait(req, ask_waits(ask), len);
	return (0);
}

/* Only whether the token is good, since we refuse the request ourselves. */
int
ask_check(struct request *req, const struct http_request *http)
{
	struct ask	 ask;

	memset(&ask, 0, sizeof(ask));
	ask.op = (uint8_t)req->route->op;
	ask.filter = FILTER_CHECK;
	req->checking = 1;
	if (ask_send(req, http, &ask, "") == 0)
		return (0);
	/* unjudged, it is not told what is wrong */
	req->checking = 0;
	request_fail(req, 503, "the service is not available");
	return (0);
}

int
ask_version(struct request *req, const struct http_request *http)
{
	struct reply	 rep = { 0 };
	struct wbuf	 w = { 0 };

	(void)http;
	object_version(&w, "Key Broker Service", KBSD_VERSION, KBSD_GITHASH,
	    KBSD_BUILDDATE);
	if (w.failed) {
		wb_free(&w);
		return (interrupted(req));
	}
	rep.status = 200;
	rep.type = "application/json";
	rep.body = w.data;
	rep.bodylen = w.len;
	request_reply(req, &rep);
	wb_free(&w);
	return (0);
}

int
ask_login(struct request *req, const struct http_request *http)
{
	struct edge	*auth = edge_find(PROC_AUTH, 0);
	struct wbuf	 w = { 0 };
	char		 name[NAME_MAX_USER], password[PASSWORD_MAX + 2];
	char		 why[OBJECT_WHY];
	int		 ret = -1;

	if (object_read_login(name, password, text_of(http), http->bodylen,
	    why, sizeof(why)) == -1) {
		(void)refuse(req, 400, why);
		goto done;
	}
	wb_u64(&w, req->number);
	wb_str(&w, conn_address(req->conn));
	wb_str(&w, name);
	wb_str(&w, password);
	if (edge_send(auth, IMSG_AUTH_LOGIN, &w) == -1) {
		interrupted(req);
		goto done;
	}
	request_wait(req, WAIT_AUTH, 0);
	ret = 0;
done:
	explicit_bzero(password, sizeof(password));
	return (ret);
}

int
ask_plain(struct request *req, const struct http_request *http)
{
	struct ask	 ask;

	ask_begin(&ask, req);
	return (ask_send(req, http, &ask, ""));
}

/* Parameters in any order, each once. */
int
ask_search(struct request *req, const struct http_request *http)
{
	struct http_slice	 rest = http->target.query;
	struct http_pair	 pair;
	struct ask		 ask;
	char			 why[OBJECT_WHY];
	uint8_t			 before;
	int			 n;

	ask_begin(&ask, req);
	while ((n = http_query_next(&rest, &pair)) == 1) {
		before = ask.filter;
		if (object_read_filter(&ask, pair.name, pair.value, why,
		    sizeof(why)) == -1)
			return (refuse(req, 400, why));
		if (ask.filter == before)
			return (refuse(req, 400, "repeated query parameter"));
	}
	if (n == -1)
		return (refuse(req, 400, "the query is malformed"));
	if (ask.filter == 0 && req->route->op != OP_POLICY_SEARCH)
		return (refuse(req, 400, "no query parameter"));
	return (ask_send(req, http, &ask, ""));
}

int
ask_user(struct request *req, const struct http_request *http)
{
	struct ask	 ask;
	char		 password[PASSWORD_MAX + 1], why[OBJECT_WHY];
	int		 ret;

	ask_begin(&ask, req);
	if (object_read_user(&ask, ask.op, password, text_of(http),
	    http->bodylen, why, sizeof(why)) == -1)
		ret = refuse(req, 400, why);
	else
		ret = ask_send(req, http, &ask,
		    ask.has_password ? password : "");
	explicit_bzero(password, sizeof(password));
	return (ret);
}

int
ask_policy(struct request *req, const struct http_request *http)
{
	struct ask	 ask;
	char		*text = NULL, why[OBJECT_WHY];
	int		 ret;

	ask_begin(&ask, req);
	if (object_read_policy(&ask, &text, text_of(http), http->bodylen, why,
	    sizeof(why)) == -1)
		return (refuse(req, 400, why));
	ret = ask_send(req, http, &ask, "");
	free(text);
	return (ret);
}

/* Before the ask, so that it lies there when the grant comes. */
static int
send_material(struct request *req, const uint8_t *material, size_t len)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, req->number);
	wb_bytes(&w, material, len);
	return (edge_send(edge_find(PROC_MAKER, 0), IMSG_MAKER_MATERIAL, &w));
}

int
ask_key(struct request *req, const struct http_request *http)
{
	struct ask	 ask;
	uint8_t		*material = NULL;
	char		 why[OBJECT_WHY];
	size_t		 len = 0;
	int		 ret;

	ask_begin(&ask, req);
	if (object_read_key(&ask, &material, &len, text_of(http),
	    http->bodylen, why, sizeof(why)) == -1)
		return (refuse(req, 400, why));
	if (material != NULL && send_material(req, material, len) == -1)
		ret = interrupted(req);
	else
		ret = ask_send(req, http, &ask, "");
	freezero(material, len);
	return (ret);
}

int
ask_move(struct request *req, const struct http_request *http)
{
	struct ask	 ask;
	char		 why[OBJECT_WHY];

	ask_begin(&ask, req);
	if (object_read_move(&ask, text_of(http), http->bodylen, why,
	    sizeof(why)) == -1)
		return (refuse(req, 400, why));
	return (ask_send(req, http, &ask, ""));
}

int
ask_release(struct request *req, const struct http_request *http)
{
	struct ask	 ask;
	const char	*why;
	uint8_t		*der;
	int		 ret;

	ask_begin(&ask, req);
	if ((der = pubkey_read(http->body, http->bodylen, &ask.pubkeylen,
	    &why)) == NULL)
		return (refuse(req, 400, why));
	ask.pubkey = der;
	ask.has_material = 1;
	digest(ask.material, der, ask.pubkeylen);
	ret = ask_send(req, http, &ask, "");
	free(der);
	return (ret);
}

/* --- transfer --------------------------------------------------------- */

/*
 * The length of the evidence is filled in afterwards: it is large, and not
 * copied once more.
 */
static void
put_evidence(struct wbuf *w, const struct evidence *e)
{
	size_t	 at = w->len, len;

	wb_u32(w, 0);
	wb_evidence(w, e);
	if (w->failed)
		return;
	len = w->len - at - 4;
	w->data[at] = (uint8_t)(len >> 24);
	w->data[at + 1] = (uint8_t)(len >> 16);
	w->data[at + 2] = (uint8_t)(len >> 8);
	w->data[at + 3] = (uint8_t)len;
}

/* Another version of the key than the newest: a decimal number from 1. */
static int
transfer_version(const struct http_request *http, uint32_t *version)
{
	struct http_slice	 rest = http->target.query;
	struct http_pair	 pair;
	const char		*why;
	int			 n;

	*version = 0;
	while ((n = http_query_next(&rest, &pair)) == 1) {
		if (strcmp(pair.name, "version") != 0)
			continue;
		if (*version != 0 || pair.value[0] == '\0' ||
		    pair.value[strspn(pair.value, "0123456789")] != '\0')
			return (-1);
		*version = (uint32_t)strtonum(pair.value, 1, UINT32_MAX,
		    &why);
		if (why != NULL)
			return (-1);
	}
	return (n);
}

static int
transfer_send(struct request *req, enum transfer_step step, uint32_t version,
    const struct evidence *e)
{
	struct wbuf	 w = { 0 };
	size_t		 len;

	wb_u64(&w, req->number);
	wb_str(&w, conn_address(req->conn));
	wb_uuid(&w, &req->id);
	wb_u8(&w, (uint8_t)step);
	wb_u32(&w, version);
	if (e == NULL)
		wb_bytes(&w, NULL, 0);
	else
		put_evidence(&w, e);
	len = w.len;
	if (edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_TRANSFER,
	    &w) == -1)
		return (interrupted(req));
	req->step = (uint8_t)step;
	request_wait(req, step == TRANSFER_FIRST ? WAIT_BROKER :
	    WAIT_BROKER | WAIT_ENGINE, len);
	return (0);
}

/*
 * Which step it is, the header says, and whether there is a body.
 */
int
ask_transfer(struct request *req, const struct http_request *http)
{
	struct object_evidence	 oe = { 0 };
	struct http_slice	 value;
	char			 why[OBJECT_WHY];
	uint32_t		 version;
	uint8_t			 tees = 0;
	int			 has, ret;

	if (transfer_version(http, &version) == -1)
		return (refuse(req, 400, "version must be one number, from "
		    "1"));
	has = http_header_one(http, "attestation-type", &value);
	if (has == -1 || (has == 1 && (tees_parse(value.base, value.len,
	    &tees) == -1 || tees == 0)))
		return (refuse(req, 400, "unknown Attestation-Type"));
	if (http->bodylen == 0 && has == 0)
		return (transfer_send(req, TRANSFER_FIRST, version, NULL));
	if (object_read_evidence(&oe, tees, text_of(http), http->bodylen, why,
	    sizeof(why)) == -1)
		ret = refuse(req, 400, why);
	else
		ret = transfer_send(req, has == 1 ? TRANSFER_EVIDENCE :
		    TRANSFER_TOKEN, version, &oe.e);
	object_evidence_free(&oe);
	return (ret);
}

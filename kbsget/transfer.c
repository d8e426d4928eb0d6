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
 * The steps of a transfer: with a token one request, with evidence two, the
 * first for the verifier's nonce.  What the server says no to is printed in
 * its own words and with what may be done about it.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "json.h"
#include "kbsget.h"
#include "log.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

#define NONCE_MAX	4096		/* bytes of one of its parts */
#define RETRY_FIRST	1		/* seconds, doubled each time */
#define RETRY_MAX	16

struct nonce {
	json_t		*json;		/* goes back as it came */
	uint8_t		*val;
	uint8_t		*iat;
	size_t		 vallen;
	size_t		 iatlen;
};

static const struct {
	int		 status;
	const char	*text;
	const char	*hint;
} transfer_refusals[] = {
	{ 400, "the server does not understand the request",
	    "check the token or the quote" },
	{ 401, "denied", "the key's policy asks for something else; the "
	    "server's audit log has the reason under the request id" },
	{ 403, "denied", "the key's policy asks for something else; the "
	    "server's audit log has the reason under the request id" },
	{ 404, "no such key", "check -k, and the path in -u" },
	{ 413, "the server takes no request so large",
	    "is the token, quote or event log the right file?" },
	{ 415, "the server does not understand the request",
	    "is -u the address of a key broker?" },
	{ 429, "too many requests", "try again later" },
	{ 500, "the server failed", "its log has more under the request id" },
	{ 502, "the server can't reach its verifier or key store",
	    "try again later" },
	{ 503, "the server is busy or starting", "try again" },
	{ 504, "the server's verifier or key store is slow", "try again" },
};

/* The text of {"error": "..."}, malloc'd, or NULL. */
static char *
transfer_error(const struct response *resp)
{
	char	 why[256], *text = NULL;
	json_t	*root, *error;
	const struct json_member members[] = {
		{ "error", JSON_MEMBER_STRING, 1, &error },
	};

	if (!resp->json || resp->body == NULL || (root = json_read(
	    (const char *)resp->body, resp->bodylen, &json_small, why,
	    sizeof(why))) == NULL)
		return (NULL);
	if (json_pick(root, members, nitems(members), why, sizeof(why)) == 0)
		text = strdup(json_string_value(error));
	json_decref(root);
	return (text);
}

/* Say why there is no key. */
static void
transfer_refused(const struct response *resp)
{
	const char	*what = "unexpected answer";
	const char	*hint = "is -u the address of a key broker?";
	char		*text = transfer_error(resp);
	size_t		 i;

	for (i = 0; i < nitems(transfer_refusals); i++)
		if (transfer_refusals[i].status == resp->status) {
			what = transfer_refusals[i].text;
			hint = transfer_refusals[i].hint;
		}
	log_warnx("%s (status %d): %.500s", what, resp->status,
	    text != NULL ? text : "the server gave no reason");
	if (resp->request_id[0] != '\0')
		log_warnx("request id %s", resp->request_id);
	if (resp->retry_after > 0)
		log_warnx("%s in %u seconds", resp->status == 503 ? hint :
		    "try again", resp->retry_after);
	else
		log_warnx("%s", hint);
	free(text);
}

/* A 200 with JSON in it: anything else is said and refused. */
static int
transfer_post(struct transfer *t, struct response *resp)
{
	int	 rv;

	t->again = 0;
	if ((rv = request_post(&t->req, resp)) != 0) {
		if (rv == REQUEST_UNREACHED)
			t->again = RETRY_FIRST;
		return (KBSGET_NOCONNECTION);
	}
	if (resp->status != 200) {
		transfer_refused(resp);
		if (resp->status == 503)
			t->again = resp->retry_after;
		return (KBSGET_DENIED);
	}
	if (!resp->json || resp->body == NULL) {
		log_warnx("the server's answer is not JSON: is -u the "
		    "address of a key broker?");
		return (KBSGET_DENIED);
	}
	return (KBSGET_DONE);
}

static void
nonce_free(struct nonce *nonce)
{
	json_decref(nonce->json);
	free(nonce->val);
	free(nonce->iat);
	memset(nonce, 0, sizeof(*nonce));
}

static int
nonce_read(struct nonce *nonce, const struct response *resp)
{
	char	 why[256];
	json_t	*val, *iat, *signature;
	const struct json_member members[] = {
		{ "val", JSON_MEMBER_STRING, 1, &val },
		{ "iat", JSON_MEMBER_STRING, 1, &iat },
		{ "signature", JSON_MEMBER_STRING, 1, &signature },
	};

	nonce->json = json_read((const char *)resp->body, resp->bodylen,
	    &json_small, why, sizeof(why));
	if (nonce->json == NULL || json_pick(nonce->json, members,
	    nitems(members), why, sizeof(why)) == -1 ||
	    json_base64(val, NONCE_MAX, &nonce->val, &nonce->vallen, why,
	    sizeof(why)) == -1 ||
	    json_base64(iat, NONCE_MAX, &nonce->iat, &nonce->iatlen, why,
	    sizeof(why)) == -1) {
		log_warnx("the server's nonce is malformed: %s", why);
		return (-1);
	}
	return (0);
}

/* Encode bytes into a new member. */
static int
json_setbytes(json_t *object, const char *name, const uint8_t *p, size_t len)
{
	char	*text;
	int	 rv = -1;

	if ((text = malloc(BASE64_SIZE(len))) == NULL)
		return (-1);
	if (base64_encode(text, BASE64_SIZE(len), p, len) != -1)
		rv = json_object_set_new(object, name, json_string(text));
	free(text);
	return (rv);
}

/* Post an object; the request's body is gone afterwards. */
static int
transfer_json(struct transfer *t, json_t *body, struct response *resp)
{
	char	*text;
	size_t	 len;
	int	 rv;

	response_init(resp);
	if ((text = json_write(body, &len)) == NULL) {
		log_warnx("out of memory");
		return (KBSGET_DENIED);
	}
	t->req.body = text;
	t->req.bodylen = len;
	rv = transfer_post(t, resp);
	t->req.body = NULL;
	t->req.bodylen = 0;
	freezero(text, len);
	return (rv);
}

static int
transfer_passport(struct transfer *t, struct response *resp)
{
	json_t	*body;
	int	 rv = KBSGET_DENIED;

	response_init(resp);
	body = json_object();
	if (json_object_set_new(body, "attestation_token",
	    json_string(t->token)) == -1)
		log_warnx("the token can't be sent: is it a JWT?");
	else
		rv = transfer_json(t, body, resp);
	json_decref(body);
	return (rv);
}

/* First step: the nonce, and which TEE the key's policy wants. */
static int
transfer_nonce(struct transfer *t, struct nonce *nonce)
{
	struct response	 resp;
	const char	*why;
	enum tee	 tee;
	int		 rv;

	if ((rv = transfer_post(t, &resp)) != KBSGET_DONE)
		goto done;
	rv = KBSGET_DENIED;
	if ((tee = tee_header(resp.attestation_type, &why)) == TEE_NONE) {
		log_warnx("%s", why);
		goto done;
	}
	if (t->source.tee != TEE_NONE && t->source.tee != tee) {
		log_warnx("this key wants evidence of %s, and %s gives that "
		    "of %s", tee_name(tee), t->source.dir,
		    tee_name(t->source.tee));
		goto done;
	}
	if (t->type != TEE_NONE && t->type != tee) {
		log_warnx("this key wants evidence of %s, and -T says %s",
		    tee_name(tee), tee_name(t->type));
		goto done;
	}
	t->tee = tee;
	if (nonce_read(nonce, &resp) == 0)
		rv = KBSGET_DONE;
 done:
	response_free(&resp);
	return (rv);
}

/* Second step's body: the quote and all that its report data covers. */
static json_t *
transfer_evidence(struct transfer *t, const struct nonce *nonce)
{
	uint8_t	 held[HELD_MAX], data[REPORT_DATA_LEN];
	uint8_t	*quote = NULL;
	json_t	*body = NULL;
	size_t	 quotelen;
	ssize_t	 heldlen;

	heldlen = keypair_held(t->key, t->tee, held, sizeof(held));
	if (heldlen == -1 || report_data(t->tee, nonce->val, nonce->vallen,
	    nonce->iat, nonce->iatlen, held, (size_t)heldlen, data) == -1) {
		log_warnx("can't make report data of this key");
		return (NULL);
	}
	if (source_quote(&t->source, data, &quote, &quotelen) == -1)
		return (NULL);
	body = json_object();
	if (json_setbytes(body, "quote", quote, quotelen) == -1 ||
	    json_setbytes(body, "user_data", held, (size_t)heldlen) == -1 ||
	    json_object_set(body, "nonce", nonce->json) == -1 ||
	    (t->eventlog != NULL && json_setbytes(body, "event_log",
	    t->eventlog, t->eventloglen) == -1)) {
		log_warnx("out of memory");
		json_decref(body);
		body = NULL;
	}
	free(quote);
	return (body);
}

static int
transfer_background(struct transfer *t, struct response *resp)
{
	struct nonce	 nonce;
	json_t		*body = NULL;
	int		 rv;

	memset(&nonce, 0, sizeof(nonce));
	response_init(resp);
	if ((rv = transfer_nonce(t, &nonce)) != KBSGET_DONE)
		goto done;
	rv = KBSGET_DENIED;
	if ((body = transfer_evidence(t, &nonce)) == NULL)
		goto done;
	t->req.attestation_type = tee_name(t->tee);
	rv = transfer_json(t, body, resp);
 done:
	json_decref(body);
	nonce_free(&nonce);
	return (rv);
}

static int
transfer_once(struct transfer *t, uint8_t **key, size_t *len)
{
	struct response	 resp;
	const char	*why;
	int		 rv;

	t->again = 0;
	t->req.attestation_type = NULL;
	rv = t->token != NULL ? transfer_passport(t, &resp) :
	    transfer_background(t, &resp);
	if (rv == KBSGET_DONE && unwrap_json(t->key, (char *)resp.body,
	    resp.bodylen, key, len, &why) == -1) {
		log_warnx("%s%s", why, t->token != NULL ?
		    ": is -K the key that the token was made for?" : "");
		rv = KBSGET_DENIED;
	}
	response_free(&resp);
	return (rv);
}

/* From the start each time: a nonce may have been used up. */
int
transfer(struct transfer *t, uint8_t **key, size_t *len)
{
	unsigned int	 pause = RETRY_FIRST;
	int64_t		 end, left;
	int		 rv;

	end = request_now() + (int64_t)t->wait * 1000;
	for (;;) {
		rv = transfer_once(t, key, len);
		if (rv == KBSGET_DONE || t->again == 0)
			return (rv);
		if (t->again < pause)
			t->again = pause;
		left = end - request_now();
		if (left < (int64_t)t->again * 1000)
			return (rv);
		log_warnx("trying again in %u seconds", t->again);
		sleep(t->again);
		if (pause < RETRY_MAX)
			pause *= 2;
	}
}

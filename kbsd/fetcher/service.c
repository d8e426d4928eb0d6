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
 * What the service is asked and what it answers (kbs-v1 contract, "Intel
 * Trust Authority, as a client of it").  Answers are taken apart no further
 * than is needed to pass them on; Content-Type is not looked at, for a body
 * that does not parse is refused whatever it is called.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "fetcher.h"
#include "json.h"

#define ERROR_SHOWN	160	/* bytes of the service's own text */
#define PEM_CRL		"-----BEGIN X509 CRL-----"

static int	service_read_nonce(const uint8_t *, size_t, struct wbuf *,
		    char *, size_t);
static int	service_read_token(const uint8_t *, size_t, struct wbuf *,
		    char *, size_t);
static int	service_read_jwks(const uint8_t *, size_t, struct wbuf *,
		    char *, size_t);
static int	service_read_crl(const uint8_t *, size_t, struct wbuf *,
		    char *, size_t);

static const struct json_limits	 limits_nonce = { NONCE_BODY_MAX, 64, 4 };
static const struct json_limits	 limits_token = { TOKEN_BODY_MAX, 64, 4 };
static const struct json_limits	 limits_jwks = { BODY_MAX, 8192, 16 };
static const struct json_limits	 limits_nvgpu = { EVIDENCE_MAX, 16384, 32 };

static const struct service {
	const char	*name;
	size_t		 most;
	int		 api;
	int		(*read)(const uint8_t *, size_t, struct wbuf *,
			    char *, size_t);
} services[ASK_MAX] = {
	[FETCH_NONCE] =	 { "nonce", NONCE_BODY_MAX, 1, service_read_nonce },
	[FETCH_ATTEST] = { "appraisal", TOKEN_BODY_MAX, 1,
			    service_read_token },
	[FETCH_JWKS] =	 { "key set", BODY_MAX, 0, service_read_jwks },
	[FETCH_CRL] =	 { "revocation list", BODY_MAX, 0,
			    service_read_crl },
	[FETCH_DCAP] =	 { .name = "collateral" },
	[FETCH_SNP] =	 { .name = "collateral" },
	[FETCH_VCEK] =	 { .name = "collateral" },
	/* pcs.c and kds.c read these. */
	[PART_PCK_CRL] = { "PCK CRL", BODY_MAX, 0, NULL },
	[PART_ROOT_CRL] = { "root CRL", BODY_MAX, 0, NULL },
	[PART_TCB_INFO] = { "TCB info", BODY_MAX, 0, NULL },
	[PART_QE_IDENTITY] = { "QE identity", BODY_MAX, 0, NULL },
	[PART_SNP_CHAIN] = { "chain of AMD's CAs", CHAIN_MAX, 0, NULL },
	[PART_SNP_CRL] = { "CRL of AMD's root", BODY_MAX, 0, NULL },
	[PART_VCEK] =	 { "VCEK", CHAIN_MAX, 0, NULL },
};

const char *
service_name(uint8_t what)
{
	return (services[what].name);
}

size_t
service_most(uint8_t what)
{
	return (services[what].most);
}

int
service_api(uint8_t what)
{
	return (services[what].api);
}

/* --- asking ------------------------------------------------------------- */

static int
ask_base64(json_t *object, const char *name, const uint8_t *data, size_t len)
{
	char	*text;
	int	 ret;

	if (len == 0)
		return (0);
	if ((text = malloc(BASE64_SIZE(len))) == NULL)
		return (-1);
	ret = base64_encode(text, BASE64_SIZE(len), data, len) == -1 ||
	    json_object_set_new(object, name, json_string(text)) == -1 ?
	    -1 : 0;
	freezero(text, BASE64_SIZE(len));
	return (ret);
}

static int
ask_nonce(json_t *object, const struct evidence *e)
{
	json_t	*nonce;

	if (!e->has_nonce)
		return (0);
	if ((nonce = json_object()) == NULL)
		return (-1);
	if (ask_base64(nonce, "val", e->nonce_val, e->nonce_vallen) == -1 ||
	    ask_base64(nonce, "iat", e->nonce_iat, e->nonce_iatlen) == -1 ||
	    ask_base64(nonce, "signature", e->nonce_sig,
	    e->nonce_siglen) == -1) {
		json_decref(nonce);
		return (-1);
	}
	return (json_object_set_new(object, "verifier_nonce", nonce));
}

/* The evidence of SGX or TDX; the held data goes as runtime_data. */
static int
ask_evidence(json_t *object, const struct evidence *e)
{
	if (ask_base64(object, "quote", e->quote, e->quotelen) == -1 ||
	    ask_nonce(object, e) == -1 ||
	    ask_base64(object, "runtime_data", e->user_data,
	    e->user_datalen) == -1 ||
	    ask_base64(object, "event_log", e->event_log,
	    e->event_loglen) == -1)
		return (-1);
	return (0);
}

/*
 * A policy of ours wants one of its ids to match, not all, and says in its
 * reason which did not: so the service must not refuse by itself.
 */
static int
ask_policies(json_t *object, const struct question *q)
{
	json_t		*ids;
	uint32_t	 i;

	if (q->nids == 0)
		return (0);
	if ((ids = json_array()) == NULL)
		return (-1);
	for (i = 0; i < q->nids; i++)
		if (json_array_append_new(ids, json_string(q->ids[i])) == -1) {
			json_decref(ids);
			return (-1);
		}
	if (json_object_set_new(object, "policy_ids", ids) == -1)
		return (-1);
	return (json_object_set_new(object, "policy_must_match",
	    json_false()));
}

static json_t *
ask_object(const struct question *q)
{
	json_t		*object, *part;
	const char	*tee = (q->tees & TEE_SGX) != 0 ? "sgx" : "tdx";

	if ((object = json_object()) == NULL)
		return (NULL);
	if (ask_policies(object, q) == -1)
		goto fail;
	if ((q->tees & TEE_NVGPU) == 0) {
		if (ask_evidence(object, &q->evidence) == -1)
			goto fail;
		return (object);
	}
	if ((part = json_object()) == NULL ||
	    json_object_set_new(object, tee, part) == -1 ||
	    ask_evidence(part, &q->evidence) == -1)
		goto fail;
	return (object);
fail:
	json_decref(object);
	return (NULL);
}

/*
 * The evidence of GPUs is passed on as it came, byte for byte.  That it is
 * one object is checked here again: nobody may write members beside it.
 */
static char *
ask_add_nvgpu(char *text, size_t *len, const struct evidence *e)
{
	static const char	 name[] = ",\"nvgpu\":";
	char			*whole, *p;
	size_t			 size = *len + sizeof(name) + e->nvgpulen;

	if ((whole = malloc(size)) != NULL) {
		p = whole;
		memcpy(p, text, *len - 1);
		p += *len - 1;
		memcpy(p, name, sizeof(name) - 1);
		p += sizeof(name) - 1;
		memcpy(p, e->nvgpu, e->nvgpulen);
		p += e->nvgpulen;
		memcpy(p, "}", 2);
	}
	freezero(text, *len);
	*len = size - 1;
	return (whole);
}

static int
ask_nvgpu_valid(const struct evidence *e)
{
	char	 why[128];
	json_t	*value;
	int	 ok;

	value = json_read((const char *)e->nvgpu, e->nvgpulen, &limits_nvgpu,
	    why, sizeof(why));
	ok = json_is_object(value);
	json_decref(value);
	return (ok);
}

static const char *
ask_attest(const struct question *q, char **body, size_t *bodylen)
{
	json_t	*object;
	uint8_t	 tee = q->tees & (TEE_SGX | TEE_TDX);
	int	 composite = (q->tees & TEE_NVGPU) != 0;

	if ((q->tees & TEE_SNP) != 0 || (tee != TEE_SGX && tee != TEE_TDX))
		return ("the service appraises either SGX or TDX");
	if (q->evidence.quotelen == 0)
		return ("there is no quote");
	if (composite && settings.version < 2)
		return ("api version 1 knows no composite evidence");
	if (composite && !ask_nvgpu_valid(&q->evidence))
		return ("nvgpu is no JSON object");
	if ((object = ask_object(q)) == NULL)
		return ("no memory for the evidence");
	*body = json_write(object, bodylen);
	json_decref(object);
	if (*body != NULL && composite)
		*body = ask_add_nvgpu(*body, bodylen, &q->evidence);
	return (*body == NULL ? "no memory for the evidence" : NULL);
}

const char *
service_ask(const struct question *q, struct url *url, char **body,
    size_t *bodylen)
{
	const char	*why;
	char		 path[32];

	*body = NULL;
	*bodylen = 0;
	if (q->what == FETCH_JWKS && settings.kind == FETCHER_JWKS) {
		*url = settings.base;
		return (NULL);
	}
	if (q->what == FETCH_JWKS)
		return (url_append(url, &settings.base, "/certs"));
	snprintf(path, sizeof(path), "/appraisal/v%u/%s", settings.version,
	    q->what == FETCH_NONCE ? "nonce" : "attest");
	if ((why = url_append(url, &settings.api, path)) != NULL)
		return (why);
	if (q->what == FETCH_NONCE)
		return (NULL);
	return (ask_attest(q, body, bodylen));
}

const char *
service_crl(const char *text, struct url *url)
{
	const char	*why;
	unsigned int	 i;

	if ((why = url_parse(url, text)) != NULL)
		return (why);
	if (host_same(&url->host, &settings.api.host) ||
	    host_same(&url->host, &settings.base.host))
		return (NULL);
	for (i = 0; i < settings.ncrl_hosts; i++)
		if (host_same(&url->host, &settings.crl_hosts[i]))
			return (NULL);
	return ("is at a host that the configuration does not name");
}

/* --- reading ------------------------------------------------------------ */

static int
read_part(const json_t *value, const char *name, struct wbuf *body,
    char *why, size_t whysize)
{
	char	 text[128];
	uint8_t	*data;
	size_t	 len;

	if (json_base64(value, NONCE_PART_MAX, &data, &len, text,
	    sizeof(text)) == -1) {
		snprintf(why, whysize, "nonce: %s: %s", name, text);
		return (-1);
	}
	wb_bytes(body, data, len);
	freezero(data, len);
	if (len > 0)
		return (0);
	snprintf(why, whysize, "nonce: %s is empty", name);
	return (-1);
}

static int
service_read_nonce(const uint8_t *data, size_t len, struct wbuf *body,
    char *why, size_t whysize)
{
	json_t	*object, *val, *iat, *sig;
	int	 ret = -1;
	const struct json_member members[] = {
		{ "val",	JSON_MEMBER_STRING, 1, &val },
		{ "iat",	JSON_MEMBER_STRING, 1, &iat },
		{ "signature",	JSON_MEMBER_STRING, 1, &sig },
	};

	object = json_read((const char *)data, len, &limits_nonce, why,
	    whysize);
	if (object == NULL)
		return (-1);
	if (json_pick(object, members, 3, why, whysize) == 0 &&
	    read_part(val, "val", body, why, whysize) == 0 &&
	    read_part(iat, "iat", body, why, whysize) == 0 &&
	    read_part(sig, "signature", body, why, whysize) == 0)
		ret = 0;
	json_decref(object);
	return (ret);
}

/* Only the verifier judges the token; here it must be text of its size. */
static int
service_read_token(const uint8_t *data, size_t len, struct wbuf *body,
    char *why, size_t whysize)
{
	json_t		*object, *token;
	const char	*text;
	size_t		 n;
	int		 ret = -1;
	const struct json_member member = {
		"token", JSON_MEMBER_STRING, 1, &token
	};

	object = json_read((const char *)data, len, &limits_token, why,
	    whysize);
	if (object == NULL)
		return (-1);
	if (json_pick(object, &member, 1, why, whysize) == -1)
		goto done;
	text = json_string_value(token);
	n = json_string_length(token);
	if (n == 0 || n > TOKEN_TEXT_MAX) {
		snprintf(why, whysize, "token of %zu bytes", n);
		goto done;
	}
	wb_raw(body, text, n);
	ret = 0;
done:
	json_decref(object);
	return (ret);
}

/* What does not parse must not take the place of a good one in memory. */
static int
service_read_jwks(const uint8_t *data, size_t len, struct wbuf *body,
    char *why, size_t whysize)
{
	json_t	*object, *keys;
	int	 ret;
	const struct json_member member = {
		"keys", JSON_MEMBER_ARRAY, 1, &keys
	};

	object = json_read((const char *)data, len, &limits_jwks, why,
	    whysize);
	if (object == NULL)
		return (-1);
	ret = json_pick(object, &member, 1, why, whysize);
	json_decref(object);
	if (ret == 0)
		wb_raw(body, data, len);
	return (ret);
}

int
service_der(const uint8_t *data, size_t len)
{
	size_t	 i, n, size = 0;

	if (len < 2 || data[0] != 0x30)
		return (0);
	if (data[1] < 0x80)
		return (len == 2u + data[1]);
	n = data[1] & 0x7f;
	if (n == 0 || n > 3 || len < 2 + n)
		return (0);
	for (i = 0; i < n; i++)
		size = size << 8 | data[2 + i];
	return (len == 2 + n + size);
}

static int
service_read_crl(const uint8_t *data, size_t len, struct wbuf *body,
    char *why, size_t whysize)
{
	int	 pem = len >= sizeof(PEM_CRL) - 1 &&
		    memcmp(data, PEM_CRL, sizeof(PEM_CRL) - 1) == 0;

	if (!pem && !service_der(data, len)) {
		snprintf(why, whysize, "%zu bytes that are neither DER nor "
		    "PEM", len);
		return (-1);
	}
	wb_raw(body, data, len);
	return (0);
}

int
service_read(uint8_t what, const uint8_t *data, size_t len,
    struct wbuf *body, char *why, size_t whysize)
{
	char	 text[REASON_TEXT_MAX / 2];

	text[0] = '\0';
	if (services[what].read(data, len, body, text, sizeof(text)) == 0 &&
	    !body->failed)
		return (0);
	wb_free(body);
	snprintf(why, whysize, "answer is no %s: %s", services[what].name,
	    text[0] != '\0' ? text : "out of memory");
	return (-1);
}

/* {"error": "..."} or "message"; a stranger's text, made plain and short. */
void
service_error(const uint8_t *data, size_t len, char *why, size_t whysize)
{
	json_t		*object, *error, *message;
	char		 text[ERROR_SHOWN + 1], scrap[128];
	const char	*s;
	size_t		 i;
	const struct json_member members[] = {
		{ "error",	JSON_MEMBER_STRING, 0, &error },
		{ "message",	JSON_MEMBER_STRING, 0, &message },
	};

	object = json_read((const char *)data, len, &limits_nonce, scrap,
	    sizeof(scrap));
	if (object == NULL)
		return;
	if (json_pick(object, members, 2, scrap, sizeof(scrap)) == 0 &&
	    (error != NULL || message != NULL)) {
		s = json_string_value(error != NULL ? error : message);
		for (i = 0; i < ERROR_SHOWN && s[i] != '\0'; i++)
			text[i] = isprint((unsigned char)s[i]) ? s[i] : '?';
		text[i] = '\0';
		strlcat(why, ": ", whysize);
		strlcat(why, text, whysize);
	}
	json_decref(object);
}

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
 * One connection of the load generator: connect, TLS 1.3 handshake, request,
 * answer, and again.  Anything but a whole answer of status 200 ends the
 * program: a benchmark of refusals would be none.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base64.h"
#include "bench.h"
#include "json.h"

#define ANSWER_MAX	65536
/* Of a TD quote of version 4: header, and in the TD's report behind it. */
#define TD_REPORTDATA	(48 + 520)
#define TD_SIGNED	(48 + 584)
#define TD_SIGNATURE	(TD_SIGNED + 4)
#define P256_LEN	32
#define SIG_MAX		128
#define NONCE_MAX	1024

enum client_state { CLIENT_CLOSED, CLIENT_HANDSHAKE, CLIENT_WRITE,
	CLIENT_READ };

struct client {
	const struct plan	*plan;
	client_done		 done;
	enum client_state	 state;
	size_t			 turn;		/* which body is next */
	int			 second;	/* background: evidence */
	int			 fd;
	SSL			*ssl;
	uint64_t		 started;
	char			*out;
	size_t			 outlen;
	size_t			 sent;		/* of this transfer */
	size_t			 received;
	char			 in[ANSWER_MAX + 1];
	size_t			 inlen;
};

/* --- requests -------------------------------------------------------- */

static void
request_set(struct client *c, const char *method, const char *path,
    const char *headers, const char *body)
{
	int	 n;

	free(c->out);
	n = asprintf(&c->out, "%s /kbs/v1%s HTTP/1.1\r\nHost: localhost:%d\r\n"
	    "User-Agent: bench\r\n%sContent-Length: %zu\r\n%s\r\n%s", method,
	    path, c->plan->port, headers, strlen(body),
	    c->plan->each ? "Connection: close\r\n" : "", body);
	if (n == -1)
		errx(1, "no memory");
	c->outlen = (size_t)n;
}

static void
request_transfer(struct client *c, const char *headers, const char *body)
{
	char	 path[128];

	(void)snprintf(path, sizeof(path), "/keys/%s/transfer", c->plan->key);
	request_set(c, "POST", path, headers, body);
}

static void
request_make(struct client *c)
{
	const struct plan	*plan = c->plan;
	const char		*body = "";

	if (plan->nbodies > 0)
		body = plan->bodies[c->turn++ % plan->nbodies];
	switch (plan->mode) {
	case LOAD_PASSPORT:
		request_transfer(c, "Accept: application/json\r\n"
		    "Content-Type: application/json\r\n", body);
		break;
	case LOAD_BACKGROUND:
		request_transfer(c, "Accept: application/json\r\n", "");
		break;
	case LOAD_VERSION:
		request_set(c, "GET", "/version",
		    "Accept: application/json\r\n", "");
		break;
	case LOAD_LOGIN:
		request_set(c, "POST", "/token", "Accept: application/jwt\r\n"
		    "Content-Type: application/json\r\n", body);
		break;
	}
	c->second = 0;
	c->sent = c->received = 0;
	c->started = now_ns();
}

/* --- background: evidence for the nonce that came -------------------- */

static size_t
nonce_part(json_t *json, uint8_t part[NONCE_MAX])
{
	ssize_t	 n;

	n = base64_decode(part, NONCE_MAX, json_string_value(json),
	    json_string_length(json));
	if (n == -1)
		errx(1, "a nonce is not base64");
	return ((size_t)n);
}

/* By the attestation key that the quote names: r and s, and nothing else. */
static void
quote_sign(const struct plan *plan)
{
	EVP_MD_CTX	*ctx;
	ECDSA_SIG	*sig;
	uint8_t		 der[SIG_MAX], *raw = plan->quote + TD_SIGNATURE;
	const uint8_t	*p = der;
	size_t		 len = sizeof(der);

	if ((ctx = EVP_MD_CTX_new()) == NULL || EVP_DigestSignInit(ctx, NULL,
	    EVP_sha256(), NULL, plan->ak) != 1 || EVP_DigestSign(ctx, der,
	    &len, plan->quote, TD_SIGNED) != 1 ||
	    (sig = d2i_ECDSA_SIG(NULL, &p, (long)len)) == NULL ||
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, P256_LEN) == -1 ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + P256_LEN,
	    P256_LEN) == -1)
		errx(1, "the quote can't be signed");
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

/*
 * A quote for this nonce.  A service that was told to trust any does not
 * need the signature.
 */
static void
report(const struct plan *plan, json_t *val, json_t *iat)
{
	EVP_MD_CTX	*ctx;
	uint8_t		 part[NONCE_MAX];

	if ((ctx = EVP_MD_CTX_new()) == NULL)
		errx(1, "no memory");
	EVP_DigestInit_ex(ctx, EVP_sha512(), NULL);
	EVP_DigestUpdate(ctx, part, nonce_part(val, part));
	EVP_DigestUpdate(ctx, part, nonce_part(iat, part));
	EVP_DigestUpdate(ctx, plan->held, plan->heldlen);
	EVP_DigestFinal_ex(ctx, plan->quote + TD_REPORTDATA, NULL);
	EVP_MD_CTX_free(ctx);
	if (plan->ak != NULL)
		quote_sign(plan);
}

static char *
text_of(const uint8_t *p, size_t len)
{
	char	*text;

	if ((text = malloc(BASE64_SIZE(len))) == NULL ||
	    base64_encode(text, BASE64_SIZE(len), p, len) == -1)
		errx(1, "no memory");
	return (text);
}

static void
request_evidence(struct client *c, const char *answer, size_t len)
{
	const struct plan	*plan = c->plan;
	char			*body, *quote, *held, *nonce, why[256];
	json_t			*json, *val, *iat;
	size_t			 n;
	const struct json_member members[] = {
		{ "val", JSON_MEMBER_STRING, 1, &val },
		{ "iat", JSON_MEMBER_STRING, 1, &iat },
	};

	if ((json = json_read(answer, len, &json_small, why,
	    sizeof(why))) == NULL || json_pick(json, members, 2, why,
	    sizeof(why)) == -1)
		errx(1, "no nonce: %s", why);
	report(plan, val, iat);
	quote = text_of(plan->quote, plan->quotelen);
	held = text_of(plan->held, plan->heldlen);
	nonce = json_write(json, &n);
	if (nonce == NULL || asprintf(&body, "{\"quote\":\"%s\","
	    "\"user_data\":\"%s\",\"nonce\":%s}", quote, held, nonce) == -1)
		errx(1, "no memory");
	request_transfer(c, "Accept: application/json\r\n"
	    "Content-Type: application/json\r\nAttestation-Type: TDX\r\n",
	    body);
	c->second = 1;
	free(body);
	free(nonce);
	free(held);
	free(quote);
	json_decref(json);
}

/* --- the connection -------------------------------------------------- */

static void
client_connect(struct client *c)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	int			 on = 1;

	sin.sin_port = htons((uint16_t)c->plan->port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on,
	    sizeof(on)) == -1 ||
	    fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1)
		err(1, "connect to port %d", c->plan->port);
	if ((c->ssl = SSL_new(c->plan->ctx)) == NULL ||
	    SSL_set_fd(c->ssl, c->fd) != 1 ||
	    SSL_set_tlsext_host_name(c->ssl, "localhost") != 1 ||
	    SSL_set1_host(c->ssl, "localhost") != 1)
		errx(1, "no memory for TLS");
	SSL_set_connect_state(c->ssl);
	c->state = CLIENT_HANDSHAKE;
}

static void
client_close(struct client *c)
{
	(void)SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	close(c->fd);
	c->ssl = NULL;
	c->state = CLIENT_CLOSED;
}

struct client *
client_new(const struct plan *plan, size_t index, client_done done)
{
	struct client	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		errx(1, "no memory");
	c->plan = plan;
	c->done = done;
	/* Each begins elsewhere in the list, so tokens differ at any time. */
	c->turn = index;
	request_make(c);
	return (c);
}

/* The length of a whole answer; 0: not yet. */
static size_t
answer_whole(struct client *c, char **body)
{
	char	*end, *length;

	c->in[c->inlen] = '\0';
	if ((end = strstr(c->in, "\r\n\r\n")) == NULL)
		return (0);
	if (strncmp(c->in, "HTTP/1.1 200 ", 13) != 0)
		errx(1, "refused: %s", c->in);
	length = strcasestr(c->in, "\r\ncontent-length:");
	if (length == NULL || length > end)
		errx(1, "an answer without length");
	*body = end + 4;
	return ((size_t)(*body - c->in) +
	    strtoul(length + strlen("\r\ncontent-length:"), NULL, 10));
}

/* 1: the next request may be written. */
static int
client_answered(struct client *c)
{
	char	*body;
	size_t	 len;

	if ((len = answer_whole(c, &body)) == 0 || c->inlen < len)
		return (0);
	if (c->inlen > len)
		errx(1, "more than was asked for");
	c->received += len;
	c->inlen = 0;
	c->state = CLIENT_WRITE;
	if (c->plan->mode == LOAD_BACKGROUND && !c->second) {
		request_evidence(c, body, len - (size_t)(body - c->in));
		if (c->plan->each)
			client_close(c);
		return (1);
	}
	if (c->plan->each)
		client_close(c);
	c->done(now_ns() - c->started, c->sent, c->received);
	request_make(c);
	return (1);
}

/* 1: go on; 0: wait for what pfd says. */
static int
client_step(struct client *c, int *ret)
{
	switch (c->state) {
	case CLIENT_CLOSED:
		client_connect(c);
		return (1);
	case CLIENT_HANDSHAKE:
		if ((*ret = SSL_do_handshake(c->ssl)) <= 0)
			return (0);
		c->state = CLIENT_WRITE;
		return (1);
	case CLIENT_WRITE:
		if ((*ret = SSL_write(c->ssl, c->out, (int)c->outlen)) <= 0)
			return (0);
		c->sent += c->outlen;
		c->state = CLIENT_READ;
		return (1);
	case CLIENT_READ:
		*ret = SSL_read(c->ssl, c->in + c->inlen,
		    (int)(ANSWER_MAX - c->inlen));
		if (*ret <= 0)
			return (0);
		c->inlen += (size_t)*ret;
		(void)client_answered(c);
		return (1);
	}
	return (0);
}

void
client_run(struct client *c, struct pollfd *pfd)
{
	int	 ret = 0;

	while (client_step(c, &ret))
		continue;
	pfd->fd = c->fd;
	switch (SSL_get_error(c->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		pfd->events = POLLIN;
		break;
	case SSL_ERROR_WANT_WRITE:
		pfd->events = POLLOUT;
		break;
	default:
		ERR_print_errors_fp(stderr);
		errx(1, "the connection broke (state %d)", (int)c->state);
	}
}

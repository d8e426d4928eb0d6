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
 * libcurl in the event loop.  What it was told and what it brought is wiped
 * with its buffers.
 */
#include <sys/stat.h>

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certificate.h"
#include "http_client.h"
#include "log.h"
#include "process.h"
#include "resolve.h"
#include "secret.h"
#include "timer.h"

#define CA_MAX		(4 * 1024 * 1024)
#define CONNECTIONS_MAX	64	/* at once, and kept */
#define HOST_CONNECTIONS_MAX 32
#define LINES_MAX	(HTTP_HEADERS_MAX + 2)
#define CONNECT_MS	20000

struct http {
	CURL			*easy;
	struct curl_slist	 headers[LINES_MAX];
	unsigned int		 nheaders;
	struct curl_slist	 resolve;
	char			 resolve_text[RESOLVE_MAX];
	char			 error[CURL_ERROR_SIZE];
	const struct url	*url;
	uint64_t		 begun;
	size_t			 most;
	int			 too_long;
	struct wbuf		 body;
	void			(*done)(void *, const struct http_answer *);
	void			*arg;
};

static CURLM		*multi;
static struct event	*multi_timer;
static struct curl_blob	 ca;
uint64_t		 http_connections;
static const struct url	*proxy;
static char		 type_json[] = "Content-Type: application/json";
static char		 no_expect[] = "Expect:";

/* --- libcurl in the loop ------------------------------------------------ */

static void
http_finish(struct http *h, CURLcode code);

/* What has ended; called after anything that lets libcurl work. */
static void
http_check(void)
{
	struct http	*h;
	CURLMsg		*msg;
	CURLcode	 code;
	int		 left;

	while ((msg = curl_multi_info_read(multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		code = msg->data.result;
		if (curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
		    (char **)&h) != CURLE_OK)
			fatalx("libcurl lost a request");
		http_finish(h, code);
	}
}

static void
http_socket_event(int fd, short what, void *arg)
{
	int	 flags = 0, running;

	(void)arg;
	if ((what & EV_READ) != 0)
		flags |= CURL_CSELECT_IN;
	if ((what & EV_WRITE) != 0)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(multi, fd, flags, &running);
	http_check();
}

static void
http_timer_event(int fd, short what, void *arg)
{
	int	 running;

	(void)fd;
	(void)what;
	(void)arg;
	curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	http_check();
}

static int
http_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *sock)
{
	struct event	*ev = sock;
	short		 flags = EV_PERSIST;

	(void)easy;
	(void)arg;
	if (ev != NULL)
		event_free(ev);
	ev = NULL;
	if (what != CURL_POLL_REMOVE) {
		if (what != CURL_POLL_OUT)
			flags |= EV_READ;
		if (what != CURL_POLL_IN)
			flags |= EV_WRITE;
		ev = event_new(base, fd, flags, http_socket_event, NULL);
		if (ev == NULL || event_add(ev, NULL) == -1)
			fatalx("no memory for a socket");
	}
	curl_multi_assign(multi, fd, ev);
	return (0);
}

static int
http_timer(CURLM *m, long ms, void *arg)
{
	(void)m;
	(void)arg;
	if (ms < 0)
		event_del(multi_timer);
	else
		timer_set(multi_timer, (uint64_t)ms);
	return (0);
}

/* --- start -------------------------------------------------------------- */

void
http_init(void)
{
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc,
	    secret_heap_free, secret_heap_realloc, strdup, calloc) !=
	    CURLE_OK)
		fatalx("libcurl does not start");
	if ((multi = curl_multi_init()) == NULL)
		fatalx("no memory for libcurl");
	multi_timer = timer_new(http_timer_event, NULL);
	if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, http_socket) !=
	    CURLM_OK || curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION,
	    http_timer) != CURLM_OK || curl_multi_setopt(multi,
	    CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
	    (long)CONNECTIONS_MAX) != CURLM_OK || curl_multi_setopt(multi,
	    CURLMOPT_MAX_HOST_CONNECTIONS, (long)HOST_CONNECTIONS_MAX) !=
	    CURLM_OK || curl_multi_setopt(multi, CURLMOPT_PIPELINING,
	    (long)CURLPIPE_NOTHING) != CURLM_OK)
		fatalx("libcurl is too old");
}

/* libcurl would only find out at the first handshake. */
static unsigned int
ca_count(void)
{
	X509		*cert;
	BIO		*bio;
	unsigned int	 n = 0;

	if ((bio = BIO_new_mem_buf(ca.data, (int)ca.len)) == NULL)
		fatalx("no memory for certificates");
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		X509_free(cert);
		n++;
	}
	BIO_free(bio);
	return (n);
}

/* The offset is shared with other processes: never read(2). */
void
http_ca(int fd)
{
	struct stat	 st;
	uint8_t		*data;
	size_t		 got = 0, size;
	ssize_t		 n;

	if (fstat(fd, &st) == -1)
		fatal("ca");
	if (st.st_size <= 0 || st.st_size > CA_MAX)
		fatalx("ca: empty, or more than %d bytes", CA_MAX);
	size = (size_t)st.st_size;
	if ((data = malloc(size)) == NULL)
		fatal("ca");
	while (got < size) {
		n = pread(fd, data + got, size - got, (off_t)got);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			fatal("ca: can't be read");
		got += (size_t)n;
	}
	ca.data = data;
	ca.len = size;
	ca.flags = CURL_BLOB_NOCOPY;
	if (ca_count() == 0)
		fatalx("ca: no certificate in it");
	certificate_note(CERTIFICATE_CA, "", data, size);
}

char *
http_secret_header(const char *name, const char *value, size_t len)
{
	char	*line;
	size_t	 i, at = strlen(name);

	for (i = 0; i < len; i++)
		if (value[i] <= ' ' || value[i] > '~') {
			errno = EINVAL;
			return (NULL);
		}
	if ((line = secret_alloc(at + 2 + len + 1)) == NULL)
		return (NULL);
	memcpy(line, name, at);
	memcpy(line + at, ": ", 2);
	memcpy(line + at + 2, value, len);
	return (line);
}

void
http_proxy(const struct url *url)
{
	proxy = url;
}

/* --- an exchange -------------------------------------------------------- */

static size_t
http_write(char *data, size_t one, size_t n, void *arg)
{
	struct http	*h = arg;

	n *= one;
	if (n > h->most - h->body.len) {
		h->too_long = 1;
		return (0);
	}
	wb_raw(&h->body, data, n);
	return (h->body.failed ? 0 : n);
}

static void
http_header(struct http *h, char *line)
{
	struct curl_slist	*node = &h->headers[h->nheaders];

	node->data = line;
	node->next = NULL;
	if (h->nheaders++ > 0)
		node[-1].next = node;
}

static void
http_headers(struct http *h, const struct http_ask *ask)
{
	unsigned int	 i;

	http_header(h, no_expect);
	if (ask->body != NULL)
		http_header(h, type_json);
	for (i = 0; i < HTTP_HEADERS_MAX && ask->headers[i] != NULL; i++)
		http_header(h, ask->headers[i]);
}

#define SET(option, value)						\
	(curl_easy_setopt(h->easy, option, value) == CURLE_OK)

/* A kept connection has no buffers, where the last answer could be read. */
static CURLcode
http_context(CURL *easy, void *ctx, void *arg)
{
	(void)easy;
	(void)arg;
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	return (CURLE_OK);
}

static int
http_options_tls(struct http *h)
{
	/* libcurl's own paths are not who we trust. */
	return (SET(CURLOPT_CAINFO, NULL) && SET(CURLOPT_CAPATH, NULL) &&
	    SET(CURLOPT_CAINFO_BLOB, &ca) &&
	    SET(CURLOPT_SSL_CTX_FUNCTION, http_context) &&
	    SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
	    SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
	    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
}

/* "": no proxy, whatever the environment says. */
static int
http_options_proxy(struct http *h)
{
	if (proxy == NULL)
		return (SET(CURLOPT_PROXY, ""));
	return (SET(CURLOPT_PROXY, proxy->text) &&
	    SET(CURLOPT_NOPROXY, "") &&
	    SET(CURLOPT_HTTPPROXYTUNNEL, 1L) &&
	    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
	    SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) &&
	    SET(CURLOPT_PROXY_CAINFO, NULL) &&
	    SET(CURLOPT_PROXY_CAPATH, NULL) &&
	    SET(CURLOPT_PROXY_CAINFO_BLOB, &ca) &&
	    SET(CURLOPT_PROXY_SSL_VERIFYPEER, 1L) &&
	    SET(CURLOPT_PROXY_SSL_VERIFYHOST, 2L) &&
	    SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
}

static int
http_options(struct http *h, const struct http_ask *ask)
{
	if (ask->resolve != NULL) {
		strlcpy(h->resolve_text, ask->resolve,
		    sizeof(h->resolve_text));
		h->resolve.data = h->resolve_text;
		if (!SET(CURLOPT_RESOLVE, &h->resolve))
			return (0);
	}
	if (ask->body != NULL && !(SET(CURLOPT_POST, 1L) &&
	    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->bodylen) &&
	    SET(CURLOPT_POSTFIELDS, ask->body)))
		return (0);
	if (ask->method != NULL && !SET(CURLOPT_CUSTOMREQUEST, ask->method))
		return (0);
	return (SET(CURLOPT_URL, ask->url->text) &&
	    SET(CURLOPT_PROTOCOLS_STR, ask->url->plain ? "http" : "https") &&
	    SET(CURLOPT_FOLLOWLOCATION, 0L) &&
	    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
	    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	    SET(CURLOPT_NOSIGNAL, 1L) &&
	    SET(CURLOPT_NOPROGRESS, 1L) &&
	    SET(CURLOPT_USERAGENT, "kbsd") &&
	    SET(CURLOPT_HTTPHEADER, h->headers) &&
	    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) &&
	    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)h->most) &&
	    SET(CURLOPT_ERRORBUFFER, h->error) &&
	    SET(CURLOPT_WRITEFUNCTION, http_write) &&
	    SET(CURLOPT_WRITEDATA, h) &&
	    SET(CURLOPT_PRIVATE, h));
}

static void
http_free(struct http *h)
{
	if (h->easy != NULL)
		curl_easy_cleanup(h->easy);
	wb_free(&h->body);
	free(h);
}

struct http *
http_start(const struct http_ask *ask,
    void (*done)(void *, const struct http_answer *), void *arg)
{
	struct http	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return (NULL);
	h->url = ask->url;
	h->most = ask->most;
	h->done = done;
	h->arg = arg;
	h->begun = now_ms();
	http_headers(h, ask);
	if ((h->easy = curl_easy_init()) == NULL || !http_options(h, ask) ||
	    !http_options_tls(h) || !http_options_proxy(h) ||
	    curl_multi_add_handle(multi, h->easy) != CURLM_OK) {
		http_free(h);
		return (NULL);
	}
	return (h);
}

void
http_cancel(struct http *h)
{
	curl_multi_remove_handle(multi, h->easy);
	http_free(h);
}

const char *
http_answer_header(const struct http_answer *answer, const char *name)
{
	struct curl_header	*header;

	if (curl_easy_header(answer->http->easy, name, 0, CURLH_HEADER, -1,
	    &header) != CURLHE_OK || header->amount != 1)
		return (NULL);
	return (header->value);
}

const char *
http_stage(struct http *h)
{
	curl_off_t	 t = 0;
	long		 fresh = 0;

	curl_easy_getinfo(h->easy, CURLINFO_NUM_CONNECTS, &fresh);
	curl_easy_getinfo(h->easy, CURLINFO_CONNECT_TIME_T, &t);
	if (fresh != 0 && t == 0)
		return ("connecting");
	curl_easy_getinfo(h->easy, CURLINFO_APPCONNECT_TIME_T, &t);
	if (fresh != 0 && t == 0)
		return ("in the TLS handshake");
	return ("waiting for the answer");
}

static const struct {
	CURLcode	 code;
	const char	*text;
} http_errors[] = {
	{ CURLE_PEER_FAILED_VERIFICATION,	"certificate of" },
	{ CURLE_SSL_ISSUER_ERROR,		"certificate of" },
	{ CURLE_SSL_CONNECT_ERROR,		"TLS with" },
	{ CURLE_SSL_CIPHER,			"TLS with" },
	{ CURLE_COULDNT_CONNECT,		"connection to" },
	{ CURLE_COULDNT_RESOLVE_PROXY,		"proxy for" },
	{ CURLE_PROXY,				"proxy for" },
};

static void
http_why(struct http *h, CURLcode code, char *why, size_t size)
{
	const char	*text = "answer of";
	size_t		 i;

	if (h->too_long || code == CURLE_FILESIZE_EXCEEDED) {
		snprintf(why, size, "answer of %s has more than %zu bytes",
		    h->url->host.name, h->most);
		return;
	}
	for (i = 0; i < sizeof(http_errors) / sizeof(http_errors[0]); i++)
		if (http_errors[i].code == code)
			text = http_errors[i].text;
	snprintf(why, size, "%s %.128s: %s", text, h->url->host.name,
	    h->error[0] != '\0' ? h->error : curl_easy_strerror(code));
}

static void
http_finish(struct http *h, CURLcode code)
{
	struct http_answer	 answer;
	long			 fresh = 0;

	memset(&answer, 0, sizeof(answer));
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &answer.status);
	curl_easy_getinfo(h->easy, CURLINFO_NUM_CONNECTS, &fresh);
	http_connections += (uint64_t)fresh;
	curl_multi_remove_handle(multi, h->easy);
	if (code != CURLE_OK)
		http_why(h, code, answer.why, sizeof(answer.why));
	curl_easy_getinfo(h->easy, CURLINFO_REDIRECT_URL, &answer.location);
	answer.http = h;
	answer.data = h->body.data;
	answer.len = h->body.len;
	log_debug("%s: %ld, %zu bytes in %llu ms%s%s", h->url->text,
	    answer.status, answer.len,
	    (unsigned long long)(now_ms() - h->begun),
	    answer.why[0] != '\0' ? ", " : "", answer.why);
	h->done(h->arg, &answer);
	http_free(h);
}

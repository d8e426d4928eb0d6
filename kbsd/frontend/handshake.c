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
 * The TLS of the server: its certificates, its settings, and whether it can
 * shake hands now.  It can when a signer is there and has passed a probe: a
 * whole handshake with ourselves, in which a client verifies the signature.
 */
#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>
#include <unistd.h>

#include "certificate.h"
#include "frontend.h"
#include "kbsd.h"
#include "log.h"

#define CERTS_MAX	16
#define PEM_MAX		(64 * 1024)
#define PROBE_ROUNDS	16

/* libtls exports it, but its header does not declare it. */
void	tls_config_use_fake_private_key(struct tls_config *);

/* One direction of the probe. */
struct pipe {
	uint8_t	 data[32 * 1024];
	size_t	 len;
	size_t	 off;
};

struct ends {
	struct pipe	*in;
	struct pipe	*out;
};

static int		 certs[CERTS_MAX];
static size_t		 ncerts;
static struct tls	*server;
static struct event	*prober;
static int		 ready;

int
handshake_add_cert(int fd)
{
	if (ncerts == CERTS_MAX)
		return (-1);
	certs[ncerts++] = fd;
	return (0);
}

/* Its offset is shared with other processes: pread(2). */
static size_t
read_pem(int fd, uint8_t *pem)
{
	size_t	 len = 0;
	ssize_t	 n;

	while ((n = pread(fd, pem + len, PEM_MAX - len, (off_t)len)) > 0)
		len += (size_t)n;
	if (n == -1)
		fatal("TLS certificate");
	if (len == 0 || len == PEM_MAX)
		fatalx("the TLS certificate is empty or too long");
	return (len);
}

static void
load_cert(struct tls_config *config, size_t i)
{
	static uint8_t	 pem[PEM_MAX];
	size_t		 len = read_pem(certs[i], pem);
	int		 ret;

	if (i == 0)
		ret = tls_config_set_keypair_mem(config, pem, len, NULL, 0);
	else
		ret = tls_config_add_keypair_mem(config, pem, len, NULL, 0);
	if (ret == -1)
		fatalx("TLS certificate: %s", tls_config_error(config));
	certificate_note(CERTIFICATE_OWN, "", pem, len);
	close(certs[i]);
}

/*
 * OpenSSL sends two session tickets behind each handshake, which could never
 * be used here, and libtls can't tell it not to.  What can is OpenSSL's
 * configuration, from memory and behind that of the system.  LibreSSL sends
 * none, and passes over a section that it does not know.
 */
static void
no_tickets(void)
{
	static const char	 text[] = "openssl_conf = all\n"
				    "[all]\nssl_conf = ssl\n"
				    "[ssl]\nsystem_default = default\n"
				    "[default]\nNumTickets = 0\n";
	BIO			*bio;
	CONF			*conf;
	long			 line;

	(void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	bio = BIO_new_mem_buf(text, -1);
	conf = NCONF_new(NULL);
	if (bio == NULL || conf == NULL ||
	    NCONF_load_bio(conf, bio, &line) != 1)
		fatalx("no memory for TLS");
	(void)CONF_modules_load(conf, NULL, CONF_MFLAGS_IGNORE_ERRORS |
	    CONF_MFLAGS_SILENT);
	NCONF_free(conf);
	BIO_free(bio);
}

/* Needs the certificate's file, so it comes before the sandbox. */
void
handshake_init(void)
{
	struct tls_config	*config;
	size_t			 i;

	if (ncerts == 0)
		fatalx("no TLS certificate");
	sign_init();
	no_tickets();
	if ((config = tls_config_new()) == NULL ||
	    (server = tls_server()) == NULL)
		fatalx("no memory for TLS");
	if (tls_config_set_protocols(config, TLS_PROTOCOL_TLSv1_3) == -1 ||
	    tls_config_set_alpn(config, "http/1.1") == -1)
		fatalx("TLS settings: %s", tls_config_error(config));
	tls_config_use_fake_private_key(config);
	for (i = 0; i < ncerts; i++)
		load_cert(config, i);
	if (tls_configure(server, config) == -1)
		fatalx("TLS: %s", tls_error(server));
	tls_config_free(config);
}

/* --- the probe ---------------------------------------------------------- */

static ssize_t
probe_read(struct tls *ctx, void *buf, size_t len, void *arg)
{
	struct pipe	*p = ((struct ends *)arg)->in;

	(void)ctx;
	if (p->off == p->len)
		return (TLS_WANT_POLLIN);
	if (len > p->len - p->off)
		len = p->len - p->off;
	memcpy(buf, p->data + p->off, len);
	p->off += len;
	return ((ssize_t)len);
}

static ssize_t
probe_write(struct tls *ctx, const void *buf, size_t len, void *arg)
{
	struct pipe	*p = ((struct ends *)arg)->out;

	(void)ctx;
	if (len > sizeof(p->data) - p->len)
		return (-1);
	memcpy(p->data + p->len, buf, len);
	p->len += len;
	return ((ssize_t)len);
}

/* The certificate may be anybody's: the signature is what is looked at. */
static struct tls *
probe_client(struct ends *ends)
{
	struct tls_config	*config;
	struct tls		*client;

	if ((config = tls_config_new()) == NULL)
		return (NULL);
	tls_config_insecure_noverifycert(config);
	tls_config_insecure_noverifyname(config);
	if ((client = tls_client()) != NULL &&
	    (tls_configure(client, config) == -1 ||
	    tls_connect_cbs(client, probe_read, probe_write, ends,
	    "localhost") == -1)) {
		tls_free(client);
		client = NULL;
	}
	tls_config_free(config);
	return (client);
}

static int
wants(int ret)
{
	return (ret == TLS_WANT_POLLIN || ret == TLS_WANT_POLLOUT);
}

/* Each in turn until both are done. */
static int
probe_shake(struct tls *client, struct tls *accepted)
{
	int	 i, c = TLS_WANT_POLLIN, s = TLS_WANT_POLLIN;

	for (i = 0; i < PROBE_ROUNDS && (c != 0 || s != 0); i++) {
		if (wants(c))
			c = tls_handshake(client);
		if (wants(s))
			s = tls_handshake(accepted);
		if (c == -1 || s == -1)
			break;
	}
	if (c == 0 && s == 0)
		return (0);
	log_warnx("the TLS probe failed: %s; %s",
	    c == -1 ? tls_error(client) : "client waits",
	    s == -1 ? tls_error(accepted) : "server waits");
	return (-1);
}

static int
probe(void)
{
	struct pipe	*pipes;
	struct ends	 here, there;
	struct tls	*client = NULL, *accepted = NULL;
	int		 ret = -1;

	if ((pipes = calloc(2, sizeof(*pipes))) == NULL)
		return (-1);
	here.in = there.out = &pipes[0];
	here.out = there.in = &pipes[1];
	if ((client = probe_client(&there)) != NULL &&
	    tls_accept_cbs(server, &accepted, probe_read, probe_write,
	    &here) == 0)
		ret = probe_shake(client, accepted);
	tls_free(client);
	tls_free(accepted);
	free(pipes);
	return (ret);
}

static void
handshake_probe(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (!sign_is_up() || probe() == -1) {
		log_alert("no TLS handshakes until the signer is replaced");
		return;
	}
	ready = 1;
	conn_resume();
}

/* --- what the others use ------------------------------------------------ */

void
handshake_up(struct edge *edge)
{
	ready = 0;
	if (prober == NULL && (prober = event_new(base, -1, 0,
	    handshake_probe, NULL)) == NULL)
		fatalx("no memory for events");
	if (sign_up(edge) == 0)
		event_active(prober, EV_TIMEOUT, 0);
}

void
handshake_down(struct edge *edge)
{
	(void)edge;
	ready = 0;
	sign_down();
}

int
handshake_ready(void)
{
	return (ready && sign_is_up());
}

struct tls *
handshake_accept(int fd)
{
	struct tls	*ctx = NULL;

	if (tls_accept_socket(server, &ctx, fd) == -1)
		return (NULL);
	return (ctx);
}

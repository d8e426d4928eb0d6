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
 *
 * Certificates are the same for all listeners, and libtls takes the one that
 * has the name a client asks for, else the first.  A listener that wants
 * certificates of its clients has settings of its own.
 */
#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tls.h>
#include <unistd.h>

#include "certificate.h"
#include "frontend.h"
#include "kbsd.h"
#include "log.h"

#define PEM_MAX		(64 * 1024)
#define CLIENT_PEM_MAX	(4 * 1024 * 1024)	/* CAs, CRLs */
#define PROBE_ROUNDS	16
#define SAY_MS		1000	/* in which so many refusals are logged */
#define SAY_MOST	20

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

struct pem {
	int	 fd;		/* -1: none */
	uint8_t	*text;
	size_t	 len;
};

static struct pem	 certs[CERTIFICATES_MAX];
static size_t		 ncerts;
static struct tls	*server;	/* it asks clients for nothing */
static struct asks {
	struct pem	 ca;
	struct pem	 crl;
	struct tls	*server;	/* NULL: that one */
}			 listeners[LISTENERS_MAX];
static size_t		 nlisteners;
static struct event	*prober;
static int		 ready;
static int64_t		 first_end;	/* of a certificate */

int
handshake_add_cert(int fd)
{
	if (ncerts == CERTIFICATES_MAX)
		return (-1);
	certs[ncerts++].fd = fd;
	return (0);
}

int
handshake_add_listener(void)
{
	if (nlisteners == LISTENERS_MAX)
		return (-1);
	listeners[nlisteners].ca.fd = listeners[nlisteners].crl.fd = -1;
	nlisteners++;
	return (0);
}

int
handshake_add_ca(int fd)
{
	if (nlisteners == 0 || listeners[nlisteners - 1].ca.fd != -1)
		return (-1);
	listeners[nlisteners - 1].ca.fd = fd;
	return (0);
}

int
handshake_add_crl(int fd)
{
	if (nlisteners == 0 || listeners[nlisteners - 1].ca.fd == -1 ||
	    listeners[nlisteners - 1].crl.fd != -1)
		return (-1);
	listeners[nlisteners - 1].crl.fd = fd;
	return (0);
}

/* Its offset is shared with other processes: pread(2). */
static void
pem_read(struct pem *pem, size_t max, const char *what)
{
	ssize_t	 n;

	if ((pem->text = malloc(max)) == NULL)
		fatalx("no memory for the %s", what);
	while ((n = pread(pem->fd, pem->text + pem->len, max - pem->len,
	    (off_t)pem->len)) > 0)
		pem->len += (size_t)n;
	if (n == -1)
		fatal("the %s", what);
	if (pem->len == 0 || pem->len == max)
		fatalx("the %s is empty or too long", what);
	close(pem->fd);
}

/* Of the leaf, which comes first. */
static void
note_end(const void *pem, size_t len)
{
	BIO		*bio = BIO_new_mem_buf(pem, (int)len);
	X509		*cert = NULL;
	struct tm	 tm;
	int64_t		 end;

	if (bio != NULL)
		cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (cert != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(cert),
	    &tm) == 1) {
		end = (int64_t)timegm(&tm);
		if (first_end == 0 || end < first_end)
			first_end = end;
	}
	X509_free(cert);
	BIO_free(bio);
}

static void
pem_free(struct pem *pem)
{
	free(pem->text);
	pem->text = NULL;
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

static struct tls_config *
new_config(void)
{
	struct tls_config	*config;
	size_t			 i;
	int			 ret;

	if ((config = tls_config_new()) == NULL)
		fatalx("no memory for TLS");
	if (tls_config_set_protocols(config, TLS_PROTOCOL_TLSv1_3) == -1 ||
	    tls_config_set_alpn(config, "http/1.1") == -1)
		fatalx("TLS settings: %s", tls_config_error(config));
	tls_config_use_fake_private_key(config);
	for (i = 0; i < ncerts; i++) {
		ret = (i == 0 ? tls_config_set_keypair_mem :
		    tls_config_add_keypair_mem)(config, certs[i].text,
		    certs[i].len, NULL, 0);
		if (ret == -1)
			fatalx("TLS certificate: %s",
			    tls_config_error(config));
	}
	return (config);
}

/* The configuration is given up. */
static struct tls *
new_server(struct tls_config *config)
{
	struct tls	*tls;

	if ((tls = tls_server()) == NULL)
		fatalx("no memory for TLS");
	if (tls_configure(tls, config) == -1)
		fatalx("TLS: %s", tls_error(tls));
	tls_config_free(config);
	return (tls);
}

/*
 * With a CRL, each CA between a client's certificate and the root must have a
 * list that is in force: libtls asks libcrypto to look at all of them.
 */
static void
ask_clients(struct asks *l)
{
	struct tls_config	*config = new_config();

	pem_read(&l->ca, CLIENT_PEM_MAX, "CA of clients");
	if (!verify_is_certs(l->ca.text, l->ca.len))
		fatalx("the CA of clients is not all certificates");
	certificate_note(CERTIFICATE_CA, "clients", l->ca.text, l->ca.len);
	if (tls_config_set_ca_mem(config, l->ca.text, l->ca.len) == -1)
		fatalx("CA of clients: %s", tls_config_error(config));
	if (l->crl.fd != -1) {
		pem_read(&l->crl, CLIENT_PEM_MAX, "CRL of clients");
		if (!verify_is_crls(l->crl.text, l->crl.len))
			fatalx("the CRL of clients is not all CRLs");
		if (tls_config_set_crl_mem(config, l->crl.text,
		    l->crl.len) == -1)
			fatalx("CRL of clients: %s", tls_config_error(config));
	}
	tls_config_verify_client(config);
	l->server = new_server(config);
	pem_free(&l->ca);
	pem_free(&l->crl);
}

/* Needs the certificates' files, so it comes before the sandbox. */
void
handshake_init(void)
{
	size_t	 i;

	if (ncerts == 0)
		fatalx("no TLS certificate");
	sign_init();
	verify_init();
	no_tickets();
	for (i = 0; i < ncerts; i++) {
		pem_read(&certs[i], PEM_MAX, "TLS certificate");
		note_end(certs[i].text, certs[i].len);
		certificate_note(CERTIFICATE_OWN, "", certs[i].text,
		    certs[i].len);
	}
	server = new_server(new_config());
	for (i = 0; i < nlisteners; i++)
		if (listeners[i].ca.fd != -1)
			ask_clients(&listeners[i]);
	for (i = 0; i < ncerts; i++)
		pem_free(&certs[i]);
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

int64_t
handshake_ends(void)
{
	return (first_end);
}

struct tls *
handshake_accept(int fd, size_t listener)
{
	struct tls	*tls = listeners[listener].server, *ctx = NULL;

	if (tls_accept_socket(tls == NULL ? server : tls, &ctx, fd) == -1)
		return (NULL);
	return (ctx);
}

int
handshake_step(struct tls *tls)
{
	verify_begin();
	return (tls_handshake(tls));
}

/*
 * A handshake that failed is anybody's who scans; but where a certificate is
 * wanted, its owner will ask why, and the log must say it.
 */
void
handshake_failed(size_t listener, const char *address, const char *why)
{
	static uint64_t		 since;
	static unsigned int	 said;
	uint64_t		 now = now_ms();

	if (verify_why() != NULL)
		why = verify_why();
	else if (why == NULL)
		why = "closed";
	if (listeners[listener].server == NULL) {
		log_debug("handshake with %s: %s", address, why);
		return;
	}
	if (now - since >= SAY_MS) {
		since = now;
		said = 0;
	}
	if (said++ < SAY_MOST)
		log_info("client %s refused: %s", address, why);
	else if (said == SAY_MOST + 1)
		log_info("more clients are refused in this second");
}

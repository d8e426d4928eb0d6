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
 * Certificates of clients: chains of a root, a CA below it and a client, with
 * and without lists of what is revoked, against the real frontend and signer.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>

#include "limit.h"
#include "rig.h"

#define DAY	86400L

/* --- certificates --------------------------------------------------------- */

struct party {
	const char	*name;
	EVP_PKEY	*key;
	X509		*cert;
};

static struct party	 root = { .name = "root" }, ca = { .name = "ca" };
static struct party	 other = { .name = "other" };
static struct party	 stranger = { .name = "ca" };	/* the same name */
static struct party	 good = { .name = "good" };
static struct party	 bad = { .name = "bad" };	/* is revoked by some */
static struct party	 theirs = { .name = "theirs" };	/* of the other CA */
static struct party	 ended = { .name = "ended" };
static struct party	 early = { .name = "early" };
static struct party	 server = { .name = "server" };
static struct party	 false_one = { .name = "false" };

static void
extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION	*ext;
	X509V3_CTX	 ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ATF_REQUIRE((ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value)) !=
	    NULL);
	ATF_REQUIRE(X509_add_ext(cert, ext, -1));
	X509_EXTENSION_free(ext);
}

static void
write_pem(const struct party *p)
{
	char	 name[64];
	FILE	*fp;

	snprintf(name, sizeof(name), "%s.pem", p->name);
	ATF_REQUIRE((fp = fopen(name, "w")) != NULL);
	ATF_REQUIRE(PEM_write_X509(fp, p->cert));
	/* with the CA, which clients send along */
	if (X509_check_ca(p->cert) == 0 && p != &theirs)
		ATF_REQUIRE(PEM_write_X509(fp, ca.cert));
	fclose(fp);
	snprintf(name, sizeof(name), "%s.key", p->name);
	ATF_REQUIRE((fp = fopen(name, "w")) != NULL);
	ATF_REQUIRE(PEM_write_PrivateKey(fp, p->key, NULL, NULL, 0, NULL,
	    NULL));
	fclose(fp);
}

/* usage NULL: a CA. */
static void
issue(struct party *p, const struct party *issuer, long serial, long from,
    long until, const char *usage)
{
	X509_NAME	*name;

	p->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	p->cert = X509_new();
	ATF_REQUIRE(p->key != NULL && p->cert != NULL);
	if (issuer == NULL)
		issuer = p;
	X509_set_version(p->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(p->cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(p->cert), from * DAY);
	X509_gmtime_adj(X509_getm_notAfter(p->cert), until * DAY);
	name = X509_get_subject_name(p->cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)p->name, -1, -1, 0);
	X509_set_issuer_name(p->cert, X509_get_subject_name(issuer->cert));
	X509_set_pubkey(p->cert, p->key);
	extend(p->cert, issuer->cert, NID_basic_constraints, usage == NULL ?
	    "critical,CA:TRUE" : "critical,CA:FALSE");
	extend(p->cert, issuer->cert, NID_key_usage, usage == NULL ?
	    "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
	if (usage != NULL)
		extend(p->cert, issuer->cert, NID_ext_key_usage, usage);
	ATF_REQUIRE(X509_sign(p->cert, issuer->key, EVP_sha256()) > 0);
	if (p != &stranger)
		write_pem(p);
}

static void
make_pki(void)
{
	issue(&root, NULL, 1, -1, 30, NULL);
	issue(&ca, &root, 2, -1, 30, NULL);
	issue(&other, NULL, 1, -1, 30, NULL);
	issue(&stranger, NULL, 2, -1, 30, NULL);
	issue(&good, &ca, 3, -1, 30, "clientAuth");
	issue(&bad, &ca, 4, -1, 30, "clientAuth");
	issue(&theirs, &other, 4, -1, 30, "clientAuth");
	issue(&ended, &ca, 5, -9, -1, "clientAuth");
	issue(&early, &ca, 6, 1, 9, "clientAuth");
	issue(&server, &ca, 7, -1, 30, "serverAuth");
	issue(&false_one, &stranger, 3, -1, 30, "clientAuth");
}

/* Append a list to a file; serial 0: of nothing. */
static void
put_crl(const char *file, const struct party *issuer, long serial, long from,
    long until)
{
	X509_CRL	*crl = X509_CRL_new();
	X509_REVOKED	*revoked;
	ASN1_INTEGER	*number = ASN1_INTEGER_new();
	ASN1_TIME	*t = ASN1_TIME_new();
	FILE		*fp;

	ATF_REQUIRE(crl != NULL && number != NULL && t != NULL);
	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->cert));
	X509_gmtime_adj(t, from * DAY);
	X509_CRL_set1_lastUpdate(crl, t);
	X509_gmtime_adj(t, until * DAY);
	X509_CRL_set1_nextUpdate(crl, t);
	if (serial != 0) {
		ATF_REQUIRE((revoked = X509_REVOKED_new()) != NULL);
		ASN1_INTEGER_set(number, serial);
		X509_REVOKED_set_serialNumber(revoked, number);
		X509_gmtime_adj(t, -DAY);
		X509_REVOKED_set_revocationDate(revoked, t);
		X509_CRL_add0_revoked(crl, revoked);
	}
	ATF_REQUIRE(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
	ATF_REQUIRE((fp = fopen(file, "a")) != NULL);
	ATF_REQUIRE(PEM_write_X509_CRL(fp, crl));
	fclose(fp);
	X509_CRL_free(crl);
	ASN1_INTEGER_free(number);
	ASN1_TIME_free(t);
}

/* --- the processes -------------------------------------------------------- */

struct rig {
	struct child	*signer;
	struct child	*front;
	int		 port[2];	/* one that asks for nothing, and */
};

static int
a_file(const char *name)
{
	int	 fd;

	ATF_REQUIRE_MSG((fd = open(name, O_RDONLY)) != -1, "%s", name);
	return (fd);
}

static struct child *
configured(void)
{
	struct child	*c = child_start("frontend", PROC_GATE, 0, 7, NULL);
	struct wbuf	 w = { 0 };
	uint32_t	 limits[LIMIT_MAX];

	wb_u8(&w, ROLE_TRANSFER);
	wb_u32(&w, 1);
	wb_u32(&w, 1);
	limits_default(limits);
	wb_limits(&w, limits);
	child_config(c, &w);
	return (c);
}

/* crls NULL: none are looked at. */
static void
start(struct rig *rig, const char *cas, const char *crls)
{
	struct wbuf	 w = { 0 };

	memset(rig, 0, sizeof(*rig));
	rig->signer = signer_start();
	rig->front = configured();
	child_descriptor(rig->front, FD_LISTEN, listener(&rig->port[0]));
	child_descriptor(rig->front, FD_LISTEN, listener(&rig->port[1]));
	child_descriptor(rig->front, FD_CLIENT_CA, a_file(cas));
	if (crls != NULL)
		child_descriptor(rig->front, FD_CLIENT_CRL, a_file(crls));
	child_descriptor(rig->front, FD_TLS_CERT, a_file("tls.crt"));
	child_go(rig->front);
	/* the signer first: the frontend asks it at once */
	child_connect(rig->signer, PROC_SIGNER, 0, 0, rig->front, PROC_GATE,
	    0, 7);
	peer_send(child_parent(rig->front), IMSG_PROCESS_ACCEPT, &w);
}

static void
end(struct rig *rig)
{
	ends(rig->front, 0);
	ends(rig->signer, 0);
}

/* --- the client ----------------------------------------------------------- */

static struct tls *
client(const struct party *p)
{
	struct tls_config	*config = tls_config_new();
	struct tls		*tls = tls_client();
	char			 cert[64], key[64];

	ATF_REQUIRE(config != NULL && tls != NULL);
	ATF_REQUIRE(tls_config_set_ca_file(config, "tls.crt") == 0);
	if (p != NULL) {
		snprintf(cert, sizeof(cert), "%s.pem", p->name);
		snprintf(key, sizeof(key), "%s.key", p->name);
		ATF_REQUIRE_MSG(tls_config_set_keypair_file(config, cert,
		    key) == 0, "%s", tls_config_error(config));
	}
	ATF_REQUIRE(tls_configure(tls, config) == 0);
	tls_config_free(config);
	return (tls);
}

/*
 * Does a request of it get an answer?  In TLS 1.3 a client learns that its
 * certificate was refused when it reads.
 */
static int
let_in(int port, const struct party *p)
{
	static const char	 text[] = "GET /kbs/v1/version HTTP/1.1\r\n"
				    "Host: kbs\r\n\r\n";
	struct tls		*tls = client(p);
	char			 buf[1024];
	ssize_t			 n = -1;
	int			 fd;

	fd = dial(INADDR_LOOPBACK, port);
	ATF_REQUIRE(tls_connect_socket(tls, fd, "localhost") == 0);
	if (tls_handshake(tls) == 0 && tls_write(tls, text,
	    sizeof(text) - 1) > 0)
		n = tls_read(tls, buf, sizeof(buf));
	tls_free(tls);
	close(fd);
	return (n > 15 && memcmp(buf, "HTTP/1.1 200 OK", 15) == 0);
}

/* why NULL: it is let in. */
static void
check(struct rig *rig, const struct party *p, const char *why)
{
	char	 text[256];

	ATF_CHECK_MSG(let_in(rig->port[1], p) == (why == NULL), "%s: %s",
	    p == NULL ? "none" : p->name, why == NULL ? "good" : why);
	if (why == NULL)
		return;
	snprintf(text, sizeof(text), "client 127.0.0.1 refused: %s", why);
	ATF_CHECK_MSG(child_logged(rig->front, text, AGES), "%s", text);
}

/* --- cases ---------------------------------------------------------------- */

ATF_TC_WITHOUT_HEAD(chains);
ATF_TC_BODY(chains, tc)
{
	struct rig	 rig;

	make_pki();
	start(&rig, "root.pem", NULL);
	check(&rig, &good, NULL);
	check(&rig, &bad, NULL);
	check(&rig, &ended, "certificate has expired");
	check(&rig, &early, "certificate is not yet valid");
	check(&rig, &server, "unsuitable certificate purpose");
	check(&rig, &theirs, "unable to get local issuer certificate");
	/* its issuer has the name of ours */
	check(&rig, &false_one, "certificate signature failure");
	check(&rig, NULL, "handshake failed: ");
	check(&rig, &good, NULL);
	/* The other listener asks for none, and minds none. */
	ATF_CHECK(let_in(rig.port[0], NULL));
	ATF_CHECK(let_in(rig.port[0], &good));
	ATF_CHECK(let_in(rig.port[0], &theirs));
	end(&rig);
}

/* Each list that is there, missing, old, not ours or another CA's. */
ATF_TC_WITHOUT_HEAD(lists);
ATF_TC_BODY(lists, tc)
{
#define NOW	-1, 9
#define OLD	-9, -1
#define LATER	1, 9
	static const struct {
		const char		*what;
		struct {
			const struct party	*ca;
			long			 serial, from, until;
		}			 crls[4];
		const char		*of_good, *of_bad, *of_theirs;
	} rows[] = {
#define NO_LIST	"unable to get certificate CRL"
	    { "nothing is revoked", { { &root, 0, NOW }, { &ca, 0, NOW },
		{ &other, 0, NOW } }, NULL, NULL, NULL },
	    { "one of the CA's", { { &root, 0, NOW }, { &ca, 4, NOW },
		{ &other, 0, NOW } }, NULL, "certificate revoked", NULL },
	    { "the same number of the other's", { { &root, 0, NOW },
		{ &ca, 0, NOW }, { &other, 4, NOW } }, NULL, NULL,
		"certificate revoked" },
	    { "the CA itself", { { &root, 2, NOW }, { &ca, 0, NOW },
		{ &other, 0, NOW } }, "certificate revoked",
		"certificate revoked", NULL },
	    { "no list of the CA's", { { &root, 0, NOW }, { &other, 0, NOW } },
		NO_LIST, NO_LIST, NULL },
	    { "no list of the root's", { { &ca, 0, NOW }, { &other, 0, NOW } },
		NO_LIST, NO_LIST, NULL },
	    { "none of the other's", { { &root, 0, NOW }, { &ca, 0, NOW } },
		NULL, NULL, NO_LIST },
	    { "an old one", { { &root, 0, NOW }, { &ca, 0, OLD },
		{ &other, 0, NOW } }, "CRL has expired", "CRL has expired",
		NULL },
	    { "the root's is old", { { &root, 0, OLD }, { &ca, 0, NOW },
		{ &other, 0, NOW } }, "CRL has expired", "CRL has expired",
		NULL },
	    { "one of tomorrow", { { &root, 0, NOW }, { &ca, 0, LATER },
		{ &other, 0, NOW } }, "CRL is not yet valid",
		"CRL is not yet valid", NULL },
	    { "one of who has its name", { { &root, 0, NOW },
		{ &stranger, 0, NOW }, { &other, 0, NOW } },
		"CRL signature failure", "CRL signature failure", NULL },
	};
	struct rig	 rig;
	size_t		 i, n;

	make_pki();
	ATF_REQUIRE_EQ(0, system("cat root.pem other.pem >both.pem"));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		printf("%s\n", rows[i].what);
		(void)unlink("crls.pem");
		for (n = 0; n < 4 && rows[i].crls[n].ca != NULL; n++)
			put_crl("crls.pem", rows[i].crls[n].ca,
			    rows[i].crls[n].serial, rows[i].crls[n].from,
			    rows[i].crls[n].until);
		start(&rig, "both.pem", "crls.pem");
		check(&rig, &good, rows[i].of_good);
		check(&rig, &bad, rows[i].of_bad);
		check(&rig, &theirs, rows[i].of_theirs);
		end(&rig);
	}
}

/* What a frontend must not start with. */
static void
dies(int crl, const char *file, const char *why)
{
	struct child	*c = configured();
	struct wbuf	 w = { 0 };
	int		 port;

	child_descriptor(c, FD_LISTEN, listener(&port));
	child_descriptor(c, FD_CLIENT_CA, a_file(crl ? "root.pem" : file));
	if (crl)
		child_descriptor(c, FD_CLIENT_CRL, a_file(file));
	child_descriptor(c, FD_TLS_CERT, a_file("tls.crt"));
	peer_send(child_parent(c), IMSG_PROCESS_GO, &w);
	ATF_CHECK(peer_closed(child_parent(c), AGES));
	ATF_CHECK_MSG(child_logged(c, why, AGES), "%s", why);
	ends(c, 1);
}

ATF_TC_WITHOUT_HEAD(start_errors);
ATF_TC_BODY(start_errors, tc)
{
	struct rig	 rig;

	make_pki();
	start(&rig, "root.pem", NULL);
	end(&rig);
	ATF_REQUIRE_EQ(0, system(": >empty; echo nothing >garbage; "
	    "head -c 200 root.pem >half; cat root.pem half >whole"));
	dies(0, "empty", "the CA of clients is empty or too long");
	dies(0, "garbage", "the CA of clients is not all certificates");
	dies(0, "half", "the CA of clients is not all certificates");
	dies(0, "root.key", "the CA of clients is not all certificates");
	dies(0, "whole", "the CA of clients is not all certificates");
	dies(1, "empty", "the CRL of clients is empty or too long");
	dies(1, "garbage", "the CRL of clients is not all CRLs");
	dies(1, "root.pem", "the CRL of clients is not all CRLs");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, chains);
	ATF_TP_ADD_TC(tp, lists);
	ATF_TP_ADD_TC(tp, start_errors);
	return (atf_no_error());
}

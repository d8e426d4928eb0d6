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
 * The real signer, with frontends that are played: what it makes, what it
 * signs, and all that it must refuse.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "peer.h"
#include "signer.h"

struct rig {
	struct child	*child;
	struct peer	*front;
	uint32_t	 id;
};

static struct child *
start(const char *keyfile, const char *certfile, int flags,
    const char *const *names)
{
	struct child	*c = child_start("signer", PROC_SIGNER, 0, 0, NULL);
	struct wbuf	 w = { 0 };
	uint32_t	 n;
	int		 fd;

	ATF_REQUIRE((fd = open(keyfile, flags, 0600)) != -1);
	child_descriptor(c, FD_TLS_KEY, fd);
	ATF_REQUIRE((fd = open(certfile, flags, 0644)) != -1);
	child_descriptor(c, FD_TLS_CERT, fd);
	for (n = 0; names[n] != NULL; n++)
		continue;
	wb_u32(&w, n);
	for (n = 0; names[n] != NULL; n++)
		wb_str(&w, names[n]);
	child_config(c, &w);
	return (c);
}

static const char *const some_names[] = { "kbs.example", "127.0.0.1", "::1",
	NULL };
static const char *const other_names[] = { "kbs2.example", NULL };

static void
start_own(struct rig *rig, const char *const *names)
{
	memset(rig, 0, sizeof(*rig));
	rig->child = start("tls.key", "tls.crt", O_RDWR | O_CREAT, names);
	child_go(rig->child);
	rig->front = child_edge(rig->child, PROC_FRONTEND, 0, 7);
}

static X509 *
cert_of(const char *file)
{
	FILE	*fp;
	X509	*cert;

	ATF_REQUIRE((fp = fopen(file, "r")) != NULL);
	cert = PEM_read_X509(fp, NULL, NULL, NULL);
	fclose(fp);
	ATF_REQUIRE(cert != NULL);
	return (cert);
}

static void
spki_of(X509 *cert, uint8_t out[DIGEST_LEN])
{
	uint8_t	*der = NULL;
	int	 len;

	len = i2d_PUBKEY(X509_get0_pubkey(cert), &der);
	ATF_REQUIRE(len > 0);
	digest(out, der, (size_t)len);
	OPENSSL_free(der);
}

/* Ask; the length of the signature, 0 when it is refused. */
static size_t
ask(struct rig *rig, uint8_t kind, const uint8_t *spki, const void *data,
    size_t len, uint8_t *sig)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	const uint8_t	*p;
	size_t		 siglen;
	int		 ok;

	wb_u32(&w, ++rig->id);
	wb_u8(&w, kind);
	wb_digest(&w, spki);
	wb_bytes(&w, data, len);
	peer_send(rig->front, IMSG_SIGNER_SIGN, &w);
	peer_recv(rig->front, IMSG_FRONTEND_SIGNED, &r, AGES);
	ATF_REQUIRE_EQ(rig->id, rb_u32(&r));
	ok = rb_bool(&r);
	p = rb_bytes(&r, &siglen, 0, SIGNATURE_MAX);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	ATF_REQUIRE_EQ(ok, siglen > 0);
	if (ok && sig != NULL)
		memcpy(sig, p, siglen);
	return (siglen);
}

/* Is it the signature of this digest? */
static int
verify(EVP_PKEY *key, const uint8_t *sig, size_t siglen, const uint8_t *dgst,
    size_t len, const EVP_MD *pss)
{
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new(key, NULL);
	int		 ok;

	ATF_REQUIRE(ctx != NULL && EVP_PKEY_verify_init(ctx) == 1);
	if (pss != NULL)
		ATF_REQUIRE(EVP_PKEY_CTX_set_rsa_padding(ctx,
		    RSA_PKCS1_PSS_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_signature_md(ctx, pss) == 1);
	ok = EVP_PKEY_verify(ctx, sig, siglen, dgst, len) == 1;
	EVP_PKEY_CTX_free(ctx);
	return (ok);
}

static char *
slurp(const char *file)
{
	static char	 buf[2][16384];
	static int	 i;
	FILE		*fp;
	size_t		 n;

	i = !i;
	ATF_REQUIRE((fp = fopen(file, "r")) != NULL);
	n = fread(buf[i], 1, sizeof(buf[i]) - 1, fp);
	buf[i][n] = '\0';
	fclose(fp);
	return (buf[i]);
}

static void
end(struct rig *rig)
{
	int	 status;

	peer_close(rig->front);
	status = child_end(rig->child);
	ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

ATF_TC_WITHOUT_HEAD(made);
ATF_TC_BODY(made, tc)
{
	struct rig	 rig;
	X509		*cert;
	uint8_t		 spki[DIGEST_LEN], dgst[64], sig[SIGNATURE_MAX];
	size_t		 len, siglen;

	start_own(&rig, some_names);
	cert = cert_of("tls.crt");
	ATF_CHECK_EQ(1, X509_check_host(cert, "kbs.example", 0, 0, NULL));
	ATF_CHECK_EQ(0, X509_check_host(cert, "kbs2.example", 0, 0, NULL));
	ATF_CHECK_EQ(1, X509_check_ip_asc(cert, "127.0.0.1", 0));
	ATF_CHECK_EQ(1, X509_check_ip_asc(cert, "::1", 0));
	ATF_CHECK_EQ(0, X509_check_ip_asc(cert, "127.0.0.2", 0));
	ATF_CHECK_EQ(1, X509_verify(cert, X509_get0_pubkey(cert)));
	ATF_CHECK_EQ(0, X509_check_ca(cert));
	ATF_CHECK(X509_cmp_current_time(X509_get0_notBefore(cert)) < 0);
	ATF_CHECK(strstr(slurp("tls.key"), "BEGIN PRIVATE KEY") != NULL);
	spki_of(cert, spki);
	memset(dgst, 0x5a, sizeof(dgst));
	for (len = 32; len <= 64; len += 16) {
		siglen = ask(&rig, SIGN_ECDSA, spki, dgst, len, sig);
		ATF_CHECK(verify(X509_get0_pubkey(cert), sig, siglen, dgst,
		    len, NULL));
	}
	X509_free(cert);
	end(&rig);
}

ATF_TC_WITHOUT_HEAD(kept);
ATF_TC_BODY(kept, tc)
{
	struct rig	 rig;
	char		*key, *cert;
	X509		*old, *now;

	start_own(&rig, some_names);
	end(&rig);
	key = strdup(slurp("tls.key"));
	cert = strdup(slurp("tls.crt"));
	start_own(&rig, some_names);
	end(&rig);
	ATF_CHECK_STREQ(key, slurp("tls.key"));
	ATF_CHECK_STREQ(cert, slurp("tls.crt"));

	/* other names: another certificate for the same key */
	old = cert_of("tls.crt");
	start_own(&rig, other_names);
	end(&rig);
	now = cert_of("tls.crt");
	ATF_CHECK_STREQ(key, slurp("tls.key"));
	ATF_CHECK_EQ(1, X509_check_host(now, "kbs2.example", 0, 0, NULL));
	ATF_CHECK_EQ(1, EVP_PKEY_eq(X509_get0_pubkey(old),
	    X509_get0_pubkey(now)));
	X509_free(old);
	X509_free(now);

	/* a torn certificate of our own is made again, the key stays */
	ATF_REQUIRE_EQ(0, truncate("tls.crt", 100));
	start_own(&rig, some_names);
	end(&rig);
	X509_free(cert_of("tls.crt"));
	ATF_CHECK_STREQ(key, slurp("tls.key"));
	free(key);
	free(cert);
}

/* A certificate of the same key that ends in so many days. */
static void
write_cert_ending(int days)
{
	FILE		*fp;
	EVP_PKEY	*key;
	X509		*cert;
	struct names	 names = { { "kbs.example", "127.0.0.1", "::1" }, 3 };

	ATF_REQUIRE((fp = fopen("tls.key", "r")) != NULL);
	ATF_REQUIRE((key = PEM_read_PrivateKey(fp, NULL, NULL,
	    NULL)) != NULL);
	fclose(fp);
	ATF_REQUIRE((cert = make_cert(key, &names)) != NULL);
	ATF_REQUIRE(X509_gmtime_adj(X509_getm_notAfter(cert),
	    days * 86400L) != NULL);
	ATF_REQUIRE(X509_sign(cert, key, EVP_sha256()) > 0);
	ATF_REQUIRE((fp = fopen("tls.crt", "w")) != NULL);
	ATF_REQUIRE(PEM_write_X509(fp, cert));
	fclose(fp);
	X509_free(cert);
	EVP_PKEY_free(key);
}

ATF_TC_WITHOUT_HEAD(renewed);
ATF_TC_BODY(renewed, tc)
{
	struct rig	 rig;
	char		*before;

	start_own(&rig, some_names);
	end(&rig);
	write_cert_ending(40);
	before = strdup(slurp("tls.crt"));
	start_own(&rig, some_names);
	end(&rig);
	ATF_CHECK_STREQ(before, slurp("tls.crt"));
	free(before);
	write_cert_ending(20);
	before = strdup(slurp("tls.crt"));
	start_own(&rig, some_names);
	end(&rig);
	ATF_CHECK(strcmp(before, slurp("tls.crt")) != 0);
	free(before);
}

ATF_TC_WITHOUT_HEAD(refused);
ATF_TC_BODY(refused, tc)
{
	static const size_t	 wrong[] = { 1, 20, 31, 33, 47, 63, 65, 256 };
	struct rig		 rig;
	X509			*cert;
	uint8_t			 spki[DIGEST_LEN], data[SIGNATURE_MAX];
	size_t			 i;

	start_own(&rig, some_names);
	cert = cert_of("tls.crt");
	spki_of(cert, spki);
	X509_free(cert);
	memset(data, 1, sizeof(data));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ATF_CHECK_EQ(0, ask(&rig, SIGN_ECDSA, spki, data, wrong[i],
		    NULL));
	ATF_CHECK_EQ(0, ask(&rig, SIGN_RSA, spki, data, 32, NULL));
	spki[31] ^= 1;
	ATF_CHECK_EQ(0, ask(&rig, SIGN_ECDSA, spki, data, 32, NULL));
	ATF_CHECK(child_logged(rig.child, "refused to sign for frontend 0",
	    AGES));
	spki[31] ^= 1;
	ATF_CHECK(ask(&rig, SIGN_ECDSA, spki, data, 32, NULL) > 0);
	end(&rig);
}

/* Bodies that are no question at all: the edge is closed. */
static const struct {
	const char	*what;
	size_t		 len;		/* of a body that would be good */
	size_t		 more;		/* bytes behind it */
	uint8_t		 kind;
	uint32_t	 announced;	/* of the data; 0: what is there */
	uint32_t	 type;
} bad[] = {
	{ "empty",	0,	0, SIGN_ECDSA,	  0,	IMSG_SIGNER_SIGN },
	{ "cut",	76,	0, SIGN_ECDSA,	  0,	IMSG_SIGNER_SIGN },
	{ "longer",	77,	1, SIGN_ECDSA,	  0,	IMSG_SIGNER_SIGN },
	{ "kind",	77,	0, SIGN_KIND_MAX, 0,	IMSG_SIGNER_SIGN },
	{ "announced",	77,	0, SIGN_ECDSA,	  33,	IMSG_SIGNER_SIGN },
	{ "huge",	77,	0, SIGN_ECDSA,	  0xffffffff,
	    IMSG_SIGNER_SIGN },
	{ "oversized",	77,	4000, SIGN_ECDSA, 4032,	IMSG_SIGNER_SIGN },
	{ "other type",	77,	0, SIGN_ECDSA,	  0,	IMSG_BROKER_ASK },
};

ATF_TC_WITHOUT_HEAD(violations);
ATF_TC_BODY(violations, tc)
{
	struct rig	 rig;
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	uint8_t		 zero[4096] = { 0 };
	size_t		 i;

	start_own(&rig, some_names);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		wb_u32(&w, 1);
		wb_u8(&w, bad[i].kind);
		wb_digest(&w, zero);
		wb_u32(&w, bad[i].announced != 0 ? bad[i].announced : 32);
		wb_raw(&w, zero, 32);
		w.len = bad[i].len;
		wb_raw(&w, zero, bad[i].more);
		peer_send(rig.front, bad[i].type, &w);
		ATF_CHECK_MSG(peer_closed(rig.front, AGES), "%s",
		    bad[i].what);
		peer_recv(child_parent(rig.child), IMSG_PARENT_VIOLATION, &r,
		    AGES);
		ATF_CHECK_EQ(PROC_FRONTEND, rb_u32(&r));
		peer_close(rig.front);
		rig.front = child_edge(rig.child, PROC_FRONTEND, 0, 8);
	}
	end(&rig);
}

static EVP_PKEY *
rsa_pair(unsigned int bits, X509 **cert)
{
	struct names	 names = { { "kbs.example" }, 1 };
	EVP_PKEY	*key = EVP_RSA_gen(bits);
	FILE		*fp;

	ATF_REQUIRE(key != NULL);
	ATF_REQUIRE((*cert = make_cert(key, &names)) != NULL);
	ATF_REQUIRE((fp = fopen("rsa.key", "w")) != NULL);
	ATF_REQUIRE(PEM_write_PrivateKey(fp, key, NULL, NULL, 0, NULL, NULL));
	fclose(fp);
	ATF_REQUIRE((fp = fopen("rsa.crt", "w")) != NULL);
	ATF_REQUIRE(PEM_write_X509(fp, *cert));
	fclose(fp);
	return (key);
}

/* The padded block of a digest: sign, and undo the operation. */
static size_t
pss_block(EVP_PKEY *key, const EVP_MD *md, int saltlen, const uint8_t *dgst,
    uint8_t *block)
{
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t		 sig[SIGNATURE_MAX];
	size_t		 siglen = sizeof(sig), len = SIGNATURE_MAX;

	ATF_REQUIRE(ctx != NULL && EVP_PKEY_sign_init(ctx) == 1);
	ATF_REQUIRE(EVP_PKEY_CTX_set_rsa_padding(ctx,
	    RSA_PKCS1_PSS_PADDING) == 1);
	ATF_REQUIRE(EVP_PKEY_CTX_set_signature_md(ctx, md) == 1);
	ATF_REQUIRE(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, saltlen) == 1);
	ATF_REQUIRE(EVP_PKEY_sign(ctx, sig, &siglen, dgst,
	    (size_t)EVP_MD_get_size(md)) == 1);
	EVP_PKEY_CTX_free(ctx);
	ctx = EVP_PKEY_CTX_new(key, NULL);
	ATF_REQUIRE(ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1);
	ATF_REQUIRE(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1);
	ATF_REQUIRE(EVP_PKEY_encrypt(ctx, block, &len, sig, siglen) == 1);
	EVP_PKEY_CTX_free(ctx);
	return (len);
}

ATF_TC_WITHOUT_HEAD(rsa);
ATF_TC_BODY(rsa, tc)
{
	const EVP_MD	*mds[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };
	struct rig	 rig = { 0 };
	EVP_PKEY	*key;
	X509		*cert;
	uint8_t		 spki[DIGEST_LEN], block[SIGNATURE_MAX], dgst[64];
	uint8_t		 sig[SIGNATURE_MAX];
	size_t		 i, len = 0, siglen;

	key = rsa_pair(2048, &cert);
	spki_of(cert, spki);
	rig.child = start("rsa.key", "rsa.crt", O_RDONLY, other_names);
	child_go(rig.child);
	rig.front = child_edge(rig.child, PROC_GATE, 0, 7);
	memset(dgst, 0x77, sizeof(dgst));
	for (i = 0; i < 3; i++) {
		len = pss_block(key, mds[i], RSA_PSS_SALTLEN_DIGEST, dgst,
		    block);
		siglen = ask(&rig, SIGN_RSA, spki, block, len, sig);
		ATF_CHECK_EQ(256, siglen);
		ATF_CHECK(verify(key, sig, siglen, dgst,
		    (size_t)EVP_MD_get_size(mds[i]), mds[i]));
	}
	/* no decryption, no PKCS#1 v1.5, no other length, no ECDSA */
	block[100] ^= 1;
	ATF_CHECK_EQ(0, ask(&rig, SIGN_RSA, spki, block, len, NULL));
	block[100] ^= 1;
	ATF_CHECK_EQ(0, ask(&rig, SIGN_RSA, spki, block, len - 1, NULL));
	ATF_CHECK_EQ(0, ask(&rig, SIGN_RSA, spki, block + 1, len - 1, NULL));
	ATF_CHECK_EQ(0, ask(&rig, SIGN_ECDSA, spki, block, 32, NULL));
	memset(block, 0xff, len);
	block[0] = 0;
	block[1] = 1;
	ATF_CHECK_EQ(0, ask(&rig, SIGN_RSA, spki, block, len, NULL));
	block[len - 1] = 0xbc;
	ATF_CHECK_EQ(0, ask(&rig, SIGN_RSA, spki, block, len, NULL));
	memset(block, 0, len);
	ATF_CHECK_EQ(0, ask(&rig, SIGN_RSA, spki, block, len, NULL));
	/* the operator's certificate is left alone, whatever its names are */
	ATF_CHECK(strstr(slurp("rsa.crt"), "BEGIN CERTIFICATE") != NULL);
	X509_free(cert);
	EVP_PKEY_free(key);
	end(&rig);
}

ATF_TC_WITHOUT_HEAD(pss);
ATF_TC_BODY(pss, tc)
{
	static const unsigned int	 bits[] = { 1031, 1032, 1033, 2048 };
	EVP_PKEY			*key;
	uint8_t				 block[SIGNATURE_MAX], dgst[64];
	size_t				 i, j, len;

	memset(dgst, 0x33, sizeof(dgst));
	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		ATF_REQUIRE((key = EVP_RSA_gen(bits[i])) != NULL);
		len = pss_block(key, EVP_sha256(), RSA_PSS_SALTLEN_DIGEST,
		    dgst, block);
		ATF_CHECK_MSG(sign_is_pss(block, len, bits[i]), "%u bits",
		    bits[i]);
		ATF_CHECK(!sign_is_pss(block, len - 1, bits[i]));
		ATF_CHECK(!sign_is_pss(block, 0, bits[i]));
		/* no bit of it may be another one, but of salt and hash */
		for (j = 0; j < 32; j++) {
			block[j] ^= 0x80;
			ATF_CHECK(!sign_is_pss(block, len, bits[i]));
			block[j] ^= 0x80;
		}
		len = pss_block(key, EVP_sha256(), 20, dgst, block);
		ATF_CHECK(!sign_is_pss(block, len, bits[i]));
		len = pss_block(key, EVP_sha1(), 20, dgst, block);
		ATF_CHECK(!sign_is_pss(block, len, bits[i]));
		EVP_PKEY_free(key);
	}
}

/* What it must not start with; each dies with a line that says why. */
static void
dies(struct child *c, const char *why)
{
	struct wbuf	 w = { 0 };
	int		 status;

	peer_send(child_parent(c), IMSG_PROCESS_GO, &w);
	ATF_CHECK(peer_closed(child_parent(c), AGES));
	ATF_CHECK_MSG(child_logged(c, why, AGES), "%s", why);
	status = child_end(c);
	ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

ATF_TC_WITHOUT_HEAD(start_errors);
ATF_TC_BODY(start_errors, tc)
{
	struct rig	 rig;
	X509		*cert;
	FILE		*fp;

	start_own(&rig, some_names);
	end(&rig);
	EVP_PKEY_free(rsa_pair(2048, &cert));
	X509_free(cert);
	dies(start("tls.key", "rsa.crt", O_RDONLY, some_names),
	    "not the one of the certificate");
	dies(start("rsa.crt", "rsa.crt", O_RDONLY, some_names),
	    "no PEM private key");
	ATF_REQUIRE((fp = fopen("empty", "w")) != NULL);
	fclose(fp);
	dies(start("empty", "tls.crt", O_RDONLY, some_names), "TLS key");
	dies(start("tls.key", "empty", O_RDONLY, some_names),
	    "TLS certificate");
	dies(start("tls.key", "rsa.key", O_RDONLY, some_names),
	    "TLS certificate");
}

/* Several, each found by its own name, and what one may do no other does. */
ATF_TC_WITHOUT_HEAD(several);
ATF_TC_BODY(several, tc)
{
	static const char *const	 files[] = { "tls.key", "tls.crt",
					    "rsa.key", "rsa.crt" };
	struct rig	 rig = { 0 };
	struct wbuf	 w = { 0 };
	EVP_PKEY	*key;
	X509		*rsa, *ec;
	uint8_t		 rsa_name[DIGEST_LEN], ec_name[DIGEST_LEN];
	uint8_t		 block[SIGNATURE_MAX], dgst[32] = { 7 };
	size_t		 i, len;
	int		 fd;

	start_own(&rig, some_names);
	end(&rig);
	key = rsa_pair(2048, &rsa);
	ec = cert_of("tls.crt");
	spki_of(rsa, rsa_name);
	spki_of(ec, ec_name);
	rig.id = 0;
	rig.child = child_start("signer", PROC_SIGNER, 0, 0, NULL);
	for (i = 0; i < 4; i++) {
		ATF_REQUIRE((fd = open(files[i], O_RDONLY)) != -1);
		child_descriptor(rig.child, i % 2 == 0 ? FD_TLS_KEY :
		    FD_TLS_CERT, fd);
	}
	wb_u32(&w, 0);
	child_config(rig.child, &w);
	child_go(rig.child);
	rig.front = child_edge(rig.child, PROC_FRONTEND, 0, 7);
	len = pss_block(key, EVP_sha256(), RSA_PSS_SALTLEN_DIGEST, dgst,
	    block);
	ATF_CHECK_EQ(256, ask(&rig, SIGN_RSA, rsa_name, block, len, NULL));
	ATF_CHECK(ask(&rig, SIGN_ECDSA, ec_name, dgst, 32, NULL) > 0);
	ATF_CHECK_EQ(0, ask(&rig, SIGN_RSA, ec_name, block, len, NULL));
	ATF_CHECK_EQ(0, ask(&rig, SIGN_ECDSA, rsa_name, dgst, 32, NULL));
	X509_free(rsa);
	X509_free(ec);
	EVP_PKEY_free(key);
	end(&rig);
	/* the second one's key is looked at, too */
	rig.child = child_start("signer", PROC_SIGNER, 0, 0, NULL);
	for (i = 0; i < 4; i++) {
		ATF_REQUIRE((fd = open(files[i == 2 ? 0 : i],
		    O_RDONLY)) != -1);
		child_descriptor(rig.child, i % 2 == 0 ? FD_TLS_KEY :
		    FD_TLS_CERT, fd);
	}
	wb_u32(&w, 0);
	child_config(rig.child, &w);
	dies(rig.child, "not the one of the certificate");
}

/* An operator's certificate that ends soon is said; so is one that ended. */
ATF_TC_WITHOUT_HEAD(ends_soon);
ATF_TC_BODY(ends_soon, tc)
{
	static const struct {
		int		 days;
		const char	*text;
	} rows[] = {
		{ 40, NULL },
		{ 29, "the TLS certificate of /CN=kbs.example ends in 2" },
		{ -1, "the TLS certificate of /CN=kbs.example has ended" },
	};
	struct rig	 rig;
	size_t		 i;

	start_own(&rig, some_names);
	end(&rig);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_cert_ending(rows[i].days);
		memset(&rig, 0, sizeof(rig));
		rig.child = start("tls.key", "tls.crt", O_RDONLY, some_names);
		child_go(rig.child);
		if (rows[i].text == NULL)
			ATF_CHECK(!child_logged(rig.child, "certificate of",
			    0));
		else
			ATF_CHECK(child_logged(rig.child, rows[i].text,
			    AGES));
		ATF_CHECK_EQ(0, child_end(rig.child));
	}
}

ATF_TC_WITHOUT_HEAD(rate);
ATF_TC_BODY(rate, tc)
{
	struct allowance	 a;
	uint64_t		 now = 1000000;
	unsigned int		 i, n;

	rate_init(&a, now);
	for (i = 0; i < RATE_BURST; i++)
		ATF_REQUIRE(rate_allows(&a, now));
	ATF_CHECK(!rate_allows(&a, now));
	now += 100;
	for (n = 0; rate_allows(&a, now); n++)
		continue;
	ATF_CHECK_EQ(RATE_SECOND / 10, n);
	/* a long rest fills it once, not more */
	now += 86400 * 1000;
	for (n = 0; rate_allows(&a, now); n++)
		continue;
	ATF_CHECK_EQ(RATE_BURST, n);
	now += UINT64_MAX / 2;
	ATF_CHECK(rate_allows(&a, now));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, made);
	ATF_TP_ADD_TC(tp, kept);
	ATF_TP_ADD_TC(tp, renewed);
	ATF_TP_ADD_TC(tp, refused);
	ATF_TP_ADD_TC(tp, violations);
	ATF_TP_ADD_TC(tp, rsa);
	ATF_TP_ADD_TC(tp, pss);
	ATF_TP_ADD_TC(tp, start_errors);
	ATF_TP_ADD_TC(tp, several);
	ATF_TP_ADD_TC(tp, ends_soon);
	ATF_TP_ADD_TC(tp, rate);
	return (atf_no_error());
}

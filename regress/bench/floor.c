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
 * The floor: what the cryptography of one transfer costs by itself, with
 * nothing around it.  PS384 verification of a token's 3 KiB by an RSA-3072
 * key, OAEP of a wrapping key to an RSA-3072 key, AES-256-GCM of a key, and
 * the TLS records of request and answer; apart from these a TLS 1.3 handshake
 * with a P-256 certificate, the server's half of it.  CPU time, one core.
 */
#include <err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKEN_LEN	3072
#define RSA_BITS	3072
#define RECORD_MAX	16384
#define SLICE_NS	250000000ULL	/* of each measurement */
#define SLICES		3		/* the least counts */

static EVP_PKEY		*signer, *wrapper;
static EVP_CIPHER	*gcm;
static EVP_MD		*sha256, *sha384;
static EVP_CIPHER_CTX	*record;
static SSL_CTX		*server_ctx, *client_ctx;
static uint8_t		 token[TOKEN_LEN], sig[RSA_BITS / 8], swk[32];
static uint8_t		 out[RECORD_MAX + 256], in[RECORD_MAX + 256];
static size_t		 siglen = sizeof(sig);
static size_t		 request_len = 3500, answer_len = 1200;
static uint64_t		 server_ns;

static void
must(int ok, const char *what)
{
	if (ok != 1)
		errx(1, "%s failed", what);
}

static uint64_t
cpu_ns(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec);
}

static void
pss(EVP_PKEY_CTX *ctx)
{
	must(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), "PSS");
	must(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST),
	    "PSS");
}

static void
work_verify(void)
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX	*pctx;

	must(EVP_DigestVerifyInit(ctx, &pctx, sha384, NULL, signer),
	    "verify");
	pss(pctx);
	must(EVP_DigestVerify(ctx, sig, siglen, token, sizeof(token)),
	    "verify");
	EVP_MD_CTX_free(ctx);
}

static void
work_oaep(void)
{
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new(wrapper, NULL);
	size_t		 len = sizeof(out);

	must(EVP_PKEY_encrypt_init(ctx), "encrypt");
	must(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING),
	    "OAEP");
	must(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, sha256), "OAEP");
	must(EVP_PKEY_encrypt(ctx, out, &len, swk, sizeof(swk)), "encrypt");
	EVP_PKEY_CTX_free(ctx);
}

static void
work_gcm(void)
{
	EVP_CIPHER_CTX	*ctx = EVP_CIPHER_CTX_new();
	uint8_t		 iv[12] = { 0 }, tag[16];
	int		 n;

	must(EVP_EncryptInit_ex(ctx, gcm, NULL, swk, iv), "AES-GCM");
	must(EVP_EncryptUpdate(ctx, out, &n, token, 32), "AES-GCM");
	must(EVP_EncryptFinal_ex(ctx, out + n, &n), "AES-GCM");
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, tag),
	    "AES-GCM");
	EVP_CIPHER_CTX_free(ctx);
}

/* One direction; decryption costs the same. */
static void
record_one(size_t len)
{
	uint8_t	 iv[12] = { 1 }, tag[16];
	int	 n;

	must(EVP_EncryptInit_ex(record, NULL, NULL, NULL, iv), "record");
	must(EVP_EncryptUpdate(record, NULL, &n, iv, 5), "record");
	must(EVP_EncryptUpdate(record, out, &n, in, (int)len), "record");
	must(EVP_EncryptFinal_ex(record, out + n, &n), "record");
	must(EVP_CIPHER_CTX_ctrl(record, EVP_CTRL_GCM_GET_TAG, 16, tag),
	    "record");
}

static void
work_records(void)
{
	record_one(request_len);
	record_one(answer_len);
}

static void
work_handshake(void)
{
	SSL		*client, *server;
	BIO		*a, *b;
	uint64_t	 begin;
	int		 done;

	if ((client = SSL_new(client_ctx)) == NULL ||
	    BIO_new_bio_pair(&a, 0, &b, 0) != 1)
		errx(1, "no memory");
	SSL_set_bio(client, a, a);
	SSL_set_connect_state(client);
	(void)SSL_do_handshake(client);
	begin = cpu_ns();
	if ((server = SSL_new(server_ctx)) == NULL)
		errx(1, "no memory");
	SSL_set_bio(server, b, b);
	SSL_set_accept_state(server);
	(void)SSL_do_handshake(server);
	server_ns += cpu_ns() - begin;
	must(SSL_do_handshake(client), "handshake");
	begin = cpu_ns();
	done = SSL_do_handshake(server);
	must(done, "handshake");
	SSL_free(server);
	server_ns += cpu_ns() - begin;
	SSL_free(client);
}

/* Nanoseconds of one, of the best of some slices. */
static double
measure(void (*work)(void), int server)
{
	uint64_t	 begin, spent;
	double		 ns, best = 0;
	size_t		 n;
	int		 i;

	for (i = 0; i < SLICES; i++) {
		server_ns = 0;
		begin = cpu_ns();
		for (n = 0; (spent = cpu_ns() - begin) < SLICE_NS; n++)
			work();
		ns = (double)(server ? server_ns : spent) / (double)n;
		if (i == 0 || ns < best)
			best = ns;
	}
	return (best);
}

static void
certificate(SSL_CTX *ctx)
{
	EVP_PKEY	*key = EVP_EC_gen("P-256");
	X509		*x = X509_new();

	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
	    MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	if (X509_sign(x, key, EVP_sha256()) == 0)
		errx(1, "certificate");
	must(SSL_CTX_use_certificate(ctx, x), "certificate");
	must(SSL_CTX_use_PrivateKey(ctx, key), "certificate");
}

static void
setup(void)
{
	EVP_MD_CTX	*ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX	*pctx;

	if ((signer = EVP_RSA_gen(RSA_BITS)) == NULL ||
	    (wrapper = EVP_RSA_gen(RSA_BITS)) == NULL ||
	    (gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL)) == NULL ||
	    (sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL)) == NULL ||
	    (sha384 = EVP_MD_fetch(NULL, "SHA2-384", NULL)) == NULL ||
	    (record = EVP_CIPHER_CTX_new()) == NULL ||
	    (server_ctx = SSL_CTX_new(TLS_server_method())) == NULL ||
	    (client_ctx = SSL_CTX_new(TLS_client_method())) == NULL)
		errx(1, "no memory");
	must(RAND_bytes(token, sizeof(token)), "random");
	must(RAND_bytes(swk, sizeof(swk)), "random");
	must(EVP_DigestSignInit(ctx, &pctx, sha384, NULL, signer), "sign");
	pss(pctx);
	must(EVP_DigestSign(ctx, sig, &siglen, token, sizeof(token)), "sign");
	EVP_MD_CTX_free(ctx);
	must(EVP_EncryptInit_ex(record, gcm, NULL, swk, in), "record");
	SSL_CTX_set_min_proto_version(server_ctx, TLS1_3_VERSION);
	SSL_CTX_set_num_tickets(server_ctx, 0);
	SSL_CTX_set_session_cache_mode(server_ctx, SSL_SESS_CACHE_OFF);
	certificate(server_ctx);
}

static size_t
length(const char *text)
{
	size_t	 len = strtoul(text, NULL, 10);

	if (len == 0 || len > RECORD_MAX)
		errx(2, "usage: floor [request-bytes answer-bytes]");
	return (len);
}

int
main(int argc, char *argv[])
{
	static const struct {
		const char	*name;
		void		(*work)(void);
	} works[] = {
		{ "verify", work_verify },
		{ "oaep", work_oaep },
		{ "gcm", work_gcm },
		{ "records", work_records },
	};
	double	 us, sum = 0;
	size_t	 i;

	if (argc == 3) {
		request_len = length(argv[1]);
		answer_len = length(argv[2]);
	}
	setup();
	for (i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		us = measure(works[i].work, 0) / 1000;
		printf("%s %.1f\n", works[i].name, us);
		sum += us;
	}
	printf("floor %.1f\n", sum);
	printf("handshake %.1f\n", measure(work_handshake, 1) / 1000);
	printf("handshake.both %.1f\n", measure(work_handshake, 0) / 1000);
	return (0);
}

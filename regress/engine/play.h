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
 * The real engine or maker among peers that the test plays: bodies of the
 * halves, with everything in agreement until a test changes a field.
 */
#ifndef PLAY_H
#define PLAY_H

#include <sys/types.h>

#include <atf-c.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "kbsd.h"
#include "peer.h"

#define FRONT		7
#define GATE		8
#define CONTROL		9
#define BROKER		5
#define WAIT		5000

struct play {
	struct child	*c;
	struct peer	*broker, *verifier, *auth, *front, *gate, *control;
	struct peer	*kms[3];
};

struct halves {
	struct request_name	 name;
	/* ORDER */
	uint8_t			 op;
	struct key_record	 record;
	uint8_t			 policy[DIGEST_LEN];
	uint64_t		 deadline;
	const uint8_t		*argument;
	size_t			 argumentlen;
	/* VERDICT */
	struct uuid		 vkey;
	uint8_t			 vpolicy[DIGEST_LEN];
	uint8_t			 tees;
	uint8_t			 e[16], n[1200];
	size_t			 elen, nlen;
	uint64_t		 vexpiry;
	/* GRANT */
	uint8_t			 gop;
	struct uuid		 gkey;
	uint8_t			 galgorithm;
	uint16_t		 glength;
	uint8_t			 gcurve;
	char			 gkeystore[NAME_MAX_STORE];
	uint8_t			 gflags;
	uint8_t			 gpolicy[DIGEST_LEN];
	uint8_t			 detail[DIGEST_LEN];
	uint8_t			 gseal[DIGEST_LEN];
	uint64_t		 gexpiry;
};

#define KEYSTORE0	"canary-keystore-b1946ac92492d234"
#define KEYSTORE1	"second"
#define KEYSTORE2	"wraps"		/* its keys itself */

static inline void
play_start(struct play *p, enum process_kind kind)
{
	struct wbuf	 w = { 0 };

	memset(p, 0, sizeof(*p));
	p->c = child_start("engine", kind, 0, 0, NULL);
	wb_u32(&w, 3);
	wb_str(&w, KEYSTORE0);
	wb_u8(&w, 0);
	wb_u8(&w, 0);
	wb_str(&w, KEYSTORE1);
	wb_u8(&w, 1 << ALG_AES | 1 << ALG_RSA);
	wb_u8(&w, 0);
	wb_str(&w, KEYSTORE2);
	wb_u8(&w, 1 << ALG_AES | 1 << ALG_RSA | 1 << ALG_EC);
	wb_u8(&w, 1);
	child_config(p->c, &w);
	child_go(p->c);
	p->broker = child_edge(p->c, PROC_BROKER, 0, BROKER);
	p->auth = child_edge(p->c, PROC_AUTH, 0, 0);
	p->kms[0] = child_edge(p->c, PROC_KMS, 0, 0);
	p->kms[1] = child_edge(p->c, PROC_KMS, 1, 0);
	p->kms[2] = child_edge(p->c, PROC_KMS, 2, 0);
	p->front = child_edge(p->c, PROC_FRONTEND, 0, FRONT);
	p->control = child_edge(p->c, PROC_CONTROL, 0, CONTROL);
	if (kind == PROC_MAKER)
		return;
	p->verifier = child_edge(p->c, PROC_VERIFIER, 0, 0);
	p->gate = child_edge(p->c, PROC_GATE, 0, GATE);
}

static inline void
play_end(struct play *p)
{
	int	 status = child_end(p->c);

	ATF_CHECK_EQ_MSG(0, status, "the engine ended with status %#x",
	    (unsigned int)status);
}

/*
 * So many requests are there, be it by their first half.  Alone that is kept
 * for 20 s and more: it is not its end that is waited for.
 */
static inline void
wait_waiting(struct child *c, uint64_t n)
{
	uint64_t	 end = now_ms() + 15000;

	while (child_counter(c, "waiting") != n) {
		ATF_REQUIRE_MSG(now_ms() < end, "not %llu requests",
		    (unsigned long long)n);
		usleep(5000);
	}
}

static inline EVP_PKEY *
play_rsa(unsigned int bits)
{
	EVP_PKEY	*pkey = EVP_RSA_gen(bits);

	ATF_REQUIRE(pkey != NULL);
	return (pkey);
}

static inline size_t
play_number(EVP_PKEY *pkey, const char *which, uint8_t *out, size_t size)
{
	BIGNUM	*bn = NULL;
	size_t	 len;

	ATF_REQUIRE(EVP_PKEY_get_bn_param(pkey, which, &bn) == 1);
	len = (size_t)BN_num_bytes(bn);
	ATF_REQUIRE(len <= size);
	BN_bn2bin(bn, out);
	BN_free(bn);
	return (len);
}

/* Everything agrees. */
static inline void
halves_init(struct halves *h, uint8_t op, uint64_t number, EVP_PKEY *pkey)
{
	memset(h, 0, sizeof(*h));
	h->name.front = FRONT;
	h->name.number = number;
	h->op = h->gop = op;
	uuid_make(&h->record.id);
	h->record.version = 1;
	strlcpy(h->record.keystore, KEYSTORE0, sizeof(h->record.keystore));
	h->record.algorithm = ALG_AES;
	h->record.length = 256;
	uuid_make(&h->record.policy);
	memset(h->record.policy_digest, 0x33, DIGEST_LEN);
	if (op != OP_KEY_CREATE && op != OP_KEY_REGISTER) {
		strlcpy(h->record.backend, "id", sizeof(h->record.backend));
		h->record.serial = 3;
		memset(h->record.seal, 0x55, DIGEST_LEN);
		memset(h->gseal, 0x55, DIGEST_LEN);
	}
	h->record.state = KEY_ACTIVE;
	memset(h->policy, 0x33, DIGEST_LEN);
	h->deadline = h->vexpiry = h->gexpiry = now_ms() + 20000;
	h->vkey = h->gkey = h->record.id;
	memset(h->vpolicy, 0x33, DIGEST_LEN);
	memset(h->gpolicy, 0x33, DIGEST_LEN);
	h->tees = TEE_TDX;
	h->galgorithm = h->record.algorithm;
	h->glength = h->record.length;
	strlcpy(h->gkeystore, KEYSTORE0, sizeof(h->gkeystore));
	if (pkey == NULL)
		return;
	h->elen = play_number(pkey, OSSL_PKEY_PARAM_RSA_E, h->e,
	    sizeof(h->e));
	h->nlen = play_number(pkey, OSSL_PKEY_PARAM_RSA_N, h->n,
	    sizeof(h->n));
}

/* The SPKI of a key as the argument, and its digest in the grant. */
static inline void
halves_spki(struct halves *h, EVP_PKEY *pkey)
{
	uint8_t	*der = NULL;
	int	 len = i2d_PUBKEY(pkey, &der);

	ATF_REQUIRE(len > 0);
	h->argument = der;
	h->argumentlen = (size_t)len;
	digest(h->detail, der, (size_t)len);
}

static inline void
put_record(struct wbuf *w, const struct key_record *k)
{
	struct wbuf	 inner = { 0 };

	wb_key_record(&inner, k);
	wb_bytes(w, inner.data, inner.len);
	wb_free(&inner);
}

static inline void
send_order(struct play *p, const struct halves *h)
{
	struct wbuf	 w = { 0 };

	wb_name(&w, &h->name);
	wb_u8(&w, h->op);
	put_record(&w, &h->record);
	wb_digest(&w, h->policy);
	wb_u64(&w, h->deadline);
	wb_bytes(&w, h->argument, h->argumentlen);
	peer_send(p->broker, IMSG_ENGINE_ORDER, &w);
}

static inline void
send_verdict_to(struct peer *peer, const struct halves *h)
{
	struct wbuf	 w = { 0 };
	uint8_t		 evidence[DIGEST_LEN] = { 1 };

	wb_name(&w, &h->name);
	wb_uuid(&w, &h->vkey);
	wb_digest(&w, h->vpolicy);
	wb_u8(&w, h->tees);
	wb_bytes(&w, h->e, h->elen);
	wb_bytes(&w, h->n, h->nlen);
	wb_digest(&w, evidence);
	wb_u64(&w, h->vexpiry);
	peer_send(peer, IMSG_ENGINE_VERDICT, &w);
}

static inline void
send_verdict(struct play *p, const struct halves *h)
{
	send_verdict_to(p->verifier, h);
}

static inline void
send_grant(struct play *p, const struct halves *h)
{
	struct wbuf	 w = { 0 };
	struct uuid	 user;

	uuid_make(&user);
	wb_name(&w, &h->name);
	wb_u8(&w, h->gop);
	wb_uuid(&w, &h->gkey);
	wb_uuid(&w, &user);
	wb_u8(&w, h->galgorithm);
	wb_u16(&w, h->glength);
	wb_u8(&w, h->gcurve);
	wb_str(&w, h->gkeystore);
	wb_u8(&w, h->gflags);
	wb_digest(&w, h->gpolicy);
	wb_digest(&w, h->detail);
	wb_digest(&w, h->gseal);
	wb_u64(&w, h->gexpiry);
	peer_send(p->auth, IMSG_ENGINE_GRANT, &w);
}

static inline void
send_material(struct peer *front, uint64_t number, const void *data,
    size_t len)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, number);
	wb_bytes(&w, data, len);
	peer_send(front, IMSG_MAKER_MATERIAL, &w);
}

static inline void
send_fetched(struct peer *kms, const struct request_name *name,
    enum done_result result, const char *reason, const void *data, size_t len)
{
	struct wbuf	 w = { 0 };

	wb_name(&w, name);
	wb_u8(&w, (uint8_t)result);
	wb_str(&w, reason);
	wb_bytes(&w, data, len);
	peer_send(kms, IMSG_ENGINE_FETCHED, &w);
}

static inline void
send_stored(struct peer *kms, const struct request_name *name,
    enum done_result result, const char *reason, const struct key_record *k)
{
	struct wbuf	 w = { 0 };

	wb_name(&w, name);
	wb_u8(&w, (uint8_t)result);
	wb_str(&w, reason);
	if (k != NULL)
		put_record(&w, k);
	else
		wb_u32(&w, 0);
	peer_send(kms, IMSG_ENGINE_STORED, &w);
}

struct done {
	struct request_name	 name;
	uint8_t			 op;
	uint8_t			 result;
	char			 reason[REASON_TEXT_MAX];
	uint8_t			 record[2048];
	size_t			 len;
};

static inline void
recv_done(struct play *p, struct done *d, int ms)
{
	const uint8_t	*record;
	struct rbuf	 r;

	memset(d, 0, sizeof(*d));
	peer_recv(p->broker, IMSG_BROKER_DONE, &r, ms);
	rb_name(&r, &d->name);
	d->op = rb_u8(&r);
	d->result = rb_u8(&r);
	rb_str(&r, d->reason, sizeof(d->reason));
	record = rb_bytes(&r, &d->len, 0, sizeof(d->record));
	ATF_REQUIRE(rb_end(&r) == 0);
	memcpy(d->record, record, d->len);
}

/* The next DONE is of this request and ends so. */
static inline void
want_done(struct play *p, const struct halves *h, enum done_result result)
{
	struct done	 d;

	recv_done(p, &d, WAIT);
	ATF_CHECK_EQ(0, name_cmp(&d.name, &h->name));
	ATF_CHECK_EQ(h->op, d.op);
	ATF_CHECK_EQ_MSG(result, d.result, "result %u (%s), not %u", d.result,
	    d.reason, (unsigned int)result);
	ATF_CHECK_EQ(result == DONE_OK, d.reason[0] == '\0');
}

struct fetch {
	struct request_name	 name;
	uint8_t			 op, half;
	struct key_record	 record;
	uint8_t			 policy[DIGEST_LEN];
	uint8_t			 wrapping[DIGEST_LEN];
	uint32_t		 version;
	uint64_t		 deadline;
	uint8_t			 key[4096];	/* the wrapping key */
	size_t			 keylen;
};

static inline void
recv_head(struct rbuf *r, struct fetch *f)
{
	const uint8_t	*p;
	struct rbuf	 inner;
	size_t		 len;

	rb_name(r, &f->name);
	f->op = rb_u8(r);
	f->half = rb_u8(r);
	p = rb_bytes(r, &len, 1, 1024);
	ATF_REQUIRE(p != NULL);
	rb_init(&inner, p, len);
	rb_key_record(&inner, &f->record);
	ATF_REQUIRE(rb_end(&inner) == 0);
}

static inline void
recv_fetch(struct peer *kms, struct fetch *f)
{
	struct rbuf	 r;
	const uint8_t	*p;

	memset(f, 0, sizeof(*f));
	peer_recv(kms, IMSG_KMS_FETCH, &r, WAIT);
	recv_head(&r, f);
	rb_digest(&r, f->policy);
	rb_digest(&r, f->wrapping);
	f->version = rb_u32(&r);
	f->deadline = rb_u64(&r);
	p = rb_bytes(&r, &f->keylen, 0, sizeof(f->key));
	ATF_REQUIRE(p != NULL || f->keylen == 0);
	memcpy(f->key, p, f->keylen);
	ATF_REQUIRE(rb_end(&r) == 0);
}

struct wrapped_got {
	uint64_t	 number;
	uint8_t		 tees;
	uint8_t		 key[20000];
	size_t		 keylen;
	uint8_t		 swk[2048];
	size_t		 swklen;
};

static inline void
recv_wrapped(struct peer *front, struct wrapped_got *g)
{
	const uint8_t	*key, *swk;
	struct rbuf	 r;

	memset(g, 0, sizeof(*g));
	peer_recv(front, IMSG_FRONTEND_WRAPPED, &r, WAIT);
	g->number = rb_u64(&r);
	g->tees = rb_u8(&r);
	key = rb_bytes(&r, &g->keylen, 0, sizeof(g->key));
	swk = rb_bytes(&r, &g->swklen, 0, sizeof(g->swk));
	ATF_REQUIRE(rb_end(&r) == 0);
	memcpy(g->key, key, g->keylen);
	memcpy(g->swk, swk, g->swklen);
}

/* RSA-OAEP with this hash for label and MGF1; -1 when it is none. */
static inline ssize_t
unwrap_oaep(EVP_PKEY *pkey, const EVP_MD *md, const EVP_MD *mgf,
    const uint8_t *in, size_t inlen, uint8_t *out, size_t size)
{
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new(pkey, NULL);
	size_t		 len = size;
	int		 ok;

	ok = ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf) == 1 &&
	    EVP_PKEY_decrypt(ctx, out, &len, in, inlen) == 1;
	EVP_PKEY_CTX_free(ctx);
	return (ok ? (ssize_t)len : -1);
}

/* LE32(12) LE32(16) LE32(len) iv ct tag under an SWK. */
static inline ssize_t
unwrap_gcm(const uint8_t *swk, const uint8_t *in, size_t inlen, uint8_t *out)
{
	static const uint8_t	 head[8] = { 12, 0, 0, 0, 16, 0, 0, 0 };
	EVP_CIPHER_CTX		*ctx;
	uint8_t			 tag[16];
	size_t			 ct;
	int			 n = 0, last = 0, ok;

	if (inlen < 24 + 16 || memcmp(in, head, sizeof(head)) != 0)
		return (-1);
	ct = (size_t)in[8] | (size_t)in[9] << 8 | (size_t)in[10] << 16 |
	    (size_t)in[11] << 24;
	if (ct != inlen - 24)
		return (-1);
	memcpy(tag, in + inlen - 16, 16);
	ctx = EVP_CIPHER_CTX_new();
	ok = EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, swk,
	    in + 12) == 1 && EVP_DecryptUpdate(ctx, out, &n, in + 24,
	    (int)(ct - 16)) == 1 && EVP_CIPHER_CTX_ctrl(ctx,
	    EVP_CTRL_GCM_SET_TAG, 16, tag) == 1 &&
	    EVP_DecryptFinal_ex(ctx, out + n, &last) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return (ok ? n + last : -1);
}

/* How often these bytes are in the process; -1: it can't be looked at. */
static inline int
memory_count(pid_t pid, const uint8_t *needle, size_t len)
{
	char		 path[64], line[512];
	unsigned long	 from, to;
	uint8_t		*buf, *p;
	FILE		*maps;
	int		 fd, n = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	if ((maps = fopen(path, "r")) == NULL)
		return (-1);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	if ((fd = open(path, O_RDONLY)) == -1) {
		fclose(maps);
		return (-1);
	}
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%lx-%lx rw", &from, &to) != 2 ||
		    strstr(line, " rw") == NULL || to - from > 1UL << 28)
			continue;
		ATF_REQUIRE((buf = malloc(to - from)) != NULL);
		if (pread(fd, buf, to - from, (off_t)from) ==
		    (ssize_t)(to - from))
			for (p = buf; (p = memmem(p, to - from - (size_t)(p -
			    buf), needle, len)) != NULL; p++)
				n++;
		free(buf);
	}
	close(fd);
	fclose(maps);
	return (n);
}

#endif

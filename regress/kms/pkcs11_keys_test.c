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
 * The kms program whose token holds the keys itself and wraps them: SoftHSM
 * behind module.c, which can, and any other one that the environment names.
 */

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "pkcs11_play.h"

#define KNOWN	"A-KEY-OF-32-BYTES-THAT-WE-KNOW!!"
#define LISTED	P11 "--list-objects 2>/dev/null | grep -q "

static EVP_PKEY		*workload;

/* --- the workload --------------------------------------------------------- */

static size_t
number_of(const char *name, uint8_t *out, size_t size)
{
	BIGNUM	*bn = NULL;
	size_t	 len;

	ATF_REQUIRE(EVP_PKEY_get_bn_param(workload, name, &bn) == 1);
	len = (size_t)BN_num_bytes(bn);
	ATF_REQUIRE(len <= size);
	BN_bn2bin(bn, out);
	BN_free(bn);
	return (len);
}

/* Its key in the next FETCH, as a verdict has it. */
static void
by_verdict(void)
{
	uint8_t		 e[16], n[1024];
	size_t		 elen = number_of(OSSL_PKEY_PARAM_RSA_E, e, sizeof(e));
	size_t		 nlen = number_of(OSSL_PKEY_PARAM_RSA_N, n, sizeof(n));
	struct wbuf	 w = { 0 };

	wb_bytes(&w, e, elen);
	wb_bytes(&w, n, nlen);
	memcpy(wrapping_key, w.data, w.len);
	wrapping_keylen = w.len;
	wb_free(&w);
	wrapping_key_digest(wrapping, e, elen, n, nlen);
}

/* As a grant has it. */
static void
by_grant(void)
{
	uint8_t	*p = wrapping_key;
	int	 len = i2d_PUBKEY(workload, NULL);

	ATF_REQUIRE(len > 0 && (size_t)len <= sizeof(wrapping_key));
	wrapping_keylen = (size_t)i2d_PUBKEY(workload, &p);
	digest(wrapping, wrapping_key, wrapping_keylen);
}

static size_t
open_oaep(const EVP_MD *md, const uint8_t *in, size_t inlen, uint8_t *out,
    size_t size)
{
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new(workload, NULL);

	ATF_REQUIRE(EVP_PKEY_decrypt_init(ctx) == 1);
	EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING);
	EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md);
	EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md);
	ATF_REQUIRE_MSG(EVP_PKEY_decrypt(ctx, out, &size, in, inlen) == 1,
	    "OAEP");
	EVP_PKEY_CTX_free(ctx);
	return (size);
}

static size_t
open_gcm(const uint8_t *swk, const uint8_t *p, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX	*ctx = EVP_CIPHER_CTX_new();
	int		 n, last;

	ATF_REQUIRE(len > BOX_MORE);
	ATF_REQUIRE(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, swk,
	    p) == 1);
	ATF_REQUIRE(EVP_DecryptUpdate(ctx, out, &n, p + BOX_NONCE,
	    (int)(len - BOX_MORE)) == 1);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, BOX_TAG,
	    (void *)(uintptr_t)(p + len - BOX_TAG));
	ATF_REQUIRE_MSG(EVP_DecryptFinal_ex(ctx, out + n, &last) == 1, "GCM");
	EVP_CIPHER_CTX_free(ctx);
	return (len - BOX_MORE);
}

/* What came, opened; its length. */
static size_t
opened(const EVP_MD *md, uint8_t out[MATERIAL_MAX])
{
	struct rbuf	 r;
	const uint8_t	*sealed, *wrapped;
	uint8_t		 swk[1024];
	size_t		 n, m;

	rb_init(&r, came, camelen);
	sealed = rb_bytes(&r, &n, 1, MATERIAL_WRAPPED_MAX);
	wrapped = rb_bytes(&r, &m, 0, 1024);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	if (m == 0)
		return (open_oaep(md, sealed, n, out, MATERIAL_MAX));
	ATF_REQUIRE_EQ(32, open_oaep(md, wrapped, m, swk, sizeof(swk)));
	return (open_gcm(swk, sealed, n, out));
}

static size_t
fetched(const struct key_record *k, uint8_t out[MATERIAL_MAX])
{
	ATF_REQUIRE_EQ(DONE_OK, do_fetch(k, NULL));
	return (opened(EVP_sha256(), out));
}

static int
ask_release(const struct key_record *k)
{
	number++;
	ask_fetch(OP_KEY_RELEASE, HALF_GRANT, k, zero, patience);
	tell(OP_KEY_RELEASE, k, zero, wrapping);
	return (answer(engine, IMSG_ENGINE_FETCHED, NULL));
}

/* --- the token ------------------------------------------------------------ */

static void
start(void)
{
	kms_start();
	by_verdict();
}

static void
begin(void)
{
	prepare();
	conf.type = KEYSTORE_TOKEN;
	faults("FAULTS=");
	secret = NULL;
	workload = EVP_RSA_gen(2048);
	ATF_REQUIRE(workload != NULL);
}

static void
key_new(struct key_record *k, enum algorithm algorithm, unsigned int length,
    enum curve curve)
{
	new_record(k, 0);
	k->algorithm = (uint8_t)algorithm;
	k->length = (uint16_t)length;
	k->curve = (uint8_t)curve;
}

static void
key_made(struct key_record *k, enum algorithm algorithm, unsigned int length,
    enum curve curve)
{
	key_new(k, algorithm, length, curve);
	ATF_REQUIRE_EQ(DONE_OK, do_store(k));
}

static int
is_listed(const char *label)
{
	char	 text[512];

	snprintf(text, sizeof(text), LISTED "%s", label);
	return (system(text) == 0);
}

/* --- tests ---------------------------------------------------------------- */

TEST(life, "made in the token, wrapped, moved, deleted; over a restart")
{
	struct key_record	 k, old;
	struct uuid		 policy;
	uint8_t			 first[MATERIAL_MAX], out[MATERIAL_MAX];
	uint8_t			 before[MATERIAL_WRAPPED_MAX];
	size_t			 beforelen;

	begin();
	start();
	ATF_CHECK(child_logged(kms, "keys are held and wrapped by it", AGES));
	key_made(&k, ALG_AES, 256, CURVE_NONE);
	ATF_CHECK(is_listed(k.backend));
	ATF_REQUIRE_EQ(32, fetched(&k, first));
	memcpy(before, came, camelen);
	beforelen = camelen;
	/* The same key; nothing else of it is the same. */
	ATF_REQUIRE_EQ(32, fetched(&k, out));
	ATF_CHECK_EQ(0, memcmp(first, out, 32));
	ATF_CHECK_EQ(beforelen, camelen);
	ATF_CHECK(memcmp(before, came, BOX_NONCE + 4) != 0);
	ATF_CHECK(memcmp(before + 4 + 60, came + 4 + 60, 200) != 0);
	old = k;
	uuid_make(&policy);
	ATF_CHECK_EQ(DONE_OK, do_move(&k, &policy, 'n'));
	ATF_CHECK_EQ(DONE_STALE, do_fetch(&old, &old));
	kms_end();
	/* Nothing of it lies here. */
	run("test $(python3 -c \"import sqlite3; print(*sqlite3.connect("
	    "'d/keys.db').execute('SELECT max(length(box)) FROM keys')."
	    "fetchone())\") = 0");
	start();
	ATF_REQUIRE_EQ(32, fetched(&k, out));
	ATF_CHECK_EQ(0, memcmp(first, out, 32));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	ATF_CHECK(!is_listed(k.backend));
	kms_end();
}

TEST(kinds, "AES, RSA and EC, as the contract has them")
{
	static const struct {
		enum algorithm	 algorithm;
		unsigned int	 length;
		enum curve	 curve;
		int		 bits;
	} rows[] = {
		{ ALG_AES, 128, CURVE_NONE, 0 },
		{ ALG_AES, 192, CURVE_NONE, 0 },
		{ ALG_RSA, 2048, CURVE_NONE, 2048 },
		{ ALG_EC, 256, CURVE_P256, 256 },
		{ ALG_EC, 384, CURVE_P384, 384 },
		{ ALG_EC, 521, CURVE_P521, 521 },
	};
	struct key_record	 k;
	uint8_t			 out[MATERIAL_MAX];
	const uint8_t		*p;
	EVP_PKEY		*pkey;
	size_t			 i, len;

	begin();
	start();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		by_verdict();
		key_made(&k, rows[i].algorithm, rows[i].length,
		    rows[i].curve);
		len = fetched(&k, out);
		if (rows[i].bits == 0) {
			ATF_CHECK_EQ(rows[i].length / 8, len);
			continue;
		}
		p = out;
		pkey = d2i_AutoPrivateKey(NULL, &p, (long)len);
		ATF_REQUIRE_MSG(pkey != NULL, "row %zu", i);
		ATF_CHECK_EQ(rows[i].bits, EVP_PKEY_bits(pkey));
		EVP_PKEY_free(pkey);
		by_grant();
		ATF_CHECK_EQ(DONE_OK, ask_release(&k));
		ATF_CHECK_EQ(len, opened(EVP_sha384(), out));
	}
	by_grant();
	key_made(&k, ALG_AES, 256, CURVE_NONE);
	ATF_CHECK_EQ(DONE_OK, ask_release(&k));
	ATF_CHECK_EQ(32, opened(EVP_sha384(), out));
	kms_end();
}

TEST(registered, "a key that the token has already, if it is such a one")
{
	static const struct {
		const char	*how;
		const char	*says;
	} rows[] = {
		{ "--sensitive --private", "lets that key out in no way" },
		{ "--extractable --private", "lets that key be read" },
		{ "--extractable --sensitive",
		    "shows that key without a PIN" },
	};
	struct key_record	 k;
	uint8_t			 out[MATERIAL_MAX];
	char			 label[8];
	size_t			 i;

	begin();
	run("printf '" KNOWN "' >known");
	run(P11 "--write-object known --type secrkey --key-type AES:32 "
	    "--label known --extractable --sensitive --private >/dev/null");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run(P11 "--keygen --key-type AES:32 --label weak%zu %s "
		    ">/dev/null", i, rows[i].how);
	run("for i in 1 2; do " P11 "--keygen --key-type AES:32 --label two "
	    "--extractable --sensitive --private >/dev/null; done");
	start();
	key_new(&k, ALG_AES, 256, CURVE_NONE);
	ATF_REQUIRE_EQ(DONE_OK, do_register(&k, "known"));
	ATF_REQUIRE_EQ(32, fetched(&k, out));
	ATF_CHECK_EQ(0, memcmp(out, KNOWN, 32));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(label, sizeof(label), "weak%zu", i);
		key_new(&k, ALG_AES, 256, CURVE_NONE);
		ATF_CHECK_EQ(DONE_INVALID, do_register(&k, label));
		ATF_CHECK_MSG(child_logged(kms, rows[i].says, AGES), "%s",
		    rows[i].says);
	}
	key_new(&k, ALG_AES, 256, CURVE_NONE);
	ATF_CHECK_EQ(DONE_INVALID, do_register(&k, "two"));
	ATF_CHECK(child_logged(kms, "has several keys of that label", AGES));
	key_new(&k, ALG_AES, 256, CURVE_NONE);
	ATF_CHECK_EQ(DONE_INVALID, do_register(&k, "nobody's"));
	ATF_CHECK(child_logged(kms, "has no such key", AGES));
	key_new(&k, ALG_AES, 128, CURVE_NONE);
	ATF_CHECK_EQ(DONE_INVALID, do_register(&k, "known"));
	ATF_CHECK(child_logged(kms, "with another length", AGES));
	key_new(&k, ALG_RSA, 2048, CURVE_NONE);
	ATF_CHECK_EQ(DONE_INVALID, do_register(&k, "known"));
	ATF_CHECK(child_logged(kms, "has no such key", AGES));
	/* None of these cost the one that is in use. */
	ATF_CHECK(is_listed("known"));
	kms_end();
}

TEST(given, "material that comes is refused: it would have been seen")
{
	struct key_record	 k;

	begin();
	start();
	secret = SECRET;
	new_record(&k, 0);
	ATF_CHECK_EQ(DONE_INVALID, do_store(&k));
	ATF_CHECK(child_logged(kms, "none is given to it", AGES));
	secret = NULL;
	kms_end();
}

/* Audit's line is of one wrapping key: by another one nothing is wrapped. */
TEST(another_key, "wrapped by no other key than the one of the verdict")
{
	struct key_record	 k;
	uint8_t			 d[DIGEST_LEN];

	begin();
	start();
	key_made(&k, ALG_AES, 256, CURVE_NONE);
	memcpy(d, wrapping, sizeof(d));
	workload = EVP_RSA_gen(2048);
	by_verdict();
	memcpy(wrapping, d, sizeof(d));
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "wrapping key has another digest", AGES));
	by_grant();
	memcpy(wrapping, d, sizeof(d));
	ATF_CHECK_EQ(DONE_REFUSED, ask_release(&k));
	wrapping_keylen = 0;
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "no wrapping key came", AGES));
	wrapping_keylen = 7;
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "the wrapping key is none", AGES));
	digest(wrapping, wrapping_key, wrapping_keylen);
	ATF_CHECK_EQ(DONE_REFUSED, ask_release(&k));
	/* Longer than any key. */
	by_verdict();
	memset(wrapping_key, 0xff, 4);
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&k, NULL));
	by_verdict();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
}

TEST(versions, "each version is a key of the token's")
{
	struct key_record	 k, newer;
	uint8_t			 first[MATERIAL_MAX], out[MATERIAL_MAX];

	begin();
	start();
	key_made(&k, ALG_AES, 256, CURVE_NONE);
	ATF_REQUIRE_EQ(32, fetched(&k, first));
	newer = k;
	ATF_REQUIRE_EQ(DONE_OK, do_rotate(&newer));
	ATF_CHECK_EQ(2, newer.version);
	ATF_REQUIRE_EQ(32, fetched(&newer, out));
	ATF_CHECK(memcmp(first, out, 32) != 0);
	wanted = 1;
	ATF_REQUIRE_EQ(32, fetched(&newer, out));
	ATF_CHECK_EQ(0, memcmp(first, out, 32));
	wanted = 3;
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&newer, NULL));
	wanted = 0;
	ATF_CHECK(is_listed(k.backend));
	ATF_CHECK_EQ(DONE_OK, do_remove(&newer, NULL));
	ATF_CHECK(!is_listed(k.backend));
	ATF_CHECK(!is_listed(newer.backend));
	kms_end();
}

/* Made, and kms died before there was a record: the intent undoes it. */
TEST(cut, "what was made and never recorded is removed")
{
	struct key_record	 k, bare;
	char			 id[UUID_TEXT];

	begin();
	key_new(&k, ALG_RSA, 2048, CURVE_NONE);
	uuid_format(&k.id, id);
	run(P11 "--keypairgen --key-type rsa:2048 --label %s >/dev/null", id);
	start();
	bare = k;
	ATF_CHECK_EQ(DONE_OK, do_remove(&bare, NULL));
	run("! " P11 "--list-objects --type privkey 2>/dev/null | grep -q %s",
	    id);
	/* A rotation: the token fails behind the making of it. */
	key_made(&k, ALG_AES, 256, CURVE_NONE);
	kms_end();
	faults("FAULTS=C_WrapKey:3+:0x30");
	start();
	bare = k;
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_rotate(&bare));
	kms_end();
	faults("FAULTS=");
	start();
	ATF_CHECK(child_logged(kms, "which was never recorded, is removed",
	    AGES));
	uuid_format(&k.id, id);
	run("test $(" P11 "--list-objects 2>/dev/null | grep -c %s) = 1", id);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
}

/* Two of one label would be nobody's any more. */
TEST(lost, "a key whose making was told to have failed is made once")
{
	struct key_record	 k;

	begin();
	/* Two keys are made at the start, to see that it can. */
	faults("FAULTS=C_GenerateKey:3!:0x30");
	start();
	key_made(&k, ALG_AES, 256, CURVE_NONE);
	ATF_CHECK(child_logged(kms, "a new session", AGES));
	run("test $(" P11 "--list-objects 2>/dev/null | grep -c %s) = 1",
	    k.backend);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK(!is_listed(k.backend));
	kms_end();
}

TEST(checked, "whether it is usable is found out by using it")
{
	char	 state[REASON_TEXT_MAX];

	begin();
	start();
	ATF_CHECK_EQ_MSG(1, check(1, state, sizeof(state)), "%s", state);
	ATF_CHECK_STREQ("a key was made, got and removed", state);
	run("! " LISTED "label:");
	kms_end();
	/* It can't be got, nor in the next session, and goes all the same. */
	faults("FAULTS=C_WrapKey:3:0x5,C_WrapKey:6:0x5");
	start();
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	ATF_CHECK_MSG(strstr(state, "C_WrapKey (AES-GCM)") != NULL, "%s",
	    state);
	run("! " LISTED "label:");
	kms_end();
}

TEST(unable, "a token that does not wrap as the contract wants it")
{
	begin();
	conf.module = MODULE;
	refused("C_WrapKey (AES-GCM): the token has no such mechanism");
	faults("WRAP=tag");
	refused("what the token wraps by AES-GCM does not open");
	faults("WRAP=digest");
	refused("what the token wraps by RSA-OAEP with SHA-256 does not open");
	faults("FAULTS=C_GenerateKey:1:0x54");
	refused("C_GenerateKey: the module can't do this");
}

TEST(sessions, "a lost session, a token that goes and comes back")
{
	struct key_record	 k, other;

	begin();
	start();
	key_made(&k, ALG_AES, 256, CURVE_NONE);
	kms_end();
	/* Two are made at the start, to see that it can. */
	faults("FAULTS=C_WrapKey:3:0xb3,C_FindObjects:3:0x30");
	start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "a new session", AGES));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
	faults("FAULTS=C_WrapKey:3+:0x30");
	start();
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "C_WrapKey", AGES));
	kms_end();
	faults("FAULTS=");
	start();
	run("mkdir away && mv t/* away");
	/* SoftHSM goes on with what it does not keep, as if it were there. */
	key_new(&other, ALG_AES, 256, CURVE_NONE);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_store(&other));
	ATF_CHECK(child_logged(kms, "is not there", AGES));
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	/* Not there is not removed. */
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_remove(&k, NULL));
	run("mv away/* t");
	sleep(2);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	kms_end();
}

/* A start has a C_CreateObject and two of C_WrapKey, as each fetch has. */
TEST(not_taken, "a wrapping key that the token does not take is nobody else's")
{
	static const struct {
		const char	*fails;
		const char	*says;
	} rows[] = {
		{ "FAULTS=C_CreateObject:2:0x13,C_CreateObject:4:0x13",
		    "wrapping key: C_CreateObject: the token takes no" },
		{ "FAULTS=C_WrapKey:4:0x62,C_WrapKey:8:0x62",
		    "wrapping key: C_WrapKey (RSA-OAEP): the token takes" },
		{ "FAULTS=C_WrapKey:4:0x114,C_WrapKey:8:0x114",
		    "wrapping key: C_WrapKey (RSA-OAEP): the token wraps" },
	};
	struct key_record	 k;
	char			 state[REASON_TEXT_MAX];
	size_t			 i;

	begin();
	start();
	key_made(&k, ALG_AES, 256, CURVE_NONE);
	kms_end();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		faults(rows[i].fails);
		start();
		ATF_REQUIRE_EQ(DONE_INVALID, do_fetch(&k, NULL));
		ATF_CHECK_MSG(child_logged(kms, rows[i].says, AGES), "%s",
		    rows[i].says);
		ATF_CHECK_EQ(1, check(0, state, sizeof(state)));
		ATF_CHECK_STREQ("answers", state);
		ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
		ATF_CHECK(!child_logged(kms, "a new session", 0));
		ATF_CHECK(!child_logged(kms, "login 2", 0));
		kms_end();
	}
	/* For an administrator there is one, of the key itself. */
	faults("FAULTS=C_WrapKey:3:0x114,C_WrapKey:6:0x114");
	start();
	by_grant();
	ATF_CHECK_EQ(DONE_INVALID, ask_release(&k));
	ATF_CHECK_EQ(DONE_OK, ask_release(&k));
	ATF_CHECK(!child_logged(kms, "a new session", 0));
	kms_end();
	/* Once is taken for a moment's; no key at all is the token's fault. */
	faults("FAULTS=C_WrapKey:4:0x5");
	start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK(!child_logged(kms, "a new session", 0));
	kms_end();
	faults("FAULTS=C_CreateObject:2+:0x13");
	start();
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "a new session", AGES));
	ATF_CHECK_EQ(0, check(0, state, sizeof(state)));
	kms_end();
	faults("FAULTS=C_WrapKey:4:0xb3");
	start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "a new session", AGES));
	kms_end();
}

TEST(other_kind, "boxes are not looked for in the token, nor its keys in boxes")
{
	struct key_record	 k;

	begin();
	conf.type = KEYSTORE_PKCS11;
	secret = SECRET;
	start();
	made(&k, 0);
	kms_end();
	conf.type = KEYSTORE_TOKEN;
	refused("keys.db holds keys that are not in the token");
	run("rm -R d");
	secret = NULL;
	start();
	key_made(&k, ALG_AES, 256, CURVE_NONE);
	kms_end();
	conf.type = KEYSTORE_PKCS11;
	refused("is not the one that keys.db was sealed with");
}

/*
 * Any token that can, where one is named:
 *	KBSD_TEST_PKCS11_MODULE		its library
 *	KBSD_TEST_PKCS11_TOKEN		its label
 *	KBSD_TEST_PKCS11_PIN		a file
 *	KBSD_TEST_PKCS11_PATH		a directory that it works on
 *	KBSD_TEST_PKCS11_ENVIRONMENT	NAME=value
 */
TEST(real, "a token of another make holds, wraps and destroys keys")
{
	struct key_record	 k;
	uint8_t			 out[MATERIAL_MAX];
	char			 state[REASON_TEXT_MAX];
	static const struct {
		enum algorithm	 algorithm;
		unsigned int	 length;
		enum curve	 curve;
	} rows[] = {
		{ ALG_AES, 256, CURVE_NONE }, { ALG_RSA, 3072, CURVE_NONE },
		{ ALG_EC, 384, CURVE_P384 },
	};
	size_t			 i;

	begin();
	if ((conf.module = getenv("KBSD_TEST_PKCS11_MODULE")) == NULL ||
	    (conf.token = getenv("KBSD_TEST_PKCS11_TOKEN")) == NULL ||
	    (conf.pin = getenv("KBSD_TEST_PKCS11_PIN")) == NULL)
		atf_tc_skip("KBSD_TEST_PKCS11_MODULE, _TOKEN and _PIN name no "
		    "token");
	conf.path = getenv("KBSD_TEST_PKCS11_PATH");
	conf.variable = getenv("KBSD_TEST_PKCS11_ENVIRONMENT");
	start();
	ATF_CHECK_EQ_MSG(1, check(1, state, sizeof(state)), "%s", state);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		key_made(&k, rows[i].algorithm, rows[i].length,
		    rows[i].curve);
		ATF_CHECK(fetched(&k, out) >= 32);
		by_grant();
		ATF_CHECK_EQ(DONE_OK, ask_release(&k));
		ATF_CHECK(opened(EVP_sha384(), out) >= 32);
		by_verdict();
		ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
		ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	}
	kms_end();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, life);
	ATF_TP_ADD_TC(tp, kinds);
	ATF_TP_ADD_TC(tp, registered);
	ATF_TP_ADD_TC(tp, given);
	ATF_TP_ADD_TC(tp, another_key);
	ATF_TP_ADD_TC(tp, versions);
	ATF_TP_ADD_TC(tp, cut);
	ATF_TP_ADD_TC(tp, lost);
	ATF_TP_ADD_TC(tp, checked);
	ATF_TP_ADD_TC(tp, unable);
	ATF_TP_ADD_TC(tp, sessions);
	ATF_TP_ADD_TC(tp, not_taken);
	ATF_TP_ADD_TC(tp, other_kind);
	ATF_TP_ADD_TC(tp, real);
	return (atf_no_error());
}

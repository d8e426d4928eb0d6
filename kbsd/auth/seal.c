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
 * The seals of users, policies and intents.  The store and the broker carry
 * these rows and could change them; what does not open here is not believed.
 * Each kind of row has a key of its own, so that none passes for another.
 */

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "auth.h"
#include "digest.h"
#include "envelope.h"
#include "log.h"
#include "secret.h"

static struct keys {
	uint8_t	 user[DIGEST_LEN];	/* AES-256 */
	uint8_t	 policy[DIGEST_LEN];	/* HMAC */
	uint8_t	 intent[DIGEST_LEN];	/* HMAC */
} *keys;

void
seal_init(const void *key, size_t len)
{
	if (keys == NULL && (keys = secret_alloc(sizeof(*keys))) == NULL)
		fatal("no memory for seals");
	derive_key(keys->user, key, len, "kbsd auth user");
	derive_key(keys->policy, key, len, "kbsd auth policy");
	derive_key(keys->intent, key, len, "kbsd auth intent");
}

/* --- users: AES-256-GCM of the hash, the rest is additional data -------- */

static EVP_CIPHER_CTX *
gcm_begin(const struct user_record *user, const uint8_t *nonce, int encrypt)
{
	EVP_CIPHER_CTX	*ctx;
	struct wbuf	 ad = { 0 };
	int		 n;

	user_record_sealed(&ad, user);
	if (ad.failed || (ctx = EVP_CIPHER_CTX_new()) == NULL) {
		wb_free(&ad);
		return (NULL);
	}
	if (EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, keys->user, nonce,
	    encrypt) != 1 || EVP_CipherUpdate(ctx, NULL, &n, ad.data,
	    (int)ad.len) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	wb_free(&ad);
	return (ctx);
}

/* nonce, ciphertext, tag */
int
seal_user(struct user_record *user, const char *hash)
{
	EVP_CIPHER_CTX	*ctx = NULL;
	uint8_t		*text = user->hash + HASH_NONCE;
	size_t		 len = strlen(hash);
	int		 n, ret = -1;

	if (len == 0 || len >= HASH_TEXT)
		return (-1);
	if (RAND_bytes(user->hash, HASH_NONCE) != 1 ||
	    (ctx = gcm_begin(user, user->hash, 1)) == NULL)
		goto done;
	if (EVP_EncryptUpdate(ctx, text, &n, (const uint8_t *)hash,
	    (int)len) != 1 || EVP_EncryptFinal_ex(ctx, text + n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, HASH_TAG,
	    text + len) != 1)
		goto done;
	user->hashlen = (uint8_t)(HASH_NONCE + len + HASH_TAG);
	ret = 0;
done:
	EVP_CIPHER_CTX_free(ctx);
	return (ret);
}

int
seal_user_open(const struct user_record *user, char hash[HASH_TEXT])
{
	EVP_CIPHER_CTX	*ctx = NULL;
	const uint8_t	*text = user->hash + HASH_NONCE;
	uint8_t		 tag[HASH_TAG];
	size_t		 len;
	int		 n, ret = -1;

	if (user->hashlen <= HASH_NONCE + HASH_TAG)
		return (-1);
	len = user->hashlen - HASH_NONCE - HASH_TAG;
	memcpy(tag, text + len, sizeof(tag));
	if ((ctx = gcm_begin(user, user->hash, 0)) == NULL ||
	    EVP_DecryptUpdate(ctx, (uint8_t *)hash, &n, text, (int)len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag),
	    tag) != 1 ||
	    EVP_DecryptFinal_ex(ctx, (uint8_t *)hash + n, &n) != 1) {
		explicit_bzero(hash, HASH_TEXT);
		goto done;
	}
	hash[len] = '\0';
	ret = 0;
done:
	EVP_CIPHER_CTX_free(ctx);
	return (ret);
}

/* --- backups -------------------------------------------------------------- */

static EVP_PKEY	*recipient;

void
seal_backup_init(int fd)
{
	recipient = envelope_recipient(fd);
}

int
seal_can_backup(void)
{
	return (recipient != NULL);
}

int
seal_user_backup(struct wbuf *w, const struct user_record *user)
{
	struct wbuf	 about = { 0 };
	char		 hash[HASH_TEXT];
	int		 rc = -1;

	envelope_about_user(&about, user);
	if (seal_user_open(user, hash) == 0)
		rc = envelope_seal(w, recipient, &about, hash, strlen(hash));
	explicit_bzero(hash, sizeof(hash));
	wb_free(&about);
	return (rc);
}

int
seal_user_check(const struct user_record *user)
{
	char	 hash[HASH_TEXT];
	int	 ret;

	ret = seal_user_open(user, hash);
	explicit_bzero(hash, sizeof(hash));
	return (ret);
}

/* --- policies: HMAC ----------------------------------------------------- */

static void
policy_mac(uint8_t mac[DIGEST_LEN], const struct policy_record *policy)
{
	struct wbuf	 head = { 0 };
	struct piece	 p[2];

	wb_uuid(&head, &policy->id);
	wb_u64(&head, (uint64_t)policy->created);
	if (head.failed)
		fatalx("no memory for a seal");
	p[0].data = head.data;
	p[0].len = head.len;
	p[1].data = policy->text;
	p[1].len = policy->textlen;
	hmac_pieces(mac, keys->policy, sizeof(keys->policy), p, 2);
	wb_free(&head);
}

void
seal_policy(struct policy_record *policy)
{
	policy_mac(policy->seal, policy);
}

int
seal_policy_check(const struct policy_record *policy)
{
	uint8_t	 mac[DIGEST_LEN];

	policy_mac(mac, policy);
	return (secret_cmp(mac, policy->seal, sizeof(mac)) == 0 ? 0 : -1);
}

/* --- intents: what is wanted, and an HMAC of it ------------------------- */

static void
intent_mac(uint8_t mac[DIGEST_LEN], const void *data, size_t len)
{
	struct piece	 p;

	p.data = data;
	p.len = len;
	hmac_pieces(mac, keys->intent, sizeof(keys->intent), &p, 1);
}

void
seal_intent(struct wbuf *w, const struct intent *intent)
{
	uint8_t	 mac[DIGEST_LEN];
	size_t	 from = w->len;

	wb_u8(w, intent->op);
	wb_uuid(w, &intent->key);
	wb_uuid(w, &intent->policy);
	wb_digest(w, intent->policy_digest);
	wb_digest(w, intent->seal);
	if (w->failed)
		return;
	intent_mac(mac, w->data + from, w->len - from);
	wb_digest(w, mac);
}

int
seal_intent_open(struct intent *intent, const void *data, size_t len)
{
	struct rbuf	 r;
	uint8_t		 mac[DIGEST_LEN], seal[DIGEST_LEN];

	memset(intent, 0, sizeof(*intent));
	if (len <= DIGEST_LEN)
		return (-1);
	rb_init(&r, data, len);
	intent->op = rb_enum(&r, OP_MAX - 1);
	rb_uuid(&r, &intent->key);
	rb_uuid(&r, &intent->policy);
	rb_digest(&r, intent->policy_digest);
	rb_digest(&r, intent->seal);
	rb_digest(&r, seal);
	if (rb_end(&r) == -1)
		return (-1);
	intent_mac(mac, data, len - DIGEST_LEN);
	return (secret_cmp(mac, seal, sizeof(mac)) == 0 ? 0 : -1);
}

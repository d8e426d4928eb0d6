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

/* Envelopes: for one recipient, about one thing, and not to be changed. */

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "envelope.h"
#include "log.h"

static const char	 words[] = "sixteen words of a secret";

static EVP_PKEY *
rsa(unsigned int bits)
{
	EVP_PKEY	*pkey = EVP_RSA_gen(bits);

	ATF_REQUIRE(pkey != NULL);
	return (pkey);
}

static int
file_of(EVP_PKEY *pkey)
{
	BIO	*bio = BIO_new_file("public.pem", "w");
	int	 fd;

	ATF_REQUIRE(PEM_write_bio_PUBKEY(bio, pkey) == 1);
	BIO_free(bio);
	ATF_REQUIRE((fd = open("public.pem", O_RDONLY)) != -1);
	return (fd);
}

static void
about(struct wbuf *w, const char *text)
{
	wb_free(w);
	wb_str(w, text);
}

/* Every byte and every length of it counts. */
ATF_TC_WITHOUT_HEAD(sealed);
ATF_TC_BODY(sealed, tc)
{
	EVP_PKEY	*pkey = rsa(3072), *other = rsa(3072), *public;
	struct wbuf	 w = { 0 }, what = { 0 };
	uint8_t		*plain;
	size_t		 i, len;

	log_init(LOG_TO_STDERR, "test");
	public = envelope_recipient(file_of(pkey));
	about(&what, "this");
	ATF_REQUIRE_EQ(0, envelope_seal(&w, public, &what, words,
	    sizeof(words)));
	ATF_CHECK(w.len <= sizeof(words) + ENVELOPE_MOST_MORE);
	ATF_CHECK(memmem(w.data, w.len, words, 8) == NULL);
	plain = envelope_open(pkey, &what, w.data, w.len, &len);
	ATF_REQUIRE(plain != NULL && len == sizeof(words));
	ATF_CHECK(memcmp(plain, words, len) == 0);
	OPENSSL_secure_clear_free(plain, len);
	ATF_CHECK(envelope_open(other, &what, w.data, w.len, &len) == NULL);
	for (i = 0; i < w.len; i++) {
		w.data[i] ^= 1;
		/* RSA is slow: not each byte of it */
		if (i < 8 || i > 380 || i % 40 == 0)
			ATF_CHECK_MSG(envelope_open(pkey, &what, w.data,
			    w.len, &len) == NULL, "byte %zu", i);
		w.data[i] ^= 1;
		if (i < 8 || i > 380)
			ATF_CHECK_MSG(envelope_open(pkey, &what, w.data, i,
			    &len) == NULL, "length %zu", i);
	}
	about(&what, "that");
	ATF_CHECK(envelope_open(pkey, &what, w.data, w.len, &len) == NULL);
	ATF_CHECK_EQ(-1, envelope_seal(&w, public, &what, words, 0));
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(other);
	EVP_PKEY_free(public);
	wb_free(&w);
	wb_free(&what);
}

/* Two of the same are not the same. */
ATF_TC_WITHOUT_HEAD(fresh);
ATF_TC_BODY(fresh, tc)
{
	EVP_PKEY	*pkey = rsa(3072);
	struct wbuf	 a = { 0 }, b = { 0 }, what = { 0 };

	about(&what, "this");
	ATF_REQUIRE_EQ(0, envelope_seal(&a, pkey, &what, words,
	    sizeof(words)));
	ATF_REQUIRE_EQ(0, envelope_seal(&b, pkey, &what, words,
	    sizeof(words)));
	ATF_CHECK_EQ(a.len, b.len);
	ATF_CHECK(memcmp(a.data + a.len - 40, b.data + b.len - 40, 40) != 0);
	EVP_PKEY_free(pkey);
	wb_free(&a);
	wb_free(&b);
	wb_free(&what);
}

/* All that a key's record says but what one instance gives it. */
ATF_TC_WITHOUT_HEAD(of_a_key);
ATF_TC_BODY(of_a_key, tc)
{
	struct key_record	 k = { .version = 1 }, other;
	struct wbuf		 a = { 0 }, b = { 0 };
	int			 i, same;

	strlcpy(k.keystore, "main", sizeof(k.keystore));
	envelope_about_key(&a, &k, GIVEN_KEY);
	for (i = 0; i < 13; i++) {
		other = k;
		switch (i) {
		case 0: other.id.b[15] = 1; break;
		case 1: other.version++; break;
		case 2: other.keystore[0] = 'M'; break;
		case 3: other.algorithm++; break;
		case 4: other.length++; break;
		case 5: other.curve++; break;
		case 6: other.flags = KEY_ATTESTED_ONLY; break;
		case 7: other.policy.b[0] = 1; break;
		case 8: other.policy_digest[31] = 1; break;
		case 10: other.serial++; break;
		case 11: other.seal[0]++; break;
		case 12: other.backend[0] = 'x'; break;
		}
		wb_free(&b);
		envelope_about_key(&b, &other, i == 9 ? GIVEN_ID : GIVEN_KEY);
		same = a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
		ATF_CHECK_EQ_MSG(i > 9, same, "%d", i);
	}
	wb_free(&a);
	wb_free(&b);
}

static int
dies(int fd)
{
	int	 status;
	pid_t	 pid = fork();

	if (pid == 0) {
		(void)envelope_recipient(fd);
		_exit(0);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	close(fd);
	return (WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static int
text(const char *what)
{
	int	 fd = open("text", O_RDWR | O_CREAT | O_TRUNC, 0600);

	ATF_REQUIRE(write(fd, what, strlen(what)) == (ssize_t)strlen(what));
	return (fd);
}

ATF_TC_WITHOUT_HEAD(recipients);
ATF_TC_BODY(recipients, tc)
{
	EVP_PKEY	*pkey;

	log_init(LOG_TO_STDERR, "test");
	pkey = rsa(2048);
	ATF_CHECK(dies(file_of(pkey)));
	EVP_PKEY_free(pkey);
	pkey = EVP_EC_gen("P-256");
	ATF_CHECK(dies(file_of(pkey)));
	EVP_PKEY_free(pkey);
	ATF_CHECK(dies(text("")));
	ATF_CHECK(dies(text("nothing")));
	/* It asks for no passphrase. */
	ATF_CHECK(dies(text("-----BEGIN PUBLIC KEY-----\n"
	    "Proc-Type: 4,ENCRYPTED\n"
	    "DEK-Info: AES-256-CBC,00000000000000000000000000000000\n\n"
	    "AAAA\n-----END PUBLIC KEY-----\n")));
	pkey = rsa(3072);
	ATF_CHECK(!dies(file_of(pkey)));
	EVP_PKEY_free(pkey);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, sealed);
	ATF_TP_ADD_TC(tp, fresh);
	ATF_TP_ADD_TC(tp, of_a_key);
	ATF_TP_ADD_TC(tp, recipients);
	return (atf_no_error());
}

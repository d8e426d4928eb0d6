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
 * The workload's RSA key pair, whose public half the evidence vouches for.
 * The private numbers lie in libcrypto's locked heap, and on disk only where
 * the user names a file.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsget.h"
#include "log.h"
#include "secret.h"

EVP_PKEY *
keypair_make(void)
{
	EVP_PKEY_CTX	*ctx;
	EVP_PKEY	*key = NULL;

	/* libcrypto's public exponent is 65537 */
	if ((ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL)) == NULL ||
	    EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, KEY_BITS) != 1 ||
	    EVP_PKEY_keygen(ctx, &key) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	if (key == NULL)
		log_warnx("can't make an RSA key pair");
	return (key);
}

/* No passphrase is asked for: a workload has nobody to ask. */
static int
keypair_nopass(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return (-1);
}

const char *
keypair_check(EVP_PKEY *key)
{
	BIGNUM		*e = NULL;
	const char	*why = NULL;
	int		 bits;

	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
		return ("not an RSA key");
	bits = EVP_PKEY_get_bits(key);
	if (bits < KEY_BITS_MIN || bits > KEY_BITS_MAX)
		return ("the server takes RSA keys of 2049 to 8192 bits");
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1 ||
	    BN_num_bits(e) > 32 || !BN_is_odd(e) || BN_get_word(e) < 65537)
		why = "the server takes odd public exponents from 65537 to "
		    "4294967295";
	BN_free(e);
	return (why);
}

/* Opens a private key only when it is private indeed. */
static int
keypair_open(const char *path)
{
	struct stat	 sb;
	int		 fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1 ||
	    fstat(fd, &sb) == -1) {
		log_warn("%s", path);
		if (fd == -1 && errno == ENOENT)
			log_warnx("kbsget -g -K %s -H FILE makes one", path);
	} else if (!S_ISREG(sb.st_mode))
		log_warnx("%s: not a regular file", path);
	else if (sb.st_mode & (S_IRWXG | S_IRWXO))
		log_warnx("%s: others may read this private key: chmod 600 "
		    "it, and make a new one if they could", path);
	else
		return (fd);
	if (fd != -1)
		close(fd);
	return (-1);
}

EVP_PKEY *
keypair_load(const char *path)
{
	EVP_PKEY	*key = NULL;
	BIO		*bio = NULL;
	const char	*why = "not a private key as PEM, without passphrase";
	char		*pem = NULL;
	size_t		 len;
	int		 fd;

	if ((fd = keypair_open(path)) == -1)
		return (NULL);
	if ((pem = secret_read(fd, PEM_MAX, &len)) == NULL) {
		log_warn("%s", path);
		goto done;
	}
	if ((bio = BIO_new_mem_buf(pem, (int)len)) != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, keypair_nopass, NULL);
	if (key == NULL || (why = keypair_check(key)) != NULL) {
		log_warnx("%s: %s", path, why);
		EVP_PKEY_free(key);
		key = NULL;
	}
 done:
	BIO_free(bio);
	secret_free(pem);
	close(fd);
	return (key);
}

int
keypair_save(EVP_PKEY *key, const char *path)
{
	struct output	 out;
	BIO		*bio;
	char		*pem;
	long		 len;
	int		 rv = -1;

	/* an old key may be the only way to what was wrapped for it */
	if (access(path, F_OK) == 0) {
		log_warnx("%s: exists: remove it, or use it without -g", path);
		return (-1);
	}
	if ((bio = BIO_new(BIO_s_secmem())) == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
	    NULL) != 1 || (len = BIO_get_mem_data(bio, &pem)) <= 0)
		log_warnx("%s: can't write the key as PEM", path);
	else if (output_open(&out, path) == 0)
		rv = output_commit(&out, pem, (size_t)len);
	BIO_free(bio);
	return (rv);
}

ssize_t
keypair_held(EVP_PKEY *key, enum tee tee, uint8_t *buf, size_t size)
{
	BIGNUM	*n = NULL, *e = NULL;
	ssize_t	 rv = -1;
	int	 len = EVP_PKEY_get_size(key);

	if (len <= 0 || size < 4 + (size_t)len ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
		goto done;
	/* SGX tools write numbers as the processor has them */
	if (BN_bn2lebinpad(e, buf, 4) == 4 && (tee == TEE_SGX ?
	    BN_bn2lebinpad(n, buf + 4, len) :
	    BN_bn2binpad(n, buf + 4, len)) == len)
		rv = 4 + len;
 done:
	BN_free(n);
	BN_free(e);
	return (rv);
}

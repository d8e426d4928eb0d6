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
 * The pairs of private key and certificate.  A pair whose files the parent
 * opened for writing is kbsd's own: what is missing is made, and the
 * certificate renewed (for the same key, so that who pinned it is not lost)
 * when its time runs out or its names changed.  An operator's files are
 * only read.
 *
 * Descriptors are shared with earlier and later signers, offset included:
 * pread(2) and pwrite(2) only.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "log.h"
#include "passphrase.h"
#include "secret.h"
#include "signer.h"

struct pair {
	int		 keyfd;
	int		 certfd;
	EVP_PKEY	*key;
	uint8_t		 spki[DIGEST_LEN];
	ASN1_TIME	*until;
	char		 subject[256];
};

static struct pair	 pairs[KEYS_MAX];
static size_t		 npairs;

int
key_add_fd(uint32_t role, int fd)
{
	if (role == FD_TLS_KEY && npairs < KEYS_MAX &&
	    (npairs == 0 || pairs[npairs - 1].certfd != -1)) {
		pairs[npairs].keyfd = fd;
		pairs[npairs++].certfd = -1;
		return (0);
	}
	if (role == FD_TLS_CERT && npairs > 0 &&
	    pairs[npairs - 1].certfd == -1) {
		pairs[npairs - 1].certfd = fd;
		return (0);
	}
	return (-1);
}

static int
is_writable(int fd)
{
	int	 flags;

	return ((flags = fcntl(fd, F_GETFL)) != -1 &&
	    (flags & O_ACCMODE) == O_RDWR);
}

/* NULL with errno: ENODATA when the file is empty, EBADMSG when no key. */
static EVP_PKEY *
read_key(int fd)
{
	EVP_PKEY	*key;
	BIO		*bio;
	char		*pem;
	size_t		 len;

	if ((pem = secret_read(fd, PEM_MAX, &len)) == NULL)
		return (NULL);
	if ((bio = BIO_new_mem_buf(pem, (int)len)) == NULL)
		fatalx("no memory for a key");
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	secret_free(pem);
	errno = EBADMSG;
	return (key);
}

/* The first certificate of the file: the server's own. */
static X509 *
read_cert(int fd)
{
	X509	*cert;
	BIO	*bio;
	char	*pem;
	size_t	 len = 0;
	ssize_t	 n;

	if ((pem = malloc(PEM_MAX)) == NULL ||
	    (bio = BIO_new(BIO_s_mem())) == NULL)
		fatalx("no memory for a certificate");
	while (len < PEM_MAX && (n = pread(fd, pem + len, PEM_MAX - len,
	    (off_t)len)) > 0)
		len += (size_t)n;
	if (BIO_write(bio, pem, (int)len) != (int)len)
		len = 0;
	cert = len == 0 ? NULL :
	    PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	free(pem);
	errno = len == 0 ? ENODATA : EBADMSG;
	return (cert);
}

/*
 * The whole of a file: new bytes, then the end, then the disk.  A half
 * written one must not be there at the next start.
 */
static void
write_file(int fd, BIO *bio, const char *what)
{
	char	*data;
	long	 len;
	ssize_t	 n;

	if ((len = BIO_get_mem_data(bio, &data)) <= 0)
		fatalx("no %s to write", what);
	n = pwrite(fd, data, (size_t)len, 0);
	if (n == len && ftruncate(fd, len) == 0 && fsync(fd) == 0)
		return;
	if (n != -1 && n != len)
		errno = ENOSPC;
	log_warn("writing the TLS %s", what);
	if (ftruncate(fd, 0) == -1)
		log_warn("emptying the TLS %s", what);
	fatalx("the TLS %s can't be kept", what);
}

static void
write_key(int fd, EVP_PKEY *key)
{
	BIO	*bio;

	/* a memory BIO wipes what it frees and outgrows */
	if ((bio = BIO_new(BIO_s_mem())) == NULL ||
	    !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
	    NULL))
		fatalx("the TLS key can't be encoded");
	write_file(fd, bio, "key");
	BIO_free(bio);
}

static void
write_cert(int fd, X509 *cert)
{
	BIO	*bio;

	if ((bio = BIO_new(BIO_s_mem())) == NULL ||
	    !PEM_write_bio_X509(bio, cert))
		fatalx("the TLS certificate can't be encoded");
	write_file(fd, bio, "certificate");
	BIO_free(bio);
}

static void
load_key(struct pair *p)
{
	int	 type;

	if ((p->key = read_key(p->keyfd)) == NULL) {
		if (errno == EBADMSG)
			fatalx("the TLS key is no PEM private key without a "
			    "passphrase");
		if (errno != ENODATA || !is_writable(p->keyfd))
			fatal("TLS key");
		if ((p->key = make_key()) == NULL)
			fatalx("can't make a TLS key");
		write_key(p->keyfd, p->key);
		log_info("made a TLS key");
	}
	type = EVP_PKEY_base_id(p->key);
	if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC)
		fatalx("the TLS key is neither RSA nor EC");
	if (EVP_PKEY_size(p->key) > SIGNATURE_MAX)
		fatalx("the TLS key is longer than %d bits",
		    SIGNATURE_MAX * 8);
}

static X509 *
load_cert(struct pair *p, const struct names *names)
{
	X509	*cert = read_cert(p->certfd);
	int	 own = is_writable(p->certfd);

	if (cert != NULL && (!own || (X509_check_private_key(cert, p->key) &&
	    make_is_current(cert, names))))
		return (cert);
	if (!own)
		fatal("TLS certificate");
	X509_free(cert);
	if ((cert = make_cert(p->key, names)) == NULL)
		fatalx("can't make a TLS certificate: is a name of it "
		    "malformed?");
	write_cert(p->certfd, cert);
	log_info("made a TLS certificate");
	return (cert);
}

/*
 * The digest is that of the certificate's key, not of the private one: the
 * encodings could differ, and the frontend knows only the certificate.
 */
static void
load_pair(struct pair *p, const struct names *names)
{
	X509	*cert;
	uint8_t	*der = NULL;
	int	 len;

	load_key(p);
	cert = load_cert(p, names);
	ERR_clear_error();
	if (X509_check_private_key(cert, p->key) != 1)
		fatalx("the TLS key is not the one of the certificate");
	if ((len = i2d_PUBKEY(X509_get0_pubkey(cert), &der)) <= 0)
		fatalx("the TLS certificate's key can't be encoded");
	digest(p->spki, der, (size_t)len);
	OPENSSL_free(der);
	if ((p->until = ASN1_STRING_dup(X509_get0_notAfter(cert))) == NULL)
		fatalx("no memory for a certificate");
	(void)X509_NAME_oneline(X509_get_subject_name(cert), p->subject,
	    sizeof(p->subject));
	X509_free(cert);
	close(p->keyfd);
	close(p->certfd);
	p->keyfd = p->certfd = -1;
}

void
key_load(const struct names *names)
{
	size_t	 i;

	if (npairs == 0 || pairs[npairs - 1].certfd == -1)
		fatalx("a TLS key without a certificate");
	for (i = 0; i < npairs; i++)
		load_pair(&pairs[i], names);
}

void
key_warn(void)
{
	size_t	 i;
	int	 days, seconds;

	for (i = 0; i < npairs; i++) {
		if (!ASN1_TIME_diff(&days, &seconds, NULL, pairs[i].until))
			log_alert("the TLS certificate of %s has no end that "
			    "could be read", pairs[i].subject);
		else if (days < 0 || seconds < 0)
			log_alert("the TLS certificate of %s has ended",
			    pairs[i].subject);
		else if (days < CERTIFICATE_LEFT_DAYS)
			log_warnx("the TLS certificate of %s ends in %d days",
			    pairs[i].subject, days);
	}
}

EVP_PKEY *
key_find(const uint8_t spki[DIGEST_LEN])
{
	size_t	 i;

	for (i = 0; i < npairs; i++)
		if (memcmp(pairs[i].spki, spki, DIGEST_LEN) == 0)
			return (pairs[i].key);
	return (NULL);
}

size_t
key_count(void)
{
	return (npairs);
}

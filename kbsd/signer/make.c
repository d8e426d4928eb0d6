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
 * Makes a P-256 key and a certificate for it that it signs itself, for those
 * who name none.  P-256, since handshakes wait for the signer and this is
 * its fastest key.
 */
#include <arpa/inet.h>

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <string.h>

#include "signer.h"

#define DAY		86400
#define CLOCK_SKEW	3600
#define COMMON_NAME_MAX	64		/* ub-common-name, RFC 5280 */
#define SERIAL_LEN	16

EVP_PKEY *
make_key(void)
{
	EVP_PKEY_CTX	*ctx;
	EVP_PKEY	*key = NULL;

	if ((ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL)) == NULL)
		return (NULL);
	if (EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx,
	    NID_X9_62_prime256v1) != 1 || EVP_PKEY_keygen(ctx, &key) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return (key);
}

/* iPAddress or dNSName; -1 when there is no memory. */
static int
add_name(GENERAL_NAMES *list, const char *text)
{
	GENERAL_NAME	*name;
	ASN1_STRING	*value;
	uint8_t		 ip[16];
	int		 len, type = GEN_IPADD;

	if (inet_pton(AF_INET, text, ip) == 1)
		len = 4;
	else if (inet_pton(AF_INET6, text, ip) == 1)
		len = 16;
	else {
		type = GEN_DNS;
		len = (int)strlen(text);
	}
	if ((name = GENERAL_NAME_new()) == NULL)
		return (-1);
	value = type == GEN_DNS ? ASN1_IA5STRING_new() :
	    ASN1_OCTET_STRING_new();
	if (value == NULL || !ASN1_STRING_set(value, type == GEN_DNS ?
	    (const void *)text : ip, len)) {
		ASN1_STRING_free(value);
		GENERAL_NAME_free(name);
		return (-1);
	}
	GENERAL_NAME_set0_value(name, type, value);
	if (!sk_GENERAL_NAME_push(list, name)) {
		GENERAL_NAME_free(name);
		return (-1);
	}
	return (0);
}

static GENERAL_NAMES *
alt_names(const struct names *names)
{
	GENERAL_NAMES	*list;
	size_t		 i;

	if ((list = GENERAL_NAMES_new()) == NULL)
		return (NULL);
	for (i = 0; i < names->n; i++)
		if (add_name(list, names->text[i]) == -1) {
			GENERAL_NAMES_free(list);
			return (NULL);
		}
	return (list);
}

static int
add_text_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION	*ext;
	X509V3_CTX	 ctx;
	int		 ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	if ((ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value)) == NULL)
		return (-1);
	ok = X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return (ok ? 0 : -1);
}

static int
add_extensions(X509 *cert, const struct names *names)
{
	static const struct {
		int		 nid;
		const char	*value;
	} texts[] = {
		{ NID_basic_constraints,	"critical,CA:FALSE" },
		{ NID_key_usage,		"critical,digitalSignature" },
		{ NID_ext_key_usage,		"serverAuth" },
		{ NID_subject_key_identifier,	"hash" },
	};
	GENERAL_NAMES	*list;
	size_t		 i;
	int		 ok;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (add_text_extension(cert, texts[i].nid,
		    texts[i].value) == -1)
			return (-1);
	if ((list = alt_names(names)) == NULL)
		return (-1);
	ok = X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 0, 0) == 1;
	GENERAL_NAMES_free(list);
	return (ok ? 0 : -1);
}

static int
set_serial(X509 *cert)
{
	ASN1_INTEGER	*serial = NULL;
	BIGNUM		*bn;
	uint8_t		 random[SERIAL_LEN];
	int		 ok;

	if (RAND_bytes(random, sizeof(random)) != 1)
		return (-1);
	random[0] = (random[0] & 0x7f) | 0x40;	/* positive, never 0 */
	if ((bn = BN_bin2bn(random, sizeof(random), NULL)) == NULL)
		return (-1);
	ok = (serial = BN_to_ASN1_INTEGER(bn, NULL)) != NULL &&
	    X509_set_serialNumber(cert, serial);
	ASN1_INTEGER_free(serial);
	BN_free(bn);
	return (ok ? 0 : -1);
}

/* The first name that fits; the names that count are the alternative ones. */
static int
set_subject(X509 *cert, const struct names *names)
{
	X509_NAME	*name = X509_get_subject_name(cert);
	const char	*cn = "kbsd";

	if (names->n > 0 && strlen(names->text[0]) <= COMMON_NAME_MAX)
		cn = names->text[0];
	if (!X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)cn, -1, -1, 0) ||
	    !X509_set_issuer_name(cert, name))
		return (-1);
	return (0);
}

X509 *
make_cert(EVP_PKEY *key, const struct names *names)
{
	X509	*cert;

	if ((cert = X509_new()) == NULL)
		return (NULL);
	if (!X509_set_version(cert, 2 /* v3 */) ||
	    set_serial(cert) == -1 || set_subject(cert, names) == -1 ||
	    X509_gmtime_adj(X509_getm_notBefore(cert), -CLOCK_SKEW) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(cert),
	    (long)CERTIFICATE_DAYS * DAY) == NULL ||
	    !X509_set_pubkey(cert, key) ||
	    add_extensions(cert, names) == -1 ||
	    X509_sign(cert, key, EVP_sha256()) == 0) {
		X509_free(cert);
		return (NULL);
	}
	return (cert);
}

static int
same_names(X509 *cert, const struct names *names)
{
	GENERAL_NAMES	*want, *have;
	int		 i, same = 0;

	have = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	want = alt_names(names);
	if (have == NULL || want == NULL ||
	    sk_GENERAL_NAME_num(have) != sk_GENERAL_NAME_num(want))
		goto done;
	for (i = 0; i < sk_GENERAL_NAME_num(want); i++)
		if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(have, i),
		    sk_GENERAL_NAME_value(want, i)) != 0)
			goto done;
	same = 1;
done:
	GENERAL_NAMES_free(have);
	GENERAL_NAMES_free(want);
	return (same);
}

int
make_is_current(X509 *cert, const struct names *names)
{
	int	 days, seconds;

	if (!ASN1_TIME_diff(&days, &seconds, NULL,
	    X509_get0_notAfter(cert)))
		return (0);
	return (days >= CERTIFICATE_LEFT_DAYS && same_names(cert, names));
}

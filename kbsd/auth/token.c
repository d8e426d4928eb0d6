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
 * Bearer tokens: JWT (RFC 7519), ES256.  libjwt makes and verifies them; but
 * it would let a header choose HS256 with our public key as secret, so the
 * header must be, byte for byte, the one that it makes for us.
 */

#include <sys/stat.h>

#include <errno.h>
#include <jansson.h>
#include <jwt.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "json.h"
#include "log.h"
#include "passphrase.h"
#include "secret.h"

#define PEM_MAX		4096
#define AUDIENCE	"kbsd"
/* The clock may be set back a little without ending what was just given. */
#define LEEWAY		5

static char	*private_pem;	/* secret memory */
static size_t	 private_len;
static char	*public_pem;
static size_t	 public_len;
static char	*our_header;	/* with its dot */

/* --- the key ------------------------------------------------------------ */

static void
write_key(int fd, const char *pem, size_t len)
{
	ssize_t	 n;

	n = pwrite(fd, pem, len, 0);
	if (n == (ssize_t)len && fsync(fd) == 0)
		return;
	if (n != -1 && n != (ssize_t)len)
		errno = ENOSPC;
	log_warn("writing the token key");
	if (ftruncate(fd, 0) == -1)
		log_warn("emptying the token key");
	fatalx("the token key can't be kept");
}

static void
make_key(int fd)
{
	EVP_PKEY	*key;
	BIO		*bio;
	char		*pem;
	long		 len;

	/* a memory BIO wipes what it frees */
	if ((key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")) == NULL ||
	    (bio = BIO_new(BIO_s_mem())) == NULL ||
	    !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
	    NULL) || (len = BIO_get_mem_data(bio, &pem)) <= 0)
		fatalx("can't make a token key");
	write_key(fd, pem, (size_t)len);
	BIO_free(bio);
	EVP_PKEY_free(key);
	log_info("made a token key");
}

static int
is_p256(const EVP_PKEY *key)
{
	char	 group[64];
	size_t	 len;

	return (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
	    (strcmp(group, SN_X9_62_prime256v1) == 0 ||
	    strcmp(group, "P-256") == 0));
}

static void
make_public(void)
{
	EVP_PKEY	*key;
	BIO		*in, *out;
	char		*pem;
	long		 len;

	if ((in = BIO_new_mem_buf(private_pem, (int)private_len)) == NULL ||
	    (out = BIO_new(BIO_s_mem())) == NULL)
		fatalx("no memory for the token key");
	key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
	if (key == NULL || !is_p256(key))
		fatalx("the token key is no PEM key of P-256");
	if (!PEM_write_bio_PUBKEY(out, key) ||
	    (len = BIO_get_mem_data(out, &pem)) <= 0 ||
	    (public_pem = malloc((size_t)len + 1)) == NULL)
		fatalx("the token key can't be used");
	memcpy(public_pem, pem, (size_t)len);
	public_pem[len] = '\0';
	public_len = (size_t)len;
	EVP_PKEY_free(key);
	BIO_free(in);
	BIO_free(out);
}

static void
make_header(void)
{
	struct user_record	 nobody = { .name = "nobody" };

	if ((our_header = token_make(&nobody, 0, 0)) == NULL)
		fatalx("can't make tokens");
	our_header[strcspn(our_header, ".") + 1] = '\0';
}

void
token_init(int fd)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1)
		fatal("token key");
	if (st.st_size == 0)
		make_key(fd);
	secret_free(private_pem);
	free(public_pem);
	free(our_header);
	if ((private_pem = secret_read(fd, PEM_MAX, &private_len)) == NULL)
		fatal("token key");
	make_public();
	make_header();
}

/* --- making ------------------------------------------------------------- */

/* The permissions as a JSON array; they are only shown, the row decides. */
static json_t *
scope(uint32_t permissions)
{
	json_t		*array;
	unsigned int	 i;

	if ((array = json_array()) == NULL)
		return (NULL);
	for (i = 0; permission_name(i) != NULL; i++)
		if ((permissions & (1U << i)) != 0 && json_array_append_new(
		    array, json_string(permission_name(i))) == -1) {
			json_decref(array);
			return (NULL);
		}
	return (array);
}

static int
add_claims(jwt_t *jwt, const struct user_record *user, int64_t now,
    uint32_t lifetime)
{
	json_t	*claims;
	char	*text;
	char	 id[UUID_TEXT];
	size_t	 len;
	int	 ret = -1;

	claims = json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:I}",
	    "aud", AUDIENCE, "sub", uuid_format(&user->id, id),
	    "scope", scope(user->permissions), "iat", (json_int_t)now,
	    "nbf", (json_int_t)now, "exp", (json_int_t)now + lifetime,
	    "gen", (json_int_t)user->generation);
	if (claims == NULL)
		return (-1);
	if ((text = json_write(claims, &len)) != NULL) {
		ret = jwt_add_grants_json(jwt, text) == 0 ? 0 : -1;
		free(text);
	}
	json_decref(claims);
	return (ret);
}

char *
token_make(const struct user_record *user, int64_t now, uint32_t lifetime)
{
	jwt_t	*jwt;
	char	*token = NULL;

	if (jwt_new(&jwt) != 0)
		return (NULL);
	/* a copy of the key, which jwt_free() overwrites */
	if (add_claims(jwt, user, now, lifetime) == 0 &&
	    jwt_set_alg(jwt, JWT_ALG_ES256,
	    (const unsigned char *)private_pem, (int)private_len) == 0)
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	return (token);
}

/* --- verifying ---------------------------------------------------------- */

/* Two dots between three parts of nothing but base64url. */
static int
is_compact(const char *s)
{
	static const char	 alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t			 n;
	int			 part;

	for (part = 0; part < 3; part++) {
		if ((n = strspn(s, alphabet)) == 0)
			return (0);
		s += n;
		if (*s++ != (part < 2 ? '.' : '\0'))
			return (0);
	}
	return (1);
}

/*
 * An integer claim; -1 when it is not there or anything else, for which
 * jwt_get_grant_int() would give 0.
 */
static int
claim_int(jwt_t *jwt, const char *name, int64_t *v)
{
	const char	*bad;
	char		*text;

	if ((text = jwt_get_grants_json(jwt, name)) == NULL)
		return (-1);
	*v = strtonum(text, 0, INT64_MAX, &bad);
	free(text);
	return (bad == NULL ? 0 : -1);
}

static const char *
check_times(jwt_t *jwt, int64_t now)
{
	int64_t	 iat, nbf, exp;

	if (claim_int(jwt, "iat", &iat) == -1 ||
	    claim_int(jwt, "nbf", &nbf) == -1 ||
	    claim_int(jwt, "exp", &exp) == -1)
		return ("token without times");
	if (now >= exp)
		return ("token expired");
	if (now < nbf - LEEWAY || now < iat - LEEWAY)
		return ("token not yet valid");
	return (NULL);
}

static const char *
check_claims(jwt_t *jwt, int64_t now, struct claims *claims)
{
	const char	*aud, *sub, *why;
	int64_t		 gen;

	if ((aud = jwt_get_grant(jwt, "aud")) == NULL ||
	    strcmp(aud, AUDIENCE) != 0)
		return ("token for another audience");
	if ((why = check_times(jwt, now)) != NULL)
		return (why);
	if ((sub = jwt_get_grant(jwt, "sub")) == NULL ||
	    uuid_parse(&claims->user, sub, strlen(sub)) == -1)
		return ("token of nobody");
	if (claim_int(jwt, "gen", &gen) == -1 || gen > UINT32_MAX)
		return ("token without a generation");
	claims->generation = (uint32_t)gen;
	return (NULL);
}

int
token_is_ours(const char *text)
{
	return (strncmp(text, our_header, strlen(our_header)) == 0);
}

const char *
token_verify(const char *token, int64_t now, struct claims *claims)
{
	jwt_t		*jwt;
	const char	*why;

	memset(claims, 0, sizeof(*claims));
	if (token[0] == '\0')
		return ("no token");
	if (!token_is_ours(token))
		return ("token with a header that is not ours");
	if (!is_compact(token))
		return ("token of the wrong form");
	if (jwt_decode(&jwt, token, (const unsigned char *)public_pem,
	    (int)public_len) != 0)
		return ("token with a wrong signature");
	why = jwt_get_alg(jwt) != JWT_ALG_ES256 ? "token not of ES256" :
	    check_claims(jwt, now, claims);
	jwt_free(jwt);
	return (why);
}

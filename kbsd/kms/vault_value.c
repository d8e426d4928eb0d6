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
 * A key as it lies in Vault: under its own id the text of a JSON object, as
 * the reference server writes and reads it.
 */

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base64.h"
#include "json.h"
#include "rfc3339.h"
#include "vault.h"

#define ERRORS_SHOWN	200	/* bytes of Vault's own text */

static const struct json_limits	 limits_answer = { VAULT_BODY_MAX, 512, 16 };
static const struct json_limits	 limits_value = { VAULT_BODY_MAX, 64, 4 };

/* --- reading ------------------------------------------------------------ */

static const char *
read_base64(const json_t *text, uint8_t *material, size_t *len)
{
	ssize_t	 n;

	n = base64_decode(material, MATERIAL_MAX, json_string_value(text),
	    json_string_length(text));
	if (n <= 0)
		return ("its key is no base64");
	*len = (size_t)n;
	return (NULL);
}

/* PKCS#8 is one SEQUENCE; what is in it was checked when it was stored. */
static int
is_sequence(const uint8_t *p, size_t len)
{
	size_t	 i, n, size = 0;

	if (len < 2 || p[0] != 0x30)
		return (0);
	if (p[1] < 0x80)
		return (len == 2u + p[1]);
	n = p[1] & 0x7f;
	if (n == 0 || n > 2 || len < 2 + n)
		return (0);
	for (i = 0; i < n; i++)
		size = size << 8 | p[2 + i];
	return (len == 2 + n + size);
}

static const char *
read_material(const struct key_record *k, const json_t *data,
    const json_t *private, uint8_t *material, size_t *len)
{
	const char	*why;

	if (k->algorithm == ALG_AES) {
		if (data == NULL)
			return ("its key_data is missing");
		if ((why = read_base64(data, material, len)) != NULL)
			return (why);
		return (*len == k->length / 8U ? NULL :
		    "its key is not of the record's length");
	}
	if (private == NULL)
		return ("its private_key is missing");
	if ((why = read_base64(private, material, len)) != NULL)
		return (why);
	return (is_sequence(material, *len) ? NULL :
	    "its private_key is no PKCS#8");
}

/* It must be the record's key, as far as it says which it is. */
static const char *
read_value(const struct key_record *k, json_t *object, uint8_t *material,
    size_t *len)
{
	json_t		*id, *algorithm, *length, *data, *private;
	static char	 why[128];
	const struct json_member members[] = {
		{ "id",		 JSON_MEMBER_STRING, 0, &id },
		{ "algorithm",	 JSON_MEMBER_STRING, 0, &algorithm },
		{ "key_length",	 JSON_MEMBER_INTEGER, 0, &length },
		{ "key_data",	 JSON_MEMBER_STRING, 0, &data },
		{ "private_key", JSON_MEMBER_STRING, 0, &private },
	};

	if (json_pick(object, members, sizeof(members) / sizeof(members[0]),
	    why, sizeof(why)) == -1)
		return (why);
	if (id != NULL && strcasecmp(json_string_value(id), k->backend) != 0)
		return ("it is another key, by its id");
	if (algorithm != NULL && algorithm_parse(json_string_value(
	    algorithm)) != (enum algorithm)k->algorithm)
		return ("it is of another algorithm than the record");
	if (length != NULL && json_integer_value(length) != 0 &&
	    json_integer_value(length) != k->length)
		return ("it is of another length than the record");
	return (read_material(k, data, private, material, len));
}

static const char *
read_text(const struct key_record *k, const json_t *text, uint8_t *material,
    size_t *len)
{
	static char	 why[128];
	const char	*wrong;
	json_t		*object;

	object = json_read(json_string_value(text), json_string_length(text),
	    &limits_value, why, sizeof(why));
	if (object == NULL)
		return (why);
	wrong = read_value(k, object, material, len);
	json_decref(object);
	return (wrong);
}

const char *
value_read(const struct key_record *k, unsigned int version,
    const uint8_t *answer, size_t answerlen, uint8_t *material, size_t *len,
    int *none)
{
	static char	 why[128];
	const char	*wrong;
	json_t		*whole, *data, *text;

	*none = 0;
	whole = json_read((const char *)answer, answerlen, &limits_answer,
	    why, sizeof(why));
	if (whole == NULL)
		return (why);
	data = json_object_get(whole, "data");
	if (version == 2 && json_is_object(data))
		data = json_object_get(data, "data");
	text = json_object_get(data, k->backend);
	if (version == 2 && json_is_null(data)) {
		*none = 1;
		wrong = "it was deleted there";
	} else if (!json_is_string(text))
		wrong = "it has no text under the key's id";
	else
		wrong = read_text(k, text, material, len);
	json_decref(whole);
	return (wrong);
}

/* --- writing ------------------------------------------------------------ */

static int
put_base64(json_t *object, const char *name, const uint8_t *p, size_t n)
{
	size_t	 size = BASE64_SIZE(n);
	char	*text;
	int	 rv = -1;

	if ((text = malloc(size)) == NULL)
		return (-1);
	if (base64_encode(text, size, p, n) != -1)
		rv = json_object_set_new(object, name, json_string(text));
	freezero(text, size);
	return (rv);
}

/* SubjectPublicKeyInfo of a PKCS#8 key. */
static int
put_public(json_t *object, const uint8_t *p, size_t n)
{
	PKCS8_PRIV_KEY_INFO	*p8;
	EVP_PKEY		*pkey = NULL;
	unsigned char		*spki = NULL;
	int			 len, rv = -1;

	if ((p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)n)) != NULL &&
	    (pkey = EVP_PKCS82PKEY(p8)) != NULL &&
	    (len = i2d_PUBKEY(pkey, &spki)) > 0)
		rv = put_base64(object, "public_key", spki, (size_t)len);
	OPENSSL_free(spki);
	EVP_PKEY_free(pkey);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return (rv);
}

static int
put_pair(json_t *object, const struct key_record *k, const uint8_t *p,
    size_t n)
{
	if (k->algorithm == ALG_EC && json_object_set_new(object,
	    "curve_type", json_string(curve_name(k->curve))) == -1)
		return (-1);
	if (put_public(object, p, n) == -1)
		return (-1);
	return (put_base64(object, "private_key", p, n));
}

static json_t *
value_object(const struct key_record *k, const uint8_t *material, size_t n)
{
	char	 created[RFC3339_TEXT];
	json_t	*object;

	object = json_pack("{s:s,s:s,s:i,s:s}", "id", k->backend,
	    "algorithm", algorithm_name(k->algorithm), "key_length",
	    (int)k->length, "created_at",
	    rfc3339_format(time(NULL), created));
	if (object == NULL)
		return (NULL);
	if ((k->algorithm == ALG_AES ? put_base64(object, "key_data",
	    material, n) : put_pair(object, k, material, n)) == -1) {
		json_decref(object);
		return (NULL);
	}
	return (object);
}

/* Version 2: only where there is none yet. */
static json_t *
value_envelope(const struct key_record *k, unsigned int version,
    const char *text)
{
	json_t	*data;

	if ((data = json_pack("{s:s}", k->backend, text)) == NULL ||
	    version == 1)
		return (data);
	return (json_pack("{s:{s:i},s:o}", "options", "cas", 0, "data",
	    data));
}

char *
value_write(const struct key_record *k, unsigned int version,
    const uint8_t *material, size_t n, size_t *len)
{
	json_t	*object, *whole;
	char	*text, *body = NULL;
	size_t	 textlen;

	if ((object = value_object(k, material, n)) == NULL)
		return (NULL);
	if ((text = json_write(object, &textlen)) != NULL) {
		if ((whole = value_envelope(k, version, text)) != NULL)
			body = json_write(whole, len);
		json_decref(whole);
		freezero(text, textlen);
	}
	json_decref(object);
	return (body);
}

/* --- errors ------------------------------------------------------------- */

static void
errors_add(char *text, size_t size, const char *s)
{
	size_t	 at = strlen(text), shown = 0;

	if (at > 0 && at + 2 < size)
		at = strlcat(text, "; ", size);
	for (; *s != '\0' && at + 1 < size && shown < ERRORS_SHOWN; s++) {
		if (!isprint((unsigned char)*s) &&
		    (at == 0 || text[at - 1] == ' '))
			continue;
		text[at++] = isprint((unsigned char)*s) ? *s : ' ';
		shown++;
	}
	text[at] = '\0';
}

/* {"errors":["...",...]}: a stranger's text, made plain and short. */
void
value_errors(const uint8_t *data, size_t len, char *text, size_t size)
{
	json_t		*whole;
	const json_t	*list, *one;
	char		 scrap[128];
	size_t		 i;

	text[0] = '\0';
	whole = json_read((const char *)data, len, &limits_answer, scrap,
	    sizeof(scrap));
	if ((list = json_object_get(whole, "errors")) == NULL)
		list = json_object_get(whole, "warnings");
	json_array_foreach(list, i, one)
		if (json_is_string(one))
			errors_add(text, size, json_string_value(one));
	json_decref(whole);
}

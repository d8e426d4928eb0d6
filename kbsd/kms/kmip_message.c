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
 * KMIP messages, one operation in each.  Attributes are texts in 1.4 and tags
 * of their own in 2.0.
 */

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <string.h>

#include "kmip.h"

enum tag {
	TAG_ATTRIBUTE = 0x420008, TAG_ATTRIBUTE_NAME = 0x42000a,
	TAG_ATTRIBUTE_VALUE = 0x42000b, TAG_AUTHENTICATION = 0x42000c,
	TAG_BATCH_COUNT = 0x42000d, TAG_BATCH_ITEM = 0x42000f,
	TAG_CREDENTIAL = 0x420023, TAG_CREDENTIAL_TYPE = 0x420024,
	TAG_CREDENTIAL_VALUE = 0x420025, TAG_ALGORITHM = 0x420028,
	TAG_LENGTH = 0x42002a, TAG_MASK = 0x42002c, TAG_KEY_BLOCK = 0x420040,
	TAG_KEY_FORMAT = 0x420042, TAG_KEY_MATERIAL = 0x420043,
	TAG_KEY_VALUE = 0x420045, TAG_MAXIMUM = 0x42004f, TAG_NAME = 0x420053,
	TAG_NAME_TYPE = 0x420054, TAG_NAME_VALUE = 0x420055,
	TAG_OBJECT_TYPE = 0x420057, TAG_OPERATION = 0x42005c,
	TAG_PRIVATE_KEY = 0x420064, TAG_PRIVATE_ID = 0x420066,
	TAG_VERSION = 0x420069, TAG_MAJOR = 0x42006a, TAG_MINOR = 0x42006b,
	TAG_QUERY_FUNCTION = 0x420074, TAG_REQUEST_HEADER = 0x420077,
	TAG_REQUEST = 0x420078,
	TAG_REQUEST_PAYLOAD = 0x420079, TAG_RESPONSE = 0x42007b,
	TAG_RESPONSE_PAYLOAD = 0x42007c, TAG_MESSAGE = 0x42007d,
	TAG_REASON = 0x42007e, TAG_STATUS = 0x42007f,
	TAG_REVOCATION = 0x420081, TAG_REVOCATION_CODE = 0x420082,
	TAG_SYMMETRIC_KEY = 0x42008f, TAG_TEMPLATE = 0x420091,
	TAG_ID = 0x420094, TAG_USERNAME = 0x420099, TAG_VENDOR = 0x42009d,
	TAG_PASSWORD = 0x4200a1, TAG_ATTRIBUTES = 0x420125,
};

#define OBJECT_SYMMETRIC	2
#define OBJECT_PRIVATE		4
#define FORMAT_RAW		1
#define FORMAT_OPAQUE		2
#define FORMAT_PKCS1		3
#define FORMAT_PKCS8		4
#define FORMAT_EC		6
#define CESSATION		5
#define QUERY_OPERATIONS	1
#define QUERY_SERVER		3

static const struct {
	uint32_t	 algorithm;
	uint32_t	 object;
	uint32_t	 tag;
	uint32_t	 format;
	uint32_t	 mask;
} kinds[ALG_MAX] = {
	[ALG_AES] = { 3, OBJECT_SYMMETRIC, TAG_SYMMETRIC_KEY, FORMAT_RAW,
	    0x0c },				/* encrypt, decrypt */
	[ALG_RSA] = { 4, OBJECT_PRIVATE, TAG_PRIVATE_KEY, FORMAT_PKCS8,
	    0x09 },				/* sign, decrypt */
	[ALG_EC] = { 6, OBJECT_PRIVATE, TAG_PRIVATE_KEY, FORMAT_PKCS8,
	    0x01 },				/* sign */
};

/* Of a pair that the server makes, as the reference server has it. */
#define MASK_PRIVATE		0x08		/* decrypt */
#define MASK_PUBLIC		0x04		/* encrypt */

enum attribute { ATTR_ALGORITHM, ATTR_LENGTH, ATTR_MASK, ATTR_NAME };

/* Named by a text in 1.x, by a tag of their own in 2.0. */
static const struct {
	const char	*text;
	uint32_t	 tag;
	enum ttlv_type	 type;
} attributes[] = {
	[ATTR_ALGORITHM] = { "Cryptographic Algorithm", TAG_ALGORITHM,
	    TTLV_ENUMERATION },
	[ATTR_LENGTH] = { "Cryptographic Length", TAG_LENGTH, TTLV_INTEGER },
	[ATTR_MASK] = { "Cryptographic Usage Mask", TAG_MASK, TTLV_INTEGER },
	[ATTR_NAME] = { "Name", TAG_NAME, TTLV_STRUCTURE },
};

enum group { GROUP_ALL, GROUP_COMMON, GROUP_PRIVATE, GROUP_PUBLIC };

/* What attributes stand in: 1.x, 2.0. */
static const uint32_t	 groups[][2] = {
	[GROUP_ALL] = { TAG_TEMPLATE, TAG_ATTRIBUTES },
	[GROUP_COMMON] = { 0x42001f, 0x420126 },
	[GROUP_PRIVATE] = { 0x420065, 0x420127 },
	[GROUP_PUBLIC] = { 0x42006e, 0x420128 },
};

/* --- requests ------------------------------------------------------------ */

static void
put_number(struct wbuf *w, const struct kmip_version *v, enum attribute a,
    uint32_t n)
{
	size_t	 at;

	if (v->major > 1) {
		ttlv_put(w, attributes[a].tag, attributes[a].type, n);
		return;
	}
	at = ttlv_begin(w, TAG_ATTRIBUTE);
	ttlv_text(w, TAG_ATTRIBUTE_NAME, attributes[a].text);
	ttlv_put(w, TAG_ATTRIBUTE_VALUE, attributes[a].type, n);
	ttlv_end(w, at);
}

static void
put_name_in(struct wbuf *w, uint32_t tag, const char *name)
{
	size_t	 at = ttlv_begin(w, tag);

	ttlv_text(w, TAG_NAME_VALUE, name);
	ttlv_put(w, TAG_NAME_TYPE, TTLV_ENUMERATION, 1);
	ttlv_end(w, at);
}

static void
put_name(struct wbuf *w, const struct kmip_version *v, const char *name)
{
	size_t	 at;

	if (v->major > 1) {
		put_name_in(w, TAG_NAME, name);
		return;
	}
	at = ttlv_begin(w, TAG_ATTRIBUTE);
	ttlv_text(w, TAG_ATTRIBUTE_NAME, attributes[ATTR_NAME].text);
	put_name_in(w, TAG_ATTRIBUTE_VALUE, name);
	ttlv_end(w, at);
}

static size_t
group_begin(struct wbuf *w, const struct kmip_version *v, enum group g)
{
	return (ttlv_begin(w, groups[g][v->major > 1]));
}

/* NULL: it gets no name. */
static void
put_use(struct wbuf *w, const struct kmip_version *v, uint32_t mask,
    const char *name)
{
	put_number(w, v, ATTR_MASK, mask);
	if (name != NULL)
		put_name(w, v, name);
}

static void
put_kind(struct wbuf *w, const struct kmip_version *v,
    const struct key_record *k)
{
	put_number(w, v, ATTR_ALGORITHM, kinds[k->algorithm].algorithm);
	put_number(w, v, ATTR_LENGTH, k->length);
}

static void
put_key(struct wbuf *w, const struct kmip_ask *ask)
{
	const struct key_record	*k = ask->record;
	size_t			 at, block, value;

	at = ttlv_begin(w, kinds[k->algorithm].tag);
	block = ttlv_begin(w, TAG_KEY_BLOCK);
	ttlv_put(w, TAG_KEY_FORMAT, TTLV_ENUMERATION,
	    kinds[k->algorithm].format);
	value = ttlv_begin(w, TAG_KEY_VALUE);
	ttlv_bytes(w, TAG_KEY_MATERIAL, ask->material, ask->materiallen);
	ttlv_end(w, value);
	ttlv_put(w, TAG_ALGORITHM, TTLV_ENUMERATION,
	    kinds[k->algorithm].algorithm);
	ttlv_put(w, TAG_LENGTH, TTLV_INTEGER, k->length);
	ttlv_end(w, block);
	ttlv_end(w, at);
}

static void
put_register(struct wbuf *w, const struct kmip_version *v,
    const struct kmip_ask *ask)
{
	size_t	 at;

	ttlv_put(w, TAG_OBJECT_TYPE, TTLV_ENUMERATION,
	    kinds[ask->record->algorithm].object);
	at = group_begin(w, v, GROUP_ALL);
	put_use(w, v, kinds[ask->record->algorithm].mask, ask->name);
	ttlv_end(w, at);
	put_key(w, ask);
}

static void
put_create(struct wbuf *w, const struct kmip_version *v,
    const struct kmip_ask *ask)
{
	size_t	 at;

	ttlv_put(w, TAG_OBJECT_TYPE, TTLV_ENUMERATION,
	    kinds[ask->record->algorithm].object);
	at = group_begin(w, v, GROUP_ALL);
	put_kind(w, v, ask->record);
	put_use(w, v, kinds[ask->record->algorithm].mask, ask->name);
	ttlv_end(w, at);
}

static void
put_create_pair(struct wbuf *w, const struct kmip_version *v,
    const struct kmip_ask *ask)
{
	size_t	 at;

	at = group_begin(w, v, GROUP_COMMON);
	put_kind(w, v, ask->record);
	ttlv_end(w, at);
	at = group_begin(w, v, GROUP_PRIVATE);
	put_use(w, v, MASK_PRIVATE, ask->name);
	ttlv_end(w, at);
	at = group_begin(w, v, GROUP_PUBLIC);
	put_use(w, v, MASK_PUBLIC, ask->public);
	ttlv_end(w, at);
}

/* In 1.x the attributes stand in nothing. */
static void
put_locate(struct wbuf *w, const struct kmip_version *v,
    const struct kmip_ask *ask)
{
	size_t	 at;

	ttlv_put(w, TAG_MAXIMUM, TTLV_INTEGER, 2);
	if (v->major == 1) {
		put_name(w, v, ask->name);
		return;
	}
	at = group_begin(w, v, GROUP_ALL);
	put_name(w, v, ask->name);
	ttlv_end(w, at);
}

static void
put_version(struct wbuf *w, uint32_t major, uint32_t minor)
{
	size_t	 at = ttlv_begin(w, TAG_VERSION);

	ttlv_put(w, TAG_MAJOR, TTLV_INTEGER, major);
	ttlv_put(w, TAG_MINOR, TTLV_INTEGER, minor);
	ttlv_end(w, at);
}

static void
put_revocation(struct wbuf *w)
{
	size_t	 at = ttlv_begin(w, TAG_REVOCATION);

	ttlv_put(w, TAG_REVOCATION_CODE, TTLV_ENUMERATION, CESSATION);
	ttlv_end(w, at);
}

static void
put_discover(struct wbuf *w, const struct kmip_version *v,
    const struct kmip_ask *ask)
{
	(void)v;
	(void)ask;
	put_version(w, 2, 0);
	put_version(w, 1, 4);
}

static void
put_query(struct wbuf *w, const struct kmip_version *v,
    const struct kmip_ask *ask)
{
	(void)v;
	(void)ask;
	ttlv_put(w, TAG_QUERY_FUNCTION, TTLV_ENUMERATION, QUERY_OPERATIONS);
	ttlv_put(w, TAG_QUERY_FUNCTION, TTLV_ENUMERATION, QUERY_SERVER);
}

static void
put_revoke(struct wbuf *w, const struct kmip_version *v,
    const struct kmip_ask *ask)
{
	(void)v;
	ttlv_text(w, TAG_ID, ask->id);
	put_revocation(w);
}

/* All others name a key, and that is all. */
static const struct {
	enum kmip_operation	 operation;
	void			(*put)(struct wbuf *,
				    const struct kmip_version *,
				    const struct kmip_ask *);
} payloads[] = {
	{ KMIP_CREATE,		put_create },
	{ KMIP_CREATE_PAIR,	put_create_pair },
	{ KMIP_REGISTER,	put_register },
	{ KMIP_LOCATE,		put_locate },
	{ KMIP_REVOKE,		put_revoke },
	{ KMIP_QUERY,		put_query },
	{ KMIP_DISCOVER,	put_discover },
};

static void
put_payload(struct wbuf *w, const struct kmip_version *v,
    const struct kmip_ask *ask)
{
	size_t	 at = ttlv_begin(w, TAG_REQUEST_PAYLOAD), i;

	for (i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		if (payloads[i].operation == ask->operation)
			break;
	if (i < sizeof(payloads) / sizeof(payloads[0]))
		payloads[i].put(w, v, ask);
	else
		ttlv_text(w, TAG_ID, ask->id);
	ttlv_end(w, at);
}

static void
put_credential(struct wbuf *w, const char *user, const char *password)
{
	size_t	 at, credential, value;

	at = ttlv_begin(w, TAG_AUTHENTICATION);
	credential = ttlv_begin(w, TAG_CREDENTIAL);
	ttlv_put(w, TAG_CREDENTIAL_TYPE, TTLV_ENUMERATION, 1);
	value = ttlv_begin(w, TAG_CREDENTIAL_VALUE);
	ttlv_text(w, TAG_USERNAME, user);
	if (password != NULL)
		ttlv_text(w, TAG_PASSWORD, password);
	ttlv_end(w, value);
	ttlv_end(w, credential);
	ttlv_end(w, at);
}

void
kmip_request(struct wbuf *w, const struct kmip_version *v, const char *user,
    const char *password, const struct kmip_ask *ask)
{
	size_t	 at = ttlv_begin(w, TAG_REQUEST), part;

	part = ttlv_begin(w, TAG_REQUEST_HEADER);
	put_version(w, v->major, v->minor);
	if (user[0] != '\0')
		put_credential(w, user, password);
	ttlv_put(w, TAG_BATCH_COUNT, TTLV_INTEGER, 1);
	ttlv_end(w, part);
	part = ttlv_begin(w, TAG_BATCH_ITEM);
	ttlv_put(w, TAG_OPERATION, TTLV_ENUMERATION, ask->operation);
	put_payload(w, v, ask);
	ttlv_end(w, part);
	ttlv_end(w, at);
}

/* --- responses ----------------------------------------------------------- */

ssize_t
kmip_length(const uint8_t *p, size_t len)
{
	size_t	 n;

	if (len < TTLV_HEAD)
		return (0);
	n = (size_t)p[4] << 24 | (size_t)p[5] << 16 | (size_t)p[6] << 8 | p[7];
	if (p[0] != 0x42 || p[1] != 0x00 || p[2] != 0x7b ||
	    p[3] != TTLV_STRUCTURE || n % 8 != 0 ||
	    n > KMIP_MESSAGE_MAX - TTLV_HEAD)
		return (-1);
	return ((ssize_t)(n + TTLV_HEAD));
}

/* 0 where it is missing. */
static int
number_in(const struct ttlv *in, uint32_t tag, enum ttlv_type type,
    uint32_t *n)
{
	struct ttlv	 item;
	int		 rc;

	*n = 0;
	if ((rc = ttlv_find(in, tag, type, &item)) == 1)
		*n = ttlv_number(&item);
	return (rc);
}

/* An error may leave the operation out, and names its version as it likes. */
const char *
kmip_response(const uint8_t *p, size_t len, enum kmip_operation operation,
    struct kmip_answer *a)
{
	struct ttlv	 message, item, text;
	struct rbuf	 r;
	uint32_t	 named;
	int		 rc;

	memset(a, 0, sizeof(*a));
	rb_init(&r, p, len);
	if (ttlv_next(&r, &message) != 1 || r.left != 0 ||
	    message.tag != TAG_RESPONSE ||
	    ttlv_find(&message, TAG_BATCH_ITEM, TTLV_STRUCTURE, &item) != 1)
		return ("no KMIP response");
	if ((rc = number_in(&item, TAG_OPERATION, TTLV_ENUMERATION,
	    &named)) == -1 || (rc == 1 && named != (uint32_t)operation))
		return ("a response to another operation");
	if (number_in(&item, TAG_STATUS, TTLV_ENUMERATION, &a->status) != 1 ||
	    number_in(&item, TAG_REASON, TTLV_ENUMERATION, &a->reason) == -1)
		return ("a response without a status");
	if (ttlv_find(&item, TAG_MESSAGE, TTLV_TEXT, &text) == 1 &&
	    ttlv_string(&text, a->message, sizeof(a->message)) == -1)
		(void)strlcpy(a->message, "(no plain text)",
		    sizeof(a->message));
	rc = ttlv_find(&item, TAG_RESPONSE_PAYLOAD, TTLV_STRUCTURE,
	    &a->payload);
	if (rc == -1 || (a->status == 0 && rc == 0))
		return ("a response without its payload");
	a->has_payload = rc;
	return (NULL);
}

static const char *
read_id(const struct kmip_answer *a, uint32_t tag, char *id, size_t size)
{
	struct ttlv	 item;
	int		 rc;

	id[0] = '\0';
	if ((rc = ttlv_find(&a->payload, tag, TTLV_TEXT, &item)) == 0)
		return (NULL);
	if (rc == -1 || item.len == 0 || ttlv_string(&item, id, size) == -1)
		return ("an unusable id of a key");
	return (NULL);
}

const char *
kmip_read_id(const struct kmip_answer *a, char *id, size_t size)
{
	return (read_id(a, TAG_ID, id, size));
}

const char *
kmip_read_pair(const struct kmip_answer *a, char *id, size_t size)
{
	return (read_id(a, TAG_PRIVATE_ID, id, size));
}

/* A name that is no plain text is none. */
const char *
kmip_read_offer(const struct kmip_answer *a, struct kmip_offer *offer)
{
	struct ttlv	 item;
	struct rbuf	 r;
	uint32_t	 n;
	int		 rc;

	memset(offer, 0, sizeof(*offer));
	rb_init(&r, a->payload.value, a->payload.len);
	while ((rc = ttlv_next(&r, &item)) == 1) {
		if (item.tag == TAG_OPERATION &&
		    item.type == TTLV_ENUMERATION &&
		    (n = ttlv_number(&item)) < 64)
			offer->operations |= (uint64_t)1 << n;
		else if (item.tag == TAG_VENDOR && item.type == TTLV_TEXT &&
		    ttlv_string(&item, offer->server,
		    sizeof(offer->server)) == -1)
			offer->server[0] = '\0';
	}
	return (rc == -1 ? "it does not say what it offers" : NULL);
}

int
kmip_read_versions(const struct kmip_answer *a, struct kmip_version *best)
{
	struct ttlv	 item;
	struct rbuf	 r;
	uint32_t	 major, minor;

	memset(best, 0, sizeof(*best));
	rb_init(&r, a->payload.value, a->payload.len);
	while (ttlv_next(&r, &item) == 1) {
		if (item.tag != TAG_VERSION || number_in(&item, TAG_MAJOR,
		    TTLV_INTEGER, &major) != 1 || number_in(&item, TAG_MINOR,
		    TTLV_INTEGER, &minor) != 1)
			continue;
		if (((major == 2 && minor == 0) || (major == 1 &&
		    minor == 4)) && major > best->major) {
			best->major = major;
			best->minor = minor;
		}
	}
	return (best->major == 0 ? -1 : 0);
}

/* --- keys ---------------------------------------------------------------- */

/* What other formats of a private key are is written as PKCS#8. */
static const char *
as_pkcs8(int type, const uint8_t *p, size_t n, uint8_t *material, size_t *len)
{
	PKCS8_PRIV_KEY_INFO	*p8 = NULL;
	EVP_PKEY		*pkey;
	unsigned char		*der = NULL;
	const char		*why = "its private key can't be read";
	int			 size;

	if ((pkey = d2i_PrivateKey(type, NULL, &p, (long)n)) != NULL &&
	    (p8 = EVP_PKEY2PKCS8(pkey)) != NULL &&
	    (size = i2d_PKCS8_PRIV_KEY_INFO(p8, &der)) > 0 &&
	    size <= MATERIAL_MAX) {
		memcpy(material, der, (size_t)size);
		*len = (size_t)size;
		OPENSSL_cleanse(der, (size_t)size);
		why = NULL;
	}
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(p8);
	EVP_PKEY_free(pkey);
	return (why);
}

static const char *
as_it_is(const uint8_t *p, size_t n, uint8_t *material, size_t *len)
{
	if (n == 0 || n > MATERIAL_MAX)
		return ("its key is of no usable length");
	memcpy(material, p, n);
	*len = n;
	return (NULL);
}

static const char *
read_material(const struct key_record *k, uint32_t format,
    const struct ttlv *item, uint8_t *material, size_t *len)
{
	if (k->algorithm == ALG_AES) {
		if (format != FORMAT_RAW && format != FORMAT_OPAQUE)
			return ("its key is in another format than raw");
		if (item->len != k->length / 8U)
			return ("its key is not of the record's length");
		return (as_it_is(item->value, item->len, material, len));
	}
	if (format == FORMAT_PKCS1 && k->algorithm == ALG_RSA)
		return (as_pkcs8(EVP_PKEY_RSA, item->value, item->len,
		    material, len));
	if (format == FORMAT_EC && k->algorithm == ALG_EC)
		return (as_pkcs8(EVP_PKEY_EC, item->value, item->len,
		    material, len));
	if (format == FORMAT_PKCS8)
		return (as_it_is(item->value, item->len, material, len));
	return ("its key is in a format that kbsd does not know");
}

const char *
kmip_read_key(const struct kmip_answer *a, const struct key_record *k,
    uint8_t *material, size_t *len)
{
	struct ttlv	 key, block, value, item;
	uint32_t	 format, n;

	if (ttlv_find(&a->payload, kinds[k->algorithm].tag, TTLV_STRUCTURE,
	    &key) != 1)
		return ("it is no key of the record's kind");
	if (ttlv_find(&key, TAG_KEY_BLOCK, TTLV_STRUCTURE, &block) != 1 ||
	    number_in(&block, TAG_KEY_FORMAT, TTLV_ENUMERATION,
	    &format) != 1 || ttlv_find(&block, TAG_KEY_VALUE, TTLV_STRUCTURE,
	    &value) != 1 || ttlv_find(&value, TAG_KEY_MATERIAL, TTLV_BYTES,
	    &item) != 1)
		return ("it has no key material in the clear");
	if (number_in(&block, TAG_LENGTH, TTLV_INTEGER, &n) == 1 &&
	    k->algorithm != ALG_EC && n != k->length)
		return ("it is of another length than the record");
	return (read_material(k, format, &item, material, len));
}

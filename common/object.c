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
 * Records as the contract's JSON.  Only what every holder of the permission
 * may read is written: no seals, no serials, no hashes, no material.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "object.h"
#include "rfc3339.h"

#define LINK_MAX	64	/* "/kbs/v1/keys/<id>/transfer" */

/* The text of a value that is given up here; NULL fails the wbuf. */
static void
put_json(struct wbuf *wb, json_t *j)
{
	char	*text;
	size_t	 len;

	if (j == NULL || (text = json_write(j, &len)) == NULL)
		wb->failed = 1;
	else {
		wb_raw(wb, text, len);
		free(text);
	}
	json_decref(j);
}

/* Set a member; on failure the whole object goes, and stays gone. */
static void
set(json_t **object, const char *name, json_t *value)
{
	if (*object == NULL) {
		json_decref(value);
		return;
	}
	if (json_object_set_new(*object, name, value) == -1) {
		json_decref(*object);
		*object = NULL;
	}
}

/*
 * Foreign text as ASCII, for what is not UTF-8 would be no JSON.  Texts of
 * the contract are ASCII, so nothing is lost in them.
 */
static json_t *
ascii(const char *s)
{
	json_t	*j;
	char	*copy, *p;

	if ((copy = strdup(s)) == NULL)
		return (NULL);
	for (p = copy; *p != '\0'; p++) {
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	}
	j = json_string(copy);
	free(copy);
	return (j);
}

static json_t *
id(const struct uuid *u)
{
	char	 text[UUID_TEXT];

	return (json_string(uuid_format(u, text)));
}

static json_t *
at(int64_t t)
{
	char	 text[RFC3339_TEXT];

	return (json_string(rfc3339_format(t, text)));
}

static json_t *
base64(const void *data, size_t len)
{
	json_t	*j = NULL;
	char	*text;
	size_t	 size = BASE64_SIZE(len);

	if ((text = malloc(size)) == NULL)
		return (NULL);
	if (base64_encode(text, size, data, len) != -1)
		j = json_string(text);
	free(text);
	return (j);
}

static json_t *
key_info(const struct key_record *k)
{
	json_t	*o;
	char	 ours[NAME_MAX_BACKEND];

	o = json_object();
	set(&o, "algorithm",
	    json_string(algorithm_name((enum algorithm)k->algorithm)));
	set(&o, "key_length", json_integer(k->length));
	if (k->algorithm == ALG_EC)
		set(&o, "curve_type",
		    json_string(curve_name((enum curve)k->curve)));
	/* stores of our own name material by the key's id: that is no news */
	key_record_name(k, ours);
	if (k->backend[0] != '\0' && strcmp(k->backend, ours) != 0)
		set(&o, "kmip_key_id", ascii(k->backend));
	if ((k->flags & KEY_ATTESTED_ONLY) != 0)
		set(&o, "attested_only", json_true());
	return (o);
}

void
object_key(struct wbuf *wb, const struct key_record *k)
{
	json_t	*o;
	char	 link[LINK_MAX], text[UUID_TEXT];

	/* always fits: 13 + 36 + 9 */
	(void)snprintf(link, sizeof(link), "/kbs/v1/keys/%s/transfer",
	    uuid_format(&k->id, text));
	o = json_object();
	set(&o, "id", id(&k->id));
	set(&o, "key_info", key_info(k));
	if (!uuid_isnil(&k->policy))
		set(&o, "transfer_policy_id", id(&k->policy));
	set(&o, "transfer_link", json_string(link));
	set(&o, "created_at", at(k->created));
	put_json(wb, o);
}

/*
 * The canonical text with two members put before its own.  A text that is no
 * object, or an empty one, has not come from policy_text().
 */
void
object_policy(struct wbuf *wb, const struct policy_record *p)
{
	char	 created[RFC3339_TEXT], head[128], text[UUID_TEXT];
	int	 n;

	if (p->textlen <= 2 || p->text[0] != '{' ||
	    p->text[p->textlen - 1] != '}') {
		wb->failed = 1;
		return;
	}
	n = snprintf(head, sizeof(head),
	    "{\"id\":\"%s\",\"created_at\":\"%s\",",
	    uuid_format(&p->id, text), rfc3339_format(p->created, created));
	if (n < 0 || (size_t)n >= sizeof(head)) {
		wb->failed = 1;
		return;
	}
	wb_raw(wb, head, (size_t)n);
	wb_raw(wb, p->text + 1, p->textlen - 1);
}

static json_t *
permissions(uint32_t mask)
{
	const char	*name;
	json_t		*array;
	unsigned int	 i;

	if ((array = json_array()) == NULL)
		return (NULL);
	for (i = 0; (name = permission_name(i)) != NULL; i++) {
		if ((mask & (1U << i)) != 0 && json_array_append_new(array,
		    json_string(name)) == -1) {
			json_decref(array);
			return (NULL);
		}
	}
	return (array);
}

void
object_user(struct wbuf *wb, const struct user_record *u)
{
	json_t	*o;

	o = json_object();
	set(&o, "id", id(&u->id));
	set(&o, "created_at", at(u->created));
	set(&o, "updated_at", at(u->updated));
	set(&o, "username", ascii(u->name));
	set(&o, "permissions", permissions(u->permissions));
	put_json(wb, o);
}

void
object_error(struct wbuf *wb, const char *text)
{
	json_t	*o;

	o = json_object();
	set(&o, "error", ascii(text));
	put_json(wb, o);
}

void
object_version(struct wbuf *wb, const char *name, const char *version,
    const char *githash, const char *builddate)
{
	json_t	*o;

	o = json_object();
	set(&o, "name", ascii(name));
	set(&o, "version", ascii(version));
	set(&o, "gitHash", ascii(githash));
	set(&o, "buildDate", ascii(builddate));
	put_json(wb, o);
}

static void
put_base64(struct wbuf *wb, const void *data, size_t len)
{
	char	*text;
	size_t	 size = BASE64_SIZE(len);
	ssize_t	 n;

	if ((text = malloc(size)) == NULL ||
	    (n = base64_encode(text, size, data, len)) == -1 ||
	    json_put_string(wb, text, (size_t)n) == -1)
		wb->failed = 1;
	free(text);
}

/* The one on the path of each key: written without a tree of values. */
void
object_wrapped(struct wbuf *wb, const void *key, size_t keylen,
    const void *swk, size_t swklen)
{
	wb_raw(wb, "{\"wrapped_key\":", 15);
	put_base64(wb, key, keylen);
	if (swklen > 0) {
		wb_raw(wb, ",\"wrapped_swk\":", 15);
		put_base64(wb, swk, swklen);
	}
	wb_raw(wb, "}", 1);
}

void
object_nonce(struct wbuf *wb, const void *val, size_t vallen, const void *iat,
    size_t iatlen, const void *sig, size_t siglen)
{
	json_t	*o;

	o = json_object();
	set(&o, "val", base64(val, vallen));
	set(&o, "iat", base64(iat, iatlen));
	set(&o, "signature", base64(sig, siglen));
	put_json(wb, o);
}

void
object_list_begin(struct wbuf *wb)
{
	wb_raw(wb, "[", 1);
}

/* An object ends in '}', so '[' is the list's own. */
void
object_list_next(struct wbuf *wb)
{
	if (!wb->failed && wb->len > 0 && wb->data[wb->len - 1] != '[')
		wb_raw(wb, ",", 1);
}

void
object_list_end(struct wbuf *wb)
{
	wb_raw(wb, "]", 1);
}

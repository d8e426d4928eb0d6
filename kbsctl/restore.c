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
 * `restore': what `backup' wrote gets into a kbsd that has no policies and keys
 * yet.  Here, with the private key, what is sealed is opened: all of it before
 * the first thing is sent.  What a secret is about is bound to it, so a file
 * in which a policy was changed gives no key that is under it.
 */

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "digest.h"
#include "envelope.h"
#include "json.h"
#include "kbsctl.h"
#include "kbsd.h"
#include "object.h"
#include "secret.h"

#define FILE_MAX	(256u * 1024 * 1024)
#define KEY_FILE_MAX	(64 * 1024)
#define HEAP_SIZE	(256 * 1024)

static const struct json_limits	 limits = { EDGE_MESSAGE_MAX, 65536, 40 };

/* What is being read. */
static struct {
	const char	*path;
	unsigned int	 line;
	EVP_PKEY	*pkey;
	struct takings	 all;
	json_t		*policies;	/* canonical texts by id */
	size_t		 n;
} from = { .all = TAILQ_HEAD_INITIALIZER(from.all) };

static void __attribute__((noreturn))
wrong(const char *what)
{
	die("%s, line %u: %s; nothing was changed", from.path, from.line,
	    what);
}

static EVP_PKEY *
private_key(const char *path)
{
	EVP_PKEY	*pkey;
	uint8_t		*text;
	size_t		 len;
	BIO		*bio;

	text = input_file(path, KEY_FILE_MAX, &len);
	if ((bio = BIO_new_mem_buf(text, (int)len)) == NULL)
		no_memory();
	/* It asks for a passphrase on the terminal when it needs one. */
	pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	freezero(text, len);
	if (pkey == NULL || EVP_PKEY_base_id(pkey) != EVP_PKEY_RSA)
		die("%s: no RSA private key in PEM", path);
	return (pkey);
}

/* --- what is sealed ------------------------------------------------------ */

static uint8_t *
decoded(const json_t *text, size_t *len)
{
	uint8_t	*data;
	char	 why[64];

	if (!json_is_string(text) || json_base64(text, MATERIAL_MAX, &data,
	    len, why, sizeof(why)) == -1)
		wrong("what is sealed is no base64");
	if (*len == 0)
		wrong("nothing is sealed");
	return (data);
}

static json_t *
text_of(const uint8_t *data, size_t len)
{
	json_t	*j = json_stringn((const char *)data, len);

	if (j == NULL)
		wrong("what is sealed is no text");
	return (j);
}

static json_t *
base64_of(const uint8_t *data, size_t len)
{
	size_t	 size = BASE64_SIZE(len);
	char	*out;
	json_t	*j;

	if ((out = malloc(size)) == NULL)
		no_memory();
	if (base64_encode(out, size, data, len) == -1)
		die("base64");
	j = json_string(out);
	freezero(out, size);
	return (j);
}

/* As a private key is brought to kbsd: the base64 of PEM. */
static json_t *
base64_of_pem(const uint8_t *data, size_t len)
{
	char	*pem;
	long	 n;
	json_t	*j;
	BIO	*bio;

	if ((bio = BIO_new(BIO_s_secmem())) == NULL || PEM_write_bio(bio,
	    "PRIVATE KEY", "", data, (long)len) == 0 ||
	    (n = BIO_get_mem_data(bio, &pem)) <= 0)
		die("a private key can't be written as PEM");
	j = base64_of((const uint8_t *)pem, (size_t)n);
	BIO_free(bio);
	return (j);
}

static json_t *
opened(const struct wbuf *about, const uint8_t *data, size_t len,
    json_t *(*form)(const uint8_t *, size_t))
{
	uint8_t	*plain;
	json_t	*j;
	size_t	 n;

	if ((plain = envelope_open(from.pkey, about, data, len, &n)) == NULL)
		wrong("can't be opened: it is sealed for another key, or "
		    "something in the file was changed");
	j = form(plain, n);
	OPENSSL_secure_clear_free(plain, n);
	return (j);
}

/* --- lines --------------------------------------------------------------- */

static struct taking *
taken(enum take_kind kind, json_t *one)
{
	const char	*id = member_text(one, "id");
	struct taking	*t;
	struct uuid	 uuid;

	if (uuid_parse(&uuid, id, strlen(id)) == -1)
		wrong("no id");
	t = take_new(&from.all, kind, id);
	(void)strlcpy(t->created, member_text(one, "created_at"),
	    sizeof(t->created));
	return (t);
}

static void
policy_line(json_t *line)
{
	json_t		*one = json_object_get(line, "policy");
	struct taking	*t = taken(TAKE_POLICY, one);
	struct ask	 ask = { .op = OP_POLICY_CREATE };
	char		*text, *canonical, why[OBJECT_WHY];
	size_t		 len;

	json_object_del(one, "id");
	json_object_del(one, "created_at");
	if ((text = json_write(one, &len)) == NULL)
		no_memory();
	if (object_read_policy(&ask, &canonical, text, len, why,
	    sizeof(why)) == -1)
		wrong(why);
	set(from.policies, t->id, json_stringn(canonical, ask.textlen));
	(void)strlcpy(t->name, member_text(one, "attestation_type"),
	    sizeof(t->name));
	t->body = json_incref(one);
	free(canonical);
	free(text);
}

static void
user_about(struct wbuf *about, const json_t *one)
{
	const json_t		*word;
	struct user_record	 user = { .permissions = 0 };
	const char		*id = member_text(one, "id");
	size_t			 i;

	(void)uuid_parse(&user.id, id, strlen(id));
	(void)strlcpy(user.name, member_text(one, "username"),
	    sizeof(user.name));
	json_array_foreach(json_object_get(one, "permissions"), i, word)
		if (json_is_string(word))
			user.permissions |= permission_parse(
			    json_string_value(word));
	envelope_about_user(about, &user);
}

static void
user_line(json_t *line)
{
	json_t		*one = json_object_get(line, "user");
	struct taking	*t = taken(TAKE_USER, one);
	struct wbuf	 about = { 0 };
	uint8_t		*data;
	size_t		 len;

	(void)strlcpy(t->name, member_text(one, "username"), sizeof(t->name));
	t->may_stay = 1;		/* the configuration's administrator */
	user_about(&about, one);
	data = decoded(json_object_get(line, "sealed"), &len);
	t->body = object();
	set(t->body, "username", json_string(t->name));
	set(t->body, "permissions", json_deep_copy(json_object_get(one,
	    "permissions")));
	set(t->body, "password", opened(&about, data, len, text_of));
	free(data);
	wb_free(&about);
}

/* What kbsd is to be asked, without material; and what it says of the key. */
static json_t *
key_body(json_t *line, struct key_record *k)
{
	json_t		*body = take_key_body(line);
	struct ask	 ask = { .op = OP_KEY_CREATE };
	uint8_t		*none;
	char		*text, why[OBJECT_WHY];
	size_t		 len, nonelen;

	if ((text = json_write(body, &len)) == NULL)
		no_memory();
	if (object_read_key(&ask, &none, &nonelen, text, len, why,
	    sizeof(why)) == -1)
		wrong(why);
	free(text);
	k->algorithm = ask.algorithm;
	k->length = ask.length;
	k->curve = ask.curve;
	k->flags = ask.flags;
	k->policy = ask.policy;
	(void)strlcpy(k->keystore, ask.keystore, sizeof(k->keystore));
	return (body);
}

static void
key_policy(struct key_record *k)
{
	const json_t	*text;
	char		 id[UUID_TEXT];

	if (uuid_isnil(&k->policy))
		return;
	text = json_object_get(from.policies, uuid_format(&k->policy, id));
	if (text == NULL)
		wrong("its policy is not in the file");
	policy_digest(k->policy_digest, &k->policy, json_string_value(text),
	    json_string_length(text));
}

static json_t *
given(const char *as, json_t *data)
{
	json_t	*j = object();

	set(j, "as", json_string(as));
	set(j, "data", data);
	return (j);
}

/* One version: how it is asked for depends on what is in the backup of it. */
static void
key_version(struct taking *t, const struct key_record *k, const json_t *sealed)
{
	struct wbuf	 about = { 0 };
	json_t		*data, *info, *members = object(), *body = object();
	uint8_t		*bytes;
	size_t		 len;
	uint8_t		 as;

	bytes = decoded(sealed, &len);
	if ((as = bytes[0]) >= GIVEN_MAX)
		wrong("something else than a key is sealed");
	envelope_about_key(&about, k, (enum given)as);
	data = opened(&about, bytes + 1, len - 1, as == GIVEN_ID &&
	    k->version == 1 ? text_of : as == GIVEN_KEY &&
	    k->algorithm != ALG_AES ? base64_of_pem : base64_of);
	info = json_object_get(t->body, "key_information");
	if (k->version == 1 && as == GIVEN_BOX)
		t->given = given("box", data);
	else if (k->version == 1)
		set(info, as == GIVEN_ID ? "kmip_key_id" : "key_data", data);
	else if (as == GIVEN_KEY) {
		set(body, "key_data", data);
		set(members, "body", json_incref(body));
	} else
		set(members, "given", given(as == GIVEN_ID ? "id" : "box",
		    data));
	if (as == GIVEN_ID)
		t->undo = "forget";
	if (k->version > 1 && json_array_append(t->later, members) == -1)
		no_memory();
	json_decref(members);
	json_decref(body);
	free(bytes);
	wb_free(&about);
}

static void
key_line(json_t *line)
{
	json_t			*one = json_object_get(line, "key");
	const json_t		*all = json_object_get(line, "sealed");
	struct taking		*t = taken(TAKE_KEY, one);
	struct key_record	 k = { .version = 0 };
	size_t			 i;

	(void)uuid_parse(&k.id, t->id, strlen(t->id));
	t->body = key_body(line, &k);
	key_policy(&k);
	(void)snprintf(t->name, sizeof(t->name), "%s, %s",
	    algorithm_name((enum algorithm)k.algorithm), k.keystore);
	t->later = json_array();
	if (t->later == NULL)
		no_memory();
	if (json_array_size(all) == 0)
		wrong("a key without a version");
	for (i = 0; i < json_array_size(all); i++) {
		k.version = (uint32_t)i + 1;
		key_version(t, &k, json_array_get(all, i));
	}
}

/* --- the file ------------------------------------------------------------ */

static const struct {
	const char	*member;
	void		(*read)(json_t *);
} lines[] = {
	{ "policy", policy_line }, { "user", user_line }, { "key", key_line },
};

static void
object_taken(json_t *line)
{
	size_t	 i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (json_is_object(json_object_get(line, lines[i].member))) {
			lines[i].read(line);
			from.n++;
			return;
		}
	wrong("neither a policy, a user nor a key");
}

static void
digest_check(const uint8_t *data, size_t len, json_t *line,
    const char *wanted)
{
	uint8_t		 sum[DIGEST_LEN];
	char		 text[2 * DIGEST_LEN + 1];
	unsigned int	 i;

	digest(sum, data, len);
	for (i = 0; i < DIGEST_LEN; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", sum[i]);
	if (strcmp(member_text(line, "sha256"), text) != 0)
		wrong("the file was changed, or is not whole");
	if (wanted != NULL && strcasecmp(wanted, text) != 0)
		die("%s: its SHA-256 is %s: another backup than the one that "
		    "was named; nothing was changed", from.path, text);
	if (json_integer_value(json_object_get(line, "end")) !=
	    (json_int_t)from.n)
		wrong("another number of lines was written");
}

/* The last line closes it; there is nothing behind. */
static void
file_read(const uint8_t *data, size_t len, const char *wanted)
{
	const uint8_t	*p = data, *end = data + len, *eol;
	json_t		*line;
	char		 why[256];
	int		 closed = 0;

	for (; p < end; p = eol + 1) {
		from.line++;
		if (closed || (eol = memchr(p, '\n', (size_t)(end - p))) ==
		    NULL)
			wrong("the file was changed, or is not whole");
		if ((line = json_read((const char *)p, (size_t)(eol - p),
		    &limits, why, sizeof(why))) == NULL)
			wrong(why);
		if (from.line == 1) {
			if (json_integer_value(json_object_get(line,
			    "kbsd_backup")) != BACKUP_FORM)
				wrong("this is no backup of kbsd");
		} else if (json_object_get(line, "end") != NULL) {
			digest_check(data, (size_t)(p - data), line, wanted);
			closed = 1;
		} else
			object_taken(line);
		json_decref(line);
	}
	if (!closed)
		wrong("the file ends too early");
}

int
run_restore(const struct command *c, const struct args *args)
{
	int	 dry = args->option['n'] != NULL;
	uint8_t	*data;
	size_t	 len;

	if (args->option['K'] == NULL)
		usage_command(c, "-K is missing: the private key of the "
		    "backup's recipient");
	secret_openssl(HEAP_SIZE);
	from.path = args->word[0];
	from.pkey = private_key(args->option['K']);
	from.policies = object();
	data = input_file(from.path, FILE_MAX, &len);
	file_read(data, len, args->option['d']);
	free(data);
	EVP_PKEY_free(from.pkey);
	take_compare(&from.all, 1);
	if (!dry)
		take_send(&from.all);
	take_tell(&from.all, "would be taken");
	take_free(&from.all);
	json_decref(from.policies);
	return (KBSCTL_DONE);
}

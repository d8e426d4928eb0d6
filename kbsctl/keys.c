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

/* Keys, and the policies that they are under. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "kbsctl.h"
#include "kbsd.h"

/* --- policies ------------------------------------------------------------ */

int
run_policy_add(const struct command *c, const struct args *args)
{
	json_t	*body = object_file(args->word[0]), *req;

	/* What `policy show' printed may be added as it is. */
	json_object_del(body, "id");
	json_object_del(body, "created_at");
	req = request(c->wire);
	set(req, "body", body);
	return (run_objects(req, "policy", 1, 1, ANSWER_SECONDS));
}

int
run_policy_delete(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*req = request(c->wire);

	set(req, "id", id_word(c, "policy", args->word[0]));
	session_call(req, ANSWER_SECONDS, NULL, NULL, &result);
	return (done(&result));
}

static void
policy_line(json_t *line, void *arg)
{
	json_t	**policy = arg;

	json_decref(*policy);
	*policy = json_incref(json_object_get(line, "policy"));
}

/* No table holds a policy: people get JSON too, indented. */
int
run_policy_show(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*policy = NULL, *req = request(c->wire);

	set(req, "id", id_word(c, "policy", args->word[0]));
	session_call(req, ANSWER_SECONDS, policy_line, &policy, &result);
	if (result.error[0] != '\0')
		return (refused(&result));
	if (!json_is_object(policy))
		die("kbsd's answer makes no sense: no policy");
	if (options.json)
		json_print(policy);
	else {
		(void)json_dumpf(policy, stdout, JSON_INDENT(2) |
		    JSON_ENSURE_ASCII);
		printf("\n");
	}
	json_decref(policy);
	return (KBSCTL_DONE);
}

/* --- keys ---------------------------------------------------------------- */

static unsigned int
key_length(const struct command *c, const struct args *args,
    enum algorithm algorithm, unsigned int otherwise)
{
	const char	*why, *word = args->option['l'];
	unsigned int	 bits;

	if (word == NULL)
		bits = otherwise;
	else {
		bits = (unsigned int)strtonum(word, 1, UINT16_MAX, &why);
		if (why != NULL)
			usage_command(c, "-l %s: %s", word, why);
	}
	if (bits == 0)
		usage_command(c, "-l is missing: the length in bits");
	if (!key_length_valid(algorithm, bits))
		usage_command(c, "%u bits is no length of %s", bits,
		    algorithm == ALG_AES ? "AES: 128, 192 or 256 are" :
		    "RSA: 2048, 3072, 4096 or 7680 are");
	return (bits);
}

/* What a key is to be: bits and curve are those of keys that name none. */
static json_t *
key_info(const struct command *c, const struct args *args,
    const unsigned int bits[ALG_MAX], const char *curve)
{
	const char	*word = args->option['a'];
	enum algorithm	 algorithm;
	json_t		*info = object();

	if (word == NULL)
		usage_command(c, "-a is missing: AES, RSA or EC");
	if ((algorithm = algorithm_parse(word)) == ALG_NONE)
		usage_command(c, "-a %s: not AES, RSA or EC", word);
	set(info, "algorithm", json_string(algorithm_name(algorithm)));
	if (algorithm != ALG_EC) {
		if (args->option['c'] != NULL)
			usage_command(c, "-c is for EC");
		set(info, "key_length", json_integer(key_length(c, args,
		    algorithm, bits[algorithm])));
		return (info);
	}
	if (args->option['l'] != NULL)
		usage_command(c, "-l is for AES and RSA: EC has -c");
	if ((word = args->option['c']) == NULL && (word = curve) == NULL)
		usage_command(c, "-c is missing: secp256r1, secp384r1 or "
		    "secp521r1");
	if (curve_parse(word) == CURVE_NONE)
		usage_command(c, "-c %s: not secp256r1, secp384r1 or "
		    "secp521r1", word);
	set(info, "curve_type", json_string(word));
	return (info);
}

/* What is the same of keys that are made and that are brought. */
static json_t *
key_body(const struct command *c, const struct args *args, json_t *info)
{
	json_t	*body = object();

	if (args->option['k'] != NULL)
		set(info, "keystore", string("-k", args->option['k']));
	if (args->option['A'] != NULL) {
		if (args->option['p'] == NULL)
			usage_command(c, "-A wants -p: without a policy "
			    "nothing could ever release the key");
		set(info, "attested_only", json_true());
	}
	if (args->option['p'] != NULL)
		set(body, "transfer_policy_id", id_word(c, "policy",
		    args->option['p']));
	set(body, "key_information", info);
	return (body);
}

int
run_key_create(const struct command *c, const struct args *args)
{
	static const unsigned int	 bits[ALG_MAX] = {
		[ALG_AES] = 256, [ALG_RSA] = 3072,
	};
	json_t				*body, *req = request(c->wire);

	body = key_body(c, args, key_info(c, args, bits, "secp256r1"));
	set(req, "body", body);
	return (run_objects(req, "key", 1, 1, MAKE_SECONDS));
}

/* The material of a file as base64; every copy of it is wiped. */
static void
set_material(json_t *info, const uint8_t *data, size_t len)
{
	char	*text;
	json_t	*j;
	size_t	 size = BASE64_SIZE(len);

	if ((text = malloc(size)) == NULL)
		no_memory();
	if (base64_encode(text, size, data, len) == -1)
		die("base64");
	j = json_string(text);
	freezero(text, size);
	set(info, "key_data", j);
}

int
run_key_register(const struct command *c, const struct args *args)
{
	unsigned int	 bits[ALG_MAX] = { 0 };
	uint8_t		*data = NULL;
	json_t		*info, *req = request(c->wire);
	const char	*path = args->option['f'];
	size_t		 len = 0;

	if ((path == NULL) == (args->option['b'] == NULL))
		usage_command(c, "one of -f and -b must be there");
	if (path != NULL) {
		data = input_file(path, MATERIAL_MAX, &len);
		if (key_length_valid(ALG_AES, (unsigned int)len * 8))
			bits[ALG_AES] = (unsigned int)len * 8;
	}
	info = key_info(c, args, bits, NULL);
	if (path != NULL) {
		set_material(info, data, len);
		freezero(data, len);
	} else
		set(info, "kmip_key_id", string("-b", args->option['b']));
	set(req, "body", key_body(c, args, info));
	return (run_objects(req, "key", 1, 1, MAKE_SECONDS));
}

int
run_key_move(const struct command *c, const struct args *args)
{
	json_t	*body = object(), *req = request(c->wire);

	set(req, "id", id_word(c, "key", args->word[0]));
	set(body, "transfer_policy_id", id_word(c, "policy", args->word[1]));
	set(req, "body", body);
	return (run_objects(req, "key", 1, 2, ANSWER_SECONDS));
}

/* Of material that is given only the bytes go: the key's kind is known. */
int
run_key_rotate(const struct command *c, const struct args *args)
{
	const char	*path = args->option['f'];
	uint8_t		*data;
	json_t		*body, *req = request(c->wire);
	size_t		 len;

	set(req, "id", id_word(c, "key", args->word[0]));
	if (path != NULL) {
		body = object();
		data = input_file(path, MATERIAL_MAX, &len);
		set_material(body, data, len);
		freezero(data, len);
		set(req, "body", body);
	}
	return (run_objects(req, "key", 1, 0, MAKE_SECONDS));
}

int
run_key_delete(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*req = request(c->wire);

	set(req, "id", id_word(c, "key", args->word[0]));
	session_call(req, ANSWER_SECONDS, NULL, NULL, &result);
	return (done(&result));
}

/* Filters, as the contract's query parameters name them. */
int
run_keys(const struct command *c, const struct args *args)
{
	static const struct {
		char		 letter;
		const char	*name;
	} filters[] = {
		{ 'a', "algorithm" }, { 'l', "keyLength" },
		{ 'c', "curveType" }, { 'p', "transferPolicyId" },
	};
	json_t		*filter = object(), *req = request(c->wire);
	const char	*word;
	size_t		 i;

	for (i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if ((word = args->option[(unsigned char)filters[i].letter]) !=
		    NULL)
			set(filter, filters[i].name, string("an option",
			    word));
	set(req, "filter", filter);
	return (run_objects(req, "key", 0, 0, ANSWER_SECONDS));
}

int
run_key_show(const struct command *c, const struct args *args)
{
	json_t	*req = request(c->wire);

	set(req, "id", id_word(c, "key", args->word[0]));
	return (run_objects(req, "key", 1, 0, ANSWER_SECONDS));
}

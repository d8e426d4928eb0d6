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

/* The commands: each makes a request of its words and prints the answer. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "kbsctl.h"
#include "kbsd.h"
#include "log.h"

/* A little longer than kbsd itself may take. */
#define SECONDS		45
#define SECONDS_MAKE	195

/* --- show ---------------------------------------------------------------- */

static int
run_table(const struct command *c, void (*show)(const struct reply *))
{
	struct reply	 reply = { 0 };
	struct result	 result;

	session_call(request(c->wire), SECONDS, reply_line, &reply, &result);
	if (result.error[0] == '\0')
		show(&reply);
	reply_free(&reply);
	return (result.error[0] == '\0' ? KBSCTL_DONE : refused(&result));
}

static int
run_status(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_table(c, show_status));
}

static int
run_processes(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_table(c, show_processes));
}

static int
run_edges(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_table(c, show_edges));
}

static int
run_keystores(const struct command *c, const struct args *args)
{
	struct reply	 reply = { 0 };
	struct result	 result;
	json_t		*req = request(c->wire);
	int		 check = strcmp(c->first, "keystore") == 0, good = 1;

	(void)args;
	set(req, "level", json_integer(check));
	session_call(req, SECONDS, reply_line, &reply, &result);
	if (result.error[0] == '\0')
		good = show_keystores(&reply);
	reply_free(&reply);
	if (result.error[0] != '\0')
		return (refused(&result));
	return (check && !good ? KBSCTL_FAILED : KBSCTL_DONE);
}

static int
run_roots(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_table(c, show_roots));
}

static int
run_tcb(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_table(c, show_tcb));
}

/* Lists, or one object; name is that of an object in the answer. */
static int
run_objects(json_t *req, const char *name, int one, int ids, int seconds)
{
	struct objects	 objects = {
		.name = name, .one = one, .ids = ids,
	};
	struct result	 result;

	session_call(req, seconds, object_line, &objects, &result);
	if (result.error[0] != '\0') {
		table_free(objects.table);
		return (refused(&result));
	}
	if (one && objects.n != 1)
		die("kbsd's answer makes no sense: no %s", name);
	objects_end(&objects);
	return (KBSCTL_DONE);
}

/* Filters, as the contract's query parameters name them. */
static int
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
	return (run_objects(req, "key", 0, 0, SECONDS));
}

static int
run_list(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_objects(request(c->wire), c->wire[0] == 'p' ? "policy" :
	    "user", 0, 0, SECONDS));
}

static int
run_key_show(const struct command *c, const struct args *args)
{
	json_t	*req = request(c->wire);

	set(req, "id", id_word(c, "key", args->word[0]));
	return (run_objects(req, "key", 1, 0, SECONDS));
}

static void
policy_line(json_t *line, void *arg)
{
	json_t	**policy = arg;

	json_decref(*policy);
	*policy = json_incref(json_object_get(line, "policy"));
}

/* No table holds a policy: people get JSON too, indented. */
static int
run_policy_show(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*policy = NULL, *req = request(c->wire);

	set(req, "id", id_word(c, "policy", args->word[0]));
	session_call(req, SECONDS, policy_line, &policy, &result);
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

/* --- users --------------------------------------------------------------- */

struct found {
	char		 id[UUID_TEXT];
	unsigned int	 n;
};

static void
found_line(json_t *line, void *arg)
{
	struct found	*found = arg;
	const char	*id;

	id = json_string_value(json_object_get(json_object_get(line, "user"),
	    "id"));
	if (id == NULL)
		return;
	(void)strlcpy(found->id, id, sizeof(found->id));
	found->n++;
}

/* kbsd knows users by id, people know them by name. */
static json_t *
user_id(const char *word)
{
	struct found	 found = { .n = 0 };
	struct result	 result;
	struct uuid	 id;
	json_t		*filter, *req;

	if (uuid_parse(&id, word, strlen(word)) == 0)
		return (json_string(word));
	req = request("user list");
	filter = object();
	set(filter, "username", string("the name", word));
	set(req, "filter", filter);
	session_call(req, SECONDS, found_line, &found, &result);
	if (result.error[0] == '\0' && found.n != 1) {
		result.status = 404;
		(void)strlcpy(result.error, "no such user",
		    sizeof(result.error));
	}
	if (result.error[0] != '\0')
		exit(refused(&result));
	return (json_string(found.id));
}

static const char *
permission_nth(size_t i)
{
	return (permission_name((unsigned int)i));
}

/* Names of permissions, or all. */
static json_t *
permissions(const struct command *c, const char *const *word, int n)
{
	const char	*near;
	uint32_t	 bit, mask = 0;
	unsigned int	 k;
	json_t		*array;
	int		 i;

	for (i = 0; i < n; i++) {
		bit = strcmp(word[i], "all") == 0 ? PERM_ALL :
		    permission_parse(word[i]);
		if (bit == 0 && (near = parse_nearest(word[i],
		    permission_nth)) != NULL)
			usage_command(c, "no permission \"%s\": did you mean "
			    "\"%s\"?", word[i], near);
		if (bit == 0)
			usage_command(c, "no permission \"%s\"", word[i]);
		mask |= bit;
	}
	if ((array = json_array()) == NULL)
		no_memory();
	for (k = 0; permission_name(k) != NULL; k++)
		if ((mask & (1U << k)) != 0 && json_array_append_new(array,
		    json_string(permission_name(k))) == -1)
			no_memory();
	return (array);
}

static void
set_password(json_t *body, const char *file)
{
	char	 password[PASSWORD_MAX + 1];
	json_t	*j;

	input_password(file, password);
	j = json_string(password);
	explicit_bzero(password, sizeof(password));
	if (j == NULL)
		die("the password is not UTF-8");
	set(body, "password", j);
}

static void
user_name_check(const struct command *c, const char *name)
{
	if (!user_name_valid(name, strlen(name)))
		usage_command(c, "\"%s\" is no user name: 1 to %d letters, "
		    "digits, ._- and one @", name, NAME_MAX_USER - 1);
}

static int
run_user_add(const struct command *c, const struct args *args)
{
	json_t	*body = object(), *req = request(c->wire);

	user_name_check(c, args->word[0]);
	if (args->nwords < 2)
		usage_command(c, "which permissions? all, or some of those "
		    "in kbsctl(8)");
	set(body, "username", json_string(args->word[0]));
	set(body, "permissions", permissions(c, args->word + 1,
	    args->nwords - 1));
	set_password(body, args->option['p']);
	set(req, "body", body);
	return (run_objects(req, "user", 1, 1, SECONDS));
}

static int
run_user_change(const struct command *c, const struct args *args)
{
	json_t	*body = object(), *req = request(c->wire);

	if (args->nwords < 2 && args->option['n'] == NULL &&
	    args->option['p'] == NULL)
		usage_command(c, "nothing is to be changed");
	if (args->option['n'] != NULL) {
		user_name_check(c, args->option['n']);
		set(body, "username", json_string(args->option['n']));
	}
	if (args->nwords > 1)
		set(body, "permissions", permissions(c, args->word + 1,
		    args->nwords - 1));
	set(req, "id", user_id(args->word[0]));
	if (args->option['p'] != NULL)
		set_password(body, args->option['p']);
	set(req, "body", body);
	return (run_objects(req, "user", 1, 2, SECONDS));
}

static int
run_user_show(const struct command *c, const struct args *args)
{
	json_t	*req = request(c->wire);

	set(req, "id", user_id(args->word[0]));
	return (run_objects(req, "user", 1, 0, SECONDS));
}

static int
run_user_delete(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*req = request(c->wire);

	set(req, "id", user_id(args->word[0]));
	session_call(req, SECONDS, NULL, NULL, &result);
	return (done(&result));
}

static int
run_user_unlock(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*body = object(), *req = request(c->wire);

	user_name_check(c, args->word[0]);
	set(body, "username", json_string(args->word[0]));
	set(req, "body", body);
	session_call(req, SECONDS, NULL, NULL, &result);
	return (done(&result));
}

/* --- policies ------------------------------------------------------------ */

static int
run_policy_add(const struct command *c, const struct args *args)
{
	json_t	*body = object_file(args->word[0]), *req;

	/* What `policy show' printed may be added as it is. */
	json_object_del(body, "id");
	json_object_del(body, "created_at");
	req = request(c->wire);
	set(req, "body", body);
	return (run_objects(req, "policy", 1, 1, SECONDS));
}

static int
run_policy_delete(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*req = request(c->wire);

	set(req, "id", id_word(c, "policy", args->word[0]));
	session_call(req, SECONDS, NULL, NULL, &result);
	return (done(&result));
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

static int
run_key_create(const struct command *c, const struct args *args)
{
	static const unsigned int	 bits[ALG_MAX] = {
		[ALG_AES] = 256, [ALG_RSA] = 3072,
	};
	json_t				*body, *req = request(c->wire);

	body = key_body(c, args, key_info(c, args, bits, "secp256r1"));
	set(req, "body", body);
	return (run_objects(req, "key", 1, 1, SECONDS_MAKE));
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

static int
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
	return (run_objects(req, "key", 1, 1, SECONDS_MAKE));
}

static int
run_key_move(const struct command *c, const struct args *args)
{
	json_t	*body = object(), *req = request(c->wire);

	set(req, "id", id_word(c, "key", args->word[0]));
	set(body, "transfer_policy_id", id_word(c, "policy", args->word[1]));
	set(req, "body", body);
	return (run_objects(req, "key", 1, 2, SECONDS));
}

/* Of material that is given only the bytes go: the key's kind is known. */
static int
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
	return (run_objects(req, "key", 1, 0, SECONDS_MAKE));
}

static int
run_key_delete(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*req = request(c->wire);

	set(req, "id", id_word(c, "key", args->word[0]));
	session_call(req, SECONDS, NULL, NULL, &result);
	return (done(&result));
}

/* --- the daemon ---------------------------------------------------------- */

static int
run_log(const struct command *c, const struct args *args)
{
	static const char *const	 levels[] = { "brief", "verbose",
					    "trace" };
	struct result			 result;
	json_t				*req = request("log");
	json_int_t			 i = 0;

	(void)args;
	while (strcmp(levels[i], c->second) != 0)
		i++;
	set(req, "level", json_integer(i));
	session_call(req, SECONDS, NULL, NULL, &result);
	return (done(&result));
}

static int
run_reload(const struct command *c, const struct args *args)
{
	(void)args;
	return (run_table(c, show_changes));
}

static int
run_rekey(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*req = request(c->wire);

	set(req, "name", string("the name", args->word[0]));
	session_call(req, SECONDS, NULL, NULL, &result);
	if (result.error[0] == '\0' && !options.json && !options.quiet)
		printf("the keys are being sealed by a new master key: the "
		    "log tells when it has taken the place of the old one\n");
	return (done(&result));
}

static int
run_unpin(const struct command *c, const struct args *args)
{
	struct result	 result;
	json_t		*req = request(c->wire);

	set(req, "name", string("the name", args->word[0]));
	session_call(req, SECONDS, NULL, NULL, &result);
	return (done(&result));
}

/* Commands with one first word stand together. */
const struct command	 commands[] = {
	{ "show", "status", "", 0, 0, "", "show status", run_status },
	{ "show", "processes", "", 0, 0, "", "show processes",
	    run_processes },
	{ "show", "edges", "", 0, 0, "", "show edges", run_edges },
	{ "show", "roots", "", 0, 0, "", "show roots", run_roots },
	{ "show", "tcb", "", 0, 0, "", "show tcb", run_tcb },
	{ "show", "keystores", "", 0, 0, "", "show keystores",
	    run_keystores },
	{ "show", "keys", "a:l:c:p:", 0, 0,
	    "[-a algorithm] [-l length] [-c curve] [-p policyid]", "key list",
	    run_keys },
	{ "show", "policies", "", 0, 0, "", "policy list", run_list },
	{ "show", "exposures", "", 0, 0, "", "key list", run_exposures },
	{ "show", "users", "", 0, 0, "", "user list", run_list },
	{ "user", "add", "p:", 1, WORDS_MAX,
	    "name [-p passwordfile] all | permission ...", "user add",
	    run_user_add },
	{ "user", "change", "n:p:", 1, WORDS_MAX,
	    "name | id [-n newname] [-p passwordfile] "
	    "[all | permission ...]", "user change", run_user_change },
	{ "user", "delete", "", 1, 1, "name | id", "user delete",
	    run_user_delete },
	{ "user", "list", "", 0, 0, "", "user list", run_list },
	{ "user", "show", "", 1, 1, "name | id", "user show",
	    run_user_show },
	{ "user", "unlock", "", 1, 1, "name", "user unlock",
	    run_user_unlock },
	{ "policy", "add", "", 1, 1, "file", "policy add", run_policy_add },
	{ "policy", "delete", "", 1, 1, "policyid", "policy delete",
	    run_policy_delete },
	{ "policy", "list", "", 0, 0, "", "policy list", run_list },
	{ "policy", "lint", "", 0, WORDS_MAX, "[policyid | file ...]",
	    "policy list", run_policy_lint },
	{ "policy", "show", "", 1, 1, "policyid", "policy show",
	    run_policy_show },
	{ "policy", "test", "", 2, 2, "policyid | keyid file", "policy test",
	    run_policy_test },
	{ "key", "create", "a:l:c:p:k:A", 0, 0,
	    "-a algorithm [-A] [-l length] [-c curve] [-k keystore] "
	    "[-p policyid]", "key create", run_key_create },
	{ "key", "register", "a:l:c:p:k:Af:b:", 0, 0,
	    "-a algorithm [-A] [-l length] [-c curve] [-k keystore] "
	    "[-p policyid] -f file | -b backendid", "key register",
	    run_key_register },
	{ "key", "move", "", 2, 2, "keyid policyid", "key move",
	    run_key_move },
	{ "key", "delete", "", 1, 1, "keyid", "key delete",
	    run_key_delete },
	{ "key", "forget", "", 1, 1, "keyid", "key forget",
	    run_key_delete },
	{ "key", "rotate", "f:", 1, 1, "keyid [-f file]", "key rotate",
	    run_key_rotate },
	{ "key", "list", "a:l:c:p:", 0, 0,
	    "[-a algorithm] [-l length] [-c curve] [-p policyid]", "key list",
	    run_keys },
	{ "key", "show", "", 1, 1, "keyid", "key show", run_key_show },
	{ "keystore", "check", "", 0, 0, "", "show keystores",
	    run_keystores },
	{ "keystore", "rekey", "", 1, 1, "keystore", "keystore rekey",
	    run_rekey },
	{ "appraise", NULL, "jt:c:r:", 1, 1,
	    "[-j] [-t time] [-c directory] [-r root] file", "",
	    run_appraise },
	{ "import", NULL, "s:k:e:o:", 0, 0,
	    "[--state directory [--keystore name]] "
	    "[--env file --output directory]", "", run_import },
	{ "backup", NULL, "", 1, 1, "file", "", run_backup },
	{ "restore", NULL, "nK:d:", 1, 1,
	    "[-n] [-d sha256] -K privatekey file", "", run_restore },
	{ "log", "brief", "", 0, 0, "", "log", run_log },
	{ "log", "verbose", "", 0, 0, "", "log", run_log },
	{ "log", "trace", "", 0, 0, "", "log", run_log },
	{ "reload", NULL, "", 0, 0, "", "reload", run_reload },
	{ "unpin", NULL, "", 1, 1, "attestation", "unpin", run_unpin },
};

const size_t	 ncommands = sizeof(commands) / sizeof(commands[0]);

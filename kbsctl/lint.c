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
 * What lets too much through: `policy lint' finds policies that TEEs of
 * strangers satisfy, `show exposures' keys that can leave without proof.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "kbsctl.h"
#include "policy.h"

/* --- policies ------------------------------------------------------------ */

/* Is the code that runs in the TEE named, by itself or at the service? */
static int
names_code(const struct policy_tee *t)
{
	return (t->mrtd.n > 0 || t->policy_ids.n > 0 ||
	    t->rtmr[0].n + t->rtmr[1].n + t->rtmr[2].n + t->rtmr[3].n > 0);
}

static int
sgx_any(const struct policy_tee *t)
{
	return (t->mrenclave.n == 0 && t->mrsigner.n == 0 &&
	    t->policy_ids.n == 0);
}

static int
sgx_signer(const struct policy_tee *t)
{
	return (t->mrenclave.n == 0 && t->mrsigner.n > 0 &&
	    t->policy_ids.n == 0);
}

static int
sgx_old(const struct policy_tee *t)
{
	return (sgx_signer(t) && !t->svn.set && !t->svn_minimum.set);
}

static int
tdx_any(const struct policy_tee *t)
{
	return (!names_code(t));
}

static int
tdx_firmware(const struct policy_tee *t)
{
	return (t->mrtd.n > 0 && t->policy_ids.n == 0 &&
	    (t->rtmr[1].n == 0 || t->rtmr[2].n == 0));
}

static int
tdx_unrooted(const struct policy_tee *t)
{
	return (t->mrtd.n == 0 && t->policy_ids.n == 0 && names_code(t));
}

static int
debuggable(const struct policy_tee *t)
{
	return (t->allow_debug);
}

static int
unpatched(const struct policy_tee *t)
{
	return (!t->enforce_tcb_upto_date && t->tcb_statuses.n == 0 &&
	    t->tcb_date_minimum == 0);
}

/* The host gives host_data, and a minimum keeps nobody's guest out. */
static int
snp_any(const struct policy_tee *t)
{
	return (t->measurement.n == 0 && t->id_key.n == 0 &&
	    t->author_key.n == 0);
}

static int
snp_signer(const struct policy_tee *t)
{
	return (!snp_any(t) && t->measurement.n == 0);
}

static int
snp_old(const struct policy_tee *t)
{
	return (snp_signer(t) && t->guest_svn_minimum.v == 0);
}

/* A part without a minimum is one with known holes. */
static int
snp_unpatched(const struct policy_tee *t)
{
	int	 i;

	for (i = 0; i < POLICY_TCBS; i++)
		if (!t->tcb_minimum[i].set)
			return (1);
	return (0);
}

static const struct rule {
	uint8_t		 tees;
	int		(*finds)(const struct policy_tee *);
	int		 open;		/* strangers get the key */
	const char	*text;
} rules[] = {
	{ TEE_SGX, sgx_any, 1, "any enclave satisfies it, of whatever signer:"
	    " name mrenclave, or mrsigner with isvprodid" },
	{ TEE_SGX, sgx_signer, 1, "any enclave of that signer satisfies it; "
	    "some vendors sign what strangers write: name mrenclave, or "
	    "isvprodid with isvsvn_minimum where the signer is yours alone" },
	{ TEE_SGX, sgx_old, 0, "old versions of the enclave satisfy it: name "
	    "isvsvn_minimum" },
	{ TEE_TDX, tdx_any, 1, "any TD satisfies it, of whatever owner: "
	    "mrseam, mrsignerseam and seamsvn tell of the vendor's module "
	    "alone; name mrtd and rtmr0 to rtmr3" },
	{ TEE_TDX, tdx_firmware, 1, "mrtd is that of the firmware: without "
	    "rtmr1 and rtmr2 any kernel, command line and disk that it boots "
	    "satisfies the policy" },
	{ TEE_TDX, tdx_unrooted, 1, "without mrtd the firmware may be one "
	    "that lies about what it measured into rtmr0 to rtmr3" },
	{ TEE_SGX | TEE_TDX, debuggable, 1, "the host can read a debuggable "
	    "TEE, and so the key: allow_debug is for trying things out" },
	{ TEE_SGX | TEE_TDX, unpatched, 0, "platforms with known weaknesses "
	    "satisfy it: name enforce_tcb_upto_date, tcb_statuses or "
	    "tcb_date_minimum" },
	{ TEE_SNP, snp_any, 1, "any SEV-SNP guest satisfies it, of whatever "
	    "owner: host_data is what its host gave it; name measurement" },
	{ TEE_SNP, snp_signer, 0, "any guest whose ID block that key has "
	    "signed satisfies it: name measurement, unless the key is yours "
	    "alone" },
	{ TEE_SNP, snp_old, 0, "old versions of the guest satisfy it: name "
	    "guest_svn_minimum" },
	{ TEE_SNP, snp_unpatched, 0, "platforms with known weaknesses "
	    "satisfy it: name bootloader_svn_minimum, tee_svn_minimum, "
	    "snp_svn_minimum and microcode_svn_minimum" },
};

#define NRULES	(sizeof(rules) / sizeof(rules[0]))

/* What a rule is about; NULL when the policy has no such part. */
static const struct policy_tee *
rule_part(const struct rule *rule, const struct policy *p)
{
	uint8_t	 tee = rule->tees & p->tees;

	if ((tee & TEE_SGX) != 0)
		return (&p->sgx);
	if ((tee & TEE_SNP) != 0)
		return (&p->snp);
	return ((tee & TEE_TDX) != 0 ? &p->tdx : NULL);
}

struct policy *
policy_of(const json_t *object, const char *what)
{
	json_t		*copy = json_deep_copy(object);
	struct policy	*p;
	char		*text, why[256];
	size_t		 len;

	if (copy == NULL)
		no_memory();
	json_object_del(copy, "id");
	json_object_del(copy, "created_at");
	if ((text = json_write(copy, &len)) == NULL)
		no_memory();
	if ((p = policy_parse(text, len, why, sizeof(why))) == NULL)
		die("%s: %s", what, why);
	free(text);
	json_decref(copy);
	return (p);
}

/* Each finding is a row; how many there are, and how many let anyone in. */
struct findings {
	struct table	*table;
	json_t		*array;		/* -j */
	size_t		 n, open;
};

static void
finding_add(struct findings *f, const char *what, const struct rule *rule)
{
	const char	*cells[3];
	json_t		*j;

	f->n++;
	f->open += rule->open ? 1 : 0;
	cells[0] = what;
	cells[1] = rule->open ? "open" : "weak";
	cells[2] = rule->text;
	if (f->table != NULL)
		table_row(f->table, cells);
	if (f->array == NULL)
		return;
	j = object();
	set(j, "policy", string("the file's name", what));
	set(j, "finding", json_string(cells[1]));
	set(j, "text", json_string(rule->text));
	if (json_array_append_new(f->array, j) == -1)
		no_memory();
}

static void
policy_lint(struct findings *f, const json_t *object, const char *what)
{
	struct policy			*p = policy_of(object, what);
	const struct policy_tee		*part;
	size_t				 i;

	for (i = 0; i < NRULES; i++)
		if ((part = rule_part(&rules[i], p)) != NULL &&
		    rules[i].finds(part))
			finding_add(f, what, &rules[i]);
	policy_free(p);
}

/* --- what kbsd has ------------------------------------------------------- */

static const json_t *
policy_with(const json_t *list, const char *id)
{
	const json_t	*policy;
	size_t		 i;

	for (i = 0; i < json_array_size(list); i++) {
		policy = json_object_get(json_array_get(list, i), "policy");
		if (strcmp(member_text(policy, "id"), id) == 0)
			return (policy);
	}
	return (NULL);
}

static void
lint_word(struct findings *f, json_t **list, const char *word)
{
	const json_t	*policy;
	struct uuid	 id;
	json_t		*file;

	if (uuid_parse(&id, word, strlen(word)) == -1) {
		file = object_file(word);
		policy_lint(f, file, word);
		json_decref(file);
		return;
	}
	if (*list == NULL)
		*list = collect("policy list");
	if ((policy = policy_with(*list, word)) == NULL)
		die("%s: no such policy", word);
	policy_lint(f, policy, word);
}

static void
lint_all(struct findings *f, const json_t *list)
{
	const json_t	*policy;
	size_t		 i;

	for (i = 0; i < json_array_size(list); i++) {
		policy = json_object_get(json_array_get(list, i), "policy");
		policy_lint(f, policy, member_text(policy, "id"));
	}
}

int
run_policy_lint(const struct command *c, const struct args *args)
{
	struct findings	 f = { .n = 0 };
	json_t		*list = NULL;
	int		 i;

	if (options.json)
		f.array = json_array();
	else
		f.table = table_new("POLICY|FINDING|WHY", 3);
	for (i = 0; i < args->nwords; i++)
		lint_word(&f, &list, args->word[i]);
	if (args->nwords == 0)
		lint_all(&f, list = collect(c->wire));
	if (options.json)
		json_print(f.array);
	else if (f.n > 0)
		table_print(f.table, !options.quiet);
	json_decref(list);
	json_decref(f.array);
	table_free(f.table);
	return (f.n > 0 ? KBSCTL_FAILED : KBSCTL_DONE);
}

/* --- keys ---------------------------------------------------------------- */

/* How a key can leave although nobody proved anything; "": it can't. */
static void
key_ways(const json_t *key, const json_t *policies, char *text, size_t size)
{
	struct findings	 f = { .n = 0 };
	const char	*id = member_text(key, "transfer_policy_id");
	const json_t	*policy = policy_with(policies, id);

	text[0] = '\0';
	if (!json_is_true(json_object_get(json_object_get(key, "key_info"),
	    "attested_only")))
		(void)strlcpy(text, "to administrators", size);
	if (policy != NULL)
		policy_lint(&f, policy, id);
	if (f.open == 0)
		return;
	if (text[0] != '\0')
		(void)strlcat(text, ", ", size);
	(void)strlcat(text, "by an open policy", size);
}

static json_t *
exposed_keys(const json_t *keys, const json_t *policies)
{
	const json_t	*key;
	json_t		*list = json_array(), *j;
	char		 ways[64];
	size_t		 i;

	for (i = 0; i < json_array_size(keys); i++) {
		key = json_object_get(json_array_get(keys, i), "key");
		key_ways(key, policies, ways, sizeof(ways));
		if (ways[0] == '\0')
			continue;
		j = object();
		set(j, "id", json_string(member_text(key, "id")));
		set(j, "algorithm", json_string(member_text(json_object_get(key,
		    "key_info"), "algorithm")));
		set(j, "transfer_policy_id", json_string(member_text(key,
		    "transfer_policy_id")));
		set(j, "leaves", json_string(ways));
		if (json_array_append_new(list, j) == -1)
			no_memory();
	}
	return (list);
}

/* Permissions that bring a key out, directly or one step further. */
static const struct {
	const char	*name;
	const char	*why;
} permissions[] = {
	{ "keys:transfer", "takes keys out by POST /keys/{id}" },
	{ "users:create", "may make a user who takes keys out" },
	{ "users:update", "may let a user take keys out" },
	{ "keys:update", "may move keys under another policy" },
};

#define NPERMISSIONS	(sizeof(permissions) / sizeof(permissions[0]))

static int
user_may(const json_t *user, const char *permission)
{
	const json_t	*array = json_object_get(user, "permissions");
	const char	*word;
	size_t		 i;

	for (i = 0; i < json_array_size(array); i++) {
		word = json_string_value(json_array_get(array, i));
		if (word != NULL && strcmp(word, permission) == 0)
			return (1);
	}
	return (0);
}

static json_t *
exposing_users(const json_t *users)
{
	const json_t	*user;
	json_t		*list = json_array(), *j;
	size_t		 i, k;

	for (i = 0; i < json_array_size(users); i++) {
		user = json_object_get(json_array_get(users, i), "user");
		for (k = 0; k < NPERMISSIONS; k++) {
			if (!user_may(user, permissions[k].name))
				continue;
			j = object();
			set(j, "username", json_string(member_text(user,
			    "username")));
			set(j, "permission", json_string(
			    permissions[k].name));
			set(j, "why", json_string(permissions[k].why));
			if (json_array_append_new(list, j) == -1)
				no_memory();
		}
	}
	return (list);
}

/* A table of these members of each object. */
static void
print_list(const json_t *list, const char *headings,
    const char *const *members, size_t n)
{
	const char	*cells[4];
	struct table	*t = table_new(headings, n);
	size_t		 i, k;

	for (i = 0; i < json_array_size(list); i++) {
		for (k = 0; k < n; k++)
			cells[k] = member_text(json_array_get(list, i),
			    members[k]);
		table_row(t, cells);
	}
	table_print(t, !options.quiet);
	table_free(t);
}

int
run_exposures(const struct command *c, const struct args *args)
{
	static const char *const	 key[] = { "id", "algorithm",
					    "transfer_policy_id", "leaves" };
	static const char *const	 user[] = { "username", "permission",
					    "why" };
	json_t	*keys = collect(c->wire), *users = collect("user list");
	json_t	*policies = collect("policy list"), *all = object();

	(void)args;
	set(all, "keys", exposed_keys(keys, policies));
	set(all, "users", exposing_users(users));
	if (options.json)
		json_print(all);
	else {
		print_list(json_object_get(all, "keys"),
		    "KEY|KIND|POLICY|LEAVES", key, 4);
		printf("\n");
		print_list(json_object_get(all, "users"),
		    "USER|PERMISSION|WHY", user, 3);
	}
	json_decref(all);
	json_decref(policies);
	json_decref(users);
	json_decref(keys);
	return (KBSCTL_DONE);
}

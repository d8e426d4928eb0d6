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
 * The kms program with a keystore in Vault, against the stand-in, over TLS on
 * loopback: what lies there, and what each of its faults becomes.  And against
 * a real server, where one is named.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "play.h"
#include "standin.h"
#include "url.h"

#define CURL	"curl -fsS --noproxy '*' -m 120 --cacert v/tls-ca.pem "

static pid_t		 vault;
static unsigned int	 port;
static const char	*ca;
static uint32_t		 kept;		/* seconds */

/* What the next kms is told. */
static struct {
	char		 urls[3][128];
	const char	*mount;
	const char	*namespace;
	uint8_t		 version;
	const char	*role;
	const char	*login;
	const char	*secret;	/* file */
} conf;

static void
kms_begin(void)
{
	struct wbuf	 w = { 0 };
	uint32_t	 n = 0, i;
	int		 fd;

	while (n < 3 && conf.urls[n][0] != '\0')
		n++;
	mkdir("d", 0700);
	ATF_REQUIRE(getcwd(dir, sizeof(dir) - 2) != NULL);
	strlcat(dir, "/d", sizeof(dir));
	child_outside = 1;
	kms = child_start("kms", PROC_KMS, 0, 0, dir);
	wb_str(&w, "main");
	wb_u8(&w, KEYSTORE_VAULT);
	wb_u32(&w, kept);
	wb_u32(&w, n);
	for (i = 0; i < n; i++)
		wb_str(&w, conf.urls[i]);
	wb_str(&w, conf.mount);
	wb_str(&w, conf.namespace);
	wb_u8(&w, conf.version);
	wb_str(&w, conf.role);
	wb_str(&w, conf.login);
	child_config(kms, &w);
	child_descriptor(kms, FD_SEAL_KEY, key_file("seal"));
	child_descriptor(kms, FD_KMS_SECRET, key_file(conf.secret));
	ATF_REQUIRE((fd = open(ca, O_RDONLY)) != -1);
	child_descriptor(kms, FD_CA, fd);
	memset(wrapping, 'w', sizeof(wrapping));
}

/* The stand-in, and a configuration that fits. */
static void
vault_start(const atf_tc_t *tc)
{
	const char *const	 words[] = { NULL };

	standin_find(tc);
	vault = standin_start("vault", "v", &port, words);
	memset(&conf, 0, sizeof(conf));
	snprintf(conf.urls[0], sizeof(conf.urls[0]), "https://localhost:%u",
	    port);
	conf.mount = "keybroker";
	conf.namespace = conf.role = "";
	conf.login = "approle";
	conf.secret = "v/token";
	ca = "v/tls-ca.pem";
}

static void
begin(const atf_tc_t *tc)
{
	vault_start(tc);
	kms_start();
}

static void
end(void)
{
	kms_end();
	standin_stop(vault, "v");
}

static void __attribute__((format(printf, 1, 2)))
set(const char *fmt, ...)
{
	char	 json[512];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(json, sizeof(json), fmt, ap);
	va_end(ap);
	run(CURL "-o stand -d '%s' https://localhost:%u/standin", json, port);
}

static void
fault(const char *json)
{
	run(CURL "-o faults -d '%s' https://localhost:%u/fault", json, port);
}

/* A request has met the fault that was set for one: it is Vault's turn. */
static void
met(const char *name)
{
	int	 i;

	for (i = 0; i < AGES / 20; i++) {
		fault("{}");
		if (strstr(slurp("faults", NULL), name) == NULL)
			return;
		usleep(20000);
	}
	atf_tc_fail("nobody meets %s", name);
}

static int
stat_of(const char *name)
{
	char	 member[64], *p;

	set("{}");
	snprintf(member, sizeof(member), "\"%s\":", name);
	p = strstr(slurp("stand", NULL), member);
	return (p == NULL ? -1 : atoi(p + strlen(member)));
}

/* Is there something under a key's id? */
static int
is_there(const char *mount, const struct key_record *k)
{
	char	 name[128], id[UUID_TEXT];

	set("{}");
	snprintf(name, sizeof(name), "\"%s/%s\"", mount,
	    uuid_format(&k->id, id));
	return (strstr(slurp("stand", NULL), name) != NULL);
}

/* Another value under a key's name, as a client of Vault's writes it. */
static void
overwrite(const char *name, const char *value)
{
	FILE	*fp;

	ATF_REQUIRE((fp = fopen("value", "w")) != NULL);
	fprintf(fp, "{\"%s\":%s}", name, value);
	ATF_REQUIRE_EQ(0, fclose(fp));
	run(CURL "-o /dev/null -H \"X-Vault-Token: $(cat v/token)\" "
	    "-H 'X-Vault-Request: true' -H 'Content-Type: application/json' "
	    "-d @value https://localhost:%u/v1/keybroker/%s", port, name);
}

#define TEST(name, text)						\
ATF_TC(name);								\
ATF_TC_HEAD(name, tc)							\
{									\
	atf_tc_set_md_var(tc, "descr", text);				\
	atf_tc_set_md_var(tc, "require.progs", "curl python3");	\
}									\
ATF_TC_BODY(name, tc)

/* --- where it lies ------------------------------------------------------ */

static void
whole_life(const char *mount)
{
	struct key_record	 k, old;
	struct uuid		 policy;

	kms_start();
	made(&k, 0);
	ATF_CHECK_EQ(1, k.serial);
	ATF_CHECK(is_there(mount, &k));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	old = k;
	uuid_make(&policy);
	ATF_CHECK_EQ(DONE_OK, do_move(&k, &policy, 'n'));
	ATF_CHECK_EQ(DONE_STALE, do_fetch(&old, &old));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK(!is_there(mount, &k));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	kms_end();
}

TEST(kv, "KV 1 and 2, asked or told; a namespace; AppRole; plain http")
{
	const char *const	 plain[] = { "--plain", NULL };

	vault_start(tc);
	whole_life("keybroker");
	conf.version = 1;
	whole_life("keybroker");
	conf.mount = "secret";
	conf.version = 2;
	whole_life("secret");
	conf.version = 0;
	whole_life("secret");
	set("{\"cas_required\":true}");
	conf.role = "kbsd";
	conf.secret = "v/secret-id";
	whole_life("secret");
	conf.namespace = "team1";
	whole_life("secret");
	conf.mount = "keybroker";
	whole_life("keybroker");
	standin_stop(vault, "v");
	vault = standin_start("vault", "v", &port, plain);
	snprintf(conf.urls[0], sizeof(conf.urls[0]), "http://127.0.0.1:%u",
	    port);
	conf.namespace = conf.role = "";
	conf.secret = "v/token";
	kms_start();
	{
		struct key_record	 k;

		made(&k, 0);
		ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	}
	kms_end();
	standin_stop(vault, "v");
}

/* --- a real server ------------------------------------------------------ */

#define REAL	"%s/vault-real %s r %s %s"

/* One way to go: a line of the plan that vault-real has made. */
static void
real_way(const char *where, char *line)
{
	static char		 file[64];
	struct key_record	 k;
	char			 id[UUID_TEXT], state[REASON_TEXT_MAX];
	char			*word[5], *p = line;

	for (int i = 0; i < 5; i++)
		ATF_REQUIRE((word[i] = strsep(&p, " ")) != NULL);
	conf.mount = word[0];
	conf.version = (uint8_t)atoi(word[1]);
	snprintf(file, sizeof(file), "r/%s", word[2]);
	conf.secret = file;
	conf.role = strcmp(word[3], "-") == 0 ? "" : word[3];
	conf.login = word[4];
	kms_start();
	ATF_CHECK_EQ_MSG(1, check(1, state, sizeof(state)), "%s", state);
	life_of_versions();
	made(&k, 0);
	run(REAL, where, "form", conf.mount, uuid_format(&k.id, id));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, rotate_to(&k, SECOND));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	run(REAL, where, "gone", conf.mount, id);
	strlcat(id, ".2", sizeof(id));
	run(REAL, where, "gone", conf.mount, id);
	/* A key that another server has put there; and stays there. */
	new_record(&k, 0);
	ATF_CHECK_EQ(DONE_INVALID, do_register(&k, "no-such-key"));
	new_record(&k, 0);
	uuid_format(&k.id, id);
	run(REAL, where, "put", conf.mount, id);
	ATF_CHECK_EQ(DONE_OK, do_register(&k, id));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_take_away(OP_KEY_FORGET, &k, NULL));
	run(REAL, where, "form", conf.mount, id);
	run(REAL, where, "delete", conf.mount, id);
	kms_end();
}

/* Each way that its token opens, and the table of what Vault answers. */
static void
real_server(const char *where)
{
	static char	 url[URL_MAX], namespace[256], plan[4096];
	char		*line, *p = plan;

	run("%s/vault-real begin r", where);
	memset(&conf, 0, sizeof(conf));
	strlcpy(url, slurp("r/url", NULL), sizeof(url));
	ATF_REQUIRE(strlcpy(conf.urls[0], url, sizeof(conf.urls[0])) <
	    sizeof(conf.urls[0]));
	strlcpy(namespace, slurp("r/namespace", NULL), sizeof(namespace));
	conf.namespace = namespace;
	strlcpy(plan, slurp("r/plan", NULL), sizeof(plan));
	while ((line = strsep(&p, "\n")) != NULL && line[0] != '\0')
		real_way(where, line);
	run("%s/vault-real facts r", where);
}

static void
real_end(const char *where)
{
	if (access("r/state", F_OK) == 0)
		run("%s/vault-real end r", where);
}

/*
 * What the variables mean is written in regress/standin/vault-real: only
 * KBSD_TEST_VAULT_ADDR, the URL, and KBSD_TEST_VAULT_TOKEN, a file, are needed.
 */
ATF_TC_WITH_CLEANUP(real);
ATF_TC_HEAD(real, tc)
{
	atf_tc_set_md_var(tc, "descr", "a real server keeps, turns and removes "
	    "keys, and answers as is known");
	atf_tc_set_md_var(tc, "require.progs", "python3");
}
ATF_TC_BODY(real, tc)
{
	static char	 file[4096];

	if (getenv("KBSD_TEST_VAULT_ADDR") == NULL)
		atf_tc_skip("KBSD_TEST_VAULT_ADDR and KBSD_TEST_VAULT_TOKEN "
		    "name no Vault or OpenBao server");
	if (getenv("KBSD_TEST_VAULT_TOKEN") == NULL &&
	    getenv("KBSD_TEST_VAULT_TOKEN_FILE") == NULL)
		atf_tc_skip("KBSD_TEST_VAULT_TOKEN names no file with a token "
		    "for KBSD_TEST_VAULT_ADDR");
	run("%s/vault-real settings r", standin_find(tc));
	strlcpy(file, slurp("r/ca", NULL), sizeof(file));
	ca = file;
	real_server(standin_find(tc));
	real_end(standin_find(tc));
}
ATF_TC_CLEANUP(real, tc)
{
	real_end(standin_find(tc));
}

TEST(alike, "the stand-in answers as a real server, and is tested like one")
{
	static const char	*const names[] = { "MOUNT", "CA", "NAMESPACE" };
	char			 name[64], word[4096];
	size_t			 i;

	vault_start(tc);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "KBSD_TEST_VAULT_%s", names[i]);
		unsetenv(name);
	}
	setenv("KBSD_TEST_VAULT_ADDR", conf.urls[0], 1);
	setenv("KBSD_TEST_VAULT_CA", ca, 1);
	ATF_REQUIRE(getcwd(word, sizeof(word) - 8) != NULL);
	strlcat(word, "/v/root", sizeof(word));
	setenv("KBSD_TEST_VAULT_TOKEN", word, 1);
	real_server(standin_find(tc));
	real_end(standin_find(tc));
	set("{}");
	ATF_CHECK(strstr(slurp("stand", NULL), "\"keys\":{}") != NULL);
	/* One that may make nothing: what there is is used, and left. */
	strlcpy(strstr(word, "root"), "token", sizeof("token"));
	setenv("KBSD_TEST_VAULT_TOKEN", word, 1);
	real_server(standin_find(tc));
	ATF_CHECK(strstr(slurp("r/plan", NULL), "keybroker 0 given") != NULL);
	standin_stop(vault, "v");
}

TEST(kept, "a hundred keys go over one connection")
{
	struct key_record	 k;
	int			 i, before;

	begin(tc);
	made(&k, 0);
	before = stat_of("connections");
	for (i = 0; i < 100; i++)
		ATF_REQUIRE_EQ(DONE_OK, do_fetch(&k, NULL));
	/* and the one that asks */
	ATF_CHECK_EQ(before + 1, stat_of("connections"));
	end();
}

/* --- what lies there is not what was put there ---------------------------- */

TEST(changed, "what was changed in Vault is no key any more")
{
	static const struct {
		const char	*value;
		const char	*says;
	} rows[] = {
		{ "\"\"", "in Vault: empty" },
		{ "7", "no text" },
		{ "\"nothing\"", "neither an object" },
		{ "\"{}\"", "key_data is missing" },
		{ "\"{\\\"key_data\\\":7}\"", "key_data" },
		{ "\"{\\\"key_data\\\":\\\"?\\\"}\"", "no base64" },
		{ "\"{\\\"key_data\\\":\\\"AAAA\\\"}\"", "record's length" },
		{ "\"{\\\"key_data\\\":\\\"AAAAAAAAAAAAAAAAAAAAAA==\\\","
		    "\\\"algorithm\\\":\\\"RSA\\\"}\"", "another algorithm" },
		{ "\"{\\\"key_data\\\":\\\"AAAAAAAAAAAAAAAAAAAAAA==\\\","
		    "\\\"key_length\\\":256}\"", "another length" },
		{ "\"{\\\"key_data\\\":\\\"AAAAAAAAAAAAAAAAAAAAAA==\\\","
		    "\\\"id\\\":\\\"2c14c0a5-6d1d-4d0b-8c3c-"
		    "0f6f3b1ad001\\\"}\"",
		    "another key" },
	};
	struct key_record	 k;
	char			 id[UUID_TEXT];
	size_t			 i;

	begin(tc);
	made(&k, 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		overwrite(uuid_format(&k.id, id), rows[i].value);
		ATF_CHECK_EQ_MSG(DONE_REFUSED, do_fetch(&k, NULL), "%s",
		    rows[i].value);
		ATF_CHECK_MSG(child_logged(kms, rows[i].says, AGES), "%s",
		    rows[i].says);
	}
	/* Members that nobody knows do not matter. */
	overwrite(id, "\"{\\\"more\\\":{},\\\"key_data\\\":"
	    "\\\"U0lYVEVFTi1TRUNSRVQtQg==\\\"}\"");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	end();
}

TEST(registered, "a key that is there already, once it was looked at")
{
	static const char	 good[] =
	    "\"{\\\"id\\\":\\\"%s\\\",\\\"algorithm\\\":\\\"aes\\\","
	    "\\\"key_length\\\":128,"
	    "\\\"key_data\\\":\\\"U0lYVEVFTi1TRUNSRVQtQg==\\\"}\"";
	struct key_record	 k, other;
	char			 id[UUID_TEXT], value[512];
	int			 i, want;

	begin(tc);
	for (i = 0; i < 6; i++) {
		if (i != 4 && i != 5) {
			new_record(&k, i == 3 ? KEY_ATTESTED_ONLY : 0);
			uuid_format(&k.id, id);
		} else {
			/* Under another id: the mark is not lost so. */
			if (i == 5)
				ATF_CHECK_EQ(DONE_OK, do_remove(&other, NULL));
			new_record(&k, 0);
		}
		want = DONE_OK;
		if (i == 0)
			want = DONE_INVALID;	/* it is not there */
		if (i == 1) {
			k.length = 256;
			want = DONE_INVALID;
		}
		if (i == 4 || i == 5)
			want = DONE_REFUSED;
		if (i > 0 && i < 4) {
			snprintf(value, sizeof(value), good, id);
			overwrite(id, value);
		}
		ATF_CHECK_EQ_MSG(want, do_register(&k, id), "%d", i);
		if (want != DONE_OK)
			continue;
		ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
		other = k;
		if (i == 2) {
			/* Undone, it is the owner's as before. */
			k.serial = 0;
			memset(k.seal, 0, DIGEST_LEN);
			ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
			ATF_CHECK(is_there("keybroker", &k));
		}
	}
	ATF_CHECK(child_logged(kms, "attestation only", AGES));
	end();
}

TEST(names, "an id that would be another path asks Vault nothing")
{
	static const char *const	 ids[] = { "../sys/policy", "a/b", "..",
					    ".a", "a?b", "a%2fb", "a#b", "a b",
					    "a\\b", "\xc3\xa9" };
	struct key_record		 k;
	size_t				 i;
	int				 before;

	begin(tc);
	made(&k, 0);
	before = stat_of("requests");
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		new_record(&k, 0);
		ATF_CHECK_EQ_MSG(DONE_INVALID, do_register(&k, ids[i]), "%s",
		    ids[i]);
	}
	ATF_CHECK_EQ(before, stat_of("requests"));
	end();
}

TEST(undone, "material without a record goes, that of one stays")
{
	struct key_record	 k, bare;

	begin(tc);
	/* Put there, but never in our database. */
	new_record(&bare, 0);
	k = bare;
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	run("cd d && python3 -c \"import sqlite3; d = sqlite3.connect("
	    "'keys.db'); d.execute('DELETE FROM keys'); d.commit()\"");
	ATF_CHECK(is_there("keybroker", &k));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&bare, NULL));
	ATF_CHECK(!is_there("keybroker", &k));
	/* Forgotten: it is Vault's alone. */
	made(&k, 0);
	ATF_CHECK_EQ(DONE_OK, do_take_away(OP_KEY_FORGET, &k, NULL));
	ATF_CHECK(is_there("keybroker", &k));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_take_away(OP_KEY_FORGET, &k, NULL));
	/* A record that was sealed, and is not ours: nothing is touched. */
	made(&k, 0);
	bare = k;
	bare.seal[0] ^= 1;
	ATF_CHECK_EQ(DONE_STALE, do_remove(&bare, &bare));
	ATF_CHECK(is_there("keybroker", &k));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	end();
}

/* --- versions ------------------------------------------------------------- */

static int
is_named(const struct key_record *k, unsigned int version)
{
	char	 name[128], id[UUID_TEXT];

	set("{}");
	snprintf(name, sizeof(name), "\"keybroker/%s.%u\"",
	    uuid_format(&k->id, id), version);
	return (strstr(slurp("stand", NULL), name) != NULL);
}

TEST(versions, "each version under a name of its own; all go with the key")
{
	struct key_record	 k;

	begin(tc);
	life_of_versions();
	run("test \"$(curl -fsS --noproxy '*' --cacert v/tls-ca.pem -d '{}' "
	    "https://localhost:%u/standin | grep -c 'keybroker/')\" = 0",
	    port);
	rotated(&k, 0);
	ATF_CHECK(is_there("keybroker", &k));
	ATF_CHECK(is_named(&k, 2) && is_named(&k, 3));
	ATF_CHECK(!is_named(&k, 1) && !is_named(&k, 4));
	/* One that is not there any more is not another one. */
	kms_end();
	kept = 60;
	kms_start();
	all_versions(&k);
	ATF_CHECK_EQ(DONE_OK, rotate_to(&k, SECOND));
	ATF_CHECK_EQ(DONE_OK, fetch_version(&k, 0, SECOND));
	ATF_CHECK_EQ(DONE_OK, do_take_away(OP_KEY_FORGET, &k, NULL));
	ATF_CHECK(is_named(&k, 2) && is_named(&k, 4));
	end();
}

/* Of many, each try takes away as many as it has time for. */
TEST(piecemeal, "what is removed of a key is not removed once more")
{
	struct key_record	 k;
	char			 id[UUID_TEXT];
	int			 marked;

	begin(tc);
	for (marked = 0; marked < 2; marked++) {
		rotated(&k, marked ? KEY_ATTESTED_ONLY : 0);
		set("{\"deny\":\"keybroker/%s.2\"}",
		    uuid_format(&k.id, id));
		ATF_CHECK_EQ(DONE_UNAVAILABLE, do_remove(&k, NULL));
		ATF_CHECK(is_named(&k, 2) && !is_named(&k, 3));
		set("{\"deny\":\"\"}");
		/* It has the name of one that went already. */
		overwrite(id, "\"another's\"");
		ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
		ATF_CHECK(!is_named(&k, 2));
		ATF_CHECK(is_there("keybroker", &k));
	}
	end();
}

/* As a rotation leaves it that is cut between Vault and our database. */
static void
leave(const struct key_record *k, unsigned int version)
{
	char	 id[UUID_TEXT], name[64];

	uuid_format(&k->id, id);
	snprintf(name, sizeof(name), "%s.%u", id, version);
	overwrite(name, "\"left\"");
	ATF_CHECK(is_named(k, version));
	run("sqlite3 -cmd '.timeout 5000' d/keys.db \"INSERT INTO versions "
	    "(id, version, backend) VALUES (x'$(echo %s | tr -d -)', %u, "
	    "'%s')\"", id, version, name);
}

/* Nothing is to be removed any more. */
static int
all_swept(void)
{
	int	 i;

	for (i = 0; i < AGES / 100; i++) {
		run("sqlite3 -cmd '.timeout 5000' d/keys.db 'SELECT count(*) "
		    "FROM versions WHERE record IS NULL' >unsure");
		if (strcmp(slurp("unsure", NULL), "0\n") == 0)
			break;
		usleep(100000);
	}
	return (i < AGES / 100);
}

static int
goes(const struct key_record *k, unsigned int version)
{
	int	 i;

	for (i = 0; i < AGES / 100 && is_named(k, version); i++)
		usleep(100000);
	if (i == AGES / 100 || !all_swept())
		return (0);
	/* It is looked for more at once: what is left next is for later. */
	usleep(300000);
	return (1);
}

TEST(left, "what was never recorded goes: at start, by a check, by need")
{
	struct key_record	 k, other;
	char			 state[REASON_TEXT_MAX];

	begin(tc);
	made(&other, 0);
	rotated(&k, 0);
	kms_end();
	leave(&k, 4);
	leave(&other, 2);
	kms_start();
	ATF_CHECK(goes(&k, 4) && goes(&other, 2));
	ATF_CHECK(child_logged(kms, "never recorded, is removed", AGES));
	leave(&k, 4);
	ATF_CHECK_EQ(1, check(1, state, sizeof(state)));
	ATF_CHECK(goes(&k, 4));
	/* It is in the way before anything else makes kms look for it. */
	hold_still(child_pid(kms));
	leave(&k, 4);
	secret = SECOND;
	number++;
	ask_store(OP_KEY_ROTATE, &k);
	tell(OP_KEY_ROTATE, &k, k.policy_digest, zero);
	ATF_REQUIRE_EQ(0, kill(child_pid(kms), SIGCONT));
	ATF_CHECK_EQ(DONE_BUSY, answer(maker, IMSG_ENGINE_STORED, &k));
	secret = SECRET;
	ATF_CHECK(goes(&k, 4));
	all_versions(&k);
	ATF_CHECK_EQ(DONE_OK, rotate_to(&k, SECOND));
	leave(&k, 5);
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK(!is_named(&k, 5) && !is_named(&k, 4));
	end();
}

/* As an operator does whom it asks to: what the last one left goes first. */
static int
rotate_again(struct key_record *k, const char *material)
{
	int	 done = DONE_BUSY;

	for (int i = 0; i < AGES / 100 && done == DONE_BUSY; i++) {
		if (i > 0)
			usleep(100000);
		done = rotate_to(k, material);
	}
	return (done);
}

/* Wherever kms is killed: the old version stays, and nothing is left over. */
TEST(cut, "a rotation that is cut short leaves nothing behind")
{
	struct key_record	 k, shown;
	unsigned int		 i, last = 1;

	begin(tc);
	made(&k, 0);
	for (i = 0; i < 10; i++) {
		secret = SECOND;
		number++;
		ask_store(OP_KEY_ROTATE, &k);
		tell(OP_KEY_ROTATE, &k, k.policy_digest, zero);
		usleep(i * 1000);
		kill(child_pid(kms), SIGKILL);
		kms_end();
		kms_start();
		shown = k;
		number++;
		ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest,
		    patience);
		tell(OP_TRANSFER, &k, k.policy_digest, wrapping);
		secret = last == 1 ? SECRET : SECOND;
		if (answer(engine, IMSG_ENGINE_FETCHED, &shown) == DONE_STALE)
			k = shown;
		last = k.version;
		/* Only what has a record is there, after a moment. */
		for (int wait = 0; is_named(&k, last + 1) &&
		    wait < AGES / 100; wait++)
			usleep(100000);
		ATF_CHECK_MSG(!is_named(&k, last + 1), "%u", i);
		ATF_CHECK(last == 1 || is_named(&k, last));
	}
	secret = SECRET;
	ATF_CHECK_EQ(DONE_OK, rotate_again(&k, THIRD));
	ATF_CHECK_EQ(last + 1, k.version);
	ATF_CHECK_EQ(DONE_OK, fetch_version(&k, 0, THIRD));
	end();
}

/* At a reload two of them have one keys.db for a while. */
TEST(beside, "the next kms sweeps what this one is about to record")
{
	struct key_record	 k;
	struct child		*first;
	struct peer		*peers[3];

	begin(tc);
	made(&k, 0);
	/* It comes there, and the answer later. */
	fault("{\"kv:slow\":\"60x1\"}");
	secret = SECOND;
	number++;
	ask_store(OP_KEY_ROTATE, &k);
	tell(OP_KEY_ROTATE, &k, k.policy_digest, zero);
	secret = SECRET;
	met("kv:slow");
	ATF_CHECK(is_named(&k, 2));
	first = kms;
	peers[0] = engine;
	peers[1] = maker;
	peers[2] = audit;
	kms_start();
	ATF_CHECK(goes(&k, 2));
	fault("{\"release\":true}");
	ATF_CHECK_EQ(DONE_UNAVAILABLE, answer(peers[1], IMSG_ENGINE_STORED,
	    NULL));
	ATF_CHECK_EQ(1, k.version);
	/* Of the two either can go on. */
	ATF_CHECK_EQ(DONE_OK, fetch_version(&k, 0, SECRET));
	kms_end();
	kms = first;
	engine = peers[0];
	maker = peers[1];
	audit = peers[2];
	ATF_CHECK_EQ(DONE_OK, rotate_again(&k, THIRD));
	ATF_CHECK_EQ(2, k.version);
	ATF_CHECK_EQ(DONE_OK, fetch_version(&k, 0, THIRD));
	ATF_CHECK_EQ(DONE_OK, fetch_version(&k, 1, SECRET));
	end();
}

/* --- Vault is ill --------------------------------------------------------- */

TEST(faults, "each fault of the transport, for a while and for good")
{
	static const struct {
		const char	*fault;
		unsigned int	 ms;		/* till its deadline */
		int		 lasting;	/* DONE_* while it lasts */
		const char	*says;
	} rows[] = {
		{ "status\":\"503", 4000, DONE_UNAVAILABLE, "answered 503" },
		{ "status\":\"500", 4000, DONE_UNAVAILABLE, "answered 500" },
		{ "status\":\"429", 4000, DONE_UNAVAILABLE, "answered 429" },
		{ "status\":\"418", PATIENCE, DONE_UNAVAILABLE,
		    "answered 418" },
		{ "close\":\"", 4000, DONE_UNAVAILABLE,
		    "answer of localhost" },
		{ "half\":\"", 4000, DONE_UNAVAILABLE,
		    "answer of localhost" },
		{ "hang\":\"", 4000, DONE_UNAVAILABLE,
		    "did not answer in time" },
		{ "drip\":\"1", 4000, DONE_UNAVAILABLE,
		    "did not answer in time" },
		{ "redirect\":\"", PATIENCE, DONE_UNAVAILABLE,
		    "answered 302" },
		{ "garbage\":\"", PATIENCE, DONE_REFUSED, "in Vault: " },
		{ "empty\":\"", PATIENCE, DONE_REFUSED, "in Vault: " },
		{ "huge\":\"1", 4000, DONE_UNAVAILABLE, "more than" },
	};
	struct key_record	 k;
	char			 json[128];
	size_t			 i;

	begin(tc);
	made(&k, 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(json, sizeof(json), "{\"clear\":true,\"kv:%s%s",
		    rows[i].fault, "x99\"}");
		fault(json);
		ATF_CHECK_EQ_MSG(rows[i].lasting, fetch_within(&k,
		    rows[i].ms), "%s", rows[i].fault);
		ATF_CHECK_MSG(child_logged(kms, rows[i].says, AGES), "%s",
		    rows[i].says);
	}
	for (i = 0; i < 6; i++) {
		if (strstr(rows[i].fault, "418") != NULL)
			continue;
		snprintf(json, sizeof(json), "{\"clear\":true,\"kv:%s%s",
		    rows[i].fault, "x2\"}");
		fault(json);
		ATF_CHECK_EQ_MSG(DONE_OK, do_fetch(&k, NULL), "%s",
		    rows[i].fault);
	}
	fault("{\"clear\":true}");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	end();
}

TEST(sealed, "sealed: said so, and well again when it is unsealed")
{
	struct key_record	 k, k2;

	begin(tc);
	made(&k, 0);
	set("{\"sealed\":true}");
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 4000));
	ATF_CHECK(child_logged(kms, "Vault is sealed", AGES));
	/* It comes back within the request's time. */
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, patience);
	tell(OP_TRANSFER, &k, k.policy_digest, wrapping);
	ATF_CHECK(peer_silent(engine, 300));
	set("{\"sealed\":false}");
	ATF_CHECK_EQ(DONE_OK, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	kms_end();
	/* Sealed before it is first asked: kms is there all the same. */
	set("{\"sealed\":true}");
	kms_start();
	/* The next request begins another lookup, and is over before it. */
	ATF_CHECK(child_logged(kms, "lookup of the token: localhost answered "
	    "503", AGES));
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 2500));
	ATF_CHECK(child_logged(kms, "took too long: localhost answered 503",
	    AGES));
	/* That one ends as well, so that the next begins anew. */
	sleep(3);
	set("{\"sealed\":false}");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	/* Down altogether. */
	standin_stop(vault, "v");
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 4000));
	ATF_CHECK(child_logged(kms, "connection to localhost", AGES));
	new_record(&k2, 0);
	number++;
	patience = 5000;
	ask_store(OP_KEY_CREATE, &k2);
	tell(OP_KEY_CREATE, &k2, k2.policy_digest, zero);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, answer(maker, IMSG_ENGINE_STORED,
	    NULL));
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&k2, NULL));
	kms_end();
}

TEST(lost, "a write whose answer is lost is made once")
{
	struct key_record	 k;

	vault_start(tc);
	conf.mount = "secret";
	kms_start();
	made(&k, 0);
	fault("{\"kv:close\":\"x1\"}");
	made(&k, 0);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	fault("{\"kv:half\":\"x2\"}");
	made(&k, 0);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	fault("{\"kv:close\":\"x1\"}");
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK(!is_there("secret", &k));
	/* What is between us and Vault says yes, and brings nothing. */
	made(&k, 0);
	fault("{\"kv:status\":\"204x1\"}");
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	end();
}

TEST(servers, "the next server, a standby's redirect, and no stranger's")
{
	struct key_record	 k;

	vault_start(tc);
	/* Nobody listens at the first. */
	memcpy(conf.urls[1], conf.urls[0], sizeof(conf.urls[0]));
	strlcpy(conf.urls[0], "https://localhost:1", sizeof(conf.urls[0]));
	snprintf(conf.urls[2], sizeof(conf.urls[2]), "https://127.0.0.1:%u",
	    port);
	kms_start();
	made(&k, 0);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
	/* Nobody knows its name. */
	strlcpy(conf.urls[0], "https://no-such-host.invalid",
	    sizeof(conf.urls[0]));
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	/* It sends round in a circle. */
	set("{\"standby\":\"https://127.0.0.1:%u\"}", port);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 4000));
	set("{\"standby\":\"https://localhost:4\"}");
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 4000));
	ATF_CHECK(child_logged(kms, "elsewhere than", AGES));
	set("{\"standby\":\"http://localhost:%u\"}", port);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 4000));
	/* Active again while the request goes on. */
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, patience);
	tell(OP_TRANSFER, &k, k.policy_digest, wrapping);
	ATF_CHECK(peer_silent(engine, 200));
	set("{\"standby\":false}");
	ATF_CHECK_EQ(DONE_OK, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	end();
}

TEST(wrong_ca, "a server whose certificate is not under the CA gets nothing")
{
	struct key_record	 k;

	vault_start(tc);
	run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
	    "-nodes -keyout other.key -out other.pem -subj /CN=other -days 2 "
	    "2>/dev/null");
	ca = "other.pem";
	kms_start();
	new_record(&k, 0);
	patience = 5000;
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_store(&k));
	ATF_CHECK(child_logged(kms, "certificate of localhost", AGES));
	ATF_CHECK_EQ(0, stat_of("requests"));
	end();
}

/* --- the token ---------------------------------------------------------- */

/* A token with the settings of now, put into its file. */
static void
another_token(void)
{
	set("{\"token\":true}");
	run("sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/' stand >v/token");
}

TEST(expired, "a token that ended: another one in the file, a new login")
{
	struct key_record	 k;

	begin(tc);
	made(&k, 0);
	usleep(1100000);
	set("{\"revoke\":true}");
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "permission denied", AGES));
	another_token();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
	conf.role = "kbsd";
	conf.secret = "v/secret-id";
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	usleep(1100000);
	set("{\"revoke\":true}");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	/* It may not: a login does not help, and what it has is not lost. */
	usleep(1100000);
	run("echo wrong >v/secret-id");
	set("{\"deny\":\"keybroker\"}");
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(1, stat_of("tokens"));
	set("{\"deny\":\"\"}");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
	/* Another secret. */
	kms_start();
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "invalid role or secret ID", AGES));
	end();
}

TEST(renewed, "a token is renewed at half of its time, while it can be")
{
	struct key_record	 k;
	int			 i;

	vault_start(tc);
	conf.role = "kbsd";
	conf.secret = "v/secret-id";
	set("{\"ttl\":8,\"max_ttl\":3600}");
	kms_start();
	made(&k, 0);
	usleep(9500000);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(2, stat_of("tokens"));	/* and the one in the file */
	/* The next ones end after six seconds. */
	set("{\"ttl\":4,\"max_ttl\":6,\"revoke\":true}");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(1, stat_of("tokens"));
	for (i = 0; i < 30; i++) {
		usleep(300000);
		ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	}
	ATF_CHECK(stat_of("tokens") > 1);
	kms_end();
	/* One that may not look itself up is used as it is. */
	set("{\"lookup\":false,\"ttl\":3600}");
	another_token();
	conf.role = "";
	conf.secret = "v/token";
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "may not look itself up", AGES));
	end();
}

/* Vault locks a role out after five of them. */
TEST(vain, "a secret id that was refused is not sent until it is another one")
{
	struct key_record	 k;
	int			 i, before;

	begin(tc);
	made(&k, 0);
	kms_end();
	conf.role = "kbsd";
	conf.secret = "v/secret-id";
	run("cp v/secret-id good; echo wrong >v/secret-id");
	kms_start();
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "until its file is written", AGES));
	before = stat_of("requests");
	for (i = 0; i < 6; i++)
		ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(before, stat_of("requests"));
	run("cat good >v/secret-id");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	end();
}

TEST(unlucky, "a renewal that fails is made again while there is time")
{
	struct key_record	 k;

	vault_start(tc);
	/* Vault has renewed it when it says 418: that is good for 5.7 s. */
	set("{\"ttl\":4}");
	another_token();
	kms_start();
	made(&k, 0);
	fault("{\"auth:status\":\"418x1\"}");
	usleep(7000000);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
	/* What else fails in between does not put it off for good. */
	another_token();
	fault("{\"mount:status\":\"418x1\"}");
	kms_start();
	ATF_CHECK(child_logged(kms, "lookup of the mount", AGES));
	usleep(5000000);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
	/* Nor does a new one in the file, whose lookup fails. */
	set("{\"ttl\":60}");
	another_token();
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	usleep(1100000);
	set("{\"ttl\":12,\"revoke\":true}");
	another_token();
	fault("{\"auth:status\":\"418x1\"}");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "lookup of the token", AGES));
	ATF_CHECK(child_logged(kms, "the token is renewed", AGES));
	kms_end();
	/* In its last second it has a ttl of 0, as root's has for ever. */
	set("{\"ttl\":60,\"last_second\":true}");
	another_token();
	kms_start();
	ATF_CHECK(child_logged(kms, "the token is renewed", AGES));
	kms_end();
	/* One that hangs holds up nobody who needs another token. */
	conf.role = "kbsd";
	conf.secret = "v/secret-id";
	set("{\"ttl\":4,\"last_second\":false}");
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	fault("{\"auth:hang\":\"x1\"}");
	met("auth:hang");
	set("{\"revoke\":true}");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	end();
}

/* --- which KV it is ------------------------------------------------------- */

TEST(which, "a mount of another version than was thought harms no key")
{
	struct key_record	 k, k2;
	char			 state[REASON_TEXT_MAX];

	vault_start(tc);
	conf.version = 2;
	kms_start();
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	ATF_CHECK_MSG(strstr(state, "is KV version 1, and the configuration "
	    "says 2") != NULL, "%s", state);
	kms_end();
	conf.version = 0;
	conf.mount = "secret/below";
	kms_start();
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	ATF_CHECK_MSG(strstr(state, "lies within secret/") != NULL, "%s",
	    state);
	kms_end();
	set("{}");
	ATF_CHECK(strstr(slurp("stand", NULL), "\"keys\":{}") != NULL);
	/* Enabled while we run: it is not taken for removed. */
	conf.mount = "keybroker";
	kms_start();
	ATF_CHECK(all_swept());
	made(&k, 0);
	made(&k2, 0);
	set("{\"version2\":\"keybroker\"}");
	run(CURL "-o root -H \"X-Vault-Token: $(cat v/root)\" "
	    "-H 'X-Vault-Request: true' -H 'Content-Type: application/json' "
	    "-d '{\"policy\":\"path \\\"keybroker/*\\\" { capabilities = "
	    "[\\\"read\\\", \\\"delete\\\"] }\"}' "
	    "https://localhost:%u/v1/sys/policies/acl/kbsd", port);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_remove(&k2, NULL));
	ATF_CHECK(child_logged(kms, "Invalid path for a versioned", AGES));
	ATF_CHECK(is_there("keybroker", &k2));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k2, NULL));
	ATF_CHECK(!is_there("keybroker", &k2));
	end();
}

TEST(guessed, "which version it is, without being told, is a guess")
{
	struct key_record	 k;

	vault_start(tc);
	conf.mount = "secret";
	set("{\"openbao\":true}");
	run("cp v/token good; echo hvs.ended >v/token");
	kms_start();
	new_record(&k, 0);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_store(&k));
	ATF_CHECK(child_logged(kms, "taken for KV version 1", AGES));
	usleep(1100000);
	run("cat good >v/token");
	made(&k, 0);
	ATF_CHECK(is_there("secret", &k));
	kms_end();
	conf.version = 2;
	set("{\"mounts\":false}");
	whole_life("secret");
	standin_stop(vault, "v");
}

/* --- at the same time ---------------------------------------------------- */

TEST(meanwhile, "what changes while Vault is asked is decided once more")
{
	struct key_record	 k, old;
	struct uuid		 policy;

	begin(tc);
	made(&k, 0);
	old = k;
	fault("{\"kv:slow\":\"60x1\"}");
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, patience);
	tell(OP_TRANSFER, &k, k.policy_digest, wrapping);
	met("kv:slow");
	ATF_CHECK(peer_silent(engine, 200));
	uuid_make(&policy);
	ATF_CHECK_EQ(DONE_OK, do_move(&k, &policy, 'n'));
	fault("{\"release\":true}");
	number--;
	ATF_CHECK_EQ(DONE_STALE, answer(engine, IMSG_ENGINE_FETCHED, &old));
	ATF_CHECK_EQ(2, old.serial);
	number++;
	/* Two that change one key: the second hears that it is busy. */
	fault("{\"kv:slow\":\"60x1\"}");
	{
		struct wbuf	 w = { 0 };

		number++;
		put_head(&w, OP_KEY_DELETE, HALF_GRANT, &k);
		wb_u64(&w, now_ms() + patience);
		peer_send(engine, IMSG_KMS_DELETE, &w);
		tell(OP_KEY_DELETE, &k, zero, zero);
		met("kv:slow");
		ATF_CHECK(peer_silent(engine, 200));
	}
	ATF_CHECK_EQ(DONE_BUSY, do_remove(&k, NULL));
	fault("{\"release\":true}");
	number--;
	ATF_CHECK_EQ(DONE_OK, answer(engine, IMSG_ENGINE_STORED, NULL));
	end();
}

TEST(checked, "whether it is usable is found out by using it")
{
	struct key_record	 k;
	char			 state[REASON_TEXT_MAX];
	int			 keys;

	begin(tc);
	ATF_CHECK_EQ(1, check(1, state, sizeof(state)));
	ATF_CHECK_STREQ("a key was put, got and removed", state);
	set("{}");
	ATF_CHECK(strstr(slurp("stand", NULL), "\"keys\":{}") != NULL);
	made(&k, 0);
	keys = stat_of("requests");
	ATF_CHECK_EQ(1, check(0, state, sizeof(state)));
	ATF_CHECK_EQ(keys, stat_of("requests"));
	set("{\"deny\":\"keybroker\"}");
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	ATF_CHECK_MSG(strstr(state, "403") != NULL ||
	    strstr(state, "does not permit") != NULL, "%s", state);
	set("{\"deny\":false,\"sealed\":true}");
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	ATF_CHECK(strstr(state, "Vault is sealed") != NULL);
	ATF_CHECK_EQ(0, check(0, state, sizeof(state)));
	set("{\"sealed\":false}");
	fault("{\"kv:hang\":true}");
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	fault("{\"clear\":true}");
	ATF_CHECK_EQ(1, check(1, state, sizeof(state)));
	end();
}

/* Are there keys at the stand-in? */
static int
holds_keys(void)
{
	set("{}");
	return (strstr(slurp("stand", NULL), "\"keys\":{}") == NULL);
}

TEST(check_cut, "a check that is cut short leaves no key behind")
{
	char	 state[REASON_TEXT_MAX];

	begin(tc);
	/* Its key comes there, and the answer too late. */
	fault("{\"kv:slow\":\"20x1\"}");
	ask_check(1);
	while (!holds_keys())
		usleep(20000);
	ATF_CHECK_EQ(0, hear_check(state, sizeof(state)));
	ATF_CHECK_EQ_MSG(1, check(1, state, sizeof(state)), "%s", state);
	ATF_CHECK(!holds_keys());
	fault("{\"kv:slow\":\"20x1\"}");
	ask_check(1);
	while (!holds_keys())
		usleep(20000);
	kill(child_pid(kms), SIGKILL);
	kms_end();
	ATF_CHECK(holds_keys());
	kms_start();
	ATF_CHECK(all_swept());
	ATF_CHECK(!holds_keys());
	end();
}

TEST(cached, "what was got is kept for its time, behind the same refusals")
{
	struct key_record	 k, old, other;
	struct uuid		 policy;
	int			 n;

	vault_start(tc);
	kept = 8;
	kms_start();
	made(&k, 0);
	made(&other, KEY_ATTESTED_ONLY);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	n = stat_of("requests");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(n, stat_of("requests"));
	/* Refused as ever, and not without its audit line. */
	old = k;
	old.seal[0] ^= 1;
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&old, NULL));
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, 300);
	ATF_CHECK_EQ(DONE_TIMEOUT, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	/* Another policy: what was got for the old one is forgotten. */
	old = k;
	uuid_make(&policy);
	ATF_CHECK_EQ(DONE_OK, do_move(&k, &policy, 'n'));
	ATF_CHECK_EQ(DONE_STALE, do_fetch(&old, &old));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(n + 1, stat_of("requests"));
	/* Vault may be away for a while, but not for longer. */
	set("{\"sealed\":true}");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	usleep(8200000);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 4000));
	set("{\"sealed\":false}");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	/* One that was got while it was removed is not kept. */
	fault("{\"kv:slow\":\"60x1\"}");
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &other, other.policy_digest,
	    patience);
	tell(OP_TRANSFER, &other, other.policy_digest, wrapping);
	met("kv:slow");
	ATF_CHECK(peer_silent(engine, 200));
	ATF_CHECK_EQ(DONE_OK, do_take_away(OP_KEY_FORGET, &other, NULL));
	fault("{\"release\":true}");
	number--;
	ATF_CHECK_EQ(DONE_NONE, answer(engine, IMSG_ENGINE_FETCHED, NULL));
	number++;
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&other, NULL));
	end();
}

/* Who asked is gone while Vault is. */
TEST(gone, "an engine that ends takes its calls with it")
{
	struct key_record	 k;

	begin(tc);
	made(&k, 0);
	fault("{\"kv:hang\":\"x1\"}");
	number++;
	ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest, patience);
	tell(OP_TRANSFER, &k, k.policy_digest, wrapping);
	met("kv:hang");
	ATF_CHECK(peer_silent(engine, 200));
	peer_close(engine);
	usleep(100000);
	engine = child_edge(kms, PROC_ENGINE, 0, 0);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	end();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, kv);
	ATF_TP_ADD_TC(tp, real);
	ATF_TP_ADD_TC(tp, alike);
	ATF_TP_ADD_TC(tp, kept);
	ATF_TP_ADD_TC(tp, changed);
	ATF_TP_ADD_TC(tp, registered);
	ATF_TP_ADD_TC(tp, names);
	ATF_TP_ADD_TC(tp, undone);
	ATF_TP_ADD_TC(tp, versions);
	ATF_TP_ADD_TC(tp, piecemeal);
	ATF_TP_ADD_TC(tp, left);
	ATF_TP_ADD_TC(tp, cut);
	ATF_TP_ADD_TC(tp, beside);
	ATF_TP_ADD_TC(tp, faults);
	ATF_TP_ADD_TC(tp, sealed);
	ATF_TP_ADD_TC(tp, lost);
	ATF_TP_ADD_TC(tp, servers);
	ATF_TP_ADD_TC(tp, wrong_ca);
	ATF_TP_ADD_TC(tp, expired);
	ATF_TP_ADD_TC(tp, renewed);
	ATF_TP_ADD_TC(tp, vain);
	ATF_TP_ADD_TC(tp, unlucky);
	ATF_TP_ADD_TC(tp, which);
	ATF_TP_ADD_TC(tp, guessed);
	ATF_TP_ADD_TC(tp, meanwhile);
	ATF_TP_ADD_TC(tp, checked);
	ATF_TP_ADD_TC(tp, check_cut);
	ATF_TP_ADD_TC(tp, cached);
	ATF_TP_ADD_TC(tp, gone);
	return (atf_no_error());
}

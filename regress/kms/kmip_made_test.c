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
 * Keys that the KMIP server makes itself, and what is activated: PyKMIP, and
 * servers that make something else of what they are asked.
 */
#include "kmip_play.h"

static void
makes(const atf_tc_t *tc)
{
	prepare(tc);
	conf.makes = 1 << ALG_AES | 1 << ALG_RSA;
	secret = NULL;
}

static void
kind(struct key_record *k, enum algorithm algorithm, uint16_t bits)
{
	new_record(k, 0);
	k->algorithm = (uint8_t)algorithm;
	k->length = bits;
}

/* What the server has: of each the name. */
static void
has(const char *names)
{
	client("print(sorted(a.attribute_value.name_value.value[:5] + "
	    "a.attribute_value.name_value.value[41:] for i in c.locate() "
	    "for a in c.get_attributes(i, ['Name'])[1]))");
	ATF_CHECK_STREQ(names, slurp("said", NULL));
}

#define ONE	"['kbsd:']\n"
#define PAIR	"['kbsd:', 'kbsd::public']\n"
#define NONE	"[]\n"

static void
fetched_fits(const struct key_record *k)
{
	ATF_REQUIRE_EQ(DONE_OK, do_fetch(k, NULL));
	ATF_CHECK_EQ(NULL, material_wrong(k, came, camelen));
}

static void
life(enum algorithm algorithm, uint16_t bits, const char *names)
{
	struct key_record	 k, old, bare;
	struct uuid		 policy;

	kms_start();
	kind(&bare, algorithm, bits);
	k = bare;
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	ATF_CHECK_EQ(1, k.serial);
	ATF_CHECK(k.backend[0] != '\0' && strlen(k.backend) < 8);
	fetched_fits(&k);
	has(names);
	ATF_CHECK_EQ(DONE_REFUSED, do_store(&bare));
	old = k;
	uuid_make(&policy);
	ATF_CHECK_EQ(DONE_OK, do_move(&k, &policy, 'n'));
	ATF_CHECK_EQ(DONE_STALE, do_fetch(&old, &old));
	kms_end();
	kms_start();
	fetched_fits(&k);
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	has(NONE);
	/* Made, but not in our database: all of it is found by name. */
	kind(&bare, algorithm, bits);
	k = bare;
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	run("cd d && python3 -c \"import sqlite3; d = sqlite3.connect("
	    "'keys.db'); d.execute('DELETE FROM keys'); d.commit()\"");
	ATF_CHECK_EQ(DONE_OK, do_remove(&bare, NULL));
	has(NONE);
	kms_end();
}

TEST(made, "AES and RSA, 1.4 and 2.0: made, released, both halves gone")
{
	makes(tc);
	server_start(NULL, NULL);
	for (conf.major = 1, conf.minor = 4; conf.major < 3;
	    conf.major++, conf.minor = 0) {
		life(ALG_AES, 128, ONE);
		life(ALG_AES, 256, ONE);
		life(ALG_RSA, 2048, PAIR);
		life(ALG_RSA, 3072, PAIR);
	}
	standin_stop(server, "k");
}

TEST(given, "what is given is registered all the same; EC is not made there")
{
	struct key_record	 k;

	makes(tc);
	server_start(NULL, NULL);
	kms_start();
	kind(&k, ALG_EC, 256);
	k.curve = CURVE_P256;
	ATF_CHECK_EQ(DONE_INVALID, do_store(&k));
	secret = SECRET;
	made(&k, 0);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	kms_end();
	/* Without the word it makes none. */
	conf.makes = 0;
	kms_start();
	made(&k, 0);
	secret = NULL;
	ATF_CHECK_EQ(DONE_REFUSED, do_rotate(&k));
	kind(&k, ALG_AES, 256);
	ATF_CHECK_EQ(DONE_INVALID, do_store(&k));
	has(ONE);
	end();
}

/* Another client's pair has no names: only what its id says goes. */
TEST(others, "of a pair that another client had made one half goes")
{
	struct key_record	 k;

	makes(tc);
	server_start(NULL, NULL);
	kms_start();
	client("print(c.create_key_pair(A.RSA, 2048, public_usage_mask="
	    "[M.ENCRYPT], private_usage_mask=[M.DECRYPT])[1])");
	kind(&k, ALG_RSA, 2048);
	ATF_CHECK_EQ(DONE_OK, do_register(&k, slurp("said", NULL)));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	client("print(len(c.locate()))");
	ATF_CHECK_STREQ("1\n", slurp("said", NULL));
	end();
}

static void
keep_version(const struct key_record *k, uint32_t version, uint8_t *data,
    size_t *len)
{
	wanted = version;
	ATF_REQUIRE_EQ(DONE_OK, do_fetch(k, NULL));
	wanted = 0;
	ATF_CHECK_EQ(NULL, material_wrong(k, came, camelen));
	memcpy(data, came, camelen);
	*len = camelen;
}

/* The life of a key with versions that nobody has seen before. */
static void
versions_of(enum algorithm algorithm, uint16_t bits)
{
	static uint8_t		 data[3][MATERIAL_MAX], again[MATERIAL_MAX];
	struct key_record	 k, old;
	size_t			 len[3], n;
	uint32_t		 v;

	kind(&k, algorithm, bits);
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	for (v = 2; v <= 3; v++) {
		old = k;
		ATF_REQUIRE_EQ(DONE_OK, do_rotate(&k));
		ATF_CHECK_EQ(v, k.version);
		ATF_CHECK_EQ(v, k.serial);
		ATF_CHECK_EQ(DONE_STALE, do_rotate(&old));
	}
	for (v = 1; v <= 3; v++)
		keep_version(&k, v, data[v - 1], &len[v - 1]);
	ATF_CHECK(memcmp(data[0], data[1], len[0]) != 0);
	ATF_CHECK(memcmp(data[1], data[2], len[1]) != 0);
	kms_end();
	kms_start();
	for (v = 1; v <= 3; v++) {
		keep_version(&k, v, again, &n);
		ATF_REQUIRE_EQ(len[v - 1], n);
		ATF_CHECK_EQ(0, memcmp(again, data[v - 1], n));
	}
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(DONE_NONE, do_rotate(&k));
	has(NONE);
}

TEST(versions, "each version is made there; all go, with their other halves")
{
	makes(tc);
	server_start(NULL, NULL);
	kms_start();
	versions_of(ALG_AES, 256);
	versions_of(ALG_RSA, 2048);
	end();
}

/* --- lost in between ----------------------------------------------------- */

TEST(cut, "an answer that is lost: a key once, a pair once or not at all")
{
	struct key_record	 k, bare;
	int			 i;

	makes(tc);
	server_start(NULL, NULL);
	conf.major = 1;
	conf.minor = 4;
	relay_start(FIRST_REQUEST);
	for (i = 0; i < 2; i++) {
		cut_next(i);
		kind(&k, ALG_AES, 256);
		ATF_REQUIRE_EQ_MSG(DONE_OK, do_store(&k), "%d", i);
		fetched_fits(&k);
		has(ONE);
		ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
		kms_end();
	}
	cut_next(1);
	kind(&k, ALG_RSA, 2048);
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	fetched_fits(&k);
	has(PAIR);
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	kms_end();
	/* The server may be at it still: it is not asked again. */
	cut_next(0);
	kind(&bare, ALG_RSA, 2048);
	k = bare;
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_store(&k));
	ATF_CHECK(child_logged(kms, "before the pair was made", AGES));
	ATF_CHECK_EQ(DONE_OK, do_remove(&bare, NULL));
	has(NONE);
	kms_end();
	relay_stop();
	standin_stop(server, "k");
}

TEST(cut_rotation, "a version whose making was cut short is swept away")
{
	struct key_record	 k;

	makes(tc);
	server_start(NULL, NULL);
	kms_start();
	kind(&k, ALG_RSA, 2048);
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	kms_end();
	conf.major = 1;
	conf.minor = 4;
	relay_start(SECOND_REQUEST);
	conf.activate = 1;
	cut_next(1);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_rotate(&k));
	ATF_CHECK(child_logged(kms, "never recorded, is removed", AGES));
	has(PAIR);
	fetched_fits(&k);
	ATF_CHECK_EQ(DONE_OK, do_rotate(&k));
	ATF_CHECK_EQ(2, k.version);
	fetched_fits(&k);
	kms_end();
	relay_stop();
	standin_stop(server, "k");
}

/* --- activated ----------------------------------------------------------- */

static void
states(const char *want)
{
	client("print(sorted(c.get_attributes(i, ['State'])[1][0]."
	    "attribute_value.value.name for i in c.locate()))");
	ATF_CHECK_STREQ(want, slurp("said", NULL));
}

TEST(activated, "what is put is activated, and revoked before it goes")
{
	struct key_record	 k;
	char			 state[REASON_TEXT_MAX];

	makes(tc);
	server_start(NULL, NULL);
	conf.activate = 1;
	for (conf.major = 1, conf.minor = 4; conf.major < 3;
	    conf.major++, conf.minor = 0) {
		kms_start();
		kind(&k, ALG_AES, 256);
		ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
		states("['ACTIVE']\n");
		fetched_fits(&k);
		ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
		kind(&k, ALG_RSA, 2048);
		ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
		states("['ACTIVE', 'PRE_ACTIVE']\n");
		fetched_fits(&k);
		ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
		secret = SECRET;
		made(&k, 0);
		states("['ACTIVE']\n");
		ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
		ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
		secret = NULL;
		ATF_CHECK_EQ(1, check(1, state, sizeof(state)));
		ATF_CHECK_STREQ("a key was made, got and removed", state);
		states("[]\n");
		kms_end();
	}
	standin_stop(server, "k");
}

TEST(cut_activation, "one that may be active or not is undone")
{
	struct key_record	 k, bare;
	int			 i;

	makes(tc);
	server_start(NULL, NULL);
	conf.major = 2;
	conf.minor = 0;
	conf.activate = 1;
	relay_start(SECOND_REQUEST);
	for (i = 0; i < 2; i++) {
		cut_next(i);
		kind(&bare, ALG_AES, 256);
		k = bare;
		ATF_CHECK_EQ(DONE_UNAVAILABLE, do_store(&k));
		states(i ? "['ACTIVE']\n" : "['PRE_ACTIVE']\n");
		ATF_CHECK_EQ(DONE_OK, do_remove(&bare, NULL));
		has(NONE);
		kms_end();
	}
	relay_stop();
	standin_stop(server, "k");
}

/* --- a server that only seems to make keys -------------------------------- */

/*
 * A line of `acts' is an operation and the payload of its answer, in hex; all
 * other operations are refused.  What it was asked is in `asked'.
 */
static const char	 acting[] =
    "import socket,ssl,struct,os\n"
    "c=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
    "c.load_cert_chain('k/server.pem','k/server.key')\n"
    "s=socket.socket();s.bind(('127.0.0.1',0));s.listen(9)\n"
    "open('tmp','w').write(str(s.getsockname()[1]))\n"
    "os.rename('tmp','acting.port')\n"
    "h=bytes.fromhex\n"
    "def it(tag,kind,v):\n"
    "    return h(tag)+struct.pack('>BI',kind,len(v))+v+b'\\0'*(-len(v)%8)\n"
    "def number(tag,n): return it(tag,5,struct.pack('>I',n))\n"
    "def answer(r):\n"
    "    i=r.index(h('42005c0500000004'));op=r[i+11]\n"
    "    print('%02x'%op,file=open('asked','a'))\n"
    "    acts=dict(l.split() for l in open('acts'))\n"
    "    p=acts.get('%02x'%op)\n"
    "    if p is None: x=number('42007f',1)+number('42007e',5)\n"
    "    else: x=number('42007f',0)+it('42007c',1,h(p.strip('.')))\n"
    "    return it('42007b',1,it('42000f',1,number('42005c',op)+x))\n"
    "while True:\n"
    "    try:\n"
    "        t=c.wrap_socket(s.accept()[0],server_side=True)\n"
    "        f=t.makefile('rb')\n"
    "        while r:=f.read(8):\n"
    "            r+=f.read(int.from_bytes(r[4:],'big'))\n"
    "            t.sendall(answer(r))\n"
    "        t.close()\n"
    "    except OSError: pass\n";

static pid_t	 acting_pid;

static void
acting_start(void)
{
	FILE	*fp;
	int	 i;

	/* Of PyKMIP only the certificates. */
	server_start(NULL, NULL);
	standin_stop(server, "k");
	ATF_REQUIRE((fp = fopen("acting.py", "w")) != NULL);
	fputs(acting, fp);
	fclose(fp);
	ATF_REQUIRE((acting_pid = fork()) != -1);
	if (acting_pid == 0) {
		execlp("python3", "python3", "acting.py", (char *)NULL);
		_exit(127);
	}
	for (i = 0; i < AGES / 10 && access("acting.port", R_OK) == -1; i++)
		usleep(10000);
	port = (unsigned int)atoi(slurp("acting.port", NULL));
	conf.major = 1;
	conf.minor = 4;
}

static void
acting_stop(void)
{
	kill(acting_pid, SIGKILL);
	(void)waitpid(acting_pid, NULL, 0);
}

#define ID		"420094070000000137" "00000000000000"
#define PRIVATE		"420066070000000137" "00000000000000"
#define E(tag, n)	tag "0500000004" n "00000000"
#define I(tag, n)	tag "0200000004" n "00000000"
#define ZEROS		"00000000000000000000000000000000"
/* A Get's answer: an AES key of 128 bits, or of 256. */
#define KEY128								\
	E("420057", "00000002") ID "42008f0100000058"			\
	"4200400100000050" E("420042", "00000001")			\
	"4200450100000018" "4200430800000010" ZEROS			\
	E("420028", "00000003") I("42002a", "00000080")
#define KEY256								\
	E("420057", "00000002") ID "42008f0100000068"			\
	"4200400100000060" E("420042", "00000001")			\
	"4200450100000028" "4200430800000020" ZEROS ZEROS		\
	E("420028", "00000003") I("42002a", "00000100")
/* One that nobody has asked for. */
#define KEY_OTHER							\
	E("420057", "00000002") "420094070000000138" "00000000000000"	\
	"42008f0100000068"						\
	"4200400100000060" E("420042", "00000001")			\
	"4200450100000028" "4200430800000020" ZEROS ZEROS		\
	E("420028", "00000003") I("42002a", "00000100")
/* One that says nothing of its length, which is another. */
#define KEY_SILENT							\
	E("420057", "00000002") ID "42008f0100000048"			\
	"4200400100000040" E("420042", "00000001")			\
	"4200450100000018" "4200430800000010" ZEROS			\
	E("420028", "00000003")
#define NO_KEY		E("420057", "00000007") ID

TEST(acting, "what a server says that it made is looked at")
{
	static const struct {
		enum algorithm	 algorithm;
		const char	*acts;
		int		 result;
		const char	*says;
	} rows[] = {
		{ ALG_AES, "01 " ID "\n0a " KEY256, DONE_OK, NULL },
		{ ALG_AES, "", DONE_UNAVAILABLE, "refused it (reason 5)" },
		{ ALG_RSA, "01 " ID "\n0a " KEY256, DONE_UNAVAILABLE,
		    "refused it (reason 5)" },
		{ ALG_AES, "01 .\n", DONE_UNAVAILABLE, "no id of the key" },
		{ ALG_RSA, "02 " ID, DONE_UNAVAILABLE, "no id of the key" },
		{ ALG_AES, "01 4200940700000000", DONE_UNAVAILABLE,
		    "unusable id" },
		{ ALG_AES, "01 " I("420094", "00000007"), DONE_UNAVAILABLE,
		    "unusable id" },
		{ ALG_RSA, "02 " I("420066", "00000007"), DONE_UNAVAILABLE,
		    "unusable id" },
		{ ALG_AES, "01 4200940700000008" "0a37373737373737",
		    DONE_UNAVAILABLE, "unusable id" },
		/* made, but not what was asked for, or not to be had */
		{ ALG_AES, "01 " ID, DONE_UNAVAILABLE,
		    "refused it (reason 5)" },
		{ ALG_AES, "01 " ID "\n0a .", DONE_UNAVAILABLE,
		    "no key of the record's kind" },
		{ ALG_AES, "01 " ID "\n0a " NO_KEY, DONE_UNAVAILABLE,
		    "no key of the record's kind" },
		{ ALG_AES, "01 " ID "\n0a " KEY128, DONE_UNAVAILABLE,
		    "another length" },
		{ ALG_AES, "01 " ID "\n0a " KEY_SILENT, DONE_UNAVAILABLE,
		    "not of the record's length" },
		{ ALG_RSA, "02 " PRIVATE "\n0a " KEY256, DONE_UNAVAILABLE,
		    "no key of the record's kind" },
		{ ALG_AES, "01 " ID "\n0a " KEY_OTHER, DONE_UNAVAILABLE,
		    "it is another key" },
	};
	struct key_record	 k;
	size_t			 i;
	int			 made_it;

	makes(tc);
	acting_start();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run("printf '%s\n' | grep . >acts || :", rows[i].acts);
		kms_start();
		kind(&k, rows[i].algorithm, rows[i].algorithm == ALG_RSA ?
		    2048 : 256);
		made_it = do_store(&k);
		ATF_CHECK_EQ_MSG(rows[i].result, made_it, "%zu: %s", i,
		    rows[i].acts);
		if (rows[i].says != NULL)
			ATF_CHECK_MSG(child_logged(kms, rows[i].says, AGES),
			    "%zu: %s", i, rows[i].says);
		/* There is a record where there is a key, and no other. */
		ATF_CHECK_EQ(rows[i].result == DONE_OK ? DONE_OK : DONE_NONE,
		    k.serial != 0 ? do_fetch(&k, NULL) : DONE_NONE);
		kms_end();
		run("python3 -c \"import sqlite3; d = sqlite3.connect("
		    "'d/keys.db'); n = d.execute('DELETE FROM keys')."
		    "rowcount; d.commit(); assert n == %d\"",
		    rows[i].result == DONE_OK);
	}
	acting_stop();
}

TEST(same_id, "a new key is no other one, least of all a marked one")
{
	struct key_record	 k;
	char			 state[REASON_TEXT_MAX];

	makes(tc);
	acting_start();
	run("printf '01 " ID "\n0a " KEY256 "\n14 " ID "\n' >acts");
	kms_start();
	kind(&k, ALG_AES, 256);
	k.flags = KEY_ATTESTED_ONLY;
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_rotate(&k));
	kind(&k, ALG_AES, 256);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_store(&k));
	ATF_CHECK(child_logged(kms, "the id of another key", AGES));
	/* Nor is it the check's, which would remove it. */
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	ATF_CHECK_STREQ("the keystore gave it the id of another key", state);
	run("! grep -q 14 asked");
	kms_end();
	acting_stop();
}

TEST(left, "what the check has made goes, whatever comes back")
{
	static const struct {
		int		 makes;
		const char	*acts;
		const char	*says;
	} rows[] = {
		{ 1, "01 " ID "\n0a " KEY128, "is of another length" },
		{ 1, "01 " ID, "refused it (reason 5)" },
		{ 0, "03 " ID "\n0a " KEY256, "another key came back" },
	};
	char			 state[REASON_TEXT_MAX];
	size_t			 i;

	makes(tc);
	acting_start();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		conf.makes = rows[i].makes << ALG_AES;
		run("printf '%s\n14 " ID "\n' >acts; rm -f asked",
		    rows[i].acts);
		kms_start();
		ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
		ATF_CHECK_MSG(strstr(state, rows[i].says) != NULL, "%s",
		    state);
		run("grep -q 14 asked");
		kms_end();
	}
	acting_stop();
}

TEST(not_activated, "a key that can't be activated is none")
{
	struct key_record	 k;

	makes(tc);
	acting_start();
	conf.activate = 1;
	run("printf '01 " ID "\n0a " KEY256 "\n' >acts");
	kms_start();
	kind(&k, ALG_AES, 256);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_store(&k));
	kms_end();
	run("printf '12 " ID "\n' >>acts");
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_store(&k));
	kms_end();
	acting_stop();
}

TEST(no_locate, "a pair's other half is missed only where there is one")
{
	struct key_record	 k;

	makes(tc);
	acting_start();
	run("printf '03 " ID "\n14 " ID "\n' >acts");
	secret = SECRET;
	kms_start();
	kind(&k, ALG_RSA, 2048);
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_remove(&k, NULL));
	kms_end();
	conf.makes = 0;
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	kms_end();
	acting_stop();
}

#define OFFER(op)	E("42005c", "000000" op)
#define NAMED		"42009d0700000008" "4120736572766572"
#define MOST		OFFER("08") OFFER("0a") OFFER("14") OFFER("18")

TEST(offered, "what the server lacks is said, and not held against it")
{
	struct key_record	 k;
	char			 state[REASON_TEXT_MAX];

	makes(tc);
	acting_start();
	/* Neither Create nor Create Key Pair. */
	run("printf '18 " MOST NAMED "\n' >acts");
	kms_start();
	kind(&k, ALG_AES, 256);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_store(&k));
	ATF_CHECK(child_logged(kms, "localhost is A server", AGES));
	ATF_CHECK(child_logged(kms, "localhost does not offer Create, Create "
	    "Key Pair", AGES));
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	ATF_CHECK_STREQ("localhost does not offer Create", state);
	kms_end();
	/* It does what it did not say; the check says what it did not. */
	run("printf '18 " MOST OFFER("01") "\n01 " ID "\n0a " KEY256
	    "\n14 " ID "\n' >acts");
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_store(&k));
	ATF_CHECK(child_logged(kms, "without a name", AGES));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	ATF_CHECK_STREQ("localhost does not offer Create Key Pair", state);
	/* The keys that are there can be had. */
	ATF_CHECK_EQ(1, check(0, state, sizeof(state)));
	ATF_CHECK_STREQ("answers", state);
	kms_end();
	/* Without the words these are not missing, but others are. */
	conf.makes = 0;
	conf.activate = 1;
	kms_start();
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	ATF_CHECK(child_logged(kms, "does not offer Register, Activate, "
	    "Revoke", AGES));
	kms_end();
	acting_stop();
}

TEST(not_offered, "a server that knows no Query, or answers nonsense, goes on")
{
	static const char *const	 queries[] = {
		"", "18 .\n", "18 " I("42005c", "00000001") "\n",
		/* no item */
		"18 42009d050000000800000000\n",
		"18 42005c05000000040000000a\n",
	};
	struct key_record	 k;
	char			 state[REASON_TEXT_MAX];
	size_t			 i;

	makes(tc);
	acting_start();
	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		run("printf '%s01 " ID "\n0a " KEY256 "\n14 " ID
		    "\n' >acts", queries[i]);
		kms_start();
		kind(&k, ALG_AES, 256);
		ATF_CHECK_EQ_MSG(DONE_OK, do_store(&k), "%zu", i);
		ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
		ATF_CHECK_EQ_MSG(1, check(1, state, sizeof(state)), "%zu: %s",
		    i, state);
		ATF_CHECK(!child_logged(kms, "does not offer", 0));
		kms_end();
	}
	acting_stop();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, made);
	ATF_TP_ADD_TC(tp, given);
	ATF_TP_ADD_TC(tp, others);
	ATF_TP_ADD_TC(tp, versions);
	ATF_TP_ADD_TC(tp, cut);
	ATF_TP_ADD_TC(tp, cut_rotation);
	ATF_TP_ADD_TC(tp, activated);
	ATF_TP_ADD_TC(tp, cut_activation);
	ATF_TP_ADD_TC(tp, acting);
	ATF_TP_ADD_TC(tp, same_id);
	ATF_TP_ADD_TC(tp, left);
	ATF_TP_ADD_TC(tp, not_activated);
	ATF_TP_ADD_TC(tp, no_locate);
	ATF_TP_ADD_TC(tp, offered);
	ATF_TP_ADD_TC(tp, not_offered);
	return (atf_no_error());
}

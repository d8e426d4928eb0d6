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
 * The kms program with a keystore behind PyKMIP, the real server, over mutual
 * TLS; and behind servers that only seem to be one.
 */
#include "kmip_play.h"

/* --- a good server ------------------------------------------------------ */

static void
whole_life(void)
{
	struct key_record	 k, old, bare;
	struct uuid		 policy;

	kms_start();
	new_record(&bare, 0);
	k = bare;
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	ATF_CHECK_EQ(1, k.serial);
	ATF_CHECK(k.backend[0] != '\0' && strlen(k.backend) < 8);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	old = k;
	uuid_make(&policy);
	ATF_CHECK_EQ(DONE_OK, do_move(&k, &policy, 'n'));
	ATF_CHECK_EQ(DONE_STALE, do_fetch(&old, &old));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	/* Made, but not in our database: found by its name. */
	new_record(&bare, 0);
	k = bare;
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	run("cd d && python3 -c \"import sqlite3; d = sqlite3.connect("
	    "'keys.db'); d.execute('DELETE FROM keys'); d.commit()\"");
	ATF_CHECK_EQ(DONE_OK, do_remove(&bare, NULL));
	ATF_CHECK_EQ(DONE_INVALID, do_register(&bare, k.backend));
	/* One that never was made. */
	new_record(&bare, 0);
	ATF_CHECK_EQ(DONE_OK, do_remove(&bare, NULL));
	kms_end();
}

TEST(life, "1.4, 2.0 and what the server names; over TLS 1.2, by address")
{
	prepare(tc);
	server_start(NULL, NULL);
	whole_life();
	conf.major = 1;
	conf.minor = 4;
	whole_life();
	conf.major = 2;
	conf.minor = 0;
	conf.protocols = "tlsv1.2";
	conf.host = "127.0.0.1";
	whole_life();
	conf.tls_name = "localhost";
	whole_life();
	standin_stop(server, "k");
}

TEST(rsa, "a server with an RSA certificate has CBC suites only")
{
	struct key_record	 k;

	prepare(tc);
	server_start("--rsa", NULL);
	kms_start();
	made(&k, 0);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	end();
}

TEST(together, "fifty requests on one connection, and idle in between")
{
	struct key_record	 k;
	struct rbuf		 r;
	int			 i;

	begin(tc);
	made(&k, 0);
	for (i = 0; i < 50; i++) {
		number++;
		ask_fetch(OP_TRANSFER, HALF_VERDICT, &k, k.policy_digest,
		    20000);
		tell(OP_TRANSFER, &k, k.policy_digest, wrapping);
	}
	for (i = 0; i < 50; i++)
		peer_recv(engine, IMSG_ENGINE_FETCHED, &r, 20000);
	/* Closed by us meanwhile. */
	sleep(3);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	end();
}

TEST(alone, "one request leaves no connection behind that keeps its key")
{
	struct key_record	 k;

	begin(tc);
	made(&k, 0);
	kms_end();
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(1, child_counter(kms, "connections"));
	sleep(8);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(2, child_counter(kms, "connections"));
	end();
}

TEST(checked, "whether it is usable is found out by using it")
{
	struct key_record	 k;
	char			 state[REASON_TEXT_MAX];

	begin(tc);
	ATF_CHECK_EQ(1, check(1, state, sizeof(state)));
	made(&k, 0);
	ATF_CHECK_EQ(1, check(0, state, sizeof(state)));
	ATF_CHECK_STREQ("answers", state);
	client("print(len(c.locate()))");
	ATF_CHECK_STREQ("1\n", slurp("said", NULL));
	standin_stop(server, "k");
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	ATF_CHECK(strstr(state, "Connection refused") != NULL);
	kms_end();
}

TEST(versions, "each version is a key of its own; all go with the first")
{
	begin(tc);
	life_of_versions();
	client("print(len(c.locate()))");
	ATF_CHECK_STREQ("0\n", slurp("said", NULL));
	end();
}

TEST(registered, "keys that are there already, made by others too")
{
	struct key_record	 k, other;
	char			 id[NAME_MAX_BACKEND];

	begin(tc);
	client("print(c.register(objects.SymmetricKey(A.AES, 128, "
	    "b'SIXTEEN-SECRET-B', [M.ENCRYPT])))");
	new_record(&k, 0);
	ATF_CHECK_EQ(DONE_OK, do_register(&k, slurp("said", NULL)));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	/* Marked it would still be released by the other record. */
	new_record(&other, KEY_ATTESTED_ONLY);
	ATF_CHECK_EQ(DONE_REFUSED, do_register(&other, slurp("said", NULL)));
	/* Twice without it is the operator's own affair. */
	new_record(&other, 0);
	ATF_CHECK_EQ(DONE_OK, do_register(&other, slurp("said", NULL)));
	ATF_CHECK_EQ(DONE_OK, do_take_away(OP_KEY_FORGET, &other, NULL));
	/* Undone: the owner has it as before, and may give it again. */
	other = k;
	other.serial = 0;
	memset(other.seal, 0, DIGEST_LEN);
	ATF_CHECK_EQ(DONE_OK, do_remove(&other, NULL));
	new_record(&k, KEY_ATTESTED_ONLY);
	ATF_CHECK_EQ(DONE_OK, do_register(&k, slurp("said", NULL)));
	/* Under another id the mark would be lost. */
	new_record(&other, 0);
	ATF_CHECK_EQ(DONE_REFUSED, do_register(&other, slurp("said", NULL)));
	ATF_CHECK_EQ(DONE_OK, do_take_away(OP_KEY_FORGET, &k, NULL));
	ATF_CHECK_EQ(DONE_REFUSED, do_register(&other, slurp("said", NULL)));
	/* From a backup it comes back; and its second version, by its id. */
	unsealed(&k);
	ATF_REQUIRE_EQ(DONE_OK, do_register(&k, slurp("said", NULL)));
	client("print(c.register(objects.SymmetricKey(A.AES, 128, "
	    "b'SECOND-SECRET-16', [M.ENCRYPT])))");
	strlcpy(id, slurp("said", NULL), sizeof(id));
	id[strcspn(id, "\n")] = '\0';
	ATF_REQUIRE_EQ(DONE_OK, do_give(OP_KEY_ROTATE, &k, GIVEN_ID, id,
	    strlen(id)));
	ATF_CHECK_EQ(DONE_OK, do_take_away(OP_KEY_FORGET, &k, NULL));
	unsealed(&k);
	new_record(&other, 0);
	ATF_CHECK_EQ(DONE_REFUSED, do_register(&other, id));
	ATF_REQUIRE_EQ(DONE_OK, do_store(&k));
	/* It has other material there now, but that keeps its mark. */
	ATF_CHECK_EQ(DONE_REFUSED, do_register(&other, id));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(DONE_REFUSED, do_register(&other, id));
	/* In use, it is revoked before it is destroyed. */
	client("i = c.register(objects.SymmetricKey(A.AES, 128, "
	    "b'SIXTEEN-SECRET-B', [M.ENCRYPT])); c.activate(i); print(i)");
	new_record(&k, 0);
	ATF_CHECK_EQ(DONE_OK, do_register(&k, slurp("said", NULL)));
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	new_record(&k, 0);
	ATF_CHECK_EQ(DONE_INVALID, do_register(&k, slurp("said", NULL)));
	/* As the reference server makes them. */
	client("print(c.create(A.AES, 256))");
	new_record(&k, 0);
	ATF_CHECK_EQ(DONE_INVALID, do_register(&k, slurp("said", NULL)));
	new_record(&k, 0);
	k.length = 256;
	ATF_CHECK_EQ(DONE_OK, do_register(&k, slurp("said", NULL)));
	client("print(c.create_key_pair(A.RSA, 2048, public_usage_mask="
	    "[M.ENCRYPT], private_usage_mask=[M.DECRYPT])[1])");
	new_record(&k, 0);
	k.algorithm = ALG_RSA;
	k.length = 3072;
	ATF_CHECK_EQ(DONE_INVALID, do_register(&k, slurp("said", NULL)));
	new_record(&k, 0);
	k.algorithm = ALG_RSA;
	k.length = 2048;
	ATF_CHECK_EQ(DONE_OK, do_register(&k, slurp("said", NULL)));
	/* No such key, and no key at all. */
	new_record(&k, 0);
	ATF_CHECK_EQ(DONE_INVALID, do_register(&k, "4711"));
	client("print(c.register(objects.SecretData(b'x' * 16, "
	    "enums.SecretDataType.PASSWORD)))");
	new_record(&k, 0);
	ATF_CHECK_EQ(DONE_INVALID, do_register(&k, slurp("said", NULL)));
	end();
}

TEST(credential, "user name and password; keys of another client")
{
	struct key_record	 k;

	prepare(tc);
	server_start("--credential", "kbsd:correct horse");
	run("printf 'correct horse\\n' >good; printf 'battery' >bad");
	conf.user = "kbsd";
	conf.password = "good";
	kms_start();
	made(&k, 0);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
	conf.password = "bad";
	kms_start();
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "refused it", AGES));
	ATF_CHECK(!child_logged(kms, "battery", 0));
	kms_end();
	conf.password = NULL;
	conf.user = "";
	kms_start();
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	kms_end();
	conf.user = "kbsd";
	conf.password = "good";
	conf.cert = "k/other.pem";
	conf.key = "k/other.key";
	kms_start();
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	end();
}

/* --- one that is not ----------------------------------------------------- */

TEST(down, "down, gone in between, back again")
{
	struct key_record	 k;
	char			 text[16];

	begin(tc);
	made(&k, 0);
	snprintf(text, sizeof(text), "%u", port);
	standin_stop(server, "k");
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 4000));
	ATF_CHECK(child_logged(kms, "Connection refused", AGES));
	{
		const char *const	 same[] = { "-p", text, NULL };

		server = standin_start("kmip", "k", &port, same);
	}
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	/* Stopped where it stands, it answers nobody. */
	hold_still(server);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 4000));
	ATF_CHECK(child_logged(kms, "did not answer in time", AGES));
	ATF_REQUIRE_EQ(0, kill(server, SIGCONT));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	end();
}

TEST(cut, "a request whose connection ends is made again, a key once")
{
	struct key_record	 k, first;
	int			 i;

	prepare(tc);
	server_start(NULL, NULL);
	conf.major = 1;
	conf.minor = 4;
	relay_start(FIRST_REQUEST);
	kms_start();
	made(&first, 0);
	kms_end();
	for (i = 0; i < 2; i++) {
		cut_next(i);
		ATF_CHECK_EQ_MSG(DONE_OK, do_fetch(&first, NULL), "%d", i);
		ATF_CHECK(child_logged(kms, "localhost closed", AGES));
		kms_end();
		cut_next(i);
		made(&k, 0);
		ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
		kms_end();
	}
	relay_stop();
	/* One of each, and none twice. */
	client("print(len(c.locate()))");
	ATF_CHECK_STREQ("3\n", slurp("said", NULL));
	standin_stop(server, "k");
}

TEST(cut_query, "who ends the connection at a Query does not get it again")
{
	struct key_record	 k;

	prepare(tc);
	server_start(NULL, NULL);
	conf.major = 2;
	conf.minor = 0;
	relay_start(FIRST_QUERY);
	cut_next(0);
	made(&k, 0);
	ATF_CHECK(child_logged(kms, "localhost closed", AGES));
	ATF_CHECK(!child_logged(kms, "Software Server", 0));
	kms_end();
	relay_stop();
	standin_stop(server, "k");
}

TEST(mute, "who never answers is given up, however many ask")
{
	struct key_record	 k;
	int			 i, done = DONE_UNAVAILABLE;

	prepare(tc);
	server_start(NULL, NULL);
	relay_start(FIRST_QUERY);
	kms_start();
	made(&k, 0);
	kms_end();
	run("printf mute >cut");
	kms_start();
	for (i = 0; i < 30 && done != DONE_OK; i++)
		done = fetch_within(&k, 400);
	ATF_CHECK_MSG(i > 1 && done == DONE_OK, "%d", i);
	ATF_CHECK(child_logged(kms, "TLS with localhost: no answer", AGES));
	kms_end();
	relay_stop();
	standin_stop(server, "k");
}

TEST(wrong_tls, "another CA, another name, no certificate of a client")
{
	struct key_record	 k;

	prepare(tc);
	server_start(NULL, NULL);
	kms_start();
	made(&k, 0);
	kms_end();
	run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
	    "-nodes -keyout other.key -out other.pem -subj /CN=o -days 2 "
	    "2>/dev/null; chmod 600 other.key");
	conf.ca = "other.pem";
	kms_start();
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 4000));
	ATF_CHECK(child_logged(kms, "certificate verification failed",
	    AGES));
	kms_end();
	conf.ca = "k/ca.pem";
	conf.tls_name = "elsewhere.example";
	kms_start();
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 4000));
	ATF_CHECK(child_logged(kms, "elsewhere.example", AGES));
	kms_end();
	conf.tls_name = "";
	conf.cert = "other.pem";
	conf.key = "other.key";
	kms_start();
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 4000));
	kms_end();
	/* This server has no TLS 1.3. */
	conf.cert = "k/client.pem";
	conf.key = "k/client.key";
	conf.protocols = "tlsv1.3";
	kms_start();
	ATF_CHECK_EQ(DONE_UNAVAILABLE, fetch_within(&k, 4000));
	end();
}

/* A TLS server that answers each request with these bytes, or closes. */
static const char	 seeming[] =
    "import socket,ssl,sys,binascii,os\n"
    "c=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
    "c.load_cert_chain('k/server.pem','k/server.key')\n"
    "s=socket.socket();s.bind(('127.0.0.1',0));s.listen(9)\n"
    "open('tmp','w').write(str(s.getsockname()[1]))\n"
    "os.rename('tmp','seeming.port')\n"
    "while True:\n"
    "    try:\n"
    "        t=c.wrap_socket(s.accept()[0],server_side=True)\n"
    "        while t.recv(9999):\n"
    "            d=open('bytes').read().strip()\n"
    "            if d=='hang': continue\n"
    "            t.sendall(binascii.unhexlify(d))\n"
    "            if len(d)<40: break\n"
    "        t.close()\n"
    "    except OSError: pass\n";

TEST(seeming, "what is no KMIP response is not believed")
{
	static const struct {
		const char	*bytes;
		const char	*says;
	} rows[] = {
		{ "", "closed the connection" },
		{ "00", "closed the connection" },
		{ "474554202f20485454502f312e310d0a", "no KMIP response" },
		{ "42007b01ffffff00", "no KMIP response" },
		{ "42007b0100000007", "no KMIP response" },
		{ "hang", "did not answer in time" },
		/* an empty response, and one whose item lies */
		{ "42007b0100000000", "no KMIP response" },
		{ "42007b010000001042000f010000000842005c0500000040",
		    "operation" },
		/* cut off in the middle */
		{ "42007b010000002042000f010000001842005c0500000004"
		    "000000140000000042007f0500", "did not answer" },
	};
	struct key_record	 k;
	unsigned int		 real;
	size_t			 i;
	FILE			*fp;
	pid_t			 pid;

	begin(tc);
	made(&k, 0);
	kms_end();
	real = port;
	ATF_REQUIRE((fp = fopen("seeming.py", "w")) != NULL);
	fputs(seeming, fp);
	fclose(fp);
	run("touch bytes");
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		execlp("python3", "python3", "seeming.py", (char *)NULL);
		_exit(127);
	}
	for (i = 0; i < AGES / 10 && access("seeming.port", R_OK) == -1; i++)
		usleep(10000);
	port = (unsigned int)atoi(slurp("seeming.port", NULL));
	conf.major = 1;
	conf.minor = 4;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run("printf %%s '%s' >bytes", rows[i].bytes);
		kms_start();
		ATF_CHECK_EQ_MSG(DONE_UNAVAILABLE, fetch_within(&k, 4000),
		    "%s", rows[i].bytes);
		ATF_CHECK_MSG(child_logged(kms, rows[i].says, AGES), "%s: %s",
		    rows[i].bytes, rows[i].says);
		kms_end();
	}
	kill(pid, SIGKILL);
	port = real;
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	end();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, life);
	ATF_TP_ADD_TC(tp, rsa);
	ATF_TP_ADD_TC(tp, together);
	ATF_TP_ADD_TC(tp, alone);
	ATF_TP_ADD_TC(tp, checked);
	ATF_TP_ADD_TC(tp, versions);
	ATF_TP_ADD_TC(tp, registered);
	ATF_TP_ADD_TC(tp, credential);
	ATF_TP_ADD_TC(tp, down);
	ATF_TP_ADD_TC(tp, cut);
	ATF_TP_ADD_TC(tp, cut_query);
	ATF_TP_ADD_TC(tp, mute);
	ATF_TP_ADD_TC(tp, wrong_tls);
	ATF_TP_ADD_TC(tp, seeming);
	return (atf_no_error());
}

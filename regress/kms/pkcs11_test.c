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
 * The kms program with a key in a token of SoftHSM: what it seals, and what
 * becomes of it when token, PIN or key are not as they were.
 */
#include <stdio.h>

#include "pkcs11_play.h"

/* --- sealing ------------------------------------------------------------- */

TEST(life, "made, fetched, moved, deleted; over a restart")
{
	struct key_record	 k, old, other;
	struct uuid		 policy;

	prepare();
	kms_start();
	ATF_CHECK(child_logged(kms, "made the key \"kek\"", AGES));
	made(&k, 0);
	ATF_CHECK_EQ(1, k.serial);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	old = k;
	uuid_make(&policy);
	ATF_CHECK_EQ(DONE_OK, do_move(&k, &policy, 'n'));
	ATF_CHECK_EQ(DONE_STALE, do_fetch(&old, &old));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
	kms_start();
	ATF_CHECK(!child_logged(kms, "made the key", 0));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	made(&other, KEY_ATTESTED_ONLY);
	ATF_CHECK_EQ(DONE_OK, do_remove(&k, NULL));
	ATF_CHECK_EQ(DONE_NONE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&other, NULL));
	/* It has no keys but those given to it. */
	new_record(&k, 0);
	ATF_CHECK_EQ(DONE_INVALID, do_register(&k, "4711"));
	kms_end();
	/* With leave to make connections it is the same. */
	conf.network = 1;
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&other, NULL));
	/* Nor does the module die of the end. */
	peer_close(engine);
	peer_close(maker);
	peer_close(audit);
	ATF_CHECK_EQ(0, child_end(kms));
	/* The clear key is in no file of ours, nor of the token. */
	run("! grep -rqF " SECRET " d t");
}

TEST(versions, "each version in a box of its own; another's is none")
{
	struct key_record	 k, bare;
	uint8_t			 box[44] = { 0 };

	prepare();
	kms_start();
	life_of_versions();
	made(&k, 0);
	bare = k;
	ATF_CHECK_EQ(DONE_INVALID, do_give(OP_KEY_ROTATE, &bare, GIVEN_BOX,
	    box, sizeof(box)));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
}

TEST(checked, "whether it is usable is found out by using it")
{
	char	 state[REASON_TEXT_MAX];

	prepare();
	kms_start();
	ATF_CHECK_EQ(1, check(1, state, sizeof(state)));
	ATF_CHECK_EQ(1, check(0, state, sizeof(state)));
	ATF_CHECK_STREQ("answers", state);
	kms_end();
	/* The probe left no box: another key may be made. */
	run(P11 "--delete-object --type secrkey --label kek >/dev/null");
	kms_start();
	ATF_CHECK(child_logged(kms, "made the key", AGES));
	kms_end();
}

TEST(bound, "a box opens for its own key, whole and unchanged")
{
	struct key_record	 a, b;

	prepare();
	kms_start();
	made(&a, 0);
	made(&b, 0);
	sql("CREATE TABLE t AS SELECT id, box FROM keys;"
	    "UPDATE keys SET box = (SELECT box FROM t WHERE t.id != keys.id)");
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&a, NULL));
	ATF_CHECK(child_logged(kms, "the material in keys.db was changed",
	    AGES));
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&b, NULL));
	sql("UPDATE keys SET box = (SELECT box FROM t WHERE t.id = keys.id)");
	ATF_CHECK_EQ(DONE_OK, do_fetch(&a, NULL));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&b, NULL));
	/* Each part of it: nonce, ciphertext, tag. */
	sql("UPDATE keys SET box = x'00' || substr(box, 2)");
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&a, NULL));
	sql("UPDATE keys SET box = (SELECT substr(box, 1, 13) || x'00' || "
	    "substr(box, 15) FROM t WHERE t.id = keys.id)");
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&a, NULL));
	sql("UPDATE keys SET box = (SELECT substr(box, 1, 43) || x'00' "
	    "FROM t WHERE t.id = keys.id)");
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&a, NULL));
	sql("UPDATE keys SET box = (SELECT substr(box, 1, 28) "
	    "FROM t WHERE t.id = keys.id)");
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&a, NULL));
	sql("UPDATE keys SET box = (SELECT substr(box, 1, 29) "
	    "FROM t WHERE t.id = keys.id)");
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&a, NULL));
	sql("UPDATE keys SET box = x'01'");
	ATF_CHECK_EQ(DONE_REFUSED, do_fetch(&a, NULL));
	/* None of them cost a session. */
	ATF_CHECK(!child_logged(kms, "a new session", 0));
	kms_end();
}

/* --- what is not as it was ----------------------------------------------- */

TEST(pin, "a wrong PIN is shown to the token once")
{
	struct key_record	 k;

	prepare();
	kms_start();
	made(&k, 0);
	kms_end();
	run("echo 654321 >bad && chmod 600 bad");
	conf.pin = "bad";
	refused("the PIN is wrong (CKR_PIN_INCORRECT)");
	refused("the token has refused the PIN of this file");
	run("touch bad");
	refused("the PIN is wrong");
	run(P11 "--change-pin --new-pin 654321 >/dev/null");
	refused("the token has refused the PIN of this file");
	run("touch bad");
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
	conf.pin = "pin";
	refused("the PIN is wrong");
	run(": >empty && chmod 600 empty");
	conf.pin = "empty";
	refused("pin file");
	run("printf %%0300d 1 >long && chmod 600 long");
	conf.pin = "long";
	refused("pin file");
}

TEST(pin_changed, "the PIN is another one when the token comes back")
{
	struct key_record	 k;
	char			 state[REASON_TEXT_MAX];

	prepare();
	kms_start();
	made(&k, 0);
	run("mkdir away && mv t/* away");
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	/* Before kms, which looks for it by itself, may see it. */
	run("sed 's,/t$,/away,' softhsm.conf >away.conf && "
	    "SOFTHSM2_CONF=$PWD/away.conf " P11_WORDS("123456")
	    "--change-pin --new-pin 654321 >/dev/null && mv away/* t");
	sleep(2);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "the PIN is wrong", AGES));
	/* Right again: but it was refused, and is not tried any more. */
	run(P11_PIN("654321") "--change-pin --new-pin 123456 >/dev/null");
	sleep(2);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	ATF_CHECK(strstr(state, "the PIN is wrong") != NULL);
	kms_end();
	refused("the token has refused the PIN of this file");
	run("touch pin");
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
}

TEST(module, "no module, or what is none")
{
	prepare();
	conf.module = "/nonexistent.so";
	refused("module: /nonexistent.so: cannot open");
	conf.module = "/etc/passwd";
	refused("module: /etc/passwd");
	conf.module = "/lib/x86_64-linux-gnu/libm.so.6";
	if (access(conf.module, R_OK) == 0)
		refused("is no PKCS#11 module");
}

TEST(lost_key, "keys are sealed, and their key is not there, or another one")
{
	struct key_record	 k;

	prepare();
	kms_start();
	made(&k, 0);
	kms_end();
	conf.key = "another";
	refused("has no key \"another\", but keys.db holds keys sealed by it");
	conf.key = "kek";
	run("cp -R t t.saved");
	run(P11 "--delete-object --type secrkey --label kek >/dev/null");
	refused("has no key \"kek\", but keys.db holds keys sealed by it");
	run(P11 "--keygen --key-type AES:32 --label kek --sensitive --private "
	    ">/dev/null");
	refused("is not the one that keys.db was sealed with");
	/* Another token of the same name and PIN. */
	run("rm -R t && mkdir t");
	token_make("kbsd");
	refused("has no key \"kek\", but keys.db holds keys sealed by it");
	run("rm -R t && mv t.saved t");
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
}

TEST(weak_key, "a key that is not as good as ours, and two of them")
{
	static const struct {
		const char	*made;
		const char	*says;
	} rows[] = {
		{ "AES:32 --sensitive --private --extractable",
		    "may be taken out" },
		{ "AES:32 --private", "may be read" },
		{ "AES:32 --sensitive", "is there without a PIN" },
		{ "AES:16 --sensitive --private", "is not AES-256" },
		{ "GENERIC:32 --sensitive --private", "is not AES-256" },
	};
	size_t	 i;

	prepare();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run(P11 "--keygen --label kek --key-type %s >/dev/null",
		    rows[i].made);
		refused(rows[i].says);
		run(P11 "--delete-object --type secrkey --label kek "
		    ">/dev/null");
	}
	run("for i in 1 2; do " P11 "--keygen --label kek --sensitive "
	    "--private --key-type AES:32 >/dev/null; done");
	refused("has several keys \"kek\"");
	/* One that is, made by others. */
	conf.key = "theirs";
	run(P11 "--keygen --label theirs --sensitive --private "
	    "--key-type AES:32 >/dev/null");
	kms_start();
	ATF_CHECK(!child_logged(kms, "made the key", 0));
	kms_end();
}

TEST(two_tokens, "two tokens of one label")
{
	prepare();
	token_make("kbsd");
	refused("2 tokens are labelled \"kbsd\"");
}

/* --- a token that comes and goes ------------------------------------------ */

TEST(away, "not there at the start, later it is")
{
	struct key_record	 k, other;

	prepare();
	kms_start();
	made(&k, 0);
	kms_end();
	/* The sandbox knows the directory itself, not its name. */
	run("mkdir away && mv t/* away");
	kms_start();
	ATF_CHECK(child_logged(kms, "token \"kbsd\" is not there", AGES));
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	new_record(&other, 0);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_store(&other));
	ATF_CHECK(child_logged(kms, "key create of key", AGES));
	run("mv away/* t");
	sleep(2);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	made(&other, 0);
	kms_end();
	conf.token = "nobody's";
	kms_start();
	ATF_CHECK(child_logged(kms, "token \"nobody's\" is not there", AGES));
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	kms_end();
}

TEST(out_of_sight, "where the sandbox lets the module see nothing of it")
{
	struct key_record	 k;

#ifdef WITHOUT_SANDBOX
	atf_tc_skip("built without the sandbox");
#endif
	prepare();
	kms_start();
	made(&k, 0);
	kms_end();
	conf.write = "/d";
	kms_start();
	ATF_CHECK(child_logged(kms, "works outside the sandbox only", AGES));
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	kms_end();
}

TEST(gone, "gone while it is used, back again")
{
	struct key_record	 k;
	char			 state[REASON_TEXT_MAX];

	prepare();
	kms_start();
	made(&k, 0);
	run("mv t away && mkdir t");
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK_EQ(0, check(1, state, sizeof(state)));
	run("rmdir t && mv away t");
	sleep(2);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK_EQ(1, check(1, state, sizeof(state)));
	kms_end();
}

TEST(replaced, "another token comes back in its place")
{
	struct key_record	 k, other;

	prepare();
	kms_start();
	made(&k, 0);
	run("mkdir away && mv t/* away");
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	/* Without the key, with another one, with one that is weak. */
	token_make("kbsd");
	sleep(2);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "bring it back, none is made", AGES));
	run(P11 "--keygen --label kek --sensitive --private "
	    "--key-type AES:32 >/dev/null");
	sleep(2);
	new_record(&other, 0);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_store(&other));
	ATF_CHECK(child_logged(kms, "is not the one that keys.db", AGES));
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	run(P11 "--delete-object --type secrkey --label kek >/dev/null; " P11
	    "--keygen --label kek --private --key-type AES:32 >/dev/null");
	sleep(2);
	new_record(&other, 0);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_store(&other));
	ATF_CHECK(child_logged(kms, "may be read: it is not used", AGES));
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	run("rm -R t/* && mv away/* t");
	sleep(2);
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	kms_end();
}

/* --- a module that fails as it is told ------------------------------------ */

TEST(sessions, "one new session and one more try, whatever was lost")
{
	static const unsigned int	 lost[] = { 0x03, 0x30, 0x32, 0x60,
					    0x82, 0x90, 0x91, 0xb0, 0xb3, 0xe0,
					    0xe1, 0x101, 0x190 };
	static const char *const	 calls[] = { "C_DecryptInit",
					    "C_Decrypt" };
	struct key_record		 k, other;
	char				 text[128];
	size_t				 i;

	prepare();
	kms_start();
	made(&k, 0);
	kms_end();
	for (i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		snprintf(text, sizeof(text), "FAULTS=%s:1:0x%x", calls[i % 2],
		    lost[i]);
		faults(text);
		kms_start();
		ATF_CHECK_EQ_MSG(DONE_OK, do_fetch(&k, NULL), "%s", text);
		ATF_CHECK_MSG(child_logged(kms, "a new session", AGES), "%s",
		    text);
		ATF_CHECK(child_logged(kms, "login 2", AGES));
		ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
		ATF_CHECK(!child_logged(kms, "login 3", 0));
		kms_end();
	}
	/* Sealing too; the first one is the check of the key. */
	faults("FAULTS=C_Encrypt:2:0xb3");
	kms_start();
	made(&other, 0);
	ATF_CHECK(child_logged(kms, "a new session", AGES));
	ATF_CHECK_EQ(DONE_OK, do_fetch(&other, NULL));
	kms_end();
	/* It is lost again and again: once more each time, then no. */
	faults("FAULTS=C_DecryptInit:1+:0xb3");
	kms_start();
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	ATF_CHECK(child_logged(kms, "the session is gone "
	    "(CKR_SESSION_HANDLE_INVALID)", AGES));
	ATF_CHECK(!child_logged(kms, "login 3", 0));
	kms_end();
	/* An error that comes once is no changed box. */
	faults("FAULTS=C_DecryptInit:1:0x5");
	kms_start();
	ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
	ATF_CHECK(!child_logged(kms, "a new session", 0));
	kms_end();
	/* What nobody knows is told by its number. */
	faults("FAULTS=C_Encrypt:2+:0x80000123");
	kms_start();
	new_record(&other, 0);
	ATF_CHECK_EQ(DONE_UNAVAILABLE, do_store(&other));
	ATF_CHECK(child_logged(kms, "the module answers 0x80000123", AGES));
	kms_end();
}

TEST(unable, "a module or token that can't be used: kms does not start")
{
	static const struct {
		const char	*faults;
		const char	*says;
	} rows[] = {
		{ "FAULTS=C_Initialize:1:9", "wants threads" },
		{ "FAULTS=C_Initialize:2:0xa", "wants other locks" },
		{ "FAULTS=C_Login:1:0xa4", "the PIN is locked" },
		{ "FAULTS=C_Login:1:0xa3", "the PIN has expired" },
		{ "FAULTS=C_GenerateKey:1:0x54",
		    "CKR_FUNCTION_NOT_SUPPORTED" },
		{ "FAULTS=C_EncryptInit:1:0x70", "CKR_MECHANISM_INVALID" },
		{ "FAULTS=C_EncryptInit:1:0x71", "takes no nonce of ours" },
		{ "TOKEN_FLAGS=0x40000", "its PIN is locked" },
		{ "MODULE_VERSION=1", "is of PKCS#11 1." },
	};
	size_t	 i;

	prepare();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		faults(rows[i].faults);
		refused(rows[i].says);
		run("touch pin");
	}
	faults("MODULE_VERSION=3");
	kms_start();
	kms_end();
	faults("TOKEN_FLAGS=0x20000");
	kms_start();
	ATF_CHECK(child_logged(kms, "one more wrong PIN locks it", AGES));
	kms_end();
}

TEST(waits, "what may get better is waited for")
{
	static const char *const	 rows[] = {
		"FAULTS=C_Initialize:1+:0x30", "FAULTS=C_GetSlotList:1:0x5",
		"FAULTS=C_GetSlotList:2:0x30", "FAULTS=C_OpenSession:1:0xb1",
		"FAULTS=C_OpenSession:2:0xe2", "FAULTS=C_Login:1:0x30",
		"FAULTS=C_FindObjects:1:0x30", "FAULTS=C_FindObjects:2:0x30",
		"FAULTS=C_GetAttributeValue:1:0x30",
		"FAULTS=C_GetAttributeValue:4:0x30",
		"FAULTS=C_GenerateKey:1:0x31", "FAULTS=C_EncryptInit:1:0x30",
		"FAULTS=C_Encrypt:1:0x30",
	};
	struct key_record		 k;
	size_t				 i;

	prepare();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run("rm -rf d t/*");
		token_make("kbsd");
		faults(rows[i]);
		kms_start();
		ATF_CHECK_MSG(child_logged(kms, "it is looked for when", AGES),
		    "%s", rows[i]);
		if (i == 0) {
			kms_end();
			continue;
		}
		usleep(1100000);
		new_record(&k, 0);
		ATF_CHECK_EQ_MSG(DONE_OK, do_store(&k), "%s", rows[i]);
		ATF_CHECK_EQ(DONE_OK, do_fetch(&k, NULL));
		kms_end();
	}
}

TEST(hurry, "a token that is away is not asked more than once a second")
{
	struct key_record	 k;
	char			 text[64];
	uint64_t		 begun;
	int			 i;

	prepare();
	kms_start();
	made(&k, 0);
	kms_end();
	faults("FAULTS=C_Login:1+:0x30");
	begun = now_ms();
	kms_start();
	for (i = 0; i < 20; i++)
		ATF_CHECK_EQ(DONE_UNAVAILABLE, do_fetch(&k, NULL));
	/* The first, one for each second, and then no more. */
	snprintf(text, sizeof(text), "login %llu",
	    (unsigned long long)(now_ms() - begun + 999) / 1000 + 2);
	ATF_CHECK_MSG(!child_logged(kms, text, 0), "%s", text);
	kms_end();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, life);
	ATF_TP_ADD_TC(tp, versions);
	ATF_TP_ADD_TC(tp, checked);
	ATF_TP_ADD_TC(tp, bound);
	ATF_TP_ADD_TC(tp, pin);
	ATF_TP_ADD_TC(tp, pin_changed);
	ATF_TP_ADD_TC(tp, module);
	ATF_TP_ADD_TC(tp, lost_key);
	ATF_TP_ADD_TC(tp, weak_key);
	ATF_TP_ADD_TC(tp, two_tokens);
	ATF_TP_ADD_TC(tp, away);
	ATF_TP_ADD_TC(tp, out_of_sight);
	ATF_TP_ADD_TC(tp, gone);
	ATF_TP_ADD_TC(tp, replaced);
	ATF_TP_ADD_TC(tp, sessions);
	ATF_TP_ADD_TC(tp, unable);
	ATF_TP_ADD_TC(tp, waits);
	ATF_TP_ADD_TC(tp, hurry);
	return (atf_no_error());
}

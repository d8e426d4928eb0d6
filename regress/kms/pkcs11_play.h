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
 * The kms program with a token of SoftHSM, as its parent, engine, maker and
 * audit.
 */
#ifndef PKCS11_PLAY_H
#define PKCS11_PLAY_H

#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>

#include "play.h"
#include "standin.h"

#define MODULE	"/usr/lib/softhsm/libsofthsm2.so"
#define TOOL	"SOFTHSM2_CONF=$PWD/softhsm.conf softhsm2-util "
#define P11_WORDS(pin)	"pkcs11-tool --module " MODULE " --token-label kbsd " \
			"--login --pin " pin " "
#define P11_PIN(pin)	"SOFTHSM2_CONF=$PWD/softhsm.conf " P11_WORDS(pin)
#define P11	P11_PIN("123456")

/* What the next kms is told. */
static struct {
	enum keystore_type type;
	const char	*module, *token, *key;
	const char	*pin;		/* file */
	const char	*write;		/* directory, below here */
	const char	*path;		/* or anywhere, if not NULL */
	int		 network;
	const char	*variable;	/* one more; NULL: none */
} conf;

static void
path(char *text, size_t size, const char *name)
{
	ATF_REQUIRE(getcwd(text, size) != NULL);
	ATF_REQUIRE(strlcat(text, name, size) < size);
}

static void
kms_begin(void)
{
	struct wbuf	 w = { 0 };
	char		 text[4096], variable[4200];
	int		 fd;

	mkdir("d", 0700);
	path(dir, sizeof(dir), "/d");
	child_module = 1;
	child_outside = conf.network;
	kms = child_start("kms", PROC_KMS, 0, 0, dir);
	wb_str(&w, "main");
	wb_u8(&w, (uint8_t)conf.type);
	wb_u32(&w, 0);
	wb_str(&w, conf.module);
	wb_str(&w, conf.token);
	wb_str(&w, conf.key);
	path(text, sizeof(text), "/softhsm.conf");
	wb_u32(&w, 1);
	wb_str(&w, text);
	snprintf(variable, sizeof(variable), "SOFTHSM2_CONF=%s", text);
	path(text, sizeof(text), conf.write);
	wb_u32(&w, 1);
	wb_str(&w, conf.path != NULL ? conf.path : text);
	wb_u32(&w, conf.variable != NULL ? 2 : 1);
	wb_str(&w, variable);
	if (conf.variable != NULL)
		wb_str(&w, conf.variable);
	child_config(kms, &w);
	child_descriptor(kms, FD_SEAL_KEY, key_file("seal"));
	ATF_REQUIRE((fd = open(conf.pin, O_RDONLY)) != -1);
	child_descriptor(kms, FD_KMS_SECRET, fd);
	memset(wrapping, 'w', sizeof(wrapping));
}

/* A token in the directory t. */
static void
token_make(const char *label)
{
	run(TOOL "--init-token --free --label %s --so-pin 12345678 "
	    "--pin 123456 >/dev/null", label);
}

static void
prepare(void)
{
	if (access(MODULE, R_OK) == -1)
		atf_tc_skip("softhsm2 is missing");
	memset(&conf, 0, sizeof(conf));
	conf.type = KEYSTORE_PKCS11;
	conf.module = MODULE;
	conf.token = "kbsd";
	conf.key = "kek";
	conf.pin = "pin";
	conf.write = "/t";
	run("mkdir t && printf 'directories.tokendir = %%s/t\\n"
	    "objectstore.backend = file\\nlog.level = ERROR\\n' \"$PWD\" "
	    ">softhsm.conf && echo 123456 >pin && chmod 600 pin");
	token_make("other");
	token_make("kbsd");
}

/* It does not come up, and says why. */
static void
refused(const char *says)
{
	struct wbuf	 w = { 0 };
	int		 status;

	kms_begin();
	peer_send(child_parent(kms), IMSG_PROCESS_GO, &w);
	ATF_CHECK_MSG(child_logged(kms, says, AGES), "not said: %s", says);
	/* No PIN is. */
	ATF_CHECK(!child_logged(kms, "654321", 0));
	ATF_CHECK(!child_logged(kms, "123456", 0));
	/* By itself, and not by the sandbox. */
	status = child_end(kms);
	ATF_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 1,
	    "status %x", (unsigned int)status);
}

static __attribute__((unused)) void
sql(const char *text)
{
	run("cd d && python3 -c \"import sqlite3; d = sqlite3.connect("
	    "'keys.db'); d.executescript(\\\"%s\\\"); d.commit()\"", text);
}

#define TEST(name, text)						\
ATF_TC(name);								\
ATF_TC_HEAD(name, tc)							\
{									\
	atf_tc_set_md_var(tc, "descr", text);				\
	atf_tc_set_md_var(tc, "require.progs",				\
	    "softhsm2-util pkcs11-tool python3");			\
}									\
ATF_TC_BODY(name, tc)

/* SoftHSM's module behind one that fails as it is told (module.c). */
static void
faults(const char *what)
{
	conf.module = build_path("regress/kms/module.so");
	conf.variable = what;
}

#endif

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
 * The kms program with a keystore behind a KMIP server: what is said to it,
 * PyKMIP, another client of that, and a relay that cuts connections.
 */
#ifndef KMIP_PLAY_H
#define KMIP_PLAY_H

#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "play.h"
#include "standin.h"

static pid_t		 server = -1;
static unsigned int	 port;

/* What the next kms is told. */
static struct {
	const char	*host;
	const char	*tls_name;
	uint8_t		 major, minor;
	const char	*user;
	const char	*cert, *key, *ca;
	const char	*password;	/* file; NULL: none */
	const char	*protocols;
	uint8_t		 makes;
	uint8_t		 activate;
} conf;

static int
open_file(const char *name)
{
	int	 fd;

	ATF_REQUIRE_MSG((fd = open(name, O_RDONLY)) != -1, "%s", name);
	return (fd);
}

static void
kms_begin(void)
{
	struct wbuf	 w = { 0 };

	mkdir("d", 0700);
	ATF_REQUIRE(getcwd(dir, sizeof(dir) - 2) != NULL);
	strlcat(dir, "/d", sizeof(dir));
	child_outside = 1;
	kms = child_start("kms", PROC_KMS, 0, 0, dir);
	wb_str(&w, "main");
	wb_u8(&w, KEYSTORE_KMIP);
	wb_u32(&w, 0);
	wb_str(&w, conf.host);
	wb_u16(&w, (uint16_t)port);
	wb_str(&w, conf.tls_name);
	wb_u8(&w, conf.major);
	wb_u8(&w, conf.minor);
	wb_str(&w, conf.user);
	wb_str(&w, conf.protocols);
	wb_u8(&w, conf.makes);
	wb_u8(&w, conf.activate);
	child_config(kms, &w);
	child_descriptor(kms, FD_SEAL_KEY, key_file("seal"));
	child_descriptor(kms, FD_KMS_CERT, open_file(conf.cert));
	child_descriptor(kms, FD_KMS_KEY, open_file(conf.key));
	child_descriptor(kms, FD_CA, open_file(conf.ca));
	if (conf.password != NULL)
		child_descriptor(kms, FD_KMS_SECRET,
		    open_file(conf.password));
	memset(wrapping, 'w', sizeof(wrapping));
}

static void
server_start(const char *first, const char *second)
{
	const char *const	 words[] = { first, second, NULL };

	server = standin_start("kmip", "k", &port, words);
}

static void
prepare(const atf_tc_t *tc)
{
	if (access("/usr/lib/python3/dist-packages/kmip", R_OK) == -1)
		atf_tc_skip("python3-pykmip is missing");
	standin_find(tc);
	memset(&conf, 0, sizeof(conf));
	conf.host = "localhost";
	conf.tls_name = conf.user = "";
	conf.cert = "k/client.pem";
	conf.key = "k/client.key";
	conf.ca = "k/ca.pem";
	conf.protocols = "tlsv1.2,tlsv1.3";
}

static __attribute__((unused)) void
begin(const atf_tc_t *tc)
{
	prepare(tc);
	server_start(NULL, NULL);
	kms_start();
}

static __attribute__((unused)) void
end(void)
{
	kms_end();
	standin_stop(server, "k");
}

/* As another client of the server does: what it prints is in the file said. */
static __attribute__((unused)) void
client(const char *python)
{
	FILE	*fp;

	ATF_REQUIRE((fp = fopen("client.py", "w")) != NULL);
	fprintf(fp, "from kmip import enums\n"
	    "from kmip.pie import client, objects\n"
	    "A, M = enums.CryptographicAlgorithm, "
	    "enums.CryptographicUsageMask\n"
	    "c = client.ProxyKmipClient(hostname='127.0.0.1', port=%u, "
	    "cert='k/client.pem', key='k/client.key', ca='k/ca.pem', "
	    "ssl_version='PROTOCOL_TLSv1_2', config_file='client.conf')\n"
	    "with c:\n    %s\n", port, python);
	ATF_REQUIRE_EQ(0, fclose(fp));
	run("printf '[client]\\n' >client.conf; "
	    "/usr/bin/python3 client.py >said 2>client.log || "
	    "{ cat client.log; false; }");
}

#define TEST(name, text)						\
ATF_TC(name);								\
ATF_TC_HEAD(name, tc)							\
{									\
	atf_tc_set_md_var(tc, "descr", text);				\
	atf_tc_set_md_var(tc, "require.progs", "openssl");		\
}									\
ATF_TC_BODY(name, tc)

/* --- a relay ------------------------------------------------------------- */

/*
 * Bytes go through it both ways; but the first connection of each name in
 * `cut' that comes so far ends at a request: before the server has it, or when
 * it has answered; or the first is mute for ever.  The first request comes
 * behind two flights of TLS, and is a Query.
 */
#define FIRST_QUERY	"3"
#define FIRST_REQUEST	"4"
#define SECOND_REQUEST	"5"

static const char	 relay[] =
    "import os,select,socket,sys\n"
    "to=int(sys.argv[1]);at=int(sys.argv[2])\n"
    "def used(): open('cut','w').close()\n"
    "s=socket.socket();s.bind(('127.0.0.1',0));s.listen(9)\n"
    "open('tmp','w').write(str(s.getsockname()[1]))\n"
    "os.rename('tmp','relay.port')\n"
    "while True:\n"
    "    a=s.accept()[0];b=socket.create_connection(('127.0.0.1',to))\n"
    "    cut=open('cut').read();n=0\n"
    "    if cut=='mute': used();mute=a;b.close();continue\n"
    "    while True:\n"
    "        r=select.select([a,b],[],[],10)[0]\n"
    "        if not r: break\n"
    "        d=r[0].recv(65536)\n"
    "        if not d: break\n"
    "        n+=r[0] is a\n"
    "        if n==at and cut!='': used()\n"
    "        if n==at and cut=='before': break\n"
    "        (b if r[0] is a else a).sendall(d)\n"
    "        if n==at and cut=='after': b.recv(1);break\n"
    "    a.close();b.close()\n";

static pid_t		 relay_pid;
static unsigned int	 behind;	/* the server's own port */

static __attribute__((unused)) void
relay_start(const char *at)
{
	FILE	*fp;
	char	 text[16];
	int	 i;

	run("printf '' >cut; rm -f relay.port");
	ATF_REQUIRE((fp = fopen("relay.py", "w")) != NULL);
	fputs(relay, fp);
	fclose(fp);
	snprintf(text, sizeof(text), "%u", port);
	ATF_REQUIRE((relay_pid = fork()) != -1);
	if (relay_pid == 0) {
		execlp("python3", "python3", "relay.py", text, at,
		    (char *)NULL);
		_exit(127);
	}
	for (i = 0; i < AGES / 10 && access("relay.port", R_OK) == -1; i++)
		usleep(10000);
	behind = port;
	port = (unsigned int)atoi(slurp("relay.port", NULL));
}

static __attribute__((unused)) void
relay_stop(void)
{
	kill(relay_pid, SIGKILL);
	(void)waitpid(relay_pid, NULL, 0);
	port = behind;
}

/* The next connection ends so. */
static __attribute__((unused)) void
cut_next(int after)
{
	run("printf %s >cut", after ? "after" : "before");
	kms_start();
}

#endif

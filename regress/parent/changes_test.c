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
 * What is said to differ between two configurations: each member that there is,
 * and no secret.
 */
#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

/* --- what stands beside main --------------------------------------------- */

time_t	 parent_since;

int
parent_reload(struct child *c, uint64_t tag, char *why, size_t size)
{
	(void)c;
	(void)tag;
	(void)why;
	(void)size;
	return (-1);
}

int
parent_again(void)
{
	return (-1);
}

int
parent_stopping(void)
{
	return (0);
}

void
parent_changed(struct set *set)
{
	(void)set;
}

void
parent_serving(const struct set *set)
{
	(void)set;
}

void
parent_verbose(int level)
{
	(void)level;
}

void
parent_stop(int status)
{
	(void)status;
}

void
parent_set_failed(void)
{
}

void
parent_gone(void)
{
}

/* --- the rig -------------------------------------------------------------- */

static void
a_file(const char *name, const char *text)
{
	char	 fresh[64];
	int	 fd;

	/* Another one in its place, as who renews files does it. */
	snprintf(fresh, sizeof(fresh), "%s.new", name);
	ATF_REQUIRE((fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC, 0600)) != -1);
	ATF_REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	ATF_REQUIRE(rename(fresh, name) == 0);
}

static void
begin(struct set *set, const char *text)
{
	memset(set, 0, sizeof(*set));
	TAILQ_INIT(&set->marks);
	TAILQ_INIT(&set->changes);
	a_file("conf", text);
	ATF_REQUIRE_MSG((set->conf = config_parse("conf")) != NULL, "%s", text);
	changes_mark(set);
}

static void
end(struct set *set)
{
	marks_free(&set->marks);
	words_free(&set->changes);
	config_free(set->conf);
}

/* The lines, each with a newline.  Static buffer. */
static const char *
changes(struct set *old, struct set *fresh)
{
	static char		 text[16384];
	const struct word	*line;

	text[0] = '\0';
	changes_find(&fresh->changes, old, fresh);
	TAILQ_FOREACH(line, &fresh->changes, entry) {
		strlcat(text, line->text, sizeof(text));
		strlcat(text, "\n", sizeof(text));
	}
	return (text);
}

static void
check(const char *a, const char *b, const char *want)
{
	struct set	 old, fresh;

	begin(&old, a);
	begin(&fresh, b);
	ATF_CHECK_STREQ_MSG(want, changes(&old, &fresh), "%s to %s", a, b);
	end(&old);
	end(&fresh);
}

/* --- cases ---------------------------------------------------------------- */

#define ITA(name, more)	"attestation \"" name "\" { trust authority api "   \
    "\"https://a\" base \"https://b\" api key file \"key\" root \"root\" "  \
    more " }\n"
#define IDP(more)	"administrators issuer \"https://i\" { jwks file "  \
    "\"jwks\"; audience \"a\"; claim \"c\"; " more " }\n"
#define VAULT(more)	"keystore \"v\" vault { token file \"token\"; " more \
    " }\n"

ATF_TC_WITHOUT_HEAD(members);
ATF_TC_BODY(members, tc)
{
	check("", "", "nothing changed\n");
	check("prefork 2\n", "prefork 2 # the default\n",
	    "nothing changed\n");
	check("prefork 2\n", "prefork 3\n", "prefork 3, was 2\n");
	check("", "login { attempts 3 within 1m; lockout 2m; "
	    "token lifetime 1m }\n", "login attempts 3, was 5\n"
	    "login attempts within 60, was 300\nlogin lockout 120, was 900\n"
	    "login token lifetime 60, was 300\n");
	check("audit log \"/a\"\n", "audit log \"/b\"\naudit optional\n",
	    "audit log /b, was /a\naudit optional 1, was 0\n");
	check("verbose 1\n", "verbose 0\n", "verbose 0, was 1\n");
	check("backup recipient \"r\"\n", "", "backup recipient changed\n");
	check("tls names \"a\"\n", "tls names \"a\" \"b\"\n",
	    "tls names changed\n");
	check("", "administrator \"a\" password file \"p\"\n",
	    "administrator a, was none\nadministrator password file "
	    "changed\n");
	check("tls watch off\n", "", "tls watch 60, was 0\n");
}

ATF_TC_WITHOUT_HEAD(blocks);
ATF_TC_BODY(blocks, tc)
{
	check("listen on a\n", "listen on a\nlisten on b port 1 role admin\n",
	    "listener b port 1 added\n");
	check("listen on a\nlisten on b\n", "listen on b role transfer\n",
	    "listener b port 9443 changed: role\n"
	    "listener a port 9443 removed\n");
	check("listen on a client ca \"x\"\n", "listen on a client ca \"y\" "
	    "client crl \"z\"\n",
	    "listener a port 9443 changed: client ca, client crl\n");
	check(ITA("a", ""), ITA("a", "audience \"x\"; retry wait 1s to 2s; "
	    "crl host \"h\""), "attestation \"a\" changed: audience, "
	    "retry wait, retry wait to, crl host\n");
	check(ITA("a", ""), ITA("b", ""), "attestation \"b\" added\n"
	    "attestation \"a\" removed\n"
	    "attestation \"b\" is the first, was attestation \"a\"\n");
	check(VAULT("url \"https://a\""), VAULT("url \"https://a\"; url "
	    "\"https://b\"; cache 5s"), "keystore \"v\" changed: cache, "
	    "url\n");
	/* Where new keys go. */
	check("keystore \"a\" local\nkeystore \"b\" local\n",
	    "keystore \"b\" local\nkeystore \"a\" local\n",
	    "keystore \"b\" is the first, was keystore \"a\"\n");
	check("", IDP("role \"r\" all"),
	    "administrators issuer \"https://i\" added\n");
	check(IDP("role \"r\" all"), IDP("role \"r\" keys:search; "
	    "lifetime 5m"), "administrators issuer \"https://i\" changed: "
	    "lifetime, role\n");
}

/* The same path, and another file there, or one that was written. */
ATF_TC_WITHOUT_HEAD(files);
ATF_TC_BODY(files, tc)
{
	static const struct {
		const char	*file;
		const char	*want;
	} rows[] = {
		{ "key", "attestation \"a\" changed: api key file\n" },
		{ "root", "attestation \"a\" changed: root\n" },
		{ "token", "keystore \"v\" changed: credential\n" },
		{ "jwks", "administrators issuer \"https://i\" changed: "
		    "jwks file\n" },
		{ "pw", "administrator password file changed\n" },
		{ "ca", "listener a port 9443 changed: client ca\n" },
		{ "crl", "listener a port 9443 changed: client crl\n" },
	};
	static const char	 conf[] = ITA("a", "")
	    VAULT("url \"https://a\"") IDP("role \"r\" all")
	    "administrator \"a\" password file \"pw\"\n"
	    "listen on a client ca \"ca\" client crl \"crl\"\n";
	struct set		 old, fresh;
	size_t			 i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		a_file(rows[i].file, "a secret of before");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&old, conf);
		/* of the same length: when it was written tells it */
		a_file(rows[i].file, "a secret of after!");
		begin(&fresh, conf);
		ATF_CHECK_STREQ(rows[i].want, changes(&old, &fresh));
		end(&old);
		end(&fresh);
		/* one that goes, and one that comes */
		begin(&old, conf);
		ATF_REQUIRE(unlink(rows[i].file) == 0);
		begin(&fresh, conf);
		ATF_CHECK_STREQ(rows[i].want, changes(&old, &fresh));
		end(&fresh);
		a_file(rows[i].file, "a secret of before");
		end(&old);
	}
	check(conf, conf, "nothing changed\n");
}

ATF_TC(certificates);
ATF_TC_HEAD(certificates, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "openssl");
}
ATF_TC_BODY(certificates, tc)
{
#define PAIR(n)	"tls certificate \"" n ".pem\" key \"" n ".key\"\n"
	static const char *const	 names[] = { "a", "b" };
	struct set			 old, fresh;
	char				 command[512];
	size_t				 i;

	for (i = 0; i < 2; i++) {
		snprintf(command, sizeof(command), "umask 077; openssl req "
		    "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
		    "-keyout %s.key -out %s.pem -subj /CN=%s -days 9 "
		    "-set_serial 0x7F%zu 2>/dev/null", names[i], names[i],
		    names[i], i);
		ATF_REQUIRE_EQ(0, system(command));
	}
	begin(&old, PAIR("a"));
	begin(&fresh, PAIR("a") PAIR("b"));
	ATF_CHECK(strstr(changes(&old, &fresh), "tls certificate \"b.pem\" "
	    "added: serial 07F1 until 20") != NULL);
	end(&old);
	end(&fresh);
	begin(&old, PAIR("a"));
	ATF_REQUIRE_EQ(0, system("cp b.pem a.new; mv a.new a.pem"));
	begin(&fresh, PAIR("a"));
	ATF_CHECK(strstr(changes(&old, &fresh), "tls certificate \"a.pem\" "
	    "changed: certificate serial 07F1 until 20") != NULL);
	ATF_CHECK(strstr(changes(&old, &fresh), ", was serial 07F0 until 20") !=
	    NULL);
	end(&fresh);
	/* What is none has no serial. */
	a_file("a.pem", "-----BEGIN CERTIFICATE-----\nAAAA");
	begin(&fresh, PAIR("a"));
	ATF_CHECK_STREQ("tls certificate \"a.pem\" changed: certificate\n",
	    changes(&old, &fresh));
	end(&fresh);
	end(&old);
	check(PAIR("a") PAIR("b"), PAIR("b") PAIR("a"), "tls certificate "
	    "\"b.pem\" is the first, was tls certificate \"a.pem\"\n");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, members);
	ATF_TP_ADD_TC(tp, blocks);
	ATF_TP_ADD_TC(tp, files);
	ATF_TP_ADD_TC(tp, certificates);
	return (atf_no_error());
}

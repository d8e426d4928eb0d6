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
 * The real fetcher of collateral in its real sandbox: against a stand-in of
 * Intel's service over TLS on loopback, and over a directory.
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"
#include "kbsd.h"
#include "play.h"

#define FMSPC		"30807f000000"
#define OTHER		"00a067110000"
#define PROCESSOR	0
#define PLATFORM	1

static const char	*standin;
static pid_t		 pcs = -1;
static unsigned int	 port;

static struct {
	char		 url[256];	/* "": a directory */
	char		 proxy[64];
	const char	*ca;
	uint32_t	 least, most, interval;
} conf;

/* --- the stand-in ------------------------------------------------------- */

#define CURL	"curl -fsS --noproxy '*' -m 120 --cacert pcs/tls-ca.pem "

/*
 * Of two platforms, for either TEE; the other one has a Processor CA.  What
 * is the same for several is minted for each, and then made the same.
 */
static void
mint(void)
{
	static const char *const	 tees[] = { "sgx", "tdx" };
	size_t				 i;

	run("mkdir -p coll");
	for (i = 0; i < 2; i++) {
		run("%s/tee -t %s -d tee -o /dev/null --collateral "
		    "coll/%s-" FMSPC, standin, tees[i], tees[i]);
		run("%s/tee -t %s -d tee -o /dev/null --fmspc " OTHER
		    " --ca processor --collateral coll/%s-" OTHER, standin,
		    tees[i], tees[i]);
		run("cp coll/sgx-" FMSPC "/root_ca_crl.der coll/sgx-" FMSPC
		    "/pck_crl.der coll/%s-" FMSPC " 2>cp.err; "
		    "cp coll/sgx-" FMSPC "/root_ca_crl.der coll/sgx-" OTHER
		    "/pck_crl.der coll/%s-" OTHER " 2>cp.err; "
		    "cp coll/%s-" FMSPC "/qe_identity.json coll/%s-" OTHER,
		    tees[i], tees[i], tees[i], tees[i]);
	}
}

static void
pcs_start(const char *host)
{
	const char *const	 words[] = { "-c", "coll", "--host", host,
				    NULL };

	pcs = standin_start("pcs", "pcs", &port, words);
}

static void
control(const char *json)
{
	run(CURL "-o /dev/null -d '%s' https://localhost:%u/standin", json,
	    port);
}

static void
fault(const char *json)
{
	run(CURL "-o /dev/null -d '%s' https://localhost:%u/fault", json,
	    port);
}

static int
count(const char *name)
{
	run(CURL "-o stats https://localhost:%u/standin", port);
	return (number_in("stats", name));
}

/* --- the fetcher -------------------------------------------------------- */

static void
conf_default(void)
{
	memset(&conf, 0, sizeof(conf));
	snprintf(conf.url, sizeof(conf.url), "https://localhost:%u", port);
	conf.ca = "pcs/tls-ca.pem";
	conf.least = 20;
	conf.most = 60;
	conf.interval = 60;
}

/* What is sent is what is in conf, whether or not that goes together. */
static struct child *
fetcher_begin(const char *directory)
{
	struct child	*c;
	struct wbuf	 w = { 0 };

	c = child_start("fetcher", PROC_FETCHER, 0, 0, directory);
	wb_u8(&w, FETCHER_DCAP);
	wb_str(&w, "local");
	wb_str(&w, conf.url);
	wb_u32(&w, conf.least);
	wb_u32(&w, conf.most);
	wb_str(&w, conf.proxy);
	wb_u32(&w, conf.interval);
	child_config(c, &w);
	return (c);
}

static struct child *
fetcher_start(void)
{
	struct child	*c = fetcher_begin(NULL);

	give_ca(c, conf.ca);
	child_go(c);
	return (c);
}

/* In a directory below this one. */
static struct child *
fetcher_reads(const char *name)
{
	struct child	*c;
	char		*path;

	memset(&conf, 0, sizeof(conf));
	ATF_REQUIRE((path = realpath(name, NULL)) != NULL);
	c = fetcher_begin(path);
	child_go(c);
	free(path);
	return (c);
}

static uint64_t
platform_send(struct peer *v, uint8_t tees, const char *fmspc, uint8_t ca,
    int refresh, int ms)
{
	uint8_t		 about[7];
	struct asking	 a = { .what = FETCH_DCAP, .ms = ms,
			    .refresh = refresh, .url = "", .tees = tees,
			    .body = about, .len = sizeof(about) };

	ATF_REQUIRE_EQ(6, hex_decode(about, 6, fmspc, 12));
	about[6] = ca;
	return (ask_send(v, &a));
}

static struct got
ask(struct peer *v, uint8_t tees, const char *fmspc, uint8_t ca, int refresh)
{
	struct got	 g;

	platform_send(v, tees, fmspc, ca, refresh, 0);
	got_recv(v, &g);
	ATF_REQUIRE_EQ(next_tag, g.tag);
	return (g);
}

static const char *const	 files[] = {
	"pck_crl.der", "pck_crl_issuer_chain.pem", "root_ca_crl.der",
	"tcb_info.json", "tcb_info_issuer_chain.pem", "qe_identity.json",
	"qe_identity_issuer_chain.pem",
};
#define NFILES	(sizeof(files) / sizeof(files[0]))

/* What came is what lies there, each of them byte for byte. */
static void
same(struct got g, const char *directory)
{
	struct rbuf	 r;
	char		 path[256];
	size_t		 i;

	ATF_REQUIRE_EQ_MSG(GOT_OK, g.result, "%s", g.why);
	ATF_CHECK(g.fetched + 10 > (uint64_t)time(NULL));
	rb_init(&r, g.body, g.len);
	for (i = 0; i < NFILES; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, files[i]);
		same_file(&r, path);
	}
	ATF_CHECK(rb_end(&r) == 0);
	free(g.body);
}

#define SGX(v, refresh)	ask(v, TEE_SGX, FMSPC, PLATFORM, refresh)

static void
begin(const atf_tc_t *tc)
{
	standin = standin_find(tc);
	mint();
	pcs_start("localhost");
	conf_default();
}

/* --- over the network ---------------------------------------------------- */

TEST(good, "each TEE, platform and CA; what is shared is asked for once")
{
	struct child	*c;
	struct peer	*v;

	begin(tc);
	c = fetcher_start();
	v = verifier(c, 0);
	same(SGX(v, 0), "coll/sgx-" FMSPC);
	worked(c);
	same(ask(v, TEE_TDX, FMSPC, PLATFORM, 0), "coll/tdx-" FMSPC);
	same(ask(v, TEE_SGX, OTHER, PROCESSOR, 0), "coll/sgx-" OTHER);
	same(ask(v, TEE_TDX, OTHER, PROCESSOR, 0), "coll/tdx-" OTHER);
	same(SGX(v, 0), "coll/sgx-" FMSPC);
	ATF_CHECK_EQ(4, count("tcb"));
	ATF_CHECK_EQ(2, count("qe"));
	ATF_CHECK_EQ(2, count("pckcrl"));
	ATF_CHECK_EQ(1, count("rootcrl"));
	/* In parallel, and kept; curl(1) has some of its own. */
	ATF_CHECK_MSG(count("connections") <= 4 + 6, "%d",
	    count("connections"));
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(pccs, "CRLs in digits, another name of a header, in small letters")
{
	struct child	*c;
	struct peer	*v;

	begin(tc);
	control("{\"hex\": true, \"old\": true, \"lower\": true}");
	c = fetcher_start();
	v = verifier(c, 0);
	same(SGX(v, 0), "coll/sgx-" FMSPC);
	worked(c);
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(intel, "Intel's own service, and where its root CRL is, by a proxy")
{
	struct child	*c;
	struct peer	*v;
	unsigned int	 proxy_port;
	char		 to[16], *text;
	const char	*words[] = { "-t", to, NULL };

	standin = standin_find(tc);
	mint();
	pcs_start("api.trustedservices.intel.com,"
	    "certificates.trustedservices.intel.com");
	conf_default();
	snprintf(to, sizeof(to), "%u", port);
	standin_start("proxy", "proxy", &proxy_port, words);
	strlcpy(conf.url, "https://api.trustedservices.intel.com",
	    sizeof(conf.url));
	snprintf(conf.proxy, sizeof(conf.proxy), "http://127.0.0.1:%u",
	    proxy_port);
	c = fetcher_start();
	v = verifier(c, 0);
	same(SGX(v, 0), "coll/sgx-" FMSPC);
	worked(c);
	same(ask(v, TEE_TDX, OTHER, PROCESSOR, 0), "coll/tdx-" OTHER);
	ATF_CHECK_EQ(1, count("rootcrl"));
	text = slurp("proxy/seen", NULL);
	ATF_CHECK(strstr(text, "CONNECT certificates.trustedservices.intel."
	    "com:443 HTTP/1.1") != NULL);
	while ((text = strstr(text, "CONNECT ")) != NULL) {
		text += 8;
		ATF_CHECK_MSG(strncmp(text, "api.trustedservices.intel.com:"
		    "443 ", 34) == 0 || strncmp(text,
		    "certificates.trustedservices.intel.com:443 ", 43) == 0,
		    "elsewhere: %.60s", text);
	}
	ATF_CHECK_EQ(0, child_end(c));
}

/* Of whom, and what is said then. */
static const struct {
	const char	*fault;
	uint8_t		 result;
	uint16_t	 status;
	const char	*why;
} faults[] = {
	{ "{\"tcb:status\": \"404\"}", GOT_REFUSED, 404,
	    "TCB info: localhost answered 404" },
	{ "{\"qe:status\": \"503\"}", GOT_UNAVAILABLE, 503,
	    "QE identity: localhost answered 503" },
	{ "{\"pckcrl:status\": \"429\"}", GOT_REFUSED, 429,
	    "PCK CRL: localhost answered 429" },
	{ "{\"rootcrl:garbage\": true}", GOT_UNAVAILABLE, 200,
	    "root CRL: it is no root CRL" },
	{ "{\"tcb:empty\": true}", GOT_UNAVAILABLE, 200,
	    "TCB info: it is no TCB info" },
	{ "{\"qe:huge\": 1}", GOT_UNAVAILABLE, 200,
	    "QE identity: answer of localhost has more than 262144 bytes" },
	{ "{\"tcb:redirect\": \"https://localhost:1/\"}", GOT_REFUSED, 302,
	    "TCB info: localhost answered 302" },
	{ "{\"pckcrl:half\": true}", GOT_UNAVAILABLE, 200, "PCK CRL: " },
};

TEST(wrong, "one part is not to be had: which, and why")
{
	struct child	*c;
	size_t		 i;

	begin(tc);
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		fault("{\"clear\": true}");
		fault(faults[i].fault);
		c = fetcher_start();
		EXPECT(SGX(verifier(c, 0), 0), faults[i].result,
		    faults[i].status, faults[i].why);
		worked(c);
		ATF_CHECK_EQ(0, child_end(c));
	}
	fault("{\"clear\": true}");
	c = fetcher_start();
	EXPECT(ask(verifier(c, 0), TEE_SGX, "ffffffffffff", PLATFORM, 0),
	    GOT_REFUSED, 404, "TCB info: localhost answered 404");
	worked(c);
	ATF_CHECK_EQ(0, child_end(c));
}

static const struct {
	const char	*control;
	const char	*why;
} headers[] = {
	{ "{\"chain\": {\"TCB-Info-Issuer-Chain\": null}}",
	    "TCB info: the answer has not one header TCB-Info-Issuer-Chain" },
	{ "{\"chain\": {\"SGX-PCK-CRL-Issuer-Chain\": null}}",
	    "PCK CRL: the answer has not one header" },
	{ "{\"chain\": {\"SGX-Enclave-Identity-Issuer-Chain\": \"a%4\"}}",
	    "QE identity: header SGX-Enclave-Identity-Issuer-Chain: a %" },
	{ "{\"chain\": {\"TCB-Info-Issuer-Chain\": \"\"}}",
	    "TCB info: its issuer chain is no PEM" },
	{ "{\"chain\": {}, \"twice\": true}", "has not one header" },
};

TEST(chains, "headers that are missing, twice there, or no chain")
{
	struct child	*c;
	size_t		 i;

	begin(tc);
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		control(headers[i].control);
		c = fetcher_start();
		EXPECT(SGX(verifier(c, 0), 0), GOT_UNAVAILABLE, 200,
		    headers[i].why);
		worked(c);
		ATF_CHECK_EQ(0, child_end(c));
	}
}

TEST(merge, "who asks for the same at once is served by one request each")
{
	struct child	*c;
	struct peer	*v;
	struct got	 g;
	int		 i;

	begin(tc);
	fault("{\"slow\": 0.5}");
	c = fetcher_start();
	v = verifier(c, 0);
	for (i = 0; i < 100; i++)
		platform_send(v, TEE_SGX, i % 2 == 0 ? FMSPC : OTHER, PLATFORM,
		    i % 3 == 0, 20000);
	worked(c);
	for (i = 0; i < 100; i++) {
		got_recv(v, &g);
		ATF_CHECK_EQ_MSG(GOT_OK, g.result, "%s", g.why);
		free(g.body);
	}
	ATF_CHECK_EQ(2, count("tcb"));
	ATF_CHECK_EQ(1, count("qe"));
	ATF_CHECK_EQ(1, count("pckcrl"));
	ATF_CHECK_EQ(1, count("rootcrl"));
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(memory, "a new one when asked for, not too often, and the old one after")
{
	struct child	*c;
	struct peer	*v;
	struct got	 g;
	uint64_t	 first;

	begin(tc);
	conf.interval = 8;
	c = fetcher_start();
	v = verifier(c, 0);
	g = SGX(v, 0);
	ATF_REQUIRE_EQ(GOT_OK, g.result);
	first = g.fetched;
	free(g.body);
	worked(c);
	/* The gate is shut: what there is. */
	same(SGX(v, 1), "coll/sgx-" FMSPC);
	ATF_CHECK_EQ(4, count("requests"));
	sleep(8);
	/* Collateral is kept for longer than the gate is shut. */
	same(SGX(v, 0), "coll/sgx-" FMSPC);
	ATF_CHECK_EQ(4, count("requests"));
	run("printf '{\"tcbInfo\":{},\"signature\":\"\"}' "
	    ">coll/sgx-" FMSPC "/tcb_info.json");
	same(SGX(v, 1), "coll/sgx-" FMSPC);
	ATF_CHECK_EQ(8, count("requests"));
	sleep(8);
	/* All fail: what there is, and how old it is. */
	fault("{\"status\": \"404\"}");
	g = SGX(v, 1);
	ATF_CHECK_EQ_MSG(GOT_OK, g.result, "%s", g.why);
	ATF_CHECK_MSG(g.fetched >= first + 8 && g.fetched + 1 <
	    (uint64_t)time(NULL), "fetched %llu of %llu",
	    (unsigned long long)g.fetched, (unsigned long long)first);
	free(g.body);
	ATF_CHECK_EQ(12, count("requests"));
	/* What never came is asked for when the gate opens. */
	EXPECT(ask(v, TEE_TDX, FMSPC, PLATFORM, 0), GOT_REFUSED, 404, "404");
	EXPECT(ask(v, TEE_TDX, FMSPC, PLATFORM, 0), GOT_REFUSED, 404,
	    "again in");
	ATF_CHECK_EQ(14, count("requests"));
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(many, "no number of platforms pushes out what all of them need")
{
	struct child	*c;
	struct peer	*v;
	char		 fmspc[13];
	int		 i;

	begin(tc);
	c = fetcher_start();
	v = verifier(c, 0);
	same(SGX(v, 0), "coll/sgx-" FMSPC);
	worked(c);
	for (i = 0; i < 100; i++) {
		snprintf(fmspc, sizeof(fmspc), "%012x", i);
		EXPECT(ask(v, TEE_SGX, fmspc, PLATFORM, 0), GOT_REFUSED, 404,
		    "TCB info");
	}
	same(SGX(v, 0), "coll/sgx-" FMSPC);
	ATF_CHECK_EQ(102, count("tcb"));
	ATF_CHECK_EQ(1, count("rootcrl"));
	ATF_CHECK_EQ(1, count("qe"));
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(flood, "more under way than are remembered is busy, and no more")
{
	struct child	*c;
	struct peer	*v;
	struct got	 g;
	char		 fmspc[13];
	int		 i, busy = 0;

	begin(tc);
	/* As many as there are connections: the rest waits behind them. */
	fault("{\"tcb:slow\": \"5x32\"}");
	c = fetcher_start();
	v = verifier(c, 0);
	for (i = 0; i < 100; i++) {
		snprintf(fmspc, sizeof(fmspc), "%012x", i);
		platform_send(v, TEE_SGX, fmspc, PLATFORM, 0, 20000);
	}
	worked(c);
	for (i = 0; i < 100; i++) {
		got_recv(v, &g);
		busy += g.result == GOT_BUSY;
		free(g.body);
	}
	/* 64 are remembered: three that are shared, and 61. */
	ATF_CHECK_EQ(39, busy);
	fault("{\"clear\": true}");
	same(SGX(v, 0), "coll/sgx-" FMSPC);
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(deadline, "what did not come in time is named")
{
	struct child	*c;
	struct peer	*v, *w;
	struct got	 g;

	begin(tc);
	fault("{\"qe:hang\": true}");
	c = fetcher_start();
	v = verifier(c, 0);
	platform_send(v, TEE_SGX, FMSPC, PLATFORM, 0, 5000);
	got_recv(v, &g);
	EXPECT(g, GOT_UNAVAILABLE, 0, "QE identity did not come in time");
	worked(c);
	/* A verifier dies; the other one still waits. */
	w = child_edge(c, PROC_VERIFIER, 1, 0);
	platform_send(v, TEE_SGX, FMSPC, PLATFORM, 0, 20000);
	platform_send(w, TEE_SGX, FMSPC, PLATFORM, 0, 5000);
	usleep(200000);
	peer_close(v);
	got_recv(w, &g);
	EXPECT(g, GOT_UNAVAILABLE, 0, "QE identity did not come in time");
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(trust, "a certificate that nobody here trusts, and nobody there")
{
	struct child	*c;

	begin(tc);
	run("cp tee/tee-root.pem other.pem");
	conf.ca = "other.pem";
	c = fetcher_start();
	EXPECT(SGX(verifier(c, 0), 0), GOT_UNAVAILABLE, 0,
	    "certificate of localhost");
	worked(c);
	ATF_CHECK_EQ(0, child_end(c));
	ATF_CHECK_EQ(0, count("requests"));
	standin_stop(pcs, "pcs");
	conf_default();
	c = fetcher_start();
	EXPECT(SGX(verifier(c, 0), 0), GOT_UNAVAILABLE, 0,
	    "connection to localhost");
	worked(c);
	ATF_CHECK_EQ(0, child_end(c));
}

static void
violates(struct child *c, uint8_t what, uint8_t tees, const char *url,
    size_t len)
{
	struct asking	 a = { .what = what, .ms = 1000, .url = url,
			    .tees = tees, .body = "\0\0\0\0\0\0\0\0",
			    .len = len };
	struct peer	*v = verifier(c, 0);
	struct rbuf	 r;

	ask_send(v, &a);
	ATF_CHECK(peer_closed(v, AGES));
	peer_recv(child_parent(c), IMSG_PARENT_VIOLATION, &r, AGES);
}

TEST(hosts, "it goes to no other host, and answers nothing else")
{
	struct child	*c;

	begin(tc);
	c = fetcher_start();
	violates(c, FETCH_CRL, 0, "https://localhost/x.crl", 0);
	violates(c, FETCH_JWKS, 0, "", 0);
	violates(c, FETCH_NONCE, 0, "", 0);
	violates(c, FETCH_DCAP, TEE_SGX, "https://localhost/", 7);
	violates(c, FETCH_DCAP, TEE_SGX, "", 6);
	violates(c, FETCH_DCAP, TEE_SGX, "", 8);
	violates(c, FETCH_DCAP, TEE_SGX | TEE_TDX, "", 7);
	violates(c, FETCH_DCAP, 0, "", 7);
	ATF_CHECK_EQ(0, count("requests"));
	ATF_CHECK_EQ(0, child_end(c));
}

/* What comes after the configuration: nothing if it dies of that. */
enum sent { NOTHING, GO, CA_AND_GO };

/* Does not become ready, and its log says why. */
static void
refuses(const char *directory, enum sent sent, const char *why)
{
	struct child	*c = fetcher_begin(directory);
	struct wbuf	 w = { 0 };

	if (sent == CA_AND_GO)
		give_ca(c, conf.ca);
	if (sent != NOTHING)
		peer_send(child_parent(c), IMSG_PROCESS_GO, &w);
	ATF_CHECK(peer_closed(child_parent(c), AGES));
	ATF_CHECK_MSG(child_logged(c, why, AGES), "not said: %s", why);
	ATF_CHECK(child_end(c) != 0);
}

TEST(start, "what it refuses to start with")
{
	begin(tc);
	refuses(NULL, GO, "ca has not come");
	refuses("/", NOTHING, "not understood");
	strlcpy(conf.url, "http://localhost", sizeof(conf.url));
	refuses(NULL, NOTHING, "is not https");
	strlcpy(conf.url, "https://localhost/?a=b", sizeof(conf.url));
	refuses(NULL, CA_AND_GO, "collateral \"https://localhost/?a=b\"");
	conf.url[0] = '\0';
	refuses(NULL, NOTHING, "not understood");
	refuses("/", CA_AND_GO, "or should not");
	conf_default();
	conf.least = 61;
	refuses(NULL, NOTHING, "not understood");
}

/* --- a directory ---------------------------------------------------------- */

TEST(directory, "a platform's own, or the directory itself, as it is now")
{
	struct child	*c;
	struct peer	*v;

	standin = standin_find(tc);
	mint();
	c = fetcher_reads("coll");
	v = verifier(c, 0);
	same(SGX(v, 0), "coll/sgx-" FMSPC);
	worked(c);
	same(ask(v, TEE_TDX, FMSPC, PLATFORM, 0), "coll/tdx-" FMSPC);
	same(ask(v, TEE_TDX, OTHER, PROCESSOR, 0), "coll/tdx-" OTHER);
	EXPECT(ask(v, TEE_SGX, "ffffffffffff", PROCESSOR, 0),
	    GOT_UNAVAILABLE, 0,
	    "collateral: ./pck_crl.der: No such file or directory");
	run("cp -R coll/sgx-" FMSPC " coll/sgx-ffffffffffff");
	same(ask(v, TEE_SGX, "ffffffffffff", PROCESSOR, 0),
	    "coll/sgx-" FMSPC);
	run("cp coll/tdx-" OTHER "/* coll");
	same(ask(v, TEE_TDX, "eeeeeeeeeeee", PROCESSOR, 0),
	    "coll/tdx-" OTHER);
	ATF_CHECK_EQ(0, child_end(c));
}

/* What is done to the directory, and what is said then. */
static const struct {
	const char	*file;
	const char	*how;		/* with the file's name in F */
	const char	*why;
} hostile[] = {
	{ "tcb_info.json", "rm $F", "No such file" },
	{ "qe_identity_issuer_chain.pem", "rm $F", "No such file" },
	{ "root_ca_crl.der", "ln -sf ../../tcb_info.json $F",
	    "is a symbolic link" },
	{ "pck_crl.der", "ln -sf /etc/passwd $F", "is a symbolic link" },
	{ "tcb_info.json", "rm $F; mkfifo $F", "no regular file" },
	{ "tcb_info.json", "rm $F; mkdir $F", "no regular file" },
	{ "qe_identity.json", ": >$F", "is empty" },
	{ "tcb_info.json", "head -c 262145 /dev/zero >$F", "too long" },
	{ "tcb_info_issuer_chain.pem", "head -c 16385 /dev/zero >$F",
	    "too long" },
	{ "tcb_info.json", "echo '{}' >$F", "it is no TCB info" },
	{ "root_ca_crl.der", "echo 3000x >$F", "it is no root CRL" },
	{ "pck_crl_issuer_chain.pem", "echo x >>$F", "is no PEM" },
};

TEST(hostile_files, "links, pipes, files that are empty, long or not theirs")
{
	struct child	*c;
	char		 want[256];
	size_t		 i;

	standin = standin_find(tc);
	mint();
	run("mv coll all; mkdir coll");
	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		run("rm -rf coll/sgx-" FMSPC "; cp -R all/sgx-" FMSPC
		    " coll; F=coll/sgx-" FMSPC "/%s; %s", hostile[i].file,
		    hostile[i].how);
		c = fetcher_reads("coll");
		/* A chain that is no PEM is said of what it belongs to. */
		snprintf(want, sizeof(want), "sgx-" FMSPC "/%s",
		    strstr(hostile[i].why, "PEM") != NULL ? "pck_crl.der" :
		    hostile[i].file);
		platform_send(verifier(c, 0), TEE_SGX, FMSPC, PLATFORM, 0, 0);
		ATF_CHECK_MSG(child_logged(c, want, AGES), "%s", want);
		ATF_CHECK_MSG(child_logged(c, hostile[i].why, AGES), "%s",
		    hostile[i].why);
		worked(c);
		ATF_CHECK_EQ(0, child_end(c));
	}
	/* Not even to a good one. */
	run("rm -rf coll/*; ln -s ../all/sgx-" FMSPC " coll/sgx-" FMSPC);
	c = fetcher_reads("coll");
	EXPECT(SGX(verifier(c, 0), 0), GOT_UNAVAILABLE, 0,
	    "collateral: sgx-" FMSPC ": ");
	worked(c);
	ATF_CHECK_EQ(0, child_end(c));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, good);
	ATF_TP_ADD_TC(tp, pccs);
	ATF_TP_ADD_TC(tp, intel);
	ATF_TP_ADD_TC(tp, wrong);
	ATF_TP_ADD_TC(tp, chains);
	ATF_TP_ADD_TC(tp, merge);
	ATF_TP_ADD_TC(tp, memory);
	ATF_TP_ADD_TC(tp, many);
	ATF_TP_ADD_TC(tp, flood);
	ATF_TP_ADD_TC(tp, deadline);
	ATF_TP_ADD_TC(tp, trust);
	ATF_TP_ADD_TC(tp, hosts);
	ATF_TP_ADD_TC(tp, start);
	ATF_TP_ADD_TC(tp, directory);
	ATF_TP_ADD_TC(tp, hostile_files);
	return (atf_no_error());
}

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
 * The real fetcher in its real sandbox against the stand-in service, over
 * TLS on loopback: what comes, what each fault of the service becomes and how
 * soon, and how often the service is asked.
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"
#include "kbsd.h"
#include "play.h"

/*
 * A deadline that a test can wait for.  What is left of it counts from when
 * the loop woke up: a fetcher that was held up after that is early by as much,
 * and by half of it at the worst.
 */
#define SHORT_MS	4000
#define SHORT_LEAST_MS	(SHORT_MS / 2)
/* By itself, and not by the end of its time, which is 20 s. */
#define MOST_MS		10000

static const char	*standin;
static pid_t		 authority = -1;
static const char	*authority_host = "localhost";
static unsigned int	 port;

/* What the next fetcher is told; "" is the default. */
static struct {
	char		 api[256];
	char		 base[256];
	char		 proxy[256];
	const char	*ca;
	const char	*key;
	const char	*crl_host;
	uint32_t	 least, most;
	uint32_t	 interval;
	uint8_t		 version;
} conf;

/* --- the stand-in ------------------------------------------------------- */

static void
authority_start(const char *fault)
{
	const char *const	 words[] = { "--host", authority_host,
				    fault != NULL ? "--fault" : NULL, fault,
				    NULL };

	authority = standin_start("trust-authority", "ta", &port, words);
}

static void
authority_stop(void)
{
	standin_stop(authority, "ta");
}

#define CURL	"curl -fsS --noproxy '*' -m 120 --cacert ta/tls-ca.pem "

static void
fault(const char *json)
{
	run(CURL "-X DELETE -o /dev/null https://localhost:%u/fault", port);
	if (json != NULL)
		run(CURL "-o /dev/null -d '%s' https://localhost:%u/fault",
		    json, port);
}

static int
stat_of(const char *name)
{
	int	 n;

	run(CURL "-o stats https://localhost:%u/stats", port);
	return ((n = number_in("stats", name)) == -1 ? 0 : n);
}

static void
stats_reset(void)
{
	run(CURL "-o /dev/null -X POST https://localhost:%u/stats/reset",
	    port);
}

/* --- the fetcher -------------------------------------------------------- */

static void
conf_default(void)
{
	memset(&conf, 0, sizeof(conf));
	snprintf(conf.api, sizeof(conf.api), "https://localhost:%u", port);
	snprintf(conf.base, sizeof(conf.base), "https://localhost:%u/", port);
	conf.ca = "ta/tls-ca.pem";
	conf.key = "ta/api.key";
	conf.least = 20;
	conf.most = 60;
	conf.interval = 60;
	conf.version = 2;
}

static struct child *
fetcher_begin(void)
{
	struct child	*c;
	struct wbuf	 w = { 0 };

	c = child_start("fetcher", PROC_FETCHER, 0, 0, NULL);
	wb_u8(&w, FETCHER_SERVICE);
	wb_str(&w, "ita");
	wb_str(&w, conf.api);
	wb_str(&w, conf.base);
	wb_u8(&w, conf.version);
	wb_u32(&w, conf.least);
	wb_u32(&w, conf.most);
	wb_str(&w, conf.proxy);
	wb_u32(&w, conf.interval);
	wb_u32(&w, conf.crl_host != NULL);
	if (conf.crl_host != NULL)
		wb_str(&w, conf.crl_host);
	child_config(c, &w);
	return (c);
}

static void
fetcher_fds(struct child *c)
{
	int	 fd;

	ATF_REQUIRE((fd = open(conf.key, O_RDONLY)) != -1);
	child_descriptor(c, FD_API_KEY, fd);
	give_ca(c, conf.ca);
}

static struct child *
fetcher_start(void)
{
	struct child	*c = fetcher_begin();

	fetcher_fds(c);
	child_go(c);
	return (c);
}

/* Does not become ready, and its log says why. */
static void
fetcher_refuses(const char *why)
{
	struct child	*c = fetcher_begin();
	struct wbuf	 w = { 0 };

	if (access(conf.key, R_OK) == 0) {
		fetcher_fds(c);
		peer_send(child_parent(c), IMSG_PROCESS_GO, &w);
	}
	ATF_CHECK(peer_closed(child_parent(c), AGES));
	ATF_CHECK_MSG(child_logged(c, why, AGES), "not said: %s", why);
	ATF_CHECK(child_end(c) != 0);
}

static struct got
ask(struct peer *v, uint8_t what, int ms, int refresh, const char *url)
{
	struct asking	 a = { .what = what, .ms = ms, .refresh = refresh,
			    .url = url };
	struct got	 g;
	uint64_t	 tag;

	tag = ask_send(v, &a);
	got_recv(v, &g);
	ATF_REQUIRE_EQ(tag, g.tag);
	free(g.body);
	g.body = NULL;
	return (g);
}

/* URL on the stand-in.  Static buffer. */
static const char *
at(const char *path)
{
	static char	 url[512];

	snprintf(url, sizeof(url), "https://localhost:%u%s", port, path);
	return (url);
}

/* --- other servers -------------------------------------------------------- */

/* Answers 404 to everybody and writes down what came. */
static const char	 echo_program[] =
	"import http.server,ssl,sys,os\n"
	"class H(http.server.BaseHTTPRequestHandler):\n"
	" def do_GET(s):\n"
	"  open('seen','a').write(str(s.headers))\n"
	"  s.send_error(404)\n"
	" def log_message(s,*a): pass\n"
	"h=http.server.HTTPServer((sys.argv[1],0),H)\n"
	"c=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
	"c.load_cert_chain('ta/tls.pem','ta/tls.key')\n"
	"h.socket=c.wrap_socket(h.socket,server_side=True)\n"
	"open('tmp','w').write(str(h.server_port))\n"
	"os.rename('tmp','other.port')\n"
	"h.serve_forever()\n";

/* CONNECT to whatever name becomes a connection to the stand-in. */
static const char	 proxy_program[] =
	"import socket,socketserver,sys,os,threading\n"
	"to=int(open('ta/port').read())\n"
	"class H(socketserver.BaseRequestHandler):\n"
	" def handle(s):\n"
	"  d=b''\n"
	"  while b'\\r\\n\\r\\n' not in d: d+=s.request.recv(4096)\n"
	"  open('seen','ab').write(d)\n"
	"  if os.path.exists('deny'):\n"
	"   s.request.sendall(b'HTTP/1.1 403 No\\r\\n\\r\\n')\n"
	"   return\n"
	"  c=socket.create_connection(('127.0.0.1',to))\n"
	"  s.request.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')\n"
	"  threading.Thread(target=s.pump,args=(c,s.request),"
	"daemon=True).start()\n"
	"  s.pump(s.request,c)\n"
	" def pump(s,a,b):\n"
	"  try:\n"
	"   while True:\n"
	"    d=a.recv(65536)\n"
	"    if not d: break\n"
	"    b.sendall(d)\n"
	"   b.shutdown(1)\n"
	"  except OSError: pass\n"
	"class S(socketserver.ThreadingTCPServer): daemon_threads=True\n"
	"h=S((sys.argv[1],0),H)\n"
	"open('tmp','w').write(str(h.server_address[1]))\n"
	"os.rename('tmp','other.port')\n"
	"h.serve_forever()\n";

/*
 * A name server: ita.test has an address where nobody listens and a good one,
 * silent.test is never answered, all else does not exist.
 */
static const char	 dns_program[] =
	"import socket,struct,sys,os\n"
	"u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
	"u.bind((sys.argv[1],0))\n"
	"open('tmp','w').write(str(u.getsockname()[1]))\n"
	"os.rename('tmp','other.port')\n"
	"while True:\n"
	" d,a=u.recvfrom(4096)\n"
	" i=12; n=[]\n"
	" while d[i]: n.append(d[i+1:i+1+d[i]]); i+=1+d[i]\n"
	" q=d[12:i+5]; n=b'.'.join(n).lower(); t=d[i+2]\n"
	" open('seen','ab').write(b'%s %d\\n'%(n,t))\n"
	" if n==b'silent.test': continue\n"
	" r=[]\n"
	" if n==b'ita.test' and t==1: r=[b'\\x7f\\0\\0\\3',"
	"b'\\x7f\\0\\0\\1']\n"
	" f=0x8180 if n==b'ita.test' else 0x8183\n"
	" u.sendto(d[:2]+struct.pack('>HHHHH',f,1,len(r),0,0)+q+b''.join("
	"b'\\xc0\\x0c'+struct.pack('>HHIH',1,1,60,4)+x for x in r),a)\n";

static pid_t
other_start(const char *program, const char *address, unsigned int *p)
{
	pid_t	 pid;
	int	 i;

	unlink("other.port");
	fflush(NULL);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execlp("python3", "python3", "-c", program, address,
		    (char *)NULL);
		_exit(127);
	}
	for (i = 0; i < AGES / 20 && access("other.port", R_OK) == -1; i++)
		usleep(20000);
	*p = (unsigned int)atoi(slurp("other.port", NULL));
	return (pid);
}

static void
other_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* --- good paths --------------------------------------------------------- */

struct nonce {
	uint8_t	 val[NONCE_PART_MAX], iat[NONCE_PART_MAX],
		 sig[NONCE_PART_MAX];
	size_t	 vallen, iatlen, siglen;
};

static void
take_part(struct rbuf *r, uint8_t *out, size_t *len)
{
	const uint8_t	*p = rb_bytes(r, len, 1, NONCE_PART_MAX);

	ATF_REQUIRE(!r->failed);
	memcpy(out, p, *len);
}

static void
get_nonce(struct peer *v, struct nonce *n)
{
	struct asking	 a = { .what = FETCH_NONCE };
	struct got	 g;
	struct rbuf	 r;

	ask_send(v, &a);
	got_recv(v, &g);
	ATF_REQUIRE_EQ_MSG(GOT_OK, g.result, "%s", g.why);
	ATF_CHECK_EQ(200, g.status);
	ATF_CHECK(g.fetched + 10 > (uint64_t)time(NULL));
	rb_init(&r, g.body, g.len);
	take_part(&r, n->val, &n->vallen);
	take_part(&r, n->iat, &n->iatlen);
	take_part(&r, n->sig, &n->siglen);
	ATF_REQUIRE(rb_end(&r) == 0);
	free(g.body);
}

/* A quote of the stand-in TEE that binds nonce and held data. */
static void
make_quote(const char *tee, const struct nonce *n, const uint8_t *held,
    size_t heldlen)
{
	EVP_MD_CTX	*ctx;
	uint8_t		 md[EVP_MAX_MD_SIZE];
	char		 hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned int	 len;

	ATF_REQUIRE((ctx = EVP_MD_CTX_new()) != NULL);
	ATF_REQUIRE(EVP_DigestInit_ex(ctx, strcmp(tee, "tdx") == 0 ?
	    EVP_sha512() : EVP_sha256(), NULL) == 1);
	EVP_DigestUpdate(ctx, n->val, n->vallen);
	EVP_DigestUpdate(ctx, n->iat, n->iatlen);
	EVP_DigestUpdate(ctx, held, heldlen);
	EVP_DigestFinal_ex(ctx, md, &len);
	EVP_MD_CTX_free(ctx);
	ATF_REQUIRE(hex_encode(hex, sizeof(hex), md, len) > 0);
	run("%s/tee -d tee -t %s -r %s -o quote", standin, tee, hex);
}

static const char	 nvgpu[] = "{ \"evidence_list\": "
			    "[{\"evidence\":\"AA==\","
			    "\"certificate\":\"AA==\"}], \"x\": 1.50 }";

/* What the verifier has, with a nonce that was fetched for it. */
static void
evidence_make(struct evidence *e, struct nonce *n, struct peer *v,
    const char *tee)
{
	static uint8_t	 held[260];
	static char	 quote[16 * 1024];
	char		*data;
	size_t		 len;

	get_nonce(v, n);
	memset(held, 7, sizeof(held));
	make_quote(tee, n, held, sizeof(held));
	data = slurp("quote", &len);
	ATF_REQUIRE(len > 500 && len < sizeof(quote));
	memcpy(quote, data, len);
	memset(e, 0, sizeof(*e));
	e->quote = (const uint8_t *)quote;
	e->quotelen = len;
	e->user_data = held;
	e->user_datalen = sizeof(held);
	e->event_log = (const uint8_t *)"events";
	e->event_loglen = 6;
	e->has_nonce = 1;
	e->nonce_val = n->val;
	e->nonce_vallen = n->vallen;
	e->nonce_iat = n->iat;
	e->nonce_iatlen = n->iatlen;
	e->nonce_sig = n->sig;
	e->nonce_siglen = n->siglen;
}

/* Claims of the token that came. */
static char *
claims_of(const struct got *g)
{
	static char	 text[32 * 1024];
	char		*p, *q;
	ssize_t		 n;

	ATF_REQUIRE((p = strchr((char *)g->body, '.')) != NULL);
	ATF_REQUIRE((q = strchr(++p, '.')) != NULL);
	n = base64url_decode(text, sizeof(text) - 1, p, (size_t)(q - p));
	ATF_REQUIRE(n > 0);
	text[n] = '\0';
	return (text);
}

static void
appraise(struct peer *v, const char *tee, uint8_t tees, const char *want)
{
	static const char	 id[] = "e48dabc5-9608-4ff3-aaed-f25909ab9de1";
	struct asking		 a = { .what = FETCH_ATTEST, .tees = tees,
				    .id = id };
	struct evidence		 e;
	struct nonce		 n;
	struct got		 g;
	char			*claims;

	evidence_make(&e, &n, v, tee);
	if ((tees & TEE_NVGPU) != 0) {
		e.nvgpu = (const uint8_t *)nvgpu;
		e.nvgpulen = strlen(nvgpu);
	}
	a.evidence = &e;
	ask_send(v, &a);
	got_recv(v, &g);
	ATF_REQUIRE_EQ_MSG(GOT_OK, g.result, "%s", g.why);
	claims = claims_of(&g);
	ATF_CHECK_MSG(strstr(claims, want) != NULL, "%s", claims);
	ATF_CHECK_MSG(strstr(claims, id) != NULL, "%s", claims);
	ATF_CHECK(strstr(claims, "attester_held_data") != NULL);
	ATF_CHECK(strstr(claims, "\"verifier_nonce\"") != NULL);
	free(g.body);
}

TEST(good, "each kind of request gets what the service has")
{
	struct child	*c;
	struct peer	*v;
	struct got	 g;
	struct asking	 a = { .what = FETCH_JWKS };

	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	c = fetcher_start();
	v = verifier(c, 0);
	appraise(v, "tdx", TEE_TDX, "\"tdx\":{");
	worked(c);
	appraise(v, "sgx", TEE_SGX, "\"sgx\":{");
	appraise(v, "tdx", TEE_TDX | TEE_NVGPU, "\"nvgpu\":{");
	ask_send(v, &a);
	got_recv(v, &g);
	ATF_CHECK_EQ_MSG(GOT_OK, g.result, "%s", g.why);
	run(CURL "-o certs https://localhost:%u/certs", port);
	ATF_CHECK_STREQ(slurp("certs", NULL), (char *)g.body);
	free(g.body);
	EXPECT(ask(v, FETCH_CRL, 0, 0, at("/crl/root.crl")), GOT_OK, 200, "");
	EXPECT(ask(v, FETCH_CRL, 0, 0, at("/crl/signing.crl")), GOT_OK, 200,
	    "");
	ATF_CHECK_EQ(1, stat_of("crl-root"));
	ATF_CHECK_EQ(1, stat_of("crl-signing"));
	ATF_CHECK_EQ(0, stat_of("attest-refused"));
	ATF_CHECK_EQ(3, child_counter(c, "appraisals"));
	ATF_CHECK_EQ(3, child_counter(c, "nonces"));
	ATF_CHECK_EQ(0, child_counter(c, "failed"));
	/* All that was one after the other over one connection. */
	ATF_CHECK_EQ(1, child_counter(c, "connections"));
	ATF_CHECK_EQ(0, child_counter(c, "under way"));
	/* The key is in no line. */
	ATF_CHECK(!child_logged(c, strtok(slurp("ta/api.key", NULL), "\n"),
	    0));
	ATF_CHECK_EQ(0, child_end(c));
}

/* The URL is what the configuration says, and there is no key to show. */
static struct child *
key_set_start(void)
{
	struct child	*c = child_start("fetcher", PROC_FETCHER, 0, 0, NULL);
	struct wbuf	 w = { 0 };
	int		 fd;

	wb_u8(&w, FETCHER_JWKS);
	wb_str(&w, "far");
	wb_str(&w, at("/certs"));
	wb_u32(&w, conf.least);
	wb_u32(&w, conf.most);
	wb_str(&w, "");
	wb_u32(&w, conf.interval);
	wb_u32(&w, 0);
	child_config(c, &w);
	ATF_REQUIRE((fd = open(conf.ca, O_RDONLY)) != -1);
	child_descriptor(c, FD_CA, fd);
	child_go(c);
	return (c);
}

TEST(key_set, "the key set and the CRLs of another issuer, and nothing else")
{
	static const uint8_t	 others[] = { FETCH_NONCE, FETCH_ATTEST,
				    FETCH_DCAP };
	struct child		*c;
	struct peer		*v;
	struct asking		 a = { .url = "" };
	struct rbuf		 r;
	size_t			 i;

	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	c = key_set_start();
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_JWKS, 0, 0, ""), GOT_OK, 200, "");
	worked(c);
	EXPECT(ask(v, FETCH_CRL, 0, 0, at("/crl/root.crl")), GOT_OK, 200, "");
	EXPECT(ask(v, FETCH_CRL, 0, 0, "https://example.net/crl"),
	    GOT_REFUSED, 0, "does not name");
	ATF_CHECK_EQ(1, stat_of("certs"));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		a.what = others[i];
		v = verifier(c, (uint32_t)i + 1);
		ask_send(v, &a);
		ATF_CHECK(peer_closed(v, AGES));
		peer_recv(child_parent(c), IMSG_PARENT_VIOLATION, &r, AGES);
	}
	ATF_CHECK_EQ(0, stat_of("nonce"));
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(version1, "the paths of api version 1, and its flat body")
{
	struct child	*c;
	struct peer	*v;
	struct asking	 a = { .what = FETCH_ATTEST,
			    .tees = TEE_TDX | TEE_NVGPU };
	struct evidence	 e;
	struct nonce	 n;
	struct got	 g;

	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	conf.version = 1;
	c = fetcher_start();
	v = verifier(c, 0);
	appraise(v, "tdx", TEE_TDX, "\"ver\":\"1.0.0\"");
	worked(c);
	evidence_make(&e, &n, v, "tdx");
	e.nvgpu = (const uint8_t *)nvgpu;
	e.nvgpulen = strlen(nvgpu);
	a.evidence = &e;
	ask_send(v, &a);
	got_recv(v, &g);
	EXPECT(g, GOT_REFUSED, 0, "composite");
	ATF_CHECK_EQ(0, child_end(c));
}

/* --- what the service says no to ---------------------------------------- */

TEST(refused, "a service that says no: its status and its words")
{
	struct child	*c;
	struct peer	*v;
	struct asking	 a = { .what = FETCH_ATTEST, .tees = TEE_TDX };
	struct evidence	 e;
	struct nonce	 n;
	struct got	 g;

	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	c = fetcher_start();
	v = verifier(c, 0);
	evidence_make(&e, &n, v, "tdx");
	worked(c);
	n.val[0] ^= 1;
	a.evidence = &e;
	ask_send(v, &a);
	got_recv(v, &g);
	EXPECT(g, GOT_REFUSED, 400, "not of this service");
	ATF_CHECK_EQ(1, child_counter(c, "appraisals"));
	/* Two TEEs, none, no quote, GPU evidence that is no object. */
	a.tees = TEE_TDX | TEE_SGX;
	ask_send(v, &a);
	got_recv(v, &g);
	EXPECT(g, GOT_REFUSED, 0, "either SGX or TDX");
	a.tees = TEE_NVGPU;
	ask_send(v, &a);
	got_recv(v, &g);
	EXPECT(g, GOT_REFUSED, 0, "either SGX or TDX");
	a.tees = TEE_TDX | TEE_NVGPU;
	e.nvgpu = (const uint8_t *)"{},\"policy_ids\":[]";
	e.nvgpulen = strlen((const char *)e.nvgpu);
	ask_send(v, &a);
	got_recv(v, &g);
	EXPECT(g, GOT_REFUSED, 0, "nvgpu");
	e.quotelen = 0;
	ask_send(v, &a);
	got_recv(v, &g);
	EXPECT(g, GOT_REFUSED, 0, "no quote");
	ATF_CHECK_EQ(1, child_counter(c, "appraisals"));
	fault("{\"status\": 401}");
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_REFUSED, 401,
	    "answered 401: fault");
	fault("{\"redirect\": true}");
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_REFUSED, 302, "302");
	EXPECT(ask(v, FETCH_CRL, 0, 0, at("/crl/root.crl")), GOT_REFUSED, 302,
	    "302");
	ATF_CHECK_EQ(0, stat_of("evil"));
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(api_key, "a wrong API key is refused by the service")
{
	struct child	*c;
	struct peer	*v;

	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	run("echo wrong >wrong.key");
	conf.key = "wrong.key";
	c = fetcher_start();
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_REFUSED, 401, "x-api-key");
	worked(c);
	/* Key set and CRLs need none. */
	EXPECT(ask(v, FETCH_JWKS, 0, 0, ""), GOT_OK, 200, "");
	ATF_CHECK_EQ(0, child_end(c));
}

/* --- faults of the transport -------------------------------------------- */

struct transport {
	const char	*fault;
	const char	*why;
	uint8_t		 result;
	uint16_t	 status;
	int		 ms;			/* deadline, as in asking */
	int		 least;			/* ms till the answer */
};

/* A wait between two tries is 20 ms, by a clock that has ticks of up to 10. */
static const struct transport transports[] = {
	{ "{\"hang\": true}", "waiting for the answer", GOT_UNAVAILABLE, 0,
	    SHORT_MS, SHORT_LEAST_MS },
	{ "{\"slow\": 15}", "timed out after", GOT_UNAVAILABLE, 0,
	    SHORT_MS, SHORT_LEAST_MS },
	{ "{\"drip\": 1}", "timed out after", GOT_UNAVAILABLE, 0,
	    SHORT_MS, SHORT_LEAST_MS },
	{ "{\"slow\": 0.3}", "", GOT_OK, 200, 0, 290 },
	{ "{\"status\": \"503x2\"}", "", GOT_OK, 200, 0, 20 },
	{ "{\"status\": \"500x1\"}", "", GOT_OK, 200, 0, 10 },
	{ "{\"status\": 504}", "answered 504: fault", GOT_UNAVAILABLE, 504,
	    0, 20 },
	{ "{\"status\": 502}", "answered 502: fault", GOT_REFUSED, 502, 0,
	    0 },
	{ "{\"status\": 404}", "answered 404: fault", GOT_REFUSED, 404, 0,
	    0 },
	{ "{\"status\": 203}", "answered 203: fault", GOT_REFUSED, 203, 0,
	    0 },
	{ "{\"garbage\": true}", "answer is no", GOT_UNAVAILABLE, 200, 0, 0 },
	{ "{\"empty\": true}", "answer is no", GOT_UNAVAILABLE, 200, 0, 0 },
	{ "{\"half\": true}", "answer of localhost: ", GOT_UNAVAILABLE, 200,
	    0, 0 },
	{ "{\"close\": true}", "answer of localhost: ", GOT_UNAVAILABLE, 0, 0,
	    0 },
	{ "{\"huge\": 4}", "bytes", GOT_UNAVAILABLE, 200, 0, 0 },
	/* It parses: what it is called does not matter. */
	{ "{\"content-type\": true}", "", GOT_OK, 200, 0, 0 },
};

static void
transport(struct peer *v, const struct transport *t, uint8_t what)
{
	struct got	 g;

	fprintf(stderr, "%s of %d\n", t->fault, what);
	fault(t->fault);
	g = ask(v, what, t->ms, 1,
	    what == FETCH_CRL ? at("/crl/root.crl") : "");
	EXPECT(g, t->result, t->status, t->why);
	ATF_CHECK_MSG(g.ms >= t->least && g.ms < MOST_MS, "%s: %d ms",
	    t->fault, g.ms);
}

static void
transport_all(uint8_t what, uint32_t interval)
{
	struct child	*c;
	struct peer	*v;
	size_t		 i;

	authority_start(NULL);
	conf_default();
	conf.interval = interval;
	c = fetcher_start();
	v = verifier(c, 0);
	/* The first row finds a connection: TLS takes none of its time. */
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_OK, 200, "");
	for (i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		transport(v, &transports[i], what);
	worked(c);
	fault(NULL);
	EXPECT(ask(v, what, 0, 1, what == FETCH_CRL ? at("/crl/root.crl") :
	    ""), GOT_OK, 200, "");
	ATF_CHECK_EQ(0, child_counter(c, "under way"));
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(faults_nonce, "each fault of the transport while a nonce is fetched")
{
	standin = standin_find(tc);
	transport_all(FETCH_NONCE, 60);
}

TEST(faults_crl, "some while a revocation list is fetched")
{
	struct child	*c;
	struct peer	*v;
	static const size_t	 some[] = { 4, 6, 8, 10, 11, 12, 13, 14, 15 };
	size_t		 i;

	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	conf.interval = 0;
	c = fetcher_start();
	v = verifier(c, 0);
	for (i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		transport(v, &transports[some[i]], FETCH_CRL);
		transport(v, &transports[some[i]], FETCH_JWKS);
	}
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(retries, "two retries, with their waits, and only in time")
{
	struct child	*c;
	struct peer	*v;
	struct got	 g;

	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	conf.least = 300;
	conf.most = 400;
	c = fetcher_start();
	v = verifier(c, 0);
	fault("{\"status\": 503}");
	stats_reset();
	g = ask(v, FETCH_NONCE, 0, 0, "");
	EXPECT(g, GOT_UNAVAILABLE, 503, "503");
	ATF_CHECK_MSG(g.ms >= 580 && g.ms < MOST_MS, "%d ms", g.ms);
	ATF_CHECK_EQ(3, stat_of("nonce"));
	worked(c);
	ATF_CHECK_EQ(2, child_counter(c, "retries"));
	/* None for an answer that is no answer. */
	fault("{\"status\": 429}");
	stats_reset();
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_REFUSED, 429, "429");
	ATF_CHECK_EQ(1, stat_of("nonce"));
	ATF_CHECK_EQ(0, child_end(c));
	/* No time for one: said at once, not at the deadline. */
	conf.least = 9000;
	conf.most = 9500;
	c = fetcher_start();
	v = verifier(c, 0);
	fault("{\"status\": 503}");
	stats_reset();
	g = ask(v, FETCH_NONCE, 9000, 0, "");
	EXPECT(g, GOT_UNAVAILABLE, 503, "503");
	ATF_CHECK_MSG(g.ms < 8000, "%d ms", g.ms);
	ATF_CHECK_EQ(1, stat_of("nonce"));
	worked(c);
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(certificate, "a service whose certificate is not ours to trust")
{
	struct child	*c;
	struct peer	*v;
	unsigned int	 other_port;
	pid_t		 other;

	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	conf.ca = "ta/root.pem";
	c = fetcher_start();
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_UNAVAILABLE, 0,
	    "certificate of localhost");
	worked(c);
	EXPECT(ask(v, FETCH_JWKS, 0, 0, ""), GOT_UNAVAILABLE, 0,
	    "certificate of localhost");
	ATF_CHECK(child_logged(c, "certificate of localhost", AGES));
	ATF_CHECK_EQ(0, stat_of("nonce"));
	ATF_CHECK_EQ(0, child_end(c));
	/* The right authority, another name. */
	other = other_start(echo_program, "127.0.0.2", &other_port);
	conf_default();
	snprintf(conf.api, sizeof(conf.api), "https://127.0.0.2:%u",
	    other_port);
	c = fetcher_start();
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_UNAVAILABLE, 0,
	    "certificate of 127.0.0.2");
	worked(c);
	ATF_CHECK(access("seen", R_OK) == -1);
	ATF_CHECK_EQ(0, child_end(c));
	other_stop(other);
	/* An address that the certificate has needs no resolver. */
	conf_default();
	snprintf(conf.api, sizeof(conf.api), "https://127.0.0.1:%u", port);
	c = fetcher_start();
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_OK, 200, "");
	worked(c);
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(nobody, "nobody listens, and nobody has that name")
{
	struct child	*c;
	struct peer	*v;
	struct got	 g;

	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	strlcpy(conf.api, "https://localhost:1", sizeof(conf.api));
	strlcpy(conf.base, "https://no-such-host.invalid",
	    sizeof(conf.base));
	c = fetcher_start();
	v = verifier(c, 0);
	g = ask(v, FETCH_NONCE, 0, 0, "");
	EXPECT(g, GOT_UNAVAILABLE, 0, "connection to localhost");
	ATF_CHECK_MSG(g.ms < MOST_MS, "%d ms", g.ms);
	worked(c);
	/* With or without a resolver that answers. */
	g = ask(v, FETCH_JWKS, SHORT_MS, 0, "");
	ATF_CHECK_EQ(GOT_UNAVAILABLE, g.result);
	ATF_CHECK_MSG(g.ms < SHORT_MS + 5000, "%d ms", g.ms);
	ATF_CHECK_EQ(0, child_end(c));
}

/* --- memory ------------------------------------------------------------- */

TEST(merge, "what many verifiers want at once is fetched once")
{
	struct child	*c;
	struct peer	*v[10];
	struct got	 g;
	struct asking	 a = { .what = FETCH_JWKS };
	struct asking	 crl = { .what = FETCH_CRL };
	int		 i;

	standin = standin_find(tc);
	authority_start("slow=0.3");
	conf_default();
	c = fetcher_start();
	crl.url = at("/crl/root.crl");
	for (i = 0; i < 10; i++)
		v[i] = verifier(c, (uint32_t)i);
	for (i = 0; i < 10; i++) {
		a.refresh = i & 1;
		ask_send(v[i], &a);
		ask_send(v[i], &crl);
	}
	for (i = 0; i < 20; i++) {
		got_recv(v[i / 2], &g);
		ATF_CHECK_EQ_MSG(GOT_OK, g.result, "%s", g.why);
		ATF_CHECK(g.len > 100);
		free(g.body);
	}
	ATF_CHECK_EQ(1, stat_of("certs"));
	ATF_CHECK_EQ(1, stat_of("crl-root"));
	worked(c);
	/* A verifier that is new gets it from memory. */
	peer_close(v[0]);
	v[0] = verifier(c, 0);
	EXPECT(ask(v[0], FETCH_JWKS, 0, 0, ""), GOT_OK, 200, "");
	ATF_CHECK_EQ(1, stat_of("certs"));
	ATF_CHECK(child_counter(c, "from memory") >= 1);
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(interval, "a flood of refreshes asks once an interval, failed or not")
{
	struct child	*c;
	struct peer	*v;
	struct got	 g;
	uint64_t	 first;
	int		 i;

	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	conf.interval = 8;
	c = fetcher_start();
	v = verifier(c, 0);
	g = ask(v, FETCH_JWKS, 0, 0, "");
	ATF_CHECK_EQ(GOT_OK, g.result);
	first = g.fetched;
	worked(c);
	for (i = 0; i < 500; i++) {
		g = ask(v, FETCH_JWKS, 0, 1, "");
		ATF_REQUIRE_EQ_MSG(GOT_OK, g.result, "%s", g.why);
		ATF_REQUIRE_EQ(first, g.fetched);
	}
	ATF_CHECK_EQ(1, stat_of("certs"));
	/* The interval is over, but the service is ill. */
	fault("{\"certs:status\": 404}");
	sleep(8);
	EXPECT(ask(v, FETCH_JWKS, 0, 1, ""), GOT_REFUSED, 404, "404");
	ATF_CHECK_EQ(2, stat_of("certs"));
	/* The good bytes are still there, with the time they came. */
	for (i = 0; i < 50; i++) {
		g = ask(v, FETCH_JWKS, 0, i & 1, "");
		ATF_REQUIRE_EQ_MSG(GOT_OK, g.result, "%s", g.why);
		ATF_REQUIRE_EQ(first, g.fetched);
	}
	ATF_CHECK_EQ(2, stat_of("certs"));
	sleep(8);
	/* Who does not insist is served with them after a failure. */
	g = ask(v, FETCH_JWKS, 0, 0, "");
	EXPECT(g, GOT_OK, 200, "");
	ATF_CHECK_EQ(first, g.fetched);
	ATF_CHECK_EQ(3, stat_of("certs"));
	fault(NULL);
	sleep(8);
	g = ask(v, FETCH_JWKS, 0, 0, "");
	EXPECT(g, GOT_OK, 200, "");
	ATF_CHECK(g.fetched > first);
	ATF_CHECK_EQ(4, stat_of("certs"));
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(interval_empty, "the gate is shut after a failure with nothing there")
{
	struct child	*c;
	struct peer	*v;
	int		 i;

	standin = standin_find(tc);
	authority_start("status=404");
	conf_default();
	c = fetcher_start();
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_JWKS, 0, 0, ""), GOT_REFUSED, 404, "404");
	worked(c);
	for (i = 0; i < 100; i++)
		EXPECT(ask(v, FETCH_JWKS, 0, i & 1, ""), GOT_REFUSED, 404,
		    "again in");
	ATF_CHECK_EQ(1, stat_of("certs"));
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(crls, "the table of revocation lists is bounded, the key set stays")
{
	struct child	*c;
	struct peer	*v;
	char		 path[64];
	int		 i;

	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	c = fetcher_start();
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_JWKS, 0, 0, ""), GOT_OK, 200, "");
	worked(c);
	for (i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "/crl/root.crl?%d", i);
		EXPECT(ask(v, FETCH_CRL, 0, 0, at(path)), GOT_OK, 200, "");
	}
	ATF_CHECK_EQ(200, stat_of("crl-root"));
	/* The last ones are remembered, the first ones not. */
	EXPECT(ask(v, FETCH_CRL, 0, 0, at("/crl/root.crl?199")), GOT_OK, 200,
	    "");
	EXPECT(ask(v, FETCH_CRL, 0, 0, at("/crl/root.crl?140")), GOT_OK, 200,
	    "");
	ATF_CHECK_EQ(200, stat_of("crl-root"));
	EXPECT(ask(v, FETCH_CRL, 0, 0, at("/crl/root.crl?3")), GOT_OK, 200,
	    "");
	ATF_CHECK_EQ(201, stat_of("crl-root"));
	EXPECT(ask(v, FETCH_JWKS, 0, 0, ""), GOT_OK, 200, "");
	ATF_CHECK_EQ(1, stat_of("certs"));
	ATF_CHECK_EQ(0, child_end(c));
}

/* --- where it goes ------------------------------------------------------ */

/* Somebody else's port: who connects to it is noticed. */
static int
trap_open(unsigned int *trap_port)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);
	int			 fd;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ATF_REQUIRE((fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0)) != -1);
	ATF_REQUIRE(bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0);
	ATF_REQUIRE(listen(fd, 8) == 0);
	ATF_REQUIRE(getsockname(fd, (struct sockaddr *)&sin, &len) == 0);
	*trap_port = ntohs(sin.sin_port);
	return (fd);
}

TEST(hosts, "no certificate makes it go where the configuration does not")
{
	struct child	*c;
	struct peer	*v;
	unsigned int	 i, trap_port;
	int		 trap;
	char		 url[512], host[64];
	/* %u is the port of the trap. */
	static const char *const bad[] = {
		"https://localhost:%u/x.crl",
		"https://127.0.0.1:%u/x.crl",
		"https://LOCALHOST:%u/x.crl",
		"http://localhost:%u/x.crl",
		"https://localhost@127.0.0.1:%u/x.crl",
		"https://user:pass@localhost:%u/x.crl",
		"https://localhost:%u#@x/y",
		"https://localhost:%u\\@x/y",
		"https://localhost%%00.x:%u/",
		"https://0x7f000001:%u/x.crl",
		"https://2130706433:%u/",
		"https://[::ffff:127.0.0.1]:%u/",
		"https://localhost.:%u/",
		"https:///localhost:%u/",
		"https:localhost:%u",
		"//localhost:%u/x",
		"localhost:%u/x",
		"ldap://localhost:%u/x",
		"file:///etc/passwd?%u",
		"https://localhost:99999/%u",
		"https://localhost:0/%u",
		"https://local host:%u/",
		"https://localhost:%u/a\r\nx-api-key: b",
		"https://\xc4\xb1.example:%u/",
	};

	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	trap = trap_open(&trap_port);
	c = fetcher_start();
	v = verifier(c, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(url, sizeof(url), bad[i], trap_port);
#pragma GCC diagnostic pop
		fprintf(stderr, "%s\n", url);
		EXPECT(ask(v, FETCH_CRL, 0, 0, url), GOT_REFUSED, 0,
		    "URL of a revocation list");
	}
	worked(c);
	snprintf(url, sizeof(url), "http://localhost:%u/crl/root.crl", port);
	EXPECT(ask(v, FETCH_CRL, 0, 0, url), GOT_REFUSED, 0, "not https");
	ATF_CHECK_MSG(accept(trap, NULL, NULL) == -1 && errno == EAGAIN,
	    "somebody came");
	ATF_CHECK_EQ(0, stat_of("total"));
	/* The same host in other letters is the same host. */
	snprintf(url, sizeof(url), "https://LocalHost:%u/crl/../crl/root.crl",
	    port);
	EXPECT(ask(v, FETCH_CRL, 0, 0, url), GOT_OK, 200, "");
	ATF_CHECK_EQ(0, child_end(c));
	/* A host that the configuration adds. */
	snprintf(host, sizeof(host), "localhost:%u", trap_port);
	conf.crl_host = host;
	c = fetcher_start();
	v = verifier(c, 0);
	snprintf(url, sizeof(url), "https://localhost:%u/x.crl", trap_port);
	EXPECT(ask(v, FETCH_CRL, 5000, 0, url), GOT_UNAVAILABLE, 0, "");
	ATF_CHECK(accept(trap, NULL, NULL) != -1);
	worked(c);
	ATF_CHECK_EQ(0, child_end(c));
	close(trap);
}

TEST(key_stays, "the API key goes to the host of the API alone")
{
	struct child	*c;
	struct peer	*v;
	unsigned int	 echo_port;
	char		*text, url[128], key[128];
	pid_t		 echo;

	standin = standin_find(tc);
	authority_start(NULL);
	echo = other_start(echo_program, "127.0.0.1", &echo_port);
	conf_default();
	strlcpy(key, strtok(slurp("ta/api.key", NULL), "\n"), sizeof(key));
	snprintf(conf.base, sizeof(conf.base), "https://localhost:%u/b",
	    echo_port);
	c = fetcher_start();
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_JWKS, 0, 0, ""), GOT_REFUSED, 404, "404");
	worked(c);
	snprintf(url, sizeof(url), "https://localhost:%u/x.crl", echo_port);
	EXPECT(ask(v, FETCH_CRL, 0, 0, url), GOT_REFUSED, 404, "404");
	text = slurp("seen", NULL);
	ATF_CHECK(strstr(text, "User-Agent: kbsd") != NULL);
	ATF_CHECK(strcasestr(text, "x-api-key") == NULL);
	ATF_CHECK(strstr(text, key) == NULL);
	ATF_CHECK(strcasestr(text, "cookie") == NULL);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_OK, 200, "");
	ATF_CHECK_EQ(0, child_end(c));
	other_stop(echo);
}

TEST(proxy, "through a proxy, which sees a name and no key")
{
	struct child	*c;
	struct peer	*v;
	unsigned int	 proxy_port;
	char		*text;
	pid_t		 proxy;

	standin = standin_find(tc);
	authority_host = "service.invalid";
	authority_start(NULL);
	proxy = other_start(proxy_program, "127.0.0.1", &proxy_port);
	conf_default();
	/* A name that nobody but the proxy knows. */
	strlcpy(conf.api, "https://service.invalid", sizeof(conf.api));
	snprintf(conf.proxy, sizeof(conf.proxy), "localhost:%u", proxy_port);
	c = fetcher_start();
	v = verifier(c, 0);
	appraise(v, "tdx", TEE_TDX, "\"tdx\":{");
	worked(c);
	EXPECT(ask(v, FETCH_JWKS, 0, 0, ""), GOT_OK, 200, "");
	text = slurp("seen", NULL);
	ATF_CHECK(strstr(text, "CONNECT service.invalid:443 HTTP/1.1") !=
	    NULL);
	ATF_CHECK(strcasestr(text, "x-api-key") == NULL);
	ATF_CHECK_EQ(0, child_end(c));
	run(": >deny");
	c = fetcher_start();
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_UNAVAILABLE, 0, "403");
	worked(c);
	ATF_CHECK_EQ(0, child_end(c));
	other_stop(proxy);
	c = fetcher_start();
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_UNAVAILABLE, 0,
	    "onnect to");
	worked(c);
	ATF_CHECK_EQ(0, child_end(c));
}

/* /etc/resolv.conf becomes ours, for this test and its children. */
static void
resolver_set(unsigned int dns_port)
{
	char	 line[64];
	FILE	*f;

	if (unshare(CLONE_NEWNS) == -1 || mount(NULL, "/", NULL, MS_REC |
	    MS_PRIVATE, NULL) == -1)
		atf_tc_skip("no mount namespace: %s", strerror(errno));
	ATF_REQUIRE((f = fopen("resolv.conf", "w")) != NULL);
	snprintf(line, sizeof(line), "nameserver 127.0.0.1:%u\n", dns_port);
	fputs(line, f);
	fclose(f);
	if (mount("resolv.conf", "/etc/resolv.conf", NULL, MS_BIND, NULL) ==
	    -1)
		atf_tc_skip("can't mount: %s", strerror(errno));
}

ATF_TC(names);
ATF_TC_HEAD(names, tc)
{
	atf_tc_set_md_var(tc, "descr", "names by a name server");
	atf_tc_set_md_var(tc, "require.progs", "python3 curl");
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(names, tc)
{
	struct child	*c;
	struct peer	*v;
	struct got	 g;
	unsigned int	 dns_port;
	char		*text;
	pid_t		 dns;

	standin = standin_find(tc);
	dns = other_start(dns_program, "127.0.0.1", &dns_port);
	resolver_set(dns_port);
	authority_host = "ita.test";
	authority_start(NULL);
	conf_default();
	snprintf(conf.api, sizeof(conf.api), "https://ita.test:%u", port);
	strlcpy(conf.base, "https://gone.test", sizeof(conf.base));
	c = fetcher_start();
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_OK, 200, "");
	worked(c);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_OK, 200, "");
	EXPECT(ask(v, FETCH_JWKS, 0, 0, ""), GOT_UNAVAILABLE, 0,
	    "no address for gone.test");
	/* One question for each family, then it is known. */
	text = slurp("seen", NULL);
	ATF_CHECK((text = strstr(text, "ita.test 1\n")) != NULL);
	ATF_CHECK(text != NULL && strstr(text + 1, "ita.test 1\n") == NULL);
	ATF_CHECK_EQ(0, child_end(c));
	strlcpy(conf.api, "https://silent.test", sizeof(conf.api));
	c = fetcher_start();
	v = verifier(c, 0);
	g = ask(v, FETCH_NONCE, SHORT_MS, 0, "");
	EXPECT(g, GOT_UNAVAILABLE, 0, "looking up its address");
	/* libevent itself gives up after three times 5 s. */
	ATF_CHECK_MSG(g.ms >= SHORT_LEAST_MS && g.ms < MOST_MS, "%d ms",
	    g.ms);
	worked(c);
	other_stop(dns);
	ATF_CHECK_EQ(0, child_end(c));
}

/* --- ends ---------------------------------------------------------------- */

TEST(deadline, "a deadline that is over, near, or far too far")
{
	struct child	*c;
	struct peer	*v;
	struct asking	 a = { .what = FETCH_JWKS, .ms = SHORT_MS };
	struct got	 g;
	uint64_t	 begun;

	standin = standin_find(tc);
	authority_start("slow=12");
	conf_default();
	c = fetcher_start();
	v = verifier(c, 0);
	g = ask(v, FETCH_NONCE, -5, 0, "");
	EXPECT(g, GOT_UNAVAILABLE, 0, "over before");
	worked(c);
	g = ask(v, FETCH_NONCE, SHORT_MS, 0, "");
	EXPECT(g, GOT_UNAVAILABLE, 0, "timed out after");
	ATF_CHECK_MSG(g.ms >= SHORT_LEAST_MS && g.ms < MOST_MS, "%d ms",
	    g.ms);
	/* One has no time, the other has; one fetch. */
	begun = now_ms();
	ask_send(v, &a);
	a.ms = 0;
	ask_send(v, &a);
	got_recv(v, &g);
	ATF_CHECK_EQ(GOT_UNAVAILABLE, g.result);
	begun = now_ms() - begun;
	ATF_CHECK_MSG(begun >= SHORT_LEAST_MS && begun < MOST_MS, "%d ms",
	    (int)begun);
	free(g.body);
	got_recv(v, &g);
	ATF_CHECK_EQ_MSG(GOT_OK, g.result, "%s", g.why);
	free(g.body);
	ATF_CHECK_EQ(1, stat_of("certs"));
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(edge, "a verifier that dies, and one that talks nonsense")
{
	struct child	*c;
	struct peer	*v, *w;
	struct asking	 a = { .what = FETCH_NONCE };
	struct asking	 j = { .what = FETCH_JWKS };
	struct got	 g;
	struct wbuf	 b = { 0 };
	struct rbuf	 r;
	int		 i;

	standin = standin_find(tc);
	authority_start("slow=8");
	conf_default();
	c = fetcher_start();
	v = verifier(c, 0);
	w = verifier(c, 1);
	for (i = 0; i < 20; i++)
		ask_send(v, &a);
	ask_send(v, &j);
	ask_send(w, &j);
	worked(c);
	/* The last ones may still be on their way. */
	for (i = 0; i < AGES / 20 && child_counter(c, "under way") < 22;
	    i++)
		usleep(20000);
	ATF_CHECK_EQ(22, child_counter(c, "under way"));
	peer_close(v);
	got_recv(w, &g);
	ATF_CHECK_EQ_MSG(GOT_OK, g.result, "%s", g.why);
	free(g.body);
	ATF_CHECK_EQ(0, child_counter(c, "under way"));
	/* A body that is cut is a violation, the edge closes. */
	wb_u64(&b, 1);
	wb_u8(&b, FETCH_MAX);
	wb_u64(&b, now_ms() + 1000);
	wb_u8(&b, 0);
	wb_str(&b, "");
	wb_u8(&b, 0);
	wb_u32(&b, 0);
	wb_bytes(&b, NULL, 0);
	peer_send(w, IMSG_FETCHER_GET, &b);
	ATF_CHECK(peer_closed(w, AGES));
	peer_recv(child_parent(c), IMSG_PARENT_VIOLATION, &r, AGES);
	/* A URL where none belongs. */
	v = verifier(c, 0);
	j.url = "https://localhost/";
	ask_send(v, &j);
	ATF_CHECK(peer_closed(v, AGES));
	peer_recv(child_parent(c), IMSG_PARENT_VIOLATION, &r, AGES);
	v = verifier(c, 0);
	a.id = "e48dabc5-9608-4ff3-aaed-f25909ab9de1";
	ask_send(v, &a);
	ATF_CHECK(peer_closed(v, AGES));
	peer_recv(child_parent(c), IMSG_PARENT_VIOLATION, &r, AGES);
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_JWKS, 0, 0, ""), GOT_OK, 200, "");
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(busy, "more than the limit is busy at once, and the rest is served")
{
	struct child	*c;
	struct peer	*v;
	struct asking	 a = { .what = FETCH_NONCE };
	struct got	 g;
	int		 i, busy = 0, ok = 0;

	standin = standin_find(tc);
	/* As many as there are connections: the rest waits behind them. */
	authority_start("slow=5x32");
	conf_default();
	c = fetcher_start();
	v = verifier(c, 0);
	for (i = 0; i < 300; i++)
		ask_send(v, &a);
	for (i = 0; i < 300; i++) {
		got_recv(v, &g);
		busy += g.result == GOT_BUSY;
		ok += g.result == GOT_OK;
		if (i == 0)
			ATF_CHECK_EQ(GOT_BUSY, g.result);
		free(g.body);
	}
	worked(c);
	ATF_CHECK_EQ(44, busy);
	ATF_CHECK_EQ(256, ok);
	ATF_CHECK_EQ(44, child_counter(c, "busy"));
	ATF_CHECK(child_counter(c, "connections") <= 64);
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(bytes, "large evidence is bounded by what it takes in memory")
{
	static uint8_t	 big[700 * 1024];
	struct child	*c;
	struct peer	*v;
	struct asking	 a = { .what = FETCH_ATTEST, .tees = TEE_TDX };
	struct evidence	 e;
	struct got	 g;
	uint64_t	 busy;
	int		 i;

	standin = standin_find(tc);
	authority_start("hang");
	conf_default();
	c = fetcher_start();
	v = verifier(c, 0);
	memset(&e, 0, sizeof(e));
	e.quote = (const uint8_t *)"quote";
	e.quotelen = 5;
	e.event_log = big;
	e.event_loglen = sizeof(big);
	a.evidence = &e;
	for (i = 0; i < 80; i++)
		ask_send(v, &a);
	/* 70 of them are 64 MiB in base64. */
	for (i = 0; i < 8; i++) {
		got_recv(v, &g);
		EXPECT(g, GOT_BUSY, 0, "too much evidence");
	}
	worked(c);
	/* The last ones may still be on their way. */
	for (i = 0; i < AGES / 20 && child_counter(c, "busy") + child_counter(c,
	    "under way") < 80; i++)
		usleep(20000);
	busy = child_counter(c, "busy");
	ATF_CHECK_MSG(busy >= 8 && busy <= 12, "%d", (int)busy);
	ATF_CHECK_EQ(80 - busy, child_counter(c, "under way"));
	peer_close(v);
	EXPECT(ask(verifier(c, 0), FETCH_JWKS, 3000, 0, ""), GOT_UNAVAILABLE,
	    0, "in time");
	ATF_CHECK_EQ(0, child_counter(c, "under way"));
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(killed, "the service is killed under way, and comes back")
{
	struct child	*c;
	struct peer	*v;
	struct asking	 a = { .what = FETCH_NONCE };
	struct got	 g;
	unsigned int	 was;

	standin = standin_find(tc);
	authority_start(NULL);
	was = port;
	conf_default();
	c = fetcher_start();
	v = verifier(c, 0);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_OK, 200, "");
	worked(c);
	fault("{\"hang\": true}");
	ask_send(v, &a);
	usleep(300000);
	authority_stop();
	got_recv(v, &g);
	ATF_CHECK_EQ(GOT_UNAVAILABLE, g.result);
	ATF_CHECK_MSG(g.ms < MOST_MS, "%d ms", g.ms);
	free(g.body);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_UNAVAILABLE, 0,
	    "connection to localhost");
	authority_start(NULL);
	ATF_REQUIRE_EQ(was, port);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_OK, 200, "");
	/* A kept connection that has gone away meanwhile is no failure. */
	authority_stop();
	authority_start(NULL);
	ATF_REQUIRE_EQ(was, port);
	EXPECT(ask(v, FETCH_NONCE, 0, 0, ""), GOT_OK, 200, "");
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(start, "what it refuses to start with")
{
	standin = standin_find(tc);
	authority_start(NULL);
	conf_default();
	run("printf 'a\\nb' >bad.key; : >empty.key");
	conf.key = "bad.key";
	fetcher_refuses("API key");
	conf.key = "empty.key";
	fetcher_refuses("API key");
	conf_default();
	conf.ca = "ta/api.key";
	fetcher_refuses("no certificate");
	conf_default();
	strlcpy(conf.api, "http://localhost", sizeof(conf.api));
	conf.key = "none";
	fetcher_refuses("is not https");
	conf_default();
	strlcpy(conf.base, "https://user@localhost/", sizeof(conf.base));
	conf.key = "none";
	fetcher_refuses("has a user name");
	conf_default();
	strlcpy(conf.proxy, "socks5://localhost:1", sizeof(conf.proxy));
	conf.key = "none";
	fetcher_refuses("neither http nor https");
	conf_default();
	conf.version = 3;
	conf.key = "none";
	fetcher_refuses("not understood");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, good);
	ATF_TP_ADD_TC(tp, key_set);
	ATF_TP_ADD_TC(tp, version1);
	ATF_TP_ADD_TC(tp, refused);
	ATF_TP_ADD_TC(tp, api_key);
	ATF_TP_ADD_TC(tp, faults_nonce);
	ATF_TP_ADD_TC(tp, faults_crl);
	ATF_TP_ADD_TC(tp, retries);
	ATF_TP_ADD_TC(tp, certificate);
	ATF_TP_ADD_TC(tp, nobody);
	ATF_TP_ADD_TC(tp, merge);
	ATF_TP_ADD_TC(tp, interval);
	ATF_TP_ADD_TC(tp, interval_empty);
	ATF_TP_ADD_TC(tp, crls);
	ATF_TP_ADD_TC(tp, hosts);
	ATF_TP_ADD_TC(tp, key_stays);
	ATF_TP_ADD_TC(tp, proxy);
	ATF_TP_ADD_TC(tp, names);
	ATF_TP_ADD_TC(tp, deadline);
	ATF_TP_ADD_TC(tp, edge);
	ATF_TP_ADD_TC(tp, busy);
	ATF_TP_ADD_TC(tp, bytes);
	ATF_TP_ADD_TC(tp, killed);
	ATF_TP_ADD_TC(tp, start);
	return (atf_no_error());
}

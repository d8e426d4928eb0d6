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
 * The real fetcher of AMD's collateral in its real sandbox: against a stand-in
 * of the Key Distribution Service over TLS on loopback, and over a directory;
 * and the paths that it asks for.
 */
#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "fetcher.h"
#include "play.h"

#define CURL	"curl -fsS --noproxy '*' -m 120 --cacert kds/tls-ca.pem "

static const char	*standin;
static unsigned int	 port;
static uint8_t		 chip[SNP_CHIP_LEN];

/* --- the stand-in ------------------------------------------------------- */

static const uint8_t	 milan[SNP_TCB_LEN] = { 4, 0, 0, 0, 0, 0, 24, 219 };
static const uint8_t	 turin[SNP_TCB_LEN] = { 1, 2, 0, 4, 0, 0, 0, 130 };

static void
mint(const atf_tc_t *tc)
{
	char	 hex[2 * SNP_CHIP_LEN + 1];

	standin = standin_find(tc);
	memset(chip, 0xc5, sizeof(chip));
	hex_encode(hex, sizeof(hex), chip, sizeof(chip));
	run("%s/tee -t snp -d amd --chip %s --collateral coll", standin, hex);
	run("%s/tee -t snp --product Turin -d amd --chip %s --collateral coll",
	    standin, hex);
}

static void
begin(const atf_tc_t *tc)
{
	const char *const	 words[] = { "-c", "coll", NULL };

	mint(tc);
	standin_start("kds", "kds", &port, words);
}

static void
post(const char *where, const char *json)
{
	run(CURL "-o answer -d '%s' https://localhost:%u/%s", json, port,
	    where);
}

static int
count(const char *name)
{
	post("standin", "{}");
	return (number_in("answer", name));
}

/* --- the fetcher -------------------------------------------------------- */

/* Of a directory, or of the stand-in. */
static struct child *
fetcher(const char *directory, uint32_t interval)
{
	struct child	*c;
	struct wbuf	 w = { 0 };
	char		 url[64] = "", *path = NULL;

	if (directory != NULL)
		ATF_REQUIRE((path = realpath(directory, NULL)) != NULL);
	else
		snprintf(url, sizeof(url), "https://localhost:%u", port);
	c = child_start("fetcher", PROC_FETCHER, 0, 0, path);
	free(path);
	wb_u8(&w, FETCHER_SNP);
	wb_str(&w, "amd");
	wb_str(&w, url);
	wb_u32(&w, 20);
	wb_u32(&w, 60);
	wb_str(&w, "");
	wb_u32(&w, interval);
	child_config(c, &w);
	if (directory == NULL)
		give_ca(c, "kds/tls-ca.pem");
	child_go(c);
	return (c);
}

static struct got
got(struct peer *v)
{
	struct got	 g;

	got_recv(v, &g);
	return (g);
}

static struct got
ask_set(struct peer *v, uint8_t product, uint8_t signer)
{
	const uint8_t	 about[] = { product, signer };
	struct asking	 a = { .what = FETCH_SNP, .url = "", .tees = TEE_SNP,
			    .body = about, .len = sizeof(about) };

	ask_send(v, &a);
	return (got(v));
}

static void
vcek_send(struct peer *v, uint8_t product, const uint8_t *tcb)
{
	uint8_t		 about[ABOUT_MAX];
	struct asking	 a = { .what = FETCH_VCEK, .url = "", .tees = TEE_SNP,
			    .body = about, .len = sizeof(about) };

	about[0] = product;
	memcpy(about + 1, tcb, SNP_TCB_LEN);
	memcpy(about + 1 + SNP_TCB_LEN, chip, SNP_CHIP_LEN);
	ask_send(v, &a);
}

static struct got
ask_vcek(struct peer *v, uint8_t product, const uint8_t *tcb)
{
	vcek_send(v, product, tcb);
	return (got(v));
}

/* What came is what lies there, each of them byte for byte. */
static void
same(struct got g, const char *const *files)
{
	struct rbuf	 r;

	ATF_REQUIRE_EQ_MSG(GOT_OK, g.result, "%s", g.why);
	rb_init(&r, g.body, g.len);
	for (; *files != NULL; files++)
		same_file(&r, *files);
	ATF_CHECK(rb_end(&r) == 0);
	free(g.body);
}

#define CHIP8	"c5c5c5c5c5c5c5c5"
#define CHIP	CHIP8 CHIP8 CHIP8 CHIP8 CHIP8 CHIP8 CHIP8 CHIP8

static const char *const	 milan_set[] = {
	"coll/vcek-Milan/cert_chain.pem", "coll/vcek-Milan/crl.der", NULL };
static const char *const	 turin_vlek[] = {
	"coll/vlek-Turin/cert_chain.pem", "coll/vlek-Turin/crl.der", NULL };
static const char *const	 milan_vcek[] = {
	"coll/vcek-Milan/" CHIP "-04000000000018db.der", NULL };
static const char *const	 turin_vcek[] = {
	"coll/vcek-Turin/" CHIP8 "-0102000400000082.der", NULL };

TEST(good, "each product and signer, merged, and VCEKs for good")
{
	struct child	*c;
	struct peer	*v, *second;

	begin(tc);
	c = fetcher(NULL, 0);
	v = verifier(c, 0);
	second = verifier(c, 1);
	same(ask_set(v, SNP_MILAN, SNP_VCEK), milan_set);
	same(ask_set(v, SNP_TURIN, SNP_VLEK), turin_vlek);
	same(ask_vcek(v, SNP_TURIN, turin), turin_vcek);
	post("fault", "{\"vcek:slow\": \"0.3x1\"}");
	vcek_send(v, SNP_MILAN, milan);
	vcek_send(second, SNP_MILAN, milan);
	same(got(v), milan_vcek);
	same(got(second), milan_vcek);
	same(ask_vcek(second, SNP_MILAN, milan), milan_vcek);
	ATF_CHECK_EQ(2, count("vcek"));
	ATF_CHECK_EQ(2, count("chain"));
	ATF_CHECK_EQ(2, count("crl-amd"));
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(failures, "what AMD's service does wrong is said, part by part")
{
	static const struct {
		const char	*fault;
		int		 vcek;
		uint8_t		 result;
		uint16_t	 status;
		const char	*why;
	} rows[] = {
		{ "{\"crl-amd:empty\": \"truex1\"}", 0, GOT_UNAVAILABLE, 200,
		    "it is no CRL of AMD's root" },
		{ "{\"chain:status\": \"404x1\"}", 0, GOT_REFUSED, 404,
		    "chain of AMD's CAs: localhost answered 404" },
		{ "{\"chain:garbage\": \"truex1\"}", 0, GOT_UNAVAILABLE, 200,
		    "it is no chain of AMD's CAs" },
		{ "{\"vcek:garbage\": \"truex1\"}", 1, GOT_UNAVAILABLE, 200,
		    "it is no VCEK: it is no DER" },
		{ "{\"vcek:huge\": \"1x1\"}", 1, GOT_UNAVAILABLE, 200,
		    "more than" },
		{ "{\"vcek:status\": \"404x1\"}", 1, GOT_REFUSED, 404,
		    "VCEK: localhost answered 404" },
	};
	struct child	*c;
	struct peer	*v;
	size_t		 i;

	begin(tc);
	c = fetcher(NULL, 0);
	v = verifier(c, 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		post("fault", rows[i].fault);
		/* of another one each: what came beside it is remembered */
		EXPECT(rows[i].vcek ? ask_vcek(v, SNP_MILAN, milan) :
		    ask_set(v, i < 2 ? SNP_MILAN : SNP_TURIN, i % 2 == 0 ?
		    SNP_VCEK : SNP_VLEK), rows[i].result, rows[i].status,
		    rows[i].why);
	}
	same(ask_vcek(v, SNP_MILAN, milan), milan_vcek);
	same(ask_set(v, SNP_MILAN, SNP_VCEK), milan_set);
	ATF_CHECK_EQ(0, child_end(c));
}

/* A stranger may name as many chips as he likes. */
TEST(pace, "chips are looked up at a pace, after a 429 none; known ones go on")
{
	struct child	*c;
	struct peer	*v;
	struct got	 g;
	uint8_t		 tcb[SNP_TCB_LEN] = { 9 };
	int		 i, busy = 0;

	begin(tc);
	c = fetcher(NULL, 60);
	v = verifier(c, 0);
	same(ask_vcek(v, SNP_MILAN, milan), milan_vcek);
	for (i = 0; i < 80; i++) {
		tcb[7] = (uint8_t)i;
		vcek_send(v, SNP_MILAN, tcb);
	}
	for (i = 0; i < 80; i++) {
		got_recv(v, &g);
		busy += g.result == GOT_BUSY;
		free(g.body);
	}
	ATF_CHECK_MSG(busy > 0, "%d of 80 were too many", busy);
	ATF_CHECK_MSG(count("vcek") < 81, "%d", count("vcek"));
	same(ask_vcek(v, SNP_MILAN, milan), milan_vcek);
	ATF_CHECK_EQ(0, child_end(c));
	/* The service says when it is too much. */
	c = fetcher(NULL, 60);
	v = verifier(c, 0);
	post("fault", "{\"vcek:status\": \"429x1\"}");
	EXPECT(ask_vcek(v, SNP_MILAN, tcb), GOT_REFUSED, 429, "429");
	post("standin", "{\"reset\": true}");
	EXPECT(ask_vcek(v, SNP_MILAN, milan), GOT_BUSY, 0, "VCEK");
	ATF_CHECK_EQ(0, count("vcek"));
	same(ask_set(v, SNP_MILAN, SNP_VCEK), milan_set);
	ATF_CHECK_EQ(0, child_end(c));
}

TEST(directory, "the same out of files, of each product or of one alone")
{
	struct child	*c;
	struct peer	*v;
	uint8_t		 tcb[SNP_TCB_LEN] = { 9 };

	mint(tc);
	c = fetcher("coll", 60);
	v = verifier(c, 0);
	same(ask_set(v, SNP_MILAN, SNP_VCEK), milan_set);
	same(ask_set(v, SNP_TURIN, SNP_VLEK), turin_vlek);
	same(ask_vcek(v, SNP_MILAN, milan), milan_vcek);
	same(ask_vcek(v, SNP_TURIN, turin), turin_vcek);
	EXPECT(ask_vcek(v, SNP_MILAN, tcb), GOT_UNAVAILABLE, 0,
	    "-0900000000000000.der: No such file");
	EXPECT(ask_set(v, SNP_GENOA, SNP_VCEK), GOT_UNAVAILABLE, 0,
	    "cert_chain.pem: No such file");
	run("echo x >coll/vcek-Milan/crl.der");
	EXPECT(ask_set(v, SNP_MILAN, SNP_VCEK), GOT_UNAVAILABLE, 0,
	    "crl.der: it is no CRL");
	run("rm coll/vcek-Milan/crl.der; "
	    "ln -s cert_chain.pem coll/vcek-Milan/crl.der");
	EXPECT(ask_set(v, SNP_MILAN, SNP_VCEK), GOT_UNAVAILABLE, 0,
	    "crl.der: it is a symbolic link");
	ATF_CHECK_EQ(0, child_end(c));
	c = fetcher("coll/vlek-Turin", 60);
	v = verifier(c, 0);
	same(ask_set(v, SNP_TURIN, SNP_VLEK), turin_vlek);
	ATF_CHECK_EQ(0, child_end(c));
}

/* Each ends the fetcher's edge: the verifier has been broken. */
TEST(violations, "what does not name a product, a signer, a chip")
{
	static const struct {
		uint8_t		 what, tees, first, second;
		size_t		 len;
	} rows[] = {
		{ FETCH_SNP, TEE_SNP, SNP_PRODUCTS, 0, 2 },
		{ FETCH_SNP, TEE_SNP, 0, SNP_SIGNERS, 2 },
		{ FETCH_SNP, TEE_SNP, 0, 0, 1 },
		{ FETCH_SNP, TEE_SNP, 0, 0, 3 },
		{ FETCH_SNP, TEE_TDX, 0, 0, 2 },
		{ FETCH_VCEK, TEE_SNP, SNP_PRODUCTS, 0, ABOUT_MAX },
		{ FETCH_VCEK, TEE_SNP, 0, 0, ABOUT_MAX - 1 },
		{ FETCH_VCEK, TEE_SNP, 0, 0, 2 },
		{ FETCH_DCAP, TEE_SGX, 0, 0, 7 },
		{ FETCH_NONCE, 0, 0, 0, 0 },
	};
	struct child		*c;
	struct peer		*v;
	struct rbuf		 r;
	uint8_t			 data[ABOUT_MAX + 1] = { 0 };
	struct asking		 a = { .url = "", .body = data };
	size_t			 i;

	mint(tc);
	c = fetcher("coll", 60);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		v = verifier(c, (uint32_t)i);
		data[0] = rows[i].first;
		data[1] = rows[i].second;
		a.what = rows[i].what;
		a.tees = rows[i].tees;
		a.len = rows[i].len;
		ask_send(v, &a);
		peer_recv(child_parent(c), IMSG_PARENT_VIOLATION, &r, AGES);
		ATF_CHECK_MSG(peer_closed(v, AGES), "row %zu", i);
	}
	ATF_CHECK_EQ(0, child_end(c));
}

/* Without a process: each product's path. */
ATF_TC_WITHOUT_HEAD(paths);
ATF_TC_BODY(paths, tc)
{
	static const struct {
		uint8_t		 part, product, signer;
		const char	*path;
	} rows[] = {
		{ PART_SNP_CHAIN, SNP_MILAN, SNP_VCEK,
		    "/vcek/v1/Milan/cert_chain" },
		{ PART_SNP_CRL, SNP_GENOA, SNP_VCEK, "/vcek/v1/Genoa/crl" },
		{ PART_SNP_CHAIN, SNP_TURIN, SNP_VLEK,
		    "/vlek/v1/Turin/cert_chain" },
		{ PART_VCEK, SNP_MILAN, SNP_VCEK, "/vcek/v1/Milan/" CHIP
		    "?blSPL=1&teeSPL=2&snpSPL=7&ucodeSPL=255" },
		{ PART_VCEK, SNP_GENOA, SNP_VCEK, "/vcek/v1/Genoa/" CHIP
		    "?blSPL=1&teeSPL=2&snpSPL=7&ucodeSPL=255" },
		{ PART_VCEK, SNP_TURIN, SNP_VCEK, "/vcek/v1/Turin/" CHIP8
		    "?fmcSPL=1&blSPL=2&teeSPL=3&snpSPL=4&ucodeSPL=255" },
	};
	struct platform	 p;
	struct url	 url;
	uint8_t		 about[ABOUT_MAX] = { 0, 1, 2, 3, 4, 5, 6, 7, 255 };
	char		 want[URL_MAX];
	size_t		 i;

	ATF_REQUIRE(url_parse(&settings.api, "https://k/x") == NULL);
	memset(about + 9, 0xc5, SNP_CHIP_LEN);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		about[0] = rows[i].product;
		memset(&p, 0, sizeof(p));
		ATF_REQUIRE_EQ(0, kds_platform(&p, FETCH_VCEK, TEE_SNP, about,
		    sizeof(about)));
		p.signer = rows[i].signer;
		ATF_REQUIRE(kds_url(rows[i].part, &p, &url) == NULL);
		snprintf(want, sizeof(want), "https://k/x%s", rows[i].path);
		ATF_CHECK_STREQ(want, url.text);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, good);
	ATF_TP_ADD_TC(tp, failures);
	ATF_TP_ADD_TC(tp, pace);
	ATF_TP_ADD_TC(tp, directory);
	ATF_TP_ADD_TC(tp, violations);
	ATF_TP_ADD_TC(tp, paths);
	return (atf_no_error());
}

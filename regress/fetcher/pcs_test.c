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
 * Where collateral is, and what of an answer is taken: headers, CRLs in bytes
 * and digits, documents.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "fetcher.h"
#include "json.h"

#define PEM	"-----BEGIN CERTIFICATE-----\nAA+/=\n-----END CERTIFICATE-----"
#define ESCAPED	"-----BEGIN%20CERTIFICATE-----%0AAA%2B/%3D%0A" \
		"-----END%20CERTIFICATE-----%0A"

/* --- where -------------------------------------------------------------- */

static void
url_is(const char *at, uint8_t part, uint8_t tees, int is_platform,
    const char *want)
{
	struct platform	 p = { .tees = tees, .fmspc = "30807f00000a",
			    .is_platform = is_platform };
	struct url	 url;

	ATF_REQUIRE(url_parse(&settings.api, at) == NULL);
	ATF_REQUIRE(pcs_url(part, &p, &url) == NULL);
	ATF_CHECK_STREQ(want, url.text);
}

#define PCS	"https://api.trustedservices.intel.com"
#define PCCS	"https://pccs.example:8081/a"

ATF_TC_WITHOUT_HEAD(urls);
ATF_TC_BODY(urls, tc)
{
	url_is(PCS, PART_PCK_CRL, TEE_TDX, 1,
	    PCS "/sgx/certification/v4/pckcrl?ca=platform&encoding=der");
	url_is(PCCS "/", PART_PCK_CRL, TEE_SGX, 0,
	    PCCS "/sgx/certification/v4/pckcrl?ca=processor&encoding=der");
	url_is(PCS, PART_ROOT_CRL, TEE_SGX, 0,
	    "https://certificates.trustedservices.intel.com/"
	    "IntelSGXRootCA.der");
	url_is(PCCS, PART_ROOT_CRL, TEE_TDX, 0,
	    PCCS "/sgx/certification/v4/rootcacrl");
	url_is("https://api.trustedservices.intel.com.evil.example",
	    PART_ROOT_CRL, TEE_SGX, 0,
	    "https://api.trustedservices.intel.com.evil.example"
	    "/sgx/certification/v4/rootcacrl");
	url_is(PCS, PART_TCB_INFO, TEE_SGX, 0,
	    PCS "/sgx/certification/v4/tcb?fmspc=30807f00000a");
	url_is(PCCS, PART_TCB_INFO, TEE_TDX, 0,
	    PCCS "/tdx/certification/v4/tcb?fmspc=30807f00000a");
	url_is(PCS, PART_QE_IDENTITY, TEE_SGX, 0,
	    PCS "/sgx/certification/v4/qe/identity");
	url_is(PCS, PART_QE_IDENTITY, TEE_TDX, 0,
	    PCS "/tdx/certification/v4/qe/identity");
}

static const struct {
	uint8_t		 tees;
	size_t		 len;
	uint8_t		 last;
	int		 ret;
} platforms[] = {
	{ TEE_SGX, 7, 0, 0 },
	{ TEE_TDX, 7, 1, 0 },
	{ TEE_SGX | TEE_TDX, 7, 0, -1 },
	{ TEE_SNP, 7, 0, -1 },
	{ 0, 7, 0, -1 },
	{ TEE_SGX, 7, 2, -1 },
	{ TEE_SGX, 6, 0, -1 },
	{ TEE_SGX, 8, 0, -1 },
	{ TEE_SGX, 0, 0, -1 },
};

ATF_TC_WITHOUT_HEAD(platform);
ATF_TC_BODY(platform, tc)
{
	struct platform	 p;
	uint8_t		 data[8] = { 0x30, 0x80, 0x7f, 0, 0, 0xAB };
	size_t		 i;

	for (i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++) {
		memset(&p, 0, sizeof(p));
		data[6] = platforms[i].last;
		ATF_CHECK_EQ_MSG(platforms[i].ret, pcs_platform(&p, FETCH_DCAP,
		    platforms[i].tees, data, platforms[i].len), "row %zu", i);
		if (platforms[i].ret == -1)
			continue;
		ATF_CHECK_STREQ("30807f0000ab", p.fmspc);
		ATF_CHECK_EQ(platforms[i].tees, p.tees);
		ATF_CHECK_EQ(platforms[i].last, p.is_platform);
	}
}

/* --- headers ------------------------------------------------------------ */

static const struct {
	const char	*text;
	const char	*want;		/* NULL: refused, and */
	const char	*why;
} headers[] = {
	{ "", "", NULL },
	{ "a+b", "a+b", NULL },
	{ "%2B%2b", "++", NULL },
	{ ESCAPED, PEM "\n", NULL },
	{ "%", NULL, "% without" },
	{ "a%4", NULL, "% without" },
	{ "%4g", NULL, "% without" },
	{ "%%41", NULL, "% without" },
	{ "% 1", NULL, "% without" },
	{ "%-1", NULL, "% without" },
};

ATF_TC_WITHOUT_HEAD(unescape);
ATF_TC_BODY(unescape, tc)
{
	char	 pem[256], why[128];
	size_t	 i;
	ssize_t	 n;

	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		n = pcs_unescape(headers[i].text, pem, sizeof(pem), why,
		    sizeof(why));
		if (headers[i].want == NULL) {
			ATF_CHECK_MSG(n == -1 && strstr(why, headers[i].why)
			    != NULL, "%s", headers[i].text);
			continue;
		}
		ATF_REQUIRE_EQ_MSG((ssize_t)strlen(headers[i].want), n,
		    "%s", headers[i].text);
		ATF_CHECK(memcmp(headers[i].want, pem, (size_t)n) == 0);
	}
	ATF_CHECK_EQ(4, pcs_unescape("%41b%00c", pem, 4, why, sizeof(why)));
	ATF_CHECK(memcmp("Ab\0c", pem, 4) == 0);
	ATF_CHECK_EQ(-1, pcs_unescape("abcde", pem, 4, why, sizeof(why)));
	ATF_CHECK_STREQ("more than 4 bytes", why);
}

/* --- parts -------------------------------------------------------------- */

static char	 last_why[REASON_TEXT_MAX];

static int
reads(uint8_t part, const char *chain, const void *data, size_t len,
    struct wbuf *w)
{
	uint8_t	*copy;
	int	 ret;

	last_why[0] = '\0';
	memset(w, 0, sizeof(*w));
	/* Exactly its length on the heap, for the sanitizers. */
	ATF_REQUIRE((copy = malloc(len > 0 ? len : 1)) != NULL);
	memcpy(copy, data, len);
	ret = pcs_read(part, chain, copy, len, w, last_why,
	    sizeof(last_why));
	free(copy);
	ATF_CHECK((ret == 0) == (last_why[0] == '\0'));
	ATF_CHECK(ret == 0 || w->len == 0);
	return (ret);
}

static void
refused(uint8_t part, const char *chain, const char *data, size_t len,
    const char *why)
{
	struct wbuf	 w;

	ATF_CHECK_EQ_MSG(-1, reads(part, chain, data, len, &w), "%s", why);
	ATF_CHECK_MSG(strstr(last_why, why) != NULL, "%s instead of %s",
	    last_why, why);
}

static void
taken(uint8_t part, const char *chain, const char *data, size_t len,
    const char *want, size_t wantlen)
{
	struct wbuf	 w;
	struct rbuf	 r;
	const uint8_t	*p;
	size_t		 n;

	ATF_REQUIRE_EQ_MSG(0, reads(part, chain, data, len, &w), "%s",
	    last_why);
	rb_init(&r, w.data, w.len);
	p = rb_bytes(&r, &n, 0, BODY_MAX);
	ATF_REQUIRE_EQ(wantlen, n);
	ATF_CHECK(memcmp(want, p, n) == 0);
	if (chain != NULL) {
		p = rb_bytes(&r, &n, 0, CHAIN_MAX);
		ATF_REQUIRE_EQ(sizeof(PEM), n);
		ATF_CHECK(memcmp(PEM "\n", p, n) == 0);
	}
	ATF_CHECK_EQ(0, rb_end(&r));
	wb_free(&w);
}

#define DER	"\x30\x03\x02\x01\x05"

ATF_TC_WITHOUT_HEAD(crl);
ATF_TC_BODY(crl, tc)
{
	taken(PART_ROOT_CRL, NULL, DER, 5, DER, 5);
	taken(PART_ROOT_CRL, NULL, "3003020105", 10, DER, 5);
	taken(PART_ROOT_CRL, NULL, "3003020105\r\n", 12, DER, 5);
	taken(PART_PCK_CRL, ESCAPED, "3003020105", 10, DER, 5);
	taken(PART_PCK_CRL, ESCAPED, DER, 5, DER, 5);
	refused(PART_ROOT_CRL, NULL, DER, 4, "neither DER");
	refused(PART_ROOT_CRL, NULL, "", 0, "neither DER");
	refused(PART_ROOT_CRL, NULL, "\n\n", 2, "neither DER");
	refused(PART_ROOT_CRL, NULL, "300302010", 9, "neither DER");
	refused(PART_ROOT_CRL, NULL, "30030201050", 11, "neither DER");
	refused(PART_ROOT_CRL, NULL, "300302010g", 10, "neither DER");
	refused(PART_ROOT_CRL, NULL, "300402010506", 10, "neither DER");
	refused(PART_ROOT_CRL, NULL, "30 03 02 01 05", 14, "neither DER");
	refused(PART_ROOT_CRL, NULL, "-----BEGIN X509 CRL-----", 24,
	    "neither DER");
	refused(PART_PCK_CRL, NULL, DER, 5, "SGX-PCK-CRL-Issuer-Chain");
}

#define TCB	"{\"tcbInfo\":{\"a\": 1.0},\"signature\":\"00\"}"
#define QE	" {\"signature\":\"00\",\"enclaveIdentity\":{}}\n"

ATF_TC_WITHOUT_HEAD(document);
ATF_TC_BODY(document, tc)
{
	/* Byte for byte: the signature is over them. */
	taken(PART_TCB_INFO, ESCAPED, TCB, sizeof(TCB) - 1, TCB,
	    sizeof(TCB) - 1);
	taken(PART_QE_IDENTITY, ESCAPED, QE, sizeof(QE) - 1, QE,
	    sizeof(QE) - 1);
	refused(PART_TCB_INFO, ESCAPED, QE, sizeof(QE) - 1, "tcbInfo");
	refused(PART_QE_IDENTITY, ESCAPED, TCB, sizeof(TCB) - 1,
	    "enclaveIdentity");
	refused(PART_TCB_INFO, ESCAPED, "{\"tcbInfo\":{}}", 14, "signature");
	refused(PART_TCB_INFO, ESCAPED, "", 0, "it is no TCB info");
	refused(PART_TCB_INFO, ESCAPED, "<html>", 6, "it is no TCB info");
	refused(PART_TCB_INFO, ESCAPED, "[]", 2, "it is no TCB info");
	refused(PART_TCB_INFO, NULL, TCB, sizeof(TCB) - 1,
	    "not one header TCB-Info-Issuer-Chain");
}

/* Written once more, with one thing that is wrong. */
static const struct {
	const char	*chain;
	const char	*why;
} chains[] = {
	{ "", "does not begin" },
	{ "x" ESCAPED, "does not begin" },
	{ "%0A" ESCAPED, "does not begin" },
	{ "-----BEGIN%20CERTIFICATE-----%0A", "does not begin" },
	{ "-----BEGIN%20CERTIFICATE-----AA%0A"
	    "-----END%20CERTIFICATE-----%0A", "does not begin" },
	{ ESCAPED "x", "does not end" },
	{ ESCAPED "%00", "a character" },
	{ ESCAPED "%C3%A4", "a character" },
	{ ESCAPED "%7F", "a character" },
	{ ESCAPED "%22", "a character" },
	{ ESCAPED "%", "% without" },
	{ "-----BEGIN+CERTIFICATE-----%0AAA%0A-----END+CERTIFICATE-----",
	    "does not begin" },
};

ATF_TC_WITHOUT_HEAD(chain);
ATF_TC_BODY(chain, tc)
{
	struct wbuf	 w;
	char		*big;
	size_t		 i;

	for (i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		refused(PART_TCB_INFO, chains[i].chain, TCB, sizeof(TCB) - 1,
		    chains[i].why);
	/* Spaces as they are, CR LF, and two of them. */
	ATF_CHECK_EQ(0, reads(PART_TCB_INFO, "-----BEGIN CERTIFICATE-----"
	    "%0D%0AAA%0D%0A-----END CERTIFICATE-----%0D%0A" ESCAPED, TCB,
	    sizeof(TCB) - 1, &w));
	wb_free(&w);
	ATF_REQUIRE((big = malloc(CHAIN_MAX + 2)) != NULL);
	memset(big, 'A', CHAIN_MAX + 1);
	memcpy(big, PEM, 28);
	memcpy(big + CHAIN_MAX - 25, "-----END CERTIFICATE-----", 26);
	ATF_CHECK_EQ(0, reads(PART_TCB_INFO, big, TCB, sizeof(TCB) - 1, &w));
	wb_free(&w);
	memset(big + 100, 'A', CHAIN_MAX + 1 - 100);
	big[CHAIN_MAX + 1] = '\0';
	refused(PART_TCB_INFO, big, TCB, sizeof(TCB) - 1,
	    "more than 16384 bytes");
	free(big);
}

ATF_TP_ADD_TCS(tp)
{
	json_init();
	ATF_TP_ADD_TC(tp, urls);
	ATF_TP_ADD_TC(tp, platform);
	ATF_TP_ADD_TC(tp, unescape);
	ATF_TP_ADD_TC(tp, crl);
	ATF_TP_ADD_TC(tp, document);
	ATF_TP_ADD_TC(tp, chain);
	return (atf_no_error());
}

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
 * How many quotes a second one core verifies with warm collateral, and how
 * near that is to the floor: the P-256 verifications of one quote, which are
 * that of the QE report and that of the quote itself.  The directory is one
 * that regress/standin/dcap or the shared evidence fills.  CPU time; floor
 * and quotes take turns, so that a busy machine burdens both.
 */
#include <err.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dcap.h"

#define FILE_MAX	(1 << 20)
#define SLICE_NS	200000000ULL
#define SLICES		5		/* the least counts */

struct quote_case {
	struct der		 quote;
	struct dcap_collateral	 collateral;
	struct dcap_anchor	*anchor;
	struct dcap_set		*set;
	int64_t			 now;
};

static EVP_PKEY_CTX	*verifier;
static uint8_t		 sig[ECDSA_DER_MAX], md[DIGEST_LEN];
static size_t		 siglen = sizeof(sig);

static uint64_t
cpu_ns(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec);
}

static struct der __attribute__((format(printf, 1, 2)))
file(const char *fmt, ...)
{
	struct der	 out;
	uint8_t		*data;
	char		 path[4096];
	va_list		 ap;
	ssize_t		 n;
	int		 fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if ((data = malloc(FILE_MAX)) == NULL ||
	    (fd = open(path, O_RDONLY)) == -1 ||
	    (n = read(fd, data, FILE_MAX)) == -1)
		err(1, "%s", path);
	close(fd);
	out.p = data;
	out.len = (size_t)n;
	return (out);
}

static void
case_open(struct quote_case *c, const char *dir, const json_t *j)
{
	const char	*where;
	uint8_t		 root[DIGEST_LEN];
	struct der	 pem;
	char		 why[WHY_MAX];

	where = json_string_value(json_object_get(j, "collateral"));
	c->now = json_integer_value(json_object_get(j, "time"));
	c->quote = file("%s/quotes/%s", dir, json_string_value(
	    json_object_get(j, "quote")));
#define PART(name)	file("%s/collateral/%s/" name, dir, where)
	c->collateral.pck_crl = PART("pck_crl.der");
	c->collateral.pck_crl_chain = PART("pck_crl_issuer_chain.pem");
	c->collateral.root_crl = PART("root_ca_crl.der");
	c->collateral.tcb_info = PART("tcb_info.json");
	c->collateral.tcb_info_chain = PART("tcb_info_issuer_chain.pem");
	c->collateral.qe_identity = PART("qe_identity.json");
	c->collateral.qe_identity_chain =
	    PART("qe_identity_issuer_chain.pem");
	pem = PART("root_ca.pem");
#undef PART
	if (dcap_root_read(root, pem.p, pem.len, why, sizeof(why)) == -1)
		errx(1, "%s", why);
	if ((c->anchor = dcap_anchor_new(root)) == NULL ||
	    (c->set = dcap_set_new(&c->collateral, root)) == NULL)
		errx(1, "no memory");
}

static void
quote_once(struct quote_case *c)
{
	struct dcap_verdict	 v;

	if (dcap_verify(c->anchor, c->set, c->quote.p, c->quote.len, c->now,
	    0, &v) == -1)
		errx(1, "%s", v.fault.why);
}

/* Key and digest are ready: nothing but the two verifications. */
static void
floor_once(struct quote_case *c)
{
	(void)c;
	if (EVP_PKEY_verify(verifier, sig, siglen, md, sizeof(md)) != 1 ||
	    EVP_PKEY_verify(verifier, sig, siglen, md, sizeof(md)) != 1)
		errx(1, "verify");
}

static void
floor_ready(void)
{
	EVP_PKEY	*key = EVP_EC_gen("P-256");
	EVP_PKEY_CTX	*signer = EVP_PKEY_CTX_new(key, NULL);

	if (EVP_PKEY_sign_init(signer) != 1 ||
	    EVP_PKEY_sign(signer, sig, &siglen, md, sizeof(md)) != 1 ||
	    (verifier = EVP_PKEY_CTX_new(key, NULL)) == NULL ||
	    EVP_PKEY_verify_init(verifier) != 1)
		errx(1, "no P-256");
	EVP_PKEY_CTX_free(signer);
}

static double
slice(void (*once)(struct quote_case *), struct quote_case *c)
{
	uint64_t	 begin = cpu_ns(), spent;
	size_t		 n = 0;

	do {
		once(c);
		n++;
	} while ((spent = cpu_ns() - begin) < SLICE_NS);
	return ((double)spent / (double)n / 1000);
}

static void
measure(const char *id, struct quote_case *c)
{
	double	 us, bare, best = 0, least = 0;
	int	 i;

	for (i = 0; i < SLICES; i++) {
		us = slice(quote_once, c);
		bare = slice(floor_once, c);
		if (i == 0 || us < best)
			best = us;
		if (i == 0 || bare < least)
			least = bare;
	}
	printf("%-20s %8.0f/s %8.1f us   floor %8.1f us   %.2f times\n", id,
	    1e6 / best, best, least, best / least);
}

int
main(int argc, char *argv[])
{
	struct quote_case	 c;
	json_t			*cases, *j;
	const char		*id;
	char			 path[4096];
	size_t			 k;
	int			 i;

	if (argc < 3)
		errx(2, "usage: quotes directory case ...");
	floor_ready();
	snprintf(path, sizeof(path), "%s/cases.json", argv[1]);
	if ((cases = json_load_file(path, 0, NULL)) == NULL)
		errx(1, "no %s", path);
	for (i = 2; i < argc; i++)
		json_array_foreach(cases, k, j) {
			id = json_string_value(json_object_get(j, "id"));
			if (strcmp(id, argv[i]) != 0)
				continue;
			case_open(&c, argv[1], j);
			measure(id, &c);
		}
	return (0);
}

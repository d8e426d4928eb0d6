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


/* Key sets that an operator vouches for: what is in them, and what is not. */
#include "mint.h"

static char	 why[WHY_MAX];

/* How many keys; -1: refused. */
static int
taken(char *text, enum jws_alg rsa)
{
	struct jwks	*set;
	int		 n;

	why[0] = '\0';
	set = keyfile_read(text, strlen(text), rsa, why, sizeof(why));
	n = set == NULL ? -1 : (int)set->n;
	if (set == NULL)
		ATF_CHECK(why[0] != '\0');
	jwks_free(set);
	free(text);
	return (n);
}

/* Refused, for this. */
static void
refused(char *text, const char *part)
{
	ATF_CHECK_EQ_MSG(taken(text, JWS_NONE), -1, "%s", part);
	ATF_CHECK_MSG(strstr(why, part) != NULL, "%s: %s", part, why);
}

ATF_TC_WITHOUT_HEAD(good);
ATF_TC_BODY(good, tc)
{
	static const struct {
		const char	*alg, *curve;
	} cases[] = {
		{ "PS384", NULL }, { "RS256", NULL }, { "PS256", NULL },
		{ "ES256", "P-256" }, { "ES384", "P-384" },
	};
	EVP_PKEY	*rsa = mint_rsa(2048), *key;
	struct jwks	*set;
	struct jwk	*k;
	struct jws	 jws;
	char		*text, *token;
	size_t		 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		key = cases[i].curve != NULL ? mint_ec(cases[i].curve) : rsa;
		text = mint_jwks(mint_jwk(key, "k", cases[i].alg, NULL, 0),
		    NULL);
		set = keyfile_read(text, strlen(text), JWS_NONE, why,
		    sizeof(why));
		ATF_REQUIRE_MSG(set != NULL && set->n == 1, "%s", why);
		ATF_REQUIRE((k = jwks_find(set, "k")) != NULL);
		ATF_CHECK(jwk_usable(k, time(NULL)));
		token = mint_token(key, cases[i].alg, "k", "{}");
		ATF_REQUIRE(jws_read(&jws, token, strlen(token), why,
		    sizeof(why)) == 0);
		ATF_CHECK_MSG(jws_verify(&jws, k->alg, k->key) == 0, "%s",
		    cases[i].alg);
		jwks_free(set);
		free(token);
		free(text);
	}
}

/* alg may be missing where kty and crv, or the configuration, say it. */
ATF_TC_WITHOUT_HEAD(algorithm);
ATF_TC_BODY(algorithm, tc)
{
	EVP_PKEY	*rsa = mint_rsa(2048), *p256 = mint_ec("P-256");
	EVP_PKEY	*p384 = mint_ec("P-384");

	ATF_CHECK_EQ(taken(mint_jwks(mint_jwk(p256, "a", NULL, NULL, 0),
	    mint_jwk(p384, "b", NULL, NULL, 0)), JWS_NONE), 2);
	ATF_CHECK_EQ(taken(mint_jwks(mint_jwk(rsa, "a", NULL, NULL, 0),
	    NULL), JWS_RS256), 1);
	refused(mint_jwks(mint_jwk(rsa, "a", NULL, NULL, 0), NULL),
	    "key 1: alg is none of ours, or is not said");
	refused(mint_jwks(mint_jwk(rsa, "a", "HS256", NULL, 0), NULL), "alg");
	refused(mint_jwks(mint_jwk(rsa, "a", "none", NULL, 0), NULL), "alg");
	refused(mint_jwks(mint_jwk(rsa, "a", "ES256", NULL, 0), NULL),
	    "crv");
	refused(mint_jwks(mint_jwk(p256, "a", "PS256", NULL, 0), NULL),
	    "\"n\" is missing");
	refused(mint_jwks(mint_jwk(p256, "a", "ES384", NULL, 0), NULL),
	    "not the curve");
	refused(mint_jwks(mint_jwk(mint_rsa(1024), "a", "PS256", NULL, 0),
	    NULL), "length");
}

/* One member set to JSON, or taken away. */
ATF_TC_WITHOUT_HEAD(members);
ATF_TC_BODY(members, tc)
{
	static const struct {
		int		 ec;
		const char	*name, *json, *part;
	} cases[] = {
		{ 0, "d", "\"AQAB\"", "private or symmetric" },
		{ 0, "p", "\"AQAB\"", "private or symmetric" },
		{ 0, "oth", "[]", "private or symmetric" },
		{ 1, "d", "\"AQAB\"", "private or symmetric" },
		{ 0, "k", "\"AQAB\"", "private or symmetric" },
		{ 0, "kty", "\"oct\"", "private or symmetric" },
		{ 0, "kty", "\"OKP\"", "kty" },
		{ 0, "kty", NULL, "kty" },
		{ 0, "kid", "\"\"", "kid" },
		{ 0, "kid", "7", "kid" },
		{ 0, "use", "\"tls\"", "not for signatures" },
		{ 0, "use", "1", "malformed" },
		{ 0, "key_ops", "[\"sign\"]", "not for signatures" },
		{ 0, "key_ops", "\"verify\"", "malformed" },
		{ 0, "alg", "7", "alg" },
		{ 0, "alg", "null", "alg" },
		{ 0, "n", NULL, "n" },
		{ 0, "n", "\"AAAA\"", "number" },
		{ 0, "e", "\"AQ\"", "e below 3" },
		{ 0, "e", "\"AQAC\"", "even" },
		{ 0, "e", "\"AQABAQAB\"", "number" },
		{ 0, "x5c", "[]", "x5c" },
		{ 0, "x5c", "[\"AA==\"]", "x5c" },
		{ 0, "x5c", "\"AA==\"", "x5c" },
		{ 1, "x", "\"AQAB\"", "no number" },
		{ 1, "crv", "\"P-521\"", "curve" },
	};
	EVP_PKEY	*rsa = mint_rsa(2048), *ec = mint_ec("P-256");
	json_t		*jwk;
	size_t		 i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		jwk = mint_jwk(cases[i].ec ? ec : rsa, "a", cases[i].ec ?
		    "ES256" : "PS256", NULL, 0);
		if (cases[i].json == NULL)
			json_object_del(jwk, cases[i].name);
		else
			json_object_set_new(jwk, cases[i].name, json_loads(
			    cases[i].json, JSON_DECODE_ANY, NULL));
		refused(mint_jwks(jwk, NULL), cases[i].part);
	}
	/* x of one key with y of another is nowhere on the curve */
	jwk = mint_jwk(ec, "a", "ES256", NULL, 0);
	json_object_set(jwk, "y", json_object_get(mint_jwk(mint_ec("P-256"),
	    "a", "ES256", NULL, 0), "y"));
	refused(mint_jwks(jwk, NULL), "no point");
}

ATF_TC_WITHOUT_HEAD(sets);
ATF_TC_BODY(sets, tc)
{
	EVP_PKEY	*a = mint_ec("P-256"), *b = mint_ec("P-256");
	json_t		*set = json_object(), *keys = json_array(), *jwk;
	char		*big;
	int		 i;

	refused(strdup(""), "");
	refused(strdup("{}"), "keys");
	refused(strdup("[]"), "");
	refused(strdup("{\"keys\":{}}"), "keys");
	refused(strdup("{\"keys\":[]}"), "no keys");
	refused(strdup("{\"keys\":[1]}"), "no object");
	refused(strdup("{\"keys\":[],\"keys\":[]}"), "");
	refused(strdup("-----BEGIN PUBLIC KEY-----"), "");
	refused(mint_jwks(mint_jwk(a, "k", NULL, NULL, 0),
	    mint_jwk(b, "k", NULL, NULL, 0)), "two of one kid");
	/* the second key counts as much as the first */
	jwk = mint_jwk(b, "l", NULL, NULL, 0);
	json_object_set_new(jwk, "d", json_string("AQAB"));
	refused(mint_jwks(mint_jwk(a, "k", NULL, NULL, 0), jwk), "key 2: ");
	/* without a kid only where it is clear which is meant */
	ATF_CHECK_EQ(taken(mint_jwks(mint_jwk(a, NULL, NULL, NULL, 0), NULL),
	    JWS_NONE), 1);
	refused(mint_jwks(mint_jwk(a, NULL, NULL, NULL, 0),
	    mint_jwk(b, "l", NULL, NULL, 0)), "key 1: it has no kid");
	/* those for encryption are of no interest */
	jwk = mint_jwk(b, "l", "RSA-OAEP", NULL, 0);
	json_object_set_new(jwk, "use", json_string("enc"));
	ATF_CHECK_EQ(taken(mint_jwks(json_incref(jwk), mint_jwk(a, "k", NULL,
	    NULL, 0)), JWS_NONE), 1);
	refused(mint_jwks(jwk, NULL), "no keys for signatures");
	for (i = 0; i <= JWKS_KEYS_MAX; i++) {
		jwk = mint_jwk(a, NULL, NULL, NULL, 0);
		json_object_set_new(jwk, "kid", json_sprintf("%d", i));
		json_array_append_new(keys, jwk);
	}
	json_object_set_new(set, "keys", keys);
	refused(json_dumps(set, 0), "too many");
	ATF_REQUIRE((big = malloc(JWKS_MAX + 2)) != NULL);
	memset(big, ' ', JWKS_MAX + 1);
	memcpy(big, "{\"keys\":[", 9);
	memcpy(big + JWKS_MAX - 2, "]}", 3);
	big[JWKS_MAX + 1] = '\0';
	ATF_CHECK(keyfile_read(big, JWKS_MAX + 1, JWS_NONE, why,
	    sizeof(why)) == NULL);
	free(big);
}

/* As Azure Attestation publishes them: a certificate, and no numbers. */
ATF_TC_WITHOUT_HEAD(certificates);
ATF_TC_BODY(certificates, tc)
{
	struct mint_cert	 c = { .name = "self", .ca = 0 };
	EVP_PKEY		*rsa = mint_rsa(2048), *other = mint_rsa(2048);
	X509			*x;
	json_t			*jwk;

	c.key = rsa;
	x = mint_certificate(&c);
	jwk = mint_jwk(rsa, "a", NULL, &x, 1);
	ATF_CHECK_EQ_MSG(taken(mint_jwks(json_deep_copy(jwk), NULL),
	    JWS_RS256), 1, "%s", why);
	json_object_del(jwk, "n");
	json_object_del(jwk, "e");
	ATF_CHECK_EQ_MSG(taken(mint_jwks(jwk, NULL), JWS_RS256), 1, "%s",
	    why);
	refused(mint_jwks(mint_jwk(other, "a", "RS256", &x, 1), NULL),
	    "not those of its x5c");
	jwk = mint_jwk(rsa, "a", "ES256", &x, 1);
	json_object_del(jwk, "n");
	refused(mint_jwks(jwk, NULL), "alg does not fit");
	c.key = mint_rsa(1024);
	x = mint_certificate(&c);
	jwk = mint_jwk(c.key, "a", "RS256", &x, 1);
	json_object_del(jwk, "n");
	refused(mint_jwks(jwk, NULL), "length");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, good);
	ATF_TP_ADD_TC(tp, algorithm);
	ATF_TP_ADD_TC(tp, members);
	ATF_TP_ADD_TC(tp, sets);
	ATF_TP_ADD_TC(tp, certificates);
	return (atf_no_error());
}

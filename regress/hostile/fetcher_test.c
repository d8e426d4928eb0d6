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
 * The fetcher is taken over: what it brings is forged, stale, another's or
 * garbage, or does not come.  All the others are real.  No key comes of it,
 * nor does the verifier die; with good documents it serves again.
 */
#include "rig.h"

static struct rig	 g;
static struct uuid	 weak;
static struct key_record key;

static void
begin(void)
{
	rig_start(&g, 0);
}

static void
fill(void)
{
	weak = add_policy(&g, POLICY_WEAK);
	key = add_key(&g, g.secret, &weak, 0);
}

#define FIRST_MS	200	/* for what a verifier asks for of itself */
#define ANSWER_MS	15000	/* by itself: a fetch may take 20 s */

/* Answer what is asked now, with what fn makes of it. */
static void
serve_one(void (*fn)(const struct fetching *))
{
	struct fetching	 f;

	recv_get(&g, &f);
	fn(&f);
}

/* Before anybody asks for a key. */
static void
serve_first(void (*fn)(const struct fetching *))
{
	while (peer_ready(g.edge[W_FETCHER][W_VERIFIER], FIRST_MS))
		serve_one(fn);
}

/* Until there is an answer for the client, which comes over this edge. */
static void
serve(struct peer *answer, void (*fn)(const struct fetching *))
{
	uint64_t	 end = now_ms() + ANSWER_MS;

	while (!peer_ready(answer, 20) && now_ms() < end)
		if (peer_ready(g.edge[W_FETCHER][W_VERIFIER], 0))
			serve_one(fn);
}

/* A good token; no key is released for it. */
static void
denied(void (*fn)(const struct fetching *))
{
	char		*token = make_token(&g, g.pkey, NULL);
	struct answered	 a;

	send_transfer(g.edge[W_FRONT][W_BROKER], ++g.number, &key.id, token);
	serve(g.edge[W_FRONT][W_BROKER], fn);
	recv_answer(g.edge[W_FRONT][W_BROKER], &a);
	ATF_CHECK_EQ(g.number, a.number);
	ATF_CHECK_MSG(a.status == 401 || a.status == 502 || a.status == 503,
	    "%u %s", a.status, a.error);
	no_key(&g, 20);
	free(token);
}

static void
good_jwks(const struct fetching *f)
{
	char	*jwks = mint_usual_jwks(&g.mint);

	send_got(&g, f->tag, GOT_OK, 200, jwks, strlen(jwks));
	free(jwks);
}

static void
good(const struct fetching *f)
{
	if (f->what == FETCH_JWKS)
		good_jwks(f);
	else
		send_crl(&g, f);
}

/* Asks again after its interval (1 s), and is then told the truth. */
static void
end(void)
{
	char	*token;

	usleep(1200000);
	token = make_token(&g, g.pkey, NULL);
	send_transfer(g.edge[W_FRONT][W_BROKER], ++g.number, &key.id, token);
	serve(g.edge[W_FRONT][W_ENGINE], good);
	want_wrapped(g.edge[W_FRONT][W_ENGINE], g.number, g.pkey, g.secret);
	free(token);
	rig_end(&g);
}

static struct mint	 evil;		/* a whole service of the fetcher's */

/* Its own root, CA, leaf and lists, all in order but for the root. */
static void
other_root(const struct fetching *f)
{
	char	*jwks = mint_usual_jwks(&evil);
	uint8_t	*der;
	int	 ca = strcmp(f->url, URL_CA) == 0, len;

	if (f->what == FETCH_JWKS)
		send_got(&g, f->tag, GOT_OK, 200, jwks, strlen(jwks));
	else {
		der = mint_crl(ca ? evil.root : evil.ca, ca ? evil.root_key :
		    evil.ca_key, NULL, -60, 3600, &len);
		send_got(&g, f->tag, GOT_OK, 200, der, (size_t)len);
		OPENSSL_free(der);
	}
	free(jwks);
}

ATF_TC_WITHOUT_HEAD(keys_of_another_root);
ATF_TC_BODY(keys_of_another_root, tc)
{
	char	*token;

	begin();
	mint_init(&evil);
	serve_first(other_root);
	fill();
	denied(other_root);
	/* nor for a token that its own key has signed */
	token = make_token(&g, g.thief, evil.leaf_key);
	send_transfer(g.edge[W_FRONT][W_BROKER], ++g.number, &key.id, token);
	serve(g.edge[W_FRONT][W_BROKER], other_root);
	want_status(g.edge[W_FRONT][W_BROKER], g.number, 502);
	no_key(&g, 20);
	free(token);
	end();
}

/* A key of its own under the service's certificates. */
static void
swapped_key(const struct fetching *f)
{
	X509	*certs[] = { g.mint.leaf, g.mint.ca, g.mint.root };
	char	*jwks;

	if (f->what != FETCH_JWKS) {
		send_crl(&g, f);
		return;
	}
	jwks = mint_jwks(mint_jwk(evil.leaf_key, "k", "PS384", certs, 3),
	    NULL);
	send_got(&g, f->tag, GOT_OK, 200, jwks, strlen(jwks));
	free(jwks);
}

/* The same, with the leaf certified by the leaf. */
static void
leaf_as_ca(const struct fetching *f)
{
	X509	*bad = mint_leaf(evil.leaf_key, g.mint.leaf,
		    g.mint.leaf_key);
	X509	*certs[] = { bad, g.mint.leaf, g.mint.ca, g.mint.root };
	char	*jwks;

	if (f->what == FETCH_JWKS) {
		jwks = mint_jwks(mint_jwk(evil.leaf_key, "k", "PS384", certs,
		    4), NULL);
		send_got(&g, f->tag, GOT_OK, 200, jwks, strlen(jwks));
		free(jwks);
	} else
		send_crl(&g, f);
	X509_free(bad);
}

static void
key_case(void (*fn)(const struct fetching *))
{
	char	*token;

	begin();
	mint_init(&evil);
	serve_first(fn);
	fill();
	token = make_token(&g, g.thief, evil.leaf_key);
	send_transfer(g.edge[W_FRONT][W_BROKER], ++g.number, &key.id, token);
	serve(g.edge[W_FRONT][W_BROKER], fn);
	ATF_CHECK(!peer_silent(g.edge[W_FRONT][W_BROKER], WAIT));
	no_key(&g, 20);
	free(token);
	end();
}

ATF_TC_WITHOUT_HEAD(key_without_certificate);
ATF_TC_BODY(key_without_certificate, tc)
{
	key_case(swapped_key);
}

ATF_TC_WITHOUT_HEAD(key_certified_by_leaf);
ATF_TC_BODY(key_certified_by_leaf, tc)
{
	key_case(leaf_as_ca);
}

/* --- revocation lists ---------------------------------------------------- */

static void
give_list(const struct fetching *f, X509 *issuer, EVP_PKEY *signer,
    X509 *revoked, time_t from, time_t until)
{
	uint8_t	*der;
	int	 len;

	der = mint_crl(issuer, signer, revoked, from, until, &len);
	send_got(&g, f->tag, GOT_OK, 200, der, (size_t)len);
	OPENSSL_free(der);
}

/* In the right names, by its own key. */
static void
forged_list(const struct fetching *f)
{
	if (f->what == FETCH_JWKS)
		good_jwks(f);
	else
		give_list(f, strcmp(f->url, URL_CA) == 0 ? g.mint.root :
		    g.mint.ca, evil.ca_key, NULL, -60, 3600);
}

/* From before the revocation: it has run out. */
static void
stale_list(const struct fetching *f)
{
	int	 ca = strcmp(f->url, URL_CA) == 0;

	if (f->what == FETCH_JWKS)
		good_jwks(f);
	else
		give_list(f, ca ? g.mint.root : g.mint.ca, ca ?
		    g.mint.root_key : g.mint.ca_key, NULL, -7200, -3600);
}

/* The list of one issuer for that of the other. */
static void
swapped_list(const struct fetching *f)
{
	int	 ca = strcmp(f->url, URL_CA) == 0;

	if (f->what == FETCH_JWKS)
		good_jwks(f);
	else
		give_list(f, ca ? g.mint.ca : g.mint.root, ca ?
		    g.mint.ca_key : g.mint.root_key, NULL, -60, 3600);
}

static void
revoked_list(const struct fetching *f)
{
	int	 ca = strcmp(f->url, URL_CA) == 0;

	if (f->what == FETCH_JWKS)
		good_jwks(f);
	else
		give_list(f, ca ? g.mint.root : g.mint.ca, ca ?
		    g.mint.root_key : g.mint.ca_key, ca ? NULL : g.mint.leaf,
		    -60, 3600);
}

static void
no_list(const struct fetching *f)
{
	if (f->what == FETCH_JWKS)
		good_jwks(f);
	else
		send_got(&g, f->tag, GOT_UNAVAILABLE, 0, NULL, 0);
}

static void
garbage(const struct fetching *f)
{
	uint8_t	 noise[5000];

	arc4random_buf(noise, sizeof(noise));
	send_got(&g, f->tag, GOT_OK, 200, noise, f->tag % sizeof(noise));
}

static void
nothing(const struct fetching *f)
{
	send_got(&g, f->tag, GOT_OK, 200, NULL, 0);
}

static void
unavailable(const struct fetching *f)
{
	send_got(&g, f->tag, GOT_UNAVAILABLE, 503, NULL, 0);
}

static void
bad_case(void (*fn)(const struct fetching *))
{
	begin();
	mint_init(&evil);
	serve_first(fn);
	fill();
	usleep(1200000);
	denied(fn);
	end();
}

#define BAD_CASE(fn)							\
ATF_TC_WITHOUT_HEAD(case_##fn);						\
ATF_TC_BODY(case_##fn, tc)						\
{									\
	bad_case(fn);							\
}

BAD_CASE(forged_list)
BAD_CASE(stale_list)
BAD_CASE(swapped_list)
/* That one stays denied, until its list is renewed. */
ATF_TC_WITHOUT_HEAD(case_revoked_list);
ATF_TC_BODY(case_revoked_list, tc)
{
	begin();
	serve_first(revoked_list);
	fill();
	denied(revoked_list);
	rig_end(&g);
}

BAD_CASE(no_list)
BAD_CASE(garbage)
BAD_CASE(nothing)
BAD_CASE(unavailable)

/* --- appraisals ---------------------------------------------------------- */

static void
send_quote(uint64_t number, const uint8_t *held, size_t len)
{
	static uint8_t		 quote[48 + 584 + 4];
	struct evidence		 e = { .tees = TEE_TDX, .quote = quote,
				    .quotelen = sizeof(quote),
				    .user_data = held, .user_datalen = len };
	struct wbuf		 w = { 0 }, inner = { 0 };

	mint_quote(quote, 4, TEE_TDX);
	ATF_REQUIRE(EVP_Digest(held, len, quote + 48 + 520, NULL,
	    EVP_sha512(), NULL) == 1);
	wb_evidence(&inner, &e);
	wb_u64(&w, number);
	wb_str(&w, "192.0.2.9");
	wb_uuid(&w, &key.id);
	wb_u8(&w, TRANSFER_EVIDENCE);
	wb_u32(&w, 0);
	wb_bytes(&w, inner.data, inner.len);
	wb_free(&inner);
	peer_send(g.edge[W_FRONT][W_BROKER], IMSG_BROKER_TRANSFER, &w);
}

/* For a quote it brings a token that was made for another workload's key. */
ATF_TC_WITHOUT_HEAD(token_of_another);
ATF_TC_BODY(token_of_another, tc)
{
	uint8_t		 held[4 + 384] = { 1, 0, 1, 0 };
	struct fetching	 f;
	char		*token;
	int		 i;

	begin();
	serve_collateral(&g);
	fill();
	play_number(g.pkey, OSSL_PKEY_PARAM_RSA_N, held + 4, 384);
	for (i = 0; i < 2; i++) {
		send_quote(++g.number, held, sizeof(held));
		recv_get(&g, &f);
		ATF_REQUIRE_EQ(FETCH_ATTEST, f.what);
		token = make_token(&g, i == 0 ? g.thief : g.pkey, NULL);
		send_got(&g, f.tag, GOT_OK, 200, token, strlen(token));
		if (i == 0) {
			want_status(g.edge[W_FRONT][W_BROKER], g.number,
			    401);
			no_key(&g, 20);
		} else
			want_wrapped(g.edge[W_FRONT][W_ENGINE], g.number,
			    g.pkey, g.secret);
		free(token);
	}
	rig_end(&g);
}

/* Answers that nobody asked for, and all that is not its to send. */
ATF_TC_WITHOUT_HEAD(sends_anything);
ATF_TC_BODY(sends_anything, tc)
{
	struct peer	*peer;
	struct wbuf	 w = { 0 };
	struct rbuf	 r;
	uint8_t		 body[200] = { 0 };
	uint32_t	 type;

	begin();
	serve_collateral(&g);
	fill();
	for (type = 1; type < 8; type++)
		send_got(&g, 1000 + type, GOT_OK, 200, "x", 1);
	rightful(&g, &key.id, g.secret);
	for (type = 1; type < IMSG_MAX; type++) {
		if (type == IMSG_VERIFIER_GOT)
			continue;
		peer = child_edge(g.child[W_VERIFIER], PROC_FETCHER, 3, 0);
		wb_raw(&w, body, sizeof(body));
		peer_send(peer, type, &w);
		ATF_CHECK_MSG(peer_closed(peer, WAIT), "%s is taken",
		    imsg_name(type));
		peer_recv(child_parent(g.child[W_VERIFIER]),
		    IMSG_PARENT_VIOLATION, &r, WAIT);
		peer_close(peer);
	}
	no_key(&g, 20);
	rightful(&g, &key.id, g.secret);
	rig_end(&g);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, keys_of_another_root);
	ATF_TP_ADD_TC(tp, key_without_certificate);
	ATF_TP_ADD_TC(tp, key_certified_by_leaf);
	ATF_TP_ADD_TC(tp, case_forged_list);
	ATF_TP_ADD_TC(tp, case_stale_list);
	ATF_TP_ADD_TC(tp, case_swapped_list);
	ATF_TP_ADD_TC(tp, case_revoked_list);
	ATF_TP_ADD_TC(tp, case_no_list);
	ATF_TP_ADD_TC(tp, case_garbage);
	ATF_TP_ADD_TC(tp, case_nothing);
	ATF_TP_ADD_TC(tp, case_unavailable);
	ATF_TP_ADD_TC(tp, token_of_another);
	ATF_TP_ADD_TC(tp, sends_anything);
	return (atf_no_error());
}

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
 * Tokens: whatever is taken for one names a key and an algorithm of ours;
 * the payload goes on, as if its signature were good, through claims, policy
 * and wrapping key.
 */
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "verifier.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *const policies[] = {
	"{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":{\"isvsvn\":3,"
	"\"isvprodid\":[1],\"tcb_statuses\":[\"OK\"],\"deny\":{\"isvsvn\":[1]}"
	"}}}",
	"{\"attestation_type\":[\"TDX\",\"NVGPU\"],\"tdx\":{\"attributes\":{"
	"\"seamsvn_minimum\":1,\"advisories_allowed\":[\"A\"]}},\"nvgpu\":{"
	"\"attributes\":{\"require_secure_boot\":true,\"hwmodel\":[\"m\"]}}}",
};
static struct policy	*parsed[2];
static EVP_PKEY		*key;

static void
ready(void)
{
	char	 why[WHY_MAX];
	size_t	 i;

	json_init();
	for (i = 0; i < 2; i++)
		if ((parsed[i] = policy_parse(policies[i],
		    strlen(policies[i]), why, sizeof(why))) == NULL)
			abort();
	if ((key = EVP_EC_gen("P-256")) == NULL)
		abort();
}

static void
claims_try(const char *text, size_t len)
{
	static const struct parties	 parties;
	struct outcome	 out;
	struct wrapping	 w;
	struct claims	 c;
	char		 why[WHY_MAX] = "";
	size_t		 i;

	if (claims_read(&c, text, len, &parties, 1900000000, why,
	    sizeof(why)) == -1) {
		if (why[0] == '\0')
			abort();
		return;
	}
	if (c.exp <= 1900000000 || (c.tee != TEE_SGX && c.tee != TEE_TDX))
		abort();
	for (i = 0; i < 2; i++) {
		memset(&out, 0, sizeof(out));
		if (compare(parsed[i], &c, &out, NULL) == 0) {
			/* both policies ask for these */
			if (!c.svn.has || c.debug)
				abort();
		} else if (out.claim[0] == '\0')
			abort();
	}
	if (binding_claims(&w, &c, why, sizeof(why)) == 0 &&
	    (w.nlen <= 256 || (w.n[w.nlen - 1] & 1) == 0 || w.elen < 3))
		abort();
	claims_free(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jws	 jws;
	char		*payload, why[WHY_MAX] = "";
	size_t		 len;

	if (key == NULL)
		ready();
	claims_try((const char *)data, size);
	if (jws_read(&jws, (const char *)data, size, why,
	    sizeof(why)) == -1) {
		if (why[0] == '\0')
			abort();
		return (0);
	}
	if (jws.alg == JWS_NONE || jws.alg >= JWS_MAX || jws.siglen == 0 ||
	    jws.signedlen >= size)
		abort();
	if (jws_verify(&jws, JWS_ES256, key) == 0)
		abort();		/* nobody has signed with it */
	if ((payload = jws_payload(&jws, &len)) != NULL)
		claims_try(payload, len);
	free(payload);
	return (0);
}

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
 * Policies: what the contract gives is taken and has one text; what matches
 * every enclave, or is not what it seems, is refused by name.
 */
#include <atf-c.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "json.h"
#include "policy.h"
#include "rfc3339.h"

#define H16	"00112233445566778899aabbccddeeff"
#define H32	H16 H16
#define H48	H16 H16 H16
#define ID	"6f1c2d3e-4a5b-4c6d-8e7f-0a1b2c3d4e5f"

static char	 why[256];

static struct policy *
parse(const char *text)
{
	why[0] = '\0';
	return (policy_parse(text, strlen(text), why, sizeof(why)));
}

/* The text comes out as wanted, and its own text is itself. */
static void
taken(const char *text, const char *want)
{
	struct policy	*p;
	char		*again, *got;
	size_t		 len, len2;

	p = parse(text);
	ATF_REQUIRE_MSG(p != NULL, "%s: %s", text, why);
	ATF_REQUIRE((got = policy_text(p, &len)) != NULL);
	policy_free(p);
	ATF_CHECK_STREQ(want, got);
	ATF_CHECK_EQ(len, strlen(got));
	ATF_REQUIRE_MSG((p = parse(got)) != NULL, "%s: %s", got, why);
	ATF_REQUIRE((again = policy_text(p, &len2)) != NULL);
	policy_free(p);
	ATF_CHECK_STREQ(got, again);
	ATF_CHECK_EQ(len, len2);
	free(got);
	free(again);
}

/* And why says what of. */
static void
refused(const char *text, const char *say)
{
	struct policy	*p;

	p = parse(text);
	ATF_CHECK_MSG(p == NULL, "taken: %s", text);
	ATF_CHECK_MSG(strstr(why, say) != NULL, "%s: \"%s\" lacks \"%s\"",
	    text, why, say);
	policy_free(p);
}

static void
sgx_refused(const char *attributes, const char *say)
{
	char	 text[4096];

	ATF_REQUIRE((size_t)snprintf(text, sizeof(text),
	    "{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":"
	    "{\"mrsigner\":[\"" H32 "\"],%s}}}", attributes) < sizeof(text));
	refused(text, say);
}

static void
tdx_refused(const char *attributes, const char *say)
{
	char	 text[4096];

	ATF_REQUIRE((size_t)snprintf(text, sizeof(text),
	    "{\"attestation_type\":\"TDX\",\"tdx\":{\"attributes\":"
	    "{\"seamsvn_minimum\":3,%s}}}", attributes) < sizeof(text));
	refused(text, say);
}

ATF_TC_WITHOUT_HEAD(contract);
ATF_TC_BODY(contract, tc)
{
	json_init();
	taken("{ \"sgx\": {\"policy_ids\": [], \"attributes\": {\n"
	    "\"isvsvn\": 0, \"mrsigner\": [\"" H32 "\"], \"isvprodid\": [0, 7],"
	    "\"mrenclave\": [\"00112233445566778899AABBCCDDEEFF" H16 "\"],"
	    "\"enforce_tcb_upto_date\": false}}, "
	    "\"attestation_type\": \"SGX\"}",
	    "{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":{"
	    "\"mrsigner\":[\"" H32 "\"],\"isvprodid\":[0,7],"
	    "\"mrenclave\":[\"" H32 "\"],\"isvsvn\":0,"
	    "\"enforce_tcb_upto_date\":false}}}");
	/* as the published examples write it */
	taken("{\"attestation_type\":[\"TDX\"],\"tdx\":{\"attributes\":{"
	    "\"mrsignerseam\":[\"" H48 "\"],\"mrseam\":[\"" H48 "\"],"
	    "\"seamsvn\":\"3\",\"mrtd\":[\"" H48 "\"],\"rtmr0\":\"" H48 "\","
	    "\"rtmr1\":\"\",\"rtmr3\":\"" H48 "\","
	    "\"enforce_tcb_upto_date\":\"false\"}}}",
	    "{\"attestation_type\":\"TDX\",\"tdx\":{\"attributes\":{"
	    "\"mrsignerseam\":[\"" H48 "\"],\"mrseam\":[\"" H48 "\"],"
	    "\"seamsvn\":3,\"mrtd\":[\"" H48 "\"],\"rtmr0\":\"" H48 "\","
	    "\"rtmr3\":\"" H48 "\",\"enforce_tcb_upto_date\":false}}}");
	taken("{\"attestation_type\":\"SGX\",\"sgx\":{\"policy_ids\":"
	    "[\"6F1C2D3E-4A5B-1C6D-0E7F-0A1B2C3D4E5F\"]}}",
	    "{\"attestation_type\":\"SGX\",\"sgx\":{\"policy_ids\":"
	    "[\"6f1c2d3e-4a5b-1c6d-0e7f-0a1b2c3d4e5f\"]}}");
	taken("{\"attestation_type\":\"TDX\",\"tdx\":{\"attributes\":"
	    "{\"enforce_tcb_upto_date\":\"true\"}}}",
	    "{\"attestation_type\":\"TDX\",\"tdx\":{\"attributes\":"
	    "{\"enforce_tcb_upto_date\":true}}}");
	taken("{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":"
	    "{\"isvsvn\":65535}}}",
	    "{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":"
	    "{\"isvsvn\":65535}}}");
}

ATF_TC_WITHOUT_HEAD(further);
ATF_TC_BODY(further, tc)
{
	json_init();
	taken("{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":{"
	    "\"deny\":{\"platforms\":[\"00906ED50000\"],\"isvsvn\":[2,3],"
	    "\"mrenclave\":[\"" H32 "\"],\"mrsigner\":[],"
	    "\"tcb_statuses\":[\"Revoked\"]},"
	    "\"platforms\":[\"00906ED50000\"],\"allow_debug\":true,"
	    "\"tcb_date_minimum\":\"2024-03-01T01:30:00.25+01:30\","
	    "\"advisories_allowed\":[\"INTEL-SA-00837\"],"
	    "\"tcb_statuses\":[\"UpToDate\",\"SWHardeningNeeded\"],"
	    "\"isvsvn_minimum\":0,\"isvprodid\":[1]}}}",
	    "{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":{"
	    "\"isvprodid\":[1],\"isvsvn_minimum\":0,\"allow_debug\":true,"
	    "\"tcb_statuses\":[\"UpToDate\",\"SWHardeningNeeded\"],"
	    "\"advisories_allowed\":[\"INTEL-SA-00837\"],"
	    "\"tcb_date_minimum\":\"2024-03-01T00:00:00Z\","
	    "\"platforms\":[\"00906ed50000\"],"
	    "\"deny\":{\"mrenclave\":[\"" H32 "\"],\"isvsvn\":[2,3],"
	    "\"tcb_statuses\":[\"Revoked\"],"
	    "\"platforms\":[\"00906ed50000\"]}}}}");
	taken("{\"attestation_type\":\"TDX\",\"tdx\":{\"attributes\":{"
	    "\"seamsvn_minimum\":259,\"deny\":{\"rtmr2\":[\"" H48 "\"],"
	    "\"seamsvn\":[1]}}}}",
	    "{\"attestation_type\":\"TDX\",\"tdx\":{\"attributes\":{"
	    "\"seamsvn_minimum\":259,\"deny\":{\"seamsvn\":[1],"
	    "\"rtmr2\":[\"" H48 "\"]}}}}");
}

ATF_TC_WITHOUT_HEAD(fields);
ATF_TC_BODY(fields, tc)
{
	struct policy	*p;

	json_init();
	p = parse("{\"attestation_type\":[\"NVGPU\",\"TDX\"],"
	    "\"tdx\":{\"attributes\":{\"mrtd\":[\"" H48 "\",\"" H48 "\"],"
	    "\"rtmr1\":\"" H48 "\",\"seamsvn\":7,\"tcb_statuses\":[\"OK\"],"
	    "\"deny\":{\"seamsvn\":[65535]},\"advisories_allowed\":[],"
	    "\"tcb_date_minimum\":\"2024-01-01T00:00:00Z\"},"
	    "\"policy_ids\":[\"" ID "\"]},\"nvgpu\":{\"attributes\":"
	    "{\"hwmodel\":[\"GH100 A01\"],\"require_secure_boot\":true},"
	    "\"policy_ids\":[\"" ID "\"]}}");
	ATF_REQUIRE_MSG(p != NULL, "%s", why);
	ATF_CHECK_EQ(TEE_TDX | TEE_NVGPU, p->tees);
	ATF_CHECK(!p->sgx.present && p->tdx.present && p->nvgpu.present);
	ATF_CHECK_EQ(2, p->tdx.mrtd.n);
	ATF_CHECK_EQ(48, p->tdx.mrtd.width);
	ATF_CHECK_EQ(0x11, p->tdx.mrtd.data[48 + 1]);
	ATF_CHECK_EQ(0, p->tdx.rtmr[0].n);
	ATF_CHECK_EQ(1, p->tdx.rtmr[1].n);
	ATF_CHECK(p->tdx.svn.set && p->tdx.svn.v == 7);
	ATF_CHECK(!p->tdx.svn_minimum.set);
	ATF_CHECK_STREQ("OK", p->tdx.tcb_statuses.v[0]);
	ATF_CHECK_EQ(1, p->tdx.ndeny);
	ATF_CHECK_STREQ("seamsvn", p->tdx.deny[0].attribute);
	ATF_CHECK_STREQ("65535", p->tdx.deny[0].values.v[0]);
	ATF_CHECK(!p->tdx.has_advisories_allowed);
	ATF_CHECK_EQ(1704067200, p->tdx.tcb_date_minimum);
	ATF_CHECK_STREQ(ID, p->tdx.policy_ids.v[0]);
	ATF_CHECK_STREQ("GH100 A01", p->nvgpu.hwmodel.v[0]);
	ATF_CHECK(p->nvgpu.require_secure_boot);
	ATF_CHECK(!p->nvgpu.enforce_overall_result);
	ATF_CHECK_STREQ(ID, p->nvgpu.policy_ids.v[0]);
	policy_free(p);
	policy_free(NULL);
}

/* A policy that lets the world in is none. */
ATF_TC_WITHOUT_HEAD(none);
ATF_TC_BODY(none, tc)
{
	static const char *const attributes[] = {
		"", "\"mrsigner\":[]", "\"allow_debug\":true",
		"\"enforce_tcb_upto_date\":false", "\"isvsvn_minimum\":0",
		"\"enforce_tcb_upto_date\":\"false\",\"allow_debug\":true",
		"\"deny\":{\"mrsigner\":[\"" H32 "\"]}", "\"deny\":{}",
		"\"tcb_statuses\":[],\"advisories_allowed\":[]",
		"\"platforms\":[],\"tcb_date_minimum\":\"\"",
	};
	char	 text[512];
	size_t	 i;

	json_init();
	for (i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		snprintf(text, sizeof(text), "{\"attestation_type\":\"SGX\","
		    "\"sgx\":{\"attributes\":{%s}}}", attributes[i]);
		refused(text, "every enclave");
		snprintf(text, sizeof(text), "{\"attestation_type\":\"SGX\","
		    "\"sgx\":{\"policy_ids\":[],\"attributes\":{%s}}}",
		    attributes[i]);
		refused(text, "every enclave");
	}
	refused("{\"attestation_type\":\"SGX\",\"sgx\":{}}", "every enclave");
	refused("{\"attestation_type\":\"SGX\",\"sgx\":{\"policy_ids\":[]}}",
	    "every enclave");
	refused("{\"attestation_type\":\"TDX\",\"tdx\":{\"attributes\":"
	    "{\"rtmr0\":\"\"}}}", "every enclave");
	/* the graphics card says nothing about the domain */
	refused("{\"attestation_type\":[\"TDX\",\"NVGPU\"],\"tdx\":{},"
	    "\"nvgpu\":{\"policy_ids\":[\"" ID "\"]}}", "every enclave");
}

#define TDX_OK	"\"tdx\":{\"policy_ids\":[\"" ID "\"]}"
#define SGX_OK	"\"sgx\":{\"policy_ids\":[\"" ID "\"]}"

ATF_TC_WITHOUT_HEAD(types);
ATF_TC_BODY(types, tc)
{
	json_init();
	taken("{\"attestation_type\":[\"NVGPU\",\"TDX\"],\"nvgpu\":{}," TDX_OK
	    "}", "{\"attestation_type\":[\"TDX\",\"NVGPU\"]," TDX_OK
	    ",\"nvgpu\":{}}");
	taken("{\"attestation_type\":[\"TDX\",\"NVGPU\"]," TDX_OK
	    ",\"nvgpu\":{\"attributes\":{\"hwmodel\":[\"a\"],"
	    "\"require_secure_boot\":false,"
	    "\"enforce_overall_attestation_result\":true},\"policy_ids\":[]}}",
	    "{\"attestation_type\":[\"TDX\",\"NVGPU\"]," TDX_OK ",\"nvgpu\":"
	    "{\"attributes\":{\"enforce_overall_attestation_result\":true,"
	    "\"hwmodel\":[\"a\"]}}}");
	taken("{\"attestation_type\":[\"SGX\"]," SGX_OK "}",
	    "{\"attestation_type\":\"SGX\"," SGX_OK "}");
	refused("{" SGX_OK "}", "attestation_type");
	refused("{\"attestation_type\":\"sgx\"," SGX_OK "}", "not SGX");
	refused("{\"attestation_type\":\"SEV\"," SGX_OK "}", "not SGX");
	refused("{\"attestation_type\":\"\"," SGX_OK "}", "not SGX");
	refused("{\"attestation_type\":null," SGX_OK "}", "not SGX");
	refused("{\"attestation_type\":1," SGX_OK "}", "not SGX");
	refused("{\"attestation_type\":{}," SGX_OK "}", "not SGX");
	refused("{\"attestation_type\":[]," SGX_OK "}", "neither SGX");
	refused("{\"attestation_type\":[[\"SGX\"]]," SGX_OK "}", "not SGX");
	refused("{\"attestation_type\":\"TDX,NVGPU\"," TDX_OK
	    ",\"nvgpu\":{}}", "not SGX");
	refused("{\"attestation_type\":[\"SGX\",\"SGX\"]," SGX_OK "}",
	    "SGX twice");
	refused("{\"attestation_type\":[\"SGX\",\"TDX\"]," SGX_OK "," TDX_OK
	    "}", "alone");
	refused("{\"attestation_type\":[\"SGX\",\"NVGPU\"]," SGX_OK
	    ",\"nvgpu\":{}}", "alone");
	refused("{\"attestation_type\":\"NVGPU\",\"nvgpu\":{}}",
	    "neither SGX nor TDX");
	refused("{\"attestation_type\":\"SGX\"}", "\"sgx\" is missing");
	refused("{\"attestation_type\":\"TDX\"," SGX_OK "}", "sgx");
	refused("{\"attestation_type\":\"SGX\"," SGX_OK "," TDX_OK "}",
	    "\"tdx\" without");
	refused("{\"attestation_type\":\"TDX\"," TDX_OK ",\"nvgpu\":{}}",
	    "\"nvgpu\" without");
	refused("{\"attestation_type\":[\"TDX\",\"NVGPU\"]," TDX_OK "}",
	    "\"nvgpu\" is missing");
	refused("{\"attestation_type\":\"SGX\",\"sgx\":null}", "sgx");
	refused("{\"attestation_type\":\"SGX\",\"Sgx\":{}," SGX_OK "}",
	    "Sgx");
	refused("{\"attestation_type\":\"SGX\"," SGX_OK ",\"id\":\"" ID "\"}",
	    "\"id\"");
	refused("{\"attestation_type\":\"SGX\"," SGX_OK "," SGX_OK "}",
	    "twice");
}

/* An SNP object of these attributes. */
#define SNP(list)							\
	"{\"attestation_type\":\"SNP\",\"snp\":{\"attributes\":{" list "}}}"

ATF_TC_WITHOUT_HEAD(snp);
ATF_TC_BODY(snp, tc)
{
	struct policy	*p;

	json_init();
	taken("{\"snp\":{\"attributes\":{\"microcode_svn_minimum\":255,"
	    "\"snp_svn_minimum\":24,\"tee_svn_minimum\":0,"
	    "\"bootloader_svn_minimum\":4,\"guest_svn_minimum\":4294967295,"
	    "\"author_key_digest\":[\"" H48 "\"],\"id_key_digest\":[\"" H48
	    "\"],\"host_data\":[\"00112233445566778899AABBCCDDEEFF" H16 "\"],"
	    "\"measurement\":[\"" H48 "\",\"" H48 "\"]}},"
	    "\"attestation_type\":[\"SNP\"]}",
	    SNP("\"measurement\":[\"" H48 "\",\"" H48 "\"],"
	    "\"host_data\":[\"" H32 "\"],\"id_key_digest\":[\"" H48 "\"],"
	    "\"author_key_digest\":[\"" H48 "\"],"
	    "\"guest_svn_minimum\":4294967295,"
	    "\"bootloader_svn_minimum\":4,\"tee_svn_minimum\":0,"
	    "\"snp_svn_minimum\":24,\"microcode_svn_minimum\":255"));
	p = parse(SNP("\"guest_svn_minimum\":70000,\"measurement\":[],"
	    "\"snp_svn_minimum\":7"));
	ATF_REQUIRE_MSG(p != NULL, "%s", why);
	ATF_CHECK(p->tees == TEE_SNP && p->snp.present && !p->tdx.present);
	ATF_CHECK_EQ(70000, p->snp.guest_svn_minimum.v);
	ATF_CHECK_EQ(0, p->snp.measurement.n);
	ATF_CHECK(p->snp.tcb_minimum[POLICY_FIRMWARE].set);
	ATF_CHECK(!p->snp.tcb_minimum[POLICY_TEE].set);
	policy_free(p);
	refused(SNP(""), "every guest");
	refused(SNP("\"measurement\":[],\"tee_svn_minimum\":0,"
	    "\"guest_svn_minimum\":0"), "every guest");
	refused("{\"attestation_type\":\"SNP\",\"snp\":{}}", "every guest");
	refused("{\"attestation_type\":\"SNP\"}", "\"snp\" is missing");
	refused("{\"attestation_type\":\"SNP\"," TDX_OK "}",
	    "\"tdx\" without");
	refused("{\"attestation_type\":\"TDX\"," TDX_OK ",\"snp\":{}}",
	    "\"snp\" without attestation_type SNP");
	refused("{\"attestation_type\":[\"TDX\",\"SNP\"]," TDX_OK
	    ",\"snp\":{}}", "SNP stands alone");
	refused("{\"attestation_type\":[\"SNP\",\"NVGPU\"],\"snp\":{},"
	    "\"nvgpu\":{}}", "SNP stands alone");
	refused("{\"attestation_type\":[\"SNP\",\"SNP\"],\"snp\":{}}",
	    "SNP twice");
	refused("{\"attestation_type\":\"SNP\",\"snp\":{\"policy_ids\":[\""
	    ID "\"]}}", "policy_ids");
}

/* And what no attribute of it may be. */
ATF_TC_WITHOUT_HEAD(snp_hostile);
ATF_TC_BODY(snp_hostile, tc)
{
	json_init();
	refused(SNP("\"measurement\":[\"" H32 "\"]"), "96 hexadecimal");
	refused(SNP("\"measurement\":\"" H48 "\""), "array");
	refused(SNP("\"host_data\":[\"" H48 "\"]"), "64 hexadecimal");
	refused(SNP("\"id_key_digest\":[\"" H32 "\"]"), "96 hexadecimal");
	refused(SNP("\"author_key_digest\":[null]"), "96 hexadecimal");
	refused(SNP("\"guest_svn_minimum\":4294967296"), "4294967295");
	refused(SNP("\"guest_svn_minimum\":-1"), "guest_svn_minimum");
	refused(SNP("\"guest_svn_minimum\":\"1\""), "guest_svn_minimum");
	refused(SNP("\"snp_svn_minimum\":256"), "0 to 255");
	refused(SNP("\"tee_svn_minimum\":[1]"), "tee_svn_minimum");
	refused(SNP("\"microcode_svn_minimum\":1.5"), "microcode");
	refused(SNP("\"bootloader_svn_minimum\":true"), "bootloader");
	refused(SNP("\"measurement\":[\"" H48 "\"],\"allow_debug\":true"),
	    "allow_debug");
	refused(SNP("\"measurement\":[\"" H48 "\"],\"deny\":{}"), "deny");
	refused(SNP("\"mrtd\":[\"" H48 "\"]"), "mrtd");
	refused(SNP("\"fmc_svn_minimum\":1"), "fmc_svn_minimum");
	sgx_refused("\"measurement\":[\"" H48 "\"]", "measurement");
	tdx_refused("\"host_data\":[\"" H32 "\"]", "host_data");
	tdx_refused("\"tee_svn_minimum\":1", "tee_svn_minimum");
	tdx_refused("\"deny\":{\"measurement\":[\"" H48 "\"]}", "denied");
}

ATF_TC_WITHOUT_HEAD(hostile);
ATF_TC_BODY(hostile, tc)
{
	static const char *const nothing[] = { "", " ", "{", "[]", "null",
		"\"SGX\"", "{}x", "{}", "1", "{\"a\":}", "\xff\xfe" };
	size_t	 i;

	json_init();
	for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		refused(nothing[i], "");
	ATF_CHECK(why[0] != '\0');
	sgx_refused("\"mrenclave\":\"" H32 "\"", "mrenclave");
	sgx_refused("\"mrenclave\":[\"" H16 "\"]", "64 hexadecimal");
	sgx_refused("\"mrenclave\":[\"" H48 "\"]", "64 hexadecimal");
	sgx_refused("\"mrenclave\":[\"\"]", "64 hexadecimal");
	sgx_refused("\"mrenclave\":[\"" H16
	    "0011223344556677 899aabbccddeeff\"]", "64 hexadecimal");
	sgx_refused("\"mrenclave\":[null]", "mrenclave");
	sgx_refused("\"mrenclave\":null", "mrenclave");
	sgx_refused("\"mrenclave\":{}", "mrenclave");
	sgx_refused("\"mrtd\":[\"" H48 "\"]", "mrtd");
	sgx_refused("\"MRENCLAVE\":[\"" H32 "\"]", "MRENCLAVE");
	sgx_refused("\"isvprodid\":[65536]", "isvprodid");
	sgx_refused("\"isvprodid\":[-1]", "isvprodid");
	sgx_refused("\"isvprodid\":[1.0]", "isvprodid");
	sgx_refused("\"isvprodid\":[\"1\"]", "isvprodid");
	sgx_refused("\"isvprodid\":1", "isvprodid");
	sgx_refused("\"isvsvn\":70000", "isvsvn");
	sgx_refused("\"isvsvn\":18446744073709551617", "");
	sgx_refused("\"isvsvn\":[1]", "isvsvn");
	sgx_refused("\"isvsvn\":true", "isvsvn");
	sgx_refused("\"isvsvn_minimum\":\"1\"", "isvsvn_minimum");
	sgx_refused("\"seamsvn\":1", "seamsvn");
	sgx_refused("\"enforce_tcb_upto_date\":1", "boolean");
	sgx_refused("\"enforce_tcb_upto_date\":\"True\"", "boolean");
	sgx_refused("\"allow_debug\":\"true\"", "boolean");
	sgx_refused("\"tcb_statuses\":\"OK\"", "tcb_statuses");
	sgx_refused("\"tcb_statuses\":[\"\"]", "tcb_statuses");
	sgx_refused("\"tcb_statuses\":[\"a\\u0007\"]", "printable");
	sgx_refused("\"tcb_statuses\":[3]", "strings");
	sgx_refused("\"platforms\":[\"00906ed5\"]", "12 hexadecimal");
	sgx_refused("\"tcb_date_minimum\":\"yesterday\"", "RFC 3339");
	sgx_refused("\"tcb_date_minimum\":5", "tcb_date_minimum");
	sgx_refused("\"tcb_date_minimum\":\"1970-01-01T00:00:00Z\"",
	    "RFC 3339");
	sgx_refused("\"deny\":[]", "deny");
	sgx_refused("\"deny\":{\"isvsvn\":\"1\"}", "isvsvn");
	sgx_refused("\"deny\":{\"isvsvn\":[\"1\"]}", "isvsvn");
	sgx_refused("\"deny\":{\"mrenclave\":[\"00\"]}", "mrenclave");
	sgx_refused("\"deny\":{\"mrtd\":[\"" H48 "\"]}", "denied");
	sgx_refused("\"deny\":{\"allow_debug\":[true]}", "denied");
	sgx_refused("\"deny\":{\"isvsvn_minimum\":[1]}", "denied");
	sgx_refused("\"deny\":{\"x\":[1]}", "denied");
	tdx_refused("\"seamsvn\":\"\"", "seamsvn");
	tdx_refused("\"seamsvn\":\" 3\"", "seamsvn");
	tdx_refused("\"seamsvn\":\"+3\"", "seamsvn");
	tdx_refused("\"seamsvn\":\"3x\"", "seamsvn");
	tdx_refused("\"seamsvn\":\"0x3\"", "seamsvn");
	tdx_refused("\"seamsvn\":\"65536\"", "seamsvn");
	tdx_refused("\"seamsvn\":\"99999999999999999999\"", "seamsvn");
	tdx_refused("\"rtmr0\":[\"" H48 "\"]", "rtmr0");
	tdx_refused("\"rtmr0\":\"" H32 "\"", "96 hexadecimal");
	tdx_refused("\"rtmr4\":\"" H48 "\"", "rtmr4");
	tdx_refused("\"mrsigner\":[\"" H32 "\"]", "mrsigner");
	refused("{\"attestation_type\":\"SGX\",\"sgx\":{\"policy_ids\":"
	    "[\"not-a-uuid\"]}}", "policy_ids");
	refused("{\"attestation_type\":\"SGX\",\"sgx\":{\"policy_ids\":"
	    "[\"6f1c2d3e-4a5b-4c6d-8e7f-0a1b2c3d4e5g\"]}}", "UUID");
	refused("{\"attestation_type\":\"SGX\",\"sgx\":{\"policy_ids\":"
	    "[\"6f1c2d3e04a5b04c6d08e7f00a1b2c3d4e5f\"]}}", "UUID");
	refused("{\"attestation_type\":\"SGX\",\"sgx\":{\"policy_ids\":\"" ID
	    "\"}}", "policy_ids");
	refused("{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":[]}}",
	    "attributes");
	refused("{\"attestation_type\":[\"TDX\",\"NVGPU\"]," TDX_OK
	    ",\"nvgpu\":{\"attributes\":{\"hwmodel\":\"x\"}}}", "hwmodel");
	refused("{\"attestation_type\":[\"TDX\",\"NVGPU\"]," TDX_OK
	    ",\"nvgpu\":{\"x\":1}}", "nvgpu: ");
}

/* Each text that is cut short is none; a why is short and not foreign. */
ATF_TC_WITHOUT_HEAD(truncated);
ATF_TC_BODY(truncated, tc)
{
	static const char	 text[] =
	    "{\"attestation_type\":[\"TDX\",\"NVGPU\"],\"tdx\":{"
	    "\"attributes\":{\"mrtd\":[\"" H48 "\"],\"seamsvn\":\"3\"}},"
	    "\"nvgpu\":{\"attributes\":{\"hwmodel\":[\"a\"]}}}";
	struct policy		*p;
	char			*copy, little[4];
	size_t			 len;

	json_init();
	for (len = 0; len < sizeof(text) - 1; len++) {
		ATF_REQUIRE((copy = malloc(len + 1)) != NULL);
		memcpy(copy, text, len);
		ATF_CHECK(policy_parse(copy, len, why, sizeof(why)) == NULL);
		free(copy);
	}
	p = policy_parse(text, len, why, sizeof(why));
	ATF_CHECK(p != NULL);
	policy_free(p);
	ATF_CHECK(policy_parse(text, 9, little, sizeof(little)) == NULL);
	ATF_CHECK(strlen(little) < sizeof(little));
}

ATF_TC_WITHOUT_HEAD(oversized);
ATF_TC_BODY(oversized, tc)
{
	static char	 text[POLICY_TEXT_MAX + 64];
	struct policy	*p;
	char		*got;
	size_t		 at, got_len;
	int		 i, n;

	json_init();
	for (n = POLICY_LIST_MAX; n <= POLICY_LIST_MAX + 1; n++) {
		at = (size_t)snprintf(text, sizeof(text), "%s",
		    "{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":"
		    "{\"mrenclave\":[");
		for (i = 0; i < n; i++)
			at += (size_t)snprintf(text + at, sizeof(text) - at,
			    "%s\"" H32 "\"", i > 0 ? "," : "");
		(void)snprintf(text + at, sizeof(text) - at, "]}}}");
		if (n > POLICY_LIST_MAX) {
			refused(text, "more than 256");
			continue;
		}
		ATF_REQUIRE_MSG((p = parse(text)) != NULL, "%s", why);
		ATF_CHECK_EQ(POLICY_LIST_MAX, p->sgx.mrenclave.n);
		ATF_REQUIRE((got = policy_text(p, &got_len)) != NULL);
		ATF_CHECK_STREQ(text, got);
		free(got);
		policy_free(p);
	}
	memset(text, ' ', sizeof(text) - 1);
	text[0] = '{';
	text[sizeof(text) - 2] = '}';
	refused(text, "bytes");
}

ATF_TC_WITHOUT_HEAD(digested);
ATF_TC_BODY(digested, tc)
{
	struct uuid	 u;
	struct piece	 p[2];
	uint8_t		 a[DIGEST_LEN], b[DIGEST_LEN];

	uuid_make(&u);
	p[0].data = u.b;
	p[0].len = sizeof(u.b);
	p[1].data = "text";
	p[1].len = 4;
	digest_pieces(a, p, 2);
	policy_digest(b, &u, "text", 4);
	ATF_CHECK_EQ(0, memcmp(a, b, sizeof(a)));
	u.b[0] ^= 1;
	policy_digest(b, &u, "text", 4);
	ATF_CHECK(memcmp(a, b, sizeof(a)) != 0);
}

ATF_TC_WITHOUT_HEAD(tees);
ATF_TC_BODY(tees, tc)
{
	static const char *const bad[] = { "", ",", "TDX,", ",TDX", "tdx",
		"TDX, NVGPU", "NVGPU,TDX", "TDX,TDX", "TD", "TDXX", "SGX,,TDX",
		" TDX" };
	char	 text[TEES_TEXT];
	size_t	 i;
	uint8_t	 all, got;

	for (all = 1; all <= TEE_ALL; all++) {
		tees_format(all, text);
		ATF_CHECK_EQ(0, tees_parse(text, strlen(text), &got));
		ATF_CHECK_EQ(all, got);
	}
	ATF_CHECK_STREQ("", tees_format(0, text));
	ATF_CHECK_STREQ("TDX,NVGPU", tees_format(TEE_NVGPU | TEE_TDX, text));
	ATF_CHECK_EQ(0, tees_parse("SGX,x", 3, &got));
	ATF_CHECK_EQ(TEE_SGX, got);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(-1, tees_parse(bad[i], strlen(bad[i]), &got),
		    "%s", bad[i]);
}

ATF_TC_WITHOUT_HEAD(times);
ATF_TC_BODY(times, tc)
{
	static const char *const bad[] = { "", "2024", "2024-01-01",
		"2024-01-01T00:00:00", "2024-01-01 00:00:00Z",
		"2024-01-01t00:00:00Z", "2024-01-01T00:00:00z",
		"2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z",
		"2023-02-29T00:00:00Z", "2024-04-31T00:00:00Z",
		"2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
		"2024-01-01T00:00:60Z", "2024-01-01T00:00:00.Z",
		"2024-01-01T00:00:00+0100", "2024-01-01T00:00:00+24:00",
		"2024-01-01T00:00:00+01:60", "2024-01-01T00:00:00Zx",
		"1969-12-31T23:59:59Z", "-024-01-01T00:00:00Z",
		"9999-12-31T23:59:59-00:01", "2024-01-01T00:00:00.5" };
	char	 text[RFC3339_TEXT];
	size_t	 i;
	int64_t	 t;

	ATF_CHECK_EQ(0, rfc3339_parse("2024-02-29T12:34:56Z", 20, &t));
	ATF_CHECK_EQ(1709210096, t);
	ATF_CHECK_STREQ("2024-02-29T12:34:56Z", rfc3339_format(t, text));
	ATF_CHECK_EQ(0, rfc3339_parse("2024-02-29T12:34:56.789-02:00", 29,
	    &t));
	ATF_CHECK_EQ(1709210096 + 7200, t);
	ATF_CHECK_EQ(0, rfc3339_parse("9999-12-31T23:59:59Z", 20, &t));
	ATF_CHECK_EQ(253402300799, t);
	ATF_CHECK_STREQ("9999-12-31T23:59:59Z", rfc3339_format(t + 1, text));
	ATF_CHECK_STREQ("1970-01-01T00:00:00Z", rfc3339_format(-1, text));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_EQ_MSG(-1, rfc3339_parse(bad[i], strlen(bad[i]),
		    &t), "%s", bad[i]);
	for (i = 0; i < 20; i++)
		ATF_CHECK_EQ(-1, rfc3339_parse("2024-02-29T12:34:56Z", i,
		    &t));
}

#define NAMED(name)	"{\"attestation\":" name			\
	",\"attestation_type\":\"SGX\"," SGX_OK "}"
#define LONGEST	"0123456789abcdef0123456789abcdef"			\
	"0123456789abcdef0123456789abcde"

/* Who is believed, by the name of its block. */
ATF_TC_WITHOUT_HEAD(attestation);
ATF_TC_BODY(attestation, tc)
{
	struct policy	*p;

	json_init();
	taken(NAMED("\"ita.2-b_\""), "{\"attestation_type\":\"SGX\","
	    "\"attestation\":\"ita.2-b_\"," SGX_OK "}");
	taken(NAMED("\"" LONGEST "\""), "{\"attestation_type\":\"SGX\","
	    "\"attestation\":\"" LONGEST "\"," SGX_OK "}");
	refused(NAMED("\"" LONGEST "f\""), "\"attestation\"");
	refused(NAMED("\"\""), "\"attestation\"");
	refused(NAMED("\".ita\""), "\"attestation\"");
	refused(NAMED("\"a/b\""), "\"attestation\"");
	refused(NAMED("\"it\\u00e4\""), "\"attestation\"");
	refused(NAMED("\"ita\\u0000x\""), "");
	refused(NAMED("[\"ita\"]"), "attestation");
	refused(NAMED("null"), "attestation");
	p = policy_parse(NAMED("\"ita\""), strlen(NAMED("\"ita\"")), why,
	    sizeof(why));
	ATF_REQUIRE_MSG(p != NULL, "%s", why);
	ATF_CHECK_STREQ("ita", p->attestation);
	policy_free(p);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, contract);
	ATF_TP_ADD_TC(tp, further);
	ATF_TP_ADD_TC(tp, fields);
	ATF_TP_ADD_TC(tp, none);
	ATF_TP_ADD_TC(tp, types);
	ATF_TP_ADD_TC(tp, attestation);
	ATF_TP_ADD_TC(tp, snp);
	ATF_TP_ADD_TC(tp, snp_hostile);
	ATF_TP_ADD_TC(tp, hostile);
	ATF_TP_ADD_TC(tp, truncated);
	ATF_TP_ADD_TC(tp, oversized);
	ATF_TP_ADD_TC(tp, digested);
	ATF_TP_ADD_TC(tp, tees);
	ATF_TP_ADD_TC(tp, times);
	return (atf_no_error());
}

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
 * Why a quote is refused: the word of dcap-quote.md (or one in its manner)
 * for machines, a sentence for the log.  A client gets neither.
 */
#include <string.h>

#include "dcap.h"

static const struct {
	const char	*name;
	const char	*why;
} reasons[DCAP_REASONS] = {
	[DCAP_OK] = { "ok", "" },
	[DCAP_TRUNCATED] = { "truncated", "the quote is cut short" },
	[DCAP_FORMAT] = { "format", "not a quote that is known" },
	[DCAP_CERT_TYPE] = { "cert_type",
	    "the certification data is no PCK certificate chain" },
	[DCAP_PCK_CHAIN] = { "pck_chain",
	    "the PCK certificate has no path to the root" },
	[DCAP_PCK_EXTENSION] = { "pck_extension",
	    "the PCK certificate does not say what its platform is" },
	[DCAP_PCK_NOT_YET_VALID] = { "pck_not_yet_valid",
	    "the PCK certificate chain is not valid yet" },
	[DCAP_PCK_EXPIRED] = { "pck_expired",
	    "the PCK certificate chain has expired" },
	[DCAP_COLLATERAL_MISSING] = { "collateral_missing",
	    "there is no collateral for the platform" },
	[DCAP_CRL_CHAIN] = { "crl_chain",
	    "the issuer of the PCK CRL has no path to the root" },
	[DCAP_CRL_CHAIN_NOT_YET_VALID] = { "crl_chain_not_yet_valid",
	    "the PCK CRL's issuer chain is not valid yet" },
	[DCAP_CRL_CHAIN_EXPIRED] = { "crl_chain_expired",
	    "the PCK CRL's issuer chain has expired" },
	[DCAP_ROOT_CRL_FORMAT] = { "root_crl_format",
	    "the root CA's CRL is none, or not signed by it" },
	[DCAP_ROOT_CRL_ISSUER] = { "root_crl_issuer",
	    "the root CA's CRL is of another issuer" },
	[DCAP_ROOT_CRL_NOT_YET_VALID] = { "root_crl_not_yet_valid",
	    "the root CA's CRL is of the future" },
	[DCAP_ROOT_CRL_EXPIRED] = { "root_crl_expired",
	    "the root CA's CRL has expired" },
	[DCAP_ROOT_REVOKED] = { "root_revoked", "the root CA is revoked" },
	[DCAP_PCK_CA_REVOKED] = { "pck_ca_revoked",
	    "the PCK CA is revoked" },
	[DCAP_TCB_SIGNER_REVOKED] = { "tcb_signer_revoked",
	    "a signer of collateral is revoked" },
	[DCAP_PCK_CRL_FORMAT] = { "pck_crl_format",
	    "the PCK CRL is none, or not signed by its issuer" },
	[DCAP_PCK_CRL_ISSUER] = { "pck_crl_issuer",
	    "the PCK CRL is not of the CA that issued the PCK certificate" },
	[DCAP_PCK_CRL_NOT_YET_VALID] = { "pck_crl_not_yet_valid",
	    "the PCK CRL is of the future" },
	[DCAP_PCK_CRL_EXPIRED] = { "pck_crl_expired",
	    "the PCK CRL has expired" },
	[DCAP_PCK_REVOKED] = { "pck_revoked",
	    "the PCK certificate is revoked" },
	[DCAP_TCB_SIGNER_CHAIN] = { "tcb_signer_chain",
	    "the TCB info's signer is no TCB signer of the root" },
	[DCAP_TCB_SIGNER_NOT_YET_VALID] = { "tcb_signer_not_yet_valid",
	    "the TCB info's signer is not valid yet" },
	[DCAP_TCB_SIGNER_EXPIRED] = { "tcb_signer_expired",
	    "the TCB info's signer has expired" },
	[DCAP_TCB_INFO_SIGNATURE] = { "tcb_info_signature",
	    "the TCB info's signature is not its signer's" },
	[DCAP_TCB_INFO_FORMAT] = { "tcb_info_format",
	    "the TCB info is malformed" },
	[DCAP_TCB_INFO_NOT_YET_VALID] = { "tcb_info_not_yet_valid",
	    "the TCB info is of the future" },
	[DCAP_TCB_INFO_EXPIRED] = { "tcb_info_expired",
	    "the TCB info has expired" },
	[DCAP_COLLATERAL_TEE] = { "collateral_tee",
	    "the collateral is for another TEE" },
	[DCAP_FMSPC_MISMATCH] = { "fmspc_mismatch",
	    "the TCB info is for another FMSPC" },
	[DCAP_PCEID_MISMATCH] = { "pceid_mismatch",
	    "the TCB info is for another PCEID" },
	[DCAP_QE_SIGNER_CHAIN] = { "qe_signer_chain",
	    "the QE identity's signer is no TCB signer of the root" },
	[DCAP_QE_SIGNER_NOT_YET_VALID] = { "qe_signer_not_yet_valid",
	    "the QE identity's signer is not valid yet" },
	[DCAP_QE_SIGNER_EXPIRED] = { "qe_signer_expired",
	    "the QE identity's signer has expired" },
	[DCAP_QE_IDENTITY_SIGNATURE] = { "qe_identity_signature",
	    "the QE identity's signature is not its signer's" },
	[DCAP_QE_IDENTITY_FORMAT] = { "qe_identity_format",
	    "the QE identity is malformed" },
	[DCAP_QE_IDENTITY_NOT_YET_VALID] = { "qe_identity_not_yet_valid",
	    "the QE identity is of the future" },
	[DCAP_QE_IDENTITY_EXPIRED] = { "qe_identity_expired",
	    "the QE identity has expired" },
	[DCAP_QE_REPORT_SIGNATURE] = { "qe_report_signature",
	    "the QE report is not signed by the PCK key" },
	[DCAP_QE_REPORT_DATA] = { "qe_report_data",
	    "the QE report is not about the attestation key" },
	[DCAP_QE_IDENTITY] = { "qe_identity",
	    "the quoting enclave is not Intel's, or debuggable" },
	[DCAP_QE_TCB_NO_MATCH] = { "qe_tcb_no_match",
	    "the quoting enclave is below every TCB level" },
	[DCAP_ATTESTATION_KEY] = { "attestation_key",
	    "the attestation key is no point of P-256" },
	[DCAP_QUOTE_SIGNATURE] = { "quote_signature",
	    "the quote is not signed by the attestation key" },
	[DCAP_TCB_NO_MATCH] = { "tcb_no_match",
	    "the platform is below every TCB level" },
	[DCAP_TDX_MODULE_NO_IDENTITY] = { "tdx_module_no_identity",
	    "the TCB info does not know the TDX module" },
	[DCAP_TDX_MODULE_MRSIGNER] = { "tdx_module_mrsigner",
	    "the TDX module is of another signer" },
	[DCAP_TDX_MODULE_ATTRIBUTES] = { "tdx_module_attributes",
	    "the TDX module has other attributes" },
	[DCAP_TDX_MODULE_NO_MATCH] = { "tdx_module_tcb_no_match",
	    "the TDX module is below every TCB level" },
	[DCAP_TCB_STATUS_UNKNOWN] = { "tcb_status_unknown",
	    "the TCB level has a status that is not known" },
	[DCAP_TCB_REVOKED] = { "tcb_revoked", "the TCB level is revoked" },
	[DCAP_DEBUG] = { "debug", "the TEE may be debugged" },
	[DCAP_ATTRIBUTES] = { "attributes",
	    "the TEE has attributes that none may have" },
	[DCAP_NO_MEMORY] = { "no_memory", "no memory" },
};

const char *
dcap_reason_name(enum dcap_reason reason)
{
	return (reasons[reason].name);
}

int
dcap_refuse(struct dcap_fault *fault, enum dcap_reason reason,
    const char *why)
{
	fault->reason = reason;
	(void)strlcpy(fault->why, why != NULL ? why : reasons[reason].why,
	    sizeof(fault->why));
	return (-1);
}

# Copyright (c) 2026 The kbsd authors
#
# Permission to use, copy, modify, and distribute this software for any
# purpose with or without fee is hereby granted, provided that the above
# copyright notice and this permission notice appear in all copies.
#
# THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
# WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
# MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
# ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
# WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
# ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
# OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.

"""The collateral of the simulated TEE, as Intel's PCS v4 would answer.

The inner objects are signed as the bytes that stand in the file.
"""

import os

import pki
import quote

FMSPC = bytes.fromhex("30807f000000")
PCEID = bytes(2)
CPUSVN = quote.DEFAULTS["sgx"]["cpusvn"]
PCESVN = 13
PARTS = ("tcb-info", "qe-identity", "pck-crl", "root-crl")
TCB_DATE = "2026-01-14T00:00:00Z"
OLD_DATE = "2024-03-13T00:00:00Z"


def iso(t):
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def window(expired):
    now = pki.utcnow()
    if expired:
        return iso(now - 31 * pki.DAY), iso(now - pki.DAY)
    return iso(now - pki.DAY), iso(now + 30 * pki.DAY)


def svns(values):
    return [{"svn": v} for v in values]


def level(platform, tdx, less, status, date, advisories):
    """A level whose every SVN is lower than the platform's by less."""
    tcb = {"sgxtcbcomponents": svns([max(0, v - less) for v in
                                     platform["cpusvn"]]),
           "pcesvn": max(0, platform["pcesvn"] - less)}
    if tdx is not None:
        tcb["tdxtcbcomponents"] = svns(tdx + [0] * (16 - len(tdx)))
    out = {"tcb": tcb, "tcbDate": date, "tcbStatus": status}
    if advisories:
        out["advisoryIDs"] = list(advisories)
    return out


def svn_levels(high, low):
    """Two levels of a module or a quoting enclave."""
    return [{"tcb": {"isvsvn": high}, "tcbDate": OLD_DATE,
             "tcbStatus": "UpToDate"},
            {"tcb": {"isvsvn": low}, "tcbDate": "2020-11-11T00:00:00Z",
             "tcbStatus": "OutOfDate", "advisoryIDs": ["INTEL-SA-00477"]}]


def module(name):
    return {"id": name, "mrsigner": "00" * 48, "attributes": "00" * 8,
            "attributesMask": "FF" * 8, "tcbLevels": svn_levels(3, 1)}


def tcb_info(tee, platform, args):
    """The inner object; its text is what gets signed."""
    issue, until = window("tcb-info" in args.expired)
    tdx = tee == "tdx"
    out = {"id": tee.upper(), "version": 3, "issueDate": issue,
           "nextUpdate": until, "fmspc": platform["fmspc"].hex().upper(),
           "pceId": platform["pceid"].hex().upper(), "tcbType": 0,
           "tcbEvaluationDataNumber": args.eval}
    if tdx:
        out["tdxModule"] = {"mrsigner": "00" * 48, "attributes": "00" * 8,
                            "attributesMask": "FF" * 8}
        out["tdxModuleIdentities"] = [module("TDX_03"), module("TDX_01")]
    out["tcbLevels"] = [
        level(platform, [3, 0, 7] if tdx else None, 0, args.tcb_status,
              TCB_DATE, args.advisory),
        level(platform, [2, 0, 5] if tdx else None, 1, "OutOfDate",
              OLD_DATE, ["INTEL-SA-00614"]),
        level(platform, [0, 0, 3] if tdx else None, 3, "Revoked",
              "2020-11-11T00:00:00Z", ["INTEL-SA-00999"])]
    return out


def qe_identity(tee, args):
    issue, until = window("qe-identity" in args.expired)
    return {
        "id": "TD_QE" if tee == "tdx" else "QE", "version": 2,
        "issueDate": issue, "nextUpdate": until,
        "tcbEvaluationDataNumber": args.eval,
        "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
        "attributes": "11" + "00" * 15,
        "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": quote.QE_MRSIGNER[tee].upper(),
        "isvprodid": quote.QE_ISVPRODID[tee],
        "tcbLevels": svn_levels(quote.QE_ISVSVN, 5)}


def signed(member, inner, key):
    return '{"%s":%s,"signature":"%s"}' % (
        member, inner, pki.ecdsa_raw(key, inner.encode()).hex())


def files(tee_pki, tee, platform, args):
    """The PCS v4 answers, by the names of their files."""
    signer, signer_key = tee_pki.signer()
    ca = tee_pki.ca(platform["ca"])[0]
    pck = tee_pki.pck(platform)[0]
    root = pki.pem(tee_pki.root)
    revoked = {"pck": [pck], "ca": [ca], "signer": [signer],
               "root": [tee_pki.root]}
    at_root = sum((revoked[r] for r in args.revoke if r != "pck"), [])
    at_ca = revoked["pck"] if "pck" in args.revoke else []

    def days(part, normal):
        return -1 if part in args.expired else normal

    info = pki.json_text(tcb_info(tee, platform, args))
    identity = pki.json_text(qe_identity(tee, args))
    return {
        "tcb_info.json": signed("tcbInfo", info, signer_key),
        "qe_identity.json": signed("enclaveIdentity", identity, signer_key),
        "tcb_info_issuer_chain.pem": pki.pem(signer) + root,
        "qe_identity_issuer_chain.pem": pki.pem(signer) + root,
        "pck_crl_issuer_chain.pem": pki.pem(ca) + root,
        "pck_crl.der": tee_pki.crl(platform["ca"], at_ca,
                                   days("pck-crl", 30)),
        "root_ca_crl.der": tee_pki.crl("root", at_root,
                                       days("root-crl", 300)),
        "root_ca.pem": root}


def write_files(outdir, answers):
    os.makedirs(outdir, exist_ok=True)
    for name, data in answers.items():
        pki.write_file(os.path.join(outdir, name), data)


def write(tee_pki, outdir, tee, platform, args):
    write_files(outdir, files(tee_pki, tee, platform, args))

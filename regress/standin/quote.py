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

"""The layout of DCAP quotes: SGX version 3, TDX versions 4 and 5.

Reads any quote and makes new ones; all integers are little-endian.
"""

import hashlib
import re
import struct

from cryptography import x509
from cryptography.exceptions import InvalidSignature

import pki

TEE_SGX, TEE_TDX = 0, 0x81
VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
QE_MRSIGNER = {
    "sgx": "8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff",
    "tdx": "dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5"}
QE_ISVPRODID = {"sgx": 1, "tdx": 2}
QE_ISVSVN = 8
QE_ATTRIBUTES = bytes.fromhex("1100000000000000e700000000000000")

# (field, offset, bytes); a number where the third is "u16" or "u64".
SGX_REPORT = (
    ("cpusvn", 0, 16), ("miscselect", 16, 4), ("isvextprodid", 32, 16),
    ("attributes", 48, 16), ("mrenclave", 64, 32), ("mrsigner", 128, 32),
    ("configid", 192, 64), ("isvprodid", 256, "u16"),
    ("isvsvn", 258, "u16"), ("configsvn", 260, "u16"),
    ("isvfamilyid", 304, 16), ("report_data", 320, 64))
TD_REPORT_10 = (
    ("tee_tcb_svn", 0, 16), ("mrseam", 16, 48), ("mrsignerseam", 64, 48),
    ("seamattributes", 112, 8), ("tdattributes", 120, 8), ("xfam", 128, 8),
    ("mrtd", 136, 48), ("mrconfigid", 184, 48), ("mrowner", 232, 48),
    ("mrownerconfig", 280, 48), ("rtmr0", 328, 48), ("rtmr1", 376, 48),
    ("rtmr2", 424, 48), ("rtmr3", 472, 48), ("report_data", 520, 64))
TD_REPORT_15 = TD_REPORT_10 + (
    ("tee_tcb_svn2", 584, 16), ("mrservicetd", 600, 48))

SGX_SIZE, TD10_SIZE, TD15_SIZE, TD15EX_SIZE = 384, 584, 648, 885
# Version 5 body types.
BODIES = {1: ("sgx", SGX_SIZE, SGX_REPORT), 2: ("tdx", TD10_SIZE, TD_REPORT_10),
          3: ("tdx", TD15_SIZE, TD_REPORT_15),
          4: ("tdx", TD15EX_SIZE, TD_REPORT_15)}


class QuoteError(ValueError):
    pass


def fill(text, size):
    """A measurement of our own: stable, and never all zeros."""
    return (hashlib.sha512(("stand-in " + text).encode()).digest())[:size]


# What a stand-in TEE measures where nobody says otherwise.
DEFAULTS = {
    "sgx": {"cpusvn": bytes([7] * 8 + [0] * 8),
            "attributes": bytes.fromhex("0500000000000000e700000000000000"),
            "mrenclave": fill("mrenclave", 32),
            "mrsigner": fill("mrsigner", 32), "isvprodid": 1, "isvsvn": 2},
    "tdx": {"tee_tcb_svn": bytes([6, 1, 7] + [0] * 13),
            "mrseam": fill("mrseam", 48),
            "tdattributes": bytes.fromhex("0000001000000000"),
            "xfam": bytes.fromhex("e700060000000000"),
            "mrtd": fill("mrtd", 48), "rtmr0": fill("rtmr0", 48),
            "rtmr1": fill("rtmr1", 48), "rtmr2": fill("rtmr2", 48)}}


def unpack(data, table):
    """The fields of a report, by a table as above."""
    out = {}
    for name, off, size in table:
        if size == "u16":
            out[name] = struct.unpack_from("<H", data, off)[0]
        else:
            out[name] = data[off:off + size]
    return out


def pack(size, table, fields):
    """A report of these fields; the others are zero."""
    data = bytearray(size)
    for name, off, width in table:
        value = fields.get(name)
        if value is None:
            continue
        if width == "u16":
            struct.pack_into("<H", data, off, value)
            continue
        if len(value) != width:
            raise QuoteError("%s must have %d bytes" % (name, width))
        data[off:off + width] = value
    return bytes(data)


class Reader:
    """Takes parts off the front; a part that is not all there is an error."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, size, what):
        if size > len(self.data) - self.at:
            raise QuoteError("quote is truncated in its " + what)
        part = self.data[self.at:self.at + size]
        self.at += size
        return part

    def u16(self, what):
        return struct.unpack("<H", self.take(2, what))[0]

    def u32(self, what):
        return struct.unpack("<I", self.take(4, what))[0]

    def end(self, what):
        if self.at != len(self.data):
            raise QuoteError("bytes left over in the " + what)


class Quote:
    """A parsed quote: version, tee ("sgx" or "tdx"), fields, signatures."""

    def __init__(self, data):
        r = Reader(data)
        header = r.take(48, "header")
        self.version, keytype, teetype = struct.unpack_from("<HHI", header)
        if self.version not in (3, 4, 5):
            raise QuoteError("quote version %d" % self.version)
        if keytype != 2:
            raise QuoteError("attestation key type %d" % keytype)
        if header[12:28] != VENDOR:
            raise QuoteError("QE vendor id is not Intel's")
        self.tee, size, table = self._body_kind(r, teetype)
        self.body = r.take(size, "body")
        self.fields = unpack(self.body, table)
        self.report_data = self.fields["report_data"]
        self.signed = data[:r.at]
        siglen = r.u32("signature data length")
        self._signature(r.take(siglen, "signature data"))
        self.trailing = len(data) - r.at

    def _body_kind(self, r, teetype):
        if teetype not in (TEE_SGX, TEE_TDX):
            raise QuoteError("TEE type %#x" % teetype)
        if self.version == 5:
            kind, size = r.u16("body type"), r.u32("body size")
            if kind not in BODIES or BODIES[kind][1] != size:
                raise QuoteError("body type %d of %d bytes" % (kind, size))
            if (BODIES[kind][0] == "tdx") != (teetype == TEE_TDX):
                raise QuoteError("body type %d of TEE type %#x" %
                                 (kind, teetype))
            return BODIES[kind]
        if self.version == 3 and teetype != TEE_SGX:
            raise QuoteError("version 3 is SGX only")
        return BODIES[2 if teetype == TEE_TDX else 1]

    def _signature(self, data):
        r = Reader(data)
        self.sig = r.take(64, "signature")
        self.key = r.take(64, "attestation key")
        if self.version > 3:
            kind = r.u16("certification data type")
            size = r.u32("certification data length")
            if kind != 6:
                raise QuoteError("outer certification data type %d" % kind)
            block = r.take(size, "QE report block")
            r.end("signature data")
            r = Reader(block)
        self.qe_report = r.take(384, "QE report")
        self.qe_sig = r.take(64, "QE report signature")
        self.qe_auth = r.take(r.u16("QE auth data length"), "QE auth data")
        self.cert_type = r.u16("certification data type")
        self.cert_data = r.take(r.u32("certification data length"),
                                "certification data")
        r.end("signature data")

    def debug(self):
        if self.tee == "sgx":
            return self.fields["attributes"][0] & 2 != 0
        return self.fields["tdattributes"][0] != 0

    def seamsvn(self):
        return struct.unpack_from("<H", self.fields["tee_tcb_svn"])[0]

    def chain(self):
        if self.cert_type != 5:
            raise QuoteError("certification data type %d" % self.cert_type)
        blocks = re.findall(b"-----BEGIN CERTIFICATE-----.*?"
                            b"-----END CERTIFICATE-----", self.cert_data,
                            re.DOTALL)
        if len(blocks) != 3:
            raise QuoteError("%d certificates" % len(blocks))
        try:
            return [x509.load_pem_x509_certificate(b) for b in blocks]
        except ValueError as e:
            raise QuoteError("certificate: %s" % e)

    def check(self, root=None):
        """The signatures inside, and the chain's where a root is given."""
        leaf, ca, top = self.chain()
        qe = unpack(self.qe_report, SGX_REPORT)
        want = hashlib.sha256(self.key + self.qe_auth).digest() + bytes(32)
        if qe["report_data"] != want:
            raise QuoteError("QE report does not name the attestation key")
        checks = [("QE report signature", leaf.public_key(), self.qe_sig,
                   self.qe_report)]
        try:
            checks.append(("quote signature", pki.ec_from_raw(self.key),
                           self.sig, self.signed))
            for what, key, sig, data in checks:
                pki.ecdsa_raw_verify(key, sig, data)
            if root is not None:
                what = "PCK certificate chain"
                self._check_chain([leaf, ca, top], root)
        except (InvalidSignature, ValueError):
            raise QuoteError("bad " + what if checks[1:] else "bad key")

    def _check_chain(self, chain, root):
        if pki.der(chain[2]) != pki.der(root):
            raise ValueError("another root")
        for cert, issuer in zip(chain, chain[1:] + [root]):
            issuer.public_key().verify(
                cert.signature, cert.tbs_certificate_bytes,
                pki.ec.ECDSA(cert.signature_hash_algorithm))

    def describe(self):
        """Everything as JSON values, bytes in hex."""
        out = {"version": self.version, "tee": self.tee,
               "debug": self.debug(), "trailing": self.trailing}
        for name, value in self.fields.items():
            out[name] = value.hex() if isinstance(value, bytes) else value
        if self.tee == "tdx":
            out["seamsvn"] = self.seamsvn()
        qe = unpack(self.qe_report, SGX_REPORT)
        out["qe_isvsvn"] = qe["isvsvn"]
        out.update(pki.pck_fields(self.chain()[0]))
        return out


# --- making them -----------------------------------------------------------

def make_body(tee, version, fields, kind=None):
    """The bytes between header and signature data length.

    kind is a body type of version 5.
    """
    full = dict(DEFAULTS[tee])
    full.update((k, v) for k, v in fields.items() if v is not None)
    full.setdefault("tee_tcb_svn2", full.get("tee_tcb_svn"))
    if version < 5:
        _, size, table = BODIES[1 if tee == "sgx" else 2]
        return pack(size, table, full)
    kind = kind or (1 if tee == "sgx" else 3)
    _, size, table = BODIES[kind]
    return struct.pack("<HI", kind, size) + pack(size, table, full)


def make_qe_report(tee, binding, fields=None):
    full = {
        "cpusvn": DEFAULTS["sgx"]["cpusvn"], "attributes": QE_ATTRIBUTES,
        "mrenclave": fill("qe " + tee, 32),
        "mrsigner": bytes.fromhex(QE_MRSIGNER[tee]),
        "isvprodid": QE_ISVPRODID[tee], "isvsvn": QE_ISVSVN,
        "report_data": binding + bytes(32)}
    full.update(fields or {})
    return pack(SGX_SIZE, SGX_REPORT, full)


def flip(data):
    return data[:-1] + bytes([data[-1] ^ 1])


def make_chain(tee_pki, platform):
    certs = [tee_pki.pck(platform)[0], tee_pki.ca(platform["ca"])[0],
             tee_pki.root]
    return b"".join(pki.pem(c) for c in certs)


def make_quote(tee_pki, tee, version, fields, platform, broken=(), kind=None,
               qe=None, chain=None, pck_key=None, types=(5, 6), extra=b"",
               auth=bytes(range(32)), head=()):
    """A whole quote.  broken names what is wrong with it on purpose.

    qe are fields of the QE report, chain is what stands for the PCK
    certificates, types are those of the certification data, extra stands
    behind it, head are (offset, bytes) to put into the signed part.
    """
    pck_key = pck_key or tee_pki.pck(platform)[1]
    ak = tee_pki.keys.ec("tee-attestation")
    raw = pki.ec_raw_public(ak)
    svns = (QE_ISVSVN, platform["pcesvn"]) if version == 3 else (0, 0)
    signed = bytearray(
        struct.pack("<HHIHH", version, 2, TEE_TDX if tee == "tdx" else
                    TEE_SGX, *svns) + VENDOR + fill("qe id", 16) + bytes(4) +
        make_body(tee, version, fields, kind))
    for at, data in head:
        signed[at:at + len(data)] = data
    signed = bytes(signed)
    binding = hashlib.sha256(raw + auth).digest()
    report = make_qe_report(tee, flip(binding) if "qe-hash" in broken
                            else binding, qe)
    qe_sig, sig = pki.ecdsa_raw(pck_key, report), pki.ecdsa_raw(ak, signed)
    if "qe-signature" in broken:
        qe_sig = flip(qe_sig)
    if "quote-signature" in broken:
        sig = flip(sig)
    if "key" in broken:
        raw = flip(raw)
    certs = make_chain(tee_pki, platform) if chain is None else chain
    block = report + qe_sig + struct.pack("<H", len(auth)) + auth + \
        struct.pack("<HI", types[0], len(certs)) + certs + extra
    if version > 3:
        block = struct.pack("<HI", types[1], len(block)) + block
    data = sig + raw + block
    return signed + struct.pack("<I", len(data)) + data

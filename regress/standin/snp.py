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

"""Reports of a simulated SEV-SNP guest, and AMD's certificates behind them.

The names are AMD's, the keys are not; all integers are little-endian.
"""

import hashlib
import os
import struct
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.x509.oid import NameOID, ObjectIdentifier

import pki
import quote

OID = "1.3.6.1.4.1.3704.1."
# CPUID, name in a VEK, bytes of a chip id, and a TCB in memory order.
PRODUCTS = {
    "Milan": (bytes([0x19, 1, 1]), b"Milan-B0", 64,
              bytes([4, 0, 0, 0, 0, 0, 24, 219])),
    "Genoa": (bytes([0x19, 0x11, 1]), b"Genoa-B1", 64,
              bytes([10, 0, 0, 0, 0, 0, 23, 84])),
    "Turin": (bytes([0x1a, 2, 1]), b"Turin-B1", 8,
              bytes([1, 2, 0, 4, 0, 0, 0, 130]))}
# Of the extensions 3.1 to 3.9, where each stands in a TCB.
LEVELS = {"Milan": (0, 1, 6, 2, 3, 4, 5, 7, None),
          "Turin": (1, 2, 3, None, 4, 5, 6, 7, 0)}
LEVELS["Genoa"] = LEVELS["Milan"]
GUIDS = {"vcek": "63da758d-e664-4564-adc5-f4b93be8accd",
         "vlek": "a8074bc2-a25a-483e-aae6-39c045a0b8a1",
         "ask": "4ab7b379-bbac-4fe4-a02f-05aef327c782",
         "ark": "c0b406a4-a803-4952-9743-3fb6014cd0ae"}
PSS = padding.PSS(padding.MGF1(hashes.SHA384()), 48)
PKCS1 = pki.der_seq(pki.der_oid("1.2.840.113549.1.1.12"), pki.tlv(5, b""))
SHA384 = pki.der_seq(pki.der_oid("2.16.840.1.101.3.4.2.2"), pki.tlv(5, b""))
PSS_ID = pki.der_seq(
    pki.der_oid("1.2.840.113549.1.1.10"), pki.der_seq(
        pki.tlv(0xa0, SHA384),
        pki.tlv(0xa1, pki.der_seq(pki.der_oid("1.2.840.113549.1.1.8"),
                                  SHA384)),
        pki.tlv(0xa2, pki.der_int(48))))
DEBUG, SIGNER_VLEK = 1 << 19, 1 << 2


def resigned(tbs, key):
    """The same by RSASSA-PSS, which the library of Debian 12 can't do."""
    content = pki.der_walk(tbs)[0][1].replace(PKCS1, PSS_ID, 1)
    tbs = pki.der_seq(content)
    return pki.der_seq(tbs, PSS_ID, pki.tlv(3, b"\0" + key.sign(
        tbs, PSS, hashes.SHA384())))


def dn(cn):
    return x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Engineering"),
        x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME,
                           "Advanced Micro Devices"),
        x509.NameAttribute(NameOID.COMMON_NAME, cn)])


def certificate(cn, public, issuer, key, ca=False, extensions=()):
    now = pki.utcnow()
    b = x509.CertificateBuilder().subject_name(dn(cn)).issuer_name(dn(issuer))
    b = b.public_key(public).serial_number(x509.random_serial_number())
    b = b.not_valid_before(now - pki.DAY).not_valid_after(now + 400 * pki.DAY)
    if ca:
        b = b.add_extension(x509.BasicConstraints(True, None), True)
        b = b.add_extension(x509.KeyUsage(
            False, False, False, False, False, True, cn.startswith("ARK"),
            False, False), True)
    for oid, value in extensions:
        b = b.add_extension(x509.UnrecognizedExtension(
            ObjectIdentifier(oid), value), False)
    made = b.sign(key, hashes.SHA384())
    return x509.load_der_x509_certificate(
        resigned(made.tbs_certificate_bytes, key))


class AmdPki:
    """ARK, ASK, ASVK, and the VEKs of one product."""

    def __init__(self, directory, product):
        self.keys = pki.Keys(directory, os.environ.get("KBSD_STANDIN_KEYS")
                             or None)
        self.product = product
        self.keys.rsa_all(["amd-ark", "amd-ask", "amd-asvk"])
        self.ark_key = self.keys.rsa("amd-ark")
        name = "ARK-" + product
        self.ark = self._cert("ark", lambda: certificate(
            name, self.ark_key.public_key(), name, self.ark_key, True))

    def _cert(self, name, make):
        return self.keys.cert("amd-%s-%s" % (self.product.lower(), name),
                              make)

    def ca(self, signer):
        name, cn = ("asvk", "SEV-VLEK-") if signer == "vlek" else \
            ("ask", "SEV-")
        key = self.keys.rsa("amd-" + name)
        return self._cert(name, lambda: certificate(
            cn + self.product, key.public_key(), "ARK-" + self.product,
            self.ark_key, True)), key

    def vek(self, signer, tcb, chip):
        """A certificate and its key for this chip (or provider) and TCB."""
        ext = [(OID + "1", pki.der_int(self.product == "Turin")),
               (OID + "2", pki.tlv(22, PRODUCTS[self.product][1]))]
        ext += [(OID + "3.%d" % (i + 1), pki.der_int(tcb[at])) for i, at in
                enumerate(LEVELS[self.product]) if at is not None]
        if signer == "vlek":
            ext.append((OID + "5", pki.tlv(22, b"Stand-in")))
        else:
            ext.append((OID + "4", chip))
        ca, ca_key = self.ca(signer)
        key = self.keys._get("amd-vek", lambda: ec.generate_private_key(
            ec.SECP384R1()))
        name = hashlib.sha256(signer.encode() + tcb + chip).hexdigest()[:16]
        return self._cert(name, lambda: certificate(
            "SEV-" + signer.upper(), key.public_key(),
            ("SEV-VLEK-" if signer == "vlek" else "SEV-") + self.product,
            ca_key, extensions=ext)), key

    def crl(self, revoked=(), days=30):
        now = pki.utcnow()
        end = now + days * pki.DAY
        begin = min(now - 10 * pki.MINUTE, end - pki.DAY)
        b = x509.CertificateRevocationListBuilder().issuer_name(
            dn("ARK-" + self.product))
        b = b.last_update(begin).next_update(end)
        b = b.add_extension(x509.CRLNumber(int(now.timestamp())), False)
        for cert in revoked:
            b = b.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(
                    cert.serial_number).revocation_date(now - pki.DAY)
                .build())
        made = b.sign(self.ark_key, hashes.SHA384())
        return resigned(made.tbs_certlist_bytes, self.ark_key)


def make_report(amd, args, data):
    """A signed report of these options (see tee)."""
    chip = args.chip[:PRODUCTS[amd.product][2]]
    signer = "vlek" if args.vlek else "vcek"
    cert, key = amd.vek(signer, args.tcb, chip)
    if args.reported is None:
        args.reported = args.tcb
    r = bytearray(1184)

    def put(at, value):
        r[at:at + len(value)] = value

    put(0, struct.pack("<IIQ", args.version, args.guest_svn,
                       args.policy | (DEBUG if args.debug else 0)))
    put(0x30, struct.pack("<II", args.vmpl, 1))
    put(0x38, args.tcb)
    put(0x40, struct.pack("<QI", 1, SIGNER_VLEK if args.vlek else
                          2 if args.masked else 0))
    put(0x50, data)
    put(0x90, args.measurement)
    put(0xc0, args.host_data)
    put(0x140, quote.fill("report id", 32))
    put(0x160, b"\xff" * 32)
    put(0x180, args.reported)
    if args.version > 2:
        put(0x188, PRODUCTS[amd.product][0])
    if not args.vlek and not args.masked:
        put(0x1a0, chip)
    put(0x1e0, args.reported)
    put(0x1f0, args.reported)
    a, b = utils.decode_dss_signature(key.sign(
        bytes(r[:0x2a0]), ec.ECDSA(hashes.SHA384())))
    put(0x2a0, a.to_bytes(72, "little") + b.to_bytes(72, "little"))
    if "quote-signature" in args.broken:
        r[0x2a0] ^= 1
    return bytes(r) + table(amd, signer, cert, args.table)


def table(amd, signer, cert, which):
    """The certificate table; which is none, vek or all."""
    certs = [] if which == "none" else [(signer, pki.der(cert))]
    if which == "all":
        certs += [("ask", pki.der(amd.ca(signer)[0])),
                  ("ark", pki.der(amd.ark))]
    if not certs:
        return b""
    head, body = b"", b""
    at = 24 * (len(certs) + 1)
    for name, der in certs:
        head += uuid.UUID(GUIDS[name]).bytes + struct.pack(
            "<II", at + len(body), len(der))
        body += der
    return head + bytes(24) + body


def write_collateral(amd, outdir, args):
    """What AMD's KDS has, as kbsd.conf(5) wants it in a directory."""
    days = -1 if "crl" in args.expired else 30
    for signer in ("vcek", "vlek"):
        ca = amd.ca(signer)[0]
        place = os.path.join(outdir, "%s-%s" % (signer, amd.product))
        os.makedirs(place, exist_ok=True)
        pki.write_file(os.path.join(place, "cert_chain.pem"),
                       pki.pem(ca) + pki.pem(amd.ark))
        pki.write_file(os.path.join(place, "crl.der"), amd.crl(
            [ca] if "ask" in args.revoke else [], days))
    chip = args.chip[:PRODUCTS[amd.product][2]]
    cert = amd.vek("vcek", args.tcb, chip)[0]
    pki.write_file(os.path.join(outdir, "vcek-" + amd.product, "%s-%s.der" %
                                (chip.hex(), args.tcb.hex())), pki.der(cert))

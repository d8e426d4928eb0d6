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

"""Keys, certificates, revocation lists and signatures of the stand-ins.

Everything is kept in one directory, so that a second start finds the same
trust anchors.  Test material only: keys lie open on disk.
"""

import base64
import datetime
import fcntl
import hashlib
import hmac
import ipaddress
import json
import os
import secrets
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import NameOID, ObjectIdentifier

SGX_OID = "1.2.840.113741.1.13.1"
DAY = datetime.timedelta(days=1)
MINUTE = datetime.timedelta(minutes=1)

INTEL_ROOT = "Intel SGX Root CA"
INTEL_PCK = "Intel SGX PCK Certificate"
INTEL_SIGNER = "Intel SGX TCB Signing"
INTEL_CA = {"platform": "Intel SGX PCK Platform CA",
            "processor": "Intel SGX PCK Processor CA"}
INTEL_ROOT_CRL = \
    "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
INTEL_PCK_CRL = "https://api.trustedservices.intel.com/sgx/certification/" \
    "v4/pckcrl?ca=%s&encoding=der"


def utcnow():
    return datetime.datetime.utcnow().replace(microsecond=0)


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    """Strict: what is not canonical base64 is a ValueError."""
    data = base64.b64decode(text, validate=True)
    if b64(data) != text:
        raise ValueError("base64 is not canonical")
    return data


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# --- files ------------------------------------------------------------

def write_file(path, data, mode=0o644):
    """Whole or not at all: readers wait for the name to appear."""
    if isinstance(data, str):
        data = data.encode()
    tmp = "%s.%d.%s" % (path, os.getpid(), secrets.token_hex(4))
    fd = os.open(tmp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "wb") as f:
        f.write(data)
    os.rename(tmp, path)


def read_file(path):
    with open(path, "rb") as f:
        return f.read()


class Lock:
    """Several stand-ins may share a directory and start together."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "lock")

    def __enter__(self):
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self.fd, fcntl.LOCK_EX)
        return self

    def __exit__(self, *exc):
        os.close(self.fd)


# --- DER, as far as the PCK extension needs it -------------------------

def tlv(tag, value):
    n = len(value)
    if n < 128:
        return bytes([tag, n]) + value
    size = (n.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + n.to_bytes(size, "big") + value


def der_seq(*parts):
    return tlv(0x30, b"".join(parts))


def der_int(n):
    return tlv(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def der_oid(dotted):
    arcs = [int(x) for x in dotted.split(".")]
    out = bytearray([arcs[0] * 40 + arcs[1]])
    for arc in arcs[2:]:
        groups = [arc & 0x7f]
        while arc > 0x7f:
            arc >>= 7
            groups.append(0x80 | (arc & 0x7f))
        out += bytes(reversed(groups))
    return tlv(6, bytes(out))


def der_walk(data):
    """The (tag, value) pairs of a DER string, definite lengths only."""
    out, at = [], 0
    while at < len(data):
        tag, n, at = data[at], data[at + 1], at + 2
        if n & 0x80:
            size = n & 0x7f
            n, at = int.from_bytes(data[at:at + size], "big"), at + size
        if at + n > len(data):
            raise ValueError("DER value runs over its end")
        out.append((tag, data[at:at + n]))
        at += n
    return out


def pck_extension(platform):
    """platform: dict of cpusvn, pcesvn, fmspc, pceid, ca, ppid."""
    def entry(number, value):
        return der_seq(der_oid("%s.%s" % (SGX_OID, number)), value)

    cpusvn = platform["cpusvn"]
    tcb = [entry("2.%d" % (i + 1), der_int(cpusvn[i])) for i in range(16)]
    tcb.append(entry("2.17", der_int(platform["pcesvn"])))
    tcb.append(entry("2.18", tlv(4, cpusvn)))
    multi = platform["ca"] == "platform"
    out = [entry("1", tlv(4, platform["ppid"])),
           entry("2", der_seq(*tcb)),
           entry("3", tlv(4, platform["pceid"])),
           entry("4", tlv(4, platform["fmspc"])),
           entry("5", tlv(10, bytes([1 if multi else 0])))]
    if multi:
        flags = [entry("7.%d" % i, tlv(1, v)) for i, v in
                 ((1, b"\xff"), (2, b"\0"), (3, b"\xff"))]
        out.append(entry("6", tlv(4, platform["ppid"])))
        out.append(entry("7", der_seq(*flags)))
    return der_seq(*out)


def pck_fields(cert):
    """FMSPC, PCEID, CPUSVN and PCESVN of a PCK certificate."""
    ext = cert.extensions.get_extension_for_oid(ObjectIdentifier(SGX_OID))
    found = {}

    def collect(seq):
        for _, pair in der_walk(seq):
            (_, oid), (tag, value) = der_walk(pair)[:2]
            found[oid] = value
            if tag == 0x30:
                collect(value)

    collect(der_walk(ext.value.value)[0][1])

    def get(number):
        return found[der_walk(der_oid("%s.%s" % (SGX_OID, number)))[0][1]]

    return {"fmspc": get("4").hex(), "pceid": get("3").hex(),
            "pck_cpusvn": get("2.18").hex(),
            "pck_pcesvn": int.from_bytes(get("2.17"), "big")}


# --- certificates and lists --------------------------------------------

def dn(cn, org):
    parts = [(NameOID.COMMON_NAME, cn), (NameOID.ORGANIZATION_NAME, org),
             (NameOID.LOCALITY_NAME, "Santa Clara"),
             (NameOID.STATE_OR_PROVINCE_NAME, "CA"),
             (NameOID.COUNTRY_NAME, "US")]
    return x509.Name([x509.NameAttribute(o, v) for o, v in parts])


def digest_for(key):
    if isinstance(key, rsa.RSAPrivateKey):
        return hashes.SHA384()
    return hashes.SHA256()


def certificate(subject, key, issuer=None, ca=False, pathlen=None, crl=None,
                names=None, pck=None, not_before=None, days=3650):
    """issuer is (certificate, key), absent for a root; key may be public."""
    public = key.public_key() if hasattr(key, "public_key") else key
    signer = issuer[1] if issuer else key
    begin = not_before or utcnow() - DAY
    b = x509.CertificateBuilder().subject_name(subject)
    b = b.issuer_name(issuer[0].subject if issuer else subject)
    b = b.public_key(public).serial_number(x509.random_serial_number())
    b = b.not_valid_before(begin).not_valid_after(begin + days * DAY)
    b = b.add_extension(x509.BasicConstraints(ca, pathlen), True)
    b = b.add_extension(x509.KeyUsage(
        digital_signature=not ca, content_commitment=not ca and not names,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        key_cert_sign=ca, crl_sign=ca, encipher_only=False,
        decipher_only=False), True)
    b = b.add_extension(x509.SubjectKeyIdentifier.from_public_key(public),
                        False)
    b = b.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
        signer.public_key()), False)
    if crl:
        b = b.add_extension(x509.CRLDistributionPoints([
            x509.DistributionPoint([x509.UniformResourceIdentifier(crl)],
                                   None, None, None)]), False)
    if names:
        b = b.add_extension(x509.SubjectAlternativeName(names), False)
        b = b.add_extension(x509.ExtendedKeyUsage(
            [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), False)
    if pck:
        b = b.add_extension(x509.UnrecognizedExtension(
            ObjectIdentifier(SGX_OID), pck), False)
    return b.sign(signer, digest_for(signer))


def crl_der(cert, key, revoked=(), begin=None, end=None):
    now = utcnow()
    b = x509.CertificateRevocationListBuilder().issuer_name(cert.subject)
    b = b.last_update(begin or now - 10 * MINUTE)
    b = b.next_update(end or now + 7 * DAY)
    b = b.add_extension(x509.CRLNumber(int(now.timestamp())), False)
    b = b.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
        key.public_key()), False)
    for c in revoked:
        r = x509.RevokedCertificateBuilder().serial_number(c.serial_number)
        r = r.revocation_date(now - DAY).add_extension(
            x509.CRLReason(x509.ReasonFlags.key_compromise), False)
        b = b.add_revoked_certificate(r.build())
    crl = b.sign(key, digest_for(key))
    return crl.public_bytes(serialization.Encoding.DER)


def pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def der(cert):
    return cert.public_bytes(serialization.Encoding.DER)


def spki_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo)


def spki_sha256(key):
    return hashlib.sha256(key.public_key().public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


# --- raw ECDSA, as quotes and collateral carry it ------------------------

def ecdsa_raw(key, data):
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def ecdsa_raw_verify(public, sig, data):
    """Raises cryptography's InvalidSignature."""
    public.verify(utils.encode_dss_signature(
        int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")),
        data, ec.ECDSA(hashes.SHA256()))


def ec_raw_public(key):
    n = key.public_key().public_numbers()
    return n.x.to_bytes(32, "big") + n.y.to_bytes(32, "big")


def ec_from_raw(raw):
    return ec.EllipticCurvePublicNumbers(
        int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"),
        ec.SECP256R1()).public_key()


# --- JOSE ----------------------------------------------------------------

def rsa_sign(key, alg, data):
    if alg == "RS256":
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    digest = {"PS256": hashes.SHA256, "PS384": hashes.SHA384}[alg]()
    return key.sign(data, padding.PSS(padding.MGF1(digest),
                                      digest.digest_size), digest)


def jws_sign(key, alg, header, payload):
    """A compact JWS; header and payload are the JSON texts."""
    data = b64url(header.encode()) + "." + b64url(payload.encode())
    if alg == "none":
        sig = b""
    elif alg == "HS256":
        # The classic confusion: the public key, as text, is the MAC key.
        sig = hmac.digest(spki_pem(key), data.encode(), "sha256")
    else:
        sig = rsa_sign(key, alg, data.encode())
    return data + "." + b64url(sig)


def jwk(key, kid=None, alg=None, x5c=None):
    n = key.public_key().public_numbers()
    out = {"kty": "RSA", "e": b64url(uint(n.e)), "n": b64url(uint(n.n))}
    if kid is not None:
        out["kid"] = kid
    if alg is not None:
        out["alg"] = alg
    if x5c is not None:
        out["x5c"] = [b64(der(c)) for c in x5c]
    return out


def uint(n):
    return n.to_bytes((n.bit_length() + 7) // 8, "big")


def held_data(public, tee):
    """LE32(e) || n; n is big-endian for TDX and little-endian for SGX."""
    n = public.public_numbers()
    order = "little" if tee == "sgx" else "big"
    return n.e.to_bytes(4, "little") + n.n.to_bytes(
        (n.n.bit_length() + 7) // 8, order)


def held_data_jwk(held, tee):
    """The same key as a JWK, for attester_runtime_data."""
    if len(held) < 5:
        return None
    n = held[4:] if tee == "tdx" else held[:3:-1]
    return {"kty": "RSA", "alg": "RSA", "use": "enc",
            "e": b64url(uint(int.from_bytes(held[:4], "little") or 1)),
            "n": b64url(n.lstrip(b"\0"))}


# --- key files -----------------------------------------------------------

def make_rsa():
    return rsa.generate_private_key(65537, 3072)


class Keys:
    """Private keys by name, made when first asked for and then kept."""

    def __init__(self, directory, shared=None):
        self.dir, self.shared = directory, shared
        self.cache = {}
        self.mutex = threading.Lock()
        for d in filter(None, (directory, shared)):
            os.makedirs(d, exist_ok=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def _file(self, name, make):
        path = self.path(name + ".key")
        if not os.path.exists(path) and self.shared:
            common = os.path.join(self.shared, name + ".key")
            self._make(self.shared, common, make)
            write_file(path, read_file(common), 0o600)
        self._make(self.dir, path, make)
        return path

    def _get(self, name, make):
        with self.mutex:
            if name in self.cache:
                return self.cache[name]
        path = self._file(name, make)
        key = serialization.load_pem_private_key(read_file(path), None)
        with self.mutex:
            return self.cache.setdefault(name, key)

    def _make(self, directory, path, make):
        if os.path.exists(path):
            return
        key = make()
        with Lock(directory):
            if not os.path.exists(path):
                write_file(path, key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption()), 0o600)

    def rsa(self, name):
        return self._get(name, make_rsa)

    def ec(self, name):
        return self._get(name,
                         lambda: ec.generate_private_key(ec.SECP256R1()))

    def rsa_all(self, names):
        """Make several at once, each in a child: Python has one lock."""
        pids = []
        for name in names:
            if os.path.exists(self.path(name + ".key")):
                continue
            pid = os.fork()
            if pid == 0:
                try:
                    self._file(name, make_rsa)
                finally:
                    os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)

    def secret(self, name, size=32):
        """Random bytes in a file, as hex."""
        path = self.path(name)
        with Lock(self.dir):
            if not os.path.exists(path):
                write_file(path, secrets.token_hex(size) + "\n", 0o600)
        return read_file(path).decode().strip()

    def cert(self, name, make):
        """A certificate by file name, made when it is not there."""
        path = self.path(name + ".pem")
        if not os.path.exists(path):
            fresh = make()
            with Lock(self.dir):
                if not os.path.exists(path):
                    write_file(path, pem(fresh))
        return x509.load_pem_x509_certificate(read_file(path))


# --- the three hierarchies ----------------------------------------------

def tls_identity(keys, host, address):
    """The HTTPS server's certificate and key, and the CA it hangs under.

    The host may be several, with commas between them."""
    org = "Stand-in Trust Authority"
    ca = keys.cert("tls-ca", lambda: certificate(
        dn("Stand-in TLS CA", org), keys.ec("tls-ca"), ca=True, pathlen=0))
    names = [x509.DNSName("localhost"),
             x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
             x509.IPAddress(ipaddress.ip_address("::1"))]
    hosts = host.split(",")
    names += [x509.DNSName(h) for h in hosts if h != "localhost"]
    try:
        ip = x509.IPAddress(ipaddress.ip_address(address))
        if ip not in names:
            names.append(ip)
    except ValueError:
        pass
    cert = certificate(dn(hosts[0], org), keys.ec("tls"), names=names,
                       issuer=(ca, keys.ec("tls-ca")), days=365)
    write_file(keys.path("tls.pem"), pem(cert) + pem(ca))
    return keys.path("tls.pem"), keys.path("tls.key")


class TokenPki:
    """Root, signing CA and leaf of the tokens.

    Certificates name the CRLs by URL, so they are made anew where the URL is
    another; the root and all keys stay.
    """

    org = "Stand-in Trust Authority"

    def __init__(self, keys):
        self.keys = keys
        keys.rsa_all(["root", "ca", "leaf"])
        self.root = keys.cert("root", lambda: certificate(
            dn("Stand-in Token Root CA", self.org), keys.rsa("root"),
            ca=True))
        self.certs = {}
        self.mutex = threading.RLock()
        self.url = None

    def set_url(self, url):
        self.url = url
        path = self.keys.path("url")
        if not os.path.exists(path) or read_file(path).decode() != url:
            for name in os.listdir(self.keys.dir):
                if name.endswith(".pem") and name.startswith(
                        ("ca", "leaf", "other-ca")):
                    os.unlink(self.keys.path(name))
            write_file(path, url)
        self.chain()

    def ca_cert(self):
        return self._cert("ca", lambda: certificate(
            dn("Stand-in Token Signing CA", self.org), self.keys.rsa("ca"),
            issuer=(self.root, self.keys.rsa("root")), ca=True, pathlen=0,
            crl=self.url + "/crl/root.crl"))

    def leaf_name(self, generation):
        return "leaf" if generation == 0 else "leaf%d" % generation

    def leaf_key(self, generation=0):
        return self.keys.rsa(self.leaf_name(generation))

    def leaf_cert(self, generation=0):
        name = self.leaf_name(generation)
        return self._cert(name, lambda: certificate(
            dn("Stand-in Attestation Token Signing", self.org),
            self.leaf_key(generation), days=365,
            issuer=(self.ca_cert(), self.keys.rsa("ca")),
            crl=self.url + "/crl/signing.crl"))

    def _cert(self, name, make):
        with self.mutex:
            if name not in self.certs:
                self.certs[name] = self.keys.cert(name, make)
            return self.certs[name]

    def chain(self, generation=0):
        return [self.leaf_cert(generation), self.ca_cert(), self.root]

    def other_chain(self, generation=0):
        """The same leaf key and the same names under another root."""
        keys = self.keys
        root = self._cert("other-root", lambda: certificate(
            self.root.subject, keys.rsa("other-root"), ca=True))
        ca = self._cert("other-ca", lambda: certificate(
            self.ca_cert().subject, keys.rsa("other-ca"), ca=True, pathlen=0,
            issuer=(root, keys.rsa("other-root")),
            crl=self.url + "/crl/root.crl"))
        with self.mutex:
            name = "other-leaf%d" % generation
            if name not in self.certs:
                self.certs[name] = certificate(
                    self.leaf_cert(generation).subject,
                    self.leaf_key(generation), days=365,
                    issuer=(ca, keys.rsa("other-ca")),
                    crl=self.url + "/crl/signing.crl")
            return [self.certs[name], ca, root]

    def kid(self, generation=0, alg="PS384"):
        """By key, not by certificate: minting needs no URL."""
        digest = spki_sha256(self.leaf_key(generation))
        return digest if alg == "PS384" else digest + "-" + alg.lower()


class TeePki:
    """What Intel certifies: PCK CAs, PCK certificates, the TCB signer.

    The names are Intel's, the root key is not.
    """

    org = "Intel Corporation"

    def __init__(self, directory):
        self.keys = keys = Keys(directory)
        self.root_key = keys.ec("tee-root")
        self.root = keys.cert("tee-root", lambda: certificate(
            dn(INTEL_ROOT, self.org), self.root_key, ca=True, pathlen=1,
            crl=INTEL_ROOT_CRL))

    def ca(self, which):
        key = self.keys.ec("tee-" + which)
        return self.keys.cert("tee-" + which, lambda: certificate(
            dn(INTEL_CA[which], self.org), key, ca=True, pathlen=0,
            issuer=(self.root, self.root_key), crl=INTEL_ROOT_CRL)), key

    def signer(self):
        key = self.keys.ec("tee-signer")
        return self.keys.cert("tee-signer", lambda: certificate(
            dn(INTEL_SIGNER, self.org), key,
            issuer=(self.root, self.root_key), crl=INTEL_ROOT_CRL)), key

    def pck(self, platform):
        """One certificate a platform; it lasts as long as the directory."""
        ext = pck_extension(platform)
        name = "tee-pck-" + hashlib.sha256(ext).hexdigest()[:16]
        key = self.keys.ec("tee-pck")
        cert = self.keys.cert(name, lambda: certificate(
            dn(INTEL_PCK, self.org), key, issuer=self.ca(platform["ca"]),
            crl=INTEL_PCK_CRL % platform["ca"], pck=ext))
        return cert, key

    def crl(self, which, revoked=(), days=30):
        cert, key = (self.root, self.root_key)
        if which != "root":
            cert, key = self.ca(which)
        now = utcnow()
        begin, end = now - 10 * MINUTE, now + days * DAY
        if end <= begin:
            begin = end - 30 * DAY
        return crl_der(cert, key, revoked, begin, end)


def json_text(obj):
    return json.dumps(obj, separators=(",", ":"))

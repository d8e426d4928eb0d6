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

"""A client of kbsd for tests: HTTPS, held data, unwrapping, tokens, quotes.

What a workload does is written here anew, from the contract alone, and shares
nothing with kbsd or kbsget.  Only tokens and quotes come from the stand-ins.

KBSD_PORT, KBSD_STATE  where kbsd listens, and its directory
KBSD_ADMIN             file of admin's password
KBSD_ITA               directory of the trust authority
KBSD_STANDIN           regress/standin
KBSD_CTL               kbsctl
KBSD_TEE               directory of the simulated TEE
"""

import sys

sys.dont_write_bytecode = True

import base64
import functools
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import time

STATE = os.environ["KBSD_STATE"]
PORT = int(os.environ["KBSD_PORT"])
ITA = os.environ.get("KBSD_ITA")
sys.path.insert(0, os.environ["KBSD_STANDIN"])

from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import faults as faultlist
import ita
import openapi
import pki
import quote as quotes

# The keys here are good; to look again costs seconds where they are long.
backend._rsa_skip_check_key = True

BASE = "/kbs/v1"
NOBODY = "6e5cdd29-4c1e-4f0b-9f4b-1d3ac1b0d9c2"     # a UUID of no object
UUID4 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                   "[0-9a-f]{12}")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
JSON = "application/json"
PERMISSIONS = (
    "keys:create", "keys:delete", "keys:search", "keys:transfer",
    "keys:update", "key_transfer_policies:create",
    "key_transfer_policies:delete", "key_transfer_policies:search",
    "users:create", "users:delete", "users:search", "users:update")

AGES = 60       # for what just must come some day


# --- checks ------------------------------------------------------------------

passed, failed = 0, 0


def check(what, good, detail=""):
    """One sentence of the contract, and whether it holds."""
    global passed, failed
    if good:
        passed += 1
        print("ok   " + what)
    else:
        failed += 1
        print("FAIL %s%s" % (what, ": %s" % (detail,) if detail != "" else ""))
    sys.stdout.flush()
    return bool(good)


def equal(what, want, got):
    return check(what, want == got, "wanted %r, got %r" % (want, got))


def finish():
    print("%d checks, %d failed" % (passed + failed, failed))
    sys.exit(1 if failed else 0)


# --- HTTPS -------------------------------------------------------------------

class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        try:
            return self.json["error"]
        except (ValueError, KeyError, TypeError):
            return self.body[:200].decode("latin-1")

    @property
    def request(self):
        return self.headers.get("X-Request-Id")


def tls_context():
    return ssl.create_default_context(cafile=os.path.join(STATE, "tls.crt"))


seen = set()


def inspect(method, path, answer):
    """What the contract says of every answer; only violations are named."""
    what, rid = "%s %s" % (method or "raw", path), answer.request
    wrong = method and openapi.wrong(method, path, answer.status,
                          answer.headers.get("Content-Type"), answer.body)
    if wrong:
        check("etc/openapi.yaml has this answer: " + what, False,
              (answer.status, wrong))
    if not rid:
        check("every answer has X-Request-Id: " + what, False)
    elif rid in seen:
        check("X-Request-Id is a new one each time: " + what, False, rid)
    seen.add(rid)
    if answer.status < 400 or not answer.body:
        return
    good = answer.headers.get("Content-Type") == JSON
    try:
        good = good and list(answer.json) == ["error"] and \
            isinstance(answer.json["error"], str)
    except ValueError:
        good = False
    if not good:
        check("errors are JSON {\"error\": text}: " + what, False,
              (answer.headers.items(), answer.body[:200]))


class Client:
    """A connection that is opened again when it has ended."""

    def __init__(self, source=None, timeout=60, port=PORT):
        self.source, self.timeout, self.port = source, timeout, port
        self.conn = None
        self.token = None

    def connect(self):
        self.conn = http.client.HTTPSConnection(
            "localhost", self.port, context=tls_context(),
            timeout=self.timeout, source_address=self.source)
        # localhost may have two addresses; kbsd listens on the first
        self.conn._create_connection = lambda address, *rest: \
            socket.create_connection(("127.0.0.1", self.port), self.timeout,
                                     self.source)

    def call(self, method, path, body=None, headers=None, token=None):
        """headers: more of them; one that is None is not sent."""
        send = {"Accept": JSON}
        token = self.token if token is None else token
        if token:
            send["Authorization"] = "Bearer " + token
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        if body is not None:
            send["Content-Type"] = JSON
        send.update(headers or {})
        send = {k: v for k, v in send.items() if v is not None}
        if not path.startswith("/kbs"):
            path = BASE + path
        for again in (True, False):
            if self.conn is None:
                self.connect()
            try:
                answer = self.exchange(method, path, body, send)
                break
            except (http.client.RemoteDisconnected, BrokenPipeError,
                    ConnectionResetError, ssl.SSLError):
                self.close()
                if not again:
                    raise
        inspect(method, path, answer)
        return answer

    def exchange(self, method, path, body, headers):
        conn = self.conn
        conn.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            for one in value if isinstance(value, list) else [value]:
                conn.putheader(name, one)
        if body is not None:
            conn.putheader("Content-Length", str(len(body)))
        try:
            conn.endheaders(body)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass        # who refuses a body need not read it
        res = conn.getresponse()
        answer = Answer(res.status, res.headers, res.read())
        if res.will_close:
            self.close()
        return answer

    def close(self):
        if self.conn is not None:
            self.conn.close()
        self.conn = None

    # what tests ask often

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    def put(self, path, body=None, **more):
        return self.call("PUT", path, body, **more)

    def delete(self, path, **more):
        return self.call("DELETE", path, **more)

    def expect(self, what, status, method, path, body=None, headers=None,
               **more):
        """One exchange, one check."""
        a = self.call(method, path, body, headers, **more)
        check("%s: %d" % (what, status), a.status == status,
              "%s %s answered %d %s" % (method, path, a.status,
                                        a.error if a.status >= 400 else ""))
        return a

    def login(self, name, password, headers=None):
        return self.call("POST", "/token",
                         {"username": name, "password": password},
                         {"Accept": "application/jwt", **(headers or {})},
                         token="")

    def must(self, status, method, path, body=None, **more):
        """For what a test stands on: no use to go on without it."""
        a = self.call(method, path, body, **more)
        if a.status != status:
            check("%s %s" % (method, path), False, "%d %s" % (a.status,
                                                              a.body[:300]))
            finish()
        return a.json if a.body else None


def admin_password():
    with open(os.environ["KBSD_ADMIN"]) as f:
        return f.readline().rstrip("\n")


def admin(**more):
    """A client that may do everything."""
    c = Client(**more)
    a = c.login("admin", admin_password())
    if a.status != 200:
        check("admin logs in", False, "%d %s" % (a.status, a.body))
        finish()
    c.token = a.body.decode()
    return c


class Raw:
    """A connection on which anything may be written."""

    def __init__(self, context=None, timeout=60):
        sock = socket.create_connection(("127.0.0.1", PORT), timeout)
        self.sock = (context or tls_context()).wrap_socket(
            sock, server_hostname="localhost")
        self.file = self.sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)

    def answer(self, head=False):
        """The next answer; None when the connection has ended."""
        line = self.file.readline()
        if not line:
            return None
        status = int(line.split()[1])
        headers = http.client.parse_headers(self.file)
        size = int(headers.get("Content-Length", 0))
        if status == 100:
            return Answer(status, headers, b"")
        a = Answer(status, headers, b"" if head else self.file.read(size))
        inspect(None, "bytes", a)
        return a

    def ended(self):
        """Is there nothing more, and is the connection closed?"""
        try:
            return self.file.read(1) == b""
        except (ConnectionResetError, ssl.SSLError):
            return True

    def close(self):
        self.file.close()
        self.sock.close()


def ctl(*args, text=""):
    done = subprocess.run(os.environ["KBSD_CTL"].split() + list(args),
                          input=text, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


# --- the audit log ------------------------------------------------------------

def audit_lines():
    """Whole ones: the last may be on its way."""
    with open(os.path.join(STATE, "audit.log"), "rb") as f:
        return f.read().split(b"\n")[:-1]


def audit(request, count=1):
    """The lines that bear this request's id, once there are so many."""
    end = time.time() + AGES
    while True:
        found = [json.loads(line) for line in audit_lines()
                 if request.encode() in line]
        found = [line for line in found if line["request"] == request]
        if len(found) >= count or time.time() > end:
            return found
        time.sleep(0.05)


def audit_chain():
    """Every line names the one before it."""
    before, n = "0" * 64, 0
    for line in audit_lines():
        entry, n = json.loads(line), n + 1
        if entry["prev"] != before or entry["n"] != n:
            return "line %d" % n
        before = hashlib.sha256(line).hexdigest()
    return None


# --- RSA keys -----------------------------------------------------------------

# Primes are SHAKE-256 of a name, plus this: long keys without the time to make
# them.  They are known to everybody.
OFFSETS = {
    "2048 p": 620, "2048 q": 364, "2064 p": 136, "2064 q": 94, "3072 p": 302,
    "3072 q": 0, "4096 p": 224, "4096 q": 2642, "7680 p": 1868, "7680 q": 0,
    "8192 p": 3344, "8192 q": 3936, "3072.1 p": 736, "3072.1 q": 1264,
    "3072.2 p": 628, "3072.2 q": 406, "3072.3 p": 92, "3072.3 q": 462
}


def prime(name, bits):
    n = int.from_bytes(hashlib.shake_256(
        ("kbsd contract %s" % name).encode()).digest(bits // 8), "big")
    return (n | 3 << (bits - 2) | 1) + OFFSETS[name]


@functools.lru_cache(None)
def rsa_key(which):
    """\"3072\", or \"3072.1\" for another of the same length."""
    bits = int(str(which).partition(".")[0])
    p, q = (prime("%s %s" % (which, x), bits // 2) for x in "pq")
    e = 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p),
        rsa.RSAPublicNumbers(e, p * q)).private_key()


def held_data(public, tee):
    """LE32(e) || n, n big-endian for TDX, little-endian for SGX."""
    numbers = public if isinstance(public, rsa.RSAPublicNumbers) else \
        public.public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    return struct.pack("<I", numbers.e) + numbers.n.to_bytes(
        size, {"tdx": "big", "sgx": "little"}[tee])


def unwrap(private, body, sha=hashes.SHA256):
    """The key in an answer of a transfer; raises for what is not exact."""
    if sorted(body) != ["wrapped_key", "wrapped_swk"]:
        raise ValueError("members %s" % sorted(body))
    wrapped = base64.b64decode(body["wrapped_key"], validate=True)
    swk = private.decrypt(
        base64.b64decode(body["wrapped_swk"], validate=True),
        padding.OAEP(padding.MGF1(sha()), sha(), None))
    if len(swk) != 32:
        raise ValueError("SWK of %d bytes" % len(swk))
    ivlen, taglen, size = struct.unpack_from("<III", wrapped)
    if (ivlen, taglen) != (12, 16):
        raise ValueError("iv of %d bytes, tag of %d" % (ivlen, taglen))
    if len(wrapped) != 12 + ivlen + size:
        raise ValueError("%d bytes, and the length says %d" % (len(wrapped),
                                                               size))
    return AESGCM(swk).decrypt(wrapped[12:24], wrapped[24:], None)


def unwrap_error(private, body, want, sha=hashes.SHA256):
    """None when it is the key that is wanted; else what is wrong."""
    try:
        got = unwrap(private, body, sha)
    except Exception as e:
        return "%s: %s" % (type(e).__name__, e)
    return None if got == want else "another key: %s" % got.hex()[:64]


# --- evidence -----------------------------------------------------------------

def b64(data):
    return base64.b64encode(data).decode()


def report_data(tee, held, nonce=None):
    """SHA-512(nonce.val || nonce.iat || user_data), SHA-256 for SGX."""
    mixed = b"".join(base64.b64decode(nonce[k]) for k in ("val", "iat")) \
        if nonce else b""
    if tee == "tdx":
        return hashlib.sha512(mixed + held).digest()
    return hashlib.sha256(mixed + held).digest() + bytes(32)


tee_pki = None


def quote(tee, data, version=None, fmspc=None, **fields):
    """A quote of the stand-in TEE."""
    global tee_pki
    import collateral
    if tee_pki is None:
        tee_pki = pki.TeePki(os.path.join(os.environ["KBSD_TEE"]))
    platform = {"fmspc": fmspc or collateral.FMSPC,
                "pceid": collateral.PCEID, "cpusvn": collateral.CPUSVN,
                "pcesvn": collateral.PCESVN, "ca": "platform",
                "ppid": quotes.fill("ppid", 16)}
    fields["report_data"] = data
    return quotes.make_quote(tee_pki, tee,
                             version or {"sgx": 3, "tdx": 4}[tee], fields,
                             platform)


# --- tokens -------------------------------------------------------------------

minter = None


def token(tee, held, v2=True, alg="PS384", gpu=False, ids=(), nonce=None,
          lifetime=300, flaws=None, about=None, **change):
    """A token of the trust authority; flaws as its -h lists them, and claims
    to set (None: take out), NAME in the TEE's part of v2, top_NAME on top."""
    global minter
    if minter is None:
        keys = pki.Keys(ITA, os.environ.get("KBSD_STANDIN_KEYS"))
        minter = ita.Minter(pki.TokenPki(keys), keys, faultlist.Faults(),
                            ita.ISSUER, lifetime, "PS384")
        minter.pki.url = pki.read_file(os.path.join(ITA, "url")).decode()
    wrong = faultlist.Faults()
    for name, value in (flaws or {}).items():
        wrong.set(name, value)
    if change:
        wrong.set("set", {("/" + k[4:] if k.startswith("top_") else k): v
                          for k, v in change.items()})
    minter.faults, minter.lifetime = wrong, lifetime
    gpus = None
    if gpu:
        gpus = ita.gpu_claims({"evidence_list": [
            {"evidence": "AA==", "certificate": "AA=="}] * 2}, wrong)
    claims = minter.tee_claims(about or ita.sample_quote(tee), held, nonce,
                               None, v2)
    return minter.token([claims], v2, list(ids), alg, gpus)


def authority(method, path, body=None):
    """The stand-in's own interface for tests."""
    with open(os.path.join(ITA, "port")) as f:
        port = int(f.read())
    conn = http.client.HTTPSConnection(
        "localhost", port, timeout=120, context=ssl.create_default_context(
            cafile=os.path.join(ITA, "tls-ca.pem")))
    conn.request(method, path, json.dumps(body) if body is not None else None)
    answer = conn.getresponse()
    data = json.loads(answer.read())
    conn.close()
    if answer.status != 200:
        raise ValueError(data)
    return data


def fault(**wrong):
    """These faults and no others; a colon in a name is written __."""
    authority("POST", "/fault", {"clear": True, **{
        k.replace("__", ":").replace("_", "-"): v
        for k, v in wrong.items()}})


def stats(reset=False):
    return authority("POST" if reset else "GET",
                     "/stats/reset" if reset else "/stats")


def measured(tee):
    """What the stand-in TEE measures, as attributes of a policy have it."""
    q = ita.sample_quote(tee)
    if tee == "tdx":
        out = {k: [q.fields[k].hex()] for k in ("mrtd", "mrseam",
                                                "mrsignerseam")}
        out.update((k, q.fields[k].hex()) for k in ("rtmr0", "rtmr1", "rtmr2",
                                                    "rtmr3"))
        out["seamsvn"] = q.seamsvn()
        return out
    return {"mrenclave": [q.fields["mrenclave"].hex()],
            "mrsigner": [q.fields["mrsigner"].hex()],
            "isvprodid": [q.fields["isvprodid"]],
            "isvsvn": q.fields["isvsvn"]}


def policy(tee, **attributes):
    """A policy of one TEE that wants these."""
    return {"attestation_type": tee.upper(), tee: {"attributes": attributes}}

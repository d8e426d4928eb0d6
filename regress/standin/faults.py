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

"""The faults of the trust authority: their names, and who may see which.

A fault of transport may be bound to an endpoint (attest:slow=3) and may be
counted (status=503x2); one of a token or of the key set is simply on or off.
"""

import re
import threading

ENDPOINTS = ("certs", "nonce", "attest", "crl", "crl-root", "crl-signing",
             "kv", "auth", "mount", "tcb", "qe", "pckcrl", "rootcrl", "vcek", "chain",
             "crl-amd")

TRANSPORT = {
    "slow": "wait SECONDS before the answer",
    "hang": "take the request and never answer",
    "close": "close the connection without an answer",
    "status": "answer with this HTTP status; 503x2: two times, then good",
    "garbage": "200 with a body that is neither JSON nor DER",
    "empty": "200 with no body",
    "huge": "200 with a body of this many MiB (64)",
    "half": "close in the middle of the body",
    "drip": "one byte of the body each SECONDS (1)",
    "redirect": "302 to this URL (default: /evil/...)",
    "content-type": "another Content-Type (text/html)"}
KEYSET = {
    "rotate": "new leaf and kid, number N; \"both\": the old one is listed too",
    "revoked-leaf": "the signing CA's CRL lists the leaf",
    "revoked-ca": "the root's CRL lists the signing CA",
    "expired-crl": "nextUpdate has passed: true, \"root\" or \"signing\"",
    "foreign-crl": "CRLs signed by another key: true, \"root\", \"signing\"",
    "other-root": "the chain ends in another root of the same name",
    "jwk-mismatch": "n of the JWK is not the leaf's, and tokens fit that n",
    "duplicate-kid": "the kid twice: first a stranger's key, then the leaf's",
    "empty-jwks": "no key at all",
    "jwk-alg": "alg of the JWK is this value; null: absent"}
TOKEN = {
    "alg-none": "alg none, no signature",
    "hs256": "HMAC keyed with the PEM of the public key",
    "wrong-alg": "RS256 under the kid of the PS384 key",
    "forged": "signed by a stranger's key under the good kid",
    "bad-signature": "one bit of the signature is flipped",
    "kid": "another kid in the header",
    "crit": "a critical header parameter that nobody knows",
    "extra-jku": "jku names this URL (default: /evil/certs)",
    "extra-x5u": "likewise x5u",
    "extra-jwk": "the stranger's public key in the header",
    "extra-x5c": "a certificate of the stranger's key in the header",
    "duplicate-member": "a member twice in the payload",
    "expired": "exp has passed",
    "nbf": "nbf lies an hour ahead",
    "no-exp": "no exp",
    "issuer": "another iss",
    "wrong-nonce": "verifier_nonce is another one",
    "no-nonce": "no verifier_nonce",
    "other-held-data": "attester_held_data is a stranger's key",
    "no-held-data": "no attester_held_data",
    "runtime-jwk": "the key as attester_runtime_data: true or \"base64\"",
    "other-td": "measurements and held data of another TEE",
    "debug": "debuggable: true, or \"differ\", or \"absent\" (no claim)",
    "tcb-status": "attester_tcb_status (OK in v1, UpToDate in v2)",
    "tcb-date": "attester_tcb_date, RFC 3339",
    "advisories": "attester_advisory_ids, by commas",
    "unmatched": "the policy ids do not match",
    "gpu-fail": "x-nvidia-overall-att-result is false",
    "gpu-insecure": "secboot of the GPUs is false",
    "gpu-absent": "no nvgpu claims",
    "gpu-hwmodel": "hwmodel of the GPUs",
    "set": "JSON object of claims to set (null: take out); a.b is inside a,\n"
    + " " * 20 + "claims of the TEE find their place, /NAME stays on top"}
# What a number is made of, and the number where none is named.
NUMBERS = {"slow": (float, 1.0), "drip": (float, 1.0), "status": (int, 500),
           "huge": (int, 64), "rotate": (int, 1)}
ALL = {**TRANSPORT, **KEYSET, **TOKEN}


def help_text():
    out = []
    for title, table in (("transport", TRANSPORT), ("key set", KEYSET),
                         ("token", TOKEN)):
        out.append("faults of the %s:" % title)
        for name, text in table.items():
            out.append("  %-17s %s" % (name, text))
        out.append("")
    return "\n".join(out)


def parse(text):
    """NAME, NAME=VALUE, ENDPOINT:NAME=VALUE of a command line."""
    name, eq, value = text.partition("=")
    if not eq:
        return name, True
    return name, {"true": True, "false": False, "null": None}.get(value,
                                                                  value)


def convert(plain, value):
    """The value that a fault works with, and how often it happens."""
    count = None
    if plain in TRANSPORT and isinstance(value, str):
        m = re.fullmatch(r"(.*?)x([0-9]+)", value)
        if m:
            value, count = m.group(1) or True, int(m.group(2))
    if value is None or value is False:
        return value, None
    if plain in NUMBERS and value != "both":
        kind, default = NUMBERS[plain]
        value = default if value is True else kind(value)
    return value, count


class Faults:
    """What is wrong now.  Threads ask, POST /fault changes."""

    def __init__(self):
        self.lock = threading.Lock()
        self.on = {}
        self.left = {}
        # Who hangs waits for this to change: counted faults are gone by then.
        self.released = 0
        # Who is slow waits for this; taking the fault back changes nothing.
        self.enough = threading.Event()

    def set(self, name, value):
        endpoint, colon, plain = name.rpartition(":")
        if plain not in ALL or (colon and (endpoint not in ENDPOINTS or
                                           plain not in TRANSPORT)):
            raise ValueError("no such fault: %s" % name)
        value, count = convert(plain, value)
        with self.lock:
            self.left.pop(name, None)
            if value is None and plain == "jwk-alg":
                self.on[name] = ""
            elif value is None or value is False:
                self.on.pop(name, None)
                self.released += plain == "hang"
            else:
                self.on[name] = value
                if count is not None:
                    self.left[name] = count

    def clear(self):
        with self.lock:
            self.on.clear()
            self.left.clear()
            self.released += 1

    def release(self):
        """Whoever is slow by now has waited long enough."""
        with self.lock:
            self.enough.set()
            self.enough = threading.Event()

    def get(self, name, default=None):
        return self.on.get(name, default)

    def listing(self):
        with self.lock:
            return dict(self.on)

    def transport(self, endpoint):
        """The faults of this one request; counted ones are used up."""
        scopes = ["", endpoint + ":"]
        if endpoint.startswith("crl-"):
            scopes.append("crl:")
        out = {}
        with self.lock:
            for scope in scopes:
                for plain in TRANSPORT:
                    name = scope + plain
                    if name not in self.on:
                        continue
                    out[plain] = self.on[name]
                    if name in self.left:
                        self._use(name)
            if "slow" in out:
                out["enough"] = self.enough
        return out

    def _use(self, name):
        self.left[name] -= 1
        if self.left[name] <= 0:
            del self.on[name], self.left[name]

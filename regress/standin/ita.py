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

"""Nonces, claims and tokens of the trust authority."""

import datetime
import hashlib
import hmac
import json
import secrets
import time
import uuid

import pki
import quote

NONCE_LIFE = 300
ISSUER = "Intel Trust Authority"
STRANGER = "stranger"
# What stands inside tdx or sgx in a v2 token.
NESTED = ("tdx_", "sgx_", "attester_", "dbgstat", "verifier_nonce")


class Refused(Exception):
    """The request is at fault: 400 and this text."""


class Nonces:
    """val, iat and a MAC over both, all base64; nothing is remembered."""

    def __init__(self, keys):
        self.key = bytes.fromhex(keys.secret("nonce.key", 48))

    def mac(self, val, iat):
        return hmac.digest(self.key, val + b"|" + iat, "sha384")

    def make(self):
        val = secrets.token_bytes(48)
        now = datetime.datetime.utcnow()
        iat = now.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").encode()
        return {"val": pki.b64(val), "iat": pki.b64(iat),
                "signature": pki.b64(self.mac(val, iat))}

    def check(self, nonce):
        """The bytes that the report data is made with."""
        if not isinstance(nonce, dict) or \
                sorted(nonce) != ["iat", "signature", "val"]:
            raise Refused("verifier_nonce wants val, iat and signature")
        val, iat, sig = (decode(nonce, k) for k in ("val", "iat", "signature"))
        if not hmac.compare_digest(sig, self.mac(val, iat)):
            raise Refused("verifier_nonce is not of this service")
        made = datetime.datetime.strptime(iat.decode(),
                                          "%Y-%m-%d %H:%M:%S +0000 UTC")
        age = (datetime.datetime.utcnow() - made).total_seconds()
        if not -60 <= age <= NONCE_LIFE:
            raise Refused("verifier_nonce is too old")
        return val + iat


def decode(obj, name):
    """A member of base64, or None where there is no such member."""
    if obj.get(name) is None:
        return None
    if not isinstance(obj[name], str):
        raise Refused("%s is not a string" % name)
    try:
        return pki.unb64(obj[name])
    except ValueError:
        raise Refused("%s is not base64" % name)


# --- claims ----------------------------------------------------------------

SGX_CLAIMS = ("mrenclave", "mrsigner", "isvprodid", "isvsvn", "report_data",
              "configid", "configsvn", "isvextprodid", "isvfamilyid")
TDX_CLAIMS = ("tee_tcb_svn", "mrseam", "mrsignerseam", "mrtd", "mrconfigid",
              "mrowner", "mrownerconfig", "rtmr0", "rtmr1", "rtmr2", "rtmr3",
              "report_data", "xfam")


def quote_claims(q):
    names = SGX_CLAIMS if q.tee == "sgx" else TDX_CLAIMS
    out = {}
    for name in names:
        value = q.fields[name]
        out["%s_%s" % (q.tee, name)] = \
            value.hex() if isinstance(value, bytes) else value
    if q.tee == "sgx":
        out["sgx_attributes"] = q.fields["attributes"].hex()
    else:
        out["tdx_seamsvn"] = q.seamsvn()
        out["tdx_seam_attributes"] = q.fields["seamattributes"].hex()
        out["tdx_td_attributes"] = q.fields["tdattributes"].hex()
        out["tdx_td_attributes_debug"] = q.debug()
    out["%s_is_debuggable" % q.tee] = q.debug()
    return out


def sample_quote(tee):
    """A body with a TEE's default measurements, without signatures."""
    class Sample:
        pass
    s = Sample()
    s.tee = tee
    body = quote.make_body(tee, 3 if tee == "sgx" else 4, {})
    table = quote.SGX_REPORT if tee == "sgx" else quote.TD_REPORT_10
    s.fields = quote.unpack(body, table)
    s.debug = lambda: quote.Quote.debug(s)
    s.seamsvn = lambda: quote.Quote.seamsvn(s)
    return s


def binding(tee, nonce, held):
    if tee == "tdx":
        return hashlib.sha512(nonce + held).digest()
    return hashlib.sha256(nonce + held).digest()


class Evidence:
    """One TEE's part of an attest request, checked."""

    def __init__(self, part, nonces, trust_report_data, trust_quote):
        raw = decode(part, "quote")
        if not raw:
            raise Refused("quote is missing")
        try:
            self.quote = quote.Quote(raw)
            if not trust_quote:
                self.quote.check()
        except quote.QuoteError as e:
            raise Refused(str(e))
        self.tee = self.quote.tee
        self.nonce = part.get("verifier_nonce")
        mixed = nonces.check(self.nonce) if self.nonce is not None else b""
        runtime, user = decode(part, "runtime_data"), decode(part, "user_data")
        decode(part, "event_log")
        self.held = runtime if runtime is not None else user
        self.user = user if runtime is not None else None
        if trust_report_data or (self.held is None and self.nonce is None):
            return
        want = binding(self.tee, mixed, self.held or b"")
        if self.quote.report_data[:len(want)] != want:
            raise Refused("report data is not that of nonce and data")


def gpu_claims(evidence, faults):
    """Claims for each GPU of the evidence list; its nonce is not judged."""
    if not isinstance(evidence, dict) or \
            not isinstance(evidence.get("evidence_list"), list) or \
            not evidence["evidence_list"]:
        raise Refused("nvgpu wants an evidence_list")
    for e in evidence["evidence_list"]:
        if not isinstance(e, dict) or decode(e, "evidence") is None or \
                decode(e, "certificate") is None:
            raise Refused("nvgpu wants evidence and certificate")
    secure = not faults.get("gpu-insecure")
    good = not faults.get("gpu-fail")
    return {"x-nvidia-overall-att-result": good, "claim_details": {
        "GPU-%d" % i: {
            "hwmodel": faults.get("gpu-hwmodel", "GH100 A01 GSP BROM"),
            "secboot": secure, "dbgstat": "disabled",
            "measres": "success" if good else "fail"}
        for i in range(len(evidence["evidence_list"]))}}


# --- tokens ------------------------------------------------------------------

class Minter:
    """Makes tokens; every token fault is made here."""

    def __init__(self, token_pki, keys, faults, issuer, lifetime, alg):
        self.pki, self.keys, self.faults = token_pki, keys, faults
        self.issuer, self.lifetime, self.alg = issuer, lifetime, alg

    def generation(self):
        value = self.faults.get("rotate", 0)
        return 1 if value is True or value == "both" else int(value)

    def leaf_ready(self):
        """Whatever keys and certificates the faults want, before asked."""
        self.jwks()

    def kid(self, alg):
        return self.pki.kid(self.generation(), alg)

    def stranger(self):
        return self.keys.rsa(STRANGER)

    def tee_claims(self, q, held, nonce, user, v2):
        """The claims that a v1 token has on top and a v2 token nests."""
        f, tee = self.faults, q.tee
        claims = quote_claims(sample_other(tee) if f.get("other-td") else q)
        if f.get("other-td") or f.get("other-held-data"):
            held = pki.held_data(self.stranger().public_key(), tee)
        claims["attester_type"] = tee.upper()
        if held is not None and not f.get("no-held-data"):
            self._held(claims, held, tee)
        if user is not None:
            claims["attester_user_data"] = pki.b64(user)
        claims["attester_tcb_status"] = f.get("tcb-status",
                                              "UpToDate" if v2 else "OK")
        claims["attester_tcb_date"] = f.get("tcb-date",
                                            "2026-01-14T00:00:00Z")
        claims["attester_advisory_ids"] = [
            a for a in f.get("advisories", "").split(",") if a]
        debug = claims["%s_is_debuggable" % tee]
        claims["dbgstat"] = "enabled" if debug else "disabled"
        self._debug(claims, tee)
        if f.get("wrong-nonce"):
            nonce = {k: pki.b64(secrets.token_bytes(48))
                     for k in ("val", "iat", "signature")}
        if nonce is not None and not f.get("no-nonce"):
            claims["verifier_nonce"] = nonce
        return claims

    def _held(self, claims, held, tee):
        form = self.faults.get("runtime-jwk")
        if not form:
            claims["attester_held_data"] = pki.b64(held)
            return
        data = {"tee-pubkey": pki.held_data_jwk(held, tee)}
        if form == "base64":
            data = pki.b64(pki.json_text(data).encode())
        claims["attester_runtime_data"] = data

    def _debug(self, claims, tee):
        how, name = self.faults.get("debug"), "%s_is_debuggable" % tee
        if how is True:
            claims[name], claims["dbgstat"] = True, "enabled"
        elif how == "differ":
            claims[name], claims["dbgstat"] = False, "enabled"
        elif how == "absent":
            del claims[name], claims["dbgstat"]
        elif how:
            raise Refused("debug=%s" % how)

    def common(self, v2, policy_ids):
        f, now = self.faults, int(time.time())
        matched = [{"id": p, "version": "v1"} for p in policy_ids]
        claims = {"ver": "2.0.0" if v2 else "1.0.0",
                  "eat_profile": "https://portal.trustauthority.intel.com/"
                  "eat_profile.html", "intuse": "generic",
                  "verifier_instance_ids": [str(uuid.uuid4())],
                  "jti": str(uuid.uuid4()), "iss": self.issuer,
                  "iat": now, "nbf": now, "exp": now + self.lifetime}
        if matched:
            claims["policy_ids_unmatched" if f.get("unmatched") else
                   "policy_ids_matched"] = matched
        if f.get("expired"):
            claims.update(iat=now - 3600, nbf=now - 3600, exp=now - 600)
        if f.get("nbf"):
            claims.update(nbf=now + 3600, exp=now + 7200)
        if f.get("no-exp"):
            del claims["exp"]
        if f.get("issuer"):
            claims["iss"] = "Somebody Else" if f.get("issuer") is True \
                else f.get("issuer")
        return claims

    def token(self, parts, v2, policy_ids, alg=None, gpu=None):
        """parts: a list of tee_claims(); a v1 token has but one."""
        claims = self.common(v2, policy_ids)
        for part in parts:
            if v2:
                claims[part["attester_type"].lower()] = part
            else:
                claims.update(part)
        if gpu is not None and not self.faults.get("gpu-absent"):
            claims["nvgpu"] = gpu
        self._set(claims)
        return self.sign(claims, alg or self.alg)

    def _set(self, claims):
        change = self.faults.get("set") or {}
        if isinstance(change, str):
            change = json.loads(change)
        for path, value in change.items():
            at, names = claims, self._place(claims, path)
            for name in names[:-1]:
                at = at.setdefault(name, {})
            if value is None:
                at.pop(names[-1], None)
            else:
                at[names[-1]] = value

    def _place(self, claims, path):
        """Claims of a TEE go where the token has them; /NAME stays on top."""
        if path.startswith("/"):
            return [path[1:]]
        names = path.split(".")
        if len(names) == 1 and path.startswith(NESTED):
            for tee in ("tdx", "sgx"):
                if tee in claims:
                    return [tee, path]
        return names

    def sign(self, claims, alg):
        f, key = self.faults, self.pki.leaf_key(self.generation())
        header = {"alg": alg, "jku": (self.pki.url or "https://localhost") +
                  "/certs", "kid": f.get("kid", self.kid(alg)), "typ": "JWT"}
        if f.get("forged") or f.get("jwk-mismatch"):
            key = self.stranger()
        if f.get("wrong-alg"):
            alg = header["alg"] = "RS256"
            header["kid"] = self.kid("PS384")
        if f.get("alg-none"):
            alg = header["alg"] = "none"
        elif f.get("hs256"):
            alg = header["alg"] = "HS256"
        self._header(header)
        payload = pki.json_text(claims)
        if f.get("duplicate-member"):
            payload = '{"iss":"Somebody Else",' + payload[1:]
        token = pki.jws_sign(key, alg, pki.json_text(header), payload)
        if f.get("bad-signature"):
            at = len(token) - 20
            token = token[:at] + ("A" if token[at] != "A" else "B") + \
                token[at + 1:]
        return token

    def _header(self, header):
        f = self.faults
        evil = (self.pki.url or "https://localhost") + "/evil/certs"
        if f.get("crit"):
            header.update({"crit": ["x-standin"], "x-standin": 1})
        for name in ("jku", "x5u"):
            url = f.get("extra-" + name)
            if url:
                header[name] = evil if url is True else url
        if f.get("extra-jwk"):
            header["jwk"] = pki.jwk(self.stranger())
        if f.get("extra-x5c"):
            header["x5c"] = [pki.b64(pki.der(self.stranger_cert()))]

    def stranger_cert(self):
        return self.keys.cert("stranger", lambda: pki.certificate(
            pki.dn("Stranger", "Nobody"), self.stranger(), ca=True))

    def jwks(self):
        f, gen = self.faults, self.generation()
        if f.get("empty-jwks"):
            return {"keys": []}
        keys = self._jwks_of(gen)
        if f.get("rotate") == "both":
            keys += self._jwks_of(gen - 1)
        if f.get("duplicate-kid"):
            keys = [dict(pki.jwk(self.stranger(), k["kid"], k["alg"]),
                         x5c=k["x5c"]) for k in keys] + keys
        return {"keys": keys}

    def _jwks_of(self, gen):
        f = self.faults
        chain = self.pki.other_chain(gen) if f.get("other-root") \
            else self.pki.chain(gen)
        key = self.stranger() if f.get("jwk-mismatch") \
            else self.pki.leaf_key(gen)
        out = []
        for alg in ("PS384", "RS256"):
            named = f.get("jwk-alg", alg) or None
            out.append(pki.jwk(key, self.pki.kid(gen, alg), named, chain))
        return out

    def crl(self, which):
        f, now = self.faults, pki.utcnow()
        if which == "root":
            cert, key = self.pki.root, self.keys.rsa("root")
            revoked = [self.pki.ca_cert()] if f.get("revoked-ca") else []
        else:
            cert, key = self.pki.ca_cert(), self.keys.rsa("ca")
            revoked = [self.pki.leaf_cert(self.generation())] \
                if f.get("revoked-leaf") else []
        if f.get("foreign-crl") in (True, which):
            key = self.stranger()
        begin = end = None
        if f.get("expired-crl") in (True, which):
            begin, end = now - 8 * pki.DAY, now - pki.DAY
        return pki.crl_der(cert, key, revoked, begin, end)


def sample_other(tee):
    """Measurements of a TEE that nobody asked about."""
    s = sample_quote(tee)
    for name, value in s.fields.items():
        if isinstance(value, bytes) and name.startswith(("mr", "rtmr")):
            s.fields[name] = quote.fill("other " + name, len(value))
    return s

#!/usr/bin/python3
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


"""Tokens as other issuers make them, for issuer_test.

issuer.py make                       keys, and their sets azure.jwks, ear.jwks
issuer.py rotate                     other keys of ear.jwks, by the same names
issuer.py spoil                      ear.jwks with a private key in it
issuer.py azure ALG HELD [NAME=JSON ...]  token.jwt, held data in a file
issuer.py ear ALG PAIR [NAME=JSON ...]    token.jwt, a key pair in a file
NAME is a member of the token, or of the part of it that says so; null takes
it out, and what is no JSON is a string.
"""

import sys

sys.dont_write_bytecode = True

import base64
import datetime
import hashlib
import hmac
import json
import os
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}
SETS = {"azure": ("RS256", "PS256", "PS384"), "ear": ("ES256", "ES384")}
ISSUERS = {"azure": "https://azure.example", "ear": "ear.example"}


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n, size=0):
    return b64url(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


def jwk(key, **more):
    """The public half of a key."""
    public = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return dict(kty="RSA", n=number(public.n), e=number(public.e), **more)
    size = key.curve.key_size // 8
    return dict(kty="EC", crv="P-%d" % key.curve.key_size,
                x=number(public.x, size), y=number(public.y, size), **more)


def certificate(key):
    """Self-signed, as Azure Attestation publishes its keys."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "MAA")])
    now = datetime.datetime.utcnow()
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    made = made.public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(now).not_valid_after(
        now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    der = made.public_bytes(serialization.Encoding.DER)
    return base64.b64encode(der).decode()


def save(key, alg):
    with open(alg + ".pem", "wb") as f:
        f.write(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))


def load(path):
    with open(path, "rb") as f:
        return serialization.load_pem_private_key(f.read(), None)


def make(who, spoil=False):
    keys = []
    for alg in SETS[who]:
        key = ec.generate_private_key(CURVES[alg]) if alg in CURVES else \
            rsa.generate_private_key(65537, 2048)
        save(key, alg)
        if alg == "RS256":
            keys.append({"kty": "RSA", "kid": alg,
                         "x5c": [certificate(key)]})
        else:
            keys.append(jwk(key, kid=alg, alg=alg, use="sig"))
        if spoil:
            keys[-1]["d"] = number(key.private_numbers().private_value)
    with open(who + ".jwks.new", "w") as f:
        json.dump({"keys": keys}, f)
    os.rename(who + ".jwks.new", who + ".jwks")


def sign(alg, data):
    if alg == "HS256":      # keyed with what everybody knows
        with open("azure.jwks", "rb") as f:
            return hmac.new(f.read(), data, hashlib.sha256).digest()
    key = load(alg + ".pem")
    md = hashes.SHA384() if alg.endswith("384") else hashes.SHA256()
    if alg in CURVES:
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(md)))
        size = key.curve.key_size // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if alg == "RS256":
        return key.sign(data, padding.PKCS1v15(), md)
    return key.sign(data, padding.PSS(padding.MGF1(md), md.digest_size), md)


def azure(held):
    """Of an SGX enclave."""
    with open(held, "rb") as f:
        ehd = b64url(f.read())
    claims = {
        "x-ms-ver": "1.0", "x-ms-attestation-type": "sgx",
        "x-ms-policy-hash": b64url(bytes(32)),
        "x-ms-sgx-is-debuggable": False, "x-ms-sgx-product-id": 1,
        "x-ms-sgx-svn": 3, "x-ms-sgx-mrenclave": "%064d" % 7,
        "x-ms-sgx-mrsigner": "%064d" % 9, "x-ms-sgx-ehd": ehd,
        "x-ms-sgx-collateral": {"quotehash": "00" * 32},
    }
    return claims, [claims]


def ear(pair):
    """Of a TD, with what its verifier has made of it."""
    body = {"mr_td": "%096d" % 8, "rtmr_0": "00" * 48, "mr_seam": "11" * 48}
    attributes = {"debug": False, "septve_disable": True}
    module = {
        "ear.status": "affirming",
        "ear.trustworthiness-vector": {"hardware": 2, "executables": 3},
        "ear.veraison.annotated-evidence": {
            "runtime_data_claims": {
                "nonce": "AA==", "tee-pubkey": jwk(load(pair), alg="RSA")},
            "tdx": {"quote": {"body": body}, "td_attributes": attributes},
        },
    }
    claims = {"eat_profile": "tag:github.com,2023:veraison/ear",
              "ear.verifier-id": {"developer": "x", "build": "y"},
              "aud": ["kbsd"], "submods": {"cpu0": module}}
    return claims, [claims, module, body, attributes]


def change(parts, text):
    name, value = text.split("=", 1)
    try:
        value = json.loads(value)
    except ValueError:
        pass
    part = next((p for p in parts if name in p), parts[0])
    if value is None:
        del part[name]
    else:
        part[name] = value


def token(who, alg, about, *changes):
    claims, parts = (azure if who == "azure" else ear)(about)
    now = int(time.time())
    claims.update(iss=ISSUERS[who], iat=now, nbf=now, exp=now + 300)
    for text in changes:
        change(parts, text)
    if claims["exp"] < 0:
        claims["exp"] += now
    header = {"alg": alg, "kid": "RS256" if alg == "HS256" else alg,
              "typ": "JWT"}
    data = ".".join(b64url(json.dumps(part).encode())
                    for part in (header, claims))
    with open("token.jwt", "w") as f:
        f.write(data + "." + b64url(sign(alg, data.encode())))


if sys.argv[1] == "make":
    make("azure")
    make("ear")
elif sys.argv[1] in ("rotate", "spoil"):
    make("ear", sys.argv[1] == "spoil")
else:
    token(*sys.argv[1:])

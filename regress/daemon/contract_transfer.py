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

"""The contract of POST /keys/{id}/transfer: one function a group."""

from contract import *

KEY = bytes(range(100, 132))
PRIVATE = {"tdx": "3072", "sgx": "3072.1"}
STRANGER = "3072.2"


def held_of(tee, which=None):
    return held_data(rsa_key(which or PRIVATE[tee]).public_key(), tee)


class Subject:
    """A key under a policy that may be changed, and ways to get it."""

    def __init__(self, admin, **more):
        self.admin, self.c = admin, Client()
        self.key = admin.must(201, "POST", "/keys", {
            "key_information": {"algorithm": "AES", "key_length": 256,
                                "key_data": b64(KEY), **more},
            "transfer_policy_id": self.new(policy("tdx", mrtd=["00" * 48]))})
        self.at = "/keys/%s/transfer" % self.key["id"]

    def new(self, body):
        return self.admin.must(201, "POST", "/key-transfer-policies",
                               body)["id"]

    def under(self, body):
        self.admin.must(201, "PUT", "/keys/" + self.key["id"],
                        {"transfer_policy_id": self.new(body)})
        return self

    def nonce(self):
        a = self.c.post(self.at)
        if a.status != 200:
            check("a nonce", False, (a.status, a.body))
            finish()
        return a.json

    def passport(self, text, headers=None):
        return self.c.post(self.at, {"attestation_token": text},
                           headers=headers)

    def evidence(self, tee, header=None, held=None, nonce=True, data=None,
                 raw=None, version=None, fmspc=None, body=None, **fields):
        """The second step.  nonce: ours, None, or True for a new one."""
        held = held_of(tee) if held is None else held
        nonce = self.nonce() if nonce is True else nonce
        data = data or report_data(tee, held, nonce)
        out = {"quote": b64(raw or quote(tee, data, version, fmspc,
                                         **fields)),
               "user_data": b64(held)}
        if nonce:
            out["nonce"] = nonce
        out.update(body or {})
        out = {k: v for k, v in out.items() if v is not None}
        return self.c.post(self.at, out, headers={
            "Attestation-Type": header or tee.upper()})


def gives(what, a, tee, types=None, which=None, key=KEY):
    """200, and it is this key."""
    if not check("%s: 200" % what, a.status == 200, "%d %s" % (
            a.status, a.error if a.status >= 400 else "")):
        return
    equal("%s: it unwraps to the key" % what, None, unwrap_error(
        rsa_key(which or PRIVATE[tee]), a.json, key))
    equal("%s: Attestation-Type" % what, types or tee.upper(),
          a.headers.get("Attestation-Type"))


def denies(what, a, reason=None, status=401, claim=None, verdict="deny"):
    """Nothing is released, and the audit log has a reason."""
    equal("%s: %d" % (what, status), status, a.status)
    if b"wrapped" in a.body:
        check("%s: nothing is released" % what, False, a.body)
    lines = audit(a.request)
    if not check("%s: one audit line" % what, len(lines) == 1, lines):
        return
    line = lines[0]
    equal("%s: its verdict" % what, verdict, line["verdict"])
    if claim is not None:
        equal("%s: the claim that failed" % what, claim, line.get("claim"))
        check("%s: wanted and got" % what, line.get("wanted") and
              line.get("got"), line)
    check("%s: its reason" % what, (reason or "").lower() in
          line.get("reason", "").lower() and line.get("reason"),
          line.get("reason"))
    if claim:
        check("%s: the client is not told what was wanted" % what,
              line["wanted"] not in a.body.decode(), a.body)


# --- background ---------------------------------------------------------------

def background():
    s = Subject(admin())
    for tee, version in (("tdx", 4), ("tdx", 5), ("sgx", 3)):
        s.under(policy(tee, **measured(tee)))
        what = "%s v%d" % (tee.upper(), version)
        a = s.c.expect("%s, first step" % what, 200, "POST", s.at)
        equal("%s: Attestation-Type is the policy's type" % what,
              tee.upper(), a.headers.get("Attestation-Type"))
        equal("%s: the nonce has val, iat and signature" % what,
              ["iat", "signature", "val"], sorted(a.json))
        check("%s: each is base64" % what, all(
            base64.b64decode(v, validate=True) for v in a.json.values()))
        check("%s: each first step has a nonce of its own" % what,
              s.nonce()["val"] != a.json["val"])
        gives(what + ", second step", s.evidence(
            tee, nonce=a.json, version=version), tee)
        gives(what + " with an event log", s.evidence(
            tee, version=version, body={"event_log": b64(b"log")}), tee)
        gives(what + " without a nonce", s.evidence(
            tee, nonce=None, version=version), tee)
        gives(what + " with members that are null", s.evidence(
            tee, version=version, body={"event_log": None,
                                        "attestation_token": None}), tee)
        denies(what + ", its nonce replayed", s.evidence(
            tee, nonce=a.json, version=version), "used before")
        denies(what + " for a nonce that was not sent", s.evidence(
            tee, data=report_data(tee, held_of(tee)), version=version),
            "report data")
        denies(what + " made for a nonce and sent without", s.evidence(
            tee, nonce=None, data=report_data(tee, held_of(tee), s.nonce()),
            version=version), "report data")
        denies(what + " for another key", s.evidence(
            tee, data=report_data(tee, held_of(tee, STRANGER)),
            nonce=None, version=version), "report data")
    background_wrapping(s)
    background_nonces(s)
    background_headers(s)
    background_bodies(s)
    background_quotes(s)


def background_wrapping(s):
    """Each transfer has an SWK of its own; RSA and EC keys are PKCS#8."""
    s.under(policy("tdx", mrtd=measured("tdx")["mrtd"]))
    seen = set()
    for _ in range(4):
        a = s.evidence("tdx", nonce=None).json
        wrapped = base64.b64decode(a["wrapped_key"])
        equal("wrapped_key begins with LE32 12, 16 and 48",
              "0c0000001000000030000000", wrapped[:12].hex())
        equal("wrapped_key is 12, iv 12, key 32, tag 16 bytes long", 72,
              len(wrapped))
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(),
                            None)
        seen.add(rsa_key("3072").decrypt(base64.b64decode(
            a["wrapped_swk"]), oaep))
        seen.add(wrapped[12:24])
    equal("SWK and iv are new for every transfer", 8, len(seen))
    try:
        AESGCM(next(x for x in seen if len(x) == 32)).decrypt(
            wrapped[12:24], wrapped[24:], b"additional")
        check("there is no additional data", False)
    except Exception:
        check("there is no additional data", True)
    for which in ("2064", "4096", "8192"):
        gives("a wrapping key of %s bits" % which, s.evidence(
            "tdx", held=held_of("tdx", which)), "tdx", which=which)
    from cryptography.hazmat.primitives.asymmetric import ec
    for algorithm, private, more in (
            ("RSA", rsa_key("4096"), {"key_length": 4096}),
            ("EC", ec.generate_private_key(ec.SECP521R1()),
             {"curve_type": "secp521r1"})):
        pem, der = (private.private_bytes(
            form, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()) for form in (
                serialization.Encoding.PEM, serialization.Encoding.DER))
        key = s.admin.must(201, "POST", "/keys", {
            "key_information": {"algorithm": algorithm, "key_data": b64(pem),
                                **more},
            "transfer_policy_id": s.admin.get(
                "/keys/" + s.key["id"]).json["transfer_policy_id"]})
        at, s.at = s.at, "/keys/%s/transfer" % key["id"]
        gives("a key that is %s comes as PKCS#8 DER" % algorithm, s.evidence(
            "tdx", nonce=None), "tdx", key=der)
        s.at = at


def background_nonces(s):
    held = held_of("tdx")
    nonce = s.nonce()
    for name in ("val", "iat", "signature"):
        other = dict(nonce, **{name: b64(b"x" * 48)})
        a = s.evidence("tdx", nonce=other)
        equal("a nonce with another %s: 502, as the service refuses" % name,
              502, a.status)
        check("a nonce with another %s: an audit line" % name,
              audit(a.request)[0]["verdict"] in ("deny", "unavailable"))
    fault(wrong_nonce=True)
    denies("a token with another verifier_nonce", s.evidence("tdx"),
           "verifier_nonce")
    fault(no_nonce=True)
    denies("a token without a verifier_nonce", s.evidence("tdx"),
           "verifier_nonce")
    gives("which is not asked for without a nonce", s.evidence(
        "tdx", nonce=None), "tdx")
    fault()
    second = Subject(s.admin).under(policy("tdx",
                                           mrtd=measured("tdx")["mrtd"]))
    nonce = second.nonce()
    a = s.evidence("tdx", nonce=nonce)
    gives("a nonce of another key's first step is the service's, and new", a,
          "tdx")
    denies("but is spent then", second.evidence("tdx", nonce=nonce),
           "used before")
    for what, body in (
            ("without val", {"iat": "AAAA", "signature": "AAAA"}),
            ("with an empty val", {"val": "", "iat": "AAAA",
                                   "signature": "AAAA"}),
            ("with more members", {**nonce, "x": "AAAA"}),
            ("that is null", "null"), ("that is text", "AAAA"),
            ("that is no base64", {**nonce, "val": "!"})):
        out = {"quote": "AAAA", "user_data": b64(held), "nonce": None
               if body == "null" else body}
        s.c.expect("a nonce " + what, 400, "POST", s.at, out,
                   {"Attestation-Type": "TDX"})


def background_headers(s):
    tdx = {"Attestation-Type": "TDX"}
    for value in ("SEV", "tdx", "", "TDX,SGX,X", "NVGPU TDX", "TDX;SGX"):
        s.c.expect("Attestation-Type %r" % value, 400, "POST", s.at,
                   {"quote": "AAAA", "user_data": "AAAA"},
                   {"Attestation-Type": value})
    s.c.expect("Attestation-Type twice", 400, "POST", s.at,
               {"quote": "AAAA", "user_data": "AAAA"},
               {"Attestation-Type": ["TDX", "TDX"]})
    denies("Attestation-Type that differs from the policy", s.evidence(
        "tdx", header="SGX"), "Attestation-Type")
    denies("Attestation-Type of a composite, for a plain policy", s.evidence(
        "tdx", header="TDX,NVGPU"), "Attestation-Type")
    denies("a quote of another TEE", s.evidence(
        "tdx", raw=quote("sgx", bytes(64))), "another TEE")
    s.c.expect("Attestation-Type without a body", 400, "POST", s.at, b"", tdx)
    for accept in (None, "text/html"):
        s.c.expect("transfer with Accept %s" % accept, 415, "POST", s.at,
                   headers={"Accept": accept})
    s.c.expect("transfer with Accept */*", 200, "POST", s.at,
               headers={"Accept": "*/*"})
    s.c.expect("the first step with a chunked empty body", 200, "POST", s.at,
               b"")


def background_bodies(s):
    held = b64(held_of("tdx"))
    good = {"quote": b64(quote("tdx", bytes(64))), "user_data": held}
    tdx = {"Attestation-Type": "TDX"}
    for what, body in (
            ("no quote", {"user_data": held}),
            ("an empty quote", {**good, "quote": ""}),
            ("a quote that is null", {**good, "quote": None}),
            ("a quote that is no base64", {**good, "quote": "!!!!"}),
            ("a quote in base64url", {**good, "quote": "-_-_"}),
            ("a quote with a line break", {**good, "quote": "AA\nAA"}),
            ("a quote without padding", {**good, "quote": "AAAAA"}),
            ("a quote that is a number", {**good, "quote": 1}),
            ("no user_data", {"quote": good["quote"]}),
            ("an empty user_data", {**good, "user_data": ""}),
            ("an event log that is no base64", {**good, "event_log": "!"}),
            ("an unknown member", {**good, "Quote": "AAAA"}),
            ("a token alone", {"attestation_token": "a.b.c"})):
        s.c.expect("the second step with " + what, 400, "POST", s.at, body,
                   tdx)
    held = held_of("tdx")
    n = rsa_key("3072").public_key().public_numbers().n

    def made(n, e=65537):
        return struct.pack("<I", e) + n.to_bytes((n.bit_length() + 7) // 8,
                                                 "big")
    for what, other in (
            ("of 2048 bits", held_of("tdx", "2048")),
            ("with e = 1", made(n, 1)), ("with e = 3", made(n, 3)),
            ("with e = 65535", made(n, 65535)),
            ("with an even e", made(n, 65538)),
            ("with an even n", made(n - 1)),
            ("of 8200 bits", made((1 << 8199) + 1)),
            ("of 2048 bits behind zeros", held[:4] + bytes(128) + held_of(
                "tdx", "2048")[4:]),
            ("without n", held[:4]), ("of 3 bytes", held[:3])):
        denies("a wrapping key " + what, s.evidence("tdx", held=other,
                                                    nonce=None), "key")
    a = s.evidence("tdx", held=made(n, 4294967295), nonce=None)
    equal("the greatest odd e is one", 200, a.status)
    fault(other_held_data=True)
    denies("a token about another key than was sent", s.evidence("tdx"),
           "attester_held_data")
    fault(no_held_data=True)
    denies("a token about no key", s.evidence("tdx"), "no key")
    for form in (True, "base64"):
        fault(runtime_jwk=form)
        gives("the key in attester_runtime_data (%s)" % form,
              s.evidence("tdx"), "tdx")
    fault(other_td=True)
    denies("a token about another TD", s.evidence("tdx"), "")
    fault()


def background_quotes(s):
    held = held_of("tdx")
    data = report_data("tdx", held)
    good = quote("tdx", data)
    for what, raw in (
            ("of no bytes", b"\0"), ("cut in its header", good[:40]),
            ("cut in its body", good[:400]),
            ("of version 2", b"\2" + good[1:]),
            ("of another key type", good[:2] + b"\3" + good[3:]),
            ("of no TEE", good[:4] + b"\7" + good[5:])):
        denies("a quote " + what, s.evidence("tdx", raw=raw, nonce=None))
    for what, raw in (
            ("cut in its signature", good[:700]),
            ("with a changed measurement", good[:200] + bytes(
                [good[200] ^ 1]) + good[201:]),
            ("without signature", good[:632] + bytes(4))):
        a = s.evidence("tdx", raw=raw, nonce=None)
        equal("a quote %s: 502, as the service refuses" % what, 502, a.status)
        check("a quote %s: an audit line with a reason" % what,
              audit(a.request)[0].get("reason"))
    gives("bytes behind a quote", s.evidence("tdx", raw=good + bytes(64),
                                             nonce=None), "tdx")
    big = {"quote": b64(good), "user_data": b64(held),
           "event_log": b64(os.urandom(500000))}
    gives("an event log of 500 KB", s.c.post(s.at, big, headers={
        "Attestation-Type": "TDX"}), "tdx")
    denies("a TD that can be debugged", s.evidence(
        "tdx", tdattributes=b"\1" + bytes(7)), "debug")
    denies("a TD with reserved attributes", s.evidence(
        "tdx", tdattributes=b"\2" + bytes(7)), "reserved")
    s.under(policy("tdx", mrtd=measured("tdx")["mrtd"], allow_debug=True))
    gives("allow_debug allows it", s.evidence(
        "tdx", tdattributes=b"\1" + bytes(7)), "tdx")
    denies("but no reserved attributes", s.evidence(
        "tdx", tdattributes=b"\2" + bytes(7)), "reserved")
    s.under(policy("sgx", **measured("sgx")))
    denies("an enclave that can be debugged", s.evidence(
        "sgx", attributes=bytes.fromhex("0700000000000000e7000000000000"
                                        "00")), "debug")
    fmspc = "00a067110000"
    s.under(policy("tdx", platforms=[fmspc]))
    gives("a platform that the policy names", s.evidence(
        "tdx", fmspc=bytes.fromhex(fmspc)), "tdx")
    denies("another platform", s.evidence("tdx"), claim="fmspc")


# --- passport -----------------------------------------------------------------

def passport():
    s = Subject(admin())
    for tee in ("tdx", "sgx"):
        s.under(policy(tee, **measured(tee)))
        held = held_of(tee)
        for v2 in (False, True):
            for alg in ("PS384", "RS256"):
                gives("a %s token, v%d, %s" % (tee.upper(), 1 + v2, alg),
                      s.passport(token(tee, held, v2, alg)), tee)
        text = token(tee, held)
        gives("the same token again", s.passport(text), tee)
        gives("and once more", s.passport(text), tee)
        gives("with the header that clients misspell", s.passport(
            text, {"Attestion-type": tee.upper()}), tee)
    passport_bodies(s)
    passport_keys(s)
    passport_claims(s)
    passport_nesting(s)
    passport_ids(s)
    passport_debug(s)


def passport_bodies(s):
    text = token("sgx", held_of("sgx"))
    for what, body in (
            ("an empty token", {"attestation_token": ""}),
            ("a token that is null", {"attestation_token": None}),
            ("no token", {}), ("a quote and no header", {
                "quote": "AAAA", "user_data": "AAAA"}),
            ("a number", {"attestation_token": 1}),
            ("a token in an array", {"attestation_token": [text]})):
        s.c.expect("passport with " + what, 400, "POST", s.at, body)
    head, payload, signature = text.split(".")

    def header(**more):
        first = json.loads(base64.urlsafe_b64decode(head + "=="))
        return pki.b64url(json.dumps({**first, **more}).encode())
    for what, wrong in (
            ("a word", "x"), ("two parts", head + "." + payload),
            ("four parts", text + ".x"), ("no signature",
                                          "%s.%s." % (head, payload)),
            ("an empty header", "." + payload + "." + signature),
            ("a space before it", " " + text),
            ("a newline behind it", text + "\n"), ("padding", text + "=="),
            ("a spoiled payload", "%s.%s.%s" % (head, payload[:-4] + "AAAA",
                                                signature)),
            ("a spoiled signature", text[:-10] + "AAAAAAAAAA"),
            ("a signature that is cut", text[:-4]),
            ("alg changed in its header", "%s.%s.%s" % (
                header(alg="RS256"), payload, signature)),
            ("another's signature", "%s.%s.%s" % (head, payload, token(
                "sgx", held_of("sgx")).split(".")[2])),
            ("a kid of 10 KB", "%s.%s.%s" % (
                header(kid="a" * 10000), payload, signature)),
            ("a kid that is a path", "%s.%s.%s" % (
                header(kid="../../dev/null"), payload, signature)),
            ("bits behind the last byte", text[:-1] + chr(ord(
                text[-1]) ^ 1)),
            ("a token of another JSON form", json.dumps(
                {"payload": payload, "signature": signature}))):
        denies("a token that is %s" % what, s.passport(wrong))
    for name in sorted(faultlist.TOKEN):
        if name in ("alg-none", "hs256", "wrong-alg", "forged",
                    "bad-signature", "crit", "duplicate-member", "expired",
                    "nbf", "no-exp", "kid"):
            denies("a token with the flaw %s" % name, s.passport(
                token("sgx", held_of("sgx"), flaws={name: True})))
        elif name.startswith("extra-"):
            gives("%s in the header is not looked at" % name, s.passport(
                token("sgx", held_of("sgx"), flaws={name: True})), "sgx")
            denies("nor does %s help a forged token" % name, s.passport(
                token("sgx", held_of("sgx"), flaws={name: True,
                                                    "forged": True})))
    now = int(time.time())
    for what, change in (
            ("exp as text", {"top_exp": str(now + 100)}),
            ("exp as a fraction", {"top_exp": now + 100.5}),
            ("exp below zero", {"top_exp": -1}),
            ("exp just now", {"top_exp": now}),
            ("iat an hour ahead", {"top_iat": now + 3600}),
            ("ver 3.0.0", {"top_ver": "3.0.0"})):
        denies("a token with " + what, s.passport(token(
            "sgx", held_of("sgx"), **change)))
    gives("any issuer is taken where none is configured", s.passport(token(
        "sgx", held_of("sgx"), flaws={"issuer": True})), "sgx")
    bare = s.admin.must(201, "POST", "/keys", {
        "key_information": {"algorithm": "AES", "key_length": 256}})
    at = "/keys/%s/transfer" % bare["id"]
    denies("a key without a policy", s.c.post(at, {
        "attestation_token": text}), "no transfer policy")
    denies("a key without a policy, evidence", s.c.post(
        at, {"quote": "AAAA", "user_data": "AAAA"}, headers={
            "Attestation-Type": "TDX"}), "no transfer policy")
    equal("a key without a policy, first step", 401, s.c.post(at).status)


def passport_keys(s):
    """attester_held_data and attester_runtime_data."""
    s.under(policy("tdx", **measured("tdx")))
    held = held_of("tdx")
    n = rsa_key("3072").public_key().public_numbers()
    for v2 in (False, True):
        for what, change in (
                ("none", {"attester_held_data": None}),
                ("that is empty", {"attester_held_data": ""}),
                ("that is no base64", {"attester_held_data": "!"}),
                ("of 2048 bits", {"attester_held_data": b64(held_of(
                    "tdx", "2048"))}),
                ("with e = 1", {"attester_held_data": b64(
                    struct.pack("<I", 1) + held[4:])}),
                ("that is even", {"attester_held_data": b64(
                    held[:-1] + bytes([held[-1] & 0xfe]))}),
                ("of 16384 bits", {"attester_held_data": b64(
                    held[:4] + b"\x81" + bytes(2046) + b"\1")})):
            denies("v%d, a wrapping key %s" % (1 + v2, what), s.passport(
                token("tdx", held, v2, **change)))
        for form in (True, "base64"):
            gives("v%d, attester_runtime_data (%s)" % (1 + v2, form),
                  s.passport(token("tdx", held, v2,
                                   flaws={"runtime-jwk": form})), "tdx")
        small = held_of("tdx", "2048")
        denies("v%d, attester_runtime_data of 2048 bits" % (1 + v2),
               s.passport(token("tdx", small, v2,
                                flaws={"runtime-jwk": True})), "key")
        denies("v%d, attester_runtime_data without tee-pubkey" % (1 + v2),
               s.passport(token("tdx", held, v2, attester_held_data=None,
                                attester_runtime_data={"x": 1})), "key")
        gives("v%d, held data wins over runtime data" % (1 + v2), s.passport(
            token("tdx", held, v2, attester_runtime_data={
                "tee-pubkey": pki.held_data_jwk(held_of("tdx", STRANGER),
                                                "tdx")})), "tdx")
    check("e is 65537 in these", n.e == 65537)
    wrong = s.passport(token("tdx", held_data(
        rsa_key("3072").public_key(), "sgx")))
    check("n is big-endian for TDX", wrong.status != 200 or unwrap_error(
        rsa_key("3072"), wrong.json, KEY) is not None, wrong.status)


ATTRIBUTES = {
    # claim's attribute: good policies, bad ones
    "sgx": (
        ("mrenclave", lambda v: [v, [v[0].upper()], ["00" * 32] + v],
         lambda v: [["00" * 32], ["00" * 32, "11" * 32]]),
        ("mrsigner", lambda v: [v, [v[0].upper()]], lambda v: [["11" * 32]]),
        ("isvprodid", lambda v: [v, [0, v[0], 65535]],
         lambda v: [[0], [v[0] + 1, v[0] + 2]]),
        ("isvsvn", lambda v: [v, str(v)], lambda v: [v + 1, v - 1, 0]),
        ("isvsvn_minimum", lambda v: [2, 1], lambda v: [3, 65535])),
    "tdx": (
        ("mrtd", lambda v: [v, [v[0].upper()], ["00" * 48] + v],
         lambda v: [["00" * 48]]),
        ("mrseam", lambda v: [v, ["00" * 48] + v], lambda v: [["11" * 48]]),
        ("mrsignerseam", lambda v: [v], lambda v: [["11" * 48]]),
        ("seamsvn", lambda v: [v, str(v)], lambda v: [v + 1, v - 1, 0]),
        ("seamsvn_minimum", lambda v: [262, 261, 1], lambda v: [263, 65535]),
        ("rtmr0", lambda v: [v, v.upper()], lambda v: ["00" * 48]),
        ("rtmr1", lambda v: [v], lambda v: ["00" * 48]),
        ("rtmr2", lambda v: [v], lambda v: ["00" * 48]),
        ("rtmr3", lambda v: [v], lambda v: ["11" * 48]))}
OLD, NEW = "2024-01-01T00:00:00Z", "2030-01-01T00:00:00Z"
FMSPC = "00806f050000"


def additions(tee):
    """Attributes that all TEEs have: the policy's, the token's change, and
    the claim that fails, None where it holds."""
    status, date = "attester_tcb_status", "attester_tcb_date"
    ids = "attester_advisory_ids"
    for value, fails in (("OK", 0), ("UpToDate", 0), ("UPTODATE", 0),
                         ("uptodate", 0), ("OutOfDate", 1), ("", 1),
                         ("UpToDate ", 1), (None, 1), ("Revoked", 1)):
        yield {"enforce_tcb_upto_date": True}, {status: value}, \
            status if fails else None
    yield {"enforce_tcb_upto_date": False}, {status: "OutOfDate"}, None
    for listed, value, fails in (
            (["SWHardeningNeeded"], "SWHardeningNeeded", 0),
            (["swhardeningneeded"], "SWHardeningNeeded", 0),
            (["UpToDate"], "OK", 0), (["OK"], "UpToDate", 0),
            (["UpToDate", "OutOfDate"], "OutOfDate", 0),
            (["UpToDate"], "OutOfDate", 1), (["UpToDate"], None, 1)):
        yield {"tcb_statuses": listed}, {status: value}, \
            status if fails else None
    yield {"enforce_tcb_upto_date": True, "tcb_statuses": ["OutOfDate"]}, \
        {status: "OutOfDate"}, status
    for least, value, fails in ((OLD, None, 1), (NEW, "2026-01-14T00:00:00Z",
                                                 1), (OLD, NEW, 0),
                                ("2026-01-14T00:00:00Z",
                                 "2026-01-14T00:00:00Z", 0)):
        yield {"tcb_date_minimum": least}, {date: value}, \
            date if fails else None
    for allowed, value, fails in (
            (["INTEL-SA-1", "INTEL-SA-2"], ["INTEL-SA-2"], 0),
            (["intel-sa-1"], ["INTEL-SA-1"], 0), (["INTEL-SA-1"], [], 0),
            (["INTEL-SA-1"], ["INTEL-SA-1", "INTEL-SA-3"], 1)):
        yield {"advisories_allowed": allowed}, {ids: value}, \
            ids if fails else None
    fmspc = "%s_fmspc" % tee
    yield {"platforms": [FMSPC]}, {fmspc: FMSPC}, None
    yield {"platforms": [FMSPC.upper()]}, {fmspc: FMSPC}, None
    yield {"platforms": [FMSPC]}, {fmspc: "00" * 6}, "fmspc"
    yield {"platforms": [FMSPC]}, {}, "fmspc"
    yield {"deny": {"tcb_statuses": ["Revoked"]}}, {status: "UpToDate"}, None
    yield {"deny": {"tcb_statuses": ["uptodate"]}}, {status: "OK"}, \
        "tcb_statuses"
    yield {"deny": {"platforms": [FMSPC]}}, {fmspc: FMSPC}, "platforms"
    yield {"deny": {"platforms": [FMSPC]}}, {}, "platforms"
    yield {"deny": {"platforms": ["00" * 6]}}, {fmspc: FMSPC}, None


def passport_claims(s):
    for tee, table in ATTRIBUTES.items():
        held, have = held_of(tee), measured(tee)
        text = token(tee, held)
        for name, good, bad in table:
            value = have.get(name)
            claim = "%s_%s" % (tee, name.replace("_minimum", ""))
            for v in good(value):
                s.under(policy(tee, **{name: v}))
                gives("%s %s %.30s" % (tee, name, v), s.passport(text), tee)
            for v in bad(value):
                s.under(policy(tee, **{name: v}))
                denies("%s %s, but %.30s" % (tee, name, v), s.passport(text),
                       claim=claim)
            s.under(policy(tee, **{name: good(value)[0]}))
            denies("%s %s, and no such claim" % (tee, name), s.passport(
                token(tee, held, **{claim: None})), claim=claim)
            denies("%s %s, and a claim of another type" % (tee, name),
                   s.passport(token(tee, held, **{claim: {"x": 1}})))
        anchor = "mrenclave" if tee == "sgx" else "mrtd"
        for attributes, change, claim in additions(tee):
            s.under(policy(tee, **{anchor: have[anchor]}, **attributes))
            what = "%s %s for %s" % (tee, json.dumps(attributes),
                                     json.dumps(change))
            a = s.passport(token(tee, held, **change))
            if claim is None:
                gives(what, a, tee)
            else:
                denies(what, a, claim=claim)
        s.under(policy(tee, **{anchor: have[anchor]},
                       deny={anchor: have[anchor]}))
        denies("%s deny of the very measurement" % tee, s.passport(text),
               claim=anchor)
        svn = "isvsvn" if tee == "sgx" else "seamsvn"
        s.under(policy(tee, **{anchor: have[anchor]},
                       deny={svn: [have[svn]]}))
        denies("%s deny of a number" % tee, s.passport(text), claim=svn)
        s.under(policy(tee, **{anchor: have[anchor]}, deny={svn: [0]}))
        gives("%s deny of another number" % tee, s.passport(text), tee)
        other = "sgx" if tee == "tdx" else "tdx"
        denies("a token of %s under a policy of %s" % (other, tee),
               s.passport(token(other, held_of(other))),
               claim="attester_type")
        for attributes in ({}, {svn: have[svn]}):
            s.under(policy(tee, **{**have, **attributes}))
            gives("all attributes of %s at once" % tee, s.passport(text), tee)
        s.under(policy(tee, **{**have, anchor: ["00" * len(bytes.fromhex(
            have[anchor][0]))]}))
        denies("all but one of %s" % tee, s.passport(text))


def passport_nesting(s):
    s.under(policy("tdx", **measured("tdx")))
    held = held_of("tdx")
    good = measured("tdx")["mrtd"][0]
    denies("v2: flat claims are not looked at", s.passport(token(
        "tdx", held, tdx_mrtd=None, top_tdx_mrtd=good)), claim="tdx_mrtd")
    gives("v2: not even wrong ones", s.passport(token(
        "tdx", held, top_tdx_mrtd="00" * 48)), "tdx")
    denies("v2: nor a flat wrapping key", s.passport(token(
        "tdx", held, attester_held_data=None,
        top_attester_held_data=b64(held))), "key")
    denies("v2: two TEEs", s.passport(token("tdx", held, top_sgx={})))
    denies("v2: none", s.passport(token("tdx", held, top_tdx=None)))
    denies("v2: an attester_type that is not its place's", s.passport(token(
        "tdx", held, attester_type="SGX")))
    denies("v1: no attester_type", s.passport(token(
        "tdx", held, False, attester_type=None)))
    denies("v1: an unknown attester_type", s.passport(token(
        "tdx", held, False, attester_type="SEV")))
    denies("v1: nested claims are not looked at", s.passport(token(
        "tdx", held, False, tdx_mrtd=None, top_tdx={"tdx_mrtd": good})),
        claim="tdx_mrtd")
    denies("v2: the TEE's part is no object", s.passport(token(
        "tdx", held, top_tdx="x")))
    gives("v2: attester_user_data (Azure) may be there", s.passport(token(
        "tdx", held, attester_user_data="AAAA")), "tdx")
    gives("GPU claims may be there under a TDX policy", s.passport(token(
        "tdx", held, gpu=True)), "tdx")
    gives("claims that nobody knows may be there", s.passport(token(
        "tdx", held, top_unknown={"a": [1]})), "tdx")


def passport_ids(s):
    ids = ["1aa8e5a7-0f24-4a66-9f0a-2f3b9b5c1d11",
           "2aa8e5a7-0f24-4a66-9f0a-2f3b9b5c1d11"]
    held, have = held_of("tdx"), measured("tdx")
    s.under({"attestation_type": "TDX", "tdx": {"policy_ids": ids}})
    for v2 in (False, True):
        what = "v%d: " % (1 + v2)
        for match in (ids[:1], ids[1:], ids, [NOBODY, ids[0]],
                      [ids[0].upper()]):
            gives(what + "matched ids %s" % len(match), s.passport(token(
                "tdx", held, v2, ids=match)), "tdx")
        denies(what + "another id", s.passport(token(
            "tdx", held, v2, ids=[NOBODY])), claim="policy_ids_matched")
        denies(what + "no ids", s.passport(token("tdx", held, v2)),
               claim="policy_ids_matched")
        denies(what + "unmatched ids", s.passport(token(
            "tdx", held, v2, ids=ids, flaws={"unmatched": True})),
            claim="policy_ids_matched")
        for form in ("x", [1], ids, {"id": ids[0]}):
            denies(what + "policy_ids_matched %.20s" % form, s.passport(
                token("tdx", held, v2, top_policy_ids_matched=form)))
    s.under({"attestation_type": "TDX", "tdx": {
        "policy_ids": ids, "attributes": {"mrtd": have["mrtd"]}}})
    gives("ids and attributes, both match", s.passport(token(
        "tdx", held, ids=ids)), "tdx")
    denies("ids match, attributes do not", s.passport(token(
        "tdx", held, ids=ids, tdx_mrtd="00" * 48)), claim="tdx_mrtd")
    denies("attributes match, ids do not", s.passport(token("tdx", held)),
           claim="policy_ids_matched")
    gives("background: the service is asked with the ids", s.evidence("tdx"),
          "tdx")


def passport_debug(s):
    for tee in ("sgx", "tdx"):
        held, flag = held_of(tee), "%s_is_debuggable" % tee
        for allowed in (False, True):
            s.under(policy(tee, **measured(tee), **(
                {"allow_debug": True} if allowed else {})))
            for v2 in (False, True):
                for stat, value, debug in (
                        ("disabled", False, 0), ("enabled", True, 1),
                        ("enabled", False, 1), ("disabled", True, 1),
                        (None, None, 1), (None, False, 0), (None, True, 1),
                        ("disabled", None, 0), ("enabled", None, 1),
                        ("disabled-since-boot", None, 1)):
                    what = "v%d %s, allow_debug %s, dbgstat %s, flag %s" % (
                        1 + v2, tee, allowed, stat, value)
                    change = {"dbgstat": stat, flag: value}
                    a = s.passport(token(tee, held, v2, **change))
                    if debug and not allowed:
                        denies(what, a, claim=flag)
                    else:
                        gives(what, a, tee)


# --- composite ----------------------------------------------------------------

GPU = {"gpu_nonce": "AA==", "arch": "HOPPER", "evidence_list": [
    {"evidence": "AA==", "certificate": "AA=="}]}
MODEL = "GH100 A01 GSP BROM"
ALL = {"enforce_overall_attestation_result": True,
       "require_secure_boot": True, "hwmodel": [MODEL]}


def composite():
    s = Subject(admin())
    held = held_of("tdx")
    both = "TDX,NVGPU"

    def under(nvgpu):
        s.under({"attestation_type": ["TDX", "NVGPU"],
                 "tdx": {"attributes": {"mrtd": measured("tdx")["mrtd"]}},
                 "nvgpu": nvgpu})
    under({"attributes": ALL})
    a = s.c.expect("composite, first step", 200, "POST", s.at)
    equal("its types, joined by a comma", both,
          a.headers.get("Attestation-Type"))
    for header in ("TDX", both):
        gives("second step with header " + header, s.evidence(
            "tdx", header=header, body={"nvgpu": GPU}), "tdx", both)
    denies("second step with header SGX", s.evidence(
        "tdx", header="SGX", body={"nvgpu": GPU}), "Attestation-Type")
    denies("second step without evidence of a GPU", s.evidence("tdx"), "GPU")
    for value in ("x", [], 1):
        equal("nvgpu %s: 400" % json.dumps(value), 400, s.evidence(
            "tdx", body={"nvgpu": value}).status)
    for name, claim in (("gpu-fail", "x-nvidia-overall-att-result"),
                        ("gpu-insecure", "secboot"),
                        ("gpu-absent", "x-nvidia-overall-att-result")):
        fault(**{name: True})
        denies("background with " + name, s.evidence(
            "tdx", body={"nvgpu": GPU}), claim)
        fault()
        denies("passport with " + name, s.passport(token(
            "tdx", held, gpu=True, flaws={name: True})), claim)
    gives("passport with GPU claims", s.passport(token(
        "tdx", held, gpu=True)), "tdx", both)
    denies("passport without them", s.passport(token("tdx", held)),
           "x-nvidia-overall-att-result")
    denies("a v1 token never satisfies it", s.passport(token(
        "tdx", held, False, gpu=True)), "x-nvidia-overall-att-result")
    denies("the TD must satisfy it too", s.passport(token(
        "tdx", held, gpu=True, tdx_mrtd="00" * 48)), claim="tdx_mrtd")
    composite_claims(s, under, held, both)


def composite_claims(s, under, held, both):
    result = "nvgpu.x-nvidia-overall-att-result"
    details = "nvgpu.claim_details"
    good = {"hwmodel": MODEL, "secboot": True, "dbgstat": "disabled",
            "measres": "success"}
    secure = {"attributes": {"require_secure_boot": True}}
    model = {"attributes": {"hwmodel": ["other", MODEL]}}
    for what, nvgpu, change, holds in (
            ("an empty nvgpu", {}, {}, 1),
            ("an empty nvgpu and a false result", {}, {result: False}, 1),
            ("an empty nvgpu and no result", {}, {result: None}, 0),
            ("an empty nvgpu and a result that is text", {},
             {result: "true"}, 0),
            ("an empty nvgpu and no details", {}, {details: None}, 1),
            ("enforced, a false result", {"attributes": {
                "enforce_overall_attestation_result": True}},
             {result: False}, 0),
            ("not enforced, a false result", {"attributes": {
                "enforce_overall_attestation_result": False}},
             {result: False}, 1),
            ("secure boot of all", secure, {}, 1),
            ("secure boot of all but one", secure,
             {details: {"A": good, "B": {**good, "secboot": False}}}, 0),
            ("secure boot that is text", secure,
             {details: {"A": {**good, "secboot": "true"}}}, 0),
            ("secure boot of none", secure, {details: {}}, 0),
            ("secure boot and no details", secure, {details: None}, 0),
            ("a listed model", model, {}, 1),
            ("a model that is not listed", model,
             {details: {"A": {**good, "hwmodel": "GH200"}}}, 0),
            ("one of two models", model,
             {details: {"A": good, "B": {**good, "hwmodel": "GH200"}}}, 0),
            ("a model in another case", model,
             {details: {"A": {**good, "hwmodel": MODEL.lower()}}}, 0),
            ("no model", model, {details: {"A": {"secboot": True}}}, 0),
            ("models of none", model, {details: {}}, 0)):
        under(nvgpu)
        a = s.passport(token("tdx", held, gpu=True, **change))
        if holds:
            gives(what, a, "tdx", both)
        else:
            denies(what, a, "nvgpu")
    under({"policy_ids": [NOBODY]})
    gives("policy_ids of nvgpu, matched", s.passport(token(
        "tdx", held, gpu=True, ids=[NOBODY])), "tdx", both)
    denies("policy_ids of nvgpu, not matched", s.passport(token(
        "tdx", held, gpu=True)), claim="policy_ids_matched")


# --- what the log and the marks say -------------------------------------------

def records():
    c = admin()
    s = Subject(c).under(policy("tdx", **measured("tdx")))
    held = held_of("tdx")
    a = s.passport(token("tdx", held), {"X-Request-Id": "my-own"})
    gives("a transfer", a, "tdx")
    check("a client's X-Request-Id is not ours", a.request != "my-own")
    lines = audit(a.request, 2)
    equal("a transfer has a decision and an outcome",
          [("decision", "release"), ("outcome", "released")],
          [(x["event"], x["verdict"]) for x in lines])
    line = lines[0]
    for name, want in (
            ("operation", "transfer"), ("key", s.key["id"]),
            ("client", "127.0.0.1"), ("tee", "TDX"),
            ("policy", c.get("/keys/" + s.key["id"]).json[
                "transfer_policy_id"])):
        check("its line has %s" % name, str(want) in str(line.get(name)),
              line)
    check("and digests of evidence, key and policy", all(
        re.fullmatch("[0-9a-f]{64}", line.get(k, "")) for k in (
            "evidence", "wrapping_key", "policy_digest")), line)
    text = token("tdx", held, tdx_mrtd="00" * 48)
    a = s.passport(text)
    denies("a denial", a, claim="tdx_mrtd")
    equal("the evidence digest is that of the token",
          hashlib.sha256(text.encode()).hexdigest(),
          audit(a.request)[0].get("evidence"))
    for what, method, path, body, verdict in (
            ("a policy", "POST", "/key-transfer-policies",
             policy("tdx", mrtd=["00" * 48]), "grant"),
            ("a key", "POST", "/keys", {"key_information": {
                "algorithm": "AES", "key_length": 128}}, "grant")):
        a = c.call(method, path, body)
        lines = audit(a.request)
        check("%s is made: a line that names admin and the id" % what,
              lines and lines[0]["verdict"] == verdict and
              "admin" in lines[0]["who"] and
              a.json["id"] in (lines[0].get("object"), lines[0].get("key")),
              lines)
    nobody = Client()
    a = nobody.get("/keys?algorithm=AES", token="a.b.c")
    check("a bad bearer token: a line",
          [x["verdict"] for x in audit(a.request)] == ["deny"],
          audit(a.request))
    secrets = [b64(KEY), KEY.hex(), text, admin_password(), c.token, b64(held)]
    log = b"\n".join(audit_lines()).decode()
    check("no key, token, body or password is in the audit log",
          not any(x in log for x in secrets))
    with open(os.path.join(STATE, "..", "log")) as f:
        log = f.read()
    check("nor in the log", not any(x in log for x in secrets))
    attested(c)


def attested(c):
    """attested_only: no grant is enough."""
    s = Subject(c)
    pid = s.new(policy("tdx", mrtd=measured("tdx")["mrtd"]))
    key = c.must(201, "POST", "/keys", {
        "key_information": {"algorithm": "AES", "key_length": 256,
                            "key_data": b64(KEY), "attested_only": True},
        "transfer_policy_id": pid})
    s.at = "/keys/%s/transfer" % key["id"]
    gives("attested only: by evidence", s.evidence("tdx"), "tdx")
    gives("attested only: by a token", s.passport(token(
        "tdx", held_of("tdx"))), "tdx")
    a = c.expect("attested only: not by an administrator", 401, "POST",
                 "/keys/" + key["id"], pki.spki_pem(rsa_key("3072")),
                 {"Content-Type": "application/x-pem-file"})
    equal("and the refusal is recorded", "failed",
          audit(a.request, 2)[-1]["verdict"])
    code, out, err = ctl("key", "move", key["id"],
                         s.new(policy("tdx", mrtd=["00" * 48])))
    equal("attested only: kbsctl moves it under no other policy", 1, code)
    gives("and it is still there", s.passport(token(
        "tdx", held_of("tdx"))), "tdx")


def options():
    """require nonce, an issuer, api version 1."""
    s = Subject(admin()).under(policy("tdx", **measured("tdx")))
    denies("require nonce: evidence without one", s.evidence(
        "tdx", nonce=None), "nonce")
    gives("require nonce: evidence with one", s.evidence("tdx"), "tdx")
    stats(reset=True)
    held = held_of("tdx")
    gives("a token of the issuer", s.passport(token("tdx", held)), "tdx")
    denies("a token of another issuer", s.passport(token(
        "tdx", held, flaws={"issuer": True})), "issuer")
    denies("a token of no issuer", s.passport(token(
        "tdx", held, top_iss=None)), "issuer")
    with open(os.path.join(ITA, "log")) as f:
        log = f.read()
    check("api version 1: the v1 paths are asked",
          "/appraisal/v1/attest" in log and "/appraisal/v1/nonce" in log and
          "/appraisal/v2" not in log, log[-300:])
    s.under({"attestation_type": ["TDX", "NVGPU"],
             "tdx": {"attributes": {"mrtd": measured("tdx")["mrtd"]}},
             "nvgpu": {}})
    a = s.evidence("tdx", nonce=None, body={"nvgpu": GPU})
    check("api version 1 appraises no composite evidence",
          a.status in (401, 502), a.status)


GROUPS = {"background": background, "passport": passport,
          "composite": composite, "records": records, "options": options}

if __name__ == "__main__":
    GROUPS[sys.argv[1]]()
    equal("the audit log is one chain", None, audit_chain())
    finish()

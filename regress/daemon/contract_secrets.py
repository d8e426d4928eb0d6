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

"""Who holds which secret, after all of them were used.

A secret is looked for in pieces of 16 bytes, since what is given back may
have lost its beginning; as bytes, backwards (that is how a number lies in
memory), and in the texts that carried it.
"""

import sys

sys.dont_write_bytecode = True

import binascii
import hmac
import os
import re
import time

from contract import *

from cryptography.hazmat.primitives.asymmetric import ec

PIECE = 16
TRANSFERS = int(os.environ.get("KBSD_TRANSFERS", "1000"))
SWKS = 200                      # of the last, are looked for

ENV = os.environ
PARENT = int(ENV["KBSD_PID"])
KEYSTORE = ENV.get("KBSD_KEYSTORE", "local")
# s, for what is still being given up.  kms closes a connection to a KMIP
# server, and its buffers with it, when it was idle for 2 s.
IDLE = 15 if KEYSTORE == "kmip" else 5


# --- pieces ----------------------------------------------------------------

def pieces(data, least=0.0):
    """Some, from the part behind `least'; the last byte is in one of them."""
    if len(data) < PIECE:
        return [data]
    begin = int(len(data) * least)
    step = max(1, (len(data) - begin - PIECE) // 6)
    found = [data[i:i + PIECE] for i in
             range(begin, len(data) - PIECE + 1, step)]
    return found + [data[-PIECE:]]


def forms(secret):
    """Of a secret that is bytes all through."""
    out = pieces(secret) + pieces(secret[::-1])
    out += pieces(binascii.hexlify(secret))
    out += pieces(base64.b64encode(secret).rstrip(b"="))
    return out


def number(n):
    return n.to_bytes((n.bit_length() + 7) // 8, "big")


def private_forms(key):
    """Numbers, and the text of PKCS#8, whose first third is public."""
    n = key.private_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = (n.d, n.p, n.q, n.dmp1, n.dmq1, n.iqmp)
        least = 0.35
    else:
        numbers, least = (n.private_value,), None
    out = []
    for v in numbers:
        out += pieces(number(v)) + pieces(number(v)[::-1])
    if least is not None:
        text = b"".join(pem_of(key).splitlines()[1:-1])
        out += pieces(text, least)
        out += pieces(base64.b64encode(pem_of(key))[:-64], least)
    return out


def pem_of(key):
    return key.private_bytes(serialization.Encoding.PEM,
                             serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def file_of(name):
    with open(os.path.join(STATE, "keys", name), "rb") as f:
        return f.read()


def pem_file(name):
    return private_forms(serialization.load_pem_private_key(file_of(name),
                                                            None))


# --- memory ----------------------------------------------------------------

PAGE = 4096
ZEROS = bytes(PAGE)
MAP = re.compile(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)")


def touched(data):
    """Without the pages of zeros, in which nothing need be looked for."""
    return b"".join(data[i:i + PAGE] for i in range(0, len(data), PAGE)
                    if data[i:i + PAGE] != ZEROS)


def memory(pid):
    """What it may have written, and everything anonymous."""
    out = []
    with open("/proc/%d/mem" % pid, "rb") as mem:
        for line in open("/proc/%d/maps" % pid):
            low, high, mode, path = MAP.match(line).groups()
            if mode[0] != "r" or path.startswith(("[v",)) or \
                    (path.startswith("/") and mode[1] != "w"):
                continue
            mem.seek(int(low, 16))
            out.append(touched(mem.read(int(high, 16) - int(low, 16))))
    return b"\0".join(out)


def processes():
    status, text, err = ctl("-j", "show", "processes")
    if status != 0:
        check("show processes", False, err)
        finish()
    rows = [(row["process"], int(row["pid"])) for row in json.loads(text)]
    return rows + [("parent", PARENT)]


def holders(secrets, rows):
    """{secret: {process}}"""
    found = {name: set() for name in secrets}
    for process, pid in rows:
        text = memory(pid)
        for name, parts in secrets.items():
            if any(part in text for part in parts):
                found[name].add(process)
    return found


# --- using all of them -------------------------------------------------------

def swk_of(private, body):
    return private.decrypt(base64.b64decode(body["wrapped_swk"]),
                           padding.OAEP(padding.MGF1(hashes.SHA256()),
                                        hashes.SHA256(), None))


def register(c, policy_id, info, data):
    return c.must(201, "POST", "/keys", {
        "key_information": dict(info, key_data=b64(data)),
        "transfer_policy_id": policy_id})["id"]


def transfers(ids, private, held):
    c, swks = Client(), []
    text = token("tdx", held)
    for i in range(TRANSFERS):
        a = c.post("/keys/%s/transfer" % ids[i % len(ids)],
                   {"attestation_token": text})
        if a.status != 200:
            check("transfer %d" % i, False, (a.status, a.body))
            finish()
        if i >= TRANSFERS - SWKS:
            swks.append(swk_of(private, a.json))
    c.close()
    return swks


def logins(names, n):
    """Each on a connection of its own, and one that is wrong."""
    for name, password in names * n:
        c = Client()
        a = c.login(name, password)
        if a.status != 200:
            check("login of %s" % name, False, (a.status, a.body))
            finish()
        c.close()
    c = Client()
    equal("a wrong password: 401", 401,
          c.login(names[-1][0], WRONG_PASSWORD).status)
    c.close()


USER_PASSWORD = "Zwoelf Boxkaempfer jagen Viktor"
WRONG_PASSWORD = "quer ueber den grossen Sylter Deich"


def use(name):
    """What was used, by name: its pieces.  There is no user of this name."""
    c = admin()
    where = c.must(201, "POST", "/key-transfer-policies",
                   policy("tdx", mrtd=measured("tdx")["mrtd"]))["id"]
    aes = hashlib.sha256(b"a known key").digest()
    rsa_private, ec_private = rsa_key("3072.1"), ec.derive_private_key(
        int.from_bytes(hashlib.sha256(b"a known number").digest(), "big"),
        ec.SECP256R1())
    ids = [
        register(c, where, {"algorithm": "AES", "key_length": 256}, aes),
        register(c, where, {"algorithm": "RSA", "key_length": 3072},
                 pem_of(rsa_private)),
        register(c, where, {"algorithm": "EC", "curve_type": "secp256r1"},
                 pem_of(ec_private))]
    made = c.must(201, "POST", "/keys", {
        "key_information": {"algorithm": "AES", "key_length": 256},
        "transfer_policy_id": where})["id"]
    c.must(201, "POST", "/users", {
        "username": name, "password": USER_PASSWORD,
        "permissions": ["keys:transfer", "keys:search"]})
    workload = rsa_key("3072.2")
    held = held_data(workload.public_key(), "tdx")
    swks = transfers(ids, workload, held)
    a = Client().post("/keys/%s/transfer" % made,
                      {"attestation_token": token("tdx", held)})
    equal("a key that was made: 200", 200, a.status)
    made_key = unwrap(workload, a.json)
    for i in ids:
        a = c.call("POST", "/keys/" + i, workload.public_key().public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo),
            {"Content-Type": "application/x-pem-file"})
        equal("released by an administrator: 200", 200, a.status)
    logins([("admin", admin_password()), (name, USER_PASSWORD)], 3)
    c.close()
    secrets = {
        "an AES key": forms(aes),
        "an AES key that was made": forms(made_key),
        "an RSA key": private_forms(rsa_private),
        "an EC key": private_forms(ec_private),
        "a password that is right": forms(USER_PASSWORD.encode()),
        "a password that is wrong": forms(WRONG_PASSWORD.encode()),
    }
    secrets["an SWK"] = [piece for swk in swks for piece in
                         (swk[:PIECE], swk[PIECE:], swk[::-1][:PIECE])]
    return secrets


# --- who may -----------------------------------------------------------------

# (secret, its pieces, who must hold it, who may).  The seal keys are used for
# what is derived of them.
def kept():
    with open(os.path.join(ITA, "api.key"), "rb") as f:
        api_key = f.read().strip()
    keystore = {}
    if KEYSTORE == "local":
        keystore["the master key"] = (
            forms(file_of("kms-local.master.key")), set(), {"kms"})
    else:
        with open(ENV["KBSD_CREDENTIAL"], "rb") as f:
            keystore["the keystore's credential"] = (
                forms(f.read().strip()), {"kms"}, set())
    if "KBSD_CLIENT_KEY" in ENV:
        with open(ENV["KBSD_CLIENT_KEY"], "rb") as f:
            text = f.read()
        # Between connections it is there as the text that it came as.
        body = text.partition(b"-----\n")[2].partition(b"-----END")[0]
        keystore["the client's key"] = (private_forms(
            serialization.load_pem_private_key(text, None)) +
            pieces(body, 0.3), {"kms"}, set())
    return {
        **keystore,
        "the TLS key": (pem_file("tls.key"), {"signer"}, set()),
        "the token key": (pem_file("token.key"), {"auth"}, set()),
        "the seal key": (forms(file_of("seal.key")), set(), {"auth"}),
        "the seal key of kms":
            (forms(file_of("kms-%s.seal.key" % KEYSTORE)), set(), {"kms"}),
        "the file of the nonce key":
            (forms(file_of("nonce.key")), set(), set()),
        "the nonce key": (forms(hmac.digest(
            file_of("nonce.key"), b"kbsd verifier nonce 1\1", "sha256")),
            {"verifier"}, set()),
        "the API key": (forms(api_key), {"fetcher"}, set()),
        "the administrator's password":
            (forms(admin_password().encode()), set(), set()),
    }


def compare(when, secrets):
    """Nobody holds what was used; what is kept, its owners."""
    rows = processes()
    owned = kept()
    found = holders({**secrets, **{n: o[0] for n, o in owned.items()}}, rows)
    for name in secrets:
        equal("%s: %s is held by nobody" % (when, name), set(), found[name])
    for name, (_, must, may) in owned.items():
        check("%s: %s is held by %s" % (when, name, ", ".join(sorted(
            must | may)) or "nobody"),
            must <= found[name] <= must | may, found[name])


def elsewhere(secrets):
    """Logs, arguments, environment, core files."""
    every = {**secrets, **{n: o[0] for n, o in kept().items()}}
    texts = {"the log": ENV["KBSD_LOG"],
             "the audit log": os.path.join(STATE, "audit.log")}
    for process, pid in processes():
        for what in ("cmdline", "environ"):
            texts["%s of %s %d" % (what, process, pid)] = "/proc/%d/%s" % (
                pid, what)
    for where, path in texts.items():
        with open(path, "rb") as f:
            text = f.read()
        for name, parts in every.items():
            if any(part in text for part in parts):
                check("%s is not in %s" % (name, where), False)
    check("no log, argument or environment holds a secret", True)
    cores = [name for _, _, names in os.walk(STATE) for name in names
             if name.startswith("core")]
    equal("no core files", [], cores)


def settled(before):
    """The set of before is gone."""
    end = time.time() + 60
    while time.time() < end:
        if not any(os.path.exists("/proc/%d" % pid) for _, pid in before
                   if pid != PARENT):
            return
        time.sleep(0.2)
    check("the old processes end", False)


def memories():
    secrets = use("viktor")
    time.sleep(IDLE)
    compare("idle", secrets)
    before = processes()
    status, _, err = ctl("reload")
    equal("a reload", (0, ""), (status, err))
    settled(before)
    compare("after a reload", secrets)
    again = use("boxkaempfer")
    time.sleep(IDLE)
    compare("used again", again)
    elsewhere({**secrets, **again})


GROUPS = {"memories": memories}

if __name__ == "__main__":
    GROUPS[sys.argv[1]]()
    finish()

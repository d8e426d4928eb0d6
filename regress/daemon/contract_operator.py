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

"""What kbsctl tells an operator of a running daemon: tests of policies, and
what lets too much through."""

import os
import subprocess
import sys
import tempfile
import threading
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import crypt

from contract import *
from contract_transfer import KEY, STRANGER, Subject, denies, gives, held_of

POLICY = {"mrtd": ["11" * 48], "rtmr1": "22" * 48}


def file_with(data):
    path = os.path.join(os.getcwd(), "evidence")
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def test(about, data):
    """Exit code, {claim: (wanted, got, result)}, and what was complained."""
    code, out, err = ctl("-j", "policy", "test", about, file_with(data))
    rows = json.loads(out) if out.startswith("[") else []
    return code, {r["claim"]: (r["wanted"], r["got"], r["result"])
                  for r in rows}, err


def would(what, about, data, **results):
    """The verdict is good just when no check failed."""
    good = "failed" not in results.values()
    code, rows, err = test(about, data)
    equal("test, %s: kbsctl exits with %d" % (what, not good),
          int(not good), code)
    equal("test, %s: the verdict" % what, "ok" if good else "failed",
          rows.get("verdict", (0, 0, err))[2])
    for claim, result in results.items():
        equal("test, %s: %s" % (what, claim), result,
              rows.get(claim, (0, 0, "absent"))[2])
    return rows


def tokens(s):
    held, m = held_of("tdx"), measured("tdx")
    s.under(policy("tdx", **m))
    for about, name in ((s.key["id"], "a key"), (s.policy, "a policy")):
        rows = would("a good token for " + name, about,
                     token("tdx", held), signature="ok", tdx_mrtd="ok",
                     tdx_rtmr0="ok", tdx_seamsvn="ok")
    equal("test: what was wanted and what came", (m["mrtd"][0],) * 2,
          rows["tdx_mrtd"][:2])
    would("with a newline behind it", s.policy, token("tdx", held) + "\n")
    rows = would("a token with two wrong claims", s.policy,
                 token("tdx", held, tdx_mrtd="33" * 48, tdx_rtmr3="44" * 48),
                 tdx_mrtd="failed", tdx_rtmr3="failed", tdx_rtmr0="ok",
                 tdx_seamsvn="ok", tdx_is_debuggable="ok")
    equal("test: got of the second", "44" * 48, rows["tdx_rtmr3"][1])
    would("a debuggable TD", s.policy, token("tdx", held, dbgstat="enabled"),
          tdx_is_debuggable="failed", tdx_mrtd="ok")
    rows = would("a token that has expired", s.policy,
                 token("tdx", held, lifetime=-10), exp="failed",
                 tdx_mrtd="ok")
    equal("test: why", "the token has expired", rows["verdict"][1])
    would("a token of the other TEE", s.policy, token("sgx", held_of("sgx")),
          attester_type="failed")
    rows = would("a token with a wrong signature", s.policy,
                 token("tdx", held)[:-8] + "AAAAAAAA", verdict="failed")
    equal("test: no claim of it is believed", {"verdict"}, set(rows))
    rows = would("a key that wraps nothing", s.policy, token(
        "tdx", b"\3\0\0\0" + held[4:]), tdx_mrtd="ok",
        **{"wrapping key": "failed"})


def quotes_alone(s):
    s.under(policy("tdx", **measured("tdx")))
    raw = quote("tdx", b"\0" * 64)
    rows = would("a quote alone", s.policy, raw, signature="ok", quote="ok",
                 tdx_mrtd="ok", **{"wrapping key": "not checked",
                                   "nonce and user data": "not checked"})
    check("test: which says what it lacks", "user data" in
          rows["wrapping key"][1], rows)
    would("a quote of the other TEE", s.policy, quote("sgx", b"\0" * 64),
          verdict="failed")
    would("a quote cut short", s.policy, raw[:200], verdict="failed")


def bodies(s):
    """The nonce of a body that was tested is still good."""
    held, nonce = held_of("tdx"), s.nonce()
    body = {"quote": b64(quote("tdx", report_data("tdx", held, nonce))),
            "user_data": b64(held), "nonce": nonce}
    would("the body of a transfer", s.key["id"], json.dumps(body),
          quote="ok", tdx_mrtd="ok",
          **{"wrapping key": "ok", "nonce and user data": "ok"})
    a = s.c.post(s.at, body, headers={"Attestation-Type": "TDX"})
    equal("the nonce was not spent by it", 200, a.status)
    rows = would("with the user data of another", s.key["id"], json.dumps(
        {**body, "user_data": b64(held_of("tdx", "3072.2"))}),
        verdict="failed")
    check("test: which is told", "report data" in rows["verdict"][1], rows)
    would("a body with a token", s.key["id"], json.dumps(
        {"attestation_token": token("tdx", held)}), tdx_mrtd="ok")


def refusals(s):
    nobody = "11111111-1111-4111-8111-111111111111"
    for what, about, data, want in (
            ("an unknown id", nobody, "a.b.c", "no such policy or key"),
            ("no id", "x", "a.b.c", "version 4 UUID"),
            ("an empty file", s.policy, "", "empty"),
            ("a body that is none", s.policy, "{", "evidence"),
            ("an unknown member", s.policy, '{"x":1}', '"x"'),
            ("a body without evidence", s.policy, '{"nonce":null}', "nonce"),
            ("too much", s.policy, b"\4" * 200000, "more than")):
        code, out, err = ctl("policy", "test", about, file_with(data))
        check("test, %s: refused" % what, code in (1, 2) and out == "",
              (code, out))
        check("test, %s: why" % what, want in err, err)
    bare = s.admin.must(201, "POST", "/keys", {
        "key_information": {"algorithm": "AES", "key_length": 256}})
    code, out, err = ctl("policy", "test", bare["id"], file_with("a.b.c"))
    check("test, a key without a policy", code == 1 and "no policy" in err,
          err)


def decisions():
    return sum(b'"event":"decision"' in line for line in audit_lines())


def settled():
    """Decisions in the audit log, when none is on its way any more.  Those of
    what was granted are there before the answer; outcomes may come ages after.
    """
    n = -1
    while n != decisions():
        n = decisions()
        time.sleep(0.3)
    return n


def tests():
    s = Subject(admin())
    under = s.under

    def noted(body):
        under(body)
        s.policy = s.admin.must(200, "GET", "/keys/" +
                                s.key["id"])["transfer_policy_id"]
        return s
    s.under = noted
    before = len(audit_lines())
    s.under(policy("tdx", **measured("tdx")))
    made = len(audit_lines())
    check("changes are recorded", made > before, made)
    tokens(s)
    quotes_alone(s)
    s.under(policy("tdx", **measured("tdx")))
    n = settled()
    would("once more", s.policy, token("tdx", held_of("tdx")), tdx_mrtd="ok")
    equal("a test is no decision: no audit line", n, settled())
    bodies(s)
    refusals(s)
    code, out, err = ctl("policy", "test", s.policy,
                         file_with(token("tdx", held_of("tdx"))))
    check("the table for people", code == 0 and out.startswith("CLAIM") and
          "verdict" in out.splitlines()[-1], out)


# --- what lets too much through ----------------------------------------------

def findings(*words):
    code, out, err = ctl("-j", "policy", "lint", *words)
    rows = json.loads(out) if out.startswith("[") else err
    return code, rows


def lint():
    m, n = measured("tdx"), measured("sgx")
    tcb = {"enforce_tcb_upto_date": True}
    snp = {"bootloader_svn_minimum": 4, "tee_svn_minimum": 0,
           "snp_svn_minimum": 24, "microcode_svn_minimum": 219}
    uuid = "ee37c360-7eae-4250-a677-6ee12adce8e2"
    for what, body, want in (
            ("a whole TD", policy("tdx", **m, **tcb), None),
            ("mrenclave", policy("sgx", mrenclave=n["mrenclave"], **tcb),
             None),
            ("ids of the service's policies",
             {"attestation_type": "TDX", "tdx": {
                 "policy_ids": [uuid], "attributes": tcb}}, None),
            ("the vendor's module alone", policy(
                "tdx", mrsignerseam=m["mrsignerseam"],
                mrseam=m["mrseam"], seamsvn=m["seamsvn"], **tcb), "any TD"),
            ("the firmware alone", policy("tdx", mrtd=m["mrtd"], **tcb),
             "any kernel"),
            ("no firmware", policy("tdx", rtmr1=m["rtmr1"],
                                   rtmr2=m["rtmr2"], **tcb), "without mrtd"),
            ("a signer", policy("sgx", mrsigner=n["mrsigner"],
                                isvsvn_minimum=1, **tcb), "of that signer"),
            ("a signer's old versions", policy(
                "sgx", mrsigner=n["mrsigner"], isvprodid=[1], **tcb),
             "old versions"),
            ("numbers alone", policy("sgx", isvprodid=[1], **tcb),
             "any enclave satisfies"),
            ("allow_debug", policy("tdx", **m, **tcb, allow_debug=True),
             "debuggable"),
            ("any TCB", policy("tdx", **m), "known weaknesses"),
            ("a whole guest", policy("snp", measurement=["cd" * 48], **snp),
             None),
            ("host data alone", policy("snp", host_data=["cd" * 32], **snp),
             "any SEV-SNP guest"),
            ("an ID key", policy("snp", id_key_digest=["cd" * 48], **snp),
             "ID block"),
            ("an author's old versions", policy(
                "snp", author_key_digest=["cd" * 48], **snp),
             "old versions of the guest"),
            ("a part of the TCB", policy(
                "snp", measurement=["cd" * 48], snp_svn_minimum=1),
             "microcode_svn_minimum")):
        code, rows = findings(file_with(json.dumps(body)))
        equal("lint, %s: exits with %d" % (what, want is not None),
              int(want is not None), code)
        check("lint, %s: what it finds" % what, (rows == []) if want is None
              else any(want in r["text"] for r in rows), rows)
    code, rows = findings(file_with('{"attestation_type":"TDX"}'))
    check("lint, no policy: refused", code == 1 and "tdx" in rows, rows)


def exposures():
    s = admin()
    c, m = Client(), measured("tdx")
    good = s.must(201, "POST", "/key-transfer-policies", policy(
        "tdx", **m, enforce_tcb_upto_date=True))["id"]
    open_ = s.must(201, "POST", "/key-transfer-policies", policy(
        "tdx", mrseam=m["mrseam"]))["id"]
    keys = {}
    for name, pid, only in (("closed", good, True), ("given", good, False),
                            ("open", open_, True), ("both", open_, False)):
        keys[name] = s.must(201, "POST", "/keys", {
            "key_information": {"algorithm": "AES", "key_length": 128,
                                "attested_only": only},
            "transfer_policy_id": pid})["id"]
    s.must(201, "POST", "/users", {
        "username": "taker", "password": "password of it",
        "permissions": ["keys:transfer"]})
    s.must(201, "POST", "/users", {
        "username": "looker", "password": "password of it",
        "permissions": ["keys:search", "users:search"]})
    code, out, err = ctl("-j", "show", "exposures")
    said = json.loads(out)
    ways = {k["id"]: k["leaves"] for k in said["keys"]}
    equal("exposures: a key that is attested only is none", None,
          ways.get(keys["closed"]))
    equal("exposures: one that is not", "to administrators",
          ways.get(keys["given"]))
    equal("exposures: attested only, by an open policy",
          "by an open policy", ways.get(keys["open"]))
    equal("exposures: both", "to administrators, by an open policy",
          ways.get(keys["both"]))
    who = {(u["username"], u["permission"]) for u in said["users"]}
    check("exposures: who takes keys", ("taker", "keys:transfer") in who, who)
    check("exposures: who only looks is not named",
          not any(u == "looker" for u, _ in who), who)
    check("exposures: the administrator may all",
          {("admin", p) for p in ("keys:transfer", "users:create",
                                  "users:update", "keys:update")} <= who,
          who)
    code, rows = findings()
    check("lint of all that kbsd has finds the open one", code == 1 and
          {r["policy"] for r in rows if r["finding"] == "open"} == {open_},
          rows)
    code, rows = findings(good)
    equal("lint of a stored policy", (0, []), (code, rows))
    code, out, err = ctl("show", "exposures")
    check("exposures for people", code == 0 and keys["open"] in out and
          "taker" in out, out)
    c.close()


# --- from the reference server -----------------------------------------------

ALICE = "26e9a7ff-9f10-4ed9-8dfa-fbaf7ee3c8d2"
BOB = "36e9a7ff-9f10-4ed9-8dfa-fbaf7ee3c8d2"
POLICY_A = "37965f5f-ccaf-4cdc-a356-a8ed5268a5bb"
KEY_A = "ee37c360-7eae-4250-a677-6ee12adce8e2"
ENV = """# from a container
LOG_LEVEL=debug
export ADMIN_USERNAME=root.admin
ADMIN_PASSWORD='a password of theirs'
SERVICE_PORT=9443
SAN_LIST=127.0.0.1,kbs.example.net
BEARER_TOKEN_VALIDITY_IN_MINUTES=10
AUTHENTICATION_DEFEND_MAX_ATTEMPTS=3
TRUSTAUTHORITY_API_URL=https://api.example.net
TRUSTAUTHORITY_BASE_URL=https://portal.example.net
TRUSTAUTHORITY_API_KEY=djE6a2V5
https_proxy="http://proxy.example.net:3128"
KEY_MANAGER=VAULT
VAULT_SERVER_IP=192.0.2.7
VAULT_SERVER_PORT=8200
VAULT_CLIENT_TOKEN=secret.of.theirs
HTTP_READ_HEADER_TIMEOUT=10s
"""


def bcrypt(password, kind="$2a$"):
    salt = crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=2 ** 10)
    return crypt.crypt(password, kind + salt[4:])


def their_user(uid, name, password, permissions=("keys:search",)):
    return {"id": uid, "created_at": "2024-01-01T00:00:00Z",
            "updated_at": "2024-01-01T00:00:00Z", "username": name,
            "permissions": list(permissions), "password_cost": 10,
            "password_hash": b64(bcrypt(password).encode())}


def their_state(users=(), policies=(), keys=()):
    """A directory as that server leaves it."""
    state = tempfile.mkdtemp(dir=os.getcwd())
    for folder, objects in (("users", users), ("keys", keys),
                            ("keys-transfer-policy", policies)):
        os.mkdir(os.path.join(state, folder))
        for o in objects:
            with open(os.path.join(state, folder, o["id"]), "w") as f:
                json.dump(o, f)
    return state


def imported(what, want, *args):
    code, out, err = ctl("-j", "import", *args)
    check("import, %s: exits with %d" % (what, want), code == want,
          (code, out, err))
    return (json.loads(out) if out.startswith("[") else out), err


def import_state(s, c):
    alice = their_user(ALICE, "alice@example.net", "a password of alice")
    bob = their_user(BOB, "bob", "a password of bob", [
        "key-transfer-policies:search", "users:search"])
    p = {"id": POLICY_A, "created_at": "2024-01-01T00:00:00Z",
         **policy("tdx", mrtd=["11" * 48], seamsvn=3)}
    key = {"id": KEY_A, "algorithm": "AES", "key_length": 256,
           "kmip_key_id": "", "transfer_policy_id": POLICY_A,
           "transfer_link": "/kbs/v1/keys/%s/transfer" % KEY_A,
           "created_at": "2024-01-01T00:00:00Z"}
    state = their_state([alice, bob], [p], [key])
    rows, err = imported("users, a policy and a key", 0, "--state", state)
    said = {r["id"]: r["result"] for r in rows}
    equal("import: what is taken", {ALICE: "taken", BOB: "taken",
                                    POLICY_A: "taken"},
          {k: v for k, v in said.items() if k != KEY_A})
    check("import: what is not, and why", said[KEY_A].startswith(
        "not taken"), said)
    for name, password in (("alice@example.net", "a password of alice"),
                           ("bob", "a password of bob")):
        equal("import: %s logs in with the old password" % name, 200,
              c.login(name, password).status)
    equal("import: and with no other one", 401,
          c.login("bob", "a password of alice").status)
    a = s.must(200, "GET", "/users/" + BOB)
    equal("import: permissions are spelled in one way",
          ["key_transfer_policies:search", "users:search"],
          sorted(a["permissions"]))
    got = s.must(200, "GET", "/key-transfer-policies/" + POLICY_A)
    equal("import: it was made when it was", "2024-01-01T00:00:00Z",
          got["created_at"])
    equal("import: the policy is that policy", policy(
        "tdx", mrtd=["11" * 48], seamsvn=3), {k: v for k, v in got.items()
                                              if k not in ("id",
                                                           "created_at")})
    s.must(201, "POST", "/keys", {"key_information": {
        "algorithm": "AES", "key_length": 256},
        "transfer_policy_id": POLICY_A})
    rows, err = imported("once more", 0, "--state", state)
    check("import: all is there already", {r["result"] for r in rows} <=
          {"is there already", said[KEY_A]}, rows)


def import_refused(s):
    before = (s.must(200, "GET", "/users?limit=1000"),
              s.must(200, "GET", "/key-transfer-policies"))
    uid = "46e9a7ff-9f10-4ed9-8dfa-fbaf7ee3c8d2"
    good = their_user(uid, "carol", "a password of carol")
    pid = "47965f5f-ccaf-4cdc-a356-a8ed5268a5bb"
    fine = {"id": pid, **policy("sgx", mrenclave=["22" * 32])}
    for what, users, policies, want in (
            ("a name that somebody has", [{**good, "username": "admin"}],
             [fine], "taken"),
            ("two of one name", [good, {**good, "id": BOB[:-1] + "3"}],
             [fine], "taken"),
            ("an odd name", [{**good, "username": "c rol"}], [fine], "name"),
            ("no permissions", [{**good, "permissions": []}], [fine],
             "permissions"),
            ("an unknown one", [{**good, "permissions": ["keys:eat"]}],
             [fine], "keys:eat"),
            ("a hash that is none", [{**good, "password_hash": "AAAA"}],
             [fine], "password_hash"),
            ("a hash of another kind", [{**good, "password_hash": b64(
                b"$6$" + b"x" * 57)}], [fine], "bcrypt"),
            ("an id that is not the file's name", [{**good, "id": BOB}],
             [fine], "id"),
            ("a policy that checks nothing", [good],
             [{"id": pid, "attestation_type": "SGX", "sgx": {}}], "sgx")):
        state = their_state(users, policies)
        if what.startswith("an id"):
            os.rename(os.path.join(state, "users", BOB),
                      os.path.join(state, "users", uid))
        rows, err = imported(what, 1, "--state", state)
        check("import, %s: why" % what, want in err, err)
        equal("import, %s: nothing was changed" % what, before,
              (s.must(200, "GET", "/users?limit=1000"),
               s.must(200, "GET", "/key-transfer-policies")))
    for what, text in (("cut", '{"id":'), ("no object", "[]"), ("", "")):
        state = their_state([good], [fine])
        with open(os.path.join(state, "users", uid), "w") as f:
            f.write(text)
        rows, err = imported("a file that is %s" % (what or "empty"), 1,
                             "--state", state)
        check("import: which file it is", uid in err, err)
    imported("no such directory", 1, "--state", "/nonexistent")
    imported("nothing at all", 2)
    imported("an environment without a place", 2, "--env", "x")


def environment():
    out = tempfile.mkdtemp(dir=os.getcwd())
    env = os.path.join(out, "kbs.env")
    with open(env, "w") as f:
        f.write(ENV)
    for time_of in ("the first time", "once more"):
        text, err = imported("an environment, " + time_of, 0, "--env", env,
                             "--output", out)
        check("import: what is not taken is said",
              "HTTP_READ_HEADER_TIMEOUT" in err and "ita-root.pem" in err,
              err)
        check("import: no secret is printed", "secret.of.theirs" not in
              err + text and "a password of theirs" not in err + text, err)
    with open(os.path.join(out, "kbsd.conf")) as f:
        conf = f.read()
    for line in ('verbose 1', 'listen on * port 9443',
                 'tls names "127.0.0.1" "kbs.example.net"',
                 'administrator "root.admin" password file "%s/'
                 'admin.password"' % out, 'attempts 3 within 5m lockout 15m '
                 'token lifetime 10m', 'proxy "http://proxy.example.net:3128"',
                 'trust authority api "https://api.example.net"',
                 'keystore "vault" vault {', 'url "http://192.0.2.7:8200"',
                 'insecure', 'token file "%s/vault.token"' % out):
        check("import: kbsd.conf has " + line, line in conf, conf)
    check("import: and no secret", "theirs" not in conf and
          "djE6a2V5" not in conf, conf)
    for name, want in (("admin.password", "a password of theirs\n"),
                       ("ita.key", "djE6a2V5\n"),
                       ("vault.token", "secret.of.theirs\n")):
        path = os.path.join(out, name)
        with open(path) as f:
            equal("import: %s has the secret" % name, want, f.read())
        equal("import: and nobody else may read it", 0o600,
              os.stat(path).st_mode & 0o777)
    with open(os.path.join(out, "ita-root.pem"), "w") as f:
        f.write("-----BEGIN CERTIFICATE-----\n")
    done = subprocess.run([os.path.join(os.path.dirname(os.environ[
        "KBSD_CTL"].split()[0]), "kbsd"), "-n", "-f", os.path.join(
            out, "kbsd.conf")], capture_output=True, text=True)
    equal("import: kbsd takes the configuration", 0, done.returncode)
    with open(os.path.join(out, "kbsd.conf"), "a") as f:
        f.write("# mine\n")
    text, err = imported("over a changed kbsd.conf", 1, "--env", env,
                         "--output", out)
    check("import: it is left as it is", "kbsd.conf" in err, err)
    for what, line, want in (("an unknown variable", "FOO=1", "FOO"),
                             ("no variable", "what is this", "NAME=value"),
                             ("a port that is none", "SERVICE_PORT=x",
                              "SERVICE_PORT"),
                             ("too many minutes",
                              "BEARER_TOKEN_VALIDITY_IN_MINUTES=31",
                              "1 to 30"),
                             ("a name without a password",
                              "ADMIN_USERNAME=x", "ADMIN_PASSWORD"),
                             ("half a Vault", "KEY_MANAGER=vault",
                              "VAULT_SERVER_IP"),
                             ("another one", "KEY_MANAGER=x", "KEY_MANAGER"),
                             ("half a service",
                              "TRUSTAUTHORITY_API_URL=https://x",
                              "TRUSTAUTHORITY_BASE_URL")):
        with open(env, "w") as f:
            f.write(line + "\n")
        new = tempfile.mkdtemp(dir=os.getcwd())
        text, err = imported(what, 1, "--env", env, "--output", new)
        check("import, %s: why" % what, want in err, err)
        equal("import, %s: nothing is written" % what, [], os.listdir(new))


KMIP_ENV = """KEY_MANAGER=KMIP
KMIP_SERVER_IP=192.0.2.9
KMIP_SERVER_PORT=5697
KMIP_HOSTNAME=kmip.example.net
KMIP_VERSION=2.0
KMIP_USERNAME=kbs
KMIP_PASSWORD=a secret of kmip
KMIP_CLIENT_CERT_PATH=/etc/c.pem
KMIP_CLIENT_KEY_PATH=/etc/k.pem
KMIP_ROOT_CERT_PATH=/etc/ca.pem
"""


def environment_kmip():
    out = tempfile.mkdtemp(dir=os.getcwd())
    env = os.path.join(out, "kbs.env")
    with open(env, "w") as f:
        f.write(KMIP_ENV)
    imported("an environment with KMIP", 0, "--env", env, "--output", out)
    with open(os.path.join(out, "kbsd.conf")) as f:
        conf = f.read()
    for line in ('server "192.0.2.9" port 5697',
                 'server name "kmip.example.net"', 'version "2.0"',
                 'certificate "/etc/c.pem" key "/etc/k.pem"',
                 'ca "/etc/ca.pem"',
                 'user "kbs" password file "%s/kmip.password"' % out):
        check("import: kbsd.conf has " + line, line in conf, conf)
    with open(os.path.join(out, "kmip.password")) as f:
        equal("import: kmip.password has it", "a secret of kmip\n", f.read())
    done = subprocess.run([os.path.join(os.path.dirname(os.environ[
        "KBSD_CTL"].split()[0]), "kbsd"), "-n", "-f", os.path.join(
            out, "kbsd.conf")], capture_output=True, text=True)
    equal("import: kbsd takes the configuration", 0, done.returncode)


def imports():
    s, c = admin(), Client()
    import_state(s, c)
    import_refused(s)
    environment()
    environment_kmip()


def rotate(what, code, *words):
    status, out, err = ctl("-j", "key", "rotate", *words)
    equal("rotate, %s: kbsctl exits with %d" % (what, code), code, status)
    return json.loads(out) if code == 0 else err


class Passports(threading.Thread):
    """Transfers of the newest version, one after the other."""

    def __init__(self, s, text, stop, wrong):
        super().__init__()
        self.s, self.text, self.stop, self.wrong = s, text, stop, wrong
        self.done = 0

    def run(self):
        c = Client()
        while not self.stop.is_set():
            a = c.post(self.s.at, {"attestation_token": self.text})
            if a.status != 200:
                self.wrong.append((a.status, a.body))
            self.done += 1


def rotations(s, text):
    """Rotated twenty times under load: no transfer fails.  Each begins again
    once, so none may see two: who is at it at the second began after the
    first."""
    stop, wrong = threading.Event(), []
    threads = [Passports(s, text, stop, wrong) for _ in range(3)]
    for t in threads:
        t.start()
    for _ in range(20):
        code, out, err = ctl("-j", "key", "rotate", s.key["id"])
        if code != 0:
            wrong.append(err)
        for t, n in [(t, t.done + 2) for t in threads]:
            while t.done < n and t.is_alive():
                time.sleep(0.01)
    stop.set()
    for t in threads:
        t.join()
    done = [t.done for t in threads]
    check("rotated under load: %s transfers, none failed" % done,
          min(done) >= 40 and not wrong, wrong[:3])


def versions():
    c = admin()
    s = Subject(c).under(policy("tdx", **measured("tdx")))
    held, at = held_of("tdx"), s.at
    text = token("tdx", held)
    second = bytes(range(32))
    key = rotate("with material", 0, s.key["id"], "-f", file_with(second))
    equal("rotate: the version is told", 2, key.get("version"))
    gives("the newest", s.passport(text), "tdx", key=second)
    for n, want in (("1", KEY), ("2", second)):
        s.at = at + "?version=" + n
        gives("version %s by a token" % n, s.passport(text), "tdx", key=want)
        a = s.evidence("tdx")
        gives("version %s by evidence" % n, a, "tdx", key=want)
        check("its line names the version", ["version " + n] == [
            x.get("reason") for x in audit(a.request)
            if x["event"] == "decision"], audit(a.request))
    s.at = at + "?version=3"
    denies("a version that is not there", s.passport(text), status=404,
           verdict="release")
    denies("a stranger is not told which there are", s.passport(
        token("tdx", held, tdx_mrtd="00" * 48)))
    s.at = at + "?version=x"
    equal("a version that is none: 400", 400, s.passport(text).status)
    s.at = at
    a = c.post("/keys/" + s.key["id"], rsa_key(STRANGER).public_key(
        ).public_bytes(serialization.Encoding.PEM,
                       serialization.PublicFormat.SubjectPublicKeyInfo
                       ).decode(),
               headers={"Content-Type": "application/x-pem-file"})
    sha = hashes.SHA384()
    equal("a release gives the newest", second, rsa_key(STRANGER).decrypt(
        base64.b64decode(a.json["wrapped_key"]),
        padding.OAEP(padding.MGF1(sha), sha, None)))
    key = rotate("made", 0, s.key["id"])
    equal("rotate: one more", 3, key.get("version"))
    s.at = at + "?version=2"
    gives("what was the newest", s.passport(text), "tdx", key=second)
    s.at = at
    for what, words, why in (
            ("no such key", ["6b2b4e3c-9a7b-4c3d-8e1f-000000000001"],
             "no such key"),
            ("no id", ["x"], "x"),
            ("material of another length",
             [s.key["id"], "-f", file_with(second[:16])], "length")):
        err = rotate(what, 2 if what == "no id" else 1, *words)
        check("rotate, %s: why" % what, why in err, err)
    equal("what failed made no version", 3, json.loads(ctl(
        "-j", "key", "show", s.key["id"])[1])["version"])
    rotations(s, text)
    c.must(204, "DELETE", "/keys/" + s.key["id"])
    s.at = at + "?version=1"
    equal("deleted: no version is there", 404, s.passport(text).status)


GROUPS = {"tests": tests, "versions": versions, "lint": lint, "exposures": exposures,
          "imports": imports}

if __name__ == "__main__":
    GROUPS[sys.argv[1]]()
    finish()

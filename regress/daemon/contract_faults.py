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

"""What kbsd does when the trust authority goes wrong: a function a group."""

import threading

from contract import *
from contract_transfer import (Subject, denies, gives, held_of, measured,
                               policy)

# In which kbsd itself answers: it waits 20 s for a service.
AT_ONCE = 12

KINDS = ("certs", "nonce", "attest", "crl-root", "crl-signing")


def subject():
    return Subject(admin()).under(policy("tdx", **measured("tdx")))


def good(s, **flaws):
    """A passport transfer with a token that is good but for these."""
    return s.passport(token("tdx", held_of("tdx"), flaws={
        k.replace("_", "-"): v for k, v in flaws.items()}))


def asked(before):
    """How often each endpoint was asked since."""
    after = stats()
    return {k: after[k] - before[k] for k in KINDS}


def timed(call, *args, **more):
    start = time.time()
    a = call(*args, **more)
    a.took = time.time() - start
    return a


def unavailable(what, a):
    """No verdict, no key, in time, and a line that says why."""
    denies(what, a, status=502, verdict="unavailable")
    check("%s: at once" % what, a.took < AT_ONCE, a.took)


def together(*calls):
    """The answers of all these, asked at once, by clients of their own."""
    out = [None] * len(calls)

    def run(i):
        out[i] = timed(calls[i])
    threads = [threading.Thread(target=run, args=(i,))
               for i in range(len(calls))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return out


def twin(s):
    """The same key for another thread."""
    other = object.__new__(Subject)
    other.__dict__.update(s.__dict__, c=Client())
    return other


# --- how often the service is asked -------------------------------------------

def cache():
    """Started with certs:slow=1; refetch 3s."""
    s = subject()
    texts = [token("tdx", held_of("tdx")) for _ in range(16)]
    answers = together(*[lambda t=t: twin(s).passport(t) for t in texts])
    for i, a in enumerate(answers):
        gives("first transfer %d of 16 at once" % (i + 1), a, "tdx")
    now = stats()
    for kind in ("certs", "crl-root", "crl-signing"):
        equal("%s was asked for once for all of them" % kind, 1, now[kind])
    fault()
    before = stats()
    for _ in range(5):
        gives("a passport, warm", good(s), "tdx")
    equal("it makes no request outside", before["total"], stats()["total"])
    a = s.evidence("tdx")
    gives("background, warm", a, "tdx")
    equal("it makes one for a nonce and one to attest",
          dict.fromkeys(KINDS, 0) | {"nonce": 1, "attest": 1}, asked(before))
    time.sleep(3.2)
    before, start = stats(), time.time()
    for i in range(200):
        a = good(s, kid="random-%d" % i)
        if a.status != 401:
            break
    equal("200 tokens of random kids are all denied", (199, 401),
          (i, a.status))
    denies("such a one", a, "kid")
    most = 1 + int((time.time() - start) / 3)
    count = asked(before)["certs"]
    check("they cost %d fetch of the keys at most" % most, count <= most,
          count)
    gives("a good token passes meanwhile", good(s), "tdx")
    equal("nobody was lured elsewhere", 0, stats()["evil"])


def rotation():
    """refetch 1s"""
    s = subject()
    gives("a token of the first key", good(s), "tdx")
    fault(rotate="both")
    time.sleep(1.2)
    gives("a new key is fetched when a token names it", good(s, rotate=1),
          "tdx")
    gives("the old one is listed and good still", good(s), "tdx")
    fault(rotate=2)
    time.sleep(1.2)
    gives("the next", good(s, rotate=2), "tdx")
    denies("a key that is listed no more", good(s), "kid")
    gives("evidence after a rotation", s.evidence("tdx"), "tdx")
    fault(rotate=3, certs__close=True)
    time.sleep(1.2)
    denies("a new key that can't be fetched", good(s, rotate=3), "kid")
    gives("takes nothing from the old one", good(s, rotate=2), "tdx")
    fault(rotate=3, crl__close=True)
    time.sleep(1.2)
    gives("a new key below a CA whose CRLs are there and can't be renewed",
          good(s, rotate=3), "tdx")
    fault(rotate=3, revoked_leaf=True)
    time.sleep(1.2)
    good(s, kid="unknown")
    denies("a leaf that was revoked meanwhile", good(s, rotate=3), "revoked")


# --- faults of transport ------------------------------------------------------

# Those that end by themselves, and how often an answer is asked for.
TRANSPORT = (("close", True, 0), ("status", "500", 3), ("status", "503", 3),
             ("status", "504", 3), ("status", "502", 1), ("status", "429", 1),
             ("status", "401", 1), ("status", "302", 1), ("garbage", True, 1),
             ("empty", True, 1), ("huge", True, 1), ("half", True, 0),
             ("redirect", True, 1))


def transport():
    """The service's own endpoints; the cache is warm."""
    s = subject()
    for name, value, times in TRANSPORT:
        what = "%s=%s" % (name, value)
        fault(**{"nonce__" + name: value})
        before = stats()
        a = timed(s.c.post, s.at)
        equal("nonce:%s: 502" % what, 502, a.status)
        check("nonce:%s: at once" % what, a.took < AT_ONCE, a.took)
        if times:
            equal("nonce:%s: asked so often" % what, times,
                  asked(before)["nonce"])
        fault(**{"attest__" + name: value})
        before = stats()
        a = timed(s.evidence, "tdx")
        unavailable("attest:%s" % what, a)
        if times:
            equal("attest:%s: asked so often" % what, times,
                  asked(before)["attest"])
        gives("attest:%s: a passport is not touched" % what, good(s), "tdx")
    for status in ("400", "422"):
        fault(attest__status=status)
        denies("attest:status=%s" % status, s.evidence("tdx"), status,
               status=502)
    for what, wrong in (
            ("status=503x2", {"attest__status": "503x2"}),
            ("status=500x1", {"nonce__status": "500x1"}),
            ("content-type", {"content-type": True}),
            ("slow=1", {"slow": "1"})):
        fault(**wrong)
        gives("%s is borne" % what, s.evidence("tdx"), "tdx")
    fault()
    equal("no redirect was followed", 0, stats()["evil"])


def cold():
    """Started with certs:close; refetch 1s.  Nothing was ever cached."""
    s = subject()
    a = timed(good, s)
    unavailable("cold, certs:close", a)
    # What leaves nothing behind, what leaves keys without CRLs, and last
    # what leaves a good CRL of the signing CA.
    wrongs = [{"certs__" + name: value} for name, value in (
        ("status", "500"), ("garbage", True), ("half", True),
        ("redirect", True), ("close", True))] + [
        {"empty-jwks": True}, {"other-root": True}, {"jwk-mismatch": True},
        {"duplicate-kid": True}, {"jwk-alg": "ES256"}, {"jwk-alg": "none"},
        {"jwk-alg": "HS256"}] + [
        {"crl__" + name: value} for name, value in (
            ("status", "404"), ("empty", True), ("huge", True),
            ("close", True))] + [
        {"expired-crl": True}, {"foreign-crl": True},
        {"crl-root__status": "500"}, {"expired-crl": "root"},
        {"foreign-crl": "root"}]
    without(s, wrongs)


def cold_signing():
    """Started with crl-signing:close; refetch 1s."""
    without(subject(), [{"crl-signing__garbage": True},
                        {"expired-crl": "signing"},
                        {"foreign-crl": "signing"}])


def without(s, wrongs):
    """With each of these no token is good; and then it is."""
    for wrong in wrongs:
        name = " ".join("%s=%s" % x for x in wrong.items()).replace("__", ":")
        fault(**wrong)
        before = stats()
        end, a = time.time() + AGES, None
        while a is None or (asked(before)["certs"] == 0 and
                            time.time() < end):
            time.sleep(0.3)
            # a flaw of the keys is one of the tokens, too
            a = timed(good, s, **{k: v for k, v in wrong.items()
                                  if k == "jwk-mismatch"})
        if not check("%s: the keys were asked for" % name,
                     asked(before)["certs"]):
            finish()
        denies("cold, %s" % name, a, status=a.status,
               verdict="deny" if a.status == 401 else "unavailable")
        check("cold, %s: 401 or 502, at once" % name,
              a.status in (401, 502) and a.took < AT_ONCE,
              (a.status, a.took))
    equal("no redirect was followed", 0, stats()["evil"])
    fault()
    end = time.time() + AGES
    while good(s).status != 200 and time.time() < end:
        time.sleep(0.3)
    gives("when all is well again, so is kbsd", good(s), "tdx")
    gives("in background too", s.evidence("tdx"), "tdx")


def revoked():
    """Started with revoked-leaf, or revoked-ca."""
    s = subject()
    a = timed(good, s)
    denies("a key below a revoked certificate", a, "revoked")
    denies("in background too", s.evidence("tdx"), "revoked")
    check("at once", a.took < AT_ONCE, a.took)


def stuck():
    """Started with certs:hang; nonce:drip and attest:hang besides."""
    s = subject()
    fault(certs__hang=True, nonce__drip="1", attest__hang=True)
    start = time.time()
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(together(
        lambda: good(twin(s)), lambda: twin(s).c.post(s.at),
        lambda: twin(s).evidence("tdx", nonce=None))))
    thread.start()
    time.sleep(1)
    for i in range(5):
        a = timed(s.admin.get, "/keys/" + s.key["id"])
        check("others are served meanwhile", a.status == 200 and
              a.took < AT_ONCE, (a.status, a.took))
    thread.join()
    for what, a in zip(("certs:hang, a passport", "nonce:drip, a first step",
                        "attest:hang, evidence"), answers):
        equal("%s: 502" % what, 502, a.status)
        # and not by the 30 s that a request has
        check("%s: within the 20 s that a service has" % what, a.took < 29,
              a.took)
    check("all of it was bounded", time.time() - start < 60)
    for a in (answers[0], answers[2]):
        check("an audit line with a reason", audit(a.request)[0]["reason"],
              audit(a.request))


# --- faults of tokens, by way of the service ----------------------------------

# What the service may put into its token: the reason, or None where it is
# good.
TOKENS = {
    "alg-none": "", "hs256": "", "wrong-alg": "alg", "forged": "signature",
    "bad-signature": "signature", "kid": "kid", "crit": "crit",
    "extra-jku": None, "extra-x5u": None, "extra-jwk": None,
    "extra-x5c": None, "duplicate-member": "", "expired": "expired",
    "nbf": "not valid yet", "no-exp": "exp", "issuer": None,
    "wrong-nonce": "verifier_nonce", "no-nonce": "verifier_nonce",
    "other-held-data": "attester_held_data", "no-held-data": "no key",
    "runtime-jwk": None, "other-td": "", "debug": "debuggable",
    "tcb-status": None, "tcb-date": None, "advisories": None,
    "unmatched": None, "gpu-fail": None, "gpu-insecure": None,
    "gpu-absent": None, "gpu-hwmodel": None, "set": None}
VALUES = {"tcb-status": "OutOfDate", "tcb-date": "2020-01-01T00:00:00Z",
          "advisories": "INTEL-SA-1", "gpu-hwmodel": "other",
          "set": '{"tdx_seamsvn": 262}', "kid": "nobody's"}
# Policies to which those that harm not everybody do.
STRICT = {"tcb-status": {"enforce_tcb_upto_date": True},
          "tcb-date": {"tcb_date_minimum": "2025-01-01T00:00:00Z"},
          "advisories": {"advisories_allowed": ["INTEL-SA-2"]}}


def tokens():
    s = subject()
    equal("every fault of a token is looked at", sorted(faultlist.TOKEN),
          sorted(TOKENS))
    for name, reason in TOKENS.items():
        fault(**{name: VALUES.get(name, True)})
        a = s.evidence("tdx")
        if reason is None:
            gives("background, %s harms nobody here" % name, a, "tdx")
        else:
            denies("background, %s" % name, a, reason)
    fault(debug="differ")
    denies("background, debug=differ", s.evidence("tdx"), "debuggable")
    fault(debug="absent")
    denies("background, debug=absent", s.evidence("tdx"), "debuggable")
    fault(set='{"tdx_mrtd": "%s"}' % ("00" * 48))
    denies("background, a token with another mrtd than the quote",
           s.evidence("tdx"), "tdx_mrtd")
    for name, attributes in STRICT.items():
        fault(**{name: VALUES[name]})
        s.under(policy("tdx", mrtd=measured("tdx")["mrtd"], **attributes))
        denies("background, %s where the policy looks" % name,
               s.evidence("tdx"), "attester_")
        fault()
        gives("and without it", s.evidence("tdx"), "tdx")
    equal("nobody followed a header", 0, stats()["evil"])


# --- the service is down ------------------------------------------------------

def down():
    """The stand-in was stopped after a passport had been served."""
    s = subject()
    for i in range(3):
        gives("down, warm: a passport", good(s), "tdx")
    a = timed(s.c.post, s.at)
    equal("down: a first step: 502", 502, a.status)
    check("at once", a.took < AT_ONCE, a.took)
    unavailable("down: evidence", timed(s.evidence, "tdx", nonce=None))


def down_cold():
    """It never ran since kbsd was installed."""
    s = subject()
    unavailable("down, cold: a passport", timed(good, s))
    a = timed(s.c.post, s.at)
    equal("down, cold: a first step: 502", 502, a.status)
    unavailable("down, cold: evidence", timed(s.evidence, "tdx", nonce=None))


def back():
    """It runs again; refetch 1s."""
    s = subject()
    end = time.time() + AGES
    while good(s).status != 200 and time.time() < end:
        time.sleep(0.3)
    gives("back: a passport", good(s), "tdx")
    gives("back: evidence", s.evidence("tdx"), "tdx")


def up():
    s = subject()
    gives("a passport", good(s), "tdx")
    gives("evidence", s.evidence("tdx"), "tdx")


def again():
    """kbsd was started again; the stand-in's counts were not reset."""
    before = stats()
    s = subject()
    for i in range(4):
        gives("after a start: a passport", good(s), "tdx")
    for kind in ("certs", "crl-root", "crl-signing"):
        equal("%s is not asked for again" % kind, before[kind],
              stats()[kind])
    equal("in all it was asked for once", 1, stats()["certs"])


# --- genuine quotes -----------------------------------------------------------

def genuine():
    """The service takes any report data; kbsd does not."""
    where = os.path.join(os.environ["KBSD_SHARED"], "data", "dcap", "real")
    with open(os.path.join(where, "cases.json")) as f:
        cases = json.load(f)
    names = sorted({c["quote"] for c in cases})
    s = Subject(admin())
    before, number = stats(), 0
    for name in names:
        with open(os.path.join(where, "quotes", name), "rb") as f:
            raw = f.read()
        try:
            q = quotes.Quote(raw)
        except (ValueError, struct.error) as e:
            a = s.evidence("tdx", raw=raw, nonce=None)
            denies("genuine %s, which the service can't read (%s)" % (
                name, e), a)
            continue
        number += 1
        anchor = "mrenclave" if q.tee == "sgx" else "mrtd"
        s.under(policy(q.tee, **{anchor: [q.fields[anchor].hex()]}))
        denies("genuine %s: it binds nothing of ours" % name, s.evidence(
            q.tee, raw=raw, nonce=None),
            "debug" if q.debug() else "report data")
        # its measurements, in a token that the service might have made
        a = s.passport(token(q.tee, held_of(q.tee), about=q))
        if q.debug():
            denies("genuine %s: a debuggable TEE" % name, a)
        else:
            gives("genuine %s: its measurements as claims" % name, a, q.tee)
    check("there are genuine quotes", number > 5, number)
    equal("the service was never asked about them", 0,
          asked(before)["attest"])


GROUPS = {f.__name__: f for f in (
    cache, rotation, transport, cold, cold_signing, revoked, stuck, tokens,
    down, down_cold, back, up, again, genuine)}

if __name__ == "__main__":
    GROUPS[sys.argv[1]]()
    equal("the audit log is one chain", None, audit_chain())
    finish()

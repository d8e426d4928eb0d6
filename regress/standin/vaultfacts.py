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


"""What Vault answers to the requests that kbsd sends, and what may surprise.

Each row was seen at Vault 1.21.4; the stand-in must answer alike, and so must
the server that a test is given.  Another kind or version of server may word
its errors otherwise, on which nothing here depends: that is told only.
"""

import time

SEEN = "1.21.4"
NONE = "(no error)"     # a 404 of a key, not of a mount
# Who asks, method, path, body, status, and what is there: names of members, or
# a text among the errors and warnings.  %1 and %2 are mounts of KV version 1
# and 2.  Who: all may GIVEN's token; LEAST as kbsd.conf(5) says.
CAS0 = {"options": {"cas": 0}, "data": {"x": "t"}}
CAS1 = {"options": {"cas": 1}, "data": {"x": "u"}}
FACTS = [
    # KV version 1
    ("least", "GET", "%1/x", None, 404, NONE),
    ("given", "GET", "%1/x", None, 404, NONE),
    ("given", "POST", "%1/x", {}, 400, "missing data fields"),
    ("least", "POST", "%1/x", {"x": "t"}, 204, []),
    ("least", "GET", "%1/x", None, 200, ["data.x", "lease_duration"]),
    ("least", "POST", "%1/x", {"x": "u"}, 204, []),
    ("least", "GET", "%1?list=true", None, 403, "permission denied"),
    ("given", "GET", "%1?list=true", None, 200, ["data.keys"]),
    ("least", "DELETE", "%1/x", None, 204, []),
    ("least", "DELETE", "%1/x", None, 204, []),
    ("given", "GET", "%1?list=true", None, 404, NONE),
    # KV version 2; who may create may not write again
    ("least", "GET", "%2/data/x", None, 404, NONE),
    ("given", "POST", "%2/data/x", {"x": "t"}, 400, "no data provided"),
    ("given", "POST", "%2/data/x", {"data": "x"}, 400, "expected a map"),
    ("least", "POST", "%2/data/x", CAS0, 200, ["data.version"]),
    ("least", "POST", "%2/data/x", CAS0, 403, "permission denied"),
    ("given", "POST", "%2/data/x", CAS0, 400,
     "check-and-set parameter did not match the current version"),
    ("given", "POST", "%2/data/x", CAS1, 200, ["data.version"]),
    ("least", "GET", "%2/data/x", None, 200,
     ["data.data.x", "data.metadata.version"]),
    ("least", "GET", "%2/data/x?version=1", None, 200, ["data.data.x"]),
    ("least", "GET", "%2/data/x?version=9", None, 404, NONE),
    ("least", "DELETE", "%2/data/x", None, 403, "permission denied"),
    ("given", "DELETE", "%2/data/x", None, 204, []),
    ("least", "GET", "%2/data/x", None, 404,
     ["data.metadata.deletion_time", "data.data"]),
    ("least", "GET", "%2/data/x?version=1", None, 200, ["data.data.x"]),
    ("given", "POST", "%2/data/x", CAS0, 400, "did not match"),
    ("least", "GET", "%2/metadata/x", None, 403, "permission denied"),
    ("given", "GET", "%2/metadata?list=true", None, 200, ["data.keys"]),
    ("least", "DELETE", "%2/metadata/x", None, 204, []),
    ("least", "DELETE", "%2/metadata/x", None, 204, []),
    ("least", "GET", "%2/data/x", None, 404, NONE),
    ("given", "GET", "%2/data/x?version=1", None, 404, NONE),
    ("given", "GET", "%2/metadata/x", None, 404, NONE),
    # a path of version 1 in a mount of version 2
    ("given", "GET", "%2/x", None, 404, "Invalid path for a versioned"),
    ("given", "POST", "%2/x", {"x": "t"}, 404, "Invalid path for a versioned"),
    ("given", "DELETE", "%2/x", None, 404, "Invalid path for a versioned"),
    # mounts
    ("least", "GET", "sys/internal/ui/mounts/%1", None, 200,
     ["data.options.version=1", "data.path=%1/"]),
    ("least", "GET", "sys/internal/ui/mounts/%2", None, 200,
     ["data.options.version=2", "data.path=%2/"]),
    ("given", "GET", "sys/internal/ui/mounts/%2/below", None, 200,
     ["data.options.version=2", "data.path=%2/"]),
    ("given", "GET", "sys/internal/ui/mounts/kbsd-no-such", None, 403,
     "preflight capability check"),
    ("least", "GET", "sys/internal/ui/mounts/kbsd-no-such", None, 403,
     "preflight capability check"),
    ("least", "GET", "kbsd-no-such/x", None, 403, "permission denied"),
    ("given", "GET", "kbsd-no-such/x", None, 404, "no handler for route"),
    ("given", "DELETE", "kbsd-no-such/x", None, 404, "no handler for route"),
    # tokens
    ("bad", "GET", "%1/x", None, 403, "permission denied"),
    ("bad", "GET", "auth/token/lookup-self", None, 403, "permission denied"),
    ("bad", "POST", "auth/token/renew-self", {}, 403, "permission denied"),
    ("bad", "GET", "sys/internal/ui/mounts/%2", None, 403,
     "permission denied"),
    ("none", "GET", "%1/x", None, 403, "permission denied"),
    ("none", "GET", "sys/internal/ui/mounts/%1", None, 403,
     "permission denied"),
    ("least", "GET", "auth/token/lookup-self", None, 200,
     ["data.ttl", "data.expire_time", "data.renewable=True",
      "data.policies"]),
    ("least", "POST", "auth/token/renew-self", {}, 200,
     ["auth.lease_duration=600", "auth.renewable=True"]),
    ("batch", "GET", "auth/token/lookup-self", None, 200,
     ["data.ttl", "data.renewable=False", "data.type=batch"]),
    ("batch", "POST", "auth/token/renew-self", {}, 400, "cannot be renewed"),
    ("batch", "GET", "%1/x", None, 404, NONE),
    ("fixed", "GET", "auth/token/lookup-self", None, 200,
     ["data.renewable=False"]),
    ("fixed", "POST", "auth/token/renew-self", {}, 400, "not renewable"),
    ("mute", "GET", "auth/token/lookup-self", None, 403, "permission denied"),
    ("mute", "POST", "auth/token/renew-self", {}, 403, "permission denied"),
    ("mute", "GET", "sys/internal/ui/mounts/%2", None, 200,
     ["data.options.version=2"]),
    # the server
    ("none", "GET", "sys/health?standbyok=true", None, 200,
     ["initialized", "sealed=False"]),
]
TOKENS = {
    "batch": {"type": "batch"},
    "fixed": {"renewable": False},
    "mute": {"no_default_policy": True},
}


class Facts:
    def __init__(self, test):
        self.test, self.wrong, self.worded, self.asked = test, [], [], 0
        one, two = test.state["mounts"]
        self.mounts = {"%1": one, "%2": two}
        self.tokens = {"none": None, "bad": "hvs.AAAAAAAAAAAAAAAAAAAAAAAA",
                       "given": test.token, "least": test.state["least"]}
        for name, settings in TOKENS.items():
            self.tokens[name] = self.token(dict(settings, ttl="60s"))

    def token(self, settings):
        answer = self.test.ask("POST", "auth/token/create", dict(
            settings, policies=[self.test.state["name"]]))[1]
        return answer["auth"]["client_token"]

    def fill(self, text):
        for name, mount in self.mounts.items():
            text = text.replace(name, mount)
        return text

    def missing(self, want, answer):
        """What of it is not there."""
        if isinstance(want, str):
            texts = (answer.get("errors") or []) + \
                (answer.get("warnings") or [])
            ok = answer.get("errors") == [] if want == NONE else \
                any(want in text for text in texts)
            return [] if ok else [want]
        return [w for w in want if not self.member(self.fill(w), answer)]

    def member(self, want, value):
        path, equal, text = want.partition("=")
        for name in path.split("."):
            if not isinstance(value, dict) or name not in value:
                return False
            value = value[name]
        return not equal or str(value) == text

    @staticmethod
    def is_text(want, answer):
        """There is a text where one must be, and only another one."""
        return isinstance(want, str) and want != NONE and \
            bool(answer.get("errors") or answer.get("warnings"))

    def row(self, who, method, path, body, status, want):
        self.asked += 1
        got, answer = self.test.server.call(self.tokens.get(who, who), method,
                                            self.fill(path), body)
        missing = self.missing(want, answer)
        if got != status or missing:
            kept = self.worded if got == status and self.is_text(
                want, answer) else self.wrong
            kept.append("%s %s by %s: %d, not %d; %s is missing of %s" %
                              (method, self.fill(path), who if who in
                               self.tokens else "a token", got, status,
                               missing, answer))
        return answer

    def login(self, role, secret, status, want):
        return self.row("none", "POST", "auth/%s/login" %
                        self.test.state["name"], {
                            "role_id": role, "secret_id": secret},
                        status, want)

    # --- what takes more than a row ---

    def approle(self):
        good = self.test.state["approle"]
        self.login(*good, 200, ["auth.client_token", "auth.renewable=True",
                                "auth.lease_duration=600"])
        self.login(good[0], "wrong", 400, "invalid role or secret ID")
        self.login("wrong", good[1], 400, "invalid role or secret ID")
        self.row("none", "POST", "auth/%s/login" % self.test.state["name"],
                 {"role_id": good[0]}, 400, "missing secret_id")
        self.row("none", "POST", "auth/kbsd-no-such/login",
                 {"role_id": good[0], "secret_id": good[1]}, 403,
                 "permission denied")
        once = self.test.role("once", {"secret_id_num_uses": 1,
                                       "token_type": "batch"})
        self.login(*once, 200, ["auth.client_token", "auth.renewable=False",
                                "auth.token_type=batch"])
        self.login(*once, 400, "invalid role or secret ID")

    def lockout(self):
        """Five wrong ones, and the right one does not help any more, unless
        the server is told otherwise."""
        role = self.test.role("locked", {})
        for _ in range(5):
            self.login(role[0], "wrong", 400, "invalid role or secret ID")
        before = len(self.wrong)
        answer = self.login(*role, 403, "permission denied")
        if answer.get("auth"):
            del self.wrong[before:]

    def capped(self):
        """Renewed until its greatest time, and not further."""
        token = self.token({"ttl": "3s", "explicit_max_ttl": "4s"})
        start = time.time()
        self.row(token, "POST", "auth/token/renew-self", {}, 200,
                 ["auth.lease_duration"])
        time.sleep(max(0, start + 2.5 - time.time()))
        before = len(self.wrong)
        answer = self.row(token, "POST", "auth/token/renew-self", {}, 200,
                          "effective max_ttl of")
        if time.time() > start + 3:
            del self.wrong[before:]     # too slow to see it
            return
        if answer.get("auth", {}).get("lease_duration", 9) > 2:
            self.wrong.append("a renewal beyond max_ttl: %s" % answer)
        time.sleep(max(0, start + 5 - time.time()))
        self.row(token, "GET", "%1/x", None, 403, "permission denied")

    def play(self):
        """What is wrong, and what is only worded otherwise."""
        for row in FACTS:
            self.row(*row)
        if "approle" in self.test.state:
            self.approle()
            self.lockout()
        self.capped()
        health = self.test.server.call(None, "GET",
                                       "sys/health?standbyok=true")[1]
        if health.get("version") == SEEN:
            return self.wrong + self.worded, []
        return self.wrong, self.worded

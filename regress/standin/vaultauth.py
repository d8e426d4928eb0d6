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


"""Who may what at the Vault stand-in: tokens, policies, AppRole."""

import re
import secrets
import time

from httpd import Answer

DENIED = ["permission denied"]
WRAPPED = ["1 error occurred:\n\t* permission denied\n\n"]
INVALID = ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]
LOCKOUT, LOCKED = 5, 900        # failed logins of a role; seconds
FOREVER = 10 ** 9
# As kbsd.conf(5) has it.
ENOUGH = """
path "keybroker/*" {
    capabilities = ["create", "update", "read", "delete"]
}
path "secret/data/*" { capabilities = ["create", "read"] }
path "secret/metadata/*" { capabilities = ["delete"] }
"""
DEFAULT = """
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
"""
NEEDS = {"GET": "read", "LIST": "list", "DELETE": "delete"}


def errors(status, *texts):
    return Answer(status, {"errors": list(texts)})


def envelope(data=None, auth=None, kind="token", warnings=None):
    return Answer(200, {"request_id": secrets.token_hex(16), "lease_id": "",
                        "renewable": False, "lease_duration": 0, "data": data,
                        "wrap_info": None, "warnings": warnings, "auth": auth,
                        "mount_type": kind})


def policy(text):
    """[(path, {capability})]"""
    return [(path, set(re.findall(r'"(\w+)"', words))) for path, words in
            re.findall(r'path\s+"([^"]+)"\s*{\s*capabilities\s*=\s*'
                       r'\[([^]]*)\]', text)]


def seconds(text):
    return int(str(text).removesuffix("s"))


class Token:
    def __init__(self, namespace, ttl, max_ttl, policies=("default", "kbsd"),
                 renewable=True, kind="service"):
        self.namespace, self.ttl, self.policies = namespace, ttl, policies
        self.renewable = renewable and kind == "service"
        self.kind, self.uses = kind, 0
        self.ends = time.time() + ttl
        self.last = time.time() + max_ttl

    def left(self):
        return max(0, int(self.ends - time.time()))

    def auth(self, text):
        return {"client_token": text, "accessor": "", "policies":
                list(self.policies), "token_policies": list(self.policies),
                "metadata": None, "lease_duration": self.left(),
                "renewable": self.renewable, "entity_id": "",
                "token_type": self.kind, "orphan": True,
                "mfa_requirement": None, "num_uses": self.uses}


class Role:
    def __init__(self, role_id, settings):
        self.role_id, self.settings = role_id, settings
        self.secret_ids = {}    # uses left; None: any number
        self.failed, self.when = 0, 0

    def locked(self):
        return self.failed >= LOCKOUT and time.time() - self.when < LOCKED


class Auth:
    def __init__(self):
        self.lookup, self.openbao, self.last_second = True, False, False
        self.ttl, self.max_ttl = 3600, 24 * 3600
        self.tokens = {}
        self.root = "hvs." + secrets.token_urlsafe(24)
        self.policies = {"kbsd": policy(ENOUGH), "default": policy(DEFAULT)}
        self.approles = {"approle"}
        self.roles = {("approle", "kbsd"): Role("kbsd", {})}

    def new_token(self, namespace, **more):
        text = "hvs." + secrets.token_urlsafe(24)
        more.setdefault("ttl", self.ttl)
        self.tokens[text] = Token(namespace, max_ttl=more.pop("max_ttl",
                                                              self.max_ttl),
                                  **more)
        return text

    def who(self, text, namespace):
        """The token, or None when it is none; Vault is late by a moment."""
        if text == self.root:
            token = Token(namespace, FOREVER, FOREVER, ("root",), False)
            token.text = text
            return token
        token = self.tokens.get(text)
        if token is None or time.time() >= token.ends + 0.2 or \
                token.namespace != namespace:
            return None
        token.text = text
        return token

    # --- policies ---

    def rules(self, token):
        return [r for p in token.policies for r in self.policies.get(p, [])]

    def may(self, token, method, path, exists):
        if "root" in token.policies:
            return True
        need = NEEDS.get(method) or ("update" if exists or path.startswith(
            "auth/") else "create")
        return any(need in words and (path == at or at.endswith("*") and
                                      path.startswith(at[:-1]))
                   for at, words in self.rules(token))

    def has_part(self, token, mount):
        return "root" in token.policies or any(
            at.startswith(mount + "/") for at, _ in self.rules(token))

    # --- logging in ---

    def login(self, mount, namespace, body):
        if mount not in self.approles:
            return errors(403, *DENIED)
        role = next((r for (m, _), r in self.roles.items()
                     if m == mount and r.role_id == body.get("role_id")), None)
        if role is not None and role.locked():
            return errors(403, *DENIED)
        if role is not None and "secret_id" not in body:
            return errors(400, "missing secret_id")
        if role is None or body["secret_id"] not in role.secret_ids:
            if role is not None:
                role.failed, role.when = role.failed + 1, time.time()
            return errors(400, "invalid role or secret ID")
        role.failed = 0
        left = role.secret_ids[body["secret_id"]]
        if left == 1:
            del role.secret_ids[body["secret_id"]]
        elif left is not None:
            role.secret_ids[body["secret_id"]] = left - 1
        want = role.settings
        text = self.new_token(
            namespace, ttl=seconds(want.get("token_ttl", self.ttl)),
            max_ttl=seconds(want.get("token_max_ttl", self.max_ttl)),
            policies=["default"] + want.get("token_policies",
                                            "kbsd").split(","),
            kind=want.get("token_type", "service"))
        auth = self.tokens[text].auth(text)
        auth["lease_duration"] = self.tokens[text].ttl
        return envelope(auth=auth, kind="")

    # --- what a token may ask ---

    def auth(self, method, path, token, body):
        if path == "token/lookup-self":
            return self.lookup_self(token)
        if path == "token/renew-self":
            return self.renew_self(token)
        if path == "token/create" and method == "POST":
            return self.create(token, body)
        mount, _, path = path.rpartition("/role/")
        name, _, what = path.partition("/")
        if mount not in self.approles:
            return errors(404, "no handler for route \"auth/%s\"" % path)
        if what == "":
            self.roles[mount, name] = Role(secrets.token_hex(16), body)
            return Answer(204, b"", None)
        role = self.roles[mount, name]
        if what == "role-id":
            return envelope({"role_id": role.role_id}, kind="approle")
        secret = secrets.token_hex(16)
        role.secret_ids[secret] = body.get("num_uses") or \
            role.settings.get("secret_id_num_uses")
        return envelope({"secret_id": secret}, kind="approle")

    def lookup_self(self, token):
        if not self.lookup:
            return errors(403, *WRAPPED)
        root = "root" in token.policies
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(token.ends)) \
            if not root else None
        return envelope({"accessor": "", "creation_ttl": 0 if root else
                         token.ttl, "expire_time": ends,
                         "explicit_max_ttl": 0, "id": token.text, "num_uses":
                         token.uses, "policies": list(token.policies),
                         "renewable": token.renewable, "ttl": 0 if root or
                         self.last_second else token.left(), "type": token.kind})

    def renew_self(self, token):
        if token.kind == "batch":
            return errors(400, "batch tokens cannot be renewed")
        if not token.renewable:
            return errors(400, "lease is not renewable")
        now, warnings = time.time(), None
        if now >= token.last:
            return errors(500, "1 error occurred:\n\t* past the max TTL, "
                          "cannot renew\n\n")
        if now + token.ttl > token.last:
            warnings = ["TTL of \"%ds\" exceeded the effective max_ttl of "
                        "\"%ds\"; TTL value is capped accordingly" %
                        (token.ttl, token.last - now)]
        token.ends = min(now + token.ttl, token.last)
        auth = token.auth(token.text)
        auth["lease_duration"] = int(token.ends - now)
        return envelope(auth=auth, warnings=warnings)

    def create(self, token, body):
        text = self.new_token(
            token.namespace, ttl=seconds(body.get("ttl", self.ttl)),
            max_ttl=seconds(body.get("explicit_max_ttl", self.max_ttl)),
            policies=["default"] * (not body.get("no_default_policy")) +
            body["policies"], renewable=body.get("renewable", True),
            kind=body.get("type", "service"))
        return envelope(auth=self.tokens[text].auth(text))

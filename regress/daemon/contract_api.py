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

"""The contract of everything but transfers: one function a group."""

import calendar
import ssl
import threading

from contract import *

MIXED = "6E5CDD29-4c1e-4F0B-9f4B-1d3ac1B0d9c2"      # NOBODY again
PEMTYPE = "application/x-pem-file"
TDX = policy("tdx", mrtd=["ab" * 48])
AES = {"key_information": {"algorithm": "AES", "key_length": 256}}

# Each path that wants a bearer token: what it needs, and a request that does
# no harm, with its status where the permission is there.
ENDPOINTS = (
    ("POST", "/users", "users:create", {}, 400),
    ("GET", "/users?username=nobody", "users:search", None, 200),
    ("GET", "/users/" + NOBODY, "users:search", None, 404),
    ("PUT", "/users/" + NOBODY, "users:update", {}, 404),
    ("DELETE", "/users/" + NOBODY, "users:delete", None, 404),
    ("POST", "/key-transfer-policies", "key_transfer_policies:create", {},
     400),
    ("GET", "/key-transfer-policies", "key_transfer_policies:search", None,
     200),
    ("GET", "/key-transfer-policies/" + NOBODY,
     "key_transfer_policies:search", None, 404),
    ("DELETE", "/key-transfer-policies/" + NOBODY,
     "key_transfer_policies:delete", None, 404),
    ("POST", "/keys", "keys:create", {}, 400),
    ("GET", "/keys?algorithm=AES", "keys:search", None, 200),
    ("GET", "/keys/" + NOBODY, "keys:search", None, 404),
    ("PUT", "/keys/" + NOBODY, "keys:update", {}, 400),
    ("DELETE", "/keys/" + NOBODY, "keys:delete", None, 404),
    ("POST", "/keys/" + NOBODY, "keys:transfer", b"no key", 400))


def headers_of(method, path):
    """A Content-Type other than JSON, where the path has one."""
    return {"Content-Type": PEMTYPE} \
        if method == "POST" and path.startswith("/keys/") and \
        not path.endswith("/transfer") else {}


def user(c, name, permissions, password="password of it"):
    """A new user, logged in."""
    c.must(201, "POST", "/users", {"username": name, "password": password,
                                   "permissions": permissions})
    u = Client()
    a = u.login(name, password)
    check("%s logs in" % name, a.status == 200, a.error)
    u.token = a.body.decode()
    return u


def bearer(text):
    """Header and payload of a bearer token."""
    parts = text.split(".")
    return len(parts), *(json.loads(base64.urlsafe_b64decode(
        p + "=" * (-len(p) % 4))) for p in parts[:2])


# --- /version -----------------------------------------------------------------

def version():
    c = Client()
    a = c.expect("GET /version without a token", 200, "GET", "/version")
    equal("version has these members and no others",
          ["buildDate", "gitHash", "name", "version"], sorted(a.json))
    check("its members are strings",
          all(isinstance(v, str) for v in a.json.values()), a.json)
    check("it is JSON", a.headers["Content-Type"].startswith(JSON))
    for accept in (None, "text/html", "*/*;q=0"):
        c.expect("GET /version does not look at Accept (%s)" % accept, 200,
                 "GET", "/version", headers={"Accept": accept})
    c.expect("GET /version with a bad token", 200, "GET", "/version",
             token="bad")
    a = c.expect("POST /version", 405, "POST", "/version", {})
    equal("405 of /version has Allow", "GET", a.headers.get("Allow"))
    ids = {c.get("/version").request for _ in range(20)}
    equal("20 answers have 20 request ids", 20, len(ids))
    old = tls_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        Raw(old).close()
        check("TLS 1.2 is refused", False)
    except (ssl.SSLError, ConnectionResetError):
        check("TLS 1.2 is refused", True)
    r = Raw()
    equal("TLS 1.3 is spoken", "TLSv1.3", r.sock.version())
    r.close()


# --- /token -------------------------------------------------------------------

def token_good(c):
    a = c.login("admin", admin_password())
    equal("a good login: 200", 200, a.status)
    equal("the token is application/jwt", "application/jwt",
          a.headers.get("Content-Type"))
    equal("POST /token has Strict-Transport-Security",
          "max-age=63072000; includeSubDomains",
          a.headers.get("Strict-Transport-Security"))
    check("the token is not to be cached",
          "no-store" in a.headers.get("Cache-Control", ""),
          a.headers.items())
    parts, head, claims = bearer(a.body.decode())
    equal("the body is a bare JWT of three parts", 3, parts)
    equal("it is signed ES256", "ES256", head["alg"])
    c.token = a.body.decode()
    me = c.must(200, "GET", "/users?username=admin")[0]
    equal("sub is the user's id", me["id"], claims["sub"])
    equal("scope is the array of permissions", sorted(PERMISSIONS),
          sorted(claims["scope"]))
    equal("exp is iat and the configured 60 s", 60,
          claims["exp"] - claims["iat"])
    check("nbf is there", claims["nbf"] <= claims["exp"])
    check("iat is now", abs(claims["iat"] - time.time()) < 10)
    check("aud is there", claims.get("aud"), claims)
    equal("a user's permissions are what the token says",
          sorted(claims["scope"]), sorted(me["permissions"]))


def token_types(c):
    good = {"username": "admin", "password": admin_password()}
    for status, accept in (
            (415, None), (415, JSON), (415, "text/plain"), (415, ""),
            (415, "application/jwt;q=0"), (200, "*/*"),
            (200, "application/*"), (200, "APPLICATION/JWT"),
            (200, "text/html, application/jwt;q=0.5"),
            (200, "application/jwt; charset=utf-8")):
        c.expect("POST /token with Accept %s" % accept, status, "POST",
                 "/token", good, {"Accept": accept}, token="")
    for status, ctype in (
            (415, None), (415, "text/plain"), (415, "application/jwt"),
            (415, "application/x-www-form-urlencoded"),
            (415, "application/json; charset=latin1"),
            (200, "application/json; charset=utf-8"),
            (200, "Application/JSON;Charset=\"UTF-8\"")):
        c.expect("POST /token with Content-Type %s" % ctype, status, "POST",
                 "/token", good, {"Accept": "application/jwt",
                                  "Content-Type": ctype}, token="")


def token_bodies(c):
    for what, body in (
            ("no body", b""), ("no JSON", b"{"), ("an array", b"[]"),
            ("null", b"null"), ("a string", b'"x"'),
            ("an unknown member", {"username": "admin", "password": "x" * 12,
                                   "more": 1}),
            ("a member in another case", {"Username": "admin",
                                          "password": "x" * 12}),
            ("no password", {"username": "admin"}),
            ("no username", {"password": "x" * 12}),
            ("an empty password", {"username": "admin", "password": ""}),
            ("an empty username", {"username": "", "password": "x" * 12}),
            ("a number for the password", {"username": "admin",
                                           "password": 1}),
            ("null for the password", {"username": "admin",
                                       "password": None}),
            ("a member twice", b'{"username":"admin","username":"admin",'
             b'"password":"xxxxxxxxxxxx"}'),
            ("text after the value", b'{"username":"admin",'
             b'"password":"xxxxxxxxxxxx"} x')):
        a = c.expect("POST /token with " + what, 400, "POST", "/token", body,
                     {"Accept": "application/jwt"}, token="")
    check("a 400 says what is wrong", len(a.error) > 5, a.error)
    c.expect("POST /token with 65537 bytes", 413, "POST", "/token",
             b'{"username":"' + b"a" * 65600 + b'"}',
             {"Accept": "application/jwt"}, token="")


def sets():
    code, out, err = ctl("-j", "show", "status")
    return json.loads(out)["sets"] if code == 0 else None


def configure(**words):
    """With these in kbsd.conf it reloads, and the old processes go."""
    path = os.path.join(STATE, "..", "kbsd.conf")
    with open(path) as f:
        text = f.read()
    for name, value in words.items():
        text = re.sub(r"\b%s \S+" % name, "%s %s" % (name, value), text)
    with open(path, "w") as f:
        f.write(text)
    equal("kbsd reloads with %s" % words, 0, ctl("reload")[0])
    end = time.time() + AGES
    while sets() != 1 and time.time() < end:
        time.sleep(0.1)


def token_lockout(c):
    """attempts 3 within 5m, lockout 5m"""
    right = "password of it"
    for name in ("locky", "Locky", "other", "away"):
        c.must(201, "POST", "/users", {
            "username": name, "password": right,
            "permissions": ["keys:search"]})
    wrong = c.login("locky", "not the password")
    equal("a wrong password: 401", 401, wrong.status)
    a = c.login("nobody-has-this", "not the password")
    equal("an unknown user: 401", 401, a.status)
    equal("both have the same text", wrong.body, a.body)
    equal("and the same headers but the request id",
          sorted(k for k in wrong.headers), sorted(k for k in a.headers))
    equal("two failures do not lock", 401,
          c.login("locky", "not the password").status)
    equal("a success after two failures", 200, c.login("locky", right).status)
    for i in range(2):
        equal("it cleared the count: failure %d" % (i + 1), 401,
              c.login("locky", "not the password").status)
    equal("it cleared the count: success", 200,
          c.login("locky", right).status)
    for name, source in (("locky", None), ("nobody-has-this-too", None)):
        for i in range(3):
            a = c.login(name, "not the password")
            equal("%s: failure %d of 3 is told as one" % (name, i + 1), 401,
                  a.status)
        a = c.login(name, right)
        equal("%s is locked" % name, 429, a.status)
        check("%s: Retry-After is what is left of 5 min" % name,
              a.headers.get("Retry-After", "").isdigit() and
              180 < int(a.headers["Retry-After"]) <= 300,
              a.headers.items())
        if name == "locky":
            text = a.body
            far = Client(source=("127.0.0.2", 0))
            equal("the lockout is by name, whatever the source", 429,
                  far.login(name, right).status)
            equal("names are compared byte for byte: Locky is not locked",
                  200, c.login("Locky", right).status)
            equal("another user is not locked", 200,
                  c.login("other", right).status)
        else:
            equal("an unknown name is locked with the same text", text,
                  a.body)
    for name in ("locky", "nobody-has-this-too"):
        equal("kbsctl unlocks %s" % name, 0,
              ctl("user", "unlock", name)[0])
        a = c.login(name, "not the password")
        equal("%s: then a failure is the first again" % name, 401, a.status)
    equal("and the right password is good", 200,
          c.login("locky", right).status)
    code, out, err = ctl("user", "unlock", "no name")
    check("kbsctl unlocks no odd name", code == 2 and "no user name" in err,
          (code, err))
    for i in range(3):
        c.login("locky", "not the password")
    equal("locked once more", 429, c.login("locky", right).status)
    token_unlocked(c, right)


def token_unlocked(c, right):
    """What ends by itself; locky is locked."""
    configure(within="4s", lockout="3s")
    equal("a lockout is none longer than the configuration now has it, and "
          "not over", 429, c.login("locky", right).status)
    time.sleep(3.2)
    equal("after the lockout the right password is good", 200,
          c.login("locky", right).status)
    equal("after the lockout an unknown name is 401 again", 401,
          c.login("nobody-has-this-too", right).status)
    for i in range(2):
        c.login("away", "not the password")
    time.sleep(4.2)
    for i in range(2):
        equal("failures of an earlier interval do not count (%d)" % i, 401,
              c.login("away", "not the password").status)
    equal("so the third in two intervals does not lock", 200,
          c.login("away", right).status)


def token_group():
    c = Client()
    token_good(c)
    token_types(c)
    token_bodies(c)
    token_lockout(admin())


# --- permissions --------------------------------------------------------------

def permissions():
    c = admin()
    users = {p: user(c, "only." + p.replace(":", "."), [p])
             for p in PERMISSIONS}
    good = c.token
    spoiled = good[:-8] + ("AAAAAAAA" if good[-8:] != "AAAAAAAA" else
                           "BBBBBBBB")
    head, payload, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode()
    bad = (("none", {}),
           ("an empty one", {"Authorization": "Bearer "}),
           ("Basic", {"Authorization": "Basic YWRtaW46YWRtaW4="}),
           ("the bare token", {"Authorization": good}),
           ("two", {"Authorization": ["Bearer " + good, "Bearer " + good]}),
           ("a spoiled signature", {"Authorization": "Bearer " + spoiled}),
           ("alg none", {"Authorization": "Bearer %s.%s." % (
               none.rstrip("="), payload)}),
           ("another's payload", {"Authorization": "Bearer %s.%s.%s" % (
               head, users["keys:search"].token.split(".")[1], signature)}))
    anyone = Client()
    for method, path, needs, body, status in ENDPOINTS:
        at = "%s %s" % (method, path)
        more = headers_of(method, path)
        for what, auth in bad:
            a = anyone.expect("%s with a token that is: %s" % (at, what), 401,
                              method, path, body, headers={**more, **auth},
                              token="")
        for p in PERMISSIONS:
            users[p].expect("%s with %s alone" % (at, p),
                            status if p == needs else 401, method, path, body,
                            headers=more)
        c.expect("%s with all permissions" % at, status, method, path, body,
                 headers=more)
    check("401 asks for Bearer", "Bearer" in a.headers.get(
        "WWW-Authenticate", ""), a.headers.items())
    a = anyone.post("/keys/%s/transfer" % NOBODY)
    equal("POST /keys/{id}/transfer wants no token", 404, a.status)
    a = anyone.get("/keys?algorithm=AES", headers={
        "Authorization": "bEaReR " + good}, token="")
    equal("the scheme is taken in any case", 200, a.status)


# --- headers -----------------------------------------------------------------

def headers():
    c = admin()
    for method, path, _, body, status in ENDPOINTS + (
            ("POST", "/keys/%s/transfer" % NOBODY, "", None, 404),):
        at = "%s %s" % (method, path)
        more = headers_of(method, path)
        never = method == "DELETE"
        for want, accept in (
                (415, None), (415, "text/html"), (415, "application/jwt"),
                (415, "application/json;q=0"), (415, "*/*, " + JSON +
                                                ";q=0"),
                (0, "*/*"), (0, "application/*"),
                (0, "text/html, application/json;q=0.1"),
                (0, "application/json; charset=utf-8"),
                (0, "application/json;charset=\"UTF-8\"")):
            c.expect("%s with Accept %s" % (at, accept),
                     status if never or not want else 415, method, path, body,
                     headers={**more, "Accept": accept})
        if body is None:
            continue
        good = more.get("Content-Type", JSON)
        for want, ctype in (
                (415, None), (415, "text/plain"), (415, "application/*"),
                (415, good + ", " + good), (415, good + "x"),
                (415, good + "; charset=utf-16"),
                (415, JSON if more else PEMTYPE),
                (0, good + ";charset=utf-8"), (0, good.upper())):
            c.expect("%s with Content-Type %s" % (at, ctype), want or status,
                     method, path, body, headers={"Content-Type": ctype})
    c.expect("a transfer with a body and Content-Type text/plain", 415,
             "POST", "/keys/%s/transfer" % NOBODY,
             {"attestation_token": "a.b.c"}, {"Content-Type": "text/plain"})


# --- strict JSON --------------------------------------------------------------

def strictness():
    c = admin()
    pid = c.must(201, "POST", "/key-transfer-policies", TDX)["id"]
    key = c.must(201, "POST", "/keys", {**AES, "transfer_policy_id": pid})
    uid = c.must(201, "POST", "/users", {
        "username": "strict", "password": "password of it",
        "permissions": ["keys:search"]})["id"]
    jwt = {"Accept": "application/jwt"}
    bodies = (
        ("POST", "/token", {"username": "strict",
                            "password": "password of it"}, 200, jwt),
        ("PUT", "/users/" + uid, {"permissions": ["keys:search"]}, 200, {}),
        ("POST", "/key-transfer-policies", TDX, 201, {}),
        ("POST", "/keys", AES, 201, {}),
        ("PUT", "/keys/" + key["id"], {"transfer_policy_id": pid}, 201, {}),
        ("POST", "/keys/%s/transfer" % key["id"],
         {"attestation_token": "a.b.c"}, 401, {}))
    for method, path, body, status, more in bodies:
        at = "%s %s" % (method, re.sub(UUID4, "{id}", path))
        text = json.dumps(body)
        name = next(iter(body))
        first = '"%s": %s' % (name, json.dumps(body[name]))
        for what, wrong in (
                ("an unknown member", {**body, "unknown": 1}),
                ("an unknown member that is null", {**body, "unknown": None}),
                ("a member twice", "{%s, %s" % (first, text[1:])),
                ("a member in another case", text.replace(
                    name, name.capitalize(), 1)),
                ("null for the object", "null"),
                ("an array round it", "[%s]" % text),
                ("text behind it", text + "x"),
                ("a second value behind it", text + text),
                ("a comma too many", text[:-1] + ",}"),
                ("single quotes", text.replace('"', "'")),
                ("a comment", text[:-1] + "/* */}"),
                ("its end missing", text[:-1]),
                ("a NUL behind it", text + "\0"),
                ("bytes that are no UTF-8",
                 text[:-1].encode() + b', "\xff\xfe": 1}'),
                ("a byte order mark", b"\xef\xbb\xbf" + text.encode()),
                ("an escaped NUL", text[:-1] + ', "a\\u0000": 1}'),
                ("a lone surrogate", text[:-1] + ', "\\ud800": 1}'),
                ("2000 arrays deep", '{"x": %s%s}' % ("[" * 2000,
                                                      "]" * 2000)),
                ("20000 values", '{"x": [%s]}' % ",".join(["1"] * 20000)),
                ("nothing but spaces", "   ")):
            c.expect("%s with %s" % (at, what), 400, method, path, wrong,
                     headers=more)
        if not path.endswith("/transfer"):
            c.expect("%s with no bytes" % at, 400, method, path, b"",
                     headers=more)
        c.expect("%s with spaces around it" % at, status, method, path,
                 " \r\n\t%s\n" % text, headers=more)
        most = 1 << 20 if path.endswith("/transfer") else 1 << 16
        big = Client()
        big.token = c.token
        big.expect("%s with a body that is too long" % at, 413, method, path,
                   '{"x":"%s"}' % ("a" * (most + 10)), headers=more)
        fits = big.call(method, path, '{"x":"%s"}' % ("a" * (most - 8)),
                        headers=more)
        equal("%s with as long a body as may be is read" % at, 400,
              fits.status)
    for path, body in (
            ("/keys", {"key_information": None}),
            ("/keys", {"key_information": []}),
            ("/keys", {"key_information": {"algorithm": "AES",
                                           "key_length": "256"}}),
            ("/keys", {"key_information": {"algorithm": "AES",
                                           "key_length": 256.0}}),
            ("/keys", {"key_information": {"algorithm": "AES",
                                           "key_length": 256, "x": 1}}),
            ("/key-transfer-policies", {"attestation_type": "TDX",
                                        "tdx": None}),
            ("/key-transfer-policies", {"attestation_type": "TDX",
                                        "tdx": {"attributes": None}}),
            ("/key-transfer-policies", {"attestation_type": "TDX",
                                        "tdx": {"Attributes": {}}}),
            ("/users", {"username": "x1", "password": "password of it",
                        "permissions": None}),
            ("/users", {"username": "x1", "password": "password of it",
                        "permissions": "keys:search"})):
        c.expect("POST %s %s" % (path, json.dumps(body)), 400, "POST", path,
                 body)


# --- the order of checks ------------------------------------------------------

def order():
    c = admin()
    anyone = Client()
    for method, path, _, body, _ in ENDPOINTS:
        at = "%s %s" % (method, path)
        anyone.expect("%s: the route comes before authorization (404)" % at,
                      404, method, path.replace("?", "/?") if "?" in path
                      else path + "/", body)
        anyone.expect("%s: the method comes before authorization (405)" % at,
                      405, "PATCH", path, body)
        anyone.expect("%s: authorization comes before headers" % at, 401,
                      method, path, body,
                      {"Accept": "text/html", "Content-Type": "text/plain"})
        if body is not None:
            anyone.expect("%s: authorization comes before the body" % at,
                          401, method, path, b"{", headers_of(method, path))
            c.expect("%s: headers come before the body" % at, 415, method,
                     path, b"{", {"Content-Type": "text/plain"})
            c.expect("%s: the body comes before the id" % at, 400, method,
                     path, b"{", headers_of(method, path))
        elif method == "GET":
            c.expect("%s: headers come before the id" % at, 415, method, path,
                     headers={"Accept": "text/html"})
    good = {"PUT /users/": {"permissions": ["keys:search"]},
            "PUT /keys/": {"transfer_policy_id": c.must(
                201, "POST", "/key-transfer-policies", TDX)["id"]},
            "POST /keys/": pki.spki_pem(rsa_key("3072"))}
    for at, body in good.items():
        method, path = at.split()
        c.expect("%s{id}: an unknown id with a good body" % at, 404, method,
                 path + NOBODY, body, headers_of(method, path))
    transfer = "/keys/%s/transfer" % NOBODY
    c.expect("transfer: the body comes before the id", 400, "POST", transfer,
             b"{")
    c.expect("transfer: Accept comes before the body", 415, "POST", transfer,
             b"{", {"Accept": "text/html"})
    for body in (None, {"attestation_token": "a.b.c"}):
        c.expect("transfer: an unknown id", 404, "POST", transfer, body)
    c.expect("transfer: an unknown id with evidence", 404, "POST", transfer,
             {"quote": "AAAA", "user_data": "AAAA"},
             {"Attestation-Type": "TDX"})


# --- the router ---------------------------------------------------------------

ALLOW = {
    "/version": "GET", "/token": "POST", "/users": "GET, POST",
    "/users/" + NOBODY: "DELETE, GET, PUT",
    "/key-transfer-policies": "GET, POST",
    "/key-transfer-policies/" + NOBODY: "DELETE, GET",
    "/keys": "GET, POST", "/keys/" + NOBODY: "DELETE, GET, POST, PUT",
    "/keys/%s/transfer" % NOBODY: "POST"}


def router():
    c = admin()
    for what, uuid in (
            ("of version 1", "6e5cdd29-4c1e-1f0b-9f4b-1d3ac1b0d9c2"),
            ("of another variant", "6e5cdd29-4c1e-4f0b-cf4b-1d3ac1b0d9c2"),
            ("of variant 7", "6e5cdd29-4c1e-4f0b-7f4b-1d3ac1b0d9c2"),
            ("nil", "00000000-0000-0000-0000-000000000000"),
            ("too short", NOBODY[:-1]), ("too long", NOBODY + "0"),
            ("without dashes", NOBODY.replace("-", "")),
            ("in brackets", "(%s)" % NOBODY), ("not hex", "g" + NOBODY[1:]),
            ("percent-encoded", "%36" + NOBODY[1:]),
            ("a dot path", "../users/" + NOBODY), ("a name", "admin")):
        for path in ("/users/", "/keys/", "/key-transfer-policies/"):
            a = c.expect("GET %s with an id that is %s" % (path, what), 404,
                         "GET", path + uuid)
        c.expect("a transfer of an id that is " + what, 404, "POST",
                 "/keys/%s/transfer" % uuid)
    check("errors of the router are JSON", a.headers["Content-Type"] == JSON)
    for path in ("/", "/kbs", "/kbs/", "/kbs/v1", "/kbs/v1/", "/kbs/v2/keys",
                 "/kbs/v1/key", "/kbs/v1/KEYS", "/kbs/v1//keys",
                 "//kbs/v1/keys", "/kbs/v1/keys/", "/kbs/v1/version/",
                 "/kbs/v1/keys;a=b", "/kbs/v1/keys%20", "/kbs/./v1/version",
                 "/kbs/v1/%76ersion", "/kbs/v1/users/../version",
                 "/kbs/v1/keys/%s/" % NOBODY,
                 "/kbs/v1/keys/%s/Transfer" % NOBODY,
                 "/kbs/v1/keys/%s/transfer/" % NOBODY,
                 "/kbs/v1/users/%s/transfer" % NOBODY):
        if not path.startswith("/kbs"):
            a = raw_get(path, c.token)
            equal("GET %s: 404" % path, 404, a.status)
        else:
            c.expect("GET " + path, 404, "GET", path)
    for path, allow in ALLOW.items():
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD",
                       "OPTIONS", "TRACE"):
            if method in allow.split(", "):
                continue
            a = c.expect("%s %s" % (method, path), 405, method, path)
            equal("%s %s has Allow" % (method, path), allow, ", ".join(sorted(
                a.headers.get("Allow", "").split(", "))))
    pid = c.must(201, "POST", "/key-transfer-policies", TDX)["id"]
    a = c.expect("an id in upper case", 200, "GET",
                 "/key-transfer-policies/" + pid.upper())
    equal("it is the same object", pid, a.json["id"])
    c.expect("an unknown id in mixed case", 404, "GET", "/keys/" + MIXED)


def raw_get(path, token):
    r = Raw()
    r.send("GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\n"
           "Authorization: Bearer %s\r\n\r\n" % (path, JSON, token))
    a = r.answer()
    r.close()
    return a


# --- users --------------------------------------------------------------------

def users_create(c):
    a = c.expect("POST /users", 201, "POST", "/users", {
        "username": "alice", "password": "password of it",
        "permissions": ["keys:search", "keys:create"]})
    alice = a.json
    equal("a user has these members and no others",
          ["created_at", "id", "permissions", "updated_at", "username"],
          sorted(alice))
    check("its id is a version 4 UUID", UUID4.fullmatch(alice["id"]))
    for name in ("created_at", "updated_at"):
        check(name + " is RFC 3339 UTC", RFC3339.fullmatch(alice[name]),
              alice[name])
        when = calendar.timegm(time.strptime(alice[name][:19],
                                             "%Y-%m-%dT%H:%M:%S"))
        check(name + " is now", abs(when - time.time()) < 10)
    equal("its permissions", ["keys:create", "keys:search"],
          sorted(alice["permissions"]))
    good = {"password": "password of it", "permissions": ["keys:search"]}
    a = c.expect("a taken name", 400, "POST", "/users",
                 {**good, "username": "alice"})
    c.expect("names are compared byte for byte: Alice", 201, "POST", "/users",
             {**good, "username": "Alice"})
    for status, what, name in (
            (201, "letters, digits, . _ -", "a.B_9-z"),
            (201, "one @", "bob@example.net"),
            (201, "of one byte", "b"), (201, "of 255 bytes", "n" * 255),
            (400, "of 256 bytes", "n" * 256), (400, "that is empty", ""),
            (400, "with two @", "a@b@c"), (400, "with a space", "a b"),
            (400, "with a space behind", "alice "), (400, "with /", "a/b"),
            (400, "with a colon", "a:b"), (400, "not ASCII", "al\u00efce"),
            (400, "with a newline", "a\nb"), (400, "with a NUL", "a\0b"),
            (400, "with %", "a%41"), (400, "with a quote", "a'b")):
        c.expect("a name " + what, status, "POST", "/users",
                 {**good, "username": name})
    for status, what, password in (
            (400, "8 bytes", "x" * 8), (201, "9 bytes", "x" * 9),
            (201, "71 bytes", "x" * 71), (400, "72 bytes", "x" * 72),
            (400, "1000 bytes", "x" * 1000), (400, "no bytes", ""),
            (201, "9 bytes of 3 letters", "\u20ac" * 3),
            (400, "72 bytes of 24 letters", "\u20ac" * 24)):
        c.expect("a password of " + what, status, "POST", "/users",
                 {"username": "p%s" % what.replace(" ", "."), "password":
                  password, "permissions": ["keys:search"]})
    for name, password in (("p9.bytes", "x" * 9), ("p71.bytes", "x" * 71),
                           ("p9.bytes.of.3.letters", "\u20ac" * 3)):
        equal("%s logs in" % name, 200, c.login(name, password).status)
    equal("a password is not cut: 71 bytes and one more", 401,
          c.login("p71.bytes", "x" * 72).status)
    for status, what, given in (
            (400, "none", []), (400, "unknown", ["keys:frobnicate"]),
            (400, "in another case", ["Keys:Create"]), (400, "a number", [1]),
            (400, "a pattern", ["keys:*"]), (400, "null", [None]),
            (201, "twice the same", ["keys:search", "keys:search"]),
            (201, "the published spelling",
             ["key-transfer-policies:create", "key-transfer-policies:delete",
              "key-transfer-policies:search"])):
        a = c.expect("permissions that are " + what, status, "POST", "/users",
                     {"username": "q." + what.replace(" ", "."),
                      "password": "password of it", "permissions": given})
    equal("it is stored in the first spelling",
          ["key_transfer_policies:create", "key_transfer_policies:delete",
           "key_transfer_policies:search"], sorted(a.json["permissions"]))
    for missing in ("username", "password", "permissions"):
        body = {"username": "missing", **good}
        del body[missing]
        c.expect("a user without " + missing, 400, "POST", "/users", body)
    return alice


def users_search(c, alice):
    a = c.expect("GET /users?username=", 200, "GET", "/users?username=alice")
    equal("it finds that user alone", [alice], a.json)
    for path in ("/users?username=no.such", "/users?username=ALICE"):
        a = c.expect("GET " + path, 200, "GET", path)
        equal("an empty result is []", b"[]", a.body)
    equal("a value may be percent-encoded", [alice],
          c.get("/users?username=%61lice").json)
    for query in ("", "?", "?name=alice", "?username=", "?username",
                  "?username=alice&x=1", "?username=alice&username=alice",
                  "?Username=alice", "?username=a%20b", "?username=%zz",
                  "?username=%00"):
        c.expect("GET /users" + query, 400, "GET", "/users" + query)
    found = c.must(200, "GET", "/users?limit=1000")
    check("limit alone finds all users", alice in found, found)
    pages = c.must(200, "GET", "/users?limit=1")
    while len(pages) < len(found):
        pages += c.must(200, "GET", "/users?limit=1&after=" +
                        pages[-1]["id"])
    equal("users in pages", found, pages)
    a = c.expect("GET /users/{id}", 200, "GET", "/users/" + alice["id"])
    equal("it is that user", alice, a.json)


def users_update(c, alice):
    at = "/users/" + alice["id"]
    time.sleep(1.1)
    a = c.call("PUT", at, {"permissions": ["keys:delete"]})
    check("PUT /users/{id}: 200 or 201", a.status in (200, 201), a.status)
    equal("what was named changes", ["keys:delete"], a.json["permissions"])
    equal("what was not named stays", alice["username"], a.json["username"])
    equal("created_at stays", alice["created_at"], a.json["created_at"])
    check("updated_at does not", a.json["updated_at"] > alice["updated_at"],
          a.json["updated_at"])
    equal("the answer is what is stored", a.json, c.get(at).json)
    for body in ({}, {"username": "", "password": "", "permissions": []}):
        b = c.call("PUT", at, body)
        check("PUT with members %s: 200 or 201" % list(body),
              b.status in (200, 201), b.status)
        equal("and all stays", (a.json["username"], a.json["permissions"]),
              (b.json["username"], b.json["permissions"]))
    equal("the password stayed too", 200,
          c.login("alice", "password of it").status)
    for status, what, body in (
            (400, "a taken name", {"username": "Alice"}),
            (400, "a bad name", {"username": "a b"}),
            (400, "a short password", {"password": "x" * 8}),
            (400, "a long password", {"password": "x" * 72}),
            (400, "unknown permissions", {"permissions": ["keys:all"]}),
            (400, "an id", {"id": NOBODY}),
            (200, "its own name", {"username": "alice"})):
        b = c.call("PUT", at, body)
        check("PUT with %s: %d" % (what, status), b.status == status or
              (status, b.status) == (200, 201), b.status)
    b = c.call("PUT", at, {"username": "alicia"})
    check("a user may be renamed", b.status in (200, 201) and
          b.json["username"] == "alicia", b.body)
    equal("the old name is free", [], c.get("/users?username=alice").json)
    equal("the old name logs nobody in", 401,
          c.login("alice", "password of it").status)
    equal("the new name does", 200,
          c.login("alicia", "password of it").status)
    c.expect("PUT of an unknown id", 404, "PUT", "/users/" + NOBODY,
             {"username": "free.name"})


def tokens_end(c):
    find = "/keys?algorithm=AES"
    changes = (
        ("renamed", {"username": "changed.name"}),
        ("given other permissions", {"permissions": ["keys:search",
                                                     "keys:create"]}),
        ("given another password", {"password": "another password"}),
        ("deleted", None))
    for i, (what, body) in enumerate(changes):
        u = user(c, "ends%d" % i, ["keys:search"])
        at = "/users/" + c.get("/users?username=ends%d" % i).json[0]["id"]
        second = Client()
        second.token = u.login("ends%d" % i, "password of it").body.decode()
        u.expect("a token before its user is %s" % what, 200, "GET", find)
        if body is None:
            a = c.expect("DELETE /users/{id}", 204, "DELETE", at)
            equal("204 has no body", b"", a.body)
        else:
            c.call("PUT", at, body)
        u.expect("a token after its user was %s" % what, 401, "GET", find)
        second.expect("another token after its user was %s" % what, 401,
                      "GET", find)
        if body is None:
            c.expect("GET of a deleted user", 404, "GET", at)
            c.expect("DELETE of a deleted user", 404, "DELETE", at)
            equal("a deleted user does not log in", 401,
                  u.login("ends%d" % i, "password of it").status)
            u = user(c, "ends%d" % i, ["keys:search"])
            check("the name may be used again",
                  c.get("/users?username=ends%d" % i).json[0]["id"] not in at)
            second.expect("tokens of the deleted one stay dead", 401, "GET",
                          find)


def lockout_default(c):
    name = {"username": "five", "password": "password of it",
            "permissions": ["keys:search"]}
    c.must(201, "POST", "/users", name)
    for i in range(5):
        equal("default lockout: failure %d" % (i + 1), 401,
              c.login("five", "not the password").status)
    a = c.login("five", "password of it")
    equal("the right password is refused from the 6th attempt on", 429,
          a.status)
    check("for 15 minutes", 880 < int(a.headers.get("Retry-After", 0)) <= 900,
          a.headers.get("Retry-After"))
    _, _, claims = bearer(c.token)
    equal("a bearer token lives 5 minutes", 300,
          claims["exp"] - claims["iat"])


def users():
    c = admin()
    alice = users_create(c)
    users_search(c, alice)
    users_update(c, alice)
    tokens_end(c)
    lockout_default(c)


# --- policies -----------------------------------------------------------------

UUIDS = ["1aa8e5a7-0f24-4a66-9f0a-2f3b9b5c1d11",
         "2aa8e5a7-0f24-4a66-9f0a-2f3b9b5c1d11"]
H32, H48, FMSPC = "ab" * 32, "cd" * 48, "00806f050000"
SGX_ALL = {"mrsigner": [H32, "00" * 32], "isvprodid": [0, 65535],
           "mrenclave": [H32], "isvsvn": 65535, "isvsvn_minimum": 1,
           "enforce_tcb_upto_date": True, "allow_debug": True,
           "tcb_statuses": ["UpToDate", "SWHardeningNeeded"],
           "advisories_allowed": ["INTEL-SA-00615"],
           "tcb_date_minimum": "2025-01-01T00:00:00Z", "platforms": [FMSPC],
           "deny": {"mrenclave": ["00" * 32], "isvsvn": [3]}}
TDX_ALL = {"mrsignerseam": [H48], "mrseam": [H48], "seamsvn": 1,
           "seamsvn_minimum": 1, "mrtd": [H48], "rtmr0": H48, "rtmr1": H48,
           "rtmr2": H48, "rtmr3": H48, "enforce_tcb_upto_date": False,
           "tcb_statuses": ["UpToDate"], "tcb_date_minimum":
           "2025-01-01T00:00:00Z", "deny": {"mrtd": ["00" * 48]}}

SNP_ALL = {"measurement": [H48, "00" * 48], "host_data": [H32],
           "id_key_digest": [H48], "author_key_digest": [H48],
           "guest_svn_minimum": 4294967295, "bootloader_svn_minimum": 4,
           "tee_svn_minimum": 1, "snp_svn_minimum": 24,
           "microcode_svn_minimum": 255}


def gpu(nvgpu, tdx=None):
    return {"attestation_type": ["TDX", "NVGPU"],
            "tdx": tdx or {"attributes": {"mrtd": [H48]}}, "nvgpu": nvgpu}


def good_policies():
    """What is sent, and how it reads back where that is something else."""
    yield "SGX with all attributes", policy("sgx", **SGX_ALL), None
    yield "TDX with all attributes", policy("tdx", **TDX_ALL), None
    yield "SNP with all attributes", policy("snp", **SNP_ALL), None
    for tee, attributes in (("sgx", SGX_ALL), ("tdx", TDX_ALL),
                            ("snp", SNP_ALL)):
        for name, value in attributes.items():
            if name in ("deny", "allow_debug") or value is False:
                continue
            yield "%s with %s alone" % (tee, name), \
                policy(tee, **{name: value}), None
    yield "policy_ids alone", {"attestation_type": "SGX", "sgx": {
        "policy_ids": UUIDS}}, None
    yield "policy_ids and attributes", {"attestation_type": "TDX", "tdx": {
        "policy_ids": UUIDS[:1], "attributes": {"mrtd": [H48]}}}, None
    yield "a type in an array", {**TDX, "attestation_type": ["TDX"]}, TDX
    yield "an attestation block", {**TDX, "attestation": "ita-2.b"}, None
    yield "seamsvn as \"3\"", policy("tdx", seamsvn="3"), \
        policy("tdx", seamsvn=3)
    yield "isvsvn as \"3\"", policy("sgx", isvsvn="3"), \
        policy("sgx", isvsvn=3)
    yield "enforce_tcb_upto_date as \"false\"", \
        policy("tdx", mrtd=[H48], enforce_tcb_upto_date="false"), \
        policy("tdx", mrtd=[H48], enforce_tcb_upto_date=False)
    yield "enforce_tcb_upto_date as \"true\"", \
        policy("tdx", mrtd=[H48], enforce_tcb_upto_date="true"), \
        policy("tdx", mrtd=[H48], enforce_tcb_upto_date=True)
    yield "hex in upper case", policy("tdx", mrtd=[H48.upper()]), \
        policy("tdx", mrtd=[H48])
    yield "empty attributes beside one", \
        policy("tdx", mrtd=[H48], mrseam=[], rtmr0=""), \
        policy("tdx", mrtd=[H48])
    yield "TDX and NVGPU", gpu({"policy_ids": UUIDS[:1], "attributes": {
        "enforce_overall_attestation_result": True,
        "require_secure_boot": True, "hwmodel": ["GH100 A01 GSP BROM"]}}), \
        None
    yield "TDX and an empty nvgpu", gpu({}), None
    yield "types in the other order", {**gpu({}), "attestation_type":
                                       ["NVGPU", "TDX"]}, gpu({})


def bad_policies():
    for tee, width in (("sgx", 64), ("tdx", 96)):
        name = "mrsigner" if tee == "sgx" else "mrtd"
        for what, value in (
                ("two digits short", ["a" * (width - 2)]),
                ("two digits long", ["a" * (width + 2)]),
                ("of odd length", ["a" * (width - 1)]),
                ("not hex", ["g" * width]), ("a plain string", "a" * width),
                ("a number", [1]), ("null", None), ("with null", [None]),
                ("an empty string", [""])):
            yield "%s %s %s" % (tee, name, what), policy(tee, **{name: value})
    for tee, name, values in (
            ("sgx", "isvprodid", ([65536], [-1], ["1"], [1.5], 1, [True])),
            ("sgx", "isvsvn", (65536, -1, 1.5, "x", "-1", " 1", [1], True,
                               "65536", "")),
            ("tdx", "seamsvn", (65536, -1, "3x", [3], None)),
            ("tdx", "seamsvn_minimum", (65536, "x", True)),
            ("tdx", "rtmr0", ("ab", [H48], 1, "g" * 96)),
            ("tdx", "enforce_tcb_upto_date", ("yes", 1, "TRUE", None)),
            ("tdx", "allow_debug", ("x", 1)),
            ("tdx", "tcb_statuses", ("UpToDate", [1], [""])),
            ("tdx", "advisories_allowed", ("x", [1])),
            ("tdx", "tcb_date_minimum", ("yesterday", 1, "2025-13-01T00:00:0"
                                         "0Z", "2025-01-01")),
            ("tdx", "platforms", (["00"], [FMSPC + "00"], FMSPC)),
            ("tdx", "deny", ([], {"unknown": []}, {"mrenclave": [H32]},
                             {"mrtd": ["00"]}, {"mrtd": H48}, None)),
            ("sgx", "mrtd", ([H48],)), ("tdx", "mrenclave", ([H32],)),
            ("tdx", "rtmr4", (H48,)), ("tdx", "Mrtd", ([H48],)),
            ("snp", "host_data", ([H48], H32)), ("snp", "mrtd", ([H48],)),
            ("snp", "guest_svn_minimum", (4294967296, "1", -1)),
            ("snp", "snp_svn_minimum", (256, "1", [1])),
            ("snp", "deny", ({},)), ("snp", "allow_debug", (True,))):
        for value in values:
            attributes = {name: value}
            if name not in ("mrtd", "Mrtd"):
                attributes.update({"tdx": {"mrtd": [H48]},
                                   "snp": {"measurement": [H48]},
                                   "sgx": {"mrsigner": [H32]}}[tee])
            yield "%s %s %s" % (tee, name, json.dumps(value)), \
                policy(tee, **attributes)
    attributes = {"attributes": {"mrtd": [H48]}}
    sgx = {"attributes": {"mrsigner": [H32]}}
    for what, body in (
            ("no type", {"tdx": attributes}), ("an empty body", {}),
            ("an unknown type", {"attestation_type": "SEV",
                                 "tdx": attributes}),
            ("SNP with TDX", {"attestation_type": ["SNP", "TDX"],
                              "tdx": attributes, "snp": {
                                  "attributes": {"measurement": [H48]}}}),
            ("SNP with policy_ids", {"attestation_type": "SNP", "snp": {
                "policy_ids": UUIDS, "attributes": {"measurement": [H48]}}}),
            ("no block's name", {**TDX, "attestation": "a/b"}),
            ("two blocks", {**TDX, "attestation": ["a", "b"]}),
            ("a type in lower case", {"attestation_type": "tdx",
                                      "tdx": attributes}),
            ("no types", {"attestation_type": [], "tdx": attributes}),
            ("a list as a type", {"attestation_type": "TDX,NVGPU",
                                  "tdx": attributes, "nvgpu": {}}),
            ("a number as a type", {"attestation_type": 1,
                                    "tdx": attributes}),
            ("no object for its type", {"attestation_type": "TDX"}),
            ("the object of another type", {"attestation_type": "TDX",
                                            "sgx": sgx}),
            ("an object more", {"attestation_type": "TDX", "sgx": sgx,
                                "tdx": attributes}),
            ("repeated types", {"attestation_type": ["TDX", "TDX"],
                                "tdx": attributes}),
            ("SGX with TDX", {"attestation_type": ["SGX", "TDX"], "sgx": sgx,
                              "tdx": attributes}),
            ("SGX with NVGPU", {"attestation_type": ["SGX", "NVGPU"],
                                "sgx": sgx, "nvgpu": {}}),
            ("NVGPU alone", {"attestation_type": "NVGPU", "nvgpu": {}}),
            ("NVGPU alone in an array", {"attestation_type": ["NVGPU"],
                                         "nvgpu": {}}),
            ("nvgpu without its type", {"attestation_type": "TDX",
                                        "tdx": attributes, "nvgpu": {}}),
            ("NVGPU without its object", {"attestation_type": ["TDX",
                                                               "NVGPU"],
                                          "tdx": attributes}),
            ("an unknown member in nvgpu", gpu({"x": 1})),
            ("a string for hwmodel", gpu({"attributes": {"hwmodel": "H"}})),
            ("a string for secure boot",
             gpu({"attributes": {"require_secure_boot": "true"}})),
            ("neither attributes nor policy_ids", {"attestation_type": "TDX",
                                                   "tdx": {}}),
            ("empty attributes", policy("tdx")),
            ("attributes that are all empty", policy(
                "tdx", mrtd=[], mrseam=[], rtmr0="")),
            ("empty policy_ids", {"attestation_type": "SGX", "sgx": {
                "policy_ids": []}}),
            ("deny alone", policy("tdx", deny={"mrtd": [H48]})),
            ("enforce_tcb_upto_date false alone", policy(
                "tdx", enforce_tcb_upto_date=False)),
            ("allow_debug alone", policy("tdx", allow_debug=True)),
            ("deny and allow_debug alone", policy(
                "sgx", allow_debug=True, deny={"mrsigner": [H32]})),
            ("policy_ids that are none", {"attestation_type": "TDX", "tdx": {
                "policy_ids": ["x"]}}),
            ("a string for policy_ids", {"attestation_type": "TDX", "tdx": {
                "policy_ids": UUIDS[0]}}),
            ("an id of the client's", {"id": NOBODY, **TDX}),
            ("a nonempty tdx, an empty one in a composite",
             gpu({}, {"attributes": {}}))):
        yield what, body


def policies():
    c = admin()
    at = "/key-transfer-policies"
    equal("no policies yet: []", b"[]", c.get(at).body)
    made = []
    for what, body, reads in good_policies():
        a = c.expect("a policy: " + what, 201, "POST", at, body)
        if a.status != 201:
            continue
        p = a.json
        made.append(p)
        check("%s: id and created_at" % what, UUID4.fullmatch(p["id"]) and
              RFC3339.fullmatch(p["created_at"]), p)
        equal("%s: it reads back" % what, reads or body,
              {k: v for k, v in p.items() if k not in ("id", "created_at")})
        equal("%s: GET gives the same" % what, p,
              c.get("%s/%s" % (at, p["id"])).json)
    equal("the list has them all", sorted(p["id"] for p in made),
          sorted(p["id"] for p in c.get(at).json))
    for what, body in bad_policies():
        a = c.expect("a bad policy: " + what, 400, "POST", at, body)
    equal("none of the bad ones is there", len(made), len(c.get(at).json))
    long = policy("tdx", mrtd=["%096x" % i for i in range(2000)])
    c.expect("a policy of 200 KB", 413, "POST", at, long)
    c.expect("GET of an unknown id", 404, "GET", "%s/%s" % (at, NOBODY))
    c.expect("DELETE of an unknown id", 404, "DELETE", "%s/%s" % (at, NOBODY))
    p = "%s/%s" % (at, made[0]["id"])
    key = c.must(201, "POST", "/keys", {
        **AES, "transfer_policy_id": made[0]["id"]})
    c.expect("DELETE of a policy while a key uses it", 400, "DELETE", p)
    c.must(200, "GET", p)
    c.must(204, "DELETE", "/keys/" + key["id"])
    a = c.expect("DELETE of it once the key is gone", 204, "DELETE", p)
    equal("204 has no body", b"", a.body)
    c.expect("GET of a deleted policy", 404, "GET", p)
    c.expect("DELETE of a deleted policy", 404, "DELETE", p)
    c.expect("a search parameter of policies is unknown", 400, "GET",
             at + "?id=x")
    paged(c, "policies", at, "?", 7)


# --- keys ---------------------------------------------------------------------

def pem(private, form="PKCS8"):
    return private.private_bytes(
        serialization.Encoding.PEM,
        getattr(serialization.PrivateFormat, form),
        serialization.NoEncryption())


def der(private):
    return private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption())


def new_key(algorithm, length=None, curve=None, data=None, policy=None,
            **more):
    info = {"algorithm": algorithm, **more}
    for name, value in (("key_length", length), ("curve_type", curve)):
        if value is not None:
            info[name] = value
    if data is not None:
        info["key_data"] = data if isinstance(data, str) else b64(data)
    out = {"key_information": info}
    if policy is not None:
        out["transfer_policy_id"] = policy
    return out


def key_is(what, a, info, policy=None):
    """The form of a key in an answer."""
    key = a.json
    equal("%s: its members" % what, sorted(
        ["created_at", "id", "key_info", "transfer_link"] +
        ["transfer_policy_id"] * (policy is not None)), sorted(key))
    equal("%s: key_info" % what, info, key["key_info"])
    equal("%s: transfer_link" % what,
          "/kbs/v1/keys/%s/transfer" % key["id"], key["transfer_link"])
    check("%s: id and time" % what, UUID4.fullmatch(key["id"]) and
          RFC3339.fullmatch(key["created_at"]), key)
    equal("%s: its policy" % what, policy, key.get("transfer_policy_id"))
    return key


CURVES = (("secp256r1", "secp256r1", 256), ("prime256v1", "secp256r1", 256),
          ("secp384r1", "secp384r1", 384), ("secp521r1", "secp521r1", 521))


def released(c, what, key, want, private=None):
    """POST /keys/{id} gives this very key."""
    private = private or rsa_key("3072.1")
    a = c.post("/keys/" + key["id"], pki.spki_pem(private),
               headers={"Content-Type": PEMTYPE})
    if not check("%s: POST /keys/{id} gives it: 200" % what, a.status == 200,
                 a.body):
        return
    sha = hashes.SHA384
    if "wrapped_swk" in a.json:
        error = unwrap_error(private, a.json, want, sha)
    else:
        try:
            got = private.decrypt(
                base64.b64decode(a.json["wrapped_key"], validate=True),
                padding.OAEP(padding.MGF1(sha()), sha(), None))
            error = None if got == want else "another key"
        except ValueError as e:
            error = str(e)
    equal("%s: it is the key that went in" % what, None, error)


def keys_create(c, pid):
    made = []
    for length in (128, 192, 256):
        a = c.expect("AES %d" % length, 201, "POST", "/keys",
                     new_key("AES", length, policy=pid))
        made.append(key_is("AES %d" % length, a, {
            "algorithm": "AES", "key_length": length}, pid))
    for spelled in ("aes", "Aes"):
        a = c.expect("algorithm %s" % spelled, 201, "POST", "/keys",
                     new_key(spelled, 256))
        key_is("algorithm %s, no policy" % spelled, a, {
            "algorithm": "AES", "key_length": 256})
    for length in (2048, 3072):
        a = c.expect("RSA %d" % length, 201, "POST", "/keys",
                     new_key("RSA", length, policy=pid))
        made.append(key_is("RSA %d" % length, a, {
            "algorithm": "RSA", "key_length": length}, pid))
    for curve, name, bits in CURVES:
        a = c.expect("EC " + curve, 201, "POST", "/keys",
                     new_key("EC", curve=curve))
        key = a.json
        check("EC %s: curve_type" % curve,
              key["key_info"]["curve_type"] in (curve, name),
              key["key_info"])
        made.append(key)
    c.expect("EC with a key_length, which is ignored", 201, "POST", "/keys",
             new_key("ec", 1234, "secp384r1"))
    for what, body in (
            ("no algorithm", {"key_information": {"key_length": 256}}),
            ("no key_information", {"transfer_policy_id": pid}),
            ("DES", new_key("DES", 56)), ("an empty one", new_key("", 256)),
            ("AES without length", new_key("AES")),
            ("AES 0", new_key("AES", 0)), ("AES 64", new_key("AES", 64)),
            ("AES 512", new_key("AES", 512)), ("AES -1", new_key("AES", -1)),
            ("AES 2^64", new_key("AES", 1 << 64)),
            ("AES 65792 (256 in 16 bits)", new_key("AES", 65792)),
            ("RSA without length", new_key("RSA")),
            ("RSA 1024", new_key("RSA", 1024)),
            ("RSA 2047", new_key("RSA", 2047)),
            ("RSA 8192", new_key("RSA", 8192)),
            ("RSA 256", new_key("RSA", 256)), ("EC without curve",
                                               new_key("EC")),
            ("EC 256 without curve", new_key("EC", 256)),
            ("EC secp256k1", new_key("EC", curve="secp256k1")),
            ("EC SECP256R1", new_key("EC", curve="SECP256R1")),
            ("EC ed25519", new_key("EC", curve="ed25519")),
            ("a policy that is no UUID", new_key("AES", 256, policy="x")),
            ("an unknown policy", new_key("AES", 256, policy=NOBODY)),
            ("attested_only without a policy",
             new_key("AES", 256, attested_only=True)),
            ("an unknown keystore", new_key("AES", 256, keystore="none")),
            ("attested_only as text",
             new_key("AES", 256, policy=pid, attested_only="true"))):
        c.expect("a bad key: " + what, 400, "POST", "/keys", body)
    return made


def keys_register(c, pid):
    from cryptography.hazmat.primitives.asymmetric import ec
    for length in (128, 192, 256):
        data = os.urandom(length // 8)
        a = c.expect("register AES %d" % length, 201, "POST", "/keys",
                     new_key("AES", length, data=data, policy=pid))
        released(c, "AES %d" % length, a.json, data)
    for bits in (2048, 3072, 4096, 7680):
        private = rsa_key(str(bits))
        for form in ("PKCS8", "TraditionalOpenSSL")[:1 if bits > 2048 else 2]:
            what = "RSA %d as %s" % (bits, form)
            a = c.expect("register " + what, 201, "POST", "/keys",
                         new_key("RSA", bits, data=pem(private, form)))
            if a.status == 201:
                released(c, what, a.json, der(private))
    for curve, name, bits in CURVES:
        if curve == "prime256v1":
            continue
        private = ec.generate_private_key(getattr(ec, curve.upper())())
        for form in ("PKCS8", "TraditionalOpenSSL"):
            what = "EC %s as %s" % (curve, form)
            a = c.expect("register " + what, 201, "POST", "/keys",
                         new_key("EC", curve=curve, data=pem(private, form)))
            if a.status == 201:
                released(c, what, a.json, der(private))
    good = rsa_key("2048")
    p256 = ec.generate_private_key(ec.SECP256R1())
    encrypted = good.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"))
    public = good.public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo)
    numbers = good.private_numbers()
    for what, body in (
            ("AES of another length", new_key("AES", 256, data=bytes(16))),
            ("AES with one byte more", new_key("AES", 256, data=bytes(33))),
            ("AES that is no base64", new_key("AES", 128, data="!" * 24)),
            ("AES with base64 that is not canonical",
             new_key("AES", 128, data=b64(bytes(16))[:-3] + "B==")),
            ("AES with base64url", new_key("AES", 256, data="-_" * 22)),
            ("AES given as PEM", new_key("AES", 256, data=pem(good))),
            ("RSA of another length", new_key("RSA", 3072, data=pem(good))),
            ("RSA given as EC", new_key("EC", curve="secp256r1",
                                        data=pem(good))),
            ("EC given as RSA", new_key("RSA", 2048, data=pem(p256))),
            ("EC of another curve", new_key("EC", curve="secp384r1",
                                            data=pem(p256))),
            ("an encrypted key", new_key("RSA", 2048, data=encrypted)),
            ("a public key", new_key("RSA", 2048, data=public)),
            ("a DER key", new_key("RSA", 2048, data=der(good))),
            ("two keys", new_key("RSA", 2048, data=pem(good) * 2)),
            ("no key", new_key("RSA", 2048, data=b"nonsense")),
            ("a cut key", new_key("RSA", 2048, data=pem(good)[:-100])),
            ("an RSA key of 2064 bits", new_key("RSA", 2048,
                                                data=pem(rsa_key("2064")))),
            ("a key whose n is not p times q",
             new_key("RSA", 2048, data=spoiled_rsa(numbers)))):
        c.expect("register a bad one: " + what, 400, "POST", "/keys", body)
    c.expect("register with key_data and kmip_key_id", 400, "POST", "/keys",
             new_key("AES", 256, data=bytes(32), kmip_key_id="x"))
    a = c.post("/keys", new_key("AES", 256, kmip_key_id="../x"))
    equal("a kmip_key_id that climbs", 400, a.status)
    a = c.post("/keys", new_key("AES", 256, kmip_key_id="1234"))
    equal("kmip_key_id with a keystore that has no such keys", 400, a.status)


def spoiled_rsa(numbers):
    """PKCS#1 with an n that is not the product of its primes."""
    public = numbers.public_numbers
    body = pki.der_seq(*(pki.der_int(i) for i in (
        0, public.n + 2, public.e, numbers.d, numbers.p, numbers.q,
        numbers.dmp1, numbers.dmq1, numbers.iqmp)))
    text = base64.encodebytes(body).decode()
    return ("-----BEGIN RSA PRIVATE KEY-----\n%s-----END RSA PRIVATE KEY-----"
            "\n" % text).encode()


def paged(c, what, path, sep, size):
    """A list in pages is the list."""
    whole = c.must(200, "GET", path)
    pieces, last = [], None
    while True:
        query = "%s%slimit=%d" % (path, sep, size)
        if last:
            query += "&after=" + last
        page = c.must(200, "GET", query)
        check("%s: a page has %d at most" % (what, size), len(page) <= size,
              len(page))
        pieces += page
        if len(page) < size:
            break
        last = page[-1]["id"]
    equal("%s: the pages are the whole list" % what, whole, pieces)
    for query in ("limit=0", "limit=-1", "limit=x", "limit=", "limit=1.5",
                  "limit=100001", "limit=01", "limit=1&limit=1", "after=",
                  "after=x", "after=" + NOBODY,
                  "after=%s&after=%s" % (NOBODY, NOBODY)):
        c.expect("%s with %s" % (what, query), 400, "GET",
                 path + sep + query)


def keys_search(c, pid, made):
    all_ids = {k["id"] for k in made}
    for query, want in (
            ("algorithm=AES", lambda i: i["algorithm"] == "AES"),
            ("algorithm=rsa", lambda i: i["algorithm"] == "RSA"),
            ("algorithm=EC", lambda i: i["algorithm"] == "EC"),
            ("keyLength=192", lambda i: i["key_length"] == 192),
            ("keyLength=2048", lambda i: i["key_length"] == 2048),
            ("curveType=secp384r1",
             lambda i: i.get("curve_type") == "secp384r1"),
            ("curveType=prime256v1",
             lambda i: i.get("curve_type") in ("secp256r1", "prime256v1")),
            ("algorithm=AES&keyLength=256", lambda i:
             (i["algorithm"], i["key_length"]) == ("AES", 256))):
        a = c.expect("GET /keys?" + query, 200, "GET", "/keys?" + query)
        found = a.json
        check("%s: all that are found fit" % query,
              found and all(want(k["key_info"]) for k in found))
        missed = [k["id"] for k in made if want(k["key_info"]) and
                  k["id"] not in {f["id"] for f in found}]
        equal("%s: none is missed" % query, [], missed)
    found = c.get("/keys?transferPolicyId=" + pid).json
    want = {k["id"] for k in made if k.get("transfer_policy_id") == pid}
    check("transferPolicyId finds those under it", want and
          want <= {k["id"] for k in found} and
          all(k["transfer_policy_id"] == pid for k in found))
    equal("and the policy's id may be in upper case", found,
          c.get("/keys?transferPolicyId=" + pid.upper()).json)
    for query in ("transferPolicyId=" + NOBODY,
                  "algorithm=AES&keyLength=2048"):
        a = c.expect("GET /keys?" + query, 200, "GET", "/keys?" + query)
        equal("an empty result is []", b"[]", a.body)
    for query in ("", "?", "?algo=AES", "?algorithm=DES", "?algorithm=",
                  "?keyLength=x", "?keyLength=0", "?keyLength=-1",
                  "?keyLength=99999", "?keyLength=257", "?keyLength=256x",
                  "?curveType=secp256k1", "?transferPolicyId=x",
                  "?algorithm=AES&x=1", "?algorithm=AES&algorithm=AES",
                  "?Algorithm=AES", "?keylength=256", "?algorithm"):
        c.expect("GET /keys" + query, 400, "GET", "/keys" + query)
    for size in (1, 2, 1000):
        paged(c, "keys", "/keys?transferPolicyId=" + pid, "&", size)
    paged(c, "keys of an algorithm", "/keys?algorithm=AES", "&", 2)
    c.expect("limit alone is a parameter", 200, "GET", "/keys?limit=100000")
    key = made[0]
    a = c.expect("GET /keys/{id}", 200, "GET", "/keys/" + key["id"])
    equal("it is that key", key, a.json)
    check("ids are different", len(all_ids) == len(made))


def keys_change(c, pid, made):
    at = "/keys/" + made[0]["id"]
    other = c.must(201, "POST", "/key-transfer-policies",
                   policy("tdx", mrtd=["ee" * 48]))["id"]
    a = c.expect("PUT /keys/{id}", 201, "PUT", at,
                 {"transfer_policy_id": other})
    equal("only the policy id changes",
          {**made[0], "transfer_policy_id": other}, a.json)
    equal("and so it reads back", a.json, c.get(at).json)
    for what, body in (
            ("without transfer_policy_id", {}),
            ("with an unknown policy", {"transfer_policy_id": NOBODY}),
            ("with an id that is none", {"transfer_policy_id": "x"}),
            ("with an empty id", {"transfer_policy_id": ""}),
            ("with null", {"transfer_policy_id": None}),
            ("with key_information", {"transfer_policy_id": pid, **AES})):
        c.expect("PUT /keys/{id} " + what, 400, "PUT", at, body)
    equal("a refused change changes nothing", a.json, c.get(at).json)
    c.expect("PUT /keys/{id} with the id in upper case", 201, "PUT", at,
             {"transfer_policy_id": pid.upper()})
    a = c.expect("DELETE /keys/{id}", 204, "DELETE", at)
    equal("204 has no body", b"", a.body)
    c.expect("GET of a deleted key", 404, "GET", at)
    c.expect("DELETE of a deleted key", 404, "DELETE", at)
    c.expect("PUT of a deleted key", 404, "PUT", at,
             {"transfer_policy_id": pid})
    c.expect("a transfer of a deleted key", 404, "POST", at + "/transfer")
    c.expect("POST of a deleted key", 404, "POST", at,
             pki.spki_pem(rsa_key("3072")), {"Content-Type": PEMTYPE})


def keys_release(c, pid):
    data = os.urandom(32)
    key = c.must(201, "POST", "/keys", new_key("AES", 256, data=data))
    at = "/keys/" + key["id"]
    public = pki.spki_pem(rsa_key("3072"))
    public = public if isinstance(public, str) else public.decode()
    bare = "".join(public.split("\n")[1:-2])
    head = {"Content-Type": PEMTYPE}
    for what, body in (
            ("PEM", public), ("PEM with CRLF", public.replace("\n", "\r\n")),
            ("the bare base64", bare), ("the base64 in lines", "\n".join(
                public.split("\n")[1:-2]) + "\n")):
        a = c.expect("POST /keys/{id} with " + what, 200, "POST", at, body,
                     head)
        if a.status != 200:
            continue
        equal("%s: an AES key comes as wrapped_key alone" % what,
              ["wrapped_key"], sorted(a.json))
        sha = hashes.SHA384
        got = rsa_key("3072").decrypt(
            base64.b64decode(a.json["wrapped_key"]),
            padding.OAEP(padding.MGF1(sha()), sha(), None))
        equal("%s: OAEP with SHA-384 of the key itself" % what, data, got)
    released(c, "for an RSA key of 2048 bits", key, data, rsa_key("2048"))
    released(c, "for an RSA key of 8192 bits", key, data, rsa_key("8192"))
    from cryptography.hazmat.primitives.asymmetric import ec
    weak = rsa.generate_private_key(65537, 1024)
    odd = rsa_key("3072").public_key().public_numbers()
    e1 = spki(odd.n, 1)
    for what, body in (
            ("RSA of 1024 bits", pki.spki_pem(weak)),
            ("e = 1", e1), ("an even e", spki(odd.n, 65536)),
            ("e = 3", spki(odd.n, 3)), ("an even n", spki(odd.n - 1, 65537)),
            ("an n of 16384 bits", spki((1 << 16383) + 1, 65537)),
            ("an EC key", pki.spki_pem(ec.generate_private_key(
                ec.SECP256R1()))),
            ("a private key", pem(rsa_key("3072"))), ("no key", b"nonsense"),
            ("no bytes", b""), ("PEM that is cut", public[:-60]),
            ("two keys", public + public), ("JSON", b"{}")):
        c.expect("POST /keys/{id} for %s" % what, 400, "POST", at, body, head)
    marked = c.must(201, "POST", "/keys", new_key(
        "AES", 256, policy=pid, attested_only=True))
    equal("attested_only is told", True,
          marked["key_info"].get("attested_only"))
    c.expect("POST /keys/{id} of a key that is attested only", 401, "POST",
             "/keys/" + marked["id"], public, head)
    other = c.must(201, "POST", "/key-transfer-policies", TDX)["id"]
    c.expect("it is moved under no other policy", 400, "PUT",
             "/keys/" + marked["id"], {"transfer_policy_id": other})
    equal("and stays where it was", pid,
          c.get("/keys/" + marked["id"]).json["transfer_policy_id"])
    c.expect("it may be deleted", 204, "DELETE", "/keys/" + marked["id"])


def spki(n, e):
    body = pki.der_seq(pki.der_seq(pki.der_oid("1.2.840.113549.1.1.1"),
                                   pki.tlv(5, b"")),
                       pki.tlv(3, b"\0" + pki.der_seq(pki.der_int(n),
                                                      pki.der_int(e))))
    return "-----BEGIN PUBLIC KEY-----\n%s-----END PUBLIC KEY-----\n" % \
        base64.encodebytes(body).decode()


def keys_slow(c):
    """In a thread of its own: what takes seconds to make."""
    a = c.call("POST", "/keys", new_key("RSA", 4096))
    slow.append(a)


slow = []


def keys():
    c = admin(timeout=180)
    pid = c.must(201, "POST", "/key-transfer-policies", TDX)["id"]
    equal("no keys yet: []", b"[]", c.get("/keys?algorithm=AES").body)
    made = keys_create(c, pid)
    keys_register(c, pid)
    keys_search(c, pid, made)
    second = Client(timeout=180)
    second.token = c.token
    thread = threading.Thread(target=keys_slow, args=(second,))
    thread.start()
    keys_change(c, pid, made)
    thread.join()
    equal("RSA 4096", 201, slow[0].status)
    keys_release(c, pid)


# --- HTTP ---------------------------------------------------------------------

GET = "GET /kbs/v1/version HTTP/1.1\r\nHost: localhost\r\n"
BODY = '{"attestation_token": "a.b.c"}'
POST = "POST /kbs/v1/keys/%s/transfer HTTP/1.1\r\nHost: localhost\r\n" \
    "Content-Type: application/json\r\nAccept: application/json\r\n" % NOBODY


def raw(what, want, *pieces, ends=None, slowly=0):
    """Statuses of the answers to these bytes."""
    r = Raw()
    try:
        for piece in pieces:
            if slowly:
                for i in range(len(piece)):
                    r.send(piece[i:i + 1])
            else:
                r.send(piece)
    except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
        pass
    got, a = [], None
    for _ in want:
        try:
            a = r.answer()
        except (ConnectionResetError, ssl.SSLError, TimeoutError) as e:
            a = None
            got.append(repr(e))
            break
        if a is None:
            break
        got.append(a.status)
    equal(what, want, got)
    if ends is not None:
        check("%s: the connection %s" % (what, "ends" if ends else "stays"),
              r.ended() if ends else another(r))
    r.close()


def another(r):
    r.send(GET + "\r\n")
    a = r.answer()
    return a is not None and a.status == 200


def framing():
    end = "\r\n"
    size = "Content-Length: %d\r\n" % len(BODY)
    chunk = "%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)
    raw("HTTP/1.1, kept alive", [200], GET + end, ends=False)
    raw("HTTP/1.1 with Connection: close", [200],
        GET + "Connection: close\r\n\r\n", ends=True)
    raw("HTTP/1.0 ends the connection", [200],
        "GET /kbs/v1/version HTTP/1.0\r\n\r\n", ends=True)
    raw("HTTP/1.0 with keep-alive", [200], "GET /kbs/v1/version HTTP/1.0\r\n"
        "Connection: keep-alive\r\n\r\n", ends=False)
    raw("absolute-form", [200], "GET https://localhost/kbs/v1/version "
        "HTTP/1.1\r\nHost: localhost\r\n\r\n", ends=False)
    raw("a body with a length", [404], POST + size + end + BODY, ends=False)
    raw("a chunked body", [404], POST + "Transfer-Encoding: chunked\r\n\r\n" +
        chunk + end, ends=False)
    raw("a chunked body with trailers", [404], POST +
        "Transfer-Encoding: chunked\r\n\r\n" + chunk + "X-A: b\r\n" + end,
        ends=False)
    raw("pipelining: three requests", [200, 404, 200], GET + end + POST +
        size + end + BODY + GET + end, ends=False)
    raw("Expect: 100-continue", [100, 404], POST + size +
        "Expect: 100-continue\r\n\r\n", BODY)
    raw("one byte at a time", [404], POST + size + end + BODY, slowly=1)
    for what, text in (
            ("two lengths", POST + size + size.replace(":", ": 1") + end),
            ("a length and a coding", POST + size +
             "Transfer-Encoding: chunked\r\n\r\n" + chunk + end),
            ("a coding that is gzip, chunked", POST +
             "Transfer-Encoding: gzip, chunked\r\n\r\n"),
            ("a coding that is not chunked", POST +
             "Transfer-Encoding: identity\r\n\r\n"),
            ("two codings", POST + "Transfer-Encoding: chunked\r\n"
             "Transfer-Encoding: chunked\r\n\r\n" + chunk + end),
            ("a coding in HTTP/1.0", POST.replace("/1.1", "/1.0") +
             "Transfer-Encoding: chunked\r\n\r\n" + chunk + end),
            ("a length with a sign", POST + "Content-Length: +5\r\n\r\n"),
            ("a length in hex", POST + "Content-Length: 0x5\r\n\r\n"),
            ("a length that is negative", POST +
             "Content-Length: -1\r\n\r\n"),
            ("a chunk size 0x5", POST +
             "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n"),
            ("a chunk size with a space", POST +
             "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n"),
            ("a bare line feed", "GET /kbs/v1/version HTTP/1.1\nHost: x\n\n"),
            ("a folded line", GET + "X-A: b\r\n c\r\n\r\n"),
            ("a space before a colon", GET + "X-A : b\r\n\r\n"),
            ("a NUL in a header", GET + "X-A: b\0c\r\n\r\n"),
            ("no Host", "GET /kbs/v1/version HTTP/1.1\r\n\r\n"),
            ("two Hosts", GET + "Host: localhost\r\n\r\n"),
            ("a request line of one word", "GET\r\n\r\n"),
            ("two spaces", "GET  /kbs/v1/version HTTP/1.1\r\nHost: x\r\n\r\n"),
            ("a control character in the target",
             "GET /kbs/v1/ver\x01sion HTTP/1.1\r\nHost: x\r\n\r\n"),
            ("a fragment", "GET /kbs/v1/version#a HTTP/1.1\r\nHost: x\r\n"
             "\r\n")):
        raw("what is ambiguous: " + what, [400], text, ends=True)
    big = "X-A: %s\r\n" % ("a" * 1000)
    raw("a head of 60 KB", [200], GET + big * 60 + end, ends=False)
    raw("a head of 70 KB", [431], GET + big * 70 + end, ends=True)
    raw("a body that is too long is not read", [413], POST +
        "Content-Length: 1048577\r\n\r\n", ends=True)
    raw("Expect with a body that is too long", [413], POST +
        "Content-Length: 1048577\r\nExpect: 100-continue\r\n\r\n", ends=True)
    raw("HTTP/2.0", [505], "GET / HTTP/2.0\r\nHost: x\r\n\r\n", ends=True)
    start = time.time()
    r = Raw()
    r.send("GET /kbs/v1/ver")
    a = r.answer()
    took = time.time() - start
    check("a head must come within 10 s", 8 < took < 13 and
          (a is None or a.status == 408), (took, a and a.status))
    r.close()


def document():
    """etc/openapi.yaml and the sources; inspect() has its answers."""
    check("routes of the sources and of the document are the same",
          set(openapi.code_routes()) == set(openapi.OPERATIONS),
          set(openapi.code_routes()) ^ set(openapi.OPERATIONS))
    written = openapi.parameters()
    equal("a transfer takes a version", {"version"},
          written.pop(("POST", "/keys/{id}/transfer")))
    equal("the parameters of searches are the same",
          openapi.code_parameters(), written)
    check("and the statuses", openapi.code_statuses() == openapi.statuses(),
          openapi.code_statuses() ^ openapi.statuses())
    for where, schema, value in openapi.examples():
        wrong = [e.message for e in openapi.validator(schema).iter_errors(
            value)]
        equal("the example of %s is of its schema" % where, [], wrong)
    ids = [op["operationId"] for op in openapi.OPERATIONS.values()]
    equal("each operation has an id of its own", len(ids), len(set(ids)))
    c = admin()
    for (method, path), op in openapi.OPERATIONS.items():
        a = c.call(method, path.replace("{id}", NOBODY), headers={
            "Authorization": None})
        if op.get("security") is None:
            equal("%s %s wants a token" % (method, path), 401, a.status)
        else:
            check("%s %s wants none" % (method, path), a.status in
                  (200, 404, 415), a.status)


GROUPS = {"version": version, "document": document, "token": token_group,
          "permissions": permissions, "headers": headers,
          "strictness": strictness, "order": order, "router": router,
          "users": users, "policies": policies, "keys": keys,
          "framing": framing}

if __name__ == "__main__":
    GROUPS[sys.argv[1]]()
    equal("the audit log is one chain", None, audit_chain())
    finish()

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

"""Clients of kbsd that do not stop: load.py PORT CA KEY TOKEN PASSWORD [KBSGET].

KEY is released to the attestation token in the file TOKEN and, by KBSGET, a
shell command, to evidence; an administrator logs in, makes policies and keys,
and has KEY released to a public key.  Until SIGTERM; then what was done, what
failed and what was acknowledged goes to standard output as JSON.

A connection is used until an answer says `Connection: close'.  Nothing is
tried again: whatever fails, failed.  Who failed goes on from another address,
since kbsd refuses one that had a request at two deaths running.

When the first key was made the file load.ready is there, and load.enough when
all kinds of work were done a few times.
"""

import http.client
import json
import random
import signal
import ssl
import subprocess
import sys
import threading
import time

PORT, CA, KEY, TOKEN, PASSWORD = sys.argv[1:6]
KBSGET = sys.argv[6] if len(sys.argv) > 6 else None
JSON = "application/json"

context = ssl.create_default_context(cafile=CA)
stopped = threading.Event()
lock = threading.Lock()
result = {"done": {}, "failed": [], "closed": 0, "keys": [], "policies": []}

POLICY = {"attestation_type": "TDX",
          "tdx": {"attributes": {"mrtd": ["ab" * 48]}}}


ENOUGH = {"transfer": 21, "version": 21, "login": 4, "policy": 4, "key": 4,
          "release": 4}
if KBSGET:
    ENOUGH["kbsget"] = 2


def note(what, wrong=None):
    with lock:
        if wrong is not None:
            result["failed"].append([time.time(), what, wrong])
            return
        done = result["done"]
        done[what] = done.get(what, 0) + 1
        if done[what] == ENOUGH[what] and all(
                done.get(k, 0) >= n for k, n in ENOUGH.items()):
            open("load.enough", "w").close()


class Client:
    def __init__(self):
        self.http = None
        self.move()

    def move(self):
        self.address = "127.%d.%d.%d" % (random.randrange(1, 255),
            random.randrange(256), random.randrange(1, 255))

    def ask(self, what, want, method, path, body=None, **headers):
        """The body of the answer, or None when it was not `want'."""
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        if not isinstance(body, (str, type(None))):
            body = json.dumps(body)
            headers["Content-Type"] = JSON
        headers.setdefault("Accept", JSON)
        try:
            if self.http is None:
                self.http = http.client.HTTPSConnection(
                    "localhost", int(PORT), context=context, timeout=40,
                    source_address=(self.address, 0))
            self.http.request(method, "/kbs/v1" + path, body, headers)
            answer = self.http.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as e:
            self.close()
            self.move()
            note(what, repr(e))
            return None
        if answer.getheader("Connection") == "close":
            self.close()
            with lock:
                result["closed"] += 1
        if answer.status != want:
            self.close()
            self.move()
            note(what, "%d %s" % (answer.status, text[:200]))
            return None
        note(what)
        return text

    def close(self):
        if self.http is not None:
            self.http.close()
        self.http = None


def transfers():
    client = Client()
    with open(TOKEN) as f:
        token = f.read().strip()
    while not stopped.wait(0.03):
        client.ask("transfer", 200, "POST", "/keys/%s/transfer" % KEY,
                   {"attestation_token": token})


def versions():
    client = Client()
    while not stopped.wait(0.05):
        client.ask("version", 200, "GET", "/version")


def login(client, what):
    with open(PASSWORD) as f:
        password = f.read().strip()
    return client.ask(what, 200, "POST", "/token",
                      {"username": "admin", "password": password},
                      Accept="application/jwt")


def logins():
    while not stopped.wait(0.2):
        client = Client()
        login(client, "login")
        client.close()


def makes():
    """An administrator, who makes things and has a key released."""
    client, token = Client(), None
    pem = subprocess.run(
        "openssl genrsa 2048 2>/dev/null | openssl rsa -pubout 2>/dev/null",
        shell=True, capture_output=True, text=True).stdout
    while not stopped.wait(0.1):
        while token is None:
            token = login(client, "login")
            if stopped.wait(0.1):
                return
        bearer = "Bearer " + token
        text = client.ask("policy", 201, "POST", "/key-transfer-policies",
                          POLICY, Authorization=bearer)
        if text is not None:
            with lock:
                result["policies"].append(json.loads(text)["id"])
        text = client.ask("key", 201, "POST", "/keys", {"key_information":
                          {"algorithm": "AES", "key_length": 256}},
                          Authorization=bearer)
        if text is None:
            continue
        key = json.loads(text)["id"]
        with lock:
            result["keys"].append(key)
        open("load.ready", "w").close()
        client.ask("release", 200, "POST", "/keys/" + key, pem,
                   Authorization=bearer, Content_Type="application/x-pem-file")


def evidence():
    while not stopped.wait(0.1):
        done = subprocess.run(KBSGET, shell=True, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL)
        note("kbsget", None if done.returncode == 0 else
             "%d %s" % (done.returncode, done.stderr))


def main():
    jobs = [transfers, versions, logins, makes]
    if KBSGET:
        jobs.append(evidence)
    threads = [threading.Thread(target=job) for job in jobs]
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    for t in threads:
        t.start()
    while not stopped.wait(0.1):
        pass
    for t in threads:
        t.join()
    json.dump(result, sys.stdout)


main()

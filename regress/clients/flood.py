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

"""Floods, each for SECONDS, beside a client that means well and transfers a
key all the time.  Times and weights are printed.  An error is what is answered
wrong, a good client that is not served, a process that died, and memory that
grows with the number of requests.

Behind the usual arguments: SECONDS KEY TOKEN-FILE BIG-HELD-TOKEN-FILE.
"""

import sys

sys.dont_write_bytecode = True

import asyncio
import base64
import json
import multiprocessing
import os
import secrets
import time

from wire import GET, Wrong, finish, percentile, post, target

WIDE = 32		# connections of a flood, at any time
GROWTH = 96 * 1024	# KiB; a process may keep so much of any flood
MIB = 1 << 20


class Flood:
    """make() gives the bytes of a request; refused are orderly statuses."""

    def __init__(self, name, make, refused=(400, 401, 403, 413, 429, 503)):
        self.name, self.make, self.refused = name, make, refused


def b64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def transfer(key, body, fields=""):
    return post("/keys/%s/transfer" % key, body, fields)


def passport(key, token):
    return transfer(key, json.dumps({"attestation_token": token}))


def other_kid(token):
    head, payload, signature = token.split(".")
    head = json.loads(base64.urlsafe_b64decode(head + "=="))
    head["kid"] = secrets.token_hex(24)
    return ".".join((b64url(json.dumps(head).encode()), payload, signature))


def login():
    """Half of them name one user, half nobody."""
    name = secrets.choice(["admin2", secrets.token_hex(8)])
    return post("/token", json.dumps({
        "username": name, "password": secrets.token_hex(8)}))


def bombs(key):
    texts = ["[" + "[]," * (MIB // 3 - 10) + "0]",
             "[" + "{}," * (MIB // 3 - 10) + "0]",
             "[" * (MIB - 10), '{"a":' * (MIB // 5 - 10),
             '{"attestation_token":"x",%s"z":0}' % "".join(
                 '"%x":0,' % i for i in range(90000)),
             '{"attestation_token":%s}' % ("9" * 1000000),
             '{"attestation_token":"%s"}' % ("\\u0041" * 170000)]
    small = [t[:65000] for t in texts[:4]]
    made = [transfer(key, t) for t in texts]
    made += [post("/token", t) for t in small]
    return lambda: secrets.choice(made)


def evidence(key):
    """A held key of a million bits, with as good as no quote."""
    held = b"\x01\x00\x01\x00" + b"\xff" * 125000
    body = json.dumps({"quote": base64.b64encode(bytes(5000)).decode(),
                       "user_data": base64.b64encode(held).decode()})
    return transfer(key, body, "Attestation-Type: TDX\r\n")


def floods(key, token, big):
    body = b" " * (MIB - 2) + b"{}"
    large = transfer(key, body)
    return [
        Flood("logins", login),
        Flood("unknown kids", lambda: passport(key, other_kid(token))),
        Flood("bodies of 1 MiB", lambda: large),
        Flood("JSON bombs", bombs(key)),
        Flood("held keys of a million bits, in tokens",
              lambda made=passport(key, big): made),
        Flood("held keys of a million bits, as evidence",
              lambda made=evidence(key): made),
        Flood("handshakes", None),
        Flood("half handshakes", None),
    ]


# --- the flood, in a process of its own ---------------------------------

async def pour(to, flood, source, until, tally):
    conn = None
    while time.monotonic() < until:
        try:
            if conn is None:
                conn = await to.connect(source)
            a = await conn.request(flood.make())
        except (ConnectionError, OSError):
            a = None
        status = a.status if a else "closed"
        tally[status] = tally.get(status, 0) + 1
        if a is None or a.closes:
            if conn is not None:
                conn.end()
            conn = None
    if conn is not None:
        conn.end()


async def shake(to, flood, source, until, tally):
    whole = flood.name == "handshakes"
    while time.monotonic() < until:
        try:
            conn = await to.connect(source, whole)
            if not whole:
                await conn.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
            conn.end()
            status = "made"
        except (ConnectionError, OSError):
            status = "closed"
        tally[status] = tally.get(status, 0) + 1


async def attack(to, flood, seconds):
    tally, until = {}, time.monotonic() + seconds
    one = pour if flood.make else shake
    await asyncio.gather(*(
        one(to, flood, "127.0.2.%d" % (1 + i % 8), until, tally)
        for i in range(WIDE)))
    return tally


# --- who means well, likewise -------------------------------------------

async def transfers(to, request, until, out):
    conn = None
    while time.monotonic() < until:
        start = time.monotonic()
        if conn is None:
            conn = await to.connect()
        a = await conn.request(request)
        if a is None:
            raise Wrong("a good transfer is not answered")
        out.append((a.status, (time.monotonic() - start) * 1000))
        if a.closes:
            conn.end()
            conn = None
        await asyncio.sleep(0.01)
    if conn is not None:
        conn.end()


async def versions(to, request, until, out):
    """By new connections."""
    while time.monotonic() < until:
        start = time.monotonic()
        conn = await to.connect()
        a = await conn.request(GET)
        conn.end()
        if a is None:
            raise Wrong("a good request is not answered")
        out.append((a.status, (time.monotonic() - start) * 1000))
        await asyncio.sleep(0.02)


async def well(to, request, seconds):
    until = time.monotonic() + seconds
    t, v = [], []
    await asyncio.gather(transfers(to, request, until, t),
                         versions(to, request, until, v))
    return t, v


# --- one beside the other -----------------------------------------------

def child(pipe, nice, job, *args):
    os.nice(nice)
    try:
        pipe.send(asyncio.run(job(*args)))
    except Exception as e:
        pipe.send("%s: %s" % (type(e).__name__, e))


def begin(nice, job, *args):
    ours, theirs = multiprocessing.Pipe()
    p = multiprocessing.Process(target=child,
                                args=(theirs, nice, job) + args)
    p.start()
    return p, ours


def end(running):
    p, pipe = running
    result = pipe.recv()
    p.join()
    if isinstance(result, str):
        raise Wrong(result)
    return result


def times(name, answers):
    good = [ms for status, ms in answers if status == 200]
    other = [status for status, _ in answers if status != 200]
    if not good or set(other) - {429, 503}:
        raise Wrong("%s: %d good, others %s" % (name, len(good), set(other)))
    return percentile(good, 50), percentile(good, 99), len(good), len(other)


def speak(what, t, quiet):
    return "%s %d+%d refused, p50 %.1f p99 %.1f ms (x%.1f)" % (
        what, t[2], t[3], t[0], t[1], t[1] / quiet)


def change(before, after):
    grown = sorted(((after[n] - before.get(n, 0), n) for n in after),
                   reverse=True)
    return grown[0][0], ", ".join(
        "%s %d %+d" % (n[0], n[1], d) for d, n in grown if abs(d) > 512)


def one_flood(to, flood, seconds, request, quiet):
    before = to.weights()
    hostile = begin(10, attack, to, flood, seconds)
    good = begin(0, well, to, request, seconds)
    t, v = end(good)
    tally = end(hostile)
    after = to.weights()
    t, v = times(flood.name, t), times(flood.name, v)
    total = sum(tally.values())
    most, grown = change(before, after)
    print("%s: %.0f/s %s\n  %s\n  %s\n  RSS KiB: %s" % (
        flood.name, total / seconds,
        " ".join("%s:%d" % i for i in sorted(tally.items(), key=str)),
        speak("transfers", t, quiet[0][1]),
        speak("new connections", v, quiet[1][1]),
        grown or "as before"))
    wrong = set(tally) - set(flood.refused) - {"made", "closed"}
    if wrong:
        raise Wrong("%s: %s" % (flood.name, wrong))
    if most > GROWTH:
        raise Wrong("%s: %d KiB more" % (flood.name, most))


def main(argv):
    to = target(argv)
    seconds, key = float(argv[5]), argv[6]
    token = open(argv[7]).read().strip()
    big = open(argv[8]).read().strip()
    request, wrong = passport(key, token), []
    end(begin(0, well, to, request, 1))
    quiet = [times("quiet", x)
             for x in end(begin(0, well, to, request, seconds))]
    print("quiet: %s, %s" % (speak("transfers", quiet[0], quiet[0][1]),
                             speak("new connections", quiet[1],
                                   quiet[1][1])))
    print("RSS KiB: " + ", ".join("%s %d %d" % (n + (k,))
          for n, k in to.weights().items()))
    was = to.processes()
    for flood in floods(key, token, big):
        try:
            one_flood(to, flood, seconds, request, quiet)
            if to.processes() != was:
                raise Wrong("%s: a process was replaced" % flood.name)
        except Wrong as e:
            wrong.append(str(e))
    print("RSS KiB: " + ", ".join("%s %d %d" % (n + (k,))
          for n, k in to.weights().items()))
    return wrong


if __name__ == "__main__":
    finish(main(sys.argv))

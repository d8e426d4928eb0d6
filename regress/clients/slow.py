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

"""Slow clients, after the four modes of slowhttptest and some more: each is
told 408 or cut off at its deadline, whatever it trickles, and a good client
from another address is served all the time."""

import sys

sys.dont_write_bytecode = True

import asyncio
import socket
import ssl
import time

from wire import GET, Wrong, finish, percentile, target

EACH = 25		# connections of each mode
LATE = 9		# s: machines are slow too; other timers take 10 more
FULL = 60		# s: until nothing more goes into the sockets' buffers
HEAD = b"GET /kbs/v1/version HTTP/1.1\r\nHost: localhost\r\n"
TOKEN = (b"POST /kbs/v1/token HTTP/1.1\r\nHost: localhost\r\n"
         b"Content-Type: application/json\r\nAccept: */*\r\n")
TRANSFER = (b"POST /kbs/v1/keys/8d0ecf58-9a9f-4ae0-bb0d-6ef0f4a67f5b/transfer"
            b" HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
            b"Content-Type: application/json\r\n")

async def trickle(conn, piece, pause):
    try:
        while True:
            await conn.send(piece)
            await asyncio.sleep(pause)
    except (ConnectionError, ssl.SSLError):
        pass

async def told(to, name, source, first, piece, pause, seconds):
    """408 at its deadline, not before and not for others."""
    conn = await to.connect(source)
    feeding = None
    try:
        start = time.monotonic()
        await conn.send(first)
        if piece:
            feeding = asyncio.ensure_future(trickle(conn, piece, pause))
        a = await asyncio.wait_for(conn.answer(), seconds + LATE)
        if a is not None and a.status == 100:
            a = await asyncio.wait_for(conn.answer(), seconds + LATE)
        took = time.monotonic() - start
        if a is None or a.status != 408 or not a.closes:
            raise Wrong("%s: %s" % (name, a and a.status))
        if not seconds - 1 <= took:
            raise Wrong("%s: told after %.1f s" % (name, took))
        await conn.closed(5)
    finally:
        if feeding:
            feeding.cancel()
        conn.end()

async def ranges(to, source):
    """Nobody knows what a range is here: the whole, once."""
    conn = await to.connect(source)
    try:
        many = ",".join("5-%d" % i for i in range(1300))
        for _ in range(3):
            a = await conn.request(HEAD + b"Range: bytes=0-," +
                                   many.encode() + b"\r\n\r\n")
            if a is None or a.status != 200 or "content-range" in a.fields:
                raise Wrong("ranges: %s" % (a and a.status))
    finally:
        conn.end()

async def shaken(to, s):
    """TLS over a socket by hand, so that nobody reads but us."""
    loop = asyncio.get_running_loop()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = to.context.wrap_bio(incoming, outgoing,
                              server_hostname="localhost")
    await loop.sock_connect(s, ("127.0.0.1", to.port))
    while True:
        try:
            tls.do_handshake()
            return tls, outgoing
        except ssl.SSLWantReadError:
            await loop.sock_sendall(s, outgoing.read())
            incoming.write(await loop.sock_recv(s, 65536))


async def unread(to, source, rate, seconds):
    """Asks and hardly reads: cut off when an answer takes too long, which is
    that many seconds after all buffers on its way are full."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        s.bind((source, 0))
        s.setblocking(False)
        tls, outgoing = await shaken(to, s)
        start, left = time.monotonic(), outgoing.read()
        while time.monotonic() - start < seconds + FULL:
            try:
                while True:
                    if not left:
                        tls.write(GET * 100)
                        left = outgoing.read()
                    left = left[s.send(left):]
            except BlockingIOError:
                pass
            except ConnectionError:
                return
            try:
                if rate and not s.recv(rate):
                    return
            except BlockingIOError:
                pass
            except ConnectionError:
                return
            await asyncio.sleep(0.5)
        raise Wrong("slow read: still open")


async def good(to, stop, took):
    while not stop.is_set():
        start = time.monotonic()
        conn = await to.connect("127.0.0.1")
        a = await conn.request(GET)
        conn.end()
        if a is None or a.status != 200:
            raise Wrong("a good client: %s" % (a and a.status))
        took.append((time.monotonic() - start) * 1000)
        await asyncio.sleep(0.05)

async def large(to):
    """A body over 64 KiB, while others hold theirs."""
    conn = await to.connect("127.0.0.1")
    try:
        a = await conn.request(
            TRANSFER + b"Content-Length: 70000\r\n\r\n" + b"[" + b" " * 69999)
        if a is None or a.status != 400:
            raise Wrong("a large body: %s" % (a and a.status))
    finally:
        conn.end()

def modes(to):
    """(name, first, piece, pause, seconds)"""
    return [
        ("slow headers", HEAD, b"X-A: b\r\n", 1, 10),
        ("slow line", HEAD + b"X: ", b"y", 1, 10),
        ("one byte", b"G", b"", 0, 10),
        ("slow body", TOKEN + b"Content-Length: 4096\r\n\r\n", b"{", 1, 20),
        ("slow chunks", TOKEN + b"Transfer-Encoding: chunked\r\n\r\n",
         b"1\r\n{\r\n", 1, 20),
        ("slow trailers", TOKEN + b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
         b"X: y\r\n", 1, 20),
        ("no body", TOKEN + b"Content-Length: 1\r\n\r\n", b"", 0, 20),
        ("no body after 100", TOKEN + b"Content-Length: 9\r\n"
         b"Expect: 100-continue\r\n\r\n", b"", 0, 20),
    ]

async def main(to):
    stop, took, tasks = asyncio.Event(), [], []
    for m, (name, first, piece, pause, seconds) in enumerate(modes(to)):
        for i in range(EACH):
            tasks.append(told(to, name, "127.0.0.%d" % (10 + m), first,
                              piece, pause, seconds))
    # one address holds all the large bodies that it can get
    for i in range(40):
        tasks.append(held(to, "127.0.0.20"))
    for i in range(EACH):
        tasks.append(ranges(to, "127.0.0.30"))
        tasks.append(unread(to, "127.0.0.31", i % 2, 30))
    tasks = [asyncio.ensure_future(t) for t in tasks]
    watching = asyncio.ensure_future(good(to, stop, took))
    await asyncio.sleep(4)
    extra = [asyncio.ensure_future(large(to)) for _ in range(4)]
    results = await asyncio.gather(*tasks, *extra, return_exceptions=True)
    stop.set()
    results += await asyncio.gather(watching, return_exceptions=True)
    print("%d slow clients; %d good requests meanwhile, p50 %.1f p99 %.1f ms"
          % (len(tasks), len(took), percentile(took, 50),
             percentile(took, 99)))
    return sorted({"%s %s" % (type(r).__name__, r) for r in results
                   if isinstance(r, BaseException)})

async def held(to, source):
    """Sends most of a large body: 503 at once, or 408 in its time."""
    conn = await to.connect(source)
    try:
        await conn.send(TRANSFER + b"Content-Length: 1000000\r\n\r\n" +
                        b" " * 100000)
        a = await asyncio.wait_for(conn.answer(), 20 + LATE)
        if a is None or a.status not in (408, 503) or not a.closes:
            raise Wrong("a held body: %s" % (a and a.status))
        return a.status
    finally:
        conn.end()

to = target(sys.argv)
finish(asyncio.run(main(to)))

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

"""What comes instead of TLS, and TLS that nobody means well: each connection
is closed in its time without an answer, and others are served meanwhile.
Behind the usual arguments: "timer", for what the timer of handshakes ends, or
"itself", for what must end without it; it is of a minute then."""

import sys

sys.dont_write_bytecode = True

import asyncio
import os
import ssl
import struct
import time

from wire import GET, Wrong, finish, target

HELLO, DATA, ALERT, CCS = 22, 23, 21, 20
ITSELF = 40		# s: a handshake has a minute, and so has who is idle
TIMER = 30		# s: a handshake has ten seconds


def record(kind, data, version=0x0303):
    return struct.pack(">BHH", kind, version, len(data)) + data


def client_hello(to, name="localhost", alpn=None):
    """The bytes of a good one."""
    context = ssl.create_default_context(cafile=to.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if alpn:
        context.set_alpn_protocols(alpn)
    out = ssl.MemoryBIO()
    half = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        half.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def with_name(hello, name):
    """Another name in the extension, of the same length."""
    assert len(name) == len(b"localhost")
    return hello.replace(b"localhost", name)


def longer(hello, more):
    """An unknown extension of that length; the lengths are put right."""
    body = bytearray(hello[9:])
    at = 2 + 32
    at += 1 + body[at]
    at += 2 + struct.unpack_from(">H", body, at)[0]
    at += 1 + body[at]
    n = struct.unpack_from(">H", body, at)[0]
    struct.pack_into(">H", body, at, n + 4 + more)
    body += struct.pack(">HH", 0xfafa, more) + bytes(more)
    message = b"\x01" + len(body).to_bytes(3, "big") + bytes(body)
    return b"".join(record(HELLO, message[i:i + 16384], 0x0301)
                    for i in range(0, len(message), 16384))


async def drain(conn, seconds):
    """Read until it is closed; says what came first, and whether it was."""
    first, end = b"", time.monotonic() + seconds
    while True:
        try:
            data = await asyncio.wait_for(
                conn.reader.read(65536), max(0.5, end - time.monotonic()))
        except ConnectionError:
            return first, True
        except asyncio.TimeoutError:
            return first, False
        if not data:
            return first, True
        first = first or data


async def junk(to, name, data, seconds=ITSELF):
    """It is closed, after an alert at most."""
    conn = await to.connect(tls=False)
    try:
        await conn.send(data)
        first, closed = await drain(conn, seconds)
    except ConnectionError:
        return
    finally:
        conn.end()
    if not closed:
        raise Wrong("%s: still open" % name)
    if first[:1] not in (b"", bytes([ALERT])):
        raise Wrong("%s: answered %r" % (name, first[:20]))


async def hello(to, name, data, good):
    """A ClientHello: is it answered by another Hello?"""
    conn = await to.connect(tls=False)
    try:
        await conn.send(data)
        got = await asyncio.wait_for(conn.reader.read(5), ITSELF)
    except ConnectionError:
        got = b""
    finally:
        conn.end()
    if (got[:1] == bytes([HELLO])) != good:
        raise Wrong("%s: %r" % (name, got))


async def drip(to, name, data, pause):
    """Slow TLS has ten seconds, however much comes."""
    start = time.monotonic()
    conn = await to.connect(tls=False)

    async def feed():
        for i in range(len(data)):
            conn.writer.write(data[i:i + 1])
            await asyncio.sleep(pause)

    feeding = asyncio.ensure_future(feed())
    try:
        _, closed = await drain(conn, TIMER)
        took = time.monotonic() - start
    finally:
        feeding.cancel()
        conn.end()
    if not closed:
        raise Wrong("%s: still open" % name)
    if took < 5:
        raise Wrong("%s: closed after %.1f s" % (name, took))
    print("%s: closed after %.1f s" % (name, took))


async def behind(to, name, data):
    """After a good handshake: bytes that are no record of it."""
    plain = ssl.SSLContext.wrap_bio
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = plain(to.context, incoming, outgoing, server_hostname="localhost")
    conn = await to.connect(tls=False)
    try:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await conn.send(outgoing.read())
                incoming.write(await conn.reader.read(65536))
        await conn.send(outgoing.read() + data)
        _, closed = await drain(conn, ITSELF)
    except ConnectionError:
        return
    finally:
        conn.end()
    if not closed:
        raise Wrong("%s: still open" % name)


async def honest(to, stop):
    n = 0
    while not stop.is_set():
        conn = await to.connect("127.0.0.2")
        a = await conn.request(GET)
        conn.end()
        if a is None or a.status != 200:
            raise Wrong("a good client: %s" % (a and a.status))
        n += 1
        await asyncio.sleep(0.05)
    return n


def by_itself(to):
    good = client_hello(to)
    yield junk(to, "plain HTTP", GET)
    yield junk(to, "plain HTTP/0.9", b"GET /\r\n")
    yield junk(to, "SSH", b"SSH-2.0-OpenSSH_9.2\r\n")
    yield junk(to, "NULs", bytes(70000))
    yield junk(to, "0xff", b"\xff" * 70000)
    yield junk(to, "SSL 2 Hello",
               b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37))
    yield junk(to, "a heartbeat", record(24, b"\x01\xff\xff"))
    yield junk(to, "data before Hello", record(DATA, b"x" * 100))
    yield junk(to, "an alert before Hello", record(ALERT, b"\x02\x28"))
    yield junk(to, "empty records", record(HELLO, b"") * 100)
    yield junk(to, "a record of 64 KiB",
               record(HELLO, b"\x01\x00\xff\xfb" + bytes(0xfffb)))
    yield junk(to, "a Hello of 16 MiB", b"".join(
        [record(HELLO, b"\x01\xff\xff\xff" + bytes(16380))] +
        [record(HELLO, bytes(16384))] * 20))
    yield junk(to, "Finished as first message",
               record(HELLO, b"\x14\x00\x00\x20" + bytes(32)))
    yield junk(to, "many changes of cipher", record(CCS, b"\x01") * 100)
    yield junk(to, "a Hello cut by a message",
               good[:40] + record(HELLO, good[5:]))
    yield hello(to, "a good Hello", good, True)
    yield hello(to, "a Hello of 16 KiB", longer(good, 15000), True)
    yield hello(to, "a Hello of 60 KiB", longer(good, 60000), True)
    yield hello(to, "in records of a byte",
                b"".join(record(HELLO, good[5 + i:6 + i], 0x0301)
                         for i in range(len(good) - 5)), True)
    yield hello(to, "an unknown name", with_name(good, b"elsewhere"), True)
    yield junk(to, "a NUL in the name", with_name(good, b"loc\0lhost"))
    # libtls then names none, and HTTP/1.1 is what is spoken
    yield hello(to, "no protocol in common",
                client_hello(to, alpn=["h2", "spdy/3"]), True)
    yield hello(to, "a protocol in common",
                client_hello(to, alpn=["h2", "http/1.1"]), True)
    yield behind(to, "plain bytes behind a handshake", GET)
    yield behind(to, "a record of noise", record(DATA, os.urandom(100)))
    yield behind(to, "a record too long", record(DATA, bytes(17000)))
    yield behind(to, "an empty record", record(DATA, b""))


def by_timer(to):
    """More of it may come, so that only time tells."""
    good = client_hello(to)
    for i in range(20):
        yield junk(to, "noise %d" % i, b"\x01" + os.urandom(2000), TIMER)
    for at in (0, 5, 43, 76):
        bad = bytearray(good)
        bad[at] ^= 0xff
        yield junk(to, "a Hello with byte %d inverted" % at, bytes(bad), TIMER)
    yield drip(to, "a slow Hello", good, 0.5)
    yield drip(to, "no byte", b"", 1)
    yield drip(to, "a slow head of a record", b"\x16\x03\x01\x02\x00", 3)
    yield drip(to, "half a Hello", good[:100], 0)


async def main(to, cases):
    wrong, stop = [], asyncio.Event()
    good = asyncio.ensure_future(honest(to, stop))
    results = await asyncio.gather(*cases(to), return_exceptions=True)
    stop.set()
    results.append((await asyncio.gather(good, return_exceptions=True))[0])
    for r in results:
        if isinstance(r, BaseException):
            wrong.append("%s %s" % (type(r).__name__, r))
    print("%d hostile, %s good connections" % (len(results) - 1, results[-1]))
    return wrong


to = target(sys.argv)
finish(asyncio.run(main(to, {"itself": by_itself, "timer": by_timer}[
    sys.argv[5]])))

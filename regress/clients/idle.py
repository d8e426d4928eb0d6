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

"""Connections that do nothing: as many as descriptors and time allow, up to
COUNT, from several addresses.  Says what one weighs, that a good client is
served beside them, and that all of them are closed: the longest idle when room
is wanted, the rest at the deadline.  Behind the usual arguments: COUNT, and how
many connections the frontend takes in all.
"""

import sys

sys.dont_write_bytecode = True

import asyncio
import os
import select
import socket
import ssl
import time

from wire import GET, Wrong, descriptors, finish, percentile, target

SPARE = 200
FILL = 40		# s, in which they come: the first has a minute
LEAST = 2000		# that many there must be
DEADLINE = 60
LATE = 20
WEIGHT = 40		# KiB that an idle connection may have


def open_idle(to, source):
    """A handshake, and then only the descriptor is kept."""
    s = socket.create_connection(("127.0.0.1", to.port), 10, (source, 0))
    return to.context.wrap_socket(s, server_hostname="localhost").detach()


def address(i, each):
    return "127.0.%d.%d" % (1 + i // each // 250, 1 + i // each % 250)


def frontends(to):
    return sum(kib for (name, _), kib in to.weights().items()
               if name == "frontend")


class Idle:
    def __init__(self):
        self.poll, self.open = select.poll(), {}

    def add(self, fd):
        self.open[fd] = time.monotonic()
        self.poll.register(fd, select.POLLIN)

    def reap(self, ms=0):
        """Close those that the other side closed; how many?"""
        n = 0
        for fd, _ in self.poll.poll(ms):
            try:
                # records of the handshake may have come last
                while os.read(fd, 4096):
                    continue
            except BlockingIOError:
                continue
            except OSError:
                pass
            self.poll.unregister(fd)
            del self.open[fd]
            os.close(fd)
            n += 1
        return n


async def good(to, n):
    took = []
    for _ in range(n):
        start = time.monotonic()
        conn = await to.connect("127.0.0.1")
        a = await conn.request(GET)
        conn.end()
        if a is None or a.status != 200:
            raise Wrong("a good client: %s" % (a and a.status))
        took.append((time.monotonic() - start) * 1000)
    return took


def fill(to, idle, count, each):
    """Until there are so many, or for a time; what is refused is an error."""
    before, start = frontends(to), time.monotonic()
    least = min(count, LEAST)
    for i in range(count):
        if i >= least and time.monotonic() - start > FILL:
            count = i
            break
        fd = open_idle(to, address(i, each))
        os.set_blocking(fd, False)
        idle.add(fd)
    took = time.monotonic() - start
    gone = idle.reap()
    if gone:
        raise Wrong("%d of %d closed while others came" % (gone, count))
    after = frontends(to)
    weight = (after - before) / count
    print("%d idle connections from %d addresses in %.1f s: frontend "
          "%d -> %d KiB, %.1f KiB each" %
          (count, 1 + (count - 1) // each, took, before, after, weight))
    if weight > WEIGHT:
        raise Wrong("an idle connection weighs %.1f KiB" % weight)


def crowd(to, idle, source, most):
    """More of one address than it may have are refused, others not."""
    refused = 0
    for _ in range(most + 20):
        try:
            fd = open_idle(to, source)
        except (OSError, ssl.SSLError):
            refused += 1
            continue
        os.set_blocking(fd, False)
        idle.add(fd)
    if refused < 20:
        raise Wrong("one address: only %d refused" % refused)
    evicted = idle.reap()
    print("one address more: %d taken, %d refused, %d idle ones closed for "
          "it" % (most + 20 - refused, refused, evicted))
    return evicted


def main(to, count, most):
    quiet = asyncio.run(good(to, 100))
    # what libcrypto and malloc keep of many handshakes is not theirs
    limit = descriptors(count + SPARE)
    count = min(count, limit - SPARE)
    idle = Idle()
    fill(to, idle, count, count // 8 + 1)
    beside = asyncio.run(good(to, 100))
    print("good client, new connections: quiet p50 %.1f p99 %.1f ms, beside "
          "them p50 %.1f p99 %.1f ms" %
          (percentile(quiet, 50), percentile(quiet, 99),
           percentile(beside, 50), percentile(beside, 99)))
    crowd(to, idle, "127.0.9.9", most // 4)
    last = time.monotonic()
    open("idle.open", "w").close()
    while idle.open and time.monotonic() < last + DEADLINE + LATE:
        idle.reap(1000)
        early = [t for t in idle.open.values()
                 if time.monotonic() - t > DEADLINE + LATE]
        if early:
            raise Wrong("%d still open at their deadline" % len(early))
    if idle.open:
        raise Wrong("%d are still open" % len(idle.open))
    print("all closed %.0f s after the last was opened; frontend %d KiB" %
          (time.monotonic() - last, frontends(to)))


to = target(sys.argv)
try:
    main(to, int(sys.argv[5]), int(sys.argv[6]))
    finish([])
except (Wrong, OSError, asyncio.TimeoutError) as e:
    open("idle.failed", "w").close()
    finish(["%s %s" % (type(e).__name__, e)])

#!/usr/bin/python3 -IS
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


"""A child of kbsd that is hostile to its parent.

The test puts it in the place of a program; kbsd starts it as any child, it
says that it is ready, and once the doors are open it makes the attack whose
number is next in the file "next" beside it, then waits for its end.  The next
instance goes on.  With -l it lists the attacks.
"""

import array
import os
import socket
import struct
import sys

START, GO, ACCEPT = 1, 4, 6
READY, COUNTERS, VIOLATION, WORKED = 10, 11, 12, 13
HEADER = "=IHHII"
HEADER_SIZE = 16
MORE = 2


def message(kind, body=b"", flags=0, number=0, length=None):
    if length is None:
        length = HEADER_SIZE + len(body)
    return struct.pack(HEADER, kind, length, flags, number, 1) + body


def u32(value):
    return struct.pack(">I", value)


def text(value):
    return u32(len(value)) + value


def accuse(kind, instance, why=b"x", end=b""):
    return message(VIOLATION, u32(kind) + u32(instance) + u32(1) +
                   text(why) + end)


def attacks():
    """(name, bytes, must the parent end it)"""
    # What is a type of this parent's edge depends on who has it.
    for kind in list(range(20)) + list(range(60, 150)) + [0xffffffff]:
        body = (b"", bytes(400), b"\xff" * 16, b"\0")[kind % 4]
        yield f"type {kind}, {len(body)} bytes", message(kind, body), 0
    yield "counters that nobody asked for", message(COUNTERS, b""), 1
    yield "ready twice", message(READY, text(b"x")), 1
    yield "ready, too long", message(READY, text(b"x" * 600)), 1
    yield "ready, string over the end", message(READY, u32(99) + b"x"), 1
    yield "accused: nobody", accuse(99, 0), 1
    yield "accused: parent", accuse(0, 0), 1
    yield "accused: instance that is not there", accuse(7, 4000000000), 1
    yield "accused: itself or no neighbour", accuse(6, 0), 1
    yield "accused, string with NUL", accuse(7, 0, b"a\0b"), 1
    yield "accused, a byte more", accuse(7, 0, b"x", b"y"), 1
    yield "accused, long", accuse(7, 0, b"x" * 900), 1
    yield "worked, a byte more", message(WORKED, b"x"), 1
    yield "piece without a number", message(READY, b"abcd", MORE), 1
    yield "empty piece", message(READY, b"", MORE, 7), 1
    yield "pieces that never end", \
        message(READY, b"a" * 100, MORE, 7) * 1000, 1
    yield "pieces of many", b"".join(
        message(READY, b"a", MORE, n) for n in range(1, 400)), 1
    for length in (0, 15, 16385, 65535):
        yield f"length {length}", message(WORKED, length=length), 1
    yield "half a header", message(WORKED)[:9], -1
    yield "half a body", message(READY, b"abc", length=400), -1
    yield "worked 20000 times, then nonsense", message(WORKED) * 20000 + \
        message(0), 1
    for count in (0, 5, 0xffffffff):
        for size in (0, 4, 16000):
            yield f"blame or command {count} {size}", b"".join(
                message(kind, u32(7) + u32(0) + u32(count) + bytes(size))
                for kind in range(60, 160)), 1


def attack(sock, data):
    try:
        # counts as work done: else it would be replaced ever later
        sock.sendall(message(WORKED))
        descriptor = array.array("i", [0])
        sock.sendmsg([data[:1]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                   descriptor)])
        sock.sendall(data[1:])
    except OSError:
        pass


def next_number(path):
    with open(path, "r+", encoding="ascii") as file:
        number = int(file.read() or 0)
        file.seek(0)
        file.write(str(number + 1))
    return number


def main():
    every = list(attacks())
    if sys.argv[1:] == ["-l"]:
        for name, _, must in every:
            print(must, name)
        return
    number = None
    sock = socket.socket(fileno=3)
    sock.setblocking(True)
    stream = b""
    kept = []
    while True:
        data, ancillary, _, _ = sock.recvmsg(65536, 1024)
        if not data:
            return
        kept.append(ancillary)      # edges stay open
        stream += data
        while len(stream) >= HEADER_SIZE:
            kind, length = struct.unpack(HEADER, stream[:HEADER_SIZE])[:2]
            if len(stream) < length:
                break
            stream = stream[length:]
            if kind == GO:
                sock.sendall(message(READY, text(b"hostile")))
            elif kind == ACCEPT and number is None:
                here = os.path.dirname(os.path.abspath(sys.argv[0]))
                number = next_number(os.path.join(here, "next"))
                if number < len(every):
                    attack(sock, every[number][1])
                    # A truncated one is followed by the end.
                    if every[number][2] == -1:
                        return


main()

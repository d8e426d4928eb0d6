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

"""What the hostile clients share: TLS connections that bytes are put into by
hand, a strict reader of answers, and what the processes weigh."""

import sys

sys.dont_write_bytecode = True

import asyncio
import json
import os
import resource
import ssl
import subprocess

VERSION = b"/kbs/v1/version"
GET = b"GET " + VERSION + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Wrong(Exception):
    pass


class Target:
    """The daemon under test: its port, its certificate, its programs."""

    def __init__(self, port, ca, ctl, control):
        self.port, self.ca = int(port), ca
        self.ctl = [ctl, "-s", control]
        self.context = ssl.create_default_context(cafile=ca)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3

    async def connect(self, source="127.0.0.1", tls=True):
        return Conn(*await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(source, 0),
            ssl=self.context if tls else None,
            server_hostname="localhost" if tls else None,
            limit=1 << 20))

    def show(self, what):
        return json.loads(subprocess.run(
            self.ctl + ["-j", "show", what], check=True,
            stdout=subprocess.PIPE).stdout)

    def processes(self):
        """{(process, instance): pid} of all that kbsd runs."""
        return {(p["process"], p["instance"]): p["pid"]
                for p in self.show("processes")}

    def weights(self):
        return {name: rss(pid) for name, pid in self.processes().items()}


def rss(pid):
    """Resident KiB."""
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body
        self.closes = fields.get("connection") == "close"


class Conn:
    """Writes any bytes; reads answers, and nothing that is none."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, head=False):
        """The next answer, or None when the connection was closed."""
        try:
            text = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as e:
            if e.partial:
                raise Wrong("half an answer: %r" % e.partial)
            return None
        except ConnectionError:
            return None
        lines = text[:-4].split(b"\r\n")
        version, status, _ = lines[0].split(b" ", 2)
        if version != b"HTTP/1.1" or len(status) != 3:
            raise Wrong("no status line: %r" % lines[0])
        fields = {}
        for line in lines[1:]:
            name, value = line.decode().split(": ", 1)
            if name.lower() in fields:
                raise Wrong("%s twice" % name)
            fields[name.lower()] = value
        status = int(status)
        if status == 100:
            return Answer(status, fields, b"")
        if "x-request-id" not in fields:
            raise Wrong("an answer without X-Request-Id")
        n = int(fields.get("content-length", 0))
        body = b"" if head else await self.reader.readexactly(n)
        return Answer(status, fields, body)

    async def request(self, data, seconds=60):
        await self.send(data)
        return await asyncio.wait_for(self.answer(), seconds)

    async def closed(self, seconds):
        """Until the other side closes; what comes meanwhile is an error."""
        try:
            more = await asyncio.wait_for(self.reader.read(1), seconds)
        except ConnectionError:
            return
        except asyncio.TimeoutError:
            raise Wrong("still open after %d s" % seconds)
        if more:
            raise Wrong("more than one answer")

    def end(self):
        self.writer.transport.abort()


def post(path, body, fields=""):
    if isinstance(body, str):
        body = body.encode()
    return ("POST /kbs/v1%s HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: application/json\r\nAccept: */*\r\n"
            "Content-Length: %d\r\n%s\r\n" % (path, len(body), fields)
            ).encode() + body


def descriptors(wanted):
    """As many as there may be, up to wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]


def target(argv):
    """PORT CA KBSCTL SOCKET, which every program begins with."""
    return Target(*argv[1:5])


def finish(wrong):
    for line in wrong:
        print("WRONG " + line)
    sys.stdout.flush()
    os._exit(1 if wrong else 0)

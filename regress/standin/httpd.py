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


"""What the servers among the stand-ins share: HTTPS, faults of the transport,
files that say where they are, and a life in the background."""

import errno
import http.server
import os
import select
import signal
import socket
import socketserver
import ssl
import sys
import threading
import time

import pki

MAX_BODY = 2 * 1024 * 1024


class Answer:
    def __init__(self, status, body, ctype="application/json", headers=()):
        if not isinstance(body, bytes):
            body = pki.json_text(body).encode()
        self.status, self.body, self.ctype = status, body, ctype
        self.headers = dict(headers)


def failure(status, text):
    return Answer(status, {"error": text})


class Handler(http.server.BaseHTTPRequestHandler):
    """serve() answers a request; faulty() sends, with whatever is wrong."""

    protocol_version = "HTTP/1.1"
    server_version = "stand-in"
    disable_nagle_algorithm = True
    timeout = 120

    def do_GET(self):
        self.serve()

    do_POST = do_DELETE = do_PUT = do_HEAD = do_LIST = do_GET

    def body(self):
        if self.headers.get("Transfer-Encoding"):
            raise ValueError("Content-Length is wanted")
        size = int(self.headers.get("Content-Length") or 0)
        if not 0 <= size <= MAX_BODY:
            raise ValueError("body is too large")
        data = self.rfile.read(size)
        if len(data) != size:
            raise ValueError("body is cut off")
        return data

    def send(self, answer):
        self.start(answer, len(answer.body))
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def start(self, answer, size):
        self.send_response(answer.status)
        if answer.ctype is not None:
            self.send_header("Content-Type", answer.ctype)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if size is not None and answer.status != 204:
            self.send_header("Content-Length", str(size))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def faulty(self, answer, wrong):
        if "slow" in wrong:
            wrong["enough"].wait(wrong["slow"])
        if "hang" in wrong:
            self.hang()
        if "hang" in wrong or "close" in wrong:
            self.cut()
            return
        if "status" in wrong:
            answer = failure(wrong["status"], "fault")
        elif "redirect" in wrong:
            answer = failure(302, "fault")
            url = wrong["redirect"]
            answer.headers["Location"] = "/evil" + self.path \
                if url is True else url
        elif "garbage" in wrong:
            answer.body = b"garbage\x00\xff{" * 20
        elif "empty" in wrong:
            answer.body = b""
        if "content-type" in wrong:
            value = wrong["content-type"]
            answer.ctype = "text/html" if value is True else value or None
        if "huge" in wrong:
            self.huge(answer, wrong["huge"])
        elif "half" in wrong:
            self.start(answer, len(answer.body))
            self.wfile.write(answer.body[:len(answer.body) // 2])
            self.cut()
        elif "drip" in wrong:
            self.drip(answer, wrong["drip"])
        else:
            self.send(answer)

    def hang(self):
        """Till the client gives up, the fault is taken back, or the end."""
        faults = self.server.faults
        released = faults.released
        while not self.server.stop.is_set() and \
                faults.released == released:
            if select.select([self.connection], [], [], 0.2)[0]:
                return

    def cut(self):
        self.server.abrupt.add(self.connection)
        self.close_connection = True

    def huge(self, answer, mib):
        """In chunks, so that no length warns the client."""
        answer.headers["Transfer-Encoding"] = "chunked"
        self.start(answer, None)
        piece = b'{"token":"' + b"A" * 65526
        for _ in range(mib * 16):
            self.wfile.write(b"10000\r\n" + piece + b"\r\n")
            piece = b"A" * 65536
        self.wfile.write(b"0\r\n\r\n")

    def drip(self, answer, seconds):
        self.start(answer, len(answer.body))
        for i in range(len(answer.body)):
            self.wfile.write(answer.body[i:i + 1])
            if self.server.stop.wait(seconds):
                return

    def log_request(self, code="-", size="-"):
        super().log_request(code, size)
        if "traceparent" in self.headers:
            self.log_message("traceparent %s of %s",
                             self.headers["traceparent"], self.path)

    def log_message(self, form, *args):
        if self.server.verbose:
            sys.stderr.write("%s %s\n" % (time.strftime("%H:%M:%S"),
                                          form % args))
            sys.stderr.flush()


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address, port, handler):
        if ":" in address:
            self.address_family = socket.AF_INET6
        super().__init__((address, port), handler)
        self.stop = threading.Event()
        self.abrupt = set()

    def connected(self):
        """A handshake has succeeded."""

    def finish_request(self, request, client):
        """The handshake belongs to the connection's own thread."""
        request.settimeout(30)
        try:
            conn = request if self.tls is None else \
                self.tls.wrap_socket(request, server_side=True)
        except (OSError, ValueError):
            return
        self.connected()
        try:
            super().finish_request(conn, client)
        except OSError:
            self.abrupt.add(conn)
        finally:
            self.finish(conn)

    def finish(self, conn):
        cut = conn in self.abrupt
        self.abrupt.discard(conn)
        try:
            if not cut:
                conn.settimeout(0.5)
                conn = conn if self.tls is None else conn.unwrap()
        except (OSError, ValueError):
            pass
        conn.close()

    def handle_error(self, request, client):
        if self.verbose:
            super().handle_error(request, client)


# Somebody's connection may have got the port meanwhile: when it has ended the
# system keeps the port for another minute.
BIND_SECONDS = 75


def bind(make, args):
    """A restarted server likes its old port: its certificates name it."""
    last = last_port(args.dir)
    until = time.monotonic() + BIND_SECONDS
    while args.port == 0 and last is not None and time.monotonic() < until:
        try:
            return make(args.listen, last)
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise
        time.sleep(0.1)
    return make(args.listen, args.port)


def last_port(directory):
    try:
        url = pki.read_file(os.path.join(directory, "url")).decode()
        return int(url.rpartition(":")[2])
    except (OSError, ValueError):
        return None


def remove(directory, *names):
    for name in names:
        try:
            os.unlink(os.path.join(directory, name))
        except FileNotFoundError:
            pass


def background(directory):
    """The caller goes on; the child serves.  Only the child returns."""
    pid = os.fork()
    if pid != 0:
        return pid
    os.setsid()
    log = os.open(os.path.join(directory, "log"),
                  os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    null = os.open("/dev/null", os.O_RDWR)
    for fd, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, fd)
    return 0


def serve(args, server):
    """Till a signal comes; in the background if that is wanted."""
    port = server.server_address[1]
    pid = background(args.dir) if args.daemon else 0
    if pid == 0 and args.daemon:
        return run(args, server)
    pki.write_file(os.path.join(args.dir, "pid"),
                   "%d\n" % (pid or os.getpid()))
    pki.write_file(os.path.join(args.dir, "port"), "%d\n" % port)
    if args.daemon:
        os._exit(0)
    run(args, server)


def tls_context(keys, args):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.load_cert_chain(*pki.tls_identity(keys, args.host, args.listen))
    return tls


def run(args, server):
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: server.stop.set())
    thread = threading.Thread(target=server.serve_forever, args=(0.1,),
                              daemon=True)
    thread.start()
    server.stop.wait()
    server.shutdown()
    server.server_close()
    remove(args.dir, "port", "pid")

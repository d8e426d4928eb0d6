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

"""A new connection for each request: connect.py PORT CA STOPFILE.

Until STOPFILE is there; then how many were answered, and what became of the
others, goes to standard output.  Nothing is tried again.
"""

import os
import socket
import ssl
import sys
import threading

PORT, CA, STOP = int(sys.argv[1]), sys.argv[2], sys.argv[3]
REQUEST = (b"GET /kbs/v1/version HTTP/1.1\r\nHost: localhost\r\n"
           b"Accept: application/json\r\nConnection: close\r\n\r\n")

context = ssl.create_default_context(cafile=CA)
lock = threading.Lock()
answered = 0
failed = []


def once():
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as s:
        with context.wrap_socket(s, server_hostname="localhost") as t:
            t.sendall(REQUEST)
            return t.recv(64)


def client():
    global answered
    while not os.path.exists(STOP):
        try:
            got = once()
            wrong = None if got.startswith(b"HTTP/1.1 200") else repr(got)
        except OSError as e:
            wrong = repr(e)
        with lock:
            if wrong is None:
                answered += 1
            else:
                failed.append(wrong)


threads = [threading.Thread(target=client) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(answered, "answered", len(failed), "failed", *failed[:5])

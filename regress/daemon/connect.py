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

"""A new connection for each request: connect.py PORT CA BEGUNFILE STOPFILE.

BEGUNFILE is made when one was answered.  Until STOPFILE is there, and until
some were answered; then how many were, what became of the others, and how many
had been open so long that a stop need not wait for them any more, goes to
standard output.  Nothing is tried again.
"""

import os
import socket
import ssl
import sys
import threading
import time

PORT, CA, BEGUN, STOP = int(sys.argv[1]), *sys.argv[2:5]
ENOUGH = 50
DRAIN = 1.8		# s: kbsd gives 2 to what has begun when it stops
REQUEST = (b"GET /kbs/v1/version HTTP/1.1\r\nHost: localhost\r\n"
           b"Accept: application/json\r\nConnection: close\r\n\r\n")

context = ssl.create_default_context(cafile=CA)
lock = threading.Lock()
answered = slow = 0
failed = []


class Cut(Exception):
    pass


def once():
    """What was answered; Cut: nothing, the connection was open too long."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as s:
        begin = time.monotonic()
        try:
            with context.wrap_socket(s, server_hostname="localhost") as t:
                t.sendall(REQUEST)
                if not (got := t.recv(64)):
                    raise ConnectionResetError("closed")
                return got
        except (ConnectionError, ssl.SSLError) as e:
            if time.monotonic() - begin >= DRAIN:
                raise Cut from e
            raise


def goes_on():
    return not os.path.exists(STOP) or answered < ENOUGH and not failed


def client():
    global answered, slow
    while goes_on():
        wrong, cut = None, 0
        try:
            got = once()
            if not got.startswith(b"HTTP/1.1 200"):
                wrong = repr(got)
        except Cut:
            cut = 1
        except OSError as e:
            wrong = repr(e)
        with lock:
            if wrong is not None:
                failed.append(wrong)
            elif cut:
                slow += 1
            else:
                answered += 1
                if answered == 1:
                    open(BEGUN, "w").close()


threads = [threading.Thread(target=client) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(answered, "answered", len(failed), "failed", slow, "slow", *failed[:5])

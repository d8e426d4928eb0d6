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

"""Audit logs as kbsd writes them, and what somebody may do to them.

make N FILE ...     N lines, in as many files
torn N FILE         one of them torn
hostile FILE        a line whose every text is an attack on a terminal
anchor FILE N       N:HASH of its line N
tamper KBSCTL A B   each way to touch each line of A and B must be found
"""

import datetime
import hashlib
import json
import os
import subprocess
import sys

BEGIN = datetime.datetime(2026, 1, 2, 3, 4, 0)


def sha(line):
    return hashlib.sha256(line).hexdigest()


def make_line(n, prev, continued=False):
    o = {"n": n, "prev": prev,
         "time": (BEGIN + datetime.timedelta(seconds=n)).strftime(
             "%Y-%m-%dT%H:%M:%S") + ".%03dZ" % n}
    if continued:
        o["event"] = "continued"
    else:
        o.update({"request": "00000001-%016x" % n, "event": "decision",
                  "operation": "transfer", "client": "192.0.2.%d" % n,
                  "key": "00000000-0000-4000-8000-%012d" % n,
                  "verdict": "deny" if n == 5 else "release"})
        if n % 4 == 0:
            o["who"] = "alice"
    return json.dumps(o, separators=(",", ":")).encode()


def make(count, files, torn=0):
    prev, n = "0" * 64, 0
    for i, name in enumerate(files):
        with open(name, "wb") as f:
            for k in range(count // len(files)):
                n += 1
                line = make_line(n, prev, i > 0 and k == 0)
                if n == torn:
                    line = line[:40]
                f.write(line + b"\n")
                prev = sha(line)


def hostile(name):
    bad = "\x1b[2J\x1b]0;x\x07\r\n\u009b31m\u202e\x7f\b"
    o = {"n": 1, "prev": "0" * 64, "time": bad, "request": bad,
         "operation": bad, "verdict": bad, "who": bad, "key": bad,
         "reason": bad, "client": bad}
    with open(name, "wb") as f:
        f.write(json.dumps(o).encode() + b"\n")
        f.write(json.dumps(o, ensure_ascii=False).encode() + b"\n")


def tampered(lines, end):
    """Lists of lines, each with what was done; end: nothing follows them."""
    forged = make_line(99, "0" * 64)
    for i, line in enumerate(lines):
        last = end and i == len(lines) - 1
        before, after = lines[:i], lines[i + 1:]
        if not last:
            yield "changed", before + [line.replace(b"192", b"193").replace(
                b"2026", b"2025")] + after
            yield "garbage", before + [b"x" * len(line)] + after
            yield "removed", before + after
            yield "swapped", before + [lines[i + 1], line] + after[1:] \
                if after else before
            yield "replaced", before + [make_line(int(json.loads(line)["n"]),
                                                  "1" * 64)] + after
        yield "cut", before + [line[:len(line) // 2]] + after
        yield "doubled", before + [line, line] + after
        yield "inserted", before + [forged, line] + after
        yield "empty line", before + [b"", line] + after


def verify(kbsctl, files):
    return subprocess.run([kbsctl, "-s", "nobody", "audit", "verify"] + files,
                          stdout=subprocess.DEVNULL).returncode


def tamper(kbsctl, a, b):
    logs = [open(name, "rb").read().splitlines() for name in (a, b)]
    n = 0
    if verify(kbsctl, [a, b]) != 0:
        sys.exit("not whole to begin with")
    for which in (0, 1):
        for what, lines in tampered(logs[which], which == 1):
            with open("tampered", "wb") as f:
                f.write(b"".join(line + b"\n" for line in lines))
            files = ["tampered", b] if which == 0 else [a, "tampered"]
            if verify(kbsctl, files) != 1:
                os.system("diff tampered " + (b if which else a))
                sys.exit("not found: %s" % what)
            n += 1
    print("%d tampered, all found" % n)


def main(args):
    if args[0] == "make":
        make(int(args[1]), args[2:])
    elif args[0] == "torn":
        make(int(args[1]), args[2:], int(args[1]) // 2)
    elif args[0] == "hostile":
        hostile(args[1])
    elif args[0] == "anchor":
        n = int(args[2])
        line = open(args[1], "rb").read().splitlines()[n - 1]
        print("%d:%s" % (n, sha(line)))
    else:
        tamper(*args[1:])


main(sys.argv[1:])

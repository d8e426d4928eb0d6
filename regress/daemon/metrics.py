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
"""The text of /metrics, read strictly, and clients for the limits.

    metrics.py check FILE MANUAL    one line for each thing that is wrong
    metrics.py get FILE NAME [LABEL=VALUE ...]
                                    the sum of what fits
    metrics.py uses FILE RULES DASHBOARD
                                    names that these use and nobody tells
    metrics.py hold PORT CA N       N connections at once; a head that never
                                    ends
"""
import json
import re
import socket
import ssl
import sys

NAME = r"[a-z][a-z_]*"
LABEL = re.compile(r'(%s)="([^"\\\n]*)"' % NAME)
SAMPLE = re.compile(r"(%s)(?:\{([^}]*)\})? ([0-9.]+)$" % NAME)
SUFFIXES = ("_bucket", "_sum", "_count")


def samples(path):
    for line in open(path):
        m = SAMPLE.match(line.rstrip("\n"))
        if m:
            yield m[1], dict(LABEL.findall(m[2] or "")), float(m[3])


def family(name, types):
    for suffix in SUFFIXES:
        if name.endswith(suffix) and \
                types.get(name[:-len(suffix)]) == "histogram":
            return name[:-len(suffix)]
    return name


def check(path, manual):
    wrong, types, helped, seen = [], {}, set(), set()
    current = None
    text = open(path).read()
    if not text.endswith("\n"):
        wrong.append("no end of the last line")
    for line in text.splitlines():
        if m := re.match(r"# HELP (%s) \S" % NAME, line):
            if m[1] in helped:
                wrong.append(f"{m[1]} comes twice")
            helped.add(m[1])
            current = m[1]
        elif m := re.match(r"# TYPE (%s) (counter|gauge|histogram)$" % NAME,
                           line):
            types[m[1]] = m[2]
            if m[1] != current:
                wrong.append(f"no HELP before {m[1]}")
        elif m := SAMPLE.match(line):
            labels = m[2] or ""
            if family(m[1], types) != current or current not in types:
                wrong.append(f"{line} below {current}")
            if labels and ",".join('%s="%s"' % x for x in
                                   LABEL.findall(labels)) != labels:
                wrong.append(f"labels: {line}")
            if (m[1], labels) in seen:
                wrong.append(f"twice: {line}")
            seen.add((m[1], labels))
        else:
            wrong.append(f"what is {line}")
    wrong += histograms(path, types)
    page = open(manual).read()
    told = page[page.find(".Sh METRICS"):]
    documented = set(re.findall(r"^\.It (?:Ic|Li) (kbsd_%s)" % NAME, told,
                                re.M))
    for name in sorted(set(types) - documented):
        wrong.append(f"{name} is not in the manual")
    return wrong


def histograms(path, types):
    """Buckets rise, end at +Inf, and that is the count."""
    last, counts = {}, {}
    for name, labels, value in samples(path):
        base = family(name, types)
        le = labels.pop("le", None)
        key = (base, tuple(sorted(labels.items())))
        if name.endswith("_bucket") and le is not None:
            if value < last.get(key, (0, 0))[0]:
                yield f"{key}: a bucket is less than the one before"
            last[key] = (value, le)
        elif name.endswith("_count") and base != name:
            counts[key] = value
    for key, value in counts.items():
        if last.get(key) != (value, "+Inf"):
            yield f"{key}: {last.get(key)} and a count of {value}"


def get(path, name, *wanted):
    want = dict(w.split("=", 1) for w in wanted)
    return sum(value for n, labels, value in samples(path)
               if n == name and want.items() <= labels.items())


def uses(path, rules, dashboard):
    """What only comes after something happened is named here."""
    there = {name for name, _, _ in samples(path)}
    there |= {"kbsd_platform_collateral_expiry_timestamp_seconds"}
    text = open(rules).read()
    panels = json.dumps(json.load(open(dashboard)))
    for name in sorted(set(re.findall(r"\bkbsd_[a-z_]+", text + panels))):
        if name not in there:
            yield f"nobody tells {name}"


def hold(port, ca, n):
    context = ssl.create_default_context(cafile=ca)
    held, closed = [], 0
    for _ in range(n):
        raw = socket.create_connection(("127.0.0.1", port), 20)
        try:
            held.append(context.wrap_socket(raw,
                                            server_hostname="localhost"))
        except OSError:
            closed += 1
    first = held[0]
    first.sendall(b"GET /kbs/v1/version HTTP/1.1\r\nHost: x\r\n")
    first.settimeout(20)
    status = first.recv(4096).split(b" ")[1].decode()
    print(f"{len(held)} held, {closed} closed; {status}")


def main():
    command, args = sys.argv[1], sys.argv[2:]
    if command == "get":
        print(int(get(*args)))
        return
    if command == "hold":
        hold(int(args[0]), args[1], int(args[2]))
        return
    wrong = list({"check": check, "uses": uses}[command](*args))
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


main()

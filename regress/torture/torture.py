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

"""One call of one process of kbsd fails, then the next, and so on.

torture.py transfer [PROCESS ...]   of a transfer, in a running kbsd
torture.py denied                   of one that is to be denied
torture.py start                    of a start, with what is there already
torture.py first                    of the first start, which makes secrets

For each process on the way of a passport transfer, each allocation and each
fallible system call fails once.  Then
  - the client gets the key, or an error of the 5xx kind, in time, or, when
    it is the frontend that dies, the end of the connection;
  - a key that came has its line in the audit log;
  - no process was killed by a signal (a crash, the sandbox, a sanitizer);
  - the next transfer gets the key, of a replaced process if need be;
  - the same fault again and again does not make the process grow.
A transfer that is to be denied never gets the key, whatever fails.  A start
succeeds or ends with a reason and not with 0, and a start without a fault
afterwards succeeds.

Environment: TORTURE is the share of the calls that are tried: `full', or the
number of those tried of each process and kind.  TORTURE_SECONDS ends it early.
"""

import sys

sys.dont_write_bytecode = True

import http.client
import itertools
import json
import mmap
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import time

DIR = os.getcwd()
BIN = os.environ["KBSD_BIN"]
SO = os.environ["FAULT_SO"]
STATE = os.path.join(DIR, "state")
AUDIT = os.path.join(STATE, "audit.log")
LOG = os.path.join(DIR, "log")
PORT = int(os.environ["KBSD_PORT"])
SAMPLE = os.environ.get("TORTURE", "12")
SAMPLE = None if SAMPLE == "full" else int(SAMPLE)
END = time.monotonic() + float(os.environ.get("TORTURE_SECONDS", "1e9"))

KINDS = ("memory", "system")
# How long an answer may take, a process to be replaced, and what comes after
# an answer, seconds.
ANSWER, REPLACED, IDLE = 8, 6, 5
# Of the same fault: so many times, and that many blocks more each time.
AGAIN, GROWS = 6, 1


# --- the file that fault.c maps ----------------------------------------------

class Fault:
    SIZE = 4096
    PID, SKIP, PROGRAM, COUNT, AT, FIRED, LIVE, CALL = (
        0, 4, 8, 40, 56, 72, 80, 88)

    def __init__(self, path):
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), self.SIZE)

    def put(self, form, at, *values):
        struct.pack_into(form, self.map, at, *values)

    def get(self, form, at):
        return struct.unpack_from(form, self.map, at)[0]

    def clear(self, pid=-1, program="", skip=0):
        self.put("=i", self.PID, -1)
        self.put("=QQ", self.AT, 0, 0)
        self.put("=QQ", self.COUNT, 0, 0)
        self.put("=Qq32s", self.FIRED, 0, 0, b"")
        self.put("=I32s", self.SKIP, skip, program.encode())
        self.put("=i", self.PID, pid)

    def arm(self, kind, number):
        self.put("=Q", self.FIRED, 0)
        self.put("=QQ", self.COUNT, 0, 0)
        self.put("=Q", self.AT + 8 * kind, number)

    def disarm(self):
        self.put("=QQ", self.AT, 0, 0)

    @property
    def pid(self):
        return self.get("=i", self.PID)

    @property
    def fired(self):
        return self.get("=Q", self.FIRED)

    @property
    def live(self):
        return self.get("=q", self.LIVE)

    def count(self, kind):
        return self.get("=Q", self.COUNT + 8 * kind)

    @property
    def call(self):
        return self.get("32s", self.CALL).split(b"\0")[0].decode()


fault = Fault(os.path.join(DIR, "fault"))


# --- one transfer ------------------------------------------------------------

addresses = itertools.count(2)
context = None
with open(os.path.join(DIR, "token.jwt")) as f:
    BODY = json.dumps({"attestation_token": f.read().strip()})
with open(os.path.join(DIR, "keys")) as f:
    # The first one is released, the others are not.
    PATHS = ["/kbs/v1/keys/%s/transfer" % key for key in f.read().split()]


def transfer(path=PATHS[0]):
    """The status; 0: the connection ended or was refused; -1: no answer."""
    global context
    if context is None:
        context = ssl.create_default_context(
            cafile=os.path.join(STATE, "tls.crt"))
    # An address of its own each time: one that was there at two deaths
    # running is refused for a while.
    n = next(addresses)
    source = "127.%d.%d.%d" % (1 + n // 62500 % 250, n // 250 % 250,
                               2 + n % 250)
    conn = http.client.HTTPSConnection("localhost", PORT, context=context)
    try:
        sock = socket.create_connection(("127.0.0.1", PORT), ANSWER,
                                        (source, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn.sock = context.wrap_socket(sock, server_hostname="localhost")
        conn.request("POST", path, BODY, {
            "Accept": "application/json", "Content-Type": "application/json",
            "Connection": "close"})
        answer = conn.getresponse()
        body = answer.read()
    except socket.timeout:
        return -1
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        conn.close()
    if answer.status == 200 and "wrapped_key" not in json.loads(body):
        return 1
    return answer.status


class Audit:
    """How many releases have their line."""

    def __init__(self):
        self.at = os.path.getsize(AUDIT) if os.path.exists(AUDIT) else 0

    def releases(self):
        n = 0
        with open(AUDIT, "rb") as f:
            f.seek(self.at)
            for line in f:
                n += b'"decision"' in line and b'"release"' in line and \
                    line.endswith(b"}\n")
        return n


class Log:
    """What kbsd says."""

    def __init__(self):
        self.at = os.path.getsize(LOG) if os.path.exists(LOG) else 0

    def text(self):
        with open(LOG, errors="replace") as f:
            f.seek(self.at)
            text = f.read()
            self.at = f.tell()
        return text


# A crash, or one who is blamed for what failed at another.
BAD = ("ended: signal", "Sanitizer", "runtime error:", "Assertion",
       "what it may not")

failures = 0
tried = 0


def wrong(what, detail=""):
    global failures
    failures += 1
    print("WRONG %s%s" % (what, "\n" + detail if detail else ""))
    sys.stdout.flush()
    if failures > 400:
        print("too much is wrong")
        sys.exit(1)


def bad_lines(text):
    return [line for line in text.splitlines()
            if any(word in line for word in BAD) and
            not line.endswith("ended: signal 9")]


def good_again():
    """A transfer works, after a replacement if need be; how many it took."""
    end = time.monotonic() + REPLACED
    for n in itertools.count(1):
        status = transfer()
        if status == 200:
            return n
        if time.monotonic() > end:
            return 0
        time.sleep(0.02)


# --- faults of the transfer --------------------------------------------------

def pids():
    rows = json.loads(subprocess.run(
        [os.path.join(BIN, "kbsctl"), "-s", os.path.join(DIR, "kbsd.sock"),
         "-j", "show", "processes"], check=True, stdout=subprocess.PIPE,
        timeout=20).stdout)
    return {row["process"]: int(row["pid"]) for row in rows}


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def pid_of(process):
    for _ in range(100):
        try:
            pid = pids()[process]
        except (subprocess.SubprocessError, KeyError, ValueError):
            pid = 0
        if pid and alive(pid):
            return pid
        time.sleep(0.05)
    wrong("%s is not there again" % process)
    sys.exit(1)


def aim(process):
    """Make this process the one that counts, warm."""
    pid = pid_of(process)
    if fault.pid != pid:
        fault.clear(pid)
        for _ in range(3):
            good_again()
    return pid


def numbers(count):
    """Which of the calls fail: all of them, or so many, evenly."""
    if SAMPLE is None or count <= SAMPLE:
        return range(1, count + 1)
    return sorted({1 + i * count // SAMPLE for i in range(SAMPLE)})


def fail_once(process, kind, number):
    """Did the fault come?  Everything that may not follow is told."""
    global tried
    what = "%s: %s %d" % (process, KINDS[kind], number)
    pid = aim(process)
    audit, log = Audit(), Log()
    fault.arm(kind, number)
    begun = time.monotonic()
    status = transfer()
    took = time.monotonic() - begun
    time.sleep(0.005)               # what comes after the answer
    fault.disarm()
    if not fault.fired:
        return False
    tried += 1
    what += " (%s)" % fault.call
    lines = audit.releases()
    died = not alive(pid)
    if status == 200 and lines < 1:
        wrong(what + ": a key without its line in the audit log")
    elif status not in (200, 500, 502, 503, 504) and not (
            status == 0 and process in ("frontend", "signer")):
        wrong(what + ": the client gets %d after %.1f s" % (status, took))
    if took > ANSWER:
        wrong(what + ": it takes %.1f s" % took)
    n = good_again()
    if n == 0:
        wrong(what + ": no transfer works any more")
    died = died or not alive(pid)
    text = log.text()
    if bad_lines(text):
        wrong(what + ": a crash, or blame", "\n".join(bad_lines(text)))
    outcomes[status, died] = outcomes.get((status, died), 0) + 1
    if VERBOSE:
        print(what, status, "died" if died else "", "%.3f s" % took, n)
    return True


def settled():
    """The blocks of the process when it has nothing to do."""
    good_again()
    time.sleep(0.01)
    return fault.live


def grows(process, kind, number):
    """The same fault again and again: does it leave blocks behind?

    libcrypto keeps the texts of its last 16 errors.
    """
    pid = aim(process)
    for n in range(16 + AGAIN):
        if n == 16:
            before = settled()
        fault.arm(kind, number)
        transfer()
        time.sleep(0.003)
        fault.disarm()
        if not alive(pid) or not good_again():
            return
    more = settled() - before
    # On a busy machine it is not idle as soon as it has answered.
    end = time.monotonic() + IDLE
    while more >= AGAIN * GROWS and time.monotonic() < end:
        time.sleep(0.02)
        more = min(more, fault.live - before)
    if more >= AGAIN * GROWS:
        wrong("%s: %s %d (%s) leaves %d blocks behind in %d times" % (
            process, KINDS[kind], number, fault.call, more, AGAIN))


def torture_process(process):
    global outcomes
    outcomes = {}
    aim(process)
    fault.arm(0, 0)
    good_again()
    time.sleep(0.01)
    counts = [fault.count(kind) for kind in range(len(KINDS))]
    for kind, count in enumerate(counts):
        for number in numbers(count):
            if time.monotonic() > END:
                break
            live = fault.live if fault.pid == pid_if_alive() else None
            if not fail_once(process, kind, number):
                continue
            if live is not None and fault.pid == pid_if_alive() and \
                    settled() > live:
                grows(process, kind, number)
    print("%s: %d allocations, %d system calls a transfer; %s" % (
        process, counts[0], counts[1], ", ".join(
            "%d%s: %d" % (status, " and died" if died else "", n)
            for (status, died), n in sorted(outcomes.items()))))
    sys.stdout.flush()


def pid_if_alive():
    return fault.pid if fault.pid > 0 and alive(fault.pid) else 0


# --- faults of a transfer that is to be denied -------------------------------

def torture_denied(path):
    """Each allocation of the verifier: no check is passed for want of it."""
    global tried
    aim("verifier")
    fault.arm(0, 0)
    status = transfer(path)
    count = fault.count(0)
    if status != 401:
        wrong("%s: %d, not denied" % (path, status))
    for number in numbers(count):
        if time.monotonic() > END:
            break
        aim("verifier")
        fault.arm(0, number)
        status = transfer(path)
        fault.disarm()
        tried += fault.fired
        if status not in (401, 500, 502, 503, 504):
            wrong("denied: memory %d (%s): %d" % (number, fault.call, status))
    print("denied: %d allocations of the verifier" % count)


# --- faults of the start -----------------------------------------------------

# Program, and how many of its processes start before the one that counts.
PROGRAMS = (("kbsd", 0), ("signer", 0), ("auth", 0), ("kms", 0),
            ("verifier", 0), ("auth", 1), ("broker", 0), ("store", 0),
            ("audit", 0), ("control", 0), ("engine", 0), ("engine", 1),
            ("fetcher", 0), ("frontend", 0))
# Those that make a secret, or a database, when there is none.
MAKERS = (("kbsd", 0), ("signer", 0), ("auth", 0), ("kms", 0),
          ("verifier", 0), ("store", 0), ("audit", 0))
STARTED, STOPPED = 20, 8


def spawn():
    environment = dict(os.environ, LD_PRELOAD=SO,
                       FAULT=os.path.join(DIR, "fault"))
    with open(LOG, "a") as log:
        return subprocess.Popen(
            [os.path.join(BIN, "kbsd"), "-d", "-f",
             os.path.join(DIR, "kbsd.conf")], stdout=log, stderr=log,
            env=environment, start_new_session=True)


def serves(first):
    """The first start knows no keys."""
    global context
    context = None
    try:
        return transfer() in ((200, 404) if first else (200,))
    except OSError:
        return False


def end_of(kbsd):
    """Its status, with nothing left behind; None: it does not end."""
    try:
        return kbsd.wait(STOPPED)
    except subprocess.TimeoutExpired:
        os.killpg(kbsd.pid, signal.SIGKILL)
        kbsd.wait()
        return None


def one_start(what, first):
    """True: it served; then it is stopped.  False: it ended by itself."""
    log = Log()
    kbsd = spawn()
    end = time.monotonic() + STARTED
    up = False
    while kbsd.poll() is None and not up:
        if time.monotonic() > end:
            wrong(what + ": neither comes up nor ends", log.text()[-2000:])
            break
        up = serves(first)
        if not up:
            time.sleep(0.02)
    fault.disarm()
    fired = fault.fired
    if up:
        kbsd.terminate()
    status = end_of(kbsd)
    text = log.text()
    if status is None:
        wrong(what + ": does not stop", text[-2000:])
    elif not up and status == 0:
        wrong(what + ": ends with 0 although it did not serve")
    elif not up and fired and not text.strip():
        wrong(what + ": ends without a word")
    lines = [line for line in bad_lines(text) if "signal 15" not in line]
    # libseccomp has loaded a filter without most of its rules: closed it is.
    if not up and status == 1 and "memory" in what:
        lines = [line for line in lines if "signal 31 (sandbox)" not in line]
    if lines or (status is not None and status < 0):
        wrong(what + ": a crash (%s)" % status, "\n".join(lines))
    return up


def torture_start(program, skip, first):
    global tried
    share = None if SAMPLE is None else max(1, SAMPLE // 6)
    name = "%s %s %d" % ("first start:" if first else "start:", program, skip)
    ups = downs = 0

    def begin(kind, number):
        if first:
            shutil.rmtree(STATE, ignore_errors=True)
        fault.clear(0, program, skip)
        fault.put("=Q", fault.AT + 8 * kind, number)

    begin(0, 0)
    if not one_start(name, first):
        wrong(name + ": does not start without a fault")
        return
    counts = [fault.count(kind) for kind in range(len(KINDS))]
    for kind, count in enumerate(counts):
        step = 1 if share is None else max(1, count // share)
        # not always the first of them
        for number in range(1 + step // 2, count + 1, step):
            if time.monotonic() > END:
                break
            begin(kind, number)
            what = "%s: %s %d" % (name, KINDS[kind], number)
            up = one_start(what, first)
            if not fault.fired:
                continue
            tried += 1
            ups, downs = ups + up, downs + (not up)
            if VERBOSE:
                print(what, fault.call, "up" if up else "ended")
            fault.clear(-1)
            if not up and not one_start(what + ": the start after it", first):
                wrong(what + " (%s): no start works any more" % fault.call)
    print("%s: %d allocations, %d system calls; up %d, ended %d" % (
        name, counts[0], counts[1], ups, downs))
    sys.stdout.flush()


TRANSFER = ("frontend", "signer", "broker", "verifier", "audit", "engine",
            "kms")
VERBOSE = "TORTURE_VERBOSE" in os.environ


def main():
    mode, rest = sys.argv[1], sys.argv[2:]
    if mode == "transfer":
        for process in rest or TRANSFER:
            torture_process(process)
    elif mode == "denied":
        for path in PATHS[1:]:
            torture_denied(path)
    else:
        for program, skip in (MAKERS if mode == "first" else PROGRAMS):
            if not rest or program in rest:
                torture_start(program, skip, mode == "first")
    if tried == 0:
        wrong("no fault came")
    print("%d faults, %d wrong" % (tried, failures))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

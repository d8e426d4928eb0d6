#!/usr/bin/env python3
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

"""
What a systemd unit says of a service's surroundings, as far as that can be had
without systemd: unit.py UNIT DIRECTORY -- command ...

User, capabilities, limits, system calls, memory that is never executable,
address families, and a file system that is read-only but for DIRECTORY/state,
DIRECTORY/run and /dev.  A call that the unit does not allow kills.  Not done:
Private... and Protect... of what lies elsewhere, and device rules.
"""

import ctypes
import os
import pwd
import re
import resource
import subprocess
import sys

PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
KILL = 0x80000000
ALLOW = 0x7FFF0000
EPERM, EAFNOSUPPORT = 0x00050001, 0x00050000 | 97
NE, LT, EQ, GT, MASKED = 1, 2, 4, 6, 7
CAPABILITIES = {"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_SETGID": 6,
                "CAP_SETUID": 7, "CAP_NET_BIND_SERVICE": 10,
                "CAP_SYS_CHROOT": 18}

libc = ctypes.CDLL(None, use_errno=True)
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int),
                ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def read(path):
    """Of each word of [Service] all its lines, in their order."""
    text = open(path).read().replace("\\\n", " ")
    service = text.split("[Service]")[1].split("[Install]")[0]
    words = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", service, re.M):
        words.setdefault(name, []).append(value)
    return words


def expand(name):
    if not name.startswith("@"):
        return {name}
    out = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter",
                          name], check=True, capture_output=True, text=True)
    calls = set()
    for line in out.stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            calls |= expand(word)
    return calls


def allowed(lines):
    calls = expand("@default")
    for line in lines:
        names = line.lstrip("~").split()
        these = set().union(*(expand(n) for n in names))
        calls = calls - these if line.startswith("~") else calls | these
    return calls


def rule(ctx, action, call, *compare):
    number = seccomp.seccomp_syscall_resolve_name(call.encode())
    if number < 0:
        return
    array = (Compare * len(compare))(*compare)
    error = seccomp.seccomp_rule_add_array(
        ctypes.c_void_p(ctx), ctypes.c_uint32(action), number, len(compare),
        array)
    if error != 0:
        sys.exit(f"unit.py: {call}: {error}")


def load(ctx):
    if seccomp.seccomp_load(ctypes.c_void_p(ctx)) != 0:
        sys.exit("unit.py: seccomp_load")


def refuse(words):
    ctx = seccomp.seccomp_init(ctypes.c_uint32(ALLOW))
    if words.get("MemoryDenyWriteExecute") == ["yes"]:
        rule(ctx, EPERM, "mmap", Compare(2, MASKED, 6, 6))
        rule(ctx, EPERM, "mprotect", Compare(2, MASKED, 4, 4))
        rule(ctx, EPERM, "pkey_mprotect", Compare(2, MASKED, 4, 4))
    if words.get("RestrictAddressFamilies") == ["AF_UNIX AF_INET AF_INET6"]:
        rule(ctx, EAFNOSUPPORT, "socket", Compare(0, GT, 10))
        for family in range(3, 10):
            rule(ctx, EAFNOSUPPORT, "socket", Compare(0, EQ, family))
    load(ctx)


def filter_calls(words):
    ctx = seccomp.seccomp_init(ctypes.c_uint32(KILL))
    for call in sorted(allowed(words["SystemCallFilter"])):
        rule(ctx, ALLOW, call)
    load(ctx)


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def file_system(directory):
    if libc.unshare(CLONE_NEWNS | CLONE_NEWIPC) != 0:
        sys.exit("unit.py: unshare")
    mount("--make-rprivate", "/")
    with open("/proc/self/mounts") as f:
        points = [line.split()[1] for line in f]
    for name in ("state", "run"):
        mount("--bind", f"{directory}/{name}", f"{directory}/{name}")
    for point in points:
        if not re.match(r"/(dev|proc|sys)(/|$)", point):
            mount("-o", "remount,bind,ro", point)


def limit(which, n):
    """Where root may not raise it, what it has must do."""
    most = resource.getrlimit(which)[1]
    if most != resource.RLIM_INFINITY:
        n = min(n, most)
    resource.setrlimit(which, (n, n))


def limits(words):
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_NOFILE, int(words["LimitNOFILE"][0]))
    limit(resource.RLIMIT_MEMLOCK,
          int(words["LimitMEMLOCK"][0].rstrip("M")) << 20)


def capabilities(words):
    keep = {CAPABILITIES[c]
            for c in " ".join(words["CapabilityBoundingSet"]).split()}
    n = 0
    while os.path.exists("/proc/self/status") and \
            libc.prctl(23, n, 0, 0, 0) >= 0:
        if n not in keep:
            libc.prctl(PR_CAPBSET_DROP, n, 0, 0, 0)
        n += 1


def main():
    unit, directory = sys.argv[1:3]
    command = sys.argv[4:]
    words = read(unit)
    user = pwd.getpwnam(words.get("User", ["root"])[0])
    for name in ("state", "run"):
        path = f"{directory}/{name}"
        os.makedirs(path, exist_ok=True)
        if os.stat(path).st_uid != user.pw_uid:
            os.chown(path, user.pw_uid, user.pw_gid)
    file_system(directory)
    limits(words)
    os.umask(int(words["UMask"][0], 8))
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    os.environ["STATE_DIRECTORY"] = f"{directory}/state"
    os.environ["RUNTIME_DIRECTORY"] = f"{directory}/run"
    capabilities(words)
    if user.pw_uid != 0:
        os.setgroups([])
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    refuse(words)
    filter_calls(words)
    os.execvp(command[0], command)


main()

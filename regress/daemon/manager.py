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
A service manager as kbsd sees one: sockets, a notify socket, a watchdog and
credentials; systemd itself can't run where the tests do.

	manager.py DIRECTORY [option ...] -- command ...

What the service tells is in DIRECTORY/told, a line for each message; its pid is
in DIRECTORY/pid.  SIGUSR1 restarts it, while its sockets stay; SIGTERM ends it,
and then this, with its status.
"""

import argparse
import os
import signal
import socket
import sys
import threading


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("directory")
    p.add_argument("--listen", action="append", default=[], metavar="PORT")
    p.add_argument("--unix", action="append", default=[], metavar="PATH")
    p.add_argument("--credentials", metavar="DIRECTORY")
    p.add_argument("--watchdog", metavar="MICROSECONDS")
    p.add_argument("--uid", type=int)
    words = sys.argv[1:]
    here = words.index("--")
    args = p.parse_args(words[:here])
    args.command = words[here + 1:]
    return args


class Manager:
    def __init__(self, args):
        self.args = args
        self.pid = 0
        self.again = False
        self.sockets = []
        for port in args.listen:
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", int(port)))
            s.listen(1024)
            self.sockets.append(s)
        for path in args.unix:
            s = socket.socket(socket.AF_UNIX)
            s.bind(path)
            s.listen(64)
            self.sockets.append(s)
        path = args.directory + "/notify"
        if os.path.exists(path):
            os.unlink(path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        os.chmod(path, 0o777)
        self.hearing = threading.Thread(target=self.hear, daemon=True)
        self.hearing.start()

    def hear(self):
        with open(self.args.directory + "/told", "a") as told:
            while text := self.notify.recv(4096).decode():
                told.write(text.replace("\n", " ") + "\n")
                told.flush()

    def heard(self):
        """All that was told is written: behind it comes nothing, from us."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"", self.notify.getsockname())
        self.hearing.join()

    def environment(self):
        env = dict(os.environ)
        env["NOTIFY_SOCKET"] = self.args.directory + "/notify"
        if self.args.watchdog:
            env["WATCHDOG_USEC"] = self.args.watchdog
            env["WATCHDOG_PID"] = str(os.getpid())
        if self.args.credentials:
            env["CREDENTIALS_DIRECTORY"] = self.args.credentials
        if self.sockets:
            env["LISTEN_PID"] = str(os.getpid())
            env["LISTEN_FDS"] = str(len(self.sockets))
            env["LISTEN_FDNAMES"] = ":".join("x" * len(self.sockets))
        return env

    def child(self):
        # Out of the way of where they have to be.
        fds = [os.dup2(s.fileno(), 100 + i, False)
               for i, s in enumerate(self.sockets)]
        for i, fd in enumerate(fds):
            os.dup2(fd, 3 + i)
        if self.args.uid is not None:
            os.setgroups([])
            os.setresgid(self.args.uid, self.args.uid, self.args.uid)
            os.setresuid(self.args.uid, self.args.uid, self.args.uid)
        os.execvpe(self.args.command[0], self.args.command,
                   self.environment())

    def start(self):
        self.pid = os.fork()
        if self.pid == 0:
            self.child()
        with open(self.args.directory + "/pid", "w") as f:
            f.write("%d\n" % self.pid)

    def signal(self, number, _):
        self.again = number == signal.SIGUSR1
        os.kill(self.pid, signal.SIGTERM)

    def run(self):
        signal.signal(signal.SIGUSR1, self.signal)
        signal.signal(signal.SIGTERM, self.signal)
        while True:
            self.start()
            _, status = os.waitpid(self.pid, 0)
            if not self.again:
                self.heard()
                sys.exit(os.waitstatus_to_exitcode(status))
            self.again = False


Manager(arguments()).run()

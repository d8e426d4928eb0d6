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

# What the pictures show is read here from the tables of the code: who there
# is, who talks to whom, who runs as which user, who is given which secret.  A
# table that is not where it was is an error: no picture is better than one
# that is no longer true.

import functools
import pathlib
import re

SRC = pathlib.Path(__file__).resolve().parents[2]

# How the last words of a descriptor's role tell that a secret comes with it.
SECRET = re.compile(r"_(KEY|SECRET|PASSWORD|PIN|TOKEN)$")


@functools.cache
def read(name):
    return (SRC / name).read_text()


def body(name, start):
    """What stands between the braces behind this text."""
    text = read(name)
    if start not in text:
        raise SystemExit(f"{name}: where is \"{start}\"?")
    return re.split(r"\n\};?", text.split(start, 1)[1], maxsplit=1)[0]


def found(what, list_):
    if not list_:
        raise SystemExit(f"{what}: nothing found")
    return list_


@functools.cache
def names():
    """process_kind to its name, in the order of the enum."""
    rows = re.findall(r"\[PROC_(\w+)\] = \"(\w+)\"",
                      body("common/kinds.c", "names[PROC_MAX] = {"))
    return dict(found("common/kinds.c", rows))


@functools.cache
def programs():
    rows = re.findall(r"\[PROC_(\w+)\] = \"(\w+)\"",
                      body("kbsd/parent/child.c", "programs[PROC_MAX] = {"))
    return {names()[kind]: program
            for kind, program in found("kbsd/parent/child.c", rows)}


@functools.cache
def edges():
    rows = re.findall(r"\{ PROC_(\w+),\s+PROC_(\w+) \}",
                      body("kbsd/parent/set.c", "edge_pairs[] = {"))
    return [(names()[a], names()[b])
            for a, b in found("kbsd/parent/set.c", rows)]


@functools.cache
def keyusers():
    """Who becomes _kbsdkey; the others become _kbsd."""
    rows = re.findall(r"\[PROC_(\w+)\] = 1",
                      body("kbsd/parent/give.c", "keyuser[PROC_MAX] = {"))
    return {names()[kind] for kind in found("keyuser", rows)}


@functools.cache
def starts(flag):
    """Who may be started with this START_ flag: give_start() says it, or a
    function that it asks for this kind."""
    text = body("kbsd/parent/give.c", "\ngive_start(struct child *c)\n{")
    kinds = set()
    for condition, then in re.findall(r"\n\tif \((.*?)\)\n\t\t(.*?;)", text,
                                      re.S):
        called = re.search(r"= (give_\w+)\(", then)
        if called is not None:
            then = body("kbsd/parent/give.c", f"\n{called.group(1)}(")
        if flag in then:
            kinds |= {names()[k] for k in
                      re.findall(r"c->kind == PROC_(\w+)", condition)}
    return set(found(flag, kinds))


@functools.cache
def functions():
    """What the parent's functions that give something are made of."""
    return dict(found("functions that give", re.findall(
        r"^(give_\w+)\([^;{]*\)\n\{(.*?)^\}", "\n".join(
            p.read_text() for p in sorted((SRC / "kbsd/parent").glob("*.c"))),
        re.MULTILINE | re.DOTALL)))


def gives(fn):
    """A descriptor, itself or by what it calls."""
    text = functions()[fn]
    return "FD_" in text or any(gives(f) for f in set(re.findall(
        r"\b(give_\w+)\(", text)) if f in functions() and f != "give_fd")


@functools.cache
def roles():
    """A process's name to the roles of descriptors that its program takes."""
    all_ = found("descriptor roles", re.findall(
        r"\b(FD_\w+)", body("kbsd/kbsd.h", "enum descriptor_role {")))
    folders = {program: set(re.findall(r"\bFD_\w+", "".join(
        p.read_text() for p in sorted((SRC / "kbsd" / program).glob("*.c")))))
        for program in set(programs().values())}
    # Two of a program: the smaller one is given nothing but what its own
    # function has, or one that it calls.
    given = {names()[kind]: gives(fn) for kind, fn in re.findall(
        r"\[PROC_(\w+)\] = (give_\w+)", body(
            "kbsd/parent/give.c", "give[PROC_MAX])(struct child *, struct "
            "wbuf *) = {"))}
    return {name: [r for r in all_ if r in folders[program] and (
            given[name] or list(programs().values()).count(program) == 1)]
            for name, program in programs().items()}


def words(role):
    text = role[3:].lower().replace("_", " ")
    return text.replace("tls", "TLS").replace("api", "API").replace(
        "kms secret", "credential").replace("kms key", "KMIP key")


def secrets(name):
    return [words(r) for r in roles()[name] if SECRET.search(r)]


@functools.cache
def messages():
    return set(found("kbsd/kbsd.h", re.findall(
        r"^\t(IMSG_\w+)", body("kbsd/kbsd.h", "enum imsg_type {"), re.M)))


@functools.cache
def mentions(name, imsg):
    folder = SRC / "kbsd" / programs()[name]
    return any(imsg in p.read_text() for p in folder.glob("*.c"))

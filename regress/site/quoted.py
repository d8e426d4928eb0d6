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
# Do the guides still say what the programs say?  A text in .Dq of the guides
# must stand in the sources ("..." for what varies), and a command of kbsctl
# in its table of commands.
#
# usage: quoted.py sources

import pathlib
import re
import sys

# What others say.
FOREIGN = {
    "allowed",
    # SQLite's words, and a number that is put together.
    "database disk image is malformed", "store.db: file is not a database",
    "signal 31 (sandbox)",
}

src = pathlib.Path(sys.argv[1])


def literals():
    """All strings of the programs, those in several parts as one."""
    text = "".join(p.read_text() for d in ("common", "kbsd", "kbsctl",
                   "kbsget") for p in sorted((src / d).rglob("*.c")))
    text = re.sub(r'"\s*\n\s*"', "", text)
    return "\n".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', text))


def commands():
    text = (src / "kbsctl/command.c").read_text()
    return {" ".join(w for w in pair if w) for pair in
            re.findall(r'^\t\{ "(\w+)", (?:"(\w+)"|NULL)', text, re.M)}


def quoted(page):
    for line in re.findall(r"^\.Dq (.*)$", page, re.M):
        yield re.sub(r" [.,:;)]$", "", line)


# Between the pieces of a text are its variable parts.
def said(words, all_):
    pieces = [re.escape(p.strip()) for p in re.split(
        r"\.\.\.|\b[A-Z]{3,}\b(?! key)|\b\d+\b", words) if p.strip()]
    return re.search(r"[^\n]*".join(pieces), all_) is not None


def main():
    all_, known = literals(), commands()
    for path in sorted((src / "man").glob("kbsd-*.7")):
        page = re.sub(r'^\.\\".*\n', "", path.read_text(), flags=re.M)
        for words in quoted(page):
            if words not in FOREIGN and not said(words, all_):
                print(f"{path.name}: nobody says \"{words}\"")
        for one, two in re.findall(r"(?:kbsctl|\bctl)(?: -j)? ([a-z]+)\b"
                                   r"(?: ([a-z]+))?", page):
            if one not in known and f"{one} {two}" not in known:
                print(f"{path.name}: kbsctl has no \"{one} {two}\"")


main()

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
# Is a directory of HTML pages whole?  Says what is wrong, a line each.
#
# usage: check.py directory man

import html.parser
import pathlib
import re
import sys
import xml.etree.ElementTree

VOID = {"meta", "link", "br", "hr", "img", "input", "col", "wbr"}


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.name = path.name
        self.open, self.ids, self.links, self.wrong = [], set(), [], []
        self.feed(path.read_text())
        self.close()
        if self.open:
            self.wrong.append(f"<{self.open[-1]}> is not closed")

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        for name, value in attrs:
            if name == "id" and value in self.ids:
                self.wrong.append(f"the id {value} is there twice")
            if name == "id":
                self.ids.add(value)
            if name in ("href", "src"):
                self.links.append(value)
            if name.startswith("on"):
                self.wrong.append(f"{name} is a script")
        if tag in ("script", "iframe", "object", "embed"):
            self.wrong.append(f"a <{tag}>")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"line {self.getpos()[0]}: </{tag}> closes "
                              "something else")


def links(page, pages, there):
    for link in page.links:
        name, _, fragment = link.partition("#")
        if name and name not in there:
            yield f"the link {link} leads nowhere"
        elif fragment and (name or page.name) in pages and fragment not in \
                pages[name or page.name].ids:
            yield f"the link {link} has no such place"


def main():
    site, man = map(pathlib.Path, sys.argv[1:])
    there = {p.name for p in site.iterdir()}
    pages = {p.name: Page(p) for p in sorted(site.glob("*.html"))}
    for name, page in pages.items():
        for wrong in [*page.wrong, *links(page, pages, there)]:
            print(f"{name}: {wrong}")
    for p in sorted(man.glob("*.[1-9]")):
        if p.name + ".html" not in pages["index.html"].links:
            print(f"index.html: {p.name} is not listed")
    for p in sorted(site.iterdir()):
        text = p.read_text()
        if "FIGURE-" in text:
            print(f"{p.name}: a picture is missing")
        if p.suffix == ".svg":
            xml.etree.ElementTree.fromstring(text)
        # A name space is no address that anybody asks.
        if re.search(r"(@import|url\((?!#)|(href|src)=\"(?!#)[a-z]*:?//)",
                     text):
            print(f"{p.name}: something would be fetched from elsewhere")


main()

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
# The manual as a small site: `make site'.  Each page of man/ by mandoc, an
# index with the words of README.md, and the pictures of figures.py in the
# place of those that a terminal gets, which stand between
#	.\" figure NAME
#	.\" end
#
# usage: site.py directory

import html
import pathlib
import re
import shutil
import subprocess
import sys

import figures
from tables import SRC

HERE = pathlib.Path(__file__).resolve().parent

# In the order in which they are listed; a page that is not named comes last.
GROUPS = [
    ("Guides", ["kbsd-migration.7", "kbsd-operations.7",
                "kbsd-architecture.7", "kbsd-security.7"]),
    ("Reference", ["kbsd.8", "kbsd.conf.5", "kbsctl.8", "kbsget.1"]),
]


def pages():
    """Groups of what there is."""
    there = sorted(p.name for p in (SRC / "man").glob("*.[1-9]"))
    named = [p for _, group in GROUPS for p in group]
    groups = [(title, [p for p in group if p in there])
              for title, group in GROUPS]
    rest = [p for p in there if p not in named]
    return groups + ([("More", rest)] if rest else [])


def title(page):
    return f"{page.rsplit('.', 1)[0]}({page.rsplit('.', 1)[1]})"


def about(page):
    return html.escape(re.search(r"^\.Nd (.*)$", (SRC / "man" / page)
                                 .read_text(), re.M).group(1))


def document(name, words, body):
    links = [("index.html", "kbsd")] + [
        (p + ".html", title(p)) for _, group in pages() for p in group]
    nav = "\n".join(f'<a href="{href}"' + (' aria-current="page"' if
                    href == name else "") + f">{text}</a>"
                    for href, text in links)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1.0"/>
<link rel="stylesheet" href="style.css"/>
<title>{html.escape(words)}</title>
</head>
<body>
<nav class="site">
{nav}
</nav>
{body}
</body>
</html>
"""


# --- manual pages ------------------------------------------------------------

FIGURE = re.compile(r'^\.\\" figure (\w+)\n.*?^\.\\" end\n', re.M | re.S)


def figure(name):
    svg = figures.FIGURES[name]()
    caption = re.search(r"<title>(.*?)</title>", svg).group(1)
    return (f'<figure>\n{svg}<figcaption>{caption}. It is generated from the '
            f'code: <a href="{name}.svg">{name}.svg</a></figcaption>\n'
            "</figure>")


def manual(page):
    source = FIGURE.sub(r".Pp\nFIGURE-\1\n", (SRC / "man" / page).read_text())
    body = subprocess.run(
        ["mandoc", "-Thtml", "-O", "fragment,toc,man=%N.%S.html"],
        input=source, capture_output=True, text=True, check=True).stdout
    body = re.sub(r'<p class="Pp">\s*FIGURE-(\w+)\s*</p>|\bFIGURE-(\w+)\b',
                  lambda m: figure(m.group(1) or m.group(2)), body)

    # Only what is here is a link: no seccomp.2.html.
    def link(m):
        if (SRC / "man" / m.group(1)).exists():
            return m.group(0)
        return f"<span{m.group(2)}>{m.group(3)}</span>"
    body = re.sub(r'<a class="Xr" href="([^"]*)\.html"( ?[^>]*)>(.*?)</a>',
                  link, body, flags=re.S)
    return document(page + ".html", f"{title(page)} - {about(page)}", body)


# --- the index ---------------------------------------------------------------

def inline(text):
    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]*)`", r"<code>\1</code>", text)
    return re.sub(r"\*\*([^*]*)\*\*", r"<strong>\1</strong>", text)


def paragraphs(markdown):
    """Of README.md: headings, paragraphs, what is indented, lists with *."""
    out = []
    # A blank line parts them, but not within what is indented.
    text = re.sub(r"(\n    .*)\n\n(?=    )", r"\1\n    \n",
                  "\n" + markdown)
    for part in re.split(r"\n\n+", text.strip("\n")):
        if part.startswith("## "):
            out.append(f"<h2>{inline(part[3:])}</h2>")
        elif part.startswith("    "):
            code = "\n".join(l[4:] for l in part.split("\n"))
            out.append(f"<pre>{html.escape(code, quote=False)}</pre>")
        elif part.startswith(" * "):
            items = re.split(r"\n \* ", "\n" + part)[1:]
            out.append("<ul>" + "".join(f"<li>{inline(i)}</li>\n"
                                        for i in items) + "</ul>")
        else:
            out.append(f"<p>{inline(part)}</p>")
    return "\n".join(out)


def section(readme, name):
    m = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", readme, re.M | re.S)
    if m is None:
        raise SystemExit(f"README.md has no section \"{name}\"")
    return m.group(1)


def index():
    readme = (SRC / "README.md").read_text()
    first = readme.split("\n## ", 1)[0].removeprefix("# kbsd\n")
    parts = ["<h1>kbsd</h1>", paragraphs(first)]
    for group, names in pages():
        parts.append(f"<h2>{group}</h2>\n<dl>")
        parts += [f'<dt><a href="{p}.html">{title(p)}</a></dt>\n'
                  f"<dd>{about(p)}</dd>" for p in names]
        parts.append("</dl>")
    parts += ["<h2>Two commands</h2>",
              paragraphs(section(readme, "Two commands")),
              "<h2>Install</h2>", paragraphs(section(readme, "Install")),
              figure("processes")]
    return document("index.html", "kbsd - a key broker for attested workloads",
                    "\n".join(parts))


def main():
    if len(sys.argv) != 2:
        raise SystemExit("usage: site.py directory")
    out = pathlib.Path(sys.argv[1])
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    shutil.copy(HERE / "style.css", out)
    for name, make in figures.FIGURES.items():
        (out / f"{name}.svg").write_text(make())
    for _, group in pages():
        for page in group:
            (out / f"{page}.html").write_text(manual(page))
    (out / "index.html").write_text(index())


main()

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
# The pictures of kbsd-architecture(7), as SVG.  Where things stand is chosen
# here; what stands there comes from the code, by tables.py.  A process that
# has no place yet gets one in a row of its own.

import html

import tables

# Middles of boxes.
PLACES = {
    "gate": (290, 150), "signer": (480, 150), "frontend": (670, 150),
    "control": (860, 150),
    "store": (100, 310), "broker": (290, 310), "auth": (980, 310),
    "audit": (100, 470), "verifier": (290, 470), "engine": (560, 470),
    "maker": (770, 470), "hasher": (980, 470),
    "fetcher": (290, 650), "kms": (665, 650), "metrics": (100, 150),
}
# How far the middle of an edge gives way, right and down.
BENDS = {("broker", "control"): (0, 62), ("audit", "kms"): (0, 55)}
WIDTH, BOX, HIGH = 1080, 160, 92
SPARE_ROW = 800

WORK = {
    "frontend": "TLS, HTTP, JSON", "gate": "frontend, transfers alone",
    "control": "kbsctl's socket", "signer": "signs TLS handshakes",
    "auth": "users, grants", "hasher": "crypt(3)",
    "broker": "carries requests", "store": "the database",
    "audit": "the log, line first", "verifier": "judges evidence",
    "fetcher": "fetches, judges nothing", "engine": "wraps keys",
    "maker": "makes keys", "kms": "keeps keys",
    "metrics": "counters, health",
}
# Those that see keys go by, and keep none.
PASSING = {"engine": "keys, while it wraps", "maker": "keys, while it makes",
           "hasher": "passwords, for a while"}

STYLE = """
svg { color-scheme: light dark; font: 13px system-ui, sans-serif;
    --ink: #1d2733; --paper: #fbfaf6; --line: #7b8794; --open: #dfe9f5;
    --key: #f6e3c3; --edge: #4a6d8c; --net: #b3261e; --soft: #5b6875; }
@media (prefers-color-scheme: dark) {
    svg { --ink: #e6e9ec; --paper: #14181d; --line: #7d8994; --open: #20364d;
        --key: #4c3a17; --edge: #8fb3d4; --net: #ff8a80; --soft: #a4afb9; }
}
svg text { fill: var(--ink); text-anchor: middle; }
svg .over { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
svg .left { text-anchor: start; }
svg .name { font-weight: 600; font-size: 15px; }
svg .soft { fill: var(--soft); font-size: 11px; }
svg .secret { fill: var(--ink); font-size: 11px; font-weight: 600; }
svg .mono { font: 11px ui-monospace, monospace; }
svg .box rect, svg .swatch { stroke: var(--line); stroke-width: 1.2; }
svg .open rect, svg .open.swatch { fill: var(--open); }
svg .key rect, svg .key.swatch { fill: var(--key); }
svg .frame { fill: none; stroke: var(--line); stroke-dasharray: 6 4; }
svg .edge { fill: none; stroke: var(--edge); stroke-width: 1.6; }
svg .net { fill: none; stroke: var(--net); stroke-width: 1.8;
    stroke-dasharray: 5 3; }
svg .nettext { fill: var(--net); font-size: 12px; }
svg .life { stroke: var(--line); stroke-dasharray: 2 4; }
svg .tip { fill: var(--edge); }
svg .outer { fill: var(--net); }
"""


def text(x, y, words, cls=""):
    return (f'<text x="{x}" y="{y}"' + (f' class="{cls}"' if cls else "") +
            f">{html.escape(words)}</text>")


def svg(name, title, wide, high, parts, style=""):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" role="img" '
        f'viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        f'aria-label="{html.escape(title)}">',
        f"<title>{html.escape(title)}</title>",
        f"<style>{STYLE}{style}</style>",
        '<defs><marker id="' + name + '-tip" viewBox="0 0 8 8" refX="7" '
        'refY="4" markerWidth="9" markerHeight="9" orient="auto" '
        'markerUnits="userSpaceOnUse">'
        '<path class="tip" d="M0 0 8 4 0 8z"/></marker>'
        '<marker id="' + name + '-outer" viewBox="0 0 8 8" refX="7" '
        'refY="4" markerWidth="9" markerHeight="9" orient="auto" '
        'markerUnits="userSpaceOnUse">'
        '<path class="outer" d="M0 0 8 4 0 8z"/></marker></defs>',
        *parts, "</svg>", ""])


# --- processes and edges ---------------------------------------------------

def places(processes):
    spare = [p for p in processes if p not in PLACES]
    at = dict(PLACES)
    for i, p in enumerate(spare):
        at[p] = (100 + i * 190, SPARE_ROW)
    return {p: at[p] for p in processes}, bool(spare)


def what_of(name, starts):
    words = []
    if name in starts["START_FILES"]:
        words.append("its directory")
    elif name in starts["START_READ"]:
        words.append("reads collateral")
    if "FD_AUDIT_LOG" in tables.roles()[name]:
        words.append("one file, to append")
    return ", ".join(words) or "no files"


def box(name, at, starts):
    x, y = at
    key = name in tables.keyusers()
    holds = tables.secrets(name)
    lines = fold(holds or [PASSING.get(name, "no secret")])
    top = y - HIGH // 2
    return "".join([
        f'<g class="box {"key" if key else "open"}" id="process-{name}" '
        f'data-user="{"_kbsdkey" if key else "_kbsd"}">',
        f'<rect x="{x - BOX // 2}" y="{top}" width="{BOX}" height="{HIGH}" '
        'rx="7"/>',
        text(x, top + 19, name, "name"),
        text(x, top + 35, WORK.get(name, ""), "soft"),
        text(x, top + 51, what_of(name, starts), "soft"),
        *(text(x, top + 68 + 15 * i, words, "secret" if holds else "soft")
          for i, words in enumerate(lines)), "</g>"])


def fold(words, most=24):
    """Lines of words, as many in each as fit a box."""
    lines = [words[0]]
    for w in words[1:]:
        if len(lines[-1]) + len(w) + 2 > most:
            lines.append(w)
        else:
            lines[-1] += ", " + w
    return lines


def line(a, b, at):
    (x1, y1), (x2, y2) = at[a], at[b]
    dx, dy = BENDS.get((a, b), (0, 0))
    d = f"M{x1} {y1} "
    d += (f"Q{(x1 + x2) // 2 + dx} {(y1 + y2) // 2 + dy} {x2} {y2}"
          if dx or dy else f"L{x2} {y2}")
    return (f'<path class="edge e-{a} e-{b}" id="edge-{a}-{b}" d="{d}">'
            f"<title>{a} - {b}</title></path>")


def arrow(x1, y1, x2, y2, words, y):
    return (f'<path class="net" marker-end="url(#processes-outer)" '
            f'd="M{x1} {y1} L{x2} {y2}"/>' + text(x1 if y < y2 else x2, y,
                                                   words, "nettext"))


# What comes in, and where connections go to.
COMES = {"gate": "workloads", "frontend": "workloads, administrators",
         "control": "operator (kbsctl)", "metrics": "Prometheus"}
GOES = {"fetcher": "attestation service, collateral",
        "kms": "Vault, KMIP, a token's network"}


def outside(at, starts):
    parts = []
    half = HIGH // 2
    for name, (x, y) in at.items():
        if "FD_LISTEN" in tables.roles()[name]:
            parts.append(arrow(x, 62, x, y - half - 1, COMES.get(
                name, "outside"), 52))
        if name in starts["START_OUTSIDE"]:
            parts.append(arrow(x, y + half, x, y + half + 42, GOES.get(
                name, "outside"), y + half + 58))
    return parts


def legend(high):
    y = high - 22
    return [
        f'<rect class="swatch open" x="40" y="{y - 12}" width="22" '
        'height="15" rx="3"/>', text(70, y, "user _kbsd", "left soft"),
        f'<rect class="swatch key" x="160" y="{y - 12}" width="22" '
        'height="15" rx="3"/>', text(190, y, "user _kbsdkey", "left soft"),
        f'<path class="edge" d="M300 {y - 4} h34"/>',
        text(342, y, "an edge: one socketpair", "left soft"),
        f'<path class="net" d="M500 {y - 4} h34"/>',
        text(542, y, "network, or the local socket", "left soft"),
        text(730, y, "bold: secrets that it is given", "left soft")]


def processes():
    at, spare = places(list(tables.programs()))
    starts = {f: tables.starts(f) for f in
              ("START_FILES", "START_READ", "START_OUTSIDE")}
    bottom = SPARE_ROW + 90 if spare else 760
    hover = "".join(
        f"svg:has(#process-{p}:hover) .edge:not(.e-{p}) {{ opacity: .12 }}\n"
        for p in at)
    title = "The processes of kbsd and the edges between them"
    return svg("processes", title, WIDTH, bottom + 80, [
        f'<rect class="frame" x="10" y="84" width="{WIDTH - 20}" '
        f'height="{bottom - 58}" rx="12"/>',
        text(24, bottom + 16, "parent (kbsd), root: opens what the others "
             "are given, starts and replaces them; one edge to each, not "
             "drawn", "left soft"),
        *(line(a, b, at) for a, b in tables.edges()),
        *outside(at, starts),
        *(box(p, xy, starts) for p, xy in at.items()),
        *legend(bottom + 80)], hover)


# --- the way of a key ------------------------------------------------------

# Who stands side by side; the first is no process of ours.
WAY = ["workload", "frontend", "broker", "store", "verifier", "fetcher",
       "audit", "engine", "kms"]

# from, to, message (one of kbsd.h, or of HTTP), what it is about
STEPS = [
    ("workload", "frontend", "POST .../transfer", "evidence or token"),
    ("frontend", "broker", "IMSG_BROKER_TRANSFER", "strictly parsed"),
    ("broker", "store", "IMSG_STORE_FIND", "unless it is cached"),
    ("store", "broker", "IMSG_BROKER_FOUND", "key record and policy, sealed"),
    ("broker", "verifier", "IMSG_VERIFIER_APPRAISE", "evidence and policy"),
    ("verifier", "fetcher", "IMSG_FETCHER_GET",
     "appraisal or collateral, where none is held"),
    ("fetcher", "verifier", "IMSG_VERIFIER_GOT", "signed, or not used"),
    ("verifier", "engine", "IMSG_ENGINE_VERDICT",
     "first half: key, policy digest, wrapping key"),
    ("verifier", "broker", "IMSG_BROKER_APPRAISED",
     "verdict; a denial ends here, with its line"),
    ("broker", "store", "IMSG_STORE_PUT", "the nonce is used up"),
    ("store", "broker", "IMSG_BROKER_PUT_DONE", ""),
    ("broker", "audit", "IMSG_AUDIT_RECORD", "the line"),
    ("broker", "engine", "IMSG_ENGINE_ORDER", "second half: record, deadline"),
    ("engine", "kms", "IMSG_KMS_FETCH", "the halves agree"),
    ("audit", "kms", "IMSG_KMS_RECORDED", "the line is on disk"),
    ("kms", "engine", "IMSG_ENGINE_FETCHED",
     "seal, policy and line fit: material"),
    ("engine", "frontend", "IMSG_FRONTEND_WRAPPED",
     "wrapped for the workload's key; wiped"),
    ("frontend", "workload", "200 wrapped_key", "and wrapped_swk"),
    ("engine", "broker", "IMSG_BROKER_DONE", "how it ended"),
    ("broker", "audit", "IMSG_AUDIT_RECORD", "a line of that"),
]
COLUMN, ROW, FIRST = 128, 42, 110


def check_step(a, b, message):
    if not message.startswith("IMSG_"):
        return
    if message not in tables.messages():
        raise SystemExit(f"figures.py: kbsd.h has no {message}")
    if message.split("_")[1].lower() != b:
        raise SystemExit(f"figures.py: {b} is not who gets {message}")
    if (a, b) not in tables.edges() and (b, a) not in tables.edges():
        raise SystemExit(f"figures.py: no edge between {a} and {b}")
    for name in a, b:
        if not tables.mentions(name, message):
            raise SystemExit(f"figures.py: {name} does not know {message}")


def step(n, a, b, message, about):
    check_step(a, b, message)
    x1, x2 = (70 + WAY.index(w) * COLUMN for w in (a, b))
    y = FIRST + n * ROW
    ours = message.startswith("IMSG_")
    middle = max((x1 + x2) // 2, 96)
    return "".join([
        f'<path class="{"edge" if ours else "net"}" marker-end='
        f'"url(#transfer-{"tip" if ours else "outer"})" '
        f'd="M{x1} {y} L{x2} {y}"/>',
        text(middle, y - 6, message.removeprefix("IMSG_"), "mono over"),
        text(middle, y + 13, about, "soft over")])


def transfer():
    high = FIRST + len(STEPS) * ROW + 10
    parts = []
    for i, name in enumerate(WAY):
        x = 70 + i * COLUMN
        key = name in tables.keyusers()
        parts.append(f'<path class="life" d="M{x} 66 V{high - 10}"/>')
        parts.append(f'<g class="box {"key" if key else "open"}">' if i else
                     '<g class="box">')
        parts.append(f'<rect x="{x - 52}" y="30" width="104" height="34" '
                     'rx="7"' + ("" if i else ' fill="none"') + "/>" +
                     text(x, 52, name, "name") + "</g>")
    parts += [step(n, *s) for n, s in enumerate(STEPS)]
    return svg("transfer", "POST /keys/{id}/transfer as a sequence of "
               "messages", 70 * 2 + (len(WAY) - 1) * COLUMN, high, parts)


FIGURES = {"processes": processes, "transfer": transfer}

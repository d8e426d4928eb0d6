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

"""etc/openapi.yaml held against kbsd: its sources, and each answer it gives.

KBSD_SRC  where both are
"""

import http
import json
import os
import re

import jsonschema
import yaml

SRC = os.environ["KBSD_SRC"]
BASE = "/kbs/v1"

with open(os.path.join(SRC, "etc/openapi.yaml")) as f:
    DOCUMENT = yaml.safe_load(f)


def deref(node):
    while "$ref" in node:
        at = DOCUMENT
        for name in node["$ref"].split("/")[1:]:
            at = at[name]
        node = at
    return node


def operations():
    """(method, path): operation"""
    return {(m.upper(), path): op for path, item in DOCUMENT["paths"].items()
            for m, op in item.items() if m != "parameters"}


OPERATIONS = operations()
ID = DOCUMENT["components"]["schemas"]["Id"]["pattern"].strip("^$")
PATHS = {path: re.compile(re.escape(path).replace(r"\{id\}", ID) + "$")
         for path in DOCUMENT["paths"]}
LAYER = DOCUMENT["components"]["responses"]["Refused"]["x-statuses"]
validators = {}


def validator(schema):
    """The schema's references are within the document."""
    key = json.dumps(schema, sort_keys=True)
    if key not in validators:
        validators[key] = jsonschema.Draft202012Validator(
            {**schema, "components": DOCUMENT["components"]},
            format_checker=jsonschema.FormatChecker())
    return validators[key]


def operation(method, path):
    path = path.split("?")[0]
    if not path.startswith(BASE):
        return None
    for template, pattern in PATHS.items():
        if pattern.match(path[len(BASE):]):
            return OPERATIONS.get((method, template))
    return None


def content_wrong(method, response, content_type, body):
    kinds = response.get("content")
    if kinds is None:
        return "a body" if body else None
    kind = (content_type or "").split(";")[0]
    if method == "HEAD":
        return "a body" if body else None
    if kind not in kinds:
        return "Content-Type %s" % content_type
    value = json.loads(body) if kind == "application/json" else body.decode()
    for error in validator(kinds[kind]["schema"]).iter_errors(value):
        return error.message
    return None


def wrong(method, path, status, content_type, body):
    """Why this answer is not one of the document; None."""
    op = operation(method, path)
    responses = op["responses"] if op else {}
    if str(status) in responses:
        return content_wrong(method, deref(responses[str(status)]),
                             content_type, body)
    if status not in LAYER:
        return "status %d" % status
    return content_wrong(method, DOCUMENT["components"]["responses"]
                         ["Refused"], content_type, body)


# --- the sources --------------------------------------------------------------

def source(*names):
    text = ""
    for name in names:
        with open(os.path.join(SRC, name)) as f:
            text += f.read()
    return text


def code_routes():
    """(method, path): the operation's name in the sources."""
    found = re.findall(r'\{ "([A-Z]+)", "(/[^"]*)", (OP_[A-Z_]+),',
                       source("kbsd/frontend/route.c"))
    return {(m, path.replace("*", "{id}")): op for m, path, op in found}


def code_parameters():
    """Of each search: the names that it takes."""
    rows = re.findall(r'\{ (OP_[A-Z_]+),\s+"(\w+)",\s+FILTER_',
                      source("common/object_read.c"))
    return {(m, path): {name for at, name in rows if at in (op, "OP_NONE")}
            for (m, path), op in code_routes().items()
            if op.endswith("_SEARCH")}


def code_statuses():
    """Numbers of HTTP that the sources answer with: not those that only have
    a phrase (http_response.c) or are compared with."""
    known = {s.value for s in http.HTTPStatus} - {100, 300, 424}
    files = [os.path.join("kbsd", d, n)
             for d in ("frontend", "broker", "auth", "verifier")
             for n in sorted(os.listdir(os.path.join(SRC, "kbsd", d)))
             if n.endswith(".c") and n != "http_response.c"]
    text = re.sub(r"/\*.*?\*/|\"[^\"]*\"", "", source(*files), flags=re.S)
    return {int(n) for n in re.findall(r"(?<!=)[(, \t]([2-5]\d\d)[,;) ]",
                                          text.replace("== ", "=="))
            if int(n) in known}


def parameters():
    return {key: {deref(p)["name"] for p in op.get("parameters", ())
                  if deref(p)["in"] == "query"}
            for key, op in OPERATIONS.items() if any(
                deref(p)["in"] == "query" for p in op.get("parameters", ()))}


def statuses():
    return {int(s) for op in OPERATIONS.values() for s in op["responses"]
            if s != "default"} | set(LAYER)


def examples():
    """(where, schema, example) of all that have one."""
    def walk(node, where):
        if isinstance(node, list):
            for i, item in enumerate(node):
                yield from walk(item, "%s/%d" % (where, i))
        elif isinstance(node, dict):
            if "schema" in node and "example" in node:
                yield where, node["schema"], node["example"]
            for name, item in node.get("examples", {}).items():
                yield "%s/%s" % (where, name), node["schema"], item["value"]
            for name, item in node.items():
                if name not in ("example", "examples"):
                    yield from walk(item, "%s/%s" % (where, name))
    yield from walk(DOCUMENT, "")

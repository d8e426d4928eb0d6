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

"""Framing and smuggling over real TLS: each row goes whole, in records of one
byte, and with a good request behind it.  What is refused gets exactly one
answer and a closed connection; what is served is served by the grammar, and
the connection then serves exactly one more."""

import sys

sys.dont_write_bytecode = True

import asyncio

from wire import GET, Wrong, finish, target

H = b"Host: localhost\r\n"
LINE = b"GET /kbs/v1/version HTTP/1.1\r\n"
HEAD = LINE + H
LINE10 = b"GET /kbs/v1/version HTTP/1.0\r\n"
# Whatever the body says this is 200; what is read as another request is not.
BODY = HEAD
CHUNKED = BODY + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"\r\n0\r\n\r\n"
HELLO = b"5\r\nhello" + END
# Would be 404 if it were ever read as a request.
SMUGGLED = b"GET /kbs/v1/smuggled HTTP/1.1\r\n" + H + b"\r\n"


def line(text):
    return text + b"\r\n" + H + b"\r\n"


def field(text):
    return HEAD + text + b"\r\n\r\n"


def host(text):
    return LINE + b"Host: " + text + b"\r\n\r\n"


def length(text, body=b"hello"):
    return BODY + b"Content-Length:" + text + b"\r\n\r\n" + body


def coding(text):
    return BODY + b"Transfer-Encoding:" + text + b"\r\n\r\n" + HELLO


def both(a, b):
    return BODY + a + b"\r\n" + b + b"\r\n\r\n" + HELLO + SMUGGLED


def chunk(text):
    return CHUNKED + text


# What is wanted: the statuses, then "!" where the last is a refusal that
# closes, "." where an answer closes that is none, "~" where the rest waits.
ROWS = [
    ("200", "plain", HEAD + b"\r\n"),
    ("200", "one empty line before", b"\r\n" + HEAD + b"\r\n"),
    ("400!", "two empty lines before", b"\r\n\r\n" + HEAD + b"\r\n"),
    ("400!", "bare LF before", b"\n" + HEAD + b"\r\n"),
    ("400!", "space before", b" " + HEAD + b"\r\n"),
    ("400!", "NUL before", b"\0" + HEAD + b"\r\n"),
    ("400!", "two spaces", line(b"GET  /kbs/v1/version HTTP/1.1")),
    ("400!", "two spaces later", line(b"GET /kbs/v1/version  HTTP/1.1")),
    ("400!", "tabs", line(b"GET\t/kbs/v1/version\tHTTP/1.1")),
    ("400!", "space at the end", line(b"GET /kbs/v1/version HTTP/1.1 ")),
    ("400!", "method is no token", line(b"G@T /kbs/v1/version HTTP/1.1")),
    ("400!", "no method", line(b"/kbs/v1/version HTTP/1.1")),
    ("400!", "HTTP/0.9", b"GET /kbs/v1/version\r\n"),
    ("400!", "request line ends by LF",
     b"GET /kbs/v1/version HTTP/1.1\n" + H + b"\r\n"),
    ("400!", "request line ends by CR",
     b"GET /kbs/v1/version HTTP/1.1\r" + H + b"\r\n"),
    ("400!", "request line ends by CR CR LF",
     b"GET /kbs/v1/version HTTP/1.1\r\r\n" + H + b"\r\n"),
    ("400!", "NUL in the target", line(b"GET /kbs/v1/ver\0sion HTTP/1.1")),
    ("400!", "NUL in the method", line(b"G\0T /kbs/v1/version HTTP/1.1")),
    ("400!", "8 bit in the target", line(b"GET /\xc3\xa4 HTTP/1.1")),
    ("400!", "fragment", line(b"GET /kbs/v1/version#x HTTP/1.1")),
    ("400!", "relative target", line(b"GET kbs/v1/version HTTP/1.1")),
    ("400!", "bad percent", line(b"GET /kbs/v1/%zz HTTP/1.1")),
    ("400!", "backslash", line(b"GET /kbs\\v1\\version HTTP/1.1")),
    ("400!", "authority form", line(b"GET localhost:80 HTTP/1.1")),
    ("400!", "star", line(b"GET * HTTP/1.1")),
    ("404", "options star", line(b"OPTIONS * HTTP/1.1")),
    ("200", "absolute form",
     line(b"GET https://localhost/kbs/v1/version HTTP/1.1")),
    ("400!", "absolute form with a user",
     line(b"GET https://a@localhost/kbs/v1/version HTTP/1.1")),
    ("400!", "absolute form without Host",
     b"GET https://localhost/kbs/v1/version HTTP/1.1\r\n\r\n"),
    ("404.", "connect", line(b"CONNECT localhost:80 HTTP/1.1")),
    ("400!", "connect with a path", line(b"CONNECT /kbs HTTP/1.1")),
    ("405", "trace", line(b"TRACE /kbs/v1/version HTTP/1.1")),
    ("405", "method in lower case", line(b"get /kbs/v1/version HTTP/1.1")),
    ("404", "dots are not followed",
     line(b"GET /kbs/v1/x/../version HTTP/1.1")),
    ("404", "double slash", line(b"GET //kbs/v1/version HTTP/1.1")),
    ("404", "encoded is another path",
     line(b"GET /kbs/v1/%76ersion HTTP/1.1")),
    ("404", "encoded slash", line(b"GET /kbs/v1%2fversion HTTP/1.1")),
    ("404", "path parameter", line(b"GET /kbs/v1/version;a=b HTTP/1.1")),
    ("200", "query", line(b"GET /kbs/v1/version?a=b HTTP/1.1")),
    ("505!", "version 1.2", line(b"GET /kbs/v1/version HTTP/1.2")),
    ("505!", "version 2.0", line(b"GET /kbs/v1/version HTTP/2.0")),
    ("505!", "version 0.9", line(b"GET /kbs/v1/version HTTP/0.9")),
    ("400!", "version in lower case",
     line(b"GET /kbs/v1/version http/1.1")),
    ("400!", "version 1.10", line(b"GET /kbs/v1/version HTTP/1.10")),
    ("400!", "preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("501!", "method of 33",
     line(b"A" * 33 + b" /kbs/v1/version HTTP/1.1")),
    ("414!", "target of 8 KiB and one",
     line(b"GET /" + b"a" * 8192 + b" HTTP/1.1")),
    ("404", "target of 8 KiB", line(b"GET /" + b"a" * 8191 + b" HTTP/1.1")),
    ("414!", "target without end", b"GET /" + b"a" * 100000),
    ("400!", "a TLS record in TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01"),
    # Header lines
    ("400!", "obs-fold", field(b"X: a\r\n b")),
    ("400!", "obs-fold by tab", field(b"X: a\r\n\tb")),
    ("400!", "fold in the first line", LINE + b" X: a\r\n" + H + b"\r\n"),
    ("400!", "line of a space", field(b" ")),
    ("400!", "space before colon", field(b"X : a")),
    ("400!", "tab before colon", field(b"X\t: a")),
    ("400!", "no name", field(b": a")),
    ("400!", "no colon", field(b"X")),
    ("400!", "8 bit in a name", field(b"X\xe4: a")),
    ("400!", "parenthesis in a name", field(b"X(): a")),
    ("400!", "NUL in a value", field(b"X: a\0b")),
    ("400!", "NUL in a name", field(b"X\0: a")),
    ("400!", "bell in a value", field(b"X: \a")),
    ("400!", "vertical tab in a value", field(b"X: \v")),
    ("400!", "DEL in a value", field(b"X: \x7f")),
    ("400!", "bare LF between lines", field(b"X: a\nY: b")),
    ("400!", "bare CR between lines", field(b"X: a\rY: b")),
    ("400!", "head ends by LF LF",
     b"GET /kbs/v1/version HTTP/1.1\nHost: localhost\n\n"),
    ("400!", "head ends by CR LF LF", HEAD + b"\n"),
    ("400!", "two CR before LF", field(b"X: a\r")),
    ("200", "empty value", field(b"X:")),
    ("200", "white space around", field(b"X: \t a \t")),
    ("200", "8 bit in a value", field(b"X: \xff\x80")),
    ("200", "upgrade is not followed",
     field(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
           b"HTTP2-Settings: AAMAAABkAAQAAP__")),
    ("200", "99 lines more", field(b"\r\n".join([b"X: y"] * 99))),
    ("431!", "100 lines more", field(b"\r\n".join([b"X: y"] * 100))),
    ("431!", "head of 1 MiB", field(b"X: " + b"a" * (1 << 20))),
    ("431!", "line without end", HEAD + b"X: " + b"a" * 70000),
    # Host
    ("400!", "no Host", LINE + b"\r\n"),
    ("200.", "no Host in 1.0", LINE10 + b"\r\n"),
    ("400!", "two Hosts", HEAD + H + b"\r\n"),
    ("400!", "two Hosts that differ", HEAD + b"hOST: b\r\n\r\n"),
    ("400!", "two Hosts in 1.0", LINE10 + H + H + b"\r\n"),
    ("400!", "empty Host", host(b"")),
    ("400!", "list of Hosts", host(b"a, b")),
    ("400!", "Host with a user", host(b"u@a")),
    ("400!", "Host with a path", host(b"a/b")),
    ("400!", "Host with a scheme", host(b"http://a")),
    ("400!", "Host, port of letters", host(b"a:b")),
    ("400!", "Host, port too high", host(b"a:65536")),
    ("400!", "Host without brackets", host(b"::1")),
    ("400!", "Host of 300", host(b"a" * 300)),
    ("200", "Host, IPv6", host(b"[::1]:9443")),
    # Content-Length
    ("200", "length", length(b" 5")),
    ("200", "hidden request is body",
     length(b" %d" % len(SMUGGLED), SMUGGLED)),
    ("200", "body of a GET",
     HEAD + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED),
    ("200", "length of zero", length(b" 0", b"")),
    ("200 404", "body and a request", length(b" 5") + SMUGGLED),
    ("~", "short body", length(b" 6")),
    ("413!", "longer than anything", length(b" 18446744073709551615")),
    ("400!", "length overflows", length(b" 18446744073709551621")),
    ("413!", "length overflows 32 bits", length(b" 4294967301")),
    ("400!", "thirty digits", length(b" " + b"9" * 30)),
    ("400!", "length with plus", length(b" +5")),
    ("400!", "length with minus", length(b" -5")),
    ("400!", "minus zero", length(b" -0")),
    ("400!", "length in hex", length(b" 0x5")),
    ("400!", "length with leading zero", length(b" 05")),
    ("400!", "space in length", length(b" 1 0", b"0123456789")),
    ("400!", "dot in length", length(b" 5.0")),
    ("400!", "exponent", length(b" 1e1", b"0123456789")),
    ("400!", "list of equal lengths", length(b" 5, 5")),
    ("400!", "list of lengths", length(b" 5,6")),
    ("400!", "comma", length(b" 5,")),
    ("400!", "empty length", length(b"")),
    ("400!", "length in letters", length(b" five")),
    ("400!", "length in quotes", length(b' "5"')),
    ("400!", "digits of another script", length(b" \xd9\xa5")),
    ("400!", "two equal lengths",
     BODY + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    ("400!", "two lengths",
     BODY + b"Content-Length: 5\r\ncontent-length: 0\r\n\r\nhello"),
    ("400!", "length with a space", BODY + b"Content-Length : 5\r\n\r\nhello"),
    ("400!", "length folded", BODY + b"Content-Length:\r\n 5\r\n\r\nhello"),
    # Transfer-Encoding
    ("200", "chunked", coding(b" chunked")),
    ("200", "chunked in any case", coding(b" ChUnKeD")),
    ("400!", "chunked in 1.0",
     LINE10 + b"Transfer-Encoding: chunked\r\n\r\n" + HELLO),
    ("400!", "both, length first",
     both(b"Content-Length: 5", b"Transfer-Encoding: chunked")),
    ("400!", "both, coding first",
     both(b"Transfer-Encoding: chunked", b"Content-Length: 5")),
    ("400!", "both, length zero",
     both(b"Transfer-Encoding: chunked", b"Content-Length: 0")),
    ("400!", "both, length of all",
     both(b"Transfer-Encoding: chunked", b"Content-Length: 10")),
    ("400!", "both, coding unknown",
     both(b"Transfer-Encoding: xchunked", b"Content-Length: 10")),
    ("400!", "both, coding identity",
     both(b"Transfer-Encoding: identity", b"Content-Length: 10")),
    ("400!", "both, in 1.0", b"POST /kbs/v1/version HTTP/1.0\r\n"
     b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + HELLO),
    ("400!", "identity", coding(b" identity")),
    ("400!", "gzip, chunked", coding(b" gzip, chunked")),
    ("400!", "chunked, gzip", coding(b" chunked, gzip")),
    ("400!", "chunked, identity", coding(b" chunked, identity")),
    ("400!", "chunked twice in a list", coding(b" chunked, chunked")),
    ("400!", "chunked and a comma", coding(b" chunked,")),
    ("400!", "comma and chunked", coding(b" ,chunked")),
    ("400!", "chunked in two lines",
     both(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")),
    ("400!", "identity and chunked",
     both(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked")),
    ("400!", "coding with a parameter", coding(b" chunked;a=b")),
    ("400!", "coding in quotes", coding(b' "chunked"')),
    ("400!", "chunkedx", coding(b" chunkedx")),
    ("400!", "empty coding", coding(b"")),
    ("400!", "vertical tab before chunked", coding(b" \vchunked")),
    ("400!", "NUL behind chunked", coding(b" chunked\0")),
    ("400!", "no-break space behind chunked", coding(b" chunked\xa0")),
    ("400!", "coding with a space",
     BODY + b"Transfer-Encoding : chunked\r\n\r\n" + HELLO),
    ("400!", "coding folded",
     BODY + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + HELLO),
    ("400!", "coding hidden behind a CR",
     BODY + b"X: y\rTransfer-Encoding: chunked\r\n\r\n" + HELLO),
    ("400!", "coding hidden behind a LF",
     BODY + b"X: y\nTransfer-Encoding: chunked\r\n\r\n" + HELLO),
    ("400!", "coding hidden behind a NUL",
     BODY + b"X: y\0Transfer-Encoding: chunked\r\n\r\n" + HELLO),
    # Chunks
    ("200", "no chunk", chunk(b"0\r\n\r\n")),
    ("200", "two chunks", chunk(b"2\r\nhe\r\n3\r\nllo" + END)),
    ("200", "chunk in upper case", chunk(b"A\r\n0123456789" + END)),
    ("200", "data that looks like an end", chunk(b"5\r\n0\r\n\r\n" + END)),
    ("200", "hidden request is a chunk",
     chunk(b"%x\r\n" % len(SMUGGLED) + SMUGGLED + END)),
    ("200 404", "chunks and a request", chunk(HELLO) + SMUGGLED),
    ("200", "extension", chunk(b'5;a=b;c="d e"\r\nhello' + END)),
    ("400!", "seventeen digits",
     chunk(b"00000000000000005\r\nhello" + END)),
    ("413!", "largest chunk", chunk(b"ffffffffffffffff\r\nhello")),
    ("413!", "chunk over the limit", chunk(b"10001\r\n")),
    ("413!", "negative when signed", chunk(b"80000000\r\n")),
    ("400!", "chunk of 0x5", chunk(b"0x5\r\nhello" + END)),
    ("400!", "chunk of +5", chunk(b"+5\r\nhello" + END)),
    ("400!", "chunk of -5", chunk(b"-5\r\nhello" + END)),
    ("400!", "space before a chunk", chunk(b" 5\r\nhello" + END)),
    ("400!", "space behind a size", chunk(b"5 \r\nhello" + END)),
    ("400!", "no size", chunk(b"\r\nhello" + END)),
    ("400!", "no hex", chunk(b"g\r\nhello" + END)),
    ("400!", "underscore", chunk(b"0_5\r\nhello" + END)),
    ("400!", "NUL behind a size", chunk(b"5\0\r\nhello" + END)),
    ("400!", "size ends by LF", chunk(b"5\nhello" + END)),
    ("400!", "size ends by CR", chunk(b"5\rhello" + END)),
    ("400!", "data ends by LF", chunk(b"5\r\nhello\n0\r\n\r\n")),
    ("400!", "data ends by CR", chunk(b"5\r\nhello\r0\r\n\r\n")),
    ("400!", "data ends by nothing", chunk(b"5\r\nhello0\r\n\r\n")),
    ("400!", "data ends by others", chunk(b"5\r\nhelloXY0\r\n\r\n")),
    ("400!", "data too long", chunk(b"4\r\nhello" + END)),
    ("400!", "data too short", chunk(b"6\r\nhello" + END)),
    ("400!", "last ends by LF", chunk(b"0\n\n")),
    ("400!", "end by LF", chunk(b"0\r\n\n")),
    ("400!", "extension without name", chunk(b"5;\r\nhello" + END)),
    ("400!", "extension, LF in quotes",
     chunk(b'5;a="\n"\r\nhello' + END)),
    ("400!", "extension ends by LF", chunk(b"5;a\nhello" + END)),
    ("400!", "extension of 300",
     chunk(b"5;a=" + b"b" * 300 + b"\r\nhello" + END)),
    ("400!", "too many extensions",
     chunk((b"1;a=" + b"b" * 200 + b"\r\nx\r\n") * 30 + b"0\r\n\r\n")),
    ("~", "chunks without end", chunk(b"5\r\nhello\r\n0\r\n")),
    # Trailers
    ("200", "trailer", chunk(b"0\r\nX: y\r\n\r\n")),
    ("200 404", "framing in trailers means nothing",
     chunk(b"0\r\nContent-Length: 60\r\nTransfer-Encoding: gzip\r\n"
           b"Connection: close\r\nHost: b\r\n\r\n") + SMUGGLED),
    ("400!", "a request as trailer", chunk(b"0\r\n") + SMUGGLED),
    ("400!", "trailer folded", chunk(b"0\r\nX: y\r\n z\r\n\r\n")),
    ("400!", "bare LF in trailers", chunk(b"0\r\nX: y\nZ: z\r\n\r\n")),
    ("400!", "NUL in trailers", chunk(b"0\r\nX: \0\r\n\r\n")),
    ("431!", "trailers of 9 KiB",
     chunk(b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n")),
    # Bodies beyond what a path takes
    ("413!", "body of 64 KiB and one",
     length(b" 65537", b"x" * 65537)),
    ("200", "body of 64 KiB", length(b" 65536", b"x" * 65536)),
    ("413!", "chunks of 64 KiB and one",
     chunk(b"8000\r\n" + b"x" * 32768 + b"\r\n8001\r\n" + b"x" * 32769)),
    # Connection, pipelining, Expect
    ("200.", "close", field(b"Connection: close")),
    ("200.", "close in a list", field(b"Connection: x, ,CLOSE")),
    ("200.", "keep-alive and close",
     field(b"Connection: keep-alive\r\nConnection: close")),
    ("400!", "Connection is no list of tokens", field(b"Connection: a b")),
    ("200.", "1.0 closes", LINE10 + b"\r\n"),
    ("200 200.", "1.0 kept once",
     LINE10 + b"Connection: Keep-Alive\r\n\r\n" + LINE10 + b"\r\n"),
    ("200 200 200", "three at once", GET * 3),
    (" ".join(["200"] * 60), "sixty at once", GET * 60),
    ("200 404 200", "three that differ",
     GET + SMUGGLED + length(b" 5")),
    ("200 400!", "a bad one behind a good one", GET + b"x\r\n"),
    ("200 200", "an empty line between", GET + b"\r\n" + GET),
    ("200 400!", "two empty lines between", GET + b"\r\n\r\n" + GET),
    ("200 ~", "half a request behind a good one", GET + LINE),
    ("100 200", "Expect: 100-continue",
     BODY + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"),
    ("200", "Expect without a body", BODY + b"Expect: 100-continue\r\n\r\n"),
    ("200.", "Expect in 1.0",
     LINE10 + b"Expect: 100-continue\r\n\r\n"),
    ("417!", "another Expect", field(b"Expect: magic")),
    ("417!", "Expect and more", field(b"Expect: 100-continue, x")),
    ("413!", "Expect, too long a body",
     BODY + b"Expect: 100-continue\r\nContent-Length: 99999\r\n\r\n"),
    ("405", "another method, with a body",
     b"POST /kbs/v1/version HTTP/1.1\r\n" + H +
     b"Content-Length: 5\r\n\r\nhello"),
    ("405.", "another method, with too long a body",
     b"POST /kbs/v1/version HTTP/1.1\r\n" + H +
     b"Content-Length: 99999\r\n\r\n"),
]


async def take(conn, want, name):
    """The answers that are wanted, and what the connection is afterwards."""
    for status in want.replace("!", "").replace(".", "").split():
        if status == "~":
            return
        a = await asyncio.wait_for(conn.answer(), 20)
        if a is None or a.status != int(status):
            raise Wrong("%s: %s, wanted %s" %
                        (name, a and a.status, status))
        if a.status == 100:
            await conn.send(b"hello")
    if want[-1] in "!.":
        if not a.closes:
            raise Wrong("%s: does not say that it closes" % name)
        await conn.closed(10)
    elif a.closes:
        raise Wrong("%s: says that it closes" % name)


async def silent(conn, name):
    """Half a request waits: no answer comes for it."""
    try:
        a = await asyncio.wait_for(conn.answer(), 0.3)
    except asyncio.TimeoutError:
        return
    raise Wrong("%s: %s for half a request" % (name, a and a.status))



async def try_row(to, want, name, data, way):
    conn = await to.connect()
    try:
        if way == "bytes":
            for i in range(len(data)):
                await conn.send(data[i:i + 1])
        elif way == "followed":
            await conn.send(data + GET)
        else:
            await conn.send(data)
        await take(conn, want, name)
        if want[-1] == "~":
            await silent(conn, name)
        elif want[-1].isdigit():
            if way != "followed":
                await conn.send(GET)
            a = await asyncio.wait_for(conn.answer(), 20)
            if a is None or a.status != 200:
                raise Wrong("%s: then %s" % (name, a and a.status))
            await silent(conn, name)
    finally:
        conn.end()


def ways(want, data):
    yield "whole"
    if len(data) < 600:
        yield "bytes"
    # what waits for a body would take the request as such
    if "~" not in want and "100" not in want:
        yield "followed"


async def main(to):
    room = asyncio.Semaphore(32)
    wrong, n = [], 0

    async def run(want, name, data, way):
        async with room:
            try:
                await try_row(to, want, name, data, way)
            except (Wrong, OSError, ValueError, asyncio.TimeoutError,
                    asyncio.IncompleteReadError) as e:
                wrong.append("%s (%s): %s %r" % (name, way,
                             type(e).__name__, e))

    tasks = []
    for want, name, data in ROWS:
        for way in ways(want, data):
            tasks.append(run(want, name, data, way))
            n += 1
    await asyncio.gather(*tasks)
    print("%d rows, %d connections" % (len(ROWS), n))
    return wrong


to = target(sys.argv)
finish(asyncio.run(main(to)))

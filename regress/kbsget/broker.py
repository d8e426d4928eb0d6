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

"""A small broker that speaks TLS; the first part of the path says how it
answers.  broker.py CERTIFICATE PORTFILE TLSVERSION KEYID PORT
"""

import base64, hashlib, http.server, json, os, ssl, struct, sys, time
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives import serialization as ser

AES = bytes(range(32))
EC = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    ser.Encoding.DER, ser.PrivateFormat.PKCS8, ser.NoEncryption())
VAL, IAT, SIG = b"v" * 64, b"2026-11-24", b"s" * 48
ERRORS = {"denied": 401, "forbidden": 403, "unknown": 404, "busy": 503,
          "verifier": 502, "odd": 302, "nohint": 503}


def b64(b):
    return base64.b64encode(b).decode()


def wrap(held, order, key):
    e, n = struct.unpack("<I", held[:4])[0], int.from_bytes(held[4:], order)
    pub = rsa.RSAPublicNumbers(e, n).public_key()
    swk, iv, sha = os.urandom(32), os.urandom(12), hashes.SHA256()
    ct = AESGCM(swk).encrypt(iv, key, None)
    return {"wrapped_key": b64(struct.pack("<III", 12, 16, len(ct)) + iv + ct),
            "wrapped_swk": b64(pub.encrypt(
                swk, padding.OAEP(padding.MGF1(sha), sha, None)))}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, value, tee=None, chunked=False):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Request-Id", "request-17")
        if status == 503 and not self.path.startswith("/nohint"):
            self.send_header("Retry-After",
                             "9" if self.path.startswith("/busy") else "1")
        if tee:
            self.send_header("Attestation-Type", tee)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(0, len(body), 100):
                part = body[i:i + 100]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        self.close_connection = True

    def raw(self, data):
        self.wfile.write(data)
        self.close_connection = True

    def do_POST(self):
        how, rest = self.path[1:].split("/", 1)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        open("requests", "a").write(how + "\n")
        if (rest != "kbs/v1/keys/%s/transfer" % sys.argv[4] or
                self.headers["Accept"] != "application/json"):
            return self.answer(400, {"error": "bad path or accept"})
        if how in ERRORS:
            return self.answer(ERRORS[how], {"error": "no \x1b[31mway\n"})
        if how == "cut":
            return self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
        if how == "empty":
            return self.raw(b"")
        if how == "garbage":
            return self.raw(b"220 smtp ready\r\n")
        if how == "html":
            return self.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                            b"Content-Length: 2\r\n\r\n{}")
        if how == "huge":
            return self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n"
                            b"\r\n" + b" " * 999999)
        tee = "SGX" if "sgx" in how else "SNP" if "snp" in how else "TDX"
        asked = open("requests").read().count(how + "\n")
        # busy at first, and, in the fourth request, once more with evidence
        if how == "soon" and (asked < 3 or asked == 4):
            return self.answer(503, {"error": "not yet"})
        if how == "soon" and bool(body) != (asked == 6):
            return self.answer(400, {"error": "not from the start"})
        if not body:
            nonce = {"val": b64(VAL), "iat": b64(IAT), "signature": b64(SIG)}
            if how == "badnonce":
                nonce["iat"] = "!"
            return self.answer(200, nonce,
                               "TDX,NVGPU" if how == "gpu" else tee)
        if self.headers["Content-Type"] != "application/json":
            return self.answer(415, {"error": "content type"})
        request = json.loads(body)
        if "attestation_token" in request:
            if (request != {"attestation_token": "aa.bb-_.cc"} or
                    self.headers["Attestation-Type"]):
                return self.answer(401, {"error": "token"})
            held = open("held.bin", "rb").read()
            if how == "foreign":
                held = held[:-2] + b"\1\1"
            answer = wrap(held, "big", EC if how == "ec" else AES)
            return self.answer(200, answer, "TDX", how == "chunked")
        held = base64.b64decode(request["user_data"])
        sha = hashlib.sha256 if tee == "SGX" else hashlib.sha512
        report = sha(VAL + IAT + held).digest().ljust(64, b"\0")
        if (self.headers["Attestation-Type"] != tee or
                request["quote"] != b64(b"Q" + report + (
                    b"certificates" if how == "snpcerts" else b"")) or
                request["nonce"] != {"val": b64(VAL), "iat": b64(IAT),
                                     "signature": b64(SIG)} or
                ("log" in how) != ("event_log" in request) or
                request.get("event_log", b64(b"log")) != b64(b"log")):
            return self.answer(401, {"error": "evidence"})
        self.answer(200, wrap(held, "little" if tee == "SGX" else "big", AES))


class Server(http.server.HTTPServer):
    def handle_error(self, request, address):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + ".crt", sys.argv[1] + ".key")
if sys.argv[3] == "1.2":
    context.maximum_version = ssl.TLSVersion.TLSv1_2
server = Server(("127.0.0.1", int(sys.argv[5])), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True,
                                    do_handshake_on_connect=False)
with open("port.new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename("port.new", sys.argv[2])
server.serve_forever()

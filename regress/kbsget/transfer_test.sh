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

# kbsget from end to end against a small broker that speaks TLS: what is sent,
# what is made of each answer, and the exit codes.

KEYID=6e5cdd29-4c1e-4f0b-9f4b-1d3ac1b0d9c2
PYTHON=/usr/bin/python3

# The first part of the path says how this broker answers.
write_broker()
{
	cat >broker.py <<'END'
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
          "verifier": 502, "odd": 302}


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
        if status == 503:
            self.send_header("Retry-After", "9")
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
        tee = "SGX" if "sgx" in how else "TDX"
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
                request["quote"] != b64(b"Q" + report) or
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
server = Server(("127.0.0.1", 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True,
                                    do_handshake_on_connect=False)
with open("port.new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename("port.new", sys.argv[2])
server.serve_forever()
END
}

# certificate NAME SUBJECTALTNAME DAYS
certificate()
{
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout $1.key -out $1.csr -subj "/CN=$1" 2>/dev/null || return 1
	printf 'subjectAltName=%s\n' "$2" >$1.ext
	openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key \
	    -CAcreateserial -days $3 -extfile $1.ext -out $1.crt 2>/dev/null
}

# start PORTFILE CERTIFICATE [TLSVERSION]
start()
{
	$PYTHON broker.py $2 $1 "${3:-1.3}" $KEYID >broker.out 2>&1 &
	echo $! >>pids
	n=0
	while [ ! -e $1 ]; do
		n=$((n + 1))
		[ $n -lt 100 ] ||
		    atf_fail "no broker: $(cat broker.out)"
		sleep 0.1
	done
}

prepare()
{
	KBSGET=$(cd "$(atf_get_srcdir)/../.." && pwd)/bin/kbsget
	[ -x "$KBSGET" ] || atf_skip "no $KBSGET"
	$PYTHON -c 'import cryptography' 2>/dev/null ||
	    atf_skip "python3-cryptography is missing"
	write_broker
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout ca.key -out ca.crt -days 2 -subj /CN=ca 2>/dev/null ||
	    atf_fail "no CA"
	certificate server "DNS:localhost,IP:127.0.0.1" 2 ||
	    atf_fail "no certificate"
	: >requests
	start port server
	URL=https://localhost:$(cat port)
	for i in 0 1 2 3; do
		for j in 0 1 2 3 4 5 6 7; do
			printf "\\$(printf %03o $((i * 8 + j)))"
		done
	done >aes
	printf aa.bb-_.cc >token
	"$KBSGET" -g -K key.pem -H held.bin || atf_fail "no key pair"
}

cleanup()
{
	[ ! -e pids ] || kill $(cat pids)
}

# get STATUS ERRORTEXT HOW [OPTION ...]
get()
{
	status=$1 text=$2 how=$3
	shift 3
	atf_check -s exit:$status -o empty -e "$text" "$KBSGET" -c ca.crt \
	    -u "$URL/$how" -k $KEYID -o out "$@"
	[ $status -eq 0 ] || [ ! -e out ] || atf_fail "$how: a file"
	[ -z "$(ls out.* 2>/dev/null)" ] || atf_fail "$how: left behind"
}

atf_test_case passport cleanup
passport_body()
{
	prepare
	get 0 empty good -K key.pem -t token
	atf_check cmp out aes
	atf_check -o inline:'600\n' stat -c %a out
	rm out
	printf '\r\n' >>token
	get 0 empty chunked -K key.pem -t token
	atf_check cmp out aes
	rm out
	get 0 empty ec -K key.pem -t token
	openssl pkey -inform DER -in out -noout || atf_fail "not PKCS#8"
	get 0 empty ec -p -K key.pem -t token
	openssl pkey -in out -noout || atf_fail "not PEM"
	rm out
	get 1 match:'not an RSA or EC key' good -p -K key.pem -t token
	get 1 match:'is -K the key' foreign -K key.pem -t token
	atf_check -o file:aes -x "'$KBSGET' -c ca.crt -u $URL/good -k $KEYID \
	    -K key.pem -t - <token | cat"
}
passport_cleanup() { cleanup; }

atf_test_case background cleanup
background_body()
{
	prepare
	get 0 empty good -q 'printf Q; cat'
	atf_check cmp out aes
	rm out
	get 0 empty sgx -q 'printf Q; cat'
	atf_check cmp out aes
	rm out
	printf log >log
	get 0 empty log -e log -T tdx -K key.pem -q 'printf Q; cat'
	atf_check cmp out aes
	rm out
	get 1 match:'does not hold the report data' good -q 'echo none'
	get 1 match:'failed with status 3' good -q 'exit 3'
	get 1 match:'wants evidence of SGX, and -T says TDX' sgx -T tdx -q cat
	get 1 match:'evidence of a GPU' gpu -q cat
	get 1 match:'nonce is malformed' badnonce -q cat
}
background_cleanup() { cleanup; }

atf_test_case denied cleanup
denied_body()
{
	prepare
	# the server's own words, without what would steer a terminal
	get 1 match:'denied .status 401.: no .*\[31mway' denied -q cat
	get 1 not-match:"$(printf '\033')" denied -q cat
	get 1 match:'request id request-17' denied -K key.pem -t token
	get 1 match:'status 403' forbidden -q cat
	get 1 match:'no such key .status 404' unknown -q cat
	get 1 match:'try again in 9 seconds' busy -q cat
	get 1 match:'try again later' verifier -q cat
	get 1 match:'unexpected answer .status 302' odd -q cat
	get 1 match:'is -u the address' html -q cat
}
denied_cleanup() { cleanup; }

atf_test_case connection cleanup
connection_body()
{
	prepare
	get 3 match:'the server closed the connection' cut -q cat
	get 3 match:'the server closed the connection' empty -q cat
	get 3 match:'it is not HTTP/1.1' garbage -q cat
	get 3 match:'its body is too long' huge -q cat
	good=$URL
	URL=https://127.0.0.1:${URL##*:}
	get 0 empty good -q 'printf Q; cat'
	rm out
	URL=https://localhost:1
	get 3 match:'is the server running there' good -q cat
	URL=https://no-such-host.invalid
	get 3 match:'check the name in -u' good -q cat
	# not by a CA that is trusted, an old TLS, another name
	URL=$good
	: >requests
	atf_check -s exit:3 -e match:'CA with -c' "$KBSGET" -u $URL/good \
	    -k $KEYID -q cat -o out
	printf 'nonsense\n' >nonsense
	atf_check -s exit:3 -e match:'as PEM' "$KBSGET" -u $URL/good \
	    -k $KEYID -q cat -o out -c nonsense
	start port12 server 1.2
	URL=https://localhost:$(cat port12)
	get 3 match:'must speak TLS 1.3' good -q cat
	certificate other DNS:other.example.net 2
	start portname other
	URL=https://localhost:$(cat portname)
	get 3 match:'use in -u a name' good -q cat
	atf_check cat requests
}
connection_cleanup() { cleanup; }

# usage ERRORTEXT [OPTION ...]
usage_is()
{
	text=$1
	shift
	atf_check -s exit:2 -o empty -e "match:$text" -e 'match:^usage:' \
	    "$KBSGET" "$@"
}

atf_test_case usage cleanup
usage_body()
{
	prepare
	k="-k $KEYID" u="-u $URL/good"
	usage_is 'u is missing' $k -o out
	usage_is 'k is missing' $u -o out
	usage_is 'usage' -x
	usage_is 'without an option' $u $k -o out more
	usage_is 'must begin with https' $k -o out -u http://localhost
	usage_is 'not a key id' $u -o out -k 1234
	usage_is 'takes sgx or tdx' $u $k -o out -T sev
	usage_is 'needs -K' $u $k -o out -t token
	usage_is 'is for a token' $u $k -o out -K key.pem -t token -q cat
	usage_is 'needs -H' -g -K new.pem
	usage_is 'needs -K' -g -H new.bin
	usage_is 'second run' -g -K new.pem -H new.bin $u $k
	[ ! -e new.pem ] || atf_fail "a key pair all the same"
	# no key on a terminal
	if command -v script >/dev/null; then
		atf_check -s exit:2 -o match:'give -o FILE' script -qec \
		    "'$KBSGET' $u $k -c ca.crt -q 'printf Q; cat'" /dev/null
	fi
	# nothing of this reached the server
	atf_check cat requests
	# what fails on this side fails before the server is asked, too
	get 1 match:'not a token' good -K key.pem -t key.pem
	chmod 644 key.pem
	get 1 match:'chmod 600' good -K key.pem -t token
	atf_check -s exit:1 -e match:'not a regular file' "$KBSGET" $u $k \
	    -c ca.crt -q cat -o /dev/null
	atf_check -s exit:1 -e match:'beside it' "$KBSGET" $u $k \
	    -c ca.crt -q cat -o none/out
	atf_check -s exit:1 -e match:'exists' "$KBSGET" -g -K key.pem -H new
	atf_check cat requests
}
usage_cleanup() { cleanup; }

# An interrupted kbsget takes its command and its file with it.
atf_test_case interrupted cleanup
interrupted_body()
{
	prepare
	"$KBSGET" -c ca.crt -u $URL/good -k $KEYID -o out \
	    -q 'echo $$ >command; sleep 50' 2>err &
	pid=$!
	n=0
	while [ ! -s command ] && [ $n -lt 100 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	kill -TERM $pid
	wait $pid
	atf_check_equal 143 $?
	sleep 0.2
	# a zombie that nobody has waited for is dead enough
	case "$(ps -o stat= -p $(cat command))" in
	""|Z*)	;;
	*)	atf_fail "the command lives" ;;
	esac
	[ -z "$(ls out* 2>/dev/null)" ] || atf_fail "a file is left"
}
interrupted_cleanup() { cleanup; }

atf_init_test_cases()
{
	atf_add_test_case passport
	atf_add_test_case background
	atf_add_test_case denied
	atf_add_test_case connection
	atf_add_test_case usage
	atf_add_test_case interrupted
}

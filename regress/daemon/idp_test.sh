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

# Administrators whom another service vouches for, at all that they may ask.

. "$(atf_get_srcdir)/daemon.sh"

# The issuer: keys FILE makes a key and its set, token FILE CLAIMS signs.
make_idp()
{
	python3 -c 'import cryptography' 2>/dev/null ||
	    atf_skip "python3-cryptography is missing"
	cat >idp.py <<'PY'
import base64, json, sys, time
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import \
    decode_dss_signature

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

def keys(name):
    key = ec.generate_private_key(ec.SECP256R1())
    open(name + ".idp", "wb").write(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    n = key.public_key().public_numbers()
    json.dump({"keys": [{"kty": "EC", "crv": "P-256", "kid": name,
        "use": "sig", "alg": "ES256", "x": b64(n.x.to_bytes(32, "big")),
        "y": b64(n.y.to_bytes(32, "big"))}]}, open("jwks.json", "w"))

def token(name, more):
    key = serialization.load_pem_private_key(
        open(name + ".idp", "rb").read(), None)
    now = int(time.time())
    claims = {"iss": "https://idp.example", "aud": ["other", "kbsd"],
        "sub": "Alice Doe", "iat": now, "exp": now + 120}
    claims.update(json.loads(more))
    text = b64(json.dumps({"alg": "ES256", "kid": name}).encode()) + "." + \
        b64(json.dumps(claims).encode())
    r, s = decode_dss_signature(key.sign(text.encode(),
        ec.ECDSA(hashes.SHA256())))
    print(text + "." + b64(r.to_bytes(32, "big") + s.to_bytes(32, "big")))

globals()[sys.argv[1]](*sys.argv[2:])
PY
}

issuer()
{
	cat <<CONF
administrators issuer "https://idp.example" {
	jwks file "$PWD/jwks.json"
	audience "kbsd"
	claim "groups"
	role "kbs-admins" all
	role "key-readers" keys:search, keys:create
}
CONF
}

as()
{
	token=$(python3 idp.py token "$@")
}

daemon_case endpoints "what their roles say they may ask, and nothing else"
endpoints_body()
{
	make_idp
	python3 idp.py keys one
	start_kbsd 'prefork 1' "$(issuer)"
	as one '{"groups": ["kbs-admins"]}'
	id=$(jq -n '{username: "bob", password: "a password",
	    permissions: ["keys:search"]}' >user.json; api 201 POST /users \
	    "$(cat user.json)" && jq -r .id body) || atf_fail "no user"
	api 200 GET '/users?username=bob'
	api 200 PUT "/users/$id" '{"password": "another password"}'
	api 204 DELETE "/users/$id"
	p='{"attestation_type": "TDX", "tdx": {"attributes":
	    {"mrtd": ["'$(printf '%096d' 1)'"]}}}'
	api 201 POST /key-transfer-policies "$p"
	p=$(jq -r .id body)
	api 200 GET "/key-transfer-policies/$p"
	api 201 POST /keys '{"key_information": {"algorithm": "AES",
	    "key_length": 256}, "transfer_policy_id": "'"$p"'"}'
	k=$(jq -r .id body)
	openssl genrsa 3072 2>/dev/null | openssl rsa -pubout -out pub.pem \
	    2>/dev/null
	http 200 POST "/keys/$k" -H 'Content-Type: application/x-pem-file' \
	    -H 'Accept: application/json' -H "Authorization: Bearer $token" \
	    --data-binary @pub.pem
	# The audit log names them with their issuer.
	jq -r .who "$audit" | sort | uniq -c >who
	grep -q 'idp.example:Alice\\sDoe$' who || atf_fail "$(cat who)"
	audit_intact || atf_fail "audit log"
	# Fewer rights.
	as one '{"groups": ["key-readers"]}'
	api 200 GET "/keys/$k"
	api 201 POST /keys '{"key_information": {"algorithm": "AES",
	    "key_length": 128}}'
	api 401 DELETE "/keys/$k"
	api 401 GET "/key-transfer-policies/$p"
	api 401 GET '/users?username=admin'
	http 401 POST "/keys/$k" -H 'Content-Type: application/x-pem-file' \
	    -H 'Accept: application/json' -H "Authorization: Bearer $token" \
	    --data-binary @pub.pem
	# None, those of a user of ours by its name, and wrong tokens.
	for c in '{}' '{"sub": "admin", "scope": ["keys:search"]}' \
	    '{"groups": ["kbs-admins"], "aud": "other"}' \
	    '{"groups": ["kbs-admins"], "iss": "https://idp.example.org"}' \
	    '{"groups": ["kbs-admins"], "exp": 1700000000}' \
	    '{"groups": ["kbs-admins"], "iat": 1700000000}'; do
		as one "$c"
		api 401 GET "/keys/$k"
	done
	# No account, no password: for this name there is no login.
	http 401 POST /token -H 'Content-Type: application/json' \
	    -H 'Accept: application/jwt' \
	    -d '{"username": "idp.example:Alice\\sDoe", "password": "x"}'
	# Ours goes on beside it.
	login
	api 200 GET "/keys/$k"
	stop_kbsd
}

daemon_case revoked "keys and roles that are taken away count from a reload on"
revoked_body()
{
	make_idp
	python3 idp.py keys one
	start_kbsd 'prefork 1' "$(issuer)"
	one_set()
	{
		[ "$(ctl -j show status | jq -r .sets)" = 1 ]
	}
	again()
	{
		exits 0 ctl reload
		grep -qx "$1" said || atf_fail "$(cat said)"
		wait_for 400 one_set || atf_fail "two sets"
	}
	as one '{"groups": ["key-readers"]}'
	api 200 GET '/keys?algorithm=AES'
	python3 idp.py keys two
	again 'administrators issuer "https://idp.example" changed: jwks file'
	api 401 GET '/keys?algorithm=AES'
	as two '{"groups": ["key-readers"]}'
	api 200 GET '/keys?algorithm=AES'
	sed -i '/key-readers/d' "$conf"
	again 'administrators issuer "https://idp.example" changed: role'
	api 401 GET '/keys?algorithm=AES'
	# A set that can't be read is no configuration.
	as two '{"groups": ["kbs-admins"]}'
	echo '{"keys": []}' >jwks.json
	exits 1 ctl reload
	grep -q "issuer https://idp.example: its keys: it has no key" "$log" ||
	    atf_fail "$(cat "$log")"
	api 200 GET '/keys?algorithm=AES'
	stop_kbsd
}

atf_init_test_cases()
{
	daemon_add_cases
}

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


# Keys for tokens of other issuers, minted as theirs look: Azure Attestation's
# of SGX and the EAT attestation results (EAR) of Confidential Containers.

. "$(atf_get_srcdir)/daemon.sh"

mint()
{
	/usr/bin/python3 "$(atf_get_srcdir)/issuer.py" "$@" ||
	    atf_fail "issuer.py $*"
}

blocks()
{
	e=/submods/cpu0/ear.veraison.annotated-evidence
	cat <<CONF
attestation "azure" {
	jwks file "$dir/azure.jwks"
	issuer "https://azure.example"
	algorithm "RS256"
	claims {
		"attester_type" from "x-ms-attestation-type"
		"attester_held_data" from "x-ms-sgx-ehd"
		"sgx_is_debuggable" from "x-ms-sgx-is-debuggable"
		"sgx_mrenclave" from "x-ms-sgx-mrenclave"
		"sgx_mrsigner" from "x-ms-sgx-mrsigner"
		"sgx_isvprodid" from "x-ms-sgx-product-id"
		"sgx_isvsvn" from "x-ms-sgx-svn"
	}
}
attestation "ear" {
	jwks file "$dir/ear.jwks"
	issuer "ear.example"
	audience "kbsd"
	claims {
		require "/submods/cpu0/ear.status" is "affirming"
		"attester_type" is "TDX"
		"attester_key" from "$e/runtime_data_claims/tee-pubkey"
		"tdx_is_debuggable" from "$e/tdx/td_attributes/debug"
		"tdx_mrtd" from "$e/tdx/quote/body/mr_td"
		"tdx_rtmr0" from "$e/tdx/quote/body/rtmr_0"
	}
}
CONF
}

# named NAME TYPE ATTRIBUTES: the id of a key under a policy that trusts NAME.
named()
{
	jq -n --arg n "$1" --arg t "$2" --argjson a "$3" '{attestation_type:
	    $t, attestation: $n, ($t | ascii_downcase): {attributes: $a}}' \
	    >policy.json
	p=$(ctl policy add policy.json) || atf_fail "no policy"
	ctl key register -a AES -l 256 -p "$p" -f secret || atf_fail "no key"
}

# get KEY TEE: with token.jwt, for the key pair of this TEE.
get()
{
	rm -f out
	kbsget -k "$1" -K "$2.pem" -t token.jwt -o out
}

released()
{
	exits 0 get "$@"
	cmp secret out || atf_fail "another key"
}

denials()
{
	grep -c '"verdict":"deny"' "$audit"
}

denials_are()
{
	[ "$(denials)" = "$1" ]
}

# denied KEY TEE TEXT: which the audit log has for a reason.
denied()
{
	before=$(denials)
	exits 1 get "$1" "$2"
	[ ! -e out ] || atf_fail "released"
	wait_for 100 denials_are $((before + 1)) || atf_fail "$(cat "$audit")"
	grep '"verdict":"deny"' "$audit" | tail -n 1 | jq -r .reason >reason
	grep -qF "$3" reason || atf_fail "not for $3: $(cat reason)"
}

prepare()
{
	[ -n "${bin:-}" ] || daemon_find
	/usr/bin/python3 -c 'import cryptography' 2>/dev/null ||
	    atf_skip "python3-cryptography is missing"
	mint make
	dd if=/dev/urandom of=secret bs=32 count=1 2>/dev/null
	for t in sgx tdx; do
		"$bin/kbsget" -g -K $t.pem -T $t -H $t.held ||
		    atf_fail "no key pair"
	done
	blocks >issuers.conf
	chmod 600 issuers.conf
	start_kbsd "include \"$dir/issuers.conf\"" "$@"
	enclave=$(printf '%064d' 7)
	sgx=$(named azure SGX "{\"mrenclave\": [\"$enclave\"]}")
	td=$(named ear TDX "{\"mrtd\": [\"$(printf '%096d' 8)\"]}")
}

daemon_case release "tokens of two other issuers, by every algorithm"
release_body()
{
	prepare 'prefork 1'
	# Nobody is there who could make a connection.
	[ -z "$(pid_of fetcher)" ] || atf_fail "$(ctl show processes)"
	ctl show roots | grep -q 'azure.*key file' ||
	    atf_fail "$(ctl show roots)"
	for alg in RS256 PS256 PS384; do
		mint azure $alg sgx.held
		released "$sgx" sgx
	done
	for alg in ES256 ES384; do
		mint ear $alg tdx.pem
		released "$td" tdx
		# One whom the policy does not name.
		denied "$sgx" tdx 'ear.example'
	done
	# What is wrong with a token, and where it is told.
	mint ear ES384 tdx.pem ear.status=warning
	denied "$td" tdx 'ear.status is not affirming'
	mint ear ES384 tdx.pem debug=true
	denied "$td" tdx tdx_is_debuggable
	mint ear ES384 tdx.pem debug=null
	denied "$td" tdx tdx_is_debuggable
	mint ear ES384 tdx.pem mr_td=00
	denied "$td" tdx tdx_mrtd
	mint ear ES384 tdx.pem mr_td=null
	denied "$td" tdx tdx_mrtd
	mint ear ES384 tdx.pem aud=other
	denied "$td" tdx audience
	mint ear ES384 tdx.pem exp=-1
	denied "$td" tdx expired
	mint ear ES384 tdx.pem iss=nobody
	denied "$td" tdx 'issuer "nobody"'
	mint azure HS256 sgx.held
	denied "$sgx" sgx 'alg is none of ours'
	mint azure RS256 sgx.held x-ms-sgx-is-debuggable=true
	denied "$sgx" sgx sgx_is_debuggable
	# Before a policy is in use it can be asked about.
	exits 1 ctl policy test "$sgx" token.jwt
	grep -q 'sgx_is_debuggable' said || atf_fail "$(cat said)"
	mint azure RS256 sgx.held
	exits 0 ctl policy test "$sgx" token.jwt
	# And there is nobody to send evidence to.
	http 401 POST "/keys/$sgx/transfer" -H 'Accept: application/json'
	stop_kbsd
}

is_served()
{
	[ "$(ctl -j show status | jq -r .configuration)" = "$1" ] &&
	    [ "$(ctl -j show status | jq -r .sets)" = 1 ]
}

daemon_case rotation "a new file of keys, and one that is none"
rotation_body()
{
	prepare 'prefork 1'
	mint ear ES256 tdx.pem
	cp token.jwt old.jwt
	released "$td" tdx
	mint rotate
	released "$td" tdx
	exits 0 ctl reload
	wait_for 400 is_served 2 || atf_fail "$(ctl show status)"
	denied "$td" tdx 'signature'
	mint ear ES256 tdx.pem
	released "$td" tdx
	# A private key beside them: the running configuration goes on.
	mint spoil
	ctl reload >said 2>&1 || :
	wait_for 100 grep -q 'key set of ear: key 1: it is private' "$log" ||
	    atf_fail "$(tail "$log")"
	wait_for 100 is_served 2 || atf_fail "$(ctl show status)"
	released "$td" tdx
	stop_kbsd
	start_refused 'key set of ear: key 1: it is private'
}

daemon_case url "a key set from elsewhere, its certificates and CRLs"
url_body()
{
	start_ita
	held_token
	from=$ita
	unset ita
	start_kbsd 'prefork 1' 'attestation "far" {' \
	    "jwks from \"$from/certs\"" "root \"$dir/ita/root.pem\"" \
	    "ca \"$dir/ita/tls-ca.pem\"" \
	    'issuer "Intel Trust Authority"' '}'
	[ -n "$(pid_of fetcher)" ] || atf_fail "$(ctl show processes)"
	p=$(policy) || atf_fail "no policy"
	k=$(ctl key create -a AES -l 256 -p "$p") || atf_fail "no key"
	exits 0 kbsget -k "$k" -K pair.pem -t token.jwt -o out
	# It has no key of a service, and is asked for nothing else.
	http 502 POST "/keys/$k/transfer" -H 'Accept: application/json'
	stop_kbsd
}

atf_init_test_cases()
{
	daemon_add_cases
}

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

# The stand-ins themselves: what they answer, and that each fault is the one
# that it says, judged by check-token.  Loopback only.

find_source()
{
	src=${KBSD_SRC:-}
	[ -n "$src" ] || src=$(atf_get_srcdir)
	while [ ! -x "$src/regress/standin/trust-authority" ]; do
		[ "$src" != / ] || atf_skip "KBSD_SRC is not set"
		src=$(dirname "$src")
	done
	standin=$src/regress/standin
	shared=${KBSD_SHARED:-$src/../shared}
}

start()
{
	find_source
	"$standin/trust-authority" -d ta -D "$@" || atf_fail "no start"
	port=$(cat ta/port)
	base=https://localhost:$port
}

stop()
{
	[ ! -f ta/pid ] || kill "$(cat ta/pid)"
}

get()
{
	curl -sS --noproxy '*' -m 20 --cacert ta/tls-ca.pem "$@"
}

api()
{
	get -H "x-api-key: $(cat ta/api.key)" -H 'Accept: application/json' \
	    "$@"
}

fault()
{
	get -f -d "$1" "$base/fault" >/dev/null || atf_fail "fault $1"
}

clear_faults()
{
	get -f -X DELETE "$base/fault" >/dev/null
}

# status FILE ARG ...: the HTTP status of a request, its body to FILE.
status()
{
	out=$1
	shift
	api -o "$out" -w '%{http_code}' "$@"
}

# quote TEE VERSION API [TEE-OPTION ...]: nonce, held data, quote, request.
quote()
{
	tee=$1 version=$2 api=$3
	shift 3
	api -f "$base/appraisal/v$api/nonce" >nonce || atf_fail "nonce"
	[ -f held ] || head -c 388 /dev/urandom >held
	{
		jq -r .val nonce | base64 -d
		jq -r .iat nonce | base64 -d
		cat held
	} >bound
	case $tee in
	sgx)	report=$(sha256sum <bound) ;;
	tdx)	report=$(sha512sum <bound) ;;
	esac
	"$standin/tee" -d ta -t $tee -v $version -r ${report%% *} -o quote \
	    "$@" || atf_fail "tee"
	part=$(jq -n --slurpfile n nonce --arg q "$(base64 -w0 quote)" \
	    --arg h "$(base64 -w0 held)" \
	    '{quote: $q, verifier_nonce: $n[0], runtime_data: $h}')
	echo "$part" | jq -c '. + {policy_ids:
	    ["e48dabc5-9608-4ff3-aaed-f25909ab9de1"]}' >request
}

attest()
{
	s=$(status answer -d @request "$base/appraisal/v$1/attest")
	[ "$s" = 200 ] || return 1
	jq -r .token answer >token
}

# Fetch what a relying party needs and judge the token by it.
judge()
{
	get -f "$base/certs" >jwks && get -f "$base/crl/root.crl" >root.crl &&
	    get -f "$base/crl/signing.crl" >signing.crl ||
	    atf_fail "no keys"
	"$standin/check-token" ta/root.pem jwks root.crl signing.crl \
	    <token >claims 2>why
}

good()
{
	judge || atf_fail "$1: $(cat why)"
}

refused()
{
	if judge; then
		atf_fail "$1: the token is accepted"
	fi
	grep -q "^check-token: $2\$" why || atf_fail "$1: $(cat why)"
}

claim()
{
	jq -e "$1" claims >/dev/null || atf_fail "not so: $1: $(cat claims)"
}

served()
{
	atf_test_case "$1" cleanup
	eval "$1_cleanup() { stop; }"
	eval "$1_head() {
		atf_set require.progs 'curl jq'
		atf_set require.files \
		    '/usr/lib/python3/dist-packages/cryptography/x509'
		atf_set timeout 90; }"
}

served ready
ready_body()
{
	start
	atf_check -o match:"$port" cat ta/url
	pid=$(cat ta/pid)
	get -f "$base/certs" >before
	kill "$pid"
	i=0
	while kill -0 "$pid" 2>/dev/null && [ $((i += 1)) -le 100 ]; do
		sleep 0.3
	done
	kill -0 "$pid" 2>/dev/null && atf_fail "SIGTERM is not heeded"
	[ ! -e ta/port ] && [ ! -e ta/pid ] || atf_fail "files are left"
	# The second start finds the same keys, and its port where it can.
	start
	get -f "$base/certs" >after
	[ "$(cat ta/url)" != "$base" ] || atf_check cmp before after
	atf_check -o match:'endpoints:' "$standin/trust-authority" -h
	atf_check -o match:Mint \
	    "$standin/trust-authority" -d ta token -h
}

served nonce
nonce_body()
{
	start
	api -i -H 'request-id: r-1' "$base/appraisal/v2/nonce" >answer
	atf_check -o ignore grep -i '^request-id: r-1' answer
	api "$base/appraisal/v1/nonce" >one
	api "$base/appraisal/v1/nonce" >two
	atf_check -o inline:'["iat","signature","val"]\n' \
	    jq -c 'keys' one
	[ "$(jq -r .val one)" != "$(jq -r .val two)" ] ||
	    atf_fail "a nonce comes twice"
	u=$base/appraisal/v2/nonce
	[ "$(get -o x -w '%{http_code}' -H 'Accept: application/json' $u)" = \
	    401 ] || atf_fail "no API key"
	[ "$(get -o x -w '%{http_code}' -H 'Accept: application/json' \
	    -H 'x-api-key: wrong' $u)" = 401 ] ||
	    atf_fail "wrong API key"
	[ "$(get -o x -w '%{http_code}' -H 'Accept: text/html' \
	    -H "x-api-key: $(cat ta/api.key)" $u)" = 406 ] ||
	    atf_fail "Accept is not looked at"
	[ "$(status x -d '{}' $u)" = 405 ] || atf_fail "method"
	[ "$(status x $base/nowhere)" = 404 ] || atf_fail "path"
	# Two requests on one connection.
	get "$base/certs" "$base/certs" -o /dev/null -o /dev/null \
	    -w '%{num_connects}\n' >connects
	atf_check -o inline:'1\n0\n' cat connects
}

served attest_sgx
attest_sgx_body()
{
	start
	m=$(printf '%064d' 1234)
	quote sgx 3 1 --mrenclave $m --isvsvn 7 --isvprodid 3
	attest 1 || atf_fail "$(cat answer)"
	good "SGX v1"
	claim '.ver == "1.0.0" and .attester_type == "SGX"'
	claim ".sgx_mrenclave == \"$m\" and .sgx_isvsvn == 7"
	claim '.sgx_isvprodid == 3 and .sgx_is_debuggable == false'
	claim '.attester_tcb_status == "OK" and (has("sgx") | not)'
	claim ".attester_held_data == \"$(base64 -w0 held)\""
	claim ".verifier_nonce.val == $(jq .val nonce)"
	quote sgx 3 2 --debug
	attest 2 || atf_fail "$(cat answer)"
	good "SGX v2"
	claim '.ver == "2.0.0" and .sgx.attester_type == "SGX"'
	claim '.sgx.sgx_is_debuggable and .sgx.dbgstat == "enabled"'
	claim '.sgx.attester_tcb_status == "UpToDate"'
	claim '[paths | .[0]] | index("sgx_mrenclave") == null'
}

served attest_tdx
attest_tdx_body()
{
	start
	m=$(printf '%096d' 98)
	for version in 4 5; do
		quote tdx $version 1 --mrtd $m --rtmr3 $m --seamsvn 0x0103
		attest 1 || atf_fail "$(cat answer)"
		good "TDX v$version"
		claim ".tdx_mrtd == \"$m\" and .tdx_rtmr3 == \"$m\""
		claim '.tdx_seamsvn == 259 and .tdx_is_debuggable == false'
		claim '.policy_ids_matched[0].version == "v1"'
		quote tdx $version 2 --debug
		attest 2 || atf_fail "$(cat answer)"
		good "TDX v$version, v2"
		claim '.tdx.tdx_is_debuggable and .tdx.dbgstat == "enabled"'
	done
	jq -c '. + {token_signing_alg: "RS256"}' request >r && mv r request
	attest 2 || atf_fail "$(cat answer)"
	good "RS256"
	cut -d. -f1 token | tr -d '\n' | base64 -di 2>/dev/null >header
	atf_check -o match:'"alg":"RS256"' cat header
}

served attest_nested
attest_nested_body()
{
	start
	quote tdx 4 2
	gpu='{"gpu_nonce":"00","arch":"HOPPER","evidence_list":
	    [{"evidence":"AA==","certificate":"AA=="}]}'
	echo "$part" | jq -c "{tdx: ., nvgpu: $gpu}" >request
	attest 2 || atf_fail "$(cat answer)"
	good "nested"
	claim '.tdx.attester_held_data and .nvgpu.claim_details["GPU-0"]'
	claim '.nvgpu."x-nvidia-overall-att-result" == true'
	attest 1 && atf_fail "v1 takes a nested body"
	echo "$part" | jq -c "{sgx: .}" >request
	attest 2 && atf_fail "a TDX quote as sgx"
	fault '{"gpu-fail":true,"gpu-insecure":true,"gpu-hwmodel":"X"}'
	echo "$part" | jq -c "{tdx: ., nvgpu: $gpu}" >request
	attest 2 || atf_fail "$(cat answer)"
	good "GPU faults"
	claim '.nvgpu."x-nvidia-overall-att-result" == false'
	claim '.nvgpu.claim_details["GPU-0"] |
	    .secboot == false and .hwmodel == "X"'
	echo "$part" | jq -c "{nvgpu: $gpu}" >request
	attest 2 && atf_fail "a GPU alone"
	return 0
}

# Requests that must not give a token.
served attest_refuses
attest_refuses_body()
{
	start
	quote tdx 4 2
	cp request whole
	while read -r why filter; do
		jq -c "$filter" whole >request
		attest 2 && atf_fail "$why"
		[ "$s" = 400 ] || atf_fail "$why: $s"
	done <<-END
	held		.runtime_data = "AAAA"
	no-held		del(.runtime_data)
	nonce-absent	del(.verifier_nonce)
	nonce-val	.verifier_nonce.val = "AAAA"
	nonce-iat	.verifier_nonce.iat = "AAAA"
	nonce-member	.verifier_nonce.x = 1
	nonce-string	.verifier_nonce = "x"
	no-quote	del(.quote)
	empty-quote	.quote = ""
	short-quote	.quote = .quote[:400]
	cut-quote	.quote = .quote[:4000]
	not-base64	.quote = "%" + .quote
	not-a-string	.quote = 7
	unknown		.more = 1
	policy-ids	.policy_ids = "x"
	policy-id	.policy_ids = [1]
	alg		.token_signing_alg = "HS256"
	array		[.]
	deep		reduce range(3000) as \$i (0; [.])
	END
	printf '{"quote":' >request
	attest 2 && atf_fail "half a body"
	printf '{"quote":"","quote":""}' >request
	attest 2 && atf_fail "a member twice"
	for b in quote-signature qe-signature qe-hash; do
		quote tdx 5 2 --break $b
		attest 2 && atf_fail "$b"
		[ "$s" = 400 ] || atf_fail "$b: $s"
	done
	# And the same request, whole, is good.
	quote tdx 4 2 --trailing 70
	attest 2 || atf_fail "$(cat answer)"
}

# Every fault of token and key set, and what a strict verifier says to it.
served faults_token
faults_token_body()
{
	start
	quote tdx 4 2
	attest 2 || atf_fail "$(cat answer)"
	cp token old
	while read -r name value why; do
		clear_faults
		fault "{\"$name\":$value}"
		attest 2 || atf_fail "$name: $(cat answer)"
		refused "$name" "$why"
	done <<-END
	alg-none		true	alg
	hs256			true	alg
	wrong-alg		true	alg
	forged			true	token signature
	bad-signature		true	token signature
	kid			"x"	0 keys of that kid
	crit			true	crit
	duplicate-member	true	duplicate member
	expired			true	exp
	no-exp			true	exp
	nbf			true	nbf
	issuer			true	iss
	revoked-leaf		true	revoked
	revoked-ca		true	revoked
	expired-crl		true	crl is stale
	expired-crl		"root"	crl is stale
	expired-crl		"signing"	crl is stale
	foreign-crl		true	crl signature
	foreign-crl		"signing"	crl signature
	other-root		true	another root
	jwk-mismatch		true	jwk is not its leaf
	duplicate-kid		true	2 keys of that kid
	empty-jwks		true	0 keys of that kid
	jwk-alg			null	alg
	END
	# A new leaf: the old token is not known any more, or still is.
	clear_faults
	fault '{"rotate":true}'
	attest 2
	good "rotated"
	cp token new
	cp old token
	refused "old kid" "0 keys of that kid"
	fault '{"rotate":"both"}'
	good "old kid is listed"
	cp new token
	good "new kid is listed"
	clear_faults
	refused "new kid" "0 keys of that kid"
	# Headers that lure are there, and a good verifier does not care.
	fault '{"extra-jku":true,"extra-x5u":true,"extra-jwk":true,
	    "extra-x5c":true}'
	get -X DELETE "$base/stats" >/dev/null
	attest 2
	good "extra headers"
	cut -d. -f1 token | tr -d '\n' | base64 -di 2>/dev/null >header
	atf_check -o match:'evil.*x5u.*jwk.*x5c' cat header
	get "$base/stats" >stats
	atf_check -o inline:'0\n' jq .evil stats
}

# Faults that leave the token valid and its claims wrong.
served faults_claims
faults_claims_body()
{
	start
	quote tdx 4 2
	held=$(base64 -w0 held)
	while read -r change filter; do
		clear_faults
		fault "$change"
		attest 2 || atf_fail "$change: $(cat answer)"
		good "$change"
		claim "$filter"
	done <<-END
	{"wrong-nonce":true}	.tdx.verifier_nonce.val != $(jq .val nonce)
	{"no-nonce":true}	.tdx.verifier_nonce == null
	{"other-held-data":true} .tdx.attester_held_data != "$held"
	{"no-held-data":true}	.tdx.attester_held_data == null
	{"other-td":true}	.tdx.tdx_mrtd[:4] != "f987"
	{"runtime-jwk":true}	.tdx.attester_runtime_data."tee-pubkey".n
	{"runtime-jwk":"base64"} .tdx.attester_runtime_data | @base64d | test("pubkey")
	{"debug":true}		.tdx.tdx_is_debuggable and .tdx.dbgstat == "enabled"
	{"debug":"differ"}	(.tdx.tdx_is_debuggable | not) and .tdx.dbgstat == "enabled"
	{"debug":"absent"}	.tdx | (has("dbgstat") or has("tdx_is_debuggable")) | not
	{"tcb-status":"OutOfDate"} .tdx.attester_tcb_status == "OutOfDate"
	{"tcb-date":"2020-01-01T00:00:00Z"} .tdx.attester_tcb_date[:4] == "2020"
	{"advisories":"A,B"} .tdx.attester_advisory_ids | length == 2
	{"unmatched":true}	.policy_ids_unmatched and .policy_ids_matched == null
	{"set":{"tdx_seamsvn":9}} .tdx.tdx_seamsvn == 9
	{"set":{"/tdx_mrtd":"x"}} .tdx_mrtd == "x" and .tdx.tdx_mrtd != "x"
	{"set":{"intuse":null}}	has("intuse") | not
	END
	jq -c '. + {policy_must_match: true}' request >r && mv r request
	clear_faults
	attest 2 || atf_fail "policy matches"
	fault '{"unmatched":true}'
	attest 2 && atf_fail "policy must match"
	for f in '{"nonsense":1}' '{"attest:hs256":true}' '{"moon:slow":1}' \
	    '{"status":"abc"}' '[]' '{'; do
		[ "$(status x -d "$f" "$base/fault")" = 400 ] ||
		    atf_fail "fault $f is taken"
	done
}

served faults_transport
faults_transport_body()
{
	start --fault certs:status=503x2
	u=$base/certs
	for want in 503 503 200; do
		s=$(status x $u)
		[ "$s" = $want ] || atf_fail "$s for $want"
	done
	fault '{"slow":0.7}'
	get -o x -w '%{time_total}' $u >took
	atf_check -o match:'^(0\.[7-9]|[1-9])' cat took
	clear_faults
	fault '{"nonce:hang":true}'
	api -m 1 "$base/appraisal/v2/nonce" 2>/dev/null
	[ $? = 28 ] || atf_fail "no hang"
	get -f $u >x || atf_fail "all hangs"
	clear_faults
	fault '{"half":"x1"}'
	get $u >x 2>/dev/null
	[ $? = 18 ] || atf_fail "not half a body"
	get -f $u >y || atf_fail "half twice"
	[ $(($(wc -c <y) / 2)) = "$(wc -c <x)" ] || atf_fail "not half"
	fault '{"close":"x1"}'
	get -o x $u 2>/dev/null && atf_fail "close"
	fault '{"garbage":"x1"}'
	get $u >x
	jq . x >/dev/null 2>&1 && atf_fail "garbage is JSON"
	fault '{"empty":"x1"}'
	get $u >x
	[ ! -s x ] || atf_fail "empty is not"
	fault '{"certs:huge":2}'
	[ "$(get $u | wc -c)" = 2097152 ] || atf_fail "not huge"
	clear_faults
	fault '{"redirect":true}'
	get -o x -w '%{http_code} %{redirect_url}' $u >where
	atf_check -o inline:"302 $base/evil/certs" cat where
	clear_faults
	fault '{"content-type":true}'
	get -o x -w '%{content_type}' $u >type
	atf_check -o inline:text/html cat type
	clear_faults
	fault '{"crl-root:status":404}'
	[ "$(status x $base/crl/root.crl)" = 404 ] || atf_fail "crl-root"
	[ "$(status x $base/crl/signing.crl)" = 200 ] || atf_fail "crl-signing"
	fault '{"crl:status":404}'
	[ "$(status x $base/crl/signing.crl)" = 404 ] || atf_fail "crl"
	clear_faults
	fault '{"drip":0.001}'
	[ "$(get "$base/crl/root.crl" -o drip -w '%{http_code}')" = 200 ] ||
	    atf_fail "drip"
	clear_faults
	get -f "$base/crl/root.crl" >whole
	[ "$(wc -c <drip)" = "$(wc -c <whole)" ] || atf_fail "drip is short"
	get -X DELETE "$base/stats" >/dev/null
	get -f $u $u >/dev/null
	get "$base/stats" >stats
	atf_check -o inline:'[2,0]\n' jq -c '[.certs, .nonce]' stats
}

served offline
offline_body()
{
	start
	ta="$standin/trust-authority -d ta"
	$ta token >token || atf_fail "token"
	good "TDX v2"
	claim '.ver == "2.0.0" and .tdx.attester_type == "TDX"'
	openssl pkey -in ta/workload.key -pubout -out pub.pem
	$ta token --pubkey pub.pem >other
	cut -d. -f2 other >x
	held=$(jq -r .tdx.attester_held_data claims)
	[ "$(printf %s "$held" | base64 -d | wc -c)" = 388 ] ||
	    atf_fail "held data is not LE32(e) and n"
	printf AQABAA== | base64 -d >e
	printf %s "$held" | base64 -d | head -c 4 | cmp - e ||
	    atf_fail "exponent"
	printf abcdefgh >raw
	$ta token --tee sgx --v1 --alg RS256 --held-data raw --nvgpu \
	    --policy-id 00000000-0000-4000-8000-000000000001 \
	    --set sgx_isvsvn=9 --set iss='"Intel Trust Authority"' >token
	good "SGX v1"
	claim '.attester_held_data == "YWJjZGVmZ2g=" and .sgx_isvsvn == 9'
	claim '.policy_ids_matched[0].id[-1:] == "1"'
	$ta token --expired >token
	refused expired exp
	$ta token --fault hs256 >token
	refused hs256 alg
	$ta token -n 20 -o many
	[ "$(sort -u many | wc -l)" = 20 ] || atf_fail "not 20 tokens"
	"$standin/tee" -t sgx -r 00 --isvsvn 77 -o q
	$ta token --quote q >token
	good "of a quote"
	claim '.sgx.sgx_isvsvn == 77'
	atf_check -s exit:1 -e match:'no such fault' $ta token --fault x
}

# Report data as kbsget hands it over, and hex.
atf_test_case tee_input
tee_input_body()
{
	find_source
	head -c 64 /dev/urandom >rd
	hex=$(od -An -v -tx1 rd | tr -d ' \n')
	"$standin/tee" -d t -o 1 <rd || atf_fail "raw"
	printf %s "$hex" | "$standin/tee" -d t -r - -o 2
	KBSGET_REPORT_DATA=$hex "$standin/tee" -d t -o 3 </dev/null
	"$standin/tee" -d t -v 5 -r "$hex" >4
	for i in 1 2 3 4; do
		"$standin/tee" -d t --show $i --check >out ||
		    atf_fail "quote $i"
		atf_check -o inline:"\"$hex\"\n" jq .report_data out
	done
	"$standin/tee" --show 1 -d other --check 2>err &&
	    atf_fail "another root is accepted"
	atf_check -s exit:1 -e match:'neither' -x \
	    "printf xyz | $standin/tee -d t"
	atf_check -s exit:1 -e match:'longer' "$standin/tee" -d t -r "${hex}00"
	atf_check -s exit:2 -e match:'version 3' "$standin/tee" -t tdx -v 3
	atf_check -s exit:2 -e match:'96 hex' "$standin/tee" --mrtd 00
}

atf_test_case tee_collateral
tee_collateral_body()
{
	find_source
	for tee in sgx tdx; do
		"$standin/tee" -t $tee -d t --collateral $tee ||
		    atf_fail "$tee"
		(cd $tee && ls) >files
		atf_check -o file:files echo "$(printf '%s\n' pck_crl.der \
		    pck_crl_issuer_chain.pem qe_identity.json \
		    qe_identity_issuer_chain.pem root_ca.pem \
		    root_ca_crl.der tcb_info.json \
		    tcb_info_issuer_chain.pem)"
		atf_check cmp t/tee-root.pem $tee/root_ca.pem
		# The signature, over the bytes as they stand.
		for f in tcb_info qe_identity; do
			jq -r .signature $tee/$f.json >sig
			sed 's/^{"[a-zA-Z]*"://; s/,"signature".*$//' \
			    $tee/$f.json | tr -d '\n' >inner
			r=$(cut -c1-64 sig) s=$(cut -c65- sig)
			printf 'asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x%s\n' "$r" >c
			printf 's=INTEGER:0x%s\n' "$s" >>c
			openssl asn1parse -genconf c -noout -out der
			openssl x509 -in $tee/${f}_issuer_chain.pem -noout \
			    -pubkey >pub
			atf_check -o ignore openssl dgst -sha256 -verify pub \
			    -signature der inner
		done
		openssl crl -inform der -in $tee/root_ca_crl.der -out r.pem
		openssl crl -inform der -in $tee/pck_crl.der -out p.pem
		cat r.pem p.pem >crls.pem
		atf_check -o ignore -e ignore openssl verify -crl_check_all \
		    -CRLfile crls.pem -CAfile $tee/root_ca.pem \
		    -untrusted $tee/pck_crl_issuer_chain.pem t/tee-pck-*.pem
	done
	"$standin/tee" -d t --collateral bad --revoke pck --expired root-crl \
	    --tcb-status OutOfDate --eval 5
	openssl crl -inform der -in bad/pck_crl.der -noout -text >text
	atf_check -o match:'Serial Number' cat text
	atf_check -o inline:'"OutOfDate"\n5\n' jq '.tcbInfo |
	    .tcbLevels[0].tcbStatus, .tcbEvaluationDataNumber' bad/tcb_info.json
}

# AMD's certificates and CRL as OpenSSL sees them, and the report's signature.
atf_test_case tee_snp
tee_snp_body()
{
	find_source
	for product in Milan Turin; do
		"$standin/tee" -t snp --product $product -d t --collateral c ||
		    atf_fail "$product"
		"$standin/tee" -t snp --product $product -d t -r 00 -o report
		[ "$(wc -c <report)" = 1184 ] || atf_fail "no report"
		ark=t/amd-$(echo $product | tr A-Z a-z)-ark.pem
		for signer in vcek vlek; do
			openssl crl -inform der -in c/$signer-$product/crl.der \
			    -out crl.pem
			# The first of the chain.
			sed '/^-----END/q' c/$signer-$product/cert_chain.pem \
			    >ca.pem
			atf_check -o ignore openssl verify -crl_check \
			    -CRLfile crl.pem -CAfile $ark ca.pem
		done
		cat $ark t/amd-*-ask.pem >cas.pem
		openssl x509 -inform der -in c/vcek-$product/*-*.der \
		    -out vcek.pem
		atf_check -o ignore openssl verify -CAfile cas.pem vcek.pem
	done
	"$standin/tee" -t snp -d t --revoke ask --expired crl --collateral b
	openssl crl -inform der -in b/vcek-Milan/crl.der -out crl.pem
	sed '/^-----END/q' b/vcek-Milan/cert_chain.pem >ca.pem
	atf_check -s exit:2 -o ignore -e match:'CRL has expired' openssl \
	    verify -crl_check -CRLfile crl.pem -CAfile t/amd-milan-ark.pem ca.pem
	"$standin/tee" -t snp -d t -r 00 --table all -o with
	atf_check -s exit:0 sh -c '[ "$(wc -c <with)" -gt 4000 ]'
	atf_check -s exit:2 -e match:'version 4' "$standin/tee" -t snp -v 4
	atf_check -s exit:2 -e match:'version 2' "$standin/tee" -t tdx -v 2
}

# The genuine quotes: fields as recorded, and through the service.
served genuine
genuine_body()
{
	find_source
	real=$shared/data/dcap/real
	[ -f "$real/cases.json" ] || atf_skip "no $real/cases.json"
	start --trust-any-report-data
	n=0
	jq -r '.[] | select(.id + ".dat" == .quote and
	    (.fields | type == "object")) | .id' "$real/cases.json" >ids
	while read -r id; do
		"$standin/tee" --show "$real/quotes/$id.dat" >got ||
		    atf_fail "$id"
		jq --slurpfile got got --arg id "$id" '.[] |
		    select(.id == $id) | .fields | to_entries[] |
		    select($got[0][.key] != .value) |
		    "\(.key) is \($got[0][.key])"' "$real/cases.json" >differ
		[ ! -s differ ] || atf_fail "$id: $(cat differ)"
		n=$((n + 1))
	done <ids
	[ $n -ge 5 ] || atf_fail "only $n quotes"
	for id in sgx-v3-00a067-qvl tdx-v4-b0c06f-qvl tdx-v5-90c06f; do
		jq -n --arg q "$(base64 -w0 "$real/quotes/$id.dat")" \
		    '{quote: $q, runtime_data: "AAAA"}' >request
		attest 2 || atf_fail "$id: $(cat answer)"
		good "$id"
		tee=${id%%-*}
		m=$(jq -r ".[] | select(.id == \"$id\") |
		    .fields | .mrtd // .mrenclave" "$real/cases.json")
		claim "[.$tee.tdx_mrtd, .$tee.sgx_mrenclave] |
		    index(\"$m\") != null"
	done
	for id in tdx-v4-b0c06f-qvl-quote-sig sgx-v3-00a067-qvl-qe-sig \
	    tdx-v4-b0c06f-qvl-auth tdx-v5-90c06f-cut-4999; do
		jq -n --arg q "$(base64 -w0 "$real/quotes/$id.dat")" \
		    '{quote: $q, runtime_data: "AAAA"}' >request
		attest 2 && atf_fail "$id is accepted"
		[ "$s" = 400 ] || atf_fail "$id: $s"
	done
}

atf_init_test_cases()
{
	for t in ready nonce attest_sgx attest_tdx attest_nested \
	    attest_refuses faults_token faults_claims faults_transport \
	    offline tee_input tee_collateral tee_snp genuine; do
		atf_add_test_case $t
	done
}

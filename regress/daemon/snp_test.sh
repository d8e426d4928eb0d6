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


# Reports of SEV-SNP that kbsd judges itself, by way of kbsget and the simulated
# kernel of a guest (../kbsget/configfs.c).

. "$(atf_get_srcdir)/daemon.sh"

# guest KEY [tee option ...]: kbsget in an SNP guest whose reports tee makes.
guest()
{
	local key=$1

	shift
	mkdir -p tree/sys/kernel/config/tsm/report
	rm -f out
	# one key pair for all: to make one takes longer than the rest
	[ -f guest.pem ] || "$bin/kbsget" -g -K guest.pem -T snp \
	    -H guest.held || atf_fail "no key pair"
	ASAN_OPTIONS=verify_asan_link_order=0 \
	    LD_PRELOAD="$(atf_get_srcdir)/../kbsget/configfs.so" \
	    TEE_TREE="$dir/tree" TEE_PROVIDER=sev_guest \
	    TEE_COMMAND="$tee $*" "$bin/kbsget" -S "$dir/tree" \
	    -u "https://localhost:$port" -c "$state/tls.crt" -k "$key" -K guest.pem \
	    -o out
}

gets()
{
	exits 0 guest "$@"
	cmp aes out || atf_fail "another key"
}

# denied TEXT KEY [tee option ...]: with this reason in the audit log
denied()
{
	local text=$1 id

	shift
	exits 1 guest "$@"
	[ ! -e out ] || atf_fail "$*: a key"
	id=$(sed -n 's/.*request id //p' cried)
	wait_for 50 grep "\"request\":\"$id\"" "$audit" >line ||
	    atf_fail "$*: no audit line of $id"
	jq -e --arg t "$text" '.tee == "SNP" and (.reason | contains($t))' \
	    line >said || atf_fail "$*: not \"$text\": $(cat line cried)"
}

# snp_block WORD ...
snp_block()
{
	echo 'attestation "amd" {'
	printf '\t%s\n' snp "root \"$dir/roots.pem\"" "$@"
	echo '}'
}

# snp_key ATTRIBUTE ...: a key for such guests; its id
snp_key()
{
	local id

	jq -n "{attestation_type: \"SNP\", snp: {attributes: {$1}}}" >snp.json
	id=$(ctl policy add snp.json) || atf_fail "no policy"
	ctl key register -a AES -l 256 -p "$id" -f aes || atf_fail "no key"
}

# Keys of our own AMD, and what it has published of these products.
snp_prepare()
{
	daemon_find
	tee="$standin/tee -d $dir/amd -t snp"
	head -c 32 /dev/urandom >aes
	for product; do
		$tee --product $product --collateral coll ||
		    atf_fail "no collateral"
		cat amd/amd-$(echo $product | tr A-Z a-z)-ark.pem >>roots.pem
	done
	$tee -r 00 -o any
	measured=$(dd if=any bs=1 skip=144 count=48 status=none |
	    od -An -v -tx1 | tr -d ' \n')
	measured="measurement: [\"$measured\"]"
}

kds()
{
	curl -sSf --noproxy '*' -m 120 --cacert kds/tls-ca.pem "$@" \
	    -o answer "$(cat kds/url)/$path" || atf_fail "kds $*"
}

asked()
{
	path=standin kds
	jq -r '"\(.chain) \(.["crl-amd"]) \(.vcek)"' answer
}

daemon_case network "AMD's service is asked for what is missing, and once"
network_body()
{
	local key

	start_ita
	snp_prepare Milan
	"$standin/tee" -d tee -t tdx -o /dev/null --collateral tdx -r 00 ||
	    atf_fail "no collateral"
	mkdir kds
	"$standin/kds" -d kds -c coll -D || atf_fail "no stand-in"
	cat kds/pid >>pids
	start_kbsd "$(snp_block "collateral from \"$(cat kds/url)\"" \
	    "ca \"$dir/kds/tls-ca.pem\"" "retry wait 0s to 1s")" \
	    'attestation "intel" {' dcap "collateral directory \"$dir/tdx\"" \
	    "root \"$dir/tee/tee-root.pem\"" '}'
	key=$(snp_key "$measured")
	path=fault kds -d '{"vcek:status": "503x1"}'
	gets "$key"
	[ "$(asked)" = "1 1 2" ] || atf_fail "asked: $(asked)"
	grep -q '"tee":"SNP"' "$audit" || atf_fail "no audit line"
	gets "$key" --table all
	gets "$key" --chip $(printf '%0128d' 7) --table vek
	gets "$key" -v 2 --table all
	[ "$(asked)" = "1 1 2" ] || atf_fail "asked: $(asked)"
	ctl -j show tcb >tcb
	jq -e 'map(.platform) | (index("snp vcek Milan") != null) and
	    (map(select(startswith("vcek Milan "))) | length > 0)' tcb >said ||
	    atf_fail "$(cat tcb)"
	# of a chip that AMD does not know
	denied 'VCEK: VCEK: localhost answered 404' "$key" \
	    --chip $(printf '%0128d' 8)
	# other blocks go on: quotes of Intel's, and tokens
	key2=$(ctl key register -a AES -l 256 -p "$(policy)" -f aes)
	exits 0 get_key "$key2" out
	cmp aes out || atf_fail "another key"
	held_token
	rm out
	exits 0 kbsget -k "$key2" -K pair.pem -t token.jwt -o out
	# a new verifier has it from the store
	stop_kbsd
	kill "$(cat kds/pid)"
	run_kbsd
	gets "$key"
	stop_kbsd
}

daemon_case denied "each report that is not good enough, and what is said"
denied_body()
{
	local key other

	snp_prepare Milan Genoa Turin
	$tee --product Genoa --revoke ask --collateral coll
	$tee --product Turin --expired crl --collateral coll
	rm coll/vlek-Genoa/crl.der
	! is_root || chmod -R a+rX "$dir/coll"
	start_kbsd "$(snp_block "collateral directory \"$dir/coll\"")"
	key=$(snp_key "$measured")
	gets "$key"
	gets "$key" --vlek --table all
	gets "$key" --masked --table all
	other=$(snp_key "$measured, microcode_svn_minimum: 220")
	denied microcode "$other"
	denied measurement "$key" --measurement $(printf '%096d' 7)
	denied debuggable "$key" --debug
	denied 'vmpl: ' "$key" --vmpl 1
	denied 'tcb_mismatch: ' "$key" --table all --reported 04000000000017db
	denied 'a VLEK has signed' "$key" --vlek
	denied 'version 2 does not name its product' "$key" -v 2
	denied 'the certificate table does not end' "$key" --trailing 7
	denied 'revoked: ' "$key" --product Genoa --table all
	denied 'has expired' "$key" --product Turin --table all
	denied 'crl.der' "$key" --product Genoa --vlek --table all
	# evidence for one kind of block is nothing for a policy of the other
	jq -n --arg m "$(tee_mrtd)" '{attestation_type: "TDX",
	    attestation: "amd", tdx: {attributes: {mrtd: [$m]}}}' >policy.json
	other=$(ctl key register -a AES -l 256 -p \
	    "$(ctl policy add policy.json)" -f aes)
	exits 1 get_key "$other" out
	grep -q 'judges reports of SEV-SNP alone' "$log" "$audit" ||
	    atf_fail "$(tail -n 1 "$audit")"
	gets "$key"
	stop_kbsd
}

atf_init_test_cases()
{
	daemon_add_cases
}

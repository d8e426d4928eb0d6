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


# Keys in Vault: what lies there, what is released, and what becomes of
# requests while it is ill.

. "$(atf_get_srcdir)/daemon.sh"

# begin [line ...]: all three, with these lines more in the keystore's block
begin()
{
	start_ita
	start_vault
	start_kbsd "$(keystore_vault "$@")"
	policy=$(policy)
}

made()
{
	ctl key create -p "$policy" "$@" || atf_fail "key create $*"
}

# The reference server's form of a key: one text under the key's own id.
stored()
{
	vault_set '{}'
	jq -e ".keys[\"$1/$2\"][\"$2\"] | fromjson" said >stored ||
	    atf_fail "$1/$2 is not there"
}

daemon_case forms "AES, RSA and EC keys lie as the reference server has them"
forms_body()
{
	begin
	aes=$(made -a AES -l 256)
	rsa=$(made -a RSA -l 3072)
	ec=$(made -a EC -c secp384r1)
	stored keybroker "$aes"
	atf_check -o inline:"AES 256 $aes\n" \
	    jq -r '[.algorithm, .key_length, .id] | join(" ")' stored
	jq -r .key_data stored | base64 -d >want
	get_key "$aes" got
	atf_check cmp want got
	for key in $rsa $ec; do
		stored keybroker "$key"
		jq -r .private_key stored | base64 -d >want
		jq -r .public_key stored | base64 -d >public
		get_key "$key" got
		atf_check cmp want got
		openssl pkey -inform DER -in got -pubout -outform DER \
		    -out own 2>/dev/null
		atf_check cmp own public
	done
	atf_check -o inline:"secp384r1\n" jq -r .curve_type stored
	ctl key delete "$aes"
	vault_set '{}'
	atf_check -o inline:"2\n" jq '.keys | length' said
	exits 1 get_key "$aes" got
	stop_kbsd
}

# vault_put MOUNT ID TEXT: as another server writes it
vault_put()
{
	jq -n --arg id "$2" --arg text "$3" '{($id): $text}' >put
	curl -sSf -m 120 --cacert "$dir/vault/tls-ca.pem" -d @put -o /dev/null \
	    -H 'Content-Type: application/json' -H 'X-Vault-Request: true' \
	    -H "X-Vault-Token: $(cat "$dir/vault/token")" \
	    "$vault/v1/$1/$2" || atf_fail "vault_put"
}

their_key()
{
	jq -n --arg id "$1" --argjson more "$2" '{id: $id, algorithm: "AES",
	    key_length: 256, kmip_key_id: "", transfer_policy_id: "",
	    transfer_link: ("/kbs/v1/keys/" + $id + "/transfer"),
	    created_at: "2024-05-06T07:08:09Z"} + $more' >"state.theirs/keys/$1"
}

daemon_case imported "key records of the reference server, their keys in Vault"
imported_body()
{
	p=ee37c360-7eae-4250-a677-6ee12adce8e2
	a=2c14c0a5-6d1d-4d0b-8c3c-0f6f3b1ad001
	b=9f1dc2a4-31d3-4a6e-9f6e-5f0f5a2b6c02
	mkdir -p state.theirs/users state.theirs/keys \
	    state.theirs/keys-transfer-policy
	start_ita
	start_vault
	start_kbsd "$(keystore_vault)" 'keystore "here" local'
	jq -n --arg m "$(tee_mrtd)" --arg id $p '{id: $id,
	    created_at: "2024-01-01T00:00:00Z", attestation_type: "TDX",
	    tdx: {attributes: {mrtd: [$m]}}}' >state.theirs/keys-transfer-policy/$p
	openssl rand 32 >want
	openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 \
	    -outform DER -out rsa.der 2>/dev/null
	openssl pkcs8 -topk8 -nocrypt -inform DER -in rsa.der -outform DER \
	    -out rsa.p8
	vault_put keybroker $a "$(jq -n --arg id $a --arg k "$(base64 -w0 want)" \
	    '{id: $id, algorithm: "AES", key_length: 256, key_data: $k,
	    curve_type: "", public_key: "", private_key: "",
	    created_at: "2024-05-06T07:08:09.123Z"}')"
	vault_put keybroker $b "$(jq -n --arg id $b --arg k "$(base64 -w0 rsa.p8)" \
	    '{id: $id, algorithm: "RSA", key_length: 3072, private_key: $k}')"
	their_key $a "{\"transfer_policy_id\": \"$p\"}"
	their_key $b "{\"transfer_policy_id\": \"$p\", \"algorithm\": \"RSA\",
	    \"key_length\": 3072}"
	# A key that is not there: all is taken back, and stays in Vault.
	c=7a0b6c1e-55d1-4c2f-8a53-0d5f4e3c2b03
	their_key $c '{}'
	exits 1 ctl import --state state.theirs --keystore vault
	atf_check -o match:"key $c: there is no such key in Vault; what was" \
	    cat cried
	atf_check -o inline:"0 0\n" sh -c \
	    "echo \$($bin/kbsctl -s $dir/kbsd.sock -j key list | jq length) \
	    \$($bin/kbsctl -s $dir/kbsd.sock -j policy list | jq length)"
	vault_set '{}'
	atf_check -o inline:"2\n" jq '.keys | length' said
	rm state.theirs/keys/$c
	# The local keystore has none of them.
	exits 1 ctl import --state state.theirs --keystore here
	atf_check -o match:"no keys but those given to it" cat cried
	exits 1 ctl import --state state.theirs --keystore nowhere
	atf_check -o match:"no such keystore" cat cried
	exits 0 ctl import --state state.theirs --keystore vault
	exits 0 ctl -j import --state state.theirs --keystore vault
	atf_check -o inline:"is there already\n" \
	    jq -r 'map(.result) | unique | .[]' said
	get_key $a got
	atf_check cmp want got
	get_key $b got
	atf_check cmp rsa.p8 got
	exits 0 ctl -j key show $a
	atf_check -o match:2024-05-06T07:08:09Z cat said
	# Forgotten, Vault has it still; deleted, it does not.
	ctl key forget $a
	exits 1 get_key $a got
	exits 0 ctl import --state state.theirs --keystore vault
	get_key $a got
	atf_check cmp want got
	ctl key delete $b
	vault_set '{}'
	atf_check -o inline:"keybroker/$a\n" jq -r '.keys | keys | .[]' said
	# What is nowhere else can't be forgotten, and is as it was.
	own=$(ctl key create -a AES -l 256 -p $p -k here)
	exits 1 ctl key forget "$own"
	atf_check -o match:"nowhere else" cat cried
	wait_for 50 get_key "$own" got || atf_fail "it is not there any more"
	stop_kbsd
}

daemon_case several "several keystores: which has a key, how they are" \
    "sqlite3"
several_body()
{
	start_ita
	start_vault
	start_kmip
	start_kbsd "$(keystore_vault)" "$(keystore_kmip)" \
	    'keystore "here" local'
	policy=$(policy)
	for store in vault kmip here; do
		openssl rand 32 >want
		key=$(ctl key register -a AES -k $store -p "$policy" -f want) ||
		    atf_fail "$store"
		get_key "$key" got
		atf_check cmp want got
	done
	exits 1 ctl key create -a AES -l 256 -k nowhere -p "$policy"
	exits 0 ctl -j keystore check
	atf_check -o inline:"vault vault yes\nkmip kmip yes\nhere local yes\n" \
	    jq -r '.[] | .keystore + " " + .type + " " + .ok' said
	exits 0 ctl show keystores
	atf_check -o match:"^KEYSTORE.*CREDENTIAL" \
	    -o match:"^vault .*answers.* ms .*[0-9]m" cat said
	# One is ill: the others are not slowed, and it is said which.
	vault_set '{"sealed": true}'
	exits 1 ctl -j keystore check
	atf_check -o inline:"vault no\nkmip yes\nhere yes\n" \
	    jq -r '.[] | .keystore + " " + .ok' said
	atf_check -o match:"Vault is sealed" cat said
	for store in kmip here; do
		key=$(ctl key create -a AES -l 256 -k $store -p "$policy") ||
		    atf_fail "$store"
		get_key "$key" got || atf_fail "$store"
	done
	exits 1 ctl key create -a AES -l 256 -p "$policy"
	atf_check -o match:"keystore can't be used" cat cried
	# Undone, for nobody knows whether Vault had it.
	vault_set '{"sealed": false}'
	wait_for 150 none_pending || atf_fail "a key write is left over"
	exits 0 ctl keystore check
	stop_kbsd
}

# real MOUNT ID ...: what lies there, asked by regress/standin/vault-real
real()
{
	"$standin/vault-real" "$@"
}

# keystore_real NAME MOUNT VERSION FILE ROLE LOGIN: for a line of its plan
keystore_real()
{
	echo "keystore \"$1\" vault {"
	echo "	url \"$(cat real/url)\""
	case $(cat real/url) in
	http:*) echo "	insecure" ;;
	*) echo "	ca \"$(cat real/ca)\"" ;;
	esac
	[ ! -s real/namespace ] || echo "	namespace \"$(cat real/namespace)\""
	echo "	mount \"$2\""
	[ "$3" = 0 ] || echo "	version $3"
	if [ "$5" = - ]; then
		echo "	token file \"$dir/real/$4\""
	else
		echo "	approle \"$5\" secret file \"$dir/real/$4\""
		echo "	approle mount \"$6\""
	fi
	echo "}"
}

# real_life NAME MOUNT: of each kind of key
real_life()
{
	for kind in "AES -l 256" "RSA -l 3072" "EC -c secp384r1"; do
		key=$(made -k "$1" -a $kind)
		real show real "$2" "$key" >stored || atf_fail "$kind in $2"
		jq -r '.key_data // .private_key' stored | base64 -d >first
		get_key "$key" got
		atf_check cmp first got
		[ "$(jq -r .id stored)" = "$key" ] || atf_fail "$(cat stored)"
		exits 0 ctl key rotate "$key"
		real show real "$2" "$key.2" >stored || atf_fail "$kind in $2"
		jq -r '.key_data // .private_key' stored | base64 -d >second
		get_key "$key" got
		atf_check cmp second got
		atf_check -s exit:1 cmp -s first second
		kbsget -V 1 -k "$key" -o got \
		    -q "$standin/tee -d $dir/tee -t tdx" || atf_fail "version 1"
		atf_check cmp first got
		exits 0 ctl key delete "$key"
		exits 1 get_key "$key" got
		real gone real "$2" "$key" || atf_fail "$key is in $2"
		real gone real "$2" "$key.2" || atf_fail "$key.2 is in $2"
	done
}

daemon_case real "a real server, each way that its token opens" "" 600
real_body()
{
	[ -n "${KBSD_TEST_VAULT_ADDR:-}" ] &&
	    [ -n "${KBSD_TEST_VAULT_TOKEN:-${KBSD_TEST_VAULT_TOKEN_FILE:-}}" ] ||
	    atf_skip "KBSD_TEST_VAULT_ADDR and KBSD_TEST_VAULT_TOKEN name no \
Vault or OpenBao server"
	start_ita
	real begin real || atf_fail "it can't be used"
	n=0
	while read -r way; do
		n=$((n + 1))
		keystore_real "way$n" $way
	done <real/plan >blocks
	start_kbsd "$(cat blocks)"
	policy=$(policy)
	exits 0 ctl keystore check
	n=0
	while read -r mount way; do
		n=$((n + 1))
		real_life "way$n" "$mount" </dev/null
	done <real/plan
	exits 0 ctl show keystores
	cat said
	stop_kbsd
	real end real || atf_fail "something is left there"
}
real_cleanup()
{
	leave_nothing
	daemon_find
	[ ! -f real/state ] || real end real
}

# kmip_has NUMBER: so many keys has PyKMIP, halves of pairs counted
kmip_has()
{
	atf_check -o inline:"$1\n" sqlite3 "$dir/kmip/kmip.db" \
	    "SELECT count(*) FROM managed_objects"
}

daemon_case made_there "keys that the KMIP server makes itself, and activates" \
    "sqlite3"
made_there_body()
{
	start_ita
	start_kmip
	start_kbsd "$(keystore_kmip "keys by server" activate)"
	policy=$(policy)
	aes=$(ctl key create -a AES -l 256 -p "$policy") || atf_fail "no AES"
	kmip_has 1
	get_key "$aes" got
	atf_check -o inline:"32\n" sh -c "wc -c <got"
	rsa=$(ctl key create -a RSA -l 2048 -p "$policy") || atf_fail "no RSA"
	kmip_has 3
	get_key "$rsa" first
	atf_check -o match:"2048 bit" \
	    openssl pkey -inform DER -in first -noout -text
	# The server makes none of EC: what kbsd makes is registered.
	ec=$(ctl key create -a EC -c secp384r1 -p "$policy") || atf_fail "no EC"
	kmip_has 4
	get_key "$ec" got
	exits 0 ctl key rotate "$rsa"
	kmip_has 6
	get_key "$rsa" second
	atf_check -s exit:1 cmp -s first second
	exits 0 ctl keystore check
	atf_check -o match:"localhost is PyKMIP .* Software Server" \
	    cat "$log"
	for key in "$aes" "$rsa" "$ec"; do
		exits 0 ctl key delete "$key"
		exits 1 get_key "$key" got
	done
	kmip_has 0
	stop_kbsd
}

none_pending()
{
	[ "$(sqlite3 "$state/store/store.db" \
	    "SELECT count(*) FROM keys WHERE intent IS NOT NULL")" = 0 ]
}

atf_init_test_cases()
{
	daemon_add_cases
}

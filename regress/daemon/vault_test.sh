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

atf_init_test_cases()
{
	daemon_add_cases
}

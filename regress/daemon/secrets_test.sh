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

# Each secret has one owner: after a thousand transfers, logins and a reload no
# other process holds it, nor does a log, an argument or an environment.

. "$(atf_get_srcdir)/daemon.sh"
. "$(atf_get_srcdir)/contract.sh"

daemon_case memory "who holds which secret" "" 360
memory_body()
{
	is_root || atf_skip "only root sees the memory of others"
	contract_find
	start_ita
	contract_conf
	run_kbsd
	export KBSD_PID="$kbsd_pid" KBSD_LOG="$log"
	checks secrets memories
	stop_kbsd
}

daemon_case vault "the same with keys in Vault" "" 360
vault_body()
{
	is_root || atf_skip "only root sees the memory of others"
	contract_find
	start_ita
	start_vault
	contract_conf "$(keystore_vault)"
	run_kbsd
	export KBSD_PID="$kbsd_pid" KBSD_LOG="$log" KBSD_TRANSFERS=200
	export KBSD_KEYSTORE=vault KBSD_CREDENTIAL="$dir/vault/token"
	checks secrets memories
	stop_kbsd
}

daemon_case kmip "the same with keys behind KMIP" "" 360
kmip_body()
{
	is_root || atf_skip "only root sees the memory of others"
	contract_find
	start_ita
	start_kmip --credential "kbsd:a known password of KMIP"
	echo "a known password of KMIP" >kmip.password
	chmod 600 kmip.password
	contract_conf "$(keystore_kmip \
	    "user \"kbsd\" password file \"$dir/kmip.password\"")"
	run_kbsd
	export KBSD_PID="$kbsd_pid" KBSD_LOG="$log" KBSD_TRANSFERS=60
	export KBSD_KEYSTORE=kmip KBSD_CREDENTIAL="$dir/kmip.password"
	export KBSD_CLIENT_KEY="$dir/kmip/client.key"
	checks secrets memories
	stop_kbsd
}

daemon_case pkcs11 "the same with keys under a key in a token" "" 360
pkcs11_body()
{
	is_root || atf_skip "only root sees the memory of others"
	contract_find
	start_ita
	start_token
	contract_conf "$(keystore_pkcs11)"
	run_kbsd
	export KBSD_PID="$kbsd_pid" KBSD_LOG="$log" KBSD_TRANSFERS=200
	export KBSD_KEYSTORE=pkcs11 KBSD_CREDENTIAL="$dir/token/pin"
	checks secrets memories
	stop_kbsd
}

atf_init_test_cases()
{
	daemon_add_cases
}

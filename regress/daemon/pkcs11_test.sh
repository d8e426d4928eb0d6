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

# The daemon with its keys under a key in a token of SoftHSM.

. "$(atf_get_srcdir)/daemon.sh"

begin()
{
	start_ita
	start_token
	start_kbsd "$(keystore_pkcs11 "$@")"
	policy=$(policy)
}

made()
{
	ctl key create -p "$policy" "$@" || atf_fail "key create $*"
}

daemon_case released "made, registered, released by quote, deleted" "sqlite3"
released_body()
{
	begin
	openssl rand 32 >want
	key=$(ctl key register -a AES -l 256 -p "$policy" -f want)
	get_key "$key" got
	atf_check cmp want got
	openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 \
	    -out rsa.pem 2>/dev/null
	openssl pkcs8 -topk8 -nocrypt -in rsa.pem -outform DER -out rsa.der
	rsa=$(ctl key register -a RSA -l 3072 -p "$policy" -f rsa.pem)
	get_key "$rsa" got
	atf_check cmp rsa.der got
	pair=$(made -a RSA -l 2048)
	get_key "$pair" got
	atf_check -o match:"2048 bit" openssl pkey -inform DER -in got -noout \
	    -text
	ec=$(made -a EC -c secp384r1)
	get_key "$ec" got
	atf_check -o match:"384 bit" openssl pkey -inform DER -in got -noout \
	    -text
	exits 0 ctl -j keystore check
	atf_check -o inline:"pkcs11 pkcs11 yes\n" \
	    jq -r '.[] | .keystore + " " + .type + " " + .ok' said
	exits 0 ctl show keystores
	atf_check -o match:"^pkcs11 .*answers.* ms" cat said
	# Landlock takes the place of the chroot.
	! is_root || atf_check \
	    -o match:"but kms 0 in: no_new_privs seccomp landlock:[0-9]*$" \
	    cat "$log"
	exits 1 ctl keystore rekey pkcs11
	atf_check -o match:"no master key of ours" cat cried
	ctl key delete "$ec"
	exits 1 get_key "$ec" got
	# Over a reload and a restart.
	ctl reload
	get_key "$key" got
	atf_check cmp want got
	stop_kbsd
	run_kbsd
	get_key "$rsa" got
	atf_check cmp rsa.der got
	stop_kbsd
}

# The first version of $key.
get_first()
{
	kbsget -k "$key" -o "$1" -V 1 -q "$standin/tee -d $dir/tee -t tdx"
}

# The module of the unit tests: SoftHSM's, and it wraps as the contract says.
daemon_case held "the token makes keys, and wraps them for workloads" "sqlite3"
held_body()
{
	module=$(cd "$(atf_get_srcdir)/../kms" && pwd)/module.so
	start_ita
	start_token
	cp "$module" module.so
	openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 \
	    -out my.key 2>/dev/null
	openssl pkey -in my.key -pubout -out my.pem
	chmod 600 my.key
	keystore=$(keystore_pkcs11 "keys by token" |
	    sed "s,/usr/lib.*so,$dir/module.so,")
	start_kbsd "backup recipient \"$dir/my.pem\"" "$keystore"
	policy=$(policy)
	key=$(made -a AES -l 256 -A)
	get_key "$key" want
	atf_check -o inline:"32\n" sh -c "wc -c <want"
	get_key "$key" got
	atf_check cmp want got
	exits 1 in_files want "$state"
	pair=$(made -a RSA -l 2048)
	get_key "$pair" got
	atf_check -o match:"2048 bit" openssl pkey -inform DER -in got -noout \
	    -text
	ec=$(made -a EC -c secp521r1)
	get_key "$ec" got
	atf_check -o match:"521 bit" openssl pkey -inform DER -in got -noout \
	    -text
	# For an administrator as for a workload, but where it is marked.
	bare=$(made -a AES -l 256)
	login
	http 200 POST "/keys/$bare" -H "Authorization: Bearer $token" \
	    -H "Content-Type: application/x-pem-file" --data-binary @my.pem
	jq -r .wrapped_key body | base64 -d >wrapped
	openssl pkeyutl -decrypt -inkey my.key -in wrapped -out got \
	    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha384 \
	    -pkeyopt rsa_mgf1_md:sha384 || atf_fail "not wrapped for us"
	atf_check -o inline:"32\n" sh -c "wc -c <got"
	http 401 POST "/keys/$key" -H "Authorization: Bearer $token" \
	    -H "Content-Type: application/x-pem-file" --data-binary @my.pem
	exits 0 ctl key rotate "$key"
	get_key "$key" got
	atf_check -s exit:1 cmp -s want got
	get_first got
	atf_check cmp want got
	exits 0 ctl -j keystore check
	atf_check -o inline:"pkcs11 pkcs11 yes\n" \
	    jq -r '.[] | .keystore + " " + .type + " " + .ok' said
	# What is given would have been seen; what is there is registered.
	exits 1 ctl key register -a AES -l 256 -p "$policy" -f want
	atf_check -o match:"none is given to it" cat cried
	exits 1 ctl key register -a AES -l 256 -p "$policy" -b nobodys
	atf_check -o match:"has no such key" cat cried
	# Another kms, another daemon.
	kill -9 "$(pid_of kms)"
	wait_for 50 get_first got || atf_fail "no key after a crash"
	stop_kbsd
	run_kbsd
	get_first got
	atf_check cmp want got
	# Another kbsd, from a backup, with the same token.
	exits 0 ctl backup all
	stop_kbsd
	mv "$state" state.first
	start_kbsd "$keystore"
	exits 0 ctl restore -K my.key all
	get_first got
	atf_check cmp want got
	for key in "$key" "$pair" "$ec" "$bare"; do
		exits 0 ctl key delete "$key"
		exits 1 get_key "$key" got
	done
	stop_kbsd
	atf_check -o not-match:label: env \
	    SOFTHSM2_CONF="$dir/token/softhsm2.conf" pkcs11-tool \
	    --module /usr/lib/softhsm/libsofthsm2.so --token-label kbsd \
	    --login --pin "$(cat token/pin)" --list-objects
	# SoftHSM by itself can't.
	write_conf "$(keystore_pkcs11 "keys by token")"
	start_refused "the token has no such mechanism"
}

# in_files FILE DIRECTORY: some of its bytes are there, in the clear or in hex
in_files()
{
	python3 - "$1" "$2" <<'PY'
import os, sys
secret = open(sys.argv[1], "rb").read()
parts = [secret[i:i + 16] for i in range(0, len(secret) - 15, 16)]
parts += [p.hex().encode() for p in parts]
for where, _, names in os.walk(sys.argv[2]):
    for name in names:
        path = os.path.join(where, name)
        if not os.path.isfile(path):
            continue
        text = open(path, "rb").read()
        if any(p in text for p in parts):
            print(path)
            sys.exit(0)
sys.exit(1)
PY
}

daemon_case copied "a copy of kbsd's directory is worth nothing by itself"
copied_body()
{
	begin
	openssl rand 32 >want
	key=$(ctl key register -a AES -l 256 -p "$policy" -f want)
	get_key "$key" got
	stop_kbsd
	! in_files want "$state" || atf_fail "the key lies in the clear"
	! in_files want "$dir/token" || atf_fail "the key is in the token"
	# What the test finds, were it there.
	mkdir probe
	cp want probe/key
	in_files want probe >/dev/null || atf_fail "in_files finds nothing"
	# Everything of kbsd's, and another token of the same name and PIN.
	rm -R token
	start_token
	start_refused "has no key \"kbsd\", but keys.db holds keys sealed by it"
	# No token, and then no keys.
	rm -R token/tokens/*
	run_kbsd
	exits 1 get_key "$key" got
	exits 1 ctl -j keystore check
	atf_check -o match:"token ..kbsd.. is not there" cat said
	stop_kbsd
}

daemon_case away "the token goes away and comes back"
away_body()
{
	begin
	openssl rand 32 >want
	key=$(ctl key register -a AES -l 256 -p "$policy" -f want)
	mkdir away
	mv token/tokens/* away
	exits 1 get_key "$key" got
	exits 1 ctl keystore check
	exits 1 ctl key create -a AES -l 256 -p "$policy"
	pid=$(pid_of kms)
	mv away/* token/tokens
	wait_for 50 get_key "$key" got || atf_fail "it did not come back"
	atf_check cmp want got
	exits 0 ctl keystore check
	# It was no other process that found it again.
	[ "$(pid_of kms)" = "$pid" ] || atf_fail "kms was replaced"
	made -a AES -l 256
	# So does another kms.
	kill -9 "$pid"
	wait_for 50 get_key "$key" got || atf_fail "no key after a crash"
	[ "$(pid_of kms)" != "$pid" ] || atf_fail "kms was not replaced"
	stop_kbsd
}

daemon_case reloaded "a reload with a PIN that is wrong changes nothing"
reloaded_body()
{
	begin
	openssl rand 32 >want
	key=$(ctl key register -a AES -l 256 -p "$policy" -f want)
	echo wrong >token/pin
	exits 1 ctl reload
	grep -q "reload refused" "$log" || atf_fail "not refused"
	get_key "$key" got
	atf_check cmp want got
	exits 0 ctl keystore check
	echo "a known PIN of the token" >token/pin
	exits 0 ctl reload
	wait_for 50 grep -q "configuration [23] is serving" "$log" ||
	    atf_fail "not reloaded"
	get_key "$key" got
	atf_check cmp want got
	stop_kbsd
}

daemon_case refused "what is no keystore: module, PIN, label"
refused_body()
{
	start_ita
	start_token
	cp /usr/lib/softhsm/libsofthsm2.so module.so
	chmod 666 module.so
	write_conf "$(keystore_pkcs11 |
	    sed "s,/usr/lib.*so,$dir/module.so,")"
	start_refused "module.so: others may write it"
	chmod 755 module.so
	is_root || run_kbsd
	is_root || stop_kbsd
	chmod 644 token/pin
	write_conf "$(keystore_pkcs11)"
	start_refused "pin: others may read or write it"
	chmod 600 token/pin
	echo wrong >token/pin
	start_refused "the PIN is wrong (CKR_PIN_INCORRECT)"
	start_refused "the token has refused the PIN of this file"
	echo "a known PIN of the token" >token/pin
	write_conf "$(keystore_pkcs11 | sed 's,write.*,write "/nowhere",')"
	start_refused "/nowhere: No such file"
	write_conf "$(keystore_pkcs11)"
	run_kbsd
	stop_kbsd
}

# As a plain user all the same.
daemon_case plain "started by a plain user" "setpriv"
plain_body()
{
	is_root || atf_skip "the other cases are"
	start_ita
	start_token
	kbsd_as="setpriv --reuid=nobody --regid=$(id -g nobody)"
	kbsd_as="$kbsd_as --clear-groups --inh-caps=-all"
	chmod 711 .
	$kbsd_as sh -c "cd '$dir' && test -x '$bin/kbsd'" ||
	    atf_skip "nobody can't reach $dir or $bin"
	write_conf "$(keystore_pkcs11)"
	chown -R nobody "$dir"
	run_kbsd
	policy=$(policy)
	openssl rand 32 >want
	key=$(ctl key register -a AES -l 256 -p "$policy" -f want)
	get_key "$key" got
	atf_check cmp want got
	stop_kbsd
}

atf_init_test_cases()
{
	daemon_add_cases
}
